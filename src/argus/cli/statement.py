"""What a person can state about a file of bars, as options: the same set for ``data import`` and ``backtest --bars``.

Whether a stamp is the start or the end of its bar, and the zone of stamps without an offset, are never guessed. What
the file itself says need not be stated: `argus.app.data.complete_statement` reads it and says what it read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from argus.app.data import FileStatement
    from argus.data.importing import ImportSpec

__all__ = [
    "AllContractsOption",
    "ColumnOption",
    "ContractColumnOption",
    "ContractOption",
    "DelayOption",
    "DelimiterOption",
    "EncodingOption",
    "InstrumentOption",
    "IntervalOption",
    "NoteOption",
    "PresetOption",
    "StampOption",
    "TimeColumnOption",
    "TimeFormatOption",
    "TimezoneOption",
    "WhereOption",
    "file_statement",
    "import_spec",
]

_PANEL = "What the file is"

InstrumentOption = Annotated[
    str,
    typer.Option("--instrument", "-i", metavar="SYMBOL", help="What the bars are of, such as MES or US_EQUITY:AAPL."),
]
"""Symbol in the instrument file."""

PresetOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="A named form of file; `argus inventory presets` lists them.", rich_help_panel=_PANEL
    ),
]
"""A named statement; other options go over it."""

StampOption = Annotated[
    str | None,
    typer.Option(
        metavar="start|end|session_date",
        help="What a time stamp means: the bar's start, its end, or the date of a whole session. Ask the vendor.",
        rich_help_panel=_PANEL,
    ),
]
"""Meaning of a stamp; never guessed."""

TimeColumnOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Column of the stamps; needed unless the file has one typed column of times.",
        rich_help_panel=_PANEL,
    ),
]
"""Column of the stamps."""

TimeFormatOption = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="ns, us, ms or s since 1970, iso, datetime (a typed column), or a pattern such as '%m/%d/%Y %H:%M'.",
        rich_help_panel=_PANEL,
    ),
]
"""Form of the stamps."""

TimezoneOption = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE", help="Zone of stamps without an offset: UTC, America/New_York, ...", rich_help_panel=_PANEL
    ),
]
"""Zone of naive stamps."""

IntervalOption = Annotated[
    str | None,
    typer.Option(
        metavar="1m",
        help="Length of a bar; measured if every spacing is a multiple of the smallest.",
        rich_help_panel=_PANEL,
    ),
]
"""Length of a bar."""

ColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD=NAME",
        help="Which column is open, high, low, close, volume, open_interest; repeat it. Default: the same names.",
        rich_help_panel=_PANEL,
    ),
]
"""Bar field to the file's column."""

WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE", help="Read only rows with this value in this column; repeat it.", rich_help_panel=_PANEL
    ),
]
"""Column to the value that a row must have."""

ContractColumnOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column that names the contract, in a file of many.", rich_help_panel=_PANEL),
]
"""Column of the contract."""

ContractOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="The contract to read from a file of many.", rich_help_panel=_PANEL)
]
"""The contract to read."""

AllContractsOption = Annotated[
    bool,
    typer.Option(
        "--all-contracts",
        help="Import every contract that the file holds of the root, named as 202403 or as ESH4, each by itself.",
        rich_help_panel=_PANEL,
    ),
]
"""Whether all contracts are read."""

DelayOption = Annotated[
    str | None,
    typer.Option(metavar="0s", help="How long after a bar's close the vendor delivers it.", rich_help_panel=_PANEL),
]
"""Vendor delay."""

DelimiterOption = Annotated[
    str | None, typer.Option(metavar="CHAR", help="Between the fields of a text file; a comma.", rich_help_panel=_PANEL)
]
"""Delimiter of a text file."""

EncodingOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Encoding of a text file; utf-8.", rich_help_panel=_PANEL)
]
"""Encoding of a text file."""

NoteOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT", help="What a reader of results must know about this source; repeat it.", rich_help_panel=_PANEL
    ),
]
"""Notes that stay with the data."""


def file_statement(
    instrument: str,
    *,
    preset: str | None = None,
    stamp: str | None = None,
    time_column: str | None = None,
    time_format: str | None = None,
    timezone: str | None = None,
    interval: str | None = None,
    column: Sequence[str] | None = None,
    where: Sequence[str] | None = None,
    contract_column: str | None = None,
    contract: str | None = None,
    delay: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    note: Sequence[str] | None = None,
) -> FileStatement:
    """The options as a statement; nothing is read from the file yet.

    Raises
    ------
    ConfigError
        Naming the option that is malformed.
    """
    from argus.app.data import FileStatement, parse_duration, parse_pairs

    return FileStatement(
        instrument=instrument,
        preset=preset,
        columns=parse_pairs(column or (), "--column"),
        where=parse_pairs(where or (), "--where"),
        stamp=stamp,
        time_column=time_column,
        time_format=time_format,
        timezone=timezone,
        interval_ns=None if interval is None else parse_duration(interval, "--interval"),
        delay_ns=None if delay is None else parse_duration(delay, "--delay"),
        contract_column=contract_column,
        contract=contract,
        delimiter={"\\t": "\t", "tab": "\t"}.get(delimiter or "", delimiter),
        encoding=encoding,
        notes=tuple(note or ()),
    )


def import_spec(path: Path, instrument: str | None, **options: object) -> tuple[ImportSpec, tuple[str, ...]]:
    """The complete statement about a file from options, and a sentence for each thing that the file itself had to say.

    Parameters
    ----------
    path : Path
    instrument : str or None
        None is an error that says what to state.
    **options
        Those of `file_statement`, by name.

    Raises
    ------
    ConfigError
        Naming the option that is malformed or missing.
    ImportFailed
        Naming each statement that is missing, and the file's columns.
    """
    from argus.app.data import complete_statement
    from argus.core.errors import ConfigError

    if instrument is None:
        raise ConfigError(f"{path.name}: state what the bars are of: --instrument SYMBOL (argus inventory instruments)")
    return complete_statement(path, file_statement(instrument, **options))  # type: ignore[arg-type]
