"""Red flags: what a sceptic would ask first. They do not decide; a report leads with them.

A result can pass every gate and still be too good, too narrow, or made of kind assumptions. Each flag says what to look
at next, so that it is followed up and not only seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.money import MICROS
from argus.engine.config import RunConfig
from argus.engine.metrics import Metrics

if TYPE_CHECKING:
    from argus.lab.search.resplits import Paths
    from argus.lab.stress.robustness import Robustness

__all__ = ["RedFlag", "red_flags"]

SHARPE_MAX = 3.0
TRADES_MIN = 30
SHARE_MAX = 0.5
MONTHS_MIN = 12
COST_SHARE_MIN = 1e-5
SMOOTH_SESSIONS_MIN = 60
STRAIGHT_MIN = 0.99
ALIKE_MAX = 0.3
EVEN_MAX = 0.12
WINDOW_SESSIONS = 21
PLATEAU_MIN = 0.5


@dataclass(frozen=True, slots=True)
class RedFlag:
    """One reason for suspicion.

    Attributes
    ----------
    name : str
    sentence : str
        What is suspicious, in one plain sentence.
    check_next : str
        What to look at next.
    """

    name: str
    sentence: str
    check_next: str = ""


CHECK_NEXT: Final[Mapping[str, str]] = {
    "sharpe_above_3": "Run argus audit lookahead on it; then look whether fills are at prices that could be had, and "
    "read the trace of its five best trades.",
    "few_trades": "Test it on more years, or on other instruments with the same parameters; lower no threshold.",
    "one_trade": "Read the trace of that trade, and look at the result without it.",
    "one_year": "Look what was special in that year, and at the result without it.",
    "no_losing_month": "Look for marks that were not traded at, losses that stay open, and a future that was seen.",
    "gone_one_bar_late": "Ask whether you could have sent the order in time; run it with latency, or on finer bars.",
    "stands_alone": "Look at the heat map of its parameters; take a set from the middle of a plateau, or none.",
    "other_splits_lose": "Look for the fold or the year that carries the walk, and at the Sharpe ratio of each stretch "
    "in the report; believe it when more years have come.",
    "edge_gone_at_1_5x": "Compare the assumed costs with statements of your broker; trade less often, or not at all.",
    "costs_zero": "State fees and slippage as your broker charges them, and run it again.",
    "costs_near_zero": "Hold the costs against the fee schedule and half the usual spread, and run it again.",
    "fees_zero": "Look up the broker's fee for this instrument; free trades are often paid by worse prices.",
    "touch_fills": "Run it again without fills on touch: limit orders then need a price beyond their own.",
    "compounded_on_marks": "Run it at a constant size (on the opening balance), and close what is open at the end.",
    "curve_too_smooth": "Look for stale or smoothed prices, for losers that are held and never closed, and for sold "
    "options or averaging down, whose loss comes all at once.",
    "unverified_figures": "Compare these figures with the exchange's or the broker's page before anything is traded.",
    "unbounded_volume": "Get data with volume, or keep orders far below what trades in a minute.",
    "figures_not_in_force": "Find out what margins and fees were then; those years came out too kind or too harsh.",
    "liquidated": "Trade smaller; a broker would have closed the account's positions at that moment.",
    "synthetic_prices": "Run it on prices that were paid.",
    "adjusted_prices": "Run it on prices as they were traded, with dividends and splits as events.",
    "closes_only": "Get bars with opens; until then believe orders on the close only.",
    "not_tradable": "Run it on a future or a fund that follows this index.",
}
"""What to look at next, by the name of the flag."""


def red_flags(
    metrics: Metrics,
    *,
    net_by_cost: Mapping[str, float],
    month_returns: Sequence[float],
    years_pnl: Mapping[int, float],
    config: RunConfig,
    notes: Sequence[str],
    session_returns: F64_1D | None = None,
    open_pnl_micros: int = 0,
    turnover_micros: int = 0,
    robust: Robustness | None = None,
    paths: Paths | None = None,
) -> tuple[RedFlag, ...]:
    """Everything suspicious about a result.

    Parameters
    ----------
    metrics : Metrics
        Out of sample.
    net_by_cost : mapping
        Cost multiplier to net P&L.
    month_returns : sequence of float
    years_pnl : mapping
        Year to net P&L.
    config : RunConfig
    notes : sequence of str
        Notes of the run and of its data.
    session_returns : (n,) float64 or None
        Of the account; None leaves out what is read off them.
    open_pnl_micros : int
        Part of the net P&L that stands in positions that are still open.
    turnover_micros : int
        Value of all that was bought and sold; 0 leaves out what is held against it.
    robust : Robustness or None
        What came of it a bar late, and beside its parameters; None leaves these out.
    paths : Paths or None
        Of the same search cut in other ways; None leaves it out.
    """
    found: list[RedFlag] = []
    if metrics.sharpe_annual > SHARPE_MAX:
        found.append(
            RedFlag(
                "sharpe_above_3",
                f"A Sharpe ratio of {metrics.sharpe_annual:.1f} is rarer than a mistake: look for one.",
            )
        )
    found.extend(_narrow(metrics, month_returns, years_pnl))
    if session_returns is not None:
        found.extend(_on_marks(metrics, session_returns, open_pnl_micros))
        found.extend(_smooth(session_returns))
    if net_by_cost.get("1", math.nan) > 0.0 >= net_by_cost.get("1.5", math.nan):
        found.append(RedFlag("edge_gone_at_1_5x", "Half as much cost again turns the profit into a loss."))
    if robust is not None:
        found.extend(_brittle(robust))
    if paths is not None and metrics.net_pnl_micros > 0 and paths.median <= 0.0:
        found.append(
            RedFlag(
                "other_splits_lose",
                f"The walk earned, but where other stretches choose, the median of {len(paths.sharpe_annual)} "
                f"histories has a Sharpe ratio of {paths.median:.2f}: the order of the years may have made the profit.",
            )
        )
    found.extend(_kind_assumptions(metrics, config, turnover_micros))
    found.extend(_from_notes(notes))
    return tuple(replace(flag, check_next=CHECK_NEXT[flag.name]) for flag in found)


def _narrow(metrics: Metrics, month_returns: Sequence[float], years_pnl: Mapping[int, float]) -> list[RedFlag]:
    """Too few trades, or too much resting on one of them."""
    found = []
    if 0 < metrics.trades < TRADES_MIN:
        found.append(RedFlag("few_trades", f"All of it rests on {metrics.trades} trades."))
    if metrics.largest_trade_share > SHARE_MAX:
        found.append(
            RedFlag("one_trade", f"One trade brought {metrics.largest_trade_share:.0%} of the profit: read its trace.")
        )
    total = math.fsum(years_pnl.values())
    if total > 0.0 and len(years_pnl) > 2:
        year = max(years_pnl, key=lambda name: years_pnl[name])
        share = years_pnl[year] / total
        if share > SHARE_MAX:
            found.append(RedFlag("one_year", f"The year {year} brought {share:.0%} of the profit."))
    active = [value for value in month_returns if value != 0.0]
    if len(active) >= MONTHS_MIN and min(active) > 0.0:
        found.append(RedFlag("no_losing_month", f"None of {len(active)} months lost money: real strategies lose some."))
    return found


def _brittle(robust: Robustness) -> list[RedFlag]:
    """What is gone a bar later, or one step beside its parameters."""
    found = []
    delay, plateau = robust.delay, robust.plateau
    if delay is not None and delay.outcomes[0].sharpe_annual > 0.0 >= delay.figure:
        found.append(
            RedFlag(
                "gone_one_bar_late",
                f"One wake-up later the Sharpe ratio of {delay.outcomes[0].sharpe_annual:.2f} is {delay.figure:.2f}.",
            )
        )
    if plateau is not None and plateau.score > 0.0 and plateau.share < PLATEAU_MIN:
        found.append(
            RedFlag(
                "stands_alone",
                f"Only {plateau.share:.0%} of the {plateau.neighbours} neighbours of its parameters keep half of its "
                "Sharpe ratio: a peak, not a plateau.",
            )
        )
    return found


def _on_marks(metrics: Metrics, returns: F64_1D, open_pnl_micros: int) -> list[RedFlag]:
    """Profit that a growing size made, or that nobody has taken yet."""
    net = metrics.net_pnl_micros
    if net <= 0 or not len(returns):
        return []
    if open_pnl_micros > SHARE_MAX * net:
        return [
            RedFlag(
                "compounded_on_marks",
                f"{open_pnl_micros / net:.0%} of the profit stands in positions that are still open: it is a mark, and "
                "was never traded.",
            )
        ]
    opening = metrics.final_equity_micros - net
    plain = math.fsum(returns.tolist()) * opening
    if plain < (1.0 - SHARE_MAX) * net:
        return [
            RedFlag(
                "compounded_on_marks",
                f"At a constant size the profit would be {plain / MICROS:,.0f} and not {net / MICROS:,.0f}: most of it "
                "comes from compounding marks.",
            )
        ]
    return []


def _smooth(returns: F64_1D) -> list[RedFlag]:
    """A curve as markets do not draw them: straight, of even swings, or each session like the one before."""
    n = len(returns)
    if n < SMOOTH_SESSIONS_MIN or not float(np.std(returns)) > 0.0 or (returns <= -1.0).any():
        return []
    reasons = []
    path = np.cumsum(np.log1p(returns))
    straight = float(np.corrcoef(np.arange(n), path)[0, 1])
    if straight > 0.0 and straight * straight > STRAIGHT_MIN:
        reasons.append(f"a straight line explains {straight * straight:.1%} of it")
    centred = returns - returns.mean()
    alike = float((centred[1:] * centred[:-1]).sum() / (centred * centred).sum())
    if alike > ALIKE_MAX:
        reasons.append(f"each session is like the one before (autocorrelation {alike:.2f})")
    windows = n // WINDOW_SESSIONS
    swings = returns[: windows * WINDOW_SESSIONS].reshape(windows, WINDOW_SESSIONS).std(axis=1)
    # Deviations of 21 normal returns differ by 1 / sqrt(2 x 20), 16 %, at constant volatility; markets' by more.
    if windows >= MONTHS_MIN and float(swings.mean()) > 0.0 and float(swings.std() / swings.mean()) < EVEN_MAX:
        reasons.append("its swings are the same in every month")
    if not reasons:
        return []
    return [RedFlag("curve_too_smooth", f"The equity curve is smoother than markets are: {', '.join(reasons)}.")]


def _kind_assumptions(metrics: Metrics, config: RunConfig, turnover_micros: int) -> list[RedFlag]:
    found = []
    if metrics.fills and config.costs.multiplier == 0:
        found.append(RedFlag("costs_zero", "Costs were multiplied by zero: nobody trades for nothing."))
    elif metrics.fills and metrics.fees_micros == 0 and not (config.costs.slippage_ticks or config.costs.slippage_rate):
        found.append(RedFlag("costs_zero", "Neither fees nor slippage were charged: nobody trades for nothing."))
    elif metrics.fills and metrics.fees_micros == 0:
        found.append(RedFlag("fees_zero", "No fees were charged."))
    elif metrics.fills and turnover_micros > 0 and _slippage_free(config):
        share = metrics.fees_micros / turnover_micros
        if share < COST_SHARE_MIN:
            found.append(
                RedFlag(
                    "costs_near_zero",
                    f"All costs together were {share * 10_000:.3f} basis points of what was traded: nobody trades as "
                    "cheaply.",
                )
            )
    if config.fills.touch:
        found.append(RedFlag("touch_fills", "Limit orders were filled on touch: in a market you stand in a queue."))
    return found


def _slippage_free(config: RunConfig) -> bool:
    costs = config.costs
    return not (costs.slippage_ticks or costs.slippage_rate or costs.spread or costs.impact)


_NOTED = (
    ("unverified", "unverified_figures"),
    ("not bounded", "unbounded_volume"),
    ("not known", "figures_not_in_force"),
    ("liquidated", "liquidated"),
    ("synthetic", "synthetic_prices"),
    ("adjusted", "adjusted_prices"),
    ("closes only", "closes_only"),
    ("not tradable", "not_tradable"),
)


def _from_notes(notes: Sequence[str]) -> list[RedFlag]:
    found = []
    for note in notes:
        for word, name in _NOTED:
            if word in note.lower():
                found.append(RedFlag(name, note[:1].upper() + note[1:].rstrip(".") + "."))
                break
    return found
