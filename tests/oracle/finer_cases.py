"""Finer bars laid over a random case: what became of a bar within itself, or a market made coarser out of its bars.

Some of the instruments get them, mostly with faults: gaps, a part of the span only, prices that contradict the coarse
bar or are not known, bars across the border of two coarse ones, other sessions and volumes. Nothing here knows which of
them are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import InstrumentSpec
from argus.core.market_events import FinalSettlement, InstrumentEvent
from tests.oracle.cases import Case, cost_model
from tests.oracle.finer import PRICES, matched
from tests.oracle.random_cases import Dice

NAN = float("nan")
FINEST = 2  # ns: a bar has a start and a later close
Row = dict[str, Any]


def finer_bars(dice: Dice, case: Case, length: int) -> Case:
    """Bars of a shorter interval for some of the instruments, which the orders meet."""
    bars, finer = dict(case.bars), {}
    faults = dice.pick(0.0, 0.0, 0.1, 0.4)
    for symbol in case.bars:
        if symbol in case.quotes or (finer and dice.chance(0.4)):
            continue
        if dice.chance(0.3) and symbol not in case.events:
            rows = rows_in(bars[symbol])
            bars[symbol] = bars_of(bars[symbol], _coarser(dice, rows))
        else:
            rows = _split(dice, case.specs[symbol], bars[symbol])
        rows = _faulty(dice, float(case.specs[symbol].tick_size), rows, faults)
        finer[symbol] = bars_of(bars[symbol], rows)
    events = {symbol: _moved(dice, happens, finer.get(symbol)) for symbol, happens in case.events.items()}
    laid = replace(case, bars=bars, finer=finer, events=events)
    if not case.settings.latency and not case.settings.latency_sample and dice.chance(0.5):
        # Orders that arrive within a coarse bar.
        first = next(iter(bars.values()))
        interval = int(first.ts_close_ns[0] - first.ts_event_ns[0])
        laid = laid.under(latency=dice.pick(interval // 3, interval // 2, interval // 2 + 1))
    return laid if _can_be_costed(laid) else case


def _can_be_costed(case: Case) -> bool:
    """Whether an impact model finds sessions enough in what orders meet."""
    from argus.engine.costs import impact_scale

    try:
        for symbol, bars in case.bars.items():
            met = matched(bars, case.finer.get(symbol), Fraction(case.specs[symbol].tick_size))
            impact_scale(case.specs[symbol], met, cost_model(case.settings))
    except (ConfigError, CoverageError):
        return False
    return True


def rows_in(bars: Bars) -> list[Row]:
    """Bars as rows of plain numbers."""
    names = ("ts_event_ns", "ts_close_ns", "ts_recv_ns", *PRICES, "volume", "session", "session_end")
    columns = [getattr(bars, name).tolist() for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def bars_of(like: Bars, rows: Sequence[Row]) -> Bars:
    """Rows as bars that observe what others do."""
    if not rows:
        return like.rows(0, 0)
    columns = {name: np.array([row[name] for row in rows], dtype=getattr(like, name).dtype) for name in rows[0]}
    return replace(like, open_interest=np.full(len(rows), np.nan), **columns)


def _coarser(dice: Dice, rows: Sequence[Row]) -> list[Row]:
    """Several bars of a session as one, of what is known of them."""
    most = dice.pick(2, 2, 3, 5)
    groups: list[list[Row]] = []
    for row in rows:
        if groups and len(groups[-1]) < most and groups[-1][0]["session"] == row["session"]:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [_summed(group) for group in groups]


def _summed(group: Sequence[Row]) -> Row:
    def known(name: str) -> list[float]:
        return [row[name] for row in group if row[name] == row[name]] or [NAN]

    return {
        **group[-1],
        "ts_event_ns": group[0]["ts_event_ns"],
        "open": known("open")[0],
        "high": max(known("high")),
        "low": min(known("low")),
        "close": known("close")[-1],
        "volume": sum(known("volume")),
    }


def _split(dice: Dice, spec: InstrumentSpec, bars: Bars) -> list[Row]:
    """Each bar cut into a few, with the same first open, highest high, lowest low and last close."""
    most, gaps = dice.pick(2, 3, 5, 8), dice.pick(0.0, 0.0, 0.2)
    lot, share = Decimal(spec.lot_size), dice.pick(1, 1, 3)
    rows: list[Row] = []
    for row in rows_in(bars):
        start, close = row["ts_event_ns"], row["ts_close_ns"]
        count = min(dice.whole(1, most), (close - start) // FINEST)
        cuts = [start + (close - start) * i // count for i in range(count + 1)]
        kept = [i for i in range(count) if not dice.chance(gaps)] or [dice.whole(0, count - 1)]
        volumes = _shared_out(dice, row["volume"], lot, len(kept), share)
        for i, prices, volume in zip(kept, _paths(dice, row, float(spec.tick_size), len(kept)), volumes, strict=True):
            times = {"ts_event_ns": cuts[i], "ts_close_ns": cuts[i + 1], "ts_recv_ns": cuts[i + 1]}
            rows.append({**row, **times, **prices, "volume": volume, "session_end": False})
    return rows


def _paths(dice: Dice, row: Row, tick: float, count: int) -> list[dict[str, float]]:
    """Prices of `count` bars that come to those of the row, where these are known."""
    known = [row[name] for name in PRICES if row[name] == row[name]]
    if len(known) < len(PRICES):
        return [{name: row[name] for name in PRICES}] * count
    low, high = row["low"], row["high"]

    def between() -> float:
        price = low + dice.whole(0, max(0, round((high - low) / tick))) * tick
        return dice.pick(min(high, float(round(price / tick) * tick)), *known)

    points = [row["open"], *(max(low, between()) for _ in range(count - 1)), row["close"]]
    paths = []
    at_high, at_low = dice.whole(0, count - 1), dice.whole(0, count - 1)
    for i in range(count):
        # Mostly without a gap between one and the next.
        opened = points[i] if i == 0 or dice.chance(0.7) else max(low, between())
        ends = (opened, points[i + 1])
        paths.append(
            {
                "open": opened,
                "high": high if i == at_high else max(*ends, between() if dice.chance(0.3) else low),
                "low": low if i == at_low else min(*ends, max(low, between()) if dice.chance(0.3) else high),
                "close": points[i + 1],
            }
        )
    return paths


def _shared_out(dice: Dice, volume: float, lot: Decimal, count: int, share: int) -> list[float]:
    """A bar's volume in whole lots over the finer ones, or only a part of it."""
    if volume != volume:
        return [NAN] * count
    lots = int(Decimal(repr(volume)) / lot) // share
    marks = [0, *sorted(dice.whole(0, lots) for _ in range(count - 1)), lots]
    return [float((after - before) * lot) for before, after in pairwise(marks)]


