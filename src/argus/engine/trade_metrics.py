"""What the trading was like: pay-off, open gains and losses, time in the market, costs, and how large it could be.

Functions take arrays or the tables of a run (`FILL_DTYPE`); money is in micro-units. Costs come in two kinds: those
that were booked (fees, impact fees), and slippage, which lies hidden in the prices of fills and is recovered from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D
from argus.core.errors import ConfigError
from argus.core.orders import FillRule
from argus.engine.metrics import held_values, tick_value_micros

__all__ = [
    "break_even_cost",
    "break_even_multiplier",
    "capacity_multiple",
    "captured_share",
    "cost_share",
    "edge_ratio",
    "expectancy_error",
    "mean_exposure",
    "participation",
    "payoff_ratio",
    "slippage_micros",
    "time_in_market",
    "winner_excursion",
]


# ---- round trips


def payoff_ratio(net_micros: I64_1D) -> float:
    """Mean gain of the winning trades over the mean loss of the losing ones; NaN unless there are both.

    With a hit rate of p it decides the sign of the expectancy: ``p * payoff > 1 - p`` earns, by arithmetic. Trades that
    ended at exactly zero count as neither.
    """
    won, lost = net_micros[net_micros > 0], net_micros[net_micros < 0]
    return float(np.mean(won)) / -float(np.mean(lost)) if len(won) and len(lost) else math.nan


def expectancy_error(net_micros: I64_1D) -> float:
    """Standard error of the mean net result of a trade: ``sd / sqrt(n)`` (``ddof`` 1); NaN below two trades.

    For trades that do not depend on each other; those that overlap in time do.
    """
    return float(np.std(net_micros, ddof=1)) / math.sqrt(len(net_micros)) if len(net_micros) > 1 else math.nan


def edge_ratio(mae_micros: I64_1D, mfe_micros: I64_1D, scale: F64_1D | None = None) -> float:
    """Mean best open gain over mean worst open loss of the trades: ``mean(MFE / s) / mean(-MAE / s)``.

    About 1 for entries without any edge. Faith 2007, "Way of the Turtle", divides each trade's excursions by the
    volatility at its entry (`scale`, in micros) so that wild markets do not outweigh calm ones; without a scale it is
    the ratio of the sums of money. Excursions: Sweeney 1997, "Maximum Adverse Excursion".

    Parameters
    ----------
    mae_micros : (n,) int64
        Worst open gain of each trade, zero or less.
    mfe_micros : (n,) int64
        Best open gain, zero or more.
    scale : (n,) float64, optional
        Positive.

    Returns
    -------
    float
        NaN without trades or if none was ever under water.

    Raises
    ------
    ConfigError
        If a scale is not positive or lengths differ.
    """
    if scale is not None:
        if len(scale) != len(mae_micros):
            raise ConfigError(f"there are {len(scale)} scales for {len(mae_micros)} trades; give one for each")
        if not (scale > 0.0).all():
            raise ConfigError(f"scale of trade {int(np.argmin(scale > 0.0))} is not positive; leave that trade out")
    if not len(mae_micros):
        return math.nan
    weight = np.ones(len(mae_micros)) if scale is None else 1.0 / scale
    worst = -float(np.mean(mae_micros * weight))
    return float(np.mean(mfe_micros * weight)) / worst if worst > 0.0 else math.nan


def winner_excursion(mae_micros: I64_1D, net_micros: I64_1D, share: float = 0.9) -> float:
    """How far `share` of the winning trades went against you at most before they won, in micros (positive).

    The loss that the ``ceil(n share)``-th gentlest of the n winners reached. A stop nearer than this would have cut
    more than ``1 - share`` of the winners (Sweeney 1997, "Maximum Adverse Excursion"). NaN without winners.

    Raises
    ------
    ConfigError
        If `share` does not lie in (0, 1].
    """
    if not 0.0 < share <= 1.0:
        raise ConfigError(f"share is {share}; it must lie in (0, 1]")
    losses = np.sort(-mae_micros[net_micros > 0])
    return float(losses[math.ceil(len(losses) * share - 1e-9) - 1]) if len(losses) else math.nan


def captured_share(gross_micros: I64_1D, mfe_micros: I64_1D) -> float:
    """Share of the best open gains that was kept at the exits: ``sum(gross) / sum(MFE)``; NaN if nothing was ever up.

    Gross of fees, as the excursions are. Negative if the trades lost on the whole.
    """
    best = int(mfe_micros.sum()) if len(mfe_micros) else 0
    return int(gross_micros.sum()) / best if best > 0 else math.nan


# ---- in the market


def time_in_market(fills: NDArray[np.void], begin_ns: int, end_ns: int) -> float:
    """Share of calendar time from `begin_ns` to `end_ns` in which something was held, nights and weekends included.

    Parameters
    ----------
    fills : structured array of ``FILL_DTYPE``

    Returns
    -------
    float
        NaN if no time passes.
    """
    if end_ns <= begin_ns:
        return math.nan
    moments = [np.zeros(0, dtype=np.int64)]
    changes = [np.zeros(0, dtype=np.int64)]
    for code in np.unique(fills["instrument"]):
        mine = fills[fills["instrument"] == code]
        held = (mine["position_after_lots"] != 0).astype(np.int64)
        moments.append(mine["ts_event_ns"])
        changes.append(np.diff(held, prepend=0))
    at = np.concatenate(moments)
    order = np.argsort(at, kind="stable")
    edges = np.clip(np.concatenate((at[order], [end_ns])), begin_ns, end_ns)
    positions = np.cumsum(np.concatenate(changes)[order])
    return int(np.diff(edges)[positions > 0].sum()) / (end_ns - begin_ns)


def mean_exposure(fills: NDArray[np.void], instant_ns: I64_1D, equity_micros: I64_1D, *, net: bool = False) -> float:
    """Mean value held over equity, at the closes at which there was equity: the leverage that was really used.

    ``mean(sum_i |position_i value_i| / E)``; with `net`, short positions count negative. Values are those of
    `metrics.held_values`. NaN without such closes.

    Parameters
    ----------
    fills : structured array of ``FILL_DTYPE``
    instant_ns, equity_micros : (m,) int64
        Closes and the account's equity at each.
    net : bool
    """
    alive: BOOL_1D = equity_micros > 0
    if not alive.any():
        return math.nan
    held = held_values(fills, instant_ns, net=net)[alive]
    return float(np.mean(held / equity_micros[alive]))


# ---- costs


def slippage_micros(fills: NDArray[np.void]) -> F64_1D:
    """What the prices of fills lay worse than the market's own price, in micros each: positive is a cost.

    ``(price - base) * signed lots * value of a tick on a lot``; the base is the open, limit or stop at which the rule
    of ``docs/fills.md`` filled before slippage moved the price. The value of a tick is taken from each instrument's
    largest fill. A split is no fill in this sense and costs nothing.

    Parameters
    ----------
    fills : structured array of ``FILL_DTYPE``

    Returns
    -------
    (n,) float64
        NaN for an instrument that only ever filled at a price of zero.
    """
    cost = np.zeros(len(fills))
    traded = fills["rule"] != FillRule.SPLIT
    for code in np.unique(fills["instrument"]):
        mine = (fills["instrument"] == code) & traded
        worse = fills["price_ticks"][mine].astype(np.float64) - fills["base_ticks"][mine]
        cost[mine] = worse * fills["signed_lots"][mine].astype(np.float64) * tick_value_micros(fills[mine])
    return cost


def cost_share(costs_micros: float, gross_micros: float) -> float:
    """Costs over the result before them; above 1 they ate all of it, NaN if there was no profit to eat."""
    return costs_micros / gross_micros if gross_micros > 0.0 else math.nan


def break_even_cost(gross_micros: float, traded_micros: float) -> float:
    """Cost per traded value at which nothing is left: ``gross / traded``, a fraction per side.

    0.0003 says that at three basis points a side the result is zero. Negative if it lost before costs; NaN if nothing
    was traded. Trading is taken to stay the same at any cost.
    """
    return gross_micros / traded_micros if traded_micros > 0.0 else math.nan


def break_even_multiplier(gross_micros: float, costs_micros: float) -> float:
    """How many times the costs of the run the result could have borne: ``gross / costs``; NaN without costs.

    Below 1 the run lost money. Trading is taken to stay the same at any cost, which the cost stress of the lab does
    not assume.
    """
    return gross_micros / costs_micros if costs_micros > 0.0 else math.nan


# ---- size


def participation(fills: NDArray[np.void], volume_lots: Sequence[F64_1D]) -> F64_1D:
    """Share of its bar's volume that the fills in it took, for every bar in which there was one.

    Parameters
    ----------
    fills : structured array of ``FILL_DTYPE``
    volume_lots : sequence of (rows,) float64
        Volume of each bar in lots, for each instrument in the order of its codes.

    Returns
    -------
    (bars,) float64
        By instrument and bar, buys and sells together. NaN where volume was not observed, infinite where a bar without
        volume filled. Splits and final settlements take no volume and are left out.

    Raises
    ------
    ConfigError
        If a fill points at an instrument or bar that is not there.
    """
    shares = [np.zeros(0)]
    fills = fills[~np.isin(fills["rule"], (FillRule.SPLIT, FillRule.FINAL_SETTLEMENT))]
    for code in np.unique(fills["instrument"]).tolist():
        mine = fills[fills["instrument"] == code]
        if not 0 <= code < len(volume_lots):
            raise ConfigError(f"a fill is of instrument {code} and there are volumes of {len(volume_lots)} instruments")
        volume = volume_lots[code]
        last = int(mine["row"].max())
        if last >= len(volume):
            raise ConfigError(
                f"a fill lies in bar {last} of instrument {code}, which has {len(volume)} bars; give its own"
            )
        rows, place = np.unique(mine["row"], return_inverse=True)
        lots = np.bincount(place, weights=np.abs(mine["signed_lots"]).astype(np.float64))
        with np.errstate(divide="ignore"):
            shares.append(lots / volume[rows])
    return np.concatenate(shares)


def capacity_multiple(participation_share: F64_1D, limit: float, share: float = 1.0) -> float:
    """How many times larger every order could be before `share` of the bars traded in pass `limit` of their volume.

    ``limit / q`` with the quantile q of participation at `share` (an observed one): 1.0 asks for the most crowded bar,
    0.95 lets one bar in twenty go beyond the limit. It says nothing about what trading at the limit costs.

    Parameters
    ----------
    participation_share : (bars,) float64
        From `participation`.
    limit : float
        Largest share of a bar's volume to take.
    share : float

    Returns
    -------
    float
        Below 1 the run was already too large; NaN without fills or where a volume is unknown.

    Raises
    ------
    ConfigError
        If `limit` or `share` does not lie in (0, 1].
    """
    for name, value in (("limit", limit), ("share", share)):
        if not 0.0 < value <= 1.0:
            raise ConfigError(f"{name} is {value}; it must lie in (0, 1]")
    if not len(participation_share) or np.isnan(participation_share).any():
        return math.nan
    crowded = float(np.quantile(participation_share, share, method="inverted_cdf"))
    return limit / crowded
