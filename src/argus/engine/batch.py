"""Many compiled strategies over one market: laid out once, columns computed once, a row of figures for each.

A sweep that keeps a whole record for every point would fill the memory with equity curves. Here each worker has one
set of tables and uses it again for every point; what is kept of a point is its row, taken from the equity at session
closes. Workers are threads, since a kernel at work does not hold Python up. Every point is a trial in the ledger, under
the run id that `run` gives it. Whoever asks for it is given the equity and the returns of every point as well.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I32_1D, I64_1D
from argus.core.errors import ConfigError
from argus.core.ports import RiskPolicy, TrialLedger
from argus.core.strategy import FeatureRef
from argus.engine import _layout as at
from argus.engine.compiled import Drive, bands_of, limits_of, write_column
from argus.engine.config import RunConfig
from argus.engine.fingerprint import orders_hash
from argus.engine.finish import TrialLines, check_universe, record_trials
from argus.engine.forms import CompiledStrategy
from argus.engine.manifest import manifests_of
from argus.engine.market import CLOSE_TS_COLUMN, NO_EVENTS, SESSION_COLUMN, Events, Market, MarketArrays, lay_out
from argus.engine.metrics import max_drawdown, session_returns, sharpe
from argus.engine.record import RunManifest

__all__ = ["BATCH_DTYPE", "BatchResult", "run_batch", "run_batch_with_returns"]

BATCH_DTYPE: Final = np.dtype(
    [
        ("run_id", "U16"),
        ("net_pnl_micros", np.int64),
        ("fees_micros", np.int64),  # fees and impact
        ("orders", np.int64),
        ("fills", np.int64),
        ("trades", np.int64),  # closed round trips
        ("refusals", np.int64),
        ("liquidations", np.int64),
        ("halts", np.int64),
        ("sessions", np.int64),
        ("sharpe_session", np.float64),  # not annualised; NaN where there is too little to say
        ("drawdown_max", np.float64),  # of the equity at session closes, a fraction
        ("drawdown_max_micros", np.int64),
    ]
)
"""A row of `run_batch`; the figures are those of `metrics.summarise` under these names."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchResult:
    """Every point of a batch with what it earned from session to session.

    Attributes
    ----------
    rows : (K,) BATCH_DTYPE
    session : (T,) int32
        Day numbers of all sessions of the market.
    equity_micros : (T, K) int64, Fortran order
        Equity at the close of each session; the opening balance before a point began.
    returns : (T, K) float64, Fortran order
        As `metrics.session_returns`; 0 before a point began.
    begin : (K,) int64
        First session in which a point could decide; T for one that was never woken.
    order_hashes : tuple of K str
        As `fingerprint.order_list_hash`.
    """

    rows: NDArray[np.void]
    session: I32_1D
    equity_micros: NDArray[np.int64]
    returns: NDArray[np.float64]
    begin: I64_1D
    order_hashes: tuple[str, ...]


def run_batch(
    strategies: Sequence[CompiledStrategy],
    market: Market,
    config: RunConfig,
    *,
    risk: RiskPolicy,
    trials: TrialLedger,
    purpose: str = "search",
    events: Events = NO_EVENTS,
    workers: int = 2,
) -> NDArray[np.void]:
    """Run every strategy over the market; one row of figures each, in the sequence of the strategies.

    The same bits come out with any number of workers, and the same figures as from `run` point by point.

    Parameters
    ----------
    strategies : sequence of CompiledStrategy
        On one instrument, the same for all: one idea with many parameter values, as a rule.
    market, config, risk, trials, purpose, events
        As for `run`; a ledger that can is given all trials at once.
    workers : int
        Threads. Each needs 8 bytes of memory for a bar, and each column that points still to come have in common 8.

    Returns
    -------
    (points,) BATCH_DTYPE

    Raises
    ------
    ConfigError
        If there is no strategy, or they are not on one instrument.
    StrategyError, StrategyFailed, OrderError, LedgerError
        What the first point in the sequence raised that could not be finished, after all were tried.
    """
    return _run(strategies, market, config, risk, trials, purpose, events, workers, None, keeps=False).rows


