"""The forms in which a strategy may be written beside a Python class: a compiled decision, or an array of targets.

All three walk the same road: the same engine, fills, margin, ledger and trial ledger, and one idea written in each of
them gives the same orders. ``docs/three_forms.md`` writes one in each. Nothing here compiles anything.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any, Final

from argus.core.arrays import BAR_FIELDS, F64_1D, Bars
from argus.core.errors import StrategyError
from argus.core.strategy import StrategySpec

__all__ = ["CLOCK_COLUMNS", "ArrayStrategy", "CompiledStrategy", "Targets", "source_hash"]

Targets = Callable[[Mapping[str, Bars], Mapping[str, F64_1D]], F64_1D]
"""(symbol to bars, alias to feature column) to the wanted units at each row; NaN leaves things as they are."""

CLOCK_COLUMNS: Final = ("session", "session_end")
"""Columns of the calendar: the session's date as a day number, and 1 at the bar that reaches its close."""


@dataclass(frozen=True, slots=True, eq=False)
class CompiledStrategy:
    """A decision that is compiled: it runs within the engine's loop and is asked at every row without Python.

    Parameters
    ----------
    spec : StrategySpec
        One instrument; its features are computed before the run.
    decide : callable
        ``decide(now, parameters, memory, position, out) -> int``, in the part of Python that Numba compiles:

        now : (k,) float64
            The declared columns at the last known bar. There is no way to another row.
        parameters : (p,) float64
            Values named by `parameters`.
        memory : (m,) float64
            Whatever the strategy wants to remember; it begins as `memory`.
        position : (3,) float64
            Units held, units that working market, on-open and on-close orders would add, and how many orders of the
            strategy live. `argus.engine.compiled` has names for the slots.
        out : (8, 11) float64
            The answer: a row for each order or target, blank when `decide` is called; returns how many were written.
    columns : tuple of str
        What `now` holds: aliases of the spec's features, bar fields, ``session``, ``session_end``.
    memory : tuple of float
    parameters : tuple of str or None
        Names in ``spec.values``; None is every number among them, in their order.

    Raises
    ------
    StrategyError
        If the spec does not fit the form, or a column or parameter is unknown.
    """

    spec: StrategySpec
    decide: Callable[..., Any]
    columns: tuple[str, ...]
    memory: tuple[float, ...] = ()
    parameters: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check_spec(self.spec, "compiled")
        known = (*(ref.alias for ref in self.spec.features), *BAR_FIELDS, *CLOCK_COLUMNS)
        unknown = [name for name in self.columns if name not in known]
        if unknown or not self.columns:
            raise StrategyError(
                f"{self.spec.name}: column {', '.join(unknown) or '(none)'} is not known; give one or more of "
                f"{', '.join(known)}"
            )
        for name in self.parameter_names:
            if not isinstance(self.spec.values.get(name), int | float):
                raise StrategyError(
                    f"{self.spec.name}: parameter {name} is {self.spec.values.get(name)!r}; a compiled decision takes "
                    "numbers"
                )

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the slots of `parameters`."""
        if self.parameters is not None:
            return self.parameters
        return tuple(name for name, value in self.spec.values.items() if isinstance(value, int | float))

    def describe(self) -> Mapping[str, Any]:
        """What the manifest says of this form."""
        return {
            "form": "compiled",
            "source": source_hash(self.decide),
            "columns": list(self.columns),
            "memory": list(self.memory),
            "arguments": list(self.parameter_names),
        }


@dataclass(frozen=True, slots=True, eq=False)
class ArrayStrategy:
    """A column of wanted units, computed at once over all bars, and checked for knowledge of the future.

    Parameters
    ----------
    spec : StrategySpec
        One instrument.
    targets : callable
        ``targets(bars, features) -> (n,) float64``: the wanted units at each row, rounded toward zero to whole lots as
        for a `Target`; NaN leaves things as they are. It must be a function of its arguments alone, since it is called
        again with other futures.
    cuts : int
        Rows at which the future is replaced in the check.

    Raises
    ------
    StrategyError
        If the spec does not fit the form.
    """

    spec: StrategySpec
    targets: Targets
    cuts: int = 12

    def __post_init__(self) -> None:
        _check_spec(self.spec, "array")
        if self.cuts < 1:
            raise StrategyError(f"{self.spec.name}: cuts is {self.cuts}; the check needs at least one")

    def describe(self) -> Mapping[str, Any]:
        """What the manifest says of this form."""
        return {"form": "array", "source": source_hash(self.targets), "cuts": self.cuts}


def _check_spec(spec: StrategySpec, form: str) -> None:
    if len(spec.universe) != 1:
        raise StrategyError(
            f"{spec.name}: the {form} form trades one instrument, the universe is "
            f"{', '.join(spec.universe) or 'empty'}; write it as a Python strategy, or run one for each instrument"
        )
    if spec.wakes_on_fill:
        raise StrategyError(
            f"{spec.name}: the {form} form is not told of fills; look at the position instead, or write it in Python"
        )
    for ref in spec.features:
        if ref.instrument not in spec.universe:
            raise StrategyError(f"{spec.name}: feature {ref.alias} is on {ref.instrument}, not on {spec.universe[0]}")


def source_hash(written: Any) -> str:
    """12 hex digits of the text of a class or function, and of the numbers that a function takes from around it."""
    function = getattr(written, "py_func", written)
    text = _text_of(function)
    return hashlib.sha256((text + _surroundings(function)).encode()).hexdigest()[:12] if text else "unknown"


@cache
def _text_of(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        return "" if code is None else _code_text(code)


def _code_text(code: CodeType) -> str:
    consts = [_code_text(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return repr((code.co_code.hex(), consts, code.co_names))


def _surroundings(function: Any) -> str:
    """Numbers and words that a function reads from its module or from the function around it."""
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    cells = zip(code.co_freevars, (cell.cell_contents for cell in function.__closure__ or ()), strict=True)
    seen = {
        **{name: function.__globals__[name] for name in code.co_names if name in function.__globals__},
        **dict(cells),
    }
    kept = {name: value for name, value in seen.items() if isinstance(value, int | float | str)}
    return repr(sorted(kept.items())) if kept else ""
