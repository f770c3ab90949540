"""Made-up contracts of real roots, on real sessions: each trades at the volume, price and open interest it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import instrument
from argus.core.time import day_of
from argus.data import contract_life, parse_contract, session_table

PerSession = Callable[[date], float]


def contract(
    symbol: str,
    first: date,
    last: date | None = None,
    *,
    close: PerSession | float = 100.0,
    volume: PerSession | float = 10.0,
    open_interest: PerSession | float | None = None,
    bars_a_session: int = 1,
) -> Bars:
    """Bars of one contract from `first` to `last` (by default its last whole session), a few to each session.

    Within a session the close rises by 0.25 a bar from the value given; the session's volume is divided evenly. A
    volume of NaN leaves the session out.
    """
    spec = instrument(parse_contract(symbol).root)
    table = session_table(spec.calendar, first, last or contract_life(symbol, spec).last_trade_date)
    rows = [row for row in range(len(table)) if np.isfinite(_at(volume, day_of(int(table.session[row]))))]
    edges = np.array([np.linspace(table.open_ns[r], table.close_ns[r], bars_a_session + 1) for r in rows], np.int64)
    days = [day_of(int(table.session[r])) for r in rows]
    steps = np.tile(np.arange(bars_a_session) * 0.25, len(rows))
    closes = np.repeat([_at(close, day) for day in days], bars_a_session) + steps
    begins, ends = edges[:, :-1].ravel(), edges[:, 1:].ravel()
    session = np.repeat(table.session[rows], bars_a_session).astype(np.int32)
    last_bars = np.tile(np.arange(bars_a_session) == bars_a_session - 1, len(rows))
    observed = {"open", "high", "low", "close", "volume"}
    interest = np.full(len(closes), np.nan)
    if open_interest is not None:
        observed.add("open_interest")
        interest = np.repeat([_at(open_interest, day) for day in days], bars_a_session)
    return Bars(
        instrument=symbol,
        ts_event_ns=begins,
        ts_close_ns=ends,
        ts_recv_ns=ends.copy(),
        open=closes - 0.25,
        high=closes + 0.5,
        low=closes - 0.5,
        close=closes,
        volume=np.repeat([_at(volume, day) for day in days], bars_a_session) / bars_a_session,
        open_interest=interest,
        session=session,
        session_end=last_bars,
        observed=frozenset(observed),
    )


def before(turn: date, early: float, late: float) -> PerSession:
    """`early` in sessions before `turn`, `late` from it on."""
    return lambda day: early if day < turn else late


def cut(bars: Bars, known_by_ns: int) -> Bars:
    """The rows that were received by an instant."""
    return bars.rows(0, int(np.searchsorted(bars.ts_recv_ns, known_by_ns, side="right")))


def with_noise_after(bars: Bars, known_by_ns: int, seed: int) -> Bars:
    """The same rows with everything that was received after an instant replaced by noise."""
    later = bars.ts_recv_ns > known_by_ns
    noise = np.random.default_rng(seed)
    close = np.where(later, noise.uniform(1.0, 500.0, len(bars)), bars.close)
    columns = {
        "close": close,
        "open": np.where(later, close - 0.25, bars.open),
        "high": np.where(later, close + 1.0, bars.high),
        "low": np.where(later, close - 0.5, bars.low),
        "volume": np.where(later, noise.integers(0, 1_000, len(bars)).astype(float), bars.volume),
    }
    if "open_interest" in bars.observed:
        columns["open_interest"] = np.where(later, noise.uniform(0, 1_000, len(bars)), bars.open_interest)
    return replace(bars, **columns)  # type: ignore[arg-type]


def _at(value: PerSession | float, day: date) -> float:
    return float(value(day)) if callable(value) else float(value)
