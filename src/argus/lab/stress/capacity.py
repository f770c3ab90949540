"""How much money fits in: the size at which the strategy's own orders would become the market.

The share of each bar's volume that the fills took says how many times larger the account could have been. What trading
at that size would cost is another question, which the impact model of the costs answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from argus.core.money import MICROS
from argus.engine.market import Market
from argus.engine.record import RunRecord

__all__ = ["Capacity", "capacity_of"]


@dataclass(frozen=True, slots=True)
class Capacity:
    """The largest account.

    Attributes
    ----------
    limit : float
        Largest share of a bar's volume that may be taken.
    participation_max : float
        Largest share that was taken.
    multiple : float
        How many times larger every order could have been; below 1 the run was too large already.
    capital : float
        Mean equity times that, in units of the account's currency.
    figure : float
        `multiple`; NaN without fills or where volume is unknown.
    sentence : str
    """

    limit: float
    participation_max: float
    multiple: float
    capital: float
    figure: float
    sentence: str


def capacity_of(record: RunRecord, market: Market, *, limit: float = 0.01) -> Capacity:
    """The capacity of a run on its own market.

    Parameters
    ----------
    record : RunRecord
    market : mapping
        Symbol to specification and bars, the very ones of the run.
    limit : float
        In (0, 1].

    Raises
    ------
    ConfigError
        If the limit is out of range or the market is not the run's.
    """
    from argus.engine.run_metrics import summary

    figures = summary(record, market, participation_limit=limit)
    multiple, most = figures["capacity_multiple"], figures["participation_max"]
    capital = figures["capacity_micros"] / MICROS
    if math.isnan(multiple):
        sentence = "Unknown: nothing was filled, or the volume of a bar with a fill was not observed."
    else:
        sentence = (
            f"At {limit:.1%} of a bar's volume the account could have been {multiple:,.1f} times as large "
            f"({capital:,.0f} of the account's currency); the most taken of a bar was {most:.3%}."
        )
    return Capacity(limit, most, multiple, capital, multiple, sentence)
