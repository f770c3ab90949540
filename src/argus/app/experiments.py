"""Experiments: registered before they are run, judged market by market, their hold-out opened once.

The bars after the cut are taken away before a candidate is built, so that no run can see them. Every market is a stage
with a file of its own; the same command goes on after the last one that was finished, and a stage whose file, data,
code or number of looks at its data changed is judged again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.app._experiment_file import ExperimentPlan, plan_experiment
from argus.app._experiment_stages import FORMAT, MarketJob, anchor, folder_of, read_json, register
from argus.app.research import map_runs_on
from argus.app.workspace import Workspace
from argus.core.errors import CoverageError

if TYPE_CHECKING:
    from argus.lab.candidate import MapRuns
    from argus.lab.evaluation import Evaluation
    from argus.lab.journal.experiment import ExperimentSpec
    from argus.lab.journal.registry import Event
    from argus.lab.journal.verdict_notes import Background
    from argus.report.html import Part

__all__ = ["ExperimentResult", "Progress", "background", "refuse_stale", "run_experiment"]

Progress = Callable[[int, int, str, str, int, int], None]
"""Told number and count of markets, the market, the stage, and how far of how much."""

_HOUR_NS: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentResult:
    """What came of an experiment.

    Attributes
    ----------
    spec : ExperimentSpec
    folder : Path
        Where everything is kept.
    examination : mapping
        Plain values: registration, notes, and for each market evaluation, base parameters and what was left out.
    examination_hash : str
        SHA-256 of it: the same experiment on the same data gives the same.
    notes : tuple of str
        What a reader of the verdict must know.
    kept : tuple of str
        Markets that were judged before, under the same conditions.
    evaluations : mapping
        Market to the evaluation, of those that were judged now.
    """

    spec: ExperimentSpec
    folder: Path
    examination: Mapping[str, Any]
    examination_hash: str
    notes: tuple[str, ...]
    kept: tuple[str, ...]
    evaluations: Mapping[str, Evaluation]

    @property
    def deployable(self) -> bool:
        """Whether every gate passed on every market, and the hold-out, if it was opened, kept what was promised."""
        return bool(self.examination["deployable"])

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    def as_dict(self) -> dict[str, Any]:
        """The verdicts, for JSON: survivors first, by score. Everything stands in the folder."""
        from argus.lab.score import standing

        return {
            "experiment": self.spec.id,
            "name": self.spec.name,
            "deployable": self.deployable,
            "examination": str(self.folder / "examination.json"),
            "report": str(self.report),
            "examination_hash": self.examination_hash,
            "notes": list(self.notes),
            "kept": list(self.kept),
            "markets": [
                {
                    "market": market["market"],
                    "deployable": market["evaluation"]["deployable"],
                    "verdict": market["evaluation"]["verdict"],
                    "score": market["evaluation"].get("score"),
                    "gates": {gate["name"]: gate["passed"] for gate in market["evaluation"]["gates"]},
                    "sharpe_annual": market["evaluation"]["metrics"]["sharpe_annual"],
                    "gap": market["evaluation"].get("gap"),
                    "red_flags": [dict(flag) for flag in market["evaluation"]["red_flags"]],
                    "base": market["base"],
                    "left_out": market["left_out"],
                    "outcomes": market["outcomes"],
                }
                for market in sorted(self.examination["markets"], key=lambda one: standing(one["evaluation"]))
            ],
        }


def run_experiment(
    workspace: Workspace,
    path: Path,
    *,
    workers: int = 1,
    ray: str | None = None,
    now_ns: int,
    progress: Progress | None = None,
) -> ExperimentResult:
    """Register an experiment if it is not yet, judge what of it was not judged, and keep the verdict.

    Parameters
    ----------
    workspace : Workspace
    path : Path
        The experiment file.
    workers : int
        Processes that run parameter sets; the result is the same for any number.
    ray : str or None
        Address of a Ray cluster that runs them instead; the result is the same.
    now_ns : int
        The time that registration and verdict are given, and against which data are recent or stale.
    progress : callable or None

    Raises
    ------
    ConfigError, CatalogError
        If the file is wrong.
    CoverageError
        If data are stale, or too short for a judgement.
    """
    from argus.data._catalog_files import lock_for_writing, write_atomic
    from argus.engine.manifest import code_version
    from argus.lab.evaluation import to_json
    from argus.lab.journal.registry import EventKind
    from argus.lab.journal.verdict_notes import verdict_notes
    from argus.report.experiment import render_experiment
    from argus.report.html import write_page

    plan = plan_experiment(workspace, path)
    refuse_stale(workspace, plan, now_ns)
    spec, folder = plan.spec, folder_of(workspace, plan.spec)
    with lock_for_writing(folder, 0.0), ExitStack() as opened:
        map_runs: MapRuns | None = None
        registration = register(workspace, plan, now_ns)
        anchor(folder, registration.event)
        markets, kept, evaluations, parts = [], [], {}, {}
        for number, market in enumerate(spec.markets):
            tell = _teller(progress, number, len(spec.markets), market)
            job = MarketJob(workspace, plan, registration, market)
            stage = job.kept()
            if stage is None:
                map_runs = map_runs or opened.enter_context(map_runs_on(workers, ray))
                stage, evaluations[market] = job.judge(map_runs, now_ns, tell)
            else:
                kept.append(market)
            part = job.part()
            if part is not None:
                parts[market] = part
            markets.append({name: value for name, value in stage.items() if name not in ("inputs", "digest")})
        known = background(workspace, plan)
        notes = verdict_notes(spec, registration, known)
        _outvoted(spec, known.events, markets, parts)
        examination = to_json(
            {
                "format": FORMAT,
                "experiment": spec.describe(),
                "registration": registration.event.as_dict(),
                "notes": notes,
                "skipped": [[dict(one.values), one.market, one.reason] for one in plan.skipped],
                "deployable": all(market["evaluation"]["deployable"] for market in markets),
                "markets": markets,
            }
        )
        content = json.dumps(examination, indent=1, sort_keys=True).encode()
        examination_hash = hashlib.sha256(content).hexdigest()
        write_atomic(folder / "examination.json", content)
        _verdict(workspace, spec, examination, examination_hash, now_ns, EventKind.VERDICT)
        made = f"Experiment {spec.id}, Argus {code_version()}"
        write_page(folder / "report.html", render_experiment(examination, parts, made))
    return ExperimentResult(spec, folder, examination, examination_hash, notes, tuple(kept), evaluations)


def _outvoted(
    spec: ExperimentSpec, events: Sequence[Event], markets: Sequence[dict[str, Any]], parts: dict[str, Part]
) -> None:
    """Let verdicts and drawn sections say what a failed hold-out made of them."""
    from argus.lab.journal.verdict_notes import after_holdout
    from argus.report.experiment import retold

    for told in markets:
        name, judged = told["market"], told["evaluation"]
        held = after_holdout(spec, events, judged)
        if held is not judged and name in parts:
            parts[name] = retold(parts[name], judged["verdict"], held["verdict"])
        told["evaluation"] = held


def refuse_stale(workspace: Workspace, plan: ExperimentPlan, now_ns: int) -> None:
    """Raise if the newest bar of a dataset, or of a root, began longer ago than the experiment allows."""
    from argus.core.time import format_ns

    hours = plan.spec.require_recent_bars_hours
    if hours is None:
        return
    for name in dict.fromkeys(name for names in plan.spec.markets.values() for name in names):
        last = max(info.last_ns for info in _infos(workspace, plan, name))
        age = (now_ns - last) / _HOUR_NS
        if age > hours:
            raise CoverageError(
                f"{name} is stale: its last bar began at {format_ns(last)}, {age:,.0f} hours ago, and "
                f"require_recent_bars_hours is {hours:g}; import newer bars, or allow older ones (a weekend has 65)"
            )


def _infos(workspace: Workspace, plan: ExperimentPlan, name: str) -> list[Any]:
    from argus.app.rolled import contracts_held, root_and_interval

    if plan.rolling is None:
        return [workspace.catalog().info(name)]
    held = contracts_held(workspace)
    of = root_and_interval(name, held, "instruments:")
    return [info for info in held if (info.instrument, info.interval) == of]


def background(workspace: Workspace, plan: ExperimentPlan) -> Background:
    """What registry, ledger and catalog hold beside the experiment."""
    from argus.core.instruments import instrument
    from argus.lab.journal.kinship import kin_of
    from argus.lab.journal.verdict_notes import Background

    ledger = workspace.trials()
    trials, marks = ledger.journal(), ledger.marks()
    spans: dict[str, tuple[int, int]] = {}
    for names in plan.spec.markets.values():
        for name in names:
            infos = _infos(workspace, plan, name)
            symbol = instrument(infos[0].instrument).symbol
            spans[symbol] = (min(info.first_ns for info in infos), max(info.last_ns for info in infos))
    anchors = {}
    for path in sorted(workspace.runs.glob("experiment-*/anchors.json")):
        for seal in read_json(path) or ():
            anchors[str(seal)] = f"{path.parent.name}/{path.name}"
    return Background(
        events=workspace.experiments().journal(),
        trials=trials,
        marks=marks,
        kin=kin_of(plan.spec.strategy, trials, marks, plan.spec.source_hash),
        spans=spans,
        data=plan.hashes,
        anchors=anchors,
    )


def _verdict(
    workspace: Workspace,
    spec: ExperimentSpec,
    examination: Mapping[str, Any],
    examination_hash: str,
    now_ns: int,
    kind: Any,
) -> None:
    """Add the verdict to the journal, unless it is the one that stands there last."""
    from argus.lab.journal.screen import account_of

    registry = workspace.experiments()
    earlier = [e for e in registry.journal() if e.experiment == spec.id and "examination" in e.body]
    if earlier and earlier[-1].body["examination"] == examination_hash:
        return
    body = {
        "examination": examination_hash,
        "deployable": examination["deployable"],
        "verdicts": {market["market"]: market["evaluation"]["verdict"] for market in examination["markets"]},
        "accounts": {
            market["market"]: account_of(market["evaluation"]["metrics"]) for market in examination["markets"]
        },
        "notes": examination["notes"],
        "trials": len(workspace.trials().journal()),
    }
    anchor(folder_of(workspace, spec), registry.note(spec.id, kind, body, now_ns))


def _teller(progress: Progress | None, number: int, count: int, market: str) -> Any:
    if progress is None:
        return None

    def tell(stage: str, done: int, total: int) -> None:
        progress(number, count, market, stage, done, total)

    return tell
