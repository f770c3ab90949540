"""The evaluation of a candidate: everything that a verdict rests on, in one frozen record that a report draws.

Money is in currency units here: these numbers are for pictures and statistics, the run's own record has the micros.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from argus.core.arrays import F64_1D, I32_1D, I64_1D
from argus.core.strategy import ParameterValue
from argus.core.time import day_of
from argus.engine.metrics import Metrics
from argus.engine.record import RunRecord
from argus.lab.gates import GateResult
from argus.lab.journal.trials import Looks
from argus.lab.look_ahead import Cut
from argus.lab.red_flags import RedFlag
from argus.lab.search.trial_matrix import TrialMatrix
from argus.lab.stress.bootstrap import BootstrapResult

if TYPE_CHECKING:
    from argus.lab.multiple_testing.multiplicity import Multiplicity
    from argus.lab.score import Score
    from argus.lab.search.resplits import Resplits
    from argus.lab.stress.robustness import Robustness

__all__ = [
    "CostResult",
    "Curve",
    "Evaluation",
    "FoldResult",
    "Gap",
    "HoldResult",
    "MonthReturn",
    "SearchRun",
    "Significance",
    "month_returns",
    "to_json",
]


@dataclass(frozen=True, slots=True)
class SearchRun:
    """One parameter set over the whole range: in-sample, for choosing only.

    Attributes
    ----------
    values : mapping
    run_id : str
    net_pnl : float
    sharpe_annual : float
    trades, orders : int
    """

    values: Mapping[str, ParameterValue]
    run_id: str
    net_pnl: float
    sharpe_annual: float
    trades: int
    orders: int


@dataclass(frozen=True, slots=True)
class FoldResult:
    """One fold of the walk.

    Attributes
    ----------
    train_first, train_last, test_first, test_last : str
        Session dates, ISO.
    values : mapping
        What was chosen.
    train_sharpe_annual, test_sharpe_annual : float
    test_pnl, test_return : float
    """

    train_first: str
    train_last: str
    test_first: str
    test_last: str
    values: Mapping[str, ParameterValue]
    train_sharpe_annual: float
    test_sharpe_annual: float
    test_pnl: float
    test_return: float


@dataclass(frozen=True, slots=True)
class Gap:
    """What lies between the sessions that choose and those that are traded, in every fold of the walk.

    Attributes
    ----------
    sessions : int
    why : str
        Where the number comes from.
    is_stated : bool
        Whether somebody set it by hand.
    """

    sessions: int
    why: str
    is_stated: bool = False

    @property
    def sentence(self) -> str:
        """The gap in words."""
        many = "1 session" if self.sessions == 1 else f"{self.sessions} sessions"
        return f"Between choosing and trading the walk leaves out {many}: {self.why}."


@dataclass(frozen=True, slots=True)
class CostResult:
    """The out-of-sample account at another level of costs."""

    multiplier: str
    run_id: str
    net_pnl: float
    fees: float
    sharpe_annual: float


@dataclass(frozen=True, slots=True)
class HoldResult:
    """Holding the instruments over the same sessions, scaled after the fact to the strategy's volatility.

    Attributes
    ----------
    run_id : str
    sharpe_annual, vol_annual : float
        Before scaling; the Sharpe ratio is the same after it.
    scale : float
        Factor on its returns; NaN if it never moved.
    alpha_annual, beta, alpha_t : float
        Of the strategy's session returns on the unscaled ones.
    """

    run_id: str
    sharpe_annual: float
    vol_annual: float
    scale: float
    alpha_annual: float
    beta: float
    alpha_t: float


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Out-of-sample curves, one value a session; the first is the opening balance before the first test session.

    Attributes
    ----------
    session : (n,) int32
        Session dates as day numbers.
    ts_ns : (n,) int64
        Instant of each equity.
    equity, hold_equity : (n,) float64
        Currency; holding at equal risk from the same opening balance.
    drawdown, hold_drawdown : (n,) float64
        Fall below the highest equity so far, 0 to 1.
    """

    session: I32_1D
    ts_ns: I64_1D
    equity: F64_1D
    hold_equity: F64_1D
    drawdown: F64_1D
    hold_drawdown: F64_1D


@dataclass(frozen=True, slots=True)
class MonthReturn:
    """Return of the account in a calendar month (of session dates), and its P&L in currency."""

    year: int
    month: int
    value: float
    pnl: float


