"""Round-trip trades of the oracle, from docs/fills.md: how fills, carry and splits make one."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from tests.oracle.currencies import Purse
from tests.oracle.world import Contract, half_even

Piece = tuple[Fraction | int, Fraction | int]  # lots, ticks


@dataclass
class Trade:
    """A round trip of one book in one instrument, flat to flat."""

    line: int
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
    carry: int = 0  # received less paid
    mae: int = 0
    mfe: int = 0
    paid: int = 0  # value of what was bought less what was sold; in another currency, what futures settled is received
    entered: list[Piece] = field(default_factory=list)  # of fills in its direction
    left: list[Piece] = field(default_factory=list)  # of fills against it
    exit_mark: int | None = None  # of a trade that is open at the end of the data, or was rounded away with no exit

    @property
    def net(self) -> int:
        """Gross less all fees, with its carry."""
        return self.gross - self.fee + self.carry

    def see(self, gain: int) -> None:
        """Take notice of an open gain."""
        self.mae, self.mfe = min(self.mae, gain), max(self.mfe, gain)

    def end(self, time: int, fill_id: int) -> None:
        """Flat: what was not paid back is the gain."""
        self.exit_time, self.exit_fill = time, fill_id
        self.gross, self.is_open = -self.paid, False
        self.see(self.gross)

    def restate(self, ratio: Fraction) -> None:
        """A split: what was traded before counts in the new lots and prices."""
        self.entered = [(lots * ratio, ticks / ratio) for lots, ticks in self.entered]
        self.left = [(lots * ratio, ticks / ratio) for lots, ticks in self.left]


def average(pieces: list[Piece]) -> float:
    """Average price of pieces."""
    return float(Fraction(sum(n * p for n, p in pieces)) / Fraction(sum(n for n, _ in pieces)))


@dataclass
class Line:
    """One instrument in one book: what is held, and the trade that is open."""

    book: int
    instrument: int
    contract: Contract
    purse: Purse
    lots: int = 0
    carried: int = 0  # futures: value at the last settlement plus trades since
    session: int | None = None  # of the last bar that had its open
    trade: Trade | None = None

    @property
    def settles_apart(self) -> bool:
        """A future in another currency: what its trades made is what its settlements were converted to."""
        return self.contract.future and self.purse.foreign

    def gain(self, price: int) -> int:
        """Open gain of the trade in hand at a price, in the account's currency."""
        assert self.trade is not None
        value = self.contract.value(self.lots, price) - (self.carried if self.settles_apart else 0)
        return self.purse.base(value) - self.trade.paid

    def settled(self, gain: int) -> None:
        """A gain was converted: it is the trade's for good."""
        self.carried += gain
        if self.trade is not None and self.settles_apart:
            self.trade.paid -= self.purse.base(gain)
            self.trade.fee += self.purse.charge(self.purse.base(gain))

    def after_fill(
        self, number: int, fill_id: int, time: int, lots: int, price: int, amounts: tuple[int, int]
    ) -> Trade | None:
        """The line's trade takes a fill (amounts: value, all fees); gives the trade that this fill began, if any.

        The value is in the instrument's currency, fees are in the account's.
        """
        value, fee = amounts
        closing = min(abs(lots), abs(self.lots)) if self.lots * lots < 0 else 0
        opening = abs(lots) - closing
        side = 1 if lots > 0 else -1
        fee_closing = fee
        own_value, value = value, 0 if self.settles_apart else self.purse.base(value)
        value_closing = value
        if closing and opening:
            if not self.settles_apart:
                value_closing = self.purse.base(self.contract.value(side * closing, price))
            fee_closing = half_even(Fraction(fee * closing, abs(lots)))
        if closing:
            trade = self.trade
            assert trade is not None
            trade.paid += value_closing
            trade.fee += fee_closing
            trade.left.append((closing, price))
            trade.exit_time, trade.exit_fill = time, fill_id
            if abs(self.lots) == closing:
                if self.settles_apart:
                    trade.paid -= self.purse.base(
                        self.contract.value(self.lots + lots, price) - self.carried - own_value
                    )
                trade.end(time, fill_id)
                self.trade = None
            value, fee = value - value_closing, fee - fee_closing
        began = None
        if opening:
            if self.trade is None:
                self.trade = began = Trade(number, side, time, fill_id)
            self.trade.paid += value
            self.trade.fee += fee
            self.trade.entered.append((opening, price))
        ended = closing > 0 and abs(self.lots) == closing
        self.lots += lots
        if self.contract.future:
            self.carried += own_value
        if ended and self.settles_apart:
            self.carried = self.contract.value(self.lots, price)
        if self.trade is not None:
            self.trade.lots_max = max(self.trade.lots_max, abs(self.lots))
            self.trade.see(self.gain(price))
        return began
