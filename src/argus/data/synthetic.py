"""Synthetic markets of known truth: no edge at all, or one planted edge whose Sharpe ratio after costs is known.

A lab that judges strategies has to be judged itself: on a market that is known to hold nothing it must find nothing,
and on one that holds something it must find that. These markets have what makes real ones deceptive (volatility
that clusters, fat tails, an intraday U, gaps, a tick grid), and their truth can be written down.

No edge
    The price that one can trade at is a martingale, to the last tick: whatever is known, the next open and close are
    expected where the price is now, and a limit or stop order within a bar's range is a fair bet on its close.
    Volatility moves on a path of its own, each step has mean one given its volatility (the ``-sd^2 / 2`` of a lognormal
    step), the extremes of a bar have the law of a Brownian path's, and a price between two ticks goes to one of them
    with the probabilities that keep its mean. There is no leverage effect.

Planted edge
    Per session the expected return is ``+-k v_s`` from one open to the next, where ``v_s`` is the session's volatility
    and the sign is what the reference rule holds: known to whoever applies the rule to the closes so far, decides
    at a close and trades at the next open. Where the rule trades, the market moves by the stated cost more in its
    favour. So in each session the reference's expected profit net of the stated costs is ``k`` standard deviations, at
    any price and any volatility, and its annual Sharpe ratio on risk-scaled sessions (units held proportional to
    ``1 / (price v_s)``) is ``k sqrt(N)``, N sessions a year. A rule that is in the market for a fraction f of
    the sessions has mean ``f k`` and variance ``f + f (1 - f) k^2``, hence with ``t = sharpe / sqrt(N)``::

        k = t / sqrt(f - t^2 (1 - f))          (f = 1: k = t)

    Constant units earn a little less, because volatility varies: see `Truth.sharpe_constant_notional`. Costs of
    resizing between turns are not part of the stated costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from math import floor, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, Bars
from argus.core.errors import ConfigError, DataError
from argus.core.instruments import instrument
from argus.core.random import stream_key
from argus.core.time import NS_PER_DAY
from argus.data._synthetic_sessions import PLAIN_CALENDAR, Schedule, grid, schedule
from argus.data._synthetic_spec import SESSIONS_MAX, Dynamics, Edge, EdgeKind, SyntheticSpec, within

if TYPE_CHECKING:
    from argus.data._synthetic_kernels import Market

__all__ = [
    "Dynamics",
    "Edge",
    "SyntheticSpec",
    "Truth",
    "blocks",
    "generate",
    "generate_many",
    "reference_returns",
    "truth",
]

_SESSIONS_AT_ONCE: Final = 5_000
_TICKS_START_MIN: Final = 1_000
_PILOT_PATHS: Final = 256
_PILOT_SESSIONS: Final = 1_000
_PILOT_ROUNDS: Final = 3

_KINDS: Final[Mapping[EdgeKind, int]] = {
    "drift": 1,
    "overnight": 2,
    "trend": 3,
    "mean_reversion": 4,
    "hidden_trend": 5,
}
_RULES: Final[Mapping[EdgeKind, str]] = {
    "drift": "always long",
    "overnight": "buy each session's close, sell the next session's open",
    "trend": (
        "after every `rebalance`-th close: long from the next open on if it lies above the close `lookback` sessions "
        "before, short if below"
    ),
    "mean_reversion": (
        "after each close, z = (close - mean) / standard deviation of the last `lookback` closes: against it from the "
        "next open on where |z| >= entry, until z is back within `exit` or `hold_max` sessions have passed; in again "
        "after another close at the earliest, and after `hold_max` only once |z| has been below entry"
    ),
    "hidden_trend": "hold the hidden state, which flips before a session's open with probability 1 / lookback",
}


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is true of a market.

    Attributes
    ----------
    kind : str
        The planted edge's kind; ``holding`` for a plain drift, ``none`` for a martingale.
    rule : str
        The reference, in words.
    parameters : mapping
        The rule's ideal parameters.
    formula : str
        How the Sharpe ratio follows from the edge.
    sharpe : float
        True annual Sharpe ratio of the reference after the stated costs, on risk-scaled sessions, once its look-back
        is over.
    sharpe_gross : float
        The same before costs, with the turns, prices and volatility of this path.
    sharpe_constant_notional : float
        The same as `sharpe` for a position of constant value instead of constant risk, with this path's volatility.
    time_in_market : float
        Fraction f of sessions in which the rule holds a position, as used in the calibration.
    edge_session : float
        Expected net return of a session in the market, in standard deviations (k).
    sessions_per_year : float
        N, by which `sharpe` is annualised.
    cost_per_side : float
        Stated cost of a side, in units of price.
    directions : (n,) int8
        What the reference holds from each session's first open to the next one's (overnight: from its close to that
        open).
    vols : (n,) float64
        True volatility of each session's return, the gap after it included.
    gap_shares : (n,) float64
        Share of that variance in the gap.
    closes : (n,) float64
        Session closes.
    """

    kind: str
    rule: str
    parameters: Mapping[str, float]
    formula: str
    sharpe: float
    sharpe_gross: float
    sharpe_constant_notional: float
    time_in_market: float
    edge_session: float
    sessions_per_year: float
    cost_per_side: float
    directions: NDArray[np.int8]
    vols: F64_1D
    gap_shares: F64_1D
    closes: F64_1D


