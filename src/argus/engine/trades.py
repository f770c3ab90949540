"""Round trips of a run, and the proof that they add up to the change in equity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.errors import LedgerError
from argus.engine._layout import E_A, E_B, E_KIND, E_LINE, E_SPLIT, E_TS
from argus.engine.currency import Rates, in_base
from argus.engine.market import MarketArrays
from argus.engine.record import JOURNAL_ACCOUNTS, TRADE_DTYPE

if TYPE_CHECKING:
    from argus.core.arrays import I64_1D

__all__ = ["trades_of"]

_CARRY: Final = JOURNAL_ACCOUNTS.index("CARRY")
_CLEARING: Final = JOURNAL_ACCOUNTS.index("CLEARING")
_FOREIGN: Final = JOURNAL_ACCOUNTS.index("FOREIGN")
_COST: Final = JOURNAL_ACCOUNTS.index("FX_COST")


def trades_of(
    arrays: MarketArrays,
    events: NDArray[np.int64],
    fills: NDArray[np.void],
    journal: NDArray[np.void],
    net_pnl_micros: int,
) -> NDArray[np.void]:
    """Trades in the sequence of their entry, by line within one instant, in the account's currency.

    `events` are those that were booked; `net_pnl_micros` is the change in equity without the account's interest.

    Raises
    ------
    LedgerError
        If they do not add up to `net_pnl_micros` exactly.
    """
    from argus.engine._trade_kernels import SUM_SLOTS, TOTAL_SLOTS, round_trips

    trades = np.zeros(len(fills) + len(arrays.par), dtype=TRADE_DTYPE)
    _, ts_close, _, _, high, low, close, _, session, session_end = arrays.columns
    totals, sums = np.zeros(TOTAL_SLOTS, dtype=np.int64), np.zeros(SUM_SLOTS)
    first_lines = arrays.par["first_line"].tolist()
    rates = {k: arrays.foreign[first] for k, first in enumerate(first_lines) if first in arrays.foreign}
    costs = _fill_costs(fills, journal) if rates else np.zeros(0, dtype=np.int64)
    count = 0
    is_split = events[:, E_KIND] == E_SPLIT
    for k in range(len(arrays.par)):
        own = events[is_split & (events[:, E_LINE] == first_lines[k])]
        splits = np.ascontiguousarray(own[:, (E_TS, E_A, E_B)])
        if k in rates:
            from argus.engine._foreign_trade_kernels import foreign_round_trips

            count = foreign_round_trips(
                k, count, arrays.par, fills, costs, _settlements(journal, k), rates[k].ts_ns, rates[k].nano,
                ts_close, high, low, close, session, session_end, splits, trades, totals, sums,
                np.zeros(2, dtype=np.int64),
            )  # fmt: skip
        else:
            count = round_trips(k, count, arrays.par, fills, ts_close, high, low, close, splits, trades, totals, sums)
        arrays.forget([arrays.par[k]["row_begin"]], [arrays.par[k]["row_end"]])
    trades = trades[:count]
    _add_carry(trades, fills, journal, rates)
    if rates:
        _add_conversion_costs(trades, fills, journal)
    total = int(trades["net_micros"].sum())
    if total != net_pnl_micros:
        raise LedgerError(f"trades add up to {total} micros, the equity changed by {net_pnl_micros}: the run is void")
    order = np.lexsort((trades["instrument"], trades["entry_fill"], trades["entry_ts_ns"]))
    return trades[order]


def _add_carry(
    trades: NDArray[np.void], fills: NDArray[np.void], journal: NDArray[np.void], rates: dict[int, Rates]
) -> None:
    """Give dividends, funding and borrow fees to the trade that was open when they were posted."""
    for entry, trade in _owned(trades, fills, journal[(journal["debit"] == _CARRY) | (journal["credit"] == _CARRY)]):
        amount = int(entry["amount_micros"]) * (-1 if entry["debit"] == _CARRY else 1)
        of_line = rates.get(int(entry["instrument"]))
        if of_line is not None:
            amount = in_base(amount, of_line.at(int(entry["ts_ns"])))
        trades["carry_micros"][trade] += amount
        trades["net_micros"][trade] += amount


def _add_conversion_costs(trades: NDArray[np.void], fills: NDArray[np.void], journal: NDArray[np.void]) -> None:
    """Give what conversions cost that came with no fill to the trade that was open, or ended, when they were made."""
    for entry, trade in _owned(trades, fills, journal[(journal["debit"] == _COST) & (journal["fill_id"] < 0)]):
        trades["fee_micros"][trade] += entry["amount_micros"]
        trades["net_micros"][trade] -= entry["amount_micros"]


def _owned(
    trades: NDArray[np.void], fills: NDArray[np.void], entries: NDArray[np.void]
) -> Iterator[tuple[np.void, int]]:
    """Each entry with the trade of the last fill of its line before it."""
    for entry in entries:
        of_line = np.flatnonzero(trades["instrument"] == entry["instrument"])
        before = fills[: entry["fills_before"]]
        last_fill = np.flatnonzero(before["instrument"] == entry["instrument"])[-1]
        yield entry, int(of_line[np.searchsorted(trades["entry_fill"][of_line], last_fill, side="right") - 1])


def _fill_costs(fills: NDArray[np.void], journal: NDArray[np.void]) -> I64_1D:
    """What the conversions of each fill cost."""
    costs = np.zeros(len(fills), dtype=np.int64)
    mine = journal[(journal["debit"] == _COST) & (journal["fill_id"] >= 0)]
    np.add.at(costs, mine["fill_id"], mine["amount_micros"])
    return costs


def _settlements(journal: NDArray[np.void], line: int) -> NDArray[np.int64]:
    """(fills before, instant, gain in the instrument's currency) of each settlement of a line."""
    is_gain = (journal["debit"] == _FOREIGN) & (journal["credit"] == _CLEARING)
    is_loss = (journal["debit"] == _CLEARING) & (journal["credit"] == _FOREIGN)
    mine = (journal["instrument"] == line) & (is_gain | is_loss)
    entries = journal[mine]
    gain = np.where(is_gain[mine], entries["amount_micros"], -entries["amount_micros"])
    found: NDArray[np.int64] = np.ascontiguousarray(
        np.stack((entries["fills_before"].astype(np.int64), entries["ts_ns"], gain), axis=1)
    )
    return found
