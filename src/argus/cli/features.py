"""``argus features``: computed over a file, harvested over the catalog, and reported on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from argus.cli import statement
from argus.cli.output import JsonOption, WorkspaceOption, emit
from argus.cli.workers import RayOption, WorkersOption, worker_count

__all__ = ["app"]

app = typer.Typer(help="Features: compute them over a file, harvest them over the catalog.", no_args_is_help=True)
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
    with _bar("rows") as tell:
        done = compute_file(bars, stated, what, out, progress=tell)
    rate = done.rows * done.features / max(done.seconds, 1e-9) / 1e6
    emit(
        {
            "rows": done.rows,
            "features": done.features,
            "seconds_compute": round(done.seconds_compute, 4),
            "seconds_write": round(done.seconds_write, 4),
            "seconds": round(done.seconds, 4),
            "peak_mb": round(done.peak_mb, 1),
            "out": done.out,
            "data_hash": done.data_hash,
            "notes": list(done.notes),
        },
        json_wanted=json_wanted,
        text=lambda: _say(
            [
                *done.notes,
                f"{done.rows:,} rows of {done.features} features in {done.seconds:.2f} s ({rate:,.0f} million values a "
                f"second): {done.seconds_compute:.2f} s of computing, {done.seconds_write:.2f} s of writing beside it, "
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
    from argus.app.features import harvest as use_case
    from argus.app.rolled import Rolling
    from argus.app.workspace import open_workspace

    home = open_workspace(workspace)
    with _bar("rows") as tell:
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
        lines += _lacking(one)
    rate = told["values_made"] / max(done.seconds, 1e-9) / 1e6
    lines.append(f"{told['values_made']:,} values in {done.seconds:.1f} s, {rate:,.0f} million a second")
    emit(told, json_wanted=json_wanted, text=lambda: _say(lines))


def _changed(columns: tuple[str, ...]) -> str:
    if not columns:
        return ""
    shown = ", ".join(columns[:5]) + (f" and {len(columns) - 5} more" if len(columns) > 5 else "")
    return f"; replaced, because definition or data changed: {shown}"


def _lacking(table: Mapping[str, Any]) -> list[str]:
    """Which columns were left out of a table, one line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for alias, why in table["left_out"].items():
        by_reason.setdefault(why, []).append(alias)
    return [
        f"{table['symbol']} {table['timeframe']}: {len(left)} columns left out, because {why}: {', '.join(left[:3])}"
        + (" ..." if len(left) > 3 else "")
        for why, left in by_reason.items()
    ]


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _say(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)


@contextmanager
def _bar(unit: str) -> Iterator[Callable[[int, int], None]]:
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
