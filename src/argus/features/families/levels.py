"""Levels: where the price stands against prices that everybody sees, of this session, the one before, week and night.

A session begins where the session date changes. Every level is what is known by now: extremes of this session so far,
and of stretches of time that are over. A distance is ``(close - level) / |close|``: above the level it is positive.
"""

from __future__ import annotations

from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import Node, Term, input_column, node
from argus.features.inputs import CLOSE, HIGH, LOW, OPEN

__all__ = ["COLUMNS", "DECLARED"]

_SESSION: Final = input_column("session")
_START: Final = input_column("start_s")
_CLOSED: Final = input_column("close_s")
_SESSION_OPEN: Final = input_column("session_open_s")
_REGULAR_OPEN: Final = input_column("regular_open_s")
_WEEK: Final = node("level.week", _SESSION)

_TODAY: Final = node("level.stretch", OPEN, HIGH, LOW, CLOSE, _SESSION)
_THIS_WEEK: Final = node("level.stretch", OPEN, HIGH, LOW, CLOSE, _WEEK)
_OVERNIGHT: Final = node("level.part", HIGH, LOW, _SESSION, _START, _CLOSED, _SESSION_OPEN, _REGULAR_OPEN, args=(0.0,))

_SO_FAR: Final = "NaN in a row without a close; missing prices of the session are passed over."
_PRIOR: Final = (
    "Sparse: NaN in the first session, and in a row without a close. Missing prices are passed over; of a stretch "
    "without any known price the one before it is taken."
)
_NIGHT: Final = (
    "Sparse: NaN before the regular open, in a session without bars before it, and in the first session if the data "
    "begin after its opening. NaN in a row without a close; missing prices are passed over."
)
_OPENING: Final = (
    "Sparse: NaN before the window is over, in a session without bars in it, and in the first session if the data "
    "begin within it. NaN in a row without a close; missing prices are passed over."
)
_FIRST: Final = "The first session and week of the data count from the first row, even if that is in their middle."
_FLAT: Final = " NaN where high and low are equal."
_PIVOT_SOURCE: Final = "Person (2004), A Complete Guide to Technical Trading Tactics, Wiley: the floor traders' pivots"
_CRABEL: Final = "Crabel (1990), Day Trading with Short Term Price Patterns and Opening Range Breakout"
_MINUTES: Final = whole("minutes", 15, 1, 1440, "Length of the opening range, from the regular open.")


def _distance(level: Term) -> Node:
    return w.distance(CLOSE, level)


def _position(low: Term, high: Term) -> Node:
    return node("level.position", CLOSE, low, high)


def _opening(values: Values) -> Node:
    seconds = 60.0 * int(values["minutes"])
    return node("level.part", HIGH, LOW, _SESSION, _START, _CLOSED, _REGULAR_OPEN, _REGULAR_OPEN, args=(seconds,))


def _pivot(values: Values) -> Term:
    high, low, close = _TODAY.out(3), _TODAY.out(4), _TODAY.out(5)
    middle = (high + low + close) / 3.0
    levels = {
        "p": lambda: middle,
        "r1": lambda: 2.0 * middle - low,
        "s1": lambda: 2.0 * middle - high,
        "r2": lambda: middle + (high - low),
        "s2": lambda: middle - (high - low),
        "r3": lambda: high + 2.0 * (middle - low),
        "s3": lambda: low - 2.0 * (high - middle),
    }
    return _distance(levels[str(values["level"])]())


def _gap_in_ranges(values: Values) -> Term:
    n = int(values["n"])
    usual = node("level.stretch_range", _TODAY.out(3), _TODAY.out(4), _TODAY.out(5), _SESSION, _TODAY.out(1), args=(n,))
    return (_TODAY - _TODAY.out(5)) / usual


def _friday(values: Values) -> Node:
    is_monday = 1.0 if values["on_days"] == "monday" else 0.0
    before = node("level.before_week", _TODAY.out(3), _TODAY.out(4), _SESSION, _WEEK, args=(is_monday,))
    return _position(before.out(1), before)


def _break(values: Values) -> Node:
    window = _opening(values)
    return node("level.first_side", CLOSE, window.out(1), window, _SESSION)


