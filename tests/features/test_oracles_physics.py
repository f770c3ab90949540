"""Physics features against slow oracles that were written from the declarations alone.

An oracle is written by somebody who has not read the kernel: where words and numbers differ, one of the two is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from argus.core.arrays import F64_1D
from argus.core.random import generator
from argus.features import column, compute_set, feature, features
from tests.features.market import NASTY, Market, market
from tests.features.oracles.physics import FAMILIES, PHYSICS
from tests.features.test_clocks import with_missing_minutes
from tests.features.test_oracles_market import around_zero, compare, hourly, standing_still, with_holes

Given = dict[str, int | float | str]

WITHOUT_ORACLE: tuple[str, ...] = ()
"""Features of these families that no oracle checks."""

OTHERS: dict[str, tuple[Given, ...]] = {
    "skew": ({"of": "range", "n": 3}, {"of": "close", "n": 31}),
    "kurtosis": ({"of": "volume", "n": 4}, {"of": "close", "n": 31}),
    "bimodality": ({"of": "range", "n": 8}, {"of": "close", "n": 31}),
    "quantile_spread": ({"of": "volume", "n": 2, "tail": "0.05"}, {"of": "range", "n": 23, "tail": "0.25"}),
    "quantile_skew": ({"of": "close", "n": 17, "tail": "0.01"}, {"of": "range", "n": 2, "tail": "0.1"}),
    "quantile_kurtosis": ({"of": "close", "n": 17}, {"of": "range", "n": 9}),
    "tail_index": ({"n": 37, "tail": "left", "share": 0.45}, {"n": 20, "tail": "right", "share": 0.01}),
    "l_skew": ({"of": "range", "n": 5}, {"of": "close", "n": 31}),
    "l_kurtosis": ({"of": "volume", "n": 5}, {"of": "close", "n": 31}),
    "shannon_entropy": ({"of": "range", "n": 2, "bins": 2}, {"of": "volume", "n": 40, "bins": 33}),
    "permutation_entropy": ({"of": "close", "n": 25, "order": "4"}, {"of": "range", "n": 5}),
    "sample_entropy": ({"of": "range", "n": 8, "every": 7}, {"of": "close", "n": 30, "r": 0.9}),
    "approximate_entropy": ({"of": "range", "n": 8, "every": 7}, {"of": "close", "n": 30, "r": 0.9}),
    "recurrence_rate": ({"of": "range", "n": 8, "every": 7}, {"of": "close", "n": 30, "r": 0.9}),
    "recurrence_determinism": ({"of": "range", "n": 8, "every": 7}, {"of": "close", "n": 30, "r": 0.9}),
    "lempel_ziv": ({"of": "volume", "n": 8, "every": 1}, {"of": "close", "n": 31, "every": 3}),
    "hjorth_mobility": ({"of": "range", "n": 4}, {"of": "close", "n": 31}),
    "hjorth_complexity": ({"of": "range", "n": 5}, {"of": "close", "n": 31}),
    "velocity": ({"n": 1},),
    "acceleration": ({"n": 3},),
    "jerk": ({"n": 1},),
    "energy": ({"n": 1},),
    "hurst_rs": ({"n": 16, "every": 1}, {"of": "range", "n": 45, "every": 3}),
    "dfa": ({"n": 32, "every": 1}, {"of": "volume", "n": 75, "every": 3}),
    "higuchi_dimension": ({"n": 16, "steps": 2, "every": 1}, {"n": 41, "steps": 15, "every": 3}),
    "katz_dimension": ({"n": 4},),
    "petrosian_dimension": ({"n": 4},),
    "lyapunov": ({"of": "range", "n": 24, "steps": 10, "every": 3}, {"of": "close", "n": 50, "steps": 1, "every": 7}),
    "variance_ratio": ({"n": 8, "q": 2}, {"n": 25, "q": 24}),
    "variance_ratio_score": ({"n": 8, "q": 2}, {"n": 25, "q": 24}),
    "half_life": ({"n": 4}, {"n": 31}),
    "bulk_buy_share": ({"m": 2}, {"m": 13}),
    "order_imbalance": ({"n": 1, "m": 2}, {"n": 17, "m": 5}),
    "vpin": ({"n": 1, "m": 2}, {"n": 17, "m": 5}),
    "kyle_lambda": ({"n": 3, "m": 2}, {"n": 17, "m": 5}),
    "amihud": ({"n": 1}, {"n": 7}),
    "roll_spread": ({"n": 3}, {"n": 17}),
    "corwin_schultz_spread": ({"n": 1}, {"n": 7}),
    "abdi_ranaldo_spread": ({"n": 1}, {"n": 7}),
    "cusum_up": ({"n": 2, "drift": 0.0}, {"of": "range", "n": 30, "limit": 2.5}),
    "cusum_down": ({"n": 2, "drift": 0.0}, {"of": "range", "n": 30, "limit": 2.5}),
    "change_run": ({"n": 2, "drift": 0.0}, {"of": "range", "n": 30, "limit": 2.5}),
    "page_hinkley": ({"n": 2, "drift": 0.0}, {"of": "range", "n": 30, "limit": 2.5}),
    "mean_shift": ({"n": 2}, {"of": "close", "n": 19}),
    "deviation_shift": ({"n": 2}, {"of": "close", "n": 19}),
    "trend_duration": ({"n": 2}, {"n": 13}),
    "volatility_duration": ({"n": 3, "m": 2}, {"n": 9, "m": 31}),
    "time_since_high": ({"n": 2}, {"n": 13}),
    "time_since_low": ({"n": 2}, {"n": 13}),
    "time_since_move": ({"n": 2}, {"n": 13}),
    "spectral_band": (
        {"of": "range", "n": "16", "octave": 3, "every": 1},
        {"of": "close", "n": "32", "octave": 7, "every": 3},
    ),
    "spectral_entropy": ({"of": "range", "n": "16", "every": 1}, {"of": "close", "n": "128", "every": 3}),
    "spectral_centroid": ({"of": "range", "n": "16", "every": 1}, {"of": "close", "n": "128", "every": 3}),
    "wavelet_energy": ({"of": "range", "n": 2, "scale": 6}, {"of": "close", "n": 31, "scale": 3}),
    "autocorrelation": ({"of": "range", "n": 3, "k": 5}, {"of": "close", "n": 31, "k": 2}),
    "absolute_autocorrelation": ({"n": 3, "k": 5}, {"n": 31, "k": 2}),
    "leverage_correlation": ({"n": 3, "k": 5}, {"n": 31, "k": 2}),
    "return_volume_correlation": ({"n": 3}, {"n": 31}),
    "move_volume_correlation": ({"n": 3}, {"n": 31}),
    "return_range_correlation": ({"n": 3}, {"n": 31}),
    "range_volume_correlation": ({"n": 3}, {"n": 31}),
}
"""Parameters tried beside the defaults: the least allowed, and others that hit other ways through the definition."""


def to_and_fro(columns: Market) -> Market:
    """A price that goes back and forth between two levels, then among three, with rests; then on as before."""
    found = {name: values.copy() for name, values in columns.items()}
    random = generator(6, "to and fro")
    base = float(columns["close"][100])
    found["close"][100:180] = base + 0.25 * (np.arange(80) % 2)
    found["close"][180:260] = base + 0.25 * random.integers(-1, 2, 80)
    return between_closes(found, slice(100, 260))


def between_closes(columns: Market, rows: slice) -> Market:
    """Bars of these rows that go from one close to the next and no further."""
    columns["open"][rows] = columns["close"][rows.start - 1 : rows.stop - 1]
    columns["high"][rows] = np.maximum(columns["open"], columns["close"])[rows]
    columns["low"][rows] = np.minimum(columns["open"], columns["close"])[rows]
    return columns


def single_jumps(columns: Market) -> Market:
    """A price that rests, but for a jump now and then; as many units of volume each row."""
    found = {name: values.copy() for name, values in columns.items()}
    found["close"][60:400] = columns["close"][np.arange(60, 400) // 77 * 77]
    found["volume"][60:400] = 1_000.0
    return between_closes(found, slice(60, 400))


def straight_line(columns: Market) -> Market:
    """A price that rises by a tick each row, and then falls by as much."""
    found = {name: values.copy() for name, values in columns.items()}
    base = float(columns["close"][60])
    found["close"][60:250] = base + 0.25 * np.arange(190)
    found["close"][250:400] = base + 0.25 * np.arange(189, 39, -1)
    return between_closes(found, slice(60, 400))


MARKETS: dict[str, Callable[[Market], Market]] = {
    "clean": lambda columns: columns,
    "gaps": NASTY["gaps"],
    "holes": with_holes,
    "zero volume": NASTY["zero volume"],
    "constant price": NASTY["constant price"],
    "standing still": standing_still,
    "around zero": around_zero,
    "to and fro": to_and_fro,
    "single jumps": single_jumps,
    "straight line": straight_line,
}

SMOOTH = 1e-3
"""Room for wavelet energy of a straight line: neighbouring returns differ there by a hundred thousandth of themselves,
and the small scales are made of the squares of those differences."""


@cache
def prices(name: str) -> Market:
    return MARKETS[name](market(21, 500, per_session=75))


def sets(name: str) -> tuple[Given, ...]:
    return ({}, *OTHERS.get(name, ()))


@cache
def computed(which: str) -> dict[tuple[str, int], F64_1D]:
    """Every feature with an oracle, over a market, by name and place of the parameters: one set, as it is used."""
    cases = [(name, place) for name in PHYSICS for place in range(len(sets(name)))]
    rows = compute_set([column(name, "", **sets(name)[place]) for name, place in cases], prices(which), threads=1)
    return dict(zip(cases, rows.astype(np.float64), strict=True))


def expected(name: str, given: Given, columns: Market) -> F64_1D:
    with np.errstate(invalid="ignore", divide="ignore"):
        return PHYSICS[name](columns, feature(name).values(given))


@pytest.mark.parametrize("which", MARKETS)
@pytest.mark.parametrize("name", PHYSICS)
def test_the_numbers_are_those_of_the_declaration(name: str, which: str) -> None:
    for place, given in enumerate(sets(name)):
        want = expected(name, given, prices(which))
        if which == "clean":
            assert np.isfinite(want).sum() > 60, f"{name} {given} is hardly tried"
        got = computed(which)[name, place]
        if (name, which) == ("wavelet_energy", "straight line"):
            smooth = np.abs(got - want) <= SMOOTH * np.abs(want)
            got = np.where(smooth, want, got)
        compare(got, want, f"{name} {given}")


def hourly_sets() -> list[tuple[str, Given]]:
    return [(name, sets(name)[-1] if len(sets(name)) == 1 else sets(name)[1]) for name in PHYSICS]


def test_hours_count_as_rows_once_they_are_over() -> None:
    columns = with_missing_minutes(market(22, 6_000), 4)
    bars, known = hourly(columns)
    rows = compute_set([column(name, "", **given, on="1h") for name, given in hourly_sets()], columns, threads=1)
    last = np.searchsorted(known, columns["close_s"], side="right") - 1
    for (name, given), got in zip(hourly_sets(), rows.astype(np.float64), strict=True):
        want = expected(name, given, bars)
        assert np.isfinite(want).sum() > 10, name
        compare(got, np.where(last >= 0, want[last], np.nan), f"{name} {given} of hours")


def test_every_physics_feature_has_an_oracle() -> None:
    known = {family: {one.name for one in features().values() if one.family == family} for family in FAMILIES}
    for family, oracles in FAMILIES.items():
        assert set(oracles) - known[family] == set(), f"{family}: an oracle of a feature that is not there"
        assert known[family] - set(oracles) == set(WITHOUT_ORACLE) & known[family]
