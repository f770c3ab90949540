"""Cross-asset features against slow oracles that were written from the declarations alone.

An oracle is written by somebody who has not read the kernel: where words and numbers differ, one of the two is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from argus.core.arrays import F64_1D
from argus.core.random import generator
from argus.core.strategy import FeatureRef
from argus.features import column, compute_set, feature, features
from argus.features.sets import columns_of
from tests.features.market import MEMBER_COLUMNS, NASTY, Market, market
from tests.features.oracles.cross_asset import CROSS_ASSET
from tests.features.oracles.plain import coarse_bars, held
from tests.features.test_clocks import with_missing_minutes
from tests.features.test_oracles_market import compare

Given = dict[str, int | float | str]

OTHERS: dict[str, tuple[Given, ...]] = {
    "member_return": ({"a": "oil", "n": 7}, {"a": "bitcoin", "n": 1}),
    "member_zscore": ({"a": "gold", "n": 2}, {"a": "oil", "n": 23}, {"a": "utilities", "n": 100}),
    "member_trend": ({"a": "oil", "n": 2}, {"a": "gold", "n": 17}),
    "member_volatility": ({"a": "oil", "n": 2}, {"a": "staples", "n": 33}),
    "member_drawdown": ({"a": "oil", "n": 1}, {"a": "oil", "n": 31}, {"a": "gas", "n": 9}),
    "dollar_trend": ({"by": "dollar", "n": 9}, {"by": "euro", "n": 2}, {"by": "dollar"}),
    "price_ratio": ({"a": "oil", "b": "gas"}, {"a": "gas", "b": "oil"}),
    "ratio_zscore": (
        {"a": "dow", "b": "equity", "n": 9},
        {"a": "small_caps", "b": "equity", "n": 9},
        {"a": "oil", "b": "gold", "n": 2},
    ),
    "relative_strength": ({"a": "oil", "b": "gold", "n": 1}, {"a": "small_caps", "b": "dow", "n": 40}),
    "pair_correlation": ({"a": "oil", "b": "gold", "n": 2}, {"a": "small_caps", "b": "equity", "n": 20}),
    "correlation_change": (
        {"a": "oil", "b": "gold", "short": 2, "long": 9},
        {"a": "small_caps", "b": "equity", "short": 40, "long": 5},
    ),
    "pair_beta": ({"a": "oil", "b": "gold", "n": 2}, {"a": "small_caps", "b": "equity", "n": 20}),
    "hedged_return": ({"a": "oil", "b": "gold", "n": 2}, {"a": "small_caps", "b": "equity", "n": 20}),
    "lead_lag_correlation": (
        {"a": "oil", "b": "gold", "k": 3, "n": 2},
        {"a": "small_caps", "b": "equity", "k": 5, "n": 20},
    ),
    "lead_lag_lean": ({"a": "oil", "b": "gold", "k": 3, "n": 2}, {"a": "small_caps", "b": "equity", "k": 5, "n": 20}),
    "breadth_above_mean": ({"group": "assets", "n": 2}, {"group": "indices", "n": 9}, {"group": "indices", "n": 20}),
    "breadth_advancing": ({"group": "assets", "n": 1}, {"group": "indices", "n": 9}),
    "dispersion": ({"group": "assets", "n": 1}, {"group": "indices", "n": 9}),
    "average_correlation": ({"group": "assets", "n": 3}, {"group": "indices", "n": 20}),
    "absorption_ratio": ({"group": "assets", "n": 3}, {"group": "indices", "n": 20}),
    "risk_appetite": ({"n": 2}, {"n": 13}),
    "volatility_premium": ({"n": 1}, {"n": 9}),
    "variance_premium": ({"n": 1}, {"n": 9}),
}
"""Parameters tried beside the defaults."""


def changed(columns: Market) -> Market:
    return {name: values.copy() for name, values in columns.items()}


def standing_still(columns: Market) -> Market:
    """Each member stands still for a while of its own, and all of them do in the same hundred rows."""
    found = changed(columns)
    for k, name in enumerate(MEMBER_COLUMNS):
        found[name][10 * k : 10 * k + 75] = found[name][10 * k]
        found[name][400:500] = found[name][400]
    return found


def tied(columns: Market) -> Market:
    """Steps of a quarter or none, so that closes meet again; two members that are one market, two at a multiple."""
    found = changed(columns)
    random = generator(4, "ties")
    for k, name in enumerate(MEMBER_COLUMNS):
        steps = random.integers(-1, 2, len(found[name]))
        found[name] = 50.0 + 5.0 * k + 0.25 * (np.cumsum(steps) % 12)
    found["close@small_caps"] = found["close@equity"].copy()
    found["close@dow"] = 0.7 * found["close@equity"]
    return found


def in_cents(columns: Market) -> Market:
    """A few prices in cents, which no binary fraction holds, so that means meet prices but for their rounding."""
    found = changed(columns)
    random = generator(5, "cents")
    for name in MEMBER_COLUMNS:
        found[name] = np.round(20.0 + 0.01 * random.integers(-2, 3, len(found[name])), 2)
    return found


def lacking(*roles: str) -> Callable[[Market], Market]:
    """A universe in which nobody plays these roles."""

    def without(columns: Market) -> Market:
        return columns | {f"close@{role}": np.full(len(columns["close"]), np.nan) for role in roles}

    return without


def come_and_go(columns: Market) -> Market:
    """Each member starts later than the one before, and every third one ends before the data do."""
    found = changed(columns)
    for k, name in enumerate(MEMBER_COLUMNS):
        found[name][: 7 * k] = np.nan
        if k % 3 == 0:
            found[name][380 + 6 * k :] = np.nan
    return found


def below_zero(columns: Market) -> Market:
    """Oil that is above zero at times and below or at it at others, gas that is below it and stays there."""
    found = changed(columns)
    random = generator(7, "below zero")
    found["close@oil"] = np.cumsum(random.integers(-1, 2, len(columns["close"]))) * 0.25
    found["close@gas"][200:] -= 1.5 * found["close@gas"].max()
    return found


def even_steps(columns: Market) -> Market:
    """Closes that double and then halve on every row, some of them with a rest: returns that are all the same."""
    found = changed(columns)
    row = np.arange(100)
    for k, name in enumerate(MEMBER_COLUMNS):
        power = 50 - np.abs(row - 50)
        if k % 4 == 1:
            power = np.minimum(power, 20)
        if k % 4 != 3:
            found[name][150:250] = found[name][150] * 2.0**power
    return found


def empty_hours(columns: Market) -> Market:
    """Rows with holes in the calendar of time: rows that are hours apart, some after a week."""
    found = changed(columns)
    late = generator(8, "late").exponential(30_000.0, len(columns["close"]))
    found["close_s"] = columns["close_s"][0] + np.cumsum(np.round(late) + 1.0)
    return found


MARKETS: dict[str, Callable[[Market], Market]] = {
    "clean": changed,
    "gaps": NASTY["gaps"],
    "zero volume": NASTY["zero volume"],
    "constant price": NASTY["constant price"],
    "huge price": NASTY["huge price"],
    "standing still": standing_still,
    "tied": tied,
    "in cents": in_cents,
    "half of the members": lacking("energy", "staples", "utilities", "financials", "gold", "gas", "dow", "nasdaq"),
    "less than half": lacking("energy", "staples", "utilities", "financials", "technology", "bitcoin", "equity"),
    "come and go": come_and_go,
    "below zero": below_zero,
    "even steps": even_steps,
    "empty hours": empty_hours,
}


@cache
def prices(which: str) -> Market:
    return MARKETS[which](market(41, 600, per_session=75))


def sets(name: str) -> tuple[Given, ...]:
    return ({}, *OTHERS.get(name, ()))


CASES = [(name, place) for name in CROSS_ASSET for place in range(len(sets(name)))]


@cache
def computed(which: str) -> dict[tuple[str, int], F64_1D]:
    """Every feature with an oracle, over a market, by name and place of the parameters: one set, as it is used."""
    rows = compute_set([column(name, "", **sets(name)[place]) for name, place in CASES], prices(which), threads=1)
    return dict(zip(CASES, rows.astype(np.float64), strict=True))


def expected(ref: FeatureRef, columns: Market) -> F64_1D:
    with np.errstate(invalid="ignore", divide="ignore"):
        return CROSS_ASSET[ref.feature](columns, feature(ref.feature).values(ref.parameters))


@pytest.mark.parametrize("name", CROSS_ASSET)
@pytest.mark.parametrize("which", MARKETS)
def test_the_numbers_are_those_of_the_declaration(name: str, which: str) -> None:
    for place, given in enumerate(sets(name)):
        want = expected(column(name, "", **given), prices(which))
        if which == "clean":
            assert np.isfinite(want).sum() > 300, f"{name} {given} is hardly tried"
        got = computed(which)[name, place]
        compare(got, want, f"{name} {given}")
        known = got[~np.isnan(got)]
        assert ((known >= feature(name).low) & (known <= feature(name).high)).all(), f"{name} {given} leaves its range"


def test_markets_at_rest_stand_at_their_mean() -> None:
    columns = prices("constant price")
    for n in (2, 9, 50):
        got = compute_set([column("breadth_above_mean", n=n)], columns, threads=1)[0]
        assert (got[200 + n - 1 :] == 0.5).all()


def test_a_ratio_that_does_not_move_has_no_score() -> None:
    columns = changed(prices("clean"))
    for factor in (1.0, 4.0, 0.7, 1.0 / 3.0):
        columns["close@dow"] = factor * columns["close@equity"]
        got = compute_set([column("ratio_zscore", a="dow", b="equity", n=n) for n in (2, 60)], columns, threads=1)
        assert np.isnan(got).all(), factor
    columns["close@dow"][500] *= 1.0 + 1e-6
    got = compute_set([column("ratio_zscore", a="dow", b="equity", n=60)], columns, threads=1)[0]
    assert got[500] == pytest.approx(59.0 / np.sqrt(60.0), rel=1e-4)
    assert np.flatnonzero(~np.isnan(got)).tolist() == [*range(500, 560)]


def test_a_market_below_zero_has_no_drawdown() -> None:
    got = compute_set([column("member_drawdown", a="gas", n=9)], prices("below zero"), threads=1)[0]
    assert np.isnan(got[209:]).all()
    assert np.isfinite(got[8:200]).all()


@pytest.mark.parametrize("which", ["clean", "come and go"])
def test_every_column_of_the_set_is_what_its_declaration_says(which: str) -> None:
    refs = columns_of("cross_asset")
    rows = compute_set(refs, prices(which), threads=1)
    assert len(refs) == len({ref.alias for ref in refs}) > 150
    for ref, got in zip(refs, rows.astype(np.float64), strict=True):
        compare(got, expected(ref, prices(which)), ref.alias)


@pytest.mark.parametrize("clock", ["5m", "1h", "session"])
@pytest.mark.parametrize("which", ["clean", "gaps"])
def test_longer_bars_count_as_rows_once_they_are_over(which: str, clock: str) -> None:
    columns = with_missing_minutes(MARKETS[which](market(42, 6_000, per_session=150)), 4)
    smaller = {"n": 3, "k": 2, "short": 3, "long": 6}
    refs = []
    for name in CROSS_ASSET:
        own = {one.name for one in feature(name).own_parameters}
        refs.append(column(name, "", on=clock, **{key: value for key, value in smaller.items() if key in own}))
    rows = compute_set(refs, columns, threads=1)
    bars, known_on = coarse_bars(columns, clock)
    for ref, got in zip(refs, rows.astype(np.float64), strict=True):
        want = held(expected(ref, bars), known_on, len(columns["close"]))
        assert np.isfinite(want).sum() > 1_000, ref.feature
        compare(got, want, f"{ref.feature} on {clock}")


def test_every_cross_asset_feature_has_an_oracle() -> None:
    assert set(CROSS_ASSET) == {name for name, one in features().items() if one.family == "cross_asset"}


def test_a_wrong_member_a_wrong_divisor_and_a_wrong_window_are_seen() -> None:
    got = computed("clean")["dispersion", 0]
    want = expected(column("dispersion"), prices("clean"))
    compare(got, want, "as it is")
    for wrong in (
        want * np.sqrt(7.0 / 8.0),
        expected(column("dispersion", n=21), prices("clean")),
        expected(column("dispersion", group="assets"), prices("clean")),
    ):
        with pytest.raises(AssertionError, match="the oracle says"):
            compare(got, wrong, "wrong")
