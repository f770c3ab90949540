"""Options as arrays: what a quote says about volatility, what a model says about a quote, and what a trade may become.

Everything here takes arrays and gives arrays of the same length, one element for each option; nothing knows a file, a
catalog or an engine. Years, volatilities and rates are annual and continuous. A right is +1 for a call, -1 for a put.
A row that cannot be answered holds NaN and a `Reason`; one bad row never disturbs another, and none raises.
catalog or an engine. Years, volatilities and rates are annual and continuous. A right is +1 for a call and -1 for a
put. A row that cannot be answered holds NaN and a `Reason`; one bad row never disturbs another, and none raises.
"""

from __future__ import annotations

from argus.options.american import (AmericanValues, american_implied_vol, american_values)
from argus.options.anomalies import (Anomalies, QuoteResiduals, RegionAnomalies, find_anomalies, find_regions, history_scores, neighbour_residuals)
from argus.options.black import (Greeks, Prices, bachelier_greeks, bachelier_price, black76_greeks, black76_price, black_scholes_greeks, black_scholes_price)
from argus.options.consensus import (Consensus, ConsensusPolicy, ExpiryConsensus, IvObservations, IvSource, atm_consensus, contract_consensus, iv_consensus, roll_up)
from argus.options.forwards import (ForwardFit, ParityRules, RateCurve, implied_forwards)
from argus.options.heston import (HestonDistribution, HestonGreeks, HestonParameters, HestonPrices, heston_characteristic, heston_distribution, heston_greeks, heston_price)
from argus.options.heston_calibration import (HestonBounds, HestonCalibration, HestonQuotes, calibrate_heston)
from argus.options.heston_law import (HestonLaw, HestonMarks)
from argus.options.heston_paths import (HestonPaths, PathMean, PathPlan, path_mean, qe_terms, simulate_heston)
from argus.options.implied import (ImpliedVols, QuoteVols, implied_vol, quote_vols)
from argus.options.margin import (GridMargin, MarginClass, StrategyMargin, grid_margin, strategy_margin)
from argus.options.model_free import (MINUTES_YEAR, ModelFreeIndex, ModelFreeVariance, model_free_index, model_free_variance)
from argus.options.pop import (Estimate, ExitPlan, ExpiryPop, Fan, PathPop, PopRow, pop_at_expiry, pop_by_paths, pop_table)
from argus.options.pop_models import (BlackScholes, HistoricalBootstrap, Law, Measure, Model, PathModel, Paths)
from argus.options.positions import (Costs, Fill, PnlCurve, Position, Profile, pnl_curve, position_of, profile)
from argus.options.realised import (ForecastScore, RealisedSeries, evaluate_forecasts, forecast_ewma, forecast_garch, forecast_har, forward_variance, realised_daily, realised_intraday, variance_risk_premium)
from argus.options.reasons import (Reason, reason_names)
from argus.options.structures import (ChainSlice, Expiry, Leg, STRUCTURES, Selection, StrikeRule, Structure, Wanted, select_structure)
from argus.options.surface import (QuoteFit, Surface, SurfaceValues, fit_surface, judge_quotes)
from argus.options.surface_law import (SurfaceLaw)
from argus.options.surface_shape import (SmileShapes, surface_density, surface_moments, surface_shapes)
from argus.options.svi import (JumpWings, Moments, Svi, butterfly_g, fit_svi, jump_wings, repair_svi, smile_density, smile_is_free, smile_moments, smile_variance, ssvi_slice, svi_from_jump_wings)

__all__ = [
    "AmericanValues",
    "Anomalies",
    "BlackScholes",
    "ChainSlice",
    "Consensus",
    "ConsensusPolicy",
    "Costs",
    "Estimate",
    "ExitPlan",
    "Expiry",
    "ExpiryConsensus",
    "ExpiryPop",
    "Fan",
    "Fill",
    "ForecastScore",
    "ForwardFit",
    "Greeks",
    "GridMargin",
    "HestonBounds",
    "HestonCalibration",
    "HestonDistribution",
    "HestonGreeks",
    "HestonLaw",
    "HestonMarks",
    "HestonParameters",
    "HestonPaths",
    "HestonPrices",
    "HestonQuotes",
    "HistoricalBootstrap",
    "ImpliedVols",
    "IvObservations",
    "IvSource",
    "JumpWings",
    "Law",
    "Leg",
    "MINUTES_YEAR",
    "MarginClass",
    "Measure",
    "Model",
    "ModelFreeIndex",
    "ModelFreeVariance",
    "Moments",
    "ParityRules",
    "PathMean",
    "PathModel",
    "PathPlan",
    "PathPop",
    "Paths",
    "PnlCurve",
    "PopRow",
    "Position",
    "Prices",
    "Profile",
    "QuoteFit",
    "QuoteResiduals",
    "QuoteVols",
    "RateCurve",
    "RealisedSeries",
    "Reason",
    "RegionAnomalies",
    "STRUCTURES",
    "Selection",
    "SmileShapes",
    "StrategyMargin",
    "StrikeRule",
    "Structure",
    "Surface",
    "SurfaceLaw",
    "SurfaceValues",
    "Svi",
    "Wanted",
    "american_implied_vol",
    "american_values",
    "atm_consensus",
    "bachelier_greeks",
    "bachelier_price",
    "black76_greeks",
    "black76_price",
    "black_scholes_greeks",
    "black_scholes_price",
    "butterfly_g",
    "calibrate_heston",
    "contract_consensus",
    "evaluate_forecasts",
    "find_anomalies",
    "find_regions",
    "fit_surface",
    "fit_svi",
    "forecast_ewma",
    "forecast_garch",
    "forecast_har",
    "forward_variance",
    "grid_margin",
    "heston_characteristic",
    "heston_distribution",
    "heston_greeks",
    "heston_price",
    "history_scores",
    "implied_forwards",
    "implied_vol",
    "iv_consensus",
    "judge_quotes",
    "jump_wings",
    "model_free_index",
    "model_free_variance",
    "neighbour_residuals",
    "path_mean",
    "pnl_curve",
    "pop_at_expiry",
    "pop_by_paths",
    "pop_table",
    "position_of",
    "profile",
    "qe_terms",
    "quote_vols",
    "realised_daily",
    "realised_intraday",
    "reason_names",
    "repair_svi",
    "roll_up",
    "select_structure",
    "simulate_heston",
    "smile_density",
    "smile_is_free",
    "smile_moments",
    "smile_variance",
    "ssvi_slice",
    "strategy_margin",
    "surface_density",
    "surface_moments",
    "surface_shapes",
    "svi_from_jump_wings",
    "variance_risk_premium",
]
