"""Does a strategy foresee a market that it was not shown? The test for data that a strategy keeps to itself.

What a strategy was given can be replaced; what it brought along cannot: a file, a module's array, a series caught in a
closure. But it can be told by its fruit. On a market of pure noise its positions cannot know where the real one went.
If positions taken on noise still stand on the right side of the real moves, they were made from the real market.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D, Bars
from argus.lab.audit.alteration import Market

__all__ = ["Foresight", "foresight", "foresight_of"]

_SEGMENTS_MIN: Final = 60
_SPELLS_MIN: Final = 8
_HORIZONS: Final = (1, 5, 20, 60)
_OFFSETS: Final = 100
_NO_SPREAD: Final = 1e-9
_TAIL: Final = 4.0
"""Moves beyond so many deviations count as so many: one crash must not decide."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """How well positions stand to the real moves.

    Attributes
    ----------
    segments : int
        Moves of the real market that were compared; 0 if there are too few to say.
    correlation : float
        Of position sign and next move.
    z : float
        Its size in deviations of what chance gives, the largest over several horizons. Chance is the same positions
        against the same moves at every other offset in time, so that streaks and drift are in it.
    spells : int
        Stretches of one position.
    hits : int
        Those that stood on the right side of the median.
    p_hits : float
        Chance of so many hits for the same positions elsewhere in the same market.
    """

    segments: int
    correlation: float
    z: float
    spells: int
    hits: int
    p_hits: float

    @property
    def enough(self) -> bool:
        """Whether there was anything to judge."""
        return self.segments > 0

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


NOTHING: Final = Foresight(0, 0.0, 0.0, 0, 0, 1.0)


def foresight_of(universe: Sequence[str], fills: NDArray[np.void], market: Market) -> Foresight:
    """Positions of a run, made on an altered market with the same times, against the moves of the real one.

    Several instruments are one sample, one after the other.

    Parameters
    ----------
    universe : sequence of str
        Instruments of the run, in its sequence.
    fills : structured array
        `RunRecord.fills`.
    market : mapping
        The real one.
    """
    signs, moves = [], []
    for k, symbol in enumerate(universe):
        ts_ns, change = _moves(market[symbol][1])
        if not len(change):
            continue
        own = fills[fills["instrument"] == k]
        held = np.concatenate(([0], np.sign(own["position_after_lots"])))
        at = np.searchsorted(own["ts_event_ns"], ts_ns[:-1], side="right")
        signs.append(held[at].astype(np.float64))
        moves.append(change)
    if not signs:
        return NOTHING
    return foresight(np.concatenate(signs), np.concatenate(moves))


def foresight(signs: F64_1D, moves: F64_1D) -> Foresight:
    """Position signs against the moves that followed them.

    Parameters
    ----------
    signs : (n,) float64
        Position during each move.
    moves : (n,) float64
        In deviations.
    """
    n = len(signs)
    held = signs - signs.mean()
    known = moves - moves.mean()
    spread = float(np.sqrt((held * held).sum() * (known * known).sum()))
    if n < _SEGMENTS_MIN or spread == 0.0 or np.count_nonzero(np.diff(signs)) < 2:
        return NOTHING
    correlation = float((held * known).sum() / spread)
    z = max(_against_offsets(held, _forward(known, horizon)) for horizon in _HORIZONS if horizon * 4 < n)
    spells, hits = _spells(signs, known)
    return Foresight(n, correlation, z, spells, hits, _at_least(hits, spells, _by_chance(signs, known)))


def _moves(bars: Bars) -> tuple[I64_1D, F64_1D]:
    """(instants, moves between them): from open to close and from close to the next open.

    Each kind is taken from its own median and in its own deviations, so that owning only the nights is no knowledge.
    """
    points = [(bars.ts_close_ns, bars.close)]
    if "open" in bars.observed:
        points.insert(0, (bars.ts_event_ns, bars.open))
    ts_ns = np.stack([ts for ts, _ in points], axis=1).ravel()
    price = np.stack([value for _, value in points], axis=1).ravel()
    kind = np.tile(np.arange(len(points)), len(bars))
    finite = np.isfinite(price)
    ts_ns, price, kind = ts_ns[finite], price[finite], kind[finite][:-1]
    if len(price) < 3:
        return ts_ns, np.zeros(0)
    change = np.diff(np.log(price)) if (price > 0.0).all() else np.diff(price)
    moves = np.zeros(len(change))
    for which in range(len(points)):
        own = change[kind == which]
        deviation = float(np.std(own)) if len(own) else 0.0
        if deviation > 0.0:
            moves[kind == which] = np.clip((own - np.median(own)) / deviation, -_TAIL, _TAIL)
    return ts_ns, moves


def _forward(moves: F64_1D, horizon: int) -> F64_1D:
    """Sum of the next `horizon` moves from each one on, round the end."""
    sums = np.concatenate(([0.0], np.cumsum(np.concatenate((moves, moves[: horizon - 1])))))
    return np.asarray(sums[horizon:] - sums[:-horizon], dtype=np.float64)


def _against_offsets(held: F64_1D, moves: F64_1D) -> float:
    """Standard score of the sum of products at offset 0 among those at all offsets."""
    n = len(held)
    products = np.fft.irfft(np.conj(np.fft.rfft(held)) * np.fft.rfft(moves), n)
    others = products[1:]
    deviation = float(np.std(others))
    return float((products[0] - np.mean(others)) / deviation) if deviation > _NO_SPREAD * n else 0.0


def _spells(signs: F64_1D, moves: F64_1D) -> tuple[int, int]:
    """(stretches of one position in which the market moved, those in which it moved that way); flat ones left out."""
    starts = np.flatnonzero(np.concatenate(([True], signs[1:] != signs[:-1])))
    gained = np.add.reduceat(moves, starts) * signs[starts]
    return int(np.count_nonzero(gained)), int((gained > 0.0).sum())


def _by_chance(signs: F64_1D, moves: F64_1D) -> float:
    """Share of stretches that are right when the same positions stand elsewhere in the same market."""
    step = max(2, len(signs) // _OFFSETS // 2 * 2)
    found = [_spells(signs, np.roll(moves, offset)) for offset in range(step, len(signs) - 1, step)]
    spells = sum(count for count, _ in found)
    return sum(hits for _, hits in found) / spells if spells else 0.5


def _at_least(hits: int, count: int, chance: float) -> float:
    """Probability of at least so many hits in `count` tries; 1 where there are too few."""
    if count < _SPELLS_MIN:
        return 1.0
    from scipy.stats import binom

    found = float(binom.sf(hits - 1, count, max(chance, 0.5)))
    return found if math.isfinite(found) else 1.0
