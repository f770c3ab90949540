"""One snapshot of a chain, from a file or from the catalog, and what every analysis of it begins with.

A chain is named as people name it: a file of quotes, or a series of the catalog and a day. What comes out is the same:
the quotes of one instant, each with years to its expiry, forward and discount of its expiry by put-call parity, and the
volatilities that bid, middle and ask imply. A quote without an answer keeps its reason. Of options on futures the
forward is the price of the future beneath each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from argus.app.option_futures import future_forwards, futures_notes, futures_of
from argus.app.option_spot import agreed_spot, near_forward
from argus.core.arrays import BOOL_1D, F64_1D, I64_1D
from argus.core.errors import ConfigError, CoverageError, DataError, ImportFailed
from argus.core.time import NS_PER_DAY, format_ns, parse_ns
from argus.core.words import agreed, counted

if TYPE_CHECKING:
    from argus.core.chains import ChainSnapshots
    from argus.options import ForwardFit, QuoteVols, RateCurve
    from argus.options.columns import U8_1D

__all__ = [
    "RATE_ERROR_MAX",
    "ChainBook",
    "Snapshot",
    "absurd_notes",
    "open_chains",
    "open_snapshot",
    "snapshot_of",
    "time_range",
]

_RATE_YEARS_MIN: Final = 45.0 / 365.0
RATE_ERROR_MAX: Final = 0.002
"""Standard error of a rate, as a fraction a year, up to which an expiry knows its own."""
_NEEDED: Final = ("symbol", "root", "future", "expiry", "right", "strike", "bid", "ask")
"""Columns that a file must have, of those that its form names; the others may be missing."""
_DAY_LENGTH: Final = len("2019-06-20")
_NS_MIN: Final = -(2**62)
_NS_MAX: Final = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The options on one underlying at one instant, priced against their own forwards.

    Attributes
    ----------
    chain : ChainSnapshots
        One snapshot.
    source : str
        Where it is from: a file's name, or series and instant.
    now_ns : int
        Instant of the quotes, UTC: the latest of the rows.
    expiry : (n,) int64
        Number of the row's expiry among `forwards`; contracts that settle on the open and on the close are apart.
    expiry_ns : (m,) int64
    roots : (m,) tuple of str
    years : (n,) float64
    forwards : ForwardFit
        Of each expiry; the errors of the forwards hold those of the rates.
    own : ForwardFit
        The same where each expiry's quotes are asked for the rate too: what they say of it, and how surely.
    rate_error : (m,) float64
        Standard error of the rates in `forwards`; 0 where the user stated them.
    vols : QuoteVols
        Of bid, middle and ask, from the side that is out of the money; of options that may be exercised early by a
        model that knows it, so that all are those of European options.
    spot : float
        The underlying: as the vendor gives it, or as options that may be exercised early imply it where the two
        contradict each other; else the nearest forward of two days or more; NaN without any. Of options on futures
        always that forward, the price of the nearest future: for what a row is on, see `beneath`.
    notes : tuple of str
    """

    chain: ChainSnapshots
    source: str
    now_ns: int
    expiry: I64_1D
    expiry_ns: I64_1D
    roots: tuple[str, ...]
    years: F64_1D
    forwards: ForwardFit
    own: ForwardFit
    rate_error: F64_1D
    vols: QuoteVols
    spot: float
    notes: tuple[str, ...] = ()

    @property
    def forward(self) -> F64_1D:
        """Forward of each row's expiry, (n,)."""
        return self.forwards.forward[self.expiry]

    @property
    def discount(self) -> F64_1D:
        """Discount factor to each row's expiry, (n,)."""
        return self.forwards.discount[self.expiry]

    @property
    def futures(self) -> tuple[str, ...]:
        """Futures contract beneath each expiry, (m,); empty where there is none."""
        from argus.core.chains import future_of

        return tuple(future_of(root) for root in self.roots)

    @property
    def is_on_futures(self) -> bool:
        """Whether the options are on futures: then all are."""
        return any(self.futures)

    @property
    def future_marks(self) -> I64_1D:
        """Number of the future beneath each expiry, (m,): equal for expiries on the same, as for all on no future."""
        return np.unique(np.array(self.futures), return_inverse=True)[1].astype(np.int64)

    @property
    def beneath(self) -> F64_1D:
        """Price of what each row is on, (n,): its future, or the one underlying."""
        return self.forward if self.is_on_futures else np.full(len(self.chain), self.spot)

    @property
    def is_early(self) -> BOOL_1D:
        """Where the option may be exercised early, (n,)."""
        from argus.core.chains import is_american

        return is_american(self.chain.settlement)

    @property
    def no_price(self) -> BOOL_1D:
        """Asks that are no price, and middles above the most that the option can pay, (n,)."""
        return _no_price(self.chain, self.vols)

    def as_european(self, rows: I64_1D) -> tuple[F64_1D, F64_1D]:
        """Bid and ask of some rows, without what the right to exercise early is worth in them.

        A side that is no quote stays what it is; one that has no volatility is NaN.
        """
        from argus.options import black76_price

        early = self.is_early[rows]
        given = (self.forward[rows], self.discount[rows], self.chain.strike[rows], self.years[rows])
        sides = []
        for price, vols in ((self.chain.bid[rows], self.vols.bid), (self.chain.ask[rows], self.vols.ask)):
            if early.any():
                bare = black76_price(*given, vols.vol[rows], self.chain.right[rows]).price
                price = np.where(early & (price > 0.0), bare, price)
            sides.append(price)
        return sides[0], sides[1]

    @property
    def is_out(self) -> BOOL_1D:
        """Where the option is out of the money or at it; every strike once, but for one at the forward, (n,)."""
        chain = self.chain
        out: BOOL_1D = np.where(chain.right > 0, chain.strike >= self.forward, chain.strike < self.forward)
        return out


