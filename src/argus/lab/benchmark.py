"""Holding the instrument at equal risk: what anybody could have had without an idea.

The account buys once and holds, over the same sessions and at the same costs, in a size that leaves no rounding to
speak of. Its returns are then scaled, after the fact, to the volatility of the strategy's account: risk is made equal,
Sharpe ratios are not touched. What the strategy earned beside it is the alpha of a regression.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D, Bars
from argus.core.errors import CoverageError
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Intent, OrderRequest
from argus.core.money import MICROS
from argus.core.orders import Fill, OrderType, Side, TimeInForce
from argus.core.ports import View
from argus.core.strategy import Parameter, StrategyConstraints, StrategySpec, WakeRule
from argus.engine.config import RunConfig

__all__ = ["Alpha", "Hold", "alpha_against", "hold_plan", "scaled_to"]

_LOTS_MIN: Final = 20
_INVESTED: Final = 0.9


class Hold:
    """Buy so many units of each instrument at the first chance, and hold. Implements `core.ports.Strategy`.

    Parameters
    ----------
    units : mapping
        Symbol to units, whole lots.
    execution : mapping
        Symbol to MARKET, or MARKET_ON_CLOSE where opens were not observed.
    """

    def __init__(self, units: Mapping[str, float], execution: Mapping[str, OrderType]) -> None:
        self._units = dict(units)
        self._execution = dict(execution)
        self._bought = False
        self._spec = StrategySpec(
            name="hold",
            version="1",
            summary="Buy and hold the instruments, equally weighted at the start.",
            source="the benchmark of every idea",
            universe=tuple(units),
            wake=WakeRule.SESSION_END,
            warmup_bars=1,
            parameters=tuple(Parameter(f"units_{symbol}", 1.0, why="Units held.") for symbol in units),
            values={f"units_{symbol}": float(count) for symbol, count in units.items()},
            features=(),
            needs=frozenset({"close"}),
            constraints=StrategyConstraints(parameter_count_max=len(self._units), turnover_annual_max=1.0),
        )

    @property
    def spec(self) -> StrategySpec:
        """What it declares."""
        return self._spec

    def wake(self, view: View) -> Sequence[Intent]:
        """Buy once."""
        if self._bought:
            return ()
        self._bought = True
        return [
            OrderRequest(symbol, Side.BUY, self._execution[symbol], count, time_in_force=TimeInForce.GTC, tag="hold")
            for symbol, count in self._units.items()
            if count > 0.0
        ]

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        """Nothing to do: it holds."""
        return ()


def hold_plan(
    market: Mapping[str, tuple[InstrumentSpec, Bars]], universe: Sequence[str], config: RunConfig, start_ns: int
) -> tuple[Hold, RunConfig]:
    """The holding strategy from `start_ns` on, and the settings to run it under.

    Nine tenths of the account are invested, equally by value at the last close known at `start_ns`; the rest pays for
    costs and a gap at the first fill. The account is as large as it must be for at least twenty lots of each.

    Raises
    ------
    CoverageError
        If an instrument has no bar by then.
    """
    values, lots = {}, {}
    for symbol in universe:
        spec, bars = market[symbol]
        row = int(np.searchsorted(bars.ts_recv_ns, start_ns, side="right")) - 1
        if row < 0:
            raise CoverageError(f"{symbol}: no bar is known at the start of the comparison; start it later")
        price = max(abs(float(bars.close[row])), float(spec.tick_size))
        values[symbol] = price * float(spec.multiplier)
        lots[symbol] = spec.lot_size
    needed = max(values[symbol] * float(lots[symbol]) for symbol in universe) * _LOTS_MIN * len(universe) / _INVESTED
    cash = max(config.account.cash_micros, math.ceil(needed * MICROS))
    units = {}
    for symbol in universe:
        wanted = _INVESTED * cash / MICROS / len(universe) / values[symbol]
        units[symbol] = float(Decimal(repr(wanted)) // lots[symbol] * lots[symbol])
    execution = {
        symbol: OrderType.MARKET if "open" in market[symbol][1].observed else OrderType.MARKET_ON_CLOSE
        for symbol in universe
    }
    settings = replace(config, account=replace(config.account, cash_micros=cash), start_ns=start_ns)
    return Hold(units, execution), settings


def scaled_to(returns: F64_1D, target: F64_1D) -> tuple[F64_1D, float]:
    """`returns` times the factor that gives them the standard deviation of `target`; the factor is NaN if they rest."""
    own = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    wanted = float(np.std(target, ddof=1)) if len(target) > 1 else 0.0
    if not own > 0.0:
        return np.zeros(len(returns)), math.nan
    return returns * (wanted / own), wanted / own


@dataclass(frozen=True, slots=True)
class Alpha:
    """Regression of a strategy's session returns on those of holding.

    Attributes
    ----------
    alpha_session : float
        Mean return that is left when holding is taken out.
    beta : float
    t_statistic : float
        Of the alpha, with errors robust to heteroskedasticity and serial correlation.
    """

    alpha_session: float
    beta: float
    t_statistic: float


def alpha_against(returns: F64_1D, hold: F64_1D) -> Alpha:
    """Least squares of `returns` on a constant and `hold`; Newey and West errors.

    Newey and West 1987, "A Simple, Positive Semi-Definite, Heteroskedasticity and Autocorrelation Consistent Covariance
    Matrix", Econometrica 55(3), with ``floor(4 (n / 100)^(2/9))`` lags. NaN below ten sessions or without variation.
    """
    n = len(returns)
    if n < 10 or not float(np.ptp(returns)) > 0.0 or not float(np.ptp(hold)) > 0.0:
        return Alpha(math.nan, math.nan, math.nan)
    design = np.column_stack((np.ones(n), hold))
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ returns
    residuals = returns - design @ coefficients
    # A strategy that is a multiple of holding leaves roundings, of which no statistic can be made.
    if float(np.std(residuals)) <= 1e-10 * float(np.std(returns)):
        return Alpha(float(coefficients[0]), float(coefficients[1]), 0.0)
    scores = design * residuals[:, None]
    middle = scores.T @ scores
    lags = math.floor(4.0 * (n / 100.0) ** (2.0 / 9.0))
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        middle += (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    error = math.sqrt(float((inverse @ middle @ inverse)[0, 0]))
    return Alpha(float(coefficients[0]), float(coefficients[1]), float(coefficients[0]) / error)
