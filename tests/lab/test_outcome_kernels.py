from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import Bars
from argus.core.instruments import instrument
from argus.core.random import generator
from argus.core.time import NS_PER_MINUTE
from argus.data.calendars import session_bounds
from argus.data.outcome_store import NEVER, OutcomeColumns, OutcomeStatus
from argus.lab.outcomes import OutcomeMaker, OutcomeSpec, outcomes_of
from tests.features.bars import other_future

SPEC = instrument("SPY")
DAYS = np.array([19_723 + day for day in (1, 2, 3, 4, 7, 8)], dtype=np.int32)
"""2 to 9 January 2024, six sessions in a row."""
LENGTH = 30 * NS_PER_MINUTE
PER_SESSION = 13


def half_hours(seed: int, keep: Sequence[int] | None = None) -> Bars:
    """Half-hour bars over six sessions; prices on a coarse grid, so that equal highs are common."""
    opened, closed = session_bounds(SPEC.calendar, DAYS)
    assert ((closed - opened) == PER_SESSION * LENGTH).all()
    n = PER_SESSION * len(DAYS)
    random = generator(seed, "tests", "outcomes")
    step = 0.5
    close = 100.0 + np.round(np.cumsum(random.normal(0.0, 0.6, n)) / step) * step
    first = np.concatenate(([100.0], close[:-1])) + np.round(random.normal(0.0, 0.3, n) / step) * step
    high = np.maximum(first, close) + np.round(np.abs(random.normal(0.0, 0.3, n)) / step) * step
    low = np.minimum(first, close) - np.round(np.abs(random.normal(0.0, 0.3, n)) / step) * step
    starts = (opened[:, None] + LENGTH * np.arange(PER_SESSION)).ravel()
    bars = Bars(
        instrument="SPY",
        ts_event_ns=starts,
        ts_close_ns=starts + LENGTH,
        ts_recv_ns=starts + LENGTH + 7,
        open=first,
        high=high,
        low=low,
        close=close,
        volume=np.full(n, 1e6),
        open_interest=np.full(n, np.nan),
        session=np.repeat(DAYS, PER_SESSION),
        session_end=np.tile(np.arange(PER_SESSION) == PER_SESSION - 1, len(DAYS)),
        observed=frozenset({"open", "high", "low", "close", "volume"}),
    )
    return bars if keep is None else picked(bars, keep)


def picked(bars: Bars, rows: Sequence[int]) -> Bars:
    names = [name for name in Bars.__dataclass_fields__ if name not in ("instrument", "observed")]
    columns: dict[str, Any] = {name: np.ascontiguousarray(getattr(bars, name)[list(rows)]) for name in names}
    return replace(bars, **columns)


def made(bars: Bars, horizon: int, **settings: object) -> OutcomeColumns:
    spec = OutcomeSpec(horizons=(horizon,), **{"vol_half_life": 3, **settings})  # type: ignore[arg-type]
    return outcomes_of(spec, SPEC, bars, LENGTH)[0]