def open_snapshot(
    chain: str,
    at: str | None,
    *,
    workspace: Path | None = None,
    underlying: str | None = None,
    preset: str | None = None,
    rate: float | None = None,
) -> Snapshot:
    """A snapshot by name.

    Parameters
    ----------
    chain : str
        A file of quotes, or a series of the catalog such as ``SPX/eod``.
    at : str or None
        The last snapshot of a day (ISO date, UTC), or the last known at an instant; None takes the last of all.
    workspace : Path or None
        Whose catalog; not read for a file.
    underlying, preset : str or None
        Of a file: what the options are on, and its form. Both are told by the file where they are not stated.
    rate : float or None
        Continuous annual rate; None takes the rates that the chain's own longer expiries show.

    Raises
    ------
    ConfigError
        If `at` cannot be read, or the form of the file cannot be told.
    ImportFailed, CatalogError, CoverageError
        If the file cannot be read, or the catalog has no such series or snapshot.
    """
    book = open_chains(chain, workspace=workspace, underlying=underlying, preset=preset)
    begin, end = time_range(at)
    found = book.last(begin, end)
    if found is None:
        first, last = (format_ns(ns) for ns in book.span_ns)
        raise CoverageError(f"{book.name} has no snapshot of {at}; its snapshots are from {first} to {last}")
    return snapshot_of(found, book.name, book.notes, rate=rate)


@dataclass(frozen=True, slots=True, eq=False)
class ChainBook:
    """The snapshots of a file or of a series, by when they could be known.

    Attributes
    ----------
    name : str
        The file's name, or the series.
    underlying : str
    span_ns : tuple of int
        When the first and the last snapshot could be known.
    starts_ns : tuple of int
        From where it can be read without reading what lies before, ascending.
    load : callable
        Snapshots known from an instant until before another; None if there is none.
    notes : tuple of str
    """

    name: str
    underlying: str
    span_ns: tuple[int, int]
    starts_ns: tuple[int, ...]
    load: Callable[[int, int], ChainSnapshots | None]
    notes: tuple[str, ...] = ()

    def last(self, begin_ns: int, end_ns: int) -> ChainSnapshots | None:
        """The last snapshot known from `begin_ns` until before `end_ns`; None if there is none."""
        starts = [start for start in self.starts_ns if start < end_ns]
        found = self.load(max(begin_ns, starts[-1]), end_ns) if starts else None
        return None if found is None else found.snapshot(found.snapshot_count - 1)

    def known(self, now_ns: int, since_ns: int) -> list[ChainSnapshots]:
        """The snapshots known by `now_ns`, in order: those known since `since_ns`, but always the last."""
        last = self.last(_NS_MIN, now_ns + 1)
        if last is None:
            return []
        found = self.load(min(since_ns, int(last.ts_recv_ns[0])), now_ns + 1)
        return [] if found is None else [found.snapshot(at) for at in range(found.snapshot_count)]


