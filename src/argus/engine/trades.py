"""Round trips of a run, and the proof that they add up to the change in equity."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.errors import LedgerError
from argus.engine.market import MarketArrays
from argus.engine.record import JOURNAL_ACCOUNTS, TRADE_DTYPE

__all__ = ["trades_of"]

_CARRY: Final = JOURNAL_ACCOUNTS.index("CARRY")


def trades_of(
    arrays: MarketArrays, fills: NDArray[np.void], journal: NDArray[np.void], net_pnl_micros: int
) -> NDArray[np.void]:
    """Trades in the sequence of their entry, by line within one instant.

    `net_pnl_micros` is the change in equity without the account's interest.

    Raises
    ------
    LedgerError
        If they do not add up to `net_pnl_micros` exactly.
    """
    from argus.engine._trade_kernels import SUM_SLOTS, TOTAL_SLOTS, round_trips

    trades = np.zeros(len(fills) + len(arrays.par), dtype=TRADE_DTYPE)
    _, ts_close, _, _, high, low, close, *_ = arrays.columns
    totals, sums = np.zeros(TOTAL_SLOTS, dtype=np.int64), np.zeros(SUM_SLOTS)
    count = 0
    for k in range(len(arrays.par)):
        count = round_trips(k, count, arrays.par, fills, ts_close, high, low, close, trades, totals, sums)
        arrays.forget([arrays.par[k]["row_begin"]], [arrays.par[k]["row_end"]])
    trades = trades[:count]
    _add_carry(trades, fills, journal)
    total = int(trades["net_micros"].sum())
    if total != net_pnl_micros:
        raise LedgerError(f"trades add up to {total} micros, the equity changed by {net_pnl_micros}: the run is void")
    order = np.lexsort((trades["instrument"], trades["entry_fill"], trades["entry_ts_ns"]))
    return trades[order]


def _add_carry(trades: NDArray[np.void], fills: NDArray[np.void], journal: NDArray[np.void]) -> None:
    """Give dividends, funding and borrow fees to the trade that was open when they were posted."""
    for entry in journal[(journal["debit"] == _CARRY) | (journal["credit"] == _CARRY)]:
        of_line = np.flatnonzero(trades["instrument"] == entry["instrument"])
        before = fills[: entry["fills_before"]]
        last_fill = np.flatnonzero(before["instrument"] == entry["instrument"])[-1]
        trade = of_line[np.searchsorted(trades["entry_fill"][of_line], last_fill, side="right") - 1]
        amount = int(entry["amount_micros"]) * (-1 if entry["debit"] == _CARRY else 1)
        trades["carry_micros"][trade] += amount
        trades["net_micros"][trade] += amount
