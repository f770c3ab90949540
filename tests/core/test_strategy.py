from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import StrategyError
from argus.core.strategy import FeatureRef, Parameter, WakeRule
from tests.engine.markets import spec_of

LENGTH = Parameter("length", 20, low=2, high=500, grid=(10, 20))
SCALE = Parameter("scale", 0.5, low=0.0, high=1.0)
SIDE = Parameter("side", "both", choices=("long", "short", "both"))
FLAG = Parameter("flag", False)
FREE = Parameter("free", 1)
FREE_SCALE = Parameter("free_scale", 1.0)


@pytest.mark.parametrize(
    ("parameter", "value", "coerced"),
    [
        (LENGTH, 10, 10),
        (LENGTH, "10", 10),
        (LENGTH, 10.0, 10),
        (LENGTH, 2, 2),
        (LENGTH, 500, 500),
        (SCALE, 1, 1.0),
        (SCALE, "0.25", 0.25),
        (SIDE, "long", "long"),
        (FLAG, True, True),
        (FLAG, "true", True),
        (FLAG, "False", False),
        (FREE, -(10**12), -(10**12)),
    ],
)
def test_a_value_takes_the_type_of_the_default(parameter: Parameter, value: Any, coerced: Any) -> None:
    result = parameter.coerce(value, "trend")
    assert result == coerced
    assert type(result) is type(parameter.default)


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        (LENGTH, 10.5, "int expected"),
        (LENGTH, "ten", "int expected"),
        (LENGTH, True, "True; int expected"),
        (FREE, True, "True; int expected"),
        (FREE, False, "False; int expected"),
        (SCALE, True, "True; float expected"),
        (LENGTH, "", "int expected"),
        (LENGTH, None, "int expected"),
        (LENGTH, float("nan"), "int expected"),
        (LENGTH, float("inf"), "int expected"),
        (LENGTH, 1, "it must lie in 2 to 500"),
        (LENGTH, 501, "it must lie in 2 to 500"),
        (SCALE, -0.001, "it must lie in 0.0 to 1.0"),
        (SCALE, float("nan"), "it must lie in 0.0 to 1.0"),
        (SCALE, "much", "float expected"),
        (FREE_SCALE, float("nan"), "it must lie in"),
        pytest.param(FREE_SCALE, 10**400, "float expected", id="beyond the floats"),
        (SIDE, "up", "one of long, short, both expected"),
        (FLAG, 1, "bool expected"),
        (FLAG, "yes", "bool expected"),
    ],
)
def test_what_does_not_fit_is_refused_by_strategy_and_parameter(parameter: Parameter, value: Any, words: str) -> None:
    with pytest.raises(StrategyError, match=f"trend: parameter {parameter.name} is .*{words}"):
        parameter.coerce(value, "trend")


@given(st.integers(-(2**63), 2**63))
def test_every_whole_number_is_itself(value: int) -> None:
    assert FREE.coerce(value, "trend") == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_itself(value: float) -> None:
    assert FREE_SCALE.coerce(value, "trend") == value


def test_declarations_cannot_be_changed() -> None:
    for declared in (LENGTH, FeatureRef("fast", "ewma", "ES"), spec_of(["ES"])):
        with pytest.raises(FrozenInstanceError):
            setattr(declared, type(declared).__slots__[0], "other")


def test_wake_rules_are_words() -> None:
    assert [str(rule) for rule in WakeRule] == ["every_bar", "session_end"]
    assert WakeRule("session_end") is WakeRule.SESSION_END
