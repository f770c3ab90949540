"""What a strategy on roots sees: the continuous series as known now, and its positions in all contracts together.

Prices are in terms of the series here: bars, features and marks. `Tracked` knows where a run stands on a root, and
turns prices of the series into prices of the contract in front.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from argus.core.arrays import F64_1D, readonly
from argus.core.errors import LookAheadError, OrderError, StrategyError
from argus.core.instruments import InstrumentSpec
from argus.core.ports import AccountView, View
from argus.core.time import format_ns
from argus.data.continuous import Adjustment
from argus.data.rolls import Roll
from argus.engine._layout import GRID_TOLERANCE
from argus.engine.rolling import RolledRoot
from argus.engine.view import ReplayPosition, Window

__all__ = ["RolledAccount", "RolledView", "Tracked", "own_price", "tracked_of"]


def own_price(price: float, amount: float, adjustment: Adjustment, tick: float, *, up: bool) -> float:
    """A price of the continuous series as one of the contract, on its grid.

    Parameters
    ----------
    price : float
        In terms of the series; what is not finite is returned as it is, for the engine to refuse.
    amount : float
        What the series adds to, or multiplies with, the contract's prices.
    adjustment : Adjustment
    tick : float
    up : bool
        Where to round a price that is not on the grid.
    """
    if not math.isfinite(price):
        return price
    ticks = (price / amount if adjustment is Adjustment.RATIO else price - amount) / tick
    nearest = round(ticks)
    if abs(ticks - nearest) <= GRID_TOLERANCE:
        return nearest * tick
    return (math.ceil(ticks) if up else math.floor(ticks)) * tick


@dataclass(slots=True, eq=False)
class Tracked:
    """Where a run stands on one root."""

    root: RolledRoot
    front: int = field(init=False, default=0)
    """Leg whose contract takes the orders."""
    source: int = field(init=False, default=0)
    """Leg that the last known row of the series comes from."""
    known: int = field(init=False, default=0)
    """Rows of the series that are known."""
    asked: int = field(init=False, default=0)
    """Rows that were known when the strategy was asked last."""
    exited: bool = field(init=False, default=False)
    """Left before first notice, with no contract to go to."""
    left: list[str] = field(init=False, default_factory=list)
    """Contracts left, until nothing is held in them or on its way."""
    resting: dict[str, None] = field(init=False, default_factory=dict)
    """Keys of the orders with a price that were sent to the contract in front."""
    withdrawn: set[str] = field(init=False, default_factory=set)
    """Keys of the orders that a roll has withdrawn."""
    starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.starts = self.root.series.bars.ts_event_ns.tolist()

    @property
    def symbol(self) -> str:
        """The contract in front."""
        return self.root.legs[self.front].symbol

    def look(self, view: View) -> None:
        """Count the rows of the series that are known by now."""
        root = self.root
        while True:
            begin, end = root.rows[self.source]
            # Asked whether the leg has rows or not: which rows are still to come must not show in what is looked at.
            last = view.bars(root.legs[self.source].symbol, 1).ts_event_ns
            if begin < end and len(last):
                ts_ns, known, starts = int(last[-1]), max(self.known, begin), self.starts
                while known < end and starts[known] <= ts_ns:
                    known += 1
                self.known = known
            if self.known < end or self.source + 1 == len(root.legs):
                return
            if view.now_ns < root.legs[self.source + 1].start_ns:
                return
            self.source += 1

    def is_due(self, view: View) -> bool:
        """Whether the next roll of the schedule can be acted on: it has come, and its splice is known."""
        root, at = self.root, self.front
        if at == len(root.due_ns) or view.now_ns < root.due_ns[at]:
            return False
        splice = root.series.splices[at]
        if splice.bar_ns is None:
            return True
        for symbol in (splice.roll.from_symbol, splice.roll.to_symbol):
            last = view.bars(symbol, 1).ts_event_ns
            if not len(last) or last[-1] < splice.bar_ns:
                return False
        return True

    def live(self) -> Iterator[str]:
        """Contracts in which something may be held or on its way."""
        yield from self.left
        if self.symbol not in self.left:
            yield self.symbol

    def own(self, price: float, *, up: bool) -> float:
        """A price of the series as one of the contract in front."""
        root = self.root
        return own_price(price, root.amounts[self.front], root.series.adjustment, float(root.spec.tick_size), up=up)

    def trail(self, distance: float) -> float:
        """A distance in terms of the series as one of the contract in front; rounded away from the market."""
        adjusted = self.root.series.adjustment is Adjustment.RATIO
        amount = self.root.amounts[self.front] if adjusted else 0.0
        adjustment = Adjustment.RATIO if adjusted else Adjustment.UNADJUSTED
        return own_price(distance, amount, adjustment, float(self.root.spec.tick_size), up=True)

    def series_ticks(self, symbol: str, ticks: int) -> int:
        """A contract's price in ticks as the nearest tick of the series, a half to the even one."""
        root = self.root
        leg = next(at for at, leg in enumerate(root.legs) if leg.symbol == symbol)
        if root.series.adjustment is Adjustment.RATIO:
            return round(ticks * root.amounts[leg])
        return round(ticks + root.amounts[leg] / float(root.spec.tick_size))


