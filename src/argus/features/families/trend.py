"""Trend: directional movement, stops, flows and lines, which say where the market goes and how surely."""

from __future__ import annotations

from typing import Final

from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, real
from argus.features.families.price import WINDOW_NAN, row_count, rows
from argus.features.graph import Node, Term, node
from argus.features.inputs import CLOSE, HIGH, LOW

__all__ = ["COLUMNS", "DECLARED"]

_WILDER: Final = "Wilder (1978), New Concepts in Technical Trading Systems"
_TRUE_RANGE: Final = "TR = max(high, close[t-1]) - min(low, close[t-1])"
_DIRECTION: Final = (
    f"{_TRUE_RANGE}; up = high - high[t-1], down = low[t-1] - low; +DM = up if up > down and up > 0 else 0, -DM = down "
    "if down > up and down > 0 else 0; S(x) = sum of the first n - 1 values, then S - S / n + x, used from the n-th "
    "value on; +DI = 100 S(+DM) / S(TR), -DI = 100 S(-DM) / S(TR); DX = 100 |+DI - -DI| / (+DI + -DI)"
)
_DIRECTION_NAN: Final = "A row in which it or the row before lacks a price gives NaN and is skipped."
_SAR: Final = (
    "Begins at row 1 (counted from 0): falling if low[0] - low[1] > 0 and above high[1] - high[0], else rising; stop = "
    "low[0] and extreme = high[1] if rising, high[0] and low[1] if falling. At each row: the stop is touched if low <= "
    "stop (rising; mirrored if falling): the side turns, stop = the extreme or beyond it the further of the last two "
    "bars' highs (row 1 counts for both at the start), that is the value; extreme = the row's low, a = step. If not "
    "touched the value is the stop; on a new extreme a = min(a + step, most). Then stop += a (extreme - stop), but not "
    "beyond the lows (rising) or highs (falling) of the row and the one before"
)
_SAR_SOURCE: Final = f"{_WILDER}; begun as in TA-Lib's SAR"
_SAR_PARAMETERS: Final = (
    real("step", 0.02, 0.0001, 1.0, "Step of the acceleration."),
    real("most", 0.2, 0.0001, 1.0, "Largest acceleration."),
)
_LINE: Final = (
    "least-squares line a + b i through x[t-n+1..t], x the close, i = 0..n-1: b = 12 sum((i - (n - 1) / 2) x) / "
    "(n (n^2 - 1)), exactly 0 if all are equal"
)
_KALMAN: Final = (
    "y = ln(close); level l, slope s, covariance P = [[p, q], [q, r]] in units of the observation's variance. First y: "
    "l = y, s = 0, p = 1, q = 0, r = 1. Each further y: l += s; p += 2 q + r + level, q += r, r += slope; "
    "g = p / (p + 1), h = q / (p + 1); e = y - l; l += g e, s += h e; r -= h q, p *= 1 - g, q *= 1 - g. "
    "Gains stay as they are once both move by less than 1e-13 of themselves; first value at the n-th y"
)
_HARVEY: Final = "Harvey (1989), Forecasting, Structural Time Series Models and the Kalman Filter: local linear trend"
_KALMAN_PARAMETERS: Final = (
    real("level", 0.01, 0.0, 1e6, "Variance of the level's own steps over that of an observation."),
    real("slope", 0.0001, 1e-12, 1e6, "Variance of the slope's steps over that of an observation."),
    rows(50, "Values before the first output.", low=2),
)
_KALMAN_NAN: Final = "A missing, zero or negative price gives NaN in its row and is otherwise skipped."
_VORTEX: Final = (
    f"V+ = sum(|high - low[t-1]|) / sum(TR), V- = sum(|low - high[t-1]|) / sum(TR), over n rows, {_TRUE_RANGE}"
)
_BOTES: Final = "Botes, Siepman (2010), The Vortex Indicator, Stocks & Commodities 28(1)"


def _n(values: Values) -> int:
    return row_count(values)


def _aroon_up(values: Values) -> Node:
    return w.rows_since_highest(HIGH, _n(values) + 1) * (-100.0 / _n(values)) + 100.0


def _aroon_down(values: Values) -> Node:
    return w.rows_since_lowest(LOW, _n(values) + 1) * (-100.0 / _n(values)) + 100.0


def _aroon(values: Values) -> Node:
    n = _n(values)
    return (w.rows_since_lowest(LOW, n + 1) - w.rows_since_highest(HIGH, n + 1)) * (100.0 / n)


def _directional(values: Values, output: int) -> Node:
    return node("trend.directional", HIGH, LOW, CLOSE, args=(_n(values),), output=output)


def _stop(values: Values, output: int = 0) -> Node:
    return node("trend.parabolic", HIGH, LOW, args=(float(values["step"]), float(values["most"])), output=output)


def _vortex(values: Values) -> tuple[Term, Term, Term]:
    up = w.absolute(HIGH - w.lag(LOW, 1))
    down = w.absolute(LOW - w.lag(HIGH, 1))
    n = _n(values)
    return w.total(up, n), w.total(down, n), w.total(w.true_range(), n)


