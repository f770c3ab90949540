"""The vocabulary of Argus: instruments, time, money, market arrays, orders, intents, events, errors, and the ports.

Nothing here knows a file format, a vendor or a strategy. Every other package speaks these words.
"""

from __future__ import annotations

from argus.core.arrays import Bars, Quotes
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
