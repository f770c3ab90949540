"""Shapes of one, two or three bars, by their declared formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from argus.core.arrays import F64_1D
from tests.features.market import Market
from tests.features.oracles.plain import NAN, Oracle, blank

Values = Mapping[str, Any]
_BODY: Final = "open close"
_RANGE: Final = "high low"
_ALL: Final = f"{_BODY} {_RANGE}"


class Bar(NamedTuple):
    """The four prices of a bar."""

    open: float
    high: float
    low: float
    close: float

    @property
    def body(self) -> float:
        return self._share(self.close - self.open)

    @property
    def upper(self) -> float:
        return self._share(self.high - max(self.open, self.close))

    @property
    def lower(self) -> float:
        return self._share(min(self.open, self.close) - self.low)

    def _share(self, length: float) -> float:
        return length / (self.high - self.low) if self.high != self.low else 0.0


def _shape(rule: Callable[[list[Bar], Values], float], *needed: str) -> Oracle:
    """The rule on the last bars, oldest first; of each the prices named in `needed` must be known."""

    def oracle(columns: Market, values: Values) -> F64_1D:
        found = blank(columns)
        every = [Bar(*map(float, four)) for four in zip(*(columns[name] for name in Bar._fields), strict=True)]
        for t in range(len(needed) - 1, len(found)):
            last = every[t - len(needed) + 1 : t + 1]
            prices = [getattr(bar, name) for bar, names in zip(last, needed, strict=True) for name in names.split()]
            if not any(map(math.isnan, prices)):
                found[t] = rule(last, values)
        return found

    return oracle


def _side(is_up: bool, is_down: bool) -> float:
    return float(is_up) - float(is_down)


def _marubozu(bars: list[Bar], values: Values) -> float:
    return _side(bars[0].body >= values["least"], bars[0].body <= -values["least"])


def _hammer(bars: list[Bar], values: Values) -> float:
    bar, long, most = bars[0], values["bodies"] * abs(bars[0].body), values["most"]
    is_hammer = bar.lower >= long and bar.upper <= most and bar.body != 0
    is_star = bar.upper >= long and bar.lower <= most and bar.body != 0
    return _side(is_hammer, is_star)


def _engulfing(bars: list[Bar], values: Values) -> float:
    old, new = bars
    is_larger = abs(new.close - new.open) > abs(old.close - old.open)
    is_up = old.close < old.open and new.close > new.open and new.open <= old.close and new.close >= old.open
    is_down = old.close > old.open and new.close < new.open and new.open >= old.close and new.close <= old.open
    return _side(is_up and is_larger, is_down and is_larger)


def _star(bars: list[Bar], values: Values) -> float:
    first, second, third = (bar.close - bar.open for bar in bars)
    if abs(first) < values["least"] * (bars[0].high - bars[0].low) or abs(second) > values["most"] * abs(first):
        return 0.0
    middle = (bars[0].open + bars[0].close) / 2
    return _side(
        first < 0 and third > 0 and bars[2].close > middle,
        first > 0 and third < 0 and bars[2].close < middle,
    )


def _inside(bars: list[Bar], values: Values) -> float:
    return float(bars[1].high < bars[0].high and bars[1].low > bars[0].low)


def _outside(bars: list[Bar], values: Values) -> float:
    return float(bars[1].high > bars[0].high and bars[1].low < bars[0].low)


def consecutive_bars(columns: Market, values: Values) -> F64_1D:
    close, found = columns["close"], blank(columns)
    run = 0.0
    for t in range(1, len(found)):
        if np.isnan(close[t]) or np.isnan(close[t - 1]):
            run, found[t] = 0.0, NAN
            continue
        if close[t] > close[t - 1]:
            run = max(run, 0.0) + 1.0
        elif close[t] < close[t - 1]:
            run = min(run, 0.0) - 1.0
        else:
            run = 0.0
        found[t] = run
    return found


ORACLES: Final[dict[str, Oracle]] = {
    "body_share": _shape(lambda bars, _: bars[0].body, _ALL),
    "upper_wick_share": _shape(lambda bars, _: bars[0].upper, _ALL),
    "lower_wick_share": _shape(lambda bars, _: bars[0].lower, _ALL),
    "doji": _shape(lambda bars, values: float(abs(bars[0].body) <= values["most"]), _ALL),
    "marubozu": _shape(_marubozu, _ALL),
    "hammer": _shape(_hammer, _ALL),
    "engulfing": _shape(_engulfing, _BODY, _BODY),
    "star": _shape(_star, _ALL, _BODY, _BODY),
    "inside_bar": _shape(_inside, _RANGE, _RANGE),
    "outside_bar": _shape(_outside, _RANGE, _RANGE),
    "consecutive_bars": consecutive_bars,
}
