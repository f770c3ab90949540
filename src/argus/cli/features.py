"""``argus features``: computed over a file, harvested over the catalog, and reported on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus.cli import statement
from argus.cli.output import JsonOption, WorkspaceOption, emit
from argus.cli.workers import RayOption, WorkersOption, worker_count
from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from argus.report.features import FeatureReportView

__all__ = ["app", "progress_bar"]

EXIT_ERRORS = 3
_STATEMENT = (
    *("preset", "stamp", "time_column", "time_format", "timezone", "interval", "column", "where"),
    *("contract_column", "contract", "delay", "delimiter", "encoding"),
)

app = typer.Typer(
    help="Features: compute them over a file, harvest them over the catalog, report on them.", no_args_is_help=True
)
"""The commands of ``argus features``."""

SetOption = Annotated[
    str,
    typer.Option(
        "--set", metavar="NAME", help="A set (argus inventory sets), or features with their defaults: rsi,atr."
    ),
]


@app.command("compute")
def compute(
    bars: Annotated[Path, typer.Option("--bars", metavar="FILE", help="CSV, CSV.gz, Parquet or DBN.")],
    instrument: statement.InstrumentOption,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Parquet file to write.")],
    what: SetOption = "futures",
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
    delay: statement.DelayOption = None,
    delimiter: statement.DelimiterOption = None,
    encoding: statement.EncodingOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Compute features over the bars of one file; the result is one Parquet file, a row a bar."""
    from argus.app.features import compute_file

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
    )
    with progress_bar("rows") as tell:
        done = compute_file(bars, stated, what, out, progress=tell)
    rate = done.rows * done.features / max(done.seconds, 1e-9) / 1e6
    emit(
        {
            "rows": done.rows,
            "features": done.features,
            "seconds_setup": round(done.seconds_setup, 4),
            "seconds_compute": round(done.seconds_compute, 4),
            "seconds_write": round(done.seconds_write, 4),
            "seconds": round(done.seconds, 4),
            "peak_mb": round(done.peak_mb, 1),
            "out": done.out,
            "data_hash": done.data_hash,
            "notes": list(done.notes),
            "left_out": dict(done.left_out),
        },
        json_wanted=json_wanted,
        text=lambda: _say(
            [
                *done.notes,
                *_lacking(done.out, done.left_out),
                f"{done.rows:,} rows of {done.features} features in {done.seconds:.2f} s ({rate:,.0f} million values a "
                f"second): {done.seconds_setup:.2f} s of setting up, {done.seconds_compute:.2f} s of computing, "
                f"{done.seconds_write:.2f} s of writing beside it, "
                f"{done.peak_mb:,.0f} MB at most",
                f"written to {done.out}",
            ]
        ),
    )


