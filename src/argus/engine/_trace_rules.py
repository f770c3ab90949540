"""The arithmetic of ``docs/fills.md`` once more, in exact fractions: what the trace checks a recorded fill against.

It shares nothing with the kernels: prices are fractions of a tick, money is whole micro-units, every rounding is done
here again from the specification, the bar and the run's settings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from argus.core.arrays import F64_1D, I64_1D, Bars
from argus.core.errors import LedgerError
from argus.core.fees import FeeComponent, FeeName, charge
from argus.core.instruments import InstrumentKind, InstrumentSpec, Source
from argus.core.money import format_micros
from argus.core.orders import FillRule, Reason
from argus.core.time import format_ns
from argus.engine.config import CostModel, ImpactModel, SpreadModel
from argus.engine.costs import half_spread_milliticks, impact_scale
from argus.engine.quoted import costs_met

__all__ = [
    "REASON_SENTENCES",
    "RULE_SENTENCES",
    "Contract",
    "PriceBasis",
    "TrailingTrigger",
    "contract_of",
    "decimal_text",
    "ended_text",
    "in_ticks",
    "mark_ticks",
    "trailing_triggers",
]

_TOLERANCE: Final = Fraction(1, 1_000_000)
_HALF: Final = Fraction(1, 2)
_MILLI: Final = 1_000

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
    FillRule.LIMIT_ON_OPEN: "A limit-on-open order fills at the open of its session's first bar, moved by slippage "
    "against the trader, because that price was not beyond its limit.",
    FillRule.LIMIT_ON_CLOSE: "A limit-on-close order fills at the close of the bar that ends its session, moved by "
    "slippage against the trader, because that price was not beyond its limit.",
    FillRule.TRAILING_AT_OPEN: "The open was at or beyond the level that the trailing stop had followed the market to, "
    "or it had triggered before: the order fills at the open moved by slippage; the gap is the trader's.",
    FillRule.TRAILING_TOUCHED: "The bar's range reached the level that the trailing stop had followed the market to "
    "before this bar's range: the order fills there, never at a price better than the bar traded at, moved by "
    "slippage against the trader.",
    FillRule.TRAILING_AT_CLOSE: "The bar's own range moved the level of the trailing stop so far that its close lay at "
    "or beyond it: the order fills at the close, moved by slippage against the trader.",
    FillRule.SPLIT: "The instrument was split: every position is counted in new shares, and what is left of a lot is "
    "paid in cash at the last mark.",
    FillRule.FINAL_SETTLEMENT: "The contract ended: the position is closed at its final settlement price, without "
    "slippage and without a fee.",
}
"""Each rule of ``docs/fills.md`` in one sentence."""

REASON_SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.NONE: "It was filled.",
    Reason.BY_STRATEGY: "The strategy cancelled it.",
    Reason.REPLACED: "The strategy put another order in its place.",
    Reason.SESSION_END: "It was a day order, and its session ended.",
    Reason.RUN_END: "The data ended.",
    Reason.INITIAL_MARGIN: "The account's equity did not carry the initial margin of more.",
    Reason.CASH: "The cash of the account did not pay for more.",
    Reason.SHORT_FORBIDDEN: "A cash account may not be short.",
    Reason.LIQUIDATION: "The account was being liquidated: its equity had fallen below the maintenance margin.",
    Reason.ACCOUNT_CLOSED: "The account was closed: nothing was held, and nothing was left in it.",
    Reason.NO_SUCH_PRICE: "The data hold no opens of this instrument: only on-close orders can be filled.",
    Reason.REPLACED_ORDER_DONE: "The order that it was to take the place of had ended before it arrived.",
    Reason.GOOD_TILL: "The instant until which it was good had come.",
    Reason.NOT_FILLED_AT_ONCE: "It was to be filled at the first open it met or not at all, and was not in full.",
    Reason.REDUCE_ONLY: "It may only reduce a position, and there was no more to reduce.",
    Reason.OCO: "Another order of its group was filled.",
    Reason.PARENT_DONE: "The order whose fill it waited for ended without one.",
    Reason.DAILY_LOSS: "Trading was halted until the next session: the day's loss had reached its limit.",
    Reason.DRAWDOWN: "Trading was halted for good: the loss from the highest equity had reached its limit.",
    Reason.SPLIT: "The instrument was split; prices and quantities from before it mean nothing after it.",
    Reason.CONTRACT_EXPIRED: "The contract had ended with its final settlement.",
    Reason.NO_RATE: "No rate of the instrument's currency was known yet, so that nothing could be paid in it.",
}
"""Each reason why an order ends other than by being filled, in one sentence."""

_BY_LIMIT: Final = frozenset({FillRule.LIMIT_AT_OPEN, FillRule.LIMIT_THROUGH})
_BY_STOP: Final = frozenset({FillRule.STOP_TOUCHED, FillRule.STOP_LIMIT_TOUCHED})
_AT_CLOSE: Final = frozenset({FillRule.MARKET_ON_CLOSE, FillRule.LIMIT_ON_CLOSE, FillRule.TRAILING_AT_CLOSE})
_NOT_BEYOND_LIMIT: Final = frozenset(
    {FillRule.STOP_LIMIT_AT_OPEN, FillRule.STOP_LIMIT_TOUCHED, FillRule.LIMIT_ON_OPEN, FillRule.LIMIT_ON_CLOSE}
)


def ended_text(reason: Reason, order: Mapping[str, int], halts: Mapping[str, Any]) -> str:
    """Why an order ended, with its numbers.

    Parameters
    ----------
    reason : Reason
    order : mapping
        The columns of its row in the record.
    halts : mapping
        The ``halts`` of `RunManifest.config`.
    """
    filled = f"{order['filled_lots']} of {order['quantity_lots']} lots were filled"
    numbers = {
        Reason.REPLACED: f"order {order['replaced_by']} took its place",
        Reason.REPLACED_ORDER_DONE: f"that was order {order['replaces_id']}",
        Reason.OCO: f"the group is that of order {order['oco_group']}",
        Reason.PARENT_DONE: f"that was order {order['parent_id']}",
        Reason.DAILY_LOSS: f"the limit is {_percent(halts.get('daily_loss'))} of the equity at the session's begin",
        Reason.DRAWDOWN: f"the limit is {_percent(halts.get('drawdown'))} of the highest equity",
    }
    if reason is Reason.GOOD_TILL:
        numbers[reason] = f"it was good till {format_ns(order['expires_ns'])}"
    parts = [numbers[reason], filled] if reason in numbers else [filled]
    return f"{REASON_SENTENCES[reason].removesuffix('.')} ({'; '.join(parts)}; {format_ns(order['ts_done_ns'])})."


def _percent(fraction: object) -> str:
    return "an unstated part" if fraction is None else f"{decimal_text(Decimal(str(fraction)) * 100)} %"


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
class TrailingTrigger:
    """When a trailing stop met its level.

    Attributes
    ----------
    row : int
        Bar in which it did.
    rule : FillRule
        How: at the open, in the range, or at the close.
    level : float
        In ticks, at that moment.
    """

    row: int
    rule: FillRule
    level: float


def trailing_triggers(
    side: int, trail_ticks: int, bars: Bars, tick: Decimal, first_row: int, is_sure: bool
) -> tuple[TrailingTrigger | None, ...]:
    """The triggers that a trailing stop can have had which could first take part in the bar `first_row`.

    One, or two where it is not said whether the order came before the open of that bar or in answer to it. The level
    follows the prices in floating point, as the rule says it: off-grid prices stay as they are.
    """
    prices = [
        [_float_ticks(price, tick) for price in getattr(bars, name)[first_row:].tolist()]
        for name in ("open", "high" if side < 0 else "low", "low" if side < 0 else "high", "close")
    ]
    met = (True,) if is_sure else (True, False)
    return tuple(_walk_level(side, trail_ticks, prices, first_row, met_open) for met_open in met)


def _float_ticks(price: float, tick: Decimal) -> float:
    x = price / float(tick)
    return float(round(x)) if not math.isnan(x) and abs(x - round(x)) <= float(_TOLERANCE) else x


def _walk_level(
    side: int, trail: int, prices: Sequence[Sequence[float]], first_row: int, met_open: bool
) -> TrailingTrigger | None:
    """The level bar by bar: the open may trigger or move it, then the near end of the range, then the far end."""

    def reached(x: float) -> bool:
        return side * (x - level) >= -float(_TOLERANCE)

    level = math.nan

    def seen(x: float) -> float:
        moved = x + side * trail
        return moved if math.isnan(level) or side * (moved - level) < 0 else level

    for at, (opened, far, near, closed) in enumerate(zip(*prices, strict=True)):
        if at > 0 or met_open:
            if reached(opened):
                return TrailingTrigger(first_row + at, FillRule.TRAILING_AT_OPEN, level)
            level = seen(opened)
        if reached(near):
            return TrailingTrigger(first_row + at, FillRule.TRAILING_TOUCHED, level)
        level = seen(far)
        level = seen(closed)
        if reached(closed):
            return TrailingTrigger(first_row + at, FillRule.TRAILING_AT_CLOSE, level)
    return None


def _cost_model(costs: Mapping[str, Any]) -> CostModel:
    """The cost model that a manifest tells."""

    def number(text: object) -> Decimal:
        return Decimal(str(text))

    def pairs(rows: Sequence[Sequence[object]]) -> tuple[tuple[str, Decimal], ...]:
        return tuple((str(name), number(value)) for name, value in rows)

    spread, impact = costs.get("spread"), costs.get("impact")
    return CostModel(
        **{
            name: None if costs[name] is None else number(costs[name])
            for name in ("fee_per_unit", "fee_rate", "fee_minimum")
        },
        slippage_ticks=int(costs["slippage_ticks"]),
        slippage_rate=number(costs["slippage_rate"]),
        multiplier=number(costs["multiplier"]),
        spread=None
        if spread is None
        else SpreadModel(
            number(spread["half_spread_ticks"]),
            pairs(spread["by_instrument"]),
            pairs(spread["by_time"]),
            number(spread["vol_sensitivity"]),
            int(spread["vol_short"]),
            int(spread["vol_long"]),
        ),
        impact=None if impact is None else ImpactModel(number(impact["coefficient"]), int(impact["window"])),
    )


def contract_of(spec: InstrumentSpec, bars: Bars, costs: Mapping[str, Any]) -> Contract:
    """The instrument under the ``costs`` of a `RunManifest.config`, with the figures that its bars give them."""
    model = costs_met(bars, _cost_model(costs))
    return Contract(spec, model, half_spread_milliticks(spec, bars, model), impact_scale(spec, bars, model))


@dataclass(frozen=True, slots=True)
class Contract:
    """An instrument under the cost settings of one run.

    Attributes
    ----------
    spec : InstrumentSpec
    costs : CostModel
    spread : (n,) int64 or None
        Half-spread of each bar in thousandths of a tick, multiplier included.
    impact_scale : (n,) float64 or None
        Coefficient of each bar's square-root impact.
    """

    spec: InstrumentSpec
    costs: CostModel
    spread: I64_1D | None
    impact_scale: F64_1D | None

    @property
    def is_future(self) -> bool:
        """Whether it pays variation margin instead of its price."""
        return self.spec.kind is InstrumentKind.FUTURE

    @property
    def slippage_rate(self) -> Fraction:
        """Slippage as a fraction of the price, multiplier included."""
        return Fraction(self.costs.slippage_rate) * Fraction(self.costs.multiplier)

    def adverse_ticks(self, row: int) -> Fraction:
        """Slippage and half-spread of a bar in ticks; the whole part moves the price, the rest is charged in cash."""
        slippage = self.costs.slippage_ticks * Fraction(self.costs.multiplier)
        return slippage + (0 if self.spread is None else Fraction(int(self.spread[row]), _MILLI))

    def value(self, lots: int, ticks: int) -> int:
        """Micro-units that signed `lots` are worth at `ticks`."""
        return round(lots * ticks * self.spec.value_micros_per_tick_lot)

    def price_text(self, ticks: Fraction | int) -> str:
        """A price in currency."""
        return decimal_text(Fraction(ticks) * Fraction(self.spec.tick_size))

    def slip(self, ticks: Fraction, side: int, row: int) -> int:
        """A price moved against the trader in the bar `row`, on the grid."""
        moved = _snapped(ticks + side * self.slippage_rate * abs(ticks))
        return (math.ceil(moved) if side > 0 else math.floor(moved)) + side * math.floor(self.adverse_ticks(row))

    def price(
        self, rule: FillRule, side: int, order: Mapping[str, float], bar: Mapping[str, float], row: int, at_open: bool
    ) -> PriceBasis:
        """The price that a rule gives an order in a bar.

        Parameters
        ----------
        rule : FillRule
        side : int
            +1 buys, -1 sells.
        order : mapping
            ``limit_ticks``, ``stop_ticks`` and ``level``, where the type has them.
        bar : mapping
            open, high, low, close; NaN where not observed.
        row : int
            Place of that bar.
        at_open : bool
            Whether a liquidation met the open.

        Raises
        ------
        LedgerError
            If the bar does not hold the price that the rule needs, or the price lies beyond a limit that it must keep.
        """
        if rule is FillRule.LIMIT_THROUGH:
            limit = int(order["limit_ticks"])
            return PriceBasis(Fraction(limit), "limit", limit, False)
        if rule is FillRule.TRAILING_TOUCHED:
            known, name = self._stop_base(side, Fraction(order["level"]), "trailing level", bar)
        elif rule in _BY_STOP:
            known, name = self._stop_base(side, Fraction(int(order["stop_ticks"])), "stop", bar)
        else:
            name = "close" if rule in _AT_CLOSE or (rule is FillRule.LIQUIDATION and not at_open) else "open"
            known = self._known(rule, name, bar)
        price = self.slip(known, side, row)
        beyond = side * (price - int(order["limit_ticks"])) > 0
        if rule in _NOT_BEYOND_LIMIT and beyond:
            raise LedgerError(
                f"{self.spec.symbol}: rule {rule.name} filled at {self.price_text(price)}, beyond the limit of "
                f"{self.price_text(int(order['limit_ticks']))}; do not believe this run"
            )
        capped = rule in _BY_LIMIT and beyond
        return PriceBasis(known, name, int(order["limit_ticks"]) if capped else price, capped)

    def _known(self, rule: FillRule, name: str, bar: Mapping[str, float]) -> Fraction:
        known = in_ticks(bar[name], self.spec.tick_size)
        if known is None:
            raise LedgerError(
                f"{self.spec.symbol}: rule {rule.name} needs the bar's {name}, which was not observed; "
                "trace with the data of the run"
            )
        return known

    def _stop_base(self, side: int, base: Fraction, name: str, bar: Mapping[str, float]) -> tuple[Fraction, str]:
        for column in ("open", "low" if side > 0 else "high"):
            known = in_ticks(bar[column], self.spec.tick_size)
            if known is not None and side * (known - base) > 0:
                base, name = known, column
        return base, name

    def fee_components(self, day: date) -> tuple[FeeComponent, ...]:
        """Fees in force on a session: the run's own if it stated any, else the instrument's dated components."""
        costs, zero = self.costs, Decimal(0)
        if costs.takes_schedule:
            return self.spec.fees_on(day)
        stated = Source("stated for this run", None, True)
        terms = (costs.fee_per_unit or zero, costs.fee_rate or zero, costs.fee_minimum or zero)
        return (FeeComponent(FeeName.ALL_IN, date.min, *terms, None, False, stated),)

    def fees(self, signed_lots: int, value: int, components: Sequence[FeeComponent]) -> Mapping[FeeName, int]:
        """Micro-units that each component takes from a fill worth `value`."""
        units = abs(signed_lots) * self.spec.lot_size
        return charge(components, units, value, is_sell=signed_lots < 0, multiplier=self.costs.multiplier)

    def fee_text(self, signed_lots: int, value: int, components: Sequence[FeeComponent]) -> str:
        """The sum of a fill's fees in words and figures."""
        amounts = self.fees(signed_lots, value, components)
        if not components:
            return f"no fee is known: 0 {self.spec.currency}"
        if len(components) == 1:
            return self._component_text(components[0], signed_lots, value, amounts[components[0].name])
        parts = [
            f"{part.name.value.replace('_', ' ')} {self._component_text(part, signed_lots, value, amounts[part.name])}"
            for part in components
        ]
        return f"{'; '.join(parts)}; together {format_micros(sum(amounts.values()))} {self.spec.currency}"

    def _component_text(self, part: FeeComponent, signed_lots: int, value: int, amount: int) -> str:
        currency, multiplier = self.spec.currency, self.costs.multiplier
        if part.sells_only and signed_lots > 0:
            return f"falls on sales only: 0 {currency}"
        units = decimal_text(abs(signed_lots) * self.spec.lot_size)
        terms = []
        if part.per_unit or not part.rate:
            terms.append(f"{decimal_text(part.per_unit)} {currency} × {units} unit{'' if units == '1' else 's'}")
        if part.rate:
            terms.append(f"{decimal_text(part.rate)} × {format_micros(abs(value))} {currency}")
        words = " + ".join(terms)
        if multiplier != 1:
            words = f"{decimal_text(multiplier)} × ({words})"
        words += f" = {format_micros(amount)} {currency}"
        if part.minimum:
            words += f", at least {decimal_text(part.minimum * multiplier)}"
        if part.maximum is not None:
            words += f", at most {decimal_text(part.maximum * multiplier)}"
        return words

    def impact(self, rule: FillRule, lots: int, row: int) -> int:
        """Impact fee in micro-units of a fill of unsigned `lots` in the bar `row`.

        The part of a tick that cannot move a price, and the square-root impact where the run has it.
        """
        if rule is FillRule.LIMIT_THROUGH:
            return 0
        adverse = self.adverse_ticks(row)
        fee = round((adverse - math.floor(adverse)) * self.spec.value_micros_per_tick_lot * lots)
        if self.impact_scale is not None:
            fee += round(float(self.impact_scale[row]) * lots * math.sqrt(lots))
        return fee
