"""The exact answers of the engine bench, in whole cents, worked out without any engine.

The rule's wanted positions are known from closes alone. Its P&L at a fill convention is then a sum: what the fills paid
and received, the last close for what is still held, less fees.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers.protocol import FAST, FEE, MULTIPLIER, NS_PER_MINUTE, PAIRS, SLOW, TICK, Bars, directions, held, signs, ticks

ROWS = 1_000_000
SESSIONS = 760
"""Enough for the rows."""
CENTS_PER_TICK, FEE_CENTS = round(TICK * MULTIPLIER * 100), round(FEE * 100)
PUBLISHED = {
    ("next open", 0): "-127943.75",
    ("next open", 1): "-475131.25",
    ("same close", 0): "-126756.25",
    ("same close", 1): "-473943.75",
    ("next close", 1): "-481293.75",
}
PUBLISHED_ORDERS = 13_888


@dataclass(frozen=True)
class Answer:
    """What following the rule gives.

    Attributes
    ----------
    sent, filled : int
        Orders; one that is sent after the last bar has nothing to be filled at.
    pnl : Decimal
        In currency, after costs, what is held valued at the last close.
    """

    sent: int
    filled: int
    pnl: Decimal


def answer(bars: Bars, wanted: NDArray[np.int8], fills: str, slippage_ticks: int) -> Answer:
    """The exact answer of following `wanted` under a fill convention."""
    changes = np.diff(wanted.astype(np.int64), prepend=0)
    rows = np.flatnonzero(changes)
    lots = changes[rows]
    delay = 0 if fills == "same close" else 1
    filled = rows + delay < len(bars)
    at, lots = rows[filled] + delay, lots[filled]
    prices = ticks(bars.open if fills == "next open" else bars.close)[at]
    traded = int(np.abs(lots).sum())
    last = round(float(bars.close[-1]) / TICK)
    gained = int(lots.sum()) * last - int((lots * prices).sum()) - slippage_ticks * traded
    pnl = Decimal(gained * CENTS_PER_TICK - traded * FEE_CENTS) / 100
    return Answer(len(rows), int(filled.sum()), pnl)


def expected(bars: Bars, fills: str, slippage_ticks: int, sweep: bool) -> list[Answer]:
    """The answer of a row: one, or one for each parameter pair."""
    closes = ticks(bars.close)
    if sweep:
        return [answer(bars, directions(closes, *pair), fills, slippage_ticks) for pair in PAIRS]
    if fills == "daily":
        decided = np.where(bars.session_end, signs(closes, FAST, SLOW), 0).astype(np.int8)
        return [answer(bars, held(decided), "next open", slippage_ticks)]
    return [answer(bars, bars.directions, fills, slippage_ticks)]


def right(row: list[Answer], orders: Any, pnl: Any) -> str:
    """Empty if an engine's answer is the exact one to half a cent; else what was found and what was expected.

    Engines that know nothing but fills count those.
    """
    found = list(zip(np.atleast_1d(orders).tolist(), np.atleast_1d(pnl).tolist(), strict=True))
    if len(found) != len(row):
        return f"{len(found)} results, expected {len(row)}"
    for k, ((count, gained), exact) in enumerate(zip(found, row, strict=True)):
        if count not in (exact.sent, exact.filled) or not abs(gained - float(exact.pnl)) < 0.005:
            pair = f"pair {PAIRS[k]}: " if len(row) > 1 else ""
            return f"{pair}{count:,} orders and {gained:,.2f}, exact are {exact.sent:,} and {exact.pnl:,}"
    return ""


def market() -> tuple[Bars, str]:
    """The bars and what they are: the published file where it is at hand, else a million bars made here."""
    from argus.app.data import FileStatement, complete_statement
    from argus.core.arrays import Bars as Market
    from argus.data import load_file
    from argus.data.synthetic import SyntheticSpec, generate

    folder = os.environ.get("ARGUS_TEST_DATA", "")
    file = Path(folder) / "bench" / "es_1m.parquet"
    bars: Market
    if folder and file.is_file():
        spec, _ = complete_statement(file, FileStatement("ES", stamp="end", timezone="UTC"))
        bars, _ = load_file(file, spec)
        laid_out = lay_out(bars)
        check_published(laid_out)
        return laid_out, "bench/es_1m.parquet; the published answers come out"
    bars = generate(SyntheticSpec("ES", NS_PER_MINUTE, date(2018, 1, 2), SESSIONS, 7, "engine bench", 4_000.0))
    return lay_out(bars.rows(0, ROWS)), "argus.data.synthetic, seed 7; ARGUS_TEST_DATA has none"


def lay_out(bars: Any) -> Bars:
    """Argus' bars as the runners take them."""
    columns = {name: getattr(bars, name) for name in Bars.__dataclass_fields__ if name != "directions"}
    return Bars(**columns, directions=directions(ticks(bars.close), FAST, SLOW))


def check_published(bars: Bars) -> None:
    """Stop if the arithmetic here does not give the figures that were published for the file."""
    for (fills, slippage_ticks), pnl in PUBLISHED.items():
        if answer(bars, bars.directions, fills, slippage_ticks) != Answer(
            PUBLISHED_ORDERS, PUBLISHED_ORDERS, Decimal(pnl)
        ):
            raise SystemExit(f"the exact answer for {fills}, {slippage_ticks} ticks, is not the published {pnl}")


def head(bars: Bars, rows: int) -> Bars:
    """The first rows."""
    return replace(bars, **{name: getattr(bars, name)[:rows] for name in Bars.__dataclass_fields__})


def store(bars: Bars, path: Path) -> None:
    """Write them for the runners."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: getattr(bars, name) for name in Bars.__dataclass_fields__})
