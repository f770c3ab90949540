"""All that was done to a result to see whether it breaks, in one record, and the road that fills it.

Each part asks one question and answers with one figure and one sentence. A part that was not asked is None: gates and
reports then say "not measured", never "passed".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Protocol

import numpy as np

from argus.core.money import MICROS
from argus.core.strategy import ParameterValue
from argus.engine.config import RunConfig
from argus.engine.market import Market
from argus.engine.metrics import session_returns
from argus.engine.record import RunRecord
from argus.lab.evaluation import FoldResult
from argus.lab.stress.capacity import Capacity, capacity_of
from argus.lab.stress.concentration import Concentration, concentration_of
from argus.lab.stress.cost_stress import COST_MULTIPLIERS, CostStress, cost_stress
from argus.lab.stress.delay import DelayStress, delay_stress
from argus.lab.stress.paths import KillRule, PathsResult, monte_carlo
from argus.lab.stress.perturbation import PerturbationStress, perturbation_stress
from argus.lab.stress.regimes_stress import (
    BelowPeak,
    Crises,
    Quarters,
    Regimes,
    RegimeSource,
    Trend,
    VolatilityTerciles,
    Years,
    regimes_stress,
    session_closes,
)
from argus.lab.stress.replays import MakeStrategy, Replay
from argus.lab.stress.stability import Instability, Plateau, walk_instability

__all__ = ["Part", "Robustness", "RobustnessSettings", "Subject", "robustness", "trade_results"]


class Part(Protocol):
    """What every part of `Robustness` has."""

    @property
    def figure(self) -> float: ...
    @property
    def sentence(self) -> str: ...


@dataclass(frozen=True, slots=True)
class RobustnessSettings:
    """How hard a result is pressed.

    Attributes
    ----------
    rule : KillRule
    paths, seed, workers : int
        Of the redrawn trades; the seed also of moved prices and lost bars.
    cost_multipliers : tuple of str
    slippage_ticks : int
        Reference slippage.
    delays : tuple of int
        Wake-ups.
    perturbations : int
        Seeds; each gives a market with moved prices and one with lost bars.
    half_spread_ticks : int
    drop_share : float
    participation_limit : float
    regimes : tuple of RegimeSource
    """

    rule: KillRule = field(default_factory=KillRule)
    paths: int = 10_000
    seed: int = 0
    workers: int = 2
    cost_multipliers: tuple[str, ...] = COST_MULTIPLIERS
    slippage_ticks: int = 1
    delays: tuple[int, ...] = (1, 2)
    perturbations: int = 2
    half_spread_ticks: int = 1
    drop_share: float = 0.01
    participation_limit: float = 0.01
    regimes: tuple[RegimeSource, ...] = (VolatilityTerciles(), Trend(), BelowPeak(), Years(), Quarters(), Crises())

    @property
    def replays(self) -> int:
        """How many replays that takes at most."""
        return len(self.cost_multipliers) + 1 + len(self.delays) + 2 * self.perturbations


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is pressed.

    Attributes
    ----------
    make : callable
        A fresh strategy: the chosen one, or the whole walk.
    market, config
        Of its run: what the strategy reads.
    record : RunRecord
        That run.
    per_year : float
        Sessions a year.
    sizes_on_equity : bool
        Whether trades grow with the account; then they are redrawn at the opening account's size.
    folds : tuple of FoldResult
    grid : tuple of mapping
        Parameter sets that could have been chosen.
    plateau : Plateau or None
        Of the point that was chosen.
    traded : mapping or None
        What orders were filled on, if that is something else than `market`.
    """

    make: MakeStrategy
    market: Market
    config: RunConfig
    record: RunRecord
    per_year: float
    sizes_on_equity: bool = False
    folds: tuple[FoldResult, ...] = ()
    grid: tuple[Mapping[str, ParameterValue], ...] = ()
    plateau: Plateau | None = None
    traded: Market | None = None