def _market(spec: SyntheticSpec, sessions_per_year: float, edge_session: float) -> Market:
    """The kernels' view of a specification."""
    from argus.data._synthetic_kernels import Market

    contract = instrument(spec.instrument)
    tick = Fraction(contract.tick_size)
    dynamics, edge = spec.dynamics, spec.edge
    ticks = floor(Fraction(spec.price_start) / tick + Fraction(1, 2))
    if ticks < _TICKS_START_MIN:
        raise ConfigError(
            f"price_start {spec.price_start:g} is {ticks} ticks of {spec.instrument} ({contract.tick_size}); "
            f"start at {_TICKS_START_MIN} ticks or more, so that a tick stays small beside the moves"
        )
    bars, paths, vol, state = (
        np.uint64(stream_key(spec.seed, "synthetic", spec.name, part)) for part in ("bars", "paths", "vol", "state")
    )
    return Market(
        key_bars=bars,
        key_paths=paths,
        key_vol=vol,
        key_state=state,
        vol_session=spec.vol_annual / sqrt(sessions_per_year),
        slow=float(dynamics.slow),
        fast=float(dynamics.fast),
        slow_half_life=float(dynamics.slow_half_life),
        fast_half_life=float(dynamics.fast_half_life),
        tail=float(dynamics.tail),
        bar_gap=float(dynamics.bar_gap),
        volume=float(dynamics.volume),
        volume_noise=float(dynamics.volume_noise),
        drift=spec.drift_annual / sessions_per_year,
        kind=_KINDS[edge.kind] if edge else 0,
        lookback=int(edge.lookback) if edge else 1,
        rebalance=int(edge.rebalance) if edge else 1,
        hold_max=int(edge.hold_max) if edge else 1,
        entry=float(edge.entry) if edge else 0.0,
        exit=float(edge.exit) if edge else 0.0,
        edge=edge_session,
        cost_ticks=_cost_per_side(spec) / float(tick),
        start_ticks=float(ticks),
        tick_numerator=float(tick.numerator),
        tick_denominator=float(tick.denominator),
    )


def _cost_per_side(spec: SyntheticSpec) -> float:
    if spec.edge is None:
        return 0.0
    contract = instrument(spec.instrument)
    return spec.edge.cost_ticks * float(contract.tick_size) + spec.edge.fee / float(contract.multiplier)


@lru_cache(maxsize=256)
def _calibrate(edge: Edge, dynamics: Dynamics, vol_annual: float, sessions_per_year: float) -> tuple[float, float]:
    """Edge per session in the market (in volatilities) and time in the market that give the stated Sharpe ratio.

    The time in the market follows from the rule's own path: it is counted on a pilot market of 256 x 1,000 sessions
    of a fixed stream, three times over, because the edge moves it a little.
    """
    target = edge.sharpe / sqrt(sessions_per_year)
    if edge.kind != "mean_reversion":
        return target, 1.0
    from argus.data._synthetic_kernels import session_vols, simulate

    # Neither grid nor costs nor, as z has no unit, the volatility move the rule's timing: none may end the pilot.
    vol = min(vol_annual, 0.3)
    pilot = SyntheticSpec(
        "ES", NS_PER_DAY, date(2000, 1, 3), 1, name="pilot", vol_annual=vol, dynamics=dynamics, edge=edge
    )
    n = _PILOT_SESSIONS
    vols, gaps, shares = np.empty(_PILOT_PATHS * n), np.full(n, dynamics.gap), np.ones(n)
    closes, directions, bars, volume = np.empty(n), np.zeros(n + 1, np.int8), np.empty((4, n)), np.empty(n)
    fraction, per_session = 1.0, target
    for _ in range(_PILOT_ROUNDS):
        market = _market(pilot, sessions_per_year, per_session)._replace(start_ticks=1e12, cost_ticks=0.0)
        session_vols(market, vols)
        held = 0
        for path in range(0, _PILOT_PATHS * n, n):
            directions[:] = 0
            memory = np.array([0, 1])
            offsets = np.arange(path, path + n + 1)
            own = vols[path : path + n]
            simulate(market, 0, n, offsets, own, gaps, shares, closes, directions, memory, bars, volume)
            held += int(np.count_nonzero(directions[edge.lookback : n]))
        fraction = held / (_PILOT_PATHS * (n - edge.lookback))
        room = fraction - target * target * (1.0 - fraction)
        if room <= 0.0:
            raise ConfigError(
                f"the mean-reversion rule is in the market in {fraction:.1%} of the sessions only, too few for a "
                f"Sharpe ratio of {edge.sharpe:g}; lower entry ({edge.entry:g}) or the Sharpe ratio"
            )
        per_session = target / sqrt(room)
    return per_session, fraction


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """A market ready to be walked; `closes`, `directions` and `memory` fill up as it is."""

    spec: SyntheticSpec
    plan: Schedule
    market: Market
    per_session: float
    fraction: float
    vols: F64_1D
    gaps: F64_1D
    closes: F64_1D
    directions: NDArray[np.int8]
    memory: NDArray[np.int64]


