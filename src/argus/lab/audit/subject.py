"""What is audited: a way to make the strategy from a market, and all that it is run with.

The strategy is made anew for every run, and from the market of that run, because whatever it works out beforehand
(arrays of decisions, scalings, fitted parameters) must come from data that the audit can replace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.errors import ArgusError
from argus.core.ports import RiskPolicy, Sizer, Strategy, TrialLedger
from argus.core.strategy import FeatureRef
from argus.engine.config import RunConfig
from argus.engine.feature_columns import feature_column
from argus.engine.market import Events
from argus.engine.record import RunRecord
from argus.engine.rolled_strategy import RolledStrategy
from argus.engine.rolling import RolledRisk, rolled_events, rolled_start
from argus.lab.audit.alteration import Auxiliary, Market, Variant, alter, alter_auxiliary
from argus.lab.audit.recording import Log, Recorder
from argus.lab.audit.rolled import RollRules, series_of
from argus.lab.audit.touches import making

__all__ = ["Altered", "Counted", "Played", "Progress", "Subject", "play"]

Progress = Callable[[str, int, int], None]
"""Told the stage, and how far of how much."""

Auxiliaries = Mapping[str, Auxiliary]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A strategy with everything it would be traded with.

    Attributes
    ----------
    make : callable
        ``make(market)`` gives a fresh strategy; with `auxiliary`, ``make(market, auxiliary)``. Importable (a function
        of a module, or a `functools.partial` of one), so that it can also be made in a process of its own.
    market : mapping
        Symbol to (specification, bars).
    config : RunConfig
    sizer, risk : Sizer, RiskPolicy
    auxiliary : mapping or None
        Series beside the bars, by name. One that is not given here cannot be replaced.
    rolls : RollRules or None
        Where the strategy trades roots of futures: how they are made of the contracts, which are the market then.
        `make` is given the continuous series of the roots in the market's place.
    events : mapping
        Symbol to dividends, splits and the like, as for `argus.engine.run`.
    """

    make: Callable[..., Strategy]
    market: Market
    config: RunConfig
    sizer: Sizer
    risk: RiskPolicy
    auxiliary: Auxiliaries | None = None
    rolls: RollRules | None = None
    events: Events = field(default_factory=dict)

    def create(self) -> Strategy:
        """A fresh strategy made from this market, in a mapping of its own: one may change what it is given."""
        return self.create_in(dict(self.market))

    def create_in(self, market: Market) -> Strategy:
        """A fresh strategy made from this very mapping."""
        if self.rolls is None:
            return self._made(market)
        roots = self.rolls.roots(market)
        return RolledStrategy(self._made(series_of(roots)), roots, universe=tuple(market))

    def _made(self, market: Market) -> Strategy:
        with making():
            return self.make(market) if self.auxiliary is None else self.make(market, dict(self.auxiliary))

    def read(self) -> Market:
        """What the strategy reads: the market, or the series of its roots."""
        return self.market if self.rolls is None else self.rolls.read(self.market)

    def read_with_columns(self, refs: Iterable[FeatureRef]) -> tuple[Market, dict[str, F64_1D]]:
        """What the strategy reads, and the columns of these features over it, by alias."""
        if self.rolls is None:
            return self.market, {ref.alias: feature_column(ref, *self.market[ref.instrument]) for ref in refs}
        roots = {root.symbol: root for root in self.rolls.roots(self.market)}
        read = series_of(tuple(roots.values()))
        return read, {
            ref.alias: feature_column(ref, *read[ref.instrument], schedule=roots[ref.instrument].schedule)
            for ref in refs
        }

    def on(self, market: Market, auxiliary: Auxiliaries | None = None, **settings: Any) -> Subject:
        """The same strategy on another market, with other settings of the run."""
        config = replace(self.config, **settings) if settings else self.config
        return replace(self, market=market, config=config, auxiliary=auxiliary if auxiliary else self.auxiliary)

    def altered(self, how: Altered) -> Subject:
        """The same strategy on a market whose future is another one after a cut, deciding up to the cut only."""
        market = {
            symbol: (spec, alter(spec, bars, how.cut_ns, how.variant, how.seed))
            for symbol, (spec, bars) in self.market.items()
        }
        series = {
            name: alter_auxiliary(one, how.cut_ns, how.variant, how.seed, name)
            for name, one in (self.auxiliary or {}).items()
        }
        return self.on(market, series, end_ns=how.cut_ns + 1)

    def between(self, begin_ns: int, end_ns: int) -> Subject:
        """The same strategy on the bars known from `begin_ns` to `end_ns`."""
        market = {}
        for symbol, (spec, bars) in self.market.items():
            first, last = (int(row) for row in np.searchsorted(bars.ts_recv_ns, [begin_ns, end_ns + 1]))
            # A contract that does not trade in the range is none of its market.
            if first < last or self.rolls is None:
                market[symbol] = (spec, bars.rows(first, last))
        return self.on(market)


@dataclass(frozen=True, slots=True)
class Altered:
    """One altered future: where, by what, with which noise."""

    cut_ns: int
    variant: Variant
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A run for an audit: what was answered, and the record if it came to an end."""

    log: Log
    record: RunRecord | None


@dataclass(slots=True)
class Counted:
    """Writes through to a ledger and counts the runs."""

    ledger: TrialLedger
    runs: int = 0

    def record(self, trial: Mapping[str, object]) -> None:
        """Add one trial."""
        self.ledger.record(trial)
        self.runs += 1


def play(subject: Subject, trials: TrialLedger, *, with_calls: bool = False) -> Played:
    """Make the strategy, run it and log every answer; an error ends the log and is kept in it.

    The strategy is made from the very mapping that the run is given, as whoever trades it would do it. Whatever it
    raises is an answer here: one that fails only without its future has been found out.
    """
    from argus.engine.replay import run

    recorder = None
    market = dict(subject.market)
    try:
        made = subject.create_in(market)
        recorder = Recorder(made, with_calls=with_calls)
        config, risk, events = subject.config, subject.risk, dict(subject.events)
        if isinstance(made, RolledStrategy):
            config = rolled_start(config, made.strategy, made.roots)
            risk = RolledRisk(risk, {symbol: root.symbol for root in made.roots for symbol in root.contracts})
            events |= rolled_events(made.roots)
        record = run(
            recorder,
            market,
            config,
            sizer=subject.sizer,
            risk=risk,
            trials=trials,
            purpose="audit",
            events=events,
        )
    except Exception as error:  # noqa: BLE001 - a strategy may raise anything, and that is what is recorded
        log = Log() if recorder is None else recorder.log
        kind = "" if isinstance(error, ArgusError) else f"{type(error).__name__}: "
        log.error = f"{kind}{error}"
        return Played(log, None)
    return Played(recorder.log, record)
