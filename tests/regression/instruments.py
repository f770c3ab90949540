"""Made-up instruments of the reference runs: every figure is fixed here, so that no data file can move a frozen run."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Final

from argus.core.fees import FeeComponent, FeeName
from argus.core.instruments import InstrumentKind, InstrumentSpec, MarginRate, Source, TradingSession

__all__ = ["COIN", "FUND", "INDEX", "METAL", "OIL", "PAIR", "STOCK"]

_SOURCE: Final = Source("made up for the reference runs", None, True)
_SESSION: Final = TradingSession(time(8, 30), time(15), "America/Chicago", False, False)


def _margin(day: date, initial: int, maintenance: int) -> MarginRate:
    return MarginRate(day, Decimal(initial), Decimal(maintenance), _SOURCE)


def _fee(
    name: FeeName,
    day: date,
    per_unit: str = "0",
    rate: str = "0",
    minimum: str = "0",
    maximum: str | None = None,
    sells_only: bool = False,
) -> FeeComponent:
    most = None if maximum is None else Decimal(maximum)
    return FeeComponent(name, day, Decimal(per_unit), Decimal(rate), Decimal(minimum), most, sells_only, _SOURCE)


def _instrument(
    symbol: str,
    kind: InstrumentKind,
    tick: str,
    multiplier: str = "1",
    *,
    lot: str = "1",
    margins: tuple[MarginRate, ...] = (),
    fees: tuple[FeeComponent, ...] = (),
    negative: bool = False,
) -> InstrumentSpec:
    return InstrumentSpec(
        symbol=symbol,
        name=f"{symbol} of the reference runs",
        kind=kind,
        exchange="NONE",
        currency="USD",
        calendar="24/7",
        session=_SESSION,
        tick_size=Decimal(tick),
        tick_value=Decimal(tick) * Decimal(multiplier),
        multiplier=Decimal(multiplier),
        lot_size=Decimal(lot),
        price_may_be_negative=negative,
        delivery_months=(),
        last_trade_rule="none",
        settlement="cash",
        margins=margins,
        fees=(),
        sources={},
        fee_components=fees,
    )


_SPRING: Final = date(2021, 3, 10)

INDEX: Final = _instrument(
    "INDEX",
    InstrumentKind.FUTURE,
    "0.25",
    "50",
    margins=(_margin(date(2021, 1, 1), 5_500, 5_000), _margin(_SPRING, 6_600, 6_000)),
    fees=(
        _fee(FeeName.COMMISSION, date.min, per_unit="0.85"),
        _fee(FeeName.EXCHANGE, date.min, per_unit="1.28"),
        _fee(FeeName.EXCHANGE, _SPRING, per_unit="1.38"),
        _fee(FeeName.NFA, date(2021, 3, 5), per_unit="0.02"),
    ),
)
"""A future on a quarter-point grid; margin and the exchange's fee rise on 10 March 2021."""
METAL: Final = _instrument(
    "METAL", InstrumentKind.FUTURE, "0.10", "100", margins=(_margin(date(2021, 1, 1), 9_900, 9_000),)
)
"""A second future, without fees of its own."""
OIL: Final = _instrument(
    "OIL",
    InstrumentKind.FUTURE,
    "0.01",
    "1000",
    margins=(_margin(date(2021, 1, 1), 4_400, 4_000),),
    negative=True,
)
"""A future that may trade below zero."""
STOCK: Final = _instrument(
    "STOCK",
    InstrumentKind.EQUITY,
    "0.01",
    fees=(
        _fee(FeeName.COMMISSION, date.min, per_unit="0.005", minimum="1", maximum="25"),
        _fee(FeeName.SEC_SECTION_31, date.min, rate="0.0000051", sells_only=True),
        _fee(FeeName.SEC_SECTION_31, _SPRING, rate="0.0000229", sells_only=True),
        _fee(FeeName.FINRA_TAF, date.min, per_unit="0.000119", maximum="5.95", sells_only=True),
    ),
)
"""A share with a commission of at least a dollar, and two fees on sales."""
FUND: Final = _instrument("FUND", InstrumentKind.EQUITY, "0.01")
"""A second share, without fees of its own."""
COIN: Final = _instrument(
    "COIN",
    InstrumentKind.CRYPTO,
    "0.01",
    lot="0.00000001",
    fees=(_fee(FeeName.ALL_IN, date.min, rate="0.001"),),
)
"""A coin whose tick on a lot is far below a micro-unit, so that values are rounded."""
PAIR: Final = _instrument("PAIR", InstrumentKind.FX, "0.00001", lot="1000")
"""A currency pair in lots of a thousand."""
