"""Volatility: how far prices move, whatever the direction.

All figures are per row, so that the volatility of a minute is that of a minute; `bars_per_year` makes them annual.
"""

from __future__ import annotations

import math
from typing import Final

from argus.core.errors import ConfigError
from argus.core.strategy import FeatureRef, Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, real, whole
from argus.features.graph import Node, Term, node
from argus.features.inputs import CLOSE, HIGH, LOW, OPEN

__all__ = ["COLUMNS", "DECLARED"]

_WINDOW_NAN: Final = "A missing value makes every output NaN whose window holds it."
_RETURN_NAN: Final = (
    "A return to or from a missing, zero or negative price is missing; so is all whose window holds it."
)
_BAR_NAN: Final = "A missing, zero or negative price of a bar makes every output NaN whose window holds the bar."
_PER_ROW: Final = "log return per row (per year with bars_per_year)"
_RETURN: Final = "r = ln(close[t] / close[t-1])"
_LOG_PRICES: Final = "h, l, c = ln(high / open), ln(low / open), ln(close / open)"
_ANNUAL: Final = real("bars_per_year", 1.0, 1.0, 1e7, "Rows in a year for an annual figure; 1 leaves it per row.")


def _n(values: Values) -> int:
    return int(values["n"])


def _rows(default: int, low: int = 1, why: str = "Rows in the window.") -> Parameter:
    return whole("n", default, low, 100_000, why)


def _a_year(values: Values) -> float:
    return float(values["bars_per_year"])


def _returns() -> Node:
    return w.log_growth(CLOSE, 1)


def _squares() -> Node:
    return w.square(_returns())


def _one_sided(side: float) -> Node:
    """Squared returns of one sign, zero where the return has the other."""
    low, high = (0.0, math.inf) if side > 0.0 else (-math.inf, 0.0)
    return w.square(w.clip(_returns(), low, high))


def _root_of_sum(x: Term, n: int, divisor: float) -> Node:
    """Square root of the sum of the last `n` values over a divisor."""
    return node("window.deviation", w.total(x, n), args=(divisor,))


def _bars() -> Node:
    return node("volatility.bar_variances", OPEN, HIGH, LOW, CLOSE)


def _gaps() -> Node:
    return w.log_ratio(OPEN, w.lag(CLOSE, 1))


def _atr(n: int) -> Node:
    return w.wilder(w.true_range(), n)


def _close_vol(n: int) -> Node:
    return w.deviation(_returns(), n)


def _close_vol_a_year(values: Values) -> Term:
    per_row, year = _close_vol(_n(values)), _a_year(values)
    return per_row if year == 1.0 else per_row * math.sqrt(year)


def _yang_zhang(values: Values) -> Term:
    n = _n(values)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    bars, year = _bars(), _a_year(values)
    daily = w.variance(_gaps(), n) + k * w.variance(bars.out(3), n) + (1.0 - k) * w.mean(bars.out(2), n)
    return w.root(daily if year == 1.0 else daily * year)


def _bipower(n: int) -> Node:
    """Sum of products of neighbouring absolute returns among the last `n`, without its factor."""
    size = w.absolute(_returns())
    return w.total(size * w.lag(size, 1), n - 1)


def _bipower_factor(n: int) -> float:
    return math.pi / 2.0 * n / (n - 1)


def _bipower_vol(values: Values) -> Term:
    n = _n(values)
    return node("window.deviation", _bipower(n), args=((n - 1) / (math.pi / 2.0 * _a_year(values)),))


def _gap_vol(values: Values) -> Term:
    per_row, year = w.deviation(_gaps(), _n(values)), _a_year(values)
    return per_row if year == 1.0 else per_row * math.sqrt(year)


def _jump_share(values: Values) -> Term:
    n = _n(values)
    return w.clip(1.0 - _bipower(n) * _bipower_factor(n) / w.total(_squares(), n), 0.0, 1.0)


