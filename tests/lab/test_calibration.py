from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from argus.core.errors import ConfigError
from argus.core.instruments import instrument
from argus.lab.calibration import KnownMarket, Trading, binomial_interval, calibrate
from argus.lab.gates import GATES
from argus.lab.research import ResearchSettings
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import VolatilityTarget
from tests.lab.markets import config, daily_bars, noise, reverting


def test_interval_is_the_exact_one() -> None:
    # With no success in n, the upper bound is 1 - 0.025^(1/n); with one in ten it is solved for by hand here.
    assert binomial_interval(0, 200) == (0.0, pytest.approx(1 - 0.025 ** (1 / 200)))
    assert binomial_interval(200, 200) == (pytest.approx(0.025 ** (1 / 200)), 1.0)
    low, high = binomial_interval(1, 10)
    assert 1 - (1 - low) ** 10 == pytest.approx(0.025)
    assert (1 - high) ** 10 + 10 * high * (1 - high) ** 9 == pytest.approx(0.025)
    with pytest.raises(ConfigError):
        binomial_interval(3, 2)


def _market(truth: str, make: Callable[..., object], seed: int) -> KnownMarket:
    returns = make(1_600, seed)
    return KnownMarket(f"{truth} {seed}", truth, instrument("ES"), partial(daily_bars, returns))


def test_the_lab_finds_what_is_there_and_nothing_else() -> None:
    markets = [_market("nothing", noise, seed) for seed in range(6)]
    markets += [_market("reverting", partial(reverting, strength=0.3), seed) for seed in range(4)]
    grid = tuple({"window": window, "entry": 1.25, "hold_max": 3} for window in (4, 5))
    trading = Trading(
        config(20_000_000),
        VolatilityTarget(),
        LimitRiskPolicy(),
        ResearchSettings(train_years=2.0, bootstrap_paths=500, audit_cuts=1),
        {"mean_reversion": grid},
    )
    seen: list[str] = []
    found = calibrate(markets, ["mean_reversion"], trading, progress=seen.append)
    assert seen == [market.name for market in markets]
    assert found.lab["nothing"].count == 0
    assert found.lab["nothing"].of == 6
    assert found.lab["reverting"].count >= 3
    assert found.deployable["nothing", "mean_reversion"].count == 0
    assert {gate for _, _, gate in found.gates} == {gate.name for gate in GATES}
    assert found.gates["nothing", "mean_reversion", "look_ahead"].count == 6
    assert len(found.passed) == found.lab["reverting"].count
    assert any("of 6" in line for line in found.lines())
    assert found.as_dict()["lab"]["nothing"]["count"] == 0  # type: ignore[index]
