"""Verdicts and doubts in words."""

from __future__ import annotations

from dataclasses import replace

from argus.lab.evaluation import Evaluation
from argus.report.charts import candidate_charts
from argus.report.sections import candidate_section, failures_panel, flags_panel, headline
from tests.report.sample_evaluation import sample_evaluation, without_trades


def _good() -> Evaluation:
    return sample_evaluation()[0]


def _bad() -> Evaluation:
    return sample_evaluation(1, drift=-0.0004)[0]


def test_the_headline_says_how_many_pass_and_what_stopped_the_others() -> None:
    assert headline([_good(), _bad()])[0] == "1 of 2 candidates passes every gate."
    assert headline([_bad(), _bad()])[0] == "None of 2 candidates may be traded."
    assert headline([_bad()])[0] == "This candidate may not be traded."
    assert headline([_good(), _good()])[0] == "All 2 candidates pass every gate."
    assert headline([_good()])[1].startswith("No gate stopped any.")
    assert "walk-forward (2)" in headline([_bad(), _bad()])[1]
    assert headline([])[0] == "There is nothing to judge."


def test_what_could_not_be_judged_is_counted_and_named() -> None:
    assert headline([_bad()], 1)[1].endswith("1 candidate could not be judged.")
    assert headline([], 2) == ("Nothing could be judged.", "2 candidates could not be judged.")
    assert failures_panel([]) == ""
    assert "carry on CL" in failures_panel([("carry on CL", "no bars")])


def test_a_flag_that_all_share_is_said_once() -> None:
    panel = flags_panel([_good(), _bad()])
    assert panel.count("Closes only") == 1
    assert "every candidate" in panel


def test_no_flag_is_no_proof() -> None:
    calm = replace(_good(), red_flags=())
    assert "not proof of health" in flags_panel([calm])


def test_suspicion_comes_before_any_curve() -> None:
    evaluation, market = sample_evaluation()
    section = candidate_section(1, evaluation, candidate_charts(evaluation, market), market, is_open=True)
    assert section.index("Red flags") < section.index('data-chart="equity"')
    assert section.index(evaluation.verdict) < section.index("Red flags")


def test_reasons_are_the_sentences_of_the_failed_gates() -> None:
    evaluation, market = sample_evaluation(1, drift=-0.0004)
    section = candidate_section(1, evaluation, candidate_charts(evaluation, market), market, is_open=False)
    reasons = section.split('<ul class="reasons">')[1].split("</ul>")[0]
    assert reasons.count("<li>") == sum(not gate.passed for gate in evaluation.gates)


def test_a_candidate_that_never_traded_says_so() -> None:
    evaluation, market = without_trades()
    section = candidate_section(1, evaluation, candidate_charts(evaluation, market), market, is_open=False)
    assert "never came to trade" in section
    assert "data-chart" not in section


def test_several_markets_are_chosen_from() -> None:
    evaluation, market = sample_evaluation()
    charts = candidate_charts(evaluation, market)
    charts["price"] = {"ES": charts["price"]["ES"], "NQ": charts["price"]["ES"]}
    section = candidate_section(3, evaluation, charts, market, is_open=False)
    assert '<select data-pick="3"><option value="ES">ES</option><option value="NQ">NQ</option></select>' in section


def test_an_audit_that_failed_is_told() -> None:
    evaluation, market = sample_evaluation()
    dirty = replace(evaluation.audit[0], clean=False, difference="order 4 was not sent again")
    section = candidate_section(1, replace(evaluation, audit=(dirty,)), {}, market, is_open=False)
    assert "decisions changed at 1: order 4 was not sent again." in section
