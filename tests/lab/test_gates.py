from __future__ import annotations

import math
from dataclasses import replace

import pytest

from argus.core.errors import ConfigError
from argus.lab.gates import GATES, Evidence, Figure, apply_gates, gates_with
from argus.lab.stress.bootstrap import bootstrap_trades
from tests.lab.markets import noise

GOOD = Evidence(
    sharpe_annual=1.2,
    sharpe_annual_error=0.3,
    folds_positive=8,
    folds=10,
    net_by_cost={"1": 900.0, "1.25": 850.0, "1.5": 800.0},
    bootstrap=bootstrap_trades(noise(200, 1, vol=10.0) + 5.0, capital=10_000.0, paths=500),
    deflated_sharpe=0.99,
    trials=7,
    sharpe_by_luck_annual=0.3,
    alpha_annual=0.08,
    alpha_t=3.1,
    hold_sharpe_annual=0.4,
    trades=120,
    cuts_clean=3,
    cuts=3,
    completeness={"ES": 0.999, "NQ": 0.99},
    parameter_count=3,
    parameter_count_max=4,
    turnover_annual=20.0,
    turnover_annual_max=25.0,
    measured={
        "risk_caps": Figure(0.0, "Nothing was liquidated."),
        "fold_concentration": Figure(0.6, "Six tenths are left."),
        "regime_concentration": Figure(0.5, "Half is left."),
        "perturbation": Figure(0.9, "It holds."),
        "overfitting": Figure(0.05, "In one of twenty halves it lost."),
        "data_snooping": Figure(0.01, "Hardly."),
    },
)


def test_the_sentence_on_luck_is_about_the_account_that_the_figure_is_of() -> None:
    of_set, of_walk, of_many = (
        next(one.sentence for one in apply_gates(replace(GOOD, **changes)) if one.name == "deflated_sharpe")  # type: ignore[arg-type]
        for changes in ({"deflated_walk": 0.995}, {"deflated_walk": 0.99}, {"deflated_walk": 0.99, "walks": 4})
    )
    assert "After 7 trials luck alone would show a Sharpe ratio of 0.30" in of_set
    assert "chosen set" in of_set
    assert "the only walk" in of_walk
    assert "the best of 4 walks" in of_many
    assert "0.30" not in of_walk


def _figure(gate: str, value: float) -> dict[str, object]:
    return {"measured": {**GOOD.measured, gate: Figure(value, "Changed.")}}


def _answers(evidence: Evidence) -> dict[str, bool | None]:
    return {result.name: result.passed for result in apply_gates(evidence)}


def test_good_evidence_passes_everything() -> None:
    results = apply_gates(GOOD)
    assert [result.name for result in results] == [gate.name for gate in GATES]
    assert all(result.passed is True for result in results)
    assert all(result.sentence.endswith(".") and len(result.sentence) < 220 for result in results)


_RUINOUS = bootstrap_trades(noise(200, 1, vol=1100.0) + 400.0, capital=10_000.0, paths=500)
_DEEP = replace(GOOD.bootstrap, drawdown_fraction=(0.51,) * 9)


