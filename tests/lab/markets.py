"""Small markets and strategies for the lab's tests: plain NumPy prices on weekdays, no synthetic machinery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.intents import Forecast, Intent
from argus.core.money import MICROS
from argus.core.orders import Fill
from argus.core.ports import View
from argus.core.random import generator
from argus.core.strategy import Parameter, ParameterValue, StrategyConstraints, StrategySpec, WakeRule
from argus.core.time import NS_PER_DAY, NS_PER_HOUR
from argus.engine.config import AccountConfig, AccountKind, CostModel, RunConfig

FIRST_DAY = 14_610  # 2010-01-01, a Friday


def daily_bars(returns: np.ndarray, *, symbol: str = "ES", price: float = 2_000.0, observed: str = "ohlcv") -> Bars:
    """Daily bars whose close-to-close returns are given; they open at the last close and trade 14:30 to 21:00 UTC."""
    n = len(returns)
    days = FIRST_DAY + np.arange(2 * n + 10)
    days = days[(days + 3) % 7 < 5][:n]
    close = np.maximum(np.round(price * np.cumprod(1.0 + returns) * 4.0), 4.0) / 4.0
    opened = np.concatenate(([price], close[:-1]))
    nothing = np.full(n, np.nan)
    names = {"ohlcv": frozenset({"open", "high", "low", "close", "volume"}), "closes": frozenset({"close"})}[observed]
    full = observed == "ohlcv"
    return Bars(
        instrument=symbol,
        ts_event_ns=days * NS_PER_DAY + 14 * NS_PER_HOUR + NS_PER_HOUR // 2,
        ts_close_ns=days * NS_PER_DAY + 21 * NS_PER_HOUR,
        ts_recv_ns=days * NS_PER_DAY + 21 * NS_PER_HOUR,
        open=opened if full else nothing,
        high=np.maximum(opened, close) + 0.25 if full else nothing.copy(),
        low=np.minimum(opened, close) - 0.25 if full else nothing.copy(),
        close=close,
        volume=np.full(n, 1e6) if full else nothing.copy(),
        open_interest=nothing.copy(),
        session=days.astype(np.int32),
        session_end=np.ones(n, dtype=np.bool_),
        observed=names,
    )


def noise(n: int, seed: int, vol: float = 0.01) -> np.ndarray:
    """Returns without any edge."""
    return generator(seed, "tests", "lab").normal(0.0, vol, n)


def reverting(n: int, seed: int, strength: float = 0.35, vol: float = 0.01) -> np.ndarray:
    """Returns that take back part of the day before: an edge for whoever fades the last day."""
    shocks = noise(n, seed, vol)
    returns = shocks.copy()
    for t in range(1, n):
        returns[t] -= strength * returns[t - 1]
    return returns


def market_of(bars: Bars) -> Mapping[str, tuple[InstrumentSpec, Bars]]:
    return {bars.instrument: (instrument(bars.instrument), bars)}


def config(cash: int = 10_000_000, *, fee: str = "2.25", slippage_ticks: int = 0) -> RunConfig:
    return RunConfig(
        account=AccountConfig(AccountKind.FUTURES, cash * MICROS),
        costs=CostModel(fee_per_unit=Decimal(fee), slippage_ticks=slippage_ticks),
    )


class Fade:
    """Against the move of the last `days` sessions, or with it; its parameters are its whole state."""

    def __init__(self, values: Mapping[str, ParameterValue]) -> None:
        self.days = int(values.get("days", 1))
        self.sign = float(values.get("sign", -1.0))
        self.spec = StrategySpec(
            name="fade",
            version="1",
            summary="Against the last move.",
            source="made for a test",
            universe=("ES",),
            wake=WakeRule.SESSION_END,
            warmup_bars=self.days + 1,
            parameters=(Parameter("days", 1, low=1, high=50), Parameter("sign", -1.0)),
            values={"days": self.days, "sign": self.sign},
            features=(),
            needs=frozenset({"open", "close"}),
            constraints=StrategyConstraints(parameter_count_max=2, turnover_annual_max=300.0),
        )

    def wake(self, view: View) -> Sequence[Intent]:
        close = view.bars("ES", self.days + 1).close
        move = float(close[-1] - close[0])
        direction = float(np.sign(move)) * (1.0 if self.sign > 0 else -1.0)
        return [Forecast("ES", direction, vol_annual=0.16, tag="fade")]

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return ()


class Peeking(Fade):
    """Looks behind the view, at the bar that is not known yet."""

    def wake(self, view: View) -> Sequence[Intent]:
        below = getattr(view, "_view", view)
        close = below._bars["ES"].close
        known = below.known_bars("ES")
        if known >= len(close):
            return []
        return [Forecast("ES", float(np.sign(close[known] - close[known - 1])), vol_annual=0.16, tag="peek")]
