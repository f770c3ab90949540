"""Synthetic markets of known truth: no edge at all, or one planted edge whose Sharpe ratio after costs is known.

A lab that judges strategies has to be judged itself: on a market that is known to hold nothing it must find nothing,
and on one that holds something it must find that. These markets have what makes real ones deceptive (volatility
that clusters, fat tails, an intraday U, gaps, a tick grid), and their truth can be written down.

No edge
    The price that one can trade at is a martingale, to the last tick: whatever is known, the expected next open,
    close, and fill of a limit or stop order within a bar's range, is the present price. Volatility moves on a path of its own,
    each step has mean one given its volatility (the ``-sd^2 / 2`` of a lognormal step), the extremes of a bar have
    the law of a Brownian path's, and a price between two ticks goes to one of them with the probabilities that keep
    its mean. No leverage effect.

Planted edge
    Per session the expected return is ``+-k v_s`` from one open to the next, where ``v_s`` is the session's volatility
    and the sign is what the reference rule holds: known to whoever applies the rule to the closes so far, decides
    at a close and trades at the next open. Where the rule trades, the market moves on average by the stated cost more in its
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
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I32_1D, I64_1D, Bars
from argus.core.errors import ConfigError, DataError
from argus.core.instruments import instrument
from argus.core.random import stream_key
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, day_number

if TYPE_CHECKING:
    from argus.data._synthetic_kernels import Market

__all__ = ["Dynamics", "Edge", "SyntheticSpec", "Truth", "blocks", "generate", "generate_many", "reference_returns", "truth"]

EdgeKind = Literal["drift", "overnight", "trend", "mean_reversion", "hidden_trend"]

_KINDS: Final[Mapping[str, int]] = {
    "drift": 1,
    "overnight": 2,
    "trend": 3,
    "mean_reversion": 4,
    "hidden_trend": 5,
}

_RULES: Final[Mapping[str, str]] = {
    "drift": "always long",
    "overnight": "buy each session's close, sell the next session's open",
    "trend": "after each close: long if it lies above the close `lookback` sessions before, short if below, from the next open on",
    "mean_reversion": "after each close, z = (close - mean) / standard deviation of the last `lookback` closes: from the next open "
    "on against |z| > entry, until z is back within `exit` or for `hold_max` sessions; it is flat for a session before it enters again",
    "hidden_trend": "whoever knew the hidden state would hold it: it flips before a session's open with probability 1 / lookback",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge to plant.

    Attributes
    ----------
    kind : str
        ``drift``, ``overnight``, ``trend``, ``mean_reversion`` (each is found by a rule on observable closes, see `Truth.rule`) or
        ``hidden_trend`` (a two-state Markov drift, which no rule sees in full: its Sharpe ratio is that of somebody who knows it).
    sharpe : float
        Annual Sharpe ratio of the reference rule after `cost_ticks` and `fee`. At most 10.
    cost_ticks : float
        Stated slippage of a side, in ticks.
    fee : float
        Stated fee of a side, in currency per unit (contract, share).
    lookback : int
        Sessions of the trend rule's comparison or the mean-reversion rule's window; mean sessions between flips of a hidden trend.
    entry, exit : float
        Mean reversion: z-score beyond which it enters, and back within which it leaves.
    hold_max : int
        Mean reversion: sessions after which it leaves anyhow.
    """

    kind: EdgeKind
    sharpe: float
    cost_ticks: float = 0.0
    fee: float = 0.0
    lookback: int = 60
    entry: float = 1.0
    exit: float = 0.0
    hold_max: int = 10

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ConfigError(f"edge kind is {self.kind!r}; known are {', '.join(_KINDS)}")
        _within("edge sharpe", self.sharpe, 0.0, 10.0)
        _within("edge cost_ticks", self.cost_ticks, 0.0, 1_000.0)
        _within("edge fee", self.fee, 0.0, 1e9)
        _within("edge lookback", self.lookback, 2, 5_000)
        _within("edge entry", self.entry, 0.0, 10.0)
        _within("edge exit", self.exit, 0.0, 10.0)
        _within("edge hold_max", self.hold_max, 1, 5_000)


