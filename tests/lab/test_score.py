from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.lab.score import FLOOR, WEIGHTS, composite, score_of, standing
from argus.lab.stress.robustness import Robustness
from tests.report.sample_evaluation import sample_evaluation

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


def test_only_who_passed_every_gate_has_a_score_and_its_parts_are_the_figures_of_the_report() -> None:
    good = sample_evaluation()[0]
    assert good.deployable
    assert good.robustness is not None
    score = score_of(good.gates, good.significance, good.robustness)
    assert score is not None
    robust, parts = good.robustness, dict(score.parts)
    assert robust.plateau is not None
    assert robust.regimes is not None
    assert robust.instability is not None
    assert parts["deflated_sharpe"] == good.significance.deflated
    assert parts["choice"] == 1.0 - next(gate.value for gate in good.gates if gate.name == "overfitting")
    assert parts["plateau"] == pytest.approx(1.0 - robust.plateau.figure)
    assert parts["regimes"] == pytest.approx(1.0 - robust.regimes.figure)
    assert parts["walk_stability"] == pytest.approx(1.0 - robust.instability.figure)
    # Costs may be 2.75 times as high, and orders 25 times as large: more than enough counts as enough.
    assert (parts["cost_margin"], parts["capacity"]) == (1.0, 1.0)
    assert score.missing == ()
    worst = replace(good.gates[3], passed=None)
    assert score_of((*good.gates[:3], worst, *good.gates[4:]), good.significance, robust) is None
    bare = score_of(good.gates, good.significance, Robustness())
    assert bare is not None
    assert set(bare.missing) == set(WEIGHTS) - {"deflated_sharpe", "choice"}
    assert bare.value < score.value


def test_survivors_stand_by_score_and_others_by_gates() -> None:
    def told(name: str, passed: int, score: float | None) -> dict[str, Any]:
        gates = [{"passed": True}] * passed + [{"passed": None}] * (4 - passed)
        return {"name": name, "deployable": passed == 4, "gates": gates, "score": score and {"value": score}}

    given = [told("c", 3, None), told("b", 4, 0.4), told("d", 1, None), told("a", 4, 0.9)]
    assert [one["name"] for one in sorted(given, key=standing)] == ["a", "b", "c", "d"]
