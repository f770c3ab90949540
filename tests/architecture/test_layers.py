from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.conftest import Plant

# import-linter keeps process-wide state and puts the working folder first on the path: it runs as its own process.
_PROGRAM = "from importlinter.cli import lint_imports_command; lint_imports_command()"

PACKAGES = ("core", "data", "data/sources", "features", "options", "regimes", "engine", "strategies", "portfolio")
PACKAGES += ("lab", "discovery", "report", "live", "live/brokers", "app", "agents", "api", "web", "cli")


def lint(repository: Path, search: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, "--config", str(repository / "pyproject.toml"), "--no-cache", "--no-logo"],
        check=False,
        capture_output=True,
        text=True,
        cwd=search,
        env={**os.environ, "PYTHONPATH": str(search), "COLUMNS": "200"},
    )


def test_project_keeps_every_contract(repository: Path) -> None:
    done = lint(repository, repository / "src")
    assert done.returncode == 0, done.stdout + done.stderr
    contracts = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert re.search(rf"{len(contracts)} kept, 0 broken", done.stdout), done.stdout


@pytest.fixture
def empty_tree(plant: Plant) -> Path:
    """Every package of the design, empty."""
    return plant({"argus/__init__.py": ""} | {f"argus/{package}/__init__.py": "" for package in PACKAGES})


ALLOWED = {
    "argus/__main__.py": "import argus.cli\n",
    "argus/cli/main.py": "import argus.app\nimport argus.core\n",
    "argus/agents/red_team.py": "import argus.app\n",
    "argus/live/runtime.py": "import argus.lab\nimport argus.engine\n",
    "argus/engine/replay.py": "import argus.data\nimport argus.regimes\n",
    "argus/data/catalog.py": "import argus.data.sources\n",
    "argus/data/sources/dbn.py": "def read():\n    import databento\n",
    "argus/live/brokers/ib.py": "import ib_async\n",
}


def test_downward_imports_are_kept(repository: Path, plant: Plant, empty_tree: Path) -> None:
    plant(ALLOWED)
    done = lint(repository, empty_tree)
    assert done.returncode == 0, done.stdout


def test_packages_yet_to_come_are_not_missed(repository: Path, plant: Plant) -> None:
    done = lint(repository, plant({"argus/__init__.py": "", "argus/core/__init__.py": ""}))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("argus/core/money.py", "import argus.data\n", "argus.core is not allowed to import argus.data"),
        ("argus/data/catalog.py", "import argus.features\n", "argus.data is not allowed to import argus.features"),
        ("argus/strategies/sma.py", "import argus.engine\n", "argus.strategies is not allowed to import argus.engine"),
        ("argus/engine/run.py", "import argus.portfolio\n", "argus.engine is not allowed to import argus.portfolio"),
        ("argus/regimes/hmm.py", "import argus.lab\n", "argus.regimes is not allowed to import argus.lab"),
        ("argus/app/trade.py", "import argus.cli\n", "argus.app is not allowed to import argus.cli"),
        ("argus/cli/main.py", "import argus.web\n", "argus.cli is not allowed to import argus.web"),
        (
            "argus/lab/gates.py",
            "def late():\n    from argus.report import page\n",
            "argus.lab is not allowed to import argus.report",
        ),
        (
            "argus/lab/gates.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import argus.live\n",
            "argus.lab is not allowed to import argus.live",
        ),
        ("argus/tools/__init__.py", "", "argus.tools"),
        ("argus/data/catalog.py", "import databento\n", "argus is not allowed to import databento"),
        ("argus/live/runtime.py", "def late():\n    import ib_async\n", "argus is not allowed to import ib_async"),
    ],
)
def test_violations_are_found(
    repository: Path, plant: Plant, empty_tree: Path, path: str, text: str, complaint: str
) -> None:
    plant({path: text})
    done = lint(repository, empty_tree)
    assert done.returncode == 1
    assert complaint in done.stdout
