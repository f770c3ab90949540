"""The option structures that have names, each declared by its legs, and how one is found in a chain.

A leg says its right, its side, how many, which expiry and by which rule its strike is chosen; nothing else is special
about any structure. `select` takes the declaration to one snapshot of a chain and comes back with a `Position`, or with
the reason why nothing fits: it never takes a contract that is far from what was asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D
from argus.core.errors import ConfigError
from argus.options._valuation import black_greeks
from argus.options.american import american_values
from argus.options.positions import Position
from argus.options.reasons import Reason

__all__ = [
    "STRUCTURES",
    "ChainSlice",
    "Expiry",
    "Leg",
    "Selection",
    "StrikeRule",
    "Structure",
    "Wanted",
    "select_structure",
]

_DAYS: Final = 365.0
_EVEN: Final = 1e-9
"""Share of a strike within which two wings are as wide."""
_PLACES: Final = ("first", "second", "third", "fourth")


class StrikeRule(StrEnum):
    """How a leg's strike is chosen."""

    DELTA = "delta"
    """The contract whose delta is nearest in size to `Leg.by`."""
    MONEYNESS = "moneyness"
    """The strike nearest to `Leg.by` times the forward."""
    WIDTH = "width"
    """The strike nearest to that of leg `Leg.of` plus `Leg.by` times the forward; `Wanted.width` states it in price.

    It may miss by three tenths of that distance; the two wings of a structure are as wide where the chain has such."""
    SAME = "same"
    """The strike of leg `Leg.of`."""


