"""``argus options iv | surface | anomalies | structure | pop``: what a snapshot of a chain says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from argus.cli.numbers import within
from argus.cli.output import Columns, JsonOption, WorkspaceOption, emit, print_table
from argus.core.words import counted

if TYPE_CHECKING:
    from argus.app.option_positions import PastReturns, StructureReport
    from argus.app.option_snapshots import Snapshot

__all__ = ["anomalies", "iv", "pop", "structure", "surface"]

_POSITIVE: Final = within(above=0.0)
_DAYS: Final = within(above=0.0, most=36_525.0)

ChainOption = Annotated[
    str,
    typer.Option("--chain", metavar="FILE|NAME", help="A file of quotes, or chains of the catalog such as SPX/eod."),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="DATE|INSTANT", help="The last snapshot of a day, or known then; by default the last."
    ),
]
UnderlyingOption = Annotated[
    str | None, typer.Option(metavar="SYMBOL", help="Of a file: what the options are on; told by its symbols.")
]
PresetOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of a file: its form; told by its columns where they are known.")
]
RateOption = Annotated[
    float | None,
    typer.Option(
        callback=within(-0.5, 0.5),
        metavar="SHARE",
        help="Annual rate, 0.02 for 2 %; by default those of longer expiries.",
    ),
]
PageOption = Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Draw a page, one file.")]
HistoryOption = Annotated[
    str | None,
    typer.Option("--history", metavar="NAME", help="Daily bars of the past; by default those of the underlying."),
]
YearsOption = Annotated[
    float,
    typer.Option(
        "--history-years",
        callback=within(1.0, 200.0),
        metavar="YEARS",
        help="How much of the past, up to the snapshot.",
    ),
]
StructureOption = Annotated[
    str, typer.Option("--structure", metavar="NAME", help="As listed by argus inventory structures.")
]
DteOption = Annotated[float, typer.Option("--dte", callback=_DAYS, metavar="DAYS", help="Calendar days to the expiry.")]
DeltaOption = Annotated[
    float | None,
    typer.Option(
        "--delta",
        callback=within(above=0.0, most=1.0),
        metavar="SIZE",
        help="Of the leg that is chosen by delta, such as 0.20.",
    ),
]
WidthOption = Annotated[
    float | None, typer.Option("--width", callback=_POSITIVE, metavar="PRICE", help="Between strikes of a spread.")
]
LaterOption = Annotated[
    float | None,
    typer.Option("--later-dte", callback=_DAYS, metavar="DAYS", help="Of the later expiry of calendars and diagonals."),
]
CommissionOption = Annotated[
    float | None,
    typer.Option(
        callback=within(0.0), metavar="MONEY", help="A contract and side: 0.65, or the fees of the future beneath."
    ),
]
MultiplierOption = Annotated[
    float | None,
    typer.Option(callback=_POSITIVE, metavar="UNITS", help="Of the underlying in it: 100, or that of the future."),
]
MidOption = Annotated[bool, typer.Option("--mid", help="Enter in the middle, not at the bid and the ask.")]

_EXPIRIES: Final[Columns] = (
    ("expiry", "expiry", "{}"),
    ("root", "root", "{}"),
    ("ends", "settlement", "{}"),
    ("days", "days", "{:.1f}"),
    ("forward", "forward", "{:,.2f}"),
    ("+/-", "forward_error", "{:.3f}"),
    ("rate", "rate_said", "{}"),
    ("its own quotes say", "own_rate_said", "{}"),
    ("dividend yield", "dividend_yield", "{:z.2%}"),
    ("ATM vol", "atm_vol", "{:.2%}"),
    ("quotes", "quotes", "{:,}"),
    ("with vol", "implied", "{:,}"),
)
_QUOTES: Final[Columns] = (
    ("strike", "strike", "{:g}"),
    ("right", "right", "{}"),
    ("bid", "bid", "{:.2f}"),
    ("ask", "ask", "{:.2f}"),
    ("vol bid", "vol_bid", "{:.2%}"),
    ("vol mid", "vol_mid", "{:.2%}"),
    ("vol ask", "vol_ask", "{:.2%}"),
    ("delta", "delta_forward", "{:+.3f}"),
    ("vendor vol", "vendor_iv", "{:.2%}"),
    ("why not", "why", "{}"),
)
_SMILES: Final[Columns] = (
    ("expiry", "expiry", "{}"),
    ("root", "root", "{}"),
    ("ends", "settlement", "{}"),
    ("days", "days", "{:.1f}"),
    ("forward", "forward", "{:,.2f}"),
    ("ATM vol", "vol_atm", "{:.2%}"),
    ("25d put", "vol_put", "{:.2%}"),
    ("25d call", "vol_call", "{:.2%}"),
    ("risk reversal", "risk_reversal", "{:+.2%}"),
    ("butterfly", "butterfly", "{:+.2%}"),
    ("quotes", "quotes", "{:,}"),
    ("inside", "inside_share", "{:.1%}"),
)
_ANOMALIES: Final[Columns] = (
    ("contract", "contract", "{}"),
    ("bid", "bid", "{:.2f}"),
    ("ask", "ask", "{:.2f}"),
    ("model", "model", "{:.2f}"),
    ("spreads off", "residual_spreads", "{:+.2f}"),
    ("score", "score", "{:+.1f}"),
    ("by chance", "expected_by_chance", "{:.2g}"),
    ("q", "q_value", "{:.2g}"),
    ("edge", "edge", "{:+.3f}"),
    ("tradable", "tradable", "{}"),
)
_LEGS: Final[Columns] = (
    ("leg", "contract", "{}"),
    ("right", "right", "{}"),
    ("units", "quantity", "{:+g}"),
    ("days", "days", "{:.1f}"),
    ("bid", "bid", "{:.2f}"),
    ("ask", "ask", "{:.2f}"),
    ("vol", "vol", "{:.2%}"),
    ("delta", "delta", "{:+.2f}"),
)
_ANSWERS: Final[Columns] = (
    ("model", "model", "{}"),
    ("measure", "measure", "{}"),
    ("how", "how", "{}"),
    ("chance of gain", "probability", "{}"),
    ("mean gain", "mean", "{}"),
    ("worst 5 %", "cvar", "{}"),
    ("touch", "touch", "{}"),
)
_ASSIGNED: Final[Columns] = (("may be assigned", "assigned", "{}"),)


def iv(
    chain: ChainOption,
    at: AtOption = None,
    expiry: Annotated[
        str | None, typer.Option("--expiry", metavar="DATE", help="Show every quote of this expiry.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write every quote with volatilities and greeks.")
    ] = None,
    page: PageOption = None,
    underlying: UnderlyingOption = None,
    preset: PresetOption = None,
    rate: RateOption = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Forwards, discounts and implied volatilities of a snapshot, and why a quote has none."""
    from argus.app.option_tables import expiry_lines, quote_frame

    found = _open(chain, at, workspace, underlying, preset, rate)
    lines = expiry_lines(found)
    data: dict[str, Any] = _head(found) | {"expiries": [one.as_dict() for one in lines]}
    if expiry is not None or out is not None:
        frame = quote_frame(found, expiry)
        if expiry is not None:
            data["quotes"] = frame.to_dicts()
        if out is not None:
            from argus.app.option_tables import write_frame

            write_frame(frame, out)
            data["file"] = str(out)

    def text() -> None:
        _say(found)
        print_table([one.as_dict() for one in lines], _EXPIRIES)
        if expiry is not None:
            told = [row | {"why": "" if row["reason"] == "ok" else row["reason"]} for row in data["quotes"]]
            print_table(told, _QUOTES)
        if out is not None:
            typer.echo(f"written: {out}")

    emit(data, json_wanted=json_wanted, text=text)
    _draw(page, lambda: _pages().smile_page(found))


