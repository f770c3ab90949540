"""What a strategy declares about itself before it may run: its parameters, warm-up, wake rule, features and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from argus.core.errors import StrategyError

__all__ = ["FeatureRef", "Parameter", "ParameterValue", "StrategyConstraints", "StrategySpec", "WakeRule"]

ParameterValue = int | float | str | bool
"""What a parameter may be."""


class WakeRule(StrEnum):
    """When a strategy is asked for decisions."""

    EVERY_BAR = "every_bar"
    SESSION_END = "session_end"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter with the range in which it makes sense.

    Attributes
    ----------
    name : str
    default : int, float, str or bool
        Its type is the parameter's type.
    low, high : float or None
        Inclusive range of a number.
    choices : tuple of str
        Allowed words, for a text parameter.
    grid : tuple
        Values that research tries by default; few, because every one is a trial.
    why : str
        What it does, in plain words.
    """

    name: str
    default: ParameterValue
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    grid: tuple[ParameterValue, ...] = ()
    why: str = ""

    def coerce(self, value: ParameterValue, strategy: str) -> ParameterValue:
        """The value in the parameter's own type, or `StrategyError` naming the parameter and its range."""
        kind = type(self.default)
        try:
            if kind is bool:
                if not isinstance(value, bool) and str(value).lower() not in ("true", "false"):
                    raise ValueError
                coerced: ParameterValue = value if isinstance(value, bool) else str(value).lower() == "true"
            elif isinstance(value, bool) and kind is not str:
                # Python counts with them: True would be a lookback of one bar.
                raise ValueError
            elif kind is int:
                coerced = int(value)
                if isinstance(value, float) and value != coerced:
                    raise ValueError
            else:
                coerced = kind(value)
        except (TypeError, ValueError, OverflowError):
            raise StrategyError(f"{strategy}: parameter {self.name} is {value!r}; {kind.__name__} expected") from None
        if self.choices and coerced not in self.choices:
            raise StrategyError(
                f"{strategy}: parameter {self.name} is {value!r}; one of {', '.join(self.choices)} expected"
            )
        if isinstance(coerced, (int, float)) and not isinstance(coerced, bool):
            low = float("-inf") if self.low is None else self.low
            high = float("inf") if self.high is None else self.high
            if not low <= coerced <= high:
                raise StrategyError(f"{strategy}: parameter {self.name} is {coerced}; it must lie in {low} to {high}")
        return coerced


@dataclass(frozen=True, slots=True)
class FeatureRef:
    """A feature a strategy reads: a registered kernel with its parameters on one instrument.

    Attributes
    ----------
    alias : str
        Name under which `View.feature` gives it, unique within the strategy.
    feature : str
        Name in the feature registry.
    instrument : str
        Whose bars it is computed on.
    parameters : mapping
        Arguments of the feature.
    """

    alias: str
    feature: str
    instrument: str
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StrategyConstraints:
    """Limits that a strategy sets itself and that the lab holds it to."""

    parameter_count_max: int
    turnover_annual_max: float
    """Largest number of times per year that the traded position may turn over."""


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """Everything there is to know about a strategy without running it.

    Attributes
    ----------
    name, version : str
        A new version is a new hypothesis.
    summary, source : str
        The idea in one sentence; the paper or book it is from.
    universe : tuple of str
        Instruments it trades in this run.
    wake : WakeRule
    warmup_bars : int
        Bars of each instrument it must have seen before its first decision.
    parameters : tuple of Parameter
    values : mapping
        Parameter values of this run.
    features : tuple of FeatureRef
    needs : frozenset of str
        Bar fields that must have been observed, e.g. ``{"open", "close"}``; the run refuses data without them.
    constraints : StrategyConstraints
    wakes_on_fill : bool
        Whether `filled` wants to be called.
    late : frozenset of str
        Instruments of the universe whose data may begin later: no wake-up waits for their warm-up.
    """

    name: str
    version: str
    summary: str
    source: str
    universe: tuple[str, ...]
    wake: WakeRule
    warmup_bars: int
    parameters: tuple[Parameter, ...]
    values: Mapping[str, ParameterValue]
    features: tuple[FeatureRef, ...]
    needs: frozenset[str]
    constraints: StrategyConstraints
    wakes_on_fill: bool = False
    late: frozenset[str] = frozenset()
