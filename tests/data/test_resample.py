"""Coarser bars hold what the finer ones held, and bars of trades what the trades were."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from argus.core.arrays import Bars, Quotes
from argus.core.errors import DataError
from argus.data.resample import bars_of_quotes, bars_of_trades, resample
from argus.data.synthetic import SyntheticSpec, generate
from argus.engine.refine import refine

MINUTE = 60 * 10**9
TICK = Decimal("0.25")


def minutes(seed: int = 1, sessions: int = 3) -> Bars:
    return generate(SyntheticSpec("MES", MINUTE, date(2022, 1, 3), sessions, seed=seed))


def take(bars: Bars, rows: NDArray[np.int64]) -> Bars:
    """Some of the bars."""
    columns = [one.name for one in fields(bars) if one.name not in ("instrument", "observed")]
    return replace(bars, **{name: np.ascontiguousarray(getattr(bars, name)[rows]) for name in columns})


@pytest.mark.parametrize("interval", [5 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE])
def test_each_coarse_bar_is_the_plain_summary_of_its_fine_ones(interval: int) -> None:
    fine = minutes()
    coarse = resample(fine, interval)
    assert coarse.volume.sum() == fine.volume.sum()
    starts = np.searchsorted(fine.ts_event_ns, coarse.ts_event_ns)
    for i, (start, stop) in enumerate(zip(starts, [*starts[1:], len(fine)], strict=True)):
        own = fine.rows(int(start), int(stop))
        assert (coarse.open[i], coarse.high[i], coarse.low[i], coarse.close[i]) == (
            own.open[0],
            own.high.max(),
            own.low.min(),
            own.close[-1],
        )
        assert coarse.ts_recv_ns[i] == own.ts_recv_ns[-1]
        assert coarse.ts_close_ns[i] == own.ts_close_ns[-1]
        assert len(set(own.session.tolist())) == 1
        assert own.ts_close_ns[-1] - own.ts_event_ns[0] <= interval
    assert coarse.session_end.sum() == fine.session_end.sum()


def test_a_day_is_one_bar_a_session() -> None:
    assert len(resample(minutes(sessions=4), 24 * 60 * MINUTE)) == 4


def test_the_future_of_a_coarse_bar_does_not_reach_it() -> None:
    fine = minutes()
    whole, cut = resample(fine, 15 * MINUTE), resample(fine.rows(0, 1_000), 15 * MINUTE)
    done = len(cut) - 1
    assert whole.rows(0, done).content_hash == cut.rows(0, done).content_hash


@pytest.mark.parametrize("seed", range(3))
def test_fine_bars_refine_what_was_made_of_them(seed: int) -> None:
    fine = minutes(seed)
    refined = refine(resample(fine, 60 * MINUTE), fine, TICK)
    assert refined.kept == refined.contradicted == 0
    assert np.array_equal(refined.bars.close, fine.close)


def test_an_interval_that_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="cannot be made into bars of 30000000000 ns"):
        resample(minutes(), MINUTE // 2)
    with pytest.raises(DataError, match=r"row 1, from .* lies across a multiple"):
        resample(minutes(), MINUTE * 3 // 2)


def test_unknown_prices_count_for_nothing() -> None:
    fine = minutes()
    close, volume = fine.close.copy(), fine.volume.copy()
    close[4], volume[:5] = np.nan, np.nan
    high, low, open_ = fine.high.copy(), fine.low.copy(), fine.open.copy()
    high[4] = low[4] = open_[4] = np.nan
    holed = Bars(
        **{name: getattr(fine, name) for name in ("instrument", "ts_event_ns", "ts_close_ns", "ts_recv_ns")},
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        open_interest=fine.open_interest,
        session=fine.session,
        session_end=fine.session_end,
        observed=fine.observed,
    )
    coarse = resample(holed, 5 * MINUTE)
    assert coarse.close[0] == fine.close[3]
    assert coarse.high[0] == fine.high[:4].max()
    assert np.isnan(coarse.volume[0])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(1, 5)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_bars_of_trades_hold_every_trade_once(moves: list[tuple[int, int, int]]) -> None:
    steps, prices, sizes = (np.array(column) for column in zip(*moves, strict=True))
    ts = 10**18 + np.cumsum(steps).astype(np.int64)
    session = np.full(len(ts), 19_000, dtype=np.int32)
    bars = bars_of_trades("ES", ts, prices.astype(float), sizes.astype(float), session)
    assert bars.ts_close_ns.tolist() == sorted(set(ts.tolist()))
    assert bars.volume.sum() == sizes.sum()
    for i, close_ns in enumerate(bars.ts_close_ns.tolist()):
        own = prices[ts == close_ns]
        assert (bars.open[i], bars.high[i], bars.low[i], bars.close[i]) == (own[0], own.max(), own.min(), own[-1])
    assert bars.session_end.tolist() == [False] * (len(bars) - 1) + [True]


def test_bad_trades_are_named() -> None:
    ts, session = np.array([5, 4], dtype=np.int64), np.zeros(2, dtype=np.int32)
    with pytest.raises(DataError, match="trade 1 is earlier"):
        bars_of_trades("ES", ts, np.ones(2), np.ones(2), session)
    with pytest.raises(DataError, match="trade 1 has no price"):
        bars_of_trades("ES", ts[::-1].copy(), np.array([1.0, np.nan]), np.ones(2), session)
    with pytest.raises(DataError, match="different lengths"):
        bars_of_trades("ES", ts, np.ones(3), np.ones(2), session)


def quoted(ts: list[int], bid: list[float], ask: list[float], late: int = 0) -> Quotes:
    stamps = np.array(ts, dtype=np.int64)
    sides = [np.array(side, dtype=np.float64) for side in (bid, ask)]
    return Quotes("ES", stamps, stamps + late, *sides, *(np.where(np.isnan(side), 0.0, 1.0) for side in sides))


def test_bars_of_quotes_are_bars_of_their_mid() -> None:
    nan = float("nan")
    quotes = quoted([1, 10, 11, 15, 20, 41, 50], [4, 5, 6, nan, 8, 1, 2], [6, 5, 8, 9, 10, 1, 4], late=3)
    bars = bars_of_quotes(quotes, 10, np.array([7] * 5 + [8] * 2, dtype=np.int32))
    assert bars.ts_event_ns.tolist() == [0, 10, 40]
    assert bars.ts_close_ns.tolist() == [10, 20, 50], "a quote at the end of an interval belongs to it"
    assert bars.ts_recv_ns.tolist() == [13, 23, 53]
    table = [(bars.open[i], bars.high[i], bars.low[i], bars.close[i]) for i in range(3)]
    assert table == [(5, 5, 5, 5), (7, 9, 7, 9), (1, 3, 1, 3)]
    assert bars.session_end.tolist() == [False, True, True]
    assert "volume" not in bars.observed


def test_a_session_cuts_a_bar_of_quotes() -> None:
    quotes = quoted([2, 4, 6], [1, 2, 3], [1, 2, 3])
    bars = bars_of_quotes(quotes, 10, np.array([7, 7, 8], dtype=np.int32))
    assert list(zip(bars.ts_event_ns.tolist(), bars.ts_close_ns.tolist(), strict=True)) == [(0, 4), (4, 10)]


def test_quotes_without_bars_are_refused() -> None:
    quotes = quoted([2], [float("nan")], [1])
    with pytest.raises(DataError, match="none of 1 quotes has both"):
        bars_of_quotes(quotes, 10, np.zeros(1, dtype=np.int32))
    with pytest.raises(DataError, match="give a session for each quote, and an interval above 0"):
        bars_of_quotes(quotes, 0, np.zeros(1, dtype=np.int32))


def test_an_hour_whose_last_minutes_are_missing_is_known_at_its_end_and_not_before() -> None:
    fine = minutes()
    hour = fine.ts_event_ns // (60 * MINUTE)
    of_hour = np.flatnonzero(hour == hour[300])
    holed = take(fine, np.delete(np.arange(len(fine)), of_hour[-7:]))
    coarse = resample(holed, 60 * MINUTE)
    row = int(np.searchsorted(coarse.ts_event_ns, holed.ts_event_ns[int(of_hour[0])]))
    assert coarse.ts_close_ns[row] == fine.ts_close_ns[of_hour[-8]]
    assert coarse.ts_recv_ns[row] == (hour[300] + 1) * 60 * MINUTE


def test_a_session_whose_close_is_missing_is_known_when_the_next_one_begins() -> None:
    fine = minutes()
    last = int(np.flatnonzero(fine.session_end)[0])
    holed = take(fine, np.delete(np.arange(len(fine)), [last]))
    daily = resample(holed, 24 * 60 * MINUTE)
    assert daily.ts_recv_ns[0] == fine.ts_event_ns[last + 1]


def test_a_bar_that_may_still_grow_is_left_out_where_asked() -> None:
    fine = minutes()
    open_hour = fine.rows(0, 90)
    assert len(resample(open_hour, 60 * MINUTE)) == 2
    assert len(resample(open_hour, 60 * MINUTE, drop_open=True)) == 1
    assert len(resample(fine, 60 * MINUTE, drop_open=True)) == len(resample(fine, 60 * MINUTE))
