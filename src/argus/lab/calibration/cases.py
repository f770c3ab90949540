"""The lab judged by its own rules: how often no edge fools it, and how often it finds a real one.

A gate is only worth what it does on markets whose truth is known. A plan is a list of cases: a synthetic market with or
without an edge, and the strategy that is searched on it, with some two hundred parameter sets. `judge` takes one case
through the search and the whole of `argus.lab.research`, and hands back every answer of every gate;
`argus.lab.calibration.table` makes rates of them. Cases know nothing of each other, so they may be judged in any order,
by any number of processes, today and tomorrow.

All cases are sized by volatility on fixed capital (the opening balance throughout): the size that a search can take by
the compiled road. A strategy sized on its equity has the same trades but compounds them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import ArgusError, ConfigError
from argus.core.instruments import instrument
from argus.core.money import MICROS
from argus.core.time import NS_PER_DAY
from argus.data.synthetic import Dynamics, Edge, SyntheticSpec, generate
from argus.engine.config import AccountConfig, AccountKind, CostModel, RunConfig
from argus.lab.candidate import Candidate, ResearchSettings, Values
from argus.lab.journal.trials import MemoryTrialLedger, TrialJournal

if TYPE_CHECKING:
    from argus.lab.evaluation import Evaluation

__all__ = ["Answer", "Case", "CaseResult", "Judge", "bars_of", "calibration_plan", "candidate_of", "grid_of", "judge"]

SYMBOL: Final = "ES"
FEE: Final = Decimal("2.25")
CASH_MICROS: Final = 50_000_000 * MICROS
PRICE_START: Final = 4_000.0
SESSIONS_A_YEAR: Final = 261
STRATEGIES: Final = ("sma_cross", "tsmom", "mean_reversion", "overnight")
KINDS: Final[Mapping[str, str]] = {"trend": "tsmom", "mean_reversion": "mean_reversion", "overnight": "overnight"}
"""Planted edge to the strategy that looks for it."""
SHARPES: Final = (1.0, 1.5, 2.0)
YEARS: Final = (10, 15, 20)
COSTS_TICKS: Final = (1, 0, 2)
VOLS: Final = (0.16, 0.10, 0.24)
MOODS: Final[Mapping[str, Dynamics]] = {
    "usual": Dynamics(),
    "calm": Dynamics(slow=0.1, fast=0.1, tail=0.3),
    "wild": Dynamics(slow=0.5, fast=0.3, tail=1.0),
}
LOOKBACKS: Final[Mapping[str, int]] = {"trend": 20, "mean_reversion": 10}
PREMIUM_ANNUAL: Final = 0.08
"""Drift of a market that pays whoever holds it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A synthetic market, and what is searched on it.

    Attributes
    ----------
    name : str
        Unique in a plan.
    group : str
        What it is counted in, e.g. ``no edge`` or ``trend 1.5``.
    has_edge : bool
        Whether there is something that should be found.
    is_required : bool
        Whether its group belongs to what the lab promises; others are reported beside it.
    strategy : str
    edge : str
        Kind of the planted edge, ``premium`` for a drift, ``trend every other year``, or empty.
    sharpe : float
        Its true annual Sharpe ratio after the costs that are charged.
    years, cost_ticks : int
        Length; slippage of a side.
    vol_annual : float
    mood : str
        How volatility behaves, in `MOODS`.
    seed : int
        Of the market; markets with different seeds or names are unrelated.
    """

    name: str
    group: str
    has_edge: bool
    is_required: bool
    strategy: str
    edge: str
    sharpe: float
    years: int
    cost_ticks: int
    vol_annual: float
    mood: str
    seed: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gate said: passed (None for too little to judge), the figure that it judged, and its threshold."""

    gate: str
    passed: bool | None
    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case.

    Attributes
    ----------
    case : str
    deployable : bool
    answers : tuple of Answer
        Of every gate, in their order; none if the case could not be judged.
    figures : mapping
        ``sets`` (parameter sets), ``sharpe_search`` (best in sample, annual), ``sharpe_walk`` (out of sample, annual),
        ``trades`` (out of sample), ``looks``.
    error : str
        Why it could not be judged; empty otherwise. Counted as not found.
    """

    case: str
    deployable: bool
    answers: tuple[Answer, ...]
    figures: Mapping[str, float] = field(default_factory=dict)
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {**asdict(self), "figures": dict(self.figures)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> CaseResult:
        """What `as_dict` gave."""
        return cls(**{**told, "answers": tuple(Answer(**answer) for answer in told["answers"])})


Judge = Callable[[Candidate, TrialJournal, ResearchSettings], "Evaluation"]
"""Judges a candidate; `research.evaluate` unless another one is given."""


# ---- the plan


def calibration_plan(no_edge: int = 400, edge: int = 60, reported: int = 30, *, seed: int = 1_000) -> tuple[Case, ...]:
    """Cases of a calibration.

    Lengths, costs, volatilities and moods change from case to case, each value of one with each of another in turn, so
    that no rate rests on one kind of market.

    Parameters
    ----------
    no_edge : int
        Markets without an edge; strategies take turns.
    edge : int
        Markets of each planted edge and strength.
    reported : int
        Markets of each group that is reported beside what is promised: a trend that is hidden, one that is there every
        other year, a trend that is searched by mean reversion, and a market that pays its holder.
    seed : int
        Of the first market. Seeds below 1,000 are for whoever sets thresholds, those from 1,000 on for what is
        published: a threshold that is judged by the markets it was fitted to is overfitted itself.

    Raises
    ------
    ConfigError
        If a count is negative, or all are zero.
    """
    if min(no_edge, edge, reported) < 0 or not no_edge + edge + reported:
        raise ConfigError(
            f"calibration: {no_edge} markets without an edge, {edge} with and {reported} others; none may be negative, "
            "and at least one positive"
        )
    cases = list(_cases("no edge", STRATEGIES, "", 0.0, no_edge, seed, has_edge=False))
    for kind, strategy in KINDS.items():
        for sharpe in SHARPES:
            cases += _cases(f"{kind} {sharpe:g}", (strategy,), kind, sharpe, edge, seed, has_edge=True)
    others: tuple[tuple[str, tuple[str, ...], str, float, bool], ...] = (
        ("hidden trend 1.5", ("tsmom",), "hidden_trend", 1.5, True),
        ("trend 2 every other year", ("tsmom",), "trend every other year", 2.0, True),
        ("trend 1.5, searched by mean reversion", ("mean_reversion",), "trend", 1.5, False),
        ("holding premium", ("overnight", "sma_cross"), "premium", 0.0, False),
    )
    for group, strategies, kind, sharpe, has_edge in others:
        cases += _cases(group, strategies, kind, sharpe, reported, seed, has_edge=has_edge, is_required=False)
    return tuple(cases)


def _cases(
    group: str,
    strategies: Sequence[str],
    edge: str,
    sharpe: float,
    count: int,
    seed: int,
    *,
    has_edge: bool,
    is_required: bool = True,
) -> Iterator[Case]:
    moods = tuple(MOODS)
    for number in range(count):
        turn = number // len(strategies)
        years, cost = turn % 3, turn // 3 % 3
        yield Case(
            name=f"{group} #{seed + number}",
            group=group,
            has_edge=has_edge,
            is_required=is_required,
            strategy=strategies[number % len(strategies)],
            edge=edge,
            sharpe=sharpe,
            years=YEARS[years],
            cost_ticks=COSTS_TICKS[cost],
            vol_annual=VOLS[(years + cost + turn // 9) % 3],
            mood=moods[(years + 2 * cost + turn // 9) % 3],
            seed=seed + number,
        )


@cache
def grid_of(strategy: str) -> tuple[Values, ...]:
    """The parameter sets that are searched, some two hundred.

    Raises
    ------
    ConfigError
        For a strategy that calibration knows no grid of.
    """
    if strategy == "sma_cross":
        slows = (30, 40, 50, 60, 80, 100, 120, 150, 175, 200, 225, 250)
        return tuple(
            {"fast": fast, "slow": slow}
            for fast in (2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 25, 30, 35, 40, 45, 50)
            for slow in slows
            if fast < slow
        )
    if strategy == "tsmom":
        lookbacks = (*range(8, 24, 2), *range(25, 65, 5), *range(70, 130, 10), *range(140, 260, 20))
        return tuple(
            {"lookback": lookback, "rebalance": rebalance, "long_only": long_only}
            for lookback in lookbacks
            for rebalance in (1, 3, 5, 10)
            for long_only in (False, True)
        )
    if strategy == "mean_reversion":
        return tuple(
            {"window": window, "entry": entry, "exit": leave, "hold_max": hold}
            for window in (5, 6, 8, 10, 12, 15, 20, 30)
            for entry in (0.75, 1.0, 1.25, 1.5, 1.75)
            for leave in (0.0, 0.5)
            for hold in (3, 5, 8)
            if entry < (window - 1) / math.sqrt(window)
        )
    if strategy == "overnight":
        plain = ({"filter": "none"}, {"filter": "weekday"})
        windows = (*range(5, 105, 2), *range(110, 310, 5))
        return (*plain, *({"filter": word, "trend_window": n} for word in ("trend", "both") for n in windows))
    raise ConfigError(f"calibration has no grid for strategy {strategy!r}; known: {', '.join(STRATEGIES)}")


# ---- one case


def bars_of(case: Case) -> Bars:
    """The bars of a case's market: daily, on weekdays."""
    if case.edge == "trend every other year":
        return _in_turns(_generated(case, "trend", "with"), _generated(case, "", "without"))
    return _generated(case, case.edge, "")