class RolledAccount:
    """The account under the names that the strategy knows. Implements `core.ports.AccountView`."""

    __slots__ = ("_account", "_roots")

    def __init__(self, account: AccountView, roots: Mapping[str, Tracked]) -> None:
        self._account, self._roots = account, roots

    @property
    def cash_micros(self) -> int:
        """The broker's figure."""
        return self._account.cash_micros

    @property
    def equity_micros(self) -> int:
        """At the last closes that were received."""
        return self._account.equity_micros

    @property
    def initial_margin_micros(self) -> int:
        """Margin needed to open what is held."""
        return self._account.initial_margin_micros

    def initial_margin_after_micros(self, instrument: str, signed_lots: int) -> int:
        """Margin needed if `signed_lots` of the contract in front were traded."""
        return self._account.initial_margin_after_micros(tracked_of(self._roots, instrument).symbol, signed_lots)

    def cash_after_micros(self, instrument: str, signed_lots: int) -> int:
        """Cash left if `signed_lots` of the contract in front were traded."""
        return self._account.cash_after_micros(tracked_of(self._roots, instrument).symbol, signed_lots)

    def position_lots(self, instrument: str) -> int:
        """Signed lots held, all contracts of the root together."""
        return sum(self._account.position_lots(symbol) for symbol in tracked_of(self._roots, instrument).live())

    def last_price_ticks(self, instrument: str) -> int | None:
        """Last received close of the contract in front, in terms of the series."""
        tracked = tracked_of(self._roots, instrument)
        ticks = self._account.last_price_ticks(tracked.symbol)
        return None if ticks is None else tracked.series_ticks(tracked.symbol, ticks)

    def orders_within(self, window_ns: int) -> int:
        """Orders entered in the last `window_ns`, those of rolls included."""
        return self._account.orders_within(window_ns)

    def pending_lots(self, instrument: str) -> int:
        """Signed lots on their way, all contracts of the root together."""
        return sum(self._account.pending_lots(symbol) for symbol in tracked_of(self._roots, instrument).live())


class RolledView:
    """What the strategy sees: its roots, as known now. Implements `core.ports.View`.

    `rolls` holds the rolls that were acted on since the strategy was asked last: its resting orders in the contracts
    that were left are withdrawn, and to be sent again if they are still wanted.
    """

    __slots__ = ("_features", "_roots", "_view", "rolls")

    def __init__(self, roots: Mapping[str, Tracked], features: Mapping[str, tuple[Tracked, F64_1D]]) -> None:
        self._roots = roots
        self._features = {alias: (tracked, column.data) for alias, (tracked, column) in features.items()}
        self._view: View | None = None
        self.rolls: tuple[Roll, ...] = ()

    def on(self, view: View) -> RolledView:
        """This view over the engine's."""
        self._view = view
        return self

    @property
    def _below(self) -> View:
        assert self._view is not None, "the strategy was asked before the engine gave a view"
        return self._view

    @property
    def now_ns(self) -> int:
        """The instant of the decision."""
        return self._below.now_ns

    @property
    def account(self) -> RolledAccount:
        """The account."""
        return RolledAccount(self._below.account, self._roots)

    def bars(self, instrument: str, n: int) -> Window:
        """The last `n` known bars of the continuous series, fewer at the start of the data.

        Raises
        ------
        LookAheadError
            If `n` is not positive: there is no bar after the last known one.
        """
        tracked = tracked_of(self._roots, instrument)
        if n <= 0:
            raise LookAheadError(
                f"bars({instrument!r}, {n}) at {format_ns(self.now_ns)}, last known row {tracked.known - 1}: ask for "
                "a positive number of bars; later ones do not exist yet"
            )
        bars, stop = tracked.root.series.bars, tracked.known
        columns = []
        for name in Window.__dataclass_fields__:
            column = getattr(bars, name)[max(0, stop - n) : stop].copy()
            readonly(column)
            columns.append(column)
        return Window(*columns)

    def feature(self, alias: str) -> float:
        """A declared feature at the last known bar of its root's series; NaN in its warm-up."""
        try:
            tracked, column = self._features[alias]
        except KeyError:
            raise StrategyError(
                f"feature '{alias}' was not declared; the strategy declares {', '.join(self._features) or 'none'}"
            ) from None
        value: float = column[tracked.known - 1] if tracked.known else float("nan")
        return value

    def position(self, instrument: str) -> ReplayPosition:
        """What is held and on its way in all contracts of the root together; the mark is that of the series."""
        tracked = tracked_of(self._roots, instrument)
        found = [self._below.position(symbol) for symbol in tracked.live()]
        close, row = tracked.root.series.bars.close, tracked.known - 1
        while row > 0 and np.isnan(close[row]):
            row -= 1
        mark = float(close[row]) if row >= 0 else float("nan")
        rate = found[0].currency_rate if found else 1.0
        return ReplayPosition(sum(one.units for one in found), sum(one.pending_units for one in found), mark, rate)

    def instrument(self, symbol: str) -> InstrumentSpec:
        """Specification of the root."""
        return tracked_of(self._roots, symbol).root.spec


def tracked_of(roots: Mapping[str, Tracked], symbol: str) -> Tracked:
    """Where the run stands on a root, or `OrderError` with the roots that there are."""
    try:
        return roots[symbol]
    except KeyError:
        raise OrderError(f"{symbol} is not in the universe of this run ({', '.join(roots)})") from None
