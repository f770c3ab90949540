"""Stresses that trade again: on a real replay, small markets, one strategy with an edge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.core.instruments import instrument
from argus.core.intents import Cancel, Intent, OrderRequest
from argus.core.orders import OrderType, Side, TimeInForce
from argus.core.ports import Strategy, View
from argus.engine.config import CostModel, RunConfig, SpreadModel
from argus.engine.market import Market
from argus.engine.record import RunRecord
from argus.engine.replay import run
from argus.lab.journal.trials import MemoryTrialLedger
from argus.lab.search.play import Change, PlainPlay
from argus.lab.stress.capacity import capacity_of
from argus.lab.stress.cost_stress import cost_stress, raised_to_reference
from argus.lab.stress.delay import Delayed, delay_stress
from argus.lab.stress.perturbation import jittered, perturbation_stress, with_bars_dropped
from argus.lab.stress.replays import MakeStrategy, outcome_of
from argus.lab.stress.robustness import RobustnessSettings, Subject, robustness, trade_results
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits, VolatilityTarget
from tests.lab.markets import Fade, config, daily_bars, market_of, noise, reverting

MARKET = market_of(daily_bars(reverting(500, 2)))
CONFIG = config(20_000_000, slippage_ticks=1)
SPEC, BARS = MARKET["ES"]


def again(
    make: MakeStrategy, settings: RunConfig, purpose: str, change: Change | None = None, market: Market = MARKET
) -> RunRecord:
    play = PlainPlay(market)
    return (play if change is None else play.changed(change)).run(
        make(),
        settings,
        sizer=VolatilityTarget(),
        risk=LimitRiskPolicy(),
        trials=MemoryTrialLedger(),
        purpose=purpose,
    )


def fade() -> Strategy:
    return Fade({})


RECORD = again(fade, CONFIG, "walk_forward")


class Resting(Fade):
    """A limit order below the market at each wake-up, withdrawn at the next; adds on a fill."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.spec = replace(self.spec, name="resting", wakes_on_fill=True)
        self.count = 0

    def wake(self, view: View) -> Sequence[Intent]:
        self.count += 1
        price = float(view.bars("ES", 1).close[-1]) - 10.0
        order = OrderRequest(
            "ES",
            Side.BUY,
            OrderType.LIMIT,
            1.0,
            limit_price=price,
            time_in_force=TimeInForce.GTC,
            order_key=str(self.count),
        )
        return [Cancel(str(self.count - 1)), order] if self.count > 1 else [order]

    def filled(self, fill: object, view: View) -> Sequence[Intent]:
        units = view.position("ES").units
        return [OrderRequest("ES", Side.SELL, OrderType.MARKET, units)] if units > 0 else ()


def _same(one: RunRecord, other: RunRecord) -> bool:
    tables = ("decisions", "orders", "fills", "journal", "trades", "equity_micros", "cash_micros")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in tables)


@pytest.mark.parametrize("kind", [Fade, Resting])
def test_no_delay_is_the_strategy_to_the_bit(kind: type[Fade]) -> None:
    plain = again(lambda: kind({}), CONFIG, "search")
    assert len(plain.fills) > 20
    late = again(lambda: Delayed(kind({}), 0), CONFIG, "search")
    assert _same(plain, late)
    # The manifest names the class that was run; all else of it is the same.
    assert {**plain.manifest.strategy, "source": ""} == {**late.manifest.strategy, "source": ""}
    assert not _same(plain, again(lambda: Delayed(kind({}), 1), CONFIG, "search"))


@pytest.mark.parametrize("wakes", [1, 2])
def test_orders_come_so_many_wakes_late(wakes: int) -> None:
    units = FixedUnits()

    def orders(make: MakeStrategy) -> list[tuple[int, int, int]]:
        made = run(make(), MARKET, CONFIG, sizer=units, risk=LimitRiskPolicy(), trials=MemoryTrialLedger())
        return [(int(o["ts_submit_ns"]), int(o["side"]), int(o["quantity_lots"])) for o in made.orders]

    plain, late = orders(fade), orders(lambda: Delayed(Fade({}), wakes))
    row = {int(ts): number for number, ts in enumerate(BARS.ts_recv_ns)}
    shifted = [(int(BARS.ts_recv_ns[row[ts] + wakes]), side, lots) for ts, side, lots in plain if row[ts] + wakes < 500]
    assert late == shifted
    assert run_id(Delayed(Fade({}), wakes)) != run_id(Fade({}))


