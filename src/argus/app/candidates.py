"""Candidates for the lab from what a workspace holds: the one place where data become something that can be judged.

Whatever is judged, by `argus research`, by an experiment or once more on a hold-out, is put together here: bars,
corporate actions, rolls, account, costs, sizing and risk. A cut takes bars away before anything else sees them; what is
not there cannot be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from argus.app.backtest import account_kind_for, catalog_market, impact_of, risk_for, sizer_for, spread_of
from argus.app.workspace import Workspace
from argus.core.errors import CoverageError

if TYPE_CHECKING:
    from argus.app._sweep_file import ExecutionSettings
    from argus.app.rolled import Rolling
    from argus.app.settings import Settings
    from argus.core.arrays import Bars
    from argus.core.instruments import InstrumentSpec
    from argus.engine.config import RunConfig
    from argus.engine.market import Market
    from argus.lab.candidate import Candidate

__all__ = ["Wanted", "candidate_of", "cut_market", "run_config"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a candidate is made of.

    Attributes
    ----------
    strategy : str
    names : tuple of str
        Datasets, or roots; they are traded together.
    settings : Settings
        Account, costs and sizing.
    execution : ExecutionSettings or None
    rolling : Rolling or None
        How roots are rolled; None where `names` are datasets.
    start_ns : int or None
        When trading begins; earlier bars warm up.
    cut_ns : int or None
        No bar that closes after it is read.
    """

    strategy: str
    names: tuple[str, ...]
    settings: Settings
    execution: ExecutionSettings | None = None
    rolling: Rolling | None = None
    start_ns: int | None = None
    cut_ns: int | None = None


def candidate_of(workspace: Workspace, wanted: Wanted) -> tuple[Candidate, dict[str, Any]]:
    """(candidate with the strategy's own grid, how to load its market again).

    Raises
    ------
    CatalogError, CoverageError
        If the catalog has no such data, or none before the cut.
    """
    return _plain(workspace, wanted) if wanted.rolling is None else _rolled(workspace, wanted, wanted.rolling)


def _plain(workspace: Workspace, wanted: Wanted) -> tuple[Candidate, dict[str, Any]]:
    from argus.app.events import catalog_events
    from argus.lab.candidate import Candidate
    from argus.lab.search.play import PlainPlay

    market, notes, source = catalog_market(workspace, wanted.names, None, wanted.cut_ns)
    market = cut_market(market, wanted.cut_ns)
    happened = catalog_events(workspace, market)
    config = _config(wanted, market)
    candidate = Candidate(
        strategy=wanted.strategy,
        universe=tuple(market),
        market=market,
        config=config,
        sizer=_sizer(wanted, config, market),
        risk=risk_for(config, market),
        completeness=_completeness(workspace, wanted.names),
        notes=(*notes, *happened.notes),
        replays=PlainPlay(market, happened.events) if happened.events else None,
    )
    if happened.events:
        source = {**source, "events": happened.described()}
    return candidate, {**source, "strategy": wanted.strategy}


def _rolled(workspace: Workspace, wanted: Wanted, rolling: Rolling) -> tuple[Candidate, dict[str, Any]]:
    from argus.app.rolled import catalog_contracts, catalog_roots, roots_cut
    from argus.engine.rolling import rolled_market
    from argus.lab.candidate import Candidate
    from argus.lab.search.play import RolledPlay

    roots, notes, source = catalog_roots(workspace, wanted.names, rolling, wanted.cut_ns)
    contracts, rules = catalog_contracts(workspace, wanted.names, rolling)
    if wanted.cut_ns is not None:
        roots, contracts = roots_cut(contracts, rules, wanted.cut_ns)
        source = {**source, "cut_ns": wanted.cut_ns}
    play = RolledPlay(roots, contracts, rules)
    market = dict(play.market)
    config = _config(wanted, market)
    candidate = Candidate(
        strategy=wanted.strategy,
        universe=tuple(market),
        market=market,
        config=config,
        sizer=_sizer(wanted, config, market),
        risk=risk_for(config, rolled_market(roots)),
        completeness=_completeness_of_series(workspace, market, wanted.names),
        notes=notes,
        replays=play,
    )
    return candidate, {**source, "rolling": asdict(rolling), "strategy": wanted.strategy}


