"""Sets: lists of feature columns under one name, each family's contribution in the family's own file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from argus.core.errors import ConfigError
from argus.core.strategy import FeatureRef
from argus.features.declaration import column

__all__ = ["ALL", "PARTS", "FeatureSet", "columns_of", "feature_sets"]

ALL: Final = "all"
"""The set of all columns."""
PARTS: Final = ("futures", "physics", "mtf", "cross_asset")
"""The sets that it consists of."""


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Columns under one name.

    Attributes
    ----------
    name : str
    meaning : str
        What it is for, in plain words.
    columns : tuple of FeatureRef
    """

    name: str
    meaning: str
    columns: tuple[FeatureRef, ...]


@cache
def _sets() -> dict[str, FeatureSet]:
    from argus.features import families
    from argus.features.families.multi_timeframe import on_every_clock

    def columns(names: tuple[str, ...]) -> tuple[FeatureRef, ...]:
        return tuple(ref for family in families.modules(names) for ref in getattr(family, "COLUMNS", ()))

    market = columns(families.MARKET)
    found = [
        FeatureSet("futures", "What a trader of futures looks at on every bar.", (*market, *columns(families.CLOCK))),
        FeatureSet(
            "physics",
            "Shape, entropy, dynamics, flow, change, duration and spectrum of returns, ranges and volume.",
            columns(families.PHYSICS),
        ),
        FeatureSet(
            "mtf",
            "The same on bars of 5 minutes, 15 minutes, an hour and a session, and how these hold together.",
            (*columns(families.MULTI_TIMEFRAME), *on_every_clock(market)),
        ),
        FeatureSet(
            "cross_asset",
            "What other markets do, over the universe of the workspace: computed once, shared by all symbols.",
            columns(families.CROSS_ASSET),
        ),
    ]
    found.append(
        FeatureSet(
            ALL,
            "Every column of the sets above; harvested, each of them is a table of its own.",
            tuple(ref for one in found for ref in one.columns),
        )
    )
    for one in found:
        names = [ref.alias for ref in one.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"set {one.name} holds {', '.join(twice)} twice")
    return {one.name: one for one in found}


def feature_sets() -> Mapping[str, FeatureSet]:
    """All sets by name."""
    return dict(_sets())


def columns_of(what: str) -> tuple[FeatureRef, ...]:
    """The columns of a set, or of single features with their defaults, separated by commas.

    Raises
    ------
    ConfigError
        If there is no such set or feature; names the closest.
    """
    from argus.features.registry import features

    known = _sets()
    if what in known:
        return known[what].columns
    names = [name.strip() for name in what.split(",") if name.strip()]
    unknown = [name for name in names if name not in features()]
    if unknown or not names:
        asked = unknown[0] if unknown else what
        near = difflib.get_close_matches(asked, [*known, *features()], n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"sets: {', '.join(known)}"
        raise ConfigError(f"there is no set and no feature {asked!r}; {hint}")
    return tuple(column(name) for name in names)
