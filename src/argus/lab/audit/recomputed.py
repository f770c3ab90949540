"""What every fill of a run should have cost, worked out again from ``docs/fills.md`` in exact decimals.

Nothing here is shared with the kernel: prices from the bars and the settings, fees from the fills, bounds from the
volumes, arrival from the latency. Half-spread and impact of a bar are those of `argus.engine.costs`, which the kernel
is handed. `faults_of` names the first fill at which a run and this page disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from itertools import islice
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D, Bars
from argus.core.fees import FeeComponent, charge
from argus.core.instruments import InstrumentSpec
from argus.core.orders import FillRule
from argus.engine._layout import NANO
from argus.engine.config import CostModel, RunConfig
from argus.engine.currency import in_base, recorded_rates
from argus.engine.record import RunRecord
from argus.lab.audit.alteration import Market
from argus.lab.audit.report import Difference

__all__ = ["Cost", "Rates", "charged", "cost_of", "faults_of", "rates_of", "total_cost", "volume_bound"]

_GRID: Final = Decimal("0.000001")
_MILLI: Final = 1_000
_AT_OPEN: Final = frozenset(
    {
        FillRule.MARKET_AT_OPEN,
        FillRule.MARKET_ON_OPEN,
        FillRule.LIMIT_ON_OPEN,
        FillRule.LIMIT_AT_OPEN,
        FillRule.STOP_AT_OPEN,
        FillRule.STOP_LIMIT_AT_OPEN,
        FillRule.TRAILING_AT_OPEN,
    }
)
_AT_CLOSE: Final = frozenset({FillRule.MARKET_ON_CLOSE, FillRule.LIMIT_ON_CLOSE, FillRule.TRAILING_AT_CLOSE})
_NO_ORDER: Final = frozenset({FillRule.SPLIT, FillRule.FINAL_SETTLEMENT})


@dataclass(frozen=True, slots=True)
class Cost:
    """What one fill costs: its price in ticks, and fee and impact fee in micro-units."""

    price_ticks: int
    fee_micros: int
    impact_micros: int


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Settings and an instrument's figures, brought into exact fractions once.

    Attributes
    ----------
    spec : InstrumentSpec
    costs : CostModel
    tick_micros : int or Fraction
        Worth of a tick on a lot; an integer where it is one, for the speed of it.
    slip_rate : Decimal
        Share of the price, times the multiplier.
    slip_milli : int
        Thousandths of a tick of slippage, times the multiplier.
    spread_milli : (n,) int64 or None
        Half-spread of each bar, times the multiplier.
    impact : (n,) float64 or None
        Coefficient of the square-root impact of each bar, times the multiplier.
    """

    spec: InstrumentSpec
    costs: CostModel
    tick_micros: int | Fraction
    slip_rate: Decimal
    slip_milli: int
    spread_milli: I64_1D | None
    impact: F64_1D | None
    _fees: dict[int, tuple[FeeComponent, ...]] = field(default_factory=dict)

    def fees(self, session: int) -> tuple[FeeComponent, ...]:
        """Fee components of a session."""
        from argus.engine.market import fees_on

        found = self._fees.get(session)
        if found is None:
            found = self._fees[session] = fees_on(self.spec, self.costs, session)
        return found

    def against_milli(self, row: int) -> int:
        """Thousandths of a tick that a fill in this bar is moved by, beside the share of the price."""
        return self.slip_milli + (0 if self.spread_milli is None else int(self.spread_milli[row]))


def rates_of(spec: InstrumentSpec, bars: Bars, costs: CostModel) -> Rates:
    """The figures that a fill of this instrument costs by."""
    from argus.engine.costs import half_spread_milliticks, impact_scale

    return Rates(
        spec,
        costs,
        _worth(spec),
        costs.slippage_rate * costs.multiplier,
        int(Fraction(costs.multiplier) * costs.slippage_ticks * _MILLI),
        half_spread_milliticks(spec, bars, costs),
        impact_scale(spec, bars, costs),
    )


