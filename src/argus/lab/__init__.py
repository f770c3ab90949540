"""The lab: what a strategy must survive before anybody trades it, and how far the lab itself can be trusted.

`evaluate` takes a candidate to a verdict; the other modules are the questions it asks.
"""

from __future__ import annotations

from argus.lab.bootstrap import BootstrapResult, bootstrap_trades
from argus.lab.calibration import Case, calibration_plan
from argus.lab.calibration_table import CalibrationTable
from argus.lab.evaluation import Evaluation
from argus.lab.gates import GATES, Gate, GateResult
from argus.lab.research import Candidate, ResearchSettings, evaluate
from argus.lab.trials import MemoryTrialLedger, SqlTrialLedger, Trial, TrialJournal
from argus.lab.walk_forward import WalkForwardStrategy

__all__ = [
    "GATES",
    "BootstrapResult",
    "CalibrationTable",
    "Candidate",
    "Case",
    "Evaluation",
    "Gate",
    "GateResult",
    "MemoryTrialLedger",
    "ResearchSettings",
    "SqlTrialLedger",
    "Trial",
    "TrialJournal",
    "WalkForwardStrategy",
    "bootstrap_trades",
    "calibration_plan",
    "evaluate",
]
