"""What speaks against a column, from errors that forbid its use to remarks: each with the figure that it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from argus.features import Feature
from argus.lab.audit.features import FeatureVerdict
from argus.lab.audit.report import Status
from argus.lab.feature_study.study import Distribution, Drift, Stationarity

__all__ = ["FeatureFlag", "Severity", "feature_flags"]

_HOLES = 0.05
_STUCK = 0.995


class Severity(StrEnum):
    """How much a flag weighs."""

    ERROR = "error"
    DOUBT = "doubt"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class FeatureFlag:
    """One reason to look twice.

    Attributes
    ----------
    name : str
        causality, range, empty, unmoved, holes, stuck, trending, shifted or redundant.
    severity : Severity
    sentence : str
    """

    name: str
    severity: Severity
    sentence: str


def feature_flags(
    declared: Feature,
    seen: Distribution,
    level: Stationarity,
    years: Drift,
    verdict: FeatureVerdict,
    same_as: str = "",
) -> tuple[FeatureFlag, ...]:
    """Everything that speaks against a column, the gravest first.

    Parameters
    ----------
    declared : Feature
    seen, level, years, verdict
        What was found out about the column.
    same_as : str
        The column that says the same and is kept instead; empty for none.
    """
    error, doubt, note = Severity.ERROR, Severity.DOUBT, Severity.NOTE
    found = []
    if verdict.status is Status.FOUND:
        found.append(FeatureFlag("causality", error, verdict.sentence))
    if seen.below or seen.above:
        found.append(
            FeatureFlag(
                "range",
                error,
                f"{seen.below + seen.above:,} values leave the declared range {declared.low:g} to {declared.high:g}: "
                f"they lie between {seen.low:.6g} and {seen.high:.6g}",
            )
        )
    if not seen.known:
        return (*found, FeatureFlag("empty", doubt, "it has no value on these rows: too few of them, or no input"))
    if verdict.status is Status.INSUFFICIENT:
        found.append(FeatureFlag("unmoved", doubt, f"its causality was not shown: {verdict.sentence}"))
    if seen.hole_share > _HOLES:
        found.append(FeatureFlag("holes", doubt, f"{seen.hole_share:.1%} of the rows after its first value have none"))
    if seen.top_share > _STUCK:
        found.append(FeatureFlag("stuck", doubt, f"{seen.top_share:.2%} of its values are {seen.top_value:.6g}"))
    if level.word == "trending":
        why = ""
        if declared.price_degree:
            why = "; it is in units of price: divide by a price or a volatility"
        elif declared.volume_degree:
            why = "; it is in units of volume: divide by its average"
        found.append(FeatureFlag("trending", doubt, f"{level.sentence}{why}"))
    if years.word == "shifted":
        found.append(FeatureFlag("shifted", doubt, years.sentence))
    if same_as:
        found.append(FeatureFlag("redundant", note, f"it says the same as {same_as}"))
    return tuple(found)
