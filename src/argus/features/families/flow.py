"""Flow: who is pressing, buyers or sellers, and what it costs to trade, read from bars alone."""

from __future__ import annotations

from typing import Final

from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import Node, Term, node
from argus.features.inputs import CLOSE, HIGH, LOW, VOLUME
from argus.features.series import SERIES_NAN, rows_of, series

__all__ = ["COLUMNS", "DECLARED"]

_BVC: Final = (
    "Easley, Lopez de Prado and O'Hara (2016), Discerning information from trade data, Journal of Financial Economics "
    "120(2): bulk volume classification"
)
_BUY: Final = (
    "buy[t] = Phi((close[t] - close[t-1]) / s), Phi the standard normal distribution function, s the standard "
    "deviation (divisor m-1) of the last m price changes"
)
_STILL: Final = "NaN where a price or volume of its windows is missing, or the last m price changes are all equal."
_DEVIATION_ROWS: Final = whole("m", 60, 2, 10_000, "Rows whose price changes give the yardstick of a large change.")
_WINDOW: Final = rows_of(60, low=1)


def _n(values: Values) -> int:
    return int(values["n"])


def _m(values: Values) -> int:
    return int(values["m"])


def _buy_share(values: Values) -> Node:
    change = w.change(CLOSE)
    return node("flow.normal_share", change / w.deviation(change, _m(values)))


def _signed_volume(values: Values) -> Node:
    return VOLUME * node("algebra.affine", _buy_share(values), args=(2.0, -1.0))


def _imbalance(values: Values) -> Term:
    return w.total(_signed_volume(values), _n(values)) / w.total(VOLUME, _n(values))


def _toxicity(values: Values) -> Term:
    return w.total(w.absolute(_signed_volume(values)), _n(values)) / w.total(VOLUME, _n(values))


def _impact(values: Values) -> Term:
    return w.beta(series("return"), _signed_volume(values), _n(values))


def _illiquidity(values: Values) -> Term:
    return w.mean(w.absolute(series("return")) / (CLOSE * VOLUME), _n(values))


def _roll(values: Values) -> Term:
    r = series("return")
    return node("flow.positive_root", -w.covariance(r, w.lag(r, 1), _n(values), 0), args=(2.0,))


def _corwin_schultz(values: Values) -> Term:
    return w.mean(node("flow.two_bar_spread", HIGH, LOW, CLOSE), _n(values))


def _abdi_ranaldo(values: Values) -> Term:
    before = w.lag(CLOSE, 1)
    # Distances of the last close from the middle of its bar and of this one, as logarithms of ratios.
    high, low = w.above_zero(HIGH), w.above_zero(LOW)
    own = w.log(before / w.lag(high, 1)) + w.log(before / w.lag(low, 1))
    following = w.log(before / high) + w.log(before / low)
    return node("flow.positive_root", w.mean(own * following * 0.25, _n(values)), args=(2.0,))


