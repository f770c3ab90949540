"""The quality gates once more, over what the catalog holds, together with what it holds back in quarantine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from argus.core.arrays import BAR_FIELDS, Bars
from argus.core.instruments import InstrumentSpec, instrument
from argus.data.catalog import Catalog, DatasetInfo
from argus.data.quality import Inspection, QualityLimits, inspect
from argus.data.quarantine import reason_counts
from argus.data.raw import RawBars, Rejection

__all__ = ["DatasetCheck", "as_raw", "check"]


@dataclass(frozen=True, slots=True, eq=False)
class DatasetCheck:
    """The state of a dataset.

    Attributes
    ----------
    info : DatasetInfo
    inspection : Inspection
        Of the stored bars.
    quarantined : tuple of Rejection
        Rows that the imports did not take.
    """

    info: DatasetInfo
    inspection: Inspection
    quarantined: tuple[Rejection, ...]

    @property
    def quarantined_share(self) -> float:
        """Quarantined rows as a share of all rows that the imports read."""
        total = self.info.rows + len(self.quarantined)
        return len(self.quarantined) / total if total else 0.0

    def lines(self) -> list[str]:
        """The check for people."""
        text = [f"{self.info.name}: {self.info.rows} bars, content {self.info.content_hash[:16]}"]
        text += [f"note: {note}" for note in self.info.notes]
        text += self.inspection.lines()
        counts = reason_counts(self.quarantined)
        text.append(f"quarantine: {len(self.quarantined)} rows ({self.quarantined_share:.3%})")
        text += [f"quarantined, {reason.replace('_', ' ')}: {count}" for reason, count in counts.items()]
        return text + [f"for example {row.message}" for row in self.quarantined[:3]]

    def as_dict(self) -> dict[str, Any]:
        """The check as plain values, for JSON."""
        return {
            "dataset": self.info.name,
            "rows": self.info.rows,
            "content_hash": self.info.content_hash,
            "notes": list(self.info.notes),
            "inspection": self.inspection.as_dict(),
            "quarantined": reason_counts(self.quarantined),
            "quarantined_share": self.quarantined_share,
        }


def check(
    catalog: Catalog, name: str, *, product: InstrumentSpec | None = None, limits: QualityLimits | None = None
) -> DatasetCheck:
    """Verify the content hashes of a dataset and run the quality gates over it.

    Raises
    ------
    CatalogError
        If the dataset is missing or damaged.
    """
    info = catalog.info(name)
    bars = catalog.load(info.instrument, info.interval, contract=info.contract)
    product = instrument(info.instrument) if product is None else product
    inspection = inspect(as_raw(bars, info.name), product, info.interval_ns, limits or QualityLimits(), None)
    return DatasetCheck(info, inspection, catalog.quarantined(name))


def as_raw(bars: Bars, source: str) -> RawBars:
    """Stored bars as if they had just been read, so that the same gates can judge them; the line is the row."""

    def row_bytes(row: int) -> bytes:
        values = {name: float(getattr(bars, name)[row]) for name in BAR_FIELDS if name in bars.observed}
        return json.dumps({"ts_event_ns": int(bars.ts_event_ns[row])} | values).encode()

    return RawBars(
        instrument=bars.instrument,
        ts_event_ns=bars.ts_event_ns,
        ts_close_ns=bars.ts_close_ns,
        ts_recv_ns=bars.ts_recv_ns,
        observed=bars.observed,
        source_line=np.arange(1, len(bars) + 1, dtype=np.int64),
        row_bytes=row_bytes,
        source=source,
        **{name: getattr(bars, name) for name in BAR_FIELDS},
    )
