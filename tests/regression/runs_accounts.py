"""Reference runs of accounts: margin, cash, what cannot be carried, liquidation, halts, books, and the risk policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from argus.core.instruments import InstrumentSpec
from argus.core.intents import Close, Intent
from argus.core.orders import OrderType
from argus.core.ports import Strategy, View
from argus.engine.config import AccountKind, CostModel, FillRules, HaltRules, RunConfig
from argus.portfolio import LimitRiskPolicy
from tests.regression.instruments import FUND, INDEX, METAL, OIL, STOCK
from tests.regression.reference import Reference, Scene, account, staged
from tests.regression.tape import Tape, walk
from tests.regression.traders import OnWake, Pit, Scripted, dealer

__all__ = ["ACCOUNT_RUNS"]

_MARKET, _LIMIT, _STOP = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP
_CHARGED: Final = CostModel(fee_per_unit=Decimal("2.25"), slippage_ticks=1)
_SHARES: Final = CostModel(fee_per_unit=Decimal("0.005"), fee_minimum=Decimal(1), slippage_ticks=1)
_FUTURE: Final = Tape(sessions=12, per_session=7, level=16_000, step=24)
_SHARE: Final = Tape(sessions=15, per_session=7, level=10_000, step=80, gap=30, wick=30, volume=(2_000, 9_000))
_KINDS: Final = (_MARKET, _LIMIT, _STOP, OrderType.MARKET_ON_CLOSE)


def _stage(
    script: Callable[[], OnWake], config: RunConfig, *tapes: tuple[InstrumentSpec, Tape], seed: int
) -> Callable[[], Scene]:
    """A stage for one script; every instrument walks on its own."""

    def scene() -> Scene:
        trader = Scripted([spec.symbol for spec, _ in tapes], script())
        return staged(trader, config, *((spec, walk(spec, tape, seed)) for spec, tape in tapes))

    return scene


def _deal(name: str, *symbols: str, **how: Any) -> Callable[[], OnWake]:
    return lambda: dealer(symbols, _KINDS, name=name, **how)


def _always_long(symbol: str, lots: int, *, again: int = 5) -> OnWake:
    """Buys whenever flat, with a far stop and a far limit, and asks for one lot more now and then."""

    def decide(view: View, number: int) -> Sequence[Intent]:
        pit = Pit(view, symbol)
        if pit.held == 0 and number % 3 == 0:
            return (
                pit.order(lots, tag="in"),
                pit.order(-lots, _STOP, stop=-4_000, tag="far stop"),
                pit.order(lots, _LIMIT, limit=-3_000, tag="far limit"),
            )
        return (pit.order(1, tag="more"),) if number % again == 0 else ()

    return decide


def _reducing(symbol: str, lots: int) -> OnWake:
    """Buys, and while halted tries both what only reduces and what does not."""

    def decide(view: View, number: int) -> Sequence[Intent]:
        pit = Pit(view, symbol)
        if number % 4 == 0:
            return pit.order(lots, tag="in"), pit.order(lots, _LIMIT, limit=-40, tag="lower")
        if number % 4 == 2:
            return (pit.order(-1, reduce_only=True, tag="out"),)
        return (Close(symbol, tag="close"),) if number % 8 == 7 else ()

    return decide


def _books(scripts: Sequence[tuple[str, Strategy]], config: RunConfig, *tapes: tuple[InstrumentSpec, Tape]) -> Scene:
    market = {spec.symbol: (spec, walk(spec, tape, 31)) for spec, tape in tapes}
    return Scene(dict(scripts), market, config)


def _hedged() -> Scene:
    def lean(side: int) -> OnWake:
        def decide(view: View, number: int) -> Sequence[Intent]:
            pit = Pit(view, "INDEX")
            if number % 10 == 1 + side:
                return (pit.order(2 * side, tag="lean"),)
            if number % 10 == 6:
                return (pit.order(-2 * side, _LIMIT, limit=5 * side, reduce_only=True, tag="out"),)
            return ()

        return decide

    both = dealer(["METAL", "INDEX"], _KINDS, name="third book", every=5)
    return _books(
        [
            ("bull", Scripted(["INDEX"], lean(1), name="bull")),
            ("bear", Scripted(["INDEX"], lean(-1), name="bear")),
            ("third", Scripted(["METAL", "INDEX"], both, name="third")),
        ],
        account(60_000, costs=_CHARGED),
        (INDEX, _FUTURE),
        (METAL, Tape(12, 7, 18_000, step=12)),
    )


def _shared_volume() -> Scene:
    scripts = [
        (name, Scripted(["STOCK"], dealer(["STOCK"], _KINDS, name=name, every=4, lots_of=100), name=name))
        for name in ("first", "second")
    ]
    config = account(
        100_000,
        AccountKind.REG_T,
        costs=_SHARES,
        fills=FillRules(participation=Decimal("0.25")),
        halts=HaltRules(daily_loss=Decimal("0.01"), flatten=True),
    )
    return _books(scripts, config, (STOCK, Tape(15, 7, 10_000, step=80, gap=30, wick=30, volume=(0, 1_500))))


def _refused() -> Scene:
    scene = _stage(_deal("refused", "INDEX", lots_max=5, held_max=9), account(200_000), (INDEX, _FUTURE), seed=29)()
    risk = LimitRiskPolicy(max_order_units=4, max_position_units=6, check_margin=True, instruments={"INDEX": INDEX})
    return Scene(scene.books, scene.market, scene.config, risk=risk)


_RATES: Final = {
    "borrow_rate": Decimal("0.03"),
    "debit_rate": Decimal("0.065"),
    "credit_rate": Decimal("0.01"),
}

ACCOUNT_RUNS: Final = (
    Reference(
        "margin_refusals",
        "A futures account that carries two or three contracts and is asked for more.",
        _stage(
            _deal("margin refusals", "INDEX", lots_max=4, held_max=5, every=2),
            account(19_000, costs=_CHARGED),
            (INDEX, _FUTURE),
            seed=21,
        ),
    ),
    Reference(
        "futures_liquidated",
        "A long position in a falling market: liquidated, opened again, gapped below zero, closed.",
        _stage(
            lambda: _always_long("INDEX", 2),
            account(13_000, costs=_CHARGED),
            (INDEX, Tape(12, 7, 16_000, drift=-4, volume=(0, 3), jumps=((44, -1_500),))),
            seed=22,
        ),
    ),
    Reference(
        "cash_account",
        "A cash account that is asked for more than it can pay, and to sell short.",
        _stage(
            _deal("cash", "STOCK", "FUND", lots_max=3, held_max=3, lots_of=50),
            account(12_000, AccountKind.CASH, costs=_SHARES, credit_rate=Decimal("0.02")),
            (STOCK, _SHARE),
            (FUND, Tape(15, 7, 4_000, step=30, volume=(500, 900))),
            seed=23,
        ),
    ),
    Reference(
        "reg_t",
        "Long and short shares on margin, with borrow fees and interest both ways.",
        _stage(
            _deal("reg t", "STOCK", "FUND", lots_max=4, held_max=6, lots_of=100),
            account(60_000, AccountKind.REG_T, costs=_SHARES, **_RATES),
            (STOCK, _SHARE),
            (FUND, Tape(15, 7, 4_000, step=30, volume=(500, 2_900))),
            seed=24,
        ),
    ),
    Reference(
        "reg_t_liquidated",
        "Shares on margin that fall below what must be kept.",
        _stage(
            lambda: _always_long("STOCK", 190, again=11),
            account(10_000, AccountKind.REG_T, costs=_SHARES, **_RATES),
            (STOCK, Tape(12, 7, 10_000, step=60, drift=-50, volume=(60, 400))),
            seed=25,
        ),
    ),
    Reference(
        "portfolio_account",
        "Futures and shares in one account, one of the futures with a day that begins earlier.",
        _stage(
            _deal("portfolio", "INDEX", "STOCK", "OIL", every=8, lots_max=2, held_max=3),
            account(60_000, AccountKind.REG_T, costs=_CHARGED, **_RATES),
            (INDEX, _FUTURE),
            (STOCK, _SHARE),
            (OIL, Tape(12, 12, 6_000, step=15, opens_ns=8 * 3_600_000_000_000)),
            seed=26,
        ),
    ),
    Reference(
        "daily_loss_halt",
        "Sessions that end in a halt at two per cent, what is held stays.",
        _stage(
            lambda: _reducing("INDEX", 3),
            account(100_000, costs=_CHARGED, halts=HaltRules(daily_loss=Decimal("0.02"))),
            (INDEX, Tape(12, 7, 16_000, step=24, drift=-5)),
            seed=27,
        ),
    ),
    Reference(
        "daily_loss_flattened",
        "The same halt, with what is held closed.",
        _stage(
            lambda: _reducing("INDEX", 3),
            account(100_000, costs=_CHARGED, halts=HaltRules(daily_loss=Decimal("0.015"), flatten=True)),
            (INDEX, Tape(12, 7, 16_000, step=24, drift=-5)),
            seed=27,
        ),
    ),
    Reference(
        "drawdown_halt",
        "A halt for good at eight per cent below the highest equity; what reduces is still taken.",
        _stage(
            lambda: _reducing("INDEX", 2),
            account(100_000, costs=_CHARGED, halts=HaltRules(daily_loss=None, drawdown=Decimal("0.08"))),
            (INDEX, Tape(12, 7, 16_000, step=24, drift=-4)),
            seed=28,
        ),
    ),
    Reference(
        "risk_refusals", "Orders that the risk policy stops: too large, too much held, too little margin.", _refused
    ),
    Reference("hedged_books", "Three strategies, long and short in one future, margined by the net.", _hedged),
    Reference("shared_volume", "Two strategies that share little volume, and a halt that flattens.", _shared_volume),
)
"""Accounts and books."""
