"""``argus backtest``: one strategy, one market, one run.

The options stand in groups: what the bars are, the strategy and its size, the account and what trading costs, how
orders fill, and the losses and sizes at which Argus itself says no. Each group becomes one value of the engine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus.cli import run_options, statement
from argus.cli.output import JsonOption, WorkspaceOption, emit

if TYPE_CHECKING:
    from argus.app.account_terms import AccountTerms
    from argus.app.backtest import BacktestResult, OrderLimits
    from argus.app.events import Happened
    from argus.app.rolled import Rolling
    from argus.app.workspace import Workspace
    from argus.core.instruments import InstrumentSpec
    from argus.engine.config import HaltRules, RunConfig
    from argus.engine.market import Market

__all__ = ["backtest", "parameters_of", "rolling_of", "events_named"]

_ROLLS_WIDTH = 140
_LATENCY_MS_MAX = 1e12
"""Beyond it the run refuses anyway; the bound only keeps the number an integer."""


@dataclass(frozen=True, slots=True)
class _Beside:
    """What a run is to take beside its bars, as typed: what its orders meet, and what happens to the instrument."""

    finer: str | None
    quotes: Path | None
    quotes_preset: str | None
    quotes_where: Sequence[str]
    events: str | None


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
    finer: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|DATASET",
            help="Finer bars of the one instrument or root, which its orders meet; catalog: of a dataset, the shortest "
            "that the catalog has.",
        ),
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|off",
            help="Splits and dividends: a CSV of date, kind, value; or off. Default: the catalog's, for its datasets.",
        ),
    ] = None,
    quotes: Annotated[
        Path | None, typer.Option(help="File of bid and ask quotes of the one instrument, which its orders meet.")
    ] = None,
    quotes_preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Form of that file: quotes, quotes_iso or databento_mbp1.")
    ] = None,
    quotes_where: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Read only its rows with this value; repeatable.")
    ] = None,
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
    currency: Annotated[
        str | None, typer.Option(help="Currency of the account, such as EUR; default: that of the first instrument.")
    ] = None,
    rates: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET|FILE", help="Rates of other currencies: a pair, or date,currency,rate; repeatable."
        ),
    ] = None,
    conversion_cost: Annotated[
        str | None, typer.Option(help="Basis points that a conversion of currency costs; 5 if not given.")
    ] = None,
    intraday_margin: Annotated[
        str | None, typer.Option(help="Margin within the session as a share of the overnight one, such as 0.25.")
    ] = None,
    intraday_cutoff: Annotated[
        int | None, typer.Option(help="Minutes before the close at which overnight margins must be met.")
    ] = None,
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
    daily_loss: Annotated[
        str | None,
        typer.Option(help="Halt for the session at this loss, as a fraction of equity; off for none. Default: 0.02."),
    ] = None,
    drawdown: Annotated[
        str | None, typer.Option(help="Halt for good at this loss from the highest equity, as a fraction.")
    ] = None,
    flatten: Annotated[bool, typer.Option("--flatten", help="A halt also closes what is held.")] = False,
    max_order: Annotated[float | None, typer.Option(help="Largest order, in units; larger ones are refused.")] = None,
    max_position: Annotated[
        float | None, typer.Option(help="Largest position either way, in units; of a root, its net.")
    ] = None,
    max_orders_per_minute: Annotated[int | None, typer.Option(help="Most orders within 60 seconds.")] = None,
    price_collar: Annotated[
        float | None, typer.Option(help="Furthest an order's price may lie from the last one, as a fraction of it.")
    ] = None,
    start: run_options.StartOption = None,
    end: run_options.EndOption = None,
    roll: Annotated[
        str | None,
        typer.Option(help="Trade a root through its contracts, rolled by calendar, volume or open_interest."),
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
    """Run one strategy on one file or dataset and print what came of it.

    A file needs no workspace; inside one, the run is kept and counted as a trial. With --roll the dataset is a root
    (MES.1h, or MES) whose contracts are in the catalog, or the file holds many contracts. With --finer the strategy
    sees the bars as before, and its orders walk through finer ones: a file like that of --bars, or a dataset. With
    --quotes they meet bids and asks instead.
    """
    from argus.app.workspace import find_workspace, open_workspace
    from argus.core.errors import ConfigError
    from argus.strategies import strategy_class

    strategy_class(strategy)
    if (bars is None) == (not dataset):
        raise ConfigError("give either --bars FILE with --instrument, or --dataset NAME from the catalog")
    if units is not None and vol_target is not None:
        raise ConfigError("give either --units or --vol-target")
    rolling = rolling_of(roll, roll_days, adjust)
    home = open_workspace(workspace) if bars is None or workspace else find_workspace()
    stated: dict[str, Any] = {
        "stamp": stamp, "time_column": time_column, "time_format": time_format, "timezone": timezone,
        "interval": interval, "column": column, "preset": preset, "delimiter": delimiter, "encoding": encoding,
        "where": where, "contract": contract, "contract_column": contract_column, "delay": delay,
    }  # fmt: skip
    how: dict[str, Any] = {
        "parameters": parameters_of(param or []), "units": units, "vol_target_annual": vol_target, "workspace": home
    }  # fmt: skip
    settings = (
        account, cash, fee_per_contract, fee_rate, slippage_ticks, slippage_rate, half_spread, impact, cost_multiplier,
        latency_ms, touch, participation, start, end, daily_loss, drawdown, flatten,
        _terms(currency, rates, conversion_cost, intraday_margin, intraday_cutoff),
    )  # fmt: skip
    limits = _limits(max_order, max_position, max_orders_per_minute, price_collar)
    how["limits"] = limits
    if rolling is not None:
        if events not in (None, "off"):
            raise ConfigError(f"--events {events}: contracts of futures have no splits and no dividends; leave it out")
        if quotes is not None:
            raise ConfigError(
                f"--quotes {quotes} and --roll exclude each other: quotes are for a run on one instrument"
            )
        result = _rolled(strategy, bars, instrument, dataset or [], stated, rolling, finer, settings, how)
    else:
        met = _Beside(finer, quotes, quotes_preset, quotes_where or [], events)
        result = _plain(strategy, bars, instrument, dataset or [], stated, met, settings, how)
    emit(result.as_dict(), json_wanted=json_wanted, text=lambda: _print(result))


def _terms(
    currency: str | None,
    rates: list[str] | None,
    conversion_cost: str | None,
    intraday_margin: str | None,
    intraday_cutoff: int | None,
) -> AccountTerms:
    """Terms of the account from what was typed."""
    from argus.app.account_terms import AccountTerms
    from argus.core.money import decimal_of

    return AccountTerms(
        currency,
        tuple(rates or ()),
        None if conversion_cost is None else decimal_of(conversion_cost, "--conversion-cost"),
        None if intraday_margin is None else decimal_of(intraday_margin, "--intraday-margin"),
        intraday_cutoff,
    )


def _plain(
    strategy: str,
    bars: Path | None,
    instrument: str | None,
    datasets: list[str],
    stated: dict[str, Any],
    met: _Beside,
    settings: tuple[Any, ...],
    how: dict[str, Any],
) -> BacktestResult:
    """A run on one file, or on datasets of the catalog."""
    from argus.app import backtest as use_case
    from argus.app.account_terms import rates_market
    from argus.app.data import parse_pairs
    from argus.core.errors import ConfigError

    if met.finer is not None and met.quotes is not None:
        raise ConfigError("give either --finer or --quotes: orders meet one of them")
    if met.quotes is None and (met.quotes_preset is not None or met.quotes_where):
        raise ConfigError("--quotes-preset and --quotes-where say how to read a file of quotes; add --quotes FILE")
    if bars is None:
        market, notes, source = use_case.catalog_market(how["workspace"], tuple(datasets))
    else:
        spec, measured = statement.import_spec(bars, instrument, **stated)
        market, notes, source = use_case.file_market(bars, spec)
        notes = (*measured, *notes)
    config = _config({symbol: entry[0] for symbol, entry in market.items()}, *settings)
    how = {**how, "rates": rates_market(settings[-1].rates, how["workspace"])}
    if met.quotes is not None:
        where = parse_pairs(met.quotes_where, "--quotes-where")
        found_quotes, said, origin = use_case.quotes_of(market, met.quotes, met.quotes_preset, where)
        how = {**how, "finer": found_quotes}
        source, notes = {**source, "quotes": origin}, (*notes, *(f"quotes: {line}" for line in said))
    elif met.finer is not None:
        home: Workspace | None = how["workspace"]
        known = instrument
        if known is None and home is not None:
            known = home.catalog().info(datasets[0]).instrument
        name = met.finer
        if name == "catalog" and home is not None and source["kind"] == "catalog" and len(market) == 1:
            name = use_case.finest_dataset(home, source["names"][0])
        found, said, origin = _finer(name, known, stated, home)
        how = {**how, "finer": use_case.finer_of(market, found)}
        source, notes = {**source, "finer": origin}, (*notes, *(f"finer bars: {line}" for line in said))
    happened = events_named(met.events, market, how["workspace"] if bars is None else None)
    return use_case.backtest(strategy, market, config, source=source, warnings=notes, happened=happened, **how)


def events_named(typed: str | None, market: Market, home: Workspace | None) -> Happened | None:
    """What was typed for --events: a sheet, the catalog's corporate actions where there is one, or none."""
    from argus.app.events import catalog_events, file_events

    if typed == "off" or (typed is None and home is None):
        return None
    if typed is None:
        assert home is not None
        return catalog_events(home, market)
    return file_events(Path(typed), market)


