"""Experiments: registered before they are run, judged market by market, their hold-out opened once.

The bars after the cut are taken away before a candidate is built, so that no run can see them. Every market is a stage
with a file of its own; the same command goes on after the last one that was finished, and a stage whose file, data,
code or number of looks at its data changed is judged again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.app._experiment_file import ExperimentPlan, plan_experiment
from argus.app.candidates import Wanted, candidate_of
from argus.app.research import map_runs_on
from argus.app.workspace import Workspace
from argus.core.errors import ConfigError, CoverageError, DataError

if TYPE_CHECKING:
    from argus.core.ports import TrialLedger
    from argus.core.strategy import ParameterValue
    from argus.lab.candidate import Candidate
    from argus.lab.evaluation import Evaluation
    from argus.lab.experiment import ExperimentSpec
    from argus.lab.kinship import ExperimentLedger
    from argus.lab.registry import Event, Registration
    from argus.lab.trials import SqlTrialLedger
    from argus.lab.verdict_notes import Background

__all__ = ["ExperimentResult", "Progress", "folder_of", "open_holdout", "register", "run_experiment", "stage_inputs"]

Progress = Callable[[int, int, str, str, int, int], None]
"""Told number and count of markets, the market, the stage, and how far of how much."""

_FORMAT: Final = 1
_HOUR_NS: Final = 3_600_000_000_000
_LIFE: Final = 2**62


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
        """Whether every gate passed on every market."""
        return bool(self.examination["deployable"])

    def as_dict(self) -> dict[str, Any]:
        """The verdicts, for JSON; everything stands in the folder."""
        return {
            "experiment": self.spec.id,
            "name": self.spec.name,
            "deployable": self.deployable,
            "examination": str(self.folder / "examination.json"),
            "examination_hash": self.examination_hash,
            "notes": list(self.notes),
            "kept": list(self.kept),
            "markets": [
                {
                    "market": market["market"],
                    "deployable": market["evaluation"]["deployable"],
                    "verdict": market["evaluation"]["verdict"],
                    "gates": {gate["name"]: gate["passed"] for gate in market["evaluation"]["gates"]},
                    "sharpe_annual": market["evaluation"]["metrics"]["sharpe_annual"],
                    "base": market["base"],
                    "left_out": market["left_out"],
                }
                for market in self.examination["markets"]
            ],
        }


def folder_of(workspace: Workspace, spec: ExperimentSpec) -> Path:
    """Where an experiment is kept."""
    return workspace.runs / f"experiment-{spec.id}"


def run_experiment(
    workspace: Workspace,
    path: Path,
    *,
    workers: int = 1,
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
    from argus.lab.evaluation import to_json
    from argus.lab.registry import EventKind
    from argus.lab.verdict_notes import verdict_notes

    plan = plan_experiment(workspace, path)
    refuse_stale(workspace, plan, now_ns)
    spec, folder = plan.spec, folder_of(workspace, plan.spec)
    with lock_for_writing(folder, 0.0):
        registration = register(workspace, plan, now_ns)
        _anchor(folder, registration.event)
        markets, kept, evaluations = [], [], {}
        for number, market in enumerate(spec.markets):
            tell = _teller(progress, number, len(spec.markets), market)
            job = _Job(workspace, plan, registration, market)
            stage = job.kept()
            if stage is None:
                stage, evaluations[market] = job.judge(workers, now_ns, tell)
            else:
                kept.append(market)
            markets.append({name: value for name, value in stage.items() if name not in ("inputs", "digest")})
        notes = verdict_notes(spec, registration, background(workspace, plan))
        examination = to_json(
            {
                "format": _FORMAT,
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
    return ExperimentResult(spec, folder, examination, examination_hash, notes, tuple(kept), evaluations)


def register(workspace: Workspace, plan: ExperimentPlan, now_ns: int) -> Registration:
    """State the experiment in the registry, with what ledger and catalog hold now; once for each file."""
    from argus.engine.sweep import environment
    from argus.lab.kinship import kin_looks, kin_of
    from argus.lab.verdict_notes import holdout_seen

    spec, ledger = plan.spec, workspace.trials()
    trials, marks = ledger.journal(), ledger.marks()
    kin = kin_of(spec.strategy, trials, marks, spec.source_hash)
    found = {
        "trials": len(trials),
        "looks": {
            market: kin_looks(trials, marks, kin, symbols, -_LIFE, _LIFE).count
            for market, symbols in spec.symbols.items()
        },
        "holdout_seen": holdout_seen(spec, trials),
        "data": dict(plan.hashes),
        "environment": environment(),
    }
    return workspace.experiments().register(spec, found, now_ns, kin.families)


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
    from argus.lab.kinship import kin_of
    from argus.lab.verdict_notes import Background

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
        for seal in _read_json(path) or ():
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


def _anchor(folder: Path, event: Event) -> None:
    """Name an event outside of the database, so that a shortened chain is seen."""
    from argus.data._catalog_files import write_atomic

    path = folder / "anchors.json"
    known = list(_read_json(path) or ())
    if event.hash not in known:
        write_atomic(path, json.dumps([*known, event.hash]).encode())


def _verdict(
    workspace: Workspace,
    spec: ExperimentSpec,
    examination: Mapping[str, Any],
    examination_hash: str,
    now_ns: int,
    kind: Any,
) -> None:
    """Add the verdict to the journal, unless it is the one that stands there last."""
    registry = workspace.experiments()
    earlier = [e for e in registry.journal() if e.experiment == spec.id and "examination" in e.body]
    if earlier and earlier[-1].body["examination"] == examination_hash:
        return
    body = {
        "examination": examination_hash,
        "deployable": examination["deployable"],
        "verdicts": {market["market"]: market["evaluation"]["verdict"] for market in examination["markets"]},
        "notes": examination["notes"],
        "trials": len(workspace.trials().journal()),
    }
    _anchor(folder_of(workspace, spec), registry.note(spec.id, kind, body, now_ns))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _teller(progress: Progress | None, number: int, count: int, market: str) -> Any:
    if progress is None:
        return None

    def tell(stage: str, done: int, total: int) -> None:
        progress(number, count, market, stage, done, total)

    return tell


# ---- one market


def stage_inputs(workspace: Workspace, plan: ExperimentPlan, market: str) -> str:
    """Hash of everything that the judgement of a market depends on: file, settings, data, code, looks of others."""
    from argus.engine.sweep import environment
    from argus.lab.kinship import kin_of
    from argus.lab.trials import roots_of

    spec, ledger = plan.spec, workspace.trials()
    trials, marks = ledger.journal(), ledger.marks()
    elsewhere = {mark.run_id for mark in marks if mark.experiment != spec.id}
    marked = {mark.run_id for mark in marks}
    families = kin_of(spec.strategy, trials, marks, spec.source_hash).families
    roots = roots_of(spec.instruments)
    others = sorted(
        trial.run_id
        for trial in trials
        if (trial.run_id in elsewhere or trial.run_id not in marked)
        and (trial.family in families or not roots.isdisjoint(trial.roots))
    )
    body = [_FORMAT, market, spec.describe(), plan.seed, sorted(plan.hashes.items()), environment(), others]
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Job:
    """The judgement of one market."""

    workspace: Workspace
    plan: ExperimentPlan
    registration: Registration
    market: str

    @property
    def path(self) -> Path:
        """The stage's file."""
        number = list(self.plan.spec.markets).index(self.market)
        return folder_of(self.workspace, self.plan.spec) / f"stage-{number + 1}.json"

    def wanted(self) -> Wanted:
        """What the candidate is made of: nothing after the cut."""
        spec = self.plan.spec
        return Wanted(
            spec.strategy,
            spec.markets[self.market],
            self.plan.settings,
            self.plan.execution,
            self.plan.rolling,
            spec.data_from,
            spec.cut_ns,
        )

    def kept(self) -> Mapping[str, Any] | None:
        """The stage as it was kept, if it still holds and the ledger still knows its runs."""
        found = _read_json(self.path)
        if not isinstance(found, dict) or found.get("inputs") != stage_inputs(self.workspace, self.plan, self.market):
            return None
        return found if found.get("digest") == self._digest(self.workspace.trials())[1] else None

    def _digest(self, ledger: SqlTrialLedger) -> tuple[int, str]:
        from argus.lab.verdict_notes import runs_digest

        symbols = self.plan.spec.symbols[self.market]
        return runs_digest(ledger.journal(), ledger.marks(), self.plan.spec.id, symbols)

    def judge(self, workers: int, now_ns: int, tell: Any) -> tuple[Mapping[str, Any], Evaluation]:
        """Judge the market, and keep the stage."""
        from argus.data._catalog_files import write_atomic
        from argus.engine.store import save_run
        from argus.lab.candidate import ResearchSettings
        from argus.lab.evaluation import to_json
        from argus.lab.registry import EventKind
        from argus.lab.research import evaluate

        plan, spec = self.plan, self.plan.spec
        inputs = stage_inputs(self.workspace, plan, self.market)
        made, source = candidate_of(self.workspace, self.wanted())
        candidate = replace(made, grid=plan.grids[self.market])
        ledger = self._ledger()
        how = ResearchSettings(
            train_years=spec.splits.train_years,
            test_years=spec.splits.test_years,
            anchored=spec.splits.anchored,
            seed=plan.seed,
            thresholds=dict(spec.gates),
        )
        with map_runs_on(workers) as map_runs:
            evaluation = evaluate(candidate, trials=ledger, settings=how, map_runs=map_runs, progress=tell)
        start_ns = int(evaluation.record.manifest.config["start_ns"])
        chosen = evaluation.folds[-1].values
        stage = to_json(
            {
                "inputs": inputs,
                "market": self.market,
                "evaluation": evaluation.as_dict(),
                "chosen": dict(chosen),
                "base": self._base(candidate, start_ns, ledger),
                "left_out": list(self._left_out(candidate, chosen, ledger)),
            }
        )
        runs, digest = self._digest(self.workspace.trials())
        stage["digest"] = digest
        if plan.rolling is None:
            save_run(self.workspace.runs, evaluation.record, source)
        symbols = list(spec.symbols[self.market])
        body = {"market": self.market, "instruments": symbols, "inputs": inputs, "runs": runs, "digest": digest}
        trials = len(self.workspace.trials().journal())
        event = self.workspace.experiments().note(spec.id, EventKind.RUN, {**body, "trials": trials}, now_ns)
        _anchor(self.path.parent, event)
        write_atomic(self.path, json.dumps(stage, indent=1).encode())
        return stage, evaluation

    def _ledger(self) -> ExperimentLedger:
        from argus.lab.kinship import ExperimentLedger
        from argus.lab.verdict_notes import dropped_symbols

        spec = self.plan.spec
        dropped = dropped_symbols(spec, self.workspace.experiments().journal(), self.registration)
        return ExperimentLedger(self.workspace.trials(), spec.id, spec.source_hash, dropped)

    def _base(self, candidate: Candidate, start_ns: int, ledger: TrialLedger) -> Mapping[str, Any] | None:
        """The strategy as its author left it, over the range of the out-of-sample account."""
        values = self.plan.base[self.market]
        if values is None:
            return None
        return _replayed(candidate, values, ledger, "baseline", start_ns)

    def _left_out(
        self, candidate: Candidate, chosen: Mapping[str, ParameterValue], ledger: TrialLedger
    ) -> Iterator[Mapping[str, Any]]:
        """What the choice brings on data that the file leaves out, and that are no hold-out."""
        spec = self.plan.spec
        if spec.data_from is not None:
            early = replace(self.wanted(), start_ns=None, cut_ns=spec.data_from)
            yield from self._elsewhere(early, chosen, ledger, None)
        if spec.data_to is not None and (spec.holdout_from is None or spec.data_to < spec.holdout_from):
            late = replace(self.wanted(), start_ns=spec.data_to, cut_ns=spec.holdout_from)
            yield from self._elsewhere(late, chosen, ledger, spec.data_to)

    def _elsewhere(
        self, wanted: Wanted, chosen: Mapping[str, ParameterValue], ledger: TrialLedger, start_ns: int | None
    ) -> Iterator[Mapping[str, Any]]:
        try:
            candidate, _ = candidate_of(self.workspace, wanted)
        except DataError as error:
            yield {"error": str(error)}
            return
        yield _replayed(candidate, chosen, ledger, "left_out", start_ns)


