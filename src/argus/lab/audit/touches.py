"""What a strategy touches beside its view while it decides: files, sockets, the heap, the frames of its callers.

A decision that comes from a file can never be moved by another market, and one that comes from the heap may find a
market that it was not given. Python tells a hook of such events (`sys.addaudithook`). A hook stays for the life of the
process, so it is set only in processes that are thrown away afterwards.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

__all__ = ["Touch", "deciding", "making", "touches", "watch_touches"]

_OUTSIDE: Final = {
    "open": "opens",
    "os.listdir": "lists",
    "os.scandir": "lists",
    "socket.connect": "connects to",
    "socket.getaddrinfo": "looks up",
    "sqlite3.connect": "connects to",
    "subprocess.Popen": "starts",
    "os.system": "starts",
}
_INSIDE: Final = {
    "gc.get_objects": "lists the heap",
    "gc.get_referrers": "walks the heap",
    "gc.get_referents": "walks the heap",
    "sys._getframe": "climbs the call stack",
    "sys._current_frames": "climbs the call stack",
}
_CODE: Final = (".py", ".pyc", ".pyi", ".so", ".nbi", ".nbc", ".dylib", ".pyd")
_PACKAGE: Final = Path(__file__).parents[2]
_STRATEGIES: Final = str(_PACKAGE / "strategies")
_TOUCHES_MAX: Final = 100


class Touch(NamedTuple):
    """One thing that was touched: when, what, by which line; `ts_ns` is None while the strategy was being made."""

    ts_ns: int | None
    what: str
    by: str


@dataclass(slots=True)
class _State:
    """What the hook knows; one for the process, as the hook is."""

    now_ns: int | None = None
    is_on: bool = False
    is_busy: bool = False
    is_hooked: bool = False


_STATE: Final = _State()
_FOUND: Final[list[Touch]] = []


@contextmanager
def deciding(now_ns: int | None) -> Iterator[None]:
    """While the strategy decides at this instant."""
    if not _STATE.is_hooked:
        yield
        return
    _STATE.now_ns, _STATE.is_on = now_ns, True
    try:
        yield
    finally:
        _STATE.is_on = False


def making() -> Any:
    """While the strategy is made."""
    return deciding(None)


def touches() -> tuple[Touch, ...]:
    """What was touched so far, in sequence; each line and thing once."""
    return tuple(_FOUND)


def watch_touches() -> None:
    """Set the hook, for the life of this process."""
    if not _STATE.is_hooked:
        _STATE.is_hooked = True
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _STATE.is_on or _STATE.is_busy or (event not in _OUTSIDE and event not in _INSIDE):
        return
    _STATE.is_busy = True
    try:
        _note(event, arguments)
    finally:
        _STATE.is_busy = False


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    caller = sys._getframe(2)
    place = _own_line(caller, innermost=event in _INSIDE)
    if place is None or len(_FOUND) >= _TOUCHES_MAX:
        return
    if event in _INSIDE:
        what = _INSIDE[event]
    else:
        thing = str(arguments[0]) if arguments else ""
        if event == "open" and (isinstance(arguments[0], int) or thing.endswith(_CODE) or _is_library(thing)):
            return
        what = f"{_OUTSIDE[event]} {thing}"
    if not any(known.by == place and (known.ts_ns is None) == (_STATE.now_ns is None) for known in _FOUND):
        _FOUND.append(Touch(_STATE.now_ns, what, place))


def _own_line(frame: FrameType | None, *, innermost: bool) -> str | None:
    """File and line of the strategy's own code; None if the event is a library's doing, or an import."""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith("<frozen importlib"):
            return None
        if path == __file__ or path.endswith("lab/audit/recording.py"):
            return None
        if not _is_library(path):
            return f"{Path(path).name}:{frame.f_lineno}"
        if innermost:
            return None
        frame = frame.f_back
    return None


def _is_library(path: str) -> bool:
    return (path.startswith(_libraries()) and not path.startswith(_STRATEGIES)) or path.startswith("<frozen")


def _libraries() -> tuple[str, ...]:
    if not _LIBRARIES:
        names = ("stdlib", "platstdlib", "purelib", "platlib")
        _LIBRARIES.extend({sysconfig.get_path(name) for name in names} | {str(_PACKAGE)})
    return tuple(_LIBRARIES)


_LIBRARIES: Final[list[str]] = []
