from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from argus.engine.config import CostModel, FillRules, RunConfig
from argus.engine.metrics import session_returns, summarise
from argus.engine.replay import run
from argus.lab.journal.trials import MemoryTrialLedger
from argus.lab.red_flags import CHECK_NEXT, red_flags
from argus.lab.search.resplits import Paths
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.lab.markets import Fade, config, daily_bars, market_of, noise, reverting

_RECORD = run(
    Fade({}),
    market_of(daily_bars(reverting(500, 1))),
    config(),
    sizer=FixedUnits(),
    risk=LimitRiskPolicy(),
    trials=MemoryTrialLedger(),
)
_CALM = replace(summarise(_RECORD, 260.0), sharpe_annual=1.0, largest_trade_share=0.1)


def _names(metrics: object = _CALM, **changes: object) -> set[str]:
    given: dict[str, object] = {
        "net_by_cost": {"1": 10.0, "1.25": 8.0, "1.5": 6.0},
        "month_returns": [0.01, -0.01] * 10,
        "years_pnl": {2010: 4.0, 2011: 3.0, 2012: 3.0},
        "config": config(),
        "notes": (),
    }
    return {flag.name for flag in red_flags(metrics, **(given | changes))}  # type: ignore[arg-type]


def _paths(median: float) -> Paths:
    return Paths(10, 3, 120, (median,) * 36, median, median, float(median <= 0.0), "")


def test_nothing_suspicious_raises_nothing() -> None:
    assert _names() == set()
    assert _names(paths=_paths(0.1)) == set()
    # Where the walk lost too, nothing contradicts it.
    assert "other_splits_lose" not in _names(replace(_CALM, net_pnl_micros=-1), paths=_paths(-0.2))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("sharpe_above_3", {"metrics": replace(_CALM, sharpe_annual=3.1)}),
        ("few_trades", {"metrics": replace(_CALM, trades=29)}),
        ("one_trade", {"metrics": replace(_CALM, largest_trade_share=0.51)}),
        ("one_year", {"years_pnl": {2010: 9.0, 2011: 1.0, 2012: 1.0}}),
        ("no_losing_month", {"month_returns": [0.01] * 12}),
        ("other_splits_lose", {"paths": _paths(-0.2)}),
        ("edge_gone_at_1_5x", {"net_by_cost": {"1": 5.0, "1.5": -1.0}}),
        ("costs_zero", {"metrics": replace(_CALM, fees_micros=0)}),
        ("costs_zero", {"config": RunConfig(costs=CostModel(multiplier=Decimal(0)))}),
        ("fees_zero", {"metrics": replace(_CALM, fees_micros=0), "config": config(slippage_ticks=1)}),
        ("touch_fills", {"config": replace(config(), fills=FillRules(touch=True))}),
        ("unverified_figures", {"notes": ("ES: unverified figures were used: margins",)}),
        ("unbounded_volume", {"notes": ("ES: volume was not observed, so fills are not bounded by it",)}),
        ("adjusted_prices", {"notes": ("adjusted: not prices that traded",)}),
        ("synthetic_prices", {"notes": ("synthetic market",)}),
        ("liquidated", {"notes": ("the account was liquidated 1 times for lack of margin",)}),
    ],
)
def test_each_suspicion_has_its_flag(name: str, changes: dict[str, object]) -> None:
    assert _names(**changes) == {name}


def test_what_is_unknown_is_no_flag() -> None:
    quiet = replace(_CALM, sharpe_annual=math.nan, largest_trade_share=math.nan, trades=0, fills=0)
    assert _names(quiet, years_pnl={}, month_returns=[], net_by_cost={}) == set()


def test_every_flag_says_what_to_check_next() -> None:
    from argus.lab.red_flags import _NOTED

    assert {name for _, name in _NOTED} <= set(CHECK_NEXT)
    loud = replace(_CALM, sharpe_annual=4.0, trades=5, largest_trade_share=0.9)
    given = {"net_by_cost": {}, "years_pnl": {}, "config": config(), "month_returns": [], "notes": ("closes only",)}
    flags = red_flags(loud, **given)  # type: ignore[arg-type]
    assert len(flags) == 4
    assert all(flag.check_next == CHECK_NEXT[flag.name] and flag.check_next.endswith(".") for flag in flags)


_REAL = session_returns(_RECORD.session_equity()[1], _RECORD.opening_cash_micros)


def _told(returns: np.ndarray, **changes: object) -> dict[str, str]:
    found = red_flags(
        changes.pop("metrics", _CALM),  # type: ignore[arg-type]
        net_by_cost={},
        month_returns=[],
        years_pnl={},
        config=config(),
        notes=(),
        session_returns=returns,
        **changes,  # type: ignore[arg-type]
    )
    return {flag.name: flag.sentence for flag in found}


def test_a_market_is_not_too_smooth() -> None:
    # Noise, noise with a fair drift, and the account of a strategy that really earns.
    for returns in (noise(1_500, 1), noise(1_500, 2) + 0.0006, noise(100, 3), _REAL):
        assert "curve_too_smooth" not in _told(returns)


@pytest.mark.parametrize(
    ("returns", "reason"),
    [
        (0.001 + noise(800, 1) / 20.0, "a straight line explains"),
        (np.convolve(noise(802, 1), np.ones(3) / 3.0, "valid"), "like the one before"),
        (np.tile([0.01, -0.008, 0.004, -0.005, -0.003, 0.0021, 0.0], 120), "the same in every month"),
    ],
)
def test_a_curve_that_no_market_draws_is_too_smooth(returns: np.ndarray, reason: str) -> None:
    assert reason in _told(returns)["curve_too_smooth"]


def test_a_curve_too_short_or_dead_says_nothing() -> None:
    for returns in (np.full(59, 0.001), np.zeros(500), np.append(noise(200, 1), -1.0)):
        assert "curve_too_smooth" not in _told(returns)


def test_profit_that_stands_in_open_positions_is_a_mark() -> None:
    net = _CALM.net_pnl_micros
    assert net > 0
    assert "still open" in _told(_REAL, open_pnl_micros=net * 6 // 10)["compounded_on_marks"]
    assert "compounded_on_marks" not in _told(_REAL, open_pnl_micros=net * 4 // 10)
    lost = replace(_CALM, net_pnl_micros=-net)
    assert "compounded_on_marks" not in _told(_REAL, open_pnl_micros=net, metrics=lost)


def test_profit_of_a_growing_size_is_told_from_profit_of_the_strategy() -> None:
    opening = 1_000_000
    for daily, count, is_flagged in ((0.002, 1_500, True), (0.0003, 1_500, False)):
        returns = daily + noise(count, 4)
        final = int(opening * np.prod(1.0 + returns))
        grown = replace(_CALM, net_pnl_micros=final - opening, final_equity_micros=final)
        assert ("compounded_on_marks" in _told(returns, metrics=grown)) is is_flagged


def test_costs_near_zero_are_held_against_what_was_traded() -> None:
    fees = _CALM.fees_micros
    assert "costs_near_zero" in _told(_REAL, turnover_micros=fees * 200_000)
    assert "costs_near_zero" not in _told(_REAL, turnover_micros=fees * 50_000)
    assert "costs_near_zero" not in _told(_REAL)
