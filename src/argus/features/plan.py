"""From terms to a plan: which kernels run in which order, in which columns they work, and how far back each is read.

What several results share is computed once. A column whose past nobody reads is given to another term once it has been
used, so that the columns at work stay in the processor's cache.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import numpy as np

from argus.core.arrays import F64_1D, I64_1D
from argus.features.graph import Held, Input, Node, Term, node, terms_below

__all__ = ["Plan", "make_plan", "past_places", "term_key"]

_Key = tuple[str, tuple[Term, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How a list of terms is computed, all on one clock.

    Attributes
    ----------
    kernels : tuple of str
        Kernel of each call, in order. One that takes several at once is called once for all that are ready together.
    leaves : tuple of Input or Held
        What has to be given.
    leaf_columns : (leaves,) int64
        Where each is to be put.
    columns, history : int
        Columns of the workspace, and rows kept before the newest.
    deep : (d, 2) int64
        Columns whose past is read, and how many rows of it.
    deep_names : tuple of str
        What stands in them, by the same name in every plan.
    io, io_at, args, args_at, state_at : arrays
        Columns, numbers and places in the state vector of each call; call `k` has ``io[io_at[k]:io_at[k + 1]]``.
    emit_at, emits : (calls + 2,) int64, (results, 2) int64
        Results that are ready before each call: column, place among the results.
    states : tuple of (str, int, int)
        Name, the same in every plan, first and last place in the state vector, of all that carry something.
    """

    kernels: tuple[str, ...]
    leaves: tuple[Input | Held, ...]
    leaf_columns: I64_1D
    columns: int
    history: int
    deep: Any
    deep_names: tuple[str, ...]
    io: I64_1D
    io_at: I64_1D
    args: F64_1D
    args_at: I64_1D
    state_at: I64_1D
    emit_at: I64_1D
    emits: Any
    states: tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class _Call:
    kernel: str
    inputs: tuple[Term, ...]
    args: tuple[float, ...]
    outputs: int
    scratch: int
    state: int
    columns: list[int] = field(default_factory=list)

    @property
    def key(self) -> _Key:
        return (self.kernel, self.inputs, self.args)

    def names(self) -> list[object]:
        """Names of its outputs."""
        return [(*self.key, output) for output in range(self.outputs)]

    def spare(self) -> list[object]:
        """Names of its scratch columns."""
        return [(*self.key, -1 - j) for j in range(self.scratch)]


_Step = list[_Call]
"""Calls of one kernel that are carried out as one."""


def make_plan(terms: Sequence[Term]) -> Plan:
    """The plan of these terms; results in their order.

    Parameters
    ----------
    terms : sequence of Term
        The same term may stand more than once.
    """
    return _made(tuple(terms))


@lru_cache(maxsize=256)
def _made(terms: tuple[Term, ...]) -> Plan:
    """Kept, because the same terms are planned again for every stretch of rows that an audit or a test looks at."""
    leaves: list[Input | Held] = []
    calls: dict[_Key, _Call] = {}
    depth: dict[object, int] = {}
    for term in terms_below(terms):
        if isinstance(term, Node):
            _add_call(term, calls, depth)
        elif isinstance(term, Input | Held):
            leaves.append(term)
    steps = _steps(list(calls.values()))
    columns = _Columns(depth)
    for leaf in leaves:
        columns.give(leaf)
    last_use = {_name(one): k for k, step in enumerate(steps) for call in step for one in call.inputs}
    wanted: dict[object, list[int]] = {}
    for place, term in enumerate(terms):
        wanted.setdefault(_name(term), []).append(place)
    emits_before: list[list[tuple[int, int]]] = [[] for _ in range(len(steps) + 1)]
    for leaf in leaves:
        emits_before[0] += [(columns.of[leaf], place) for place in wanted.get(leaf, ())]
    for k, step in enumerate(steps):
        written = [name for call in step for name in call.names()]
        for name in written:
            columns.give(name)
            emits_before[k + 1] += [(columns.of[name], place) for place in wanted.get(name, ())]
        read = [_name(one) for call in step for one in call.inputs]
        for call in step:
            spare = [columns.give(name) for name in call.spare()]
            call.columns = [columns.of[name] for name in (*map(_name, call.inputs), *call.names())] + spare
        for name in dict.fromkeys((*read, *written)):
            if last_use.get(name, k) <= k:
                columns.take_back(name)
        for call in step:
            for name in call.spare():
                columns.take_back(name)
    return _plan(steps, leaves, columns, emits_before)


def _steps(order: Sequence[_Call]) -> list[_Step]:
    """The calls, each after those that it reads; those of a kernel with lanes wait for others that can go with them."""
    from argus.features._form_kernels import form_of

    place = {call.key: k for k, call in enumerate(order)}
    below = [{place[_key(one)] for one in call.inputs if isinstance(one, Node)} for call in order]
    above: list[list[int]] = [[] for _ in order]
    for k, some in enumerate(below):
        for one in some:
            above[one].append(k)
    missing = [len(some) for some in below]
    alone: list[int] = []
    together: dict[str, list[int]] = {}

    def ready(k: int) -> None:
        if form_of(order[k].kernel).lanes:
            together.setdefault(order[k].kernel, []).append(k)
        else:
            heapq.heappush(alone, k)

    for k, count in enumerate(missing):
        if count == 0:
            ready(k)
    steps: list[_Step] = []
    while alone or together:
        if alone:
            taken = [heapq.heappop(alone)]
        else:
            taken = sorted(together.pop(min(together, key=lambda kernel: min(together[kernel]))))
        steps.append([order[k] for k in taken])
        for k in (one for each in taken for one in above[each]):
            missing[k] -= 1
            if missing[k] == 0:
                ready(k)
    return steps


