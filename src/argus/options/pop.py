"""Probability of profit of a position: at expiry from the law of the spot, before it from paths.

At expiry a position is straight lines between strikes, so that probability, mean, quantiles and the mean of the worst
cases follow from the distribution of the spot without simulation. With a profit target, a stop or a time exit there is
no such formula: the position is followed on paths, closed at what closing would really bring, and every figure carries
its standard error. Both answers to the same question must agree, and a test holds them to it.

A probability alone says nothing: a short option wins often and little. The mean and the mean of the worst cases stand
beside it in every record. Gains are plain money, what comes back less what went in: dividends of an underlying held
are counted (`Position.dividends`), interest is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.options.american_marks import EarlyMarks
from argus.options.pop_models import SESSIONS_A_YEAR, Law, Measure, Model, PathModel
from argus.options.positions import Costs, PnlCurve, Position, half_spreads, pnl_curve

__all__ = [
    "Estimate",
    "ExitPlan",
    "ExpiryPop",
    "Fan",
    "PathPop",
    "PopRow",
    "pop_at_expiry",
    "pop_by_paths",
    "pop_table",
]

LEVELS: Final = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)
"""Levels at which every distribution is reported."""

FAN_LEVELS: Final = (0.05, 0.25, 0.50, 0.75, 0.95)

_CHUNK: Final = 4_096
"""Paths that are followed together, and those that the fan shows. It has no part in any other result."""
_BINS: Final = 50
_BISECTIONS: Final = 45
"""Halvings of the range of gains in which a quantile is looked for: to 3e-14 of it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A Monte Carlo figure and its standard error."""

    value: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """When a position is closed before its nearest expiry; it is looked at once a step, and closed at the price then.

    Attributes
    ----------
    profit_target, stop : float or None
        Gain and loss, as multiples of `basis`, that close it. 0.5 and 2.0 on a credit: at half of it gained, at twice
        of it lost.
    exit_years : float or None
        Years from entry after which it is closed; None holds to the nearest expiry.
    basis : float or None
        Amount per unit; None takes the premium of entry, paid or received; where the underlying is held, that of the
        options sold against it, or of those bought where none is.
    """

    profit_target: float | None = None
    stop: float | None = None
    exit_years: float | None = None
    basis: float | None = None

    def __post_init__(self) -> None:
        for name in ("profit_target", "stop", "exit_years", "basis"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise ConfigError(f"{name} is {value}; it must be positive and finite, or None")

    @property
    def watches(self) -> bool:
        """Whether any step but the last can close the position."""
        return self.profit_target is not None or self.stop is not None

    def amounts(self, position: Position, costs: Costs) -> tuple[float, float]:
        """Target and stop per unit; infinite for none."""
        if not self.watches:
            return math.inf, math.inf
        basis = self.basis if self.basis is not None else _premium(position, costs)
        if basis < 1e-9 * position.spot:
            raise ConfigError(f"{position.name} is entered at about nothing; state the basis of target and stop")
        target = math.inf if self.profit_target is None else self.profit_target * basis
        return target, math.inf if self.stop is None else self.stop * basis


def _premium(position: Position, costs: Costs) -> float:
    """What target and stop are shares of: half of the price of a share is no target for a call sold against it."""
    options = position.right != 0
    sold = options & (position.quantity < 0.0)
    rows = options if options.all() or not sold.any() else sold
    return abs(math.fsum(position.entries(costs.fill)[rows]))


@dataclass(frozen=True, slots=True)
class ExpiryPop:
    """Gain at the nearest expiry under a law of the spot; per unit, entry costs paid.

    Attributes
    ----------
    model, measure, assumes
        Of the law.
    probability : float
        Of a gain above zero.
    expected_pnl : float
    tail, cvar : float
        Share of the worst cases, and the mean gain in them: a loss is negative.
    levels, quantiles : tuple of float
    profit_max, loss_max : float
        Infinite where they are.
    break_evens : tuple of float
    touch_strike, touch : tuple of float
        Strikes of the sold options, and the probability that the spot touches each before, watched all the time; NaN
        where the law has no formula.
    is_exact : bool
        False where later expiries were valued by model.
    """

    model: str
    measure: Measure
    assumes: str
    probability: float
    expected_pnl: float
    tail: float
    cvar: float
    levels: tuple[float, ...]
    quantiles: tuple[float, ...]
    profit_max: float
    loss_max: float
    break_evens: tuple[float, ...]
    touch_strike: tuple[float, ...]
    touch: tuple[float, ...]
    is_exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """What closing would bring at each step, over the first paths, closed by nothing but the end.

    Attributes
    ----------
    paths : int
    elapsed : (steps,) float64
    levels : tuple of float
    pnl, pnl_error : (levels, steps) float64
        Quantiles of the gain and their standard errors.
    profit_share, profit_error : (steps,) float64
        Share of the paths with a gain, and its standard error.
    """

    paths: int
    elapsed: F64_1D
    levels: tuple[float, ...]
    pnl: NDArray[np.float64]
    pnl_error: NDArray[np.float64]
    profit_share: F64_1D
    profit_error: F64_1D


@dataclass(frozen=True, slots=True, eq=False)
class PathPop:
    """Gain of a position followed on paths; per unit, all costs paid. Every estimate carries its standard error.

    Attributes
    ----------
    model, measure, assumes
        Of the model of the paths.
    paths, steps, seed : int
    probability, expected_pnl : Estimate
    tail : float
    cvar : Estimate
        Mean gain of the worst share `tail`.
    levels, quantiles
        Levels and the gain at each.
    touch_strike, touch
        Strikes of the sold options, and the probability of a touch before the end, closed earlier or not.
    by_target, by_stop, by_end : Estimate
        How it was closed, as shares.
    years_held : Estimate
    histogram_edge : (bins + 1,) float64
    histogram_share, histogram_error : (bins,) float64
    fan : Fan
    assigned : tuple of (int, Estimate)
        Each sold leg that may be exercised early, and the probability that this pays its holder at some step before
        the position is closed. The holder is taken to reckon with the leg's volatility of entry.
    """

    model: str
    measure: Measure
    assumes: str
    paths: int
    steps: int
    seed: int
    probability: Estimate
    expected_pnl: Estimate
    tail: float
    cvar: Estimate
    levels: tuple[float, ...]
    quantiles: tuple[Estimate, ...]
    touch_strike: tuple[float, ...]
    touch: tuple[Estimate, ...]
    by_target: Estimate
    by_stop: Estimate
    by_end: Estimate
    years_held: Estimate
    histogram_edge: F64_1D
    histogram_share: F64_1D
    histogram_error: F64_1D
    fan: Fan
    assigned: tuple[tuple[int, Estimate], ...]


@dataclass(frozen=True, slots=True, eq=False)
class PopRow:
    """One model's answers: by its law at expiry, on paths held to the end, and by the exit plan; None where none."""

    model: str
    measure: Measure
    assumes: str
    at_expiry: ExpiryPop | None
    held: PathPop | None
    managed: PathPop | None


