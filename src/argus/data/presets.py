"""Named statements for forms of files that occur often: the column mapping, the stamps and their meaning, written once.

A preset is what you would have to state anyway, after asking the vendor. It is chosen by name and never by looking at
the file: two vendors deliver files that look alike and mean the bar's start in one and its end in the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from argus.core.errors import ConfigError, InstrumentError
from argus.core.instruments import InstrumentKind
from argus.core.instruments import instrument as instrument_named
from argus.core.time import NS_PER_HOUR, NS_PER_MINUTE
from argus.data._catalog_statement import SAME_NAMES, ImportSpec

__all__ = ["PRESETS", "Preset", "preset"]

_TITLE_NAMES: Final[Mapping[str, str]] = {name: name.capitalize() for name in SAME_NAMES}
_PRICES_ONLY: Final[Mapping[str, str]] = {name: name.capitalize() for name in ("open", "high", "low", "close")}
_ADJUSTED: Final = "adjusted for splits and dividends: not prices that traded, use for returns only"


@dataclass(frozen=True, slots=True)
class Preset:
    """A form of file.

    Attributes
    ----------
    name : str
    summary : str
        The form in one sentence.
    statement : mapping
        Fields of `ImportSpec`.
    needs : tuple of str
        Fields that the form leaves open and that must be stated each time.
    notes_of : InstrumentKind or None
        What its notes are about; None is whatever the file holds. Nothing but a share is split or pays a dividend.
    """

    name: str
    summary: str
    statement: Mapping[str, Any] = field(hash=False)
    needs: tuple[str, ...] = ()
    notes_of: InstrumentKind | None = None


def _presets() -> dict[str, Preset]:
    forms = (
        Preset(
            "hour_iso_start",
            "hourly CSV, one contract; Time is ISO with an offset and the start of the bar; Open High Low Close Volume",
            {"columns": _TITLE_NAMES, "time_column": "Time", "time_format": "iso"}
            | {"stamp": "start", "interval_ns": NS_PER_HOUR},
        ),
        Preset(
            "6e_1min_end",
            "one-minute CSV; timestamp_utc is naive UTC and the end of the bar; open high low close volume",
            {"columns": SAME_NAMES, "time_column": "timestamp_utc", "time_format": "iso", "timezone": "UTC"}
            | {"stamp": "end", "interval_ns": NS_PER_MINUTE},
        ),
        Preset(
            "btc_ms_start",
            "one-minute candles, CSV or Parquet; timestamp_ms_utc counts milliseconds and is the start; the columns "
            "stand in the order open close high low and are taken by name",
            {"columns": SAME_NAMES, "time_column": "timestamp_ms_utc", "time_format": "ms"}
            | {"stamp": "start", "interval_ns": NS_PER_MINUTE},
        ),
        Preset(
            "futures_hourly",
            "hourly Parquet of many contracts; contract_yyyymm names them; time_utc is typed and the start of the bar",
            {"columns": SAME_NAMES, "time_column": "time_utc", "time_format": "datetime"}
            | {"stamp": "start", "interval_ns": NS_PER_HOUR, "contract_column": "contract_yyyymm"},
            ("contract",),
        ),
        Preset(
            "futures_daily",
            "daily Parquet of many contracts; contract_yyyymm names them; time_utc is midnight Chicago time of the "
            "session date",
            {"columns": SAME_NAMES, "time_column": "time_utc", "time_format": "datetime"}
            | {"timezone": "America/Chicago", "stamp": "session_date", "contract_column": "contract_yyyymm"},
            ("contract",),
        ),
        Preset(
            "etf_5min_eastern",
            "five-minute Parquet; datetime is naive New York time as text and the start of the bar",
            {"columns": SAME_NAMES, "time_column": "datetime", "time_format": "iso", "timezone": "America/New_York"}
            | {"stamp": "start", "interval_ns": 5 * NS_PER_MINUTE},
        ),
        Preset(
            "etf_1min_utc",
            "one-minute Parquet; timestamp is typed UTC and the start of the bar",
            {"columns": SAME_NAMES, "time_column": "timestamp", "time_format": "datetime"}
            | {"stamp": "start", "interval_ns": NS_PER_MINUTE},
        ),
        Preset(
            "es_1min_end",
            "one-minute Parquet; ts is typed naive UTC and the end of the bar",
            {"columns": SAME_NAMES, "time_column": "ts", "time_format": "datetime", "timezone": "UTC"}
            | {"stamp": "end", "interval_ns": NS_PER_MINUTE},
        ),
        Preset(
            "daily_csv",
            "daily CSV; date is the session date; open high low close volume; prices of shares and funds are adjusted",
            {"columns": SAME_NAMES, "time_column": "date", "time_format": "iso", "stamp": "session_date"}
            | {"notes": (_ADJUSTED,)},
            notes_of=InstrumentKind.EQUITY,
        ),
        Preset(
            "index_daily_csv",
            "daily CSV of an index; Date is the session date with a time and an offset; Open High Low Close",
            {"columns": _PRICES_ONLY, "time_column": "Date", "time_format": "iso", "stamp": "session_date"},
        ),
        Preset(
            "databento_ohlcv",
            "Databento DBN file of an OHLCV schema (1s, 1m or 1h); ts_event is the start of the bar; state "
            "where={'symbol': ...} if it holds several",
            {"columns": SAME_NAMES, "time_column": "ts_event", "time_format": "ns", "stamp": "start"},
            ("interval_ns",),
        ),
        Preset(
            "argus_bars",
            "what argus data export writes of bars shorter than a session; state the interval",
            {"columns": SAME_NAMES, "time_column": "ts_event_ns", "time_format": "ns", "stamp": "start"},
            ("interval_ns",),
        ),
        Preset(
            "argus_daily",
            "what argus data export writes of session bars; session is the session date",
            {"columns": SAME_NAMES, "time_column": "session", "time_format": "iso", "stamp": "session_date"},
        ),
    )
    return {form.name: form for form in forms}


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(_presets())
"""All presets by name."""


def preset(name: str, instrument: str, **stated: Any) -> ImportSpec:
    """The statement that a preset stands for, with your own statements over it.

    Parameters
    ----------
    name : str
        Key of `PRESETS`.
    instrument : str
        Symbol in the instrument file.
    **stated
        Fields of `ImportSpec` that differ from the preset or that it leaves open. `notes` are added to its own.

    Raises
    ------
    ConfigError
        If there is no such preset, or a field is unknown, or one that the form leaves open is not stated.
    """
    if name not in PRESETS:
        raise ConfigError(f"no preset is called {name!r}; there are: {', '.join(PRESETS)}")
    form = PRESETS[name]
    unknown = set(stated) - set(ImportSpec.__dataclass_fields__)
    if unknown:
        raise ConfigError(f"preset {name}: {', '.join(sorted(unknown))} is nothing that can be stated about a file")
    missing = [need for need in form.needs if stated.get(need) is None]
    if missing:
        raise ConfigError(f"preset {name} leaves {', '.join(missing)} open: state it")
    spec = replace(ImportSpec(instrument), **form.statement)
    own = spec.notes if form.notes_of in (None, _kind(instrument)) else ()
    notes = (*own, *stated.pop("notes", ()))
    return replace(spec, **stated, notes=notes)


def _kind(symbol: str) -> InstrumentKind:
    """The kind of an instrument; one that is not in the package's file counts as a share, so that no note is lost."""
    try:
        return instrument_named(symbol).kind
    except InstrumentError:
        return InstrumentKind.EQUITY