def _finer(
    name: str, instrument: str | None, stated: dict[str, Any], home: Workspace | None
) -> tuple[Market, tuple[str, ...], dict[str, Any]]:
    """Finer bars of a file, stated as that of --bars but for the bar length, which is measured; or of the catalog."""
    from argus.app import backtest as use_case
    from argus.core.errors import ConfigError

    path = Path(name)
    if path.is_file():
        spec, measured = statement.import_spec(path, instrument, **{**stated, "interval": None})
        market, notes, source = use_case.file_market(path, spec)
        return market, (*measured, *notes), source
    if home is None:
        raise ConfigError(
            f"--finer {name}: there is no such file, and no workspace here whose catalog could hold a dataset of that "
            "name; give a file, or run inside a workspace (argus init)"
        )
    return use_case.catalog_market(home, (name,))


def _limits(
    max_order: float | None, max_position: float | None, max_orders_per_minute: int | None, price_collar: float | None
) -> OrderLimits:
    """Limits of the risk policy from what was typed."""
    from argus.app.backtest import OrderLimits
    from argus.core.errors import ConfigError

    for option, value in (
        ("--max-order", max_order),
        ("--max-position", max_position),
        ("--max-orders-per-minute", max_orders_per_minute),
        ("--price-collar", price_collar),
    ):
        if value is not None and not 0 < value < float("inf"):
            raise ConfigError(f"{option} is {value:g}; a positive number is needed, or leave it out for no limit")
    return OrderLimits(max_order, max_position, max_orders_per_minute, price_collar)


