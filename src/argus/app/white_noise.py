"""White noise: a candidate's whole search, beside the same search on surrogates of its market.

The search ends before a registered hold-out that was not opened, because what was searched has been looked at. Whoever
wants the hold-out's bars in says so; that is written into the registry first, and stands in every later verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from argus.app.workspace import Workspace
from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from argus.app.settings import CandidateSettings
    from argus.lab.calibration.white_noise import WhiteNoise
    from argus.lab.candidate import Candidate
    from argus.lab.journal.registry import Event

__all__ = ["SIZING_NOTE", "NoiseRange", "NoiseResult", "white_noise"]

SIZING_NOTE: Final = (
    "sized on the opening balance throughout, on the market and on its surrogates, so that many can be run"
)


@dataclass(frozen=True, slots=True)
class NoiseRange:
    """Which bars are searched.

    Attributes
    ----------
    start_ns, end_ns : int or None
        Nanoseconds: when trading begins, earlier bars warm up; no bar that closes after the end is read.
    include_holdout : bool
        Whether registered hold-outs that are still shut may be searched.

    Raises
    ------
    ConfigError
        If it ends before it begins.
    """

    start_ns: int | None = None
    end_ns: int | None = None
    include_holdout: bool = False

    def __post_init__(self) -> None:
        from argus.core.time import format_ns

        if self.start_ns is not None and self.end_ns is not None and self.start_ns >= self.end_ns:
            raise ConfigError(
                f"--from is {format_ns(self.start_ns)} and --to {format_ns(self.end_ns)}; the range ends after it "
                "begins"
            )


@dataclass(frozen=True, slots=True, eq=False)
class NoiseResult:
    """What came of it: a result for each kind of surrogates, and what a reader must know.

    Attributes
    ----------
    strategy : str
    universe : tuple of str
    results : tuple of WhiteNoise
    notes : tuple of str
    first_ns, last_ns : int
        When trading began, and the close of the last bar.
    holdout_from_ns : int or None
        Where the first hold-out begins that is registered for one of these markets and still shut.
    holdout_seen : bool
        Whether the search went over it.
    """

    strategy: str
    universe: tuple[str, ...]
    results: tuple[WhiteNoise, ...]
    notes: tuple[str, ...]
    first_ns: int
    last_ns: int
    holdout_from_ns: int | None
    holdout_seen: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        from argus.core.time import format_ns

        begins = None if self.holdout_from_ns is None else format_ns(self.holdout_from_ns)
        return {
            "strategy": self.strategy,
            "universe": list(self.universe),
            "first": format_ns(self.first_ns),
            "last": format_ns(self.last_ns),
            "holdout": None if begins is None else {"from": begins, "searched": self.holdout_seen},
            "results": [result.as_dict() for result in self.results],
            "notes": list(self.notes),
        }


def white_noise(
    workspace: Workspace,
    item: CandidateSettings,
    kinds: Sequence[str] = (),
    surrogates: int = 200,
    *,
    over: NoiseRange | None = None,
    now_ns: int,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> NoiseResult:
    """Run it for a strategy on datasets of the workspace; the search on the real market is counted as trials.

    Parameters
    ----------
    workspace : Workspace
    item : CandidateSettings
        Strategy, datasets and fixed parameters, as in ``argus.yaml``.
    kinds : sequence of str
        Kinds of surrogates; none takes all.
    surrogates : int
        Of each kind.
    over : NoiseRange or None
        None is all bars before the first registered hold-out that is still shut.
    now_ns : int
        When; kept in the registry if a hold-out is searched.
    workers : int
        Processes; the result is the same for any number.
    progress : callable or None
        Told how many surrogates are done, of how many.

    Raises
    ------
    ConfigError
        If nothing is left before the hold-out, or a number makes no sense.
    """
    from argus.app.research import build_candidate, map_runs_on
    from argus.lab.calibration.surrogates import SURROGATES
    from argus.lab.calibration.white_noise import white_noise as measure

    over = over or NoiseRange()
    shut = _shut(workspace, item)
    cut_ns, said = _cut(over, shut)
    candidate, _ = build_candidate(workspace, item, over.start_ns, cut_ns)
    candidate, notes = _sized(candidate)
    last_ns = max(int(bars.ts_close_ns[-1]) for _, bars in candidate.market.values())
    seen = tuple(event for event in shut if _begins(event) < last_ns) if over.include_holdout else ()
    if seen:
        said = _write_down(workspace, item, candidate, seen, last_ns, now_ns)

    def tell(stage: str, done: int, total: int) -> None:
        if progress is not None:
            progress(done, total)

    with map_runs_on(workers) as map_runs:
        results = measure(
            candidate,
            tuple(kinds) or tuple(SURROGATES),
            surrogates,
            trials=workspace.trials(),
            seed=workspace.settings.seed,
            map_runs=map_runs,
            progress=tell,
        )
    notes += tuple(dict.fromkeys(result.note for result in results if result.note))
    first_ns = min(int(bars.ts_event_ns[0]) for _, bars in candidate.market.values())
    return NoiseResult(
        strategy=candidate.strategy,
        universe=candidate.universe,
        results=results,
        notes=(*said, *notes),
        first_ns=max(first_ns, over.start_ns or first_ns),
        last_ns=last_ns,
        holdout_from_ns=_begins(shut[0]) if shut else None,
        holdout_seen=bool(seen),
    )


# ---- the hold-outs


def _shut(workspace: Workspace, item: CandidateSettings) -> tuple[Event, ...]:
    """Registrations with a hold-out on these markets that was not opened, the earliest hold-out first."""
    from argus.core.instruments import instrument
    from argus.lab.journal.registry import shut_holdouts

    catalog = workspace.catalog()
    symbols = [instrument(catalog.info(name).instrument).symbol for name in item.datasets]
    return shut_holdouts(workspace.experiments().journal(), symbols)


def _begins(event: Event) -> int:
    return int(event.body["spec"]["holdout_from"])


def _cut(over: NoiseRange, shut: Sequence[Event]) -> tuple[int | None, tuple[str, ...]]:
    """(where the bars end, what is to be said of it)."""
    from argus.core.time import format_ns

    if not shut or over.include_holdout or (over.end_ns is not None and over.end_ns <= _begins(shut[0])):
        return over.end_ns, ()
    begins, spec = _begins(shut[0]), shut[0].body["spec"]
    whose = f"the hold-out of {spec['name']} (experiment {shut[0].experiment}), which is not opened"
    if over.start_ns is not None and over.start_ns >= begins:
        raise ConfigError(
            f"--from is {format_ns(over.start_ns)}, and from {format_ns(begins)} on lies {whose}; begin earlier, or "
            "give --include-holdout, which is recorded and stands in every later verdict"
        )
    return begins, (f"stopped at {format_ns(begins)}, before {whose}; --include-holdout would search it",)


def _write_down(
    workspace: Workspace,
    item: CandidateSettings,
    candidate: Candidate,
    seen: Sequence[Event],
    last_ns: int,
    now_ns: int,
) -> tuple[str, ...]:
    """Record that the search goes over hold-outs, before it does."""
    from argus.app._experiment_stages import anchor
    from argus.lab.journal.registry import EventKind

    registry = workspace.experiments()
    sets = len(candidate.parameter_sets())
    for event in seen:
        body = {
            "what": f"argus lab whitenoise {item.strategy} ({sets} parameter sets)",
            "instruments": sorted(candidate.universe),
            "from_ns": _begins(event),
            "to_ns": last_ns,
        }
        noted = registry.note(event.experiment, EventKind.HOLDOUT_SEEN, body, now_ns)
        anchor(workspace.runs / f"experiment-{event.experiment}", noted)
    named = ", ".join(dict.fromkeys(f"{event.body['spec']['name']} ({event.experiment})" for event in seen))
    return (f"went over the hold-out of {named}; this was recorded, and stands in every later verdict",)


def _sized(candidate: Candidate) -> tuple[Candidate, tuple[str, ...]]:
    """The candidate on fixed capital, where it would size on its equity."""
    from argus.portfolio.sizing import VolatilityTarget

    sizer = candidate.sizer
    if not isinstance(sizer, VolatilityTarget) or sizer.capital != "equity":
        return candidate, ()
    fixed = replace(sizer, capital="fixed", capital_micros=candidate.config.account.cash_micros)
    return replace(candidate, sizer=fixed), (SIZING_NOTE,)
