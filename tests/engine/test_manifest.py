"""The identity of a run: another one for anything that could change a result, the same one for the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import argus
from argus.core.market_events import FinalSettlement
from argus.core.strategy import FeatureRef, WakeRule
from argus.engine.config import AccountConfig, AccountKind, CostModel, FillRules, HaltRules, RunConfig
from argus.engine.manifest import canonical_json, code_version, manifest_of
from argus.engine.record import RunManifest
from argus.portfolio import FixedUnits, LimitRiskPolicy, VolatilityTarget
from tests.engine.markets import Scripted, at_wakes, flat, market_of, play

BASE: dict[str, Any] = {
    "universe": ("ES", "NQ"),
    "declared": {"values": {"fast": 10, "slow": 50}},
    "market": market_of(flat("ES", [4_000.0, 4_001.0, 4_002.0]), flat("NQ", [15_000.0] * 3)),
    "config": RunConfig(),
    "sizer": FixedUnits(1),
    "risk": LimitRiskPolicy(),
}


def manifest(**changes: Any) -> RunManifest:
    told = BASE | changes
    strategy = Scripted(told["universe"], at_wakes({}), **told["declared"])
    return manifest_of(
        told.get("books", {strategy.spec.name: strategy}),
        told["market"],
        told["config"],
        sizer=told["sizer"],
        risk=told["risk"],
        **{name: told[name] for name in ("events", "finer") if name in told},
    )


def books_of(*names: str) -> dict[str, Scripted]:
    """The strategy of the base, once for each book."""
    return {name: Scripted(BASE["universe"], at_wakes({}), **BASE["declared"]) for name in names}


def other_bars(column: str, row: int, change: Any) -> dict[str, Any]:
    spec, bars = BASE["market"]["ES"]
    array = getattr(bars, column).copy()
    array[row] = change(array[row])
    return BASE["market"] | {"ES": (spec, replace(bars, **{column: array}))}


def other_spec(**changes: Any) -> dict[str, Any]:
    spec, bars = BASE["market"]["ES"]
    return BASE["market"] | {"ES": (replace(spec, **changes), bars)}


ES = BASE["market"]["ES"][0]
AFTER_NS = int(BASE["market"]["ES"][1].ts_close_ns[-1])
MINUTES = flat("ES", [4_000.0, 4_001.0, 4_002.0] * 60, per_session=60, minutes=1)
CHANGES: dict[str, dict[str, Any]] = {
    "a parameter": {"declared": {"values": {"fast": 11, "slow": 50}}},
    "a parameter's name": {"declared": {"values": {"quick": 10, "slow": 50}}},
    "the universe's order": {"universe": ("NQ", "ES")},
    "a smaller universe": {"universe": ("ES",)},
    "the warm-up": {"declared": BASE["declared"] | {"warmup": 2}},
    "the wake rule": {"declared": BASE["declared"] | {"wake": WakeRule.SESSION_END}},
    "a feature": {"declared": BASE["declared"] | {"features": (FeatureRef("f", "sma", "ES", {"n": 3}),)}},
    "a feature's parameter": {"declared": BASE["declared"] | {"features": (FeatureRef("f", "sma", "ES", {"n": 4}),)}},
    "the least bit of a price": {"market": other_bars("close", 1, lambda x: np.nextafter(x, 0))},
    "when a bar is known": {"market": other_bars("ts_recv_ns", 2, lambda ts: ts + 1)},
    "which bar ends a session": {"market": other_bars("session_end", 1, lambda end: not end)},
    "the multiplier": {"market": other_spec(multiplier=Decimal(5), tick_value=Decimal("1.25"))},
    "the margins": {"market": other_spec(margins=ES.margins[:1])},
    "the instrument's fees": {"market": other_spec(fees=(replace(ES.fees[0], per_unit=Decimal(9)),))},
    "a fee": {"config": RunConfig(costs=CostModel(fee_per_unit=Decimal("2.25")))},
    "no fee, stated": {"config": RunConfig(costs=CostModel(fee_per_unit=Decimal(0)))},
    "slippage": {"config": RunConfig(costs=CostModel(slippage_ticks=1))},
    "the cost multiplier": {"config": RunConfig(costs=CostModel(multiplier=Decimal("1.5")))},
    "touch": {"config": RunConfig(fills=FillRules(touch=True))},
    "participation": {"config": RunConfig(fills=FillRules(participation=Decimal("0.5")))},
    "the account": {"config": RunConfig(account=AccountConfig(AccountKind.REG_T))},
    "the cash": {"config": RunConfig(account=AccountConfig(cash_micros=10**12 - 1))},
    "latency": {"config": RunConfig(latency_ns=1)},
    "the start": {"config": RunConfig(start_ns=5)},
    "the end": {"config": RunConfig(end_ns=5)},
    "latency of the data": {"config": RunConfig(data_latency_ns=1)},
    "no daily loss": {"config": RunConfig(halts=HaltRules(daily_loss=None))},
    "a drawdown": {"config": RunConfig(halts=HaltRules(drawdown=Decimal("0.2")))},
    "what a halt does": {"config": RunConfig(halts=HaltRules(flatten=True))},
    "the size": {"sizer": FixedUnits(2)},
    "the sizer": {"sizer": VolatilityTarget(instrument_count=2)},
    "a limit": {"risk": LimitRiskPolicy(max_order_units=5)},
    "a check": {"risk": LimitRiskPolicy(check_margin=False)},
    "a second book": {"books": books_of("one", "two")},
    "the books' names": {"books": books_of("one", "other")},
    "the sequence of the books": {"books": books_of("two", "one")},
    "a third book": {"books": books_of("one", "two", "three")},
    "an event": {"events": {"ES": (FinalSettlement(AFTER_NS, 4_002.0),)}},
    "the event's price": {"events": {"ES": (FinalSettlement(AFTER_NS, 4_002.25),)}},
    "the event's instant": {"events": {"ES": (FinalSettlement(AFTER_NS + 1, 4_002.0),)}},
    "finer bars": {"finer": {"ES": MINUTES}},
    "the least bit of a finer price": {"finer": {"ES": replace(MINUTES, close=np.nextafter(MINUTES.close, 0))}},
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_could_change_a_result_changes_the_run_id(what: str) -> None:
    assert manifest(**CHANGES[what]).run_id != manifest().run_id


def test_no_two_changes_are_one_run() -> None:
    ids = {what: manifest(**change).run_id for what, change in CHANGES.items()}
    assert len(set(ids.values())) == len(ids)


class Renamed(Scripted):
    """Another class with other code."""

    note = "something else"


def test_another_strategy_is_another_run() -> None:
    one, two = (
        manifest_of(
            {"scripted": kind(["ES"], at_wakes({}))},
            BASE["market"],
            RunConfig(),
            sizer=FixedUnits(1),
            risk=LimitRiskPolicy(),
        )
        for kind in (Scripted, Renamed)
    )
    assert one.run_id != two.run_id


SAME: dict[str, dict[str, Any]] = {
    "nothing": {},
    "parameters in another sequence": {"declared": {"values": {"slow": 50, "fast": 10}}},
    "a market with more in it": {"market": BASE["market"] | market_of(flat("CL", [80.0]))},
    "the market in another sequence": {"market": dict(reversed(BASE["market"].items()))},
    "an equal amount": {"config": RunConfig(costs=CostModel(multiplier=Decimal("1.00")))},
    "equal data from elsewhere": {"market": other_bars("close", 1, lambda x: x)},
    "one book of another name": {"books": books_of("alone")},
    "no events, stated": {"events": {"ES": ()}},
    "events of what is not traded": {"events": {"CL": (FinalSettlement(AFTER_NS, 80.0),)}},
    "finer bars of what is not traded": {"finer": {"CL": flat("CL", [80.0])}},
}


@pytest.mark.parametrize("what", SAME)
def test_the_same_run_has_the_same_run_id(what: str) -> None:
    assert manifest(**SAME[what]) == manifest()


CHILD = "from tests.engine.test_manifest import manifest; print(manifest().run_id)"


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_another_process_comes_to_the_same_run_id(seed: str, repository: Path) -> None:
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(repository)}
    child = subprocess.run(
        [sys.executable, "-c", CHILD], env=environment, cwd=repository, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.strip() == manifest().run_id


def test_a_manifest_says_what_a_run_was_made_of() -> None:
    made = manifest()
    assert len(made.run_id) == 16
    assert int(made.run_id, 16) >= 0
    assert made.strategy["name"] == "scripted"
    assert made.strategy["parameters"] == {"fast": 10, "slow": 50}
    assert made.config["sizing"] == FixedUnits(1).describe()
    assert made.config["risk"] == LimitRiskPolicy().describe()
    assert made.data["ES"]["content_hash"] == BASE["market"]["ES"][1].content_hash
    assert made.data["ES"]["bars"] == 3
    assert (made.data["ES"]["first"], made.data["ES"]["last"]) == ("2023-06-01T14:00:00Z", "2023-06-03T15:00:00Z")
    assert set(made.versions) >= {"python", "numpy", "numba"}
    assert made.code_version.startswith(f"{argus.__version__}+")
    assert made.code_version == code_version()


def test_a_manifest_of_two_books_says_what_each_was_made_of() -> None:
    made = manifest(books=books_of("one", "two"), events=CHANGES["an event"]["events"], finer={"ES": MINUTES})
    assert made.strategy["name"] == "one + two"
    assert made.strategy["books"]["two"] == manifest().strategy
    assert made.strategy["parameters"] == {"one.fast": 10, "one.slow": 50, "two.fast": 10, "two.slow": 50}
    assert made.strategy["universe"] == ["ES", "NQ"]
    assert made.data["ES"]["finer"] == MINUTES.content_hash
    assert "events" in made.data["ES"]
    assert not {"finer", "events"} & set(made.data["NQ"])


def test_a_manifest_is_plain_and_survives_text() -> None:
    made = manifest()
    for part in (made.strategy, made.config, made.data, made.versions):
        assert json.loads(json.dumps(part)) == part


def test_a_record_carries_the_manifest_of_its_run() -> None:
    strategy = Scripted(BASE["universe"], at_wakes({}), **BASE["declared"])
    record = play(strategy, BASE["market"], BASE["config"], sizer=BASE["sizer"], risk=BASE["risk"])
    assert record.manifest == manifest()


def test_canonical_text_has_one_form() -> None:
    assert canonical_json({"b": 1, "a": [1.5, "x", None, True]}) == '{"a":[1.5,"x",null,true],"b":1}'
    assert canonical_json({"amount": Decimal("1.10")}) == '{"amount":"1.10"}'
