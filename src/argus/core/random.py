"""Randomness that can be repeated: streams keyed by name, numbers keyed by position.

There is no global generator in Argus. Whoever needs randomness names a stream, and gets the same bits on every machine
and for any number of workers. A kernel takes `stream_key` and draws by position from `argus.core._random_kernels`;
`uniforms` and `normals` give the same numbers as arrays.
"""

from __future__ import annotations

import hashlib

import numpy as np

from argus.core.arrays import F64_1D

__all__ = ["generator", "normals", "stream_key", "uniforms"]


def stream_key(seed: int, *names: str | int) -> int:
    """64-bit key of the stream with this seed and name.

    Distinct names give unrelated streams: the key is a BLAKE2b hash of the seed and the parts of the name.
    """
    text = "\x1f".join([str(int(seed)), *(f"{type(name).__name__}:{name}" for name in names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator (Philox, counter-based) on the named stream, for work outside kernels."""
    return np.random.Generator(np.random.Philox(key=stream_key(seed, *names)))


def uniforms(key: int, start: int, count: int) -> F64_1D:
    """Uniform deviates ``start`` to ``start + count`` (exclusive) of the stream `key`, in the open interval (0, 1)."""
    from argus.core._random_kernels import fill_uniform

    out = np.empty(count, dtype=np.float64)
    fill_uniform(np.uint64(key), start, out)
    return out


def normals(key: int, start: int, count: int) -> F64_1D:
    """Standard normal deviates ``start`` to ``start + count`` (exclusive) of the stream `key`.

    Two streams with the same key are the same bits: take another key for the uniform and the normal deviates of one
    model. Box and Muller (1958, Annals of Mathematical Statistics 29) on the generator's bits, by operations that
    IEEE 754 rounds alike everywhere.
    """
    from argus.core._random_kernels import fill_normal

    out = np.empty(count, dtype=np.float64)
    fill_normal(np.uint64(key), start, out)
    return out
