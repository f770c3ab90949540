"""The lab: what a strategy must survive before anybody trades it, and how far the lab itself can be trusted.

`evaluate` takes a candidate to a verdict; the other modules are the questions it asks.
"""

from __future__ import annotations

from argus.lab.calibration.cases import Case, calibration_plan
from argus.lab.calibration.table import CalibrationTable
from argus.lab.evaluation import Evaluation
from argus.lab.gates import GATES, Gate, GateResult
from argus.lab.journal.trials import MemoryTrialLedger, SqlTrialLedger, Trial, TrialJournal
from argus.lab.research import Candidate, ResearchSettings, evaluate
from argus.lab.search.walk_forward import WalkForwardStrategy
from argus.lab.stress.bootstrap import BootstrapResult, bootstrap_trades

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
