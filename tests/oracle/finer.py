"""Finer bars, from docs/fills.md: which bars of a market make way for the finer bars within them.

`matched` gives the bars that orders meet; when they become known plays no part in it. Written bar by bar, with prices
in ticks, and nothing of the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from argus.core.arrays import Bars
from tests.oracle.world import NEAR, Ticks, all_in_ticks

PRICES = ("open", "high", "low", "close")
Place = tuple[Bars, int]  # whose row


def matched(bars: Bars, fine: Bars | None, tick: Fraction) -> Bars:
    """The market's bars, those replaced that the finer bars within them can stand for."""
    if fine is None:
        return bars
    seen = [name in bars.observed for name in PRICES]
    places: list[tuple[Place, int, bool]] = []  # a row, its session, whether it ends that
    for i, inside in enumerate(_within(bars, fine)):
        session, ends = int(bars.session[i]), bool(bars.session_end[i])
        if inside and _agree(_ends(fine, inside, tick), _ends(bars, [i], tick), seen):
            places += [((fine, j), session, ends and j == inside[-1]) for j in inside]
        else:
            places.append(((bars, i), session, ends))
    columns = {
        name: np.array([getattr(whose, name)[at] for (whose, at), _, _ in places], dtype=getattr(bars, name).dtype)
        for name in ("ts_event_ns", "ts_close_ns", *PRICES, "volume", "open_interest")
    }
    return replace(
        bars,
        ts_recv_ns=columns["ts_close_ns"].copy(),
        session=np.array([session for _, session, _ in places], dtype=np.int32),
        session_end=np.array([ends for _, _, ends in places], dtype=np.bool_),
        **columns,
    )


def _within(bars: Bars, fine: Bars) -> Iterator[list[int]]:
    """For each bar the finer bars that begin at or after its start and close at or before its close."""
    spans = list(zip(fine.ts_event_ns.tolist(), fine.ts_close_ns.tolist(), strict=True))
    first = 0
    for start, close in zip(bars.ts_event_ns.tolist(), bars.ts_close_ns.tolist(), strict=True):
        while first < len(spans) and spans[first][0] < start:
            first += 1
        end = first
        while end < len(spans) and spans[end][0] <= close:
            end += 1
        yield [j for j in range(first, end) if spans[j][1] <= close]


def _agree(left: Sequence[Ticks | None], right: Sequence[Ticks | None], seen: Sequence[bool]) -> bool:
    """Whether the prices of all observed columns are the same; one that is not known agrees with none."""
    pairs = [(a, b) for a, b, observed in zip(left, right, seen, strict=True) if observed]
    return all(a is not None and b is not None and abs(a - b) <= NEAR for a, b in pairs)


def _ends(bars: Bars, rows: Sequence[int], tick: Fraction) -> tuple[Ticks | None, ...]:
    """First open, highest high, lowest low and last close of these bars."""
    opens, highs, lows, closes = (all_in_ticks([float(getattr(bars, name)[i]) for i in rows], tick) for name in PRICES)
    known_highs, known_lows = ([price for price in prices if price is not None] for prices in (highs, lows))
    return opens[0], max(known_highs, default=None), min(known_lows, default=None), closes[-1]
