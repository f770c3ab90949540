"""Of `argus.engine.trade_metrics`."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.core.orders import OrderType
from argus.engine import trade_metrics as trades
from argus.engine.config import CostModel
from argus.engine.record import FILL_DTYPE
from tests.engine.markets import Scripted, account, at_wakes, make_bars, market_of, order, play

nets = st.lists(st.integers(-(10**9), 10**9), max_size=40)


def array(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def fills_of(*rows: tuple[int, int, int, int, int, int]) -> np.ndarray:
    """Fills of (instrument, bar, time, signed lots, price in ticks, position after) at 10 micros a tick."""
    fills = np.zeros(len(rows), dtype=FILL_DTYPE)
    for at, (code, row, ts, lots, price, position) in enumerate(rows):
        fills[at]["instrument"], fills[at]["row"], fills[at]["ts_event_ns"] = code, row, ts
        fills[at]["signed_lots"], fills[at]["price_ticks"], fills[at]["base_ticks"] = lots, price, price
        fills[at]["value_micros"], fills[at]["position_after_lots"] = lots * price * 10, position
    return fills


NONE = fills_of()


def test_payoff_and_expectancy() -> None:
    net = array([300, -100, 200, -50, 0])
    assert trades.payoff_ratio(net) == pytest.approx(250 / 75)
    assert trades.expectancy_error(net) == pytest.approx(np.std(net, ddof=1) / math.sqrt(5))
    for one_sided in ([], [5, 6], [-5], [0]):
        assert math.isnan(trades.payoff_ratio(array(one_sided)))
    assert math.isnan(trades.expectancy_error(array([5])))


@given(nets)
def test_payoff_times_odds_is_the_profit_factor(values: list[int]) -> None:
    from argus.engine import metrics

    net = array([value for value in values if value])
    payoff = trades.payoff_ratio(net)
    if not math.isnan(payoff):
        hits = metrics.hit_rate(net)
        assert payoff * hits / (1.0 - hits) == pytest.approx(metrics.profit_factor(net))
        assert (payoff * hits > 1.0 - hits) == (metrics.expectancy(net) > 0) or metrics.expectancy(
            net
        ) == pytest.approx(0)


def test_edge_ratio_of_money_and_of_volatility() -> None:
    mae, mfe = array([-10, -30, 0]), array([20, 30, 10])
    assert trades.edge_ratio(mae, mfe) == pytest.approx(60 / 40)
    scale = np.array([10.0, 30.0, 5.0])
    assert trades.edge_ratio(mae, mfe, scale) == pytest.approx((2 + 1 + 2) / (1 + 1 + 0))
    assert math.isnan(trades.edge_ratio(array([]), array([])))
    assert math.isnan(trades.edge_ratio(array([0]), array([5])))
    with pytest.raises(ConfigError, match="scale of trade 1"):
        trades.edge_ratio(mae, mfe, np.array([1.0, math.nan, 1.0]))
    with pytest.raises(ConfigError, match="1 scales for 3 trades"):
        trades.edge_ratio(mae, mfe, scale[:1])


def test_winners_and_how_far_they_went_against_you() -> None:
    net, mae = array([*range(1, 11), -5]), array([*(-step for step in range(1, 11)), -99])
    assert trades.winner_excursion(mae, net) == 9.0
    assert trades.winner_excursion(mae, net, 1.0) == 10.0
    assert math.isnan(trades.winner_excursion(mae[-1:], net[-1:]))
    with pytest.raises(ConfigError, match="share is 0"):
        trades.winner_excursion(mae, net, 0)


def test_captured_share() -> None:
    assert trades.captured_share(array([30, -10]), array([50, 10])) == pytest.approx(20 / 60)
    assert math.isnan(trades.captured_share(array([-10]), array([0])))
    assert math.isnan(trades.captured_share(array([]), array([])))


def test_time_in_market_counts_overlapping_positions_once() -> None:
    fills = fills_of(
        (0, 0, 10, 2, 100, 2),
        (1, 0, 20, -1, 50, -1),
        (0, 1, 30, -2, 110, 0),
        (1, 1, 40, 1, 50, 0),
        (0, 2, 90, 1, 100, 1),
    )
    assert trades.time_in_market(fills, 0, 100) == pytest.approx((30 + 10) / 100)
    assert trades.time_in_market(fills, 20, 40) == 1.0
    assert trades.time_in_market(fills, 40, 90) == 0.0
    assert trades.time_in_market(NONE, 0, 100) == 0.0
    assert math.isnan(trades.time_in_market(fills, 5, 5))


def test_a_reversal_at_one_instant_leaves_no_gap() -> None:
    fills = fills_of((0, 0, 10, 1, 100, 1), (0, 1, 50, -2, 100, -1), (0, 2, 60, 1, 100, 0))
    assert trades.time_in_market(fills, 0, 100) == pytest.approx(0.5)


def test_gross_and_net_exposure() -> None:
    fills = fills_of((0, 0, 10, 2, 100, 2), (1, 0, 20, -1, 50, -1))
    instants, equity = array([5, 15, 25, 35]), array([1_000, 1_000, 1_000, 0])
    assert trades.mean_exposure(fills, instants, equity) == pytest.approx((0 + 2.0 + 2.5) / 3)
    assert trades.mean_exposure(fills, instants, equity, net=True) == pytest.approx((0 + 2.0 + 1.5) / 3)
    assert math.isnan(trades.mean_exposure(fills, instants[-1:], equity[-1:]))
    assert trades.mean_exposure(NONE, instants, equity) == 0.0


def test_slippage_is_recovered_from_the_fills_of_a_run() -> None:
    # MES: a tick of 0.25 is worth 1.25 dollars a contract.
    bars = make_bars("MES", [(4_000, 4_010, 3_990, 4_000)] * 6)
    script = {0: [order("MES", 3)], 2: [order("MES", -3)]}
    config = account(100_000, costs=CostModel(fee_per_unit=Decimal(0), slippage_ticks=2))
    record = play(Scripted(["MES"], at_wakes(script)), market_of(bars), config)
    assert trades.slippage_micros(record.fills).tolist() == [3 * 2 * 1_250_000] * 2
    assert -record.net_pnl_micros == 2 * 3 * 2 * 1_250_000


def test_limit_orders_pay_no_slippage() -> None:
    bars = make_bars("MES", [(4_000, 4_010, 3_990, 4_000)] * 4)
    script = {0: [order("MES", 1, OrderType.LIMIT, limit=3_995.0)]}
    config = account(100_000, costs=CostModel(fee_per_unit=Decimal(0), slippage_ticks=2))
    record = play(Scripted(["MES"], at_wakes(script)), market_of(bars), config)
    assert trades.slippage_micros(record.fills).tolist() == [0.0]


def test_slippage_at_a_price_of_zero_takes_the_tick_from_another_fill() -> None:
    fills = fills_of((0, 0, 10, 2, 0, 2), (0, 1, 20, -2, -40, 0), (1, 1, 20, 1, 0, 1))
    fills["base_ticks"] = [-1.0, -38.5, 0.0]
    found = trades.slippage_micros(fills)
    assert found[:2].tolist() == [pytest.approx(1 * 2 * 10), pytest.approx(-1.5 * -2 * 10)]
    assert math.isnan(found[2])
    assert not len(trades.slippage_micros(NONE))


def test_costs_and_what_could_have_been_borne() -> None:
    assert trades.cost_share(25.0, 100.0) == 0.25
    assert trades.break_even_cost(100.0, 400_000.0) == pytest.approx(0.00025)
    assert trades.break_even_multiplier(100.0, 25.0) == 4.0
    assert trades.break_even_multiplier(-10.0, 25.0) == pytest.approx(-0.4)
    assert math.isnan(trades.cost_share(25.0, -1.0))
    assert math.isnan(trades.break_even_cost(0.0, 0.0))
    assert math.isnan(trades.break_even_multiplier(5.0, 0.0))


def test_participation_adds_the_fills_of_a_bar() -> None:
    fills = fills_of((0, 1, 10, 3, 100, 3), (0, 1, 11, -2, 100, 1), (0, 4, 20, 1, 100, 2), (1, 0, 20, 7, 100, 7))
    volumes = [np.array([9.0, 50.0, 9.0, 9.0, 0.0]), np.array([math.nan])]
    found = trades.participation(fills, volumes)
    assert found[:2].tolist() == [pytest.approx(0.1), math.inf]
    assert math.isnan(found[2])
    assert not len(trades.participation(NONE, volumes))
    with pytest.raises(ConfigError, match="bar 4 of instrument 0, which has 3 bars"):
        trades.participation(fills, [volumes[0][:3]])
    with pytest.raises(ConfigError, match="volumes of 1 instruments"):
        trades.participation(fills, volumes[:1])


def test_capacity_is_what_the_limit_leaves() -> None:
    shares = np.array([0.001, 0.002, 0.004, 0.0005])
    assert trades.capacity_multiple(shares, 0.01) == pytest.approx(2.5)
    assert trades.capacity_multiple(shares, 0.01, 0.75) == pytest.approx(5.0)
    assert trades.capacity_multiple(np.array([math.inf]), 0.01) == 0.0
    assert math.isnan(trades.capacity_multiple(shares[:0], 0.01))
    assert math.isnan(trades.capacity_multiple(np.array([0.1, math.nan]), 0.01))
    for wrong in ((0.0, 1.0), (0.1, 1.5), (math.nan, 1.0)):
        with pytest.raises(ConfigError, match=r"must lie in \(0, 1\]"):
            trades.capacity_multiple(shares, *wrong)


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=30), st.floats(1e-4, 1.0))
def test_a_run_of_that_size_just_meets_the_limit(shares: list[float], limit: float) -> None:
    multiple = trades.capacity_multiple(np.array(shares), limit)
    assert max(shares) * multiple == pytest.approx(limit)
