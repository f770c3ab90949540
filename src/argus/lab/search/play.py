"""How a candidate is replayed: on instruments as they are, or on roots of futures through all their rolls.

The lab replays a candidate many times: at other costs, a bar later, with its future replaced by noise, on a market made
from its own. What it replays on differs, the questions do not; so they ask a `Play`, and never how it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec
from argus.core.ports import RiskPolicy, Sizer, Strategy, TrialLedger
from argus.engine.config import RunConfig
from argus.engine.market import Events, Market
from argus.engine.record import RunRecord
from argus.engine.rolling import RolledRoot
from argus.lab.audit.rolled import RollRules, series_of

__all__ = ["Change", "PlainPlay", "Play", "RolledPlay"]

Change = Callable[[InstrumentSpec, Bars], Bars]
"""Other bars in the place of an instrument's."""


class Play(Protocol):
    """Replays strategies on one market."""

    @property
    def market(self) -> Market:
        """What strategies read: bars by instrument; of roots their continuous series."""
        ...

    @property
    def traded(self) -> Market:
        """What orders are filled on: the same, or the contracts."""
        ...

    def run(
        self,
        strategy: Strategy,
        config: RunConfig,
        *,
        sizer: Sizer,
        risk: RiskPolicy,
        trials: TrialLedger,
        purpose: str,
    ) -> RunRecord:
        """One replay."""
        ...

    def changed(self, change: Change) -> Play:
        """The same on other bars: `change` is given every instrument that orders are filled on."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PlainPlay:
    """Replays on instruments as they are.

    Attributes
    ----------
    market : mapping
        Symbol to (specification, bars).
    events : mapping
        Corporate actions by symbol.
    """

    market: Market
    events: Events = field(default_factory=dict)

    @property
    def traded(self) -> Market:
        """What orders are filled on."""
        return self.market

    def run(
        self,
        strategy: Strategy,
        config: RunConfig,
        *,
        sizer: Sizer,
        risk: RiskPolicy,
        trials: TrialLedger,
        purpose: str,
    ) -> RunRecord:
        """One replay."""
        from argus.engine.replay import run

        return run(
            strategy, self.market, config, sizer=sizer, risk=risk, trials=trials, purpose=purpose, events=self.events
        )

    def changed(self, change: Change) -> PlainPlay:
        """The same on other bars."""
        return PlainPlay(_changed(self.market, change), self.events)


@dataclass(frozen=True, slots=True, eq=False)
class RolledPlay:
    """Replays on roots of futures; on changed bars their rolls and series are made anew.

    Attributes
    ----------
    roots : tuple of RolledRoot
    contracts : mapping
        Contract's name to its specification and bars; every one that the roots could have rolled into.
    rules : RollRules
        How contracts become roots.
    """

    roots: tuple[RolledRoot, ...]
    contracts: Market
    rules: RollRules

    @property
    def market(self) -> Market:
        """The continuous series by root."""
        return series_of(self.roots)

    @property
    def traded(self) -> Market:
        """The contracts that the roots roll through."""
        from argus.engine.rolling import rolled_market

        return rolled_market(self.roots)

    def run(
        self,
        strategy: Strategy,
        config: RunConfig,
        *,
        sizer: Sizer,
        risk: RiskPolicy,
        trials: TrialLedger,
        purpose: str,
    ) -> RunRecord:
        """One replay through all rolls."""
        from argus.engine.rolling import run_rolled

        return run_rolled(strategy, self.roots, config, sizer=sizer, risk=risk, trials=trials, purpose=purpose)

    def changed(self, change: Change) -> RolledPlay:
        """The same on other bars of the contracts."""
        contracts = _changed(self.contracts, change)
        return RolledPlay(self.rules.roots(contracts), contracts, self.rules)


def _changed(market: Market, change: Change) -> Mapping[str, tuple[InstrumentSpec, Bars]]:
    return {symbol: (spec, change(spec, bars)) for symbol, (spec, bars) in market.items()}
