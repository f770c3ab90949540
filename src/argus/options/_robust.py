"""Huber's weights, and the standard errors that go with them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D

__all__ = ["huber_weights", "white_covariance"]

_HUBER: Final = 1.345  # 95 % as efficient as least squares where errors are normal: Huber 1981, "Robust Statistics"
_TO_SIGMA: Final = 1.4826  # median absolute deviation to standard deviation, for normal errors


def huber_weights(left: F64_1D) -> F64_1D:
    """Weight of each residual: 1 up to 1.345 robust deviations, then falling as its inverse."""
    # The floor lets an exact line be exact, without dividing by zero.
    sigma = max(_TO_SIGMA * float(np.median(np.abs(left))), 1e-12)
    weights: F64_1D = np.minimum(1.0, _HUBER * sigma / np.maximum(np.abs(left), 1e-300))
    return weights


def white_covariance(columns: NDArray[Any], weight: F64_1D, left: F64_1D) -> NDArray[Any]:
    """Covariance of the coefficients from the residuals themselves (White 1980), with the freedom that is left."""
    bread = np.linalg.pinv(columns.T @ (columns * weight[:, None]))
    meat = columns.T @ (columns * (weight * left)[:, None] ** 2)
    freedom = max(len(left) - columns.shape[1], 1)
    spread: NDArray[Any] = bread @ meat @ bread * len(left) / freedom
    return spread
