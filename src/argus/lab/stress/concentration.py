"""How few trades, days and months the profit hangs on.

A result that is gone without its five best trades is an anecdote. Taking the best away always hurts, for good
strategies too; the point is how much is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D, I32_1D
from argus.core.errors import ConfigError
from argus.engine.metrics import session_returns, sharpe
from argus.engine.record import RunRecord

__all__ = ["Concentration", "concentration", "concentration_of", "largest_part"]

_TRADES: Final = (1, 5, 10)
_DAYS: Final = 5
_MONTHS: Final = 3


@dataclass(frozen=True, slots=True)
class Concentration:
    """Shares of the net profit; above 1 where all the rest together lost. NaN where there was no profit.

    Attributes
    ----------
    trades : int
        Closed trades.
    best_trades : tuple of (int, float)
        Number of best trades and their share of the net result of all closed trades.
    days_share, months_share : float
        Share of the five best sessions and of the three best calendar months in the net result of all sessions.
    sharpe_annual, sharpe_without_days, sharpe_without_months : float
        Annual Sharpe ratio of all sessions; without the five best; without those of the three best months.
    figure : float
        Share of the five best trades.
    sentence : str
    """

    trades: int
    best_trades: tuple[tuple[int, float], ...]
    days_share: float
    months_share: float
    sharpe_annual: float
    sharpe_without_days: float
    sharpe_without_months: float
    figure: float
    sentence: str


def concentration(net: F64_1D, session: I32_1D, pnl: F64_1D, returns: F64_1D, *, per_year: float) -> Concentration:
    """How few trades, days and months the profit hangs on.

    Parameters
    ----------
    net : (n,) float64
        Net results of the closed trades; currency units.
    session : (T,) int32
        Session dates as day numbers since 1970-01-01, ascending.
    pnl, returns : (T,) float64
        Change of the account's equity in each session, in currency units and as a share of the equity before it.
    per_year : float
        Sessions a year.

    Raises
    ------
    ConfigError
        If lengths differ.
    """
    if not len(session) == len(pnl) == len(returns):
        raise ConfigError(
            f"concentration: {len(session)} sessions, {len(pnl)} results and {len(returns)} returns; one each"
        )
    root = math.sqrt(per_year)
    # Of equal days the earlier one is taken, so that the answer does not depend on how NumPy sorts.
    days = np.argsort(-pnl, kind="stable")[:_DAYS]
    month = session.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    names, place = np.unique(month, return_inverse=True)
    by_month = np.bincount(place, weights=pnl, minlength=len(names))
    best_months = np.argsort(-by_month, kind="stable")[:_MONTHS]
    best = np.sort(net)[::-1]
    shares = tuple((count, _share(float(best[:count].sum()), float(net.sum()))) for count in _TRADES)
    days_share = _share(float(pnl[days].sum()), float(pnl.sum()))
    months_share = _share(float(by_month[best_months].sum()), float(pnl.sum()))
    whole = sharpe(returns) * root
    without_days = sharpe(np.delete(returns, days)) * root
    without_months = sharpe(returns[~np.isin(place, best_months)]) * root
    figure = dict(shares)[5]
    sentence = (
        f"The five best of {len(net)} trades made {figure:.0%} of the profit, the five best days {days_share:.0%}; "
        f"without those days the Sharpe ratio is {without_days:.2f} instead of {whole:.2f}."
        if math.isfinite(figure)
        else f"There is no profit to be concentrated in {len(net)} trades."
    )
    return Concentration(
        len(net), shares, days_share, months_share, whole, without_days, without_months, figure, sentence
    )


def concentration_of(record: RunRecord, per_year: float) -> Concentration:
    """The concentration of a run; trades still open are left out of the trades, not of the sessions."""
    session, equity = record.session_equity()
    closed = record.trades[record.trades["is_open"] == 0]
    opening = record.opening_cash_micros
    levels = np.concatenate((np.array([opening], dtype=np.int64), equity))
    return concentration(
        closed["net_micros"].astype(np.float64) / 1e6,
        session,
        np.diff(levels).astype(np.float64) / 1e6,
        session_returns(equity, opening),
        per_year=per_year,
    )


def largest_part(results: Sequence[float]) -> float:
    """The largest part of a profit that is split into folds, years or regimes; NaN unless there was a profit."""
    return _share(max(results), math.fsum(results)) if results else math.nan


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else math.nan