def run_id(strategy: Strategy) -> str:
    return again(lambda: strategy, CONFIG, "robustness").manifest.run_id


def test_resting_orders_and_answers_to_fills_can_be_late() -> None:
    late = again(lambda: Delayed(Resting({}), 2), CONFIG, "robustness")
    assert len(late.fills) > 20
    assert len(late.orders) < len(again(lambda: Resting({}), CONFIG, "search").orders)


def test_an_edge_of_one_day_does_not_survive_a_delay() -> None:
    found = delay_stress(again, fade, CONFIG, RECORD, per_year=252.0)
    assert [one.name for one in found.outcomes] == ["0", "1", "2"]
    assert found.outcomes[0].sharpe_annual > 2.0
    assert found.figure < 0.3 * found.outcomes[0].sharpe_annual
    assert len({one.run_id for one in found.outcomes}) == 3
    with pytest.raises(ConfigError, match="wakes is -1"):
        Delayed(Fade({}), -1)


@pytest.mark.parametrize("half", [0, 1, 3])
def test_jitter_keeps_grid_order_and_everything_else(half: int) -> None:
    moved = jittered(SPEC, BARS, 5, half)
    assert jittered(SPEC, BARS, 5, half).content_hash == moved.content_hash
    tick = float(SPEC.tick_size)
    for name in ("open", "high", "low", "close"):
        ticks = getattr(moved, name) / tick
        assert (ticks == np.round(ticks)).all()
    for name in ("open", "close"):
        steps = np.round((getattr(moved, name) - getattr(BARS, name)) / tick).astype(int)
        assert set(steps.tolist()) == set(range(-half, half + 1))
    assert (moved.low <= np.minimum(moved.open, moved.close)).all()
    assert (moved.high >= np.maximum(moved.open, moved.close)).all()
    assert moved.volume is BARS.volume
    if half:
        assert jittered(SPEC, BARS, 6, half).content_hash != moved.content_hash
    closes = daily_bars(noise(50, 1), observed="closes")
    assert np.isnan(jittered(SPEC, closes, 1, half).open).all()
    assert (jittered(SPEC, daily_bars(noise(400, 1), price=1.0), 1, half).low > 0.0).all()


def test_dropped_bars_are_missing_and_the_rest_is_as_it_was() -> None:
    left = with_bars_dropped(BARS, 3, 0.1)
    assert 420 < len(left) < 480
    kept = np.isin(BARS.ts_event_ns, left.ts_event_ns)
    assert kept[0]
    assert kept[-1]
    for name in ("open", "close", "volume", "session", "session_end"):
        assert (getattr(left, name) == getattr(BARS, name)[kept]).all()
    assert with_bars_dropped(BARS, 3, 0.0).content_hash == BARS.content_hash
    with pytest.raises(ConfigError, match="share"):
        with_bars_dropped(BARS, 3, 1.0)
    with pytest.raises(ConfigError, match="half_spread_ticks"):
        jittered(SPEC, BARS, 1, -1)


def test_an_edge_of_a_per_cent_a_day_survives_a_tick() -> None:
    found = perturbation_stress(again, fade, CONFIG, RECORD, per_year=252.0)
    assert len(found.outcomes) == 5
    assert 0.8 < found.kept <= 1.2
    assert found.figure == min(one.sharpe_annual for one in found.outcomes[1:])


def test_costs_of_zero_are_stressed_at_what_the_instrument_costs() -> None:
    free = CostModel(fee_per_unit=Decimal(0))
    raised, what = raised_to_reference(free, MARKET)
    assert raised.takes_schedule
    assert raised.slippage_ticks == 1
    assert what == ("fees of ES to their schedule", "slippage by 1 tick")
    found = cost_stress(again, fade, MARKET, replace(CONFIG, costs=free), per_year=252.0)
    assert found.raised == what
    assert found.outcomes[0].fees > 0.0
    nets = [one.net_pnl for one in found.outcomes]
    assert nets == sorted(nets, reverse=True)
    assert found.figure == nets[-1]
    assert nets[0] < again(fade, replace(CONFIG, costs=free), "search").net_pnl_micros / 1e6


