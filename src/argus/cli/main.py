"""``argus``: the commands, in the order of the road from data to verdict, and one place where errors become text."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from argus._kernel_cache import tell_first_compilation
from argus.cli import about
from argus.cli.audit import audit
from argus.cli.backtest import backtest
from argus.cli.data import app as data_app
from argus.cli.features import app as features_app
from argus.cli.lab import app as lab_app
from argus.cli.options import app as options_app
from argus.cli.output import JsonOption, emit
from argus.cli.research import research
from argus.cli.sweep import sweep
from argus.cli.trace import trace
from argus.core.errors import ArgusError

__all__ = ["app", "main"]

app = typer.Typer(
    name="argus",
    help="From raw market data to an honest verdict. Start with: argus init, argus research.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make a workspace.")] = Path(),
    json_wanted: JsonOption = False,
) -> None:
    """Make a folder a workspace: argus.yaml, catalog, runs."""
    from argus.app.workspace import init_workspace

    workspace, made = init_workspace(folder)
    emit(
        {"workspace": str(workspace.root), "made": made},
        json_wanted=json_wanted,
        text=lambda: typer.echo(
            f"{workspace.root} is {'now' if made else 'already'} a workspace; settings are in argus.yaml"
        ),
    )


app.add_typer(data_app, name="data")
app.add_typer(features_app, name="features")
app.add_typer(options_app, name="options")
app.command()(research)
app.add_typer(lab_app, name="lab")
app.command()(backtest)
app.command()(sweep)
app.command()(trace)
app.command()(audit)
app.command()(about.doctor)
app.command()(about.inventory)
app.command()(about.explain)


def main() -> None:
    """Run the command line; a deliberate error is one line on standard error and exit code 1."""
    tell_first_compilation(lambda: typer.echo("compiling kernels; this can take up to a minute", err=True))
    try:
        app(standalone_mode=True)
    except ArgusError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("interrupted; what was finished is kept, run the same command again to go on", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if os.environ.get("ARGUS_DEBUG"):
            raise
        typer.echo(
            f"internal error: {type(error).__name__}: {error}; this is a defect of Argus, please report it "
            "(ARGUS_DEBUG=1 shows where)",
            err=True,
        )
        sys.exit(70)


if __name__ == "__main__":
    main()
