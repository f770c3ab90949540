"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from argus.core.time import parse_ns
from argus.lab.gates import GATES, GateResult
from argus.report import figures
from argus.report.figures import NOTHING


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (figures.ratio(-0.284), "−0.28"),
        (figures.ratio(1.5, sign=True), "+1.50"),
        (figures.ratio(-0.001), "0.00"),
        (figures.ratio(math.nan), NOTHING),
        (figures.ratio(math.inf), "∞"),
        (figures.percent(0.1234), "12.3\u00a0%"),
        (figures.percent(math.nan), NOTHING),
        (figures.money(-1_234_567.8, "USD"), "−1,234,568\u00a0USD"),
        (figures.money(12.5, places=2, sign=True), "+12.50"),
        (figures.money(math.inf, "USD"), NOTHING),
        (figures.money_short(12_345.0), "12.3k"),
        (figures.money_short(-4_560_000.0), "−4.56m"),
        (figures.money_short(912.4), "912"),
        (figures.count(1_377.0), "1,377"),
        (figures.count(math.nan), NOTHING),
        (figures.price(4_000.5, 0.25), "4,000.50"),
        (figures.price(112.015625, 0.015625), "112.015625"),
        (figures.price(math.nan, 0.25), NOTHING),
        (figures.instant(parse_ns("2021-03-01T20:00:00+00:00")), "2021-03-01 20:00"),
        (figures.instant(parse_ns("2021-03-01T20:00:07+00:00")), "2021-03-01 20:00:07"),
        (figures.parameters({"fast": 10, "entry": 1.5, "execution": "moc"}), "fast 10, entry 1.5, execution moc"),
    ],
)
def test_text(text: str, expected: str) -> None:
    assert text == expected


def test_every_declared_gate_has_a_heading_and_a_question() -> None:
    labels = [figures.gate_label(gate.name) for gate in GATES]
    assert len(set(labels)) == len(labels)
    assert all("_" not in label for label in labels)
    assert all(figures.gate_question(gate.name) == gate.question for gate in GATES)


def test_a_gate_of_somebody_elses_is_shown_all_the_same() -> None:
    result = GateResult("moon_phase", False, 0.25, 0.5, "No.", "Do not.")
    assert figures.gate_label("moon_phase") == "Moon phase"
    assert figures.gate_question("moon_phase") == ""
    assert figures.gate_value(result) == "0.25"
    assert figures.gate_threshold(result) == "at least 0.50"


def test_gate_figures_carry_their_unit() -> None:
    cost = GateResult("cost_1_5x", False, -28_421.6, 0.0, "", "")
    assert figures.gate_value(cost, "USD") == "−28,422\u00a0USD net"
    assert figures.gate_value(cost, "USD", short=True) == "−28.4k"
    assert figures.gate_threshold(cost, "USD") == "above 0\u00a0USD"
    unjudged = GateResult("walk_forward", None, math.nan, 0.3, "", "")
    assert figures.gate_value(unjudged) == NOTHING


def test_marks_are_words_too() -> None:
    assert [figures.gate_mark(passed) for passed in (True, False, None)] == [
        ("✓", "passed"),
        ("✕", "failed"),
        ("?", "not judged"),
    ]
