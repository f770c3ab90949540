"""The page is whole, safe, alone, and written at once or not at all."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from argus.core.errors import WorkspaceError
from argus.lab.red_flags import RedFlag
from argus.report import ReportContext, render_report, write_report
from tests.report.sample_evaluation import sample_evaluation, without_trades

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Tags with their attributes, and whether they nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    shown, markets = [], {}
    for seed, drift in enumerate((-0.0002, 0.0006)):
        evaluation, market = sample_evaluation(seed, strategy=f"idea_{seed}", drift=drift)
        shown.append(evaluation)
        markets[evaluation.record.manifest.run_id] = market
    shown.append(without_trades()[0])
    return render_report(shown, ReportContext("Two ideas", "made by hand", markets, ("A note.",)))


def _without_library(page: str) -> str:
    return re.sub(r'(<script type="text/plain" id="plotly">).*?(</script>)', r"\1\2", page, flags=re.DOTALL)


def test_tags_nest(page: str) -> None:
    assert Page(_without_library(page)).open == []


def test_the_library_is_inside_once_and_nothing_is_loaded(page: str) -> None:
    assert page.count('id="plotly"') == 1
    assert len(page) > 4_000_000
    for tag, attributes in Page(_without_library(page)).tags:
        assert not {"src", "srcset", "data"} & set(attributes), tag
        assert tag not in ("link", "iframe", "object", "embed")
        assert (attributes.get("href") or "#").startswith("#")
    assert "@import" not in page.split("</style>")[0]
    assert "url(" not in page.split("</style>")[0]
    assert "default-src 'none'" in page


def test_the_best_stand_first_and_links_lead_to_them(page: str) -> None:
    own = _without_library(page)
    assert own.index("idea_1") < own.index("idea_0")
    links = {attributes["href"] for tag, attributes in Page(own).tags if tag == "a"}
    places = {
        f"#{attributes['id']}" for tag, attributes in Page(own).tags if (attributes.get("id") or "").startswith("c")
    }
    assert {"#c1", "#c2", "#c3"} <= links & places


def test_every_chart_has_its_data(page: str) -> None:
    own = _without_library(page)
    data = dict(re.findall(r'<script type="application/json" id="d(\d+)">(.*?)</script>', own, flags=re.DOTALL))
    charts = [attributes for tag, attributes in Page(own).tags if "data-chart" in attributes]
    assert len(charts) == 30
    for chart in charts:
        assert chart["data-chart"] in json.loads(data[str(chart["data-candidate"])])
        assert chart["aria-label"]


def test_the_script_draws_every_chart_there_is(page: str) -> None:
    script = page.rsplit("<script>", 1)[1]
    evaluation, market = sample_evaluation()
    from argus.report.charts import candidate_charts

    for name in candidate_charts(evaluation, market):
        assert re.search(rf"^    {name}\(d, c", script, flags=re.MULTILINE), name


def test_no_text_can_become_markup() -> None:
    evaluation, market = sample_evaluation(sessions=300, trades=20)
    manifest = evaluation.record.manifest
    manifest = replace(manifest, strategy={"name": EVIL}, run_id=EVIL, data={EVIL: manifest.data["ES"]})
    fold = replace(evaluation.folds[0], values={EVIL: EVIL})
    evil = replace(
        evaluation,
        strategy=EVIL,
        version=EVIL,
        summary=EVIL,
        source=EVIL,
        verdict=EVIL,
        universe=(EVIL,),
        gates=tuple(replace(gate, name=EVIL, sentence=EVIL, how_to_read=EVIL) for gate in evaluation.gates[:2]),
        red_flags=(RedFlag(EVIL, EVIL),),
        search=(replace(evaluation.search[0], values={EVIL: EVIL}, run_id=EVIL),),
        folds=(fold,),
        costs=(replace(evaluation.costs[0], multiplier=EVIL),),
        completeness={EVIL: 1.0},
        notes=(EVIL,),
        record=replace(evaluation.record, manifest=manifest, universe=(EVIL,)),
    )
    context = ReportContext(EVIL, EVIL, {EVIL: {EVIL: market["ES"]}}, (EVIL,))
    own = _without_library(render_report([evil, evil], context, failures=[(EVIL, EVIL)]))
    tags = Page(own).tags
    assert not any(tag == "img" or "onerror" in attributes for tag, attributes in tags)
    assert sum(tag == "script" for tag, _ in tags) == 4
    assert "<script>alert" not in own


def test_the_only_candidate_is_open_and_many_are_not() -> None:
    evaluation, market = sample_evaluation(sessions=300, trades=20)
    context = ReportContext(markets={evaluation.record.manifest.run_id: market})
    assert '<details class="candidate" id="c1" open>' in render_report([evaluation], context)
    assert '<details class="candidate" id="c1" open>' not in render_report([evaluation, evaluation], context)


def test_nothing_to_show_is_a_page_too() -> None:
    own = _without_library(render_report([], failures=[("carry on CL", "no bars")]))
    assert "Nothing could be judged." in own
    assert "carry on CL" in own


def test_same_records_same_bytes() -> None:
    evaluation, market = sample_evaluation(sessions=300, trades=20)
    context = ReportContext(markets={evaluation.record.manifest.run_id: market})
    assert render_report([evaluation], context) == render_report([evaluation], context)


def test_many_candidates_stay_small() -> None:
    evaluation, market = sample_evaluation(sessions=8_000, trades=3_000)
    context = ReportContext(markets={evaluation.record.manifest.run_id: market})
    one, three = (len(render_report([evaluation] * count, context)) for count in (1, 3))
    assert (three - one) / 2 < 250_000


def test_written_whole(tmp_path: Path) -> None:
    evaluation, _ = sample_evaluation(sessions=300, trades=20)
    path = write_report(tmp_path / "deep" / "report.html", [evaluation])
    assert path.read_text(encoding="utf-8") == render_report([evaluation])
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="could not be written"):
        write_report(tmp_path / "file" / "report.html", [])


def test_an_old_report_survives_a_failed_write(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(WorkspaceError, match="could not be written"):
        write_report(tmp_path / "report.html", [])
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
