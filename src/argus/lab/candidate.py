"""What is judged and how: a strategy on a market with all that it would be traded with, and the settings of the lab."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from argus.core.arrays import Bars
from argus.core.errors import ConfigError
from argus.core.instruments import InstrumentSpec
from argus.core.ports import RiskPolicy, Sizer, Strategy, TrialLedger
from argus.core.strategy import ParameterValue
from argus.engine.config import RunConfig
from argus.engine.record import RunRecord
from argus.lab.gates import gates_with
from argus.lab.search.play import PlainPlay, Play

__all__ = ["Candidate", "MapRuns", "Progress", "ResearchSettings", "Values"]

Values = Mapping[str, ParameterValue]
"""Parameter values by name."""


class Progress(Protocol):
    """Told how far a stage has come."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


class MapRuns(Protocol):
    """Applies a function to items, in order; ``map`` itself, or a process pool's.

    Where it has a true attribute `is_apart`, it works on machines that have no trial ledger: what runs there gives its
    trials back, to be counted here.
    """

    def __call__(self, function: Callable[[Any], Any], items: Iterable[Any], /) -> Iterable[Any]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A strategy on a market, with everything it would be traded with.

    Attributes
    ----------
    strategy : str
        Name in the strategy registry, or any name if `make` is given.
    universe : tuple of str
    market : mapping
        Symbol to (specification, bars): what the strategy reads.
    config : RunConfig
    sizer, risk : Sizer, RiskPolicy
    grid : tuple of mapping
        Parameter sets to try; empty takes the strategy's own. Every one is a trial.
    make : callable or None
        Parameter values to a fresh strategy, where it is not in the registry. Importable, to run in processes.
    completeness : mapping or None
        Symbol to the share of the calendar's bars that the data hold; None if nobody measured it.
    notes : tuple of str
        What a reader must know about the data: adjusted, synthetic, closes only.
    replays : Play or None
        How it is replayed; None replays on `market` as it is. Of roots of futures: through their rolls.
    """

    strategy: str
    universe: tuple[str, ...]
    market: Mapping[str, tuple[InstrumentSpec, Bars]]
    config: RunConfig
    sizer: Sizer
    risk: RiskPolicy
    grid: tuple[Values, ...] = ()
    make: Callable[[Values], Strategy] | None = None
    completeness: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()
    replays: Play | None = None

    @property
    def play(self) -> Play:
        """How it is replayed."""
        return self.replays or PlainPlay(self.market)

    def run(self, strategy: Strategy, config: RunConfig, trials: TrialLedger, purpose: str) -> RunRecord:
        """One replay with its sizing and its limits."""
        return self.play.run(strategy, config, sizer=self.sizer, risk=self.risk, trials=trials, purpose=purpose)

    def create(self, values: Values) -> Strategy:
        """A fresh strategy with these parameter values."""
        if self.make is not None:
            return self.make(values)
        from argus.strategies import create

        return create(self.strategy, self.universe, **values)

    def parameter_sets(self) -> tuple[Values, ...]:
        """What is tried: the grid, or the strategy's own; at least the default values."""
        if self.grid or self.make is not None:
            return self.grid or ({},)
        from argus.strategies import strategy_class

        return strategy_class(self.strategy).grid() or ({},)


@dataclass(frozen=True, slots=True)
class ResearchSettings:
    """How a candidate is judged.

    Attributes
    ----------
    train_years, test_years : float
        First training window, and each test window. Where the data are too short for them, the first two fifths train
        and the rest is tested in five windows.
    embargo_sessions : int or None
        Between training and test; None takes it from what the strategy declares (`argus.lab.search.walk.gap_of`).
    anchored : bool
        Whether training windows grow from the start, or roll.
    cost_multipliers : tuple of str
        Besides 1.
    bootstrap_paths, draws : int
        Of the trades; of the sessions of all parameter sets together.
    ruin_fraction : float
        Share of the opening equity below which an account counts as ruined.
    audit_cuts : int
        Dates at which the future is replaced by noise.
    seed, workers : int
        Of the bootstrap and the noise; threads of the bootstrap.
    thresholds : mapping
        Gate name to threshold, where it is not the default.
    """

    train_years: float = 3.0
    test_years: float = 1.0
    embargo_sessions: int | None = None
    anchored: bool = True
    cost_multipliers: tuple[str, ...] = ("1.25", "1.5", "2")
    bootstrap_paths: int = 10_000
    draws: int = 1_000
    ruin_fraction: float = 0.5
    audit_cuts: int = 3
    seed: int = 0
    workers: int = 1
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("train_years", "test_years"):
            if not getattr(self, name) > 0.0:
                raise ConfigError(f"research: {name} is {getattr(self, name)}; it must be positive")
        if self.embargo_sessions is not None and self.embargo_sessions < 1:
            raise ConfigError(
                f"research: embargo_sessions is {self.embargo_sessions}; at least 1 session must lie between choosing "
                "and trading, or leave it out"
            )
        gates_with(self.thresholds)