@dataclass(frozen=True, slots=True)
class Dynamics:
    """How prices move, apart from where they go. The defaults resemble a liquid market; all may be switched off with 0.

    Attributes
    ----------
    slow, fast : float
        Standard deviations of the slow and fast part of log session volatility.
    slow_half_life, fast_half_life : float
        Sessions after which half of a deviation of that part is gone.
    tail : float
        Standard deviation of each bar's own log variance: with it alone, a bar's kurtosis is ``3 exp(tail^2)``.
    season : float
        Strength a of the intraday U, in [0, 1]: variance per time ``1 + a (12 (u - 1/2)^2 - 1)``, u the fraction of the session.
    gap : float
        Share of a session's variance that falls between its close and the next open; none on a calendar without closes ("24/7").
    bar_gap : float
        Share of a bar's variance that falls between the last close and its open.
    volume : float
        Units a session, about; it follows volatility.
    volume_noise : float
        Standard deviation of a bar's own log volume.
    """

    slow: float = 0.3
    fast: float = 0.2
    slow_half_life: float = 60.0
    fast_half_life: float = 5.0
    tail: float = 0.7
    season: float = 0.6
    gap: float = 0.2
    bar_gap: float = 0.02
    volume: float = 1_000_000.0
    volume_noise: float = 0.4

    def __post_init__(self) -> None:
        for name, high in (("slow", 1.0), ("fast", 1.0), ("tail", 1.5), ("season", 1.0), ("gap", 0.95), ("bar_gap", 0.95)):
            _within(f"dynamics {name}", getattr(self, name), 0.0, high)
        for name in ("slow_half_life", "fast_half_life"):
            _within(f"dynamics {name}", getattr(self, name), 0.1, 10_000.0)
        _within("dynamics volume", self.volume, 1.0, 1e15)
        _within("dynamics volume_noise", self.volume_noise, 0.0, 2.0)


@dataclass(frozen=True, slots=True)
class SyntheticSpec:
    """A synthetic market: the same specification gives the same bits everywhere.

    A longer market of the same name and seed begins with the bars of a shorter one.

    Attributes
    ----------
    instrument : str
        Symbol whose tick size, multiplier and calendar are used.
    interval_ns : int
        Length of a bar; a session that it does not divide ends with a shorter bar. `NS_PER_DAY` gives one bar a session.
    start : date
        The first session lies on or after it.
    sessions : int
    seed, name
        Key of the random streams.
    price_start : float
        Price before the first bar, in the instrument's currency; rounded to a tick.
    vol_annual : float
        Annualised root mean square return of a session, gap included.
    drift_annual : float
        Expected annual return of holding; 0 makes the price a martingale. Not together with an edge.
    dynamics : Dynamics
    edge : Edge or None
    calendar : str or None
        None is the instrument's. "24/7" has a session each UTC day; "weekdays" is a plain market, Monday to Friday 14:30 to
        21:00 UTC, without holidays. Neither needs the calendar library.
    """

    instrument: str
    interval_ns: int
    start: date
    sessions: int
    seed: int = 0
    name: str = "synthetic"
    price_start: float = 1_000.0
    vol_annual: float = 0.16
    drift_annual: float = 0.0
    dynamics: Dynamics = field(default_factory=Dynamics)
    edge: Edge | None = None
    calendar: str | None = None

    def __post_init__(self) -> None:
        _within("sessions", self.sessions, 1, 1_000_000)
        if self.interval_ns < NS_PER_MINUTE:
            raise ConfigError(f"interval_ns is {self.interval_ns}; synthetic bars last at least a minute ({NS_PER_MINUTE})")
        _within("vol_annual", self.vol_annual, 0.001, 3.0)
        _within("drift_annual", self.drift_annual, -2.0, 2.0)
        _within("price_start", self.price_start, 1e-9, 1e9)
        if self.drift_annual != 0.0 and self.edge is not None:
            raise ConfigError("a market has either drift_annual or an edge; for a holding edge plant one of kind 'drift'")


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is true of a market.

    Attributes
    ----------
    kind : str
        The planted edge's kind, or ``none``.
    rule : str
        The reference, in words: no one who sees prices only can do better per unit of risk, except for a hidden trend.
    parameters : mapping
        The rule's ideal parameters.
    formula : str
        How the Sharpe ratio follows from the edge.
    sharpe : float
        True annual Sharpe ratio of the reference after the stated costs, on risk-scaled sessions.
    sharpe_gross : float
        The same before costs, on this path (costs weigh more where the price or volatility is low).
    sharpe_constant_notional : float
        The same as `sharpe` for somebody who holds a constant value instead of a constant risk, on this path of volatility.
    time_in_market : float
        Fraction f of sessions in which the rule holds a position, as used for the calibration.
    edge_session : float
        Expected net return per session in the market, in session volatilities (k).
    sessions_per_year : float
    cost_per_side : float
        Stated cost of a side, in price units.
    gap_share : float
        Share of a session's variance that lies in its gap.
    directions : (n,) int8
        What the reference holds from each session's first open to the next one's (overnight: from its close to that open).
    vols : (n,) float64
        True volatility of each session's return, gap after it included.
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
    gap_share: float
    directions: NDArray[np.int8]
    vols: F64_1D
    closes: F64_1D


def _within(name: str, value: float, low: float, high: float) -> None:
    if not (isfinite(value) and low <= value <= high):
        raise ConfigError(f"{name} is {value}; it must lie between {low:g} and {high:g}")


# ------------------------------------------------------------------------------------------------------- sessions in time


@dataclass(frozen=True, slots=True, eq=False)
class _Schedule:
    """Sessions in time: dates, uninterrupted stretches of trading, number of each session's first bar, sessions a year."""

    dates: I32_1D
    segments: NDArray[np.int64]
    offsets: I64_1D
    sessions_per_year: float
    has_closes: bool


