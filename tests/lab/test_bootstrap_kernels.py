from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config

from argus.core._random_kernels import random_bits
from argus.core.random import stream_key
from argus.lab.stress import _bootstrap_kernels as kernels

PNL = np.array([5.0, -3.0, 8.0, -7.0, 2.0, 1.0, -4.0])
STEPS = np.array([4, 7], dtype=np.int64)
KEY = stream_key(9, "kernel")
RESTART = 2**31


def _draw(form: str, first: int, last: int, paths: int = 70) -> tuple[np.ndarray, np.ndarray]:
    out, fan, room = np.zeros((6, paths)), np.zeros((2, paths)), np.empty(kernels.ROOM_FLOATS)
    key, ints = np.uint64(KEY), np.empty(kernels.ROOM_INTS, dtype=np.uint64)
    if form == "reorder":
        deck = np.zeros(2 * kernels.EIGHT * len(PNL))
        kernels.reorder_block(PNL, 20.0, key, first, last, STEPS, out, fan, room, ints, deck)
    else:
        scale = np.uint64(7 * 2**32 // RESTART if form == "half" else 0)
        kernels.redraw_block(
            np.resize(PNL, 16), 20.0, np.uint64(RESTART), scale, key, first, last, STEPS, out, fan, room, ints
        )
    return out, fan


def _bits(counter: int) -> int:
    return int(random_bits(np.uint64(KEY), np.uint64(counter)))


def _by_hand(form: str, path: int) -> list[float]:
    """The same stream read in plain Python."""
    n = len(PNL)
    if form == "reorder":
        sample: list[float] = []
        for step, value in enumerate(PNL.tolist()):
            drawn = _bits(path * ((n + 1) // 2) + step // 2)
            at = (drawn & 0xFFFFFFFF if step % 2 else drawn >> 32) * (step + 1) >> 32
            sample.append(value)
            sample[at], sample[step] = sample[step], sample[at]
        return sample
    counter = path * (n if form == "whole" else (n + 3) // 4 * 2)
    at, sample = ((_bits(2**64 - 1 - counter) >> 32) * n >> 32) - 1, []
    for step in range(n):
        if form == "whole":
            drawn = _bits(counter + step)
            fresh, decides = (drawn >> 32) * n >> 32, drawn & 0xFFFFFFFF
        else:
            drawn = _bits(counter + step // 2)
            decides = drawn & 0xFFFFFFFF if step % 2 else drawn >> 32
            fresh = decides * n // RESTART
        at = fresh if decides < RESTART else (at + 1) % n
        sample.append(float(PNL[at]))
    return sample


@pytest.mark.parametrize("form", ["half", "whole", "reorder"])
def test_parts_make_the_whole(form: str) -> None:
    whole = _draw(form, 0, 70)
    parts = [_draw(form, 0, 64), _draw(form, 64, 70)]
    assert (whole[0] == parts[0][0] + parts[1][0]).all()
    assert (whole[1] == parts[0][1] + parts[1][1]).all()


@pytest.mark.parametrize("form", ["half", "whole", "reorder"])
def test_statistics_are_those_of_a_path_drawn_by_hand(form: str) -> None:
    out, fan = _draw(form, 0, 70)
    for path in (0, 1, 42, 69):
        sample = _by_hand(form, path)
        equity = 20.0 + np.concatenate(([0.0], np.cumsum(sample)))
        peak = np.maximum.accumulate(equity)
        expected = [sum(sample), (peak - equity).max(), min(1.0, (1 - equity / peak).max()), equity.min()]
        assert out[:4, path].tolist() == pytest.approx(expected, rel=1e-15, abs=1e-15)
        assert abs(out[4, path] - np.mean(sample) / np.std(sample, ddof=1)) < 1e-12
        longest = run = 0
        for now, top in zip(equity.tolist(), peak.tolist(), strict=True):
            run = run + 1 if now < top else 0
            longest = max(longest, run)
        assert out[5, path] == longest
        assert fan[:, path].tolist() == [sum(sample[:4]), sum(sample)]


def test_every_half_of_the_trades_is_equally_often_the_first() -> None:
    # Sums of powers of two tell which four of the eight came first: 70 sets, chi-squared with 69 degrees of freedom.
    paths = 7_000 if not config.DISABLE_JIT else 700
    out, fan, room = np.zeros((6, paths)), np.zeros((2, paths)), np.empty(kernels.ROOM_FLOATS)
    steps, deck = np.array([4, 8], dtype=np.int64), np.zeros(2 * kernels.EIGHT * 8)
    ints = np.empty(kernels.ROOM_INTS, dtype=np.uint64)
    kernels.reorder_block(2.0 ** np.arange(8), 20.0, np.uint64(KEY), 0, paths, steps, out, fan, room, ints, deck)
    counts = np.unique(fan[0], return_counts=True)[1]
    assert len(counts) == 70
    assert float(((counts - paths / 70) ** 2).sum() / (paths / 70)) < 69 + 4 * math.sqrt(2 * 69)


@pytest.mark.parametrize(
    ("form", "digest"),
    [("half", "7ff750b04b7daa18"), ("whole", "96fbf329616fcb9f"), ("reorder", "26f8f6f23c162911")],
)
def test_bits_are_the_same_compiled_and_in_plain_python(form: str, digest: str) -> None:
    # The test runs in both forms (NUMBA_DISABLE_JIT=1); each must give these very bits.
    out, fan = _draw(form, 0, 70)
    assert hashlib.sha256(out.tobytes() + fan.tobytes()).hexdigest()[:16] == digest


@given(
    st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-1e9, 1e9)), min_size=1, max_size=60),
    st.lists(st.integers(0, 59), min_size=1, max_size=6),
)
def test_order_statistics_are_those_of_a_sort(values: list[float], wanted: list[int]) -> None:
    row = np.array(values)
    ranks = np.array([min(rank, len(row) - 1) for rank in wanted])
    before, out = row.copy(), np.empty(len(ranks))
    spare, bins = np.empty(len(row)), np.empty(len(row), dtype=np.int64)
    counts, starts = np.empty(16, dtype=np.int64), np.empty(16, dtype=np.int64)
    kernels.select_ranks(row, row.min(), row.max(), ranks, out, spare, bins, counts, starts)
    assert out.tolist() == np.sort(row)[ranks].tolist()
    assert row.tolist() == before.tolist()


def test_one_endless_block_reads_no_further_than_the_sample_that_is_given() -> None:
    # A block that starts at the first trade and never ends comes furthest: in plain Python a place beyond is an error.
    count = len(PNL)
    out, fan, room = np.zeros((6, 40)), np.zeros((2, 40)), np.empty(kernels.ROOM_FLOATS)
    ints = np.empty(kernels.ROOM_INTS, dtype=np.uint64)
    sample = np.concatenate([PNL, PNL, [np.nan, np.nan]])
    for scale in (0, 7):
        kernels.redraw_block(
            sample, 20.0, np.uint64(1), np.uint64(scale), np.uint64(KEY), 0, 40, STEPS, out, fan, room, ints
        )
        assert np.isfinite(out).all()
        # Each path is the sample from some trade on, around its end.
        turned = {tuple(np.cumsum(np.roll(PNL, -first))[[3, count - 1]]) for first in range(count)}
        assert set(zip(*fan.tolist(), strict=True)) == turned
