"""Every idea that was judged, side by side: what is left of each once all the others are counted.

A verdict corrects for the search behind it. It cannot know that it is one of forty experiments, of which two pass by
luck. Here the accounts of all verdicts in the registry are screened together: one row for each experiment and market.
An account that never traded, or whose verdict was never reached, counts as a test with a p-value of 1, so that leaving
out never helps. What was tried outside of experiments stands in the trial ledger and is not in here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from argus.lab.journal.registry import Event, EventKind
from argus.lab.multiple_testing.screens import benjamini_hochberg, haircut_sharpe, holm

__all__ = ["LEVEL", "Account", "Screen", "Screened", "account_of", "screen_of"]

LEVEL: Final = 0.05
"""What the sentence of a screen calls small."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a screen needs to know of an out-of-sample account.

    Attributes
    ----------
    p_value : float or None
        Chance that a worthless strategy shows such a Sharpe ratio or a higher one: 1 less the probabilistic Sharpe
        ratio above zero, which knows skewness and fat tails. None for an account that never moved.
    sharpe_annual : float or None
    years : float
        Of sessions behind it.
    """

    p_value: float | None
    sharpe_annual: float | None
    years: float


@dataclass(frozen=True, slots=True)
class Screened:
    """One idea among all.

    Attributes
    ----------
    experiment, name, market : str
    p_value : float
        1 where there is none.
    holm : float
        Corrected so that the chance of taking even one worthless idea is bounded.
    false_share : float
        Smallest share of worthless ideas, among those taken, at which this one is taken (Benjamini and Hochberg).
    sharpe_annual, sharpe_left : float or None
        As shown, and after the haircut of Harvey and Liu by Holm's correction.
    """

    experiment: str
    name: str
    market: str
    p_value: float
    holm: float
    false_share: float
    sharpe_annual: float | None
    sharpe_left: float | None


@dataclass(frozen=True, slots=True)
class Screen:
    """All ideas, the smallest p-value first.

    Attributes
    ----------
    rows : tuple of Screened
    unjudged : int
        Ideas that were registered and never run: nobody looked, so they do not count.
    unknown : int
        Rows without a p-value, which count with 1: never traded, never judged to the end, or judged by a version of
        Argus whose verdicts did not note it.
    sentence : str
    """

    rows: tuple[Screened, ...]
    unjudged: int
    unknown: int
    sentence: str


def account_of(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """What a verdict notes of an account, from its metrics as plain values."""
    psr, sessions, per_year = (metrics[name] for name in ("psr_zero", "sessions", "sessions_per_year"))
    return {
        "p_value": None if psr is None else 1.0 - psr,
        "sharpe_annual": metrics["sharpe_annual"],
        "years": sessions / per_year if per_year else 0.0,
    }


def screen_of(events: Sequence[Event]) -> Screen:
    """The screen over a registry.

    Parameters
    ----------
    events : sequence of Event
        In the order of the chain; of several verdicts on an experiment the last one counts.
    """
    names: dict[str, str] = {}
    registered: set[tuple[str, str]] = set()
    found: dict[tuple[str, str], Account] = {}
    for event in events:
        if event.kind == EventKind.REGISTERED:
            spec = event.body.get("spec", {})
            names[event.experiment] = str(spec.get("name", ""))
            registered.update((event.experiment, market) for market in spec.get("markets", {}))
        elif event.kind == EventKind.RUN:
            found.setdefault((event.experiment, str(event.body["market"])), Account(None, None, 0.0))
        elif event.kind == EventKind.VERDICT:
            for market, told in event.body.get("accounts", {}).items():
                found[event.experiment, market] = Account(told["p_value"], told["sharpe_annual"], told["years"])
    unjudged = len(registered - set(found))
    if not found:
        return Screen((), unjudged, 0, "No idea was judged yet.")
    ideas = list(found)
    p = np.array([1.0 if found[idea].p_value is None else found[idea].p_value for idea in ideas], dtype=np.float64)
    bounded, share = holm(p), benjamini_hochberg(p)
    left = _left([found[idea] for idea in ideas])
    rows = [
        Screened(
            experiment=idea[0],
            name=names.get(idea[0], ""),
            market=idea[1],
            p_value=float(p[k]),
            holm=float(bounded[k]),
            false_share=float(share[k]),
            sharpe_annual=found[idea].sharpe_annual,
            sharpe_left=left[k],
        )
        for k, idea in enumerate(ideas)
    ]
    rows.sort(key=lambda row: (row.p_value, row.experiment, row.market))
    unknown = sum(one.p_value is None for one in found.values())
    return Screen(tuple(rows), unjudged, unknown, _sentence(rows, unjudged, unknown))


def _left(accounts: Sequence[Account]) -> list[float | None]:
    """Sharpe ratios after the haircut, each held against the two-sided p-values of all the others."""
    known = [one.sharpe_annual is not None and one.years > 0.0 for one in accounts]
    p = [
        math.erfc(abs(one.sharpe_annual or 0.0) * math.sqrt(one.years / 2.0)) if is_known else 1.0
        for one, is_known in zip(accounts, known, strict=True)
    ]
    return [
        haircut_sharpe(
            one.sharpe_annual or 0.0, one.years, len(p), method="holm", others=[*p[:k], *p[k + 1 :]]
        ).sharpe_left
        if known[k]
        else None
        for k, one in enumerate(accounts)
    ]


def _sentence(rows: Sequence[Screened], unjudged: int, unknown: int) -> str:
    count = len(rows)
    alone = sum(row.p_value <= LEVEL for row in rows)
    left = sum(row.holm <= LEVEL for row in rows)
    told = [
        f"{count} idea{' was' if count == 1 else 's were'} judged, counting each experiment on each market: {alone} "
        f"with a p-value of {LEVEL:g} or less alone, {left} after counting all."
    ]
    if count > 1:
        told.append(f"Of {count} worthless ones {LEVEL * count:.1f} would have it by luck.")
    if unknown:
        verbs = ("has", "counts") if unknown == 1 else ("have", "count")
        told.append(
            f"{unknown} {verbs[0]} no p-value and {verbs[1]} with 1: "
            "never traded, not judged to the end, or judged before verdicts noted it (run the file again)."
        )
    if unjudged:
        told.append(f"{unjudged} more {'was' if unjudged == 1 else 'were'} registered and never run.")
    return " ".join(told)
