"""What a strategy may ask for: intents, from a bare opinion to an explicit order.

Intents are wishes. Sizing turns the first three into orders, the risk policy approves or refuses each order, and
only then does the engine or a broker see it.
"""

from __future__ import annotations

from dataclasses import dataclass

from argus.core.errors import OrderError
from argus.core.orders import OrderType, Side, TimeInForce

__all__ = ["Bracket", "Cancel", "Close", "Forecast", "Intent", "OrderRequest", "Replace", "Target"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """An opinion about one instrument; sizing decides how much.

    Attributes
    ----------
    instrument : str
    direction : float
        -1 (fully short) to +1 (fully long); 0 is no position.
    vol_annual : float
        Expected annualised volatility of the instrument's returns; NaN if the strategy has no view of it.
    expected_return_annual, edge_score, cost_annual : float
        Expected annualised excess return, a comparable score, and expected annual cost; NaN where unknown.
    confidence : float
        0 to 1; scales the position.
    horizon_bars : int
        How long the opinion is meant to hold; 0 until revised.
    execution : OrderType
        MARKET, MARKET_ON_OPEN or MARKET_ON_CLOSE: how the resulting orders are to be executed.
    tag : str
        Why, in the strategy's own word; shown by the trace.
    """

    instrument: str
    direction: float
    vol_annual: float = float("nan")
    expected_return_annual: float = float("nan")
    edge_score: float = float("nan")
    cost_annual: float = float("nan")
    confidence: float = 1.0
    horizon_bars: int = 0
    execution: OrderType = OrderType.MARKET
    tag: str = ""

    def __post_init__(self) -> None:
        if not -1.0 <= self.direction <= 1.0:
            raise OrderError(f"forecast for {self.instrument}: direction is {self.direction}; it must lie in -1 to 1")
        if not 0.0 <= self.confidence <= 1.0:
            raise OrderError(f"forecast for {self.instrument}: confidence is {self.confidence}; it must lie in 0 to 1")


@dataclass(frozen=True, slots=True)
class Target:
    """A wanted position: exactly one of `units` (signed, in units of the instrument) or `weight` (of equity)."""

    instrument: str
    units: float | None = None
    weight: float | None = None
    execution: OrderType = OrderType.MARKET
    tag: str = ""

    def __post_init__(self) -> None:
        if (self.units is None) == (self.weight is None):
            raise OrderError(f"target for {self.instrument}: give either units or weight")


@dataclass(frozen=True, slots=True)
class Close:
    """End the position in one instrument."""

    instrument: str
    execution: OrderType = OrderType.MARKET
    tag: str = ""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An explicit order: quantity in units of the instrument, prices in its currency.

    Prices must lie on the instrument's tick grid and the quantity on its lot; anything else is an error that says so.
    `order_key` is the strategy's own handle for a later `Cancel` or `Replace`.

    Attributes
    ----------
    trail : float or None
        Distance of a trailing stop from the best price seen, in the instrument's currency.
    expires_ns : int or None
        End of a GTD order.
    reduce_only : bool
        Never fills more than brings the position nearer to zero.
    oco : str
        Orders sent under the same word, for one instrument, cancel each other as soon as one of them fills.
    parent_key : str
        Key of an order sent before: this one waits for its first fill and takes its filled quantity.
    """

    instrument: str
    side: Side
    type: OrderType
    units: float
    limit_price: float | None = None
    stop_price: float | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    order_key: str = ""
    tag: str = ""
    trail: float | None = None
    expires_ns: int | None = None
    reduce_only: bool = False
    oco: str = ""
    parent_key: str = ""


@dataclass(frozen=True, slots=True)
class Bracket:
    """An entry with its exits: a protective stop, a target, or both, that live once the entry has filled.

    The exits are reduce-only, good till cancelled, take the quantity that the entry filled, and cancel each other.

    Attributes
    ----------
    entry : OrderRequest
        With an `order_key` of its own.
    stop_price, target_price, trail : float or None
        A stop at a price, a limit at a price, a trailing stop at a distance; `stop_price` and `trail` exclude each
        other.
    """

    entry: OrderRequest
    stop_price: float | None = None
    target_price: float | None = None
    trail: float | None = None

    def __post_init__(self) -> None:
        if not self.entry.order_key:
            raise OrderError(f"bracket for {self.entry.instrument}: its entry needs an order_key")
        if self.stop_price is not None and self.trail is not None:
            raise OrderError(f"bracket '{self.entry.order_key}': give either stop_price or trail, not both")
        if self.stop_price is None and self.trail is None and self.target_price is None:
            raise OrderError(f"bracket '{self.entry.order_key}' has no exit: give stop_price, trail or target_price")

    def orders(self) -> tuple[OrderRequest, ...]:
        """The entry, then its exits under the keys ``KEY.stop`` and ``KEY.target``."""
        key = self.entry.order_key
        exits = [
            ("stop", OrderType.STOP, self.stop_price),
            ("stop", OrderType.TRAILING_STOP, self.trail),
            ("target", OrderType.LIMIT, self.target_price),
        ]
        return (
            self.entry,
            *(
                OrderRequest(
                    self.entry.instrument,
                    Side(-self.entry.side),
                    kind,
                    self.entry.units,
                    limit_price=price if kind == OrderType.LIMIT else None,
                    stop_price=price if kind == OrderType.STOP else None,
                    trail=price if kind == OrderType.TRAILING_STOP else None,
                    time_in_force=TimeInForce.GTC,
                    order_key=f"{key}.{name}",
                    tag=f"{self.entry.tag} {name}".strip(),
                    reduce_only=True,
                    oco=f"{key}.exits",
                    parent_key=key,
                )
                for name, kind, price in exits
                if price is not None
            ),
        )


@dataclass(frozen=True, slots=True)
class Cancel:
    """Withdraw a working order by the key it was sent with. Always passes the risk policy."""

    order_key: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Put a new order in the place of a working one, atomically when it arrives."""

    order_key: str
    order: OrderRequest


Intent = Forecast | Target | Close | OrderRequest | Bracket | Cancel | Replace
"""Anything a strategy may ask for."""
