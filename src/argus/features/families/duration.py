"""Duration: how long the market has been in its state, and how long ago its extremes were."""

from __future__ import annotations

from typing import Final

from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import Term, node
from argus.features.inputs import CLOSE, HIGH, LOW
from argus.features.series import SERIES_NAN, rows_of, series

__all__ = ["COLUMNS", "DECLARED"]

_PRICES: Final = "A missing value makes every output NaN whose window holds it."
_ENDS: Final = "A missing value also ends the state; the next row begins one."
_AS_LARGE: Final = 1e-9
"""Share of the largest move by which another may fall short and still be as large: more than rounding can make."""
_CLEARLY: Final = 1e-6
"""Share of a mean by which a deviation must be above it: more than rounding makes of one that equals it."""


def _n(values: Values) -> int:
    return int(values["n"])


def _run(state: Term) -> Term:
    return node("change.state_run", state)


def _streak(values: Values) -> Term:
    direction = w.sign(w.change(CLOSE))
    return direction * _run(direction)


def _volatility_run(values: Values) -> Term:
    spread, m = w.deviation(series("return"), _n(values)), int(values["m"])
    return _run(w.above(spread, w.total(spread, m) * ((1.0 + _CLEARLY) / m)))


def _since_move(n: int) -> Term:
    move = w.absolute(series("return"))
    return node("change.rows_since_large", move, w.highest(move, n), args=(n, 1.0 - _AS_LARGE))


def _since(name: str, meaning: str, x: str, formula: str, ties: str = "") -> Feature:
    def build(values: Values) -> Term:
        if x == "move":
            return _since_move(_n(values))
        return w.rows_since_highest(HIGH, _n(values)) if x == "high" else w.rows_since_lowest(LOW, _n(values))

    return Feature(
        name=name,
        family="duration",
        meaning=meaning,
        own_parameters=(rows_of(60),),
        warmup=lambda values: _n(values) + (1 if x == "move" else 0),
        build=build,
        formula=f"rows since {formula} of the last n rows, the latest of equals; 0 in that row{ties}",
        source="definition",
        unit="rows",
        low=0.0,
        high=9_999.0,
        nan_policy=SERIES_NAN if x == "move" else _PRICES,
    )


DECLARED: Final = (
    Feature(
        name="return_streak",
        family="duration",
        meaning="How many rows in a row the price has risen (above 0) or fallen (below 0).",
        warmup=lambda values: 2,
        build=_streak,
        formula="sign(close[t] - close[t-1]) times the rows in a row, this one included, with the same sign; 0 where "
        "the price stands still",
        source="definition",
        unit="rows",
        nan_policy=f"NaN where either price is missing. {_ENDS}",
    ),
    Feature(
        name="trend_duration",
        family="duration",
        meaning="How many rows the price has been on the same side of its average.",
        own_parameters=(rows_of(60),),
        warmup=_n,
        build=lambda values: _run(w.sign(CLOSE - w.repaired_mean(CLOSE, _n(values)))),
        formula="rows in a row, this one included, with the same sign of close - mean(last n closes); 0 counts as a "
        "sign of its own; the first row with a mean has 1",
        source="definition",
        unit="rows",
        low=1.0,
        nan_policy=f"{_PRICES} {_ENDS}",
    ),
    Feature(
        name="volatility_duration",
        family="duration",
        meaning="How many rows volatility has been above its own average, or has not been.",
        own_parameters=(
            rows_of(30, why="Rows that volatility is taken over."),
            whole("m", 120, 2, 10_000, "Rows that it is averaged over."),
        ),
        warmup=lambda values: _n(values) + int(values["m"]),
        build=_volatility_run,
        formula="rows in a row, this one included, in which s > (1 + 1e-6) mean(last m s) has been as it is, s the "
        "standard deviation (divisor n-1) of the last n log returns; the first row with a mean has 1",
        source="definition",
        unit="rows",
        low=1.0,
        nan_policy=f"{SERIES_NAN} {_ENDS}",
    ),
    _since("time_since_high", "How long ago the highest price of the last rows was.", "high", "the highest high"),
    _since("time_since_low", "How long ago the lowest price of the last rows was.", "low", "the lowest low"),
    _since(
        "time_since_move",
        "How long ago the largest single move of the last rows was.",
        "move",
        "the largest |ln(close[t] / close[t-1])|",
        "; moves not below (1 - 1e-9) times the largest count as equal to it",
    ),
)
"""Features of duration."""

COLUMNS: Final = (
    column("return_streak"),
    *(column("trend_duration", n=n) for n in (20, 60, 120, 240, 480)),
    *(column("volatility_duration", n=n, m=m) for n, m in ((30, 120), (60, 240), (120, 480))),
    *(
        column(name, n=n)
        for n in (60, 120, 240, 480)
        for name in ("time_since_high", "time_since_low", "time_since_move")
    ),
)
"""Columns of the set `physics`: durations."""
