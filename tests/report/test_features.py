"""The page on features and its drawings: whole, safe and alone, whatever the columns are called and hold."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from argus.core.random import generator
from argus.core.time import NS_PER_DAY
from argus.features import feature
from argus.lab.audit.features import FeatureCertificate, FeatureVerdict
from argus.lab.audit.report import Status
from argus.lab.feature_study.flags import Severity, feature_flags
from argus.lab.feature_study.redundancy import clusters, rank_correlation
from argus.lab.feature_study.study import distribution, drift, stationarity
from argus.report import feature_drawings, svg
from argus.report.features import FeatureColumn, FeatureReportView, render_features, summary_lines
from argus.report.picture import Picture, in_characters, in_svg
from tests.report.test_html import EVIL, Page

TS = np.datetime64("2020-06-01", "ns").astype(np.int64) + np.arange(900, dtype=np.int64) * NS_PER_DAY


def values(kind: str) -> np.ndarray:
    random = generator(1, "page", kind)
    made = {
        "noise": random.standard_normal(900),
        "copy": generator(1, "page", "noise").standard_normal(900) * 2.0,
        "walk": np.cumsum(random.standard_normal(900)),
        "constant": np.full(900, 4.0),
        "empty": np.full(900, np.nan),
    }[kind]
    return made.astype(np.float32)


def column(kind: str, name: str, status: Status = Status.CLEAN) -> FeatureColumn:
    declared = replace(feature("zscore"), meaning=f"Meaning of {name}")
    own = values(kind)
    seen, level, years = distribution(own, -10.0, 10.0), stationarity(own), drift(own, TS)
    verdict = FeatureVerdict(name, "0123", status, f"row 7 of {name}", 7)
    flags = feature_flags(declared, seen, level, years, verdict, "noise" if kind == "copy" else "")
    rows = np.arange(900, dtype=np.int64)
    return FeatureColumn(
        name, declared, {"n": 20}, 20, seen, level, years, verdict, -1, flags, rows, own.astype(np.float64)
    )  # fmt: skip


def view(**names: Status) -> FeatureReportView:
    kinds = list(names)
    columns = tuple(column(kind, kind, status) for kind, status in names.items())
    sample = np.array([values(kind) for kind in kinds])
    rho = rank_correlation(sample)
    groups, order = clusters(rho, [0] * len(kinds), [0] * len(kinds))
    verdicts = tuple(one.verdict for one in columns)
    return FeatureReportView(
        title="futures: MES 1h",
        made="Features, Argus 1",
        data_hash="abc",
        argus="1",
        ts_ns=(int(TS[0]), int(TS[-1])),
        rows=900,
        columns=columns,
        clusters=groups,
        order=order,
        rho=rho,
        sampled=900,
        certificate=FeatureCertificate(verdicts, 900, (41, 300), 5_000, 600, True),
        axis=tuple(svg.time_ticks(TS)),
    )


ALL = {"noise": Status.CLEAN, "copy": Status.CLEAN, "walk": Status.INSUFFICIENT, "constant": Status.FOUND}


def test_every_column_has_a_row_a_section_and_a_reason() -> None:
    page = render_features(view(**ALL, empty=Status.CLEAN))
    assert page.count('<details class="candidate"') == 5
    assert page.count('<tr class="error"') == 2, "the one that knew the future, and the one that left its range"
    for reason in ("causality", "range", "unmoved", "stuck", "trending", "empty", "redundant"):
        assert f'data-reason="{reason}"' in page, reason
    Page(page)
    assert not re.search(r'[>"]nan[<"]', page)


def test_names_cannot_break_out_of_the_page() -> None:
    evil = replace(column("noise", "noise"), name=EVIL)
    page = render_features(replace(view(noise=Status.CLEAN), columns=(evil,), title=EVIL, notes=(EVIL,)))
    assert EVIL not in page


def test_the_page_loads_nothing() -> None:
    page = render_features(view(noise=Status.CLEAN))
    assert "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)""", page)


