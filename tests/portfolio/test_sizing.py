from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError, OrderError
from argus.core.intents import Close, Forecast, Target
from argus.core.money import MICROS
from argus.core.orders import OrderType, Side, TimeInForce
from argus.core.ports import Sizer
from argus.portfolio import FixedUnits, VolatilityTarget
from tests.portfolio.account import SmallAccount, SmallPosition, SmallView


def view(
    symbol: str = "ES",
    held: float = 0.0,
    pending: float = 0.0,
    price: float = 5_000.0,
    equity: int = 1_000_000,
) -> SmallView:
    return SmallView({symbol: SmallPosition(held, pending, price)}, SmallAccount(equity_micros=equity * MICROS))


def signed(requests: object) -> float:
    """Units asked for by the one order, with their sign; 0 for no order."""
    orders = list(requests)  # type: ignore[call-overload]
    assert len(orders) <= 1
    return sum(int(order.side) * order.units for order in orders)


@pytest.mark.parametrize(
    ("held", "pending", "direction", "asked"),
    [
        (0, 0, 1.0, 2),
        (0, 0, -1.0, -2),
        (2, 0, 1.0, 0),
        (2, 0, -1.0, -4),
        (2, 0, 0.0, -2),
        (0, 2, 1.0, 0),  # already on its way
        (0, 1, 1.0, 1),  # partly on its way
        (2, -2, 1.0, 2),  # a sale on the next open is pending: the purchase on the close is whole
        (2, -4, -1.0, 0),
        (0, 2, -1.0, -4),
    ],
)
def test_orders_make_up_the_difference_to_what_is_held_and_pending(
    held: float, pending: float, direction: float, asked: float
) -> None:
    assert signed(FixedUnits(2).size(Forecast("ES", direction), view(held=held, pending=pending))) == asked


def test_an_order_carries_what_the_intent_says() -> None:
    intent = Forecast("ES", -1.0, execution=OrderType.MARKET_ON_CLOSE, tag="why")
    (order,) = FixedUnits(3).size(intent, view())
    assert (order.instrument, order.side, order.type, order.units) == ("ES", Side.SELL, OrderType.MARKET_ON_CLOSE, 3.0)
    assert (order.tag, order.time_in_force, order.limit_price, order.stop_price) == ("why", TimeInForce.DAY, None, None)


@pytest.mark.parametrize(
    ("symbol", "units", "direction", "asked"),
    [
        ("ES", 3, 0.99, 2),
        ("ES", 3, -0.99, -2),
        ("ES", 1, 0.5, 0),
        ("BTCUSD", 0.3, 1.0, 0.3),
        ("BTCUSD", 0.1, 0.123456789, 0.01234567),
        ("BTCUSD", 1, -1e-9, 0),
    ],
)
def test_units_are_rounded_toward_zero_to_lots(symbol: str, units: float, direction: float, asked: float) -> None:
    assert signed(FixedUnits(units).size(Forecast(symbol, direction), view(symbol))) == asked


def test_confidence_scales() -> None:
    assert signed(FixedUnits(10).size(Forecast("ES", 1.0, confidence=0.35), view())) == 3


def test_targets_and_closes_state_their_own_position() -> None:
    for sizer in (FixedUnits(7), VolatilityTarget()):
        assert signed(sizer.size(Target("ES", units=-3.7), view(held=1))) == -4
        # 1,000,000 * 0.5 / (5,000 * 50) = 2
        assert signed(sizer.size(Target("ES", weight=0.5), view())) == 2
        assert signed(sizer.size(Target("ES", weight=-0.5), view())) == -2
        assert signed(sizer.size(Target("ES", weight=0.0), view(held=3, price=math.nan))) == -3
        assert signed(sizer.size(Close("ES"), view(held=5, pending=-2))) == -3
        assert signed(sizer.size(Close("ES"), view())) == 0
        assert "needs a positive one" in sizer.decide(Target("ES", weight=1.0), view(price=math.nan)).reason
        for bad in (Target("ES", units=math.nan), Target("ES", weight=math.inf)):
            with pytest.raises(OrderError, match="a finite number is needed"):
                sizer.size(bad, view())


def test_orders_with_a_price_do_not_come_from_sizing() -> None:
    with pytest.raises(OrderError, match="execution is LIMIT"):
        FixedUnits().size(Forecast("ES", 1.0, execution=OrderType.LIMIT), view())


@pytest.mark.parametrize(
    ("vol", "direction", "confidence", "asked"),
    [
        (0.10, 1.0, 1.0, 4),  # 1,000,000 * 0.1 / 0.1 / (5,000 * 50) = 4
        (0.20, 1.0, 1.0, 2),
        (0.16, -1.0, 1.0, -2),  # 2.5
        (0.10, 1.0, 0.5, 2),
        (0.10, -0.5, 1.0, -2),
        (0.001, 1.0, 1.0, 8),  # at most 2 times the capital
        (5.0, 1.0, 1.0, 0),  # less than one contract
        (0.10, 0.0, 1.0, 0),
    ],
)
def test_volatility_target(vol: float, direction: float, confidence: float, asked: float) -> None:
    intent = Forecast("ES", direction, vol_annual=vol, confidence=confidence)
    assert signed(VolatilityTarget().size(intent, view())) == asked


@pytest.mark.parametrize("vol", [math.nan, 0.0, -0.1, math.inf])
def test_without_a_volatility_there_is_no_position_and_a_reason(vol: float) -> None:
    intent = Forecast("ES", 1.0, vol_annual=vol)
    assert signed(VolatilityTarget().size(intent, view())) == 0
    assert signed(VolatilityTarget().size(intent, view(held=3))) == -3
    assert "no position: the forecast's volatility is" in VolatilityTarget().decide(intent, view()).reason


