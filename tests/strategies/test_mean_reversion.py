from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from argus.core.arrays import F64_1D
from argus.core.intents import Forecast
from argus.strategies import create
from tests.features.bars import bars_of, random_bars
from tests.strategies.market import play

CALM = 100.0 + 0.5 * np.resize([0.0, 1.0, 0.0, -1.0], 80)


def played(close: F64_1D, **values: Any) -> list[tuple[int, float, str]]:
    """Session, direction and reason of every change."""
    bars = bars_of(np.asarray(close, dtype=np.float64))
    changes = []
    for decision in play(create("mean_reversion", ["ES"], **values), {"ES": bars}):
        (intent,) = decision.intents
        assert isinstance(intent, Forecast)
        changes.append((int(np.searchsorted(bars.ts_recv_ns, decision.now_ns)), intent.direction, intent.tag))
    return changes


def after_calm(*closes: float, **values: Any) -> list[tuple[int, float, str]]:
    """Changes over the given closes after a calm time, counted from its end; entry at 2 deviations unless stated."""
    changes = played(np.concatenate((CALM, closes)), **{"entry": 2.0, **values})
    assert changes[0] == (60, 0.0, "no signal")  # the first decision is always sent
    return [(row - len(CALM), direction, tag) for row, direction, tag in changes[1:]]


def test_buys_far_below_and_leaves_at_the_mean() -> None:
    assert after_calm(97.0, 97.5, 100.5, 100.0) == [
        (0, 1.0, "far below the mean"),
        (2, 0.0, "back at the mean"),
    ]


def test_sells_far_above_and_leaves_at_the_mean() -> None:
    assert after_calm(103.0, 102.5, 99.5, 100.0) == [
        (0, -1.0, "far above the mean"),
        (2, 0.0, "back at the mean"),
    ]


def test_long_only_does_not_sell() -> None:
    assert after_calm(103.0, 102.5, 99.5, 100.0, long_only=True) == []


def test_time_is_up_and_no_new_entry_before_the_distance_was_small() -> None:
    falling = [97.0, 90.0, 80.0, 65.0, 45.0, 20.0]
    changes = after_calm(*falling, hold_max=2)
    assert changes == [(0, 1.0, "far below the mean"), (2, 0.0, "time is up")]
    quiet = [20.0, 20.5] * 6
    assert after_calm(*falling, *quiet, 5.0, hold_max=2)[2:] == [(18, 1.0, "far below the mean")]


def test_exit_may_lie_before_or_beyond_the_mean() -> None:
    path = (97.0, 98.5, 99.0, 100.2, 101.5, 101.5)
    left = {leave: after_calm(*path, exit=leave)[1][0] for leave in (1.0, 0.0, -1.0)}
    assert left[1.0] < left[0.0] < left[-1.0]


def test_trend_filter_takes_only_the_side_of_the_long_mean() -> None:
    rising = 100.0 + 0.3 * np.arange(120) + np.resize([0.0, 0.4, 0.0, -0.4], 120)
    dip = np.concatenate((rising, rising[-1] + [-4.0, -4.0, -1.0], rising[-1] + [8.0, 3.0]))
    assert {-1.0, 1.0} <= {d for _, d, _ in played(dip, entry=1.5)}
    assert {d for _, d, _ in played(dip, entry=1.5, trend=60)} == {0.0, 1.0}
    assert {d for _, d, _ in played(2 * 200.0 - dip, entry=1.5, trend=60)} == {0.0, -1.0}


def test_a_missing_close_ends_the_position() -> None:
    assert after_calm(97.0, np.nan, 97.0)[:2] == [(0, 1.0, "far below the mean"), (1, 0.0, "no distance")]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_agrees_with_a_plain_retelling(seed: int) -> None:
    bars = random_bars(seed, 800)
    close, window, entry, hold_max = bars.close, 10, 1.5, 4
    want, direction, since, armed = [], 0, 0, True
    for t in range(60, len(close)):
        part = close[t - window + 1 : t + 1]
        z = (close[t] - part.mean()) / part.std(ddof=1)
        before = direction
        if direction:
            if direction * z >= 0.0:
                direction = 0
            elif t - since >= hold_max:
                direction, armed = 0, False
        elif not armed:
            armed = abs(z) < entry
        elif abs(z) >= entry:
            direction, since = -int(np.sign(z)), t
        if direction != before or t == 60:
            want.append((t, float(direction)))
    got = [(row, d) for row, d, _ in played(close, window=window, entry=entry, hold_max=hold_max)]
    assert got == want
    assert len(got) > 40
