from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from argus.engine.config import CostModel, FillRules, RunConfig
from argus.engine.metrics import summarise
from argus.engine.replay import run
from argus.lab.red_flags import red_flags
from argus.lab.trials import MemoryTrialLedger
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.lab.markets import Fade, config, daily_bars, market_of, reverting

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


def test_nothing_suspicious_raises_nothing() -> None:
    assert _names() == set()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("sharpe_above_3", {"metrics": replace(_CALM, sharpe_annual=3.1)}),
        ("few_trades", {"metrics": replace(_CALM, trades=29)}),
        ("one_trade", {"metrics": replace(_CALM, largest_trade_share=0.51)}),
        ("one_year", {"years_pnl": {2010: 9.0, 2011: 1.0, 2012: 1.0}}),
        ("no_losing_month", {"month_returns": [0.01] * 12}),
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