def _faulty(dice: Dice, tick: float, rows: Sequence[Row], faults: float) -> list[Row]:
    """Rows of which some are missing or wrong, or that cover a part of the span."""
    made: list[Row] = []
    for row in rows:
        if not dice.chance(faults):
            made.append(dict(row))
            continue
        fault = dice.pick("missing", "price", "unknown", "near", "volume", "session", "across")
        name = dice.pick(*PRICES)
        if fault == "price":
            row = {**row, name: max(tick, row[name] + dice.pick(1, -1) * tick) if row[name] > tick else row[name]}
        elif fault == "unknown":
            row = {**row, name: NAN}
        elif fault == "near":
            # Closer than a millionth of a tick: the same price.
            row = {**row, name: row[name] + dice.pick(1, -1) * 2e-7 * tick}
        elif fault == "volume":
            row = {**row, "volume": dice.pick(0, 0.5, 3) * row["volume"]}
        elif fault == "session":
            row = {**row, "session": row["session"] + dice.pick(0, 1), "session_end": True}
        elif fault == "across" and made:
            row = {**_summed([made.pop(), row])}
        if fault != "missing":
            made.append(row)
    if dice.chance(0.25):
        first, last = sorted(dice.whole(0, len(made)) for _ in range(2))
        made = made[first:last]
    for earlier, later in pairwise(made):
        later["session"] = max(later["session"], earlier["session"])
    return made


def _moved(dice: Dice, happens: Sequence[InstrumentEvent], fine: Bars | None) -> tuple[InstrumentEvent, ...]:
    """Events at the starts and closes of the finer bars, but for the end of a contract."""
    if fine is None or not len(fine):
        return tuple(happens)
    last = max(event.ts_ns for event in happens) if happens else 0
    moved = []
    for event in happens:
        if not isinstance(event, FinalSettlement) and dice.chance(0.6):
            column = dice.pick(fine.ts_event_ns, fine.ts_close_ns)
            event = replace(event, ts_ns=min(last, int(column[dice.whole(0, len(fine) - 1)]) - dice.pick(0, 0, 1)))
        moved.append(event)
    return tuple(sorted(moved, key=lambda event: event.ts_ns))