@lru_cache(maxsize=32)
def _schedule(calendar: str, start: date, sessions: int, interval_ns: int) -> _Schedule:
    """Lay the sessions out; segments are rows of start, end (ns) and session index."""
    if calendar == "24/7":
        days = day_number(start) + np.arange(sessions, dtype=np.int64)
        midnight = days * NS_PER_DAY
        segments = _segments(midnight, midnight + NS_PER_DAY)
        per_year = 365.2425
    elif calendar == "weekdays":
        weeks = 5 * (sessions // 5 + 2)
        days = day_number(start) + np.arange(weeks // 5 * 7, dtype=np.int64)
        days = days[(days + 3) % 7 < 5][:sessions]  # day 0 was a Thursday
        opens = days * NS_PER_DAY + 14 * NS_PER_HOUR + 30 * NS_PER_MINUTE
        segments = _segments(opens, days * NS_PER_DAY + 21 * NS_PER_HOUR)
        per_year = 365.2425 * 5.0 / 7.0
    else:
        days, segments, per_year = _calendar_sessions(calendar, start, sessions)
    bars = -((segments[:, 0] - segments[:, 1]) // interval_ns)
    offsets = np.zeros(sessions + 1, dtype=np.int64)
    np.cumsum(np.bincount(segments[:, 2], weights=bars, minlength=sessions), out=offsets[1:], casting="unsafe")
    return _Schedule(days.astype(np.int32), segments, offsets, per_year, calendar != "24/7")


def _segments(opens: I64_1D, closes: I64_1D) -> NDArray[np.int64]:
    return np.column_stack((opens, closes, np.arange(len(opens), dtype=np.int64)))


def _calendar_sessions(calendar: str, start: date, sessions: int) -> tuple[I64_1D, NDArray[np.int64], float]:
    """Sessions of an exchange's calendar; a year has as many as it had on average from 2010 to 2019."""
    from argus.data.calendars import session_table, sessions_per_year

    per_year = sessions_per_year(calendar, date(2010, 1, 1), date(2019, 12, 31))
    span = timedelta(days=int(sessions / per_year * 372) + 15)
    table = session_table(calendar, start, start + span)
    if len(table.session) < sessions:
        raise DataError(f"calendar {calendar} has {len(table.session)} of the {sessions} sessions asked for from {start} on")
    opens, closes = table.open_ns[:sessions], table.close_ns[:sessions]
    pauses, resumes = table.break_start_ns[:sessions], table.break_end_ns[:sessions]
    rows: list[tuple[int, int, int]] = []
    for s in range(sessions):
        if pauses[s] >= 0:
            rows += [(opens[s], pauses[s], s), (resumes[s], closes[s], s)]
        else:
            rows.append((opens[s], closes[s], s))
    segments = np.asarray(rows, dtype=np.int64)
    return table.session[:sessions].astype(np.int64), segments[segments[:, 1] > segments[:, 0]], per_year


# ------------------------------------------------------------------------------------------------------------ calibration


def _market(spec: SyntheticSpec, schedule: _Schedule, keys: Sequence[str | int], edge_session: float) -> Market:
    """The kernels' view of a specification."""
    from argus.data._synthetic_kernels import Market

    contract = instrument(spec.instrument)
    tick = Fraction(contract.tick_size)
    dynamics, edge = spec.dynamics, spec.edge
    ticks = np.floor(spec.price_start / float(tick) + 0.5)
    if ticks < 1_000:
        raise ConfigError(
            f"price_start {spec.price_start:g} is {ticks:.0f} ticks of {spec.instrument} ({contract.tick_size}); "
            "start at 1,000 ticks or more, so that the tick stays small beside the moves"
        )
    year = schedule.sessions_per_year
    key = {part: np.uint64(stream_key(spec.seed, "synthetic", spec.name, *keys, part)) for part in ("bars", "paths", "vol", "state")}
    return Market(
        key_bars=key["bars"],
        key_paths=key["paths"],
        key_vol=key["vol"],
        key_state=key["state"],
        vol_session=spec.vol_annual / sqrt(year),
        slow=float(dynamics.slow),
        fast=float(dynamics.fast),
        slow_half_life=float(dynamics.slow_half_life),
        fast_half_life=float(dynamics.fast_half_life),
        tail=float(dynamics.tail),
        season=float(dynamics.season),
        gap=float(dynamics.gap) if schedule.has_closes else 0.0,
        bar_gap=float(dynamics.bar_gap),
        volume=float(dynamics.volume),
        volume_noise=float(dynamics.volume_noise),
        drift=spec.drift_annual / year,
        kind=_KINDS[edge.kind] if edge else 0,
        lookback=int(edge.lookback) if edge else 2,
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
    return spec.edge.cost_ticks * float(contract.tick_size) + spec.edge.fee / float(Decimal(contract.multiplier))
