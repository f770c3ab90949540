"""The harvest: tables of feature sets over symbols and timeframes, kept up to date.

A harvest has one table for each set, symbol and timeframe, under ``features/`` in the workspace; the set ``all`` stands
for a table of each. Tables are made side by side by worker processes, or over a Ray cluster; each is the same bytes
whoever makes it. A harvest can be stopped and started again at any moment: what is finished is kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.app.features import (
    UNIVERSE,
    bars_held,
    code_versions,
    peak_mb,
    reads_members,
    series_of,
    symbol_of,
    table_of,
)
from argus.core.errors import CatalogError, ConfigError
from argus.core.time import NS_PER_DAY

if TYPE_CHECKING:
    from argus.app.rolled import Rolling
    from argus.app.workspace import Workspace
    from argus.engine.sweep import Done, Executor, Point

__all__ = ["HarvestResult", "expected_rows", "harvest"]

Progress = Callable[[int, int], None]
_POLL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class HarvestResult:
    """What a harvest did.

    Attributes
    ----------
    tables : tuple of mapping
        One for each symbol and timeframe.
    seconds : float
    """

    tables: tuple[Mapping[str, Any], ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        rows = sum(int(table["rows"]) for table in self.tables)
        values = sum(int(table["values_made"]) for table in self.tables)
        return {
            "tables": [dict(table) for table in self.tables],
            "rows": rows,
            "values_made": values,
            "seconds": self.seconds,
            "values_per_second": values / self.seconds if self.seconds > 0 else None,
        }


@dataclass(frozen=True, slots=True)
class HarvestTask:
    """Brings tables up to date, wherever it is sent; nodes of a cluster see the workspace under the same path."""

    root: Path
    what: str
    rolling: Rolling
    threads: int
    columns: tuple[()] = ()
    batch_points: int = 1

    def __call__(self, points: Sequence[Point]) -> Done:
        from argus.engine.sweep import Done

        return Done(tuple(self._table(point.market, str(point.values["timeframe"])) for point in points))

    def _table(self, symbol: str, timeframe: str, progress: Progress | None = None) -> dict[str, Any]:
        from argus.app._harvest_table import bring_up_to_date
        from argus.app.workspace import Workspace
        from argus.data._catalog_files import lock_for_writing
        from argus.features import feature
        from argus.features.declaration import inputs_of

        began = time.perf_counter()
        workspace = Workspace(self.root)
        series = series_of(workspace, symbol, timeframe, self.rolling)
        refs, left_out = series.makeable(self.what)
        names = sorted({name for ref in refs for name in inputs_of(feature(ref.feature).term(ref.parameters))})
        table = table_of(workspace, self.what, symbol, timeframe)
        series.prepare(names)
        about = {"set": self.what, "symbol": symbol, "timeframe": timeframe, **series.about, **code_versions()}
        with lock_for_writing(table.folder, 0.0):
            done = bring_up_to_date(
                table,
                refs,
                series.bars.ts_recv_ns,
                lambda first, last: series.columns(names, first, last),
                about,
                self.threads,
                progress,
            )
        return {
            "symbol": symbol,
            "timeframe": timeframe,
            **asdict(done),
            "seconds": time.perf_counter() - began,
            "peak_mb": peak_mb(),
            "folder": str(table.folder),
            "left_out": left_out,
        }


def harvest(
    workspace: Workspace,
    what: str,
    symbols: Sequence[str],
    timeframes: Sequence[str],
    rolling: Rolling,
    *,
    workers: int = 1,
    ray: str | None = None,
    progress: Progress | None = None,
) -> HarvestResult:
    """Bring the tables of a set up to date.

    Parameters
    ----------
    workspace : Workspace
    what : str
        A set, or features separated by commas.
    symbols, timeframes : sequence of str
        ``["MES", "ZN"]``, ``["1h", "1d"]``. For a set that looks at members of the universe no symbols.
    rolling : Rolling
        How roots of futures are joined.
    workers : int
        Processes; the tables are the same for any number.
    ray : str or None
        Address of a Ray cluster to run on instead; its nodes see the workspace under the same path.
    progress : callable or None
        Called with rows done, and of about how many.

    Raises
    ------
    CatalogError
        If the catalog lacks bars for a table: before anything is made.
    ConfigError
        If the set is unknown, or looks at the universe and symbols are named.
    """
    from argus.engine.sweep import Point, carried
    from argus.features.sets import ALL, PARTS

    began = time.perf_counter()
    if what == ALL:
        every = [
            harvest(
                workspace,
                part,
                [] if reads_members(part) else symbols,
                timeframes,
                rolling,
                workers=workers,
                ray=ray,
                progress=progress,
            )
            for part in PARTS
        ]
        tables = tuple(table for one in every for table in one.tables)
        return HarvestResult(tables, time.perf_counter() - began)
    symbols = symbols or ([UNIVERSE] if reads_members(what) else [])
    if not symbols or not timeframes:
        raise ConfigError("a harvest needs symbols and timeframes; name them, such as --symbols MES,ZN --timeframes 1h")
    others = [symbol for symbol in symbols if symbol != UNIVERSE]
    if others and reads_members(what):
        raise ConfigError(
            f"{what} looks at members of the universe, which are the same for {', '.join(others)} and every other "
            "symbol: harvest it without --symbols, and join its table to those of symbols (argus.app.universe.joined)"
        )
    jobs = [(symbol, timeframe) for symbol in dict.fromkeys(symbols) for timeframe in dict.fromkeys(timeframes)]
    expected = {job: expected_rows(workspace, *job) for job in jobs}
    jobs.sort(key=lambda job: -expected[job])
    points = [Point(k, {"timeframe": timeframe}, symbol) for k, (symbol, timeframe) in enumerate(jobs)]
    slots = min(workers, len(jobs))
    task = HarvestTask(workspace.root, what, rolling, 1 if slots == 0 else max(1, workers // max(slots, 1)))
    executor = _executor(slots, ray)
    rows: dict[int, Mapping[str, Any]] = {}
    watch = _Watch(workspace, what, expected, progress)
    try:
        executor.start(task)
        with watch:
            for outcome in carried([(point,) for point in points], executor):
                assert outcome.done is not None
                rows[outcome.points[0].number] = outcome.done.rows[0]
                watch.finished(jobs[outcome.points[0].number])
    finally:
        executor.stop()
    return HarvestResult(tuple(rows[k] for k in sorted(rows)), time.perf_counter() - began)


def _executor(slots: int, ray: str | None) -> Executor:
    from argus.engine.sweep import InProcess, Processes, RayCluster

    if ray is not None:
        return RayCluster(ray)
    return InProcess() if slots <= 1 else Processes(slots)


def expected_rows(workspace: Workspace, symbol: str, timeframe: str) -> int:
    """About how many rows a table will have, from the catalog's manifests alone."""
    from argus.app.data import parse_session_interval

    if symbol == UNIVERSE:
        from argus.app.universe import universe_clock

        symbol = universe_clock(workspace, timeframe)
    held = bars_held(workspace, symbol, timeframe)
    if not held:
        series_of(workspace, symbol, timeframe, _no_rolling())
    wanted = parse_session_interval(timeframe, "--timeframes")
    rows = [info.rows * (info.interval_ns or NS_PER_DAY) // wanted for info in held]
    return max(rows) if symbol_of(held[0]) == symbol else sum(rows)


def _no_rolling() -> Rolling:
    from argus.app.rolled import Rolling

    return Rolling()


class _Watch:
    """Tells how many rows the tables have, by looking at their manifests while others write them."""

    def __init__(
        self, workspace: Workspace, what: str, expected: Mapping[tuple[str, str], int], tell: Progress | None
    ) -> None:
        self._tables = {job: table_of(workspace, what, *job) for job in expected}
        self._expected = dict(expected)
        self._tell = tell
        self._finished: set[tuple[str, str]] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Watch:
        if self._tell is not None:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        if self._tell is not None:
            self._thread.join()
            self._look()

    def finished(self, job: tuple[str, str]) -> None:
        """A table is done, whatever its rows."""
        self._finished.add(job)

    def _run(self) -> None:
        while not self._stop.wait(_POLL_S):
            self._look()

    def _look(self) -> None:
        assert self._tell is not None
        done = 0
        for job, table in self._tables.items():
            expected = self._expected[job]
            if job in self._finished:
                done += expected
                continue
            try:
                manifest = table.manifest()
            except CatalogError:
                continue
            if manifest is not None and not manifest.is_finished:
                done += min(manifest.rows, expected)
        self._tell(done, sum(self._expected.values()))
