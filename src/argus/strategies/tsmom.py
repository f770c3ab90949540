"""Time-series momentum: hold what has risen, sell what has fallen, in proportion to the calm of the market."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Final

from argus.core.intents import Forecast, Intent
from argus.core.ports import View
from argus.core.strategy import FeatureRef, Parameter, ParameterValue, StrategyConstraints, WakeRule
from argus.strategies.declared import (
    EXECUTION,
    EXECUTIONS,
    LONG_ONLY,
    SESSIONS_PER_YEAR,
    DeclaredStrategy,
    Values,
    session_day,
    session_vol,
)

__all__ = ["TimeSeriesMomentum"]

_EVERY_DAY: Final = 300.0
"""A market with so many sessions a year knows no weekends."""


class TimeSeriesMomentum(DeclaredStrategy):
    """The sign of the past return, revised every few sessions; the sizer scales it to a volatility target.

    Revisions fall where the number of weekdays since 1970 passes a multiple of `rebalance`, so that they depend neither
    on the session on which the run starts nor on where the data begin; the first decision comes at once. Where a year
    has 300 sessions or more, every day counts. A return or volatility that cannot be computed is no opinion, and no
    opinion is no position.
    """

    NAME: ClassVar[str] = "tsmom"
    VERSION: ClassVar[str] = "2"
    SUMMARY: ClassVar[str] = "Follow the sign of the past return over weeks to a year, scaled to constant volatility."
    SOURCE: ClassVar[str] = (
        "Moskowitz, Ooi, Pedersen (2012), Time series momentum, Journal of Financial Economics 104(2)"
    )
    WHY: ClassVar[str] = (
        "Investors react slowly at first and herd later, and hedgers pay speculators who take the other side."
    )
    FAILS: ClassVar[str] = "At sharp turns, and through years in which markets swing inside a range."
    FITS: ClassVar[str] = (
        "Liquid futures on indices, bonds, currencies and commodities, best many at once; ETFs long only."
    )
    WAKE: ClassVar[WakeRule] = WakeRule.SESSION_END
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter("lookback", 250, low=5, high=500, grid=(20, 60, 120, 250), why="Sessions of the past return."),
        Parameter("rebalance", 20, low=1, high=63, why="Weekdays between revisions of the position."),
        EXECUTION,
        LONG_ONLY,
        SESSIONS_PER_YEAR,
    )
    CONSTRAINTS: ClassVar[StrategyConstraints] = StrategyConstraints(
        parameter_count_max=len(PARAMETERS), turnover_annual_max=25.0
    )

    def __init__(self, universe: Sequence[str], **values: ParameterValue) -> None:
        super().__init__(universe, **values)
        given = self.spec.values
        self._rebalance = int(given["rebalance"])
        self._every_day = float(given["sessions_per_year"]) >= _EVERY_DAY
        self._short = 0.0 if given["long_only"] else -1.0
        self._execution = EXECUTIONS[str(given["execution"])]
        self._revised: dict[str, int] = {}

    def wake(self, view: View) -> Sequence[Intent]:
        """A forecast for every instrument whose revision is due."""
        intents: list[Intent] = []
        for symbol in self.spec.universe:
            day = view.feature(f"day:{symbol}")
            if math.isnan(day):
                continue
            period = (int(day) if self._every_day else _weekdays_until(int(day))) // self._rebalance
            if self._revised.get(symbol) == period:
                continue
            self._revised[symbol] = period
            intents.append(self._forecast(symbol, view))
        return intents

    def _forecast(self, symbol: str, view: View) -> Forecast:
        past = view.feature(f"past:{symbol}")
        vol = view.feature(f"vol:{symbol}")
        if math.isnan(past) or math.isnan(vol):
            return Forecast(symbol, 0.0, vol_annual=vol, execution=self._execution, tag="no past return")
        if past > 0.0:
            direction, tag = 1.0, "past return up"
        elif past < 0.0:
            direction, tag = self._short, "past return down"
        else:
            direction, tag = 0.0, "past return zero"
        return Forecast(
            symbol, direction, vol_annual=vol, horizon_bars=self._rebalance, execution=self._execution, tag=tag
        )

    @classmethod
    def horizon(cls, values: Values) -> int | None:
        """A decision holds until the next revision; holidays make it fewer sessions, never more."""
        return int(values["rebalance"])

    @classmethod
    def features(cls, symbol: str, values: Values) -> tuple[FeatureRef, ...]:
        """Past return, volatility and the date of the session."""
        return (
            FeatureRef(f"past:{symbol}", "momentum", symbol, {"n": values["lookback"], "on": "session"}),
            session_vol(symbol, values),
            session_day(symbol),
        )


def _weekdays_until(day: int) -> int:
    """Weekdays from Monday, 5 January 1970, up to and including a day; a weekend belongs to the Friday before it."""
    weeks, weekday = divmod(day - 4, 7)
    return 5 * weeks + min(weekday, 4) + 1
