"""Settings of a run: the account, what trading costs, how fills are taken, and when the strategy may decide.

All of it goes into the manifest, so that a number can always be traced to the rules that made it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from argus.core.errors import ConfigError
from argus.core.money import MONEY_MAX
from argus.core.time import NS_PER_YEAR, format_ns
from argus.engine.account_terms import CurrencyTerms, IntradayMargin

__all__ = [
    "AccountConfig",
    "AccountKind",
    "CostModel",
    "FillRules",
    "HaltRules",
    "ImpactModel",
    "RunConfig",
    "SpreadModel",
]

_MULTIPLIER_MAX: Final = 1_000
PPM: Final = 1_000_000
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
        ISO code; money in any other is converted to it as it is booked.
    borrow_rate : Decimal
        Yearly fee on the value of short spot positions, over 360 days.
    debit_rate, credit_rate : Decimal
        Yearly interest paid on negative cash and received on positive cash, over 360 days.
    fx : CurrencyTerms or None
        Where rates of other currencies come from and what a conversion costs; None is `CurrencyTerms()`.
    intraday : IntradayMargin or None
        Lower margins of futures within the session; None holds overnight margins at all times.
    """

    kind: AccountKind = AccountKind.FUTURES
    cash_micros: int = 1_000_000_000_000
    currency: str = "USD"
    borrow_rate: Decimal = Decimal(0)
    debit_rate: Decimal = Decimal(0)
    credit_rate: Decimal = Decimal(0)
    fx: CurrencyTerms | None = None
    intraday: IntradayMargin | None = None

    def __post_init__(self) -> None:
        if not (len(self.currency) == 3 and self.currency.isascii() and self.currency.isupper()):
            raise ConfigError(f"the account's currency is {self.currency!r}; give three capital letters, such as USD")
        if self.fx is not None and any(row.currency == self.currency for row in self.fx.rates):
            raise ConfigError(
                f"rates of {self.currency} are given, which is the account's own currency; leave them out"
            )
        for name in ("borrow_rate", "debit_rate", "credit_rate"):
            rate = getattr(self, name)
            if not rate.is_finite() or not 0 <= rate <= 1:
                raise ConfigError(f"{name} is {rate}; it is a yearly fraction in 0 to 1 (0.05 is five per cent)")
            if rate * PPM != (rate * PPM).to_integral_value():
                raise ConfigError(f"{name} is {rate}; it may have six decimals")
        if self.cash_micros > MONEY_MAX:
            raise ConfigError(f"opening cash is {self.cash_micros} micros, beyond the ledger's range of {MONEY_MAX}")
        if self.cash_micros <= 0:
            raise ConfigError(f"opening cash is {self.cash_micros} millionths; it must be positive")


@dataclass(frozen=True, slots=True)
class SpreadModel:
    """Half of the bid-ask spread, which orders that take liquidity pay, by instrument, time of day and volatility.

    The half-spread of a bar is ``base * time factor * volatility factor``, in ticks; all of it is known before the bar
    begins. The volatility factor is ``1 + vol_sensitivity * max(0, short / long - 1)``, where short and long are the
    standard deviations of the log returns of the last `vol_short` and `vol_long` completed sessions; 1 until there are
    `vol_long` of them.

    Attributes
    ----------
    half_spread_ticks : Decimal
        Base of every instrument that is not in `by_instrument`.
    by_instrument : tuple of (str, Decimal)
        Base of single instruments, in their ticks.
    by_time : tuple of (str, Decimal)
        Factors from a local time of the instrument's session on, as ``("08:30", Decimal(1))``, in rising order; before
        the first one the last one holds. Empty is a factor of 1.
    vol_sensitivity : Decimal
    vol_short, vol_long : int
        Sessions.
    """

    half_spread_ticks: Decimal = Decimal(0)
    by_instrument: tuple[tuple[str, Decimal], ...] = ()
    by_time: tuple[tuple[str, Decimal], ...] = ()
    vol_sensitivity: Decimal = Decimal(0)
    vol_short: int = 5
    vol_long: int = 60

    def __post_init__(self) -> None:
        numbers = [("half_spread_ticks", self.half_spread_ticks), ("vol_sensitivity", self.vol_sensitivity)]
        numbers += [(f"half spread of {symbol}", value) for symbol, value in self.by_instrument]
        numbers += [(f"spread factor from {start}", value) for start, value in self.by_time]
        for name, value in numbers:
            if not value.is_finite() or not 0 <= value <= 10_000:
                raise ConfigError(f"{name} is {value}; a number from 0 to 10,000 is needed")
        starts = [start for start, _ in self.by_time]
        if starts != sorted(set(starts)) or not all(_is_clock(start) for start in starts):
            raise ConfigError(
                f"by_time starts at {', '.join(starts)}; give times as HH:MM, each later than the one before"
            )
        if not 2 <= self.vol_short < self.vol_long:
            raise ConfigError(f"vol_short is {self.vol_short}, vol_long {self.vol_long}; 2 <= short < long is needed")


