"""Columns of features over the bars of a market, with what the exchange calendar says of each bar where one reads it.

Features know no calendar and no instrument: they compute on columns that they are given. Whoever computes one for a
strategy, in a run, in a trace or in an audit, does it here, so that all of them give it the same columns.
"""

from __future__ import annotations

from functools import lru_cache

from argus.core.arrays import F64_1D, Bars
from argus.core.instruments import InstrumentSpec
from argus.core.strategy import FeatureRef, ParameterValue
from argus.data.rolls import RollSchedule

__all__ = ["feature_column", "reads_calendar"]


def feature_column(
    ref: FeatureRef,
    spec: InstrumentSpec,
    bars: Bars,
    out: F64_1D | None = None,
    *,
    schedule: RollSchedule | None = None,
) -> F64_1D:
    """A feature over the bars of one instrument.

    Parameters
    ----------
    ref : FeatureRef
    spec : InstrumentSpec
        Of the bars' instrument; of the root, where they are a continuous series.
    bars : Bars
    out : (n,) float64 or None
        Where the values are to be written; None makes a new array.
    schedule : RollSchedule, optional
        Rolls of the continuous series that the bars are.

    Returns
    -------
    (n,) float64

    Raises
    ------
    ConfigError, DataError
        As `argus.features.compute`.
    CoverageError, InstrumentError
        As `argus.data.bar_calendar.calendar_columns`.
    """
    from argus.features import compute

    names = _calendar_inputs(ref.feature, tuple(sorted(ref.parameters.items())))
    if not names:
        return compute(ref, bars, out)
    from argus.data.bar_calendar import calendar_columns

    return compute(ref, bars, out, calendar_columns(bars, names, spec=spec, schedule=schedule))


def reads_calendar(ref: FeatureRef) -> bool:
    """Whether the feature reads what only the exchange calendar knows."""
    return bool(_calendar_inputs(ref.feature, tuple(sorted(ref.parameters.items()))))


@lru_cache(maxsize=1024)
def _calendar_inputs(feature: str, parameters: tuple[tuple[str, ParameterValue], ...]) -> tuple[str, ...]:
    """Calendar columns that the feature reads with these parameters."""
    from argus.features.declaration import inputs_of
    from argus.features.inputs import CALENDAR_INPUTS
    from argus.features.registry import feature as declared

    return tuple(name for name in inputs_of(declared(feature).term(dict(parameters))) if name in CALENDAR_INPUTS)
