"""The books behind a trade, worked out again: marks, splits, settlements, and what holding cost or brought.

A trade is more than its fills. Between them its instrument was marked and settled at every session's end, may have been
split, may have paid a dividend or funding, or cost a borrow fee. Each of these is found here once more from the bars,
the fills and the run's settings, and compared with the journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import Bars
from argus.core.errors import DataError, LedgerError
from argus.core.instruments import InstrumentSpec
from argus.core.market_events import Dividend, Funding, InstrumentEvent, Split
from argus.core.money import MICROS, format_micros
from argus.core.orders import FillRule
from argus.core.time import day_of, format_ns
from argus.engine._trace_currency import Converter, realised_at_fills, without_carry_legs
from argus.engine._trace_rules import contract_of, decimal_text, mark_ticks
from argus.engine._trace_steps import CarryStep, LedgerLine, SettlementStep
from argus.engine.market import Events, Finer
from argus.engine.quoted import last_known_ns
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord

__all__ = ["EVENT_RULES", "LineBooks", "Part", "lines_of", "match_ledger", "must_equal"]

EVENT_RULES: Final = (FillRule.SPLIT, FillRule.FINAL_SETTLEMENT)
"""Rules of rows of the fill table that no order made."""
_CARRY: Final = JOURNAL_ACCOUNTS.index("CARRY")
_YEAR_DAYS: Final = 360


@dataclass(frozen=True, slots=True)
class Part:
    """What of a fill belongs to the trade, signed; positions are the trade's."""

    fill_id: int
    lots: int
    value: int
    fee: int
    position_before: int
    position_after: int
    turned: bool
    is_split: bool


