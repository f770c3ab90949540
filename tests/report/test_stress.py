"""Pictures of robustness and multiplicity show what the lab found, and say where nothing was measured."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from argus.lab.evaluation import Evaluation
from argus.lab.multiple_testing.significance import maximum_density
from argus.lab.search.trial_matrix import TrialMatrix
from argus.lab.stress.robustness import Robustness
from argus.report.charts import candidate_charts
from argus.report.figures import EVIDENCE
from argus.report.sections import candidate_section
from argus.report.stress import NOT_MEASURED, stress_cards
from argus.report.stress_charts import BINS, SHORT_SESSIONS, stress_charts
from argus.report.tables import gates_table
from argus.report.terminal import doubts
from tests.report.sample_evaluation import sample_evaluation


@pytest.fixture(scope="module")
def good() -> Evaluation:
    return sample_evaluation(drift=0.0009)[0]


def test_every_half_is_counted_once_and_the_median_is_no_success(good: Evaluation) -> None:
    assert good.multiplicity is not None
    assert good.multiplicity.pbo is not None
    found = good.multiplicity.pbo
    drawn = stress_charts(good)["logits"]
    assert sum(drawn["count"]) == found.cuts
    assert len(drawn["count"]) == BINS - 1
    right = [count for edge, count in zip(drawn["edge"], drawn["count"], strict=False) if edge >= 0]
    assert sum(right) == np.count_nonzero(found.logits > 0)
    assert 1 - sum(right) / found.cuts == pytest.approx(found.value)


def test_logits_at_the_median_stand_left_of_zero(good: Evaluation) -> None:
    assert good.multiplicity is not None
    assert good.multiplicity.pbo is not None
    flat = replace(good.multiplicity.pbo, logits=np.zeros(70))
    drawn = stress_charts(replace(good, multiplicity=replace(good.multiplicity, pbo=flat)))["logits"]
    assert drawn["count"][BINS // 2 - 1] == 70
    assert drawn["edge"][BINS // 2] == 0


def test_bars_of_regimes_are_those_of_the_lab(good: Evaluation) -> None:
    assert good.robustness is not None
    assert good.robustness.regimes is not None
    drawn = stress_charts(good)["regimes"]
    assert list(drawn) == ["volatility", "trend", "year"]
    for found in good.robustness.regimes.results:
        assert drawn[found.name]["sessions"] == [bucket.sessions for bucket in found.buckets]
        assert drawn[found.name]["pale"] == [bucket.sessions < SHORT_SESSIONS for bucket in found.buckets]
        for bar, bucket in zip(drawn[found.name]["sharpe"], found.buckets, strict=True):
            assert bar == pytest.approx(bucket.sharpe_annual, rel=5e-3)


def test_the_map_is_the_search_and_the_star_its_best_set(good: Evaluation) -> None:
    assert good.matrix is not None
    drawn = stress_charts(good)["surface"]
    assert (drawn["kind"], drawn["xname"], drawn["yname"]) == ("heat", "lookback", "rebalance")
    annual = good.matrix.sharpes() * math.sqrt(good.matrix.per_year)
    for values, score in zip(good.matrix.values, annual, strict=True):
        row, column = drawn["y"].index(str(values["rebalance"])), drawn["x"].index(str(values["lookback"]))
        assert drawn["z"][row][column] == pytest.approx(score, rel=5e-3)
    z = np.array(drawn["z"])
    best = np.unravel_index(int(z.argmax()), z.shape)
    assert drawn["mark"] == [drawn["x"][best[1]], drawn["y"][best[0]]]


def _searched(good: Evaluation, columns: list[int], values: list[dict[str, object]]) -> dict[str, object]:
    assert good.matrix is not None
    matrix = TrialMatrix(
        good.matrix.session,
        np.ascontiguousarray(good.matrix.returns[:, columns]),
        tuple(values),
        tuple(f"{k:016x}" for k in range(len(values))),
        tuple(f"{k:016x}" for k in range(len(values))),
        252.0,
    )
    drawn: dict[str, object] = stress_charts(replace(good, matrix=matrix, chosen=0))["surface"]
    return drawn


def test_one_parameter_is_a_line_and_random_ones_are_ranked(good: Evaluation) -> None:
    line = _searched(good, [0, 1, 2], [{"lookback": n} for n in (120, 20, 60)])
    assert line["kind"] == "line"
    assert line["x"] == ["20", "60", "120"]
    rng = np.random.default_rng(3)
    ranked = _searched(good, list(range(12)), [{"a": float(rng.random()), "b": float(rng.random())} for _ in range(12)])
    assert ranked["kind"] == "rank"
    heights = ranked["y"]
    assert isinstance(heights, list)
    assert heights == sorted(heights, reverse=True)
    assert _searched(good, [0], [{"lookback": 20}]) is None


def test_a_wide_search_is_thinned(good: Evaluation) -> None:
    many = 2_000
    values: list[dict[str, object]] = [{"a": k, "b": k % 997} for k in range(many)]
    drawn = _searched(good, [k % 12 for k in range(many)], values)
    assert drawn["kind"] == "rank"
    assert len(json.dumps(drawn)) < 10_000


def test_the_hill_of_luck_has_the_mean_of_the_lab(good: Evaluation) -> None:
    drawn = stress_charts(good)["luck"]
    x, density = np.array(drawn["x"]), np.array(drawn["density"])
    assert float(np.trapezoid(density, x)) == pytest.approx(1.0, abs=0.01)
    assert float(np.trapezoid(density * x, x)) == pytest.approx(drawn["expected"], abs=0.03)
    assert good.multiplicity is not None
    assert drawn["result"] == pytest.approx(good.multiplicity.sharpe_annual, rel=5e-3)


def test_the_density_of_a_maximum_is_that_of_drawn_maxima() -> None:
    drawn = np.random.default_rng(5).normal(0.0, 0.2, (20_000, 7)).max(axis=1)
    at = np.linspace(-1.0, 1.5, 2_001)
    density = maximum_density(at, 7, 0.04)
    assert float(np.trapezoid(density, at)) == pytest.approx(1.0, abs=1e-6)
    assert float(np.trapezoid(density * at, at)) == pytest.approx(drawn.mean(), abs=4 * drawn.std() / 20_000**0.5)
    below = float(np.trapezoid(density[at <= 0.2], at[at <= 0.2]))
    assert below == pytest.approx(np.mean(drawn <= 0.2), abs=0.015)


def test_what_was_not_measured_says_so(good: Evaluation) -> None:
    nothing = replace(good, robustness=Robustness(), multiplicity=None, matrix=None, chosen=-1, resplits=None)
    assert not any(stress_charts(nothing).values())
    text = stress_cards(1, nothing, {})
    cards = re.findall(r"<h3>(.*?)</h3>", text)
    assert len(cards) == 11
    assert text.count(NOT_MEASURED) == len(cards)
    assert NOT_MEASURED not in stress_cards(1, good, candidate_charts(good, None))


def test_every_picture_has_its_sentence(good: Evaluation) -> None:
    text = stress_cards(1, good, candidate_charts(good, None))
    robust = good.robustness
    assert robust is not None
    for name, part in robust.parts().items():
        if name not in ("costs", "instability", "regimes"):
            assert part.sentence.split(";")[0][:40].replace("'", "&#x27;") in text, name
    assert robust.regimes is not None
    assert robust.paths is not None
    assert text.count('role="img" aria-label="passed"') + text.count('aria-label="failed"') == len(robust.paths.clauses)


def test_histories_are_counted_once_and_stand_on_their_side_of_zero(good: Evaluation) -> None:
    assert good.resplits is not None
    paths = good.resplits.paths
    assert paths is not None
    drawn = stress_charts(good)["paths"]
    edge, count = np.array(drawn["edge"]), np.array(drawn["count"])
    shown = np.array(paths.sharpe_annual)
    assert count.sum() == len(shown) == 36
    assert edge[0] <= shown.min() + 1e-3
    assert shown.max() <= edge[-1] + 1e-3
    assert count[edge[1:] <= 0].sum() == (shown < 0).sum()
    assert drawn["walk"] == pytest.approx(good.metrics.sharpe_annual, abs=6e-3)
    text = stress_cards(1, good, candidate_charts(good, None))
    assert paths.sentence in text
    assert 'data-chart="paths"' in text
    # Months need more than a purge of 20 sessions leaves, and the card says so.
    assert good.resplits.months is None
    assert "Not measured: odd months choose" in text


def test_every_gate_leads_to_its_evidence(good: Evaluation) -> None:
    section = candidate_section(4, good, candidate_charts(good, None), None, is_open=True)
    links = re.findall(r'href="#(c4-[a-z]+)">see the evidence', section)
    assert len(links) == len(good.gates) == len(EVIDENCE)
    for link in links:
        assert section.count(f'id="{link}"') == 1, link


def test_a_gate_never_leads_nowhere(good: Evaluation) -> None:
    section = candidate_section(1, replace(good, folds=(), costs=()), {}, None, is_open=True)
    links = set(re.findall(r'href="#(c1-[a-z]+)"', section))
    assert links
    assert links <= set(re.findall(r'id="(c1-[a-z]+)"', section))
    assert "c1-folds" not in links


def test_a_threshold_that_was_changed_and_what_may_be(good: Evaluation) -> None:
    assert "changed from" not in gates_table(good)
    fixed = sum(not gate.is_negotiable for gate in good.gates)
    assert gates_table(good).count("<small>not negotiable") == fixed > 0
    changed = tuple(replace(gate, threshold=0.1) if gate.name == "walk_forward" else gate for gate in good.gates)
    text = gates_table(replace(good, gates=changed))
    assert text.count("changed from") == 1
    assert "above 0.10</small>" in text
    assert "changed from 0.30" in text
    lines = [line.plain for line in doubts([replace(good, gates=changed)])]
    assert any("above 0.10, changed from 0.30 (negotiable)" in line for line in lines)


def test_a_flag_says_what_to_check_next(good: Evaluation) -> None:
    flag = good.red_flags[0]
    section = candidate_section(1, good, candidate_charts(good, None), None, is_open=True)
    assert f"<b>Check next:</b> {flag.check_next}" in section
    (line,) = [line.plain for line in doubts([good, good]) if flag.sentence in line.plain]
    assert "2 candidates" in line
    assert line.endswith(f"check next: {flag.check_next}")


def test_the_break_even_is_marked(good: Evaluation) -> None:
    drawn = candidate_charts(good, None)["costs"]
    assert drawn["even"] == 2.75
    assert good.robustness is not None
    assert good.robustness.costs is not None
    costs = replace(good.robustness.costs, break_even_multiplier=math.nan)
    unknown = replace(good, robustness=replace(good.robustness, costs=costs))
    assert candidate_charts(unknown, None)["costs"]["even"] is None
