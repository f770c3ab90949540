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
    from argus.data.continuous import Adjustment, Anchor, ContinuousSeries, Splice, back_adjusted, continuous_series
    from argus.data.contract_bars import contracts_from_catalog, contracts_from_file, import_contracts
    from argus.data.contract_dates import (
        ContractId,
        ContractLife,
        SettlementKind,
        contract_life,
        contract_lives,
        contract_spec,
        contract_symbol,
        parse_contract,
    )
    from argus.data.corporate_actions import (
        AdjustedBars,
        CashDividend,
        CorporateAction,
        Delisting,
        Split,
        SymbolChange,
        join_symbols,
        known_actions,
        split_adjusted,
        total_return_adjusted,
    )
    from argus.data.corporate_actions_import import (
        ActionFile,
        ActionReport,
        import_actions,
        load_actions,
        quarantined_actions,
        read_actions,
    )
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
    from argus.data.rolls import (
        Leg,
        Roll,
        RollReason,
        RollRule,
        RollSchedule,
        RollTrigger,
        customary_rule,
        roll_date,
        roll_schedule,
    )
    from argus.data.sql import query
    from argus.data.synthetic import Dynamics, Edge, SyntheticSpec, Truth, generate, truth

__all__ = [
    "ActionFile",
    "ActionReport",
    "AdjustedBars",
    "Adjustment",
    "Anchor",
    "CashDividend",
    "Catalog",
    "Checked",
    "ContinuousSeries",
    "ContractId",
    "ContractLife",
    "CorporateAction",
    "DatasetCheck",
    "DatasetInfo",
    "Delisting",
    "Dynamics",
    "Edge",
    "Exported",
    "ImportReport",
    "ImportSpec",
    "Inspection",
    "Leg",
    "PRESETS",
    "Preset",
    "QualityLimits",
    "QualityReason",
    "RawBars",
    "Rejection",
    "Roll",
    "RollReason",
    "RollRule",
    "RollSchedule",
    "RollTrigger",
    "SAME_NAMES",
    "SettlementKind",
    "SourceRecord",
    "Splice",
    "Split",
    "SymbolChange",
    "SyntheticSpec",
    "Truth",
    "Written",
    "back_adjusted",
    "check",
    "continuous_series",
    "contract_life",
    "contract_lives",
    "contract_spec",
    "contract_symbol",
    "contracts_from_catalog",
    "contracts_from_file",
    "contracts_in",
    "customary_rule",
    "dataset_name",
    "export",
    "generate",
    "import_actions",
    "import_bars",
    "import_contracts",
    "inspect",
    "install_embedded",
    "interval_label",
    "join_symbols",
    "known_actions",
    "load_actions",
    "load_file",
    "parse_contract",
    "preset",
    "quarantined_actions",
    "query",
    "read_actions",
    "read_raw",
    "roll_date",
    "roll_schedule",
    "session_table",
    "sessions_per_year",
    "split_adjusted",
    "to_bars",
    "total_return_adjusted",
    "truth",
]

_HOMES: Final = {
    "_catalog_check": ("DatasetCheck", "check"),
    "_catalog_export": ("Exported", "export"),
    "calendars": ("session_table", "sessions_per_year"),
    "catalog": ("Catalog", "DatasetInfo", "SourceRecord", "Written", "dataset_name"),
    "contract_bars": (
        "contracts_from_catalog",
        "contracts_from_file",
        "import_contracts",
    ),
    "contract_dates": (
        "ContractId",
        "ContractLife",
        "SettlementKind",
        "contract_life",
        "contract_lives",
        "contract_spec",
        "contract_symbol",
        "parse_contract",
    ),
    "continuous": (
        "Adjustment",
        "Anchor",
        "ContinuousSeries",
        "Splice",
        "back_adjusted",
        "continuous_series",
    ),
    "corporate_actions": (
        "AdjustedBars",
        "CashDividend",
        "CorporateAction",
        "Delisting",
        "Split",
        "SymbolChange",
        "join_symbols",
        "known_actions",
        "split_adjusted",
        "total_return_adjusted",
    ),
    "corporate_actions_import": (
        "ActionFile",
        "ActionReport",
        "import_actions",
        "load_actions",
        "quarantined_actions",
        "read_actions",
    ),
    "rolls": (
        "Leg",
        "Roll",
        "RollReason",
        "RollRule",
        "RollSchedule",
        "RollTrigger",
        "customary_rule",
        "roll_date",
        "roll_schedule",
    ),
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
