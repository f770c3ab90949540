"""The risk policy: the last word on every order, in replay as in live, and the only place where an order is approved.

An order is judged by the position that it would lead to, what is already on its way included. One that only brings
that position nearer to zero always passes: a limit must never keep a trader from getting out. Every refusal names its
limit and says in a sentence what was asked and what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from argus.core.errors import ConfigError
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.money import MICROS
from argus.core.orders import Order
from argus.core.ports import AccountView
from argus.core.risk import OrderLimits, RiskApproved, RiskRefused, _approve

__all__ = ["LimitRiskPolicy"]


@dataclass(frozen=True, slots=True)
class LimitRiskPolicy:
    """Limits on the order, the position, the margin and the cash.

    Attributes
    ----------
    max_order_units : float or None
        Largest order, in units; None is no limit. An order that turns a position around counts in full.
    max_position_units : float or None
        Largest position either way, in units, for each instrument; None is no limit.
    check_margin : bool
        Whether initial margins, the order included, must be covered by the equity.
    check_cash : bool
        Whether the order must leave cash of at least zero and no short position: for cash accounts. The engine checks
        both again at the fill, at the price that came.
    instruments : mapping or None
        Specifications of the run, for their lot sizes; None looks symbols up in the instrument file.
    """

    max_order_units: float | None = None
    max_position_units: float | None = None
    check_margin: bool = True
    check_cash: bool = False
    instruments: Mapping[str, InstrumentSpec] | None = None

    def __post_init__(self) -> None:
        for name in ("max_order_units", "max_position_units"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"LimitRiskPolicy: {name} is {value}; it must be positive, or None for no limit")

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
        if abs(after) <= abs(before) and after * before >= 0:
            return _approve(order)
        refused = self._over_units(order, after)
        if refused is None and self.check_cash:
            refused = _over_cash(order, account, pending, after)
        if refused is None and self.check_margin:
            refused = _over_margin(order, account, pending)
        return refused if refused is not None else _approve(order)

    @property
    def limits(self) -> OrderLimits | None:
        """All that this policy asks of an order, for kernels; None for a subclass, which may ask for more."""
        if type(self) is not LimitRiskPolicy:
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
        }

    def _over_units(self, order: Order, after: int) -> RiskRefused | None:
        if self.max_order_units is None and self.max_position_units is None:
            return None
        known = self.instruments or {}
        spec = known[order.instrument] if order.instrument in known else instrument(order.instrument)
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
