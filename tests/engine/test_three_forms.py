from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import F64_1D, Bars
from argus.core.instruments import instrument
from argus.core.intents import Bracket, Cancel, Intent, OrderRequest, Target
from argus.core.orders import OrderType, Side, TimeInForce
from argus.core.ports import View
from argus.core.strategy import FeatureRef, StrategySpec, WakeRule
from argus.core.time import NS_PER_MINUTE
from argus.engine.compiled import CANCEL, EXIT_STOP, EXIT_TARGET, GTC, HELD, KIND, MARKET, PENDING, UNITS
from argus.engine.config import AccountKind, CostModel, FillRules, HaltRules, RunConfig
from argus.engine.fingerprint import order_list_hash
from argus.engine.forms import ArrayStrategy, CompiledStrategy
from argus.engine.record import RunRecord
from argus.portfolio import LimitRiskPolicy
from tests.engine.markets import CURVES, TABLES, account, flat, market_of, play, random_bars, spec_of
from tests.engine.scripts import as_compiled, as_python, random_script

SMA = (FeatureRef("fast", "sma", "ES", {"n": 5}), FeatureRef("slow", "sma", "ES", {"n": 20}))


def sma_spec(**declared: Any) -> StrategySpec:
    declared.setdefault("warmup", 20)
    return spec_of(["ES"], features=SMA, values={"units": 1.0, "away": 3.0}, **declared)