def _replayed(
    candidate: Candidate,
    values: Mapping[str, ParameterValue],
    ledger: TrialLedger,
    purpose: str,
    start_ns: int | None,
) -> dict[str, Any]:
    """The figures of one run from `start_ns` on."""
    from argus.core.time import day_of
    from argus.engine.metrics import sessions_per_year, summarise

    config = candidate.config if start_ns is None else replace(candidate.config, start_ns=start_ns)
    record = candidate.run(candidate.create(values), config, ledger, purpose)
    session, _ = record.session_equity()
    # A range of a few sessions has no rate of its own; none is told then.
    per_year = sessions_per_year(session) if len(session) > 1 else math.nan
    figures = summarise(record, per_year)
    return {
        "values": dict(values),
        "run_id": record.manifest.run_id,
        "first": day_of(int(session[0])).isoformat() if len(session) else None,
        "last": day_of(int(session[-1])).isoformat() if len(session) else None,
        "sessions": len(session),
        "sharpe_annual": figures.sharpe_annual,
        "sharpe_annual_error": figures.sharpe_annual_error,
        "net_pnl": figures.net_pnl_micros / 1e6,
        "trades": figures.trades,
    }


# ---- the hold-out


def open_holdout(workspace: Workspace, path: Path, *, now_ns: int) -> Mapping[str, Any]:
    """Run the frozen choice on the hold-out, once.

    The opening is recorded before anything is read. What was promised, the Sharpe ratio of the out-of-sample account,
    is held against what came: the hold-out is passed if it earned, and is not below the promise by more than two
    standard errors of the difference.

    Raises
    ------
    ConfigError
        If there is no hold-out, no verdict yet, or the range was opened before under whatever name.
    CoverageError
        If the catalog has no bars in it.
    """
    from argus.data._catalog_files import lock_for_writing, write_atomic
    from argus.lab.evaluation import to_json
    from argus.lab.registry import EventKind

    plan = plan_experiment(workspace, path)
    spec, folder = plan.spec, folder_of(workspace, plan.spec)
    if spec.holdout_from is None:
        raise ConfigError(f"{path}: there is no hold-out; state holdout: {{from: DATE}} before the first run")
    registry = workspace.experiments()
    with lock_for_writing(folder, 0.0):
        registration = register(workspace, plan, now_ns)
        jobs = [_Job(workspace, plan, registration, market) for market in spec.markets]
        stages = [job.kept() for job in jobs]
        examination = _read_json(folder / "examination.json")
        if examination is None or any(stage is None for stage in stages):
            raise ConfigError(
                f"{path}: nothing is frozen yet, or data, code or looks have changed since; run `argus lab run "
                f"{path}` first"
            )
        candidates = [_on_holdout(workspace, job, plan) for job in jobs]
        if not _is_unfinished(registry.journal(), spec, folder):
            seal = hashlib.sha256((folder / "examination.json").read_bytes()).hexdigest()
            frozen = {job.market: dict(stage["chosen"]) for job, stage in zip(jobs, stages, strict=True) if stage}
            body = {"examination_frozen": seal, "frozen": frozen, "markets": list(spec.markets)}
            _anchor(folder, registry.open_holdout(spec, body, now_ns))
        markets = []
        for job, stage, candidate in zip(jobs, stages, candidates, strict=True):
            assert stage is not None
            came = _replayed(candidate, stage["chosen"], job._ledger(), "holdout", spec.holdout_from)
            markets.append({"market": job.market, **_against_promise(came, stage["evaluation"]["metrics"])})
        result: dict[str, Any] = to_json(
            {"experiment": spec.id, "name": spec.name, "from_ns": spec.holdout_from, "to_ns": spec.holdout_to}
            | {"markets": markets, "passed": all(market["passed"] for market in markets)}
        )
        write_atomic(folder / "holdout.json", json.dumps(result, indent=1).encode())
        _anchor(folder, registry.note(spec.id, EventKind.VERDICT, {"holdout": result}, now_ns))
    return result


