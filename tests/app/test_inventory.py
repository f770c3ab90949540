from __future__ import annotations

from pathlib import Path

import pytest

from argus.app.data import synthetic_spec, write_synthetic
from argus.app.inventory import KINDS, inventory, kind_named
from argus.app.workspace import init_workspace
from argus.core.errors import ConfigError
from argus.core.time import NS_PER_DAY

IN_WORKSPACE = {"datasets", "runs"}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - IN_WORKSPACE))
def test_every_kind_lists_what_the_code_registers(kind: str) -> None:
    rows = inventory(kind)
    assert rows
    assert all(list(row) == list(rows[0]) for row in rows)
    first = [next(iter(row.values())) for row in rows]
    assert len(first) == len(set(first))


def test_strategies_come_from_the_registry() -> None:
    from argus.strategies import strategies

    assert [row["name"] for row in inventory("strategies")] == list(strategies())


def test_workspace_kinds_are_empty_without_a_workspace_and_read_from_one(tmp_path: Path) -> None:
    from datetime import date

    assert all(inventory(kind) == [] for kind in IN_WORKSPACE)
    workspace, _ = init_workspace(tmp_path / "desk")
    assert all(inventory(kind, workspace) == [] for kind in IN_WORKSPACE)
    spec = synthetic_spec("ES", interval_ns=NS_PER_DAY, start=date(2020, 1, 2), sessions=3, seed=0)
    write_synthetic(workspace.catalog(), spec)
    (row,) = inventory("datasets", workspace)
    assert (row["name"], row["bars"]) == ("ES.SYNTH0.1d", 3)


def test_a_walk_is_shown_by_its_folds() -> None:
    from argus.app.inventory import _shown_parameters

    assert _shown_parameters({"from_01": "{}", "from_02": "{}"}) == {"walk_forward_folds": 2}
    assert _shown_parameters({"fast": 20}) == {"fast": 20}
    assert _shown_parameters({}) == {}


@pytest.mark.parametrize(
    ("typed", "kind"),
    [("strategies", "strategies"), ("strategy", "strategies"), ("Gate", "gates"), ("fill_rule", "fill-rules")],
)
def test_kinds_are_understood_in_the_singular(typed: str, kind: str) -> None:
    assert kind_named(typed) == kind


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"did you mean instruments.*known: strategies"):
        inventory("instrumets")
