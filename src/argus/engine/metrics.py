"""What a run was worth: every statistic a report shows, as a free function of plain arrays with its formula and source.

Returns are taken from the equity of the account at session closes, never from marks compounded per trade. Nothing here
assumes 252 of anything: whoever annualises says how many sessions a year the market really had. Where there is too
little to say, a figure is NaN, never a number that only looks like one.

Its neighbours: `period_metrics` (weeks, months, dependence between sessions), `risk_metrics` (falls and tails),
`trade_metrics` (round trips, costs, capacity), `run_metrics` (all of them for one run, declared by name).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I32_1D, I64_1D
from argus.core.errors import ConfigError
from argus.core.orders import FillRule
from argus.engine.record import RunRecord

__all__ = [
    "Drawdown",
    "Metrics",
    "calmar",
    "downside_deviation",
    "drawdown_curve",
    "expectancy",
    "exposure",
    "hit_rate",
    "held_values",
    "kurtosis",
    "largest_share",
    "max_drawdown",
    "probabilistic_sharpe",
    "profit_factor",
    "return_annual",
    "session_returns",
    "sessions_per_year",
    "sharpe",
    "sharpe_error",
    "skewness",
    "sortino",
    "summarise",
    "tick_value_micros",
    "traded_micros",
    "turnover_annual",
]

_DAYS_PER_YEAR: Final = 365.2425
_YEAR: Final = 365
_WEEK: Final = 7
_NORMAL: Final = NormalDist()
_EVENT_RULES: Final = (FillRule.SPLIT, FillRule.FINAL_SETTLEMENT)


class Drawdown(NamedTuple):
    """The deepest fall of an equity curve, and the longest time spent below a former peak.

    Attributes
    ----------
    fraction : float
        Largest fall as a share of the peak before it, 0 to 1.
    micros : int
        Largest fall in money. It need not be the same fall.
    peak, trough : int
        Positions of the fall of `fraction` in the curve; -1 is the opening balance.
    periods : int
        Longest run of periods below a former peak.
    """

    fraction: float
    micros: int
    peak: int
    trough: int
    periods: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """Summary of a run; shares and ratios are fractions, NaN where there is too little to say.

    Attributes
    ----------
    sessions : int
        Sessions with an equity, from the first decision on.
    sessions_per_year : float
        Used for every annual figure here.
    net_pnl_micros, fees_micros, final_equity_micros : int
    return_total, return_annual, vol_annual : float
        Of the account; the annual return is compounded.
    sharpe_session, sharpe_annual, sharpe_annual_error : float
        Mean over standard deviation of session returns; the error allows for skewness and fat tails.
    sortino_annual, calmar : float
    skew, kurtosis : float
        Of session returns; a normal distribution has 0 and 3.
    psr_zero : float
        Probability that the true Sharpe ratio is above zero, were this the only trial.
    drawdown_max : float
    drawdown_max_micros, drawdown_sessions : int
    exposure : float
        Share of bar closes at which something was held.
    turnover_annual, turnover_equity_annual : float
        Times a year that the held position, and the account's equity, was bought and sold.
    orders, fills, trades : int
        Trades are closed round trips.
    hit_rate, profit_factor : float
    expectancy_micros : float
        Mean net result of a closed trade.
    largest_trade_share : float
        Largest winner as a share of the net result of all closed trades; NaN if that is not positive.
    """

    sessions: int
    sessions_per_year: float
    net_pnl_micros: int
    fees_micros: int
    final_equity_micros: int
    return_total: float
    return_annual: float
    vol_annual: float
    sharpe_session: float
    sharpe_annual: float
    sharpe_annual_error: float
    sortino_annual: float
    calmar: float
    skew: float
    kurtosis: float
    psr_zero: float
    drawdown_max: float
    drawdown_max_micros: int
    drawdown_sessions: int
    exposure: float
    turnover_annual: float
    turnover_equity_annual: float
    orders: int
    fills: int
    trades: int
    hit_rate: float
    profit_factor: float
    expectancy_micros: float
    largest_trade_share: float


# ---- session returns


def session_returns(equity_micros: I64_1D, opening_micros: int) -> F64_1D:
    """Returns ``E_t / E_{t-1} - 1`` of the account, the first against the opening balance.

    An account that falls to zero or below has returned -1 in that session and 0 ever after: what a broker makes of a
    negative balance is a debt, not a return, and nothing can be earned back from it.

    Parameters
    ----------
    equity_micros : (n,) int64
        Equity at the close of each session.
    opening_micros : int
        Balance before the first of them; positive.

    Returns
    -------
    (n,) float64

    Raises
    ------
    ConfigError
        If the opening balance is not positive.
    """
    if opening_micros <= 0:
        raise ConfigError(f"opening balance is {opening_micros} micros; returns need a positive one")
    equity = equity_micros.astype(np.float64)
    if not len(equity):
        return equity
    before = np.concatenate(([float(opening_micros)], equity[:-1]))
    broke = np.flatnonzero(equity_micros <= 0)
    if not len(broke):
        return equity / before - 1.0
    first = int(broke[0])
    returns = np.zeros(len(equity))
    returns[:first] = equity[:first] / before[:first] - 1.0
    returns[first] = -1.0
    return returns


def sessions_per_year(session: I32_1D) -> float:
    """Sessions a year of a dated series, counted in its own calendar span; NaN if that is shorter than a week.

    From a year on ``(n - 1) / years from the first to the last``. In a shorter series the weekend that is missing at
    its end would weigh too much (Monday to Friday would make 365 a year), so that whole weeks are counted: the
    sessions of the last ``7 k`` days over ``7 k`` days, `k` as large as the series holds.

    Parameters
    ----------
    session : (n,) int32
        Session dates as day numbers, increasing.

    Raises
    ------
    ConfigError
        If the dates do not increase.
    """
    if len(session) > 1 and not (np.diff(session) > 0).all():
        row = int(np.argmax(np.diff(session) <= 0)) + 1
        raise ConfigError(
            f"session {row} is day {session[row]} after day {session[row - 1]}; give each date once, sorted"
        )
    days = int(session[-1]) - int(session[0]) if len(session) else 0
    if days >= _YEAR:
        return (len(session) - 1) * _DAYS_PER_YEAR / days
    counted = days // _WEEK * _WEEK
    if not counted:
        return math.nan
    return int(np.count_nonzero(session > int(session[-1]) - counted)) * _DAYS_PER_YEAR / counted


def return_annual(final: float, opening: float, years: float) -> float:
    """Compound annual return ``(final / opening)^(1 / years) - 1``; -1 for an account that ended at zero or below."""
    if not years > 0.0 or opening <= 0.0:
        return math.nan
    if final <= 0.0:
        return -1.0
    # A few sessions annualised may exceed what a float holds; such a figure says nothing.
    power = math.log(final / opening) / years
    return math.expm1(power) if power < 700.0 else math.nan


# ---- ratios


def sharpe(returns: F64_1D) -> float:
    """Sharpe ratio per period: mean over sample standard deviation (``ddof`` 1); NaN without variation.

    Cash earns nothing in a replay, so that returns of a futures account are excess returns. Multiply by the root of the
    periods per year for the annual figure, which assumes returns without serial correlation (Lo 2002, "The Statistics
    of Sharpe Ratios", Financial Analysts Journal 58(4)); `period_metrics.annualisation_factor` does without.
    """
    if len(returns) < 2:
        return math.nan
    deviation = float(np.std(returns, ddof=1))
    mean = float(np.mean(returns))
    # A constant series keeps a deviation of a few roundings of its mean.
    return mean / deviation if deviation > 1e-12 * abs(mean) and deviation > 0.0 else math.nan


def skewness(returns: F64_1D) -> float:
    """Third standardised moment ``m3 / m2^1.5`` (population form); NaN without variation."""
    return _standardised_moment(returns, 3)


def kurtosis(returns: F64_1D) -> float:
    """Fourth standardised moment ``m4 / m2^2`` (population form, a normal has 3); NaN without variation."""
    return _standardised_moment(returns, 4)


def _standardised_moment(returns: F64_1D, order: int) -> float:
    if len(returns) < 2:
        return math.nan
    centred = returns - np.mean(returns)
    variance = float(np.mean(centred**2))
    scale = math.sqrt(variance)
    if scale <= 1e-12 * abs(float(np.mean(returns))) or scale == 0.0:
        return math.nan
    return float(np.mean((centred / scale) ** order))


def sharpe_error(sharpe_period: float, periods: int, skew: float = 0.0, kurt: float = 3.0) -> float:
    """Standard error of a per-period Sharpe ratio under any stationary distribution of independent returns.

    ``sqrt((1 - skew * SR + (kurt - 1) / 4 * SR^2) / (n - 1))``: Mertens 2002, "Comments on variance of the IID
    estimator in Lo (2002)"; Opdyke 2007, "Comparing Sharpe ratios", Journal of Asset Management 8(5); with
    normal moments it is Lo's of 2002 for independent returns, ``sqrt((1 + SR^2 / 2) / n)``. The divisor n - 1 follows
    Bailey and Lopez de Prado 2012. Returns that depend on each other need `period_metrics.sharpe_error_dependent`.

    Parameters
    ----------
    sharpe_period : float
        Not annualised.
    periods : int
        Observations it was estimated on.
    skew, kurt : float
        Moments of the returns; `kurt` is 3 for a normal distribution.

    Returns
    -------
    float
        NaN below two observations or if the moments are impossible.
    """
    if periods < 2:
        return math.nan
    variance = 1.0 - skew * sharpe_period + (kurt - 1.0) / 4.0 * sharpe_period**2
    return math.sqrt(variance / (periods - 1)) if variance >= 0.0 else math.nan


def probabilistic_sharpe(
    sharpe_period: float, periods: int, skew: float = 0.0, kurt: float = 3.0, benchmark: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark` (both per period): PSR.

    ``Phi((SR - SR*) / standard error)``: Bailey and Lopez de Prado 2012, "The Sharpe Ratio Efficient Frontier",
    Journal of Risk 15(2). NaN where the Sharpe ratio or its error is.
    """
    error = sharpe_error(sharpe_period, periods, skew, kurt)
    if not (math.isfinite(sharpe_period) and math.isfinite(benchmark) and error > 0.0):
        return math.nan
    return _NORMAL.cdf((sharpe_period - benchmark) / error)


def downside_deviation(returns: F64_1D, target: float = 0.0) -> float:
    """``sqrt(mean(min(r - target, 0)^2))`` over *all* periods, those above the target counting as zero.

    Sortino and Price 1994, "Performance Measurement in a Downside Risk Framework", Journal of Investing 3(3). Dividing
    by the number of losing periods alone is another, larger figure. NaN without periods; 0 if none was below.
    """
    return math.sqrt(float(np.mean(np.minimum(returns - target, 0.0) ** 2))) if len(returns) else math.nan


def sortino(returns: F64_1D, target: float = 0.0) -> float:
    """Sortino ratio per period: ``(mean - target) / downside deviation``, the latter over *all* periods.

    Sortino and Price 1994, as above. `target` is the return wanted per period. NaN below two periods, or if none of
    them fell below the target.
    """
    if len(returns) < 2:
        return math.nan
    downside = downside_deviation(returns, target)
    return (float(np.mean(returns)) - target) / downside if downside > 0.0 else math.nan


def calmar(annual_return: float, depth: float) -> float:
    """Compound annual return over the depth of the deepest drawdown (a positive fraction) of the same stretch.

    Young 1991, "Calmar Ratio: A Smoother Tool", Futures 20(1), who took the last 36 months; here it is the whole run.
    NaN if nothing ever fell.
    """
    return annual_return / depth if depth > 0.0 else math.nan


# ---- drawdowns


def drawdown_curve(equity_micros: I64_1D, opening_micros: int) -> F64_1D:
    """Fall below the highest equity so far, as a fraction of it: 0 at a new high, at most 1.

    From the moment the account was at zero or below it is 1: what is gone has no later highs (see `session_returns`).

    Raises
    ------
    ConfigError
        If the opening balance is not positive.
    """
    if opening_micros <= 0:
        raise ConfigError(f"opening balance is {opening_micros} micros; a drawdown is a share of a positive one")
    equity = equity_micros.astype(np.float64)
    equity[np.logical_or.accumulate(equity_micros <= 0)] = 0.0
    peak = np.maximum.accumulate(np.concatenate(([float(opening_micros)], equity)))[1:]
    curve: F64_1D = 1.0 - equity / peak
    return curve


def max_drawdown(equity_micros: I64_1D, opening_micros: int) -> Drawdown:
    """Depth (fraction and money) and duration of the worst falls of an equity curve, the opening balance included."""
    if not len(equity_micros):
        return Drawdown(0.0, 0, -1, -1, 0)
    curve = drawdown_curve(equity_micros, opening_micros)
    with_opening = np.concatenate((np.array([opening_micros], dtype=np.int64), equity_micros))
    gone = np.logical_or.accumulate(with_opening <= 0)
    peaks = np.maximum.accumulate(np.where(gone, 0, with_opening))
    micros = int((peaks - with_opening).max())
    trough = int(np.argmax(curve))
    peak = int(np.argmax(with_opening[: trough + 2])) - 1
    below = gone | (with_opening < peaks)
    # Length of the run of True that ends at each place: its position less that of the last False.
    places = np.arange(len(below))
    last_high = np.maximum.accumulate(np.where(below, 0, places))
    return Drawdown(float(curve[trough]), micros, peak, trough, int((places - last_high).max()))


# ---- trading done


def hit_rate(net_micros: I64_1D) -> float:
    """Share of trades that made money after costs; NaN without trades."""
    return float(np.mean(net_micros > 0)) if len(net_micros) else math.nan


def profit_factor(net_micros: I64_1D) -> float:
    """Money made by winning trades over money lost by the others; infinite without a loser, NaN without trades."""
    won = int(net_micros[net_micros > 0].sum())
    lost = -int(net_micros[net_micros < 0].sum())
    if lost:
        return won / lost
    return math.inf if won else math.nan


def expectancy(net_micros: I64_1D) -> float:
    """Mean net result of a trade in micros; NaN without trades."""
    return float(np.mean(net_micros)) if len(net_micros) else math.nan


def largest_share(net_micros: I64_1D) -> float:
    """Largest winner over the net result of all trades; above 1 if the rest lost, NaN unless they made money."""
    total = int(net_micros.sum()) if len(net_micros) else 0
    return int(net_micros.max()) / total if total > 0 else math.nan


def exposure(held: BOOL_1D) -> float:
    """Share of instants at which something was held; NaN without instants."""
    return float(np.mean(held)) if len(held) else math.nan


def turnover_annual(traded_micros: int, base_micros: float, years: float) -> float:
    """Times a year that `base_micros` was bought and sold again: ``traded / 2 / base / years``; NaN without a base."""
    return traded_micros / 2.0 / base_micros / years if base_micros > 0.0 and years > 0.0 else math.nan


def tick_value_micros(fills: NDArray[np.void]) -> float:
    """Micro-units of one tick on one lot of the single instrument that these fills are of.

    From its largest fill, whose rounding matters least. A split moves a position without a trade and is no witness.

    Parameters
    ----------
    fills : structured array of ``FILL_DTYPE``

    Returns
    -------
    float
        NaN for an instrument that only ever filled at a price of zero.
    """
    traded = fills[fills["rule"] != FillRule.SPLIT]
    value = traded["value_micros"].astype(np.float64)
    lots_ticks = traded["signed_lots"].astype(np.float64) * traded["price_ticks"].astype(np.float64)
    largest = int(np.argmax(np.abs(value)))
    return float(value[largest] / lots_ticks[largest]) if lots_ticks[largest] else math.nan


def traded_micros(fills: NDArray[np.void]) -> int:
    """Value of all fills of orders, either way; splits and final settlements are no trading.

    Parameters
    ----------
    fills : structured array of ``FILL_DTYPE``
    """
    return int(np.abs(fills["value_micros"][~np.isin(fills["rule"], _EVENT_RULES)]).sum())


def held_values(fills: NDArray[np.void], instant_ns: I64_1D, *, net: bool = False) -> F64_1D:
    """Value held at each instant in micros, each position at the price of its last fill.

    Parameters
    ----------
    fills : structured array of ``FILL_DTYPE``
    instant_ns : (m,) int64
        Increasing; fills up to and at an instant count.
    net : bool
        Short positions count negative; otherwise their size counts.

    Returns
    -------
    (m,) float64
        Summed over instruments; what moved since the last fill is left out, which a turnover figure can bear.
    """
    held = np.zeros(len(instant_ns))
    for code in np.unique(fills["instrument"]):
        mine = fills[fills["instrument"] == code]
        price_lots = mine["signed_lots"].astype(np.float64)
        value = mine["value_micros"].astype(np.float64)
        split = mine["rule"] == FillRule.SPLIT
        if split.any():  # its lots are new shares and its value is the cash for a fraction: the price is the new mark
            price_lots[split], value[split] = 1.0, mine["price_ticks"][split] * tick_value_micros(mine)
        each = np.abs(value / price_lots)
        lots = mine["position_after_lots"].astype(np.float64)
        value = np.concatenate(([0.0], (lots if net else np.abs(lots)) * each))
        held += value[np.searchsorted(mine["ts_event_ns"], instant_ns, side="right")]
    return held


def summarise(record: RunRecord, periods_per_year: float) -> Metrics:
    """All of the above for one run.

    Parameters
    ----------
    record : RunRecord
    periods_per_year : float
        Sessions a year of the market that was traded, counted (`sessions_per_year`), not assumed. NaN if that cannot be
        known: then every annual figure is NaN.

    Raises
    ------
    ConfigError
        If `periods_per_year` is not positive or infinite.
    """
    if periods_per_year <= 0.0 or math.isinf(periods_per_year):
        raise ConfigError(
            f"periods_per_year is {periods_per_year}; count the sessions a year of the data and pass them"
        )
    _, equity = record.session_equity()
    opening = record.opening_cash_micros
    returns = session_returns(equity, opening)
    years = len(equity) / periods_per_year
    ratio, skew, kurt = sharpe(returns), skewness(returns), kurtosis(returns)
    root = math.sqrt(periods_per_year)
    drawdown = max_drawdown(equity, opening)
    annual = return_annual(record.final_equity_micros, opening, years)
    closed = record.trades["net_micros"][record.trades["is_open"] == 0]
    traded = traded_micros(record.fills)
    held = held_values(record.fills, record.equity_ts_ns)
    in_market = held > 0.0
    return Metrics(
        sessions=len(equity),
        sessions_per_year=float(periods_per_year),
        net_pnl_micros=record.net_pnl_micros,
        fees_micros=record.fees_micros,
        final_equity_micros=record.final_equity_micros,
        return_total=max(record.final_equity_micros, 0) / opening - 1.0,
        return_annual=annual,
        vol_annual=float(np.std(returns, ddof=1)) * root if len(returns) > 1 else math.nan,
        sharpe_session=ratio,
        sharpe_annual=ratio * root,
        sharpe_annual_error=sharpe_error(ratio, len(returns), skew, kurt) * root,
        sortino_annual=sortino(returns) * root,
        calmar=calmar(annual, drawdown.fraction),
        skew=skew,
        kurtosis=kurt,
        psr_zero=probabilistic_sharpe(ratio, len(returns), skew, kurt),
        drawdown_max=drawdown.fraction,
        drawdown_max_micros=drawdown.micros,
        drawdown_sessions=drawdown.periods,
        exposure=exposure(in_market),
        turnover_annual=turnover_annual(traded, float(np.mean(held[in_market])) if in_market.any() else 0.0, years),
        turnover_equity_annual=turnover_annual(traded, float(np.mean(equity)) if len(equity) else 0.0, years),
        orders=len(record.orders),
        fills=len(record.fills),
        trades=len(closed),
        hit_rate=hit_rate(closed),
        profit_factor=profit_factor(closed),
        expectancy_micros=expectancy(closed),
        largest_trade_share=largest_share(closed),
    )
