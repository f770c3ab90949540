"""One implied volatility per contract out of several sources, with who said it, how old it is and how far others
differ.

A stream is fresh but drops out, a snapshot is whole but old, a vendor has models of his own. The engine takes what each
source last said by `now`, refuses what is older than that source may be, and chooses by a policy. It never looks across
contracts: a volatility of another expiry is no opinion on this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import ConfigError
from argus.options.reasons import Reason

__all__ = [
    "Consensus",
    "ConsensusPolicy",
    "ExpiryConsensus",
    "IvObservations",
    "IvSource",
    "atm_consensus",
    "contract_consensus",
    "iv_consensus",
    "roll_up",
]

I8_1D = NDArray[np.int8]
I32_1D = NDArray[np.int32]
U8_1D = NDArray[np.uint8]


class ConsensusPolicy(StrEnum):
    """How one volatility is chosen among the fresh ones of a contract."""

    PREFER_STREAM = "prefer_stream"
    """The freshest of the sources that are streams; where none is fresh, the freshest of the others. Equal times go to
    the source named first."""
    WINNER_BASED = "winner_based"
    """The one with the highest score ``weight * (1 - age / stale_ns) / (1 + spread / 0.01)``: trusted, fresh and tight.
    Its
    spread is that of the volatilities of bid and ask; one that is not stated counts as the widest that a fresh source
    states of the contract, and as no less than 0.01: silence is no sign of being tight. Equal scores go to the source
    named first."""
    BLENDED = "blended"
    """The mean of all, weighted by that score; where all scores are 0, by `weight` alone. With three or more, those
    further
    from their median than three times the median distance, and than 0.005, are left out first."""


@dataclass(frozen=True, slots=True)
class IvSource:
    """A source of volatilities.

    Attributes
    ----------
    name : str
    stale_ns : int
        An observation older than this is never used; its age is counted from `ts_event_ns`, when it was true. Exactly
        as old is still used.
    is_stream : bool
    weight : float
        Trust, positive.
    """

    name: str
    stale_ns: int
    is_stream: bool = False
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.name or self.stale_ns < 0 or not (np.isfinite(self.weight) and self.weight > 0.0):
            raise ConfigError(f"{self} is no source: a name, stale_ns of at least 0 and a positive weight needed")


@dataclass(frozen=True, slots=True, eq=False)
class IvObservations:
    """What one source said, in any order, one row for each observation.

    Attributes
    ----------
    ts_event_ns, ts_recv_ns : (n,) int64
        When it was true and when it could first be known; UTC nanoseconds. A row known before it was true is not used.
    expiry_ns : (n,) int64
        Instant of expiry: two settlements on one day differ.
    strike : (n,) float64
    right : (n,) int8
        +1 call, -1 put.
    vol : (n,) float64
        Of the middle; NaN, infinite or not positive is no observation.
    spread : (n,) float64, optional
        Volatility of the ask less that of the bid.
    doubted : (n,) bool, optional
        Whose volatility cannot be believed: no observation either, but a contract that has no other says so.
    """

    ts_event_ns: I64_1D
    ts_recv_ns: I64_1D
    expiry_ns: I64_1D
    strike: F64_1D
    right: I8_1D
    vol: F64_1D
    spread: F64_1D | None = None
    doubted: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        needed = (self.ts_recv_ns, self.expiry_ns, self.strike, self.right, self.vol)
        columns = (*needed, self.spread, self.doubted)
        lengths = {len(column) for column in columns if column is not None}
        if lengths != {len(self.ts_event_ns)}:
            raise ConfigError(f"columns of observations have lengths {sorted(lengths | {len(self.ts_event_ns)})}")


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """One row for each contract that any source had named by `now_ns` and that has not expired, sorted by expiry,
    strike, right.

    Attributes
    ----------
    now_ns : int
    policy : ConsensusPolicy
    sources : tuple of str
    expiry_ns, strike, right
        The contract.
    vol : (n,) float64
        NaN where `reason` is not 0.
    age_ns : (n,) int64
        Of the observation chosen, blended of the oldest that counts; -1 where there is none.
    chosen : (n,) int32
        Place in `sources` of the one with the most weight; -1 where there is none.
    weights : (n, s) float64
        Share of each source in `vol`; rows sum to 1 or are 0.
    fresh : (n,) int32
        Sources that were fresh.
    discrepancy : (n,) float64
        Largest less smallest fresh volatility; 0 with one source, NaN with none.
    discrepancy_score : (n,) float64
        The same in units of the mean stated spread of the fresh sources, at least 0.001; NaN with fewer than two.
    reason : (n,) uint8
        0, `STALE` where all that was said is too old, `DOUBTED` where only what cannot be believed was said, or
        `NO_TWO_SIDED_QUOTE` where no source had a volatility.
    """

    now_ns: int
    policy: ConsensusPolicy
    sources: tuple[str, ...]
    expiry_ns: I64_1D
    strike: F64_1D
    right: I8_1D
    vol: F64_1D
    age_ns: I64_1D
    chosen: I32_1D
    weights: NDArray[np.float64]
    fresh: I32_1D
    discrepancy: F64_1D
    discrepancy_score: F64_1D
    reason: U8_1D

    def __len__(self) -> int:
        return len(self.strike)


@dataclass(frozen=True, slots=True, eq=False)
class ExpiryConsensus:
    """Rollup of a consensus, one row for each expiry.

    Attributes
    ----------
    expiry_ns : (e,) int64
    contracts, answered : (e,) int64
        All, and those that have a volatility.
    age_ns_max : (e,) int64
        Of the answered; -1 without any.
    discrepancy_median, discrepancy_max : (e,) float64
        Over contracts with at least two fresh sources; NaN without any.
    shares : (e, s) float64
        Mean weight of each source over the answered contracts.
    """

    expiry_ns: I64_1D
    contracts: I64_1D
    answered: I64_1D
    age_ns_max: I64_1D
    discrepancy_median: F64_1D
    discrepancy_max: F64_1D
    shares: NDArray[np.float64]


_SPREAD_UNIT: Final = 0.01
_SPREAD_MIN: Final = 0.001
_OUTLIER: Final = 3.0
_OUTLIER_MIN: Final = 0.005


def iv_consensus(
    observations: Mapping[IvSource, IvObservations],
    *,
    now_ns: int,
    policy: ConsensusPolicy = ConsensusPolicy.PREFER_STREAM,
) -> Consensus:
    """Merge what several sources said by `now_ns`, contract by contract.

    From each source the last observation counts that was known by `now_ns` (``ts_recv_ns <= now_ns``; the last by
    `ts_event_ns`, then by `ts_recv_ns`, then by row). It is fresh where ``now_ns - ts_event_ns <= stale_ns``. A later
    row without a sound volatility does not hide an earlier one that is still fresh. Contracts that expired by `now_ns`,
    and rows without a sound strike or right, are left out.

    Raises
    ------
    ConfigError
        Where two sources have one name, or there is none.
    """
    sources = tuple(observations)
    if not sources or len({source.name for source in sources}) != len(sources):
        raise ConfigError(f"sources are {[source.name for source in sources]}; at least one, each with its own name")
    known = [_known(seen, now_ns) for seen in observations.values()]
    keys, index = _contracts([(seen, rows) for seen, rows in zip(observations.values(), known, strict=True)])
    count = len(keys)
    vol, spread = np.full((count, len(sources)), np.nan), np.full((count, len(sources)), np.nan)
    age = np.full((count, len(sources)), -1, dtype=np.int64)
    said, doubted = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    for column, (source, rows, contract) in enumerate(zip(sources, known, index, strict=True)):
        seen = observations[source]
        sound = np.isfinite(seen.vol[rows]) & (seen.vol[rows] > 0.0)
        if seen.doubted is not None:
            doubted[contract[sound & seen.doubted[rows]]] = True
            sound &= ~seen.doubted[rows]
        said[contract[sound]] = True
        fresh = sound & (now_ns - seen.ts_event_ns[rows] <= source.stale_ns)
        rows, contract = rows[fresh], contract[fresh]
        # Rows are sorted by time: of several for one contract, the last is written last.
        vol[contract, column] = seen.vol[rows]
        age[contract, column] = now_ns - seen.ts_event_ns[rows]
        if seen.spread is not None:
            spread[contract, column] = seen.spread[rows]
    weights = _weights(policy, sources, vol, spread, age)
    silent = np.select((said, doubted), (Reason.STALE, Reason.DOUBTED), Reason.NO_TWO_SIDED_QUOTE).astype(np.uint8)
    return _merged(now_ns, policy, sources, keys, vol, spread, age, weights, silent)


def contract_consensus(consensus: Consensus, expiry_ns: int, strike: float, right: int) -> tuple[float, int]:
    """Volatility of one contract and a `Reason`; NaN and `NO_TWO_SIDED_QUOTE` where no source named the contract."""
    rows = np.flatnonzero(
        (consensus.expiry_ns == expiry_ns) & (consensus.strike == strike) & (consensus.right == right)
    )
    if not len(rows):
        return float("nan"), int(Reason.NO_TWO_SIDED_QUOTE)
    return float(consensus.vol[rows[0]]), int(consensus.reason[rows[0]])


def atm_consensus(consensus: Consensus, expiry_ns: int, forward: float) -> tuple[float, int]:
    """Volatility at the forward of one expiry and a `Reason`, from contracts of that expiry alone.

    At each strike that of the out-of-the-money contract counts (the call at or above the forward), the other where it
    has none; between the two strikes around the forward it is a straight line in the strike. `TOO_FEW_STRIKES` where
    the forward does not lie between two strikes that have one; `NO_FORWARD` where it is not positive.
    """
    if not (np.isfinite(forward) and forward > 0.0):
        return float("nan"), int(Reason.NO_FORWARD)
    rows = np.flatnonzero((consensus.expiry_ns == expiry_ns) & (consensus.reason == 0))
    wanted = np.where(consensus.strike[rows] >= forward, 1, -1) == consensus.right[rows]
    rows = rows[np.lexsort((~wanted, consensus.strike[rows]))]
    strikes, first = np.unique(consensus.strike[rows], return_index=True)
    at = int(np.searchsorted(strikes, forward))
    vols = consensus.vol[rows[first]]
    if at < len(strikes) and strikes[at] == forward:
        return float(vols[at]), int(Reason.OK)
    if at == 0 or at == len(strikes):
        return float("nan"), int(Reason.TOO_FEW_STRIKES)
    return float(np.interp(forward, strikes[at - 1 : at + 1], vols[at - 1 : at + 1])), int(Reason.OK)


def roll_up(consensus: Consensus) -> ExpiryConsensus:
    """The consensus by expiry: coverage, age, disagreement, and who was heard."""
    expiries, place = np.unique(consensus.expiry_ns, return_inverse=True)
    count = len(expiries)
    answered = np.zeros(count, dtype=np.int64)
    age = np.full(count, -1, dtype=np.int64)
    median, most = np.full(count, np.nan), np.full(count, np.nan)
    shares = np.zeros((count, len(consensus.sources)))
    for row in range(count):
        own = place == row
        told = own & (consensus.reason == 0)
        answered[row] = int(told.sum())
        if answered[row]:
            age[row] = consensus.age_ns[told].max()
            shares[row] = consensus.weights[told].mean(axis=0)
        differing = consensus.discrepancy[own & (consensus.fresh >= 2)]
        if len(differing):
            median[row], most[row] = np.median(differing), differing.max()
    return ExpiryConsensus(expiries, np.bincount(place, minlength=count), answered, age, median, most, shares)


def _known(seen: IvObservations, now_ns: int) -> NDArray[np.intp]:
    """Rows known by `now_ns` of contracts that live, sorted by time."""
    alive = (seen.ts_recv_ns <= now_ns) & (seen.ts_event_ns <= seen.ts_recv_ns) & (seen.expiry_ns > now_ns)
    rows = np.flatnonzero(alive & np.isfinite(seen.strike) & (seen.strike > 0.0) & (np.abs(seen.right) == 1))
    return rows[np.lexsort((rows, seen.ts_recv_ns[rows], seen.ts_event_ns[rows]))]


def _contracts(
    seen: list[tuple[IvObservations, NDArray[np.intp]]],
) -> tuple[NDArray[np.void], list[NDArray[np.intp]]]:
    """The contracts that any source named, sorted, and the contract of each row of each source."""
    kind = np.dtype([("expiry_ns", np.int64), ("strike", np.float64), ("right", np.int8)])
    named = []
    for one, rows in seen:
        keys = np.empty(len(rows), dtype=kind)
        keys["expiry_ns"], keys["strike"], keys["right"] = one.expiry_ns[rows], one.strike[rows], one.right[rows]
        named.append(keys)
    found, place = np.unique(np.concatenate(named), return_inverse=True)
    ends = np.cumsum([len(keys) for keys in named])[:-1]
    return found, list(np.split(place, ends))


def _weights(
    policy: ConsensusPolicy,
    sources: tuple[IvSource, ...],
    vol: NDArray[np.float64],
    spread: NDArray[np.float64],
    age: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Share of each source in the answer of each contract."""
    fresh = np.isfinite(vol)
    weights = np.zeros(vol.shape)
    if policy is ConsensusPolicy.PREFER_STREAM:
        streams = np.array([source.is_stream for source in sources])
        preferred = np.where((fresh & streams).any(axis=1)[:, None], fresh & streams, fresh)
        best = np.argmin(np.where(preferred, age, np.iinfo(np.int64).max), axis=1)
        weights[np.arange(len(vol)), best] = 1.0
        return np.where(fresh, weights, 0.0)
    trust = np.array([source.weight for source in sources])
    limit = np.array([max(source.stale_ns, 1) for source in sources], dtype=np.float64)
    is_stated = fresh & np.isfinite(spread) & (spread >= 0.0)
    widest = np.where(is_stated, spread, _SPREAD_UNIT).max(axis=1, keepdims=True)
    stated = np.where(is_stated, spread, np.maximum(widest, _SPREAD_UNIT))
    score = np.where(fresh, trust * np.maximum(1.0 - age / limit, 0.0) / (1.0 + stated / _SPREAD_UNIT), 0.0)
    if policy is ConsensusPolicy.WINNER_BASED:
        best = np.argmax(np.where(fresh, score, -1.0), axis=1)
        weights[np.arange(len(vol)), best] = 1.0
        return np.where(fresh, weights, 0.0)
    heard = fresh & ~_outliers(vol)
    score = np.where(heard, score, 0.0)
    silent = ~(score.sum(axis=1) > 0.0)
    score[silent] = np.where(heard[silent], trust, 0.0)
    total = score.sum(axis=1, keepdims=True)
    np.divide(score, total, out=weights, where=total > 0.0)
    return weights


