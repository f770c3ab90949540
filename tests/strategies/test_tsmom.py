from __future__ import annotations

import numpy as np
import pytest

from argus.core.intents import Forecast
from argus.core.orders import OrderType
from argus.strategies import create
from tests.features.bars import bars_of, random_bars
from tests.strategies.market import Decision, play


def forecasts(decisions: list[Decision]) -> list[Forecast]:
    found = [intent for decision in decisions for intent in decision.intents]
    assert all(isinstance(intent, Forecast) for intent in found)
    return found  # type: ignore[return-value]


@pytest.mark.parametrize("rebalance", [1, 7, 20])
@pytest.mark.parametrize("long_only", [False, True])
def test_the_sign_of_the_past_return_at_every_revision(rebalance: int, long_only: bool) -> None:
    bars = random_bars(1, 500)
    strategy = create("tsmom", ["ES"], lookback=60, rebalance=rebalance, long_only=long_only)
    decisions = play(strategy, {"ES": bars})
    rows = [int(np.searchsorted(bars.ts_recv_ns, d.now_ns)) for d in decisions]
    # At once when warm, then wherever the weekdays since 1970 have passed a multiple of `rebalance`.
    periods = np.busday_count("1970-01-05", bars.session.astype("datetime64[D]") + 1) // rebalance
    assert rows == sorted({60} | {row for row in range(61, 500) if periods[row] != periods[row - 1]})
    assert len(rows) > 300 // rebalance
    for row, forecast in zip(rows, forecasts(decisions), strict=True):
        past = np.sign(bars.close[row] - bars.close[row - 60])
        assert forecast.direction == (max(past, 0.0) if long_only else past)
        returns = bars.close[1 : row + 1] / bars.close[:row] - 1.0
        weights = (60 / 61) ** np.arange(row - 1, -1, -1.0)
        mean = np.average(returns, weights=weights)
        vol = np.sqrt(252 * np.average((returns - mean) ** 2, weights=weights))
        assert forecast.vol_annual == pytest.approx(vol, rel=1e-9)
        assert (forecast.execution, forecast.horizon_bars) == (OrderType.MARKET, rebalance)


def test_without_a_past_return_there_is_no_position() -> None:
    close = random_bars(2, 200).close.copy()
    close[100] = np.nan
    # These bars know no weekends.
    strategy = create("tsmom", ["ES"], lookback=20, rebalance=1, sessions_per_year=365.0)
    decisions = play(strategy, {"ES": bars_of(close)})
    flat = [f.tag for f in forecasts(decisions) if f.direction == 0.0]
    # The hole itself, the return to it, and the return from it twenty sessions later.
    assert flat == ["no past return"] * 3


def test_an_unchanged_price_is_no_direction() -> None:
    close = random_bars(3, 120).close.copy()
    close[100] = close[80]
    decisions = play(create("tsmom", ["ES"], lookback=20, rebalance=1), {"ES": bars_of(close)})
    assert [f.tag for f in forecasts(decisions) if f.direction == 0.0] == ["past return zero"]


@pytest.mark.parametrize(
    ("word", "execution"),
    [("market", OrderType.MARKET), ("moo", OrderType.MARKET_ON_OPEN), ("moc", OrderType.MARKET_ON_CLOSE)],
)
def test_execution(word: str, execution: OrderType) -> None:
    decisions = play(create("tsmom", ["ES"], lookback=20, execution=word), {"ES": random_bars(4, 200)})
    assert {forecast.execution for forecast in forecasts(decisions)} == {execution}


def test_only_the_instrument_whose_session_ended_is_revised() -> None:
    from dataclasses import replace

    es, zn = random_bars(5, 200), random_bars(6, 200, instrument="ZN")
    later = 1_800_000_000_000
    zn = replace(
        zn, ts_event_ns=zn.ts_event_ns + later, ts_close_ns=zn.ts_close_ns + later, ts_recv_ns=zn.ts_recv_ns + later
    )
    decisions = play(create("tsmom", ["ES", "ZN"], lookback=20, rebalance=5), {"ES": es, "ZN": zn})
    assert all(len(decision.intents) == 1 for decision in decisions[2:])
    for symbol, bars in (("ES", es), ("ZN", zn)):
        own = [d.now_ns for d in decisions if any(i.instrument == symbol for i in d.intents)]  # type: ignore[union-attr]
        assert set(own[1:]) <= set(bars.ts_recv_ns.tolist())
