"""Real prices that come with the installed packages, so that a fresh machine has something honest to run on.

``arch`` carries daily bars of the S&P 500 and the Nasdaq Composite, 1999 to 2018, and closes of the VIX; ``skfolio``
carries adjusted closes of twenty US stocks, 1990 to 2022. Neither needs an account or the network. They go through the
same gates as any file, and what these find stands in the notes of each dataset: the stocks have closes only, and
adjusted ones, which never traded; the S&P 500 file's opens are largely copies of the previous close, so that the gate
for stale opens takes the field away and no strategy that trades at the open can run on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.core.arrays import BAR_FIELDS
from argus.core.instruments import instrument
from argus.core.time import NS_PER_DAY
from argus.data._catalog_statement import ImportSpec
from argus.data.catalog import Catalog
from argus.data.importing import import_raw, raw_from_table
from argus.data.raw import SourceTable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EMBEDDED_SOURCES", "install_embedded"]

_BARS: Final[Mapping[str, str]] = {name: name.capitalize() for name in BAR_FIELDS[:5]}
_ADJUSTED: Final = "closes only, adjusted for splits and dividends: not prices that traded"


@dataclass(frozen=True, slots=True)
class _Form:
    """A data set of a package: in which of its files, and which instruments are in which columns."""

    label: str
    file: tuple[str, ...]
    series: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...]


def _frame(package: str, *path: str) -> pd.DataFrame:
    """A table of an installed package by its days, as the package's loader gives it.

    The file is read without the package: to import either of the two takes seconds, for models that nothing here wants.
    """
    import pandas as pd

    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package}, which carries embedded data, is not installed", name=package)
    frame = pd.read_csv(Path(spec.submodule_search_locations[0]).joinpath(*path))
    frame = frame.set_index(pd.to_datetime(frame.pop("Date")))
    numbers: pd.DataFrame = frame.apply(pd.to_numeric, errors="coerce")
    return numbers


_STOCKS: Final = (
    *("AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO"),
    *("LLY", "MRK", "MSFT", "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM"),
)

EMBEDDED_SOURCES: Final = ("arch.data.sp500", "arch.data.nasdaq", "arch.data.vix", "skfolio.datasets.sp500")
"""Where the embedded data come from, as named in the catalog."""

_FORMS: Final = (
    _Form(
        EMBEDDED_SOURCES[0],
        ("arch", "data", "sp500", "sp500.csv.gz"),
        {"SPX": _BARS},
        ("an index: not tradable itself",),
    ),
    _Form(
        EMBEDDED_SOURCES[1],
        ("arch", "data", "nasdaq", "nasdaq.csv.gz"),
        {"IXIC": _BARS},
        ("an index: not tradable itself",),
    ),
    _Form(
        EMBEDDED_SOURCES[2],
        ("arch", "data", "vix", "vix.csv.gz"),
        {"VIX": {"close": "vix"}},
        ("closes only; an index: not tradable itself",),
    ),
    _Form(
        EMBEDDED_SOURCES[3],
        ("skfolio", "datasets", "data", "sp500_dataset.csv.gz"),
        {f"US_EQUITY_ADJ:{name}": {"close": name} for name in _STOCKS},
        (_ADJUSTED,),
    ),
)


def install_embedded(catalog: Catalog) -> list[str]:
    """Import the embedded data; a second call changes nothing.

    Returns
    -------
    list of str
        Names of the datasets, in a fixed order.

    Raises
    ------
    CatalogError
        If the catalog cannot be written.
    """
    installed = []
    for form in _FORMS:
        frame = _frame(*form.file)
        for symbol, columns in form.series.items():
            spec = ImportSpec(
                instrument=symbol,
                columns=columns,
                time_column="Date",
                time_format="ns",
                stamp="session_date",
                notes=form.notes,
            )
            raw = raw_from_table(_table(form.label, frame, columns), spec, instrument(symbol))
            installed.append(import_raw(catalog, raw, spec).dataset)
    return installed


def _table(label: str, frame: pd.DataFrame, columns: Mapping[str, str]) -> SourceTable:
    """The columns of one instrument, with the hash of their values standing for that of a file."""
    import polars as pl

    from argus.data.sources.parquet import row_json

    days = frame.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    values: dict[str, Any] = {"Date": days * NS_PER_DAY}
    values |= {column: frame[column].to_numpy(dtype=np.float64) for column in columns.values()}
    digest = hashlib.sha256()
    for name, column in values.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(column).view(np.uint8).data)
    table = pl.DataFrame(values)
    shown = table.with_columns(pl.col("Date").cast(pl.Datetime("ns")).cast(pl.Date))
    return SourceTable(
        name=label,
        sha256=digest.hexdigest(),
        frame=table,
        source_line=np.arange(1, len(days) + 1, dtype=np.int64),
        original=lambda row: row_json(shown, row),
    )
