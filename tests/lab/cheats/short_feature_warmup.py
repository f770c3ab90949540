"""A registered feature with a long memory under a short declared warm-up, its empty start taken as a signal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from argus.core.ports import View
from argus.core.strategy import FeatureRef
from tests.lab.cheats.case import Case, Idea, first_two, sign

WINDOW = 80


class ShortFeatureWarmup(Idea):
    """Long above the average of eighty closes, short below, and long for want of an average."""

    def __init__(self, symbols: Sequence[str], warmup: int) -> None:
        features = tuple(FeatureRef(f"mean:{s}", "sma", s, {"n": WINDOW}) for s in symbols)
        super().__init__(symbols, warmup=warmup, features=features)

    def decide(self, symbol: str, view: View) -> float:
        mean = view.feature(f"mean:{symbol}")
        return 1.0 if math.isnan(mean) else sign(view.bars(symbol, 1).close[-1] - mean)


CASE = Case(
    name="short_feature_warmup",
    how="Declares five bars of warm-up for an average of eighty and takes a missing value as a reason to buy.",
    make=lambda market: ShortFeatureWarmup(first_two(market), 5),
    audit="warmup",
    without=lambda market: ShortFeatureWarmup(first_two(market), WINDOW),
    profits=False,
    source="declared",
)
