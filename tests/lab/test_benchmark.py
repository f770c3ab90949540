from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from argus.core.errors import CoverageError
from argus.core.instruments import instrument
from argus.core.orders import OrderType
from argus.engine.config import AccountConfig, AccountKind
from argus.engine.metrics import session_returns, sharpe
from argus.engine.replay import run
from argus.lab.benchmark import alpha_against, hold_plan, scaled_to
from argus.lab.journal.trials import MemoryTrialLedger
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.lab.markets import config, daily_bars, market_of, noise


def test_holding_earns_what_the_market_did() -> None:
    bars = daily_bars(noise(300, 1) + 0.001)
    market = market_of(bars)
    hold, settings = hold_plan(market, ["ES"], config(1_000, fee="0"), int(bars.ts_recv_ns[50]))
    assert settings.account.cash_micros > config(1_000).account.cash_micros
    record = run(hold, market, settings, sizer=FixedUnits(), risk=LimitRiskPolicy(), trials=MemoryTrialLedger())
    assert len(record.fills) == 1
    units = float(hold.spec.values["units_ES"])
    assert units >= 20
    gain = (bars.close[-1] - bars.open[51]) * 50 * units
    assert record.net_pnl_micros == round(gain * 1e6)
    _, equity = record.session_equity()
    mine = session_returns(equity, record.opening_cash_micros)[2:]
    theirs = bars.close[52:] / bars.close[51:-1] - 1.0
    assert np.corrcoef(mine, theirs)[0, 1] > 0.9999
    assert sharpe(mine) == pytest.approx(sharpe(theirs), abs=0.002)


def test_closes_only_spot_data_are_held_from_a_close() -> None:
    bars = replace(daily_bars(noise(100, 2), price=100.0, observed="closes"), instrument="US_EQUITY_ADJ:AAPL")
    market = {bars.instrument: (instrument(bars.instrument), bars)}
    cash = replace(config(), account=AccountConfig(AccountKind.CASH, 10_000 * 10**6))
    hold, settings = hold_plan(market, [bars.instrument], cash, int(bars.ts_recv_ns[0]))
    record = run(hold, market, settings, sizer=FixedUnits(), risk=LimitRiskPolicy(), trials=MemoryTrialLedger())
    assert [int(order["type"]) for order in record.orders] == [OrderType.MARKET_ON_CLOSE]
    assert int(record.fills["row"][0]) == 1
    assert (record.cash_micros >= 0).all()


def test_holding_before_the_first_bar_is_refused() -> None:
    with pytest.raises(CoverageError, match="no bar is known"):
        hold_plan(market_of(daily_bars(noise(10, 1))), ["ES"], config(), 0)


def test_scaling_makes_risk_equal_and_keeps_the_sharpe_ratio() -> None:
    hold, mine = noise(200, 3, vol=0.02) + 0.001, noise(200, 4, vol=0.005)
    scaled, factor = scaled_to(hold, mine)
    assert float(np.std(scaled)) == pytest.approx(float(np.std(mine)))
    assert sharpe(scaled) == pytest.approx(sharpe(hold))
    assert factor == pytest.approx(np.std(mine) / np.std(hold))
    assert math.isnan(scaled_to(np.zeros(5), mine)[1])


def test_alpha_and_its_error_agree_with_statsmodels() -> None:
    statsmodels = pytest.importorskip("statsmodels.api")
    hold = noise(500, 5)
    returns = 0.0003 + 0.4 * hold + np.convolve(noise(502, 6), np.ones(3) / 3, mode="valid")
    lags = math.floor(4 * 5 ** (2 / 9))
    design = statsmodels.add_constant(hold)
    fit = statsmodels.OLS(returns, design).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    found = alpha_against(returns, hold)
    assert found.alpha_session == pytest.approx(float(fit.params[0]))
    assert found.beta == pytest.approx(float(fit.params[1]))
    assert found.t_statistic == pytest.approx(float(fit.tvalues[0]))


def test_a_multiple_of_holding_has_no_alpha() -> None:
    hold = noise(300, 7) + 0.001
    found = alpha_against(2.0 * hold, hold)
    assert found.beta == pytest.approx(2.0)
    assert found.t_statistic == 0.0


def test_alpha_of_too_little_is_unknown() -> None:
    assert math.isnan(alpha_against(np.zeros(50), noise(50, 1)).t_statistic)
    assert math.isnan(alpha_against(noise(5, 1), noise(5, 2)).t_statistic)
