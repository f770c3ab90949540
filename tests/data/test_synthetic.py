"""Synthetic markets: valid bars, the same bits however made, no edge where none is, the stated edge where one is."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, DataError
from argus.core.instruments import instrument
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, day_number
from argus.data.synthetic import (
    Dynamics,
    Edge,
    SyntheticSpec,
    Truth,
    blocks,
    generate,
    generate_many,
    reference_returns,
    truth,
)

START = date(2005, 1, 3)
YEARS_15 = 3_914
COLUMNS = [field.name for field in dataclasses.fields(Bars) if field.name not in ("instrument", "observed")]
FROZEN_HOURS = "34e05c4b1f4e9e4e1655e7ca0e04f4ef8518253602bebefae6d75484035a41b7"
FROZEN_TREND = "2d946e03965fdfbab793cdd8a4282b62de023815c5dd32eb9d5d80608388f06a"
PLAIN = Dynamics(slow=0.0, fast=0.0, tail=0.0, season=0.0, gap=0.0, bar_gap=0.0, volume_noise=0.0)


def market(
    sessions: int = 60,
    interval_ns: int = NS_PER_DAY,
    seed: int = 1,
    *,
    symbol: str = "ES",
    price_start: float = 4_000.0,
    calendar: str | None = "weekdays",
    **settings: object,
) -> SyntheticSpec:
    """A market of the S&P 500 future, unless said otherwise."""
    return SyntheticSpec(
        symbol,
        interval_ns,
        START,
        sessions,
        seed,
        price_start=price_start,
        calendar=calendar,
        **settings,  # type: ignore[arg-type]
    )


def digest(bars: Bars) -> str:
    """Hash of every column."""
    total = hashlib.sha256()
    for name in COLUMNS:
        total.update(np.ascontiguousarray(getattr(bars, name)).tobytes())
    return total.hexdigest()


def joined(pieces: Iterator[Bars]) -> str:
    """Hash of the columns of consecutive bars."""
    parts = list(pieces)
    total = hashlib.sha256()
    for name in COLUMNS:
        total.update(np.concatenate([getattr(part, name) for part in parts]).tobytes())
    return total.hexdigest()


def t_value(sample: NDArray[np.float64]) -> float:
    """Mean over its standard error."""
    return float(sample.mean() / (sample.std() / math.sqrt(len(sample))))


def annual_sharpe(returns: NDArray[np.float64], known: Truth) -> float:
    """Sharpe ratio of session returns, annualised."""
    return float(math.sqrt(known.sessions_per_year) * returns.mean() / returns.std())


@given(
    seed=st.integers(0, 2**31),
    sessions=st.integers(1, 40),
    interval_ns=st.sampled_from([NS_PER_MINUTE * 30, NS_PER_HOUR, NS_PER_HOUR * 4, NS_PER_DAY]),
    contract=st.sampled_from([("ES", 4_000.0), ("ZN", 112.0), ("SPY", 60.0), ("BTCUSD", 30_000.0), ("6E", 1.1)]),
    calendar=st.sampled_from(["weekdays", "24/7"]),
    vol_annual=st.floats(0.01, 1.0),
    kind=st.sampled_from([None, "drift", "trend", "hidden_trend"]),
)
def test_bars_are_valid_and_on_the_grid(
    seed: int,
    sessions: int,
    interval_ns: int,
    contract: tuple[str, float],
    calendar: str,
    vol_annual: float,
    kind: str | None,
) -> None:
    edge = Edge(kind, 1.0, 1.0, 2.25, lookback=5) if kind else None  # type: ignore[arg-type]
    symbol, price = contract
    spec = market(
        sessions,
        interval_ns,
        seed,
        symbol=symbol,
        price_start=price,
        calendar=calendar,
        vol_annual=vol_annual,
        edge=edge,
    )
    bars = generate(spec)
    assert np.all(bars.high >= np.maximum(bars.open, bars.close))
    assert np.all(bars.low <= np.minimum(bars.open, bars.close))
    assert np.all(bars.low > 0.0)
    assert np.all(bars.volume >= 1.0)
    assert np.all(bars.volume == np.floor(bars.volume))
    tick = instrument(symbol).tick_size
    for column in (bars.open, bars.high, bars.low, bars.close):
        ticks = np.rint(column / float(tick)).astype(int)
        # The double nearest to the exact decimal price, not merely one close to it.
        assert column.tolist() == [float(int(n) * tick) for n in ticks]
    assert len(np.unique(bars.session)) == sessions
    assert int(bars.session_end.sum()) == sessions
    assert bars.observed == {"open", "high", "low", "close", "volume"}
    assert np.all(np.isnan(bars.open_interest))
    assert bars.ts_recv_ns is bars.ts_close_ns


def test_plain_weekdays_in_time() -> None:
    bars = generate(market(11, NS_PER_MINUTE))
    assert len(bars) == 11 * 390
    first = day_number(START)
    assert bars.session[::390].tolist() == [first + d for d in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14)]
    assert bars.ts_event_ns[0] == first * NS_PER_DAY + 14 * NS_PER_HOUR + 30 * NS_PER_MINUTE
    assert bars.ts_close_ns[389] == first * NS_PER_DAY + 21 * NS_PER_HOUR
    assert np.flatnonzero(bars.session_end).tolist() == list(range(389, 11 * 390, 390))


def test_last_bar_of_a_session_may_be_short() -> None:
    bars = generate(market(2, NS_PER_HOUR))
    lengths = (bars.ts_close_ns - bars.ts_event_ns) / NS_PER_MINUTE
    assert lengths.tolist() == [60.0] * 6 + [30.0] + [60.0] * 6 + [30.0]


def test_sessions_are_those_of_the_exchange() -> None:
    from argus.data.calendars import session_table

    spec = market(300, NS_PER_DAY, calendar=None)
    bars = generate(spec)
    table = session_table(instrument("ES").calendar, START, date(2006, 12, 31))
    assert np.array_equal(bars.session, table.session[:300])
    assert np.array_equal(bars.ts_event_ns, table.open_ns[:300])
    assert np.array_equal(bars.ts_close_ns, table.close_ns[:300])
    # Of a calendar with a pause in its sessions no bar reaches into the pause.
    minutes = generate(dataclasses.replace(spec, sessions=30, interval_ns=NS_PER_MINUTE, start=date(2016, 3, 1)))
    pauses = session_table(instrument("ES").calendar, date(2016, 3, 1), date(2016, 5, 1))
    assert np.any(pauses.break_start_ns[:30] >= 0)
    for start, end in zip(pauses.break_start_ns[:30], pauses.break_end_ns[:30], strict=True):
        assert not np.any((minutes.ts_event_ns < end) & (minutes.ts_close_ns > start))


def test_a_market_without_closes_has_no_gaps() -> None:
    around = truth(market(50, calendar="24/7"))
    assert not around.gap_shares.any()
    week = truth(market(50, symbol="EURUSD", price_start=1.1, calendar=None))
    # Spot currencies run from Sunday evening to Friday evening: one gap a week.
    assert 9 <= np.count_nonzero(week.gap_shares) <= 11


PARITY = [
    market(3, NS_PER_HOUR, 7),
    market(30, NS_PER_DAY, 8, calendar="24/7", edge=Edge("hidden_trend", 1.0, lookback=5)),
]


@pytest.mark.kernel
def test_frozen_bits() -> None:
    assert digest(generate(market(3, NS_PER_HOUR, 7))) == FROZEN_HOURS
    edge = Edge("trend", 1.5, 1.0, 2.25, lookback=4, rebalance=3)
    assert digest(generate(market(40, NS_PER_DAY, 7, edge=edge))) == FROZEN_TREND


def test_same_bits_without_compilation() -> None:
    code = (
        "import warnings; warnings.simplefilter('error', RuntimeWarning)\n"
        "from tests.data.test_synthetic import *\n"
        "print(*(digest(generate(spec)) for spec in PARITY))\n"
    )
    compiled = [digest(generate(spec)) for spec in PARITY]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    plain = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert plain.stdout.split() == compiled


@pytest.mark.parametrize("kind", [None, "overnight", "trend", "mean_reversion", "hidden_trend"])
@pytest.mark.parametrize(("sessions", "interval_ns"), [(700, NS_PER_DAY), (45, 5 * NS_PER_MINUTE)])
def test_pieces_and_the_whole_are_the_same_bits(kind: str | None, sessions: int, interval_ns: int) -> None:
    edge = Edge(kind, 1.5, 1.0, 2.25, lookback=5) if kind else None  # type: ignore[arg-type]
    spec = market(sessions, interval_ns, edge=edge)
    whole = digest(generate(spec))
    for size in (1, 7, 64, 300):
        assert joined(blocks(spec, size)) == whole


def test_threads_make_the_same_bits() -> None:
    specs = [market(200, NS_PER_DAY, seed, edge=Edge("trend", 1.0)) for seed in range(12)]
    specs += [market(20, NS_PER_MINUTE, seed) for seed in range(4)]
    alone = [digest(bars) for bars in generate_many(specs)]
    assert [digest(bars) for bars in generate_many(specs, workers=2)] == alone
    assert [digest(bars) for bars in generate_many(specs, workers=5)] == alone
    assert len(set(alone)) == len(specs)


def test_a_longer_market_begins_with_the_shorter_one() -> None:
    for edge in (None, Edge("mean_reversion", 1.5, lookback=5)):
        short, long = generate(market(100, edge=edge)), generate(market(200, edge=edge))
        assert digest(long.rows(0, 100)) == digest(short)


def test_seed_and_name_key_the_market() -> None:
    one = generate(market(50)).close
    assert not np.array_equal(one, generate(market(50, seed=2)).close)
    assert not np.array_equal(one, generate(market(50, name="other")).close)


def test_returns_have_fat_tails_and_clustered_volatility() -> None:
    samples, memory = [], []
    for bars in generate_many([market(YEARS_15, NS_PER_DAY, seed) for seed in range(20)]):
        r = np.diff(np.log(bars.close))
        samples.append(np.mean((r - r.mean()) ** 4) / r.var() ** 2)
        size = np.abs(r)
        memory.append([np.corrcoef(size[lag:], size[:-lag])[0, 1] for lag in (1, 5, 20, 60)])
    assert 4.0 < np.median(samples) < 15.0
    assert np.all(np.mean(memory, axis=0) > [0.1, 0.08, 0.06, 0.02])


def test_volatility_is_the_stated_one() -> None:
    for symbol, price, vol in (("ES", 4_000.0, 0.16), ("ZN", 112.0, 0.06)):
        sums = []
        for seed in range(60):
            bars = generate(market(1_000, NS_PER_DAY, seed, symbol=symbol, price_start=price, vol_annual=vol))
            sums.append(np.mean(np.diff(np.log(bars.close)) ** 2) * 260.8875)
        error = np.std(sums) / math.sqrt(len(sums))
        assert abs(np.mean(sums) - vol**2) < 4.0 * error


def test_the_coarse_grid_does_not_add_volatility() -> None:
    # A minute of ZN moves by less than a tick: without the correction, rounding would add half as much again.
    quiet = dataclasses.replace(PLAIN, gap=0.2, bar_gap=0.02)
    spec = market(400, NS_PER_MINUTE, symbol="ZN", price_start=112.0, vol_annual=0.06, dynamics=quiet)
    bars = generate(spec)
    steps = np.diff(np.log(bars.close))[~bars.session_end[:-1]]
    stated = 0.06**2 / 260.8875 * 0.8 / 390.0
    assert np.std(bars.close[1:] - bars.close[:-1]) < 2.0 * float(instrument("ZN").tick_size) * 3.0
    assert abs(np.mean(steps**2) / stated - 1.0) < 0.03


def test_the_day_has_a_u_shape_and_gaps() -> None:
    bars = generate(market(250, NS_PER_MINUTE * 30))
    steps = np.log(bars.close / bars.open).reshape(250, 13)
    spread = (steps**2).mean(axis=0)
    assert min(spread[0], spread[-1]) > 2.0 * spread[5:8].mean()
    volume = bars.volume.reshape(250, 13).mean(axis=0)
    assert min(volume[0], volume[-1]) > 2.0 * volume[5:8].mean()
    gaps = np.log(bars.open[13::13] / bars.close[12:-1:13])
    total = np.log(bars.close[25::13] / bars.close[12:-13:13])
    assert 0.12 < gaps.var() / total.var() < 0.28
    assert np.mean(bars.open[1:] != bars.close[:-1]) > 0.5


def test_everything_can_be_switched_off() -> None:
    spec = market(2_000, NS_PER_DAY, dynamics=PLAIN)
    bars, known = generate(spec), truth(spec)
    assert np.all(known.vols == known.vols[0])
    assert np.array_equal(bars.open[1:], bars.close[:-1])
    r = np.diff(np.log(bars.close))
    assert abs(np.mean((r - r.mean()) ** 4) / r.var() ** 2 - 3.0) < 4.0 * math.sqrt(24.0 / 2_000)
    assert np.all(bars.volume == 1_000_000.0)


def rule_profits(bars: Bars) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Profit per decision of simple rules, in volatilities; on a martingale each has expectation zero."""
    change = np.diff(bars.close) / bars.close[:-1]
    z = change / math.sqrt(np.mean(change**2))
    gap = (bars.open[1:] - bars.close[:-1]) / bars.close[:-1]
    day = (bars.close[1:] - bars.open[1:]) / bars.open[1:]
    gap, day = gap / gap.std(), day / day.std()
    yield "hold", z
    for lag in (1, 2, 3, 5, 10, 20):
        yield f"sign of the return {lag} bars ago", np.sign(z[:-lag]) * z[lag:]
        yield f"size of the return {lag} bars ago", np.clip(z[:-lag], -3.0, 3.0) * z[lag:]
        yield f"calm {lag} bars ago", np.where(np.abs(z[:-lag]) < 0.5, z[lag:], 0.0)
    for window in (5, 20, 60, 120, 250):
        past = bars.close[window:-1] - bars.close[: -window - 1]
        yield f"momentum {window}", np.sign(past) * z[window:]
    yield "overnight", gap
    yield "intraday", day
    yield "gap after the session's return", np.sign(z[:-1]) * gap[1:]
    yield "session after its gap", np.sign(gap) * day


