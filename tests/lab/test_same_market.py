"""One market under two symbols is known by its prices, and two markets are not taken for one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from argus.core.arrays import F64_1D, I32_1D
from argus.core.errors import ConfigError
from argus.core.random import normals
from argus.lab.journal.experiment import ExperimentSpec
from argus.lab.journal.registry import EventKind, MemoryRegistry, openings, same_as, shut_holdouts
from argus.lab.journal.same_market import DailyPath, daily_path, likeness, nearest_path
from tests.lab.test_registry import DAY, spec


def prices(seed: int, count: int = 300) -> F64_1D:
    return 100.0 * np.exp(np.cumsum(0.01 * normals(seed, 0, count)))


def days(count: int, first: int = 10_000) -> I32_1D:
    return np.arange(first, first + count, dtype=np.int32)


def test_the_correlation_is_that_of_numpy() -> None:
    one = prices(1)
    other = one * np.exp(0.002 * normals(2, 0, len(one)))
    found = likeness(daily_path(days(300), one), daily_path(days(300), other))
    gains = [np.diff(p) / p[:-1] for p in (one, other)]
    assert found.correlation == pytest.approx(np.corrcoef(gains)[0, 1], rel=1e-12)
    assert found.sessions == 299
    assert not found.is_same


@pytest.mark.parametrize("form", ["copy", "scaled", "turned", "gaps", "intraday"])
def test_the_same_prices_in_another_form_are_one_market(form: str) -> None:
    close, session = prices(3), days(300)
    one = daily_path(session, close)
    if form == "gaps":
        kept = np.arange(300) % 3 != 1
        other = daily_path(session[kept], close[kept])
    elif form == "intraday":
        other = daily_path(np.repeat(session, 2), np.column_stack((prices(4), close)).ravel())
    else:
        other = daily_path(session, {"copy": close, "scaled": 0.1 * close, "turned": 1e4 / close}[form])
    assert likeness(one, other).is_same


def test_other_prices_and_too_few_sessions_are_not() -> None:
    one = daily_path(days(300), prices(5))
    assert not likeness(one, daily_path(days(300), prices(6))).is_same
    assert likeness(one, daily_path(days(61), prices(5)[:61])).is_same
    assert not likeness(one, daily_path(days(60), prices(5)[:60])).is_same
    still: DailyPath = daily_path(days(300), np.full(300, 5.0))
    assert math.isnan(likeness(still, still).correlation)
    assert likeness(one, daily_path(days(9, first=90_000), prices(5)[:9])).sessions == 0


def test_a_hold_out_alone_can_be_the_same() -> None:
    close = prices(7)
    other = np.concatenate((prices(8)[:150], close[150:]))
    one, two = daily_path(days(300), close), daily_path(days(300), other)
    assert not likeness(one, two).is_same
    assert likeness(one, two, 10_150).is_same


def test_a_root_is_its_nearest_contract() -> None:
    close = prices(9)
    # A later contract trades 5 % higher throughout, and is the only one after the first 150 sessions.
    path = nearest_path([(days(151), close[:151]), (days(200, 10_100), 1.05 * close[100:])])
    assert likeness(path, daily_path(days(300), close)).correlation == pytest.approx(1.0, abs=1e-12)


def twin(file: str = "2", **other: object) -> ExperimentSpec:
    return spec(
        name="other", file_hash=file * 64, symbols={"XLE.1d": ("XLE",)}, markets={"XLE.1d": ("XLE.1d",)}, **other
    )


def found(registry: MemoryRegistry, market: str, other: str) -> None:
    pair = {"market": market, "other": other, "correlation": 1.0, "sessions": 99}
    registry.note("2" * 12, EventKind.SAME_MARKET, {"pairs": [pair]}, 5)


def test_an_opening_holds_for_every_name_of_the_market() -> None:
    registry = MemoryRegistry()
    registry.register(spec(), {}, 4)
    registry.open_holdout(spec(), {}, 5)
    assert openings(registry.journal(), twin()) == ()
    found(registry, "MES", "ES")
    found(registry, "XLE", "MES")
    assert same_as(registry.journal(), ["XLE"]) == {"MES", "ES"}
    assert same_as(registry.journal(), ["NQ"]) == frozenset()
    with pytest.raises(ConfigError, match=r"hold-out of ES \(whose prices are those of XLE\).* was opened"):
        registry.open_holdout(twin(), {}, 6)
    later = twin("3", holdout_from=300 * DAY, holdout_to=400 * DAY)
    registry.open_holdout(later, {}, 7)


def test_a_shut_hold_out_is_known_under_every_name() -> None:
    registry = MemoryRegistry()
    registry.register(spec(), {}, 4)
    assert shut_holdouts(registry.journal(), ["XLE"]) == ()
    found(registry, "XLE", "ES")
    (event,) = shut_holdouts(registry.journal(), ["XLE"])
    assert event.experiment == "1" * 12
    registry.open_holdout(twin(), {}, 6)
    assert shut_holdouts(registry.journal(), ["XLE"]) == shut_holdouts(registry.journal(), ["ES"]) == ()
