"""The whole road: strategies through sizing, the risk policy and the engine."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.instruments import instrument
from argus.core.money import MICROS
from argus.core.orders import FillRule, OrderState, OrderType
from argus.core.ports import RiskPolicy, Sizer
from argus.core.time import NS_PER_MINUTE
from argus.engine.config import AccountConfig, AccountKind, CostModel, RunConfig
from argus.engine.record import RunRecord
from argus.engine.replay import run
from argus.portfolio import FixedUnits, LimitRiskPolicy, VolatilityTarget
from argus.strategies import create, strategies
from tests.features.bars import other_future, random_bars


class Trials:
    """Keeps the trials of a run in a list."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def record(self, trial: Any) -> None:
        self.kept.append(trial)


def account(kind: AccountKind = AccountKind.FUTURES, cash: int = 10_000_000, **costs: Any) -> RunConfig:
    free = {"fee_per_unit": Decimal(0), "fee_rate": Decimal(0), "fee_minimum": Decimal(0)}
    return RunConfig(account=AccountConfig(kind, cash * MICROS), costs=CostModel(**{**free, **costs}))


def play(
    name: str,
    market: dict[str, Bars],
    config: RunConfig,
    sizer: Sizer | None = None,
    risk: RiskPolicy | None = None,
    **values: Any,
) -> RunRecord:
    trials = Trials()
    record = run(
        create(name, list(market), **values),
        {symbol: (instrument(symbol), bars) for symbol, bars in market.items()},
        config,
        sizer=sizer or FixedUnits(1),
        risk=risk or LimitRiskPolicy(),
        trials=trials,
    )
    assert [trial["strategy"] for trial in trials.kept] == [name]
    return record


def test_sma_cross_fills_every_change_at_the_next_open() -> None:
    bars = random_bars(1, 1_200)
    record = play("sma_cross", {"ES": bars}, account(fee_per_unit=Decimal("2.25")), fast=5, slow=20)
    fast, slow = (np.convolve(bars.close, np.ones(n) / n, "valid")[-(1_200 - 19) :] for n in (5, 20))
    side = np.sign(np.round(fast - slow, 9))
    cash, held, orders = 0.0, 0.0, 0
    for t, wanted in enumerate(side[:-1], start=19):
        if wanted not in (0, held):
            cash -= (wanted - held) * bars.open[t + 1] * 50 + abs(wanted - held) * 2.25
            held, orders = wanted, orders + 1
    assert orders > 50
    assert len(record.fills) == orders
    assert record.net_pnl_micros == round((cash + held * bars.close[-1] * 50) * MICROS)
    assert not record.refusals


@pytest.mark.parametrize(
    ("kind", "sizer", "risk"),
    [
        (AccountKind.FUTURES, FixedUnits(10), LimitRiskPolicy(max_order_units=10, max_position_units=10)),
        (AccountKind.REG_T, FixedUnits(10), LimitRiskPolicy(max_position_units=10)),
        (AccountKind.CASH, FixedUnits(2_000), LimitRiskPolicy(check_margin=False, check_cash=True)),
        (
            AccountKind.CASH,
            VolatilityTarget(1.0, leverage_max=0.9),
            LimitRiskPolicy(check_margin=False, check_cash=True),
        ),
    ],
)
def test_overnight_is_in_every_night_and_out_every_day(kind: AccountKind, sizer: Sizer, risk: RiskPolicy) -> None:
    symbol = "ES" if kind is AccountKind.FUTURES else "SPY"
    bars = random_bars(2, 130, instrument=symbol)
    # A real market opens elsewhere than it closed.
    opened = np.round(bars.open * np.resize([1.0, 1.004, 0.998], 130) * 4) / 4
    high, low = np.maximum(opened, bars.high), np.minimum(opened, bars.low)
    bars = replace(bars, open=opened, high=high, low=low)
    record = play("overnight", {symbol: bars}, account(kind), sizer, risk)
    assert not record.refusals
    # Warm after 61 sessions (rows 0 to 60): first bought on the close of row 61, first sold on the open of row 62.
    assert record.fills["rule"].tolist() == [FillRule.MARKET_ON_CLOSE, FillRule.MARKET_ON_OPEN] * 68 + [
        FillRule.MARKET_ON_CLOSE
    ]
    assert record.fills["row"].tolist() == [61, *np.repeat(np.arange(62, 130), 2)]
    assert (record.fills["position_after_lots"][1::2] == 0).all()
    assert (record.fills["position_after_lots"][::2] > 0).all()
    done = record.trades[record.trades["is_open"] == 0]
    assert len(done) == 68
    value = float(instrument(symbol).multiplier)
    gains = (opened[62:] - bars.close[61:-1]) * value * MICROS * done["lots_max"]
    np.testing.assert_array_equal(done["net_micros"], np.round(gains).astype(np.int64))


def test_overnight_over_intraday_bars_trades_the_same_auctions() -> None:
    bars = random_bars(3, 400, per_session=4)
    record = play("overnight", {"ES": bars}, account())
    rows = record.fills["row"]
    assert len(rows) > 60
    assert (rows[::2] % 4 == 3).all()
    assert (rows[1::2] % 4 == 0).all()


def test_a_sale_that_the_open_cannot_take_is_made_up_for() -> None:
    bars = random_bars(4, 100)
    volume = bars.volume.copy()
    volume[70] = 2.0  # less than the position: the rest of the sale expires, and the purchase on that close too
    record = play("overnight", {"ES": replace(bars, volume=volume)}, account(cash=100_000_000), FixedUnits(10))
    after = dict(zip(record.fills["row"].tolist(), record.fills["position_after_lots"].tolist(), strict=True))
    assert (after[69], after[70], after[71], after[72]) == (10, 8, 10, 10)
    at_71 = record.fills["signed_lots"][record.fills["row"] == 71].tolist()
    assert at_71 == [-8, 10]


