"""The audits as a use case: one strategy on one market, or every registered one on the data that come along."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.app.backtest import catalog_market, market_parameters, risk_for, sizer_for
from argus.app.workspace import Workspace

if TYPE_CHECKING:
    from argus.core.ports import Strategy, TrialLedger
    from argus.core.strategy import ParameterValue
    from argus.engine.config import RunConfig
    from argus.engine.market import Events, Market
    from argus.lab.audit import AuditReport, RollRules, Subject
    from argus.lab.audit.subject import Progress

__all__ = ["AUDITS", "EMBEDDED_MARKET", "WINDOW_OF_ROOTS", "NamedStrategy", "audit_all", "audit_strategy", "factory_of"]

AUDITS: Final = ("lookahead", "warmup", "costs")
"""What can be audited."""

EMBEDDED_MARKET: Final = "IXIC.1d"
"""The embedded dataset with opens, highs and lows that were observed."""


WINDOW_OF_ROOTS: Final = 500
"""Bars of a stretch of the look-ahead audit on roots: for each decision the schedule is made anew, which takes long."""


@dataclass(frozen=True, slots=True)
class NamedStrategy:
    """Makes a registered strategy from a market, here or in another process.

    Attributes
    ----------
    name : str
    parameters : mapping
        Those that differ from their defaults.
    """

    name: str
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)

    def __call__(self, market: Market) -> Strategy:
        """A fresh strategy that trades every instrument of the market."""
        from argus.strategies import create

        return create(self.name, tuple(market), **{**market_parameters(self.name, market), **self.parameters})


def factory_of(strategy: str, parameters: Mapping[str, ParameterValue]) -> Callable[..., Strategy]:
    """What makes the strategy: a name of the registry, or ``module:function`` of one's own.

    Parameters
    ----------
    strategy : str
        A function is called as ``function(market, **parameters)``; its module is looked for in the current folder too.
    parameters : mapping

    Raises
    ------
    StrategyError
        For a name that is not registered, or a module or function that cannot be found.
    """
    from argus.core.errors import StrategyError
    from argus.strategies import strategy_class

    module, colon, function = strategy.partition(":")
    if not colon:
        strategy_class(strategy)
        return NamedStrategy(strategy, dict(parameters))
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise StrategyError(
            f"'{strategy}' cannot be loaded: {error}; write module:function, the function takes a market"
        ) from error
    return partial(found, **parameters) if parameters else found


def audit_strategy(
    audit: str,
    strategy: str,
    market: Market,
    config: RunConfig,
    *,
    parameters: Mapping[str, ParameterValue],
    units: float | None = None,
    vol_target_annual: float | None = None,
    workspace: Workspace | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    rolls: RollRules | None = None,
    events: Events | None = None,
) -> AuditReport:
    """Audit one strategy on one market.

    Parameters
    ----------
    audit : str
        One of `AUDITS`.
    strategy : str
        A registered name, or ``module:function``.
    market : mapping
    config : RunConfig
    parameters : mapping
        Parameters that differ from their defaults.
    units, vol_target_annual : float or None
        As for a backtest.
    workspace : Workspace or None
        Where the runs are counted, with the purpose ``audit``; None counts them nowhere.
    options : mapping or None
        Settings of the audit that differ from their defaults.
    progress : callable or None
    rolls : RollRules or None
        Where the market is contracts and the strategy trades their roots; see `argus.app.rolled.catalog_contracts`.
    events : mapping or None
        Symbol to dividends, splits and the like of the instruments.
    """
    from argus.lab.audit import Subject
    from argus.lab.journal.trials import MemoryTrialLedger

    trials: TrialLedger = workspace.trials() if workspace else MemoryTrialLedger()
    read = market if rolls is None else rolls.read(market)
    subject = Subject(
        factory_of(strategy, parameters),
        market,
        config,
        sizer_for(config, read, units=units, vol_target_annual=vol_target_annual),
        risk_for(config, market),
        rolls=rolls,
        events=events or {},
    )
    given = dict(options or {})
    if rolls is not None and audit == "lookahead":
        given.setdefault("window_wakes", WINDOW_OF_ROOTS)
    return _audited(audit, subject, trials, given, progress)


def audit_all(
    audit: str,
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    workspace: Workspace | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[str], Progress | None] | None = None,
) -> tuple[AuditReport, ...]:
    """Audit every registered strategy, with its default parameters, on the embedded index.

    Parameters
    ----------
    start_ns, end_ns : int or None
        Decisions are made from here, and before there.
    audit, workspace, options
        As in `audit_strategy`; money and costs are those of the workspace's settings, or their defaults.
    progress : callable or None
        Given the name of the strategy that begins, gives whom to tell how far it is.
    """
    from argus.app.candidates import run_config
    from argus.app.settings import Settings
    from argus.strategies import strategies

    settings = workspace.settings if workspace else Settings()
    market = _embedded_market(workspace)
    config = replace(run_config(settings, market), start_ns=start_ns, end_ns=end_ns)
    by_volatility = settings.sizing.kind == "volatility_target"
    return tuple(
        audit_strategy(
            audit,
            name,
            market,
            config,
            parameters={},
            units=None if by_volatility else settings.sizing.units,
            vol_target_annual=settings.sizing.vol_target_annual if by_volatility else None,
            workspace=workspace,
            options=options,
            progress=progress(name) if progress else None,
        )
        for name in strategies()
    )


def _audited(
    audit: str, subject: Subject, trials: TrialLedger, options: Mapping[str, Any], progress: Progress | None
) -> AuditReport:
    from argus.core.errors import ConfigError
    from argus.lab.audit import (
        CostsSettings,
        LookaheadSettings,
        WarmupSettings,
        audit_costs,
        audit_lookahead,
        audit_warmup,
    )

    if audit == "lookahead":
        return audit_lookahead(subject, trials=trials, settings=LookaheadSettings(**options), progress=progress)
    if audit == "warmup":
        return audit_warmup(subject, trials=trials, settings=WarmupSettings(**options), progress=progress)
    if audit == "costs":
        return audit_costs(subject, trials=trials, settings=CostsSettings(**options), progress=progress)
    raise ConfigError(f"there is no audit '{audit}'; one of {', '.join(AUDITS)} expected")


def _embedded_market(workspace: Workspace | None) -> Market:
    """The embedded index, from the workspace's catalog or from one that is made for the moment."""
    from argus.data.embedded import install_embedded

    if workspace is not None:
        if EMBEDDED_MARKET not in {info.name for info in workspace.catalog().datasets()}:
            install_embedded(workspace.catalog())
        return catalog_market(workspace, (EMBEDDED_MARKET,))[0]
    from argus.app.workspace import init_workspace

    with tempfile.TemporaryDirectory() as folder:
        made, _ = init_workspace(Path(folder))
        install_embedded(made.catalog())
        market = catalog_market(made, (EMBEDDED_MARKET,))[0]
        return {symbol: (spec, _in_memory(bars)) for symbol, (spec, bars) in market.items()}


def _in_memory(bars: Any) -> Any:
    """Bars that no longer lean on a file."""
    from dataclasses import fields

    import numpy as np

    columns = {
        f.name: np.array(getattr(bars, f.name)) for f in fields(bars) if isinstance(getattr(bars, f.name), np.ndarray)
    }
    return replace(bars, **columns)
