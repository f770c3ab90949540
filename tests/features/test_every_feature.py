"""What holds for every registered feature, whatever it computes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from argus.core.arrays import F32_2D
from argus.core.strategy import FeatureRef
from argus.features import Feature, LiveFeatures, compute_set, feature, features
from argus.features.runner import Runner
from tests.features.market import MARKET_COLUMNS, NASTY, Market, market, other_future

ROWS = 3_000
SMALLER: dict[str, dict[str, int | float | str]] = {
    "momentum": {"n": 50, "skip": 5},
    "trend_alignment": {"n": 5},
    "trend_cascade": {"n": 5},
}
"""Parameters for features whose defaults look further back than these tests have rows."""


def ref(name: str) -> FeatureRef:
    return FeatureRef(name, name, "", SMALLER.get(name, {}))


EVERY = [ref(name) for name in features()]
NAMES = [one.alias for one in EVERY]


@cache
def usual() -> Market:
    return market(1, ROWS)


@cache
def usual_values() -> F32_2D:
    values = compute_set(EVERY, usual())
    values.setflags(write=False)
    return values


def differing(a: F32_2D, b: F32_2D) -> list[str]:
    return [name for name, x, y in zip(NAMES, a, b, strict=True) if not np.array_equal(x, y, equal_nan=True)]


def test_every_feature_says_what_it_is() -> None:
    assert list(features()) == [declared.name for declared in features().values()]
    for declared in features().values():
        texts = (declared.family, declared.meaning, declared.formula, declared.source, declared.unit)
        assert all(texts), declared.name
        assert declared.nan_policy, declared.name
        assert all(parameter.why for parameter in declared.parameters), declared.name
        assert declared.values({})["on"] == "bar"
        assert declared.low < declared.high


def test_results_do_not_depend_on_pieces_threads_or_company() -> None:
    whole = usual_values()
    np.testing.assert_array_equal(compute_set(EVERY, usual(), threads=1), whole)
    np.testing.assert_array_equal(compute_set(EVERY, usual(), threads=3), whole)
    terms = [feature(one.feature).term(one.parameters) for one in EVERY]
    for piece in (17, 777):
        runner = Runner(terms, piece)
        out = np.empty_like(whole)
        for first in range(0, ROWS, piece):
            last = min(first + piece, ROWS)
            runner.feed([usual()[name][first:last] for name in runner.inputs], out, first)
        assert differing(out, whole) == []


@pytest.mark.parametrize("kind", ["usual", "gaps"])
def test_one_bar_at_a_time_gives_the_bits_of_the_batch_also_after_a_snapshot(kind: str) -> None:
    columns = usual() if kind == "usual" else NASTY[kind](usual())
    whole = compute_set(EVERY, columns)
    live = LiveFeatures(EVERY)
    out = np.empty_like(whole)
    for row in range(ROWS):
        if row in (0, 1, 2, 700, 1_024, 1_977):
            taken = live.snapshot()
            live = LiveFeatures(EVERY)
            live.restore(taken)
        out[:, row] = live.update([columns[name][row] for name in live.inputs])
    assert differing(out, whole) == []
    assert live.rows == ROWS


def test_the_first_value_comes_when_the_warmup_says() -> None:
    for one, values in zip(EVERY, usual_values(), strict=True):
        declared = feature(one.feature)
        warmup = declared.warmup(declared.values(one.parameters))
        known = np.flatnonzero(np.isfinite(values))
        assert len(known), f"{one.alias} never has a value"
        assert known[0] >= warmup - 1, f"{one.alias} has a value at row {known[0]}, its warm-up is {warmup}"
        if not declared.nan_policy.startswith("Sparse"):
            assert known[0] == warmup - 1, f"{one.alias} has its first value at row {known[0]}, warm-up {warmup}"


@pytest.mark.parametrize("row", [0, 1, 30, 777, 1_023, 1_024, 2_500])
def test_the_future_does_not_move_the_past(row: int) -> None:
    after = compute_set(EVERY, other_future(usual(), row, 3))
    assert differing(after[:, : row + 1], usual_values()[:, : row + 1]) == []
    cut = {name: column[: row + 1] for name, column in usual().items()}
    assert differing(compute_set(EVERY, cut), usual_values()[:, : row + 1]) == []


def test_the_altered_future_is_seen_when_it_comes() -> None:
    after = compute_set(EVERY, other_future(usual(), 1_500, 4))
    blind = set(NAMES) - set(differing(after, usual_values()))
    reads_prices = {name for name in NAMES if set(feature(name).inputs) & set(MARKET_COLUMNS)}
    assert blind & reads_prices <= {"count"}


@pytest.mark.parametrize("kind", ["usual", *NASTY])
def test_values_stay_in_their_range_and_are_never_infinite(kind: str) -> None:
    columns = usual() if kind == "usual" else NASTY[kind](usual())
    for one, values in zip(EVERY, compute_set(EVERY, columns), strict=True):
        declared = feature(one.feature)
        assert not np.isinf(values).any(), one.alias
        known = values[np.isfinite(values)]
        slack = 1e-5 * max(1.0, abs(declared.low) if np.isfinite(declared.low) else 1.0)
        assert (known >= declared.low - slack).all(), f"{one.alias}: {known.min()} below {declared.low}"
        assert (known <= declared.high + slack).all(), f"{one.alias}: {known.max()} above {declared.high}"


@pytest.mark.parametrize("kind", NASTY)
def test_values_come_back_after_trouble(kind: str) -> None:
    usually = np.isfinite(usual_values()[:, -200:]).sum(axis=1)
    values = compute_set(EVERY, NASTY[kind](usual()))
    for one, row, before in zip(EVERY, values, usually, strict=True):
        if before == 200:
            holes = 0.75 if kind == "gaps" else 0.0
            reach = feature(one.feature).warmup(feature(one.feature).values(one.parameters))
            if kind != "gaps" or reach <= 30:
                assert np.isfinite(row[-200:]).mean() >= 1.0 - holes, f"{one.alias} stays without values after {kind}"


def scaled(columns: Market, price: float, volume: float) -> Market:
    factors = dict.fromkeys(("open", "high", "low", "close"), price) | {"volume": volume}
    return {name: column * factors.get(name.partition("@")[0], 1.0) for name, column in columns.items()}


def same_when_scaled(declared: Feature, degree: float, factor: float, a: F32_2D, b: F32_2D) -> bool:
    return bool(np.allclose(a * factor**degree, b, rtol=2e-5, atol=1e-6 * factor**degree, equal_nan=True))


def test_scale() -> None:
    for price, volume in ((4.0, 1.0), (1.0, 8.0)):
        after = compute_set(EVERY, scaled(usual(), price, volume))
        for one, a, b in zip(EVERY, usual_values(), after, strict=True):
            declared = feature(one.feature)
            degree, factor = (declared.price_degree, price) if volume == 1.0 else (declared.volume_degree, volume)
            if degree is not None:
                assert same_when_scaled(declared, degree, factor, a, b), f"{one.alias}: degree {degree} does not hold"


def digest() -> str:
    """Hash of every feature's bits over a few hundred rows with gaps."""
    columns = NASTY["gaps"](market(5, 420, per_session=60))
    return hashlib.sha256(compute_set(EVERY, columns, threads=1).tobytes()).hexdigest()


def test_plain_python_gives_the_bits_of_the_compiled_form() -> None:
    code = "from tests.features.test_every_feature import digest; print(digest())"
    plain = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert plain.stdout.strip() == digest()
