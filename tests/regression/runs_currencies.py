"""Reference runs in several currencies, and with intraday margins."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from argus.core.instruments import InstrumentSpec
from argus.core.market_events import Dividend, FinalSettlement, Split
from argus.core.money import MICROS
from argus.core.orders import OrderType
from argus.core.time import day_of
from argus.engine.account_terms import CurrencyTerms, DatedRate, IntradayMargin, IntradayRate
from argus.engine.config import AccountConfig, AccountKind, CostModel, RunConfig
from tests.regression.instruments import INDEX, METAL, PAIR, STOCK
from tests.regression.reference import NO_HALTS, Reference, Scene, staged
from tests.regression.tape import Tape, instant, session_day, walk
from tests.regression.traders import Scripted, dealer

__all__ = ["CURRENCY_RUNS"]

_KINDS: Final = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.MARKET_ON_CLOSE)
_CHARGED: Final = CostModel(fee_per_unit=Decimal("2.25"), slippage_ticks=1)
_SHARES: Final = CostModel(fee_rate=Decimal("0.0001"), slippage_ticks=1)
_FUTURE: Final = Tape(sessions=12, per_session=7, level=16_000, step=24)
_SHARE: Final = Tape(sessions=15, per_session=7, level=10_000, step=80, gap=30, wick=30, volume=(2_000, 9_000))
_EURUSD: Final = replace(PAIR, symbol="EURUSD")
_USDJPY: Final = replace(PAIR, symbol="USDJPY", currency="JPY", tick_size=Decimal("0.001"), tick_value=Decimal("0.001"))
_CUTOFF_MINUTES: Final = 24 * 60 - 20 * 60
"""Sessions of the calendar end at midnight, those of the tape at 21:30 UTC: an hour and a half before their end."""


def _in(spec: InstrumentSpec, currency: str) -> InstrumentSpec:
    return replace(spec, currency=currency)


def _terms(*, first: int = 1, cost: str = "2") -> CurrencyTerms:
    """A rate a weekday, the first at the end of the first session."""
    days = [day_of(session_day(number)) for number in range(first, 14)]
    rates = tuple(
        DatedRate("EUR", day, Decimal("1.1") + Decimal((number * 37) % 11 - 5) / 1_000)
        for number, day in enumerate(days)
    )
    return CurrencyTerms(Decimal(cost), rates)


def _futures_in_euros() -> Scene:
    config = RunConfig(account=AccountConfig(cash_micros=30_000 * MICROS, fx=_terms()), costs=_CHARGED, halts=NO_HALTS)
    tapes = ((_in(INDEX, "EUR"), _FUTURE), (METAL, Tape(12, 7, 18_000, step=12)))
    bars = [(spec, walk(spec, tape, 41)) for spec, tape in tapes]
    trader = Scripted(["INDEX", "METAL"], dealer(["INDEX", "METAL"], _KINDS, name="futures in euros", every=3))
    end = {"INDEX": (FinalSettlement(int(bars[0][1].ts_close_ns[-1]), 4_010.25),)}
    return staged(trader, config, *bars, events=end)


def _shares_in_yen() -> Scene:
    rates = {"borrow_rate": Decimal("0.03"), "debit_rate": Decimal("0.065"), "credit_rate": Decimal("0.01")}
    fx = CurrencyTerms(Decimal(1), age_days_max=5)
    config = RunConfig(
        account=AccountConfig(AccountKind.REG_T, 2_000 * MICROS, fx=fx, **rates), costs=_SHARES, halts=NO_HALTS
    )
    stock = _in(STOCK, "JPY")
    market = ((stock, walk(stock, _SHARE, 42)), (_USDJPY, walk(_USDJPY, Tape(15, 7, 109_000, step=150), 42)))
    script = dealer(["STOCK", "USDJPY"], _KINDS, name="shares in yen", every=3, lots_max=4, lots_of=25, held_max=3)
    events = {"STOCK": (Dividend(instant(4), Decimal("1.25")), Split(instant(9), 3, 2))}
    return staged(Scripted(["STOCK", "USDJPY"], script), config, *market, events=events)


def _account_in_euros() -> Scene:
    config = RunConfig(
        account=AccountConfig(cash_micros=40_000 * MICROS, currency="EUR"), costs=_CHARGED, halts=NO_HALTS
    )
    pair = walk(_EURUSD, Tape(12, 14, 110_000, step=120, minutes=30, delay_ns=90_000_000_000), 43)
    trader = Scripted(["INDEX"], dealer(["INDEX"], _KINDS, name="account in euros", every=2))
    scene = staged(trader, config, (INDEX, walk(INDEX, _FUTURE, 43)))
    return replace(scene, market={**scene.market, "EURUSD": (_EURUSD, pair)})


def _intraday() -> Scene:
    own = (IntradayRate("METAL", Decimal(2_000), Decimal("1800.50")),)
    config = RunConfig(
        account=AccountConfig(
            cash_micros=16_000 * MICROS, intraday=IntradayMargin(_CUTOFF_MINUTES, Decimal("0.25"), own)
        ),
        costs=_CHARGED,
        halts=NO_HALTS,
    )
    script = dealer(["INDEX", "METAL"], _KINDS, name="intraday", every=2, lots_max=4, held_max=6)
    tapes = ((INDEX, _FUTURE), (METAL, Tape(12, 7, 18_000, step=12)))
    return staged(Scripted(["INDEX", "METAL"], script), config, *((spec, walk(spec, tape, 44)) for spec, tape in tapes))


CURRENCY_RUNS: Final = (
    Reference(
        "futures_in_euros",
        "Futures in euros and dollars in a dollar account, rates of days that begin late, a final settlement.",
        _futures_in_euros,
    ),
    Reference(
        "shares_in_yen",
        "Shares in yen on margin, with dividend, split and borrowing, and the pair itself, whose rate is turned.",
        _shares_in_yen,
    ),
    Reference(
        "account_in_euros",
        "A future in dollars in a euro account, at the closes of a pair that nobody trades, known late.",
        _account_in_euros,
    ),
    Reference(
        "intraday_margins",
        "Futures carried at intraday margins, liquidated at the cut-off where the overnight ones are not met.",
        _intraday,
    ),
)
"""Runs in several currencies, and with intraday margins."""
