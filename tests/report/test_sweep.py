"""The page of a sweep: whole, safe, alone; every pair of numbers a heat map through the best point."""

from __future__ import annotations

import io
import itertools
import json
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from argus.engine.sweep import grid_neighbours, nearest_neighbours, read_surface
from argus.report.sweep import Luck, SweepSlice, SweepView, render_sweep, slices_table
from tests.report.test_html import EVIL, Page, _without_library

BEST = "fast 10, slow 50, entry 1, execution market"
AXES = {"fast": (5, 10, 20), "slow": (50, 100), "entry": (0.5, 1.0, 1.5)}


def sample(name: str = "ES.1h", *, on_grid: bool = True, words: bool = True, luck: bool = True) -> SweepSlice:
    """Twice a grid of three parameters, once for each of two words; the last point failed."""
    labels = ("market", "moc") if words else ("market",)
    points = list(itertools.product(*AXES.values(), labels))
    values = {key: tuple(point[i] for point in points) for i, key in enumerate(AXES)}
    values["execution"] = tuple(point[3] for point in points)
    n = len(points)
    sharpe = np.array([1.5 - abs(p[0] - 10) / 10 - abs(p[2] - 1.0) - p[1] / 1_000 for p in points])
    sharpe[-1] = math.nan
    index = np.array([[AXES[key].index(p[i]) for i, key in enumerate(AXES)] for p in points])
    pairs = grid_neighbours(index, np.array([labels.index(p[3]) for p in points]))
    if not on_grid:
        pairs = nearest_neighbours(index.astype(np.float64), 8)
    order = np.argsort(np.where(np.isnan(sharpe), np.inf, -sharpe), kind="stable")[: n - 1]
    rest = {key: np.where(np.isnan(sharpe), math.nan, sharpe * 1_000) for key in ("net", "trades", "fees", "turnover")}
    return SweepSlice(
        name=name,
        currency="USD",
        numeric=tuple(AXES),
        values=values,
        on_grid=on_grid,
        sharpe=sharpe,
        sharpe_error=np.full(n, 0.3),
        drawdown=np.full(n, 0.2),
        run_ids=tuple(f"{i:016x}" for i in range(n)),
        ranking=order,
        reading=read_surface(sharpe, pairs),
        luck=Luck(40, 0.9, 0.6, "The best of 40 worthless ideas would show 0.90.") if luck else None,
        **rest,
    )


def view_of(*slices: SweepSlice, **more: Any) -> SweepView:
    return SweepView("sma_cross", "made by hand", 36, 1, slices, **more)


def data_of(page: str, place: int = 0) -> dict[str, Any]:
    found = re.search(rf'<script type="application/json" id="d{place}">(.*?)</script>', page)
    assert found
    data: dict[str, Any] = json.loads(found.group(1))
    return data


@pytest.fixture(scope="module")
def page() -> str:
    return render_sweep(view_of(sample(), sample("NQ.1h", luck=False)))


def test_tags_nest_and_nothing_is_loaded(page: str) -> None:
    parsed = Page(_without_library(page))
    assert parsed.open == []
    assert not [tags for _, tags in parsed.tags if "src" in tags or str(tags.get("href", "#")).startswith("http")]
    assert page.count('id="plotly"') == 1


def test_the_reading_and_what_luck_would_show_come_first(page: str) -> None:
    top = page[page.index("<body>") : page.index('id="overview"')]
    assert sample().reading.sentence in top
    assert "The best of 40 worthless ideas would show 0.90." in top
    assert "in sample" in page.lower()


def test_trials_and_the_neighbours_median_are_said_loudly(page: str) -> None:
    top = page[page.index("<body>") : page.index('id="overview"')]
    assert "<strong>36 trials</strong>" in top
    text = " ".join(re.sub(r"<[^>]+>", " ", top).split())
    middle = f"{sample().reading.beside_median:.2f}"
    assert f"Best point, in sample 1.45 ± 0.30 Sharpe a year; {BEST}" in text
    assert f"Median of its neighbours {middle}" in text
    assert "By luck alone 0.90 the best of 40 worthless looks" in text
    assert "Deflated Sharpe 60\u00a0%" in text or "Deflated Sharpe 60 %" in text


