"""Market data at rest: the catalog and what goes into it, calendars and quality gates, and synthetic markets.

Everything here is loaded when it is first asked for: Parquet, Numba and the calendar library take longer to import than
most commands take to run.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from argus.data._catalog_check import DatasetCheck, check
    from argus.data._catalog_export import Exported, export
    from argus.data.calendars import session_table, sessions_per_year
    from argus.data.catalog import Catalog, DatasetInfo, SourceRecord, Written, dataset_name
    from argus.data.embedded import install_embedded
    from argus.data.importing import (
        SAME_NAMES,
        Checked,
        ImportReport,
        ImportSpec,
        contracts_in,
        import_bars,
        interval_label,
        load_file,
        read_raw,
        to_bars,
    )
    from argus.data.presets import PRESETS, Preset, preset
    from argus.data.quality import Inspection, QualityLimits, QualityReason, inspect
    from argus.data.raw import RawBars, Rejection
    from argus.data.sql import query
    from argus.data.synthetic import Dynamics, Edge, SyntheticSpec, Truth, generate, truth

__all__ = [
    "PRESETS",
    "SAME_NAMES",
    "Catalog",
    "Checked",
    "DatasetCheck",
    "DatasetInfo",
    "Dynamics",
    "Edge",
    "Exported",
    "ImportReport",
    "ImportSpec",
    "Inspection",
    "Preset",
    "QualityLimits",
    "QualityReason",
    "RawBars",
    "Rejection",
    "SourceRecord",
    "SyntheticSpec",
    "Truth",
    "Written",
    "check",
    "contracts_in",
    "dataset_name",
    "export",
    "generate",
    "import_bars",
    "inspect",
    "install_embedded",
    "interval_label",
    "load_file",
    "preset",
    "query",
    "read_raw",
    "session_table",
    "sessions_per_year",
    "to_bars",
    "truth",
]

_HOMES: Final = {
    "_catalog_check": ("DatasetCheck", "check"),
    "_catalog_export": ("Exported", "export"),
    "calendars": ("session_table", "sessions_per_year"),
    "catalog": ("Catalog", "DatasetInfo", "SourceRecord", "Written", "dataset_name"),
    "embedded": ("install_embedded",),
    "importing": (
        *("SAME_NAMES", "Checked", "ImportReport", "ImportSpec", "contracts_in"),
        *("import_bars", "interval_label", "load_file", "read_raw", "to_bars"),
    ),
    "presets": ("PRESETS", "Preset", "preset"),
    "quality": ("Inspection", "QualityLimits", "QualityReason", "inspect"),
    "raw": ("RawBars", "Rejection"),
    "synthetic": ("Dynamics", "Edge", "SyntheticSpec", "Truth", "generate", "truth"),
    "sql": ("query",),
}
_HOME: Final = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