def surface(
    chain: ChainOption,
    at: AtOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the surface as JSON, to be loaded again.")
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option("--published", metavar="FILE", help="Daily values of an index such as the VIX, to compare with."),
    ] = None,
    history: HistoryOption = None,
    history_years: YearsOption = 10.0,
    page: PageOption = None,
    underlying: UnderlyingOption = None,
    preset: PresetOption = None,
    rate: RateOption = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """An arbitrage-free surface through a snapshot: term structure, skew, tails, and the 30-day volatility index."""
    from argus.app.option_surface import expiry_names, fit_snapshot, read_published, vol_outlook
    from argus.app.option_tables import surface_dict

    found = _open(chain, at, workspace, underlying, preset, rate)
    told = None if published is None else read_published(published, found)
    report = fit_snapshot(found)
    past = _past(workspace, history, found, history_years)
    outlook = None if past is None else vol_outlook(report, past.log_returns)
    data = _head(found) | surface_dict(report, outlook, told)
    if out is not None:
        from argus.app.option_tables import write_text

        write_text(report.surface.to_json(expiry_names(report)), out)
        data["file"] = str(out)

    def text() -> None:
        _say(found)
        print_table(data["expiries"], _SMILES)
        for sentence in data["sentences"]:
            typer.echo(sentence)
        if out is not None:
            typer.echo(f"written: {out}")

    emit(data, json_wanted=json_wanted, text=text)
    _draw(page, lambda: _pages().surface_page(report, outlook, told))


