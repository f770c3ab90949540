"""What the oracle does after every close: maintenance margin, liquidation, closing of the account, and halts."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from tests.oracle.account import Account
from tests.oracle.orders import OracleOrder, Orders
from tests.oracle.script import Ticket
from tests.oracle.settings import Settings
from tests.oracle.world import exact


class Guard:
    """Watches the account; `has_opens` says of an instrument whether its opens were observed."""

    def __init__(self, account: Account, orders: Orders, settings: Settings, has_opens: Callable[[int], bool]) -> None:
        self.account = account
        self.orders = orders
        self.settings = settings
        self.has_opens = has_opens
        self.closed_at: int | None = None
        self.halt = ""  # reason, while the account is halted
        self.halts: list[tuple[int, str]] = []
        self.liquidations = 0
        self.at_session_begin = settings.cash
        self.highest = settings.cash

    def begin_session(self) -> None:
        """A new session of the account: a halt for the day is over."""
        self.at_session_begin = self.account.equity()
        if self.halt == "DAILY_LOSS":
            self.halt = ""

    def check(self, time: int) -> None:
        """After a close: maintenance first, then halts."""
        self.check_maintenance(time)
        self.highest = max(self.highest, self.account.equity())
        self.check_halts(time)

    def check_maintenance(self, time: int) -> None:
        """Liquidate an account below its maintenance margin, close one that has nothing left."""
        equity = self.account.equity()
        if not self.orders.liquidating and equity < self.account.needed(1):
            self.orders.cancel_all(self.orders.living(), "LIQUIDATION", time)
            self.liquidations += self.account.holds
            self._close_out(time, liquidation=True)
        if equity <= 0 and not self.account.holds and self.closed_at is None:
            self.closed_at = time
            self.orders.cancel_all(self.orders.living(), "LIQUIDATION", time)

    def check_halts(self, time: int) -> None:
        """Halt an account that lost as much as it may."""
        if self.orders.liquidating or self.closed_at is not None or self.halt == "DRAWDOWN":
            return
        equity = self.account.equity()
        reason = ""
        if not self.halt and _lost(equity, self.at_session_begin, self.settings.daily_loss):
            reason = "DAILY_LOSS"
        if _lost(equity, self.highest, self.settings.drawdown):
            reason = "DRAWDOWN"
        if not reason:
            return
        self.halt = reason
        self.halts.append((time, reason))
        self.orders.cancel_all(self.orders.living(), reason, time)
        if self.settings.flatten:
            self._close_out(time, liquidation=False)

    def _close_out(self, time: int, *, liquidation: bool) -> None:
        """Closing orders for all that is held, line by line."""
        for number, line in enumerate(self.account.lines):
            if not line.lots:
                continue
            kind = "MARKET" if self.has_opens(line.instrument) else "MARKET_ON_CLOSE"
            side = -1 if line.lots > 0 else 1
            ticket = Ticket(line.contract.symbol, side, kind, abs(line.lots), tif="GTC", reduce_only=not liquidation)
            order = OracleOrder(len(self.orders.all), number, ticket, time, time, abs(line.lots))
            order.liquidation, order.flattens = liquidation, not liquidation
            self.orders.enter(order)


def _lost(equity: int, reference: int, limit: Decimal | None) -> bool:
    return limit is not None and equity <= reference - math.ceil(reference * exact(limit))
