from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import BAR_FIELDS
from argus.core.errors import ConfigError, OrderError, StrategyError, StrategyFailed
from argus.core.orders import Order, OrderState, OrderType, TimeInForce
from argus.core.ports import AccountView
from argus.core.risk import RiskApproved, RiskRefused
from argus.core.strategy import FeatureRef
from argus.engine import compiled as words
from argus.engine.batch import BATCH_DTYPE, run_batch
from argus.engine.compiled import Drive, columns_of, limits_of
from argus.engine.config import AccountKind, CostModel, HaltRules
from argus.engine.forms import CLOCK_COLUMNS, CompiledStrategy
from argus.engine.market import lay_out
from argus.engine.metrics import summarise
from argus.portfolio import LimitRiskPolicy
from tests.engine.markets import TrialList, account, flat, market_of, play, random_bars, spec_of
from tests.engine.scripts import Line, as_compiled, random_script

BARS = flat("ES", [1_000.0 + k for k in range(12)], per_session=6)


def plain(decide: Callable[..., Any], columns: tuple[str, ...] = ("close",), **declared: Any) -> CompiledStrategy:
    """A compiled strategy without features."""
    memory = declared.pop("memory", (0.0, 0.0))
    return CompiledStrategy(spec_of(["ES"], **declared), decide, columns, memory=memory)


def test_the_words_are_the_codes_of_orders() -> None:
    for kind in OrderType:
        assert getattr(words, kind.name) == kind
    for rule in TimeInForce:
        assert rule == TimeInForce.GTD or getattr(words, rule.name) == rule
    assert set(words.__all__) <= set(dir(words))


