"""A strategy on roots, made into one on contracts: it sees the continuous series, its orders go to the front contract.

The wrapper is woken at every bar of every contract. When a roll is due it withdraws what rests in the old contract,
closes the position there and opens it in the new one, by market orders tagged with the other contract's name, whether
the strategy under it is due or not. The strategy under it is asked by its own wake rule, counted in bars of the
continuous series.

What it is told is in terms of the continuous series: bars, features, marks, and the prices of fills. What it asks for
is turned into the contract's own prices by what the splice added. `docs/rolls.md` says what a trader has to know.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError, OrderError
from argus.core.intents import Bracket, Cancel, Close, Forecast, Intent, OrderRequest, Replace, Target
from argus.core.orders import AT_MARKET, Fill, OrderType, Side, TimeInForce
from argus.core.ports import Strategy, View
from argus.core.strategy import StrategySpec, WakeRule
from argus.engine.feature_columns import feature_column
from argus.engine.rolled_view import RolledView, Tracked, tracked_of
from argus.engine.rolling import RolledRoot

__all__ = ["EXIT_TAG", "RolledStrategy", "roll_from", "roll_to"]

EXIT_TAG: Final = "exit before first notice"
"""Tag of the order that leaves a contract which no other follows."""


def roll_to(symbol: str) -> str:
    """Tag of an order that leaves a contract for `symbol`."""
    return f"roll to {symbol}"


def roll_from(symbol: str) -> str:
    """Tag of an order that takes up the position that was held in `symbol`."""
    return f"roll from {symbol}"


class RolledStrategy:
    """A strategy on roots as one on contracts. Implements `core.ports.Strategy`.

    Parameters
    ----------
    strategy : Strategy
        Its universe are the symbols of `roots`.
    roots : sequence of RolledRoot
    universe : sequence of str, optional
        Contracts whose bars wake it, and which the run must have; by default those that are in front at some time. An
        audit names them all, because which ones will be in front is not known beforehand.

    Raises
    ------
    ConfigError
        If the universe and the roots are not the same.
    DataError
        If a series lacks a field that a feature reads.
    """

    def __init__(
        self, strategy: Strategy, roots: Sequence[RolledRoot], *, universe: Sequence[str] | None = None
    ) -> None:
        inner = strategy.spec
        given = {root.symbol: root for root in roots}
        if set(given) != set(inner.universe) or len(given) != len(roots):
            raise ConfigError(
                f"{inner.name} trades {', '.join(inner.universe)} and the roots are "
                f"{', '.join(root.symbol for root in roots) or 'none'}; give one root for each instrument"
            )
        self._strategy = strategy
        self._tracked = {symbol: Tracked(given[symbol]) for symbol in inner.universe}
        self._root_of = {symbol: tracked for tracked in self._tracked.values() for symbol in tracked.root.contracts}
        self._columns = self._computed()
        self._view = RolledView(self._tracked, self._columns)
        self._sent = 0
        self._was_asked = False
        self._unserved = dict.fromkeys(inner.universe, 0)
        contracts = tuple(self._root_of if universe is None else universe)
        self._spec = replace(
            inner,
            universe=contracts,
            late=frozenset(contracts),
            wake=WakeRule.EVERY_BAR,
            warmup_bars=1,
            features=(),
            values={
                **inner.values,
                "rolled_source": _source_of(type(strategy)),
                **{f"roll.{symbol}": tracked.root.describe() for symbol, tracked in self._tracked.items()},
            },
        )

    @property
    def spec(self) -> StrategySpec:
        """What the run trades: the contracts, under the strategy's own name."""
        return self._spec

    @property
    def strategy(self) -> Strategy:
        """The strategy on roots."""
        return self._strategy

    @property
    def roots(self) -> tuple[RolledRoot, ...]:
        """The roots, in the order of the strategy's universe."""
        return tuple(tracked.root for tracked in self._tracked.values())

    def feature_columns(self) -> dict[str, tuple[RolledRoot, F64_1D]]:
        """Alias to (root, value at each row of its series) of each feature that the strategy declares."""
        return {alias: (tracked.root, column) for alias, (tracked, column) in self._columns.items()}

    def standing(self) -> tuple[tuple[str, str, float], ...]:
        """(name, root, value) of what the strategy stands on now, for audits: features, series, contract in front."""
        found = [
            (alias, tracked.root.symbol, float(column[tracked.known - 1]) if tracked.known else float("nan"))
            for alias, (tracked, column) in self._columns.items()
        ]
        for symbol, tracked in self._tracked.items():
            close = tracked.root.series.bars.close
            found.append(
                (f"series:{symbol}", symbol, float(close[tracked.known - 1]) if tracked.known else float("nan"))
            )
            found.append((f"front:{symbol}", symbol, float(tracked.symbol.rpartition(".")[2])))
        return tuple(found)

    def _computed(self) -> dict[str, tuple[Tracked, F64_1D]]:
        columns = {}
        for ref in self._strategy.spec.features:
            tracked = tracked_of(self._tracked, ref.instrument)
            root = tracked.root
            column = feature_column(ref, root.spec, root.series.for_strategies(), schedule=root.schedule)
            columns[ref.alias] = (tracked, column)
        return columns

    def notes(self) -> list[str]:
        """What a reader of the run must know."""
        notes = [f"{root.symbol}: {note}" for root in self.roots for note in root.series.notes]
        if not self._was_asked:
            notes.append("the strategy was never asked: the series are shorter than its warm-up, or the range is empty")
        for symbol, count in self._unserved.items():
            if count:
                notes.append(
                    f"{symbol}: {count} intents came after the exit before first notice and were not carried out, "
                    "because no later contract traded"
                )
        return notes

    # ------------------------------------------------------------------------------------------------- being asked

    def wake(self, view: View) -> Sequence[Intent]:
        """Roll what is due, and ask the strategy if its own bars have come."""
        intents: list[Intent] = []
        is_due, is_warm = False, True
        inner = self._strategy.spec
        warmup, at_end = max(1, inner.warmup_bars), inner.wake is WakeRule.SESSION_END
        for symbol, tracked in self._tracked.items():
            tracked.look(view)
            if tracked.left or self._is_turning(tracked, view):
                intents += self._turn(tracked, view)
            if tracked.known < warmup and symbol not in inner.late:
                is_warm = False
            new = tracked.known > tracked.asked
            if new and (not at_end or tracked.root.series.bars.session_end[tracked.asked : tracked.known].any()):
                is_due = True
        for tracked in self._tracked.values():
            tracked.asked = tracked.known
        if is_due and is_warm:
            self._was_asked = True
            intents += self._routed(self._strategy.wake(self._view.on(view)))
            self._view.rolls = ()
        return intents

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        """Tell the strategy of a fill, in terms of its series."""
        tracked = self._root_of[fill.instrument]
        for each in self._tracked.values():
            each.look(view)
        told = replace(
            fill,
            instrument=tracked.root.symbol,
            price_ticks=tracked.series_ticks(fill.instrument, fill.price_ticks),
        )
        return self._routed(self._strategy.filled(told, self._view.on(view)))

    # ----------------------------------------------------------------------------------------------------- rolling

    def _is_turning(self, tracked: Tracked, view: View) -> bool:
        """Whether the contract in front is to be left now."""
        if tracked.is_due(view):
            return True
        exit_ns = tracked.root.exit_ns[tracked.front]
        return exit_ns is not None and not tracked.exited and view.now_ns >= exit_ns

    def _turn(self, tracked: Tracked, view: View) -> list[Intent]:
        """Orders that leave old contracts, and the one that takes up the position in the new one."""
        intents = self._leftovers(tracked, view)
        began, carried = "", 0.0
        while tracked.is_due(view):
            roll = tracked.root.schedule.rolls[tracked.front]
            began = began or roll.from_symbol
            carried += self._leave(tracked, view, roll_to(roll.to_symbol), intents)
            tracked.front += 1
            tracked.exited = False
            self._view.rolls = (*self._view.rolls, roll)
        if carried:
            intents.append(_market(tracked.symbol, carried, roll_from(began)))
        if self._is_turning(tracked, view):
            self._leave(tracked, view, EXIT_TAG, intents)
            tracked.exited = True
        return intents

    def _leave(self, tracked: Tracked, view: View, tag: str, intents: list[Intent]) -> float:
        """Withdraw and close everything in the contract in front; returns the units that were held or on their way."""
        symbol = tracked.symbol
        intents += [Cancel(key) for key in tracked.resting]
        tracked.withdrawn.update(tracked.resting)
        tracked.resting.clear()
        if symbol not in tracked.left:
            tracked.left.append(symbol)
        return _close_all(symbol, view, tag, intents)

    def _leftovers(self, tracked: Tracked, view: View) -> list[Intent]:
        """Close again what an earlier closing order left, and forget contracts in which nothing is left."""
        intents: list[Intent] = []
        for symbol in list(tracked.left):
            position = view.position(symbol)
            if position.units == 0 and position.pending_units == 0:
                tracked.left.remove(symbol)
                continue
            tag = EXIT_TAG if symbol == tracked.symbol else roll_to(tracked.symbol)
            _close_all(symbol, view, tag, intents)
        return intents

    # ------------------------------------------------------------------------------- from the series to the contract

    def _routed(self, intents: object) -> Sequence[Intent]:
        """The strategy's intents on the contracts in front."""
        if not intents:
            return ()
        if not isinstance(intents, (list, tuple)):
            return intents  # type: ignore[return-value]  # the engine says what is wrong with it
        routed: list[Intent] = []
        for intent in intents:
            symbol = _instrument_of(intent)
            if symbol is None:
                routed.append(intent)
                continue
            tracked = tracked_of(self._tracked, symbol)
            if tracked.exited:
                self._unserved[symbol] += 1
                continue
            routed.append(self._on_contract(intent, tracked))
        return routed

    def _on_contract(self, intent: Intent, tracked: Tracked) -> Intent:
        if isinstance(intent, Forecast | Target | Close):
            return replace(intent, instrument=tracked.symbol)
        if isinstance(intent, OrderRequest):
            return self._order(intent, tracked)
        if isinstance(intent, Bracket):
            return self._bracket(intent, tracked)
        assert isinstance(intent, Replace)
        self._check_key(intent.order_key, "replace", tracked)
        return replace(intent, order=self._order(intent.order, tracked))

    def _order(self, request: OrderRequest, tracked: Tracked) -> OrderRequest:
        """An order in the contract's own prices; what can rest is remembered under its key."""
        if request.parent_key:
            self._check_key(request.parent_key, "parent", tracked)
        buys = request.side == Side.BUY
        key = request.order_key
        if request.type not in AT_MARKET:
            self._sent += 1
            key = key or f"{tracked.root.symbol}#{self._sent}"
            tracked.resting[key] = None
        tracked.withdrawn.discard(key)
        return replace(
            request,
            instrument=tracked.symbol,
            order_key=key,
            limit_price=None if request.limit_price is None else tracked.own(request.limit_price, up=not buys),
            stop_price=None if request.stop_price is None else tracked.own(request.stop_price, up=buys),
            trail=None if request.trail is None else tracked.trail(request.trail),
        )

    def _bracket(self, bracket: Bracket, tracked: Tracked) -> Bracket:
        exit_buys = bracket.entry.side == Side.SELL
        stop, target, trail = bracket.stop_price, bracket.target_price, bracket.trail
        mapped = replace(
            bracket,
            entry=self._order(bracket.entry, tracked),
            stop_price=None if stop is None else tracked.own(stop, up=exit_buys),
            target_price=None if target is None else tracked.own(target, up=not exit_buys),
            trail=None if trail is None else tracked.trail(trail),
        )
        for child in mapped.orders()[1:]:
            tracked.resting[child.order_key] = None
            tracked.withdrawn.discard(child.order_key)
        return mapped

    def _check_key(self, key: str, what: str, tracked: Tracked) -> None:
        if key in tracked.withdrawn:
            raise OrderError(
                f"{what} of '{key}': the roll to {tracked.symbol} withdrew that order; send it again (view.rolls names "
                "the rolls since the last wake-up)"
            )