def rolling_of(roll: str | None, roll_days: int | None, adjust: str | None) -> Rolling | None:
    """How roots are to be rolled; None where the run is not on roots."""
    from argus.app.rolled import Rolling
    from argus.core.errors import ConfigError

    if roll is not None:
        return Rolling(roll, "difference" if adjust is None else adjust, roll_days)
    for option, value in (("--roll-days", roll_days), ("--adjust", adjust)):
        if value is not None:
            raise ConfigError(f"{option} {value} belongs to a run through rolls; add --roll calendar")
    return None


def _rolled(
    strategy: str,
    bars: Path | None,
    instrument: str | None,
    datasets: list[str],
    stated: dict[str, Any],
    rolling: Rolling,
    finer: str | None,
    settings: tuple[Any, ...],
    how: dict[str, Any],
) -> BacktestResult:
    """A run on roots, through all rolls of their contracts."""
    from argus.app import rolled as use_case
    from argus.core.errors import ConfigError

    if bars is None:
        roots, notes, source = use_case.catalog_roots(how["workspace"], datasets, rolling)
    elif instrument is None:
        raise ConfigError(f"{bars.name}: state the root that its contracts are of: --instrument MES")
    else:
        roots, notes, source = use_case.file_roots(bars, statement.file_statement(instrument, **stated), rolling)
    config = _config({root.symbol: root.spec for root in roots}, *settings)
    if finer is not None:
        known = instrument or (roots[0].symbol if stated["contract_column"] or stated["preset"] else None)
        form = None if known is None else statement.file_statement(known, **{**stated, "interval": None})
        found, said, origin = use_case.finer_contracts(how["workspace"], finer, form, roots)
        how = {**how, "finer": found}
        source, notes = {**source, "finer": origin}, (*notes, *(f"finer bars: {line}" for line in said))
    return use_case.backtest_rolled(strategy, roots, config, source=source, warnings=notes, **how)


def _config(
    specs: dict[str, InstrumentSpec],
    account: str,
    cash: str,
    fee_per_contract: str | None,
    fee_rate: str | None,
    slippage_ticks: int,
    slippage_rate: str,
    half_spread: str,
    impact: str,
    cost_multiplier: str,
    latency_ms: float,
    touch: bool,
    participation: str,
    start: str | None,
    end: str | None,
    daily_loss: str | None = None,
    drawdown: str | None = None,
    flatten: bool = False,
    terms: AccountTerms | None = None,
) -> RunConfig:
    """Settings of the run from what was typed; errors name the option."""
    from argus.app.backtest import account_kind_for, impact_of, spread_of
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
            AccountKind(kind),
            to_micros(cash, "--cash"),
            currency=(terms.currency if terms else None) or next(iter(specs.values())).currency,
            fx=terms.fx() if terms else None,
            intraday=terms.intraday() if terms else None,
        ),
        costs=CostModel(
            fee_per_unit=optional(fee_per_contract, "--fee-per-contract"),
            fee_rate=optional(fee_rate, "--fee-rate"),
            slippage_ticks=slippage_ticks,
            slippage_rate=decimal_of(slippage_rate, "--slippage-rate"),
            multiplier=decimal_of(cost_multiplier, "--cost-multiplier"),
            spread=spread_of(decimal_of(half_spread, "--half-spread")),
            impact=impact_of(decimal_of(impact, "--impact")),
        ),
        fills=FillRules(touch, decimal_of(participation, "--participation")),
        halts=_halts(daily_loss, drawdown, flatten),
        latency_ns=round(min(latency_ms, _LATENCY_MS_MAX) * 1_000_000),
        start_ns=None if start is None else parse_ns(start),
        end_ns=None if end is None else parse_ns(end),
    )


