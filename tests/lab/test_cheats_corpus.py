"""The corpus of cheats is what it says: every cheat runs, trades and cheats, and every honest strategy is honest.

What catches them is tested elsewhere; here nothing but the strategies and the engine takes part.
"""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Forecast, Intent, Target
from argus.core.money import MICROS
from argus.core.orders import Fill, TimeInForce
from argus.core.ports import Strategy, View
from argus.core.random import generator
from argus.core.strategy import StrategySpec
from argus.engine import AccountConfig, AccountKind, CostModel, RunConfig, RunRecord, run
from argus.lab.journal.trials import MemoryTrialLedger
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.lab.cheats import CHEATS, CLOSED, HONEST, Case, base_of_window, hash_order, leak_once
from tests.lab.cheats.case import Sheet, follow_last, sign
from tests.lab.cheats.market import random_market

SPECIFIED = {
    "lookahead": 30,
    "warmup": 5,
    "nondeterminism": 5,
    "costs": 2,
}
CLEARLY = 2.5
"""Standard errors by which a session's mean gain must exceed that of the same idea without its leak."""
COLUMNS = ("instrument", "side", "type", "tif", "quantity_lots", "limit_ticks", "stop_ticks", "ts_submit_ns")
NO_COSTS = CostModel(fee_per_unit=Decimal(0))
COSTS = CostModel(slippage_ticks=1)
START = 700

MutableMarket = dict[str, tuple[InstrumentSpec, Bars]]


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    for case in (*CHEATS, *CLOSED, *HONEST):
        case.forget()
    yield
    for case in (*CHEATS, *CLOSED, *HONEST):
        case.forget()


def cheat(name: str) -> Case:
    return next(case for case in CHEATS if case.name == name)


def some(cases: Sequence[Case], **wanted: Any) -> Any:
    """A parameter for each case with these attributes."""
    chosen = [case for case in cases if all(getattr(case, name) == value for name, value in wanted.items())]
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.name)


def play(strategy: Strategy, market: MutableMarket, costs: CostModel = NO_COSTS, start_row: int = 0) -> RunRecord:
    """A run with a rich account; decisions begin when the ES row `start_row` is known."""
    return run(
        strategy,
        market,
        RunConfig(
            account=AccountConfig(AccountKind.FUTURES, 1_000_000_000 * MICROS),
            costs=costs,
            start_ns=int(market["ES"][1].ts_recv_ns[start_row]) if start_row else None,
        ),
        sizer=FixedUnits(1),
        risk=LimitRiskPolicy(check_margin=False),
        trials=MemoryTrialLedger(),
    )


def rehearsed(case: Case, seed: int, costs: CostModel = NO_COSTS) -> RunRecord:
    """A run of a cheat after as many others as it needs."""
    for _ in range(case.rehearsals):
        market = random_market(seed, sessions=case.sessions)
        play(case.make(market), market, costs)
    market = random_market(seed, sessions=case.sessions)
    return play(case.make(market), market, costs)


@functools.cache
def plain(without: Callable[[Any], Strategy], seed: int, sessions: int, costs: CostModel = NO_COSTS) -> RunRecord:
    """A run of an idea without its leak; many cheats share one."""
    market = random_market(seed, sessions=sessions)
    return play(without(market), market, costs)


def by_session(record: RunRecord) -> dict[int, float]:
    """What each session earned."""
    gains = np.diff(np.concatenate(([record.opening_cash_micros], record.equity_micros))) / MICROS
    sessions, at = np.unique(record.equity_session, return_inverse=True)
    return dict(zip(sessions.tolist(), np.bincount(at, gains).tolist(), strict=True))


def rows_of(record: RunRecord, columns: Sequence[str] = COLUMNS) -> list[tuple[int, ...]]:
    return list(zip(*(record.orders[name].tolist() for name in columns), strict=True))


