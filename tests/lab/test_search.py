"""The compiled road of the search against the road in Python: orders, returns and trials, to the bit."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.errors import CoverageError
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.money import MICROS
from argus.core.ports import RiskPolicy, Sizer
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE
from argus.data.synthetic import Edge, SyntheticSpec, generate
from argus.engine.config import AccountConfig, AccountKind, RunConfig
from argus.engine.market import Market
from argus.lab.candidate import Candidate, Values
from argus.lab.journal.trials import MemoryTrialLedger, SqlTrialLedger
from argus.lab.search.parameter_search import Searched, search
from argus.lab.search.play import PlainPlay
from argus.lab.search.twins import compiled_twin, twins_of
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits, VolatilityTarget
from argus.strategies import SmaCross, create
from tests.lab.markets import Fade, config

GRIDS: Mapping[str, Sequence[Values]] = {
    "sma_cross": [{"fast": 1, "slow": 5}, {"fast": 5, "slow": 20}, {"fast": 10, "slow": 60}],
    "tsmom": [
        {"lookback": 10, "rebalance": 1},
        {"lookback": 20, "rebalance": 5, "execution": "moo"},
        {"lookback": 60, "rebalance": 20, "long_only": True, "execution": "moc"},
        {"lookback": 10, "rebalance": 3, "sessions_per_year": 365},
    ],
    "mean_reversion": [
        {"window": 5, "entry": 1.0},
        {"window": 10, "entry": 1.25, "exit": -0.5, "hold_max": 2, "trend": 50},
        {"window": 20, "entry": 0.5, "hold_max": 9, "long_only": True, "execution": "moc"},
    ],
    "overnight": [{"filter": word, "trend_window": 30} for word in ("none", "trend", "weekday", "both")],
}
CASH = 20_000_000
SIZERS: Mapping[str, Sizer] = {
    "units": FixedUnits(3.0),
    "fixed": VolatilityTarget(capital="fixed", capital_micros=CASH * MICROS),
    "initial": VolatilityTarget(capital="initial", capital_micros=CASH * MICROS // 4, buffer=0.3, instrument_count=2),
}


def silent(stage: str, done: int, total: int) -> None:
    """Nobody is told."""


@cache
def synthetic(symbol: str = "ES", sessions: int = 700, interval_ns: int = NS_PER_DAY, kind: str = "trend") -> Bars:
    edge = Edge(kind, 2.0, lookback=20)  # type: ignore[arg-type]
    price = 2_000.0 if symbol == "ES" else 30_000.0
    calendar = "weekdays" if symbol == "ES" else None
    spec = SyntheticSpec(
        symbol, interval_ns, date(2015, 1, 5), sessions, seed=3, price_start=price, edge=edge, calendar=calendar
    )
    return generate(spec)


@cache
def embedded() -> Market:
    """The embedded index."""
    from argus.app.audit import _embedded_market

    return _embedded_market(None)


def candidate(
    name: str,
    bars: Bars,
    sizer: Sizer,
    *,
    spec: InstrumentSpec | None = None,
    risk: RiskPolicy | None = None,
    run: RunConfig | None = None,
    grid: Sequence[Values] | None = None,
) -> Candidate:
    symbol = bars.instrument
    return Candidate(
        strategy=name,
        universe=(symbol,),
        market={symbol: (spec or instrument(symbol), bars)},
        config=run or config(CASH, slippage_ticks=1),
        sizer=sizer,
        risk=risk or LimitRiskPolicy(),
        grid=tuple(GRIDS[name] if grid is None else grid),
    )


def both(one: Candidate, ledger: Any = None) -> tuple[Searched, Searched]:
    """What both roads find, once their trials were found equal."""
    fast, slow = ledger or MemoryTrialLedger(), MemoryTrialLedger()
    found = search(one, fast, map, silent), search(one, slow, map, silent, compiled=False)
    assert repr(fast.journal()) == repr(slow.journal())
    return found


def assert_same(found: tuple[Searched, Searched]) -> None:
    fast, slow = found
    assert fast.matrix.order_hashes == slow.matrix.order_hashes
    assert fast.matrix.content_hash() == slow.matrix.content_hash()
    assert fast.matrix.returns.tobytes() == slow.matrix.returns.tobytes()
    assert repr(fast.runs) == repr(slow.runs)


@pytest.mark.parametrize("sizing", SIZERS)
@pytest.mark.parametrize("name", GRIDS)
def test_a_twin_is_its_strategy_on_a_synthetic_market(name: str, sizing: str) -> None:
    one = candidate(name, synthetic(kind="mean_reversion" if name == "mean_reversion" else "trend"), SIZERS[sizing])
    twins = twins_of(one, one.parameter_sets())
    assert twins is not None
    found = both(one)
    assert_same(found)
    assert sum(run.trades for run in found[0].runs) > 20
    assert len(set(found[0].matrix.order_hashes)) > 1


@pytest.mark.parametrize("name", GRIDS)
def test_a_twin_is_its_strategy_on_the_embedded_index(name: str) -> None:
    market = embedded()
    (symbol, (spec, bars)) = next(iter(market.items()))
    sizer = VolatilityTarget(capital="fixed", capital_micros=CASH * MICROS)
    run = RunConfig(account=AccountConfig(AccountKind.REG_T, CASH * MICROS))
    grid = [values for values in GRIDS[name] if values.get("execution") != "moo"][:2]
    one = candidate(name, bars.rows(0, 1_200), sizer, spec=spec, run=run, grid=grid)
    assert symbol == one.universe[0]
    assert_same(both(one))


def test_minutes_lots_of_a_coin_and_limits_are_the_same_on_both_roads() -> None:
    minutes = synthetic(sessions=6, interval_ns=5 * NS_PER_MINUTE)
    assert_same(both(candidate("sma_cross", minutes, FixedUnits(2.0))))
    assert_same(both(candidate("sma_cross", minutes, SIZERS["fixed"])))
    tight = LimitRiskPolicy(max_position_units=40.0)
    found = both(candidate("tsmom", synthetic(), SIZERS["fixed"], risk=tight))
    assert_same(found)
    coin = synthetic("BTCUSD", 500)
    cash = RunConfig(account=AccountConfig(AccountKind.CASH, 1_000_000 * MICROS))
    sizer = VolatilityTarget(capital="fixed", capital_micros=700_000 * MICROS)
    grid = [{"lookback": n, "rebalance": 1, "long_only": True, "sessions_per_year": 365} for n in (10, 30)]
    policy = LimitRiskPolicy(check_cash=True)
    one = candidate("tsmom", coin, sizer, run=cash, risk=policy, grid=grid)
    assert instrument("BTCUSD").lot_size < 1
    assert twins_of(one, one.parameter_sets()) is not None
    assert_same(both(one))


def test_an_account_that_lost_its_capital_goes_the_road_in_python() -> None:
    sizer = VolatilityTarget(capital="initial", capital_micros=CASH * MICROS)
    one = candidate("tsmom", synthetic(), sizer)
    twins = twins_of(one, one.parameter_sets())
    assert twins is not None
    assert not twins.holds(np.array([CASH * MICROS]))
    assert_same(both(one))


def test_both_roads_write_the_same_database() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqlTrialLedger(Path(folder) / "argus.db")
        assert_same(both(candidate("sma_cross", synthetic(), SIZERS["fixed"]), ledger))
        ledger.close()


def test_what_has_no_twin_is_replayed_in_python() -> None:
    bars = synthetic()
    plain = candidate("tsmom", bars, VolatilityTarget())
    assert twins_of(plain, plain.parameter_sets()) is None
    assert_same(both(plain))
    rated = candidate("tsmom", bars, SIZERS["units"], risk=LimitRiskPolicy(max_orders=5))
    assert twins_of(rated, rated.parameter_sets()) is None
    with_events = replace(plain, sizer=SIZERS["units"], replays=PlainPlay(plain.market, {"ES": ()}))
    assert twins_of(with_events, with_events.parameter_sets()) is None
    own = Candidate("fade", ("ES",), plain.market, plain.config, SIZERS["units"], LimitRiskPolicy(), make=Fade)
    assert twins_of(own, own.parameter_sets()) is None

    class Renamed(SmaCross):
        """Another strategy, whatever it inherits."""

    spec = instrument("ES")
    assert compiled_twin(create("sma_cross", ["ES"]), spec, bars, FixedUnits()) is not None
    assert compiled_twin(Renamed(["ES"]), spec, bars, FixedUnits()) is None
    holed = bars.close.copy()
    holed[5] = np.nan
    assert compiled_twin(create("sma_cross", ["ES"]), spec, replace(bars, close=holed), FixedUnits()) is None


def test_data_that_are_too_short_say_so_on_either_road() -> None:
    short = candidate("sma_cross", synthetic().rows(0, 3), FixedUnits(), grid=[{"fast": 5, "slow": 20}])
    for compiled in (True, False):
        with pytest.raises(CoverageError, match="never woken"):
            search(short, MemoryTrialLedger(), map, silent, compiled=compiled)