def _generated(case: Case, kind: str, part: str) -> Bars:
    planted = None
    if kind and kind != "premium":
        planted = Edge(
            kind,  # type: ignore[arg-type]
            case.sharpe,
            cost_ticks=case.cost_ticks,
            fee=float(FEE),
            lookback=LOOKBACKS.get(kind, 60),
        )
    spec = SyntheticSpec(
        SYMBOL,
        NS_PER_DAY,
        date(2005, 1, 3),
        case.years * SESSIONS_A_YEAR,
        seed=case.seed,
        name=f"calibration {case.group} {part}".strip(),
        price_start=PRICE_START,
        vol_annual=case.vol_annual,
        drift_annual=PREMIUM_ANNUAL if kind == "premium" else 0.0,
        dynamics=MOODS[case.mood],
        edge=planted,
        calendar="weekdays",
    )
    return generate(spec)


def _in_turns(first: Bars, second: Bars) -> Bars:
    """One market in odd years and another in even ones, their moves put one after the other."""
    from argus.lab.calibration.surrogates import spliced

    is_second = (np.arange(len(first)) // SESSIONS_A_YEAR) % 2 == 1
    return spliced(instrument(SYMBOL), first, second, is_second)


def candidate_of(case: Case) -> Candidate:
    """The search of a case: a futures account so large that whole contracts do not matter."""
    from argus.portfolio.risk import LimitRiskPolicy
    from argus.portfolio.sizing import VolatilityTarget

    return Candidate(
        strategy=case.strategy,
        universe=(SYMBOL,),
        market={SYMBOL: (instrument(SYMBOL), bars_of(case))},
        config=RunConfig(
            account=AccountConfig(AccountKind.FUTURES, CASH_MICROS),
            costs=CostModel(fee_per_unit=FEE, slippage_ticks=case.cost_ticks),
        ),
        sizer=VolatilityTarget(capital="fixed", capital_micros=CASH_MICROS),
        risk=LimitRiskPolicy(),
        grid=grid_of(case.strategy),
        completeness={SYMBOL: 1.0},
    )


def settings_of(case: Case) -> ResearchSettings:
    """How a case is judged: as any candidate, with one date of the look-ahead audit and 2,000 redrawn paths."""
    return ResearchSettings(audit_cuts=1, bootstrap_paths=2_000, seed=case.seed)


def judge(case: Case, evaluate: Judge | None = None) -> CaseResult:
    """Take a case through the search and the lab, with a trial ledger of its own.

    A case that cannot be judged (its prices fell to the tick grid, say) says why, and counts as not found.
    """
    try:
        found = (evaluate or _evaluate)(candidate_of(case), MemoryTrialLedger(), settings_of(case))
    except ArgusError as error:
        return CaseResult(case.name, False, (), error=f"{type(error).__name__}: {error}")
    answers = tuple(Answer(gate.name, gate.passed, float(gate.value), float(gate.threshold)) for gate in found.gates)
    figures = {
        "sets": float(len(found.search)),
        "sharpe_search": max(run.sharpe_annual for run in found.search),
        "sharpe_walk": float(found.metrics.sharpe_annual),
        "trades": float(found.metrics.trades),
        "looks": float(found.significance.looks.count),
    }
    return CaseResult(case.name, bool(found.deployable), answers, figures)


def _evaluate(candidate: Candidate, trials: TrialJournal, settings: ResearchSettings) -> Evaluation:
    from argus.lab.research import evaluate

    return evaluate(candidate, trials=trials, settings=settings)
