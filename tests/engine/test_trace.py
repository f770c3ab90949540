"""The trace works a trade out again to the micro-unit: by hand, over every kind of fill, and under tampering."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import BAR_FIELDS, Bars
from argus.core.errors import ConfigError, DataError, LedgerError, LookAheadError, RunError
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.intents import Bracket, Intent, OrderRequest
from argus.core.market_events import Dividend, FinalSettlement, Funding, Split
from argus.core.orders import LIMITED, Fill, FillRule, OrderType, Reason, Side, TimeInForce
from argus.core.ports import View
from argus.core.strategy import FeatureRef, StrategyConstraints, StrategySpec, WakeRule
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, day_number
from argus.engine._trace_rules import REASON_SENTENCES, RULE_SENTENCES
from argus.engine.config import AccountConfig, AccountKind, CostModel, HaltRules, ImpactModel, RunConfig, SpreadModel
from argus.engine.market import NO_EVENTS, Events
from argus.engine.record import RunRecord
from argus.engine.replay import run
from argus.engine.trace import Trace, trace_trade
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.engine.markets import TrialList

Market = Mapping[str, tuple[InstrumentSpec, Bars]]
FIRST_DAY = day_number(date(2021, 3, 1))
BUY, SELL = Side.BUY, Side.SELL


class Scripted:
    """Sends the orders written for each wake-up, and for each fill it is told of."""

    def __init__(
        self,
        universe: Sequence[str],
        wakes: Mapping[int, Sequence[Intent]],
        fills: Mapping[int, Sequence[Intent]] | None = None,
        features: tuple[FeatureRef, ...] = (),
    ) -> None:
        self._wakes, self._fills = wakes, fills or {}
        self._woken = self._told = -1
        self.spec = StrategySpec(
            name="scripted",
            version="1",
            summary="",
            source="",
            universe=tuple(universe),
            wake=WakeRule.EVERY_BAR,
            warmup_bars=1,
            parameters=(),
            values={},
            features=features,
            needs=frozenset({"close"}),
            constraints=StrategyConstraints(1, 1e9),
            wakes_on_fill=fills is not None,
        )

    def wake(self, view: View) -> Sequence[Intent]:
        self._woken += 1
        return self._wakes.get(self._woken, ())

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        self._told += 1
        return self._fills.get(self._told, ())


def order(
    symbol: str,
    side: Side,
    units: float,
    kind: OrderType = OrderType.MARKET,
    *,
    limit: float | None = None,
    stop: float | None = None,
    tag: str = "",
    tif: TimeInForce = TimeInForce.GTC,
    **more: Any,
) -> OrderRequest:
    return OrderRequest(symbol, side, kind, units, limit, stop, tif, tag=tag, **more)


def bars(
    symbol: str,
    rows: Sequence[tuple[float, float, float, float]],
    *,
    per_session: int = 1,
    observed: frozenset[str] = frozenset({"open", "high", "low", "close"}),
    volume: float = float("nan"),
    session_end: Sequence[bool] | None = None,
) -> Bars:
    """Bars of six hours from 14:00 UTC on, or of one hour with `per_session` of them a day; known at their close."""
    n = len(rows)
    place = np.arange(n)
    length = 6 * NS_PER_HOUR // per_session
    session = (FIRST_DAY + place // per_session).astype(np.int32)
    start = session.astype(np.int64) * NS_PER_DAY + 14 * NS_PER_HOUR + (place % per_session) * length
    prices = np.array(rows, dtype=np.float64)
    nothing = np.full(n, np.nan)
    columns = {
        name: np.ascontiguousarray(prices[:, i]) if name in observed else nothing.copy()
        for i, name in enumerate(BAR_FIELDS[:4])
    }
    ends = place % per_session == per_session - 1 if session_end is None else np.array(session_end)
    return Bars(
        instrument=symbol,
        ts_event_ns=start,
        ts_close_ns=start + length,
        ts_recv_ns=start + length,
        volume=np.full(n, volume),
        open_interest=nothing.copy(),
        session=session,
        session_end=ends,
        observed=observed | ({"volume"} if volume == volume else set()),
        **columns,
    )


def replay(
    market: Market,
    strategy: Scripted,
    *,
    account: AccountKind = AccountKind.FUTURES,
    cash: int = 1_000_000_000_000,
    costs: CostModel | None = None,
    borrow: str = "0",
    events: Events = NO_EVENTS,
    **settings: Any,
) -> RunRecord:
    opened = AccountConfig(account, cash, borrow_rate=Decimal(borrow))
    config = RunConfig(account=opened, costs=costs or CostModel(), **settings)
    risk = LimitRiskPolicy(check_margin=False, instruments={symbol: spec for symbol, (spec, _) in market.items()})
    return run(strategy, market, config, sizer=FixedUnits(), risk=risk, trials=TrialList(), events=events)


def market_of(**bars_by_symbol: Bars) -> Market:
    return {symbol: (instrument(symbol), series) for symbol, series in bars_by_symbol.items()}


def flat(price: float) -> tuple[float, float, float, float]:
    return price, price, price, price


FEES = CostModel(fee_per_unit=Decimal("0.62"), slippage_ticks=1)


@pytest.fixture
def long_mes() -> tuple[RunRecord, Market]:
    """Two micro contracts bought, one added, all three sold, over four sessions."""
    rows = [
        (3800.00, 3810.00, 3790.00, 3805.00),
        (3806.00, 3830.00, 3800.00, 3825.25),
        (3826.50, 3840.00, 3810.00, 3812.00),
        (3811.00, 3850.00, 3805.00, 3848.75),
        (3850.00, 3860.00, 3840.00, 3855.00),
    ]
    market = market_of(MES=bars("MES", rows))
    script = {
        0: [order("MES", BUY, 2, tag="in")],
        1: [order("MES", BUY, 1, tag="more")],
        3: [order("MES", SELL, 3, tag="out")],
    }
    return replay(market, Scripted(["MES"], script), costs=FEES), market


def test_a_trade_by_hand(long_mes: tuple[RunRecord, Market]) -> None:
    # MES: tick 0.25, 5 dollars a point, so 1.25 dollars a tick. One tick of slippage, 0.62 a contract and side.
    #   buy 2 at 3806.00 + 0.25 = 3806.25; buy 1 at 3826.50 + 0.25 = 3826.75; sell 3 at 3850.00 - 0.25 = 3849.75
    #   bought 2 * 3806.25 * 5 + 3826.75 * 5 = 38,062.50 + 19,133.75 = 57,196.25; sold 3 * 3849.75 * 5 = 57,746.25
    #   gross 550.00; fees 6 * 0.62 = 3.72; net 546.28
    record, market = long_mes
    trace = trace_trade(record, market)
    assert (trace.bought_micros, trace.sold_micros, trace.marked_micros) == (57_196_250_000, 57_746_250_000, 0)
    assert (trace.gross_micros, trace.fee_micros, trace.net_micros) == (550_000_000, 3_720_000, 546_280_000)
    assert trace.adds_up
    assert trace.difference_micros == 0
    assert [step.role for step in trace.fills] == ["opens", "adds", "closes"]
    assert [step.price.price for step in trace.fills] == ["3806.25", "3826.75", "3849.75"]
    assert [step.price.base_price for step in trace.fills] == ["3806", "3826.5", "3850"]
    assert [step.fee.share_micros for step in trace.fills] == [1_240_000, 620_000, 1_860_000]
    # Variation margin: 2 lots from 3806.25 to 3825.25 (190.00); then 2 lots down 13.25 (-132.50) and the new one from
    # 3826.75 to 3812 (-73.75); then 3 lots up 36.75 (551.25); then 3 lots from 3848.75 to 3849.75 (15.00).
    gains = [step.gain_micros for step in trace.settlements]
    assert gains == [190_000_000, -206_250_000, 551_250_000, 15_000_000]
    assert [step.mark for step in trace.settlements] == ["3825.25", "3812", "3848.75", "3855"]
    assert [step.position_lots for step in trace.settlements] == [2, 3, 3, 0]


def test_each_step_says_when_it_could_be_known(long_mes: tuple[RunRecord, Market]) -> None:
    record, market = long_mes
    first = trace_trade(record, market, 0).fills[0]
    assert first.decision is not None
    seen = first.decision.bars[0]
    assert seen.row == 0
    assert seen.ts_event_ns < seen.ts_close_ns <= seen.ts_recv_ns <= first.decision.ts_ns
    assert first.order.ts_submit_ns == first.decision.ts_ns <= first.order.ts_arrive_ns <= first.bar.ts_event_ns
    assert first.bar.row == 1
    assert first.ts_ns == first.bar.ts_event_ns
    assert first.rule == "MARKET_AT_OPEN"
    assert first.order.tag == "in"


def test_ledger_lines_of_a_future(long_mes: tuple[RunRecord, Market]) -> None:
    record, market = long_mes
    trace = trace_trade(record, market)
    lines = [(line.debit, line.credit, line.amount_micros) for line in trace.fills[0].ledger]
    assert lines == [("POSITION", "CLEARING", 38_062_500_000), ("FEES", "CASH", 1_240_000)]
    lines = [(line.debit, line.credit, line.amount_micros) for line in trace.settlements[1].ledger]
    assert lines == [("PNL", "POSITION", 206_250_000), ("CLEARING", "CASH", 206_250_000)]


def test_a_turn_is_split_by_lots() -> None:
    # Long 2, then sell 5: the closing part has 2 of 5 lots. Fee 5 * 0.333333 = 1.666665, of which 2/5 = 0.666666.
    rows = [flat(4000.0), flat(4000.0), flat(4010.0), flat(4003.0), flat(4000.0)]
    market = market_of(MES=bars("MES", rows))
    script = {0: [order("MES", BUY, 2)], 1: [order("MES", SELL, 5)], 2: [order("MES", BUY, 3)]}
    costs = CostModel(fee_per_unit=Decimal("0.333333"))
    record = replay(market, Scripted(["MES"], script), costs=costs)
    long, short = trace_trade(record, market, 0), trace_trade(record, market, 1)
    assert (long.direction, short.direction) == ("long", "short")
    assert long.fills[-1].fill_id == short.fills[0].fill_id
    assert (long.fills[-1].part_lots, short.fills[0].part_lots) == (-2, -3)
    assert long.fills[-1].fee.share_micros == 666_666
    assert short.fills[0].fee.share_micros == 1_666_665 - 666_666
    assert long.gross_micros == 2 * 5 * 10 * 1_000_000
    assert short.gross_micros == 3 * 5 * 7 * 1_000_000
    # The session of the turn settles both trades: each shows its own gain and what the other had.
    assert long.settlements[-1].other_micros == short.settlements[0].gain_micros
    assert "turned" in long.fills[-1].role


def test_an_open_trade_is_marked_at_the_last_close() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0), flat(4000.0), flat(4025.5)]))
    record = replay(market, Scripted(["MES"], {0: [order("MES", SELL, 1)]}))
    trace = trace_trade(record, market)
    assert trace.is_open
    assert trace.mark == "4025.5"
    assert trace.gross_micros == -127_500_000
    assert trace.settlements[-1].position_lots == -1


def test_spot_in_fractions_rounds_once_a_fill() -> None:
    # 0.12345678 BTC at 30,000.01 is 3,703.7046345678..., half-even at the micro-unit: 3,703.704635.
    rows = [flat(30_000.0), flat(30_000.01), flat(31_000.07), flat(31_000.07)]
    market = market_of(BTCUSD=bars("BTCUSD", rows))
    script = {0: [order("BTCUSD", BUY, 0.12345678)], 1: [order("BTCUSD", SELL, 0.12345678)]}
    costs = CostModel(fee_rate=Decimal("0.0018"), fee_minimum=Decimal("1.75"))
    record = replay(market, Scripted(["BTCUSD"], script), account=AccountKind.CASH, costs=costs)
    trace = trace_trade(record, market)
    assert trace.bought_micros == 3_703_704_635
    assert trace.sold_micros == 3_827_168_822
    assert trace.fills[0].fee.share_micros == round(Decimal("0.0018") * 3_703_704_635)
    assert trace.net_micros == trace.sold_micros - trace.bought_micros - trace.fee_micros
    lines = [(line.debit, line.credit) for line in trace.fills[0].ledger]
    assert lines == [("POSITION", "CASH"), ("FEES", "CASH")]


def test_a_fraction_of_a_tick_of_slippage_is_paid_in_cash() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0)] * 4))
    script = {0: [order("MES", BUY, 2)], 1: [order("MES", SELL, 2)]}
    costs = CostModel(fee_per_unit=Decimal("0.62"), slippage_ticks=1, multiplier=Decimal("1.25"))
    trace = trace_trade(replay(market, Scripted(["MES"], script), costs=costs), market)
    step = trace.fills[0]
    assert step.price.price == "4000.25"
    assert step.fee.fee_micros == 1_550_000
    assert step.fee.impact_micros == 625_000
    assert "1.25 ×" in step.fee.arithmetic


def entry(side: Side, kind: OrderType, limit: float | None = None, stop: float | None = None) -> OrderRequest:
    return order("MES", side, 1, kind, limit=limit, stop=stop)


def trailing(side: Side, distance: float, **more: Any) -> OrderRequest:
    return order("MES", side, 1, OrderType.TRAILING_STOP, trail=distance, **more)


@pytest.mark.parametrize(
    ("request_", "bar", "rule", "price"),
    [
        (entry(BUY, OrderType.LIMIT, 3999.0), (4000.0, 4001.0, 3998.0, 4000.0), "LIMIT_THROUGH", "3999"),
        (entry(BUY, OrderType.LIMIT, 3999.0), (3998.0, 4001.0, 3997.0, 4000.0), "LIMIT_AT_OPEN", "3998.5"),
        (entry(BUY, OrderType.LIMIT, 3998.25), (3998.0, 3999.0, 3997.0, 3998.0), "LIMIT_AT_OPEN", "3998.25"),
        (entry(BUY, OrderType.STOP, None, 4005.0), (4000.0, 4006.0, 3999.0, 4001.0), "STOP_TOUCHED", "4005.5"),
        (entry(BUY, OrderType.STOP, None, 4005.0), (4010.0, 4012.0, 4009.0, 4011.0), "STOP_AT_OPEN", "4010.5"),
        (
            entry(SELL, OrderType.STOP_LIMIT, 3990.0, 3995.0),
            (4000.0, 4001.0, 3994.0, 3996.0),
            "STOP_LIMIT_TOUCHED",
            "3994.5",
        ),
        (
            entry(SELL, OrderType.STOP_LIMIT, 3990.0, 3995.0),
            (3994.0, 3995.0, 3993.0, 3994.0),
            "STOP_LIMIT_AT_OPEN",
            "3993.5",
        ),
        (entry(BUY, OrderType.MARKET_ON_OPEN), (4000.0, 4001.0, 3999.0, 4000.5), "MARKET_ON_OPEN", "4000.5"),
        (entry(BUY, OrderType.MARKET_ON_CLOSE), (4000.0, 4001.0, 3999.0, 4000.5), "MARKET_ON_CLOSE", "4001"),
        (entry(BUY, OrderType.LIMIT_ON_OPEN, 4000.5), (4000.0, 4001.0, 3999.0, 4000.5), "LIMIT_ON_OPEN", "4000.5"),
        (entry(SELL, OrderType.LIMIT_ON_CLOSE, 3999.0), (4000.0, 4001.0, 3999.0, 4000.5), "LIMIT_ON_CLOSE", "4000"),
        (trailing(SELL, 5.0), (3999.0, 4000.0, 3993.0, 3998.0), "TRAILING_TOUCHED", "3993.5"),
        (trailing(BUY, 5.0), (4001.0, 4006.0, 4000.5, 4001.0), "TRAILING_TOUCHED", "4006.5"),
        (trailing(SELL, 2.0), (4000.0, 4006.0, 3999.0, 4001.0), "TRAILING_AT_CLOSE", "4000.5"),
    ],
)
def test_every_rule(request_: OrderRequest, bar: tuple[float, float, float, float], rule: str, price: str) -> None:
    market = market_of(MES=bars("MES", [flat(4000.0), bar, flat(4000.0), flat(4000.0)]))
    record = replay(market, Scripted(["MES"], {0: [request_]}), costs=CostModel(slippage_ticks=2))
    step = trace_trade(record, market).fills[0]
    assert (step.rule, step.price.price) == (rule, price)
    assert step.rule_text.endswith(".")


def test_a_liquidation_has_no_decision() -> None:
    rows = [flat(4000.0), flat(4000.0), flat(3600.0), flat(3590.0), flat(3590.0)]
    market = market_of(MES=bars("MES", rows))
    record = replay(market, Scripted(["MES"], {0: [order("MES", BUY, 1)]}), cash=2_500_000_000)
    exit_step = trace_trade(record, market).fills[-1]
    assert exit_step.rule == FillRule.LIQUIDATION.name
    assert exit_step.decision is None
    assert exit_step.order.is_liquidation


def test_an_order_sent_in_answer_to_a_fill() -> None:
    rows = [flat(4000.0), (4000.0, 4012.0, 3999.0, 4011.0), flat(4011.0)]
    market = market_of(MES=bars("MES", rows))
    answer = {0: [order("MES", SELL, 1, OrderType.LIMIT, limit=4010.0)]}
    record = replay(market, Scripted(["MES"], {0: [order("MES", BUY, 1)]}, answer))
    trace = trace_trade(record, market)
    assert trace.fills[1].decision is not None
    assert trace.fills[1].decision.kind == "told of a fill"
    assert trace.fills[1].bar.row == trace.fills[0].bar.row


def test_closes_only_data() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0 + i) for i in range(5)], observed=frozenset({"close"})))
    script = {
        0: [order("MES", BUY, 1, OrderType.MARKET_ON_CLOSE)],
        2: [order("MES", SELL, 1, OrderType.MARKET_ON_CLOSE)],
    }
    record = replay(market, Scripted(["MES"], script))
    trace = trace_trade(record, market)
    assert [step.price.base for step in trace.fills] == ["close", "close"]
    assert trace.as_dict()["fills"][0]["bar"]["open"] is None


def test_features_are_those_of_the_decision() -> None:
    ref = FeatureRef("fast", "sma", "MES", {"n": 2})
    market = market_of(MES=bars("MES", [flat(4000.0), flat(4010.0), flat(4020.0), flat(4030.0)]))
    strategy = Scripted(["MES"], {1: [order("MES", BUY, 1)]}, features=(ref,))
    record = replay(market, strategy)
    assert trace_trade(record, market).fills[0].decision.features == ()
    seen = trace_trade(record, market, strategy=strategy).fills[0].decision.features[0]
    assert (seen.alias, seen.feature, seen.value) == ("fast", "sma", 4005.0)


def test_the_default_is_the_trade_that_contributed_most() -> None:
    rows = [flat(4000.0), flat(4000.0), flat(4001.0), flat(3900.0), flat(3905.0), flat(3905.0)]
    market = market_of(MES=bars("MES", rows))
    script = {i: [order("MES", BUY if i % 2 == 0 else SELL, 1)] for i in range(4)}
    script[1] = [order("MES", SELL, 1), order("MES", BUY, 1)]
    script[2] = [order("MES", SELL, 1)]
    script[3] = []
    record = replay(market, Scripted(["MES"], script))
    assert [int(net) for net in record.trades["net_micros"]] != sorted(record.trades["net_micros"].tolist())
    trace = trace_trade(record, market)
    assert trace.trade_id == int(np.argmax(np.abs(record.trades["net_micros"])))
    assert trace.chosen == "the trade that contributed most, gain or loss"
    assert trace.net_micros < 0


def test_as_dict_is_json_with_times_in_words(long_mes: tuple[RunRecord, Market]) -> None:
    record, market = long_mes
    plain = json.loads(json.dumps(trace_trade(record, market).as_dict(), allow_nan=False))
    assert plain["adds_up"] is True
    assert plain["fills"][0]["decision"]["ts"] == "2021-03-01T20:00:00Z"
    assert plain["fills"][0]["decision"]["bars"][0]["ts_recv"] == "2021-03-01T20:00:00Z"
    assert plain["net_micros"] == 546_280_000


# ---- the words of every rule and every reason


def test_no_rule_and_no_reason_is_without_words() -> None:
    assert set(RULE_SENTENCES) == set(FillRule)
    assert set(REASON_SENTENCES) == set(Reason)
    for sentences in (RULE_SENTENCES, REASON_SENTENCES):
        assert len(set(sentences.values())) == len(sentences)
        assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences.values())


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.NONE])
def test_every_reason_is_told_with_what_was_filled(long_mes: tuple[RunRecord, Market], reason: Reason) -> None:
    record, market = long_mes
    orders = record.orders.copy()
    orders[0]["quantity_lots"], orders[0]["reason"] = 7, reason
    orders[0]["oco_group"], orders[0]["parent_id"], orders[0]["replaced_by"] = 41, 42, 43
    orders[0]["replaces_id"], orders[0]["expires_ns"] = 44, NS_PER_DAY
    step = trace_trade(dataclasses.replace(record, orders=orders), market).fills[0].order
    assert step.ended == reason.name
    assert step.ended_text.startswith(REASON_SENTENCES[reason].removesuffix("."))
    assert "2 of 7 lots were filled" in step.ended_text
    number = {
        Reason.REPLACED: "order 43",
        Reason.REPLACED_ORDER_DONE: "order 44",
        Reason.GOOD_TILL: "1970-01-02T00:00:00Z",
        Reason.OCO: "order 41",
        Reason.PARENT_DONE: "order 42",
        Reason.DAILY_LOSS: "2 %",
        Reason.DRAWDOWN: "an unstated part",
    }
    assert number.get(reason, "") in step.ended_text


def test_a_filled_order_has_no_reason(long_mes: tuple[RunRecord, Market]) -> None:
    assert {(step.order.ended, step.order.ended_text) for step in trace_trade(*long_mes).fills} == {("", "")}


def test_the_reason_of_a_part_that_was_not_filled_at_once() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0)] * 4, volume=3.0))
    script = {0: [order("MES", BUY, 5, tif=TimeInForce.IOC)]}
    trace = trace_trade(replay(market, Scripted(["MES"], script)), market)
    sent = trace.fills[0].order
    assert (sent.ended, sent.filled_lots) == ("NOT_FILLED_AT_ONCE", 3)
    assert sent.ended_text == (
        "It was to be filled at the first open it met or not at all, and was not in full (3 of 5 lots were filled; "
        "2021-03-02T14:00:00Z)."
    )


def test_a_halt_names_its_limit() -> None:
    rows = [flat(4000.0), flat(4000.0), flat(3900.0), flat(3900.0)]
    market = market_of(MES=bars("MES", rows, volume=2.0))
    record = replay(
        market,
        Scripted(["MES"], {0: [order("MES", BUY, 5)]}),
        cash=50_000_000_000,
        halts=HaltRules(daily_loss=None, drawdown=Decimal("0.015"), flatten=True),
    )
    steps = trace_trade(record, market).fills
    assert steps[0].order.ended == "DRAWDOWN"
    assert "the limit is 1.5 % of the highest equity" in steps[0].order.ended_text
    assert steps[-1].decision is None
    assert steps[-1].order.reduce_only


def test_a_trailing_stop_is_told_with_its_level() -> None:
    rows = [
        flat(4000.0),
        (4000.0, 4012.0, 3999.0, 4010.0),
        (4011.0, 4020.0, 4008.0, 4015.0),
        flat(4005.0),
        flat(4005.0),
    ]
    market = market_of(MES=bars("MES", rows))
    script = {0: [order("MES", BUY, 1)], 1: [trailing(SELL, 10.25)]}
    trace = trace_trade(replay(market, Scripted(["MES"], script)), market)
    leave = trace.fills[1]
    assert (leave.rule, leave.price.base, leave.price.price) == ("TRAILING_AT_OPEN", "open", "4005")
    assert leave.order.trail == "10.25"
    assert leave.price.arithmetic.startswith(
        "level 4009.75 = highest price seen 4020 − 10.25, met in row 3; open 4005 = 16020 ticks of 0.25"
    )


def test_a_trailing_stop_whose_volume_ran_out_is_traced_back_to_its_trigger() -> None:
    rows = [flat(4000.0), flat(4000.0), (4000.0, 4001.0, 3990.0, 3992.0), flat(3980.0), flat(3970.0)]
    market = market_of(MES=bars("MES", rows, volume=2.0))
    script = {0: [order("MES", BUY, 2)], 1: [order("MES", SELL, 2, OrderType.TRAILING_STOP, trail=5.0)]}
    record = replay(market, Scripted(["MES"], script))
    shares = market_of(MES=dataclasses.replace(market["MES"][1], volume=np.array([2.0, 2.0, 1.0, 2.0, 2.0])))
    record = replay(shares, Scripted(["MES"], script))
    steps = trace_trade(record, shares).fills
    assert [(step.rule, step.bar.row) for step in steps[1:]] == [("TRAILING_TOUCHED", 2), ("TRAILING_AT_OPEN", 3)]
    assert "met in row 2" in steps[2].price.arithmetic


@pytest.mark.parametrize(("row", "rule"), [(1, FillRule.TRAILING_AT_OPEN), (3, FillRule.TRAILING_TOUCHED)])
def test_a_trailing_stop_that_the_bars_did_not_trigger_is_not_believed(row: int, rule: FillRule) -> None:
    rows = [flat(4000.0), flat(4000.0), flat(4000.0), (4000.0, 4000.0, 3990.0, 3992.0), flat(3992.0)]
    market = market_of(MES=bars("MES", rows))
    record = replay(market, Scripted(["MES"], {0: [order("MES", BUY, 1)], 1: [trailing(SELL, 5.0)]}))
    assert trace_trade(record, market).fills[1].bar.row == 3
    orders = record.orders.copy()
    orders[1]["trail_ticks"] = 80 if row == 3 else 1
    fills = record.fills.copy()
    fills[1]["rule"] = rule
    with pytest.raises(LedgerError, match="following the bars from row 2 on it triggers"):
        trace_trade(dataclasses.replace(record, orders=orders, fills=fills), market)


def test_a_price_beyond_a_limit_that_it_must_keep_is_not_believed() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0)] * 4))
    record = replay(market, Scripted(["MES"], {0: [entry(BUY, OrderType.LIMIT_ON_OPEN, 4000.0)]}))
    orders = record.orders.copy()
    orders[0]["limit_ticks"] -= 1
    with pytest.raises(LedgerError, match=r"rule LIMIT_ON_OPEN filled at 4000, beyond the limit of 3999\.75"):
        trace_trade(dataclasses.replace(record, orders=orders), market)


# ---- what comes with the data: splits, final settlements, carry


def at(market: Market, symbol: str, row: int, hours: int = -3) -> int:
    """An instant before the open of a bar."""
    return int(market[symbol][1].ts_event_ns[row]) + hours * NS_PER_HOUR


def test_a_split_in_a_trade() -> None:
    market = market_of(SPY=bars("SPY", [flat(400.0), flat(400.0), flat(404.0), flat(135.0), flat(136.0)]))
    script = {0: [order("SPY", BUY, 7)], 3: [order("SPY", SELL, 10)]}
    events = {"SPY": (Split(at(market, "SPY", 3), 3, 2),)}
    record = replay(market, Scripted(["SPY"], script), account=AccountKind.CASH, events=events)
    for known in (events, NO_EVENTS):
        trace = trace_trade(record, market, events=known)
        step = trace.fills[1]
        assert (step.rule, step.signed_lots, step.position_lots, step.order.order_id) == ("SPLIT", 3, 10, -1)
        assert step.role == "splits 7 lots into 10"
        # 10.5 new shares; the half share is a third of an old one at 404.
        assert trace.split_cash_micros == 134_666_667
        assert (step.price.base_price, step.price.price) == ("404", "269.33")
        assert "3 new for 2 old" in step.price.arithmetic
        assert [(line.debit, line.credit) for line in step.ledger] == [("CASH", "POSITION")]
        assert trace.net_micros == 10 * 136_000_000 - 7 * 400_000_000 + 134_666_667 - trace.fee_micros
        assert json.loads(json.dumps(trace.as_dict()))["adds_up"] is True


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_split_that_leaves_no_whole_lot_ends_the_trade(side: Side) -> None:
    market = market_of(SPY=bars("SPY", [flat(4.0), flat(4.0), flat(4.5), flat(45.0)]))
    events = {"SPY": (Split(at(market, "SPY", 3), 1, 10),)}
    record = replay(market, Scripted(["SPY"], {0: [order("SPY", side, 7)]}), account=AccountKind.REG_T, events=events)
    trace = trace_trade(record, market)
    assert not trace.is_open
    assert trace.gross_micros == side * 7 * 500_000
    assert trace.fills[-1].position_lots == 0


def test_a_split_record_that_was_tampered_with_is_found() -> None:
    market = market_of(SPY=bars("SPY", [flat(400.0), flat(400.0), flat(404.0), flat(135.0), flat(136.0)]))
    events = {"SPY": (Split(at(market, "SPY", 3), 3, 2),)}
    record = replay(market, Scripted(["SPY"], {0: [order("SPY", BUY, 7)]}), account=AccountKind.CASH, events=events)
    for field, words in (("value_micros", "the cash for the fraction"), ("price_ticks", "the mark in ticks")):
        fills = record.fills.copy()
        fills[1][field] += 1
        with pytest.raises(LedgerError, match=words):
            trace_trade(dataclasses.replace(record, fills=fills), market)


def test_a_contract_that_is_settled_for_good() -> None:
    rows = [flat(4000.0), flat(4000.0), flat(4010.0), (4010.0, 4015.0, 4009.0, float("nan"))]
    market = market_of(MES=bars("MES", rows), ZN=bars("ZN", [flat(110.0)] * 6))
    final = int(market["MES"][1].ts_close_ns[3])
    events = {"MES": (FinalSettlement(final, 4012.5),)}
    record = replay(market, Scripted(["MES", "ZN"], {0: [order("MES", SELL, 2)]}), events=events, costs=FEES)
    trace = trace_trade(record, market, events=events)
    step = trace.fills[-1]
    assert (step.rule, step.role, step.price.price, step.fee.share_micros) == (
        "FINAL_SETTLEMENT", "is settled for good", "4012.5", 0,
    )  # fmt: skip
    assert step.order.type == "FINAL_SETTLEMENT"
    assert step.decision is None
    assert [(line.debit, line.credit) for line in step.ledger] == [("POSITION", "CLEARING")]
    assert (trace.settlements[-1].mark, trace.settlements[-1].ts_ns) == ("4012.5", final)
    assert trace.gross_micros == -2 * 51 * 1_250_000
    wrong = {"MES": (FinalSettlement(final, 4012.75),)}
    with pytest.raises(LedgerError, match="the final price in ticks"):
        trace_trade(record, market, events=wrong)


def test_a_contract_that_is_settled_after_its_last_bar() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0), flat(4000.0), flat(4010.0)]), ZN=bars("ZN", [flat(110.0)] * 6))
    events = {"MES": (FinalSettlement(int(market["MES"][1].ts_close_ns[2]) + NS_PER_HOUR, 4008.0),)}
    record = replay(market, Scripted(["MES", "ZN"], {0: [order("MES", BUY, 1)]}), events=events)
    trace = trace_trade(record, market, events=events)
    assert (trace.fills[-1].rule, trace.fills[-1].bar.row) == ("FINAL_SETTLEMENT", 2)
    assert trace.gross_micros == 8 * 5_000_000


def test_dividends_funding_and_borrow_fees_belong_to_the_trade() -> None:
    market = market_of(SPY=bars("SPY", [flat(400.0)] * 3 + [flat(410.0)] * 3))
    script = {0: [order("SPY", SELL, 10)], 4: [order("SPY", BUY, 10)]}
    events = {
        "SPY": (
            Dividend(at(market, "SPY", 2), Decimal("1.25")),
            Funding(at(market, "SPY", 3), Decimal("0.0001")),
        )
    }
    record = replay(market, Scripted(["SPY"], script), account=AccountKind.REG_T, borrow="0.036", events=events)
    trace = trace_trade(record, market, events=events)
    # A day's borrow is 0.036/360 of 4,000 three times, of 4,100 once; short pays the dividend and receives funding.
    assert [(step.kind, step.amount_micros) for step in trace.carries] == [
        ("dividend", -12_500_000),
        ("borrow fee", -400_000),
        ("funding", 400_000),
        ("borrow fee", -400_000),
        ("borrow fee", -410_000),
        ("borrow fee", -410_000),
    ][: len(trace.carries)]
    assert trace.carry_micros == int(record.trades["carry_micros"][0]) == sum(s.amount_micros for s in trace.carries)
    assert trace.net_micros == trace.gross_micros - trace.fee_micros + trace.carry_micros
    assert trace.carries[0].text == "1.25 USD × -10 units = -12.50 USD"
    assert {step.kind for step in trace_trade(record, market).carries} == {"dividend or funding", "borrow fee"}
    other = {"SPY": (Dividend(at(market, "SPY", 2), Decimal("1.26")), *events["SPY"][1:])}
    with pytest.raises(LedgerError, match="carry of SPY"):
        trace_trade(record, market, events=other)


def test_half_spread_and_square_root_impact_are_worked_out_again() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0 + 3 * (i % 4)) for i in range(8)], volume=500.0))
    costs = CostModel(
        fee_per_unit=Decimal("0.62"),
        slippage_ticks=1,
        spread=SpreadModel(Decimal("0.75"), by_time=(("00:00", Decimal(2)),)),
        impact=ImpactModel(Decimal("0.5"), window=3),
    )
    record = replay(market, Scripted(["MES"], {3: [order("MES", BUY, 9)], 5: [order("MES", SELL, 9)]}), costs=costs)
    trace = trace_trade(record, market)
    assert "2 ticks slippage and half-spread" in trace.fills[0].price.arithmetic
    assert trace.fills[0].fee.impact_micros > 9 * 625_000
    assert "market impact" in trace.fills[0].fee.arithmetic
    fills = record.fills.copy()
    fills[0]["impact_micros"] += 1
    with pytest.raises(LedgerError, match="the impact fee gives"):
        trace_trade(dataclasses.replace(record, fills=fills), market)


def test_each_component_of_a_fee_is_told() -> None:
    market = market_of(SPY=bars("SPY", [flat(400.0)] * 5))
    script = {0: [order("SPY", BUY, 100)], 2: [order("SPY", SELL, 100)]}
    trace = trace_trade(replay(market, Scripted(["SPY"], script), account=AccountKind.CASH), market)
    bought, sold = (step.fee.arithmetic for step in trace.fills)
    assert "sec section 31 falls on sales only: 0 USD" in bought
    assert "sec section 31" in sold
    assert "× 40,000.00 USD" in sold
    for step in trace.fills:
        assert f"together {step.fee.fee_micros / 1e6:.6f}".rstrip("0") in step.fee.arithmetic


def test_what_was_known_is_later_by_the_latency_of_the_data() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0 + i) for i in range(5)]))
    record = replay(market, Scripted(["MES"], {1: [order("MES", BUY, 1)]}), data_latency_ns=NS_PER_HOUR)
    decision = trace_trade(record, market).fills[0].decision
    assert decision is not None
    assert decision.bars[0].row == 1
    assert decision.bars[0].ts_recv_ns == decision.ts_ns


# ---- what cannot be traced


def test_no_trade(long_mes: tuple[RunRecord, Market]) -> None:
    market = market_of(MES=bars("MES", [flat(4000.0)] * 3))
    with pytest.raises(RunError, match="made no trade"):
        trace_trade(replay(market, Scripted(["MES"], {})), market)


def test_no_such_trade(long_mes: tuple[RunRecord, Market]) -> None:
    with pytest.raises(ConfigError, match="trades 0 to 0"):
        trace_trade(*long_mes, 7)


def test_other_data(long_mes: tuple[RunRecord, Market]) -> None:
    record, _ = long_mes
    with pytest.raises(DataError, match="content hash"):
        trace_trade(record, market_of(MES=bars("MES", [flat(4000.0)] * 5)))
    with pytest.raises(DataError, match="were not given"):
        trace_trade(record, {})


@pytest.mark.parametrize(
    ("table", "row", "field", "match"),
    [
        ("fills", 1, "price_ticks", "rule MARKET_AT_OPEN gives"),
        ("fills", 0, "fee_micros", "the fee schedule gives"),
        ("fills", 2, "impact_micros", "the impact fee gives"),
        ("fills", 0, "value_micros", "the value at its price gives"),
        ("journal", 2, "amount_micros", "the journal holds"),
        ("journal", 3, "amount_micros", "the journal holds"),
        ("trades", 0, "gross_micros", "its gross worked out again gives"),
        ("trades", 0, "net_micros", "a difference of -1 micro-units"),
    ],
)
def test_one_micro_unit_of_tampering_is_found(
    long_mes: tuple[RunRecord, Market], table: str, row: int, field: str, match: str
) -> None:
    record, market = long_mes
    altered = getattr(record, table).copy()
    altered[row][field] += 1
    with pytest.raises(LedgerError, match=match):
        trace_trade(dataclasses.replace(record, **{table: altered}), market)


def test_a_fill_from_before_its_order_arrived(long_mes: tuple[RunRecord, Market]) -> None:
    record, market = long_mes
    orders = record.orders.copy()
    orders[0]["ts_arrive_ns"] += NS_PER_DAY
    with pytest.raises(LookAheadError, match="after the start of the bar"):
        trace_trade(dataclasses.replace(record, orders=orders), market)


# ---- every trade of many runs


@dataclasses.dataclass(frozen=True)
class Case:
    """A run to be traced whole."""

    market: Market
    strategy: Scripted
    account: AccountKind
    costs: CostModel
    events: Events


def some_order(rng: np.random.Generator, symbol: str, centre: int, key: str) -> Intent:
    """An order of any type, near the market."""
    spec = instrument(symbol)
    tick = float(spec.tick_size)
    kind = OrderType(int(rng.integers(0, len(OrderType))))
    near = [float(round(centre + int(x)) * tick) for x in rng.integers(-5, 6, 2)]
    at_once = kind in (OrderType.MARKET, OrderType.LIMIT) and rng.random() < 0.2
    request = order(
        symbol,
        BUY if rng.random() < 0.5 else SELL,
        float(int(rng.integers(1, 8)) * spec.lot_size),
        kind,
        limit=near[0] if kind in LIMITED else None,
        stop=near[1] if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None,
        trail=float(rng.integers(1, 12)) * tick if kind is OrderType.TRAILING_STOP else None,
        tif=TimeInForce.IOC if at_once else TimeInForce.GTC,
        reduce_only=bool(rng.random() < 0.2),
        order_key=key,
    )
    if kind is OrderType.MARKET and not request.reduce_only and rng.random() < 0.4:
        return Bracket(request, trail=float(rng.integers(1, 9)) * tick, target_price=near[0])
    return request


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A random walk, on the grid or off it, random orders of every type, and events of the instrument."""
    symbol = draw(st.sampled_from(["BTCUSD", "SPY", "MES", "ZN"]))
    spot = symbol in ("BTCUSD", "SPY")
    tick, lot = float(instrument(symbol).tick_size), float(instrument(symbol).lot_size)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, off = 24, draw(st.booleans())
    centre = 10_000 + np.cumsum(rng.integers(-9, 10, n))
    rows = np.sort(centre[:, None] + rng.integers(-6, 7, (n, 4)), axis=1)[:, [1, 3, 0, 2]].astype(np.float64)
    if off:
        rows[:, 1:3] += [0.3, -0.3]
        rows += 0.137
    if draw(st.booleans()):
        rows[rng.integers(1, n, 3), 3] = np.nan
    series = bars(
        symbol,
        [tuple(row) for row in (rows * tick).tolist()],
        per_session=draw(st.sampled_from([1, 3])),
        volume=draw(st.sampled_from([float("nan"), 5 * lot])),
        session_end=None if draw(st.booleans()) else rng.random(n) < 0.4,
    )
    script: dict[int, list[Intent]] = {}
    for wake in range(n - 2):
        for number in range(int(rng.integers(0, 3))):
            script.setdefault(wake, []).append(some_order(rng, symbol, int(centre[wake]), f"{wake}.{number}"))
    costs = CostModel(
        fee_per_unit=draw(st.sampled_from([None, Decimal("0.62")])),
        fee_rate=draw(st.sampled_from([None, Decimal("0.0003")])),
        slippage_ticks=draw(st.integers(0, 2)),
        slippage_rate=draw(st.sampled_from([Decimal(0), Decimal("0.0005")])),
        multiplier=draw(st.sampled_from([Decimal(1), Decimal("1.25"), Decimal("1.5")])),
        spread=draw(st.sampled_from([None, SpreadModel(Decimal("0.6"), vol_sensitivity=Decimal(1), vol_long=6)])),
    )
    account = AccountKind.REG_T if spot else AccountKind.FUTURES
    market = market_of(**{symbol: series})
    events: Events = NO_EVENTS
    if draw(st.booleans()):
        instants = sorted(int(series.ts_event_ns[row]) - int(rng.integers(0, 3)) * NS_PER_HOUR for row in (6, 13, 19))
        paid = (Dividend(instants[0], Decimal("0.75")), Split(instants[1], *draw(st.sampled_from([(3, 2), (1, 4)]))))
        charged = (Funding(instants[0], Decimal("0.0005")), Funding(instants[1], Decimal("-0.0003")))
        events = {symbol: (*(paid if spot else charged), Funding(instants[2], Decimal("0.0002")))}
        if not spot and draw(st.booleans()):
            events = {symbol: (*charged, FinalSettlement(int(series.ts_close_ns[-1]), float(centre[-1] * tick)))}
    return Case(market, Scripted([symbol], script), account, costs, events)