def run_batch_with_returns(
    strategies: Sequence[CompiledStrategy],
    market: Market,
    config: RunConfig,
    *,
    risk: RiskPolicy,
    trials: TrialLedger,
    purpose: str = "search",
    events: Events = NO_EVENTS,
    workers: int = 2,
    manifests: Sequence[RunManifest] | None = None,
) -> BatchResult:
    """The same, with equity, returns and order hash of every point: 16 bytes a session and point.

    Parameters
    ----------
    manifests : sequence of RunManifest or None
        What the points are counted as, where each is a twin of a strategy written in another form.

    Raises
    ------
    ConfigError, StrategyError, StrategyFailed, OrderError, LedgerError
        As `run_batch`.
    """
    _one_universe(strategies, workers)
    if manifests is not None and len(manifests) != len(strategies):
        raise ConfigError(f"a batch of {len(strategies)} strategies was given {len(manifests)} manifests")
    return _run(strategies, market, config, risk, trials, purpose, events, workers, manifests, keeps=True)


def _run(
    strategies: Sequence[CompiledStrategy],
    market: Market,
    config: RunConfig,
    risk: RiskPolicy,
    trials: TrialLedger,
    purpose: str,
    events: Events,
    workers: int,
    manifests: Sequence[RunManifest] | None,
    *,
    keeps: bool,
) -> BatchResult:
    """Play all points and count them; `keeps` says that their returns are wanted."""
    universe = _one_universe(strategies, workers)
    for strategy in strategies:
        check_universe(strategy.spec, market)
    limits = limits_of(risk)
    arrays = lay_out(market, universe, config, events)
    if manifests is None:
        manifests = manifests_of(strategies, market, config, sizer=None, risk=risk, events=events)
    columns = _Columns(strategies, market)
    closes = _session_closes(arrays)
    kept = _kept(arrays, closes, len(strategies) if keeps else 0, config)
    rows = np.zeros(len(strategies), dtype=BATCH_DTYPE)
    bands = bands_of(arrays)
    rooms = threading.local()

    started: set[int] = set()
    done: dict[int, _Point | Exception] = {}

    def play(number: int) -> None:
        if not hasattr(rooms, "room"):
            rooms.room = _Room(arrays)
        started.add(number)
        try:
            room, pick = rooms.room, columns.of(number)
            drive = Drive(strategies[number], room.arrays, columns.table, pick, config, limits, room.tables)
            if arrays.is_plain:
                drive.keep_little(bands)
            drive.play()
            room.tables = drive.tables_in_use()
            done[number] = _point(drive, manifests[number], config, closes, kept, number)
        except Exception as error:  # noqa: BLE001 - raised below, when all points were tried and counted
            done[number] = error
        finally:
            columns.leave(number)

    try:
        if workers == 1:
            for number in range(len(strategies)):
                play(number)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(play, range(len(strategies))))
    finally:  # also whoever interrupts a batch has looked at what was started
        lines = TrialLines(config, market, purpose)
        told = []
        for number in sorted(started):
            result = done.get(number)
            counted = None if result is None or isinstance(result, Exception) else result.counted
            told.append(lines.of(manifests[number], counted))
        record_trials(trials, told)
    for number, result in sorted(done.items()):
        if isinstance(result, Exception):
            raise result
        rows[number] = result.row
    hashes = tuple(result.order_hash for _, result in sorted(done.items()) if isinstance(result, _Point))
    return replace(kept, rows=rows, order_hashes=hashes)


def _kept(arrays: MarketArrays, closes: I64_1D, points: int, config: RunConfig) -> BatchResult:
    """Room for what is kept of so many points."""
    count = len(closes)
    return BatchResult(
        rows=np.zeros(0, dtype=BATCH_DTYPE),
        session=arrays.columns[SESSION_COLUMN][closes].astype(np.int32),
        equity_micros=np.full((count, points), config.account.cash_micros, dtype=np.int64, order="F"),
        returns=np.zeros((count, points), order="F"),
        begin=np.full(points, count, dtype=np.int64),
        order_hashes=(),
    )


@dataclass(frozen=True, slots=True)
class _Point:
    """A finished point: its row, and (session returns, net P&L in micros, orders) for the trial ledger."""

    row: tuple[Any, ...]
    counted: tuple[F64_1D, int, int]
    order_hash: str = ""


def _one_universe(strategies: Sequence[CompiledStrategy], workers: int) -> tuple[str, ...]:
    if workers < 1:
        raise ConfigError(f"workers is {workers}; at least one is needed")
    universes = {strategy.spec.universe for strategy in strategies}
    if len(universes) != 1:
        raise ConfigError(
            f"a batch runs on one instrument; its {len(strategies)} strategies name "
            f"{', '.join(sorted(universe[0] for universe in universes)) or 'none'}"
        )
    return universes.pop()


