"""The registry of experiments: one chain, one registration a file, one opening a market and range."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.lab.journal.experiment import ExperimentSpec, OutcomesAsked, changes
from argus.lab.journal.registry import Event, EventKind, MemoryRegistry, SqlRegistry, chain_faults

DAY = 86_400 * 10**9


def spec(**other: object) -> ExperimentSpec:
    known: dict[str, object] = {
        "name": "trend",
        "hypothesis": "Prices go on.",
        "strategy": "tsmom",
        "version": "1",
        "source_hash": "abc",
        "markets": {"ES.1d": ("ES.1d",)},
        "symbols": {"ES.1d": ("ES",)},
        "rolls": None,
        "data_from": None,
        "data_to": None,
        "holdout_from": 100 * DAY,
        "holdout_to": 200 * DAY,
        "ranges": {"lookback": (20, 40)},
        "fixed": {},
        "search": {"mode": "grid", "samples": None, "seed": 7},
        "trading": {"costs": {}, "execution": {}},
        "file_hash": "1" * 64,
    }
    return ExperimentSpec(**(known | other))  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "sql"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryRegistry | SqlRegistry:
    return MemoryRegistry() if request.param == "memory" else SqlRegistry(tmp_path / "argus.db")


def test_the_same_file_is_one_registration(registry: SqlRegistry) -> None:
    first = registry.register(spec(), {"trials": 3}, 5)
    again = registry.register(spec(), {"trials": 9}, 6)
    assert first.is_new
    assert not again.is_new
    assert again.event == first.event
    assert again.event.body["trials"] == 3
    assert len(registry.journal()) == 1


def test_a_later_file_is_a_child_and_says_what_changed(registry: SqlRegistry) -> None:
    registry.register(spec(), {"trials": 3}, 5)
    later = spec(file_hash="2" * 64, ranges={"lookback": (20, 40, 60)}, gates={"walk_forward": 0.1})
    found = registry.register(later, {"trials": 10}, 6)
    assert found.parent is not None
    assert found.parent.experiment == "1" * 12
    assert found.trials_between == 7
    assert [change.key for change in found.changes] == ["gates.walk_forward", "ranges.lookback"]
    assert [event.kind for event in registry.journal()] == ["registered", "registered", "threshold_changed"]


def test_the_same_idea_under_another_name_is_a_child_where_the_market_is_shared(registry: SqlRegistry) -> None:
    registry.register(spec(), {}, 5)
    other = spec(file_hash="2" * 64, name="other", strategy="fresh")
    assert registry.register(other, {}, 6).parent is None
    kin = spec(file_hash="3" * 64, name="third", strategy="third")
    found = registry.register(kin, {}, 7, families=["fresh", "third"])
    assert found.parent is not None
    assert found.parent.body["spec"]["name"] == "other"


def test_what_changed_under_a_registered_file_is_drift(registry: SqlRegistry) -> None:
    registry.register(spec(), {}, 5)
    found = registry.register(replace(spec(), trading={"costs": {"slippage_ticks": 0}, "execution": {}}), {}, 6)
    assert [change.key for change in found.drift] == ["trading.costs.slippage_ticks"]


@given(start=st.integers(0, 400), length=st.integers(1, 200))
def test_no_part_of_a_hold_out_opens_twice(start: int, length: int) -> None:
    registry = MemoryRegistry()
    registry.open_holdout(spec(), {}, 5)
    other = spec(name="x", file_hash="2" * 64, holdout_from=start * DAY, holdout_to=(start + length) * DAY)
    overlaps = start < 200 and start + length > 100
    if overlaps:
        with pytest.raises(ConfigError, match="opened once, under whatever name"):
            registry.open_holdout(other, {}, 6)
    else:
        registry.open_holdout(other, {}, 6)
    assert len(registry.journal()) == 1 + (not overlaps)


def test_a_hold_out_without_end_meets_every_later_one(registry: SqlRegistry) -> None:
    registry.open_holdout(spec(holdout_to=None), {}, 5)
    with pytest.raises(ConfigError, match="to the end was opened"):
        registry.open_holdout(spec(holdout_from=10_000 * DAY, holdout_to=None), {}, 6)
    # Another contract of the same root is the same market; another root is not.
    contract = {"m": ("ES.202303",)}
    with pytest.raises(ConfigError, match="was opened"):
        registry.open_holdout(spec(symbols=contract), {}, 7)
    registry.open_holdout(spec(symbols={"m": ("NQ",)}), {}, 8)


def test_an_opening_cannot_be_written_past_its_check(registry: SqlRegistry) -> None:
    for kind in (EventKind.HOLDOUT_OPENED, EventKind.REGISTERED):
        with pytest.raises(ConfigError, match="which check it first"):
            registry.note("x", kind, {}, 1)


def chain(count: int) -> tuple[Event, ...]:
    registry = MemoryRegistry()
    for number in range(count):
        registry.note("x", EventKind.RUN, {"number": number}, number)
    return registry.journal()


@given(count=st.integers(2, 8), at=st.integers(0, 7), how=st.sampled_from(["edit", "drop", "swap"]))
def test_every_change_but_a_shorter_end_is_seen(count: int, at: int, how: str) -> None:
    events = list(chain(count))
    assert chain_faults(events) == ()
    at %= count
    if how == "edit":
        events[at] = replace(events[at], body={"number": -1})
    elif how == "swap":
        events[at] = replace(events[at], at_ns=10**9)
    else:
        del events[at]
    faults = chain_faults(events)
    assert bool(faults) is not (how == "drop" and at == count - 1)


def test_an_event_that_was_made_to_fit_itself_does_not_fit_the_next() -> None:
    events = list(chain(3))
    forged = replace(events[1], body={"number": 99})
    events[1] = replace(forged, hash=forged.computed_hash())
    assert chain_faults(events) == ("event 3 of the registry does not follow on event 2: one was replaced",)


def _write(path: Path, number: int) -> None:
    registry = SqlRegistry(path)
    for step in range(5):
        registry.note(f"e{number}", EventKind.RUN, {"step": step}, step)


def test_concurrent_writers_make_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "argus.db"
    workers = [context.Process(target=_write, args=(path, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    events = SqlRegistry(path).journal()
    assert [event.seq for event in events] == list(range(1, 16))
    assert chain_faults(events) == ()


def test_ranges_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.to .* holdout\.from"):
        spec(data_to=150 * DAY)
    with pytest.raises(ConfigError, match=r"holdout\.from .* holdout\.to"):
        spec(holdout_to=100 * DAY)
    assert spec(data_to=100 * DAY).cut_ns == 100 * DAY
    assert spec().cut_ns == 100 * DAY
    with pytest.raises(ConfigError, match="horizons"):
        OutcomesAsked((5, 5))


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 2)),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 2)),
)
def test_changes_are_exactly_the_keys_that_differ(before: dict[str, int], after: dict[str, int]) -> None:
    found = {change.key for change in changes({"in": before}, {"in": after})}
    assert found == {f"in.{key}" for key in {*before, *after} if before.get(key) != after.get(key)}
