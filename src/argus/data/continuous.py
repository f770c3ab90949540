"""One price series out of many contracts, for signals only: nothing may ever fill at these prices.

Where the schedule leaves one contract for the next, the two trade at different prices, and the difference is nobody's
profit. An adjusted series takes it out, measured on the last bar that both contracts traded and that was received
before the roll takes effect. `continuous_series` anchors the series at its *oldest* contract, whose prices stay as they
were, and shifts the later ones: so a row once written never changes, and each value uses only what was known at its
time.

The customary chart does the opposite: it keeps the newest contract and rewrites the whole past at each roll.
`back_adjusted` draws it. A strategy that reads it sees gaps of rolls that lie in its future (in a ratio-adjusted one
even levels scaled by them), so such a series is marked, and its instrument is a name that no specification answers to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from argus.core.arrays import BAR_FIELDS, BOOL_1D, F64_1D, I32_1D, I64_1D, Bars, readonly
from argus.core.errors import DataError, LookAheadError
from argus.core.time import format_ns
from argus.data.rolls import Leg, Roll, RollSchedule

__all__ = ["Adjustment", "Anchor", "ContinuousSeries", "Splice", "back_adjusted", "continuous_series"]

_PRICES: Final = BAR_FIELDS[:4]
_CHART_ONLY: Final = "BACK_ADJUSTED"


class Adjustment(StrEnum):
    """How the gap at a roll is taken out."""

    UNADJUSTED = "unadjusted"
    """It is not: prices are those that traded, with a jump at each roll."""
    DIFFERENCE = "difference"
    """By an amount: price changes are right, percentage returns are not."""
    RATIO = "ratio"
    """By a factor: percentage returns are right, price changes are not. Needs prices above zero."""


class Anchor(StrEnum):
    """Which end of the series keeps the prices that traded."""

    FORWARD = "forward"
    """The oldest contract: the past is never rewritten."""
    BACKWARD = "backward"
    """The newest contract: each roll rewrites the past. For charts."""


@dataclass(frozen=True, slots=True)
class Splice:
    """Where two contracts are joined.

    Attributes
    ----------
    roll : Roll
    bar_ns : int or None
        Start of the bar on which the gap was measured; None where nothing was measured.
    from_close, to_close : float
        Closes of the two contracts on that bar; NaN where nothing was measured.
    """

    roll: Roll
    bar_ns: int | None
    from_close: float
    to_close: float


@dataclass(frozen=True, slots=True, eq=False)
class ContinuousSeries:
    """Bars of a root without the gaps of its rolls.

    Attributes
    ----------
    bars : Bars
        Adjusted prices; volume and open interest are those of the contract in front. The instrument is the root, or a
        name that no specification answers to if the series is for charts only.
    contract : (n,) int32
        Which of `symbols` each row comes from.
    symbols : tuple of str
        Contracts, one for each leg of the schedule that has bars.
    amount : (n,) float64
        What was done to each row's prices: the offset added, or the factor multiplied with; 0 or 1 if nothing.
    adjustment : Adjustment
    anchor : Anchor
    splices : tuple of Splice
    schedule : RollSchedule
    notes : tuple of str
        What a reader of results must know.
    """

    bars: Bars
    contract: I32_1D
    symbols: tuple[str, ...]
    amount: F64_1D
    adjustment: Adjustment
    anchor: Anchor
    splices: tuple[Splice, ...]
    schedule: RollSchedule
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        readonly(self.contract)
        readonly(self.amount)

    @property
    def usable_by_strategies(self) -> bool:
        """False if values of the past depend on rolls of the future."""
        return self.anchor is Anchor.FORWARD

    def for_strategies(self) -> Bars:
        """The bars, if a strategy may read them.

        Raises
        ------
        LookAheadError
            If the series is anchored at its newest contract.
        """
        if not self.usable_by_strategies:
            raise LookAheadError(
                f"{self.schedule.root}: the series is back-adjusted, so that its past was rewritten by later rolls; it "
                "is for charts. Give strategies the forward-anchored series (argus.data.continuous_series)"
            )
        return self.bars


def continuous_series(
    contracts: Mapping[str, Bars], schedule: RollSchedule, adjustment: Adjustment = Adjustment.DIFFERENCE
) -> ContinuousSeries:
    """The series for signals: the oldest contract keeps its prices, later ones are shifted onto it.

    At each roll the gap is measured on the last bar (same start and close) that both contracts traded and that was
    received no later than the roll takes effect; what is added (or multiplied) from then on is the sum (product) of all
    gaps so far. A bar counts as traded if its close is a number and its volume, where observed, is above zero.

    Parameters
    ----------
    contracts : mapping
        Contract's name to its bars; all those that the schedule names.
    schedule : RollSchedule
    adjustment : Adjustment

    Raises
    ------
    DataError
        If a contract of the schedule is missing, two contracts have no bar in common before their roll, or prices are
        not above zero where a ratio is asked for.
    """
    return _spliced(contracts, schedule, Adjustment(adjustment), Anchor.FORWARD)


def rolls_measured(contracts: Mapping[str, Bars], schedule: RollSchedule) -> int:
    """How many rolls of the schedule, from the first on, have a common bar on which their gap can be measured."""
    for at, roll in enumerate(schedule.rolls):
        if _splice(contracts, roll, Adjustment.UNADJUSTED).bar_ns is None:
            return at
    return len(schedule.rolls)


def back_adjusted(
    contracts: Mapping[str, Bars], schedule: RollSchedule, adjustment: Adjustment = Adjustment.DIFFERENCE
) -> ContinuousSeries:
    """The series for charts: the newest contract keeps its prices, and every roll rewrites the past.

    Not usable by strategies; see `ContinuousSeries.for_strategies`. Parameters and errors as in `continuous_series`.
    """
    return _spliced(contracts, schedule, Adjustment(adjustment), Anchor.BACKWARD)


@dataclass(frozen=True, slots=True)
class _Part:
    """A leg of the schedule with its rows of the contract's bars."""

    leg: Leg
    bars: Bars


