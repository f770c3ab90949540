"""One implied volatility for each contract out of several chains, as of an instant: what each had said by then.

A chain is two sources: the volatilities that its quotes imply, by our forwards, and those that its vendor delivers
beside them. Each further file or series of the catalog is one or two more. A snapshot counts from the instant at which
it could be known, and for as long as its source may be old; of those that are too old only the last is read, so that a
contract that nobody has quoted since is told as stale and not left out.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.app.option_snapshots import ChainBook, Snapshot, open_chains, snapshot_of, time_range
from argus.core.arrays import BOOL_1D, F64_1D
from argus.core.errors import ConfigError, CoverageError
from argus.core.time import NS_PER_DAY, NS_PER_SECOND, format_ns
from argus.core.words import agreed, counted
from argus.data.chain_quality import ChainLimits, absurd_vendor
from argus.options.consensus import (
    Consensus,
    ConsensusPolicy,
    IvObservations,
    IvSource,
    atm_consensus,
    iv_consensus,
    roll_up,
)
from argus.options.reasons import reason_names

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "CHAIN",
    "MAX_AGE_S",
    "VENDOR",
    "ConsensusReport",
    "Hearing",
    "Trust",
    "consensus_dict",
    "consensus_frame",
    "hear_sources",
]

CHAIN: Final = "ours"
"""Name of the source that the quotes of the first chain are."""
VENDOR: Final = "vendor"
"""Name of the source that its vendor's volatilities are; of another chain ``NAME:vendor``."""
MAX_AGE_S: Final = 900.0
"""How old, in seconds, what a source said may be where nothing is stated."""

