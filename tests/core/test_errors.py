from __future__ import annotations

from multiprocessing.reduction import ForkingPickler

import pytest

from argus.core import errors
from argus.core.errors import ArgusError, MissingExtraError

ALL = [getattr(errors, name) for name in errors.__all__]


def drawn_parents() -> dict[str, str]:
    """Error to parent, read from the tree drawn at the top of the module."""
    assert errors.__doc__ is not None
    path: list[str] = []
    parents = {}
    for line in errors.__doc__.splitlines():
        stem = line[4:]
        name = (stem.lstrip(" │├└─").split() or [""])[0]
        if not line.startswith("    ") or name not in errors.__all__:
            continue
        depth = (len(stem) - len(stem.lstrip(" │├└─"))) // 4
        path[depth:] = [name]
        parents[name] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_is_as_it_is_drawn() -> None:
    assert drawn_parents() == {kind.__name__: kind.__bases__[0].__name__ for kind in ALL}


def test_who_catches_the_root_catches_all() -> None:
    for kind in ALL:
        assert issubclass(kind, ArgusError)
        assert kind.__doc__


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not MissingExtraError])
def test_errors_cross_process_borders(kind: type[ArgusError]) -> None:
    there = ForkingPickler.loads(ForkingPickler.dumps(kind("row 3: what was found")))
    assert type(there) is kind
    assert str(there) == "row 3: what was found"


def test_a_missing_extra_names_the_library_and_the_command() -> None:
    error = MissingExtraError("databento", "databento")
    assert "databento is not installed" in str(error)
    assert "pip install -c constraints.txt -e '.[databento]'" in str(error)
    assert (error.library, error.extra) == ("databento", "databento")


def test_a_missing_extra_crosses_process_borders() -> None:
    there = ForkingPickler.loads(ForkingPickler.dumps(MissingExtraError("databento", "vendors")))
    assert (there.library, there.extra) == ("databento", "vendors")