def _spliced(
    contracts: Mapping[str, Bars], schedule: RollSchedule, adjustment: Adjustment, anchor: Anchor
) -> ContinuousSeries:
    parts = [_part(contracts, schedule, leg) for leg in schedule.legs]
    splices = tuple(_splice(contracts, roll, adjustment) for roll in schedule.rolls)
    amounts = _amounts(splices, adjustment, anchor)
    if adjustment is Adjustment.RATIO:
        _check_positive(parts)
    kept = [(part, amount) for part, amount in zip(parts, amounts, strict=True) if len(part.bars)]
    if not kept:
        raise DataError(f"{schedule.root}: no contract has bars while it is in front; check the schedule's contracts")
    lengths = [len(part.bars) for part, _ in kept]
    name = schedule.root if anchor is Anchor.FORWARD else f"{schedule.root}:{_CHART_ONLY}"
    amount = np.repeat([amount for _, amount in kept], lengths)
    return ContinuousSeries(
        bars=_joined([part.bars for part, _ in kept], amount, adjustment, name),
        contract=np.repeat(np.arange(len(kept), dtype=np.int32), lengths),
        symbols=tuple(part.leg.symbol for part, _ in kept),
        amount=amount,
        adjustment=adjustment,
        anchor=anchor,
        splices=splices,
        schedule=schedule,
        notes=(*schedule.notes, *_notes(parts, splices, contracts)),
    )


def _bars_of(contracts: Mapping[str, Bars], symbol: str) -> Bars:
    if symbol not in contracts:
        raise DataError(
            f"the schedule names {symbol}, which is not among the {len(contracts)} contracts given; give those that "
            "the schedule was made from"
        )
    return contracts[symbol]


def _part(contracts: Mapping[str, Bars], schedule: RollSchedule, leg: Leg) -> _Part:
    bars = _bars_of(contracts, leg.symbol)
    start = int(np.searchsorted(bars.ts_event_ns, leg.start_ns))
    stop = len(bars) if leg.end_ns is None else int(np.searchsorted(bars.ts_event_ns, leg.end_ns))
    part = bars.rows(start, max(start, stop))
    if len(part) and leg.end_ns is not None and part.ts_close_ns[-1] > leg.end_ns:
        raise DataError(
            f"{leg.symbol}: the bar that starts at {format_ns(int(part.ts_event_ns[-1]))} reaches beyond the roll at "
            f"{format_ns(leg.end_ns)}; take bars that end with the session"
        )
    return _Part(leg, part)


def _traded(bars: Bars) -> BOOL_1D:
    alive: BOOL_1D = np.isfinite(bars.close)
    return alive & (bars.volume > 0) if "volume" in bars.observed else alive


