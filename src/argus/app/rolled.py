"""Runs on roots: contracts from the catalog or one file, rolled by rule, and their trades traced.

`argus backtest --roll` comes here. What one contract is to `argus.app.backtest`, a root with all its contracts is to
this module: it loads them, makes the schedule and the continuous series, runs the strategy through the rolls and keeps
the run with what is needed to load everything again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.app.backtest import (
    NO_LIMITS,
    BacktestResult,
    OrderLimits,
    market_parameters,
    risk_for,
    root_limits,
    sizer_for,
    with_costs,
)
from argus.app.workspace import Workspace
from argus.core.errors import CatalogError, ConfigError, ImportFailed

if TYPE_CHECKING:
    from argus.app.data import FileStatement
    from argus.core.arrays import Bars
    from argus.core.instruments import InstrumentSpec
    from argus.core.ports import Strategy, TrialLedger
    from argus.core.strategy import ParameterValue
    from argus.data.catalog import DatasetInfo
    from argus.data.continuous import Adjustment
    from argus.data.importing import ImportSpec
    from argus.data.rolls import RollRule
    from argus.engine.config import RunConfig
    from argus.engine.market import Market
    from argus.engine.record import RunRecord
    from argus.engine.rolling import RolledRoot
    from argus.engine.trace import Trace
    from argus.lab.audit import RollRules

__all__ = [
    "Rolling",
    "backtest_rolled",
    "catalog_contracts",
    "catalog_roots",
    "contracts_held",
    "file_contracts",
    "file_roots",
    "finer_again",
    "finer_contracts",
    "root_and_interval",
    "roots_again",
    "roots_cut",
    "trace_rolled",
]

_ADJUSTMENTS: Final[Mapping[str, str]] = {"difference": "difference", "ratio": "ratio", "none": "unadjusted"}
_MONTH: Final = re.compile(r"\d{6}")


@dataclass(frozen=True, slots=True)
class Rolling:
    """How the roots of a run are rolled, as it is typed.

    Attributes
    ----------
    roll : str
        calendar, volume or open_interest.
    adjust : str
        difference, ratio or none: what the series that the strategy reads does with the gap at a roll.
    days : int or None
        For calendar: business days before first notice or last trade; None takes the instrument's customary count.

    Raises
    ------
    ConfigError
        Naming the option.
    """

    roll: str = "calendar"
    adjust: str = "difference"
    days: int | None = None

    def __post_init__(self) -> None:
        from argus.data.rolls import RollTrigger

        if self.roll not in set(RollTrigger):
            raise ConfigError(f"--roll is {self.roll!r}; one of {', '.join(RollTrigger)} expected")
        if self.adjust not in _ADJUSTMENTS:
            raise ConfigError(f"--adjust is {self.adjust!r}; one of {', '.join(_ADJUSTMENTS)} expected")
        if self.days is not None and self.roll != RollTrigger.CALENDAR:
            raise ConfigError(f"--roll-days is {self.days} and --roll {self.roll}; days belong to --roll calendar")

    def rule(self, spec: InstrumentSpec) -> RollRule:
        """The rule for one instrument, with its customary delivery months."""
        from argus.data.rolls import RollTrigger, customary_rule

        rule = replace(customary_rule(spec), trigger=RollTrigger(self.roll))
        return rule if self.days is None else replace(rule, days_before=self.days)

    @property
    def adjustment(self) -> Adjustment:
        """Of the continuous series."""
        from argus.data.continuous import Adjustment

        return Adjustment(_ADJUSTMENTS[self.adjust])


Loaded = tuple[tuple["RolledRoot", ...], tuple[str, ...], dict[str, Any]]
"""Roots, notes on the data, and how to load them again."""


def catalog_roots(workspace: Workspace, names: Sequence[str], rolling: Rolling, end_ns: int | None = None) -> Loaded:
    """Roots whose contracts are in the workspace's catalog.

    Parameters
    ----------
    workspace : Workspace
    names : sequence of str
        ``MES.1h``: the contracts of MES with bars of one hour; ``MES`` will do where there is one length only.
    rolling : Rolling
    end_ns : int or None
        Bars that start before; whether every roll before can be traded is asked of all of them.

    Raises
    ------
    CatalogError
        If the catalog has no contracts of that name; says which roots it has.
    ConfigError
        If a root is named twice, or the bar length is not clear.
    ArgusError
        As `argus.engine.rolling.rolled_root`.
    """
    import numpy as np

    from argus.core.instruments import instrument
    from argus.data.contract_bars import contracts_from_catalog
    from argus.engine.market import told_once
    from argus.engine.rolling import rolled_root

    catalog = workspace.catalog()
    held = contracts_held(workspace)
    roots: list[RolledRoot] = []
    notes: list[tuple[str, str]] = []
    for name in names:
        symbol, interval = root_and_interval(name, held)
        if symbol in {root.symbol for root in roots}:
            raise ConfigError(f"--dataset {name}: {symbol} is already in this run; one bar length a root")
        contracts = contracts_from_catalog(catalog, symbol, interval)
        spec = instrument(symbol)
        root = rolled_root(contracts, spec, rolling.rule(spec), rolling.adjustment)
        if end_ns is not None:
            known = {
                one: bars.rows(0, int(np.searchsorted(bars.ts_event_ns, end_ns))) for one, bars in contracts.items()
            }
            began = {one: bars for one, bars in known.items() if len(bars)}
            root = rolled_root(began, spec, rolling.rule(spec), rolling.adjustment, is_cut=True)
        roots.append(root)
        of_root = [info for info in held if (info.instrument, info.interval) == (symbol, interval)]
        notes += [(info.name, note) for info in of_root for note in info.notes]
    origin: dict[str, Any] = {"kind": "catalog", "names": list(names)}
    if end_ns is not None:
        origin["end_ns"] = end_ns
    source = {"kind": "rolled", "origin": origin, "rolling": asdict(rolling)}
    return tuple(roots), told_once(notes), source


def catalog_contracts(workspace: Workspace, names: Sequence[str], rolling: Rolling) -> tuple[Market, RollRules]:
    """(every contract of the roots, rules that make the roots of them) for an audit, which makes them anew.

    Raises
    ------
    ArgusError
        As `catalog_roots`: what cannot be run cannot be audited.
    """
    from argus.data.contract_bars import contracts_from_catalog

    held = contracts_held(workspace)
    roots = catalog_roots(workspace, names, rolling)[0]
    found = [contracts_from_catalog(workspace.catalog(), *root_and_interval(name, held)) for name in names]
    return _audited(roots, found, rolling)


def roots_cut(contracts: Market, rules: RollRules, cut_ns: int) -> tuple[tuple[RolledRoot, ...], Market]:
    """(roots that are made of the bars before a cut alone, their contracts without the bars after it)."""
    from argus.app.candidates import cut_market

    known = cut_market(contracts, cut_ns, drop_empty=True)
    return rules.roots(known), known


def file_contracts(path: Path, stated: FileStatement, rolling: Rolling) -> tuple[Market, RollRules]:
    """As `catalog_contracts`, of the root whose contracts are all in one file."""
    from argus.core.instruments import instrument
    from argus.engine.rolling import rolled_root

    spec, names, _ = _stated_contracts(path, stated)
    found, _ = _contracts_of_file(path, spec, names)
    product = instrument(spec.instrument)
    return _audited([rolled_root(found, product, rolling.rule(product), rolling.adjustment)], [found], rolling)


def _audited(
    roots: Sequence[RolledRoot], contracts: Sequence[Mapping[str, Bars]], rolling: Rolling
) -> tuple[Market, RollRules]:
    from argus.lab.audit import RollRules, contracts_market

    market: dict[str, tuple[InstrumentSpec, Bars]] = {}
    for root, found in zip(roots, contracts, strict=True):
        market |= contracts_market(found, root.spec)
    rules = tuple((root.spec, root.schedule.rule) for root in roots)
    return market, RollRules(rules, rolling.adjustment)


def contracts_held(workspace: Workspace, among: Sequence[DatasetInfo] | None = None) -> list[DatasetInfo]:
    """Datasets of the catalog (or among these) that are contracts of a delivery month."""
    found = workspace.catalog().datasets() if among is None else among
    return [info for info in found if info.contract is not None and _MONTH.fullmatch(info.contract)]


def root_and_interval(name: str, held: Sequence[DatasetInfo], option: str = "--dataset") -> tuple[str, str]:
    """(root, bar length) of a name such as ``MES.1h`` or ``MES``."""
    known = sorted({(info.instrument, info.interval) for info in held})
    found = [pair for pair in known if name in (pair[0], ".".join(pair))]
    if len(found) == 1:
        return found[0]
    if found:
        choices = " or ".join(".".join(pair) for pair in found)
        raise ConfigError(f"{option} {name}: the catalog has its contracts in several bar lengths; write {choices}")
    there = ", ".join(".".join(pair) for pair in known) or "no contracts at all"
    raise CatalogError(
        f"{option} {name}: the catalog has no contracts of that name; it has {there}. Import them first (argus data "
        "import FILE --instrument ROOT --contract YYYYMM), or leave --roll out to run on one dataset"
    )


def file_roots(path: Path, stated: FileStatement, rolling: Rolling) -> Loaded:
    """The root whose contracts are all in one file; needs no catalog.

    Raises
    ------
    ImportFailed
        If the file cannot be read as stated, or no contract of it can be used.
    ConfigError
        If one contract is stated, or no column of contracts.
    ArgusError
        As `argus.engine.rolling.rolled_root`.
    """
    spec, names, said = _stated_contracts(path, stated)
    root, notes = _root_of_file(path, spec, names, rolling)
    origin = {
        "kind": "file",
        "path": str(path.resolve()),
        "statement": spec.describe(),
        "contracts": list(names),
    }
    return (root,), (*said, *notes), {"kind": "rolled", "origin": origin, "rolling": asdict(rolling)}


def _stated_contracts(path: Path, stated: FileStatement) -> tuple[ImportSpec, Sequence[str], tuple[str, ...]]:
    """(complete statement about a file of contracts, their names there, what the file itself had to say)."""
    from argus.app.data import complete_statement
    from argus.data.importing import contracts_in

    if stated.contract is not None:
        raise ConfigError(f"--contract {stated.contract} and --roll exclude each other: a roll needs all contracts")
    names = contracts_in(path, _naming(path, stated))
    if not names:
        raise ImportFailed(f"{path.name}: its column of contracts names none")
    spec, said = complete_statement(path, replace(stated, contract=names[0]))
    return spec, names, said


def _naming(path: Path, stated: FileStatement) -> ImportSpec:
    """A statement that is enough to read the names of the contracts."""
    from argus.data.importing import ImportSpec
    from argus.data.presets import PRESETS

    form = PRESETS.get(stated.preset or "")
    column = stated.contract_column or (form.statement.get("contract_column") if form else None)
    if column is None:
        raise ConfigError(
            f"{path.name}: --roll needs to know which column names the contract of each row; state --contract-column, "
            "or a preset that has one (argus inventory presets)"
        )
    given = {name: value for name in ("delimiter", "encoding") if (value := getattr(stated, name)) is not None}
    return ImportSpec(stated.instrument, contract_column=column, **given)


def _root_of_file(
    path: Path, spec: ImportSpec, names: Sequence[str], rolling: Rolling
) -> tuple[RolledRoot, tuple[str, ...]]:
    from argus.core.instruments import instrument
    from argus.engine.rolling import rolled_root

    product = instrument(spec.instrument)
    found, notes = _contracts_of_file(path, spec, names)
    return rolled_root(found, product, rolling.rule(product), rolling.adjustment), notes


def _contracts_of_file(path: Path, spec: ImportSpec, names: Sequence[str]) -> tuple[dict[str, Bars], tuple[str, ...]]:
    from argus.data.contract_dates import ContractId, parse_contract
    from argus.data.importing import read_raw, to_bars, written_ns

    found: dict[str, Bars] = {}
    notes: list[str] = []
    # The ends first: the calendar is then built once over all years, and not again for each.
    for name in dict.fromkeys((names[0], names[-1], *names)):
        contract: ContractId = parse_contract(f"{spec.instrument}.{name}")
        one = replace(spec, contract=name)
        try:
            checked = to_bars(read_raw(path, one), one, now_ns=written_ns(path))
        except ImportFailed as error:
            notes.append(f"{contract.symbol} left out: {error}")
            continue
        if checked.quarantined:
            first = checked.quarantined[0].message
            notes.append(f"{contract.symbol}: {len(checked.quarantined)} rows left out, first: {first}")
        found[contract.symbol] = replace(checked.bars, instrument=contract.symbol)
    return dict(sorted(found.items(), key=lambda item: parse_contract(item[0]))), tuple(notes)


def roots_again(workspace: Workspace, source: Mapping[str, Any]) -> tuple[RolledRoot, ...]:
    """The roots of a kept run, loaded once more."""
    origin, rolling = source["origin"], Rolling(**source["rolling"])
    if "cut_ns" in source:
        contracts, rules = catalog_contracts(workspace, tuple(origin["names"]), rolling)
        return roots_cut(contracts, rules, int(source["cut_ns"]))[0]
    if origin["kind"] == "catalog":
        return catalog_roots(workspace, tuple(origin["names"]), rolling, origin.get("end_ns"))[0]
    return (_root_of_file(Path(origin["path"]), _spec_again(origin["statement"]), origin["contracts"], rolling)[0],)


def _spec_again(statement: Mapping[str, Any]) -> ImportSpec:
    from argus.data.importing import ImportSpec

    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in statement.items()
    }
    return ImportSpec(**values)


def finer_contracts(
    workspace: Workspace | None, name: str, stated: FileStatement | None, roots: Sequence[RolledRoot]
) -> tuple[dict[str, Bars], tuple[str, ...], dict[str, Any]]:
    """(finer bars of the contracts of one root by their names, notes, how to load them again).

    Parameters
    ----------
    workspace : Workspace or None
        Whose catalog holds a root of that name.
    name : str
        ``MES.1m`` in the catalog, or a file of many contracts.
    stated : FileStatement or None
        What is stated about a file.
    roots : sequence of RolledRoot
        Of the run.

    Raises
    ------
    ConfigError
        If the run is on several roots, or the bars are no finer than its own, or there is no such file or dataset.
    """
    if len(roots) != 1:
        raise ConfigError(f"--finer {name}: finer bars are for a run on one root; this one is on {len(roots)}")
    path = Path(name)
    if path.is_file():
        if stated is None:
            raise ConfigError(
                f"--finer {name}: state the root that its contracts are of: --instrument {roots[0].symbol}"
            )
        spec, names, said = _stated_contracts(path, stated)
        found, notes = _contracts_of_file(path, spec, names)
        origin = {"kind": "file", "path": str(path.resolve()), "statement": spec.describe(), "contracts": list(names)}
        return _finer_of(roots[0], found), (*said, *notes), origin
    if workspace is None:
        raise ConfigError(f"--finer {name}: there is no such file, and no workspace here whose catalog could hold it")
    origin = {"kind": "catalog", "names": [name]}
    return _finer_of(roots[0], _contracts_named(workspace, name)), (), origin


def finer_again(workspace: Workspace, origin: Mapping[str, Any], roots: Sequence[RolledRoot]) -> dict[str, Bars]:
    """The finer bars of a kept run, loaded once more."""
    if origin["kind"] == "catalog":
        return _finer_of(roots[0], _contracts_named(workspace, origin["names"][0]))
    found, _ = _contracts_of_file(Path(origin["path"]), _spec_again(origin["statement"]), origin["contracts"])
    return _finer_of(roots[0], found)


def _contracts_named(workspace: Workspace, name: str) -> dict[str, Bars]:
    from argus.data.contract_bars import contracts_from_catalog

    return contracts_from_catalog(workspace.catalog(), *root_and_interval(name, contracts_held(workspace), "--finer"))


def _finer_of(root: RolledRoot, found: Mapping[str, Bars]) -> dict[str, Bars]:
    """Those of the root's contracts, if their bars are shorter."""
    kept = {symbol: found[symbol] for symbol in root.contracts if symbol in found}
    if not kept:
        named = ", ".join(list(found)[:3]) or "none"
        raise ConfigError(f"--finer: the run is on contracts of {root.symbol}, the finer bars are of {named}")
    spans = [
        max(int((bars.ts_close_ns - bars.ts_event_ns).max(initial=0)) for bars in some)
        for some in (kept.values(), root.contracts.values())
    ]
    if spans[0] >= spans[1]:
        raise ConfigError(
            f"--finer: the longest of its bars lasts {spans[0] / 1e9:g} s, the longest of the run's own "
            f"{spans[1] / 1e9:g} s; give bars that are shorter"
        )
    return kept


