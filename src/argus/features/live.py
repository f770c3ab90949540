"""Features one bar at a time: feed a bar, get the row; save what is remembered in one small file, and go on from it.

The same kernels as over whole columns, so the same bits. Features of a universe hear the bars of all its members, and
give a row with each bar of the one that is its clock.
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

from argus.core.errors import ConfigError, DataError
from argus.core.strategy import FeatureRef
from argus.features.registry import feature
from argus.features.runner import Runner, State
from argus.features.universe import ROLES

__all__ = ["LiveFeatures", "LiveUniverse", "pack_state", "unpack_state"]

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
        self._runner.row[:] = bar
        self._runner.feed_one(self._out)
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
        _write_whole(path, self.snapshot())

    def load(self, path: Path) -> None:
        """`restore` from a file."""
        self.restore(path.read_bytes())


class LiveUniverse:
    """A set of features over a universe whose members' bars arrive one by one, each when it can be known.

    Parameters
    ----------
    refs : sequence of FeatureRef
    clock : str
        Role of the member with each of whose bars a row is made.
    stale_ns : int
        Age from which a member's last bar no longer counts.

    Attributes
    ----------
    names : tuple of str
        Of the features, in the order of the values.
    inputs : tuple of str
        Of what a bar of the clock has to bring for itself; what is read of the clock's role it brings too.
    roles : tuple of str
        Members that the features read.

    Raises
    ------
    ConfigError
        If the clock is no role.
    """

    def __init__(self, refs: Sequence[FeatureRef], clock: str, stale_ns: int) -> None:
        self.clock, self.stale_ns = _role(clock), stale_ns
        self._live = LiveFeatures(refs)
        self.names = self._live.names
        keys = [name.partition("@") for name in self._live.inputs]
        self.inputs = tuple(name for name, _, role in keys if not role)
        self._fields = [(name, role) for name, _, role in keys if role]
        self.roles = tuple(dict.fromkeys(role for _, role in self._fields))
        self._known = np.full(len(self._fields), np.nan)
        self._since_ns = np.zeros(len(self._fields), dtype=np.int64)
        self._times = np.full(2, np.iinfo(np.int64).min)

    def hear(self, role: str, ts_recv_ns: int, bar: Mapping[str, float]) -> None:
        """Take a bar of a member, in the order in which bars can be known; one that nobody reads is passed over.

        Raises
        ------
        ConfigError
            If the role is unknown, or the bar lacks what is read of it.
        DataError
            If it could be known before one that was heard, or by a row that was already given.
        """
        wanted = [(k, name) for k, (name, of) in enumerate(self._fields) if of == _role(role)]
        heard_ns, row_ns = self._times
        if ts_recv_ns < heard_ns or ts_recv_ns <= row_ns:
            what = "a later bar was heard" if ts_recv_ns < heard_ns else "a row that should have known it was given"
            raise DataError(
                f"a bar of {role} known at {ts_recv_ns} comes after {what} ({max(heard_ns, row_ns)}); "
                "hear bars by their ts_recv_ns, those of one instant before the clock's"
            )
        lacking = [name for _, name in wanted if name not in bar]
        if lacking:
            raise ConfigError(f"the bar of {role} lacks {', '.join(lacking)}")
        for k, name in wanted:
            if np.isfinite(bar[name]):
                self._known[k], self._since_ns[k] = bar[name], ts_recv_ns
        self._times[0] = ts_recv_ns

    def update(self, ts_recv_ns: int, bar: Mapping[str, float]) -> NDArray[np.float32]:
        """Take a bar of the clock, which is also heard as its role's; gives the values as a new array.

        Raises
        ------
        ConfigError, DataError
            As `hear`, and if an input is missing.
        """
        missing = [name for name in self.inputs if name not in bar]
        if missing:
            raise ConfigError(f"the bar lacks {', '.join(missing)}; these features read {', '.join(self.inputs)}")
        self.hear(self.clock, ts_recv_ns, bar)
        self._times[1] = ts_recv_ns
        known = np.where(ts_recv_ns - self._since_ns > self.stale_ns, np.nan, self._known)
        members = {f"{name}@{role}": value for (name, role), value in zip(self._fields, known.tolist(), strict=True)}
        return self._live.update({name: bar[name] for name in self.inputs} | members)

    def snapshot(self) -> bytes:
        """All that is remembered, with the versions of the features and a checksum."""
        own = {"known": self._known, "since": self._since_ns, "times": self._times}
        return pack_state({"features": self._live.snapshot(), **{name: one.tobytes() for name, one in own.items()}})

    def restore(self, taken: bytes) -> None:
        """Go on where a `snapshot` was taken: the same bits as if nothing had come between.

        Raises
        ------
        ConfigError
            If it was taken of other features, of another version of them, or is torn.
        """
        state = unpack_state(taken)
        if set(state) != {"features", "known", "since", "times"}:
            raise ConfigError("this is no snapshot of a universe; LiveFeatures takes its own")
        self._live.restore(state["features"])
        self._known = np.frombuffer(state["known"], dtype=np.float64).copy()
        self._since_ns = np.frombuffer(state["since"], dtype=np.int64).copy()
        self._times = np.frombuffer(state["times"], dtype=np.int64).copy()

    def save(self, path: Path) -> None:
        """Write a `snapshot` to a file, whole or not at all."""
        _write_whole(path, self.snapshot())

    def load(self, path: Path) -> None:
        """`restore` from a file."""
        self.restore(path.read_bytes())


def _role(name: str) -> str:
    if name not in ROLES:
        raise ConfigError(f"{name!r} is no role of a universe; there are {', '.join(ROLES)}")
    return name


def _write_whole(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


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
