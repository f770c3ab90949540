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

from tests.oracle.account import Account, Settlement, Trade
from tests.oracle.world import (
    Action,
    Cancel,
    Contract,
    Replace,
    Row,
    Rows,
    Script,
    Settings,
    Submit,
    Ticket,
    Ticks,
    round_mark,
    rows_of,
    snap,
)

CLOSE, RECV, OPEN = 0, 1, 2
LIVING = ("SUBMITTED", "WORKING", "PARTIAL")
ONE_SESSION = ("MARKET_ON_OPEN", "MARKET_ON_CLOSE")


@dataclass
class OracleOrder:
    """An order and all that became of it."""

    order_id: int
    instrument: int
    ticket: Ticket
    submitted: int
    arrives: int
    state: str = "SUBMITTED"
    reason: str = "NONE"
    filled: int = 0
    triggered: bool = False
    liquidation: bool = False
    replaces: OracleOrder | None = None
    cancel_at: int | None = None
    cancelled_by: OracleOrder | None = None
    session: int | None = None
    done: int | None = None

    @property
    def living(self) -> bool:
        """Whether it may still fill."""
        return self.state in LIVING

    @property
    def remaining(self) -> int:
        """Lots not filled yet."""
        return self.ticket.lots - self.filled

    def end(self, state: str, reason: str, time: int) -> None:
        """Go to a final state."""
        self.state, self.reason, self.done = state, reason, time


@dataclass(frozen=True)
class OracleFill:
    """One execution."""

    order_id: int
    instrument: int
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
    """What a run came to."""

    orders: list[OracleOrder] = field(default_factory=list)
    fills: list[OracleFill] = field(default_factory=list)
    curve: list[tuple[int, int, int]] = field(default_factory=list)  # time, cash, equity after the closes of an instant
    trades: list[Trade] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    wakes: list[int] = field(default_factory=list)
    opening_cash: int = 0
    final_cash: int = 0
    position_value: int = 0  # of all that is held at the end, at the last marks
    liquidations: int = 0
    closed_at: int | None = None


def simulate(
    universe: Sequence[str], instruments: Mapping[str, Any], bars: Mapping[str, Any], script: Script, settings: Settings
) -> OracleResult:
    """Play a script over bars under the rules of docs/fills.md."""
    contracts = [Contract.of(instruments[symbol]) for symbol in universe]
    rows = [rows_of(bars[symbol], contract.tick) for symbol, contract in zip(universe, contracts, strict=True)]
    return _Simulation(universe, contracts, rows, script, settings).run()


