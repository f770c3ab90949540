"""Why a row has no answer: one small number beside each result, so that nothing is missing without a word."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reason", "reason_names"]


class Reason(IntEnum):
    """Why an option has no answer, or 0 where it has one. The numbers are stored: never change or use one again."""

    OK = 0
    NOT_FINITE = 1
    """An input that the answer needs is NaN or infinite."""
    EXPIRED = 2
    """The time to expiry is zero or negative."""
    STRIKE_NOT_POSITIVE = 3
    FORWARD_NOT_POSITIVE = 4
    DISCOUNT_OUT_OF_RANGE = 5
    """The discount factor is not positive, or so far from one that the rate behind it is absurd."""
    PRICE_NOT_POSITIVE = 6
    BELOW_INTRINSIC = 7
    """The price is no more than what exercising at the forward is worth today: no volatility makes it."""
    ABOVE_MAXIMUM = 8
    """The price is no less than the most the option can ever be worth: no volatility makes it."""
    VOL_NOT_POSITIVE = 9
    BAD_RIGHT = 10
    """Neither +1 (call) nor -1 (put)."""
    NO_TWO_SIDED_QUOTE = 11
    """The bid or the ask is missing or zero."""
    CROSSED = 12
    """The bid lies above the ask."""
    TOO_FEW_STRIKES = 13
    """The expiry has too few usable strikes for what was asked."""
    NO_FORWARD = 14
    """Put-call parity gives the expiry no forward, or one that is inverted."""
    STALE = 15
    """Known longer ago than the threshold allows."""
    NO_CONVERGENCE = 16
    """The search ended without an answer of the promised accuracy."""
    OUTSIDE_SURFACE = 17
    """The fitted surface does not reach that expiry or strike."""
    DOUBTED = 40
    """The only volatility that a source had is one that cannot be believed."""
    EXPIRY_TOO_FAR = 65
    """No expiry of the chain lies near enough to the one asked for."""
    NO_MATCHING_STRIKE = 66
    """The expiry has no tradable contract near enough to the delta, moneyness or distance asked for."""
    STRIKES_COINCIDE = 67
    """Two legs of the structure, or two sides of it, fall on one contract."""
    ACCURACY_NOT_REACHED = 60
    """The series of the model's price does not come within the promised error."""
    YIELD_OUT_OF_RANGE = 20
    """The dividend yield, or cost of borrowing, is absurd."""
    DOUBLE_BOUNDARY = 21
    """Of rows stored long ago: an American option that pays to exercise between two boundaries now has an answer."""
    FORWARD_UNCERTAIN = 22
    """Put-call parity leaves the forward of the expiry so uncertain that it says nothing."""
    NO_UNDERLYING_PRICE = 23
    """What exercising early is worth cannot be told without the price of the underlying."""
    MODEL_OFF_QUOTES = 24
    """The calibrated model misses the quotes of that expiry, or of the position, by more than can be believed."""
    EXPIRY_NOT_CALIBRATED = 25
    """The shortest expiry that the model was calibrated to is far longer than the one asked for."""
    FUTURES_CONTRADICT = 26
    """By its quotes the expiry is on another price than the other expiries of its future: its label may be wrong."""
    WRONG_FUTURE = 28
    """By the exchange's rule the expiry is on another future than the one it is named with."""
    PATHS_NOT_TOLD = 27
    """The quotes do not tell the parameters that a model's paths rest on, only what holds at the expiry."""


_NAMES = {int(reason): reason.name.lower() for reason in Reason}


def reason_names(codes: NDArray[np.integer[Any]]) -> list[str]:
    """Names of reason codes, ``ok`` where there is an answer.

    Raises
    ------
    KeyError
        Naming a number that is no reason.
    """
    return [_NAMES[int(code)] for code in codes]
