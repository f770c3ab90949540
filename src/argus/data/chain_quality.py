"""Quality gates of option chains: which rows cannot be true, which are odd, and which expiries are missing.

As with bars, a row that cannot be true (a bid above the ask, a quote of a contract that had expired, two different
quotes of one contract in one snapshot) is fatal and goes to quarantine; a row that is merely odd is kept and flagged. A
bid of zero is no corruption: nobody bids for an option that is nearly worthless. Nor is an arbitrage between quotes: it
may be a stale quote, and it may be the market; whoever prices with such rows should know of it, and decides.

An arbitrage is flagged only where it pays at the quotes themselves, buying at asks and selling at bids. Put-call
parity, its bounds and calendars hold for European options; of American ones only the bounds by immediate exercise are
asked. Forward and discount come from parity within the expiry, by medians, so that a few bad quotes do not move them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D
from argus.core.chains import CHAIN_COLUMNS, ChainSnapshots, chain_order, future_of
from argus.core.time import NS_PER_MINUTE, day_of, format_ns
from argus.core.words import counted
from argus.data._chain_arbitrage import absurd_asks, european_arbitrage, exercise_bounds, smile_arbitrage
from argus.data.future_options import chain_rule

__all__ = [
    "ChainExample",
    "ChainInspection",
    "ChainLimits",
    "ChainReason",
    "absurd_asks",
    "absurd_vendor",
    "inspect_chain",
]


class ChainReason(IntFlag):
    """Why a row is bad (bits below 2^16: to quarantine) or odd (above: kept and flagged)."""

    MISSING_VALUE = 1 << 0
    INFINITE = 1 << 1
    BAD_STRIKE = 1 << 2
    NEGATIVE = 1 << 3
    CROSSED = 1 << 4
    EXPIRED = 1 << 5
    BAD_TIMES = 1 << 6
    FUTURE = 1 << 7
    DUPLICATE = 1 << 8
    CONFLICT = 1 << 9
    LOCKED = 1 << 16
    ZERO_BID = 1 << 17
    NO_QUOTE = 1 << 18
    STALE = 1 << 19
    OFF_GRID_PRICE = 1 << 20
    OFF_GRID_STRIKE = 1 << 21
    VERTICAL = 1 << 22
    BUTTERFLY = 1 << 23
    CALENDAR = 1 << 24
    PARITY = 1 << 25
    BOUNDS = 1 << 26
    VENDOR_GREEKS = 1 << 27
    ABSURD_ASK = 1 << 28


_FATAL: Final = (1 << 16) - 1
_GRID_TOLERANCE: Final = 1e-6
_KEY: Final = ("ts_recv_ns", "expiry_ns", "root", "right", "strike")
_CONTRACT: Final = _KEY[1:]
_QUOTED: Final = ("bid", "ask", "last", "bid_size", "ask_size", "volume", "open_interest")


@dataclass(frozen=True, slots=True)
class ChainLimits:
    """Where odd begins.

    Attributes
    ----------
    stale_ns : int
        Age of a quote in its snapshot.
    stale_share : float
        Share of two-sided quotes equal to those of the snapshot before from which on a snapshot is a copy of it.
    stale_quotes_min : int
        Two-sided quotes that both snapshots must have for that.
    iv_max : float
        A vendor's volatility above it is absurd.
    examples : int
        Rows shown per reason.
    """

    stale_ns: int = 15 * NS_PER_MINUTE
    stale_share: float = 0.98
    stale_quotes_min: int = 50
    iv_max: float = 5.0
    examples: int = 3


@dataclass(frozen=True, slots=True)
class ChainExample:
    """One row that shows a reason: its place among the rows, and what is wrong with it, in a sentence."""

    reason: ChainReason
    row: int
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class ChainInspection:
    """What the gates found.

    Attributes
    ----------
    reasons : (n,) uint32
        Bits of `ChainReason` of each row, in the order in which they were given.
    fatal : (n,) bool
        Rows for quarantine.
    kept : (m,) int64
        The other rows, in the order of a chain.
    counts : mapping of str to int
        Rows per reason, by lower-case name; reasons without rows are left out.
    examples : tuple of ChainExample
    missing : tuple of (int, str, int)
        Snapshot, root and expiry (UTC nanoseconds) of expiries that the snapshot before had, that had not ended, and
        that are not there.
    snapshots : int
        Of the rows that are kept.
    notes : tuple of str
        Sentences about the whole.
    """

    reasons: NDArray[np.uint32]
    fatal: BOOL_1D
    kept: I64_1D
    counts: Mapping[str, int]
    examples: tuple[ChainExample, ...]
    missing: tuple[tuple[int, str, int], ...]
    snapshots: int
    notes: tuple[str, ...]

    @property
    def warnings(self) -> dict[str, int]:
        """How many rows that are kept each reason flags."""
        return _counts(self.reasons[~self.fatal])

    def lines(self) -> list[str]:
        """The findings for people, the verdict first."""
        rows, bad = len(self.reasons), int(self.fatal.sum())
        odd = int((~self.fatal & (self.reasons != 0)).sum())
        found = [
            f"{counted(rows, 'row')} in {counted(self.snapshots, 'snapshot')}, {rows - bad:,} good, "
            f"{bad:,} to quarantine, {odd:,} kept but odd"
        ]
        for name, count in self.counts.items():
            found.append(f"  {name.replace('_', ' ')}: {counted(count, 'row')}")
            found += [f"    {one.sentence}" for one in self.examples if _name(one.reason) == name]
        found += [f"  {note}" for note in self.notes]
        for recv, root, expiry in self.missing[:10]:
            found.append(f"  missing expiry: {format_ns(recv)} lacks {root} of {format_ns(expiry)}")
        if len(self.missing) > 10:
            found.append(f"  and {counted(len(self.missing) - 10, 'more missing expiry', 'more missing expiries')}")
        return found

    def as_dict(self) -> dict[str, object]:
        """The findings as plain values for JSON."""
        return {
            "rows": len(self.reasons),
            "rows_kept": len(self.kept),
            "rows_fatal": int(self.fatal.sum()),
            "snapshots": self.snapshots,
            "counts": dict(self.counts),
            "examples": [{"reason": _name(one.reason), "sentence": one.sentence} for one in self.examples],
            "missing_expiries": [
                {"snapshot": format_ns(recv), "root": root, "expiry": format_ns(expiry)}
                for recv, root, expiry in self.missing
            ],
            "notes": list(self.notes),
        }


def inspect_chain(
    columns: Mapping[str, NDArray[Any]],
    roots: tuple[str, ...],
    limits: ChainLimits = ChainLimits(),
    *,
    now_ns: int | None = None,
    before: ChainSnapshots | None = None,
) -> ChainInspection:
    """Pass rows through every gate.

    Parameters
    ----------
    columns : mapping
        The columns of `ChainSnapshots`, of rows in any order that may be anything.
    roots : tuple of str
        Sorted; the column ``root`` numbers them.
    limits : ChainLimits
    now_ns : int, optional
        A snapshot known after this instant is from the future. Without it none is.
    before : ChainSnapshots, optional
        The chain up to these rows; its last snapshot is what the first one here is compared with.
    """
    order = chain_order(columns)
    held = {name: np.ascontiguousarray(columns[name][order]) for name in CHAIN_COLUMNS}
    reasons = np.zeros(len(order), np.uint32)
    _flag_fatal(held, now_ns, reasons)
    good = np.flatnonzero(reasons == 0)
    rows = {name: column[good] for name, column in held.items()}
    flags = np.zeros(len(good), np.uint32)
    _flag_quotes(rows, roots, limits, flags)
    _flag_arbitrage(rows, roots, flags)
    cuts = np.flatnonzero(np.diff(rows["ts_recv_ns"])) + 1
    offsets = np.unique(np.concatenate(([0], cuts, [len(good)])))
    missing, copies = _against_before(rows, roots, offsets, limits, before, flags)
    reasons[good] = flags
    given = np.empty_like(reasons)
    given[order] = reasons
    notes = [
        f"the snapshot of {format_ns(recv)} is a copy of the one before: {share:.1%} of its quotes are the same"
        for recv, share in copies
    ]
    return ChainInspection(
        reasons=given,
        fatal=(given & np.uint32(_FATAL)) != 0,
        kept=order[good],
        counts=_counts(given),
        examples=_examples(columns, roots, given, limits.examples),
        missing=tuple(missing),
        snapshots=len(offsets) - 1,
        notes=tuple(notes),
    )


def _name(reason: ChainReason) -> str:
    return str(reason.name).lower()


def _counts(reasons: NDArray[np.uint32]) -> dict[str, int]:
    found = reasons[reasons != 0]
    counts = {_name(reason): int(((found & np.uint32(reason)) != 0).sum()) for reason in ChainReason}
    return {name: count for name, count in counts.items() if count}


def _flag(reasons: NDArray[np.uint32], where: BOOL_1D, reason: ChainReason) -> None:
    reasons[where] |= np.uint32(reason)


def _flag_fatal(held: Mapping[str, Any], now_ns: int | None, reasons: NDArray[np.uint32]) -> None:
    strike = held["strike"]
    _flag(reasons, np.isnan(strike), ChainReason.MISSING_VALUE)
    numbers = [held[name] for name in (*_QUOTED, "strike", "underlying_price", "vendor_iv", "vendor_delta")]
    infinite = np.logical_or.reduce([np.isinf(column) for column in [*numbers, held["vendor_gamma"]]])
    _flag(reasons, infinite, ChainReason.INFINITE)
    _flag(reasons, strike <= 0, ChainReason.BAD_STRIKE)
    negative = np.logical_or.reduce([held[name] < 0 for name in _QUOTED])
    _flag(reasons, negative | (held["underlying_price"] <= 0), ChainReason.NEGATIVE)
    _flag(reasons, held["bid"] > held["ask"], ChainReason.CROSSED)
    _flag(reasons, held["ts_event_ns"] > held["expiry_ns"], ChainReason.EXPIRED)
    _flag(reasons, held["ts_event_ns"] > held["ts_recv_ns"], ChainReason.BAD_TIMES)
    if now_ns is not None:
        _flag(reasons, held["ts_recv_ns"] > now_ns, ChainReason.FUTURE)
    _flag_doubles(held, reasons)


def _flag_doubles(held: Mapping[str, Any], reasons: NDArray[np.uint32]) -> None:
    """Rows of one contract in one snapshot: of equal ones the first is kept, of different ones none."""
    n = len(reasons)
    same = np.ones(max(n - 1, 0), np.bool_)
    for name in _KEY:
        same &= held[name][1:] == held[name][:-1]
    if not same.any():
        return
    group = np.cumsum(np.concatenate(([True], ~same))) - 1
    first = np.flatnonzero(np.concatenate(([True], ~same)))
    differs = np.zeros(n, np.bool_)
    for name in CHAIN_COLUMNS:
        column, of_first = held[name], held[name][first][group]
        differs |= ~((column == of_first) | ((column != column) & (of_first != of_first)))
    torn = np.zeros(len(first), np.bool_)
    torn[group[differs]] = True
    _flag(reasons, torn[group], ChainReason.CONFLICT)
    _flag(reasons, np.concatenate(([False], same)) & ~torn[group], ChainReason.DUPLICATE)


def _flag_quotes(
    rows: Mapping[str, Any], roots: tuple[str, ...], limits: ChainLimits, flags: NDArray[np.uint32]
) -> None:
    """What is odd about a row by itself."""
    bid, ask = rows["bid"], rows["ask"]
    no_bid, no_ask = ~(bid > 0), ~(ask > 0)
    _flag(flags, (bid == ask) & (bid > 0), ChainReason.LOCKED)
    _flag(flags, no_bid & no_ask, ChainReason.NO_QUOTE)
    _flag(flags, no_bid & ~no_ask, ChainReason.ZERO_BID)
    _flag(flags, rows["ts_recv_ns"] - rows["ts_event_ns"] > limits.stale_ns, ChainReason.STALE)
    rules = [chain_rule(root) for root in roots]
    tick, below, until, step = (
        np.array([getattr(rule, name) for rule in rules] or [1.0])[rows["root"]]
        for name in ("tick", "tick_below", "tick_break", "strike_step")
    )
    off = np.zeros(len(bid), np.bool_)
    for price in (bid, ask):
        off |= _off_grid(price, np.where(price < until, below, tick))
    _flag(flags, off, ChainReason.OFF_GRID_PRICE)
    _flag(flags, _off_grid(rows["strike"], step), ChainReason.OFF_GRID_STRIKE)
    absurd = absurd_vendor(rows["vendor_iv"], rows["vendor_delta"], rows["vendor_gamma"], rows["right"], limits.iv_max)
    _flag(flags, absurd, ChainReason.VENDOR_GREEKS)


def absurd_vendor(iv: F64_1D, delta: F64_1D, gamma: F64_1D, right: NDArray[np.int8], iv_max: float) -> BOOL_1D:
    """Where a vendor's volatility or greeks cannot be, (n,): `ChainReason.VENDOR_GREEKS`; NaN is nothing said."""
    absurd: BOOL_1D = (iv <= 0) | (iv > iv_max) | (np.abs(delta) > 1) | (delta * right < 0) | (gamma < 0)
    return absurd