_FIGURE: Final = re.compile(r"(?<![\w.-])[-+]?\d[\d,]*(\.\d+)?(?![\w-])")
"""A number in a note that is no part of a name (``CL.202403``) or of a date."""
_AGE_S_MAX: Final = 100 * 366 * 86_400.0
_DAY_LENGTH: Final = len("2019-06-20")
_UNUSED: Final = {
    "weight": (ConsensusPolicy.PREFER_STREAM,),
    "stream": (ConsensusPolicy.WINNER_BASED, ConsensusPolicy.BLENDED),
}
"""Policies under which what is stated of a source changes nothing."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What is stated of the sources, by name.

    Attributes
    ----------
    max_age_s : float
        How old, in seconds, what a source said may be; positive, and at most a century.
    max_age_s_of, weight_of : mapping
        The same, and the weight, of single sources.
    streams : collection of str
        Sources that are streams.
    """

    max_age_s: float = MAX_AGE_S
    max_age_s_of: Mapping[str, float] = field(default_factory=dict)
    weight_of: Mapping[str, float] = field(default_factory=dict)
    streams: Collection[str] = ()

    def source(self, name: str) -> IvSource:
        """A source as the consensus knows it; raises `ConfigError` where its age is no number of seconds."""
        age_s = self.max_age_s_of.get(name, self.max_age_s)
        if not 0.0 < age_s <= _AGE_S_MAX:
            raise ConfigError(f"{name!r} may be {age_s:g} seconds old; state more than 0 and at most {_AGE_S_MAX:,.0f}")
        age_ns = round(age_s * NS_PER_SECOND)
        return IvSource(name, age_ns, is_stream=name in self.streams, weight=self.weight_of.get(name, 1.0))

    def check(self, names: Collection[str], policy: ConsensusPolicy) -> None:
        """Raise `ConfigError` where something is stated of no source that is there, or that the policy never reads."""
        for what, about in (("weight", tuple(self.weight_of)), ("stream", tuple(self.streams))):
            if about and policy in _UNUSED[what]:
                others = ", ".join(one for one in ConsensusPolicy if one not in _UNUSED[what])
                raise ConfigError(
                    f"a {what} is stated ({', '.join(about)}), which {policy.value} does not read; leave it out, or "
                    f"choose {others}"
                )
        for stated in (*self.max_age_s_of, *self.weight_of, *self.streams):
            if stated not in names:
                raise ConfigError(f"no source is called {stated!r}; there are {', '.join(names)}")


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was heard of one source.

    Attributes
    ----------
    source : IvSource
    origin : str
        The file or series.
    snapshots : int
        That were known by the instant and read.
    last_event_ns, last_recv_ns : int or None
        When the last of them was quoted and known; None where nothing was known yet.
    """

    source: IvSource
    origin: str
    snapshots: int
    last_event_ns: int | None
    last_recv_ns: int | None


@dataclass(frozen=True, slots=True, eq=False)
class ConsensusReport:
    """The consensus of several chains as of an instant.

    Attributes
    ----------
    underlying : str
    now_ns : int
    policy : ConsensusPolicy
    heard : tuple of Hearing
        Of each source, in the order that decides ties.
    roots : tuple of str
    found : tuple of Consensus
        Of each root: contracts of two roots are two contracts, whatever their strikes and expiries.
    forwards : mapping
        (root, instant of expiry) to the forward of the freshest snapshot that has one and is not too old.
    notes : tuple of str
    """

    underlying: str
    now_ns: int
    policy: ConsensusPolicy
    heard: tuple[Hearing, ...]
    roots: tuple[str, ...]
    found: tuple[Consensus, ...]
    forwards: Mapping[tuple[str, int], float]
    notes: tuple[str, ...]


def hear_sources(
    chains: Mapping[str, str],
    as_of: str | None = None,
    *,
    policy: ConsensusPolicy = ConsensusPolicy.PREFER_STREAM,
    trust: Trust | None = None,
    workspace: Path | None = None,
    underlying: str | None = None,
    preset: str | None = None,
    rate: float | None = None,
) -> ConsensusReport:
    """Merge what several chains said by an instant.

    Parameters
    ----------
    chains : mapping
        Name of the source to a file of quotes or a series of the catalog. The first of them is `CHAIN`.
    as_of : str or None
        An instant; a date stands for the moment when the last snapshot of that day was known, or its end if there was
        none; None for the last of all.
    policy : ConsensusPolicy
    trust : Trust, optional
    workspace, underlying, preset, rate
        As for `argus.app.option_snapshots.open_snapshot`.

    Raises
    ------
    ConfigError
        If something is stated of a source that is not there or that the policy does not read, a source has the name of
        a vendor, or the chains are not of one underlying.
    CoverageError
        If no source had said anything by then.
    ImportFailed, CatalogError
        If a file cannot be read, or the catalog has no such series.
    """
    trust = trust or Trust()
    taken = [name for name in chains if name == VENDOR or name.endswith(f":{VENDOR}")]
    if taken:
        raise ConfigError(f"a source is named {taken[0]!r}, as the volatilities of a vendor are; give it another name")
    books = {
        name: open_chains(chain, workspace=workspace, underlying=underlying, preset=preset)
        for name, chain in chains.items()
    }
    about = sorted({book.underlying for book in books.values()})
    if len(about) > 1:
        raise ConfigError(f"the sources are of {', '.join(about)}; a contract has one underlying")
    now_ns = _now(books, as_of)
    heard: list[Hearing] = []
    told: dict[IvSource, list[_Told]] = {}
    notes: list[str] = []
    for name, book in books.items():
        sources = [trust.source(one) for one in (name, VENDOR if name == CHAIN else f"{name}:{VENDOR}")]
        since_ns = now_ns - max(source.stale_ns for source in sources)
        snapshots = [snapshot_of(chain, book.name, rate=rate) for chain in book.known(now_ns, since_ns)]
        notes += [*book.notes, *_told_once(snapshots)]
        told[sources[0]] = [_implied(snapshot) for snapshot in snapshots]
        if any(np.isfinite(snapshot.chain.vendor_iv).any() for snapshot in snapshots):
            told[sources[1]] = [_delivered(snapshot) for snapshot in snapshots]
            notes += _doubts(sources[1].name, told[sources[1]])
        heard += [_hearing(source, book.name, snapshots) for source in sources if source in told]
    trust.check([one.source.name for one in heard], policy)
    roots = sorted({root for parts in told.values() for part in parts for root in part.snapshot.roots})
    found = [
        iv_consensus(
            {source: _observations(parts, root) for source, parts in told.items()}, now_ns=now_ns, policy=policy
        )
        for root in roots
    ]
    fresh = [
        part.snapshot
        for source, parts in told.items()
        for part in parts
        if now_ns - part.snapshot.now_ns <= source.stale_ns
    ]
    forwards = _forwards(fresh)
    return ConsensusReport(
        about[0], now_ns, policy, tuple(heard), tuple(roots), tuple(found), forwards, tuple(dict.fromkeys(notes))
    )


def _told_once(snapshots: Sequence[Snapshot]) -> list[str]:
    """Notes of the snapshots of a source; of those that differ in their figures alone the latest, which counts them."""
    alike: dict[tuple[str, int], list[str]] = {}
    for snapshot in reversed(snapshots):
        # Two notes of one snapshot are about two things, however like they are.
        met: Counter[str] = Counter()
        for note in snapshot.notes:
            words = _FIGURE.sub("#", note)
            alike.setdefault((words, met[words]), []).append(note)
            met[words] += 1
    told = []
    for note, *earlier in alike.values():
        own = f" ({counted(len(earlier), 'earlier snapshot')}: the same with other figures)"
        told.append(note + own * any(one != note for one in earlier))
    return told


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What a source says of the rows of a snapshot."""

    snapshot: Snapshot
    vol: F64_1D
    spread: F64_1D | None = None
    doubted: BOOL_1D | None = None


