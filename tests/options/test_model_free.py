"""Variance without a model: the white paper's last step, known variances, and the published index on real chains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

from argus.core.errors import ConfigError
from argus.options import MINUTES_YEAR, ModelFreeVariance, Reason, model_free_index, model_free_variance
from tests.options.spx_chains import read_session, session_files

Columns = tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.float64], NDArray[np.float64]]


def _chain(forward: float, vol: float, years: float, rate: float, strike: NDArray[np.float64]) -> Columns:
    """Calls and puts of Black-76 at `strike`, bid and ask on the price itself."""
    root = vol * np.sqrt(years)
    d1 = np.log(forward / strike) / root + 0.5 * root
    discount = np.exp(-rate * years)
    prices = [discount * side * (forward * ndtr(side * d1) - strike * ndtr(side * (d1 - root))) for side in (1.0, -1.0)]
    right = np.repeat(np.array([1, -1], dtype=np.int8), len(strike))
    both = np.concatenate(prices)
    return np.tile(strike, 2), right, both, both


def _known(years: float, variance: float) -> ModelFreeVariance:
    return ModelFreeVariance(years, variance, 1960.0, 1960.0, 100, 1000.0, 2200.0, 0)


def test_the_white_papers_example_is_mixed_to_its_index() -> None:
    # Cboe, "The CBOE Volatility Index - VIX", 2014: two expiries of 35,924 and 46,394 minutes give 13.69.
    near, later = _known(35_924 / MINUTES_YEAR, 0.01846292), _known(46_394 / MINUTES_YEAR, 0.01882101)
    found = model_free_index(near, later)
    assert found.index == pytest.approx(13.685821, abs=3e-6)
    assert found.weight_near == pytest.approx((46_394 - 43_200) / (46_394 - 35_924))


@pytest.mark.parametrize("vol", [0.1, 0.4])
def test_a_fine_wide_strip_gives_the_variance(vol: float) -> None:
    columns = _chain(2000.0, vol, 0.25, 0.03, np.arange(200.0, 9000.0, 2.0))
    found = model_free_variance(*columns, years=0.25, rate=0.03)
    assert found.forward == pytest.approx(2000.0, rel=1e-9)
    assert found.variance == pytest.approx(vol * vol, rel=2e-4)


def test_two_strikes_without_a_bid_end_the_strip_and_one_does_not() -> None:
    strike, right, bid, ask = _chain(100.0, 0.3, 0.25, 0.0, np.arange(60.0, 141.0, 5.0))
    puts, calls = right == -1, right == 1
    bid = bid.copy()
    bid[puts & np.isin(strike, (80.0,))] = 0.0
    bid[calls & np.isin(strike, (120.0, 125.0))] = np.nan
    found = model_free_variance(strike, right, bid, ask, years=0.25, rate=0.0)
    # 60 to 115 without 80; the calls at 130 and beyond have bids, but lie past two without.
    assert (found.strike_low, found.strike_high, found.strikes) == (60.0, 115.0, 11)
    assert found.strike_0 == 100.0


def test_the_sum_is_the_one_of_the_rules() -> None:
    strike, right, bid, ask = _chain(101.0, 0.3, 0.25, 0.02, np.array([90.0, 95.0, 100.0, 110.0]))
    found = model_free_variance(strike, right, bid, ask, years=0.25, rate=0.02)
    calls, puts = bid[:4], bid[4:]
    middle = np.array([puts[0], puts[1], 0.5 * (calls[2] + puts[2]), calls[3]])
    width = np.array([5.0, 5.0, 7.5, 10.0])
    total = float(np.sum(width / strike[:4] ** 2 * middle)) * np.exp(0.005)
    assert found.variance == pytest.approx(2.0 / 0.25 * total - (101.0 / 100.0 - 1.0) ** 2 / 0.25, rel=1e-9)


def test_the_order_of_rows_is_nothing() -> None:
    columns = _chain(100.0, 0.3, 0.25, 0.0, np.arange(60.0, 141.0, 5.0))
    order = np.argsort(np.sin(np.arange(len(columns[0])) * 7.0))
    shuffled = tuple(column[order] for column in columns)
    assert model_free_variance(*shuffled, years=0.25, rate=0.0) == model_free_variance(*columns, years=0.25, rate=0.0)


def test_what_cannot_be_answered_says_why() -> None:
    strike, right, bid, ask = _chain(100.0, 0.3, 0.25, 0.0, np.arange(60.0, 141.0, 5.0))

    def reason(years: float = 0.25, rate: float = 0.0, bids: NDArray[np.float64] = bid, rows: int = 34) -> int:
        return model_free_variance(strike[:rows], right[:rows], bids[:rows], ask[:rows], years=years, rate=rate).reason

    assert reason() == Reason.OK
    assert reason(years=0.0) == Reason.EXPIRED
    assert reason(rate=np.nan) == Reason.NOT_FINITE
    assert reason(rows=17) == Reason.TOO_FEW_STRIKES
    assert reason(bids=np.zeros(34)) == Reason.NO_FORWARD
    bad = model_free_variance(strike, right, bid, ask, years=-1.0, rate=0.0)
    mixed = model_free_index(bad, _known(0.09, 0.02))
    assert np.isnan(mixed.index)
    assert mixed.reason == Reason.EXPIRED
    with pytest.raises(ConfigError, match="later"):
        model_free_index(_known(0.09, 0.02), _known(0.09, 0.02))
    with pytest.raises(ConfigError, match="equal needed"):
        model_free_variance(strike, right, bid[:3], ask, years=0.25, rate=0.0)


def test_the_published_index_is_met_on_real_chains(real_data: Path) -> None:
    published = {row["date"]: row for row in pl.read_csv(real_data / "daily" / "VIX.csv").iter_rows(named=True)}
    closes = dict(pl.read_csv(real_data / "daily" / "GSPC.csv").select("date", "close").iter_rows())
    at_close, sessions = [], 0
    for path in session_files(real_data)[::4]:
        session = read_session(path)
        date = str(session.date)
        if date not in published:
            continue  # an exchange holiday, for which the vendor repeats the day before
        # The index takes Fridays, the morning settlement on the third of a month.
        fridays = [
            one for one in session.expiries if one.date.weekday() == 4 and one.is_pm != (15 <= one.date.day <= 21)
        ]
        near = [one for one in fridays if 23.0 < one.years * 365.0 <= 30.0001][-1]
        later = next(one for one in fridays if one.years * 365.0 > 30.0001)
        index = model_free_index(
            *(
                model_free_variance(one.strike, one.right, one.bid, one.ask, years=one.years, rate=0.024)
                for one in (near, later)
            )
        ).index
        row = published[date]
        assert row["low"] - 0.05 <= index <= row["high"] + 0.05, date
        sessions += 1
        # Only where the level beside the quotes is the official close were the quotes taken then.
        if abs(session.spot / closes[date] - 1.0) < 3e-4:
            at_close.append(index - row["close"])
    assert sessions >= 13
    assert len(at_close) >= 2
    assert np.abs(at_close).max() < 0.25
