"""A market in column files: bars of many instruments, far more than memory holds, ready for a replay as they lie.

`write_columns` takes the bars of one instrument after the other, in parts as small as the source gives them.
`ColumnMarket` opens the folder as a market like any other: its bars are windows on the files, and a run over several of
its instruments uses the files as they are, without a copy.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import Bars
from argus.core.errors import DataError
from argus.core.instruments import InstrumentSpec
from argus.engine.mapped import forget_bars, open_array

__all__ = ["ColumnMarket", "write_columns"]

_DTYPES: Final = {
    "ts_event_ns": np.int64,
    "ts_close_ns": np.int64,
    "ts_recv_ns": np.int64,
    "open": np.float64,
    "high": np.float64,
    "low": np.float64,
    "close": np.float64,
    "volume": np.float64,
    "open_interest": np.float64,
    "session": np.int32,
    "session_end": np.bool_,
}
_INDEX: Final = "index.json"


def write_columns(folder: Path, parts: Iterable[tuple[str, Iterable[Bars]]]) -> Path:
    """Write instruments, each with its bars in parts, oldest first, to `folder`; whole or not at all.

    Raises
    ------
    DataError
        If an instrument comes twice or without bars, or its parts overlap or observe different fields.
    """
    if folder.exists():
        raise DataError(f"{folder} exists already; remove it, or write to another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        index: dict[str, Any] = {}
        files = {name: (scratch / name).open("wb") for name in _DTYPES}
        try:
            at = 0
            for symbol, pieces in parts:
                if symbol in index:
                    raise DataError(f"{symbol} comes twice; join its parts")
                rows, observed = _append(symbol, pieces, files)
                index[symbol] = {"begin": at, "rows": rows, "observed": sorted(observed)}
                at += rows
        finally:
            for file in files.values():
                file.close()
        if not index:
            raise DataError("there is no instrument to write")
        (scratch / _INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
        os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _append(symbol: str, pieces: Iterable[Bars], files: Mapping[str, Any]) -> tuple[int, frozenset[str]]:
    """Add the parts of an instrument to the files; (rows, observed fields)."""
    rows, last_ns, observed = 0, -(2**63), frozenset[str]()
    for piece in pieces:
        if not len(piece):
            continue
        if piece.instrument != symbol:
            raise DataError(f"a part of {symbol} holds bars of {piece.instrument}")
        if rows and piece.observed != observed:
            raise DataError(f"{symbol}: parts observe different fields: {sorted(observed)}, {sorted(piece.observed)}")
        if piece.ts_event_ns[0] < last_ns:
            raise DataError(f"{symbol}: the part that begins at row {rows} begins before the part before it ends")
        for name, file in files.items():
            file.write(getattr(piece, name).data)
        rows, last_ns, observed = rows + len(piece), int(piece.ts_close_ns[-1]), piece.observed
    if not rows:
        raise DataError(f"{symbol}: there are no bars to write")
    return rows, observed


class ColumnMarket(Mapping[str, tuple[InstrumentSpec, Bars]]):
    """A folder of column files as a market.

    Parameters
    ----------
    folder : Path
        Written by `write_columns`.
    specs : mapping
        Symbol to specification, for each instrument in the folder that is to be used.

    Raises
    ------
    DataError
        If the folder is not whole, or lacks an instrument.
    """

    def __init__(self, folder: Path, specs: Mapping[str, InstrumentSpec]) -> None:
        try:
            index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
            self.columns: dict[str, NDArray[Any]] = {
                name: open_array(folder / name, dtype) for name, dtype in _DTYPES.items()
            }
            rows = sum(entry["rows"] for entry in index.values())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder} holds no complete column files ({error}); write them again") from error
        short = [name for name, column in self.columns.items() if len(column) != rows]
        if short:
            raise DataError(f"{folder}: {', '.join(short)} do not hold {rows} rows; write the files again")
        missing = [symbol for symbol in specs if symbol not in index]
        if missing:
            raise DataError(f"{folder} holds {', '.join(index)}; {', '.join(missing)} is not among them")
        self.begin = {symbol: int(index[symbol]["begin"]) for symbol in specs}
        self._market = {symbol: (spec, self._bars(symbol, index[symbol])) for symbol, spec in specs.items()}

    def _bars(self, symbol: str, entry: Mapping[str, Any]) -> Bars:
        rows = slice(entry["begin"], entry["begin"] + entry["rows"])
        cut = {name: column[rows] for name, column in self.columns.items()}
        bars = Bars(instrument=symbol, observed=frozenset(entry["observed"]), **cut)
        forget_bars(bars)
        return bars

    def __getitem__(self, symbol: str) -> tuple[InstrumentSpec, Bars]:
        return self._market[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._market)

    def __len__(self) -> int:
        return len(self._market)
