"""What a fill costs, charge by charge: commission, exchange, clearing, and what the regulators take.

A trade is charged by several parties at once, and each changes its price on days of its own: the broker, the exchange,
the clearing house, the National Futures Association, the SEC, FINRA. So a fee is kept as components, each with its own
dated rows, and the fee of a fill is their sum. `charge` is the definition that every engine of Argus follows, to the
micro-unit; `docs/costs.md` says what each component is, who takes it, and where its figures were read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from argus.core.errors import InstrumentError
from argus.core.money import MICROS

if TYPE_CHECKING:
    from argus.core.instruments import Source

__all__ = ["STANDING_FEES", "FeeComponent", "FeeName", "FeeSchedule", "charge", "fees_in_force"]


class FeeName(StrEnum):
    """Who takes the money. `ALL_IN` is a figure that its source does not split."""

    ALL_IN = "all_in"
    COMMISSION = "commission"
    EXCHANGE = "exchange"
    CLEARING = "clearing"
    NFA = "nfa"
    REGULATORY = "regulatory"
    SEC_SECTION_31 = "sec_section_31"
    FINRA_TAF = "finra_taf"
    ORF = "orf"
    CAT = "cat"


STANDING_FEES: Final = frozenset(
    {FeeName.ALL_IN, FeeName.COMMISSION, FeeName.EXCHANGE, FeeName.CLEARING, FeeName.NFA, FeeName.REGULATORY}
)
"""Components that broker, venue and clearing house charge on both sides; their sum is a `FeeSchedule`."""

_ORDER: Final = {name: at for at, name in enumerate(FeeName)}


@dataclass(frozen=True, slots=True)
class FeeComponent:
    """One charge on a fill, from `effective_date` until the next row of the same name.

    Attributes
    ----------
    name : FeeName
        Who takes it.
    effective_date : date
        First session on which the row holds; `date.min` where the source carries no date.
    per_unit : Decimal
        In currency per contract, share or coin.
    rate : Decimal
        Fraction of the notional.
    minimum : Decimal
        Least amount of a fill, in currency.
    maximum : Decimal or None
        Largest amount of a fill, in currency; None: no bound.
    sells_only : bool
        True: nothing is charged on a purchase. Short sales are sales.
    source : Source
        Where the figures were read.
    """

    name: FeeName
    effective_date: date
    per_unit: Decimal
    rate: Decimal
    minimum: Decimal
    maximum: Decimal | None
    sells_only: bool
    source: Source


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Sum of the standing components of one side of a trade: commission, exchange, clearing and association together.

    `per_unit` is in currency per contract or share; `rate` is a fraction of the notional; the sum is at least `minimum`
    per fill. `effective_date` is `date.min` where the source carries no date: the row then holds from the first day.
    """

    effective_date: date
    per_unit: Decimal
    rate: Decimal
    minimum: Decimal
    source: Source


def fees_in_force(components: Iterable[FeeComponent], session_day: date) -> tuple[FeeComponent, ...]:
    """Of each name the last row at or before `session_day`, in the order of `FeeName`; names not begun are left out."""
    latest: dict[FeeName, FeeComponent] = {}
    for row in components:
        known = latest.get(row.name)
        if row.effective_date <= session_day and (known is None or known.effective_date < row.effective_date):
            latest[row.name] = row
    return tuple(latest[name] for name in sorted(latest, key=_ORDER.__getitem__))


def charge(
    components: Sequence[FeeComponent],
    units: Decimal | Fraction | int,
    notional_micros: Fraction | int,
    *,
    is_sell: bool,
    multiplier: Decimal | Fraction | int = 1,
) -> dict[FeeName, int]:
    """What each component takes from one fill, in micro-units of the currency; the fee of the fill is the sum.

    A component is ``per_unit * units + rate * notional``, at least `minimum`, then at most `maximum`, all times
    `multiplier`, computed exactly and rounded half-even to a micro-unit once. One that is charged on sales only takes 0
    from a purchase.

    Parameters
    ----------
    components : sequence of FeeComponent
        Those in force, one of each name: `InstrumentSpec.fees_on`.
    units : Decimal, Fraction or int
        Contracts, shares or coins of the fill; the sign does not matter.
    notional_micros : Fraction or int
        Value of the fill in micro-units; the sign does not matter.
    is_sell : bool
        The fill sells, be it out of a position or short.
    multiplier : Decimal, Fraction or int
        Scales every component, its minimum and its maximum: the lab's cost sensitivity.

    Raises
    ------
    InstrumentError
        Two components have one name: rows of several dates were given instead of those in force.
    """
    quantity, notional = abs(Fraction(units)), abs(Fraction(notional_micros))
    amounts: dict[FeeName, int] = {}
    for part in components:
        if part.name in amounts:
            raise InstrumentError(
                f"fee component {part.name.value} is given twice; charge only the rows in force on one session "
                "(InstrumentSpec.fees_on)"
            )
        if part.sells_only and not is_sell:
            amounts[part.name] = 0
            continue
        exact = Fraction(part.per_unit) * MICROS * quantity + Fraction(part.rate) * notional
        exact = max(exact, Fraction(part.minimum) * MICROS)
        if part.maximum is not None:
            exact = min(exact, Fraction(part.maximum) * MICROS)
        amounts[part.name] = round(exact * Fraction(multiplier))
    return amounts
