"""The ports: what the parts of Argus expect of each other, and of the outside world.

Research and live walk the same road; only what stands behind these protocols differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from argus.core.arrays import F64_1D, I64_1D
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Close, Forecast, Intent, OrderRequest, Target
from argus.core.orders import Fill, Order
from argus.core.risk import RiskApproved, RiskRefused
from argus.core.strategy import StrategySpec

__all__ = [
    "AccountView",
    "BarWindow",
    "Broker",
    "Clock",
    "Feed",
    "PositionView",
    "RiskPolicy",
    "Sizer",
    "Strategy",
    "TrialLedger",
    "View",
]


class BarWindow(Protocol):
    """The last bars known at a decision, oldest first; read-only arrays of equal length."""

    @property
    def ts_event_ns(self) -> I64_1D: ...
    @property
    def ts_close_ns(self) -> I64_1D: ...
    @property
    def open(self) -> F64_1D: ...
    @property
    def high(self) -> F64_1D: ...
    @property
    def low(self) -> F64_1D: ...
    @property
    def close(self) -> F64_1D: ...
    @property
    def volume(self) -> F64_1D: ...
    def __len__(self) -> int: ...


class PositionView(Protocol):
    """A position as known now: settled fills only."""

    @property
    def units(self) -> float:
        """Signed quantity in units of the instrument."""
        ...

    @property
    def pending_units(self) -> float:
        """Signed quantity that working market, on-open and on-close orders would add."""
        ...

    @property
    def currency_rate(self) -> float:
        """What one unit of the instrument's currency is worth in the account's now; 1 where they are the same.

        NaN before a rate is known.
        """

    @property
    def mark_price(self) -> float:
        """Last known price; NaN before the first bar."""
        ...


class AccountView(Protocol):
    """The account as known now; amounts in micro-units of its currency."""

    @property
    def cash_micros(self) -> int:
        """The broker's figure: settlements are in it as soon as they are posted, at the close of a session."""
        ...

    @property
    def equity_micros(self) -> int:
        """Cash and positions, valued at the last closes that were received."""
        ...

    @property
    def initial_margin_micros(self) -> int:
        """Margin needed to open what is held."""
        ...

    def initial_margin_after_micros(self, instrument: str, signed_lots: int) -> int:
        """Margin needed if `signed_lots` were traded at the last known price, all else as it is."""
        ...

    def cash_after_micros(self, instrument: str, signed_lots: int) -> int:
        """Cash left if `signed_lots` were traded at the last known price, fees included."""
        ...

    def position_lots(self, instrument: str) -> int: ...

    def pending_lots(self, instrument: str) -> int:
        """Signed lots that working market, on-open and on-close orders would add."""
        ...

    def last_price_ticks(self, instrument: str) -> int | None:
        """Last received close, to the nearest tick; None before there is one."""
        ...

    def orders_within(self, window_ns: int) -> int:
        """Orders that strategies entered in the last `window_ns` of market time, this instant included, whole account.

        An order that is exactly `window_ns` old is no longer counted. Cancels, refused orders and what the engine
        enters itself (liquidation) are not orders of a strategy.
        """
        ...


class View(Protocol):
    """All that may be known at `now_ns`, and nothing else."""

    @property
    def now_ns(self) -> int: ...
    @property
    def account(self) -> AccountView: ...
    def bars(self, instrument: str, n: int) -> BarWindow:
        """The last `n` known bars (fewer at the start of the data)."""
        ...

    def feature(self, alias: str) -> float:
        """Value of a declared feature at the last known bar of its instrument; NaN in its warm-up."""
        ...

    def position(self, instrument: str) -> PositionView: ...
    def instrument(self, symbol: str) -> InstrumentSpec: ...


@runtime_checkable
class Strategy(Protocol):
    """A trading idea. It sees a `View` and answers with intents; it knows no engine, broker, file or wall clock."""

    @property
    def spec(self) -> StrategySpec: ...

    def wake(self, view: View) -> Sequence[Intent]:
        """Decide. The only place, with `filled`, where decisions are made."""
        ...

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        """React to a fill; called only if the spec says `wakes_on_fill`."""
        ...


class Sizer(Protocol):
    """Turns opinions and targets into order requests."""

    def size(self, intent: Forecast | Target | Close, view: View) -> Sequence[OrderRequest]: ...

    def describe(self) -> Mapping[str, object]:
        """Settings, for the manifest."""
        ...


class RiskPolicy(Protocol):
    """The last word on every order, in replay as in live."""

    def approve(self, order: Order, account: AccountView) -> RiskApproved | RiskRefused: ...

    def describe(self) -> Mapping[str, object]:
        """Settings, for the manifest."""
        ...


class TrialLedger(Protocol):
    """Counts every backtest ever run; the engine writes it, statistics read it."""

    def record(self, trial: Mapping[str, object]) -> None:
        """Add one trial. The same run recorded twice is one trial."""
        ...


class Clock(Protocol):
    """Where 'now' comes from: the replayed market, or the world."""

    def now_ns(self) -> int: ...


class Feed(Protocol):
    """Where market events come from."""

    def events(self) -> Iterable[object]: ...


class Broker(Protocol):
    """Where approved orders go."""

    def submit(self, approved: RiskApproved) -> None: ...
    def cancel(self, order_id: int) -> None: ...
