"""The short way of a compiled run: lone market orders and quiet bars leave the same record as the event loop does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from argus.engine import _coast_kernels, _trade_kernels
from argus.engine import compiled as words
from argus.engine._lane_kernels import is_plain_market
from argus.engine._layout import INT64_MAX, S_ORDERS
from argus.engine._order_kernels import MARKET, SUBMITTED
from argus.engine.batch import BATCH_DTYPE, run_batch
from argus.engine.compiled import Drive, bands_of, columns_of, limits_of
from argus.engine.config import CostModel, FillRules, HaltRules, RunConfig
from argus.engine.market import lay_out
from argus.engine.metrics import summarise
from argus.engine.record import FILL_DTYPE, ORDER_DTYPE
from argus.portfolio import LimitRiskPolicy
from tests.engine.markets import CURVES, TABLES, TrialList, account, market_of, play, random_bars
from tests.engine.scripts import Line, as_compiled, as_python

RISK = LimitRiskPolicy(check_margin=False)
COSTS = CostModel(fee_per_unit=Decimal("2.25"), slippage_ticks=1)


def lone_orders(seed: int, rows: int, units: float = 3.0) -> list[Line]:
    """Market orders and targets, one at a time and some bars apart; some with a stop, some withdrawn."""
    rng = np.random.default_rng(seed)
    lines = []
    wake = 0
    while wake < rows:
        size = float(rng.integers(1, int(units) + 1)) * (1.0 if rng.random() < 0.5 else -1.0)
        kind = words.TARGET if rng.random() < 0.5 else words.MARKET
        lines.append(Line(wake, kind, size, tif=int(kind == words.MARKET and rng.random() < 0.3)))
        if kind == words.MARKET and rng.random() < 0.2:
            lines.append(Line(wake + 1, words.CANCEL))
        wake += int(rng.choice([1, 2, 5, 20, 70]))
    return sorted(lines, key=lambda line: line.wake)


CONFIGS: dict[str, tuple[RunConfig, dict[str, Any]]] = {
    "plain": (account(1e6, costs=COSTS), {}),
    "little cash": (account(30_000, costs=COSTS, halts=HaltRules(daily_loss=None)), {}),
    "halts": (account(300_000, costs=COSTS, halts=HaltRules(Decimal("0.01"), Decimal("0.05"))), {}),
    "thin volume": (account(1e6, costs=COSTS, fills=FillRules(participation=Decimal("0.1"))), {"volume": 20.0}),
    "late orders": (account(1e6, costs=COSTS, latency_ns=70 * 10**9), {}),
    "unmarked ends": (account(1e6, costs=COSTS), {"marked_ends": False}),
    "pauses": (account(1e6, costs=COSTS), {"pause_ns": 10**9, "delay_ns": 10**8}),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("seed", range(3))
def test_lone_orders_are_the_same_in_python_compiled_and_in_a_batch(name: str, seed: int) -> None:
    config, how = CONFIGS[name]
    bars = random_bars(70 + seed, "ES", 900, per_session=130, minutes=1, step=12, **how)
    lines = lone_orders(seed, 900)
    python = play(as_python("ES", lines), market_of(bars), config, risk=RISK)
    compiled = play(as_compiled("ES", lines), market_of(bars), config, risk=RISK)
    for table in (*TABLES, *CURVES):
        assert getattr(python, table).tobytes() == getattr(compiled, table).tobytes(), table
    assert len(compiled.fills) > 3
    row = run_batch([as_compiled("ES", lines)], market_of(bars), config, risk=RISK, trials=TrialList(), workers=1)[0]
    metrics = summarise(compiled, 252.0)
    for figure in BATCH_DTYPE.names or ():
        if hasattr(metrics, figure):
            np.testing.assert_equal(row[figure], getattr(metrics, figure), figure)


def test_a_batch_keeps_no_cash_and_the_equity_of_session_ends() -> None:
    bars = random_bars(5, "ES", 900, per_session=130, minutes=1, marked_ends=False)
    market, config = market_of(bars), CONFIGS["plain"][0]
    strategy = as_compiled("ES", lone_orders(1, 900))
    arrays, columns = lay_out(market, ("ES",), config), columns_of(strategy, market)
    whole = Drive(strategy, arrays, columns, np.arange(1), config, limits_of(RISK))
    whole.play()
    little = Drive(strategy, arrays, columns, np.arange(1), config, limits_of(RISK))
    little.tables.eq_micros[:] = -1
    little.keep_little(bands_of(arrays))
    little.play()
    ends = np.append(np.flatnonzero(np.diff(bars.session)), len(bars) - 1)
    assert little.tables.eq_micros[ends].tobytes() == whole.tables.eq_micros[ends].tobytes()
    assert len(little.tables.cash_steps) == 0
    assert (little.tables.eq_micros[: len(bars)] == -1).any()
    count = int(whole.tables.state[S_ORDERS])
    assert little.tables.orders[:count].tobytes() == whole.tables.orders[:count].tobytes()


def compiled_and_plain(kernel: Any) -> list[Callable[..., Any]]:
    """A kernel as it is called, and the function that it was made of."""
    return [kernel, getattr(kernel, "py_func", kernel)]


@pytest.mark.parametrize("seed", range(8))
def test_bands_find_the_row_that_looking_at_rows_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 700
    marks = 4_000 + rng.integers(-8, 9, n).cumsum()
    low, high = (marks - rng.integers(0, 5, n)) * 0.25, (marks + rng.integers(0, 5, n)) * 0.25
    if seed % 2:
        low[rng.integers(0, n)] = np.nan
    bands, mark_bands = np.empty((11, 2)), np.empty((11, 2), dtype=np.int64)
    _coast_kernels.write_bands(low, high, marks, bands, mark_bands)
    equity = np.empty(n + 1, dtype=np.int64)
    found = set()
    for _ in range(60):
        first, stop = sorted(rng.integers(0, n, 2).tolist())
        per_tick = int(rng.integers(-2, 3)) * 12_500_000
        base = 10**12 - per_tick * 4_000
        away = np.inf if rng.random() < 0.3 else float(rng.integers(5, 60))
        money = float(rng.integers(2, 80)) * 12_500_000
        terms = (first, stop, (4_000 - away) * 0.25, (4_000 + away) * 0.25, low, high, marks, base, per_tick)
        limits = (int(10**12 - money), int(10**12 + money), 10**9)
        row = _coast_kernels.quiet_rows(*terms, *limits, equity, 0)
        for quiet_by_bands in compiled_and_plain(_coast_kernels.quiet_by_bands):
            assert quiet_by_bands(*terms, *limits, bands, mark_bands) == row
        found.add(row in (first, stop))
    assert found == {True, False}


def test_what_a_batch_counts_of_fills() -> None:
    fills = np.zeros(5, dtype=FILL_DTYPE)
    fills["signed_lots"] = [2, -2, 1, -3, 1]
    fills["position_after_lots"] = [2, 0, 1, -2, -1]  # opened, closed, opened, turned, lessened by a split
    fills["order_id"] = [0, 1, 2, 3, -1]
    fills["fee_micros"], fills["impact_micros"] = 10, 1
    for tally in compiled_and_plain(_trade_kernels.tally):
        assert tally(fills) == (55, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"type": MARKET + 1},
        {"ts_arrive_ns": 101},
        {"ts_cancel_ns": 90},
        {"expires_ns": 90},
        {"tif": 3},
        {"decision_id": -1},
        {"reduce_only": 1},
        {"replaces_id": 0},
        {"parent_id": 0},
        {"oco_group": 0},
        {"state": SUBMITTED + 1},
    ],
)
def test_only_a_market_order_that_stands_alone_goes_the_short_way(change: dict[str, int]) -> None:
    orders = np.zeros(1, dtype=ORDER_DTYPE)
    orders["ts_arrive_ns"], orders["ts_cancel_ns"], orders["expires_ns"] = 100, INT64_MAX, INT64_MAX
    orders["replaces_id"] = orders["parent_id"] = orders["oco_group"] = -1
    for form in compiled_and_plain(is_plain_market):
        assert form(0, 100, orders)
    for name, value in change.items():
        orders[name] = value
    for form in compiled_and_plain(is_plain_market):
        assert not form(0, 100, orders)
