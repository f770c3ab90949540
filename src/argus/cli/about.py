"""``argus doctor``, ``inventory`` and ``explain``: what is installed, what exists, and what a word means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus.cli.output import JsonOption, WorkspaceOption, emit

if TYPE_CHECKING:
    from argus.app.doctor import Check
    from argus.app.explain import Explanation

__all__ = ["doctor", "explain", "inventory"]

_WIDTH = 100


def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Do not read every dataset of the catalog.")] = False,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Say what is installed, what is missing and how to get it, and whether the workspace is sound."""
    from datetime import UTC, datetime

    from argus.app.doctor import diagnose, healthy
    from argus.app.workspace import find_workspace, open_workspace

    found = open_workspace(workspace) if workspace else find_workspace()
    checks = diagnose(found, today=datetime.now(UTC).date(), deep=not quick)
    sound = healthy(checks)
    emit(
        {"healthy": sound, "checks": [check.as_dict() for check in checks]},
        json_wanted=json_wanted,
        text=lambda: _print_checks(checks, sound),
    )
    if not sound:
        raise typer.Exit(1)


def inventory(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="What to list, such as strategies; all kinds if left out.")
    ] = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """List what exists: strategies, features, gates, instruments, presets, datasets, runs, codes, words."""
    from argus.app.inventory import KINDS, kind_named
    from argus.app.inventory import inventory as rows_of
    from argus.app.workspace import find_workspace, open_workspace

    found = open_workspace(workspace) if workspace else find_workspace()
    if kind is None:
        counts = [{"kind": name, "count": len(rows_of(name, found))} for name in KINDS]
        emit(counts, json_wanted=json_wanted, text=lambda: _print_counts(counts, found is None))
        return
    rows = rows_of(kind_named(kind), found)
    emit(rows, json_wanted=json_wanted, text=lambda: _print_inventory(rows, kind))


def explain(
    term: Annotated[
        list[str],
        typer.Argument(metavar="TERM", help="A word, code, strategy, feature, gate; its kind may stand before it."),
    ],
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE.svg", help="Of a feature: draw it on sample data.")
    ] = None,
    json_wanted: JsonOption = False,
) -> None:
    """Tell what a word means, why it matters, how to read it and what to distrust; a feature with a picture."""
    from argus.app.explain import explain as explanations_of
    from argus.app.explain import feature_meant

    word = " ".join(term)
    found = explanations_of(word)
    name = feature_meant(word)
    if picture is not None:
        _draw(name, picture, word)
    emit([entry.as_dict() for entry in found], json_wanted=json_wanted, text=lambda: _print_explanations(found, name))


def _draw(name: str, path: Path, word: str) -> None:
    from argus.app.feature_picture import write_picture
    from argus.core.errors import ConfigError

    if not name:
        raise ConfigError(f"--picture draws features, and {word!r} is none; argus inventory features lists them")
    write_picture(name, path)


# ----------------------------------------------------------------------------------------------------------- for people


def _print_checks(checks: tuple[Check, ...], sound: bool) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        typer.echo(f"{check.status.value:<8} {check.name:<{width}}  {check.found}")
        if check.remedy:
            typer.echo(f"{'':<8} {'':<{width}}  -> {check.remedy}")
        if check.status.value != "ok":
            for line in check.details:
                typer.echo(f"{'':<8} {'':<{width}}     {line}")
    typer.echo("sound" if sound else "something that is required does not work: see the lines marked failed")


def _print_counts(counts: list[dict[str, Any]], no_workspace: bool) -> None:
    for row in counts:
        typer.echo(f"{row['count']:>6,}  {row['kind']}")
    typer.echo(
        "argus inventory KIND lists one of them." + (" Datasets and runs need a workspace." if no_workspace else "")
    )


def _print_inventory(rows: list[dict[str, Any]], kind: str) -> None:
    if not rows:
        typer.echo(f"no {kind} here")
        return
    # The longest text of each row comes last, unpadded: a table would cut it.
    names = list(rows[0])
    short = [name for name in names if all(len(_shown(row[name])) <= 28 for row in rows)]
    widths = {name: max(len(name), *(len(_shown(row[name])) for row in rows)) for name in short}
    typer.echo("  ".join(name.replace("_", " ").ljust(widths[name]) for name in short).rstrip())
    for row in rows:
        head = "  ".join(_shown(row[name]).ljust(widths[name]) for name in short).rstrip()
        typer.echo(head)
        for name in names:
            if name not in short and _shown(row[name]):
                typer.echo(f"      {name.replace('_', ' ')}: {_shown(row[name])}")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={item}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:,}" if isinstance(value, int) else str(value)


def _print_explanations(found: tuple[Explanation, ...], feature: str) -> None:
    import textwrap

    from argus.app.explain import LABELS

    for at, entry in enumerate(found):
        if at:
            typer.echo("")
        also = f"  (also: {', '.join(entry.aliases)})" if entry.aliases else ""
        typer.echo(f"{entry.term}, {entry.kind}{also}" if entry.kind != "term" else f"{entry.term}{also}")
        for name, label in LABELS.items():
            typer.echo(f"  {label}")
            for line in textwrap.wrap(getattr(entry, name), _WIDTH - 4):
                typer.echo(f"    {line}")
        for name, value in entry.facts:
            lines = textwrap.wrap(f"{name}: {value}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
            for line in lines:
                typer.echo(line)
    if feature:
        from argus.app.feature_picture import feature_picture
        from argus.report.picture import in_characters

        typer.echo("")
        for line in in_characters(feature_picture(feature), _WIDTH):
            typer.echo(line)
