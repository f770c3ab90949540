"""The consensus: who is heard, when, how much, and that nothing stale or unknown is ever returned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.options import (
    ConsensusPolicy,
    IvObservations,
    IvSource,
    Reason,
    atm_consensus,
    contract_consensus,
    iv_consensus,
    roll_up,
)

SECOND = 1_000_000_000
NOW = 1_000 * SECOND
EXPIRY, LATER = 5_000 * SECOND, 9_000 * SECOND
STREAM = IvSource("stream", stale_ns=5 * SECOND, is_stream=True)
SNAPSHOT = IvSource("snapshot", stale_ns=60 * SECOND)
VENDOR = IvSource("vendor", stale_ns=60 * SECOND, weight=0.5)
OTHER = IvSource("other", stale_ns=60 * SECOND)


def _seen(*rows: tuple[float, float, int, float, int, float], spread: float | None = None) -> IvObservations:
    """Rows of age in seconds at event and receipt, expiry, strike, right, volatility."""
    table = list(zip(*rows, strict=True)) if rows else [()] * 6
    event, recv = (NOW - (np.array(column, dtype=np.float64) * SECOND).astype(np.int64) for column in table[:2])
    return IvObservations(
        ts_event_ns=event,
        ts_recv_ns=recv,
        expiry_ns=np.array(table[2], dtype=np.int64),
        strike=np.array(table[3], dtype=np.float64),
        right=np.array(table[4], dtype=np.int8),
        vol=np.array(table[5], dtype=np.float64),
        spread=None if spread is None else np.full(len(rows), spread),
    )


def test_a_stream_is_preferred_while_fresh() -> None:
    snapshot = _seen((1, 1, EXPIRY, 100, 1, 0.3))
    fresh = iv_consensus({SNAPSHOT: snapshot, STREAM: _seen((4, 4, EXPIRY, 100, 1, 0.2))}, now_ns=NOW)
    assert (fresh.vol[0], fresh.chosen[0], fresh.age_ns[0]) == (0.2, 1, 4 * SECOND)
    assert fresh.discrepancy[0] == pytest.approx(0.1)
    assert fresh.discrepancy_score[0] == pytest.approx(10.0)
    stale = iv_consensus({SNAPSHOT: snapshot, STREAM: _seen((6, 6, EXPIRY, 100, 1, 0.2))}, now_ns=NOW)
    assert (stale.vol[0], stale.chosen[0], stale.fresh[0]) == (0.3, 0, 1)
    assert np.isnan(stale.discrepancy_score[0])


def test_never_said_is_not_too_old() -> None:
    """A quote without a volatility is no stale one; an earlier volatility that is too old is."""
    silent = _seen((1, 1, EXPIRY, 100, 1, np.nan), (1, 1, EXPIRY, 105, 1, np.nan), (70, 70, EXPIRY, 105, 1, 0.2))
    found = iv_consensus({SNAPSHOT: silent}, now_ns=NOW)
    assert found.reason.tolist() == [Reason.NO_TWO_SIDED_QUOTE, Reason.STALE]
    assert np.isnan(found.vol).all()


@pytest.mark.parametrize("doubted", [False, True])
def test_a_later_row_without_a_sound_volatility_hides_nothing(doubted: bool) -> None:
    rows = (
        (30, 30, EXPIRY, 100, 1, 0.2),
        (20, 20, EXPIRY, 100, 1, 0.25),
        (1, 1, EXPIRY, 100, 1, 0.9 if doubted else np.nan),
    )
    seen = replace(_seen(*rows), doubted=np.array([False, False, doubted]))
    found = iv_consensus({SNAPSHOT: seen}, now_ns=NOW)
    assert (found.vol[0], found.age_ns[0]) == (0.25, 20 * SECOND)
    too_old = iv_consensus({replace(SNAPSHOT, stale_ns=10 * SECOND): seen}, now_ns=NOW)
    assert np.isnan(too_old.vol[0])
    assert too_old.reason[0] == Reason.STALE


def test_exactly_as_old_as_allowed_is_heard() -> None:
    for age, reason in ((5.0, Reason.OK), (5.000000001, Reason.STALE)):
        found = iv_consensus({STREAM: _seen((age, age, EXPIRY, 100, 1, 0.2))}, now_ns=NOW)
        assert found.reason[0] == reason
        assert np.isnan(found.vol[0]) == (reason != 0)


def test_what_arrives_after_now_is_not_known() -> None:
    rows = ((3, 3, EXPIRY, 100, 1, 0.2), (1, -1, EXPIRY, 100, 1, 0.9))
    found = iv_consensus({STREAM: _seen(*rows)}, now_ns=NOW)
    assert found.vol.tolist() == [0.2]


def test_the_last_of_a_source_counts_in_any_order() -> None:
    rows = ((1, 1, EXPIRY, 100, 1, 0.25), (3, 0, EXPIRY, 100, 1, 0.2), (0.5, 0.5, EXPIRY, 100, 1, np.nan))
    for order in (rows, rows[::-1]):
        assert iv_consensus({STREAM: _seen(*order)}, now_ns=NOW).vol.tolist() == [0.25]


def test_expiries_never_mix() -> None:
    seen = {
        STREAM: _seen((1, 1, EXPIRY, 100, 1, 0.2)),
        SNAPSHOT: _seen((1, 1, LATER, 100, 1, 0.4), (1, 1, EXPIRY + 1, 100, 1, 0.5)),
    }
    for policy in ConsensusPolicy:
        found = iv_consensus(seen, now_ns=NOW, policy=policy)
        assert found.expiry_ns.tolist() == [EXPIRY, EXPIRY + 1, LATER]
        assert found.vol.tolist() == [0.2, 0.5, 0.4]


def test_expired_and_unsound_contracts_are_left_out() -> None:
    rows = ((1, 1, NOW, 100, 1, 0.2), (1, 1, EXPIRY, -1, 1, 0.2), (1, 1, EXPIRY, 100, 0, 0.2))
    assert len(iv_consensus({STREAM: _seen(*rows)}, now_ns=NOW)) == 0


def test_the_winner_is_trusted_fresh_and_tight() -> None:
    wide, tight = (_seen((1, 1, EXPIRY, 100, 1, vol), spread=spread) for vol, spread in ((0.2, 0.05), (0.3, 0.001)))
    found = iv_consensus({SNAPSHOT: wide, STREAM: tight}, now_ns=NOW, policy=ConsensusPolicy.WINNER_BASED)
    assert found.vol[0] == 0.3
    # As fresh and as tight, trust decides: 0.5 against 1.
    same = _seen((1, 1, EXPIRY, 100, 1, 0.25))
    trusted = {VENDOR: same, SNAPSHOT: _seen((1, 1, EXPIRY, 100, 1, 0.2))}
    assert iv_consensus(trusted, now_ns=NOW, policy=ConsensusPolicy.WINNER_BASED).vol[0] == 0.2


def test_silence_about_the_spread_is_no_sign_of_being_tight() -> None:
    told = _seen((1, 1, EXPIRY, 100, 1, 0.2), spread=0.4)
    silent = _seen((1, 1, EXPIRY, 100, 1, 0.9))
    for seen in ({SNAPSHOT: told, OTHER: silent}, {OTHER: silent, SNAPSHOT: told}):
        found = iv_consensus(seen, now_ns=NOW, policy=ConsensusPolicy.BLENDED)
        assert found.weights[0].tolist() == [0.5, 0.5]
    assert iv_consensus({SNAPSHOT: told, OTHER: silent}, now_ns=NOW, policy=ConsensusPolicy.WINNER_BASED).vol[0] == 0.2
    # One that is too old is no measure of those that are heard.
    old = _seen((61, 61, EXPIRY, 100, 1, 0.2), spread=0.4)
    beside = {SNAPSHOT: old, OTHER: silent, VENDOR: _seen((1, 1, EXPIRY, 100, 1, 0.3), spread=0.02)}
    assert iv_consensus(beside, now_ns=NOW, policy=ConsensusPolicy.BLENDED).weights[0].tolist() == pytest.approx(
        [0.0, 2.0 / 3.0, 1.0 / 3.0]
    )


def test_what_cannot_be_believed_is_not_heard_and_said() -> None:
    rows = [(1, 1, EXPIRY, strike, 1, 9.0) for strike in (100, 105, 110)]
    seen = replace(_seen(*rows, (1, 1, EXPIRY, 115, 1, 0.3)), doubted=np.array([True, True, True, False]))
    other = _seen((1, 1, EXPIRY, 105, 1, 0.2), (61, 61, EXPIRY, 110, 1, 0.2))
    for policy in ConsensusPolicy:
        found = iv_consensus({SNAPSHOT: seen, OTHER: other}, now_ns=NOW, policy=policy)
        assert found.reason.tolist() == [Reason.DOUBTED, Reason.OK, Reason.STALE, Reason.OK]
        np.testing.assert_array_equal(found.vol, [np.nan, 0.2, np.nan, 0.3])
        assert found.fresh.tolist() == [0, 1, 0, 1]


def test_the_blend_is_the_mean_by_score() -> None:
    seen = {SNAPSHOT: _seen((15, 15, EXPIRY, 100, 1, 0.2)), VENDOR: _seen((30, 30, EXPIRY, 100, 1, 0.3))}
    found = iv_consensus(seen, now_ns=NOW, policy=ConsensusPolicy.BLENDED)
    # Scores 0.75 and 0.5 x 0.5.
    assert found.weights[0].tolist() == pytest.approx([0.75, 0.25])
    assert found.vol[0] == pytest.approx(0.225)
    assert found.age_ns[0] == 30 * SECOND
    assert found.chosen[0] == 0


def test_an_outlier_has_no_part_in_the_blend() -> None:
    sources = [IvSource(str(number), 60 * SECOND) for number in range(4)]
    seen = {
        source: _seen((1, 1, EXPIRY, 100, 1, vol))
        for source, vol in zip(sources, (0.2, 0.201, 0.9, 0.202), strict=True)
    }
    found = iv_consensus(seen, now_ns=NOW, policy=ConsensusPolicy.BLENDED)
    assert found.weights[0, 2] == 0.0
    assert found.vol[0] == pytest.approx(0.201, abs=1e-6)
    assert found.discrepancy[0] == pytest.approx(0.7)


def test_a_blend_of_what_just_holds_goes_by_trust() -> None:
    seen = {SNAPSHOT: _seen((60, 60, EXPIRY, 100, 1, 0.2)), VENDOR: _seen((60, 60, EXPIRY, 100, 1, 0.5))}
    assert iv_consensus(seen, now_ns=NOW, policy=ConsensusPolicy.BLENDED).vol[0] == pytest.approx(0.3)


def test_at_the_money_is_between_the_two_strikes_of_one_expiry() -> None:
    rows = (
        (1, 1, EXPIRY, 95, -1, 0.25),
        (1, 1, EXPIRY, 95, 1, 0.99),
        (1, 1, EXPIRY, 105, 1, 0.15),
        (1, 1, LATER, 100, 1, 0.5),
    )
    found = iv_consensus({STREAM: _seen(*rows)}, now_ns=NOW)
    assert atm_consensus(found, EXPIRY, 100.0) == (pytest.approx(0.2), Reason.OK)
    assert atm_consensus(found, EXPIRY, 105.0) == (0.15, Reason.OK)
    assert atm_consensus(found, EXPIRY, 110.0)[1] == Reason.TOO_FEW_STRIKES
    assert atm_consensus(found, LATER + 1, 100.0)[1] == Reason.TOO_FEW_STRIKES
    assert atm_consensus(found, EXPIRY, np.nan)[1] == Reason.NO_FORWARD
    assert contract_consensus(found, EXPIRY, 105.0, 1) == (0.15, Reason.OK)
    assert contract_consensus(found, EXPIRY, 105.0, -1)[1] == Reason.NO_TWO_SIDED_QUOTE


def test_the_rollup_counts_by_expiry() -> None:
    seen = {
        STREAM: _seen((1, 1, EXPIRY, 100, 1, 0.2), (9, 9, LATER, 100, 1, 0.2)),
        SNAPSHOT: _seen((2, 2, EXPIRY, 100, 1, 0.21), (30, 30, EXPIRY, 105, 1, 0.3)),
    }
    found = roll_up(iv_consensus(seen, now_ns=NOW))
    assert found.expiry_ns.tolist() == [EXPIRY, LATER]
    assert (found.contracts.tolist(), found.answered.tolist()) == ([2, 1], [2, 0])
    assert found.age_ns_max.tolist() == [30 * SECOND, -1]
    assert found.discrepancy_max[0] == pytest.approx(0.01)
    assert found.shares.tolist() == [[0.5, 0.5], [0.0, 0.0]]


def test_bad_calls_are_refused() -> None:
    with pytest.raises(ConfigError, match="sources"):
        iv_consensus({}, now_ns=NOW)
    with pytest.raises(ConfigError, match="own name"):
        iv_consensus({STREAM: _seen(), IvSource("stream", 1): _seen()}, now_ns=NOW)
    with pytest.raises(ConfigError, match="stale_ns"):
        IvSource("x", -1)
    with pytest.raises(ConfigError, match="lengths"):
        IvObservations(*(np.zeros(2, dtype=np.int64) for _ in range(5)), np.zeros(1))  # type: ignore[arg-type]


_ROW = st.tuples(
    st.integers(-3, 90),
    st.integers(-3, 90),
    st.sampled_from([EXPIRY, LATER, NOW]),
    st.sampled_from([95.0, 100.0]),
    st.sampled_from([-1, 1]),
    st.floats(0.01, 2.0) | st.just(float("nan")),
)


@given(st.lists(st.lists(_ROW, max_size=8), min_size=3, max_size=3), st.sampled_from(list(ConsensusPolicy)))
def test_nothing_stale_or_unknown_is_ever_returned(tables: list[list[tuple]], policy: ConsensusPolicy) -> None:  # type: ignore[type-arg]
    sources = (STREAM, SNAPSHOT, VENDOR)
    seen = {source: _seen(*rows) for source, rows in zip(sources, tables, strict=True)}
    found = iv_consensus(seen, now_ns=NOW, policy=policy)
    for row in range(len(found)):
        allowed: list[tuple[float, int]] = []
        for source in sources:
            own = seen[source]
            good = (own.expiry_ns == found.expiry_ns[row]) & (own.strike == found.strike[row])
            good &= (own.right == found.right[row]) & (own.ts_recv_ns <= NOW) & (own.ts_event_ns <= own.ts_recv_ns)
            good &= (NOW - own.ts_event_ns <= source.stale_ns) & (own.vol > 0.0)
            allowed += list(zip(own.vol[good], NOW - own.ts_event_ns[good], strict=True))
        if found.reason[row] == Reason.OK:
            assert min(vol for vol, _ in allowed) <= found.vol[row] <= max(vol for vol, _ in allowed)
            assert found.age_ns[row] in [age for _, age in allowed]
            assert found.weights[row].sum() == pytest.approx(1.0)
        else:
            assert not allowed
            assert np.isnan(found.vol[row])
            assert found.age_ns[row] == -1
    # What was not known by now changes nothing.
    known = {
        source: _seen(*(item for item in rows if item[1] >= 0)) for source, rows in zip(sources, tables, strict=True)
    }
    np.testing.assert_array_equal(iv_consensus(known, now_ns=NOW, policy=policy).vol, found.vol)