def another_future(market: MutableMarket, row: int, holes: float = 0.0) -> MutableMarket:
    """The same market up to and including `row`, and wild prices afterwards."""
    changed = {}
    for symbol, (spec, bars) in market.items():
        random = generator(5, "another future", symbol)
        after = np.arange(len(bars)) > row
        tick = float(spec.tick_size)
        level = np.round(30_000 * np.exp(random.standard_normal(len(bars)) * 0.5))
        spread = random.integers(0, 60, size=(4, len(bars)))
        columns = {
            "open": level,
            "high": level + spread[:2].sum(axis=0),
            "low": level - spread[2:].sum(axis=0),
            "close": level + spread[0] - spread[2],
        }
        gone = after & (random.random(len(bars)) < holes)
        prices = {}
        for name, ticks in columns.items():
            column = np.where(after, ticks * tick, getattr(bars, name))
            column[gone] = np.nan
            prices[name] = column
        changed[symbol] = (spec, replace(bars, **prices))
    return changed


def without_beginning(market: MutableMarket, rows: int) -> MutableMarket:
    return {symbol: (spec, bars.rows(rows, len(bars))) for symbol, (spec, bars) in market.items()}


class Witness:
    """Passes everything on, and keeps what the strategy answered and which features it read."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self.answers: list[tuple[int, list[Intent]]] = []
        self.reads: list[tuple[int, str]] = []

    @property
    def spec(self) -> StrategySpec:
        return self._strategy.spec

    def wake(self, view: View) -> Sequence[Intent]:
        answer = list(self._strategy.wake(_Reading(view, self.reads)))  # type: ignore[arg-type]
        self.answers.append((view.now_ns, answer))
        return answer

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return self._strategy.filled(fill, view)


class _Reading:
    def __init__(self, view: View, reads: list[tuple[int, str]]) -> None:
        self._view, self._reads = view, reads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)

    def feature(self, alias: str) -> float:
        self._reads.append((self._view.now_ns, alias))
        return self._view.feature(alias)


def witnessed(case: Case, seed: int = 1, sessions: int = 60) -> tuple[Witness, Witness, MutableMarket, RunRecord]:
    """Runs of a cheat and of the same idea without its leak over a smaller market."""
    market = random_market(seed, sessions=sessions)
    assert case.without is not None
    cheating, honest = Witness(case.make(market)), Witness(case.without(market))
    record = play(cheating, market)
    play(honest, market)
    return cheating, honest, market, record


# ---- the corpus


def test_every_module_is_registered_under_its_name() -> None:
    cases = [*CHEATS, *CLOSED, *HONEST]
    assert len({case.name for case in cases}) == len(cases)
    folder = Path(__file__).parent / "cheats"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "case", "factory", "market", "reach"}
    honest = {f"honest_{case.name}" for case in HONEST}
    assert modules == {case.name for case in (*CHEATS, *CLOSED)} | honest
    for case in (*CHEATS, *CLOSED):
        assert importlib.import_module(f"tests.lab.cheats.{case.name}").CASE is case


def test_the_corpus_names_an_audit_for_every_cheat_and_none_for_the_honest() -> None:
    counted = {audit: sum(case.audit == audit for case in CHEATS) for audit in {case.audit for case in CHEATS}}
    assert counted == SPECIFIED
    assert not any(case.audit for case in HONEST)
    assert all(case.without for case in CHEATS if case.profits)


def test_the_market_has_no_drift_and_no_memory() -> None:
    market = random_market(1)
    assert len(market) == 4
    for _, bars in market.values():
        assert len(bars) == 1_500
        assert bars.session_end.sum() == 150
        moves = np.diff(bars.close)
        assert abs(moves.mean()) < 2.5 * moves.std() / np.sqrt(len(moves))
        assert abs(np.corrcoef(moves[1:], moves[:-1])[0, 1]) < 0.08


# ---- cheats that earn


@some(CHEATS, profits=True)
def test_the_leak_earns_what_the_idea_alone_does_not(case: Case) -> None:
    costs = COSTS if case.audit == "costs" else NO_COSTS
    more: list[float] = []
    for seed in range(1, 1 + case.seeds):
        case.forget()
        cheating = rehearsed(case, seed, costs)
        assert case.without is not None
        honest = plain(case.without, seed, case.sessions, costs)
        assert len(cheating.orders)
        assert len(honest.orders)
        assert not cheating.refusals
        mine, other = by_session(cheating), by_session(honest)
        more += [mine.get(session, 0.0) - other.get(session, 0.0) for session in sorted({*mine, *other})]
    gain = np.array(more)
    assert gain.mean() > CLEARLY * gain.std() / np.sqrt(len(gain))


def test_memory_between_runs_is_what_the_second_run_lives_on() -> None:
    case = cheat("module_global")
    market = random_market(1, sessions=60)
    first, second = (play(case.make(market), market) for _ in range(2))
    assert rows_of(first) == rows_of(plain(follow_last, 1, 60))
    assert second.net_pnl_micros > 10 * abs(first.net_pnl_micros)


@pytest.mark.parametrize("name", ["class_attribute", "vendor_file", "garbage"])
def test_what_outlives_the_market_knows_a_future_that_the_run_was_not_given(name: str) -> None:
    case = cheat(name)
    market = random_market(1, sessions=60)
    other = another_future(market, 400)
    true = play(case.make(market), market)
    false = play(case.make(other), other)
    until = market["ES"][1].ts_recv_ns[400]
    mine, others = ([row for row in rows_of(record) if row[-1] <= until] for record in (true, false))
    assert mine == others
    assert len(mine) > 300


# ---- cheats that earn nothing yet


def test_the_edge_score_is_the_next_move_and_moves_no_order() -> None:
    case = cheat("leak_in_edge_score")
    cheating, honest, market, record = witnessed(case)
    sheet = Sheet(market["ES"][1])
    scores = [(now, answer[0]) for now, answer in cheating.answers]
    assert len(scores) > 500
    for now, intent in scores:
        assert isinstance(intent, Forecast)
        assert intent.edge_score == sheet.next_move(now)
    stripped = [[replace(i, edge_score=0.0) for i in answer] for _, answer in cheating.answers]  # type: ignore[type-var]
    assert stripped == [[replace(i, edge_score=0.0) for i in answer] for _, answer in honest.answers]  # type: ignore[type-var]
    assert len(record.orders) > 300


def test_the_time_in_force_is_the_next_move_and_no_other_field_differs() -> None:
    cheating, _, market, record = witnessed(cheat("leak_in_time_in_force"))
    sheets = {symbol: Sheet(bars) for symbol, (_, bars) in market.items()}
    forces = set()
    for now, answer in cheating.answers:
        for request in answer:
            agrees = int(request.side) * sheets[request.instrument].next_move(now) > 0  # type: ignore[union-attr]
            assert (request.time_in_force == TimeInForce.GTC) == agrees  # type: ignore[union-attr]
            forces.add(request.time_in_force)  # type: ignore[union-attr]
    assert forces == {TimeInForce.DAY, TimeInForce.GTC}
    assert len(record.fills) > 20


def test_the_feature_that_is_read_says_the_next_move_and_seldom_changes_the_decision() -> None:
    cheating, honest, market, record = witnessed(cheat("leak_in_feature_read"), sessions=150)
    sheets = {symbol: Sheet(bars) for symbol, (_, bars) in market.items()}
    for now, alias in cheating.reads:
        span, symbol = alias.split(":")
        assert (span == "20") == (sheets[symbol].next_move(now) > 0)
    changed = np.mean([mine != other for (_, mine), (_, other) in zip(cheating.answers, honest.answers, strict=True)])
    assert 0.0 < changed < 0.05
    assert len(record.orders) > 100


def test_the_sequence_of_orders_says_the_next_move_and_the_orders_are_the_same() -> None:
    cheating, honest, market, record = witnessed(cheat("leak_in_sequence"))
    sheet = Sheet(market["ES"][1])
    for (now, mine), (_, other) in zip(cheating.answers, honest.answers, strict=True):
        assert mine == (other[::-1] if sheet.next_move(now) < 0 else other)
    assert len(record.orders) > 300


def test_a_single_decision_knows_the_next_move_in_every_market() -> None:
    right = []
    for seed in range(1, 7):
        cheating, honest, market, record = witnessed(cheat("leak_once"), seed, sessions=20)
        assert len(record.orders) > 50
        row = min(leak_once.ROW, 200 * 61 // 100)
        now = int(market["ES"][1].ts_recv_ns[row])
        wanted = {
            symbol: Target(symbol, units=sign(Sheet(market[symbol][1]).next_move(now))) for symbol in ("ES", "NQ")
        }
        for (at, mine), (_, other) in zip(cheating.answers, honest.answers, strict=True):
            if at == now:
                assert mine == list(wanted.values())
                right += [one == wanted[one.instrument] for one in other]  # type: ignore[union-attr]
            else:
                assert mine == other
    assert 0 < sum(right) < len(right) == 12


# ---- warm-up


@some(CHEATS, audit="warmup")
def test_more_history_before_the_first_decision_changes_it(case: Case) -> None:
    market = random_market(1, sessions=100)
    warmup = case.make(market).spec.warmup_bars
    shorter = without_beginning(market, START + 1 - warmup - 3)

    def both(make: Callable[[Any], Strategy], needed: int) -> tuple[list[Any], list[Any]]:
        cut = without_beginning(market, START + 1 - needed - 3)
        return rows_of(play(make(market), market, start_row=START)), rows_of(play(make(cut), cut, start_row=needed + 2))

    assert int(shorter["ES"][1].ts_recv_ns[warmup + 2]) == int(market["ES"][1].ts_recv_ns[START])
    whole, cut = both(case.make, warmup)
    assert whole
    assert cut
    assert whole != cut
    if case.without is not None:
        whole, cut = both(case.without, case.without(market).spec.warmup_bars)
        assert whole == cut


# ---- nondeterminism


@pytest.mark.parametrize("name", ["wall_clock", "unseeded_random", "construction_count"])
def test_the_same_run_twice_is_not_the_same(name: str) -> None:
    market = random_market(1, sessions=40)
    first, second = (rows_of(play(cheat(name).make(market), market)) for _ in range(2))
    assert first
    assert first != second


def test_the_date_of_the_run_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    market = random_market(1, sessions=20)
    make, now = cheat("wall_date").make, time.time()
    runs = []
    for days in (0, 0, 1):
        monkeypatch.setattr(time, "time", functools.partial(float, now + days * 86_400))
        runs.append(rows_of(play(make(market), market)))
    assert runs[0] == runs[1] != runs[2]
    assert runs[0]


def test_the_order_of_a_set_decides_and_differs_between_processes() -> None:
    market = random_market(1, sessions=20)
    first, second = (rows_of(play(cheat("hash_order").make(market), market)) for _ in range(2))
    assert first
    assert first == second
    code = f"from {hash_order.__name__} import choice; assert 0 < sum(choice(n) > 0 for n in range(64)) < 64; "
    code += "raise SystemExit(sum((choice(n) > 0) << n for n in range(7)))"
    root = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join((str(root), str(root / "src")))
    codes = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": seed},
            check=False,
        ).returncode
        for seed in ("1", "2")
    ]
    assert codes[0] != codes[1]
    assert 1 not in codes


# ---- costs


@some(CHEATS, audit="costs")
def test_what_the_honest_idea_pays_is_not_paid(case: Case) -> None:
    cheating, honest = rehearsed(case, 1, COSTS), plain(follow_last, 1, case.sessions, COSTS)
    assert rows_of(cheating) == rows_of(honest)
    assert (honest.fills["fee_micros"] > 0).all()
    assert not cheating.fills["fee_micros"].any()
    moved = cheating.fills["price_ticks"] != cheating.fills["base_ticks"]
    assert moved.any() == (case.name == "fee_free_market")


# ---- what the engine keeps shut


def test_a_window_leads_to_no_longer_array() -> None:
    (case,) = CLOSED
    market = random_market(1, sessions=60)
    assert rows_of(play(case.make(market), market)) == rows_of(plain(follow_last, 1, 60))
    bars = market["ES"][1]
    assert base_of_window.behind(bars.rows(10, 12).close) is bars.close


# ---- the honest


@some(HONEST)
def test_the_honest_trade_and_depend_on_neither_future_nor_distant_past(case: Case) -> None:
    market = random_market(1)
    warmup = case.make(market).spec.warmup_bars
    cut = START - warmup - 3
    changed = without_beginning(another_future(market, 1_300), cut)
    true = rows_of(play(case.make(market), market, start_row=START))
    false = rows_of(play(case.make(changed), changed, start_row=START - cut))
    until = market["ES"][1].ts_recv_ns[1_300]
    mine, other = ([row for row in rows if row[-1] <= until] for rows in (true, false))
    assert mine == other
    assert len(mine) >= 2


# ---- on strange markets


@some([*CHEATS, *CLOSED, *HONEST])
def test_one_instrument_with_a_future_of_noise_and_holes_breaks_none(case: Case) -> None:
    market = another_future(random_market(1, ["ES"], sessions=36), 310, holes=0.1)
    assert play(case.make(market), market).bars == 360