def _worth(spec: InstrumentSpec) -> int | Fraction:
    worth = spec.value_micros_per_tick_lot
    return worth.numerator if worth.denominator == 1 else worth


def cost_of(fill: Any, order: Any, bars: Bars, rates: Rates) -> Cost:
    """Price and fees of a fill by the rules, from its base price, quantity and day.

    Parameters
    ----------
    fill, order : rows of `RunRecord.fills` and `RunRecord.orders`
    bars : Bars
        Of the fill's instrument.
    rates : Rates
        The settings in force.
    """
    signed, row = int(fill["signed_lots"]), int(fill["row"])
    side, lots = (1 if signed > 0 else -1), abs(signed)
    rule = int(fill["rule"])
    impact = 0
    if rule == FillRule.LIMIT_THROUGH:
        price = int(order["limit_ticks"])
    else:
        whole, rest = divmod(rates.against_milli(row), _MILLI)
        price = _moved(Decimal(repr(float(fill["base_ticks"]))), side, rates.slip_rate) + side * whole
        if rule == FillRule.LIMIT_AT_OPEN:
            limit = int(order["limit_ticks"])
            price = limit if side * (price - limit) > 0 else price
        impact = round(Fraction(rest, _MILLI) * rates.tick_micros * lots) if rest else 0
        if rates.impact is not None:
            impact += int(np.rint(float(rates.impact[row]) * lots * math.sqrt(lots)))
    value = abs(round(lots * price * rates.tick_micros))
    return Cost(price, _fee(lots, value, int(bars.session[row]), rates, is_sell=side < 0), impact)


def total_cost(record: RunRecord, market: Market, costs: CostModel) -> Fraction:
    """Micro-units that the fills of a run would cost under these settings: fees, impact, and slippage from the base."""
    rates = {symbol: rates_of(*market[symbol], costs) for symbol in record.universe}
    exchange = _exchange(record)
    total = Fraction(0)
    for fill in _of_orders(record):
        symbol = record.universe[fill["instrument"]]
        cost = cost_of(fill, record.orders[fill["order_id"]], market[symbol][1], rates[symbol])
        nano = exchange(fill)
        total += in_base(cost.fee_micros, nano) + in_base(cost.impact_micros, nano)
        total += _slippage(fill, cost.price_ticks, rates[symbol].tick_micros) * Fraction(nano, NANO)
    return total


def charged(record: RunRecord, market: Market) -> Fraction:
    """Micro-units that the fills of a run did cost: fees, impact, and slippage from the base."""
    worth = {symbol: _worth(market[symbol][0]) for symbol in record.universe}
    exchange = _exchange(record)
    total = Fraction(0)
    for fill in _of_orders(record):
        total += int(fill["fee_micros"]) + int(fill["impact_micros"])
        slipped = _slippage(fill, int(fill["price_ticks"]), worth[record.universe[fill["instrument"]]])
        total += slipped * Fraction(exchange(fill), NANO)
    return total


def _exchange(record: RunRecord) -> Callable[[Any], int]:
    """Billionths of the account's currency that one unit of a fill's was worth when it was filled."""
    rates = [recorded_rates(record, line) for line in range(len(record.universe))]

    def at(fill: Any) -> int:
        found = rates[int(fill["instrument"])]
        return NANO if found is None else found.at(int(fill["ts_event_ns"]))

    return at