def _off_grid(values: F64_1D, step: F64_1D) -> BOOL_1D:
    steps = values / step
    off: BOOL_1D = np.abs(steps - np.rint(steps)) > _GRID_TOLERANCE * np.maximum(1.0, np.abs(steps))
    return off


def _flag_arbitrage(rows: Mapping[str, Any], roots: tuple[str, ...], flags: NDArray[np.uint32]) -> None:
    ticks = np.array([chain_rule(root).tick_below for root in roots] or [0.0])[rows["root"]]
    futures = [future_of(root) for root in roots]
    beneath = np.array([futures.index(one) for one in futures] or [0])[rows["root"]]
    vertical, butterfly = smile_arbitrage(rows)
    _flag(flags, absurd_asks(rows), ChainReason.ABSURD_ASK)
    _flag(flags, vertical, ChainReason.VERTICAL)
    _flag(flags, butterfly, ChainReason.BUTTERFLY)
    parity, bounds, calendar = european_arbitrage(rows, ticks, beneath)
    _flag(flags, parity, ChainReason.PARITY)
    _flag(flags, bounds | exercise_bounds(rows), ChainReason.BOUNDS)
    _flag(flags, calendar, ChainReason.CALENDAR)


def _against_before(
    rows: Mapping[str, Any],
    roots: tuple[str, ...],
    offsets: I64_1D,
    limits: ChainLimits,
    before: ChainSnapshots | None,
    flags: NDArray[np.uint32],
) -> tuple[list[tuple[int, str, int]], list[tuple[int, float]]]:
    """(expiries that went missing, snapshots that are copies of the one before with the share that is the same)."""
    missing: list[tuple[int, str, int]] = []
    copies: list[tuple[int, float]] = []
    old: dict[str, Any] | None = None
    if before is not None and before.snapshot_count:
        last = before.snapshot(-1)
        place = np.array([roots.index(root) if root in roots else -1 - at for at, root in enumerate(last.roots)])
        old = {name: getattr(last, name) for name in (*_CONTRACT, "bid", "ask")} | {"root": place[last.root]}
    names = dict(enumerate(roots))
    if before is not None:
        names |= {-1 - at: root for at, root in enumerate(before.roots)}
    for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        now = {name: rows[name][begin:end] for name in (*_CONTRACT, "bid", "ask")}
        recv = int(rows["ts_recv_ns"][begin])
        if old is not None:
            here = set(zip(now["root"].tolist(), now["expiry_ns"].tolist(), strict=True))
            there = set(zip(old["root"].tolist(), old["expiry_ns"].tolist(), strict=True))
            missing += [(recv, names[root], expiry) for root, expiry in sorted(there - here) if expiry > recv]
            share = _share_equal(old, now, limits.stale_quotes_min)
            if share >= limits.stale_share:
                copies.append((recv, share))
                flags[begin:end] |= np.uint32(ChainReason.STALE)
        old = now
    return missing, copies