def test_what_a_decision_is_told() -> None:
    def decide(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
        if now[0] == 1_002.0:
            out[0, words.UNITS] = parameters[0]
            out[1, words.KIND] = words.LIMIT
            out[1, words.UNITS] = -1.0
            out[1, words.LIMIT_PRICE] = 1_100.0
            out[1, words.TIME_IN_FORCE] = words.GTC
            memory[0] = position[words.HELD] + position[words.PENDING] + position[words.LIVING]
            return 2
        if now[0] == 1_003.0:
            memory[1] = 100.0 * position[words.HELD] + 10.0 * position[words.PENDING] + position[words.LIVING]
        if now[1] == 1.0 and now[0] == 1_005.0 and memory[0] == 0.0:
            out[0, words.UNITS] = memory[1]
            return 1
        return 0

    record = play(plain(decide, ("close", "session_end"), values={"units": 3.0}), market_of(BARS))
    assert record.orders["quantity_lots"].tolist() == [3, 1, 298]
    assert record.orders["type"].tolist() == [OrderType.MARKET, OrderType.LIMIT, OrderType.MARKET]
    assert record.decisions["order_count"].tolist() == [2, 1]


def test_a_decision_sees_the_declared_columns_at_the_last_known_bar() -> None:
    bars = random_bars(4, "ES", 60, per_session=20, minutes=1, volume=9.0)
    seen = np.zeros((60, 9))
    ref = FeatureRef("mean", "sma", "ES", {"n": 3})
    columns = ("mean", *(name for name in BAR_FIELDS if name != "open_interest"), *CLOCK_COLUMNS)

    def decide(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
        for j in range(8):
            memory[1 + 9 * int(memory[0]) + j] = now[j]
        memory[0] += 1.0
        return 0

    strategy = CompiledStrategy(spec_of(["ES"], features=(ref,)), decide, columns, memory=(0.0,) * 600)
    market, config = market_of(bars), account(1e6)
    values = columns_of(strategy, market)
    arrays = lay_out(market, ("ES",), config)
    drive = Drive(strategy, arrays, values, np.arange(len(values)), config, limits_of(LimitRiskPolicy()))
    drive.play()
    seen[:] = drive.memory[1:541].reshape(60, 9)
    assert drive.memory[0] == 60.0
    mean = np.convolve(bars.close, np.ones(3) / 3.0)[:60]
    np.testing.assert_allclose(seen[2:, 0], mean[2:], rtol=1e-12)
    assert np.isnan(seen[:2, 0]).all()
    for j, name in enumerate(columns[1:], start=1):
        np.testing.assert_array_equal(seen[:, j], getattr(bars, name).astype(float))


def test_cancel_without_a_key_withdraws_all_of_the_strategy() -> None:
    lines = [
        Line(0, words.LIMIT, 1.0, limit=900.0, tif=words.GTC, key=1),
        Line(0, words.LIMIT, 1.0, limit=901.0, tif=words.GTC, key=2),
        Line(0, words.MARKET, 1.0, key=2, exit_stop=800.0, exit_target=1_100.0),
        Line(3, words.CANCEL, key=1),
        Line(4, words.CANCEL),
    ]
    orders = play(as_compiled("ES", lines), market_of(BARS)).orders
    assert orders["state"].tolist() == [OrderState.CANCELLED] * 2 + [OrderState.FILLED] + [OrderState.CANCELLED] * 2
    closes = BARS.ts_close_ns
    assert orders["ts_cancel_ns"][[0, 1, 3, 4]].tolist() == [closes[3], closes[4], closes[4], closes[4]]
    assert orders["oco_group"].tolist() == [-1, -1, -1, 3, 3]
    assert orders["parent_id"].tolist() == [-1, -1, -1, 2, 2]


def test_targets_are_rounded_toward_zero_and_fractions_of_a_coin_are_exact() -> None:
    lines = [Line(0, words.TARGET, 2.9), Line(2, words.TARGET, -0.9), Line(4, words.TARGET, -1.0)]
    assert play(as_compiled("ES", lines), market_of(BARS)).orders["quantity_lots"].tolist() == [2, 2, 1]
    coins = flat("BTCUSD", [1_000.0] * 6, per_session=6)
    lines = [Line(0, words.TARGET, 0.3), Line(1, words.MARKET, 0.00000001), Line(2, words.TARGET, 0.1)]
    config = account(100_000, AccountKind.REG_T, costs=CostModel(fee_per_unit=Decimal(0)))
    orders = play(as_compiled("BTCUSD", lines), market_of(coins), config).orders
    assert (orders["side"] * orders["quantity_lots"]).tolist() == [30_000_000, 1, -20_000_001]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (Line(3, 77, 1.0), "KIND is 77"),
        (Line(3, words.MARKET), "UNITS are nan; a finite number"),
        (Line(3, words.TARGET, np.inf), "UNITS are inf; a finite number"),
        (Line(3, words.MARKET, 0.0), "UNITS are 0; an order needs"),
        (Line(3, words.MARKET, 1.5), "UNITS are 1.5, not a whole number of lots of 1"),
        (Line(3, words.MARKET, 1e17), "too large to be counted"),
        (Line(3, words.LIMIT, 1.0), "needs a price that is not given"),
        (Line(3, words.LIMIT, 1.0, limit=1_000.1), r"off the tick of 0.25.*LIMIT_PRICE 1000.1"),
        (Line(3, words.LIMIT, 1.0, limit=np.inf), "a price is infinite"),
        (Line(3, words.LIMIT, 1.0, limit=1e17), "too large to be counted in ticks"),
        (Line(3, words.MARKET, 1.0, limit=1_000.0), "does not take"),
        (Line(3, words.TARGET, 1.0, exit_stop=990.0), "does not take"),
        (Line(3, words.TRAILING_STOP, 1.0, trail=-1.0), "trailing distance is not positive"),
        (Line(3, words.MARKET, 1.0, tif=2), "TIME_IN_FORCE is 2"),
        (Line(3, words.STOP, 1.0, stop=1_010.0, tif=words.IOC), "only market and limit orders"),
        (Line(3, words.MARKET, 1.0, exit_stop=990.0, exit_trail=2.0), "give one of them"),
    ],
)
def test_a_wrong_answer_is_told_with_its_place(line: Line, message: str) -> None:
    trials = TrialList()
    with pytest.raises(OrderError, match=rf"scripted, row 0 of its answer at .* \(last known: ES row 3\): .*{message}"):
        play(as_compiled("ES", [line]), market_of(BARS), trials=trials)
    assert [trial["status"] for trial in trials.trials] == ["failed"]


