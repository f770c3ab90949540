"""The books of a line in another currency, worked out again: its amounts in that currency, and how they were converted.

A trace of such a trade is told in the instrument's currency, as prices are. What each amount came to in the account's
stands beside it as a conversion with its rate and cost, and their sum is the trade's result, to the micro-unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import Bars
from argus.core.errors import LedgerError
from argus.core.instruments import InstrumentSpec
from argus.core.money import format_micros
from argus.core.orders import FillRule
from argus.core.time import day_of, format_ns
from argus.engine._layout import NANO
from argus.engine._trace_steps import CarryStep, ConversionStep, InAccount
from argus.engine.currency import Rates, cost_ppb_of, in_base, recorded_rates
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord

if TYPE_CHECKING:
    from argus.engine._trace_books import LineBooks, Part
    from argus.engine._trace_rules import Contract

__all__ = ["Converter", "account_result", "in_own_currency", "own_fills", "realised_at_fills", "without_carry_legs"]

_NAMES: Final = {name: code for code, name in enumerate(JOURNAL_ACCOUNTS)}
_LEGS: Final = frozenset({_NAMES["FX"], _NAMES["FX_BASE"], _NAMES["FX_COST"]})
_MOVED: Final = frozenset({_NAMES["POSITION"], _NAMES["FOREIGN"]})

Entry = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Converter:
    """Rates and cost of conversions of one line."""

    rates: Rates
    cost_ppb: int
    currency: str

    @classmethod
    def of(cls, record: RunRecord, rates: Rates) -> Converter:
        """As the run's manifest states them."""
        config = record.manifest.config
        return cls(rates, cost_ppb_of(config), str(config["account"]["currency"]))

    def base(self, amount: int, ts_ns: int) -> int:
        """An amount in the account's currency."""
        return in_base(amount, self.rates.at(ts_ns))

    def cost(self, amount: int, ts_ns: int) -> int:
        """What its conversion cost."""
        return in_base(abs(self.base(amount, ts_ns)), self.cost_ppb)

    def entries(self, account: str, amount: int, ts_ns: int) -> list[Entry]:
        """The entries of an amount paid against an account of the line."""
        return [
            (account, "FOREIGN", amount),
            ("FOREIGN", "FX", amount),
            ("FX_BASE", "CASH", self.base(amount, ts_ns)),
            ("FX_COST", "CASH", self.cost(amount, ts_ns)),
        ]

    def rate_text(self, ts_ns: int) -> str:
        """The rate in force at an instant."""
        nano = self.rates.at(ts_ns)
        return f"{nano // NANO}.{nano % NANO:09d}".rstrip("0").rstrip(".")

    def step(self, what: str, received: int, ts_ns: int, share: tuple[int, int] | None = None) -> ConversionStep:
        """The conversion of an amount that the trade received (negative: paid).

        Where the trade has a share of it only, `share` is what that comes to, and what of the cost.
        """
        base, cost = share or (self.base(received, ts_ns), self.cost(received, ts_ns))
        rate = self.rate_text(ts_ns)
        text = f"{format_micros(received)} × {rate} = {format_micros(base)} {self.currency}, cost {format_micros(cost)}"
        return ConversionStep(ts_ns, what, received, rate, base, cost, text)


def in_own_currency(
    record: RunRecord, market: Mapping[str, tuple[InstrumentSpec, Bars]], line: int
) -> tuple[RunRecord, Converter | None]:
    """The record with the fills of a line in its own currency, as its prices are, and how that is converted.

    The record as it is, and None, where that is the account's currency.
    """
    from argus.engine._trace_rules import contract_of

    rates = recorded_rates(record, line)
    if rates is None:
        return record, None
    spec, bars = market[record.universe[line]]
    converter = Converter.of(record, rates)
    contract = contract_of(spec, bars, record.manifest.config["costs"])
    return replace(record, fills=own_fills(record, line, contract, bars, converter)), converter


def own_fills(record: RunRecord, line: int, contract: Contract, bars: Bars, converter: Converter) -> NDArray[np.void]:
    """All fills of a run, those of the line's instrument in its own currency, proven to come to the record's.

    Raises
    ------
    LedgerError
        If value, fee or impact of a fill, worked out and converted, is not what the run recorded.
    """
    fills = record.fills.copy()
    symbol = record.universe[line]
    lines = [k for k, name in enumerate(record.universe) if name == symbol]
    for fill_id in np.flatnonzero(np.isin(fills["instrument"], lines)).tolist():
        fill = fills[fill_id]
        ts, lots, price, rule = (
            int(fill["ts_event_ns"]),
            int(fill["signed_lots"]),
            int(fill["price_ticks"]),
            FillRule(int(fill["rule"])),
        )
        value, fee, impact = contract.value(lots, price), 0, 0
        if rule is FillRule.SPLIT:
            value = _split_value(record, fill_id)
        elif rule is not FillRule.FINAL_SETTLEMENT:
            row = int(fill["row"])
            fee = sum(contract.fees(lots, value, contract.fee_components(day_of(int(bars.session[row])))).values())
            impact = contract.impact(rule, abs(lots), row)
        for name, own in (("value_micros", value), ("fee_micros", fee), ("impact_micros", impact)):
            if converter.base(own, ts) != int(fill[name]):
                raise LedgerError(
                    f"fill {fill_id} of {symbol} at {format_ns(ts)}: {name.removesuffix('_micros')} worked out again "
                    f"is {format_micros(own)}, at its rate {format_micros(converter.base(own, ts))}; "
                    f"the record says {format_micros(int(fill[name]))}; do not believe this run"
                )
            fill[name] = own
    return fills


