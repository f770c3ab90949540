"""Features over bars: of one file, or over what the catalog has of a symbol.

Symbols are datasets of the catalog, or roots of futures, whose contracts are joined into the forward-anchored series;
``universe`` stands for all members of the universe together. Timeframes that the catalog has no bars of are made from
finer ones.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import Stretches
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
    from argus.features.runner import Column

__all__ = [
    "UNIVERSE",
    "ComputeResult",
    "Series",
    "bars_held",
    "compute_file",
    "code_versions",
    "compute_to",
    "feature_folders",
    "peak_mb",
    "reads_members",
    "series_of",
    "symbol_of",
    "table_of",
]

Progress = Callable[[int, int], None]
UNIVERSE: Final = "universe"
"""The symbol under which the members of the universe are harvested."""
_FOLDER: Final = "features"


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

    def makeable(self, what: str) -> tuple[tuple[FeatureRef, ...], dict[str, str]]:
        """Columns of a set that can be made over these bars, and why each of the others cannot, by name.

        Raises
        ------
        ConfigError
            If none can be made, or the set is unknown.
        """
        from argus.core.arrays import BAR_FIELDS
        from argus.features import feature
        from argus.features.declaration import inputs_of
        from argus.features.sets import columns_of
        from argus.features.universe import usable

        refs, left_out = usable(columns_of(what), self.roles)
        unseen = set(BAR_FIELDS) - self.bars.observed
        for ref in refs:
            lacking = sorted(unseen & set(inputs_of(feature(ref.feature).term(ref.parameters))))
            if lacking:
                left_out[ref.alias] = f"the bars of {self.bars.instrument} do not have {', '.join(lacking)}"
        kept = tuple(ref for ref in refs if ref.alias not in left_out)
        if not kept:
            raise ConfigError(f"no column of {what} can be made: {next(iter(left_out.values()))}")
        return kept, left_out

    def prepare(self, names: Sequence[str]) -> None:
        """Build what the calendar's columns are looked up in over all bars at once, not part by part."""
        if len(self.bars) > 1:
            from argus.data.bar_calendar import CALENDAR_COLUMNS, calendar_columns

            wanted = [name for name in names if name in CALENDAR_COLUMNS]
            ends = self.bars.ends()
            if wanted:
                calendar_columns(ends, wanted, spec=self.spec, schedule=self.schedule)

    def inputs(self, names: Sequence[str], first: int, last: int) -> dict[str, Column]:
        """Inputs of features over some of the rows: what the bars hold, and what the calendar says of them."""
        from argus.data.bar_calendar import CALENDAR_COLUMNS, calendar_stretches
        from argus.features import bar_columns

        bars = self.bars.rows(first, last)
        found: dict[str, Column] = dict(bar_columns(bars, names))
        wanted = [name for name in names if name in CALENDAR_COLUMNS]
        if wanted:
            found |= calendar_stretches(bars, wanted, spec=self.spec, schedule=self.schedule)
        return found

    def columns(self, names: Sequence[str], first: int, last: int) -> dict[str, NDArray[Any]]:
        """The same with a value for every row."""
        found: dict[str, NDArray[Any]] = {}
        for name, one in self.inputs(names, first, last).items():
            rows = one.rows() if isinstance(one, Stretches) else one
            # Tables know their inputs by their bytes: minutes are float64 there.
            found[name] = rows.astype(np.float64) if rows.dtype == np.int16 else rows
        return found


@dataclass(frozen=True, slots=True)
class ComputeResult:
    """What ``argus features compute`` did.

    Attributes
    ----------
    rows, features : int
    seconds_setup, seconds_compute, seconds_write, seconds : float
        Loading kernels and calendars; in the kernels with their inputs; in the writer, which works beside them; and all
        of it by the clock.
    peak_mb : float
        Most memory that the process has held so far.
    out : str
    data_hash : str
        Content hash of the bars.
    notes : tuple of str
        What the quality gates say of the file.
    left_out : mapping
        Columns of the set that could not be made over these bars, and why.
    """

    rows: int
    features: int
    seconds_setup: float
    seconds_compute: float
    seconds_write: float
    seconds: float
    peak_mb: float
    out: str
    data_hash: str
    notes: tuple[str, ...]
    left_out: Mapping[str, str]


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
    columns_of(what)
    spec_of_file, said = complete_statement(path, stated)
    market, notes, source = file_market(path, spec_of_file)
    ((spec, bars),) = market.values()
    series = Series(bars, spec, None, {"source": source, "data_hash": bars.content_hash})
    refs, left_out = series.makeable(what)
    seconds = compute_to(series, refs, {"set": what, **series.about}, out, threads, progress)
    return ComputeResult(
        len(bars), len(refs), *seconds, peak_mb(), str(out), bars.content_hash, (*said, *notes), left_out
    )  # fmt: skip


