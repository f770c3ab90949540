"""The pages of ``argus options`` in one place: plain records of what was worked out, and a function that lays out each.

Nothing is computed here. Arrays of the records are float64 unless they say otherwise, volatilities are annual and
fractions, money is per unit of the underlying, NaN is shown as a dash with the reason that the record gives.
"""

from __future__ import annotations

from argus.report.options_anomalies import AnomalyRegions, AnomalyRow, AnomalyView, render_anomalies
from argus.report.options_pop import PopAnswer, PopFan, PopModel, PopView, render_pop
from argus.report.options_smile import SmileExpiry, SmileView, render_smile
from argus.report.options_structure import MarginLine, StructureView, render_structure
from argus.report.options_surface import (
    Density,
    Finding,
    SurfaceExpiry,
    SurfaceView,
    VolIndex,
    VolPremium,
    render_surface,
)
from argus.report.options_tables import LegLine, Measured, PositionTerms

__all__ = [
    "AnomalyRegions",
    "AnomalyRow",
    "AnomalyView",
    "Density",
    "Finding",
    "LegLine",
    "MarginLine",
    "Measured",
    "PopAnswer",
    "PopFan",
    "PopModel",
    "PopView",
    "PositionTerms",
    "SmileExpiry",
    "SmileView",
    "StructureView",
    "SurfaceExpiry",
    "SurfaceView",
    "VolIndex",
    "VolPremium",
    "render_anomalies",
    "render_pop",
    "render_smile",
    "render_structure",
    "render_surface",
]