def _splice(contracts: Mapping[str, Bars], roll: Roll, adjustment: Adjustment) -> Splice:
    old, new = _bars_of(contracts, roll.from_symbol), _bars_of(contracts, roll.to_symbol)
    rows = [_known_and_traded(bars, roll.effective_ns) for bars in (old, new)]
    _, first, second = np.intersect1d(
        old.ts_event_ns[rows[0]], new.ts_event_ns[rows[1]], assume_unique=True, return_indices=True
    )
    ours, theirs = rows[0][first], rows[1][second]
    same = old.ts_close_ns[ours] == new.ts_close_ns[theirs]
    ours, theirs = ours[same], theirs[same]
    if not len(ours):
        if adjustment is Adjustment.UNADJUSTED:
            return Splice(roll, None, float("nan"), float("nan"))
        raise DataError(
            f"{roll.from_symbol} and {roll.to_symbol} traded in no common bar before their roll on {roll.session}, so "
            "that the gap between them cannot be measured; take longer bars or the unadjusted series"
        )
    return Splice(roll, int(old.ts_event_ns[ours[-1]]), float(old.close[ours[-1]]), float(new.close[theirs[-1]]))


def _known_and_traded(bars: Bars, by_ns: int) -> I64_1D:
    known = int(np.searchsorted(bars.ts_recv_ns, by_ns, side="right"))
    rows: I64_1D = np.flatnonzero(_traded(bars.rows(0, known)))
    return rows


def _amounts(splices: Sequence[Splice], adjustment: Adjustment, anchor: Anchor) -> F64_1D:
    """What is added to (or multiplied with) each leg's prices, summed up from the anchored end."""
    neutral = 1.0 if adjustment is Adjustment.RATIO else 0.0
    amounts = np.full(len(splices) + 1, neutral)
    if adjustment is Adjustment.UNADJUSTED:
        return amounts
    for at, splice in enumerate(splices):
        if adjustment is Adjustment.DIFFERENCE:
            amounts[at + 1] = amounts[at] + (splice.from_close - splice.to_close)
            continue
        for close, symbol in ((splice.from_close, splice.roll.from_symbol), (splice.to_close, splice.roll.to_symbol)):
            if close <= 0:
                assert splice.bar_ns is not None
                raise _not_positive(symbol, splice.bar_ns, close)
        amounts[at + 1] = amounts[at] * (splice.from_close / splice.to_close)
    if anchor is Anchor.BACKWARD:
        last = float(amounts[-1])
        amounts = amounts - last if adjustment is Adjustment.DIFFERENCE else amounts / last
    return amounts


def _check_positive(parts: Sequence[_Part]) -> None:
    for part in parts:
        for column in _PRICES:
            values = getattr(part.bars, column)
            bad = np.flatnonzero(values <= 0)
            if len(bad):
                row = int(bad[0])
                raise _not_positive(part.leg.symbol, int(part.bars.ts_event_ns[row]), float(values[row]))


def _not_positive(symbol: str, bar_ns: int, price: float) -> DataError:
    return DataError(
        f"{symbol}: the bar that starts at {format_ns(bar_ns)} has the price {price:g}, and a ratio of prices at or "
        "below zero means nothing; use the difference adjustment"
    )


def _joined(parts: Sequence[Bars], amount: F64_1D, adjustment: Adjustment, name: str) -> Bars:
    observed = frozenset.intersection(*(bars.observed for bars in parts))
    columns = {
        column: np.concatenate([getattr(bars, column) for bars in parts])
        for column in ("ts_event_ns", "ts_close_ns", "ts_recv_ns", "session", "session_end", *BAR_FIELDS)
    }
    for column in BAR_FIELDS:
        if column not in observed:
            columns[column] = np.full(len(amount), np.nan)
        elif column in _PRICES and adjustment is not Adjustment.UNADJUSTED:
            values = columns[column]
            columns[column] = values + amount if adjustment is Adjustment.DIFFERENCE else values * amount
    return replace(parts[0], instrument=name, observed=observed, **columns)


def _notes(parts: Sequence[_Part], splices: Sequence[Splice], contracts: Mapping[str, Bars]) -> list[str]:
    notes = [
        f"{part.leg.symbol} has no bars while it is in front, from {format_ns(part.leg.start_ns)}"
        for part in parts
        if not len(part.bars)
    ]
    for splice in splices:
        if splice.bar_ns is None:
            notes.append(f"{splice.roll.from_symbol} and {splice.roll.to_symbol}: no common bar, gap not measured")
            continue
        old = contracts[splice.roll.from_symbol]
        known = int(np.searchsorted(old.ts_recv_ns, splice.roll.effective_ns, side="right"))
        measured = int(np.searchsorted(old.ts_event_ns, splice.bar_ns))
        if known and old.session[measured] != old.session[known - 1]:
            notes.append(
                f"{splice.roll.from_symbol} to {splice.roll.to_symbol} on {splice.roll.session}: the last common bar "
                f"starts at {format_ns(splice.bar_ns)}, sessions before the roll"
            )
    return notes