class _Columns:
    """What the strategies see, each column computed once, when the first of them needs it.

    After the last one has run, its place is taken by the next column: in a grid most are needed for a while only.
    """

    def __init__(self, strategies: Sequence[CompiledStrategy], market: Market) -> None:
        self._spec, self._bars = market[strategies[0].spec.universe[0]]
        self._refs: dict[str, FeatureRef] = {}
        self._names: list[list[str]] = []
        for strategy in strategies:
            own = {ref.alias: ref for ref in strategy.spec.features}
            names = []
            for name in strategy.columns:
                ref = own.get(name)
                key = name if ref is None else json.dumps([ref.feature, dict(ref.parameters)], sort_keys=True)
                if ref is not None:
                    self._refs[key] = ref
                names.append(key)
            self._names.append(names)
        self._needed = Counter(key for names in self._names for key in set(names))
        self._places: dict[str, int] = {}
        self._free = list(range(len(self._needed)))[::-1]
        self._lock = threading.Lock()
        self._writing = {key: threading.Lock() for key in self._needed}
        self._written: dict[str, Exception | None] = {}  # with what went wrong, so that it is tried once
        self._table = np.empty((len(self._needed), len(self._bars)))
        self.table = self._table.view()
        """(columns, bars) float64, read-only."""
        self.table.setflags(write=False)

    def of(self, number: int) -> I64_1D:
        """Which rows of the table a strategy sees; they are written when this returns, and stay till it leaves."""
        for key in self._names[number]:
            with self._writing[key]:
                if key not in self._written:
                    with self._lock:
                        self._places[key] = self._free.pop()
                    try:
                        write_column(key, self._refs, self._spec, self._bars, self._table[self._places[key]])
                        self._written[key] = None
                    except Exception as error:  # noqa: BLE001 - raised below, for every point that needs it
                        self._written[key] = error
                failed = self._written[key]
                if failed is not None:
                    raise failed
        return np.array([self._places[key] for key in self._names[number]], dtype=np.int64)

    def leave(self, number: int) -> None:
        """A strategy has run: what no other one needs makes room."""
        with self._lock:
            for key in set(self._names[number]):
                self._needed[key] -= 1
                if self._needed[key] == 0 and key in self._places:
                    self._free.append(self._places[key])


def _session_closes(arrays: MarketArrays) -> I64_1D:
    """Row of the last bar of each session."""
    session = arrays.columns[SESSION_COLUMN]
    return np.append(np.flatnonzero(session[1:] != session[:-1]), len(session) - 1)


class _Room:
    """Tables of one worker, lent to one point after the other."""

    def __init__(self, arrays: MarketArrays) -> None:
        # The line of a market is given to a strategy, so each worker has a line of its own.
        self.arrays = replace(arrays, par=arrays.par.copy())
        self.tables: dict[str, NDArray[Any]] = {}


def _point(
    drive: Drive, manifest: RunManifest, config: RunConfig, closes: I64_1D, kept: BatchResult, number: int
) -> _Point:
    """What is kept of a run that came to its end."""
    from argus.engine._trade_kernels import tally

    t, opening = drive.tables, config.account.cash_micros
    rows = int(t.state[at.S_EQUITY_ROWS])
    first = rows
    if drive.first_decision_ns is not None:
        first = int(np.searchsorted(t.market.columns[CLOSE_TS_COLUMN][:rows], drive.first_decision_ns))
    equity = t.eq_micros[closes[closes >= first]]
    returns = session_returns(equity, opening)
    fall = max_drawdown(equity, opening)
    fills = t.fills[: t.state[at.S_FILLS]]
    cost, closed = tally(fills)
    net = int(t.eq_micros[rows - 1]) - opening if rows > first else 0
    row = (
        manifest.run_id,
        net,
        int(cost),
        int(t.state[at.S_ORDERS]),
        len(fills),
        int(closed),
        drive.refusal_count,
        int(t.state[at.S_LIQUIDATIONS]),
        int(t.state[at.S_HALTS]),
        len(equity),
        sharpe(returns),
        fall.fraction,
        fall.micros,
    )
    counted = (returns, net, int(t.state[at.S_ORDERS]))
    if not len(kept.begin):
        return _Point(row, counted)
    begin = len(closes) - len(equity)
    kept.begin[number] = begin
    kept.equity_micros[begin:, number] = equity
    kept.returns[begin:, number] = returns
    orders = t.orders[: t.state[at.S_ORDERS]]
    return _Point(row, counted, orders_hash(orders, drive.spec.universe, (drive.spec.name,)))
