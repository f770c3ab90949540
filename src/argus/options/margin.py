"""How much money a position ties up: by the exchange's strategy rules, and by what it loses over a grid of moves.

The first is what most margin accounts in the United States are charged (Regulation T, FINRA Rule 4210(f)(2), Cboe
Rule 10.3): a percentage for what is uncovered, the widest loss for what is a spread. The second is of the kind that
portfolio margin uses, and says nothing of any broker's house rules. Both are per unit of the underlying, at entry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.options.positions import Fill, Position

__all__ = ["GridMargin", "MarginClass", "StrategyMargin", "grid_margin", "strategy_margin"]

_STOCK_SHARE: Final = 0.5
"""Initial margin on stock bought: Regulation T, 12 CFR 220.12(a)."""


class MarginClass(Enum):
    """Kind of underlying: share of its value, and least share, that an uncovered short option is charged."""

    EQUITY = (0.20, 0.10)
    BROAD_INDEX = (0.15, 0.10)


@dataclass(frozen=True, slots=True)
class StrategyMargin:
    """Initial margin by strategy rules, per unit of the underlying.

    Attributes
    ----------
    spread : float
        Largest loss of the covered part at expiry, premiums left out: the width of a credit spread.
    uncovered : float
        Charge on uncovered short options, their own premiums left out.
    stock : float
        Charge on the underlying bought.
    paid, received : float
        Premiums of bought and of sold options.
    requirement : float
        All of the above but `received`, plus the premium of uncovered shorts: what must stand in the account.
    deposit : float
        `requirement` less the premiums received: the money that it takes.
    rules : tuple of str
        What was applied.
    """

    spread: float
    uncovered: float
    stock: float
    paid: float
    received: float
    requirement: float
    deposit: float
    rules: tuple[str, ...]


def strategy_margin(
    position: Position, margin_class: MarginClass = MarginClass.EQUITY, fill: Fill = Fill.NATURAL
) -> StrategyMargin:
    """Initial strategy-based margin of one unit.

    Shorts are covered first by the underlying, then by bought options of the same right that expire no earlier, each by
    the one that leaves the least loss. What is covered is charged the largest loss of intrinsic value at any strike
    (FINRA 4210(f)(2), as amended by Regulatory Notice 12-44). What is left is charged, for each option, its premium and
    the greater of ``share * spot - out-of-the-money amount`` and ``least share * spot`` (of the strike, for a put); an
    uncovered call and put together, the greater charge and the other's premium (Cboe Margin Manual). Bought options are
    paid in full; the lower charge on those of more than nine months is not applied. An uncovered option beside a
    spread, as in a jade lizard, is charged beside it: no relief is published, though a broker may give one.

    Raises
    ------
    ConfigError
        For a short underlying, whose rules are others.
    """
    if (position.quantity[position.right == 0] < 0.0).any():
        raise ConfigError(f"{position.name}: margin of a short underlying is not covered by these rules")
    price = 0.5 * (position.bid + position.ask)
    if fill is Fill.NATURAL:
        price = np.where(position.quantity > 0.0, position.ask, position.bid)
    option, bought = position.right != 0, position.quantity > 0.0
    paid = math.fsum((position.quantity * price)[option & bought])
    received = -math.fsum((position.quantity * price)[option & ~bought])
    shares = math.fsum(position.quantity[~option])
    stock = _STOCK_SHARE * shares * position.spot
    bare, hedged = _covered(position, shares)
    spread = _spread_loss(position, hedged)
    charge, kept = _uncovered(position, bare, price, margin_class)
    rules = ["bought options paid in full"] if paid > 0.0 else []
    rules += ["underlying at half its value"] if shares > 0.0 else []
    rules += ["spread at its largest intrinsic loss"] if (hedged < 0.0).any() else []
    rules += [f"uncovered shorts at {margin_class.value[0]:.0%} of spot"] if (bare > 0.0).any() else []
    requirement = spread + charge + kept + stock + paid
    # The premium of a short that is part of a spread lowers the deposit; that of an uncovered one is part of both.
    return StrategyMargin(spread, charge, stock, paid, received, requirement, requirement - received, tuple(rules))


def _covered(position: Position, shares: float) -> tuple[F64_1D, F64_1D]:
    """Uncovered units of each leg, and signed units of the legs that stand in spreads."""
    right, units, strike, years = position.right, position.quantity, position.strike, position.years
    bare = np.where((right != 0) & (units < 0.0), -units, 0.0)
    free = np.where((right != 0) & (units > 0.0), units, 0.0)
    hedged = np.zeros(len(units))
    for leg in np.flatnonzero((bare > 0.0) & (right > 0)):
        by_stock = min(shares, float(bare[leg]))
        bare[leg] -= by_stock
        shares -= by_stock
    latest = 0.0
    for leg in np.flatnonzero(bare > 0.0):
        fits = np.flatnonzero((right == right[leg]) & (free > 0.0) & (years >= years[leg]))
        loss = np.maximum(right[leg] * (strike[fits] - strike[leg]), 0.0)
        for cover in fits[np.lexsort((np.abs(strike[fits] - strike[leg]), loss))]:
            taken = min(float(bare[leg]), float(free[cover]))
            if taken > 0.0:
                bare[leg] -= taken
                free[cover] -= taken
                hedged[leg] -= taken
                hedged[cover] += taken
                latest = max(latest, float(years[leg]))
    # Bought options beyond those that cover help as much, while they live as long.
    if (hedged < 0.0).any():
        hedged += np.where(years >= latest, free, 0.0)
    return bare, hedged


def _spread_loss(position: Position, units: F64_1D) -> float:
    """Largest loss of intrinsic value over all spots; covered as the legs are, it lies at a strike or at 0."""
    held = units != 0.0
    spots = np.append(position.strike[held], 0.0)
    worth = np.maximum(position.right[held] * (spots[:, None] - position.strike[held]), 0.0) @ units[held]
    return float(max(0.0, -worth.min()))


def _uncovered(position: Position, bare: F64_1D, price: F64_1D, margin_class: MarginClass) -> tuple[float, float]:
    """Charge on uncovered shorts without their premiums, and those premiums."""
    share, least = margin_class.value
    charges, premiums = {1: 0.0, -1: 0.0}, {1: 0.0, -1: 0.0}
    for leg in np.flatnonzero(bare > 0.0):
        right, strike = int(position.right[leg]), float(position.strike[leg])
        out = max(right * (strike - position.spot), 0.0)
        floor = least * (position.spot if right > 0 else strike)
        charges[right] += float(bare[leg]) * max(share * position.spot - out, floor)
        premiums[right] += float(bare[leg] * price[leg])
    calls, puts = charges[1] + premiums[1], charges[-1] + premiums[-1]
    return (charges[1] if calls >= puts else charges[-1]), premiums[1] + premiums[-1]


@dataclass(frozen=True, slots=True)
class GridMargin:
    """Largest loss over a grid of moves, per unit of the underlying.

    Attributes
    ----------
    requirement : float
        The largest loss, or the least charge where that is more.
    worst_move, worst_vol_factor : float
        Where the loss is: return of the spot, and factor on every volatility.
    least : float
        Least charge for the contracts held.
    """

    requirement: float
    worst_move: float
    worst_vol_factor: float
    least: float


def grid_margin(
    position: Position,
    moves: Sequence[float] = (-0.15, -0.12, -0.09, -0.06, -0.03, 0.0, 0.03, 0.06, 0.09, 0.12, 0.15),
    vol_factors: Sequence[float] = (0.75, 1.0, 1.5),
    least_per_contract: float = 0.375,
) -> GridMargin:
    """Largest loss of model value at once, over moves of the spot and of every volatility: a risk-based margin.

    The default moves are those of customer portfolio margin on a single stock, fifteen percent to either side at ten
    equidistant points (SEC Rule 15c3-1a), and its least charge of 37.50 dollars a contract of 100. The moves of
    volatility are ours: this is of that kind, not the clearing house's figure.

    Raises
    ------
    ConfigError
        For a grid without points or beyond reason.
    """
    if not len(moves) or not len(vol_factors) or min(moves) <= -1.0 or min(vol_factors) <= 0.0:
        raise ConfigError("the grid needs moves above -1 and volatility factors above 0")
    spots = position.spot * (1.0 + np.asarray(moves, dtype=np.float64))
    now = float(position.value(position.spot).value[0])
    pnl = np.stack([position.value(spots, 0.0, factor).value - now for factor in vol_factors])
    row, column = divmod(int(np.argmin(pnl)), len(moves))
    least = least_per_contract * math.fsum(np.abs(position.quantity[position.right != 0]))
    loss = float(-pnl[row, column])
    return GridMargin(max(loss, least), float(moves[column]), float(vol_factors[row]), least)
