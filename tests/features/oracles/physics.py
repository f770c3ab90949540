"""Every physics feature's oracle: shape and disorder, motion and flow."""

from __future__ import annotations

from typing import Final

from tests.features.oracles.motion import CHANGE_POINT, DURATION, DYNAMICS, FLOW
from tests.features.oracles.shape import CORRELATION, ENTROPY, MORPHOLOGY, SPECTRUM
from tests.features.oracles.windows import Oracle

__all__ = ["FAMILIES", "PHYSICS"]

FAMILIES: Final[dict[str, dict[str, Oracle]]] = {
    "morphology": MORPHOLOGY,
    "entropy": ENTROPY,
    "dynamics": DYNAMICS,
    "flow": FLOW,
    "change_point": CHANGE_POINT,
    "duration": DURATION,
    "spectrum": SPECTRUM,
    "correlation": CORRELATION,
}
PHYSICS: Final[dict[str, Oracle]] = {name: one for family in FAMILIES.values() for name, one in family.items()}
