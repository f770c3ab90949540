"""White noise: a candidate's whole search, beside the same search on surrogates of its market."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from argus.app.workspace import Workspace

if TYPE_CHECKING:
    from argus.app.settings import CandidateSettings
    from argus.lab.calibration.white_noise import WhiteNoise
    from argus.lab.candidate import Candidate

__all__ = ["SIZING_NOTE", "NoiseResult", "white_noise"]

SIZING_NOTE: Final = (
    "sized on the opening balance throughout, on the market and on its surrogates, so that many can be run"
)


@dataclass(frozen=True, slots=True, eq=False)
class NoiseResult:
    """What came of it: a result for each kind of surrogates, and what a reader must know."""

    strategy: str
    universe: tuple[str, ...]
    results: tuple[WhiteNoise, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "strategy": self.strategy,
            "universe": list(self.universe),
            "results": [result.as_dict() for result in self.results],
            "notes": list(self.notes),
        }


def white_noise(
    workspace: Workspace,
    item: CandidateSettings,
    kinds: Sequence[str] = (),
    surrogates: int = 200,
    *,
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
    workers : int
        Processes; the result is the same for any number.
    progress : callable or None
        Told how many surrogates are done, of how many.
    """
    from argus.app.research import build_candidate, map_runs_on
    from argus.lab.calibration.surrogates import SURROGATES
    from argus.lab.calibration.white_noise import white_noise as measure

    candidate, _ = build_candidate(workspace, item)
    candidate, notes = _sized(candidate)

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
    return NoiseResult(candidate.strategy, candidate.universe, results, notes)


def _sized(candidate: Candidate) -> tuple[Candidate, tuple[str, ...]]:
    """The candidate on fixed capital, where it would size on its equity."""
    from argus.portfolio.sizing import VolatilityTarget

    sizer = candidate.sizer
    if not isinstance(sizer, VolatilityTarget) or sizer.capital != "equity":
        return candidate, ()
    fixed = replace(sizer, capital="fixed", capital_micros=candidate.config.account.cash_micros)
    return replace(candidate, sizer=fixed), (SIZING_NOTE,)
