"""The arithmetic of ``docs/fills.md`` once more, in exact fractions: what the trace checks a recorded fill against.

It shares nothing with the kernels: prices are fractions of a tick, money is whole micro-units, every rounding is done
here again from the specification, the bar and the run's settings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from argus.core.errors import LedgerError
from argus.core.instruments import FeeSchedule, InstrumentKind, InstrumentSpec
from argus.core.money import MICROS
from argus.core.orders import FillRule

__all__ = ["RULE_SENTENCES", "Contract", "FeeTerms", "PriceBasis", "decimal_text", "in_ticks", "mark_ticks"]

_TOLERANCE: Final = Fraction(1, 1_000_000)
_HALF: Final = Fraction(1, 2)

RULE_SENTENCES: Final[Mapping[FillRule, str]] = {
    FillRule.MARKET_AT_OPEN: "A market order fills at the open of the first bar that starts after it arrived, moved by "
    "slippage against the trader.",
    FillRule.MARKET_ON_OPEN: "A market-on-open order fills at the open of its session's first bar, moved by slippage "
    "against the trader.",
    FillRule.MARKET_ON_CLOSE: "A market-on-close order fills at the close of the bar that ends its session, moved by "
    "slippage against the trader.",
    FillRule.LIMIT_AT_OPEN: "The open was beyond the limit: the order fills at the open moved by slippage, but never "
    "worse than its limit.",
    FillRule.LIMIT_THROUGH: "The market traded through the limit within the bar: the order fills at its limit, without "
    "slippage.",
    FillRule.STOP_AT_OPEN: "The stop was reached at the open, or before it: the order fills at the open moved by "
    "slippage; the gap is the trader's.",
    FillRule.STOP_TOUCHED: "The bar's range reached the stop: the order fills there, never at a price better than the "
    "bar traded at, moved by slippage against the trader.",
    FillRule.STOP_LIMIT_AT_OPEN: "The open triggered the stop and, moved by slippage, was not beyond the limit: the "
    "order fills there.",
    FillRule.STOP_LIMIT_TOUCHED: "The bar's range triggered the stop and the price moved by slippage was not beyond "
    "the limit: the order fills there.",
    FillRule.LIQUIDATION: "The account fell below its maintenance margin: the engine closed the position at the first "
    "price that could be had, moved by slippage.",
}
"""Each rule of ``docs/fills.md`` in one sentence."""

_BY_LIMIT: Final = frozenset({FillRule.LIMIT_AT_OPEN, FillRule.LIMIT_THROUGH})
_BY_STOP: Final = frozenset({FillRule.STOP_TOUCHED, FillRule.STOP_LIMIT_TOUCHED})


def in_ticks(price: float, tick: Decimal) -> Fraction | None:
    """A price in ticks, whole if it lies within 1e-6 of the grid; None for NaN."""
    return None if math.isnan(price) else _snapped(Fraction(repr(float(price))) / Fraction(tick))


def mark_ticks(price: float, tick: Decimal) -> int:
    """Nearest whole tick of a known price; a half, or what lies within 1e-6 of one, to the even one."""
    x = Fraction(repr(float(price))) / Fraction(tick)
    below = math.floor(x)
    if abs(x - below - _HALF) <= _TOLERANCE:
        return below + below % 2
    return round(x)


def decimal_text(number: Fraction | Decimal | int) -> str:
    """A number as plain text, exact if it has a finite decimal form of up to 12 places."""
    if isinstance(number, Decimal):
        return format(number.normalize(), "f")
    exact = Decimal(number.numerator) / Decimal(number.denominator)
    return format(round(exact, 12).normalize(), "f")


def _snapped(x: Fraction) -> Fraction:
    nearest = round(x)
    return Fraction(nearest) if abs(x - nearest) <= _TOLERANCE else x


@dataclass(frozen=True, slots=True)
class PriceBasis:
    """Where a fill's price came from.

    Attributes
    ----------
    base_ticks : Fraction
        Price before slippage.
    base_name : str
        What that price is: ``open``, ``close``, ``limit``, ``stop``, or the bar's end that was worse than the stop.
    price_ticks : int
        Price of the fill.
    capped : bool
        Whether the limit kept the price from being worse.
    """

    base_ticks: Fraction
    base_name: str
    price_ticks: int
    capped: bool


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """Fees in force for a fill, before the cost multiplier; currency per unit, fraction of the value, least fee."""

    per_unit: Decimal
    rate: Decimal
    minimum: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Contract:
    """An instrument under the cost settings of one run.

    Attributes
    ----------
    spec : InstrumentSpec
    costs : mapping
        The ``costs`` of `RunManifest.config`.
    """

    spec: InstrumentSpec
    costs: Mapping[str, Any]

    @property
    def is_future(self) -> bool:
        """Whether it pays variation margin instead of its price."""
        return self.spec.kind is InstrumentKind.FUTURE

    @property
    def multiplier(self) -> Decimal:
        """The run's cost multiplier."""
        return Decimal(str(self.costs["multiplier"]))

    @property
    def slippage_rate(self) -> Fraction:
        """Slippage as a fraction of the price, multiplier included."""
        return Fraction(Decimal(str(self.costs["slippage_rate"])) * self.multiplier)

    @property
    def slippage_ticks(self) -> Fraction:
        """Slippage in ticks, multiplier included; its whole part moves the price, the rest is charged in cash."""
        return Fraction(int(self.costs["slippage_ticks"])) * Fraction(self.multiplier)

    def value(self, lots: int, ticks: int) -> int:
        """Micro-units that signed `lots` are worth at `ticks`."""
        return round(lots * ticks * self.spec.value_micros_per_tick_lot)

    def price_text(self, ticks: Fraction | int) -> str:
        """A price in currency."""
        return decimal_text(Fraction(ticks) * Fraction(self.spec.tick_size))

    def slip(self, ticks: Fraction, side: int) -> int:
        """A price moved against the trader, on the grid."""
        moved = _snapped(ticks + side * self.slippage_rate * abs(ticks))
        return (math.ceil(moved) if side > 0 else math.floor(moved)) + side * math.floor(self.slippage_ticks)

    def price(
        self, rule: FillRule, side: int, order: Mapping[str, int], bar: Mapping[str, float], at_open: bool
    ) -> PriceBasis:
        """The price that a rule gives an order in a bar.

        Parameters
        ----------
        rule : FillRule
        side : int
            +1 buys, -1 sells.
        order : mapping
            ``limit_ticks`` and ``stop_ticks``, where the type has them.
        bar : mapping
            open, high, low, close; NaN where not observed.
        at_open : bool
            Whether a liquidation met the open.

        Raises
        ------
        LedgerError
            If the bar does not hold the price that the rule needs.
        """
        if rule is FillRule.LIMIT_THROUGH:
            limit = order["limit_ticks"]
            return PriceBasis(Fraction(limit), "limit", limit, False)
        if rule in _BY_STOP:
            base, name = self._stop_base(side, order["stop_ticks"], bar)
            return PriceBasis(base, name, self.slip(base, side), False)
        name = "close" if rule is FillRule.MARKET_ON_CLOSE or (rule is FillRule.LIQUIDATION and not at_open) else "open"
        known = in_ticks(bar[name], self.spec.tick_size)
        if known is None:
            raise LedgerError(
                f"{self.spec.symbol}: rule {rule.name} needs the bar's {name}, which was not observed; "
                "trace with the data of the run"
            )
        price = self.slip(known, side)
        capped = rule in _BY_LIMIT and side * (price - order["limit_ticks"]) > 0
        return PriceBasis(known, name, order["limit_ticks"] if capped else price, capped)

    def _stop_base(self, side: int, stop: int, bar: Mapping[str, float]) -> tuple[Fraction, str]:
        base, name = Fraction(stop), "stop"
        for column in ("open", "low" if side > 0 else "high"):
            known = in_ticks(bar[column], self.spec.tick_size)
            if known is not None and side * (known - base) > 0:
                base, name = known, column
        return base, name

    def fee_terms(self, day: date) -> FeeTerms:
        """Fees in force on a session: the run's own if it stated any, else the instrument's schedule."""
        given = [self.costs[name] for name in ("fee_per_unit", "fee_rate", "fee_minimum")]
        if any(term is not None for term in given):
            per_unit, rate, minimum = (Decimal(str(term)) if term is not None else Decimal(0) for term in given)
            return FeeTerms(per_unit, rate, minimum, "stated for this run")
        schedule = self._schedule(day)
        if schedule is None:
            return FeeTerms(Decimal(0), Decimal(0), Decimal(0), "no schedule known")
        source = schedule.source.text + ("" if schedule.source.verified else " (unverified)")
        return FeeTerms(schedule.per_unit, schedule.rate, schedule.minimum, source)

    def _schedule(self, day: date) -> FeeSchedule | None:
        return self.spec.fee_on(day) or (self.spec.fees[0] if self.spec.fees else None)

    def fee(self, lots: int, value: int, terms: FeeTerms) -> int:
        """Fee in micro-units of a fill of unsigned `lots` worth `value`."""
        units = lots * Fraction(self.spec.lot_size)
        exact = Fraction(terms.per_unit) * MICROS * units + Fraction(terms.rate) * abs(value)
        multiplier = Fraction(self.multiplier)
        return max(round(multiplier * exact), round(multiplier * Fraction(terms.minimum) * MICROS))

    def impact(self, rule: FillRule, lots: int) -> int:
        """Impact fee in micro-units of a fill of unsigned `lots`: the part of a tick that cannot move a price."""
        if rule is FillRule.LIMIT_THROUGH:
            return 0
        part = self.slippage_ticks - math.floor(self.slippage_ticks)
        return round(part * self.spec.value_micros_per_tick_lot * lots)