@dataclass(frozen=True, slots=True)
class Robustness:
    """Every part that was measured; None where it was not."""

    paths: PathsResult | None = None
    costs: CostStress | None = None
    delay: DelayStress | None = None
    perturbed: PerturbationStress | None = None
    regimes: Regimes | None = None
    plateau: Plateau | None = None
    instability: Instability | None = None
    concentration: Concentration | None = None
    capacity: Capacity | None = None

    def parts(self) -> Mapping[str, Part]:
        """Parts that were measured, by name, in a fixed order."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: part for name, part in named.items() if part is not None}


def trade_results(record: RunRecord, *, at_opening_size: bool = False) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Net results of the closed trades in the order in which they ended; units of the account's currency.

    Parameters
    ----------
    record : RunRecord
    at_opening_size : bool
        Bring each trade to the size of the opening account: where the sizer works on the current equity, a trade of a
        grown account is larger for no reason of its own.
    """
    closed = record.trades[record.trades["is_open"] == 0]
    ordered = closed[np.argsort(closed["exit_ts_ns"], kind="stable")]
    net = ordered["net_micros"].astype(np.float64) / MICROS
    if at_opening_size and len(record.equity_ts_ns):
        row = np.searchsorted(record.equity_ts_ns, ordered["entry_ts_ns"], side="left") - 1
        before = np.where(row >= 0, record.equity_micros[np.maximum(row, 0)], record.opening_cash_micros)
        net = net * (record.opening_cash_micros / np.maximum(before, 1))
    return np.asarray(net, dtype=np.float64)


def robustness(subject: Subject, replay: Replay, settings: RobustnessSettings | None = None) -> Robustness:
    """Press a result from every side.

    About nine replays: four levels of costs and the break-even, two delays, two seeds of two altered markets each.

    Parameters
    ----------
    subject : Subject
    replay : callable
        `argus.lab.stress.replays.Replay`.
    settings : RobustnessSettings or None
    """
    how = settings or RobustnessSettings()
    record, market, per_year = subject.record, subject.market, subject.per_year
    again = (replay, subject.make, subject.config)
    net = trade_results(record, at_opening_size=subject.sizes_on_equity)
    capital = record.opening_cash_micros / MICROS
    paths = None
    if len(net):
        paths = monte_carlo(net, capital=capital, rule=how.rule, paths=how.paths, seed=how.seed, workers=how.workers)
    return Robustness(
        paths=paths,
        costs=cost_stress(
            replay,
            subject.make,
            market,
            subject.config,
            per_year=per_year,
            multipliers=how.cost_multipliers,
            slippage_ticks=how.slippage_ticks,
        ),
        delay=delay_stress(*again, record, per_year=per_year, delays=how.delays),
        perturbed=perturbation_stress(
            *again,
            record,
            per_year=per_year,
            seeds=range(how.seed, how.seed + how.perturbations),
            half_spread_ticks=how.half_spread_ticks,
            drop_share=how.drop_share,
        ),
        regimes=_regimes(subject, how.regimes),
        plateau=subject.plateau,
        instability=walk_instability(subject.folds, subject.grid) if subject.folds else None,
        concentration=concentration_of(record, per_year),
        capacity=capacity_of(record, subject.traded or market, limit=how.participation_limit),
    )


def _regimes(subject: Subject, sources: Sequence[RegimeSource]) -> Regimes:
    """By the first instrument that the strategy reads."""
    session, equity = subject.record.session_equity()
    bars = next(iter(subject.market.values()))[1]
    # Labels need the market's own past: an account that begins late knows what came before.
    before = np.unique(bars.session[bars.session < session[0]]) if len(session) else bars.session[:0]
    whole = np.concatenate((before, session)).astype(np.int32)
    returns = session_returns(equity, subject.record.opening_cash_micros)
    return regimes_stress(returns, whole, session_closes(bars, whole), sources, per_year=subject.per_year)