def _is_unfinished(events: Sequence[Event], spec: ExperimentSpec, folder: Path) -> bool:
    """Whether this very experiment opened it and was stopped before it could say what came."""
    from argus.lab.registry import EventKind

    opened = any(e.kind == EventKind.HOLDOUT_OPENED and e.experiment == spec.id for e in events)
    told = any(e.kind == EventKind.VERDICT and e.experiment == spec.id and "holdout" in e.body for e in events)
    return opened and not told and not (folder / "holdout.json").exists()


def _on_holdout(workspace: Workspace, job: _Job, plan: ExperimentPlan) -> Candidate:
    from argus.core.time import format_ns

    spec = plan.spec
    assert spec.holdout_from is not None
    candidate, _ = candidate_of(
        workspace, replace(job.wanted(), start_ns=spec.holdout_from, cut_ns=spec.holdout_to)
    )
    for symbol, (_, bars) in candidate.market.items():
        if int(bars.ts_close_ns[-1]) <= spec.holdout_from:
            raise CoverageError(
                f"{symbol} has no bars yet in the hold-out, which begins {format_ns(spec.holdout_from)}; import them "
                "first. Nothing was opened"
            )
    return candidate


def _against_promise(came: Mapping[str, Any], promised: Mapping[str, Any]) -> dict[str, Any]:
    """What came, beside what was promised, and whether that is kept."""
    sharpe, error = float(came["sharpe_annual"]), float(came["sharpe_annual_error"])
    promise, promise_error = promised["sharpe_annual"], promised["sharpe_annual_error"]
    kept = (
        promise is not None
        and promise_error is not None
        and math.isfinite(sharpe)
        and sharpe >= promise - 2.0 * math.hypot(error, promise_error)
    )
    return {
        **came,
        "promised_sharpe_annual": promise,
        "promised_sharpe_annual_error": promise_error,
        "passed": bool(kept and came["net_pnl"] > 0.0),
    }