def _halts(daily_loss: str | None, drawdown: str | None, flatten: bool) -> HaltRules:
    """Losses at which trading stops, from what was typed; what was not typed stays as it is by default."""
    from argus.core.errors import ConfigError
    from argus.engine.config import HaltRules

    halts = HaltRules()
    halts = HaltRules(
        _loss(daily_loss, "--daily-loss") if daily_loss is not None else halts.daily_loss,
        _loss(drawdown, "--drawdown") if drawdown is not None else halts.drawdown,
        flatten,
    )
    if flatten and halts.daily_loss is None and halts.drawdown is None:
        raise ConfigError("--flatten: no loss halts this run, so there is nothing to close at; give --drawdown too")
    return halts


def _loss(text: str, option: str) -> Decimal | None:
    """A fraction; None where it is off."""
    from argus.core.errors import ConfigError
    from argus.core.money import decimal_of

    if text.strip().lower() == "off":
        return None
    loss = decimal_of(text, option)
    if not loss.is_finite() or not 0 <= loss <= 1 or loss != round(loss, 6):
        raise ConfigError(
            f"{option} is {text}; give a fraction of up to 1 with at most six decimals (0.02 is two per cent), or off"
        )
    return loss or None


def _halts_words(halts: dict[str, Any]) -> str | None:
    """How trading would have stopped by itself; None where that is as by default."""
    from argus.engine.config import RunConfig

    if halts == RunConfig().describe()["halts"]:
        return None
    words = [
        f"{name} {(Decimal(halts[key]) * 100).normalize():f} %"
        for key, name in (("daily_loss", "daily loss"), ("drawdown", "drawdown"))
        if halts[key] is not None
    ]
    return ", ".join([*words, "closing what is held"] if words and halts["flatten"] else words) or "none"


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
        ("halts", _halts_words(figures["halts"])),
        ("run", figures["run_id"]),
    ):
        if shown is not None:
            table.add_row(name, shown)
    console.print(f"[bold]{figures['strategy']}[/bold] on {', '.join(figures['instruments'])}  {figures['parameters']}")
    console.print(table)
    if result.roots:
        _print_rolls(result)
    if result.costs is not None and figures["trades"]:
        from argus.report.terminal import costs_view

        console.print(costs_view(result.costs, result.record.manifest.config["account"]["currency"]))
    for note in figures["notes"]:
        console.print(f"[yellow]note[/yellow] {note}", highlight=False)
    if not result.counted:
        console.print("[yellow]note[/yellow] no workspace here: this trial is not counted and the run is not kept")


def _print_rolls(result: BacktestResult) -> None:
    """Every roll: the contracts, the two fills, the distance between them, and what it cost."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("session", "from", "to", "why"):
        table.add_column(name, no_wrap=True)
    for name in ("lots", "closed at", "opened at", "spread", "gap", "cost", "trades"):
        table.add_column(name, justify="right", no_wrap=True)
    for roll in result.rolls:
        held = roll.closed_lots or roll.opened_lots
        moved = (
            f"{-roll.closed_lots:+d}",
            f"{roll.from_price:,.10g}",
            f"{roll.to_price:,.10g}",
            f"{roll.spread:+,.6g}",
            f"{roll.gap:+,.6g}",
            f"{roll.cost_micros / 1e6:,.2f}",
            f"{roll.closed_trade}, {roll.opened_trade}",
        )
        flat = ("flat", "", "", "", moved[4], "", "")
        why = roll.reason.replace("_", " ")
        table.add_row(roll.session, roll.from_symbol, roll.to_symbol, why, *(moved if held else flat))
    console = Console()
    # A line of the table is one roll, however narrow the terminal is.
    Console(width=max(console.width, _ROLLS_WIDTH)).print(table)
    moved_count = sum(roll.closed_lots != 0 for roll in result.rolls)
    total = sum(roll.cost_micros for roll in result.rolls) / 1e6
    console.print(f"{len(result.rolls)} rolls, {moved_count} with a position; their fees and slippage: {total:,.2f}")
