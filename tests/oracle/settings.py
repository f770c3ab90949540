"""The rules of one run, and what they make of a price, a fee and a delay: the sections on costs and latency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from argus.core.random import stream_key, uniforms
from tests.oracle.world import MICROS, Component, Contract, Ticks, half_even, round_against


@dataclass(frozen=True)
class BarCosts:
    """What trading in one bar costs beside fees."""

    rate: Fraction  # of the price
    adverse: int  # whole ticks
    rest: Fraction  # of a tick, in cash
    scale: float | None  # of the square root of the quantity, in cash

    def slip(self, price: Ticks, side: int) -> int:
        """A price moved against the trader, on the grid."""
        moved = price + side * self.rate * abs(price) if self.rate else price
        return round_against(moved, side) + side * self.adverse

    def impact(self, contract: Contract, lots: int) -> int:
        """Impact fee of a fill of `lots` (unsigned)."""
        fee = half_even(self.rest * contract.per_tick_lot * lots) if self.rest else 0
        if self.scale is not None:
            fee += round(self.scale * lots * math.sqrt(lots))
        return fee


@dataclass(frozen=True)
class Settings:
    """The rules of one run; wake, warm-up, late instruments and being told of fills are of one book."""

    account: str = "futures"
    cash: int = 1_000_000 * MICROS
    fee_per_unit: Decimal | None = Decimal(0)
    fee_rate: Decimal | None = Decimal(0)
    fee_minimum: Decimal | None = Decimal(0)
    slippage_ticks: int = 0
    slippage_rate: Decimal = Decimal(0)
    multiplier: Decimal = Decimal(1)
    spread: Any = None  # argus.engine.config.SpreadModel; what it comes to per bar is given to the oracle
    impact: Any = None  # argus.engine.config.ImpactModel; likewise
    touch: bool = False
    participation: Decimal = Decimal(1)
    latency: int = 0
    latency_sample: tuple[int, ...] = ()
    data_latency: int = 0
    seed: int = 0
    borrow_rate: Decimal = Decimal(0)
    debit_rate: Decimal = Decimal(0)
    credit_rate: Decimal = Decimal(0)
    daily_loss: Decimal | None = None
    drawdown: Decimal | None = None
    flatten: bool = False
    start: int | None = None
    end: int | None = None
    wake: str = "every_bar"
    warmup: int = 1
    wakes_on_fill: bool = False
    late: tuple[str, ...] = ()
    currency: str = "USD"
    fx_cost_bp: Decimal = Decimal(5)
    rates: tuple[tuple[str, date, Decimal], ...] = ()  # currency, day, worth in the account's
    rate_age_days: int = 7
    intraday_cutoff: int = 0  # minutes before the close; 0 for no intraday margins
    intraday_share: Decimal | None = None
    intraday_rates: tuple[tuple[str, Decimal, Decimal], ...] = ()  # symbol, initial, maintenance

    def bar_costs(self, half_spread: int, scale: float | None) -> BarCosts:
        """Costs of a bar with this half-spread (thousandths of a tick, multiplied) and impact coefficient."""
        rate, slippage = self._slippage
        ticks = slippage + Fraction(half_spread, 1_000) if half_spread else slippage
        adverse = math.floor(ticks)
        return BarCosts(rate, adverse, ticks - adverse, scale)

    @cached_property
    def _slippage(self) -> tuple[Fraction, Fraction]:
        """Of the price, and in ticks."""
        multiplier = Fraction(self.multiplier)
        return Fraction(self.slippage_rate) * multiplier, self.slippage_ticks * multiplier

    @cached_property
    def _stated(self) -> tuple[Component, ...]:
        """The fees that the run states; none where the instrument's own are charged."""
        stated = (self.fee_per_unit, self.fee_rate, self.fee_minimum)
        if all(figure is None for figure in stated):
            return ()
        per_unit, rate, minimum = (Fraction(figure or 0) for figure in stated)
        return (Component(per_unit, rate, minimum, None, sells_only=False),)

    def fee(self, contract: Contract, lots: int, value: int, session: int) -> int:
        """Fee of a fill of signed lots worth `value`, each component rounded by itself."""
        units = abs(lots) * contract.lot
        components = self._stated or contract.components(session)
        return sum(component.fee(self.multiplier, units, lots, value) for component in components)

    def order_latency(self, order_id: int) -> int:
        """From a decision to this order's arrival."""
        return self._drawn("order", order_id)

    def cancel_latency(self, order_id: int) -> int:
        """From a decision to the effect of a cancel of this order."""
        return self._drawn("cancel", order_id)

    def _drawn(self, what: str, order_id: int) -> int:
        if not self.latency_sample:
            return self.latency
        u = float(uniforms(stream_key(self.seed, "latency", what), order_id, 1)[0])
        return self.latency_sample[math.floor(u * len(self.latency_sample))]
