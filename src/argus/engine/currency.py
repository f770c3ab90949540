"""Rates between currencies: from a pair's bars, or a table of days, to the instants at which each rate is known.

A rate is what one unit of an instrument's currency is worth in the account's, in billionths. It is never one that could
not be known: the close of a pair counts from its receipt on, the rate of a day from the next day on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D, Bars
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import InstrumentKind, InstrumentSpec
from argus.core.time import NS_PER_DAY, day_number, format_ns
from argus.engine._layout import NANO
from argus.engine.account_terms import RATE_MAX, CurrencyTerms
from argus.engine.config import RunConfig
from argus.engine.record import RATE_DTYPE, RunRecord

__all__ = [
    "Rates",
    "cost_ppb",
    "cost_ppb_of",
    "in_base",
    "pairs_read",
    "rate_events",
    "rates_of",
    "rates_table",
    "recorded_rates",
    "terms_of",
]

_TERMS: Final = CurrencyTerms()
_PPB_PER_BP: Final = 100_000
_RATE_MAX_NANO: Final = int(RATE_MAX) * NANO


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Rates of one currency.

    Attributes
    ----------
    ts_ns : (n,) int64
        Instants from which each is known, increasing.
    nano : (n,) int64
        Billionths of the account's currency for one unit.
    source : str
        Where they come from, in words.
    """

    ts_ns: I64_1D
    nano: I64_1D
    source: str

    def at(self, ts_ns: int) -> int:
        """The rate in force at an instant; 0 before one is known."""
        place = int(np.searchsorted(self.ts_ns, ts_ns, side="right")) - 1
        return int(self.nano[place]) if place >= 0 else 0


def terms_of(config: RunConfig) -> CurrencyTerms:
    """The run's terms for other currencies, or the default ones."""
    return config.account.fx or _TERMS


def cost_ppb(config: RunConfig) -> int:
    """Cost of a conversion, times the cost multiplier, in billionths of what is converted."""
    terms, multiplier = terms_of(config), config.costs.multiplier
    ppb = terms.cost_bp * multiplier * _PPB_PER_BP
    if ppb != ppb.to_integral_value() or ppb > NANO:
        raise ConfigError(
            f"cost_bp {terms.cost_bp} times the cost multiplier {multiplier} is {terms.cost_bp * multiplier} basis "
            "points; at most 10,000 with five decimals can be charged"
        )
    return int(ppb)


def cost_ppb_of(described: Mapping[str, Any]) -> int:
    """The same from the settings of a run's manifest."""
    terms = described["account"].get("fx")
    bp = _TERMS.cost_bp if terms is None else Decimal(str(terms["cost_bp"]))
    return int(bp * Decimal(str(described["costs"]["multiplier"])) * _PPB_PER_BP)


def in_base(amount: int, nano: int) -> int:
    """`amount` micro-units at a rate in billionths, half to even."""
    return round(Fraction(amount * nano, NANO))


def rates_of(
    spec: InstrumentSpec,
    bars: Bars,
    market: Mapping[str, tuple[InstrumentSpec, Bars]],
    config: RunConfig,
    last_ns: int,
) -> Rates:
    """Rates of an instrument's currency over its bars, and up to the last close of the run.

    Raises
    ------
    ConfigError
        If neither the market nor the run's terms name a rate of the currency.
    CoverageError
        If a rate is not positive, none is known before the last bar, or one is older than the terms allow.
    """
    currency, base, terms = spec.currency, config.account.currency, terms_of(config)
    stated = [row for row in terms.rates if row.currency == currency]
    if stated:
        ts = np.array([(day_number(row.day) + 1) * NS_PER_DAY for row in stated], dtype=np.int64)
        nano = np.array([round(Fraction(row.rate) * NANO) for row in stated], dtype=np.int64)
        rates = Rates(ts, nano, f"the run's table of {len(stated)} days")
    else:
        rates = _of_pair(currency, base, market, config, spec.symbol)
    low = np.flatnonzero((rates.nano <= 0) | (rates.nano > _RATE_MAX_NANO))
    if len(low):
        raise CoverageError(
            f"{spec.symbol}: the rate of {currency} from {format_ns(int(rates.ts_ns[low[0]]))} on is "
            f"{int(rates.nano[low[0]]) / NANO:g} {base}; it must lie above a billionth and up to {RATE_MAX:,}"
        )
    _check_ages(spec, bars, rates, terms)
    return _changes(rates, int(bars.ts_event_ns[0]), last_ns)


def pairs_read(
    symbols: Sequence[str], market: Mapping[str, tuple[InstrumentSpec, Bars]], config: RunConfig
) -> tuple[str, ...]:
    """Pairs of the market, beside these instruments, whose closes are rates of a run on them."""
    base = config.account.currency
    stated = {row.currency for row in terms_of(config).rates}
    wanted = {market[symbol][0].currency for symbol in symbols} - {base} - stated
    found = [_pair_of(currency, base, market) for currency in sorted(wanted)]
    return tuple(pair[0] for pair in found if pair is not None and pair[0] not in symbols)


def _pair_of(currency: str, base: str, market: Mapping[str, tuple[InstrumentSpec, Bars]]) -> tuple[str, bool] | None:
    """(name of the pair in the market, whether its rate is to be turned over); None if there is none."""
    for name, is_inverse in ((currency + base, False), (base + currency, True)):
        if name in market:
            pair = market[name][0]
            if pair.kind is InstrumentKind.FX and pair.currency == (currency if is_inverse else base):
                return name, is_inverse
    return None


