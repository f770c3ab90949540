"""The engine's tables while a run is under way, and the one door through which orders enter: approved ones only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import I32_1D, I64_1D
from argus.core.errors import OrderError
from argus.core.orders import Order, OrderState, OrderType, Reason, TimeInForce
from argus.core.risk import RiskApproved
from argus.engine._layout import (
    INSTRUMENT_DTYPE,
    INT64_MAX,
    NO_SESSION,
    PHASE_OPEN,
    S_ACTIVE,
    S_ASLEEP_ROW,
    S_AWAKE_ROW,
    S_CAPITAL,
    S_CASH,
    S_CASH_ONLY,
    S_CLOSED,
    S_DRAWDOWN_FLOOR,
    S_END,
    S_EQUITY,
    S_EQUITY_ROWS,
    S_JOURNAL,
    S_LIQUIDATING,
    S_LOSS_FLOOR,
    S_NOTIFY_ON,
    S_ORDERS,
    S_PEAK,
    S_PLAIN,
    S_START,
    S_STRETCH,
    S_TOUCH,
    S_TS,
    S_WAKE_AT_SESSION_END,
    S_WARMUP,
    STATE_SLOTS,
    STRETCH_MIN,
)
from argus.engine.config import AccountKind, RunConfig
from argus.engine.market import CLOSE_TS_COLUMN, RECV_COLUMN, SESSION_COLUMN, MarketArrays
from argus.engine.record import FILL_DTYPE, JOURNAL_ACCOUNTS, JOURNAL_DTYPE, ORDER_DTYPE

__all__ = ["RunTables"]

_FIRST_ROWS = 256


class RunTables:
    """State, orders, fills, journal and equity of a run: what `advance` works on.

    Parameters
    ----------
    market : MarketArrays
    config : RunConfig
    warmup_bars : int
    wakes_at_session_end, wakes_on_fill : bool
        From the strategy's spec.
    """

    def __init__(
        self,
        market: MarketArrays,
        config: RunConfig,
        *,
        warmup_bars: int,
        wakes_at_session_end: bool,
        wakes_on_fill: bool,
    ) -> None:
        count = len(market.par)
        self.market = market
        self.row_begin: I64_1D = np.ascontiguousarray(market.par["row_begin"])
        self.inst = np.zeros(count, dtype=INSTRUMENT_DTYPE)
        self.inst["market_row"] = self.inst["recv_row"] = self.row_begin
        self.inst["market_phase"] = PHASE_OPEN
        self.inst["session"] = NO_SESSION
        self.inst["rate_at"] = market.par["rate_begin"]
        self.state: I64_1D = np.zeros(STATE_SLOTS, dtype=np.int64)
        self.state[S_TS] = -INT64_MAX
        self.state[S_CASH] = self.state[S_EQUITY] = config.account.cash_micros
        self.state[S_CAPITAL] = -config.account.cash_micros
        self.state[S_TOUCH] = config.fills.touch
        self.state[S_CASH_ONLY] = config.account.kind == AccountKind.CASH
        self.state[S_WAKE_AT_SESSION_END] = wakes_at_session_end
        self.state[S_WARMUP] = max(1, warmup_bars)
        self.state[S_START] = -INT64_MAX if config.start_ns is None else config.start_ns
        self.state[S_END] = INT64_MAX if config.end_ns is None else config.end_ns
        self.state[S_NOTIFY_ON] = wakes_on_fill
        self.state[S_LOSS_FLOOR] = self.state[S_DRAWDOWN_FLOOR] = -INT64_MAX
        self.state[S_PEAK] = INT64_MAX
        if market.is_plain:
            ts_recv = market.columns[RECV_COLUMN]
            self.state[S_PLAIN] = 1
            self.state[S_STRETCH] = STRETCH_MIN
            self.state[S_AWAKE_ROW] = max(self.state[S_WARMUP] - 1, np.searchsorted(ts_recv, self.state[S_START]))
            self.state[S_ASLEEP_ROW] = np.searchsorted(ts_recv, self.state[S_END])
        self.active: I64_1D = np.zeros(_FIRST_ROWS, dtype=np.int64)
        self.orders: NDArray[np.void] = np.zeros(_FIRST_ROWS, dtype=ORDER_DTYPE)
        self.fills: NDArray[np.void] = np.zeros(_FIRST_ROWS, dtype=FILL_DTYPE)
        self.journal: NDArray[np.void] = np.zeros(4 * _FIRST_ROWS, dtype=JOURNAL_DTYPE)
        self.order_tags: dict[int, str] = {}
        rows = len(market.columns[0]) + 1
        self.eq_ts: I64_1D = np.empty(0 if market.is_plain else rows, dtype=np.int64)
        self.eq_micros: I64_1D = np.empty(rows, dtype=np.int64)
        self.eq_cash: I64_1D = np.empty(rows, dtype=np.int64)
        self._latency_ns = config.latency_ns
        self._open_books(config)

    def _open_books(self, config: RunConfig) -> None:
        entry = self.journal[0]
        entry["fill_id"] = entry["instrument"] = -1
        entry["debit"], entry["credit"] = JOURNAL_ACCOUNTS.index("CASH"), JOURNAL_ACCOUNTS.index("CAPITAL")
        entry["amount_micros"] = config.account.cash_micros
        entry["ts_ns"] = min(int(self.market.columns[0][row]) for row in self.row_begin)
        self.state[S_JOURNAL] = 1

    def grow(self) -> None:
        """Double the tables that may be full."""
        for name in ("active", "orders", "fills", "journal"):
            table = getattr(self, name)
            larger = np.zeros(2 * len(table), dtype=table.dtype)
            larger[: len(table)] = table
            setattr(self, name, larger)

    def submit(self, approved: RiskApproved, code: int) -> None:
        """Enter an approved order for the instrument with this code; its `order_id` must be the next one."""
        if not isinstance(approved, RiskApproved):
            raise OrderError(f"{approved!r} is not approved: an order reaches the engine only through the risk policy")
        order = approved.order
        i = int(self.state[S_ORDERS])
        if order.order_id != i:
            raise OrderError(f"order {order.order_id} is out of sequence; the next order is {i}")
        while i >= len(self.orders) or self.state[S_ACTIVE] >= len(self.active):
            self.grow()
        now = int(self.state[S_TS])
        row = self.orders[i]
        row["decision_id"], row["instrument"] = order.decision_id, code
        row["side"], row["type"], row["tif"] = order.side, order.type, self._time_in_force(order)
        row["quantity_lots"] = order.quantity_lots
        row["limit_ticks"], row["stop_ticks"] = order.limit_ticks or 0, order.stop_ticks or 0
        row["replaces_id"] = -1 if order.replaces_id is None else order.replaces_id
        row["replaced_by"] = -1
        row["session"] = NO_SESSION
        row["ts_submit_ns"], row["ts_arrive_ns"], row["ts_cancel_ns"] = now, now + self._latency_ns, INT64_MAX
        if order.tag:
            self.order_tags[i] = order.tag
        self.state[S_ORDERS] = i + 1
        reason = self._refused_on_entry(order, code)
        if reason is not None:
            row["state"], row["reason"], row["ts_done_ns"] = OrderState.REJECTED, reason, now
            return
        if order.replaces_id is not None and self.cancel(order.replaces_id, Reason.REPLACED):
            self.orders[order.replaces_id]["replaced_by"] = i
        self.active[self.state[S_ACTIVE]] = i
        self.state[S_ACTIVE] += 1
        self.inst[code]["working"] += 1

    def cancel(self, order_id: int, reason: Reason) -> bool:
        """Ask for an order's end; False if it has ended, or its end was asked for before."""
        row = self.orders[order_id]
        if row["state"] > OrderState.PARTIAL or row["ts_cancel_ns"] != INT64_MAX:
            return False
        row["ts_cancel_ns"] = int(self.state[S_TS]) + self._latency_ns
        row["reason"] = reason
        return True

    def pending_lots(self, code: int) -> int:
        """Signed lots that working market, on-open and on-close orders on one instrument would add."""
        if not self.inst["working"][code]:
            return 0
        from argus.engine._account_kernels import at_market_lots

        return int(at_market_lots(code, self.active, int(self.state[S_ACTIVE]), self.orders))

    def _time_in_force(self, order: Order) -> TimeInForce:
        """On-open and on-close orders are day orders, whatever they say."""
        if order.type in (OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE):
            return TimeInForce.DAY
        return order.time_in_force

    def _refused_on_entry(self, order: Order, code: int) -> Reason | None:
        if self.state[S_CLOSED]:
            return Reason.ACCOUNT_CLOSED
        if self.state[S_LIQUIDATING] > 0:
            return Reason.LIQUIDATION
        if not self.market.par[code]["has_open"] and order.type != OrderType.MARKET_ON_CLOSE:
            return Reason.NO_SUCH_PRICE
        return None

    def equity_instants(self) -> tuple[I64_1D, I32_1D]:
        """(time, session) of each row of the equity curve: instants at which a bar closed, and the latest session there."""
        rows = int(self.state[S_EQUITY_ROWS])
        columns = self.market.columns
        ts_close, session = columns[CLOSE_TS_COLUMN], columns[SESSION_COLUMN]
        if self.market.is_plain:
            return ts_close[:rows].copy(), session[:rows].copy()
        instants = self.eq_ts[:rows].copy()
        sessions = np.full(rows, NO_SESSION, dtype=np.int32)
        np.maximum.at(sessions, np.searchsorted(instants, ts_close), session)
        return instants, sessions

    def move_to(self, row: int) -> None:
        """Stand at the instant at which `row` of the quiet stretch passed last became known."""
        from argus.engine._coast_kernels import move_to

        m = self.market
        move_to(row, m.par, self.inst, self.state, m.rates, m.columns[RECV_COLUMN], m.marks)

    def arguments(self) -> tuple[Any, ...]:
        """Everything `advance` takes, in its sequence."""
        m = self.market
        return (
            m.par,
            self.inst,
            self.state,
            m.rates,
            *m.columns,
            m.marks,
            m.special,
            self.active,
            self.orders,
            self.fills,
            self.journal,
            self.eq_ts,
            self.eq_micros,
            self.eq_cash,
        )
