"""Cross-asset: what a group of markets does as a whole, the appetite for risk, and what volatility costs.

A group goes on with the members that are known in a row, as long as at least half of them are.
"""

from __future__ import annotations

from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column
from argus.features.families.cross_asset import ASYNCHRONOUS, WINDOW_NAN, log_return, ratio_score, rows
from argus.features.graph import Node, Term, input_column, node
from argus.features.universe import APPETITE, GROUPS, least_of, member_close, pairs_of

__all__ = ["COLUMNS", "DECLARED"]

_YEAR_S: Final = 31_557_600.0
"""Seconds in a year of 365.25 days."""
_EQUAL: Final = 1e-12
"""Share of a close within which its mean is the same price: rounding is a ten thousandth of that, a tick far more."""
_KNOWN: Final = (
    "A member without a value for its own window does not count; NaN where fewer than half of the group's members (or "
    "fewer than two) count."
)


def _n(values: Values) -> int:
    return int(values["n"])


def _and_one(values: Values) -> int:
    return _n(values) + 1


def _group(default: str) -> Parameter:
    told = "; ".join(f"{name}: {', '.join(members)}" for name, members in GROUPS.items())
    return Parameter("group", default, choices=tuple(GROUPS), why=f"The group. {told}.")


def _members(values: Values) -> tuple[str, ...]:
    return GROUPS[str(values["group"])]


def _over(kernel: str, terms: list[Node], least: int) -> Node:
    """A kernel over columns of which at least so many must be known."""
    return node(f"cross_asset.{kernel}", *terms, args=(len(terms), least))


def _breadth_above_mean(values: Values) -> Term:
    closes = [member_close(role) for role in _members(values)]
    gaps = [node("cross_asset.apart", close, w.repaired_mean(close, _n(values)), args=(_EQUAL,)) for close in closes]
    return _over("share_above_zero", gaps, least_of(len(gaps)))


def _returns(values: Values) -> list[Node]:
    return [log_return(role, _n(values)) for role in _members(values)]


def _breadth_advancing(values: Values) -> Term:
    returns = _returns(values)
    return _over("share_above_zero", returns, least_of(len(returns)))


def _dispersion(values: Values) -> Term:
    returns = _returns(values)
    return _over("deviation_known", returns, least_of(len(returns)))


def _correlations(values: Values) -> list[Node]:
    return [w.correlation(log_return(a), log_return(b), _n(values)) for a, b in pairs_of(str(values["group"]))]


