"""Roll schedules: each rule on made-up contracts, thin and missing contracts, causality, real contracts."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, CoverageError, DataError, InstrumentError
from argus.core.instruments import instrument, last_trade_date
from argus.core.time import NS_PER_HOUR, day_number
from argus.data import (
    Leg,
    RollReason,
    RollRule,
    RollSchedule,
    RollTrigger,
    contract_life,
    contracts_from_file,
    customary_rule,
    parse_contract,
    roll_date,
    roll_schedule,
    session_table,
)
from tests.data.futures_samples import before, contract, cut, with_noise_after

MES = instrument("MES")
VOLUME = RollRule(RollTrigger.VOLUME)
INTEREST = RollRule(RollTrigger.OPEN_INTEREST)
START = date(2023, 1, 3)


def year(**over: Bars) -> dict[str, Bars]:
    """March, June and September 2023; each is busiest until ten days before its end."""
    contracts = {}
    for month in ("03", "06", "09"):
        name = f"MES.2023{month}"
        turn = contract_life(name, MES).last_trade_date - timedelta(days=10)
        contracts[name] = contract(name, START, volume=before(turn, 100.0 - int(month), 2.0))
    return contracts | {name.replace("_", "."): bars for name, bars in over.items()}


def schedule(contracts: dict[str, Bars], rule: RollRule | None = None, **options: object) -> RollSchedule:
    return roll_schedule(contracts, MES, rule, **options)  # type: ignore[arg-type]


def opens(day: date) -> int:
    return int(session_table(MES.calendar, day, day).open_ns[0])


def closes(day: date) -> int:
    return int(session_table(MES.calendar, day, day).close_ns[0])


# ------------------------------------------------------------------------------------------------------- calendar rule


@pytest.mark.parametrize(
    ("expiry", "expected"),
    # CME Group, "Equity Index Roll Dates": contracts that expire on these days roll on those.
    [("2014-09-19", "2014-09-11"), ("2014-12-19", "2014-12-11"), ("2012-12-21", "2012-12-13")],
)
def test_equity_index_futures_roll_on_the_exchange_s_roll_date(expiry: str, expected: str) -> None:
    day = date.fromisoformat(expiry)
    spec = instrument("ES")
    symbol = f"ES.{day:%Y%m}"
    assert contract_life(symbol, spec).last_trade_date == day
    assert roll_date(spec, symbol, customary_rule(spec).days_before) == date.fromisoformat(expected)


def test_a_delivered_contract_is_left_before_its_first_notice_and_not_its_last_trade() -> None:
    zn = instrument("ZN")
    # First notice on Friday 31 May 2024; Monday 27 is Memorial Day: 30, 29, 28, 24, 23.
    assert roll_date(zn, "ZN.202406", customary_rule(zn).days_before) == date(2024, 5, 23)
    # Crude oil's notices come after its last trade, Tuesday 21 April 2020: 20, 17, 16, 15, 14.
    assert roll_date(instrument("CL"), "CL.202005", 5) == date(2020, 4, 14)


def test_gold_leaves_october_out() -> None:
    assert customary_rule(instrument("MGC")).cycle == "GJMQZ"
    assert customary_rule(instrument("MES")).cycle == ""


def test_the_calendar_rule_rolls_at_the_opening_of_its_session_known_at_the_close_before() -> None:
    found = schedule(year())
    assert found.first_symbol == "MES.202303"
    assert found.start_ns == opens(date(2023, 1, 4)), "the first session decides, so that the second is the first held"
    assert [(roll.from_symbol, roll.to_symbol, roll.session) for roll in found.rolls] == [
        ("MES.202303", "MES.202306", date(2023, 3, 9)),
        ("MES.202306", "MES.202309", date(2023, 6, 8)),
    ]
    for roll, eve in zip(found.rolls, (date(2023, 3, 8), date(2023, 6, 7)), strict=True):
        assert roll.reason is RollReason.CALENDAR
        assert roll.known_at_ns == closes(eve)
        assert roll.effective_ns == opens(roll.session) > roll.known_at_ns
        assert roll.note == ""
    assert found.holes == ()
    assert found.notes == ("MES.202309 was due to be left, but no later contract of the cycle traded on 2023-09-06",)


def test_legs_touch_and_every_instant_has_one_contract() -> None:
    found = schedule(year())
    first, second = found.rolls
    assert found.legs == (
        Leg("MES.202303", found.start_ns, first.effective_ns),
        Leg("MES.202306", first.effective_ns, second.effective_ns),
        Leg("MES.202309", second.effective_ns, opens(date(2023, 9, 18))),
    )
    assert found.symbol_at(found.start_ns - 1) is None
    assert found.symbol_at(first.effective_ns - 1) == "MES.202303"
    assert found.symbol_at(first.effective_ns) == "MES.202306"
    assert found.symbol_at(opens(date(2023, 9, 15))) == "MES.202309"
    assert found.symbol_at(2**62) is None
    unfinished = {name: cut(bars, closes(date(2023, 8, 1))) for name, bars in year().items()}
    assert schedule(unfinished).symbol_at(2**62) == "MES.202309"


def test_bars_of_a_few_hours_give_the_same_schedule_as_session_bars() -> None:
    hours = {name: contract(name, START, volume=50.0, bars_a_session=5) for name in year()}
    assert schedule(hours).rolls == schedule(year()).rolls


def test_a_vendor_s_delay_moves_the_knowledge_and_with_it_the_roll() -> None:
    from dataclasses import replace

    contracts = {name: replace(bars, ts_recv_ns=bars.ts_recv_ns + 3 * NS_PER_HOUR) for name, bars in year().items()}
    roll = schedule(contracts).rolls[0]
    # Wednesday's close is received after Thursday's opening: what is decided on it can only hold for Friday, so the
    # decision that is in time for Thursday is Tuesday's.
    assert roll.session == date(2023, 3, 9)
    assert roll.known_at_ns == closes(date(2023, 3, 7)) + 3 * NS_PER_HOUR
    assert roll.effective_ns >= roll.known_at_ns


# ---------------------------------------------------------------------------------------------------------- crossovers


def test_a_volume_crossover_needs_its_sessions_in_a_row_and_takes_effect_in_the_next() -> None:
    # The later contract leads alone on 6 March, then on 8, 9 and 10 March.
    leads = {date(2023, 3, 6), date(2023, 3, 8), date(2023, 3, 9), date(2023, 3, 10)}
    later = contract("MES.202306", START, volume=lambda day: 200.0 if day in leads else 1.0)
    front = contract("MES.202303", START, volume=100.0)
    contracts = {"MES.202303": front, "MES.202306": later}
    for sessions, effective in ((1, date(2023, 3, 7)), (2, date(2023, 3, 10)), (3, date(2023, 3, 13))):
        found = schedule(contracts, RollRule(RollTrigger.VOLUME, sessions=sessions))
        assert [(roll.session, roll.reason) for roll in found.rolls[:1]] == [(effective, RollReason.VOLUME)]


def test_equal_volume_is_no_lead() -> None:
    contracts = {name: contract(name, START, volume=100.0) for name in ("MES.202303", "MES.202306")}
    assert schedule(contracts, VOLUME).rolls[0].reason is RollReason.FORCED_DEADLINE


def test_a_crossover_never_rolls_back() -> None:
    # Volume goes over to June in February and comes back to March for good.
    brief = {date(2023, 2, 1), date(2023, 2, 2)}
    contracts = {
        "MES.202303": contract("MES.202303", START, volume=100.0),
        "MES.202306": contract("MES.202306", START, volume=lambda day: 500.0 if day in brief else 1.0),
        "MES.202309": contract("MES.202309", START, volume=0.5),
    }
    found = schedule(contracts, VOLUME)
    assert [roll.to_symbol for roll in found.rolls] == ["MES.202306", "MES.202309"]
    assert found.rolls[0].session == date(2023, 2, 3)


def test_open_interest_is_used_one_session_late_because_it_is_published_late() -> None:
    turn = date(2023, 3, 8)
    front = contract("MES.202303", START, open_interest=before(turn, 1000.0, 400.0))
    later = contract("MES.202306", START, open_interest=before(turn, 100.0, 700.0))
    contracts = {"MES.202303": front, "MES.202306": later}
    # 8 March's figure is known at the close of the 9th, and leads twice with that of the 9th, known on the 10th.
    assert schedule(contracts, INTEREST).rolls[0].session == date(2023, 3, 13)
    prompt = RollRule(RollTrigger.OPEN_INTEREST, open_interest_lag=0)
    assert schedule(contracts, prompt).rolls[0].session == date(2023, 3, 10)
    assert schedule(contracts, prompt).rolls[0].reason is RollReason.OPEN_INTEREST


def test_a_crossover_rule_starts_with_the_leader_and_the_calendar_rule_with_the_nearest() -> None:
    start = date(2023, 3, 6)
    contracts = {
        "MES.202303": contract("MES.202303", start, volume=1.0),
        "MES.202306": contract("MES.202306", start, volume=90.0),
    }
    assert schedule(contracts, VOLUME).first_symbol == "MES.202306"
    assert schedule(contracts).first_symbol == "MES.202303"


def test_a_column_that_was_not_observed_is_asked_for() -> None:
    with pytest.raises(DataError, match=r"MES.202303: the rule rolls on open_interest, which was not observed"):
        schedule(year(), INTEREST)


# ------------------------------------------------------------------------------------------ thin and missing contracts


def test_a_rule_that_has_not_rolled_by_the_deadline_is_forced_and_says_so() -> None:
    contracts = {
        "MES.202303": contract("MES.202303", START, volume=100.0),
        "MES.202306": contract("MES.202306", START, volume=1.0),
    }
    found = schedule(contracts, VOLUME)
    assert found.rolls[0].reason is RollReason.FORCED_DEADLINE
    assert found.rolls[0].session == date(2023, 3, 16), "the last session before Friday's expiry"
    assert found.notes[0] == "MES.202303 to MES.202306 on 2023-03-16: forced deadline"
    earlier = schedule(contracts, RollRule(RollTrigger.VOLUME, deadline_days=4)).rolls[0]
    assert earlier.session == date(2023, 3, 13)


def test_a_contract_that_stops_trading_is_left_when_it_has_been_silent_for_long_enough() -> None:
    front = contract("MES.202303", START, date(2023, 2, 8))
    found = schedule({"MES.202303": front, "MES.202306": contract("MES.202306", START)})
    # Silent on 9, 10 and 13 February; left at the opening of the 14th.
    assert found.rolls[0].reason is RollReason.FORCED_SILENT
    assert found.rolls[0].session == date(2023, 2, 14)
    assert "forced silent" in found.notes[0]


def test_bars_without_volume_are_not_trading() -> None:
    front = contract("MES.202303", START, volume=before(date(2023, 2, 9), 10.0, 0.0))
    found = schedule({"MES.202303": front, "MES.202306": contract("MES.202306", START)})
    assert found.rolls[0].session == date(2023, 2, 14)


def test_a_thin_next_contract_is_waited_for_until_it_trades() -> None:
    thin = contract("MES.202306", START, volume=before(date(2023, 3, 14), 0.0, 5.0))
    found = schedule({"MES.202303": contract("MES.202303", START), "MES.202306": thin})
    assert found.rolls[0].session == date(2023, 3, 15), "due on the 9th, first traded on the 14th"
    assert found.notes[0] == "MES.202303 was due to be left, but no later contract of the cycle traded on 2023-03-08"


def test_a_next_contract_that_is_missing_is_passed_over_and_named() -> None:
    contracts = year()
    del contracts["MES.202306"]
    contracts["MES.202306"] = contract("MES.202306", START, volume=0.0)
    found = schedule(contracts)
    assert [roll.to_symbol for roll in found.rolls] == ["MES.202309"]
    assert found.rolls[0].note == "passed over MES.202306: no trade in the deciding session, or due itself"
    assert "passed over MES.202306" in found.notes[0]


def test_a_contract_that_begins_late_is_taken_once_it_trades() -> None:
    late = contract("MES.202306", date(2023, 3, 13))
    found = schedule({"MES.202303": contract("MES.202303", START), "MES.202306": late})
    assert found.rolls[0].session == date(2023, 3, 14)
    assert not found.rolls[0].note


def test_only_months_of_the_cycle_are_held() -> None:
    found = schedule(year(), RollRule(days_before=6, cycle="HU"))
    assert [roll.to_symbol for roll in found.rolls] == ["MES.202309"]
    assert not found.rolls[0].note


def test_a_gap_with_no_contract_is_an_error_or_a_hole() -> None:
    contracts = {
        "MES.202303": contract("MES.202303", START),
        "MES.202309": contract("MES.202309", date(2023, 4, 11)),
    }
    message = r"MES.202303 traded for the last time on 2023-03-17, and no later contract .*import the missing contract"
    with pytest.raises(CoverageError, match=message):
        schedule(contracts)
    found = schedule(contracts, on_gap="hole")
    roll = found.rolls[0]
    assert roll.reason is RollReason.AFTER_HOLE
    assert roll.session == date(2023, 4, 12)
    assert found.holes == ((opens(date(2023, 3, 20)), roll.effective_ns),)
    assert found.legs == (
        Leg("MES.202303", found.start_ns, opens(date(2023, 3, 20))),
        Leg("MES.202309", roll.effective_ns, opens(date(2023, 9, 18))),
    )
    assert found.symbol_at(opens(date(2023, 3, 27))) is None
    assert any("no later contract of the cycle" in note for note in found.notes)


def test_data_that_end_with_the_last_contract_are_no_gap() -> None:
    found = schedule({"MES.202303": contract("MES.202303", START)})
    assert found.rolls == found.holes == ()
    assert found.legs[-1].end_ns == found.end_ns == opens(date(2023, 3, 20))


def test_bars_after_the_last_trade_are_pointed_out() -> None:
    contracts = year(MES_202303=contract("MES.202303", START, date(2023, 3, 21)))
    assert "MES.202303 has bars after its last trade date 2023-03-17" in schedule(contracts).notes


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"days_before": 0}, "days_before is 0; it must lie between 1 and 30"),
        ({"days_before": 2, "deadline_days": 3}, "days_before is 2; it must lie between 3 and 30"),
        ({"sessions": 0}, "sessions is 0"),
        ({"open_interest_lag": -1}, "open_interest_lag is -1"),
        ({"silent_sessions": 0}, "silent_sessions is 0"),
        ({"cycle": "ZH"}, "cycle is 'ZH'; write letters of FGHJKMNQUVXZ in that order"),
    ],
)
def test_a_rule_out_of_range(figures: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RollRule(**figures)  # type: ignore[arg-type]


def test_questions_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match=r"MES has no delivery month F, G; its months are HMUZ"):
        schedule(year(), RollRule(cycle="FGH"))
    with pytest.raises(DataError, match=r"none of 1 contracts has bars and a delivery month of the cycle Z"):
        schedule({"MES.202303": contract("MES.202303", START)}, RollRule(cycle="Z"))
    with pytest.raises(ConfigError, match=r"on_gap is 'maybe'"):
        schedule(year(), on_gap="maybe")
    with pytest.raises(InstrumentError, match=r"ES.202303 is a contract of ES"):
        schedule({"ES.202303": contract("ES.202303", START)})
    with pytest.raises(CoverageError, match=r"no contract of the cycle traded in any session before its roll"):
        schedule({"MES.202303": contract("MES.202303", START, volume=0.0)})


# ----------------------------------------------------------------------------------------------------------- causality


def lively(seed: int) -> dict[str, Bars]:
    """Contracts whose volume and open interest change at random, with sessions left out here and there."""
    draws = np.random.default_rng(seed)
    contracts = {}
    for month in ("03", "06", "09", "12"):
        name = f"MES.2023{month}"
        size = {day: draws.choice([np.nan, 0.0, *draws.uniform(1, 100, 8)]) for day in range(day_number(START), 19800)}
        interest = {day: draws.uniform(1, 100) for day in size}
        contracts[name] = contract(
            name,
            START + timedelta(days=int(draws.integers(0, 40))),
            volume=lambda day, size=size: size[day_number(day)],  # type: ignore[misc]
            open_interest=lambda day, interest=interest: interest[day_number(day)],  # type: ignore[misc]
            bars_a_session=2,
        )
    return contracts


@pytest.mark.parametrize("trigger", list(RollTrigger))
@settings(max_examples=12)
@given(seed=st.integers(0, 2**20), share=st.floats(0.05, 0.98))
def test_noise_in_the_future_moves_no_roll_that_was_known(trigger: RollTrigger, seed: int, share: float) -> None:
    rule = RollRule(trigger, sessions=1 + seed % 3)
    contracts = lively(seed)
    begin = min(int(bars.ts_event_ns[0]) for bars in contracts.values())
    end = max(int(bars.ts_recv_ns[-1]) for bars in contracts.values())
    now = begin + int((end - begin) * share)
    expected = schedule(contracts, rule, on_gap="hole")
    for changed in (
        {name: with_noise_after(bars, now, seed) for name, bars in contracts.items()},
        {name: cut(bars, now) for name, bars in contracts.items() if len(cut(bars, now))},
    ):
        try:
            found = schedule(changed, rule, on_gap="hole")
        except CoverageError:
            assert expected.start_ns > now
            continue
        if expected.start_ns <= now:
            assert (found.first_symbol, found.start_ns) == (expected.first_symbol, expected.start_ns)
        known = [roll for roll in found.rolls if roll.known_at_ns <= now]
        assert known == [roll for roll in expected.rolls if roll.known_at_ns <= now]


@pytest.mark.parametrize("trigger", list(RollTrigger))
@settings(max_examples=12)
@given(seed=st.integers(0, 2**20))
def test_rolls_go_forward_in_time_and_delivery_and_never_before_they_are_known(trigger: RollTrigger, seed: int) -> None:
    found = schedule(lively(seed), RollRule(trigger), on_gap="hole")
    held = [found.first_symbol, *(roll.to_symbol for roll in found.rolls)]
    assert held == sorted(set(held), key=parse_contract)
    assert [roll.from_symbol for roll in found.rolls] == held[:-1]
    instants = [found.start_ns, *(roll.effective_ns for roll in found.rolls)]
    assert instants == sorted(set(instants))
    for roll in found.rolls:
        assert roll.known_at_ns <= roll.effective_ns == opens(roll.session)
        if roll.reason is not RollReason.AFTER_HOLE and not roll.note:
            assert roll.session < contract_life(roll.from_symbol, MES).last_trade_date


# ------------------------------------------------------------------------------------------------------ real contracts


def real(folder: Path, form: str, root: str) -> dict[str, Bars]:
    return contracts_from_file(folder / form / f"{root}.parquet", root, form)[0]


def test_micro_sp_rolls_on_real_hours(real_data: Path) -> None:
    contracts = real(real_data, "futures_hourly", "MES")
    found = schedule(contracts)
    assert found.holes == ()
    assert [roll.from_symbol for roll in found.rolls] == [
        f"MES.{year}{month}" for year in range(2019, 2026) for month in ("03", "06", "09", "12")
    ][1 : 1 + len(found.rolls)]
    assert len(found.rolls) == 26
    days = {roll.from_symbol: roll.session for roll in found.rolls}
    # Thursdays of the week before the third Friday, as the exchange's convention has it, around no holiday.
    assert days["MES.202003"] == date(2020, 3, 12)
    assert days["MES.202212"] == date(2022, 12, 8)
    assert days["MES.202309"] == date(2023, 9, 7)
    for roll in found.rolls:
        assert roll.reason is RollReason.CALENDAR
        contract_id = parse_contract(roll.from_symbol)
        expiry = last_trade_date(MES, contract_id.year, contract_id.letter)
        assert timedelta(7) < expiry - roll.session < timedelta(11)


def test_the_volume_of_micro_sp_goes_over_in_the_week_of_expiry(real_data: Path) -> None:
    found = schedule(real(real_data, "futures_hourly", "MES"), VOLUME)
    assert len(found.rolls) == 26
    for roll in found.rolls:
        contract_id = parse_contract(roll.from_symbol)
        expiry = last_trade_date(MES, contract_id.year, contract_id.letter)
        assert timedelta(0) < expiry - roll.session < timedelta(9), roll


def test_ten_year_notes_are_left_before_first_notice_on_real_hours(real_data: Path) -> None:
    contracts = real(real_data, "futures_hourly", "ZN")
    zn = instrument("ZN")
    for rule in (None, VOLUME):
        found = roll_schedule(contracts, zn, rule)
        assert found.holes == ()
        assert len(found.rolls) >= 60
        for roll in found.rolls:
            life = contract_life(roll.from_symbol, zn)
            assert life.first_notice_date is not None
            assert roll.session < life.first_notice_date
            assert life.exit_by_ns is not None
            assert roll.effective_ns < life.exit_by_ns


def test_micro_crude_rolls_every_month_on_real_sessions(real_data: Path) -> None:
    contracts = real(real_data, "futures_daily", "MCL")
    mcl = instrument("MCL")
    found = roll_schedule(contracts, mcl)
    assert found.holes == ()
    months = [parse_contract(roll.from_symbol) for roll in found.rolls]
    assert [month.year * 12 + month.month for month in months] == list(
        range(months[0].year * 12 + months[0].month, months[0].year * 12 + months[0].month + len(months))
    )
    for roll in found.rolls:
        assert roll.reason is RollReason.CALENDAR
        assert timedelta(4) < contract_life(roll.from_symbol, mcl).last_trade_date - roll.session < timedelta(11)
    # December's contract of 2024 stopped on 19 November; five business days before is the 12th.
    assert {roll.from_symbol: roll.session for roll in found.rolls}["MCL.202412"] == date(2024, 11, 12)