@pytest.mark.parametrize(
    ("gate", "changes"),
    [
        ("data_complete", {"completeness": {"ES": 0.999, "NQ": 0.97}}),
        ("look_ahead", {"cuts_clean": 2}),
        ("minimum_trades", {"trades": 29}),
        ("walk_forward", {"sharpe_annual": 0.29, "hold_sharpe_annual": 0.0}),
        ("walk_forward", {"folds_positive": 5}),
        ("cost_1_25x", {"net_by_cost": {"1": 1.0, "1.25": 0.0, "1.5": 1.0}}),
        ("cost_1_5x", {"net_by_cost": {"1": 1.0, "1.25": 1.0, "1.5": -1.0}}),
        ("bootstrap", {"bootstrap": _RUINOUS}),
        ("bootstrap", {"bootstrap": bootstrap_trades(noise(50, 3), capital=100.0, paths=500)}),
        ("deflated_sharpe", {"deflated_sharpe": 0.94}),
        ("benchmark", {"alpha_t": 1.25}),
        ("benchmark", {"hold_sharpe_annual": 1.3}),
        ("own_limits", {"turnover_annual": 26.0}),
        ("own_limits", {"parameter_count": 5}),
        ("risk_caps", _figure("risk_caps", 1.0)),
        ("fold_concentration", _figure("fold_concentration", 0.0)),
        ("regime_concentration", _figure("regime_concentration", -0.1)),
        ("perturbation", _figure("perturbation", 0.0)),
        ("overfitting", _figure("overfitting", 0.21)),
        ("data_snooping", _figure("data_snooping", 0.051)),
    ],
)
def test_each_gate_fails_alone(gate: str, changes: dict[str, object]) -> None:
    answers = _answers(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert [name for name, passed in answers.items() if passed is not True] == [gate]
    assert answers[gate] is False


def test_each_leg_of_the_kill_rule_kills() -> None:
    assert _RUINOUS.ruin_probability > 0.01
    assert _RUINOUS.at("final_pnl", 0.05) > 0
    assert _DEEP.at("final_pnl", 0.05) > 0
    assert _answers(replace(GOOD, bootstrap=_DEEP))["bootstrap"] is False


@pytest.mark.parametrize(
    ("gate", "changes"),
    [
        ("data_complete", {"completeness": None}),
        ("look_ahead", {"cuts": 0, "cuts_clean": 0}),
        ("walk_forward", {"sharpe_annual": math.nan, "alpha_t": 2.0}),
        ("cost_1_5x", {"net_by_cost": {"1": 1.0, "1.25": 1.0}}),
        ("bootstrap", {"bootstrap": None}),
        ("deflated_sharpe", {"deflated_sharpe": math.nan}),
        ("benchmark", {"alpha_t": math.nan}),
        ("own_limits", {"turnover_annual": math.nan}),
        ("risk_caps", {"measured": {}}),
        ("data_snooping", _figure("data_snooping", math.nan)),
    ],
)
def test_too_little_to_judge_is_not_a_pass(gate: str, changes: dict[str, object]) -> None:
    (answer,) = [result for result in apply_gates(replace(GOOD, **changes)) if result.name == gate]  # type: ignore[arg-type]
    assert answer.passed is None
    assert math.isnan(answer.value)


def test_thresholds_can_be_moved_but_not_invented() -> None:
    strict = gates_with({"minimum_trades": 500})
    assert [r.name for r in apply_gates(GOOD, strict) if not r.passed] == ["minimum_trades"]
    with pytest.raises(ConfigError, match="no gate luck"):
        gates_with({"luck": 1.0})


def test_what_is_not_negotiable_can_be_made_stricter_only() -> None:
    assert gates_with({"data_complete": 0.999, "risk_caps": 0.0, "cost_1_5x": 100.0})
    for name, softer in (("data_complete", 0.5), ("risk_caps", 1.0), ("cost_1_5x", -1.0), ("look_ahead", 0.9)):
        with pytest.raises(ConfigError, match=f"gate {name} is not negotiable"):
            gates_with({name: softer})
    with pytest.raises(ConfigError, match="not a number"):
        gates_with({"minimum_trades": math.nan})


def test_an_answer_tells_its_default_and_its_status() -> None:
    (loose,) = [r for r in apply_gates(GOOD, gates_with({"minimum_trades": 10})) if r.name == "minimum_trades"]
    assert (loose.threshold, loose.default, loose.status) == (10.0, 30.0, "pass")
    (unknown,) = [r for r in apply_gates(replace(GOOD, bootstrap=None)) if r.name == "bootstrap"]
    assert unknown.status == "insufficient"


def test_every_gate_says_how_it_is_fooled() -> None:
    assert all(gate.fooled.endswith(".") and gate.question.endswith("?") for gate in GATES)
    assert {gate.name for gate in GATES if not gate.is_negotiable} == {
        *("data_complete", "look_ahead", "risk_caps", "fold_concentration", "regime_concentration", "cost_1_5x"),
    }