class LineBooks:
    """One line of a run: an instrument in a book.

    Parameters
    ----------
    record : RunRecord
    market : mapping
        Symbol to specification and the bars that orders met.
    code : int
        The line.
    events : mapping
        Symbol to events; may be empty though the run had some.
    converter : Converter or None
        Of a line in another currency; the record's fills are then given in that currency.
    """

    def __init__(
        self,
        record: RunRecord,
        market: Mapping[str, tuple[InstrumentSpec, Bars]],
        code: int,
        events: Events,
        converter: Converter | None = None,
    ) -> None:
        self.record, self.market, self.converter = record, market, converter
        self.spec, self.bars = market[record.universe[code]]
        self.events: Sequence[InstrumentEvent] = events.get(self.spec.symbol, ())
        self.contract = contract_of(self.spec, self.bars, record.manifest.config["costs"])
        self.data_latency_ns = int(record.manifest.config.get("data_latency_ns", 0))
        self.fill_ids = np.flatnonzero(record.fills["instrument"] == code)
        self.fills = record.fills[self.fill_ids]
        journal = record.journal
        own = (journal["fill_id"] == -1) & (journal["instrument"] == code)
        is_carry = (journal["debit"] == _CARRY) | (journal["credit"] == _CARRY)
        self.settled, self.carried = journal[own & ~is_carry], journal[own & is_carry]
        self.realised: dict[int, int] = {}
        self._posted: list[tuple[int, int, bool]] = []
        if converter is not None:
            self.settled = journal[own][without_carry_legs(journal[own])]
            self.realised = realised_at_fills(record, code)
        rows = np.arange(len(self.bars))
        self.marked_row = np.maximum.accumulate(np.where(np.isnan(self.bars.close), -1, rows))
        lines = [line for line, symbol in enumerate(record.universe) if symbol == self.spec.symbol]
        self.all_fills = record.fills[np.isin(record.fills["instrument"], lines)]
        self.splits = self._splits()

    def _splits(self) -> Sequence[tuple[int, Fraction]]:
        """(instant, new shares for an old one) of every split that the run's positions or its events tell of."""
        found = {
            int(fill["ts_event_ns"]): Fraction(float(fill["base_ticks"])).limit_denominator(MICROS)
            for fill in self.all_fills[self.all_fills["rule"] == FillRule.SPLIT]
        }
        found |= {
            event.ts_ns: Fraction(event.numerator, event.denominator)
            for event in self.events
            if isinstance(event, Split)
        }
        return sorted(found.items())

    # ---- marks and settlements

    @property
    def end_ns(self) -> int:
        """The last instant of the run."""
        return max(last_known_ns(self.market[symbol][1]) for symbol in self.record.universe) + self.data_latency_ns

    def mark_at(self, row: int, ts_ns: int) -> int:
        """Mark in ticks at `ts_ns`, after the close of `row`: of the last known close, or of the last fill before any.

        Splits since then have divided it.
        """
        marked = int(self.marked_row[row]) if row >= 0 else -1
        if marked >= 0:
            since = int(self.bars.ts_close_ns[marked])
            mark = mark_ticks(float(self.bars.close[marked]), self.spec.tick_size)
        else:
            paid = self.all_fills[(self.all_fills["ts_event_ns"] <= ts_ns) & (self.all_fills["order_id"] >= 0)][-1]
            since, mark = int(paid["ts_event_ns"]), int(paid["price_ticks"])
        for instant, ratio in self.splits:
            if since < instant <= ts_ns:
                mark = round(mark / ratio)
        return mark

    def mark_before(self, ts_ns: int) -> int:
        """Mark in ticks just before an event at `ts_ns`, which comes before everything else of its instant."""
        return self.mark_at(int(np.searchsorted(self.bars.ts_close_ns, ts_ns)) - 1, ts_ns - 1)

    def _points(self) -> Sequence[tuple[int, int, int]]:
        """(last row, instant, own fills until then) of each settlement of the instrument."""
        bars, own = self.bars, self.fills
        ends = np.flatnonzero(bars.session_end | np.append(bars.session[1:] != bars.session[:-1], True)).tolist()
        instants = {int(bars.ts_close_ns[end]) if bars.session_end[end] else self._next_open(end): end for end in ends}
        for fill in own[own["rule"] == FillRule.SPLIT]:
            row, ts = int(fill["row"]), int(fill["ts_event_ns"])
            if row == len(bars) or (ts <= bars.ts_event_ns[row] and bars.session[row] != bars.session[row - 1]):
                # A split between two sessions leaves the rounding of its mark to be settled when the later one begins.
                instants.setdefault(self._next_open(row - 1), row - 1)
        points = [(row, ts, self._fills_until(row, ts)) for ts, row in sorted(instants.items())]
        for place in np.flatnonzero(own["rule"] == FillRule.FINAL_SETTLEMENT):
            ts = int(own["ts_event_ns"][place])
            row = int(np.searchsorted(bars.ts_close_ns, ts)) - 1
            points = [*(point for point in points if point[1] < ts), (row, ts, int(place) + 1)]
        return points

    def _next_open(self, row: int) -> int:
        """When the bar after `row` opens; after the last one, the end of the run."""
        return int(self.bars.ts_event_ns[row + 1]) if row + 1 < len(self.bars) else self.end_ns

    def _fills_until(self, row: int, ts_ns: int) -> int:
        """How many own fills there were up to the close of `row`, with the events of the instrument up to `ts_ns`."""
        is_event = np.isin(self.fills["rule"], EVENT_RULES)
        until = np.where(is_event, self.fills["ts_event_ns"] <= ts_ns, self.fills["row"] <= row)
        return int(until.sum())

    def settlements(self, parts: Sequence[Part]) -> tuple[SettlementStep, ...]:
        """Settlements from the entry's session to the exit's, each with this trade's share of the gain."""
        points = self._points()
        counts = [count for _, _, count in points]
        places = np.searchsorted(self.fill_ids, [part.fill_id for part in parts])
        first = int(np.searchsorted(counts, places[0], side="right"))
        last = len(points) - 1
        if parts[-1].position_after == 0:
            last = int(np.searchsorted(counts, places[-1], side="right"))
        flow, position, at = 0, 0, 0
        gained_before, instrument_before = 0, self._instrument_gain(points[first - 1]) if first else 0
        steps = []
        begun = counts[first - 1] if first else 0
        self._posted = []
        for point in points[first : last + 1]:
            row, ts, count = point
            settled_at_fills = sum(self.realised.get(fill_id, 0) for fill_id in self.fill_ids[begun:count].tolist())
            begun = count
            while at < len(parts) and places[at] < count:
                flow, position = flow - parts[at].value, parts[at].position_after
                at += 1
            gained = flow + (self.contract.value(position, self.mark_at(row, ts)) if position else 0)
            instrument_gained = self._instrument_gain(point)
            step = self._settlement(
                (row, ts), position, gained - gained_before, instrument_gained - instrument_before, settled_at_fills
            )
            gained_before, instrument_before = gained, instrument_gained
            steps.append(step)
        return tuple(steps)

    def _instrument_gain(self, point: tuple[int, int, int]) -> int:
        """Gain of all trades of the line from the start of the run to a settlement, before fees."""
        row, ts, count = point
        fills = self.fills[:count]
        position = int(fills["signed_lots"].sum())
        value = self.contract.value(position, self.mark_at(row, ts)) if position else 0
        return value - int(fills["value_micros"].sum())

    def posted_to(self, parts: Sequence[Part]) -> list[tuple[int, int]]:
        """(instant, gain) of the settlements told last that were converted and are all of this trade.

        Where a position ended, its gain was settled with the fill: what a session's end posts is of the one then held.
        """
        held = parts[-1].position_after != 0
        is_final = FillRule(int(self.record.fills[parts[-1].fill_id]["rule"])) is FillRule.FINAL_SETTLEMENT
        rows = self._posted if held or is_final else [row for row in self._posted if row[2]]
        return [(ts, gain) for ts, gain, _ in rows if gain]

    def _settlement(
        self, at: tuple[int, int], position: int, gain: int, instrument_gain: int, settled_at_fills: int
    ) -> SettlementStep:
        row, ts = at
        begin, end = np.searchsorted(self.settled["ts_ns"], (ts, ts + 1))
        ledger = lines_of(self.settled[begin:end])
        expected = [("POSITION", "PNL", instrument_gain)]
        final = self.fills[(self.fills["rule"] == FillRule.FINAL_SETTLEMENT) & (self.fills["ts_event_ns"] == ts)]
        if self.converter is not None:
            is_last = ts == self.end_ns and not len(final) and not self.bars.session_end[row]
            expected = self._posted_here(ts, position, instrument_gain - settled_at_fills, is_last=is_last)
        elif self.contract.is_future:
            expected.append(("CASH", "CLEARING", instrument_gain))
        within = len(final) and row + 1 < len(self.bars) and self.bars.ts_event_ns[row + 1] < ts
        session = day_of(int(self.bars.session[row + 1 if within else max(row, 0)])).isoformat()
        match_ledger(f"settlement of {self.spec.symbol} on {session}", ledger, expected)
        mark = int(final["price_ticks"][0]) if len(final) else self.mark_at(row, ts)
        return SettlementStep(
            session, ts, self.contract.price_text(mark), position, gain, instrument_gain - gain, ledger
        )

    def _posted_here(self, ts: int, position: int, gain: int, *, is_last: bool) -> list[tuple[str, str, int]]:
        """The entries of a settlement in another currency; the last, at the end of the data, is not converted."""
        assert self.converter is not None
        expected = [("POSITION", "PNL", gain)]
        if self.contract.is_future and is_last:
            expected.append(("FOREIGN", "CLEARING", gain))
        elif self.contract.is_future:
            expected += self.converter.entries("CLEARING", -gain, ts)
            self._posted.append((ts, gain, position != 0))
        return expected

    # ---- dividends, funding, borrow fees

    def carries(self, parts: Sequence[Part]) -> tuple[CarryStep, ...]:
        """What was paid and received for holding, while this trade was the open one."""
        places = {part.fill_id: part for part in parts if part.position_after != 0}
        steps = []
        for entry in self.carried:
            own = self.fill_ids[: np.searchsorted(self.fill_ids, int(entry["fills_before"]))]
            part = places.get(int(own[-1])) if len(own) else None
            if part is None:
                continue
            received = int(entry["amount_micros"]) * (-1 if entry["debit"] == _CARRY else 1)
            steps.append(self._carry(entry, received, part.position_after))
        return tuple(steps)

    def _carry(self, entry: np.void, received: int, held: int) -> CarryStep:
        """One entry of carry, worked out again from the position, the mark and the rate."""
        ts, currency = int(entry["ts_ns"]), self.spec.currency
        ledger = lines_of(np.array([entry]))
        candidates = []
        for event in self.events:
            if event.ts_ns != ts:
                continue
            if isinstance(event, Dividend):
                units = held * self.spec.lot_size
                paid = round(Fraction(event.amount) * Fraction(units) * MICROS)
                words = f"{decimal_text(event.amount)} {currency} × {decimal_text(units)} units"
                candidates.append(("dividend", paid, words))
            elif isinstance(event, Funding):
                worth = self.contract.value(held, self.mark_before(ts))
                paid = -round(Fraction(event.rate) * worth)
                words = f"{decimal_text(event.rate)} × {format_micros(worth)} {currency} at the last mark"
                candidates.append(("funding", paid, words))
        borrow = self._borrow(ts, held)
        if borrow is not None:
            candidates.append(borrow)
        for kind, amount, words in candidates:
            if amount == received:
                return CarryStep(ts, kind, received, f"{words} = {format_micros(received)} {currency}", ledger)
        if candidates and self.events:
            due = " or ".join(format_micros(amount) for _, amount, _ in candidates)
            raise LedgerError(
                f"carry of {self.spec.symbol} at {format_ns(ts)}: the journal holds {format_micros(received)}, the "
                f"rules give {due}; do not believe this run"
            )
        words = f"{format_micros(received)} {currency} on {held:,} lots, as the run booked it from its data"
        return CarryStep(ts, "dividend or funding", received, words, ledger)

    def _borrow(self, ts: int, held: int) -> tuple[str, int, str] | None:
        """(kind, amount, words) of the borrow fee that is due at `ts`; None if none is."""
        rate = Fraction(Decimal(str(self.record.manifest.config["account"].get("borrow_rate", "0"))))
        row = int(np.searchsorted(self.bars.ts_event_ns, ts))
        starts = 0 < row < len(self.bars) and int(self.bars.ts_event_ns[row]) == ts
        if held >= 0 or not rate or self.contract.is_future or not starts:
            return None
        days = int(self.bars.session[row]) - int(self.bars.session[row - 1])
        if days == 0:
            return None
        worth = abs(self.contract.value(held, self.mark_at(row - 1, ts)))
        charged = rate * Fraction(self.contract.costs.multiplier)
        words = (
            f"{format_micros(worth)} {self.spec.currency} short × {decimal_text(charged)} × {days}/{_YEAR_DAYS} days"
        )
        return "borrow fee", -round(worth * charged * days / _YEAR_DAYS), words