def _split_value(record: RunRecord, fill_id: int) -> int:
    """What a split paid for a fraction, as the value of a fill: negative where cash came in."""
    journal = record.journal
    for entry in journal[journal["fill_id"] == fill_id]:
        if {int(entry["debit"]), int(entry["credit"])} == _MOVED:
            return int(entry["amount_micros"]) * (1 if entry["debit"] == _NAMES["POSITION"] else -1)
    return 0


def without_carry_legs(entries: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which entries of a line beside its fills are no part of carry: neither carry itself nor its conversion."""
    carry = _NAMES["CARRY"]
    keep = np.ones(len(entries), dtype=np.bool_)
    within = False
    for i, entry in enumerate(entries):
        if carry in (entry["debit"], entry["credit"]):
            within = True
        elif within and not (entry["debit"] in _LEGS or entry["credit"] in _LEGS):
            within = False
        keep[i] = not within
    return keep


def realised_at_fills(record: RunRecord, line: int) -> dict[int, int]:
    """Fill to gain, in the instrument's currency, of each position of a future that it ended and settled."""
    pnl, position = _NAMES["PNL"], _NAMES["POSITION"]
    journal = record.journal
    mine = journal[(journal["instrument"] == line) & (journal["fill_id"] >= 0)]
    return {
        int(entry["fill_id"]): int(entry["amount_micros"]) * (1 if entry["debit"] == position else -1)
        for entry in mine
        if {int(entry["debit"]), int(entry["credit"])} == {pnl, position}
    }


def account_result(books: LineBooks, parts: Sequence[Part], own_gross: int, carries: Sequence[CarryStep]) -> InAccount:
    """What a trade in another currency came to in the account's, each conversion by itself.

    `own_gross` is its gross result in the instrument's currency, an open position at the last mark included.
    """
    converter = books.converter
    assert converter is not None
    steps: list[ConversionStep] = []
    gross = fee = carry = settled = 0
    for part in parts:
        found = _of_part(books, part, converter)
        steps += found.steps
        gross, fee, settled = gross + found.gross, fee + found.fee, settled + found.settled
    for ts, gain in books.posted_to(parts):
        steps.append(converter.step("settlement", gain, ts))
        gross, fee, settled = gross + steps[-1].account_micros, fee + steps[-1].cost_micros, settled + gain
    for paid in carries:
        steps.append(converter.step(paid.kind, paid.amount_micros, paid.ts_ns))
        carry, fee = carry + steps[-1].account_micros, fee + steps[-1].cost_micros
    worth = 0
    if parts[-1].position_after:
        held = own_gross - settled
        if not books.contract.is_future:
            held = books.contract.value(parts[-1].position_after, books.mark_at(len(books.bars) - 1, books.end_ns))
        worth = in_base(held, int(converter.rates.nano[-1]))
    gross += worth
    steps.sort(key=lambda step: step.ts_ns)
    return InAccount(converter.currency, gross, fee, carry, gross - fee + carry, worth, tuple(steps))


@dataclass(frozen=True, slots=True)
class _Converted:
    """What a part of a fill brought to its trade; `settled` is in the instrument's currency."""

    gross: int
    fee: int
    settled: int
    steps: list[ConversionStep]


def _of_part(books: LineBooks, part: Part, converter: Converter) -> _Converted:
    """The conversions of (part of) a fill; where it turned the position, costs are split by lots, as its fee is."""
    fill = books.record.fills[part.fill_id]
    ts, lots = int(fill["ts_event_ns"]), int(fill["signed_lots"])
    value, charged = int(fill["value_micros"]), [int(fill["fee_micros"]), int(fill["impact_micros"])]
    is_future = books.contract.is_future
    gain = books.realised.get(part.fill_id, 0)
    ends = part.position_after == 0
    moved = [*charged, gain if is_future else value]
    total = sum(converter.base(amount, ts) for amount in charged) + sum(converter.cost(amount, ts) for amount in moved)
    fee, closing_value = total, value
    if part.turned:
        closing = abs(part.lots) if ends else abs(lots) - abs(part.lots)
        share = round(Fraction(total * closing, abs(lots)))
        fee = share if ends else total - share
        closing_value = part.value if ends else value - part.value
    steps = [
        converter.step(what, -amount, ts)
        for what, amount in (("fee", charged[0]), ("impact", charged[1]))
        if amount and not part.turned
    ]
    if part.turned:
        steps.append(
            ConversionStep(
                ts,
                "its share of fees and conversions",
                0,
                converter.rate_text(ts),
                -fee,
                0,
                "by lots, of those of the fill",
            )
        )
    if is_future:
        if gain and ends:
            steps.append(converter.step("gain of the position that ended", gain, ts))
        base = converter.base(gain, ts) if ends else 0
        return _Converted(base, fee, gain if ends else 0, steps)
    closing_base = converter.base(closing_value, ts)
    base = closing_base if ends or not part.turned else converter.base(value, ts) - closing_base
    cost = 0 if part.turned else converter.cost(value, ts)
    steps.append(converter.step("value", -part.value, ts, (-base, cost)))
    return _Converted(-base, fee, 0, steps)
