"""What the gates judge: figures of the out-of-sample account, and figures that come with their own sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from argus.lab.stress.bootstrap import BootstrapResult

__all__ = ["Evidence", "Figure"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that a gate compares with its threshold, and what it says in words.

    Attributes
    ----------
    value : float
        NaN where there was too little to measure.
    sentence : str
    """

    value: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gates judge, all of it out of sample unless it says otherwise.

    Attributes
    ----------
    sharpe_annual : float
    sharpe_annual_error : float
    folds_positive, folds : int
        Test windows that made money, and all of them.
    net_by_cost : mapping
        Cost multiplier to net P&L in currency units.
    bootstrap : BootstrapResult or None
        None without trades.
    deflated_sharpe : float
        The lower of what is left of the chosen set and of the walk.
    trials : int
    sharpe_by_luck_annual : float
        What the best of so many worthless trials would show.
    deflated_walk, walks : float, int
        What is left of the walk, and how many such accounts were looked at on these data.
    alpha_annual, alpha_t, hold_sharpe_annual : float
        Against holding the instruments.
    trades : int
        Closed round trips.
    cuts_clean, cuts : int
        Look-ahead audit: cut points at which nothing before moved, and all of them.
    completeness : mapping or None
        Symbol to the share of the calendar's bars that are there; None if it was not measured.
    parameter_count, parameter_count_max : int
    turnover_annual, turnover_annual_max : float
    measured : mapping
        Gate name to the figure it judges, for gates that compare one figure with their threshold.
    """

    sharpe_annual: float
    sharpe_annual_error: float
    folds_positive: int
    folds: int
    net_by_cost: Mapping[str, float]
    bootstrap: BootstrapResult | None
    deflated_sharpe: float
    trials: int
    sharpe_by_luck_annual: float
    alpha_annual: float
    alpha_t: float
    hold_sharpe_annual: float
    trades: int
    cuts_clean: int
    cuts: int
    completeness: Mapping[str, float] | None
    parameter_count: int
    parameter_count_max: int
    turnover_annual: float
    turnover_annual_max: float
    deflated_walk: float = math.nan
    walks: int = 1
    measured: Mapping[str, Figure] = field(default_factory=dict)
