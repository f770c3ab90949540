"""The vocabulary of Argus: instruments, time, money, market arrays, orders, intents, events, errors, and the ports.

Nothing here knows a file format, a vendor or a strategy. Every other package speaks these words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus.core.errors import ArgusError
from argus.core.intents import Cancel, Close, Forecast, Intent, OrderRequest, Replace, Target
from argus.core.orders import Fill, FillRule, Order, OrderState, OrderType, Reason, Side, TimeInForce
from argus.core.risk import RiskApproved, RiskRefused
from argus.core.strategy import (
    FeatureRef,
    Parameter,
    ParameterValue,
    StrategyConstraints,
    StrategySpec,
    WakeRule,
)

if TYPE_CHECKING:
    from argus.core.arrays import Bars, Quotes

__all__ = [
    "ArgusError",
    "Bars",
    "Cancel",
    "Close",
    "FeatureRef",
    "Fill",
    "FillRule",
    "Forecast",
    "Intent",
    "Order",
    "OrderRequest",
    "OrderState",
    "OrderType",
    "Parameter",
    "ParameterValue",
    "Quotes",
    "Reason",
    "Replace",
    "RiskApproved",
    "RiskRefused",
    "Side",
    "StrategyConstraints",
    "StrategySpec",
    "Target",
    "TimeInForce",
    "WakeRule",
]


def __getattr__(name: str) -> Any:
    """The array layouts, loaded when first asked for: they bring NumPy, which `argus --help` does without."""
    if name in ("Bars", "Quotes"):
        from argus.core import arrays

        return getattr(arrays, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
