from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.lab.score import FLOOR, WEIGHTS, composite

FIGURES = st.fixed_dictionaries({name: st.floats(0.0, 1.0) for name in WEIGHTS})


def test_weights_sum_to_one() -> None:
    assert math.fsum(WEIGHTS.values()) == pytest.approx(1.0, abs=1e-15)


@given(FIGURES, st.sampled_from(sorted(WEIGHTS)), st.floats(0.0, 1.0))
def test_better_figures_never_score_less(figures: dict[str, float], name: str, value: float) -> None:
    better = figures | {name: max(value, figures[name])}
    assert composite(better).value >= composite(figures).value - 1e-15


@given(FIGURES)
def test_the_score_is_the_weighted_geometric_mean(figures: dict[str, float]) -> None:
    expected = math.prod(max(figures[name], FLOOR) ** weight for name, weight in WEIGHTS.items())
    found = composite(figures)
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert (
        min(value for _, value in found.parts) - 1e-12 <= found.value <= max(value for _, value in found.parts) + 1e-12
    )


@given(FIGURES, st.sampled_from(sorted(WEIGHTS)))
def test_not_measuring_never_helps(figures: dict[str, float], name: str) -> None:
    without = composite(figures | {name: None})
    assert without.missing == (name,)
    assert without.value <= composite(figures).value + 1e-15
    assert composite({k: v for k, v in figures.items() if k != name}).value == without.value
    assert composite(figures | {name: math.nan}).value == without.value


def test_a_part_near_zero_is_not_bought_back() -> None:
    perfect = dict.fromkeys(WEIGHTS, 1.0)
    assert composite(perfect).value == 1.0
    assert composite(perfect | {"regimes": 0.0}).value < composite(dict.fromkeys(WEIGHTS, 0.6)).value


def test_wrong_figures_are_refused() -> None:
    with pytest.raises(ConfigError, match="figure 'luck' has no weight"):
        composite({"luck": 1.0})
    with pytest.raises(ConfigError, match=r"figure choice is 1\.2"):
        composite({"choice": 1.2})
    with pytest.raises(ConfigError, match="weight of 'a' is 0"):
        composite({"a": 1.0}, {"a": 0.0})
