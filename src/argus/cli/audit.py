"""``argus audit``: does a strategy know the future, need more history than it says, or escape its costs?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus.cli import run_options, statement
from argus.cli.output import JsonOption, WorkspaceOption, emit

if TYPE_CHECKING:
    from argus.app.rolled import Rolling
    from argus.app.workspace import Workspace
    from argus.engine.market import Market
    from argus.lab.audit import AuditReport, RollRules

__all__ = ["audit"]

EXIT_FOUND = 3
EXIT_INSUFFICIENT = 4

_STATEMENT = (
    *("stamp", "time_column", "time_format", "timezone", "interval", "column", "preset", "delimiter", "encoding"),
    *("where", "contract", "contract_column", "delay"),
)
_COLOURS = {"clean": "green", "found": "bold red", "insufficient": "yellow", "noted": "cyan"}


def audit(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="lookahead, warmup or costs.")],
    strategy: Annotated[
        str | None,
        typer.Argument(metavar="[STRATEGY]", help="A registered name, or module:function that makes one of your own."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every registered strategy, on the embedded data.")] = False,
    bars: Annotated[Path | None, typer.Option("--bars", "--data", help="File of bars; needs no workspace.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Dataset of the workspace's catalog; repeatable.")] = None,
    instrument: Annotated[str | None, typer.Option(help="Instrument of the file, such as ES or US_EQUITY:SPY.")] = None,
    stamp: statement.StampOption = None,
    time_column: statement.TimeColumnOption = None,
    time_format: statement.TimeFormatOption = None,
    timezone: statement.TimezoneOption = None,
    interval: statement.IntervalOption = None,
    column: statement.ColumnOption = None,
    preset: statement.PresetOption = None,
    delimiter: statement.DelimiterOption = None,
    encoding: statement.EncodingOption = None,
    where: statement.WhereOption = None,
    contract: statement.ContractOption = None,
    contract_column: statement.ContractColumnOption = None,
    delay: statement.DelayOption = None,
    param: run_options.ParamOption = None,
    cash: run_options.CashOption = "1000000",
    account: run_options.AccountOption = "auto",
    units: run_options.UnitsOption = None,
    vol_target: run_options.VolTargetOption = None,
    fee_per_contract: run_options.FeePerContractOption = None,
    fee_rate: run_options.FeeRateOption = None,
    slippage_ticks: run_options.SlippageTicksOption = 0,
    slippage_rate: run_options.SlippageRateOption = "0",
    half_spread: run_options.HalfSpreadOption = "0",
    impact: run_options.ImpactOption = "0",
    cost_multiplier: run_options.CostMultiplierOption = "1",
    latency_ms: run_options.LatencyOption = 0.0,
    touch: run_options.TouchOption = False,
    participation: run_options.ParticipationOption = "1",
    start: run_options.StartOption = None,
    end: run_options.EndOption = None,
    cuts: Annotated[
        int | None, typer.Option(min=1, help="lookahead: instants at which whole runs are made again.")
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(min=0, help="lookahead: a third of the wake-ups tried, 0 for all; warmup: those compared."),
    ] = None,
    tolerance: Annotated[float | None, typer.Option(min=0, help="warmup: how far estimates may be apart.")] = None,
    seed: Annotated[int | None, typer.Option(help="lookahead: of the noise.")] = None,
    events: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|off", help="Splits and dividends: a CSV of date, kind, value; or off. Default: the catalog's."
        ),
    ] = None,
    roll: Annotated[
        str | None,
        typer.Option(help="Audit on roots, rolled by calendar, volume or open_interest: schedule and series too."),
    ] = None,
    roll_days: Annotated[
        int | None, typer.Option(help="Business days before the contract's end, for --roll calendar.")
    ] = None,
    adjust: Annotated[
        str | None, typer.Option(help="The series that a rolled strategy reads: difference, ratio or none.")
    ] = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Audit a strategy: lookahead, warmup or costs.

    Exit code 0 if clean, 3 if something was found, 4 if there was too little to judge by.
    """
    _audit(dict(locals()))


def _audit(typed: dict[str, Any]) -> None:
    """What the command does, given its options by name."""
    from argus.app.audit import AUDITS, audit_all
    from argus.app.workspace import find_workspace, open_workspace
    from argus.core.errors import ConfigError
    from argus.core.time import parse_ns

    kind, strategy = typed["kind"], typed["strategy"]
    if kind not in AUDITS:
        raise ConfigError(f"there is no audit '{kind}'; one of {', '.join(AUDITS)} expected")
    if typed["all_"] and any(typed[name] is not None for name in ("roll", "roll_days", "adjust")):
        raise ConfigError("--all audits on the embedded data, which have no contracts: name a strategy with --roll")
    if typed["all_"] == bool(strategy):
        raise ConfigError("name one strategy, or give --all for every registered one on the embedded data")
    home = open_workspace(typed["workspace"]) if typed["workspace"] else find_workspace()
    options = _options(typed)
    with _progress() as tell:
        if typed["all_"]:
            start_ns, end_ns = (None if typed[name] is None else parse_ns(typed[name]) for name in ("start", "end"))
            reports = audit_all(kind, start_ns=start_ns, end_ns=end_ns, workspace=home, options=options, progress=tell)
        else:
            reports = (_one(typed, home, options, tell),)
    emit(
        {"audit": kind, "found": any(r.found for r in reports), "reports": [report.as_dict() for report in reports]},
        json_wanted=typed["json_wanted"],
        text=lambda: _print(reports, counted=home is not None),
    )
    verdicts = {str(report.verdict) for report in reports}
    if "found" in verdicts:
        raise typer.Exit(EXIT_FOUND)
    if "insufficient" in verdicts:
        raise typer.Exit(EXIT_INSUFFICIENT)


