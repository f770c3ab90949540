"""One strategy on one file or one dataset: wire data, sizing, risk and engine together, and keep the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.app.workspace import Workspace
from argus.core.orders import OrderState

if TYPE_CHECKING:
    from decimal import Decimal

    from argus.app.events import Happened
    from argus.core.arrays import Bars, Quotes
    from argus.core.instruments import InstrumentSpec
    from argus.core.ports import TrialLedger
    from argus.core.strategy import ParameterValue
    from argus.data.importing import ImportSpec
    from argus.engine.config import ImpactModel, RunConfig, SpreadModel
    from argus.engine.cost_attribution import CostAttribution
    from argus.engine.market import Events, Finer, Market
    from argus.engine.metrics import Metrics
    from argus.engine.record import RunRecord
    from argus.engine.rolling import RolledRoot
    from argus.engine.rolls_traded import RollTraded
    from argus.portfolio.risk import LimitRiskPolicy
    from argus.portfolio.sizing import FixedUnits, VolatilityTarget

__all__ = [
    "NO_LIMITS",
    "BacktestResult",
    "OrderLimits",
    "account_kind_for",
    "backtest",
    "catalog_market",
    "file_market",
    "finer_of",
    "finest_dataset",
    "impact_of",
    "market_parameters",
    "quotes_of",
    "risk_for",
    "root_limits",
    "sizer_for",
    "spread_of",
    "with_costs",
]


@dataclass(frozen=True, slots=True)
class OrderLimits:
    """Limits on orders and positions that a run is to keep, beside what its account can carry; None is no limit.

    Attributes
    ----------
    max_order_units, max_position_units : float or None
        Contracts, shares or coins of one order, and of one position either way.
    max_orders_per_minute : int or None
    price_collar_fraction : float or None
        Furthest that a price may lie from the last known one, as a fraction of it.
    """

    max_order_units: float | None = None
    max_position_units: float | None = None
    max_orders_per_minute: int | None = None
    price_collar_fraction: float | None = None


NO_LIMITS: Final = OrderLimits()


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """A finished backtest and its summary.

    Attributes
    ----------
    record : RunRecord
    metrics : Metrics
    seconds_run : float
        Wall time of the replay, without reading the data.
    counted : bool
        Whether the run went into a workspace's trial ledger.
    warnings : tuple of str
        What the quality gates had to say about the data.
    roots : tuple of str
        What the strategy traded, where that is roots of futures; else empty.
    parameters : mapping
        Its parameters there: those in the manifest say the roll rules too.
    rolls : tuple of RollTraded
        Every roll of the run.
    costs : CostAttribution or None
        Who took what from its trades; see `with_costs`.
    """

    record: RunRecord
    metrics: Metrics
    seconds_run: float
    counted: bool
    warnings: tuple[str, ...]
    roots: tuple[str, ...] = ()
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    rolls: tuple[RollTraded, ...] = ()
    costs: CostAttribution | None = None

    def _refusals(self) -> tuple[str, ...]:
        """Why there are fewer orders, or fills, than the strategy asked for."""
        found = []
        refusals = self.record.refusals
        if refusals:
            count = _plural(len(refusals), "order")
            found.append(f"{count} refused by the risk policy; the first: {refusals[0].reason}")
        rejected = int((self.record.orders["state"] == OrderState.REJECTED).sum())
        if rejected:
            found.append(f"{_plural(rejected, 'order')} rejected by the engine, wholly or in part")
        cut = sum(roll.closed_lots + roll.opened_lots != 0 for roll in self.rolls)
        if cut:
            found.append(f"{_plural(cut, 'roll')} did not take up the whole position again; see the table of rolls")
        if not len(self.record.orders) and not refusals:
            found.append("the strategy asked for no order that came to a whole lot")
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """The figures by name; money in units of the currency, with six exact decimals at most."""
        record, metrics = self.record, self.metrics
        rolled = {"contracts": list(record.universe), "rolls": [roll.as_dict() for roll in self.rolls]}
        return {
            "strategy": record.manifest.strategy["name"],
            "parameters": dict(self.parameters if self.roots else record.manifest.strategy["parameters"]),
            "instruments": list(self.roots or record.universe),
            **(rolled if self.roots else {}),
            "orders": len(record.orders),
            "fills": len(record.fills),
            "trades": metrics.trades,
            "net_pnl": record.net_pnl_micros / 1e6,
            "fees": record.fees_micros / 1e6,
            **({} if self.costs is None else {"costs": _costs_told(self.costs)}),
            "final_equity": record.final_equity_micros / 1e6,
            "max_drawdown": metrics.drawdown_max_micros / 1e6,
            "max_drawdown_fraction": metrics.drawdown_max,
            "sharpe": None if math.isnan(metrics.sharpe_annual) else metrics.sharpe_annual,
            "sharpe_error": None if math.isnan(metrics.sharpe_annual_error) else metrics.sharpe_annual_error,
            "bars": record.bars,
            "seconds_run": round(self.seconds_run, 3),
            "halts": dict(record.manifest.config["halts"]),
            "run_id": record.manifest.run_id,
            "trial_counted": self.counted,
            "refused_orders": len(record.refusals),
            "notes": [*record.notes, *self._refusals(), *self.warnings],
        }


def _costs_told(costs: CostAttribution) -> dict[str, float]:
    """Steps from gross to net by name, in units of the currency."""
    return {name: micros / 1e6 for name, micros in costs.bridge()}


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def account_kind_for(specs: Mapping[str, InstrumentSpec]) -> str:
    """``futures`` if all instruments are futures, else ``reg_t``."""
    return "futures" if all(spec.kind.value == "future" for spec in specs.values()) else "reg_t"


def risk_for(config: RunConfig, market: Market, limits: OrderLimits = NO_LIMITS) -> LimitRiskPolicy:
    """The risk policy that fits the account (margins, or cash and no shorts), with further limits if there are any."""
    from argus.engine.config import AccountKind
    from argus.portfolio.risk import LimitRiskPolicy

    cash_only = config.account.kind == AccountKind.CASH
    return LimitRiskPolicy(
        max_order_units=limits.max_order_units,
        max_position_units=limits.max_position_units,
        max_orders=limits.max_orders_per_minute,
        price_collar_fraction=limits.price_collar_fraction,
        check_margin=not cash_only,
        check_cash=cash_only,
        instruments={symbol: spec for symbol, (spec, _) in market.items()},
    )


def root_limits(roots: Sequence[RolledRoot], limits: OrderLimits) -> LimitRiskPolicy | None:
    """Limits to which a run through rolls holds the net of each root, beside its account's; None if there are none."""
    from argus.portfolio.risk import LimitRiskPolicy

    if limits == NO_LIMITS:
        return None
    return LimitRiskPolicy(
        max_order_units=limits.max_order_units,
        max_position_units=limits.max_position_units,
        max_orders=limits.max_orders_per_minute,
        price_collar_fraction=limits.price_collar_fraction,
        check_margin=False,
        instruments={symbol: root.spec for root in roots for symbol in root.contracts},
    )