def _outliers(vol: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of three or more volatilities lie far from their median."""
    found = np.zeros(vol.shape, dtype=bool)
    rows = np.flatnonzero(np.isfinite(vol).sum(axis=1) >= 3)
    if len(rows):
        far = np.abs(vol[rows] - np.nanmedian(vol[rows], axis=1, keepdims=True))
        bound = np.maximum(_OUTLIER * np.nanmedian(far, axis=1, keepdims=True), _OUTLIER_MIN)
        found[rows] = far > bound
    return found


def _merged(
    now_ns: int,
    policy: ConsensusPolicy,
    sources: tuple[IvSource, ...],
    keys: NDArray[np.void],
    vol: NDArray[np.float64],
    spread: NDArray[np.float64],
    age: NDArray[np.int64],
    weights: NDArray[np.float64],
    silent: U8_1D,
) -> Consensus:
    """The record, from the fresh volatilities, the weights, and why a contract without either has none."""
    fresh = np.isfinite(vol)
    count = fresh.sum(axis=1).astype(np.int32)
    answered = count > 0
    highest = np.where(fresh, vol, -np.inf).max(axis=1)
    lowest = np.where(fresh, vol, np.inf).min(axis=1)
    with np.errstate(invalid="ignore"):
        discrepancy = np.where(answered, highest - lowest, np.nan)
    stated = fresh & np.isfinite(spread)
    unit = np.divide(
        np.where(stated, spread, 0.0).sum(axis=1),
        stated.sum(axis=1),
        out=np.full(len(vol), _SPREAD_UNIT),
        where=stated.any(axis=1),
    )
    # A weighted mean may leave the range of its parts by a rounding.
    mean = np.clip(np.where(fresh, vol * weights, 0.0).sum(axis=1), lowest, highest)
    return Consensus(
        now_ns=now_ns,
        policy=policy,
        sources=tuple(source.name for source in sources),
        expiry_ns=keys["expiry_ns"].copy(),
        strike=keys["strike"].copy(),
        right=keys["right"].copy(),
        vol=np.where(answered, mean, np.nan),
        age_ns=np.where(weights > 0.0, age, -1).max(axis=1),
        chosen=np.where(answered, np.argmax(weights, axis=1), -1).astype(np.int32),
        weights=weights,
        fresh=count,
        discrepancy=discrepancy,
        discrepancy_score=np.where(count >= 2, discrepancy / np.maximum(unit, _SPREAD_MIN), np.nan),
        reason=np.where(answered, np.uint8(Reason.OK), silent),
    )
