"""A market laid out for the kernels: the bars of all instruments, their cost and margin figures, in flat arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import I64_1D, Bars, readonly
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import InstrumentKind, InstrumentSpec
from argus.core.money import MICROS
from argus.core.time import day_number
from argus.engine._layout import NANO, PARAM_DTYPE, RATE_COLUMNS
from argus.engine.config import AccountKind, CostModel, RunConfig

__all__ = ["CLOSE_COLUMN", "CLOSE_TS_COLUMN", "RECV_COLUMN", "SESSION_COLUMN", "Market", "MarketArrays", "lay_out", "told_once"]

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
CLOSE_COLUMN: Final = _COLUMNS.index("close")
SESSION_COLUMN: Final = _COLUMNS.index("session")
"""Positions in `MarketArrays.columns`."""
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
        ts_event, ts_close, ts_recv, open, high, low, close, volume, session, session_end; bars one instrument after
        the other.
    marks : (n,) int64
        Closes in whole ticks; `NO_MARK` where one is not known.
    special : (s,) int64
        Rows that are no part of a quiet stretch, and one past the end; only where one instrument is alone.
    notes : tuple of str
        What a reader of results must know about figures used here.
    """

    par: NDArray[np.void]
    rates: NDArray[np.int64]
    columns: tuple[NDArray[Any], ...]
    marks: I64_1D
    special: I64_1D
    notes: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether one instrument is alone, so that stretches of its bars can be passed at once."""
        return len(self.par) == 1


def lay_out(market: Market, universe: tuple[str, ...], config: RunConfig) -> MarketArrays:
    """Flatten `market` in the sequence of `universe`.

    Raises
    ------
    ConfigError
        If an account cannot hold an instrument, currencies differ, or a cost setting is finer than the ledger.
    CoverageError
        If an instrument has no bars.
    """
    par = np.zeros(len(universe), dtype=PARAM_DTYPE)
    rates: list[list[int]] = []
    notes: list[tuple[str, str]] = []
    row = 0
    for k, symbol in enumerate(universe):
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
        _check_holdable(spec, config)
        dated = _dated_rates(spec, config.costs)
        p = par[k]
        p["rate_begin"], p["rate_end"] = len(rates), len(rates) + len(dated)
        p["row_begin"], p["row_end"] = row, row + len(bars)
        _fill_params(p, spec, bars, config)
        rates.extend(dated)
        row += len(bars)
        notes.extend(_notes(spec, bars, config))
    columns = tuple(
        getattr(market[universe[0]][1], name)
        if len(universe) == 1
        else np.concatenate([getattr(market[symbol][1], name) for symbol in universe])
        for name in _COLUMNS
    )
    for column in columns:
        readonly(column)  # one array type for one instrument and for many: the kernel compiles once
    marks = _marks(par, columns)
    special = _special(columns, marks) if len(par) == 1 else np.zeros(0, dtype=np.int64)
    return MarketArrays(
        par, np.array(rates, dtype=np.int64).reshape(-1, RATE_COLUMNS), columns, marks, special, told_once(notes)
    )


def _marks(par: NDArray[np.void], columns: tuple[NDArray[Any], ...]) -> I64_1D:
    from argus.engine._coast_kernels import marks_of

    marks = np.empty(len(columns[CLOSE_COLUMN]), dtype=np.int64)
    for p in par:
        rows = slice(p["row_begin"], p["row_end"])
        marks_of(columns[CLOSE_COLUMN][rows], p["tick"], marks[rows])
    return marks


def _special(columns: tuple[NDArray[Any], ...], marks: I64_1D) -> I64_1D:
    from argus.engine._coast_kernels import special_rows

    ts_event, _, ts_recv, *_, session, session_end = columns
    rows = np.empty(len(marks) + 1, dtype=np.int64)
    return rows[: special_rows(session, session_end, marks, ts_event, ts_recv, rows)].copy()


def _check_holdable(spec: InstrumentSpec, config: RunConfig) -> None:
    kind, is_future = config.account.kind, spec.kind == InstrumentKind.FUTURE
    if (kind == AccountKind.FUTURES and not is_future) or (kind == AccountKind.CASH and is_future):
        fits = "reg_t or cash" if not is_future else "futures or reg_t"
        raise ConfigError(f"{spec.symbol} is a {spec.kind.value}: a {kind.value} account cannot hold it; use {fits}")
    if spec.currency != config.account.currency:
        raise ConfigError(
            f"{spec.symbol} is quoted in {spec.currency} and the account is in {config.account.currency}; "
            f"give the account's currency as {spec.currency}"
        )
    if is_future and not spec.margins:
        raise ConfigError(f"{spec.symbol} has no margin figure in the instrument file; add a dated one")


def _fill_params(p: Any, spec: InstrumentSpec, bars: Bars, config: RunConfig) -> None:
    """Static figures of one instrument, in the units of the kernels."""
    costs = config.costs
    value = spec.value_micros_per_tick_lot
    p["tick"], p["lot"] = float(spec.tick_size), float(spec.lot_size)
    p["participation"] = float(config.fills.participation)
    p["slip_rate"] = float(costs.slippage_rate * costs.multiplier)
    ticks = Fraction(costs.multiplier) * costs.slippage_ticks
    whole = ticks.numerator // ticks.denominator
    p["slip_ticks"] = whole
    impact = (ticks - whole) * value
    if NANO % value.denominator:
        raise ConfigError(
            f"{spec.symbol}: a tick on a lot is {value} micro-units, finer than the rounding account holds"
        )
    if NANO % impact.denominator:
        raise ConfigError(
            f"cost multiplier {costs.multiplier}: {spec.symbol}'s impact fee would not be exact; use fewer decimals"
        )
    p["impact_num"], p["impact_den"] = impact.numerator, impact.denominator
    p["value_num"], p["value_den"] = value.numerator, value.denominator
    p["is_future"] = int(spec.kind == InstrumentKind.FUTURE)
    p["has_volume"] = int("volume" in bars.observed)
    p["has_open"] = int("open" in bars.observed)
    initial, keep_long, keep_short = _SPOT_PPM.get(config.account.kind, (0, 0, 0))
    p["initial_ppm"], p["maintenance_long_ppm"], p["maintenance_short_ppm"] = initial, keep_long, keep_short


def _dated_rates(spec: InstrumentSpec, costs: CostModel) -> list[list[int]]:
    """Rows of `rates`: every date on which a margin or a fee changes."""
    days = {_BEGINNING}
    days.update(day_number(m.effective_date) for m in spec.margins[1:])
    if costs.takes_schedule:
        days.update(day_number(f.effective_date) for f in spec.fees[1:])
    rows = []
    for day in sorted(days):
        margin = _in_force(spec.margins, day)
        fee = _in_force(spec.fees, day) if costs.takes_schedule else None
        rows.append(
            [
                day,
                _micros(margin.initial) if margin else 0,
                _micros(margin.maintenance) if margin else 0,
                *_fee_columns(
                    spec,
                    (fee.per_unit if fee else costs.fee_per_unit) or Decimal(0),
                    (fee.rate if fee else costs.fee_rate) or Decimal(0),
                    (fee.minimum if fee else costs.fee_minimum) or Decimal(0),
                    costs.multiplier,
                ),
            ]
        )
    return rows


def _in_force(dated: tuple[Any, ...], day: int) -> Any:
    """The last row in force on `day`; the first one before its date; None if there are none."""
    found = dated[0] if dated else None
    for row in dated:
        if day_number(row.effective_date) <= day:
            found = row
    return found


def _micros(amount: Decimal) -> int:
    return int((amount * MICROS).to_integral_value(ROUND_HALF_EVEN))


def _fee_columns(
    spec: InstrumentSpec, per_unit: Decimal, rate: Decimal, minimum: Decimal, multiplier: Decimal
) -> tuple[int, int, int, int]:
    """(whole micros per lot, billionths per lot, parts per billion of the value, least fee in micros)."""
    nano_per_lot = per_unit * spec.lot_size * multiplier * MICROS * NANO
    ppb = rate * multiplier * NANO
    for name, exact in (("fee_per_unit", nano_per_lot), ("fee_rate", ppb)):
        if exact != exact.to_integral_value():
            raise ConfigError(
                f"{spec.symbol}: {name} times the cost multiplier is finer than the ledger; use fewer decimals"
            )
    whole, nano = divmod(int(nano_per_lot), NANO)
    return whole, nano, int(ppb), _micros(minimum * multiplier)


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
        if (not name.startswith("margin") or spec.kind == InstrumentKind.FUTURE)
        and (not name.startswith("fee") or config.costs.takes_schedule)
    ]
    if unverified:
        notes.append(f"unverified figures were used: {', '.join(unverified)}")
    if "volume" not in bars.observed:
        notes.append("volume was not observed, so fills are not bounded by it")
    if spec.margins and bars.session[0] < day_number(spec.margins[0].effective_date):
        notes.append(f"margins before {spec.margins[0].effective_date} are not known; the first were used")
    return [(spec.symbol, text) for text in notes]
