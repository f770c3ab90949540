"""``argus data``: import files into the catalog, list, check and export what it holds, ask it in SQL, make markets."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus.cli import statement
from argus.cli.output import JsonOption, WorkspaceOption, emit

if TYPE_CHECKING:
    from argus.app.data import FileStatement
    from argus.data import DatasetCheck, DatasetInfo
    from argus.data.catalog import Catalog

__all__ = ["app"]

EXIT_INCOMPLETE = 3

app = typer.Typer(help="Market data: import, list, check, export, SQL.", no_args_is_help=True)
"""The commands of ``argus data``."""

_NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Dataset, such as MES.1h; `argus data ls` lists them.")
]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, CSV.gz, Parquet or DBN.")],
    instrument: statement.InstrumentOption,
    preset: statement.PresetOption = None,
    stamp: statement.StampOption = None,
    time_column: statement.TimeColumnOption = None,
    time_format: statement.TimeFormatOption = None,
    timezone: statement.TimezoneOption = None,
    interval: statement.IntervalOption = None,
    column: statement.ColumnOption = None,
    where: statement.WhereOption = None,
    contract_column: statement.ContractColumnOption = None,
    contract: statement.ContractOption = None,
    all_contracts: statement.AllContractsOption = False,
    delay: statement.DelayOption = None,
    delimiter: statement.DelimiterOption = None,
    encoding: statement.EncodingOption = None,
    note: statement.NoteOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let rows that contradict the catalog take the place of what is there.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Quarantine bars outside the trading session too.")] = False,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Import a file: good rows to the catalog, bad rows to quarantine. The same import twice changes nothing.

    Exits with 3 if rows went to quarantine, or a contract could not be imported: the good ones are in, but somebody
    should look at the others.
    """
    from argus.app.data import import_file, quarantine_examples
    from argus.app.workspace import open_workspace

    stated = statement.file_statement(
        instrument,
        preset=preset,
        stamp=stamp,
        time_column=time_column,
        time_format=time_format,
        timezone=timezone,
        interval=interval,
        column=column,
        where=where,
        contract_column=contract_column,
        contract=contract,
        delay=delay,
        delimiter=delimiter,
        encoding=encoding,
        note=note,
    )
    catalog = open_workspace(workspace).catalog()
    if all_contracts:
        _import_all(catalog, file, stated, replace=replace, strict=strict, json_wanted=json_wanted)
        return
    report, said = import_file(catalog, file, stated, replace_rows=replace, strict=strict)
    examples = quarantine_examples(catalog, report)
    emit(
        report.as_dict() | {"read_from_file": list(said), "quarantine_examples": examples},
        json_wanted=json_wanted,
        text=lambda: _say([*report.lines(), *(f"read from the file, {line}" for line in said)]),
    )
    for line in examples:
        typer.echo(f"quarantined: {line}", err=True)
    if examples:
        typer.echo(
            f"the bad rows are kept whole in quarantine: argus data check {report.dataset}; correct the file and "
            "import it again to add them",
            err=True,
        )
        raise typer.Exit(3)


def _import_all(
    catalog: Catalog, file: Path, stated: FileStatement, *, replace: bool, strict: bool, json_wanted: bool
) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from argus.app.contract_import import import_all_contracts

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("contracts", total=None)
        done, said = import_all_contracts(
            catalog,
            file,
            stated,
            replace_rows=replace,
            strict=strict,
            progress=lambda number, of, name: bars.update(
                bar, completed=number, total=of, description=name or "contracts"
            ),
        )
    emit(
        done.as_dict() | {"read_from_file": list(said)},
        json_wanted=json_wanted,
        text=lambda: _say([*done.lines(), *(f"read from the file, {line}" for line in said)]),
    )
    if done.failed or done.rows_quarantined:
        typer.echo(
            f"{len(done.failed)} contracts could not be imported, {done.rows_quarantined:,} rows are in quarantine "
            "(argus data check NAME); correct the file and import it again to add them",
            err=True,
        )
        raise typer.Exit(3)


