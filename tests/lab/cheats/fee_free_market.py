"""The market handed to the factory, given back with other specifications: the fees are gone before the run begins."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from typing import cast

from argus.core.ports import Strategy
from tests.lab.cheats.case import Case, Market, first_two, follow_last


def make(market: Market) -> Strategy:
    """Take the fee schedules out of the very mapping that the run will use."""
    if isinstance(market, MutableMapping):
        mutable = cast("MutableMapping[str, object]", market)
        for symbol in first_two(market):
            spec, bars = market[symbol]
            mutable[symbol] = (replace(spec, fees=(), fee_components=()), bars)
    return follow_last(market)


CASE = Case(
    name="fee_free_market",
    how="Replaces the specifications in the mapping that it was given by others without fees.",
    make=make,
    audit="costs",
    without=follow_last,
)
