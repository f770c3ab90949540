from __future__ import annotations

import math
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.lab.stress.regimes_stress import (
    CRISES,
    BelowPeak,
    Crises,
    Quarters,
    RateTrend,
    RegimeLabels,
    RegimeSource,
    Trend,
    VolatilityTerciles,
    Years,
    regime_stress,
    regimes_stress,
    session_closes,
)
from tests.lab.markets import FIRST_DAY, daily_bars, noise

N = 900
SESSION = (FIRST_DAY + np.arange(N)).astype(np.int32)
CLOSE = 100.0 * np.cumprod(1.0 + noise(N, 1) * np.where(np.arange(N) % 300 < 150, 0.5, 2.0))
RATE = RateTrend(SESSION[::20], noise(45, 4).cumsum(), window=60)
SOURCES: list[RegimeSource] = [VolatilityTerciles(), Trend(), BelowPeak(0.05), RATE, Years(), Quarters(), Crises()]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: type(source).__name__)
def test_labels_are_made_of_what_came_before(source: RegimeSource) -> None:
    whole = source.labels(SESSION, CLOSE)
    assert set(np.unique(whole.label)) <= set(range(-1, len(whole.names)))
    for cut in (350, 600):
        other = CLOSE.copy()
        other[cut:] = 7.0 + np.arange(N - cut)
        # The close of the session at the cut is not known when it begins: its own label may not change either.
        assert (source.labels(SESSION, other).label[: cut + 1] == whole.label[: cut + 1]).all()
        short = source.labels(SESSION[: cut + 1], CLOSE[: cut + 1])
        named = [
            (whole.names[int(x)], short.names[int(y)]) for x, y in zip(whole.label, short.label, strict=False) if x >= 0
        ]
        assert all(one == two for one, two in named)


def test_rates_count_from_the_session_after_they_were_known() -> None:
    rate = RateTrend(np.array([10, 20, 30], dtype=np.int32), np.array([1.0, 2.0, 0.5]), window=5)
    label = rate.labels(np.arange(5, 45, dtype=np.int32), np.ones(40)).label
    session = np.arange(5, 45)
    assert set(session[label == 1].tolist()) == set(range(21, 26))
    assert set(session[label == 0].tolist()) == set(range(31, 36))


def test_labels_mean_what_they_say() -> None:
    assert (Trend(20).labels(SESSION, np.arange(1.0, N + 1.0)).label[21:] == 1).all()
    fallen = np.concatenate((np.full(10, 100.0), np.full(10, 80.0), np.full(10, 101.0)))
    assert BelowPeak(0.1).labels(SESSION[:30], fallen).label.tolist() == [-1] + [0] * 10 + [1] * 10 + [0] * 9
    terciles = VolatilityTerciles().labels(SESSION, CLOSE).label
    assert all((terciles == number).sum() > 50 for number in range(3))
    quarter = Quarters().labels(SESSION, CLOSE).label
    assert all(
        int(q) == (date.fromordinal(719_163 + int(day)).month - 1) // 3 for q, day in zip(quarter, SESSION, strict=True)
    )


def test_crises_are_ordered_windows_and_hold_both_ends() -> None:
    assert all(window.first < window.last for window in CRISES)
    assert all(one.last < two.first for one, two in pairwise(CRISES))
    lehman = next(window for window in CRISES if "financial" in window.name)
    assert (lehman.first, lehman.last) == (date(2008, 9, 15), date(2009, 3, 9))
    first = (lehman.first - date(1970, 1, 1)).days
    days = np.arange(first - 1, first + 2, dtype=np.int32)
    made = Crises().labels(days, np.ones(3))
    assert [made.names[int(number)] for number in made.label] == ["no crisis", lehman.name, lehman.name]
    # All ends are trading days: no window begins or ends on a weekend.
    assert all(day.weekday() < 5 for window in CRISES for day in (window.first, window.last))


def test_a_one_regime_winner_is_caught() -> None:
    label = (np.arange(N) % 3).astype(np.int8)
    labels = RegimeLabels("third", ("a", "b", "c"), label)
    planted = np.where(label == 1, 0.01, 0.0) + noise(N, 3, vol=1e-3)
    found = regime_stress(planted, labels, per_year=252.0)
    assert found.figure > 0.55
    assert found.largest_share > 0.9
    assert "'b'" in found.sentence
    by_name = {bucket.name: bucket for bucket in found.buckets}
    assert by_name["b"].sharpe_without < 0.1 * by_name["b"].sharpe_annual
    even = regime_stress(0.01 + noise(N, 3, vol=1e-3), labels, per_year=252.0)
    assert even.figure < 0.02
    assert even.largest_share == pytest.approx(1 / 3, abs=0.02)


def test_buckets_add_up_and_unknown_is_left_out() -> None:
    returns = noise(N, 6) + 2e-3
    label = np.where(np.arange(N) < 100, -1, np.arange(N) % 2).astype(np.int8)
    found = regime_stress(returns, RegimeLabels("x", ("a", "b"), label), per_year=250.0)
    assert found.unknown == 100
    assert sum(bucket.sessions for bucket in found.buckets) == N - 100
    assert sum(bucket.share for bucket in found.buckets) == pytest.approx(1.0)
    assert found.buckets[0].return_annual == pytest.approx(returns[label == 0].mean() * 250.0)
    lost = regime_stress(-np.abs(returns), RegimeLabels("x", ("a", "b"), label), per_year=250.0)
    assert math.isnan(lost.figure)
    with pytest.raises(ConfigError, match="labels for"):
        regime_stress(returns[1:], RegimeLabels("x", ("a", "b"), label), per_year=250.0)


def test_the_past_of_the_market_is_used_and_not_counted() -> None:
    returns = noise(N - 400, 6) + 2e-3
    found = regimes_stress(returns, SESSION, CLOSE, SOURCES, per_year=250.0)
    assert [result.name for result in found.results][:2] == ["volatility", "trend"]
    assert all(sum(b.sessions for b in result.buckets) + result.unknown == N - 400 for result in found.results)
    assert found.results[1].unknown == 0
    known = [result.figure for result in found.results if not math.isnan(result.figure)]
    assert found.figure == max(known)
    bars = daily_bars(noise(50, 1))
    closes = session_closes(bars, np.arange(bars.session[0] - 2, bars.session[-1] + 3, dtype=np.int32))
    assert np.isnan(closes[:2]).all()
    assert closes[2] == bars.close[0]
    assert closes[-1] == bars.close[-1]