def anomalies(
    chain: ChainOption,
    at: AtOption = None,
    history: Annotated[
        int, typer.Option(min=0, metavar="SESSIONS", help="Earlier sessions of the catalog to hold the quotes against.")
    ] = 0,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Contracts shown.")] = 20,
    cost: Annotated[
        float | None,
        typer.Option(
            callback=within(0.0),
            metavar="PRICE",
            help="Fees of a trade and its undoing, per unit of the price: 0.013, or those of the future beneath.",
        ),
    ] = None,
    page: PageOption = None,
    underlying: UnderlyingOption = None,
    preset: PresetOption = None,
    rate: RateOption = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Quotes that do not fit: against the surface, their neighbours and their past, and whether they can be traded."""
    from argus.app.option_futures import contract_costs
    from argus.app.option_surface import find_misfits, past_snapshots
    from argus.app.option_tables import anomaly_dict
    from argus.core.errors import ConfigError

    found = _open(chain, at, workspace, underlying, preset, rate)
    if cost is None:
        usual, notes = contract_costs(found)
        # Rounded, or binary fractions make 0.013000000000000001 of it.
        cost = round(2.0 * usual.commission / usual.multiplier, 9)
        found = replace(found, notes=(*found.notes, *notes))
    if history and Path(chain).is_file():
        raise ConfigError("--history needs chains of the catalog; import the files, and name the series as --chain")
    earlier = past_snapshots(chain, workspace, int(found.chain.ts_recv_ns[0]), history)
    report = _with_progress(len(earlier), lambda tell: find_misfits(found, earlier, cost=cost, progress=tell))
    data = _head(found) | anomaly_dict(report, top) | {"cost": cost}

    def text() -> None:
        _say(found)
        print_table([one | {"tradable": _tradable(one)} for one in data["contracts"]], _ANOMALIES)
        for sentence in data["sentences"]:
            typer.echo(sentence)

    emit(data, json_wanted=json_wanted, text=text)
    _draw(page, lambda: _pages().anomaly_page(report, top))


def structure(
    chain: ChainOption,
    name: StructureOption,
    at: AtOption = None,
    dte: DteOption = 30.0,
    delta: DeltaOption = None,
    width: WidthOption = None,
    later_dte: LaterOption = None,
    commission: CommissionOption = None,
    multiplier: MultiplierOption = None,
    mid: MidOption = False,
    page: PageOption = None,
    underlying: UnderlyingOption = None,
    preset: PresetOption = None,
    rate: RateOption = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """A structure found in a snapshot: its legs, what it costs, gains and loses, its greeks and its margin."""
    from argus.app.option_tables import structure_dict

    found = _open(chain, at, workspace, underlying, preset, rate)
    report = _structure(found, name, (dte, delta, width, later_dte), (commission, multiplier, mid))
    data = _head(report.snapshot) | structure_dict(report)

    def text() -> None:
        _say(report.snapshot)
        _say_structure(data)

    emit(data, json_wanted=json_wanted, text=text)
    _draw(page, lambda: _pages().structure_page(report))


def pop(
    chain: ChainOption,
    name: StructureOption,
    at: AtOption = None,
    dte: DteOption = 30.0,
    delta: DeltaOption = None,
    width: WidthOption = None,
    later_dte: LaterOption = None,
    profit_target: Annotated[
        float | None,
        typer.Option(
            callback=_POSITIVE, metavar="SHARE", help="Close at this share of the premium gained, such as 0.5."
        ),
    ] = None,
    stop: Annotated[
        float | None,
        typer.Option(
            callback=_POSITIVE, metavar="MULTIPLE", help="Close at this multiple of the premium lost, such as 2.0."
        ),
    ] = None,
    exit_days: Annotated[
        float | None, typer.Option(callback=_DAYS, metavar="DAYS", help="Close after so many days.")
    ] = None,
    drift: Annotated[
        float | None,
        typer.Option(
            callback=within(),
            metavar="SHARE",
            help="Your own view: annual growth of the mean price, 0.05 is five percent.",
        ),
    ] = None,
    history: HistoryOption = None,
    history_years: YearsOption = 10.0,
    paths: Annotated[int, typer.Option(min=100, max=10_000_000, metavar="N", help="Paths of each model.")] = 20_000,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the paths.")] = 0,
    commission: CommissionOption = None,
    multiplier: MultiplierOption = None,
    mid: MidOption = False,
    page: PageOption = None,
    underlying: UnderlyingOption = None,
    preset: PresetOption = None,
    rate: RateOption = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Probability of profit of a structure by several models side by side, each with its standard error."""
    from argus.app.option_positions import probability_of_profit
    from argus.app.option_tables import pop_dict, structure_dict
    from argus.options import ExitPlan

    found = _open(chain, at, workspace, underlying, preset, rate)
    report = _structure(found, name, (dte, delta, width, later_dte), (commission, multiplier, mid))
    plan = None
    if profit_target is not None or stop is not None or exit_days is not None:
        plan = ExitPlan(profit_target, stop, None if exit_days is None else exit_days / 365.0)
    past = _past(workspace, history, found, history_years)
    answer = probability_of_profit(report, plan=plan, drift=drift, past=past, paths=paths, seed=seed)
    data = _head(report.snapshot) | structure_dict(report) | pop_dict(answer)

    def text() -> None:
        _say(report.snapshot)
        _say_structure(data)
        early = _ASSIGNED if any(one.get("assigned") for one in data["answers"]) else ()
        print_table([_answer(one) for one in data["answers"]], _ANSWERS + early)
        for sentence in data["sentences"]:
            typer.echo(sentence)

    emit(data, json_wanted=json_wanted, text=text)
    _draw(page, lambda: _pages().pop_page(answer))


def _open(
    chain: str, at: str | None, workspace: Path | None, underlying: str | None, preset: str | None, rate: float | None
) -> Snapshot:
    from argus.app.option_snapshots import open_snapshot

    return open_snapshot(chain, at, workspace=workspace, underlying=underlying, preset=preset, rate=rate)


def _past(workspace: Path | None, history: str | None, found: Snapshot, years: float) -> PastReturns | None:
    from argus.app.option_positions import daily_returns

    name = history or found.chain.underlying
    return daily_returns(workspace, name, found.now_ns, years, wanted=history is not None)


def _structure(
    found: Snapshot,
    name: str,
    wanted: tuple[float, float | None, float | None, float | None],
    costs: tuple[float | None, float | None, bool],
) -> StructureReport:
    from argus.app.option_futures import contract_costs
    from argus.app.option_positions import find_structure
    from argus.options import Wanted

    dte, delta, width, later_dte = wanted
    commission, multiplier, mid = costs
    taken, notes = contract_costs(found, commission=commission, multiplier=multiplier, mid=mid)
    report = find_structure(found, name, Wanted(dte=dte, delta=delta, width=width, later_dte=later_dte), taken)
    return replace(report, snapshot=replace(report.snapshot, notes=(*report.snapshot.notes, *notes)))


def _pages() -> Any:
    from argus.app import option_pages

    return option_pages


def _draw(page: Path | None, render: Callable[[], str]) -> None:
    if page is None:
        return
    from argus.app.option_tables import write_text

    write_text(render(), page)
    typer.echo(f"the page: {page}", err=True)


def _with_progress(count: int, work: Callable[[Callable[[int, int], None]], Any]) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not count) as bars:
        bar = bars.add_task("sessions", total=count)
        return work(lambda done, _: bars.update(bar, completed=done))


