"""The oracle: docs/fills.md played out event by event with plain objects and exact numbers.

Written from that page alone, for reading rather than speed. Where it and the compiled engine differ, one of the two, or
the page, is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from argus.core.market_events import Dividend, FinalSettlement, Funding, Split
from tests.oracle import matching
from tests.oracle import quotes as quoting
from tests.oracle.account import Account, Amounts, Settlement
from tests.oracle.currencies import Clockwork, intraday_steps, rate_steps
from tests.oracle.guard import Guard
from tests.oracle.orders import AT_ONCE, ON_CLOSE, ON_OPEN, ONE_SESSION, OracleOrder, Orders
from tests.oracle.script import Action, Cancel, Plan, Replace, Submit, Ticket
from tests.oracle.seen import Seen, Sight
from tests.oracle.settings import BarCosts, Settings
from tests.oracle.trades import Trade
from tests.oracle.world import Contract, Row, Rows, Ticks, exact, in_ticks, round_mark, rows_of, snap

EVENT, CLOSE, RECV, OPEN = -1, 0, 1, 2


@dataclass(frozen=True)
class OracleFill:
    """One execution, or what an event of the instrument did to a position."""

    order_id: int
    line: int
    rule: str
    row: int
    time: int
    lots: int  # signed
    price: int
    value: int
    fee: int
    impact: int
    position_after: int


@dataclass
class OracleResult:
    """What a run came to; positions of lines, in the order of the books and of what each trades."""

    orders: list[OracleOrder] = field(default_factory=list)
    fills: list[OracleFill] = field(default_factory=list)
    curve: list[tuple[int, int, int]] = field(default_factory=list)  # time, cash, equity after the closes of an instant
    trades: list[Trade] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    book_wakes: dict[str, list[int]] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)  # book, symbol
    opening_cash: int = 0
    final_cash: int = 0
    position_value: int = 0  # of all that is held at the end, at the last marks
    interest: int = 0  # received less paid
    interest_paid: int = 0
    carry: int = 0
    liquidations: int = 0
    halts: list[tuple[int, str]] = field(default_factory=list)
    closed_at: int | None = None
    own_fees: int = 0  # of lines in the account's currency
    foreign_lines: set[int] = field(default_factory=set)
    fx_base: int = 0  # paid for other currencies less received
    fx_cost: int = 0
    seen: dict[str, list[Sight]] = field(default_factory=dict)  # by each book, whenever it was asked or told

    @property
    def wakes(self) -> list[int]:
        """Of the first book."""
        return next(iter(self.book_wakes.values()))


@dataclass(frozen=True)
class Market:
    """What the world does: bars, what happens beside them, and per bar the half-spread and the impact coefficient.

    Where finer bars take the place of some, `bars` is what orders meet, and `announced` what becomes known.
    """

    specs: Mapping[str, Any]
    bars: Mapping[str, Any]
    events: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    half_spreads: Mapping[str, Sequence[int] | None] = field(default_factory=dict)  # thousandths of a tick
    impacts: Mapping[str, Sequence[float] | None] = field(default_factory=dict)
    announced: Mapping[str, Any] = field(default_factory=dict)
    pairs: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)  # specification and bars, for rates alone
    quotes: Mapping[str, Any] = field(default_factory=dict)  # where orders meet these instead of the bars


@dataclass
class Book:
    """One strategy's progress."""

    plan: Plan
    lines: dict[str, int]  # symbol to line
    keys: dict[str, OracleOrder] = field(default_factory=dict)
    known: dict[int, int] = field(default_factory=dict)  # line to bars
    wakes: list[int] = field(default_factory=list)
    fills_told: int = 0
    looked_at: int = 0  # fills of the run
    sights: list[Sight] = field(default_factory=list)


def simulate(plans: Mapping[str, Plan], market: Market, settings: Settings) -> OracleResult:
    """Play scripts over a market under the rules of docs/fills.md."""
    return _Simulation(plans, market, settings).run()


