"""The stages of an experiment: its registration, and the judgement of one market, kept in a file of its own.

A stage holds for one file, one state of data, settings and code, and one set of looks that others took at its market.
Where any of these is another one, or the ledger no longer knows the stage's runs, the market is judged again, replays
and all: figures, page and ledger of a verdict are those of one judgement, and a pack repeats it to the byte.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.app._experiment_file import ExperimentPlan
from argus.app._experiment_outcomes import evidence_of, make_tables
from argus.app.candidates import Wanted, candidate_of
from argus.app.workspace import Workspace
from argus.core.errors import DataError

if TYPE_CHECKING:
    from argus.core.ports import TrialLedger
    from argus.core.strategy import ParameterValue
    from argus.lab.candidate import Candidate, MapRuns
    from argus.lab.evaluation import Evaluation
    from argus.lab.journal.experiment import ExperimentSpec
    from argus.lab.journal.kinship import ExperimentLedger
    from argus.lab.journal.registry import Event, Registration
    from argus.lab.journal.trials import SqlTrialLedger
    from argus.report.html import Part

__all__ = ["FORMAT", "MarketJob", "after", "anchor", "folder_of", "read_json", "register", "replayed", "stages_hold"]

FORMAT: Final = 1
_LIFE: Final = 2**62


def folder_of(workspace: Workspace, spec: ExperimentSpec) -> Path:
    """Where an experiment is kept."""
    return workspace.runs / f"experiment-{spec.id}"


def register(workspace: Workspace, plan: ExperimentPlan, now_ns: int) -> Registration:
    """State the experiment in the registry, with what ledger and catalog hold now; once for each file.

    Markets that were used before under other symbols are noted first, whenever there are new ones.
    """
    from argus.app._same_market import note_same_markets
    from argus.engine.sweep import environment
    from argus.lab.journal.kinship import kin_looks, kin_of
    from argus.lab.journal.registry import same_as
    from argus.lab.journal.verdict_notes import holdout_seen

    spec, ledger = plan.spec, workspace.trials()
    trials, marks = ledger.journal(), ledger.marks()
    kin = kin_of(spec.strategy, trials, marks, spec.source_hash)
    noted = note_same_markets(workspace, plan, trials, now_ns)
    if noted is not None:
        anchor(folder_of(workspace, spec), noted)
    events = workspace.experiments().journal()
    found = {
        "trials": len(trials),
        "looks": {
            market: kin_looks(trials, marks, kin, (*symbols, *same_as(events, symbols)), -_LIFE, _LIFE).count
            for market, symbols in spec.symbols.items()
        },
        "holdout_seen": holdout_seen(spec, trials, same_as(events, spec.instruments)),
        "data": dict(plan.hashes),
        "environment": environment(),
    }
    return workspace.experiments().register(spec, found, now_ns, kin.families)


def anchor(folder: Path, event: Event) -> None:
    """Name an event outside of the database, so that a shortened chain is seen."""
    from argus.data._catalog_files import write_atomic

    path = folder / "anchors.json"
    known = list(read_json(path) or ())
    if event.hash not in known:
        write_atomic(path, json.dumps([*known, event.hash]).encode())


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def stage_inputs(workspace: Workspace, plan: ExperimentPlan, market: str, dropped: Sequence[str] = ()) -> str:
    """Hash of everything that the judgement of a market depends on: file, settings, data, code, looks of others.

    Of the looks of others those count that its statistics count: at this market, or at one that an earlier form of the
    experiment had (`dropped`), at bars before the cut. Under which names the idea was run is part of it.
    """
    from argus.engine.sweep import environment
    from argus.lab.journal.kinship import kin_of
    from argus.lab.journal.trials import roots_of

    spec, ledger = plan.spec, workspace.trials()
    trials, marks = ledger.journal(), ledger.marks()
    elsewhere = {mark.run_id for mark in marks if mark.experiment != spec.id}
    marked = {mark.run_id for mark in marks}
    families = sorted(kin_of(spec.strategy, trials, marks, spec.source_hash).families)
    roots = roots_of((*spec.symbols[market], *dropped))
    until = _LIFE if spec.cut_ns is None else spec.cut_ns
    others = sorted(
        trial.run_id
        for trial in trials
        if (trial.run_id in elsewhere or trial.run_id not in marked) and trial.overlaps(roots, -_LIFE, until)
    )
    looks = [families, sorted(dropped), others]
    body = [FORMAT, market, spec.describe(), plan.seed, sorted(plan.hashes.items()), environment(), looks]
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def stages_hold(workspace: Workspace, plan: ExperimentPlan) -> bool:
    """Whether every market was judged under the conditions that hold now, and the ledger still knows its runs."""
    registration = _known(workspace, plan)
    return registration is not None and all(
        MarketJob(workspace, plan, registration, market).kept() is not None for market in plan.spec.markets
    )


def _known(workspace: Workspace, plan: ExperimentPlan) -> Registration | None:
    from argus.lab.journal.registry import EventKind, Registration

    events = workspace.experiments().journal()
    for event in events:
        if event.kind == EventKind.REGISTERED and event.experiment == plan.spec.id:
            parent = next((one for one in events if one.hash == event.body.get("parent")), None)
            return Registration(event, is_new=False, parent=parent)
    return None


@dataclass(frozen=True, slots=True)
class MarketJob:
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
        found = read_json(self.path)
        if not isinstance(found, dict) or found.get("inputs") != self._inputs():
            return None
        return found if found.get("digest") == self._digest(self.workspace.trials())[1] else None

    def _inputs(self) -> str:
        return stage_inputs(self.workspace, self.plan, self.market, self._dropped())

    def _dropped(self) -> tuple[str, ...]:
        """Instruments of earlier forms of the experiment, and other names of this market: looks at them count too."""
        from argus.lab.journal.registry import same_as
        from argus.lab.journal.trials import roots_of
        from argus.lab.journal.verdict_notes import dropped_symbols

        spec, events = self.plan.spec, self.workspace.experiments().journal()
        # Looks of the experiment's own other markets would depend on which was judged first.
        others = same_as(events, spec.symbols[self.market]) - roots_of(spec.instruments)
        return tuple(sorted({*dropped_symbols(spec, events, self.registration), *others}))

    def _digest(self, ledger: SqlTrialLedger) -> tuple[int, str]:
        from argus.lab.journal.verdict_notes import runs_digest

        symbols = self.plan.spec.symbols[self.market]
        return runs_digest(ledger.journal(), ledger.marks(), self.plan.spec.id, symbols)

    def judge(self, map_runs: MapRuns, now_ns: int, tell: Any) -> tuple[Mapping[str, Any], Evaluation]:
        """Judge the market, and keep the stage."""
        from argus.data._catalog_files import write_atomic
        from argus.engine.store import save_run
        from argus.lab.candidate import ResearchSettings
        from argus.lab.evaluation import to_json
        from argus.lab.journal.registry import EventKind
        from argus.lab.research import evaluate

        plan, spec = self.plan, self.plan.spec
        inputs = self._inputs()
        made, source = candidate_of(self.workspace, self.wanted())
        candidate = replace(made, grid=plan.grids[self.market])
        make_tables(self.workspace, plan, self.market, candidate, self.path.parent)
        ledger = self.ledger()
        how = ResearchSettings(
            train_years=spec.splits.train_years,
            test_years=spec.splits.test_years,
            anchored=spec.splits.anchored,
            embargo_sessions=spec.splits.embargo_sessions,
            seed=plan.seed,
            thresholds=dict(spec.gates),
        )
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
                "outcomes": evidence_of(plan, self.market, candidate, evaluation.record, self.path.parent),
            }
        )
        runs, digest = self._digest(self.workspace.trials())
        stage["digest"] = digest
        save_run(self.workspace.runs, evaluation.record, source)
        symbols = list(spec.symbols[self.market])
        body = {"market": self.market, "instruments": symbols, "inputs": inputs, "runs": runs, "digest": digest}
        more = {"trials": len(self.workspace.trials().journal()), "data": dict(plan.hashes)}
        event = self.workspace.experiments().note(spec.id, EventKind.RUN, {**body, **more}, now_ns)
        anchor(self.path.parent, event)
        self._keep_part(evaluation, candidate)
        write_atomic(self.path, json.dumps(stage, indent=1).encode())
        return stage, evaluation

    @property
    def part_path(self) -> Path:
        """The market's section of the page, as it was drawn when the market was judged."""
        return self.path.with_suffix(".page.json")

    def part(self) -> Part | None:
        """The section that was kept, if there is one."""
        from argus.report.html import Part

        found = read_json(self.part_path)
        return Part(found["section"], found["data"]) if isinstance(found, dict) else None

    def _keep_part(self, evaluation: Evaluation, candidate: Candidate) -> None:
        from argus.data._catalog_files import write_atomic
        from argus.report.html import candidate_part

        names = list(self.plan.spec.markets)
        # Trades through rolls are in contracts, the market's prices in a series made of them: they are not drawn.
        market = candidate.market if self.plan.rolling is None else None
        drawn = candidate_part(names.index(self.market) + 1, evaluation, market, is_open=len(names) == 1)
        write_atomic(self.part_path, json.dumps({"section": drawn.section, "data": drawn.data}).encode())

    def ledger(self) -> ExperimentLedger:
        from argus.lab.journal.kinship import ExperimentLedger

        spec = self.plan.spec
        return ExperimentLedger(self.workspace.trials(), spec.id, spec.source_hash, self._dropped())

    def _base(self, candidate: Candidate, start_ns: int, ledger: TrialLedger) -> Mapping[str, Any] | None:
        """The strategy as its author left it, over the range of the out-of-sample account."""
        values = self.plan.base[self.market]
        if values is None:
            return None
        return replayed(candidate, values, ledger, "baseline", start_ns)

    def _left_out(
        self, candidate: Candidate, chosen: Mapping[str, ParameterValue], ledger: TrialLedger
    ) -> Iterator[Mapping[str, Any]]:
        """What the choice brings on data that the file leaves out, and that are no hold-out."""
        spec = self.plan.spec
        if spec.data_from is not None:
            early = replace(self.wanted(), start_ns=None, cut_ns=spec.data_from)
            yield from self._elsewhere(early, chosen, ledger, None)
        if spec.data_to is not None and (spec.holdout_from is None or spec.data_to < spec.holdout_from):
            late = replace(self.wanted(), start_ns=after(spec.data_to), cut_ns=spec.holdout_from)
            yield from self._elsewhere(late, chosen, ledger, after(spec.data_to))

    def _elsewhere(
        self, wanted: Wanted, chosen: Mapping[str, ParameterValue], ledger: TrialLedger, start_ns: int | None
    ) -> Iterator[Mapping[str, Any]]:
        try:
            candidate, _ = candidate_of(self.workspace, wanted)
        except DataError as error:
            yield {"error": str(error)}
            return
        yield replayed(candidate, chosen, ledger, "left_out", start_ns)


def after(cut_ns: int) -> int:
    """When decisions begin on the far side of a cut.

    In a market without pause a session closes at the very instant of the cut. It was seen before the cut, with the
    decision made at its close; the first decision after it is made at the next.
    """
    return cut_ns + 1


def replayed(
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