def _head(found: Snapshot) -> dict[str, Any]:
    from argus.core.time import format_ns

    return {
        "underlying": found.chain.underlying,
        "source": found.source,
        "instant": format_ns(found.now_ns),
        "spot": found.spot,
        "notes": list(found.notes),
    }


def _say(found: Snapshot) -> None:
    head = _head(found)
    spot = f"{head['spot']:,.2f}" if math.isfinite(head["spot"]) else "its price not known"
    quotes = f"{counted(len(found.chain), 'quote')} of {head['source']}"
    typer.echo(f"{head['underlying']} at {head['instant']}, {spot}; {quotes}")
    for note in found.notes:
        typer.echo(f"note: {note}")


def _say_structure(data: Mapping[str, Any]) -> None:
    print_table(data["legs"], _LEGS)
    for sentence in data["structure_sentences"]:
        typer.echo(sentence)


def _estimate(pair: Sequence[float] | None, *, money: bool = False) -> str:
    """Value and standard error; a single figure is exact."""
    if pair is None or not math.isfinite(pair[0]):
        return "-"
    error = pair[1] if len(pair) > 1 else 0.0
    if money:
        return f"{pair[0]:+,.2f}" + (f" +/- {error:,.2f}" if error else "")
    return f"{pair[0]:.1%}" + (f" +/- {error:.1%}" if error else "")


def _tradable(one: Mapping[str, Any]) -> str:
    """Only what stands out beyond chance is worth a yes."""
    return "no" if not one["tradable"] else "yes" if one["stands_out"] else "by chance"


def _answer(one: Mapping[str, Any]) -> dict[str, str]:
    """One model's answer as people read it."""
    return {
        "model": one["model"],
        "measure": one["measure"],
        "how": one["how"],
        "probability": _estimate(one["probability"]),
        "mean": _estimate(one["mean"], money=True),
        "cvar": _estimate(one["cvar"], money=True),
        "touch": ", ".join(f"{strike:g}: {_estimate(value)}" for strike, value in one["touch"]),
        "assigned": ", ".join(f"{name}: {_estimate(value)}" for name, value in one.get("assigned", ())) or "-",
    }
