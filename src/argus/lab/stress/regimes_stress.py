"""In which weather the money was made: calm or wild, rising or falling, and through the crises that everybody knows.

A label says in which regime a session began: it is made of closes before it, so that a trader could have known it. The
exceptions are calendar parts, which are known beforehand, and the crisis windows, which nobody knew and which only ask
how the account would have come through. Other regimes plug in by `RegimeSource`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I32_1D, Bars
from argus.core.errors import ConfigError
from argus.engine.metrics import sharpe

__all__ = [
    "CRISES",
    "BelowPeak",
    "Crises",
    "CrisisWindow",
    "Quarters",
    "RateTrend",
    "RegimeBucket",
    "RegimeLabels",
    "RegimeResult",
    "RegimeSource",
    "Regimes",
    "Trend",
    "VolatilityTerciles",
    "Years",
    "is_long",
    "regime_stress",
    "regimes_stress",
    "session_closes",
]

I8_1D = NDArray[np.int8]

_SESSIONS_MIN: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class RegimeLabels:
    """The regime of each session.

    Attributes
    ----------
    name : str
        What the regimes are about.
    names : tuple of str
        Of the regimes.
    label : (T,) int8
        Position in `names`; -1 where it could not be known.
    """

    name: str
    names: tuple[str, ...]
    label: I8_1D


class RegimeSource(Protocol):
    """Whatever can name the regime of a session."""

    def labels(self, session: I32_1D, close: F64_1D) -> RegimeLabels:
        """The regime in which each session began.

        Parameters
        ----------
        session : (T,) int32
            Session dates as day numbers, ascending.
        close : (T,) float64
            Last close of the market in each session; positive or NaN.
        """
        ...


@dataclass(frozen=True, slots=True)
class VolatilityTerciles:
    """Calm, middling, wild: the volatility of the last `window` sessions among all that had been seen by then."""

    window: int = 60
    minimum: int = 120

    def labels(self, session: I32_1D, close: F64_1D) -> RegimeLabels:
        """See `RegimeSource`; unknown until `minimum` volatilities were seen."""
        n = len(session)
        label = np.full(n, -1, dtype=np.int8)
        moves = np.full(n, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            moves[1:] = np.diff(np.log(close))
        seen: list[float] = []
        for row in range(self.window + 1, n):
            past = moves[row - self.window : row]
            volatility = float(np.std(past))
            if not math.isfinite(volatility):
                continue
            if len(seen) >= self.minimum:
                label[row] = min(3 * bisect_left(seen, volatility) // len(seen), 2)
            insort(seen, volatility)
        return RegimeLabels("volatility", ("calm", "middling", "wild"), label)


@dataclass(frozen=True, slots=True)
class Trend:
    """Falling or rising: the sign of the return of the last `window` sessions."""

    window: int = 200

    def labels(self, session: I32_1D, close: F64_1D) -> RegimeLabels:
        """See `RegimeSource`; unknown until `window` sessions have gone by."""
        return RegimeLabels("trend", ("falling", "rising"), _direction(close, self.window))


@dataclass(frozen=True, slots=True)
class BelowPeak:
    """Near the highest close so far, or more than `depth` below it."""

    depth: float = 0.10

    def labels(self, session: I32_1D, close: F64_1D) -> RegimeLabels:
        """See `RegimeSource`; the first session is unknown."""
        label = np.full(len(session), -1, dtype=np.int8)
        peak = np.fmax.accumulate(close) if len(close) else close
        fallen = close < (1.0 - self.depth) * peak
        label[1:] = np.where(np.isnan(close[:-1]), -1, fallen[:-1]).astype(np.int8)
        return RegimeLabels("drawdown", ("near its peak", f"more than {self.depth:.0%} below it"), label)


@dataclass(frozen=True, slots=True, eq=False)
class RateTrend:
    """Falling or rising interest rates: the last rate known before a session against the one `window` sessions ago.

    Attributes
    ----------
    known_session : (m,) int32
        Day number on which each value was published, ascending; it counts from the next session on.
    rate : (m,) float64
    window : int
    """

    known_session: I32_1D
    rate: F64_1D
    window: int = 250

    def labels(self, session: I32_1D, close: F64_1D) -> RegimeLabels:
        """See `RegimeSource`."""
        row = np.searchsorted(self.known_session, session, side="right") - 1
        known = np.where(row >= 0, self.rate[np.maximum(row, 0)], np.nan)
        return RegimeLabels("rate", ("falling", "rising"), _direction(known, self.window))


def _direction(level: F64_1D, window: int) -> I8_1D:
    """0 after a fall, 1 after a rise over `window` rows that ended with the row before; -1 where neither is known."""
    label = np.full(len(level), -1, dtype=np.int8)
    if len(level) > window + 1:
        now, before = level[window:-1], level[: -window - 1]
        label[window + 1 :] = np.where(now > before, 1, np.where(now < before, 0, -1))
    return label


@dataclass(frozen=True, slots=True)
class Years:
    """Calendar years of the session dates."""

    def labels(self, session: I32_1D, close: F64_1D) -> RegimeLabels:
        """See `RegimeSource`."""
        years = session.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        names, place = np.unique(years, return_inverse=True)
        if len(names) > np.iinfo(np.int8).max:
            raise ConfigError(f"the sessions span {len(names)} years; at most 127 can be told apart")
        return RegimeLabels("year", tuple(str(year) for year in names.tolist()), place.astype(np.int8))


@dataclass(frozen=True, slots=True)
class Quarters:
    """Quarters of the calendar year, all years together: what the season did."""

    def labels(self, session: I32_1D, close: F64_1D) -> RegimeLabels:
        """See `RegimeSource`."""
        month = session.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
        return RegimeLabels("quarter", ("Q1", "Q2", "Q3", "Q4"), (month // 3).astype(np.int8))


@dataclass(frozen=True, slots=True)
class CrisisWindow:
    """A stretch that everybody knows by name, both ends included, and what happened on the two dates."""

    name: str
    first: date
    last: date
    begins: str
    ends: str


CRISES: Final = (
    CrisisWindow(
        "fall of technology shares",
        date(2000, 3, 24),
        date(2002, 10, 9),
        "record close of the S&P 500, 1,527.46",
        "lowest close after it, 776.76",
    ),
    CrisisWindow(
        "global financial crisis",
        date(2008, 9, 15),
        date(2009, 3, 9),
        "Lehman Brothers Holdings files for bankruptcy",
        "lowest close of the S&P 500, 676.53",
    ),
    CrisisWindow(
        "fall of the fourth quarter of 2018",
        date(2018, 9, 20),
        date(2018, 12, 24),
        "record close of the S&P 500, 2,930.75",
        "lowest close after it, 2,351.10",
    ),
    CrisisWindow(
        "pandemic",
        date(2020, 2, 19),
        date(2020, 3, 23),
        "record close of the S&P 500, 3,386.15",
        "lowest close after it, 2,237.40",
    ),
    CrisisWindow(
        "rise of interest rates in 2022",
        date(2022, 1, 3),
        date(2022, 10, 12),
        "record close of the S&P 500, 4,796.56",
        "lowest close after it, 3,577.03",
    ),
)
"""Windows by public events: closing values of the S&P 500 index as S&P Dow Jones Indices publishes them, and the
petition of Lehman Brothers Holdings Inc. at the Bankruptcy Court for the Southern District of New York (08-13555)."""


@dataclass(frozen=True, slots=True)
class Crises:
    """The crisis windows, and all other sessions together."""

    windows: tuple[CrisisWindow, ...] = CRISES

    def labels(self, session: I32_1D, close: F64_1D) -> RegimeLabels:
        """See `RegimeSource`; where windows overlap the later one counts."""
        label = np.zeros(len(session), dtype=np.int8)
        for number, window in enumerate(self.windows, start=1):
            first, last = ((day - date(1970, 1, 1)).days for day in (window.first, window.last))
            label[(session >= first) & (session <= last)] = number
        return RegimeLabels("crisis", ("no crisis", *(window.name for window in self.windows)), label)


@dataclass(frozen=True, slots=True)
class RegimeBucket:
    """The account in one regime.

    Attributes
    ----------
    name : str
    sessions : int
    share : float
        Of the summed returns of all sessions; NaN unless that sum is positive.
    return_annual : float
        Mean session return times the sessions a year.
    sharpe_annual : float
    sharpe_without : float
        Annual Sharpe ratio of all other sessions.
    """

    name: str
    sessions: int
    share: float
    return_annual: float
    sharpe_annual: float
    sharpe_without: float


@dataclass(frozen=True, slots=True)
class RegimeResult:
    """The account by one set of regimes.

    Attributes
    ----------
    name : str
    buckets : tuple of RegimeBucket
        Regimes that occurred.
    unknown : int
        Sessions without a label.
    figure : float
        Sensitivity, 0 (the same everywhere) to 1: for each regime the share of the mean return that is missing there
        beyond one standard error, averaged over time. NaN unless the account made money in at least two regimes of 20
        sessions each, or where fewer than two have them.
    largest_share : float
        Largest `RegimeBucket.share` of the regimes with 20 sessions.
    sentence : str
    """

    name: str
    buckets: tuple[RegimeBucket, ...]
    unknown: int
    figure: float
    largest_share: float
    sentence: str


def regime_stress(returns: F64_1D, labels: RegimeLabels, *, per_year: float) -> RegimeResult:
    """Split an account's returns by regime.

    Parameters
    ----------
    returns : (T,) float64
        Session returns of the account.
    labels : RegimeLabels
    per_year : float
        Sessions a year.

    Raises
    ------
    ConfigError
        If lengths differ.
    """
    if len(returns) != len(labels.label):
        raise ConfigError(
            f"regimes by {labels.name}: {len(labels.label)} labels for {len(returns)} returns; give one each"
        )
    known = labels.label >= 0
    total, root = float(returns[known].sum()), math.sqrt(per_year)
    buckets, missing, weights = [], [], []
    mean = float(np.mean(returns[known])) if known.any() else math.nan
    for number, name in enumerate(labels.names):
        inside = labels.label == number
        count = int(inside.sum())
        if not count:
            continue
        mine = returns[inside]
        share = float(mine.sum()) / total if total > 0.0 else math.nan
        ratio, without = sharpe(mine) * root, sharpe(returns[known & ~inside]) * root
        buckets.append(RegimeBucket(name, count, share, float(np.mean(mine)) * per_year, ratio, without))
        if count >= _SESSIONS_MIN and mean > 0.0:
            error = float(np.std(mine, ddof=1)) / math.sqrt(count)
            missing.append(min(max(mean - float(np.mean(mine)) - error, 0.0) / mean, 1.0))
            weights.append(count)
    figure = float(np.average(missing, weights=weights)) if len(missing) > 1 else math.nan
    long = [bucket for bucket in buckets if is_long(bucket)]
    largest = max((bucket.share for bucket in long), default=math.nan)
    sentence = _sentence(labels.name, long, figure)
    return RegimeResult(labels.name, tuple(buckets), int((~known).sum()), figure, largest, sentence)


def is_long(bucket: RegimeBucket) -> bool:
    """Whether a regime lasted long enough for its share of the profit to be read."""
    return bucket.sessions >= _SESSIONS_MIN


def _sentence(name: str, buckets: Sequence[RegimeBucket], figure: float) -> str:
    if math.isnan(figure):
        return (
            f"By {name}: unknown; the account made no money, or fewer than two regimes lasted {_SESSIONS_MIN} sessions."
        )
    worst, best = min(buckets, key=lambda one: one.return_annual), max(buckets, key=lambda one: one.share)
    return (
        f"By {name}: {best.share:.0%} of the return comes from '{best.name}' ({best.sessions} sessions); the weakest "
        f"is '{worst.name}' with {worst.return_annual:.1%} a year; sensitivity {figure:.2f}."
    )


@dataclass(frozen=True, slots=True)
class Regimes:
    """All regimes asked for; `figure` is the largest sensitivity of those that are known, `sentence` that one's."""

    results: tuple[RegimeResult, ...]
    figure: float
    sentence: str


