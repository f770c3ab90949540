"""The research loop: many experiments kept up to date, and the journal of all that was ever done.

A pass goes through the files, runs those that are new or whose data, code or looks changed, and leaves the others as
they are. What cannot be run, because its data are stale or its file is wrong, is told and does not stop the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus.app._experiment_file import ExperimentPlan, plan_experiment
from argus.app._experiment_stages import folder_of, read_json, stages_hold
from argus.app.experiments import ExperimentResult, Progress, refuse_stale, run_experiment
from argus.app.workspace import Workspace
from argus.core.errors import ArgusError, ConfigError

if TYPE_CHECKING:
    from argus.lab.journal.screen import Screen

__all__ = ["Journal", "Pass", "experiment_files", "journal", "loop_once"]


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What a pass of the loop did with one file.

    Attributes
    ----------
    path : Path
    did : str
        ``run``, ``unchanged`` or ``refused``.
    why : str
    result : ExperimentResult or None
        Where it was run.
    survivors : tuple of mapping
        Experiment, market and score of each market that passed every gate; none where a hold-out did not keep what was
        promised.
    """

    path: Path
    did: str
    why: str
    result: ExperimentResult | None = None
    survivors: tuple[Mapping[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        told = {"file": str(self.path), "did": self.did, "why": self.why, "survivors": list(self.survivors)}
        return told if self.result is None else {**told, "result": self.result.as_dict()}


def experiment_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files among these paths, and of folders the YAML files in them, by name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(sorted(one for one in path.iterdir() if one.suffix in (".yaml", ".yml"))))
        else:
            found[path] = None
    if not found:
        raise ConfigError(f"no experiment file in {', '.join(map(str, paths))}; a folder is searched for *.yaml")
    return tuple(found)


def loop_once(
    workspace: Workspace,
    files: Sequence[Path],
    *,
    workers: int = 1,
    now_ns: int,
    progress: Callable[[Path], Progress | None] | None = None,
) -> tuple[Pass, ...]:
    """One pass over the files.

    Parameters
    ----------
    workspace : Workspace
    files : sequence of Path
    workers : int
        Processes; results are the same for any number.
    now_ns : int
    progress : callable or None
        Gives for each file what is told of its progress.
    """
    done = []
    for path in files:
        try:
            plan = plan_experiment(workspace, path)
            refuse_stale(workspace, plan, now_ns)
            why = _why(workspace, plan)
            if why is None:
                known = read_json(folder_of(workspace, plan.spec) / "examination.json")
                same = "file, data, code and looks are those of its verdict"
                done.append(Pass(path, "unchanged", same, survivors=_survivors(known)))
                continue
            tell = progress(path) if progress else None
            result = run_experiment(workspace, path, workers=workers, now_ns=now_ns, progress=tell)
            done.append(Pass(path, "run", why, result, _survivors(result.examination)))
        except ArgusError as error:
            done.append(Pass(path, "refused", str(error)))
    return tuple(done)


def _survivors(examination: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    name = examination["experiment"]["name"]
    return tuple(
        {"experiment": name, "market": one["market"], "score": one["evaluation"]["score"]}
        for one in examination["markets"]
        if one["evaluation"]["deployable"]
    )


def _why(workspace: Workspace, plan: ExperimentPlan) -> str | None:
    """Why an experiment is to be run; None if its verdict holds."""
    from argus.lab.journal.registry import EventKind

    spec = plan.spec
    events = workspace.experiments().journal()
    own = [event for event in events if event.experiment == spec.id]
    if not own:
        named = any(e.kind == EventKind.REGISTERED and e.body.get("spec", {}).get("name") == spec.name for e in events)
        return "its file changed" if named else "it is new"
    if stages_hold(workspace, plan) and (folder_of(workspace, spec) / "examination.json").exists():
        return None
    runs = [event for event in own if event.kind == EventKind.RUN]
    if len({event.body["market"] for event in runs}) < len(spec.markets):
        return "it was not finished"
    if any(event.body.get("data") != dict(plan.hashes) for event in runs[-len(spec.markets) :]):
        return "its data changed"
    return "code, settings or the looks at its data changed"


@dataclass(frozen=True, slots=True)
class Journal:
    """Everything that registry and ledger hold, for people.

    Attributes
    ----------
    events : tuple of mapping
    faults : tuple of str
        What is wrong with the chain of events.
    families : tuple of (str, str, int, int)
        Strategy, market, looks and all runs kept, most looks first.
    trials : int
    screen : Screen
        The accounts of all verdicts, each corrected for all the others.
    """

    events: tuple[dict[str, Any], ...]
    faults: tuple[str, ...]
    families: tuple[tuple[str, str, int, int], ...]
    trials: int
    screen: Screen

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "events": list(self.events),
            "faults": list(self.faults),
            "trials": self.trials,
            "looks": [
                {"strategy": family, "market": market, "looks": looks, "runs": kept}
                for family, market, looks, kept in self.families
            ],
            "screen": asdict(self.screen),
        }


def journal(workspace: Workspace) -> Journal:
    """The journal of a workspace."""
    from argus.lab.journal.registry import chain_faults
    from argus.lab.journal.screen import screen_of
    from argus.lab.journal.trials import Trial, looks_of

    events = workspace.experiments().journal()
    groups: dict[tuple[str, str], list[Trial]] = {}
    trials = workspace.trials().journal()
    for trial in trials:
        groups.setdefault((trial.family, ",".join(sorted(trial.roots))), []).append(trial)
    counted = [(family, market, looks_of(group).count, len(group)) for (family, market), group in groups.items()]
    return Journal(
        events=tuple(event.as_dict() for event in events),
        faults=chain_faults(events),
        families=tuple(sorted(counted, key=lambda row: (-row[2], row[0], row[1]))),
        trials=len(trials),
        screen=screen_of(events),
    )
