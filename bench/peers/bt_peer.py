"""bt: an algo called at every bar, signals computed beforehand, filled at the close of the signal's own bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bt
import numpy as np
import pandas as pd
from protocol import CAPITAL, FEE, TICK, Bars, Variant, serve


class Cross(bt.Algo):
    """Trade to the wanted direction; the first date is a row that bt puts before the data."""

    def __init__(self, wanted: list[int]) -> None:
        super().__init__()
        self.wanted = wanted
        self.row = 0
        self.held = 0
        self.orders = 0

    def __call__(self, target: Any) -> bool:
        """One transaction at each change."""
        wanted = self.wanted[self.row]
        self.row += 1
        if wanted != self.held:
            target.transact(wanted - self.held, child="ES")
            self.held = wanted
            self.orders += 1
        return True


def fresh(bars: Bars) -> Callable[[], Any]:
    """A backtest ready to run."""
    index = pd.DatetimeIndex(bars.ts_close_ns)
    closes = pd.DataFrame({"ES": bars.close}, index=index)
    spread = pd.DataFrame({"ES": np.full(len(bars), 2 * TICK)}, index=index)
    strategy = bt.Strategy("cross", [Cross(bars.directions.tolist())], [bt.Security("ES", multiplier=50)])
    backtest = bt.Backtest(
        strategy,
        closes,
        initial_capital=CAPITAL,
        commissions=lambda quantity, price: FEE * abs(quantity),
        additional_data={"bidoffer": spread},
    )

    def run() -> Any:
        backtest.run()
        return backtest

    return run


def read(backtest: Any) -> tuple[int, float]:
    """Transactions, and what the values gained."""
    algo = backtest.strategy.stack.algos[0]
    return algo.orders, float(backtest.strategy.values.iloc[-1]) - CAPITAL


if __name__ == "__main__":
    remark = "fills at the close that gave the signal; no futures margin"
    serve("bt", {"run": Variant(fresh, read, fills="same close", remark=remark)})
