"""Prices and greeks of European options under Black-Scholes, Black 1976 and Bachelier, for whole columns at once.

All three are one formula seen from different sides: Black-Scholes starts from a spot that grows at rate less yield,
Black 1976 from the forward itself, and Bachelier lets the forward move by amounts instead of percentages.
`Greeks` states what each figure is the derivative of, and in which units; `docs/options_pricing.md` says it in words.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from argus.core.arrays import F64_1D, memory_of, working_memory
from argus.core.errors import DataError
from argus.options.columns import U8_1D, option_columns

__all__ = [
    "Greeks",
    "Prices",
    "bachelier_greeks",
    "bachelier_price",
    "black76_greeks",
    "black76_price",
    "black_scholes_greeks",
    "black_scholes_price",
]


@dataclass(frozen=True, slots=True)
class Prices:
    """Values of n options.

    Attributes
    ----------
    price : (n,) float64
        Today's value; NaN where there is none.
    reason : (n,) uint8
        `argus.options.reasons.Reason`; 0 where there is an answer.
    """

    price: F64_1D
    reason: U8_1D


@dataclass(frozen=True, slots=True)
class Greeks:
    """Values of n options and their derivatives; NaN in every column of a row that has a reason.

    U is the underlying that the model starts from: the spot for Black-Scholes, the forward for the others. Volatility
    is in units of one (0.01 is a point), time in years, rates are continuous. **Passing time is positive**: theta,
    charm, veta and color are per year that goes by, with spot, rates and volatility held (forward and rate for the
    forward models); divide by 365 for a calendar day.

    Attributes
    ----------
    price : (n,) float64
    delta, gamma, speed : (n,) float64
        First, second, third derivative by U.
    vega, vomma : (n,) float64
        First, second derivative by volatility.
    theta : (n,) float64
        What the price gains as time goes by; negative for most long options.
    rho : (n,) float64
        Derivative by the rate: the dividend yield, or the forward, is held. On a forward it is ``-years * price``.
    vanna : (n,) float64
        Derivative of delta by volatility, and of vega by U.
    charm, veta, color : (n,) float64
        What delta, vega and gamma gain as time goes by. Veta, speed and color are empty where they were not asked for.
    reason : (n,) uint8
        `argus.options.reasons.Reason`; 0 where there is an answer.
    """

    price: F64_1D
    delta: F64_1D
    gamma: F64_1D
    vega: F64_1D
    theta: F64_1D
    rho: F64_1D
    vanna: F64_1D
    charm: F64_1D
    vomma: F64_1D
    veta: F64_1D
    speed: F64_1D
    color: F64_1D
    reason: U8_1D


_COLUMN_NAMES = tuple(one.name for one in fields(Greeks))[:-1]


def _run(
    kernel: Any, columns: int, right: ArrayLike, given: dict[str, ArrayLike], over: Greeks | None = None
) -> tuple[F64_1D, U8_1D]:
    """Columns, one after the other, and reasons of the kernel's answer."""
    from argus.options._black_kernels import ROOM

    rows, made, rights = option_columns(right, **given)
    if over is None:
        out, reason = working_memory(columns * rows), np.empty(rows, dtype=np.uint8)
    else:
        out, reason = memory_of(over.price), over.reason
        if len(out) != columns * rows or len(reason) != rows:
            raise DataError(
                f"out holds {len(reason)} rows of {len(out) // max(len(reason), 1)} columns, "
                f"{rows} of {columns} are wanted; give an answer of equal size"
            )
    kernel(*made, rights, working_memory(ROOM), out, reason)
    return out, reason


def _greeks(kernel: Any, over: Greeks | None, extended: bool, right: ArrayLike, given: dict[str, ArrayLike]) -> Greeks:
    wanted = len(_COLUMN_NAMES) if extended else _COLUMN_NAMES.index("veta")
    out, reason = _run(kernel, wanted, right, given, over)
    if over is not None:
        return over
    columns = dict.fromkeys(_COLUMN_NAMES, np.empty(0))
    columns |= zip(_COLUMN_NAMES, out.reshape(wanted, len(reason)), strict=False)
    return Greeks(**columns, reason=reason)


