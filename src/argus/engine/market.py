"""A market laid out for the kernels: the bars of all instruments, their cost and margin figures, in flat arrays."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D, Bars, Quotes, readonly
from argus.core.errors import ConfigError, CoverageError
from argus.core.fees import FeeComponent, FeeName
from argus.core.instruments import InstrumentKind, InstrumentSpec, Source
from argus.core.market_events import FinalSettlement, Funding, InstrumentEvent, Split
from argus.core.money import MICROS
from argus.core.strategy import StrategySpec, WakeRule
from argus.core.time import day_number, day_of, format_ns
from argus.engine import currency, intraday
from argus.engine._layout import (
    E_DIVIDEND,
    E_FINAL,
    E_FUNDING,
    E_MARGIN,
    E_RATE,
    E_SPLIT,
    EVENT_COLUMNS,
    INT64_MAX,
    MILLI,
    NANO,
    PARAM_DTYPE,
    RATE_COLUMNS,
)
from argus.engine.column_store import ColumnMarket
from argus.engine.config import PPM, AccountKind, CostModel, RunConfig
from argus.engine.costs import half_spread_milliticks, impact_scale
from argus.engine.mapped import empty, forget, is_mapped, keep_freed
from argus.engine.quoted import QuoteRows, check_in_force, costs_met, has_price_costs, meet, quotes_beside

__all__ = [
    "CLOSE_COLUMN",
    "CLOSE_TS_COLUMN",
    "Events",
    "Finer",
    "HIGH_COLUMN",
    "LOW_COLUMN",
    "Market",
    "MarketArrays",
    "NOT_FINER",
    "NO_EVENTS",
    "RECV_COLUMN",
    "SESSION_COLUMN",
    "SESSION_END_COLUMN",
    "fees_on",
    "lay_out",
    "rate_ppm",
    "seat",
    "told_once",
]

Market = Mapping[str, tuple[InstrumentSpec, Bars]]
"""Symbol to specification and bars."""

_COLUMNS = (
    "ts_event_ns",
    "ts_close_ns",
    "ts_recv_ns",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "session",
    "session_end",
)
CLOSE_TS_COLUMN: Final = _COLUMNS.index("ts_close_ns")
RECV_COLUMN: Final = _COLUMNS.index("ts_recv_ns")
HIGH_COLUMN: Final = _COLUMNS.index("high")
LOW_COLUMN: Final = _COLUMNS.index("low")
CLOSE_COLUMN: Final = _COLUMNS.index("close")
SESSION_COLUMN: Final = _COLUMNS.index("session")
SESSION_END_COLUMN: Final = _COLUMNS.index("session_end")
"""Positions in `MarketArrays.columns`."""
Events = Mapping[str, Sequence[InstrumentEvent]]
"""Symbol to what happens to the instrument beside its bars."""
NO_EVENTS: Final[Events] = {}
Finer = Mapping[str, Bars | Quotes]
"""Symbol to finer bars, or quotes, that orders meet in the place of the market's own bars."""
NOT_FINER: Final[Finer] = {}

_SPOT_PPM = {AccountKind.REG_T: (500_000, 250_000, 300_000)}
_NAMES_SHOWN: Final = 4
_BEGINNING = -(2**31) + 1


