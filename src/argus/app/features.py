"""Features over bars: of one file, or harvested over the catalog into tables that are kept up to date.

A harvest has one table for each set, symbol and timeframe, under ``features/`` in the workspace. Symbols are datasets
of the catalog, or roots of futures, whose contracts are joined into the forward-anchored series; ``universe`` stands
for all members of the universe together. Timeframes that the catalog has no bars of are made from finer ones. Tables
are made side by side by worker processes, or over a Ray cluster; each is the same bytes whoever makes it.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.errors import CatalogError, ConfigError
from argus.core.strategy import FeatureRef
from argus.core.time import NS_PER_DAY

if TYPE_CHECKING:
    from argus.app.data import FileStatement
    from argus.app.rolled import Rolling
    from argus.app.workspace import Workspace
    from argus.core.arrays import Bars
    from argus.core.instruments import InstrumentSpec
    from argus.data.catalog import DatasetInfo
    from argus.data.feature_store import FeatureTable
    from argus.data.rolls import RollSchedule
    from argus.engine.sweep import Done, Executor, Point

__all__ = [
    "UNIVERSE",
    "ComputeResult",
    "HarvestResult",
    "Series",
    "bars_held",
    "compute_file",
    "harvest",
    "reads_members",
    "series_of",
    "table_of",
]

Progress = Callable[[int, int], None]
UNIVERSE: Final = "universe"
"""The symbol under which the members of the universe are harvested."""
_FOLDER: Final = "features"
_POLL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Series:
    """Bars that features are computed over.

    Attributes
    ----------
    bars : Bars
    spec : InstrumentSpec
    schedule : RollSchedule or None
        Of a root of futures.
    about : mapping
        Where the bars come from: datasets with their content hashes, and what was done to them.
    """

    bars: Bars
    spec: InstrumentSpec
    schedule: RollSchedule | None
    about: Mapping[str, Any]

    @property
    def roles(self) -> frozenset[str]:
        """Roles of the universe that features over these bars may look at; none but in the universe itself."""
        return frozenset()

    def columns(self, names: Sequence[str], first: int, last: int) -> dict[str, NDArray[Any]]:
        """Inputs of features over some of the rows: what the bars hold, and what the calendar says of them."""
        from argus.data.bar_calendar import CALENDAR_COLUMNS, calendar_columns
        from argus.features import bar_columns

        bars = self.bars.rows(first, last)
        found: dict[str, NDArray[Any]] = dict(bar_columns(bars, names))
        wanted = [name for name in names if name in CALENDAR_COLUMNS]
        if wanted:
            found |= calendar_columns(bars, wanted, spec=self.spec, schedule=self.schedule)
        return found


@dataclass(frozen=True, slots=True)
class ComputeResult:
    """What ``argus features compute`` did.

    Attributes
    ----------
    rows, features : int
    seconds_compute, seconds_write, seconds : float
        In the kernels with their inputs; in the writer, which works beside them; and both together by the clock.
    peak_mb : float
        Most memory that the process has held so far.
    out : str
    data_hash : str
        Content hash of the bars.
    notes : tuple of str
        What the quality gates say of the file.
    """

    rows: int
    features: int
    seconds_compute: float
    seconds_write: float
    seconds: float
    peak_mb: float
    out: str
    data_hash: str
    notes: tuple[str, ...]


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


def compute_file(
    path: Path,
    stated: FileStatement,
    what: str,
    out: Path,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ComputeResult:
    """Features over the bars of one file, into one Parquet file that is written whole or not at all.

    Parameters
    ----------
    path : Path
    stated : FileStatement
        What the bars are.
    what : str
        A set, or features separated by commas.
    out : Path
        Parquet.
    threads : int or None
    progress : callable or None
        Called with rows done, and of how many.

    Raises
    ------
    ConfigError
        If the set is unknown, or `out` is no Parquet file.
    ImportFailed
        If the file cannot be read as stated.
    """
    from argus.app.backtest import file_market
    from argus.app.data import complete_statement
    from argus.features.sets import columns_of

    if out.suffix != ".parquet":
        raise ConfigError(f"--out is {out.name}; features are written as Parquet: give a name that ends in .parquet")
    refs = columns_of(what)
    spec_of_file, said = complete_statement(path, stated)
    market, notes, source = file_market(path, spec_of_file)
    ((spec, bars),) = market.values()
    series = Series(bars, spec, None, {"source": source, "data_hash": bars.content_hash})
    seconds = _compute_to(series, refs, {"set": what, **series.about}, out, threads, progress)
    return ComputeResult(
        len(bars), len(refs), *seconds, _peak_mb(), str(out), bars.content_hash, (*said, *notes)
    )  # fmt: skip


def _compute_to(
    series: Series,
    refs: Sequence[FeatureRef],
    about: Mapping[str, Any],
    out: Path,
    threads: int | None,
    progress: Progress | None,
) -> tuple[float, float, float]:
    """Seconds of computing, of writing, and by the clock. Parts are written while the next ones are computed."""
    from argus.app._harvest_table import rows_of_a_part
    from argus.data.feature_store import ColumnWriter
    from argus.features import SetRunner, column_version

    began = time.perf_counter()
    n, size = len(series.bars), rows_of_a_part(len(refs))
    names = [ref.alias for ref in refs]
    told = {**about, "versions": {ref.alias: column_version(ref) for ref in refs}, **_code()}
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f"{out.name}.{os.getpid()}.part")
    seconds = {"compute": 0.0, "write": 0.0}

    def write(ts_recv_ns: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        started = time.perf_counter()
        writer.write(ts_recv_ns, values)
        seconds["write"] += time.perf_counter() - started

    try:
        with (
            SetRunner(refs, threads) as runner,
            ColumnWriter(temporary, names, told) as writer,
            ThreadPoolExecutor(1) as behind,
        ):
            buffers = [np.empty((len(refs), min(size, max(n, 1))), dtype=np.float32) for _ in range(2)]
            under_way: deque[Future[None]] = deque()
            for k, first in enumerate(range(0, n, size)):
                last = min(first + size, n)
                if len(under_way) == len(buffers):
                    under_way.popleft().result()
                started = time.perf_counter()
                values = buffers[k % 2][:, : last - first]
                runner.feed(series.columns(runner.inputs, first, last), values)
                seconds["compute"] += time.perf_counter() - started
                under_way.append(behind.submit(write, series.bars.ts_recv_ns[first:last], values))
                if progress is not None:
                    progress(last, n)
            for one in under_way:
                one.result()
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return seconds["compute"], seconds["write"], time.perf_counter() - began


def _code() -> dict[str, Any]:
    from importlib.metadata import version

    return {"argus": version("argus"), "numba": version("numba"), "numpy": version("numpy")}


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3) * (1.0 if sys.platform == "darwin" else 1.024)


def table_of(workspace: Workspace, what: str, symbol: str, timeframe: str) -> FeatureTable:
    """The table of a set over a symbol's bars of a timeframe."""
    from argus.data.feature_store import FeatureTable

    return FeatureTable(workspace.root / _FOLDER / what.replace(",", "+") / symbol.replace(":", "_") / timeframe)


