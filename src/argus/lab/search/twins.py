"""Compiled twins of the built-in strategies: the same orders, hundreds of parameter sets in the time of a few.

A twin is a decision in the engine's kernel, with the sizing in it. It exists where the twin can be proven to do what
the strategy, its sizer and the risk policy do in Python: one instrument as it is, settled in the account's currency, a
close at every bar, limits that the kernel knows, and a size that asks nothing of the account. `FixedUnits` and
`VolatilityTarget` on fixed capital ask nothing; on initial capital it asks whether the equity is still there, which is
looked up after the run. Sizing on the current equity has no twin: the kernel does not tell a decision what the account
is worth.

A twin is counted as the strategy that it stands for: under the run id that the strategy itself would have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np

from argus.core.arrays import I64_1D, Bars
from argus.core.instruments import InstrumentSpec
from argus.core.money import MICROS
from argus.core.ports import Sizer, Strategy
from argus.core.strategy import StrategySpec
from argus.core.time import NS_PER_DAY
from argus.engine.forms import CompiledStrategy
from argus.engine.record import RunManifest
from argus.lab.candidate import Candidate, Values
from argus.lab.search.play import PlainPlay

__all__ = ["Twins", "compiled_twin", "twins_of"]

_MARGIN: Final = 1.02
"""How much more than the capital the equity at each session's close must be: a session's fills lie between the two."""
_EVERY_DAY: Final = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class Twins:
    """Twins of all parameter sets of a candidate.

    Attributes
    ----------
    strategies : tuple of CompiledStrategy
    manifests : tuple of RunManifest
        Of the strategies that they stand for.
    capital_micros : int
        Below this equity the strategy would size otherwise than its twin; 0 where it never would.
    """

    strategies: tuple[CompiledStrategy, ...]
    manifests: tuple[RunManifest, ...]
    capital_micros: int

    def holds(self, equity_micros: I64_1D) -> bool:
        """Whether the equity at session closes proves that a twin was sized as the strategy would have been."""
        return self.capital_micros == 0 or bool((equity_micros >= _MARGIN * self.capital_micros).all())


def twins_of(candidate: Candidate, sets: Sequence[Values]) -> Twins | None:
    """Twins of a candidate's parameter sets; None where it has to be replayed in Python."""
    from argus.core.risk import OrderLimits
    from argus.engine.manifest import manifests_of

    play = candidate.play
    if type(play) is not PlainPlay or play.events or len(candidate.universe) != 1:
        return None
    symbol = candidate.universe[0]
    spec, bars = play.market[symbol]
    if spec.currency != candidate.config.account.currency:
        return None
    if not isinstance(getattr(candidate.risk, "limits", None), OrderLimits):
        return None
    strategies = [candidate.create(values) for values in sets]
    twins = []
    for strategy in strategies:
        twin = compiled_twin(strategy, spec, bars, candidate.sizer)
        if twin is None:
            return None
        twins.append(twin)
    manifests = manifests_of(strategies, play.market, candidate.config, sizer=candidate.sizer, risk=candidate.risk)
    is_capped = getattr(candidate.sizer, "capital", "") == "initial"
    return Twins(tuple(twins), tuple(manifests), candidate.sizer.capital_micros if is_capped else 0)  # type: ignore[attr-defined]


def compiled_twin(strategy: Strategy, spec: InstrumentSpec, bars: Bars, sizer: Sizer) -> CompiledStrategy | None:
    """The compiled twin of a strategy with its sizer on these bars; None if it has none.

    Parameters
    ----------
    strategy : Strategy
        One of the built-in ones, itself: a class derived from it is another strategy.
    spec : InstrumentSpec
    bars : Bars
        Of the one instrument that it trades.
    sizer : Sizer
        `FixedUnits`, or `VolatilityTarget` on initial or fixed capital.
    """
    from argus.strategies import MeanReversion, Overnight, SmaCross, TimeSeriesMomentum

    makers: Mapping[type, Callable[[StrategySpec, Bars], _Form | None]] = {
        SmaCross: _sma_cross,
        TimeSeriesMomentum: _tsmom,
        MeanReversion: _mean_reversion,
        Overnight: _overnight,
    }
    make, sizing = makers.get(type(strategy)), _sizing(sizer, spec)
    if make is None or sizing is None or len(strategy.spec.universe) != 1 or not np.isfinite(bars.close).all():
        return None
    asks_equity = getattr(sizer, "capital", "") == "initial"
    if asks_equity and type(strategy) is SmaCross and bool((bars.session[1:] == bars.session[:-1]).any()):
        return None  # it decides within sessions, where the equity is not kept
    form = make(strategy.spec, bars)
    if form is None:
        return None
    decide, columns, own, kind = form
    memory = (*sizing, float(kind), *(float(value) for value in own))
    return CompiledStrategy(strategy.spec, decide, columns, memory=memory, parameters=())