def open_chains(
    chain: str, *, workspace: Path | None = None, underlying: str | None = None, preset: str | None = None
) -> ChainBook:
    """The snapshots of a file of quotes, or of a series of the catalog; raises as `open_snapshot`."""
    path = Path(chain)
    return _of_file(path, underlying, preset) if path.is_file() else _of_catalog(chain, workspace)


def snapshot_of(
    chain: ChainSnapshots, source: str, notes: tuple[str, ...] = (), *, rate: float | None = None
) -> Snapshot:
    """Forwards and implied volatilities of one snapshot.

    The parity line of a short expiry says little about its own discount. Rates are therefore taken from the expiries
    of six weeks and more whose own are well known, and the forwards fitted again with them.

    Raises
    ------
    ConfigError
        If there are several snapshots, or none, or some of its options are on futures and others not.
    """
    from argus.core.chains import is_american, years_to_expiry
    from argus.options import RateCurve, implied_forwards, quote_vols

    if chain.snapshot_count != 1:
        raise ConfigError(f"{source}: {chain.snapshot_count} snapshots are there; one is analysed at a time")
    now_ns = int(chain.ts_event_ns.max())
    keys = np.stack((chain.expiry_ns, chain.root.astype(np.int64)))
    unique, inverse = np.unique(keys, axis=1, return_inverse=True)
    expiry = np.asarray(inverse, dtype=np.int64).ravel()
    years = years_to_expiry(now_ns, chain.expiry_ns)
    roots = tuple(chain.roots[int(root)] for root in unique[1])
    futures = futures_of(roots, source)
    given = chain.underlying_price
    spot = float(np.nanmedian(given)) if np.isfinite(given).any() else float("nan")
    quotes = (expiry, years, chain.strike, chain.right, chain.bid, chain.ask)
    early = is_american(chain.settlement)
    if futures:
        fit = partial(implied_forwards, *quotes, early=early, on_futures=True)
        notes = (*notes, *futures_notes(futures, is_early=bool(early.any())))
    else:
        spot_error = 0.0
        if early.any():
            spot, spot_error, told = agreed_spot(quotes, early, spot)
            notes = (*notes, *told, _EARLY)
        fit = partial(implied_forwards, *quotes, spot=spot, spot_error=spot_error, early=early)
    own = fit()
    curve, errors = _own_rates(own) if rate is None else (RateCurve.flat(rate), None)
    if curve is None:
        notes = (*notes, _NO_RATE)
    forwards = own if curve is None else fit(curve=curve)
    if futures:
        forwards, told = future_forwards(
            roots, unique[0], expiry, given, forwards, lambda known: fit(curve=curve, forward=known)
        )
        notes, spot = (*notes, *told), near_forward(forwards)[0]
    # Between two points of the curve the errors add up as the rates do: at worst, they are of one sign.
    rate_error = forwards.rate_error if curve is None else np.zeros(len(own.rate))
    if curve is not None and errors is not None:
        rate_error = errors.rate(forwards.years)
        if not futures:
            moved = fit(curve=RateCurve(curve.years, curve.zero + errors.zero)).forward - forwards.forward
            forwards = replace(forwards, forward_error=np.hypot(forwards.forward_error, moved))
    sides = (forwards.forward[expiry], forwards.discount[expiry], chain.strike, years, chain.right)
    vols = quote_vols(chain.bid, chain.ask, *sides)
    if early.any():
        beneath = forwards.forward[expiry] if futures else np.full(len(chain), spot)
        vols = _with_early_exercise(chain, early, vols, forwards, expiry, years, beneath)
    vols = _with_reasons_of(vols, forwards.reason[expiry])
    notes = (*notes, *absurd_notes(int(_no_price(chain, vols).sum())))
    if not np.isfinite(spot):
        spot = near_forward(forwards)[0]
    return Snapshot(
        chain, source, now_ns, expiry, unique[0], roots, years, forwards, own, rate_error, vols, spot, notes
    )


