"""The page on a probability of profit in a browser: no table of it is wider than the window of a small screen."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from argus.report.options import Measured, PopView, render_pop
from tests.report import sample_options as sample

BROWSER = shutil.which("chromium")
LOOK = """<script>
const wide = [...document.querySelectorAll(".scroll")].filter((one) => one.scrollWidth > one.clientWidth);
const told = { page: document.documentElement.scrollWidth - innerWidth,
               wide: wide.map((one) => one.querySelector("caption").textContent),
               tables: document.querySelectorAll(".scroll").length };
document.body.appendChild(document.createElement("pre")).id = "told";
document.getElementById("told").textContent = JSON.stringify(told);
</script></body>"""


@pytest.fixture(scope="module")
def view() -> PopView:
    """Two sold American options and a plan: nothing that an answer can tell is missing."""
    plain, chance = sample.pop_view(paths=400), Measured(0.123, 0.0034)
    models = []
    for model in plain.models:
        whole = tuple(
            replace(
                answer,
                touch=((2_750.0, chance), (3_050.0, chance)),
                assigned=tuple((f"SPX 2019-06-21 {name}", chance) for name in ("2750 put", "3050 call")),
            )
            for answer in model.answers[1:]
        )
        bare = tuple(replace(answer, touch=()) for answer in model.answers[:1])
        models.append(replace(model, answers=bare + whole))
    return replace(plain, models=tuple(models))


@pytest.fixture(scope="module")
def page(view: PopView) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plotly.offline.get_plotlyjs", lambda: "")
        return render_pop(view)


def test_what_happens_on_the_way_is_a_table_of_its_own(page: str, view: PopView) -> None:
    tables = re.findall(r"<table.*?</table>", page, flags=re.DOTALL)
    captions = [re.findall(r"<caption>(.*?)</caption>", table)[0] for table in tables]
    heads = [len(re.findall(r"<th scope=\"col\"", table)) for table in tables]
    assert captions[:2] == [
        "Of one structure, costs paid, each figure above its standard error; CVaR of the worst 5%",
        "On the way: how often, and how long it is held",
    ]
    assert heads[:2] == [5, 10]
    # An answer by formula that tells nothing of the way there has a row above only.
    answers = [answer for model in view.models for answer in model.answers]
    assert [table.count('<tr ><th scope="row"') for table in tables[:2]] == [len(answers) + 1, len(answers) - 2]


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")
@pytest.mark.parametrize("width", [1300, 900])
def test_no_table_scrolls_sideways(page: str, width: int, tmp_path: Path) -> None:
    file = tmp_path / "pop.html"
    file.write_text(page.replace("</body>", LOOK), encoding="utf-8")
    assert BROWSER is not None
    words = [BROWSER, "--headless", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    words += ["--no-sandbox"] * (os.geteuid() == 0)
    words += [f"--window-size={width},900", "--dump-dom", file.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    (found,) = re.findall(r'<pre id="told">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    told = json.loads(found)
    assert told["tables"] >= 3
    assert told["wide"] == []
    assert told["page"] <= 0
