"""The cost audit: the engine passes it, and an engine that loses a setting does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pytest

from argus.core.instruments import instrument
from argus.core.intents import OrderRequest
from argus.core.money import MICROS
from argus.core.orders import OrderType, Side, TimeInForce
from argus.engine.config import (
    AccountConfig,
    AccountKind,
    CostModel,
    FillRules,
    ImpactModel,
    RunConfig,
    SpreadModel,
)
from argus.lab.audit import CostsSettings, Status, Subject, audit_costs
from argus.lab.audit.costs import settings_of
from argus.lab.audit.recomputed import charged, faults_of, total_cost
from argus.lab.audit.subject import Played, play
from argus.lab.journal.trials import MemoryTrialLedger
from argus.portfolio import FixedUnits, LimitRiskPolicy
from argus.strategies import strategies
from tests.lab import audit_subjects as planted
from tests.lab.audit_subjects import bars_of, subject
from tests.lab.markets import config

BARS = bars_of(400)
ALL = CostModel(
    fee_per_unit=Decimal("2.25"),
    fee_rate=Decimal("0.00001"),
    fee_minimum=Decimal("3"),
    slippage_ticks=1,
    slippage_rate=Decimal("0.0001"),
    multiplier=Decimal("1.25"),
)
DEAR = replace(config(), costs=ALL, latency_ns=10**9)
NAMES = [name for name, _ in settings_of(RunConfig())]


class Limits:
    """Works a limit a few ticks away, every bar; sometimes a stop."""

    def __init__(self, away: int = 12) -> None:
        self.spec = planted.spec_of()
        self._away = away

    def wake(self, view: Any) -> Any:
        close = float(view.bars("ES", 1).close[-1])
        held = view.position("ES").units
        side = Side.SELL if held > 0 else Side.BUY
        price = close - int(side) * self._away * 0.25
        return [OrderRequest("ES", side, OrderType.LIMIT, 1.0, price, None, TimeInForce.DAY)]

    def filled(self, fill: Any, view: Any) -> Any:
        return ()


def limits(market: Any) -> Any:
    return Limits()


def audited(given: Subject, player: Callable[..., Played] = play, **settings: Any) -> Any:
    return audit_costs(given, trials=MemoryTrialLedger(), settings=CostsSettings(**settings), player=player)


def losing(**settings: Any) -> Callable[..., Played]:
    """An engine that pays no heed to some settings."""

    def player(given: Subject, trials: Any) -> Played:
        whole = given.config
        lost = {name: value for name, value in settings.items() if name in CostModel.__dataclass_fields__}
        other = {name: value for name, value in settings.items() if name not in lost}
        return play(replace(given, config=replace(whole, costs=replace(whole.costs, **lost), **other)), trials)

    return player


@pytest.mark.parametrize("name", list(strategies()))
def test_registered_strategies_pay_every_cost(name: str) -> None:
    values: dict[str, Any] = {"tsmom": {"lookback": 20, "rebalance": 1}, "sma_cross": {"fast": 3, "slow": 10}}
    report = audited(subject(planted.registered, BARS, name=name, config=DEAR, **values.get(name, {})))
    assert report.verdict is Status.CLEAN, report.as_dict()
    assert [check.name for check in report.checks] == ["market", "fills", *NAMES]
    for setting in ("costs.fee_per_unit", "costs.slippage_ticks", "costs.slippage_rate", "costs.multiplier"):
        assert report.check(setting).status is Status.CLEAN
        assert report.check(setting).facts["charged"] > 0


def test_every_setting_has_a_name_in_the_audit() -> None:
    stated = {f"costs.{f.name}" for f in fields(CostModel)} | {f"fills.{f.name}" for f in fields(FillRules)}
    rates = {f"account.{name}" for name in ("borrow_rate", "debit_rate", "credit_rate", "fx")}
    assert set(NAMES) == stated | rates | {"latency_ns", "latency_sample_ns", "data_latency_ns"}


def test_settings_at_zero_are_reported_as_not_charged() -> None:
    free = replace(config(), costs=CostModel(fee_per_unit=Decimal(0)))
    report = audited(subject(planted.honest_array, BARS, config=free))
    assert report.verdict is Status.CLEAN
    assert "nothing is charged at all" in report.check("fills").detail
    for name in ("costs.fee_per_unit", "costs.fee_rate", "costs.slippage_ticks", "latency_ns"):
        assert report.check(name).status is Status.NOTED
        assert "not charged" in report.check(name).detail
    assert "no fill that it applies to" in report.check("costs.multiplier").detail


@pytest.mark.parametrize(
    ("lost", "field"),
    [
        ({"slippage_ticks": 0}, "price_ticks"),
        ({"slippage_rate": Decimal(0)}, "price_ticks"),
        ({"fee_per_unit": Decimal(0)}, "fee_micros"),
        ({"fee_rate": None}, "fee_micros"),
        ({"multiplier": Decimal(1)}, "fee_micros"),
        ({"latency_ns": 0}, "ts_arrive_ns"),
    ],
)
def test_an_engine_that_loses_a_setting_is_found_at_the_first_fill(lost: dict[str, Any], field: str) -> None:
    # Without the least fee, which hides the smaller ones.
    settings = replace(DEAR, costs=replace(ALL, fee_minimum=None))
    report = audited(subject(planted.honest_array, BARS, config=settings), losing(**lost))
    found = report.check("fills")
    assert found.status is Status.FOUND
    assert found.difference.field == field
    assert found.difference.instrument == "ES"
    assert found.difference.ts_ns == BARS.ts_event_ns[found.difference.row]
    assert found.difference.was != found.difference.became


def test_a_setting_that_is_lost_only_when_it_is_not_zero_is_found() -> None:
    """At the settings as they are nothing is wrong, and only the changed run shows it."""
    given = subject(planted.honest_array, BARS, config=config())
    report = audited(given, losing(slippage_ticks=0))
    assert report.check("fills").status is Status.CLEAN
    assert report.check("costs.slippage_ticks").status is Status.FOUND
    assert report.check("costs.slippage_ticks").difference.field == "price_ticks"
    report = audited(given, losing(latency_ns=0))
    assert report.check("latency_ns").status is Status.FOUND


def test_a_lost_bound_on_size_is_found() -> None:
    report = audited(subject(planted.honest_array, BARS), losing(fills=FillRules()))
    assert report.check("fills.participation").status is Status.FOUND


def test_touched_limits_are_told_apart() -> None:
    on_grid = replace(BARS, low=np.minimum(BARS.open, BARS.close) - 3.0, high=np.maximum(BARS.open, BARS.close) + 3.0)
    report = audited(subject(limits, on_grid))
    assert report.verdict is Status.CLEAN, report.as_dict()
    assert report.check("fills.touch").status is Status.CLEAN
    assert report.check("fills.touch").facts["fills"] > 0
    kind = replace(config(), fills=FillRules(touch=True))
    assert "kinder than the market" in audited(subject(limits, on_grid, config=kind)).check("fills.touch").detail
    strict = audited(subject(limits, on_grid), losing(fills=FillRules(touch=True)))
    assert strict.check("fills.touch").status is Status.FOUND


def test_few_fills_say_nothing() -> None:
    report = audited(subject(planted.honest_array, BARS), fills_min=10_000)
    assert report.verdict is Status.INSUFFICIENT
    assert [check.name for check in report.checks] == ["market", "fills"]
    assert "10000 are needed" in report.check("fills").detail


def test_the_recomputed_costs_are_those_of_the_books() -> None:
    ledger = MemoryTrialLedger()
    given = subject(planted.honest_array, BARS, config=DEAR)
    record = play(given, ledger).record
    assert record is not None
    assert list(faults_of(record, given.market, given.config)) == []
    assert total_cost(record, given.market, ALL) == charged(record, given.market)
    slippage = sum(
        abs(int(f["price_ticks"]) - float(f["base_ticks"])) * abs(int(f["signed_lots"])) * 12.5 for f in record.fills
    )
    assert float(charged(record, given.market)) / 1e6 == pytest.approx(record.fees_micros / 1e6 + slippage)


@dataclass(frozen=True, slots=True)
class Newer(RunConfig):
    """Settings with two that the audit has never heard of."""

    borrow_rate: Decimal = Decimal(0)
    venue: str = "here"


def test_a_new_setting_cannot_be_forgotten() -> None:
    base = config()
    newer = Newer(account=base.account, costs=base.costs, fills=base.fills)
    report = audited(subject(planted.honest_array, BARS, config=newer))
    assert report.check("borrow_rate").status is Status.FOUND
    assert "it is not in force" in report.check("borrow_rate").detail
    assert report.check("venue").status is Status.FOUND
    assert "not covered by this audit" in report.check("venue").detail


WIDE = CostModel(
    slippage_ticks=1,
    multiplier=Decimal("1.5"),
    spread=SpreadModel(Decimal("0.7"), by_time=(("00:00", Decimal(2)),), vol_sensitivity=Decimal(1)),
    impact=ImpactModel(Decimal("0.8")),
)


def test_spread_and_impact_are_recomputed_and_in_force() -> None:
    report = audited(subject(planted.honest_array, BARS, config=replace(config(), costs=WIDE)))
    assert report.verdict is Status.CLEAN, report.as_dict()
    for name in ("costs.spread", "costs.impact"):
        assert report.check(name).status is Status.CLEAN
        assert report.check(name).facts["charged"] > 0


@pytest.mark.parametrize(("lost", "field"), [("spread", "price_ticks"), ("impact", "impact_micros")])
def test_a_lost_spread_or_impact_is_found(lost: str, field: str) -> None:
    given = subject(planted.honest_array, BARS, config=replace(config(), costs=WIDE))
    found = audited(given, losing(**{lost: None})).check("fills")
    assert found.status is Status.FOUND
    assert found.difference.field == field


def test_a_factory_that_changes_its_market_is_found() -> None:
    def make(market: Any) -> Any:
        spec, bars = market["ES"]
        market["ES"] = (replace(spec, fee_components=(), fees=()), bars)
        return planted.honest_array(market)

    report = audited(subject(make, BARS, config=replace(config(), costs=CostModel())))
    assert report.check("market").status is Status.FOUND
    assert report.check("market").difference.field == "specification: fees"
    assert report.check("fills").difference.field == "fee_micros"


@pytest.mark.parametrize("rate", ["borrow_rate", "debit_rate", "credit_rate"])
def test_interest_and_borrowing_are_in_force_where_they_fall_due(rate: str) -> None:
    stock = replace(BARS, instrument="SPY")
    account = AccountConfig(AccountKind.REG_T, 30_000 * MICROS, **{rate: Decimal("0.03")})
    market = {"SPY": (instrument("US_EQUITY:SPY"), stock)}
    units = 25.0 if rate == "debit_rate" else 2.0
    given = Subject(
        partial(turning, symbol="SPY", units=units),
        market,
        RunConfig(account=account, costs=CostModel(fee_per_unit=Decimal("0.01"))),
        FixedUnits(),
        LimitRiskPolicy(),
    )
    check = audited(given).check(f"account.{rate}")
    assert check.status is Status.CLEAN, check
    assert check.facts["moved"] > 0


def turning(market: Any, *, symbol: str, units: float) -> Any:
    """Long for ten bars, short for ten."""
    spec = replace(planted.spec_of(), universe=(symbol,))
    bars = market[symbol][1]

    class Turns:
        def __init__(self) -> None:
            self.spec = spec

        def wake(self, view: Any) -> Any:
            row = int(np.searchsorted(bars.ts_recv_ns, view.now_ns))
            return [planted.Target(symbol, units=units if row // 10 % 2 else -units)]

        def filled(self, fill: Any, view: Any) -> Any:
            return ()

    return Turns()
