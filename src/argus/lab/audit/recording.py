"""A strategy that writes down what another one answers, wake-up by wake-up, and the comparison of two such logs.

Orders show only what came of a decision; the log holds the decision itself, every field of every intent, what was read
for it, and the value of every declared feature at that row, so that a leak is seen before it ever changed an order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np

from argus.core.intents import Intent, OrderRequest, Replace
from argus.core.orders import Fill
from argus.core.ports import Strategy, View
from argus.core.strategy import StrategySpec
from argus.engine.rolled_strategy import RolledStrategy
from argus.lab.audit.alteration import Market
from argus.lab.audit.report import Difference
from argus.lab.audit.touches import deciding
from argus.lab.audit.witness import Call, WatchedView, standing_of

__all__ = [
    "Entry",
    "Log",
    "Recorder",
    "declared",
    "first_difference",
    "intent_values",
    "locate",
    "until",
    "unequal_entry",
]

_UNCOMPARED: Final = frozenset({"tag"})
"""A tag is the strategy's own remark; it moves no money."""


class Entry(NamedTuple):
    """One call of the strategy.

    ``intents`` holds (type, field values) of each intent, ``features`` the declared features in their sequence,
    ``raised`` the error that the strategy answered with instead, and ``asked`` what it read for it: (``bars``,
    instrument, number) or (``feature``, alias, 0).
    """

    ts_ns: int
    is_wake: bool
    intents: tuple[tuple[Any, ...], ...]
    features: tuple[float, ...]
    raised: str
    asked: tuple[tuple[str, str, int], ...] = ()


