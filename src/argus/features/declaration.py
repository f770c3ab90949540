"""What a feature says about itself, and how its columns are named.

A feature is declared once, in a file of `families`: its name, what it means, its parameters, its formula with source,
its unit and range, and the term that computes it. The inventory, the explanations, the sets, the audits and the
documentation all read the declaration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from argus.core.errors import ConfigError
from argus.core.strategy import FeatureRef, Parameter, ParameterValue
from argus.features.graph import CLOCK_INPUTS, CLOCKS, Held, Input, Term, held, terms_below

__all__ = ["ON", "Feature", "Values", "column", "inputs_of", "real", "whole"]

Values = Mapping[str, ParameterValue]

ON: Final = Parameter(
    "on",
    "bar",
    choices=("bar", *CLOCKS),
    why="Clock of the feature: every bar; only the bars that reach the close of their session; or coarser bars, as of "
    "their closes.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A registered feature.

    Attributes
    ----------
    name, family : str
        What it is called, and what kind of thing it measures.
    meaning : str
        What it tells a trader, in plain words.
    formula, source, unit, nan_policy : str
        What it computes, where that stands, in what unit, and where it has no value.
    build : callable
        Parameter values to the term that computes it on one clock.
    warmup : callable
        Parameter values to the number of rows (of its clock) at the last of which there can first be a value.
    parameters : tuple of Parameter
        Without ``on``, which every feature has.
    low, high : float
        Range that no value leaves.
    price_degree, volume_degree : float or None
        By what power of c it grows when all prices (or volumes) are multiplied by c; None where that is no power.
    distrust : str
        When not to believe it, beyond what holds for all features.
    """

    name: str
    family: str
    meaning: str
    formula: str
    source: str
    unit: str
    nan_policy: str
    build: Callable[[Values], Term]
    warmup: Callable[[Values], int]
    own_parameters: tuple[Parameter, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    price_degree: float | None = 0.0
    volume_degree: float | None = 0.0
    distrust: str = ""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters, then ``on``."""
        return (*self.own_parameters, ON)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Inputs that it reads with its default parameters."""
        return inputs_of(self.term({}))

    def values(self, given: Values) -> dict[str, ParameterValue]:
        """Every parameter's value, defaults filled in.

        Raises
        ------
        ConfigError
            For an unknown parameter or a value out of its range.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise ConfigError(f"feature {self.name} has no parameter {', '.join(unknown)}; it takes {', '.join(known)}")
        return {
            name: parameter.coerce(given.get(name, parameter.default), f"feature {self.name}")
            for name, parameter in known.items()
        }

    def term(self, given: Values) -> Term:
        """The term that computes it with these parameters.

        Raises
        ------
        ConfigError
            As `values`.
        """
        values = self.values(given)
        term = self.build(values)
        return term if values["on"] == "bar" else held(term, str(values["on"]))


@cache
def inputs_of(term: Term) -> tuple[str, ...]:
    """Names of the inputs that a term reads, coarser clocks looked into, with those that rule the clocks."""
    found: dict[str, None] = {}
    waiting = [term]
    while waiting:
        for one in terms_below([waiting.pop()]):
            if isinstance(one, Input):
                found[one.key] = None
            elif isinstance(one, Held):
                found.update(dict.fromkeys(CLOCK_INPUTS))
                waiting.append(one.term)
    return tuple(found)


def column(feature: str, instrument: str = "", **parameters: ParameterValue) -> FeatureRef:
    """A feature with parameters as a column of a set: ``column("rsi", n=14)`` is called ``rsi_14``.

    The name holds the values in the order in which they are given, and the clock after an ``@``: ``rsi_14@1h``.
    """
    given = [
        f"{value:g}" if isinstance(value, float) else str(value) for key, value in parameters.items() if key != "on"
    ]
    clock = f"@{parameters['on']}" if parameters.get("on", "bar") != "bar" else ""
    return FeatureRef("_".join([feature, *given]) + clock, feature, instrument, parameters)


def whole(name: str, default: int, low: int, high: int, why: str) -> Parameter:
    """A parameter that is a whole number."""
    return Parameter(name, default, low=low, high=high, why=why)


def real(name: str, default: float, low: float, high: float, why: str) -> Parameter:
    """A parameter that is a number."""
    return Parameter(name, default, low=low, high=high, why=why)