@pytest.mark.parametrize("price", [math.nan, 0.0, -37.63])
def test_without_a_positive_price_there_is_no_position_and_a_reason(price: float) -> None:
    decision = VolatilityTarget().decide(Forecast("CL", 1.0, vol_annual=0.3), view("CL", price=price))
    assert decision.order_lots == 0
    assert f"the last price is {price:g}" in decision.reason


def test_without_capital_there_is_no_position() -> None:
    assert signed(VolatilityTarget().size(Forecast("ES", 1.0, vol_annual=0.1), view(held=1, equity=-5))) == -1


def test_capital_is_split_over_the_instruments() -> None:
    intent = Forecast("ES", 1.0, vol_annual=0.1)
    assert signed(VolatilityTarget(instrument_count=2).size(intent, view())) == 2


def test_initial_capital_does_not_grow_but_shrinks() -> None:
    sizer = VolatilityTarget(capital="initial", capital_micros=1_000_000 * MICROS)
    intent = Forecast("ES", 1.0, vol_annual=0.1)
    assert signed(sizer.size(intent, view(equity=3_000_000))) == 4
    assert signed(sizer.size(intent, view(equity=500_000))) == 2
    assert signed(VolatilityTarget().size(intent, view(equity=3_000_000))) == 12


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        (100, 0),
        (90, 0),
        (110, 0),
        (89, 11),
        (111, -11),
        (0, 100),
        (-100, 200),
        (-1, 101),
    ],
)
def test_a_position_near_the_wanted_one_is_left_alone(held: float, asked: float) -> None:
    # 25,000,000 * 0.1 / 0.1 / (5,000 * 50) = 100
    intent = Forecast("ES", 1.0, vol_annual=0.1)
    assert signed(VolatilityTarget().size(intent, view(held=held, equity=25_000_000))) == asked
    assert signed(VolatilityTarget().size(intent, view(pending=held, equity=25_000_000))) == asked


def test_an_exit_is_never_left_alone() -> None:
    sizer = VolatilityTarget(buffer=0.99)
    assert signed(sizer.size(Forecast("ES", 0.0, vol_annual=0.1), view(held=1))) == -1
    assert signed(sizer.size(Close("ES"), view(held=1))) == -1


def test_a_decision_tells_what_was_made_of_an_intent() -> None:
    decision = VolatilityTarget().decide(Forecast("ES", 1.0, vol_annual=0.1), view(held=1, pending=1))
    assert (decision.target_lots, decision.held_lots, decision.pending_lots, decision.order_lots) == (4, 1, 1, 2)
    assert "10.0% target over 10.0% volatility is 1.00 times the share of 1,000,000.00" in decision.reason
    assert "less than one lot" in FixedUnits(0.5).decide(Forecast("ES", 1.0), view()).reason
    assert "nothing to do" in FixedUnits(1).decide(Forecast("ES", 1.0), view(held=1)).reason
    assert (
        "within 10%"
        in VolatilityTarget().decide(Forecast("ES", 1.0, vol_annual=0.1), view(held=99, equity=25_000_000)).reason
    )


@given(
    st.sampled_from(["ES", "CL", "BTCUSD", "SPY"]),
    st.floats(-1.0, 1.0),
    st.floats(0.01, 2.0),
    st.floats(1.0, 100_000.0),
    st.integers(-500, 500),
    st.integers(-500, 500),
)
def test_the_order_always_leads_to_the_target_or_nothing(
    symbol: str, direction: float, vol: float, price: float, held: int, pending: int
) -> None:
    seen = view(symbol, price=price)
    spec = seen.instrument(symbol)
    lot = float(spec.lot_size)
    seen = view(symbol, held * lot, pending * lot, price)
    sizer = VolatilityTarget()
    intent = Forecast(symbol, direction, vol_annual=vol)
    decision = sizer.decide(intent, seen)
    assert (decision.held_lots, decision.pending_lots) == (held, pending)
    assert decision.order_lots in (0, decision.target_lots - held - pending)
    assert decision.target_lots * direction >= 0
    notional = abs(decision.target_lots) * lot * price * float(spec.multiplier)
    assert notional <= abs(direction) * min(0.1 / vol, 2.0) * 1_000_000 * (1 + 1e-12)
    assert round(signed(sizer.size(intent, seen)) / lot) == decision.order_lots


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vol_target_annual": 0.0}, "vol_target_annual is 0.0; it must be positive"),
        ({"leverage_max": math.nan}, "leverage_max is nan"),
        ({"buffer": 1.0}, "buffer is 1.0"),
        ({"instrument_count": 0}, "instrument_count is 0"),
        ({"capital": "cash"}, "capital is 'cash'"),
        ({"capital": "initial"}, "capital_micros goes with capital=.initial. or .fixed."),
        ({"capital": "fixed"}, "capital_micros goes with capital='initial' or 'fixed'"),
        ({"capital_micros": 5}, "capital_micros goes with capital=.initial. or .fixed."),
        ({"capital": "initial", "capital_micros": -5}, "capital_micros is -5"),
    ],
)
def test_settings_out_of_range(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VolatilityTarget(**settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="units is -1"):
        FixedUnits(-1)


def test_sizers_fit_the_port_and_describe_themselves() -> None:
    sizers: list[Sizer] = [FixedUnits(2), VolatilityTarget()]
    assert [sizer.describe()["sizer"] for sizer in sizers] == ["fixed_units", "volatility_target"]
    assert sizers[0].describe()["units"] == 2
    assert sizers[1].describe()["vol_target_annual"] == 0.10
