"""What is done in a room: a strategy is run by the engine, or asked again, call by call, on another future.

A workshop is given a strategy's factory and no market. Markets come with each task, so that it never holds more of the
future than what it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D, Bars
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Intent
from argus.core.orders import Fill
from argus.core.ports import Strategy, View
from argus.core.strategy import StrategyConstraints, StrategySpec, WakeRule
from argus.engine.config import RunConfig
from argus.engine.feature_columns import feature_column
from argus.engine.rolled_strategy import RolledStrategy
from argus.lab.audit.alteration import Auxiliary, Market
from argus.lab.audit.recording import Entry, Log, Recorder, unequal_entry
from argus.lab.audit.subject import Subject, play
from argus.lab.audit.touches import Touch, touches, watch_touches
from argus.lab.audit.witness import Call, ShadowView

__all__ = ["Done", "Future", "Positions", "Probe", "Workshop", "warm_up"]

_PRICES: Final = ("open", "high", "low", "close", "volume", "open_interest")


@dataclass(frozen=True, slots=True)
class Done:
    """A run that was made in a room: its log, what the ledger is to be told, and what was touched beside the view."""

    log: Log
    trials: tuple[Mapping[str, object], ...]
    finished: bool
    touched: tuple[Touch, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """The universe of a run and the fields of its fills that say what was held."""

    universe: tuple[str, ...]
    fills: Any
    trials: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Future:
    """What follows the known rows of one instrument: columns by name, all of one length."""

    known: int
    columns: Mapping[str, F64_1D]


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """One call to be repeated on other futures.

    Attributes
    ----------
    start : int
        Number of the call at which the strategy begins; earlier ones are not made.
    stop : int
        Number of the call after the last one to be made.
    calls : tuple of Call
        Calls that the workshop does not know yet, in sequence.
    entries : tuple of Entry
        What was answered to the calls from `start` on, of those that the workshop does not know yet.
    revealed : mapping
        Symbol to columns of rows that the workshop does not know yet.
    futures : tuple of mapping
        Symbol to `Future`, one mapping for each future to try.
    auxiliaries : tuple of (mapping or None)
        Series beside the bars, one for each future.
    """

    start: int
    stop: int
    calls: tuple[Call, ...]
    entries: tuple[Entry, ...]
    revealed: Mapping[str, Mapping[str, F64_1D]]
    futures: tuple[Mapping[str, Future], ...]
    auxiliaries: tuple[Mapping[str, Auxiliary] | None, ...]


class _Kept:
    """A ledger that can be sent home."""

    def __init__(self) -> None:
        self.seen: list[Mapping[str, object]] = []

    def record(self, trial: Mapping[str, object]) -> None:
        self.seen.append(dict(trial))


class Workshop:
    """Runs and probes of one strategy.

    Parameters
    ----------
    subject : Subject
        Its market and series are not used; they come with each task.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._calendar: dict[str, tuple[InstrumentSpec, Bars]] = {}
        self._known: dict[str, dict[str, F64_1D]] = {}
        self._facts: tuple[tuple[str, Any], ...] = ()
        self._calls: list[Call] = []
        self._entries: list[Entry] = []
        self._begun = -1

    def watch(self) -> None:
        """From now on note what the strategy touches beside its view."""
        watch_touches()

    def spec(self, market: Market, auxiliary: Mapping[str, Auxiliary] | None) -> StrategySpec:
        """What the strategy declares."""
        made = replace(self._subject, market=market, auxiliary=auxiliary).create()
        return made.strategy.spec if isinstance(made, RolledStrategy) else made.spec

    def run(
        self,
        market: Market,
        auxiliary: Mapping[str, Auxiliary] | None,
        config: RunConfig,
        with_calls: bool = False,
    ) -> Done:
        """Run the strategy with the engine."""
        ledger = _Kept()
        given = replace(self._subject, market=market, auxiliary=auxiliary, config=config)
        played = play(given, ledger, with_calls=with_calls)
        return Done(played.log, tuple(ledger.seen), played.record is not None, touches())

    def held(self, market: Market, auxiliary: Mapping[str, Auxiliary] | None, config: RunConfig) -> Positions | None:
        """What the strategy would hold in this market; None if the run fails."""
        ledger = _Kept()
        record = play(replace(self._subject, market=market, auxiliary=auxiliary, config=config), ledger).record
        if record is None:
            return None
        return Positions(record.universe, record.fills.copy(), tuple(ledger.seen))

    def repeat(
        self,
        market: Market,
        auxiliary: Mapping[str, Auxiliary] | None,
        calls: Sequence[Call],
        blocks: Sequence[tuple[int, int]],
    ) -> list[list[Entry]]:
        """What a strategy that is made anew answers to each stretch of calls, without the engine."""
        subject = replace(self._subject, market=market, auxiliary=auxiliary)
        return [self._asked(subject, calls[start:stop])[1] for start, stop in blocks]

    def begin(self, calendar: Market, facts: tuple[tuple[str, Any], ...]) -> None:
        """Make ready for probes.

        Parameters
        ----------
        calendar : mapping
            Symbol to specification and bars, of which only times and sessions are read; prices may be missing.
        facts : tuple of (name, value)
            What the strategy declares on the market as it is.
        """
        self._calendar = dict(calendar)
        self._known = {symbol: {name: np.zeros(0) for name in _PRICES} for symbol in calendar}
        self._facts, self._calls, self._entries, self._begun = facts, [], [], -1

    def probe(self, probe: Probe) -> tuple[int, int, tuple[str, str, str, str]] | None:
        """The first answer that is another one on another future.

        Returns
        -------
        (future, call, (instrument, field, was, became)) or None
            Which of the futures, at which call; -1 where the strategy declares something else.
        """
        self._learn(probe)
        for number, (futures, auxiliary) in enumerate(zip(probe.futures, probe.auxiliaries, strict=True)):
            market = {
                symbol: (spec, self._joined(symbol, bars, futures[symbol]))
                for symbol, (spec, bars) in self._calendar.items()
            }
            subject = replace(self._subject, market=market, auxiliary=auxiliary)
            log, entries = self._asked(subject, self._calls[probe.start : probe.stop])
            moved = self._compared(log, entries, probe.start, next(iter(market)))
            if moved is not None:
                return (number, *moved)
        return None

    def _learn(self, probe: Probe) -> None:
        self._calls.extend(probe.calls)
        if probe.start != self._begun:
            self._entries, self._begun = [], probe.start
        self._entries.extend(probe.entries)
        for symbol, columns in probe.revealed.items():
            known = self._known[symbol]
            for name, values in columns.items():
                known[name] = np.concatenate((known[name], values))

    def _joined(self, symbol: str, bars: Bars, future: Future) -> Bars:
        known = self._known[symbol]
        columns: dict[str, Any] = {
            name: np.concatenate((known[name][: future.known], future.columns[name])) for name in _PRICES
        }
        return replace(bars.rows(0, len(columns["close"])), **columns)

    def _compared(
        self, log: Log, entries: Sequence[Entry], start: int, universe: str
    ) -> tuple[int, tuple[str, str, str, str]] | None:
        if log.facts != self._facts:
            mine = dict(log.facts)
            for name, was in self._facts:
                became = mine.get(name, "not there")
                if was != became and not (was != was and became != became):
                    return -1, (universe, name, str(was), str(became))
        for number, (was, became) in enumerate(zip(self._entries, entries, strict=True)):
            if was != became:
                found = unequal_entry(was, became, log.aliases, universe)
                if found is not None:
                    return start + number, found
        return None

    def _asked(self, subject: Subject, calls: Sequence[Call]) -> tuple[Log, list[Entry]]:
        """Make the strategy and put the calls to it; whatever it raises is noted and the next call is made."""
        market = dict(subject.market)
        try:
            recorder = Recorder(subject.create_in(market))
        except Exception as error:  # noqa: BLE001 - a strategy that cannot be made answers with that
            raised = f"{type(error).__name__}: {error}"
            log = Log(facts=self._facts)
            return log, [Entry(call.ts_ns, call.fill is None, (), (), raised) for call in calls]
        view = ShadowView(market, recorder.spec.universe, _features(recorder, market))
        for call in calls:
            view.at(call)
            _put(recorder, call, view)
        return recorder.log, recorder.log.entries