def _garch(values: Values) -> Term:
    alpha, persistence, year = float(values["alpha"]), float(values["persistence"]), _a_year(values)
    if alpha > persistence:
        raise ConfigError(
            f"garch_vol: alpha {alpha:g} is above persistence {persistence:g}, which leaves a negative weight for the "
            "last variance; give a smaller alpha"
        )
    target = w.ema(_squares(), int(values["span"]))
    variance = node("volatility.garch", _squares(), target, args=(alpha, persistence - alpha))
    return w.root(variance if year == 1.0 else variance * year)


def _vol_rank(values: Values) -> Node:
    return w.percentile_rank(_close_vol(_n(values)), int(values["past"]))


def _regime(values: Values) -> Term:
    calm, wild = float(values["calm"]), float(values["wild"])
    if calm > wild:
        raise ConfigError(f"vol_regime: calm {calm:g} is above wild {wild:g}; exchange them")
    return node("volatility.label", _vol_rank(values), args=(calm, wild))


def _vol_of_vol(values: Values) -> Term:
    vol, over = _close_vol(_n(values)), int(values["over"])
    return w.deviation(vol, over) / w.mean(vol, over)


_PAST: Final = whole("past", 250, 2, 100_000, "Rows with whose volatility it is compared, the newest among them.")