def test_the_summary_puts_the_gravest_first() -> None:
    lines = summary_lines(view(**ALL))
    assert "2 of 4 columns must not be used" in lines[1]
    worst = lines[lines.index("Worst:") + 1 :]
    assert worst[0].startswith("  constant: row 7 of constant")
    assert worst[1].startswith("  walk: ")
    assert "Values moved" in lines[-1]
    told = view(**ALL).as_dict()
    assert told["errors"] == ["walk", "constant"]
    assert told["flags"]["redundant"] == 1
    assert told["clusters"] == [{"members": ["noise", "copy"], "keep": "noise", "weakest": pytest.approx(1.0)}]


def test_flags_say_how_grave_they_are() -> None:
    assert column("constant", "c", Status.FOUND).worst is Severity.ERROR
    assert column("walk", "w").worst in (Severity.DOUBT, Severity.ERROR)
    assert column("copy", "k").worst is Severity.NOTE
    assert column("noise", "n").worst is None
    assert [flag.name for flag in column("empty", "e").flags] == ["empty"]


@pytest.mark.parametrize("kind", ["noise", "walk", "constant"])
def test_drawings_are_sound(kind: str) -> None:
    own = values(kind)
    seen = distribution(own)
    for drawn in (
        feature_drawings.histogram(seen),
        feature_drawings.histogram(seen, small=True),
        feature_drawings.years(drift(own, TS)),
        feature_drawings.curve(np.arange(900), own.astype(np.float64), 900, svg.time_ticks(TS)),
    ):
        assert ElementTree.fromstring(drawn).tag == "svg"
        assert "nan" not in drawn


def test_lines_break_at_missing_values() -> None:
    scale = svg.Scale(0.0, 3.0, 0.0, 30.0)
    drawn = svg.line([0, 1, 2, 3], np.array([1.0, math.nan, 2.0, 3.0]), scale, scale, "line")
    assert drawn == '<circle class="line dot" cx="0.0" cy="10.0" r="1.2"/><path class="line" d="M20.0,20.0L30.0,30.0"/>'


def test_ticks_are_round_and_within() -> None:
    assert svg.ticks(0.0, 10.0, 5) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    for low, high in ((-3.7, 12.9), (1e-7, 3e-7), (4_000.0, 4_003.0), (-1e9, 1e9)):
        marks = svg.ticks(low, high)
        assert 2 <= len(marks) <= 6
        assert low - 1e-9 * abs(low) <= marks[0] < marks[-1] <= high + 1e-9 * abs(high)
    assert svg.ticks(2.0, 2.0) == [2.0]


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "0"), (3.14159, "3.142"), (-0.5, "−0.5"), (1_234_567.0, "1.23M"), (2e-5, "2.0e−5"), (math.nan, "—")],
)
def test_figures_are_short(value: float, told: str) -> None:
    assert svg.figure(value) == told


def picture(n: int = 60, warmup: int = 20) -> Picture:
    price = 100.0 + np.arange(n, dtype=np.float64)
    own = np.concatenate((np.full(warmup, np.nan), np.linspace(0.0, 1.0, n - warmup)))
    return Picture("up", "a share", "ES", "sample", TS[:n], price, own, warmup, warmup + 1, 0.0, 1.0)


def test_a_rising_line_rises_in_characters() -> None:
    lines = in_characters(picture(), 60)
    assert all(len(line) <= 60 for line in lines)
    ends = [len(line.rstrip("\u2800 ")) for line in lines[1:7]]
    assert ends == sorted(ends, reverse=True), "the top line of a rise reaches furthest right"
    assert lines[0].startswith("ES (sample)")
    assert lines[7] == "up (a share)"
    assert lines[8].split()[0] == "1"
    assert "warm-up" in lines[-1]
    assert "warm-up" not in in_characters(picture(warmup=0), 60)[-1]


def test_a_picture_without_values_is_still_one() -> None:
    empty = replace(picture(), values=np.full(60, np.nan), warmup=60)
    assert in_characters(empty, 60)
    assert ElementTree.fromstring(in_svg(empty)) is not None


def test_the_declared_range_is_drawn_where_it_shows() -> None:
    assert in_svg(picture()).count('class="bound"') == 2
    assert in_svg(replace(picture(), high=9.0)).count('class="bound"') == 1