def pop_at_expiry(position: Position, law: Law, *, costs: Costs | None = None, tail: float = 0.05) -> ExpiryPop:
    """Probability of profit at the nearest expiry, without simulation.

    Raises
    ------
    ConfigError
        For a law that starts at another spot, or a tail that is no share.
    """
    _check(position, law, tail)
    curve = pnl_curve(position, costs)
    years = position.horizon
    quantile = _inverse(curve, law, years)
    worst = quantile(tail)
    strikes = _short_strikes(position)
    return ExpiryPop(
        model=law.label,
        measure=law.measure,
        assumes=law.assumes,
        probability=_above(curve, law, years, 0.0),
        expected_pnl=_mean(curve, law, years),
        tail=tail,
        cvar=worst - (worst - _mean(curve.capped(worst), law, years)) / tail,
        levels=LEVELS,
        quantiles=tuple(quantile(level) for level in LEVELS),
        profit_max=curve.profit_max,
        loss_max=curve.loss_max,
        break_evens=curve.break_evens,
        touch_strike=tuple(strikes.tolist()),
        touch=tuple(np.asarray(law.touch(years, strikes), dtype=np.float64).tolist()),
        is_exact=curve.is_exact,
    )


def _check(position: Position, model: Model, tail: float) -> None:
    if model.spot != position.spot:
        raise ConfigError(f"{model.label} starts at {model.spot}, {position.name} at {position.spot}; one spot needed")
    if not 0.0 < tail < 1.0:
        raise ConfigError(f"tail is {tail}; a share between 0 and 1")


def _short_strikes(position: Position) -> F64_1D:
    return np.unique(position.strike[(position.right != 0) & (position.quantity < 0.0)])


