from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.intents import Close, Forecast
from argus.core.orders import OrderType
from argus.core.time import day_of
from argus.strategies import create
from tests.features.bars import bars_of, random_bars, random_closes
from tests.strategies.market import play


def nights(bars: Bars, **values: Any) -> list[tuple[int, bool, bool]]:
    """Row, whether the night before is ended on the next open, whether the next night is bought on the next close."""
    found = []
    for decision in play(create("overnight", [bars.instrument], **values), {bars.instrument: bars}):
        closes = [i for i in decision.intents if isinstance(i, Close)]
        buys = [i for i in decision.intents if isinstance(i, Forecast)]
        assert list(decision.intents) == closes + buys
        assert all(i.execution == OrderType.MARKET_ON_OPEN for i in closes)
        assert all((i.execution, i.direction) == (OrderType.MARKET_ON_CLOSE, 1.0) for i in buys)
        found.append((int(np.searchsorted(bars.ts_recv_ns, decision.now_ns)), bool(closes), bool(buys)))
    return found


def test_every_night_is_bought_and_sold() -> None:
    found = nights(random_bars(1, 100))
    assert found == [(60, False, True)] + [(row, True, True) for row in range(61, 100)]


def test_weekends_are_left_out() -> None:
    bars = random_bars(2, 200)
    for row, _, buys in nights(bars, filter="weekday"):
        # Bought on the next session's close: not if that is a Friday.
        assert buys == (day_of(int(bars.session[row])).strftime("%A") != "Thursday")


def test_a_session_that_closes_at_midnight_belongs_to_the_day_that_ends() -> None:
    from dataclasses import replace

    bars = random_bars(3, 100)
    midnight = (bars.session.astype(np.int64) + 1) * 86_400_000_000_000
    bars = replace(bars, ts_close_ns=midnight, ts_recv_ns=midnight.copy())
    bought = {row for row, _, buys in nights(bars, filter="weekday") if buys}
    assert bought == {row for row in range(60, 100) if day_of(int(bars.session[row])).strftime("%A") != "Thursday"}


def test_only_above_the_long_mean() -> None:
    bars = bars_of(random_closes(4, 300))
    bought = {row for row, _, buys in nights(bars, filter="trend", trend_window=50) if buys}
    want = {row for row in range(60, 300) if bars.close[row] > bars.close[row - 49 : row + 1].mean()}
    assert bought == want
    assert 20 < len(want) < 220


def test_both_filters() -> None:
    bars = bars_of(random_closes(5, 300))
    bought = {
        word: {row for row, _, buys in nights(bars, filter=word, trend_window=50) if buys}
        for word in ("none", "trend", "weekday", "both")
    }
    assert bought["both"] == bought["trend"] & bought["weekday"]
    assert bought["none"] == set(range(60, 300))


@pytest.mark.parametrize("word", ["weekday", "trend"])
def test_a_night_that_was_bought_is_always_sold(word: str) -> None:
    held = False
    for _, closes, buys in nights(random_bars(6, 300), filter=word, trend_window=20):
        assert closes == held
        held = buys
