from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import F64_1D, Bars
from argus.core.errors import LookAheadError, OrderError, StrategyError, StrategyFailed
from argus.core.strategy import FeatureRef
from argus.engine.array_form import noise_after
from argus.engine.forms import ArrayStrategy, Targets
from tests.engine.markets import TrialList, account, flat, market_of, play, random_bars, spec_of

BARS = random_bars(9, "ES", 700, per_session=70, minutes=1)
REF = FeatureRef("mean", "sma", "ES", {"n": 10})


def strategy_of(targets: Targets, **how: Any) -> ArrayStrategy:
    return ArrayStrategy(spec_of(["ES"], features=(REF,)), targets, **how)


def above(bars: Mapping[str, Bars], features: Mapping[str, F64_1D]) -> F64_1D:
    return np.where(bars["ES"].close > features["mean"], 1.0, -1.0)


def test_targets_are_followed_at_the_next_open() -> None:
    bars = flat("ES", [1_000.0 + k for k in range(8)], per_session=8)
    wanted = np.array([np.nan, 2.0, np.nan, np.nan, -1.0, -1.0, 0.0, np.nan])
    record = play(ArrayStrategy(spec_of(["ES"]), lambda b, _f: wanted[: len(b["ES"])].copy()), market_of(bars))
    assert (record.orders["side"] * record.orders["quantity_lots"]).tolist() == [2, -3, 1]
    assert record.orders["ts_submit_ns"].tolist() == bars.ts_recv_ns[[1, 4, 6]].tolist()
    assert record.fills["ts_event_ns"].tolist() == bars.ts_event_ns[[2, 5, 7]].tolist()


def test_a_target_that_stays_is_asked_for_again_where_it_was_not_reached() -> None:
    bars = flat("ES", [1_000.0] * 8, per_session=8, volume=1.0)
    record = play(ArrayStrategy(spec_of(["ES"]), lambda b, _f: np.full(len(b["ES"]), 3.0)), market_of(bars))
    assert record.orders["quantity_lots"].tolist() == [3]
    assert record.fills["signed_lots"].tolist() == [1, 1, 1]


def test_an_honest_array_passes() -> None:
    record = play(strategy_of(above), market_of(BARS))
    assert len(record.orders) > 20


def test_rounding_toward_zero_is_that_of_a_target() -> None:
    bars = flat("ES", [1_000.0] * 6, per_session=6)
    record = play(ArrayStrategy(spec_of(["ES"]), lambda b, _f: np.full(len(b["ES"]), -2.7)), market_of(bars))
    assert record.orders["quantity_lots"].tolist() == [2]


def tomorrow(bars: Mapping[str, Bars], _features: Mapping[str, F64_1D]) -> F64_1D:
    close = bars["ES"].close
    return np.sign(np.append(close[1:], close[-1]) - close)


def whole_sample(bars: Mapping[str, Bars], _features: Mapping[str, F64_1D]) -> F64_1D:
    close = bars["ES"].close
    return np.where((close - close.mean()) / close.std() > 0.0, -1.0, 1.0)


def centred(bars: Mapping[str, Bars], _features: Mapping[str, F64_1D]) -> F64_1D:
    close = bars["ES"].close
    smooth = np.convolve(close, np.ones(5) / 5.0, mode="same")
    return np.where(close > smooth, -1.0, 1.0)


def same_open(bars: Mapping[str, Bars], _features: Mapping[str, F64_1D]) -> F64_1D:
    """Acts on the next bar's open before it is known."""
    opened, close = bars["ES"].open, bars["ES"].close
    return np.where(np.append(opened[1:], opened[-1]) > close, 1.0, -1.0)


def session_close(bars: Mapping[str, Bars], _features: Mapping[str, F64_1D]) -> F64_1D:
    """The close of the session, joined to its beginning."""
    sessions, place = np.unique(bars["ES"].session, return_inverse=True)
    last = np.array([bars["ES"].close[bars["ES"].session == one][-1] for one in sessions])
    return np.sign(last[place] - bars["ES"].close)


