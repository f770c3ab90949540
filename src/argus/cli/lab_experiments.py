"""The commands of experiments: run one, keep many up to date, read the journal, open a hold-out, pack, explain."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus.cli.output import JsonOption, WorkspaceOption, emit
from argus.cli.workers import RayOption, WorkersOption, worker_count
from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from argus.app.experiment_loop import Journal, Pass
    from argus.app.experiments import ExperimentResult, Progress
    from argus.app.workspace import Workspace
    from argus.lab.journal.screen import Screen

__all__ = ["explain", "journal", "loop", "open_holdout", "pack", "run"]

EXIT_FAILED = 3
EXIT_REFUSED = 4
_GATES_SHOWN = 4

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Experiment file (YAML).")]


def run(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Experiment file (YAML).")] = None,
    pack_folder: Annotated[
        Path | None, typer.Option("--pack", metavar="FOLDER", help="Repeat a replay pack instead.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="FOLDER", help="With --pack: keep the copy it was run in.")
    ] = None,
    new: Annotated[
        str | None,
        typer.Option(help="Write a first experiment file for this strategy, and run nothing.", metavar="STRATEGY"),
    ] = None,
    workers: WorkersOption = 0,
    ray: RayOption = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Register an experiment if it is not yet, judge it, and write the verdict down.

    Interrupted at any moment, the same command goes on after the last market that was finished. Exit code 0 whatever
    the verdict; 3 if a pack did not give the examination that it was made with.
    """
    from argus.app.experiments import run_experiment
    from argus.app.workspace import open_workspace

    if (file is None) == (pack_folder is None):
        raise ConfigError("give the file of an experiment, or --pack FOLDER")
    if keep is not None and pack_folder is None:
        raise ConfigError("--keep says where the copy of a pack stays; it goes with --pack")
    count = worker_count(workers, ray)
    if pack_folder is not None:
        _repeat(pack_folder, keep, count, ray, json_wanted)
        return
    assert file is not None
    home = open_workspace(workspace)
    if new is not None:
        _write_first(home, file, new, json_wanted)
        return
    with _bars(f"argus lab run {file}") as tell:
        result = run_experiment(home, file, workers=count, ray=ray, now_ns=time.time_ns(), progress=tell)
    emit(result.as_dict(), json_wanted=json_wanted, text=lambda: _tell_result(result))


def _write_first(home: Workspace, file: Path, strategy: str, json_wanted: bool) -> None:
    from argus.app._experiment_start import write_starting_experiment

    write_starting_experiment(home, file, strategy)
    emit(
        {"file": str(file), "strategy": strategy},
        json_wanted=json_wanted,
        text=lambda: typer.echo(f"{file} is written; change it, then run: argus lab run {file}"),
    )


def _repeat(folder: Path, keep: Path | None, workers: int, ray: str | None, json_wanted: bool) -> None:
    from argus.app.packs import repeat

    with tempfile.TemporaryDirectory() as scratch, _bars(f"argus lab run --pack {folder}") as tell:
        done = repeat(folder, keep or Path(scratch) / "pack", workers=workers, ray=ray, progress=tell)

    def show() -> None:
        _tell_result(done.result)
        typer.echo(f"pack {done.pack.id}: {done.sentence}")

    emit(done.as_dict(), json_wanted=json_wanted, text=show)
    if done.same is False:
        raise typer.Exit(EXIT_FAILED)


