"""Of `argus.engine.run_metrics` and `argus.engine.declared_metrics`."""

from __future__ import annotations

import math
from dataclasses import asdict, fields, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.engine import metrics
from argus.engine.config import CostModel
from argus.engine.declared_metrics import METRICS, Metric, metric
from argus.engine.record import RunRecord
from argus.engine.run_metrics import summary
from tests.engine.markets import Scripted, account, at_wakes, make_bars, market_of, order, play, random_bars, restless

CAPACITY = ("participation_max", "capacity_multiple", "capacity_micros")
MARKET = market_of(random_bars(5, "MES", 1_200, level=16_000, volume=10_000.0))


@pytest.fixture(scope="module")
def record() -> RunRecord:
    config = account(500_000, costs=CostModel(fee_per_unit=Decimal("0.62"), slippage_ticks=1))
    return play(Scripted(["MES"], restless(3, ["MES"])), MARKET, config)


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def idle(rows: int) -> RunRecord:
    """A run in which nothing was ever done."""
    bars = make_bars("MES", [(4_000, 4_010, 3_990, 4_000)] * rows)
    return play(Scripted(["MES"], at_wakes({})), market_of(bars))


def test_every_declared_figure_is_there_in_its_order(record: RunRecord) -> None:
    found = summary(record, MARKET)
    assert list(found) == list(METRICS)
    assert all(type(value) is float for value in found.values())
    # The run lost money, so that no trade has a share in its profit; everything else is known.
    assert [name for name, value in found.items() if not math.isfinite(value)] == ["largest_trade_share"]


def test_every_declaration_says_all_of_it() -> None:
    for each in METRICS.values():
        for field in fields(Metric):
            assert getattr(each, field.name) or field.name == "also", f"{each.name}: {field.name}"
    words = [word for each in METRICS.values() for word in (each.name.replace("_", " "), *each.also)]
    assert len(words) == len(set(words))


