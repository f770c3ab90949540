"""A run as a frozen file holds it: hashes, statistics, and tables of text that git can compare row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from argus.core.errors import DataError
from argus.core.orders import LIMITED, FillRule, OrderState, OrderType, Reason, Side, TimeInForce
from argus.core.time import day_of, format_ns
from argus.engine.fingerprint import fills_hash, order_list_hash
from argus.engine.metrics import summarise
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord

__all__ = ["FOLDER", "OUTCOME", "Snapshot", "path_of", "read", "rows_of", "snapshot", "write"]

FOLDER: Final = Path(__file__).with_name("frozen")
OUTCOME: Final = ("state", "reason", "filled", "cancel_from", "done")
"""Columns of an order that tell how it ended; the others tell how it was sent."""
_FORMAT: Final = 1
_NEVER: Final = np.iinfo(np.int64).max
_SESSIONS_PER_YEAR: Final = 252.0
"""Stated, so that no change in how they are counted moves a frozen run."""
_STATISTICS: Final = (
    "net_pnl_micros",
    "fees_micros",
    "final_equity_micros",
    "return_annual",
    "vol_annual",
    "sharpe_session",
    "sortino_annual",
    "drawdown_max",
    "drawdown_max_micros",
    "drawdown_sessions",
    "exposure",
    "turnover_annual",
    "sessions",
    "orders",
    "fills",
    "trades",
    "hit_rate",
    "profit_factor",
    "expectancy_micros",
)

_MONEY: Final = 13
_INSTANT: Final = 20
_WIDTHS: Final = {
    **dict.fromkeys(("sent", "at", "cancel_from", "done"), _INSTANT),
    "id": 3,
    "session": 10,
    "type": 13,
    "state": 9,
    "reason": 12,
    "rule": 16,
    "base": 8,
    "price": 7,
}
"""Characters of a column; others are as wide as their name."""

Snapshot = dict[str, Any]
"""What a frozen file holds, as JSON reads it."""
Column = Callable[[Any], str]


def snapshot(record: RunRecord, summary: str) -> Snapshot:
    """The frozen form of a run, without a history."""
    return {
        "format": _FORMAT,
        "summary": summary,
        "order_list_hash": order_list_hash(record),
        "fills_hash": fills_hash(record),
        "statistics": _statistics(record),
        "sessions": _sessions(record),
        "orders": _table(record.orders, _order_columns(record)),
        "fills": _table(record.fills, _fill_columns(record)),
        "trades": _table(record.trades, _trade_columns(record)),
    }


def path_of(name: str, folder: Path = FOLDER) -> Path:
    """The frozen file of a run."""
    return folder / f"{name}.json"


def read(name: str, folder: Path = FOLDER) -> Snapshot:
    """What is frozen under this name.

    Raises
    ------
    DataError
        If there is no such file, or one of another format.
    """
    path = path_of(name, folder)
    if not path.is_file():
        raise DataError(f"{name}: nothing is frozen under this name; run python -m tests.regression.freeze {name}")
    held: Snapshot = json.loads(path.read_text(encoding="utf-8"))
    if held.get("format") != _FORMAT:
        raise DataError(f"{path.name} has format {held.get('format')}; this code reads {_FORMAT}: freeze it again")
    return held


def write(name: str, held: Snapshot, folder: Path = FOLDER) -> None:
    """Keep a snapshot with its history."""
    folder.mkdir(exist_ok=True)
    path_of(name, folder).write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")


def rows_of(table: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a table of text, by the names in its first line."""
    names = table[0].split()
    return [dict(zip(names, line.split(), strict=True)) for line in table[1:]]


def _statistics(record: RunRecord) -> dict[str, str]:
    """Figures by name, each as Python writes it in full precision."""
    metrics = summarise(record, _SESSIONS_PER_YEAR)
    found = {name: repr(getattr(metrics, name)) for name in _STATISTICS}
    cash = int(record.cash_micros[-1]) if len(record.cash_micros) else record.opening_cash_micros
    counts = {
        "final_cash_micros": cash,
        "interest_micros": record.interest_micros,
        "carry_micros": int(record.trades["carry_micros"].sum()),
        "impact_micros": int(record.fills["impact_micros"].sum()),
        "decisions": len(record.decisions),
        "refusals": len(record.refusals),
        "bars": record.bars,
        "journal_entries": len(record.journal),
    }
    journal = record.journal
    for code, name in enumerate(JOURNAL_ACCOUNTS):
        if name.startswith(("FOREIGN", "FX")) and not np.isin(code, (journal["debit"], journal["credit"])):
            continue
        balance = sum(int(journal["amount_micros"][journal[side] == code].sum()) for side in ("debit", "credit"))
        balance -= 2 * int(journal["amount_micros"][journal["credit"] == code].sum())
        counts[f"balance_{name.lower()}_micros"] = balance
    return found | {name: repr(value) for name, value in counts.items()}


