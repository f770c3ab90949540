"""The task of a sweep that replays a strategy: one market in memory, one replay for each point."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.app._sweep_file import ExecutionSettings, SweepPlan
from argus.app.backtest import catalog_market, risk_for, sizer_for
from argus.app.research import run_config
from argus.app.settings import Settings
from argus.app.workspace import Workspace
from argus.core.errors import ConfigError, CoverageError
from argus.engine.sweep import FAILED, MEASURES, Column, Done, Point, TrialNotes, environment, measures_of

if TYPE_CHECKING:
    from argus.core.ports import TrialLedger
    from argus.engine.config import RunConfig
    from argus.engine.market import Market
    from argus.engine.record import RunRecord

__all__ = ["MARKETS_KEPT", "ReplayTask", "replay_task"]

MARKETS_KEPT: Final = 2
"""Markets that a worker keeps in memory."""

_LOADED: OrderedDict[tuple[object, ...], Market] = OrderedDict()


@dataclass(frozen=True, slots=True)
class ReplayTask:
    """Replays one strategy at points of a sweep.

    A period is traded from its start on, with all earlier bars to warm up on, and ends with the last bar that starts
    before its end: what is held then is valued at that bar's close.

    Attributes
    ----------
    root : Path
        The workspace.
    strategy : str
    settings : Settings
    execution : ExecutionSettings
    markets : mapping
        Market to its datasets.
    hashes : mapping
        Dataset to the content hash it must have.
    environment : str
        Code and libraries that it must run on.
    """

    root: Path
    strategy: str
    settings: Settings
    execution: ExecutionSettings
    markets: Mapping[str, tuple[str, ...]]
    hashes: Mapping[str, str]
    environment: str

    @property
    def columns(self) -> tuple[Column, ...]:
        """The figures of a run."""
        return MEASURES

    @property
    def batch_points(self) -> int:
        """Few: a replay takes long beside carrying its row."""
        return 4

    def __call__(self, points: Sequence[Point]) -> Done:
        """Replay each point; one that raises is a row that says so."""
        market = self.market(points[0])
        notes = TrialNotes()
        return Done(tuple(self._row(point, market, notes) for point in points), tuple(notes.seen))

    def _row(self, point: Point, market: Market, notes: TrialNotes) -> dict[str, Any]:
        told = len(notes.seen)
        try:
            return measures_of(self.replay(point, market, notes))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a run that raises is a result, and the others go on
            run_id = str(notes.seen[-1]["run_id"]) if len(notes.seen) > told else ""
            return {"status": FAILED, "error": f"{type(error).__name__}: {error}", "run_id": run_id}

    def replay(self, point: Point, market: Market, trials: TrialLedger) -> RunRecord:
        """The run of one point."""
        from argus.engine.replay import run
        from argus.strategies import create

        config = self._config(point, market)
        sizing = self.settings.sizing
        by_volatility = sizing.kind == "volatility_target"
        return run(
            create(self.strategy, tuple(market), **point.values),
            market,
            config,
            sizer=sizer_for(
                config,
                market,
                units=None if by_volatility else sizing.units,
                vol_target_annual=sizing.vol_target_annual if by_volatility else None,
            ),
            risk=risk_for(config, market),
            trials=trials,
            purpose="search",
        )

    def _config(self, point: Point, market: Market) -> RunConfig:
        from argus.engine.config import FillRules

        execution = self.execution
        config = run_config(self.settings, market)
        return replace(
            config,
            costs=replace(config.costs, multiplier=execution.cost_multiplier),
            fills=FillRules(execution.touch, execution.participation),
            latency_ns=round(execution.latency_ms * 1_000_000),
            start_ns=point.start_ns,
        )

    def market(self, point: Point) -> Market:
        """The point's market, from memory if it is one of the last that were used.

        Raises
        ------
        ConfigError
            If this process runs other code or libraries than the sweep was planned with.
        CoverageError
            If a dataset is not the one that the sweep was planned on.
        """
        if environment() != self.environment:
            raise ConfigError(
                f"a worker runs {environment()}, the sweep was planned with {self.environment}; install the same "
                "version of Argus and its libraries everywhere, and run the same sweep again"
            )
        names = self.markets[point.market]
        key = (self.root, *names, *(self.hashes[name] for name in names), point.end_ns)
        found = _LOADED.pop(key, None)
        if found is None:
            # Room first, so that never more than the bound is held.
            while len(_LOADED) >= MARKETS_KEPT:
                _LOADED.popitem(last=False)
            found = self._load(names, point.end_ns)
        _LOADED[key] = found
        return found

    def _load(self, names: tuple[str, ...], end_ns: int | None) -> Market:
        home = Workspace(self.root)
        for name in names:
            if home.catalog().info(name).content_hash != self.hashes[name]:
                raise CoverageError(
                    f"{name} has changed since the sweep began; run the same command again, as a sweep of the new data"
                )
        return catalog_market(home, names, None, end_ns)[0]


def replay_task(workspace: Workspace, plan: SweepPlan) -> ReplayTask:
    """The task that runs a plan."""
    return ReplayTask(
        workspace.root, plan.strategy, plan.settings, plan.execution, plan.markets, plan.hashes, environment()
    )