_SESSION_SO_FAR: Final = (
    Feature(
        name="session_open_distance",
        family="structure",
        meaning="How far the price has come since the session opened.",
        warmup=lambda values: 1,
        build=lambda values: _distance(_TODAY),
        formula="(close - open) / |close|, open the first known open of the session",
        source="definition",
        unit="share of the close",
        nan_policy=_SO_FAR,
    ),
    Feature(
        name="session_high_distance",
        family="structure",
        meaning="How far the price stands below the highest price of the session so far.",
        warmup=lambda values: 1,
        build=lambda values: _distance(_TODAY.out(1)),
        formula="(close - high) / |close|, high the highest high of the session up to this row",
        source="definition",
        unit="share of the close",
        high=0.0,
        nan_policy=_SO_FAR,
    ),
    Feature(
        name="session_low_distance",
        family="structure",
        meaning="How far the price stands above the lowest price of the session so far.",
        warmup=lambda values: 1,
        build=lambda values: _distance(_TODAY.out(2)),
        formula="(close - low) / |close|, low the lowest low of the session up to this row",
        source="definition",
        unit="share of the close",
        low=0.0,
        nan_policy=_SO_FAR,
    ),
    Feature(
        name="session_position",
        family="structure",
        meaning="Where the price stands in the range of the session so far: 0 at its low, 1 at its high.",
        warmup=lambda values: 1,
        build=lambda values: _position(_TODAY.out(2), _TODAY.out(1)),
        formula="(close - low) / (high - low), the session's extremes up to this row",
        source="definition",
        unit="share of the range",
        low=0.0,
        high=1.0,
        nan_policy="Sparse: NaN while high and low are equal, and in a row without a close.",
    ),
)


def _prior(name: str, stretch: str, what: str, level: Term) -> Feature:
    """Distance from a level of the session or week before."""
    return Feature(
        name=name,
        family="structure",
        meaning=f"How far the price stands above the {what} of the {stretch} before, where many orders rest.",
        warmup=lambda values: 2,
        build=lambda values: _distance(level),
        formula=f"(close - level) / |close|, level the {what} of all rows of the {stretch} before"
        + ("; a week goes from Monday to Sunday by session date" if stretch == "week" else ""),
        source="Osler (2003), Currency orders and exchange rate dynamics, Journal of Finance 58(5), on orders at "
        "visible levels; the level by definition",
        unit="share of the close",
        nan_policy=_PRIOR,
        distrust=_FIRST,
    )


_BEFORE: Final = (
    _prior("prior_session_high_distance", "session", "highest price", _TODAY.out(3)),
    _prior("prior_session_low_distance", "session", "lowest price", _TODAY.out(4)),
    _prior("prior_session_close_distance", "session", "last close", _TODAY.out(5)),
    Feature(
        name="prior_session_position",
        family="structure",
        meaning="Where the price stands in the range of the session before; above 1 or below 0 it has left it.",
        warmup=lambda values: 2,
        build=lambda values: _position(_TODAY.out(4), _TODAY.out(3)),
        formula="(close - low) / (high - low), the extremes of the session before",
        source="definition",
        unit="share of the range",
        nan_policy=_PRIOR + _FLAT,
        distrust=_FIRST,
    ),
    _prior("prior_week_high_distance", "week", "highest price", _THIS_WEEK.out(3)),
    _prior("prior_week_low_distance", "week", "lowest price", _THIS_WEEK.out(4)),
    _prior("prior_week_close_distance", "week", "last close", _THIS_WEEK.out(5)),
    Feature(
        name="friday_range_position",
        family="structure",
        meaning="Where the price stands in the range of the session before the weekend.",
        own_parameters=(
            Parameter(
                "on_days",
                "monday",
                choices=("monday", "week"),
                why="A value only in the first session after the weekend, or all through its week.",
            ),
        ),
        warmup=lambda values: 2,
        build=_friday,
        formula="(close - low) / (high - low), the extremes of the last session of the calendar week before (Monday to "
        "Sunday by session date), as known on the first row of this week; with on_days=monday only in the session of "
        "that row",
        source="definition, after traders' habit of watching Friday's range on Monday",
        unit="share of the range",
        nan_policy="Sparse: NaN in the first week, with on_days=monday in every session but the first of its week, and "
        "in a row without a close. Missing prices are passed over; of a session without any known price the one before "
        "it is taken." + _FLAT,
        distrust="On markets that trade through the weekend it is the range of Sunday.",
    ),
    Feature(
        name="pivot_distance",
        family="structure",
        meaning="How far the price stands above a pivot that floor traders reckon from the session before.",
        own_parameters=(
            Parameter(
                "level",
                "p",
                choices=("p", "r1", "s1", "r2", "s2", "r3", "s3"),
                why="The pivot, a resistance above it or a support below it.",
            ),
        ),
        warmup=lambda values: 2,
        build=_pivot,
        formula="(close - level) / |close| with high H, low L and last close C of the session before: p = (H + L + "
        "C) / 3, r1 = 2 p - L, s1 = 2 p - H, r2 = p + (H - L), s2 = p - (H - L), r3 = H + 2 (p - L), s3 = L - 2 (H - "
        "p)",
        source=_PIVOT_SOURCE,
        unit="share of the close",
        nan_policy=_PRIOR,
        distrust=_FIRST,
    ),
)

