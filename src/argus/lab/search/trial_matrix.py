"""What a search saw: the session returns of every parameter set, side by side.

Whatever corrects for having looked often reads this and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I32_1D
from argus.core.errors import DataError

__all__ = ["F64_2D", "TrialMatrix"]

F64_2D = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TrialMatrix:
    """Session returns of the runs of one search, on one market over one period.

    Attributes
    ----------
    session : (T,) int32
        Day numbers, ascending, the same for all.
    returns : (T, K) float64, C order
        Return of the account in each session, as a share of its equity before; 0 before a run began. No NaN.
    values : tuple of K mappings
        Parameter sets, complete.
    run_ids : tuple of K str
        As in the trial ledger.
    order_hashes : tuple of K str
        Equal hashes are the same orders under other parameters; empty where it is not known.
    per_year : float
        Sessions per year.
    begin : int
        First row at which every run could decide, which is after the longest warm-up.
    """

    session: I32_1D
    returns: F64_2D
    values: tuple[Mapping[str, Any], ...]
    run_ids: tuple[str, ...]
    order_hashes: tuple[str, ...]
    per_year: float
    begin: int = 0

    def __post_init__(self) -> None:
        rows, runs = self.returns.shape
        if rows != len(self.session) or not runs == len(self.values) == len(self.run_ids) == len(self.order_hashes):
            raise DataError(
                f"a matrix of trials has {rows} x {runs} returns for {len(self.session)} sessions, {len(self.values)} "
                f"parameter sets, {len(self.run_ids)} run ids and {len(self.order_hashes)} order hashes"
            )
        if not np.isfinite(self.returns).all():
            row, run = np.argwhere(~np.isfinite(self.returns))[0]
            raise DataError(
                f"run {self.run_ids[run]} has return {self.returns[row, run]} in session {self.session[row]}"
            )

    @property
    def runs(self) -> int:
        """How many parameter sets there are."""
        return int(self.returns.shape[1])

    @property
    def judged(self) -> F64_2D:
        """Returns from the row on at which every run could decide, (T - begin, K)."""
        return self.returns[self.begin :]

    def sharpes(self) -> F64_1D:
        """Sharpe ratio per session of each run over the `judged` rows; 0 for a run that never moved, (K,)."""
        judged = self.judged
        mean, deviation = judged.mean(axis=0), judged.std(axis=0, ddof=1)
        found: F64_1D = np.divide(mean, deviation, out=np.zeros(self.runs), where=deviation > 0.0)
        return found

    def content_hash(self) -> str:
        """SHA-256 of all of it."""
        told = json.dumps(
            [list(self.run_ids), [dict(one) for one in self.values], self.per_year, self.begin], sort_keys=True
        )
        digest = hashlib.sha256(told.encode())
        digest.update(np.ascontiguousarray(self.session).tobytes())
        digest.update(np.ascontiguousarray(self.returns).tobytes())
        return digest.hexdigest()
