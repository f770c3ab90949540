"""The volatility surface of a snapshot, what its smiles say, and which quotes do not fit it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from argus.app.option_snapshots import Snapshot, snapshot_of
from argus.core.arrays import F64_1D, I64_1D
from argus.core.chains import settlement_text, settles_at_open
from argus.core.errors import ConfigError, CoverageError, DataError
from argus.core.time import NS_PER_DAY, NS_PER_SECOND, format_ns
from argus.core.words import agreed, counted

if TYPE_CHECKING:
    from argus.core.chains import ChainSnapshots
    from argus.options.anomalies import Anomalies, QuoteResiduals, RegionAnomalies
    from argus.options.model_free import ModelFreeIndex
    from argus.options.surface import QuoteFit, Surface
    from argus.options.surface_shape import SmileShapes

__all__ = [
    "MONEYNESS_EDGES",
    "TENOR_DAYS",
    "AnomalyReport",
    "PublishedIndex",
    "SurfaceReport",
    "VolOutlook",
    "calendars_unjudged",
    "expiry_names",
    "find_misfits",
    "fit_snapshot",
    "forward_vols",
    "index_of",
    "local_vols",
    "past_snapshots",
    "read_published",
    "vol_outlook",
]

TENOR_DAYS: Final = (14.0, 45.0, 120.0, 365.0)
"""Where regions of tenor begin and end, in days."""
MONEYNESS_EDGES: Final = (-2.5, -1.5, -0.5, 0.5, 1.5)
"""Where regions of moneyness begin and end, in deviations at the volatility at the money of 30 days."""

_INDEX_DAYS: Final = (23.0, 37.0)
_TARGET_DAYS: Final = 30.0
_FRIDAY: Final = 4
_MONTH: Final = 21
_SESSIONS_A_YEAR: Final = 252
_NEW_YORK: Final = ZoneInfo("America/New_York")
_PRICES: Final = ("open", "high", "low", "close")
_GARCH_ROWS: Final = 2_000
_STEP_YEARS_MIN: Final = (1.0 - 1e-9) / 365.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceReport:
    """A fitted surface, and what is read from it.

    Attributes
    ----------
    snapshot : Snapshot
    surface : Surface
    shapes : SmileShapes
        Of its expiries.
    fit : QuoteFit
        Of every quote that is out of the money; rows as in `rows`.
    rows : (q,) int64
        Rows of the snapshot that are out of the money.
    index : ModelFreeIndex or None
        Model-free volatility of 30 days by the rules of the VIX; None where no two expiries lie around it.
    """

    snapshot: Snapshot
    surface: Surface
    shapes: SmileShapes
    fit: QuoteFit
    rows: I64_1D
    index: ModelFreeIndex | None

    @property
    def marks(self) -> I64_1D:
        """Number of the future beneath each expiry of the surface, (n,): equal where they are on one price."""
        snapshot = self.snapshot
        place = [int(np.argmax(snapshot.forwards.years == own)) for own in self.surface.years.tolist()]
        return snapshot.future_marks[place]


def fit_snapshot(snapshot: Snapshot) -> SurfaceReport:
    """Fit the out-of-the-money quotes of a snapshot.

    Raises
    ------
    CoverageError
        If no expiry has enough quotes for a smile.
    """
    from argus.options.surface import fit_surface, judge_quotes
    from argus.options.surface_shape import surface_shapes

    chain, vols = snapshot.chain, snapshot.vols
    rows = np.flatnonzero(snapshot.is_out)
    quotes = (chain.strike[rows], snapshot.years[rows])
    forward, bid, ask = snapshot.forward[rows], vols.bid.vol[rows], vols.ask.vol[rows]
    beneath = snapshot.future_marks[snapshot.expiry[rows]]
    surface = fit_surface(quotes[0], chain.right[rows], quotes[1], forward, bid, ask, beneath=beneath)
    if not len(surface.years):
        raise CoverageError(
            f"{snapshot.source}: none of {counted(len(snapshot.expiry_ns), 'expiry', 'expiries')} "
            f"has six out-of-the-money quotes with a bid "
            "and an ask; a smile cannot be fitted"
        )
    fit = judge_quotes(surface, *quotes, bid, ask, forward=forward)
    return SurfaceReport(snapshot, surface, surface_shapes(surface), fit, rows, index_of(snapshot))


def expiry_names(report: SurfaceReport) -> list[tuple[str, str, str]]:
    """(date in UTC, root, how it ends) of each expiry of the surface; of roots that end at one instant all."""
    snapshot, names = report.snapshot, []
    for years in report.surface.years.tolist():
        places = np.flatnonzero(snapshot.forwards.years == years).tolist()
        ends = [snapshot.chain.settlement[snapshot.expiry == place][0] for place in places]
        told = [settlement_text(int(one)).replace("European", "").strip() for one in ends]
        roots = dict.fromkeys(snapshot.roots[place] for place in places)
        date = format_ns(int(snapshot.expiry_ns[places[0]]))[:10]
        names.append((date, " ".join(roots), ", ".join(dict.fromkeys(told))))
    return names


def calendars_unjudged(report: SurfaceReport) -> str:
    """Why no calendar spread of a surface could be judged; empty where one was."""
    if np.isfinite(report.surface.rise_min).any():
        return ""
    each = "each future has" if len(report.surface.years) > 1 else "there is"
    return f"Calendar spreads could not be judged: {each} one expiry with a smile."


def forward_vols(report: SurfaceReport) -> F64_1D:
    """Volatility at the money between the last expiry that is a day or more before, and each; NaN without one, (n,).

    Both are on one future, where they are on futures.

    Between the opening and the closing settlement of one date lie some hours, and the difference of two variances over
    so little time is mostly their error.
    """
    years, total = report.shapes.years, report.shapes.vol_atm**2 * report.shapes.years
    found = np.full(len(years), np.nan)
    mark = report.marks
    for row in range(len(years)):
        before = np.flatnonzero((years[row] - years >= _STEP_YEARS_MIN) & (mark == mark[row]))
        if len(before):
            rise = total[row] - total[before[-1]]
            found[row] = np.sqrt(rise / (years[row] - years[before[-1]])) if rise >= 0.0 else np.nan
    return found


def local_vols(report: SurfaceReport, k: F64_1D) -> tuple[NDArray[np.float64], str]:
    """Dupire's volatility at some log-moneyness of each expiry, (n, len(k)), and why expiries have none.

    It is a slope in time at one price: towards the next expiry on the same future, at the last one from that before.
    An expiry that is alone on its future has none.
    """
    surface, mark = report.surface, report.marks
    years, last = surface.years, len(surface.years) - 1
    same = mark[1:] == mark[:-1]
    ahead, behind = np.append(same, False), np.append(False, same)
    # At an expiry the surface's slope is that of the time after it, but at its own last one.
    at = np.where(ahead | (np.arange(last + 1) == last), years, np.nextafter(years, 0.0))
    found = surface.local_vol(np.tile(k, len(years)), np.repeat(at, len(k))).value.reshape(len(years), len(k))
    alone = ~(ahead | behind)
    found[alone] = np.nan
    if not last:
        return found, "they are the slope of the surface in time, and one expiry has none"
    if alone.all():
        return found, "they are those of one price, and each future has one expiry with a smile"
    if alone.any():
        names = np.unique(np.array(report.snapshot.futures))[mark[alone]]
        has = agreed(len(names), "has", "have")
        return found, f"they are those of one price, and {', '.join(names)} {has} one expiry with a smile"
    return found, ""


def index_of(snapshot: Snapshot, days: float = _TARGET_DAYS) -> ModelFreeIndex | None:
    """Volatility over `days` by the rules of the VIX, from the expiries on either side of it.

    Of the expiries from 23 to 37 days those on Fridays count, as for the index itself; all of them where there is
    no Friday on both sides.
    """
    from argus.options.model_free import model_free_index, model_free_variance

    forwards, chain = snapshot.forwards, snapshot.chain
    away = forwards.years * 365.0 * (_TARGET_DAYS / days)
    usable = (away > _INDEX_DAYS[0]) & (away <= _INDEX_DAYS[1]) & np.isfinite(forwards.rate)
    weekday = [datetime.fromtimestamp(int(ns) // NS_PER_SECOND, UTC).weekday() for ns in snapshot.expiry_ns]
    # Where an expiry that settles on the open shares its date with one that settles on the close, the index takes it.
    date = snapshot.expiry_ns // NS_PER_DAY
    opens = np.array([bool(settles_at_open(chain.settlement[snapshot.expiry == k])[0]) for k in range(len(date))])
    usable &= opens | ~np.isin(date, date[opens])
    friday = usable & (np.array(weekday) == _FRIDAY)
    for among in (friday, usable):
        near, later = np.flatnonzero(among & (away <= _TARGET_DAYS)), np.flatnonzero(among & (away > _TARGET_DAYS))
        if len(near) and len(later):
            break
    else:
        return None
    both = []
    for expiry in (near[np.argmax(away[near])], later[np.argmin(away[later])]):
        rows = np.flatnonzero(snapshot.expiry == expiry)
        both.append(
            model_free_variance(
                chain.strike[rows],
                chain.right[rows],
                *snapshot.as_european(rows),
                years=float(forwards.years[expiry]),
                rate=float(forwards.rate[expiry]),
            )
        )
    return model_free_index(both[0], both[1], days=days)


@dataclass(frozen=True, slots=True)
class PublishedIndex:
    """A volatility index as its publisher states it for one session, in percent.

    Attributes
    ----------
    day : date
    open, high, low, close : float
    source : str
        The file's name.
    """

    day: date
    open: float
    high: float
    low: float
    close: float
    source: str

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range of the day, its ends included; NaN does not."""
        return self.low <= value <= self.high


