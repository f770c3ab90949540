"""When intraday margins are in force: from a session's first bar to the cut-off before its close.

The close is the calendar's, half days included, known beforehand. A session that ends sooner in the data (a bar that
says so) ends its intraday margins there.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import numpy as np

from argus.core.arrays import I64_1D, Bars
from argus.core.errors import ConfigError
from argus.core.instruments import InstrumentSpec
from argus.core.money import MICROS
from argus.core.time import NS_PER_MINUTE
from argus.engine._layout import INTRADAY_SHIFT
from argus.engine.account_terms import IntradayMargin

__all__ = ["has_intraday", "intraday_micros", "margin_switches", "note_of"]


def has_intraday(terms: IntradayMargin | None, spec: InstrumentSpec) -> bool:
    """Whether a future has intraday margins of its own under these terms."""
    if terms is None or not spec.margins:
        return False
    return terms.share is not None or any(rate.symbol == spec.symbol for rate in terms.by_instrument)


def intraday_micros(
    terms: IntradayMargin | None, spec: InstrumentSpec, initial: Decimal, maintenance: Decimal
) -> tuple[int, int]:
    """(initial, maintenance) intraday margin of a lot beside these overnight ones; shares are rounded up."""
    if terms is None or not has_intraday(terms, spec):
        return 0, 0
    for rate in terms.by_instrument:
        if rate.symbol == spec.symbol:
            if rate.initial > initial or rate.maintenance > maintenance:
                raise ConfigError(
                    f"intraday margins of {spec.symbol} are {rate.initial} and {rate.maintenance}, more than the "
                    f"overnight ones of {initial} and {maintenance} in force in the run; correct either"
                )
            return _micros(rate.initial), _micros(rate.maintenance)
    share = terms.share or Decimal(1)
    return _micros(initial * share), _micros(maintenance * share)


def note_of(terms: IntradayMargin, spec: InstrumentSpec) -> str:
    """What a reader must know of the margins of an instrument that has intraday ones."""
    figure = f"{((terms.share or Decimal(1)) * 100).normalize():f} % of the overnight ones"
    for rate in terms.by_instrument:
        if rate.symbol == spec.symbol:
            figure = f"{rate.initial} initial and {rate.maintenance} maintenance"
    return (
        f"margins within the session were {figure}, as stated by the run, until {terms.cutoff_minutes} minutes before "
        "its close"
    )


def _micros(amount: Decimal) -> int:
    return int((amount * MICROS).to_integral_value(ROUND_CEILING))


def margin_switches(spec: InstrumentSpec, bars: Bars, terms: IntradayMargin) -> list[tuple[int, int]]:
    """(instant, how far the columns in force lie from the overnight ones), in order.

    Raises
    ------
    ConfigError
        If bars are longer than the time between cut-off and close: what is too large could not be closed in time.
    """
    longest = int((bars.ts_close_ns - bars.ts_event_ns).max())
    cutoff = terms.cutoff_minutes * NS_PER_MINUTE
    if longest > cutoff:
        raise ConfigError(
            f"{spec.symbol}: bars of {longest / NS_PER_MINUTE:g} minutes cannot serve intraday margins with a cut-off "
            f"{terms.cutoff_minutes} minutes before the close: positions could not be closed in time. Use finer bars, "
            "an earlier cut-off, or overnight margins"
        )
    first = np.flatnonzero(np.append(True, bars.session[1:] != bars.session[:-1]))
    last = np.append(first[1:], len(bars)) - 1
    closes = _closes(spec, bars, first)
    switches = []
    for begin, end, close in zip(first.tolist(), last.tolist(), closes.tolist(), strict=True):
        starts = int(bars.ts_event_ns[begin])
        ends = close - cutoff
        if bars.session_end[end]:
            ends = min(ends, int(bars.ts_close_ns[end]))
        if starts < ends:
            switches += [(starts, INTRADAY_SHIFT), (ends, 0)]
    return switches


def _closes(spec: InstrumentSpec, bars: Bars, first: I64_1D) -> I64_1D:
    """When the session of each of these rows closes by the calendar."""
    from argus.data.calendars import session_bounds

    return session_bounds(spec.calendar, bars.session[first])[1]
