"""What features are made of: a graph of terms, each an input column, a kernel over other terms, or a coarser clock.

A term says what is to be computed, not how or when. Equal terms are one object, so what several features share is
computed once. Arithmetic on terms makes terms: ``CLOSE / mean(CLOSE, 20) - 1.0`` is the distance from an average.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from typing import Final

__all__ = [
    "CLOCKS",
    "CLOCK_INPUTS",
    "Held",
    "Input",
    "Node",
    "Term",
    "held",
    "input_column",
    "node",
    "reciprocal",
    "terms_below",
]

CLOCKS: Final = {"session": 0, "1d": 0, "5m": 300, "15m": 900, "1h": 3600}
"""Coarser clocks and their seconds; 0 where a session is one bar."""
CLOCK_INPUTS: Final = ("start_s", "close_s", "session", "session_end")
"""Inputs from which coarser clocks are told."""


class Term:
    """Base of all terms: arithmetic with other terms and with numbers, element by element."""

    __slots__ = ()

    def __add__(self, other: Term | float) -> Node:
        return _both("add", self, other) if isinstance(other, Term) else node("algebra.affine", self, args=(1.0, other))

    def __sub__(self, other: Term | float) -> Node:
        if isinstance(other, Term):
            return _both("subtract", self, other)
        return node("algebra.affine", self, args=(1.0, -other))

    def __mul__(self, other: Term | float) -> Node:
        if isinstance(other, Term):
            return _both("multiply", self, other)
        return node("algebra.affine", self, args=(other, 0.0))

    def __truediv__(self, other: Term | float) -> Node:
        if isinstance(other, Term):
            return _both("divide", self, other)
        return node("algebra.over", self, args=(other, *reciprocal(other)))

    def __neg__(self) -> Node:
        return node("algebra.affine", self, args=(-1.0, 0.0))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: float) -> Node:
        return node("algebra.affine", self, args=(-1.0, other))

    def __rtruediv__(self, other: float) -> Node:
        return node("algebra.reciprocal", self, args=(other,))


class Input(Term):
    """A column that is given with every bar.

    Attributes
    ----------
    name : str
        One of `argus.features.inputs.INPUTS`.
    member : str
        Whose column: a member of the universe, by its role; empty for the instrument itself.
    """

    __slots__ = ("member", "name")

    def __init__(self, name: str, member: str = "") -> None:
        self.name, self.member = name, member

    @property
    def key(self) -> str:
        """The column's name among all inputs: ``close``, or ``close@gold``."""
        return f"{self.name}@{self.member}" if self.member else self.name

    def __repr__(self) -> str:
        return self.key


class Node(Term):
    """One output of a kernel over other terms.

    Attributes
    ----------
    kernel : str
        ``module.function``: the function of ``_<module>_kernels.py``.
    inputs : tuple of Term
    args : tuple of float
        The kernel's numbers, such as a window in rows.
    output : int
        Which of the kernel's outputs.
    """

    __slots__ = ("args", "inputs", "kernel", "output")

    def __init__(self, kernel: str, inputs: tuple[Term, ...], args: tuple[float, ...], output: int) -> None:
        self.kernel, self.inputs, self.args, self.output = kernel, inputs, args, output

    def out(self, output: int) -> Node:
        """Another output of the same kernel."""
        return _node(self.kernel, self.inputs, self.args, output)

    def __repr__(self) -> str:
        inside = ", ".join([*map(repr, self.inputs), *(f"{value:g}" for value in self.args)])
        return f"{self.kernel}({inside})" + (f"[{self.output}]" if self.output else "")


class Held(Term):
    """A term over the bars of a coarser clock, held from the close of one coarse bar to the close of the next.

    A coarse bar is closed when a bar reaches its end, or when the first bar after it arrives; nothing of it is seen
    before that.
    With the clock ``session`` a session counts only if one of its bars reaches the close, and what is last in it (the
    close, open interest, the calendar) is that bar's, missing if it is missing there; with ``1d`` and the others every
    coarse bar counts, and what is last is the last known value.

    Attributes
    ----------
    term : Term
        Computed on coarse bars.
    clock : str
        One of `CLOCKS`.
    """

    __slots__ = ("clock", "term")

    def __init__(self, term: Term, clock: str) -> None:
        self.term, self.clock = term, clock

    def __repr__(self) -> str:
        return f"{self.term!r} on {self.clock}"


def input_column(name: str, member: str = "") -> Input:
    """The input of that name; the same object every time."""
    return _input(name, member)


def node(kernel: str, *inputs: Term, args: Sequence[float] = (), output: int = 0) -> Node:
    """The term of a kernel over these inputs; the same object every time."""
    return _node(kernel, inputs, tuple(float(value) for value in args), output)


@cache
def held(term: Term, clock: str) -> Held:
    """The term over the bars of a coarser clock; the same object every time."""
    if clock not in CLOCKS:
        raise ValueError(f"clock {clock!r} is not one of {', '.join(CLOCKS)}")
    return Held(term, clock)


def terms_below(terms: Sequence[Term]) -> Iterator[Term]:
    """Every term that these are made of, each once, what is needed first; what lies behind a `Held` is left out."""
    seen: set[Term] = set()
    waiting: list[tuple[Term, bool]] = [(term, False) for term in reversed(terms)]
    while waiting:
        term, is_ready = waiting.pop()
        if term in seen:
            continue
        if is_ready or not isinstance(term, Node):
            seen.add(term)
            yield term
            continue
        waiting.append((term, True))
        waiting.extend((one, False) for one in reversed(term.inputs))


@cache
def _input(name: str, member: str) -> Input:
    # Apart from `input_column`: a cache takes a member that is left out and an empty one for two calls.
    return Input(name, member)


@cache
def _node(kernel: str, inputs: tuple[Term, ...], args: tuple[float, ...], output: int) -> Node:
    return Node(kernel, inputs, args, output)


def reciprocal(divisor: float) -> tuple[float, float]:
    """Reciprocal of a number, rounded towards zero, and what is missing, of the same sign."""
    exact = 1 / Fraction(divisor)
    factor = float(exact)
    if abs(Fraction(factor)) > abs(exact):
        factor = math.nextafter(factor, 0.0)
    # Where nothing is missing, so little that it is never seen: an infinite number times zero would be none.
    return factor, float(exact - Fraction(factor)) or factor * 2.0**-200


def _both(operation: str, left: Term, right: Term) -> Node:
    return node(f"algebra.{operation}", left, right)
