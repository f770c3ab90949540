"""Oscillators: where the price stands within its recent range or mood, mostly between two fixed ends."""

from __future__ import annotations

from typing import Final

from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, real
from argus.features.families.price import EMA, SKIPPED_NAN, WINDOW_NAN, row_count, rows
from argus.features.graph import Node, Term, node
from argus.features.inputs import CLOSE, HIGH, LOW

__all__ = ["COLUMNS", "DECLARED"]

_RANGE_NAN: Final = "NaN where highest and lowest are equal."
_RSI: Final = (
    "rsi: 100 u / (u + v); u, v the means of rises and falls, max(x[t] - x[t-1], 0) and max(x[t-1] - x[t], 0), x the "
    "close: plain over the first n, then u + (rise - u) / n, v + (fall - v) / n"
)
_WILDER: Final = "Wilder (1978), New Concepts in Technical Trading Systems"
_LANE: Final = "Lane (1984), Lane's stochastics, Stocks & Commodities 2(3)"
_RSI_NAN: Final = (
    "A change from or to a missing price gives NaN and is skipped. NaN as long as nothing ever moved, and where u + v "
    "has faded below 1e-270."
)
_STILL: Final = 1e-9
"""Range of the RSI that is rounding: in a standstill rises and falls fade alike, so that only its last bits move."""


def _n(values: Values) -> int:
    return row_count(values)


def rsi(x: Term, n: int) -> Node:
    """Wilder's relative strength index, from 0 to 100."""
    return node("trend.relative_strength", x, args=(n,))


def _stochastic(values: Values) -> Node:
    return w.position(CLOSE, w.lowest(LOW, _n(values)), w.highest(HIGH, _n(values)), 100.0)


def _stochastic_d(values: Values) -> Term:
    return w.mean(_stochastic(values), row_count(values, "d"))


def _stochastic_slow_d(values: Values) -> Term:
    return w.mean(w.mean(_stochastic(values), row_count(values, "k")), row_count(values, "d"))


def _stochastic_rsi(values: Values) -> Term:
    strength, k = rsi(CLOSE, _n(values)), row_count(values, "k")
    return w.position(strength, w.lowest(strength, k), w.highest(strength, k), 100.0, least=_STILL)


def _cci(values: Values) -> Term:
    typical, n = w.typical_price(), _n(values)
    mean, spread = w.moments(typical, n)
    return w.gap_share(typical, mean, node("price.mean_distance", typical, mean, spread, args=(n,)), 1.0 / 0.015)


def _fisher(values: Values) -> Term:
    middle = (HIGH + LOW) / 2.0
    return node("trend.fisher", middle, w.lowest(middle, _n(values)), w.highest(middle, _n(values)))


def _ultimate(values: Values) -> Term:
    buying, way = CLOSE - w.smaller(LOW, w.lag(CLOSE, 1)), w.true_range()
    shares = [w.total(buying, n) / w.total(way, n) for n in (row_count(values, name) for name in ("a", "b", "c"))]
    return w.clip((shares[0] * 4.0 + shares[1] * 2.0 + shares[2]) * (100.0 / 7.0), 0.0, 100.0)


def _ultimate_warmup(values: Values) -> int:
    return max(row_count(values, name) for name in ("a", "b", "c")) + 1


def _efficiency(values: Values) -> Term:
    gone = w.total(w.absolute(w.change(CLOSE)), _n(values))
    return node("trend.efficiency", w.change(CLOSE, _n(values)), gone, args=(-1.0,))


def _choppiness(values: Values) -> Term:
    n = _n(values)
    return node("price.choppiness", w.total(w.true_range(), n), w.highest(HIGH, n), w.lowest(LOW, n), args=(n,))


def _mass(values: Values) -> Term:
    once = w.ema(HIGH - LOW, row_count(values, "span"))
    return w.total(once / w.ema(once, row_count(values, "span")), _n(values))


