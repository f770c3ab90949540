"""Strategies read features of the calendar: in each form, through rolls, and in the trace, the same numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import F64_1D, Bars
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import instrument
from argus.core.intents import Intent, Target
from argus.core.ports import View
from argus.core.strategy import FeatureRef
from argus.core.time import day_of
from argus.engine.array_form import noise_after
from argus.engine.batch import _Columns
from argus.engine.compiled import columns_of
from argus.engine.feature_columns import feature_column, reads_calendar
from argus.engine.forms import ArrayStrategy, CompiledStrategy
from argus.engine.rolled_view import RolledView
from argus.engine.trace import trace_trade
from argus.features import compute
from tests.data.calendar_bars import calendar_bars
from tests.engine import calendar_features
from tests.engine.markets import Scripted, market_of, play, random_bars, spec_of
from tests.engine.rolls import play_rolled, scripted, sheet_root

HALF = date(2024, 11, 29)
BARS = calendar_bars("ES", date(2024, 11, 25), date(2024, 12, 6), minutes=30)
LEFT = FeatureRef("left", "test_minutes_left", "ES")
AVERAGE = FeatureRef("average", "sma", "ES", {"n": 3})


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    calendar_features.register()
    yield
    calendar_features.forget()


def minutes_left(bars: Bars) -> F64_1D:
    """By hand: until 17:00 in New York, 13:15 on the half day; hours of a bar's last stretch count as they stand."""
    found = []
    for session, close_ns in zip(bars.session, bars.ts_close_ns, strict=True):
        day = day_of(int(session))
        end_utc = 22.0 if day != HALF else 18.25
        found.append(((int(session) * 24 + end_utc) * 3_600 - close_ns / 1e9) / 60.0)
    return np.array(found)


def test_a_column_is_what_the_calendar_says() -> None:
    found = feature_column(LEFT, instrument("ES"), BARS)
    np.testing.assert_array_equal(found, minutes_left(BARS))
    out = np.empty(len(BARS))
    assert feature_column(LEFT, instrument("ES"), BARS, out) is not None
    assert out.tobytes() == found.tobytes()
    assert reads_calendar(LEFT)
    assert not reads_calendar(AVERAGE)
    assert feature_column(AVERAGE, instrument("ES"), BARS).tobytes() == compute(AVERAGE, BARS).tobytes()
    with pytest.raises(ConfigError, match=r"session_close_s \(from the exchange calendar\)"):
        compute(LEFT, BARS)


def test_bars_off_the_calendar_are_an_error_only_where_it_is_read() -> None:
    bars = random_bars(1, "ES", 20, per_session=1)
    weekend = replace(bars, session=(bars.session + 2).astype(np.int32))
    assert np.isfinite(feature_column(AVERAGE, instrument("ES"), weekend)[2:]).all()
    with pytest.raises(CoverageError, match="has no session on"):
        feature_column(LEFT, instrument("ES"), weekend)


def test_a_replay_and_its_trace_show_the_same_minutes() -> None:
    seen: dict[int, float] = {}

    def decide(view: View, _number: int) -> Sequence[Intent]:
        seen[view.now_ns] = view.feature("left")
        return [Target("ES", units=1.0 if view.feature("left") > 60.0 else 0.0)]

    strategy = Scripted(["ES"], decide, features=(LEFT,))
    market = market_of(BARS)
    record = play(strategy, market)
    wanted = dict(zip(BARS.ts_recv_ns.tolist(), minutes_left(BARS).tolist(), strict=True))
    assert len(seen) > 300
    assert seen == {now: wanted[now] for now in seen}
    assert len(record.trades) >= 8
    for number in range(len(record.trades)):
        trace = trace_trade(record, market, number, strategy=strategy)
        shown = {
            fill.decision.ts_ns: fill.decision.features[0].value for fill in trace.fills if fill.decision is not None
        }
        assert shown
        assert shown == {now: wanted[now] for now in shown}


def test_compiled_and_array_strategies_and_sweeps_see_them() -> None:
    wanted = minutes_left(BARS)
    market = market_of(BARS)

    def decide(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
        return 0

    compiled = CompiledStrategy(spec_of(["ES"], features=(LEFT,)), decide, ("close", "left"))
    np.testing.assert_array_equal(columns_of(compiled, market)[1], wanted)
    swept = _Columns([compiled], market)
    rows = swept.of(0)
    np.testing.assert_array_equal(swept.table[rows[1]], wanted)

    def targets(_bars: Mapping[str, Bars], features: Mapping[str, F64_1D]) -> F64_1D:
        return np.where(features["left"] > 60.0, 1.0, 0.0)

    # The check that replaces the future runs in here: it must leave the calendar as it was.
    array = ArrayStrategy(spec_of(["ES"], features=(LEFT,)), targets)
    np.testing.assert_array_equal(columns_of(array, market)[0], np.where(wanted > 60.0, 1.0, 0.0))


def test_noise_in_the_place_of_the_future_keeps_the_calendar() -> None:
    spec = instrument("ES")
    real = feature_column(LEFT, spec, BARS)
    for cut in (1, 60, len(BARS) - 1):
        other = noise_after(spec, BARS, cut)
        assert feature_column(LEFT, spec, other).tobytes() == real[: len(other)].tobytes()
        assert len(other) > cut


def test_a_strategy_on_a_root_sees_the_expiry_and_the_roll_of_the_contract_in_front() -> None:
    refs = (
        FeatureRef("expiry", "test_days_to_expiry", "MES"),
        FeatureRef("roll", "test_days_to_roll", "MES"),
    )
    seen: list[tuple[date, float, float]] = []

    def watch(view: RolledView, _number: int) -> None:
        row = int(np.searchsorted(root.series.bars.ts_recv_ns, view.now_ns, side="right")) - 1
        session = day_of(int(root.series.bars.session[row]))
        seen.append((session, view.feature("expiry"), view.feature("roll")))

    root = sheet_root()
    play_rolled(scripted({}, watch, features=refs), root)
    assert len(seen) >= 8
    march, june = date(2023, 3, 17), date(2023, 6, 16)
    roll = root.schedule.rolls[0].session
    assert roll == date(2023, 3, 9)
    for day, expiry, left in seen:
        front = march if day < roll else june
        assert expiry == (front - day).days
        assert left == ((roll - day).days if day < roll else (date(2023, 6, 8) - day).days)