def test_declared_costs_above_the_reference_stay() -> None:
    dear = CostModel(
        fee_per_unit=Decimal("9"), spread=SpreadModel(by_instrument=(("ES", Decimal("1.5")),)), multiplier=Decimal(2)
    )
    assert raised_to_reference(dear, MARKET) == (dear, ())
    by_rate = CostModel(fee_rate=Decimal("0.001"), slippage_rate=Decimal("0.0002"))
    assert raised_to_reference(by_rate, MARKET) == (by_rate, ())
    own = CostModel(slippage_ticks=1)
    assert raised_to_reference(own, MARKET) == (own, ())


def test_mixed_declarations_take_the_higher_of_each_part() -> None:
    both = {**MARKET, "MES": (instrument("MES"), replace(BARS, instrument="MES"))}
    # Above what MES costs, below what ES costs.
    some = CostModel(fee_per_unit=Decimal("1.00"), slippage_ticks=2)
    raised, what = raised_to_reference(some, both)
    schedule = instrument("ES").fee_on(np.datetime64(int(BARS.session[-1]), "D").astype(object))
    assert schedule is not None
    assert raised.fee_per_unit == schedule.per_unit > 1
    assert what == ("fees of ES to their schedule",)
    with pytest.raises(ConfigError, match="first must be 1"):
        cost_stress(again, fade, MARKET, CONFIG, per_year=252.0, multipliers=("2",))


def test_break_even_is_where_nothing_is_left() -> None:
    # Fixed size: trading does not depend on costs, so the estimate is exact but for rounding to two decimals.
    def fixed(make: MakeStrategy, settings: RunConfig, purpose: str, change: Change | None = None) -> RunRecord:
        assert change is None
        return run(make(), MARKET, settings, sizer=FixedUnits(), risk=LimitRiskPolicy(), trials=MemoryTrialLedger())

    fees_only = replace(CONFIG, costs=CostModel(fee_per_unit=Decimal("5")))
    found = cost_stress(fixed, fade, MARKET, fees_only, per_year=252.0, slippage_ticks=0)
    assert found.confirmed is not None
    assert found.break_even_multiplier > 2.0
    assert abs(found.confirmed.net_pnl) <= 0.0051 * found.outcomes[0].fees


def test_capacity_is_linear_in_the_limit() -> None:
    one, two = capacity_of(RECORD, MARKET, limit=0.01), capacity_of(RECORD, MARKET, limit=0.02)
    assert two.figure == pytest.approx(2.0 * one.figure)
    assert one.multiple * one.participation_max == pytest.approx(0.01)
    # Another market than the run's is refused, so a run on closes alone is made for the unknown case.
    empty = again(lambda: Fade({"days": 50}), CONFIG, "search", market=market_of(daily_bars(noise(40, 1))))
    assert math.isnan(capacity_of(empty, market_of(daily_bars(noise(40, 1)))).figure)


def test_everything_together() -> None:
    subject = Subject(fade, MARKET, CONFIG, RECORD, 252.0, sizes_on_equity=True)
    settings = RobustnessSettings(paths=500, perturbations=1, delays=(1,))
    found = robustness(subject, again, settings)
    assert set(found.parts()) == {"paths", "costs", "delay", "perturbed", "regimes", "concentration", "capacity"}
    assert all(isinstance(part.figure, float) and part.sentence.endswith(".") for part in found.parts().values())
    assert repr(found) == repr(robustness(subject, again, replace(settings, workers=1)))
    assert found.paths is not None
    assert found.paths.results[0].trades == int((RECORD.trades["is_open"] == 0).sum())


def test_trade_results_add_up_to_the_run() -> None:
    closed = RECORD.trades[RECORD.trades["is_open"] == 0]
    plain = trade_results(RECORD)
    assert plain.sum() == pytest.approx(closed["net_micros"].sum() / 1e6)
    sized = trade_results(RECORD, at_opening_size=True)
    assert len(sized) == len(plain)
    assert (np.sign(sized) == np.sign(plain)).all()
    assert outcome_of("x", RECORD, 252.0).net_pnl == RECORD.net_pnl_micros / 1e6