def _model(spec: SyntheticSpec) -> _Model:
    from argus.data._synthetic_kernels import session_directions, session_vols

    calendar = spec.calendar or instrument(spec.instrument).calendar
    plan = schedule(calendar, spec.start, spec.sessions, spec.interval_ns)
    gaps = np.where(plan.gap_follows, float(spec.dynamics.gap), 0.0)
    per_session, fraction = 0.0, 0.0
    if spec.edge is not None:
        if spec.edge.kind == "overnight" and not gaps.all():
            raise ConfigError(
                f"an overnight edge needs a gap after each session: dynamics gap is {spec.dynamics.gap:g}, and "
                f"calendar {calendar} has {int(plan.gap_follows.sum())} of {spec.sessions}; try {PLAIN_CALENDAR!r}"
            )
        per_session, fraction = _calibrate(spec.edge, spec.dynamics, spec.vol_annual, plan.sessions_per_year)
    market = _market(spec, plan.sessions_per_year, per_session)
    vols = np.empty(spec.sessions)
    session_vols(market, vols)
    directions = np.zeros(spec.sessions + 1, dtype=np.int8)
    session_directions(market, directions)
    closes, memory = np.empty(spec.sessions), np.array([0, 1])
    return _Model(spec, plan, market, per_session, fraction, vols, gaps, closes, directions, memory)


def _walk_sessions(model: _Model, first: int, last: int) -> Bars:
    """Bars of the sessions `first` to `last` (exclusive); those before must have been walked."""
    from argus.data._synthetic_kernels import TICKS_MIN, simulate

    spec = model.spec
    when = grid(model.plan, float(spec.dynamics.season), first, last)
    n = len(when.shares)
    volume, prices = np.empty(n), np.empty((4, n))
    path = (model.closes, model.directions, model.memory)
    stopped = simulate(
        model.market, first, last, model.plan.offsets, model.vols, model.gaps, when.shares, *path, prices, volume
    )
    if stopped >= 0:
        raise DataError(
            f"synthetic market {spec.name!r} (seed {spec.seed}) fell below {TICKS_MIN} ticks in session {stopped} of "
            f"{spec.sessions}; start at a higher price_start, or with less vol_annual or fewer sessions"
        )
    return Bars(
        instrument=spec.instrument,
        ts_event_ns=when.starts,
        ts_close_ns=when.ends,
        ts_recv_ns=when.ends,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=volume,
        open_interest=np.full(n, np.nan),
        session=when.session,
        session_end=when.session_end,
        observed=frozenset(("open", "high", "low", "close", "volume")),
    )


def generate(spec: SyntheticSpec) -> Bars:
    """All bars of a market: prices on the instrument's tick grid, volume at least 1, known at their close.

    Raises
    ------
    ConfigError
        If the specification is impossible.
    DataError
        If the price falls so low that the tick grid takes over, or the calendar does not reach that far.
    """
    return _walk_sessions(_model(spec), 0, spec.sessions)


def blocks(spec: SyntheticSpec, sessions_per_block: int) -> Iterator[Bars]:
    """The bars of `generate`, bit for bit, in pieces of whole sessions: for markets larger than memory."""
    within("sessions_per_block", sessions_per_block, 1, SESSIONS_MAX)
    model = _model(spec)
    for first in range(0, spec.sessions, sessions_per_block):
        yield _walk_sessions(model, first, min(first + sessions_per_block, spec.sessions))


