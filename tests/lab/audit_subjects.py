"""Strategies for the audits' tests: honest ones, and for every verdict one that deserves it."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from argus.core.arrays import Bars
from argus.core.intents import Forecast, Intent, Target
from argus.core.orders import Fill
from argus.core.ports import Strategy, View
from argus.core.strategy import FeatureRef, StrategyConstraints, StrategySpec, WakeRule
from argus.engine.config import RunConfig
from argus.lab.audit import Auxiliary, Subject
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from argus.strategies import create
from tests.lab.markets import config, daily_bars, market_of, noise

Market = Mapping[str, Any]
LATER: dict[str, np.ndarray] = {}
"""What a run leaves behind for the next one."""
CALLS = itertools.count()


def spec_of(warmup: int = 5, features: tuple[FeatureRef, ...] = (), **values: Any) -> StrategySpec:
    return StrategySpec(
        name="planted",
        version="1",
        summary="Made for a test.",
        source="made for a test",
        universe=("ES",),
        wake=WakeRule.EVERY_BAR,
        warmup_bars=warmup,
        parameters=(),
        values=values,
        features=features,
        needs=frozenset({"open", "close"}),
        constraints=StrategyConstraints(parameter_count_max=9, turnover_annual_max=1e9),
    )


class Array:
    """Decisions worked out beforehand, one for each row; the row is found by time."""

    def __init__(self, bars: Bars, wanted: np.ndarray, *, spec: StrategySpec | None = None) -> None:
        self.spec = spec or spec_of()
        self._ts_ns, self._wanted = bars.ts_recv_ns, wanted

    def wake(self, view: View) -> Sequence[Intent]:
        row = int(np.searchsorted(self._ts_ns, view.now_ns, side="right")) - 1
        return [Target("ES", units=float(self._wanted[row]))]

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return ()


def closes(market: Market) -> np.ndarray:
    return market["ES"][1].close


def ahead(values: np.ndarray, by: int = 1) -> np.ndarray:
    return np.concatenate((values[by:], np.repeat(values[-1], by)))


def honest_array(market: Market) -> Strategy:
    close = closes(market)
    return Array(market["ES"][1], np.sign(np.diff(close, prepend=close[0])))


def peeks(market: Market) -> Strategy:
    """The next bar's direction."""
    return Array(market["ES"][1], np.sign(ahead(closes(market)) - closes(market)))


def rarely_peeks(market: Market) -> Strategy:
    """Only before moves of more than two deviations."""
    move = ahead(closes(market)) - closes(market)
    return Array(market["ES"][1], np.where(np.abs(move) > 2 * 20.0, np.sign(move), 0.0))


def knows_the_end(market: Market) -> Strategy:
    """Out on the last bar of the data."""
    wanted = np.ones(len(market["ES"][1]))
    wanted[-1] = 0.0
    return Array(market["ES"][1], wanted)


def volume_ahead(market: Market) -> Strategy:
    volume = market["ES"][1].volume
    return Array(market["ES"][1], np.where(ahead(volume) > volume, 1.0, -1.0))


def fails_without_future(market: Market) -> Strategy:
    class Fails(Array):
        def wake(self, view: View) -> Sequence[Intent]:
            row = int(np.searchsorted(self._ts_ns, view.now_ns, side="right"))
            if row < 350:
                self._wanted[row]  # the row after the last known one
            return [Target("ES", units=1.0)]

    return Fails(market["ES"][1], np.ones(len(market["ES"][1])))


def fits_a_parameter(market: Market) -> Strategy:
    """Its level comes from the whole sample, but no order of it has moved yet."""
    bars = market["ES"][1]
    return Array(bars, np.ones(len(bars)), spec=spec_of(level=float(np.nanmean(bars.close))))


class _Calls:
    """Answers with what a function of the view says."""

    def __init__(self, wanted: Callable[[], float]) -> None:
        self.spec = spec_of()
        self._wanted = wanted

    def wake(self, view: View) -> Sequence[Intent]:
        return [Target("ES", units=self._wanted())]

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return ()


def _signal() -> float:
    path = Path(__file__).with_name("signals.csv")
    try:
        return float(len(path.read_text()) % 2)
    except OSError:
        return 1.0


def reads_a_file(market: Market) -> Strategy:
    """Looks for a file at every decision; what it decides does not even depend on it."""
    return _Calls(lambda: 0.0 * _signal() + 1.0)


def made_from_a_file(market: Market) -> Strategy:
    wanted = 0.0 * _signal()
    made = honest_array(market)
    made._wanted = made._wanted + wanted  # type: ignore[attr-defined]
    return made


def by_weekday_of_today(market: Market) -> Strategy:
    return _Calls(lambda: float(datetime.date.today().toordinal() % 2))  # noqa: DTZ011


def by_the_hour(market: Market) -> Strategy:
    return _Calls(lambda: float(datetime.datetime.now(datetime.UTC).hour + 1))