def _sessions(record: RunRecord) -> list[str]:
    """Equity and cash at the last close of each session."""
    session = np.maximum.accumulate(record.equity_session)
    last = np.flatnonzero(session != np.append(session[1:], np.iinfo(session.dtype).max))
    rows = [
        (day_of(int(session[at])).isoformat(), str(record.equity_micros[at]), str(record.cash_micros[at]))
        for at in last.tolist()
    ]
    return _aligned(("session", "equity_micros", "cash_micros"), rows)


def _table(table: Any, columns: dict[str, Column]) -> list[str]:
    return _aligned(
        ("id", *columns), [(str(at), *(make(row) for make in columns.values())) for at, row in enumerate(table)]
    )


def _aligned(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of cells; the first one holds the names. Widths are fixed, so that a wide cell moves no other row."""
    widths = [_WIDTHS.get(name, _MONEY if name.endswith("_micros") else len(name)) for name in names]
    return [
        " ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in (tuple(names), *rows)
    ]


def _id(name: str) -> Column:
    return lambda row: "-" if row[name] < 0 else str(row[name])


def _count(name: str) -> Column:
    return lambda row: str(row[name])


def _time(name: str) -> Column:
    return lambda row: "-" if row[name] in (0, _NEVER) else format_ns(int(row[name]))


def _word(name: str, kind: Any) -> Column:
    return lambda row: str(kind(int(row[name])).name)


def _price(name: str, kinds: frozenset[OrderType]) -> Column:
    return lambda row: str(row[name]) if OrderType(int(row["type"])) in kinds else "-"


def _line(record: RunRecord) -> dict[str, Column]:
    """Book and symbol of a row."""
    return {
        "book": lambda row: record.books[int(row["instrument"])],
        "symbol": lambda row: record.universe[int(row["instrument"])],
    }


def _order_columns(record: RunRecord) -> dict[str, Column]:
    return {
        "sent": _time("ts_submit_ns"),
        **_line(record),
        "side": _word("side", Side),
        "type": _word("type", OrderType),
        "tif": _word("tif", TimeInForce),
        "lots": _count("quantity_lots"),
        "limit": _price("limit_ticks", LIMITED),
        "stop": _price("stop_ticks", frozenset({OrderType.STOP, OrderType.STOP_LIMIT})),
        "trail": _price("trail_ticks", frozenset({OrderType.TRAILING_STOP})),
        "expires": _time("expires_ns"),
        "reduces": _count("reduce_only"),
        "group": _id("oco_group"),
        "parent": _id("parent_id"),
        "replaces": _id("replaces_id"),
        "decision": _id("decision_id"),
        "state": _word("state", OrderState),
        "reason": _word("reason", Reason),
        "filled": _count("filled_lots"),
        "cancel_from": _time("ts_cancel_ns"),
        "done": _time("ts_done_ns"),
    }


def _fill_columns(record: RunRecord) -> dict[str, Column]:
    return {
        "order": _id("order_id"),
        "at": _time("ts_event_ns"),
        **_line(record),
        "row": _count("row"),
        "rule": _word("rule", FillRule),
        "lots": _count("signed_lots"),
        "price": _count("price_ticks"),
        "base": lambda row: repr(float(row["base_ticks"])),
        "value_micros": _count("value_micros"),
        "fee_micros": _count("fee_micros"),
        "impact_micros": _count("impact_micros"),
        "position": _count("position_after_lots"),
    }


def _trade_columns(record: RunRecord) -> dict[str, Column]:
    return {
        **_line(record),
        "direction": _count("direction"),
        "open": _count("is_open"),
        "bars": _count("bars"),
        "entry": _id("entry_fill"),
        "exit": _id("exit_fill"),
        "lots_max": _count("lots_max"),
        **{name: _count(name) for name in ("gross_micros", "fee_micros", "carry_micros", "net_micros")},
        **{name: _count(name) for name in ("mae_micros", "mfe_micros")},
    }
