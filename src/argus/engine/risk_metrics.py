"""Falls and tails: every drawdown of an account with its depth and length, and how bad the bad sessions were.

Depths and losses are positive fractions: a drawdown of 0.2 lost a fifth, a value at risk of 0.02 is a loss of 2 %.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import ConfigError
from argus.engine.metrics import drawdown_curve

__all__ = [
    "Fall",
    "conditional_value_at_risk",
    "drawdowns",
    "mean_drawdown",
    "tail_ratio",
    "ulcer_index",
    "ulcer_performance",
    "under_water",
    "value_at_risk",
    "worst_drawdowns",
]

_ROUNDING: Final = 1e-9
"""A tail of 0.05 times 20 observations holds exactly one, whatever the last bit of 0.05 says."""


class Fall(NamedTuple):
    """One drawdown: from a peak to the close at which that peak was reached again.

    Attributes
    ----------
    peak, trough : int
        Positions in the curve; a peak of -1 is the opening balance.
    recovery : int
        Position of the first close at or above the peak; -1 if there was none.
    fraction : float
        Depth as a share of the peak, 0 to 1.
    micros : int
        Depth in money.
    periods_down : int
        From the peak to the trough.
    periods_under : int
        Closes below the peak, to the last one of the data if it has not recovered.
    """

    peak: int
    trough: int
    recovery: int
    fraction: float
    micros: int
    periods_down: int
    periods_under: int


def drawdowns(equity_micros: I64_1D, opening_micros: int) -> tuple[Fall, ...]:
    """Every drawdown of an equity curve, in the sequence in which they began; they do not overlap.

    Depth ``1 - E_t / max(E_0..E_t)`` at the worst close between a peak and the next close at or above it. An account
    that was gone does not recover.

    Parameters
    ----------
    equity_micros : (n,) int64
        Equity at each close.
    opening_micros : int
        Balance before the first, which is the first peak.

    Raises
    ------
    ConfigError
        If the opening balance is not positive.
    """
    curve = drawdown_curve(equity_micros, opening_micros)
    below = np.concatenate(([False], curve > 0.0, [False]))
    edge = np.diff(below.astype(np.int8))
    begins, ends = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
    found = []
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        trough = begin + int(np.argmax(curve[begin:end]))
        peak_micros = opening_micros if begin == 0 else int(equity_micros[begin - 1])
        found.append(
            Fall(
                peak=begin - 1,
                trough=trough,
                recovery=end if end < len(curve) else -1,
                fraction=float(curve[trough]),
                micros=peak_micros - int(equity_micros[begin:end].min()),
                periods_down=trough - begin + 1,
                periods_under=end - begin,
            )
        )
    return tuple(found)


def worst_drawdowns(falls: tuple[Fall, ...], count: int) -> tuple[Fall, ...]:
    """The `count` deepest of them, the deepest first, the earlier first among equals.

    Raises
    ------
    ConfigError
        If `count` is negative.
    """
    if count < 0:
        raise ConfigError(f"count is {count}; give the number of drawdowns wanted, 0 or more")
    return tuple(sorted(falls, key=lambda fall: (-fall.fraction, fall.peak))[:count])


def mean_drawdown(falls: tuple[Fall, ...]) -> tuple[float, float]:
    """Mean depth (fraction) and mean length (closes below the peak) of drawdowns; NaN without any.

    One that has not ended counts as long as it is so far, which is too short.
    """
    if not falls:
        return math.nan, math.nan
    depth = math.fsum(fall.fraction for fall in falls) / len(falls)
    return depth, sum(fall.periods_under for fall in falls) / len(falls)


def under_water(curve: F64_1D) -> float:
    """Share of closes that lay below an earlier peak; NaN without closes.

    Parameters
    ----------
    curve : (n,) float64
        From `metrics.drawdown_curve`.
    """
    return float(np.mean(curve > 0.0)) if len(curve) else math.nan


def ulcer_index(curve: F64_1D) -> float:
    """Ulcer index ``sqrt(mean(D_t^2))`` of the drawdown at every close, as a fraction; NaN without closes.

    Martin and McCann 1989, "The Investor's Guide to Fidelity Funds"; they wrote it in percent.

    Parameters
    ----------
    curve : (n,) float64
        From `metrics.drawdown_curve`.
    """
    return math.sqrt(float(np.mean(curve**2))) if len(curve) else math.nan


def ulcer_performance(annual_return: float, ulcer: float) -> float:
    """Compound annual return over the ulcer index (Martin ratio); NaN if nothing ever fell.

    Martin and McCann 1989, as above, with cash at zero.
    """
    return annual_return / ulcer if ulcer > 0.0 else math.nan


# ---- tails


def value_at_risk(returns: F64_1D, level: float = 0.95) -> float:
    """Historical value at risk of one period: the loss that the worst ``1 - level`` of all periods reached or passed.

    ``-r_(k)`` with ``k = ceil(n (1 - level))`` of the returns sorted upwards: a loss that really occurred, not a value
    between two of them. Positive is a loss; it is negative if even that period made money. Jorion 2007, "Value at
    Risk", 3rd edition, historical simulation.

    Returns
    -------
    float
        NaN if a return is NaN, or if there are fewer than ``1 / (1 - level)``: such a history holds no such loss.

    Raises
    ------
    ConfigError
        If `level` does not lie between 0 and 1.
    """
    tail = _tail(returns, level)
    return -float(tail[-1]) if len(tail) else math.nan


def conditional_value_at_risk(returns: F64_1D, level: float = 0.95) -> float:
    """Expected shortfall: the mean loss of the worst ``1 - level`` of all periods, as a positive fraction.

    ``-(r_(1) + ... + r_(k-1) + (a - k + 1) r_(k)) / a`` with ``a = n (1 - level)`` and ``k = ceil(a)``: the period that
    lies across the edge of the tail counts with the part that lies within, which makes the figure coherent (Acerbi and
    Tasche 2002, "On the Coherence of Expected Shortfall", Journal of Banking and Finance 26(7)).

    Returns
    -------
    float
        Never below `value_at_risk`; NaN as there.

    Raises
    ------
    ConfigError
        If `level` does not lie between 0 and 1.
    """
    tail = _tail(returns, level)
    if not len(tail):
        return math.nan
    size = len(returns) * (1.0 - level)
    inner = len(tail) - 1
    return -(float(tail[:inner].sum()) + (size - inner) * float(tail[-1])) / size


def _tail(returns: F64_1D, level: float) -> F64_1D:
    """The worst returns that the tail reaches, sorted upwards; none if the history is too short or has gaps."""
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level is {level}; give a share between 0 and 1, such as 0.95")
    size = len(returns) * (1.0 - level)
    if size < 1.0 - _ROUNDING or np.isnan(returns).any():
        return returns[:0]
    worst: F64_1D = np.sort(returns)[: math.ceil(size - _ROUNDING)]
    return worst


def tail_ratio(returns: F64_1D, level: float = 0.95) -> float:
    """The return at the upper `level` quantile over the loss at the lower ``1 - level``: ``q_level / -q_(1-level)``.

    Above 1 the good extremes are larger than the bad ones. Quantiles are interpolated linearly (Hyndman and Fan 1996,
    "Sample Quantiles in Statistical Packages", American Statistician 50(4), type 7).

    Returns
    -------
    float
        NaN if a return is NaN, if there are fewer than ``1 / (1 - level)``, and where the lower quantile is no loss or
        the upper one no gain: a ratio of their sizes would hide that.

    Raises
    ------
    ConfigError
        If `level` does not lie between 0.5 and 1.
    """
    if not 0.5 < level < 1.0:
        raise ConfigError(f"level is {level}; give a share between 0.5 and 1, such as 0.95")
    if not len(_tail(returns, level)):
        return math.nan
    low, high = np.quantile(returns, [1.0 - level, level]).tolist()
    return float(high / -low) if low < 0.0 <= high else math.nan
