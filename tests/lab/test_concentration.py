from __future__ import annotations

import math

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.engine.metrics import largest_share, sharpe
from argus.lab.stress.concentration import concentration, largest_part
from tests.lab.markets import FIRST_DAY, noise

SESSION = (FIRST_DAY + np.arange(500)).astype(np.int32)
PNL = noise(500, 2, vol=100.0) + 20.0


def test_shares_are_those_of_a_plain_sort() -> None:
    net = noise(80, 1, vol=50.0) + 30.0
    found = concentration(net, SESSION, PNL, PNL / 1e5, per_year=252.0)
    ordered = sorted(net.tolist(), reverse=True)
    for count, share in found.best_trades:
        assert share == pytest.approx(sum(ordered[:count]) / sum(ordered))
    assert dict(found.best_trades)[1] == pytest.approx(largest_share(np.round(net * 1e6).astype(np.int64)), rel=1e-6)
    assert found.days_share == pytest.approx(sum(sorted(PNL.tolist())[-5:]) / PNL.sum())
    months = np.array([str(np.datetime64(int(day), "D"))[:7] for day in SESSION])
    sums = sorted(((PNL[months == month].sum(), month) for month in np.unique(months)), reverse=True)
    assert found.months_share == pytest.approx(sum(value for value, _ in sums[:3]) / PNL.sum())
    kept = ~np.isin(months, [month for _, month in sums[:3]])
    assert found.sharpe_without_months == pytest.approx(sharpe(PNL[kept] / 1e5) * math.sqrt(252.0))
    assert found.sharpe_without_days == pytest.approx(sharpe(np.sort(PNL)[:-5] / 1e5) * math.sqrt(252.0))
    assert found.sharpe_without_days < found.sharpe_annual


def test_a_one_trade_winner_is_caught() -> None:
    net = np.concatenate((noise(99, 1, vol=10.0), [5_000.0]))
    pnl = np.zeros(500)
    pnl[250], pnl[::5] = 5_000.0, noise(100, 1, vol=10.0)
    planted = concentration(net, SESSION, pnl, pnl / 1e5, per_year=252.0)
    spread = concentration(np.full(100, 50.0), SESSION, PNL, PNL / 1e5, per_year=252.0)
    assert planted.figure > 0.95
    assert planted.sharpe_without_days < 0.5 * planted.sharpe_annual
    assert spread.figure == pytest.approx(0.05)
    assert spread.figure < 0.1


def test_no_profit_has_no_shares() -> None:
    lost = concentration(-np.ones(5), SESSION, -np.ones(500), -np.ones(500) / 1e5, per_year=252.0)
    assert math.isnan(lost.figure)
    assert lost.sentence.startswith("There is no profit")
    assert math.isnan(largest_part([]))
    assert math.isnan(largest_part([-1.0, 0.5]))
    assert largest_part([3.0, 1.0, -2.0]) == 1.5
    with pytest.raises(ConfigError, match="one each"):
        concentration(np.ones(3), SESSION, PNL[:-1], PNL, per_year=252.0)
