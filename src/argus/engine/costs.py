"""Costs that depend on the bar: the half-spread by time of day and volatility, and the coefficient of market impact.

Both are columns beside the bars, made once before a run. The figure of a bar uses its own time of day, which is known
beforehand, and completed sessions only. `docs/costs.md` tells a trader what they stand for.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from argus.core.arrays import F64_1D, I32_1D, I64_1D, Bars
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import InstrumentSpec
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE
from argus.engine._layout import MILLI
from argus.engine.config import CostModel, SpreadModel

__all__ = ["half_spread_milliticks", "impact_scale"]

_MINUTES_PER_DAY: Final = 1_440


def half_spread_milliticks(spec: InstrumentSpec, bars: Bars, costs: CostModel) -> I64_1D | None:
    """Half-spread of each bar times the cost multiplier, in thousandths of a tick, rounded up; None without a model.

    See `SpreadModel` for the formula.
    """
    model = costs.spread
    if model is None:
        return None
    base = dict(model.by_instrument).get(spec.symbol, model.half_spread_ticks)
    scale = float(base * costs.multiplier * MILLI)
    column = np.full(len(bars), scale) * _time_factors(spec, bars, model) * _volatility_factors(bars, model)
    milli: I64_1D = np.ceil(np.round(column, 6)).astype(np.int64)
    return milli


def _time_factors(spec: InstrumentSpec, bars: Bars, model: SpreadModel) -> F64_1D:
    """Factor of each bar's start, in the local time of the instrument's session."""
    if not model.by_time:
        return np.ones(len(bars))
    starts = np.array([int(start[:2]) * 60 + int(start[3:]) for start, _ in model.by_time])
    factors = np.array([float(factor) for _, factor in model.by_time])
    minute = _local_minutes(bars.ts_event_ns, ZoneInfo(spec.session.timezone))
    found: F64_1D = factors[np.searchsorted(starts, minute, side="right") - 1]
    return found


def _local_minutes(ts_ns: I64_1D, zone: ZoneInfo) -> I64_1D:
    """Minute of the local day of each instant; the offset from UTC is looked up once for each quarter of an hour."""
    from datetime import UTC, datetime

    quarter = ts_ns // (15 * NS_PER_MINUTE)
    distinct, place = np.unique(quarter, return_inverse=True)
    offsets = np.empty(len(distinct), dtype=np.int64)
    for i, value in enumerate(distinct.tolist()):
        offset = datetime.fromtimestamp(value * 900, UTC).astimezone(zone).utcoffset()
        offsets[i] = 0 if offset is None else int(offset.total_seconds()) // 60
    minutes: I64_1D = ((ts_ns % NS_PER_DAY) // NS_PER_MINUTE + offsets[place]) % _MINUTES_PER_DAY
    return minutes


def _volatility_factors(bars: Bars, model: SpreadModel) -> F64_1D:
    if model.vol_sensitivity == 0:
        return np.ones(len(bars))
    sessions, closes, _ = _by_session(bars)
    returns = np.diff(np.log(np.where(closes > 0, closes, np.nan)))
    factors = np.ones(len(sessions))
    for i in range(model.vol_long, len(returns) + 1):
        long, short = np.std(returns[i - model.vol_long : i]), np.std(returns[i - model.vol_short : i])
        if long > 0 and i + 1 < len(factors):
            factors[i + 1] = 1.0 + float(model.vol_sensitivity) * max(0.0, float(short / long) - 1.0)
    # The returns up to number i end with session i; they are known before session i + 1.
    column: F64_1D = factors[np.searchsorted(sessions, bars.session)]
    return column


def _by_session(bars: Bars) -> tuple[I32_1D, F64_1D, F64_1D]:
    """(session, last known close, volume) of each session."""
    first = np.flatnonzero(np.append(True, bars.session[1:] != bars.session[:-1]))
    last = np.append(first[1:], len(bars)) - 1
    known = np.maximum.accumulate(np.where(np.isnan(bars.close), -1, np.arange(len(bars))))[last]
    closes = np.where(known >= first, bars.close[np.maximum(known, 0)], np.nan)
    volume = np.add.reduceat(np.nan_to_num(bars.volume), first)
    return bars.session[first], closes, volume


def impact_scale(spec: InstrumentSpec, bars: Bars, costs: CostModel) -> F64_1D | None:
    """Micro-units of impact per lot to the power of 1.5 in each bar, times the cost multiplier; None without a model.

    With session volatility s, price p and session volume V in lots, both averaged over the last completed sessions:
    ``coefficient * s * p * value of a tick / tick / sqrt(V)``, so that `q` lots cost ``scale * q * sqrt(q)``.

    Raises
    ------
    CoverageError
        If volume was not observed.
    ConfigError
        If fewer than three sessions are there to learn volatility and volume from.
    """
    model = costs.impact
    if model is None or model.coefficient == 0:
        return None
    if "volume" not in bars.observed:
        raise CoverageError(f"{spec.symbol}: the impact model needs volume, which these data do not hold")
    sessions, closes, volume = _by_session(bars)
    if len(sessions) < 3:
        raise ConfigError(f"{spec.symbol}: the impact model needs three sessions of data, there are {len(sessions)}")
    moves = np.abs(np.diff(closes))
    lots = volume / float(spec.lot_size)
    per_price = float(Decimal(spec.value_micros_per_tick_lot.numerator) / spec.value_micros_per_tick_lot.denominator)
    per_price *= float(model.coefficient * costs.multiplier) / float(spec.tick_size)
    scale = np.full(len(sessions), np.nan)
    for i in range(2, len(sessions)):
        window = slice(max(0, i - model.window), i)
        seen = moves[max(0, i - 1 - model.window) : i - 1]
        seen = seen[~np.isnan(seen)]
        spread = np.mean(seen**2) ** 0.5 if len(seen) else np.nan
        mean_lots = lots[window].mean()
        scale[i] = per_price * spread / mean_lots**0.5 if mean_lots > 0 else np.nan
    known = np.flatnonzero(~np.isnan(scale))
    if not len(known):
        raise CoverageError(f"{spec.symbol}: the impact model finds no session with volume and a price change")
    scale[: known[0]] = scale[known[0]]
    filled = scale[np.maximum.accumulate(np.where(np.isnan(scale), 0, np.arange(len(scale))))]
    column: F64_1D = filled[np.searchsorted(sessions, bars.session)]
    return column