@dataclass(frozen=True, slots=True)
class Significance:
    """What is left of the Sharpe ratio when the trials are counted.

    Attributes
    ----------
    looks : Looks
        Of this strategy family at these data.
    looks_all : Looks
        Of every family at these data.
    psr_zero : float
        Were it the only trial.
    sharpe_by_luck_annual : float
        What the best of so many worthless trials would show.
    deflated : float
        Probability that the true Sharpe ratio exceeds that.
    track_record_years_min : float
        Years needed to trust the shown Sharpe ratio above zero at 95 %; infinite if it is not positive.
    backtest_years_min : float
        Years below which so many worthless trials would show a Sharpe ratio of 1.
    deflated_chosen, deflated_walk : float
        The two that `deflated` is the lower of: of the parameter set that would be traded now, in sample, against all
        sets that were tried; of the out-of-sample account, against all such accounts at these data.
    trials_effective, walks : int
        How many independent trials, and how many out-of-sample accounts, those were.
    """

    looks: Looks
    looks_all: Looks
    psr_zero: float
    sharpe_by_luck_annual: float
    deflated: float
    track_record_years_min: float
    backtest_years_min: float
    deflated_chosen: float = math.nan
    deflated_walk: float = math.nan
    trials_effective: int = 1
    walks: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The verdict on a candidate and all that it rests on; out of sample unless it says otherwise.

    Attributes
    ----------
    strategy, version, summary, source : str
    universe : tuple of str
    deployable : bool
        Whether every gate passed.
    verdict : str
        One sentence.
    gates : tuple of GateResult
    red_flags : tuple of RedFlag
    metrics : Metrics
    search : tuple of SearchRun
        In sample.
    folds : tuple of FoldResult
    costs : tuple of CostResult
        1, 1.25 and 1.5 times, of the same walk.
    hold : HoldResult
    significance : Significance
    bootstrap : BootstrapResult or None
        None without trades.
    bootstrap_at_opening_size : bool
        Whether each trade was brought to the size of the opening account before it was drawn: so where the sizer works
        on the current equity.
    audit : tuple of Cut
    curve : Curve
    months : tuple of MonthReturn
    completeness : mapping or None
    notes : tuple of str
    record : RunRecord
        The out-of-sample run itself, for trades, trace and manifest.
    matrix : TrialMatrix or None
        Session returns of every parameter set, in sample.
    chosen : int
        Column of the set that would be traded now; -1 if none ever traded.
    robustness : Robustness or None
    multiplicity : Multiplicity or None
    gap : Gap or None
        Of the walk.
    resplits : Resplits or None
        The search cut in other ways than the walk.
    score : Score or None
        Its place among those that passed all gates; None of any other.
    """

    strategy: str
    version: str
    summary: str
    source: str
    universe: tuple[str, ...]
    deployable: bool
    verdict: str
    gates: tuple[GateResult, ...]
    red_flags: tuple[RedFlag, ...]
    metrics: Metrics
    search: tuple[SearchRun, ...]
    folds: tuple[FoldResult, ...]
    costs: tuple[CostResult, ...]
    hold: HoldResult
    significance: Significance
    bootstrap: BootstrapResult | None
    bootstrap_at_opening_size: bool
    audit: tuple[Cut, ...]
    curve: Curve
    months: tuple[MonthReturn, ...]
    completeness: Mapping[str, float] | None
    notes: tuple[str, ...]
    record: RunRecord
    matrix: TrialMatrix | None = None
    chosen: int = -1
    robustness: Robustness | None = None
    multiplicity: Multiplicity | None = None
    gap: Gap | None = None
    resplits: Resplits | None = None
    score: Score | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON: NaN and infinity become None; of record and matrix only their manifest and hash."""
        plain: dict[str, Any] = {
            field.name: to_json(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if field.name not in ("record", "matrix")
        }
        plain["matrix_hash"] = None if self.matrix is None else self.matrix.content_hash()
        plain["manifest"] = to_json(self.record.manifest)
        return plain


def to_json(value: Any) -> Any:
    """A value made of dataclasses, mappings, sequences and arrays as plain JSON types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): to_json(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return [to_json(item) for item in value.tolist()]
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def month_returns(session: I32_1D, equity: F64_1D) -> tuple[MonthReturn, ...]:
    """Return and P&L of each calendar month of a session curve; the first value is the balance before them.

    Parameters
    ----------
    session : (n,) int32
        Day numbers; the first is the opening balance's and belongs to no month.
    equity : (n,) float64
    """
    if len(session) < 2:
        return ()
    days = [day_of(int(number)) for number in session[1:]]
    months: list[MonthReturn] = []
    before = float(equity[0])
    for position, day in enumerate(days, start=1):
        last = position == len(days) or (days[position].year, days[position].month) != (day.year, day.month)
        if last:
            now = float(equity[position])
            months.append(MonthReturn(day.year, day.month, now / before - 1.0 if before > 0.0 else 0.0, now - before))
            before = now
    return tuple(months)