def cross(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
    if now[0] > now[1]:
        side = 1.0
    elif now[0] < now[1]:
        side = -1.0
    else:
        return 0
    if side == memory[0]:
        return 0
    memory[0] = side
    out[0, UNITS] = side * parameters[0]
    return 1


class Cross:
    """The same in Python."""

    def __init__(self, spec: StrategySpec) -> None:
        self.spec, self.side = spec, 0.0

    def wake(self, view: View) -> Sequence[Intent]:
        fast, slow = view.feature("fast"), view.feature("slow")
        side = 1.0 if fast > slow else -1.0 if fast < slow else self.side
        if side == self.side:
            return ()
        self.side = side
        return (Target("ES", units=side),)


def crosses(_bars: Mapping[str, Bars], features: Mapping[str, F64_1D]) -> F64_1D:
    """The same as an array."""
    side = np.sign(features["fast"] - features["slow"])
    side[side == 0.0] = np.nan
    known = np.flatnonzero(~np.isnan(side))
    before = np.full(len(side), np.nan)
    before[known[1:]] = side[known[:-1]]
    return np.where(side == before, np.nan, side)


def same(first: RunRecord, second: RunRecord) -> None:
    """Every table and curve, byte for byte."""
    assert order_list_hash(first) == order_list_hash(second)
    for name in (*TABLES, *CURVES):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes(), name
    assert first.refusals == second.refusals
    assert first.notes == second.notes


CASH = {"rich": 1_000_000.0, "poor": 12_500.0, "ruined": 11_200.0}
STEPS = {"rich": 8, "poor": 8, "ruined": 60}
FREE = HaltRules(daily_loss=None)
HALTS = {"free": FREE, "strict": HaltRules(Decimal("0.005"), Decimal("0.05"), flatten=True)}


@pytest.mark.parametrize("cash", CASH)
@pytest.mark.parametrize("halts", HALTS)
@pytest.mark.parametrize("risk", ["engine", "policy"])
def test_a_cross_is_the_same_in_three_forms(cash: str, halts: str, risk: str) -> None:
    bars = random_bars(hash_of(cash + halts), "ES", 1_500, per_session=60, minutes=1, step=STEPS[cash])
    market, config = market_of(bars), account(CASH[cash], halts=HALTS[halts])
    policy = LimitRiskPolicy(check_margin=risk == "policy")
    spec = sma_spec()
    python = play(Cross(spec), market, config, risk=policy)
    compiled = play(CompiledStrategy(spec, cross, ("fast", "slow"), memory=(0.0,)), market, config, risk=policy)
    array = play(ArrayStrategy(spec, crosses), market, config, risk=policy)
    same(python, compiled)
    same(compiled, array)
    assert len(python.orders) + len(python.refusals) > 20 or cash == "ruined"


def hash_of(text: str) -> int:
    return sum(ord(letter) * 31**k for k, letter in enumerate(text)) % 2**32


def test_the_cases_of_the_cross_meet_refusals_halts_and_liquidations() -> None:
    bars = random_bars(11, "ES", 1_500, per_session=60, minutes=1, step=60)
    strategy = CompiledStrategy(sma_spec(), cross, ("fast", "slow"), memory=(0.0,))
    refused = play(strategy, market_of(bars), account(11_200.0, halts=FREE), risk=LimitRiskPolicy())
    assert refused.refusals
    assert {one.limit for one in refused.refusals} == {"initial_margin"}
    wild = [random_bars(seed, "ES", 1_500, per_session=60, minutes=1, step=60) for seed in range(6)]
    ruined = [play(strategy, market_of(one), account(13_000.0, halts=FREE)) for one in wild]
    assert any((record.orders["liquidation"] == 1).any() for record in ruined)
    halted = play(strategy, market_of(bars), account(1e6, halts=HaltRules(Decimal("0.0005"))))
    assert any("halted" in note for note in halted.notes)


def stopped_cross(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
    side = 1.0 if now[0] > now[1] else -1.0
    if side == memory[0]:
        return 0
    memory[0] = side
    out[0, KIND] = CANCEL
    count = 1
    if position[HELD] != 0.0:
        out[count, KIND] = MARKET
        out[count, UNITS] = -position[HELD]
        count += 1
    out[count, KIND] = MARKET
    out[count, UNITS] = side * parameters[0]
    out[count, EXIT_STOP] = now[2] - side * parameters[1]
    return count + 1


class StoppedCross:
    """The same in Python."""

    def __init__(self, spec: StrategySpec) -> None:
        self.spec, self.side, self.entries = spec, 0.0, 0

    def wake(self, view: View) -> Sequence[Intent]:
        side = 1.0 if view.feature("fast") > view.feature("slow") else -1.0
        if side == self.side:
            return ()
        self.side = side
        intents: list[Intent] = []
        for number in range(self.entries):
            intents += [Cancel(f"entry {number}"), Cancel(f"entry {number}.stop")]
        held = view.position("ES").units
        if held:
            intents.append(OrderRequest("ES", Side.SELL if held > 0 else Side.BUY, OrderType.MARKET, abs(held)))
        entry = OrderRequest(
            "ES",
            Side.BUY if side > 0 else Side.SELL,
            OrderType.MARKET,
            1.0,
            time_in_force=TimeInForce.DAY,
            order_key=f"entry {self.entries}",
        )
        close = float(view.bars("ES", 1).close[-1])
        intents.append(Bracket(entry, stop_price=close - side * 3.0))
        self.entries += 1
        return intents


@pytest.mark.parametrize("cash", CASH)
def test_a_cross_with_stops_is_the_same_in_two_forms(cash: str) -> None:
    bars = random_bars(7, "ES", 1_200, per_session=60, minutes=1, step=STEPS[cash])
    spec = sma_spec()
    config = account(CASH[cash], halts=FREE)
    python = play(StoppedCross(spec), market_of(bars), config, risk=LimitRiskPolicy())
    strategy = CompiledStrategy(spec, stopped_cross, ("fast", "slow", "close"), memory=(0.0,))
    compiled = play(strategy, market_of(bars), config, risk=LimitRiskPolicy())
    same(python, compiled)
    stops = compiled.orders[compiled.orders["parent_id"] >= 0]
    assert set(stops["type"]) == {int(OrderType.STOP)}
    assert set(stops["tif"]) == {GTC}


def reentry(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
    if position[HELD] != 0.0 or position[PENDING] != 0.0:
        memory[1] = now[0]
        return 0
    side = -1.0 if now[0] > memory[1] else 1.0
    memory[0] += 1.0
    out[0, KIND] = MARKET
    out[0, UNITS] = side
    out[0, EXIT_STOP] = now[0] - 2.0 * side
    out[0, EXIT_TARGET] = now[0] + 3.0 * side
    return 1


class Reentry:
    """The same in Python: what it remembers and does depends on its position at every bar."""

    def __init__(self, spec: StrategySpec) -> None:
        self.spec, self.last, self.entries = spec, 0.0, 0

    def wake(self, view: View) -> Sequence[Intent]:
        position = view.position("ES")
        close = float(view.bars("ES", 1).close[-1])
        if position.units or position.pending_units:
            self.last = close
            return ()
        side = -1.0 if close > self.last else 1.0
        self.entries += 1
        entry = OrderRequest(
            "ES",
            Side.BUY if side > 0 else Side.SELL,
            OrderType.MARKET,
            1.0,
            order_key=f"entry {self.entries}",
        )
        return (Bracket(entry, stop_price=close - 2.0 * side, target_price=close + 3.0 * side),)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("step", [3, 12])
def test_what_depends_on_the_position_at_every_bar_is_the_same_in_two_forms(seed: int, step: int) -> None:
    bars = random_bars(seed, "ES", 900, per_session=90, minutes=1, step=step)
    spec = spec_of(["ES"])
    config = account(100_000, halts=FREE)
    python = play(Reentry(spec), market_of(bars), config)
    compiled = play(CompiledStrategy(spec, reentry, ("close",), memory=(0.0, 0.0)), market_of(bars), config)
    same(python, compiled)
    assert len(python.trades) > 20


def raises_when_flat(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
    """Would divide by zero at a bar before which its stop takes it out, if it were asked too early."""
    if memory[0] == 0.0:
        memory[0] = 1.0
        out[0, KIND] = MARKET
        out[0, UNITS] = 1.0
        out[0, EXIT_STOP] = now[0] - 5.0
        return 1
    if position[HELD] == 1.0 and now[0] < 990.0:
        memory[0] = 1.0 / position[PENDING]
    return 0


def test_a_row_that_the_market_never_lets_it_see_that_way_does_not_raise() -> None:
    closes = [1_000.0] * 6 + [999.0, 998.0, 989.0, 985.0] + [985.0] * 10
    bars = flat("ES", closes, per_session=20, minutes=1)
    record = play(CompiledStrategy(spec_of(["ES"]), raises_when_flat, ("close",), memory=(0.0,)), market_of(bars))
    assert record.fills["signed_lots"].tolist() == [1, -1]


@dataclass(frozen=True)
class World:
    """A market and an account for random scripts."""

    symbol: str
    config: RunConfig
    how: Mapping[str, Any]
    unit: float = 1.0
    risk: LimitRiskPolicy | None = None


PAID = CostModel(fee_per_unit=Decimal("2.25"), slippage_ticks=1)
WORLDS = {
    "futures": World("ES", account(60_000, costs=PAID), {"minutes": 1, "per_session": 40}),
    "limits": World(
        "ES",
        account(200_000, costs=PAID),
        {"minutes": 1, "per_session": 40},
        risk=LimitRiskPolicy(max_order_units=3, max_position_units=4),
    ),
    "latency": World(
        "ES",
        account(90_000, costs=PAID, latency_sample_ns=(0, NS_PER_MINUTE // 2, 3 * NS_PER_MINUTE)),
        {"minutes": 1, "per_session": 40},
    ),
    "late data": World(
        "ES",
        account(90_000, costs=PAID, latency_ns=1, data_latency_ns=NS_PER_MINUTE),
        {"minutes": 1, "per_session": 30},
    ),
    "shallow": World(
        "ES",
        account(90_000, costs=PAID, fills=FillRules(touch=True, participation=Decimal("0.3"))),
        {"minutes": 1, "per_session": 40, "volume": 7.0},
    ),
    "cash": World(
        "SPY",
        account(30_000, AccountKind.CASH, costs=CostModel(fee_per_unit=Decimal("0.005"))),
        {"minutes": 5, "per_session": 20, "level": 40_000},
        unit=25.0,
        risk=LimitRiskPolicy(check_margin=False, check_cash=True),
    ),
    "margin": World(
        "SPY",
        account(20_000, AccountKind.REG_T, costs=CostModel(fee_per_unit=Decimal("0.005"))),
        {"minutes": 5, "per_session": 20, "level": 40_000},
        unit=25.0,
    ),
    "closes only": World(
        "ES", account(90_000, costs=PAID), {"minutes": 1, "per_session": 10, "observed": frozenset({"close"})}
    ),
    "halts": World(
        "ES",
        account(40_000, costs=PAID, halts=HaltRules(Decimal("0.01"), Decimal("0.2"), flatten=True)),
        {"minutes": 1, "per_session": 40},
    ),
}


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("seed", range(6))
def test_random_scripts_are_the_same_in_python_and_compiled(name: str, seed: int) -> None:
    world = WORLDS[name]
    bars = random_bars(1_000 * seed + hash_of(name) % 997, world.symbol, 400, step=12, **world.how)
    lines = random_script(seed, bars, unit=world.unit)
    rule = WakeRule.SESSION_END if seed == 5 else WakeRule.EVERY_BAR
    risk = world.risk or LimitRiskPolicy(check_margin=seed % 2 == 0)
    how: dict[str, Any] = {"wake": rule, "warmup": 1}
    python = play(as_python(world.symbol, lines, **how), market_of(bars), world.config, risk=risk)
    compiled = play(as_compiled(world.symbol, lines, **how), market_of(bars), world.config, risk=risk)
    same(python, compiled)


def test_the_random_scripts_reach_every_kind_and_every_limit() -> None:
    kinds: set[int] = set()
    limits: set[str] = set()
    for name, world in WORLDS.items():
        for seed in range(4):
            bars = random_bars(1_000 * seed + hash_of(name) % 997, world.symbol, 400, step=12, **world.how)
            lines = random_script(seed, bars, unit=world.unit)
            risk = world.risk or LimitRiskPolicy(check_margin=seed % 2 == 0)
            record = play(as_compiled(world.symbol, lines), market_of(bars), world.config, risk=risk)
            kinds |= set(record.orders["type"].tolist())
            limits |= {one.limit for one in record.refusals}
    assert kinds == {int(kind) for kind in OrderType}
    assert limits == {
        "max_order_units",
        "max_position_units",
        "initial_margin",
        "cash",
        "short_forbidden",
        "parent",
    }


def test_the_manifest_names_the_form_and_the_text() -> None:
    bars, spec = random_bars(1, "ES", 200, per_session=60, minutes=1), sma_spec()
    told = {}
    forms: dict[str, Any] = {
        "python": Cross(spec),
        "compiled": CompiledStrategy(spec, cross, ("fast", "slow"), memory=(0.0,)),
        "array": ArrayStrategy(spec, crosses),
    }
    for name, strategy in forms.items():
        manifest = play(strategy, market_of(bars)).manifest
        assert manifest.strategy["form"] == name
        told[name] = manifest
    assert len({one.run_id for one in told.values()}) == 3
    assert len({one.strategy["source"] for one in told.values()}) == 3
    assert told["compiled"].strategy["columns"] == ["fast", "slow"]
    assert told["compiled"].config["sizing"] == {"sizer": "stated"}
    assert instrument("ES").symbol in told["array"].data