def compute_to(
    series: Series,
    refs: Sequence[FeatureRef],
    about: Mapping[str, Any],
    out: Path,
    threads: int | None,
    progress: Progress | None,
) -> tuple[float, float, float, float]:
    """Features over a series into one Parquet file, whole or not at all; parts are written while others are computed.

    Returns
    -------
    tuple of float
        Seconds of computing, of writing, and by the clock.
    """
    from argus.app._harvest_table import rows_of_a_part
    from argus.data.feature_store import ColumnWriter
    from argus.features import SetRunner, column_version
    from argus.features.compute import load_loops

    began = time.perf_counter()
    n, size = len(series.bars), rows_of_a_part(len(refs))
    names = [ref.alias for ref in refs]
    told = {**about, "versions": {ref.alias: column_version(ref) for ref in refs}, **code_versions()}
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f"{out.name}.{os.getpid()}.part")
    seconds = {"setup": 0.0, "compute": 0.0, "write": 0.0}

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
            load_loops()
            series.prepare(runner.inputs)
            seconds["setup"] = time.perf_counter() - began
            for k, first in enumerate(range(0, n, size)):
                last = min(first + size, n)
                if len(under_way) == len(buffers):
                    under_way.popleft().result()
                started = time.perf_counter()
                values = buffers[k % 2][:, : last - first]
                runner.feed(series.inputs(runner.inputs, first, last), values)
                seconds["compute"] += time.perf_counter() - started
                under_way.append(behind.submit(write, series.bars.ts_recv_ns[first:last], values))
                if progress is not None:
                    progress(last, n)
            for one in under_way:
                one.result()
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return seconds["setup"], seconds["compute"], seconds["write"], time.perf_counter() - began


def code_versions() -> dict[str, Any]:
    """Versions of what computes."""
    from importlib.metadata import version

    return {"argus": version("argus"), "numba": version("numba"), "numpy": version("numpy")}


def peak_mb() -> float:
    """Most memory that this process has held so far, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3) * (1.0 if sys.platform == "darwin" else 1.024)


def table_of(workspace: Workspace, what: str, symbol: str, timeframe: str) -> FeatureTable:
    """The table of a set over a symbol's bars of a timeframe."""
    from argus.data.feature_store import FeatureTable

    return FeatureTable(workspace.root / _FOLDER / what.replace(",", "+") / _folder_name(symbol) / timeframe)


def feature_folders(workspace: Workspace, symbol: str) -> list[Path]:
    """Folders with tables of a symbol, of every set."""
    return sorted((workspace.root / _FOLDER).glob(f"*/{_folder_name(symbol)}"))


def _folder_name(symbol: str) -> str:
    return symbol.replace(":", "_")


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
        of_symbol = [info for info in workspace.catalog().datasets() if symbol in (info.instrument, symbol_of(info))]
        there = {f"{symbol}.{info.interval}" for info in of_symbol}
        raise CatalogError(
            f"the catalog has no bars of {symbol} from which bars of {timeframe} can be made; it has "
            f"{', '.join(sorted(there)) or 'none of that symbol at all'}: import some (argus data import)"
        )
    info = max(held, key=lambda one: one.interval_ns or NS_PER_DAY)
    length, schedule, spec = info.interval_ns, None, instrument(info.instrument)
    about: dict[str, Any]
    if symbol_of(info) == symbol:
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


def symbol_of(info: DatasetInfo) -> str:
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
    plain = [info for info in fitting if symbol_of(info) == symbol]
    if plain and not contracts_only:
        return plain
    return contracts_held(workspace, [info for info in fitting if info.instrument == symbol])


def _makes(interval_ns: int | None, wanted: int) -> bool:
    own = interval_ns or NS_PER_DAY
    return own == wanted or (own < wanted and wanted % own == 0)


def reads_members(what: str) -> bool:
    """Whether a set, or features separated by commas, look at members of the universe."""
    from argus.features.sets import columns_of
    from argus.features.universe import members_read

    return any(members_read(ref) for ref in columns_of(what))
