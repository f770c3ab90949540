"""What the oracle is given: contracts, bars, settings and a script, as plain numbers and words.

Nothing here is shared with the engine under test: prices become exact fractions of a tick, money whole micro-units,
and orders are words. `Contract.of` and `rows_of` read the attributes of Argus' own records and nothing else of them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

MICROS = 1_000_000
NEAR = Fraction(1, 1_000_000)
HALF = Fraction(1, 2)
EPOCH = date(1970, 1, 1)
Ticks = int | Fraction


def half_even(x: Fraction | int) -> int:
    """Nearest whole number, an exact half to the even one."""
    return round(Fraction(x))


def snap(x: Fraction) -> Ticks:
    """A number within 1e-6 of a whole one is that whole one."""
    nearest = round(x)
    return nearest if abs(x - nearest) <= NEAR else x


def round_against(x: Ticks, side: int) -> int:
    """Whole ticks against the trader: up for a buy, down for a sell."""
    snapped = snap(Fraction(x))
    return math.ceil(snapped) if side > 0 else math.floor(snapped)


def round_mark(x: Ticks) -> int:
    """Nearest whole tick; within 1e-6 of a half tick it is that half, which goes to the even one."""
    floor = math.floor(x)
    if abs(x - floor - HALF) <= NEAR:
        return floor + floor % 2
    return half_even(x)


@lru_cache(maxsize=200_000)
def in_ticks(price: float, tick: Fraction) -> Ticks | None:
    """A price in ticks: whole if it lies on the grid, a fraction if not, None if there is none."""
    if math.isnan(price):
        return None
    return snap(Fraction(price) / tick)


@dataclass(frozen=True)
class Contract:
    """The facts of an instrument that a fill needs."""

    symbol: str
    tick: Fraction
    lot: Fraction
    per_tick_lot: Fraction  # micro-units
    future: bool
    margins: tuple[tuple[date, int, int], ...]  # from, initial, maintenance: micro-units of one lot
    fees: tuple[tuple[date, Fraction, Fraction, Fraction], ...]  # from, per unit, rate, minimum: currency

    @classmethod
    def of(cls, spec: Any) -> Contract:
        """The facts of one specification."""
        tick, lot = Fraction(spec.tick_size), Fraction(spec.lot_size)
        return cls(
            symbol=spec.symbol,
            tick=tick,
            lot=lot,
            per_tick_lot=tick * lot * Fraction(spec.multiplier) * MICROS,
            future=str(spec.kind.value) == "future",
            margins=tuple(
                (m.effective_date, int(m.initial * MICROS), int(m.maintenance * MICROS)) for m in spec.margins
            ),
            fees=tuple(
                (f.effective_date, Fraction(f.per_unit), Fraction(f.rate), Fraction(f.minimum)) for f in spec.fees
            ),
        )

    def value(self, lots: int, ticks: int) -> int:
        """Micro-units that `lots` are worth at `ticks`."""
        return half_even(lots * ticks * self.per_tick_lot)

    def margin(self, session: int) -> tuple[int, int]:
        """Initial and maintenance margin of one lot on a session."""
        row = in_force(self.margins, session)
        return row[1], row[2]


def in_force(rows: Sequence[Any], session: int) -> Any:
    """The last dated row not after the session's date; before the first one, the first."""
    return rows[max(0, bisect_right(rows, EPOCH + timedelta(days=session), key=lambda row: row[0]) - 1)]


@dataclass(frozen=True)
class Row:
    """One bar in ticks; None where there is no observation."""

    start: int
    close_time: int
    known: int
    open: Ticks | None
    high: Ticks | None
    low: Ticks | None
    close: Ticks | None
    volume: float
    session: int
    ends_session: bool
    first_of_session: bool


@dataclass(frozen=True)
class Rows:
    """All bars of one instrument."""

    rows: tuple[Row, ...]
    opens_observed: bool
    volume_observed: bool


