"""What the market did after each bar: the answers that features and signals are held against.

A decision is made when a bar is known and enters at the open of the next one. From there, over so many bars, an outcome
tells the return, the furthest the price went up and down and how long that took, and which of two prices it reached
first. An outcome looks ahead by design; each carries the instant at which it was known, and no strategy sees it before
(`argus.data.outcome_store`).

Barriers are the triple barriers of Lopez de Prado (2018), Advances in Financial Machine Learning, chapter 3: two prices
and a time. The prices lie so many deviations of a return over the window away, as volatility was known at the row; it
is exponentially weighted, as in RiskMetrics (1996), Technical Document, 4th edition, J.P. Morgan. Where one bar reaches
both, the lower counts: nothing says which came first, and a test that assumed the better would flatter. Where a bar
opens beyond a barrier, its open is the price.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D, Bars
from argus.core.errors import ConfigError, DataError
from argus.core.instruments import InstrumentSpec
from argus.core.time import day_of
from argus.data.calendars import SessionTable, session_table
from argus.data.outcome_store import NEVER, BarrierColumns, OutcomeColumns, OutcomeStatus
from argus.data.point_in_time import as_of_rows
from argus.engine.record import RunRecord

__all__ = ["OutcomeMaker", "OutcomeSpec", "outcomes_of", "signal_outcomes", "signal_rows"]

_HORIZON_MAX: Final = 1_000_000
_BEYOND: Final = int(np.iinfo(np.int64).max) // 2
"""A row that no window reaches."""


@dataclass(frozen=True, slots=True)
class OutcomeSpec:
    """Which outcomes are made.

    Attributes
    ----------
    horizons : tuple of int
        Bars in the windows, each at least 1; a table for each.
    cross_sessions : bool
        Whether windows run on over the end of a session. If not, they end with it and say so.
    barriers : tuple of (float, float)
        Distances of the upper and the lower barrier, in deviations of the return over the window; above 0.
    vol_half_life : int
        Bars after which a return counts half in that deviation; it is known from as many returns on.
    hole_bars : int
        So many bars missing in a row, by the calendar, make a hole. In a thinly traded market a minute without a trade
        has no bar; more than 1 here lets such minutes pass.

    Raises
    ------
    ConfigError
        If a number is out of its range, or a horizon stands twice.
    """

    horizons: tuple[int, ...] = (1, 5, 20)
    cross_sessions: bool = True
    barriers: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    vol_half_life: int = 60
    hole_bars: int = 1

    def __post_init__(self) -> None:
        if not self.horizons or len(set(self.horizons)) != len(self.horizons):
            raise ConfigError(f"outcomes: horizons are {list(self.horizons)}; give at least one, and each once")
        for name, values in (
            ("horizons", self.horizons),
            ("vol_half_life", (self.vol_half_life,)),
            ("hole_bars", (self.hole_bars,)),
        ):
            for value in values:
                if not 1 <= value <= _HORIZON_MAX:
                    raise ConfigError(f"outcomes: {name} has {value}; it must lie in 1 to {_HORIZON_MAX:,} bars")
        for pair in self.barriers:
            if not all(0.0 < one < math.inf for one in pair):
                raise ConfigError(f"outcomes: barriers have {pair}; each is two numbers above 0, upper and lower")

    def key(self, horizon: int) -> str:
        """Hash of the settings that make the outcomes of one horizon."""
        told = json.dumps(asdict(self) | {"horizons": [horizon]}, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def version(self, horizon: int) -> str:
        """Hash of the settings and of the code that computes: equal versions over equal bars are equal numbers."""
        return hashlib.sha256(f"{self.key(horizon)}|{_code_hash()}".encode()).hexdigest()[:16]


@cache
def _code_hash() -> str:
    """Hash of the sources that make the numbers."""
    digest = hashlib.sha256()
    for name in ("_outcome_kernels.py", "outcomes.py"):
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()


class OutcomeMaker:
    """Makes outcomes over bars, any rows of them, with the same bits however they are cut.

    Parameters
    ----------
    spec : OutcomeSpec
    instrument : InstrumentSpec
        Its calendar says where bars are missing.
    bars : Bars
    interval_ns : int or None
        Length of a bar; None for one bar a session.

    Raises
    ------
    DataError
        If there is no bar.
    """

    def __init__(self, spec: OutcomeSpec, instrument: InstrumentSpec, bars: Bars, interval_ns: int | None) -> None:
        from argus.lab._outcome_kernels import BLOCK, trailing_volatility

        if not len(bars):
            raise DataError(f"{bars.instrument}: there is no bar, and nothing follows none; import some")
        self.spec, self.bars = spec, bars
        self._open, self._high, self._low, is_bad = _prices(bars)
        hole, self._early = _holes(bars, instrument.calendar, interval_ns, spec.hole_bars)
        self._holes: I64_1D = np.cumsum(hole | is_bad, dtype=np.int64)
        has_opens = "open" in bars.observed
        self._entry: F64_1D = np.append(bars.open[1:], np.nan) if has_opens else bars.close
        self._end = np.full(len(bars), _BEYOND) if spec.cross_sessions else _session_ends(bars)
        self._vol = np.empty(len(bars))
        trailing_volatility(bars.close, 0.5 ** (1.0 / spec.vol_half_life), spec.vol_half_life, self._vol)
        starts = np.arange(0, len(bars), BLOCK)
        self._tops: F64_1D = np.maximum.reduceat(self._high, starts)
        self._bottoms: F64_1D = np.minimum.reduceat(self._low, starts)

    def inputs(self, first: int, last: int) -> dict[str, NDArray[Any]]:
        """All that outcomes of some rows are made from, beside rows before and after them: for hashes."""
        bars = self.bars
        columns = {
            name: getattr(bars, name)[first:last]
            for name in ("ts_event_ns", "ts_recv_ns", "open", "high", "low", "close", "session", "session_end")
        }
        before = self._holes[first - 1] if first else 0
        return columns | {"holes": self._holes[first:last] - before, "early": self._early[first:last]}

    def make(self, horizon: int, first: int = 0, last: int | None = None) -> OutcomeColumns:
        """Outcomes of the rows `first` to `last` (exclusive; None: all) over a window of `horizon` bars."""
        from argus.lab._outcome_kernels import forward_block

        last = len(self.bars) if last is None else last
        rows = last - first
        known, figures = np.full(rows, NEVER), np.full((3, rows), np.nan)
        bars, status = np.zeros((2, rows), dtype=np.int32), np.full(rows, OutcomeStatus.OPEN, dtype=np.int8)
        queues = np.empty((2, 2 ** math.ceil(math.log2(horizon + 1))), dtype=np.int64)
        forward_block(
            self._entry, self._high, self._low, self.bars.close, self._end, self.bars.session_end, self._holes,
            self._early, self.bars.ts_recv_ns, horizon, first, last, queues, np.zeros((2, 2), dtype=np.int64),
            known, figures, bars, status,
        )  # fmt: skip
        return OutcomeColumns(
            horizon,
            self.bars.ts_event_ns[first:last],
            self.bars.ts_recv_ns[first:last],
            known,
            figures[0],
            figures[1],
            figures[2],
            bars[0],
            bars[1],
            status,
            tuple(self._touched(horizon, pair, first, last) for pair in self.spec.barriers),
        )

    def _touched(self, horizon: int, pair: tuple[float, float], first: int, last: int) -> BarrierColumns:
        from argus.lab._outcome_kernels import barrier_block

        rows = last - first
        scale = self._vol * math.sqrt(horizon)
        found = BarrierColumns(
            np.full(rows, NEVER),
            np.zeros(rows, dtype=np.int8),
            np.full(rows, np.nan),
            np.zeros(rows, dtype=np.int32),
            np.full(rows, OutcomeStatus.OPEN, dtype=np.int8),
            np.zeros(rows, dtype=np.bool_),
        )
        barrier_block(
            self._entry, self._open, self._high, self._low, self.bars.close, scale, *pair, self._tops, self._bottoms,
            self._end, self.bars.session_end, self._holes, self._early, self.bars.ts_recv_ns, horizon, first, last,
            found.known_at_ns, found.barrier, found.gain, found.bars, found.status, found.is_ambiguous,
        )  # fmt: skip
        return found


def outcomes_of(
    spec: OutcomeSpec, instrument: InstrumentSpec, bars: Bars, interval_ns: int | None
) -> tuple[OutcomeColumns, ...]:
    """Outcomes of all rows, one record for each horizon; parameters as of `OutcomeMaker`."""
    maker = OutcomeMaker(spec, instrument, bars, interval_ns)
    return tuple(maker.make(horizon) for horizon in spec.horizons)


def signal_rows(record: RunRecord, instrument: str) -> I64_1D:
    """Instants of the decisions of a run that ordered in an instrument, each once; (n,) int64 nanoseconds."""
    lines = [line for line, symbol in enumerate(record.universe) if symbol == instrument]
    orders = record.orders[np.isin(record.orders["instrument"], lines) & (record.orders["decision_id"] >= 0)]
    found: I64_1D = np.unique(record.decisions["ts_ns"][orders["decision_id"]])
    return found


def signal_outcomes(columns: OutcomeColumns, decided_ns: I64_1D) -> OutcomeColumns:
    """Outcomes of signals: for each, what followed the last bar that was known when it was given.

    Parameters
    ----------
    columns : OutcomeColumns
        Of the instrument, over all bars.
    decided_ns : (n,) int64
        When the signals were given: `signal_rows` of a run, or any instants.

    Raises
    ------
    DataError
        If a signal is older than the first bar; names it.
    """
    rows = as_of_rows(decided_ns, columns.ts_recv_ns)
    early = np.flatnonzero(rows < 0)
    if len(early):
        raise DataError(
            f"signal {int(early[0])} was given at {int(decided_ns[early[0]])} ns, before the first bar of the outcomes "
            "was known; leave it out, or make outcomes over older bars"
        )
    return columns.take(rows)


def _prices(bars: Bars) -> tuple[F64_1D, F64_1D, F64_1D, BOOL_1D]:
    """Open, high and low as far as they can be told, and where a price that should be there is not.

    With closes alone a touch is seen at the close and happens there: the close stands in for the open as well.
    """
    seen = bars.observed & {"open", "high", "low", "close"}
    is_bad = np.zeros(len(bars), dtype=np.bool_)
    for name in sorted(seen):
        is_bad |= ~np.isfinite(getattr(bars, name))
    ends = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    plain = ends if "open" in seen else (bars.close, bars.close)
    high = bars.high if "high" in seen else plain[0]
    low = bars.low if "low" in seen else plain[1]
    opens = bars.close if seen == {"close"} else bars.open
    if is_bad.any():
        high, low = np.where(is_bad, -np.inf, high), np.where(is_bad, np.inf, low)
    return opens, high, low, is_bad


def _session_ends(bars: Bars) -> I64_1D:
    """Last bar of each row's session; `_BEYOND` where the session had not ended when the data did."""
    ends = bars.session_end.copy()
    ends[:-1] |= bars.session[1:] != bars.session[:-1]
    last = np.flatnonzero(ends)
    return np.append(last, _BEYOND)[np.searchsorted(last, np.arange(len(bars)))]


