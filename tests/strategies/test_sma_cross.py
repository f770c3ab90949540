from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from argus.core.intents import Forecast
from argus.strategies import create
from tests.features.bars import bars_of, random_bars
from tests.strategies.market import play


def exact_directions(close: np.ndarray, fast: int, slow: int) -> list[tuple[int, float]]:
    """Row and direction of every change, by averages in exact arithmetic."""
    changes = []
    direction = 0.0
    for t in range(slow - 1, len(close)):
        exact = [Fraction(float(v)) for v in close[t - slow + 1 : t + 1]]
        gap = sum(exact[-fast:]) / fast - sum(exact) / slow
        wanted = 1.0 if gap > 0 else -1.0 if gap < 0 else direction
        if wanted != direction:
            changes.append((t, wanted))
            direction = wanted
    return changes


@pytest.mark.parametrize(("fast", "slow"), [(3, 10), (20, 100)])
def test_an_intent_only_where_the_exact_averages_change_sides(fast: int, slow: int) -> None:
    bars = random_bars(1, 1_500)
    decisions = play(create("sma_cross", ["ES"], fast=fast, slow=slow), {"ES": bars})
    got = [(int(np.searchsorted(bars.ts_recv_ns, d.now_ns)), d.intents[0].direction) for d in decisions]  # type: ignore[union-attr]
    assert got == exact_directions(bars.close, fast, slow)
    assert len(got) > 10


def test_equal_averages_keep_what_there_is() -> None:
    flat, up = np.full(20, 100.0), np.array([101.0, 100.0])
    #                      no position on a tie; up; ties again after the bump has left both windows; down
    close = np.concatenate((flat, up, flat, [99.0], flat))
    decisions = play(create("sma_cross", ["ES"], fast=2, slow=4), {"ES": bars_of(close)})
    assert [d.intents[0].direction for d in decisions] == [1.0, -1.0, 1.0]  # type: ignore[union-attr]
    bars = bars_of(close)
    rows = [int(np.searchsorted(bars.ts_recv_ns, d.now_ns)) for d in decisions]
    assert rows[0] == 20
    # The bump's way out of the fast window puts the fast mean below the slow one; the tie afterwards changes nothing.
    assert rows[1] == 22
    # The dip at row 42 wants -1, which is what there is; as it leaves the fast window the fast mean is above.
    assert rows[2] == 44


def test_instruments_are_independent() -> None:
    market = {"ES": random_bars(2, 600), "ZN": random_bars(3, 600, instrument="ZN")}
    both = play(create("sma_cross", ["ES", "ZN"], fast=5, slow=20), market)
    for symbol in market:
        alone = play(create("sma_cross", [symbol], fast=5, slow=20), {symbol: market[symbol]})
        of_both = [(d.now_ns, i) for d in both for i in d.intents if i.instrument == symbol]  # type: ignore[union-attr]
        assert [(ts, str(i)) for ts, i in of_both] == [(d.now_ns, str(d.intents[0])) for d in alone]


def test_a_change_carries_the_volatility_for_a_sizer_that_wants_it() -> None:
    decisions = play(create("sma_cross", ["ES"], fast=20, slow=100), {"ES": random_bars(4, 600)})
    for decision in decisions:
        (intent,) = decision.intents
        assert isinstance(intent, Forecast)
        # one percent a day is about sixteen percent a year
        assert 0.10 < intent.vol_annual < 0.22
        assert intent.tag in ("fast above slow", "fast below slow")