_GAP: Final = (
    Feature(
        name="session_gap",
        family="structure",
        meaning="How far from the last session's close this one opened.",
        warmup=lambda values: 2,
        build=lambda values: -node("level.share", _TODAY.out(5), _TODAY),
        formula="(open - c) / |c|, open the first known open of the session, c the last close of the session before",
        source="definition",
        unit="share of the last session's close",
        nan_policy="Sparse: NaN in the first session, and before a session's first known open. Missing prices are "
        "passed over.",
        distrust="Where trading goes on around the clock hardly anything lies between two sessions.",
    ),
    Feature(
        name="session_gap_atr",
        family="structure",
        meaning="The opening gap measured in the range that a session usually has.",
        own_parameters=(whole("n", 14, 1, 1_000, "Sessions over which the true range is averaged."),),
        warmup=lambda values: int(values["n"]) + 1,
        build=_gap_in_ranges,
        formula="(open - c) / ATR; ATR is Wilder's mean over the true ranges of the sessions before this one: the "
        "plain mean of the first n, then m + (x - m) / n; a session's true range is max(high, last close) - min(low, "
        "last close), of the first session high - low",
        source="Wilder (1978), New Concepts in Technical Trading Systems, for the true range; the gap by definition",
        unit="average true ranges of a session",
        nan_policy="Sparse: NaN before n sessions are over. Missing prices are passed over.",
    ),
    Feature(
        name="session_gap_filled",
        family="structure",
        meaning="Whether the session has traded back to the last session's close.",
        warmup=lambda values: 2,
        build=lambda values: node("level.covers", _TODAY.out(2), _TODAY.out(1), _TODAY.out(5)),
        formula="1 if low <= c <= high, else 0; low and high the session's extremes up to this row, c the last close "
        "of the session before; a session that opens at c fills at once",
        source="definition",
        unit="flag",
        low=0.0,
        high=1.0,
        nan_policy="Sparse: NaN in the first session, and before a session's first known high and low. Missing prices "
        "are passed over.",
    ),
)

_NIGHT_RULE: Final = (
    "of the session's bars that start at or after its open and close by the regular open, known from the first bar "
    "that closes at or after the regular open"
)
_WINDOW_RULE: Final = (
    "of the session's bars that start at or after the regular open and close within the given minutes from it, known "
    "from the first bar that closes at or after their end"
)
_HOURS: Final = "Where the regular hours are the whole session it has no value."
_COARSE: Final = "Bars must be no longer than the window and must begin at the regular open, or there is no value."

