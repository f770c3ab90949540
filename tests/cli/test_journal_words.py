"""How events of the registry are worded for people."""

from __future__ import annotations

from argus.cli.lab_experiments import _body


def test_a_threshold_that_goes_back_to_the_default_is_said_in_words() -> None:
    assert _body("threshold_changed", {"gate": "walk_forward", "before": 1.0, "after": None}) == (
        "walk_forward: 1 to the default"
    )
    assert _body("threshold_changed", {"gate": "bootstrap", "before": None, "after": -5.5}) == (
        "bootstrap: the default to -5.5"
    )


def test_a_deployable_verdict_is_told_with_its_conditions() -> None:
    verdict = (
        "x on MES is deployable: it passed all 16 gates. Its thresholds are softer than the default for bootstrap."
    )
    assert _body("verdict", {"deployable": True, "verdicts": {"MES.1d": verdict}}) == verdict