def faults_of(
    record: RunRecord, market: Market, config: RunConfig, *, fills_max: int | None = None
) -> Iterator[Difference]:
    """Every place where a run did not charge what the settings say, in the sequence of the fills.

    ``was`` is what the settings imply, ``became`` is what the run holds; `fills_max` stops after so many fills.
    """
    rates = {symbol: rates_of(*market[symbol], config.costs) for symbol in record.universe}
    exchange = _exchange(record)
    taken: dict[tuple[int, int], int] = {}
    for fill in islice(_of_orders(record), fills_max):
        symbol = record.universe[fill["instrument"]]
        spec, bars = market[symbol]
        row = int(fill["row"])
        order = record.orders[fill["order_id"]]
        cost = cost_of(fill, order, bars, rates[symbol])
        nano = exchange(fill)
        cost = Cost(cost.price_ticks, in_base(cost.fee_micros, nano), in_base(cost.impact_micros, nano))
        for name, due, found in _due(fill, order, cost, spec, bars, config):
            if due != found:
                yield Difference(symbol, row, int(fill["ts_event_ns"]), name, str(due), str(found))
        key = (int(fill["instrument"]), row)
        taken[key] = taken.get(key, 0) + abs(int(fill["signed_lots"]))
        bound = volume_bound(bars, row, spec, config)
        if bound is not None and taken[key] > bound:
            yield Difference(
                symbol, row, int(fill["ts_event_ns"]), "lots of the bar", f"at most {bound}", str(taken[key])
            )


def volume_bound(bars: Bars, row: int, spec: InstrumentSpec, config: RunConfig) -> int | None:
    """Lots that may be filled in a bar; None where volume was not observed."""
    if "volume" not in bars.observed:
        return None
    volume = float(bars.volume[row])
    if not np.isfinite(volume):
        return 0
    lots = config.fills.participation * Decimal(repr(volume)) / spec.lot_size
    return int((lots + _GRID).to_integral_value(ROUND_FLOOR))


def _due(
    fill: Any, order: Any, cost: Cost, spec: InstrumentSpec, bars: Bars, config: RunConfig
) -> Iterator[tuple[str, object, object]]:
    """(field, what it should be, what it is) of one fill."""
    row, rule = int(fill["row"]), FillRule(int(fill["rule"]))
    column = bars.open if rule in _AT_OPEN else bars.close if rule in _AT_CLOSE else None
    if column is not None:
        base, found = float(column[row]) / float(spec.tick_size), float(fill["base_ticks"])
        near = abs(base - found) <= float(_GRID)
        yield "base_ticks", found if near else base, found
    yield "price_ticks", cost.price_ticks, int(fill["price_ticks"])
    yield "fee_micros", cost.fee_micros, int(fill["fee_micros"])
    yield "impact_micros", cost.impact_micros, int(fill["impact_micros"])
    if order["decision_id"] < 0:
        return
    sent, arrived = int(order["ts_submit_ns"]), int(order["ts_arrive_ns"])
    if order["parent_id"] < 0:
        waits = config.latency_sample_ns or (config.latency_ns,)
        yield "ts_arrive_ns", arrived if arrived - sent in waits else sent + min(waits), arrived
    start = int(bars.ts_event_ns[row])
    yield "start of the filling bar", max(arrived, start), start


def _of_orders(record: RunRecord) -> Iterator[Any]:
    """Fills that an order had; those of splits and final settlements cost nothing."""
    return (fill for fill in record.fills if FillRule(int(fill["rule"])) not in _NO_ORDER)


def _moved(base: Decimal, side: int, share: Decimal) -> int:
    """The price moved against the trader by a share of it, on the grid."""
    if not share and base == base.to_integral_value():
        return int(base)
    with localcontext() as exact:
        exact.prec = 50
        moved = base + side * share * abs(base)
        nearest = moved.to_integral_value(ROUND_HALF_EVEN)
        if abs(moved - nearest) > _GRID:
            nearest = moved.to_integral_value(ROUND_CEILING if side > 0 else ROUND_FLOOR)
    return int(nearest)


def _fee(lots: int, value_micros: int, session: int, rates: Rates, *, is_sell: bool) -> int:
    units = rates.spec.lot_size * lots
    paid = charge(rates.fees(session), units, value_micros, is_sell=is_sell, multiplier=rates.costs.multiplier)
    return sum(paid.values())


def _slippage(fill: Any, price_ticks: int, tick_micros: int | Fraction) -> int | Fraction:
    signed, base = int(fill["signed_lots"]), float(fill["base_ticks"])
    if base.is_integer():
        return (price_ticks - int(base)) * signed * tick_micros
    return (price_ticks - Fraction(float(fill["base_ticks"]))) * signed * tick_micros
