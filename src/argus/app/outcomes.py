"""The backfill: tables of outcomes over symbols and timeframes, kept up to date.

There is a table for each symbol, timeframe and horizon, under ``catalog/outcomes/`` in the workspace. Symbols and
timeframes are those of a harvest of features: datasets of the catalog, or roots of futures, whose contracts are joined.
Tables are made side by side by worker processes; each is the same bytes whoever makes it. A backfill can be stopped and
started again at any moment: what is finished is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from argus.app.rolled import Rolling
    from argus.app.workspace import Workspace
    from argus.data.outcome_store import OutcomeTable
    from argus.engine.sweep import Done, Point
    from argus.lab.outcomes import OutcomeSpec

__all__ = ["OutcomeResult", "OutcomeTask", "backfill", "outcome_folder", "outcome_table"]

Progress = Callable[[int, int], None]
_FOLDER: Final = "outcomes"
_ROWS_A_PROCESS: Final = 5_000_000
"""Rows that take about as long as starting a process to make them."""


@dataclass(frozen=True, slots=True)
class OutcomeResult:
    """What a backfill did.

    Attributes
    ----------
    tables : tuple of mapping
        One for each symbol, timeframe and horizon.
    seconds : float
        By the clock.
    """

    tables: tuple[Mapping[str, Any], ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        made = sum(int(table["rows_made"]) for table in self.tables)
        return {
            "tables": [dict(table) for table in self.tables],
            "rows": sum(int(table["rows"]) for table in self.tables),
            "rows_made": made,
            "seconds": self.seconds,
            "rows_per_second": made / self.seconds if self.seconds > 0 else None,
        }


@dataclass(frozen=True, slots=True)
class OutcomeTask:
    """Brings the tables of a symbol and timeframe up to date, wherever it is sent."""

    root: Path
    spec: OutcomeSpec
    rolling: Rolling
    columns: tuple[()] = ()
    batch_points: int = 1

    def __call__(self, points: Sequence[Point]) -> Done:
        from argus.engine.sweep import Done

        return Done(tuple({"tables": self.tables(point.market, str(point.values["timeframe"]))} for point in points))

    def tables(self, symbol: str, timeframe: str, progress: Progress | None = None) -> list[dict[str, Any]]:
        """Bring the table of every horizon up to date.

        Parameters
        ----------
        symbol, timeframe : str
        progress : callable or None
            Called with rows done over all horizons, and of how many.
        """
        from argus.app._outcome_table import HashedBars, bring_up_to_date
        from argus.app.data import parse_session_interval
        from argus.app.features import code_versions, series_of
        from argus.app.workspace import Workspace
        from argus.core.time import NS_PER_DAY
        from argus.data._catalog_files import lock_for_writing
        from argus.lab.outcomes import OutcomeMaker

        workspace = Workspace(self.root)
        series = series_of(workspace, symbol, timeframe, self.rolling)
        interval = parse_session_interval(timeframe, "--timeframes")
        maker = OutcomeMaker(self.spec, series.spec, series.bars, interval if interval < NS_PER_DAY else None)
        bars, n = HashedBars(maker), len(series.bars)
        made = []
        for k, horizon in enumerate(self.spec.horizons):
            began = time.perf_counter()
            table = outcome_table(workspace, symbol, timeframe, self.spec, horizon)
            about = {
                "symbol": symbol,
                "timeframe": timeframe,
                "spec": asdict(self.spec) | {"horizons": [horizon]},
                **series.about,
                **code_versions(),
            }
            with lock_for_writing(table.folder, 0.0):
                done = bring_up_to_date(
                    table, bars, horizon, about, _shifted(progress, k * n, n * len(self.spec.horizons))
                )
            told = {"symbol": symbol, "timeframe": timeframe, "horizon": horizon, **asdict(done)}
            made.append(told | {"seconds": time.perf_counter() - began, "folder": str(table.folder)})
        return made


def backfill(
    workspace: Workspace,
    symbols: Sequence[str],
    timeframes: Sequence[str],
    spec: OutcomeSpec,
    rolling: Rolling,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> OutcomeResult:
    """Bring tables of outcomes up to date.

    Parameters
    ----------
    workspace : Workspace
    symbols, timeframes : sequence of str
        ``["MES", "ZN"]``, ``["1h", "1d"]``.
    spec : OutcomeSpec
    rolling : Rolling
        How roots of futures are joined.
    workers : int
        Processes at most; fewer where they would take longer to start than to do the work, and never more than symbols
        and timeframes. The tables are the same for any number.
    progress : callable or None
        Called with rows done over all tables, and of how many.

    Raises
    ------
    CatalogError
        If the catalog lacks bars for a table: before anything is made.
    ConfigError
        If no symbol or timeframe is given.
    """
    from argus.app.harvest import expected_rows
    from argus.engine.sweep import Point, Processes, carried

    began = time.perf_counter()
    jobs = [(symbol, timeframe) for symbol in dict.fromkeys(symbols) for timeframe in dict.fromkeys(timeframes)]
    if not jobs:
        raise ConfigError("outcomes need symbols and timeframes; name them, such as --symbols MES,ZN --timeframes 1h")
    expected = {job: expected_rows(workspace, *job) * len(spec.horizons) for job in jobs}
    jobs.sort(key=lambda job: -expected[job])
    task = OutcomeTask(workspace.root, spec, rolling)
    total, behind = sum(expected.values()), 0
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    slots = min(workers, len(jobs), total // _ROWS_A_PROCESS)
    if slots <= 1:
        for job in jobs:
            found[job] = task.tables(*job, _shifted(progress, behind, total))
            behind += expected[job]
        return OutcomeResult(_ordered(found, symbols, timeframes), time.perf_counter() - began)
    points = [Point(k, {"timeframe": timeframe}, symbol) for k, (symbol, timeframe) in enumerate(jobs)]
    executor = Processes(slots)
    try:
        executor.start(task)
        for outcome in carried([(point,) for point in points], executor):
            assert outcome.done is not None
            job = jobs[outcome.points[0].number]
            found[job] = list(outcome.done.rows[0]["tables"])
            behind += expected[job]
            if progress is not None:
                progress(behind, total)
    finally:
        executor.stop()
    return OutcomeResult(_ordered(found, symbols, timeframes), time.perf_counter() - began)


def outcome_table(workspace: Workspace, symbol: str, timeframe: str, spec: OutcomeSpec, horizon: int) -> OutcomeTable:
    """The table of one horizon over a symbol's bars of a timeframe."""
    from argus.data.outcome_store import OutcomeTable

    return OutcomeTable(outcome_folder(workspace, symbol) / timeframe / f"{horizon}-bars-{spec.key(horizon)}")


def outcome_folder(workspace: Workspace, symbol: str) -> Path:
    """Folder with all tables of a symbol."""
    return workspace.catalog().root / _FOLDER / quote(symbol, safe="")


def _ordered(
    found: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]], symbols: Sequence[str], timeframes: Sequence[str]
) -> tuple[Mapping[str, Any], ...]:
    jobs = dict.fromkeys((symbol, timeframe) for symbol in symbols for timeframe in timeframes)
    return tuple(table for job in jobs for table in found[job])


def _shifted(progress: Progress | None, behind: int, total: int) -> Progress | None:
    """Progress of one of several pieces of work, as progress of all."""
    return None if progress is None else lambda done, of: progress(min(behind + done, total), total)
