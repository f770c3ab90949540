"""The oracle's account: cash, lines of all books, marks, margin rules, financing and events, from docs/fills.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from tests.oracle.currencies import Purse, intraday_margin
from tests.oracle.settings import BarCosts, Settings
from tests.oracle.trades import Line, Trade
from tests.oracle.world import MICROS, Contract, half_even


@dataclass
class Quote:
    """What the account knows of an instrument's price and day, the same for all books."""

    mark: int | None = None
    mark_time: int = -1
    marked_by_close: bool = False
    session: int = 0


@dataclass(frozen=True)
class Settlement:
    """Variation margin paid into or out of cash."""

    time: int
    line: int
    gain: int


@dataclass(frozen=True)
class Amounts:
    """What a fill comes to, in micro-units."""

    value: int
    fee: int
    impact: int


class Account:
    """One account, shared by all books, with cash in one currency."""

    def __init__(self, contracts: Sequence[Contract], lines: Sequence[tuple[int, int]], settings: Settings) -> None:
        self.settings = settings
        self.cash = settings.cash
        self.quotes = [Quote() for _ in contracts]
        self.purses = {
            contract.currency: Purse(
                contract.currency != settings.currency,
                Fraction(settings.fx_cost_bp) * Fraction(settings.multiplier) / 10_000,
            )
            for contract in contracts
        }
        self.lines = [
            Line(book, instrument, contracts[instrument], self.purses[contracts[instrument].currency])
            for book, instrument in lines
        ]
        self.intraday: set[int] = set()  # instruments whose intraday margins are in force
        self.fx_base = self.fx_cost = 0  # paid for other currencies, and for converting
        self.trades: list[Trade] = []
        self.settlements: list[Settlement] = []
        self.interest = 0  # received less paid
        self.interest_paid = 0
        self.carry = 0

    # ------------------------------------------------------------------------------------------------ what it is worth

    def worth(self, line: Line, lots: int, carried: int, mark: int | None) -> int:
        """What a line adds to the equity beside cash."""
        value = line.contract.value(lots, mark) if lots and mark is not None else 0
        return line.purse.base(value - carried if line.contract.future else value)

    def value(self, line: Line) -> int:
        """Of what a line holds, at the mark."""
        mark = self.quotes[line.instrument].mark
        return line.contract.value(line.lots, mark) if line.lots and mark is not None else 0

    def equity(self) -> int:
        """Cash, open gains of futures and value of spot, at the marks."""
        return self.cash + sum(self.worth(x, x.lots, x.carried, self.quotes[x.instrument].mark) for x in self.lines)

    def net(self, instrument: int) -> int:
        """Lots of an instrument over all books."""
        return sum(line.lots for line in self.lines if line.instrument == instrument)

    @property
    def holds(self) -> bool:
        """Whether any book holds anything."""
        return any(line.lots for line in self.lines)

    def needed(self, kind: int, instrument: int = -1, more: int = 0, mark: int = 0) -> int:
        """Sum of margins (kind 0: initial, 1: maintenance), with more of one instrument at a mark of its own."""
        if self.settings.account == "cash":
            return 0
        total = 0
        contracts = {line.instrument: line.contract for line in self.lines}
        for i, contract in contracts.items():
            held = self.net(i) + (more if i == instrument else 0)
            at = mark if i == instrument else self.quotes[i].mark
            if not held or at is None:
                continue
            if contract.future:
                margins = contract.margin(self.quotes[i].session)
                if i in self.intraday:
                    margins = intraday_margin(self.settings, contract, margins)
                margin = abs(held) * margins[kind]
            else:
                percent = 50 if kind == 0 else 25 if held > 0 else 30
                margin = -(-abs(contract.value(held, at)) * percent // 100)
            total += self.purses[contract.currency].base(margin)
        return total

    # ------------------------------------------------------------------------------------------------ fills

    def amounts(self, line: Line, lots: int, price: int, costs: BarCosts, *, impact: bool) -> Amounts:
        """Value, fee and impact fee of a fill of signed lots."""
        value = line.contract.value(lots, price)
        fee = self.settings.fee(line.contract, lots, value, self.quotes[line.instrument].session)
        return Amounts(value, fee, costs.impact(line.contract, abs(lots)) if impact else 0)

    def carries(self, line: Line, lots: int, price: int, costs: BarCosts, *, impact: bool) -> bool:
        """Whether the account's rule to open holds after a fill of signed lots, the fill price as mark."""
        amounts = self.amounts(line, lots, price, costs, impact=impact)
        cash = self.cash - sum(self.outlays(line, lots, price, amounts))
        if self.settings.account == "cash":
            return cash >= 0 and line.lots + lots >= 0
        equity = cash
        for other in self.lines:
            mark = price if other.instrument == line.instrument else self.quotes[other.instrument].mark
            held, carried = other.lots, other.carried
            if other is line:
                held, carried = held + lots, carried + (amounts.value if line.contract.future else 0)
            equity += self.worth(other, held, carried, mark)
        return equity >= self.needed(0, line.instrument, lots, price)

    def outlays(self, line: Line, lots: int, price: int, amounts: Amounts) -> list[int]:
        """Cash of the account that a fill takes, beside the gain of a position that it ends; that gain's conversion."""
        purse = line.purse
        taken = [purse.paid(amounts.fee), purse.paid(amounts.impact)]
        if not line.contract.future:
            taken.append(purse.paid(amounts.value))
        gain = self.ending_gain(line, lots, price, amounts)
        return [*taken, purse.charge(purse.base(gain))]

    def ending_gain(self, line: Line, lots: int, price: int, amounts: Amounts) -> int:
        """Gain of a future in another currency whose position a fill ends, since its last settlement."""
        after = line.lots + lots
        if not line.settles_apart or line.lots == 0 or line.lots * after > 0:
            return 0
        return line.contract.value(after, price) - line.carried - amounts.value

    def pay(self, line: Line, amount: int) -> int:
        """Pay an amount of the line's currency out of cash (receive it, if negative); gives what converting cost."""
        base = line.purse.base(amount)
        cost = line.purse.charge(base)
        self.cash -= base + cost
        if line.purse.foreign:
            self.fx_base += base
            self.fx_cost += cost
        return cost

    def affordable(
        self, line: Line, side: int, wanted: int, price: int, costs: BarCosts, *, impact: bool, halt: str
    ) -> tuple[int, str]:
        """Largest fill up to `wanted` lots that the account can carry, and the reason if it is smaller."""
        held = line.lots if self.settings.account == "cash" else self.net(line.instrument)
        reducing = min(wanted, abs(held)) if held * side < 0 else 0
        low, high = reducing, wanted
        if halt:
            return low, halt if low < wanted else ""
        if line.purse.foreign and line.purse.nano is None:
            return low, "NO_RATE" if low < wanted else ""
        if low < high and self.carries(line, side * high, price, costs, impact=impact):
            low = high
        while low < high:
            middle = (low + high + 1) // 2
            if self.carries(line, side * middle, price, costs, impact=impact):
                low = middle
            else:
                high = middle - 1
        if low == wanted:
            return low, ""
        if self.settings.account != "cash":
            return low, "INITIAL_MARGIN"
        return low, "SHORT_FORBIDDEN" if side < 0 else "CASH"

    def book(self, number: int, fill_id: int, time: int, lots: int, price: int, amounts: Amounts) -> None:
        """Take a fill into the account."""
        line = self.lines[number]
        gain = self.ending_gain(line, lots, price, amounts)
        costs = self.pay(line, amounts.fee) + self.pay(line, amounts.impact)
        costs += self.pay(line, 0 if line.contract.future else amounts.value) + self.pay(line, -gain)
        if gain:
            self.settlements.append(Settlement(time, number, gain))
        all_fees = line.purse.base(amounts.fee) + line.purse.base(amounts.impact) + costs
        began = line.after_fill(number, fill_id, time, lots, price, (amounts.value, all_fees))
        if began is not None:
            self.trades.append(began)
        quote = self.quotes[line.instrument]
        if not quote.marked_by_close:
            quote.mark, quote.mark_time = price, time

    # ------------------------------------------------------------------------------------------------ marks and cash

    def mark(self, number: int, time: int, close: int | None, range_: Sequence[int | None]) -> None:
        """The close of a bar becomes the mark; an open trade sees its gain at the close and at prices of the range."""
        line = self.lines[number]
        if close is not None:
            quote = self.quotes[line.instrument]
            quote.mark, quote.mark_time, quote.marked_by_close = close, time, True
        if line.trade is not None:
            line.trade.bars += 1
            for price in (close, *range_):
                if price is not None:
                    line.trade.see(line.gain(price))

    def settle(self, number: int, time: int, *, at_end: bool = False) -> None:
        """The end of a session: the gain of a future since the last settlement moves into cash."""
        line = self.lines[number]
        if not line.contract.future:
            return
        mark = self.quotes[line.instrument].mark
        gain = (line.contract.value(line.lots, mark) if line.lots and mark is not None else 0) - line.carried
        if not (at_end and line.purse.foreign):
            self.pay(line, -gain)
            line.settled(gain)
        if gain:
            self.settlements.append(Settlement(time, number, gain))

    def pay_interest(self, days: int) -> None:
        """Interest on the cash balance for the days since the account's last session."""
        rate = self.settings.credit_rate
        if self.cash < 0:
            rate = self.settings.debit_rate * self.settings.multiplier
        amount = half_even(Fraction(self.cash) * Fraction(rate) * days / 360)
        self.cash += amount
        self.interest += amount
        self.interest_paid -= min(0, amount)

    def pay_borrow(self, number: int, days: int) -> None:
        """The fee on a short spot position for the days since the instrument's last session."""
        line = self.lines[number]
        if line.lots < 0 and not line.contract.future:
            rate = Fraction(self.settings.borrow_rate) * Fraction(self.settings.multiplier)
            self._carry(line, -half_even(abs(self.value(line)) * rate * days / 360))

    def _carry(self, line: Line, amount: int) -> None:
        cost = self.pay(line, -amount)
        self.carry += 0 if line.purse.foreign else amount
        if amount:
            assert line.trade is not None
            line.trade.carry += line.purse.base(amount)
            line.trade.fee += cost

    # ------------------------------------------------------------------------------------------------ events

    def dividend(self, number: int, amount: Decimal) -> None:
        """So much per share."""
        line = self.lines[number]
        self._carry(line, half_even(Fraction(amount) * line.lots * line.contract.lot * MICROS))

    def funding(self, number: int, rate: Decimal) -> None:
        """Long pays a positive rate on its value, short receives it."""
        line = self.lines[number]
        self._carry(line, -half_even(Fraction(rate) * self.value(line)))

    def split(self, number: int, ratio: Fraction, time: int, fill_id: int) -> tuple[int, int]:
        """New lots for old ones; gives the change in lots and the cash for what rounding left, signed as a sale's."""
        line = self.lines[number]
        mark = self.quotes[line.instrument].mark
        assert mark is not None
        assert line.trade is not None
        exact = line.lots * ratio
        new = math.trunc(exact)
        left_over = (exact - new) / ratio  # old lots, signed
        cash = half_even(left_over * mark * line.contract.per_tick_lot)
        trade, change = line.trade, new - line.lots
        trade.fee += self.pay(line, -cash)
        trade.paid -= line.purse.base(cash)
        trade.restate(ratio)
        trade.lots_max = max(trade.lots_max, abs(new))
        line.lots = new
        if not new:
            trade.end(time, fill_id)
            trade.exit_mark = None if trade.left else half_even(mark / ratio)
            line.trade = None
        return change, cash

    def split_mark(self, instrument: int, ratio: Fraction) -> None:
        """The last mark in the new lots."""
        quote = self.quotes[instrument]
        if quote.mark is not None:
            quote.mark = half_even(quote.mark / ratio)

    def finish(self) -> None:
        """The end of the data: open trades are marked at the last close."""
        for line in self.lines:
            trade, quote = line.trade, self.quotes[line.instrument]
            if trade is not None:
                assert quote.mark is not None
                trade.gross = line.gain(quote.mark)
                trade.exit_time, trade.exit_fill = quote.mark_time, -1
                trade.exit_mark = quote.mark
