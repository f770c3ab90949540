"""Audits of a strategy: does it know the future, does it need more history than it says, are its costs in force?

Each audit replays the strategy many times, writes every run to the trial ledger with the purpose ``audit``, and names
the first row and field that moved.
"""

from __future__ import annotations

from argus.lab.audit.alteration import Auxiliary, Variant, alter
from argus.lab.audit.costs import CostsSettings, audit_costs
from argus.lab.audit.lookahead import LookaheadSettings, audit_lookahead
from argus.lab.audit.recording import Recorder
from argus.lab.audit.report import AuditReport, Check, Difference, Status
from argus.lab.audit.rolled import RollRules, contracts_market
from argus.lab.audit.subject import Subject
from argus.lab.audit.warmup import WarmupSettings, audit_warmup

__all__ = [
    "AuditReport",
    "Auxiliary",
    "Check",
    "CostsSettings",
    "Difference",
    "LookaheadSettings",
    "Recorder",
    "RollRules",
    "Status",
    "Subject",
    "Variant",
    "WarmupSettings",
    "alter",
    "audit_costs",
    "audit_lookahead",
    "audit_warmup",
    "contracts_market",
]