@pytest.mark.parametrize(("probability", "kind"), [(0.96, "yes"), (0.6, "no")])
def test_a_plateau_within_luck_is_not_shown_as_good(probability: float, kind: str) -> None:
    one = sample()
    broad = replace(one.reading, word="plateau")
    shown = replace(one, reading=broad, luck=Luck(40, 0.9, probability, "So much by luck."))
    assert f'<div class="headline {kind}">' in render_sweep(view_of(shown))


def test_each_pair_of_numbers_is_a_map_with_the_others_at_the_best_point(page: str) -> None:
    charts = data_of(page)["charts"]
    assert [(chart["xname"], chart["yname"]) for chart in charts] == [
        ("fast", "slow"), ("fast", "entry"), ("slow", "entry"),
    ]  # fmt: skip
    assert all(chart["kind"] == "heat" for chart in charts)
    assert "at entry 1, execution market" in page
    fast_entry = charts[1]
    assert (fast_entry["x"], fast_entry["y"], fast_entry["best"]) == (
        ["5", "10", "20"],
        ["0.5", "1", "1.5"],
        ["10", "1"],
    )
    # fast 10 and 20, entry 0.5 and 1, slow at its best of 50.
    assert fast_entry["z"]["sharpe"][0][1:] == pytest.approx([0.95, -0.05])
    assert fast_entry["z"]["sharpe"][1][1:] == pytest.approx([1.45, 0.45])
    assert fast_entry["z"]["net"][1][1] == pytest.approx(1_450)
    assert fast_entry["z"]["drawdown"][1][1] == -20


def test_a_point_that_was_not_run_leaves_its_cell_empty() -> None:
    one = sample(words=False)
    best = one.reading.best
    charts = data_of(render_sweep(view_of(one)))["charts"]
    assert one.point(best)["slow"] == 50
    hole = [chart for chart in charts if chart["xname"] == "fast" and chart["yname"] == "slow"]
    assert hole[0]["z"]["sharpe"][1][2] is not None
    one.sharpe[[i for i in range(len(one.sharpe)) if one.point(i) == {**one.point(best), "slow": 100}]] = math.nan
    assert data_of(render_sweep(view_of(one)))["charts"][0]["z"]["sharpe"][1][1] is None


def test_points_drawn_at_random_are_a_cloud() -> None:
    page = render_sweep(view_of(sample(on_grid=False)))
    chart = data_of(page)["charts"][0]
    assert (chart["kind"], len(chart["x"]), chart["best"]) == ("cloud", 36, [10, 50])
    assert "differ from point to point" in page


def test_tables_hold_best_median_and_worst(page: str) -> None:
    text = re.sub(r"<[^>]+>", " ", page[page.index('id="s0"') : page.index('id="s1"')])
    for said in ("best", "median", "worst", "fast 10, slow 50, entry 1, execution market", "1.45 ± 0.30"):
        assert said in text


def test_what_comes_from_outside_is_text() -> None:
    one = sample(EVIL)
    page = render_sweep(view_of(one, notes=(EVIL,), skipped=(EVIL,), failures=(EVIL,) * 60))
    assert EVIL not in page
    assert "and 10 more" in page
    assert Page(_without_library(page)).open == []


def test_nothing_scored_is_said_and_does_not_break() -> None:
    one = sample()
    nothing = np.full(len(one.sharpe), math.nan)
    empty = SweepSlice(
        **{
            **{name: getattr(one, name) for name in SweepSlice.__slots__},
            "sharpe": nothing,
            "ranking": one.ranking[:0],
            "reading": read_surface(nothing, np.zeros((0, 2), dtype=np.int64)),
            "luck": None,
        }
    )
    assert "no point has a score" in render_sweep(view_of(empty))
    assert "no run has a Sharpe ratio" in printed(view_of(empty))


def printed(view: SweepView, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as captured:
        console.print(slices_table(view))
    return captured.get()


def test_the_terminal_shows_all_figures_in_eighty_columns() -> None:
    text = printed(view_of(sample()))
    for said in ("ES.1h: ", "Sharpe", "By luck", "1.45 ± 0.30", "0.90", "1.45k", "20.0\u00a0%", "worst"):
        assert said in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_many_markets_show_their_best_only() -> None:
    text = printed(view_of(*(sample(f"M{i}") for i in range(8))))
    assert text.count("best") == 8
    assert "worst" not in text
