"""Causal features: declared once in families, computed with carried state, in batch and live to the same bits."""

from __future__ import annotations

from argus.features.compute import SetRunner, bar_columns, compute, compute_set
from argus.features.declaration import Feature, column
from argus.features.live import LiveFeatures, LiveUniverse
from argus.features.registry import column_version, feature, features

__all__ = [
    "Feature",
    "LiveFeatures",
    "LiveUniverse",
    "SetRunner",
    "bar_columns",
    "column",
    "column_version",
    "compute",
    "compute_set",
    "feature",
    "features",
]