DECLARED: Final = (
    Feature(
        name="ewma_vol",
        family="volatility",
        meaning="Annual volatility of close-to-close returns, the recent ones weighing most.",
        own_parameters=(
            real("com", 60.0, 1.0, 10_000.0, "Centre of mass of the weights, in rows."),
            real("bars_per_year", 252.0, 1.0, 1e7, "Rows in a year, for the annual figure."),
        ),
        warmup=lambda values: math.ceil(float(values["com"])) + 1,
        build=lambda values: node("volatility.ewma_vol", CLOSE, args=(values["com"], values["bars_per_year"])),  # type: ignore[arg-type]
        formula="sqrt(bars_per_year * sum(d^i (r[t-i] - m)^2) / sum(d^i)), r simple returns, m their mean with the "
        "same weights, d = com / (1 + com), over all returns so far, none before `com` returns",
        source="Moskowitz, Ooi, Pedersen (2012), equation 1 (centre of mass 60 days); updated as in West (1979), "
        "Communications of the ACM 22(9)",
        unit="annualised volatility of returns (0.16 is 16 %)",
        low=0.0,
        nan_policy="A return to or from a missing, zero or negative price gives NaN in its row and is skipped.",
    ),
    Feature(
        name="std",
        family="volatility",
        meaning="How widely closes were scattered about their mean.",
        own_parameters=(whole("n", 20, 2, 100_000, "Rows in the window."),),
        warmup=_n,
        build=lambda values: w.deviation(CLOSE, _n(values)),
        formula="sqrt(sum((x - mean)^2) / (n - 1)) over x[t-n+1..t], x the close; exactly 0 if all are equal",
        source="definition; sums about a reference that is renewed, against cancellation",
        unit="price",
        low=0.0,
        price_degree=1.0,
        nan_policy="A missing value makes every output NaN whose window holds it.",
    ),
    Feature(
        name="true_range",
        family="volatility",
        meaning="How far the price moved in the row, the jump from the last close included.",
        warmup=lambda values: 2,
        build=lambda values: w.true_range(),
        formula="max(high[t], close[t-1]) - min(low[t], close[t-1])",
        source="Wilder (1978), New Concepts in Technical Trading Systems",
        unit="price",
        nan_policy="NaN where high, low or the last close is missing.",
        low=0.0,
        price_degree=1.0,
    ),
    Feature(
        name="atr",
        family="volatility",
        meaning="The usual move of a row, jumps included: the yardstick for stops and position sizes.",
        own_parameters=(_rows(14, why="Rows of Wilder's mean."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _atr(_n(values)),
        formula="mean of the first n true ranges (the first is that of the second row), then a + (true range - a) / n",
        source="Wilder (1978), New Concepts in Technical Trading Systems",
        unit="price",
        nan_policy="A row without a true range gives NaN and is otherwise skipped.",
        low=0.0,
        price_degree=1.0,
    ),
    Feature(
        name="natr",
        family="volatility",
        meaning="The usual move of a row in percent of the price, comparable between markets.",
        own_parameters=(_rows(14, why="Rows of Wilder's mean."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.share(_atr(_n(values)), CLOSE, 100.0),
        formula="100 * atr(n) / close",
        source="Wilder (1978) for the range; TA-Lib, function NATR",
        unit="percent of the price",
        nan_policy="A row without a true range gives NaN and is otherwise skipped; NaN where the close is not above "
        "zero.",
        low=0.0,
    ),
    Feature(
        name="range_over_atr",
        family="volatility",
        meaning="How large this bar is against the usual one before it: above 2 something happened.",
        own_parameters=(_rows(14, why="Rows of Wilder's mean."),),
        warmup=lambda values: _n(values) + 2,
        build=lambda values: (HIGH - LOW) / w.lag(_atr(_n(values)), 1),
        formula="(high[t] - low[t]) / atr(n)[t-1]",
        source="definition, with the range of Wilder (1978)",
        unit="usual ranges",
        nan_policy="NaN where high, low or the atr of the row before is missing, or that atr is zero.",
        low=0.0,
    ),
    Feature(
        name="range_variation",
        family="volatility",
        meaning="Whether bars are of like size or calm ones alternate with wild ones.",
        own_parameters=(_rows(20, 2),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.deviation(w.true_range(), _n(values)) / w.mean(w.true_range(), _n(values)),
        formula="sample standard deviation of the last n true ranges over their mean",
        source="definition (coefficient of variation)",
        unit="share of the mean true range",
        nan_policy=f"{_WINDOW_NAN} NaN where nothing moved.",
        low=0.0,
    ),
    Feature(
        name="close_to_close_vol",
        family="volatility",
        meaning="How widely returns were scattered: the usual historical volatility.",
        own_parameters=(_rows(20, 2), _ANNUAL),
        warmup=lambda values: _n(values) + 1,
        build=_close_vol_a_year,
        formula=f"sqrt(bars_per_year * sum((r - mean)^2) / (n - 1)) over the last n returns; {_RETURN}",
        source="definition",
        unit=_PER_ROW,
        nan_policy=_RETURN_NAN,
        low=0.0,
    ),
    Feature(
        name="realized_vol",
        family="volatility",
        meaning="How far returns were from nothing, taken together: no mean is taken off, which short windows "
        "know badly.",
        own_parameters=(_rows(20), _ANNUAL),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _root_of_sum(_squares(), _n(values), _n(values) / _a_year(values)),
        formula=f"sqrt(bars_per_year * sum(r^2) / n) over the last n returns; {_RETURN}",
        source="Andersen, Bollerslev, Diebold, Labys (2003), Modeling and forecasting realized volatility, "
        "Econometrica 71(2)",
        unit=_PER_ROW,
        nan_policy=_RETURN_NAN,
        low=0.0,
    ),
    Feature(
        name="upside_vol",
        family="volatility",
        meaning="The part of volatility that comes from rising rows.",
        own_parameters=(_rows(20), _ANNUAL),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _root_of_sum(_one_sided(1.0), _n(values), _n(values) / _a_year(values)),
        formula=f"sqrt(bars_per_year * sum(max(r, 0)^2) / n) over the last n returns; {_RETURN}",
        source="Barndorff-Nielsen, Kinnebrock, Shephard (2010), Measuring downside risk: realised semivariance",
        unit=_PER_ROW,
        nan_policy=_RETURN_NAN,
        low=0.0,
    ),
    Feature(
        name="downside_vol",
        family="volatility",
        meaning="The part of volatility that comes from falling rows: what most people mean by risk.",
        own_parameters=(_rows(20), _ANNUAL),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _root_of_sum(_one_sided(-1.0), _n(values), _n(values) / _a_year(values)),
        formula=f"sqrt(bars_per_year * sum(min(r, 0)^2) / n) over the last n returns; {_RETURN}",
        source="Barndorff-Nielsen, Kinnebrock, Shephard (2010), Measuring downside risk: realised semivariance",
        unit=_PER_ROW,
        nan_policy=_RETURN_NAN,
        low=0.0,
    ),
    Feature(
        name="upside_variance_share",
        family="volatility",
        meaning="Whether the recent movement was of rises (near 1) or of falls (near 0).",
        own_parameters=(_rows(60),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.total(_one_sided(1.0), _n(values)) / w.total(_squares(), _n(values)),
        formula=f"sum(max(r, 0)^2) / sum(r^2) over the last n returns; {_RETURN}",
        source="Barndorff-Nielsen, Kinnebrock, Shephard (2010), Measuring downside risk: realised semivariance",
        unit="share of the realised variance",
        nan_policy=f"{_RETURN_NAN} NaN where nothing moved.",
        low=0.0,
        high=1.0,
    ),
    Feature(
        name="bipower_vol",
        family="volatility",
        meaning="Volatility with jumps left out: a single large move counts only beside its small neighbours.",
        own_parameters=(_rows(20, 2), _ANNUAL),
        warmup=lambda values: _n(values) + 1,
        build=_bipower_vol,
        formula="sqrt(bars_per_year * pi / 2 * sum(|r[i]| |r[i-1]|) / (n - 1)), the sum over the n - 1 "
        f"neighbours among the last n returns; {_RETURN}",
        source="Barndorff-Nielsen, Shephard (2004), Power and bipower variation with stochastic volatility and "
        "jumps, Journal of Financial Econometrics 2(1)",
        unit=_PER_ROW,
        nan_policy=_RETURN_NAN,
        low=0.0,
    ),
    Feature(
        name="jump_share",
        family="volatility",
        meaning="How much of the recent variance came in jumps and not in a steady flow of small moves.",
        own_parameters=(_rows(60, 2),),
        warmup=lambda values: _n(values) + 1,
        build=_jump_share,
        formula="max(0, 1 - pi / 2 * n / (n - 1) * sum(|r[i]| |r[i-1]|) / sum(r^2)), the first sum over the n - "
        f"1 neighbours among the last n returns; {_RETURN}",
        source="Barndorff-Nielsen, Shephard (2004), Power and bipower variation with stochastic volatility and "
        "jumps, Journal of Financial Econometrics 2(1)",
        unit="share of the realised variance",
        nan_policy=f"{_RETURN_NAN} NaN where nothing moved.",
        low=0.0,
        high=1.0,
        distrust="With few rows it is noisy; prices on a coarse tick that often stand still look like jumps.",
    ),
    Feature(
        name="parkinson_vol",
        family="volatility",
        meaning="Volatility from highs and lows: about five times as much information per bar as closes hold.",
        own_parameters=(_rows(20), _ANNUAL),
        warmup=_n,
        build=lambda values: _root_of_sum(_bars(), _n(values), _n(values) * 4.0 * math.log(2.0) / _a_year(values)),
        formula="sqrt(bars_per_year * sum(ln(high / low)^2) / (4 n ln 2)) over the last n bars",
        source="Parkinson (1980), The extreme value method for estimating the variance of the rate of return, "
        "Journal of Business 53(1)",
        unit=_PER_ROW,
        nan_policy="A missing, zero or negative open, high or low makes every output NaN whose window holds the bar.",
        low=0.0,
        distrust="Leaves out what happens between bars, and assumes no drift.",
    ),
    Feature(
        name="garman_klass_vol",
        family="volatility",
        meaning="Volatility from all four prices of a bar, for markets without drift.",
        own_parameters=(_rows(20), _ANNUAL),
        warmup=_n,
        build=lambda values: _root_of_sum(_bars().out(1), _n(values), _n(values) / _a_year(values)),
        formula=f"sqrt(bars_per_year * sum(0.5 (h - l)^2 - (2 ln 2 - 1) c^2) / n) over the last n bars; {_LOG_PRICES}",
        source="Garman, Klass (1980), On the estimation of security price volatilities from historical data, "
        "Journal of Business 53(1)",
        unit=_PER_ROW,
        nan_policy=_BAR_NAN,
        low=0.0,
        distrust="Leaves out what happens between bars, and assumes no drift.",
    ),
    Feature(
        name="rogers_satchell_vol",
        family="volatility",
        meaning="Volatility from all four prices of a bar that a trend does not inflate.",
        own_parameters=(_rows(20), _ANNUAL),
        warmup=_n,
        build=lambda values: _root_of_sum(_bars().out(2), _n(values), _n(values) / _a_year(values)),
        formula=f"sqrt(bars_per_year * sum(h (h - c) + l (l - c)) / n) over the last n bars; {_LOG_PRICES}",
        source="Rogers, Satchell (1991), Estimating variance from high, low and closing prices, Annals of "
        "Applied Probability 1(4)",
        unit=_PER_ROW,
        nan_policy=_BAR_NAN,
        low=0.0,
        distrust="Leaves out what happens between bars.",
    ),
    Feature(
        name="yang_zhang_vol",
        family="volatility",
        meaning="Volatility from all four prices with the gaps between bars counted; neither drift nor gaps bias it.",
        own_parameters=(_rows(20, 2), _ANNUAL),
        warmup=lambda values: _n(values) + 1,
        build=_yang_zhang,
        formula="sqrt(bars_per_year * (var(ln(open[t] / close[t-1])) + k var(c) + (1 - k) mean(h (h - c) + l (l "
        "- c)))) over the last n bars, var with divisor n - 1, k = 0.34 / (1.34 + (n + 1) / (n - 1)); "
        f"{_LOG_PRICES}",
        source="Yang, Zhang (2000), Drift-independent volatility estimation based on high, low, open, and close "
        "prices, Journal of Business 73(3)",
        unit=_PER_ROW,
        nan_policy=_BAR_NAN,
        low=0.0,
    ),
    Feature(
        name="gap_vol",
        family="volatility",
        meaning="How widely bars open away from the last close; with on=session the risk of holding overnight.",
        own_parameters=(_rows(20, 2), _ANNUAL),
        warmup=lambda values: _n(values) + 1,
        build=_gap_vol,
        formula="sqrt(bars_per_year * sum((g - mean)^2) / (n - 1)) over the last n gaps g = ln(open[t] / close[t-1])",
        source="definition; the overnight term of Yang, Zhang (2000), Journal of Business 73(3)",
        unit=_PER_ROW,
        nan_policy=_BAR_NAN,
        low=0.0,
    ),
    Feature(
        name="vol_of_vol",
        family="volatility",
        meaning="How restless volatility itself is.",
        own_parameters=(
            _rows(20, 2, why="Rows of each volatility."),
            whole("over", 60, 2, 100_000, "Volatilities compared."),
        ),
        warmup=lambda values: _n(values) + int(values["over"]),
        build=_vol_of_vol,
        formula="sample standard deviation of the last `over` values of v, over their mean; v the sample "
        f"standard deviation of the last n returns; {_RETURN}",
        source="definition (coefficient of variation)",
        unit="share of the mean volatility",
        nan_policy=f"{_RETURN_NAN} NaN where nothing moved.",
        low=0.0,
    ),
    Feature(
        name="vol_ratio",
        family="volatility",
        meaning="Whether it has become wilder (above 1) or calmer lately.",
        own_parameters=(
            whole("fast", 20, 2, 100_000, "Rows of the short window."),
            whole("slow", 120, 2, 100_000, "Rows of the long window."),
        ),
        warmup=lambda values: max(int(values["fast"]), int(values["slow"])) + 1,
        build=lambda values: _close_vol(int(values["fast"])) / _close_vol(int(values["slow"])),
        formula=f"sample standard deviation of the last `fast` returns over that of the last `slow`; {_RETURN}",
        source="definition",
        unit="ratio",
        nan_policy=f"{_RETURN_NAN} NaN where all returns of the long window are equal.",
        low=0.0,
    ),
    Feature(
        name="vol_percentile",
        family="volatility",
        meaning="Where today's volatility stands among its own past: 0 the calmest, 1 the wildest.",
        own_parameters=(_rows(20, 2, why="Rows of each volatility."), _PAST),
        warmup=lambda values: _n(values) + int(values["past"]),
        build=_vol_rank,
        formula="(b + e / 2) / (past - 1), b and e how many of the other past - 1 of the last `past` values of v "
        f"are below and equal to v[t]; v the sample standard deviation of the last n returns; {_RETURN}",
        source="definition (percentile rank)",
        unit="share",
        nan_policy=_RETURN_NAN,
        low=0.0,
        high=1.0,
    ),
    Feature(
        name="vol_regime",
        family="volatility",
        meaning="Calm, usual or wild, against the market's own past.",
        own_parameters=(
            _rows(20, 2, why="Rows of each volatility."),
            _PAST,
            real("calm", 1.0 / 3.0, 0.0, 1.0, "Percentile rank below which it is calm."),
            real("wild", 2.0 / 3.0, 0.0, 1.0, "Percentile rank above which it is wild."),
        ),
        warmup=lambda values: _n(values) + int(values["past"]),
        build=_regime,
        formula="0 where vol_percentile(n, past) < calm, 2 where it is > wild, else 1",
        source="definition",
        unit="label: 0 calm, 1 usual, 2 wild",
        nan_policy=_RETURN_NAN,
        low=0.0,
        high=2.0,
        distrust="The labels are relative: a year of crisis has its calm third too.",
    ),
    Feature(
        name="garch_vol",
        family="volatility",
        meaning="The volatility expected of the next row: a large move raises it at once, and it dies down slowly.",
        own_parameters=(
            real("alpha", 0.05, 0.0, 1.0, "Weight of the newest squared return."),
            real("persistence", 0.99, 0.0, 0.9999, "Sum of the weights of the newest square and of the last variance."),
            whole(
                "span",
                500,
                1,
                100_000,
                "Span of the exponential mean of squared returns to which the variance returns.",
            ),
            _ANNUAL,
        ),
        warmup=lambda values: int(values["span"]) + 1,
        build=_garch,
        formula="sqrt(bars_per_year * s[t]), s[t] = (1 - persistence) q[t] + alpha r[t]^2 + (persistence - "
        "alpha) s[t-1], q the exponential mean of r^2 (as feature ema, of that span), s = q in the first row "
        f"that has a q; {_RETURN}",
        source="Bollerslev (1986), Generalized autoregressive conditional heteroskedasticity, Journal of "
        "Econometrics 31(3); variance targeting: Engle, Mezrich (1996), GARCH for groups, Risk 9(8)",
        unit="log return, expected size of the next row (per year with bars_per_year)",
        nan_policy="A return to or from a missing, zero or negative price gives NaN in its row and is skipped.",
        low=0.0,
        distrust="The weights are given, not fitted: it is a filter, not a model of this market.",
    ),
)
"""Features of volatility."""

COLUMNS: Final[tuple[FeatureRef, ...]] = (
    column("true_range"),
    column("atr", n=14),
    column("natr", n=14),
    column("range_over_atr", n=14),
    column("range_variation", n=20),
    column("std", n=20),
    column("close_to_close_vol", n=20),
    column("realized_vol", n=10),
    column("realized_vol", n=60),
    column("realized_vol", n=240),
    column("upside_vol", n=60),
    column("downside_vol", n=60),
    column("upside_variance_share", n=60),
    column("bipower_vol", n=60),
    column("jump_share", n=60),
    column("parkinson_vol", n=20),
    column("parkinson_vol", n=60),
    column("garman_klass_vol", n=20),
    column("rogers_satchell_vol", n=20),
    column("yang_zhang_vol", n=20),
    column("vol_of_vol", n=20, over=60),
    column("vol_ratio", fast=20, slow=120),
    column("garch_vol"),
    column("gap_vol", n=20, on="session"),
    column("vol_regime", n=20, past=120, on="session"),
)
"""Columns of the set `futures`. What needs a long past of ranks is taken on sessions, where it costs almost nothing."""
