"""The compiled engine against the oracle on random markets and orders, and proof that the comparison can see.

Agreement means: every fill in every column, every order's end and reason, cash and equity after each instant at which
a bar closed, every trade and settlement and the balances of the books, to the micro-unit. `python -m tests.oracle.soak`
runs any number more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from argus.core.orders import FINAL_STATES, FillRule, Reason
from argus.engine.record import RunRecord
from tests.oracle import account, engine, world
from tests.oracle.account import Account, Trade
from tests.oracle.compare import Case, first_difference, play_engine, play_oracle
from tests.oracle.engine import OracleOrder

RUNS = 2_000
BATCH = 100
COVERED = 1_000
SEEN_MIN = 20
MUTANT_RUNS = 250


@pytest.mark.parametrize("first", range(0, RUNS, BATCH))
def test_both_engines_agree_on_random_markets_and_orders(first: int) -> None:
    for seed in range(first, first + BATCH):
        case = random_case(seed)
        difference = first_difference(play_oracle(case), play_engine(case))
        assert difference is None, f"seed {seed}: {difference}"


@pytest.mark.parametrize("seed", range(8))
def test_both_engines_agree_on_long_runs_with_many_orders(seed: int) -> None:
    case = random_case(seed, length=20)
    assert first_difference(play_oracle(case), play_engine(case)) is None


def test_the_random_runs_reach_every_rule_reason_and_state() -> None:
    seen: Counter[str] = Counter()
    for seed in range(COVERED):
        seen.update(_features(random_case(seed)))
    wanted = [f"rule {rule.name}" for rule in FillRule]
    wanted += [f"reason {reason.name}" for reason in Reason]
    wanted += [f"state {state.name}" for state in FINAL_STATES]
    wanted += ["partial fill", "impact fee", "fee minimum", "rounded value", "turned position", "order after a fill"]
    wanted += ["liquidation", "closed account", "settlement", "negative price", "off-grid price", "cancelled chain"]
    wanted += ["account cash", "account reg_t", "account futures", "wakes at session ends", "schedule", "known late"]
    scarce = {name: seen[name] for name in wanted if seen[name] < SEEN_MIN}
    assert not scarce, f"seen fewer than {SEEN_MIN} times in {COVERED} runs: {scarce}"


def _features(case: Case) -> Iterator[str]:
    result = play_oracle(case)
    settings = case.settings
    yield f"account {settings.account}"
    fills_at = {fill.time for fill in result.fills}
    for fill in result.fills:
        yield f"rule {fill.rule}"
        yield from ["impact fee"] * (fill.impact > 0)
        yield from ["negative price"] * (fill.price < 0)
        before = fill.position_after - fill.lots
        yield from ["turned position"] * (before * fill.position_after < 0)
        spec = case.specs[case.universe[fill.line]]
        yield from ["rounded value"] * (fill.price * fill.lots * spec.value_micros_per_tick_lot != fill.value)
        yield from ["fee minimum"] * bool(settings.fee_minimum and fill.fee == settings.fee_minimum * 1_000_000)
    for order in result.orders:
        yield f"state {order.state}"
        yield f"reason {order.reason}"
        yield from ["partial fill"] * (0 < order.filled < order.ticket.lots)
        yield from ["order after a fill"] * (order.submitted in fills_at and order.submitted not in result.wakes)
        replaced = order.replaces
        yield from ["cancelled chain"] * (replaced is not None and replaced.replaces is not None)
    yield from ["liquidation"] * result.liquidations
    yield from ["settlement"] * len(result.settlements)
    yield from ["closed account"] * (result.closed_at is not None)
    yield from ["wakes at session ends"] * (settings.wake == "session_end")
    yield from ["schedule"] * (settings.fee_per_unit is None)
    yield from ["known late"] * any((bars.ts_recv_ns > bars.ts_close_ns).any() for bars in case.bars.values())
    for symbol, bars in case.bars.items():
        ticks = bars.close / float(case.specs[symbol].tick_size)
        yield from ["off-grid price"] * bool((abs(ticks - ticks.round()) > 1e-3).any())


# -------------------------------------------------------------------------------------------- can the comparison see?


@pytest.fixture(scope="module")
def played() -> list[tuple[Case, RunRecord]]:
    """Random runs of the engine under test, to be compared with oracles that are wrong on purpose."""
    cases = [random_case(seed) for seed in range(MUTANT_RUNS)]
    return [(case, play_engine(case)) for case in cases]


SETTINGS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "one tick of slippage more": lambda s: {"slippage_ticks": s.slippage_ticks + 1},
    "a basis point of slippage more": lambda s: {"slippage_rate": s.slippage_rate + Decimal("0.0001")},
    "a micro-unit of fee per contract more": lambda s: {"fee_per_unit": (s.fee_per_unit or 0) + Decimal("0.000001")},
    "a millionth of the notional more": lambda s: {"fee_rate": (s.fee_rate or 0) + Decimal("0.000001")},
    "costs a fifth higher": lambda s: {"multiplier": s.multiplier * Decimal("1.2") + Decimal("0.1")},
    "a nanosecond of latency more": lambda s: {"latency": s.latency + 1},
    "touch the other way": lambda s: {"touch": not s.touch},
    "a tenth of the volume less": lambda s: {"participation": s.participation * Decimal("0.9")},
    "a micro-unit of cash less": lambda s: {"cash": s.cash - 1},
    "one bar of warm-up more": lambda s: {"warmup": max(1, s.warmup) + 1},
    "not told of fills": lambda s: {"wakes_on_fill": not s.wakes_on_fill},
}


@pytest.mark.parametrize("change", SETTINGS)
def test_an_oracle_with_other_settings_is_caught(change: str, played: list[tuple[Case, RunRecord]]) -> None:
    caught = 0
    for case, record in played[:60]:
        other = case.under(**SETTINGS[change](case.settings))
        caught += first_difference(play_oracle(other), record) is not None
    assert caught >= 5


def _swap(name: str, wrong: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """A mutant: one function of the oracle replaced."""
    owner, _, attribute = name.partition(".")
    owners = {
        "Account": Account,
        "Order": OracleOrder,
        "Settings": Settings,
        "Simulation": engine._Simulation,
        "Trade": Trade,
        "account": account,
        "engine": engine,
        "world": world,
    }
    return lambda patch: patch.setattr(owners[owner], attribute, wrong)


_admit = engine._Simulation._admit
_living = engine._Simulation._living
_needed = Account.needed
_costs = Account.costs
_fill = engine._Simulation._fill
_slip = Settings.slip
_mark = Account.mark


def _without_impact(self: Account, *where: Any, impact: bool) -> tuple[int, int, int]:
    return _costs(self, *where, impact=False)


def _limits_pay_impact(self: Any, *where: Any, impact: bool) -> None:
    _fill(self, *where, impact=True)


def _without_volume(self: Any, instrument: int, row: Any) -> None:
    return None


def _no_replacement_check(self: Any, instrument: int, row: Any, phase: int) -> None:
    for order in _living(self, instrument):
        order.replaces = None
    _admit(self, instrument, row, phase)


def _everything_from_its_arrival(self: Any, order: OracleOrder, row: Any, phase: int) -> bool:
    return bool(order.arrives <= row.start)


def _half_a_tick(self: Settings, price: Any, side: int) -> int:
    return _slip(self, world.round_mark(price), side)


def _range_never_counts(self: Account, instrument: int, time: int, close: int | None, range_: Any) -> None:
    _mark(self, instrument, time, close, ())


def _opens_everywhere(bars: Any, tick: Any) -> Rows:
    rows = world.rows_of(bars, tick)
    return Rows(rows.rows, True, rows.volume_observed)


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "marks rounded down": _swap("engine.round_mark", lambda price: int(price // 1)),
    "off-grid opens rounded like marks": _swap("Settings.slip", _half_a_tick),
    "fees and values rounded down": _swap("world.half_even", lambda x: int(x // 1)),
    "split fees rounded down": _swap("account.half_even", lambda x: int(x // 1)),
    "maintenance margin enough to open": _swap("Account.needed", lambda s, kind, *held: _needed(s, 1, *held)),
    "initial margin needed to keep": _swap("Account.needed", lambda s, kind, *held: _needed(s, 0, *held)),
    "no impact fee": _swap("Account.costs", _without_impact),
    "limits pay the impact fee": _swap("Simulation._fill", _limits_pay_impact),
    "volume does not bound": _swap("Simulation._bound", _without_volume),
    "orders tried last to first": _swap("Simulation._living", lambda s, i: _living(s, i)[::-1]),
    "stops not reached at their price": _swap("engine._reached", lambda side, price, stop: side * (price - stop) > 0),
    "limits filled beyond their price": _swap("engine._worst_allowed", lambda side, price, limit: price),
    "stop-limits without their limit": _swap("engine._above", lambda side, price, limit: False),
    "replacements of finished orders live": _swap("Simulation._admit", _no_replacement_check),
    "on-open orders at any open": _swap("Simulation._takes_part", _everything_from_its_arrival),
    "no liquidation": _swap("Simulation._check_maintenance", lambda s, time: None),
    "no settlement": _swap("Account.settle", lambda s, instrument, time: None),
    "no orders refused during a liquidation": _swap("Simulation._liquidating", lambda s: False),
    "closes alone fill everything": _swap("engine.rows_of", _opens_everywhere),
    "ranges are not seen by trades": _swap("Account.mark", _range_never_counts),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_an_oracle_with_a_wrong_rule_is_caught(
    mutant: str, played: list[tuple[Case, RunRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    MUTANTS[mutant](monkeypatch)
    assert any(first_difference(play_oracle(case), record) is not None for case, record in played)
