"""The task of a sweep that replays a strategy: one market in memory, one replay for each point."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.app._sweep_data import check_unchanged
from argus.app._sweep_file import ExecutionSettings, SweepPlan
from argus.app.backtest import catalog_market, risk_for, sizer_for
from argus.app.candidates import run_config
from argus.app.events import catalog_events
from argus.app.settings import Settings
from argus.app.workspace import Workspace
from argus.core.errors import ConfigError
from argus.engine.sweep import FAILED, MEASURES, Column, Done, Point, TrialNotes, environment, measures_of

if TYPE_CHECKING:
    from argus.app.events import Happened
    from argus.app.rolled import Rolling
    from argus.core.ports import Strategy, TrialLedger
    from argus.engine.config import RunConfig
    from argus.engine.market import Market
    from argus.engine.record import RunRecord
    from argus.engine.rolling import RolledRoot

__all__ = ["MARKETS_KEPT", "ReplayTask", "replay_task"]

MARKETS_KEPT: Final = 2
"""Markets that a worker keeps in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What the runs of one market and period share.

    Attributes
    ----------
    market : mapping
        What the strategy reads: bars by instrument; of roots their continuous series.
    roots : tuple of RolledRoot
        Where the sweep is on roots; else empty.
    happened : Happened or None
        Corporate actions of the catalog.
    """

    market: Market
    roots: tuple[RolledRoot, ...] = ()
    happened: Happened | None = None


_LOADED: OrderedDict[tuple[object, ...], Loaded] = OrderedDict()


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
        Dataset to the content hash it must have; of roots all contracts.
    rolling : Rolling or None
        How roots are rolled; None where markets are datasets.
    environment : str
        Code and libraries that it must run on.
    """

    root: Path
    strategy: str
    settings: Settings
    execution: ExecutionSettings
    markets: Mapping[str, tuple[str, ...]]
    hashes: Mapping[str, str]
    rolling: Rolling | None
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

    def _row(self, point: Point, market: Loaded, notes: TrialNotes) -> dict[str, Any]:
        told = len(notes.seen)
        try:
            return measures_of(self.replay(point, market, notes))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a run that raises is a result, and the others go on
            run_id = str(notes.seen[-1]["run_id"]) if len(notes.seen) > told else ""
            return {"status": FAILED, "error": f"{type(error).__name__}: {error}", "run_id": run_id}

    def replay(self, point: Point, loaded: Loaded, trials: TrialLedger) -> RunRecord:
        """The run of one point."""
        from argus.engine.replay import run
        from argus.engine.rolling import rolled_market, run_rolled

        market = loaded.market
        config = self._config(point, market)
        sizing = self.settings.sizing
        by_volatility = sizing.kind == "volatility_target"
        sizer = sizer_for(
            config,
            market,
            units=None if by_volatility else sizing.units,
            vol_target_annual=sizing.vol_target_annual if by_volatility else None,
        )
        made = self._made(point, market)
        if loaded.roots:
            risk = risk_for(config, rolled_market(loaded.roots))
            return run_rolled(made, loaded.roots, config, sizer=sizer, risk=risk, trials=trials, purpose="search")
        risk = risk_for(config, market)
        events = loaded.happened.events if loaded.happened else {}
        return run(made, market, config, sizer=sizer, risk=risk, trials=trials, purpose="search", events=events)

    def _made(self, point: Point, market: Market) -> Strategy:
        from argus.strategies import create

        return create(self.strategy, tuple(market), **point.values)

    def source(self, point: Point) -> dict[str, Any]:
        """How to load again what the run of a point was made on, for `argus trace`."""
        names = list(self.markets[point.market])
        if self.rolling is None:
            source = catalog_market(Workspace(self.root), tuple(names), None, point.end_ns)[2]
            happened = self.market(point).happened
            return {**source, "events": happened.described()} if happened else source
        origin = {"kind": "catalog", "names": names, "end_ns": point.end_ns}
        return {
            "kind": "rolled",
            "origin": origin,
            "rolling": asdict(self.rolling),
            "strategy": self.strategy,
            "parameters": dict(point.values),
        }

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

    def market(self, point: Point) -> Loaded:
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
        key = (self.root, *names, self.rolling, tuple(self.hashes.items()), point.end_ns)
        found = _LOADED.pop(key, None)
        if found is None:
            # Room first, so that never more than the bound is held.
            while len(_LOADED) >= MARKETS_KEPT:
                _LOADED.popitem(last=False)
            found = self._load(names, point.end_ns)
        _LOADED[key] = found
        return found

    def _load(self, names: tuple[str, ...], end_ns: int | None) -> Loaded:
        from argus.app.rolled import catalog_roots

        home = Workspace(self.root)
        check_unchanged(home, names, self.hashes, self.rolling)
        if self.rolling is None:
            market = catalog_market(home, names, None, end_ns)[0]
            return Loaded(market, happened=catalog_events(home, market))
        roots = catalog_roots(home, names, self.rolling, end_ns)[0]
        return Loaded({root.symbol: (root.spec, root.series.bars) for root in roots}, roots)


def replay_task(workspace: Workspace, plan: SweepPlan) -> ReplayTask:
    """The task that runs a plan."""
    return ReplayTask(
        workspace.root,
        plan.strategy,
        plan.settings,
        plan.execution,
        plan.markets,
        plan.hashes,
        plan.rolling,
        environment(),
    )