def _holes(bars: Bars, calendar: str, interval_ns: int | None, least: int) -> tuple[BOOL_1D, BOOL_1D]:
    """Where bars are missing before each bar, and where they are missing at the end of the session before it.

    Only a bar and the one before it are looked at, so that later bars change nothing.
    """
    n = len(bars)
    hole, early = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    # A bar may start before the session that it is counted to, and end after it.
    first, last = int(bars.session[0]) - 7, int(bars.session[-1]) + 7
    table = session_table(calendar, day_of(first), day_of(last))
    if interval_ns is None:
        at = np.searchsorted(table.session, bars.session, side="right")
        hole[1:] = np.diff(at) > least
        return hole, early
    missing_min = (least - 0.5) * interval_ns
    opened, closed = _traded_ns(table, bars.ts_event_ns), _traded_ns(table, bars.ts_close_ns)
    hole[1:] = opened[1:] - closed[:-1] >= missing_min
    known = np.minimum(np.searchsorted(table.session, bars.session), len(table) - 1)
    left = _traded_ns(table, table.close_ns)[known] - closed
    is_new = bars.session[1:] != bars.session[:-1]
    early[1:] = is_new & ~bars.session_end[:-1] & (left[:-1] >= missing_min)
    return hole, early


def _traded_ns(table: SessionTable, ts_ns: I64_1D) -> I64_1D:
    """Trading time from the first session of the table to each instant."""
    paused = table.break_start_ns >= 0
    pause = np.where(paused, table.break_end_ns - table.break_start_ns, 0)
    lengths = table.close_ns - table.open_ns - pause
    before = np.concatenate(([0], np.cumsum(lengths)))
    at = np.searchsorted(table.open_ns, ts_ns, side="right") - 1
    inside = np.maximum(at, 0)
    since = np.minimum(ts_ns, table.close_ns[inside]) - table.open_ns[inside]
    into_pause = np.minimum(ts_ns - table.break_start_ns[inside], pause[inside])
    since -= np.where(paused[inside], np.maximum(into_pause, 0), 0)
    found: I64_1D = np.where(at < 0, 0, before[inside] + since)
    return found
