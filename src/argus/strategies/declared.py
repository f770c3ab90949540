"""What every strategy says about itself before it runs: the base class that makes a `StrategySpec` of class attributes.

A strategy is a class with its idea, source, parameters and limits as attributes, and a `wake` that decides. It sees a
`View` and answers with intents; it does not know whether the market behind the view is replayed or live.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from argus.core.errors import StrategyError
from argus.core.intents import Intent
from argus.core.orders import Fill, OrderType
from argus.core.ports import View
from argus.core.strategy import (
    FeatureRef,
    Parameter,
    ParameterValue,
    StrategyConstraints,
    StrategySpec,
    WakeRule,
)

__all__ = ["DeclaredStrategy"]

Values = Mapping[str, ParameterValue]

EXECUTIONS: Final = {
    "market": OrderType.MARKET,
    "moo": OrderType.MARKET_ON_OPEN,
    "moc": OrderType.MARKET_ON_CLOSE,
}
"""Words of the parameter ``execution``."""

SESSIONS_PER_YEAR: Final = Parameter(
    "sessions_per_year",
    252,
    low=200,
    high=366,
    why="Trading sessions in a year, to annualise volatility: 252 for exchanges, 365 for markets that never close.",
)
EXECUTION: Final = Parameter(
    "execution",
    "market",
    choices=tuple(EXECUTIONS),
    why="market: at the next bar's open. moo: at the next session's open. moc: at the next session's close, the only "
    "one that works where opens were not observed.",
)
LONG_ONLY: Final = Parameter(
    "long_only", False, why="Never go short; for cash accounts, and for markets that are not to be sold short."
)


class DeclaredStrategy:
    """Base of the strategies here; holds the specification of one run.

    Parameters
    ----------
    universe : sequence of str
        Instruments to trade, each once.
    values
        Parameter values by name; the others take their defaults.

    Raises
    ------
    StrategyError
        For an empty or repeating universe, an unknown parameter, or a value out of range or at odds with another.
    """

    NAME: ClassVar[str]
    VERSION: ClassVar[str]
    SUMMARY: ClassVar[str]
    """The idea in one sentence."""
    SOURCE: ClassVar[str]
    """Where it was published."""
    WHY: ClassVar[str]
    """Why it might work: who would be paying."""
    FAILS: ClassVar[str]
    """When it loses."""
    FITS: ClassVar[str]
    """Instruments it suits."""
    WAKE: ClassVar[WakeRule]
    PARAMETERS: ClassVar[tuple[Parameter, ...]]
    CONSTRAINTS: ClassVar[StrategyConstraints]

    def __init__(self, universe: Sequence[str], **values: ParameterValue) -> None:
        self._spec = self.specify(universe, **values)

    @property
    def spec(self) -> StrategySpec:
        """What this run of the strategy declares."""
        return self._spec

    def wake(self, view: View) -> Sequence[Intent]:
        """Decide; each strategy has its own."""
        raise NotImplementedError(f"{type(self).__name__} has no wake")

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        """No strategy here reacts to its fills."""
        return ()

    @classmethod
    def specify(cls, universe: Sequence[str], **values: ParameterValue) -> StrategySpec:
        """The specification for a universe and parameter values, without making or running the strategy."""
        symbols = tuple(universe)
        if isinstance(universe, str) or not symbols:
            raise StrategyError(f"{cls.NAME}: the universe is {universe!r}; give a list with at least one instrument")
        if len(set(symbols)) != len(symbols):
            raise StrategyError(f"{cls.NAME}: the universe {', '.join(symbols)} names an instrument twice")
        complete = cls._coerced(values)
        cls.check(complete)
        return StrategySpec(
            name=cls.NAME,
            version=cls.VERSION,
            summary=cls.SUMMARY,
            source=cls.SOURCE,
            universe=symbols,
            wake=cls.WAKE,
            warmup_bars=cls.warmup(complete),
            parameters=cls.PARAMETERS,
            values=complete,
            features=tuple(ref for symbol in symbols for ref in cls.features(symbol, complete)),
            needs=cls.needs(complete),
            constraints=cls.CONSTRAINTS,
        )

    @classmethod
    def grid(cls) -> tuple[dict[str, ParameterValue], ...]:
        """Parameter values that research tries by default: every combination of the parameters' grids."""
        varied = [parameter for parameter in cls.PARAMETERS if parameter.grid]
        return tuple(
            dict(zip((parameter.name for parameter in varied), combination, strict=True))
            for combination in itertools.product(*(parameter.grid for parameter in varied))
        )

    @classmethod
    def check(cls, values: Values) -> None:
        """Raise `StrategyError` where parameter values contradict each other."""

    @classmethod
    def warmup(cls, values: Values) -> int:
        """Bars of each instrument needed before the first decision.

        For features that count sessions this is exact over daily bars; over finer bars the strategy waits until they
        have a value.
        """
        from argus.features.registry import feature

        refs = cls.features("", values)
        return max(feature(ref.feature).warmup(feature(ref.feature).values(ref.parameters)) for ref in refs)

    @classmethod
    def horizon(cls, values: Values) -> int | None:
        """Sessions from the one in which a position is taken to the last in which the same decision can hold it.

        It says how far apart two sessions can be that share a result, which is what splits purge.
        None where nothing but the market ends a position: its length is then known from trades alone.
        """
        return None

    @classmethod
    def features(cls, symbol: str, values: Values) -> tuple[FeatureRef, ...]:
        """Features read on one instrument."""
        raise NotImplementedError(f"{cls.__name__} declares no features")

    @classmethod
    def needs(cls, values: Values) -> frozenset[str]:
        """Bar fields that must have been observed: what the decision reads, and what the orders fill at."""
        if values.get("execution") == "moc":
            return frozenset({"close"})
        return frozenset({"open", "close"})

    @classmethod
    def _coerced(cls, values: Values) -> dict[str, ParameterValue]:
        known = {parameter.name: parameter for parameter in cls.PARAMETERS}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise StrategyError(f"{cls.NAME} has no parameter {', '.join(unknown)}; it takes {', '.join(known)}")
        return {
            name: parameter.coerce(values.get(name, parameter.default), cls.NAME) for name, parameter in known.items()
        }


def session_count(symbol: str) -> FeatureRef:
    """Sessions of the instrument that have closed so far: tells a strategy whose session has just ended."""
    return FeatureRef(f"sessions:{symbol}", "count", symbol, {"on": "session"})


def session_day(symbol: str) -> FeatureRef:
    """Date of the instrument's session that closed last: a clock that is the same wherever the data begin."""
    return FeatureRef(f"day:{symbol}", "session_day", symbol, {"on": "session"})


def session_vol(symbol: str, values: Values) -> FeatureRef:
    """Annual volatility of session returns, 60 sessions centre of mass (Moskowitz, Ooi, Pedersen 2012)."""
    parameters = {"com": 60.0, "bars_per_year": values["sessions_per_year"], "on": "session"}
    return FeatureRef(f"vol:{symbol}", "ewma_vol", symbol, parameters)
