"""The compiled engine against the oracle on random markets and orders, and what these runs reach.

Agreement means: every fill in every column, every order's end and reason, cash and equity after each instant at which
a bar closed, every trade and settlement and the balances of the books, to the micro-unit. `python -m tests.oracle.soak`
runs any number more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import pytest

from argus.core.orders import FINAL_STATES, FillRule, Reason
from tests.oracle.cases import Case, play_engine, play_oracle
from tests.oracle.compare import first_difference
from tests.oracle.engine import OracleFill, OracleResult
from tests.oracle.finer import matched
from tests.oracle.orders import OracleOrder
from tests.oracle.seen import Sight
from tests.oracle.variations import FEATURES, random_case, varied_case

RUNS = 2_000
BATCH = 100
EACH = 450 // len(FEATURES)  # runs of every feature by itself: a new one takes its share from the others
ALL = 150  # runs with every feature at once
COVERED = 600


def agree(case: Case) -> None:
    """Both engines give the same."""
    seen: dict[str, list[Sight]] = {}
    record = play_engine(case, seen)
    difference = first_difference(play_oracle(case), record, seen)
    assert difference is None, f"seed {case.seed}: {difference}"


@pytest.mark.parametrize("first", range(0, RUNS, BATCH))
def test_both_engines_agree_on_random_markets_and_orders(first: int) -> None:
    for seed in range(first, first + BATCH):
        agree(random_case(seed))


@pytest.mark.parametrize("feature", FEATURES)
def test_both_engines_agree_on_every_feature_by_itself(feature: str) -> None:
    for seed in range(RUNS, RUNS + EACH):
        agree(random_case(seed, only={feature}, certain=True))


@pytest.mark.parametrize("first", range(RUNS, RUNS + ALL, BATCH // 2))
def test_both_engines_agree_on_all_features_at_once(first: int) -> None:
    for seed in range(first, first + BATCH // 2):
        agree(random_case(seed, certain=True))


@pytest.mark.parametrize(
    ("seed", "only", "certain"),
    [
        pytest.param(
            301_001, ("events", "quotes"), False, id="a split after the last known close, before the first fill"
        ),
        pytest.param(
            501_182, ("books", "currencies", "events", "quotes"), True, id="a session settled at the next quote"
        ),
    ],
)
def test_what_soaks_have_found_stays_mended(seed: int, only: tuple[str, ...], certain: bool) -> None:
    agree(random_case(seed, only=set(only), certain=certain))


@pytest.mark.parametrize("seed", range(8))
def test_both_engines_agree_on_long_runs_with_many_orders(seed: int) -> None:
    agree(random_case(seed, length=20))


# --------------------------------------------------------------------------------------------- what the runs reach

QUOTED = (
    *("MARKET_AT_OPEN", "LIMIT_AT_OPEN", "LIMIT_THROUGH", "STOP_AT_OPEN", "STOP_LIMIT_AT_OPEN", "TRAILING_AT_OPEN"),
    *("MARKET_ON_OPEN", "MARKET_ON_CLOSE", "LIMIT_ON_OPEN", "LIMIT_ON_CLOSE", "LIQUIDATION"),
)
"""Rules that can fill an order on a quote."""
WANTED = [
    *(f"rule {rule.name}" for rule in FillRule),
    *(f"reason {reason.name}" for reason in Reason),
    *(f"state {state.name}" for state in FINAL_STATES),
    *(f"feature {name}" for name in FEATURES),
    *("account cash", "account reg_t", "account futures", "wakes at session ends", "schedule", "known late"),
    *("liquidation", "closed account", "halted", "not halted", "settlement", "off-grid price"),
    *("interest received", "interest paid", "carry received", "carry paid"),
    *("negative price", "impact fee", "fee minimum", "rounded value", "turned position"),
    *(f"quoted {rule}" for rule in QUOTED),
    *("finer bars met", "partial fill", "order after a fill", "cancelled chain", "child filled", "flattened"),
]


def _seen() -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in range(COVERED):
        case, names = varied_case(seed)
        result = play_oracle(case)
        seen.update(f"feature {name}" for name in names)
        seen.update(_of_run(case, result))
        for fill in result.fills:
            seen.update(_of_fill(case, fill))
        fills_at = {fill.time for fill in result.fills}
        wakes_at = {time for wakes in result.book_wakes.values() for time in wakes}
        for order in result.orders:
            seen.update(_of_order(order))
            seen["order after a fill"] += order.submitted in fills_at - wakes_at
    return seen


def test_the_random_runs_reach_every_rule_reason_and_state() -> None:
    seen = _seen()
    assert not [name for name in WANTED if not seen[name]], f"never seen in {COVERED} runs"


def _of_run(case: Case, result: OracleResult) -> Iterator[str]:
    settings = case.settings
    yield f"account {settings.account}"
    yield "halted" if result.halts else "not halted"
    yield from ["liquidation"] * result.liquidations
    yield from ["settlement"] * len(result.settlements)
    yield from ["closed account"] * (result.closed_at is not None)
    yield from ["interest received"] * (result.interest > 0) + ["interest paid"] * (result.interest_paid > 0)
    for trade in result.trades:
        yield from ["carry received"] * (trade.carry > 0) + ["carry paid"] * (trade.carry < 0)
    yield from ["wakes at session ends"] * (settings.wake == "session_end")
    yield from ["schedule"] * (settings.fee_per_unit is None)
    for symbol, fine in case.finer.items():
        met = matched(case.bars[symbol], fine, Fraction(case.specs[symbol].tick_size))
        yield from ["finer bars met"] * (len(met) > len(case.bars[symbol]))
    for symbol, bars in case.bars.items():
        yield from ["known late"] * bool((bars.ts_recv_ns > bars.ts_close_ns).any())
        ticks = bars.close / float(case.specs[symbol].tick_size)
        yield from ["off-grid price"] * bool((abs(ticks - ticks.round()) > 1e-3).any())


def _of_fill(case: Case, fill: OracleFill) -> Iterator[str]:
    settings, spec = case.settings, case.specs[case.lines[fill.line]]
    yield f"rule {fill.rule}"
    yield from [f"quoted {fill.rule}"] * (case.lines[fill.line] in case.quotes)
    yield from ["impact fee"] * (fill.impact > 0)
    yield from ["negative price"] * (fill.price < 0)
    before = fill.position_after - fill.lots
    yield from ["turned position"] * (before * fill.position_after < 0)
    yield from ["rounded value"] * (fill.price * fill.lots * spec.value_micros_per_tick_lot != fill.value)
    yield from ["fee minimum"] * bool(settings.fee_minimum and fill.fee == settings.fee_minimum * 1_000_000)


def _of_order(order: OracleOrder) -> Iterator[str]:
    yield f"state {order.state}"
    yield f"reason {order.reason}"
    yield from ["partial fill"] * (0 < order.filled < order.ticket.lots)
    replaced = order.replaces
    yield from ["cancelled chain"] * (replaced is not None and replaced.replaces is not None)
    yield from ["child filled"] * (order.parent is not None and order.filled > 0)
    yield from ["flattened"] * (order.flattens and order.filled > 0)
