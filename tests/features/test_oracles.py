"""Every feature against a plain reference that was written from its declaration alone, without a look at its code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import F64_1D
from argus.core.random import generator
from argus.features import column, compute_set, feature, features
from argus.features.inputs import CALENDAR_INPUTS
from tests.features.market import NASTY, Market, market
from tests.features.oracles import CLOSENESS, ORACLES
from tests.features.oracles.plain import FLOAT32, Closeness, on_clock
from tests.features.test_clocks import with_missing_minutes

PRICES = ("open", "high", "low", "close")
Given = dict[str, Any]

WITHOUT_ORACLE = {
    *("sma", "ema", "log_return", "momentum", "zscore"),
    *("std", "ewma_vol"),
}
"""Registered features that no reference here checks yet. Others have oracles in their families' own tests."""

MORE: dict[str, tuple[Given, ...]] = {
    **dict.fromkeys(
        ("swing_high_distance", "swing_low_distance", "rows_since_swing_high", "rows_since_swing_low", "swing_trend"),
        ({"k": 1}, {"k": 3}),
    ),
    **dict.fromkeys(("resistance_distance", "support_distance"), ({"k": 1, "m": 1}, {"k": 2, "m": 40})),
    "range_position": ({"n": 1}, {"n": 7}),
    "breakout": ({"n": 1}, {"n": 10}),
    "rows_since_breakout": ({"n": 5, "side": "down"}, {"n": 1, "side": "up"}),
    "round_number_distance": ({"digits": 0}, {"digits": 3}, {"digits": 6}),
    "friday_range_position": ({"on_days": "week"},),
    "pivot_distance": tuple({"level": level} for level in ("r1", "s1", "r2", "s2", "r3", "s3")),
    "session_gap_atr": ({"n": 1}, {"n": 3}),
    **dict.fromkeys(
        (f"opening_range_{what}" for what in ("high_distance", "low_distance", "position", "width", "break")),
        ({"minutes": 5}, {"minutes": 30}),
    ),
    "doji": ({"most": 0.0}, {"most": 0.3}),
    "marubozu": ({"least": 0.5}, {"least": 1.0}),
    "hammer": ({"bodies": 1.0, "most": 0.3}, {"bodies": 0.3, "most": 0.0}),
    "star": ({"least": 0.0, "most": 1.0}, {"least": 0.8, "most": 0.5}),
    **dict.fromkeys(("trend_alignment", "trend_cascade"), ({"n": 2}, {"n": 6})),
    **dict.fromkeys(("rows_since_turn", "slow_range_position"), ({"n": 2, "slow": "1d"}, {"n": 5, "slow": "15m"})),
    **dict.fromkeys(
        ("zscore_divergence", "momentum_divergence", "volatility_cascade", "pullback"),
        ({"n": 3, "fast": "5m", "slow": "1d"}, {"n": 6, "fast": "bar", "slow": "15m"}, {"n": 2, "fast": "15m"}),
    ),
}
"""Parameters besides the defaults."""

COARSER: dict[str, tuple[Given, ...]] = {
    **dict.fromkeys(("trend_alignment", "trend_cascade"), ({"n": 3, "on": "5m"},)),
    **dict.fromkeys(
        ("rows_since_turn", "slow_range_position"),
        ({"n": 3, "slow": "1h", "on": "15m"}, {"n": 2, "slow": "1d", "on": "1h"}),
    ),
    **dict.fromkeys(
        ("zscore_divergence", "momentum_divergence", "volatility_cascade", "pullback"),
        ({"n": 4, "slow": "1h", "on": "5m"}, {"n": 3, "slow": "1d", "on": "1h"}),
    ),
}
"""Coarser clocks for the features that look at clocks themselves, which must not be finer than that."""


def given(name: str) -> list[Given]:
    """The defaults, other parameters, and coarser clocks with the last of these."""
    more = MORE.get(name, ())
    smaller = more[-1] if more else {}
    clocks = tuple({**smaller, "on": clock} for clock in ("5m", "1h", "1d", "session"))
    return [{}, *more, *COARSER.get(name, clocks)]


CHECKED = [name for name in features() if name in ORACLES]
ASKED = [(name, one) for name in CHECKED for one in given(name)]


def clean() -> Market:
    return market(31, 1_200, per_session=75)


def with_holes() -> Market:
    """Single prices missing, each by itself; a session without any price; a week of which hardly any is known."""
    columns = clean()
    random = generator(5, "holes")
    session = columns["session"]
    days = np.unique(session)
    empty = np.isin(session, [days[0], days[3], *days[8:12]])
    for name in PRICES:
        columns[name] = np.where(empty | (random.random(len(session)) < 0.03), np.nan, columns[name])
    return columns


def from_row(row: int) -> Market:
    return {name: values[row:] for name, values in clean().items()}