def slot(bars: Bars, row: int) -> int:
    """Number of the bar among all that the calendar expects."""
    opened, _ = session_bounds(SPEC.calendar, DAYS)
    day = int(np.searchsorted(DAYS, bars.session[row]))
    return day * PER_SESSION + int((bars.ts_event_ns[row] - opened[day]) // LENGTH)


class Naive:
    """Outcomes by definition, row by row and bar by bar, prices as exact decimals."""

    def __init__(self, bars: Bars, horizon: int, cross: bool, up: float, down: float, half_life: int) -> None:
        self.bars, self.h, self.cross = bars, horizon, cross
        self.up, self.down, self.half_life = up, down, half_life
        self.n = len(bars)

    def window(self, i: int) -> tuple[list[int], bool, int]:
        """Bars of the window, whether it is over, and when that was known."""
        rows: list[int] = []
        for j in range(i + 1, self.n):
            if not self.cross and self.bars.session[j] != self.bars.session[i]:
                closes = bool(self.bars.session_end[j - 1])
                return rows, True, int(self.bars.ts_recv_ns[j - 1 if closes else j])
            rows.append(j)
            if len(rows) == self.h:
                return rows, True, int(self.bars.ts_recv_ns[j])
        last = rows[-1] if rows else i
        if not self.cross and self.bars.session_end[last]:
            return rows, True, int(self.bars.ts_recv_ns[last])
        return rows, False, NEVER

    def has_hole(self, i: int, rows: list[int], over: bool) -> bool:
        slots = [slot(self.bars, row) for row in [i, *rows]]
        if slots[-1] - slots[0] != len(rows):
            return True
        cut = over and len(rows) < self.h
        return cut and slots[-1] % PER_SESSION != PER_SESSION - 1

    def vol(self, i: int) -> float:
        squares = [math.log(self.bars.close[j] / self.bars.close[j - 1]) ** 2 for j in range(1, i + 1)]
        if len(squares) < self.half_life:
            return math.nan
        weights = [0.5 ** ((len(squares) - 1 - k) / self.half_life) for k in range(len(squares))]
        return math.sqrt(sum(w * x for w, x in zip(weights, squares, strict=True)) / sum(weights))

    def check(self, got: OutcomeColumns) -> None:
        for i in range(self.n):
            rows, over, known = self.window(i)
            self.check_window(got, i, rows, over, known)
            self.check_barriers(got, i, rows, over, known)

    def check_window(self, got: OutcomeColumns, i: int, rows: list[int], over: bool, known: int) -> None:
        assert got.known_at_ns[i] == known, i
        if not over or not rows:
            assert got.status[i] == (OutcomeStatus.NO_ENTRY if over else OutcomeStatus.OPEN), i
            assert np.isnan([got.forward_return[i], got.run_up[i], got.drawdown[i]]).all()
            assert got.bars_to_run_up[i] == got.bars_to_drawdown[i] == 0
            return
        entry = Decimal(self.bars.open[rows[0]])
        highs, lows = [Decimal(self.bars.high[j]) for j in rows], [Decimal(self.bars.low[j]) for j in rows]
        ended = OutcomeStatus.SESSION_END if len(rows) < self.h else OutcomeStatus.COMPLETE
        assert got.status[i] == (OutcomeStatus.HOLE if self.has_hole(i, rows, over) else ended), i
        for name, price in (
            ("forward_return", Decimal(self.bars.close[rows[-1]])),
            ("run_up", max(highs)),
            ("drawdown", min(lows)),
        ):
            assert getattr(got, name)[i] == pytest.approx(float(price / entry - 1), rel=1e-12, abs=1e-15)
        assert got.bars_to_run_up[i] == highs.index(max(highs)) + 1
        assert got.bars_to_drawdown[i] == lows.index(min(lows)) + 1

    def check_barriers(self, got: OutcomeColumns, i: int, rows: list[int], over: bool, known: int) -> None:
        (found,) = got.barriers
        vol = self.vol(i)
        row = (found.barrier[i], found.bars[i], found.is_ambiguous[i])
        if not vol > 0.0:
            assert (found.status[i], found.known_at_ns[i]) == (OutcomeStatus.NO_VOL, self.bars.ts_recv_ns[i])
            assert row == (0, 0, False)
            return
        if over and not rows:
            assert (found.status[i], found.known_at_ns[i], *row) == (OutcomeStatus.NO_ENTRY, known, 0, 0, False)
            return
        for k, j in enumerate(rows, start=1):
            entry = self.bars.open[rows[0]]
            upper = entry * (1.0 + self.up * vol * math.sqrt(self.h))
            lower = entry * (1.0 - self.down * vol * math.sqrt(self.h))
            # Rounding apart, a touch is a touch: such rows would say nothing.
            assert min(abs(self.bars.high[j] - upper), abs(self.bars.low[j] - lower)) > 1e-9
            above, below = self.bars.high[j] >= upper, self.bars.low[j] <= lower
            if not above and not below:
                continue
            opened = self.bars.open[j]
            side = 1 if opened >= upper else -1 if opened <= lower or below else 1
            price = opened if opened >= upper or opened <= lower else upper if side > 0 else lower
            assert row == (side, k, above and below and lower < opened < upper), i
            assert found.known_at_ns[i] == self.bars.ts_recv_ns[j]
            assert found.gain[i] == pytest.approx(price / entry - 1.0, rel=1e-10)
            hole = self.has_hole(i, rows[:k], False)
            assert found.status[i] == (OutcomeStatus.HOLE if hole else OutcomeStatus.COMPLETE)
            return
        assert row == (0, len(rows) if over else 0, False)
        assert found.known_at_ns[i] == known
        assert found.status[i] == got.status[i]
        np.testing.assert_equal(found.gain[i], got.forward_return[i])


@settings(max_examples=50)
@given(
    st.integers(0, 10**6), st.integers(1, 40), st.booleans(), st.sampled_from([0.3, 1.0, 2.5]),
    st.sampled_from([0.4, 1.5]), st.sets(st.integers(1, 76), max_size=8), st.integers(60, 78),
)  # fmt: skip
def test_every_figure_against_the_definition(
    seed: int, horizon: int, cross: bool, up: float, down: float, missing: set[int], last: int
) -> None:
    bars = half_hours(seed, [row for row in range(last) if row not in missing])
    got = made(bars, horizon, cross_sessions=cross, barriers=((up, down),))
    Naive(bars, horizon, cross, up, down, 3).check(got)


def flat(n: int, **rows: dict[int, float]) -> Bars:
    """Bars at 100 that wiggle just enough to have a volatility, with some prices set."""
    bars = half_hours(1, range(n))
    close = 100.0 + 0.1 * (np.arange(n) % 2)
    columns: dict[str, Any] = {"open": close.copy(), "high": close + 0.1, "low": close - 0.1, "close": close}
    for name, changes in rows.items():
        for row, price in changes.items():
            columns[name][row] = price
    return replace(bars, **columns)


def test_both_barriers_in_one_bar_count_as_the_lower() -> None:
    bars = flat(40, high={23: 110.0}, low={23: 90.0})
    (found,) = made(bars, 10, barriers=((3.0, 3.0),)).barriers
    for row in range(14, 23):
        assert (found.barrier[row], found.bars[row], found.is_ambiguous[row]) == (-1, 23 - row, True)
        assert found.gain[row] < 0.0
    assert not found.is_ambiguous[23:].any()
    assert (found.barrier[[10, 12, 24]] == 0).all()


def test_a_bar_that_opens_beyond_a_barrier_is_no_guess() -> None:
    bars = flat(40, open={23: 112.0}, high={23: 115.0}, low={23: 90.0})
    (found,) = made(bars, 10, barriers=((3.0, 3.0),)).barriers
    for row in range(14, 22):
        assert (found.barrier[row], found.is_ambiguous[row]) == (1, False)
        assert found.gain[row] == bars.open[23] / bars.open[row + 1] - 1.0
    # Entered at that open, the same bar is a fall.
    assert found.barrier[22] == -1


def test_closes_alone_enter_and_touch_at_closes() -> None:
    n = 40
    nothing = np.full(n, np.nan)
    full = flat(n, close={23: 110.0})
    bars = replace(full, open=nothing, high=nothing, low=nothing, volume=nothing, observed=frozenset({"close"}))
    got = made(bars, 10, barriers=((3.0, 3.0),))
    (found,) = got.barriers
    for row in range(14, 22):
        assert found.barrier[row] == 1
        assert found.gain[row] == got.run_up[row] == bars.close[23] / bars.close[row] - 1.0
        assert got.bars_to_run_up[row] == found.bars[row] == 23 - row
    # Entered at the close of the peak itself, the next close is far below.
    assert found.barrier[23] != 1


def test_a_price_that_is_none_is_a_hole_and_no_entry() -> None:
    bars = flat(40, open={20: -3.0}, high={30: np.nan})
    got = made(bars, 4)
    assert got.status[19] == OutcomeStatus.NO_ENTRY
    assert got.known_at_ns[19] == bars.ts_recv_ns[20]
    assert (np.flatnonzero(got.status == OutcomeStatus.HOLE) == [26, 27, 28, 29]).all()
    assert np.isfinite(got.run_up[[26, 27, 28, 29]]).all()
    alone = made(bars, 1)
    assert alone.status[29] == OutcomeStatus.HOLE
    assert np.isnan(alone.run_up[29])


def test_sessions_cut_windows_and_windows_run_on_over_them() -> None:
    bars = half_hours(3)
    within = made(bars, 5, cross_sessions=False)
    of_session = np.tile(np.arange(PER_SESSION), len(DAYS))
    expected = np.where(of_session == PER_SESSION - 1, OutcomeStatus.NO_ENTRY, OutcomeStatus.COMPLETE)
    expected[(of_session > PER_SESSION - 6) & (of_session < PER_SESSION - 1)] = OutcomeStatus.SESSION_END
    np.testing.assert_array_equal(within.status, expected)
    across = made(bars, 5, cross_sessions=True)
    assert (across.status[:-5] == OutcomeStatus.COMPLETE).all()
    assert (across.status[-5:] == OutcomeStatus.OPEN).all()
    assert (across.known_at_ns[-5:] == NEVER).all()
    np.testing.assert_array_equal(across.known_at_ns[:-5], bars.ts_recv_ns[5:])


def test_holes_are_told_and_a_session_missing_is_one() -> None:
    # Row 20 is missing; and all of the fourth session.
    gap = [row for row in range(78) if row != 20 and not 39 <= row < 52]
    got = made(half_hours(4, gap), 3)
    assert np.flatnonzero(got.status == OutcomeStatus.HOLE).tolist() == [17, 18, 19, 35, 36, 37]
    sparse = made(half_hours(4, gap), 3, hole_bars=2)
    assert np.flatnonzero(sparse.status == OutcomeStatus.HOLE).tolist() == [35, 36, 37]
    # A session without its last bars: windows that it cuts have holes, and are known with the next session.
    short = half_hours(4, [row for row in range(78) if row not in (24, 25)])
    cut = made(short, 3, cross_sessions=False)
    assert np.flatnonzero(cut.status == OutcomeStatus.HOLE).tolist() == [21, 22]
    assert (cut.known_at_ns[[21, 22, 23]] == short.ts_recv_ns[24]).all()


def test_sessions_missing_among_daily_bars_are_holes() -> None:
    bars = half_hours(5)
    days = picked(bars, range(PER_SESSION - 1, 78, PER_SESSION))
    spec = OutcomeSpec(horizons=(1,), vol_half_life=2)
    whole = outcomes_of(spec, SPEC, days, None)[0]
    assert whole.status.tolist() == [0, 0, 0, 0, 0, OutcomeStatus.OPEN]
    lacking = outcomes_of(spec, SPEC, picked(days, [0, 1, 3, 4, 5]), None)[0]
    assert lacking.status.tolist() == [0, OutcomeStatus.HOLE, 0, 0, OutcomeStatus.OPEN]


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 30), st.booleans(), st.integers(5, 76))
def test_the_future_changes_nothing_known_before(seed: int, horizon: int, cross: bool, cut: int) -> None:
    bars = half_hours(seed, [row for row in range(78) if row % 11 != 7])
    cut = min(cut, len(bars) - 2)
    now = int(bars.ts_recv_ns[cut])
    chosen: dict[str, Any] = {"cross_sessions": cross, "barriers": ((1.0, 1.0), (0.5, 2.0))}
    real = made(bars, horizon, **chosen)
    noise = made(other_future(bars, cut, seed), horizon, **chosen)
    short = made(bars.rows(0, cut + 1), horizon, **chosen)
    then = real.known_at(now).columns()
    for other in (noise.known_at(now), short):
        for name, column in other.columns().items():
            assert column.tobytes() == then[name].tobytes(), name


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 30), st.booleans(), st.integers(1, 76))
def test_any_cut_of_the_rows_gives_the_same_bits(seed: int, horizon: int, cross: bool, cut: int) -> None:
    bars = half_hours(seed)
    maker = OutcomeMaker(OutcomeSpec((horizon,), cross, vol_half_life=4), SPEC, bars, LENGTH)
    whole = maker.make(horizon).columns()
    pieces = [maker.make(horizon, 0, cut).columns(), maker.make(horizon, cut).columns()]
    for name, column in whole.items():
        assert np.concatenate([piece[name] for piece in pieces]).tobytes() == column.tobytes()