def _put(strategy: Strategy, call: Call, view: Any) -> None:
    try:
        if call.fill is None:
            strategy.wake(view)
        else:
            strategy.filled(call.fill, view)
    except Exception:  # noqa: BLE001 - the recorder has noted it
        return


def _features(strategy: Strategy, market: Market) -> dict[str, tuple[str, F64_1D]]:
    """Columns of the declared features."""
    if not strategy.spec.features:
        return {}
    return {ref.alias: (ref.instrument, feature_column(ref, *market[ref.instrument])) for ref in strategy.spec.features}


# ---- loading


class _Still:
    """Wants nothing; it is run so that the engine's kernels are loaded before a process is copied."""

    spec: Final = StrategySpec(
        name="still",
        version="1",
        summary="wants nothing",
        source="none",
        universe=("ES",),
        wake=WakeRule.EVERY_BAR,
        warmup_bars=1,
        parameters=(),
        values={},
        features=(),
        needs=frozenset({"close"}),
        constraints=StrategyConstraints(parameter_count_max=0, turnover_annual_max=0.0),
    )

    def wake(self, view: View) -> Sequence[Intent]:
        """Look at the account, for which a kernel is loaded too, and answer with nothing."""
        _ = view.account.equity_micros
        return ()

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        """Answer with nothing."""
        return ()


def warm_up() -> None:
    """Load the engine and its kernels, by a run over two bars."""
    from argus.core.instruments import instrument
    from argus.portfolio import FixedUnits, LimitRiskPolicy

    start = np.array([0, 60_000_000_000], dtype=np.int64)
    price = np.array([4_000.0, 4_000.25])
    bars = Bars(
        instrument="ES",
        ts_event_ns=start,
        ts_close_ns=start + 60_000_000_000,
        ts_recv_ns=start + 60_000_000_000,
        **{name: price.copy() for name in ("open", "high", "low", "close", "volume", "open_interest")},
        session=np.zeros(2, dtype=np.int32),
        session_end=np.array([False, True]),
        observed=frozenset({*_PRICES}),
    )
    subject = Subject(
        lambda market: _Still(), {"ES": (instrument("ES"), bars)}, RunConfig(), FixedUnits(), LimitRiskPolicy()
    )
    play(subject, _Kept())
