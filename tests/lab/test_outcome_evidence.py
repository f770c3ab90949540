"""Outcomes as evidence: standard errors under overlap beside plain sums, and on markets where the truth is known."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from argus.core.instruments import instrument
from argus.engine.replay import run
from argus.lab.journal.trials import MemoryTrialLedger
from argus.lab.outcome_evidence import Entries, entries_of, outcome_evidence, overlap_error
from argus.lab.outcomes import OutcomeSpec, outcomes_of
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.lab.markets import Fade, config, daily_bars, market_of, noise

SPEC = OutcomeSpec(horizons=(4,), barriers=((1.0, 1.0),), vol_half_life=20)
NOBODY = Entries(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@pytest.mark.parametrize("horizon", [1, 3, 7, 40])
def test_the_error_is_that_of_a_plain_double_sum(horizon: int) -> None:
    drawn = np.random.default_rng(horizon)
    rows = np.sort(drawn.integers(0, 60, 35))
    parts = drawn.integers(-50, 51, 35)
    equal, falling = Fraction(0), Fraction(0)
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            apart = abs(int(one) - int(other))
            if apart < horizon:
                product = Fraction(int(parts[i]) * int(parts[j]))
                equal += product
                falling += product * (1 - Fraction(apart, horizon))
    wanted = math.sqrt(max(equal, falling))
    assert overlap_error(parts.astype(float), rows, horizon) == pytest.approx(wanted, rel=1e-12)


def test_without_overlap_it_is_the_textbook_error() -> None:
    values = np.random.default_rng(3).normal(size=50)
    parts = (values - values.mean()) / 50
    plain = math.sqrt(float(np.var(values))) / math.sqrt(50)
    assert overlap_error(parts, np.arange(50) * 5, 5) == pytest.approx(plain, rel=1e-12)
    assert math.isnan(overlap_error(np.zeros(0), np.zeros(0, dtype=np.int64), 5))


def test_on_noise_means_lie_about_the_truth_as_far_as_their_errors_say() -> None:
    # Windows of 10 bars over returns with mean zero: naive errors would make these scores three times as wide.
    scores, naive = [], []
    for seed in range(150):
        bars = daily_bars(noise(600, seed))
        (columns,) = outcomes_of(OutcomeSpec(horizons=(10,), barriers=()), instrument("ES"), bars, None)
        (group,) = outcome_evidence(columns, NOBODY, "ES", (), 0).groups
        found = group.figures["forward_return"]
        scores.append(found.mean / found.error)
        known = columns.forward_return[np.isfinite(columns.forward_return)]
        naive.append(found.mean / (known.std() / math.sqrt(len(known))))
    assert 0.8 < float(np.std(scores)) < 1.25
    assert float(np.std(naive)) > 2.0


def test_groups_are_means_of_their_own_rows() -> None:
    bars = daily_bars(noise(200, 1))
    (columns,) = outcomes_of(SPEC, instrument("ES"), bars, None)
    decided = bars.ts_recv_ns[[50, 51, 90, 120, 199]]
    entries = Entries(decided, np.array([1, 1, -1, 1, 1]))
    found = outcome_evidence(columns, entries, "ES", SPEC.barriers, int(bars.ts_recv_ns[40]))
    every, longs, shorts = found.groups
    assert [group.name for group in found.groups] == ["all bars", "long entries", "short entries"]
    assert (every.count, every.left_out, every.apart) == (200 - 40 - 4, 4, 39)
    assert (longs.count, longs.left_out, longs.apart, shorts.count) == (3, 1, 2, 1)
    rows = [50, 51, 120]
    assert longs.figures["run_up"].mean == pytest.approx(float(np.mean(columns.run_up[rows])), rel=1e-15)
    upper = columns.barriers[0].barrier[rows] == 1
    assert longs.figures["upper_1:1"].mean == pytest.approx(float(np.mean(upper)))
    apart = float(np.mean(columns.drawdown[rows])) - float(np.mean(columns.drawdown[40:196]))
    assert longs.figures["drawdown"].difference == pytest.approx(apart, rel=1e-12)
    assert math.isnan(shorts.figures["drawdown"].error)
    share = longs.figures["upper_1:1"]
    assert math.isnan(share.error) is (share.mean in (0.0, 1.0))
    assert math.isnan(every.figures["drawdown"].difference)


def test_entries_that_are_all_bars_differ_from_them_by_nothing() -> None:
    bars = daily_bars(noise(120, 2))
    (columns,) = outcomes_of(SPEC, instrument("ES"), bars, None)
    entries = Entries(bars.ts_recv_ns, np.ones(120, dtype=np.int64))
    every, longs = outcome_evidence(columns, entries, "ES", SPEC.barriers, 0).groups
    for name, figure in longs.figures.items():
        assert figure.mean == every.figures[name].mean
        assert figure.error == every.figures[name].error
        assert (figure.difference, figure.difference_error) == (0.0, pytest.approx(0.0, abs=1e-12))


def test_entries_of_a_run_are_the_decisions_that_opened_its_trades() -> None:
    bars = daily_bars(noise(120, 5))
    record = run(
        Fade({}),
        market_of(bars),
        config(),
        sizer=FixedUnits(),
        risk=LimitRiskPolicy(),
        trials=MemoryTrialLedger(),
    )
    found = entries_of(record, "ES")
    assert len(found.direction) == len(record.trades) > 10
    assert set(found.direction) == {1, -1}
    fills = record.fills[record.trades["entry_fill"]]
    # A market order decided at a close is filled by the bar after it.
    assert np.array_equal(np.sort(bars.ts_recv_ns[fills["row"] - 1]), found.decided_ns)
    assert len(entries_of(record, "NQ").direction) == 0
