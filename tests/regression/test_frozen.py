from __future__ import annotations

import pytest

from tests.regression.explain import difference
from tests.regression.freeze import strays
from tests.regression.runs import RUNS, played
from tests.regression.snapshot import FOLDER, path_of, read, snapshot

SIZE_MAX = 60_000


@pytest.mark.parametrize("name", RUNS)
def test_a_reference_run_is_what_was_frozen(name: str) -> None:
    scene, record = played(name)
    told = difference(name, read(name), snapshot(record, RUNS[name].summary), scene)
    assert told is None, told


def test_every_frozen_file_is_small_and_has_its_run() -> None:
    assert strays(FOLDER, RUNS) == []
    large = {name: size for name in RUNS if (size := path_of(name).stat().st_size) > SIZE_MAX}
    assert not large, f"shorten these runs: {large} bytes, {SIZE_MAX} are enough"


@pytest.mark.parametrize("name", RUNS)
def test_the_history_says_why_and_ends_with_what_is_frozen(name: str) -> None:
    held = read(name)
    assert all(entry["reason"].strip() for entry in held["history"])
    last = held["history"][-1]
    assert (last["order_list_hash"], last["fills_hash"]) == (held["order_list_hash"], held["fills_hash"])