def _implied(snapshot: Snapshot) -> _Told:
    vols = snapshot.vols
    # A bid that is less than exercising is worth holds with any volatility, down to none.
    low = np.where(np.isfinite(vols.mid.vol) & np.isnan(vols.bid.vol), 0.0, vols.bid.vol)
    return _Told(snapshot, vols.mid.vol, vols.ask.vol - low)


def _delivered(snapshot: Snapshot) -> _Told:
    chain = snapshot.chain
    own = (chain.vendor_iv, chain.vendor_delta, chain.vendor_gamma, chain.right)
    return _Told(snapshot, chain.vendor_iv, doubted=absurd_vendor(*own, ChainLimits().iv_max))


def _doubts(name: str, parts: Sequence[_Told]) -> list[str]:
    """How many volatilities of a vendor have no part, in a sentence; none where all do."""
    count = sum(int((part.doubted & (part.vol > 0.0)).sum()) for part in parts if part.doubted is not None)
    if not count:
        return []
    return [
        f"{count:,} volatilities of {name} cannot be believed and have no part: they are above "
        f"{ChainLimits().iv_max:.0%}, or stand beside a delta or gamma that cannot be"
    ]


def _now(books: Mapping[str, ChainBook], as_of: str | None) -> int:
    """The instant that is asked for; of a day the last at which anything was heard, or its end."""
    begin, end = time_range(as_of)
    first_ns = min(book.span_ns[0] for book in books.values())
    if first_ns >= end:
        told = format_ns(first_ns)
        raise CoverageError(f"no source had said anything by {as_of}; the first snapshot was known at {told}")
    if as_of is not None and end - begin != NS_PER_DAY:
        return end - 1
    heard = [last for book in books.values() if (last := book.last(begin, end)) is not None]
    return max((int(chain.ts_recv_ns[0]) for chain in heard), default=end - 1)


def _hearing(source: IvSource, origin: str, snapshots: Sequence[Snapshot]) -> Hearing:
    if not snapshots:
        return Hearing(source, origin, 0, None, None)
    last = snapshots[-1]
    return Hearing(source, origin, len(snapshots), last.now_ns, int(last.chain.ts_recv_ns[0]))


