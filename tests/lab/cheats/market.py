"""A market in which nothing can be earned: random walks from a seed, driftless to the tick, in bars of half an hour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.random import generator
from argus.core.time import NS_PER_DAY, NS_PER_HOUR

SYMBOLS = ("ES", "NQ", "YM", "RTY")
SESSIONS = 150
PER_SESSION = 10
_START_TICKS = 40_000
_STEPS = 8
_FIRST_DAY = 19_000


def walk(symbol: str, seed: int, sessions: int = SESSIONS) -> Bars:
    """Bars of whole ticks: eight symmetric steps make a bar, two more the gap to the next."""
    n = sessions * PER_SESSION
    random = generator(seed, "cheats", symbol)
    steps = random.integers(-14, 15, size=(n, _STEPS + 2))
    ends = _START_TICKS + np.cumsum(steps.sum(axis=1))
    before = np.concatenate(([_START_TICKS], ends[:-1]))
    path = before[:, None] + np.cumsum(steps, axis=1)[:, 1:]
    path = np.maximum(path, 100)
    tick = float(instrument(symbol).tick_size)
    row = np.arange(n, dtype=np.int64)
    days = _FIRST_DAY + np.arange(2 * sessions + 10)
    day = days[(days + 3) % 7 < 5][row // PER_SESSION]
    start = day * NS_PER_DAY + 14 * NS_PER_HOUR + (row % PER_SESSION) * (NS_PER_HOUR // 2)
    finish = start + NS_PER_HOUR // 2
    return Bars(
        instrument=symbol,
        ts_event_ns=start,
        ts_close_ns=finish,
        ts_recv_ns=finish.copy(),
        open=path[:, 0] * tick,
        high=path.max(axis=1) * tick,
        low=path.min(axis=1) * tick,
        close=path[:, -1] * tick,
        volume=np.full(n, 1e6),
        open_interest=np.full(n, np.nan),
        session=day.astype(np.int32),
        session_end=np.ascontiguousarray(row % PER_SESSION == PER_SESSION - 1),
        observed=frozenset({"open", "high", "low", "close", "volume"}),
    )


def random_market(
    seed: int = 1, symbols: Sequence[str] = SYMBOLS, sessions: int = SESSIONS
) -> dict[str, tuple[InstrumentSpec, Bars]]:
    """Independent random walks of several instruments."""
    return {symbol: (instrument(symbol), walk(symbol, seed, sessions)) for symbol in symbols}
