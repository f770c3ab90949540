"""What is left if trading is dearer than was declared: 1.25, 1.5 and 2 times, and the cost at which nothing is left.

Twice nothing is nothing. So costs are first raised to what the instrument is known to cost: the fees of its own
schedule, and a tick of slippage on orders that take liquidity. What was declared above that stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Final

from argus.core.arrays import Bars
from argus.core.errors import ConfigError
from argus.core.fees import FeeSchedule
from argus.core.instruments import InstrumentSpec
from argus.core.time import day_of
from argus.engine.config import CostModel, RunConfig
from argus.engine.market import Market
from argus.lab.stress.replays import MakeStrategy, Outcome, Replay, outcome_of

__all__ = ["COST_MULTIPLIERS", "CostStress", "cost_stress", "raised_to_reference"]

COST_MULTIPLIERS: Final = ("1", "1.25", "1.5", "2")
"""Times the costs raised to the reference."""

_MULTIPLIER_MAX: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class CostStress:
    """The account at each level of costs.

    Attributes
    ----------
    outcomes : tuple of Outcome
        Named by multiplier; the base of all is the higher of declared and reference costs.
    raised : tuple of str
        What had to be raised, in words; empty if what was declared was enough.
    break_even_multiplier : float
        How many times the base costs the result before costs could bear if trading stayed the same; NaN without costs.
    break_even_cost : float
        The same as a cost per traded value and side.
    confirmed : Outcome or None
        A replay at the break-even multiplier: near zero if trading does not depend on costs.
    figure : float
        Net result at the highest multiplier.
    sentence : str
    """

    outcomes: tuple[Outcome, ...]
    raised: tuple[str, ...]
    break_even_multiplier: float
    break_even_cost: float
    confirmed: Outcome | None
    figure: float
    sentence: str


def raised_to_reference(
    costs: CostModel, market: Market, *, slippage_ticks: int = 1
) -> tuple[CostModel, tuple[str, ...]]:
    """(costs that are nowhere below the reference, what was raised).

    Fees are compared for one unit at the last close with the schedule in force then. If they are below it for every
    instrument that has a schedule, the schedules are charged instead; if for some only, the highest of each part of all
    schedules and of what was declared. Slippage is compared in ticks: fixed, as a share of the price, and half spread
    together.

    Parameters
    ----------
    costs : CostModel
        As declared; its multiplier is kept.
    market : mapping
        Symbol to specification and bars.
    slippage_ticks : int
        Reference for orders that take liquidity.

    Raises
    ------
    ConfigError
        If `slippage_ticks` is negative.
    """
    if slippage_ticks < 0:
        raise ConfigError(f"cost stress: slippage_ticks is {slippage_ticks}; it cannot be negative")
    raised: list[str] = []
    if not costs.takes_schedule:
        costs = _raised_fees(costs, market, raised)
    short = max((slippage_ticks - _slippage(costs, spec, bars) for spec, bars in market.values()), default=Decimal(0))
    if short > 0:
        more = int(short.to_integral_value(ROUND_CEILING))
        raised.append(f"slippage by {more} tick{'s' if more > 1 else ''}")
        costs = replace(costs, slippage_ticks=costs.slippage_ticks + more)
    return costs, tuple(raised)


def _raised_fees(costs: CostModel, market: Market, raised: list[str]) -> CostModel:
    known: list[FeeSchedule] = []
    below: list[str] = []
    for symbol, (spec, bars) in market.items():
        schedule = spec.fee_on(day_of(int(bars.session[-1]))) if len(bars) else None
        if schedule is None:
            continue
        known.append(schedule)
        notional = abs(_last_close(bars)) * spec.multiplier
        declared = _fee(costs.fee_per_unit, costs.fee_rate, costs.fee_minimum, notional)
        if declared < _fee(schedule.per_unit, schedule.rate, schedule.minimum, notional):
            below.append(symbol)
    if not below:
        return costs
    raised.append(f"fees of {', '.join(below)} to their schedule")
    if len(below) == len(market):
        return replace(costs, fee_per_unit=None, fee_rate=None, fee_minimum=None)
    return replace(
        costs,
        fee_per_unit=max(costs.fee_per_unit or Decimal(0), *(row.per_unit for row in known)),
        fee_rate=max(costs.fee_rate or Decimal(0), *(row.rate for row in known)),
        fee_minimum=max(costs.fee_minimum or Decimal(0), *(row.minimum for row in known)),
    )


def _fee(per_unit: Decimal | None, rate: Decimal | None, minimum: Decimal | None, notional: Decimal) -> Decimal:
    """Fee of one unit."""
    return max((per_unit or Decimal(0)) + (rate or Decimal(0)) * notional, minimum or Decimal(0))


def _slippage(costs: CostModel, spec: InstrumentSpec, bars: Bars) -> Decimal:
    """Ticks by which an order that takes liquidity is moved at the last close."""
    ticks = costs.slippage_ticks + costs.slippage_rate * abs(_last_close(bars)) / spec.tick_size
    if costs.spread is not None:
        ticks += dict(costs.spread.by_instrument).get(spec.symbol, costs.spread.half_spread_ticks)
    return ticks


def _last_close(bars: Bars) -> Decimal:
    known = bars.close[~(bars.close != bars.close)]
    return Decimal(repr(float(known[-1]))) if len(known) else Decimal(0)


def cost_stress(
    replay: Replay,
    make: MakeStrategy,
    market: Market,
    config: RunConfig,
    *,
    per_year: float,
    multipliers: Sequence[str] = COST_MULTIPLIERS,
    slippage_ticks: int = 1,
) -> CostStress:
    """Trade again at higher costs.

    Parameters
    ----------
    replay : callable
        `argus.lab.stress.replays.Replay`.
    make : callable
        A fresh strategy.
    market, config
        As the strategy is to be judged.
    per_year : float
        Sessions a year.
    multipliers : sequence of str
        Rising; the first must be ``1``.
    slippage_ticks : int
        Reference slippage of orders that take liquidity.

    Raises
    ------
    ConfigError
        If the multipliers do not begin with 1.
    """
    from argus.engine.run_metrics import summary

    if not multipliers or Decimal(multipliers[0]) != 1:
        raise ConfigError(f"cost stress: multipliers are {', '.join(multipliers)}; the first must be 1")
    base, raised = raised_to_reference(config.costs, market, slippage_ticks=slippage_ticks)

    def at(multiplier: Decimal) -> RunConfig:
        return replace(config, costs=replace(base, multiplier=multiplier))

    outcomes: list[Outcome] = []
    multiple = cost = math.nan
    for name in multipliers:
        record = replay(make, at(base.multiplier * Decimal(name)), "cost_stress")
        if not outcomes:
            figures = summary(record, sessions_per_year=per_year)
            multiple, cost = figures["break_even_multiplier"], figures["break_even_cost"]
        outcomes.append(outcome_of(name, record, per_year))
    confirmed = None
    if 0.0 < multiple * float(base.multiplier) <= _MULTIPLIER_MAX:
        # More decimals would split a thousandth of a tick, which the engine cannot charge.
        nothing_left = round(base.multiplier * Decimal(multiple), 2)
        record = replay(make, at(nothing_left), "cost_stress")
        confirmed = outcome_of(format(nothing_left / base.multiplier, ".2f"), record, per_year)
    last = outcomes[-1]
    sentence = (
        f"At {last.name} times the costs{' (raised: ' + '; '.join(raised) + ')' if raised else ''} the net result is "
        f"{last.net_pnl:,.0f}, at 1 times {outcomes[0].net_pnl:,.0f}; it would be zero at about {multiple:.1f} times."
    )
    return CostStress(tuple(outcomes), raised, multiple, cost, confirmed, last.net_pnl, sentence)
