"""Every gate with faults planted in sound bars: what was planted is found, exactly, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config

from argus.core.arrays import BAR_FIELDS
from argus.core.instruments import instrument
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE
from argus.data import _quality_kernels as kernels
from argus.data.calendars import expected_bars, session_bounds, session_table
from argus.data.quality import Inspection, QualityLimits, QualityReason, inspect
from argus.data.raw import RawBars

pytestmark = pytest.mark.kernel

COMPILED = not config.DISABLE_JIT
"""As plain Python the gates take a second for ten thousand rows: it gets a stretch of the real ones and fewer cases."""
OHLCV = frozenset({"open", "high", "low", "close", "volume"})
R = QualityReason


def raw_bars(
    symbol: str, start: np.ndarray, close: np.ndarray, columns: dict[str, np.ndarray], **other: Any
) -> RawBars:
    n = len(start)
    held = {name: columns.get(name, np.full(n, np.nan)).astype(np.float64).copy() for name in BAR_FIELDS}
    return RawBars(
        instrument=symbol,
        ts_event_ns=start.astype(np.int64),
        ts_close_ns=close.astype(np.int64),
        ts_recv_ns=close.astype(np.int64),
        observed=other.get("observed", OHLCV),
        source_line=np.arange(2, n + 2),
        row_bytes=lambda row: f"row {row}".encode(),
        **held,
    )


def walk(n: int, tick: float, price: float, seed: int = 7) -> dict[str, np.ndarray]:
    """Bars of a random walk on the tick grid: sound in every respect."""
    rng = np.random.default_rng(seed)
    close = price + np.cumsum(rng.integers(-4, 5, n)) * tick
    opened = np.concatenate(([price], close[:-1])) + rng.integers(-1, 2, n) * tick
    high = np.maximum(opened, close) + rng.integers(0, 3, n) * tick
    low = np.minimum(opened, close) - rng.integers(0, 3, n) * tick
    return {"open": opened, "high": high, "low": low, "close": close, "volume": rng.integers(500, 1_500, n) * 1.0}


def minutes(symbol: str = "ES", n_days: int = 2) -> RawBars:
    """Sound one-minute bars of whole sessions in February 2024."""
    spec = instrument(symbol)
    table = session_table(spec.calendar, date(2024, 2, 6), date(2024, 2, 5 + n_days))
    start = expected_bars(table, NS_PER_MINUTE, 0, 2**62)
    columns = walk(len(start), float(spec.tick_size), 5_000.0)
    return raw_bars(symbol, start, start + NS_PER_MINUTE, columns)


def sessions(symbol: str, n: int, price: float = 400.0) -> RawBars:
    """Sound session bars from 2015 on."""
    spec = instrument(symbol)
    days = session_table(spec.calendar, date(2015, 1, 2), date(2023, 12, 29)).session[:n]
    opened, closed = session_bounds(spec.calendar, days)
    return raw_bars(symbol, opened, closed, walk(n, float(spec.tick_size), price))


def changed(raw: RawBars, **columns: np.ndarray) -> RawBars:
    return replace(raw, **columns)  # type: ignore[arg-type]


def with_values(raw: RawBars, field: str, values: dict[int, float]) -> RawBars:
    column = getattr(raw, field).copy()
    for row, value in values.items():
        column[row] = value
    return changed(raw, **{field: column})


def found(inspection: Inspection, reason: QualityReason) -> list[int]:
    return np.flatnonzero((inspection.reasons & np.uint32(reason)) != 0).tolist()


def look(raw: RawBars, interval_ns: int | None = NS_PER_MINUTE, **other: Any) -> Inspection:
    return inspect(raw, instrument(raw.instrument), interval_ns, **other)


@pytest.mark.parametrize("symbol", ["ES", "ZN", "CL", "BTCUSD", "SPY", "EURUSD"])
def test_sound_bars_raise_nothing(symbol: str) -> None:
    raw = minutes(symbol, n_days=1)
    inspection = look(raw)
    assert inspection.counts == {}
    assert inspection.notes == ()
    assert not inspection.fatal.any()
    assert inspection.kept.tolist() == list(range(len(raw)))
    assert inspection.observed == OHLCV
    assert inspection.completeness.share_complete == 1.0
    assert inspection.completeness.missing_sessions == ()
    assert int(inspection.completeness.extra.sum()) == 0


def test_sound_session_bars_raise_nothing() -> None:
    inspection = look(sessions("SPY", 500), None)
    assert inspection.counts == {}
    assert inspection.completeness.expected.sum() == 500
    assert inspection.stale_open_share < 0.5
    assert inspection.observed == OHLCV


FAULTS: list[tuple[str, str, float, QualityReason]] = [
    ("missing open", "open", np.nan, R.MISSING_VALUE),
    ("missing close", "close", np.nan, R.MISSING_VALUE),
    ("missing volume", "volume", np.nan, R.MISSING_VALUE),
    ("infinite high", "high", np.inf, R.INFINITE),
    ("infinite volume", "volume", np.inf, R.INFINITE),
    ("high below the rest", "high", 1_000.0, R.OHLC),
    ("low above the rest", "low", 9_000.0, R.OHLC),
    ("close outside the bar", "close", 5_900.0, R.OHLC),
    ("negative volume", "volume", -1.0, R.NEGATIVE_VOLUME),
]


@pytest.mark.parametrize(("label", "field", "value", "reason"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_an_impossible_value_is_fatal(label: str, field: str, value: float, reason: QualityReason) -> None:
    inspection = look(with_values(minutes(), field, {700: value}))
    assert found(inspection, reason) == [700]
    assert np.flatnonzero(inspection.fatal).tolist() == [700]
    assert 700 not in inspection.kept
    example = next(example for example in inspection.examples if example.reason == reason)
    assert example.source_line == 702
    assert example.sentence.startswith("line 702, 2024-")


@settings(max_examples=100 if COMPILED else 20)
@given(st.dictionaries(st.integers(0, 2_759), st.sampled_from(range(len(FAULTS))), max_size=25))
def test_what_is_planted_is_found_exactly(planted: dict[int, int]) -> None:
    raw = minutes()
    for row, fault in planted.items():
        _, field, value, _ = FAULTS[fault]
        raw = with_values(raw, field, {row: value})
    inspection = look(raw)
    assert np.flatnonzero(inspection.fatal).tolist() == sorted(planted)
    for fault, (_, _, _, reason) in enumerate(FAULTS):
        rows = {row for row, which in planted.items() if which == fault}
        assert rows <= set(found(inspection, reason))
    assert len(inspection.kept) == len(raw) - len(planted)
    kept = inspection.kept
    assert int(inspection.completeness.missing.sum()) == int(kept[-1] - kept[0]) + 1 - len(kept)


def test_prices_at_or_below_zero() -> None:
    rows: dict[str, np.ndarray] = {name: np.full(1_380, -3.0) for name in ("open", "high", "low", "close")}
    bars = minutes("CL", 1)
    assert not look(changed(bars, **rows)).fatal.any()
    share = minutes("SPY", 1)
    share = with_values(share, "low", {5: 0.0})
    inspection = look(share)
    assert found(inspection, R.NON_POSITIVE) == [5]
    assert "prices of SPY are above zero" in inspection.examples[0].sentence


def repeated(raw: RawBars, row: int, **values: float) -> RawBars:
    """The bars with a copy of `row` right after it, changed in the given fields."""
    rows = np.insert(np.arange(len(raw)), row + 1, row)
    again = replace(raw.take(rows), source_line=np.arange(2, len(raw) + 3))
    for field, value in values.items():
        again = with_values(again, field, {row + 1: value})
    return again


def test_of_identical_duplicates_the_first_stays() -> None:
    raw = repeated(minutes(), 40)
    inspection = look(repeated(raw, 40))
    assert found(inspection, R.DUPLICATE) == [41, 42]
    assert np.flatnonzero(inspection.fatal).tolist() == [41, 42]
    assert inspection.completeness.share_complete == 1.0


def test_of_conflicting_duplicates_none_stays() -> None:
    inspection = look(repeated(minutes(), 40, volume=77.0))
    assert found(inspection, R.CONFLICT) == [40, 41]
    assert np.flatnonzero(inspection.fatal).tolist() == [40, 41]


def test_a_bad_row_does_not_displace_its_good_duplicate() -> None:
    inspection = look(repeated(minutes(), 40, close=np.nan))
    assert np.flatnonzero(inspection.fatal).tolist() == [41]
    assert found(inspection, R.CONFLICT) == []


def test_overlapping_bars_and_impossible_times() -> None:
    raw = minutes()
    closes = raw.ts_close_ns.copy()
    closes[10] += 30_000_000_000
    known = raw.ts_recv_ns.copy()
    known[10] = closes[10]
    inspection = look(changed(raw, ts_close_ns=closes, ts_recv_ns=known))
    assert found(inspection, R.OVERLAP) == [11]
    early = raw.ts_recv_ns.copy()
    early[20] -= 1
    backwards = raw.ts_close_ns.copy()
    backwards[30] = raw.ts_event_ns[30]
    inspection = look(changed(raw, ts_recv_ns=early, ts_close_ns=backwards))
    assert found(inspection, R.BAD_TIMES) == [20, 30]
    assert np.flatnonzero(inspection.fatal).tolist() == [20, 30]


def test_a_wrong_unit_of_time_is_a_bad_row_not_a_crash() -> None:
    raw = minutes()
    rows = {name: getattr(raw, name).copy() for name in ("ts_event_ns", "ts_close_ns", "ts_recv_ns")}
    for column in rows.values():
        column[-1] = column[-1] * 4
    inspection = look(changed(raw, **rows))
    assert found(inspection, R.BAD_TIMES) == [len(raw) - 1]


def test_the_future_is_fatal() -> None:
    raw = minutes()
    now_ns = int(raw.ts_close_ns[-3])
    inspection = look(raw, now_ns=now_ns)
    assert found(inspection, R.FUTURE) == [len(raw) - 2, len(raw) - 1]
    assert not look(raw).fatal.any()


def test_out_of_order_rows_are_kept_and_sorted() -> None:
    raw = minutes()
    order = np.arange(len(raw))
    order[[100, 101]] = [101, 100]
    inspection = look(replace(raw.take(order), source_line=np.arange(2, len(raw) + 2)))
    assert found(inspection, R.OUT_OF_ORDER) == [101]
    assert not inspection.fatal.any()
    assert inspection.kept.tolist() == order.tolist()
    assert inspection.completeness.share_complete == 1.0


def test_a_source_sorted_newest_first_is_noted_once() -> None:
    raw = minutes()
    inspection = look(raw.take(np.arange(len(raw))[::-1].copy()))
    assert inspection.counts == {}
    assert inspection.notes == ("the source is sorted newest first",)
    assert inspection.kept[0] == len(raw) - 1


def test_reasons_do_not_depend_on_the_order_of_the_source() -> None:
    raw = with_values(with_values(minutes(), "high", {300: 1.0}), "volume", {900: -5.0})
    shuffle = np.random.default_rng(3).permutation(len(raw))
    straight, mixed = look(raw), look(raw.take(shuffle))
    order_bit = ~np.uint32(R.OUT_OF_ORDER)
    assert (mixed.reasons & order_bit == (straight.reasons & order_bit)[shuffle]).all()
    assert (mixed.fatal == straight.fatal[shuffle]).all()
    assert (shuffle[mixed.kept] == straight.kept).all()


def test_bars_outside_the_session_are_reported_or_quarantined() -> None:
    raw = minutes()
    late = {name: getattr(raw, name).copy() for name in ("ts_event_ns", "ts_close_ns", "ts_recv_ns")}
    for column in late.values():
        column[-1] += 5 * NS_PER_MINUTE  # 15:59 becomes 16:04, after the close
    inspection = look(changed(raw, **late))
    assert found(inspection, R.OUTSIDE_SESSION) == [len(raw) - 1]
    assert not inspection.fatal.any()
    assert int(inspection.completeness.extra.sum()) == 1
    strict = look(changed(raw, **late), limits=QualityLimits(outside_quarantine=True))
    assert np.flatnonzero(strict.fatal).tolist() == [len(raw) - 1]


def test_a_bar_on_the_clock_that_reaches_into_the_open_is_inside() -> None:
    table = session_table("NYSE", date(2024, 2, 6), date(2024, 2, 9))
    start = expected_bars(table, NS_PER_HOUR, 0, 2**62, phase_ns=0)
    assert (start % NS_PER_HOUR == 0).all()
    raw = raw_bars("SPY", start, start + NS_PER_HOUR, walk(len(start), 0.01, 500.0))
    inspection = look(raw, NS_PER_HOUR)
    assert inspection.counts == {}
    assert inspection.completeness.share_complete == 1.0
    assert len(start) == 4 * 7


def test_prices_off_the_grid() -> None:
    inspection = look(with_values(minutes(), "high", {9: 5_200.1}), limits=QualityLimits(spike_sigmas=1e9))
    assert found(inspection, R.OFF_TICK) == [9]
    assert "high 5200.1 off the grid of 0.25" in inspection.examples[0].sentence
    raw = minutes()
    shifted = {name: getattr(raw, name) + 0.1 for name in ("open", "high", "low", "close")}
    inspection = look(changed(raw, **shifted))
    assert inspection.counts == {}
    assert inspection.notes[0].startswith("100% of the rows lie off the grid of 0.25")


def test_thirty_two_bit_prices_are_on_the_grid() -> None:
    raw = minutes("SPY")
    narrow = {name: getattr(raw, name).astype(np.float32).astype(np.float64) for name in BAR_FIELDS[:4]}
    assert look(changed(raw, **narrow)).counts == {}


def test_a_spike_that_comes_back_is_reported() -> None:
    raw = minutes()
    level = float(raw.close[500]) + 100.0
    raw = with_values(with_values(raw, "close", {500: level}), "high", {500: level})
    inspection = look(raw)
    assert found(inspection, R.SPIKE) == [500]
    assert not inspection.fatal.any()
    assert np.flatnonzero(look(raw, limits=QualityLimits(spike_quarantine=True)).fatal).tolist() == [500]


def test_a_wick_is_a_spike_and_a_lasting_move_is_none() -> None:
    raw = minutes()
    inspection = look(with_values(raw, "low", {600: float(raw.low[600]) - 100.0}))
    assert found(inspection, R.SPIKE) == [600]
    moved = {
        name: np.where(np.arange(len(raw)) > 600, getattr(raw, name) + 100.0, getattr(raw, name)) for name in OHLCV
    }
    moved["volume"] = raw.volume
    assert found(look(changed(raw, **moved)), R.SPIKE) == []


def test_a_frozen_price_is_stale() -> None:
    raw = minutes()
    frozen = {}
    for name in ("open", "high", "low", "close"):
        column = getattr(raw, name).copy()
        column[200:260] = raw.close[200]
        frozen[name] = column
    inspection = look(changed(raw, **frozen))
    assert found(inspection, R.STALE) == list(range(200, 260))
    assert not inspection.fatal.any()
    assert found(look(changed(raw, **frozen), limits=QualityLimits(stale_bars=61)), R.STALE) == []


def test_frozen_closes_of_session_bars_at_the_end_of_the_data() -> None:
    raw = sessions("SPY", 200)
    closes = raw.close.copy()
    closes[-5:] = closes[-5]
    only = replace(changed(raw, close=closes), observed=frozenset({"close"}))
    assert found(look(only, None), R.STALE) == [195, 196, 197, 198, 199]


def test_volume_far_from_the_bars_before() -> None:
    inspection = look(with_values(minutes(), "volume", {800: 9e7, 801: 0.0}))
    assert found(inspection, R.VOLUME_ANOMALY) == [800, 801]


def test_stale_opens_are_not_observed() -> None:
    raw = sessions("SPX", 600)
    copied = np.arange(1, 600, 3)
    opens = raw.open + np.random.default_rng(1).uniform(1.0, 2.0, 600).round(2)
    opens[copied] = raw.close[copied - 1]
    raw = changed(raw, open=opens, high=np.maximum(raw.high, opens), low=np.minimum(raw.low, opens))
    inspection = look(raw, None)
    assert inspection.observed == OHLCV - {"open"}
    assert inspection.stale_open_share == pytest.approx(1 / 3, abs=0.01)
    assert any("open exactly at the previous close" in note for note in inspection.notes)
    assert not inspection.fatal.any()


def test_opens_that_repeat_closes_by_chance_are_observed() -> None:
    raw = sessions("ZN", 600, price=110.0)  # gaps of -1, 0 or 1 tick, each as often
    inspection = look(raw, None)
    assert inspection.stale_open_share == pytest.approx(1 / 3, abs=0.06)
    assert "open" in inspection.observed


def test_a_column_without_values_is_not_observed() -> None:
    raw = minutes()
    inspection = look(changed(raw, volume=np.full(len(raw), np.nan)))
    assert inspection.observed == OHLCV - {"volume"}
    assert inspection.notes == ("column volume is empty throughout, so it counts as not observed",)
    assert not inspection.fatal.any()


def split(raw: RawBars, row: int, ratio: float, volume_ratio: float) -> RawBars:
    after = np.arange(len(raw)) >= row
    columns = {
        name: np.where(after, getattr(raw, name) / ratio, getattr(raw, name)).round(2) for name in BAR_FIELDS[:4]
    }
    columns["volume"] = np.where(after, raw.volume * volume_ratio, raw.volume)
    return changed(raw, **columns)


@pytest.mark.parametrize("ratio", [2.0, 3.0, 1.5, 10.0, 0.1, 0.5])
def test_an_unadjusted_split(ratio: float) -> None:
    raw = sessions("SPY", 400)
    inspection = look(split(raw, 250, ratio, ratio), None)
    assert found(inspection, R.SPLIT) == [250]
    assert not inspection.fatal.any()


def test_what_is_no_split() -> None:
    raw = sessions("SPY", 400)
    assert found(look(split(raw, 250, 2.0, 1.0), None), R.SPLIT) == []  # halved without more shares: a crash
    assert found(look(split(raw, 250, 1.23, 1.23), None), R.SPLIT) == []  # no round ratio
    future = sessions("ES", 400, 4_000.0)
    assert found(look(split(future, 250, 2.0, 2.0), None), R.SPLIT) == []


def test_stamps_an_hour_off_between_two_clock_changes() -> None:
    table = session_table("NYSE", date(2024, 2, 1), date(2024, 4, 30))
    start = expected_bars(table, 5 * NS_PER_MINUTE, 0, 2**62)
    between = (start >= _utc(2024, 3, 10)) & (start < _utc(2024, 3, 31))
    wrong = start + np.where(between, NS_PER_HOUR, 0)
    raw = raw_bars("SPY", wrong, wrong + 5 * NS_PER_MINUTE, walk(len(start), 0.01, 500.0))
    inspection = look(raw, 5 * NS_PER_MINUTE)
    rows = found(inspection, R.DAYLIGHT_SAVING)
    assert rows == found(inspection, R.OUTSIDE_SESSION)
    assert len(rows) == 14 * 12  # fourteen sessions, an hour of five-minute bars after each close
    assert between[rows].all()
    sound = raw_bars("SPY", start, start + 5 * NS_PER_MINUTE, walk(len(start), 0.01, 500.0))
    assert look(sound, 5 * NS_PER_MINUTE).counts == {}


def test_early_trading_all_year_is_no_clock_fault() -> None:
    table = session_table("NYSE", date(2024, 2, 1), date(2024, 4, 30))
    start = expected_bars(table, 5 * NS_PER_MINUTE, 0, 2**62)
    early = np.concatenate([start, table.open_ns - NS_PER_HOUR])
    early.sort()
    raw = raw_bars("SPY", early, early + 5 * NS_PER_MINUTE, walk(len(early), 0.01, 500.0))
    inspection = look(raw, 5 * NS_PER_MINUTE)
    assert len(found(inspection, R.OUTSIDE_SESSION)) == len(table)
    assert found(inspection, R.DAYLIGHT_SAVING) == []


def _utc(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - date(1970, 1, 1)).days * NS_PER_DAY


@settings(max_examples=100 if COMPILED else 20)
@given(st.sets(st.integers(1, 4 * 1_380 - 2), max_size=200))
def test_missing_bars_are_counted_by_session(gone: set[int]) -> None:
    raw = minutes(n_days=4)
    inspection = look(raw.take(np.setdiff1d(np.arange(len(raw)), sorted(gone))))
    by_session = np.bincount([row // 1_380 for row in gone], minlength=4)
    assert inspection.completeness.expected.tolist() == [1_380] * 4
    assert inspection.completeness.missing.tolist() == by_session.tolist()
    assert inspection.completeness.present.tolist() == (1_380 - by_session).tolist()
    assert inspection.completeness.share_complete == pytest.approx(1 - len(gone) / (4 * 1_380))


def test_missing_sessions_are_named() -> None:
    raw = minutes(n_days=4)
    inspection = look(raw.take(np.r_[0:1_380, 2_760 : 4 * 1_380]))
    assert inspection.completeness.missing_sessions == ((date(2024, 2, 7) - date(1970, 1, 1)).days,)
    assert "  sessions without a bar: 2024-02-07" in inspection.lines()
    daily = sessions("SPY", 30)
    inspection = look(daily.take(np.r_[0:10, 12:30]), None)
    assert len(inspection.completeness.missing_sessions) == 2
    assert inspection.completeness.missing.sum() == 2


def test_nothing_and_nothing_good() -> None:
    raw = minutes()
    empty = look(raw.take(np.empty(0, np.int64)))
    assert len(empty.reasons) == 0
    assert empty.completeness.share_complete == 1.0
    ruined = look(changed(raw, close=np.full(len(raw), np.nan)))
    assert ruined.fatal.all()
    assert len(ruined.kept) == 0
    assert "0 good" in ruined.lines()[0]
    one = look(raw.take(np.array([5])))
    assert one.counts == {}


def test_the_report_reads_and_travels() -> None:
    raw = with_values(repeated(minutes(), 40, volume=77.0), "high", {700: 1.0})
    inspection = look(raw)
    lines = inspection.lines()
    assert lines[0] == "ES: 2,761 rows, 2,758 good, 3 to quarantine, 0 kept but odd"
    assert "  conflict: 2 rows" in lines
    assert "  ohlc: 1 row" in lines
    assert any("line 42" in line and "nothing says which is right" in line for line in lines)
    record = json.loads(json.dumps(inspection.as_dict()))
    assert record["counts"] == {"conflict": 2, "ohlc": 1}
    assert record["rows_fatal"] == 3
    assert record["completeness"]["missing"] == 2
    assert record["examples"][0]["reason"] == "ohlc"


def test_every_reason_has_a_plain_sentence() -> None:
    raw = with_values(minutes(), "volume", {0: -1.0})
    raw = with_values(raw, "open", {0: np.nan})
    raw = with_values(raw, "high", {0: np.inf})
    from argus.data.quality import _sentence

    sentences = {_sentence(raw, 0, reason, instrument("ES")) for reason in QualityReason}
    assert len(sentences) == len(QualityReason)
    assert all(len(sentence) > 10 and "{" not in sentence for sentence in sentences)


def test_a_row_that_is_bad_in_two_ways_can_be_described() -> None:
    raw = with_values(with_values(minutes(), "open", {7: np.nan}), "high", {7: 5_500.1})
    inspection = look(raw)
    assert found(inspection, R.MISSING_VALUE) == found(inspection, R.OFF_TICK) == [7]
    assert any("open missing or not a number" in line for line in inspection.lines())


def test_the_bits_of_kernels_and_names_agree() -> None:
    for reason in QualityReason:
        bit = getattr(kernels, str(reason.name), None)
        assert bit is None or bit == reason
        assert (int(reason) & kernels.ALWAYS_FATAL != 0) == (reason < R.OUT_OF_ORDER)


def plain(kernel: Any) -> Callable[..., None]:
    """The Python function of a compiled kernel, itself where nothing is compiled."""
    function: Callable[..., None] = getattr(kernel, "py_func", kernel)
    return function


def faulty(seed: int, n: int = 120) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    columns = walk(n, 0.25, 100.0, seed) | {"open_interest": np.full(n, np.nan)}
    for name in BAR_FIELDS:
        rows = rng.integers(0, n, 6)
        columns[name][rows] = rng.choice([np.nan, np.inf, -1.0, 0.0, 1e6, columns[name][rows[0]]], 6)
    return columns


@pytest.mark.parametrize("seed", range(12))
def test_python_and_compiled_kernels_agree(seed: int) -> None:
    rng, columns = np.random.default_rng(seed), faulty(seed)
    n = len(columns["close"])
    event = np.sort(rng.integers(0, 80, n)) * 60
    close_ts, recv = event + rng.choice([60, 60, 90, 0], n), event + rng.choice([60, 90, 120], n)
    seen = rng.random(6) < 0.8
    values = [columns[name] for name in BAR_FIELDS]
    stacked = np.array(values)
    clean = np.nan_to_num(stacked, posinf=1.0)
    quartiles = [np.empty(n) for _ in range(3)]
    results = []
    for form in (lambda kernel: kernel, plain):
        reasons = np.zeros(n, np.uint32)
        form(kernels.flag_values)(*values, seen, bool(seed % 2), 0.25, reasons)
        form(kernels.flag_times)(event, close_ts, recv, stacked, 0, 10**9, 4_500, reasons)
        form(kernels.rolling_quartiles)(np.abs(np.diff(clean[3], prepend=0.0)), np.empty(20), *quartiles)
        inside, traded = event % 120 == 0, clean[4] > 0
        form(kernels.flag_moves)(*clean[:4], seen, quartiles[1] + 0.25, 5.0, 0.001, 0.3, inside, traded, 3, reasons)
        marks = np.zeros(100, np.bool_), np.zeros(n, np.bool_)
        form(kernels.mark_present)(np.arange(100) * 60, np.unique(event), *marks)
        results.append([reasons, *(column.copy() for column in quartiles), *marks])
    for compiled, python in zip(*results, strict=True):
        assert (compiled == python).all()


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=60), st.integers(1, 12))
def test_rolling_quartiles_equal_a_sort(numbers: list[int], window: int) -> None:
    x = np.array(numbers, np.float64)
    n, width = len(x), min(window, len(x))
    low, middle, high = np.empty(n), np.empty(n), np.empty(n)
    kernels.rolling_quartiles(x, np.empty(window), low, middle, high)
    for i in range(n):
        held = np.sort(x[:width] if i < width else x[i - width : i])
        assert (low[i], middle[i], high[i]) == (held[width // 4], held[width // 2], held[3 * width // 4])


def real(folder: Path, path: str) -> Any:
    import polars as pl

    return pl.read_parquet(folder / path)


def stretch(bars: Any) -> Any:
    """All rows, or what plain Python gets of them."""
    return bars if COMPILED else bars.head(20_000)


def test_real_micro_futures_are_complete(real_data: Path) -> None:
    bars = real(real_data, "futures_hourly/MES.parquet").sort("volume", descending=True)
    bars = bars.unique("time_utc", keep="first", maintain_order=True).sort("time_utc")
    start = bars["time_utc"].dt.epoch("ns").to_numpy()
    raw = raw_bars("MES", start, start + NS_PER_HOUR, {name: bars[name].to_numpy() for name in OHLCV})
    inspection = look(raw, NS_PER_HOUR)
    assert inspection.counts == {}
    assert inspection.completeness.share_complete == 1.0


def test_real_minutes_of_a_market_that_never_closes(real_data: Path) -> None:
    bars = stretch(real(real_data, "crypto_1m/BTCUSD.parquet").filter(pl_year() == 2015))
    start = bars["timestamp_ms_utc"].to_numpy().astype(np.int64) * 1_000_000
    raw = raw_bars("BTCUSD", start, start + NS_PER_MINUTE, {name: bars[name].to_numpy() for name in OHLCV})
    inspection = look(raw)
    table = inspection.completeness
    assert not inspection.fatal.any()
    assert "outside_session" not in inspection.counts
    assert int(table.present.sum()) == len(raw)
    span = (int(start[-1]) - int(start[0])) // NS_PER_MINUTE + 1
    assert int(table.missing.sum()) == span - len(raw)


def pl_year() -> Any:
    import polars as pl

    return pl.from_epoch("timestamp_ms_utc", time_unit="ms").dt.year()


def test_real_five_minute_bars_in_eastern_time(real_data: Path) -> None:
    import polars as pl

    bars = real(real_data, "etf_intraday/SPY_5min.parquet")
    bars = bars.rename({name: name.lower() for name in bars.columns})
    stamps = bars["datetime"]
    stamps = stamps.str.to_datetime() if stamps.dtype == pl.String else stamps
    start = stamps.dt.replace_time_zone("America/New_York").dt.epoch("ns").to_numpy().astype(np.int64)
    raw = raw_bars("SPY", start, start + 5 * NS_PER_MINUTE, {name: bars[name].to_numpy() for name in OHLCV})
    inspection = look(raw, 5 * NS_PER_MINUTE)
    assert inspection.completeness.share_complete == 1.0
    assert "daylight_saving" not in inspection.counts
    as_if_utc = stamps.dt.epoch("ns").to_numpy().astype(np.int64)
    shifted = raw_bars("SPY", as_if_utc, as_if_utc + 5 * NS_PER_MINUTE, {k: bars[k].to_numpy() for k in OHLCV})
    wrong = look(shifted, 5 * NS_PER_MINUTE)
    assert wrong.counts["outside_session"] > len(raw) // 3
    assert wrong.completeness.share_complete < 0.7


def test_real_opens_of_the_index_are_stale_and_the_bench_bars_survive(real_data: Path) -> None:
    from arch.data import nasdaq, sp500

    for module, symbol, stale in ((sp500, "SPX", True), (nasdaq, "IXIC", False)):
        frame = module.load()
        days = frame.index.to_numpy().astype("datetime64[D]").astype(np.int32)
        opened, closed = session_bounds("NYSE", days)
        raw = raw_bars(symbol, opened, closed, {name: frame[name.capitalize()].to_numpy() for name in OHLCV})
        inspection = look(raw, None)
        assert ("open" not in inspection.observed) == stale
        assert not inspection.fatal.any()
    bars = stretch(real(real_data, "bench/es_1m.parquet"))
    end = bars["ts"].dt.epoch("ns").to_numpy()
    raw = raw_bars("ES", end - NS_PER_MINUTE, end, {name: bars[name].to_numpy() for name in OHLCV})
    inspection = look(raw)
    assert not inspection.fatal.any()
    assert set(inspection.counts) <= {"outside_session"}