@app.command("harvest")
def harvest(
    timeframes: Annotated[str, typer.Option(metavar="LIST", help="Bar lengths, separated by commas: 1m,1h,1d.")],
    symbols: Annotated[
        str,
        typer.Option(metavar="LIST", help="Instruments or roots, separated by commas: MES,ZN. None for cross_asset."),
    ] = "",
    what: SetOption = "futures",
    roll: Annotated[str, typer.Option(help="For roots: calendar, volume or open_interest.")] = "calendar",
    adjust: Annotated[str, typer.Option(help="For roots: ratio, difference or none, at each roll.")] = "ratio",
    workers: WorkersOption = 0,
    ray: RayOption = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Bring feature tables up to date: new bars are added, changed definitions computed anew, the rest is kept.

    Interrupted at any moment, the same command goes on where it stopped.
    """
    from argus.app.harvest import harvest as use_case
    from argus.app.rolled import Rolling
    from argus.app.workspace import open_workspace

    home = open_workspace(workspace)
    with progress_bar("rows") as tell:
        done = use_case(
            home,
            what,
            _listed(symbols),
            _listed(timeframes),
            Rolling(roll, adjust),
            workers=worker_count(workers, ray),
            ray=ray,
            progress=tell,
        )
    told = done.as_dict()
    lines = [
        f"{one['symbol']} {one['timeframe']}: {one['rows']:,} rows of {one['columns']} features; {one['rows_kept']:,} "
        f"kept, {one['rows_made']:,} computed, {one['rows_proven']:,} old ones proven unchanged; "
        f"{one['seconds']:.1f} s" + _changed(one["columns_changed"])
        for one in done.tables
    ]
    for one in done.tables:
        lines += _lacking(f"{one['symbol']} {one['timeframe']}", one["left_out"])
    rate = told["values_made"] / max(done.seconds, 1e-9) / 1e6
    lines.append(f"{told['values_made']:,} values in {done.seconds:.1f} s, {rate:,.0f} million a second")
    emit(told, json_wanted=json_wanted, text=lambda: _say(lines))


@app.command("report")
def report(
    symbol: Annotated[
        str | None, typer.Option(metavar="SYMBOL", help="Instrument or root of a harvested table: MES.")
    ] = None,
    timeframe: Annotated[str | None, typer.Option(metavar="LENGTH", help="Its bar length: 1h.")] = None,
    what: SetOption = "futures",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Page to write: a name in .html.")] = None,
    bars: Annotated[
        Path | None, typer.Option("--bars", metavar="FILE", help="Report on a file of bars instead; nothing is kept.")
    ] = None,
    instrument: Annotated[str | None, typer.Option("--instrument", "-i", help="Instrument of the file.")] = None,
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
    delay: statement.DelayOption = None,
    delimiter: statement.DelimiterOption = None,
    encoding: statement.EncodingOption = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Tell what features look like: distribution, missing values, level, drift, doubles, and whether one is no feature.

    Every column is audited for causality on its own rows. Exit code 3 if a column is in error: it knows the future, or
    its values leave their declared range.
    """
    given = {name: value for name, value in locals().items() if name in _STATEMENT}
    view = _reported(what, symbol, timeframe, bars, instrument, given, workspace)
    if out is not None:
        from argus.app.feature_report import write_page

        write_page(view, out)
    emit(
        {**view.as_dict(), "page": str(out) if out else None},
        json_wanted=json_wanted,
        text=lambda: _tell_report(view, out),
    )
    if view.errors:
        raise typer.Exit(EXIT_ERRORS)


def _reported(
    what: str,
    symbol: str | None,
    timeframe: str | None,
    bars: Path | None,
    instrument: str | None,
    given: Mapping[str, Any],
    workspace: Path | None,
) -> FeatureReportView:
    from argus.app.feature_report import feature_report, file_report
    from argus.app.workspace import open_workspace

    if bars is not None:
        if symbol or timeframe:
            raise ConfigError("--bars reports on a file, --symbol and --timeframe on a harvested table; state one")
        if not instrument:
            raise ConfigError("--instrument is missing: say whose bars the file holds, such as ES")
        with _phases() as tell:
            return file_report(bars, statement.file_statement(instrument, **given), what, tell)
    if not symbol or not timeframe:
        raise ConfigError("state --symbol and --timeframe of a harvested table, or a file with --bars")
    stated = [name for name, value in given.items() if value]
    if stated or instrument:
        raise ConfigError(f"--{(stated or ['instrument'])[0].replace('_', '-')} describes a file; state it with --bars")
    home = open_workspace(workspace)
    with _phases() as tell:
        return feature_report(home, what, symbol, timeframe, tell)


def _tell_report(view: FeatureReportView, out: Path | None) -> None:
    from argus.report.features import summary_lines

    _say([*summary_lines(view), f"the page is {out}" if out else "--out FILE.html writes the page with every column"])


def _changed(columns: tuple[str, ...]) -> str:
    if not columns:
        return ""
    shown = ", ".join(columns[:5]) + (f" and {len(columns) - 5} more" if len(columns) > 5 else "")
    return f"; replaced, because definition or data changed: {shown}"


def _lacking(of: str, left_out: Mapping[str, str]) -> list[str]:
    """Which columns were left out of a table, one line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for alias, why in left_out.items():
        by_reason.setdefault(why, []).append(alias)
    return [
        f"{of}: {len(left)} columns left out, because {why}: {', '.join(left[:3])}" + (" ..." if len(left) > 3 else "")
        for why, left in by_reason.items()
    ]


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _say(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)


@contextmanager
def _phases() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error that says what is being done, how much of it is, and how long it will take."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        known: dict[str, TaskID] = {}

        def tell(doing: str, done: int, of: int) -> None:
            if doing not in known:
                known[doing] = bars.add_task(doing, total=of)
            bars.update(known[doing], completed=done, total=of)

        yield tell


@contextmanager
def progress_bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error with what is done, how fast, and how long it will take."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("work", total=0, rate="")

        def tell(done: int, of: int) -> None:
            speed = bars.tasks[0].speed
            bars.update(bar, completed=done, total=of, rate=f"{speed:,.0f} {unit}/s" if speed else "")

        yield tell
