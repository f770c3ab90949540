"""Implied volatility: what volatility a model needs to pay a quoted price, for as many quotes as one likes.

A quote is always turned to its out-of-the-money side by put-call parity first: deep in the money the time value, which
is all that volatility acts on, stands in the last digits of the price. See `docs/options_pricing.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from argus.core.arrays import F64_1D, working_memory
from argus.core.errors import ConfigError
from argus.options.columns import I8_1D, U8_1D, frozen, option_columns
from argus.options.reasons import Reason

__all__ = ["ImpliedVols", "QuoteVols", "implied_vol", "quote_vols"]

MODELS = ("black", "bachelier")


@dataclass(frozen=True, slots=True)
class ImpliedVols:
    """Volatilities of n prices.

    Attributes
    ----------
    vol : (n,) float64
        Annual; a fraction for the model ``black``, price units for ``bachelier``. NaN where there is none.
    reason : (n,) uint8
        `argus.options.reasons.Reason`; 0 where there is an answer.
    """

    vol: F64_1D
    reason: U8_1D


@dataclass(frozen=True, slots=True)
class QuoteVols:
    """Volatilities of n two-sided quotes.

    Attributes
    ----------
    bid, mid, ask : ImpliedVols
        Of n rows each. An ask without a bid has a volatility; the middle of such a quote has none.
    """

    bid: ImpliedVols
    mid: ImpliedVols
    ask: ImpliedVols


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    discount: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    right: ArrayLike,
    *,
    model: str = "black",
) -> ImpliedVols:
    """Volatilities behind prices of European options on a forward.

    The error is that of the price's last digit, ``2e-16 * price / vega``, times a small number: below 1e-11 for nearly
    every quote that can be traded.

    Parameters
    ----------
    price : (n,) or number
        Today's value of the option.
    forward, discount, strike, years : (n,) or number
        Forward to expiry, discount factor to expiry, strike, years to expiry.
    right : (n,) or number
        +1 call, -1 put.
    model : str
        ``"black"`` (Black 1976) or ``"bachelier"`` (Bachelier 1900), whose forward and strike may be negative.

    Raises
    ------
    ConfigError
        On an unknown model.
    DataError
        On columns of different lengths. A bad row raises nothing: it gets NaN and its reason.
    """
    rows, columns, rights = option_columns(
        right, price=price, forward=forward, discount=discount, strike=strike, years=years
    )
    return _solve(model, rows, columns, rights)


def _solve(model: str, rows: int, columns: list[F64_1D], rights: I8_1D) -> ImpliedVols:
    """Volatilities of price, forward, discount, strike, years."""
    from argus.options import _implied_kernels as kernels

    if model not in MODELS:
        raise ConfigError(f"model is {model!r}; it must be one of {', '.join(MODELS)}")
    vol, reason = np.empty(rows), np.empty(rows, dtype=np.uint8)
    solve: Any = kernels.black_implied if model == "black" else kernels.bachelier_implied
    solve(*columns, rights, working_memory(kernels.IMPLIED_ROOM), vol, reason)
    return ImpliedVols(vol, reason)


def quote_vols(
    bid: ArrayLike,
    ask: ArrayLike,
    forward: ArrayLike,
    discount: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    right: ArrayLike,
    *,
    model: str = "black",
) -> QuoteVols:
    """Volatilities of the bid, of the middle and of the ask.

    A crossed quote has none of the three (`Reason.CROSSED`). Without a bid (zero, negative or NaN) only the ask can
    have one, without an ask only the bid; what is missing says `Reason.NO_TWO_SIDED_QUOTE`, and so does the middle.

    Parameters
    ----------
    bid, ask : (n,) or number
        Quoted prices.
    forward, discount, strike, years, right, model
        See `implied_vol`, which says what it raises too.
    """
    rows, columns, rights = option_columns(
        right, bid=bid, ask=ask, forward=forward, discount=discount, strike=strike, years=years
    )
    bids, asks = (np.broadcast_to(side, rows) for side in columns[:2])
    has_bid, has_ask = bids > 0.0, asks > 0.0
    crossed = has_bid & has_ask & (bids > asks)
    solved = []
    for prices, present in ((bids, has_bid), (0.5 * (bids + asks), has_bid & has_ask), (asks, has_ask)):
        found = _solve(model, rows, [frozen(prices), *columns[2:]], rights)
        for rows_out, why in ((~present, Reason.NO_TWO_SIDED_QUOTE), (crossed, Reason.CROSSED)):
            found.vol[rows_out] = np.nan
            found.reason[rows_out] = why
        solved.append(found)
    return QuoteVols(*solved)