@settings(max_examples=60)
@given(cases())
def test_every_trade_of_a_run_adds_up(case: Case) -> None:
    record = replay(
        case.market, case.strategy, account=case.account, costs=case.costs, borrow="0.05", events=case.events
    )
    traces: list[Trace] = [trace_trade(record, case.market, i, events=case.events) for i in range(len(record.trades))]
    assert sum(trace.net_micros for trace in traces) == record.net_pnl_micros
    assert {step.fill_id for trace in traces for step in trace.fills} == set(range(len(record.fills)))
    assert sum(step.fee.share_micros for trace in traces for step in trace.fills) == record.fees_micros
    assert all(step.rule_text.endswith(".") for trace in traces for step in trace.fills)


def test_two_instruments_settle_apart() -> None:
    wave = [flat(4000.0 + 10 * (i % 5)) for i in range(12)]
    notes = [flat(110.0 + 0.5 * (i % 3)) for i in range(12)]
    market = market_of(MES=bars("MES", wave), ZN=bars("ZN", notes))
    script = {
        i: [order("MES", BUY if i % 2 else SELL, 2), order("ZN", SELL if i % 3 else BUY, 1 + i % 2)] for i in range(10)
    }
    record = replay(market, Scripted(["MES", "ZN"], script), costs=FEES)
    traces = [trace_trade(record, market, i) for i in range(len(record.trades))]
    assert {trace.instrument for trace in traces} == {"MES", "ZN"}
    assert sum(trace.net_micros for trace in traces) == record.net_pnl_micros
    assert len(traces[0].fills[0].decision.bars) == 2