def generate_many(specs: Sequence[SyntheticSpec], workers: int = 1) -> list[Bars]:
    """Markets of several specifications, in order, made by `workers` threads: the same bits for any number of them."""
    if workers <= 1:
        return [generate(spec) for spec in specs]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(generate, specs))


def truth(spec: SyntheticSpec) -> Truth:
    """What is true of the market that `generate` makes of the same specification (it is walked once more for it)."""
    model = _model(spec)
    for first in range(0, spec.sessions, _SESSIONS_AT_ONCE):
        _walk_sessions(model, first, min(first + _SESSIONS_AT_ONCE, spec.sessions))
    kind: str
    edge, vols, k, f = spec.edge, model.vols, model.per_session, model.fraction
    year = model.plan.sessions_per_year
    parameters: dict[str, float] = {}
    directions = model.directions[: spec.sessions].copy()
    if edge is not None:
        kind, rule, sharpe = edge.kind, _RULES[edge.kind], edge.sharpe
        constant = sharpe * float(vols.mean() / np.sqrt(np.mean(vols * vols)))
        gross = sharpe + sqrt(year) * _cost_in_vols(model, directions) / sqrt(f + f * (1.0 - f) * k * k)
        formula = "sharpe = sqrt(N) f k / sqrt(f + f (1 - f) k^2)"
        names = {"trend": ("lookback", "rebalance"), "mean_reversion": ("lookback", "entry", "exit", "hold_max")}
        parameters = {name: float(getattr(edge, name)) for name in names.get(edge.kind, ())}
    elif spec.drift_annual:
        kind, rule, f = "holding", _RULES["drift"], 1.0
        directions[:] = 1
        constant = spec.drift_annual / spec.vol_annual
        sharpe = gross = spec.drift_annual / sqrt(year) * float(np.mean(1.0 / vols))
        formula = "sharpe = drift_annual / sqrt(N) * mean(1 / vols); of constant notional: drift_annual / vol_annual"
    else:
        kind, rule, formula = "none", "stay out: the price is a martingale", "sharpe = 0"
        sharpe = gross = constant = 0.0
    return Truth(
        kind=kind,
        rule=rule,
        parameters=parameters,
        formula=formula,
        sharpe=sharpe,
        sharpe_gross=gross,
        sharpe_constant_notional=constant,
        time_in_market=f,
        edge_session=k,
        sessions_per_year=year,
        cost_per_side=_cost_per_side(spec),
        directions=directions,
        vols=vols,
        gap_shares=model.gaps,
        closes=model.closes * model.market.tick_numerator / model.market.tick_denominator,
    )


def _cost_in_vols(model: _Model, directions: NDArray[np.int8]) -> float:
    """Mean stated cost of a session on this path, in standard deviations of the session (overnight: of its gap)."""
    closes, vols = model.closes[:-1], model.vols
    if len(closes) == 0:
        return 0.0
    if model.spec.edge is not None and model.spec.edge.kind == "overnight":
        return float(np.mean(2.0 * model.market.cost_ticks / (closes * vols[:-1] * np.sqrt(model.gaps[:-1]))))
    sides = np.abs(np.diff(directions.astype(np.float64)))
    return float(np.mean(sides * model.market.cost_ticks / (closes * vols[1:])))


def reference_returns(bars: Bars, known: Truth) -> F64_1D:
    """Net profit of the reference in each session but the last, in standard deviations: as an account of constant risk.

    Trades are made as the engine makes them: decided at a close, filled at the next session's first open (overnight: at
    the close and the next open); every side pays the stated cost. The true mean is ``f k``; the annual Sharpe ratio is
    ``sqrt(sessions_per_year)`` times mean over standard deviation. A rule earns nothing until its look-back is over.

    Raises
    ------
    DataError
        If `bars` and `known` are not of the same market.
    """
    last = np.flatnonzero(bars.session_end)
    if len(last) != len(known.vols):
        raise DataError(
            f"the bars hold {len(last)} whole sessions and the truth {len(known.vols)}; take both of one specification"
        )
    opens = bars.open[np.concatenate(([0], last[:-1] + 1))]
    closes, vols, cost = bars.close[last], known.vols[:-1], known.cost_per_side
    if known.kind == "overnight":
        return (opens[1:] - closes[:-1] - 2.0 * cost) / (closes[:-1] * vols * np.sqrt(known.gap_shares[:-1]))
    held = known.directions.astype(np.float64)
    sides = np.abs(np.diff(held, prepend=0.0))[:-1]
    return np.asarray((held[:-1] * np.diff(opens) - sides * cost) / (opens[:-1] * vols))
