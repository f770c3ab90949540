"""What `argus lab` says of an experiment whose hold-out has spoken: nothing that reads like a yes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from argus.app.experiments import ExperimentResult
from argus.cli.lab_experiments import _body, _tell_result
from argus.lab.evaluation import to_json
from argus.lab.journal.experiment import ExperimentSpec
from tests.report.sample_evaluation import sample_evaluation

SAYS_NO = "not deployable: every gate passes, but the hold-out did not keep what was promised"


def told(capsys: pytest.CaptureFixture[str], deployable: bool) -> str:
    judged: dict[str, Any] = to_json(sample_evaluation()[0].as_dict()) | {"deployable": True}
    market: dict[str, Any] = {"market": "A.1d", "evaluation": judged, "base": None, "left_out": [], "outcomes": None}
    spec = cast("ExperimentSpec", SimpleNamespace(id="abc", name="trend", hypothesis="Trends last."))
    _tell_result(ExperimentResult(spec, Path(), {"deployable": deployable, "markets": [market]}, "0", (), (), {}))
    return capsys.readouterr().out


def test_a_spent_hold_out_is_told_before_the_gates(capsys: pytest.CaptureFixture[str]) -> None:
    words = told(capsys, deployable=False)
    assert words.index("trend (abc)") < words.index(SAYS_NO) < words.index("judged ")
    assert "not deployable" not in told(capsys, deployable=True)


def test_the_journal_names_the_hold_out_beside_the_gates() -> None:
    passed = {"deployable": False, "verdicts": {"A.1d": "trend on A is deployable: it passed all 16 gates."}}
    spent = _body("verdict", passed | {"holdout_failed": True})
    assert spent.startswith("not deployable: the hold-out did not keep what was promised; ")
    assert spent.endswith("passed all 16 gates.")
    kept = _body("verdict", passed | {"deployable": True, "holdout_failed": False})
    assert kept == "trend on A is deployable: it passed all 16 gates."
