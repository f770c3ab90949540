"""How much the underlying moved, how much it is expected to move, and what options pay for the difference.

Everything here takes variances of single sessions in the order of time and gives series of the same length. A forecast
in row t is made of rows up to t alone and speaks of the mean variance of a session over the next `horizon` sessions:
models are fitted again as time goes on, never once on the whole. Multiply by 252 for a year.

Three forecasts stand beside each other because none is best everywhere: an exponential mean (RiskMetrics 1996), the
heterogeneous autoregression of Corsi (2009), and GARCH(1,1) of Bollerslev (1986) fitted by the library arch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import ConfigError

__all__ = [
    "ForecastScore",
    "RealisedSeries",
    "evaluate_forecasts",
    "forecast_ewma",
    "forecast_garch",
    "forecast_har",
    "forward_variance",
    "realised_daily",
    "realised_intraday",
    "variance_risk_premium",
]

_SESSIONS_A_YEAR: Final = 252.0
_WEEK: Final = 5
_MONTH: Final = 22
_PERCENT: Final = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class RealisedSeries:
    """Realised variance of sessions made of bars.

    Attributes
    ----------
    session : (n,) int64
        Session numbers, ascending.
    variance : (n,) float64
        Sum of squared logarithmic returns of the session; NaN where it is not known.
    bars : (n,) int64
        Returns that it is the sum of.
    """

    session: I64_1D
    variance: F64_1D
    bars: I64_1D


def realised_daily(close: F64_1D) -> F64_1D:
    """Squared close-to-close logarithmic returns: the noisiest measure of a session's variance, and the simplest.

    Parameters
    ----------
    close : (n,) float64
        Closes of sessions in the order of time.

    Returns
    -------
    (n,) float64
        The first is NaN, and so are those of which a close is not finite and positive.
    """
    price = np.where(np.asarray(close) > 0.0, close, np.nan)
    out = np.full(len(price), np.nan)
    out[1:] = np.diff(np.log(price)) ** 2
    return np.where(np.isfinite(out), out, np.nan)


def realised_intraday(close: F64_1D, session: NDArray[np.integer], *, with_overnight: bool = True) -> RealisedSeries:
    """Sum of squared returns of the bars of each session.

    Andersen, Bollerslev, Diebold, Labys 2003, "Modeling and Forecasting Realized Volatility", Econometrica 71(2). Bars
    of five minutes are the usual choice: finer ones add the bounce between bid and ask (Liu, Patton, Sheppard 2015,
    Journal of Econometrics 187(1)). A session whose overnight return is asked for but not known, the first, is
    NaN. A bar without a price is passed over, so that its move counts with the next one.

    Parameters
    ----------
    close : (n,) float64
        Closes of bars in the order of time.
    session : (n,) int
        Session of each bar, never falling.
    with_overnight : bool
        Count the return from the last bar of the session before to the first of this one, at which options stay open.

    Raises
    ------
    ConfigError
        For arrays of different length, or sessions out of order.
    """
    if len(close) != len(session):
        raise ConfigError(f"close has {len(close)} bars, session {len(session)}")
    if (np.diff(session) < 0).any():
        raise ConfigError(f"session falls at bar {int(np.argmax(np.diff(session) < 0)) + 1}; sort the bars by time")
    known = np.isfinite(close) & (np.asarray(close) > 0.0)
    names = np.unique(session)
    place = np.searchsorted(names, session[known])
    step = np.diff(np.log(close[known]))
    crosses = place[1:] != place[:-1]
    counted = np.ones(len(step), dtype=np.bool_) if with_overnight else ~crosses
    total = np.bincount(place[1:][counted], weights=step[counted] ** 2, minlength=len(names))
    bars = np.bincount(place[1:][counted], minlength=len(names)).astype(np.int64)
    variance = np.where(bars > 0, total, np.nan)
    if with_overnight:
        # A return over a session without any price is of more than one night.
        held = np.bincount(place, minlength=len(names)) > 0
        variance[0] = np.nan
        variance[1:][~held[:-1]] = np.nan
    return RealisedSeries(names.astype(np.int64), variance, bars)


def forward_variance(variance: F64_1D, horizon: int) -> F64_1D:
    """What a forecast is judged by: mean variance over rows t + 1 to t + horizon. It looks ahead, as an answer may."""
    _check_horizon(horizon)
    out = np.full(len(variance), np.nan)
    if len(variance) > horizon:
        out[:-horizon] = _trailing(variance, horizon)[horizon:]
    return out


def forecast_ewma(variance: F64_1D, *, decay: float = 0.94) -> F64_1D:
    """Exponential mean of variances, ``s = decay * s + (1 - decay) * v``; the same for any horizon (RiskMetrics 1996).

    It starts at the first variance that is known. A row that is not known leaves it as it was.

    Raises
    ------
    ConfigError
        For a decay outside 0 to 1.
    """
    if not 0.0 < decay < 1.0:
        raise ConfigError(f"decay is {decay}; between 0 and 1")
    out = np.full(len(variance), np.nan)
    level = math.nan
    for row, one in enumerate(np.asarray(variance, dtype=np.float64).tolist()):
        if math.isfinite(one):
            level = one if math.isnan(level) else decay * level + (1.0 - decay) * one
        out[row] = level
    return out


def forecast_har(variance: F64_1D, *, horizon: int = 1, fit_min: int = 250) -> F64_1D:
    """Corsi 2009, "A Simple Approximate Long-Memory Model of Realized Volatility", J. Financial Econometrics 7(2).

    Ordinary least squares of the mean variance of the next `horizon` sessions on that of the last session, the last 5
    and the last 22, fitted anew in each row on all that was known by then. A forecast outside all targets seen by then
    is replaced by their mean (the "insanity filter" of Bollerslev, Patton, Quaedvlieg 2016, J. Econometrics 192(1)).

    Parameters
    ----------
    variance : (n,) float64
        NaN rows make NaN forecasts for a month, and are left out of the fit.
    fit_min : int
        Targets that must be known before the first forecast.

    Raises
    ------
    ConfigError
        For a horizon below 1 or a fit on fewer than 10 rows.
    """
    _check_horizon(horizon)
    if fit_min < 10:
        raise ConfigError(f"fit_min is {fit_min}; four coefficients need at least 10 rows")
    count = len(variance)
    x = np.stack([np.ones(count), *(_trailing(variance, span) for span in (1, _WEEK, _MONTH))], axis=1)
    # Variances are of the size of 1e-4: in percent squared, the equations are of one size.
    x[:, 1:] *= _PERCENT**2
    # Row t of the pairs is the newest that is complete at t: regressors of t - horizon, target over the rows to t.
    past = np.full_like(x, np.nan)
    past[horizon:] = x[: max(count - horizon, 0)]
    y = _trailing(variance, horizon) * _PERCENT**2
    is_pair = np.isfinite(past).all(axis=1) & np.isfinite(y)
    rows, goals = np.where(is_pair[:, None], past, 0.0), np.where(is_pair, y, 0.0)
    gram = np.cumsum(rows[:, :, None] * rows[:, None, :], axis=0)
    moment = np.cumsum(rows * goals[:, None], axis=0)
    seen = np.cumsum(is_pair)
    ready = np.flatnonzero((seen >= fit_min) & np.isfinite(x).all(axis=1))
    out = np.full(count, np.nan)
    for row in ready:
        # Of a history that does not vary, the answer of least norm still forecasts.
        weights = np.linalg.lstsq(gram[row], moment[row], rcond=1e-14)[0]
        out[row] = x[row] @ weights
    lowest = np.minimum.accumulate(np.where(is_pair, y, np.inf))
    highest = np.maximum.accumulate(np.where(is_pair, y, -np.inf))
    mean = np.cumsum(goals) / np.maximum(seen, 1)
    is_insane = np.isfinite(out) & ((out < lowest) | (out > highest))
    return np.where(is_insane, mean, out) / _PERCENT**2


def forecast_garch(
    log_returns: F64_1D, *, horizon: int = 1, fit_min: int = 500, refit: int = 22, window: int | None = None
) -> F64_1D:
    """GARCH(1,1) (Bollerslev 1986, J. Econometrics 31(3)) by the library arch, fitted every `refit` rows on the past.

    Constant mean, normal errors. Between fits the variance is carried on with the last parameters; over the horizon it
    returns to its long-run level by the sum of alpha and beta. A fit that does not converge leaves NaN until the next.

    Parameters
    ----------
    log_returns : (n,) float64
        Returns of sessions; leading NaN are passed over.
    window : int or None
        Rows of the past to fit on; None takes all.

    Raises
    ------
    ConfigError
        For settings out of range, or a return that is not finite among the others.
    """
    _check_horizon(horizon)
    if fit_min < 100 or refit < 1 or (window is not None and window < fit_min):
        raise ConfigError(f"fit_min {fit_min} (from 100), refit {refit} (from 1), window {window} (from fit_min)")
    returns = np.asarray(log_returns, dtype=np.float64)
    out = np.full(len(returns), np.nan)
    finite = np.isfinite(returns)
    first = int(np.argmax(finite)) if finite.any() else len(returns)
    if not finite[first:].all():
        raise ConfigError(f"log_returns: row {first + int(np.argmin(finite[first:]))} is not finite; mend it")
    for row in range(first + fit_min - 1, len(returns), refit):
        start = first if window is None else max(first, row + 1 - window)
        _carry_garch(returns[start:] * _PERCENT, row - start, horizon, refit, out[row : row + refit])
    return out / _PERCENT**2


def _carry_garch(percent: F64_1D, fitted: int, horizon: int, refit: int, out: F64_1D) -> None:
    """Fit on rows to `fitted`, and write the forecasts of it and the rows after it until the next fit."""
    from arch import arch_model

    model = arch_model(percent[: fitted + 1], mean="Constant", vol="GARCH", p=1, q=1, rescale=False)
    result = model.fit(disp="off", show_warning=False)
    if result.convergence_flag != 0:
        return
    mean, omega, alpha, beta = (float(result.params[name]) for name in ("mu", "omega", "alpha[1]", "beta[1]"))
    level = float(result.conditional_volatility[-1]) ** 2
    sum_of, persistence = 0.0, alpha + beta
    power = 1.0
    for _ in range(horizon):
        sum_of += power
        power *= persistence
    share = sum_of / horizon
    # With persistence one there is no long-run level: the variance of tomorrow stands for all days, drifting by omega.
    long_run = omega / (1.0 - persistence) if persistence < 1.0 else math.nan
    for place in range(len(out)):
        if place > 0:
            level = omega + alpha * (percent[fitted + place - 1] - mean) ** 2 + beta * level
        ahead = omega + alpha * (percent[fitted + place] - mean) ** 2 + beta * level
        drifted = ahead + omega * (horizon - 1) / 2.0
        out[place] = drifted if math.isnan(long_run) else long_run + share * (ahead - long_run)


def variance_risk_premium(implied_vol: F64_1D, forecast: F64_1D) -> F64_1D:
    """Implied variance less the forecast one, both annual: what sellers of options are paid on the average.

    Bollerslev, Tauchen, Zhou 2009, Review of Financial Studies 22(11), with a forecast in the place of the past. The
    implied volatility should be of the forecast's horizon, such as the VIX for 21 sessions.

    Parameters
    ----------
    implied_vol : (n,) float64
        Annual, 0.2 for 20 %; not above zero gives NaN.
    forecast : (n,) float64
        Variance of a session.
    """
    implied = np.where(np.asarray(implied_vol) > 0.0, implied_vol, np.nan)
    return implied**2 - _SESSIONS_A_YEAR * np.asarray(forecast, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class ForecastScore:
    """How a forecast did on rows where every forecast and the answer are known.

    Attributes
    ----------
    name : str
    rows : int
    qlike : float
        Mean of ``a / f - log(a / f) - 1``: 0 is perfect, and outliers and noise disturb it little (Patton 2011, J.
        Econometrics 160(1)).
    mse : float
        Mean squared error of the annual variance.
    intercept, slope, intercept_error, slope_error, r_squared : float
        Regression of the annual answer on the annual forecast (Mincer, Zarnowitz 1969): 0 and 1 are unbiased. Errors
        are those of Newey and West 1987, with as many lags as horizons overlap.
    """

    name: str
    rows: int
    qlike: float
    mse: float
    intercept: float
    slope: float
    intercept_error: float
    slope_error: float
    r_squared: float


def evaluate_forecasts(
    variance: F64_1D, forecasts: Mapping[str, F64_1D], *, horizon: int = 1
) -> tuple[ForecastScore, ...]:
    """Score forecasts side by side, on the same rows; those without an answer above zero are left out.

    Raises
    ------
    ConfigError
        For a forecast of another length, or fewer than 10 rows that all share.
    """
    answer = forward_variance(variance, horizon)
    usable = np.isfinite(answer) & (answer > 0.0)
    for name, forecast in forecasts.items():
        if len(forecast) != len(answer):
            raise ConfigError(f"forecast {name} has {len(forecast)} rows, the variance {len(answer)}")
        usable &= np.isfinite(forecast) & (np.asarray(forecast) > 0.0)
    if int(usable.sum()) < 10:
        raise ConfigError(f"only {int(usable.sum())} rows have all forecasts and an answer; at least 10 needed")
    actual = answer[usable] * _SESSIONS_A_YEAR
    scores = []
    for name, forecast in forecasts.items():
        said = np.asarray(forecast)[usable] * _SESSIONS_A_YEAR
        ratio = actual / said
        qlike = float(np.mean(ratio - np.log(ratio) - 1.0))
        fit = _regression(said, actual, horizon - 1)
        scores.append(ForecastScore(name, len(actual), qlike, float(np.mean((actual - said) ** 2)), *fit))
    return tuple(scores)


def _regression(x: F64_1D, y: F64_1D, lags: int) -> tuple[float, float, float, float, float]:
    """Intercept, slope, their errors by Newey and West, and the share of variance explained."""
    design = np.stack((np.ones(len(x)), x), axis=1)
    bread = np.linalg.pinv(design.T @ design)
    weights = bread @ (design.T @ y)
    left = y - design @ weights
    score = design * left[:, None]
    meat = score.T @ score
    for lag in range(1, min(lags, len(x) - 1) + 1):
        cross = score[lag:].T @ score[:-lag]
        meat += (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    errors = np.sqrt(np.diag(bread @ meat @ bread))
    spread = float(np.sum((y - y.mean()) ** 2))
    explained = 1.0 - float(left @ left) / spread if spread > 0.0 else math.nan
    return float(weights[0]), float(weights[1]), float(errors[0]), float(errors[1]), explained


def _trailing(values: F64_1D, span: int) -> F64_1D:
    """Mean of the last `span` rows; NaN where one of them is."""
    out = np.full(len(values), np.nan)
    if len(values) >= span:
        # Added in one order whatever the length, so that rows to come do not move a bit of those that were.
        total = np.zeros(len(values) - span + 1)
        for lag in range(span):
            total += values[lag : len(values) - span + 1 + lag]
        out[span - 1 :] = total / span
    return out


def _check_horizon(horizon: int) -> None:
    if horizon < 1:
        raise ConfigError(f"horizon is {horizon} sessions; at least 1")