def sizer_for(
    config: RunConfig, market: Market, *, units: float | None, vol_target_annual: float | None
) -> FixedUnits | VolatilityTarget:
    """Fixed units (1 if neither is given), or a volatility target shared by the instruments of the run."""
    from argus.engine.config import AccountKind
    from argus.portfolio.sizing import FixedUnits, VolatilityTarget

    if vol_target_annual is None:
        return FixedUnits(1.0 if units is None else units)
    leverage_max = 1.0 if config.account.kind == AccountKind.CASH else 2.0
    return VolatilityTarget(
        vol_target_annual=vol_target_annual, leverage_max=leverage_max, instrument_count=len(market)
    )


def spread_of(half_spread_ticks: Decimal) -> SpreadModel | None:
    """The same half-spread at all times; none where it is zero."""
    from argus.engine.config import SpreadModel

    return SpreadModel(half_spread_ticks=half_spread_ticks) if half_spread_ticks else None


def impact_of(coefficient: Decimal) -> ImpactModel | None:
    """Square-root impact with the usual look-back; none where the coefficient is zero."""
    from argus.engine.config import ImpactModel

    return ImpactModel(coefficient=coefficient) if coefficient else None


def market_parameters(strategy: str, market: Market) -> dict[str, ParameterValue]:
    """Parameters that the market decides: sessions a year, where every instrument trades every day."""
    from argus.strategies import strategy_class

    known = {parameter.name for parameter in strategy_class(strategy).PARAMETERS}
    always_open = all(spec.calendar == "24/7" for spec, _ in market.values())
    return {"sessions_per_year": 365} if always_open and "sessions_per_year" in known else {}


