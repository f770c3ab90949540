"""Intents on their way from a root to its contracts, resting orders at a roll, fills on their way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from argus.core.errors import OrderError, StrategyFailed
from argus.core.instruments import instrument
from argus.core.intents import Bracket, Cancel, Close, Forecast, Intent, OrderRequest, Replace, Target
from argus.core.orders import Fill, OrderState, OrderType, Reason, Side, TimeInForce
from argus.core.ports import View
from argus.core.strategy import WakeRule
from argus.data import Adjustment
from argus.engine.rolled_strategy import RolledStrategy
from argus.engine.rolled_view import RolledView
from argus.engine.rolling import rolled_root
from tests.data.futures_samples import contract
from tests.engine.markets import Scripted, order
from tests.engine.rolls import GAP, MES, H, M, fills_told, play_rolled, scripted, sheet_root

BEFORE, AFTER = 1, 4
"""Wake-ups on the afternoon of 7 March and on the morning of 9 March."""


def request(kind: OrderType, units: float, **prices: float) -> OrderRequest:
    side = Side.BUY if units > 0 else Side.SELL
    return OrderRequest("MES", side, kind, abs(units), time_in_force=TimeInForce.GTC, **prices)  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------------- prices of orders


@pytest.mark.parametrize(
    ("wanted", "limit", "stop"),
    [
        # Off the grid a limit becomes harder to reach, and a stop is reached later and at a worse price.
        (request(OrderType.LIMIT, 1, limit_price=3900.00), 3900.00, 0.0),
        (request(OrderType.LIMIT, 1, limit_price=3900.10), 3900.00, 0.0),
        (request(OrderType.LIMIT, -1, limit_price=4200.10), 4200.25, 0.0),
        (request(OrderType.STOP, 1, stop_price=4200.10), 0.0, 4200.25),
        (request(OrderType.STOP, -1, stop_price=3900.10), 0.0, 3900.00),
        (request(OrderType.STOP_LIMIT, 1, limit_price=4201.10, stop_price=4200.10), 4201.00, 4200.25),
        (request(OrderType.STOP_LIMIT, -1, limit_price=3899.10, stop_price=3900.10), 3899.25, 3900.00),
        (request(OrderType.LIMIT_ON_CLOSE, 1, limit_price=3900.10), 3900.00, 0.0),
    ],
)
@pytest.mark.parametrize("wake", [BEFORE, AFTER])
def test_prices_are_given_in_terms_of_the_series(wanted: OrderRequest, limit: float, stop: float, wake: int) -> None:
    record = play_rolled(scripted({wake: [wanted]}), sheet_root())
    sent = record.orders[0]
    added = GAP if wake == AFTER else 0.0
    assert record.universe[sent["instrument"]] == (M if wake == AFTER else H)
    assert sent["limit_ticks"] * 0.25 == (limit + added if limit else 0.0)
    assert sent["stop_ticks"] * 0.25 == (stop + added if stop else 0.0)


def test_a_trailing_stop_keeps_its_distance_or_scales_it() -> None:
    trail = replace(request(OrderType.TRAILING_STOP, -1), trail=5.0)
    for adjustment, ticks in ((Adjustment.DIFFERENCE, 20), (Adjustment.UNADJUSTED, 20), (Adjustment.RATIO, 21)):
        record = play_rolled(scripted({AFTER: [trail]}), sheet_root(adjustment=adjustment))
        # 5.00 x 4040.50 / 4011.00 = 5.04, up to the next tick.
        assert record.orders[0]["trail_ticks"] == ticks


def test_a_bracket_is_carried_over_with_its_exits() -> None:
    entry = replace(request(OrderType.MARKET, 1), order_key="in")
    bracket = Bracket(entry, stop_price=3950.10, target_price=4100.10)
    record = play_rolled(scripted({AFTER: [bracket]}), sheet_root())
    assert [record.universe[k] for k in record.orders["instrument"]] == [M, M, M]
    assert record.orders["stop_ticks"][1] * 0.25 == 3950.00 + GAP
    assert record.orders["limit_ticks"][2] * 0.25 == 4100.25 + GAP
    trailed = play_rolled(scripted({AFTER: [Bracket(entry, trail=5.0)]}), sheet_root())
    assert trailed.orders["trail_ticks"][1] == 20


@pytest.mark.parametrize("intent", [Forecast("MES", 1.0), Target("MES", units=1.0), request(OrderType.MARKET, 1)])
def test_opinions_and_targets_go_to_the_contract_in_front(intent: Intent) -> None:
    for wake, symbol in ((BEFORE, H), (3, M), (AFTER, M)):  # wake-up 3 is the close before the roll takes effect
        record = play_rolled(scripted({wake: [intent], 8: [Close("MES")]}), sheet_root())
        fills = [fill[:2] for fill in fills_told(record)]
        assert fills[0] == (symbol, 1)
        assert fills[-1] == (M, -1)
        assert len(fills) == (4 if symbol == H else 2)


def test_a_change_of_mind_at_the_roll_comes_on_top_of_it() -> None:
    record = play_rolled(scripted({0: [Forecast("MES", 1.0)], 3: [Forecast("MES", -1.0)]}), sheet_root())
    assert [fill[:2] for fill in fills_told(record)] == [(H, 1), (H, -1), (M, 1), (M, -2)]


# ------------------------------------------------------------------------------------------------------ resting orders


def test_resting_orders_of_the_old_contract_are_withdrawn_and_the_strategy_is_told() -> None:
    resting = [
        replace(request(OrderType.LIMIT, 1, limit_price=3000.0), order_key="low"),
        request(OrderType.LIMIT, -1, limit_price=5000.0),  # without a key of its own
        Bracket(
            replace(request(OrderType.STOP, 1, stop_price=5000.0), order_key="up"), stop_price=3000.0, target_price=6000
        ),
    ]
    told = []
    script: dict[int, Sequence[Intent]] = {
        BEFORE: resting,
        AFTER: [replace(request(OrderType.LIMIT, 1, limit_price=3000.0), order_key="low")],
        AFTER + 1: [Cancel("low"), Cancel("up")],
    }
    record = play_rolled(scripted(script, lambda view, number: told.append((number, view.rolls))), sheet_root())
    old = record.orders[:5]
    assert {record.universe[k] for k in old["instrument"]} == {H}
    assert set(old["state"]) == {OrderState.CANCELLED}
    assert list(old["reason"]) == [Reason.BY_STRATEGY] * 3 + [Reason.PARENT_DONE] * 2
    root = sheet_root()
    assert len(set(old["ts_cancel_ns"])) == 1
    assert int(old["ts_cancel_ns"][0]) == root.due_ns[0]
    # The new one under the old key is another order, and is there until it is cancelled itself.
    again = record.orders[5]
    assert record.universe[again["instrument"]] == M
    assert int(again["ts_cancel_ns"]) > int(again["ts_submit_ns"])
    assert [number for number, rolls in told if rolls] == [3]
    assert told[3][1] == root.schedule.rolls


def test_orders_at_market_that_are_on_their_way_move_with_the_position() -> None:
    """Sent on 8 March for the opening of 9 March, where the roll meets it."""
    at_open = replace(request(OrderType.MARKET_ON_OPEN, 1), order_key="later")
    record = play_rolled(scripted({0: [Target("MES", units=1.0)], 2: [at_open]}), sheet_root())
    position: dict[str, int] = {}
    for symbol, lots, *_ in fills_told(record):
        position[symbol] = position.get(symbol, 0) + lots
    assert position == {H: 0, M: 2}


def test_to_replace_what_a_roll_withdrew_is_an_error_that_says_so() -> None:
    limit = replace(request(OrderType.LIMIT, 1, limit_price=3000.0), order_key="low")
    moved = Replace("low", replace(limit, limit_price=3100.0, order_key="low"))
    record = play_rolled(scripted({1: [limit], 2: [moved]}), sheet_root())
    assert list(record.orders["reason"][:1]) == [Reason.REPLACED]
    with pytest.raises(OrderError, match=rf"replace of 'low': the roll to {M} withdrew that order; send it again"):
        play_rolled(scripted({1: [limit], AFTER: [moved]}), sheet_root())
    child = replace(request(OrderType.STOP, -1, stop_price=3000.0), parent_key="low")
    with pytest.raises(OrderError, match="parent of 'low'"):
        play_rolled(scripted({1: [limit], AFTER: [child]}), sheet_root())


# -------------------------------------------------------------------------------------------------------- fills, wakes


@pytest.mark.parametrize("adjustment", list(Adjustment))
def test_fills_are_told_in_terms_of_the_series(adjustment: Adjustment) -> None:
    root = sheet_root(adjustment=adjustment)
    strategy = Scripted(
        ("MES",), lambda _view, number: [Target("MES", units=1.0)] if number == 0 else [], lambda _fill, _view: []
    )
    record = play_rolled(strategy, root)
    assert [fill.instrument for fill in strategy.told] == ["MES"] * 3
    assert [fill.signed_lots for fill in strategy.told] == [1, -1, 1]
    own = [int(ticks) for ticks in record.fills["price_ticks"]]
    amount = root.amounts[1]
    mapped = round(own[2] * amount) if adjustment is Adjustment.RATIO else round(own[2] + amount * 4)
    assert [fill.price_ticks for fill in strategy.told] == [own[0], own[1], mapped]


def test_a_stop_sent_in_answer_to_a_fill_protects_the_contract_that_filled() -> None:
    def on_fill(fill: Fill, view: View) -> list[Intent]:
        assert isinstance(view, RolledView)
        price = fill.price_ticks * 0.25 - 2.0
        return [replace(request(OrderType.STOP, -1, stop_price=price), reduce_only=True)] if not view.rolls else []

    strategy = Scripted(
        ("MES",), lambda _view, number: [Target("MES", units=1.0)] if number == AFTER + 1 else [], on_fill
    )
    record = play_rolled(strategy, sheet_root())
    # Bought at 4043.25 on 10 March; the stop two points below is reached in that very bar.
    assert fills_told(record)[:2] == [(M, 1, 4043.25, ""), (M, -1, 4041.00, "")]


def test_sessions_wake_a_strategy_that_asks_for_them() -> None:
    root = sheet_root()
    strategy = scripted({}, wake=WakeRule.SESSION_END)
    play_rolled(strategy, root)
    bars = root.series.bars
    assert strategy.wakes == bars.ts_recv_ns[bars.session_end].tolist()


def test_two_roots_roll_each_on_its_own_day() -> None:
    zn = instrument("ZN")
    first, last = date(2023, 2, 13), date(2023, 3, 17)
    notes = {name: contract(name, first, last, close=110.0 + at) for at, name in enumerate(("ZN.202303", "ZN.202306"))}
    stocks = {name: contract(name, first, last, close=4000.0 + at) for at, name in enumerate((H, M))}
    wanted = [Forecast("ZN", 1.0), Forecast("MES", -1.0)]
    # Its universe has another order than the roots are given in.
    strategy = Scripted(("ZN", "MES"), lambda _view, number: wanted if number == 0 else [])
    roots = (rolled_root(stocks, MES), rolled_root(notes, zn))
    record = play_rolled(strategy, *roots)
    assert record.universe == ("ZN.202303", "ZN.202306", H, M)
    assert [fill[:2] for fill in fills_told(record)] == [
        ("ZN.202303", 1),
        (H, -1),
        ("ZN.202303", -1),
        ("ZN.202306", 1),
        (H, 1),
        (M, -1),
    ]


def test_a_wrong_answer_is_told_as_the_strategys() -> None:
    with pytest.raises(OrderError, match="ES is not in the universe of this run"):
        play_rolled(scripted({0: [order("ES", 1)]}), sheet_root())
    with pytest.raises(OrderError, match="finite number"):
        play_rolled(scripted({0: [request(OrderType.LIMIT, 1, limit_price=float("nan"))]}), sheet_root())
    for answer in ("buy", ["buy"]):
        with pytest.raises(StrategyFailed, match="a sequence of intents is expected"):
            play_rolled(scripted({0: answer}), sheet_root())  # type: ignore[dict-item]


def test_the_wrapper_declares_the_contracts_under_the_strategys_name() -> None:
    root = sheet_root()
    rolled = RolledStrategy(scripted({}, warmup=7, values={"n": 3}), [root])
    assert rolled.spec.universe == (H, M)
    assert rolled.spec.late == {H, M}
    assert (rolled.spec.name, rolled.spec.values["n"]) == ("scripted", 3)
    assert str(rolled.spec.values["rolled_source"]).startswith("Scripted ")
    assert rolled.roots == (root,)
    assert rolled.feature_columns() == {}
    assert np.all(rolled.roots[0].series.bars.close > 0)
