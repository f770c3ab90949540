"""What a roll cost, on the sheet: prices, distance, fees, slippage, and the trades on either side."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from argus.core.intents import Target
from argus.engine.rolled_strategy import RolledStrategy
from argus.engine.rolling import rolled_events, rolled_market
from argus.engine.rolls_traded import rolls_traded, with_series
from argus.engine.trace import trace_trade
from tests.engine.rolls import GAP, H, M, play_rolled, scripted, settings, sheet_root


def test_a_roll_is_told_with_both_fills_and_its_cost() -> None:
    root = sheet_root()
    (roll,) = rolls_traded(play_rolled(scripted({0: [Target("MES", units=2.0)]}), root), [root])
    assert (roll.root, roll.from_symbol, roll.to_symbol) == ("MES", H, M)
    assert (roll.session, roll.reason) == ("2023-03-09", "calendar")
    assert (roll.closed_lots, roll.opened_lots) == (-2, 2)
    assert roll.closed_ns == roll.opened_ns == root.schedule.rolls[0].effective_ns
    assert (roll.from_price, roll.to_price) == (4014.75, 4045.75)
    assert (roll.spread, roll.gap) == (31.00, GAP)
    assert roll.fee_micros == 5_000_000  # four contracts' fee of 1.25
    assert roll.slippage_micros == 5_000_000  # four ticks of 1.25
    assert (roll.closed_trade, roll.opened_trade) == (0, 1)
    told = json.loads(json.dumps(roll.as_dict()))
    assert (told["fee"], told["slippage"], told["cost"]) == (5.0, 5.0, 10.0)
    assert told["closed_at"] == told["opened_at"]


def test_a_roll_with_nothing_held_says_so() -> None:
    root = sheet_root()
    (roll,) = rolls_traded(play_rolled(scripted({}), root), [root])
    assert (roll.closed_lots, roll.opened_lots, roll.cost_micros) == (0, 0, 0)
    assert (roll.closed_trade, roll.opened_trade) == (-1, -1)
    assert math.isnan(roll.spread)
    assert roll.gap == GAP
    assert roll.as_dict()["closed_at"] is None


def test_rolls_before_the_run_are_no_rolls_of_it() -> None:
    root = sheet_root()
    begins = replace(settings(), start_ns=root.schedule.rolls[0].effective_ns + 1)
    assert rolls_traded(play_rolled(scripted({}), root, config=begins), [root]) == ()


def test_a_trace_shows_the_series_beside_the_contracts_concerned() -> None:
    root = sheet_root()
    record = play_rolled(scripted({0: [Target("MES", units=2.0)]}), root)
    trace = trace_trade(record, rolled_market([root]), 0, events=rolled_events([root]))
    shown = with_series(trace, RolledStrategy(scripted({}), [root]))
    assert shown.adds_up
    entry, leave = (step.decision for step in shown.fills)
    assert entry is not None
    assert leave is not None
    assert [(bar.instrument, bar.close) for bar in entry.bars] == [(H, 4006.0), ("MES difference series", 4006.0)]
    assert [(bar.instrument, bar.close) for bar in leave.bars] == [
        (H, 4011.0),
        (M, 4040.5),
        ("MES difference series", 4011.0),
    ]