_PARTS: Final = (
    Feature(
        name="overnight_high_distance",
        family="structure",
        meaning="How far the price stands above the highest price before the regular open.",
        warmup=lambda values: 1,
        build=lambda values: _distance(_OVERNIGHT),
        formula=f"(close - high) / |close|, high the highest {_NIGHT_RULE}",
        source="definition",
        unit="share of the close",
        nan_policy=_NIGHT,
        distrust=_HOURS,
    ),
    Feature(
        name="overnight_low_distance",
        family="structure",
        meaning="How far the price stands above the lowest price before the regular open.",
        warmup=lambda values: 1,
        build=lambda values: _distance(_OVERNIGHT.out(1)),
        formula=f"(close - low) / |close|, low the lowest {_NIGHT_RULE}",
        source="definition",
        unit="share of the close",
        nan_policy=_NIGHT,
        distrust=_HOURS,
    ),
    Feature(
        name="overnight_position",
        family="structure",
        meaning="Where the price stands in the range from before the regular open; outside 0 to 1 it has left it.",
        warmup=lambda values: 1,
        build=lambda values: _position(_OVERNIGHT.out(1), _OVERNIGHT),
        formula=f"(close - low) / (high - low), the extremes {_NIGHT_RULE}",
        source="definition",
        unit="share of the range",
        nan_policy=_NIGHT + _FLAT,
        distrust=_HOURS,
    ),
    Feature(
        name="overnight_width",
        family="structure",
        meaning="How far the price ranged before the regular open.",
        warmup=lambda values: 1,
        build=lambda values: _distance(_OVERNIGHT.out(1)) - _distance(_OVERNIGHT),
        formula=f"(high - low) / |close|, the extremes {_NIGHT_RULE}",
        source="definition",
        unit="share of the close",
        low=0.0,
        nan_policy=_NIGHT,
        distrust=_HOURS,
    ),
    Feature(
        name="opening_range_high_distance",
        family="structure",
        meaning="How far the price stands above the high of the first minutes of regular hours.",
        own_parameters=(_MINUTES,),
        warmup=lambda values: 1,
        build=lambda values: _distance(_opening(values)),
        formula=f"(close - high) / |close|, high the highest {_WINDOW_RULE}",
        source=_CRABEL,
        unit="share of the close",
        nan_policy=_OPENING,
        distrust=_COARSE,
    ),
    Feature(
        name="opening_range_low_distance",
        family="structure",
        meaning="How far the price stands above the low of the first minutes of regular hours.",
        own_parameters=(_MINUTES,),
        warmup=lambda values: 1,
        build=lambda values: _distance(_opening(values).out(1)),
        formula=f"(close - low) / |close|, low the lowest {_WINDOW_RULE}",
        source=_CRABEL,
        unit="share of the close",
        nan_policy=_OPENING,
        distrust=_COARSE,
    ),
    Feature(
        name="opening_range_position",
        family="structure",
        meaning="Where the price stands in the range of the first minutes of regular hours; above 1 it broke out.",
        own_parameters=(_MINUTES,),
        warmup=lambda values: 1,
        build=lambda values: _position(_opening(values).out(1), _opening(values)),
        formula=f"(close - low) / (high - low), the extremes {_WINDOW_RULE}",
        source=_CRABEL,
        unit="share of the range",
        nan_policy=_OPENING + _FLAT,
        distrust=_COARSE,
    ),
    Feature(
        name="opening_range_width",
        family="structure",
        meaning="How wide the range of the first minutes of regular hours was.",
        own_parameters=(_MINUTES,),
        warmup=lambda values: 1,
        build=lambda values: _distance(_opening(values).out(1)) - _distance(_opening(values)),
        formula=f"(high - low) / |close|, the extremes {_WINDOW_RULE}",
        source=_CRABEL,
        unit="share of the close",
        low=0.0,
        nan_policy=_OPENING,
        distrust=_COARSE,
    ),
    Feature(
        name="opening_range_break",
        family="structure",
        meaning="On which side the session first closed outside its opening range.",
        own_parameters=(_MINUTES,),
        warmup=lambda values: 1,
        build=_break,
        formula="1 from the first close above the range's high, -1 from the first close below its low, whichever came "
        f"first, to the session's end; 0 before; the extremes {_WINDOW_RULE}",
        source=_CRABEL,
        unit="side",
        low=-1.0,
        high=1.0,
        nan_policy=_OPENING,
        distrust=_COARSE,
    ),
)

DECLARED: Final = (*_SESSION_SO_FAR, *_BEFORE, *_GAP, *_PARTS)
"""Features of levels."""

COLUMNS: Final = (
    column("session_position"),
    column("session_open_distance"),
    column("prior_session_high_distance"),
    column("prior_session_low_distance"),
    column("prior_session_close_distance"),
    column("pivot_distance", level="p"),
    column("session_gap"),
    column("session_gap_filled"),
    column("prior_week_high_distance"),
    column("prior_week_low_distance"),
    column("friday_range_position", on_days="week"),
    column("overnight_position"),
    column("opening_range_position", minutes=30),
)
"""Columns of the set ``futures``."""
