"""All features by name, and what a column of one depends on."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from functools import cache

from argus.core.errors import ConfigError
from argus.core.strategy import FeatureRef
from argus.features.declaration import Feature, kernels_of

__all__ = ["column_version", "feature", "features"]


@cache
def _declared() -> dict[str, Feature]:
    from argus.features.families import (
        change_point,
        clock,
        correlation,
        duration,
        dynamics,
        entropy,
        flow,
        morphology,
        price,
        spectrum,
        volatility,
    )

    physics = (morphology, entropy, dynamics, flow, change_point, duration, spectrum, correlation)

    found: dict[str, Feature] = {}
    for family in (price, volatility, *physics, clock):
        for declared in family.DECLARED:
            if declared.name in found:
                raise ConfigError(f"two features are called {declared.name}; rename one")
            found[declared.name] = declared
    return found


def feature(name: str) -> Feature:
    """The feature of that name, or `ConfigError` with the closest names."""
    known = _declared()
    found = known.get(name)
    if found is None:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"
        raise ConfigError(f"there is no feature '{name}'; {hint}")
    return found


def features() -> Mapping[str, Feature]:
    """All features by name, family by family."""
    return dict(_declared())


@cache
def _term_version(name: str, parameters: tuple[tuple[str, object], ...]) -> str:
    from argus.features._form_kernels import source_hash

    term = feature(name).term(dict(parameters))  # type: ignore[arg-type]
    digest = hashlib.sha256(repr(term).encode())
    for kernel in kernels_of(term):
        digest.update(f"{kernel}={source_hash(kernel)}".encode())
    return digest.hexdigest()[:16]


def column_version(ref: FeatureRef) -> str:
    """Hash of all that makes a column: its terms, their numbers, and the source of every kernel among them.

    What else is declared (words, ranges) does not change it. Two columns of the same version are the same numbers.
    """
    return _term_version(ref.feature, tuple(sorted(ref.parameters.items())))
