"""docs/fills.md sentence by sentence: half-spreads, impact, fees by component, borrow fees and interest.

Every expected number is worked out by hand; `play` runs both engines and holds them to each other. A tick of one MES is
worth 1.25, one of AAPL 0.01.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from argus.core.fees import FeeComponent, FeeName
from argus.core.instruments import InstrumentSpec, instrument
from argus.engine.config import ImpactModel, SpreadModel
from argus.engine.costs import impact_scale
from tests.oracle.by_hand import DAY_ONE, DOLLAR, HOUR, T0, costs, flat, market, order, play
from tests.oracle.cases import cost_model
from tests.oracle.settings import Settings
from tests.oracle.world import EPOCH

SCHEDULE = {"fee_per_unit": None, "fee_rate": None, "fee_minimum": None}
FIRST_DAY = EPOCH + timedelta(days=DAY_ONE)


def spread(ticks: str) -> SpreadModel:
    return SpreadModel(half_spread_ticks=Decimal(ticks))


# ------------------------------------------------------------------------------------------------------- half-spreads


@pytest.mark.parametrize(
    ("half_spread", "slippage", "multiplier", "price", "impact"),
    [
        ("1", 0, "1", 101, 0),
        ("0.25", 0, "1", 100, 312_500),  # a quarter of 1.25 dollars
        ("0.5", 1, "1.5", 102, 312_500),  # 1.5 + 0.75 ticks
        ("0.5", 1, "0", 100, 0),
        ("0.0001", 0, "1", 100, 1_250),  # rounded up to a thousandth
        ("0.3333", 0, "2", 100, 833_750),  # 666.6 thousandths are 667
        ("0.75", 0, "2", 101, 625_000),
    ],
)
def test_a_half_spread_is_paid_in_ticks_and_the_rest_in_cash(
    half_spread: str, slippage: int, multiplier: str, price: int, impact: int
) -> None:
    rules = costs(slippage_ticks=slippage, multiplier=multiplier, spread=spread(half_spread))
    result = play(market("MES", *flat(100, 3)), {0: [order("MARKET", 1)]}, **rules)
    assert [(fill.price, fill.impact) for fill in result.fills] == [(price, impact)]


def test_who_provides_the_price_pays_no_half_spread() -> None:
    bars = market("MES", *flat(100), (100, 110, 90, 100), *flat(100))
    orders = [order("LIMIT", 1, limit=95), order("STOP", 1, stop=105, key="b"), order("LIMIT", 1, limit=101, key="c")]
    result = play(bars, {0: orders}, **costs(spread=spread("1.5")))
    assert [(fill.rule, fill.price, fill.impact) for fill in result.fills] == [
        ("LIMIT_AT_OPEN", 101, 625_000),
        ("STOP_TOUCHED", 106, 625_000),
        ("LIMIT_THROUGH", 95, 0),
    ]


def test_a_half_spread_by_instrument() -> None:
    model = SpreadModel(half_spread_ticks=Decimal(3), by_instrument=(("ES", Decimal(1)),))
    bars = [market("MES", *flat(100, 3)), market("ES", *flat(100, 3))]
    script = {0: [order("MARKET", 1), order("MARKET", 1, symbol="ES", key="b")]}
    assert [fill.price for fill in play(bars, script, **costs(spread=model)).fills] == [103, 101]


# ------------------------------------------------------------------------------------------------------------- impact


def test_impact_grows_with_the_power_of_one_and_a_half() -> None:
    rows = [(100, 100, 100, 100), (100, 110, 100, 110), (110, 110, 99, 99), (99, 120, 99, 120), *flat(120, 2)]
    bars = market("MES", *rows, sessions=[0, 1, 2, 3, 4, 5])
    model = ImpactModel(Decimal(1), 2)
    scale = impact_scale(instrument("MES"), bars, cost_model(Settings(impact=model)))
    assert scale is not None
    assert scale[4] > 0
    result = play(bars, {3: [order("MARKET", 4), order("MARKET", 9, key="b")]}, **costs(impact=model))
    assert [fill.impact for fill in result.fills] == [round(float(scale[4]) * 8), round(float(scale[4]) * 9 * 3.0)]


# -------------------------------------------------------------------------------------------------- fees by component


def component(name: str = "commission", day: date = date.min, **numbers: Any) -> FeeComponent:
    figures: dict[str, Any] = {"per_unit": "0", "rate": "0", "minimum": "0", "maximum": None, **numbers}
    sells_only = bool(figures.pop("sells_only", False))
    amounts = {key: None if value is None else Decimal(value) for key, value in figures.items()}
    source = instrument("MES").fees[0].source
    return FeeComponent(name=FeeName(name), effective_date=day, sells_only=sells_only, source=source, **amounts)


def charged(*components: FeeComponent) -> dict[str, InstrumentSpec]:
    return {"MES": replace(instrument("MES"), fee_components=components)}


def fees(specs: dict[str, InstrumentSpec], *lots: int, multiplier: str = "1") -> list[int]:
    """Fees of orders of these lots at 8,000 ticks, 10,000 dollars a lot."""
    script = {0: [order("MARKET", number, key=str(i)) for i, number in enumerate(lots)]}
    bars = market("MES", *flat(8_000, 4), sessions=[0, 1, 2, 3])
    result = play(bars, script, specs=specs, multiplier=Decimal(multiplier), **SCHEDULE)
    return [fill.fee for fill in result.fills]


def test_components_add_up_and_each_is_rounded_by_itself() -> None:
    # Twice half a micro-unit rounds to nothing twice, once three halves to two.
    half = "0.0000005"
    assert fees(charged(component(per_unit=half), component("exchange", per_unit=half)), 1) == [0]
    assert fees(charged(component(per_unit=half), component("exchange", per_unit=half)), 3) == [4]
    assert fees(charged(component(per_unit="2"), component("nfa", rate="0.0001")), 2) == [6 * DOLLAR]


@pytest.mark.parametrize(("lots", "fee"), [(1, 1_500_000), (2, 2_000_000), (4, 3_000_000)])
def test_a_component_has_a_least_and_a_largest_amount(lots: int, fee: int) -> None:
    assert fees(charged(component(per_unit="1", minimum="1.5", maximum="3")), lots) == [fee]


def test_the_multiplier_scales_both_bounds() -> None:
    specs = charged(component(per_unit="1", minimum="1.5", maximum="3"))
    assert [fees(specs, lots, multiplier="2")[0] for lots in (1, 2, 4)] == [3 * DOLLAR, 4 * DOLLAR, 6 * DOLLAR]


def test_a_component_on_sales_costs_nothing_on_purchases_not_even_its_least() -> None:
    specs = charged(component(per_unit="1"), component("sec_section_31", rate="0.0001", minimum="2", sells_only=True))
    # 10,000 dollars a lot: one dollar on the first sale, raised to two; three on the last.
    assert fees(specs, 1, -1, -3) == [DOLLAR, 3 * DOLLAR, 6 * DOLLAR]


def test_each_component_has_dates_of_its_own() -> None:
    specs = charged(
        component(per_unit="1"),
        component(day=FIRST_DAY + timedelta(days=2), per_unit="2"),
        component("clearing", FIRST_DAY + timedelta(days=1), per_unit="10"),
    )
    bars = market("MES", *flat(100, 5), sessions=[0, 0, 1, 2, 3])
    script = {i: [order("MARKET", 1, key=str(i))] for i in range(3)}
    result = play(bars, script, specs=specs, **SCHEDULE)
    assert [fill.fee for fill in result.fills] == [DOLLAR, 11 * DOLLAR, 12 * DOLLAR]


def test_a_run_with_fees_of_its_own_pays_no_component() -> None:
    specs = charged(component(per_unit="7"), component("nfa", per_unit="7"))
    result = play(market("MES", *flat(100, 3)), {0: [order("MARKET", 2)]}, specs=specs, fee_minimum=Decimal(3))
    assert [fill.fee for fill in result.fills] == [3 * DOLLAR]


# ---------------------------------------------------------------------------------------------------------- financing


def test_a_short_position_pays_for_what_it_borrows_by_the_days_between_sessions() -> None:
    # Short 100 at 1,000 ticks, 1,000 dollars; the mark is 1,200 ticks after the first session: 1,200 x 0.36 x 3 / 360.
    bars = market("AAPL", *flat(1_000), (1_000, 1_200, 1_000, 1_200), *flat(1_200, 2), sessions=[0, 0, 3, 3])
    script = {0: [order("MARKET", -100, symbol="AAPL")]}
    result = play(bars, script, account="reg_t", borrow_rate=Decimal("0.36"))
    assert result.carry == -3_600_000
    assert [trade.carry for trade in result.trades] == [-3_600_000]
    assert result.trades[0].net == -200 * DOLLAR - 3_600_000


def test_the_multiplier_scales_what_is_borrowed_and_what_is_owed_but_not_what_is_earned() -> None:
    bars = market("AAPL", *flat(1_000, 4), sessions=[0, 0, 1, 1])
    rates = {"borrow_rate": Decimal("0.36"), "credit_rate": Decimal("0.36"), "debit_rate": Decimal("0.36")}
    rules = {"account": "reg_t", "multiplier": Decimal(2), **rates}
    short = play(bars, {0: [order("MARKET", -100, symbol="AAPL")]}, cash=2_600 * DOLLAR, **rules)
    # 3,600 dollars earn 3.60 a day; 1,000 borrowed cost 2.00.
    assert (short.interest, short.carry) == (3_600_000, -2_000_000)
    long = play(bars, {0: [order("MARKET", 300, symbol="AAPL")]}, cash=2_000 * DOLLAR, **rules)
    # 1,000 owed cost 2.00.
    assert (long.interest, long.carry) == (-2_000_000, 0)


def test_interest_comes_before_the_borrow_fee_and_is_rounded_half_even() -> None:
    # 500,000 micro-units for a day at 0.00036 over 360 are half a micro-unit: nothing. 1,500,000: one and a half, two.
    bars = market("MES", *flat(100, 3), sessions=[0, 1, 2])
    assert play(bars, {}, cash=500_000, credit_rate=Decimal("0.00036")).interest == 0
    assert play(bars, {}, cash=1_500_000, credit_rate=Decimal("0.00036")).interest == 4


def test_interest_is_paid_once_for_a_session_however_many_instruments_begin_it() -> None:
    late = [T0 + i * HOUR + 1 for i in range(4)]
    bars = [
        market("MES", *flat(100, 4), sessions=[0, 1, 2, 4]),
        market("ES", *flat(100, 4), sessions=[0, 1, 1, 4], starts=late),
    ]
    result = play(bars, {}, cash=360_000 * DOLLAR, credit_rate=Decimal("0.001"))
    # A dollar a day, for 1, 1 and 2 days, on what was earned before too: 1.000000, 1.000003 and 2.000011.
    assert result.interest == 4 * DOLLAR + 14


def test_a_late_settlement_comes_before_interest() -> None:
    # The session of bar 1 has no closing bar: its gain of 20 ticks, 25 dollars, is posted before interest is counted.
    rows = [*flat(100, 1), (100, 120, 100, 120), *flat(120, 2)]
    bars = market("MES", *rows, sessions=[0, 0, 1, 1], ends=(3,))
    result = play(bars, {0: [order("MARKET", 1)]}, cash=3_575 * DOLLAR, credit_rate=Decimal("0.36"))
    assert result.interest == 3_600_000


def test_futures_are_not_borrowed() -> None:
    bars = market("MES", *flat(100, 4), sessions=[0, 0, 1, 1])
    assert play(bars, {0: [order("MARKET", -1)]}, borrow_rate=Decimal("0.36")).carry == 0
