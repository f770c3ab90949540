"""Audits of strategies on roots: schedule and series are audited with the strategy, and rolls that peek are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.errors import ConfigError
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.intents import Target
from argus.core.time import parse_ns
from argus.data import RollRule, RollTrigger, contracts_from_file
from argus.data.continuous import Adjustment, back_adjusted
from argus.data.rolls import RollSchedule, roll_schedule
from argus.engine.config import CostModel, RunConfig
from argus.engine.record import RunRecord
from argus.engine.rolling import RolledRoot, rolled_root, run_rolled
from argus.lab.audit import (
    AuditReport,
    LookaheadSettings,
    RollRules,
    Status,
    Subject,
    WarmupSettings,
    audit_costs,
    audit_lookahead,
    audit_warmup,
    contracts_market,
)
from argus.lab.audit.subject import Played, play
from argus.lab.journal.trials import MemoryTrialLedger
from argus.portfolio import FixedUnits, LimitRiskPolicy
from argus.strategies import create, strategies
from tests.data.futures_samples import contract

MES = instrument("MES")
NAMES = ("202303", "202306", "202309")
START = date(2022, 11, 1)
VOLUME = RollRule(RollTrigger.VOLUME, sessions=2)
CROSSES = {"202303": date(2023, 2, 27), "202306": date(2023, 5, 30), "202309": date(2023, 8, 30)}
"""Until when a contract trades more than the one after it."""


def chain(names: Sequence[str] = NAMES, last: date | None = None, busy: float = 900.0) -> dict[str, Bars]:
    """Session bars of contracts that wander apart, whose volume moves on weeks before their end."""
    walk = np.random.default_rng(5).integers(-60, 61, 400).cumsum() * 0.25
    found = {}
    for at, name in enumerate(names):
        crosses = CROSSES[name]
        before = CROSSES[names[at - 1]] if at else START

        def volume(day: date, crosses: date = crosses, before: date = before) -> float:
            return busy if before <= day < crosses else 300.0

        found[f"MES.{name}"] = contract(
            f"MES.{name}",
            START,
            last,
            close=lambda day, at=at: 4000.0 + 25 * at + walk[(day - START).days],
            volume=volume,
        )
    return found


def named(market: Mapping[str, Any], *, name: str, **values: Any) -> Any:
    return create(name, tuple(market), **values)


def subject(
    rolls: RollRules, name: str = "sma_cross", contracts: Mapping[str, Bars] | None = None, **values: Any
) -> Subject:
    market = contracts_market(chain() if contracts is None else contracts, MES)
    return Subject(
        partial(named, name=name, **values),
        market,
        RunConfig(),
        FixedUnits(),
        LimitRiskPolicy(instruments={symbol: spec for symbol, (spec, _) in market.items()}),
        rolls=rolls,
    )


def short(busy: float = 900.0) -> dict[str, Bars]:
    """Two contracts, from weeks before the roll to weeks after it."""
    return chain(NAMES[:2], date(2023, 3, 24), busy)


QUICK = {"fast": 3, "slow": 8}
HERE = LookaheadSettings(window_wakes=0, cuts=3, seeds=1, isolate=False, foresight=False)
"""In this process, for speed: the rooms are tested with plain strategies, and once below."""


def looked(one: Subject, how: LookaheadSettings = HERE) -> AuditReport:
    return audit_lookahead(one, trials=MemoryTrialLedger(), settings=how)


def future_of(report: AuditReport) -> Any:
    (found,) = [check for check in report.checks if check.name == "does not know the future"]
    return found


# ---- rolls that peek


@dataclass(frozen=True, slots=True)
class EarlyRolls(RollRules):
    """Each roll is made three sessions before the volume of the later contract is seen to lead."""

    def schedule(self, contracts: Mapping[str, Bars], spec: InstrumentSpec, rule: RollRule) -> RollSchedule:
        found = roll_schedule(contracts, spec, rule, on_gap="hole")
        day_ns = 86_400 * 10**9
        earlier = [
            replace(
                roll,
                session=roll.session - timedelta(days=7),
                known_at_ns=roll.known_at_ns - 7 * day_ns,
                effective_ns=roll.effective_ns - 7 * day_ns,
            )
            for roll in found.rolls
        ]
        return replace(found, rolls=tuple(earlier))


@dataclass(frozen=True, slots=True)
class WholeSampleRolls(RollRules):
    """Volume counts in multiples of what the contract will have traded in a session on average, to its end."""

    def schedule(self, contracts: Mapping[str, Bars], spec: InstrumentSpec, rule: RollRule) -> RollSchedule:
        shares = {symbol: replace(bars, volume=bars.volume / bars.volume.mean()) for symbol, bars in contracts.items()}
        return roll_schedule(shares, spec, rule, on_gap="hole")


@dataclass(frozen=True, slots=True)
class BackAdjusted(RollRules):
    """The series of the charts: every roll to come has rewritten its past."""

    def root(self, contracts: Mapping[str, Bars], spec: InstrumentSpec, rule: RollRule) -> RolledRoot:
        honest = RollRules.root(self, contracts, spec, rule)
        chart = back_adjusted(contracts, honest.schedule, self.adjustment)
        bars = replace(chart.bars, instrument=spec.symbol)
        amounts = tuple(
            float(chart.amount[begin]) if begin < end else amount
            for (begin, end), amount in zip(honest.rows, honest.amounts, strict=True)
        )
        return replace(honest, series=replace(honest.series, bars=bars, amount=chart.amount), amounts=amounts)


@pytest.mark.parametrize(
    "cheat", [EarlyRolls, WholeSampleRolls, BackAdjusted], ids=["early", "whole sample", "back adjusted"]
)
def test_rolls_that_know_the_future_are_found(cheat: type[RollRules]) -> None:
    # Volumes so near each other that an average over the whole turns which one is the larger.
    check = future_of(looked(subject(cheat(((MES, VOLUME),)), contracts=short(302.0), **QUICK)))
    assert check.status is Status.FOUND
    honest = future_of(looked(subject(RollRules(((MES, VOLUME),)), contracts=short(302.0), **QUICK)))
    assert honest.status is Status.CLEAN
    assert check.difference is not None


def test_a_strategy_that_peeks_at_the_series_is_found() -> None:
    one = replace(subject(RollRules(((MES, RollRule()),))), make=peeks)
    check = future_of(looked(one))
    assert check.status is Status.FOUND


class Peeking:
    """Long where the next bar of the series closes higher."""

    def __init__(self, market: Mapping[str, Any]) -> None:
        self._honest = create("sma_cross", tuple(market), **QUICK)
        self.spec = replace(self._honest.spec, features=(), warmup_bars=3)
        self._bars = market["MES"][1]

    def wake(self, view: Any) -> list[Target]:
        row = int(np.searchsorted(self._bars.ts_recv_ns, view.now_ns, side="right")) - 1
        closes = self._bars.close
        return [Target("MES", units=float(np.sign(closes[min(row + 1, len(closes) - 1)] - closes[row])))]

    def filled(self, fill: Any, view: Any) -> tuple[()]:
        return ()


def peeks(market: Mapping[str, Any]) -> Peeking:
    return Peeking(market)


# ---- honest ones


BUILT_IN = {
    "sma_cross": QUICK,
    "tsmom": {"lookback": 20, "rebalance": 1},
    "mean_reversion": {"window": 5, "entry": 1.0},
    "overnight": {"trend_window": 10},
}


def test_every_built_in_strategy_is_looked_at() -> None:
    assert set(BUILT_IN) == set(strategies())


@pytest.mark.parametrize("name", list(BUILT_IN))
@pytest.mark.parametrize("rule", [RollRule(), VOLUME], ids=["calendar", "volume"])
def test_built_in_strategies_on_roots_do_not_know_the_future(name: str, rule: RollRule) -> None:
    adjustment = Adjustment.RATIO if name == "tsmom" else Adjustment.DIFFERENCE
    report = looked(subject(RollRules(((MES, rule),), adjustment), name, short(), **BUILT_IN[name]))
    assert report.verdict is Status.CLEAN, report.as_dict()
    assert report.universe == ("MES",)
    assert future_of(report).facts["wakes"] > 30


def test_rooms_of_their_own_give_the_same_verdict() -> None:
    how = LookaheadSettings(window_wakes=0, cuts=2, seeds=1)
    report = looked(subject(RollRules(((MES, VOLUME),)), contracts=short(), **QUICK), how)
    assert report.verdict is Status.CLEAN, report.as_dict()
    assert len(report.checks) == 5


def test_the_audited_run_is_the_run_of_a_backtest() -> None:
    """Schedule from all contracts, settlements, margin of a roll, start after the warm-up: as in `run_rolled`."""
    for rule in (RollRule(), VOLUME):
        one = subject(RollRules(((MES, rule),)), **QUICK)
        played = play(one, MemoryTrialLedger())
        assert isinstance(played, Played)
        assert played.record is not None, played.log.error
        plain = run_rolled(
            create("sma_cross", ("MES",), **QUICK),
            [rolled_root(chain(), MES, rule)],
            one.config,
            sizer=one.sizer,
            risk=one.risk,
            trials=MemoryTrialLedger(),
        )
        assert told(played.record) == told(plain)
        assert played.record.net_pnl_micros == plain.net_pnl_micros
        assert len(plain.fills) > 20


def told(record: RunRecord) -> list[tuple[Any, ...]]:
    names = ("ts_event_ns", "signed_lots", "price_ticks", "fee_micros", "rule")
    return [(record.universe[fill["instrument"]], *(int(fill[name]) for name in names)) for fill in record.fills]


def test_percentages_of_a_series_of_differences_depend_on_where_it_begins() -> None:
    """Scaled at each roll they do not: what docs/rolls.md says of the adjustments, found by the warm-up audit."""
    how = WarmupSettings(starts=3, window_wakes=60, tolerance=1e-6)
    verdicts = {}
    for adjustment in (Adjustment.DIFFERENCE, Adjustment.RATIO):
        one = subject(RollRules(((MES, RollRule()),), adjustment), **QUICK)
        report = audit_warmup(one, trials=MemoryTrialLedger(), settings=how)
        assert report.universe == ("MES",)
        verdicts[adjustment] = {check.name: check.status for check in report.checks}
    assert verdicts[Adjustment.RATIO]["decisions"] is Status.CLEAN
    assert verdicts[Adjustment.RATIO]["estimates"] in (Status.CLEAN, Status.NOTED)


def test_costs_are_charged_on_every_contract() -> None:
    costs = CostModel(fee_per_unit=Decimal("1.25"), slippage_ticks=1)
    one = subject(RollRules(((MES, RollRule()),)), **QUICK)
    report = audit_costs(replace(one, config=RunConfig(costs=costs)), trials=MemoryTrialLedger())
    assert report.verdict is Status.CLEAN, report.as_dict()
    found = {check.name: check.status for check in report.checks}
    assert found["fills"] is Status.CLEAN
    assert found["costs.fee_per_unit"] is Status.CLEAN
    assert found["costs.slippage_ticks"] is Status.CLEAN


def test_ratios_are_refused_where_prices_may_be_negative() -> None:
    with pytest.raises(ConfigError, match="CL: its price may be negative"):
        RollRules(((instrument("CL"), RollRule()),), Adjustment.RATIO)


@pytest.mark.parametrize("rule", [RollRule(), VOLUME], ids=["calendar", "volume"])
def test_real_hourly_contracts_roll_without_knowing_the_future(real_data: Path, rule: RollRule) -> None:
    names = ("202303", "202306", "202309")
    contracts, _ = contracts_from_file(
        real_data / "futures_hourly" / "MES.parquet", "MES", "futures_hourly", contracts=names
    )
    begin, end = (parse_ns(text) for text in ("2023-02-27", "2023-03-24"))
    cut = {}
    for symbol, bars in contracts.items():
        first, last = np.searchsorted(bars.ts_event_ns, [begin, end])
        cut[symbol] = bars.rows(int(first), int(last))
    one = subject(RollRules(((MES, rule),)), contracts={s: b for s, b in cut.items() if len(b)}, fast=5, slow=20)
    (root,) = one.rolls.roots(one.market) if one.rolls else ()
    assert len(root.schedule.rolls) == 1
    how = replace(HERE, window_wakes=100)
    report = looked(one, how)
    assert report.verdict is Status.CLEAN, report.as_dict()
