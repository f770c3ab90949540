"""Quotes that do not fit: against the surface, against their own past, against their neighbours, and by chance alone.

A residual is the volatility of a quote's middle less that of the surface, in units of the quote's own spread. Among
thousands of contracts some lie far out on any day; the list says how many chance would put there, and whether what is
left after crossing the spread and paying costs is worth anything. A finding is a question to the data first (a stale or
mistyped quote), a trade only then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D
from argus.core.errors import ConfigError

__all__ = [
    "Anomalies",
    "QuoteResiduals",
    "RegionAnomalies",
    "find_anomalies",
    "find_regions",
    "history_scores",
    "neighbour_residuals",
]

_MAD_TO_SIGMA: Final = 1.4826  # a normal law's deviation over its median distance from the median
_SCALE_MIN: Final = 0.05  # least deviation, in spreads: quotes move on a grid of ticks


@dataclass(frozen=True, slots=True, eq=False)
class QuoteResiduals:
    """One row for each contract of a snapshot.

    Attributes
    ----------
    strike, years : (n,) float64
    right : (n,) int8
    k : (n,) float64
        ``ln(strike / forward)``.
    residual_spreads : (n,) float64
        Volatility of the middle less that of the surface, over the difference of the volatilities of ask and bid
        (`argus.options.surface.judge_quotes`); NaN where there is none.
    bid, ask : (n,) float64
        Prices of the quote.
    model : (n,) float64
        Price by the surface, in the same currency.
    """

    strike: F64_1D
    years: F64_1D
    right: NDArray[np.int8]
    k: F64_1D
    residual_spreads: F64_1D
    bid: F64_1D
    ask: F64_1D
    model: F64_1D

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, name)) for name in QuoteResiduals.__dataclass_fields__}
        if len(lengths) != 1:
            raise ConfigError(f"columns of residuals have lengths {sorted(lengths)}; equal needed")

    def __len__(self) -> int:
        return len(self.strike)


@dataclass(frozen=True, slots=True, eq=False)
class Anomalies:
    """The ranked list: most surprising first, one row for each contract that has a residual.

    Attributes
    ----------
    row : (m,) int64
        Row of the snapshot.
    score : (m,) float64
        What it is ranked by: the smallest in size of the scores known, 0 where their signs differ.
    score_fit, score_history, score_neighbours : (m,) float64
        Deviations from 0, from the own past and from the neighbours; NaN where unknown. Positive is dear.
    p_value : (m,) float64
        Two-sided, of `score`, by Student's law with `degrees` of freedom, as fat as the snapshot's own residuals.
    q_value : (m,) float64
        Smallest share of false discoveries at which it would be taken (Benjamini and Hochberg).
    expected_by_chance : (m,) float64
        Contracts that chance alone would rank at least as high: ``tests * p_value``.
    edge : (m,) float64
        Price units gained against the model by trading at the bid or ask, after `cost`; negative is a loss.
    is_tradable : (m,) bool
        ``edge > 0`` with a bid and an ask.
    tests : int
        Contracts looked at.
    degrees : float
    """

    row: I64_1D
    score: F64_1D
    score_fit: F64_1D
    score_history: F64_1D
    score_neighbours: F64_1D
    p_value: F64_1D
    q_value: F64_1D
    expected_by_chance: F64_1D
    edge: F64_1D
    is_tradable: BOOL_1D
    tests: int
    degrees: float

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True, eq=False)
class RegionAnomalies:
    """Regions of a snapshot, tenor by moneyness, most surprising first.

    Attributes
    ----------
    tenor, moneyness : (r,) int64
        Places of the bucket: 0 below the first edge, and so on.
    contracts : (r,) int64
    residual_mean : (r,) float64
        Mean residual, in spreads.
    score : (r,) float64
        Against the same region's own past where at least `history_min` past means are given, else against 0 in units of
        the scatter between regions.
    p_value, q_value : (r,) float64
        As of contracts; tests are the regions.
    """

    tenor: I64_1D
    moneyness: I64_1D
    contracts: I64_1D
    residual_mean: F64_1D
    score: F64_1D
    p_value: F64_1D
    q_value: F64_1D


def find_anomalies(
    quotes: QuoteResiduals,
    *,
    past: NDArray[np.float64] | None = None,
    history_min: int = 10,
    neighbours: int = 4,
    cost: float = 0.0,
) -> Anomalies:
    """Rank the contracts of a snapshot by how badly they fit.

    Each contract has up to three scores: its residual over the scatter of all residuals of the snapshot, its distance
    from its own past (`history_scores`), and its distance from its neighbours (`neighbour_residuals`) over the scatter
    of such distances. It is as surprising as the least of them: a residual that is usual for the contract, or shared by
    the neighbourhood, is the surface's fault and not a mispricing.

    Parameters
    ----------
    past : (days, n) float64, optional
        Residuals in spreads of the same contracts at earlier snapshots, NaN where there was none. Only rows known
        before this snapshot may be passed; the function cannot tell.
    history_min : int
        Past residuals that a contract needs for a score against its past.
    neighbours : int
        Contracts of the same expiry on either side, and of the expiries before and after, nearest in moneyness.
    cost : float
        Fees of a trade and its undoing, per unit of the price (a fee of 1.30 on a multiplier of 100 is 0.013).

    Raises
    ------
    ConfigError
        Where `past` has another width than the snapshot, or a parameter is out of range.
    """
    if past is not None and (past.ndim != 2 or past.shape[1] != len(quotes)):
        raise ConfigError(f"past has shape {past.shape}; one column for each of {len(quotes)} contracts needed")
    if history_min < 3 or neighbours < 1 or not (np.isfinite(cost) and cost >= 0.0):
        raise ConfigError(
            f"history_min {history_min}, neighbours {neighbours}, cost {cost}: at least 3, 1 and 0 needed"
        )
    residual = quotes.residual_spreads
    rows = np.flatnonzero(np.isfinite(residual))
    fit = residual / _scatter(residual[rows])
    apart = residual - neighbour_residuals(quotes, count=neighbours)
    beside = apart / _scatter(apart[np.isfinite(apart)])
    own = np.full(len(quotes), np.nan) if past is None else history_scores(residual, past, history_min=history_min)
    scores = np.stack([fit, own, beside])[:, rows]
    score = _least(scores)
    degrees = _degrees(residual[rows])
    p_value = _two_sided(score, degrees)
    order = np.lexsort((rows, -np.abs(fit[rows]), -np.abs(score)))
    with np.errstate(invalid="ignore"):
        dear = residual > 0.0
        edge = np.where(dear, quotes.bid - quotes.model, quotes.model - quotes.ask) - cost
        tradable = (edge > 0.0) & (quotes.bid > 0.0) & (quotes.ask >= quotes.bid)
    chosen = rows[order]
    return Anomalies(
        row=chosen.astype(np.int64),
        score=score[order],
        score_fit=scores[0, order],
        score_history=scores[1, order],
        score_neighbours=scores[2, order],
        p_value=p_value[order],
        q_value=_benjamini_hochberg(p_value)[order],
        expected_by_chance=p_value[order] * len(rows),
        edge=edge[chosen],
        is_tradable=tradable[chosen],
        tests=len(rows),
        degrees=degrees,
    )


def find_regions(
    quotes: QuoteResiduals,
    *,
    tenor_edges: F64_1D,
    moneyness_edges: F64_1D,
    vol: float = 0.2,
    past: NDArray[np.float64] | None = None,
    history_min: int = 10,
) -> RegionAnomalies:
    """Rank the regions of a snapshot, tenor by moneyness, by the mean residual of their contracts.

    Parameters
    ----------
    tenor_edges : (a,) float64
        Years, ascending: a + 1 tenors.
    moneyness_edges : (b,) float64
        ``k / (vol sqrt(years))``, ascending: b + 1 columns.
    past : (days, a + 1, b + 1) float64, optional
        Mean residuals of the same regions at earlier snapshots.

    Raises
    ------
    ConfigError
        Where edges do not ascend, or `past` has another shape.
    """
    for name, edges in (("tenor_edges", tenor_edges), ("moneyness_edges", moneyness_edges)):
        if not (np.diff(edges) > 0.0).all():
            raise ConfigError(f"{name} is {edges.tolist()}; it must ascend")
    wide = (len(tenor_edges) + 1, len(moneyness_edges) + 1)
    if past is not None and (past.ndim != 3 or past.shape[1:] != wide):
        raise ConfigError(f"past has shape {past.shape}; (days, {wide[0]}, {wide[1]}) needed")
    rows = np.flatnonzero(np.isfinite(quotes.residual_spreads))
    tenor = np.searchsorted(tenor_edges, quotes.years[rows], side="right")
    place = quotes.k[rows] / (vol * np.sqrt(quotes.years[rows]))
    cell = tenor * wide[1] + np.searchsorted(moneyness_edges, place, side="right")
    size = wide[0] * wide[1]
    contracts = np.bincount(cell, minlength=size)
    total = np.bincount(cell, weights=quotes.residual_spreads[rows], minlength=size)
    mean = np.divide(total, contracts, out=np.full(size, np.nan), where=contracts > 0)
    filled = np.flatnonzero(contracts > 0)
    score = mean / _scatter(mean[filled])
    if past is not None:
        own = history_scores(mean, past.reshape(len(past), size), history_min=history_min)
        score = np.where(np.isfinite(own), own, score)
    p_value = _two_sided(score[filled], 4.0)
    order = np.argsort(-np.abs(score[filled]), kind="stable")
    cells = filled[order]
    return RegionAnomalies(
        tenor=(cells // wide[1]).astype(np.int64),
        moneyness=(cells % wide[1]).astype(np.int64),
        contracts=contracts[cells].astype(np.int64),
        residual_mean=mean[cells],
        score=score[cells],
        p_value=p_value[order],
        q_value=_benjamini_hochberg(p_value)[order],
    )


def history_scores(now: F64_1D, past: NDArray[np.float64], *, history_min: int = 10) -> F64_1D:
    """Distance of each residual from the median of its own past, in robust deviations of that past, (n,).

    The deviation is 1.4826 times the median distance from the median, at least 0.05. NaN where fewer than `history_min`
    past residuals are known. Today's residual is no part of the past it is measured by.
    """
    known = np.isfinite(past).sum(axis=0)
    score = np.full(len(now), np.nan)
    rows = np.flatnonzero((known >= history_min) & np.isfinite(now))
    if len(rows):
        own = np.where(np.isfinite(past[:, rows]), past[:, rows], np.nan)
        middle = np.nanmedian(own, axis=0)
        scale = np.maximum(_MAD_TO_SIGMA * np.nanmedian(np.abs(own - middle), axis=0), _SCALE_MIN)
        score[rows] = (now[rows] - middle) / scale
    return score


def neighbour_residuals(quotes: QuoteResiduals, *, count: int = 4) -> F64_1D:
    """Median residual of each contract's neighbours, itself left out, (n,); NaN without any.

    Neighbours are the `count` nearest strikes on either side in the same expiry and the `count` nearest in ``k /
    sqrt(years)`` of the expiry before and the one after. A contract of the same strike and expiry (the put beside the
    call) is no neighbour: it has the same error.
    """
    found = np.full(len(quotes), np.nan)
    rows = np.flatnonzero(np.isfinite(quotes.residual_spreads) & np.isfinite(quotes.k) & (quotes.years > 0.0))
    place = quotes.k / np.sqrt(np.where(quotes.years > 0.0, quotes.years, np.nan))
    groups = []
    for own in np.unique(quotes.years[rows]):
        members = rows[quotes.years[rows] == own]
        groups.append(members[np.lexsort((members, place[members]))])
    for at, members in enumerate(groups):
        beside = [_around(place, members, members, count, skip_same=True)]
        beside += [
            _around(place, members, groups[other], (count + 1) // 2, skip_same=False)
            for other in (at - 1, at + 1)
            if 0 <= other < len(groups)
        ]
        rows_beside = np.concatenate(beside, axis=1)
        values = np.where(rows_beside >= 0, quotes.residual_spreads[rows_beside], np.nan)
        has_any = np.isfinite(values).any(axis=1)
        found[members[has_any]] = np.nanmedian(values[has_any], axis=1)
    return found


def _around(
    place: F64_1D, members: NDArray[np.intp], others: NDArray[np.intp], count: int, *, skip_same: bool
) -> NDArray[np.intp]:
    """Rows of `others` (sorted by place) around each of `members`, `count` on either side; -1 where there is none."""
    values = place[others]
    left = np.searchsorted(values, place[members], side="left")
    right = np.searchsorted(values, place[members], side="right") if skip_same else left
    step = np.arange(count)
    below, above = left[:, None] - 1 - step, right[:, None] + step
    picked = np.concatenate((below, above), axis=1)
    sound = (picked >= 0) & (picked < len(others))
    return np.where(sound, others[np.clip(picked, 0, len(others) - 1)], -1)


def _scatter(values: F64_1D) -> float:
    """Robust deviation from 0, at least `_SCALE_MIN`."""
    if not len(values):
        return 1.0
    return max(_MAD_TO_SIGMA * float(np.median(np.abs(values))), _SCALE_MIN)


def _least(scores: NDArray[np.float64]) -> F64_1D:
    """The score smallest in size of those known, 0 where their signs differ."""
    known = np.isfinite(scores)
    size = np.where(known, np.abs(scores), np.inf).min(axis=0)
    signs = np.where(known, np.sign(scores), 0.0)
    agree = np.abs(signs.sum(axis=0)) == known.sum(axis=0)
    found: F64_1D = np.where(agree & np.isfinite(size), size * np.sign(signs.sum(axis=0)), 0.0)
    return found


def _degrees(values: F64_1D) -> float:
    """Degrees of freedom of the Student law whose quartiles and outer twentieths stand as those of the residuals do.

    So the tails of chance are those of this snapshot: a normal law would call one in fifty contracts a wonder. The
    outer twentieths, not the furthest quotes, decide, so that a mispricing does not widen the law it is judged by.
    """
    from scipy.stats import t

    if len(values) < 40:
        return 4.0
    size = np.abs(values)
    ratio = float(np.quantile(size, 0.9)) / max(float(np.median(size)), 1e-12)
    offered = np.array([1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 30.0])
    ratios = t.ppf(0.95, offered) / t.ppf(0.75, offered)
    return float(offered[np.argmin(np.abs(ratios - ratio))])


def _two_sided(score: F64_1D, degrees: float) -> F64_1D:
    """Two-sided p-value of scores in robust deviations, by Student's law of the same median distance."""
    from scipy.stats import norm, t

    unit = float(t.ppf(0.75, degrees) / norm.ppf(0.75))
    found: F64_1D = 2.0 * t.sf(np.abs(score) * unit, degrees)
    return found


def _benjamini_hochberg(p_value: F64_1D) -> F64_1D:
    """Smallest share of false discoveries at which each would be taken (Benjamini and Hochberg 1995)."""
    count = len(p_value)
    order = np.argsort(p_value, kind="stable")
    scaled = p_value[order] * count / np.arange(1, count + 1)
    found = np.empty(count)
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return found
