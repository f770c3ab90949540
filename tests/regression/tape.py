"""Bars of the reference runs: random walks on the tick grid, from counters that give the same bits everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import floor
from typing import Final

import numpy as np

from argus.core.arrays import BAR_FIELDS, Bars
from argus.core.instruments import InstrumentSpec
from argus.core.random import stream_key, uniforms
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE, day_number

__all__ = ["FIRST_DAY", "PRICES", "Dice", "Tape", "altered", "instant", "walk"]

FIRST_DAY: Final = day_number(date(2021, 3, 1))
"""A Monday; weekends have no session."""
PRICES: Final = frozenset(BAR_FIELDS[:4])
_OPENS_NS: Final = (14 * 60 + 30) * NS_PER_MINUTE


class Dice:
    """Whole numbers from one named stream, thrown one after the other."""

    def __init__(self, *names: str | int) -> None:
        self._key = stream_key(2_021, "regression", *names)
        self._thrown = 0

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        drawn = float(uniforms(self._key, self._thrown, 1)[0])
        self._thrown += 1
        return low + floor(drawn * (high - low + 1))

    def chance(self, percent: int) -> bool:
        """True this often."""
        return self.whole(1, 100) <= percent


@dataclass(frozen=True, slots=True)
class Tape:
    """How a market walks.

    Attributes
    ----------
    sessions, per_session : int
        Sessions, and bars in each.
    level, step, gap, wick : int
        First price; largest move of a close, of an open from the close before, and of an extreme beyond both: in ticks.
    volume : tuple of (int, int) or None
        Least and most lots of a bar; None: not observed.
    minutes : int
        Length of a bar.
    delay_ns : int
        From a bar's close to its being known.
    opens_ns : int
        Instant of the UTC day at which a session begins.
    closes_only, ends_marked : bool
        Whether only closes were observed; whether the last bar of a session says so.
    drift : int
        Ticks by which every close is moved.
    floor_ticks : int
        No price is lower.
    shift : float
        Ticks that all prices lie beside the grid.
    jumps : tuple of (int, int)
        Rows at whose open the price jumps by so many ticks.
    begins : int
        Number of the first session.
    """

    sessions: int
    per_session: int
    level: int
    step: int = 8
    gap: int = 2
    wick: int = 4
    volume: tuple[int, int] | None = (50, 400)
    minutes: int = 60
    delay_ns: int = 0
    opens_ns: int = _OPENS_NS
    closes_only: bool = False
    ends_marked: bool = True
    drift: int = 0
    floor_ticks: int = 1
    shift: float = 0.0
    jumps: tuple[tuple[int, int], ...] = ()
    begins: int = 0


def session_day(number: int) -> int:
    """Day of the session with this number: every weekday has one."""
    return FIRST_DAY + number // 5 * 7 + number % 5


def instant(session: int, minute: int = 0) -> int:
    """An instant so many minutes after the session with this number begins, in UTC nanoseconds."""
    return session_day(session) * NS_PER_DAY + _OPENS_NS + minute * NS_PER_MINUTE


def walk(spec: InstrumentSpec, tape: Tape, seed: int) -> Bars:
    """A random walk; the same seed is the same walk."""
    dice = Dice("tape", spec.symbol, seed)
    count = tape.sessions * tape.per_session
    jumps = dict(tape.jumps)
    ticks = np.empty((count, 4))
    close = tape.level
    lots = np.empty(count)
    for row in range(count):
        opened = max(tape.floor_ticks, close + jumps.get(row, 0) + dice.whole(-tape.gap, tape.gap))
        close = max(tape.floor_ticks, opened + tape.drift + dice.whole(-tape.step, tape.step))
        high = max(opened, close) + dice.whole(0, tape.wick)
        low = max(tape.floor_ticks, min(opened, close) - dice.whole(0, tape.wick))
        ticks[row] = opened, high, low, close
        lots[row] = 0 if tape.volume is None else dice.whole(*tape.volume)
    prices = (ticks + tape.shift) * float(spec.tick_size)
    place = np.arange(count, dtype=np.int64)
    days = np.array([session_day(tape.begins + number) for number in range(tape.sessions)], dtype=np.int64)
    session = days[place // tape.per_session]
    start = session * NS_PER_DAY + tape.opens_ns + place % tape.per_session * tape.minutes * NS_PER_MINUTE
    ends = start + tape.minutes * NS_PER_MINUTE
    nothing = np.full(count, np.nan)
    observed = frozenset({"close"}) if tape.closes_only else PRICES
    if tape.volume is not None and not tape.closes_only:
        observed |= {"volume"}
    columns = {
        name: prices[:, at].copy() if name in observed else nothing.copy() for at, name in enumerate(BAR_FIELDS[:4])
    }
    return Bars(
        instrument=spec.symbol,
        ts_event_ns=start,
        ts_close_ns=ends,
        ts_recv_ns=ends + tape.delay_ns,
        volume=lots * float(spec.lot_size) if "volume" in observed else nothing.copy(),
        open_interest=nothing.copy(),
        session=session.astype(np.int32),
        session_end=(place % tape.per_session == tape.per_session - 1) & tape.ends_marked,
        observed=observed,
        **columns,
    )


def altered(bars: Bars, rows: slice | list[int], **values: float) -> Bars:
    """The same bars with these fields set to these values in some rows."""
    columns = {name: getattr(bars, name).copy() for name in Bars.__dataclass_fields__ if name != "instrument"}
    columns["observed"] = bars.observed
    for name, value in values.items():
        columns[name][rows] = value
    return Bars(instrument=bars.instrument, **columns)
