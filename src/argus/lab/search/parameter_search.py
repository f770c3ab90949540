"""The search: every parameter set over the whole range, each run counted, and what they earned side by side.

There are two roads to the same place. A strategy in Python is replayed set by set. A built-in one on one instrument has
a compiled twin (`argus.lab.search.twins`) that goes through all sets some fifty times as fast; it is taken where
orders, returns and the trials in the ledger are the same to the bit; a set of which that is not certain goes the other
road.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from argus.core.arrays import I32_1D, I64_1D
from argus.core.errors import ArgusError, CoverageError
from argus.core.money import MICROS
from argus.core.ports import TrialLedger
from argus.core.time import NS_PER_DAY
from argus.engine.fingerprint import order_list_hash
from argus.engine.finish import record_trials
from argus.engine.metrics import session_returns, sessions_per_year, sharpe
from argus.lab.candidate import Candidate, MapRuns, Progress, Values
from argus.lab.evaluation import SearchRun
from argus.lab.search.trial_matrix import TrialMatrix
from argus.lab.search.twins import Twins, twins_of
from argus.lab.search.walk_forward import equity_on

__all__ = ["Searched", "search"]


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """What a search found.

    Attributes
    ----------
    matrix : TrialMatrix
    runs : tuple of SearchRun
        In the order of the matrix.
    """

    matrix: TrialMatrix
    runs: tuple[SearchRun, ...]


def search(
    candidate: Candidate, trials: TrialLedger, map_runs: MapRuns, tell: Progress, *, compiled: bool = True
) -> Searched:
    """Run every parameter set of a candidate.

    Parameters
    ----------
    candidate : Candidate
    trials : TrialLedger
        Given one trial for each set, the same ones on either road.
    map_runs : callable
        Runs sets in Python; the compiled road needs no help.
    tell : callable
    compiled : bool
        Whether the compiled road may be taken. It changes the time and nothing else.

    Raises
    ------
    CoverageError
        If no run was ever woken.
    RunError
        If a run could not be finished; it is in the ledger as failed.
    """
    sets = candidate.parameter_sets()
    tell("search", 0, len(sets))
    done: dict[int, _Run] = {}
    twins = twins_of(candidate, sets) if compiled else None
    if twins is not None:
        done = _run_twins(candidate, twins, sets, trials)
        tell("search", len(done), len(sets))
    left = [number for number in range(len(sets)) if number not in done]
    is_apart = bool(getattr(map_runs, "is_apart", False))
    work = partial(_run_apart, candidate) if is_apart else partial(_run_one, candidate, trials)
    for number, run in zip(left, map_runs(work, [sets[one] for one in left]), strict=True):
        # A ledger in memory was written in the worker's copy; the same trial twice is one.
        for trial in run.trials:
            trials.record(trial)
        if isinstance(run, _Broken):
            raise run.error
        done[number] = run
        tell("search", len(done), len(sets))
    return _side_by_side(candidate, [done[number] for number in range(len(sets))])


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """What is kept of a run."""

    values: Values
    run_id: str
    orders_hash: str
    net_micros: int
    trades: int
    orders: int
    opening_micros: int
    session: I32_1D
    equity: I64_1D
    trials: tuple[Mapping[str, object], ...]

    def summary(self, per_year: float) -> SearchRun:
        ratio = sharpe(session_returns(self.equity, self.opening_micros))
        return SearchRun(
            values=dict(self.values),
            run_id=self.run_id,
            net_pnl=self.net_micros / MICROS,
            sharpe_annual=ratio * math.sqrt(per_year),
            trades=self.trades,
            orders=self.orders,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Broken:
    """A run that could not be finished where no ledger was; its trial is to be counted all the same."""

    error: ArgusError
    trials: tuple[Mapping[str, object], ...]


class _Noted:
    """Writes through to a ledger and keeps what was written, for a caller in another process."""

    def __init__(self, ledger: TrialLedger) -> None:
        self._ledger = ledger
        self.seen: list[Mapping[str, object]] = []

    def record(self, trial: Mapping[str, object]) -> None:
        """Add one trial."""
        self._ledger.record(trial)
        self.seen.append(dict(trial))


def _run_apart(candidate: Candidate, values: Values) -> _Run | _Broken:
    """One run on a machine that has no ledger."""
    held = _Held()
    try:
        return _run_one(candidate, held, values)
    except ArgusError as error:
        return _Broken(error, tuple(held.seen))


def _run_one(candidate: Candidate, ledger: TrialLedger, values: Values) -> _Run:
    noted = _Noted(ledger)
    record = candidate.run(candidate.create(values), candidate.config, noted, "search")
    session, equity = record.session_equity()
    return _Run(
        values=values,
        run_id=record.manifest.run_id,
        orders_hash=order_list_hash(record),
        net_micros=record.net_pnl_micros,
        trades=int((record.trades["is_open"] == 0).sum()),
        orders=len(record.orders),
        opening_micros=record.opening_cash_micros,
        session=session,
        equity=equity,
        trials=tuple(noted.seen),
    )


class _Held:
    """Keeps trials until it is known which of them stand."""

    def __init__(self) -> None:
        self.seen: list[Mapping[str, object]] = []

    def record(self, trial: Mapping[str, object]) -> None:
        """Add one trial."""
        self.seen.append(trial)


def _run_twins(candidate: Candidate, twins: Twins, sets: Sequence[Values], trials: TrialLedger) -> dict[int, _Run]:
    """Runs of the sets whose twin did what the strategy in Python does, by their number."""
    from argus.engine.batch import run_batch_with_returns

    held = _Held()
    try:
        found = run_batch_with_returns(
            twins.strategies,
            candidate.play.market,
            candidate.config,
            risk=candidate.risk,
            trials=held,
            workers=1,
            manifests=twins.manifests,
        )
    except BaseException:  # what was started was looked at
        record_trials(trials, held.seen)
        raise
    opening = candidate.config.account.cash_micros
    runs: dict[int, _Run] = {}
    for number, values in enumerate(sets):
        begin = int(found.begin[number])
        equity = found.equity_micros[begin:, number]
        if not twins.holds(equity):
            continue
        row = found.rows[number]
        runs[number] = _Run(
            values=values,
            run_id=str(row["run_id"]),
            orders_hash=found.order_hashes[number],
            net_micros=int(row["net_pnl_micros"]),
            trades=int(row["trades"]),
            orders=int(row["orders"]),
            opening_micros=opening,
            session=found.session[begin:],
            equity=equity,
            trials=(),
        )
    record_trials(trials, [held.seen[number] for number in runs])
    return runs


def _side_by_side(candidate: Candidate, runs: list[_Run]) -> Searched:
    started = [run for run in runs if len(run.session)]
    if not started:
        raise CoverageError(
            f"{candidate.strategy} on {', '.join(candidate.universe)} was never woken: the data are shorter than its "
            "warm-up"
        )
    sessions = np.unique(np.concatenate([run.session for run in started]))
    if candidate.config.end_ns is not None:
        sessions = sessions[sessions <= candidate.config.end_ns // NS_PER_DAY]
    per_year = sessions_per_year(sessions)
    returns = np.empty((len(sessions), len(runs)))
    for k, run in enumerate(runs):
        levels = equity_on(run.session, run.equity, sessions, run.opening_micros)
        returns[:, k] = session_returns(levels, run.opening_micros)
    matrix = TrialMatrix(
        session=sessions,
        returns=returns,
        values=tuple(run.values for run in runs),
        run_ids=tuple(run.run_id for run in runs),
        order_hashes=tuple(run.orders_hash for run in runs),
        per_year=per_year,
        begin=int(np.searchsorted(sessions, max(int(run.session[0]) for run in started))),
    )
    return Searched(matrix, tuple(run.summary(per_year) for run in runs))