class Chance:
    """Never the same twice."""

    def __init__(self) -> None:
        self.spec = spec_of()

    def wake(self, view: View) -> Sequence[Intent]:
        return [Target("ES", units=float(next(CALLS) % 7))]

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return ()


def chance(market: Market) -> Strategy:
    # A count of this process would be the same in a fresh one; the identity of an object is not.
    class Other(Chance):
        def wake(self, view: View) -> Sequence[Intent]:
            return [Target("ES", units=float(np.random.default_rng().integers(1, 1000)))]

    return Other()


def counts_calls(market: Market) -> Strategy:
    return Chance()


def remembers_first(market: Market) -> Strategy:
    """Its signal stays that of the first market that it ever saw, in a module's dictionary."""
    if "signal" not in LATER:
        LATER["signal"] = np.sign(ahead(closes(market)) - closes(market))
        LATER["times"] = market["ES"][1].ts_recv_ns
    made = Array(market["ES"][1], LATER["signal"])
    made._ts_ns = LATER["times"]
    return made


def own_array(market: Market, *, times: np.ndarray, wanted: np.ndarray) -> Strategy:
    """A signal that the strategy brought along, whatever market it is given."""
    made = Array(market["ES"][1], wanted)
    made._ts_ns = times
    return made


class Compares:
    """What is given against a private copy of the next close."""

    def __init__(self, times: np.ndarray, later: np.ndarray) -> None:
        self.spec = spec_of()
        self._times, self._later = times, later

    def wake(self, view: View) -> Sequence[Intent]:
        row = int(np.searchsorted(self._times, view.now_ns, side="right")) - 1
        return [Target("ES", units=float(np.sign(self._later[row] - view.bars("ES", 1).close[-1])))]

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return ()


def compares(market: Market, *, times: np.ndarray, later: np.ndarray) -> Strategy:
    return Compares(times, later)


def by_known_time(market: Market, auxiliary: Mapping[str, Auxiliary]) -> Strategy:
    """The last value of a series that was known."""
    bars, series = market["ES"][1], auxiliary["earnings"]
    at = np.searchsorted(series.ts_known_ns, bars.ts_recv_ns, side="right") - 1
    if not len(series.values):
        return Array(bars, np.zeros(len(bars)))
    return Array(bars, np.where(at >= 0, np.sign(series.values[np.maximum(at, 0)]), 0.0))


def filled_from_the_future(market: Market, auxiliary: Mapping[str, Auxiliary]) -> Strategy:
    """Values filled backward: every bar carries the next one that will be published."""
    bars, series = market["ES"][1], auxiliary["earnings"]
    at = np.searchsorted(series.ts_known_ns, bars.ts_recv_ns, side="left")
    inside = at < len(series.values)
    if not len(series.values):
        return Array(bars, np.zeros(len(bars)))
    return Array(bars, np.where(inside, np.sign(series.values[np.minimum(at, len(series.values) - 1)]), 0.0))


class Averages:
    """Long above an average that never forgets, short below it."""

    def __init__(self, span: int, warmup: int) -> None:
        self.spec = spec_of(warmup, (FeatureRef("mean", "ema", "ES", {"span": span}),), span=span)

    def wake(self, view: View) -> Sequence[Intent]:
        close = float(view.bars("ES", 1).close[-1])
        return [Forecast("ES", 1.0 if close > view.feature("mean") else -1.0, vol_annual=0.2)]

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return ()


class SinceTheStart:
    """Long above the mean of all bars there ever were: its window has no length."""

    def __init__(self, warmup: int = 20) -> None:
        self.spec = spec_of(warmup)

    def wake(self, view: View) -> Sequence[Intent]:
        close = view.bars("ES", 10**9).close
        return [Target("ES", units=1.0 if close[-1] > close.mean() else -1.0)]

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return ()


class Unsettled:
    """An estimate of volatility that depends on all bars, in a forecast whose direction does not."""

    def __init__(self) -> None:
        self.spec = spec_of(20)

    def wake(self, view: View) -> Sequence[Intent]:
        close = view.bars("ES", 10**9).close
        return [Forecast("ES", 1.0, vol_annual=float(len(close)))]

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return ()


def averages(market: Market, *, span: int, warmup: int) -> Strategy:
    return Averages(span, warmup)


def since_the_start(market: Market) -> Strategy:
    return SinceTheStart()


def unsettled(market: Market) -> Strategy:
    return Unsettled()


def registered(market: Market, *, name: str, **values: Any) -> Strategy:
    return create(name, tuple(market), **values)


def bars_of(n: int = 400, seed: int = 1) -> Bars:
    return daily_bars(noise(n, seed))


def subject(make: Callable[..., Strategy], bars: Bars | None = None, **given: Any) -> Subject:
    market = market_of(bars if bars is not None else bars_of())
    settings: RunConfig = given.pop("config", config())
    auxiliary = given.pop("auxiliary", None)
    made = partial(make, **given) if given else make
    return Subject(made, market, settings, FixedUnits(), LimitRiskPolicy(), auxiliary)
