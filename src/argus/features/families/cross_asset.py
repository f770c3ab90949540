"""Cross-asset: markets of the universe by themselves and in pairs, whatever instrument is traded.

Every close is a member's last known one as of the row (`argus.features.universe`), so a market that is closed has a
return of zero until it opens again. Features of groups stand in `cross_asset_groups`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from argus.core.strategy import Parameter, ParameterValue
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import Node, Term, node
from argus.features.universe import ROLES, member_close

__all__ = ["ASYNCHRONOUS", "COLUMNS", "DECLARED", "WINDOW_NAN", "log_return", "member_of", "ratio_score", "rows"]

WINDOW_NAN: Final = (
    "NaN where a close that the formula reads is missing: before a member's first one, and where its last one is older "
    "than the universe allows. A close that is not above zero has no logarithm, and nothing is divided by zero."
)
ASYNCHRONOUS: Final = (
    "Markets that close at different hours are compared at closes of different hours: what looks like a lead of the "
    "one that closes later is the news of those hours."
)
_STILL: Final = 1e-12
"""Standard deviation of a log ratio that did not move: closes are rounded by a ten thousandth of that."""


def member_of(name: str, default: str, why: str) -> Parameter:
    """A parameter that is a role of the universe."""
    return Parameter(name, default, choices=tuple(ROLES), why=why)


def rows(name: str, default: int, why: str, low: int = 1) -> Parameter:
    """A parameter that is a number of rows."""
    return whole(name, default, low, 100_000, why)


def log_return(role: ParameterValue, k: int = 1) -> Node:
    """Log return of a member over `k` rows."""
    return w.log_growth(member_close(str(role)), k)


def _pair(a: str, b: str) -> tuple[Parameter, Parameter]:
    return member_of("a", a, "The member looked at."), member_of("b", b, "The member it is compared with.")


def _n(values: Values, name: str = "n") -> int:
    return int(values[name])


def _and_one(values: Values) -> int:
    return _n(values) + 1


def ratio_score(a: str, b: str, n: int) -> Node:
    """Z-score of the log ratio of two members; none where it did not move but for the rounding of closes."""
    ratio = w.log_ratio(member_close(a), member_close(b))
    inputs = ratio, w.repaired_mean(ratio, n), w.deviation(ratio, n)
    return node("cross_asset.score", *inputs, args=(_STILL,))


def _ratio_zscore(values: Values) -> Term:
    return ratio_score(str(values["a"]), str(values["b"]), _n(values))


def _relative_strength(values: Values) -> Term:
    return log_return(values["a"], _n(values)) - log_return(values["b"], _n(values))


def _correlation(values: Values, n: int) -> Term:
    return w.correlation(log_return(values["a"]), log_return(values["b"]), n)


def _beta(values: Values) -> Term:
    return w.beta(log_return(values["a"]), log_return(values["b"]), _n(values))


def _hedged(values: Values) -> Term:
    n = _n(values)
    return log_return(values["a"], n) - _beta(values) * log_return(values["b"], n)


def _leads(first: ParameterValue, second: ParameterValue, values: Values) -> Term:
    return w.correlation(w.lag(log_return(first), _n(values, "k")), log_return(second), _n(values))


def _trend(role: ParameterValue, n: int) -> Term:
    return log_return(role, n) / (w.deviation(log_return(role), n) * math.sqrt(n))


def _dollar_trend(values: Values) -> Term:
    trend = _trend(values["by"], _n(values))
    return -trend if values["by"] == "euro" else trend


def _drawdown(values: Values) -> Term:
    close = member_close(str(values["a"]))
    return w.share(close, w.highest(close, _n(values))) - 1.0


def _lead_lag_warmup(values: Values) -> int:
    return _n(values) + _n(values, "k") + 1


def _feature(
    name: str,
    meaning: str,
    formula: str,
    unit: str,
    own_parameters: tuple[Parameter, ...],
    build: Callable[[Values], Term],
    warmup: Callable[[Values], int],
    *,
    source: str = "definition",
    low: float = -math.inf,
    high: float = math.inf,
    nan_policy: str = WINDOW_NAN,
    distrust: str = ASYNCHRONOUS,
) -> Feature:
    return Feature(
        name=name,
        family="cross_asset",
        meaning=meaning,
        formula=formula,
        source=source,
        unit=unit,
        nan_policy=nan_policy,
        build=build,
        warmup=warmup,
        own_parameters=own_parameters,
        low=low,
        high=high,
        distrust=distrust,
    )


_ONE: Final = member_of("a", "equity", "The member looked at.")
_EVEN: Final = f"{WINDOW_NAN} NaN where all returns of the window are equal, as those of a market at rest."

_MEMBERS: Final = (
    _feature(
        "member_return",
        "How far another market went over the last rows.",
        "ln(A[t] / A[t-n]), A the member's close",
        "log return over n rows",
        (_ONE, rows("n", 1, "Rows the return spans.")),
        lambda values: log_return(values["a"], _n(values)),
        _and_one,
        distrust="Zero while the member's market is closed.",
    ),
    _feature(
        "member_zscore",
        "How unusual another market's level is against its own recent past; meant for levels such as the VIX.",
        "(A[t] - mean) / std, mean and sample standard deviation (divisor n-1) of A over t-n+1..t",
        "sample standard deviations",
        (member_of("a", "vix", "The member looked at."), rows("n", 60, "Rows in the window.", 2)),
        lambda values: w.zscore(member_close(str(values["a"])), _n(values)),
        _n,
        nan_policy=f"{WINDOW_NAN} NaN where all closes of the window are equal.",
        distrust="",
    ),
    _feature(
        "member_trend",
        "How far another market went, measured by how much it moves anyway: beyond 2 or -2 is a strong trend.",
        "ln(A[t] / A[t-n]) / (s sqrt(n)), s the sample standard deviation (divisor n-1) of ln(A[i] / A[i-1]) over "
        "i = t-n+1..t",
        "standard deviations of an n-row return",
        (_ONE, rows("n", 60, "Rows of the trend.", 2)),
        lambda values: _trend(values["a"], _n(values)),
        _and_one,
        nan_policy=_EVEN,
        distrust="",
    ),
    _feature(
        "member_volatility",
        "How much another market moves from row to row.",
        "sample standard deviation (divisor n-1) of ln(A[i] / A[i-1]) over i = t-n+1..t",
        "log return per row",
        (_ONE, rows("n", 20, "Returns in the window.", 2)),
        lambda values: w.deviation(log_return(values["a"]), _n(values)),
        _and_one,
        low=0.0,
        distrust="Rows on which the member's market was closed count as returns of zero and make it smaller.",
    ),
    _feature(
        "member_drawdown",
        "How far another market stands below the highest of its last closes.",
        "A[t] / max(A[t-n+1..t]) - 1; NaN unless the max is above zero",
        "share of the highest close",
        (_ONE, rows("n", 250, "Rows in which the highest close is sought.")),
        _drawdown,
        _n,
        high=0.0,
        distrust="",
    ),
    _feature(
        "dollar_trend",
        "Whether the US dollar rises or falls, measured by how much it moves anyway.",
        "member_trend of the dollar; by the euro, minus the member_trend of the euro",
        "standard deviations of an n-row return",
        (
            Parameter("by", "euro", choices=("euro", "dollar"), why="The euro, turned round, or the dollar itself."),
            rows("n", 60, "Rows of the trend.", 2),
        ),
        _dollar_trend,
        _and_one,
        nan_policy=_EVEN,
        distrust="The euro is more than half of a dollar index, but not all of it.",
    ),
)
"""One market by itself."""

_PAIRS: Final = (
    _feature(
        "price_ratio",
        "The price of one market in units of another, such as ounces of silver for one of gold.",
        "A[t] / B[t]",
        "price of a in units of b",
        _pair("gold", "silver"),
        lambda values: member_close(str(values["a"])) / member_close(str(values["b"])),
        lambda values: 1,
        distrust="Where a member is a series of futures joined by ratio, its level drifts from the prices that traded "
        "at every roll: compare the ratio with its own recent past only (ratio_zscore).",
    ),
    _feature(
        "ratio_zscore",
        "How dear one market is against another, measured by the recent past of their ratio.",
        "z-score of x = ln(A / B): (x[t] - mean) / std, mean and sample standard deviation (divisor n-1) over t-n+1..t",
        "sample standard deviations",
        (*_pair("gold", "equity"), rows("n", 60, "Rows in the window.", 2)),
        _ratio_zscore,
        _n,
        nan_policy=f"{WINDOW_NAN} NaN where std is not above {_STILL:g}: the ratio did not move but for rounding.",
    ),
    _feature(
        "relative_strength",
        "By how much one market went further than another.",
        "ln(A[t] / A[t-n]) - ln(B[t] / B[t-n])",
        "log return over n rows",
        (*_pair("small_caps", "equity"), rows("n", 20, "Rows of the returns.")),
        _relative_strength,
        _and_one,
        source="Levy (1967), Relative strength as a criterion for investment selection, Journal of Finance 22(4), for "
        "the idea; the difference of two returns is a definition",
    ),
    _feature(
        "pair_correlation",
        "Whether two markets move together (1), apart (-1) or each for itself (0).",
        "Pearson correlation of ln(A[i] / A[i-1]) and ln(B[i] / B[i-1]) over i = t-n+1..t",
        "correlation",
        (*_pair("bonds_10y", "equity"), rows("n", 60, "Returns in the window.", 2)),
        lambda values: _correlation(values, _n(values)),
        _and_one,
        low=-1.0,
        high=1.0,
        nan_policy=f"{WINDOW_NAN} NaN where all returns of either in its window are equal, as at rest.",
    ),
    _feature(
        "correlation_change",
        "Whether two markets have begun to move together more than they used to, or less.",
        "pair_correlation over `short` returns less that over `long` returns",
        "difference of correlations",
        (
            *_pair("bonds_10y", "equity"),
            rows("short", 20, "Returns of the short window.", 2),
            rows("long", 120, "Returns of the long window.", 2),
        ),
        lambda values: _correlation(values, _n(values, "short")) - _correlation(values, _n(values, "long")),
        lambda values: max(_n(values, "short"), _n(values, "long")) + 1,
        low=-2.0,
        high=2.0,
        nan_policy=f"{WINDOW_NAN} NaN where all returns of either in a window are equal, as at rest.",
    ),
    _feature(
        "pair_beta",
        "How far one market moves, on average, when another moves by one.",
        "cov(a, b) / var(b), with one divisor, a and b the 1-row log returns ln(A[i] / A[i-1]), ln(B[i] / B[i-1]) over "
        "i = t-n+1..t",
        "return per return",
        (*_pair("bonds_10y", "equity"), rows("n", 60, "Returns in the window.", 2)),
        _beta,
        _and_one,
        nan_policy=f"{WINDOW_NAN} NaN where all returns of b in the window are equal, as at rest.",
    ),
    _feature(
        "hedged_return",
        "What is left of one market's return when its usual share of another's is taken out: gold without the dollar.",
        "ln(A[t] / A[t-n]) - beta ln(B[t] / B[t-n]), beta = pair_beta over the same n rows",
        "log return over n rows",
        (*_pair("gold", "euro"), rows("n", 60, "Rows of the returns, and of the beta.", 2)),
        _hedged,
        _and_one,
        nan_policy=f"{WINDOW_NAN} NaN where all returns of b in the window are equal, as at rest.",
        distrust=f"{ASYNCHRONOUS} The beta is fitted to the very rows that it is applied to.",
    ),
    _feature(
        "lead_lag_correlation",
        "Whether one market goes first and another follows some rows later.",
        "Pearson correlation of a[i-k] and b[i] over i = t-n+1..t, a and b the 1-row log returns",
        "correlation",
        (*_pair("equity", "small_caps"), rows("k", 1, "Rows by which b follows."), rows("n", 60, "Returns.", 2)),
        lambda values: _leads(values["a"], values["b"], values),
        _lead_lag_warmup,
        source="Lo and MacKinlay (1990), When are contrarian profits due to stock market overreaction?, Review of "
        "Financial Studies 3(2), for cross-autocorrelations",
        low=-1.0,
        high=1.0,
        nan_policy=f"{WINDOW_NAN} NaN where all returns of either in its window are equal, as at rest.",
    ),
    _feature(
        "lead_lag_lean",
        "Which of two markets goes first: above zero the first one leads, below zero it follows.",
        "corr(a[i-k], b[i]) - corr(b[i-k], a[i]) over i = t-n+1..t, as lead_lag_correlation",
        "difference of correlations",
        (*_pair("equity", "small_caps"), rows("k", 1, "Rows between them."), rows("n", 60, "Returns.", 2)),
        lambda values: _leads(values["a"], values["b"], values) - _leads(values["b"], values["a"], values),
        _lead_lag_warmup,
        source="Lo and MacKinlay (1990), as lead_lag_correlation; the difference is a definition",
        low=-2.0,
        high=2.0,
        nan_policy=f"{WINDOW_NAN} NaN where all returns of either in a window are equal, as at rest.",
    ),
)
"""Two markets against each other."""

DECLARED: Final = (*_MEMBERS, *_PAIRS)
"""Features of single markets and of pairs."""

_RETURNS: Final = (
    *("equity", "nasdaq", "small_caps", "bonds_10y", "bonds_30y", "euro", "yen"),
    *("gold", "silver", "oil", "gas", "bitcoin"),
)
_COMPARED: Final = (
    *(("nasdaq", "equity"), ("small_caps", "equity"), ("dow", "equity"), ("bonds_10y", "equity")),
    *(("gold", "equity"), ("oil", "equity"), ("gold", "silver"), ("gold", "bonds_10y"), ("oil", "gold")),
    *(("bonds_5y", "bonds_30y"), ("high_yield", "bonds_10y"), ("discretionary", "staples")),
    *(("technology", "utilities"), ("financials", "bonds_10y"), ("energy", "oil"), ("aussie", "yen")),
    *(("bitcoin", "nasdaq"), ("euro", "gold")),
)
_CORRELATED: Final = (
    *(("bonds_10y", "equity"), ("gold", "equity"), ("oil", "equity"), ("euro", "equity"), ("yen", "equity")),
    *(("bitcoin", "equity"), ("vix", "equity"), ("gold", "euro"), ("gold", "bonds_10y"), ("oil", "gas")),
    *(("small_caps", "equity"), ("financials", "bonds_10y")),
)
_LED: Final = (
    *(("equity", "small_caps"), ("nasdaq", "equity"), ("bonds_10y", "equity"), ("volatility_front", "equity")),
    *(("euro", "gold"), ("oil", "energy")),
)
_HEDGED: Final = (
    *(("gold", "euro"), ("silver", "gold"), ("energy", "oil"), ("nasdaq", "equity"), ("small_caps", "equity")),
    ("bitcoin", "nasdaq"),
)

COLUMNS: Final = (
    *(column("member_return", a=a, n=n) for a in _RETURNS for n in (1, 20)),
    *(column("member_return", a="vix", n=n) for n in (1, 5)),
    *(column("member_trend", a=a, n=60) for a in _RETURNS),
    *(column("member_volatility", a=a, n=20) for a in ("equity", "bonds_10y", "gold", "oil", "bitcoin")),
    *(column("member_drawdown", a=a, n=250) for a in ("equity", "bonds_10y", "gold", "bitcoin")),
    *(column("member_zscore", a=a, n=n) for a in ("vix", "vvix") for n in (60, 250)),
    *(column("dollar_trend", by="euro", n=n) for n in (20, 60, 250)),
    column("dollar_trend", by="dollar", n=60),
    *(column("price_ratio", a=a, b=b) for a, b in (("gold", "silver"), ("vvix", "vix"))),
    column("price_ratio", a="volatility_front", b="volatility_second"),
    *(column("ratio_zscore", a=a, b=b, n=60) for a, b in _COMPARED),
    *(column("ratio_zscore", a=a, b=b, n=250) for a, b in _COMPARED[:8]),
    *(column("ratio_zscore", a=a, b=b, n=60) for a, b in (("volatility_front", "volatility_second"), ("vvix", "vix"))),
    *(column("relative_strength", a=a, b=b, n=20) for a, b in _COMPARED),
    *(column("pair_correlation", a=a, b=b, n=n) for a, b in _CORRELATED for n in (20, 60)),
    *(column("pair_beta", a=a, b=b, n=60) for a, b in _CORRELATED),
    *(column("correlation_change", a=a, b=b, short=20, long=120) for a, b in _CORRELATED[:8]),
    *(column("hedged_return", a=a, b=b, n=60) for a, b in _HEDGED),
    *(column("lead_lag_correlation", a=a, b=b, k=1, n=60) for a, b in _LED),
    *(column("lead_lag_lean", a=a, b=b, k=1, n=60) for a, b in _LED),
)
"""Columns of single markets and pairs in the set ``cross_asset``."""