def backtest_rolled(
    strategy: str,
    roots: Sequence[RolledRoot],
    config: RunConfig,
    *,
    parameters: Mapping[str, ParameterValue],
    units: float | None,
    vol_target_annual: float | None,
    workspace: Workspace | None,
    source: dict[str, Any],
    warnings: tuple[str, ...] = (),
    limits: OrderLimits = NO_LIMITS,
    finer: Mapping[str, Bars] | None = None,
) -> BacktestResult:
    """Run one strategy through the rolls of its roots and keep the run if there is a workspace.

    Parameters
    ----------
    strategy : str
        Name in the strategy registry.
    roots : sequence of RolledRoot
    config, parameters, units, vol_target_annual, workspace, warnings
        As `argus.app.backtest.backtest`.
    source : dict
        From `catalog_roots` or `file_roots`; of a run with finer bars their own source stands in it as ``finer``.
    limits : OrderLimits
        On orders and positions; a position is the net of all contracts of a root.
    finer : mapping or None
        Contract to finer bars that the orders meet, from `finer_contracts`.
    """
    from argus.engine.metrics import sessions_per_year, summarise
    from argus.engine.rolling import rolled_events, rolled_market, run_rolled
    from argus.engine.rolls_traded import rolls_traded
    from argus.lab.journal.trials import MemoryTrialLedger

    series = {root.symbol: (root.spec, root.series.bars) for root in roots}
    values = {**market_parameters(strategy, series), **parameters}
    trials: TrialLedger = workspace.trials() if workspace else MemoryTrialLedger()
    made = _made(strategy, roots, values)
    started = time.perf_counter()
    record = run_rolled(
        made,
        roots,
        config,
        sizer=sizer_for(config, series, units=units, vol_target_annual=vol_target_annual),
        risk=risk_for(config, rolled_market(roots)),
        trials=trials,
        limits=root_limits(roots, limits),
        finer=finer or {},
    )
    seconds = time.perf_counter() - started
    if workspace:
        from argus.engine.store import save_run

        save_run(workspace.runs, record, {**source, "strategy": strategy, "parameters": values})
    result = BacktestResult(
        record,
        summarise(record, sessions_per_year(record.session_equity()[0])),
        seconds,
        workspace is not None,
        warnings,
        roots=tuple(root.symbol for root in roots),
        parameters=dict(made.spec.values),
        rolls=rolls_traded(record, roots),
    )
    return with_costs(result, rolled_market(roots), rolled_events(roots), finer)