def _of_pair(
    currency: str,
    base: str,
    market: Mapping[str, tuple[InstrumentSpec, Bars]],
    config: RunConfig,
    symbol: str,
) -> Rates:
    """From the closes of the pair that the market holds."""
    found = _pair_of(currency, base, market)
    if found is not None:
        name, is_inverse = found
        pair, bars = market[name]
        known = ~np.isnan(bars.close)
        wrong = np.flatnonzero(known & ~(bars.close > 0))
        if len(wrong):
            raise CoverageError(
                f"{symbol}: row {int(wrong[0])} of {name} closes at {float(bars.close[wrong[0]])!r}, which is no rate; "
                "correct the bars, or give a table of rates"
            )
        nano = _nano_of(bars.close[known], pair, is_inverse=is_inverse)
        return Rates(bars.ts_recv_ns[known] + config.data_latency_ns, nano, f"the closes of {name}")
    raise ConfigError(
        f"{symbol} is quoted in {currency} and the account is in {base}, and the run knows no rate between them; add "
        f"bars of {currency}{base} (or {base}{currency}) to its market, a table of rates, or an account in {currency}"
    )


def _nano_of(close: F64_1D, pair: InstrumentSpec, *, is_inverse: bool) -> I64_1D:
    """Closes as marks in whole ticks, then exactly as billionths; each different mark once."""
    from argus.engine._coast_kernels import marks_of

    marks = np.empty(len(close), dtype=np.int64)
    marks_of(np.ascontiguousarray(close), float(pair.tick_size), marks)
    distinct, place = np.unique(marks, return_inverse=True)
    tick = Fraction(pair.tick_size)
    exact = [
        0 if mark == 0 else NANO / (mark * tick) if is_inverse else NANO * mark * tick for mark in distinct.tolist()
    ]
    nano: I64_1D = np.array([min(round(rate), 2 * _RATE_MAX_NANO) for rate in exact], dtype=np.int64)[place]
    return nano


def _check_ages(spec: InstrumentSpec, bars: Bars, rates: Rates, terms: CurrencyTerms) -> None:
    """Raise where a bar that has had a rate before has only an old one, or no bar has any."""
    at = np.searchsorted(rates.ts_ns, bars.ts_close_ns, side="right") - 1
    if not len(at) or at[-1] < 0:
        raise CoverageError(
            f"{spec.symbol}: no rate of {spec.currency} is known before its last bar closes, at "
            f"{format_ns(int(bars.ts_close_ns[-1]))}; {rates.source} begin too late"
        )
    age = bars.ts_close_ns - rates.ts_ns[np.maximum(at, 0)]
    old = np.flatnonzero((at >= 0) & (age > terms.age_days_max * NS_PER_DAY))
    if len(old):
        row = int(old[0])
        raise CoverageError(
            f"{spec.symbol}: the last rate of {spec.currency} before the close of row {row}, at "
            f"{format_ns(int(bars.ts_close_ns[row]))}, is {age[row] / NS_PER_DAY:.1f} days old, more than the "
            f"{terms.age_days_max} that age_days_max allows ({rates.source}); fill the gap, or allow more"
        )


def _changes(rates: Rates, first_ns: int, last_ns: int) -> Rates:
    """Only the last rate known before the first bar, and those up to the end that differ from the one before."""
    begin = max(0, int(np.searchsorted(rates.ts_ns, first_ns, side="right")) - 1)
    stop = int(np.searchsorted(rates.ts_ns, last_ns, side="right"))
    ts, nano = rates.ts_ns[begin:stop], rates.nano[begin:stop]
    differs = np.append(True, nano[1:] != nano[:-1])
    return Rates(ts[differs], nano[differs], rates.source)


def rate_events(lines: Sequence[tuple[int, Rates]], kind: int, columns: int) -> NDArray[np.int64]:
    """Rows of the table of events: each rate as an event of the first line of each instrument in that currency."""
    parts = []
    for line, rates in lines:
        rows = np.zeros((len(rates.ts_ns), columns), dtype=np.int64)
        rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = rates.ts_ns, line, kind, rates.nano
        parts.append(rows)
    return np.concatenate(parts) if parts else np.zeros((0, columns), dtype=np.int64)


def rates_table(foreign: Mapping[int, Rates]) -> NDArray[np.void]:
    """The rates of a run as its record keeps them."""
    table = np.zeros(sum(len(rates.ts_ns) for rates in foreign.values()), dtype=RATE_DTYPE)
    at = 0
    for line, rates in foreign.items():
        rows = table[at : at + len(rates.ts_ns)]
        rows["ts_ns"], rows["rate_nano"], rows["instrument"] = rates.ts_ns, rates.nano, line
        at += len(rows)
    return table


def recorded_rates(record: RunRecord, line: int) -> Rates | None:
    """The rates of a line of a recorded run; None where it is in the account's currency."""
    if not len(record.rates):
        return None
    mine = record.rates[record.rates["instrument"] == record.universe.index(record.universe[line])]
    if not len(mine):
        return None
    return Rates(np.ascontiguousarray(mine["ts_ns"]), np.ascontiguousarray(mine["rate_nano"]), "the record")
