"""The oracle's quotes, from the section of docs/fills.md on them: which of them orders meet, and what fills at one."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.oracle.matching import Met, above, move_level, reached, through
from tests.oracle.orders import OracleOrder
from tests.oracle.settings import BarCosts
from tests.oracle.world import Contract, Row, Rows, Ticks, in_ticks, snap

FREE = BarCosts(Fraction(0), 0, Fraction(0), None)


def quote_rows(bars: Rows, quotes: Any, contract: Contract) -> Rows:
    """The quotes that count, as rows of one instant: prices the mid, bid and ask beside it."""
    first_start: dict[int, int] = {}
    for row in bars.rows:
        first_start.setdefault(row.session, row.start)
    ended = {row.session for row in bars.rows if row.ends_session}
    closes = [row.close_time for row in bars.rows]
    kept: dict[int, tuple[int, int]] = {}  # instant: session, number of the quote
    for number, instant in enumerate(quotes.ts_event_ns.tolist()):
        owner = bisect_left(closes, instant)
        if owner < len(closes) and instant >= first_start[bars.rows[owner].session]:
            kept[instant] = (bars.rows[owner].session, number)
        elif instant in kept:
            raise AssertionError("two quotes of one instant belong together")
    instants = sorted(kept)
    rows = []
    for at, instant in enumerate(instants):
        session, number = kept[instant]
        bid, ask = (in_ticks(float(getattr(quotes, side)[number]), contract.tick) for side in ("bid", "ask"))
        mid = None if bid is None or ask is None else snap(Fraction(bid + ask) / 2)
        is_last = at + 1 == len(instants) or kept[instants[at + 1]][0] != session
        rows.append(
            Row(
                start=instant,
                close_time=instant,
                known=instant,
                open=mid,
                high=mid,
                low=mid,
                close=mid,
                volume=math.nan,
                session=session,
                ends_session=is_last and session in ended,
                first_of_session=at == 0 or kept[instants[at - 1]][0] != session,
                bid=bid,
                ask=ask,
                bid_size=float(quotes.bid_size[number]),
                ask_size=float(quotes.ask_size[number]),
            )
        )
    last = bars.rows[-1]
    if instants[-1] < last.close_time:
        nothing = dict.fromkeys(("open", "high", "low", "close"))
        is_first = last.session != rows[-1].session
        at = last.close_time
        rows.append(
            Row(
                at,
                at,
                at,
                **nothing,
                volume=math.nan,
                session=last.session,
                ends_session=False,
                first_of_session=is_first,
            )
        )
    return Rows(tuple(rows), opens_observed=True, volume_observed=False, quoted=True)


@dataclass
class Shown:
    """What of a side has been taken since its price changed or the session began."""

    price: Ticks | None = None
    session: int | None = None
    taken: int = 0


@dataclass
class Sides:
    """Both sides of one instrument."""

    sides: dict[int, Shown] = field(default_factory=lambda: {1: Shown(), -1: Shown()})

    def see(self, row: Row) -> None:
        """A quote comes, perhaps once for each book."""
        for side, price in ((1, row.ask), (-1, row.bid)):
            shown = self.sides[side]
            if shown.price != price or shown.session != row.session:
                self.sides[side] = Shown(price, row.session)

    def room(self, side: int, row: Row, participation: Any, contract: Contract) -> int:
        """Lots that may still be taken by an order of this side."""
        size = row.ask_size if side > 0 else row.bid_size
        share = Fraction(participation) * Fraction(repr(size)) / contract.lot
        return max(0, math.floor(snap(share)) - self.sides[side].taken)


def price_of(order: OracleOrder, row: Row) -> Ticks | None:
    """What the order would trade at: a buy at the ask, a sale at the bid."""
    return row.ask if order.ticket.side > 0 else row.bid


def at_quote(order: OracleOrder, row: Row, *, touch: bool) -> Met:
    """The table of quotes."""
    ticket, x = order.ticket, price_of(order, row)
    if x is None:
        return None
    side, price = ticket.side, FREE.slip(x, ticket.side)
    match ticket.type:
        case "MARKET":
            return price, "MARKET_AT_OPEN"
        case "MARKET_ON_OPEN" | "LIMIT_ON_OPEN":
            allowed = ticket.limit is None or not above(side, price, ticket.limit)
            return (price, ticket.type) if row.first_of_session and allowed else None
        case "MARKET_ON_CLOSE" | "LIMIT_ON_CLOSE":
            allowed = ticket.limit is None or not above(side, price, ticket.limit)
            return (price, ticket.type) if row.ends_session and allowed else None
        case "LIMIT":
            return _limit(order, x, touch=touch)
        case "STOP":
            order.triggered = order.triggered or reached(side, x, ticket.stop)
            return (price, "STOP_AT_OPEN") if order.triggered else None
        case "STOP_LIMIT":
            if order.triggered:
                return _resting(order, x, touch=touch)
            order.triggered = reached(side, x, ticket.stop)
            good = order.triggered and not above(side, price, ticket.limit)
            return (price, "STOP_LIMIT_AT_OPEN") if good else None
    assert ticket.type == "TRAILING_STOP"
    if order.triggered or (order.level is not None and reached(side, x, order.level)):
        order.triggered = True
        return price, "TRAILING_AT_OPEN"
    move_level(order, x)
    return None


def _limit(order: OracleOrder, x: Ticks, *, touch: bool) -> Met:
    """A limit takes what it finds, and rests from then on: the table of orders calls that triggered."""
    if order.triggered:
        return _resting(order, x, touch=touch)
    order.triggered = True
    price = FREE.slip(x, order.ticket.side)
    return None if above(order.ticket.side, price, order.ticket.limit) else (price, "LIMIT_AT_OPEN")


def _resting(order: OracleOrder, x: Ticks, *, touch: bool) -> Met:
    limit = order.ticket.limit
    assert limit is not None
    return (limit, "LIMIT_THROUGH") if through(order.ticket.side, x, limit, touch=touch) else None
