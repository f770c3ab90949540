"""Ranges as people write them: the values they mean, samples that stay the same, and errors that name the key."""

from __future__ import annotations

import math
from typing import Any

import pytest

from argus.core.errors import ConfigError
from argus.engine.sweep import parse_range


@pytest.mark.parametrize(
    ("found", "is_integer", "values"),
    [
        ([20, 10, 50], True, (20, 10, 50)),
        (["market", "moc"], False, ("market", "moc")),
        ([False, True], False, (False, True)),
        ({"from": 5, "to": 30, "step": 5}, True, (5, 10, 15, 20, 25, 30)),
        ({"from": 5, "to": 29, "step": 5}, True, (5, 10, 15, 20, 25)),
        ({"from": 0.1, "to": 0.5, "step": 0.1}, False, (0.1, 0.2, 0.3, 0.4, 0.5)),
        ({"from": -1, "to": 1, "step": 0.5}, False, (-1, -0.5, 0, 0.5, 1)),
        ({"from": 7, "to": 7, "step": 1}, True, (7,)),
        ({"from": 0, "to": 1, "count": 5}, False, (0, 0.25, 0.5, 0.75, 1)),
        ({"from": 1, "to": 10_000, "count": 5, "scale": "log"}, True, (1, 10, 100, 1_000, 10_000)),
        ({"from": 1, "to": 4, "count": 9, "scale": "log"}, True, (1, 2, 3, 4)),
        ({"from": 0.01, "to": 1, "count": 3, "scale": "log"}, False, (0.01, 0.1, 1)),
    ],
)
def test_a_range_means_these_values(found: Any, is_integer: bool, values: tuple[Any, ...]) -> None:
    assert parse_range("p", found, is_integer=is_integer).values == values


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (5, "ranges.p is 5.*belongs under fixed"),
        ([], "ranges.p is an empty list"),
        ([1, 1.0], "a value twice"),
        ([1, [2]], r"ranges.p\[1\] is \[2\]"),
        ({"from": 1, "to": 5}, "step, count or distribution is missing"),
        ({"form": 1, "to": 5, "step": 1}, "key 'form'; did you mean from"),
        ({"from": 1, "step": 1}, "ranges.p.to is missing"),
        ({"from": "one", "to": 5, "step": 1}, "ranges.p.from is 'one'; a number"),
        ({"from": math.nan, "to": 5, "step": 1}, "ranges.p.from is nan; a number"),
        ({"from": True, "to": 5, "step": 1}, "ranges.p.from is True; a number"),
        ({"from": 1, "to": 5, "step": 0}, "ranges.p.step is 0; it must be positive"),
        ({"from": 5, "to": 1, "step": 1}, "from 5 to 1; from must not be above to"),
        ({"from": 0, "to": 1, "step": 1e-9}, "at most 100,000"),
        ({"from": 1, "to": 5, "count": 1}, "ranges.p.count is 1"),
        ({"from": 1, "to": 5, "count": 2.5}, "ranges.p.count is 2.5"),
        ({"from": 1, "to": 5, "count": 3, "scale": "lgo"}, "ranges.p.scale is 'lgo'"),
        ({"from": 0, "to": 5, "count": 3, "scale": "log"}, "a log scale needs a positive one"),
        ({"distribution": "beta"}, "ranges.p.distribution is 'beta'; one of uniform"),
        ({"distribution": "uniform", "from": 2, "to": 1}, "from must be below to"),
        ({"distribution": "uniform", "mean": 2}, "key 'mean'"),
        ({"distribution": "log_uniform", "from": 0, "to": 1}, "needs a positive one"),
        ({"distribution": "normal", "mean": 0}, "ranges.p.sd is missing"),
        ({"distribution": "normal", "mean": 0, "sd": -1}, "ranges.p.sd is -1"),
        ({"distribution": "normal", "mean": 0, "sd": 1, "from": 30, "to": 40}, "almost nothing"),
    ],
)
def test_a_wrong_range_is_named_with_what_was_found(found: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_range("p", found)


UNIFORM = {"distribution": "uniform", "from": 2, "to": 5}


def test_more_samples_and_other_parameters_change_none_that_were_drawn() -> None:
    range_ = parse_range("p", UNIFORM)
    assert range_.samples(7, 100)[:10] == range_.samples(7, 10)
    assert range_.samples(8, 10) != range_.samples(7, 10)
    assert parse_range("q", UNIFORM).samples(7, 10) != range_.samples(7, 10)


def test_samples_follow_their_distribution() -> None:
    n = 20_000
    uniform = parse_range("p", UNIFORM).samples(1, n)
    assert 2 <= min(uniform) < 2.01
    assert 4.99 < max(uniform) <= 5
    assert sum(uniform) / n == pytest.approx(3.5, abs=0.02)
    logs = [math.log10(float(x)) for x in _drawn({"distribution": "log_uniform", "from": 0.01, "to": 100}, n)]
    assert sum(logs) / n == pytest.approx(0.0, abs=0.03)
    assert sum(x < -1 for x in logs) / n == pytest.approx(0.25, abs=0.01)
    normal = _drawn({"distribution": "normal", "mean": 3, "sd": 2}, n)
    assert sum(normal) / n == pytest.approx(3, abs=0.05)
    assert sum((x - 3) ** 2 for x in normal) / n == pytest.approx(4, abs=0.1)
    cut = _drawn({"distribution": "normal", "mean": 0, "sd": 1, "from": 0, "to": 1}, n)
    assert 0 <= min(cut) <= max(cut) <= 1
    assert sum(cut) / n == pytest.approx(0.4599, abs=0.01)  # (phi(0) - phi(1)) / (Phi(1) - Phi(0))
    choice = parse_range("p", [1, 2, 3]).samples(1, n)
    assert all(choice.count(value) / n == pytest.approx(1 / 3, abs=0.01) for value in (1, 2, 3))


def _drawn(found: dict[str, Any], count: int) -> list[float]:
    return [float(x) for x in parse_range("p", found).samples(1, count)]


def test_whole_numbers_are_drawn_for_parameters_that_take_them() -> None:
    drawn = parse_range("p", {"distribution": "uniform", "from": 1, "to": 4}, is_integer=True).samples(3, 50)
    assert set(drawn) == {1, 2, 3, 4}
    assert all(type(value) is int for value in drawn)


def test_whole_numbers_have_equal_chances_at_the_ends_too() -> None:
    n = 20_000
    drawn = parse_range("p", {"distribution": "uniform", "from": 0.5, "to": 4.5}, is_integer=True).samples(1, n)
    assert set(drawn) == {1, 2, 3, 4}
    assert all(drawn.count(value) / n == pytest.approx(1 / 4, abs=0.012) for value in (1, 2, 3, 4))


def test_rounding_does_not_leave_the_bounds() -> None:
    for kind in ({"distribution": "log_uniform"}, {"distribution": "normal", "mean": 5, "sd": 9}):
        drawn = parse_range("p", {**kind, "from": 2.6, "to": 7.4}, is_integer=True).samples(1, 2_000)
        assert set(drawn) == {3, 4, 5, 6, 7}


def test_a_distribution_lies_within_what_the_parameter_may_be() -> None:
    with pytest.raises(ConfigError, match=r"ranges\.p goes from 1 to 9; p must lie in 3 to 100"):
        parse_range("p", {"distribution": "uniform", "from": 1, "to": 9}, low=3, high=100)
    with pytest.raises(ConfigError, match=r"ranges\.p goes from 5\.1 to 5\.9; no whole number lies between"):
        parse_range("p", {"distribution": "uniform", "from": 5.1, "to": 5.9}, is_integer=True)
    cut = parse_range("p", {"distribution": "normal", "mean": 3, "sd": 2}, low=3, high=100).samples(1, 500)
    assert min(float(value) for value in cut) >= 3
    with pytest.raises(ConfigError, match=r"almost nothing of a normal\(-50, 1\) lies in 3 to 100"):
        parse_range("p", {"distribution": "normal", "mean": -50, "sd": 1}, low=3, high=100)
