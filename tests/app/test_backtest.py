"""The use case behind ``argus backtest``: limits reach the risk policy, finer bars come back for the trace."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from argus.app.backtest import OrderLimits, backtest, file_market, finer_of, risk_for
from argus.app.tracing import trace_run
from argus.app.workspace import Workspace, init_workspace
from argus.core.arrays import Bars
from argus.core.errors import ConfigError, DataError
from argus.core.instruments import instrument
from argus.core.time import NS_PER_HOUR, NS_PER_MINUTE
from argus.data.importing import ImportSpec
from argus.data.resample import resample
from argus.data.synthetic import SyntheticSpec, generate
from argus.engine.config import AccountConfig, AccountKind, CostModel, RunConfig
from argus.engine.market import Market
from argus.portfolio.risk import LimitRiskPolicy

PARAMETERS = {"fast": 5, "slow": 20}


@pytest.fixture(scope="module")
def minutes() -> Bars:
    return generate(SyntheticSpec("MES", NS_PER_MINUTE, date(2022, 1, 3), sessions=10, seed=1))


@pytest.fixture(scope="module")
def hours(minutes: Bars) -> Bars:
    return resample(minutes, NS_PER_HOUR)


def market_of(bars: Bars) -> Market:
    return {bars.instrument: (instrument(bars.instrument), bars)}


def written(bars: Bars, path: Path) -> Path:
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    pl.DataFrame({"ts": pl.Series(bars.ts_close_ns).cast(pl.Datetime("ns")), **prices}).write_parquet(path)
    return path


def stated(interval_ns: int) -> ImportSpec:
    return ImportSpec(
        "MES",
        columns={name: name for name in ("open", "high", "low", "close", "volume")},
        stamp="end",
        time_column="ts",
        time_format="datetime",
        timezone="UTC",
        interval_ns=interval_ns,
    )


# ---- limits


def test_limits_reach_the_risk_policy_and_what_the_account_can_carry_stays(hours: Bars) -> None:
    market = market_of(hours)
    limits = OrderLimits(5.0, 10.0, 30, 0.05)
    policy = risk_for(RunConfig(), market, limits)
    assert policy == LimitRiskPolicy(
        max_order_units=5.0,
        max_position_units=10.0,
        max_orders=30,
        price_collar_fraction=0.05,
        instruments={"MES": instrument("MES")},
    )
    assert policy.max_orders_window_s == 60
    cash = risk_for(RunConfig(account=AccountConfig(AccountKind.CASH)), market, limits)
    assert (cash.check_cash, cash.check_margin, cash.max_orders) == (True, False, 30)
    assert risk_for(RunConfig(), market) == LimitRiskPolicy(instruments={"MES": instrument("MES")})


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        (OrderLimits(max_order_units=2.0), "at most 2 are allowed"),
        (OrderLimits(max_position_units=2.5), "at most 2.5 are allowed"),
        (OrderLimits(max_orders_per_minute=5), None),
    ],
)
def test_a_run_keeps_its_limits(hours: Bars, limits: OrderLimits, refused: str | None) -> None:
    result = backtest(
        "sma_cross",
        market_of(hours),
        RunConfig(),
        parameters=PARAMETERS,
        units=3.0,
        vol_target_annual=None,
        workspace=None,
        source={},
        limits=limits,
    )
    assert bool(result.record.refusals) is (refused is not None)
    assert bool(len(result.record.fills)) is (refused is None)
    if refused is not None:
        assert refused in result.record.refusals[0].reason
        assert any("refused by the risk policy" in note for note in result.as_dict()["notes"])


# ---- costs


def test_the_costs_of_a_run_lead_from_gross_to_net(hours: Bars) -> None:
    result = backtest(
        "sma_cross",
        market_of(hours),
        RunConfig(costs=CostModel(slippage_ticks=1, fee_per_unit=Decimal("0.62"))),
        parameters=PARAMETERS,
        units=1.0,
        vol_target_annual=None,
        workspace=None,
        source={},
    )
    assert result.costs is not None
    names, amounts = zip(*result.costs.bridge(), strict=True)
    assert names == ("gross", "slippage", "all_in", "net")
    assert sum(amounts[:-1]) == amounts[-1] == result.record.net_pnl_micros
    assert amounts[1] == -int(abs(result.record.fills["signed_lots"]).sum()) * 1_250_000
    assert result.as_dict()["costs"] == {name: amount / 1e6 for name, amount in result.costs.bridge()}


# ---- finer bars


def test_finer_bars_must_be_of_the_one_instrument_and_finer(hours: Bars, minutes: Bars) -> None:
    market = market_of(hours)
    assert finer_of(market, market_of(minutes)) == {"MES": minutes}
    with pytest.raises(ConfigError, match=r"are of ES, the run is on MES; give bars of it"):
        finer_of(market, market_of(replace(minutes, instrument="ES")))
    with pytest.raises(
        ConfigError, match=r"lasts 3600 s, the longest of the run's own 60 s; give bars that are shorter"
    ):
        finer_of(market_of(minutes), market)
    two = {**market, **market_of(replace(hours, instrument="ES"))}
    with pytest.raises(ConfigError, match="for a run on one instrument; this one is on MES, ES"):
        finer_of(two, market_of(minutes))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return init_workspace(tmp_path_factory.mktemp("finer") / "desk")[0]


def test_a_run_with_finer_bars_is_told_and_its_trace_loads_them_again(
    desk: Workspace, hours: Bars, minutes: Bars, tmp_path: Path
) -> None:
    paths = written(hours, tmp_path / "hours.parquet"), written(minutes, tmp_path / "minutes.parquet")
    market, _, source = file_market(paths[0], stated(NS_PER_HOUR))
    found, _, origin = file_market(paths[1], stated(NS_PER_MINUTE))
    result = backtest(
        "sma_cross",
        market,
        RunConfig(costs=CostModel(slippage_ticks=1)),
        parameters=PARAMETERS,
        units=1.0,
        vol_target_annual=None,
        workspace=desk,
        source={**source, "finer": origin},
        finer=finer_of(market, found),
    )
    record = result.record
    assert result.costs is not None
    assert f"MES: orders met finer bars within {len(hours)} of {len(hours)} bars" in result.as_dict()["notes"]
    assert record.bars == len(minutes)
    trace = trace_run(desk, record.manifest.run_id)
    assert trace.adds_up
    # The bar that filled the order is a minute; what the strategy knew is an hour.
    filled, decision = trace.fills[0].bar, trace.fills[0].decision
    assert filled.ts_close_ns - filled.ts_event_ns == NS_PER_MINUTE
    assert decision is not None
    assert decision.bars[0].ts_close_ns - decision.bars[0].ts_event_ns == NS_PER_HOUR

    written(replace(minutes, volume=minutes.volume + 1), paths[1])
    with pytest.raises(DataError, match="finer bars with content hash"):
        trace_run(desk, record.manifest.run_id)
