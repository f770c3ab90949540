"""Roots of futures in an audit: schedule and series are made anew from every market that an audit runs on.

So the audit replaces what comes after an instant in the contracts themselves, and sees whether a roll moves that was
due before, whether the series moves that the strategy reads, or what it decides on it. A roll that was made from the
volume of sessions to come, or a series whose past is rewritten by later rolls, is found as a peeking strategy is.

A replaced future must not stop a run that a real one would not have stopped. What is an error of the data in a backtest
(a contract in which no roll could be traded, a gap that cannot be measured) ends the schedule here at that roll.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import ConfigError
from argus.core.instruments import InstrumentSpec
from argus.data.calendars import hold_tables
from argus.data.continuous import Adjustment, rolls_measured
from argus.data.contract_dates import contract_life, contract_spec
from argus.data.rolls import RollRule, RollSchedule, roll_schedule
from argus.engine.rolling import RolledRoot, rolled_root
from argus.lab.audit.alteration import Market

__all__ = ["RollRules", "contracts_market", "know_calendars", "series_of"]


def contracts_market(contracts: Mapping[str, Bars], spec: InstrumentSpec) -> dict[str, tuple[InstrumentSpec, Bars]]:
    """The market of a root: every contract with bars before its last trade, also those that are never in front."""
    market = {}
    for symbol, bars in contracts.items():
        last_ns = contract_life(symbol, spec, bars).last_trade_ns
        kept = bars.rows(0, int(np.searchsorted(bars.ts_event_ns, last_ns)))
        if len(kept):
            market[symbol] = (contract_spec(spec, symbol), kept)
    return market


@dataclass(frozen=True, slots=True)
class RollRules:
    """How contracts become roots.

    Attributes
    ----------
    rules : tuple of (InstrumentSpec, RollRule)
        One for each root.
    adjustment : Adjustment
        Of the series that the strategy reads.

    Raises
    ------
    ConfigError
        If prices are scaled of an instrument whose price may be negative: what an audit puts in the place of the future
        may be below zero, where a ratio means nothing.
    """

    rules: tuple[tuple[InstrumentSpec, RollRule], ...]
    adjustment: Adjustment = Adjustment.DIFFERENCE

    def __post_init__(self) -> None:
        for spec, _ in self.rules:
            if self.adjustment is Adjustment.RATIO and spec.price_may_be_negative:
                raise ConfigError(
                    f"{spec.symbol}: its price may be negative, and so may the futures be that an audit tries; audit "
                    "it with --adjust difference"
                )

    def roots(self, market: Market) -> tuple[RolledRoot, ...]:
        """The roots that these contracts make.

        Parameters
        ----------
        market : mapping
            Contract's name to its specification and bars.
        """
        return tuple(self.root(self._contracts(market, spec), spec, rule) for spec, rule in self.rules)

    def root(self, contracts: Mapping[str, Bars], spec: InstrumentSpec, rule: RollRule) -> RolledRoot:
        """One root, as far as its rolls can be made."""
        schedule = self.schedule(contracts, spec, rule)
        if self.adjustment is not Adjustment.UNADJUSTED:
            schedule = _until_roll(schedule, rolls_measured(contracts, schedule))
        return rolled_root(contracts, spec, adjustment=self.adjustment, schedule=schedule, is_cut=True)

    def schedule(self, contracts: Mapping[str, Bars], spec: InstrumentSpec, rule: RollRule) -> RollSchedule:
        """The rolls; an audit of another way of rolling gives its own."""
        return roll_schedule(contracts, spec, rule, on_gap="hole")

    def read(self, market: Market) -> dict[str, tuple[InstrumentSpec, Bars]]:
        """What a strategy on these roots reads: the continuous series of each, under the root's own specification."""
        return series_of(self.roots(market))

    def _contracts(self, market: Market, spec: InstrumentSpec) -> dict[str, Bars]:
        begin = f"{spec.symbol}."
        return {symbol: bars for symbol, (_, bars) in market.items() if symbol.startswith(begin) and len(bars)}


def series_of(roots: tuple[RolledRoot, ...]) -> dict[str, tuple[InstrumentSpec, Bars]]:
    """The series that strategies on roots read, by root."""
    return {root.symbol: (root.spec, root.series.for_strategies()) for root in roots}


def know_calendars(
    specs: tuple[InstrumentSpec, ...], contracts: tuple[str, ...], held: tuple[tuple[str, date, date], ...]
) -> None:
    """Build what a schedule asks of calendars: it takes seconds, and cannot be done where the clock is moved."""
    hold_tables(held)
    for spec in specs:
        for symbol in contracts:
            if symbol.startswith(f"{spec.symbol}."):
                contract_life(symbol, spec)


def _until_roll(schedule: RollSchedule, count: int) -> RollSchedule:
    """The schedule with so many rolls; the last contract then stays in front."""
    if count == len(schedule.rolls):
        return schedule
    stop_ns = schedule.rolls[count].effective_ns
    holes = tuple(hole for hole in schedule.holes if hole[1] is not None and hole[1] < stop_ns)
    return replace(schedule, rolls=schedule.rolls[:count], holes=holes, end_ns=None)
