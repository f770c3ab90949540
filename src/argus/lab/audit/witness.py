"""What a strategy asks the view for, and a view that gives the same answers a second time without the engine.

`WatchedView` stands between the engine's view and the strategy: it passes everything on, keeps the names of what was
asked for, and, if wanted, notes how the account stood. `ShadowView` answers from bars of its own and from those notes.
As long as nothing was decided differently, the account is where it was, so that a decision can be repeated on another
future for the price of the call alone: this is what makes it possible to try every decision of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from argus.core.arrays import F64_1D, Bars, readonly
from argus.core.errors import LookAheadError, OrderError, RunError, StrategyError
from argus.core.instruments import InstrumentSpec
from argus.core.orders import Fill
from argus.core.ports import View

__all__ = ["Call", "ShadowView", "Standing", "WatchedView", "standing_of"]

_COUNTED: Final = (
    "position_lots",
    "pending_lots",
    "initial_margin_after_micros",
    "cash_after_micros",
    "last_price_ticks",
    "orders_within",
)

_COLUMNS: Final = ("ts_event_ns", "ts_close_ns", "open", "high", "low", "close", "volume")


class Standing(NamedTuple):
    """How the account stood at one call, in the sequence of the universe.

    ``positions`` holds (units, pending units, mark price, rate of the currency) and ``lots`` (held, pending) of each
    instrument; ``answers`` fills up with what was asked of the account with arguments.
    """

    known: tuple[int, ...]
    positions: tuple[tuple[float, float, float, float], ...]
    lots: tuple[tuple[int, int], ...]
    cash_micros: int
    equity_micros: int
    initial_margin_micros: int
    answers: dict[tuple[Any, ...], Any]


class Call(NamedTuple):
    """One call of a strategy as the engine made it; `fill` is None where it was woken."""

    ts_ns: int
    fill: Fill | None
    standing: Standing


def standing_of(view: View, universe: Sequence[str]) -> Standing:
    """How the account stands now."""
    account: Any = view.account
    positions = [view.position(symbol) for symbol in universe]
    known: Any = view
    return Standing(
        tuple([known.known_bars(symbol) for symbol in universe]),
        tuple([(p.units, p.pending_units, p.mark_price, p.currency_rate) for p in positions]),
        tuple([(account.position_lots(symbol), account.pending_lots(symbol)) for symbol in universe]),
        account.cash_micros,
        account.equity_micros,
        account.initial_margin_micros,
        {},
    )


class WatchedView:
    """A view that keeps what it was asked for, and passes everything on. Implements `core.ports.View`."""

    __slots__ = ("_view", "asked", "standing")

    def __init__(self, view: Any) -> None:
        self._view = view
        self.asked: list[tuple[str, str, int]] = []
        self.standing: Standing | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)

    @property
    def account(self) -> Any:
        """The account; its answers are kept where they are to be given again."""
        account = self._view.account
        return account if self.standing is None else _WatchedAccount(account, self.standing)

    def bars(self, instrument: str, n: int) -> Any:
        """The last `n` known bars."""
        self.asked.append(("bars", instrument, n))
        return self._view.bars(instrument, n)

    def feature(self, alias: str) -> float:
        """A declared feature."""
        self.asked.append(("feature", alias, 0))
        value: float = self._view.feature(alias)
        return value


class _WatchedAccount:
    """Keeps what the account answered to questions with arguments."""

    __slots__ = ("_account", "_standing")

    def __init__(self, account: Any, standing: Standing) -> None:
        self._account, self._standing = account, standing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._account, name)
        if name not in _COUNTED:
            return found

        def kept(*arguments: Any) -> Any:
            answer = found(*arguments)
            self._standing.answers[(name, *arguments)] = answer
            return answer

        return kept


class _ShadowPosition(NamedTuple):
    units: float
    pending_units: float
    mark_price: float
    currency_rate: float


class _Window:
    """The last known bars, oldest first, as the engine's windows are: copies."""

    __slots__ = _COLUMNS

    def __init__(self, bars: Bars, start: int, stop: int) -> None:
        for name in _COLUMNS:
            column = getattr(bars, name)[start:stop].copy()
            readonly(column)
            setattr(self, name, column)

    def __len__(self) -> int:
        return len(self.close)  # type: ignore[attr-defined]


