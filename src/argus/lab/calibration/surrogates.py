"""Surrogates: markets made of a real one, with its habits and without what a strategy might know about its future.

A bar is kept whole, as the gap before it, its high, low and close against its open, and its volume; so its range stays
possible whatever bar comes before. What is put in another order, or turned round, are these moves. Prices start where
the market started, go on by ratios (by differences, where a price was not above zero), and lie on the tick grid. Times,
sessions, what was observed and how many bars there are stay.

==================  =================================================  ==============================================
surrogate           keeps                                              breaks
==================  =================================================  ==============================================
redrawn             drift, size and shape of bars and gaps             all order: trend, reversal, clusters of
                                                                       volatility
block_bootstrapped  the same, and all order within a block of 20       trends, cycles and reversals longer than a
                    bars on average, clusters of volatility too        block; never shorter ones
phase_randomised    drift, variance and the whole autocorrelation of   fat tails, clusters of volatility, everything
                    moves between closes                               that is not linear
sign_flipped        size of every move in its place: clusters of       drift, and every dependence of one direction on
                    volatility, calm and storm, as they came           another
==================  =================================================  ==============================================

Sources: Politis, Romano 1994, The Stationary Bootstrap, Journal of the American Statistical Association 89(428), with
blocks of random length; Theiler, Eubank, Longtin, Galdrikian, Farmer 1992, Testing for nonlinearity in time series: the
method of surrogate data, Physica D 58. Flipped signs are a randomisation test: under "no direction can be known" every
assignment of signs is as likely as the one that came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D, Bars
from argus.core.errors import ConfigError, DataError
from argus.core.instruments import InstrumentSpec
from argus.core.random import generator
from argus.lab.search.play import Change

__all__ = ["SURROGATES", "block_bootstrapped", "phase_randomised", "redrawn", "sign_flipped", "spliced", "surrogate"]

BLOCK_BARS: Final = 20
_BARS_MIN: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class _Moves:
    """A market as moves: ratios in logarithms, or differences of prices.

    Attributes
    ----------
    gap : (n,) float64
        From the close before to the open; 0 for the first bar, and where opens were not observed.
    close, high, low : (n,) float64
        From the open.
    volume, open_interest : (n,) float64
    start : float
        The first open, or the first close where opens were not observed.
    is_ratio : bool
    """

    gap: F64_1D
    close: F64_1D
    high: F64_1D
    low: F64_1D
    volume: F64_1D
    open_interest: F64_1D
    start: float
    is_ratio: bool

    def taken(self, rows: I64_1D) -> _Moves:
        """The same bars in another order."""
        names = ("gap", "close", "high", "low", "volume", "open_interest")
        columns: Mapping[str, Any] = {name: getattr(self, name)[rows] for name in names}
        return replace(self, **columns)


def block_bootstrapped(spec: InstrumentSpec, bars: Bars, seed: int, *, block: int = BLOCK_BARS) -> Bars:
    """Blocks of bars drawn with replacement, of random length `block` on average, one after the other.

    The data are a ring: after the last bar comes the first.

    Parameters
    ----------
    spec : InstrumentSpec
    bars : Bars
    seed : int
        Of the draws; streams differ by instrument.
    block : int
        Mean length in bars. 1 draws each bar by itself.

    Raises
    ------
    ConfigError
        If `block` is not positive.
    DataError
        If there are fewer than eight bars, or a close is missing.
    """
    if block < 1:
        raise ConfigError(f"surrogates: block is {block} bars; at least 1 is needed")
    moves = _moves(bars)
    random = generator(seed, "surrogate", "block", spec.symbol)
    n = len(bars)
    begins = random.random(n) < 1.0 / block
    begins[0] = True
    starts = random.integers(0, n, n)
    first = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
    rows = (starts[first] + np.arange(n) - first) % n
    return _walked(spec, bars, moves.taken(rows))


def phase_randomised(spec: InstrumentSpec, bars: Bars, seed: int) -> Bars:
    """The moves between closes with the phases of their Fourier transform drawn at random, their amplitudes kept.

    The mean is the zeroth amplitude and stays to the last digit before the tick grid. Range, gap and volume of a bar
    are those of the bar that was there, scaled as its move was.

    Raises
    ------
    DataError
        If there are fewer than eight bars, or a close is missing.
    """
    moves = _moves(bars)
    whole = moves.gap + moves.close
    n = len(whole)
    spectrum = np.fft.rfft(whole)
    phases = generator(seed, "surrogate", "phase", spec.symbol).uniform(0.0, 2.0 * np.pi, len(spectrum))
    phases[0] = 0.0
    if n % 2 == 0:
        phases[-1] = np.pi * (phases[-1] > np.pi)  # the highest frequency of an even length is real
    made = np.fft.irfft(spectrum * np.exp(1j * phases), n)
    # The gap has its share of the move's size; what is left is the bar's own, and its wicks stay as they are.
    share = np.divide(np.abs(moves.gap), np.abs(moves.gap) + np.abs(moves.close), out=np.zeros(n), where=whole != 0.0)
    share[0] = 0.0
    above = moves.high - np.maximum(moves.close, 0.0)
    below = np.minimum(moves.close, 0.0) - moves.low
    gap = share * made
    close = made - gap
    found = replace(
        moves, gap=gap, close=close, high=np.maximum(close, 0.0) + above, low=np.minimum(close, 0.0) - below
    )
    return _walked(spec, bars, found)


def sign_flipped(spec: InstrumentSpec, bars: Bars, seed: int) -> Bars:
    """Each bar as it was or turned upside down, its gap with it, by the toss of a coin.

    Raises
    ------
    DataError
        If there are fewer than eight bars, or a close is missing.
    """
    moves = _moves(bars)
    sign = np.where(generator(seed, "surrogate", "sign", spec.symbol).random(len(bars)) < 0.5, -1.0, 1.0)
    turned = sign < 0.0
    found = replace(
        moves,
        gap=sign * moves.gap,
        close=sign * moves.close,
        high=np.where(turned, -moves.low, moves.high),
        low=np.where(turned, -moves.high, moves.low),
    )
    return _walked(spec, bars, found)


def redrawn(spec: InstrumentSpec, bars: Bars, seed: int) -> Bars:
    """Each bar drawn by itself, with replacement: blocks of one bar.

    Raises
    ------
    DataError
        If there are fewer than eight bars, or a close is missing.
    """
    return block_bootstrapped(spec, bars, seed, block=1)


def spliced(spec: InstrumentSpec, first: Bars, second: Bars, is_second: BOOL_1D) -> Bars:
    """One market's bars where `is_second` is False and another's elsewhere, each going on where the last one ended.

    Parameters
    ----------
    spec : InstrumentSpec
    first, second : Bars
        Of the same times.
    is_second : (n,) bool

    Raises
    ------
    DataError
        If the two have different times, prices of one are not all positive, or there are fewer than eight bars.
    """
    if not np.array_equal(first.ts_event_ns, second.ts_event_ns):
        raise DataError(f"{first.instrument}: two markets are spliced bar by bar, and these have different times")
    one, other = _moves(first), _moves(second)
    if not (one.is_ratio and other.is_ratio):
        raise DataError(f"{first.instrument}: only markets with positive prices can be spliced")
    names = ("gap", "close", "high", "low", "volume", "open_interest")
    columns: Mapping[str, Any] = {name: np.where(is_second, getattr(other, name), getattr(one, name)) for name in names}
    return _walked(spec, first, replace(one, **columns))


SURROGATES: Final[Mapping[str, Callable[[InstrumentSpec, Bars, int], Bars]]] = {
    "redrawn": redrawn,
    "block_bootstrapped": block_bootstrapped,
    "phase_randomised": phase_randomised,
    "sign_flipped": sign_flipped,
}
"""Kinds of surrogates by name."""


def surrogate(kind: str, seed: int) -> Change:
    """The change that makes surrogates of one kind, for `Play.changed`.

    Raises
    ------
    ConfigError
        If there is no such kind.
    """
    if kind not in SURROGATES:
        raise ConfigError(f"there is no surrogate {kind!r}; known: {', '.join(SURROGATES)}")
    return partial(_made, kind, seed)


def _made(kind: str, seed: int, spec: InstrumentSpec, bars: Bars) -> Bars:
    return SURROGATES[kind](spec, bars, seed)


def _moves(bars: Bars) -> _Moves:
    n = len(bars)
    if n < _BARS_MIN:
        raise DataError(f"{bars.instrument}: {n} bars are too few to make a surrogate of; {_BARS_MIN} are needed")
    missing = np.flatnonzero(~np.isfinite(bars.close))
    if len(missing):
        raise DataError(f"{bars.instrument}: row {missing[0]} has no close; a surrogate needs one at every bar")
    # Where nothing but the close is known, the bar opens where the last one closed.
    opened = bars.open if "open" in bars.observed else np.concatenate((bars.close[:1], bars.close[:-1]))
    opened = np.where(np.isfinite(opened), opened, np.concatenate((bars.close[:1], bars.close[:-1])))
    high = np.fmax(np.maximum(opened, bars.close), bars.high)
    low = np.fmin(np.minimum(opened, bars.close), bars.low)
    is_ratio = bool((low > 0.0).all())

    def of(price: F64_1D, base: F64_1D) -> F64_1D:
        made: F64_1D = np.log(price / base) if is_ratio else price - base
        return made

    gap = np.concatenate((np.zeros(1), of(opened[1:], bars.close[:-1])))
    return _Moves(
        gap=gap,
        close=of(bars.close, opened),
        high=of(high, opened),
        low=of(low, opened),
        volume=bars.volume,
        open_interest=bars.open_interest,
        start=float(opened[0]),
        is_ratio=is_ratio,
    )


def _walked(spec: InstrumentSpec, bars: Bars, moves: _Moves) -> Bars:
    """Bars that go by these moves, on the tick grid; a price falls no lower than one tick where all were positive."""
    path = np.cumsum(moves.gap + moves.close)
    before = np.concatenate((np.zeros(1), path[:-1])) + moves.gap
    before[0] = 0.0
    tick = float(spec.tick_size)

    def price(moved: F64_1D) -> F64_1D:
        level = moves.start * np.exp(moved) if moves.is_ratio else moves.start + moved
        ticks = np.rint(level / tick)
        return _times(np.maximum(ticks, 1.0) if moves.is_ratio else ticks, spec)

    after = before + moves.close
    opened, close = price(before), price(after)
    high = np.maximum(price(before + moves.high), np.maximum(opened, close))
    low = np.minimum(price(before + moves.low), np.minimum(opened, close))
    made = {"open": opened, "high": high, "low": low, "close": close}
    made |= {"volume": moves.volume, "open_interest": moves.open_interest}
    seen = {name: np.ascontiguousarray(column) for name, column in made.items() if name in bars.observed}
    return replace(bars, **seen)  # type: ignore[arg-type]


def _times(ticks: F64_1D, spec: InstrumentSpec) -> F64_1D:
    """Ticks as prices, each the float nearest to its decimal."""
    from fractions import Fraction

    tick = Fraction(spec.tick_size)
    priced: F64_1D = ticks * float(tick.numerator) / float(tick.denominator)
    return priced
