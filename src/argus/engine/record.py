"""The record of a run: everything that happened, as flat tables that refer to each other by position.

trade -> fills -> order -> decision: each number of a report can be followed back along these. The lab computes on the
record, the report draws it, the trace tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import I32_1D, I64_1D

__all__ = [
    "DECISION_DTYPE",
    "FILL_DTYPE",
    "JOURNAL_ACCOUNTS",
    "JOURNAL_DTYPE",
    "ORDER_DTYPE",
    "RATE_DTYPE",
    "TRADE_DTYPE",
    "Refusal",
    "RunManifest",
    "RunRecord",
]

JOURNAL_ACCOUNTS: Final = (
    *("CASH", "POSITION", "CLEARING", "PNL", "FEES", "CAPITAL", "CARRY", "INTEREST"),
    *("FOREIGN", "FX", "FX_BASE", "FX_COST"),
)
"""Account codes of the journal, in order.

CASH, CAPITAL, INTEREST, FX_BASE and FX_COST are kept in the account's currency, all others in the instrument's.
"""

ORDER_DTYPE: Final = np.dtype(
    [
        ("decision_id", np.int64),  # -1: entered by the engine (liquidation)
        ("instrument", np.int32),  # position in the universe
        ("side", np.int32),  # core.orders.Side
        ("type", np.int32),  # core.orders.OrderType
        ("tif", np.int32),  # core.orders.TimeInForce
        ("state", np.int32),  # core.orders.OrderState
        ("reason", np.int32),  # core.orders.Reason
        ("liquidation", np.int32),
        ("triggered", np.int32),  # stops: 0 waits, 1 reached, 2 reached within this bar; limits on quotes: 1 rests
        ("quantity_lots", np.int64),
        ("filled_lots", np.int64),
        ("limit_ticks", np.int64),
        ("stop_ticks", np.int64),
        ("replaces_id", np.int64),  # -1: none
        ("replaced_by", np.int64),  # -1: none
        ("session", np.int32),  # session a day order belongs to; the int32 minimum before it is known
        ("reduce_only", np.int32),
        ("trail_ticks", np.int64),
        ("level", np.float64),  # of a trailing stop, in ticks; NaN before it has one
        ("expires_ns", np.int64),  # end of a GTD order; int64 maximum: none
        ("oco_group", np.int64),  # id of the group's first order; -1: none
        ("parent_id", np.int64),  # -1: none
        ("ts_submit_ns", np.int64),
        ("ts_ready_ns", np.int64),  # when it would arrive if it waited for no parent
        ("ts_arrive_ns", np.int64),  # int64 maximum: its parent has not filled
        ("ts_cancel_ns", np.int64),  # from when a cancel holds; int64 maximum: none was asked for
        ("ts_done_ns", np.int64),  # event at which it reached its final state
    ],
    align=True,
)
FILL_DTYPE: Final = np.dtype(
    [
        ("order_id", np.int64),  # -1: a split or a final settlement
        ("instrument", np.int32),
        ("rule", np.int32),  # core.orders.FillRule
        ("row", np.int64),  # bar of the instrument that filled it
        ("ts_event_ns", np.int64),
        ("signed_lots", np.int64),
        ("price_ticks", np.int64),
        ("base_ticks", np.float64),  # price before slippage
        ("value_micros", np.int64),  # of signed_lots at price_ticks; positive for a buy at a positive price
        ("fee_micros", np.int64),  # fees without impact
        ("impact_micros", np.int64),  # fraction of a tick of slippage, charged in cash
        ("position_after_lots", np.int64),
    ],
    align=True,
)
JOURNAL_DTYPE: Final = np.dtype(
    [
        ("ts_ns", np.int64),
        ("fill_id", np.int64),  # -1: settlement or opening balance
        ("instrument", np.int32),  # -1: none
        ("debit", np.int32),  # position in JOURNAL_ACCOUNTS
        ("credit", np.int32),
        ("fills_before", np.int32),  # fills of the run up to this entry
        ("amount_micros", np.int64),  # positive
    ],
    align=True,
)
DECISION_DTYPE: Final = np.dtype(
    [
        ("ts_ns", np.int64),
        ("kind", np.int32),  # 0: wake, 1: filled
        ("order_count", np.int32),
    ],
    align=True,
)
TRADE_DTYPE: Final = np.dtype(
    [
        ("instrument", np.int32),
        ("direction", np.int32),  # +1 opened long, -1 opened short
        ("is_open", np.int32),  # 1: marked at the last close
        ("bars", np.int32),  # closes seen while it was open
        ("entry_fill", np.int64),  # first fill
        ("exit_fill", np.int64),  # last fill; -1 if open
        ("entry_ts_ns", np.int64),
        ("exit_ts_ns", np.int64),  # time of the last mark if open
        ("lots_max", np.int64),
        ("entry_ticks", np.float64),  # average price of the fills in its direction
        ("exit_ticks", np.float64),  # average price of the fills against it, or the mark
        ("gross_micros", np.int64),
        ("fee_micros", np.int64),  # fees and impact
        ("carry_micros", np.int64),  # dividends, funding and borrow fees, received less paid
        ("net_micros", np.int64),  # gross less fees plus carry
        ("mae_micros", np.int64),  # worst open gain, <= 0
        ("mfe_micros", np.int64),  # best open gain, >= 0
    ],
    align=True,
)
RATE_DTYPE: Final = np.dtype(
    [
        ("ts_ns", np.int64),  # instant from which it is in force
        ("rate_nano", np.int64),  # billionths of the account's currency for one unit of the instrument's
        ("instrument", np.int32),  # position in the universe, of the first line with the instrument
    ],
    align=True,
)


def no_rates() -> NDArray[np.void]:
    """The rates of a run in one currency."""
    return np.zeros(0, dtype=RATE_DTYPE)


@dataclass(frozen=True, slots=True)
class RunManifest:
    """What a run was made of; the same manifest gives the same bytes.

    Attributes
    ----------
    run_id : str
        16 hex digits: hash of everything below.
    strategy : mapping
        name, version and parameter values.
    config : mapping
        `RunConfig.describe()`, with sizing and risk settings.
    data : mapping
        Symbol to content hash, bar count, first and last instant.
    code_version : str
        Version and source hash of Argus.
    versions : mapping
        Python and the libraries that take part in the arithmetic.
    """

    run_id: str
    strategy: Mapping[str, Any]
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    code_version: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An order that the risk policy stopped before it reached the engine."""

    decision_id: int
    ts_ns: int
    instrument: str
    signed_lots: int
    limit: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class RunRecord:
    """A finished run.

    Attributes
    ----------
    manifest : RunManifest
    universe : tuple of str
        Instrument of each line; the tables name lines by their position here. One line for each instrument of each
        book.
    decisions, orders, fills, journal, trades : structured arrays
        See the dtypes; a row's position is its id.
    order_tags : tuple of str
        The strategy's word for each order.
    refusals : tuple of Refusal
    equity_ts_ns : (m,) int64
        Every instant at which a bar closed, from the first decision on.
    equity_micros, cash_micros : (m,) int64
        The account at that instant.
    equity_session : (m,) int32
        Session of the bars that closed there.
    opening_cash_micros : int
    interest_micros : int
        Interest of the account, received less paid; in no trade.
    bars : int
        Bars replayed, all instruments together.
    notes : tuple of str
        What a reader must know: unverified figures used, unbounded volume, liquidations, touch fills.
    books : tuple of str
        Book of each line: the name of the strategy, where one alone trades the account.
    rates : structured array
        Rates of other currencies; empty where there is only the account's. Fills, trades and the equity are in the
        account's currency at these rates; of the journal only `CASH`, `CAPITAL`, `INTEREST`, `FX_BASE` and `FX_COST`.
    """

    manifest: RunManifest
    universe: tuple[str, ...]
    decisions: NDArray[np.void]
    orders: NDArray[np.void]
    fills: NDArray[np.void]
    journal: NDArray[np.void]
    trades: NDArray[np.void]
    order_tags: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    equity_ts_ns: I64_1D
    equity_micros: I64_1D
    cash_micros: I64_1D
    equity_session: I32_1D
    opening_cash_micros: int
    interest_micros: int
    bars: int
    notes: tuple[str, ...]
    books: tuple[str, ...]
    rates: NDArray[np.void] = field(default_factory=no_rates)

    @property
    def net_pnl_micros(self) -> int:
        """Change in equity, an open position marked at the last close."""
        return self.final_equity_micros - self.opening_cash_micros

    @property
    def final_equity_micros(self) -> int:
        """Equity at the last close."""
        return int(self.equity_micros[-1]) if len(self.equity_micros) else self.opening_cash_micros

    @property
    def fees_micros(self) -> int:
        """All fees and impact paid."""
        return int(self.fills["fee_micros"].sum() + self.fills["impact_micros"].sum())

    def session_equity(self) -> tuple[I32_1D, I64_1D]:
        """Session dates (day numbers) and the equity in micros at the last close of each.

        Where calendars differ, a session is over when a later one has begun on any instrument.
        """
        session = self.equity_session
        if bool((session[1:] < session[:-1]).any()):
            session = np.maximum.accumulate(session)
        last = np.flatnonzero(np.append(session[1:] != session[:-1], True))
        if not len(session):
            last = last[:0]
        return session[last], self.equity_micros[last]
