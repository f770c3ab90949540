"""Features one bar at a time: feed a bar, get the row; save what is remembered in one small file, and go on from it.

The same kernels as over whole columns, so the same bits.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.errors import ConfigError
from argus.core.strategy import FeatureRef
from argus.features.registry import feature
from argus.features.runner import Runner, State

__all__ = ["LiveFeatures", "pack_state", "unpack_state"]

_MARK: Final = b"argus features 1\n"
_ROWS: Final = 256


class LiveFeatures:
    """A set of features over bars that arrive one by one.

    Parameters
    ----------
    refs : sequence of FeatureRef

    Attributes
    ----------
    names : tuple of str
        Of the features, in the order of the values.
    inputs : tuple of str
        Of what a bar has to bring, in the order in which `update` takes it.
    """

    def __init__(self, refs: Sequence[FeatureRef]) -> None:
        self.names = tuple(ref.alias for ref in refs)
        self._runner = Runner([feature(ref.feature).term(ref.parameters) for ref in refs], _ROWS)
        self.inputs = self._runner.inputs
        self._out = np.full((len(refs), 1), np.nan, dtype=np.float32)
        self._row = np.empty(len(self.inputs))

    @property
    def rows(self) -> int:
        """Bars fed so far."""
        return self._runner.rows

    @property
    def values(self) -> NDArray[np.float32]:
        """Values at the last bar, read-only; NaN before there is one."""
        view = self._out[:, 0]
        view.setflags(write=False)
        return view

    def update(self, bar: Mapping[str, float] | Sequence[float] | NDArray[np.float64]) -> NDArray[np.float32]:
        """Take the next bar, as a mapping by name or in the order of `inputs`; gives the values as a new array.

        Raises
        ------
        ConfigError
            If an input is missing.
        """
        if isinstance(bar, Mapping):
            missing = [name for name in self.inputs if name not in bar]
            if missing:
                raise ConfigError(f"the bar lacks {', '.join(missing)}; these features read {', '.join(self.inputs)}")
            bar = [bar[name] for name in self.inputs]
        self._row[:] = bar
        self._runner.feed_one(self._row, self._out)
        return self._out[:, 0].copy()

    def snapshot(self) -> bytes:
        """All that is remembered, with the versions of the features and a checksum."""
        return pack_state(self._runner.snapshot())

    def restore(self, taken: bytes) -> None:
        """Go on where a `snapshot` was taken: the same bits as if nothing had come between.

        Raises
        ------
        ConfigError
            If it was taken of other features, of another version of them, or is torn.
        """
        self._runner.restore(unpack_state(taken))

    def save(self, path: Path) -> None:
        """Write a `snapshot` to a file, whole or not at all."""
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        with beside.open("wb") as file:
            file.write(self.snapshot())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def load(self, path: Path) -> None:
        """`restore` from a file."""
        self.restore(path.read_bytes())


def pack_state(state: State) -> bytes:
    """What runners remember as bytes, with a checksum."""
    parts = []
    for name, value in state.items():
        told = name.encode()
        parts += [struct.pack("<qq", len(told), len(value)), told, value]
    body = b"".join(parts)
    return _MARK + hashlib.sha256(body).digest() + body


def unpack_state(taken: bytes) -> State:
    """What `pack_state` packed.

    Raises
    ------
    ConfigError
        If it is something else, or torn.
    """
    start = len(_MARK) + 32
    body = taken[start:]
    if taken[: len(_MARK)] != _MARK:
        raise ConfigError("this is not a snapshot of features: it begins with other bytes")
    if hashlib.sha256(body).digest() != taken[len(_MARK) : start]:
        raise ConfigError("the snapshot is torn: its checksum does not fit; take an older one, or feed the bars anew")
    state: State = {}
    at = 0
    while at < len(body):
        told, length = struct.unpack_from("<qq", body, at)
        at += 16
        state[body[at : at + told].decode()] = body[at + told : at + told + length]
        at += told + length
    return state
