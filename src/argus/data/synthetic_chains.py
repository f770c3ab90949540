"""Option chains of known truth: a smooth surface, priced by Black's formula, quoted on a grid with a spread.

A market is a pure function of its specification: snapshot number i is the same bits whoever makes it, and whether or
not the others are made, so any number of workers can fill a catalog. Forward, discount and volatility of every option
are known (`truth_of`), no quote can be traded against another, and the vendor's columns are the truth, rounded as
vendors round. Nobody traded at these prices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D
from argus.core.chains import ChainSnapshots, Settlement, years_to_expiry
from argus.core.errors import ConfigError
from argus.core.random import normals, stream_key, uniforms
from argus.core.time import NS_PER_DAY, day_of
from argus.data.calendars import session_table
from argus.data.option_expiries import expiries, monthly_expiries, option_rule, weekly_expiries

__all__ = ["ChainMarketSpec", "ChainTruth", "black_price", "chain_snapshots", "snapshot_times", "truth_of"]

_SESSIONS_PER_YEAR: Final = 252


@dataclass(frozen=True, slots=True)
class ChainMarketSpec:
    """A market of options.

    Attributes
    ----------
    underlying : str
        An index with rules in `argus.data.option_expiries`, or a share.
    start : date
        First session on or after this date.
    sessions, snapshots_per_session : int
        Snapshots are spread evenly over a session, the last at its close.
    strikes_per_expiry : int
    months, weeks : int
        Monthly expiries, and weeks of weekly ones (Monday, Wednesday, Friday).
    spot, vol, rate, dividend : float
        Price of the underlying at the start, its annual volatility, and continuous annual rates.
    seed : int
    """

    underlying: str = "SPX"
    start: date = date(2019, 1, 2)
    sessions: int = 1
    snapshots_per_session: int = 1
    strikes_per_expiry: int = 200
    months: int = 12
    weeks: int = 5
    spot: float = 2800.0
    vol: float = 0.18
    rate: float = 0.02
    dividend: float = 0.015
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("sessions", 1), ("snapshots_per_session", 1), ("strikes_per_expiry", 3), ("months", 1)):
            if getattr(self, name) < low:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least {low}")
        if self.weeks < 0:
            raise ConfigError(f"weeks is {self.weeks}; it must be at least 0")
        for name in ("spot", "vol"):
            if not 0 < getattr(self, name) < np.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be above zero and finite")


@dataclass(frozen=True, slots=True, eq=False)
class ChainTruth:
    """What is true of each row of a snapshot: years to expiry, forward, discount factor, volatility and price."""

    years: F64_1D
    forward: F64_1D
    discount: F64_1D
    vol: F64_1D
    price: F64_1D


def black_price(
    right: Any, forward: F64_1D, strike: F64_1D, years: F64_1D, vol: F64_1D, discount: F64_1D
) -> tuple[F64_1D, F64_1D]:
    """Price and forward delta of options by Black's formula, the intrinsic value where no time is left.

    Source: Black (1976), "The pricing of commodity contracts", Journal of Financial Economics 3.
    """
    from scipy.special import ndtr

    deviation = vol * np.sqrt(np.maximum(years, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        high = np.log(forward / strike) / deviation + deviation / 2
    high = np.where(deviation > 0, high, np.where(forward > strike, np.inf, -np.inf))
    delta = right * ndtr(right * high)
    price: F64_1D = discount * (forward * delta - strike * right * ndtr(right * (high - deviation)))
    return np.maximum(price, 0.0), delta


def snapshot_times(spec: ChainMarketSpec) -> I64_1D:
    """When the snapshots of a market are taken, UTC nanoseconds."""
    rule = option_rule(spec.underlying)
    table = session_table(rule.calendar, spec.start, day_of(_last_day(spec)))
    opens, closes = table.open_ns[: spec.sessions, None], table.close_ns[: spec.sessions, None]
    share = np.arange(1, spec.snapshots_per_session + 1)
    times: I64_1D = (opens + (closes - opens) // spec.snapshots_per_session * share).ravel()
    return times


def chain_snapshots(spec: ChainMarketSpec, first: int = 0, last: int | None = None) -> Iterator[ChainSnapshots]:
    """Snapshots number `first` to `last` (exclusive) of a market, one after the other.

    Raises
    ------
    CoverageError
        If the calendar does not reach so far.
    """
    times = snapshot_times(spec)
    spots = _spots(spec, len(times))
    listed = _listed(spec)
    for number in range(first, len(times) if last is None else min(last, len(times))):
        yield _snapshot(spec, int(times[number]), float(spots[number]), listed, number)


def truth_of(spec: ChainMarketSpec, chain: ChainSnapshots) -> ChainTruth:
    """What is true of each row of snapshots of a market."""
    years = years_to_expiry(chain.ts_recv_ns, chain.expiry_ns)
    discount = np.exp(-spec.rate * years)
    forward = chain.underlying_price * np.exp((spec.rate - spec.dividend) * years)
    vol = _vol(spec, forward, chain.strike, years)
    price, _ = black_price(chain.right, forward, chain.strike, years, vol, discount)
    price = _held(spec, price, chain.right, chain.underlying_price, chain.strike)
    return ChainTruth(years, forward, discount, vol, price)


def _last_day(spec: ChainMarketSpec) -> int:
    """A day on or after the last session: the calendar has at least two sessions in any five days."""
    return (spec.start - date(1970, 1, 1)).days + spec.sessions * 7 // 4 + 14


def _spots(spec: ChainMarketSpec, count: int) -> F64_1D:
    step = spec.vol * np.sqrt(1.0 / (_SESSIONS_PER_YEAR * spec.snapshots_per_session))
    moves = normals(stream_key(spec.seed, "chain spot", spec.underlying), 0, count) * step
    spots: F64_1D = np.round(spec.spot * np.exp(np.cumsum(moves) - step * step / 2 * np.arange(1, count + 1)), 2)
    return spots


def _listed(spec: ChainMarketSpec) -> tuple[I64_1D, Any, Any, Any]:
    """Expiry instant, root, settlement and day of every contract month or week that the market ever lists."""
    rule = option_rule(spec.underlying)
    first = spec.start
    last = day_of(_last_day(spec) + 31 * spec.months + 7 * spec.weeks)
    monthly = monthly_expiries(first, last, rule.calendar)
    weekly = weekly_expiries(first, last, calendar=rule.calendar) if spec.weeks else monthly[:0]
    pm_root = rule.pm_root or rule.root
    days = np.concatenate((monthly, weekly if rule.pm_root else np.setdiff1d(weekly, monthly)))
    roots = np.array([rule.root] * len(monthly) + [pm_root] * (len(days) - len(monthly)))
    ends = expiries(roots, days)
    is_weekly = np.arange(len(days)) >= len(monthly)
    return ends.expiry_ns, roots, ends.settlement, is_weekly


def _vol(spec: ChainMarketSpec, forward: F64_1D, strike: F64_1D, years: F64_1D) -> F64_1D:
    """A volatility whose total variance rises with time at every moneyness, with a skew that flattens."""
    time = np.maximum(years, 1.0 / 365)
    distance = np.log(strike / forward) / np.sqrt(time + 0.1)
    smile = 1.0 - 0.6 * np.tanh(distance) + 0.5 * np.tanh(distance) ** 2
    vol: F64_1D = spec.vol * smile
    return vol


def _held(spec: ChainMarketSpec, price: F64_1D, right: Any, spot: F64_1D, strike: F64_1D) -> F64_1D:
    """The price, of an American option no less than what exercising it pays at once."""
    if not option_rule(spec.underlying).settlement & Settlement.AMERICAN:
        return price
    held: F64_1D = np.maximum(price, right * (spot - strike))
    return held


def _snapshot(
    spec: ChainMarketSpec, ts_ns: int, spot: float, listed: tuple[I64_1D, Any, Any, Any], number: int
) -> ChainSnapshots:
    rule = option_rule(spec.underlying)
    instant, names, settlement, is_weekly = listed
    ahead = instant - ts_ns
    reach = np.where(is_weekly, 7 * spec.weeks, 30.5 * spec.months) * NS_PER_DAY
    live = np.flatnonzero((ahead > 0) & (ahead <= reach))
    roots = tuple(sorted(set(names[live].tolist())))
    codes = np.array([roots.index(name) for name in names[live]], np.int16)
    live = live[np.lexsort((codes, instant[live]))]
    codes = np.array([roots.index(name) for name in names[live]], np.int16)
    count = spec.strikes_per_expiry
    half = count // 2
    centre = round(spec.spot / rule.strike_step) * rule.strike_step
    width = max(1, round(spec.spot * 0.8 / count / rule.strike_step)) * rule.strike_step
    strikes = np.maximum(centre + (np.arange(count) - half) * width, 0.0)
    strikes = np.unique(strikes[strikes > 0])
    each = len(strikes)
    rows = len(live) * 2 * each
    columns: dict[str, Any] = {
        "expiry_ns": np.repeat(instant[live], 2 * each),
        "root": np.repeat(codes, 2 * each),
        "settlement": np.repeat(settlement[live], 2 * each).astype(np.int8),
        "right": np.tile(np.repeat(np.array([-1, 1], np.int8), each), len(live)),
        "strike": np.tile(strikes, 2 * len(live)),
        "ts_event_ns": np.full(rows, ts_ns),
        "ts_recv_ns": np.full(rows, ts_ns),
        "underlying_price": np.full(rows, spot),
    }
    return ChainSnapshots(spec.underlying, roots, **columns, **_quotes(spec, columns, number))


def _quotes(spec: ChainMarketSpec, columns: dict[str, Any], number: int) -> dict[str, Any]:
    """Bid, ask and all else that a vendor delivers, around the true price."""
    rule = option_rule(spec.underlying)
    years = years_to_expiry(columns["ts_recv_ns"], columns["expiry_ns"])
    strike, right = columns["strike"], columns["right"]
    discount = np.exp(-spec.rate * years)
    forward = columns["underlying_price"] * np.exp((spec.rate - spec.dividend) * years)
    vol = _vol(spec, forward, strike, years)
    price, forward_delta = black_price(right, forward, strike, years, vol, discount)
    price = _held(spec, price, right, columns["underlying_price"], strike)
    tick = np.where(price < rule.tick_break, rule.tick_below, rule.tick)
    half = tick + 0.004 * price
    bid = np.maximum(np.floor((price - half) / tick) * tick, 0.0)
    ask = np.ceil((price + half) / tick) * tick
    # A spread that reaches over the break between two increments must end on the coarser one.
    ask = np.where(ask > rule.tick_break, np.ceil(np.round(ask / rule.tick, 6)) * rule.tick, ask)
    draws = uniforms(stream_key(spec.seed, "chain sizes", spec.underlying, number), 0, 4 * len(price)).reshape(4, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        high = np.log(forward / strike) / (vol * np.sqrt(years)) + vol * np.sqrt(years) / 2
        gamma = np.exp(-high * high / 2) / np.sqrt(2 * np.pi) / (forward * vol * np.sqrt(years)) * discount
    carry = np.exp(-spec.dividend * years)
    return {
        "bid": np.round(bid, 2),
        "ask": np.round(ask, 2),
        "last": np.round(np.round(price / tick) * tick, 2),
        "bid_size": np.floor(1 + 200 * draws[0]),
        "ask_size": np.floor(1 + 200 * draws[1]),
        "volume": np.floor(500 * draws[2] ** 8),
        "open_interest": np.floor(5000 * draws[3] ** 4),
        "vendor_iv": np.round(vol, 4),
        "vendor_delta": np.round(forward_delta * carry, 4),
        "vendor_gamma": np.round(gamma, 4),
    }
