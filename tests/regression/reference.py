"""What a reference run is, and how it is played."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from argus.core.arrays import Bars, Quotes
from argus.core.instruments import InstrumentSpec
from argus.core.market_events import InstrumentEvent
from argus.core.money import MICROS
from argus.core.ports import RiskPolicy, Sizer, Strategy
from argus.engine.config import AccountConfig, AccountKind, CostModel, HaltRules, RunConfig
from argus.engine.record import RunRecord
from argus.engine.replay import run_books
from argus.portfolio import FixedUnits, LimitRiskPolicy

__all__ = ["Reference", "Scene", "account", "play", "staged"]

NO_FEES = CostModel(fee_per_unit=Decimal(0))
NO_HALTS = HaltRules(daily_loss=None)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a run is played from.

    Attributes
    ----------
    books : mapping
        Name of the book to a strategy made for this run.
    market : mapping
        Symbol to specification and bars.
    config : RunConfig
    events : mapping
        Symbol to what happens to the instrument.
    sizer, risk : Sizer, RiskPolicy
    finer : mapping
        Symbol to quotes that orders meet.
    """

    books: Mapping[str, Strategy]
    market: Mapping[str, tuple[InstrumentSpec, Bars]]
    config: RunConfig
    events: Mapping[str, tuple[InstrumentEvent, ...]] = field(default_factory=dict)
    sizer: Sizer = field(default_factory=FixedUnits)
    risk: RiskPolicy = field(default_factory=lambda: LimitRiskPolicy(check_margin=False))
    finer: Mapping[str, Quotes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """A named reference run.

    Attributes
    ----------
    name : str
        Also the name of its frozen file.
    summary : str
        What it is there to hold.
    stage : callable
        Makes the scene anew; strategies carry state.
    """

    name: str
    summary: str
    stage: Callable[[], Scene]


class _Uncounted:
    """A trial ledger that forgets: a reference run tests the engine, not an idea."""

    def record(self, trial: Mapping[str, object]) -> None:
        """Take note of nothing."""


def account(dollars: int, kind: AccountKind = AccountKind.FUTURES, **settings: Any) -> RunConfig:
    """Settings of a run with this much money; without fees and halts unless they are given.

    Rates of the account (`borrow_rate`, `debit_rate`, `credit_rate`) are taken out of `settings`.
    """
    rates = {name: settings.pop(name) for name in ("borrow_rate", "debit_rate", "credit_rate") if name in settings}
    settings.setdefault("costs", NO_FEES)
    settings.setdefault("halts", NO_HALTS)
    return RunConfig(account=AccountConfig(kind, dollars * MICROS, **rates), **settings)


def staged(
    strategy: Strategy,
    config: RunConfig,
    *instruments: tuple[InstrumentSpec, Bars],
    events: Mapping[str, tuple[InstrumentEvent, ...]] | None = None,
    **roads: Any,
) -> Scene:
    """The scene of one strategy alone."""
    market = {spec.symbol: (spec, bars) for spec, bars in instruments}
    return Scene({strategy.spec.name: strategy}, market, config, events or {}, **roads)


def play(scene: Scene) -> RunRecord:
    """The record of the run."""
    return run_books(
        scene.books,
        scene.market,
        scene.config,
        sizer=scene.sizer,
        risk=scene.risk,
        trials=_Uncounted(),
        events=scene.events,
        finer=scene.finer,
    )