def _is_clock(text: str) -> bool:
    hours, _, minutes = text.partition(":")
    return len(text) == 5 and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60


@dataclass(frozen=True, slots=True)
class ImpactModel:
    """Square-root market impact: ``coefficient * session volatility * price * sqrt(quantity / session volume)``.

    Source: Almgren, Thum, Hauptmann, Li (2005), Direct estimation of equity market impact; Toth et al. (2011),
    Physical Review X 1, 021006: the cost of a fill in units of volatility grows with the square root of its share of
    the day's volume, with a coefficient of about one.

    Attributes
    ----------
    coefficient : Decimal
    window : int
        Completed sessions over which volatility and volume are averaged; before there are two of them, the impact is
        taken from the first two, which reports say.
    """

    coefficient: Decimal = Decimal(1)
    window: int = 20

    def __post_init__(self) -> None:
        if not self.coefficient.is_finite() or not 0 <= self.coefficient <= 100:
            raise ConfigError(f"impact coefficient is {self.coefficient}; a number from 0 to 100 is needed")
        if self.window < 2:
            raise ConfigError(f"impact window is {self.window} sessions; at least 2 are needed")


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
        Scales all of these together: the lab's cost sensitivity.
    spread : SpreadModel or None
    impact : ImpactModel or None
    """

    fee_per_unit: Decimal | None = None
    fee_rate: Decimal | None = None
    fee_minimum: Decimal | None = None
    slippage_ticks: int = 0
    slippage_rate: Decimal = Decimal(0)
    multiplier: Decimal = Decimal(1)
    spread: SpreadModel | None = None
    impact: ImpactModel | None = None

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
class HaltRules:
    """Losses at which trading stops by itself.

    Attributes
    ----------
    daily_loss : Decimal or None
        Fraction of the equity at the session's begin; reached, the account is halted until the next session.
    drawdown : Decimal or None
        Fraction of the highest equity; reached, the account is halted for good.
    flatten : bool
        Whether a halt also closes what is held, by ordinary orders.
    """

    daily_loss: Decimal | None = Decimal("0.02")
    drawdown: Decimal | None = None
    flatten: bool = False

    def __post_init__(self) -> None:
        for name in ("daily_loss", "drawdown"):
            limit = getattr(self, name)
            if limit is None:
                continue
            if not limit.is_finite() or not 0 < limit <= 1:
                raise ConfigError(f"{name} is {limit}; it is a fraction above 0 and up to 1, or None for no limit")
            if limit * PPM != (limit * PPM).to_integral_value():
                raise ConfigError(f"{name} is {limit}; it may have six decimals")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything about a run that is neither strategy nor data.

    Attributes
    ----------
    account, costs, fills
        See their classes.
    halts : HaltRules
        Losses at which trading stops.
    latency_ns : int
        From a decision to the order's arrival at the venue.
    latency_sample_ns : tuple of int
        A measured sample of that latency; if given, each order and each cancel draws from it.
    data_latency_ns : int
        Added to the instant at which each bar is known.
    seed : int
        Of the streams that the latencies are drawn from.
    start_ns, end_ns : int or None
        Decisions are made at ``start_ns <= now < end_ns``; earlier bars warm the strategy up. None is no bound.
    """

    account: AccountConfig = field(default_factory=AccountConfig)
    costs: CostModel = field(default_factory=CostModel)
    fills: FillRules = field(default_factory=FillRules)
    halts: HaltRules = field(default_factory=HaltRules)
    latency_ns: int = 0
    latency_sample_ns: tuple[int, ...] = ()
    data_latency_ns: int = 0
    seed: int = 0
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
        for name, value in (
            ("latency", self.latency_ns),
            ("data latency", self.data_latency_ns),
            *(("latency sample", value) for value in self.latency_sample_ns),
        ):
            if value > NS_PER_YEAR:
                raise ConfigError(f"{name} is {value / 1e6:g} ms, more than a year; give milliseconds")
            if value < 0:
                raise ConfigError(f"{name} is {value / 1e6:g} ms; it cannot arrive before it is sent")
        if self.latency_ns and self.latency_sample_ns:
            raise ConfigError("give either latency_ns or latency_sample_ns, not both")
        if self.start_ns is not None and self.end_ns is not None and self.start_ns >= self.end_ns:
            raise ConfigError(
                f"the run starts at {format_ns(self.start_ns)} and ends at {format_ns(self.end_ns)}; "
                "nothing lies between"
            )

    def describe(self) -> dict[str, object]:
        """Settings as plain text and numbers, for the manifest."""
        settings = _plain(asdict(self))
        account = settings["account"]
        assert isinstance(account, dict)
        for name in ("fx", "intraday"):
            if account[name] is None:
                del account[name]
        return settings


def _plain(settings: dict[str, object]) -> dict[str, object]:
    return {name: _plain_value(value) for name, value in settings.items()}


def _plain_value(value: object) -> object:
    if isinstance(value, dict):
        return _plain(value)
    if isinstance(value, tuple):
        return [_plain_value(part) for part in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value) if isinstance(value, StrEnum) else value