def file_market(path: Path, statement: ImportSpec) -> tuple[Market, tuple[str, ...], dict[str, Any]]:
    """(market of one file, what the quality gates say, how to load it again)."""
    from argus.core.instruments import instrument
    from argus.data.importing import load_file

    spec = instrument(statement.instrument)
    bars, inspection = load_file(path, statement)
    bars = _of(bars, spec)
    source = {"kind": "file", "path": str(path.resolve()), "statement": statement.describe()}
    return {spec.symbol: (spec, bars)}, tuple(line.strip() for line in inspection.lines()), source


def catalog_market(
    workspace: Workspace, names: tuple[str, ...], start_ns: int | None = None, end_ns: int | None = None
) -> tuple[Market, tuple[str, ...], dict[str, Any]]:
    """(market of catalog datasets, their notes, how to load it again).

    Raises
    ------
    CoverageError
        If two datasets are of the same instrument.
    """
    from argus.app.events import joined_bars
    from argus.core.errors import CoverageError
    from argus.core.instruments import instrument
    from argus.engine.market import told_once

    catalog = workspace.catalog()
    market: dict[str, tuple[InstrumentSpec, Bars]] = {}
    notes: list[tuple[str, str]] = []
    called: dict[str, list[list[Any]]] = {}
    for name in names:
        info = catalog.info(name)
        spec = instrument(info.instrument)
        if spec.symbol in market:
            raise CoverageError(f"{name}: {spec.symbol} is already in this run; one dataset an instrument")
        joined = joined_bars(catalog, info, start_ns, end_ns)
        if joined is None:
            bars = catalog.load(info.instrument, info.interval, start_ns, end_ns, info.contract)
        else:
            bars = joined.bars
            notes.append((name, joined.note))
            called[spec.symbol] = [[change.symbol, change.effective_ns] for change in joined.changes]
        market[spec.symbol] = (spec, _of(bars, spec))
        notes += [(name, note) for note in info.notes]
    source: dict[str, Any] = {"kind": "catalog", "names": list(names), "start_ns": start_ns, "end_ns": end_ns}
    if called:
        source["called"] = called
    return market, told_once(notes), source


def _of(bars: Bars, spec: InstrumentSpec) -> Bars:
    """The bars under the instrument's own symbol: data of ``US_EQUITY:SPY`` are bars of SPY."""
    return bars if bars.instrument == spec.symbol else replace(bars, instrument=spec.symbol)


def finest_dataset(workspace: Workspace, name: str) -> str:
    """Name of the dataset with the shortest bars that the catalog has of the same instrument and contract.

    Raises
    ------
    ConfigError
        If it has none that are shorter than those of `name`.
    """
    from argus.core.errors import ConfigError

    catalog = workspace.catalog()
    own = catalog.info(name)
    shorter = [
        (found.interval_ns, found.name)
        for found in catalog.datasets()
        if (found.instrument, found.contract) == (own.instrument, own.contract)
        and found.interval_ns is not None
        and (own.interval_ns is None or found.interval_ns < own.interval_ns)
    ]
    if not shorter:
        raise ConfigError(
            f"--finer catalog: the catalog has no shorter bars of {own.instrument} than {name}; import some"
        )
    return min(shorter)[1]


def finer_of(market: Market, finer: Market) -> dict[str, Bars]:
    """Finer bars for the fills of a run on one instrument, by its symbol.

    Parameters
    ----------
    market : mapping
        What the strategy sees.
    finer : mapping
        Bars of the same instrument over shorter spans, from `file_market` or `catalog_market`.

    Raises
    ------
    ConfigError
        If the run is on more than one instrument, or the finer bars are of another one or no finer.
    """
    from argus.core.errors import ConfigError

    if len(market) != 1:
        raise ConfigError(f"--finer: finer bars are for a run on one instrument; this one is on {', '.join(market)}")
    symbol, (_, bars) = next(iter(market.items()))
    if symbol not in finer:
        raise ConfigError(f"--finer: the finer bars are of {', '.join(finer)}, the run is on {symbol}; give bars of it")
    fine = finer[symbol][1]
    spans = [int((one.ts_close_ns - one.ts_event_ns).max(initial=0)) for one in (fine, bars)]
    if spans[0] >= spans[1]:
        raise ConfigError(
            f"--finer: the longest of its bars lasts {spans[0] / 1e9:g} s, the longest of the run's own "
            f"{spans[1] / 1e9:g} s; give bars that are shorter"
        )
    return {symbol: fine}


