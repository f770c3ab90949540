"""The risk policy: the last word on every order, in replay as in live, and the only place where an order is approved.

An order is judged by the position that it would lead to, what is already on its way included. One that may only reduce,
or that brings that position nearer to zero, always passes: a limit must never keep a trader from getting out. Every
refusal names its limit and says in a sentence what was asked and what is allowed.

A policy holds settings only. All that it must remember (orders sent in the last minute, the last price) it asks of the
account, so that the same run always meets the same answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from argus.core.errors import ConfigError
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.money import MICROS
from argus.core.orders import Order, OrderType
from argus.core.ports import AccountView
from argus.core.risk import OrderLimits, RiskApproved, RiskRefused, _approve
from argus.core.time import NS_PER_SECOND

__all__ = ["LimitRiskPolicy"]

_PLAIN_LIMITS: Final = frozenset({OrderType.LIMIT, OrderType.LIMIT_ON_OPEN, OrderType.LIMIT_ON_CLOSE})
_WINDOW_MAX_S: Final = 366 * 86_400


@dataclass(frozen=True, slots=True)
class LimitRiskPolicy:
    """Limits on the order, its price, how many there are, the position, the margin and the cash.

    Attributes
    ----------
    max_order_units : float or None
        Largest order, in units; None is no limit. An order that turns a position around counts in full.
    max_position_units : float or None
        Largest position either way, in units, for each instrument; None is no limit. Each book of a run has its own.
    check_margin : bool
        Whether initial margins, the order included, must be covered by the equity.
    check_cash : bool
        Whether the order must leave cash of at least zero and no short position: for cash accounts. The engine checks
        both again at the fill, at the price that came.
    instruments : mapping or None
        Specifications of the run, for their lot and tick sizes; None looks symbols up in the instrument file.
    max_orders : int or None
        Most orders of the account, all books together, within `max_orders_window_s`; None is no limit. Every order
        counts that was entered, also one that reduced; cancels and refused orders do not.
    max_orders_window_s : int
        Length of that sliding window in seconds of market time: at each order the last so many seconds are looked at.
    price_collar_fraction, price_collar_ticks : float, int or None
        Furthest that a price may lie from the last known one, as a fraction of it and in ticks; where both are given
        both hold. None is no limit.

    Notes
    -----
    What the collar takes for a slip of the keyboard depends on the type of the order:

    * a limit, also on open or on close, whose price lies further away than the collar, on either side;
    * a stop, or the stop of a stop-limit, that the market has already passed by more than the collar: it would fill at
      once. On its proper side a stop may lie as far away as it likes: that is what protective stops do;
    * the limit of a stop-limit further than the collar from its own stop.

    Market, on-open, on-close and trailing orders name no price and pass. Where no price is known yet, an order that
    names one is refused.
    """

    max_order_units: float | None = None
    max_position_units: float | None = None
    check_margin: bool = True
    check_cash: bool = False
    instruments: Mapping[str, InstrumentSpec] | None = None
    max_orders: int | None = None
    max_orders_window_s: int = 60
    price_collar_fraction: float | None = None
    price_collar_ticks: int | None = None

    def __post_init__(self) -> None:
        names = ("max_order_units", "max_position_units", "max_orders", "price_collar_fraction", "price_collar_ticks")
        for name in names:
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ConfigError(f"LimitRiskPolicy: {name} is {value}; it must be positive, or None for no limit")
        for name in ("max_orders", "price_collar_ticks"):
            value = getattr(self, name)
            if value is not None and value != int(value):
                raise ConfigError(f"LimitRiskPolicy: {name} is {value}; a whole number is needed")
        window = self.max_orders_window_s
        if not 0 < window <= _WINDOW_MAX_S or window != int(window):
            raise ConfigError(
                f"LimitRiskPolicy: max_orders_window_s is {window}; whole seconds from 1 to {_WINDOW_MAX_S:,} (a year) "
                "are needed"
            )

    def approve(self, order: Order, account: AccountView) -> RiskApproved | RiskRefused:
        """Let the order through, or say which limit stops it and why.

        Parameters
        ----------
        order : Order
        account : AccountView
            The account as known when the order is sent.
        """
        pending = account.pending_lots(order.instrument)
        before = account.position_lots(order.instrument) + pending
        after = before + order.signed_lots
        if order.reduce_only or (abs(after) <= abs(before) and after * before >= 0):
            return _approve(order)
        refused = self._over_units(order, after)
        if refused is None:
            refused = self._over_rate(order, account)
        if refused is None:
            refused = self._over_collar(order, account)
        if refused is None and self.check_cash:
            refused = _over_cash(order, account, pending, after)
        if refused is None and self.check_margin:
            refused = _over_margin(order, account, pending)
        return refused if refused is not None else _approve(order)

    @property
    def limits(self) -> OrderLimits | None:
        """All that this policy asks of an order, for kernels; None if it asks for more than they can judge."""
        beyond = (self.max_orders, self.price_collar_fraction, self.price_collar_ticks)
        if type(self) is not LimitRiskPolicy or any(value is not None for value in beyond):
            return None
        return OrderLimits(self.max_order_units, self.max_position_units, self.check_margin, self.check_cash)

    def describe(self) -> Mapping[str, object]:
        """Settings, for the manifest."""
        return {
            "risk": "limits",
            "max_order_units": self.max_order_units,
            "max_position_units": self.max_position_units,
            "check_margin": self.check_margin,
            "check_cash": self.check_cash,
            "max_orders": self.max_orders,
            "max_orders_window_s": self.max_orders_window_s,
            "price_collar_fraction": self.price_collar_fraction,
            "price_collar_ticks": self.price_collar_ticks,
        }

    def _spec(self, symbol: str) -> InstrumentSpec:
        known = self.instruments or {}
        return known[symbol] if symbol in known else instrument(symbol)

    def _over_units(self, order: Order, after: int) -> RiskRefused | None:
        if self.max_order_units is None and self.max_position_units is None:
            return None
        spec = self._spec(order.instrument)
        for name, lots, limit in (
            ("max_order_units", order.quantity_lots, self.max_order_units),
            ("max_position_units", abs(after), self.max_position_units),
        ):
            units = lots * spec.lot_size
            if limit is not None and units > Decimal(repr(float(limit))):
                what = "order is for" if name == "max_order_units" else "position would be"
                return RiskRefused(
                    order, name, f"The {order.instrument} {what} {units:,f} units; at most {limit:,g} are allowed."
                )
        return None

    def _over_rate(self, order: Order, account: AccountView) -> RiskRefused | None:
        if self.max_orders is None:
            return None
        window = int(self.max_orders_window_s)
        sent = account.orders_within(window * NS_PER_SECOND)
        if sent < self.max_orders:
            return None
        return RiskRefused(
            order,
            "max_orders",
            f"The {order.instrument} order would be number {sent + 1:,} within {window:,} s; at most "
            f"{self.max_orders:,} are allowed.",
        )

    def _over_collar(self, order: Order, account: AccountView) -> RiskRefused | None:
        if self.price_collar_fraction is None and self.price_collar_ticks is None:
            return None
        if order.limit_ticks is None and order.stop_ticks is None:
            return None
        last = account.last_price_ticks(order.instrument)
        tick = self._spec(order.instrument).tick_size
        for name, widest, allowed in self._collars(last):
            found = _outside(order, last, widest)
            if found is None:
                continue
            what, ticks, of_what, centre = found
            near = "no price of it is known yet" if centre is None else f"{of_what} {centre * tick:,f}"
            return RiskRefused(
                order,
                name,
                f"The {what} of the {order.instrument} order is {ticks * tick:,f} and {near}; at most {allowed} "
                "between them are allowed.",
            )
        return None

    def _collars(self, last: int | None) -> list[tuple[str, Fraction, str]]:
        """(name, widest distance in ticks, the same in words) of each collar that is set."""
        collars = []
        if self.price_collar_fraction is not None:
            share = Fraction(Decimal(repr(float(self.price_collar_fraction))))
            words = f"{self.price_collar_fraction * 100:g} % of the last price"
            collars.append(("price_collar_fraction", share * abs(last or 0), words))
        if self.price_collar_ticks is not None:
            words = f"{self.price_collar_ticks:,} ticks"
            collars.append(("price_collar_ticks", Fraction(self.price_collar_ticks), words))
        return collars


def _outside(order: Order, last: int | None, widest: Fraction) -> tuple[str, int, str, int | None] | None:
    """(which price, its ticks, what it is held against, the ticks of that) of a price beyond the collar, else None."""
    limit, stop = order.limit_ticks, order.stop_ticks
    if order.type in _PLAIN_LIMITS and limit is not None:
        if last is None or abs(limit - last) > widest:
            return "limit", limit, "the last price is", last
        return None
    if stop is not None and (last is None or int(order.side) * (last - stop) > widest):
        return "stop", stop, "the market is past it at", last
    if stop is not None and limit is not None and abs(limit - stop) > widest:
        return "limit", limit, "its stop is", stop
    return None


def _over_cash(order: Order, account: AccountView, pending: int, after: int) -> RiskRefused | None:
    if after < 0:
        return RiskRefused(
            order,
            "short_forbidden",
            f"The {order.instrument} position would be {after:,} lots; a cash account cannot be short.",
        )
    cash = account.cash_after_micros(order.instrument, order.signed_lots + pending)
    if cash < 0:
        return RiskRefused(
            order,
            "cash",
            f"The {order.instrument} order would leave cash of {cash / MICROS:,.2f}, from "
            f"{account.cash_micros / MICROS:,.2f} now; a cash account cannot owe.",
        )
    return None


def _over_margin(order: Order, account: AccountView, pending: int) -> RiskRefused | None:
    margin = account.initial_margin_after_micros(order.instrument, order.signed_lots + pending)
    equity = account.equity_micros
    if margin > equity:
        return RiskRefused(
            order,
            "initial_margin",
            f"The {order.instrument} order would bring initial margin to {margin / MICROS:,.2f}; the equity is "
            f"{equity / MICROS:,.2f}.",
        )
    return None