def rows_of(bars: Any, tick: Fraction) -> Rows:
    """Bars of Argus' layout as plain rows."""

    def prices(name: str) -> list[Ticks | None]:
        if name not in bars.observed:
            return [None] * len(bars)
        return [in_ticks(price, tick) for price in getattr(bars, name).tolist()]

    session = bars.session.tolist()
    columns = zip(
        bars.ts_event_ns.tolist(),
        bars.ts_close_ns.tolist(),
        bars.ts_recv_ns.tolist(),
        prices("open"),
        prices("high"),
        prices("low"),
        prices("close"),
        bars.volume.tolist(),
        session,
        bars.session_end.tolist(),
        [i == 0 or session[i] != session[i - 1] for i in range(len(session))],
        strict=True,
    )
    return Rows(tuple(Row(*values) for values in columns), "open" in bars.observed, "volume" in bars.observed)


@dataclass(frozen=True)
class Ticket:
    """An order as the script words it; type and time in force by the names of docs/fills.md, prices in ticks."""

    symbol: str
    side: int
    type: str
    lots: int
    limit: int | None = None
    stop: int | None = None
    tif: str = "DAY"


@dataclass(frozen=True)
class Submit:
    """Send a new order under a key."""

    key: str
    ticket: Ticket


@dataclass(frozen=True)
class Cancel:
    """Withdraw the order with this key; nothing if no such order was sent yet."""

    key: str


@dataclass(frozen=True)
class Replace:
    """Put a new order, with a key of its own, in the place of the one with `key`; nothing if that was not sent yet."""

    key: str
    new_key: str
    ticket: Ticket


Action = Submit | Cancel | Replace


@dataclass(frozen=True)
class Script:
    """What the trader does at the i-th wake, and on being told of the j-th fill."""

    wakes: Mapping[int, Sequence[Action]] = field(default_factory=dict)
    fills: Mapping[int, Sequence[Action]] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """The rules of one run."""

    account: str = "futures"
    cash: int = 1_000_000 * MICROS
    fee_per_unit: Decimal | None = Decimal(0)
    fee_rate: Decimal | None = Decimal(0)
    fee_minimum: Decimal | None = Decimal(0)
    slippage_ticks: int = 0
    slippage_rate: Decimal = Decimal(0)
    multiplier: Decimal = Decimal(1)
    touch: bool = False
    participation: Decimal = Decimal(1)
    latency: int = 0
    start: int | None = None
    end: int | None = None
    wake: str = "every_bar"
    warmup: int = 1
    wakes_on_fill: bool = False

    @property
    def slip_ticks(self) -> int:
        """Whole ticks of slippage after the cost multiplier."""
        return math.floor(self.slippage_ticks * Fraction(self.multiplier))

    @property
    def slip_fraction(self) -> Fraction:
        """The rest of a tick, charged in cash."""
        return self.slippage_ticks * Fraction(self.multiplier) - self.slip_ticks

    def slip(self, price: Ticks, side: int) -> int:
        """A price moved against the trader, on the grid."""
        rate = Fraction(self.slippage_rate) * Fraction(self.multiplier)
        return round_against(price + side * rate * abs(Fraction(price)), side) + side * self.slip_ticks

    def fee(self, contract: Contract, lots: int, value: int, session: int) -> int:
        """Fee of a fill of `lots` (unsigned) worth `value`."""
        _, per_unit, rate, minimum = in_force(contract.fees, session)
        per_unit = per_unit if self.fee_per_unit is None else Fraction(self.fee_per_unit)
        rate = rate if self.fee_rate is None else Fraction(self.fee_rate)
        minimum = minimum if self.fee_minimum is None else Fraction(self.fee_minimum)
        m = Fraction(self.multiplier)
        fee = half_even(m * (per_unit * MICROS * lots * contract.lot + rate * abs(value)))
        return max(fee, half_even(m * minimum * MICROS))

    def impact(self, contract: Contract, lots: int) -> int:
        """Impact fee of a fill of `lots` (unsigned)."""
        return half_even(self.slip_fraction * contract.per_tick_lot * lots)
