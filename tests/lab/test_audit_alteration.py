"""Altered markets: real to the bit up to the cut, valid bars after it, and really different ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from argus.core.arrays import BAR_FIELDS, Bars
from argus.core.errors import DataError
from argus.core.instruments import instrument
from argus.lab.audit import Auxiliary, Variant, alter
from argus.lab.audit.alteration import alter_auxiliary, blur, replace_all
from argus.lab.audit.foresight import foresight
from tests.lab.markets import daily_bars, noise

ES = instrument("ES")


def bars_of(n: int = 300) -> Bars:
    bars = daily_bars(noise(n, 3))
    random = np.random.Generator(np.random.Philox(1))
    return replace(
        bars,
        volume=np.round(random.uniform(100, 900, n)),
        open_interest=np.round(random.uniform(1e4, 2e4, n)),
        observed=bars.observed | {"open_interest"},
    )


BARS = bars_of()


@pytest.mark.parametrize("variant", list(Variant))
@pytest.mark.parametrize("seed", [0, 1])
def test_the_past_stays_to_the_bit_and_the_future_is_another_one(variant: Variant, seed: int) -> None:
    cut = int(BARS.ts_recv_ns[99])
    made = alter(ES, BARS, cut, variant, seed)
    for name in (*BAR_FIELDS, "ts_event_ns", "ts_close_ns", "ts_recv_ns"):
        assert getattr(made, name)[:100].tobytes() == getattr(BARS, name)[:100].tobytes()
    if variant is Variant.TRUNCATE:
        assert len(made) == 100
        return
    assert len(made) == len(BARS)
    for name in ("close", "volume", "open_interest"):
        assert (getattr(made, name)[100:] != getattr(BARS, name)[100:]).mean() > 0.9, name
    assert (made.high >= np.maximum(made.open, made.close)).all()
    assert (made.low <= np.minimum(made.open, made.close)).all()
    assert (made.close * 4 == np.round(made.close * 4)).all()
    assert abs(made.open[100] - BARS.close[99]) < 5 * np.std(np.diff(BARS.close))
    assert alter(ES, BARS, cut, variant, seed).content_hash == made.content_hash


def test_the_mirror_turns_every_move_round() -> None:
    made = alter(ES, BARS, int(BARS.ts_recv_ns[99]), Variant.MIRROR, 0)
    real, mirrored = np.diff(BARS.close[99:]), np.diff(made.close[99:])
    assert (np.sign(real) * np.sign(mirrored) <= 0).all()
    assert (np.sign(real) * np.sign(mirrored) < 0).mean() > 0.95


def test_missing_values_do_not_spread() -> None:
    close = BARS.close.copy()
    close[50:60] = np.nan
    holed = replace(BARS, close=close)
    for variant in (Variant.NOISE, Variant.MIRROR, Variant.SHIFT):
        made = alter(ES, holed, int(BARS.ts_recv_ns[59]), variant, 0)
        assert np.isfinite(made.close[60:]).all()


def test_a_bar_under_way_keeps_its_open() -> None:
    cut = int(BARS.ts_event_ns[50]) + 1
    for variant in (Variant.NOISE, Variant.MIRROR, Variant.SHIFT):
        assert alter(ES, BARS, cut, variant, 0).open[50] == BARS.open[50]


def test_whole_replacements_keep_times_and_level() -> None:
    noisy, blurred = replace_all(ES, BARS, 1), blur(ES, BARS, 1)
    for made in (noisy, blurred):
        assert (made.ts_recv_ns == BARS.ts_recv_ns).all()
        assert (made.close != BARS.close).mean() > 0.9
    deviation = np.std(np.diff(BARS.close))
    assert np.std(blurred.close - BARS.close) == pytest.approx(3.0 * deviation, rel=0.2)
    assert abs(np.corrcoef(np.diff(noisy.close), np.diff(BARS.close))[0, 1]) < 0.2


@pytest.mark.parametrize("variant", list(Variant))
def test_auxiliary_series_are_altered_by_when_they_were_known(variant: Variant) -> None:
    series = Auxiliary(np.arange(100, dtype=np.int64), np.sin(np.arange(100.0)))
    made = alter_auxiliary(series, 49, variant, 1, "x")
    assert (made.values[:50] == series.values[:50]).all()
    if variant is Variant.TRUNCATE:
        assert len(made.values) == 50
    else:
        assert (made.values[50:] != series.values[50:]).mean() > 0.9


def test_auxiliary_series_are_checked() -> None:
    with pytest.raises(DataError, match="one each"):
        Auxiliary(np.arange(3, dtype=np.int64), np.zeros(2))
    with pytest.raises(DataError, match="row 2 was known before"):
        Auxiliary(np.array([1, 3, 2], dtype=np.int64), np.zeros(3))


def test_foresight_of_knowledge_and_of_none() -> None:
    random = np.random.Generator(np.random.Philox(2))
    moves = random.normal(size=2_000)
    knows, guesses = foresight(np.sign(moves), moves), foresight(np.sign(random.normal(size=2_000)), moves)
    assert knows.z > 20
    assert knows.p_hits < 1e-100
    assert abs(guesses.z) < 4
    assert guesses.p_hits > 1e-3
    slow = np.repeat(np.sign(moves.reshape(-1, 50).sum(axis=1)), 50)
    assert foresight(slow, moves).p_hits < 1e-6


def test_foresight_takes_no_drift_and_no_constant_for_knowledge() -> None:
    random = np.random.Generator(np.random.Philox(4))
    rising = random.normal(0.3, 1.0, 2_000)
    trend_of_its_own = np.where(np.arange(2_000) % 100 < 90, 1.0, 0.0)
    found = foresight(trend_of_its_own, rising)
    assert found.z < 4
    assert found.p_hits > 1e-6
    assert not foresight(np.ones(2_000), rising).enough
    assert not foresight(np.zeros(10), np.zeros(10)).enough
