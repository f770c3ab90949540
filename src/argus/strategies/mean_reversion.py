"""Short-term mean reversion: take the other side of a move that went too far in a few days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from argus.core.errors import StrategyError
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
    session_count,
    session_vol,
)

__all__ = ["MeanReversion"]


@dataclass(slots=True)
class _Stance:
    """What is wanted in one instrument, since which session, and whether a new entry is allowed."""

    session: float = -1.0
    direction: float = 0.0
    since: float = 0.0
    armed: bool = True


class MeanReversion(DeclaredStrategy):
    """Against a close far from its mean of the last days, until it is back or time is up.

    Distance is counted in standard deviations (the z-score of the close within its window). After an exit by time
    the distance must fall below `entry` once before the next entry, so that a market that keeps running is not entered
    again the next day.
    """

    NAME: ClassVar[str] = "mean_reversion"
    VERSION: ClassVar[str] = "1"
    SUMMARY: ClassVar[str] = (
        "Buy a close far below its mean of the last days and sell one far above, for a few sessions."
    )
    SOURCE: ClassVar[str] = (
        "Lehmann (1990), Fads, martingales, and market efficiency, Quarterly Journal of Economics 105(1); "
        "Jegadeesh (1990), Evidence of predictable behavior of security returns, Journal of Finance 45(3)"
    )
    WHY: ClassVar[str] = "Whoever must trade at once pushes the price and pays whoever provides the liquidity."
    FAILS: ClassVar[str] = (
        "When the move was news: losses are large and come together, and costs take most of the small gains."
    )
    FITS: ClassVar[str] = "Liquid ETFs, large stocks and stock index futures; not markets that trend."
    WAKE: ClassVar[WakeRule] = WakeRule.SESSION_END
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter("window", 10, low=3, high=100, grid=(5, 10, 20), why="Sessions in the mean and the deviation."),
        Parameter("entry", 1.5, low=0.5, high=4.0, grid=(1.25, 1.5), why="Deviations from the mean at which to enter."),
        Parameter("exit", 0.0, low=-1.0, high=2.0, why="Deviations at which to leave; 0 is the mean itself."),
        Parameter("hold_max", 5, low=1, high=60, why="Sessions after which to leave in any case."),
        Parameter(
            "trend",
            0,
            low=0,
            high=500,
            why="Enter only with the side of a mean of so many sessions; 0 is no such filter.",
        ),
        EXECUTION,
        LONG_ONLY,
        SESSIONS_PER_YEAR,
    )
    CONSTRAINTS: ClassVar[StrategyConstraints] = StrategyConstraints(
        parameter_count_max=len(PARAMETERS), turnover_annual_max=150.0
    )

    def __init__(self, universe: Sequence[str], **values: ParameterValue) -> None:
        super().__init__(universe, **values)
        given = self.spec.values
        self._entry = float(given["entry"])
        self._exit = float(given["exit"])
        self._hold_max = int(given["hold_max"])
        self._trend = int(given["trend"])
        self._long_only = bool(given["long_only"])
        self._execution = EXECUTIONS[str(given["execution"])]
        self._stances = {symbol: _Stance() for symbol in self.spec.universe}

    def wake(self, view: View) -> Sequence[Intent]:
        """A forecast for every instrument whose session has ended and whose wanted position changes."""
        intents: list[Intent] = []
        for symbol, stance in self._stances.items():
            session = view.feature(f"sessions:{symbol}")
            if math.isnan(session) or session == stance.session:
                continue
            first = stance.session < 0.0
            stance.session = session
            before = stance.direction
            tag = self._step(stance, symbol, view)
            # The first decision is always sent: a position left by another strategy must not linger.
            if first or stance.direction != before:
                intents.append(
                    Forecast(
                        symbol,
                        stance.direction,
                        vol_annual=view.feature(f"vol:{symbol}"),
                        horizon_bars=self._hold_max,
                        execution=self._execution,
                        tag=tag,
                    )
                )
        return intents

    def _step(self, stance: _Stance, symbol: str, view: View) -> str:
        """Move the stance by one session; gives the reason in a word."""
        z = view.feature(f"z:{symbol}")
        if stance.direction != 0.0:
            # Without a distance (a close is missing, or all are equal and the price is at its mean) nothing is held.
            if math.isnan(z) or stance.direction * z >= -self._exit:
                stance.direction = 0.0
                return "no distance" if math.isnan(z) else "back at the mean"
            if stance.session - stance.since >= self._hold_max:
                stance.direction, stance.armed = 0.0, False
                return "time is up"
            return "hold"
        if not stance.armed:
            stance.armed = math.isnan(z) or abs(z) < self._entry
            return "wait"
        wanted = 1.0 if z <= -self._entry else -1.0 if z >= self._entry else 0.0
        if wanted == 0.0 or (wanted < 0.0 and self._long_only) or not self._with_trend(wanted, symbol, view):
            return "no signal"
        stance.direction, stance.since = wanted, stance.session
        return "far below the mean" if wanted > 0.0 else "far above the mean"

    def _with_trend(self, wanted: float, symbol: str, view: View) -> bool:
        if self._trend == 0:
            return True
        close = float(view.bars(symbol, 1).close[-1])
        return wanted * (close - view.feature(f"trend:{symbol}")) > 0.0

    @classmethod
    def check(cls, values: Values) -> None:
        """The exit lies inside the entry, and the entry within what a z-score of the window can reach."""
        entry, leave, window = float(values["entry"]), float(values["exit"]), int(values["window"])
        if leave >= entry:
            raise StrategyError(f"{cls.NAME}: exit is {leave} and entry is {entry}; exit must be the smaller")
        reach = (window - 1) / math.sqrt(window)
        if entry >= reach:
            raise StrategyError(
                f"{cls.NAME}: entry is {entry}, but the z-score of the newest of {window} values is always below "
                f"{reach:.3f}; lower entry or lengthen window"
            )
        if 0 < int(values["trend"]) < window:
            raise StrategyError(
                f"{cls.NAME}: trend is {values['trend']} sessions and window is {window}; "
                "trend must be 0 or at least as long"
            )

    @classmethod
    def horizon(cls, values: Values) -> int | None:
        """Time is up after so many sessions."""
        return int(values["hold_max"])

    @classmethod
    def features(cls, symbol: str, values: Values) -> tuple[FeatureRef, ...]:
        """Distance from the mean, volatility, the count of sessions, and the long mean if it filters."""
        refs = (
            FeatureRef(f"z:{symbol}", "zscore", symbol, {"n": values["window"], "on": "session"}),
            session_vol(symbol, values),
            session_count(symbol),
        )
        if int(values["trend"]) == 0:
            return refs
        return (*refs, FeatureRef(f"trend:{symbol}", "sma", symbol, {"n": values["trend"], "on": "session"}))