class _Simulation:
    def __init__(self, plans: Mapping[str, Plan], market: Market, settings: Settings) -> None:
        self.settings = settings
        self.market = market
        self.symbols = list(dict.fromkeys(symbol for plan in plans.values() for symbol in plan.universe))
        self.contracts = [Contract.of(market.specs[symbol]) for symbol in self.symbols]
        self.shares = [exact(settings.participation) / contract.lot for contract in self.contracts]  # lots of a unit
        self.known: list[Rows] = [
            rows_of(market.announced.get(symbol, market.bars[symbol]), contract.tick, settings.data_latency)
            for symbol, contract in zip(self.symbols, self.contracts, strict=True)
        ]
        self.data = [self._met(*each) for each in zip(self.symbols, self.contracts, self.known, strict=True)]
        self.sides = [quoting.Sides() for _ in self.symbols]
        named = [(i, symbol) for i, plan in enumerate(plans.values()) for symbol in plan.universe]
        self.books = [
            Book(plan, {symbol: number for number, (book, symbol) in enumerate(named) if book == i})
            for i, plan in enumerate(plans.values())
        ]
        for book in self.books:
            book.known = dict.fromkeys(book.lines.values(), 0)
        self.account = Account(self.contracts, [(book, self.symbols.index(symbol)) for book, symbol in named], settings)
        self.last_close = max(row.close_time for data in self.data for row in data.rows)
        happens = {
            i: [event for event in market.events.get(symbol, ()) if event.ts_ns <= self.last_close]
            for i, symbol in enumerate(self.symbols)
        }
        self.seen = Seen(self.account, happens)
        self.orders = Orders()
        self.guard = Guard(self.account, self.orders, settings, lambda i: self.data[i].opens_observed)
        names = list(plans)
        self.result = OracleResult(lines=[(names[book], symbol) for book, symbol in named])
        self.result.book_wakes = {name: book.wakes for name, book in zip(names, self.books, strict=True)}
        self.result.seen = {name: book.sights for name, book in zip(names, self.books, strict=True)}
        self.room: dict[int, tuple[int, int | None]] = {}  # instrument: its bar, lots that may still fill (None: any)
        self.session: int | None = None  # of the account
        self.expired: set[int] = set()
        self.clockwork = self._wind()

    def _met(self, symbol: str, contract: Contract, known: Rows) -> Rows:
        """What orders meet: quotes, finer bars, or what becomes known."""
        if symbol in self.market.quotes:
            return quoting.quote_rows(known, self.market.quotes[symbol], contract)
        if symbol in self.market.announced:
            return rows_of(self.market.bars[symbol], contract.tick, self.settings.data_latency)
        return known

    def _wind(self) -> Clockwork:
        """Rates of other currencies, and when intraday margins hold."""
        settings, market = self.settings, self.market
        specs = {**market.specs, **{name: pair[0] for name, pair in market.pairs.items()}}
        bars = {**market.bars, **market.announced, **{name: pair[1] for name, pair in market.pairs.items()}}
        currencies = {contract.currency for contract in self.contracts} - {settings.currency}
        rates = {currency: rate_steps(currency, settings, specs, bars) for currency in currencies}
        stated = {symbol for symbol, _, _ in settings.intraday_rates}
        intraday = {
            i: intraday_steps(self.data[i].rows, settings)
            for i, contract in enumerate(self.contracts)
            if contract.future
            and settings.intraday_cutoff
            and (settings.intraday_share is not None or contract.symbol in stated)
        }
        return Clockwork(rates, intraday)

    # ------------------------------------------------------------------------------------------------ time goes by

    def run(self) -> OracleResult:
        instants: dict[int, list[tuple[int, int, int]]] = {}
        for number, line in enumerate(self.account.lines):
            data = self.data[line.instrument]
            for i, row in enumerate(data.rows):
                for phase, time in ((OPEN, row.start), (CLOSE, row.close_time)):
                    if phase == CLOSE or not data.quoted:
                        instants.setdefault(time, []).append((phase, number, i))
            for i, row in enumerate(self.known[line.instrument].rows):
                instants.setdefault(row.known, []).append((RECV, number, i))
        last_close = self.last_close
        for instrument, symbol in enumerate(self.symbols):
            for i, event in enumerate(self.market.events.get(symbol, ())):
                if event.ts_ns <= last_close:
                    instants.setdefault(event.ts_ns, []).append((EVENT, instrument, i))
        for now in sorted(instants):
            self._instant(now, sorted(instants[now]))
        last = max(instants)
        self.orders.cancel_all(self.orders.living(), "RUN_END", last)
        for number in range(len(self.account.lines)):
            self.account.settle(number, last, at_end=True)
        return self._finished()

    def _finished(self) -> OracleResult:
        self.account.finish()
        result, account = self.result, self.account
        result.orders = self.orders.all
        result.opening_cash, result.final_cash = self.settings.cash, account.cash
        result.position_value = sum(account.value(line) for line in account.lines if not line.purse.foreign)
        result.own_fees = sum(f.fee + f.impact for f in result.fills if not account.lines[f.line].purse.foreign)
        result.foreign_lines = {n for n, line in enumerate(account.lines) if line.purse.foreign}
        result.fx_base, result.fx_cost = account.fx_base, account.fx_cost
        first = min((book.wakes[0] for book in self.books if book.wakes), default=math.inf)
        result.curve = [point for point in result.curve if point[0] >= first]
        result.trades, result.settlements = account.trades, account.settlements
        result.interest, result.carry = account.interest, account.carry
        result.interest_paid = account.interest_paid
        result.liquidations, result.halts = self.guard.liquidations, self.guard.halts
        result.closed_at = self.guard.closed_at
        return result

    def _instant(self, now: int, events: list[tuple[int, int, int]]) -> None:
        for currency, purse in self.account.purses.items():
            purse.nano = self.clockwork.rate(currency, now, self.last_close) if purse.foreign else None
        self.account.intraday = {i for i in self.clockwork.intraday if self.clockwork.is_intraday(i, now)}
        for _, instrument, number in (event for event in events if event[0] == EVENT):
            self._market_event(instrument, self.market.events[self.symbols[instrument]][number])
        for _, line, number in (event for event in events if event[0] == CLOSE):
            if self.data[self.account.lines[line].instrument].quoted:
                self._quote_event(line, number)
            else:
                self._close_event(line, number)
        became_known: dict[int, Row] = {}
        for _, line, number in (event for event in events if event[0] == RECV):
            book = self.books[self.account.lines[line].book]
            book.known[line] += 1
            instrument = self.account.lines[line].instrument
            became_known[line] = self.known[instrument].rows[number]
            self.seen.receive(instrument, became_known[line], now)
        if any(event[0] == CLOSE for event in events):
            self.result.curve.append((now, self.account.cash, self.account.equity()))
        for book in self.books:
            self._tell(book, now)
            self._wake(book, now, [row for line, row in became_known.items() if line in book.known])
        for _, line, number in (event for event in events if event[0] == OPEN):
            self._open_event(line, number)
        for book in self.books:
            self._tell(book, now)

    def _row(self, line: int, number: int) -> Row:
        return self.data[self.account.lines[line].instrument].rows[number]

    def _deciding(self, now: int) -> bool:
        start, end = self.settings.start, self.settings.end
        return (start is None or now >= start) and (end is None or now < end)

    def _tell(self, book: Book, now: int) -> None:
        """The strategy is told of its fills; what it answers is not told of again in this turn."""
        if not book.plan.wakes_on_fill or not self._deciding(now):
            return
        fresh = self.result.fills[book.looked_at :]
        book.looked_at = len(self.result.fills)
        for fill in fresh:
            if fill.line in book.known:
                book.fills_told += 1
                self._act(book, now, book.plan.script.fills.get(book.fills_told - 1, ()))

    def _wake(self, book: Book, now: int, became_known: list[Row]) -> None:
        if book.plan.wake == "session_end":
            became_known = [row for row in became_known if row.ends_session]
        waited_for = [book.known[line] for symbol, line in book.lines.items() if symbol not in book.plan.late]
        warm = min(waited_for) >= max(1, book.plan.warmup)
        if not became_known or not self._deciding(now) or not warm:
            return
        book.wakes.append(now)
        self._act(book, now, book.plan.script.wakes.get(len(book.wakes) - 1, ()))

    # ------------------------------------------------------------------------------------------------ the trader acts

    def _act(self, book: Book, now: int, actions: Sequence[Action]) -> None:
        book.sights.append(self.seen.sight(now, list(book.lines.values())))
        for action in actions:
            old = None if isinstance(action, Submit) else book.keys.get(action.key)
            if isinstance(action, Cancel) and old is not None:
                self._withdraw(old, now + self.settings.cancel_latency(old.order_id), None)
            elif isinstance(action, Replace) and old is not None:
                new = self._send(book, now, action.ticket, action.new_key, old)
                if new.living:
                    self._withdraw(old, new.at_venue, new)
            elif isinstance(action, Submit) and (not action.ticket.parent or action.ticket.parent in book.keys):
                self._send(book, now, action.ticket, action.key, None)

    def _withdraw(self, order: OracleOrder, effect: int, successor: OracleOrder | None) -> None:
        if order.living and order.cancel_at is None:
            order.cancel_at, order.cancelled_by = effect, successor

    def _send(self, book: Book, now: int, ticket: Ticket, key: str, replaces: OracleOrder | None) -> OracleOrder:
        if ticket.type in ONE_SESSION:
            ticket = replace(ticket, tif="DAY", expires=None)
        order_id = len(self.orders.all)
        at_venue = now + self.settings.order_latency(order_id)
        order = OracleOrder(order_id, book.lines[ticket.symbol], ticket, now, at_venue, ticket.lots, at_venue=at_venue)
        order.replaces = replaces
        if ticket.parent:
            parent = book.keys[ticket.parent]
            order.parent = parent
            parent.children.append(order)
            if parent.filled:
                order.lots = parent.filled
            else:
                order.arrives = None
        self.orders.enter(order)
        book.keys[key] = order
        refusal = self._refusal(order)
        if refusal:
            self.orders.end(order, "REJECTED", refusal, now)
        return order

    def _refusal(self, order: OracleOrder) -> str:
        """Why an order is rejected when it is sent."""
        instrument = self.account.lines[order.line].instrument
        liquidating = any(other.liquidation for other in self.orders.living())
        if self.guard.closed_at is not None:
            return "ACCOUNT_CLOSED"
        if liquidating:
            return "LIQUIDATION"
        if instrument in self.expired:
            return "CONTRACT_EXPIRED"
        held = self.account.lines[order.line].lots
        lessens = held * order.ticket.side < 0 and order.lots <= abs(held)
        if self.guard.halt and not order.ticket.reduce_only and not lessens:
            return self.guard.halt
        if order.ticket.type not in ON_CLOSE and not self.data[instrument].opens_observed:
            return "NO_SUCH_PRICE"
        parent = order.parent
        return "PARENT_DONE" if parent is not None and not parent.living and not parent.filled else ""

    # ------------------------------------------------------------------------------------------------ events of a bar

    def _begin_of_session(self, number: int, row: Row) -> None:
        """What comes before the orders at the first event of a session."""
        line = self.account.lines[number]
        for order in self.orders.living([number]):
            if order.session is not None and order.session < row.session and order.ticket.tif == "DAY":
                self.orders.end(order, "EXPIRED", "SESSION_END", row.start)
        if line.session is not None and line.session < row.session:
            # A session whose last bar is missing has ended all the same; after a settlement at its end nothing is left.
            self.account.settle(number, row.start)
        new_session = self.session is None or row.session > self.session
        if self.session is not None and new_session:
            self.account.pay_interest(row.session - self.session)
        if line.session is not None and line.session < row.session:
            self.account.pay_borrow(number, row.session - line.session)
        if new_session:
            self.session = row.session
            self.guard.begin_session()
        line.session = row.session
        self.account.quotes[line.instrument].session = row.session

    def _open_event(self, number: int, row_number: int) -> None:
        line, row = self.account.lines[number], self._row(number, row_number)
        self._begin_of_session(number, row)
        if self.room.get(line.instrument, (-1, 0))[0] != row_number:
            self.room[line.instrument] = (row_number, self._bound(line.instrument, row))
        self._admit(number, row, OPEN)
        costs = self._bar_costs(line.instrument, row_number)
        for order in self._working(number, row, OPEN):
            if not order.living:
                continue
            met = matching.at_open(order, row, costs, touch=self.settings.touch)
            if met is not None:
                self._fill(order, row_number, row.start, met, costs)
            if order.living and order.ticket.tif in AT_ONCE:
                self.orders.end(order, "CANCELLED", "NOT_FILLED_AT_ONCE", row.start)

    def _close_event(self, number: int, row_number: int) -> None:
        line, row = self.account.lines[number], self._row(number, row_number)
        self._admit(number, row, CLOSE)
        fills_before = len(self.result.fills)
        working = self._working(number, row, CLOSE)
        costs = self._bar_costs(line.instrument, row_number)
        stops = [o for o in working if o.ticket.type in ("STOP", "STOP_LIMIT", "TRAILING_STOP") and not o.triggered]
        limits = [o for o in working if o.ticket.type == "LIMIT" or (o.ticket.type == "STOP_LIMIT" and o.triggered)]
        on_close = [o for o in working if o.ticket.type in ON_CLOSE]
        for order in (*stops, *limits, *on_close):
            if not order.living:
                continue
            if order in limits:
                met = matching.limit_in_range(order, row, touch=self.settings.touch)
            elif order in on_close:
                met = matching.at_close(order, row, costs)
            else:
                met = matching.in_range(order, row, costs)
            if met is not None:
                self._fill(order, row_number, row.close_time, met, costs)
        self._end_of_event(number, row, fills_before)

    def _quote_event(self, number: int, row_number: int) -> None:
        """All that happens at a quote."""
        line, row = self.account.lines[number], self._row(number, row_number)
        for other, one in enumerate(self.account.lines):
            if one.instrument == line.instrument:
                self._begin_of_session(other, row)
        sides, fills_before = self.sides[line.instrument], len(self.result.fills)
        sides.see(row)
        self._admit(number, row, OPEN)
        for order in self._working(number, row, OPEN):
            if not order.living:
                continue
            side, filled = order.ticket.side, order.filled
            met = quoting.at_quote(order, row, touch=self.settings.touch)
            if met is not None:
                room = sides.room(side, row, self.settings.participation, line.contract)
                self.room[line.instrument] = (row_number, room)
                self._fill(order, row_number, row.start, met, quoting.FREE)
                sides.sides[side].taken += order.filled - filled
            if order.living and order.ticket.tif in AT_ONCE:
                self.orders.end(order, "CANCELLED", "NOT_FILLED_AT_ONCE", row.start)
        self._end_of_event(number, row, fills_before)

    def _end_of_event(self, number: int, row: Row, fills_before: int) -> None:
        """The position is marked, the account checked, and a session that ends is settled."""
        range_ = (row.high, row.low) if len(self.result.fills) == fills_before else ()
        self.account.mark(number, row.close_time, _mark(row.close), [_mark(price) for price in range_])
        self.guard.check(row.close_time)
        if row.ends_session:
            self.account.settle(number, row.close_time)
            for order in self.orders.living([number]):
                if order.session == row.session and order.ticket.tif == "DAY":
                    self.orders.end(order, "EXPIRED", "SESSION_END", row.close_time)

    def _bound(self, instrument: int, row: Row) -> int | None:
        if not self.data[instrument].volume_observed:
            return None
        if math.isnan(row.volume):
            return 0
        # A float is meant as its shortest decimal: 1647.38444418 coins are whole lots, whatever the binary digits are.
        volume = int(row.volume) if row.volume.is_integer() else Fraction(repr(row.volume))
        return math.floor(snap(self.shares[instrument] * volume))

    def _bar_costs(self, instrument: int, row_number: int) -> BarCosts:
        half_spreads = self.market.half_spreads.get(self.symbols[instrument])
        impacts = self.market.impacts.get(self.symbols[instrument])
        return self.settings.bar_costs(
            0 if half_spreads is None else int(half_spreads[row_number]),
            None if impacts is None else float(impacts[row_number]),
        )

    def _takes_part(self, order: OracleOrder, row: Row, phase: int) -> bool:
        if not order.arrived(row.start):
            return False
        if order.ticket.type in ON_OPEN and order.state == "SUBMITTED":
            return phase == OPEN and row.first_of_session
        at_opens_only = order.ticket.type in ("MARKET", *ON_OPEN) or order.ticket.tif in AT_ONCE
        return phase == OPEN or not at_opens_only

    def _admit(self, number: int, row: Row, phase: int) -> None:
        """Arrivals, cancels and ends that are due, by id, before anything is matched."""
        now = row.start if phase == OPEN else row.close_time
        for order in self.orders.living([number]):
            if not order.living:
                continue
            old = order.replaces
            if order.state == "SUBMITTED" and order.arrived(row.start) and old is not None:
                given_way = old.reason == "REPLACED" and old.cancelled_by is order
                if not old.living and not given_way:
                    self.orders.end(order, "REJECTED", "REPLACED_ORDER_DONE", now)
                    continue
            if order.cancel_at is not None and order.cancel_at <= row.start:
                self.orders.end(order, "CANCELLED", "REPLACED" if order.cancelled_by else "BY_STRATEGY", now)
            elif order.ticket.tif == "GTD" and order.ticket.expires is not None and order.ticket.expires <= row.start:
                self.orders.end(order, "EXPIRED", "GOOD_TILL", now)
            elif order.state == "SUBMITTED" and self._takes_part(order, row, phase):
                order.state, order.session = "WORKING", row.session

    def _working(self, number: int, row: Row, phase: int) -> list[OracleOrder]:
        return [o for o in self.orders.living([number]) if o.state != "SUBMITTED" and self._takes_part(o, row, phase)]

    # ------------------------------------------------------------------------------------------------ fills

    def _fill(self, order: OracleOrder, row_number: int, time: int, met: tuple[int, str], costs: BarCosts) -> None:
        """Fill as much as position, volume and account allow of an order whose condition is met."""
        price, rule = met
        line, side = self.account.lines[order.line], order.ticket.side
        impact = rule != "LIMIT_THROUGH"
        wanted = order.remaining
        if order.ticket.reduce_only:
            wanted = min(wanted, abs(line.lots)) if line.lots * side < 0 else 0
            if not wanted:
                self.orders.end(order, "CANCELLED", "REDUCE_ONLY", time)
                return
        cut_short = wanted < order.remaining
        room = self.room[line.instrument][1]
        possible = wanted if room is None else min(wanted, room)
        lots, refusal = possible, ""
        if possible and not (order.liquidation or order.flattens):
            lots, refusal = self.account.affordable(
                line, side, possible, price, costs, impact=impact, halt=self.guard.halt
            )
        if order.ticket.tif == "FOK" and lots < order.remaining:
            return
        if lots:
            amounts = self.account.amounts(line, side * lots, price, costs, impact=impact)
            self.account.book(order.line, len(self.result.fills), time, side * lots, price, amounts)
            rule = "LIQUIDATION" if order.liquidation else rule
            self._record(order.order_id, order.line, rule, row_number, time, side * lots, price, amounts=amounts)
            order.filled += lots
            order.state = "PARTIAL"
            if room is not None:
                self.room[line.instrument] = (row_number, room - lots)
            self.orders.after_fill(order, time)
        if refusal:
            self.orders.end(order, "REJECTED", refusal, time)
        elif not order.remaining:
            self.orders.end(order, "FILLED", "NONE", time)
        elif lots and cut_short and lots == wanted:
            self.orders.end(order, "CANCELLED", "REDUCE_ONLY", time)

    def _record(self, *where: Any, amounts: Amounts) -> None:
        """A fill: order, line, rule, row, time, lots, price, then amounts and the position after it."""
        line = self.account.lines[where[1]]
        if where[0] >= 0:
            self.seen.traded[line.instrument] = where[6]
        figures = [line.purse.base(amount) for amount in (amounts.value, amounts.fee, amounts.impact)]
        self.result.fills.append(OracleFill(*where, *figures, line.lots))

    # ------------------------------------------------------------------------------------------------ beside the bars

    def _market_event(self, instrument: int, event: Any) -> None:
        numbers = [number for number, line in enumerate(self.account.lines) if line.instrument == instrument]
        if isinstance(event, Split):
            self._split(instrument, numbers, event)
        elif isinstance(event, FinalSettlement):
            self._final(instrument, numbers, event)
        else:
            for number in numbers:
                if isinstance(event, Dividend):
                    self.account.dividend(number, event.amount)
                elif isinstance(event, Funding):
                    self.account.funding(number, event.rate)

    def _split(self, instrument: int, numbers: list[int], event: Split) -> None:
        self.orders.cancel_all(self.orders.living(numbers), "SPLIT", event.ts_ns)
        ratio = Fraction(event.numerator, event.denominator)
        done: list[tuple[int, int, int]] = []
        for number in numbers:
            if self.account.lines[number].lots:
                fill_id = len(self.result.fills) + len(done)
                done.append((number, *self.account.split(number, ratio, event.ts_ns, fill_id)))
        self.account.split_mark(instrument, ratio)
        self.seen.split(instrument, ratio)
        for number, lots, cash in done:
            mark, row = self.account.quotes[instrument].mark or 0, self._next_row(instrument, event.ts_ns)
            self._record(-1, number, "SPLIT", row, event.ts_ns, lots, mark, amounts=Amounts(-cash, 0, 0))

    def _final(self, instrument: int, numbers: list[int], event: FinalSettlement) -> None:
        self.orders.cancel_all(self.orders.living(numbers), "CONTRACT_EXPIRED", event.ts_ns)
        self.expired.add(instrument)
        ticks = in_ticks(event.price, self.contracts[instrument].tick)
        assert ticks is not None
        price = round_mark(ticks)
        for number in numbers:
            line = self.account.lines[number]
            if line.lots:
                lots = -line.lots
                amounts = Amounts(line.contract.value(lots, price), 0, 0)
                self.account.book(number, len(self.result.fills), event.ts_ns, lots, price, amounts)
                row = self._next_row(instrument, event.ts_ns)
                self._record(-1, number, "FINAL_SETTLEMENT", row, event.ts_ns, lots, price, amounts=amounts)
                self.account.settle(number, event.ts_ns)

    def _next_row(self, instrument: int, now: int) -> int:
        """The bar that is open or next to open: an event goes before every other one of its instant."""
        return sum(row.close_time < now for row in self.data[instrument].rows)


def _mark(price: Ticks | None) -> int | None:
    return None if price is None else round_mark(price)
