"""Quotes for the fills: each becomes a row of one instant, at which buys meet an ask and sales a bid.

The strategy goes on seeing the bars of the market. Orders for an instrument with quotes meet these alone, by
``docs/fills.md``, Quotes: a bar tells where trades happened, a quote at what price one could have had another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I32_1D, I64_1D, QUOTE_FIELDS, Bars, Quotes
from argus.core.errors import ConfigError
from argus.core.instruments import InstrumentSpec
from argus.engine._layout import GRID_TOLERANCE, Q_ASK, Q_ASK_LOTS, Q_BID, Q_BID_LOTS, QUOTE_COLUMNS
from argus.engine.config import CostModel
from argus.engine.refine import refine

__all__ = [
    "QuoteRows",
    "costs_met",
    "has_price_costs",
    "last_known_ns",
    "meet",
    "quote_columns",
]

_ROUNDINGS = 4.0 * 2.0**-52


@dataclass(frozen=True, slots=True, eq=False)
class QuoteRows(Bars):
    """Rows that orders meet: one for each instant with a quote; start and close are that instant, prices the mid.

    Attributes
    ----------
    bid, ask, bid_size, ask_size : (n,) float64
        Of `argus.core.arrays.Quotes`.
    end_recv_ns : int
        When the last of the market's own bars is known.
    """

    bid: F64_1D
    ask: F64_1D
    bid_size: F64_1D
    ask_size: F64_1D
    end_recv_ns: int

    def __post_init__(self) -> None:
        """Nothing: a bar's checks ask for a span, and these were made of quotes and bars that passed theirs."""


def meet(coarse: Bars, fine: Bars | Quotes, tick_size: Decimal) -> tuple[Bars, str]:
    """(what orders meet where the market has `coarse` bars and the run `fine` ones or quotes, what a reader must know).

    Raises
    ------
    ConfigError
        If the two are of different instruments, or do not tell of the same market.
    """
    if isinstance(fine, Bars):
        refined = refine(coarse, fine, tick_size)
        return refined.bars, refined.note
    if coarse.instrument != fine.instrument:
        raise ConfigError(f"orders for {coarse.instrument} cannot meet quotes of {fine.instrument}")
    return _rows_of(coarse, fine)


def has_price_costs(costs: CostModel) -> bool:
    """Whether fills cost more than fees: what quotes make needless."""
    return bool(costs.slippage_ticks or costs.slippage_rate or costs.spread or costs.impact)


def costs_met(bars: Bars, costs: CostModel) -> CostModel:
    """The costs of fills in these rows: fees alone where they are quotes."""
    if not isinstance(bars, QuoteRows):
        return costs
    return replace(costs, slippage_ticks=0, slippage_rate=Decimal(0), spread=None, impact=None)


def check_in_force(costs: CostModel, met: Sequence[Bars]) -> None:
    """No cost of the settings is lost: slippage and spread are for instruments without quotes.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if has_price_costs(costs) and all(isinstance(bars, QuoteRows) for bars in met):
        names = ", ".join(bars.instrument for bars in met)
        raise ConfigError(
            f"slippage, half-spread or impact are set, and orders meet quotes of {names}, which hold "
            "the spread already; leave these settings out, or run without quotes"
        )


def last_known_ns(bars: Bars) -> int:
    """When the last of the market's bars is known, of which `bars` are what orders met."""
    return bars.end_recv_ns if isinstance(bars, QuoteRows) else int(bars.ts_recv_ns[-1])


def quote_columns(bars: QuoteRows, participation: Decimal, lot: Decimal) -> NDArray[np.float64]:
    """(n, QUOTE_COLUMNS): bid and ask in currency, and the lots that fills may take from either side."""
    columns = np.empty((len(bars), QUOTE_COLUMNS))
    columns[:, Q_BID], columns[:, Q_ASK] = bars.bid, bars.ask
    for at, size in ((Q_BID_LOTS, bars.bid_size), (Q_ASK_LOTS, bars.ask_size)):
        exact = float(participation) * size / float(lot)
        # A size is meant as its shortest decimal, as a volume is.
        columns[:, at] = np.floor(exact + np.maximum(GRID_TOLERANCE, _ROUNDINGS * exact))
    return columns


def quotes_beside(
    fills: Mapping[str, tuple[InstrumentSpec, Bars]],
    symbols: Sequence[str],
    begins: Mapping[str, int],
    rows: int,
    participation: Decimal,
) -> NDArray[np.float64]:
    """Quotes beside the rows that orders meet; no row where no instrument has any."""
    found = {symbol: bars for symbol in symbols if isinstance(bars := fills[symbol][1], QuoteRows)}
    table = np.zeros((rows if found else 0, QUOTE_COLUMNS))
    for symbol, bars in found.items():
        part = table[begins[symbol] : begins[symbol] + len(bars)]
        part[:] = quote_columns(bars, participation, fills[symbol][0].lot_size)
    return table


