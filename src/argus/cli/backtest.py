"""``argus backtest``: one strategy, one market, one run."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus.cli import statement
from argus.cli.output import JsonOption, WorkspaceOption, emit

if TYPE_CHECKING:
    from argus.app.backtest import BacktestResult
    from argus.core.instruments import InstrumentSpec
    from argus.engine.config import RunConfig

__all__ = ["backtest", "parameters_of"]

_LATENCY_MS_MAX = 1e12
"""Beyond it the run refuses anyway; the bound only keeps the number an integer."""


def parameters_of(pairs: list[str]) -> dict[str, Any]:
    """``["fast=20", ...]`` as a mapping; the strategy turns the text into its own types."""
    from argus.core.errors import ConfigError

    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigError(f"--param {pair!r}: write it as name=value, for example --param fast=20")
        if name in values:
            raise ConfigError(f"--param {name} is given twice")
        values[name.strip()] = value.strip()
    return values


def backtest(
    strategy: Annotated[str, typer.Argument(help="Name of a strategy (argus inventory strategies).")],
    bars: Annotated[Path | None, typer.Option("--bars", help="File of bars; needs no workspace.")] = None,
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
    param: Annotated[list[str] | None, typer.Option(help="Parameter as name=value; repeatable.")] = None,
    cash: Annotated[str, typer.Option(help="Opening balance.")] = "1000000",
    account: Annotated[str, typer.Option(help="auto, futures, cash or reg_t.")] = "auto",
    units: Annotated[
        float | None, typer.Option(help="Contracts, shares or coins of a full position; 1 if not given.")
    ] = None,
    vol_target: Annotated[
        float | None, typer.Option(help="Size by volatility instead: annual share, such as 0.1.")
    ] = None,
    fee_per_contract: Annotated[
        str | None, typer.Option(help="Fee per contract or share and side; default: the instrument's schedule.")
    ] = None,
    fee_rate: Annotated[str | None, typer.Option(help="Fee as a fraction of the notional per side.")] = None,
    slippage_ticks: Annotated[int, typer.Option(help="Ticks against the trader per market fill.")] = 0,
    slippage_rate: Annotated[str, typer.Option(help="Fraction of the price against the trader per market fill.")] = "0",
    cost_multiplier: Annotated[str, typer.Option(help="Scales all fees and slippage.")] = "1",
    latency_ms: Annotated[float, typer.Option(help="From decision to arrival of an order.")] = 0.0,
    touch: Annotated[bool, typer.Option("--touch", help="Fill limits on touch; kinder than the market is.")] = False,
    participation: Annotated[str, typer.Option(help="Largest share of a bar's volume that fills may take.")] = "1",
    start: Annotated[
        str | None, typer.Option(help="First decision, ISO date or date-time; earlier bars warm up.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="Decisions end before this instant.")] = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Run one strategy on one file or dataset and print what came of it.

    A file needs no workspace; inside one, the run is kept and counted as a trial.
    """
    from argus.app import backtest as use_case
    from argus.app.workspace import find_workspace, open_workspace
    from argus.core.errors import ConfigError
    from argus.strategies import strategy_class

    strategy_class(strategy)
    if (bars is None) == (not dataset):
        raise ConfigError("give either --bars FILE with --instrument, or --dataset NAME from the catalog")
    if units is not None and vol_target is not None:
        raise ConfigError("give either --units or --vol-target")
    if bars is None:
        home = open_workspace(workspace)
        market, notes, source = use_case.catalog_market(home, tuple(dataset or ()))
    else:
        found = open_workspace(workspace) if workspace else find_workspace()
        spec, measured = statement.import_spec(
            bars, instrument, stamp=stamp, time_column=time_column, time_format=time_format, timezone=timezone,
            interval=interval, column=column, preset=preset, delimiter=delimiter, where=where, contract=contract,
            contract_column=contract_column, delay=delay,
        )  # fmt: skip
        market, notes, source = use_case.file_market(bars, spec)
        notes = (*measured, *notes)
        home = found  # type: ignore[assignment]
    result = use_case.backtest(
        strategy,
        market,
        _config(
            {symbol: entry[0] for symbol, entry in market.items()},
            account,
            cash,
            fee_per_contract,
            fee_rate,
            slippage_ticks,
            slippage_rate,
            cost_multiplier,
            latency_ms,
            touch,
            participation,
            start,
            end,
        ),
        parameters=parameters_of(param or []),
        units=units,
        vol_target_annual=vol_target,
        workspace=home,
        source=source,
        warnings=notes,
    )
    emit(result.as_dict(), json_wanted=json_wanted, text=lambda: _print(result))