def black_scholes_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    right: ArrayLike,
) -> Prices:
    """European options on a spot with a continuous yield (Black, Scholes 1973; Merton 1973).

    The yield is whatever holding the spot earns: dividends, a foreign rate, or a borrow fee. The cost of carry b is
    `rate` less `dividend_yield`.

    Parameters
    ----------
    spot, strike, years, vol, rate, dividend_yield : (n,) or number
        Years to expiry, annual volatility as a fraction, continuous annual rates of either sign.
    right : (n,) or number
        +1 call, -1 put.

    Raises
    ------
    DataError
        On columns of different lengths. A bad row raises nothing: it gets NaN and its reason.
    """
    from argus.options._black_kernels import spot_greeks

    given: dict[str, ArrayLike] = {
        "spot": spot,
        "strike": strike,
        "years": years,
        "vol": vol,
        "rate": rate,
        "dividend_yield": dividend_yield,
    }
    return Prices(*_run(spot_greeks, 1, right, given))


def black_scholes_greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    right: ArrayLike,
    *,
    out: Greeks | None = None,
    extended: bool = True,
) -> Greeks:
    """Price and eleven greeks of `black_scholes_price`, whose parameters these are.

    `out` is an earlier answer of as many rows and columns, to be written over: memory for a new one takes as long as
    the arithmetic. Without `extended`, veta, speed and color are left out, and are empty.
    """
    from argus.options._black_kernels import spot_greeks

    given: dict[str, ArrayLike] = {
        "spot": spot,
        "strike": strike,
        "years": years,
        "vol": vol,
        "rate": rate,
        "dividend_yield": dividend_yield,
    }
    return _greeks(spot_greeks, out, extended, right, given)


def black76_price(
    forward: ArrayLike,
    discount: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    right: ArrayLike,
) -> Prices:
    """European options on a forward (Black 1976, "The pricing of commodity contracts").

    Parameters
    ----------
    forward, discount, strike, years, vol : (n,) or number
        Forward and discount factor to expiry, strike, years to expiry, annual volatility as a fraction.
    right : (n,) or number
        +1 call, -1 put.

    Raises
    ------
    DataError
        On columns of different lengths. A bad row raises nothing: it gets NaN and its reason.
    """
    from argus.options._black_kernels import black_greeks

    given: dict[str, ArrayLike] = {
        "forward": forward,
        "discount": discount,
        "strike": strike,
        "years": years,
        "vol": vol,
    }
    return Prices(*_run(black_greeks, 1, right, given))


def black76_greeks(
    forward: ArrayLike,
    discount: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    right: ArrayLike,
    *,
    out: Greeks | None = None,
    extended: bool = True,
) -> Greeks:
    """Price and eleven greeks of `black76_price`, whose parameters these are; the rate is that of the discount.

    `out` and `extended` are those of `black_scholes_greeks`.
    """
    from argus.options._black_kernels import black_greeks

    given: dict[str, ArrayLike] = {
        "forward": forward,
        "discount": discount,
        "strike": strike,
        "years": years,
        "vol": vol,
    }
    return _greeks(black_greeks, out, extended, right, given)


def bachelier_price(
    forward: ArrayLike,
    discount: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    right: ArrayLike,
) -> Prices:
    """European options on a forward that moves by amounts, and may be negative (Bachelier 1900).

    Parameters are those of `black76_price`, except that `vol` is in price units per square root of a year.
    """
    from argus.options._black_kernels import bachelier_greeks as kernel

    given: dict[str, ArrayLike] = {
        "forward": forward,
        "discount": discount,
        "strike": strike,
        "years": years,
        "vol": vol,
    }
    return Prices(*_run(kernel, 1, right, given))


def bachelier_greeks(
    forward: ArrayLike,
    discount: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    right: ArrayLike,
    *,
    out: Greeks | None = None,
    extended: bool = True,
) -> Greeks:
    """Price and eleven greeks of `bachelier_price`, whose parameters these are.

    `out` and `extended` are those of `black_scholes_greeks`.
    """
    from argus.options._black_kernels import bachelier_greeks as kernel

    given: dict[str, ArrayLike] = {
        "forward": forward,
        "discount": discount,
        "strike": strike,
        "years": years,
        "vol": vol,
    }
    return _greeks(kernel, out, extended, right, given)
