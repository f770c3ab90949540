"""The order list of a run as one short word: what was ordered, when, and in which sequence.

Two runs with the same word entered the same orders at the same instants, however their strategies were written and
whatever became of the orders. It is what the three forms of a strategy, a rewritten engine and a frozen regression run
are compared by.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from argus.engine.record import RunRecord

__all__ = ["order_list_hash"]

_ORDERED: Final = (
    "instrument",
    "side",
    "type",
    "tif",
    "liquidation",
    "quantity_lots",
    "limit_ticks",
    "stop_ticks",
    "trail_ticks",
    "reduce_only",
    "expires_ns",
    "oco_group",
    "parent_id",
    "replaces_id",
    "ts_submit_ns",
)
"""What makes an order the order it is. A child's quantity is its parent's filled one, so it is the entry's own."""


def order_list_hash(record: RunRecord) -> str:
    """SHA-256 of the order list; 16 hex digits. Instruments are hashed by symbol, in the order of the run's lines."""
    digest = hashlib.sha256("|".join(record.universe).encode())
    for name in _ORDERED:
        digest.update(np.ascontiguousarray(record.orders[name]).astype("<i8").tobytes())
    return digest.hexdigest()[:16]
