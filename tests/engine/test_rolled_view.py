"""Prices between the series and the contract, and what a strategy on a root sees of its positions and its account."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import LookAheadError, OrderError, StrategyError
from argus.core.intents import Target
from argus.core.strategy import FeatureRef
from argus.data import Adjustment
from argus.engine.rolled_view import RolledView, own_price
from argus.features import compute
from tests.engine.rolls import DAYS, GAP, MES, SHEET_H, SHEET_M, play_rolled, scripted, settings, sheet_root

TICK = 0.25


@pytest.mark.parametrize(
    ("price", "amount", "adjustment", "down", "up"),
    [
        (4013.50, 0.0, Adjustment.UNADJUSTED, 4013.50, 4013.50),
        (4013.60, 0.0, Adjustment.UNADJUSTED, 4013.50, 4013.75),
        (4013.50, -29.50, Adjustment.DIFFERENCE, 4043.00, 4043.00),
        (4013.60, -29.50, Adjustment.DIFFERENCE, 4043.00, 4043.25),
        (-10.00, -29.50, Adjustment.DIFFERENCE, 19.50, 19.50),
        (2000.00, 0.5, Adjustment.RATIO, 4000.00, 4000.00),
        (2000.10, 0.5, Adjustment.RATIO, 4000.00, 4000.25),
        # A hair beside the grid is on the grid.
        (4013.5000000001, 0.0, Adjustment.UNADJUSTED, 4013.50, 4013.50),
        (4013.4999999999, 0.0, Adjustment.UNADJUSTED, 4013.50, 4013.50),
    ],
)
def test_a_price_of_the_series_becomes_one_of_the_contract(
    price: float, amount: float, adjustment: Adjustment, down: float, up: float
) -> None:
    assert own_price(price, amount, adjustment, TICK, up=False) == down
    assert own_price(price, amount, adjustment, TICK, up=True) == up


@given(st.integers(-40_000, 40_000), st.integers(-4_000, 4_000), st.booleans())
def test_what_the_series_adds_is_taken_off_again(ticks: int, amount: int, up: bool) -> None:
    price = ticks * TICK + amount * TICK
    assert own_price(price, amount * TICK, Adjustment.DIFFERENCE, TICK, up=up) == ticks * TICK


@given(st.integers(1, 40_000), st.floats(0.2, 5.0), st.booleans())
def test_a_ratio_is_taken_off_again(ticks: int, factor: float, up: bool) -> None:
    assert own_price(ticks * TICK * factor, factor, Adjustment.RATIO, TICK, up=up) == ticks * TICK


def test_what_is_no_number_stays_none_for_the_engine_to_refuse() -> None:
    assert math.isnan(own_price(math.nan, 1.0, Adjustment.DIFFERENCE, TICK, up=True))
    assert own_price(math.inf, 1.0, Adjustment.DIFFERENCE, TICK, up=True) == math.inf


def test_bars_marks_and_features_are_those_of_the_series() -> None:
    root = sheet_root()
    # From 7 March on; the new contract 29.50 lower.
    expected = [close for _, close in SHEET_H[2:6]] + [close - GAP for _, close in SHEET_M[6:]]
    ref = FeatureRef("mean", "sma", "MES", {"n": 3})
    column = compute(ref, root.series.bars)
    seen = []

    def watch(view: RolledView, number: int) -> None:
        window = view.bars("MES", 4)
        np.testing.assert_array_equal(window.close, expected[max(0, number - 3) : number + 1])
        assert not window.close.flags.writeable
        assert view.position("MES").mark_price == expected[number]
        np.testing.assert_equal(view.feature("mean"), column[number])
        assert view.instrument("MES") == MES
        seen.append(number)

    play_rolled(scripted({}, watch, features=(ref,)), root)
    assert seen == list(range(10))


def test_the_position_is_that_of_all_contracts_together() -> None:
    units = []

    def watch(view: RolledView, _number: int) -> None:
        position = view.position("MES")
        units.append((position.units, position.pending_units))
        account = view.account
        assert (account.position_lots("MES"), account.pending_lots("MES")) == units[-1]

    record = play_rolled(scripted({0: [Target("MES", units=2.0)]}, watch), sheet_root())
    assert units == [(0, 0)] + [(2, 0)] * 9
    assert len(record.fills) == 3


def test_the_account_answers_for_the_contract_in_front() -> None:
    figure = MES.margin_on(DAYS[3])
    assert figure is not None
    initial = int(figure.initial * 1_000_000)
    ticks = []

    def watch(view: RolledView, number: int) -> None:
        account = view.account
        ticks.append(account.last_price_ticks("MES"))
        assert account.initial_margin_after_micros("MES", 3 if number == 0 else 2) == 3 * initial
        assert account.initial_margin_micros == (0 if number == 0 else initial)
        assert account.cash_after_micros("MES", 1) == account.cash_micros - 1_250_000
        assert account.orders_within(1) == 0
        assert account.equity_micros > 0

    play_rolled(scripted({0: [Target("MES", units=1.0)]}, watch), sheet_root(), config=settings(ticks=0))
    closes = sheet_root().series.bars.close
    # At the close of 8 March the orders already go to the new contract: its close, in terms of the series, is the same.
    assert ticks == [round(close / TICK) for close in closes]


def test_what_is_not_there_is_refused_with_what_there_is() -> None:
    def watch(view: RolledView, _number: int) -> None:
        with pytest.raises(LookAheadError, match="later ones do not exist yet"):
            view.bars("MES", 0)
        with pytest.raises(OrderError, match=r"MES.202303 is not in the universe of this run \(MES\)"):
            view.bars("MES.202303", 1)
        with pytest.raises(StrategyError, match="'mean' was not declared"):
            view.feature("mean")

    play_rolled(scripted({}, watch), sheet_root())
