"""What a sweep keeps of a run: its figures in one row, with the hash of its order list."""

from __future__ import annotations

import math
from typing import Any, Final

from argus.engine._sweep_points import FINISHED, Column
from argus.engine.fingerprint import order_list_hash
from argus.engine.manifest import _versions, canonical_json, code_version
from argus.engine.metrics import sessions_per_year, summarise
from argus.engine.record import RunRecord

__all__ = ["MEASURES", "environment", "measures_of", "order_list_hash"]

MEASURES: Final = (
    Column("net_pnl_micros", int),
    Column("fees_micros", int),
    Column("sharpe_annual", float),
    Column("sharpe_annual_error", float),
    Column("drawdown_max", float),
    Column("drawdown_max_micros", int),
    Column("trades", int),
    Column("orders", int),
    Column("turnover_annual", float),
    Column("exposure", float),
    Column("sessions", int),
    Column("sessions_per_year", float),
    Column("sharpe_session", float),
    Column("skew", float),
    Column("kurtosis", float),
    Column("first_ns", int),
    Column("last_ns", int),
    Column("order_list_hash", str),
)
"""Figures of a run, named as in `Metrics`; money in micro-units, rates of an account without a year of them NaN."""


def environment() -> str:
    """Code and library versions that take part in a run: results of two machines compare only where this is equal."""
    return canonical_json([code_version(), dict(_versions())])


def measures_of(record: RunRecord) -> dict[str, Any]:
    """The row of a finished run: status, run id and every column of `MEASURES`."""
    rate = sessions_per_year(record.session_equity()[0])
    # Below two sessions there is no rate, and what is divided by it is NaN already.
    metrics = summarise(record, 1.0 if math.isnan(rate) else rate)
    row = {column.name: getattr(metrics, column.name) for column in MEASURES if hasattr(metrics, column.name)}
    instants = record.equity_ts_ns
    return row | {
        "status": FINISHED,
        "run_id": record.manifest.run_id,
        "first_ns": int(instants[0]) if len(instants) else None,
        "last_ns": int(instants[-1]) if len(instants) else None,
        "order_list_hash": order_list_hash(record),
    }
