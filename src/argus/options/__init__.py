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
from argus.options.heston import (
    HestonDistribution,
    HestonGreeks,
    HestonParameters,
    HestonPrices,
    heston_characteristic,
    heston_distribution,
    heston_greeks,
    heston_price,
)
from argus.options.heston_calibration import HestonBounds, HestonCalibration, HestonQuotes, calibrate_heston
from argus.options.heston_law import HestonLaw
from argus.options.heston_paths import HestonPaths, PathMean, PathPlan, path_mean, qe_terms, simulate_heston
from argus.options.implied import ImpliedVols, QuoteVols, implied_vol, quote_vols
from argus.options.margin import GridMargin, MarginClass, StrategyMargin, grid_margin, strategy_margin
from argus.options.pop import (
    Estimate,
    ExitPlan,
    ExpiryPop,
    Fan,
    PathPop,
    PopRow,
    pop_at_expiry,
    pop_by_paths,
    pop_table,
)
from argus.options.pop_models import BlackScholes, HistoricalBootstrap, Law, Measure, Model, PathModel, Paths
from argus.options.positions import Costs, Fill, PnlCurve, Position, Profile, pnl_curve, position_of, profile
from argus.options.realised import (
    ForecastScore,
    RealisedSeries,
    evaluate_forecasts,
    forecast_ewma,
    forecast_garch,
    forecast_har,
    forward_variance,
    realised_daily,
    realised_intraday,
    variance_risk_premium,
)
from argus.options.reasons import Reason, reason_names
from argus.options.structures import (
    STRUCTURES,
    ChainSlice,
    Expiry,
    Leg,
    Selection,
    StrikeRule,
    Structure,
    Wanted,
    select_structure,
)

__all__ = [
    "STRUCTURES",
    "BlackScholes",
    "ChainSlice",
    "Costs",
    "Estimate",
    "ExitPlan",
    "Expiry",
    "ExpiryPop",
    "Fan",
    "Fill",
    "ForecastScore",
    "GridMargin",
    "HistoricalBootstrap",
    "Law",
    "Leg",
    "MarginClass",
    "Measure",
    "Model",
    "PathModel",
    "PathPop",
    "Paths",
    "PnlCurve",
    "PopRow",
    "Position",
    "Profile",
    "RealisedSeries",
    "Reason",
    "Selection",
    "StrategyMargin",
    "StrikeRule",
    "Structure",
    "Wanted",
    "evaluate_forecasts",
    "forecast_ewma",
    "forecast_garch",
    "forecast_har",
    "forward_variance",
    "grid_margin",
    "pnl_curve",
    "pop_at_expiry",
    "pop_by_paths",
    "pop_table",
    "position_of",
    "profile",
    "realised_daily",
    "realised_intraday",
    "reason_names",
    "select_structure",
    "strategy_margin",
    "variance_risk_premium",
    "HestonBounds",
    "HestonCalibration",
    "HestonDistribution",
    "HestonGreeks",
    "HestonLaw",
    "HestonParameters",
    "HestonPaths",
    "HestonPrices",
    "HestonQuotes",
    "PathMean",
    "PathPlan",
    "calibrate_heston",
    "heston_characteristic",
    "heston_distribution",
    "heston_greeks",
    "heston_price",
    "path_mean",
    "qe_terms",
    "simulate_heston",
    "AmericanValues",
    "ForwardFit",
    "Greeks",
    "ImpliedVols",
    "ParityRules",
    "Prices",
    "QuoteVols",
    "RateCurve",
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
]