def test_tsmom_on_closes_alone() -> None:
    whole = random_bars(5, 400)
    nothing = np.full(400, np.nan)
    closes = replace(
        whole,
        open=nothing,
        high=nothing.copy(),
        low=nothing.copy(),
        volume=nothing.copy(),
        observed=frozenset({"close"}),
    )
    record = play("tsmom", {"ES": closes}, account(), VolatilityTarget(), lookback=60, execution="moc", rebalance=3)
    assert len(record.fills) > 10
    assert set(record.fills["rule"].tolist()) == {FillRule.MARKET_ON_CLOSE}
    assert set(record.orders["type"].tolist()) == {OrderType.MARKET_ON_CLOSE}
    # Decided at a close, filled at the next one.
    decided = record.decisions["ts_ns"][record.orders["decision_id"][record.fills["order_id"]]]
    rows = np.searchsorted(closes.ts_recv_ns, decided)
    np.testing.assert_array_equal(record.fills["row"], rows + 1)


def test_volatility_target_holds_the_account_to_its_volatility() -> None:
    market = {s: random_bars(10 + k, 1_500, instrument=s) for k, s in enumerate(("ES", "NQ", "YM", "RTY"))}
    # The same random prices stand for all four, so each instrument must be sized by its own multiplier.
    sizer = VolatilityTarget(0.10, instrument_count=4)
    record = play("tsmom", market, account(cash=100_000_000), sizer, LimitRiskPolicy(check_margin=False), lookback=20)
    _, equity = record.session_equity()
    returns = equity[1:] / equity[:-1] - 1.0
    # Four independent markets with a quarter of the capital each: half the target.
    assert np.std(returns) * np.sqrt(252) == pytest.approx(0.05, rel=0.15)


def test_a_refused_order_is_recorded_with_its_reason_and_the_run_goes_on() -> None:
    record = play(
        "sma_cross", {"ES": random_bars(6, 400)}, account(), FixedUnits(3), LimitRiskPolicy(3, 3), fast=5, slow=20
    )
    # The first order is for three; each later one turns the position around and is for six.
    assert len(record.orders) == 1
    assert {refusal.limit for refusal in record.refusals} == {"max_order_units"}
    assert "order is for 6 units; at most 3 are allowed" in record.refusals[0].reason


def test_margin_stops_an_order_before_it_is_sent() -> None:
    record = play("sma_cross", {"ES": random_bars(7, 200)}, account(cash=5_000), fast=5, slow=20)
    assert not len(record.orders)
    assert {refusal.limit for refusal in record.refusals} == {"initial_margin"}


VALUES: dict[str, dict[str, Any]] = {
    "sma_cross": {"fast": 5, "slow": 20},
    "tsmom": {"lookback": 20, "rebalance": 3},
    "mean_reversion": {},
    "overnight": {"filter": "both"},
}


@pytest.mark.parametrize("name", strategies())
@pytest.mark.parametrize("per_session", [1, 3])
def test_another_future_leaves_orders_and_fills_alone(name: str, per_session: int) -> None:
    market = {s: random_bars(20 + k, 300 * per_session, per_session=per_session, instrument=s)
              for k, s in enumerate(("ES", "ZN"))}  # fmt: skip
    sizer = VolatilityTarget(0.05, instrument_count=2)

    def go(bars: dict[str, Bars]) -> RunRecord:
        return play(name, bars, account(cash=1_000_000_000), sizer, **VALUES[name])

    true = go(market)
    assert len(true.orders) >= 10
    for share in (0.5, 0.9):
        row = int(300 * per_session * share)
        now_ns = int(market["ES"].ts_recv_ns[row])
        false = go({s: other_future(bars, row, 1) for s, bars in market.items()})
        # A fill at the open of the next bar happens at the present instant, but at a price of the future.
        for table, clock, present in (("orders", "ts_submit_ns", now_ns), ("fills", "row", row)):
            mine, other = getattr(true, table), getattr(false, table)
            mine, other = mine[mine[clock] <= present], other[other[clock] <= present]
            assert len(mine)
            for column in ("instrument", "signed_lots", "price_ticks", "side", "type", "quantity_lots", clock):
                if column in mine.dtype.names:
                    np.testing.assert_array_equal(mine[column], other[column])


@pytest.mark.parametrize(("slippage_ticks", "net"), [(0, "-127943.75"), (1, "-475131.25")])
def test_the_published_run(real_data: Path, slippage_ticks: int, net: str) -> None:
    import polars as pl

    table = pl.read_parquet(real_data / "bench" / "es_1m.parquet")
    columns = {name: table[name].to_numpy().astype(np.float64) for name in ("open", "high", "low", "close", "volume")}
    closed = table["ts"].dt.epoch("ns").to_numpy().astype(np.int64)
    n = len(closed)
    day = (closed // (1_440 * NS_PER_MINUTE)).astype(np.int32)
    bars = Bars(
        instrument="ES",
        ts_event_ns=closed - NS_PER_MINUTE,
        ts_close_ns=closed,
        ts_recv_ns=closed.copy(),
        open_interest=np.full(n, np.nan),
        session=day,
        session_end=np.append(day[1:] != day[:-1], True),
        observed=frozenset(columns),
        **columns,
    )
    config = account(cash=1_000_000, fee_per_unit=Decimal("2.25"), slippage_ticks=slippage_ticks)
    record = play("sma_cross", {"ES": bars}, config, risk=LimitRiskPolicy(max_position_units=1))
    assert len(record.orders) == 13_888
    assert (record.orders["state"] == OrderState.FILLED).all()
    assert record.net_pnl_micros == int(Decimal(net) * MICROS)
