"""Small markets written by hand, in ticks, and the run of a script over them in both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from argus.core.arrays import Bars, Quotes
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.market_events import InstrumentEvent
from tests.oracle.cases import Case, play_engine, play_oracle
from tests.oracle.compare import first_difference
from tests.oracle.engine import OracleResult
from tests.oracle.script import Plan, Script, Submit, Ticket
from tests.oracle.seen import Sight
from tests.oracle.settings import Settings
from tests.oracle.world import EPOCH

HOUR = 3_600_000_000_000
DAY_ONE = (date(2019, 6, 3) - EPOCH).days  # MES: 693.00 initial and 630.00 maintenance
T0 = DAY_ONE * 24 * HOUR
DOLLAR = 1_000_000
Price = int | Fraction | float | None


def hours(count: int) -> list[int]:
    """Starts of consecutive hourly bars."""
    return [T0 + i * HOUR for i in range(count)]


def market(
    symbol: str,
    *rows: Sequence[Price],
    sessions: Sequence[int] | None = None,
    ends: Sequence[int] | None = None,
    delay: int = 0,
    starts: Sequence[int] | None = None,
    closes_only: bool = False,
    no_volume: bool = False,
    length: int = HOUR,
) -> Bars:
    """Bars of an hour, or of another length, from rows of (open, high, low, close[, lots]) in ticks.

    1000 lots trade where none are given.
    `sessions` numbers the session of each row from 0; `ends` lists the rows that reach the end of theirs, by default
    the last of each session.
    """
    spec = instrument(symbol)
    numbers = list(sessions) if sessions is not None else [0] * len(rows)
    last = [i for i in range(len(rows)) if i + 1 == len(rows) or numbers[i + 1] != numbers[i]]
    start = np.array([T0 + i * length for i in range(len(rows))] if starts is None else starts, dtype=np.int64)
    columns = [
        np.array([_price(row[at], Fraction(spec.tick_size)) for row in rows], dtype=np.float64) for at in range(4)
    ]
    lots = [row[4] if len(row) > 4 else 1000 for row in rows]
    volume = np.array([_price(number, Fraction(spec.lot_size)) for number in lots], dtype=np.float64)
    observed = {"open", "high", "low", "close", "volume"}
    if closes_only:
        observed = {"close"}
        for column in (*columns[:3], volume):
            column[:] = np.nan
    elif no_volume:
        observed.remove("volume")
        volume[:] = np.nan
    return Bars(
        instrument=symbol,
        ts_event_ns=start,
        ts_close_ns=start + length,
        ts_recv_ns=start + length + delay,
        open=columns[0],
        high=columns[1],
        low=columns[2],
        close=columns[3],
        volume=volume,
        open_interest=np.full(len(rows), np.nan),
        session=np.array([DAY_ONE + number for number in numbers], dtype=np.int32),
        session_end=np.array([i in (last if ends is None else ends) for i in range(len(rows))], dtype=np.bool_),
        observed=frozenset(observed),
    )


def _price(ticks: Price, tick: Fraction) -> float:
    return float("nan") if ticks is None else float(Fraction(ticks) * tick)


def flat(price: Price, count: int = 1) -> list[Sequence[Price]]:
    """Bars in which every price is the same."""
    return [(price, price, price, price)] * count


def order(kind: str, lots: int, *, key: str = "a", **says: Any) -> Submit:
    """An order; positive lots buy, negative ones sell."""
    return Submit(key, ticket(kind, lots, **says))


def ticket(kind: str, lots: int, *, symbol: str = "MES", **says: Any) -> Ticket:
    """What an order says; `says` are further fields of a ticket."""
    return Ticket(symbol, 1 if lots > 0 else -1, kind, abs(lots), **says)


def plan(*symbols: str, wakes: Mapping[int, Any] | None = None, fills: Mapping[int, Any] | None = None) -> Plan:
    """A book that trades these, with lists of actions by wake, and by fill."""
    return Plan(symbols, Script(wakes or {}, fills or {}), wakes_on_fill=fills is not None)


def play(
    bars: Bars | Sequence[Bars],
    wakes: Mapping[int, Any] | None = None,
    fills: Mapping[int, Any] | None = None,
    *,
    specs: Mapping[str, InstrumentSpec] | None = None,
    events: Mapping[str, tuple[InstrumentEvent, ...]] | None = None,
    books: Mapping[str, Plan] | None = None,
    quotes: Mapping[str, Quotes] | None = None,
    finer: Bars | None = None,
    **settings: Any,
) -> OracleResult:
    """Run a script (lists of actions by wake, and by fill) in both engines, hold them to the same, give the result.

    `books` are played instead of the script where they are given; `specs` takes the place of an instrument's own.
    """
    every = [bars] if isinstance(bars, Bars) else list(bars)
    case = Case(
        seed=-1,
        specs={item.instrument: (specs or {}).get(item.instrument) or instrument(item.instrument) for item in every},
        bars={item.instrument: item for item in every},
        script=Script(wakes or {}, fills or {}),
        settings=Settings(wakes_on_fill=fills is not None, **settings),
        events=events or {},
        books=books or {},
        quotes=quotes or {},
        finer={} if finer is None else {finer.instrument: finer},
    )
    seen: dict[str, list[Sight]] = {}
    record = play_engine(case, seen)
    result = play_oracle(case)
    assert first_difference(result, record, seen) is None
    return result


def filled(result: OracleResult) -> list[tuple[int, int, int, int, str]]:
    """Fills as (order, row, signed lots, ticks, rule)."""
    return [(fill.order_id, fill.row, fill.lots, fill.price, fill.rule) for fill in result.fills]


def ends(result: OracleResult) -> list[tuple[str, str, int]]:
    """Orders as (state, reason, filled lots)."""
    return [(o.state, o.reason, o.filled) for o in result.orders]


def costs(**changes: Any) -> dict[str, Any]:
    """Settings of costs, decimals from text."""
    words = {name: Decimal(value) if isinstance(value, str) else value for name, value in changes.items()}
    return {"fee_per_unit": Decimal(0), "fee_rate": Decimal(0), "fee_minimum": Decimal(0), **words}
