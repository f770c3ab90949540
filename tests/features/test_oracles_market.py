"""Price, volume and volatility features against slow oracles that were written from the declarations alone.

An oracle is written by somebody who has not read the kernel: where words and numbers differ, one of the two is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest

from argus.core.arrays import F64_1D
from argus.core.random import generator
from argus.features import column, compute_set, feature, features
from tests.features.market import NASTY, Market, market
from tests.features.oracles.price import PRICE
from tests.features.oracles.volatility import VOLATILITY
from tests.features.oracles.volume import VOLUME
from tests.features.oracles.windows import Oracle
from tests.features.test_clocks import coarse_bars, with_missing_minutes

Given = dict[str, int | float]

FAMILIES = ("price", "volume", "volatility")
ORACLES: dict[str, Oracle] = {**PRICE, **VOLUME, **VOLATILITY}
WITHOUT_ORACLE: tuple[str, ...] = ()
"""Features of these families that no oracle checks."""

BAR = {"open", "high", "low", "close", "volume"}

RELATIVE = 1e-6
"""Columns are float32, which rounds by up to 6e-8 of a value; the rest is room for sums in another order."""

OF_THE_LARGEST = 1e-9
"""A value near zero is the difference of larger ones, and is known to the rounding of those."""

LEAST = 1e-12
"""Room where all values are zero, as is the distance of a price from itself."""

OTHERS: dict[str, Given] = {
    "awesome_oscillator": {"fast": 9, "slow": 2},
    "bollinger_b": {"n": 7, "k": 0.5},
    "close_to_close_vol": {"n": 9, "bars_per_year": 252.0},
    "dpo": {"n": 3},
    "ewma_vol": {"com": 2.5},
    "garch_vol": {"alpha": 0.5, "persistence": 0.8, "span": 3, "bars_per_year": 252.0},
    "hma": {"n": 5},
    "jump_share": {"n": 15},
    "kalman_distance": {"level": 0.0, "slope": 0.1, "n": 2},
    "kalman_slope": {"level": 1.0, "slope": 0.01, "n": 9},
    "keltner_width": {"n": 5, "atr": 9, "k": 1.5},
    "macd": {"fast": 9, "slow": 4},
    "momentum": {"n": 3, "skip": 4},
    "poc_distance": {"bin": 0.2},
    "relative_volume": {"minutes": 15, "sessions": 3},
    "rolling_poc_distance": {"n": 40, "bin": 0.5},
    "rolling_value_area_low_distance": {"n": 40, "bin": 0.5, "share": 1.0},
    "sar": {"step": 0.3, "most": 0.1},
    "sar_side": {"step": 0.1, "most": 0.5},
    "sma_cross": {"fast": 9, "slow": 2},
    "value_area_high_distance": {"bin": 0.4, "share": 0.95},
    "value_area_low_distance": {"bin": 1.0, "share": 0.2},
    "vol_ratio": {"fast": 9, "slow": 4},
    "vol_regime": {"n": 3, "past": 10, "calm": 0.2, "wild": 0.35},
}
"""Parameters tried beside the defaults, the least allowed, and a third of the defaults."""


def standing_still(columns: Market) -> Market:
    """Nothing moves in the first 40 rows, nor in a hundred rows later on; the price goes on from there."""
    found = {name: values.copy() for name, values in columns.items()}
    for rows in (slice(0, 40), slice(280, 380)):
        for name in ("open", "high", "low", "close"):
            found[name][rows] = columns["close"][rows.start]
    found["volume"][:20] = 0.0
    return found


def around_zero(columns: Market) -> Market:
    """Prices that are above zero at times and below it at others, as those of spreads are."""
    middle = float(np.round(np.median(columns["close"])))
    moved = {name: columns[name] - middle for name in ("open", "high", "low", "close")}
    return {**columns, **moved}


def with_holes(columns: Market) -> Market:
    """Single values missing, each by itself: a high without a low, a price without a volume."""
    random = generator(5, "holes")
    found = {name: values.copy() for name, values in columns.items()}
    found["close"][5] = np.nan
    for name in sorted(BAR):
        found[name][random.random(len(found[name])) < 0.004] = np.nan
    return found


MARKETS: dict[str, Callable[[Market], Market]] = {
    "clean": lambda columns: columns,
    "gaps": NASTY["gaps"],
    "holes": with_holes,
    "minutes left out": lambda columns: with_missing_minutes(columns, 3),
    "zero volume": NASTY["zero volume"],
    "constant price": NASTY["constant price"],
    "standing still": standing_still,
    "around zero": around_zero,
}


@cache
def prices(name: str) -> Market:
    return MARKETS[name](market(11, 600, per_session=75))


def sets(name: str) -> list[Given]:
    """Parameters to try: the defaults, the least allowed, a third of the defaults, and what stands in `OTHERS`."""
    own = feature(name).own_parameters
    tried: list[Given] = [
        {},
        {one.name: int(one.low) for one in own if isinstance(one.default, int)},
        {one.name: max(int(one.low), one.default // 3 + 1) for one in own if isinstance(one.default, int)},
    ]
    if name in OTHERS:
        tried.append(OTHERS[name])
    return [one for place, one in enumerate(tried) if one not in tried[:place]]


@cache
def computed(which: str) -> dict[tuple[str, int], F64_1D]:
    """Every feature with an oracle, over a market, by name and place of the parameters: one set, as it is used."""
    cases = [(name, place) for name in ORACLES for place in range(len(sets(name)))]
    rows = compute_set([column(name, **sets(name)[place]) for name, place in cases], prices(which), threads=1)
    return dict(zip(cases, rows.astype(np.float64), strict=True))


def expected(name: str, given: Given, columns: Mapping[str, F64_1D]) -> F64_1D:
    with np.errstate(invalid="ignore", divide="ignore"):
        return ORACLES[name](columns, feature(name).values(given))


def compare(got: F64_1D, want: F64_1D, what: str) -> None:
    missing = np.isnan(want)
    differ = np.flatnonzero(np.isnan(got) != missing)
    assert not len(differ), f"{what}: row {differ[0]} is {got[differ[0]]}, the oracle says {want[differ[0]]}"
    if not missing.all():
        room = RELATIVE * np.abs(want[~missing]) + OF_THE_LARGEST * np.abs(want[~missing]).max() + LEAST
        far = np.flatnonzero(np.abs(got[~missing] - want[~missing]) > room)
        rows = np.flatnonzero(~missing)[far]
        assert not len(rows), f"{what}: row {rows[0]} is {got[rows[0]]}, the oracle says {want[rows[0]]}"


def test_a_millionth_too_much_or_a_missing_value_is_seen() -> None:
    want = np.array([np.nan, 100.0, -3.0])
    compare(want * (1.0 + 0.9e-6), want, "as good as equal")
    for wrong in (want * (1.0 + 1.1e-6), np.array([0.0, 100.0, -3.0]), np.array([np.nan, np.nan, -3.0])):
        with pytest.raises(AssertionError, match="the oracle says"):
            compare(wrong, want, "wrong")


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("which", MARKETS)
def test_the_numbers_are_those_of_the_declaration(name: str, which: str) -> None:
    for place, given in enumerate(sets(name)):
        want = expected(name, given, prices(which))
        if which == "clean":
            assert np.isfinite(want).sum() > 60, f"{name} {given} is hardly tried"
        compare(computed(which)[name, place], want, f"{name} {given}")


def test_a_value_area_holds_no_price_below_all_that_were_traded() -> None:
    columns = {name: values.copy() for name, values in prices("clean").items()}
    for row, (price, volume) in enumerate([(3_950.0, 0.0), (4_000.0, 10.0), (4_020.0, 8.0)]):
        for name in ("open", "high", "low", "close"):
            columns[name][row] = price
        columns["volume"][row] = volume
    low = compute_set([column("value_area_low_distance")], columns, threads=1)[0, 2]
    assert 4_020.0 * np.exp(-low) > 3_990.0, "the bin of 4,000 is two points wide, and nothing was traded below it"


def hourly(columns: Market) -> tuple[Market, F64_1D]:
    """Hourly bars, and the instant from which each is known."""
    bars = coarse_bars(columns, "1h")
    return {name: np.array([bar[name] for _, bar in bars]) for name in sorted(BAR)}, np.array([at for at, _ in bars])


def short(name: str) -> Given:
    own = feature(name).own_parameters
    return {one.name: max(int(one.low), min(one.default // 3 + 1, 9)) for one in own if isinstance(one.default, int)}


ON_BARS = sorted(name for name in ORACLES if set(features()[name].inputs) <= BAR)
"""Features that read nothing but prices and volume, which is what an hourly bar is here."""


def test_hours_count_as_bars_once_they_are_over() -> None:
    columns = with_missing_minutes(market(12, 5_000), 4)
    bars, known = hourly(columns)
    rows = compute_set([column(name, **short(name), on="1h") for name in ON_BARS], columns, threads=1)
    last = np.searchsorted(known, columns["close_s"], side="right") - 1
    assert len(known) == 100
    assert len(ON_BARS) > 100
    for name, got in zip(ON_BARS, rows.astype(np.float64), strict=True):
        want = expected(name, short(name), bars)
        assert np.isfinite(want).sum() > 20, name
        compare(got, np.where(last >= 0, want[last], np.nan), f"{name} {short(name)} of hours")


def test_features_without_an_oracle() -> None:
    known = [name for name, one in features().items() if one.family in FAMILIES]
    assert sorted(set(known) - set(ORACLES)) == sorted(WITHOUT_ORACLE)
    assert not set(ORACLES) - set(known), "an oracle of a feature that is not there"