def read_published(path: Path, snapshot: Snapshot) -> PublishedIndex:
    """What a file of daily values says of the session of a snapshot.

    Parameters
    ----------
    path : Path
        Text or Parquet with the columns date, open, high, low and close, however they are capitalised; dates are ISO
        (what follows the day is not read), or month/day/year as Cboe writes them.
    snapshot : Snapshot
        Its session is the day in New York.

    Raises
    ------
    DataError
        If a column is missing, or the row of the day is not a range with open and close in it.
    CoverageError
        If the file does not have the day once.
    """
    import polars as pl

    from argus.data.sources import open_source

    source = open_source(path)
    named = {name.strip().lower(): name for name in source.names}
    missing = [name for name in ("date", *_PRICES) if name not in named]
    if missing:
        raise DataError(f"{path.name} has no column {missing[0]}; it has {', '.join(source.names)}")
    frame = source.table([named[name] for name in ("date", *_PRICES)]).frame
    days = [_day(text) for text in frame[named["date"]].cast(pl.String).to_list()]
    wanted = datetime.fromtimestamp(snapshot.now_ns // NS_PER_SECOND, _NEW_YORK).date()
    rows = [row for row, day in enumerate(days) if day == wanted]
    if len(rows) != 1:
        known = sorted(day for day in days if day is not None)
        span = f"from {known[0]} to {known[-1]}" if known else "none that can be read as YYYY-MM-DD or MM/DD/YYYY"
        times = f"{len(rows)} times" if rows else "not"
        raise CoverageError(f"{path.name} has {wanted}, the session of the snapshot, {times}; its dates are {span}")
    given = {name: frame[named[name]][rows[0]] for name in _PRICES}
    try:
        found = PublishedIndex(wanted, **{name: float(value) for name, value in given.items()}, source=path.name)
    except (TypeError, ValueError):
        found = PublishedIndex(wanted, *(float("nan"),) * 4, path.name)
    if not (found.low > 0.0 and found.holds(found.open) and found.holds(found.close)):
        raise DataError(f"{path.name}, {wanted}: {given} is no day's range with its open and close inside")
    return found


def _day(text: str | None) -> date | None:
    """The day of a date as text; None where it is none."""
    words = (text or "").strip()
    parts = words.split("/")
    try:
        return date.fromisoformat("{2}-{0:0>2}-{1:0>2}".format(*parts) if len(parts) == 3 else words[:10])
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class VolOutlook:
    """What options charge for a month of volatility, and what is to be expected by the past; annual, as fractions.

    Attributes
    ----------
    implied : float
        The model-free volatility of 30 days.
    realised : tuple of (str, float)
        Volatilities of the past, by their windows.
    forecasts : tuple of (str, float, float)
        Method, forecast for the next 21 sessions, and the variance risk premium: implied less forecast, as variances.
    sessions : int
        Returns of the past that they stand on.
    """

    implied: float
    realised: tuple[tuple[str, float], ...]
    forecasts: tuple[tuple[str, float, float], ...]
    sessions: int


def vol_outlook(report: SurfaceReport, log_returns: F64_1D) -> VolOutlook:
    """Forecasts by EWMA, HAR and GARCH, each fitted on these returns alone, beside what options imply.

    Parameters
    ----------
    report : SurfaceReport
    log_returns : (n,) float64
        Of single sessions, all known at the snapshot.
    """
    from argus.options import forecast_ewma, forecast_garch, forecast_har, variance_risk_premium

    index = report.index
    implied = index.index / 100.0 if index is not None and not index.reason else float("nan")
    variance = log_returns**2
    recent = log_returns[-_GARCH_ROWS:]
    found = {
        "EWMA, 0.94": forecast_ewma(variance)[-1],
        "HAR": forecast_har(variance, horizon=_MONTH)[-1],
        "GARCH(1,1)": forecast_garch(recent, horizon=_MONTH, fit_min=len(recent) - 1)[-1],
    }
    premium = variance_risk_premium(np.full(len(found), implied), np.array(list(found.values())))
    return VolOutlook(
        implied,
        tuple(
            (f"last {window} sessions", float(np.sqrt(_SESSIONS_A_YEAR * variance[-window:].mean())))
            for window in (_MONTH, 3 * _MONTH, 12 * _MONTH)
            if len(variance) >= window
        ),
        tuple(
            (name, float(np.sqrt(_SESSIONS_A_YEAR * value)), float(paid))
            for (name, value), paid in zip(found.items(), premium, strict=True)
        ),
        len(log_returns),
    )


@dataclass(frozen=True, slots=True, eq=False)
class AnomalyReport:
    """Quotes that do not fit, and regions of them.

    Attributes
    ----------
    report : SurfaceReport
    quotes : QuoteResiduals
        One row for each quote that is out of the money (`SurfaceReport.rows`).
    found : Anomalies
    regions : RegionAnomalies
    past : tuple of str
        Instants of the earlier snapshots that were fitted for the history.
    """

    report: SurfaceReport
    quotes: QuoteResiduals
    found: Anomalies
    regions: RegionAnomalies
    past: tuple[str, ...]


def find_misfits(
    snapshot: Snapshot, earlier: Sequence[ChainSnapshots] = (), *, cost: float = 0.0, progress: Progress | None = None
) -> AnomalyReport:
    """Rank the quotes of a snapshot by how badly they fit its surface, their own past and their neighbours.

    Parameters
    ----------
    snapshot : Snapshot
    earlier : sequence of ChainSnapshots
        Snapshots known before it, one each; contracts are matched by expiry, root, right and strike.
    cost : float
        Fees of a trade and its undoing, per unit of the price.
    progress : callable or None
        Told how many snapshots are fitted, and how many there are.

    Raises
    ------
    CoverageError
        As `fit_snapshot`, of the snapshot itself; an earlier one that cannot be fitted is left out.
    ConfigError
        If an earlier one is not earlier.
    """
    from argus.options.anomalies import find_anomalies, find_regions

    known = int(snapshot.chain.ts_recv_ns[0])
    late = [int(one.ts_recv_ns[0]) for one in earlier if int(one.ts_recv_ns[0]) >= known]
    if late:
        raise ConfigError(f"a snapshot known at {format_ns(late[0])} is no past of one known at {format_ns(known)}")
    report = fit_snapshot(snapshot)
    quotes = _residuals(report)
    past = np.full((len(earlier), len(report.rows)), np.nan)
    regions = np.full((len(earlier), len(TENOR_DAYS) + 1, len(MONEYNESS_EDGES) + 1), np.nan)
    told = []
    places = {key: at for at, key in enumerate(_contracts(report))}
    for number, one in enumerate(earlier):
        try:
            before = fit_snapshot(snapshot_of(one, "an earlier snapshot"))
        except CoverageError:
            continue
        told.append(format_ns(int(one.ts_recv_ns[0])))
        for key, value in zip(_contracts(before), before.fit.residual_spreads.tolist(), strict=True):
            at = places.get(key)
            if at is not None:
                past[number, at] = value
        shape = find_regions(_residuals(before), **_edges(before))
        regions[number, shape.tenor, shape.moneyness] = shape.residual_mean
        if progress is not None:
            progress(number + 1, len(earlier))
    return AnomalyReport(
        report,
        quotes,
        find_anomalies(quotes, past=past if len(earlier) else None, cost=cost),
        find_regions(quotes, past=regions if len(earlier) else None, **_edges(report)),
        tuple(told),
    )


def past_snapshots(name: str, workspace: Path | None, before_ns: int, count: int) -> list[ChainSnapshots]:
    """The last `count` snapshots of a series that were known before an instant, in order of time.

    Of a session with several the last one counts.
    """
    from argus.app.workspace import open_workspace
    from argus.data.chain_store import ChainFilter, ChainStore

    if count <= 0:
        return []
    store = ChainStore(open_workspace(workspace).catalog().root)
    days: dict[int, ChainSnapshots] = {}
    for segment in reversed([one for one in store.manifest(name).segments if one.first_recv_ns < before_ns]):
        chain = store.load(name, ChainFilter(start_ns=segment.first_recv_ns, end_ns=before_ns))
        for at in reversed(range(chain.snapshot_count)):
            one = chain.snapshot(at)
            days.setdefault(int(one.ts_recv_ns[0]) // NS_PER_DAY, one)
            if len(days) > count:
                break
        before_ns = segment.first_recv_ns
        if len(days) > count:
            break
    return [days[day] for day in sorted(days)][-count:]


def _residuals(report: SurfaceReport) -> QuoteResiduals:
    from argus.options.american import american_values
    from argus.options.anomalies import QuoteResiduals
    from argus.options.black import black76_price

    snapshot, rows = report.snapshot, report.rows
    chain = snapshot.chain
    forward, discount = snapshot.forward[rows], snapshot.discount[rows]
    strike, years, right = chain.strike[rows], snapshot.years[rows], chain.right[rows]
    model = black76_price(forward, discount, strike, years, report.fit.vol, right).price
    with np.errstate(invalid="ignore"):
        k = np.log(strike / forward)
    early = snapshot.is_early[rows]
    if early.any():
        rate, dividend = (
            getattr(snapshot.forwards, name)[snapshot.expiry[rows]] for name in ("rate", "dividend_yield")
        )
        with_right = american_values(snapshot.beneath[rows], strike, years, report.fit.vol, rate, dividend, right).price
        model = np.where(early, with_right, model)
    return QuoteResiduals(strike, years, right, k, report.fit.residual_spreads, chain.bid[rows], chain.ask[rows], model)


def _contracts(report: SurfaceReport) -> list[tuple[int, str, int, float]]:
    chain, rows = report.snapshot.chain, report.rows
    roots = [chain.roots[root] for root in chain.root[rows].tolist()]
    return list(
        zip(chain.expiry_ns[rows].tolist(), roots, chain.right[rows].tolist(), chain.strike[rows].tolist(), strict=True)
    )


def _edges(report: SurfaceReport) -> dict[str, Any]:
    vol: F64_1D = report.shapes.vol_atm
    known = np.isfinite(vol)
    level = float(np.interp(_TARGET_DAYS / 365.0, report.shapes.years[known], vol[known])) if known.any() else 0.2
    edges: dict[str, NDArray[np.float64] | float] = {
        "tenor_edges": np.array(TENOR_DAYS) / 365.0,
        "moneyness_edges": np.array(MONEYNESS_EDGES),
        "vol": level,
    }
    return edges