@dataclass(frozen=True, slots=True, eq=False)
class MarketArrays:
    """Flat arrays that `advance` takes; see `_layout` for the dtypes.

    Attributes
    ----------
    par : (k,) PARAM_DTYPE
    rates : (r, RATE_COLUMNS) int64
        Dated margins and fees, instrument after instrument.
    columns : tuple of arrays
        ts_event, ts_close, ts_recv, open, high, low, close, volume, session, session_end of the bars that orders meet,
        one instrument after the other.
    known : tuple of arrays
        The same of the bars that strategies see: the same arrays, unless finer bars fill the orders.
    marks : (n,) int64
        Closes in whole ticks; `NO_MARK` where one is not known.
    special : (s,) int64
        Rows that are no part of a quiet stretch, and one past the end; only where one instrument is alone.
    events : (e, EVENT_COLUMNS) int64
        What happens to instruments beside their bars, in order.
    spread : (n,) int64 or empty
        Half-spread of each bar in thousandths of a tick.
    impact : (n,) float64 or empty
        Coefficient of each bar's square-root impact.
    quotes : (n, QUOTE_COLUMNS) float64, or (0, QUOTE_COLUMNS)
        Beside the rows that orders meet: bid and ask, and lots that may be taken; zeros where they are bars.
    notes : tuple of str
        What a reader of results must know about figures used here.
    """

    par: NDArray[np.void]
    rates: NDArray[np.int64]
    columns: tuple[NDArray[Any], ...]
    known: tuple[NDArray[Any], ...]
    marks: I64_1D
    special: I64_1D
    events: NDArray[np.int64]
    spread: I64_1D
    impact: F64_1D
    quotes: NDArray[np.float64]
    notes: tuple[str, ...]
    foreign: Mapping[int, currency.Rates]
    """First line of each instrument in another currency than the account's to its rates."""

    @property
    def is_plain(self) -> bool:
        """Whether one instrument is alone, so that stretches of its bars can be passed at once."""
        return len(self.special) > 0

    @property
    def bars(self) -> int:
        """Bars to replay, all instruments together."""
        lines = self.par[self.par["first_line"] == np.arange(len(self.par))]
        return int((lines["row_end"] - lines["row_begin"]).sum())

    @property
    def is_mapped(self) -> bool:
        """Whether columns lie in files."""
        return is_mapped(self.columns[0]) or is_mapped(self.marks)

    def forget(self, starts: Sequence[int], stops: Sequence[int]) -> None:
        """Give back the memory of the rows of each line from `starts` to `stops`."""
        for array in (*self.columns, self.marks, *([] if self.known is self.columns else self.known)):
            for start, stop in zip(starts, stops, strict=True):
                forget(array, start, min(stop, len(array)))


def lay_out(
    market: Market,
    universe: tuple[str, ...],
    config: RunConfig,
    events: Events = NO_EVENTS,
    finer: Finer = NOT_FINER,
) -> MarketArrays:
    """Flatten `market` in the sequence of `universe`: one line for each symbol, which may come again for another book.

    All lines belong to one book that every bar wakes; `seat` says otherwise. Orders for instruments in `finer` meet
    its bars where they agree with the market's (`argus.engine.refine`), or its quotes (`argus.engine.quoted`).

    Raises
    ------
    ConfigError
        If an account cannot hold an instrument, no rate of its currency is known, or a cost setting is finer than the
        ledger or in vain.
    CoverageError
        If an instrument has no bars.
    """
    keep_freed()
    symbols = tuple(dict.fromkeys(universe))
    for symbol in symbols:
        _check_bars(symbol, market)
    met = {s: meet(market[s][1], finer[s], market[s][0].tick_size) for s in symbols if s in finer}
    fills = {s: (market[s][0], met[s][0] if s in met else market[s][1]) for s in symbols} if met else market
    check_in_force(config.costs, [fills[symbol][1] for symbol in symbols])
    columns, begins = _flat(fills, symbols)
    known, known_begins = _flat(market, symbols) if met else (columns, begins)
    if config.data_latency_ns:
        late = empty(len(known[RECV_COLUMN]), np.int64)
        np.add(known[RECV_COLUMN], config.data_latency_ns, out=late)
        readonly(late)
        known = (*known[:RECV_COLUMN], late, *known[RECV_COLUMN + 1 :])
    last_ns = max(int(fills[symbol][1].ts_close_ns[-1]) for symbol in symbols)
    par = np.zeros(len(universe), dtype=PARAM_DTYPE)
    rates: list[list[int]] = []
    foreign: dict[int, currency.Rates] = {}
    notes: list[tuple[str, str]] = [(symbol, note) for symbol, (_, note) in met.items()]
    for symbol in symbols:
        spec, bars = fills[symbol]
        _check_holdable(spec, config)
        dated = _dated_rates(spec, config, len(rates))
        p = par[universe.index(symbol)]
        p["rate_begin"], p["rate_end"] = len(rates), len(rates) + dated.count
        p["row_begin"], p["row_end"] = begins[symbol], begins[symbol] + len(bars)
        p["known_begin"], p["known_end"] = known_begins[symbol], known_begins[symbol] + len(market[symbol][1])
        p["is_refined"], p["is_quoted"] = symbol in met, isinstance(bars, QuoteRows)
        _fill_params(p, spec, bars, config)
        if spec.currency != config.account.currency:
            found = foreign[universe.index(symbol)] = currency.rates_of(spec, bars, market, config, last_ns)
            _make_foreign(p, found, config)
            notes.append((symbol, _foreign_note(spec, found, config)))
        terms = config.account.intraday
        if terms is not None and intraday.has_intraday(terms, spec):
            notes.append((symbol, intraday.note_of(terms, spec)))
        rates.extend(dated.rows)
        notes.extend(_notes(spec, bars, config))
    _chain(par, universe)
    par["warmup"] = 1
    first_lines = par[[universe.index(symbol) for symbol in symbols]]
    marks = _marks(first_lines, columns)
    table = _with_account_events(
        _event_table(market, universe, events, known_begins, last_ns), fills, universe, foreign, last_ns, config
    )
    models = [(*fills[symbol], costs_met(fills[symbol][1], config.costs)) for symbol in symbols]
    spread = [half_spread_milliticks(*one) for one in models]
    impact = [impact_scale(*one) for one in models]
    return MarketArrays(
        par,
        np.array(rates, dtype=np.int64).reshape(-1, RATE_COLUMNS),
        columns,
        known,
        marks,
        _special(columns, known, marks, table) if len(par) == 1 and not met else np.zeros(0, dtype=np.int64),
        table,
        _beside(spread, len(marks), begins, symbols, np.int64),
        _beside(impact, len(marks), begins, symbols, np.float64),
        quotes_beside(fills, symbols, begins, len(marks), config.fills.participation),
        told_once(notes),
        foreign,
    )