def loop(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Experiment files, or folders of them.")],
    every: Annotated[
        float | None, typer.Option(min=0.1, metavar="MINUTES", help="Go on, with a pass each so many minutes.")
    ] = None,
    workers: WorkersOption = 0,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Keep experiments up to date: those that are new, or whose data, code or looks changed, are run.

    What is stale or wrong is refused, and the others go on. Exit code 4 if one was refused.
    """
    from argus.app.experiment_loop import experiment_files, loop_once
    from argus.app.workspace import open_workspace

    home, count = open_workspace(workspace), worker_count(workers, None)
    while True:
        found = experiment_files(files)
        with _bars(f"argus lab loop {' '.join(map(str, files))}") as tell:
            done = loop_once(home, found, workers=count, now_ns=time.time_ns(), progress=lambda _: tell)
        emit([one.as_dict() for one in done], json_wanted=json_wanted, text=partial(_tell_passes, done))
        if every is None:
            break
        time.sleep(60.0 * every)
    if any(one.did == "refused" for one in done):
        raise typer.Exit(EXIT_REFUSED)


def journal(workspace: WorkspaceOption = None, json_wanted: JsonOption = False) -> None:
    """Everything that was registered, run, changed, opened and judged, and how often the data were looked at.

    Exit code 3 if the registry was changed by hand.
    """
    from argus.app.experiment_loop import journal as use_case
    from argus.app.workspace import open_workspace

    found = use_case(open_workspace(workspace))
    emit(found.as_dict(), json_wanted=json_wanted, text=lambda: _tell_journal(found))
    if found.faults:
        raise typer.Exit(EXIT_FAILED)


def open_holdout(
    file: FileArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: it can be done once.")] = False,
    workers: WorkersOption = 0,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Run the frozen choice of an experiment on its hold-out. This can be done once, under whatever name.

    Exit code 3 if the hold-out did not keep what was promised.
    """
    from argus.app.holdout import open_holdout as use_case
    from argus.app.workspace import open_workspace

    if not yes:
        raise ConfigError(
            "a hold-out is opened once for a market and range, and then it is spent for every idea; give --yes if the "
            "verdict is worth it"
        )
    count = worker_count(workers, None)
    result = use_case(
        open_workspace(workspace),
        file,
        workers=count,
        now_ns=time.time_ns(),
        warn=lambda sentence: typer.echo(f"warning: {sentence}", err=True),
    )
    emit(result, json_wanted=json_wanted, text=lambda: _tell_holdout(result))
    if not result["passed"]:
        raise typer.Exit(EXIT_FAILED)


def pack(
    file: FileArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="New folder for the pack.")],
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Freeze everything that an experiment needs, so that it can be repeated elsewhere to the last byte."""
    from argus.app.packs import freeze
    from argus.app.workspace import open_workspace

    made = freeze(open_workspace(workspace), file, out, now_ns=time.time_ns())
    told = {"pack": made.id, "folder": str(out), "files": len(made.files), "expected": made.expected}
    lines = [f"pack {made.id} of {len(made.files)} files in {out}"]
    if made.expected is None:
        lines.append(
            "its experiment has no verdict that holds, so there is none to meet: run it first if there should be"
        )
    lines.append(f"repeat it with: argus lab run --pack {out}")
    emit(told, json_wanted=json_wanted, text=lambda: typer.echo("\n".join(lines)))


def explain(
    gate: Annotated[str | None, typer.Argument(metavar="[GATE]", help="A gate; all of them if left out.")] = None,
    json_wanted: JsonOption = False,
) -> None:
    """Tell of a gate what it asks, why its bound lies there, how it is fooled and how to read it."""
    from argus.app.explain import explain as explanations_of
    from argus.lab.gates import GATES, HOLD_OUT

    names = [one.name for one in (*GATES, HOLD_OUT)]
    if gate is not None and gate not in names:
        raise ConfigError(f"there is no gate {gate}; known: {', '.join(names)}")
    found = [explanations_of(f"gate {name}")[0] for name in ([gate] if gate else names)]

    def show() -> None:
        for one in found:
            bound = dict(one.facts)["passes"]
            typer.echo(f"{one.term}\n  asks      {one.what.removeprefix('A gate: ')}\n  bound     {bound}: {one.why}")
            typer.echo(f"  read      {one.read}\n  fooled    {one.distrust}\n")

    emit([one.as_dict() for one in found], json_wanted=json_wanted, text=show)


# ---- in words


def _tell_result(result: ExperimentResult) -> None:
    from argus.report.outcomes import outcomes_sentence

    told = result.as_dict()
    typer.echo(f"{result.spec.name} ({result.spec.id}): {result.spec.hypothesis}")
    for market in told["markets"]:
        typer.echo(f"{'kept  ' if market['market'] in result.kept else 'judged'} {market['verdict']}")
        for flag in market["red_flags"]:
            typer.echo(f"       ⚑ {flag['sentence']}\n         check next: {flag['check_next']}")
        if market["score"]:
            typer.echo(f"       score {_score(market['score'])}")
        gap = market["gap"]
        if gap:
            sessions = f"{gap['sessions']} session{'' if gap['sessions'] == 1 else 's'}"
            typer.echo(f"       between choosing and trading the walk leaves out {sessions}: {gap['why']}")
        base = market["base"]
        if base and base["sharpe_annual"] is not None:
            typer.echo(
                f"       with the strategy's own parameters over the same range: Sharpe ratio "
                f"{base['sharpe_annual']:.2f}, {base['net_pnl']:,.0f} net"
            )
        for left in market["left_out"]:
            if left.get("sharpe_annual") is not None:
                typer.echo(
                    f"       on what was left out, {left['first']} to {left['last']}: Sharpe ratio "
                    f"{left['sharpe_annual']:.2f}, {left['net_pnl']:,.0f} net"
                )
        for one in market["outcomes"] or ():
            typer.echo(f"       after entries: {outcomes_sentence(one)}")
    for note in result.notes:
        typer.echo(f"note   {note}")
    typer.echo(f"examination: {told['examination']}")
    typer.echo(f"its hash: {result.examination_hash}")
    typer.echo(f"report: {told['report']}")


def _score(score: Mapping[str, Any]) -> str:
    from argus.report.figures import score_parts

    return f"{score['value']:.2f} {score_parts(score)}"


def _tell_passes(done: tuple[Pass, ...]) -> None:
    for one in done:
        typer.echo(f"{one.did:9s} {one.path}: {one.why}")
        if one.result is not None:
            for market in one.result.as_dict()["markets"]:
                typer.echo(f"          {market['verdict']}")
    survivors = [survivor for one in done for survivor in one.survivors]
    if survivors:
        typer.echo("passed every gate, best score first:")
    for survivor in sorted(survivors, key=lambda survivor: -survivor["score"]["value"]):
        typer.echo(f"  {survivor['experiment']} on {survivor['market']}: score {_score(survivor['score'])}")


def _tell_journal(found: Journal) -> None:
    for event in found.events:
        typer.echo(
            f"{event['at'][:16]}  {event['experiment']}  {event['kind']:17s} {_body(event['kind'], event['body'])}"
        )
    typer.echo(f"{found.trials:,} trials in the ledger")
    for family, market, looks, kept in found.families:
        typer.echo(f"  {family} on {market}: {looks:,} looks, {kept:,} runs")
    _tell_screen(found.screen)
    for fault in found.faults:
        typer.echo(f"changed by hand: {fault}")


def _tell_screen(screen: Screen) -> None:
    typer.echo(screen.sentence)
    if not screen.rows:
        return
    typer.echo("       p    Holm   false  Sharpe    left")
    for row in screen.rows:
        shown = f"{row.p_value:8.3f}{row.holm:8.3f}{row.false_share:8.3f}"
        ratios = f"{_ratio(row.sharpe_annual):>8s}{_ratio(row.sharpe_left):>8s}"
        typer.echo(f"{shown}{ratios}  {row.name} on {row.market} ({row.experiment})")
    typer.echo(
        "p: of the out-of-sample account alone; Holm: after counting all ideas; false: share of worthless ideas among "
        "those taken up to here; left: Sharpe ratio after the haircut for so many ideas"
    )


def _body(kind: str, body: Mapping[str, Any]) -> str:
    if kind == "registered":
        spec = body.get("spec", {})
        return f"{spec.get('name')}: {spec.get('strategy')} on {', '.join(spec.get('markets', {}))}"
    if kind == "run":
        return f"{body.get('market')}: {body.get('runs')} runs"
    if kind == "threshold_changed":
        before, now = ("the default" if body.get(key) is None else f"{body[key]:g}" for key in ("before", "after"))
        return f"{body.get('gate')}: {before} to {now}"
    if kind == "holdout_seen":
        return f"{', '.join(body.get('instruments', ()))}: {body.get('what')}"
    if kind == "same_market":
        return "; ".join(f"{pair['other']} is {pair['market']} under another name" for pair in body.get("pairs", ()))
    if kind == "holdout_opened":
        return f"{', '.join(body.get('instruments', ()))}"
    if "holdout" in body:
        return _holdout_in_short(body["holdout"])
    return "; ".join(body.get("verdicts", {}).values())


def _holdout_in_short(told: Mapping[str, Any]) -> str:
    chances = [one["kept_without_edge"] for one in told["markets"] if one.get("kept_without_edge") is not None]
    luck = f"; without an edge it would have with a chance of {max(chances):.0%}" if chances else ""
    refused = any(one.get("not_deployable") for one in told["markets"])
    word = "kept its promise" if told["passed"] else "did not keep the promise"
    return f"hold-out {word}{luck}{'; not deployable by its gates' if refused else ''}"


def _tell_holdout(result: Mapping[str, Any]) -> None:
    for market in result["markets"]:
        word = "kept" if market["passed"] else "not kept"
        came, promised = (_ratio(market[key]) for key in ("sharpe_annual", "promised_sharpe_annual"))
        typer.echo(
            f"{market['market']}, {market['first']} to {market['last']}: Sharpe ratio {came} ± "
            f"{_ratio(market['sharpe_annual_error'])} against the promised {promised} ± "
            f"{_ratio(market['promised_sharpe_annual_error'])}, {market['net_pnl']:,.0f} net: {word}"
        )
        chance, refused = market["kept_without_edge"], market["not_deployable"]
        if chance is not None:
            typer.echo(f"  an account without an edge would have kept it with a chance of {chance:.0%}")
        if refused:
            typer.echo(f"  {word}, and all the same: {refused}")
    typer.echo("the hold-out is spent now; wait for new data, and set those aside")


def _ratio(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


@contextmanager
def _bars(command: str) -> Iterator[Progress]:
    """Bars on standard error: how many markets, and how far the one in work is; Ctrl-C ends with what to do next."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        overall, inner = bars.add_task("markets", total=None), bars.add_task("", total=None)

        def tell(number: int, count: int, market: str, stage: str, done: int, of: int) -> None:
            bars.update(overall, completed=number, total=count)
            bars.update(inner, completed=done, total=of, description=f"{market}: {stage}")

        try:
            yield tell
        except KeyboardInterrupt:
            bars.stop()
            console.print(
                f"interrupted; markets that were judged are kept and every trial is counted, go on with: {command}",
                highlight=False,
                soft_wrap=True,
            )
            raise typer.Exit(130) from None