def _no_price(chain: ChainSnapshots, vols: QuoteVols) -> BOOL_1D:
    from argus.core.chains import CHAIN_COLUMNS
    from argus.data.chain_quality import absurd_asks
    from argus.options import Reason

    absurd = absurd_asks({name: getattr(chain, name) for name in CHAIN_COLUMNS})
    found: BOOL_1D = absurd | (vols.mid.reason == Reason.ABOVE_MAXIMUM)
    return found


def absurd_notes(count: int) -> tuple[str, ...]:
    """How many quotes are no price, in a sentence; none where all are one."""
    if not count:
        return ()
    ask = agreed(count, "asks more than its option", "ask more than their options")
    return (f"{counted(count, 'quote')} {ask} can ever pay: no leg is taken from {agreed(count, 'it', 'them')}",)


def _with_reasons_of(vols: QuoteVols, without: U8_1D) -> QuoteVols:
    """The reason for which the expiry has no forward, where that is why a quote has no volatility."""
    from argus.options import ImpliedVols, QuoteVols

    return QuoteVols(
        *(
            ImpliedVols(side.vol, np.where(without != 0, without, side.reason).astype(np.uint8))
            for side in (vols.bid, vols.mid, vols.ask)
        )
    )


_NO_RATE: Final = (
    "no expiry of six weeks or more tells its rate well: each has the rate of its own quotes, which over days is "
    "noise, and may be off by more than its standard error; a rate can be stated"
)
_EARLY: Final = (
    "these options may be exercised early: forwards, volatilities, surface and chances are those of European options, "
    "with that right taken out; positions are valued with it. Both are by a steady dividend yield, which knows no date "
    "of a dividend"
)


def _with_early_exercise(
    chain: ChainSnapshots,
    early: BOOL_1D,
    vols: QuoteVols,
    forwards: ForwardFit,
    expiry: I64_1D,
    years: F64_1D,
    spot: F64_1D,
) -> QuoteVols:
    """Volatilities of options that may be exercised early by a model that knows it; the others stay.

    A bid in the money that is no more than exercising pays leaves the volatility open, and a middle above it would be
    noise: such an option has the volatility of the other right at its strike, or none.
    """
    from argus.options import ImpliedVols, QuoteVols, Reason, american_implied_vol

    intrinsic = chain.right * (spot - chain.strike)
    bare = np.flatnonzero(early & (intrinsic > 0.0) & (chain.bid > 0.0) & (chain.bid <= intrinsic))
    twin = _other_rights(expiry, chain.strike, chain.right, bare)
    sides = []
    for side, price in ((vols.bid, chain.bid), (vols.mid, 0.5 * (chain.bid + chain.ask)), (vols.ask, chain.ask)):
        # A price that no European option can have may well be that of an American one.
        open_ = np.isin(side.reason, (Reason.OK, Reason.BELOW_INTRINSIC, Reason.ABOVE_MAXIMUM))
        rows = np.flatnonzero(early & open_)
        rate, dividend = forwards.rate[expiry[rows]], forwards.dividend_yield[expiry[rows]]
        found = american_implied_vol(
            price[rows], spot[rows], chain.strike[rows], years[rows], rate, dividend, chain.right[rows]
        )
        vol, reason = side.vol.copy(), side.reason.copy()
        vol[rows], reason[rows] = found.vol, found.reason
        known = twin >= 0
        known[known] = np.isfinite(vol[twin[known]])
        vol[bare], reason[bare] = np.where(known, vol[twin], np.nan), np.where(known, Reason.OK, Reason.BELOW_INTRINSIC)
        sides.append(ImpliedVols(vol, reason))
    return QuoteVols(*sides)


def _other_rights(expiry: I64_1D, strike: F64_1D, right: NDArray[np.int8], rows: I64_1D) -> I64_1D:
    """Of some rows, that of the same expiry and strike with the other right; -1 where there is none."""
    places = {key: row for row, key in enumerate(zip(expiry.tolist(), strike.tolist(), right.tolist(), strict=True))}
    wanted = zip(expiry[rows].tolist(), strike[rows].tolist(), (-right[rows]).tolist(), strict=True)
    return np.array([places.get(key, -1) for key in wanted], dtype=np.int64)


