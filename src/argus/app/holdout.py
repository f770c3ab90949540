"""The hold-out of an experiment: bars that no run has seen, opened once.

The opening is recorded before anything is run. It is unique for a market and a range, under whatever name, because the
data do not forget who looked at them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.app._experiment_file import ExperimentPlan, plan_experiment
from argus.app._experiment_stages import MarketJob, after, anchor, folder_of, read_json, register, replayed
from argus.app.candidates import candidate_of
from argus.app.experiments import refuse_stale, run_experiment
from argus.app.workspace import Workspace
from argus.core.errors import ConfigError, CoverageError

if TYPE_CHECKING:
    from argus.lab.candidate import Candidate
    from argus.lab.journal.experiment import ExperimentSpec
    from argus.lab.journal.registry import Event

__all__ = ["open_holdout"]

_SESSIONS_MIN: Final = 20
"""Below it the lab judges no search either. The opening cannot be taken back, so that it is refused before."""


def open_holdout(
    workspace: Workspace,
    path: Path,
    *,
    workers: int = 1,
    now_ns: int,
    warn: Callable[[str], None] | None = None,
) -> Mapping[str, Any]:
    """Run the frozen choice on the hold-out, once.

    The opening is recorded before anything is read. What was promised, the Sharpe ratio of the out-of-sample account,
    is held against what came: the hold-out is passed if it earned, and is not below the promise by more than two
    standard errors of the difference. How often an account without an edge would have passed is told beside it. A bar
    that closes when the hold-out begins belongs to what was seen before.

    Parameters
    ----------
    workspace : Workspace
    path : Path
        The experiment file.
    workers : int
        Processes, should the verdict that follows have to judge again.
    now_ns : int
    warn : callable or None
        Told, before anything is opened, of every market whose verdict is not deployable.

    Raises
    ------
    ConfigError
        If there is no hold-out, no verdict yet, or the range was opened before under whatever name.
    CoverageError
        If the catalog has no bars in it, or its newest are older than the experiment allows.
    """
    from argus.data._catalog_files import lock_for_writing, write_atomic
    from argus.lab.evaluation import to_json
    from argus.lab.journal.registry import EventKind

    plan = plan_experiment(workspace, path)
    spec, folder = plan.spec, folder_of(workspace, plan.spec)
    if spec.holdout_from is None:
        raise ConfigError(f"{path}: there is no hold-out; state holdout: {{from: DATE}} before the first run")
    refuse_stale(workspace, plan, now_ns)
    registry = workspace.experiments()
    with lock_for_writing(folder, 0.0):
        registration = register(workspace, plan, now_ns)
        jobs = [MarketJob(workspace, plan, registration, market) for market in spec.markets]
        stages = [job.kept() for job in jobs]
        examination = read_json(folder / "examination.json")
        if examination is None:
            raise ConfigError(f"{path}: nothing is frozen yet; run `argus lab run {path}` first")
        stale = [market for market, stage in zip(spec.markets, stages, strict=True) if stage is None]
        if stale:
            raise ConfigError(
                f"{path}: the verdict on {', '.join(stale)} no longer holds: settings, data or code have changed, "
                f"or other runs looked at this market or tried this idea; run `argus lab run {path}` again, and open "
                "while nothing else runs"
            )
        candidates = [_on_holdout(workspace, job, plan) for job in jobs]
        _warn(warn, stages)
        if not _is_unfinished(registry.journal(), spec, folder):
            seal = hashlib.sha256((folder / "examination.json").read_bytes()).hexdigest()
            frozen = {job.market: dict(stage["chosen"]) for job, stage in zip(jobs, stages, strict=True) if stage}
            body = {"examination_frozen": seal, "frozen": frozen, "markets": list(spec.markets)}
            anchor(folder, registry.open_holdout(spec, body, now_ns))
        markets = []
        for job, stage, candidate in zip(jobs, stages, candidates, strict=True):
            assert stage is not None
            assert spec.holdout_from is not None
            came = replayed(candidate, stage["chosen"], job.ledger(), "holdout", after(spec.holdout_from))
            evaluation = stage["evaluation"]
            refused = None if evaluation["deployable"] else evaluation["verdict"]
            held = _against_promise(came, evaluation["metrics"])
            markets.append({"market": job.market, **held, "not_deployable": refused})
        result: dict[str, Any] = to_json(
            {"experiment": spec.id, "name": spec.name, "from_ns": spec.holdout_from, "to_ns": spec.holdout_to}
            | {"markets": markets, "passed": all(market["passed"] for market in markets)}
        )
        write_atomic(folder / "holdout.json", json.dumps(result, indent=1).encode())
        anchor(folder, registry.note(spec.id, EventKind.VERDICT, {"holdout": result}, now_ns))
    run_experiment(workspace, path, workers=workers, now_ns=now_ns)
    return result


def _warn(warn: Callable[[str], None] | None, stages: Sequence[Mapping[str, Any] | None]) -> None:
    for stage in stages:
        if warn is not None and stage is not None and not stage["evaluation"]["deployable"]:
            warn(f"{stage['evaluation']['verdict']} A hold-out that it keeps will not change that, and will be spent.")


def _is_unfinished(events: Sequence[Event], spec: ExperimentSpec, folder: Path) -> bool:
    """Whether this very experiment opened it and was stopped before it could say what came."""
    from argus.lab.journal.registry import EventKind

    opened = any(e.kind == EventKind.HOLDOUT_OPENED and e.experiment == spec.id for e in events)
    told = any(e.kind == EventKind.VERDICT and e.experiment == spec.id and "holdout" in e.body for e in events)
    return opened and not told and not (folder / "holdout.json").exists()


def _on_holdout(workspace: Workspace, job: MarketJob, plan: ExperimentPlan) -> Candidate:
    from argus.core.time import format_ns

    spec = plan.spec
    assert spec.holdout_from is not None
    candidate, _ = candidate_of(
        workspace, replace(job.wanted(), start_ns=after(spec.holdout_from), cut_ns=spec.holdout_to)
    )
    for symbol, (_, bars) in candidate.market.items():
        if int(bars.ts_close_ns[-1]) <= spec.holdout_from:
            raise CoverageError(
                f"{symbol} has no bars yet in the hold-out, which begins {format_ns(spec.holdout_from)}; import them "
                "first. Nothing was opened"
            )
        sessions = len(np.unique(bars.session[bars.ts_close_ns > spec.holdout_from]))
        if sessions < _SESSIONS_MIN:
            raise CoverageError(
                f"{symbol} has {sessions} sessions in the hold-out so far, and its answer would be the toss of a coin; "
                f"at least {_SESSIONS_MIN} are needed. Nothing was opened"
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
        "kept_without_edge": _kept_without_edge(promise, promise_error, error),
        "promised_sharpe_annual": promise,
        "promised_sharpe_annual_error": promise_error,
        "passed": bool(kept and came["net_pnl"] > 0.0),
    }


def _kept_without_edge(promise: float | None, promise_error: float | None, error: float) -> float | None:
    """The chance that an account without an edge keeps such a promise, its Sharpe ratio taken as normal around zero.

    None where the hold-out's own error is unknown. A promise that is not known is kept by nobody.
    """
    if promise is None or promise_error is None:
        return 0.0
    if not (math.isfinite(error) and error > 0.0):
        return None
    asked = max(0.0, promise - 2.0 * math.hypot(error, promise_error))
    return 0.5 * math.erfc(asked / error / math.sqrt(2.0))
