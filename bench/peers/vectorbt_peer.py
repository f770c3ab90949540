"""vectorbt: signals in arrays, simulated by compiled code; once in Numba and once in its Rust engine; and its sweep."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import vectorbt as vbt
from numpy.typing import NDArray
from protocol import CAPITAL, FEE, MULTIPLIER, PAIRS, TICK, Bars, Variant, directions, serve, ticks

Floats = NDArray[np.float64]


def _inputs(wanted: NDArray[np.int8], bars: Bars) -> dict[str, Any]:
    """Arrays of one `from_orders`: the target of each bar is what the bar before it wanted."""
    first = np.zeros((1, *wanted.shape[1:]), dtype=wanted.dtype)
    held = np.concatenate([first, wanted[:-1]])
    traded = np.abs(np.diff(held, axis=0, prepend=first))
    column = (slice(None), *(None,) * (wanted.ndim - 1))
    return {
        "close": bars.close[column],
        "size": np.where(traded > 0, held * MULTIPLIER, np.nan),
        "size_type": "targetamount",
        "price": bars.open[column],
        "slippage": (TICK / bars.open)[column],
        "fixed_fees": FEE * traded.astype(np.float64),
        "init_cash": CAPITAL,
        "freq": "1min",
    }


def _simulate(inputs: dict[str, Any], engine: str) -> Any:
    """Orders and value per bar; told how many orders there will be, for else it makes room for one per row and pair."""
    orders = np.count_nonzero(inputs["fixed_fees"])
    portfolio = vbt.Portfolio.from_orders(**inputs, max_orders=orders, engine=engine)
    portfolio.value()
    return portfolio


def _read(portfolio: Any) -> tuple[Any, Any]:
    orders = portfolio.orders.count()
    return np.asarray(orders), np.asarray(portfolio.final_value()) - CAPITAL


def _single(engine: str) -> Callable[[Bars], Callable[[], Any]]:
    def fresh(bars: Bars) -> Callable[[], Any]:
        inputs = _inputs(bars.directions, bars)
        return lambda: _simulate(inputs, engine)

    return fresh


def _sweep(columns: int) -> Callable[[Bars], Callable[[], Any]]:
    """All pairs, so many at a time as columns of one simulation, signals and all; garbage is cleared after each."""

    def fresh(bars: Bars) -> Callable[[], Any]:
        def sweep() -> Any:
            orders, pnl = [], []
            for begin in range(0, len(PAIRS), columns):
                pairs = PAIRS[begin : begin + columns]
                wanted = np.column_stack([directions(ticks(bars.close), *pair) for pair in pairs])
                found = _read(_simulate(_inputs(wanted, bars), "rust"))
                orders.append(found[0])
                pnl.append(found[1])
                gc.collect()
            return np.concatenate(orders), np.concatenate(pnl)

        return sweep

    return fresh


if __name__ == "__main__":
    REMARK = "no futures margin, no multiplier: 50 units stand for a contract; a tick is given as a fraction per row"
    serve(
        "vectorbt",
        {
            "rust": Variant(_single("rust"), _read, remark=REMARK, compiles=True),
            "numba": Variant(_single("numba"), _read, remark=REMARK, compiles=True),
            "sweep-ten": Variant(_sweep(10), lambda found: found, remark="ten pairs as columns of one simulation"),
            "sweep-one": Variant(_sweep(1), lambda found: found, remark="one pair after the other"),
        },
    )