def _observations(parts: Sequence[_Told], root: str) -> IvObservations:
    """What a source says of the contracts of a root, over all of its snapshots."""
    rows = [np.flatnonzero(np.array(part.snapshot.chain.roots)[part.snapshot.chain.root] == root) for part in parts]

    def joined(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([one[of] for one, of in zip(values, rows, strict=True)])

    if not parts:
        none = np.empty(0, np.int64)
        return IvObservations(none, none, none, none.astype(np.float64), none.astype(np.int8), none.astype(np.float64))
    chains = [part.snapshot.chain for part in parts]
    spreads = [part.spread for part in parts if part.spread is not None]
    doubts = [part.doubted for part in parts if part.doubted is not None]
    return IvObservations(
        ts_event_ns=joined([chain.ts_event_ns for chain in chains]),
        ts_recv_ns=joined([chain.ts_recv_ns for chain in chains]),
        expiry_ns=joined([chain.expiry_ns for chain in chains]),
        strike=joined([chain.strike for chain in chains]),
        right=joined([chain.right for chain in chains]),
        vol=joined([part.vol for part in parts]),
        spread=joined(spreads) if spreads else None,
        doubted=joined(doubts) if doubts else None,
    )


def _forwards(snapshots: Sequence[Snapshot]) -> dict[tuple[str, int], float]:
    """Forward of each root and expiry by the freshest snapshot that has one; at equal times the first."""
    found: dict[tuple[str, int], float] = {}
    for snapshot in sorted(snapshots, key=lambda one: -one.now_ns):
        named = zip(snapshot.roots, snapshot.expiry_ns.tolist(), snapshot.forwards.forward.tolist(), strict=True)
        for root, expiry_ns, forward in named:
            if math.isfinite(forward):
                found.setdefault((root, expiry_ns), forward)
    return found


def consensus_frame(report: ConsensusReport, expiry: str | None = None) -> pl.DataFrame:
    """Every contract, one row each; of one expiry date, or of all.

    Columns: contract, root, expiry (date, UTC), expiry_ns, strike, right, is_out (of the money, by the forward of the
    expiry), vol, source (of the largest share), age_s (of the oldest that counts), fresh (sources heard), discrepancy
    (between them, as a fraction a year), discrepancy_score (in stated spreads), reason, and ``share NAME`` of each
    source.

    Raises
    ------
    ConfigError
        If no option expires on that date.
    """
    import polars as pl

    names = [one.source.name for one in report.heard]
    frames = []
    for root, found in zip(report.roots, report.found, strict=True):
        dates = [format_ns(ns)[:_DAY_LENGTH] for ns in found.expiry_ns.tolist()]
        sides = np.where(found.right > 0, "call", "put")
        forward = np.array([report.forwards.get((root, ns), math.nan) for ns in found.expiry_ns.tolist()])
        contracts = [
            f"{root} {day} {strike:g}{side[0].upper()}"
            for day, strike, side in zip(dates, found.strike.tolist(), sides.tolist(), strict=True)
        ]
        columns = {
            "contract": contracts,
            "root": [root] * len(found),
            "expiry": dates,
            "expiry_ns": found.expiry_ns,
            "strike": found.strike,
            "right": sides,
            "is_out": np.where(found.right > 0, found.strike >= forward, found.strike < forward),
            "vol": found.vol,
            "source": [names[place] if place >= 0 else "" for place in found.chosen.tolist()],
            "age_s": np.where(found.age_ns >= 0, found.age_ns / NS_PER_SECOND, np.nan),
            "fresh": found.fresh,
            "discrepancy": found.discrepancy,
            "discrepancy_score": found.discrepancy_score,
            "reason": reason_names(found.reason),
        }
        frames.append(pl.DataFrame(columns | {f"share {name}": found.weights[:, at] for at, name in enumerate(names)}))
    every = pl.concat(frames)
    if expiry is None:
        return every
    there = sorted(set(every["expiry"]))
    if expiry not in there:
        raise ConfigError(f"no option of {report.underlying} expires on {expiry!r}; there are {', '.join(there)}")
    return every.filter(pl.col("expiry") == expiry)


def consensus_dict(report: ConsensusReport, top: int) -> dict[str, Any]:
    """A consensus as plain values, with sentences for people; `top` contracts on which sources differ most.

    Only contracts out of the money are compared: a volatility from deep in it is what is left of a price after all that
    matters was taken off.
    """
    import polars as pl

    every = consensus_frame(report)
    differing = every.filter(pl.col("discrepancy_score").is_finite() & pl.col("is_out"))
    differing = differing.sort("discrepancy_score", "contract", descending=[True, False])
    counts = {name: int((every["reason"] == name).sum()) for name in ("ok", "stale", "doubted", "no_two_sided_quote")}
    sentences = [
        f"{counts['ok']:,} of {counted(len(every), 'contract')} {agreed(counts['ok'], 'has', 'have')} a volatility; "
        f"{counts['stale']:,} {agreed(counts['stale'], 'was', 'were')} last known too long ago, "
        f"and of {counts['no_two_sided_quote']:,} no source had one"
        + (f"; of {counts['doubted']:,} only one that cannot be believed." if counts["doubted"] else "."),
    ]
    if len(differing):
        wide = int((differing["discrepancy_score"] > 1.0).sum())
        middle = float(np.median(differing["discrepancy"].to_numpy()))
        sentences.append(
            f"Of {counted(len(differing), 'contract')} out of the money two sources or more were heard; they differ by "
            f"{middle:.2%} in the median, and on {wide:,} by more than the spread (score above 1)."
        )
    return {
        "underlying": report.underlying,
        "as_of": format_ns(report.now_ns),
        "policy": report.policy.value,
        "notes": list(report.notes),
        "sources": [_source_dict(one, report.now_ns) for one in report.heard],
        "expiries": _expiries(report),
        "contracts": counts | {"all": len(every)},
        "disputed": differing.head(top).to_dicts(),
        "sentences": sentences,
    }


def _source_dict(one: Hearing, now_ns: int) -> dict[str, Any]:
    age_ns = math.inf if one.last_event_ns is None else now_ns - one.last_event_ns
    return {
        "source": one.source.name,
        "origin": one.origin,
        "stream": one.source.is_stream,
        "weight": one.source.weight,
        "max_age_s": one.source.stale_ns / NS_PER_SECOND,
        "snapshots": one.snapshots,
        "last_quoted": None if one.last_event_ns is None else format_ns(one.last_event_ns),
        "last_known": None if one.last_recv_ns is None else format_ns(one.last_recv_ns),
        "age_s": age_ns / NS_PER_SECOND,
        "heard": "nothing yet" if math.isinf(age_ns) else "in time" if age_ns <= one.source.stale_ns else "too old",
    }


def _expiries(report: ConsensusReport) -> list[dict[str, Any]]:
    """The roll-up of each root and expiry, with the volatility at the forward; the nearest first."""
    lines = []
    for root, found in zip(report.roots, report.found, strict=True):
        rolled = roll_up(found)
        for row, expiry_ns in enumerate(rolled.expiry_ns.tolist()):
            forward = report.forwards.get((root, expiry_ns), math.nan)
            vol, reason = atm_consensus(found, expiry_ns, forward)
            lines.append(
                {
                    "expiry": format_ns(expiry_ns)[:_DAY_LENGTH],
                    "expiry_ns": expiry_ns,
                    "root": root,
                    "days": (expiry_ns - report.now_ns) / NS_PER_DAY,
                    "forward": forward,
                    "atm_vol": vol,
                    "atm_reason": reason_names(np.array([reason]))[0],
                    "contracts": int(rolled.contracts[row]),
                    "answered": int(rolled.answered[row]),
                    "age_s_max": rolled.age_ns_max[row] / NS_PER_SECOND if rolled.answered[row] else math.nan,
                    "discrepancy_median": float(rolled.discrepancy_median[row]),
                    "discrepancy_max": float(rolled.discrepancy_max[row]),
                    "shares": dict(zip(found.sources, rolled.shares[row].tolist(), strict=True)),
                }
            )
    return sorted(lines, key=lambda line: (line["expiry_ns"], line["root"]))