def _own_rates(forwards: ForwardFit) -> tuple[RateCurve | None, RateCurve | None]:
    """Rates of the expiries that know theirs, and their standard errors; of one instant the better known.

    None twice if there is none.
    """
    from argus.options import RateCurve

    known = np.isfinite(forwards.rate) & (forwards.years >= _RATE_YEARS_MIN)
    error = np.where(known, forwards.rate_error, np.inf)
    places = np.flatnonzero(known & (error <= RATE_ERROR_MAX))
    places = places[np.lexsort((error[places], forwards.years[places]))]
    years, first = np.unique(forwards.years[places], return_index=True)
    if not len(years):
        return None, None
    places = places[first]
    return RateCurve(years, forwards.rate[places]), RateCurve(years, error[places])


def _of_file(path: Path, underlying: str | None, preset: str | None) -> ChainBook:
    from argus.data.chain_importing import chain_preset, read_chain_file

    name = preset or _preset_of(path)
    spec = chain_preset(name, underlying or _underlying_of(path, name))
    read = read_chain_file(path, spec)
    notes = []
    if read.quarantined:
        first = read.quarantined[0].message
        notes.append(f"{counted(len(read.quarantined), 'row')} of the file could not be used; the first: {first}")
    known = read.chain.ts_recv_ns

    def load(begin_ns: int, end_ns: int) -> ChainSnapshots | None:
        begin, end = np.searchsorted(known, (begin_ns, end_ns))
        return read.chain.rows(int(begin), int(end)) if end > begin else None

    span_ns = int(known[0]), int(known[-1])
    return ChainBook(path.name, spec.underlying, span_ns, span_ns[:1], load, (*notes, *read.notes))


def _preset_of(path: Path) -> str:
    from argus.data.chain_importing import CHAIN_PRESETS
    from argus.data.sources import open_source

    there = set(open_source(path).names)
    fitting = [
        name
        for name, form in CHAIN_PRESETS.items()
        if {form["time_column"], *(form["columns"].get(field, "") for field in _NEEDED), ""} - {""} <= there
    ]
    if len(fitting) != 1:
        raise ConfigError(
            f"{path.name}: its form cannot be told from its columns ({', '.join(sorted(there))}); state --preset "
            f"({', '.join(CHAIN_PRESETS)}), or import it with argus options import and name the series"
        )
    return fitting[0]


def _underlying_of(path: Path, preset: str) -> str:
    """By the first symbol, or future, that can be read."""
    from argus.core.option_symbols import parse_option_symbol
    from argus.data.chain_importing import CHAIN_PRESETS, future_root
    from argus.data.option_expiries import option_rule
    from argus.data.sources import open_source

    columns = CHAIN_PRESETS[preset]["columns"]
    column = columns["symbol" if "symbol" in columns else "future"]
    for text in open_source(path).table([column]).frame[column].head(100):
        try:
            if "symbol" not in columns:
                return future_root(str(text))
            return option_rule(parse_option_symbol(str(text)).root).underlying
        except DataError:
            continue
    raise ImportFailed(f"{path.name}: none of the first symbols in {column} can be read; state --underlying")


def _of_catalog(name: str, workspace: Path | None) -> ChainBook:
    from argus.app.workspace import open_workspace
    from argus.data.chain_store import ChainFilter, ChainStore

    store = ChainStore(open_workspace(workspace).catalog().root)
    manifest = store.manifest(name)

    def load(begin_ns: int, end_ns: int) -> ChainSnapshots | None:
        try:
            return store.load(name, ChainFilter(start_ns=begin_ns, end_ns=end_ns))
        except CoverageError:
            return None

    starts_ns = tuple(segment.first_recv_ns for segment in manifest.segments)
    return ChainBook(name, manifest.underlying, manifest.span_ns, starts_ns, load)


def time_range(at: str | None) -> tuple[int, int]:
    """From and to before which a snapshot may be known: of a day, by an instant, or ever.

    Raises
    ------
    ConfigError
        If it is neither an ISO date nor an instant.
    """
    if at is None:
        return _NS_MIN, _NS_MAX
    if len(at) == _DAY_LENGTH:
        first = parse_ns(at)
        return first, first + NS_PER_DAY
    return _NS_MIN, parse_ns(at) + 1