class Expiry(StrEnum):
    """Which of the two expiries a leg has."""

    NEAR = "near"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg, declared.

    Attributes
    ----------
    right : int
        +1 call, -1 put, 0 the underlying, for which the rules below are not read.
    units : int
        Signed: bought is positive.
    rule : StrikeRule
    by : float
        Delta in size, share of the forward, or signed width as a share of the forward.
    of : int
        The leg that WIDTH and SAME start from; it stands before this one.
    expiry : Expiry
    is_anchor : bool
        Whether `Wanted.delta` replaces `by`.
    """

    right: int
    units: int
    rule: StrikeRule = StrikeRule.MONEYNESS
    by: float = 1.0
    of: int = -1
    expiry: Expiry = Expiry.NEAR
    is_anchor: bool = False

    @property
    def words(self) -> str:
        """The leg as people say it, such as ``buy 1 put 2 % of the forward below the first leg``."""
        side = f"{'buy' if self.units > 0 else 'sell'} {abs(self.units)}"
        if self.right == 0:
            return f"{side} of the underlying"
        told = f"{side} {'call' if self.right > 0 else 'put'}{'s' if abs(self.units) > 1 else ''}"
        of = f"the {_PLACES[self.of]} leg"
        if self.rule is StrikeRule.DELTA:
            told += f" of delta {self.by:g}"
        elif self.rule is StrikeRule.SAME:
            told += f" at the strike of {of}"
        elif self.rule is StrikeRule.WIDTH:
            told += f" {abs(self.by):.0%} of the forward {'above' if self.by > 0 else 'below'} {of}"
        else:
            told += " at the forward" if self.by == 1.0 else f" at {self.by:.0%} of the forward"
        return f"{told}, later expiry" if self.expiry is Expiry.LATER else told


@dataclass(frozen=True, slots=True)
class Structure:
    """A named structure.

    Attributes
    ----------
    name, title, view : str
        Name in commands, name among traders, and what it bets on.
    legs : tuple of Leg
    """

    name: str
    title: str
    view: str
    legs: tuple[Leg, ...]

    @property
    def has_later(self) -> bool:
        """Whether a leg has the later expiry."""
        return any(leg.expiry is Expiry.LATER for leg in self.legs)

    def twin(self, number: int) -> int:
        """The leg that is a wing as wide as leg `number` on the other side; -1 for none."""
        leg = self.legs[number]
        for place, other in enumerate(self.legs):
            if leg.rule is other.rule is StrikeRule.WIDTH and other.by == -leg.by:
                return place
        return -1


def _delta(right: int, units: int, by: float, anchor: bool = True, expiry: Expiry = Expiry.NEAR) -> Leg:
    return Leg(right, units, StrikeRule.DELTA, by, is_anchor=anchor, expiry=expiry)


def _at(right: int, units: int) -> Leg:
    return Leg(right, units, StrikeRule.MONEYNESS, 1.0)


def _away(right: int, units: int, of: int, by: float) -> Leg:
    return Leg(right, units, StrikeRule.WIDTH, by, of)


def _same(right: int, units: int, of: int, expiry: Expiry = Expiry.NEAR) -> Leg:
    return Leg(right, units, StrikeRule.SAME, 0.0, of, expiry)


_STOCK: Final = Leg(0, 1)
_WING: Final = 0.02

_ALL: Final = (
    Structure("long_call", "Long call", "A rise, by more than the premium.", (_delta(1, 1, 0.5),)),
    Structure("short_call", "Short call", "No rise; the loss has no bound.", (_delta(1, -1, 0.2),)),
    Structure("long_put", "Long put", "A fall, by more than the premium.", (_delta(-1, 1, 0.5),)),
    Structure(
        "short_put", "Short put", "No fall; whoever sells it must want to own the underlying.", (_delta(-1, -1, 0.2),)
    ),
    Structure(
        "long_call_vertical",
        "Bull call spread",
        "A rise up to the sold strike; paid for.",
        (_delta(1, 1, 0.5), _away(1, -1, 0, _WING)),
    ),
    Structure(
        "long_put_vertical",
        "Bear put spread",
        "A fall down to the sold strike; paid for.",
        (_delta(-1, 1, 0.5), _away(-1, -1, 0, -_WING)),
    ),
    Structure(
        "short_put_vertical",
        "Bull put spread",
        "No fall below the sold strike; the bought put bounds the loss.",
        (_delta(-1, -1, 0.2), _away(-1, 1, 0, -_WING)),
    ),
    Structure(
        "short_call_vertical",
        "Bear call spread",
        "No rise above the sold strike; the bought call bounds the loss.",
        (_delta(1, -1, 0.2), _away(1, 1, 0, _WING)),
    ),
    Structure(
        "long_straddle", "Long straddle", "A move either way, larger than both premiums.", (_at(1, 1), _same(-1, 1, 0))
    ),
    Structure("short_straddle", "Short straddle", "No move; the loss has no bound.", (_at(1, -1), _same(-1, -1, 0))),
    Structure("long_strangle", "Long strangle", "A large move either way.", (_delta(-1, 1, 0.25), _delta(1, 1, 0.25))),
    Structure(
        "short_strangle",
        "Short strangle",
        "No large move; the loss has no bound.",
        (_delta(-1, -1, 0.16), _delta(1, -1, 0.16)),
    ),
    Structure(
        "iron_condor",
        "Iron condor",
        "The spot stays between the sold strikes; wings bound the loss.",
        (_delta(-1, -1, 0.16), _delta(1, -1, 0.16), _away(-1, 1, 0, -_WING), _away(1, 1, 1, _WING)),
    ),
    Structure(
        "iron_butterfly",
        "Iron butterfly",
        "The spot stays at the sold strike; wings bound the loss.",
        (_at(-1, -1), _same(1, -1, 0), _away(-1, 1, 0, -_WING), _away(1, 1, 0, _WING)),
    ),
    Structure(
        "long_butterfly",
        "Long call butterfly",
        "The spot ends near the middle strike; cheap, and seldom fully paid.",
        (_at(1, -2), _away(1, 1, 0, -_WING), _away(1, 1, 0, _WING)),
    ),
    Structure(
        "calendar",
        "Call calendar",
        "The spot is near the strike when the near option expires, and volatility holds.",
        (_at(1, -1), _same(1, 1, 0, Expiry.LATER)),
    ),
    Structure(
        "diagonal",
        "Call diagonal",
        "A slow rise towards the sold strike, and volatility holds.",
        (_delta(1, -1, 0.3), _delta(1, 1, 0.5, anchor=False, expiry=Expiry.LATER)),
    ),
    Structure(
        "call_ratio_backspread",
        "Call ratio backspread",
        "A large rise; the worst is a small one.",
        (_delta(1, -1, 0.5), _away(1, 2, 0, _WING)),
    ),
    Structure(
        "put_ratio_backspread",
        "Put ratio backspread",
        "A large fall; the worst is a small one.",
        (_delta(-1, -1, 0.5), _away(-1, 2, 0, -_WING)),
    ),
    Structure(
        "jade_lizard",
        "Jade lizard",
        "No fall; where the credit exceeds the calls' width, no rise can hurt.",
        (_delta(-1, -1, 0.3), _delta(1, -1, 0.3), _away(1, 1, 1, _WING)),
    ),
    Structure(
        "covered_call",
        "Covered call",
        "A slow rise up to the sold strike, the underlying held.",
        (_STOCK, _delta(1, -1, 0.3)),
    ),
    Structure(
        "collar",
        "Collar",
        "The underlying held, its fall and its rise both cut off.",
        (_STOCK, _delta(-1, 1, 0.25), _delta(1, -1, 0.25)),
    ),
)

STRUCTURES: Final[Mapping[str, Structure]] = {structure.name: structure for structure in _ALL}
"""Every structure by name."""


@dataclass(frozen=True, slots=True, eq=False)
class ChainSlice:
    """The quotes of one underlying at one instant.

    Attributes
    ----------
    spot : float
    right : (n,) int8
    strike, years, bid, ask : (n,) float64
    vol : (n,) float64
        Implied volatility; NaN where there is none.
    forward, discount : (n,) float64
        Of the row's expiry.
    early : (n,) bool or None
        Options that may be exercised early; None where none may.
    """

    spot: float
    right: NDArray[np.int8]
    strike: F64_1D
    years: F64_1D
    bid: F64_1D
    ask: F64_1D
    vol: F64_1D
    forward: F64_1D
    discount: F64_1D
    early: BOOL_1D | None = None

    def __post_init__(self) -> None:
        if self.early is None:
            object.__setattr__(self, "early", np.zeros(len(self.right), dtype=np.bool_))
        for name in ("strike", "years", "bid", "ask", "vol", "forward", "discount", "early"):
            shape = getattr(self, name).shape
            if shape != self.right.shape or self.right.ndim != 1:
                raise ConfigError(
                    f"chain: {name} has shape {shape}, right {self.right.shape}; one element per row each"
                )
        if not (self.spot > 0.0 and np.isfinite(self.spot)):
            raise ConfigError(f"chain: spot is {self.spot}; it must be positive and finite")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a chain.

    Attributes
    ----------
    dte : float
        Calendar days to the near expiry; the expiry nearest to it is taken.
    delta : float or None
        Size of the delta of the legs that `Leg.is_anchor` marks; None leaves the structure's own.
    width : float or None
        Distance in price, for every leg chosen by width; None leaves the structure's own share of the forward.
    later_dte : float or None
        Days to the later expiry; None asks for 30 days after `dte`.
    dte_tolerance : float or None
        Days by which an expiry may miss; None allows a third of what was asked, and at least 3.
    delta_tolerance : float
        By how much a delta may miss.
    """

    dte: float = 30.0
    delta: float | None = None
    width: float | None = None
    later_dte: float | None = None
    dte_tolerance: float | None = None
    delta_tolerance: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 < self.dte < math.inf:
            raise ConfigError(f"dte is {self.dte}; it must be positive and finite")
        if self.delta is not None and not 0.0 < self.delta < 1.0:
            raise ConfigError(f"delta is {self.delta}; state its size, between 0 and 1, for calls and puts alike")
        if self.width is not None and not 0.0 < self.width < math.inf:
            raise ConfigError(f"width is {self.width}; it must be positive and finite")
        if self.later_dte is not None and not self.dte < self.later_dte < math.inf:
            raise ConfigError(f"later_dte is {self.later_dte}; it must be finite and above dte {self.dte}")


