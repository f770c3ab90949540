from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import BAR_FIELDS
from argus.core.instruments import instrument
from argus.core.strategy import ParameterValue
from argus.engine.replay import run
from argus.lab.journal.trials import MemoryTrialLedger
from argus.lab.look_ahead import Cut, audit, with_noise_after
from argus.lab.search.play import PlainPlay
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from argus.strategies import create
from tests.lab.markets import Fade, Peeking, config, daily_bars, market_of, noise

BARS = daily_bars(noise(400, 1))


def _audited(make: Callable[[], Any]) -> tuple[tuple[Cut, ...], MemoryTrialLedger]:
    ledger = MemoryTrialLedger()
    how: Mapping[str, Any] = {"sizer": FixedUnits(), "risk": LimitRiskPolicy(), "trials": ledger}
    market = market_of(BARS)
    record = run(make(), market, config(), **how)
    cuts = [int(BARS.ts_recv_ns[row]) for row in (100, 250, 390)]
    return audit(make, PlainPlay(market), config(), record, **how, cuts_ns=cuts), ledger


def _named(name: str, **values: ParameterValue) -> Callable[[], Any]:
    return lambda: create(name, ("ES",), **values)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fade({"days": 3}),
        _named("sma_cross", fast=3, slow=10),
        _named("tsmom", lookback=20, rebalance=1),
        _named("mean_reversion", window=5),
        _named("overnight"),
    ],
)
def test_honest_strategies_are_clean(make: Callable[[], Any]) -> None:
    cuts, ledger = _audited(make)
    assert [cut.clean for cut in cuts] == [True] * 3
    assert cuts[2].orders > cuts[0].orders > 0
    assert {trial.purpose for trial in ledger.journal()} == {"backtest", "audit"}
    assert ledger.looks(None, ["ES"], 0, 2**62).count == 1


def test_a_strategy_that_peeks_is_caught() -> None:
    cuts, _ = _audited(lambda: Peeking({}))
    # At one cut the noise may happen to move the way the market did, at three hardly.
    assert not all(cut.clean for cut in cuts)
    caught = next(cut for cut in cuts if not cut.clean)
    assert "order" in caught.difference


def test_the_past_stays_and_the_future_does_not() -> None:
    cut = int(BARS.ts_close_ns[100])
    noisy = with_noise_after(instrument("ES"), BARS, cut, 7)
    for name in BAR_FIELDS:
        assert getattr(noisy, name)[:101].tobytes() == getattr(BARS, name)[:101].tobytes()
    assert (noisy.close[101:] != BARS.close[101:]).mean() > 0.95
    assert (noisy.ts_event_ns == BARS.ts_event_ns).all()
    assert with_noise_after(instrument("ES"), BARS, cut, 7).content_hash == noisy.content_hash
    assert with_noise_after(instrument("ES"), BARS, cut, 8).content_hash != noisy.content_hash


def test_noise_is_made_of_valid_bars() -> None:
    noisy = with_noise_after(instrument("ES"), BARS, int(BARS.ts_close_ns[9]), 3)
    assert (noisy.high >= np.maximum(noisy.open, noisy.close)).all()
    assert (noisy.low <= np.minimum(noisy.open, noisy.close)).all()
    assert (noisy.low > 0).all()
    assert (noisy.close * 4 == np.round(noisy.close * 4)).all()
    assert (noisy.volume >= 1).all()


def test_a_bar_under_way_keeps_its_open() -> None:
    cut = int(BARS.ts_event_ns[50]) + 1
    noisy = with_noise_after(instrument("ES"), BARS, cut, 1)
    assert noisy.open[50] == BARS.open[50]
    assert noisy.close[50] != BARS.close[50]


def test_unobserved_columns_stay_unobserved() -> None:
    closes = daily_bars(noise(50, 2), observed="closes")
    noisy = with_noise_after(instrument("ES"), closes, int(closes.ts_close_ns[20]), 1)
    assert np.isnan(noisy.open).all()
    assert np.isnan(noisy.volume).all()
    assert not np.isnan(noisy.close).any()
    assert noisy.observed == closes.observed


def test_a_cut_after_the_end_changes_nothing() -> None:
    after = with_noise_after(instrument("ES"), BARS, int(BARS.ts_close_ns[-1]) + 1, 1)
    assert after.content_hash == BARS.content_hash