_Form = tuple[Callable[..., Any], tuple[str, ...], Sequence[float], int]
"""(decision, columns, its own memory, kind of the orders)."""


def _sizing(sizer: Sizer, spec: InstrumentSpec) -> tuple[float, ...] | None:
    """The first slots of the memory."""
    from argus.portfolio.sizing import FixedUnits, VolatilityTarget

    lot = Fraction(spec.lot_size)
    contract = (float(spec.multiplier), float(spec.lot_size), float(lot.numerator), float(lot.denominator))
    if type(sizer) is FixedUnits:
        return (0.0, sizer.units, 0.0, 0.0, 0.0, *contract)
    if type(sizer) is VolatilityTarget and sizer.capital_micros is not None:
        share = sizer.capital_micros / MICROS / sizer.instrument_count
        return (sizer.vol_target_annual, 0.0, sizer.leverage_max, sizer.buffer, share, *contract)
    return None


def _kind(values: Values) -> int:
    from argus.engine.compiled import TARGET, TARGET_ON_CLOSE, TARGET_ON_OPEN

    return {"market": TARGET, "moo": TARGET_ON_OPEN, "moc": TARGET_ON_CLOSE}[str(values.get("execution", "market"))]


def _sma_cross(spec: StrategySpec, bars: Bars) -> _Form:
    from argus.lab.search._twin_kernels import sma_cross

    symbol = spec.universe[0]
    return sma_cross, ("close", f"vol:{symbol}", f"fast:{symbol}", f"slow:{symbol}"), (0.0,), _kind(spec.values)


def _tsmom(spec: StrategySpec, bars: Bars) -> _Form:
    from argus.lab.search._twin_kernels import tsmom

    symbol, values = spec.universe[0], spec.values
    every_day = float(values["sessions_per_year"]) >= _EVERY_DAY
    own = (np.nan, float(values["rebalance"]), every_day, 0.0 if values["long_only"] else -1.0)
    return tsmom, ("close", f"vol:{symbol}", f"past:{symbol}", f"day:{symbol}"), own, _kind(values)


def _mean_reversion(spec: StrategySpec, bars: Bars) -> _Form:
    from argus.lab.search._twin_kernels import mean_reversion

    symbol, values = spec.universe[0], spec.values
    by_trend = int(values["trend"]) > 0
    columns = (
        "close",
        f"vol:{symbol}",
        f"z:{symbol}",
        f"sessions:{symbol}",
        f"trend:{symbol}" if by_trend else "close",
    )
    limits = (float(values["entry"]), float(values["exit"]), float(values["hold_max"]))
    own = (-1.0, 0.0, 0.0, 1.0, *limits, float(bool(values["long_only"])), float(by_trend))
    return mean_reversion, columns, own, _kind(values)


def _overnight(spec: StrategySpec, bars: Bars) -> _Form | None:
    from argus.lab.search._twin_kernels import overnight

    symbol, word = spec.universe[0], str(spec.values["filter"])
    by_trend, by_weekday = word in ("trend", "both"), word in ("weekday", "both")
    if by_weekday:
        ends = bars.session_end
        if bool(((bars.ts_close_ns[ends] - 1) // NS_PER_DAY != bars.session[ends]).any()):
            return None  # its weekday is that of the close in UTC, which is not the session's date here
    columns = ("close", f"vol:{symbol}", f"sessions:{symbol}", "session", f"mean:{symbol}" if by_trend else "close")
    return overnight, columns, (-1.0, by_trend, by_weekday), _kind(spec.values)
