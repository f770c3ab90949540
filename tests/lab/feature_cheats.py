"""Kernels of features that know the future, each in a way that people really make by accident."""

from __future__ import annotations

import math

from argus.features._form_kernels import kernel

__all__ = ["backward_fill", "centred_mean", "later_extreme", "next_close", "whole_zscore"]


@kernel(depth=0)
def next_close(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """The return of the next bar, as of this one: a shift the wrong way round."""
    for i in range(n):
        after = min(i + 1, n - 1)
        work[io[1], at + i] = work[io[0], at + after] / work[io[0], at + i] - 1.0


@kernel(depth=lambda args: int(args[0]))
def centred_mean(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """A mean of bars on both sides: a smoother that was meant for pictures."""
    half = int(args[0])
    for i in range(n):
        total = 0.0
        count = 0
        for j in range(i - half, min(i + half + 1, n)):
            total += work[io[0], at + j]
            count += 1
        work[io[1], at + i] = total / count


@kernel()
def whole_zscore(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Scaled by mean and deviation of all rows that there are: a scaler that was fitted on everything."""
    total = 0.0
    square = 0.0
    count = 0
    for i in range(n):
        value = work[io[0], at + i]
        if not math.isnan(value):
            total += value
            square += value * value
            count += 1
    mean = total / max(count, 1)
    spread = math.sqrt(max(square / max(count, 1) - mean * mean, 1e-12))
    for i in range(n):
        work[io[1], at + i] = (work[io[0], at + i] - mean) / spread


@kernel()
def later_extreme(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Whether this close is a low: known when later ones are higher. A pivot without its confirmation."""
    ahead = int(args[0])
    for i in range(n):
        is_low = 1.0
        for j in range(i + 1, min(i + ahead + 1, n)):
            if work[io[0], at + j] <= work[io[0], at + i]:
                is_low = 0.0
        work[io[1], at + i] = is_low


@kernel()
def backward_fill(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """The close of each fifth bar, filled backward over those before it: a coarse bar stamped at its start."""
    every = int(args[0])
    for i in range(n):
        reach = i + (every - 1 - (row + i) % every)
        work[io[1], at + i] = work[io[0], at + min(reach, n - 1)]
