"""Options as arrays: what a quote says about volatility, what a model says about a quote, and what a trade may become.

Everything here takes arrays and gives arrays of the same length, one element for each option; nothing knows a file, a
catalog or an engine. Years, volatilities and rates are annual and continuous. A right is +1 for a call and -1 for a
put. A row that cannot be answered holds NaN and a `Reason`; one bad row never disturbs another, and none raises.
"""

from __future__ import annotations

from argus.options.anomalies import (
    Anomalies,
    QuoteResiduals,
    RegionAnomalies,
    find_anomalies,
    find_regions,
    history_scores,
    neighbour_residuals,
)
from argus.options.consensus import (
    Consensus,
    ConsensusPolicy,
    ExpiryConsensus,
    IvObservations,
    IvSource,
    atm_consensus,
    contract_consensus,
    iv_consensus,
    roll_up,
)
from argus.options.model_free import (
    MINUTES_YEAR,
    ModelFreeIndex,
    ModelFreeVariance,
    model_free_index,
    model_free_variance,
)
from argus.options.reasons import Reason, reason_names
from argus.options.surface import QuoteFit, Surface, SurfaceValues, fit_surface, judge_quotes
from argus.options.surface_shape import SmileShapes, surface_density, surface_moments, surface_shapes
from argus.options.svi import (
    JumpWings,
    Moments,
    Svi,
    butterfly_g,
    fit_svi,
    jump_wings,
    repair_svi,
    smile_density,
    smile_is_free,
    smile_moments,
    smile_variance,
    ssvi_slice,
    svi_from_jump_wings,
)

__all__ = [
    "Anomalies",
    "Consensus",
    "ConsensusPolicy",
    "ExpiryConsensus",
    "IvObservations",
    "IvSource",
    "JumpWings",
    "MINUTES_YEAR",
    "ModelFreeIndex",
    "ModelFreeVariance",
    "Moments",
    "QuoteFit",
    "QuoteResiduals",
    "Reason",
    "RegionAnomalies",
    "SmileShapes",
    "Surface",
    "SurfaceValues",
    "Svi",
    "atm_consensus",
    "butterfly_g",
    "contract_consensus",
    "find_anomalies",
    "find_regions",
    "fit_surface",
    "fit_svi",
    "history_scores",
    "iv_consensus",
    "judge_quotes",
    "jump_wings",
    "model_free_index",
    "model_free_variance",
    "neighbour_residuals",
    "reason_names",
    "repair_svi",
    "roll_up",
    "smile_density",
    "smile_is_free",
    "smile_moments",
    "smile_variance",
    "ssvi_slice",
    "surface_density",
    "surface_moments",
    "surface_shapes",
    "svi_from_jump_wings",
]
