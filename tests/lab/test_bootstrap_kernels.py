from __future__ import annotations

import numpy as np

from argus.core.random import stream_key
from argus.lab._bootstrap_kernels import bootstrap_block

PNL = np.array([5.0, -3.0, 8.0, -7.0, 2.0, 1.0, -4.0])


def _draw(function: object, first: int, last: int, paths: int = 70) -> tuple[np.ndarray, np.ndarray]:
    out, fan = np.zeros((5, paths)), np.zeros((paths, 2))
    steps = np.array([3, 7], dtype=np.int64)
    key = np.uint64(stream_key(9, "kernel"))
    function(PNL, 20.0, 2**31, key, first, last, steps, out, fan)  # type: ignore[operator]
    return out, fan


def test_compiled_and_plain_python_give_the_same_bits() -> None:
    plain = getattr(bootstrap_block, "py_func", bootstrap_block)
    for one, other in zip(_draw(bootstrap_block, 0, 70), _draw(plain, 0, 70), strict=True):
        assert one.tobytes() == other.tobytes()


def test_parts_make_the_whole() -> None:
    whole = _draw(bootstrap_block, 0, 70)
    parts = [_draw(bootstrap_block, 0, 64), _draw(bootstrap_block, 64, 70)]
    assert (whole[0] == parts[0][0] + parts[1][0]).all()
    assert (whole[1] == parts[0][1] + parts[1][1]).all()


def test_statistics_are_those_of_a_path_drawn_by_hand() -> None:
    # The same stream read in plain Python: places, then the statistics by NumPy.
    from argus.core._random_kernels import random_bits

    out, fan = _draw(bootstrap_block, 0, 70)
    key, n = stream_key(9, "kernel"), len(PNL)
    for path in (0, 1, 42, 69):
        at = (int(random_bits(np.uint64(key), np.uint64(2**64 - 1 - path * n))) >> 32) * n >> 32
        sample = []
        for step in range(n):
            bits = int(random_bits(np.uint64(key), np.uint64(path * n + step)))
            if (bits & 0xFFFFFFFF) < 2**31:
                at = (bits >> 32) * n >> 32
            elif step:
                at = (at + 1) % n
            sample.append(PNL[at])
        equity = 20.0 + np.concatenate(([0.0], np.cumsum(sample)))
        peak = np.maximum.accumulate(equity)
        expected = [sum(sample), (peak - equity).max(), min(1.0, (1 - equity / peak).max()), equity.min()]
        assert out[:4, path].tolist() == expected
        assert abs(out[4, path] - np.mean(sample) / np.std(sample, ddof=1)) < 1e-12
        assert fan[path].tolist() == [sum(sample[:3]), sum(sample)]