def _awesome(values: Values) -> Node:
    middle = (HIGH + LOW) / 2.0
    return w.mean(middle, row_count(values, "fast")) - w.mean(middle, row_count(values, "slow"))


def _bollinger_b(values: Values) -> Node:
    mean, deviation = w.moments(CLOSE, _n(values))[0], w.deviation(CLOSE, _n(values), 0)
    return w.gap_share(CLOSE, mean, deviation, 0.5 / float(values["k"])) + 0.5


def _bollinger_width(values: Values) -> Node:
    mean, deviation = w.moments(CLOSE, _n(values))[0], w.deviation(CLOSE, _n(values), 0)
    return w.share(deviation, mean, 2.0 * float(values["k"]))


_RANGE: Final = "L = min(low[t-n+1..t]), H = max(high[t-n+1..t])"
_STOCHASTIC: Final = f"100 (close - L) / (H - L), {_RANGE}"
_TRUE_RANGE: Final = "TR = max(high, close[t-1]) - min(low, close[t-1])"

DECLARED: Final = (
    Feature(
        name="rsi",
        family="price",
        meaning="Share of rises in all movement: above 70 prices have run up, below 30 down; trends stay there long.",
        own_parameters=(rows(14, "Rows of Wilder's means."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: rsi(CLOSE, _n(values)),
        formula=_RSI,
        source=_WILDER,
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=_RSI_NAN,
    ),
    Feature(
        name="stochastic_rsi",
        family="price",
        meaning="Where the RSI stands in its own recent range: an alarm that rings early and often.",
        own_parameters=(rows(14, "Rows of the RSI."), rows(14, "Rows of its range.", low=2, name="k")),
        warmup=lambda values: _n(values) + row_count(values, "k"),
        build=_stochastic_rsi,
        formula="100 (r - min) / (max - min) over the last k values of r, the RSI; a range of 1e-9 or less counts as "
        f"none, since only rounding makes it; {_RSI}",
        source="Chande, Kroll (1994), The New Technical Trader",
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=f"{_RSI_NAN} {WINDOW_NAN} NaN where the RSI has no range, as in a standstill.",
    ),
    Feature(
        name="stochastic_k",
        family="price",
        meaning="Fast %K: where the close stands in the range of the last rows; 100 at the top.",
        own_parameters=(rows(14, "Rows of the range."),),
        warmup=_n,
        build=_stochastic,
        formula=_STOCHASTIC,
        source=_LANE,
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=f"{WINDOW_NAN} {_RANGE_NAN}",
    ),
    Feature(
        name="stochastic_d",
        family="price",
        meaning="Fast %D, which is also slow %K: the stochastic smoothed once.",
        own_parameters=(rows(14, "Rows of the range."), rows(3, "Rows of the mean.", name="d")),
        warmup=lambda values: _n(values) + row_count(values, "d") - 1,
        build=_stochastic_d,
        formula=f"mean of the last d values of {_STOCHASTIC}",
        source=_LANE,
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=f"{WINDOW_NAN} {_RANGE_NAN}",
    ),
    Feature(
        name="stochastic_slow_d",
        family="price",
        meaning="Slow %D: the stochastic smoothed twice, for turns that last.",
        own_parameters=(
            rows(14, "Rows of the range."),
            rows(3, "Rows of the first mean, slow %K.", name="k"),
            rows(3, "Rows of the second mean.", name="d"),
        ),
        warmup=lambda values: _n(values) + row_count(values, "k") + row_count(values, "d") - 2,
        build=_stochastic_slow_d,
        formula=f"mean over d of the mean over k of {_STOCHASTIC}",
        source=_LANE,
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=f"{WINDOW_NAN} {_RANGE_NAN}",
    ),
    Feature(
        name="williams_r",
        family="price",
        meaning="How far the close is below the top of its range: 0 at the top, -100 at the bottom.",
        own_parameters=(rows(14, "Rows of the range."),),
        warmup=_n,
        build=lambda values: w.position(CLOSE, w.lowest(LOW, _n(values)), w.highest(HIGH, _n(values)), 100.0, -100.0),
        formula=f"-100 (H - close) / (H - L), {_RANGE}",
        source="Larry Williams, How I Made One Million Dollars Last Year Trading Commodities",
        unit="-100 to 0",
        low=-100.0,
        high=0.0,
        nan_policy=f"{WINDOW_NAN} {_RANGE_NAN}",
    ),
    Feature(
        name="cci",
        family="price",
        meaning="How unusual the price is, in mean distances from its average: beyond 100 it left the usual.",
        own_parameters=(rows(20, "Rows in the window.", low=2),),
        warmup=_n,
        build=_cci,
        formula="(p[t] - m) / (0.015 sum(|p[i] - m|) / n), p = (high + low + close) / 3, m its mean, i and m over "
        "t-n+1..t",
        source="Lambert (1980), Commodity Channel Index, Commodities (October)",
        unit="mean distances / 0.015",
        nan_policy=f"{WINDOW_NAN} NaN where all values of the window are equal.",
        distrust="It takes time in proportion to n.",
    ),
    Feature(
        name="fisher",
        family="price",
        meaning="The place in the range bent so that its ends stand out: sharp turns at extremes.",
        own_parameters=(rows(10, "Rows of the range.", low=2),),
        warmup=_n,
        build=_fisher,
        formula="f[t] = ln((1 + v) / (1 - v)) / 2 + f[t-1] / 2, v[t] = 0.66 ((p - min) / (max - min) - 0.5) + 0.67 "
        "v[t-1], above 0.99 set to 0.999, below -0.99 to -0.999, p = (high + low) / 2, min and max of the last n p; "
        "begins from v = f = 0",
        source="Ehlers (2002), Using the Fisher transform, Stocks & Commodities 20(11)",
        unit="Fisher's z",
        low=-7.7,
        high=7.7,
        nan_policy=f"{WINDOW_NAN} {_RANGE_NAN} Rows without a value are skipped.",
    ),
    Feature(
        name="ultimate_oscillator",
        family="price",
        meaning="Buying pressure over three horizons at once: share of the bars' way that was above their lows.",
        own_parameters=(
            rows(7, "Rows of the first horizon, weight 4.", name="a"),
            rows(14, "Rows of the second, weight 2.", name="b"),
            rows(28, "Rows of the third, weight 1.", name="c"),
        ),
        warmup=_ultimate_warmup,
        build=_ultimate,
        formula="100 (4 q(a) + 2 q(b) + q(c)) / 7, q(n) = sum(close - min(low, close[t-1])) / sum(TR) over n rows, "
        f"{_TRUE_RANGE}",
        source="Williams (1985), The ultimate oscillator, Stocks & Commodities 3(4)",
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=f"{WINDOW_NAN} NaN where nothing moved within a horizon.",
    ),
    Feature(
        name="choppiness",
        family="price",
        meaning="How much of the way was to and fro: near 100 a range, near 0 a straight run.",
        own_parameters=(rows(14, "Rows in the window.", low=2),),
        warmup=lambda values: _n(values) + 1,
        build=_choppiness,
        formula=f"100 ln(sum(TR) / (H - L)) / ln(n), sums over t-n+1..t, {_RANGE}, {_TRUE_RANGE}; a ratio below 1, "
        "which only rounding makes, counts as 1; above 100 after a gap into the window",
        source="E. W. Dreiss, Choppiness Index",
        unit="0 to about 100",
        low=0.0,
        nan_policy=f"{WINDOW_NAN} {_RANGE_NAN}",
    ),
    Feature(
        name="efficiency_ratio",
        family="price",
        meaning="Way made over way gone: 1 for a straight move, near 0 for noise.",
        own_parameters=(rows(10, "Rows in the window."),),
        warmup=lambda values: _n(values) + 1,
        build=_efficiency,
        formula="|x[t] - x[t-n]| / sum(|x[i] - x[i-1]|, i = t-n+1..t), x the close",
        source="Kaufman (1995), Smarter Trading",
        unit="share",
        low=0.0,
        high=1.0,
        nan_policy=f"{WINDOW_NAN} NaN where nothing moved.",
    ),
    Feature(
        name="mass_index",
        family="price",
        meaning="Whether ranges widen: a bulge above 27 that falls below 26.5 announces a turn, says Dorsey.",
        own_parameters=(rows(25, "Rows summed."), rows(9, "Span of both averages.", name="span")),
        warmup=lambda values: _n(values) + 2 * row_count(values, "span") - 2,
        build=_mass,
        formula=f"sum over n of e / ema(e), e = ema(high - low), both of that span; {EMA}",
        source="Dorsey (1992), The Mass Index, Stocks & Commodities 10(6)",
        unit="about n",
        low=0.0,
        nan_policy=f"{SKIPPED_NAN} {WINDOW_NAN} NaN as long as no bar ever had a range.",
    ),
    Feature(
        name="awesome_oscillator",
        family="price",
        meaning="Fast less slow average of the bars' middles, in points: the market's drive.",
        own_parameters=(
            rows(5, "Rows of the fast average.", name="fast"),
            rows(34, "Rows of the slow average.", name="slow"),
        ),
        warmup=lambda values: max(row_count(values, "fast"), row_count(values, "slow")),
        build=_awesome,
        formula="sma(p, fast) - sma(p, slow), p = (high + low) / 2",
        source="B. Williams (1998), New Trading Dimensions",
        unit="price",
        price_degree=1.0,
        nan_policy=WINDOW_NAN,
        distrust="Points of different years and markets do not compare; sma_cross does.",
    ),
    Feature(
        name="bollinger_b",
        family="price",
        meaning="Place between the Bollinger bands: 1 at the upper, 0 at the lower, outside beyond.",
        own_parameters=(
            rows(20, "Rows in the window.", low=2),
            real("k", 2.0, 0.01, 100.0, "Half-width in deviations."),
        ),
        warmup=_n,
        build=_bollinger_b,
        formula="(x[t] - m + k s) / (2 k s), m mean and s = sqrt(sum((x[i] - m)^2) / n) of x[t-n+1..t], x the close",
        source="Bollinger (2001), Bollinger on Bollinger Bands",
        unit="share of the bands' distance",
        nan_policy=f"{WINDOW_NAN} NaN where all values of the window are equal.",
    ),
    Feature(
        name="bollinger_width",
        family="price",
        meaning="Distance between the Bollinger bands: a squeeze if small, which often comes before a move.",
        own_parameters=(
            rows(20, "Rows in the window.", low=2),
            real("k", 2.0, 0.01, 100.0, "Half-width in deviations."),
        ),
        warmup=_n,
        build=_bollinger_width,
        formula="2 k s / m, m mean and s = sqrt(sum((x[i] - m)^2) / n) of x[t-n+1..t], x the close",
        source="Bollinger (2001), Bollinger on Bollinger Bands",
        unit="share of the average",
        low=0.0,
        nan_policy=f"{WINDOW_NAN} NaN where the average is not above zero.",
    ),
)
"""Oscillators and bands of one window."""

COLUMNS: Final = (
    column("rsi", n=14),
    column("rsi", n=60),
    column("stochastic_rsi", n=14),
    column("stochastic_k", n=14),
    column("stochastic_slow_d", n=60, k=3),
    column("williams_r", n=240),
    column("cci", n=20),
    column("fisher", n=10),
    column("choppiness", n=14),
    column("efficiency_ratio", n=30),
    column("mass_index", n=25),
    column("bollinger_b", n=20),
    column("bollinger_width", n=20),
)
"""Columns of these features in the set ``futures``."""
