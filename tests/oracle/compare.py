"""The first thing in which the two engines differ, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from argus.core.orders import FillRule, OrderState, OrderType, Reason, TimeInForce
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord
from tests.oracle.engine import OracleResult
from tests.oracle.orders import OracleOrder
from tests.oracle.seen import Sight
from tests.oracle.trades import Trade, average

NEVER = None  # an instant that never came: both engines must leave it open
UNSET = 2**62
Seen = Mapping[str, list[Sight]] | None


def first_difference(oracle: OracleResult, record: RunRecord, seen: Seen = None) -> str | None:
    """The first thing in which the two differ, in words; None if they agree to the micro-unit.

    With what the engine's strategies saw of the account, that is compared too.
    """
    return next(differences(oracle, record, seen), None)


def differences(oracle: OracleResult, record: RunRecord, seen: Seen = None) -> Iterator[str]:
    """Everything in which the two differ: fills first, since the rest follows from them."""
    yield from _rows("fill", _oracle_fills(oracle), _record_fills(record))
    yield from _rows("order", _oracle_orders(oracle), _record_orders(record))
    curve = list(
        zip(record.equity_ts_ns.tolist(), record.cash_micros.tolist(), record.equity_micros.tolist(), strict=True)
    )
    names = ("ts_ns", "cash_micros", "equity_micros")
    yield from _rows(
        "curve point",
        [dict(zip(names, point, strict=True)) for point in oracle.curve],
        [dict(zip(names, point, strict=True)) for point in curve],
    )
    yield from _rows("trade", [_oracle_trade(trade) for trade in oracle.trades], _record_trades(record))
    yield from _rows("settlement", _oracle_settlements(oracle), _record_settlements(record))
    yield from _rows("balance", _oracle_balances(oracle), _record_balances(record, oracle.foreign_lines))
    for book, sights in (seen or {}).items():
        if oracle.seen[book] != sights:
            yield from _rows(f"sight of {book}", _sights(oracle.seen[book]), _sights(sights))


def _sights(sights: list[Sight]) -> list[dict[str, Any]]:
    names = ("now_ns", "cash_micros", "equity_micros", "lots")
    return [dict(zip(names, sight, strict=True)) for sight in sights]


def _rows(what: str, expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> Iterator[str]:
    for i, (left, right) in enumerate(zip(expected, found, strict=False)):
        unequal = {name: (left[name], right[name]) for name in left if not _same(left[name], right[name])}
        if unequal:
            words = ", ".join(f"{name}: oracle {a}, engine {b}" for name, (a, b) in unequal.items())
            yield f"{what} {i}: {words}\n    oracle {left}\n    engine {right}"
    if len(expected) != len(found):
        longer, side = (expected, "oracle") if len(expected) > len(found) else (found, "engine")
        extra = longer[min(len(expected), len(found))]
        yield f"{what}s: oracle has {len(expected)}, engine {len(found)}; first extra of the {side}: {extra}"


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float):
        if math.isnan(left):
            return math.isnan(right)
        return bool(abs(left - right) <= 1e-9 * max(1.0, abs(left)))
    return bool(left == right)


def _oracle_fills(oracle: OracleResult) -> list[dict[str, Any]]:
    return [
        {
            "order_id": fill.order_id,
            "instrument": fill.line,
            "rule": fill.rule,
            "row": fill.row,
            "ts_event_ns": fill.time,
            "signed_lots": fill.lots,
            "price_ticks": fill.price,
            "value_micros": fill.value,
            "fee_micros": fill.fee,
            "impact_micros": fill.impact,
            "position_after_lots": fill.position_after,
        }
        for fill in oracle.fills
    ]


def _record_fills(record: RunRecord) -> list[dict[str, Any]]:
    return [{**row, "rule": FillRule(row["rule"]).name} for row in _table(record.fills)]


def _oracle_orders(oracle: OracleResult) -> list[dict[str, Any]]:
    groups: dict[tuple[int, str], int] = {}
    rows = []
    for order in oracle.orders:
        word = order.ticket.oco
        group = groups.setdefault((order.line, word), order.order_id) if word else -1
        rows.append(_oracle_order(order, group))
    return rows


def _oracle_order(order: OracleOrder, group: int) -> dict[str, Any]:
    ticket = order.ticket
    return {
        "instrument": order.line,
        "side": ticket.side,
        "type": ticket.type,
        "state": order.state,
        "reason": order.reason,
        "quantity_lots": order.lots,
        "filled_lots": order.filled,
        "liquidation": int(order.liquidation),
        "replaces_id": -1 if order.replaces is None else order.replaces.order_id,
        "parent_id": -1 if order.parent is None else order.parent.order_id,
        "oco_group": group,
        "reduce_only": int(ticket.reduce_only),
        "ts_submit_ns": order.submitted,
        "ts_arrive_ns": order.arrives,
        "ts_done_ns": order.done,
        "tif": ticket.tif,
        "limit_ticks": ticket.limit or 0,
        "stop_ticks": ticket.stop or 0,
        "trail_ticks": ticket.trail or 0,
        "level": math.nan if order.level is None else float(order.level),
        "expires_ns": ticket.expires,
        "triggered": order.triggered,
        "session": order.session,
    }


def _record_orders(record: RunRecord) -> list[dict[str, Any]]:
    return [
        {
            **row,
            "type": OrderType(row["type"]).name,
            "tif": TimeInForce(row["tif"]).name,
            "triggered": row["triggered"] != 0,
            "session": row["session"] if row["session"] >= 0 else None,
            "state": OrderState(row["state"]).name,
            "reason": Reason(row["reason"]).name,
            "ts_arrive_ns": row["ts_arrive_ns"] if row["ts_arrive_ns"] < UNSET else NEVER,
            "expires_ns": row["expires_ns"] if row["expires_ns"] < UNSET else NEVER,
        }
        for row in _table(record.orders)
    ]


def _oracle_trade(trade: Trade) -> dict[str, Any]:
    return {
        "instrument": trade.line,
        "direction": trade.direction,
        "is_open": int(trade.is_open),
        "bars": trade.bars,
        "entry_fill": trade.entry_fill,
        "exit_fill": trade.exit_fill,
        "entry_ts_ns": trade.entry_time,
        "exit_ts_ns": trade.exit_time,
        "lots_max": trade.lots_max,
        "entry_ticks": average(trade.entered),
        "exit_ticks": float(trade.exit_mark) if trade.exit_mark is not None else average(trade.left),
        "gross_micros": trade.gross,
        "fee_micros": trade.fee,
        "carry_micros": trade.carry,
        "net_micros": trade.net,
        "mae_micros": trade.mae,
        "mfe_micros": trade.mfe,
    }


def _record_trades(record: RunRecord) -> list[dict[str, Any]]:
    return _table(record.trades)


def _oracle_settlements(oracle: OracleResult) -> list[dict[str, Any]]:
    return [{"ts_ns": entry.time, "instrument": entry.line, "gain": entry.gain} for entry in oracle.settlements]


def _record_settlements(record: RunRecord) -> list[dict[str, Any]]:
    """Variation margin: journal lines between CLEARING and CASH, or money of another currency."""
    cash, clearing = JOURNAL_ACCOUNTS.index("CASH"), JOURNAL_ACCOUNTS.index("CLEARING")
    foreign = JOURNAL_ACCOUNTS.index("FOREIGN")
    found = []
    for row in _table(record.journal):
        if {row["debit"], row["credit"]} in ({cash, clearing}, {foreign, clearing}):
            gain = row["amount_micros"] if row["credit"] == clearing else -row["amount_micros"]
            found.append({"ts_ns": row["ts_ns"], "instrument": row["instrument"], "gain": gain})
    return found


def _oracle_balances(oracle: OracleResult) -> list[dict[str, Any]]:
    return [
        {
            "CASH": oracle.final_cash,
            "FEES": oracle.own_fees,
            "FX_BASE": oracle.fx_base,
            "FX_COST": oracle.fx_cost,
            "own currencies": 0,
            "CAPITAL": -oracle.opening_cash,
            "POSITION": oracle.position_value,
            "CARRY": -oracle.carry,
            "INTEREST": -oracle.interest,
            "all": 0,
            "interest_micros": oracle.interest,
        }
    ]


def _record_balances(record: RunRecord, foreign: set[int]) -> list[dict[str, Any]]:
    """What the journal's lines leave in each account of the base currency; all together nothing.

    And how many of the lines in another currency do not add up to nothing by themselves.
    """
    left = dict.fromkeys(JOURNAL_ACCOUNTS, 0)
    own = dict.fromkeys(foreign, 0)
    for row in _table(record.journal):
        for side, sign in (("debit", 1), ("credit", -1)):
            name = JOURNAL_ACCOUNTS[row[side]]
            if row["instrument"] in foreign and name not in ("CASH", "FX_BASE", "FX_COST"):
                own[row["instrument"]] += sign * row["amount_micros"]
            else:
                left[name] += sign * row["amount_micros"]
    broken = sum(balance != 0 for balance in own.values())
    return [{**left, "all": sum(left.values()), "own currencies": broken, "interest_micros": record.interest_micros}]


def _table(table: Any) -> list[dict[str, Any]]:
    names = table.dtype.names
    return [dict(zip(names, row, strict=True)) for row in table.tolist()]
