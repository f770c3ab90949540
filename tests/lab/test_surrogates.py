from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, DataError
from argus.core.instruments import instrument
from argus.lab.calibration.surrogates import SURROGATES, block_bootstrapped, phase_randomised, sign_flipped, surrogate
from tests.lab.markets import daily_bars, noise, reverting

# A tick of 0.01 of a price near 2,000: moves are seen almost as they are.
SPEC = replace(instrument("ES"), tick_size=Fraction(1, 100))
ES = instrument("ES")


def market(n: int, seed: int, **how: object) -> Bars:
    """Daily bars with gaps, wicks and uneven volume."""
    bars = daily_bars(reverting(n, seed), **how)  # type: ignore[arg-type]
    if "open" not in bars.observed:
        return bars
    shift = np.round(4.0 * np.cumsum(noise(n, seed + 1)) * 20.0) / 4.0
    opened = bars.open + np.diff(shift, prepend=0.0)
    return replace(
        bars,
        open=opened,
        high=np.maximum(opened, bars.close) + 1.5,
        low=np.minimum(opened, bars.close) - 0.75,
        volume=np.arange(1.0, n + 1.0),
    )


def log_moves(bars: Bars) -> np.ndarray:
    return np.diff(np.log(bars.close))


def autocorrelation(x: np.ndarray, lag: int = 1) -> float:
    y = x - x.mean()
    return float((y[lag:] * y[:-lag]).sum() / (y * y).sum())


@pytest.mark.parametrize("kind", SURROGATES)
@given(seed=st.integers(0, 2**63), n=st.integers(8, 200))
def test_a_surrogate_is_a_market(kind: str, seed: int, n: int) -> None:
    bars = market(n, 4)
    made = SURROGATES[kind](ES, bars, seed)
    assert len(made) == n
    assert (made.low <= np.minimum(made.open, made.close)).all()
    assert (made.high >= np.maximum(made.open, made.close)).all()
    for name in ("open", "high", "low", "close"):
        column = getattr(made, name)
        assert (column > 0.0).all()
        assert np.array_equal(column * 4.0, np.rint(column * 4.0))
    for name in ("ts_event_ns", "ts_close_ns", "ts_recv_ns", "session", "session_end"):
        assert np.array_equal(getattr(made, name), getattr(bars, name))
    assert made.observed == bars.observed
    assert made.open[0] == bars.open[0]


@pytest.mark.parametrize("kind", SURROGATES)
def test_the_same_seed_makes_the_same_market_and_another_one_another(kind: str) -> None:
    bars = market(300, 5)
    first, again, other = (surrogate(kind, seed)(ES, bars) for seed in (1, 1, 2))
    assert first.content_hash == again.content_hash
    assert first.content_hash != other.content_hash
    assert first.content_hash != bars.content_hash


def test_flipped_signs_keep_the_size_of_every_move_in_its_place() -> None:
    bars = market(2_000, 6)
    made = sign_flipped(SPEC, bars, 3)
    size = np.abs(np.log(made.close / made.open))
    np.testing.assert_allclose(size, np.abs(np.log(bars.close / bars.open)), atol=2e-5)
    np.testing.assert_allclose(made.high / made.low, bars.high / bars.low, rtol=3e-5)
    assert np.array_equal(made.volume, bars.volume)
    flipped = np.sign(made.close - made.open) != np.sign(bars.close - bars.open)
    assert 0.4 < flipped.mean() < 0.6
    # What it breaks: the reversal that the market was made with.
    assert autocorrelation(log_moves(bars)) < -0.2
    assert abs(autocorrelation(log_moves(made))) < 0.08


def test_random_phases_keep_mean_variance_and_spectrum() -> None:
    bars = market(1_024, 7)
    made = phase_randomised(SPEC, bars, 3)

    def whole(one: Bars) -> np.ndarray:
        return np.concatenate(([np.log(one.close[0] / one.open[0])], log_moves(one)))

    real, other = whole(bars), whole(made)
    assert abs(other.sum() - real.sum()) < 2e-5
    np.testing.assert_allclose(other.std(), real.std(), rtol=1e-3)
    ours, theirs = np.abs(np.fft.rfft(other)), np.abs(np.fft.rfft(real))
    np.testing.assert_allclose(ours, theirs, atol=3e-3 * theirs.max())
    for lag in (1, 2, 5):
        assert autocorrelation(other, lag) == pytest.approx(autocorrelation(real, lag), abs=0.01)
    assert abs(np.corrcoef(real, other)[0, 1]) < 0.15


def test_random_phases_break_fat_tails() -> None:
    shocks = noise(4_000, 1)
    shocks[::200] *= 12.0
    bars = daily_bars(shocks, price=20_000.0)

    def kurtosis(x: np.ndarray) -> float:
        return float(np.mean((x - x.mean()) ** 4) / x.var() ** 2)

    assert kurtosis(log_moves(bars)) > 15.0
    assert kurtosis(log_moves(phase_randomised(SPEC, bars, 2))) < 5.0


def test_a_block_bootstrap_is_made_of_the_bars_that_were_there() -> None:
    bars = market(500, 8)
    made = block_bootstrapped(SPEC, bars, 4, block=10)
    rows = made.volume.astype(int) - 1  # volumes number the bars
    np.testing.assert_allclose(np.log(made.close / made.open), np.log(bars.close / bars.open)[rows], atol=2e-5)
    np.testing.assert_allclose(np.log(made.high / made.low), np.log(bars.high / bars.low)[rows], atol=2e-5)
    breaks = np.count_nonzero(np.diff(rows) % 500 != 1)
    assert 500 / 10 * 0.6 < breaks < 500 / 10 * 1.4
    alone = block_bootstrapped(SPEC, bars, 4, block=1)
    assert np.count_nonzero(np.diff(alone.volume) == 1.0) < 8


def test_closes_alone_and_prices_below_zero() -> None:
    closes = market(120, 9, observed="closes")
    for make in SURROGATES.values():
        made = make(ES, closes, 1)
        assert np.isnan(made.open).all()
        assert np.isfinite(made.close).all()
    bars = market(120, 9)
    names = ("open", "high", "low", "close")
    below = replace(bars, **{name: getattr(bars, name) - 2_000.0 for name in names})
    assert (below.low < 0.0).any()
    made = sign_flipped(ES, below, 1)
    np.testing.assert_allclose(np.abs(made.close - made.open), np.abs(below.close - below.open))
    assert (made.high >= made.low).all()


def test_what_cannot_be_made_is_refused() -> None:
    bars = market(20, 1)
    with pytest.raises(ConfigError, match="no surrogate 'pink'"):
        surrogate("pink", 1)
    with pytest.raises(ConfigError, match="block is 0"):
        block_bootstrapped(ES, bars, 1, block=0)
    with pytest.raises(DataError, match="7 bars are too few"):
        sign_flipped(ES, bars.rows(0, 7), 1)
    holed = bars.close.copy()
    holed[3] = np.nan
    with pytest.raises(DataError, match="row 3 has no close"):
        phase_randomised(ES, replace(bars, close=holed), 1)
