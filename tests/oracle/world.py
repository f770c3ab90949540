"""What the oracle is given of the market: contracts, fees and bars, as plain numbers.

Nothing here is shared with the engine under test: prices become exact fractions of a tick and money whole micro-units.
`Contract.of` and `rows_of` read the attributes of Argus' own records and nothing else of them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

MICROS = 1_000_000
NEAR = Fraction(1, 1_000_000)
HALF = Fraction(1, 2)
QUICK, FAR = 5e-7, 10**8
EPOCH = date(1970, 1, 1)
Ticks = int | Fraction


def half_even(x: Fraction | int) -> int:
    """Nearest whole number, an exact half to the even one."""
    return x if isinstance(x, int) else round(x)


@lru_cache(maxsize=10_000)
def exact(figure: Decimal) -> Fraction:
    """A decimal as a fraction."""
    return Fraction(figure)


def snap(x: Ticks) -> Ticks:
    """A number within 1e-6 of a whole one is that whole one."""
    if isinstance(x, int):
        return x
    nearest = round(x)
    return nearest if abs(x - nearest) <= NEAR else x


def round_against(x: Ticks, side: int) -> int:
    """Whole ticks against the trader: up for a buy, down for a sell."""
    snapped = snap(x)
    return math.ceil(snapped) if side > 0 else math.floor(snapped)


def round_mark(x: Ticks) -> int:
    """Nearest whole tick; within 1e-6 of a half tick it is that half, which goes to the even one."""
    if isinstance(x, int):
        return x
    floor = math.floor(x)
    if abs(x - floor - HALF) <= NEAR:
        return floor + floor % 2
    return half_even(x)


def in_ticks(price: float, tick: Fraction) -> Ticks | None:
    """A price in ticks: whole if it lies on the grid, a fraction if not, None if there is none."""
    return all_in_ticks([price], tick)[0]


def all_in_ticks(prices: Sequence[float], tick: Fraction) -> list[Ticks | None]:
    """`in_ticks` of many."""
    wide, found = float(tick), []
    for price in prices:
        ticks: Ticks | None = None
        if not math.isnan(price):
            quick = price / wide
            ticks = round(quick)
            if abs(quick - ticks) > QUICK or abs(ticks) > FAR:
                # Too close to call in double precision, or off the grid: the exact number.
                ticks = snap(Fraction(price) / tick)
        found.append(ticks)
    return found


@dataclass(frozen=True)
class Component:
    """One kind of fee: what it costs a unit and as a share of the notional, with its least and largest amount."""

    per_unit: Fraction
    rate: Fraction
    minimum: Fraction | None
    maximum: Fraction | None
    sells_only: bool

    @classmethod
    def of(cls, row: Any) -> Component:
        """The numbers of one dated fee."""
        return cls(
            per_unit=Fraction(row.per_unit),
            rate=Fraction(row.rate),
            minimum=None if row.minimum is None else Fraction(row.minimum),
            maximum=None if row.maximum is None else Fraction(row.maximum),
            sells_only=row.sells_only,
        )

    def fee(self, multiplier: Decimal, units: Fraction, lots: int, value: int) -> int:
        """Micro-units for a fill of signed lots that are `units` units worth `value`."""
        if self.sells_only and lots > 0:
            return 0
        m, fee = exact(multiplier), 0
        if self.per_unit or self.rate:
            fee = half_even(m * (self.per_unit * MICROS * units + self.rate * abs(value)))
        if self.minimum is not None:
            fee = max(fee, half_even(m * self.minimum * MICROS))
        if self.maximum is not None:
            fee = min(fee, half_even(m * self.maximum * MICROS))
        return fee


@dataclass(frozen=True)
class Contract:
    """The facts of an instrument that a fill needs."""

    symbol: str
    tick: Fraction
    lot: Fraction
    per_tick_lot: Fraction  # micro-units
    future: bool
    currency: str
    margins: tuple[tuple[date, int, int], ...]  # from, initial, maintenance: micro-units of one lot
    spec: Any

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
            currency=spec.currency,
            margins=tuple(
                (m.effective_date, int(m.initial * MICROS), int(m.maintenance * MICROS)) for m in spec.margins
            ),
            spec=spec,
        )

    def value(self, lots: int, ticks: int) -> int:
        """Micro-units that `lots` are worth at `ticks`."""
        if self.per_tick_lot.denominator == 1:
            return lots * ticks * self.per_tick_lot.numerator
        return half_even(lots * ticks * self.per_tick_lot)

    def margin(self, session: int) -> tuple[int, int]:
        """Initial and maintenance margin of one lot on a session."""
        row = in_force(self.margins, session)
        return row[1], row[2]

    def components(self, session: int) -> tuple[Component, ...]:
        """The instrument's own fees on a session."""
        latest: dict[str, Any] = {}
        for row in sorted(self.spec.fee_components, key=lambda row: row.effective_date):
            if row.effective_date <= EPOCH + timedelta(days=session):
                latest[str(row.name)] = row
        return tuple(Component.of(row) for row in latest.values())


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
    bid: Ticks | None = None  # of a quote, None where a side is empty
    ask: Ticks | None = None
    bid_size: float = 0.0
    ask_size: float = 0.0


@dataclass(frozen=True)
class Rows:
    """All bars of one instrument."""

    rows: tuple[Row, ...]
    opens_observed: bool
    volume_observed: bool
    quoted: bool = False  # rows are quotes


def rows_of(bars: Any, tick: Fraction, data_latency: int = 0) -> Rows:
    """Bars of Argus' layout as plain rows, each known so much later."""

    def prices(name: str) -> list[Ticks | None]:
        if name not in bars.observed:
            return [None] * len(bars)
        return all_in_ticks(getattr(bars, name).tolist(), tick)

    session = bars.session.tolist()
    columns = zip(
        bars.ts_event_ns.tolist(),
        bars.ts_close_ns.tolist(),
        [time + data_latency for time in bars.ts_recv_ns.tolist()],
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
