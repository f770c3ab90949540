"""Replay: a strategy walks through recorded markets, and every step of it is kept.

The kernel runs ahead on its own and comes back when the strategy is due. What the strategy asks for is sized, put
before the risk policy, and only then entered. Every run is written to the trial ledger, by this function and no other,
so that no backtest escapes the count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from argus.core.errors import ConfigError
from argus.core.ports import RiskPolicy, Sizer, Strategy, TrialLedger
from argus.engine._entry import entry_of
from argus.engine._layout import (
    AHEAD,
    END,
    FILLED,
    GROW,
    S_BOOK,
    WAKE,
)
from argus.engine.book import RunTables
from argus.engine.config import RunConfig
from argus.engine.desk import Desk
from argus.engine.finish import Minutes, check_universe, record_of, stop_run, trial_of
from argus.engine.forms import ArrayStrategy, CompiledStrategy
from argus.engine.manifest import manifest_of
from argus.engine.market import NO_EVENTS, NOT_FINER, Events, Finer, Market, MarketArrays, lay_out, seat
from argus.engine.record import RunRecord
from argus.engine.watchdog import Heartbeat, watched

__all__ = ["WAKE_LIMIT_S", "run", "run_books"]

WAKE_LIMIT_S: Final = 30.0
"""A strategy that thinks longer than this at one wake-up is stopped."""

_FORGET_ROWS: Final = 2_000_000
_KEPT_ROWS: Final = 10_000
"""Memory of mapped columns is given back after so many rows, all but the last ones of each instrument."""


def run(
    strategy: Strategy | CompiledStrategy | ArrayStrategy,
    market: Market,
    config: RunConfig,
    *,
    sizer: Sizer | None = None,
    risk: RiskPolicy,
    trials: TrialLedger,
    purpose: str = "backtest",
    events: Events = NO_EVENTS,
    finer: Finer = NOT_FINER,
) -> RunRecord:
    """Replay `strategy` over `market` and return the record of everything that happened.

    Parameters
    ----------
    strategy : Strategy, CompiledStrategy or ArrayStrategy
        In any of the three forms of docs/three_forms.md.
    market : mapping
        Symbol to (specification, bars); the strategy's universe must be in it.
    config : RunConfig
    sizer, risk : Sizer, RiskPolicy
        The road from opinions to approved orders. Compiled and array strategies state their positions in units, as a
        `Target` does, and need no sizer.
    trials : TrialLedger
        Where this run is counted, finished or failed.
    purpose : str
        What the run was for: "backtest", "search", "walk_forward", "cost_stress", "benchmark" or "audit".
    events : mapping
        Symbol to dividends, splits, funding and final settlement of the instrument.
    finer : mapping
        Symbol to bars of a shorter interval, which the orders of the strategy meet where they agree with the market's;
        or to quotes, which they meet alone.

    Raises
    ------
    StrategyFailed, StrategyTimeout, LookAheadError
        Naming the instant and the last known bar.
    LedgerError
        If the books do not prove.
    CoverageError, ConfigError, OrderError
        If data, settings or an order are not usable.
    """
    if isinstance(strategy, CompiledStrategy | ArrayStrategy):
        from argus.engine.compiled import run_compiled

        return run_compiled(
            strategy, market, config, risk=risk, trials=trials, purpose=purpose, events=events, finer=finer
        )
    if sizer is None:
        raise ConfigError(f"{strategy.spec.name}: a Python strategy needs a sizer; give sizer=FixedUnits(1), say")
    return run_books(
        {strategy.spec.name: strategy},
        market,
        config,
        sizer=sizer,
        risk=risk,
        trials=trials,
        purpose=purpose,
        events=events,
        finer=finer,
    )


def run_books(
    books: Mapping[str, Strategy],
    market: Market,
    config: RunConfig,
    *,
    sizer: Sizer,
    risk: RiskPolicy,
    trials: TrialLedger,
    purpose: str = "backtest",
    events: Events = NO_EVENTS,
    finer: Finer = NOT_FINER,
) -> RunRecord:
    """Replay several strategies that share one account, each in a book of its own.

    One may be long and another short in the same instrument: margin is asked of the net, profits belong to the book.
    At one instant books are told of fills, and woken, in the order of `books`; see docs/fills.md. Parameters and errors
    are those of `run`; the run is one trial.

    Parameters
    ----------
    books : mapping
        Name of the book to its strategy.
    """
    if not books:
        raise ConfigError("the run has no book; give at least one strategy")
    for strategy in books.values():
        check_universe(strategy.spec, market)
    strategies = tuple(books.values())
    universe = tuple(symbol for strategy in strategies for symbol in strategy.spec.universe)
    arrays = lay_out(market, universe, config, events, finer)
    manifest = manifest_of(books, market, config, sizer=sizer, risk=risk, events=events, finer=finer)
    try:
        replay = _Replay(strategies, market, config, arrays, sizer, risk)
        with watched(WAKE_LIMIT_S) as heartbeat:
            replay.play(heartbeat)
        owners = tuple(name for name, one in books.items() for _ in one.spec.universe)
        record = record_of(replay.tables, replay.minutes, config, manifest, universe, owners)
    except BaseException:  # also whoever interrupts a run that goes badly has looked at it
        trials.record(trial_of(manifest, config, market, purpose, None))
        raise
    trials.record(trial_of(manifest, config, market, purpose, record))
    return record


class _Replay:
    """One run under way."""

    def __init__(
        self,
        strategies: Sequence[Strategy],
        market: Market,
        config: RunConfig,
        arrays: MarketArrays,
        sizer: Sizer,
        risk: RiskPolicy,
    ) -> None:
        self.config = config
        seat(arrays, [strategy.spec for strategy in strategies])
        self.tables = RunTables(arrays, config)
        self.minutes = Minutes()
        self.desks: list[Desk] = []
        self.universe: tuple[str, ...] = ()
        self.forgotten: list[int] = arrays.par["row_begin"].tolist()
        for strategy in strategies:
            first_line = len(self.universe)
            self.desks.append(Desk(strategy, market, self.tables, first_line, sizer, risk, self.minutes))
            self.universe += strategy.spec.universe

    def play(self, heartbeat: Heartbeat) -> None:
        """Walk to the end of the data."""
        from argus.engine._kernels import advance

        tables = self.tables
        arguments = tables.arguments()
        step = entry_of(advance, arguments)
        is_mapped = tables.market.is_mapped
        while True:
            why = step(*arguments)
            if is_mapped:
                self._forget_passed()
            if why == AHEAD:
                if self.desks[0].walk_ahead(heartbeat):
                    arguments = tables.arguments()
            elif why == WAKE:
                self.desks[tables.state[S_BOOK]].wake(heartbeat)
                arguments = tables.arguments()
            elif why == FILLED:
                self.desks[tables.state[S_BOOK]].tell(heartbeat)
                arguments = tables.arguments()
            elif why == GROW:
                tables.grow()
                arguments = tables.arguments()
            elif why == END:
                return
            else:
                stop_run(why, tables, self.universe)

    def _forget_passed(self) -> None:
        """Give back the memory of what has been replayed, now and then."""
        rows = self.tables.inst["market_row"]
        if int(rows.sum()) - sum(self.forgotten) < _FORGET_ROWS:
            return
        stops = [max(row - _KEPT_ROWS, start) for row, start in zip(rows.tolist(), self.forgotten, strict=True)]
        self.tables.market.forget(self.forgotten, stops)
        for desk in self.desks:
            desk.forget_features(_KEPT_ROWS)
        self.forgotten = stops
