"""Small markets and strategies for tests of the engine: bars from a few numbers, strategies from a few functions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from argus.core.arrays import BAR_FIELDS, Bars
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.intents import Cancel, Close, Forecast, Intent, OrderRequest, Replace, Target
from argus.core.orders import LIMITED, Fill, OrderType, Side, TimeInForce
from argus.core.ports import RiskPolicy, Sizer, View
from argus.core.strategy import FeatureRef, ParameterValue, StrategyConstraints, StrategySpec, WakeRule
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE, day_number
from argus.engine.config import AccountConfig, AccountKind, CostModel, RunConfig
from argus.engine.market import Market
from argus.engine.record import RunRecord
from argus.engine.replay import run
from argus.portfolio import FixedUnits, LimitRiskPolicy

FIRST_DAY = day_number(date(2023, 6, 1))
OPENS_NS = 14 * 60 * NS_PER_MINUTE
PRICES = frozenset({"open", "high", "low", "close"})
TABLES = ("decisions", "orders", "fills", "journal", "trades")
CURVES = ("equity_ts_ns", "equity_micros", "cash_micros", "equity_session")
DOLLAR = 1_000_000

Rows = Sequence[tuple[float, float, float, float]]
OnWake = Callable[[View, int], Sequence[Intent]]
OnFill = Callable[[Fill, View], Sequence[Intent]]


def make_bars(
    symbol: str,
    rows: Rows,
    *,
    per_session: int = 1,
    minutes: int = 60,
    pause_ns: int = 0,
    delay_ns: int = 0,
    observed: frozenset[str] = PRICES,
    volume: float | None = None,
    marked_ends: bool = True,
    first_day: int = FIRST_DAY,
) -> Bars:
    """Bars of `minutes` from 14:00 UTC on, one session a day; each is `pause_ns` shorter than the way to the next."""
    n = len(rows)
    place = np.arange(n, dtype=np.int64)
    session = first_day + place // per_session
    start = session * NS_PER_DAY + OPENS_NS + (place % per_session) * minutes * NS_PER_MINUTE
    close = start + minutes * NS_PER_MINUTE - pause_ns
    table = np.array(rows, dtype=np.float64).reshape(n, 4)
    nothing = np.full(n, np.nan)
    columns = {
        name: table[:, i].copy() if name in observed else nothing.copy() for i, name in enumerate(BAR_FIELDS[:4])
    }
    return Bars(
        instrument=symbol,
        ts_event_ns=start,
        ts_close_ns=close,
        ts_recv_ns=close + delay_ns,
        volume=nothing.copy() if volume is None else np.full(n, volume),
        open_interest=nothing.copy(),
        session=session.astype(np.int32),
        session_end=(place % per_session == per_session - 1) & marked_ends,
        observed=observed if volume is None else observed | {"volume"},
        **columns,
    )


def flat(symbol: str, closes: Sequence[float], **how: Any) -> Bars:
    """Bars whose four prices are one."""
    return make_bars(symbol, [(price,) * 4 for price in closes], **how)


def random_bars(seed: int, symbol: str, n: int, *, level: int = 4_000, step: int = 8, **how: Any) -> Bars:
    """A random walk on the instrument's tick grid from `level` ticks on."""
    random = np.random.Generator(np.random.Philox(key=seed))
    tick = float(instrument(symbol).tick_size)
    rows = []
    last = level
    for _ in range(n):
        opened, last = last + int(random.integers(-2, 3)), last + int(random.integers(-step, step + 1))
        high, low = max(opened, last) + int(random.integers(0, 4)), min(opened, last) - int(random.integers(0, 4))
        rows.append((opened * tick, high * tick, low * tick, last * tick))
    return make_bars(symbol, rows, **how)


def market_of(*bars: Bars) -> dict[str, tuple[InstrumentSpec, Bars]]:
    """A market of these bars under the instrument file's specifications."""
    return {each.instrument: (instrument(each.instrument), each) for each in bars}


def order(
    symbol: str,
    lots: float,
    kind: OrderType = OrderType.MARKET,
    *,
    limit: float | None = None,
    stop: float | None = None,
    gtc: bool = True,
    key: str = "",
    tag: str = "",
    **more: Any,
) -> OrderRequest:
    """An order for signed units."""
    side = Side.BUY if lots > 0 else Side.SELL
    tif = TimeInForce.GTC if gtc else TimeInForce.DAY
    return OrderRequest(symbol, side, kind, abs(lots), limit, stop, tif, key, tag, **more)


class Scripted:
    """Asks a function at each wake-up, with the view and the number of the wake-up, and another one after each fill."""

    def __init__(
        self, universe: Sequence[str], on_wake: OnWake, on_fill: OnFill | None = None, **declared: Any
    ) -> None:
        self._on_wake, self._on_fill = on_wake, on_fill
        self.wakes: list[int] = []
        self.told: list[Fill] = []
        self.spec = spec_of(universe, wakes_on_fill=on_fill is not None, **declared)

    def wake(self, view: View) -> Sequence[Intent]:
        self.wakes.append(view.now_ns)
        return self._on_wake(view, len(self.wakes) - 1)

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        self.told.append(fill)
        return () if self._on_fill is None else self._on_fill(fill, view)


