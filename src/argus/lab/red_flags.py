"""Red flags: what a sceptic would ask first. They do not decide; a report leads with them.

A result can pass every gate and still be too good, too narrow, or made of kind assumptions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from argus.engine.config import RunConfig
from argus.engine.metrics import Metrics

__all__ = ["RedFlag", "red_flags"]

SHARPE_MAX = 3.0
TRADES_MIN = 30
SHARE_MAX = 0.5
MONTHS_MIN = 12


@dataclass(frozen=True, slots=True)
class RedFlag:
    """One reason for suspicion: a name and one plain sentence."""

    name: str
    sentence: str


def red_flags(
    metrics: Metrics,
    *,
    net_by_cost: Mapping[str, float],
    month_returns: Sequence[float],
    years_pnl: Mapping[int, float],
    config: RunConfig,
    notes: Sequence[str],
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
    if net_by_cost.get("1", math.nan) > 0.0 >= net_by_cost.get("1.5", math.nan):
        found.append(RedFlag("edge_gone_at_1_5x", "Half as much cost again turns the profit into a loss."))
    found.extend(_kind_assumptions(metrics, config))
    found.extend(_from_notes(notes))
    return tuple(found)


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


def _kind_assumptions(metrics: Metrics, config: RunConfig) -> list[RedFlag]:
    found = []
    if metrics.fills and config.costs.multiplier == 0:
        found.append(RedFlag("costs_zero", "Costs were multiplied by zero: nobody trades for nothing."))
    elif metrics.fills and metrics.fees_micros == 0 and not (config.costs.slippage_ticks or config.costs.slippage_rate):
        found.append(RedFlag("costs_zero", "Neither fees nor slippage were charged: nobody trades for nothing."))
    elif metrics.fills and metrics.fees_micros == 0:
        found.append(RedFlag("fees_zero", "No fees were charged."))
    if config.fills.touch:
        found.append(RedFlag("touch_fills", "Limit orders were filled on touch: in a market you stand in a queue."))
    return found


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
