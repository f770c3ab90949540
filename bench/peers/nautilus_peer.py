"""NautilusTrader: a Python strategy called at every bar, its own averages, contract, fee and slippage models."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import FillModel, PerContractFeeModel
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, AssetClass, OmsType, OrderSide, TimeInForce
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import FuturesContract
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy
from protocol import CAPITAL, FAST, FEE, SLOW, Bars, Variant, serve

VENUE = Venue("GLBX")
INSTRUMENT_ID = InstrumentId(Symbol("ESZ9"), VENUE)
BAR_TYPE = BarType.from_str(f"{INSTRUMENT_ID}-1-MINUTE-LAST-EXTERNAL")
FAR_NS = 4_000_000_000_000_000_000


class Cross(Strategy):
    """Follow the sign of the difference of the averages."""

    def __init__(self) -> None:
        super().__init__()
        self.fast = SimpleMovingAverage(FAST)
        self.slow = SimpleMovingAverage(SLOW)
        self.now = 0
        self.sent = 0

    def on_start(self) -> None:
        """Ask for the bars, and have the averages follow them."""
        self.register_indicator_for_bars(BAR_TYPE, self.fast)
        self.register_indicator_for_bars(BAR_TYPE, self.slow)
        self.subscribe_bars(BAR_TYPE)

    def on_bar(self, bar: Bar) -> None:
        """One order at each change."""
        if not self.slow.initialized:
            return
        fast, slow = self.fast.value, self.slow.value
        wanted = 1 if fast > slow else -1 if fast < slow else self.now
        if wanted != self.now:
            order = self.order_factory.market(
                INSTRUMENT_ID,
                OrderSide.BUY if wanted > 0 else OrderSide.SELL,
                Quantity.from_int(abs(wanted - self.now)),
                time_in_force=TimeInForce.GTC,
            )
            self.now = wanted
            self.sent += 1
            self.submit_order(order)


def contract() -> FuturesContract:
    """An ES contract that never expires."""
    return FuturesContract(
        instrument_id=INSTRUMENT_ID,
        raw_symbol=INSTRUMENT_ID.symbol,
        asset_class=AssetClass.INDEX,
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.25"),
        multiplier=Quantity.from_int(50),
        lot_size=Quantity.from_int(1),
        underlying="ES",
        activation_ns=0,
        expiration_ns=FAR_NS,
        ts_event=0,
        ts_init=0,
        margin_init=Decimal("0.05"),
        margin_maint=Decimal("0.045"),
    )


def bar_objects(bars: Bars) -> list[Bar]:
    """The bars as the engine's own objects; volumes are raised so that they bound nothing, as elsewhere here."""
    columns = (bars.open, bars.high, bars.low, bars.close, bars.ts_close_ns)
    volume = Quantity.from_int(1_000_000)
    return [
        Bar(BAR_TYPE, Price(o, 2), Price(h, 2), Price(low, 2), Price(c, 2), volume, stamp, stamp)
        for o, h, low, c, stamp in zip(*(column.tolist() for column in columns), strict=True)
    ]


class Prepared:
    """Bar objects are made once for all repetitions."""

    def __init__(self) -> None:
        self.objects: list[Bar] = []
        self.last_close = 0.0

    def fresh(self, bars: Bars) -> Callable[[], Any]:
        """An engine ready to run."""
        if not self.objects:
            self.objects = bar_objects(bars)
            self.last_close = float(bars.close[-1])
        engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
        engine.add_venue(
            venue=VENUE,
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            starting_balances=[Money(CAPITAL, USD)],
            base_currency=USD,
            fill_model=FillModel(prob_slippage=1.0, random_seed=1),
            fee_model=PerContractFeeModel(Money(FEE, USD)),
        )
        engine.add_instrument(contract())
        engine.add_data(self.objects)
        strategy = Cross()
        engine.add_strategy(strategy)

        def run() -> Any:
            engine.run()
            return engine, strategy

        return run

    def read(self, result: Any) -> tuple[int, float]:
        """Orders sent, and cash gained plus what the open position gained up to the last close."""
        engine, strategy = result
        account = engine.portfolio.account(VENUE)
        gained = account.balance_total(USD).as_double() - CAPITAL
        price = Price(self.last_close, 2)
        for position in engine.cache.positions_open():
            gained += position.unrealized_pnl(price).as_double()
        sent = strategy.sent
        engine.dispose()
        return sent, gained


if __name__ == "__main__":
    prepared = Prepared()
    note = "fills at the close that gave the signal"
    serve("nautilus_trader", {"run": Variant(prepared.fresh, prepared.read, fills="same close", remark=note)})
