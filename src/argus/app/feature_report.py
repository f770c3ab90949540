"""A report on a table of features: what its columns look like, which say the same, and whether one knows the future.

Values are read as they are stored, some columns at a time, so that a table larger than memory can be reported on. The
audit computes them again from the bars in the catalog.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.errors import CatalogError, ConfigError, WorkspaceError

if TYPE_CHECKING:
    from argus.app.data import FileStatement
    from argus.app.features import Series
    from argus.app.rolled import Rolling
    from argus.app.workspace import Workspace
    from argus.core.arrays import F32_2D, I64_1D
    from argus.core.strategy import FeatureRef
    from argus.lab.audit.features import FeatureCertificate
    from argus.lab.feature_study.study import Distribution, Drift, Stationarity
    from argus.report.features import FeatureColumn, FeatureReportView

__all__ = ["feature_report", "file_report", "write_page"]

Progress = Callable[[str, int, int], None]

_GROUP_VALUES: Final = 24_000_000
_SAMPLED: Final = 4_000
_POINTS: Final = 420


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Stored columns with the bars that they were made of."""

    title: str
    series: Series
    refs: tuple[FeatureRef, ...]
    files: tuple[Path, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        return len(self.series.bars)

    def read(self, names: Sequence[str], first: int = 0, last: int | None = None) -> F32_2D:
        """Stored values of some columns and rows."""
        import polars as pl

        frame = pl.scan_parquet(list(self.files)).select(names)
        if last is not None:
            frame = frame.slice(first, last - first)
        read = frame.collect()
        return np.array([read[name].to_numpy() for name in names])


@dataclass(frozen=True, slots=True, eq=False)
class _Studied:
    """What was read of one column."""

    seen: Distribution
    level: Stationarity
    years: Drift
    curve_row: I64_1D
    curve: NDArray[np.float64]
    sample: NDArray[np.float32]


def feature_report(
    workspace: Workspace, what: str, symbol: str, timeframe: str, progress: Progress | None = None
) -> FeatureReportView:
    """Report on a harvested table.

    Parameters
    ----------
    workspace : Workspace
    what : str
        A set, or features separated by commas, as they were harvested.
    symbol, timeframe : str
    progress : callable or None
        Called with what is being done, how much of it is, and of how much.

    Raises
    ------
    CatalogError
        If there is no such table, it is unfinished, or the catalog's bars are no longer those that it was made of.
    ConfigError
        If the set is unknown.
    """
    return _report(_harvested(workspace, what, symbol, timeframe), progress or (lambda doing, done, of: None))


def file_report(path: Path, stated: FileStatement, what: str, progress: Progress | None = None) -> FeatureReportView:
    """Report on features over the bars of one file, which are computed for it and not kept.

    Parameters
    ----------
    path : Path
    stated : FileStatement
    what : str
        A set, or features separated by commas.
    progress : callable or None

    Raises
    ------
    ConfigError
        If the set is unknown.
    ImportFailed
        If the file cannot be read as stated.
    """
    from argus.app.backtest import file_market
    from argus.app.data import complete_statement
    from argus.app.features import Series, compute_to
    from argus.features.sets import columns_of

    tell = progress or (lambda doing, done, of: None)
    refs = columns_of(what)
    statement, said = complete_statement(path, stated)
    market, notes, source = file_market(path, statement)
    ((spec, bars),) = market.values()
    series = Series(bars, spec, None, {"source": source})
    with tempfile.TemporaryDirectory(prefix="argus-features-") as folder:
        out = Path(folder) / "features.parquet"
        compute_to(series, refs, {"set": what}, out, None, lambda done, of: tell("computing", done, of))
        return _report(_Table(f"{what}: {path.name}", series, refs, (out,), (*said, *notes)), tell)


def write_page(view: FeatureReportView, path: Path) -> None:
    """Write the report as a page, whole or not at all.

    Raises
    ------
    WorkspaceError
        If the file cannot be written.
    ConfigError
        If its name does not end in ``.html``.
    """
    from argus.data._catalog_files import write_atomic
    from argus.report.features import render_features

    if path.suffix != ".html":
        raise ConfigError(f"--out is {path.name}; the report is a page: give a name that ends in .html")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, render_features(view).encode())
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written ({error.strerror or error}); give another path") from None


def _harvested(workspace: Workspace, what: str, symbol: str, timeframe: str) -> _Table:
    """The stored table, with the bars of the catalog that it was made of."""
    from argus.app.features import Series, series_of, table_of
    from argus.features import column_version
    from argus.features.sets import columns_of

    refs = {ref.alias: ref for ref in columns_of(what)}
    table = table_of(workspace, what, symbol, timeframe)
    again = f"argus features harvest --set {what} --symbols {symbol} --timeframes {timeframe}"
    manifest = table.manifest()
    if manifest is None or not manifest.parts:
        raise CatalogError(f"no features of {what} are harvested for {symbol} {timeframe}; run: {again}")
    if not manifest.is_whole:
        raise CatalogError(f"the harvest of {what} for {symbol} {timeframe} was not finished; run it again: {again}")
    stored = manifest.parts[-1].versions
    changed = [
        name for name in manifest.columns if name not in refs or stored[name] != column_version(refs[name])
    ]  # fmt: skip
    if changed or len(refs) != len(manifest.columns):
        raise CatalogError(f"the set {what} has changed since it was harvested ({_few(changed, refs)}); run: {again}")
    series = series_of(workspace, symbol, timeframe, _rolling(manifest.about))
    bars = series.bars
    rows = manifest.rows
    known = [part.last_recv_ns for part in manifest.parts]
    ends = [part.first_row + part.rows - 1 for part in manifest.parts]
    if len(bars) < rows or known != bars.ts_recv_ns[ends].tolist():
        raise CatalogError(f"the bars of {symbol} {timeframe} have changed since they were harvested; run: {again}")
    newer = len(bars) - rows
    notes = (f"{newer:,} newer bars are not harvested yet; run: {again}",) if newer else ()
    return _Table(
        f"{what}: {symbol} {timeframe}",
        Series(bars.rows(0, rows) if newer else bars, series.spec, series.schedule, series.about),
        tuple(refs[name] for name in manifest.columns),
        tuple(table.folder / part.file for part in manifest.parts),
        notes,
    )


