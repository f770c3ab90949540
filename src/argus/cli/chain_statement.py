"""What a person can state about a file of option quotes, as options of ``argus options import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ChainColumnOption",
    "ChainPresetOption",
    "ChainStampOption",
    "ExpiryFormatOption",
    "DefinitionsOption",
    "EveryOption",
    "FilesArgument",
    "FutureOption",
    "PlaceholderOption",
    "SeriesOption",
    "SettlesOption",
    "UnderlyingOption",
    "ZeroIsNoneOption",
]

_PANEL = "What the file is"

FilesArgument = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="CSV, CSV.gz, Parquet or DBN; one or several.")
]
"""Files of one form."""

UnderlyingOption = Annotated[
    str, typer.Option("--underlying", "-u", metavar="SYMBOL", help="What the options are on, such as SPX, or ES.")
]
"""Symbol of the underlying."""

SeriesOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Name to keep the chains under: one for each vendor and kind of snapshot."),
]
"""Name of the series in the catalog."""

ChainPresetOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="A named form: spx_eod_2019, chain_symbols, chain_on_futures.", rich_help_panel=_PANEL
    ),
]
"""A named statement; other options go over it."""

ChainColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD=NAME",
        help="Which column is symbol (or expiry, right, strike, root), bid, ask, ...; repeat it.",
        rich_help_panel=_PANEL,
    ),
]
"""Field of an option to the file's column."""

ChainStampOption = Annotated[
    str | None,
    typer.Option(
        metavar="instant|session_close",
        help="What a time stamp means: the instant of the quotes, or a session date whose close they are of.",
        rich_help_panel=_PANEL,
    ),
]
"""Meaning of a stamp; never guessed."""

ExpiryFormatOption = Annotated[
    str | None,
    typer.Option(metavar="FORMAT", help="iso, datetime, or a pattern such as '%m/%d/%Y'.", rich_help_panel=_PANEL),
]
"""Form of the expiry column."""

FutureOption = Annotated[
    str | None,
    typer.Option(
        metavar="CONTRACT",
        help="The futures contract that all options are on, such as ESH4, where no column says it.",
        rich_help_panel=_PANEL,
    ),
]
"""One futures contract for all rows."""

DefinitionsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Databento's definitions of the contracts, where the files are its top-of-book quotes.",
        rich_help_panel=_PANEL,
    ),
]
"""Which contract each number of a stream of quotes is."""

EveryOption = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION",
        help="Of such quotes a snapshot at every multiple, such as 1h; by default one at the last quote.",
        rich_help_panel=_PANEL,
    ),
]
"""Time between snapshots of a stream of quotes."""

ZeroIsNoneOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD", help="A field where 0 stands for nothing; repeat it.", rich_help_panel=_PANEL),
]
"""Fields where 0 stands for nothing."""

PlaceholderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--placeholder",
        metavar="FIELD=NUMBER",
        help="A number that stands for nothing in a field, such as vendor_iv=0.02; repeat it.",
        rich_help_panel=_PANEL,
    ),
]
"""Number that this vendor writes in a field for what it does not have."""

SettlesOption = Annotated[
    str | None,
    typer.Option(
        metavar="am|pm", help="When all contracts settle, if their roots do not tell.", rich_help_panel=_PANEL
    ),
]
"""On the open or the close, where roots do not tell."""