class _ShadowAccount:
    """The account as it was noted."""

    __slots__ = ("_codes", "standing")

    def __init__(self, codes: Mapping[str, int]) -> None:
        self._codes = codes
        self.standing: Standing | None = None

    def __getattr__(self, name: str) -> Any:
        if name in ("cash_micros", "equity_micros", "initial_margin_micros"):
            return getattr(self.standing, name)
        raise AttributeError(name)

    def position_lots(self, instrument: str) -> int:
        """Signed quantity held, in lots."""
        assert self.standing is not None
        return self.standing.lots[self._codes[instrument]][0]

    def pending_lots(self, instrument: str) -> int:
        """Signed lots that working market orders would add."""
        assert self.standing is not None
        return self.standing.lots[self._codes[instrument]][1]

    def initial_margin_after_micros(self, instrument: str, signed_lots: int) -> int:
        """As it was answered."""
        return int(self._answered("initial_margin_after_micros", instrument, signed_lots))

    def cash_after_micros(self, instrument: str, signed_lots: int) -> int:
        """As it was answered."""
        return int(self._answered("cash_after_micros", instrument, signed_lots))

    def last_price_ticks(self, instrument: str) -> int | None:
        """As it was answered."""
        found: int | None = self._answered("last_price_ticks", instrument)
        return found

    def orders_within(self, window_ns: int) -> int:
        """As it was answered."""
        return int(self._answered("orders_within", window_ns))

    def _answered(self, *question: Any) -> Any:
        assert self.standing is not None
        try:
            return self.standing.answers[question]
        except KeyError:
            raise RunError(f"the account was not asked for {question[0]} at this instant before") from None


class ShadowView:
    """Answers a strategy without the engine. Implements `core.ports.View`.

    Parameters
    ----------
    market : mapping
        Symbol to specification and bars; rows that are not known at a call are never given out.
    universe : sequence of str
        The instruments of the run, in its sequence.
    features : mapping
        Alias to (instrument, column over all bars).
    """

    __slots__ = ("_account", "_bars", "_codes", "_features", "_specs", "_standing", "now_ns")

    def __init__(
        self,
        market: Mapping[str, tuple[InstrumentSpec, Bars]],
        universe: Sequence[str],
        features: Mapping[str, tuple[str, F64_1D]],
    ) -> None:
        self._codes = {symbol: k for k, symbol in enumerate(universe)}
        self._specs = {symbol: market[symbol][0] for symbol in universe}
        self._bars = {symbol: market[symbol][1] for symbol in universe}
        self._features = features
        self._account = _ShadowAccount(self._codes)
        self._standing: Standing | None = None
        self.now_ns = 0

    def at(self, call: Call) -> None:
        """Stand where the engine stood at this call."""
        self.now_ns = call.ts_ns
        self._standing = self._account.standing = call.standing

    @property
    def account(self) -> _ShadowAccount:
        """The account."""
        return self._account

    def known_bars(self, instrument: str) -> int:
        """Number of bars of `instrument` known now."""
        assert self._standing is not None
        return self._standing.known[self._code(instrument)]

    def bars(self, instrument: str, n: int) -> _Window:
        """The last `n` known bars, fewer at the start of the data."""
        stop = self.known_bars(instrument)
        if n <= 0:
            raise LookAheadError(
                f"bars({instrument!r}, {n}): ask for a positive number of bars; later ones do not exist"
            )
        return _Window(self._bars[instrument], max(0, stop - n), stop)

    def feature(self, alias: str) -> float:
        """A declared feature at the last known bar of its instrument; NaN in its warm-up."""
        if alias not in self._features:
            raise StrategyError(f"feature '{alias}' was not declared")
        instrument, column = self._features[alias]
        row = self.known_bars(instrument) - 1
        return float(column[row]) if 0 <= row < len(column) else float("nan")

    def position(self, instrument: str) -> _ShadowPosition:
        """What is held and what is on its way."""
        assert self._standing is not None
        return _ShadowPosition(*self._standing.positions[self._code(instrument)])

    def instrument(self, symbol: str) -> InstrumentSpec:
        """Specification of an instrument of the run."""
        self._code(symbol)
        return self._specs[symbol]

    def _code(self, symbol: str) -> int:
        try:
            return self._codes[symbol]
        except KeyError:
            raise OrderError(f"{symbol} is not in the universe of this run ({', '.join(self._codes)})") from None