class _Simulation:
    def __init__(
        self, universe: Sequence[str], contracts: list[Contract], rows: list[Rows], script: Script, settings: Settings
    ) -> None:
        self.universe = list(universe)
        self.contracts = contracts
        self.data = rows
        self.script = script
        self.settings = settings
        self.account = Account(contracts, settings)
        self.result = OracleResult()
        self.keys: dict[str, OracleOrder] = {}
        self.live: list[OracleOrder] = []
        self.known = [0] * len(rows)
        self.told = 0
        self.room: list[int | None] = [None] * len(rows)  # lots that the bar may still fill; None is no bound
        self.closed = False

    # ------------------------------------------------------------------------------------------------ time goes by

    def run(self) -> OracleResult:
        instants: dict[int, list[tuple[int, int, int]]] = {}
        for instrument, data in enumerate(self.data):
            for number, row in enumerate(data.rows):
                for phase, time in ((OPEN, row.start), (CLOSE, row.close_time), (RECV, row.known)):
                    instants.setdefault(time, []).append((phase, instrument, number))
        for now in sorted(instants):
            self._instant(now, sorted(instants[now]))
        for order in self.result.orders:
            if order.living:
                order.end("CANCELLED", "RUN_END", max(instants))
        for instrument in range(len(self.data)):
            self.account.settle(instrument, max(instants))
        self.account.finish()
        self.result.opening_cash, self.result.final_cash = self.settings.cash, self.account.cash
        self.result.position_value = sum(h.contract.value(h.lots, h.mark or 0) for h in self.account.holdings)
        first = self.result.wakes[0] if self.result.wakes else math.inf
        self.result.curve = [point for point in self.result.curve if point[0] >= first]
        self.result.trades, self.result.settlements = self.account.trades, self.account.settlements
        return self.result

    def _instant(self, now: int, events: list[tuple[int, int, int]]) -> None:
        for _, instrument, number in (event for event in events if event[0] == CLOSE):
            self._close_event(instrument, number)
        became_known = []
        for _, instrument, number in (event for event in events if event[0] == RECV):
            self.known[instrument] += 1
            became_known.append(self.data[instrument].rows[number])
        if any(event[0] == CLOSE for event in events):
            self.result.curve.append((now, self.account.cash, self.account.equity()))
        self._tell(now)
        self._wake(now, became_known)
        for _, instrument, number in (event for event in events if event[0] == OPEN):
            self._open_event(instrument, number)
        self._tell(now)

    def _deciding(self, now: int) -> bool:
        start, end = self.settings.start, self.settings.end
        return (start is None or now >= start) and (end is None or now < end)

    def _tell(self, now: int) -> None:
        """The strategy is told of fills; what it answers is not told of again in this turn."""
        if not self.settings.wakes_on_fill or not self._deciding(now):
            return
        fresh = range(self.told, len(self.result.fills))
        self.told = len(self.result.fills)
        for number in fresh:
            self._act(now, self.script.fills.get(number, ()))

    def _wake(self, now: int, became_known: list[Row]) -> None:
        if self.settings.wake == "session_end":
            became_known = [row for row in became_known if row.ends_session]
        if not became_known or not self._deciding(now) or min(self.known) < max(1, self.settings.warmup):
            return
        self.result.wakes.append(now)
        self._act(now, self.script.wakes.get(len(self.result.wakes) - 1, ()))

    # ------------------------------------------------------------------------------------------------ the trader acts

    def _act(self, now: int, actions: Sequence[Action]) -> None:
        effect = now + self.settings.latency
        for action in actions:
            old = None if isinstance(action, Submit) else self.keys.get(action.key)
            if isinstance(action, Cancel) and old is not None:
                self._withdraw(old, effect, None)
            elif isinstance(action, Replace) and old is not None:
                new = self._send(now, action.ticket, action.new_key, old)
                if new.living:
                    self._withdraw(old, effect, new)
            elif isinstance(action, Submit):
                self._send(now, action.ticket, action.key, None)

    def _withdraw(self, order: OracleOrder, effect: int, successor: OracleOrder | None) -> None:
        if order.living and (order.cancel_at is None or effect < order.cancel_at):
            order.cancel_at, order.cancelled_by = effect, successor

    def _send(self, now: int, ticket: Ticket, key: str, replaces: OracleOrder | None) -> OracleOrder:
        instrument = self.universe.index(ticket.symbol)
        if ticket.type in ONE_SESSION:
            ticket = replace(ticket, tif="DAY")
        order = OracleOrder(
            len(self.result.orders), instrument, ticket, now, now + self.settings.latency, replaces=replaces
        )
        self._enter(order)
        self.keys[key] = order
        if self.closed:
            order.end("REJECTED", "ACCOUNT_CLOSED", now)
        elif self._liquidating():
            order.end("REJECTED", "LIQUIDATION", now)
        elif ticket.type != "MARKET_ON_CLOSE" and not self.data[instrument].opens_observed:
            order.end("REJECTED", "NO_SUCH_PRICE", now)
        return order

    def _liquidating(self) -> bool:
        return any(order.liquidation and order.living for order in self.live)

    def _enter(self, order: OracleOrder) -> None:
        self.result.orders.append(order)
        self.live.append(order)

    # ------------------------------------------------------------------------------------------------ events of a bar

    def _open_event(self, instrument: int, number: int) -> None:
        row = self.data[instrument].rows[number]
        if self.account.holdings[instrument].session < row.session:
            # A session whose last bar is missing has ended all the same; after a settlement at its end nothing is left.
            self.account.settle(instrument, row.start)
        self.account.holdings[instrument].session = row.session
        self.room[instrument] = self._bound(instrument, row)
        for order in self._living(instrument):
            if order.session is not None and order.session < row.session and order.ticket.tif == "DAY":
                order.end("EXPIRED", "SESSION_END", row.start)
        self._admit(instrument, row, OPEN)
        for order in self._working(instrument, row, OPEN):
            self._meet_open(order, row, number)

    def _close_event(self, instrument: int, number: int) -> None:
        row = self.data[instrument].rows[number]
        self._admit(instrument, row, CLOSE)
        fills_before = len(self.result.fills)
        working = self._working(instrument, row, CLOSE)
        stops = [o for o in working if o.ticket.type in ("STOP", "STOP_LIMIT") and not o.triggered]
        limits = [o for o in working if o.ticket.type == "LIMIT" or (o.ticket.type == "STOP_LIMIT" and o.triggered)]
        on_close = [o for o in working if o.ticket.type == "MARKET_ON_CLOSE"]
        for order in stops:
            self._meet_stop(order, row, number)
        for order in limits:
            self._meet_limit(order, row, number)
        for order in on_close:
            if row.ends_session and row.close is not None:
                rule = "LIQUIDATION" if order.liquidation else "MARKET_ON_CLOSE"
                price = self.settings.slip(row.close, order.ticket.side)
                self._fill(order, number, row.close_time, price, rule, impact=True)
        range_ = (row.high, row.low) if len(self.result.fills) == fills_before else ()
        self.account.mark(instrument, row.close_time, _mark(row.close), [_mark(price) for price in range_])
        self._check_maintenance(row.close_time)
        if row.ends_session:
            self.account.settle(instrument, row.close_time)
            for order in self._living(instrument):
                if order.session == row.session and order.ticket.tif == "DAY":
                    order.end("EXPIRED", "SESSION_END", row.close_time)

    def _bound(self, instrument: int, row: Row) -> int | None:
        if not self.data[instrument].volume_observed:
            return None
        if math.isnan(row.volume):
            return 0
        # A float is meant as its shortest decimal: 1647.38444418 coins are whole lots, whatever the binary digits are.
        share = Fraction(self.settings.participation) * Fraction(repr(row.volume)) / self.contracts[instrument].lot
        return math.floor(snap(share))

    def _living(self, instrument: int) -> list[OracleOrder]:
        self.live = [order for order in self.live if order.living]
        return [order for order in self.live if order.instrument == instrument]

    def _takes_part(self, order: OracleOrder, row: Row, phase: int) -> bool:
        if order.arrives > row.start:
            return False
        if order.ticket.type == "MARKET_ON_OPEN" and order.state == "SUBMITTED":
            return phase == OPEN and row.first_of_session
        return phase == OPEN or order.ticket.type not in ("MARKET", "MARKET_ON_OPEN")

    def _admit(self, instrument: int, row: Row, phase: int) -> None:
        """Arrivals and cancels that are due, by id, before anything is matched."""
        now = row.start if phase == OPEN else row.close_time
        for order in self._living(instrument):
            old = order.replaces
            if order.state == "SUBMITTED" and order.arrives <= row.start and old is not None:
                given_way = old.reason == "REPLACED" and old.cancelled_by is order
                if not old.living and not given_way:
                    order.end("REJECTED", "REPLACED_ORDER_DONE", now)
                    continue
            if order.cancel_at is not None and order.cancel_at <= row.start:
                order.end("CANCELLED", "REPLACED" if order.cancelled_by else "BY_STRATEGY", now)
            elif order.state == "SUBMITTED" and self._takes_part(order, row, phase):
                order.state, order.session = "WORKING", row.session

    def _working(self, instrument: int, row: Row, phase: int) -> list[OracleOrder]:
        return [o for o in self._living(instrument) if o.state != "SUBMITTED" and self._takes_part(o, row, phase)]

    # ------------------------------------------------------------------------------------------------ fills

    def _meet_open(self, order: OracleOrder, row: Row, number: int) -> None:
        ticket, opened = order.ticket, row.open
        if opened is None:
            return
        side, price = ticket.side, self.settings.slip(opened, ticket.side)
        rule = ""
        if ticket.type == "MARKET":
            rule = "MARKET_AT_OPEN"
        elif ticket.type == "MARKET_ON_OPEN" and row.first_of_session:
            rule = "MARKET_ON_OPEN"
        elif ticket.type == "STOP" and (order.triggered or _reached(side, opened, ticket.stop)):
            order.triggered = True
            rule = "STOP_AT_OPEN"
        elif ticket.type == "STOP_LIMIT" and not order.triggered:
            if _reached(side, opened, ticket.stop):
                order.triggered = True
                rule = "STOP_LIMIT_AT_OPEN" if not _above(side, price, ticket.limit) else ""
        elif ticket.type in ("LIMIT", "STOP_LIMIT") and self._through(side, opened, ticket.limit):
            rule = "LIMIT_AT_OPEN"
            price = _worst_allowed(side, price, ticket.limit)
        if rule:
            self._fill(order, number, row.start, price, "LIQUIDATION" if order.liquidation else rule, impact=True)

    def _meet_stop(self, order: OracleOrder, row: Row, number: int) -> None:
        ticket = order.ticket
        side, extreme, other = ticket.side, row.high, row.low
        if side < 0:
            extreme, other = row.low, row.high
        if extreme is None or not _reached(side, extreme, ticket.stop):
            return
        assert ticket.stop is not None
        traded = [Fraction(ticket.stop), *(Fraction(p) for p in (row.open, other) if p is not None)]
        price = self.settings.slip(max(traded) if side > 0 else min(traded), side)
        order.triggered = True
        if ticket.type == "STOP":
            self._fill(order, number, row.close_time, price, "STOP_TOUCHED", impact=True)
        elif not _above(side, price, ticket.limit):
            self._fill(order, number, row.close_time, price, "STOP_LIMIT_TOUCHED", impact=True)

    def _meet_limit(self, order: OracleOrder, row: Row, number: int) -> None:
        ticket = order.ticket
        extreme = row.low if ticket.side > 0 else row.high
        if extreme is not None and self._through(ticket.side, extreme, ticket.limit):
            assert ticket.limit is not None
            self._fill(order, number, row.close_time, ticket.limit, "LIMIT_THROUGH", impact=False)

    def _through(self, side: int, price: Ticks, limit: int | None) -> bool:
        """Below the limit for a buy, above it for a sell; at it counts only with the touch setting."""
        assert limit is not None
        return side * (limit - price) > 0 or (self.settings.touch and price == limit)

    def _fill(self, order: OracleOrder, number: int, time: int, price: int, rule: str, *, impact: bool) -> None:
        instrument, side = order.instrument, order.ticket.side
        room = self.room[instrument]
        wanted = order.remaining if room is None else min(order.remaining, room)
        if not wanted:
            return
        lots, refusal = self.account.affordable(instrument, side, wanted, price, impact=impact)
        if lots:
            amounts = self.account.costs(instrument, side * lots, price, impact=impact)
            self.account.book(instrument, len(self.result.fills), time, side * lots, price, amounts)
            position = self.account.holdings[instrument].lots
            fill = OracleFill(order.order_id, instrument, rule, number, time, side * lots, price, *amounts, position)
            self.result.fills.append(fill)
            order.filled += lots
            if room is not None:
                self.room[instrument] = room - lots
        if refusal:
            order.end("REJECTED", refusal, time)
        elif order.remaining:
            order.state = "PARTIAL"
        else:
            order.end("FILLED", "NONE", time)

    def _check_maintenance(self, time: int) -> None:
        equity = self.account.equity()
        if not self._liquidating() and equity < self.account.needed(1):
            self._cancel_all(time)
            self.result.liquidations += any(holding.lots for holding in self.account.holdings)
            for instrument, holding in enumerate(self.account.holdings):
                if holding.lots:
                    self._liquidate(instrument, holding.lots, time)
        if equity <= 0 and not any(holding.lots for holding in self.account.holdings) and not self.closed:
            self.closed, self.result.closed_at = True, time
            self._cancel_all(time)

    def _cancel_all(self, time: int) -> None:
        for order in self.live:
            if order.living:
                order.end("CANCELLED", "LIQUIDATION", time)

    def _liquidate(self, instrument: int, lots: int, time: int) -> None:
        kind = "MARKET" if self.data[instrument].opens_observed else "MARKET_ON_CLOSE"
        ticket = Ticket(self.universe[instrument], -1 if lots > 0 else 1, kind, abs(lots), tif="GTC")
        self._enter(OracleOrder(len(self.result.orders), instrument, ticket, time, time, liquidation=True))


def _mark(price: Ticks | None) -> int | None:
    return None if price is None else round_mark(price)


def _reached(side: int, price: Ticks, stop: int | None) -> bool:
    assert stop is not None
    return side * (price - stop) >= 0


def _above(side: int, price: int, limit: int | None) -> bool:
    assert limit is not None
    return side * (price - limit) > 0


def _worst_allowed(side: int, price: int, limit: int | None) -> int:
    assert limit is not None
    return min(price, limit) if side > 0 else max(price, limit)