def backfilled(bars: Mapping[str, Bars], _features: Mapping[str, F64_1D]) -> F64_1D:
    close = bars["ES"].close.copy()
    wanted = np.where(np.arange(len(close)) % 7 == 6, np.sign(close - 1_000.0), np.nan)
    for row in range(len(close) - 2, -1, -1):
        if np.isnan(wanted[row]):
            wanted[row] = wanted[row + 1]
    return wanted


@pytest.mark.parametrize("targets", [tomorrow, whole_sample, centred, same_open, session_close, backfilled])
def test_an_array_that_knows_the_future_is_caught_and_named(targets: Targets) -> None:
    trials = TrialList()
    with pytest.raises(LookAheadError, match=r"target at row \d+ \(.*\) is .*, and .* once the bars from row \d+ on"):
        play(strategy_of(targets), market_of(BARS), trials=trials)
    assert [trial["status"] for trial in trials.trials] == ["failed"]


def test_the_first_row_that_moves_is_named() -> None:
    def peeks_once(bars: Mapping[str, Bars], _features: Mapping[str, F64_1D]) -> F64_1D:
        close = bars["ES"].close
        wanted = np.full(len(close), 1.0)
        if len(close) > 400:
            wanted[399] = np.sign(close[400] - close[399]) * 7.0
        return wanted

    with pytest.raises(LookAheadError, match=r"target at row 399 .* from row 400 on"):
        play(strategy_of(peeks_once), market_of(BARS))


def test_unusable_arrays_are_clear_errors() -> None:
    def short(bars: Mapping[str, Bars], _features: Mapping[str, F64_1D]) -> F64_1D:
        return np.zeros(len(bars["ES"]) - 1)

    def infinite(bars: Mapping[str, Bars], _features: Mapping[str, F64_1D]) -> F64_1D:
        found = np.zeros(len(bars["ES"]))
        found[5] = np.inf
        return found

    def raises(bars: Mapping[str, Bars], _features: Mapping[str, F64_1D]) -> F64_1D:
        raise KeyError("NQ")

    def writes(_bars: Mapping[str, Bars], features: Mapping[str, F64_1D]) -> F64_1D:
        features["mean"][0] = 1.0
        return features["mean"]

    with pytest.raises(OrderError, match=r"gave shape \(699,\) for 700 bars"):
        play(strategy_of(short), market_of(BARS))
    with pytest.raises(OrderError, match=r"target at row 5 \(.*\) is inf"):
        play(strategy_of(infinite), market_of(BARS))
    with pytest.raises(StrategyFailed, match=r"raised KeyError in targets\(\) over 700 bars: 'NQ'"):
        play(strategy_of(raises), market_of(BARS))
    with pytest.raises(StrategyFailed, match=r"raised ValueError.*read-only"):
        play(strategy_of(writes), market_of(BARS))


def test_a_strategy_that_does_not_fit_the_form_is_refused() -> None:
    with pytest.raises(StrategyError, match="array form trades one instrument"):
        ArrayStrategy(spec_of(["ES", "NQ"]), above)
    with pytest.raises(StrategyError, match="cuts is 0"):
        strategy_of(above, cuts=0)


def test_the_noise_keeps_the_past_and_looks_like_bars() -> None:
    for cut in (1, 350, 699):
        other = noise_after(market_of(BARS)["ES"][0], BARS, cut)
        assert len(other) == min(len(BARS), cut + 256)
        for name in ("open", "high", "low", "close"):
            assert getattr(other, name)[:cut].tobytes() == getattr(BARS, name)[:cut].tobytes()
        assert (other.high >= np.maximum(other.open, other.close)).all()
        assert (other.low <= np.minimum(other.open, other.close)).all()
        assert (other.close[cut:] != BARS.close[cut : len(other)]).any()
        assert (np.round(other.close * 4) == other.close * 4).all()


def test_closes_only_data_are_checked_too() -> None:
    bars = random_bars(2, "ES", 300, per_session=30, minutes=1, observed=frozenset({"close"}))
    with pytest.raises(LookAheadError):
        play(strategy_of(tomorrow), market_of(bars), account(1e6))
