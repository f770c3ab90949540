"""The overnight session: buy on the close, sell on the next open, be flat while the market trades.

Orders must be sent before the auction they are meant for, so at each session's end two are sent for the next session:
the sale of what is held, on its open, and the next purchase, on its close. The purchase is sized as if the sale were
done, because the sale is pending when the purchase is sized and sizing counts pending orders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from argus.core.intents import Close, Forecast, Intent
from argus.core.orders import OrderType
from argus.core.ports import View
from argus.core.strategy import FeatureRef, Parameter, ParameterValue, StrategyConstraints, WakeRule
from argus.core.time import NS_PER_DAY
from argus.strategies.declared import SESSIONS_PER_YEAR, DeclaredStrategy, Values, session_count, session_vol

__all__ = ["Overnight"]

_EPOCH_WEEKDAY = 3
_THURSDAY = 3


class Overnight(DeclaredStrategy):
    """Long from the close to the next open, every session or those that a filter lets through.

    The decision to buy at a session's close is made at the end of the session before, from what was known then; the
    filters therefore look one session further back than the purchase. A purchase after the market's close on Thursday
    would be made on Friday and held over the weekend: that is what the weekday filter leaves out (it knows weekdays,
    not holidays).
    """

    NAME: ClassVar[str] = "overnight"
    VERSION: ClassVar[str] = "1"
    SUMMARY: ClassVar[str] = "Own the market from its close to its next open only."
    SOURCE: ClassVar[str] = (
        "Cliff, Cooper, Gulen (2008), Return differences between trading and non-trading hours: like night and day, "
        "working paper; Lou, Polk, Skouras (2019), A tug of war: overnight versus intraday expected returns, "
        "Journal of Financial Economics 134(1)"
    )
    WHY: ClassVar[str] = (
        "Who cannot trade at night pays to be rid of the risk before the close, and buyers meet at the open."
    )
    FAILS: ClassVar[str] = (
        "Two trades a session: costs of a few hundredths of a percent a side take all of it; gaps down are taken whole."
    )
    FITS: ClassVar[str] = (
        "Stock indices by ETF or cash index with real opening prices. Not futures that trade around the clock, whose "
        "session break lasts an hour."
    )
    WAKE: ClassVar[WakeRule] = WakeRule.SESSION_END
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "filter",
            "none",
            choices=("none", "trend", "weekday", "both"),
            grid=("none", "trend", "weekday", "both"),
            why="Nights to take: all; only above the long mean; not over weekends; both conditions.",
        ),
        Parameter("trend_window", 100, low=5, high=500, why="Sessions in the long mean of the trend filter."),
        SESSIONS_PER_YEAR,
    )
    # In and out every session; markets that never close have 365.
    CONSTRAINTS: ClassVar[StrategyConstraints] = StrategyConstraints(
        parameter_count_max=len(PARAMETERS), turnover_annual_max=370.0
    )

    def __init__(self, universe: Sequence[str], **values: ParameterValue) -> None:
        super().__init__(universe, **values)
        word = str(self.spec.values["filter"])
        self._by_trend = word in ("trend", "both")
        self._by_weekday = word in ("weekday", "both")
        self._seen: dict[str, float] = {}

    def wake(self, view: View) -> Sequence[Intent]:
        """For every instrument whose session has ended: sell on the next open, buy on the next close."""
        intents: list[Intent] = []
        for symbol in self.spec.universe:
            session = view.feature(f"sessions:{symbol}")
            if math.isnan(session) or self._seen.get(symbol) == session:
                continue
            self._seen[symbol] = session
            if view.position(symbol).units != 0.0:
                intents.append(Close(symbol, execution=OrderType.MARKET_ON_OPEN, tag="end of the night"))
            if self._wanted(symbol, view):
                intents.append(
                    Forecast(
                        symbol,
                        1.0,
                        vol_annual=view.feature(f"vol:{symbol}"),
                        horizon_bars=1,
                        execution=OrderType.MARKET_ON_CLOSE,
                        tag="into the night",
                    )
                )
        return intents

    def _wanted(self, symbol: str, view: View) -> bool:
        bar = view.bars(symbol, 1)
        if self._by_weekday:
            # A session that closes at midnight belongs to the day that ends there.
            day = (int(bar.ts_close_ns[-1]) - 1) // NS_PER_DAY
            if (day + _EPOCH_WEEKDAY) % 7 == _THURSDAY:
                return False
        return not self._by_trend or float(bar.close[-1]) > view.feature(f"mean:{symbol}")

    @classmethod
    def horizon(cls, values: Values) -> int | None:
        """Bought on a close, sold on the next open."""
        return 1

    @classmethod
    def features(cls, symbol: str, values: Values) -> tuple[FeatureRef, ...]:
        """Volatility, the count of sessions, and the long mean if it filters."""
        refs = (session_vol(symbol, values), session_count(symbol))
        if values["filter"] not in ("trend", "both"):
            return refs
        return (*refs, FeatureRef(f"mean:{symbol}", "sma", symbol, {"n": values["trend_window"], "on": "session"}))