def order_profits(bars: Bars, tick: float) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Profit, in ticks, of orders filled within a bar and closed at its close."""
    for away in (1, 3):
        level = bars.open - away * tick
        touched, through = bars.low <= level + 0.1 * tick, bars.low < level - 0.1 * tick
        yield f"limit touched {away} below", ((bars.close - level) / tick)[touched]
        # Traded through by at least one tick: what such a fill loses on average is that tick.
        yield f"limit traded through {away} below", ((bars.close - level) / tick + 1.0)[through]
        level = bars.open + away * tick
        yield f"stop {away} above", ((bars.close - level) / tick)[bars.high >= level - 0.1 * tick]


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        (market(2_000), 100),
        (market(100, NS_PER_MINUTE, calendar="24/7"), 10),
        (market(100, NS_PER_MINUTE, symbol="ZN", price_start=112.0, vol_annual=0.06, calendar="24/7"), 10),
    ],
    ids=["daily", "minute", "minute on a coarse grid"],
)
def test_without_an_edge_no_rule_earns_anything(spec: SyntheticSpec, paths: int) -> None:
    tick = float(instrument(spec.instrument).tick_size)
    profits: dict[str, list[NDArray[np.float64]]] = {}
    for seed in range(100, 100 + paths):
        bars = generate(dataclasses.replace(spec, seed=seed))
        orders = order_profits(bars, tick) if spec.interval_ns < NS_PER_DAY else ()
        for name, profit in [*rule_profits(bars), *orders]:
            profits.setdefault(name, []).append(profit)
    values = {name: t_value(np.concatenate(parts)) for name, parts in profits.items()}
    # About thirty rules: the largest of thirty independent t values exceeds 4 once in 500 times.
    assert {name: t for name, t in values.items() if abs(t) > 4.0} == {}


def test_no_edge_is_seen_where_one_is() -> None:
    # The same rules find a planted edge, so finding nothing above means something.
    profits: dict[str, list[NDArray[np.float64]]] = {}
    for seed in range(100):
        for name, profit in rule_profits(generate(market(2_000, seed=seed, edge=Edge("overnight", 1.5)))):
            profits.setdefault(name, []).append(profit)
    assert t_value(np.concatenate(profits["overnight"])) > 20.0
    assert abs(t_value(np.concatenate(profits["intraday"]))) < 4.0


def test_truth_of_a_martingale() -> None:
    known = truth(market(100))
    assert (known.kind, known.sharpe, known.sharpe_gross) == ("none", 0.0, 0.0)
    assert not known.directions.any()


EDGES = [
    (Edge("drift", 1.0), {}),
    (Edge("overnight", 1.5, 1.0, 2.25), {}),
    (Edge("trend", 1.5, 1.0, 2.25, lookback=120, rebalance=20), {}),
    (Edge("trend", 1.0, 1.0, 2.25, lookback=20), {}),
    (Edge("mean_reversion", 1.5, 1.0, 2.25, lookback=10), {}),
    (Edge("mean_reversion", 2.5, 1.0, 2.25, lookback=5, entry=1.0, exit=0.2, hold_max=3), {}),
    (Edge("hidden_trend", 1.5, 1.0, 2.25, lookback=120), {}),
    # Costs that weigh: the tick is a seventh of the session's volatility and turns are frequent.
    (Edge("trend", 1.0, 1.0, 0.0, lookback=5), {"price_start": 300.0, "vol_annual": 0.10}),
]


@pytest.mark.parametrize(("edge", "settings"), EDGES, ids=lambda value: getattr(value, "kind", ""))
def test_the_reference_earns_the_stated_sharpe_ratio(edge: Edge, settings: dict[str, float]) -> None:
    realised = []
    for seed in range(200):
        spec = market(YEARS_15, seed=seed, name="monte carlo", edge=edge, **settings)
        known = truth(spec)
        returns = reference_returns(generate(spec), known)
        skip = edge.lookback * 2 if edge.kind in ("trend", "mean_reversion") else 0
        realised.append(annual_sharpe(returns[skip:], known))
        assert known.sharpe == edge.sharpe
    error = np.std(realised) / math.sqrt(len(realised))
    assert error < 0.03
    assert abs(np.mean(realised) - edge.sharpe) < 3.0 * error


@pytest.mark.parametrize(
    ("symbol", "price_start", "vol_annual", "interval_ns"),
    [("ES", 4_000.0, 0.16, NS_PER_HOUR), ("ZN", 112.0, 0.06, 15 * NS_PER_MINUTE)],
)
@pytest.mark.parametrize("kind", ["overnight", "trend"])
def test_an_edge_is_the_same_in_shorter_bars(
    kind: str, symbol: str, price_start: float, vol_annual: float, interval_ns: int
) -> None:
    edge = Edge(kind, 2.0, 1.0, 2.25, lookback=20)  # type: ignore[arg-type]
    realised = []
    for seed in range(150):
        spec = market(
            800,
            interval_ns,
            seed,
            symbol=symbol,
            price_start=price_start,
            vol_annual=vol_annual,
            edge=edge,
            name="short",
        )
        known = truth(spec)
        realised.append(annual_sharpe(reference_returns(generate(spec), known)[20:], known))
    assert abs(np.mean(realised) - 2.0) < 3.0 * np.std(realised) / math.sqrt(len(realised))


def test_holding_earns_the_stated_drift() -> None:
    realised, stated = [], []
    for seed in range(100):
        spec = market(2_000, seed=seed, drift_annual=0.1)
        known = truth(spec)
        realised.append(annual_sharpe(reference_returns(generate(spec), known), known))
        stated.append(known.sharpe)
        assert known.sharpe_constant_notional == 0.1 / 0.16
    assert abs(np.mean(realised) - np.mean(stated)) < 3.0 * np.std(realised) / math.sqrt(100)


def trend_positions(closes: NDArray[np.float64], lookback: int, rebalance: int = 1) -> NDArray[np.float64]:
    """What time-series momentum on closes holds in each session, written apart from the kernel."""
    held = np.zeros(len(closes))
    for s in range(1, len(closes)):
        held[s] = held[s - 1]
        if s > lookback and s % rebalance == 0 and closes[s - 1] != closes[s - 1 - lookback]:
            held[s] = np.sign(closes[s - 1] - closes[s - 1 - lookback])
    return held


def reversion_positions(closes: NDArray[np.float64], edge: Edge) -> NDArray[np.float64]:
    """What the mean-reversion rule holds in each session, written apart from the kernel."""
    held, position, since, armed = np.zeros(len(closes)), 0.0, 0, True
    for s in range(edge.lookback, len(closes)):
        window = closes[s - edge.lookback : s]
        z = (window[-1] - window.mean()) / window.std(ddof=1)
        if position:
            if position * z >= -edge.exit:
                position = 0.0
            elif s - since >= edge.hold_max:
                position, armed = 0.0, False
        elif not armed:
            armed = abs(z) < edge.entry
        elif abs(z) >= edge.entry:
            position, since = -np.sign(z), s
        held[s] = position
    return held


def test_directions_are_what_the_rule_would_hold() -> None:
    for rebalance in (1, 20):
        spec = market(1_500, edge=Edge("trend", 1.5, lookback=60, rebalance=rebalance))
        bars, known = generate(spec), truth(spec)
        assert np.array_equal(known.closes, bars.close)
        assert np.array_equal(known.directions, trend_positions(bars.close, 60, rebalance))
    edge = Edge("mean_reversion", 1.5, lookback=10, entry=1.0, hold_max=3)
    spec = market(3_000, edge=edge)
    known = truth(spec)
    expected = reversion_positions(generate(spec).close, edge)
    assert np.mean(known.directions == expected) > 0.999  # a tie at the entry may fall either way in floating point
    assert abs(np.mean(expected != 0) - known.time_in_market) < 0.03
    assert known.parameters == {"lookback": 10.0, "entry": 1.0, "exit": 0.0, "hold_max": 3.0}


def test_other_lookbacks_earn_part_of_a_trend_and_rules_little_of_a_hidden_one() -> None:
    earned: dict[int, list[float]] = {20: [], 60: [], 120: [], 250: []}
    hidden: list[float] = []
    for seed in range(60):
        for kind in ("trend", "hidden_trend"):
            spec = market(YEARS_15, seed=seed, name="look-backs", edge=Edge(kind, 1.5, lookback=120))  # type: ignore[arg-type]
            bars, known = generate(spec), truth(spec)
            for lookback in earned if kind == "trend" else (120,):
                held = trend_positions(bars.close, lookback).astype(np.int8)
                rule = dataclasses.replace(known, directions=held)
                sharpe = annual_sharpe(reference_returns(bars, rule)[250:], known)
                (earned[lookback] if kind == "trend" else hidden).append(sharpe)
    mean = {lookback: float(np.mean(values)) for lookback, values in earned.items()}
    assert mean[20] < mean[60] < mean[120] > mean[250]
    assert mean[20] > 0.3
    assert mean[60] > 0.8
    assert mean[250] > 0.8
    assert 0.2 < np.mean(hidden) < 0.75


def test_truth_states_costs_and_gross() -> None:
    free, costly = (truth(market(2_000, edge=Edge("overnight", 1.5, ticks, fee))) for ticks, fee in ((0, 0), (1, 2.25)))
    assert free.sharpe == costly.sharpe == 1.5
    assert free.sharpe_gross == 1.5
    assert costly.sharpe_gross > 1.6
    assert costly.cost_per_side == 0.25 + 2.25 / 50.0
    assert 1.2 < costly.sharpe_constant_notional < 1.5


def test_formula_of_the_edge() -> None:
    known = truth(market(100, edge=Edge("mean_reversion", 2.0, lookback=5)))
    f, k = known.time_in_market, known.edge_session
    assert 0.1 < f < 0.9
    assert math.sqrt(known.sessions_per_year) * f * k / math.sqrt(f + f * (1.0 - f) * k**2) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"sessions": 0}, "sessions"),
        ({"interval_ns": 1_000}, "interval_ns"),
        ({"vol_annual": 5.0}, "vol_annual"),
        ({"vol_annual": float("nan")}, "vol_annual"),
        ({"price_start": -5.0}, "price_start"),
        ({"drift_annual": 0.1, "edge": Edge("drift", 1.0)}, "drift_annual"),
    ],
)
def test_an_impossible_market_is_refused(settings: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        market(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Edge("luck", 1.0), "luck"),  # type: ignore[arg-type]
        (lambda: Edge("drift", -1.0), "sharpe"),
        (lambda: Edge("mean_reversion", 1.0, lookback=3, entry=2.0), "entry"),
        (lambda: Edge("mean_reversion", 1.0, lookback=20, entry=1.0, exit=1.5), "entry"),
        (lambda: Dynamics(gap=1.5), "gap"),
        (lambda: Dynamics(slow_half_life=0.0), "slow_half_life"),
    ],
)
def test_an_impossible_edge_is_refused(make: object, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        make()  # type: ignore[operator]


def test_an_overnight_edge_needs_nights() -> None:
    with pytest.raises(ConfigError, match="24/7"):
        generate(market(10, calendar="24/7", edge=Edge("overnight", 1.0)))


def test_a_start_near_the_tick_is_refused() -> None:
    with pytest.raises(ConfigError, match="price_start"):
        generate(market(10, price_start=100.0))


def test_a_price_that_vanishes_is_an_error() -> None:
    with pytest.raises(DataError, match="ticks in session"):
        generate(market(3_000, price_start=300.0, vol_annual=2.5))


def test_a_rarely_held_edge_cannot_be_great() -> None:
    with pytest.raises(ConfigError, match="in the market"):
        generate(market(10, edge=Edge("mean_reversion", 10.0, lookback=10, entry=2.7)))


def test_reference_needs_the_same_market() -> None:
    with pytest.raises(DataError, match="sessions"):
        reference_returns(generate(market(20)), truth(market(30)))
