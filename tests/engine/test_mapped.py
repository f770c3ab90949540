"""Arrays in files: what was given back is still there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from argus.engine import mapped
from argus.engine.mapped import empty, forget, is_mapped, kept, open_array


@pytest.fixture
def everything_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "LARGE_BYTES", 0)


def test_small_arrays_stay_in_memory_and_large_ones_go_to_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "LARGE_BYTES", 80)
    assert not is_mapped(empty(10, np.int64))
    assert is_mapped(empty(11, np.int64))
    assert empty(0, np.int64).shape == (0,)


def test_many_small_arrays_are_large_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "LARGE_BYTES", 100)
    small = np.arange(10, dtype=np.int64)
    assert kept(small) is small
    assert kept(small, beside_bytes=20) is small
    moved = kept(small, beside_bytes=21)
    assert is_mapped(moved)
    assert np.array_equal(moved, small)
    assert kept(moved, beside_bytes=10**9) is moved


@pytest.mark.usefixtures("everything_large")
def test_what_was_forgotten_is_read_again() -> None:
    array = empty(100_000, np.int64)
    array[:] = np.arange(100_000)
    forget(array)
    forget(array[5_000:90_000], 10, 60_000)
    assert np.array_equal(array, np.arange(100_000))
    array[7] = -1
    forget(array, 0, 50_000)
    assert array[7] == -1


@pytest.mark.usefixtures("everything_large")
def test_forgetting_lowers_the_memory_in_use() -> None:
    array = empty(4_000_000, np.int64)
    before = _mapped_kb()
    array[:] = 1
    used = _mapped_kb()
    forget(array)
    assert used - before > 30_000
    assert _mapped_kb() - before < 3_000


def _mapped_kb() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssFile", "RssShmem")))


@pytest.mark.usefixtures("everything_large")
def test_a_part_of_a_mapped_array_is_mapped_and_a_copy_is_not() -> None:
    array = empty(1_000, np.float64)
    assert is_mapped(array[3:50])
    assert not is_mapped(array[3:50].copy())
    assert kept(array) is array
    column = kept(np.arange(9.0))
    assert is_mapped(column)
    assert np.array_equal(column, np.arange(9.0))


def test_a_file_is_opened_read_only(tmp_path: Path) -> None:
    np.arange(5, dtype=np.int32).tofile(tmp_path / "column")
    array = open_array(tmp_path / "column", np.int32)
    assert array.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
