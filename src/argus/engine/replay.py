"""Replay: a strategy walks through recorded markets, and every step of it is kept.

The kernel runs ahead on its own and comes back when the strategy is due. What the strategy asks for is sized, put
before the risk policy, and only then entered. Every run is written to the trial ledger, by this function and no other,
so that no backtest escapes the count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.errors import (
    ArgusError,
    ConfigError,
    CoverageError,
    LedgerError,
    OrderError,
    RunError,
    StrategyFailed,
    StrategyTimeout,
)
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Bracket, Cancel, Close, Forecast, Intent, OrderRequest, Replace, Target
from argus.core.orders import Fill, FillRule, Order, Reason
from argus.core.ports import RiskPolicy, Sizer, Strategy, TrialLedger
from argus.core.risk import RiskApproved
from argus.core.strategy import WakeRule
from argus.core.time import format_ns
from argus.engine._layout import (
    AHEAD,
    BOOKS_BROKEN,
    END,
    FILLED,
    GRID_TOLERANCE,
    GROW,
    S_AHEAD,
    S_AHEAD_END,
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
from argus.engine.manifest import canonical_json, manifest_of
from argus.engine.market import NO_EVENTS, Events, Market, MarketArrays, lay_out
from argus.engine.metrics import kurtosis, session_returns, sharpe, skewness
from argus.engine.record import DECISION_DTYPE, Refusal, RunManifest, RunRecord
from argus.engine.trades import trades_of
from argus.engine.view import ReplayView
from argus.engine.watchdog import Heartbeat, WakeStopped, watched

__all__ = ["WAKE_LIMIT_S", "run"]

WAKE_LIMIT_S: Final = 30.0
"""A strategy that thinks longer than this at one wake-up is stopped."""

_FAULTS: Final = {
    1: "the position account is not the value of what is held",
    2: "the clearing account is not the negative of the position",
    3: "debits and credits differ",
    4: "equity from the books is not the running equity",
    5: "equity from the fills is not the running equity",
}
_WAKE, _FILLED = 0, 1
_COUNT_MAX: Final = 2.0**53
"""Lots and ticks beyond this are not exact as floats."""
_REFUSED: Final = -1
"""Order id under the key of an order that the risk policy refused."""


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
    _check_universe(strategy, market)
    arrays = lay_out(market, strategy.spec.universe, config, events)
    manifest = manifest_of(strategy, market, config, sizer=sizer, risk=risk, events=events)
    try:
        replay = _Replay(strategy, market, config, arrays, sizer, risk)
        with watched(WAKE_LIMIT_S) as heartbeat:
            replay.play(heartbeat)
        record = replay.record(manifest)
    except BaseException:  # also whoever interrupts a run that goes badly has looked at it
        trials.record(_trial(manifest, config, strategy, market, purpose, None))
        raise
    trials.record(_trial(manifest, config, strategy, market, purpose, record))
    return record


def _check_universe(strategy: Strategy, market: Market) -> None:
    universe = strategy.spec.universe
    if not universe or len(set(universe)) != len(universe):
        raise ConfigError(
            f"{strategy.spec.name}: its universe is {universe}; one or more different instruments are needed"
        )
    for symbol in universe:
        _check_needs(strategy, market, symbol)


def _check_needs(strategy: Strategy, market: Market, symbol: str) -> None:
    if symbol not in market:
        raise CoverageError(f"{symbol}: the run has no bars of it; it has {', '.join(market) or 'none at all'}")
    missing = strategy.spec.needs - market[symbol][1].observed
    if missing:
        raise CoverageError(
            f"{strategy.spec.name} needs {', '.join(sorted(missing))} of {symbol}, which these data do not hold "
            f"(observed: {', '.join(sorted(market[symbol][1].observed))}); use other data, or an execution without it"
        )


@dataclass(slots=True)
class _Grid:
    """Tick and lot of an instrument, ready for checking what a strategy asks for."""

    tick: float
    lot: Decimal
    whole_units: bool

    def ticks(self, price: float, what: str) -> int:
        x = price / self.tick
        if not abs(x) < _COUNT_MAX:
            raise OrderError(f"{what} is {price!r}; {_not_a_count(price)}")
        if not abs(x - round(x)) <= GRID_TOLERANCE:
            raise OrderError(f"{what} is {price!r}, off the tick of {self.tick}; round it to the grid")
        return round(x)

    def lots(self, units: float, what: str) -> int:
        if not abs(units / float(self.lot)) < _COUNT_MAX:
            raise OrderError(f"{what} is {units!r} units; {_not_a_count(units)}")
        if self.whole_units and units == int(units):
            return int(units)
        lots = Decimal(repr(float(units))) / self.lot
        if lots != lots.to_integral_value():
            raise OrderError(f"{what} is {units!r} units, not a whole number of lots of {self.lot}; round it down")
        return int(lots)


class _Replay:
    """One run under way."""

    def __init__(
        self,
        strategy: Strategy,
        market: Market,
        config: RunConfig,
        arrays: MarketArrays,
        sizer: Sizer,
        risk: RiskPolicy,
    ) -> None:
        spec = strategy.spec
        self.strategy, self.sizer, self.risk = strategy, sizer, risk
        self.config = config
        self.codes = {symbol: k for k, symbol in enumerate(spec.universe)}
        self.grids = {symbol: _grid(market[symbol][0]) for symbol in spec.universe}
        self.tables = RunTables(
            arrays,
            config,
            warmup_bars=spec.warmup_bars,
            wakes_at_session_end=spec.wake == WakeRule.SESSION_END,
            wakes_on_fill=spec.wakes_on_fill,
        )
        self.view = ReplayView(market, self.tables, self.codes, _features(strategy, market, self.codes))
        self.keys: dict[str, int] = {}
        self.groups: dict[tuple[str, str], int] = {}
        self.decisions: list[tuple[int, int, int]] = []
        self.refusals: list[Refusal] = []
        self.told = 0
        self.first_decision_ns: int | None = None

    def play(self, heartbeat: Heartbeat) -> None:
        """Walk to the end of the data."""
        from argus.engine._kernels import advance

        tables = self.tables
        arguments = tables.arguments()
        step = _direct(advance, arguments)
        while True:
            why = step(*arguments)
            if why == AHEAD:
                if self._ahead(int(tables.state[S_AHEAD]), int(tables.state[S_AHEAD_END]), heartbeat):
                    arguments = tables.arguments()
            elif why == WAKE:
                if self.first_decision_ns is None:
                    self.first_decision_ns = int(tables.state[S_TS])
                intents = self._ask("wake", self.strategy.wake, (self.view,), heartbeat)
                if intents:
                    self._act(intents, _WAKE)
                    arguments = tables.arguments()
            elif why == FILLED:
                self._tell(heartbeat)
                arguments = tables.arguments()
            elif why == GROW:
                tables.grow()
                arguments = tables.arguments()
            elif why == END:
                return
            else:
                self._stop(why)

    def _ahead(self, first: int, stop: int, heartbeat: Heartbeat) -> bool:
        """Ask the strategy at each row of a quiet stretch that the kernel has passed, until it decides something.

        Returns whether it did; the kernel then stands where it decided.
        """
        view, wake = self.view, self.strategy.wake
        if self.first_decision_ns is None:
            self.first_decision_ns = view.begin_stretch(first)
        intents: Sequence[Intent] = ()
        row = first
        heartbeat.awake = True
        try:
            for row in range(first, stop):
                heartbeat.count = view.row = row
                intents = wake(view)
                if intents:
                    break
        except Exception as error:  # noqa: BLE001 - whatever a strategy raises is told with its place
            self._failed("wake", error)
        except WakeStopped:
            pass
        finally:
            heartbeat.awake = False
            view.end_stretch(row)
        self._came_back("wake", heartbeat)
        if intents:
            self._act(intents, _WAKE)
        return bool(intents)

    def _stop(self, why: int) -> NoReturn:
        """The kernel cannot go on."""
        now = format_ns(int(self.tables.state[S_TS]))
        if why == BOOKS_BROKEN:
            symbol = self.strategy.spec.universe[int(self.tables.state[S_FAULT_INSTRUMENT])]
            raise LedgerError(f"books of {symbol} at {now}: {_FAULTS[int(self.tables.state[S_FAULT])]}")
        raise RunError(f"at {now} a position or balance became too large for the ledger; trade smaller")

    def _ask(
        self, where: str, method: Callable[..., Sequence[Intent]], arguments: tuple[Any, ...], heartbeat: Heartbeat
    ) -> Sequence[Intent]:
        """Call the strategy, and say where it was if it fails or does not come back."""
        intents: Sequence[Intent] = ()
        heartbeat.count += 1
        heartbeat.awake = True
        try:
            intents = method(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever a strategy raises is told with its place
            self._failed(where, error)
        except WakeStopped:
            pass
        finally:
            heartbeat.awake = False
        self._came_back(where, heartbeat)
        return intents

    def _failed(self, where: str, error: Exception) -> NoReturn:
        """Say which strategy raised, where and when."""
        if isinstance(error, ArgusError):
            raise error
        raise StrategyFailed(
            f"strategy {self.strategy.spec.name} raised {type(error).__name__} in {where}() {self._place()}: {error}"
        ) from error

    def _came_back(self, where: str, heartbeat: Heartbeat) -> None:
        """Raise if a wake-up was stopped."""
        if heartbeat.stopped:
            raise StrategyTimeout(
                f"strategy {self.strategy.spec.name} did not come back from {where}() within {WAKE_LIMIT_S:g} s, "
                f"{self._place()}; look for an endless loop"
            )

    def _tell(self, heartbeat: Heartbeat) -> None:
        """Tell the strategy of every fill it has not heard of."""
        tables = self.tables
        universe = self.strategy.spec.universe
        now = int(tables.state[S_TS])
        while self.told < tables.state[S_FILLS]:
            row = tables.fills[self.told]
            fill = Fill(
                fill_id=self.told,
                order_id=int(row["order_id"]),
                instrument=universe[row["instrument"]],
                ts_event_ns=int(row["ts_event_ns"]),
                ts_recv_ns=now,
                signed_lots=int(row["signed_lots"]),
                price_ticks=int(row["price_ticks"]),
                fee_micros=int(row["fee_micros"] + row["impact_micros"]),
                rule=FillRule(int(row["rule"])),
            )
            self.told += 1
            intents = self._ask("filled", self.strategy.filled, (fill, self.view), heartbeat)
            if intents:
                self._act(intents, _FILLED)

    def _place(self) -> str:
        """Where the run stands, in words."""
        known = ", ".join(f"{symbol} row {self.view.known_bars(symbol) - 1}" for symbol in self.codes)
        return f"at {format_ns(self.view.now_ns)} (last known: {known})"

    def _act(self, intents: Sequence[Intent], kind: int) -> None:
        """Size, approve and enter what was asked for, one after the other."""
        decision_id = len(self.decisions)
        orders_before, refusals_before = int(self.tables.state[S_ORDERS]), len(self.refusals)
        answer: object = intents
        if not isinstance(answer, (list, tuple)):
            raise self._no_intent(intents)
        for intent in intents:
            if isinstance(intent, OrderRequest):
                self._order(intent, decision_id, None)
            elif isinstance(intent, Bracket):
                for request in intent.orders():
                    self._order(request, decision_id, None)
            elif isinstance(intent, Cancel):
                order_id = self._sent_as(intent.order_key, "cancel")
                if order_id != _REFUSED:
                    self.tables.cancel(order_id, Reason.BY_STRATEGY)
            elif isinstance(intent, Replace):
                self._replace(intent, decision_id)
            elif isinstance(intent, Forecast | Target | Close):
                for request in self._sized(intent):
                    self._order(request, decision_id, None)
            else:
                raise self._no_intent(intent)
        count = int(self.tables.state[S_ORDERS]) - orders_before
        if count or len(self.refusals) > refusals_before:
            self.decisions.append((self.view.now_ns, kind, count))

    def _no_intent(self, found: object) -> StrategyFailed:
        return StrategyFailed(
            f"strategy {self.strategy.spec.name} answered with {found!r} {self._place()}: "
            "a sequence of intents is expected"
        )

    def _sized(self, intent: Forecast | Target | Close) -> Sequence[OrderRequest]:
        try:
            return self.sizer.size(intent, self.view)
        except ArgusError:
            raise
        except Exception as error:
            raise RunError(f"sizing {intent!r} raised {type(error).__name__} {self._place()}: {error}") from error

    def _sent_as(self, key: str, what: str) -> int:
        try:
            return self.keys[key]
        except KeyError:
            raise OrderError(f"{what} of '{key}': no order was sent under that key") from None

    def _replace(self, intent: Replace, decision_id: int) -> None:
        old = self._sent_as(intent.order_key, "replace")
        if old == _REFUSED:
            self._refuse(intent.order, decision_id, "replaces", "the order that it would replace was refused")
            return
        if intent.order.parent_key:
            raise OrderError(f"replace of '{intent.order_key}': the new order names a parent; a replacement has none")
        if self.tables.orders[old]["instrument"] != self.codes.get(intent.order.instrument):
            raise OrderError(
                f"replace of '{intent.order_key}' by an order for {intent.order.instrument}: not the same instrument"
            )
        self._order(intent.order, decision_id, old)

    def _order(self, request: OrderRequest, decision_id: int, replaces_id: int | None) -> None:
        symbol = request.instrument
        grid = self._grid_of(symbol)
        parent = self._parent_of(request)
        if parent == _REFUSED:
            self._refuse(request, decision_id, "parent", "the order whose fill it would wait for was refused")
            return
        order = Order(
            order_id=int(self.tables.state[S_ORDERS]),
            decision_id=decision_id,
            instrument=symbol,
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            quantity_lots=grid.lots(request.units, f"quantity of the order for {symbol}"),
            limit_ticks=None if request.limit_price is None else grid.ticks(request.limit_price, f"limit for {symbol}"),
            stop_ticks=None if request.stop_price is None else grid.ticks(request.stop_price, f"stop for {symbol}"),
            replaces_id=replaces_id,
            tag=request.tag,
            trail_ticks=None if request.trail is None else grid.ticks(request.trail, f"trail for {symbol}"),
            expires_ns=request.expires_ns,
            reduce_only=request.reduce_only,
            oco_group=self._group_of(request),
            parent_id=parent,
        )
        try:
            verdict = self.risk.approve(order, self.view.account)
        except ArgusError:
            raise
        except Exception as error:
            raise RunError(f"the risk policy raised {type(error).__name__} {self._place()}: {error}") from error
        if not isinstance(verdict, RiskApproved):
            self._refuse(request, decision_id, verdict.limit, verdict.reason)
            return
        if request.oco:
            self.groups.setdefault((symbol, request.oco), order.order_id)
        self.tables.submit(verdict, self.codes[symbol])
        self.keys[request.order_key or f"#{order.order_id}"] = order.order_id

    def _group_of(self, request: OrderRequest) -> int | None:
        """Number of the group of orders that end each other; a new group has the id of this order."""
        if not request.oco:
            return None
        return self.groups.get((request.instrument, request.oco), int(self.tables.state[S_ORDERS]))

    def _parent_of(self, request: OrderRequest) -> int | None:
        """Id of the order whose fill this one waits for; `_REFUSED` if the risk policy stopped it."""
        if not request.parent_key:
            return None
        parent = self._sent_as(request.parent_key, "parent")
        if parent != _REFUSED:
            row = self.tables.orders[parent]
            if row["instrument"] != self.codes[request.instrument]:
                raise OrderError(f"parent '{request.parent_key}' of an order for {request.instrument} is for another")
            if row["parent_id"] >= 0:
                raise OrderError(f"parent '{request.parent_key}' waits for a parent itself; a child has no children")
        return parent

    def _grid_of(self, symbol: str) -> _Grid:
        grid = self.grids.get(symbol)
        if grid is None:
            raise OrderError(f"order for {symbol}, which is not in this run's universe ({', '.join(self.codes)})")
        return grid

    def _refuse(self, request: OrderRequest, decision_id: int, limit: str, reason: str) -> None:
        """Note an order that goes no further; its key stays known, so that a later cancel of it passes."""
        grid = self._grid_of(request.instrument)
        lots = grid.lots(request.units, "quantity") * int(request.side)
        self.refusals.append(Refusal(decision_id, self.view.now_ns, request.instrument, lots, limit, reason))
        if request.order_key:
            self.keys.setdefault(request.order_key, _REFUSED)

    def record(self, manifest: RunManifest) -> RunRecord:
        """Everything that happened, cut to its length."""
        t, universe = self.tables, self.strategy.spec.universe
        rows = int(t.state[S_EQUITY_ROWS])
        instants, sessions = t.equity_instants()
        first = rows
        if self.first_decision_ns is not None:
            first = int(np.searchsorted(instants, self.first_decision_ns))
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
        if self.first_decision_ns is None:
            notes.append("the strategy was never woken: the data are shorter than its warm-up, or the range is empty")
        return RunRecord(
            manifest=manifest,
            universe=universe,
            decisions=np.array(self.decisions, dtype=DECISION_DTYPE),
            orders=orders,
            fills=fills,
            journal=journal,
            trades=trades,
            order_tags=tuple(
                t.order_tags.get(i, "liquidation" if orders[i]["liquidation"] else "") for i in range(len(orders))
            ),
            refusals=tuple(self.refusals),
            equity_ts_ns=instants[first:],
            equity_micros=equity,
            cash_micros=t.eq_cash[first:rows].copy(),
            equity_session=sessions[first:],
            opening_cash_micros=opening,
            interest_micros=interest,
            bars=len(t.market.columns[0]),
            notes=tuple(notes),
        )


def _not_a_count(found: float) -> str:
    if abs(found) < float("inf"):
        return "that is too large to be counted exactly; trade smaller"
    return "a finite number is needed (a feature may still be warming up)"


def _direct(kernel: Callable[..., int], arguments: tuple[Any, ...]) -> Callable[..., int]:
    """The compiled entry of a kernel for these argument types: it skips the dispatch, half the price of a wake-up."""
    from numba import typeof
    from numba.core.registry import CPUDispatcher

    if not isinstance(kernel, CPUDispatcher):
        return kernel
    types = tuple(typeof(argument) for argument in arguments)  # type: ignore[no-untyped-call]
    entry: Callable[..., int] = kernel.compile(types)
    return entry


def _grid(spec: InstrumentSpec) -> _Grid:
    return _Grid(float(spec.tick_size), spec.lot_size, spec.lot_size == 1)


def _features(strategy: Strategy, market: Market, codes: Mapping[str, int]) -> dict[str, tuple[int, F64_1D]]:
    """Columns of the declared features."""
    if not strategy.spec.features:
        return {}
    from argus.features import compute

    columns: dict[str, tuple[int, F64_1D]] = {}
    for ref in strategy.spec.features:
        if ref.instrument not in codes:
            raise OrderError(f"feature {ref.alias} is on {ref.instrument}, which is not in the universe")
        columns[ref.alias] = (codes[ref.instrument], compute(ref, market[ref.instrument][1]))
    return columns


def _trial(
    manifest: RunManifest,
    config: RunConfig,
    strategy: Strategy,
    market: Market,
    purpose: str,
    record: RunRecord | None,
) -> Mapping[str, Any]:
    """The line of the trial ledger for a run; `record` is None if it failed."""
    spec = strategy.spec
    bars = [market[symbol][1] for symbol in spec.universe]
    returns = np.zeros(0)
    if record is not None:
        returns = session_returns(record.session_equity()[1], record.opening_cash_micros)
    return {
        "run_id": manifest.run_id,
        "strategy": spec.name,
        "version": spec.version,
        "family": spec.name,
        "parameters": canonical_json(dict(spec.values)),
        "instruments": ",".join(spec.universe),
        "data_hash": canonical_json({symbol: manifest.data[symbol]["content_hash"] for symbol in spec.universe}),
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
