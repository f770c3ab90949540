"""Reports: self-contained pages and terminal tables drawn from records; nothing is computed here.

Verdict first, doubts before curves, and for every number the way back to the trades that made it.
"""

from __future__ import annotations

from argus.report.html import ReportContext, render_report, write_report
from argus.report.terminal import Scorecard, costs_view, doubts, scorecard, trace_view, verdict_line

__all__ = [
    "ReportContext",
    "Scorecard",
    "costs_view",
    "doubts",
    "render_report",
    "scorecard",
    "trace_view",
    "verdict_line",
    "write_report",
]