def _make_foreign(p: Any, rates: currency.Rates, config: RunConfig) -> None:
    """Figures of an instrument in another currency; the range of the ledger is kept in both."""
    p["is_foreign"], p["fx_cost_ppb"] = 1, currency.cost_ppb(config)
    p["value_scale"] *= max(1.0, float(rates.nano.max()) / NANO)


def _foreign_note(spec: InstrumentSpec, rates: currency.Rates, config: RunConfig) -> str:
    cost = currency.terms_of(config).cost_bp * config.costs.multiplier
    word = "an assumption of this run's default" if config.account.fx is None else "stated by the run"
    return (
        f"money in {spec.currency} is converted to {config.account.currency} as it is booked, at {rates.source}, for "
        f"{format(cost.normalize(), 'f')} basis points ({word})"
    )


def _with_account_events(
    table: NDArray[np.int64],
    fills: Market,
    universe: tuple[str, ...],
    foreign: Mapping[int, currency.Rates],
    last_ns: int,
    config: RunConfig,
) -> NDArray[np.int64]:
    """The table of events with rates of currencies, then switches of margins, before the others of their instant."""
    terms = config.account.intraday
    switches = [
        (ts, universe.index(symbol), E_MARGIN, shift, 0, 0)
        for symbol in dict.fromkeys(universe)
        if terms is not None and intraday.has_intraday(terms, fills[symbol][0])
        for ts, shift in intraday.margin_switches(*fills[symbol], terms)
    ]
    if not foreign and not switches:
        return table
    rates = currency.rate_events(list(foreign.items()), E_RATE, EVENT_COLUMNS)
    margins = np.array(switches, dtype=np.int64).reshape(-1, EVENT_COLUMNS)
    together = np.concatenate((rates, margins[margins[:, 0] <= last_ns], table))
    found: NDArray[np.int64] = together[np.argsort(together[:, 0], kind="stable")]
    return found


def _check_bars(symbol: str, market: Market) -> None:
    """The market holds what it says under this name."""
    if symbol not in market:
        raise CoverageError(f"{symbol}: the run has no bars of it; it has {', '.join(market) or 'none at all'}")
    spec, bars = market[symbol]
    if bars.instrument != symbol or spec.symbol != symbol:
        raise ConfigError(
            f"under {symbol} the market holds the specification of {spec.symbol} and bars of {bars.instrument}; "
            "all three must be the same instrument"
        )
    if not len(bars):
        raise CoverageError(f"{symbol}: there are no bars in the run's range")


def _flat(market: Market, symbols: tuple[str, ...]) -> tuple[tuple[NDArray[Any], ...], dict[str, int]]:
    """(columns with all instruments one after the other, first row of each); files are used as they lie."""
    if len(symbols) == 1:
        columns = tuple(getattr(market[symbols[0]][1], name) for name in _COLUMNS)
        begins = {symbols[0]: 0}
    elif isinstance(market, ColumnMarket):
        columns = tuple(market.columns[name] for name in _COLUMNS)
        begins = market.begin
    else:
        bars = [market[symbol][1] for symbol in symbols]
        columns = tuple(np.concatenate([getattr(one, name) for one in bars]) for name in _COLUMNS)
        begins = dict(zip(symbols, np.cumsum([0, *map(len, bars[:-1])]).tolist(), strict=True))
    for column in columns:
        readonly(column)  # one array type for one instrument and for many: the kernel compiles once
    return columns, begins


