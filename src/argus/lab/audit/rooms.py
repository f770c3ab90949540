"""Processes that know nothing: where runs are made that must not share a memory with any other.

A *room* is a process that is thrown away after use. It is copied from a *nursery*, a process that has loaded the engine
and nothing else, so that a room costs milliseconds instead of seconds. There are two nurseries, with different seeds of
Python's hashes, because the order of a set is another one there. Whatever a room is to know is sent to it; the future
of a market never is, until its audit is over.

A factory that cannot be imported by name (a lambda, a closure) cannot be sent. Its rooms are copies of the asking
process, which may hold the whole market: less is proven then, and the audit says so.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, Final

__all__ = ["Room", "RoomLost", "Rooms"]

_HASH_SEED: Final = "PYTHONHASHSEED"
_STARTED_S: Final = 60.0


class RoomLost(Exception):
    """A process of its own could not be had, or ended without an answer."""


class Room:
    """A process with one object in it, whose methods are called from here; or the object itself, in this process.

    Parameters
    ----------
    line : Connection or None
        To the process; None if the object lives here.
    here : object
        The object, if it lives here.
    """

    def __init__(self, line: Connection | None, here: Any = None) -> None:
        self._line, self._here = line, here

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the object and give back what it answers.

        Raises
        ------
        RoomLost
            If the process has ended, or what was asked or answered cannot be sent.
        """
        if self._line is None:
            return getattr(self._here, method)(*arguments)
        try:
            self._line.send((method, arguments))
            fine, answer = self._line.recv()
        except Exception as error:  # noqa: BLE001 - pickling fails in many ways, and so do processes
            raise RoomLost(f"{type(error).__name__}: {error}") from None
        if not fine:
            raise answer
        return answer

    def close(self) -> None:
        """End the process."""
        if self._line is not None:
            self._line.close()


@dataclass(frozen=True, slots=True)
class Rooms:
    """Opens rooms.

    Attributes
    ----------
    make : callable
        Makes the object that lives in a room, from `arguments`.
    arguments : tuple
    how : str
        ``fresh``: copies of a process that knows nothing; ``copy``: copies of this process; ``here``: no process.
    why : str
        Why it is no fresh one; empty if it is.
    """

    make: Callable[..., Any]
    arguments: tuple[Any, ...]
    how: str
    why: str = ""

    @classmethod
    def of(cls, make: Callable[..., Any], arguments: tuple[Any, ...], *, apart: bool = True) -> Rooms:
        """Rooms as fresh as they can be had."""
        if not apart:
            return cls(make, arguments, "here", "runs share this process")
        if not hasattr(os, "fork"):
            return cls(make, arguments, "here", "this system cannot copy a process")
        try:
            _packed(make, arguments)
            for number in (0, 1):
                _nursery(number)
        except Exception as error:  # noqa: BLE001 - what cannot be sent says so in many ways
            return cls(make, arguments, "copy", f"{type(error).__name__}: {error}")
        return cls(make, arguments, "fresh")

    def prepare(self, task: Callable[[], None]) -> None:
        """Have the nurseries do something that every room is to find done, and that tells nothing of the future.

        Parameters
        ----------
        task : callable
            Importable, such as a `functools.partial` of a function of a module.
        """
        if self.how == "fresh":
            for number in (0, 1):
                _nursery(number).send(("", b"", task))

    @contextmanager
    def open(self, *, nursery: int = 0, first: Callable[[], None] | None = None) -> Iterator[Room]:
        """A room; `first` is called in it before anything else is loaded there, if it is a process of its own."""
        room = self._opened(nursery, first)
        try:
            yield room
        finally:
            room.close()

    def _opened(self, nursery: int, first: Callable[[], None] | None) -> Room:
        if self.how == "here":
            return Room(None, self.make(*self.arguments))
        with _listening() as (listener, key):
            if self.how == "fresh":
                task = (first, list(sys.path), _packed(self.make, self.arguments))
                _nursery(nursery).send((listener.address, key, task))
            else:
                _copy(listener, key, first, self.make, self.arguments)
            return Room(listener.accept())


