from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.architecture.conftest import Plant
from tests.architecture.source import SourceFile, read_sources
from tests.architecture.surface import package_names, surface_faults


def test_every_package_of_the_project_has_a_tested_surface(project: list[SourceFile]) -> None:
    packages = package_names(project)
    assert packages[0] == "argus"
    faults = [fault for package in packages for fault in surface_faults(package)]
    assert not faults, "\n".join(faults)


@pytest.fixture(autouse=True)
def fresh_import(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    sys.modules.pop("planted", None)
    sys.modules.pop("planted.money", None)


def faults_of(plant: Plant, monkeypatch: pytest.MonkeyPatch, text: str, money: str = "") -> list[str]:
    monkeypatch.syspath_prepend(plant({"planted/__init__.py": text, "planted/money.py": money}))
    return surface_faults("planted")


DOCUMENTED = '''\
from __future__ import annotations
from dataclasses import dataclass
from planted.money import CENTS, MILLS, UNITS, post
__all__ = ["CENTS", "MILLS", "UNITS", "Book", "post"]

@dataclass(frozen=True)
class Book:
    """A book."""
    a: int
'''
MONEY = '''\
CENTS = 100
"""Cents of a unit."""

# Thousandths of a unit.
MILLS: int = 1000
UNITS = [
    1,
]  # the unit itself

def post():
    """Post."""
'''


def test_a_documented_surface_has_no_fault(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults_of(plant, monkeypatch, DOCUMENTED, MONEY) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "planted defines no __all__"),
        ("__all__ = ['gone']", "planted.gone is in __all__ but does not exist"),
        ("__all__ = ['f', 'f']\ndef f():\n    'Doc.'\n", "planted.f is listed twice"),
        ("__all__ = ['f']\ndef f(): ...\n", "planted.f has no documentation"),
        ("__all__ = ['C']\nclass C: ...\n", "planted.C has no documentation"),
        ("__all__ = ['C']\nclass B:\n    'Doc.'\nclass C(B): ...\n", "planted.C has no documentation"),
        (
            "__all__ = ['C']\nfrom dataclasses import dataclass\n@dataclass\nclass C:\n    a: int\n",
            "planted.C has no documentation",
        ),
        ("__all__ = ['X']\nX = 1\n", "planted.X has no documentation"),
        (
            "__all__ = ['f']\nfrom numba import njit\n@njit(cache=False)\ndef f(x):\n    return x\n",
            "planted.f has no documentation",
        ),
    ],
)
def test_faults_of_a_surface(plant: Plant, monkeypatch: pytest.MonkeyPatch, text: str, fault: str) -> None:
    assert faults_of(plant, monkeypatch, text) == [fault]


def test_packages_are_named_by_their_folders(plant: Plant) -> None:
    root = plant({"argus/__init__.py": "", "argus/data/sources/__init__.py": "", "argus/data/money.py": ""})
    assert package_names(read_sources(root)) == ["argus", "argus.data.sources"]