def _average_correlation(values: Values) -> Term:
    least = least_of(len(_members(values)))
    return _over("mean_known", _correlations(values), least * (least - 1) // 2)


def _absorption(values: Values) -> Term:
    count = len(_members(values))
    return node("cross_asset.first_eigenvalue_share", *_correlations(values), args=(count, least_of(count)))


def _risk_appetite(values: Values) -> Term:
    return _over("mean_known", [ratio_score(a, b, _n(values)) for a, b in APPETITE], least_of(len(APPETITE)))


def _realised_variance(values: Values) -> Node:
    close_s = input_column("close_s")
    return w.total(w.square(log_return("equity")), _n(values)) * _YEAR_S / w.change(close_s, _n(values))


_IMPLIED: Final = member_close("vix") / 100.0
_FRONT: Final = member_close("volatility_front")
_SECOND: Final = member_close("volatility_second")
_REALISED: Final = "R = 31557600 sum(ln(E[i] / E[i-1])^2 over i = t-n+1..t) / (close_s[t] - close_s[t-n])"

_GROUPS: Final = (
    Feature(
        name="breadth_above_mean",
        family="cross_asset",
        meaning="What share of a group of markets stands above its own average: how many carry a move.",
        own_parameters=(_group("sectors"), rows("n", 50, "Rows of the averages.", 2)),
        warmup=_n,
        build=_breadth_above_mean,
        formula="(members with A[t] > mean(A[t-n+1..t]) + half of those with A[t] = mean) / members known; "
        "nearer to each other than 1e-12 of A[t] they are equal",
        source="definition",
        unit="share of members",
        low=0.0,
        high=1.0,
        nan_policy=_KNOWN,
    ),
    Feature(
        name="breadth_advancing",
        family="cross_asset",
        meaning="What share of a group of markets rose.",
        own_parameters=(_group("sectors"), rows("n", 5, "Rows of the returns.")),
        warmup=_and_one,
        build=_breadth_advancing,
        formula="(members with A[t] > A[t-n] + half of those with A[t] = A[t-n]) / members known; "
        "a member without ln(A[t] / A[t-n]), as one at a price not above zero, is not known",
        source="definition",
        unit="share of members",
        low=0.0,
        high=1.0,
        nan_policy=_KNOWN,
        distrust="A market that is closed neither rose nor fell and counts half.",
    ),
    Feature(
        name="dispersion",
        family="cross_asset",
        meaning="How far the markets of a group went apart: much to choose from, or all the same.",
        own_parameters=(_group("sectors"), rows("n", 20, "Rows of the returns.")),
        warmup=_and_one,
        build=_dispersion,
        formula="sample standard deviation (divisor members - 1) across known members of ln(A[t] / A[t-n])",
        source="Solnik and Roulet (2000), Dispersion as cross-sectional correlation, Financial Analysts Journal 56(1)",
        unit="log return over n rows",
        low=0.0,
        nan_policy=_KNOWN,
        distrust=ASYNCHRONOUS,
    ),
    Feature(
        name="average_correlation",
        family="cross_asset",
        meaning="How much the markets of a group move as one; it rises when people sell whatever they can.",
        own_parameters=(_group("sectors"), rows("n", 60, "Returns in the window.", 2)),
        warmup=_and_one,
        build=_average_correlation,
        formula="mean over all pairs of members of pair_correlation over n returns, each pair weighing the same; pairs "
        "without a correlation are left out",
        source="Pollet and Wilson (2010), Average correlation and stock market returns, Journal of Financial Economics "
        "96(3), with equal weights",
        unit="correlation",
        low=-1.0,
        high=1.0,
        nan_policy="NaN where fewer pairs have a correlation than half of the members have among them: 6 of eight "
        "members, 1 of four.",
        distrust=ASYNCHRONOUS,
    ),
    Feature(
        name="absorption_ratio",
        family="cross_asset",
        meaning="How much of all movement in a group is one common movement: near 1, nothing spreads the risk.",
        own_parameters=(_group("sectors"), rows("n", 60, "Returns in the window.", 2)),
        warmup=_and_one,
        build=_absorption,
        formula="largest eigenvalue of the matrix of pair_correlation over n returns, divided by the number of members "
        "in it; members that have no correlation with any other are left out",
        source="Kritzman, Li, Page and Rigobon (2011), Principal components as a measure of systemic risk, Journal of "
        "Portfolio Management 37(4); here one component, of correlations",
        unit="share of variance",
        low=0.0,
        high=1.0,
        nan_policy=_KNOWN,
        distrust=ASYNCHRONOUS,
    ),
    Feature(
        name="risk_appetite",
        family="cross_asset",
        meaning="Whether money seeks risk (above zero) or flees it (below), over several markets at once.",
        own_parameters=(rows("n", 60, "Rows of the z-scores.", 2),),
        warmup=_n,
        build=_risk_appetite,
        formula="mean of ratio_zscore over n rows of the pairs "
        + ", ".join(f"{a}/{b}" for a, b in APPETITE)
        + "; pairs without one are left out",
        source="definition of this project",
        unit="sample standard deviations",
        nan_policy=f"NaN where fewer than {least_of(len(APPETITE))} of the {len(APPETITE)} pairs have a z-score.",
        distrust="With other members in the universe it is another index: compare its values within one universe only.",
    ),
)
"""Many markets at once."""

_VOLATILITY: Final = (
    Feature(
        name="volatility_term_slope",
        family="cross_asset",
        meaning="Whether later volatility is dearer than early volatility (above zero, as usual) or fear is acute.",
        warmup=lambda values: 1,
        build=lambda values: _SECOND / _FRONT - 1.0,
        formula="S[t] / F[t] - 1, F and S closes of volatility_front and volatility_second",
        source="Johnson (2017), Risk premia and the VIX term structure, Journal of Financial and Quantitative Analysis "
        "52(6), for the slope; the ratio of two futures is a definition",
        unit="share of the front price",
        low=-1.0,
        nan_policy=WINDOW_NAN,
        distrust="The two futures are a month apart, the front one between a day and a month from its end: the slope "
        "also moves with the calendar.",
    ),
    Feature(
        name="volatility_basis",
        family="cross_asset",
        meaning="What a future on the VIX costs above the VIX itself.",
        warmup=lambda values: 1,
        build=lambda values: _FRONT / member_close("vix") - 1.0,
        formula="F[t] / V[t] - 1, F the close of volatility_front, V that of vix",
        source="definition",
        unit="share of the VIX",
        low=-1.0,
        nan_policy=WINDOW_NAN,
        distrust=ASYNCHRONOUS,
    ),
    Feature(
        name="volatility_premium",
        family="cross_asset",
        meaning="How much more volatility options expect than there was: what sellers of options are paid.",
        own_parameters=(rows("n", 20, "Returns of the realised volatility."),),
        warmup=_and_one,
        build=lambda values: _IMPLIED - w.root(_realised_variance(values)),
        formula=f"V[t] / 100 - sqrt(R), {_REALISED}, E closes of equity, V of vix",
        source="definition; as variance_premium, in volatilities",
        unit="annualised volatility (0.16 is 16 %)",
        price_degree=None,
        nan_policy=WINDOW_NAN,
        distrust="The VIX looks thirty days ahead, the other side looks back: after a shock they differ with nobody "
        "being paid.",
    ),
    Feature(
        name="variance_premium",
        family="cross_asset",
        meaning="How much more variance options expect than there was.",
        own_parameters=(rows("n", 20, "Returns of the realised variance."),),
        warmup=_and_one,
        build=lambda values: w.square(_IMPLIED) - _realised_variance(values),
        formula=f"(V[t] / 100)^2 - R, {_REALISED}, E closes of equity, V of vix",
        source="Bollerslev, Tauchen and Zhou (2009), Expected stock returns and variance risk premia, Review of "
        "Financial Studies 22(11), annualised by the time between closes",
        unit="annualised variance",
        price_degree=None,
        nan_policy=WINDOW_NAN,
        distrust="As volatility_premium.",
    ),
)
"""What volatility costs."""

DECLARED: Final = (*_GROUPS, *_VOLATILITY)
"""Features of groups and of the price of volatility."""

COLUMNS: Final = (
    *(column("breadth_above_mean", group=group, n=n) for group in ("sectors", "assets") for n in (50, 200)),
    column("breadth_above_mean", group="indices", n=50),
    *(column("breadth_advancing", group=group, n=n) for group in ("sectors", "assets") for n in (1, 20)),
    column("breadth_advancing", group="indices", n=5),
    *(column("dispersion", group=group, n=n) for group in ("sectors", "assets") for n in (5, 20)),
    column("dispersion", group="indices", n=20),
    *(column("average_correlation", group=group, n=60) for group in GROUPS),
    column("average_correlation", group="sectors", n=20),
    *(column("absorption_ratio", group=group, n=60) for group in ("sectors", "assets")),
    *(column("risk_appetite", n=n) for n in (20, 60, 250)),
    column("volatility_term_slope"),
    column("volatility_basis"),
    *(column("volatility_premium", n=n) for n in (20, 60)),
    column("variance_premium", n=20),
)
"""Columns of groups and of the price of volatility in the set ``cross_asset``."""
