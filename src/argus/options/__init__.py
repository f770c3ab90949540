"""Options as arrays: what a quote says about volatility, what a model says about a quote, and what a trade may become.

Everything here takes arrays and gives arrays of the same length, one element for each option; nothing knows a file, a
catalog or an engine. Years, volatilities and rates are annual and continuous. A right is +1 for a call and -1 for a put.
A row that cannot be answered holds NaN and a `Reason`; one bad row never disturbs another, and none raises.
"""

from __future__ import annotations

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
from argus.options.heston_paths import HestonPaths, PathMean, PathPlan, path_mean, qe_terms, simulate_heston
from argus.options.reasons import Reason, reason_names

__all__ = [
    "HestonBounds",
    "HestonCalibration",
    "HestonDistribution",
    "HestonGreeks",
    "HestonParameters",
    "HestonPaths",
    "HestonPrices",
    "HestonQuotes",
    "PathMean",
    "PathPlan",
    "Reason",
    "calibrate_heston",
    "heston_characteristic",
    "heston_distribution",
    "heston_greeks",
    "heston_price",
    "path_mean",
    "qe_terms",
    "reason_names",
    "simulate_heston",
]
