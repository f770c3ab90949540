from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from argus.core.errors import ConfigError, DataError
from argus.core.strategy import FeatureRef
from argus.features import LiveFeatures, bar_columns, compute, feature, registry
from argus.features.declaration import inputs_of
from argus.features.graph import input_column
from argus.features.inputs import VOLUME
from tests.features.bars import other_future, random_bars

SMALL: dict[str, dict[str, int | float]] = {
    "count": {},
    "session_day": {},
    "sma": {"n": 7},
    "ema": {"span": 6},
    "log_return": {"n": 3},
    "momentum": {"n": 5, "skip": 2},
    "ewma_vol": {"com": 8.0, "bars_per_year": 252.0},
    "std": {"n": 6},
    "zscore": {"n": 9},
}
"""Features of closes that strategies read on the clock of sessions."""


def ref(name: str, **parameters: int | float | str) -> FeatureRef:
    return FeatureRef("x", name, "ES", parameters)


def test_unknown_names_are_answered_with_known_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean ewma_vol"):
        feature("ewma_vola")
    with pytest.raises(ConfigError, match="known: sma, ema"):
        feature("q")
    with pytest.raises(ConfigError, match="feature sma has no parameter window; it takes n, on"):
        compute(ref("sma", window=3), random_bars(1))
    with pytest.raises(ConfigError, match="feature sma: parameter n is 0"):
        compute(ref("sma", n=0), random_bars(1))
    with pytest.raises(ConfigError, match="parameter on is 'week'"):
        compute(ref("sma", on="week"), random_bars(1))


def test_unobserved_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    reads_volume = replace(feature("sma"), build=lambda values: VOLUME)
    monkeypatch.setitem(registry._declared(), "sma", reads_volume)
    seen = random_bars(1)
    nothing = dict.fromkeys(("open", "high", "low", "volume", "open_interest"), np.full(len(seen), np.nan))
    bars = replace(seen, observed=frozenset({"close"}), **nothing)
    with pytest.raises(DataError, match="reads volume"):
        compute(ref("sma"), bars)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("per_session", [1, 4])
def test_warmup_is_where_the_first_value_is(name: str, per_session: int) -> None:
    declared = feature(name)
    bars = random_bars(2, per_session=per_session)
    for on, step in (("bar", 1), ("session", per_session)):
        values = compute(ref(name, **SMALL[name], on=on), bars)
        warmup = declared.warmup(declared.values(SMALL[name]))
        first = int(np.argmax(np.isfinite(values)))
        assert first == warmup * step - 1


@pytest.mark.parametrize("name", SMALL)
def test_session_clock_is_the_feature_of_session_closes_held_in_between(name: str) -> None:
    bars = random_bars(3, 600, per_session=5, missing=0.01)
    got = compute(ref(name, **SMALL[name], on="session"), bars)
    ends = np.flatnonzero(bars.session_end)
    daily = random_bars(3, len(ends))
    daily = replace(daily, close=np.ascontiguousarray(bars.close[ends]))
    want = compute(ref(name, **SMALL[name]), daily)
    np.testing.assert_array_equal(got[ends], want)
    held = np.full(len(bars), np.nan)
    for row in range(len(bars)):
        done = ends[ends <= row]
        if len(done):
            held[row] = want[len(done) - 1]
    np.testing.assert_array_equal(got, held)


def test_session_clock_without_session_ends_has_no_value() -> None:
    bars = random_bars(4)
    bars = replace(bars, session_end=np.zeros(len(bars), dtype=np.bool_))
    assert np.isnan(compute(ref("count", on="session"), bars)).all()


@pytest.mark.parametrize("on", ["bar", "session"])
def test_live_form_gives_the_bits_of_the_batch(on: str) -> None:
    bars = random_bars(5, 1_300, per_session=3, missing=0.01)
    refs = [ref(name, **SMALL[name], on=on) for name in SMALL]
    live = LiveFeatures(refs)
    columns = bar_columns(bars, live.inputs)
    rows = np.array([live.update([columns[name][row] for name in live.inputs]) for row in range(len(bars))])
    for given, got in zip(refs, rows.T, strict=True):
        np.testing.assert_array_equal(got, compute(given, bars).astype(np.float32))
        assert np.isfinite(got).sum() > 1_000


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("on", ["bar", "session"])
@pytest.mark.parametrize("seed", [6, 7, 8])
def test_the_future_does_not_move_the_past(name: str, on: str, seed: int) -> None:
    bars = random_bars(seed, 2_400, per_session=4, missing=0.01)
    given = ref(name, **SMALL[name], on=on)
    before = compute(given, bars)
    assert np.isfinite(before).sum() > 1_000
    for row in (0, 1, 30, 777, 1_023, 1_024, 1_900, 2_398):
        after = compute(given, other_future(bars, row, seed))
        np.testing.assert_array_equal(after[: row + 1], before[: row + 1])
        np.testing.assert_array_equal(compute(given, bars.rows(0, row + 1)), before[: row + 1])
        if row < 2_300 and name not in ("count", "session_day"):
            assert not np.array_equal(after, before, equal_nan=True)


def test_naming_features_does_not_load_numba() -> None:
    code = "import sys, argus.strategies as s; s.create('tsmom', ['ES']); print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_coarser_clock_reads_what_says_when_its_bars_close() -> None:
    assert {"start_s", "close_s", "session", "session_end", "close"} <= set(
        inputs_of(feature("sma").term({"on": "1h"}))
    )
    assert inputs_of(feature("sma").term({})) == ("close",)


def test_an_input_is_one_term_however_it_is_asked_for() -> None:
    # A plan fills each input once: a second one of the same name would stay empty.
    assert input_column("close") is input_column("close", "") is input_column(name="close", member="")
