"""Markets for tests: random bars in sessions, and the same bars with another future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from argus.core.arrays import F64_1D, Bars
from argus.core.random import generator
from argus.core.time import NS_PER_DAY, NS_PER_HOUR

FIRST_DAY = 19_000
OPEN_NS = 14 * NS_PER_HOUR


def bars_of(close: F64_1D, *, per_session: int = 1, instrument: str = "ES", first_day: int = FIRST_DAY) -> Bars:
    """Bars with the given closes; each opens where the one before closed, and one session is one day."""
    n = len(close)
    row = np.arange(n, dtype=np.int64)
    day = first_day + row // per_session
    start = day * NS_PER_DAY + OPEN_NS + (row % per_session) * (NS_PER_HOUR // 2)
    finish = start + NS_PER_HOUR // 2
    opened = np.concatenate((close[:1], close[:-1])) if n else close.copy()
    return Bars(
        instrument=instrument,
        ts_event_ns=start,
        ts_close_ns=finish,
        ts_recv_ns=finish.copy(),
        open=opened,
        high=np.fmax(opened, close),
        low=np.fmin(opened, close),
        close=np.ascontiguousarray(close, dtype=np.float64),
        volume=np.full(n, 1e6),
        open_interest=np.full(n, np.nan),
        session=day.astype(np.int32),
        session_end=np.ascontiguousarray(row % per_session == per_session - 1),
        observed=frozenset({"open", "high", "low", "close", "volume"}),
    )


def random_closes(seed: int, n: int, *, missing: float = 0.0, tick: float = 0.25) -> F64_1D:
    """A random walk on the tick grid, now and then without a value."""
    random = generator(seed, "closes")
    walk = 4_000.0 * np.exp(np.cumsum(random.standard_normal(n) * 0.01))
    close = np.round(walk / tick) * tick
    close[random.random(n) < missing] = np.nan
    return close


def random_bars(seed: int, n: int = 400, *, per_session: int = 1, instrument: str = "ES", missing: float = 0.0) -> Bars:
    """Bars over `random_closes`."""
    return bars_of(random_closes(seed, n, missing=missing), per_session=per_session, instrument=instrument)


def other_future(bars: Bars, row: int, seed: int) -> Bars:
    """The same bars up to `row`; after it prices and volumes of another world, extremes and holes included."""
    random = generator(seed, "future", row)
    n = len(bars)
    after = np.arange(n) > row
    noise = np.exp(random.standard_normal(n) * 3.0) * 100.0
    noise[random.random(n) < 0.05] = np.nan
    columns = {
        name: np.where(after, noise * (1.0 + k), getattr(bars, name))
        for k, name in enumerate(("open", "high", "low", "close", "volume"))
    }
    return replace(bars, **columns)
