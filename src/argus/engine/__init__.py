"""The engine: matching, costs, margin and books in one kernel, and the replay of a strategy through it.

``run`` is the way in; what comes out is a `RunRecord`.
"""

from __future__ import annotations

from argus.engine.config import (
    AccountConfig,
    AccountKind,
    CostModel,
    FillRules,
    HaltRules,
    ImpactModel,
    RunConfig,
    SpreadModel,
)
from argus.engine.record import RunManifest, RunRecord
from argus.engine.replay import run, run_books

__all__ = [
    "AccountConfig",
    "AccountKind",
    "CostModel",
    "FillRules",
    "HaltRules",
    "ImpactModel",
    "RunConfig",
    "RunManifest",
    "RunRecord",
    "SpreadModel",
    "run",
    "run_books",
]
