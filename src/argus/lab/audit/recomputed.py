"""What every fill of a run should have cost, worked out again from ``docs/fills.md`` in exact decimals.

Nothing here is shared with the kernel: prices from the bars and the settings, fees from the fills, bounds from the
volumes, arrival from the latency. `faults_of` names the first fill at which a run and this page disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any, Final

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec
from argus.core.money import MICROS
from argus.core.orders import FillRule
from argus.core.time import day_number
from argus.engine.config import CostModel, RunConfig
from argus.engine.record import RunRecord
from argus.lab.audit.alteration import Market
from argus.lab.audit.report import Difference

__all__ = ["Cost", "Rates", "charged", "cost_of", "faults_of", "rates_of", "total_cost", "volume_bound"]

_GRID: Final = Decimal("0.000001")
_AT_OPEN: Final = frozenset(
    {
        FillRule.MARKET_AT_OPEN,
        FillRule.MARKET_ON_OPEN,
        FillRule.LIMIT_AT_OPEN,
        FillRule.STOP_AT_OPEN,
        FillRule.STOP_LIMIT_AT_OPEN,
    }
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one fill costs: its price in ticks, and fee and impact fee in micro-units."""

    price_ticks: int
    fee_micros: int
    impact_micros: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Settings and an instrument's figures, brought into exact fractions once.

    Attributes
    ----------
    tick_micros : Fraction
        Worth of a tick on a lot.
    slip_rate : Decimal
        Share of the price, times the multiplier.
    slip_ticks : int
        Whole ticks, times the multiplier.
    impact_micros : Fraction
        Worth of the rest of a tick, on a lot.
    fees : tuple of (first session, micro-units a lot, share of the value, least micro-units)
        From the earliest on; what is charged before the first of them is the first.
    """

    tick_micros: Fraction
    slip_rate: Decimal
    slip_ticks: int
    impact_micros: Fraction
    fees: tuple[tuple[int, Fraction, Fraction, int], ...]


def rates_of(spec: InstrumentSpec, costs: CostModel) -> Rates:
    """The figures that a fill of this instrument costs by."""
    scale = Fraction(costs.multiplier)
    ticks = scale * costs.slippage_ticks
    whole = int(ticks.numerator // ticks.denominator)
    if costs.takes_schedule:
        dated = [(day_number(row.effective_date), row.per_unit, row.rate, row.minimum) for row in spec.fees]
    else:
        nothing = Decimal(0)
        dated = [(0, costs.fee_per_unit or nothing, costs.fee_rate or nothing, costs.fee_minimum or nothing)]
    return Rates(
        spec.value_micros_per_tick_lot,
        costs.slippage_rate * costs.multiplier,
        whole,
        (ticks - whole) * spec.value_micros_per_tick_lot,
        tuple(
            (
                day,
                scale * Fraction(per_unit) * Fraction(spec.lot_size) * MICROS,
                scale * Fraction(rate),
                round(scale * Fraction(minimum) * MICROS),
            )
            for day, per_unit, rate, minimum in dated
        ),
    )


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
    signed = int(fill["signed_lots"])
    side, lots = (1 if signed > 0 else -1), abs(signed)
    rule = int(fill["rule"])
    if rule == FillRule.LIMIT_THROUGH:
        price, impact = int(order["limit_ticks"]), 0
    else:
        price = _slipped(Decimal(repr(float(fill["base_ticks"]))), side, rates)
        if rule == FillRule.LIMIT_AT_OPEN:
            limit = int(order["limit_ticks"])
            price = limit if side * (price - limit) > 0 else price
        impact = round(rates.impact_micros * lots)
    value = abs(round(lots * price * rates.tick_micros))
    return Cost(price, _fee(lots, value, int(bars.session[fill["row"]]), rates), impact)


def total_cost(record: RunRecord, market: Market, costs: CostModel) -> Fraction:
    """Micro-units that the fills of a run would cost under these settings: fees, impact, and slippage from the base."""
    rates = {symbol: rates_of(market[symbol][0], costs) for symbol in record.universe}
    total = Fraction(0)
    for fill in record.fills:
        symbol = record.universe[fill["instrument"]]
        cost = cost_of(fill, record.orders[fill["order_id"]], market[symbol][1], rates[symbol])
        total += cost.fee_micros + cost.impact_micros + _slippage(fill, cost.price_ticks, rates[symbol])
    return total


def charged(record: RunRecord, market: Market) -> Fraction:
    """Micro-units that the fills of a run did cost: fees, impact, and slippage from the base."""
    rates = {symbol: rates_of(market[symbol][0], CostModel()) for symbol in record.universe}
    total = Fraction(0)
    for fill in record.fills:
        total += int(fill["fee_micros"]) + int(fill["impact_micros"])
        total += _slippage(fill, int(fill["price_ticks"]), rates[record.universe[fill["instrument"]]])
    return total


def faults_of(record: RunRecord, market: Market, config: RunConfig) -> Iterator[Difference]:
    """Every place where a run did not charge what the settings say, in the sequence of the fills.

    ``was`` is what the settings imply, ``became`` is what the run holds.
    """
    rates = {symbol: rates_of(market[symbol][0], config.costs) for symbol in record.universe}
    taken: dict[tuple[int, int], int] = {}
    for fill in record.fills:
        symbol = record.universe[fill["instrument"]]
        spec, bars = market[symbol]
        row = int(fill["row"])
        order = record.orders[fill["order_id"]]
        cost = cost_of(fill, order, bars, rates[symbol])
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
    column = bars.open if rule in _AT_OPEN else bars.close if rule is FillRule.MARKET_ON_CLOSE else None
    if column is not None:
        base, found = float(column[row]) / float(spec.tick_size), float(fill["base_ticks"])
        near = abs(base - found) <= float(_GRID)
        yield "base_ticks", found if near else base, found
    yield "price_ticks", cost.price_ticks, int(fill["price_ticks"])
    yield "fee_micros", cost.fee_micros, int(fill["fee_micros"])
    yield "impact_micros", cost.impact_micros, int(fill["impact_micros"])
    if order["decision_id"] >= 0:
        arrival = int(order["ts_submit_ns"]) + config.latency_ns
        yield "ts_arrive_ns", arrival, int(order["ts_arrive_ns"])
        start = int(bars.ts_event_ns[row])
        yield "start of the filling bar", max(arrival, start), start


def _slipped(base: Decimal, side: int, rates: Rates) -> int:
    with localcontext() as exact:
        exact.prec = 50
        moved = base + side * rates.slip_rate * abs(base)
        nearest = moved.to_integral_value(ROUND_HALF_EVEN)
        if abs(moved - nearest) > _GRID:
            nearest = moved.to_integral_value(ROUND_CEILING if side > 0 else ROUND_FLOOR)
    return int(nearest) + side * rates.slip_ticks


def _fee(lots: int, value_micros: int, session: int, rates: Rates) -> int:
    if not rates.fees:
        return 0
    _, per_lot, share, least = next((row for row in reversed(rates.fees) if row[0] <= session), rates.fees[0])
    return max(round(per_lot * lots + share * value_micros if share else per_lot * lots), least)


def _slippage(fill: Any, price_ticks: int, rates: Rates) -> Fraction:
    signed = int(fill["signed_lots"])
    moved = price_ticks - Fraction(float(fill["base_ticks"]))
    return moved * signed * rates.tick_micros