def _beside(
    parts: Sequence[NDArray[Any] | None], rows: int, begins: Mapping[str, int], symbols: tuple[str, ...], dtype: Any
) -> NDArray[Any]:
    """A column beside the bars; empty where no instrument has one."""
    if all(part is None for part in parts):
        return np.zeros(0, dtype=dtype)
    column = empty(rows, dtype)
    if any(part is None for part in parts):
        column[:] = 0  # no model of the run is for instruments with quotes
    for symbol, part in zip(symbols, parts, strict=True):
        if part is not None:
            column[begins[symbol] : begins[symbol] + len(part)] = part
    return column


def seat(arrays: MarketArrays, specs: Sequence[StrategySpec]) -> None:
    """Give the lines to strategies, each its universe in order, and note when each is woken."""
    k = 0
    for book, spec in enumerate(specs):
        for symbol in spec.universe:
            p = arrays.par[k]
            p["book"] = book
            p["warmup"] = 0 if symbol in spec.late else max(1, spec.warmup_bars)
            p["session_end_only"] = int(spec.wake == WakeRule.SESSION_END)
            p["tells_fills"] = int(spec.wakes_on_fill)
            k += 1


def _chain(par: NDArray[np.void], universe: tuple[str, ...]) -> None:
    """Tie the lines of one instrument together; the later ones take all but their place from the first."""
    par["next_line"] = -1
    for k, symbol in enumerate(universe):
        first = universe.index(symbol)
        if k != first:
            before = max(m for m in range(k) if universe[m] == symbol)
            par[k] = par[first]
            par[k]["next_line"] = -1
            par[before]["next_line"] = k
        par[k]["first_line"] = first


def _event_table(
    market: Market, universe: tuple[str, ...], events: Events, known_begins: Mapping[str, int], last_close: int
) -> NDArray[np.int64]:
    """Events in the order of their instants, then of the universe, then as given; none after the last close.

    What comes later would change the account after its last point of equity.
    """
    rows: list[tuple[int, ...]] = []
    for k, symbol in enumerate(universe):
        if universe.index(symbol) != k:
            continue
        spec, bars = market[symbol]
        for event in events.get(symbol, ()):
            open_row = known_begins[symbol] + int(np.searchsorted(bars.ts_close_ns, event.ts_ns))
            rows.append((event.ts_ns, k, *_event_columns(spec, event), open_row))
            if isinstance(event, FinalSettlement) and bars.ts_close_ns[-1] > event.ts_ns:
                row = int(np.searchsorted(bars.ts_close_ns, event.ts_ns, side="right"))
                raise CoverageError(
                    f"{symbol}: row {row} closes at {format_ns(int(bars.ts_close_ns[row]))}, after the "
                    f"final settlement at {format_ns(event.ts_ns)}; cut the bars there, or correct the settlement"
                )
    rows = sorted((row for row in rows if row[0] <= last_close), key=lambda row: row[:2])
    return np.array(rows, dtype=np.int64).reshape(-1, EVENT_COLUMNS)


def _event_columns(spec: InstrumentSpec, event: InstrumentEvent) -> tuple[int, int, int]:
    """(kind, a, b) as the kernel takes them."""
    is_future = spec.kind == InstrumentKind.FUTURE
    if isinstance(event, FinalSettlement):
        from argus.engine._match_kernels import nearest_tick, ticks_of

        return E_FINAL, int(nearest_tick(ticks_of(event.price, float(spec.tick_size)))), 0
    if isinstance(event, Funding):
        ppb = event.rate * NANO
        if ppb != ppb.to_integral_value():
            raise ConfigError(f"{spec.symbol}: funding rate {event.rate} is finer than a billionth; round it")
        return E_FUNDING, int(ppb), 0
    if is_future:
        raise ConfigError(f"{spec.symbol} is a future: it has no {type(event).__name__.lower()}")
    if isinstance(event, Split):
        return E_SPLIT, event.numerator, event.denominator
    nano = event.amount * spec.lot_size * MICROS * NANO
    if nano != nano.to_integral_value():
        raise ConfigError(f"{spec.symbol}: dividend {event.amount} a share is finer than the ledger; round it")
    return E_DIVIDEND, *divmod(int(nano), NANO)


