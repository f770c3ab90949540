"""From opinions to orders that may be sent: sizing, and the risk policy that has the last word."""

from __future__ import annotations

from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits, SizingDecision, VolatilityTarget

__all__ = ["FixedUnits", "LimitRiskPolicy", "SizingDecision", "VolatilityTarget"]