def test_an_answer_with_too_many_rows_or_fewer_than_none() -> None:
    def too_many(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
        return 9

    def fewer(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
        return -1

    for decide, count in ((too_many, "9"), (fewer, "-1")):
        with pytest.raises(StrategyFailed, match=f"answered {count} at .*ES row 0.*0 to 8"):
            play(plain(decide), market_of(BARS))


def test_a_decision_that_raises_is_told_with_its_row() -> None:
    def decide(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
        if now[0] == 1_005.0:
            raise ValueError("too hot")
        return 0

    trials = TrialList()
    with pytest.raises(StrategyFailed, match=r"scripted raised ValueError in decide\(\) at .*ES row 5\): too hot"):
        play(plain(decide), market_of(BARS), trials=trials)
    assert [trial["status"] for trial in trials.trials] == ["failed"]


def test_reading_beyond_what_is_given_and_dividing_by_zero_are_errors() -> None:
    def beyond(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
        return 1 if now[1] > 0.0 else 0

    def divides(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
        return 1 if now[0] / memory[0] > 2.0 else 0

    with pytest.raises(StrategyFailed, match=r"IndexError.*ES row 0"):
        play(plain(beyond), market_of(BARS))
    with pytest.raises(StrategyFailed, match=r"ZeroDivisionError.*ES row 0"):
        play(plain(divides), market_of(BARS))


def test_what_numba_cannot_compile_is_a_clear_error() -> None:
    def decide(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
        return int(sorted({"a": 1}.items(), key=str)[0][1])

    with pytest.raises(StrategyError, match=r"decide\(\) cannot be compiled"):
        play(plain(decide), market_of(BARS))


def test_a_decision_may_make_arrays_of_its_own() -> None:
    def decide(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
        last = np.zeros(3)
        last[0], last[1], last[2] = memory[0], memory[1], now[0]
        memory[0], memory[1] = last[1], last[2]
        if np.median(last) == 1_003.0:
            out[0, words.UNITS] = 1.0
            return 1
        return 0

    record = play(plain(decide), market_of(BARS))
    assert record.decisions["ts_ns"].tolist() == [BARS.ts_recv_ns[4]]


def nothing(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
    return 0


def test_a_strategy_that_does_not_fit_the_form_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"trades one instrument.*ES, NQ"):
        CompiledStrategy(spec_of(["ES", "NQ"]), nothing, ("close",))
    with pytest.raises(StrategyError, match="is not told of fills"):
        plain(nothing, wakes_on_fill=True)
    with pytest.raises(StrategyError, match=r"column mid, bid is not known; .*close"):
        plain(nothing, ("mid", "close", "bid"))
    with pytest.raises(StrategyError, match=r"column \(none\)"):
        plain(nothing, ())
    with pytest.raises(StrategyError, match="parameter word is 'far'; a compiled decision takes numbers"):
        CompiledStrategy(spec_of(["ES"], values={"word": "far"}), nothing, ("close",), parameters=("word",))
    with pytest.raises(StrategyError, match="volume was not observed"):
        play(plain(nothing, ("volume",)), market_of(BARS))


class Stern(LimitRiskPolicy):
    """A policy that asks for more than its limits say."""

    def approve(self, order: Order, account: AccountView) -> RiskApproved | RiskRefused:
        return RiskRefused(order, "mood", "Not today.")


@pytest.mark.parametrize("risk", [Stern(), LimitRiskPolicy(max_orders=3), LimitRiskPolicy(price_collar_ticks=9)])
def test_a_policy_that_the_kernel_cannot_judge_by_is_refused(risk: LimitRiskPolicy) -> None:
    with pytest.raises(ConfigError, match="judged within the kernel"):
        play(plain(nothing), market_of(BARS), risk=risk)


def test_a_python_strategy_without_a_sizer_is_refused() -> None:
    from argus.engine.replay import run
    from tests.engine.markets import Scripted

    with pytest.raises(ConfigError, match="needs a sizer"):
        run(
            Scripted(["ES"], lambda _view, _n: ()),
            market_of(BARS),
            account(1e6),
            risk=LimitRiskPolicy(),
            trials=TrialList(),
        )


# ---- batches


def batch_of(seed: int, bars: Any) -> list[CompiledStrategy]:
    return [as_compiled("ES", random_script(seed + k, bars)) for k in range(7)]


def test_a_batch_gives_the_figures_of_single_runs_with_any_number_of_workers() -> None:
    bars = random_bars(11, "ES", 500, per_session=50, minutes=1)
    config = account(60_000, costs=CostModel(fee_per_unit=Decimal("2.25"), slippage_ticks=1))
    risk = LimitRiskPolicy()
    strategies = batch_of(0, bars)
    trials = TrialList()
    rows = run_batch(strategies, market_of(bars), config, risk=risk, trials=trials, workers=1)
    single = TrialList()
    for row, strategy in zip(rows, strategies, strict=True):
        record = play(strategy, market_of(bars), config, risk=risk, trials=single)
        metrics = summarise(record, 252.0)
        for name in BATCH_DTYPE.names or ():
            if hasattr(metrics, name):
                np.testing.assert_equal(row[name], getattr(metrics, name), name)
        assert row["run_id"] == record.manifest.run_id
        assert row["refusals"] == len(record.refusals)
    told = [{**trial, "purpose": ""} for trial in trials.trials]
    assert repr(told) == repr([{**trial, "purpose": ""} for trial in single.trials])
    for workers in (2, 3):
        again = run_batch(strategies, market_of(bars), config, risk=risk, trials=TrialList(), workers=workers)
        assert again.tobytes() == rows.tobytes()
    assert len(set(rows["net_pnl_micros"].tolist())) == 7


def test_the_tables_of_a_batch_grow_once() -> None:
    bars = random_bars(2, "ES", 3_000, per_session=100, minutes=1)
    lines = [Line(wake, words.TARGET, float(wake % 2)) for wake in range(0, 3_000, 2)] + [
        Line(wake, words.MARKET, 900.0) for wake in range(1, 3_000, 2)
    ]
    lines.sort(key=lambda line: line.wake)
    strategies = [as_compiled("ES", lines) for _ in range(12)]
    config, risk = account(1e6), LimitRiskPolicy()
    rows = run_batch(strategies, market_of(bars), config, risk=risk, trials=TrialList(), workers=1)
    assert len(set(rows["orders"].tolist())) == 1
    assert (rows["refusals"] == 1_500).all()

    arrays = lay_out(market_of(bars), ("ES",), config)
    columns = columns_of(strategies[0], market_of(bars))
    sizes = []
    tables: dict[str, Any] = {}
    for strategy in strategies[:4]:
        drive = Drive(strategy, arrays, columns, np.arange(1), config, limits_of(risk), tables)
        drive.play()
        tables = drive.tables_in_use()
        sizes.append({name: len(table) for name, table in tables.items()})
    assert all(size == sizes[0] for size in sizes)


def test_a_column_that_cannot_be_computed_is_tried_once_and_every_point_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = random_bars(11, "ES", 100, per_session=50, minutes=1)
    tried = []

    def fail(name: str, *_: Any) -> None:
        tried.append(name)
        raise StrategyError("no such column here")

    monkeypatch.setattr("argus.engine.batch.write_column", fail)
    trials = TrialList()
    with pytest.raises(StrategyError, match="no such column here"):
        run_batch(batch_of(0, bars), market_of(bars), account(1e6), risk=LimitRiskPolicy(), trials=trials, workers=2)
    assert len(tried) == len(set(tried)) > 0
    assert len(trials.trials) == len(batch_of(0, bars))


def test_a_batch_counts_every_point_and_raises_what_one_of_them_raised() -> None:
    bars = random_bars(11, "ES", 100, per_session=50, minutes=1)
    strategies = batch_of(0, bars)
    strategies[2] = as_compiled("ES", [Line(5, words.MARKET, 1.5)])
    trials = TrialList()
    with pytest.raises(OrderError, match="not a whole number of lots"):
        run_batch(strategies, market_of(bars), account(1e6), risk=LimitRiskPolicy(), trials=trials)
    assert [trial["status"] for trial in trials.trials].count("finished") == 6
    assert trials.trials[2]["status"] == "failed"


def test_a_batch_on_nothing_or_on_several_instruments_is_refused() -> None:
    market = market_of(BARS, flat("NQ", [1_000.0] * 12, per_session=6))
    for strategies, message in (
        ([], "0 strategies name none"),
        ([as_compiled("ES", []), as_compiled("NQ", [])], "2 strategies name ES, NQ"),
    ):
        with pytest.raises(ConfigError, match=message):
            run_batch(strategies, market, account(1e6), risk=LimitRiskPolicy(), trials=TrialList())
    with pytest.raises(ConfigError, match="workers is 0"):
        run_batch([as_compiled("ES", [])], market, account(1e6), risk=LimitRiskPolicy(), trials=TrialList(), workers=0)


def test_a_ruined_point_of_a_batch_is_the_ruined_run() -> None:
    bars = random_bars(5, "ES", 600, per_session=100, minutes=1, step=40)
    config = account(13_000, halts=HaltRules(daily_loss=None))
    lines = [Line(0, words.TARGET, 1.0)]
    rows = run_batch([as_compiled("ES", lines)], market_of(bars), config, risk=LimitRiskPolicy(), trials=TrialList())
    record = play(as_compiled("ES", lines), market_of(bars), config, risk=LimitRiskPolicy())
    assert rows["liquidations"][0] == 1
    assert rows["net_pnl_micros"][0] == record.net_pnl_micros
    assert rows["drawdown_max"][0] == summarise(record, 252.0).drawdown_max
