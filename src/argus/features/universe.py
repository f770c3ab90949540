"""The universe: which markets cross-asset features look at, by the role that each plays.

A feature names roles, never symbols: ``gold`` may be a future for one trader and a fund for another. A workspace says
which of its datasets plays which role. A feature whose roles nobody plays has no column; a group goes on with the
members that there are, as long as half of them are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from argus.core.strategy import FeatureRef
from argus.features.declaration import inputs_of
from argus.features.graph import Input, input_column

__all__ = [
    "APPETITE",
    "GROUPS",
    "ROLES",
    "Role",
    "least_of",
    "member_close",
    "members_read",
    "pairs_of",
    "usable",
    "what_is_lacking",
]


@dataclass(frozen=True, slots=True)
class Role:
    """A place in the universe.

    Attributes
    ----------
    meaning : str
        What it stands for.
    instruments : str
        What customarily plays it.
    is_level : bool
        Whether it is an index that is published and not traded: on finer clocks its last daily close counts.
    """

    meaning: str
    instruments: str
    is_level: bool = False


ROLES: Final[dict[str, Role]] = {
    "equity": Role("large US shares", "S&P 500: MES, ES, SPY"),
    "nasdaq": Role("US growth and technology shares", "Nasdaq-100: MNQ, NQ, QQQ"),
    "small_caps": Role("small US shares", "Russell 2000: M2K, RTY, IWM"),
    "dow": Role("thirty large US industrial shares", "Dow Jones Industrial Average: MYM, YM, DIA"),
    "bonds_30y": Role("long US Treasury bonds", "ZB, TLT"),
    "bonds_10y": Role("US Treasury notes of ten years", "ZN, IEF"),
    "bonds_5y": Role("US Treasury notes of five years", "ZF, IEI"),
    "high_yield": Role("US corporate bonds of low rating", "HYG, JNK"),
    "dollar": Role("the US dollar against other currencies", "UUP"),
    "euro": Role("the euro in US dollars; the dollar inverted", "M6E, 6E, EURUSD"),
    "yen": Role("the yen in US dollars, where money flees to", "6J"),
    "aussie": Role("the Australian dollar in US dollars, which follows growth", "6A, AUDUSD"),
    "gold": Role("gold", "MGC, GC, GLD"),
    "silver": Role("silver", "SIL, SI, SLV"),
    "oil": Role("crude oil", "MCL, CL, USO"),
    "gas": Role("natural gas", "QG, NG, UNG"),
    "volatility_front": Role("the next future on the VIX, at prices that traded", "VXM#1, VX#1"),
    "volatility_second": Role("the future on the VIX after that, at prices that traded", "VXM#2, VX#2"),
    "vix": Role("volatility of the S&P 500 implied by options of thirty days, in percent", "VIX", is_level=True),
    "vvix": Role("volatility of the VIX implied by its options, in percent", "VVIX", is_level=True),
    "bitcoin": Role("bitcoin in US dollars", "BTCUSD"),
    "energy": Role("shares of energy", "XLE"),
    "financials": Role("shares of banks and insurers", "XLF"),
    "industrials": Role("shares of industry", "XLI"),
    "technology": Role("shares of technology", "XLK"),
    "staples": Role("shares of what people buy in any case", "XLP"),
    "utilities": Role("shares of utilities", "XLU"),
    "health_care": Role("shares of health care", "XLV"),
    "discretionary": Role("shares of what people buy when they have money", "XLY"),
}
"""Every role; the first that is played gives the universe its rows unless another is asked to."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "sectors": (
        *("energy", "financials", "industrials", "technology"),
        *("staples", "utilities", "health_care", "discretionary"),
    ),
    "assets": ("equity", "bonds_10y", "euro", "gold", "silver", "oil", "gas", "bitcoin"),
    "indices": ("equity", "nasdaq", "small_caps", "dow"),
}
"""Groups over which breadth, dispersion and common movement are taken."""

APPETITE: Final[tuple[tuple[str, str], ...]] = (
    ("equity", "bonds_10y"),
    ("small_caps", "equity"),
    ("high_yield", "bonds_10y"),
    ("discretionary", "staples"),
    ("oil", "gold"),
    ("aussie", "yen"),
)
"""Pairs of which the first is held by those who seek risk, the second by those who flee it."""


def least_of(count: int) -> int:
    """How many of `count` members must be known: half, and no fewer than two."""
    return max(2, (count + 1) // 2)


def pairs_of(group: str) -> tuple[tuple[str, str], ...]:
    """Every pair of different members of a group, each once."""
    return tuple(combinations(GROUPS[group], 2))


def member_close(role: str) -> Input:
    """Close of the member that plays a role, as last known."""
    return input_column("close", role)


def members_read(ref: FeatureRef) -> tuple[str, ...]:
    """Roles that a column reads."""
    from argus.features.registry import feature

    keys = inputs_of(feature(ref.feature).term(ref.parameters))
    return tuple(dict.fromkeys(role for _, _, role in (key.partition("@") for key in keys) if role))


def _parts(ref: FeatureRef) -> tuple[tuple[tuple[str, ...], ...], int]:
    """What a column is made of, each part by its roles, and how many parts it needs."""
    from argus.features.registry import feature

    group = feature(ref.feature).values(ref.parameters).get("group")
    if isinstance(group, str) and group in GROUPS:
        members = GROUPS[group]
        return tuple((role,) for role in members), least_of(len(members))
    if ref.feature == "risk_appetite":
        return APPETITE, least_of(len(APPETITE))
    roles = members_read(ref)
    return tuple((role,) for role in roles), len(roles)


def what_is_lacking(ref: FeatureRef, members: Collection[str]) -> str:
    """Why a column cannot be made with these members; empty if it can."""
    parts, needed = _parts(ref)
    there = [part for part in parts if set(part) <= set(members)]
    if len(there) >= needed:
        return ""
    lacking = ", ".join(dict.fromkeys(role for part in parts for role in part if role not in members))
    if needed == len(parts):
        return f"nobody plays {lacking}"
    return f"{len(there)} of {len(parts)} parts are there, {needed} are needed; nobody plays {lacking}"


def usable(refs: Sequence[FeatureRef], members: Collection[str]) -> tuple[tuple[FeatureRef, ...], dict[str, str]]:
    """(columns that can be made with these members, why each of the others cannot, by alias)."""
    reasons = {ref.alias: what_is_lacking(ref, members) for ref in refs}
    kept = tuple(ref for ref in refs if not reasons[ref.alias])
    return kept, {alias: why for alias, why in reasons.items() if why}