def lines_of(journal: NDArray[np.void]) -> tuple[LedgerLine, ...]:
    return tuple(
        LedgerLine(
            int(line["ts_ns"]),
            JOURNAL_ACCOUNTS[line["debit"]],
            JOURNAL_ACCOUNTS[line["credit"]],
            int(line["amount_micros"]),
        )
        for line in journal
    )


def match_ledger(where: str, ledger: Sequence[LedgerLine], expected: Sequence[tuple[str, str, int]]) -> None:
    """Raise `LedgerError` unless the lines are those expected; a negative amount is the entry the other way round."""
    wanted = [
        (debit, credit, amount) if amount > 0 else (credit, debit, -amount)
        for debit, credit, amount in expected
        if amount
    ]
    found = [(line.debit, line.credit, line.amount_micros) for line in ledger]
    if found != wanted:
        raise LedgerError(f"{where}: the journal holds {found}, the rules give {wanted}; do not believe this run")


def must_equal(where: str, name: str, found: int, expected: int, other: str) -> None:
    if found != expected:
        raise LedgerError(
            f"{where}: {name} gives {format_micros(found)} and {other} {format_micros(expected)}, a difference of "
            f"{found - expected} micro-units; do not believe this run, and report it with its manifest"
        )


def check_data(record: RunRecord, market: Mapping[str, tuple[InstrumentSpec, Bars]], finer: Finer) -> None:
    """The data given are those of the run."""
    for symbol in record.universe:
        if symbol not in market:
            raise DataError(f"{symbol}: the run traded on its bars, which were not given; pass the data of the run")
        told = record.manifest.data[symbol]
        _check_hash(symbol, "bars", told["content_hash"], market[symbol][1].content_hash)
        if symbol in finer or "finer" in told:
            found = finer[symbol].content_hash if symbol in finer else "none"
            _check_hash(symbol, told.get("fills", "finer bars"), told.get("finer", "none"), found)


def _check_hash(symbol: str, what: str, expected: str, found: str) -> None:
    if expected != found:
        raise DataError(
            f"{symbol}: the run was made on {what} with content hash {expected[:12]}, these have {found[:12]}; "
            "import the original data again, or repeat the run on these"
        )