def _few(changed: Sequence[str], refs: Mapping[str, Any]) -> str:
    return ", ".join(changed[:5]) + (" and more" if len(changed) > 5 else "") if changed else f"{len(refs)} columns now"


def _rolling(about: Mapping[str, Any]) -> Rolling:
    """How the contracts were joined, as the table's manifest says."""
    from argus.app.rolled import Rolling

    return Rolling(**about["rolling"]) if "rolling" in about else Rolling()


# --------------------------------------------------------------------------------------------------------------- study


def _report(table: _Table, tell: Progress) -> FeatureReportView:
    from argus.engine.manifest import code_version
    from argus.lab.feature_study.redundancy import clusters, rank_correlation
    from argus.report.features import FeatureReportView
    from argus.report.svg import time_ticks

    if not table.rows:
        raise CatalogError(f"{table.title} has no rows; there is nothing to report on")
    studied = _study(table, tell)
    sample = np.array([one.sample for one in studied])
    rho = rank_correlation(sample)
    groups, order = clusters(rho, [one.seen.holes for one in studied], [one.seen.first_row for one in studied])
    certificate = _audited(table, tell)
    bars = table.series.bars
    version = code_version()
    return FeatureReportView(
        title=table.title,
        made=f"Features, Argus {version}",
        data_hash=bars.content_hash,
        argus=version,
        ts_ns=(int(bars.ts_recv_ns[0]), int(bars.ts_recv_ns[-1])),
        rows=table.rows,
        columns=_columns(table, studied, certificate, groups),
        clusters=groups,
        order=order,
        rho=rho,
        sampled=sample.shape[1],
        certificate=certificate,
        axis=tuple(time_ticks(bars.ts_recv_ns)),
        notes=table.notes,
    )


def _study(table: _Table, tell: Progress) -> list[_Studied]:
    """Read all columns, some at a time."""
    from threadpoolctl import threadpool_limits

    from argus.features import feature
    from argus.lab.feature_study.study import distribution, drift, stationarity
    from argus.report.sampling import keep_extremes

    ts = table.series.bars.ts_recv_ns
    thinned = np.unique(np.linspace(0, table.rows - 1, min(table.rows, _SAMPLED)).astype(np.int64))
    refs = table.refs
    size = max(1, _GROUP_VALUES // table.rows)
    found: list[_Studied] = []

    def one(job: tuple[FeatureRef, NDArray[np.float32]]) -> _Studied:
        ref, values = job
        declared = feature(ref.feature)
        seen = distribution(values, declared.low, declared.high)
        kept = keep_extremes(values, points_max=_POINTS)
        untested = stationarity(values[:0])
        return _Studied(seen, untested, drift(values, ts), kept, values[kept].astype(np.float64), values[thinned])

    # The regressions of the tests are small: threads of the linear algebra would only get in each other's way.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, threadpool_limits(1, "blas"):
        for first in range(0, len(refs), size):
            group = refs[first : first + size]
            read = table.read([ref.alias for ref in group])
            for values, made in zip(read, pool.map(one, zip(group, read, strict=True)), strict=True):
                found.append(_with_level(made, stationarity(values)))
                tell("columns", len(found), len(refs))
    return found


def _with_level(one: _Studied, level: Stationarity) -> _Studied:
    return _Studied(one.seen, level, one.years, one.curve_row, one.curve, one.sample)


def _audited(table: _Table, tell: Progress) -> FeatureCertificate:
    from argus.lab.audit.features import audit_features, inputs_needed

    names = inputs_needed(table.refs)
    columns = [ref.alias for ref in table.refs]
    table.series.prepare(names)
    return audit_features(
        table.refs,
        table.rows,
        lambda first, last: table.series.columns(names, first, last),
        lambda first, last: table.read(columns, first, last),
        progress=lambda done, of: tell("rows audited", done, of),
    )


def _columns(
    table: _Table, studied: Sequence[_Studied], certificate: FeatureCertificate, groups: Sequence[Any]
) -> tuple[FeatureColumn, ...]:
    from argus.features import feature
    from argus.lab.feature_study.flags import feature_flags
    from argus.report.features import FeatureColumn

    group_of = {k: number for number, group in enumerate(groups) for k in group.members}
    columns = []
    for k, (ref, one, verdict) in enumerate(zip(table.refs, studied, certificate.verdicts, strict=True)):
        declared = feature(ref.feature)
        values = declared.values(ref.parameters)
        keep = groups[group_of[k]].keep if k in group_of else k
        same_as = table.refs[keep].alias if keep != k else ""
        columns.append(
            FeatureColumn(
                name=ref.alias,
                declared=declared,
                parameters=values,
                warmup=declared.warmup(values),
                seen=one.seen,
                level=one.level,
                years=one.years,
                verdict=verdict,
                cluster=group_of.get(k, -1),
                flags=feature_flags(declared, one.seen, one.level, one.years, verdict, same_as),
                curve_row=one.curve_row,
                curve=one.curve,
            )
        )
    return tuple(columns)
