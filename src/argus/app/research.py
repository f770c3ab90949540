"""Research: every idea of the workspace's settings on its market, judged by the lab, drawn in one report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus.app.backtest import market_parameters
from argus.app.candidates import Wanted, candidate_of
from argus.app.workspace import Workspace

if TYPE_CHECKING:
    from argus.app.settings import CandidateSettings
    from argus.engine.market import Market
    from argus.engine.sweep import Done, Executor, Point
    from argus.lab.candidate import Candidate, MapRuns
    from argus.lab.candidate import Progress as LabProgress
    from argus.lab.evaluation import Evaluation

__all__ = ["ClusterMap", "Failure", "Progress", "ResearchResult", "build_candidate", "map_runs_on", "research"]


Progress = Callable[[int, int, str, str, int, int], None]
"""Told number and count of candidates, the candidate's name, the stage, and how far of how much."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A candidate that could not be judged, and why: it is shown, never dropped."""

    name: str
    error: str


@dataclass(frozen=True, slots=True, eq=False)
class ResearchResult:
    """What came of a research.

    Attributes
    ----------
    evaluations : tuple of Evaluation
    failures : tuple of Failure
    folder, report : Path
        Where figures and the page were written.
    """

    evaluations: tuple[Evaluation, ...]
    failures: tuple[Failure, ...]
    folder: Path
    report: Path

    def as_dict(self) -> dict[str, Any]:
        """The verdicts, for JSON; the whole evaluations stand in the folder."""
        return {
            "report": str(self.report),
            "deployable": sum(evaluation.deployable for evaluation in self.evaluations),
            "candidates": [
                {
                    "strategy": evaluation.strategy,
                    "universe": list(evaluation.universe),
                    "deployable": evaluation.deployable,
                    "verdict": evaluation.verdict,
                    "gates": {gate.name: gate.passed for gate in evaluation.gates},
                    "red_flags": [flag.name for flag in evaluation.red_flags],
                    "sharpe_annual": evaluation.metrics.sharpe_annual,
                    "net_pnl": evaluation.metrics.net_pnl_micros / 1e6,
                    "run_id": evaluation.record.manifest.run_id,
                }
                for evaluation in self.evaluations
            ],
            "failures": [{"candidate": failure.name, "error": failure.error} for failure in self.failures],
        }


