"""An experiment: one idea in words, what it is tried on, what it may be, and what it must survive, all stated before.

What is stated before the first run cannot be fitted to its results. An experiment is therefore known by the hash of its
file: the same file is the same experiment, another file is another one, and what differs between them is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from argus.core.errors import ConfigError
from argus.core.strategy import ParameterValue
from argus.core.time import format_ns

__all__ = ["Change", "ExperimentSpec", "OutcomesAsked", "SplitPlan", "changes", "check_ranges"]


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How the past is divided for the walk.

    Attributes
    ----------
    train_years, test_years : float
        First training window, and each test window.
    anchored : bool
        Whether training windows grow from the start, or roll.
    embargo_sessions : int or None
        Sessions between training and test; None takes them from what the strategy declares.
    """

    train_years: float = 3.0
    test_years: float = 1.0
    anchored: bool = True
    embargo_sessions: int | None = None


@dataclass(frozen=True, slots=True)
class OutcomesAsked:
    """Which outcomes of bars the experiment is about; they are made of the bars before its cut, and frozen with it.

    Attributes
    ----------
    horizons : tuple of int
        In bars.
    barriers : tuple of (float, float)
        Upper and lower barrier, in multiples of the volatility over the horizon.
    cross_sessions : bool
        Whether windows may go on into the next session.
    """

    horizons: tuple[int, ...]
    barriers: tuple[tuple[float, float], ...] = ()
    cross_sessions: bool = True

    def __post_init__(self) -> None:
        if not self.horizons or min(self.horizons) < 1 or len(set(self.horizons)) < len(self.horizons):
            raise ConfigError(
                f"outcomes.horizons is {list(self.horizons)}; different whole numbers of bars from 1 are expected"
            )
        for pair in self.barriers:
            if not all(side > 0.0 for side in pair):
                raise ConfigError(f"outcomes.barriers holds {list(pair)}; multiples of volatility above 0 are expected")


def check_ranges(data_from: int | None, data_to: int | None, holdout_from: int | None, holdout_to: int | None) -> None:
    """Raise ConfigError unless every range ends after it begins, and the hold-out comes after the data."""
    bounds = {"data.from": data_from, "data.to": data_to, "holdout.from": holdout_from, "holdout.to": holdout_to}
    stated = [(name, at) for name, at in bounds.items() if at is not None]
    for (before, first), (after, second) in pairwise(stated):
        may_touch = (before, after) == ("data.to", "holdout.from")
        if first > second or (first == second and not may_touch):
            raise ConfigError(
                f"{before} is {format_ns(first)} and {after} {format_ns(second)}; the hold-out comes after the data, "
                "and every range ends after it begins"
            )
    if holdout_to is not None and holdout_from is None:
        raise ConfigError(f"holdout.to is {format_ns(holdout_to)} and holdout.from is missing; state both")


@dataclass(frozen=True, slots=True)
class ExperimentSpec:
    """An experiment as registered.

    Attributes
    ----------
    name, hypothesis : str
        What it is called, and what is believed, in words.
    strategy, version : str
    source_hash : str
        Of the strategy's text.
    markets : mapping
        Market to its datasets, or roots; more than one are traded together.
    symbols : mapping
        Market to its instruments.
    rolls : mapping or None
        How roots are rolled.
    data_from, data_to : int or None
        Nanoseconds: when trading begins (earlier bars warm up), and where the data end if not at the hold-out.
    holdout_from, holdout_to : int or None
        The untouched range; its end is None where it goes on as long as data come.
    ranges : mapping
        Parameter to its values, or to the words of a distribution.
    fixed : mapping
        Parameters with one value.
    search : mapping
        Mode, samples and seed.
    trading : mapping
        Account, costs, sizing and execution, complete.
    splits : SplitPlan
    gates : mapping
        Gate to threshold, where it is not the default.
    outcomes : OutcomesAsked or None
    require_recent_bars_hours : float or None
        Hours before now within which the last bar of every dataset must have begun.
    file_hash : str
        SHA-256 of the file.

    Raises
    ------
    ConfigError
        If a range ends before it begins, or the hold-out is not after the data.
    """

    name: str
    hypothesis: str
    strategy: str
    version: str
    source_hash: str
    markets: Mapping[str, tuple[str, ...]]
    symbols: Mapping[str, tuple[str, ...]]
    rolls: Mapping[str, Any] | None
    data_from: int | None
    data_to: int | None
    holdout_from: int | None
    holdout_to: int | None
    ranges: Mapping[str, tuple[ParameterValue, ...] | str]
    fixed: Mapping[str, ParameterValue]
    search: Mapping[str, Any]
    trading: Mapping[str, Any]
    splits: SplitPlan = SplitPlan()
    gates: Mapping[str, float] = field(default_factory=dict)
    outcomes: OutcomesAsked | None = None
    require_recent_bars_hours: float | None = None
    file_hash: str = ""

    def __post_init__(self) -> None:
        check_ranges(self.data_from, self.data_to, self.holdout_from, self.holdout_to)

    @property
    def id(self) -> str:
        """Short name, from the file's hash."""
        return self.file_hash[:12]

    @property
    def cut_ns(self) -> int | None:
        """No bar that closes after it reaches a run; None where all data may be read."""
        return self.holdout_from if self.data_to is None else self.data_to

    @property
    def instruments(self) -> tuple[str, ...]:
        """All of all markets."""
        return tuple(dict.fromkeys(symbol for symbols in self.symbols.values() for symbol in symbols))

    def describe(self) -> dict[str, Any]:
        """The experiment as plain values, for the registry."""
        told = asdict(self)
        told["splits"] = asdict(self.splits)
        return {name: _plain(value) for name, value in told.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True, slots=True)
class Change:
    """A statement of an experiment that is another one now.

    Attributes
    ----------
    key : str
        Such as ``gates.walk_forward``.
    before, after : object
        None where there was none, or is none now.
    """

    key: str
    before: Any
    after: Any

    @property
    def sentence(self) -> str:
        """The change in words."""
        if self.before is None:
            return f"{self.key} is {_words(self.after)} now and was not stated"
        if self.after is None:
            return f"{self.key} was {_words(self.before)} and is not stated now"
        return f"{self.key} was {_words(self.before)} and is {_words(self.after)} now"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two descriptions of an experiment, key by key; the file's own hash is not told."""
    return tuple(_changes("", before, after))


def _changes(where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for key in sorted({*before, *after}):
        path = f"{where}{key}"
        old, new = before.get(key), after.get(key)
        if path == "file_hash" or old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(f"{path}.", old, new)
        else:
            yield Change(path, old, new)


def _words(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(map(_words, value[:6]))
        return f"[{shown}{f' and {len(value) - 6} more' if len(value) > 6 else ''}]"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**17:
        return format_ns(value)
    return (
        "{" + ", ".join(f"{k}: {_words(v)}" for k, v in value.items()) + "}" if isinstance(value, dict) else str(value)
    )
