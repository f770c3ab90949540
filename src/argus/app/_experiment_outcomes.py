"""The outcomes of an experiment: tables over its own bars, and what followed its entries beside what followed all bars.

The tables of a workspace go to the end of its data, and so over the hold-out. Those of an experiment are made of the
bars that its runs saw, which end at the cut: no window looks behind it, and of a root the series is the one that the
strategy read. They stand in the experiment's folder, are kept up to date like all others, and go into its packs.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from argus.app._experiment_file import ExperimentPlan
    from argus.app.workspace import Workspace
    from argus.engine.record import RunRecord
    from argus.lab.candidate import Candidate
    from argus.lab.outcomes import OutcomeSpec

__all__ = ["FOLDER", "evidence_of", "make_tables"]

FOLDER: Final = "outcomes"
"""Of the tables, in the folder of an experiment."""


def make_tables(workspace: Workspace, plan: ExperimentPlan, market: str, candidate: Candidate, folder: Path) -> None:
    """Bring the tables of a market's instruments up to date with the candidate's bars, where outcomes are asked for.

    Raises
    ------
    DataError
        If a stored row is not what the same bars give: the file was altered.
    """
    from argus.app._outcome_table import HashedBars, bring_up_to_date
    from argus.app.features import code_versions
    from argus.core.time import NS_PER_DAY
    from argus.data.outcome_store import OutcomeTable
    from argus.lab.outcomes import OutcomeMaker

    spec = _spec(plan)
    if spec is None:
        return
    for symbol, length in _intervals(workspace, plan, market).items():
        instrument, bars = candidate.market[symbol]
        maker = OutcomeMaker(spec, instrument, bars, length if length and length < NS_PER_DAY else None)
        hashed = HashedBars(maker)
        for horizon in spec.horizons:
            about = {
                "symbol": symbol,
                "experiment": plan.spec.id,
                "spec": asdict(spec) | {"horizons": [horizon]},
                "cut_ns": plan.spec.cut_ns,
                **code_versions(),
            }
            bring_up_to_date(OutcomeTable(_place(folder, plan, market, symbol, spec, horizon)), hashed, horizon, about)


def evidence_of(
    plan: ExperimentPlan, market: str, candidate: Candidate, record: RunRecord, folder: Path
) -> list[dict[str, Any]] | None:
    """What followed the entries of the account, by instrument and horizon; None where no outcomes are asked for."""
    from argus.data.outcome_store import OutcomeTable
    from argus.lab.outcome_evidence import entries_of, outcome_evidence

    spec = _spec(plan)
    if spec is None:
        return None
    start_ns = int(record.manifest.config["start_ns"])
    found = []
    for symbol in candidate.universe:
        entries = entries_of(record, symbol)
        for horizon in spec.horizons:
            columns = OutcomeTable(_place(folder, plan, market, symbol, spec, horizon)).after_the_fact()
            found.append(outcome_evidence(columns, entries, symbol, spec.barriers, start_ns).as_dict())
    return found


def _spec(plan: ExperimentPlan) -> OutcomeSpec | None:
    from argus.lab.outcomes import OutcomeSpec

    asked = plan.spec.outcomes
    if asked is None:
        return None
    return OutcomeSpec(horizons=asked.horizons, barriers=asked.barriers, cross_sessions=asked.cross_sessions)


def _place(folder: Path, plan: ExperimentPlan, market: str, symbol: str, spec: OutcomeSpec, horizon: int) -> Path:
    number = list(plan.spec.markets).index(market) + 1
    return folder / FOLDER / f"market-{number}" / quote(symbol, safe="") / f"{horizon}-bars-{spec.key(horizon)}"


def _intervals(workspace: Workspace, plan: ExperimentPlan, market: str) -> dict[str, int | None]:
    """Instrument to the length of its bars in nanoseconds; None for one bar a session."""
    from argus.app.rolled import contracts_held, root_and_interval
    from argus.core.instruments import instrument

    names = plan.spec.markets[market]
    if plan.rolling is None:
        infos = [workspace.catalog().info(name) for name in names]
    else:
        held = contracts_held(workspace)
        pairs = [root_and_interval(name, held) for name in names]
        infos = [next(one for one in held if (one.instrument, one.interval) == pair) for pair in pairs]
    return {instrument(info.instrument).symbol: info.interval_ns for info in infos}
