"""Real SPX chains for the tests: read, forward by parity, implied volatility by halving. Slow and plain on purpose.

It shares no code with the package, so that it can stand beside it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Expiry:
    """Quotes of one expiry and settlement."""

    date: dt.date
    is_pm: bool
    years: float
    strike: F64
    right: NDArray[np.int8]
    bid: F64
    ask: F64


@dataclass(frozen=True)
class Session:
    """One file: session date, level of the index beside the quotes, expiries in order of time."""

    date: dt.date
    spot: float
    expiries: list[Expiry]


def session_files(real_data: Path) -> list[Path]:
    return sorted((real_data / "spx_chains_2019").glob("SPX_*.csv.gz"))


def read_session(path: Path) -> Session:
    table = pl.read_csv(path).with_columns(
        pl.col("expiration").str.to_date("%m/%d/%Y"),
        pl.col("quotedate").str.to_date("%m/%d/%Y"),
        is_pm=pl.col("optionroot").str.starts_with("SPXW"),
    )
    date = table["quotedate"][0]
    now = dt.datetime.combine(date, dt.time(15))
    expiries = []
    for (day, is_pm), rows in table.group_by(["expiration", "is_pm"], maintain_order=True):
        assert isinstance(day, dt.date)
        end = dt.datetime.combine(day, dt.time(15) if is_pm else dt.time(8, 30))
        years = (end - now).total_seconds() / 60.0 / 525_600.0
        if years > 0.0:
            right = np.where(rows["type"].to_numpy() == "call", 1, -1).astype(np.int8)
            columns = (rows[name].to_numpy().astype(np.float64) for name in ("strike", "bid", "ask"))
            strike, bid, ask = columns
            expiries.append(Expiry(day, bool(is_pm), years, strike, right, bid, ask))
    return Session(date, float(table["underlying_last"][0]), sorted(expiries, key=lambda one: one.years))


def parity(expiry: Expiry, spot: float) -> tuple[float, float]:
    """Forward and discount by least squares of call less put on the strike near the money; NaN with too few strikes."""
    rows = {side: np.flatnonzero((expiry.right == side) & (expiry.bid > 0.0)) for side in (1, -1)}
    strike, calls, puts = np.intersect1d(expiry.strike[rows[1]], expiry.strike[rows[-1]], return_indices=True)
    near = np.abs(np.log(strike / spot)) < max(0.05, 0.3 * np.sqrt(expiry.years))
    if near.sum() < 5:
        return float("nan"), float("nan")
    mid = 0.5 * (expiry.bid + expiry.ask)
    gap = (mid[rows[1][calls]] - mid[rows[-1][puts]])[near]
    k = strike[near]
    keep = np.ones(len(k), dtype=bool)
    for _ in range(8):
        slope, level = np.polyfit(k[keep], gap[keep], 1)
        off = np.abs(gap - level - slope * k)
        keep = off <= 5.0 * np.median(off) + 1e-9
    return float(-level / slope), float(-slope)


def implied_vol(price: F64, strike: F64, right: NDArray[np.int8], forward: float, discount: float, years: float) -> F64:
    """Volatility of each price, from its out-of-the-money side; NaN where there is none."""
    side = np.where(strike >= forward, 1.0, -1.0)
    with np.errstate(invalid="ignore"):
        value = price / discount - np.where(right == side, 0.0, right * (forward - strike))
    low, high = np.full(len(price), 1e-4), np.full(len(price), 20.0)
    for _ in range(50):
        middle = 0.5 * (low + high)
        v = middle * np.sqrt(years)
        d1 = np.log(forward / strike) / v + 0.5 * v
        is_under = side * (forward * ndtr(side * d1) - strike * ndtr(side * (d1 - v))) < value
        low, high = np.where(is_under, middle, low), np.where(is_under, high, middle)
    found: F64 = np.where((value > 0.0) & (low > 1.1e-4) & (high < 19.9), 0.5 * (low + high), np.nan)
    return found


def surface_columns(session: Session) -> dict[str, F64]:
    """The columns of `fit_surface` and prices, all expiries that have a forward."""
    names = ("strike", "right", "years", "forward", "vol_bid", "vol_ask", "bid", "ask", "discount")
    parts: dict[str, list[F64]] = {name: [] for name in names}
    for one in session.expiries:
        forward, discount = parity(one, session.spot)
        if not np.isfinite(forward):
            continue
        quoted = (one.bid > 0.0) & (one.ask >= one.bid)
        vols = [
            np.where(quoted, implied_vol(price, one.strike, one.right, forward, discount, one.years), np.nan)
            for price in (one.bid, one.ask)
        ]
        same = np.ones(len(one.strike))
        values = (one.strike, one.right, same * one.years, same * forward, *vols, one.bid, one.ask, same * discount)
        for name, value in zip(names, values, strict=True):
            parts[name].append(value)
    return {name: np.concatenate(values) for name, values in parts.items()}
