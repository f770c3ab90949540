"""Sizing: how much, given an opinion. From a forecast, target or close to the orders that lead there.

A sizer works out the position that is wanted, in whole lots rounded toward zero, and asks for the difference to what is
held plus what is already on its way, so that an order that is still working is never sent twice. Sizers keep nothing
between calls: the same intent in the same view gives the same orders. `decide` tells the same story in numbers and a
sentence, for the trace.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from argus.core.errors import ConfigError, OrderError
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Close, Forecast, OrderRequest, Target
from argus.core.money import MICROS
from argus.core.orders import OrderType, Side
from argus.core.ports import View

__all__ = ["FixedUnits", "SizingDecision", "VolatilityTarget"]

_EXECUTIONS: Final = (OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE)


@dataclass(frozen=True, slots=True)
class SizingDecision:
    """What a sizer made of an intent.

    Attributes
    ----------
    instrument : str
    target_lots : int
        Position wanted.
    held_lots, pending_lots : int
        Position, and what working orders would add to it.
    order_lots : int
        Signed lots to order: the difference, or 0 where it is not worth an order.
    reason : str
        One plain sentence.
    """

    instrument: str
    target_lots: int
    held_lots: int
    pending_lots: int
    order_lots: int
    reason: str


@dataclass(frozen=True, slots=True)
class FixedUnits:
    """The same number of units for every full forecast.

    A forecast asks for ``units * direction * confidence``, rounded toward zero to whole lots.

    Attributes
    ----------
    units : float
        Units of the instrument (contracts, shares, coins) for a direction of one.
    """

    units: float = 1.0

    def __post_init__(self) -> None:
        _check_positive("FixedUnits", "units", self.units)

    def size(self, intent: Forecast | Target | Close, view: View) -> Sequence[OrderRequest]:
        """Orders from here to the wanted position: none or one."""
        if isinstance(intent, Forecast):
            wanted = self.units * intent.direction * intent.confidence
        else:
            wanted, _ = _stated_units(intent, view)
        return _requests(_steps(intent.instrument, wanted, view).order, intent, view)

    def decide(self, intent: Forecast | Target | Close, view: View) -> SizingDecision:
        """What is wanted, and why."""
        if isinstance(intent, Forecast):
            wanted = self.units * intent.direction * intent.confidence
            reason = f"{self.units:g} units at direction {intent.direction:g} and confidence {intent.confidence:g}"
        else:
            wanted, reason = _stated_units(intent, view)
        return _decision(intent.instrument, wanted, reason, view)

    def describe(self) -> Mapping[str, object]:
        """Settings, for the manifest."""
        return {"sizer": "fixed_units", "units": self.units}


@dataclass(frozen=True, slots=True)
class VolatilityTarget:
    """As much of each instrument as makes its share of the capital swing by the target volatility.

    Units are ``direction * confidence * min(target / vol, leverage_max) * capital / instrument_count / (price *
    multiplier)``, rounded toward zero to whole lots. Each instrument gets the same share of the capital; no credit is
    taken for diversification, so a book of several swings less than the target. A position is left alone while it is
    within `buffer` of the wanted one (position inertia: Carver 2015, Systematic Trading, chapter 11); a change of side
    and an exit are never left alone.

    A forecast without a volatility, or an instrument without a positive price, gets no position: what cannot be
    measured cannot be sized.

    Attributes
    ----------
    vol_target_annual : float
        Annual volatility wanted, as a fraction of capital.
    leverage_max : float
        Largest notional per instrument over its share of the capital; 1 for accounts that cannot borrow.
    buffer : float
        Fraction of the wanted position by which the held one may differ.
    capital : str
        ``equity`` sizes on the current equity, so that gains are put to work and losses shrink positions; ``initial``
        on `capital_micros` throughout (or on the equity, if that is less); ``fixed`` on `capital_micros` whatever the
        equity is: margin alone then ends what losses have made too large, so it is for studies and not for accounts.
    capital_micros : int or None
        Capital in micro-units, for ``initial`` and ``fixed``.
    instrument_count : int
        Instruments among which the capital is split: the size of the run's universe.
    """

    vol_target_annual: float = 0.10
    leverage_max: float = 2.0
    buffer: float = 0.10
    capital: str = "equity"
    capital_micros: int | None = None
    instrument_count: int = 1

    def __post_init__(self) -> None:
        _check_positive("VolatilityTarget", "vol_target_annual", self.vol_target_annual)
        _check_positive("VolatilityTarget", "leverage_max", self.leverage_max)
        if not 0.0 <= self.buffer < 1.0:
            raise ConfigError(f"VolatilityTarget: buffer is {self.buffer}; it must lie in 0 to 1 (0.1 is ten percent)")
        if self.instrument_count < 1:
            raise ConfigError(
                f"VolatilityTarget: instrument_count is {self.instrument_count}; give the number of instruments traded"
            )
        if self.capital not in ("equity", "initial", "fixed"):
            raise ConfigError(f"VolatilityTarget: capital is '{self.capital}'; write 'equity', 'initial' or 'fixed'")
        if (self.capital == "equity") == (self.capital_micros is not None):
            raise ConfigError(
                "VolatilityTarget: capital_micros goes with capital='initial' or 'fixed': give both (the account's "
                "opening cash) or neither"
            )
        if self.capital_micros is not None and self.capital_micros <= 0:
            raise ConfigError(f"VolatilityTarget: capital_micros is {self.capital_micros}; it must be positive")

    def size(self, intent: Forecast | Target | Close, view: View) -> Sequence[OrderRequest]:
        """Orders from here to the wanted position: none or one."""
        return _requests(self.decide(intent, view).order_lots, intent, view)

    def decide(self, intent: Forecast | Target | Close, view: View) -> SizingDecision:
        """What is wanted, and why."""
        if not isinstance(intent, Forecast):
            wanted, reason = _stated_units(intent, view)
            return _decision(intent.instrument, wanted, reason, view)
        wanted, reason = self._forecast_units(intent, view)
        return _decision(intent.instrument, wanted, reason, view, self.buffer)

    def describe(self) -> Mapping[str, object]:
        """Settings, for the manifest."""
        return {
            "sizer": "volatility_target",
            "vol_target_annual": self.vol_target_annual,
            "leverage_max": self.leverage_max,
            "buffer": self.buffer,
            "capital": self.capital,
            "capital_micros": self.capital_micros,
            "instrument_count": self.instrument_count,
        }

    def _forecast_units(self, intent: Forecast, view: View) -> tuple[float, str]:
        strength = intent.direction * intent.confidence
        if strength == 0.0:
            return 0.0, "the forecast asks for no position"
        if not 0.0 < intent.vol_annual < math.inf:
            return 0.0, f"no position: the forecast's volatility is {intent.vol_annual:g}, which is no scale to size by"
        equity = view.account.equity_micros
        capital = equity if self.capital_micros is None else self.capital_micros
        if self.capital == "initial":
            capital = min(capital, equity)
        unit_value, price = _unit_value(intent.instrument, view)
        if not unit_value > 0.0:
            return 0.0, _without_value(price, "a size")
        if capital <= 0:
            return 0.0, f"no position: the capital is {capital / MICROS:,.2f}"
        leverage = min(self.vol_target_annual / intent.vol_annual, self.leverage_max)
        share = capital / MICROS / self.instrument_count
        wanted = strength * leverage * share / unit_value
        return wanted, (
            f"{self.vol_target_annual:.1%} target over {intent.vol_annual:.1%} volatility is {leverage:.2f} times the "
            f"share of {share:,.2f}, at {unit_value:,.2f} a unit {wanted:.6g} units"
        )


def _check_positive(owner: str, name: str, value: float) -> None:
    if not 0.0 < value < math.inf:
        raise ConfigError(f"{owner}: {name} is {value}; it must be positive")


def _unit_value(instrument: str, view: View) -> tuple[float, float]:
    """Value of one unit at the last price in the account's currency, and that price; NaN where there is none."""
    position = view.position(instrument)
    price = position.mark_price
    return price * float(view.instrument(instrument).multiplier) * position.currency_rate, price


