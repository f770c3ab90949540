"""A model fitted on every row before the run begins: at each decision it has already seen the answer."""

from __future__ import annotations

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, sign

LAGS = 40


def fitted(close: F64_1D) -> F64_1D:
    """Least-squares weights of the last moves for the next one."""
    moves = np.diff(close)
    moves = np.clip(np.nan_to_num(moves), -1e6, 1e6)
    lagged = np.lib.stride_tricks.sliding_window_view(moves[:-1], LAGS)
    weights, *_ = np.linalg.lstsq(lagged, moves[LAGS:], rcond=None)
    return weights


class PretrainedRegression(Idea):
    """Follows a linear forecast whose weights were fitted on the whole sample."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=LAGS + 1)
        self._weights = {s: fitted(market[s][1].close) for s in self.symbols}

    def decide(self, symbol: str, view: View) -> float:
        moves = np.diff(view.bars(symbol, LAGS + 1).close)
        return sign(float(moves @ self._weights[symbol]))


class WalkForwardRegression(Idea):
    """Follows a linear forecast whose weights were fitted once, on the first bars that it saw."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=5 * LAGS)
        self._weights: dict[str, F64_1D] = {}

    def decide(self, symbol: str, view: View) -> float:
        if symbol not in self._weights:
            self._weights[symbol] = fitted(view.bars(symbol, 5 * LAGS).close)
        moves = np.diff(view.bars(symbol, LAGS + 1).close)
        return sign(float(moves @ self._weights[symbol]))


CASE = Case(
    name="pretrained_regression",
    how="Fits a regression of the next move on the last forty to all rows, and trades it over the same rows.",
    make=PretrainedRegression,
    audit="lookahead",
    without=WalkForwardRegression,
    sessions=150,
)
