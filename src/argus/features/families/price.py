"""Price: where it stands against its own past and its averages, and how fast it got there."""

from __future__ import annotations

import math
from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import Node, Term, node
from argus.features.inputs import CLOSE

__all__ = ["COLUMNS", "DECLARED", "EMA", "SKIPPED_NAN", "WINDOW_NAN", "row_count", "rows"]

WINDOW_NAN: Final = "A missing value makes every output NaN whose window holds it."
SKIPPED_NAN: Final = "A missing value gives NaN in its row and is otherwise skipped."
_RETURN_NAN: Final = "NaN where either price is missing, zero or negative."
_SHARE_NAN: Final = "NaN where the average is not above zero."


def rows(default: int, why: str, low: int = 1, name: str = "n") -> Parameter:
    """A parameter that counts rows."""
    return whole(name, default, low, 100_000, why)


def row_count(values: Values, name: str = "n") -> int:
    """Value of a parameter that counts rows."""
    return int(values[name])


def _n(values: Values) -> int:
    return row_count(values)


def _span(values: Values) -> int:
    return row_count(values, "span")


def _fast(values: Values) -> int:
    return row_count(values, "fast")


def _slow(values: Values) -> int:
    return row_count(values, "slow")


def _momentum(values: Values) -> Term:
    skip = int(values["skip"])
    return w.growth(w.lag(CLOSE, skip) if skip else CLOSE, _n(values))