def spec_of(
    universe: Sequence[str],
    *,
    wakes_on_fill: bool = False,
    wake: WakeRule = WakeRule.EVERY_BAR,
    warmup: int = 1,
    features: tuple[FeatureRef, ...] = (),
    needs: frozenset[str] = frozenset({"close"}),
    values: Mapping[str, ParameterValue] | None = None,
    name: str = "scripted",
    late: frozenset[str] = frozenset(),
) -> StrategySpec:
    """What a test's strategy declares."""
    return StrategySpec(
        name=name,
        version="1",
        summary="Does what it is told.",
        source="a test",
        universe=tuple(universe),
        wake=wake,
        warmup_bars=warmup,
        parameters=(),
        values=values or {},
        features=features,
        needs=needs,
        constraints=StrategyConstraints(parameter_count_max=9, turnover_annual_max=1e9),
        wakes_on_fill=wakes_on_fill,
        late=late,
    )


def at_wakes(script: Mapping[int, Sequence[Intent]]) -> OnWake:
    """These intents at these wake-ups."""
    return lambda _view, number: script.get(number, ())


class TrialList:
    """Every trial in the sequence in which it was told."""

    def __init__(self) -> None:
        self.trials: list[Mapping[str, Any]] = []

    def record(self, trial: Mapping[str, object]) -> None:
        self.trials.append(trial)


def account(dollars: float, kind: AccountKind = AccountKind.FUTURES, **settings: Any) -> RunConfig:
    """A run's settings with this much money and, unless stated, no fees."""
    settings.setdefault("costs", CostModel(fee_per_unit=Decimal(0)))
    return RunConfig(account=AccountConfig(kind, round(dollars * DOLLAR)), **settings)


def play(
    strategy: Any,
    market: Market,
    config: RunConfig | None = None,
    *,
    sizer: Sizer | None = None,
    risk: RiskPolicy | None = None,
    trials: Any = None,
    **more: Any,
) -> RunRecord:
    """A run; unless stated with a rich account, one unit a forecast, and no limit but the account's own."""
    return run(
        strategy,
        market,
        config or account(1_000_000),
        sizer=sizer or FixedUnits(1),
        risk=risk or LimitRiskPolicy(check_margin=False),
        trials=trials if trials is not None else TrialList(),
        **more,
    )


def restless(seed: int, symbols: Sequence[str], units: Mapping[str, float] | None = None) -> OnWake:
    """Random intents of every kind, drawn from the instant alone, so that a longer past or future changes none."""
    size = dict.fromkeys(symbols, 1.0) | dict(units or {})
    sent: dict[str, str] = {}

    def decide(view: View, _number: int) -> Sequence[Intent]:
        random = np.random.Generator(np.random.Philox(key=[seed, view.now_ns]))
        intents: list[Intent] = []
        for symbol in symbols:
            draw = int(random.integers(0, 10))
            lots = float(random.integers(1, 4)) * size[symbol] * (1 if random.random() < 0.5 else -1)
            tick = float(instrument(symbol).tick_size)
            away = float(random.integers(-6, 7)) * tick
            window = view.bars(symbol, 1)
            price = window.close[-1] if len(window) else 0.0
            key = f"{symbol}-{view.now_ns}"
            if draw == 0:
                intents.append(Target(symbol, units=lots))
            elif draw == 1:
                intents.append(Close(symbol))
            elif draw == 2:
                intents.append(Forecast(symbol, 1.0 if lots > 0 else -1.0))
            elif draw == 3 and symbol in sent:
                intents.append(Cancel(sent[symbol]))
            elif draw == 4 and symbol in sent:
                intents.append(Replace(sent[symbol], order(symbol, lots, OrderType.LIMIT, limit=price + away, key=key)))
                sent[symbol] = key
            elif draw <= 8:
                kind = OrderType(int(random.integers(0, len(OrderType))))
                limit = price + away if kind in LIMITED else None
                stop = price - away if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None
                trail = abs(away) + tick if kind == OrderType.TRAILING_STOP else None
                gtc, reduce_only = bool(random.random() < 0.5), bool(random.random() < 0.1)
                sent_now = order(
                    symbol, lots, kind, limit=limit, stop=stop, trail=trail, gtc=gtc, key=key, tag=kind.name,
                    reduce_only=reduce_only,
                )  # fmt: skip
                intents.append(sent_now)
                sent[symbol] = key
        return intents

    return decide


def digest(record: RunRecord) -> str:
    """Hash of every byte of every table of a record."""
    whole = hashlib.sha256(record.manifest.run_id.encode())
    for name in (*TABLES, *CURVES):
        whole.update(getattr(record, name).tobytes())
    whole.update(repr((record.order_tags, record.refusals, record.notes, record.opening_cash_micros)).encode())
    return whole.hexdigest()
