"""What a strategy sees of the account, from docs/fills.md: cash as it is, positions at the last closes received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from argus.core.market_events import Split
from tests.oracle.account import Account
from tests.oracle.world import Row, half_even, round_mark

Sight = tuple[int, int, int, tuple[int, ...]]  # time, cash, equity, lots of the book's lines


@dataclass
class Seen:
    """Prices that are known; an instrument of which no close was received has that of the last fill."""

    account: Account
    events: Mapping[int, Sequence[Any]]  # of instruments
    received: dict[int, int] = field(default_factory=dict)
    traded: dict[int, int] = field(default_factory=dict)

    def receive(self, instrument: int, row: Row, now: int) -> None:
        """A bar becomes known; if the instrument was split since its close, the close counts in the new lots."""
        if row.close is None:
            return
        mark = round_mark(row.close)
        for event in self.events.get(instrument, ()):
            if isinstance(event, Split) and row.close_time < event.ts_ns <= now:
                mark = half_even(mark * Fraction(event.denominator, event.numerator))
        self.received[instrument] = mark

    def split(self, instrument: int, ratio: Fraction) -> None:
        """Known prices in the new lots."""
        for known in (self.received, self.traded):
            if instrument in known:
                known[instrument] = half_even(known[instrument] / ratio)

    def sight(self, now: int, lines: Sequence[int]) -> Sight:
        """The account as known now, and what these lines hold."""
        account, equity = self.account, self.account.cash
        for line in account.lines:
            mark = self.received.get(line.instrument, self.traded.get(line.instrument))
            equity += account.worth(line, line.lots, line.carried, mark)
        return now, account.cash, equity, tuple(account.lines[number].lots for number in lines)