def cut_market(
    market: Mapping[str, tuple[InstrumentSpec, Bars]], cut_ns: int | None, *, drop_empty: bool = False
) -> dict[str, tuple[InstrumentSpec, Bars]]:
    """The market without the bars that close after the cut: one that begins before it may know what comes after."""
    import numpy as np

    if cut_ns is None:
        return dict(market)
    found = {}
    for symbol, (spec, bars) in market.items():
        kept = bars.rows(0, int(np.searchsorted(bars.ts_close_ns, cut_ns, side="right")))
        if len(kept):
            found[symbol] = (spec, kept)
        elif not drop_empty:
            from argus.core.time import format_ns

            raise CoverageError(f"{symbol} has no bar that closes before {format_ns(cut_ns)}; cut it later")
    return found


def _config(wanted: Wanted, market: Market) -> RunConfig:
    from argus.engine.config import FillRules

    config = run_config(wanted.settings, market)
    if wanted.start_ns is not None:
        config = replace(config, start_ns=wanted.start_ns)
    execution = wanted.execution
    if execution is None:
        return config
    return replace(
        config,
        costs=replace(config.costs, multiplier=execution.cost_multiplier),
        fills=FillRules(execution.touch, execution.participation),
        latency_ns=round(execution.latency_ms * 1_000_000),
    )


def _sizer(wanted: Wanted, config: RunConfig, market: Market) -> Any:
    sizing = wanted.settings.sizing
    by_volatility = sizing.kind == "volatility_target"
    return sizer_for(
        config,
        market,
        units=None if by_volatility else sizing.units,
        vol_target_annual=sizing.vol_target_annual if by_volatility else None,
    )


def run_config(settings: Settings, market: Market) -> RunConfig:
    """Account and costs of the settings for this market: futures slip by ticks, the rest by a share of the price."""
    from argus.core.money import to_micros
    from argus.engine.config import AccountConfig, AccountKind, CostModel, HaltRules, RunConfig

    specs = {symbol: spec for symbol, (spec, _) in market.items()}
    natural = account_kind_for(specs)
    kind = natural if settings.account.kind == "auto" else settings.account.kind
    costs = settings.costs
    only_futures = natural == "futures"
    return RunConfig(
        account=AccountConfig(
            AccountKind(kind), to_micros(settings.account.cash, "account.cash"), settings.account.currency
        ),
        costs=CostModel(
            fee_per_unit=costs.fee_per_unit,
            fee_rate=costs.fee_rate,
            slippage_ticks=costs.slippage_ticks if only_futures else 0,
            slippage_rate=costs.slippage_rate if not only_futures else type(costs.slippage_rate)(0),
            spread=spread_of(costs.half_spread_ticks),
            impact=impact_of(costs.impact),
        ),
        halts=HaltRules(daily_loss=settings.account.daily_loss),
    )


def _completeness(workspace: Workspace, names: Iterable[str]) -> dict[str, float]:
    """Share of the calendar's bars that each dataset holds."""
    from argus.app.data import check_dataset
    from argus.core.instruments import instrument

    catalog = workspace.catalog()
    found = {}
    for name in names:
        state = check_dataset(catalog, name)
        found[instrument(state.info.instrument).symbol] = float(state.inspection.completeness.share_complete)
    return found


def _completeness_of_series(workspace: Workspace, market: Market, names: Iterable[str]) -> dict[str, float]:
    """Share of the calendar's bars that the series of each root holds, whichever contract was in front."""
    from argus.app.rolled import contracts_held, root_and_interval
    from argus.data._quality_sessions import completeness

    held = contracts_held(workspace)
    found = {}
    for name in names:
        symbol, interval = root_and_interval(name, held)
        length = next(info.interval_ns for info in held if (info.instrument, info.interval) == (symbol, interval))
        spec, bars = market[symbol]
        counted = completeness(bars.ts_event_ns, bars.ts_close_ns, bars.session, spec.calendar, length)
        found[symbol] = float(counted.share_complete)
    return found
