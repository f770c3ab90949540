"""The page of an experiment begins with the verdict and its reasons, and hides no market."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from argus.lab.evaluation import Evaluation, to_json
from argus.lab.score import score_of
from argus.report.experiment import render_experiment
from argus.report.html import Part, candidate_part
from tests.report.sample_evaluation import sample_evaluation
from tests.report.test_html import EVIL, Page


def _examination(evaluations: dict[str, Evaluation], **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = to_json(
        {
            "experiment": {"name": "trend", "hypothesis": "Trends last for months."},
            "notes": ["Registered before its first run.", "The hold-out was not opened."],
            "deployable": all(one.deployable for one in evaluations.values()),
            "markets": [{"market": name, "evaluation": one.as_dict()} for name, one in evaluations.items()],
            **more,
        }
    )
    return made


def _own(page: str) -> str:
    return re.sub(r'(<script type="text/plain" id="plotly">).*?(</script>)', r"\1\2", page, flags=re.DOTALL)


def test_reasons_and_notes_come_before_any_market() -> None:
    bad, good = sample_evaluation(1, drift=-0.0004, sessions=600, trades=40)[0], sample_evaluation()[0]
    found = {"A.1d": bad, "B.1d": good}
    parts = {name: candidate_part(k, one, None, is_open=False) for k, (name, one) in enumerate(found.items(), 1)}
    page = _own(render_experiment(_examination(found), parts, "made by hand"))
    assert Page(page).open == []
    first = page.index('<details class="candidate"')
    assert page.index("Not deployable") < page.index(bad.verdict) < page.index("The hold-out was not opened.") < first
    for gate in bad.gates:
        if not gate.passed:
            assert gate.sentence in page[:first]
    assert [page.count(f'id="{name}"') for name in ("c1", "c2", "d1", "d2")] == [1, 1, 1, 1]
    for number in (1, 2):
        (data,) = re.findall(rf'id="d{number}">(.*?)</script>', page, flags=re.DOTALL)
        assert json.loads(data)["currency"] == "USD"


def test_survivors_stand_first_by_their_score_with_its_parts() -> None:
    bad, good = sample_evaluation(1, drift=-0.0004, sessions=600, trades=40)[0], sample_evaluation()[0]
    found = {"A.1d": bad, "B.1d": _scored(good, 0.2), "C.1d": _scored(good, 0.9)}
    assert found["B.1d"].score is not None
    parts = {name: candidate_part(k, one, None, is_open=False) for k, (name, one) in enumerate(found.items(), 1)}
    page = _own(render_experiment(_examination(found), parts))
    assert Page(page).open == []
    assert page.index('href="#c3">C.1d') < page.index('href="#c2">B.1d') < page.index('href="#c1">A.1d')
    assert page.index('id="c3"') < page.index('id="c2"') < page.index('id="c1"')
    assert f"score {found['B.1d'].score.value:.2f}, of deflated Sharpe".casefold() in page.casefold()
    assert page.count("it orders those that passed every gate") == 4
    assert 'id="c1-score"' not in page


def _passing(evaluation: Evaluation) -> Evaluation:
    return replace(evaluation, gates=tuple(replace(gate, passed=True) for gate in evaluation.gates))


def _scored(evaluation: Evaluation, deflated: float) -> Evaluation:
    assert evaluation.robustness is not None
    counted = replace(evaluation.significance, deflated=deflated)
    return replace(evaluation, score=score_of(evaluation.gates, counted, evaluation.robustness))


def test_a_market_without_pictures_is_named() -> None:
    evaluation = sample_evaluation(sessions=600, trades=40)[0]
    page = _own(render_experiment(_examination({"A.1d": evaluation}), {}))
    assert "A.1d: judged before, and no pictures were kept of it" in page
    assert 'href="#c1"' not in page
    assert evaluation.verdict in page


def test_thresholds_of_the_file_are_told() -> None:
    told = _examination({"A.1d": sample_evaluation(sessions=600, trades=40)[0]})
    assert "The threshold of" not in _own(render_experiment(told, {}))
    for gate in told["markets"][0]["evaluation"]["gates"]:
        if gate["name"] == "walk_forward":
            gate["threshold"] = 0.2
    assert "The threshold of walk-forward is 0.2; the default is 0.3." in _own(render_experiment(told, {}))


def test_no_text_of_an_experiment_becomes_markup() -> None:
    told = _examination({EVIL: sample_evaluation(sessions=600, trades=40)[0]}, notes=[EVIL])
    told["experiment"] = {"name": EVIL, "hypothesis": EVIL}
    told["markets"][0]["evaluation"]["verdict"] = EVIL
    for gate in told["markets"][0]["evaluation"]["gates"]:
        gate.update(sentence=EVIL, passed=False, name=EVIL)
    for parts in ({}, {EVIL: Part("", "")}):
        page = _own(render_experiment(told, parts))
        assert "<script>alert" not in page
        assert not any(tag == "img" for tag, _ in Page(page).tags)
