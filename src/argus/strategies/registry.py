"""The strategies by name: one place to list, describe and make them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Final

from argus.core.errors import StrategyError
from argus.core.strategy import ParameterValue
from argus.strategies.declared import DeclaredStrategy
from argus.strategies.mean_reversion import MeanReversion
from argus.strategies.overnight import Overnight
from argus.strategies.sma_cross import SmaCross
from argus.strategies.tsmom import TimeSeriesMomentum

__all__ = ["create", "strategies", "strategy_class"]

_STRATEGIES: Final[Mapping[str, type[DeclaredStrategy]]] = {
    declared.NAME: declared for declared in (SmaCross, TimeSeriesMomentum, MeanReversion, Overnight)
}


def strategies() -> Mapping[str, type[DeclaredStrategy]]:
    """Strategy classes by name, the reference first."""
    return dict(_STRATEGIES)


def strategy_class(name: str) -> type[DeclaredStrategy]:
    """The class of that name, or `StrategyError` with the known names."""
    found = _STRATEGIES.get(name)
    if found is None:
        close = difflib.get_close_matches(name, _STRATEGIES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise StrategyError(f"there is no strategy '{name}'; {hint}known: {', '.join(_STRATEGIES)}")
    return found


def create(name: str, universe: Sequence[str], **params: ParameterValue) -> DeclaredStrategy:
    """Make a strategy for one run; it carries state, so every run needs its own.

    Raises
    ------
    StrategyError
        For an unknown strategy or parameter, a value out of range, or an empty universe.
    """
    return strategy_class(name)(universe, **params)
