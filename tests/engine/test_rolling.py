"""Runs through rolls: a sheet worked out by hand, what a roll may know, how contracts end, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, CoverageError, DataError
from argus.core.instruments import instrument
from argus.core.intents import Close, Forecast, Intent, Target
from argus.core.ports import View
from argus.core.time import day_number, day_of, parse_ns
from argus.data import Adjustment, RollRule, RollTrigger, contract_life, roll_schedule
from argus.engine.record import RunRecord
from argus.engine.rolled_strategy import EXIT_TAG
from argus.engine.rolling import rolled_events, rolled_market, rolled_root, rolled_start
from argus.portfolio import LimitRiskPolicy
from tests.data.futures_samples import contract, cut, with_noise_after
from tests.engine.markets import DOLLAR, Scripted, digest
from tests.engine.rolls import (
    DAYS,
    GAP,
    MES,
    SHEET_H,
    SHEET_M,
    H,
    M,
    fills_told,
    play_rolled,
    scripted,
    settings,
    sheet_bars,
    sheet_root,
    two_contracts,
)

YEAR = ("MES.202303", "MES.202306", "MES.202309", "MES.202312")
START = date(2023, 1, 3)


def session_cash(record: RunRecord) -> dict[date, float]:
    """Cash in dollars after the last close of each session."""
    last = np.flatnonzero(np.append(np.diff(record.equity_session) != 0, True))
    return {day_of(int(record.equity_session[row])): int(record.cash_micros[row]) / DOLLAR for row in last}


# ------------------------------------------------------------------------------------------- limits


def test_limits_are_asked_about_the_net_of_the_root_and_a_roll_is_carried_through() -> None:
    script: dict[int, list[Intent]] = {
        0: [Target("MES", units=1.0)],
        1: [Target("MES", units=2.0)],
        5: [Target("MES", units=3.0)],  # after the roll
        6: [Target("MES", units=-1.0)],
    }
    contracts = dict.fromkeys((H, M), MES)
    limits = LimitRiskPolicy(max_order_units=1.0, max_position_units=2.0, check_margin=False, instruments=contracts)
    record = play_rolled(scripted(script), sheet_root(), limits=limits)
    # The roll moves two contracts by one order, though no order may be for more than one: it makes nothing larger.
    assert [(symbol, lots) for symbol, lots, _, _ in fills_told(record)] == [(H, 1), (H, 1), (H, -2), (M, 2)]
    assert [(refusal.instrument, refusal.limit) for refusal in record.refusals] == [
        (M, "max_position_units"),
        (M, "max_order_units"),
    ]
    assert "would be 3 units; at most 2 are allowed" in record.refusals[0].reason
    told = record.manifest.config["risk"]
    assert (told["max_position_units"], told["limits_of_roots"]["max_position_units"]) == (None, 2.0)


def test_what_is_asked_for_at_a_roll_on_top_of_it_is_held_to_the_net() -> None:
    limits = LimitRiskPolicy(max_position_units=2.0, check_margin=False, instruments=dict.fromkeys((H, M), MES))
    script: dict[int, list[Intent]] = {0: [Target("MES", units=2.0)], 3: [Target("MES", units=3.0)]}
    record = play_rolled(scripted(script), sheet_root(), limits=limits)
    assert [(symbol, lots) for symbol, lots, _, _ in fills_told(record)] == [(H, 2), (H, -2), (M, 2)]
    assert [(refusal.instrument, refusal.limit) for refusal in record.refusals] == [(M, "max_position_units")]


def test_the_rate_of_orders_does_not_stop_a_roll_but_counts_it() -> None:
    contracts = dict.fromkeys((H, M), MES)
    limits = LimitRiskPolicy(max_orders=3, max_orders_window_s=7 * 86_400, check_margin=False, instruments=contracts)
    script: dict[int, list[Intent]] = {
        0: [Target("MES", units=1.0)],
        1: [Target("MES", units=2.0)],
        5: [Target("MES", units=3.0)],
    }
    record = play_rolled(scripted(script), sheet_root(), limits=limits)
    assert [lots for _, lots, _, _ in fills_told(record)] == [1, 1, -2, 2]
    assert [refusal.limit for refusal in record.refusals] == ["max_orders"]
    assert "number 5 within" in record.refusals[0].reason


# ------------------------------------------------------------------------------------------- the sheet worked by hand


def test_a_long_position_goes_through_a_roll_as_the_sheet_has_it() -> None:
    script: dict[int, list[Intent]] = {
        0: [Target("MES", units=2.0, tag="in")],  # known: the first bar of 7 March
        5: [Target("MES", units=-1.0, tag="turn")],  # known: the second bar of 9 March, of the new contract
    }
    record = play_rolled(scripted(script), sheet_root())
    # One tick (0.25) of slippage against the trader on every fill. The roll is decided at the close of 8 March, and
    # both sides meet the opening of 9 March: 4015 in the old contract, 4045.50 in the new one.
    assert fills_told(record) == [
        # contract, lots, price, tag                               made from
        (H, +2, 4007.25, "in"),  #                                 open of the second bar of 7 March, 4007.00 + 0.25
        (H, -2, 4014.75, f"roll to {M}"),  #                       open of 9 March, 4015.00 - 0.25
        (M, +2, 4045.75, f"roll from {H}"),  #                     open of 9 March, 4045.50 + 0.25
        (M, -3, 4042.75, "turn"),  #                               open of 10 March, 4043.00 - 0.25
    ]
    assert [int(fee) / DOLLAR for fee in record.fills["fee_micros"]] == [2.50, 2.50, 2.50, 3.75]
    # 5 dollars a point and contract.
    assert session_cash(record) == {
        DAYS[1]: 100_015.00,  # + 2 x (4009.00 - 4007.25) x 5 = 17.50, less 2.50 fee
        DAYS[2]: 100_035.00,  # + 2 x (4011.00 - 4009.00) x 5 = 20.00
        DAYS[3]: 100_070.00,  # + 2 x (4014.75 - 4011.00) x 5 = 37.50, + 2 x (4046.00 - 4045.75) x 5 = 2.50, less 5.00
        DAYS[4]: 100_027.50,  # + 2 x (4042.75 - 4046.00) x 5 = -32.50, - (4044.00 - 4042.75) x 5 = -6.25, less 3.75
        DAYS[5]: 100_007.50,  # - (4048.00 - 4044.00) x 5 = -20.00
    }
    assert record.final_equity_micros == 100_007_500_000
    assert [int(net) / DOLLAR for net in record.trades["net_micros"]] == [
        70.00,  # 2 x (4014.75 - 4007.25) x 5 = 75.00, less 5.00
        -35.00,  # 2 x (4042.75 - 4045.75) x 5 = -30.00, less 2.50 + 2.50
        -27.50,  # (4042.75 - 4048.00) x 5 = -26.25, less 1.25; still open
    ]


def test_a_short_position_goes_through_a_roll_as_the_sheet_has_it() -> None:
    script: dict[int, list[Intent]] = {0: [Forecast("MES", -1.0, tag="in")], 5: [Close("MES", tag="out")]}
    record = play_rolled(scripted(script), sheet_root())
    assert fills_told(record) == [
        (H, -1, 4006.75, "in"),  #                                 4007.00 - 0.25
        (H, +1, 4015.25, f"roll to {M}"),  #                       4015.00 + 0.25
        (M, -1, 4045.25, f"roll from {H}"),  #                     4045.50 - 0.25
        (M, +1, 4043.25, "out"),  #                                4043.00 + 0.25
    ]
    assert session_cash(record) == {
        DAYS[1]: 99_987.50,  # - (4009.00 - 4006.75) x 5 = -11.25, less 1.25
        DAYS[2]: 99_977.50,  # - (4011.00 - 4009.00) x 5 = -10.00
        DAYS[3]: 99_950.00,  # - (4015.25 - 4011.00) x 5 = -21.25, - (4046.00 - 4045.25) x 5 = -3.75, less 2.50
        DAYS[4]: 99_962.50,  # + (4046.00 - 4043.25) x 5 = 13.75, less 1.25
        DAYS[5]: 99_962.50,
    }
    assert record.final_equity_micros == 99_962_500_000


def test_the_gap_between_the_contracts_is_in_no_profit() -> None:
    """Held from the first open to the last close, the difference series says what was earned before costs."""
    root = sheet_root()
    record = play_rolled(scripted({0: [Target("MES", units=1.0)]}), root, config=settings(fee="0", ticks=0))
    closes = root.series.bars.close
    earned = (closes[-1] - closes[0]) * 5
    # The entry filled at 4007 instead of the close of 4006, and the roll's opens lay 30.50 apart instead of 29.50.
    assert record.net_pnl_micros / DOLLAR == earned - (4007 - 4006) * 5 - (30.50 - GAP) * 5


def test_a_strategy_that_is_not_due_is_rolled_all_the_same() -> None:
    script: dict[int, list[Intent]] = {0: [Target("MES", units=1.0)]}
    from argus.core.strategy import WakeRule

    root = sheet_root()
    record = play_rolled(scripted(script, wake=WakeRule.SESSION_END), root)
    assert [fill[:2] for fill in fills_told(record)] == [(H, 1), (H, -1), (M, 1)]
    # Known at the close of 8 March, filled at the opening of 9 March.
    rolled = record.orders[1:]
    assert {int(ts) for ts in rolled["ts_submit_ns"]} == {int(root.schedule.rolls[0].known_at_ns)}
    assert {int(ts) for ts in record.fills["ts_event_ns"][1:]} == {int(root.schedule.rolls[0].effective_ns)}


# --------------------------------------------------------------------------------------------------- what it may know


def year(bars_a_session: int = 3, **options: float) -> dict[str, Bars]:
    """Four contracts that wander, each apart from the one before."""
    contracts = {}
    for at, name in enumerate(YEAR):
        walk = np.random.default_rng(at).integers(-8, 9, 400).cumsum() * 0.25
        level = 400.0 + 10.0 * at
        contracts[name] = contract(
            name,
            START,
            close=lambda day, walk=walk, level=level: level + walk[(day - START).days],
            bars_a_session=bars_a_session,
            **options,  # type: ignore[arg-type]
        )
    return contracts


def restless(view: View, _number: int) -> list[Intent]:
    """Turns around whenever the last three closes of the series say so."""
    closes = view.bars("MES", 3).close
    return [Forecast("MES", 1.0 if closes[-1] >= closes[0] else -1.0)]


def sent_by(record: RunRecord, until_ns: int) -> list[tuple[int, str, int, int, str]]:
    """Orders up to an instant: (time, contract, side, lots, tag)."""
    return [
        (int(o["ts_submit_ns"]), record.universe[o["instrument"]], int(o["side"]), int(o["quantity_lots"]), tag)
        for o, tag in zip(record.orders, record.order_tags, strict=True)
        if o["ts_submit_ns"] <= until_ns
    ]


@pytest.mark.parametrize("rule", [None, RollRule(RollTrigger.VOLUME)])
def test_later_contracts_and_later_bars_change_nothing_earlier(rule: RollRule | None) -> None:
    contracts = year()
    if rule is not None:
        turn = parse_ns("2023-06-12T00:00+00:00")
        contracts["MES.202306"] = replace(
            contracts["MES.202306"],
            volume=np.where(contracts["MES.202306"].ts_event_ns < turn, 20.0, 1.0),
        )
    whole = play_rolled(Scripted(("MES",), restless), rolled_root(contracts, MES, rule))
    assert len(whole.fills) > 50
    # Hours after a roll was known, in mid-leg, and at the very instant at which one became known.
    known = [roll.known_at_ns for roll in rolled_root(contracts, MES, rule).schedule.rolls]
    for until in (
        parse_ns("2023-03-09T15:00+00:00"),
        parse_ns("2023-05-02T12:00+00:00"),
        known[1],
        parse_ns("2023-06-20T01:00+00:00"),
    ):
        expected = sent_by(whole, until)
        shorter = {name: part for name, bars in contracts.items() if len(part := cut(bars, until))}
        altered = {name: with_noise_after(bars, until, seed=7) for name, bars in contracts.items()}
        for changed in (shorter, altered):
            again = play_rolled(Scripted(("MES",), restless), rolled_root(changed, MES, rule))
            assert sent_by(again, until) == expected
    fewer = {name: bars for name, bars in contracts.items() if name != "MES.202312"}
    again = play_rolled(Scripted(("MES",), restless), rolled_root(fewer, MES, rule))
    until = known[-1] - 1
    assert sent_by(again, until) == sent_by(whole, until)


def test_the_strategy_sees_no_bar_before_it_is_known_and_all_that_are() -> None:
    contracts = year()
    root = rolled_root(contracts, MES)
    seen: list[tuple[int, int]] = []
    bars = root.series.bars

    def watch(view: object, _number: int) -> None:
        now, window = view.now_ns, view.bars("MES", 10**6)  # type: ignore[attr-defined]
        seen.append((now, len(window)))
        stop = int(np.searchsorted(bars.ts_recv_ns, now, side="right"))
        assert len(window) == stop
        np.testing.assert_array_equal(window.close, bars.close[:stop])

    play_rolled(scripted({}, watch), root)
    assert [now for now, _ in seen] == bars.ts_recv_ns.tolist()
    # Data that arrive later, later.
    late = settings(data_latency_ns=7_000_000_000)
    delayed: list[tuple[int, int]] = []
    play_rolled(
        scripted({}, lambda view, _n: delayed.append((view.now_ns, len(view.bars("MES", 10**6))))), root, config=late
    )
    assert delayed == [(now + 7_000_000_000, count) for now, count in seen]


def test_the_warm_up_runs_over_the_contracts_and_the_equity_begins_with_the_first_decision() -> None:
    root = rolled_root(year(), MES)
    warmup = int(np.flatnonzero(root.series.contract == 1)[0]) + 5
    strategy = scripted({}, warmup=warmup)
    record = play_rolled(strategy, root)
    first = int(root.series.bars.ts_recv_ns[warmup - 1])
    assert strategy.wakes[0] == first
    assert record.equity_ts_ns[0] == first
    too_long = play_rolled(scripted({}, warmup=10**6), root)
    assert any("never asked" in note for note in too_long.notes)


def test_the_same_run_has_the_same_bits_and_another_rule_another_identity() -> None:
    contracts = two_contracts()
    script: dict[int, list[Intent]] = {0: [Target("MES", units=1.0)]}
    runs = [play_rolled(scripted(script), rolled_root(contracts, MES)) for _ in range(2)]
    assert digest(runs[0]) == digest(runs[1])
    for other in (
        rolled_root(contracts, MES, RollRule(days_before=7)),
        rolled_root(contracts, MES, adjustment=Adjustment.RATIO),
    ):
        assert play_rolled(scripted(script), other).manifest.run_id != runs[0].manifest.run_id
    told = runs[0].manifest.strategy
    assert told["name"] == "scripted"
    assert told["parameters"]["roll.MES"].startswith("calendar days_before=6 ")
    assert told["universe"] == [H, M]


# ------------------------------------------------------------------------------------------------ margin and the end


def test_the_margin_of_one_contract_carries_a_roll_of_one_contract() -> None:
    figure = MES.margin_on(DAYS[3])
    assert figure is not None
    margin = float(figure.initial)
    tight = settings(dollars=1.5 * margin, ticks=0, fee="0")
    record = play_rolled(scripted({0: [Target("MES", units=1.0)]}), sheet_root(), config=tight)
    assert not record.refusals
    assert [fill[:2] for fill in fills_told(record)] == [(H, 1), (H, -1), (M, 1)]
    # Two are too many, before the roll as after it.
    record = play_rolled(scripted({5: [Target("MES", units=2.0)]}), sheet_root(), config=tight)
    assert [refusal.limit for refusal in record.refusals] == ["initial_margin"]


def test_a_halted_account_leaves_the_old_contract_and_does_not_enter_the_new_one() -> None:
    from decimal import Decimal

    from argus.engine.config import HaltRules

    contracts = two_contracts()
    low = contracts[H].close.copy()
    low[4] = 3900.0  # a loss of half a percent of the account on the morning of 8 March
    contracts[H] = replace(contracts[H], close=low, low=np.minimum(contracts[H].low, low))
    halted = settings(halts=HaltRules(daily_loss=None, drawdown=Decimal("0.004")))
    record = play_rolled(scripted({0: [Target("MES", units=1.0)]}), rolled_root(contracts, MES), config=halted)
    assert [fill[:2] for fill in fills_told(record)] == [(H, 1), (H, -1)]


def test_what_is_held_to_the_end_is_settled_at_the_last_close_and_the_record_says_so() -> None:
    alone = {H: contract(H, date(2023, 3, 6), close=4000.0, bars_a_session=4)}
    alone[M] = contract(M, date(2023, 3, 20), date(2023, 3, 22), close=4000.0)
    schedule = roll_schedule(alone, MES, on_gap="hole")
    root = rolled_root(alone, MES, adjustment=Adjustment.UNADJUSTED, schedule=schedule)
    life = contract_life(H, MES)
    assert int(root.contracts[H].ts_event_ns[-1]) < life.last_trade_ns <= root.settlements[H].ts_ns
    record = play_rolled(scripted({0: [Target("MES", units=1.0)]}), root)
    assert [fill[:2] for fill in fills_told(record)] == [(H, 1), (H, -1)]
    assert record.fills["price_ticks"][-1] * 0.25 == root.contracts[H].close[-1] == root.settlements[H].price
    assert any("settled at" in note and "not at the exchange's settlement value" in note for note in record.notes)


def test_a_contract_that_nothing_follows_is_left_before_its_first_notice() -> None:
    zn = instrument("ZN")
    name = "ZN.202306"
    life = contract_life(name, zn)
    bars = {name: contract(name, date(2023, 5, 1), date(2023, 6, 9), close=110.0, bars_a_session=3)}
    root = rolled_root(bars, zn, adjustment=Adjustment.UNADJUSTED)
    assert root.schedule.rolls == ()
    every_day = Scripted(("ZN",), lambda _view, _number: [Forecast("ZN", 1.0)])
    record = play_rolled(every_day, root)
    assert [(record.order_tags[i], int(o["side"])) for i, o in enumerate(record.orders)] == [("", 1), (EXIT_TAG, -1)]
    assert life.exit_by_ns is not None
    assert int(record.fills["ts_event_ns"][-1]) < life.exit_by_ns < int(bars[name].ts_event_ns[-1])
    # One business day before, at the opening, as the rule's deadline has it.
    assert life.first_notice_date == date(2023, 5, 31)
    last = int(record.fills["ts_event_ns"][-1])
    assert int(bars[name].session[np.searchsorted(bars[name].ts_event_ns, last)]) == day_number(date(2023, 5, 30))
    assert any("intents came after the exit before first notice" in note for note in record.notes)
    # It would have been the same had a next contract begun to trade a week later.
    late = bars | {"ZN.202309": contract("ZN.202309", date(2023, 6, 5), date(2023, 6, 9), close=109.0)}
    later = rolled_root(late, zn, adjustment=Adjustment.UNADJUSTED)
    assert len(later.schedule.rolls) == 1
    again = play_rolled(Scripted(("ZN",), lambda _view, _number: [Forecast("ZN", 1.0)]), later)
    assert sent_by(again, last) == sent_by(record, last)


def test_what_cannot_be_filled_at_the_roll_is_closed_as_it_can() -> None:
    contracts = two_contracts()
    thin = np.full(len(SHEET_H), 100.0)
    thin[6:8] = (1.0, 2.0)  # of three contracts, one can be sold in the first bar of 9 March and two in the second
    contracts[H] = replace(contracts[H], volume=thin)
    record = play_rolled(scripted({0: [Target("MES", units=3.0)]}), rolled_root(contracts, MES))
    assert [fill[:3] for fill in fills_told(record)] == [
        (H, +3, 4007.25),
        (H, -1, 4014.75),
        (M, +3, 4045.75),
        (H, -2, 4017.75),
    ]
    assert len(record.orders) == 3


# ---------------------------------------------------------------------------------------------------- what is refused


def test_a_gap_between_contracts_is_refused() -> None:
    late = {H: contract(H, date(2023, 3, 1)), M: contract(M, date(2023, 3, 23), date(2023, 3, 30))}
    with pytest.raises(CoverageError, match=r"no later contract.*import the missing contract"):
        rolled_root(late, MES)


def test_an_old_contract_without_bars_at_its_roll_is_refused() -> None:
    contracts = two_contracts()
    for end in (5, 6):
        short = contracts | {H: contracts[H].rows(0, end)}
        with pytest.raises(CoverageError, match=rf"{H}: the roll from {H} to {M} .*2023-03-09.*its bars end at"):
            rolled_root(short, MES)
    rolled_root(contracts | {H: contracts[H].rows(0, 7)}, MES)


def test_a_roll_beyond_the_end_of_the_data_is_left_to_the_future() -> None:
    short = {name: bars.rows(0, 6) for name, bars in two_contracts().items()}
    root = rolled_root(short, MES)
    assert len(root.schedule.rolls) == 1
    record = play_rolled(scripted({0: [Target("MES", units=1.0)]}), root)
    assert [fill[:2] for fill in fills_told(record)] == [(H, 1)]


def test_contracts_without_a_common_bar_are_refused_where_the_gap_matters() -> None:
    contracts = {H: sheet_bars(H, SHEET_H)}
    half = sheet_bars(M, SHEET_M)
    shifted = half.ts_close_ns - 1
    contracts[M] = replace(half, ts_close_ns=shifted, ts_recv_ns=shifted.copy())
    with pytest.raises(DataError, match="no common bar"):
        rolled_root(contracts, MES)
    assert rolled_root(contracts, MES, adjustment=Adjustment.UNADJUSTED).amounts == (0.0, 0.0)


def test_a_rule_beside_a_schedule_and_other_roots_than_the_universe_are_refused() -> None:
    contracts = two_contracts()
    with pytest.raises(ConfigError, match="either a roll rule or a schedule"):
        rolled_root(contracts, MES, RollRule(), schedule=roll_schedule(contracts, MES))
    root = sheet_root()
    for roots in ((), (root, root)):
        with pytest.raises(ConfigError, match="one root for each instrument"):
            play_rolled(scripted({}), *roots)


# -------------------------------------------------------------------------------------------------- what it is made of


@pytest.mark.parametrize("adjustment", list(Adjustment))
def test_amounts_and_rows_are_those_of_the_series(adjustment: Adjustment) -> None:
    root = rolled_root(year(), MES, adjustment=adjustment)
    assert len(root.legs) == 4
    for leg, (begin, end), amount in zip(root.legs, root.rows, root.amounts, strict=True):
        assert begin < end
        assert {root.series.symbols[k] for k in root.series.contract[begin:end]} == {leg.symbol}
        assert set(root.series.amount[begin:end]) == {amount}
    assert root.rows[-1][1] == len(root.series.bars)


def test_market_events_and_start_of_a_run() -> None:
    root = rolled_root(year(), MES)
    market = rolled_market([root])
    assert list(market) == list(YEAR)
    assert {spec.symbol for spec, _ in market.values()} == set(YEAR)
    events = rolled_events([root])
    assert list(events) == list(YEAR)  # the last one's bars reach its last trade
    for name, (end,) in events.items():
        assert end.ts_ns >= int(market[name][1].ts_close_ns[-1])
    config = settings()
    assert rolled_start(config, scripted({}, warmup=10**6), [root]) == config
    begin = int(root.series.bars.ts_recv_ns[49])
    assert rolled_start(config, scripted({}, warmup=50), [root]).start_ns == begin
    later = replace(config, start_ns=begin + 1)
    assert rolled_start(later, scripted({}, warmup=50), [root]) == later
    over = replace(config, end_ns=begin)
    assert rolled_start(over, scripted({}, warmup=50), [root]) == over


def test_risk_is_told_that_contracts_of_a_root_are_netted() -> None:
    record = play_rolled(scripted({}), sheet_root(), risk=LimitRiskPolicy(max_position_units=3.0))
    told = record.manifest.config["risk"]
    assert told["max_position_units"] == 3.0
    assert "rolled" in told
