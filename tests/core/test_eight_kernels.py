"""Eight numbers at once do what each of them would do alone, compiled or not."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from argus.core._eight_kernels import EIGHT, choose, displace, eight, fuse, last_of, look_up, put, shifter, take
from argus.core._fused_kernels import fused
from argus.core._random_kernels import mixed_bits

FLOATS = arrays(np.float64, 3 * EIGHT, elements=st.floats(-1e6, 1e6))
WHOLES = arrays(np.uint64, 2 * EIGHT, elements=st.integers(0, 2**63 - 1))


@njit
def _reckon(given: Any, out: Any) -> None:
    x, y, z = take(given, 0), take(given, EIGHT), take(given, 2 * EIGHT)
    put(out, 0, x + y * z - 2.0)
    put(out, EIGHT, choose(x < y, x, y))
    put(out, 2 * EIGHT, choose(1.0 < z, eight(3.0) - z, 4.0))  # noqa: SIM300 - a number may stand first


@given(FLOATS)
def test_floats(given: np.ndarray) -> None:
    out = np.zeros(3 * EIGHT)
    _reckon(given, out)
    x, y, z = given.reshape(3, EIGHT)
    assert (out[:EIGHT] == x + y * z - 2.0).all()
    assert (out[EIGHT : 2 * EIGHT] == np.minimum(x, y)).all()
    assert (out[2 * EIGHT :] == np.where(z > 1.0, 3.0 - z, 4.0)).all()


two_before = shifter(2)


@njit
def _rounded_once(x: Any, y: Any, z: Any) -> Any:
    return fused(x, y, z)


@njit
def _reckon_on(given: Any, out: Any) -> Any:
    x, y, z = take(given, 0), take(given, EIGHT), take(given, 2 * EIGHT)
    put(out, 0, fuse(x, y, z))
    put(out, EIGHT, abs(fuse(0.1, x, 0.3)))
    put(out, 2 * EIGHT, two_before(x, y))
    return last_of(z)


@given(FLOATS)
def test_products_and_sums_rounded_once_and_numbers_of_before(given: np.ndarray) -> None:
    out = np.zeros(3 * EIGHT)
    assert _reckon_on(given, out) == given[-1]
    x, y, z = given.reshape(3, EIGHT)
    assert out[:EIGHT].tolist() == [_rounded_once(*three) for three in zip(x, y, z, strict=True)]
    assert out[EIGHT : 2 * EIGHT].tolist() == [abs(_rounded_once(0.1, one, 0.3)) for one in x]
    assert (out[2 * EIGHT :] == given[EIGHT - 2 : 2 * EIGHT - 2]).all()


@njit
def _shift(given: Any, number: Any, out: Any) -> None:
    x, y = take(given, 0), take(given, EIGHT)
    put(out, 0, ((x ^ (y >> np.uint64(7))) * number) | (x << np.uint64(9)) & y)
    put(out, EIGHT, choose(x < y, x + y, mixed_bits(x)))


@given(WHOLES, st.integers(0, 2**64 - 1))
def test_wholes_wrap_around(given: np.ndarray, number: int) -> None:
    out = np.zeros(2 * EIGHT, dtype=np.uint64)
    _shift(given, np.uint64(number), out)
    for lane, (x, y) in enumerate(zip(*given.reshape(2, EIGHT).tolist(), strict=True)):
        assert int(out[lane]) == ((x ^ y >> 7) * number | x << 9 & y) % 2**64
        assert int(out[EIGHT + lane]) == (x + y if x < y else int(mixed_bits(np.uint64(x))))


@njit
def _move(table: Any, halves: Any, at: Any, index: Any, out: Any) -> None:
    put(out, 0, look_up(table, halves, at))
    displace(table, halves, at, index, 99.0)


@given(st.lists(st.integers(0, 5), min_size=2 * EIGHT, max_size=2 * EIGHT), st.integers(0, 1))
def test_tables_are_read_and_written_where_the_halves_say(rows: list[int], at: int) -> None:
    table, out = np.arange(7.0 * EIGHT), np.zeros(EIGHT)
    halves = np.array(rows, dtype=np.uint32) * np.uint32(EIGHT)
    _move(table, halves.view(np.uint64), at, 6 * EIGHT, out)
    chosen = halves[at::2].astype(int)
    assert (out == chosen).all()
    own = chosen + np.arange(EIGHT)
    assert (table[6 * EIGHT :] == own).all()
    expected = np.arange(6.0 * EIGHT)
    expected[own] = 99.0
    assert (table[: 6 * EIGHT] == expected).all()