def _kalman(values: Values, output: int) -> Node:
    args = (float(values["level"]), float(values["slope"]), _n(values))
    return node("trend.local_trend", w.log(CLOSE), args=args, output=output)


DECLARED: Final = (
    Feature(
        name="aroon_up",
        family="price",
        meaning="How fresh the highest high is: 100 now, 0 n rows ago.",
        own_parameters=(rows(25, "Rows looked back."),),
        warmup=lambda values: _n(values) + 1,
        build=_aroon_up,
        formula="100 (n - rows since max(high[t-n..t])) / n, the latest of equals",
        source="Chande (1995), A time price oscillator, Stocks & Commodities 13(9)",
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=WINDOW_NAN,
    ),
    Feature(
        name="aroon_down",
        family="price",
        meaning="How fresh the lowest low is: 100 now, 0 n rows ago.",
        own_parameters=(rows(25, "Rows looked back."),),
        warmup=lambda values: _n(values) + 1,
        build=_aroon_down,
        formula="100 (n - rows since min(low[t-n..t])) / n, the latest of equals",
        source="Chande (1995), A time price oscillator, Stocks & Commodities 13(9)",
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=WINDOW_NAN,
    ),
    Feature(
        name="aroon_oscillator",
        family="price",
        meaning="Whether the last extreme was a high or a low, and how long the other one is ago.",
        own_parameters=(rows(25, "Rows looked back."),),
        warmup=lambda values: _n(values) + 1,
        build=_aroon,
        formula="100 (rows since min(low[t-n..t]) - rows since max(high[t-n..t])) / n, the latest of equals; "
        "aroon_up - aroon_down",
        source="Chande (1995), A time price oscillator, Stocks & Commodities 13(9)",
        unit="-100 to 100",
        low=-100.0,
        high=100.0,
        nan_policy=WINDOW_NAN,
    ),
    Feature(
        name="plus_di",
        family="price",
        meaning="Share of the true range that was movement up, smoothed.",
        own_parameters=(rows(14, "Rows of Wilder's sums.", low=2),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _directional(values, 0),
        formula=_DIRECTION,
        source=_WILDER,
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=f"{_DIRECTION_NAN} NaN as long as nothing ever moved.",
    ),
    Feature(
        name="minus_di",
        family="price",
        meaning="Share of the true range that was movement down, smoothed.",
        own_parameters=(rows(14, "Rows of Wilder's sums.", low=2),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _directional(values, 1),
        formula=_DIRECTION,
        source=_WILDER,
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=f"{_DIRECTION_NAN} NaN as long as nothing ever moved.",
    ),
    Feature(
        name="dx",
        family="price",
        meaning="How one-sided the movement is, up or down alike.",
        own_parameters=(rows(14, "Rows of Wilder's sums.", low=2),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _directional(values, 2),
        formula=_DIRECTION,
        source=_WILDER,
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=f"{_DIRECTION_NAN} NaN as long as nothing ever moved.",
    ),
    Feature(
        name="adx",
        family="price",
        meaning="Strength of the trend, whichever way: above 25 there is one, below 20 there is none, by custom.",
        own_parameters=(rows(14, "Rows of Wilder's sums.", low=2),),
        warmup=lambda values: 2 * _n(values),
        build=lambda values: w.wilder(_directional(values, 2), _n(values)),
        formula=f"mean of the first n DX, then ADX + (DX - ADX) / n; {_DIRECTION}",
        source=_WILDER,
        unit="0 to 100",
        low=0.0,
        high=100.0,
        nan_policy=f"{_DIRECTION_NAN} NaN as long as nothing ever moved.",
    ),
    Feature(
        name="sar",
        family="price",
        meaning="Wilder's stop and reverse: where a trend follower would get out and turn round.",
        own_parameters=_SAR_PARAMETERS,
        warmup=lambda values: 2,
        build=_stop,
        formula=_SAR,
        source=_SAR_SOURCE,
        unit="price",
        price_degree=1.0,
        nan_policy="A row without prices gives NaN and is skipped.",
    ),
    Feature(
        name="sar_distance",
        family="price",
        meaning="How far the close is from the parabolic stop: above zero in a rise, below in a fall.",
        own_parameters=_SAR_PARAMETERS,
        warmup=lambda values: 2,
        build=lambda values: w.gap_share(CLOSE, _stop(values), CLOSE),
        formula=f"(close - stop) / close; {_SAR}",
        source=_SAR_SOURCE,
        unit="share of the close",
        nan_policy="A row without prices gives NaN and is skipped. NaN where the close is not above zero.",
    ),
    Feature(
        name="sar_side",
        family="price",
        meaning="Which side the parabolic stop holds: 1 long, -1 short.",
        own_parameters=_SAR_PARAMETERS,
        warmup=lambda values: 2,
        build=lambda values: _stop(values, 1),
        formula=f"1 if rising, -1 if falling, after the row; {_SAR}",
        source=_SAR_SOURCE,
        unit="-1 or 1",
        low=-1.0,
        high=1.0,
        nan_policy="A row without prices gives NaN and is skipped.",
    ),
    Feature(
        name="linreg",
        family="price",
        meaning="Where a straight line through the last rows stands now: an average that does not lag in a trend.",
        own_parameters=(rows(20, "Rows of the line.", low=2),),
        warmup=_n,
        build=lambda values: w.line_end(CLOSE, _n(values)),
        formula=f"mean + b (n - 1) / 2; {_LINE}",
        source="definition (ordinary least squares)",
        unit="price",
        price_degree=1.0,
        nan_policy=WINDOW_NAN,
    ),
    Feature(
        name="linear_slope",
        family="price",
        meaning="How fast the price goes, by a straight line through the last rows.",
        own_parameters=(rows(20, "Rows of the line.", low=2),),
        warmup=_n,
        build=lambda values: w.share(w.slope(CLOSE, _n(values)), CLOSE),
        formula=f"b / x[t]; {_LINE}",
        source="definition (ordinary least squares)",
        unit="share of the close per row",
        nan_policy=f"{WINDOW_NAN} NaN where the close is not above zero.",
    ),
    Feature(
        name="linear_r2",
        family="price",
        meaning="How straight the way was: 1 a line, 0 no direction at all.",
        own_parameters=(rows(20, "Rows of the line.", low=3),),
        warmup=_n,
        build=lambda values: w.r_squared(CLOSE, _n(values)),
        formula=f"b^2 n (n^2 - 1) / 12 / sum((x - mean)^2); {_LINE}",
        source="definition (ordinary least squares)",
        unit="share",
        low=0.0,
        high=1.0,
        nan_policy=f"{WINDOW_NAN} NaN where all values of the window are equal.",
    ),
    Feature(
        name="linear_residual",
        family="price",
        meaning="How far the price is from the end of its own line, in standard deviations about the line.",
        own_parameters=(rows(20, "Rows of the line.", low=3),),
        warmup=_n,
        build=lambda values: w.line_score(CLOSE, _n(values)),
        formula="(x[t] - mean - b (n - 1) / 2) / sqrt(R / (n - 2)), R = sum((x - mean)^2) - b^2 n (n^2 - 1) / 12; "
        f"{_LINE}",
        source="definition (ordinary least squares)",
        unit="standard deviations",
        nan_policy=f"{WINDOW_NAN} NaN where R is at most 1e-12 of sum((x - mean)^2).",
    ),
    Feature(
        name="vortex_plus",
        family="price",
        meaning="Upward flow: how far highs reached above the lows before.",
        own_parameters=(rows(14, "Rows summed."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.share(_vortex(values)[0], _vortex(values)[2]),
        formula=_VORTEX,
        source=_BOTES,
        unit="share of the true range",
        low=0.0,
        nan_policy=f"{WINDOW_NAN} NaN where nothing moved.",
    ),
    Feature(
        name="vortex_minus",
        family="price",
        meaning="Downward flow: how far lows reached below the highs before.",
        own_parameters=(rows(14, "Rows summed."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.share(_vortex(values)[1], _vortex(values)[2]),
        formula=_VORTEX,
        source=_BOTES,
        unit="share of the true range",
        low=0.0,
        nan_policy=f"{WINDOW_NAN} NaN where nothing moved.",
    ),
    Feature(
        name="vortex",
        family="price",
        meaning="Upward less downward flow: its sign is the trend.",
        own_parameters=(rows(14, "Rows summed."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.gap_share(*_vortex(values)),
        formula=f"V+ - V-; {_VORTEX}",
        source=_BOTES,
        unit="share of the true range",
        nan_policy=f"{WINDOW_NAN} NaN where nothing moved.",
    ),
    Feature(
        name="kalman_slope",
        family="price",
        meaning="Trend per row as a filter sees it that lets level and slope wander.",
        own_parameters=_KALMAN_PARAMETERS,
        warmup=_n,
        build=lambda values: _kalman(values, 1),
        formula=f"s; {_KALMAN}",
        source=_HARVEY,
        unit="log return per row",
        nan_policy=_KALMAN_NAN,
    ),
    Feature(
        name="kalman_distance",
        family="price",
        meaning="How far the price is from the level that the filter believes in.",
        own_parameters=_KALMAN_PARAMETERS,
        warmup=_n,
        build=lambda values: _kalman(values, 0),
        formula=f"y - l; {_KALMAN}",
        source=_HARVEY,
        unit="log return",
        nan_policy=_KALMAN_NAN,
    ),
)
"""Directional movement, stops, flows and lines."""

COLUMNS: Final = (
    column("aroon_oscillator", n=25),
    column("adx", n=14),
    column("plus_di", n=14),
    column("minus_di", n=14),
    column("sar_distance"),
    column("linear_slope", n=60),
    column("linear_r2", n=60),
    column("linear_residual", n=60),
    column("vortex", n=14),
    column("kalman_slope"),
)
"""Columns of these features in the set ``futures``."""
