"""Finer bars in the place of coarser ones: what is replaced, what is kept, and what orders then meet."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import BAR_FIELDS, Bars
from argus.core.errors import ConfigError
from argus.core.intents import Bracket, Intent
from argus.core.orders import FillRule
from argus.core.ports import View
from argus.engine.refine import refine
from tests.engine.markets import (
    CURVES,
    Scripted,
    account,
    at_wakes,
    flat,
    make_bars,
    market_of,
    order,
    play,
    random_bars,
    restless,
)

HOUR, PARTS = 60, 4
TICK = Decimal("0.25")


def coarse_of(fine: Bars, size: int = PARTS) -> Bars:
    """Bars of `size` finer ones each."""
    rows = [fine.rows(at, at + size) for at in range(0, len(fine), size)]
    table = [(one.open[0], one.high.max(), one.low.min(), one.close[-1]) for one in rows]
    columns = {name: np.array([row[i] for row in table]) for i, name in enumerate(BAR_FIELDS[:4])}
    return replace(
        fine,
        ts_event_ns=np.array([one.ts_event_ns[0] for one in rows]),
        ts_close_ns=np.array([one.ts_close_ns[-1] for one in rows]),
        ts_recv_ns=np.array([one.ts_recv_ns[-1] for one in rows]),
        volume=np.array([one.volume.sum() for one in rows]),
        open_interest=np.full(len(rows), np.nan),
        session=np.array([one.session[0] for one in rows]),
        session_end=np.array([one.session_end[-1] for one in rows]),
        **columns,
    )


def fine_bars(seed: int, n: int = 160, **how: object) -> Bars:
    return random_bars(seed, "ES", n, per_session=PARTS * 5, minutes=HOUR // PARTS, volume=100.0, **how)


def test_bars_that_agree_are_replaced_by_those_within_them() -> None:
    fine = fine_bars(1)
    refined = refine(coarse_of(fine), fine, TICK)
    assert (refined.refined, refined.kept, refined.contradicted) == (40, 0, 0)
    assert refined.bars.content_hash == fine.content_hash


@given(st.integers(0, 10_000), st.data())
@settings(max_examples=40, deadline=None)
def test_each_coarse_bar_is_there_once_either_way(seed: int, data: st.DataObject) -> None:
    fine = fine_bars(seed)
    coarse = coarse_of(fine)
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(fine), max_size=len(fine))))
    some = replace(fine, **{name: getattr(fine, name)[keep].copy() for name in _COLUMNS}) if keep.any() else fine
    refined = refine(coarse, some, TICK)
    assert refined.refined + refined.kept + refined.contradicted == len(coarse)
    owner = np.searchsorted(coarse.ts_close_ns, refined.bars.ts_close_ns)
    assert np.array_equal(np.unique(owner), np.arange(len(coarse)))
    for i in range(len(coarse)):
        own = refined.bars.rows(*np.searchsorted(owner, [i, i + 1]).tolist())
        assert (own.open[0], own.high.max(), own.low.min(), own.close[-1]) == (
            coarse.open[i],
            coarse.high[i],
            coarse.low[i],
            coarse.close[i],
        )
        assert own.session_end[-1] == coarse.session_end[i]
        assert not own.session_end[:-1].any()


_COLUMNS = (*BAR_FIELDS, "ts_event_ns", "ts_close_ns", "ts_recv_ns", "session", "session_end")


def test_a_bar_that_the_finer_ones_contradict_is_kept_and_said() -> None:
    fine = fine_bars(2)
    high = fine.high.copy()
    high[6] += 100.0
    refined = refine(coarse_of(fine), replace(fine, high=high), TICK)
    assert (refined.refined, refined.contradicted) == (39, 1)
    assert "in 1 the finer bars have other prices" in refined.note


def test_a_difference_is_measured_in_ticks() -> None:
    fine = fine_bars(2)
    high = fine.high.copy()
    high += 1e-8
    assert refine(coarse_of(fine), replace(fine, high=high), TICK).refined == 40
    # What is noise to a tick of a quarter is a real difference to a coin that trades at the tenth decimal.
    assert refine(coarse_of(fine), replace(fine, high=high), Decimal("0.0000000001")).contradicted == 40


def test_no_finer_bars_at_all_leave_the_coarse_ones() -> None:
    coarse = coarse_of(fine_bars(2))
    refined = refine(coarse, coarse.rows(0, 0), TICK)
    assert (refined.refined, refined.kept, refined.contradicted) == (0, 40, 0)
    assert refined.bars.content_hash == coarse.content_hash


def test_coarse_bars_that_are_known_late_stay_among_finer_ones() -> None:
    fine = fine_bars(2)
    high = fine.high.copy()
    high[6] += 100.0
    coarse = coarse_of(fine)
    late = replace(coarse, ts_recv_ns=coarse.ts_recv_ns + 90 * 10**9)
    refined = refine(late, replace(fine, high=high), TICK)
    assert (refined.refined, refined.contradicted) == (39, 1)
    assert np.array_equal(refined.bars.ts_close_ns[[3, 4, 5]], [*fine.ts_close_ns[[3]], *fine.ts_close_ns[[7, 8]]])


def test_a_price_that_is_not_known_agrees_with_none() -> None:
    fine = fine_bars(2)
    opens = fine.open.copy()
    opens[4] = np.nan
    coarse = coarse_of(replace(fine, open=opens))
    assert np.isnan(coarse.open[1])
    assert refine(coarse, replace(fine, open=opens), TICK).contradicted == 1


def test_bars_that_cannot_be_compared_are_refused() -> None:
    fine = fine_bars(3)
    with pytest.raises(ConfigError, match="cannot be refined by bars of ES"):
        refine(random_bars(1, "NQ", 10), fine, TICK)
    with pytest.raises(ConfigError, match="must be the same"):
        refine(coarse_of(fine), random_bars(1, "ES", 8), TICK)


def both_touched(first: str) -> tuple[Bars, Bars]:
    """An hour that reaches 90 and 110, one before the other, in quarters, after one quiet hour."""
    down, up = (100.0, 100.0, 90.0, 100.0), (100.0, 110.0, 100.0, 100.0)
    quiet = (100.0, 100.0, 100.0, 100.0)
    loud = [down, up] if first == "stop" else [up, down]
    fine = make_bars("ES", [quiet] * 4 + [quiet, *loud, quiet] + [quiet] * 4, per_session=12, minutes=15, volume=9.0)
    return coarse_of(fine), fine


@pytest.mark.parametrize(("first", "rule"), [("stop", FillRule.STOP_TOUCHED), ("target", FillRule.LIMIT_THROUGH)])
def test_finer_bars_say_whether_stop_or_target_came_first(first: str, rule: FillRule) -> None:
    coarse, fine = both_touched(first)
    entry = order("ES", 1, key="in")
    script = at_wakes({0: [Bracket(entry, stop_price=95.0, target_price=105.0)]})
    without = play(Scripted(["ES"], script), market_of(coarse))
    refined = play(Scripted(["ES"], script), market_of(coarse), finer={"ES": fine})
    assert without.fills["rule"].tolist() == [FillRule.MARKET_AT_OPEN, FillRule.STOP_TOUCHED]
    assert refined.fills["rule"].tolist() == [FillRule.MARKET_AT_OPEN, rule]
    assert any("orders met finer bars within 3 of 3 bars" in note for note in refined.notes)


@pytest.mark.parametrize("seed", range(6))
def test_the_strategy_sees_the_same_bars_at_the_same_times(seed: int) -> None:
    fine = fine_bars(seed)
    coarse = coarse_of(fine)
    seen: list[list[tuple[int, bytes, float]]] = []

    def watch(view: View, _number: int) -> list[Intent]:
        window = view.bars("ES", 3)
        seen[-1].append((view.now_ns, window.close.tobytes(), view.position("ES").mark_price))
        return []

    for finer in ({}, {"ES": fine}):
        seen.append([])
        play(Scripted(["ES"], watch), market_of(coarse), finer=finer)
    assert seen[0] == seen[1]
    assert len(seen[0]) == len(coarse)


@pytest.mark.parametrize("seed", range(8))
def test_a_strategy_on_fine_bars_woken_hourly_is_the_refined_run(seed: int) -> None:
    """An independent way to the same result: trade the fine bars, and act at the closes of coarse ones only."""
    fine = fine_bars(seed)
    coarse = coarse_of(fine)
    coarsely, finely = restless(seed, ["ES"]), restless(seed, ["ES"])
    hours = set(coarse.ts_recv_ns.tolist())

    def hourly(view: View, number: int) -> list[Intent]:
        return list(finely(view, number)) if view.now_ns in hours else []

    config = account(1_000_000, latency_ns=7 * 60 * 10**9)
    one = play(Scripted(["ES"], coarsely), market_of(coarse), config, finer={"ES": fine})
    other = play(Scripted(["ES"], hourly), market_of(fine), config)
    assert len(one.fills) > 10
    for name in ("price_ticks", "signed_lots", "ts_event_ns", "rule", "fee_micros"):
        assert np.array_equal(one.fills[name], other.fills[name])
    starts = np.searchsorted(other.equity_ts_ns, one.equity_ts_ns[0])
    for name in CURVES:
        assert np.array_equal(getattr(one, name), getattr(other, name)[starts:])


def test_the_account_seen_is_that_of_the_last_coarse_close() -> None:
    rows = [(100.0,) * 4] * 4 + [(100.0, 101.0, 100.0, 101.0), (101.0, 120.0, 101.0, 120.0)] + [(110.0,) * 4] * 6
    fine = make_bars("ES", rows, per_session=12, minutes=15, volume=9.0)
    equities: list[int] = []

    def watch(view: View, number: int) -> list[Intent]:
        equities.append(view.account.equity_micros)
        return [order("ES", 1)] if number == 0 else []

    play(Scripted(["ES"], watch), market_of(coarse_of(fine)), finer={"ES": fine})
    assert equities == [1_000_000_000_000, 1_000_000_000_000 + 10 * 50 * 10**6, 1_000_000_000_000 + 10 * 50 * 10**6]


def test_closes_only_data_are_refined_by_closes() -> None:
    fine = flat("ES", [100.0, 101.0, 102.0, 103.0], minutes=15, per_session=4, observed=frozenset({"close"}))
    coarse = replace(fine.rows(3, 4), ts_event_ns=fine.ts_event_ns[:1].copy())
    assert refine(coarse, fine, TICK).refined == 1