def test_every_figure_stands_on_its_page(repository: Path) -> None:
    page = (repository / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert not [name for name in METRICS if f"`{name}`" not in page]


def test_the_figures_of_the_short_summary_are_the_same(record: RunRecord) -> None:
    found = summary(record, sessions_per_year=252.0)
    for name, value in asdict(metrics.summarise(record, 252.0)).items():
        if name != "final_equity_micros":
            assert same(found[name], value), name


def test_capacity_needs_the_market_of_the_run(record: RunRecord) -> None:
    without = summary(record)
    assert all(math.isnan(without[name]) for name in CAPACITY)
    found = summary(record, MARKET, participation_limit=0.02)
    lots = np.bincount(record.fills["row"], weights=np.abs(record.fills["signed_lots"]))
    assert found["participation_max"] == pytest.approx(lots.max() / 10_000)
    assert found["capacity_multiple"] == pytest.approx(0.02 / found["participation_max"])
    assert all(same(found[name], without[name]) for name in METRICS if name not in CAPACITY)
    other = market_of(random_bars(6, "MES", 1_200, level=16_000, volume=10_000.0))
    with pytest.raises(ConfigError, match="not those of run"):
        summary(record, other)
    with pytest.raises(ConfigError, match="market holds no MES"):
        summary(record, {})
    with pytest.raises(ConfigError, match="limit is 2"):
        summary(record, MARKET, participation_limit=2.0)


def test_unobserved_volume_leaves_capacity_unknown() -> None:
    bars = make_bars("MES", [(4_000, 4_010, 3_990, 4_000)] * 9)
    market = market_of(bars)
    run = play(Scripted(["MES"], at_wakes({1: [order("MES", 1)]})), market)
    assert all(math.isnan(summary(run, market)[name]) for name in CAPACITY)


def test_costs_add_up(record: RunRecord) -> None:
    found = summary(record)
    costs = found["fees_micros"] + found["slippage_micros"]
    gross = found["net_pnl_micros"] + costs
    traded = float(np.abs(record.fills["value_micros"]).sum())
    assert found["break_even_cost"] * traded == pytest.approx(gross)
    assert found["break_even_multiplier"] * costs == pytest.approx(gross)
    lots = int(np.abs(record.fills["signed_lots"]).sum())
    assert found["fees_micros"] == lots * 620_000
    assert 0 < found["slippage_micros"] <= lots * 1_250_000


def test_a_trade_by_hand() -> None:
    # Bought 2 MES (5 dollars a point) at the open of the second bar, 4,000, sold at that of the fourth, 4,020; the low
    # in between is 3,990, the high 4,030.
    rows = [(4_000, 4_000, 4_000, 4_000), (4_000, 4_010, 3_990, 4_010), (4_010, 4_030, 4_005, 4_020)]
    rows += [(4_020, 4_020, 4_020, 4_020)] * 3
    bars = make_bars("MES", rows, volume=100.0)
    config = account(10_000, costs=CostModel(fee_per_unit=Decimal(1)))
    market = market_of(bars)
    run = play(Scripted(["MES"], at_wakes({0: [order("MES", 2)], 2: [order("MES", -2)]})), market, config)
    found = summary(run, market)
    dollars = {name: found[name] / 1e6 for name in METRICS if name.endswith("_micros")}
    assert (dollars["net_pnl_micros"], dollars["fees_micros"], dollars["slippage_micros"]) == (196.0, 4.0, 0.0)
    assert (dollars["mae_mean_micros"], dollars["mfe_mean_micros"]) == (-100.0, 300.0)
    assert (found["edge_ratio"], found["winner_mae_90_micros"]) == (3.0, 100e6)
    assert found["captured_share"] == pytest.approx(200 / 300)
    assert found["cost_share"] == pytest.approx(4 / 200)
    assert found["break_even_cost"] == pytest.approx(200 / (2 * 5 * (4_000 + 4_020)))
    assert found["participation_max"] == pytest.approx(0.02)
    assert found["capacity_multiple"] == pytest.approx(0.5)
    assert (found["hit_rate"], found["trades"], found["exposure"]) == (1.0, 1.0, pytest.approx(2 / 6))
    assert found["profit_factor"] == math.inf
    assert math.isnan(found["payoff_ratio"])
    # Six sessions on six days in a row: no whole week, so nothing is known about a year.
    assert all(math.isnan(found[name]) for name in METRICS if "annual" in name)


@pytest.mark.parametrize("rows", [2, 3, 40])
def test_a_run_without_trades_has_no_ratios_and_no_wrong_numbers(rows: int) -> None:
    found = summary(idle(rows))
    counted = {"net_pnl_micros", "return_total", "orders", "fills", "trades", "fees_micros", "slippage_micros"}
    held = {"exposure", "exposure_time", "exposure_gross", "exposure_net"}
    falls = {"drawdown_max", "drawdown_max_micros", "drawdown_sessions", "under_water", "ulcer_index"}
    assert all(found[name] == 0.0 for name in (counted | held | falls) if rows > 2 or name != "exposure_time")
    # Nothing that happened is nothing, not a ratio: what is left is zero where zero is the truth, and NaN elsewhere.
    known = counted | held | falls | {"sessions", "sessions_per_year"}
    rest = {name: value for name, value in found.items() if name not in known and not math.isnan(value)}
    true_zeros = {"vol_annual", "return_annual", "downside_annual", "month_return_mean", "month_return_worst"}
    true_zeros |= {"months_positive", "var_95", "cvar_95", "turnover_equity_annual"}
    true_zeros |= {"carry_paid_micros", "carry_received_micros", "interest_micros"}
    assert set(rest) <= true_zeros
    assert set(rest.values()) <= {0.0}


def test_a_record_without_any_session(record: RunRecord) -> None:
    empty = replace(
        idle(2),
        equity_ts_ns=record.equity_ts_ns[:0],
        equity_micros=record.equity_micros[:0],
        cash_micros=record.cash_micros[:0],
        equity_session=record.equity_session[:0],
    )
    found = summary(empty)
    assert found["sessions"] == 0.0
    assert math.isnan(found["sharpe_annual"])
    assert math.isnan(found["exposure_time"])


def test_weeks_and_months_resemble_sessions_where_returns_do_not_depend() -> None:
    # One lot held through a random walk: positions that change in size would make the size of returns depend.
    found = summary(play(Scripted(["MES"], at_wakes({0: [order("MES", 1)]})), MARKET, account(500_000)))
    assert found["sharpe_annual_weekly"] == pytest.approx(found["sharpe_annual"], abs=1.0)
    assert abs(found["autocorrelation_1"]) < 3.0 / math.sqrt(found["sessions"])
    assert found["sharpe_annual_error_dependent"] == pytest.approx(found["sharpe_annual_error"], rel=0.3)


@pytest.mark.parametrize(
    ("word", "name"),
    [("sharpe", "sharpe_annual"), ("Sharpe annual", "sharpe_annual"), ("CVaR", "cvar_95"), ("calmar", "calmar")],
)
def test_a_figure_is_found_by_its_words(word: str, name: str) -> None:
    assert metric(word).name == name


def test_an_unknown_figure_lists_those_that_come_near() -> None:
    with pytest.raises(ConfigError, match="sortino"):
        metric("sortina")
    with pytest.raises(ConfigError, match="known are sessions"):
        metric("xqzwv")