def _marks(par: NDArray[np.void], columns: tuple[NDArray[Any], ...]) -> I64_1D:
    from argus.engine._coast_kernels import marks_of

    marks = empty(len(columns[CLOSE_COLUMN]), np.int64)
    for p in par:
        rows = slice(p["row_begin"], p["row_end"])
        marks_of(columns[CLOSE_COLUMN][rows], p["tick"], marks[rows])
        forget(columns[CLOSE_COLUMN], rows.start, rows.stop)
        forget(marks, rows.start, rows.stop)
    return marks


def _special(
    columns: tuple[NDArray[Any], ...], known: tuple[NDArray[Any], ...], marks: I64_1D, events: NDArray[np.int64]
) -> I64_1D:
    """Rows that the event loop must see one by one: also the first that is not known before an event."""
    from argus.engine._coast_kernels import special_rows

    ts_event, *_, session, session_end = columns
    ts_recv = known[RECV_COLUMN]
    rows = empty(len(marks) + 1, np.int64)
    found = rows[: special_rows(session, session_end, marks, ts_event, ts_recv, rows)].copy()
    return np.union1d(found, np.searchsorted(ts_recv, events[:, 0])) if len(events) else found


def _check_holdable(spec: InstrumentSpec, config: RunConfig) -> None:
    kind, is_future = config.account.kind, spec.kind == InstrumentKind.FUTURE
    if (kind == AccountKind.FUTURES and not is_future) or (kind == AccountKind.CASH and is_future):
        fits = "reg_t or cash" if not is_future else "futures or reg_t"
        raise ConfigError(f"{spec.symbol} is a {spec.kind.value}: a {kind.value} account cannot hold it; use {fits}")
    if is_future and not spec.margins:
        raise ConfigError(f"{spec.symbol} has no margin figure in the instrument file; add a dated one")


def _fill_params(p: Any, spec: InstrumentSpec, bars: Bars, config: RunConfig) -> None:
    """Static figures of one instrument, in the units of the kernels."""
    costs = costs_met(bars, config.costs)
    value = spec.value_micros_per_tick_lot
    p["tick"], p["lot"] = float(spec.tick_size), float(spec.lot_size)
    p["participation"] = float(config.fills.participation)
    p["slip_rate"] = float(costs.slippage_rate * costs.multiplier)
    adverse = Fraction(costs.multiplier) * costs.slippage_ticks * MILLI
    if NANO % value.denominator:
        raise ConfigError(
            f"{spec.symbol}: a tick on a lot is {value} micro-units, finer than the rounding account holds"
        )
    if adverse.denominator != 1:
        raise ConfigError(
            f"cost multiplier {costs.multiplier}: {costs.slippage_ticks} ticks of slippage times it are no whole "
            "thousandths of a tick; use fewer decimals"
        )
    p["adverse_milli"] = int(adverse)
    p["value_num"], p["value_den"] = value.numerator, value.denominator
    p["value_scale"] = float(value.numerator)
    p["is_future"] = int(spec.kind == InstrumentKind.FUTURE)
    p["borrow_ppm"] = 0 if p["is_future"] else rate_ppm("borrow_rate", config.account.borrow_rate, costs.multiplier)
    p["has_volume"] = int("volume" in bars.observed)
    p["has_open"] = int("open" in bars.observed)
    initial, keep_long, keep_short = _SPOT_PPM.get(config.account.kind, (0, 0, 0))
    p["initial_ppm"], p["maintenance_long_ppm"], p["maintenance_short_ppm"] = initial, keep_long, keep_short


@dataclass(frozen=True, slots=True)
class _DatedRates:
    """Rows of `rates` of one instrument: those by date, `count` of them, then the fee components they point to."""

    rows: list[list[int]]
    count: int


