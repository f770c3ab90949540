"""Runs at rest: a folder of Parquet tables beside the manifest, written whole or not at all.

Any tool that reads Parquet can ask a run questions; nothing but this module needs to write one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.errors import DataError, WorkspaceError
from argus.engine.record import (
    DECISION_DTYPE,
    FILL_DTYPE,
    JOURNAL_DTYPE,
    ORDER_DTYPE,
    RATE_DTYPE,
    TRADE_DTYPE,
    Refusal,
    RunManifest,
    RunRecord,
)

__all__ = ["load_run", "save_run"]

_TABLES: Final = {
    "decisions": DECISION_DTYPE,
    "orders": ORDER_DTYPE,
    "fills": FILL_DTYPE,
    "journal": JOURNAL_DTYPE,
    "trades": TRADE_DTYPE,
}
_EQUITY: Final = np.dtype(
    [("ts_ns", np.int64), ("equity_micros", np.int64), ("cash_micros", np.int64), ("session", np.int32)]
)
_RECORD_FILE: Final = "run.json"
"""The record's small parts, and the hash of each table's file."""
_SEAL_FILE: Final = "run.sha256"
"""Hash of the record file: with it, no flipped bit anywhere reads as another run."""
_SCRATCH: Final = ".run-"


def save_run(folder: Path, record: RunRecord, source: dict[str, Any]) -> Path:
    """Write `record` to ``folder/<run_id>`` and return that path; a run already there is kept, it is the same.

    Parameters
    ----------
    folder : Path
        The workspace's ``runs``.
    record : RunRecord
    source : dict
        Where the bars came from, as plain JSON, so that a trace can fetch them again.
    """
    target = folder / record.manifest.run_id
    if (target / _RECORD_FILE).exists():
        return target
    scratch: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(folder)
        scratch = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{os.getpid()}-", dir=folder))
        scratch.chmod(0o755)
        _write_tables(scratch, record, source)
        os.replace(scratch, target)
    except OSError as error:
        if (target / _RECORD_FILE).exists():
            return target
        raise WorkspaceError(f"run {record.manifest.run_id} could not be written to {folder}: {error}") from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _write_tables(folder: Path, record: RunRecord, source: dict[str, Any]) -> None:
    tables = {name: getattr(record, name) for name in _TABLES} | {"equity": _equity_table(record)}
    if len(record.rates):
        tables["rates"] = record.rates
    for name, table in tables.items():
        _write_table(folder / f"{name}.parquet", table)
    body = {
        "manifest": asdict(record.manifest),
        "universe": record.universe,
        "books": record.books,
        "order_tags": record.order_tags,
        "refusals": [asdict(refusal) for refusal in record.refusals],
        "opening_cash_micros": record.opening_cash_micros,
        "interest_micros": record.interest_micros,
        "bars": record.bars,
        "notes": record.notes,
        "source": source,
        "tables": {name: _sha256((folder / f"{name}.parquet").read_bytes()) for name in tables},
    }
    text = json.dumps(body, indent=1, default=dict)
    (folder / _RECORD_FILE).write_text(text, encoding="utf-8")
    (folder / _SEAL_FILE).write_text(_sha256(text.encode()), encoding="utf-8")


def _clear_abandoned(folder: Path) -> None:
    """Remove what writers that were killed left behind."""
    for path in folder.glob(f"{_SCRATCH}*"):
        try:
            os.kill(int(path.name.removeprefix(_SCRATCH).split("-")[0]), 0)
        except (ValueError, ProcessLookupError):
            shutil.rmtree(path, ignore_errors=True)
        except PermissionError:
            continue


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def load_run(path: Path) -> tuple[RunRecord, dict[str, Any]]:
    """The record in a run's folder, and where its bars came from.

    Raises
    ------
    DataError
        If the folder holds no complete run.
    """
    try:
        described = _read_body(path)
        hashes = described["tables"]
        tables = {name: _read_table(path, name, dtype, hashes) for name, dtype in _TABLES.items()}
        if "rates" in hashes:
            tables["rates"] = _read_table(path, "rates", RATE_DTYPE, hashes)
        equity = _read_table(path, "equity", _EQUITY, hashes)
        return _record(described, tables, equity), described["source"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} holds no complete run ({error}); run it again") from error


def _read_body(folder: Path) -> dict[str, Any]:
    content = (folder / _RECORD_FILE).read_bytes()
    if _sha256(content) != (folder / _SEAL_FILE).read_text(encoding="utf-8"):
        raise ValueError(f"{_RECORD_FILE} is not what was written")
    body: dict[str, Any] = json.loads(content)
    return body


def _record(described: dict[str, Any], tables: dict[str, NDArray[np.void]], equity: NDArray[np.void]) -> RunRecord:
    return RunRecord(
        manifest=RunManifest(**described["manifest"]),
        universe=tuple(described["universe"]),
        **tables,
        order_tags=tuple(described["order_tags"]),
        refusals=tuple(Refusal(**refusal) for refusal in described["refusals"]),
        equity_ts_ns=np.ascontiguousarray(equity["ts_ns"]),
        equity_micros=np.ascontiguousarray(equity["equity_micros"]),
        cash_micros=np.ascontiguousarray(equity["cash_micros"]),
        equity_session=np.ascontiguousarray(equity["session"]),
        opening_cash_micros=described["opening_cash_micros"],
        interest_micros=described["interest_micros"],
        bars=described["bars"],
        notes=tuple(described["notes"]),
        books=tuple(described["books"]),
    )


def _equity_table(record: RunRecord) -> NDArray[np.void]:
    table = np.zeros(len(record.equity_ts_ns), dtype=_EQUITY)
    table["ts_ns"], table["equity_micros"] = record.equity_ts_ns, record.equity_micros
    table["cash_micros"], table["session"] = record.cash_micros, record.equity_session
    return table


def _write_table(path: Path, table: NDArray[np.void]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [name for name in table.dtype.names or () if not name.startswith("_")]
    arrays = [pa.array(np.ascontiguousarray(table[name])) for name in names]
    pq.write_table(pa.Table.from_arrays(arrays, names=names), path, compression="zstd")


def _read_table(folder: Path, name: str, dtype: np.dtype[np.void], hashes: dict[str, str]) -> NDArray[np.void]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = (folder / f"{name}.parquet").read_bytes()
    if _sha256(content) != hashes[name]:
        raise ValueError(f"{name}.parquet is not what was written")
    stored = pq.read_table(pa.BufferReader(content))
    wanted = [column for column in dtype.names or () if not column.startswith("_")]
    if stored.column_names != wanted:
        raise ValueError(f"{name}.parquet has columns {stored.column_names}; {wanted} expected")
    table = np.zeros(stored.num_rows, dtype=dtype)
    for column in wanted:
        table[column] = stored.column(column).to_numpy()
    return table
