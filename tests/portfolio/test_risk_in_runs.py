"""`argus.portfolio.risk` at work in replays: what the account tells a policy, and what it lets a small account do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.instruments import instrument
from argus.core.intents import Close, Intent, Target
from argus.core.market_events import Split
from argus.core.orders import OrderState, OrderType, Reason
from argus.core.ports import View
from argus.core.time import NS_PER_DAY, day_of
from argus.engine.config import AccountKind, CostModel, HaltRules
from argus.engine.record import RunRecord
from argus.engine.replay import run, run_books
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.engine.markets import (
    DOLLAR,
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

HOUR_NS = 3_600_000_000_000
NO_HALT = HaltRules(daily_loss=None)


# ---- order rate


def by_hand(record: RunRecord, window_ns: int, at_ns: int) -> int:
    """Orders of strategies in the window that ends at an instant."""
    sent = record.orders["ts_submit_ns"][record.orders["decision_id"] >= 0]
    return int(((sent > at_ns - window_ns) & (sent <= at_ns)).sum())


def test_the_rate_is_that_of_the_market_and_not_of_the_clock() -> None:
    # An order an hour: two fit into three hours, the third is refused, then the first has left the window.
    bars = flat("ES", [4_000] * 9, per_session=9)
    strategy = Scripted(["ES"], lambda _view, _n: [order("ES", 1, OrderType.LIMIT, limit=3_900)])
    policy = LimitRiskPolicy(check_margin=False, max_orders=2, max_orders_window_s=3 * 3_600)
    record = play(strategy, market_of(bars), risk=policy)
    entered = ((record.orders["ts_submit_ns"] - bars.ts_close_ns[0]) // HOUR_NS).tolist()
    assert entered == [0, 1, 3, 4, 6, 7]
    assert [refusal.limit for refusal in record.refusals] == ["max_orders"] * 3
    assert record.refusals[0].reason == "The ES order would be number 3 within 10,800 s; at most 2 are allowed."


def test_a_policy_keeps_nothing_from_one_run_to_the_next() -> None:
    policy = LimitRiskPolicy(check_margin=False, max_orders=1, max_orders_window_s=2 * 3_600)
    market = market_of(random_bars(3, "ES", 200, per_session=20))
    records = [play(Scripted(["ES"], restless(5, ["ES"])), market, risk=policy) for _ in range(2)]
    assert digest(records[0]) == digest(records[1])
    assert "max_orders" in {refusal.limit for refusal in records[0].refusals}


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 5))
def test_no_window_ever_holds_more_openings_than_allowed(seed: int, most: int, hours: int) -> None:
    market = market_of(
        random_bars(seed, "ES", 60, per_session=12), random_bars(seed + 1, "MES", 60, per_session=12, pause_ns=1)
    )
    policy = LimitRiskPolicy(check_margin=False, max_orders=most, max_orders_window_s=hours * 3_600)
    record = play(Scripted(["ES", "MES"], restless(seed, ["ES", "MES"])), market, risk=policy)
    for refusal in record.refusals:
        if refusal.limit == "max_orders":
            assert by_hand(record, hours * HOUR_NS, refusal.ts_ns) >= most
    # Far below the market nothing fills, so that every order is an opening one.
    opening = Scripted(["ES", "MES"], lambda _view, _n: [order("ES", 1, OrderType.LIMIT, limit=1.0)])
    steady = play(opening, market, risk=policy)
    assert len(steady.orders) + len(steady.refusals) == len(opening.wakes)
    assert all(by_hand(steady, hours * HOUR_NS, int(at)) <= most for at in steady.orders["ts_submit_ns"])


def test_cancels_are_free_and_the_books_share_one_rate() -> None:
    bars = flat("ES", [4_000] * 4, per_session=4)
    keyed = at_wakes({0: [order("ES", 1, OrderType.LIMIT, limit=3_900, key="a")]})
    other = at_wakes({0: [order("ES", 1, OrderType.LIMIT, limit=3_900)]})
    record = run_books(
        {"first": Scripted(["ES"], keyed), "second": Scripted(["ES"], other)},
        market_of(bars),
        account(1_000_000),
        sizer=FixedUnits(1),
        risk=LimitRiskPolicy(check_margin=False, max_orders=1, max_orders_window_s=60),
        trials=TrialList(),
    )
    assert (len(record.orders), [refusal.limit for refusal in record.refusals]) == (1, ["max_orders"])


def test_the_engines_own_orders_are_not_counted() -> None:
    # Liquidated at row 2; the strategy's order an hour later is its first within the window.
    closes = [4_000, 4_000, 3_600, 3_600, 3_600, 3_600]  # from 26,000 to 6,000, where 10,000 are needed
    script = at_wakes({0: [order("ES", 1)], 3: [order("ES", 1, OrderType.LIMIT, limit=3_500)]})
    policy = LimitRiskPolicy(check_margin=False, max_orders=1, max_orders_window_s=2 * 3_600)
    bars = flat("ES", closes, per_session=6)
    record = play(Scripted(["ES"], script), market_of(bars), account(26_000, halts=NO_HALT), risk=policy)
    assert record.orders["liquidation"].tolist() == [0, 1, 0]
    assert record.refusals == ()


# ---- price collar


def test_the_collar_stands_on_the_last_close_that_was_received() -> None:
    # The bar closes at 4,100 an hour before that is known: at the wake-up the last known price is 4,000.
    bars = flat("ES", [4_000, 4_100, 4_100, 4_100], per_session=4, delay_ns=HOUR_NS - 1)
    script = {0: [order("ES", 1, OrderType.LIMIT, limit=4_041)], 1: [order("ES", 1, OrderType.LIMIT, limit=4_041)]}
    record = play(
        Scripted(["ES"], at_wakes(script)),
        market_of(bars),
        risk=LimitRiskPolicy(check_margin=False, price_collar_fraction=0.01),
    )
    assert [refusal.reason for refusal in record.refusals] == [
        f"The limit of the ES order is 4,041.00 and the last price is {last}; at most 1 % of the last price between "
        "them are allowed."
        for last in ("4,000.00", "4,100.00")
    ]


def test_a_close_that_is_not_known_leaves_the_one_before() -> None:
    rows = [(4_000.0,) * 4, (4_100.0, 4_100.0, 4_100.0, float("nan")), (4_100.0,) * 4]
    script = {1: [order("ES", 1, OrderType.LIMIT, limit=4_002)]}
    policy = LimitRiskPolicy(check_margin=False, price_collar_ticks=8)
    record = play(Scripted(["ES"], at_wakes(script)), market_of(make_bars("ES", rows)), risk=policy)
    assert (len(record.orders), record.refusals) == (1, ())


def test_after_a_split_the_collar_stands_on_the_price_in_new_shares() -> None:
    bars = flat("SPY", [400.0, 400.0, 100.0, 100.0], pause_ns=HOUR_NS // 2)
    split = Split(int(bars.ts_event_ns[2]) - 1, 4, 1)
    seen: list[int | None] = []

    def look(view: View, number: int) -> Sequence[Intent]:
        seen.append(view.account.last_price_ticks("SPY"))
        return [order("SPY", 1, OrderType.LIMIT, limit=100.0)] if number == 2 else ()

    # The second bar is known only after the split: its close is one of old shares.
    late = replace(bars, ts_recv_ns=bars.ts_recv_ns + np.array([0, split.ts_ns - int(bars.ts_close_ns[1]) + 1, 0, 0]))
    record = run(
        Scripted(["SPY"], look),
        {"SPY": (instrument("SPY"), late)},
        account(100_000, AccountKind.REG_T),
        sizer=FixedUnits(1),
        risk=LimitRiskPolicy(check_margin=False, price_collar_ticks=10),
        trials=TrialList(),
        events={"SPY": [split]},
    )
    assert seen == [40_000, 10_000, 10_000, 10_000]
    assert record.refusals == ()


# ---- five thousand dollars


def margin_held(record: RunRecord, at: int) -> int:
    """Initial margin of what is held after fill `at`, in micros, by the figures of that day."""
    day = day_of(int(record.fills["ts_event_ns"][at]) // NS_PER_DAY)
    needed = 0
    for code, symbol in enumerate(record.universe):
        mine = record.fills[: at + 1][record.fills["instrument"][: at + 1] == code]
        lots = int(mine["position_after_lots"][-1]) if len(mine) else 0
        figure = [margin.initial for margin in instrument(symbol).margins if margin.effective_date <= day][-1]
        needed += abs(lots) * int(figure) * DOLLAR
    return needed


def opens(record: RunRecord, at: int) -> bool:
    fill = record.fills[at]
    return abs(int(fill["position_after_lots"])) > abs(int(fill["position_after_lots"] - fill["signed_lots"]))


SMALL = account(5_000, costs=CostModel(slippage_ticks=1), halts=NO_HALT)


@pytest.mark.parametrize("check_margin", [True, False])
def test_five_thousand_dollars_carry_four_micros_and_no_large_contract(check_margin: bool) -> None:
    bars = [flat(symbol, [4_000] * 6) for symbol in ("ES", "MES")]
    script = {0: [order("ES", 1)], 1: [order("MES", 5)], 2: [order("MES", 4)], 3: [order("MES", 1)]}
    policy = LimitRiskPolicy(check_margin=check_margin)
    record = play(Scripted(["ES", "MES"], at_wakes(script)), market_of(*bars), SMALL, risk=policy)
    # The policy stops what it can see; what it lets through the engine stops at the fill, lot by lot.
    if check_margin:
        assert {refusal.limit for refusal in record.refusals} == {"initial_margin"}
        assert [(refusal.instrument, refusal.signed_lots) for refusal in record.refusals] == [
            ("ES", 1), ("MES", 5), ("MES", 1),
        ]  # fmt: skip
        assert "bring initial margin to 11,000.00; the equity is 5,000.00" in record.refusals[0].reason
    else:
        ended = record.orders["reason"][record.orders["state"] == OrderState.REJECTED]
        assert set(ended.tolist()) == {int(Reason.INITIAL_MARGIN)}
    assert record.fills["position_after_lots"].max() == 4
    assert {record.universe[code] for code in record.fills["instrument"]} == {"MES"}
    assert (record.equity_micros > 4_900 * DOLLAR).all()


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.booleans())
def test_no_fill_ever_opens_what_the_equity_does_not_carry(seed: int, check_margin: bool) -> None:
    # Steps of up to 40 ticks: 50 dollars on a micro, 500 on a contract that cannot be held.
    market = market_of(
        random_bars(seed, "ES", 150, level=16_000, step=40, per_session=10),
        random_bars(seed, "MES", 150, level=16_000, step=40, per_session=10),
    )
    strategy = Scripted(["ES", "MES"], restless(seed, ["ES", "MES"], {"MES": 2.0}))
    record = play(strategy, market, SMALL, risk=LimitRiskPolicy(check_margin=check_margin))
    assert (record.equity_micros >= 0).all()
    assert {record.universe[code] for code in record.fills["instrument"]} <= {"MES"}
    equity_before = np.append(record.opening_cash_micros, record.equity_micros)
    closes = record.equity_ts_ns
    for at in range(len(record.fills)):
        if opens(record, at):
            # The equity at the close before, and what 42 ticks on four micros can have added at the open.
            known = equity_before[np.searchsorted(closes, record.fills["ts_event_ns"][at])]
            assert margin_held(record, at) <= known + 42 * 4 * 1_250_000


def test_an_account_that_shrinks_keeps_being_refused_and_ends_above_zero() -> None:
    # The market falls 2 points an hour and the strategy will not learn: it buys as many micros as it is given.
    bars = make_bars("MES", [(4_000.0 - 2 * i,) * 4 for i in range(600)], per_session=23)
    strategy = Scripted(["MES"], lambda _view, _n: [Target("MES", units=50.0), order("MES", 1)])
    record = play(strategy, market_of(bars), SMALL, risk=LimitRiskPolicy())
    assert any("liquidated" in note for note in record.notes)
    assert len(record.refusals) > 500
    assert 0 < record.equity_micros.min() < 1_200 * DOLLAR
    assert record.final_equity_micros < 1_200 * DOLLAR


def test_five_thousand_dollars_through_march_2020(real_data: Path) -> None:
    from argus.data import load_file, preset

    path = real_data / "futures_hourly" / "MES.parquet"
    micros, _ = load_file(path, preset("futures_hourly", "MES", contract="202003"))
    large = replace(micros, instrument="ES")

    def greedy(view: View, number: int) -> Sequence[Intent]:
        side = 1 if number // 40 % 2 == 0 else -1
        if number % 40 == 39:
            return [Close("MES"), Close("ES")]
        return [order("ES", side), order("MES", side), order("MES", 4 * side)]

    config = account(5_000, costs=CostModel(slippage_ticks=1), halts=NO_HALT)
    market = {"MES": (instrument("MES"), micros), "ES": (instrument("ES"), large)}
    record = play(Scripted(["MES", "ES"], greedy), market, config, risk=LimitRiskPolicy())
    assert {refusal.limit for refusal in record.refusals} == {"initial_margin"}
    assert {record.universe[code] for code in record.fills["instrument"]} == {"MES"}
    assert all(margin_held(record, at) <= 5_000 * DOLLAR for at in range(len(record.fills)))
    assert 5 <= np.abs(record.fills["position_after_lots"]).max() <= 7
    assert (record.equity_micros >= 0).all()
    assert (record.cash_micros >= 0).all()


def test_a_halt_after_a_daily_loss_is_on_by_default_and_liquidation_pays_its_costs() -> None:
    closes = [4_000, 4_000, 3_900, 3_900, 3_900]
    bars = flat("MES", closes, per_session=5)
    config = account(5_000, costs=CostModel(fee_per_unit=Decimal("0.62"), slippage_ticks=1))
    script = {0: [order("MES", 1)], 2: [order("MES", 1, OrderType.LIMIT, limit=3_000)]}
    record = play(Scripted(["MES"], at_wakes(script)), market_of(bars), config, risk=LimitRiskPolicy())
    assert record.orders["reason"].tolist()[-1] == Reason.DAILY_LOSS
    flatten = account(5_000, costs=config.costs, halts=HaltRules(flatten=True))
    closed = play(Scripted(["MES"], at_wakes(script)), market_of(bars), flatten, risk=LimitRiskPolicy())
    assert closed.fills["signed_lots"].tolist() == [1, -1]
    assert closed.fills["fee_micros"].tolist() == [620_000, 620_000]
    assert (closed.fills["price_ticks"] - closed.fills["base_ticks"]).tolist() == [1.0, -1.0]
