"""``argus lab outcomes``: what followed each bar, computed and kept."""

from __future__ import annotations

from typing import Annotated

import typer

from argus.cli.features import progress_bar
from argus.cli.output import JsonOption, WorkspaceOption, emit
from argus.cli.workers import WorkersOption, worker_count
from argus.core.errors import ConfigError

__all__ = ["outcomes"]


def outcomes(
    symbols: Annotated[str, typer.Option(metavar="LIST", help="Instruments or roots, separated by commas: MES,ZN.")],
    timeframes: Annotated[str, typer.Option(metavar="LIST", help="Bar lengths, separated by commas: 1m,1h,1d.")],
    horizons: Annotated[str, typer.Option(metavar="LIST", help="Windows in bars, separated by commas.")] = "1,5,20",
    barriers: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Upper and lower barrier in deviations, pairs separated by commas: 1:1,2:1. Or none."
        ),
    ] = "1:1",
    cross_sessions: Annotated[
        bool, typer.Option("--cross-sessions/--within-sessions", help="Whether windows run on over a session's end.")
    ] = True,
    half_life: Annotated[int, typer.Option(metavar="BARS", help="Of the volatility that scales barriers.")] = 60,
    hole_bars: Annotated[int, typer.Option(metavar="BARS", help="So many missing bars in a row make a hole.")] = 1,
    roll: Annotated[str, typer.Option(help="For roots: calendar, volume or open_interest.")] = "calendar",
    adjust: Annotated[str, typer.Option(help="For roots: ratio, difference or none, at each roll.")] = "ratio",
    workers: WorkersOption = 0,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Bring tables of outcomes up to date: return, run-up, drawdown and barriers after each bar.

    Interrupted at any moment, the same command goes on where it stopped. Rows that were known never change.
    """
    from argus.app.outcomes import backfill
    from argus.app.rolled import Rolling
    from argus.app.workspace import open_workspace
    from argus.lab.outcomes import OutcomeSpec

    spec = OutcomeSpec(
        tuple(_whole(one) for one in _listed(horizons)),
        cross_sessions,
        () if barriers == "none" else tuple(_pair(one) for one in _listed(barriers)),
        half_life,
        hole_bars,
    )
    home = open_workspace(workspace)
    with progress_bar("rows") as tell:
        done = backfill(
            home,
            _listed(symbols),
            _listed(timeframes),
            spec,
            Rolling(roll, adjust),
            workers=worker_count(workers, None),
            progress=tell,
        )
    told = done.as_dict()
    lines = [
        f"{one['symbol']} {one['timeframe']}, {one['horizon']} bars: {one['rows']:,} rows; {one['rows_kept']:,} kept, "
        f"{one['rows_made']:,} computed, {one['rows_proven']:,} known ones proven unchanged; {one['seconds']:.1f} s"
        for one in done.tables
    ]
    rate = told["rows_made"] / max(done.seconds, 1e-9)
    lines.append(f"{told['rows_made']:,} rows in {done.seconds:.1f} s, {rate:,.0f} a second")
    emit(told, json_wanted=json_wanted, text=lambda: typer.echo("\n".join(lines)))


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"--horizons has {text!r}; whole numbers of bars are expected, such as 1,5,20") from None


def _pair(text: str) -> tuple[float, float]:
    try:
        up, down = text.split(":")
        return float(up), float(down)
    except ValueError:
        raise ConfigError(
            f"--barriers has {text!r}; pairs of numbers are expected, upper and lower, such as 1:1,2:1"
        ) from None
