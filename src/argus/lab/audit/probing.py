"""Every decision of a run, put to the strategy again on two opposite futures.

The strategy is made anew from a market that is real up to the decision and noise from there on, and is given the calls
of the last wake-ups again, with the account as it stood. The engine takes no part, so that ten thousand decisions cost
a minute. The room in which this is done is only ever sent what was known at the decision under test: a strategy that
searches memory for the future finds noise there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D, Bars
from argus.core.orders import FillRule
from argus.lab.audit.alteration import Auxiliary, Market, Variant, alter_auxiliary, opposite_futures
from argus.lab.audit.recording import Entry, Log, locate, unequal_entry
from argus.lab.audit.report import Difference
from argus.lab.audit.rooms import Room
from argus.lab.audit.subject import Subject
from argus.lab.audit.witness import Call
from argus.lab.audit.workshop import Future, Probe

__all__ = ["Moved", "NotRepeated", "first_moved", "repeated"]

LEAD: Final = 32
"""Calls that come before a block, so that what a strategy carries along is there again."""
BLOCK: Final = 24
_TAIL: Final = 600
_WILDNESS: Final = (1.0, 3.0)
_COLUMNS: Final = ("open", "high", "low", "close", "volume", "open_interest")
_AT_OPEN: Final = frozenset(
    {
        FillRule.MARKET_AT_OPEN,
        FillRule.MARKET_ON_OPEN,
        FillRule.LIMIT_AT_OPEN,
        FillRule.STOP_AT_OPEN,
        FillRule.STOP_LIMIT_AT_OPEN,
        FillRule.LIMIT_ON_OPEN,
        FillRule.TRAILING_AT_OPEN,
    }
)


Series = dict[str, Auxiliary] | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A decision that depends on what came after `cut_ns`."""

    difference: Difference
    cut_ns: int


@dataclass(frozen=True, slots=True)
class NotRepeated:
    """The calls of a run do not give the same answers without the engine; the first one that does not."""

    difference: Difference


def repeated(subject: Subject, log: Log, room: Room) -> list[tuple[int, int, list[Entry]]] | NotRepeated:
    """(first call, call after the last, answers) of each block of a run, repeated without the engine.

    Parameters
    ----------
    subject : Subject
    log : Log
        Of the run, with its calls.
    room : Room
        Holds a `Workshop`; is sent the whole market.
    """
    spans = [(max(0, begin - LEAD), min(begin + BLOCK, len(log.calls))) for begin in range(0, len(log.calls), BLOCK)]
    answers = room.call("repeat", subject.market, subject.auxiliary, log.calls, spans)
    # Only from the first call on is a fresh strategy in the state in which the run's was.
    for one, other in zip(log.entries, answers[0] if answers else (), strict=False):
        universe = next(iter(subject.market))
        found = None if one == other else unequal_entry(one, other, log.aliases, universe)
        if found is not None:
            return NotRepeated(locate(subject.market, found[0], one.ts_ns, *found[1:]))
    return [(start, stop, entries) for (start, stop), entries in zip(spans, answers, strict=True)]


def first_moved(
    subject: Subject,
    log: Log,
    blocks: Sequence[tuple[int, int, list[Entry]]],
    room: Room,
    seed: int,
    whole: Market,
    tell: Callable[[int], None],
) -> Moved | None:
    """The first call whose answer, or that of one up to 56 calls before it, is another one on another future.

    Parameters
    ----------
    subject, log
        The run.
    blocks : sequence
        Of `repeated`.
    room : Room
        Holds a `Workshop`; is sent nothing that was not known at the call under test.
    seed : int
        Of the noise.
    whole : mapping
        The market in which rows are counted.
    tell : callable
        Given the number of calls that are done.
    """
    room.call("begin", _calendar(subject.market), log.facts)
    for number, probe, cut_ns in _probes(subject, log.calls, blocks, seed):
        tell(number)
        found = room.call("probe", probe)
        if found is not None:
            _, at, (instrument, name, was, became) = found
            ts_ns = log.calls[max(at, 0)].ts_ns if at >= 0 else log.calls[number].ts_ns
            return Moved(locate(whole, instrument, ts_ns, name, was, became), cut_ns)
    tell(len(log.calls))
    return None


def _calendar(market: Market) -> Market:
    """The market without a single price: its times and sessions are known beforehand."""
    bare = {}
    for symbol, (spec, bars) in market.items():
        nothing = np.full(len(bars), np.nan)
        bare[symbol] = (spec, replace(bars, **dict.fromkeys(_COLUMNS, nothing)))
    return bare


def _probes(
    subject: Subject, calls: Sequence[Call], blocks: Sequence[tuple[int, int, list[Entry]]], seed: int
) -> Iterator[tuple[int, Probe, int]]:
    """(number of the call, probe, cut) of every call, in sequence."""
    sent, begun = 0, -1
    known = dict.fromkeys(subject.market, 0)
    for start, stop, entries in blocks:
        told = sent if start == begun else start
        begun = start
        for number in range(sent, stop):
            cut_ns = _cut_of(calls, number)
            futures, revealed = _futures(subject, cut_ns, known, seed, _WILDNESS[number % len(_WILDNESS)])
            series = _series(subject, cut_ns, seed + number)
            probe = Probe(
                start,
                number + 1,
                tuple(calls[sent : number + 1]),
                tuple(entries[told - start : number + 1 - start]),
                revealed,
                futures,
                series,
            )
            sent = told = number + 1
            yield number, probe, cut_ns


def _cut_of(calls: Sequence[Call], number: int) -> int:
    """Instant after which nothing is known at this call; a fill at an open has seen that open."""
    call = calls[number]
    at_open = call.fill is not None and call.fill.rule in _AT_OPEN
    return call.ts_ns + 1 if at_open else call.ts_ns


def _futures(
    subject: Subject, cut_ns: int, known: dict[str, int], seed: int, wildness: float
) -> tuple[tuple[dict[str, Future], dict[str, Future]], dict[str, dict[str, F64_1D]]]:
    """Two futures of every instrument, and the rows that were received since the call before."""
    futures: tuple[dict[str, Future], dict[str, Future]] = ({}, {})
    revealed = {}
    received_ns = cut_ns - subject.config.data_latency_ns
    for symbol, (spec, bars) in subject.market.items():
        rows, made = opposite_futures(spec, bars, received_ns, seed, wildness=wildness, tail=_TAIL)
        for one, columns in zip(futures, made, strict=True):
            one[symbol] = Future(rows, columns)
        revealed[symbol] = _columns(bars, known[symbol], rows)
        known[symbol] = max(rows, known[symbol])
    return futures, revealed


def _columns(bars: Bars, start: int, stop: int) -> dict[str, F64_1D]:
    return {name: getattr(bars, name)[start:stop].copy() for name in _COLUMNS}


def _series(subject: Subject, cut_ns: int, seed: int) -> tuple[Series, Series]:
    """The series beside the bars, after the cut replaced by noise, and turned round."""
    if subject.auxiliary is None:
        return None, None
    one, other = (
        {name: alter_auxiliary(series, cut_ns, variant, seed, name) for name, series in subject.auxiliary.items()}
        for variant in (Variant.NOISE, Variant.MIRROR)
    )
    return one, other