def _key(term: Node) -> _Key:
    return (term.kernel, term.inputs, term.args)


def _name(term: Term) -> object:
    return (*_key(term), term.output) if isinstance(term, Node) else term


def _add_call(term: Node, calls: dict[_Key, _Call], depth: dict[object, int]) -> None:
    from argus.features._form_kernels import form_of

    if _key(term) in calls:
        return
    form = form_of(term.kernel)
    outputs, scratch = form.size("outputs", term.args), form.size("scratch", term.args)
    call = _Call(term.kernel, term.inputs, term.args, outputs, scratch, form.size("state", term.args))
    calls[_key(term)] = call
    for one in term.inputs:
        depth[_name(one)] = max(depth.get(_name(one), 0), form.size("depth", term.args))
    own = form.size("own_depth", term.args)
    for name in (*call.names(), *call.spare()):
        depth[name] = max(depth.get(name, 0), own)


class _Columns:
    """Columns given out; one without a past may be given again."""

    def __init__(self, depth: dict[object, int]) -> None:
        self._depth = depth
        self._free: list[int] = []
        self.of: dict[object, int] = {}
        self.count = 0
        self.deep: list[tuple[int, int, object]] = []

    def give(self, name: object) -> int:
        rows = self._depth.get(name, 0)
        if rows == 0 and self._free:
            column = self._free.pop()
        else:
            column = self.count
            self.count += 1
        if rows > 0:
            self.deep.append((column, rows, name))
        self.of[name] = column
        return column

    def take_back(self, name: object) -> None:
        # Leaves are filled before the first call and must stay; what has a past keeps its column.
        if self._depth.get(name, 0) == 0 and not isinstance(name, Term):
            self._free.append(self.of[name])


def _plan(
    steps: Sequence[_Step],
    leaves: Sequence[Input | Held],
    columns: _Columns,
    emits_before: Sequence[Sequence[tuple[int, int]]],
) -> Plan:
    def starts(lengths: Sequence[int]) -> I64_1D:
        return np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)

    order = [call for step in steps for call in step]
    ends = np.cumsum([call.state for call in order])
    return Plan(
        kernels=tuple(step[0].kernel for step in steps),
        leaves=tuple(leaves),
        leaf_columns=np.array([columns.of[leaf] for leaf in leaves], dtype=np.int64),
        columns=columns.count,
        history=max((rows for _, rows, _ in columns.deep), default=0),
        deep=np.array([(column, rows) for column, rows, _ in columns.deep], dtype=np.int64).reshape(-1, 2),
        deep_names=tuple(_told(name) for _, _, name in columns.deep),
        io=np.array([column for call in order for column in call.columns], dtype=np.int64),
        io_at=starts([sum(len(call.columns) for call in step) for step in steps]),
        args=np.array([value for call in order for value in call.args], dtype=np.float64),
        args_at=starts([sum(len(call.args) for call in step) for step in steps]),
        state_at=starts([sum(call.state for call in step) for step in steps]),
        emit_at=starts([len(some) for some in emits_before]),
        emits=np.array([pair for some in emits_before for pair in some], dtype=np.int64).reshape(-1, 2),
        states=tuple(
            (term_key(node(call.kernel, *call.inputs, args=call.args)), int(end) - call.state, int(end))
            for call, end in zip(order, ends, strict=True)
            if call.state > 0
        ),
    )


@cache
def term_key(term: Term) -> str:
    """Short name of a term: the same for the same formula over the same inputs with the same kernels, in any plan."""
    from argus.features._form_kernels import source_hash

    if isinstance(term, Node):
        inside = ",".join(term_key(one) for one in term.inputs)
        told = f"{term.kernel}[{source_hash(term.kernel)}]({inside})({term.args!r}){term.output}"
    elif isinstance(term, Held):
        told = f"{term_key(term.term)} on {term.clock}"
    else:
        told = repr(term)
    return hashlib.sha256(told.encode()).hexdigest()[:20]


def _told(name: object) -> str:
    """Key of what stands in a column: a leaf, an output of a call, or (below zero) its scratch."""
    if isinstance(name, Term):
        return term_key(name)
    assert isinstance(name, tuple)
    kernel, inputs, args, output = name
    return f"{term_key(node(kernel, *inputs, args=args))} {output}"


def past_places(plan: Plan) -> list[tuple[str, int, int]]:
    """Name, column and rows, of each column whose past is read."""
    return [(name, int(c), int(rows)) for name, (c, rows) in zip(plan.deep_names, plan.deep, strict=True)]
