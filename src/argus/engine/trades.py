"""Round trips of a run, and the proof that they add up to the change in equity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from argus.core.errors import LedgerError
from argus.engine.market import MarketArrays
from argus.engine.record import TRADE_DTYPE

__all__ = ["trades_of"]


def trades_of(arrays: MarketArrays, fills: NDArray[np.void], net_pnl_micros: int) -> NDArray[np.void]:
    """Trades in the sequence of their entry, by instrument within one instant.

    Raises
    ------
    LedgerError
        If they do not add up to `net_pnl_micros` exactly.
    """
    from argus.engine._trade_kernels import round_trips

    trades = np.zeros(len(fills) + len(arrays.par), dtype=TRADE_DTYPE)
    _, ts_close, _, _, high, low, close, *_ = arrays.columns
    count = 0
    for k in range(len(arrays.par)):
        count = round_trips(k, count, arrays.par, fills, ts_close, high, low, close, trades)
    trades = trades[:count]
    total = int(trades["net_micros"].sum())
    if total != net_pnl_micros:
        raise LedgerError(f"trades add up to {total} micros, the equity changed by {net_pnl_micros}: the run is void")
    order = np.lexsort((trades["instrument"], trades["entry_fill"], trades["entry_ts_ns"]))
    return trades[order]