def series_of(
    workspace: Workspace,
    symbol: str,
    timeframe: str,
    rolling: Rolling,
    infos: Sequence[DatasetInfo] | None = None,
) -> Series:
    """Bars of a symbol: a dataset of the catalog, a finer one made coarser, or the contracts of a root joined.

    Parameters
    ----------
    workspace : Workspace
    symbol : str
        `UNIVERSE` gives all its members as of the rows of one.
    timeframe : str
    rolling : Rolling
    infos : sequence of DatasetInfo or None
        What the catalog has, if that is known already.

    Raises
    ------
    CatalogError
        If the catalog has no bars of the symbol from which these can be made; says what it has.
    """
    from argus.app.data import parse_session_interval
    from argus.app.rolled import catalog_roots
    from argus.core.instruments import instrument
    from argus.data.resample import resample

    if symbol == UNIVERSE:
        from argus.app.universe import universe_series

        return universe_series(workspace, timeframe, rolling)
    wanted = parse_session_interval(timeframe, "--timeframes")
    held = bars_held(workspace, symbol, timeframe, infos)
    if not held:
        of_symbol = [info for info in workspace.catalog().datasets() if symbol in (info.instrument, _symbol(info))]
        there = {f"{symbol}.{info.interval}" for info in of_symbol}
        raise CatalogError(
            f"the catalog has no bars of {symbol} from which bars of {timeframe} can be made; it has "
            f"{', '.join(sorted(there)) or 'none of that symbol at all'}: import some (argus data import)"
        )
    info = max(held, key=lambda one: one.interval_ns or NS_PER_DAY)
    length, schedule, spec = info.interval_ns, None, instrument(info.instrument)
    about: dict[str, Any]
    if _symbol(info) == symbol:
        bars, about = _plain_bars(workspace, info)
    else:
        (root,), _, _ = catalog_roots(workspace, [f"{symbol}.{info.interval}"], rolling)
        bars, schedule = root.series.for_strategies(), root.schedule
        about = {
            "datasets": {one.name: one.content_hash for one in held if one.interval == info.interval},
            "rolling": asdict(rolling),
        }
    if (length or NS_PER_DAY) != wanted:
        bars = resample(bars, wanted, drop_open=True)
        about["made_from_bars_of_ns"] = length
    return Series(bars, spec, schedule, about)