def regimes_stress(
    returns: F64_1D, session: I32_1D, close: F64_1D, sources: Sequence[RegimeSource], *, per_year: float
) -> Regimes:
    """Split an account's returns by each source of regimes.

    Parameters
    ----------
    returns : (T,) float64
        Session returns of the account.
    session : (m + T,) int32
        Its sessions, and before them those of the market's past: labels are made of what came before.
    close : (m + T,) float64
        Of the market, by `session_closes`.
    sources : sequence of RegimeSource
    per_year : float
        Sessions a year.
    """
    past = len(session) - len(returns)
    results = []
    for source in sources:
        made = source.labels(session, close)
        results.append(regime_stress(returns, replace(made, label=made.label[past:]), per_year=per_year))
    known = [result for result in results if math.isfinite(result.figure)]
    if not known:
        return Regimes(tuple(results), math.nan, "Unknown: no regime could be told from another.")
    worst = max(known, key=lambda result: result.figure)
    return Regimes(tuple(results), worst.figure, worst.sentence)


def session_closes(bars: Bars, session: I32_1D) -> F64_1D:
    """Last close of the bars at or before the end of each session; NaN before the first.

    Parameters
    ----------
    bars : Bars
    session : (T,) int32
        Day numbers, ascending.
    """
    known = np.flatnonzero(np.isfinite(bars.close))
    row = np.searchsorted(bars.session[known], session, side="right") - 1
    closes = np.full(len(session), np.nan)
    if len(known):
        closes[row >= 0] = bars.close[known][row[row >= 0]]
    return closes