DECLARED: Final = (
    Feature(
        name="bulk_buy_share",
        family="flow",
        meaning="Share of the bar's volume that buyers are thought to have started, judged by its price change.",
        own_parameters=(_DEVIATION_ROWS,),
        warmup=lambda values: _m(values) + 1,
        build=_buy_share,
        formula=_BUY,
        source=f"{_BVC}, with the normal distribution",
        unit="share of volume",
        low=0.0,
        high=1.0,
        nan_policy=_STILL,
        distrust="A guess from price changes; where trades with sides are at hand, count those.",
    ),
    Feature(
        name="order_imbalance",
        family="flow",
        meaning="Volume started by buyers less volume started by sellers, as a share of all: who has been pressing.",
        own_parameters=(_WINDOW, _DEVIATION_ROWS),
        warmup=lambda values: _m(values) + _n(values),
        build=_imbalance,
        formula=f"sum(volume (2 buy - 1)) / sum(volume) over the last n rows; {_BUY}",
        source=_BVC,
        unit="share of volume",
        low=-1.0,
        high=1.0,
        nan_policy=f"{_STILL} NaN where nothing was traded in the last n rows.",
        distrust="A guess from price changes, and so not far from a return.",
    ),
    Feature(
        name="vpin",
        family="flow",
        meaning="How one-sided trading has been within the bars: high where somebody may know more than the market.",
        own_parameters=(_WINDOW, _DEVIATION_ROWS),
        warmup=lambda values: _m(values) + _n(values),
        build=_toxicity,
        formula=f"sum(volume |2 buy - 1|) / sum(volume) over the last n rows; {_BUY}",
        source="Easley, Lopez de Prado and O'Hara (2012), Flow toxicity and liquidity in a high-frequency world, "
        "Review of Financial Studies 25(5); with the bars as buckets",
        unit="share of volume",
        low=0.0,
        high=1.0,
        nan_policy=f"{_STILL} NaN where nothing was traded in the last n rows.",
        distrust="The paper's buckets hold equal volume; bars of equal time only weigh by it. Use volume bars for "
        "theirs.",
    ),
    Feature(
        name="kyle_lambda",
        family="flow",
        meaning="How far the price gives way to one unit of one-sided trading: high where the market is thin.",
        own_parameters=(rows_of(60, low=3), _DEVIATION_ROWS),
        warmup=lambda values: _m(values) + _n(values),
        build=_impact,
        formula="slope of ln(close[t] / close[t-1]) on volume (2 buy - 1), least squares with a constant over the last "
        f"n rows; {_BUY}",
        source="Kyle (1985), Continuous auctions and insider trading, Econometrica 53(6): the slope, estimated with "
        "bulk volume classification",
        unit="log return for each unit of volume",
        volume_degree=-1.0,
        nan_policy=f"{_STILL} NaN where the signed volumes are all equal.",
        distrust="Signed volume is itself made from the price change, so the slope is hardly ever negative.",
    ),
    Feature(
        name="amihud",
        family="flow",
        meaning="How far the price moves for the money traded: high where the market is thin.",
        own_parameters=(_WINDOW,),
        warmup=lambda values: _n(values) + 1,
        build=_illiquidity,
        formula="mean of |ln(close[t] / close[t-1])| / (close[t] volume[t]) over the last n rows",
        source="Amihud (2002), Illiquidity and stock returns, Journal of Financial Markets 5(1); log returns, and bars "
        "for days",
        unit="log return for each unit of price times volume",
        low=0.0,
        price_degree=-1.0,
        volume_degree=-1.0,
        nan_policy="NaN where a price of the window is missing, zero or negative, or a row of it had no volume.",
    ),
    Feature(
        name="roll_spread",
        family="flow",
        meaning="The spread that the bouncing of trades between bid and ask betrays, as a share of the price.",
        own_parameters=(rows_of(60, low=3),),
        warmup=lambda values: _n(values) + 2,
        build=_roll,
        formula="2 sqrt(max(0, -c)), c = mean((r[t] - a) (r[t-1] - b)) over the last n rows, a and b the means of r[t] "
        "and of r[t-1] over them, r[t] = ln(close[t] / close[t-1])",
        source="Roll (1984), A simple implicit measure of the effective bid-ask spread in an efficient market, "
        "Journal of Finance 39(4); 0 where the covariance is positive",
        unit="share of the price",
        low=0.0,
        nan_policy=SERIES_NAN,
        distrust="Trends hide the bounce, and it then reads 0.",
    ),
    Feature(
        name="corwin_schultz_spread",
        family="flow",
        meaning="The spread that highs and lows betray: they hold it once, but volatility once for each bar.",
        own_parameters=(_WINDOW,),
        warmup=lambda values: _n(values) + 1,
        build=_corwin_schultz,
        formula="mean over the last n rows of 2 (e^a - 1) / (1 + e^a), a = max(0, (sqrt(2 b) - sqrt(b)) / (3 - 2 "
        "sqrt(2)) - sqrt(g / (3 - 2 sqrt(2)))), b = ln(high[t] / low[t])^2 + ln(high[t-1] / low[t-1])^2, g = "
        "ln(higher high / lower low)^2 of both; before that low[t] - close[t-1], if above 0, or high[t] - "
        "close[t-1], if below 0, is taken from high[t] and low[t]",
        source="Corwin and Schultz (2012), A simple way to estimate bid-ask spreads from daily high and low prices, "
        "Journal of Finance 67(2); negative two-day spreads set to 0",
        unit="share of the price",
        low=0.0,
        high=2.0,
        nan_policy="NaN where a high or low of the window or of the row before it is missing, zero or negative, or the "
        "close before one of its rows.",
        distrust="Bars with few trades have ranges too small for it.",
    ),
    Feature(
        name="abdi_ranaldo_spread",
        family="flow",
        meaning="The spread that closes betray by their distance from the middle of their own bar and of the next.",
        own_parameters=(_WINDOW,),
        warmup=lambda values: _n(values) + 1,
        build=_abdi_ranaldo,
        formula="2 sqrt(max(0, mean of (c[t-1] - e[t-1]) (c[t-1] - e[t]) over the last n rows)), c = ln(close), "
        "e = (ln(high) + ln(low)) / 2",
        source="Abdi and Ranaldo (2017), A simple estimation of bid-ask spreads from daily close, high, and low "
        "prices, Review of Financial Studies 30(12)",
        unit="share of the price",
        low=0.0,
        nan_policy="NaN where a high or low of the window or of the row before it is missing, zero or negative, or the "
        "close before one of its rows.",
    ),
)
"""Features of flow."""

_WINDOWS: Final = (30, 60, 120, 240, 480)

COLUMNS: Final = (
    *(column("bulk_buy_share", m=m) for m in (60, 240)),
    *(column(name, n=n, m=60) for n in _WINDOWS for name in ("order_imbalance", "vpin", "kyle_lambda")),
    *(
        column(name, n=n)
        for n in _WINDOWS
        for name in ("amihud", "roll_spread", "corwin_schultz_spread", "abdi_ranaldo_spread")
    ),
)
"""Columns of the set `physics`: flow."""
