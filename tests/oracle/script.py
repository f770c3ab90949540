"""What the trader does: tickets and actions in words, and the plan of each book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ticket:
    """An order as the script words it; type and time in force by the names of docs/fills.md, prices in ticks."""

    symbol: str
    side: int
    type: str
    lots: int
    limit: int | None = None
    stop: int | None = None
    tif: str = "DAY"
    trail: int | None = None
    expires: int | None = None
    reduce_only: bool = False
    oco: str = ""  # a word shared by the orders of a group
    parent: str = ""  # key of the order whose fill this one waits for


@dataclass(frozen=True)
class Submit:
    """Send a new order under a key; nothing if its ticket names a parent that was not sent yet."""

    key: str
    ticket: Ticket


@dataclass(frozen=True)
class Cancel:
    """Withdraw the order with this key; nothing if no such order was sent yet."""

    key: str


@dataclass(frozen=True)
class Replace:
    """Put a new order, with a key of its own, in the place of the one with `key`; nothing if that was not sent yet."""

    key: str
    new_key: str
    ticket: Ticket


Action = Submit | Cancel | Replace


@dataclass(frozen=True)
class Script:
    """What the trader does at the i-th wake, and on being told of the j-th fill."""

    wakes: Mapping[int, Sequence[Action]] = field(default_factory=dict)
    fills: Mapping[int, Sequence[Action]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """One book: what it trades, what it does, and when it is asked."""

    universe: tuple[str, ...]
    script: Script
    wake: str = "every_bar"
    warmup: int = 1
    wakes_on_fill: bool = False
    late: tuple[str, ...] = ()  # hold up no wake
