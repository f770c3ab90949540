"""A run from outside: when a strategy is asked, what becomes of what it asks for, and how a run may end."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import Bars
from argus.core.errors import (
    ArgusError,
    CoverageError,
    LookAheadError,
    OrderError,
    StrategyError,
    StrategyFailed,
    StrategyTimeout,
)
from argus.core.intents import Cancel, Close, Forecast, Intent, OrderRequest, Replace, Target
from argus.core.orders import FillRule, OrderState, OrderType, Reason, Side
from argus.core.ports import View
from argus.core.risk import RiskApproved
from argus.core.strategy import FeatureRef, WakeRule
from argus.core.time import NS_PER_SECOND
from argus.engine.book import RunTables
from argus.engine.config import AccountKind, CostModel, FillRules, RunConfig
from argus.engine.record import RunRecord
from argus.lab.journal.trials import MemoryTrialLedger
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.engine.markets import (
    CURVES,
    DOLLAR,
    TABLES,
    Scripted,
    TrialList,
    account,
    at_wakes,
    digest,
    flat,
    make_bars,
    market_of,
    order,
    play,
    random_bars,
    restless,
)

NOTHING = at_wakes({})


def states(record: RunRecord) -> list[tuple[str, str]]:
    return [(OrderState(row["state"]).name, Reason(row["reason"]).name) for row in record.orders]


def prices(record: RunRecord) -> list[tuple[int, int]]:
    return [(int(fill["signed_lots"]), int(fill["price_ticks"])) for fill in record.fills]


# ---- when a strategy is asked


def test_a_strategy_is_woken_once_at_each_instant_at_which_bars_became_known() -> None:
    es = flat("ES", [4_000] * 6, per_session=3)
    nq = flat("NQ", [15_000] * 4, per_session=2, minutes=120, delay_ns=5)
    strategy = Scripted(["ES", "NQ"], NOTHING)
    play(strategy, market_of(es, nq))
    known = sorted({*es.ts_recv_ns.tolist(), *nq.ts_recv_ns.tolist()})
    assert strategy.wakes == [ts for ts in known if ts >= max(es.ts_recv_ns[0], nq.ts_recv_ns[0])]


def test_bars_known_at_one_instant_are_one_wake_up() -> None:
    strategy = Scripted(["ES", "NQ"], NOTHING)
    bars = flat("ES", [4_000] * 3)
    play(strategy, market_of(bars, flat("NQ", [15_000] * 3)))
    assert strategy.wakes == bars.ts_recv_ns.tolist()


def test_session_end_wakes_at_the_last_bar_of_each_session() -> None:
    bars = flat("ES", [4_000] * 7, per_session=3, delay_ns=9)
    strategy = Scripted(["ES"], NOTHING, wake=WakeRule.SESSION_END)
    play(strategy, market_of(bars))
    assert strategy.wakes == bars.ts_recv_ns[[2, 5]].tolist()


@pytest.mark.parametrize("warmup", [0, 1, 2, 4])
def test_no_decision_before_every_instrument_has_shown_its_warm_up(warmup: int) -> None:
    es = flat("ES", [4_000] * 8)
    nq = flat("NQ", [15_000] * 6, first_day=int(es.session[2]))
    strategy = Scripted(["ES", "NQ"], NOTHING, warmup=warmup)
    play(strategy, market_of(es, nq))
    assert strategy.wakes == es.ts_recv_ns[2 + max(warmup, 1) - 1 :].tolist()


def test_decisions_are_made_from_the_start_to_before_the_end() -> None:
    bars = flat("ES", [4_000] * 8)
    known = bars.ts_recv_ns.tolist()
    strategy = Scripted(["ES"], NOTHING, warmup=2)
    play(strategy, market_of(bars), account(1_000, start_ns=known[3], end_ns=known[6]))
    assert strategy.wakes == known[3:6]


def test_earlier_bars_warm_the_strategy_up_and_are_not_part_of_the_curve() -> None:
    bars = flat("ES", [4_000] * 8)
    record = play(
        Scripted(["ES"], NOTHING, warmup=3), market_of(bars), account(1_000, start_ns=int(bars.ts_recv_ns[5]))
    )
    assert record.equity_ts_ns.tolist() == bars.ts_close_ns[5:].tolist()
    assert record.bars == 8


def test_the_market_goes_on_after_the_last_decision() -> None:
    bars = flat("ES", [4_000, 4_010, 4_020, 4_030])
    strategy = Scripted(["ES"], at_wakes({0: [order("ES", 1)]}), lambda _fill, _view: [])
    record = play(strategy, market_of(bars), account(100_000, end_ns=int(bars.ts_recv_ns[0]) + 1))
    assert prices(record) == [(1, 16_040)]
    assert strategy.told == [], "nobody is told of fills after the end"
    assert record.final_equity_micros == (100_000 + 20 * 50) * DOLLAR


def test_a_strategy_that_was_never_woken_is_a_run_that_says_so() -> None:
    record = play(Scripted(["ES"], NOTHING, warmup=9), market_of(flat("ES", [4_000] * 8)))
    assert any("never woken" in note for note in record.notes)
    assert len(record.equity_ts_ns) == len(record.orders) == 0
    assert record.final_equity_micros == record.opening_cash_micros
    assert record.session_equity()[0].tolist() == []


def test_a_run_that_is_over_lets_its_tables_go_at_once() -> None:
    """Not when the collector of garbage comes by: the columns of many runs would fill the memory until then."""

    def alive() -> int:
        # Not isinstance: a proxy of what another test has let go would be asked for its class.
        return sum(type(one) is RunTables for one in gc.get_objects())

    gc.collect()
    before = alive()
    gc.disable()
    try:
        strategy = Scripted(["ES"], restless(3, ["ES"]))
        record = play(strategy, market_of(random_bars(3, "ES", 200, per_session=50, minutes=1)))
        assert len(record.fills) > 0
        assert alive() == before
    finally:
        gc.enable()


def test_fills_are_told_once_each_when_they_happened() -> None:
    bars = make_bars("ES", [(4_000, 4_000, 4_000, 4_000), (4_000, 4_010, 3_990, 4_005), (4_005, 4_005, 4_005, 4_005)])
    seen: list[tuple[int, int, float]] = []

    def on_fill(fill: Any, view: View) -> Sequence[Intent]:
        seen.append((fill.fill_id, view.now_ns, view.position("ES").units))
        return [order("ES", -1, OrderType.LIMIT, limit=4_008)] if fill.fill_id == 0 else ()

    strategy = Scripted(["ES"], at_wakes({0: [order("ES", 1)]}), on_fill)
    record = play(strategy, market_of(bars), account(100_000, costs=CostModel(fee_per_unit=Decimal("2.25"))))
    assert seen == [(0, int(bars.ts_event_ns[1]), 1.0), (1, int(bars.ts_close_ns[1]), 0.0)]
    assert [(fill.rule, fill.price_ticks, fill.fee_micros) for fill in strategy.told] == [
        (FillRule.MARKET_AT_OPEN, 16_000, 2_250_000),
        (FillRule.LIMIT_THROUGH, 16_032, 2_250_000),
    ]
    assert all(fill.ts_event_ns == fill.ts_recv_ns for fill in strategy.told)
    assert record.decisions["kind"].tolist() == [0, 1]
    assert record.orders["decision_id"].tolist() == [0, 1]


def test_without_asking_to_be_told_a_strategy_is_not_told() -> None:
    strategy = Scripted(["ES"], at_wakes({0: [order("ES", 1)]}))
    assert len(play(strategy, market_of(flat("ES", [4_000] * 3))).fills) == 1
    assert strategy.told == []


# ---- what becomes of what it asks for


def test_every_kind_of_intent_becomes_what_it_says() -> None:
    script: dict[int, Sequence[Intent]] = {
        0: [Forecast("ES", 1.0, tag="up")],
        1: [Target("ES", units=3.0)],
        2: [order("ES", -1, OrderType.LIMIT, limit=4_500, key="exit", tag="far")],
        3: [Replace("exit", order("ES", -2, OrderType.LIMIT, limit=4_400, key="nearer"))],
        4: [Cancel("nearer")],
        5: [Close("ES", OrderType.MARKET_ON_CLOSE)],
    }
    record = play(Scripted(["ES"], at_wakes(script)), market_of(flat("ES", [4_000] * 9)), account(1_000_000))
    assert prices(record) == [(1, 16_000), (2, 16_000), (-3, 16_000)]
    assert states(record) == [
        ("FILLED", "NONE"),
        ("FILLED", "NONE"),
        ("CANCELLED", "REPLACED"),
        ("CANCELLED", "BY_STRATEGY"),
        ("FILLED", "NONE"),
    ]
    assert record.orders["replaces_id"].tolist() == [-1, -1, -1, 2, -1]
    assert record.orders["replaced_by"].tolist() == [-1, -1, 3, -1, -1]
    assert record.order_tags == ("up", "", "far", "", "")
    assert record.decisions["order_count"].tolist() == [1, 1, 1, 1, 1]
    assert FillRule(record.fills[2]["rule"]) is FillRule.MARKET_ON_CLOSE


def test_intents_of_one_wake_up_see_what_earlier_ones_set_on_its_way() -> None:
    pair = [Target("ES", units=5.0), Target("ES", units=2.0)]
    record = play(Scripted(["ES"], at_wakes({0: pair})), market_of(flat("ES", [4_000] * 3)))
    assert (record.orders["quantity_lots"] * record.orders["side"]).tolist() == [5, -3]
    assert record.decisions["order_count"].tolist() == [2]


@pytest.mark.parametrize(
    ("intents", "words"),
    [
        ([Cancel("exit")], "cancel of 'exit': no order was sent under that key"),
        ([Replace("exit", order("ES", 1))], "replace of 'exit': no order was sent under that key"),
        (
            [order("ES", 1, key="a"), Replace("a", order("NQ", 1))],
            "replace of 'a' by an order for NQ: not the same instrument",
        ),
        ([order("GC", 1)], r"order for GC, which is not in this run's universe \(ES, NQ\)"),
        ([Close("GC")], r"GC is not in the universe of this run \(ES, NQ\)"),
        ([order("ES", 1, OrderType.LIMIT, limit=4_000.1)], "limit for ES is 4000.1, off the tick of 0.25"),
        ([order("ES", 1, OrderType.STOP, stop=4_000.3)], "stop for ES is 4000.3, off the tick of 0.25"),
        ([order("ES", 1.5)], "quantity of the order for ES is 1.5 units, not a whole number of lots of 1"),
        ([OrderRequest("ES", Side.BUY, OrderType.MARKET, 0.0)], "quantity is 0 lots; it must be positive"),
        ([OrderRequest("ES", Side.BUY, OrderType.MARKET, -1.0)], "quantity is -1 lots; it must be positive"),
        ([order("ES", 1, OrderType.LIMIT)], "a LIMIT order needs a limit price"),
        ([order("ES", 1, limit=4_000.0)], "a MARKET order takes no limit price"),
        ([Forecast("ES", 1.0, execution=OrderType.STOP)], "execution is STOP"),
        ([Target("ES", weight=float("nan"))], "weight is nan; a finite number is needed"),
    ],
)
def test_what_cannot_be_done_ends_the_run_and_says_why(intents: list[Intent], words: str) -> None:
    trials = TrialList()
    strategy = Scripted(["ES", "NQ"], at_wakes({1: intents}))
    with pytest.raises(OrderError, match=words):
        play(strategy, market_of(flat("ES", [4_000] * 4), flat("NQ", [15_000] * 4)), trials=trials)
    assert [trial["status"] for trial in trials.trials] == ["failed"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("symbol", ["ES", "BTCUSD"])
@pytest.mark.parametrize("what", ["units", "limit", "stop", "target"])
def test_numbers_that_are_none_are_refused_by_name_and_counted(number: float, symbol: str, what: str) -> None:
    ask = {
        "units": lambda: OrderRequest(symbol, Side.BUY, OrderType.MARKET, number),
        "limit": lambda: order(symbol, 1, OrderType.LIMIT, limit=number),
        "stop": lambda: order(symbol, 1, OrderType.STOP, stop=number),
        "target": lambda: Target(symbol, units=number),
    }[what]
    kind = AccountKind.FUTURES if symbol == "ES" else AccountKind.CASH
    trials = TrialList()
    with pytest.raises(ArgusError, match=symbol):
        play(
            Scripted([symbol], lambda _view, _n: [ask()]),
            market_of(flat(symbol, [4_000] * 3)),
            account(1_000_000, kind),
            trials=trials,
        )
    assert [trial["status"] for trial in trials.trials] == ["failed"]


@pytest.mark.parametrize(("units", "lots"), [(0.3, 30_000_000), (0.00000001, 1), (1.1, 110_000_000), (2, 200_000_000)])
def test_decimal_units_are_whole_lots(units: float, lots: int) -> None:
    record = play(
        Scripted(["BTCUSD"], at_wakes({0: [order("BTCUSD", units)]})),
        market_of(flat("BTCUSD", [100.0] * 3)),
        account(1_000_000, AccountKind.CASH),
    )
    assert record.fills["signed_lots"].tolist() == [lots]


@pytest.mark.parametrize("volume", [1.17894572511e11, 1e30])
def test_more_lots_than_an_integer_holds_bind_nothing(volume: float) -> None:
    # A coin whose volume is counted in dollars, in lots of a hundred-millionth: 1.2e19 of them, beyond 63 bits.
    record = play(
        Scripted(["BTCUSD"], at_wakes({0: [order("BTCUSD", 2)]})),
        market_of(make_bars("BTCUSD", [(100.0,) * 4] * 3, volume=volume)),
        account(1_000_000, AccountKind.CASH),
    )
    assert record.fills["signed_lots"].tolist() == [200_000_000]


@pytest.mark.parametrize("units", [0.000000015, 1e-9])
def test_less_than_a_lot_is_not_rounded_silently(units: float) -> None:
    with pytest.raises(OrderError, match="not a whole number of lots"):
        play(
            Scripted(["BTCUSD"], at_wakes({0: [order("BTCUSD", units)]})),
            market_of(flat("BTCUSD", [100.0] * 3)),
            account(1_000_000, AccountKind.CASH),
        )


def test_a_limit_of_the_risk_policy_is_a_refusal_with_its_reason() -> None:
    strategy = Scripted(["ES"], at_wakes({0: [order("ES", 5)], 1: [order("ES", -2, tag="small")]}))
    record = play(strategy, market_of(flat("ES", [4_000] * 4)), risk=LimitRiskPolicy(max_order_units=3))
    (refusal,) = record.refusals
    assert (refusal.decision_id, refusal.instrument, refusal.signed_lots) == (0, "ES", 5)
    assert (refusal.limit, refusal.ts_ns) == ("max_order_units", strategy.wakes[0])
    assert refusal.reason == "The ES order is for 5 units; at most 3 are allowed."
    assert prices(record) == [(-2, 16_000)]
    assert record.decisions["order_count"].tolist() == [0, 1]
    assert record.orders["decision_id"].tolist() == [1]


def test_a_cancel_passes_even_if_its_order_was_refused() -> None:
    strategy = Scripted(["ES"], at_wakes({0: [order("ES", 5, key="entry")], 1: [Cancel("entry")]}))
    record = play(strategy, market_of(flat("ES", [4_000] * 4)), risk=LimitRiskPolicy(max_order_units=3))
    assert len(record.refusals) == 1
    assert len(record.orders) == 0


def test_what_would_replace_a_refused_order_is_refused_too() -> None:
    script = {0: [order("ES", 5, key="a")], 1: [Replace("a", order("ES", 1, key="b"))], 2: [Cancel("b")]}
    strategy = Scripted(["ES"], at_wakes(script))
    record = play(strategy, market_of(flat("ES", [4_000] * 4)), risk=LimitRiskPolicy(max_order_units=3))
    assert [(refusal.signed_lots, refusal.limit) for refusal in record.refusals] == [
        (5, "max_order_units"),
        (1, "replaces"),
    ]
    assert len(record.orders) == 0


def test_what_would_replace_a_refused_order_must_be_an_order_all_the_same() -> None:
    strategy = Scripted(["ES"], at_wakes({0: [order("ES", 5, key="a")], 1: [Replace("a", order("GC", 1))]}))
    with pytest.raises(OrderError, match="GC"):
        play(strategy, market_of(flat("ES", [4_000] * 4)), risk=LimitRiskPolicy(max_order_units=3))


@pytest.mark.parametrize("again", ["replace", "send"])
def test_an_order_stays_in_reach_when_another_one_under_its_key_is_refused(again: str) -> None:
    large = order("ES", 5, OrderType.LIMIT, limit=3_000, key="a")
    script = {
        0: [order("ES", 1, OrderType.LIMIT, limit=3_000, key="a")],
        1: [Replace("a", large) if again == "replace" else large],
        2: [Cancel("a")],
    }
    market = market_of(flat("ES", [4_000] * 5))
    record = play(Scripted(["ES"], at_wakes(script)), market, risk=LimitRiskPolicy(max_order_units=3))
    assert len(record.refusals) == 1
    assert states(record) == [("CANCELLED", "BY_STRATEGY")]


class Waves:
    """A risk policy that lets everything through without an approval."""

    def approve(self, order: Any, account: Any) -> Any:
        return order

    def describe(self) -> dict[str, object]:
        return {"risk": "none"}


def test_only_approved_orders_reach_the_engine() -> None:
    assert not issubclass(Waves, RiskApproved)
    strategy = Scripted(["ES"], at_wakes({0: [order("ES", 1)]}))
    trials = TrialList()
    with pytest.raises((ArgusError, AttributeError)):
        play(strategy, market_of(flat("ES", [4_000] * 3)), risk=Waves(), trials=trials)
    assert [trial["status"] for trial in trials.trials] == ["failed"]


# ---- how a run may end


def failing(view: View, number: int) -> Sequence[Intent]:
    if number == 2:
        raise KeyError("momentum")
    return ()


def test_a_strategy_that_raises_is_named_with_instant_and_rows() -> None:
    market = market_of(flat("ES", [4_000] * 6), flat("NQ", [15_000] * 6))
    with pytest.raises(StrategyFailed) as failure:
        play(Scripted(["ES", "NQ"], failing), market)
    text = str(failure.value)
    assert "strategy scripted raised KeyError in wake() at 2023-06-03T15:00:00Z" in text
    assert "ES row 2, NQ row 2" in text
    assert "momentum" in text
    assert isinstance(failure.value.__cause__, KeyError)


def test_a_strategy_that_raises_on_a_fill_is_named_too() -> None:
    def on_fill(fill: Any, view: View) -> Sequence[Intent]:
        raise ZeroDivisionError("division by zero")

    with pytest.raises(
        StrategyFailed, match=r"raised ZeroDivisionError in filled\(\) at 2023-06-02T14:00:00Z .*ES row 0"
    ):
        play(Scripted(["ES"], at_wakes({0: [order("ES", 1)]}), on_fill), market_of(flat("ES", [4_000] * 3)))


@pytest.mark.parametrize("answer", [[object()], [None], 5, "ES"])
def test_an_answer_that_is_no_intent_is_a_failure_that_is_counted(answer: Any) -> None:
    trials = TrialList()
    with pytest.raises(ArgusError):
        play(Scripted(["ES"], lambda _view, _n: answer), market_of(flat("ES", [4_000] * 3)), trials=trials)
    assert [trial["status"] for trial in trials.trials] == ["failed"]


def test_who_interrupts_a_run_has_looked_at_it() -> None:
    def interrupted(view: View, number: int) -> Sequence[Intent]:
        raise KeyboardInterrupt

    trials = TrialList()
    with pytest.raises(KeyboardInterrupt):
        play(Scripted(["ES"], interrupted), market_of(flat("ES", [4_000] * 3)), trials=trials)
    assert [trial["status"] for trial in trials.trials] == ["failed"]


def endless(view: View, number: int) -> Sequence[Intent]:
    while number == 1:
        pass
    return ()


def test_a_strategy_that_never_comes_back_is_stopped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argus.engine.replay.WAKE_LIMIT_S", 0.05)
    trials = TrialList()
    words = r"scripted did not come back from wake\(\) within 0.05 s, at 2023-06-02T15:00:00Z \(last known: ES row 1\)"
    with pytest.raises(StrategyTimeout, match=words):
        play(Scripted(["ES"], endless), market_of(flat("ES", [4_000] * 4)), trials=trials)
    assert [trial["status"] for trial in trials.trials] == ["failed"]


def stubborn(view: View, number: int) -> Sequence[Intent]:
    try:
        return endless(view, 1)
    except Exception:  # noqa: BLE001
        return ()


def test_a_strategy_cannot_swallow_being_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argus.engine.replay.WAKE_LIMIT_S", 0.05)
    with pytest.raises(StrategyTimeout):
        play(Scripted(["ES"], stubborn), market_of(flat("ES", [4_000] * 3)))


@pytest.mark.parametrize("n", [0, -1])
def test_asking_for_the_future_ends_the_run(n: int) -> None:
    trials = TrialList()
    with pytest.raises(LookAheadError, match=f"'ES', {n}.* at 2023-06-01T15:00:00Z, last known row 0"):
        play(
            Scripted(["ES"], lambda view, _n: view.bars("ES", n) and ()),
            market_of(flat("ES", [4_000] * 3)),
            trials=trials,
        )
    assert [trial["status"] for trial in trials.trials] == ["failed"]


@pytest.mark.parametrize(
    ("ask", "kind", "words"),
    [
        (
            lambda view: view.feature("fast"),
            StrategyError,
            "feature 'fast' was not declared",
        ),
        (lambda view: view.bars("NQ", 1), OrderError, r"NQ is not in the universe of this run \(ES\)"),
        (lambda view: view.position("NQ"), OrderError, "NQ is not in the universe"),
        (lambda view: view.instrument("NQ"), OrderError, "NQ is not in the universe"),
        (lambda view: view.account.pending_lots("NQ"), OrderError, "NQ is not in the universe"),
    ],
)
def test_asking_for_what_was_not_declared_ends_the_run(ask: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        play(Scripted(["ES"], lambda view, _n: ask(view) and ()), market_of(flat("ES", [4_000] * 3)))


def test_data_without_what_a_strategy_needs_are_refused_before_the_run() -> None:
    strategy = Scripted(["ES"], NOTHING, needs=frozenset({"close", "volume"}))
    with pytest.raises(CoverageError, match=r"scripted needs volume of ES.*observed: close, high, low, open"):
        play(strategy, market_of(flat("ES", [4_000] * 3)))
    with pytest.raises(CoverageError, match="NQ: the run has no bars of it; it has ES"):
        play(Scripted(["NQ"], NOTHING), market_of(flat("ES", [4_000] * 3)))


@pytest.mark.parametrize("universe", [(), ("ES", "ES")])
def test_a_universe_of_nothing_or_of_doubles_is_refused(universe: tuple[str, ...]) -> None:
    with pytest.raises(ArgusError):
        play(Scripted(universe, NOTHING), market_of(flat("ES", [4_000] * 3)))


def test_a_feature_on_a_foreign_instrument_is_refused() -> None:
    feature = FeatureRef("fast", "ewma", "NQ", {"span": 3})
    with pytest.raises(ArgusError, match="feature fast is on NQ, which is not in the universe"):
        play(Scripted(["ES"], NOTHING, features=(feature,)), market_of(flat("ES", [4_000] * 3)))


# ---- trials


def test_every_run_is_one_trial_finished_or_failed() -> None:
    market = market_of(flat("ES", [4_000, 4_010, 4_020, 4_030, 4_000, 4_050]))
    trials = TrialList()
    record = play(Scripted(["ES"], at_wakes({0: [order("ES", 1)]})), market, trials=trials)
    (trial,) = trials.trials
    assert trial["run_id"] == record.manifest.run_id
    assert (trial["status"], trial["strategy"], trial["purpose"]) == ("finished", "scripted", "backtest")
    assert trial["net_pnl_micros"] == record.net_pnl_micros == 40 * 50 * DOLLAR
    assert (trial["orders"], trial["instruments"]) == (1, "ES")
    assert trial["first_ns"] == market["ES"][1].ts_event_ns[0]
    assert trial["last_ns"] == market["ES"][1].ts_close_ns[-1]
    with pytest.raises(StrategyFailed):
        play(Scripted(["ES"], failing), market, trials=trials)
    assert trials.trials[1]["status"] == "failed"
    assert trials.trials[1]["sessions"] == 0


def test_a_run_repeated_is_one_trial() -> None:
    market = market_of(flat("ES", [4_000, 4_010, 4_020, 4_030]))
    trials = MemoryTrialLedger()
    first = play(Scripted(["ES"], NOTHING, values={"n": 1}), market, trials=trials)
    play(Scripted(["ES"], NOTHING, values={"n": 1}), market, trials=trials)
    assert [trial.run_id for trial in trials.journal()] == [first.manifest.run_id]
    play(Scripted(["ES"], NOTHING, values={"n": 2}), market, trials=trials)
    assert len(trials.journal()) == 2


# ---- determinism and causality of the engine


CASES = [
    (("ES",), AccountKind.FUTURES, 40_000),
    (("ES", "CL"), AccountKind.FUTURES, 60_000),
    (("SPY", "MES"), AccountKind.REG_T, 9_000),
    (("BTCUSD",), AccountKind.CASH, 5_000),
]


def wild(seed: int, symbols: Sequence[str], rows: int = 48) -> list[Bars]:
    levels = {"ES": 16_000, "MES": 16_000, "CL": 3_000, "SPY": 40_000, "BTCUSD": 2_500_000}
    return [
        random_bars(
            seed + k, symbol, rows, level=levels[symbol], step=levels[symbol] // 100, per_session=8,
            minutes=30 + 15 * k, delay_ns=k * 70 * NS_PER_SECOND, volume=None if seed % 3 else 5.0,
        )
        for k, symbol in enumerate(symbols)
    ]  # fmt: skip


def costly(kind: AccountKind, dollars: int, seed: int) -> RunConfig:
    costs = CostModel(slippage_ticks=seed % 2, multiplier=Decimal("1.5") if seed % 5 == 0 else Decimal(1))
    return account(
        dollars, kind, costs=costs, fills=FillRules(touch=seed % 2 == 1), latency_ns=seed % 4 * NS_PER_SECOND
    )


def wild_run(seed: int, bars: Sequence[Bars], kind: AccountKind, dollars: int) -> RunRecord:
    symbols = [each.instrument for each in bars]
    told = (lambda _fill, _view: ()) if seed % 2 else None
    strategy = Scripted(symbols, restless(seed, symbols, {"BTCUSD": 0.01}), told, warmup=1 + seed % 3)
    return play(strategy, market_of(*bars), costly(kind, dollars, seed))


@pytest.mark.parametrize(("symbols", "kind", "dollars"), CASES)
def test_the_same_run_is_the_same_bytes(symbols: tuple[str, ...], kind: AccountKind, dollars: int) -> None:
    records = [wild_run(11, wild(3, symbols), kind, dollars) for _ in range(2)]
    assert len(records[0].fills) > 5
    assert digest(records[0]) == digest(records[1])


SENT = [
    "decision_id",
    "instrument",
    "side",
    "type",
    "tif",
    "quantity_lots",
    "limit_ticks",
    "stop_ticks",
    "ts_arrive_ns",
]


def before(record: RunRecord, ts_ns: int) -> dict[str, Any]:
    """All that a record says of the time before an instant; orders as they were sent, ends where they had ended."""
    sent = record.orders[record.orders["ts_submit_ns"] < ts_ns]
    done = sent[sent["ts_done_ns"] < ts_ns]
    past = record.equity_ts_ns < ts_ns
    return {
        "orders": [sent[name].tolist() for name in SENT],
        "ends": [done[name].tolist() for name in ("state", "reason", "filled_lots", "ts_done_ns")],
        "fills": record.fills[record.fills["ts_event_ns"] < ts_ns].tolist(),
        "journal": record.journal[record.journal["ts_ns"] < ts_ns].tolist(),
        "decisions": record.decisions[record.decisions["ts_ns"] < ts_ns].tolist(),
        "curves": [getattr(record, name)[past].tolist() for name in CURVES],
        "refusals": [refusal for refusal in record.refusals if refusal.ts_ns < ts_ns],
        "trades": record.trades[(record.trades["exit_ts_ns"] < ts_ns) & (record.trades["is_open"] == 0)].tolist(),
    }


@settings(max_examples=25)
@given(case=st.sampled_from(CASES), seed=st.integers(0, 10**6), rows=st.integers(4, 47))
def test_what_comes_later_changes_nothing_of_what_came_before(case: Any, seed: int, rows: int) -> None:
    symbols, kind, dollars = case
    bars = wild(seed, symbols)
    part = [each.rows(0, rows) for each in bars]
    # Data end, and orders with them, when the first of the shortened instruments has none left.
    end_ns = min(int(each.ts_close_ns[-1]) for each in part)
    whole, short = (before(wild_run(seed, each, kind, dollars), end_ns) for each in (bars, part))
    for name, expected in whole.items():
        assert short[name] == expected, name


@settings(max_examples=10)
@given(case=st.sampled_from(CASES), seed=st.integers(0, 10**6))
def test_every_table_refers_to_rows_that_exist(case: Any, seed: int) -> None:
    symbols, kind, dollars = case
    record = wild_run(seed, wild(seed, symbols), kind, dollars)
    assert (record.fills["order_id"] < len(record.orders)).all()
    assert (record.orders["decision_id"] < len(record.decisions)).all()
    assert (record.journal["fill_id"] < len(record.fills)).all()
    assert len(record.order_tags) == len(record.orders)
    counted = np.bincount(
        record.orders["decision_id"][record.orders["decision_id"] >= 0], minlength=len(record.decisions)
    )
    assert (counted == record.decisions["order_count"]).all()
    filled = np.bincount(record.fills["order_id"], np.abs(record.fills["signed_lots"]), minlength=len(record.orders))
    assert (filled == record.orders["filled_lots"]).all()
    assert set(record.orders["state"].tolist()) <= {3, 4, 5, 6}
    assert all(len(getattr(record, name)) == len(record.equity_ts_ns) for name in CURVES)
    assert all(getattr(record, name).dtype.names for name in TABLES)
    assert FixedUnits(1).describe() == dict(record.manifest.config["sizing"])
