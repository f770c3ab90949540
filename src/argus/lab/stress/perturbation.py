"""Nearly the same market: prices moved within the spread, bars lost on the way.

A price on a tape is one of several that could have been there: a trade at the bid instead of the ask. A rule that
depends on which it was has learned the tape, not the market.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D, Bars
from argus.core.errors import ConfigError
from argus.core.instruments import InstrumentSpec
from argus.core.random import generator
from argus.engine.config import RunConfig
from argus.engine.record import RunRecord
from argus.lab.search.play import Change
from argus.lab.stress.replays import MakeStrategy, Outcome, Replay, outcome_of

__all__ = ["PerturbationStress", "jittered", "perturbation_stress", "with_bars_dropped"]

_PRICES: Final = ("open", "high", "low", "close")


def jittered(spec: InstrumentSpec, bars: Bars, seed: int, half_spread_ticks: int = 1) -> Bars:
    """The bars with every price moved by a whole number of ticks, up to `half_spread_ticks` either way, equally likely.

    Prices stay on the tick grid; highs and lows are widened where an open or close would lie outside of them. Times,
    volumes and sessions stay.

    Parameters
    ----------
    spec : InstrumentSpec
    bars : Bars
    seed : int
        Of the moves; streams differ by instrument.
    half_spread_ticks : int
        At least 0, which moves prices to the grid only.

    Raises
    ------
    ConfigError
        If `half_spread_ticks` is negative.
    """
    if half_spread_ticks < 0:
        raise ConfigError(f"jitter: half_spread_ticks is {half_spread_ticks}; it cannot be negative")
    tick = float(spec.tick_size)
    moves = generator(seed, "jitter", spec.symbol).integers(
        -half_spread_ticks, half_spread_ticks, (len(_PRICES), len(bars)), endpoint=True
    )
    ticks: dict[str, F64_1D] = {}
    for name, move in zip(_PRICES, moves, strict=True):
        moved = np.round(getattr(bars, name) / tick) + move
        ticks[name] = moved if spec.price_may_be_negative else np.maximum(moved, 1.0)
    ticks["high"] = np.maximum(ticks["high"], np.fmax(ticks["open"], ticks["close"]))
    ticks["low"] = np.minimum(ticks["low"], np.fmin(ticks["open"], ticks["close"]))
    made: dict[str, Any] = {name: ticks[name] * tick for name in _PRICES if name in bars.observed}
    return replace(bars, **made)


def with_bars_dropped(bars: Bars, seed: int, share: float = 0.01) -> Bars:
    """The bars without some, each lost with the same probability; the first and the last stay.

    Parameters
    ----------
    bars : Bars
    seed : int
        Of the choice; streams differ by instrument.
    share : float
        In 0 to 1, 1 excluded.

    Raises
    ------
    ConfigError
        If `share` is out of range.
    """
    if not 0.0 <= share < 1.0:
        raise ConfigError(f"dropped bars: share is {share}; it must lie in 0 to 1 (1 excluded)")
    kept = generator(seed, "dropped", bars.instrument).random(len(bars)) >= share
    kept[:1] = kept[-1:] = True
    columns: dict[str, Any] = {field.name: getattr(bars, field.name) for field in fields(bars)}
    left: dict[str, Any] = {name: column[kept] for name, column in columns.items() if isinstance(column, np.ndarray)}
    return replace(bars, **left)


@dataclass(frozen=True, slots=True)
class PerturbationStress:
    """The account on the market as it was, and on markets nearly the same.

    Attributes
    ----------
    outcomes : tuple of Outcome
        The first is the market as it was.
    figure : float
        Lowest annual Sharpe ratio of the altered markets; NaN if one of them has none.
    kept : float
        That over the one of the market as it was; NaN unless this is positive.
    sentence : str
    """

    outcomes: tuple[Outcome, ...]
    figure: float
    kept: float
    sentence: str


def perturbation_stress(
    replay: Replay,
    make: MakeStrategy,
    config: RunConfig,
    record: RunRecord,
    *,
    per_year: float,
    seeds: Sequence[int] = (0, 1),
    half_spread_ticks: int = 1,
    drop_share: float = 0.01,
) -> PerturbationStress:
    """Trade again on markets nearly the same: for each seed one with moved prices, and one with lost bars.

    Parameters
    ----------
    replay : callable
        `argus.lab.stress.replays.Replay`.
    make : callable
        A fresh strategy.
    config : RunConfig
        Of the run on the market as it was.
    record : RunRecord
        That run.
    per_year : float
        Sessions a year.
    seeds : sequence of int
    half_spread_ticks : int
    drop_share : float
    """
    changes: dict[str, Change] = {}
    for seed in seeds:
        changes[f"prices moved, seed {seed}"] = partial(jittered, seed=seed, half_spread_ticks=half_spread_ticks)
        changes[f"bars lost, seed {seed}"] = partial(_fewer, seed=seed, share=drop_share)
    outcomes = [outcome_of("as it was", record, per_year)]
    for name, change in changes.items():
        outcomes.append(outcome_of(name, replay(make, config, "robustness", change), per_year))
    base, ratios = outcomes[0].sharpe_annual, [one.sharpe_annual for one in outcomes[1:]]
    figure = math.nan if not ratios or any(math.isnan(ratio) for ratio in ratios) else min(ratios)
    kept = figure / base if base > 0.0 else math.nan
    sentence = (
        f"On {len(ratios)} markets with prices moved by up to {half_spread_ticks} ticks or {drop_share:.0%} of the "
        f"bars lost, the Sharpe ratio of {base:.2f} falls to {figure:.2f} at worst."
    )
    return PerturbationStress(tuple(outcomes), figure, kept, sentence)


def _fewer(spec: InstrumentSpec, bars: Bars, seed: int, share: float) -> Bars:
    return with_bars_dropped(bars, seed, share)
