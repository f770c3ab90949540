"""backtrader: a Python strategy called at every bar, its own averages, its own futures commission and slippage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import backtrader as bt
from protocol import CAPITAL, FAST, FEE, MULTIPLIER, SLOW, TICK, Bars, Variant, serve

LINES = ("datetime", "open", "high", "low", "close", "volume")
MARGIN = 12_000.0
NS_PER_DAY = 86_400_000_000_000


class Arrays(bt.feed.DataBase):
    """Bars from lists; its own reader of data frames looks every number up by label and takes far longer."""

    params = (("columns", None),)

    def start(self) -> None:
        """From the first row."""
        super().start()
        self.rows = zip(*self.p.columns, strict=True)
        self.outputs = [getattr(self.lines, name) for name in LINES]

    def _load(self) -> bool:
        row = next(self.rows, None)
        if row is None:
            return False
        for line, value in zip(self.outputs, row, strict=True):
            line[0] = value
        return True


class Cross(bt.Strategy):
    """Follow the sign of the difference of the averages."""

    def __init__(self) -> None:
        self.fast = bt.ind.SMA(self.data.close, period=FAST)
        self.slow = bt.ind.SMA(self.data.close, period=SLOW)
        self.now = 0
        self.sent = 0

    def next(self) -> None:
        """One order at each change."""
        fast, slow = self.fast[0], self.slow[0]
        wanted = 1 if fast > slow else -1 if fast < slow else self.now
        if wanted != self.now:
            size = abs(wanted - self.now)
            self.now = wanted
            self.sent += 1
            if wanted > 0:
                self.buy(size=size)
            else:
                self.sell(size=size)


def fresh(bars: Bars) -> Callable[[], Any]:
    """A cerebro ready to run."""
    epoch = bt.date2num(datetime.fromtimestamp(0, UTC).replace(tzinfo=None))
    columns = [epoch + bars.ts_close_ns / NS_PER_DAY, bars.open, bars.high, bars.low, bars.close, bars.volume]
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Arrays(columns=[column.tolist() for column in columns]))
    cerebro.addstrategy(Cross)
    cerebro.broker.setcash(CAPITAL)
    cerebro.broker.setcommission(commission=FEE, margin=MARGIN, mult=MULTIPLIER)
    cerebro.broker.set_slippage_fixed(TICK, slip_open=True, slip_match=True, slip_out=True)

    def run() -> Any:
        return cerebro.run()[0], cerebro.broker.getvalue()

    return run


def read(result: Any) -> tuple[int, float]:
    """Orders sent, and the broker's value."""
    strategy, value = result
    return strategy.sent, value - CAPITAL


if __name__ == "__main__":
    serve("backtrader", {"run": Variant(fresh, read, remark="slippage is lost unless slip_out is set")})