def _instrument_of(intent: object) -> str | None:
    """Symbol that an intent is about; None for a cancel, and for what is no intent."""
    if isinstance(intent, Forecast | Target | Close | OrderRequest):
        return intent.instrument
    if isinstance(intent, Bracket):
        return intent.entry.instrument
    return intent.order.instrument if isinstance(intent, Replace) else None


def _market(symbol: str, units: float, tag: str, *, reduce_only: bool = False) -> OrderRequest:
    """A market order that lives until it is filled."""
    side = Side.BUY if units > 0 else Side.SELL
    return OrderRequest(
        symbol,
        side,
        OrderType.MARKET,
        abs(units),
        time_in_force=TimeInForce.GTC,
        tag=tag,
        reduce_only=reduce_only,
    )


def _close_all(symbol: str, view: View, tag: str, intents: list[Intent]) -> float:
    """Order the opposite of what is held or on its way; returns that.

    Where nothing is on its way the order is reduce-only: a halted account takes no other.
    """
    position = view.position(symbol)
    units = position.units + position.pending_units
    if units:
        intents.append(_market(symbol, -units, tag, reduce_only=position.pending_units == 0))
    return units


def _source_of(kind: type) -> str:
    """Which class decides, and a hash of its source: the manifest names the wrapper's own."""
    try:
        digest = hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()[:12]
    except (OSError, TypeError):
        digest = "unknown"
    return f"{kind.__qualname__} {digest}"
