"""Which markets that were used before are those of an experiment under other names, by what the catalog holds.

Only datasets with bars of the same length are compared, and only those of markets that an experiment or a trial of this
workspace used. What is found is an event of the registry, so that it outlives the dataset, and a pack tells it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from argus.app._experiment_file import ExperimentPlan
from argus.app.workspace import Workspace

if TYPE_CHECKING:
    from argus.data.catalog import DatasetInfo
    from argus.lab.journal.registry import Event
    from argus.lab.journal.same_market import DailyPath, Likeness
    from argus.lab.journal.trials import Trial

__all__ = ["note_same_markets"]


def note_same_markets(workspace: Workspace, plan: ExperimentPlan, trials: Sequence[Trial], now_ns: int) -> Event | None:
    """Write down which markets used before hold the prices of this experiment's; None if no new one does."""
    from argus.lab.journal.registry import EventKind, same_as

    registry = workspace.experiments()
    events = registry.journal()
    own = _roots(plan)
    known = same_as(events, own)
    used = {root for trial in trials for root in trial.roots} | _registered(events)
    others = used - own - known
    pairs = _found(workspace, plan, own, others) if others else []
    if not pairs:
        return None
    return registry.note(plan.spec.id, EventKind.SAME_MARKET, {"name": plan.spec.name, "pairs": pairs}, now_ns)


def _roots(plan: ExperimentPlan) -> frozenset[str]:
    from argus.lab.journal.trials import roots_of

    return roots_of(plan.spec.instruments)


def _registered(events: Sequence[Event]) -> frozenset[str]:
    """Markets of all registrations and openings."""
    from argus.lab.journal.registry import EventKind
    from argus.lab.journal.trials import roots_of

    found: set[str] = set()
    for event in events:
        if event.kind == EventKind.REGISTERED:
            markets = event.body.get("spec", {}).get("symbols", {}).values()
            found.update(symbol for market in markets for symbol in market)
        elif event.kind == EventKind.HOLDOUT_OPENED:
            found.update(event.body["instruments"])
    return roots_of(found)


def _found(
    workspace: Workspace, plan: ExperimentPlan, own: frozenset[str], others: frozenset[str] | set[str]
) -> list[dict[str, Any]]:
    from argus.core.instruments import instrument
    from argus.lab.journal.trials import roots_of

    mine: dict[tuple[str, str], list[DatasetInfo]] = {}
    theirs: dict[tuple[str, str], list[DatasetInfo]] = {}
    for info in workspace.catalog().datasets():
        (root,) = roots_of([instrument(info.instrument).symbol])
        if root in own and info.name in plan.hashes:
            mine.setdefault((root, info.interval), []).append(info)
        elif root in others:
            theirs.setdefault((root, info.interval), []).append(info)
    theirs = {key: infos for key, infos in theirs.items() if any(key[1] == interval for _, interval in mine)}
    if not theirs:
        return []
    paths = {key: _path(workspace, infos) for key, infos in mine.items()}
    pairs = []
    for (other, interval), infos in sorted(theirs.items()):
        path = _path(workspace, infos)
        for (root, length), one in sorted(paths.items()):
            if length == interval:
                alike = _most_alike(one, path, plan.spec.holdout_from)
                if alike.is_same:
                    told = {"correlation": alike.correlation, "sessions": alike.sessions}
                    pairs.append({"market": root, "other": other, **told})
    return pairs


def _most_alike(one: DailyPath, other: DailyPath, holdout_from: int | None) -> Likeness:
    """Over all common sessions or, where these differ, over those of the hold-out alone."""
    from argus.core.time import NS_PER_DAY
    from argus.lab.journal.same_market import likeness

    whole = likeness(one, other)
    if whole.is_same or holdout_from is None:
        return whole
    return likeness(one, other, holdout_from // NS_PER_DAY)


def _path(workspace: Workspace, infos: Sequence[DatasetInfo]) -> DailyPath:
    from argus.lab.journal.same_market import daily_path, nearest_path

    catalog = workspace.catalog()
    ordered = sorted(infos, key=lambda info: info.contract or "")
    loaded = [catalog.load(info.instrument, info.interval, contract=info.contract) for info in ordered]
    if len(loaded) == 1:
        return daily_path(loaded[0].session, loaded[0].close)
    return nearest_path([(bars.session, bars.close) for bars in loaded])
