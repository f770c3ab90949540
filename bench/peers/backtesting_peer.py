"""backtesting.py: a Python strategy called at every bar, signals computed beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy
from protocol import CAPITAL, FEE, MULTIPLIER, TICK, Bars, Variant, serve

COST = FEE + TICK * MULTIPLIER
"""Fee and one tick of a contract and side: its spread is a fraction of the price and cannot be a tick."""


class Cross(Strategy):
    """Follow the wanted direction; `exclusive_orders` closes the old trade when the new order comes."""

    def init(self) -> None:
        """Nothing to compute: the direction is a column."""
        self.now = 0

    def next(self) -> None:
        """One order at each change."""
        wanted = int(self.data.Direction[-1])
        if wanted != self.now:
            self.now = wanted
            if wanted > 0:
                self.buy(size=int(MULTIPLIER))
            else:
                self.sell(size=int(MULTIPLIER))


def fresh(bars: Bars) -> Callable[[], Any]:
    """A backtest ready to run."""
    frame = pd.DataFrame(
        {
            "Open": bars.open,
            "High": bars.high,
            "Low": bars.low,
            "Close": bars.close,
            "Volume": bars.volume,
            "Direction": bars.directions,
        },
        index=pd.DatetimeIndex(bars.ts_close_ns),
    )
    backtest = Backtest(
        frame,
        Cross,
        cash=CAPITAL,
        margin=0.01,
        commission=lambda size, price: COST * abs(size) / MULTIPLIER,
        exclusive_orders=True,
    )
    return backtest.run


def read(stats: Any) -> tuple[int, float]:
    """One trade is opened by each order."""
    state = stats["_strategy"]
    opened = len(state.closed_trades) + len(state.trades)
    return opened, float(stats["Equity Final [$]"]) - CAPITAL


if __name__ == "__main__":
    remark = (
        "no multiplier: 50 units stand for a contract; slippage only as a fraction of price: a tick is charged as fee"
    )
    serve("backtesting", {"run": Variant(fresh, read, remark=remark)})