def _made(strategy: str, roots: Sequence[RolledRoot], values: Mapping[str, ParameterValue]) -> Strategy:
    from argus.strategies import create

    return create(strategy, tuple(root.symbol for root in roots), **values)


def trace_rolled(workspace: Workspace, record: RunRecord, source: Mapping[str, Any], trade: int | None) -> Trace:
    """One trade of a kept run on roots: the contract that traded, and the series that the strategy read."""
    from argus.app.tracing import strategy_again
    from argus.engine.rolled_strategy import RolledStrategy
    from argus.engine.rolling import rolled_events, rolled_market
    from argus.engine.rolls_traded import with_series
    from argus.engine.trace import trace_trade

    roots = roots_again(workspace, source)
    finer = finer_again(workspace, source["finer"], roots) if "finer" in source else {}
    traced = trace_trade(record, rolled_market(roots), trade, events=rolled_events(roots), finer=finer)
    told = source.get("parameters", record.manifest.strategy["parameters"])
    values = {name: value for name, value in told.items() if name != "rolled_source" and not name.startswith("roll.")}
    inner = strategy_again(source["strategy"], tuple(root.symbol for root in roots), values)
    strategy = RolledStrategy(inner, roots)
    return with_series(traced, strategy, int(record.manifest.config["data_latency_ns"]))
