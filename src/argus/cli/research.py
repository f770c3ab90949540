"""``argus research``: every idea of the workspace, judged; a scorecard here, the report as a page."""

from __future__ import annotations

from typing import Annotated

import typer

from argus.cli.output import JsonOption, WorkspaceOption, emit

__all__ = ["research"]


def research(
    strategy: Annotated[
        list[str] | None, typer.Option(help="Judge this strategy instead of argus.yaml's; repeatable.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="Dataset for --strategy; several are traded together.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the result is the same for any number.")] = 1,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Judge the candidates of argus.yaml: which ones would Argus let you trade, and why not the others.

    Exit code 0 whatever the verdicts; 4 if a candidate could not be judged.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from argus.app.research import research as use_case
    from argus.app.settings import CandidateSettings
    from argus.app.workspace import open_workspace
    from argus.core.errors import ConfigError

    if bool(strategy) != bool(dataset):
        raise ConfigError("--strategy and --dataset go together; without both, argus.yaml says what is judged")
    candidates = [CandidateSettings(strategy=name, datasets=tuple(dataset or ())) for name in strategy or []] or None
    home = open_workspace(workspace)
    wanted = candidates or home.settings.research.candidates
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as bars:
        overall = bars.add_task("candidates", total=None)
        stage_bar = bars.add_task("", total=None)

        def tell(number: int, count: int, name: str, stage: str, done: int, of: int) -> None:
            bars.update(overall, completed=number, total=count, description="candidates")
            bars.update(stage_bar, completed=done, total=of, description=f"{name}: {stage}")

        try:
            result = use_case(home, candidates=wanted, workers=workers, progress=tell)
        except KeyboardInterrupt:
            bars.stop()
            console.print(
                "interrupted: what was judged is kept in runs/, every trial is counted; the same command starts again"
            )
            raise typer.Exit(130) from None
        bars.update(overall, completed=len(result.evaluations) + len(result.failures))

    def show() -> None:
        from argus.report.terminal import doubts, scorecard

        out = Console()
        out.print(scorecard(result.evaluations))
        for line in doubts(result.evaluations):
            out.print(line)
        for failure in result.failures:
            out.print(f"[bold red]not judged[/bold red] {failure.name}: {failure.error}", highlight=False)
        out.print(f"report: {result.report}", soft_wrap=True, highlight=False)

    emit(result.as_dict(), json_wanted=json_wanted, text=show)
    if result.failures:
        raise typer.Exit(4)
