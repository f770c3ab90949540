"""Options as arrays: what a quote says about volatility, what a model says about a quote, and what a trade may become.

Everything here takes arrays and gives arrays of the same length, one element for each option; nothing knows a file, a
catalog or an engine. Years, volatilities and rates are annual and continuous. A right is +1 for a call, -1 for a put.
A row that cannot be answered holds NaN and a `Reason`; one bad row never disturbs another, and none raises.
"""

from __future__ import annotations

from argus.options.american import AmericanValues, american_implied_vol, american_values
from argus.options.black import (
    Greeks,
    Prices,
    bachelier_greeks,
    bachelier_price,
    black76_greeks,
    black76_price,
    black_scholes_greeks,
    black_scholes_price,
)
from argus.options.forwards import ForwardFit, ParityRules, RateCurve, implied_forwards
from argus.options.implied import ImpliedVols, QuoteVols, implied_vol, quote_vols
from argus.options.reasons import Reason, reason_names

__all__ = [
    "AmericanValues",
    "ForwardFit",
    "Greeks",
    "ImpliedVols",
    "ParityRules",
    "Prices",
    "QuoteVols",
    "RateCurve",
    "Reason",
    "american_implied_vol",
    "american_values",
    "bachelier_greeks",
    "bachelier_price",
    "black76_greeks",
    "black76_price",
    "black_scholes_greeks",
    "black_scholes_price",
    "implied_forwards",
    "implied_vol",
    "quote_vols",
    "reason_names",
]