def _symbol(info: DatasetInfo) -> str:
    """A dataset's bars by one name: ``SPX``, ``US_EQUITY:AAPL``, or of one contract ``MES.202312``."""
    return ".".join(part for part in (info.instrument, info.contract) if part)


def _plain_bars(workspace: Workspace, info: DatasetInfo) -> tuple[Bars, dict[str, Any]]:
    """Bars of a dataset, and where they come from. Shares have the bars of their earlier names, and splits taken out
    in such a way that the past never changes: prices after a split are those of the old, larger share."""
    from argus.app.events import actions_hash, joined_bars
    from argus.data.corporate_actions import split_adjusted
    from argus.data.corporate_actions_import import load_actions

    catalog = workspace.catalog()
    about: dict[str, Any] = {"datasets": {info.name: info.content_hash}}
    joined = joined_bars(catalog, info, None, None)
    bars = catalog.load(info.instrument, info.interval, contract=info.contract) if joined is None else joined.bars
    actions = load_actions(catalog)
    if not actions or info.contract is not None:
        return bars, about
    adjusted = split_adjusted(replace(bars, instrument=info.instrument.rpartition(":")[2]), actions)
    about |= {"corporate_actions": actions_hash(workspace), "splits": len(adjusted.applied)}
    return adjusted.bars, about


def bars_held(
    workspace: Workspace,
    symbol: str,
    timeframe: str,
    infos: Sequence[DatasetInfo] | None = None,
    *,
    contracts_only: bool = False,
) -> list[DatasetInfo]:
    """Datasets from which bars of a timeframe can be made: a symbol's own, else the contracts of a root."""
    from argus.app.data import parse_session_interval
    from argus.app.rolled import contracts_held

    wanted = parse_session_interval(timeframe, "--timeframes")
    every = workspace.catalog().datasets() if infos is None else infos
    fitting = [info for info in every if _makes(info.interval_ns, wanted)]
    plain = [info for info in fitting if _symbol(info) == symbol]
    if plain and not contracts_only:
        return plain
    return contracts_held(workspace, [info for info in fitting if info.instrument == symbol])


def _makes(interval_ns: int | None, wanted: int) -> bool:
    own = interval_ns or NS_PER_DAY
    return own == wanted or (own < wanted and wanted % own == 0)


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
        from argus.features.sets import columns_of
        from argus.features.universe import usable

        began = time.perf_counter()
        workspace = Workspace(self.root)
        series = series_of(workspace, symbol, timeframe, self.rolling)
        refs, left_out = usable(columns_of(self.what), series.roles)
        if not refs:
            raise ConfigError(f"no column of {self.what} can be made over {symbol}: {next(iter(left_out.values()))}")
        names = sorted({name for ref in refs for name in inputs_of(feature(ref.feature).term(ref.parameters))})
        table = table_of(workspace, self.what, symbol, timeframe)
        about = {"set": self.what, "symbol": symbol, "timeframe": timeframe, **series.about, **_code()}
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
            "peak_mb": _peak_mb(),
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

    began = time.perf_counter()
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
    expected = {job: _expected_rows(workspace, *job) for job in jobs}
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


def reads_members(what: str) -> bool:
    """Whether a set, or features separated by commas, look at members of the universe."""
    from argus.features.sets import columns_of
    from argus.features.universe import members_read

    return any(members_read(ref) for ref in columns_of(what))


def _executor(slots: int, ray: str | None) -> Executor:
    from argus.engine.sweep import InProcess, Processes, RayCluster

    if ray is not None:
        return RayCluster(ray)
    return InProcess() if slots <= 1 else Processes(slots)


def _expected_rows(workspace: Workspace, symbol: str, timeframe: str) -> int:
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
    return max(rows) if _symbol(held[0]) == symbol else sum(rows)


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
