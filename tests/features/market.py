"""Markets for feature tests: every input column, over sessions of minute bars, well-behaved or nasty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.random import generator
from argus.features.universe import ROLES

MINUTE_S = 60.0
DAY_S = 86_400.0
FIRST_DAY = 19_000
OPEN_S = 14.0 * 3600.0

Market = dict[str, F64_1D]


def market(seed: int, n: int = 3_000, per_session: int = 200, tick: float = 0.25) -> Market:
    """Every input of a random walk on the tick grid: sessions of minute bars with a weekend after each fifth."""
    random = generator(seed, "market")
    row = np.arange(n)
    ordinal = row // per_session
    day = FIRST_DAY + ordinal + 2 * (ordinal // 5)
    walk = 4_000.0 * np.exp(np.cumsum(random.standard_normal(n) * 0.001))
    close = np.round(walk / tick) * tick
    opened = np.concatenate((close[:1], close[:-1])) + tick * random.integers(-2, 3, n)
    high = np.maximum(opened, close) + tick * random.integers(0, 6, n)
    low = np.minimum(opened, close) - tick * random.integers(0, 6, n)
    start = day * DAY_S + OPEN_S + (row % per_session) * MINUTE_S
    minute = (start + MINUTE_S) // 60 % 1440
    of_month = ordinal % 21
    return members(seed, close) | {
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "volume": np.floor(random.gamma(2.0, 500.0, n)) + 1.0,
        "open_interest": np.floor(1e5 + np.cumsum(random.standard_normal(n)) * 10.0),
        "start_s": start,
        "close_s": start + MINUTE_S,
        "session": day.astype(float),
        "session_end": (row % per_session == per_session - 1).astype(float),
        "session_open_s": day * DAY_S + OPEN_S,
        "session_close_s": day * DAY_S + OPEN_S + per_session * MINUTE_S,
        "regular_open_s": day * DAY_S + OPEN_S + 40 * MINUTE_S,
        "regular_close_s": day * DAY_S + OPEN_S + (per_session - 20) * MINUTE_S,
        "is_half_day": (ordinal % 50 == 7).astype(float),
        "new_york_minute": (minute - 300) % 1440,
        "london_minute": minute,
        "tokyo_minute": (minute + 540) % 1440,
        "session_of_month": of_month + 1.0,
        "sessions_left_in_month": 20.0 - of_month,
        "sessions_to_holiday": 30.0 - ordinal % 31,
        "sessions_since_holiday": (ordinal % 31).astype(float),
        "days_to_expiry": 60.0 - ordinal % 61,
        "days_to_roll": 55.0 - ordinal % 56,
        "days_to_option_expiry": 27.0 - ordinal % 28,
    }


def members(seed: int, close: F64_1D) -> Market:
    """Closes of every member of the universe: walks that share more or less with `close`, each now and then at rest."""
    random = generator(seed, "members")
    n = len(close)
    shared = np.diff(np.log(close), prepend=np.log(close[0]))
    found = {}
    for k, role in enumerate(ROLES):
        own = random.standard_normal(n) * 0.001
        own[random.random(n) < 0.1] = 0.0
        moves = (k % 5 - 1) / 3.0 * shared * (own != 0.0) + own
        found[f"close@{role}"] = np.round((20.0 + 10.0 * k) * np.exp(np.cumsum(moves)) / 0.01) * 0.01
    return found


MEMBER_COLUMNS = tuple(f"close@{role}" for role in ROLES)
MARKET_COLUMNS = ("open", "high", "low", "close", "volume", "open_interest", *MEMBER_COLUMNS)


def with_gaps(columns: Market, seed: int = 1) -> Market:
    """Some rows without prices, some without volume, and a long stretch with neither."""
    random = generator(seed, "gaps")
    n = len(columns["close"])
    no_price = random.random(n) < 0.01
    no_price[n // 3 : n // 3 + 70] = True
    no_volume = random.random(n) < 0.01
    found = dict(columns)
    for name in MARKET_COLUMNS:
        if name in MEMBER_COLUMNS:
            continue
        found[name] = np.where(no_volume if name == "volume" else no_price, np.nan, columns[name])
    for name in MEMBER_COLUMNS:
        unknown = random.random(n) < 0.001
        start = int(random.integers(n // 3, n // 2))
        unknown[start : start + 70] = True
        found[name] = np.where(unknown, np.nan, columns[name])
    return found


def without_volume(columns: Market) -> Market:
    """A stretch in which nothing was traded: volume zero, prices repeated."""
    n = len(columns["close"])
    found = {name: column.copy() for name, column in columns.items()}
    found["volume"][n // 3 : n // 2] = 0.0
    return found


def with_constant_price(columns: Market) -> Market:
    """A stretch in which open, high, low and close are all one price that no binary fraction holds."""
    n = len(columns["close"])
    found = {name: column.copy() for name, column in columns.items()}
    for name in ("open", "high", "low", "close", *MEMBER_COLUMNS):
        found[name][n // 3 : n // 3 + 600] = 4_000.1
    return found


def with_huge_prices(columns: Market) -> Market:
    """One bar with prices and volume of another world, then as before."""
    n = len(columns["close"])
    found = {name: column.copy() for name, column in columns.items()}
    for name in ("open", "high", "low", "close", *MEMBER_COLUMNS[::2]):
        found[name][n // 3] = 3e12
    found["high"][n // 3] = 3.1e12
    found["volume"][n // 3] = 1e15
    return found


NASTY: dict[str, Callable[[Market], Market]] = {
    "gaps": with_gaps,
    "zero volume": without_volume,
    "constant price": with_constant_price,
    "huge price": with_huge_prices,
}


def other_future(columns: Market, row: int, seed: int) -> Market:
    """The same up to `row`; after it prices and volumes of another world, extremes and holes included."""
    random = generator(seed, "future", row)
    n = len(columns["close"])
    after = np.arange(n) > row
    noise = np.exp(random.standard_normal(n) * 3.0) * 100.0
    noise[random.random(n) < 0.05] = np.nan
    spread = np.abs(noise) * random.random(n)
    other = {
        "open": noise,
        "high": noise + spread,
        "low": noise - 0.5 * spread,
        "close": noise + spread * (random.random(n) - 0.3),
        "volume": noise * 50.0,
        "open_interest": noise * 1e3,
    }
    for name in MEMBER_COLUMNS:
        other[name] = np.where(random.random(n) < 0.05, np.nan, np.exp(random.standard_normal(n)) * 100.0)
    return {name: np.where(after, other[name], column) if name in other else column for name, column in columns.items()}
