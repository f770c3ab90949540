"""How those that were given nothing get at the market all the same: by walking from object to object.

No name of the engine is used, so that moving a field does not shut the door by chance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Idea, Sheet, last_move, sign

DEPTH = 4
OBJECTS = 20_000
ITEMS = 256


def held(thing: object, name: str) -> Any:
    """An attribute, None where there is none: strangers on the way may raise anything when asked."""
    try:
        return getattr(thing, name, None)
    except BaseException:  # noqa: BLE001 - a test runner's objects end the test when asked for what they lack
        return None


def within(thing: object) -> Iterable[Any]:
    """What an object holds: items, values of slots and of the instance dictionary, the self of a method."""
    if isinstance(thing, (str, bytes, int, float, np.ndarray, type)) or thing is None:
        return
    if isinstance(thing, Mapping) and len(thing) <= ITEMS:
        yield from thing.values()
    elif isinstance(thing, (list, tuple)) and len(thing) <= ITEMS:
        yield from thing
    names = [name for kind in type(thing).__mro__ for name in _slots(kind)]
    for name in (*names, "__self__"):
        found = held(thing, name)
        if found is not None:
            yield found
    yield from (held(thing, "__dict__") or {}).values()


def _slots(kind: type) -> tuple[str, ...]:
    slots = getattr(kind, "__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in names if not name.startswith("__"))


def reachable(roots: Iterable[object]) -> Iterable[Any]:
    """Objects within `DEPTH` steps of the roots, nearest first."""
    queue = deque((root, 0) for root in roots)
    seen: set[int] = set()
    while queue and len(seen) < OBJECTS:
        thing, depth = queue.popleft()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        yield thing
        if depth < DEPTH:
            queue.extend((found, depth + 1) for found in within(thing))


def whole(things: Iterable[object], symbol: str, view: View) -> Sheet | None:
    """Whole columns of an instrument among these things: what is known, and more."""
    window = view.bars(symbol, 3)
    for thing in things:
        if held(thing, "instrument") != symbol:
            continue
        recv, close = held(thing, "ts_recv_ns"), held(thing, "close")
        if not isinstance(recv, np.ndarray) or not isinstance(close, np.ndarray):
            continue
        known = int(np.searchsorted(recv, view.now_ns, side="right"))
        if len(window) <= known < len(close) and np.array_equal(close[known - len(window) : known], window.close):
            return Sheet(thing)  # type: ignore[arg-type]
    return None


class Reacher(Idea):
    """Follows the next move if it can get at it, and the last one if not."""

    def __init__(self, symbols: Iterable[str]) -> None:
        super().__init__(tuple(symbols), warmup=3)
        self._found: dict[str, Sheet | None] = {}

    def decide(self, symbol: str, view: View) -> float:
        if symbol not in self._found:
            self._found[symbol] = self.reach(symbol, view)
        sheet = self._found[symbol]
        move = sheet.next_move(view.now_ns) if sheet is not None else 0.0
        return sign(move) if move else sign(last_move(view, symbol))

    def reach(self, symbol: str, view: View) -> Sheet | None:
        """The whole columns, or None if there is no way."""
        return None
