"""The report: one HTML page that opens offline and shows the verdict before anything pretty.

Style, script and the chart library are inside the page; a content policy in its head forbids it to load anything else.
The chart library is 5 MB of the file and is not read before the first chart comes into view, so that a page with many
candidates opens at once.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from argus.core.arrays import Bars
from argus.core.errors import WorkspaceError
from argus.core.instruments import InstrumentSpec
from argus.report.charts import candidate_charts, to_script_json
from argus.report.sections import candidate_section, failures_panel, flags_panel, headline
from argus.report.tables import currency_of, scorecard_table

if TYPE_CHECKING:
    from argus.lab.evaluation import Evaluation

__all__ = ["Part", "ReportContext", "candidate_part", "render_page", "render_report", "write_page", "write_report"]

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ReportContext:
    """What a report needs beyond the evaluations.

    Attributes
    ----------
    title : str
        Heading of the page.
    made : str
        When and with what it was made, in words; empty for none. Nothing is read from a clock here.
    markets : mapping
        Run id of an evaluation's record to the market it was made on, for the prices; without it no price is drawn.
    notes : tuple of str
        Sentences on all of it, shown under the heading.
    """

    title: str = "Research report"
    made: str = ""
    markets: Mapping[str, Mapping[str, tuple[InstrumentSpec, Bars]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def ranked(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Deployable ones first, by their score; the others by the number of gates passed; ties as given."""
    return sorted(
        evaluations,
        key=lambda one: (
            not one.deployable,
            -one.score.value if one.score else 0.0,
            -sum(bool(gate.passed) for gate in one.gates),
        ),
    )


def render_report(
    evaluations: Sequence[Evaluation],
    context: ReportContext | None = None,
    *,
    failures: Sequence[tuple[str, str]] = (),
) -> str:
    """The page as text.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        In any order; the page shows deployable ones first.
    context : ReportContext or None
    failures : sequence of (name, reason)
        Candidates that could not be judged: they are shown, so that nothing disappears in silence.
    """
    context = context or ReportContext()
    shown = ranked(evaluations)
    verdict, stopped = headline(shown, len(failures))
    parts = [
        candidate_part(place, one, context.markets.get(one.record.manifest.run_id), is_open=len(shown) == 1)
        for place, one in enumerate(shown, start=1)
    ]
    return render_page(
        context,
        (verdict, stopped),
        parts,
        is_good=any(evaluation.deployable for evaluation in shown),
        scorecard=scorecard_table(shown) if shown else "",
        # The only candidate carries its own flags, above its curves.
        panels=(failures_panel(failures), flags_panel(shown) if len(shown) > 1 else ""),
    )


@dataclass(frozen=True, slots=True)
class Part:
    """One candidate as the page holds it; it can be kept, and put into a page later.

    Attributes
    ----------
    section : str
        Markup.
    data : str
        A script element with the numbers of its charts.
    """

    section: str
    data: str


def candidate_part(
    place: int,
    evaluation: Evaluation,
    market: Mapping[str, tuple[InstrumentSpec, Bars]] | None,
    *,
    is_open: bool,
) -> Part:
    """A candidate's section and the data of its charts; `place` is its number on the page, from 1."""
    charts = candidate_charts(evaluation, market)
    section = candidate_section(place, evaluation, charts, market, is_open=is_open)
    charts["currency"] = escape(currency_of(evaluation))
    return Part(section, f'<script type="application/json" id="d{place}">{to_script_json(charts)}</script>')


def render_page(
    context: ReportContext,
    verdict: tuple[str, str],
    parts: Sequence[Part],
    *,
    is_good: bool,
    scorecard: str,
    panels: tuple[str, str] = ("", ""),
) -> str:
    """The page around candidates.

    Parameters
    ----------
    context : ReportContext
    verdict : (str, str)
        The verdict on all of it, and what stopped it; text.
    parts : sequence of Part
    is_good : bool
        Colour of the verdict.
    scorecard : str
        Markup.
    panels : (str, str)
        Markup below the scorecard, and after it.
    """
    from plotly.offline import get_plotlyjs

    return Template(_part("page.html")).substitute(
        title=escape(context.title),
        style=_part("page.css"),
        made=escape(context.made),
        notes="".join(f"<p>{escape(note)}</p>" for note in context.notes),
        verdict=escape(verdict[0]),
        stopped=escape(verdict[1]),
        kind="yes" if is_good else "no",
        scorecard=scorecard,
        failures=panels[0],
        flags=panels[1],
        sections="".join(part.section for part in parts),
        data="".join(part.data for part in parts),
        plotly=get_plotlyjs(),
        script=_part("page.js"),
    )


def _part(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def write_report(
    path: Path,
    evaluations: Sequence[Evaluation],
    context: ReportContext | None = None,
    *,
    failures: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write the page to `path`: wholly or not at all, so that a reader never sees half of one.

    Parameters
    ----------
    path : Path
        Its folder is made if need be.
    evaluations, context, failures
        See `render_report`.

    Raises
    ------
    WorkspaceError
        If the file cannot be written.
    """
    return write_page(path, render_report(evaluations, context, failures=failures))


def write_page(path: Path, page: str) -> Path:
    """Write a page to `path`, as `write_report` does."""
    partial = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner may read; a report is meant to be shown.
        umask = os.umask(0)
        os.umask(umask)
        Path(partial).chmod(0o666 & ~umask)
        Path(partial).replace(path)
    except OSError as error:
        if partial:
            Path(partial).unlink(missing_ok=True)
        raise WorkspaceError(
            f"report {path} could not be written ({error.strerror or error}); free space there or give another path"
        ) from error
    return path
