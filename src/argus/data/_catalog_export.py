"""Datasets out of the catalog again, as files that anything can read and that import back to the same content hash."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from argus.core.arrays import BAR_FIELDS, Bars
from argus.core.errors import DataError
from argus.data._catalog_files import write_atomic
from argus.data._catalog_statement import ImportSpec
from argus.data.catalog import Catalog
from argus.data.presets import preset

if TYPE_CHECKING:
    import polars as pl

__all__ = ["EXPORT_FORMATS", "Exported", "export"]

EXPORT_FORMATS: Final = ("csv", "parquet")
"""Forms that an export can have."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported dataset.

    Attributes
    ----------
    path : Path
    rows : int
    statement : ImportSpec
        What to state in order to import the file again.
    """

    path: Path
    rows: int
    statement: ImportSpec


def export(catalog: Catalog, name: str, path: Path, form: str | None = None) -> Exported:
    """Write a dataset to a file, wholly or not at all.

    Columns are ``session`` (ISO date), ``ts_event_ns``, ``ts_close_ns``, ``ts_recv_ns`` and the observed fields.
    Numbers are written in the shortest form that reads back to the same bits.

    Parameters
    ----------
    catalog : Catalog
    name : str
        The dataset.
    path : Path
        The file; one that exists is replaced.
    form : str, optional
        One of `EXPORT_FORMATS`; by default what the file's name ends in.

    Raises
    ------
    DataError
        If the form is unknown.
    CatalogError
        If the dataset is missing or damaged, or the file cannot be written.
    """
    form = path.suffix.removeprefix(".") if form is None else form
    if form not in EXPORT_FORMATS:
        raise DataError(f"{path.name}: the form {form!r} is unknown; one of {', '.join(EXPORT_FORMATS)} expected")
    info = catalog.info(name)
    bars = catalog.load(info.instrument, info.interval, contract=info.contract)
    frame = _frame(bars)
    sink = io.BytesIO()
    if form == "csv":
        frame.write_csv(sink)
    else:
        frame.write_parquet(sink, compression="zstd")
    write_atomic(path, sink.getvalue())
    return Exported(path, len(bars), _statement(bars, info.interval_ns, info.contract, info.notes, form))


def _frame(bars: Bars) -> pl.DataFrame:
    import polars as pl

    columns: dict[str, object] = {"session": pl.Series(bars.session).cast(pl.Date)}
    columns |= {name: getattr(bars, name) for name in ("ts_event_ns", "ts_close_ns", "ts_recv_ns")}
    for name in BAR_FIELDS:
        if name in bars.observed:
            columns[name] = pl.Series(getattr(bars, name)).fill_nan(None)
    return pl.DataFrame(columns)


def _statement(
    bars: Bars, interval_ns: int | None, contract: str | None, notes: tuple[str, ...], form: str
) -> ImportSpec:
    delays = np.unique(bars.ts_recv_ns - bars.ts_close_ns)
    stated = {
        "columns": {name: name for name in BAR_FIELDS if name in bars.observed},
        "delay_ns": int(delays[0]),
        "notes": notes,
        "contract": contract,
    }
    if interval_ns is not None:
        return preset("argus_bars", bars.instrument, interval_ns=interval_ns, **stated)
    typed = {"time_format": "datetime"} if form == "parquet" else {}
    return preset("argus_daily", bars.instrument, **typed, **stated)
