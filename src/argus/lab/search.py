"""The search: every parameter set over the whole range, each run counted, and what they earned side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from argus.core.arrays import I32_1D, I64_1D
from argus.core.errors import CoverageError
from argus.core.money import MICROS
from argus.core.ports import TrialLedger
from argus.core.time import NS_PER_DAY
from argus.engine.fingerprint import order_list_hash
from argus.engine.metrics import session_returns, sessions_per_year, sharpe
from argus.lab.candidate import Candidate, MapRuns, Progress, Values
from argus.lab.evaluation import SearchRun
from argus.lab.trial_matrix import TrialMatrix
from argus.lab.walk_forward import equity_on

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


def search(candidate: Candidate, trials: TrialLedger, map_runs: MapRuns, tell: Progress) -> Searched:
    """Run every parameter set of a candidate.

    Raises
    ------
    CoverageError
        If no run was ever woken.
    RunError
        If a run could not be finished; it is in the ledger as failed.
    """
    sets = candidate.parameter_sets()
    done: list[_Run] = []
    tell("search", 0, len(sets))
    for run in map_runs(partial(_run_one, candidate, trials), sets):
        # A ledger in memory was written in the worker's copy; the same trial twice is one.
        for trial in run.trials:
            trials.record(trial)
        done.append(run)
        tell("search", len(done), len(sets))
    return _side_by_side(candidate, done)


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


class _Noted:
    """Writes through to a ledger and keeps what was written, for a caller in another process."""

    def __init__(self, ledger: TrialLedger) -> None:
        self._ledger = ledger
        self.seen: list[Mapping[str, object]] = []

    def record(self, trial: Mapping[str, object]) -> None:
        """Add one trial."""
        self._ledger.record(trial)
        self.seen.append(dict(trial))


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
