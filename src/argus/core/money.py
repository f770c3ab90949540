"""Money: int64 micro-units of a currency, so that books can be proven to the last unit.

A micro-unit is one millionth of the currency (one dollar is 1,000,000 micros). Text, `Decimal` and `float` are for
the edges; `float` only where a person typed it.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final

from argus.core.errors import ConfigError

__all__ = ["MICROS", "MONEY_MAX", "decimal_of", "format_micros", "to_decimal", "to_float", "to_micros"]

MICROS: Final = 1_000_000
"""Micro-units in one unit of currency."""

MONEY_MAX: Final = 2**62
"""Largest magnitude of an account balance in micros; beyond it a run stops rather than wrap around."""


def decimal_of(value: Decimal | str | int | float, name: str) -> Decimal:
    """A finite `Decimal` of what a person typed; floats by their shortest text, so 2.25 is exactly 2.25.

    Raises
    ------
    ConfigError
        Naming `name`, if the value is no finite number.
    """
    try:
        number = Decimal(repr(float(value)) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError, ValueError):
        raise ConfigError(f"{name} is {value!r}, which is not a number") from None
    if not number.is_finite():
        raise ConfigError(f"{name} is {value!r}; a finite number is needed")
    return number


def to_micros(amount: Decimal | str | int | float, name: str = "amount") -> int:
    """Micro-units of an amount, rounded half-even at the seventh decimal.

    Raises
    ------
    ConfigError
        If the amount is no finite number or too large for a ledger.
    """
    number = decimal_of(amount, name)
    digits_max = len(str(MONEY_MAX))
    micros = int((number * MICROS).to_integral_value(ROUND_HALF_EVEN)) if number.adjusted() < digits_max else None
    if micros is None or abs(micros) > MONEY_MAX:
        raise ConfigError(f"{name} is {amount}, beyond the ledger's range of {MONEY_MAX // MICROS:,} units")
    return micros


def to_decimal(micros: int) -> Decimal:
    """The exact amount in units of currency."""
    return Decimal(int(micros)) / MICROS


def to_float(micros: int) -> float:
    """The amount in units of currency as a float: for pictures and statistics, never for books."""
    return int(micros) / MICROS


def format_micros(micros: int, *, places: int = 2) -> str:
    """The amount with thousands separators; more decimals than `places` are shown if the amount has them."""
    exact = to_decimal(micros).normalize()
    exponent = exact.as_tuple().exponent
    digits = max(places, -exponent if isinstance(exponent, int) else 0)
    return f"{to_decimal(micros):,.{digits}f}"
