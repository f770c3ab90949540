"""Runs at rest: a folder of Parquet tables beside the manifest, written whole or not at all.

Any tool that reads Parquet can ask a run questions; nothing but this module needs to write one.
"""

from __future__ import annotations

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
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".run-", dir=folder))
    try:
        for name, table in (*((name, getattr(record, name)) for name in _TABLES), ("equity", _equity_table(record))):
            _write_table(scratch / f"{name}.parquet", table)
        described = {
            "manifest": asdict(record.manifest),
            "universe": record.universe,
            "order_tags": record.order_tags,
            "refusals": [asdict(refusal) for refusal in record.refusals],
            "opening_cash_micros": record.opening_cash_micros,
            "bars": record.bars,
            "notes": record.notes,
            "source": source,
        }
        (scratch / _RECORD_FILE).write_text(json.dumps(described, indent=1, default=dict))
        os.replace(scratch, target)
    except OSError as error:
        if (target / _RECORD_FILE).exists():
            return target
        raise WorkspaceError(
            f"run {record.manifest.run_id} could not be written to {folder}: {error.strerror}"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def load_run(path: Path) -> tuple[RunRecord, dict[str, Any]]:
    """The record in a run's folder, and where its bars came from.

    Raises
    ------
    DataError
        If the folder holds no complete run.
    """
    try:
        described = json.loads((path / _RECORD_FILE).read_text())
        tables = {name: _read_table(path / f"{name}.parquet", dtype) for name, dtype in _TABLES.items()}
        equity = _read_table(path / "equity.parquet", _EQUITY)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} holds no complete run ({error}); run it again") from error
    record = RunRecord(
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
        bars=described["bars"],
        notes=tuple(described["notes"]),
    )
    return record, described["source"]


def _equity_table(record: RunRecord) -> NDArray[np.void]:
    table = np.zeros(len(record.equity_ts_ns), dtype=_EQUITY)
    table["ts_ns"], table["equity_micros"] = record.equity_ts_ns, record.equity_micros
    table["cash_micros"], table["session"] = record.cash_micros, record.equity_session
    return table


def _write_table(path: Path, table: NDArray[np.void]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [name for name in table.dtype.names or () if not name.startswith("_")]
    columns = {name: np.ascontiguousarray(table[name]) for name in names}
    pq.write_table(pa.table(columns), path, compression="zstd")


def _read_table(path: Path, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    import pyarrow.parquet as pq

    stored = pq.read_table(path)
    table = np.zeros(stored.num_rows, dtype=dtype)
    for name in stored.column_names:
        table[name] = stored.column(name).to_numpy()
    return table
