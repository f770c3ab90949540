"""What a strategy may ask for: intents, from a bare opinion to an explicit order.

Intents are wishes. Sizing turns the first three into orders, the risk policy approves or refuses each order, and
only then does the engine or a broker see it.
"""

from __future__ import annotations

from dataclasses import dataclass

from argus.core.errors import OrderError
from argus.core.orders import OrderType, Side, TimeInForce

__all__ = ["Cancel", "Close", "Forecast", "Intent", "OrderRequest", "Replace", "Target"]


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


@dataclass(frozen=True, slots=True)
class Cancel:
    """Withdraw a working order by the key it was sent with. Always passes the risk policy."""

    order_key: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Put a new order in the place of a working one, atomically when it arrives."""

    order_key: str
    order: OrderRequest


Intent = Forecast | Target | Close | OrderRequest | Cancel | Replace
"""Anything a strategy may ask for."""