@dataclass(frozen=True, slots=True)
class Selection:
    """A position, or why there is none.

    Attributes
    ----------
    position : Position or None
    reason : Reason
    detail : str
        The leg or expiry that did not fit and what was found; empty where a position was.
    """

    position: Position | None
    reason: Reason
    detail: str = ""


class _Unfit(Exception):
    """Nothing fits; carries reason and detail to `select_structure`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def select_structure(structure: Structure | str, chain: ChainSlice, wanted: Wanted | None = None) -> Selection:
    """Find a structure in a chain.

    A row counts where it has a finite quote with bid at most ask, a volatility, a forward and a discount; to be sold it
    needs a bid above zero, to be bought an ask. Deltas are those in the spot by the row's own volatility: Black's, or
    the American model's for options that may be exercised early.

    Raises
    ------
    ConfigError
        For an unknown structure, or a delta or width of which it has no use.
    """
    if isinstance(structure, str):
        if structure not in STRUCTURES:
            raise ConfigError(f"structure {structure!r} is not known; one of {', '.join(STRUCTURES)}")
        structure = STRUCTURES[structure]
    wanted = wanted or Wanted()
    if wanted.delta is not None and not any(leg.is_anchor for leg in structure.legs):
        raise ConfigError(f"{structure.name} has no leg that is chosen by delta; leave delta out")
    if wanted.width is not None and not any(leg.rule is StrikeRule.WIDTH for leg in structure.legs):
        raise ConfigError(f"{structure.name} has no leg that is chosen by width; leave width out")
    try:
        return Selection(_found(structure, chain, wanted), Reason.OK)
    except _Unfit as unfit:
        return Selection(None, unfit.reason, f"{structure.name}: {unfit}")


def _found(structure: Structure, chain: ChainSlice, wanted: Wanted) -> Position:
    usable = _usable(chain)
    if not usable.any():
        raise _Unfit(Reason.NO_TWO_SIDED_QUOTE, "no row of the chain has a quote, a volatility and a forward")
    # Rows that are not usable are valued too, and never looked at.
    with np.errstate(all="ignore"):
        rate, carry = _rates(chain)
        delta = black_greeks(chain.right, chain.spot, chain.strike, chain.years, chain.vol, rate, carry).delta
    early = np.flatnonzero(chain.early) if chain.early is not None else np.zeros(0, dtype=np.int64)
    if len(early):
        columns = (chain.strike, chain.years, chain.vol, rate, rate - carry, chain.right)
        delta[early] = american_values(chain.spot, *(column[early] for column in columns)).delta
        usable &= np.isfinite(delta)
    near = _expiry(chain.years[usable], wanted.dte, wanted.dte_tolerance, 0.0)
    expiries = {Expiry.NEAR: near}
    if structure.has_later:
        later = wanted.later_dte if wanted.later_dte is not None else wanted.dte + 30.0
        expiries[Expiry.LATER] = _expiry(chain.years[usable], later, wanted.dte_tolerance, near)

    def fits(leg: Leg) -> I64_1D:
        is_open = chain.bid > 0.0 if leg.units < 0 else chain.ask > 0.0
        return np.flatnonzero(usable & is_open & (chain.right == leg.right) & (chain.years == expiries[leg.expiry]))

    rows: list[int] = []
    for number, leg in enumerate(structure.legs):
        if leg.right == 0:
            rows.append(-1)
            continue
        own, twin = fits(leg), structure.twin(number)
        if twin >= 0 and len(own):
            other = structure.legs[twin]
            across = np.array(rows[twin : twin + 1]) if twin < number else fits(other)
            reach = np.sign(other.by) * (chain.strike[across] - chain.strike[rows[other.of]])
            own = _evened(leg, chain, own, reach, rows, wanted)
        row = _row(leg, number, chain, own, np.abs(delta), rows, wanted)
        if row in rows:
            raise _Unfit(
                Reason.STRIKES_COINCIDE,
                f"leg {number} and leg {rows.index(row)} both fall on strike {chain.strike[row]:g}",
            )
        rows.append(row)
    return _position(structure, chain, np.array(rows, dtype=np.int64))


def _usable(chain: ChainSlice) -> BOOL_1D:
    finite = np.ones(len(chain.right), dtype=np.bool_)
    for column in (chain.strike, chain.years, chain.bid, chain.ask, chain.vol, chain.forward, chain.discount):
        finite &= np.isfinite(column)
    positive = (chain.strike > 0) & (chain.years > 0) & (chain.vol > 0) & (chain.forward > 0) & (chain.discount > 0)
    return np.asarray(finite & positive & (chain.bid >= 0) & (chain.ask >= chain.bid), dtype=np.bool_)


def _rates(chain: ChainSlice) -> tuple[F64_1D, F64_1D]:
    """Rate and carry behind discount and forward."""
    return -np.log(chain.discount) / chain.years, np.log(chain.forward / chain.spot) / chain.years


def _expiry(years: F64_1D, dte: float, tolerance: float | None, after: float) -> float:
    """The expiry nearest to `dte`, the earlier of two as near; beyond `after`."""
    known = np.unique(years)
    known = known[known > after]
    allowed = max(3.0, dte / 3.0) if tolerance is None else tolerance
    if not len(known):
        raise _Unfit(Reason.EXPIRY_TOO_FAR, f"the chain has no expiry after {after * _DAYS:.1f} days")
    best = float(known[np.argmin(np.abs(known * _DAYS - dte))])
    if abs(best * _DAYS - dte) > allowed:
        raise _Unfit(
            Reason.EXPIRY_TOO_FAR,
            f"the expiry nearest to {dte:g} days is at {best * _DAYS:.1f} days, more than {allowed:.1f} off",
        )
    return best


def _evened(leg: Leg, chain: ChainSlice, rows: I64_1D, reach: F64_1D, found: list[int], wanted: Wanted) -> I64_1D:
    """Of some rows for a wing, those that are as far out as the other wing can be; all, where none is near enough."""
    centre = float(chain.strike[found[leg.of]])
    own = np.sign(leg.by) * (chain.strike[rows] - centre)
    even = rows[(np.abs(own[:, None] - reach) <= _EVEN * centre).any(axis=1)]
    aim, allowed = _by_width(leg, chain, rows, found, wanted)
    return even if (np.abs(chain.strike[even] - aim) <= allowed).any() else rows


def _by_width(leg: Leg, chain: ChainSlice, rows: I64_1D, found: list[int], wanted: Wanted) -> tuple[float, float]:
    """The strike at a leg's width, and by how much it may be missed."""
    step = leg.by * float(chain.forward[rows[0]]) if wanted.width is None else np.sign(leg.by) * wanted.width
    return float(chain.strike[found[leg.of]] + step), 0.3 * abs(step)