def _without_value(price: float, what: str) -> str:
    """Why there is no position where a unit has no value."""
    if price > 0.0:
        return f"no position: no rate of the instrument's currency is known yet, and {what} needs one"
    return f"no position: the last price is {price:g}, and {what} needs a positive one"


def _stated_units(intent: Target | Close, view: View) -> tuple[float, str]:
    """Units of an intent that states its position itself."""
    if isinstance(intent, Close):
        return 0.0, "the position is to be closed"
    if intent.units is not None:
        if not math.isfinite(intent.units):
            raise OrderError(f"target for {intent.instrument}: units is {intent.units}; a finite number is needed")
        return intent.units, f"target of {intent.units:g} units"
    weight = 0.0 if intent.weight is None else intent.weight
    if not math.isfinite(weight):
        raise OrderError(f"target for {intent.instrument}: weight is {weight}; a finite number is needed")
    unit_value, price = _unit_value(intent.instrument, view)
    if weight == 0.0:
        return 0.0, "target weight of zero"
    if not unit_value > 0.0:
        return 0.0, _without_value(price, "a weight")
    equity = max(view.account.equity_micros, 0) / MICROS
    return weight * equity / unit_value, f"target weight of {weight:.1%} of an equity of {equity:,.2f}"


class _Steps(NamedTuple):
    """From here to the wanted position, in lots."""

    target: int
    held: int
    pending: int
    order: int
    is_near: bool


