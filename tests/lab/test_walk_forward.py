from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError, CoverageError
from argus.core.intents import Cancel, Intent, OrderRequest
from argus.core.orders import OrderState, OrderType, Reason, Side, TimeInForce
from argus.core.ports import Strategy, View
from argus.core.strategy import FeatureRef, ParameterValue, WakeRule
from argus.engine.replay import run
from argus.lab.journal.trials import MemoryTrialLedger
from argus.lab.search.walk_forward import (
    Fold,
    Segment,
    WalkForwardStrategy,
    aligned_returns,
    choose,
    folds,
    handover_times,
    market_sessions,
)
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from argus.strategies import create
from tests.lab.markets import Fade, config, daily_bars, market_of, noise


@given(
    st.integers(30, 400), st.integers(1, 60), st.integers(1, 40), st.integers(1, 10), st.integers(0, 9), st.booleans()
)
def test_folds_never_overlap_and_cover_what_follows(
    sessions: int, train_min: int, test: int, embargo: int, start: int, anchored: bool
) -> None:
    try:
        plan = folds(sessions, train_min=train_min, test=test, embargo=embargo, start=start, anchored=anchored)
    except CoverageError:
        assert start + train_min + embargo + max(1, test // 2) > sessions
        return
    assert plan[0].test_start == start + train_min + embargo
    assert plan[-1].test_end == sessions
    for fold in plan:
        assert start <= fold.train_start < fold.train_end
        assert fold.test_start - fold.train_end == embargo
        assert fold.train_end - fold.train_start >= train_min
        assert fold.test_end > fold.test_start
        assert fold.train_start == start or not anchored
    for one, other in pairwise(plan):
        assert one.test_end == other.test_start
        assert one.test_end - one.test_start == test


def test_impossible_folds_are_refused() -> None:
    with pytest.raises(ConfigError, match="embargo is 0"):
        folds(100, train_min=10, test=10, embargo=0)
    with pytest.raises(ConfigError, match="start is -1"):
        folds(100, train_min=10, test=10, start=-1)
    with pytest.raises(CoverageError, match="get more data"):
        folds(20, train_min=18, test=10)


def test_choice_uses_training_sessions_only() -> None:
    fold = Fold(0, 50, 51, 100)
    good_later = np.concatenate((noise(51, 1) - 0.005, noise(49, 2) + 0.05))
    good_before = np.concatenate((noise(51, 3) + 0.005, noise(49, 4) - 0.05))
    (choice,) = choose([good_later, good_before], [{"p": 1}, {"p": 2}], [fold])
    assert choice.chosen == 1
    changed = good_before.copy()
    changed[50:] = -0.5
    (again,) = choose([good_later, changed], [{"p": 1}, {"p": 2}], [fold])
    assert again == choice


def test_ties_and_silence_do_not_depend_on_the_order_of_the_grid() -> None:
    fold = Fold(0, 50, 51, 100)
    same, silent = noise(100, 5), np.zeros(100)
    grid: list[Mapping[str, ParameterValue]] = [{"b": 2, "a": 1}, {"a": 0, "b": 3}, {"a": 9, "b": 9}]
    (one,) = choose([same, same, silent], grid, [fold])
    (other,) = choose([silent, same, same], grid[::-1], [fold])
    assert grid[one.chosen] == grid[::-1][other.chosen] == {"a": 0, "b": 3}
    (none,) = choose([silent, silent], grid[:2], [fold])
    assert np.isnan(none.train_sharpe)


def _run(strategy: Strategy, bars: object, **changes: object) -> object:
    return run(
        strategy,
        market_of(bars),  # type: ignore[arg-type]
        replace(config(), **changes),  # type: ignore[arg-type]
        sizer=FixedUnits(),
        risk=LimitRiskPolicy(),
        trials=MemoryTrialLedger(),
        purpose="walk_forward",
    )


def _orders(record: object) -> list[tuple[int, int, int]]:
    return [(int(o["ts_submit_ns"]), int(o["side"]), int(o["quantity_lots"])) for o in record.orders]  # type: ignore[attr-defined]


def test_one_set_throughout_is_the_plain_strategy() -> None:
    bars = daily_bars(noise(600, 6))
    start = int(bars.ts_recv_ns[300])

    def make(values: Mapping[str, ParameterValue]) -> Strategy:
        return create("sma_cross", ("ES",), **values)

    values = {"fast": 5, "slow": 20}
    middle = int(bars.ts_recv_ns[450])
    walk = WalkForwardStrategy(make, [Segment(start, values), Segment(middle, values)])
    plain = _run(make(values), bars, start_ns=start)
    walked = _run(walk, bars, start_ns=start)
    assert _orders(plain) == _orders(walked)
    assert len(_orders(plain)) > 10
    assert plain.equity_micros.tobytes() == walked.equity_micros.tobytes()  # type: ignore[attr-defined]


def test_each_segment_decides_as_its_child_would_and_positions_are_carried_over() -> None:
    bars = daily_bars(noise(600, 7))
    first, second = int(bars.ts_recv_ns[100]), int(bars.ts_recv_ns[350])

    def make(values: Mapping[str, ParameterValue]) -> Strategy:
        return create("sma_cross", ("ES",), **values)

    fast, slow = {"fast": 3, "slow": 15}, {"fast": 20, "slow": 60}
    walk = WalkForwardStrategy(make, [Segment(first, fast), Segment(second, slow)])
    assert walk.spec.warmup_bars == make(slow).spec.warmup_bars
    assert len({ref.alias for ref in walk.spec.features}) == len(walk.spec.features)
    record = _run(walk, bars, start_ns=first)
    alone = _run(make(fast), bars, start_ns=first)
    later = _run(make(slow), bars, start_ns=second)
    before = [order for order in _orders(record) if order[0] < second]
    assert before == [order for order in _orders(alone) if order[0] < second]
    # From the handover on the position is the second child's; at the handover one order leads there, or none.
    after = [order for order in _orders(record) if order[0] > second]
    assert after == [order for order in _orders(later) if order[0] > second]
    held = int(np.cumsum(alone.fills["signed_lots"])[np.searchsorted(alone.fills["ts_event_ns"], second) - 1])  # type: ignore[attr-defined]
    wanted = int(later.fills["signed_lots"][0])  # type: ignore[attr-defined]
    at_handover = [side * lots for ts, side, lots in _orders(record) if ts == second]
    assert sum(at_handover) == wanted - held


def test_a_set_that_comes_back_starts_afresh() -> None:
    made: list[Mapping[str, ParameterValue]] = []

    def make(values: Mapping[str, ParameterValue]) -> Strategy:
        made.append(values)
        return Fade(values)

    one, two = {"days": 1}, {"days": 2}
    WalkForwardStrategy(make, [Segment(1, one), Segment(2, one), Segment(3, two), Segment(4, one)])
    assert made == [one, two, one]


class _Resting(Fade):
    """Sends one resting order under the same key as every other of its kind."""

    def __init__(self, values: Mapping[str, ParameterValue]) -> None:
        super().__init__(values)
        self.sent = False

    def wake(self, view: View) -> Sequence[Intent]:
        if self.sent:
            return []
        self.sent = True
        return [
            OrderRequest(
                "ES", Side.BUY, OrderType.LIMIT, 1.0, limit_price=4.0, time_in_force=TimeInForce.GTC, order_key="bid"
            )
        ]


def test_resting_orders_are_withdrawn_at_the_handover() -> None:
    bars = daily_bars(noise(60, 8))
    times = [int(bars.ts_recv_ns[row]) for row in (10, 30)]
    walk = WalkForwardStrategy(_Resting, [Segment(times[0], {"days": 1}), Segment(times[1], {"days": 2})])
    record = _run(walk, bars, start_ns=times[0])
    assert [int(o["state"]) for o in record.orders] == [OrderState.CANCELLED] * 2  # type: ignore[attr-defined]
    assert [int(o["reason"]) for o in record.orders] == [Reason.BY_STRATEGY, Reason.RUN_END]  # type: ignore[attr-defined]
    assert int(record.orders[0]["ts_cancel_ns"]) == times[1]  # type: ignore[attr-defined]


def test_intents_of_children_keep_their_keys_apart() -> None:
    walk = WalkForwardStrategy(_Resting, [Segment(1, {"days": 1})])
    order = OrderRequest("ES", Side.BUY, OrderType.MARKET, 1.0, order_key="a")
    assert walk._renamed(order, 3) == replace(order, order_key="3:a")
    assert walk._renamed(Cancel("a"), 3) == Cancel("3:a")
    assert walk._live_keys == {}
    unnamed = replace(order, order_key="")
    assert walk._renamed(unnamed, 3) is unnamed


class _EveryBar(Fade):
    def __init__(self, values: Mapping[str, ParameterValue]) -> None:
        super().__init__(values)
        if self.days > 1:
            self.spec = replace(self.spec, wake=WakeRule.EVERY_BAR, features=(FeatureRef("x", "sma", "ES", {"n": 2}),))


def test_children_that_differ_in_more_than_parameters_are_refused() -> None:
    with pytest.raises(ConfigError, match="differ in wake"):
        WalkForwardStrategy(_EveryBar, [Segment(1, {"days": 1}), Segment(2, {"days": 2})])
    with pytest.raises(ConfigError, match="start after the one before"):
        WalkForwardStrategy(Fade, [Segment(2, {}), Segment(2, {"days": 2})])
    with pytest.raises(ConfigError, match="no segment"):
        WalkForwardStrategy(Fade, [])


def test_handover_is_when_the_session_before_the_test_is_known() -> None:
    bars = daily_bars(noise(100, 9))
    market = market_of(bars)
    sessions = market_sessions(market, ["ES"])
    plan = folds(len(sessions), train_min=40, test=20)
    assert handover_times(market, ["ES"], sessions, plan) == tuple(
        int(bars.ts_recv_ns[fold.test_start - 1]) for fold in plan
    )


def test_returns_are_aligned_on_common_sessions() -> None:
    bars = daily_bars(noise(100, 10))
    sessions = market_sessions(market_of(bars), ["ES"])
    record = _run(Fade({"days": 5}), bars)
    returns = aligned_returns(record, sessions)  # type: ignore[arg-type]
    assert len(returns) == 100
    assert (returns[:6] == 0.0).all()
    final = record.final_equity_micros / record.opening_cash_micros  # type: ignore[attr-defined]
    assert float(np.prod(1.0 + returns)) == pytest.approx(final, rel=1e-12)
