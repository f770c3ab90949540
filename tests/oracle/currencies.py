"""The oracle's rates between currencies, and when intraday margins are in force, from docs/fills.md."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.oracle.settings import Settings
from tests.oracle.world import EPOCH, MICROS, Contract, Row, half_even, round_mark, rows_of

BILLION = 10**9
DAY = 86_400 * BILLION
MINUTE = 60 * BILLION


@dataclass
class Purse:
    """What one currency is worth in the account's, now; `nano` is None for the account's own and before a rate."""

    foreign: bool
    cost: Fraction = Fraction(0)
    nano: int | None = None

    def base(self, amount: int) -> int:
        """An amount in the account's currency."""
        return half_even(Fraction(amount) * (self.nano or 0) / BILLION) if self.foreign else amount

    def charge(self, base: int) -> int:
        """What the conversion of so much of the account's currency costs."""
        return half_even(abs(base) * self.cost) if self.foreign else 0

    def paid(self, amount: int) -> int:
        """Cash of the account that paying an amount takes."""
        base = self.base(amount)
        return base + self.charge(base)


@dataclass
class Clockwork:
    """Rates and margins that change by themselves: (instant, value) by currency, and by instrument."""

    rates: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    intraday: Mapping[int, Sequence[tuple[int, bool]]] = field(default_factory=dict)

    def rate(self, currency: str, now: int, last_close: int) -> int | None:
        """Billionths in force at an instant; rates known after the last close are ignored."""
        found = _latest(self.rates.get(currency, ()), min(now, last_close))
        return None if found is None else int(found)

    def is_intraday(self, instrument: int, now: int) -> bool:
        """Whether intraday margins of an instrument are in force."""
        return bool(_latest(self.intraday.get(instrument, ()), now))


def _latest(steps: Sequence[tuple[int, Any]], now: int) -> Any:
    at = bisect_right(steps, now, key=lambda step: step[0])
    return steps[at - 1][1] if at else None


def rate_steps(
    currency: str, settings: Settings, specs: Mapping[str, Any], bars: Mapping[str, Any]
) -> list[tuple[int, int]]:
    """(instant from which it is known, billionths) of a currency in the account's."""
    table = [row for row in settings.rates if row[0] == currency]
    if table:
        return [(((day - EPOCH).days + 1) * DAY, half_even(Fraction(rate) * BILLION)) for _, day, rate in table]
    direct, inverse = currency + settings.currency, settings.currency + currency
    name = direct if direct in bars else inverse
    pair = Contract.of(specs[name])
    steps = []
    for row in rows_of(bars[name], pair.tick, settings.data_latency).rows:
        if row.close is not None:
            price = round_mark(row.close) * pair.tick
            steps.append((row.known, half_even(BILLION * price if name == direct else BILLION / price)))
    return steps


def intraday_steps(rows: Sequence[Row], settings: Settings) -> list[tuple[int, bool]]:
    """(instant, whether intraday margins hold from then on); sessions of the oracle's markets close at midnight UTC."""
    steps = []
    for session in sorted({row.session for row in rows}):
        mine = [row for row in rows if row.session == session]
        until = (session + 1) * DAY - settings.intraday_cutoff * MINUTE
        if mine[-1].ends_session:
            until = min(until, mine[-1].close_time)
        if mine[0].start < until:
            steps += [(mine[0].start, True), (until, False)]
    return steps


def intraday_margin(settings: Settings, contract: Contract, overnight: tuple[int, int]) -> tuple[int, int]:
    """Intraday margins of one lot beside these overnight ones, in micro-units."""
    for symbol, initial, maintenance in settings.intraday_rates:
        if symbol == contract.symbol:
            return int(initial * MICROS), int(maintenance * MICROS)
    if settings.intraday_share is None:
        return overnight
    share = Fraction(settings.intraday_share)
    return (-int(-overnight[0] * share // 1), -int(-overnight[1] * share // 1))
