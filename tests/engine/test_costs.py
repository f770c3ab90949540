"""Columns of costs beside the bars: half-spread and impact, by hand, and blind to what was not over by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import instrument
from argus.core.time import day_number
from argus.engine.config import AccountKind, CostModel, ImpactModel, SpreadModel
from argus.engine.costs import half_spread_milliticks, impact_scale
from argus.engine.market import lay_out
from tests.engine.markets import Scripted, account, at_wakes, flat, market_of, order, play, random_bars


def spread_of(bars: Bars, multiplier: str = "1", **model: Any) -> list[int]:
    costs = CostModel(multiplier=Decimal(multiplier), spread=SpreadModel(**model))
    column = half_spread_milliticks(instrument(bars.instrument), bars, costs)
    assert column is not None
    assert column.dtype == np.int64
    return column.tolist()


# ---- half-spread


def test_without_a_model_there_is_no_column() -> None:
    bars = flat("ES", [4_000.0] * 5, volume=9.0)
    spec = instrument("ES")
    assert half_spread_milliticks(spec, bars, CostModel()) is None
    assert impact_scale(spec, bars, CostModel()) is None
    assert impact_scale(spec, bars, CostModel(impact=ImpactModel(Decimal(0)))) is None


def test_the_base_is_the_instrument_s_own_or_the_common_one_times_the_multiplier_rounded_up() -> None:
    bars = flat("ES", [4_000.0] * 2)
    assert spread_of(bars, half_spread_ticks=Decimal("0.5")) == [500, 500]
    own = (("NQ", Decimal(9)), ("ES", Decimal("0.25")))
    assert spread_of(bars, half_spread_ticks=Decimal("0.5"), by_instrument=own) == [250, 250]
    assert spread_of(bars, "1.5", half_spread_ticks=Decimal("0.5")) == [750, 750]
    assert spread_of(bars, "0.0001", half_spread_ticks=Decimal("0.5")) == [1, 1]
    assert spread_of(bars, "3", half_spread_ticks=Decimal("0.1")) == [300, 300], "a decimal is not rounded up"


def test_the_time_of_day_is_that_of_the_instrument_s_own_clock() -> None:
    # ES keeps Chicago's clock: bars at 14:00, 15:00, ... UTC are 08:00, 09:00 in winter and 09:00, 10:00 in summer.
    steps = (("08:30", Decimal(2)), ("10:00", Decimal(1)), ("17:00", Decimal(5)))
    for day, expected in ((date(2023, 1, 10), [5_000, 2_000, 1_000]), (date(2023, 7, 11), [2_000, 1_000, 1_000])):
        bars = flat("ES", [4_000.0] * 3, per_session=3, first_day=day_number(day))
        assert spread_of(bars, half_spread_ticks=Decimal(1), by_time=steps) == expected


@settings(max_examples=40)
@given(
    symbol=st.sampled_from(["ES", "SPY", "BTCUSD"]),
    day=st.dates(date(2001, 1, 1), date(2030, 1, 1)),
    starts=st.lists(st.integers(0, 1_439), min_size=1, max_size=5, unique=True).map(sorted),
)
def test_the_factor_is_that_of_the_last_start_up_to_the_bar_s_own(symbol: str, day: date, starts: list[int]) -> None:
    bars = flat(symbol, [100.0] * 60, per_session=20, minutes=30, first_day=day_number(day))
    steps = tuple((f"{at // 60:02}:{at % 60:02}", Decimal(1 + i)) for i, at in enumerate(starts))
    found = spread_of(bars, half_spread_ticks=Decimal(1), by_time=steps)
    zone = ZoneInfo(instrument(symbol).session.timezone)
    for ts, milli in zip(bars.ts_event_ns.tolist(), found, strict=True):
        local = datetime.fromtimestamp(ts // 10**9, UTC).astimezone(zone)
        minute = local.hour * 60 + local.minute
        before = [i for i, at in enumerate(starts) if at <= minute]
        assert milli == 1_000 * (1 + (before[-1] if before else len(starts) - 1))


def test_volatility_widens_the_spread_by_its_excess_over_the_long_run() -> None:
    closes = [100.0, 101.0, 100.0, 101.0, 100.0, 110.0, 99.0, 111.0, 111.0, 111.0, 111.0]
    bars = flat("SPY", closes)
    model = {"half_spread_ticks": Decimal(1), "vol_sensitivity": Decimal("0.5"), "vol_short": 2, "vol_long": 5}
    found = spread_of(bars, **model)
    returns = np.diff(np.log(closes))
    for row, milli in enumerate(found):
        factor = 1.0
        if row - 1 >= 5:  # `row` sessions are over, which are `row - 1` returns
            known = returns[: row - 1]
            factor += 0.5 * max(0.0, float(np.std(known[-2:]) / np.std(known[-5:])) - 1.0)
        assert milli == np.ceil(round(1_000 * factor, 6))
    assert max(found) > 1_000


MODELS = {
    "spread": CostModel(spread=SpreadModel(Decimal(1), vol_sensitivity=Decimal(2), vol_short=2, vol_long=4)),
    "impact": CostModel(impact=ImpactModel(Decimal(1), window=4)),
}


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), session=st.integers(2, 11), data=st.data())
def test_what_is_not_over_moves_no_cost(name: str, seed: int, session: int, data: st.DataObject) -> None:
    bars = random_bars(seed, "SPY", 60, level=40_000, step=400, per_session=5, minutes=60, volume=1_000.0)
    first = 5 * session
    columns = {field: getattr(bars, field).copy() for field in ("open", "high", "low", "close", "volume")}
    random = np.random.Generator(np.random.Philox(key=seed + 1))
    for column in columns.values():
        column[first:] *= random.uniform(0.5, 2.0, 60 - first)
    columns["high"][first:], columns["low"][first:] = 10**6, 1.0
    if data.draw(st.booleans()):
        columns["close"][first + 4] = np.nan
    other = replace(bars, **columns)
    make = half_spread_milliticks if name == "spread" else impact_scale
    one, two = (make(instrument("SPY"), each, MODELS[name]) for each in (bars, other))
    assert one is not None
    assert two is not None
    within = slice(0, first + 5)
    np.testing.assert_array_equal(one[within], two[within])


@pytest.mark.parametrize("name", MODELS)
def test_the_future_moves_no_cost_even_where_a_close_is_missing(name: str) -> None:
    bars = random_bars(3, "SPY", 60, level=40_000, step=400, per_session=5, minutes=60, volume=1_000.0)
    close = bars.close.copy()
    close[[14, 25, 26, 27, 28, 29]] = np.nan
    gappy = replace(bars, close=close)
    make = half_spread_milliticks if name == "spread" else impact_scale
    cut = make(instrument("SPY"), gappy.rows(0, 45), MODELS[name])
    whole = make(instrument("SPY"), gappy, MODELS[name])
    assert cut is not None
    assert whole is not None
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(cut, whole[:45])


# ---- impact


def test_impact_by_hand() -> None:
    # Closes move by 2, 4, 4; a session trades 500 shares. Before session 3: sqrt((4 + 16) / 2) of 500 shares a session.
    closes = [400.0, 402.0, 398.0, 402.0, 402.0]
    bars = flat("SPY", closes, volume=500.0)
    scale = impact_scale(instrument("SPY"), bars, CostModel(impact=ImpactModel(Decimal("0.5"), 20)))
    assert scale is not None
    first = 0.5 * 2.0 * 1e6 / 500**0.5
    expected = [first, first, first, 0.5 * 10**0.5 * 1e6 / 500**0.5, 0.5 * 12**0.5 * 1e6 / 500**0.5]
    np.testing.assert_allclose(scale, expected, rtol=1e-12)


def test_impact_forgets_what_lies_before_its_window() -> None:
    closes = [400.0, 450.0, 451.0, 452.0, 453.0, 454.0]
    bars = flat("SPY", closes, volume=100.0)
    scale = impact_scale(instrument("SPY"), bars, CostModel(impact=ImpactModel(Decimal(1), 2)))
    assert scale is not None
    np.testing.assert_allclose(scale[-2:], [1e6 / 10.0] * 2, rtol=1e-12)


def test_impact_is_in_the_value_of_the_instrument() -> None:
    closes = [4_000.0, 4_010.0, 4_000.0, 4_010.0]
    config = CostModel(impact=ImpactModel(), multiplier=Decimal(2))
    es, mes = (impact_scale(instrument(name), flat(name, closes, volume=400.0), config) for name in ("ES", "MES"))
    assert es is not None
    assert mes is not None
    np.testing.assert_allclose(es, [2 * 10.0 * 50e6 / 20.0] * 4, rtol=1e-12)
    np.testing.assert_allclose(es, 10 * mes, rtol=1e-12)
    coin = replace(instrument("BTCUSD"), lot_size=Decimal("0.01"))
    scale = impact_scale(coin, flat("BTCUSD", closes, volume=4.0), config)
    assert scale is not None
    np.testing.assert_allclose(scale, [2 * 10.0 * 0.01e6 / 20.0] * 4, rtol=1e-12)


def test_an_order_pays_the_impact_of_its_size() -> None:
    bars = flat("SPY", [400.0, 402.0, 400.0, 402.0, 400.0, 402.0], volume=10_000.0)
    costs = CostModel(fee_per_unit=Decimal(0), impact=ImpactModel())
    script = at_wakes({3: [order("SPY", 100)]})
    record = play(Scripted(["SPY"], script), market_of(bars), account(100_000, AccountKind.CASH, costs=costs))
    # 2 dollars a share of volatility, a hundredth of the volume: a tenth of it, on 100 shares.
    assert record.fills["impact_micros"].tolist() == [20_000_000]


@pytest.mark.parametrize(
    ("bars", "kind", "words"),
    [
        (flat("SPY", [400.0, 401.0, 402.0]), CoverageError, "SPY: the impact model needs volume"),
        (flat("SPY", [400.0, 401.0], volume=5.0), ConfigError, "SPY: the impact model needs three sessions of data"),
        (flat("SPY", [400.0] * 5, volume=0.0), CoverageError, "SPY: the impact model finds no session with volume"),
        (flat("SPY", [float("nan")] * 5, volume=5.0), CoverageError, "SPY: the impact model finds no session"),
    ],
)
def test_data_that_no_impact_can_be_learned_from_are_refused(bars: Bars, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        impact_scale(instrument("SPY"), bars, CostModel(impact=ImpactModel()))


def test_the_columns_lie_beside_the_bars_of_each_instrument() -> None:
    spread = SpreadModel(Decimal(1), by_instrument=(("CL", Decimal("0.5")),))
    config = account(1_000_000, costs=CostModel(spread=spread, impact=ImpactModel()))
    market = market_of(
        random_bars(1, "ES", 10, volume=50.0), random_bars(2, "CL", 8, level=3_000, volume=50.0, per_session=2)
    )
    arrays = lay_out(market, ("ES", "CL", "ES"), config)
    assert arrays.spread.tolist() == [1_000] * 10 + [500] * 8
    alone = [impact_scale(*market[symbol], config.costs) for symbol in ("ES", "CL")]
    np.testing.assert_array_equal(arrays.impact, np.concatenate([column for column in alone if column is not None]))
