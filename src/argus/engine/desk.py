"""A desk: where one strategy sits, and the road of what it asks for: sized, judged by the risk policy, entered.

Every run has one desk for each of its books. A desk knows the strategy's window on the market, the keys under which it
sent its orders, and how to say where it was when something went wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from argus.core.arrays import F64_1D
from argus.core.errors import ArgusError, OrderError, RunError, StrategyFailed, StrategyTimeout
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Bracket, Cancel, Close, Forecast, Intent, OrderRequest, Replace, Target
from argus.core.orders import Fill, FillRule, Order, Reason
from argus.core.ports import RiskPolicy, Sizer, Strategy
from argus.core.risk import RiskApproved
from argus.core.time import format_ns
from argus.engine._layout import GRID_TOLERANCE, S_AHEAD, S_AHEAD_END, S_FILLS, S_ORDERS, S_TS
from argus.engine.book import RunTables
from argus.engine.feature_columns import feature_column
from argus.engine.finish import Minutes
from argus.engine.mapped import forget, forget_bars, is_mapped, kept
from argus.engine.market import Market
from argus.engine.record import Refusal
from argus.engine.view import ReplayView
from argus.engine.watchdog import Heartbeat, WakeStopped

__all__ = ["Desk"]

_WAKE, _FILLED = 0, 1
_COUNT_MAX: Final = 2.0**53
"""Lots and ticks beyond this are not exact as floats."""
_OPINIONS: Final = (Forecast, Target, Close)
"""Intents that the sizer turns into orders."""
_REFUSED: Final = -1
"""Order id under the key of an order that the risk policy refused."""


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

    def lots(self, units: float, symbol: str) -> int:
        if self.whole_units and abs(units) < _COUNT_MAX and units == int(units):
            return int(units)
        what = f"quantity of the order for {symbol}"
        if not abs(units / float(self.lot)) < _COUNT_MAX:
            raise OrderError(f"{what} is {units!r} units; {_not_a_count(units)}")
        lots = Decimal(repr(float(units))) / self.lot
        if lots != lots.to_integral_value():
            raise OrderError(f"{what} is {units!r} units, not a whole number of lots of {self.lot}; round it down")
        return int(lots)


class Desk:
    """One strategy at work in a run.

    Parameters
    ----------
    strategy : Strategy
    market : mapping
        Symbol to specification and bars.
    tables : RunTables
    first_line : int
        Where the strategy's universe begins among the lines of the run.
    sizer, risk : Sizer, RiskPolicy
    minutes : Minutes
        Shared by the desks of a run.
    """

    def __init__(
        self,
        strategy: Strategy,
        market: Market,
        tables: RunTables,
        first_line: int,
        sizer: Sizer,
        risk: RiskPolicy,
        minutes: Minutes,
    ) -> None:
        universe = strategy.spec.universe
        self.strategy, self.sizer, self.risk = strategy, sizer, risk
        self.tables, self.minutes = tables, minutes
        self.codes = {symbol: first_line + k for k, symbol in enumerate(universe)}
        self.symbols = {code: symbol for symbol, code in self.codes.items()}
        self.grids = {symbol: _grid(market[symbol][0]) for symbol in universe}
        self.features = _features(strategy, market, self.codes)
        self.view = ReplayView(market, tables, self.codes, self.features)
        self.keys: dict[str, int] = {}
        self.groups: dict[tuple[str, str], int] = {}
        self.told = 0

    def forget_features(self, kept_rows: int) -> None:
        """Give back the memory of all but the last rows of the features that the strategy may know."""
        known, begin = self.tables.inst["recv_row"], self.tables.market.par["known_begin"]
        for code, column in self.features.values():
            forget(column, 0, max(int(known[code] - begin[code]) - kept_rows, 0))

    def wake(self, heartbeat: Heartbeat) -> None:
        """The strategy is due."""
        if self.minutes.first_decision_ns is None:
            self.minutes.first_decision_ns = self.tables.slots[S_TS]
        intents = self._ask("wake", self.strategy.wake, (self.view,), heartbeat)
        if intents:
            self._act(intents, _WAKE)

    def walk_ahead(self, heartbeat: Heartbeat) -> bool:
        """Ask the strategy at each row of a quiet stretch that the kernel has passed, until it decides something.

        Returns whether it did; the kernel then stands where it decided.
        """
        first, stop = self.tables.slots[S_AHEAD], self.tables.slots[S_AHEAD_END]
        view, wake = self.view, self.strategy.wake
        intents: Sequence[Intent] = ()
        heartbeat.step = view.last_row
        heartbeat.awake = True
        try:
            for rows in view.stretch(first, stop):
                view.at = rows.start
                if self.minutes.first_decision_ns is None:
                    self.minutes.first_decision_ns = view.now_ns
                for view.at in rows:
                    intents = wake(view)
                    if intents:
                        break
                if intents:
                    break
        except Exception as error:  # noqa: BLE001 - whatever a strategy raises is told with its place
            self._failed("wake", error)
        except WakeStopped:
            pass
        finally:
            heartbeat.awake = False
            view.end_stretch()
        self._came_back("wake", heartbeat)
        if intents:
            self._act(intents, _WAKE)
        return bool(intents)

    def tell(self, heartbeat: Heartbeat) -> None:
        """Tell the strategy of every fill it has not heard of."""
        tables = self.tables
        now = int(tables.state[S_TS])
        while self.told < tables.state[S_FILLS]:
            row = tables.fills[self.told]
            fill_id, self.told = self.told, self.told + 1
            symbol = self.symbols.get(int(row["instrument"]))
            if symbol is None:
                continue
            fill = Fill(
                fill_id=fill_id,
                order_id=int(row["order_id"]),
                instrument=symbol,
                ts_event_ns=int(row["ts_event_ns"]),
                ts_recv_ns=now,
                signed_lots=int(row["signed_lots"]),
                price_ticks=int(row["price_ticks"]),
                fee_micros=int(row["fee_micros"] + row["impact_micros"]),
                rule=FillRule(int(row["rule"])),
            )
            intents = self._ask("filled", self.strategy.filled, (fill, self.view), heartbeat)
            if intents:
                self._act(intents, _FILLED)

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

    def _failed(self, where: str, error: Exception) -> None:
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
                f"strategy {self.strategy.spec.name} did not come back from {where}() within {heartbeat.limit_s:g} s, "
                f"{self._place()}; look for an endless loop"
            )

    def _place(self) -> str:
        """Where the run stands, in words."""
        known = ", ".join(f"{symbol} row {self.view.known_bars(symbol) - 1}" for symbol in self.codes)
        return f"at {format_ns(self.view.now_ns)} (last known: {known})"

    def _act(self, intents: Sequence[Intent], kind: int) -> None:
        """Size, approve and enter what was asked for, one after the other."""
        minutes = self.minutes
        decision_id = len(minutes.decisions)
        orders_before, refusals_before = self.tables.slots[S_ORDERS], len(minutes.refusals)
        answer: object = intents
        if not isinstance(answer, (list, tuple)):
            raise self._no_intent(intents)
        for intent in intents:
            if isinstance(intent, _OPINIONS):
                for request in self._sized(intent):
                    self._order(request, decision_id, None)
            elif isinstance(intent, OrderRequest):
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
            else:
                raise self._no_intent(intent)
        count = self.tables.slots[S_ORDERS] - orders_before
        if count or len(minutes.refusals) > refusals_before:
            minutes.decisions.append((self.view.now_ns, kind, count))

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
        parent = self._parent_of(request) if request.parent_key else None
        if parent == _REFUSED:
            self._refuse(request, decision_id, "parent", "the order whose fill it would wait for was refused")
            return
        order = Order(
            order_id=self.tables.slots[S_ORDERS],
            decision_id=decision_id,
            instrument=symbol,
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            quantity_lots=grid.lots(request.units, symbol),
            limit_ticks=None if request.limit_price is None else grid.ticks(request.limit_price, f"limit for {symbol}"),
            stop_ticks=None if request.stop_price is None else grid.ticks(request.stop_price, f"stop for {symbol}"),
            replaces_id=replaces_id,
            tag=request.tag,
            trail_ticks=None if request.trail is None else grid.ticks(request.trail, f"trail for {symbol}"),
            expires_ns=request.expires_ns,
            reduce_only=request.reduce_only,
            oco_group=self._group_of(request) if request.oco else None,
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

    def _group_of(self, request: OrderRequest) -> int:
        """Number of the group of orders that end each other; a new group has the id of this order."""
        return self.groups.get((request.instrument, request.oco), self.tables.slots[S_ORDERS])

    def _parent_of(self, request: OrderRequest) -> int:
        """Id of the order whose fill this one waits for; `_REFUSED` if the risk policy stopped it."""
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
        lots = grid.lots(request.units, request.instrument) * int(request.side)
        self.minutes.refusals.append(Refusal(decision_id, self.view.now_ns, request.instrument, lots, limit, reason))
        if request.order_key:
            self.keys.setdefault(request.order_key, _REFUSED)


def _not_a_count(found: float) -> str:
    if abs(found) < float("inf"):
        return "that is too large to be counted exactly; trade smaller"
    return "a finite number is needed (a feature may still be warming up)"


def _grid(spec: InstrumentSpec) -> _Grid:
    return _Grid(float(spec.tick_size), spec.lot_size, spec.lot_size == 1)


def _features(strategy: Strategy, market: Market, codes: Mapping[str, int]) -> dict[str, tuple[int, F64_1D]]:
    """Columns of the declared features."""
    if not strategy.spec.features:
        return {}
    columns: dict[str, tuple[int, F64_1D]] = {}
    in_memory = 0
    for ref in strategy.spec.features:
        if ref.instrument not in codes:
            raise OrderError(f"feature {ref.alias} is on {ref.instrument}, which is not in the universe")
        spec, bars = market[ref.instrument]
        column = kept(feature_column(ref, spec, bars), in_memory)
        in_memory += 0 if is_mapped(column) else column.nbytes
        columns[ref.alias] = (codes[ref.instrument], column)
        forget_bars(bars)
    return columns
