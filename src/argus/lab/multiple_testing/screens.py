"""Many ideas screened at once: which of their p-values still mean something, and what is left of a Sharpe ratio.

`reality` needs the returns of every trial. These corrections need only p-values, or only how many trials there were,
and therefore serve what was tried elsewhere: screens of features, of symbols, of papers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError

__all__ = ["Haircut", "benjamini_hochberg", "benjamini_yekutieli", "haircut_sharpe", "holm", "one_sided_p"]

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Haircut:
    """What is left of a Sharpe ratio once it counts as one of many.

    Attributes
    ----------
    sharpe_annual : float
        As it was shown.
    p_value, p_corrected : float
        Two-sided: of this one alone, and corrected.
    sharpe_left : float
        The annual Sharpe ratio that alone would have `p_corrected`; 0 if nothing is left, never more than shown.
    haircut : float
        ``1 - sharpe_left / sharpe_annual``; 1 if the Sharpe ratio shown is not positive.
    tests : int
    method : str
    """

    sharpe_annual: float
    p_value: float
    p_corrected: float
    sharpe_left: float
    haircut: float
    tests: int
    method: str


def benjamini_hochberg(p_values: F64_1D) -> F64_1D:
    """Smallest share of false discoveries at which each would be taken, (n,), in the order given.

    Take all whose value is at most q, and in expectation at most a share q of them is worthless, if the p-values are
    independent or positively dependent. Benjamini and Hochberg 1995, "Controlling the False Discovery Rate", Journal of
    the Royal Statistical Society B 57(1).

    Raises
    ------
    ConfigError
        If there is none, or one lies outside 0 to 1.
    """
    return _step_up(p_values, 1.0)


def benjamini_yekutieli(p_values: F64_1D) -> F64_1D:
    """The same under any dependence, at the price of a factor ``1 + 1/2 + ... + 1/n``.

    Benjamini and Yekutieli 2001, "The Control of the False Discovery Rate in Multiple Testing under Dependency", Annals
    of Statistics 29(4). Harvey, Liu and Zhu 2016, "...and the Cross-Section of Expected Returns", Review of Financial
    Studies 29(1), prefer it for trading ideas, which all rest on the same history.
    """
    return _step_up(p_values, math.fsum(1.0 / k for k in range(1, len(p_values) + 1)))


def holm(p_values: F64_1D) -> F64_1D:
    """p-values corrected so that the chance of taking even one worthless idea is bounded, (n,), in the order given.

    Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6(2). Holds
    under any dependence.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty(len(p))
    found[order] = np.minimum(raised, 1.0)
    return found


def one_sided_p(t_statistic: float) -> float:
    """Chance that luck alone gives a t-statistic at least this large; normal, which holds for hundreds of sessions."""
    return 0.5 * math.erfc(t_statistic / math.sqrt(2.0))


def haircut_sharpe(
    sharpe_annual: float, years: float, tests: int, *, method: str = "bonferroni", others: Sequence[float] = ()
) -> Haircut:
    """What is left of a Sharpe ratio after correction for so many tests.

    Harvey and Liu 2015, "Backtesting", Journal of Portfolio Management 42(1): the ratio becomes a t-statistic, that a
    two-sided p-value, which is corrected and turned back.

    Parameters
    ----------
    sharpe_annual : float
    years : float
        Of data behind it.
    tests : int
        How many were tried, this one included.
    method : {"bonferroni", "independent", "holm", "benjamini_yekutieli"}
        ``n p``; ``1 - (1 - p)^n``, exact for independent tests; or by the p-values of the other tests.
    others : sequence of float
        Two-sided p-values of the ``tests - 1`` others: for the last two methods.

    Raises
    ------
    ConfigError
        If a figure is out of range, the method is unknown, or it lacks the others' p-values.
    """
    if not math.isfinite(sharpe_annual):
        raise ConfigError(f"sharpe_annual is {sharpe_annual}; a finite figure is needed")
    if not (math.isfinite(years) and years > 0.0):
        raise ConfigError(f"years is {years}; it must be positive")
    if tests < 1:
        raise ConfigError(f"tests is {tests}; the result that is shown is itself one")
    root = math.sqrt(years)
    # By erfc, which keeps its digits far out, where 1 - Phi has none left.
    p = math.erfc(abs(sharpe_annual) * root / math.sqrt(2.0))
    corrected = _corrected(p, tests, method, others)
    # Below the smallest double the p-value is zero and has no quantile; nothing is cut there.
    left = (
        -_NORMAL.inv_cdf(corrected / 2.0) / root if 0.0 < corrected < 1.0 else (0.0 if corrected >= 1.0 else math.inf)
    )
    left = min(max(left, 0.0), abs(sharpe_annual))
    if sharpe_annual <= 0.0:
        return Haircut(sharpe_annual, p, corrected, 0.0, 1.0, tests, method)
    return Haircut(sharpe_annual, p, corrected, left, 1.0 - left / sharpe_annual, tests, method)


def _corrected(p: float, tests: int, method: str, others: Sequence[float]) -> float:
    if method == "bonferroni":
        return min(1.0, tests * p)
    if method == "independent":
        return -math.expm1(tests * math.log1p(-p)) if p < 1.0 else 1.0
    if method not in ("holm", "benjamini_yekutieli"):
        raise ConfigError(f"method is {method!r}; bonferroni, independent, holm and benjamini_yekutieli are known")
    if len(others) != tests - 1:
        raise ConfigError(
            f"method {method} was given {len(others)} other p-values for {tests} tests; all others needed"
        )
    values = np.array([p, *others], dtype=np.float64)
    return float((holm(values) if method == "holm" else benjamini_yekutieli(values))[0])


def _step_up(p_values: F64_1D, factor: float) -> F64_1D:
    p = _checked(p_values)
    count = len(p)
    order = np.argsort(p, kind="stable")
    raised = p[order] * (factor * count) / np.arange(1, count + 1)
    lowered = np.minimum.accumulate(raised[::-1])[::-1]
    found = np.empty(count)
    found[order] = np.minimum(lowered, 1.0)
    return found


def _checked(p_values: F64_1D) -> F64_1D:
    p = np.asarray(p_values, dtype=np.float64)
    if not len(p):
        raise ConfigError("no p-value was given; a screen has at least one")
    bad = ~((p >= 0.0) & (p <= 1.0))
    if bad.any():
        at = int(np.argmax(bad))
        raise ConfigError(f"p-value {at} is {p[at]}; it must lie in 0 to 1")
    return p