def _row(
    leg: Leg, number: int, chain: ChainSlice, rows: I64_1D, delta: F64_1D, found: list[int], wanted: Wanted
) -> int:
    """Row of the contract that a leg's rule asks for."""
    kind = "call" if leg.right > 0 else "put"
    side = "sell" if leg.units < 0 else "buy"
    if not len(rows):
        raise _Unfit(Reason.NO_TWO_SIDED_QUOTE, f"leg {number}: no {kind} of that expiry has a quote to {side} at")
    if leg.rule is StrikeRule.DELTA:
        aim = wanted.delta if leg.is_anchor and wanted.delta is not None else leg.by
        miss, allowed, what = np.abs(delta[rows] - aim), wanted.delta_tolerance, f"delta {aim:g}"
    else:
        strike, forward = chain.strike[rows], float(chain.forward[rows[0]])
        if leg.rule is StrikeRule.MONEYNESS:
            aim = leg.by * forward
            allowed = 0.02 * forward
        elif leg.rule is StrikeRule.SAME:
            aim, allowed = float(chain.strike[found[leg.of]]), 0.0
        else:
            aim, allowed = _by_width(leg, chain, rows, found, wanted)
        miss, what = np.abs(strike - aim), f"strike {aim:.2f}"
    best = int(np.argmin(miss))
    row = int(rows[best])
    if not miss[best] <= allowed:
        at = f"strike {chain.strike[row]:g} with delta {delta[row]:.3f}"
        raise _Unfit(Reason.NO_MATCHING_STRIKE, f"leg {number}: the {kind} to {side} nearest to {what} is {at}")
    return row


def _position(structure: Structure, chain: ChainSlice, rows: I64_1D) -> Position:
    stock = rows < 0
    early = np.zeros(len(chain.right), dtype=np.bool_) if chain.early is None else chain.early
    first = int(rows[~stock][0])
    with np.errstate(all="ignore"):
        rate, carry = _rates(chain)
    # The underlying is bought at the spot, and grows as the near forward does.
    return Position(
        structure.name,
        chain.spot,
        np.array([leg.right for leg in structure.legs], dtype=np.int8),
        np.array([leg.units for leg in structure.legs], dtype=np.float64),
        np.where(stock, 0.0, chain.strike[rows]),
        np.where(stock, np.inf, chain.years[rows]),
        np.where(stock, chain.spot, chain.bid[rows]),
        np.where(stock, chain.spot, chain.ask[rows]),
        np.where(stock, 0.0, chain.vol[rows]),
        np.where(stock, rate[first], rate[rows]),
        np.where(stock, carry[first], carry[rows]),
        rows,
        ~stock & early[rows],
    )