def hull(x: Term, n: int) -> Node:
    """Hull's average: a weighted mean over the root of `n` rows of twice the half-window mean less the whole one."""
    return w.wma(2.0 * w.wma(x, n // 2) - w.wma(x, n), math.isqrt(n))


def adaptive(x: Term, n: int, fast: float, slow: float) -> Node:
    """Kaufman's adaptive average."""
    ratio = node("trend.efficiency", w.change(x, n), w.total(w.absolute(w.change(x)), n), args=(1.0,))
    return node("trend.adaptive", x, ratio, args=(fast, slow))


def _kama(values: Values) -> Term:
    return adaptive(CLOSE, _n(values), _fast(values), _slow(values))


def _from(average: Term) -> Node:
    return w.gap_share(CLOSE, average, average)


def macd_line(values: Values) -> Node:
    """Fast less slow exponential mean of the close."""
    return w.ema(CLOSE, _fast(values)) - w.ema(CLOSE, _slow(values))


def _ppo(values: Values) -> Node:
    slow = w.ema(CLOSE, _slow(values))
    return w.gap_share(w.ema(CLOSE, _fast(values)), slow, slow, 100.0)


def _signal(line: Term, values: Values) -> Node:
    return w.ema(line, int(values["signal"]))


def _slower(values: Values) -> int:
    return max(_fast(values), _slow(values))


def _signal_warmup(values: Values) -> int:
    return _slower(values) + int(values["signal"]) - 1


def _trix(values: Values) -> Term:
    smooth = w.ema(w.ema(w.ema(CLOSE, _span(values)), _span(values)), _span(values))
    return w.growth(smooth) * 100.0


def _coppock(values: Values) -> Term:
    both = w.growth(CLOSE, int(values["short"])) * 100.0 + w.growth(CLOSE, int(values["long"])) * 100.0
    return w.wma(both, _n(values))


def _coppock_warmup(values: Values) -> int:
    return max(int(values["short"]), int(values["long"])) + _n(values)


_CROSSED: Final = (
    rows(12, "Span of the fast average.", name="fast"),
    rows(26, "Span of the slow average.", name="slow"),
)
_SIGNALLED: Final = (*_CROSSED, rows(9, "Span of the signal line.", name="signal"))
_KAUFMAN: Final = (
    rows(10, "Rows of the efficiency ratio."),
    rows(2, "Span in a straight trend.", name="fast"),
    rows(30, "Span where the price goes nowhere.", name="slow"),
)
EMA: Final = (
    "ema(s): sum(d^i x[t-i]) / sum(d^i), d = 1 - 2 / (s + 1), over all values so far, none before s values; x the "
    "close where nothing else is named"
)
_WMA: Final = "wma(x, n): sum((n - i) x[t-i], i = 0..n-1) / (n (n + 1) / 2)"
_HMA: Final = f"wma(2 wma(close, n // 2) - wma(close, n), floor(sqrt(n))); {_WMA}"
_HULL_SOURCE: Final = "Alan Hull (2005), Hull moving average"
_KAMA: Final = (
    "k[t] = k[t-1] + c^2 (x[t] - k[t-1]), c = e (2 / (fast + 1) - 2 / (slow + 1)) + 2 / (slow + 1), "
    "e = |x[t] - x[t-n]| / sum(|x[i] - x[i-1]|, i = t-n+1..t), 1 where nothing moved, x the close; first value at "
    "row n (counted from 0), before which k[n-1] = x[n-1]; so too if prices were missing: k begins as the price before "
    "the first value"
)
_KAUFMAN_SOURCE: Final = "Kaufman (1995), Smarter Trading; begun as in TA-Lib's KAMA"
_KAMA_NAN: Final = "NaN where a missing value lies within n rows; such rows are skipped."
_APPEL: Final = "Gerald Appel (1979), Moving Average Convergence-Divergence"


def _hull_warmup(values: Values) -> int:
    return _n(values) + math.isqrt(_n(values)) - 1


DECLARED: Final = (
    Feature(
        name="sma",
        family="price",
        meaning="The average price of the last rows: a slow picture of where the market has been.",
        own_parameters=(rows(20, "Rows averaged."),),
        warmup=_n,
        build=lambda values: w.mean(CLOSE, _n(values)),
        formula="sum(close[t-n+1..t]) / n; exact where the sums of the prices are (on a binary grid such as 0.25)",
        source="definition",
        unit="price",
        price_degree=1.0,
        nan_policy=WINDOW_NAN,
    ),
    Feature(
        name="ema",
        family="price",
        meaning="An average that forgets: recent prices weigh most, old ones fade without ever dropping out.",
        own_parameters=(whole("span", 20, 1, 100_000, "Span: the newest value weighs about 2 / (span + 1)."),),
        warmup=_span,
        build=lambda values: w.ema(CLOSE, _span(values)),
        formula="sum(d^i close[t-i]) / sum(d^i), d = 1 - 2 / (span + 1), over all closes so far, "
        "none before span closes",
        source="definition; normalised weights, so that the first value has no excess influence",
        unit="price",
        price_degree=1.0,
        nan_policy=SKIPPED_NAN,
    ),
    Feature(
        name="wma",
        family="price",
        meaning="An average whose weights fall in a straight line from the newest price to the oldest.",
        own_parameters=(rows(20, "Rows averaged.", low=2),),
        warmup=_n,
        build=lambda values: w.wma(CLOSE, _n(values)),
        formula=f"wma(close, n); {_WMA}",
        source="definition",
        unit="price",
        price_degree=1.0,
        nan_policy=WINDOW_NAN,
    ),
    Feature(
        name="hma",
        family="price",
        meaning="A smooth average that hardly lags: what a weighted mean is behind is added on top.",
        own_parameters=(rows(20, "Rows of the longest mean in it.", low=4),),
        warmup=_hull_warmup,
        build=lambda values: hull(CLOSE, _n(values)),
        formula=_HMA,
        source=_HULL_SOURCE,
        unit="price",
        price_degree=1.0,
        nan_policy=WINDOW_NAN,
        distrust="It overshoots after jumps, so it can lie outside all prices of its window.",
    ),
    Feature(
        name="kama",
        family="price",
        meaning="An average that follows a straight trend closely and stands still where prices go to and fro.",
        own_parameters=_KAUFMAN,
        warmup=lambda values: _n(values) + 1,
        build=_kama,
        formula=_KAMA,
        source=_KAUFMAN_SOURCE,
        unit="price",
        price_degree=1.0,
        nan_policy=_KAMA_NAN,
    ),
    Feature(
        name="log_return",
        family="price",
        meaning="How far the price went over the last rows; log returns of following stretches add up.",
        own_parameters=(rows(1, "Rows the return spans."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.log_growth(CLOSE, _n(values)),
        formula="ln(close[t] / close[t-n])",
        source="definition",
        unit="log return over n rows",
        nan_policy=_RETURN_NAN,
    ),
    Feature(
        name="momentum",
        family="price",
        meaning="The return over a stretch, with the newest rows left out if asked, where prices tend to swing back.",
        own_parameters=(
            rows(250, "Rows the return spans."),
            whole("skip", 0, 0, 10_000, "Most recent rows left out."),
        ),
        warmup=lambda values: _n(values) + int(values["skip"]) + 1,
        build=_momentum,
        formula="close[t-skip] / close[t-skip-n] - 1",
        source="Moskowitz, Ooi, Pedersen (2012), Time series momentum, Journal of Financial Economics 104(2)",
        unit="return over n rows",
        low=-1.0,
        nan_policy=_RETURN_NAN,
    ),
    Feature(
        name="roc",
        family="price",
        meaning="Rate of change: the return over the last rows in percent.",
        own_parameters=(rows(10, "Rows the change spans."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.growth(CLOSE, _n(values)) * 100.0,
        formula="100 (close[t] / close[t-n] - 1)",
        source="definition",
        unit="percent",
        low=-100.0,
        nan_policy=_RETURN_NAN,
    ),
    Feature(
        name="zscore",
        family="price",
        meaning="How unusual the price is against its own recent past, in standard deviations.",
        own_parameters=(rows(20, "Rows in the window.", low=2),),
        warmup=_n,
        build=lambda values: w.zscore(CLOSE, _n(values)),
        formula="(close[t] - mean) / std, both over close[t-n+1..t], std with divisor n - 1",
        source="definition",
        unit="sample standard deviations",
        nan_policy=f"{WINDOW_NAN} NaN where all values of the window are equal.",
    ),
    Feature(
        name="sma_distance",
        family="price",
        meaning="How far the price has run from its average: stretched if large, at rest near zero.",
        own_parameters=(rows(20, "Rows averaged."),),
        warmup=_n,
        build=lambda values: _from(w.mean(CLOSE, _n(values))),
        formula="close[t] / sma - 1, sma = sum(close[t-n+1..t]) / n",
        source="definition",
        unit="share of the average",
        nan_policy=f"{WINDOW_NAN} {_SHARE_NAN}",
    ),
    Feature(
        name="ema_distance",
        family="price",
        meaning="How far the price has run from an average that forgets.",
        own_parameters=(rows(20, "Span of the average.", name="span"),),
        warmup=_span,
        build=lambda values: _from(w.ema(CLOSE, _span(values))),
        formula=f"close[t] / ema(span) - 1; {EMA}",
        source="definition",
        unit="share of the average",
        nan_policy=f"{SKIPPED_NAN} {_SHARE_NAN}",
    ),
    Feature(
        name="hma_distance",
        family="price",
        meaning="How far the price is from Hull's fast average: a short stretch or a fresh turn.",
        own_parameters=(rows(20, "Rows of the longest mean in it.", low=4),),
        warmup=_hull_warmup,
        build=lambda values: _from(hull(CLOSE, _n(values))),
        formula=f"close[t] / h - 1, h = {_HMA}",
        source=_HULL_SOURCE,
        unit="share of the average",
        nan_policy=f"{WINDOW_NAN} {_SHARE_NAN}",
    ),
    Feature(
        name="kama_distance",
        family="price",
        meaning="How far the price is from the average that stands still in noise: large when a range is left.",
        own_parameters=_KAUFMAN,
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _from(_kama(values)),
        formula=f"close[t] / k[t] - 1; {_KAMA}",
        source=_KAUFMAN_SOURCE,
        unit="share of the average",
        nan_policy=f"{_KAMA_NAN} {_SHARE_NAN}",
    ),
    Feature(
        name="sma_cross",
        family="price",
        meaning="Fast over slow average: above zero after a golden cross, below after a death cross, and by how much.",
        own_parameters=(
            rows(50, "Rows of the fast average.", name="fast"),
            rows(200, "Rows of the slow one.", name="slow"),
        ),
        warmup=_slower,
        build=lambda values: w.gap_share(
            w.mean(CLOSE, _fast(values)), w.mean(CLOSE, _slow(values)), w.mean(CLOSE, _slow(values))
        ),
        formula="sma(fast) / sma(slow) - 1, sma(n) = sum(close[t-n+1..t]) / n",
        source="definition",
        unit="share of the slow average",
        nan_policy=f"{WINDOW_NAN} {_SHARE_NAN}",
    ),
    Feature(
        name="macd",
        family="price",
        meaning="Fast less slow average in points: the pull of the trend.",
        own_parameters=_CROSSED,
        warmup=_slower,
        build=macd_line,
        formula=f"ema(fast) - ema(slow); {EMA}",
        source=f"{_APPEL}; averages with normalised weights, which TA-Lib's come to after some spans",
        unit="price",
        price_degree=1.0,
        nan_policy=SKIPPED_NAN,
        distrust="Points of different years and markets do not compare; ppo does.",
    ),
    Feature(
        name="macd_signal",
        family="price",
        meaning="The MACD line smoothed: what it has to cross to give a signal.",
        own_parameters=_SIGNALLED,
        warmup=_signal_warmup,
        build=lambda values: _signal(macd_line(values), values),
        formula=f"ema(signal) of ema(fast) - ema(slow); {EMA}",
        source=_APPEL,
        unit="price",
        price_degree=1.0,
        nan_policy=SKIPPED_NAN,
    ),
    Feature(
        name="macd_histogram",
        family="price",
        meaning="MACD less its signal line: whether the trend gains or loses pull.",
        own_parameters=_SIGNALLED,
        warmup=_signal_warmup,
        build=lambda values: macd_line(values) - _signal(macd_line(values), values),
        formula=f"m - ema(signal) of m, m = ema(fast) - ema(slow); {EMA}",
        source=_APPEL,
        unit="price",
        price_degree=1.0,
        nan_policy=SKIPPED_NAN,
    ),
    Feature(
        name="ppo",
        family="price",
        meaning="Fast over slow exponential average in percent: the MACD that compares between markets and years.",
        own_parameters=_CROSSED,
        warmup=_slower,
        build=_ppo,
        formula=f"100 (ema(fast) / ema(slow) - 1); {EMA}",
        source=f"{_APPEL}, as a percentage",
        unit="percent",
        nan_policy=f"{SKIPPED_NAN} {_SHARE_NAN}",
    ),
    Feature(
        name="ppo_histogram",
        family="price",
        meaning="Percentage oscillator less its signal line: whether the trend gains or loses pull.",
        own_parameters=_SIGNALLED,
        warmup=_signal_warmup,
        build=lambda values: _ppo(values) - _signal(_ppo(values), values),
        formula=f"p - ema(signal) of p, p = 100 (ema(fast) / ema(slow) - 1); {EMA}",
        source=f"{_APPEL}, as a percentage",
        unit="percent",
        nan_policy=f"{SKIPPED_NAN} {_SHARE_NAN}",
    ),
    Feature(
        name="trix",
        family="price",
        meaning="Growth of an average smoothed three times: the trend with small swings taken out.",
        own_parameters=(rows(15, "Span of each of the three averages.", name="span"),),
        warmup=lambda values: 3 * _span(values) - 1,
        build=_trix,
        formula=f"100 (e[t] / e[t-1] - 1), e = ema(ema(ema(close))), each of that span; {EMA}",
        source="Hutson (1983), Good TRIX, Stocks & Commodities 1(5)",
        unit="percent per row",
        low=-100.0,
        nan_policy="NaN in a row with a missing value and in the next; else such rows are skipped. "
        "NaN unless both averages are above zero.",
    ),
    Feature(
        name="dpo",
        family="price",
        meaning="An older price against today's average: the swing with the trend taken out.",
        own_parameters=(rows(20, "Rows averaged, about the length of the swing.", low=2),),
        warmup=lambda values: max(_n(values), _n(values) // 2 + 2),
        build=lambda values: w.gap_share(
            w.lag(CLOSE, _n(values) // 2 + 1), w.mean(CLOSE, _n(values)), w.mean(CLOSE, _n(values))
        ),
        formula="close[t - n // 2 - 1] / sma - 1, sma = sum(close[t-n+1..t]) / n; charts draw it n // 2 + 1 rows "
        "earlier, which is not done here",
        source="definition of the detrended price oscillator, as a share of the average",
        unit="share of the average",
        nan_policy=f"{WINDOW_NAN} {_SHARE_NAN}",
    ),
    Feature(
        name="coppock",
        family="price",
        meaning="Coppock's curve: two long rates of change together, smoothed; he bought when it turned up below zero.",
        own_parameters=(
            rows(10, "Rows of the weighted mean.", low=2),
            rows(11, "Rows of the shorter rate of change.", name="short"),
            rows(14, "Rows of the longer rate of change.", name="long"),
        ),
        warmup=_coppock_warmup,
        build=_coppock,
        formula=f"wma(roc(short) + roc(long), n), roc(k) = 100 (close[t] / close[t-k] - 1); {_WMA}",
        source="Coppock (1962), Barron's, 15 October; in rows instead of months",
        unit="percent",
        nan_policy=WINDOW_NAN,
    ),
)
"""Returns, averages, and distances from them."""

COLUMNS: Final = (
    *(column("log_return", n=n) for n in (1, 5, 15, 60, 240)),
    column("momentum", n=1380),
    column("sma_distance", n=200),
    column("ema_distance", span=10),
    column("ema_distance", span=100),
    column("hma_distance", n=20),
    column("kama_distance", n=10),
    column("sma_cross", fast=50, slow=200),
    column("ppo", fast=12, slow=26),
    column("ppo_histogram", fast=12, slow=26, signal=9),
    column("zscore", n=60),
    column("trix", span=15),
    column("dpo", n=20),
)
"""Columns of these features in the set ``futures``."""
