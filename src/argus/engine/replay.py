"""Replay: a strategy walks through recorded markets, and every step of it is kept.

The kernel runs ahead on its own and comes back when the strategy is due. What the strategy asks for is sized, put
before the risk policy, and only then entered. Every run is written to the trial ledger, by this function and no other,
so that no backtest escapes the count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

import numpy as np

from argus.core.errors import ConfigError, CoverageError, LedgerError, RunError
from argus.core.ports import RiskPolicy, Sizer, Strategy, TrialLedger
from argus.core.time import format_ns
from argus.engine._layout import (
    AHEAD,
    BOOKS_BROKEN,
    END,
    FILLED,
    GROW,
    S_BOOK,
    S_EQUITY_ROWS,
    S_FAULT,
    S_FAULT_INSTRUMENT,
    S_FILLS,
    S_HALTS,
    S_INTEREST,
    S_JOURNAL,
    S_LIQUIDATIONS,
    S_ORDERS,
    S_TS,
    WAKE,
)
from argus.engine.book import RunTables
from argus.engine.config import RunConfig
from argus.engine.desk import Desk, Minutes
from argus.engine.manifest import canonical_json, manifest_of
from argus.engine.market import NO_EVENTS, Events, Market, MarketArrays, lay_out, seat
from argus.engine.metrics import kurtosis, session_returns, sharpe, skewness
from argus.engine.record import DECISION_DTYPE, RunManifest, RunRecord
from argus.engine.trades import trades_of
from argus.engine.watchdog import Heartbeat, watched

__all__ = ["WAKE_LIMIT_S", "run", "run_books"]

WAKE_LIMIT_S: Final = 30.0
"""A strategy that thinks longer than this at one wake-up is stopped."""

_FAULTS: Final = {
    1: "the position account is not the value of what is held",
    2: "the clearing account is not the negative of the position",
    3: "debits and credits differ",
    4: "equity from the books is not the running equity",
    5: "equity from the fills is not the running equity",
}


def run(
    strategy: Strategy,
    market: Market,
    config: RunConfig,
    *,
    sizer: Sizer,
    risk: RiskPolicy,
    trials: TrialLedger,
    purpose: str = "backtest",
    events: Events = NO_EVENTS,
) -> RunRecord:
    """Replay `strategy` over `market` and return the record of everything that happened.

    Parameters
    ----------
    strategy : Strategy
    market : mapping
        Symbol to (specification, bars); the strategy's universe must be in it.
    config : RunConfig
    sizer, risk : Sizer, RiskPolicy
        The road from opinions to approved orders.
    trials : TrialLedger
        Where this run is counted, finished or failed.
    purpose : str
        What the run was for: "backtest", "search", "walk_forward", "cost_stress", "benchmark" or "audit".
    events : mapping
        Symbol to dividends, splits, funding and final settlement of the instrument.

    Raises
    ------
    StrategyFailed, StrategyTimeout, LookAheadError
        Naming the instant and the last known bar.
    LedgerError
        If the books do not prove.
    CoverageError, ConfigError, OrderError
        If data, settings or an order are not usable.
    """
    return run_books(
        {strategy.spec.name: strategy},
        market,
        config,
        sizer=sizer,
        risk=risk,
        trials=trials,
        purpose=purpose,
        events=events,
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
        _check_universe(strategy, market)
    strategies = tuple(books.values())
    universe = tuple(symbol for strategy in strategies for symbol in strategy.spec.universe)
    arrays = lay_out(market, universe, config, events)
    manifest = manifest_of(books, market, config, sizer=sizer, risk=risk, events=events)
    try:
        replay = _Replay(strategies, market, config, arrays, sizer, risk)
        with watched(WAKE_LIMIT_S) as heartbeat:
            replay.play(heartbeat)
        record = replay.record(manifest, tuple(name for name, one in books.items() for _ in one.spec.universe))
    except BaseException:  # also whoever interrupts a run that goes badly has looked at it
        trials.record(_trial(manifest, config, market, purpose, None))
        raise
    trials.record(_trial(manifest, config, market, purpose, record))
    return record


def _check_universe(strategy: Strategy, market: Market) -> None:
    spec = strategy.spec
    universe = spec.universe
    if not universe or len(set(universe)) != len(universe):
        raise ConfigError(f"{spec.name}: its universe is {universe}; one or more different instruments are needed")
    for symbol in universe:
        if symbol not in market:
            raise CoverageError(f"{symbol}: the run has no bars of it; it has {', '.join(market) or 'none at all'}")
        missing = spec.needs - market[symbol][1].observed
        if missing:
            raise CoverageError(
                f"{spec.name} needs {', '.join(sorted(missing))} of {symbol}, which these data do not hold (observed: "
                f"{', '.join(sorted(market[symbol][1].observed))}); use other data, or an execution without it"
            )


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
        for strategy in strategies:
            first_line = len(self.universe)
            self.desks.append(Desk(strategy, market, self.tables, first_line, sizer, risk, self.minutes))
            self.universe += strategy.spec.universe

    def play(self, heartbeat: Heartbeat) -> None:
        """Walk to the end of the data."""
        from argus.engine._kernels import advance

        tables = self.tables
        arguments = tables.arguments()
        step = _direct(advance, arguments)
        while True:
            why = step(*arguments)
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
                self._stop(why)

    def _stop(self, why: int) -> NoReturn:
        """The kernel cannot go on."""
        now = format_ns(int(self.tables.state[S_TS]))
        if why == BOOKS_BROKEN:
            symbol = self.universe[int(self.tables.state[S_FAULT_INSTRUMENT])]
            raise LedgerError(f"books of {symbol} at {now}: {_FAULTS[int(self.tables.state[S_FAULT])]}")
        raise RunError(f"at {now} a position or balance became too large for the ledger; trade smaller")

    def record(self, manifest: RunManifest, books: tuple[str, ...]) -> RunRecord:
        """Everything that happened, cut to its length."""
        t, minutes = self.tables, self.minutes
        rows = int(t.state[S_EQUITY_ROWS])
        instants, sessions = t.equity_instants()
        first = rows
        if minutes.first_decision_ns is not None:
            first = int(np.searchsorted(instants, minutes.first_decision_ns))
        fills = t.fills[: t.state[S_FILLS]].copy()
        equity = t.eq_micros[first:rows].copy()
        opening = self.config.account.cash_micros
        interest = -int(t.state[S_INTEREST])
        journal = t.journal[: t.state[S_JOURNAL]].copy()
        trades = trades_of(t.market, fills, journal, (int(equity[-1]) if len(equity) else opening) - opening - interest)
        orders = t.orders[: t.state[S_ORDERS]].copy()
        notes = list(t.market.notes)
        if t.state[S_LIQUIDATIONS]:
            notes.append(f"the account was liquidated {int(t.state[S_LIQUIDATIONS])} times for lack of margin")
        if t.state[S_HALTS]:
            notes.append(f"trading was halted {int(t.state[S_HALTS])} times after losses")
        if self.config.fills.touch:
            notes.append("limit orders were filled on touch, which is kinder than the market is")
        if minutes.first_decision_ns is None:
            notes.append("the strategy was never woken: the data are shorter than its warm-up, or the range is empty")
        return RunRecord(
            manifest=manifest,
            universe=self.universe,
            books=books,
            decisions=np.array(minutes.decisions, dtype=DECISION_DTYPE),
            orders=orders,
            fills=fills,
            journal=journal,
            trades=trades,
            order_tags=tuple(
                t.order_tags.get(i, "liquidation" if orders[i]["liquidation"] else "") for i in range(len(orders))
            ),
            refusals=tuple(minutes.refusals),
            equity_ts_ns=instants[first:],
            equity_micros=equity,
            cash_micros=t.eq_cash[first:rows].copy(),
            equity_session=sessions[first:],
            opening_cash_micros=opening,
            interest_micros=interest,
            bars=len(t.market.columns[0]),
            notes=tuple(notes),
        )


def _direct(kernel: Callable[..., int], arguments: tuple[Any, ...]) -> Callable[..., int]:
    """The compiled entry of a kernel for these argument types: it skips the dispatch, half the price of a wake-up."""
    from numba import typeof
    from numba.core.registry import CPUDispatcher

    if not isinstance(kernel, CPUDispatcher):
        return kernel
    types = tuple(typeof(argument) for argument in arguments)  # type: ignore[no-untyped-call]
    entry: Callable[..., int] = kernel.compile(types)
    return entry


def _trial(
    manifest: RunManifest,
    config: RunConfig,
    market: Market,
    purpose: str,
    record: RunRecord | None,
) -> Mapping[str, Any]:
    """The line of the trial ledger for a run; `record` is None if it failed."""
    told = manifest.strategy
    bars = [market[symbol][1] for symbol in told["universe"]]
    returns = np.zeros(0)
    if record is not None:
        returns = session_returns(record.session_equity()[1], record.opening_cash_micros)
    return {
        "run_id": manifest.run_id,
        "strategy": told["name"],
        "version": told["version"],
        "family": told["name"],
        "parameters": canonical_json(told["parameters"]),
        "instruments": ",".join(told["universe"]),
        "data_hash": canonical_json({symbol: manifest.data[symbol]["content_hash"] for symbol in told["universe"]}),
        "first_ns": int(min(b.ts_event_ns[0] for b in bars)),
        "last_ns": int(max(b.ts_close_ns[-1] for b in bars)),
        "status": "failed" if record is None else "finished",
        "sessions": len(returns),
        "sharpe_session": sharpe(returns),
        "skew": skewness(returns),
        "kurtosis": kurtosis(returns),
        "net_pnl_micros": 0 if record is None else record.net_pnl_micros,
        "orders": 0 if record is None else len(record.orders),
        "cost_multiplier": str(config.costs.multiplier),
        "config_hash": canonical_json(manifest.config),
        "purpose": purpose,
    }
