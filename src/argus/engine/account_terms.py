"""Terms of an account beyond its cash: what other currencies cost to convert, and margins that hold within the day.

Both are stated by whoever runs: Argus knows no broker's figures. `docs/fills.md` says what the engine makes of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from argus.core.errors import ConfigError

__all__ = ["CurrencyTerms", "DatedRate", "IntradayMargin", "IntradayRate"]

RATE_MAX: Final = Decimal(1_000_000)
_COST_BP_MAX: Final = Decimal(1_000)
_DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class DatedRate:
    """What one unit of `currency` was worth in the account's currency on a day; known from 00:00 UTC of the next."""

    currency: str
    day: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class CurrencyTerms:
    """How money in other currencies becomes money of the account.

    Attributes
    ----------
    cost_bp : Decimal
        Taken from each conversion, in basis points (hundredths of a percent) of what is converted. The default is an
        assumption on the careful side, not any broker's figure.
    rates : tuple of DatedRate
        Rates by day, in the place of a pair among the market's instruments; those of one currency in rising order.
    age_days_max : int
        A rate older than this many days is a gap in the data, and an error before the run.
    """

    cost_bp: Decimal = Decimal(5)
    rates: tuple[DatedRate, ...] = ()
    age_days_max: int = 7

    def __post_init__(self) -> None:
        if not self.cost_bp.is_finite() or not 0 <= self.cost_bp <= _COST_BP_MAX:
            raise ConfigError(
                f"cost_bp is {self.cost_bp}; the cost of a conversion is a number of basis points from 0 to "
                f"{_COST_BP_MAX:,} (5 is five hundredths of a percent)"
            )
        if self.cost_bp * 100 != (self.cost_bp * 100).to_integral_value():
            raise ConfigError(f"cost_bp is {self.cost_bp}; it may have two decimals")
        if self.age_days_max < 1:
            raise ConfigError(f"age_days_max is {self.age_days_max}; give at least one day")
        last: dict[str, date] = {}
        for row in self.rates:
            _check_rate(row)
            if row.currency in last and row.day <= last[row.currency]:
                raise ConfigError(
                    f"rates of {row.currency}: {row.day} follows {last[row.currency]}; give each day once, in order"
                )
            last[row.currency] = row.day


def _check_rate(row: DatedRate) -> None:
    if not (len(row.currency) == 3 and row.currency.isascii() and row.currency.isupper()):
        raise ConfigError(f"rate of {row.currency!r} on {row.day}: name the currency by its three capital letters")
    if not row.rate.is_finite() or not 0 < row.rate <= RATE_MAX:
        raise ConfigError(
            f"rate of {row.currency} on {row.day} is {row.rate}; a positive number up to {RATE_MAX:,} is needed, what "
            "one unit is worth in the account's currency"
        )


@dataclass(frozen=True, slots=True)
class IntradayRate:
    """Intraday margins of one contract of an instrument, in its currency, as a broker states them."""

    symbol: str
    initial: Decimal
    maintenance: Decimal


@dataclass(frozen=True, slots=True)
class IntradayMargin:
    """Lower margins of futures within the session, and when the overnight ones must be met again.

    Attributes
    ----------
    cutoff_minutes : int
        Minutes before the session's close from which on overnight margins are in force.
    share : Decimal or None
        Share of the overnight figures, for every future that is not in `by_instrument`; None for no such margins.
    by_instrument : tuple of IntradayRate
        Stated figures of single instruments.
    """

    cutoff_minutes: int
    share: Decimal | None = None
    by_instrument: tuple[IntradayRate, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.cutoff_minutes < _DAY_MINUTES:
            raise ConfigError(
                f"cutoff_minutes is {self.cutoff_minutes}; give the minutes before the session's close at which "
                "overnight margins must be met, at least 1 and less than a day"
            )
        if self.share is None and not self.by_instrument:
            raise ConfigError("intraday margins name no figure; give a share of the overnight ones, or rates by symbol")
        if self.share is not None and (not self.share.is_finite() or not 0 < self.share <= 1):
            raise ConfigError(f"share is {self.share}; intraday margins are a share above 0 and up to 1 of the others")
        symbols = [rate.symbol for rate in self.by_instrument]
        if len(set(symbols)) != len(symbols):
            raise ConfigError(f"intraday margins of an instrument are given twice ({', '.join(symbols)})")
        for rate in self.by_instrument:
            if not (rate.initial.is_finite() and rate.maintenance.is_finite() and 0 < rate.maintenance <= rate.initial):
                raise ConfigError(
                    f"intraday margins of {rate.symbol} are {rate.initial} initial and {rate.maintenance} maintenance; "
                    "both are positive, and initial is not the smaller"
                )
