"""hftbacktest: a compiled strategy over order-book events, two books a bar: at its open and at its close.

The bars follow each other without pauses. Around the price of each instant stand a bid and an ask one tick away, so
that a market order pays one tick of slippage, and an order that is on its way when the bar ends meets the next open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTC,
    LOCAL_EVENT,
    MARKET,
    SELL_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit
from numpy.typing import NDArray
from protocol import FAST, FEE, MULTIPLIER, NS_PER_MINUTE, SLOW, TICK, Bars, Variant, serve, ticks

EVENTS_PER_BOOK = 4
ENTRY_NS = NS_PER_MINUTE // 60
"""From half a second before the end of a bar to half a second after the next open."""


def book_events(bars: Bars) -> NDArray[Any]:
    """Old quotes give way to new ones; the side that the market moves towards first, so that the book never crosses."""
    n = len(bars)
    prices = np.empty(2 * n, dtype=np.int64)
    prices[0::2], prices[1::2] = ticks(bars.open), ticks(bars.close)
    stamps = np.repeat(np.arange(n, dtype=np.int64) * NS_PER_MINUTE, 2)
    stamps[1::2] += NS_PER_MINUTE - 2 * ENTRY_NS
    stamps += NS_PER_MINUTE
    before = np.concatenate([prices[:1], prices[:-1]])
    rising = prices >= before
    events = np.zeros((2 * n, EVENTS_PER_BOOK), dtype=event_dtype)
    events["exch_ts"] = events["local_ts"] = stamps[:, None]
    for place in range(EVENTS_PER_BOOK):
        ask = rising == (place < 2)
        offset = np.where(ask, 1, -1)
        removes = place % 2
        events["ev"][:, place] = DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT | np.where(ask, SELL_EVENT, BUY_EVENT)
        events["px"][:, place] = ((before if removes else prices) + offset) * TICK
        # a quote that stays is written a second time rather than removed
        stays = (prices == before) if removes else np.ones(2 * n, dtype=bool)
        events["qty"][:, place] = np.where(stays, 1_000.0, 0.0)
    return events.reshape(-1)


@njit
def cross(hbt: Any, bars: int, fast: int, slow: int, entry_ns: int, bar_ns: int) -> tuple[int, float]:
    """Follow the sign of the difference of the averages of the mid price; orders sent, and the last mid price."""
    closes = np.zeros(slow, dtype=np.int64)
    fast_sum, slow_sum = 0, 0
    now, sent, last = 0, 0, 0.0
    for bar in range(bars):
        if hbt.elapse(bar_ns - entry_ns if bar == 0 else bar_ns) != 0 and bar < bars - 1:
            break
        depth = hbt.depth(0)
        mid = (depth.best_bid_tick + depth.best_ask_tick) // 2
        last = mid * depth.tick_size
        slot = bar % slow
        fast_sum += mid - (closes[(bar - fast) % slow] if bar >= fast else 0)
        slow_sum += mid - closes[slot]
        closes[slot] = mid
        if bar + 1 < slow:
            continue
        lead = fast_sum * slow - slow_sum * fast
        wanted = 1 if lead > 0 else -1 if lead < 0 else now
        if wanted != now:
            hbt.clear_inactive_orders(0)
            quantity = float(abs(wanted - now))
            now = wanted
            sent += 1
            if wanted > 0:
                hbt.submit_buy_order(0, sent, depth.best_ask, quantity, GTC, MARKET, False)
            else:
                hbt.submit_sell_order(0, sent, depth.best_bid, quantity, GTC, MARKET, False)
    return sent, last


class Prepared:
    """The events are made once for all repetitions."""

    def __init__(self) -> None:
        self.events: NDArray[Any] | None = None

    def fresh(self, bars: Bars) -> Callable[[], Any]:
        """A backtest ready to run."""
        if self.events is None:
            self.events = book_events(bars)
        asset = (
            BacktestAsset()
            .data(self.events)
            .linear_asset(MULTIPLIER)
            .constant_order_latency(ENTRY_NS, 0)
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_qty_fee_model(FEE, FEE)
            .tick_size(TICK)
            .lot_size(1.0)
            .roi_lb(0.0)
            .roi_ub(float(bars.high.max()) * 1.01)
        )
        hbt = ROIVectorMarketDepthBacktest([asset])
        n = len(bars)

        def run() -> Any:
            return hbt, *cross(hbt, n, FAST, SLOW, ENTRY_NS, NS_PER_MINUTE)

        return run

    @staticmethod
    def read(result: Any) -> tuple[int, float]:
        """Orders sent, and the value of balance and position less fees."""
        hbt, sent, last = result
        state = hbt.state_values(0)
        gained = state.balance + MULTIPLIER * state.position * last - state.fee
        hbt.close()
        return sent, float(gained)


if __name__ == "__main__":
    prepared = Prepared()
    note = "eight book events a bar, the spread is the slippage; no margin, no equity per bar"
    serve("hftbacktest", {"run": Variant(prepared.fresh, prepared.read, remark=note, compiles=True)})
