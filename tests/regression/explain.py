"""Why a run is no longer what was frozen: the first order that differs, its bar, then fills, trades and figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from argus.core.arrays import Bars
from argus.core.time import format_ns
from tests.regression.reference import Scene
from tests.regression.snapshot import OUTCOME, Snapshot, rows_of

__all__ = ["difference"]

Row = dict[str, str]
_NUMBERS: Final = frozenset({"id", "group", "parent", "replaces", "decision"})
"""Columns that shift when an order before is missing."""
_SHOWN: Final = 12


def difference(name: str, frozen: Snapshot, found: Snapshot, scene: Scene) -> str | None:
    """What differs between the frozen form of a run and the one found now, in sentences; None if nothing does.

    Parameters
    ----------
    name : str
        Of the run.
    frozen, found : mapping
        Two snapshots; their histories are not compared.
    scene : Scene
        The run's market, for the bars that stand behind a difference.
    """
    lines = [
        *_orders(rows_of(frozen["orders"]), rows_of(found["orders"]), scene),
        *_fills(rows_of(frozen["fills"]), rows_of(found["fills"]), scene),
        *_rows("trade", rows_of(frozen["trades"]), rows_of(found["trades"])),
        *_rows("session", rows_of(frozen["sessions"]), rows_of(found["sessions"])),
        *_figures(frozen["statistics"], found["statistics"]),
    ]
    for what, rows in (("order_list_hash", "orders"), ("fills_hash", "fills")):
        if frozen[what] != found[what]:
            why = "" if frozen[rows] != found[rows] else f"; no row of the {rows} differs, so the hash itself changed"
            lines.append(f"{what}: frozen {frozen[what][:12]}, found {found[what][:12]}{why}")
    if frozen["summary"] != found["summary"]:
        lines.append(f"summary: frozen {frozen['summary']!r}, found {found['summary']!r}")
    if not lines and {**frozen, "history": None} != {**found, "history": None}:
        lines.append("the frozen file holds other entries, or tables laid out otherwise, than this code writes")
    if not lines:
        return None
    rebuild = f'python -m tests.regression.freeze --reason "WHY" {name}'
    return "\n".join([f"{name} is not what was frozen.", *lines, f"If the change is meant, rebuild it: {rebuild}"])


def _orders(frozen: list[Row], found: list[Row], scene: Scene) -> list[str]:
    """The first order that differs, with the bar that was known when it was decided."""
    at = _first(frozen, found)
    if at is None:
        return []
    was = frozen[at] if at < len(frozen) else None
    now = found[at] if at < len(found) else None
    if was is None or (now and at + 1 < len(found) and _same_order(was, found[at + 1]) and not _same_order(was, now)):
        assert now is not None
        lines, shown = [f"order {at} is new: {_told(now)}; it is not in the frozen run"], now
    elif now is None or (at + 1 < len(frozen) and _same_order(frozen[at + 1], now) and not _same_order(was, now)):
        lines, shown = [f"order {at} is missing: {_told(was)}, frozen, was not sent now"], was
    else:
        moved = _moved(was, now)
        is_sent = any(column not in OUTCOME for column in moved)
        what = "was sent otherwise" if is_sent else "was sent alike and ended otherwise"
        lines, shown = [f"order {at} ({_told(was)}) {what}: {_fields(was, now, moved)}"], now
    lines.append(f"  decided at {shown['sent']}; {_known_then(shown, scene)}")
    count = sum(a != b for a, b in zip(frozen, found, strict=False)) + abs(len(frozen) - len(found))
    lines.append(f"  {count} of {len(frozen)} frozen and {len(found)} found orders differ")
    return lines


def _fills(frozen: list[Row], found: list[Row], scene: Scene) -> list[str]:
    at = _first(frozen, found)
    if at is None:
        return []
    lines = [_first_told("fill", frozen, found, at)]
    shown = found[at] if at < len(found) else frozen[at]
    if shown["symbol"] in scene.market:
        lines.append(f"  its bar: {_bar(shown['symbol'], scene.market[shown['symbol']][1], int(shown['row']))}")
    return lines


def _rows(what: str, frozen: list[Row], found: list[Row]) -> list[str]:
    at = _first(frozen, found)
    return [] if at is None else [_first_told(what, frozen, found, at)]


def _first_told(what: str, frozen: list[Row], found: list[Row], at: int) -> str:
    """One sentence about the first of these rows that differs."""
    if at >= len(found):
        return f"{what} {at} is missing; frozen: {_whole(frozen[at])}"
    if at >= len(frozen):
        return f"{what} {at} is new: {_whole(found[at])}"
    was, now = frozen[at], found[at]
    moved = _moved(was, now)
    name = was.get("session", f"{at}")
    of_order = f" of order {was['order']}" if "order" in was else ""
    return f"{what} {name}{of_order}: {_fields(was, now, moved)}"


def _figures(frozen: dict[str, str], found: dict[str, str]) -> list[str]:
    """Statistics that moved."""
    lines = []
    for name in sorted({*frozen, *found}):
        was, now = frozen.get(name, "nothing"), found.get(name, "nothing")
        if was != now:
            lines.append(f"statistic {name}: frozen {was}, found {now}{_apart(was, now)}")
    return lines


def _apart(was: str, now: str) -> str:
    try:
        step = float(now) - float(was)
    except ValueError:
        return ""
    return "" if math.isnan(step) else f" ({step:+g})"


def _first(frozen: Sequence[Row], found: Sequence[Row]) -> int | None:
    """Place of the first row that is not in both."""
    for at in range(max(len(frozen), len(found))):
        if at >= len(frozen) or at >= len(found) or frozen[at] != found[at]:
            return at
    return None


def _moved(was: Row, now: Row) -> list[str]:
    """Columns in which two rows differ, also those that only one of them has."""
    return [column for column in {**was, **now} if was.get(column) != now.get(column)]


def _same_order(one: Row, other: Row) -> bool:
    """Whether two orders were sent alike, numbers aside."""
    return not {*_moved(one, other)} - _NUMBERS - {*OUTCOME}


def _fields(was: Row, now: Row, moved: Sequence[str]) -> str:
    told = [f"{column} frozen {was.get(column, 'nothing')}, found {now.get(column, 'nothing')}" for column in moved]
    shown = ", ".join(told[:_SHOWN])
    return shown if len(moved) <= _SHOWN else f"{shown}, and {len(moved) - _SHOWN} more"


def _told(row: Row) -> str:
    """An order in a few words."""
    prices = " ".join(f"{column} {row[column]}" for column in ("limit", "stop", "trail") if row[column] != "-")
    head = f"{row['side']} {row['lots']} {row['symbol']} {row['type']} {row['tif']} {prices}".strip()
    return f"{head}, of book {row['book']}"


def _whole(row: Row) -> str:
    return ", ".join(f"{column} {value}" for column, value in row.items() if column != "id")


def _known_then(row: Row, scene: Scene) -> str:
    """The last bar of an order's instrument that was known when it was decided."""
    if row["symbol"] not in scene.market:
        return f"the run has no bars of {row['symbol']} now"
    bars = scene.market[row["symbol"]][1]
    sent = np.datetime64(row["sent"].removesuffix("Z"), "ns").astype(np.int64)
    at = int(np.searchsorted(bars.ts_recv_ns + scene.config.data_latency_ns, sent, side="right")) - 1
    if at < 0:
        return f"no bar of {row['symbol']} was known then"
    return f"the last bar known then: {_bar(row['symbol'], bars, at)}"


def _bar(symbol: str, bars: Bars, row: int) -> str:
    if not 0 <= row < len(bars):
        return f"{symbol} has no row {row}"
    prices = ", ".join(f"{name} {getattr(bars, name)[row]:.12g}" for name in ("open", "high", "low", "close", "volume"))
    begins, ends = format_ns(int(bars.ts_event_ns[row])), format_ns(int(bars.ts_close_ns[row]))
    return f"{symbol} row {row}, {begins} to {ends}, {prices}"