def _share_equal(old: Mapping[str, Any], now: Mapping[str, Any], quotes_min: int) -> float:
    """Share of two-sided quotes of contracts in both snapshots that are the same; 0 where there are too few."""
    sides = []
    for one in (old, now):
        two = (one["bid"] > 0) & (one["ask"] > 0)
        sides.append({name: one[name][two] for name in (*_CONTRACT, "bid", "ask")})
    joined = {name: np.concatenate([side[name] for side in sides]) for name in (*_CONTRACT, "bid", "ask")}
    order = np.lexsort(tuple(joined[name] for name in reversed(_CONTRACT)))
    twin = np.ones(max(len(order) - 1, 0), np.bool_)
    for name in _CONTRACT:
        twin &= joined[name][order][1:] == joined[name][order][:-1]
    if int(twin.sum()) < quotes_min:
        return 0.0
    equal = twin.copy()
    for name in ("bid", "ask"):
        equal &= joined[name][order][1:] == joined[name][order][:-1]
    return float(equal.sum() / twin.sum())


def _examples(
    columns: Mapping[str, Any], roots: tuple[str, ...], reasons: NDArray[np.uint32], most: int
) -> tuple[ChainExample, ...]:
    found = []
    for reason in ChainReason:
        for row in np.flatnonzero(reasons & np.uint32(reason))[:most].tolist():
            found.append(ChainExample(reason, row, row_text(columns, roots, row)))
    return tuple(found)


def row_text(columns: Mapping[str, Any], roots: tuple[str, ...], row: int) -> str:
    """A row for people: which contract, when, and its quote."""
    kind = "call" if columns["right"][row] > 0 else "put"
    day = day_of(int(columns["expiry_ns"][row]) // (24 * 60 * NS_PER_MINUTE))
    return (
        f"{roots[int(columns['root'][row])]} {day} {columns['strike'][row]:g} {kind}, snapshot "
        f"{format_ns(int(columns['ts_recv_ns'][row]))}: bid {columns['bid'][row]:g}, ask {columns['ask'][row]:g}, "
        f"vendor volatility {columns['vendor_iv'][row]:g}"
    )
