"""Margins: the published figures of exchanges and brokers, to the cent."""

from __future__ import annotations

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.options import (
    STRUCTURES,
    Costs,
    MarginClass,
    StrategyMargin,
    grid_margin,
    pnl_curve,
    position_of,
    select_structure,
    strategy_margin,
)
from argus.options._valuation import black_greeks
from tests.options.pop_market import made_chain

IBM, SPX = 97.73, 1451.19
INDEX = MarginClass.BROAD_INDEX


def _margin(
    spot: float, legs: list[tuple[int, float, float, float]], kind: MarginClass = MarginClass.EQUITY
) -> StrategyMargin:
    right, units, strike, price = zip(*legs, strict=True)
    return strategy_margin(
        position_of("it", spot, right=right, quantity=units, strike=strike, years=0.1, price=price), kind
    )


# "Margin Requirement Examples for Sample Options-based Positions", published with the start of portfolio margining:
# the deposits for 100 contracts. The level of the index is the one that its figures state for the uncovered put.
PUBLISHED = {
    "short call": (IBM, [(1, -1, 100, 1.68)], MarginClass.EQUITY, 172_760),
    "short put": (IBM, [(-1, -1, 100, 3.18)], MarginClass.EQUITY, 195_460),
    "covered call": (IBM, [(0, 1, 0, IBM), (1, -1, 100, 1.68)], MarginClass.EQUITY, 471_850),
    "protective put": (IBM, [(0, 1, 0, IBM), (-1, 1, 95, 1.02)], MarginClass.EQUITY, 498_850),
    "synthetic long": (IBM, [(1, 1, 100, 1.68), (-1, -1, 100, 3.18)], MarginClass.EQUITY, 212_260),
    "risk reversal": (IBM, [(-1, 1, 95, 1.02), (1, -1, 105, 0.40)], MarginClass.EQUITY, 132_960),
    "collar": (IBM, [(0, 1, 0, IBM), (-1, 1, 95, 1.02), (1, -1, 105, 0.40)], MarginClass.EQUITY, 494_850),
    "call spread": (IBM, [(1, 1, 95, 4.53), (1, -1, 105, 0.40)], MarginClass.EQUITY, 41_300),
    "index call": (SPX, [(1, -1, 1460, 21.66)], INDEX, 2_088_685),
    "index put": (SPX, [(-1, -1, 1460, 22.55)], INDEX, 2_176_785),
    "index synthetic": (SPX, [(1, 1, 1460, 21.66), (-1, -1, 1460, 22.55)], INDEX, 2_393_385),
    "index risk reversal": (SPX, [(-1, 1, 1450, 18.72), (1, -1, 1500, 5.96)], INDEX, 1_875_885),
    "index call spread": (SPX, [(1, 1, 1450, 27.57), (1, -1, 1500, 5.96)], INDEX, 216_100),
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_deposits(name: str) -> None:
    spot, legs, kind, deposit = PUBLISHED[name]
    assert round(1e4 * _margin(spot, legs, kind).deposit, 2) == deposit


def test_an_uncovered_strangle() -> None:
    # tastyworks, "Margin requirements for a short straddle or strangle": 910 for the call, the put's premium of 120.
    margin = _margin(45.0, [(1, -1, 47, 2.10), (-1, -1, 43, 1.20)])
    assert 100 * margin.requirement == pytest.approx(1_030)
    assert 100 * margin.deposit == pytest.approx(700)


def test_the_least_charge_of_a_put_is_of_its_strike() -> None:
    # The same page: the floor of the 43 put alone is 10 % of 43.
    far = _margin(100.0, [(-1, -1, 70, 0.20)])
    assert far.uncovered == pytest.approx(7.0)
    assert _margin(100.0, [(1, -1, 130, 0.20)]).uncovered == pytest.approx(10.0)


def test_a_short_butterfly_is_charged_its_credit_spread() -> None:
    # tastyworks, "Margin requirement when trading a butterfly": 1,500 for three.
    margin = _margin(80.0, [(-1, -3, 75, 1.5), (-1, 6, 80, 4.0), (-1, -3, 85, 6.0)])
    assert 100 * margin.spread == pytest.approx(1_500)
    assert margin.uncovered == 0.0


def test_an_iron_condor_is_charged_one_side() -> None:
    # Interactive Brokers, "Iron condor": ten of 160/170/180/190 take 10,000.
    legs = [(-1, 10, 160, 0.1), (-1, -10, 170, 0.5), (1, -10, 180, 0.5), (1, 10, 190, 0.1)]
    assert 100 * _margin(175.0, legs).spread == pytest.approx(10_000)


def test_a_long_option_covers_only_while_it_lives() -> None:
    def calendar(near: float, far: float) -> float:
        made = position_of(
            "c", 100.0, right=1, quantity=[-1, 1], strike=100, years=[near, far], price=[2.0, 3.0], vol=0.2
        )
        return strategy_margin(made).deposit

    assert calendar(0.1, 0.2) == pytest.approx(1.0)
    assert calendar(0.2, 0.1) == pytest.approx(20.0 + 3.0)


def test_a_backspread_and_a_jade_lizard() -> None:
    back = _margin(100.0, [(1, -1, 100, 3.0), (1, 2, 105, 1.0)])
    assert back.spread == pytest.approx(5.0)
    assert back.deposit == pytest.approx(5.0 - 1.0)
    lizard = _margin(100.0, [(-1, -1, 95, 1.5), (1, -1, 105, 1.5), (1, 1, 107, 0.9)])
    # The put alone 20 - 5, the calls their width, the bought call its price less the credit of the other.
    assert lizard.deposit == pytest.approx(15.0 + 2.0 + 0.9 - 1.5)


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_a_deposit_covers_the_loss_of_what_is_a_spread(name: str) -> None:
    position = select_structure(name, made_chain()).position
    assert position is not None
    margin = strategy_margin(position)
    assert margin.deposit > 0.0
    assert margin.rules
    if margin.uncovered == 0.0 and margin.stock == 0.0 and position.has_one_expiry:
        free = pnl_curve(position).loss_max - position.commission(Costs())
        assert margin.deposit == pytest.approx(free)


def test_the_underlying_cannot_be_short() -> None:
    with pytest.raises(ConfigError, match="short underlying"):
        _margin(100.0, [(0, -1, 0, 100.0), (1, 1, 100, 2.0)])


def test_the_grid_finds_its_worst_corner() -> None:
    price = float(black_greeks(-1, 100.0, 95.0, 0.1, 0.2, 0.0, 0.0).value)
    made = position_of("p", 100.0, right=-1, quantity=-1, strike=95, years=0.1, price=price, vol=0.2)
    margin = grid_margin(made)
    worst = float(black_greeks(-1, 85.0, 95.0, 0.1, 0.3, 0.0, 0.0).value)
    assert margin.requirement == pytest.approx(worst - price)
    assert (margin.worst_move, margin.worst_vol_factor) == (-0.15, 1.5)
    far = position_of("f", 100.0, right=-1, quantity=-2, strike=10, years=0.01, price=0.01)
    assert grid_margin(far).requirement == pytest.approx(2 * 0.375)
    with pytest.raises(ConfigError, match="grid"):
        grid_margin(made, moves=(-1.0,))


def test_the_grid_loses_no_more_than_the_debit() -> None:
    price = black_greeks(np.array([1, -1]), 100.0, 100.0, 0.1, 0.2, 0.0, 0.0).value
    made = position_of("s", 100.0, right=[1, -1], quantity=1, strike=100, years=0.1, price=price)
    assert grid_margin(made).requirement < price.sum()