def research(
    workspace: Workspace,
    *,
    candidates: Sequence[CandidateSettings] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> ResearchResult:
    """Judge every candidate, keep the out-of-sample runs, and write the report.

    Parameters
    ----------
    workspace : Workspace
    candidates : sequence or None
        None takes those of ``argus.yaml``.
    workers : int
        Processes that run parameter sets; the result is the same for any number.
    progress : callable or None
    """
    from argus.core.errors import ArgusError
    from argus.engine.store import save_run
    from argus.lab.candidate import ResearchSettings as LabSettings
    from argus.lab.research import evaluate

    settings = workspace.settings
    wanted = tuple(candidates if candidates is not None else settings.research.candidates)
    _ensure_embedded(workspace, wanted)
    trials = workspace.trials()
    evaluations: list[Evaluation] = []
    failures: list[Failure] = []
    markets: dict[str, Market] = {}
    for number, item in enumerate(wanted):
        name = f"{item.strategy} on {_short(item.datasets)}"
        tell = _teller(progress, number, len(wanted), name)
        try:
            candidate, source = build_candidate(workspace, item)
            with map_runs_on(workers) as map_runs:
                evaluation = evaluate(
                    candidate,
                    trials=trials,
                    settings=LabSettings(
                        embargo_sessions=settings.evaluation.embargo_sessions,
                        seed=settings.seed,
                        thresholds=settings.evaluation.deploy_gates,
                    ),
                    map_runs=map_runs,
                    progress=tell,
                )
        except ArgusError as error:
            failures.append(Failure(name, str(error)))
            continue
        save_run(workspace.runs, evaluation.record, source)
        evaluations.append(evaluation)
        markets[evaluation.record.manifest.run_id] = candidate.market
    return _keep(workspace, tuple(evaluations), tuple(failures), markets)


def build_candidate(
    workspace: Workspace, item: CandidateSettings, start_ns: int | None = None, cut_ns: int | None = None
) -> tuple[Candidate, dict[str, Any]]:
    """(candidate with its market, account, costs, sizing and risk, how to load its market again).

    Trading begins at `start_ns`, earlier bars warm up; no bar that closes after `cut_ns` is read.
    """
    from dataclasses import replace

    wanted = Wanted(item.strategy, tuple(item.datasets), workspace.settings, start_ns=start_ns, cut_ns=cut_ns)
    candidate, source = candidate_of(workspace, wanted)
    return replace(candidate, grid=_grid(item, candidate.market)), source


def _grid(item: CandidateSettings, market: Market) -> tuple[Mapping[str, Any], ...]:
    """The strategy's own grid with the fixed parameters in it, each set once."""
    from argus.strategies import strategy_class

    fixed = {**market_parameters(item.strategy, market), **item.parameters}
    points = [{**point, **fixed} for point in strategy_class(item.strategy).grid() or ({},)]
    unique = {json.dumps(point, sort_keys=True): point for point in points}
    return tuple(unique.values())


def _ensure_embedded(workspace: Workspace, wanted: Iterable[CandidateSettings]) -> None:
    """Install the embedded data if a candidate asks for some that are not there yet."""
    from argus.data.embedded import install_embedded

    catalog = workspace.catalog()
    present = {info.name for info in catalog.datasets()}
    if any(name not in present for item in wanted for name in item.datasets):
        install_embedded(catalog)


def _short(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"


def _teller(progress: Progress | None, number: int, count: int, name: str) -> LabProgress | None:
    if progress is None:
        return None

    def tell(stage: str, done: int, total: int) -> None:
        progress(number, count, name, stage, done, total)

    return tell


@contextmanager
def map_runs_on(workers: int, ray: str | None = None) -> Iterator[MapRuns]:
    """``map``, or a process pool's; fresh processes, so that no thread or database handle is copied into them.

    With the address of a Ray cluster (``auto``, ``local`` or ``HOST:PORT``): one that spreads its items over that.

    Raises
    ------
    MissingExtraError, ConfigError
        If Ray is not installed, or nothing answers at the address.
    """
    if ray is not None:
        from argus.engine.sweep import RayCluster

        executor = RayCluster(ray)
        try:
            yield ClusterMap(executor)
        finally:
            executor.stop()
        return
    if workers <= 1:
        yield map
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool.map


@dataclass(frozen=True, slots=True)
class _Apply:
    """A function and its items, as a task of a cluster."""

    function: Callable[[Any], Any]
    items: tuple[Any, ...]
    columns: tuple[()] = ()
    batch_points: int = 1

    def __call__(self, points: Sequence[Point]) -> Done:
        from argus.engine.sweep import Done

        return Done(tuple({"found": self.function(self.items[point.number])} for point in points))


class ClusterMap:
    """``map`` over an executor: items in any order, results in the order of the items.

    Parameters
    ----------
    executor : Executor
    """

    is_apart = True

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def __call__(self, function: Callable[[Any], Any], items: Iterable[Any], /) -> Iterator[Any]:
        """Results of the function, as soon as all before them are there."""
        from argus.engine.sweep import Point, carried

        task = _Apply(function, tuple(items))
        if not task.items:
            return
        self._executor.start(task)
        early: dict[int, Any] = {}
        told = 0
        for outcome in carried([(Point(k, {}, ""),) for k in range(len(task.items))], self._executor):
            assert outcome.done is not None
            early[outcome.points[0].number] = outcome.done.rows[0]["found"]
            while told in early:
                yield early.pop(told)
                told += 1


def _keep(
    workspace: Workspace,
    evaluations: tuple[Evaluation, ...],
    failures: tuple[Failure, ...],
    markets: Mapping[str, Market],
) -> ResearchResult:
    """Write figures and page into a folder of their own, and the page once more as the newest one."""
    from argus.data._catalog_files import write_atomic
    from argus.engine.manifest import code_version
    from argus.report import ReportContext, write_report

    parts = [e.record.manifest.run_id for e in evaluations] + [f"{f.name}: {f.error}" for f in failures]
    identity = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    folder = workspace.runs / f"research-{identity}"
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "evaluations": [evaluation.as_dict() for evaluation in evaluations],
        "failures": [{"candidate": failure.name, "error": failure.error} for failure in failures],
    }
    write_atomic(folder / "evaluations.json", json.dumps(figures, indent=1).encode())
    report = folder / "report.html"
    context = ReportContext(made=f"Research {identity}, Argus {code_version()}", markets=markets)
    write_report(report, evaluations, context, failures=[(failure.name, failure.error) for failure in failures])
    if evaluations:
        write_atomic(workspace.runs / "report.html", report.read_bytes())
    return ResearchResult(evaluations, failures, folder, report)