def _above(curve: PnlCurve, law: Law, years: float, level: float) -> float:
    """Probability of a gain above `level`."""
    reaches = np.array(curve.reaches_above(level), dtype=np.float64).reshape(-1, 2)
    finite = np.isfinite(reaches)
    below = np.where(finite, law.cdf(years, np.where(finite, reaches, 1.0)), 1.0)
    return float(min(1.0, max(0.0, math.fsum(below[:, 1] - below[:, 0]))))


def _mean(curve: PnlCurve, law: Law, years: float) -> float:
    """Mean gain: the lines are the gain at zero and a call for each corner."""
    slope = np.append(np.diff(curve.pnl) / np.diff(curve.knot), curve.slope_end)
    calls = law.call_mean(years, curve.knot)
    return math.fsum([float(curve.pnl[0]), *(np.diff(slope, prepend=0.0) * calls)])


def _inverse(curve: PnlCurve, law: Law, years: float) -> Callable[[float], float]:
    """The quantile function of the gain, by bisection on its distribution function."""
    top = float(max(curve.knot[-1], 1.0))
    while float(law.cdf(years, np.array([top]))[0]) < 1.0 - 1e-12:
        top *= 2.0
    ends = np.append(curve.pnl, curve.at(top))
    lowest, highest = float(ends.min()), float(ends.max())

    def quantile(level: float) -> float:
        low, high = lowest, highest
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            if 1.0 - _above(curve, law, years, middle) >= level:
                high = middle
            else:
                low = middle
        return high

    return quantile


def pop_by_paths(
    position: Position,
    model: PathModel,
    *,
    plan: ExitPlan | None = None,
    costs: Costs | None = None,
    vol_elasticity: float = 0.0,
    paths: int = 20_000,
    steps: int | None = None,
    seed: int = 0,
    workers: int = 2,
    tail: float = 0.05,
) -> PathPop:
    """Probability of profit on paths, with the position revalued at every step by Black-76 and closed by the plan.

    Each leg keeps its own volatility of entry (sticky strike; one that expires later, what `Position.vols_at` leaves of
    it), times the factor that the model draws with its paths,
    times ``(spot / spot at entry) ** vol_elasticity``: about -4 is what index options do, 0 is the default. Closing
    costs the half-spread and the commission of each option; an option at its expiry is settled for what exercising it
    pays. Where `Position.early` says so, the mark is that of the American model (`argus.options.american_marks`); the
    position itself is never exercised nor assigned on the way, and `PathPop.assigned` says how often it might have
    been. A stop is a market order at the next step: it may lose more than it says.

    Parameters
    ----------
    paths : int
        At least 100. Path `i` is a function of seed and number alone: the same bits for any number of workers.
    steps : int or None
        Steps to the end; None takes one a session, 252 a year.
    tail : float
        Share of the worst cases that `PathPop.cvar` averages.

    Raises
    ------
    ConfigError
        For settings out of range, or a model that starts at another spot.
    """
    plan, costs = plan or ExitPlan(), costs or Costs()
    _check(position, model, tail)
    end = position.horizon if plan.exit_years is None else plan.exit_years
    if end > position.horizon:
        raise ConfigError(f"exit_years is {end}; the nearest expiry of {position.name} is at {position.horizon}")
    count = max(1, round(end * SESSIONS_A_YEAR)) if steps is None else steps
    if paths < 100 or count < 1 or workers < 1:
        raise ConfigError(f"paths {paths}, steps {count}, workers {workers}: at least 100, 1 and 1")
    elapsed = end * np.arange(1, count + 1) / count
    elapsed[-1] = end
    run = _Run(position, model, plan, costs, vol_elasticity, elapsed, seed, paths)
    bounds = [(first, min(first + _CHUNK, paths)) for first in range(0, paths, _CHUNK)]
    if workers == 1 or len(bounds) == 1:
        for part in bounds:
            run.follow(*part)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda part: run.follow(*part), bounds))
    return run.record(tail)


