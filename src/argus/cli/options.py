"""``argus options``: import option chains into the catalog, and check what it holds of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus.cli import chain_statement, statement
from argus.cli.numbers import within
from argus.cli.options_analysis import anomalies, iv, pop, structure, surface
from argus.cli.options_consensus import consensus
from argus.cli.output import JsonOption, WorkspaceOption, emit
from argus.core.words import agreed, counted

if TYPE_CHECKING:
    from argus.app.option_chains import ChainImports
    from argus.data.chain_importing import ChainSpec
    from argus.data.chain_store import ChainStore

__all__ = ["app"]

EXIT_INCOMPLETE = 3

app = typer.Typer(help="Options: chains, volatility, structures and their chances.", no_args_is_help=True)
"""The commands of ``argus options``."""


@app.command("import")
def import_(
    files: chain_statement.FilesArgument,
    underlying: chain_statement.UnderlyingOption,
    series: chain_statement.SeriesOption = None,
    preset: chain_statement.ChainPresetOption = None,
    column: chain_statement.ChainColumnOption = None,
    stamp: chain_statement.ChainStampOption = None,
    time_column: statement.TimeColumnOption = None,
    time_format: statement.TimeFormatOption = None,
    timezone: statement.TimezoneOption = None,
    expiry_format: chain_statement.ExpiryFormatOption = None,
    zero_is_none: chain_statement.ZeroIsNoneOption = None,
    placeholder: chain_statement.PlaceholderOption = None,
    future: chain_statement.FutureOption = None,
    definitions: chain_statement.DefinitionsOption = None,
    every: chain_statement.EveryOption = None,
    settles: chain_statement.SettlesOption = None,
    where: statement.WhereOption = None,
    delay: statement.DelayOption = None,
    delimiter: statement.DelimiterOption = None,
    encoding: statement.EncodingOption = None,
    note: statement.NoteOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let rows that contradict the catalog take the place of what is there.")
    ] = False,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Import option chains: good rows to the catalog, bad rows to quarantine. The same import twice changes nothing.

    Exits with 3 if rows went to quarantine, or one of several files could not be imported.
    """
    from argus.app.data import parse_duration, parse_pairs
    from argus.app.option_chains import chain_spec, first_examples
    from argus.app.workspace import open_workspace
    from argus.data.chain_store import ChainStore

    stated: dict[str, Any] = {
        "series": series,
        "columns": parse_pairs(column or (), "--column"),
        "stamp": stamp,
        "time_column": time_column,
        "time_format": time_format,
        "timezone": timezone,
        "expiry_format": expiry_format,
        "zero_is_none": tuple(zero_is_none or ()),
        "placeholders": _placeholders(parse_pairs(placeholder or (), "--placeholder")),
        "future": future,
        "definitions": definitions,
        "every_ns": None if every is None else parse_duration(every, "--every"),
        "at_open": _at_open(settles),
        "where": parse_pairs(where or (), "--where"),
        "delay_ns": None if delay is None else parse_duration(delay, "--delay"),
        "delimiter": delimiter,
        "encoding": encoding,
        "notes": tuple(note or ()),
    }
    spec = chain_spec(underlying, stated, preset=preset)
    store = ChainStore(open_workspace(workspace).catalog().root)
    done = _imported(store, files, spec, replace=replace)
    examples = first_examples(store, done)
    found = done.as_dict() | {"quarantine_examples": examples}
    emit(found, json_wanted=json_wanted, text=lambda: _say(done.lines()))
    for line in examples:
        typer.echo(f"quarantined: {line}", err=True)
    if done.rows_quarantined or done.failed:
        typer.echo(
            f"{counted(len(done.failed), 'file')} could not be imported, {counted(done.rows_quarantined, 'row')} "
            f"{agreed(done.rows_quarantined, 'is', 'are')} in quarantine "
            f"(argus options check {done.reports[-1].dataset}); correct them and import them again",
            err=True,
        )
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Chains, such as SPX/eod.")],
    min_complete: Annotated[
        float,
        typer.Option(
            callback=within(0.0, 1.0), metavar="SHARE", help="Exit with 3 if fewer of the sessions have a snapshot."
        ),
    ] = 0.9,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Verify chains: content hashes, quality gates over every quote, missing sessions, what is in quarantine."""
    from argus.app.option_chains import check_chains
    from argus.app.workspace import open_workspace
    from argus.data.chain_store import ChainStore

    found = check_chains(ChainStore(open_workspace(workspace).catalog().root), name)
    complete = found.share_complete >= min_complete
    verdict = "enough" if complete else f"too little: exit code {EXIT_INCOMPLETE}"
    share = f"{found.share_complete:.2%} of the sessions have a snapshot, at least {min_complete:.2%} asked for"
    emit(
        found.as_dict() | {"min_complete": min_complete, "complete": complete},
        json_wanted=json_wanted,
        text=lambda: _say([*found.lines(), f"{share}: {verdict}"]),
    )
    if not complete:
        raise typer.Exit(EXIT_INCOMPLETE)


def _imported(store: ChainStore, files: list[Path], spec: ChainSpec, *, replace: bool) -> ChainImports:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from argus.app.option_chains import import_chain_files

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=len(files) == 1) as bars:
        bar = bars.add_task("chains", total=len(files))
        return import_chain_files(
            store,
            files,
            spec,
            replace_rows=replace,
            progress=lambda number, name: bars.update(bar, completed=number, description=name),
        )


def _placeholders(given: Mapping[str, str]) -> dict[str, float]:
    from argus.core.errors import ConfigError

    found = {}
    for field, text in given.items():
        try:
            found[field] = float(text)
        except ValueError:
            found[field] = math.nan
        if not math.isfinite(found[field]):
            raise ConfigError(f"--placeholder is {field}={text}; write a field and a number, such as vendor_iv=0.02")
    return found


def _at_open(settles: str | None) -> bool | None:
    from argus.core.errors import ConfigError

    if settles not in (None, "am", "pm"):
        raise ConfigError(f"--settles is {settles!r}; write am (on the open) or pm (on the close)")
    return None if settles is None else settles == "am"


def _say(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)


app.command("iv")(iv)
app.command("surface")(surface)
app.command("anomalies")(anomalies)
app.command("consensus")(consensus)
app.command("structure")(structure)
app.command("pop")(pop)