def _dated_rates(spec: InstrumentSpec, config: RunConfig, begin: int) -> _DatedRates:
    """Every date on which a margin or a fee changes; `begin` is where the rows will stand in the table."""
    costs, terms = config.costs, config.account.intraday
    days = {_BEGINNING}
    days.update(day_number(m.effective_date) for m in spec.margins[1:])
    if costs.takes_schedule:
        days.update(max(day_number(c.effective_date), _BEGINNING) for c in spec.fee_components)
    components: list[list[int]] = []
    rows = []
    for day in sorted(days):
        margin = _in_force(spec.margins, day)
        at = begin + len(days) + len(components)
        components += [_component_row(spec, component, costs.multiplier) for component in fees_on(spec, costs, day)]
        rows.append(
            [
                day,
                _micros(margin.initial) if margin else 0,
                _micros(margin.maintenance) if margin else 0,
                at,
                begin + len(days) + len(components),
                *(intraday.intraday_micros(terms, spec, margin.initial, margin.maintenance) if margin else (0, 0)),
            ]
        )
    return _DatedRates(rows + components, len(rows))


def fees_on(spec: InstrumentSpec, costs: CostModel, day: int) -> tuple[FeeComponent, ...]:
    """Fee components that a fill in the session `day` (day number) pays, before the cost multiplier."""
    if costs.takes_schedule:
        return spec.fees_on(date.min if day <= _BEGINNING else day_of(day))
    zero = Decimal(0)
    stated = Source("stated by the run", None, True)
    fee = FeeComponent(
        FeeName.ALL_IN,
        date.min,
        costs.fee_per_unit or zero,
        costs.fee_rate or zero,
        costs.fee_minimum or zero,
        None,
        False,
        stated,
    )
    return (fee,)


def rate_ppm(name: str, rate: Decimal, multiplier: Decimal) -> int:
    """A yearly rate times the cost multiplier, in whole millionths."""
    ppm = rate * multiplier * PPM
    if ppm != ppm.to_integral_value():
        raise ConfigError(f"{name} {rate} times the cost multiplier {multiplier} is finer than a millionth; round it")
    return int(ppm)


def _in_force(dated: tuple[Any, ...], day: int) -> Any:
    """The last row in force on `day`; the first one before its date; None if there are none."""
    if not dated:
        return None
    begun = bisect_right(dated, day, key=lambda row: day_number(row.effective_date))
    return dated[max(begun - 1, 0)]


def _micros(amount: Decimal) -> int:
    return int((amount * MICROS).to_integral_value(ROUND_HALF_EVEN))


def _component_row(spec: InstrumentSpec, component: FeeComponent, multiplier: Decimal) -> list[int]:
    """Columns of a fee component."""
    nano_per_lot = component.per_unit * spec.lot_size * multiplier * MICROS * NANO
    ppb = component.rate * multiplier * NANO
    for name, exact in (("fee_per_unit", nano_per_lot), ("fee_rate", ppb)):
        if exact != exact.to_integral_value():
            raise ConfigError(
                f"{spec.symbol}: {name} times the cost multiplier is finer than the ledger; use fewer decimals"
            )
    whole, nano = divmod(int(nano_per_lot), NANO)
    most = INT64_MAX if component.maximum is None else _micros(component.maximum * multiplier)
    return [whole, nano, int(ppb), _micros(component.minimum * multiplier), most, int(component.sells_only), 0]


def told_once(notes: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Notes as sentences, each said once: what holds for many instruments names the first and counts the rest.

    Parameters
    ----------
    notes : sequence of (name, text)
    """
    names: dict[str, list[str]] = {}
    for name, text in notes:
        names.setdefault(text, []).append(name)
    return tuple(
        f"{', '.join(who) if len(who) <= _NAMES_SHOWN else f'{who[0]} and {len(who) - 1} more'}: {text}"
        for text, who in names.items()
    )


def _notes(spec: InstrumentSpec, bars: Bars, config: RunConfig) -> list[tuple[str, str]]:
    notes: list[str] = []
    unverified = [
        name
        for name in spec.unverified()
        # No price, fill or fee rests on the regular hours.
        if name != "regular_hours"
        and (not name.startswith("margin") or spec.kind == InstrumentKind.FUTURE)
        and (not name.startswith("fee") or config.costs.takes_schedule)
    ]
    if unverified:
        notes.append(f"unverified figures were used: {', '.join(unverified)}")
    if "volume" not in bars.observed and not isinstance(bars, QuoteRows):
        notes.append("volume was not observed, so fills are not bounded by it")
    if isinstance(bars, QuoteRows) and has_price_costs(config.costs):
        notes.append("slippage, half-spread and impact do not apply here, since the quotes hold the spread")
    if spec.margins and bars.session[0] < day_number(spec.margins[0].effective_date):
        notes.append(f"margins before {spec.margins[0].effective_date} are not known; the first were used")
    return [(spec.symbol, text) for text in notes]