@dataclass(slots=True)
class Log:
    """Everything a strategy answered in one run; plain values, so that it travels between processes.

    Attributes
    ----------
    facts : tuple of (name, value)
        What the strategy declares about itself.
    aliases : tuple of (alias, instrument)
        Its features.
    entries : list of Entry
    error : str
        Why the run ended early; empty if it did not.
    calls : list of Call
        How the account stood at each of them, where that was wanted.
    """

    facts: tuple[tuple[str, Any], ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    entries: list[Entry] = field(default_factory=list)
    error: str = ""
    calls: list[Call] = field(default_factory=list)

    @property
    def wakes(self) -> list[int]:
        """Instants of the wake-ups."""
        return [entry.ts_ns for entry in self.entries if entry.is_wake]


class Recorder:
    """Delegates to a strategy and keeps a `Log` of its answers. Implements `core.ports.Strategy`.

    Parameters
    ----------
    strategy : Strategy
    with_calls : bool
        Whether to note as well how the account stood at every call.
    """

    def __init__(self, strategy: Strategy, *, with_calls: bool = False) -> None:
        self._strategy = strategy
        self._spec = strategy.spec
        self._rolled = strategy if isinstance(strategy, RolledStrategy) else None
        self._names = tuple(ref.alias for ref in self._spec.features)
        self._with_calls = with_calls
        # Which rolls there will have been is in the wrapper's own parameters: what is declared is what it wraps.
        told = self._spec if self._rolled is None else self._rolled.strategy.spec
        aliases = tuple((r.alias, r.instrument) for r in self._spec.features)
        if self._rolled is not None:
            aliases = tuple((name, symbol) for name, symbol, _ in self._rolled.standing())
        self.log = Log(facts=declared(told), aliases=aliases)

    @property
    def spec(self) -> StrategySpec:
        """What the strategy declares, as it was when the run began."""
        return self._spec

    def wake(self, view: View) -> Sequence[Intent]:
        """Pass the wake-up on and note the answer."""
        read = tuple([view.feature(name) for name in self._names])
        return self._passed_on(None, view, read)

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        """Pass the fill on and note the answer."""
        return self._passed_on(fill, view, ())

    def _passed_on(self, fill: Fill | None, view: View, read: tuple[float, ...]) -> Sequence[Intent]:
        now = view.now_ns
        watched = WatchedView(view)
        if self._with_calls:
            watched.standing = standing_of(view, self._spec.universe)
            self.log.calls.append(Call(now, fill, watched.standing))
        intents: Sequence[Intent] = ()
        raised = ""
        try:
            with deciding(now):
                intents = self._strategy.wake(watched) if fill is None else self._strategy.filled(fill, watched)
        except Exception as error:
            raised = f"{type(error).__name__}: {error}"
            raise
        finally:
            noted = () if raised else _noted(intents)
            if self._rolled is not None and fill is None:
                read = tuple([value for _, _, value in self._rolled.standing()])
            self.log.entries.append(Entry(now, fill is None, noted, read, raised, tuple(watched.asked)))
        return intents


def declared(spec: StrategySpec) -> tuple[tuple[str, Any], ...]:
    """What a specification declares, by name: a parameter chosen from the future is a leak as well."""
    return (
        ("universe", ", ".join(spec.universe)),
        ("wake rule", str(spec.wake)),
        ("warm-up", spec.warmup_bars),
        ("wakes on fill", spec.wakes_on_fill),
        *((f"parameter {name}", value) for name, value in sorted(spec.values.items())),
        *((f"feature {r.alias}", f"{r.feature} on {r.instrument} {dict(r.parameters)}") for r in spec.features),
    )


@cache
def _names_of(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.name not in _UNCOMPARED)


def _noted(intents: object) -> tuple[tuple[Any, ...], ...]:
    if not intents or not isinstance(intents, (list, tuple)):
        return () if not intents else ((repr(intents),),)
    return tuple([_row(intent) for intent in intents])


@cache
def _reader(kind: Hashable) -> Callable[[Any], tuple[Any, ...]]:
    """Reads the compared fields of an intent of this type."""
    names = _names_of(kind)
    if len(names) < 2:
        return lambda intent: tuple([getattr(intent, name) for name in names])
    return attrgetter(*names)


def _row(intent: Any) -> tuple[Any, ...]:
    kind: Any = type(intent)
    if not hasattr(kind, "__dataclass_fields__"):
        return (repr(intent),)
    values = _reader(kind)(intent)
    if kind is Replace:
        values = tuple([_row(value) if isinstance(value, OrderRequest) else value for value in values])
    return (kind, *values)


def intent_values(row: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """(``Type.field``, value) of a noted intent, nested intents included."""
    if not isinstance(row[0], type):
        yield "intent", row[0]
        return
    for name, value in zip(_names_of(row[0]), row[1:], strict=True):
        if isinstance(value, tuple):
            yield from ((f"{row[0].__name__}.{inner}", item) for inner, item in intent_values(value))
        else:
            yield f"{row[0].__name__}.{name}", value


def until(entries: Sequence[Entry], cut_ns: int) -> Sequence[Entry]:
    """What was answered knowing nothing after the cut.

    At the cut itself that is what came up to the wake-up: an answer to a fill at that instant's open has seen a price
    after the cut.
    """
    stop = len(entries)
    while stop and entries[stop - 1].ts_ns > cut_ns:
        stop -= 1
    while stop and entries[stop - 1].ts_ns == cut_ns and not entries[stop - 1].is_wake:
        stop -= 1
    return entries[:stop]


def same(one: Any, other: Any) -> bool:
    """Equality in which NaN equals NaN."""
    return bool(one is other or one == other or (one != one and other != other))


def first_difference(before: Log, after: Log, cut_ns: int | None, market: Market) -> Difference | None:
    """The first answer, feature or declaration of `before` up to the cut that `after` does not repeat; None if none.

    Parameters
    ----------
    before, after : Log
        The reference, and the run on an altered market.
    cut_ns : int or None
        None compares to the end.
    market : mapping
        The reference's market, for row numbers.
    """
    ones = before.entries if cut_ns is None else until(before.entries, cut_ns)
    others = after.entries if cut_ns is None else until(after.entries, cut_ns)
    began = ones[0].ts_ns if ones else 0
    universe = next(iter(market))
    if before.facts != after.facts:
        moved = _first_unequal(dict(before.facts), dict(after.facts))
        if moved is not None:
            return locate(market, universe, began, *moved)
    for one, other in zip(ones, others, strict=False):
        if one == other:
            continue
        found = unequal_entry(one, other, before.aliases, universe)
        if found is not None:
            return locate(market, found[0], one.ts_ns, *found[1:])
    if len(ones) == len(others):
        return None
    longer = ones if len(ones) > len(others) else others
    extra = longer[min(len(ones), len(others))]
    there = "woken" if extra.is_wake else "told of a fill"
    missing = (after.error if longer is ones else before.error) or f"not {there}"
    was, became = (there, missing) if longer is ones else (missing, there)
    return locate(market, universe, extra.ts_ns, "call of the strategy", was, became)


def _first_unequal(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, str, str] | None:
    for name in [*one, *(name for name in other if name not in one)]:
        was, became = one.get(name, "not there"), other.get(name, "not there")
        if not same(was, became):
            return name, str(was), str(became)
    return None


def unequal_entry(
    one: Entry, other: Entry, aliases: Sequence[tuple[str, str]], universe: str
) -> tuple[str, str, str, str] | None:
    """(instrument, field, was, became) of the first field that differs; features first, for they come first."""
    if one.ts_ns != other.ts_ns or one.is_wake != other.is_wake:
        return universe, "call of the strategy", _called(one), _called(other)
    for (alias, instrument), was, became in zip(aliases, one.features, other.features, strict=False):
        if not same(was, became):
            return instrument, f"feature {alias}", shown(was), shown(became)
    if one.raised != other.raised:
        return universe, "error", one.raised or "none", other.raised or "none"
    for k in range(max(len(one.intents), len(other.intents))):
        mine = one.intents[k] if k < len(one.intents) else None
        theirs = other.intents[k] if k < len(other.intents) else None
        found = _unequal_intent(mine, theirs, universe)
        if found is not None:
            return found
    return _unequal_reading(one.asked, other.asked, universe)


def _unequal_reading(
    one: tuple[tuple[str, str, int], ...], other: tuple[tuple[str, str, int], ...], universe: str
) -> tuple[str, str, str, str] | None:
    """The first question to the view that was another one: what is looked at must not depend on the future either."""
    for k in range(max(len(one), len(other))):
        mine, theirs = (asked[k] if k < len(asked) else None for asked in (one, other))
        if mine != theirs:
            known = mine or theirs
            assert known is not None
            return (known[1] if known[0] == "bars" else universe), "what was read", _asked(mine), _asked(theirs)
    return None


def _asked(question: tuple[str, str, int] | None) -> str:
    if question is None:
        return "nothing more"
    kind, name, number = question
    return f"feature {name}" if kind == "feature" else f"{number} bars of {name}"


def _unequal_intent(
    one: tuple[Any, ...] | None, other: tuple[Any, ...] | None, universe: str
) -> tuple[str, str, str, str] | None:
    known = one if one is not None else other
    assert known is not None
    instrument = instrument_of(known) or universe
    if one is None or other is None or one[0] != other[0]:
        return instrument, "intent", told(one), told(other)
    for (name, was), (_, became) in zip(intent_values(one), intent_values(other), strict=False):
        if not same(was, became):
            return instrument, name, shown(was), shown(became)
    return None


def instrument_of(row: tuple[Any, ...]) -> str:
    """Instrument of a noted intent; empty for one that names none."""
    return next((str(value) for name, value in intent_values(row) if name.endswith(".instrument")), "")


def told(row: tuple[Any, ...] | None) -> str:
    """A noted intent in a few words."""
    if row is None:
        return "none"
    if not isinstance(row[0], type):
        return str(row[0])
    given = [
        f"{name.rpartition('.')[2]}={shown(value)}"
        for name, value in intent_values(row)
        if value is not None and value == value and value != ""
    ]
    return f"{row[0].__name__}({', '.join(given[:5])})"


def shown(value: Any) -> str:
    """A value with all its digits."""
    if isinstance(value, np.generic):
        value = value.item()
    return repr(value) if isinstance(value, float) else str(value)


def _called(entry: Entry) -> str:
    from argus.core.time import format_ns

    return f"{'woken' if entry.is_wake else 'told of a fill'} at {format_ns(entry.ts_ns)}"


def locate(market: Market, instrument: str, ts_ns: int, name: str, was: str, became: str) -> Difference:
    """A difference with the row of the instrument that was the last known one."""
    symbol = instrument if instrument in market else next(iter(market))
    row = int(np.searchsorted(market[symbol][1].ts_recv_ns, ts_ns, side="right")) - 1
    return Difference(symbol, row, int(ts_ns), name, was, became)
