from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.architecture.conftest import Plant
from tests.architecture.text import project_files, unwanted_text


def test_project_files_hold_nothing_unwanted(repository: Path) -> None:
    files = project_files(repository)
    assert repository / "pyproject.toml" in files
    assert repository / "src" / "argus" / "__init__.py" in files
    faults = unwanted_text(files, repository)
    assert not faults, "\n".join(faults)


# Written in two parts, so that this file does not hold what it forbids.
@pytest.mark.parametrize(
    "line",
    [
        "# TO" + "DO: later",
        "# FIX" + "ME",
        "see /wor" + "k/main/data",
        "see /roo" + "t/.cache",
        "see /hom" + "e/anna/data",
        "pip install --index-ur" + "l https://mirror",
        "https://pyp" + "i.org/simple",
    ],
)
def test_unwanted_lines_are_found(plant: Plant, line: str) -> None:
    root = plant({"docs/data.md": f"fine\n{line}\n"})
    (fault,) = unwanted_text([root / "docs/data.md"], root)
    assert fault.startswith("docs/data.md:2: ")


def test_wanted_lines_are_left_alone(plant: Plant) -> None:
    root = plant({"a.md": "a framework/engine, a network/disk, the roots/ folder, https://arch.readthedocs.io/\n"})
    (root / "b.bin").write_bytes(b"\xff\xfe\x00")
    assert unwanted_text([root / "a.md", root / "b.bin"], root) == []


def test_project_files_are_those_git_would_track(plant: Plant) -> None:
    root = plant({"kept.md": "", "new.md": "", "built.log": "", ".gitignore": "*.log\n"})
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "kept.md"], check=True)
    assert {path.name for path in project_files(root)} == {".gitignore", "kept.md", "new.md"}
