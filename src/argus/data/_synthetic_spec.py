"""What a synthetic market is asked to be: instrument, time, dynamics, and the edge to plant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from math import isfinite, sqrt
from typing import Final, Literal, get_args

from argus.core.errors import ConfigError
from argus.core.time import NS_PER_MINUTE

__all__ = ["SESSIONS_MAX", "Dynamics", "Edge", "EdgeKind", "SyntheticSpec", "within"]

EdgeKind = Literal["drift", "overnight", "trend", "mean_reversion", "hidden_trend"]

SESSIONS_MAX: Final = 1_000_000


def within(name: str, value: float, low: float, high: float) -> None:
    """Raise `ConfigError` unless ``low <= value <= high``."""
    if not (isfinite(value) and low <= value <= high):
        raise ConfigError(f"{name} is {value}; it must lie between {low:g} and {high:g}")


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge to plant.

    Attributes
    ----------
    kind : str
        ``drift``, ``overnight``, ``trend`` or ``mean_reversion``: each is earned in full by a rule on observable closes
        (`Truth.rule`). ``hidden_trend`` is a two-state Markov drift: its Sharpe ratio is that of somebody who knows the
        state, and rules that see prices only earn less than half of it.
    sharpe : float
        Annual Sharpe ratio of the reference rule after `cost_ticks` and `fee`; at most 10.
    cost_ticks : float
        Stated slippage of a side, in ticks.
    fee : float
        Stated fee of a side, in currency per unit (contract, share).
    lookback : int
        Trend: sessions back to the close that is compared. Mean reversion: sessions in the mean. Hidden trend: mean
        sessions between flips.
    rebalance : int
        Trend: sessions between revisions of the position, counted from the market's first session.
    entry, exit : float
        Mean reversion: standard deviations from the mean at which it enters, and at which it leaves.
    hold_max : int
        Mean reversion: sessions after which it leaves anyhow.
    """

    kind: EdgeKind
    sharpe: float
    cost_ticks: float = 0.0
    fee: float = 0.0
    lookback: int = 60
    rebalance: int = 1
    entry: float = 1.25
    exit: float = 0.0
    hold_max: int = 5

    def __post_init__(self) -> None:
        if self.kind not in get_args(EdgeKind):
            raise ConfigError(f"edge kind is {self.kind!r}; known are {', '.join(get_args(EdgeKind))}")
        within("edge sharpe", self.sharpe, 0.0, 10.0)
        within("edge cost_ticks", self.cost_ticks, 0.0, 1_000.0)
        within("edge fee", self.fee, 0.0, 1e9)
        within("edge lookback", self.lookback, 1 if self.kind == "trend" else 2, 5_000)
        within("edge rebalance", self.rebalance, 1, 5_000)
        within("edge exit", self.exit, -10.0, 10.0)
        within("edge hold_max", self.hold_max, 1, 5_000)
        if self.kind == "mean_reversion":
            # The newest of n values lies at most (n - 1) / sqrt(n) of their standard deviations from their mean.
            within("edge entry", self.entry, max(0.0, self.exit), (self.lookback - 1) / sqrt(self.lookback))


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
        Strength a of the intraday U, in [0, 1]: variance per time ``1 + a (12 (u - 1/2)^2 - 1)``, u the fraction of the
        session.
    gap : float
        Share of a session's variance that falls between its close and the next open; none where they are the same
        instant, as on "24/7".
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
        for name, high in (
            ("slow", 1.0),
            ("fast", 1.0),
            ("tail", 1.5),
            ("season", 1.0),
            ("gap", 0.95),
            ("bar_gap", 0.95),
        ):
            within(f"dynamics {name}", getattr(self, name), 0.0, high)
        for name in ("slow_half_life", "fast_half_life"):
            within(f"dynamics {name}", getattr(self, name), 0.1, 10_000.0)
        within("dynamics volume", self.volume, 1.0, 1e15)
        within("dynamics volume_noise", self.volume_noise, 0.0, 2.0)


@dataclass(frozen=True, slots=True)
class SyntheticSpec:
    """A synthetic market: the same specification gives the same bits everywhere.

    A longer market of the same name and seed begins with the bars of a shorter one.

    Attributes
    ----------
    instrument : str
        Symbol whose tick size, multiplier and calendar are used.
    interval_ns : int
        Length of a bar; a stretch of trading that it does not divide ends with a shorter bar. From `NS_PER_DAY` on, a
        bar is a session.
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
        None is the instrument's. "24/7" has a session each UTC day; "weekdays" is a plain market, Monday to Friday
        14:30 to 21:00 UTC, without holidays. Neither needs the calendar library.
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
        within("sessions", self.sessions, 1, SESSIONS_MAX)
        if self.interval_ns < NS_PER_MINUTE:
            raise ConfigError(
                f"interval_ns is {self.interval_ns}; synthetic bars last at least a minute ({NS_PER_MINUTE})"
            )
        within("vol_annual", self.vol_annual, 0.001, 3.0)
        within("drift_annual", self.drift_annual, -2.0, 2.0)
        within("price_start", self.price_start, 1e-9, 1e9)
        if self.drift_annual != 0.0 and self.edge is not None:
            raise ConfigError(
                "a market has either drift_annual or an edge; for a holding edge plant one of kind 'drift'"
            )
