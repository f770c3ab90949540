"""Heston paths on a graphics card: one thread a draw, by the same scalar functions as the lanes of the processor.

Numbers are the same to the bit: the arithmetic is the same, and the card's compiler is told not to fuse a product into
a sum, which rounds once where the processor rounds twice. Without a card the kernel runs in Numba's CUDA simulator.

Nothing here is imported unless a card is asked for. The library is numba-cuda (BSD-2-Clause), in the extra ``gpu``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import config, cuda
from numpy.typing import NDArray

from argus.options._heston_path_kernels import draw_normals, draw_uniform, qe_step

__all__ = ["follow_on_gpu", "walk"]

_THREADS = 128


@cuda.jit  # type: ignore[untyped-decorator]
def walk(  # type: ignore[no-untyped-def]
    keys: Any,
    terms: Any,
    variance: Any,
    steps: Any,
    draws: Any,
    has_twins: Any,
    follows: Any,
    lower: Any,
    upper: Any,
    out: Any,
):
    """One thread: its draw walked to the end, and then the antithetic path; parameters as those of `follow_block`."""
    thread = cuda.grid(1)  # type: ignore[attr-defined]
    if thread >= draws:
        return
    for twin in range(2 if has_twins else 1):
        sign = 1.0 - 2.0 * twin
        x, v, low, high = 0.0, variance, 0.0, 0.0
        touch_low = 0.0 if lower >= 0.0 else -1.0
        touch_high = 0.0 if upper <= 0.0 else -1.0
        number = np.uint64(thread) * np.uint64(steps)
        for step in range(steps):
            spot, normal = draw_normals(keys[0], number + np.uint64(step))
            uniform = draw_uniform(keys[1], number + np.uint64(step))
            x, v = qe_step(x, v, sign * spot, sign * normal, 0.5 + sign * (uniform - 0.5), terms)
            if follows:
                low, high = min(low, x), max(high, x)
                touch_low = step + 1.0 if x <= lower and touch_low < 0.0 else touch_low
                touch_high = step + 1.0 if x >= upper and touch_high < 0.0 else touch_high
        place = thread * 2 + twin if has_twins else thread
        out[0, place] = x
        out[1, place] = v
        if follows:
            out[2, place] = low
            out[3, place] = high
            out[4, place] = touch_low
            out[5, place] = touch_high


def follow_on_gpu(
    keys: NDArray[np.uint64],
    terms: tuple[float, ...],
    variance: float,
    steps: int,
    has_twins: bool,
    follows: bool,
    levels: tuple[float, float],
    out: NDArray[np.float64],
) -> None:
    """Fill `out`, (6, paths) or (2, paths), as `follow_block` does.

    There must be one: the caller has looked.
    """
    draws = out.shape[1] // 2 if has_twins else out.shape[1]
    on_card = cuda.to_device(out)
    with _unfused():
        walk[-(-draws // _THREADS), _THREADS](
            cuda.to_device(keys), terms, variance, steps, draws, has_twins, follows, *levels, on_card
        )
    on_card.copy_to_host(out)


@contextmanager
def _unfused() -> Iterator[None]:
    """Compile without fused multiply-add, for which numba-cuda has no setting of its own."""
    if config.ENABLE_CUDASIM:  # type: ignore[attr-defined]
        yield
        return
    from numba.cuda.cudadrv import nvvm

    before = nvvm.compile_ir

    def compile_ir(llvmir: Any, **options: Any) -> Any:
        return before(llvmir, **{**options, "fma": False})  # type: ignore[no-untyped-call]

    nvvm.compile_ir = compile_ir
    try:
        yield
    finally:
        nvvm.compile_ir = before
