"""What a strategy may see: a window on the market that ends at the present, and the account as it is known."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D, Bars, readonly
from argus.core.errors import LookAheadError, OrderError, StrategyError
from argus.core.instruments import InstrumentSpec
from argus.core.time import format_ns
from argus.engine._layout import S_CASH, S_ORDERS, S_TS
from argus.engine.book import RunTables
from argus.engine.market import RECV_COLUMN, Market

OUTSIDE: Final = -1
BLOCK_ROWS: Final = 1_024

__all__ = ["ReplayAccount", "ReplayPosition", "ReplayView", "Window"]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Copies of the last known bars, oldest first (copies, so that no reference leads to later rows)."""

    ts_event_ns: I64_1D
    ts_close_ns: I64_1D
    open: F64_1D
    high: F64_1D
    low: F64_1D
    close: F64_1D
    volume: F64_1D

    def __len__(self) -> int:
        return len(self.close)


@dataclass(frozen=True, slots=True)
class ReplayPosition:
    """A position as known now, in units of the instrument."""

    units: float
    pending_units: float
    mark_price: float
    currency_rate: float = 1.0


class ReplayAccount:
    """The account as known now; amounts in micro-units."""

    __slots__ = ("_codes", "_stand", "_tables")

    def __init__(self, tables: RunTables, codes: Mapping[str, int], stand: Callable[[], None] = lambda: None) -> None:
        self._tables = tables
        self._codes = codes
        self._stand = stand

    @property
    def cash_micros(self) -> int:
        """Balance of the cash account, with the settlements that the broker has posted."""
        return int(self._tables.slots[S_CASH])

    @property
    def equity_micros(self) -> int:
        """Cash and positions at the last closes that were received."""
        return self._known(0, 0)[2]

    @property
    def initial_margin_micros(self) -> int:
        """Margin needed to open what is held."""
        return self._known(0, 0)[0]

    def initial_margin_after_micros(self, instrument: str, signed_lots: int) -> int:
        """Margin needed if `signed_lots` were traded at the last received close, all else as it is."""
        return self._known(_code(self._codes, instrument), signed_lots)[0]

    def cash_after_micros(self, instrument: str, signed_lots: int) -> int:
        """Cash left if `signed_lots` were traded at the last received close, fees included."""
        return self._known(_code(self._codes, instrument), signed_lots)[1]

    def position_lots(self, instrument: str) -> int:
        """Signed quantity held, in lots."""
        return int(self._tables.positions[_code(self._codes, instrument)])

    def pending_lots(self, instrument: str) -> int:
        """Signed lots that working market, on-open and on-close orders would add."""
        return self._tables.pending_lots(_code(self._codes, instrument))

    def last_price_ticks(self, instrument: str) -> int | None:
        """Last received close, to the nearest tick; None before there is one.

        After a split, a close from before it counts in new shares.
        """
        code = _code(self._codes, instrument)
        self._stand()
        return self._tables.last_close_ticks(code)

    def orders_within(self, window_ns: int) -> int:
        """Orders that strategies entered in the last `window_ns` of market time, all books of the account together."""
        self._stand()
        slots, orders = self._tables.slots, self._tables.orders
        count = slots[S_ORDERS]
        first = bisect_right(orders["ts_submit_ns"], slots[S_TS] - window_ns, 0, count)
        return int(np.count_nonzero(orders["decision_id"][first:count] >= 0))

    def _known(self, code: int, signed_lots: int) -> tuple[int, int, int]:
        """(initial margin, cash, equity) after trading `signed_lots` of the instrument with this code."""
        self._stand()
        return self._tables.as_known(code, signed_lots)


