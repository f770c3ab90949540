"""The registered exponential average, which is computed over the whole column from its first row."""

from __future__ import annotations

from argus.core.ports import View
from argus.core.strategy import FeatureRef
from tests.lab.cheats.case import Case, Idea, Market, first_two, sign

SPAN = 10


class EmaFeature(Idea):
    """Long while the close is well above the exponential average, short while well below."""

    def __init__(self, market: Market) -> None:
        symbols = first_two(market)
        features = tuple(FeatureRef(f"ema:{s}", "ema", s, {"span": SPAN}) for s in symbols)
        super().__init__(symbols, warmup=30 * SPAN, features=features)

    def decide(self, symbol: str, view: View) -> float:
        gap = view.bars(symbol, 1).close[-1] - view.feature(f"ema:{symbol}")
        return sign(gap) if abs(gap) > 10 * float(view.instrument(symbol).tick_size) else float("nan")


CASE = Case(
    name="ema_feature",
    how="Reads a recursive feature that remembers all history, after a warm-up at which the rest is below rounding.",
    make=EmaFeature,
    audit="",
)