class _Run:
    """The arrays that all parts write to, and what is read off them."""

    def __init__(
        self,
        position: Position,
        model: PathModel,
        plan: ExitPlan,
        costs: Costs,
        elasticity: float,
        elapsed: F64_1D,
        seed: int,
        paths: int,
    ) -> None:
        self.position, self.model, self.plan, self.seed = position, model, plan, seed
        self.elasticity, self.elapsed = float(elasticity), elapsed
        self.target, self.stop = plan.amounts(position, costs)
        self.paid = position.entry(costs.fill) + position.commission(costs)
        self.received = position.dividends(elapsed)[:, None]
        self.commission = costs.commission / costs.multiplier
        self.legs = np.stack(
            (
                position.right.astype(np.float64),
                position.quantity,
                position.strike,
                position.years,
                position.vol,
                position.rate,
                position.carry,
                half_spreads(position, costs),
                position.early.astype(np.float64),
            )
        )
        own = np.where(position.vol > 0.0, position.vol, 1.0)
        self._term = np.stack([position.vols_at(float(t)) / own for t in np.minimum(elapsed, position.horizon)], axis=1)
        self.strikes = _short_strikes(position)
        self.pnl = np.empty(paths)
        self.step = np.full(paths, len(elapsed) - 1, dtype=np.int64)
        self.why = np.zeros(paths, dtype=np.uint8)
        self.touched = np.empty((len(self.strikes), paths))
        self.marks = np.empty((len(elapsed), min(paths, _CHUNK)))
        self.early, self.edges = self._early_marks()
        self.assigned = np.zeros((len(self.edges), paths), dtype=np.bool_)

    def _early_marks(self) -> tuple[EarlyMarks | None, dict[int, F64_1D]]:
        """What the right to exercise early adds, and the spots at which it pays to use it against the sold legs."""
        position = self.position
        if not position.early.any():
            return None, {}
        first = self.model.paths(self.elapsed, 0, 1, self.seed)
        marks = EarlyMarks(position, self.elapsed, moves=first.vol_ratio is not None or self.elasticity != 0.0)
        sold = np.flatnonzero(position.early & (position.quantity < 0.0))
        edges = {leg: marks.boundary(leg) for leg in sold.tolist()}
        return marks, {leg: edge for leg, edge in edges.items() if not np.isnan(edge).all()}

    def follow(self, first: int, last: int) -> None:
        """Follow paths `first` to `last` (exclusive)."""
        from argus.options._pop_kernels import exit_block, mark_block, touch_block

        drawn = self.model.paths(self.elapsed, first, last, self.seed)
        spot = np.ascontiguousarray(drawn.spot)
        ratio = np.empty((0, 0, 0))
        if drawn.vol_ratio is not None:
            ratio = np.ascontiguousarray(drawn.vol_ratio).reshape(-1, *spot.shape)
        if len(ratio) < 2 and not self.position.has_one_expiry:
            ratio = np.ascontiguousarray(
                self._term[:, :, np.newaxis] * (ratio if len(ratio) else np.ones((1, *spot.shape)))
            )
        start, steps = float(self.position.spot), len(self.elapsed)
        if spot.shape != (steps, last - first) or len(ratio) not in (0, 1, self.legs.shape[1]):
            raise ConfigError(f"{self.model.label} drew paths of shape {spot.shape}, expected {(steps, last - first)}")
        # Only the fan and a plan that watches look at the steps before the last.
        marks = self.marks if first == 0 else np.empty(spot.shape)
        from_step = 0 if first == 0 or self.plan.watches else steps - 1
        room = np.empty(last - first)
        added = np.zeros((1, 1, last - first))
        if self.early is not None:
            moved = ratio
            if self.elasticity != 0.0:
                moved = (ratio if len(ratio) else np.ones((1, *spot.shape))) * (spot / start) ** self.elasticity
            added = self.early.added(spot, moved)
        mark_block(
            spot,
            ratio,
            start,
            self.elasticity,
            self.elapsed,
            from_step,
            self.legs,
            added,
            self.paid,
            self.commission,
            room,
            marks,
        )
        marks[from_step:] += self.received[from_step:]
        part = slice(first, last)
        if self.plan.watches:
            exit_block(marks, self.target, self.stop, self.pnl[part], self.step[part], self.why[part])
        else:
            self.pnl[part] = marks[-1]
        for row, (leg, edge) in enumerate(self.edges.items()):
            side = float(self.position.right[leg])
            beyond = side * (spot - edge[:, None]) >= 0.0
            self.assigned[row, part] = beyond.any(axis=0) & (np.argmax(beyond, axis=0) < self.step[part])
        for row, strike in enumerate(self.strikes):
            touch_block(spot, start, float(strike), float(self.model.bridge_vol), self.elapsed, self.touched[row, part])

    def record(self, tail: float) -> PathPop:
        """The figures."""
        pnl, count = self.pnl, len(self.pnl)
        worst = float(np.quantile(pnl, tail))
        short = np.maximum(worst - pnl, 0.0)
        edges = np.linspace(float(pnl.min()), float(pnl.max()) + (1e-9 if np.ptp(pnl) == 0.0 else 0.0), _BINS + 1)
        shares = np.histogram(pnl, edges)[0] / count
        values, errors = _quantiles(pnl[None, :], LEVELS)
        ways = [_share(self.why == code, count) for code in (1, 2, 0)]
        return PathPop(
            model=self.model.label,
            measure=self.model.measure,
            assumes=self.model.assumes,
            paths=count,
            steps=len(self.elapsed),
            seed=self.seed,
            probability=_share(pnl > 0.0, count),
            expected_pnl=_average(pnl),
            tail=tail,
            cvar=Estimate(worst - float(short.mean()) / tail, float(short.std(ddof=1)) / (tail * math.sqrt(count))),
            levels=LEVELS,
            quantiles=tuple(Estimate(*pair) for pair in zip(values[:, 0].tolist(), errors[:, 0].tolist(), strict=True)),
            touch_strike=tuple(self.strikes.tolist()),
            touch=tuple(_average(row) for row in self.touched),
            by_target=ways[0],
            by_stop=ways[1],
            by_end=ways[2],
            years_held=_average(self.elapsed[self.step]),
            histogram_edge=edges,
            histogram_share=shares,
            histogram_error=_share_error(shares, count),
            fan=self._fan(),
            assigned=tuple((leg, _share(row, count)) for leg, row in zip(self.edges, self.assigned, strict=True)),
        )

    def _fan(self) -> Fan:
        count = self.marks.shape[1]
        pnl, errors = _quantiles(self.marks, FAN_LEVELS)
        share = np.mean(self.marks > 0.0, axis=1)
        return Fan(count, self.elapsed, FAN_LEVELS, pnl, errors, share, _share_error(share, count))


