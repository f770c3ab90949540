"""Moving-average cross: the reference strategy, always in the market, woken at every bar.

It is here to be compared with: every backtester has it, its order list is known exactly, and it is no better than its
market. Both averages come from rolling sums that are exact for prices on a binary grid, so that a tie is a tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from argus.core.errors import StrategyError
from argus.core.intents import Forecast, Intent
from argus.core.ports import View
from argus.core.strategy import FeatureRef, Parameter, ParameterValue, StrategyConstraints, WakeRule
from argus.strategies.declared import SESSIONS_PER_YEAR, DeclaredStrategy, Values, session_vol

__all__ = ["SmaCross"]


class SmaCross(DeclaredStrategy):
    """Long while the fast average is above the slow one, short while it is below.

    An intent is sent only when the wanted direction changes. Equal averages change nothing; before the first
    inequality there is no position. An order that was refused is not asked for again before the next change.
    """

    NAME: ClassVar[str] = "sma_cross"
    VERSION: ClassVar[str] = "1"
    SUMMARY: ClassVar[str] = "Long while a fast moving average of closes is above a slow one, short while it is below."
    SOURCE: ClassVar[str] = (
        "Brock, Lakonishok, LeBaron (1992), Simple technical trading rules and the stochastic properties of stock "
        "returns, Journal of Finance 47(5)"
    )
    WHY: ClassVar[str] = "Prices may adjust slowly to news, so that a move that has begun goes on."
    FAILS: ClassVar[str] = (
        "In markets without a trend every cross is a small loss plus costs; at short intervals costs eat it."
    )
    FITS: ClassVar[str] = "Any liquid instrument that may be sold short; the reference for engines and costs."
    WAKE: ClassVar[WakeRule] = WakeRule.EVERY_BAR
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter("fast", 20, low=1, high=5_000, grid=(10, 20, 50), why="Bars in the fast average."),
        Parameter(
            "slow", 100, low=2, high=20_000, grid=(100, 200), why="Bars in the slow average; more than in the fast."
        ),
        SESSIONS_PER_YEAR,
    )
    # Counted in bars: 20 and 100 minutes turn over thousands of times a year, 20 and 100 days about ten times.
    CONSTRAINTS: ClassVar[StrategyConstraints] = StrategyConstraints(
        parameter_count_max=len(PARAMETERS), turnover_annual_max=10_000.0
    )

    def __init__(self, universe: Sequence[str], **values: ParameterValue) -> None:
        super().__init__(universe, **values)
        self._averages = tuple((symbol, f"fast:{symbol}", f"slow:{symbol}") for symbol in self.spec.universe)
        self._wanted = dict.fromkeys(self.spec.universe, 0.0)

    def wake(self, view: View) -> Sequence[Intent]:
        """One intent for each instrument whose averages have crossed."""
        feature = view.feature
        wanted = self._wanted
        changed: Sequence[Intent] = ()
        for symbol, fast_alias, slow_alias in self._averages:
            fast = feature(fast_alias)
            slow = feature(slow_alias)
            if fast > slow:
                direction = 1.0
            elif fast < slow:
                direction = -1.0
            else:
                continue
            if direction != wanted[symbol]:
                wanted[symbol] = direction
                tag = "fast above slow" if direction > 0.0 else "fast below slow"
                forecast = Forecast(symbol, direction, vol_annual=feature(f"vol:{symbol}"), tag=tag)
                changed = (*changed, forecast)
        return changed

    @classmethod
    def check(cls, values: Values) -> None:
        """The fast average is shorter than the slow one."""
        if int(values["fast"]) >= int(values["slow"]):
            raise StrategyError(
                f"{cls.NAME}: fast is {values['fast']} and slow is {values['slow']}; fast must be the smaller"
            )

    @classmethod
    def warmup(cls, values: Values) -> int:
        """The slow average; a volatility that is not there yet only matters to sizing by volatility."""
        return int(values["slow"])

    @classmethod
    def horizon(cls, values: Values) -> int | None:
        """Held until the averages cross again, however long that takes."""
        return None

    @classmethod
    def features(cls, symbol: str, values: Values) -> tuple[FeatureRef, ...]:
        """Two averages, and the volatility that a sizer may want."""
        return (
            FeatureRef(f"fast:{symbol}", "sma", symbol, {"n": values["fast"]}),
            FeatureRef(f"slow:{symbol}", "sma", symbol, {"n": values["slow"]}),
            session_vol(symbol, values),
        )
