"""Continuous series: splices by hand, what adjustment may change, causality, crude below zero, real rolls."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import Bars
from argus.core.errors import DataError, InstrumentError, LookAheadError
from argus.core.instruments import instrument
from argus.core.time import day_number
from argus.data import (
    Adjustment,
    ContinuousSeries,
    RollRule,
    RollSchedule,
    RollTrigger,
    back_adjusted,
    continuous_series,
    contract_life,
    contracts_from_file,
    roll_schedule,
)
from tests.data.futures_samples import before, contract, cut, with_noise_after

MES = instrument("MES")
START = date(2023, 1, 3)
NAMES = ("MES.202303", "MES.202306", "MES.202309")


def steps(bars_a_session: int = 1, **options: float) -> dict[str, Bars]:
    """Three contracts at 100, 110 and 125, which do not move but for a quarter a bar within a session."""
    closes = dict(zip(NAMES, (100.0, 110.0, 125.0), strict=True))
    return {
        name: contract(name, START, close=close, bars_a_session=bars_a_session, **options)  # type: ignore[arg-type]
        for name, close in closes.items()
    }


def scheduled(contracts: dict[str, Bars], rule: RollRule | None = None) -> RollSchedule:
    return roll_schedule(contracts, MES, rule)


def own_prices(series: ContinuousSeries, contracts: dict[str, Bars]) -> list[tuple[Bars, slice]]:
    """For each contract of the series: its own bars of those rows, and the rows."""
    parts = []
    for at, symbol in enumerate(series.symbols):
        rows = np.flatnonzero(series.contract == at)
        bars = contracts[symbol]
        begin = int(np.searchsorted(bars.ts_event_ns, series.bars.ts_event_ns[rows[0]]))
        parts.append((bars.rows(begin, begin + len(rows)), slice(int(rows[0]), int(rows[-1]) + 1)))
    return parts


# ------------------------------------------------------------------------------------------------------------ by hand


def test_later_contracts_are_shifted_by_the_sum_of_the_gaps_and_the_oldest_stays() -> None:
    contracts = steps()
    series = continuous_series(contracts, scheduled(contracts), Adjustment.DIFFERENCE)
    assert series.bars.instrument == "MES"
    assert series.symbols == NAMES
    assert [splice.from_close - splice.to_close for splice in series.splices] == [-10.0, -15.0]
    assert [float(series.amount[series.contract == at][0]) for at in range(3)] == [0.0, -10.0, -25.0]
    assert np.unique(series.bars.close).tolist() == [100.0]
    assert (series.bars.open == 99.75).all()
    assert (series.bars.high == 100.5).all()
    assert series.bars.volume[0] == 10.0


def test_ratios_multiply() -> None:
    contracts = steps()
    series = continuous_series(contracts, scheduled(contracts), Adjustment.RATIO)
    amounts = [float(series.amount[series.contract == at][0]) for at in range(3)]
    assert amounts == pytest.approx([1.0, 100 / 110, 100 / 125])
    assert series.bars.close == pytest.approx(np.full(len(series.bars), 100.0))


def test_unadjusted_prices_are_those_that_traded() -> None:
    contracts = steps()
    found = scheduled(contracts)
    series = continuous_series(contracts, found, Adjustment.UNADJUSTED)
    assert np.unique(series.bars.close).tolist() == [100.0, 110.0, 125.0]
    assert (series.amount == 0).all()
    first = int(np.flatnonzero(series.contract == 1)[0])
    assert series.bars.ts_event_ns[first] == found.rolls[0].effective_ns
    assert series.bars.close[first - 1 : first + 1].tolist() == [100.0, 110.0]


def test_the_gap_is_that_of_the_last_bar_which_both_traded_and_which_was_known() -> None:
    # Four bars a session. In the deciding session June has no trade in its last two bars, so that the second counts.
    contracts = steps(bars_a_session=4)
    june = contracts["MES.202306"]
    eve = day_number(date(2023, 3, 8))
    rows = np.flatnonzero(june.session == eve)
    volume = june.volume.copy()
    volume[rows[2:]] = 0.0
    close = june.close.copy()
    close[rows[1]] += 3.0
    # What comes after the roll must not matter.
    close[rows[3] + 1 :] += 50.0
    contracts["MES.202306"] = replace(june, volume=volume, close=close)
    series = continuous_series(contracts, scheduled(contracts), Adjustment.DIFFERENCE)
    splice = series.splices[0]
    assert splice.bar_ns == june.ts_event_ns[rows[1]]
    assert (splice.from_close, splice.to_close) == (100.25, 113.25)
    assert series.notes == series.schedule.notes


def test_a_gap_measured_sessions_before_the_roll_is_pointed_out() -> None:
    front = contract("MES.202303", START, volume=before(date(2023, 2, 9), 10.0, 0.0))
    contracts = {"MES.202303": front, "MES.202306": contract("MES.202306", START, close=110.0)}
    series = continuous_series(contracts, scheduled(contracts), Adjustment.DIFFERENCE)
    assert series.splices[0].bar_ns == int(
        front.ts_event_ns[np.searchsorted(front.session, day_number(date(2023, 2, 8)))]
    )
    assert any("the last common bar starts at 2023-02-07T23:00:00Z, sessions before" in note for note in series.notes)


def test_contracts_without_a_common_bar_cannot_be_adjusted() -> None:
    contracts = {
        "MES.202303": contract("MES.202303", START),
        "MES.202309": contract("MES.202309", date(2023, 4, 11), close=120.0),
    }
    found = roll_schedule(contracts, MES, on_gap="hole")
    for adjustment in (Adjustment.DIFFERENCE, Adjustment.RATIO):
        with pytest.raises(DataError, match=r"MES.202303 and MES.202309 traded in no common bar before their roll"):
            continuous_series(contracts, found, adjustment)
    series = continuous_series(contracts, found, Adjustment.UNADJUSTED)
    assert np.isnan(series.splices[0].from_close)
    assert series.splices[0].bar_ns is None
    assert any("no common bar, gap not measured" in note for note in series.notes)
    assert series.bars.ts_event_ns[np.flatnonzero(series.contract == 1)[0]] == found.holes[0][1]


def test_a_contract_of_the_schedule_that_is_missing_is_named() -> None:
    contracts = steps()
    found = scheduled(contracts)
    del contracts["MES.202306"]
    with pytest.raises(DataError, match=r"the schedule names MES.202306, which is not among the 2 contracts given"):
        continuous_series(contracts, found)


def test_a_field_that_one_contract_lacks_is_not_observed_in_the_series() -> None:
    contracts = steps()
    bare = contracts["MES.202306"]
    contracts["MES.202306"] = replace(
        bare,
        volume=np.full(len(bare), np.nan),
        open=np.full(len(bare), np.nan),
        observed=frozenset({"high", "low", "close"}),
    )
    series = continuous_series(contracts, scheduled(contracts))
    assert series.bars.observed == {"high", "low", "close"}
    assert np.isnan(series.bars.volume).all()
    assert np.isnan(series.bars.open).all()


# ---------------------------------------------------------------------------------------------------- below zero


def crude() -> dict[str, Bars]:
    """May and June crude around 20 April 2020, when May closed at -37.63; June does not trade in time for the roll."""
    days = {date(2020, 4, 16): 19.87, date(2020, 4, 17): 18.27, date(2020, 4, 20): -37.63, date(2020, 4, 21): 10.01}
    may = contract("CL.202005", date(2020, 4, 1), close=lambda day: days.get(day, 20.0), volume=100.0)
    size = {date(2020, 4, 17): 0.0, date(2020, 4, 20): 900.0}
    june = contract("CL.202006", date(2020, 4, 1), date(2020, 5, 5), close=21.0, volume=lambda day: size.get(day, 1.0))
    return {"CL.202005": may, "CL.202006": june}


def test_crude_below_zero_is_refused_as_a_ratio_and_joined_as_a_difference() -> None:
    contracts = crude()
    spec = instrument("CL")
    late = roll_schedule(contracts, spec, RollRule(RollTrigger.VOLUME, sessions=2))
    assert (late.rolls[0].session, late.rolls[0].note) == (date(2020, 4, 21), "late: after the deadline")
    with pytest.raises(DataError, match=r"CL.202005: the bar that starts at 2020-04-19T22:00:00Z has the price -37.63"):
        continuous_series(contracts, late, Adjustment.RATIO)
    series = continuous_series(contracts, late, Adjustment.DIFFERENCE)
    assert float(series.amount[-1]) == pytest.approx(-37.63 - 21.0)
    early = roll_schedule(contracts, spec, RollRule(days_before=5))
    assert early.rolls[0].session == date(2020, 4, 14)
    assert continuous_series(contracts, early, Adjustment.RATIO).bars.close.min() > 0


def test_a_low_below_zero_is_refused_even_where_no_close_is() -> None:
    contracts = steps()
    march = contracts["MES.202303"]
    low = march.low.copy()
    low[7] = 0.0
    contracts["MES.202303"] = replace(march, low=low)
    with pytest.raises(
        DataError, match=r"has the price 0, and a ratio of prices at or below zero means nothing; use the"
    ):
        continuous_series(contracts, scheduled(contracts), Adjustment.RATIO)


# ---------------------------------------------------------------------------------------------------------- charts only


def test_the_back_adjusted_series_keeps_the_newest_contract_and_is_no_series_for_strategies() -> None:
    contracts = steps()
    series = back_adjusted(contracts, scheduled(contracts), Adjustment.DIFFERENCE)
    assert [float(series.amount[series.contract == at][0]) for at in range(3)] == [25.0, 15.0, 0.0]
    assert np.unique(series.bars.close).tolist() == [125.0]
    assert not series.usable_by_strategies
    with pytest.raises(LookAheadError, match=r"MES: the series is back-adjusted.*Give strategies the forward-anchored"):
        series.for_strategies()
    with pytest.raises(InstrumentError):
        instrument(series.bars.instrument)
    ratio = back_adjusted(contracts, scheduled(contracts), Adjustment.RATIO)
    assert ratio.bars.close == pytest.approx(np.full(len(ratio.bars), 125.0))


def test_the_forward_series_is_for_strategies() -> None:
    contracts = steps()
    series = continuous_series(contracts, scheduled(contracts))
    assert series.usable_by_strategies
    assert series.for_strategies() is series.bars
    with pytest.raises(ValueError, match="read-only"):
        series.amount[0] = 1.0


# ----------------------------------------------------------------------------------------------------------- properties


def walks(seed: int, bars_a_session: int) -> dict[str, Bars]:
    """Contracts whose closes wander together at some distance, with a volume that changes at random."""
    draws = np.random.default_rng(seed)
    common = np.exp(np.cumsum(draws.normal(0, 0.01, 400))) * 4000
    contracts = {}
    for at, name in enumerate(NAMES):
        turn = contract_life(name, MES).last_trade_date - timedelta(days=int(draws.integers(2, 30)))
        distance = 20.0 * at + draws.normal(0, 1, 400)
        close = np.round((common + distance) * 4) / 4
        origin = day_number(START)
        contracts[name] = contract(
            name,
            START,
            close=lambda day, close=close, origin=origin: close[day_number(day) - origin],  # type: ignore[misc]
            volume=before(turn, 1000.0 - at, 5.0),
            open_interest=before(turn, 900.0 - at, 7.0),
            bars_a_session=bars_a_session,
        )
    return contracts


RULES = st.builds(
    RollRule,
    trigger=st.sampled_from(list(RollTrigger)),
    days_before=st.integers(1, 12),
    sessions=st.integers(1, 4),
)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**20), rule=RULES, n=st.integers(1, 4))
def test_returns_within_a_contract_are_its_own_and_nothing_jumps_at_a_splice(seed: int, rule: RollRule, n: int) -> None:
    contracts = walks(seed, n)
    found = scheduled(contracts, rule)
    for adjustment in Adjustment:
        series = continuous_series(contracts, found, adjustment)
        for own, rows in own_prices(series, contracts):
            adjusted = series.bars.rows(rows.start, rows.stop)
            assert adjusted.ts_event_ns.tolist() == own.ts_event_ns.tolist()
            assert adjusted.volume.tolist() == own.volume.tolist()
            for name in ("open", "high", "low", "close"):
                ours, theirs = getattr(adjusted, name), getattr(own, name)
                if adjustment is Adjustment.RATIO:
                    assert ours[1:] / ours[:-1] == pytest.approx(theirs[1:] / theirs[:-1], rel=1e-12)
                else:
                    assert np.diff(ours) == pytest.approx(np.diff(theirs), abs=1e-9)
        if adjustment is Adjustment.UNADJUSTED:
            continue
        for at, splice in enumerate(series.splices):
            before_, after = (series.amount[series.contract == k][0] for k in (at, at + 1))
            if adjustment is Adjustment.RATIO:
                assert splice.from_close * before_ == pytest.approx(splice.to_close * after, rel=1e-12)
            else:
                assert splice.from_close + before_ == pytest.approx(splice.to_close + after, abs=1e-9)
            assert splice.bar_ns is not None
            assert splice.bar_ns < splice.roll.effective_ns


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**20), rule=RULES, share=st.floats(0.05, 0.98), adjustment=st.sampled_from(list(Adjustment))
)
def test_noise_in_the_future_moves_no_bit_of_the_past(
    seed: int, rule: RollRule, share: float, adjustment: Adjustment
) -> None:
    contracts = walks(seed, 2)
    begin = min(int(bars.ts_event_ns[0]) for bars in contracts.values())
    end = max(int(bars.ts_recv_ns[-1]) for bars in contracts.values())
    now = begin + int((end - begin) * share)
    expected = continuous_series(contracts, scheduled(contracts, rule), adjustment)
    until = int(np.searchsorted(expected.bars.ts_recv_ns, now, side="right"))
    for changed in (
        {name: with_noise_after(bars, now, seed) for name, bars in contracts.items()},
        {name: cut(bars, now) for name, bars in contracts.items()},
    ):
        # Noise can close the market for good, so that no contract is found: that gap lies in the future too.
        found = continuous_series(changed, roll_schedule(changed, MES, rule, on_gap="hole"), adjustment)
        assert found.bars.rows(0, until).content_hash == expected.bars.rows(0, until).content_hash
        assert found.amount[:until].tobytes() == expected.amount[:until].tobytes()
        assert found.contract[:until].tobytes() == expected.contract[:until].tobytes()


def test_the_back_adjusted_series_would_fail_the_same_test() -> None:
    contracts = walks(7, 2)
    now = int(contracts["MES.202306"].ts_recv_ns[60])
    known = {name: cut(bars, now) for name, bars in contracts.items()}
    whole, part = (back_adjusted(c, scheduled(c)) for c in (contracts, known))
    assert (whole.bars.close[: len(part.bars)] != part.bars.close).all()


# ------------------------------------------------------------------------------------------------------ real contracts


@pytest.mark.parametrize(
    ("root", "form"), [("MES", "futures_hourly"), ("ZN", "futures_hourly"), ("MCL", "futures_daily")]
)
def test_real_contracts_join_without_a_jump(real_data: Path, root: str, form: str) -> None:
    contracts, _ = contracts_from_file(real_data / form / f"{root}.parquet", root, form)
    found = roll_schedule(contracts, instrument(root))
    raw = continuous_series(contracts, found, Adjustment.UNADJUSTED)
    for adjustment in (Adjustment.DIFFERENCE, Adjustment.RATIO):
        series = continuous_series(contracts, found, adjustment)
        assert len(series.bars) == len(raw.bars)
        first = np.flatnonzero(np.diff(series.contract, prepend=series.contract[0]))
        assert len(first) == len(found.rolls)
        # The front contract is the one that trades: hardly an hour of its sessions is missing.
        assert (series.bars.volume > 0).mean() > 0.99
        for at, row in enumerate(first):
            splice = series.splices[at]
            opened, closed = series.bars.open[row], series.bars.close[row - 1]
            move = abs(opened / closed - 1)
            assert move < 0.08, (splice.roll, move)
    # Crude and notes in backwardation, index futures above spot: the joined series drift away from the raw ones.
    assert abs(raw.bars.close[-1] - continuous_series(contracts, found).bars.close[-1]) > 1.0