def _share_error(share: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Standard error of a share, one success and one failure added: nothing seen is not nothing possible."""
    p = (share * count + 1.0) / (count + 2.0)
    return np.asarray(np.sqrt(p * (1.0 - p) / count), dtype=np.float64)


def _share(hit: NDArray[np.bool_], count: int) -> Estimate:
    share = float(np.mean(hit))
    return Estimate(share, float(_share_error(np.array([share]), count)[0]))


def _average(values: F64_1D) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)))


def _quantiles(rows: NDArray[np.float64], levels: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Quantiles of each row, (levels, rows), and their errors: half of what one deviation of the rank moves them."""
    ordered, count = np.sort(rows, axis=1), rows.shape[1]
    level = np.array(levels)
    spread = np.sqrt(level * (1.0 - level) / count)
    low, high = np.clip(level - spread, 0.0, 1.0), np.clip(level + spread, 0.0, 1.0)
    at, below, above = (np.quantile(ordered, share, axis=1) for share in (level, low, high))
    return np.asarray(at, dtype=np.float64), np.asarray(0.5 * (above - below), dtype=np.float64)


def pop_table(
    position: Position,
    models: Sequence[Model],
    *,
    plan: ExitPlan | None = None,
    costs: Costs | None = None,
    vol_elasticity: float = 0.0,
    paths: int = 20_000,
    seed: int = 0,
    workers: int = 2,
    tail: float = 0.05,
) -> tuple[PopRow, ...]:
    """Every model's answers to the same questions, side by side.

    A model that is a `Law` answers at expiry, a `PathModel` held to the nearest expiry and, where a plan is given, by
    the plan.
    """
    rows = []
    for model in models:
        by_law = pop_at_expiry(position, model, costs=costs, tail=tail) if isinstance(model, Law) else None
        held = managed = None
        if isinstance(model, PathModel):
            plans = (ExitPlan(), plan) if plan is not None else (ExitPlan(),)
            followed = [
                pop_by_paths(
                    position,
                    model,
                    plan=one,
                    costs=costs,
                    vol_elasticity=vol_elasticity,
                    paths=paths,
                    seed=seed,
                    workers=workers,
                    tail=tail,
                )
                for one in plans
            ]
            held, managed = followed[0], followed[1] if plan is not None else None
        rows.append(PopRow(model.label, model.measure, model.assumes, by_law, held, managed))
    return tuple(rows)
