"""The oracle's account: cash, positions, marks, margin rules and round-trip trades, from docs/fills.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from tests.oracle.world import Contract, Settings, half_even


@dataclass
class Trade:
    """A round trip, flat to flat."""

    instrument: int
    direction: int
    entry_time: int
    entry_fill: int
    exit_time: int = -1
    exit_fill: int = -1
    is_open: bool = True
    bars: int = 0
    lots_max: int = 0
    gross: int = 0
    fee: int = 0
    mae: int = 0
    mfe: int = 0
    paid: int = 0  # value of what was bought less what was sold
    entered: list[tuple[int, int]] = field(default_factory=list)  # lots, ticks of fills in its direction
    left: list[tuple[int, int]] = field(default_factory=list)  # of fills against it
    last_mark: int | None = None  # of an open trade, at the end of the data

    @property
    def net(self) -> int:
        """Gross less all fees."""
        return self.gross - self.fee

    def see(self, gain: int) -> None:
        """Take notice of an open gain."""
        self.mae, self.mfe = min(self.mae, gain), max(self.mfe, gain)


def average(pieces: list[tuple[int, int]]) -> float:
    """Average price of pieces (lots, ticks)."""
    return float(Fraction(sum(n * p for n, p in pieces), sum(n for n, _ in pieces)))


@dataclass
class Holding:
    """One instrument in the account."""

    contract: Contract
    lots: int = 0
    carried: int = 0  # futures: value at the last settlement plus trades since
    mark: int | None = None
    mark_time: int = -1
    marked_by_close: bool = False
    session: int = 0
    trade: Trade | None = None


@dataclass(frozen=True)
class Settlement:
    """Variation margin paid into or out of cash."""

    time: int
    instrument: int
    gain: int


class Account:
    """One account in one currency."""

    def __init__(self, contracts: Sequence[Contract], settings: Settings) -> None:
        self.settings = settings
        self.cash = settings.cash
        self.holdings = [Holding(contract) for contract in contracts]
        self.trades: list[Trade] = []
        self.settlements: list[Settlement] = []

    def worth(self, holding: Holding, lots: int, carried: int, mark: int | None) -> int:
        """What a holding adds to the equity beside cash."""
        value = holding.contract.value(lots, mark) if lots and mark is not None else 0
        return value - carried if holding.contract.future else value

    def equity(self) -> int:
        """Cash, open gains of futures and value of spot, at the marks."""
        return self.cash + sum(self.worth(h, h.lots, h.carried, h.mark) for h in self.holdings)

    def needed(self, kind: int, instrument: int = -1, lots: int = 0, mark: int = 0) -> int:
        """Sum of margins (kind 0: initial, 1: maintenance), one instrument perhaps as if it were held otherwise."""
        if self.settings.account == "cash":
            return 0
        total = 0
        for i, holding in enumerate(self.holdings):
            held, at = (lots, mark) if i == instrument else (holding.lots, holding.mark)
            if not held or at is None:
                continue
            if holding.contract.future:
                total += abs(held) * holding.contract.margin(holding.session)[kind]
            else:
                rate = Fraction(1, 2) if kind == 0 else Fraction(1, 4) if held > 0 else Fraction(3, 10)
                total += math.ceil(abs(holding.contract.value(held, at)) * rate)
        return total

    def costs(self, instrument: int, lots: int, price: int, *, impact: bool) -> tuple[int, int, int]:
        """Value, fee and impact fee of a fill of signed lots."""
        holding = self.holdings[instrument]
        value = holding.contract.value(lots, price)
        fee = self.settings.fee(holding.contract, abs(lots), value, holding.session)
        return value, fee, self.settings.impact(holding.contract, abs(lots)) if impact else 0

    def carries(self, instrument: int, lots: int, price: int, *, impact: bool) -> bool:
        """Whether the account's rule to open holds after a fill of signed lots, the fill price as mark."""
        holding = self.holdings[instrument]
        value, fee, impact_fee = self.costs(instrument, lots, price, impact=impact)
        cash = self.cash - fee - impact_fee - (0 if holding.contract.future else value)
        if self.settings.account == "cash":
            return cash >= 0 and holding.lots + lots >= 0
        carried = holding.carried + (value if holding.contract.future else 0)
        equity = cash + self.worth(holding, holding.lots + lots, carried, price)
        equity += sum(self.worth(h, h.lots, h.carried, h.mark) for i, h in enumerate(self.holdings) if i != instrument)
        return equity >= self.needed(0, instrument, holding.lots + lots, price)

    def affordable(self, instrument: int, side: int, wanted: int, price: int, *, impact: bool) -> tuple[int, str]:
        """Largest fill up to `wanted` lots that the account can carry, and the reason if it is smaller."""
        held = self.holdings[instrument].lots
        reducing = min(wanted, abs(held)) if held * side < 0 else 0
        low, high = reducing, wanted
        while low < high:
            middle = (low + high + 1) // 2
            if self.carries(instrument, side * middle, price, impact=impact):
                low = middle
            else:
                high = middle - 1
        if low == wanted:
            return low, ""
        if self.settings.account != "cash":
            return low, "INITIAL_MARGIN"
        return low, "SHORT_FORBIDDEN" if side < 0 else "CASH"

    def book(
        self, instrument: int, fill_id: int, time: int, lots: int, price: int, amounts: tuple[int, int, int]
    ) -> None:
        """Take a fill into the account; amounts are its value, fee and impact fee."""
        value, fee, impact = amounts
        holding = self.holdings[instrument]
        self.cash -= fee + impact
        if holding.contract.future:
            holding.carried += value
        else:
            self.cash -= value
        self._trade(instrument, fill_id, time, lots, price, value, fee + impact)
        holding.lots += lots
        if holding.trade is not None:
            holding.trade.see(holding.contract.value(holding.lots, price) - holding.trade.paid)
        if not holding.marked_by_close:
            holding.mark, holding.mark_time = price, time

    def _trade(self, instrument: int, fill_id: int, time: int, lots: int, price: int, value: int, fee: int) -> None:
        holding = self.holdings[instrument]
        closing = min(abs(lots), abs(holding.lots)) if holding.lots * lots < 0 else 0
        opening = abs(lots) - closing
        side = 1 if lots > 0 else -1
        value_closing, fee_closing = value, fee
        if closing and opening:
            value_closing = holding.contract.value(side * closing, price)
            fee_closing = half_even(Fraction(fee * closing, abs(lots)))
        if closing:
            trade = holding.trade
            assert trade is not None
            trade.paid += value_closing
            trade.fee += fee_closing
            trade.left.append((closing, price))
            trade.exit_time, trade.exit_fill = time, fill_id
            if abs(holding.lots) == closing:
                trade.gross, trade.is_open, holding.trade = -trade.paid, False, None
                trade.see(trade.gross)
            value, fee = value - value_closing, fee - fee_closing
        if opening:
            if holding.trade is None:
                holding.trade = Trade(instrument, side, time, fill_id)
                self.trades.append(holding.trade)
            trade = holding.trade
            trade.paid += value
            trade.fee += fee
            trade.entered.append((opening, price))
            trade.lots_max = max(trade.lots_max, opening + (0 if closing else abs(holding.lots)))

    def mark(self, instrument: int, time: int, close: int | None, range_: Sequence[int | None]) -> None:
        """The close of a bar becomes the mark; an open trade sees its gain at the close and at prices of the range."""
        holding = self.holdings[instrument]
        if close is not None:
            holding.mark, holding.mark_time, holding.marked_by_close = close, time, True
        if holding.trade is not None:
            holding.trade.bars += 1
            for price in (close, *range_):
                if price is not None:
                    holding.trade.see(holding.contract.value(holding.lots, price) - holding.trade.paid)

    def settle(self, instrument: int, time: int) -> None:
        """The end of a session: the gain of a future since the last settlement moves into cash."""
        holding = self.holdings[instrument]
        if not holding.contract.future:
            return
        gain = self.worth(holding, holding.lots, holding.carried, holding.mark)
        self.cash += gain
        holding.carried += gain
        if gain:
            self.settlements.append(Settlement(time, instrument, gain))

    def finish(self) -> None:
        """The end of the data: open trades are marked at the last close."""
        for holding in self.holdings:
            trade = holding.trade
            if trade is not None:
                assert holding.mark is not None
                trade.gross = holding.contract.value(holding.lots, holding.mark) - trade.paid
                trade.exit_time, trade.exit_fill = holding.mark_time, -1
                trade.last_mark = holding.mark