def quotes_of(
    market: Market, path: Path, preset: str | None, where: Mapping[str, str]
) -> tuple[dict[str, Quotes], tuple[str, ...], dict[str, Any]]:
    """(quotes of a file for the fills of a run on one instrument, notes on them, how to load them again).

    Parameters
    ----------
    market : mapping
        What the strategy sees.
    path : Path
    preset : str or None
        Key of `argus.data.quotes.QUOTE_PRESETS`; None is ``databento_mbp1`` for a DBN file, else ``quotes``.
    where : mapping
        Column to the value that a row must have.

    Raises
    ------
    ConfigError
        If the run is on more than one instrument, or there is no such preset.
    ImportFailed
        If the file cannot be read as the preset says.
    """
    from argus.core.errors import ConfigError
    from argus.data.quotes import quote_preset, read_quote_file

    if len(market) != 1:
        raise ConfigError(f"--quotes: quotes are for a run on one instrument; this one is on {', '.join(market)}")
    symbol, (spec, _) = next(iter(market.items()))
    name = preset or ("databento_mbp1" if path.name.lower().endswith((".dbn", ".dbn.zst")) else "quotes")
    read = read_quote_file(path, quote_preset(name, symbol, where=dict(where)), product=spec)
    return {symbol: read.quotes}, read.notes, {"path": str(path.resolve()), "preset": name, "where": dict(where)}


def with_costs(
    result: BacktestResult, market: Market, events: Events | None = None, finer: Finer | None = None
) -> BacktestResult:
    """The result with the costs of its trades taken apart.

    Parameters
    ----------
    result : BacktestResult
    market, events, finer
        The run's own, as `argus.engine.cost_attribution.attribute_costs` takes them.
    """
    from argus.engine.cost_attribution import attribute_costs

    costs = attribute_costs(result.record, market, events=events or {}, finer=finer or {})
    return replace(result, costs=costs)


def backtest(
    strategy: str,
    market: Market,
    config: RunConfig,
    *,
    parameters: Mapping[str, ParameterValue],
    units: float | None,
    vol_target_annual: float | None,
    workspace: Workspace | None,
    source: dict[str, Any],
    warnings: tuple[str, ...] = (),
    limits: OrderLimits = NO_LIMITS,
    finer: Finer | None = None,
    rates: Market | None = None,
    happened: Happened | None = None,
) -> BacktestResult:
    """Run one strategy and keep the run if there is a workspace.

    Parameters
    ----------
    strategy : str
        Name in the strategy registry.
    market : mapping
    config : RunConfig
    parameters : mapping
        Parameters that differ from their defaults.
    units, vol_target_annual : float or None
        Fixed units, or sizing by volatility; one of them.
    workspace : Workspace or None
        None runs without a workspace: the trial is counted nowhere, and the result says so.
    source : dict
        From `file_market` or `catalog_market`; of a run with finer bars or quotes their own source stands in it as
        ``finer`` or ``quotes``.
    warnings : tuple of str
        Added to the notes.
    limits : OrderLimits
        Which the risk policy holds orders to, beside what the account can carry.
    finer : mapping or None
        Symbol to finer bars or quotes that the orders meet, from `finer_of` or `quotes_of`.
    rates : mapping or None
        Pairs of currencies that the strategy does not trade, for their rates.
    happened : Happened or None
        Splits, dividends and the like, from `argus.app.events`.
    """
    import time

    from argus.engine.metrics import sessions_per_year, summarise
    from argus.engine.replay import run
    from argus.lab.journal.trials import MemoryTrialLedger
    from argus.strategies import create

    trials: TrialLedger = workspace.trials() if workspace else MemoryTrialLedger()
    events = happened.events if happened else {}
    if happened:
        source, warnings = {**source, "events": happened.described()}, (*warnings, *happened.notes)
    started = time.perf_counter()
    record = run(
        create(strategy, tuple(market), **{**market_parameters(strategy, market), **parameters}),
        {**(rates or {}), **market},
        config,
        sizer=sizer_for(config, market, units=units, vol_target_annual=vol_target_annual),
        risk=risk_for(config, market, limits),
        trials=trials,
        finer=finer or {},
        events=events,
    )
    seconds = time.perf_counter() - started
    if workspace:
        from argus.engine.store import save_run

        save_run(workspace.runs, record, source)
    metrics = summarise(record, sessions_per_year(record.session_equity()[0]))
    result = BacktestResult(record, metrics, seconds, workspace is not None, warnings)
    return with_costs(result, market, events, finer)
