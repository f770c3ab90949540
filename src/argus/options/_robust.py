"""Huber's weights, and the standard errors that go with them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D

__all__ = ["coefficient_covariance", "huber_weights"]

_HUBER: Final = 1.345  # 95 % as efficient as least squares where errors are normal: Huber 1981, "Robust Statistics"
_TO_SIGMA: Final = 1.4826  # median absolute deviation to standard deviation, for normal errors
_KNOWN: Final = 2
"""Residuals that what is known of the noise beforehand is worth."""
_ERRORS: Final = 3.0
"""Standard errors within which the truth is to lie as often as a normal number lies within three."""


def huber_weights(left: F64_1D, least: float = 1e-12) -> F64_1D:
    """Weight of each residual: 1 up to 1.345 robust deviations, of `least` or more, then falling as its inverse."""
    # The floor lets an exact line be exact, without dividing by zero.
    sigma = max(_TO_SIGMA * float(np.median(np.abs(left))), least)
    weights: F64_1D = np.minimum(1.0, _HUBER * sigma / np.maximum(np.abs(left), 1e-300))
    return weights


def coefficient_covariance(columns: NDArray[Any], left: F64_1D, least: F64_1D) -> NDArray[Any]:
    """Covariance of the coefficients, from the residuals and from what is known of their noise beforehand.

    The residuals give White's form (1980), each over what its own pull on the fit leaves of it (HC3: MacKinnon and
    White 1985), times the square of Student's quantile over the normal one at three errors: few residuals may be small
    by luck. So a share of the deviation `least` that is known of each is added, the smaller the more residuals.

    A robust fit may go exactly through half of few points. Its median residual then says nothing, so that the weights
    here are taken anew, for a noise of `least` or more.
    """
    from scipy.special import ndtr, stdtrit

    count, width = columns.shape
    freedom = max(count - width, 1)
    weight = huber_weights(left, max(float(np.median(least)), 1e-12))
    bread = np.linalg.pinv(columns.T @ (columns * weight[:, None]))
    pull = weight * np.einsum("ij,jk,ik->i", columns, bread, columns)
    quantile = float(stdtrit(freedom + _KNOWN, ndtr(_ERRORS))) / _ERRORS
    noise = (quantile * left / np.maximum(1.0 - pull, 1e-3)) ** 2
    noise += least**2 * (_KNOWN / (freedom + _KNOWN))
    sides = bread @ (columns * (weight * np.sqrt(noise))[:, None]).T
    spread: NDArray[Any] = sides @ sides.T
    return spread
