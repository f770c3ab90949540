"""Settings of a run: the account, what trading costs, how fills are taken, and when the strategy may decide.

All of it goes into the manifest, so that a number can always be traced to the rules that made it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from argus.core.errors import ConfigError
from argus.core.money import MONEY_MAX
from argus.core.time import NS_PER_YEAR, format_ns

__all__ = ["AccountConfig", "AccountKind", "CostModel", "FillRules", "RunConfig"]

_MULTIPLIER_MAX: Final = 1_000
_COST_MAX: Final = 1_000_000
"""Currency per unit, or ticks: more is a slip of the keyboard, and no ledger could hold it."""


class AccountKind(StrEnum):
    """What the account may do; the rules stand in ``docs/fills.md``."""

    FUTURES = "futures"
    CASH = "cash"
    REG_T = "reg_t"


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """The account that could have existed.

    Attributes
    ----------
    kind : AccountKind
    cash_micros : int
        Opening balance.
    currency : str
        ISO code; every instrument of the run must be quoted in it.
    """

    kind: AccountKind = AccountKind.FUTURES
    cash_micros: int = 1_000_000_000_000
    currency: str = "USD"

    def __post_init__(self) -> None:
        if self.cash_micros > MONEY_MAX:
            raise ConfigError(f"opening cash is {self.cash_micros} micros, beyond the ledger's range of {MONEY_MAX}")
        if self.cash_micros <= 0:
            raise ConfigError(f"opening cash is {self.cash_micros} millionths; it must be positive")


@dataclass(frozen=True, slots=True)
class CostModel:
    """What a fill costs beyond its price.

    If all three fee settings are None, the instrument's own dated schedule is taken; stating one of them replaces the
    whole schedule, so that no figure of it is added in silence.

    Attributes
    ----------
    fee_per_unit : Decimal or None
        Currency per contract, share or coin and side.
    fee_rate : Decimal or None
        Fraction of the notional per side.
    fee_minimum : Decimal or None
        Least fee of a fill.
    slippage_ticks : int
        Ticks by which market, stop, on-open and on-close fills are moved against the trader.
    slippage_rate : Decimal
        The same as a fraction of the price; both add up.
    multiplier : Decimal
        Scales fees and slippage together: the lab's cost sensitivity.
    """

    fee_per_unit: Decimal | None = None
    fee_rate: Decimal | None = None
    fee_minimum: Decimal | None = None
    slippage_ticks: int = 0
    slippage_rate: Decimal = Decimal(0)
    multiplier: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        for name in ("fee_per_unit", "fee_rate", "fee_minimum", "slippage_ticks", "slippage_rate", "multiplier"):
            value = getattr(self, name)
            if isinstance(value, Decimal) and not value.is_finite():
                raise ConfigError(f"cost setting {name} is {value}; a finite number is needed")
            if value is not None and value < 0:
                raise ConfigError(f"cost setting {name} is {value}; it cannot be negative")
        if self.multiplier > _MULTIPLIER_MAX:
            raise ConfigError(f"cost setting multiplier is {self.multiplier}; at most {_MULTIPLIER_MAX} makes sense")
        for name in ("fee_rate", "slippage_rate"):
            value = getattr(self, name)
            if value is not None and value * max(self.multiplier, Decimal(1)) >= 1:
                raise ConfigError(
                    f"cost setting {name} is {value}; it is a fraction, below 1 (0.001 is ten basis points), also "
                    f"times the multiplier of {self.multiplier}"
                )
        for name in ("fee_per_unit", "fee_minimum", "slippage_ticks"):
            value = getattr(self, name)
            if value is not None and value > _COST_MAX:
                raise ConfigError(f"cost setting {name} is {value}; at most {_COST_MAX:,} makes sense")

    @property
    def takes_schedule(self) -> bool:
        """Whether the instrument's own fee schedule is charged."""
        return self.fee_per_unit is None and self.fee_rate is None and self.fee_minimum is None


@dataclass(frozen=True, slots=True)
class FillRules:
    """How kind the market is taken to be.

    Attributes
    ----------
    touch : bool
        Whether a limit fills when the price only touches it; off by default, flagged in reports.
    participation : Decimal
        Largest share of a bar's volume that fills may take.
    """

    touch: bool = False
    participation: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if not self.participation.is_finite() or not 0 < self.participation <= 1:
            raise ConfigError(f"participation is {self.participation}; it must lie in (0, 1]")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything about a run that is neither strategy nor data.

    Attributes
    ----------
    account, costs, fills
        See their classes.
    latency_ns : int
        From a decision to the order's arrival at the venue.
    start_ns, end_ns : int or None
        Decisions are made at ``start_ns <= now < end_ns``; earlier bars warm the strategy up. None is no bound.
    """

    account: AccountConfig = field(default_factory=AccountConfig)
    costs: CostModel = field(default_factory=CostModel)
    fills: FillRules = field(default_factory=FillRules)
    latency_ns: int = 0
    start_ns: int | None = None
    end_ns: int | None = None

    def __post_init__(self) -> None:
        for name in ("start_ns", "end_ns"):
            value = getattr(self, name)
            if value is not None and abs(value) >= 2**63:
                raise ConfigError(
                    f"the run's {name.removesuffix('_ns')} is {format_ns(value)}, outside of 1678 to 2262, the "
                    "range of nanosecond time; leave it out for no bound"
                )
        if self.latency_ns > NS_PER_YEAR:
            raise ConfigError(f"latency is {self.latency_ns / 1e6:g} ms, more than a year; give milliseconds")
        if self.latency_ns < 0:
            raise ConfigError(f"latency is {self.latency_ns / 1e6:g} ms; an order cannot arrive before it is sent")
        if self.start_ns is not None and self.end_ns is not None and self.start_ns >= self.end_ns:
            raise ConfigError(
                f"the run starts at {format_ns(self.start_ns)} and ends at {format_ns(self.end_ns)}; "
                "nothing lies between"
            )

    def describe(self) -> dict[str, object]:
        """Settings as plain text and numbers, for the manifest."""
        return _plain(asdict(self))


def _plain(settings: dict[str, object]) -> dict[str, object]:
    plain: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            plain[name] = _plain(value)
        elif isinstance(value, Decimal):
            plain[name] = format(value.normalize(), "f")
        else:
            plain[name] = str(value) if isinstance(value, StrEnum) else value
    return plain
