"""What happens to an instrument beside its bars: dividends, splits, funding, and the end of a contract.

These come with the data, dated to the instant at which they take effect; the engine books them before anything else of
that instant (``docs/fills.md``, "Events of an instrument").
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from argus.core.errors import DataError

__all__ = ["Dividend", "FinalSettlement", "Funding", "InstrumentEvent", "Split"]


@dataclass(frozen=True, slots=True)
class Dividend:
    """Cash per share at the ex instant: a long position receives it, a short one pays it."""

    ts_ns: int
    amount: Decimal

    def __post_init__(self) -> None:
        if not self.amount.is_finite() or self.amount < 0:
            raise DataError(f"dividend at {self.ts_ns}: amount is {self.amount}; it must be a number, not negative")


@dataclass(frozen=True, slots=True)
class Funding:
    """Rate of one funding interval of a perpetual contract: long pays it on its value if positive, short receives."""

    ts_ns: int
    rate: Decimal

    def __post_init__(self) -> None:
        if not self.rate.is_finite() or abs(self.rate) >= 1:
            raise DataError(f"funding at {self.ts_ns}: rate is {self.rate}; it is a fraction of the value")


@dataclass(frozen=True, slots=True)
class Split:
    """`numerator` new shares for `denominator` old ones."""

    ts_ns: int
    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if self.numerator <= 0 or self.denominator <= 0 or self.numerator == self.denominator:
            raise DataError(
                f"split at {self.ts_ns}: {self.numerator} for {self.denominator}; two different positive numbers needed"
            )


@dataclass(frozen=True, slots=True)
class FinalSettlement:
    """The end of a contract (or of a listing): positions are closed at `price`, and nothing trades afterwards."""

    ts_ns: int
    price: float

    def __post_init__(self) -> None:
        if not abs(self.price) < float("inf"):
            raise DataError(f"final settlement at {self.ts_ns}: price is {self.price}; a finite number is needed")


InstrumentEvent = Dividend | Funding | Split | FinalSettlement
"""Anything that happens to an instrument beside its bars."""