@app.command("actions")
def actions(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Corporate actions: CSV, text or Parquet.")],
    calendar: Annotated[str, typer.Option(help="Calendar whose sessions the dates are.")] = "NYSE",
    replace: Annotated[
        bool, typer.Option("--replace", help="Let rows that contradict the catalog take the place of what is there.")
    ] = False,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Import splits, dividends, changes of symbol and delistings; runs on the catalog's shares book them.

    Exits with 3 if rows went to quarantine.
    """
    from argus.app.workspace import open_workspace
    from argus.data.corporate_actions_import import import_actions

    catalog = open_workspace(workspace).catalog()
    report = import_actions(catalog, file, calendar=calendar, replace_rows=replace)
    emit(
        asdict(report),
        json_wanted=json_wanted,
        text=lambda: _say(
            [
                f"{report.rows_imported:,} corporate actions imported, {report.rows_present:,} were there, "
                f"{report.rows_replaced:,} replaced; {report.rows_read:,} rows read from {report.source}",
                *(f"{reason}: {count:,} rows to quarantine" for reason, count in report.quarantined.items()),
            ]
        ),
    )
    if report.quarantined:
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command("ls")
def ls(workspace: WorkspaceOption = None, json_wanted: JsonOption = False) -> None:
    """List the datasets of the catalog."""
    from argus.app.data import list_datasets
    from argus.app.workspace import open_workspace

    datasets = list_datasets(open_workspace(workspace).catalog())
    emit([_dataset(info) for info in datasets], json_wanted=json_wanted, text=lambda: _print_datasets(datasets))


@app.command("check")
def check(
    name: _NameArgument,
    min_complete: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, metavar="SHARE", help="Exit with 3 if a smaller share of the calendar's bars is there."
        ),
    ] = 0.95,
    sessions: Annotated[int, typer.Option(min=0, metavar="N", help="Show the N least complete sessions.")] = 10,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Verify a dataset: content hashes, quality gates, completeness by session, what is in quarantine."""
    from argus.app.data import check_dataset, session_gaps
    from argus.app.workspace import open_workspace

    found = check_dataset(open_workspace(workspace).catalog(), name)
    share = found.inspection.completeness.share_complete
    complete = share >= min_complete
    gaps = session_gaps(found)
    emit(
        found.as_dict() | {"min_complete": min_complete, "complete": complete, "incomplete_sessions": gaps},
        json_wanted=json_wanted,
        text=lambda: _print_check(found, gaps[:sessions], len(gaps), min_complete),
    )
    if not complete:
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command("export")
def export(
    name: _NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .csv or .parquet; replaced if it exists.")],
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Write a dataset to a file that imports back to the same content."""
    from argus.app.data import export_dataset, import_command
    from argus.app.workspace import open_workspace

    written = export_dataset(open_workspace(workspace).catalog(), name, file)
    again = import_command(written.path, written.statement)
    emit(
        {"dataset": name, "file": str(written.path), "rows": written.rows, "import_again": again},
        json_wanted=json_wanted,
        text=lambda: _say([f"{name}: {written.rows:,} bars written to {written.path}", f"to import it again: {again}"]),
    )


@app.command("sql")
def sql(
    question: Annotated[str, typer.Argument(metavar="SELECT", help='Such as: select count(*) from "MES.1h".')],
    rows: Annotated[int, typer.Option(min=1, metavar="N", help="Most rows to print as text; JSON has all.")] = 100,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Ask the catalog one question in SQL: every dataset is a view of its own name, `bars` is all of them."""
    from argus.app.data import sql_rows
    from argus.app.workspace import open_workspace

    names, answer = sql_rows(open_workspace(workspace).catalog(), question)
    emit(
        [dict(zip(names, row, strict=True)) for row in answer],
        json_wanted=json_wanted,
        text=lambda: _print_rows(names, answer, rows),
    )


@app.command("embedded")
def embedded(workspace: WorkspaceOption = None, json_wanted: JsonOption = False) -> None:
    """Install the market data that come with Argus: indices and VIX 1999-2018, twenty US stocks 1990-2022."""
    from argus.app.workspace import open_workspace
    from argus.data import install_embedded

    catalog = open_workspace(workspace).catalog()
    names = install_embedded(catalog)
    infos = [catalog.info(name) for name in names]
    emit([_dataset(info) for info in infos], json_wanted=json_wanted, text=lambda: _print_datasets(infos))


@app.command("synth")
def synth(
    instrument: statement.InstrumentOption,
    interval: Annotated[
        str, typer.Option(metavar="1m", help="Length of a bar, such as 1m or 1h; 1d for one a session.")
    ] = "1d",
    sessions: Annotated[int, typer.Option(min=1, help="Trading sessions.")] = 2500,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another market.")] = 0,
    start: Annotated[str, typer.Option(metavar="DATE", help="First session on or after this date.")] = "2010-01-04",
    edge: Annotated[
        str | None,
        typer.Option(
            metavar="KIND", help="Plant trend, mean_reversion, overnight, drift or hidden_trend; none if left out."
        ),
    ] = None,
    sharpe: Annotated[float | None, typer.Option(help="True annual Sharpe ratio of the planted edge.")] = None,
    lookback: Annotated[int | None, typer.Option(min=2, help="Sessions that the edge's rule looks back.")] = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Make a synthetic market of known truth and put it into the catalog, marked as synthetic."""
    from argus.app.data import parse_date, parse_session_interval, synthetic_spec, write_synthetic
    from argus.app.workspace import open_workspace

    catalog = open_workspace(workspace).catalog()
    spec = synthetic_spec(
        instrument,
        interval_ns=parse_session_interval(interval, "--interval"),
        start=parse_date(start, "--start"),
        sessions=sessions,
        seed=seed,
        edge=edge,
        sharpe=sharpe,
        lookback=lookback,
    )
    made = write_synthetic(catalog, spec)
    state = "written" if made.changed else "already there, nothing was changed"
    emit(
        asdict(made),
        json_wanted=json_wanted,
        text=lambda: _say([f"{made.dataset}: {made.rows:,} synthetic bars {state}", made.truth]),
    )


# ----------------------------------------------------------------------------------------------------------- for people


def _say(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)


def _dataset(info: DatasetInfo) -> dict[str, Any]:
    from argus.core.time import format_ns

    return asdict(info) | {"first": format_ns(info.first_ns), "last": format_ns(info.last_ns)}


def _print_datasets(datasets: list[DatasetInfo]) -> None:
    from argus.core.arrays import BAR_FIELDS
    from argus.core.time import format_ns

    if not datasets:
        _say(["The catalog is empty. Install what comes with Argus: argus data embedded. Or argus data import FILE."])
        return
    _print_rows(
        ("dataset", "bars", "first", "last", "fields", "quarantined"),
        [
            (
                info.name,
                f"{info.rows:,}",
                format_ns(info.first_ns)[:10],
                format_ns(info.last_ns)[:10],
                " ".join(name for name in BAR_FIELDS if name in info.observed),
                f"{info.quarantined:,}",
            )
            for info in datasets
        ],
        len(datasets),
    )
    named: dict[str, list[str]] = {}
    for info in datasets:
        for note in info.notes:
            named.setdefault(note, []).append(info.name)
    for note, names in named.items():
        more = f" and {len(names) - 3} more" if len(names) > 4 else ""
        _say([f"note on {', '.join(names[:3] if more else names)}{more}: {note}"])


def _print_check(found: DatasetCheck, gaps: list[dict[str, Any]], total: int, min_complete: float) -> None:
    _say(found.lines())
    if gaps:
        _say([f"the least complete of {total:,} incomplete sessions:"])
        columns = tuple(gaps[0])
        _print_rows(columns, [tuple(row[name] for name in columns) for row in gaps], len(gaps))
    share = found.inspection.completeness.share_complete
    verdict = "enough" if share >= min_complete else f"too little: exit code {EXIT_INCOMPLETE}"
    _say([f"{share:.2%} of the expected bars are there, at least {min_complete:.2%} asked for: {verdict}"])


def _print_rows(names: tuple[str, ...], rows: list[tuple[Any, ...]], most: int) -> None:
    """A plain table: no box, so that it can be cut and sorted by other tools."""
    shown = [["" if value is None else str(value) for value in row] for row in rows[:most]]
    widths = [max([len(name), *(len(row[at]) for row in shown)]) for at, name in enumerate(names)]
    for line in [list(names), *shown]:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    if len(rows) > most:
        typer.echo(f"... and {len(rows) - most:,} more rows (--rows N, or --json for all)")