def _steps(instrument: str, wanted: float, view: View, buffer: float = 0.0) -> _Steps:
    """The wanted units in lots, against what is held and pending."""
    spec = view.instrument(instrument)
    account = view.account
    target = _lots_toward_zero(wanted, spec)
    held, pending = account.position_lots(instrument), account.pending_lots(instrument)
    coming = held + pending
    if target == coming:
        return _Steps(target, held, pending, 0, False)
    is_near = buffer > 0.0 and _is_near(wanted / float(spec.lot_size), target, coming, buffer)
    return _Steps(target, held, pending, 0 if is_near else target - coming, is_near)


def _decision(instrument: str, wanted: float, reason: str, view: View, buffer: float = 0.0) -> SizingDecision:
    """The same, told."""
    steps = _steps(instrument, wanted, view, buffer)
    coming = steps.held + steps.pending
    if steps.target == 0 and wanted != 0.0:
        reason = f"{reason}; that is less than one lot of {view.instrument(instrument).lot_size}"
    if steps.is_near:
        reason = f"{reason}; {coming} lots are held or on their way, within {buffer:.0%} of it"
    elif steps.order == 0:
        reason = f"{reason}; nothing to do, {coming} lots are held or on their way"
    return SizingDecision(instrument, steps.target, steps.held, steps.pending, steps.order, reason)


def _is_near(wanted_lots: float, target: int, coming: int, buffer: float) -> bool:
    same_side = target * coming > 0
    return same_side and abs(wanted_lots - coming) <= buffer * abs(wanted_lots)


def _requests(order_lots: int, intent: Forecast | Target | Close, view: View) -> Sequence[OrderRequest]:
    if intent.execution not in _EXECUTIONS:
        raise OrderError(
            f"intent for {intent.instrument}: execution is {intent.execution.name}; MARKET, MARKET_ON_OPEN or "
            "MARKET_ON_CLOSE is expected (send an OrderRequest for an order with a price)"
        )
    if order_lots == 0:
        return ()
    units = float(abs(order_lots) * view.instrument(intent.instrument).lot_size)
    side = Side.BUY if order_lots > 0 else Side.SELL
    return (OrderRequest(intent.instrument, side, intent.execution, units, tag=intent.tag),)


def _lots_toward_zero(units: float, spec: InstrumentSpec) -> int:
    """Whole lots in a number of units; by its shortest text, so that 0.3 units of lot 0.1 are three lots."""
    if spec.lot_size == 1:
        return int(units)
    return int(Decimal(repr(float(units))) // spec.lot_size)
