"""The limit of the engine bench: a bare Numba loop with fees, slippage, margin check, drawdown and equity per bar.

Nothing that makes an engine is in it: no order table, no ledger, no order types, no sessions. It answers how fast this
workload could possibly go here, so that the other rows can say how near they come. Amounts are floats that are exact
for these prices, its P&L is checked like everybody's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from peers.protocol import CAPITAL, FAST, FEE, MULTIPLIER, PAIRS, SLOW, TICK, Bars, Variant, serve

INITIAL, MAINTENANCE = 13_200.0, 12_000.0
"""Margin of a contract; far from what the account holds, so that it is checked and never binds."""

Floats = NDArray[np.float64]


@njit(inline="always")
def walk(opens: Floats, closes: Floats, fast: int, slow: int, equity: Floats) -> tuple[int, float, float]:
    """Orders, P&L and drawdown of one pair; `equity` is written."""
    cash, peak, depth, worth = CAPITAL, CAPITAL, 0.0, CAPITAL
    wide, narrow = float(slow), float(fast)
    slow_sum, fast_sum = 0.0, 0.0
    for row in range(slow):
        equity[row] = CAPITAL
        slow_sum += closes[row]
        if row >= slow - fast:
            fast_sum += closes[row]
    lead = fast_sum * wide - slow_sum * narrow
    held, wanted = 0.0, 1.0 if lead > 0.0 else -1.0 if lead < 0.0 else 0.0
    sent = 1 if wanted != 0.0 else 0
    worth_of_point, needed = 0.0, 0.0
    # Views that all begin at the first row: an index that could be negative costs a test at every access.
    later_opens, later_closes, later_equity = opens[slow:], closes[slow:], equity[slow:]
    leaving_fast = closes[slow - fast :]
    for row in range(len(later_closes)):
        if wanted != held:
            change = wanted - held
            price = later_opens[row] + (TICK if change > 0.0 else -TICK)
            after = cash - change * price * MULTIPLIER - FEE * abs(change)
            if after + wanted * price * MULTIPLIER >= INITIAL * abs(wanted):
                cash, held = after, wanted
                worth_of_point, needed = held * MULTIPLIER, MAINTENANCE * abs(held)
            else:
                wanted = held
        close = later_closes[row]
        worth = cash + worth_of_point * close
        later_equity[row] = worth
        peak = max(peak, worth)
        depth = max(depth, peak - worth)
        fast_sum += close - leaving_fast[row]
        slow_sum += close - closes[row]
        lead = fast_sum * wide - slow_sum * narrow
        if worth < needed:
            wanted = 0.0
            sent += 1
        elif lead * wanted < 0.0 or (wanted == 0.0 and lead != 0.0):
            wanted = 1.0 if lead > 0.0 else -1.0
            sent += 1
    return sent, worth - CAPITAL, depth


@njit
def single(opens: Floats, closes: Floats, fast: int, slow: int, equity: Floats) -> tuple[int, float, float]:
    """One pair."""
    return walk(opens, closes, fast, slow, equity)


@njit(parallel=True)
def many(opens: Floats, closes: Floats, pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """All pairs, on the machine's cores; each has an equity curve of its own while it runs."""
    orders = np.zeros(len(pairs), dtype=np.int64)
    pnl = np.zeros(len(pairs))
    for k in prange(len(pairs)):
        equity = np.empty(len(closes))
        found = walk(opens, closes, pairs[k, 0], pairs[k, 1], equity)
        orders[k] = found[0]
        pnl[k] = found[1]
    return orders, pnl


def one(bars: Bars) -> Callable[[], Any]:
    """The reference pair."""
    equity = np.zeros(len(bars))
    return lambda: single(bars.open, bars.close, FAST, SLOW, equity)


def sweep(bars: Bars) -> Callable[[], Any]:
    """The hundred pairs."""
    pairs = np.array(PAIRS, dtype=np.int64)
    return lambda: many(bars.open, bars.close, pairs)


if __name__ == "__main__":
    serve(
        "numba",
        {
            "run": Variant(one, lambda found: found[:2], remark="no engine: what a loop could reach", compiles=True),
            "sweep": Variant(sweep, lambda found: found, remark="no engine: the loop on all cores", compiles=True),
        },
    )
