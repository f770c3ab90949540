"""What the reference runs reach: a setting, a rule or a reason that is added later needs a run, or a word why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, get_args

import numpy as np
import pytest

from argus.core.intents import Intent
from argus.core.market_events import InstrumentEvent
from argus.core.orders import FINAL_STATES, FillRule, OrderState, OrderType, Reason, Side, TimeInForce
from argus.core.strategy import WakeRule
from argus.engine.config import (
    AccountConfig,
    AccountKind,
    CostModel,
    FillRules,
    HaltRules,
    ImpactModel,
    RunConfig,
    SpreadModel,
)
from argus.engine.fingerprint import fills_hash, order_list_hash
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord
from argus.strategies.registry import strategies
from tests.regression.reference import Scene, play
from tests.regression.runs import RUNS, played
from tests.regression.snapshot import snapshot

EXEMPT = {
    Reason.NONE: "the reason of an order that was filled",
    OrderState.SUBMITTED: "no order is left in it when a run is over",
    OrderState.WORKING: "no order is left in it when a run is over",
    OrderState.PARTIAL: "no order is left in it when a run is over",
}


@pytest.fixture(scope="module")
def all_played() -> list[tuple[Scene, RunRecord]]:
    return [played(name) for name in RUNS]


def met(kind: type[Enum], played: list[tuple[Scene, RunRecord]]) -> set[Enum]:
    """Members of this enumeration that some run shows."""
    columns: dict[type[Enum], tuple[str, str]] = {
        Side: ("orders", "side"),
        OrderType: ("orders", "type"),
        TimeInForce: ("orders", "tif"),
        OrderState: ("orders", "state"),
        FillRule: ("fills", "rule"),
    }
    if kind is AccountKind:
        return {scene.config.account.kind for scene, _ in played}
    if kind is WakeRule:
        return {strategy.spec.wake for scene, _ in played for strategy in scene.books.values()}
    if kind is Reason:
        ended = [record.orders[record.orders["state"] != OrderState.FILLED] for _, record in played]
        return {Reason(code) for orders in ended for code in np.unique(orders["reason"]).tolist()}
    table, column = columns[kind]
    codes = {code for _, record in played for code in np.unique(getattr(record, table)[column]).tolist()}
    return {kind(code) for code in codes}


@pytest.mark.parametrize(
    "kind",
    [Side, OrderType, TimeInForce, OrderState, FillRule, Reason, AccountKind, WakeRule],
    ids=lambda kind: kind.__name__,
)
def test_every_member_is_met_in_a_run(kind: type[Enum], all_played: list[tuple[Scene, RunRecord]]) -> None:
    missing = {member.name for member in kind if member not in EXEMPT} - {
        member.name for member in met(kind, all_played)
    }
    assert not missing, f"no reference run shows {kind.__name__} {', '.join(sorted(missing))}: add one"


def test_orders_are_over_when_the_run_is(all_played: list[tuple[Scene, RunRecord]]) -> None:
    for _, record in all_played:
        assert {OrderState(code) for code in record.orders["state"].tolist()} <= FINAL_STATES


def test_every_account_of_the_books_is_posted_to(all_played: list[tuple[Scene, RunRecord]]) -> None:
    posted = {
        code for _, record in all_played for side in ("debit", "credit") for code in record.journal[side].tolist()
    }
    assert {JOURNAL_ACCOUNTS[code] for code in posted} == set(JOURNAL_ACCOUNTS)


def test_every_event_of_an_instrument_happens(all_played: list[tuple[Scene, RunRecord]]) -> None:
    happened = {type(event) for scene, _ in all_played for events in scene.events.values() for event in events}
    assert happened == set(get_args(InstrumentEvent))


def settings(scene: Scene) -> Iterator[Any]:
    """Every group of settings that a run states."""
    config = scene.config
    yield from (config, config.account, config.costs, config.fills, config.halts)
    yield from (model for model in (config.costs.spread, config.costs.impact) if model is not None)


@pytest.mark.parametrize(
    "kind",
    [RunConfig, AccountConfig, CostModel, FillRules, HaltRules, SpreadModel, ImpactModel],
    ids=lambda kind: kind.__name__,
)
def test_every_setting_is_set_in_a_run(kind: type[Any], all_played: list[tuple[Scene, RunRecord]]) -> None:
    stated = [group for scene, _ in all_played for group in settings(scene) if type(group) is kind]
    missing = []
    for field in fields(kind):
        usual = field.default if field.default_factory is MISSING else field.default_factory()
        if f"{kind.__name__}.{field.name}" not in EXEMPT and all(getattr(each, field.name) == usual for each in stated):
            missing.append(field.name)
    assert not missing, f"no reference run sets {kind.__name__}.{', '.join(missing)}: add one"


class Overheard:
    """A strategy with an ear at its door: which kinds of intents it answers with."""

    def __init__(self, strategy: Any, heard: set[type]) -> None:
        self._strategy, self._heard, self.spec = strategy, heard, strategy.spec

    def wake(self, view: Any) -> Any:
        return self._hear(self._strategy.wake(view))

    def filled(self, fill: Any, view: Any) -> Any:
        return self._hear(self._strategy.filled(fill, view))

    def _hear(self, intents: Any) -> Any:
        self._heard.update(type(intent) for intent in intents)
        return intents


def test_every_intent_is_asked_for() -> None:
    heard: set[type] = set()
    for name in ("targets", "brackets", "replace_and_cancel"):
        scene = RUNS[name].stage()
        books = {book: Overheard(strategy, heard) for book, strategy in scene.books.items()}
        play(Scene(books, scene.market, scene.config, scene.events, scene.sizer, scene.risk))
    assert heard == set(get_args(Intent))


def test_books_partial_fills_refusals_and_built_in_strategies_are_there(
    all_played: list[tuple[Scene, RunRecord]],
) -> None:
    assert len(RUNS) >= 24
    assert {len(scene.books) for scene, _ in all_played} == {1, 2, 3}
    assert any(len(record.fills) > len(np.unique(record.fills["order_id"])) for _, record in all_played)
    assert any(record.refusals for _, record in all_played)
    assert any((record.fills["price_ticks"] < 0).any() for _, record in all_played)
    assert set(strategies()) <= set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_trades_enough_to_hold_something(name: str) -> None:
    _, record = played(name)
    assert len(record.fills) >= 4
    assert len(record.orders) >= 8


def test_a_scene_is_staged_anew_and_played_alike() -> None:
    again = snapshot(play(RUNS["every_kind"].stage()), "")
    assert again == snapshot(played("every_kind")[1], "")


def test_a_touch_changes_fills_and_no_order() -> None:
    through, touched = played("limit_orders")[1], played("limit_touch")[1]
    assert order_list_hash(through) == order_list_hash(touched)
    assert fills_hash(through) != fills_hash(touched)
