"""Volatility: how far prices move, whatever the direction."""

from __future__ import annotations

import math
from typing import Final

from argus.features import windows as w
from argus.features.declaration import Feature, Values, real, whole
from argus.features.graph import node
from argus.features.inputs import CLOSE

__all__ = ["DECLARED"]


def _n(values: Values) -> int:
    return int(values["n"])


DECLARED: Final = (
    Feature(
        name="ewma_vol",
        family="volatility",
        meaning="Annual volatility of close-to-close returns, the recent ones weighing most.",
        own_parameters=(
            real("com", 60.0, 1.0, 10_000.0, "Centre of mass of the weights, in rows."),
            real("bars_per_year", 252.0, 1.0, 1e7, "Rows in a year, for the annual figure."),
        ),
        warmup=lambda values: math.ceil(float(values["com"])) + 1,
        build=lambda values: node("volatility.ewma_vol", CLOSE, args=(values["com"], values["bars_per_year"])),  # type: ignore[arg-type]
        formula="sqrt(bars_per_year * sum(d^i (r[t-i] - m)^2) / sum(d^i)), r simple returns, m their mean with the "
        "same weights, d = com / (1 + com), over all returns so far",
        source="Moskowitz, Ooi, Pedersen (2012), equation 1 (centre of mass 60 days); updated as in West (1979), "
        "Communications of the ACM 22(9)",
        unit="annualised volatility of returns (0.16 is 16 %)",
        low=0.0,
        nan_policy="A return to or from a missing, zero or negative price gives NaN in its row and is skipped.",
    ),
    Feature(
        name="std",
        family="volatility",
        meaning="How widely closes were scattered about their mean.",
        own_parameters=(whole("n", 20, 2, 100_000, "Rows in the window."),),
        warmup=_n,
        build=lambda values: w.deviation(CLOSE, _n(values)),
        formula="sqrt(sum((x - mean)^2) / (n - 1)) over x[t-n+1..t]; exactly 0 if all are equal",
        source="definition; sums about a reference that is renewed, against cancellation",
        unit="price",
        low=0.0,
        price_degree=1.0,
        nan_policy="A missing value makes every output NaN whose window holds it.",
    ),
)
"""Features of volatility."""
