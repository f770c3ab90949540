"""The engine's tables while a run is under way, and the one door through which orders enter: approved ones only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from argus.core.arrays import I32_1D, I64_1D
from argus.core.errors import OrderError
from argus.core.orders import ON_CLOSE, ONE_SESSION, Order, OrderState, OrderType, Reason, TimeInForce
from argus.core.random import stream_key, uniforms
from argus.core.risk import RiskApproved
from argus.engine._entry import entry_of
from argus.engine._layout import (
    INSTRUMENT_DTYPE,
    INT64_MAX,
    NANO,
    NO_SESSION,
    PHASE_CLOSE,
    PHASE_OPEN,
    S_ACTIVE,
    S_ASLEEP_ROW,
    S_AWAKE_ROW,
    S_CAPITAL,
    S_CASH,
    S_CASH_ONLY,
    S_CASH_STEPS,
    S_CLOSED,
    S_CREDIT_PPM,
    S_DEBIT_PPM,
    S_DRAWDOWN_FLOOR,
    S_DRAWDOWN_PPM,
    S_END,
    S_EQUITY,
    S_EQUITY_ROWS,
    S_FLATTEN,
    S_FOREIGN,
    S_HALT,
    S_JOURNAL,
    S_LIQUIDATING,
    S_LOSS_FLOOR,
    S_LOSS_PPM,
    S_ORDERS,
    S_PEAK,
    S_PLAIN,
    S_SESSION,
    S_START,
    S_STRETCH,
    S_TOUCH,
    S_TS,
    STATE_SLOTS,
    STRETCH_MIN,
)
from argus.engine.config import PPM, AccountKind, RunConfig
from argus.engine.mapped import empty
from argus.engine.market import (
    CLOSE_COLUMN,
    CLOSE_TS_COLUMN,
    RECV_COLUMN,
    SESSION_COLUMN,
    SESSION_END_COLUMN,
    MarketArrays,
    rate_ppm,
)
from argus.engine.record import FILL_DTYPE, JOURNAL_ACCOUNTS, JOURNAL_DTYPE, ORDER_DTYPE

__all__ = ["NEW_TABLES", "RunTables", "resized"]

_FIRST_ROWS, _FIRST_ROWS_MAX, _BARS_PER_ORDER = 256, 65_536, 64
"""Orders that there is room for before any table has to grow: so many, or one for so many bars."""
_GROWING = ("active", "orders", "fills", "journal", "cash_steps")
NEW_TABLES: Mapping[str, NDArray[Any]] = {}
_ORDER_STREAM, _CANCEL_STREAM = "order", "cancel"


def resized(table: NDArray[Any], rows: int) -> NDArray[Any]:
    """A new table of `rows` rows with those of `table`, as far as both go."""
    found = np.zeros((rows, *table.shape[1:]), dtype=table.dtype)
    both = min(found.nbytes, table.nbytes)
    # As bytes: NumPy copies records field by field.
    found.view(np.uint8).reshape(-1)[:both] = table.view(np.uint8).reshape(-1)[:both]
    return found


class RunTables:
    """State, orders, fills, journal and equity of a run: what `advance` works on.

    Parameters
    ----------
    market : MarketArrays
    config : RunConfig
    lent : mapping
        Tables of a run of the same market that is over (`in_use`), to be written over; new ones where it names none.
    """

    def __init__(self, market: MarketArrays, config: RunConfig, lent: Mapping[str, NDArray[Any]] = NEW_TABLES) -> None:
        count = len(market.par)
        self.market = market
        self.known_begin: list[int] = market.par["known_begin"].tolist()
        self.inst = np.zeros(count, dtype=INSTRUMENT_DTYPE)
        self.inst["market_row"], self.inst["recv_row"] = market.par["row_begin"], market.par["known_begin"]
        self.inst["market_phase"] = np.where(market.par["is_quoted"] == 1, PHASE_CLOSE, PHASE_OPEN)
        self.inst["session"] = NO_SESSION
        self.inst["rate_at"] = market.par["rate_begin"]
        self.state: I64_1D = np.zeros(STATE_SLOTS, dtype=np.int64)
        # Memoryviews of the same memory give plain integers at a fifth of the price of an array's scalars.
        self.slots: memoryview = self.state.data
        self.positions: memoryview = self.inst["position"].data
        self.known: memoryview = self.inst["recv_row"].data
        self._working: memoryview = self.inst["working"].data
        self._expired: memoryview = self.inst["expired"].data
        self._has_open: list[int] = market.par["has_open"].tolist()
        self._foreign: list[int] = market.par["is_foreign"].tolist()
        self.state[S_TS] = -INT64_MAX
        self.state[S_CASH] = self.state[S_EQUITY] = config.account.cash_micros
        self.state[S_CAPITAL] = -config.account.cash_micros
        self.state[S_TOUCH] = config.fills.touch
        self.state[S_CASH_ONLY] = config.account.kind == AccountKind.CASH
        self.state[S_START] = -INT64_MAX if config.start_ns is None else config.start_ns
        self.state[S_END] = INT64_MAX if config.end_ns is None else config.end_ns
        self.due: NDArray[np.int64] = np.empty((count, 3), dtype=np.int64)
        self.due[:, 0] = market.columns[0][market.par["row_begin"]]
        self.due[:, 1] = self.inst["market_phase"]
        self.due[:, 2] = market.known[RECV_COLUMN][market.par["known_begin"]]
        self._set_halts(config)
        costs, cash = config.costs, config.account
        self.state[S_DEBIT_PPM] = rate_ppm("debit_rate", cash.debit_rate, costs.multiplier)
        self.state[S_CREDIT_PPM] = rate_ppm("credit_rate", cash.credit_rate, Decimal(1))
        self.state[S_SESSION] = NO_SESSION
        self.state[S_FOREIGN] = len(market.foreign) > 0
        self.inst["volume_row"] = self.inst["mark_row"] = -1
        if market.is_plain:
            ts_recv = market.known[RECV_COLUMN]
            self.state[S_PLAIN] = 1
            self.state[S_STRETCH] = STRETCH_MIN
            warmup = int(market.par[0]["warmup"])
            self.state[S_AWAKE_ROW] = max(warmup - 1, 0, np.searchsorted(ts_recv, self.state[S_START]))
            self.state[S_ASLEEP_ROW] = np.searchsorted(ts_recv, self.state[S_END])
        first = min(max(_FIRST_ROWS, market.bars // _BARS_PER_ORDER), _FIRST_ROWS_MAX)

        def table(name: str, shape: int | tuple[int, int], kind: DTypeLike) -> NDArray[Any]:
            return lent[name] if name in lent else np.zeros(shape, dtype=kind)

        self.active: I64_1D = table("active", first, np.int64)
        self.orders: NDArray[np.void] = table("orders", first, ORDER_DTYPE)
        self.fills: NDArray[np.void] = table("fills", first, FILL_DTYPE)
        self.journal: NDArray[np.void] = table("journal", 4 * first, JOURNAL_DTYPE)
        self.order_tags: dict[int, str] = {}
        rows = market.bars + 1
        own = 0 if market.is_plain else rows
        self.eq_ts: I64_1D = empty(own, np.int64)
        self.eq_session: I32_1D = empty(own, np.int32)
        self.eq_micros: I64_1D = lent["eq_micros"] if "eq_micros" in lent else empty(rows, np.int64)
        self.cash_steps: NDArray[np.int64] = table("cash_steps", (len(self.journal), 2), np.int64)
        self._latency_ns = config.latency_ns
        self._latencies = np.array(config.latency_sample_ns, dtype=np.int64)
        self._draws_latency = len(self._latencies) > 0
        self._seed = config.seed
        self._open_books(config)
        self._arguments: tuple[Any, ...] | None = None
        self._move_to: Callable[..., Any] | None = None
        self._as_known: Callable[..., Any] | None = None

    def _set_halts(self, config: RunConfig) -> None:
        """Limits of losses, and the equity at which they hold before the first session begins."""
        halts = config.halts
        self.state[S_LOSS_FLOOR] = self.state[S_DRAWDOWN_FLOOR] = -INT64_MAX
        self.state[S_PEAK] = INT64_MAX
        self.state[S_FLATTEN] = halts.flatten
        self.state[S_LOSS_PPM] = int((halts.daily_loss or 0) * PPM)
        if halts.drawdown is not None:
            limit, cash = int(halts.drawdown * PPM), config.account.cash_micros
            self.state[S_DRAWDOWN_PPM] = limit
            self.state[S_PEAK] = cash
            self.state[S_DRAWDOWN_FLOOR] = cash + -cash * limit // PPM

    def _open_books(self, config: RunConfig) -> None:
        entry = self.journal[0]
        entry["fill_id"] = entry["instrument"] = -1
        entry["debit"], entry["credit"] = JOURNAL_ACCOUNTS.index("CASH"), JOURNAL_ACCOUNTS.index("CAPITAL")
        entry["amount_micros"] = config.account.cash_micros
        entry["ts_ns"] = min(int(self.market.columns[0][row]) for row in self.market.par["row_begin"])
        self.state[S_JOURNAL] = 1

    def in_use(self) -> dict[str, NDArray[Any]]:
        """Every table that grows, and the equity, for another run of the same market to begin with."""
        found = {name: getattr(self, name) for name in (*_GROWING, "eq_micros")}
        if not len(self.cash_steps):
            del found["cash_steps"]
        return found

    def grow(self) -> None:
        """Double the tables that may be full."""
        for name in _GROWING:
            table = getattr(self, name)
            setattr(self, name, resized(table, 2 * len(table)))
        self._arguments = None

    def cash_micros(self, first: int, rows: int) -> I64_1D:
        """Cash at the rows of the equity curve from `first` up to before `rows`."""
        cash: I64_1D = empty(rows - first, np.int64)
        if rows > first:
            steps = self.cash_steps[: self.state[S_CASH_STEPS]]
            steps = steps[np.searchsorted(steps[:, 0], first, side="right") - 1 :]
            cash[:] = 0
            cash[np.maximum(steps[:, 0] - first, 0)] = np.diff(steps[:, 1], prepend=0)
            np.cumsum(cash, out=cash)
        return cash

    def keep_no_cash(self) -> None:
        """Of the equity curve, keep the rows at which a session ends: no cash, nor what lies between."""
        self.cash_steps = np.empty((0, 2), dtype=np.int64)
        self._arguments = None

    def submit(self, approved: RiskApproved, code: int) -> None:
        """Enter an approved order for the instrument with this code; its `order_id` must be the next one."""
        if not isinstance(approved, RiskApproved):
            raise OrderError(f"{approved!r} is not approved: an order reaches the engine only through the risk policy")
        order = approved.order
        slots = self.slots
        i = slots[S_ORDERS]
        if order.order_id != i:
            raise OrderError(f"order {order.order_id} is out of sequence; the next order is {i}")
        while i >= len(self.orders) or slots[S_ACTIVE] >= len(self.active):
            self.grow()
        now = slots[S_TS]
        ready = now + (self._latency(_ORDER_STREAM, i) if self._draws_latency else self._latency_ns)
        parent = -1 if order.parent_id is None else order.parent_id
        lots, arrive = order.quantity_lots, ready
        if parent >= 0 and self.orders[parent]["filled_lots"] > 0:
            lots = int(self.orders[parent]["filled_lots"])
        elif parent >= 0:
            arrive = INT64_MAX
        reason = self._refused_on_entry(order, lots, code, parent)
        # Whether it is in a set takes a tenth of the time of all of this.
        one_session = order.type is not OrderType.MARKET and order.type in ONE_SESSION
        # One tuple in the sequence of ORDER_DTYPE: setting field by field takes ten times as long.
        self.orders[i] = (
            order.decision_id,
            code,
            order.side,
            order.type,
            TimeInForce.DAY if one_session else order.time_in_force,
            OrderState.SUBMITTED if reason is None else OrderState.REJECTED,
            reason or 0,
            0,
            0,
            lots,
            0,
            order.limit_ticks or 0,
            order.stop_ticks or 0,
            -1 if order.replaces_id is None else order.replaces_id,
            -1,
            NO_SESSION,
            order.reduce_only,
            order.trail_ticks or 0,
            np.nan,
            INT64_MAX if order.expires_ns is None or one_session else order.expires_ns,
            -1 if order.oco_group is None else order.oco_group,
            parent,
            now,
            ready,
            arrive,
            INT64_MAX,
            0 if reason is None else now,
        )
        if order.tag:
            self.order_tags[i] = order.tag
        slots[S_ORDERS] = i + 1
        if reason is not None:
            return
        if order.replaces_id is not None and self.cancel(order.replaces_id, Reason.REPLACED, ready):
            self.orders[order.replaces_id]["replaced_by"] = i
        self.active[slots[S_ACTIVE]] = i
        slots[S_ACTIVE] += 1
        self._working[code] += 1

    def _latency(self, stream: str, order_id: int) -> int:
        """From a decision to its arrival: fixed, or drawn for this order."""
        sample = self._latencies
        if not self._draws_latency:
            return self._latency_ns
        return int(sample[int(uniforms(stream_key(self._seed, "latency", stream), order_id, 1)[0] * len(sample))])

    def cancel(self, order_id: int, reason: Reason, holds_ns: int | None = None) -> bool:
        """Ask for an order's end, from `holds_ns` on if given; False if it has ended or its end was asked before."""
        row = self.orders[order_id]
        if row["state"] > OrderState.PARTIAL or row["ts_cancel_ns"] != INT64_MAX:
            return False
        latest = int(self.state[S_TS]) + self._latency(_CANCEL_STREAM, order_id) if holds_ns is None else holds_ns
        row["ts_cancel_ns"] = latest
        row["reason"] = reason
        return True

    def pending_lots(self, code: int) -> int:
        """Signed lots that working market, on-open and on-close orders on one instrument would add."""
        if not self._working[code]:
            return 0
        from argus.engine._account_kernels import at_market_lots

        return int(at_market_lots(code, self.active, int(self.state[S_ACTIVE]), self.orders))

    def _refused_on_entry(self, order: Order, lots: int, code: int, parent: int) -> Reason | None:
        slots = self.slots
        if slots[S_CLOSED]:
            return Reason.ACCOUNT_CLOSED
        if slots[S_LIQUIDATING] > 0:
            return Reason.LIQUIDATION
        if self._expired[code]:
            return Reason.CONTRACT_EXPIRED
        held = self.positions[code]
        if slots[S_HALT] and not order.reduce_only and not (held * order.side < 0 and lots <= abs(held)):
            return Reason(slots[S_HALT])
        if not self._has_open[code] and order.type not in ON_CLOSE:
            return Reason.NO_SUCH_PRICE
        if parent >= 0 and self.orders[parent]["state"] > OrderState.PARTIAL and not self.orders[parent]["filled_lots"]:
            return Reason.PARENT_DONE
        return None

    def equity_instants(self) -> tuple[I64_1D, I32_1D]:
        """(time, session) of each row of the equity curve: instants at which a bar closed, the latest session."""
        rows = int(self.state[S_EQUITY_ROWS])
        if not self.market.is_plain:
            return self.eq_ts[:rows], self.eq_session[:rows]
        columns = self.market.columns
        return columns[CLOSE_TS_COLUMN][:rows], columns[SESSION_COLUMN][:rows]

    def move_to(self, row: int) -> None:
        """Stand at the instant at which `row` of the quiet stretch passed last became known."""
        m = self.market
        rest = (m.par, self.inst, self.state, m.rates, m.known[RECV_COLUMN], m.marks)
        if self._move_to is None:
            from argus.engine._coast_kernels import move_to

            self._move_to = entry_of(move_to, (row, *rest))
        self._move_to(row, *rest)

    def as_known(self, code: int, signed_lots: int) -> tuple[int, int, int]:
        """(initial margin, cash, equity) at received closes, if `signed_lots` of the line `code` were traded."""
        m = self.market
        rest = (m.par, self.inst, self.state, m.rates, m.known[CLOSE_COLUMN], m.events)
        if self._as_known is None:
            from argus.engine._account_kernels import as_known

            self._as_known = entry_of(as_known, (code, signed_lots, *rest))
        margin, cash, equity = self._as_known(code, signed_lots, *rest)
        return margin, cash, equity

    def currency_rate(self, code: int) -> float:
        """What one unit of the currency of a line is worth in the account's; NaN before a rate is known."""
        if not self._foreign[code]:
            return 1.0
        return float(self.inst["fx_rate"][code]) / NANO or math.nan

    def last_close_ticks(self, code: int) -> int | None:
        """Last received close of the line `code`, in new lots after a split; None before there is one."""
        from argus.engine._account_kernels import in_new_lots
        from argus.engine._match_kernels import nearest_tick, ticks_of

        row, first = self.known[code] - 1, self.known_begin[code]
        close = self.market.known[CLOSE_COLUMN]
        while row >= first and np.isnan(close[row]):
            row -= 1
        if row < first:
            return None
        ticks = nearest_tick(ticks_of(close[row], self.market.par["tick"][code]))
        m = self.market
        return int(in_new_lots(ticks, row, code, m.par, self.inst, self.state, m.events))

    def arguments(self) -> tuple[Any, ...]:
        """Everything `advance` takes, in its sequence; another tuple once a table has grown."""
        if self._arguments is None:
            self._arguments = self._all_arguments()
        return self._arguments

    def _all_arguments(self) -> tuple[Any, ...]:
        m = self.market
        return (
            m.par,
            self.inst,
            self.state,
            m.rates,
            *m.columns[:RECV_COLUMN],
            m.known[RECV_COLUMN],
            *m.columns[RECV_COLUMN + 1 :],
            m.marks,
            m.special,
            self.active,
            self.orders,
            self.fills,
            self.journal,
            self.eq_ts,
            self.eq_micros,
            self.cash_steps,
            m.events,
            m.spread,
            m.impact,
            m.known[SESSION_END_COLUMN],
            self.eq_session,
            self.due,
            m.quotes,
        )
