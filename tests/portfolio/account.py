"""A small account and view for tests: a few numbers held in dictionaries, with the arithmetic of a futures account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from argus.core.instruments import InstrumentSpec, instrument
from argus.core.money import MICROS


@dataclass
class SmallPosition:
    units: float = 0.0
    pending_units: float = 0.0
    mark_price: float = float("nan")
    currency_rate: float = 1.0


@dataclass
class SmallAccount:
    """Lots held and pending by symbol; every lot needs `margin_micros` and costs `price_micros` in a cash account.

    `sent_ns` are the instants of earlier orders, `last_ticks` the last price of an instrument.
    """

    equity_micros: int = 100_000 * MICROS
    cash_micros: int = 100_000 * MICROS
    margin_micros: int = 10_000 * MICROS
    price_micros: int = 0
    lots: dict[str, int] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)
    last_ticks: dict[str, int] = field(default_factory=dict)
    sent_ns: list[int] = field(default_factory=list)
    now_ns: int = 0

    @property
    def initial_margin_micros(self) -> int:
        return sum(abs(n) for n in self.lots.values()) * self.margin_micros

    def initial_margin_after_micros(self, instrument: str, signed_lots: int) -> int:
        after = {**self.lots, instrument: self.position_lots(instrument) + signed_lots}
        return sum(abs(n) for n in after.values()) * self.margin_micros

    def cash_after_micros(self, instrument: str, signed_lots: int) -> int:
        return self.cash_micros - signed_lots * self.price_micros

    def position_lots(self, instrument: str) -> int:
        return self.lots.get(instrument, 0)

    def pending_lots(self, instrument: str) -> int:
        return self.pending.get(instrument, 0)

    def last_price_ticks(self, instrument: str) -> int | None:
        return self.last_ticks.get(instrument)

    def orders_within(self, window_ns: int) -> int:
        return sum(self.now_ns - window_ns < sent <= self.now_ns for sent in self.sent_ns)


class NoBars:
    """A window without bars."""

    ts_event_ns = ts_close_ns = np.empty(0, dtype=np.int64)
    open = high = low = close = volume = np.empty(0)

    def __len__(self) -> int:
        return 0


@dataclass
class SmallView:
    """A view on positions and an account, without a market behind it."""

    positions: Mapping[str, SmallPosition] = field(default_factory=dict)
    account: SmallAccount = field(default_factory=SmallAccount)
    now_ns: int = 0

    def __post_init__(self) -> None:
        """The account holds what the positions say, in lots."""
        for symbol, position in self.positions.items():
            lot = float(instrument(symbol).lot_size)
            self.account.lots.setdefault(symbol, round(position.units / lot))
            self.account.pending.setdefault(symbol, round(position.pending_units / lot))

    def bars(self, instrument: str, n: int) -> NoBars:
        return NoBars()

    def feature(self, alias: str) -> float:
        return float("nan")

    def position(self, instrument: str) -> SmallPosition:
        return self.positions.get(instrument, SmallPosition())

    def instrument(self, symbol: str) -> InstrumentSpec:
        return instrument(symbol)
