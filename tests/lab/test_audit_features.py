"""The audit of features: honest ones pass on gaps and clocks, and every way of cheating is named with its row."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from argus.core.strategy import FeatureRef
from argus.features import column, compute_set, registry
from argus.features.graph import Node, node
from argus.features.inputs import CLOSE
from argus.lab.audit.features import FeatureCertificate, audit_features, inputs_needed, other_world
from argus.lab.audit.report import Status
from tests.features.market import MARKET_COLUMNS, Market, market, with_gaps
from tests.lab import feature_cheats

ROWS = 6_000
HONEST = (
    column("sma", n=20),
    column("ema", span=12),
    column("zscore", n=50),
    column("std", n=9),
    column("sma", n=3, on="1h"),
    column("session_day"),
)


def audit(columns: Market, refs: tuple[FeatureRef, ...], stored: NDArray[Any] | None = None) -> FeatureCertificate:
    def inputs(first: int, last: int) -> Mapping[str, NDArray[Any]]:
        return {name: columns[name][first:last] for name in inputs_needed(refs)}

    kept = None if stored is None else (lambda first, last: stored[:, first:last])
    return audit_features(refs, ROWS, inputs, kept)


@pytest.fixture
def cheating(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features that know the future, under names of their own, with kernels from the tests."""
    package = ModuleType("argus.features._cheat_kernels")
    package.__dict__.update({name: getattr(feature_cheats, name) for name in feature_cheats.__all__})
    monkeypatch.setitem(sys.modules, "argus.features._cheat_kernels", package)
    for name in feature_cheats.__all__:
        term = _term(name)
        declared = replace(registry.feature("sma"), name=name, own_parameters=(), build=lambda values, term=term: term)
        monkeypatch.setitem(registry._declared(), name, declared)


def _term(name: str) -> Node:
    return node(f"cheat.{name}", CLOSE, args=(5,))


@pytest.mark.parametrize("kind", ["usual", "gaps"])
def test_honest_features_pass_with_force(kind: str) -> None:
    columns = market(1, ROWS) if kind == "usual" else with_gaps(market(1, ROWS))
    found = audit(columns, HONEST, compute_set(HONEST, columns))
    assert found.is_clean
    assert [verdict.status for verdict in found.verdicts] == [Status.CLEAN] * len(HONEST)
    assert found.rows == ROWS
    assert len(found.instants) == 9
    assert found.live_rows == 600
    assert found.rows_compared > ROWS + 600
    assert found.as_dict()["clean"] is True
    assert "the trial had force" in found.verdicts[0].sentence
    assert "known beforehand" in found.verdicts[-1].sentence
    assert found.verdicts[0].version == registry.column_version(HONEST[0])


@pytest.mark.usefixtures("cheating")
@pytest.mark.parametrize("name", feature_cheats.__all__)
def test_every_cheat_is_found_also_among_honest_columns(name: str) -> None:
    columns = market(2, ROWS)
    refs = (*HONEST[:2], column(name))
    found = audit(columns, refs)
    assert not found.is_clean
    assert [verdict.status for verdict in found.verdicts] == [Status.CLEAN, Status.CLEAN, Status.FOUND]
    verdict = found.verdicts[2]
    assert verdict.row >= 0
    assert verdict.sentence.startswith(f"row {verdict.row:,} is ")


@pytest.mark.usefixtures("cheating")
@pytest.mark.parametrize("name", feature_cheats.__all__)
def test_what_was_stored_of_a_cheat_does_not_come_out_again(name: str) -> None:
    columns = market(2, ROWS)
    refs = (column(name),)
    assert not audit(columns, refs, compute_set(refs, columns)).is_clean


def test_an_altered_stored_value_is_named() -> None:
    columns = market(3, ROWS)
    stored = compute_set(HONEST, columns)
    stored[1, 4_321] += 1.0
    found = audit(columns, HONEST, stored)
    assert [verdict.status is Status.FOUND for verdict in found.verdicts] == [False, True, *[False] * 4]
    assert found.verdicts[1].row == 4_321
    assert "is stored as" in found.verdicts[1].sentence


def test_a_column_that_nothing_moves_is_not_called_clean() -> None:
    columns = market(4, ROWS) | {"close": np.full(ROWS, np.nan)}
    found = audit(columns, HONEST[:1])
    assert found.verdicts[0].status is Status.INSUFFICIENT
    assert found.is_clean


def test_another_world_begins_right_after_the_instant() -> None:
    columns = market(5, 300)
    found = other_world(columns, 120, 7)
    for name, values in columns.items():
        np.testing.assert_array_equal(found[name][:121], values[:121])
        changed = not np.array_equal(found[name][121:], values[121:])
        assert changed == (name in MARKET_COLUMNS), name
    later = {name: found[name][121:] for name in ("open", "high", "low", "close")}
    known = ~np.isnan(later["close"])
    assert 0.5 < known.mean() < 1.0
    for name in ("open", "close"):
        assert (later["low"][known] <= later[name][known]).all()
        assert (later[name][known] <= later["high"][known]).all()


def test_members_of_a_universe_are_replaced_too() -> None:
    columns = {"close": np.arange(1.0, 51.0), "close@gold": np.arange(1.0, 51.0), "is_half_day": np.zeros(50)}
    found = other_world(columns, 20, 1)
    assert not np.array_equal(found["close"], found["close@gold"], equal_nan=True)
    assert not np.array_equal(found["close@gold"][21:], columns["close@gold"][21:])
    np.testing.assert_array_equal(found["close@gold"][:21], columns["close@gold"][:21])


def test_one_row_is_no_trouble() -> None:
    columns = {name: values[:1] for name, values in market(6, 10).items()}
    found = audit_features(HONEST[:1], 1, lambda first, last: {k: v[first:last] for k, v in columns.items()})
    assert found.instants == ()
    assert found.verdicts[0].status is Status.INSUFFICIENT
