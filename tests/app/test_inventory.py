from __future__ import annotations

from pathlib import Path

import pytest

from argus.app.data import synthetic_spec, write_synthetic
from argus.app.inventory import KINDS, inventory, kind_named
from argus.app.workspace import init_workspace
from argus.core.errors import ConfigError
from argus.core.time import NS_PER_DAY, format_ns
from argus.data.catalog import SourceRecord
from argus.data.chain_store import ChainStore
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots
from argus.options import STRUCTURES

IN_WORKSPACE = {"datasets", "chains", "runs"}


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


def test_chains_are_read_from_the_catalog(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "desk")
    (chain, *_) = chain_snapshots(ChainMarketSpec(sessions=1, strikes_per_expiry=6, months=1, weeks=1))
    source = SourceRecord("made up", "0" * 64, "f", rows_read=len(chain))
    ChainStore(workspace.catalog().root).write(chain, "eod", source)
    (row,) = inventory("chains", workspace)
    assert (row["name"], row["options"], row["snapshots"], row["quarantined"]) == ("SPX/eod", len(chain), 1, 0)
    assert row["first"] == row["last"] == format_ns(int(chain.ts_recv_ns[0]))


def test_structures_tell_their_legs_in_words() -> None:
    legs = {row["name"]: row["legs"] for row in inventory("structures")}
    assert legs["short_put_vertical"] == ["sell 1 put of delta 0.2", "buy 1 put 2% of the forward below the first leg"]
    assert legs["calendar"] == ["sell 1 call at the forward", "buy 1 call at the strike of the first leg, later expiry"]
    assert legs["covered_call"][0] == "buy 1 of the underlying"
    assert legs["long_butterfly"][0] == "sell 2 calls at the forward"
    assert all(len(legs[name]) == len(declared.legs) for name, declared in STRUCTURES.items())


def test_reasons_of_options_and_of_chains_stand_once() -> None:
    happens = {row["name"]: row["what_happens"] for row in inventory("option-reasons")}
    assert happens["below_intrinsic"] == "no answer in an analysis"
    assert happens["crossed"] == "quarantine at import; no answer in an analysis"
    assert happens["zero_bid"] == "kept and flagged at import"


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