def _packed(make: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """Apart from the rest of the message: what it names is imported where it is opened, and only then."""
    from multiprocessing.reduction import ForkingPickler

    return bytes(ForkingPickler.dumps((make, arguments)))


@contextmanager
def _listening() -> Iterator[tuple[Any, bytes]]:
    with tempfile.TemporaryDirectory(prefix="argus-") as folder:
        key = secrets.token_bytes(16)
        with Listener(str(Path(folder) / "room"), family="AF_UNIX", authkey=key) as listener:
            # A child that dies before it calls must not be waited for without end.
            listener._listener._socket.settimeout(_STARTED_S)  # type: ignore[attr-defined]
            yield listener, key


# ---- in the other process


def _live(address: str, key: bytes, first: Callable[[], None] | None, build: Callable[[], Any]) -> None:
    """Answer calls until the line is closed."""
    line = Client(address, authkey=key)
    lives: Any = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            method, arguments = line.recv()
            try:
                if lives is None:
                    if first is not None:
                        first()
                    lives = build()
                answer: tuple[bool, Any] = (True, getattr(lives, method)(*arguments))
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                answer = (False, error)
            try:
                line.send(answer)
            except OSError:
                return
            except Exception as error:  # noqa: BLE001 - what cannot be sent says so in many ways
                line.send((False, RoomLost(f"the answer cannot be sent: {error}")))


def _copy(
    listener: Any, key: bytes, first: Callable[[], None] | None, make: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """A room that is a copy of this process."""
    address = listener.address
    _forked(lambda: _live(address, key, first, lambda: make(*arguments)))


def _forked(task: Callable[[], None]) -> None:
    """Run the task in a copy of this process; twice copied, so that nobody has to wait for it to end."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    code = 1
    try:
        task()
        code = 0
    finally:
        os._exit(code)


# ---- nurseries


class _Nurseries:
    """Those of this process."""

    def __init__(self) -> None:
        self.lines: dict[int, Any] = {}
        self.owner = os.getpid()


_NURSERIES: Final = _Nurseries()


def _nursery(number: int) -> Any:
    """The line to a nursery of this process, started if need be."""
    if _NURSERIES.owner != os.getpid():
        _NURSERIES.lines, _NURSERIES.owner = {}, os.getpid()
    line = _NURSERIES.lines.get(number)
    if line is None:
        context = multiprocessing.get_context("spawn")
        line, away = context.Pipe()
        process = context.Process(target=_tend, args=(away,), daemon=True)
        with _hash_seed(number):
            process.start()
        away.close()
        if not _NURSERIES.lines:
            atexit.register(_close)
        _NURSERIES.lines[number] = line
    return line


def _close() -> None:
    if _NURSERIES.owner == os.getpid():
        for line in _NURSERIES.lines.values():
            line.close()
        _NURSERIES.lines.clear()


@contextmanager
def _hash_seed(number: int) -> Iterator[None]:
    """The environment in which another seed of hashes is given to processes that are started."""
    before = os.environ.get(_HASH_SEED)
    os.environ[_HASH_SEED] = str(1 + number + (int(before) if before and before.isdigit() else 0))
    try:
        yield
    finally:
        if before is None:
            del os.environ[_HASH_SEED]
        else:
            os.environ[_HASH_SEED] = before


def _tend(line: Connection) -> None:
    """In the nursery: load the engine and its kernels, and copy itself whenever a room is wanted."""
    from argus.lab.audit.workshop import warm_up

    warm_up()
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            address, key, task = line.recv()
            if not address:
                task()
                continue
            _forked(lambda address=address, key=key, task=task: _live_from(line, address, key, task))  # type: ignore[misc]


def _live_from(line: Connection, address: str, key: bytes, task: tuple[Any, list[str], bytes]) -> None:
    from multiprocessing.reduction import ForkingPickler

    line.close()
    first, path, packed = task
    sys.path[:] = path

    def build() -> Any:
        make, arguments = ForkingPickler.loads(packed)
        return make(*arguments)

    _live(address, key, first, build)
