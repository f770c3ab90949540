"""Reference runs of markets: costs, events of an instrument, prices missing, odd or negative, built-in strategies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Intent
from argus.core.market_events import Dividend, FinalSettlement, Funding, InstrumentEvent, Split
from argus.core.orders import OrderType, TimeInForce
from argus.core.ports import View
from argus.engine.config import AccountKind, CostModel, ImpactModel, RunConfig, SpreadModel
from argus.portfolio import FixedUnits
from argus.strategies.registry import create
from tests.regression.instruments import COIN, FUND, INDEX, METAL, OIL, PAIR, STOCK
from tests.regression.reference import Reference, Scene, account, staged
from tests.regression.tape import Tape, altered, instant, walk
from tests.regression.traders import Pit, Scripted, dealer

__all__ = ["MARKET_RUNS"]

_MARKET, _LIMIT, _STOP = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP
_KINDS: Final = (_MARKET, _LIMIT, _STOP, OrderType.STOP_LIMIT, OrderType.MARKET_ON_CLOSE)
_CHARGED: Final = CostModel(fee_per_unit=Decimal("2.25"), slippage_ticks=1)
_FUTURE: Final = Tape(sessions=15, per_session=7, level=16_000)
_SHARE: Final = Tape(sessions=15, per_session=7, level=10_000, step=80, gap=30, wick=30, volume=(2_000, 9_000))
_SPOT_RATES: Final = {"borrow_rate": Decimal("0.03"), "debit_rate": Decimal("0.065")}
Listed = tuple[InstrumentSpec, Bars]


def _dealt(
    name: str,
    config: RunConfig,
    listed: Callable[[], Sequence[Listed]],
    *,
    kinds: Sequence[OrderType] = _KINDS,
    events: dict[str, tuple[InstrumentEvent, ...]] | None = None,
    late: frozenset[str] = frozenset(),
    warmup: int = 1,
    **how: Any,
) -> Callable[[], Scene]:
    """A stage on which orders are dealt for these instruments."""

    def scene() -> Scene:
        instruments = listed()
        symbols = [spec.symbol for spec, _ in instruments]
        trader = Scripted(symbols, dealer(symbols, kinds, name=name, **how), warmup=warmup, late=late)
        return staged(trader, config, *instruments, events=events)

    return scene


def _listed(seed: int, *tapes: tuple[InstrumentSpec, Tape]) -> Callable[[], Sequence[Listed]]:
    return lambda: [(spec, walk(spec, tape, seed)) for spec, tape in tapes]


def _with_holes() -> Sequence[Listed]:
    nan = float("nan")
    bars = walk(INDEX, _FUTURE, 45)
    for rows, fields in (
        ([5, 20, 34], ("close",)),
        ([11, 35], ("open",)),
        ([17, 41, 42], ("open", "high", "low", "close", "volume")),
        ([50, 51], ("high", "low")),
        ([60], ("volume",)),
    ):
        bars = altered(bars, rows, **dict.fromkeys(fields, nan))
    return [(INDEX, bars)]


def _settled() -> Scene:
    both = dealer(["INDEX", "METAL"], _KINDS, name="settled", every=3)

    def decide(view: View, number: int) -> Sequence[Intent]:
        if number == 52:  # on the last day of the contract, so that something is held and something works
            pit = Pit(view, "INDEX")
            return pit.order(2, tag="to the end"), pit.order(-1, _LIMIT, limit=400, tag="too far")
        return both(view, number)

    market = [
        (INDEX, walk(INDEX, Tape(sessions=8, per_session=7, level=16_000), 43)),
        (METAL, walk(METAL, Tape(sessions=12, per_session=7, level=18_000), 43)),
    ]
    events: dict[str, tuple[InstrumentEvent, ...]] = {"INDEX": (FinalSettlement(instant(8), 4_003.25),)}
    return staged(Scripted(["INDEX", "METAL"], decide), account(300_000, costs=_CHARGED), *market, events=events)


def _closes_only() -> Scene:
    def decide(view: View, number: int) -> Sequence[Intent]:
        pit = Pit(view, "FUND")
        if number % 4 == 0:
            return (pit.order(100 if number % 8 else -100, OrderType.MARKET_ON_CLOSE),)
        if number % 4 == 1:
            return (pit.order(-100, OrderType.LIMIT_ON_CLOSE, limit=10),)
        return (pit.order(100, _MARKET, tag="has no price"),) if number % 4 == 2 else ()

    bars = walk(FUND, Tape(sessions=40, per_session=1, level=4_000, step=40, closes_only=True), 46)
    return staged(Scripted(["FUND"], decide), account(100_000, AccountKind.REG_T, **_SPOT_RATES), (FUND, bars))


def _built_in(name: str, tape: Tape, config: RunConfig, spec: InstrumentSpec, units: float, **values: Any) -> Scene:
    """A strategy of the package, with so many units for a full forecast."""
    strategy = create(name, [spec.symbol], **values)
    return staged(strategy, config, (spec, walk(spec, tape, 50)), sizer=FixedUnits(units))


_ACTIONS: Final[dict[str, tuple[InstrumentEvent, ...]]] = {
    "STOCK": (
        Dividend(instant(3), Decimal("0.37")),
        Split(instant(6), 3, 2),
        Dividend(instant(9), Decimal("0.25")),
        Split(instant(12), 1, 7),
    ),
    "FUND": (Dividend(instant(5), Decimal("1.205")), Dividend(instant(11), Decimal("0.8"))),
}
_FUNDING: Final[dict[str, tuple[InstrumentEvent, ...]]] = {
    "COIN": tuple(
        Funding(instant(session, 60 * hour), Decimal(rate))
        for session, hour, rate in (
            (2, 0, "0.0001"),
            (4, 2, "-0.00035"),
            (6, 0, "0.0123456"),
            (8, 3, "0.0001"),
            (11, 1, "-0.0004"),
        )
    )
}
_SPREAD: Final = SpreadModel(
    half_spread_ticks=Decimal("0.5"),
    by_instrument=(("METAL", Decimal("0.75")),),
    by_time=(("08:00", Decimal(1)), ("09:30", Decimal("0.6")), ("13:00", Decimal("1.4"))),
    vol_sensitivity=Decimal("0.8"),
    vol_short=2,
    vol_long=5,
)
_COSTLY: Final = CostModel(
    fee_per_unit=Decimal("1.1"),
    slippage_ticks=1,
    multiplier=Decimal("1.5"),
    spread=_SPREAD,
    impact=ImpactModel(coefficient=Decimal("0.9"), window=4),
)
_BY_RATE: Final = CostModel(
    fee_rate=Decimal("0.0004"), fee_minimum=Decimal("1.5"), slippage_rate=Decimal("0.0003"), multiplier=Decimal(2)
)
_COIN_LOTS: Final = 1_000_007
_COIN_TAPE: Final = Tape(12, 7, 4_000_000, step=9_000, gap=900, wick=900, volume=(30_000_000, 900_000_000))

MARKET_RUNS: Final = (
    Reference(
        "dated_fees",
        "Fees by component, some from a date on, with least and most, some on sales only.",
        _dealt(
            "dated fees",
            account(400_000, AccountKind.REG_T, costs=CostModel(slippage_ticks=1)),
            _listed(40, (INDEX, _FUTURE), (STOCK, _SHARE)),
            lots_max=4,
        ),
    ),
    Reference(
        "spread_and_impact",
        "Half-spreads by time of day and volatility, square-root impact, costs times one and a half.",
        _dealt(
            "spread and impact",
            account(1_000_000, costs=_COSTLY),
            _listed(41, (INDEX, _FUTURE), (METAL, Tape(15, 7, 18_000, step=15))),
            every=4,
        ),
    ),
    Reference(
        "costs_by_rate",
        "Fees and slippage as fractions of the price, with a least fee, twice over.",
        _dealt(
            "costs by rate",
            account(200_000, AccountKind.REG_T, costs=_BY_RATE),
            _listed(42, (STOCK, _SHARE)),
            every=2,
            lots_of=10,
        ),
    ),
    Reference(
        "dividends_and_splits",
        "Dividends received and paid, a split that leaves fractions, and a reverse split.",
        _dealt(
            "dividends",
            account(200_000, AccountKind.REG_T, costs=_CHARGED, **_SPOT_RATES),
            _listed(44, (STOCK, _SHARE), (FUND, Tape(15, 7, 4_000, step=30))),
            events=_ACTIONS,
            every=4,
            lots_of=5,
        ),
    ),
    Reference(
        "funding",
        "A perpetual contract in hundred-millionths of a coin: funding both ways, values that are rounded.",
        _dealt(
            "funding",
            account(50_000, AccountKind.REG_T, costs=CostModel(), **_SPOT_RATES),
            _listed(
                47, (COIN, Tape(12, 7, 4_000_000, step=9_000, gap=900, wick=900, volume=(300_000_000, 900_000_000)))
            ),
            events=_FUNDING,
            reach=4_000,
            lots_of=_COIN_LOTS,
            held_max=30,
            lots_max=9,
        ),
    ),
    Reference(
        "currency_pair",
        "Lots of a thousand on a fifth-decimal grid, in a cash account.",
        _dealt(
            "currency pair",
            account(40_000, AccountKind.CASH, costs=_BY_RATE),
            _listed(48, (PAIR, Tape(12, 7, 119_000, step=60, gap=10, wick=20, volume=None))),
            lots_max=9,
            held_max=20,
            reach=40,
        ),
    ),
    Reference(
        "final_settlement",
        "A contract that ends while it is held and ordered; orders for it afterwards are rejected.",
        _settled,
    ),
    Reference(
        "negative_prices",
        "A future around zero and below.",
        _dealt(
            "negative prices",
            account(300_000, costs=_CHARGED),
            _listed(49, (OIL, Tape(12, 7, 20, step=30, gap=15, wick=10, floor_ticks=-9_999))),
            kinds=(*_KINDS, OrderType.TRAILING_STOP),
            reach=20,
        ),
    ),
    Reference(
        "missing_prices",
        "Rows without a close, without an open, without anything, without a volume.",
        _dealt("missing prices", account(300_000, costs=_CHARGED), _with_holes, every=2),
    ),
    Reference("closes_only", "Daily closes and nothing else: orders on the close, others have no price.", _closes_only),
    Reference(
        "off_the_grid",
        "Prices a third of a tick beside the grid, as adjusted series have them.",
        _dealt(
            "off the grid",
            account(300_000, costs=_CHARGED),
            _listed(52, (INDEX, Tape(12, 7, 16_000, shift=1 / 3))),
            kinds=(*_KINDS, OrderType.TRAILING_STOP),
        ),
    ),
    Reference(
        "unmarked_sessions",
        "Sessions whose end no bar tells: settled, and day orders ended, at the first event of the next.",
        _dealt(
            "unmarked",
            account(300_000, costs=_CHARGED),
            _listed(53, (INDEX, Tape(12, 7, 16_000, ends_marked=False))),
            tifs=(TimeInForce.DAY,),
        ),
    ),
    Reference(
        "several_futures",
        "Three futures with bars of 60, 60 and 20 minutes, one of which begins late; warm-up and a stated range.",
        _dealt(
            "several",
            account(400_000, costs=_CHARGED, start_ns=instant(1), end_ns=instant(9)),
            _listed(
                54,
                (INDEX, Tape(11, 7, 16_000)),
                (METAL, Tape(6, 7, 18_000, step=15, begins=4)),
                (OIL, Tape(11, 18, 6_000, step=15, minutes=20)),
            ),
            every=9,
            warmup=5,
            late=frozenset({"METAL"}),
        ),
    ),
    Reference(
        "sma_cross",
        "The crossing of two averages on hourly bars.",
        lambda: _built_in(
            "sma_cross", Tape(25, 7, 16_000, step=14), account(200_000, costs=_CHARGED), INDEX, 2, fast=4, slow=12
        ),
    ),
    Reference(
        "tsmom",
        "Momentum over five sessions, revised at each, executed on the close.",
        lambda: _built_in(
            "tsmom",
            Tape(90, 2, 16_000, step=30),
            account(200_000, costs=_CHARGED),
            INDEX,
            3,
            lookback=5,
            rebalance=1,
            execution="moc",
        ),
    ),
    Reference(
        "mean_reversion",
        "Against moves of the last five sessions, executed on the open.",
        lambda: _built_in(
            "mean_reversion",
            Tape(100, 2, 10_000, step=90, volume=(2_000, 9_000)),
            account(200_000, AccountKind.REG_T, costs=_CHARGED, **_SPOT_RATES),
            STOCK,
            100,
            window=5,
            entry=1.25,
            execution="moo",
        ),
    ),
    Reference(
        "overnight",
        "Shares from the close to the open, not over weekends.",
        lambda: _built_in(
            "overnight",
            Tape(60, 2, 10_000, step=90, volume=(2_000, 9_000)),
            account(50_000, AccountKind.CASH, costs=CostModel()),
            STOCK,
            200,
            filter="weekday",
        ),
    ),
)
"""Costs, events, odd data, and the strategies of the package."""