def without_regular_hours() -> Market:
    """Some sessions to which the calendar gives no regular hours."""
    columns = clean()
    days = np.unique(columns["session"])
    has_none = np.isin(columns["session"], days[[0, 4, 9]])
    for name in ("regular_open_s", "regular_close_s"):
        columns[name] = np.where(has_none, np.nan, columns[name])
    return columns


def stairs() -> Market:
    """Prices that rise by a gap on every bar and then fall the same way, halfway back and all the way, twice."""
    columns = clean()
    legs = [np.arange(45), np.arange(44, 5, -1), np.arange(5, 60), np.arange(60, -60, -1), np.arange(-60, 10)]
    step = np.concatenate(legs * 4)[: len(columns["close"])]
    n = len(step)
    columns = {name: values[:n] for name, values in columns.items()}
    middle = 4_000.0 + 2.0 * step
    columns["open"], columns["close"] = middle - 0.25, middle + 0.25
    columns["high"], columns["low"] = middle + 1.0, middle - 1.0
    return columns


def with_blank_calendar() -> Market:
    """Rows on which the calendar says nothing, each of its columns by itself."""
    columns = clean()
    random = generator(6, "calendar")
    for name in CALENDAR_INPUTS:
        columns[name] = np.where(random.random(len(columns["close"])) < 0.1, np.nan, columns[name])
    return columns


MARKETS: dict[str, Callable[[], Market]] = {
    "clean": clean,
    "gaps": lambda: NASTY["gaps"](clean()),
    "zero volume": lambda: NASTY["zero volume"](clean()),
    "constant price": lambda: NASTY["constant price"](clean()),
    "minutes left out": lambda: with_missing_minutes(clean(), 7),
    "minutes left out and gaps": lambda: with_missing_minutes(NASTY["gaps"](clean()), 8, 0.5),
    "holes": with_holes,
    "begins overnight": lambda: from_row(10),
    "begins in the opening range": lambda: from_row(45),
    "begins after the opening range": lambda: from_row(72),
    "no regular hours": without_regular_hours,
    "stairs": stairs,
    "blank calendar": with_blank_calendar,
}
ONLY: dict[str, str] = {"blank calendar": "time"}
"""Markets that are defined for one family only."""


@cache
def computed(name: str) -> tuple[Market, dict[int, F64_1D]]:
    columns = MARKETS[name]()
    chosen = [i for i, (one, _) in enumerate(ASKED) if ONLY.get(name) in (None, feature(one).family)]
    values = compute_set([column(ASKED[i][0], **ASKED[i][1]) for i in chosen], columns)
    return columns, dict(zip(chosen, values.astype(np.float64), strict=True))


def expected(name: str, parameters: Given, columns: Market) -> F64_1D:
    values = feature(name).values(parameters)
    return on_clock(columns, str(values["on"]), lambda bars: ORACLES[name](bars, values))


def first_difference(got: F64_1D, wanted: F64_1D, closeness: Closeness) -> str:
    """Where two columns differ, in words; nothing if they do not."""
    is_close = np.isclose(got, wanted, rtol=closeness.relative, atol=closeness.absolute, equal_nan=True)
    rows = np.flatnonzero(~is_close)
    if not len(rows):
        return ""
    return f"{len(rows)} rows differ, first {rows[0]}: got {got[rows[0]]!r}, expected {wanted[rows[0]]!r}"


@pytest.mark.parametrize("name", CHECKED)
def test_a_feature_is_what_its_declaration_says(name: str) -> None:
    found, values_seen = [], 0
    for kind in MARKETS:
        columns, values = computed(kind)
        for i, (one, parameters) in enumerate(ASKED):
            if one == name and i in values:
                wanted = expected(name, parameters, columns)
                values_seen += np.count_nonzero(~np.isnan(wanted))
                difference = first_difference(values[i], wanted, CLOSENESS.get(name, FLOAT32))
                if difference:
                    found.append(f"{kind}, {parameters}: {difference}")
    assert not found, "\n".join(found)
    assert values_seen > 1_000


def test_every_feature_has_an_oracle_or_stands_in_the_list() -> None:
    assert set(features()) - set(ORACLES) == WITHOUT_ORACLE
    assert set(ORACLES) <= set(features())


def test_tolerances_and_parameters_are_of_features_with_oracles() -> None:
    for names in (CLOSENESS, MORE, COARSER):
        assert set(names) <= set(ORACLES)


def test_a_wrong_reference_is_found() -> None:
    columns, values = computed("clean")
    right = values[ASKED.index(("swing_trend", {}))]
    for wrong in (expected("swing_trend", {"k": 4}, columns), np.where(np.arange(len(right)) == 700, np.nan, right)):
        assert first_difference(right, wrong, FLOAT32)