def _rows_of(coarse: Bars, quotes: Quotes) -> tuple[QuoteRows, str]:
    """The quotes that orders meet, with the sessions of the bars, and a sentence on them."""
    ts = quotes.ts_event_ns
    is_last = np.append(ts[1:] != ts[:-1], np.ones(min(len(ts), 1), dtype=np.bool_))
    owner = np.searchsorted(coarse.ts_close_ns, ts, side="left")
    bar = np.minimum(owner, len(coarse) - 1)
    begins = coarse.ts_event_ns[np.searchsorted(coarse.session, coarse.session[bar], side="left")]
    in_session = (owner < len(coarse)) & (ts >= begins)
    keep = np.flatnonzero(is_last & in_session)
    if not len(keep):
        raise ConfigError(
            f"{coarse.instrument}: none of its {len(ts):,} quotes lies in a session of its bars; give quotes of the "
            "same days, or run without them"
        )
    met, apart = _compared(coarse, quotes, keep)
    if 2 * apart > met:
        raise ConfigError(
            f"{coarse.instrument}: in {apart:,} of the {met:,} bars with quotes every price of the bar lies above or "
            "below every bid and ask; bars and quotes are not of one market (is one of them adjusted?)"
        )
    note = _note(len(coarse), met, apart, len(keep), int((~in_session).sum()), int((in_session & ~is_last).sum()))
    return _rows(coarse, quotes, keep, coarse.session[bar[keep]]), note


def _rows(coarse: Bars, quotes: Quotes, keep: I64_1D, session: I32_1D) -> QuoteRows:
    """The quotes in `keep`, of these sessions; and an empty one at the last close, if none is there."""
    session_end = np.append(session[1:] != session[:-1], True) & np.isin(session, coarse.session[coarse.session_end])
    columns = {name: getattr(quotes, name)[keep] for name in QUOTE_FIELDS}
    last = int(coarse.ts_close_ns[-1])
    if columns["ts_event_ns"][-1] < last:
        empty = (last, max(last, int(columns["ts_recv_ns"][-1])), np.nan, np.nan, 0.0, 0.0)
        columns = {name: np.append(columns[name], value) for name, value in zip(QUOTE_FIELDS, empty, strict=True)}
        session, session_end = np.append(session, coarse.session[-1]), np.append(session_end, False)
    mid = 0.5 * (columns["bid"] + columns["ask"])
    unknown = np.full(len(session), np.nan)
    return QuoteRows(
        instrument=coarse.instrument,
        ts_close_ns=columns["ts_event_ns"],
        open=mid,
        high=mid,
        low=mid,
        close=mid,
        volume=unknown,
        open_interest=unknown,
        session=session,
        session_end=session_end,
        observed=frozenset({"open", "high", "low", "close"}),
        end_recv_ns=int(coarse.ts_recv_ns[-1]),
        **columns,
    )


def _note(bars: int, met: int, apart: int, kept: int, outside: int, followed: int) -> str:
    text = f"orders met {kept:,} quotes, bid and ask, and no bars; {met:,} of {bars:,} bars have a quote within them"
    if outside:
        text += f"; {outside:,} quotes outside of the sessions of the bars were left out"
    if followed:
        text += f"; {followed:,} quotes were followed by another at the same instant, which was taken"
    if apart:
        text += f"; in {apart:,} bars every price lies above or below every bid and ask"
    return text


def _compared(coarse: Bars, quotes: Quotes, keep: I64_1D) -> tuple[int, int]:
    """(bars with a quote within them, those of them none of whose prices any of these quotes stands at).

    The quote that stood when the bar began counts among them.
    """
    instants = quotes.ts_event_ns[keep]
    first = np.searchsorted(instants, coarse.ts_event_ns, side="right")
    stop = np.searchsorted(instants, coarse.ts_close_ns, side="right")
    at = np.flatnonzero(stop > first)
    if not len(at):
        return 0, 0
    bounds = np.column_stack([np.maximum(first[at] - 1, 0), stop[at]]).ravel()
    if bounds[-1] == len(keep):
        bounds = bounds[:-1]
    lowest = np.fmin.reduceat(quotes.bid[keep], bounds)[::2]
    highest = np.fmax.reduceat(quotes.ask[keep], bounds)[::2]
    high = coarse.high if "high" in coarse.observed else coarse.close
    low = coarse.low if "low" in coarse.observed else coarse.close
    apart: BOOL_1D = (high[at] < lowest) | (low[at] > highest)  # comparisons with NaN are false
    return len(at), int(apart.sum())