def _one(
    typed: dict[str, Any], home: Workspace | None, options: dict[str, Any], tell: Callable[[str], Any]
) -> AuditReport:
    """One strategy on what was named by --bars or --dataset."""
    from argus.app import backtest as use_case
    from argus.app.audit import audit_strategy, factory_of
    from argus.app.workspace import open_workspace
    from argus.cli.backtest import _config, events_named, parameters_of, rolling_of
    from argus.core.errors import ConfigError

    rolling = rolling_of(typed["roll"], typed["roll_days"], typed["adjust"])
    parameters = parameters_of(typed["param"] or [])
    factory_of(typed["strategy"], parameters)
    if (typed["bars"] is None) == (not typed["dataset"]):
        raise ConfigError("give either --bars FILE with --instrument, or --dataset NAME from the catalog")
    if typed["units"] is not None and typed["vol_target"] is not None:
        raise ConfigError("give either --units or --vol-target")
    rolls: RollRules | None = None
    stated = {name: typed[name] for name in _STATEMENT}
    if rolling is not None:
        market, rolls = _contracts(typed, stated, rolling, home)
    elif typed["bars"] is None:
        market = use_case.catalog_market(home or open_workspace(None), tuple(typed["dataset"]))[0]
    else:
        spec, _ = statement.import_spec(typed["bars"], typed["instrument"], **stated)
        market = use_case.file_market(typed["bars"], spec)[0]
    happened = None
    if rolls is None:
        at_home = (home or open_workspace(None)) if typed["bars"] is None else None
        happened = events_named(typed["events"], market, at_home)
    money = ("account", "cash", "fee_per_contract", "fee_rate", "slippage_ticks", "slippage_rate")
    rules = ("half_spread", "impact", "cost_multiplier", "latency_ms", "touch", "participation", "start", "end")
    specs = {symbol: entry[0] for symbol, entry in market.items()}
    return audit_strategy(
        typed["kind"],
        typed["strategy"],
        market,
        _config(specs, *(typed[name] for name in (*money, *rules))),
        parameters=parameters,
        units=typed["units"],
        vol_target_annual=typed["vol_target"],
        workspace=home,
        options=options,
        progress=tell(typed["strategy"]),
        rolls=rolls,
        events=happened.events if happened else None,
    )


def _contracts(
    typed: dict[str, Any], stated: dict[str, Any], rolling: Rolling, home: Workspace | None
) -> tuple[Market, RollRules]:
    """Every contract of the roots that were named, and the rules that make roots of them."""
    from argus.app import rolled as use_case
    from argus.app.workspace import open_workspace
    from argus.core.errors import ConfigError

    if typed["bars"] is None:
        return use_case.catalog_contracts(home or open_workspace(None), typed["dataset"], rolling)
    if typed["instrument"] is None:
        raise ConfigError(f"{typed['bars'].name}: state the root that its contracts are of: --instrument MES")
    return use_case.file_contracts(typed["bars"], statement.file_statement(typed["instrument"], **stated), rolling)


def _options(typed: dict[str, Any]) -> dict[str, Any]:
    """Settings of the audit that were typed; one that this audit does not take is an error."""
    from argus.core.errors import ConfigError

    takes = {
        "lookahead": {"cuts": "cuts", "window": "window_wakes", "seed": "seed"},
        "warmup": {"window": "window_wakes", "tolerance": "tolerance"},
        "costs": {},
    }[typed["kind"]]
    given = [name for name in ("cuts", "window", "tolerance", "seed") if typed[name] is not None]
    for name in given:
        if name not in takes:
            raise ConfigError(f"--{name} is no option of the audit {typed['kind']}")
    return {takes[name]: typed[name] for name in given}


class _progress:
    """A bar on standard error while an audit runs."""

    def __enter__(self) -> Callable[[str], Callable[[str, int, int], None]]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bars.start()
        self._task = self._bars.add_task("", total=None)
        return self._begun

    def _begun(self, name: str) -> Callable[[str, int, int], None]:
        def tell(stage: str, done: int, total: int) -> None:
            self._bars.update(self._task, description=f"{name}: {stage}", completed=done, total=total)

        return tell

    def __exit__(self, *_: object) -> None:
        self._bars.stop()


def _print(reports: Sequence[AuditReport], *, counted: bool) -> None:
    """One table a strategy: what was asked, the verdict, the answer, and the first place where it moved."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for report in reports:
        verdict = str(report.verdict)
        head = Text.assemble(
            (f"{report.audit} audit of {report.strategy}", "bold"),
            f" on {', '.join(report.universe)}: ",
            (verdict, _COLOURS[verdict]),
            f"  ({report.runs:,} runs)",
        )
        console.print(head)
        table = Table(box=None, pad_edge=False)
        for name in ("check", "verdict", "answer"):
            table.add_column(name, overflow="fold")
        for check in report.checks:
            answer = Text(check.detail)
            if check.difference is not None:
                answer.append(f"\nfirst: {check.difference.told()}", style="bold")
            table.add_row(check.name, Text(str(check.status), style=_COLOURS[str(check.status)]), answer)
        console.print(table)
        console.print()
    if not counted:
        console.print("[yellow]note[/yellow] no workspace here: these runs are not counted anywhere")
