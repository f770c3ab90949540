"""Causal features: each a small carried state and an update, declared once in a registry; arrays in, arrays out."""

from __future__ import annotations

from argus.features.registry import Feature, FeatureStream, compute, feature, features

__all__ = ["Feature", "FeatureStream", "compute", "feature", "features"]