def _config(
    specs: dict[str, InstrumentSpec],
    account: str,
    cash: str,
    fee_per_contract: str | None,
    fee_rate: str | None,
    slippage_ticks: int,
    slippage_rate: str,
    cost_multiplier: str,
    latency_ms: float,
    touch: bool,
    participation: str,
    start: str | None,
    end: str | None,
) -> RunConfig:
    """Settings of the run from what was typed; errors name the option."""
    from argus.app.backtest import account_kind_for
    from argus.core.errors import ConfigError
    from argus.core.money import decimal_of, to_micros
    from argus.core.time import parse_ns
    from argus.engine.config import AccountConfig, AccountKind, CostModel, FillRules, RunConfig

    kind = account_kind_for(specs) if account == "auto" else account
    if kind not in set(AccountKind):
        raise ConfigError(f"--account is {account!r}; one of auto, {', '.join(AccountKind)} expected")

    if latency_ms != latency_ms:
        raise ConfigError("--latency-ms is nan; a number of milliseconds is needed")

    def optional(text: str | None, name: str) -> Decimal | None:
        return None if text is None else decimal_of(text, name)

    return RunConfig(
        account=AccountConfig(
            AccountKind(kind), to_micros(cash, "--cash"), currency=next(iter(specs.values())).currency
        ),
        costs=CostModel(
            fee_per_unit=optional(fee_per_contract, "--fee-per-contract"),
            fee_rate=optional(fee_rate, "--fee-rate"),
            slippage_ticks=slippage_ticks,
            slippage_rate=decimal_of(slippage_rate, "--slippage-rate"),
            multiplier=decimal_of(cost_multiplier, "--cost-multiplier"),
        ),
        fills=FillRules(touch, decimal_of(participation, "--participation")),
        latency_ns=round(min(latency_ms, _LATENCY_MS_MAX) * 1_000_000),
        start_ns=None if start is None else parse_ns(start),
        end_ns=None if end is None else parse_ns(end),
    )


def _print(result: BacktestResult) -> None:
    """The figures as a small table, and what a reader must know."""
    from rich.console import Console
    from rich.table import Table

    figures = result.as_dict()
    console = Console()
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, shown in (
        ("net P&L", f"{figures['net_pnl']:,.2f}"),
        ("fees", f"{figures['fees']:,.2f}"),
        ("final equity", f"{figures['final_equity']:,.2f}"),
        ("deepest drawdown", f"{figures['max_drawdown']:,.2f} ({figures['max_drawdown_fraction']:.1%})"),
        (
            "Sharpe, annual",
            "too few sessions"
            if figures["sharpe"] is None
            else f"{figures['sharpe']:.2f} ± {figures['sharpe_error'] or 0:.2f}",
        ),
        ("orders / fills / trades", f"{figures['orders']:,} / {figures['fills']:,} / {figures['trades']:,}"),
        ("bars", f"{figures['bars']:,} in {figures['seconds_run']:.2f} s"),
        ("run", figures["run_id"]),
    ):
        table.add_row(name, shown)
    console.print(f"[bold]{figures['strategy']}[/bold] on {', '.join(figures['instruments'])}  {figures['parameters']}")
    console.print(table)
    for note in figures["notes"]:
        console.print(f"[yellow]note[/yellow] {note}", highlight=False)
    if not result.counted:
        console.print("[yellow]note[/yellow] no workspace here: this trial is not counted and the run is not kept")
