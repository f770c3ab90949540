from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.architecture.conftest import Plant
from tests.architecture.dependencies import (
    canonical,
    declared_dependencies,
    installed_closure,
    is_copyleft,
    pin_faults,
    stated_licence,
    undeclared_imports,
)
from tests.architecture.source import SourceFile, read_sources

NOT_AT_RUN_TIME = {"dev", "docs"}


@pytest.fixture(scope="module")
def declared(repository: Path) -> tuple[list[str], dict[str, list[str]]]:
    table = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    return declared_dependencies(table["project"])


def test_what_the_project_imports_is_declared(
    project: list[SourceFile], declared: tuple[list[str], dict[str, list[str]]]
) -> None:
    core, extras = declared
    vendors = [name for extra, names in extras.items() if extra not in NOT_AT_RUN_TIME for name in names]
    found = undeclared_imports(project, core, vendors)
    assert not found, "\n".join(map(str, found))


def test_every_dependency_has_a_lower_bound_and_a_pin(
    repository: Path, declared: tuple[list[str], dict[str, list[str]]]
) -> None:
    core, extras = declared
    names = core + [name for extra in extras.values() for name in extra]
    assert [name for name in names if ">=" not in name] == []
    assert pin_faults((repository / "constraints.txt").read_text(encoding="utf-8"), names) == []


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        (
            "argus/data/catalog.py",
            "import numpy as np\nfrom yaml import safe_load\nimport json\nimport argus.core\n",
            0,
        ),
        ("argus/data/catalog.py", "def late():\n    import hypothesis\n", 1),
        ("argus/data/catalog.py", "from not_a_library.sub import name\n", 1),
        ("argus/data/catalog.py", "import databento\n", 1),
        ("argus/data/sources/dbn.py", "import databento\n", 0),
        ("argus/data/sources/dbn.py", "import pytest\n", 1),
    ],
)
def test_undeclared_imports(plant: Plant, path: str, text: str, found: int) -> None:
    files = read_sources(plant({path: text}))
    assert len(undeclared_imports(files, ["numpy>=2", "PyYAML"], ["databento>=0.8"])) == found


def test_pin_faults() -> None:
    pinned = "# a remark\nPyYAML==6.0.3\nqdldl==0.1.9.post1\n"
    assert pin_faults(pinned, ["pyyaml>=6"]) == []
    assert pin_faults(pinned, ["numpy>=2"]) == ["numpy is not pinned"]
    for line in ("numpy>=2", "-e .", "argus @ file:///somewhere", "numpy"):
        assert pin_faults(pinned + line, []) == [f"{line!r} is not of the form name==version"]


def test_names_compare_as_registries_compare_them() -> None:
    assert canonical("pandas_market_calendars>=5.5") == canonical("Pandas-Market.Calendars")


def test_no_licence_of_the_core_install_is_copyleft(declared: tuple[list[str], dict[str, list[str]]]) -> None:
    core, _ = declared
    installed = installed_closure(core)
    assert installed.issuperset(map(canonical, core))
    licences = {name: stated_licence(name) for name in sorted(installed)}
    assert [name for name, licence in licences.items() if not licence] == []
    assert {name: licence for name, licence in licences.items() if is_copyleft(licence)} == {}


def test_the_closure_follows_requirements() -> None:
    assert {"pytest", "pluggy", "iniconfig"} <= installed_closure(["pytest>=9"])
    assert "pytest" not in installed_closure(["pluggy"])


@pytest.mark.parametrize(
    ("licence", "copyleft"),
    [
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0-only", True),
        ("License :: OSI Approved :: GNU General Public License v3 (GPLv3)", True),
        ("GNU Affero General Public License v3", True),
        ("MIT OR GPL-2.0-only", False),
        ("LGPL-3.0-only", False),
        ("License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)", False),
        ("BSD-3-Clause AND MIT", False),
    ],
)
def test_copyleft(licence: str, copyleft: bool) -> None:
    assert is_copyleft(licence) is copyleft