class ReplayView:
    """All that may be known at `now_ns`, and nothing else. Implements `core.ports.View`.

    Parameters
    ----------
    market : mapping
        Symbol to specification and bars.
    tables : RunTables
        The engine's tables, whose cursors say how many bars are known.
    codes : mapping
        Symbol to position in the universe.
    features : mapping
        Alias to (instrument code, full-length column).
    """

    __slots__ = (
        "_bars",
        "_base",
        "_begin",
        "_block",
        "_codes",
        "_columns",
        "_feature_codes",
        "_known",
        "_lists",
        "_specs",
        "_tables",
        "_ts_recv",
        "at",
    )

    def __init__(
        self,
        market: Market,
        tables: RunTables,
        codes: Mapping[str, int],
        features: Mapping[str, tuple[int, F64_1D]],
    ) -> None:
        self._tables = tables
        self._codes = codes
        self._bars = {symbol: market[symbol][1] for symbol in codes}
        self._specs = {symbol: market[symbol][0] for symbol in codes}
        # A memoryview gives a plain float at a third of the price of an array's scalar.
        self._columns = {alias: column.data for alias, (_, column) in features.items()}
        self._feature_codes = {alias: code for alias, (code, _) in features.items()}
        self._known = tables.known
        self._begin: list[int] = tables.known_begin
        self._ts_recv: I64_1D = tables.market.known[RECV_COLUMN]
        # A list gives its values at half the price of a memoryview: features of the block of rows in hand, as they are
        # asked for. `_block` is these lists within a stretch, and nothing elsewhere.
        self._base = 0
        self._lists: dict[str, list[float]] = {}
        self._block: dict[str, list[float]] = {}
        self.at = OUTSIDE
        """Last known row within a quiet stretch that the kernel has already passed, counted from `_base`; `OUTSIDE`
        elsewhere."""

    def stretch(self, first: int, stop: int) -> Iterator[range]:
        """Places to set `at` to for the rows of a stretch, block by block."""
        while first < stop:
            base = first - first % BLOCK_ROWS
            if base != self._base:
                self._base, self._lists = base, {}
            self._block = self._lists
            last = min(stop, base + BLOCK_ROWS)
            yield range(first - base, last - base)
            first = last

    def last_row(self) -> int:
        """Last known row within a stretch; -1 at its beginning, before there is a block in hand, and elsewhere."""
        return OUTSIDE if self.at == OUTSIDE else self._base + self.at

    def end_stretch(self) -> None:
        """Leave a stretch, with the kernel at the row in hand."""
        self._stand()
        self._block = {}
        self.at = OUTSIDE

    def _stand(self) -> None:
        """Take the kernel to where the view is."""
        if self.at != OUTSIDE and self._known[0] != self._base + self.at + 1:
            self._tables.move_to(self._base + self.at)

    @property
    def now_ns(self) -> int:
        """The instant of the decision."""
        return int(self._tables.slots[S_TS]) if self.at == OUTSIDE else int(self._ts_recv[self._base + self.at])

    @property
    def account(self) -> ReplayAccount:
        """The account; made when asked for, so that view and account do not keep each other and all columns alive."""
        return ReplayAccount(self._tables, self._codes, self._stand)

    def known_bars(self, instrument: str) -> int:
        """Number of bars of `instrument` known now."""
        code = _code(self._codes, instrument)
        return int(self._known[code]) - self._begin[code] if self.at == OUTSIDE else self._base + self.at + 1

    def bars(self, instrument: str, n: int) -> Window:
        """The last `n` known bars, fewer at the start of the data.

        Raises
        ------
        LookAheadError
            If `n` is not positive: there is no bar after the last known one.
        """
        if n <= 0:
            raise LookAheadError(
                f"bars({instrument!r}, {n}) at {format_ns(self.now_ns)}, last known row "
                f"{self.known_bars(instrument) - 1}: ask for a positive number of bars; later ones do not exist yet"
            )
        stop = self.known_bars(instrument)
        return _window(self._bars[instrument], max(0, stop - n), stop)

    def feature(self, alias: str) -> float:
        """A declared feature at the last known bar of its instrument; NaN in its warm-up."""
        try:
            return self._block[alias][self.at]
        except KeyError:
            return self._feature(alias)

    def position(self, instrument: str) -> ReplayPosition:
        """What is held and what is on its way."""
        code = _code(self._codes, instrument)
        spec = self._specs[instrument]
        lot = float(spec.lot_size)
        stop = self.known_bars(instrument)
        close = self._bars[instrument].close
        row = stop - 1
        while row > 0 and np.isnan(close[row]):
            row -= 1
        mark = float(close[row]) if stop else float("nan")
        held, pending = self._tables.positions[code] * lot, self._tables.pending_lots(code) * lot
        return ReplayPosition(held, pending, mark, self._tables.currency_rate(code))

    def instrument(self, symbol: str) -> InstrumentSpec:
        """Specification of an instrument of the run."""
        _code(self._codes, symbol)
        return self._specs[symbol]

    def _feature(self, alias: str) -> float:
        """The same, for the first time in a block or outside of stretches."""
        try:
            column = self._columns[alias]
        except KeyError:
            raise StrategyError(
                f"feature '{alias}' was not declared; the strategy declares {', '.join(self._columns) or 'none'}"
            ) from None
        if self.at != OUTSIDE:
            block: list[Any] = column[self._base : self._base + BLOCK_ROWS].tolist()
            self._lists[alias] = block
            return self._lists[alias][self.at]
        code = self._feature_codes[alias]
        row = int(self._known[code]) - self._begin[code] - 1
        value: float = column[row] if row >= 0 else float("nan")
        return value


def _code(codes: Mapping[str, int], symbol: str) -> int:
    try:
        return codes[symbol]
    except KeyError:
        raise OrderError(f"{symbol} is not in the universe of this run ({', '.join(codes)})") from None


def _window(bars: Bars, start: int, stop: int) -> Window:
    columns = []
    for name in Window.__dataclass_fields__:
        column = getattr(bars, name)[start:stop].copy()
        readonly(column)
        columns.append(column)
    return Window(*columns)
