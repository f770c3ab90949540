"""Trees to try the checks on, and the project's own."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture.source import SourceFile, read_sources

Plant = Callable[[dict[str, str]], Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """A function that writes files (path: text) into a fresh folder and returns the folder."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture(scope="session")
def project(repository: Path) -> list[SourceFile]:
    """The project's own source files; a check that saw none would hold nothing."""
    files = read_sources(repository / "src")
    assert files, "no source file found under src/argus"
    return files
