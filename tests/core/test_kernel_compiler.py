"""Kernels compiled in parts do what the same functions do in Python, wherever they are called from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from llvmlite import binding
from numba import config, njit

from argus.core import _kernel_compiler
from argus.core._eight_kernels import fuse, put, take
from argus.core._sharing_kernels import share_compiled

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="it is about compiled code")  # type: ignore[attr-defined]

ROW = np.dtype([("state", np.int64), ("level", np.float64)], align=True)


@njit
def double(x):  # type: ignore[no-untyped-def]
    return 2 * x


@njit
def note(row, amount, table):  # type: ignore[no-untyped-def]
    table[row]["state"] += double(amount)
    table[row]["level"] = table[row]["state"] + 0.5
    return table[row]["state"]


@njit
def hand_on(n, out):  # type: ignore[no-untyped-def]
    """The old value of a name is kept in another while the name moves on."""
    before, now = 0, 1
    for i in range(n):
        out[i] = before
        old = now
        now = before + now
        before = old
    return before


@njit
def swap(n, out):  # type: ignore[no-untyped-def]
    a, b = 1.0, 2.0
    i = 0
    while i < n:
        a, b = b, a
        out[i] = a
        last = i
        i += 1
        out[last] += last
    return a - b


@njit
def steps(ends, out):  # type: ignore[no-untyped-def]
    """A name takes the value of another, after both were used."""
    start = 0
    for i in range(len(ends)):
        end = max(ends[i], start + 1)
        out[i] = end * 1000 + start
        start = end
    return start


@njit
def walk(table, picks, out):  # type: ignore[no-untyped-def]
    """Rows by argument, by constant, by what is read, and by a count."""
    first = True
    total = 0
    row = 0
    while row < len(table):
        if first:
            first = False
            table[0]["state"] = 7
        before = table[row]["state"]
        pick = picks[row]
        table[pick]["level"] += before
        if table[pick]["level"] > 3.0:
            table[row]["state"] -= 1
        total += note(pick, row, table) + table[0]["state"]
        out[row] = table[pick]["level"]
        row += 1
    return total


@njit
def raises(x):  # type: ignore[no-untyped-def]
    if x < 0:
        raise ValueError("below zero")
    return double(x)


KERNELS = (double, note, hand_on, swap, steps, walk, raises)
PLAIN = {plain.__name__: plain for plain in (getattr(one, "py_func", one) for one in KERNELS)}
share_compiled(globals())


@njit
def from_outside(x, table):  # type: ignore[no-untyped-def]
    """A kernel that Numba compiles in its own way."""
    return note(1, x, table) + double(x)


def table_of(rows: int) -> Any:
    table = np.zeros(rows, dtype=ROW)
    table["state"], table["level"] = np.arange(rows), np.arange(rows) / 2
    return table


@pytest.mark.parametrize("kernel", [hand_on, swap])
@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_names_that_change_in_turn_keep_their_values(kernel: Callable[..., Any], n: int) -> None:
    kind = np.int64 if kernel is hand_on else np.float64
    ours, theirs = np.zeros(n + 1, dtype=kind), np.zeros(n + 1, dtype=kind)
    assert kernel(n, ours) == PLAIN[kernel.py_func.__name__](n, theirs)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(ours, theirs)


def test_a_name_that_takes_over_another_s_value_takes_it_in_its_turn() -> None:
    ours, theirs = np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64)
    ends = np.array([3, 3, 9, 1])
    assert steps(ends, ours) == PLAIN["steps"](ends, theirs)
    np.testing.assert_array_equal(ours, theirs)


def test_rows_of_a_table_are_the_rows_that_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = table_of(6), table_of(6)
    picks = np.array([3, 0, 3, 5, 1, 5])
    out = np.zeros((2, 6))
    found = walk(ours, picks, out[0])
    for name in ("note", "double"):
        monkeypatch.setitem(globals(), name, PLAIN[name])
    assert found == PLAIN["walk"](theirs, picks, out[1])
    assert ours.tobytes() == theirs.tobytes()
    np.testing.assert_array_equal(out[0], out[1])


def test_a_kernel_compiled_in_numba_s_own_way_takes_parts_in_with_all_that_they_call() -> None:
    table = table_of(3)
    assert from_outside(5, table) == 1 + 10 + 10
    assert table["level"].tolist() == [0.0, 11.5, 1.0]


def test_an_exception_leaves_a_part() -> None:
    assert raises(2) == 4
    with pytest.raises(ValueError, match="below zero"):
        raises(-1)


class Codegen:
    """What asks Numba for a machine; its own is a word."""

    _tm = "its own"

    def __init__(self, features: str) -> None:
        self.features = features

    def _customize_tm_options(self, options: dict[str, Any]) -> None:
        options.update(cpu="", features=self.features, reloc="default", codemodel="jitdefault")


def test_wide_vectors_are_asked_for_where_there_are_any() -> None:
    assert _kernel_compiler._widest(Codegen("+avx,+avx2,-avx512f")) == "its own"
    assert _kernel_compiler._widest(Codegen("")) == "its own"
    if "x86" in binding.get_process_triple():
        assert _kernel_compiler._widest(Codegen("+avx512f,+avx512vl")) != "its own"


@pytest.mark.parametrize("pipeline", [_kernel_compiler.Whole, _kernel_compiler.WideWhole])
def test_vectors_asked_for_by_name_are_as_wide_as_others(pipeline: Any) -> None:
    @njit(pipeline_class=pipeline)
    def spread(x: Any) -> None:
        put(x, 0, fuse(take(x, 0), 2.0, take(x, 8)))

    x = np.arange(16.0)
    spread(x)
    assert (x[:8] == 3.0 * np.arange(8.0) + 8.0).all()
    (code,) = spread.inspect_llvm().values()
    assert ('"min-legal-vector-width"="0"' in code) == (pipeline is _kernel_compiler.Whole)
