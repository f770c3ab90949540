"""The trading ideas: each knows features and what its view shows, never an engine, a broker, a file or a wall clock."""

from __future__ import annotations

from argus.strategies.declared import DeclaredStrategy
from argus.strategies.mean_reversion import MeanReversion
from argus.strategies.overnight import Overnight
from argus.strategies.registry import create, strategies, strategy_class
from argus.strategies.sma_cross import SmaCross
from argus.strategies.tsmom import TimeSeriesMomentum

__all__ = [
    "DeclaredStrategy",
    "MeanReversion",
    "Overnight",
    "SmaCross",
    "TimeSeriesMomentum",
    "create",
    "strategies",
    "strategy_class",
]
