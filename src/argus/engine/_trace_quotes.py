"""Fills on quotes, worked out again for the trace: which side was met, at what price, and why the rule allowed it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

import numpy as np

from argus.core.errors import LedgerError
from argus.core.orders import FillRule
from argus.engine._trace_rules import Contract, PriceBasis, TrailingTrigger, in_ticks
from argus.engine.quoted import QuoteRows

__all__ = ["QUOTE_SENTENCES", "quote_price", "quote_triggers"]

_TOLERANCE: Final = 1e-6

QUOTE_SENTENCES: Final[Mapping[FillRule, str]] = {
    FillRule.MARKET_AT_OPEN: "A market order meets the first quote after its decision and its arrival: a buy fills at "
    "the ask, a sale at the bid, as far as the size shown goes.",
    FillRule.MARKET_ON_OPEN: "A market-on-open order fills at the first quote of its session, a buy at the ask and a "
    "sale at the bid.",
    FillRule.MARKET_ON_CLOSE: "A market-on-close order fills at the last quote of its session, a buy at the ask and a "
    "sale at the bid.",
    FillRule.LIMIT_AT_OPEN: "The limit found an offer at its price or better when it arrived, and took it at the "
    "offer's price.",
    FillRule.LIMIT_THROUGH: "The limit rested, and the other side of the market came through it: it fills at its own "
    "price.",
    FillRule.STOP_AT_OPEN: "The side on which the stop trades had reached it (a sell stop watches the bid, a buy stop "
    "the ask): it fills at that quote.",
    FillRule.STOP_LIMIT_AT_OPEN: "The side on which the stop trades reached it, and stood not beyond the limit: the "
    "order fills at that quote.",
    FillRule.LIQUIDATION: "The account fell below its maintenance margin: the engine closed the position at the next "
    "quote, a sale at the bid and a buy at the ask.",
    FillRule.LIMIT_ON_OPEN: "A limit-on-open order fills at the first quote of its session, because that was not "
    "beyond its limit.",
    FillRule.LIMIT_ON_CLOSE: "A limit-on-close order fills at the last quote of its session, because that was not "
    "beyond its limit.",
    FillRule.TRAILING_AT_OPEN: "The side on which the trailing stop trades was at or beyond the level that it had "
    "followed that side to, or had been before: it fills at that quote.",
}
"""Each rule of ``docs/fills.md`` that can fill an order on a quote, in one sentence."""

_WITHIN_LIMIT: Final = frozenset(
    {FillRule.LIMIT_AT_OPEN, FillRule.STOP_LIMIT_AT_OPEN, FillRule.LIMIT_ON_OPEN, FillRule.LIMIT_ON_CLOSE}
)


def quote_price(
    contract: Contract, rows: QuoteRows, row: int, rule: FillRule, side: int, order: Mapping[str, float]
) -> PriceBasis:
    """The price that a rule gives an order at a quote.

    Raises
    ------
    LedgerError
        If that side was empty, or the quote did not allow the fill.
    """
    name = "ask" if side > 0 else "bid"
    known = in_ticks(float((rows.ask if side > 0 else rows.bid)[row]), contract.spec.tick_size)
    if known is None or rule not in QUOTE_SENTENCES:
        raise LedgerError(
            f"{contract.spec.symbol}: rule {rule.name} filled at quote {row}, which has no {name} for it; do not "
            "believe this run"
        )
    limit = int(order["limit_ticks"])
    price = contract.slip(known, side, row)
    is_resting = rule is FillRule.LIMIT_THROUGH
    if (is_resting and side * (known - limit) > 0) or (rule in _WITHIN_LIMIT and side * (price - limit) > 0):
        raise LedgerError(
            f"{contract.spec.symbol}: rule {rule.name} filled a limit of {contract.price_text(limit)} at quote {row}, "
            f"whose {name} is {contract.price_text(known)}; do not believe this run"
        )
    if is_resting:
        return PriceBasis(Fraction(limit), "limit", limit, False)
    return PriceBasis(known, name, price, False)


def quote_triggers(
    side: int, trail_ticks: int, rows: QuoteRows, tick: Decimal, submitted_ns: int, arrived_ns: int
) -> tuple[TrailingTrigger | None, ...]:
    """The triggers that a trailing stop can have had.

    One, or two where a quote was made at the instant of its arrival: a child arrives only after the quote that filled
    its parent.
    """
    instants = rows.ts_event_ns
    later = int(np.searchsorted(instants, submitted_ns, side="right"))
    firsts = {max(later, int(np.searchsorted(instants, arrived_ns, side=edge))) for edge in ("left", "right")}
    prices = rows.ask if side > 0 else rows.bid
    return tuple(_followed(side, trail_ticks, prices[first:].tolist(), first, float(tick)) for first in sorted(firsts))


def _followed(side: int, trail: int, prices: list[float], first: int, tick: float) -> TrailingTrigger | None:
    level = math.nan
    for at, price in enumerate(prices):
        x = price / tick
        if math.isnan(x):
            continue
        if abs(x - round(x)) <= _TOLERANCE:
            x = float(round(x))
        if side * (x - level) >= -_TOLERANCE:
            return TrailingTrigger(first + at, FillRule.TRAILING_AT_OPEN, level)
        moved = x + side * trail
        if math.isnan(level) or side * (moved - level) < 0:
            level = moved
    return None
