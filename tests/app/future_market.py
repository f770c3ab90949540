"""A market of options on futures, of known truth: two futures of crude oil and two of an index, each at its price."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from argus.core.chains import ChainSnapshots, is_american, settles_at_open, years_to_expiry
from argus.core.time import parse_ns
from argus.data.chain_importing import chain_preset, read_chain_file
from argus.data.future_options import FUTURE_OPTION_RULES, future_option_end
from argus.options import american_values, black76_price

__all__ = ["CRUDE", "INDEX", "NOW_NS", "RATE", "Listed", "future_chain", "future_frame", "smile", "write_chain"]

NOW_NS = parse_ns("2024-01-03T16:00:00Z")
RATE = 0.05


@dataclass(frozen=True)
class Listed:
    """Options of a product and a month on a future: its name, its price, and the volatility at it."""

    code: str
    year: int
    month: int
    future: str
    price: float
    vol: float


# Crude oil in backwardation, the near volatility so high that its total variance exceeds the next one's.
CRUDE = (
    Listed("LO", 2024, 2, "CLG4", 73.0, 0.60),
    Listed("LO", 2024, 3, "CLH4", 72.2, 0.33),
    Listed("LO", 2024, 6, "CLM4", 70.9, 0.30),
)
INDEX = (
    Listed("EW2", 2024, 1, "ESH4", 4780.0, 0.12),
    Listed("EW4", 2024, 1, "ESH4", 4780.0, 0.125),
    Listed("EW2", 2024, 3, "ESH4", 4780.0, 0.13),
    Listed("ES", 2024, 3, "ESH4", 4780.0, 0.13),
    Listed("ES", 2024, 6, "ESM4", 4833.0, 0.14),
)


def smile(strike: np.ndarray, one: Listed) -> np.ndarray:
    """Volatilities of some strikes."""
    k = np.log(strike / one.price)
    return one.vol * (1.0 - 0.4 * k + 0.8 * k * k)


def future_frame(listed: tuple[Listed, ...], *, half: float | None = None, with_price: bool = True) -> pl.DataFrame:
    """Quotes in the columns of the preset ``chain_on_futures``, and the truth beside them."""
    parts = []
    for one in listed:
        rule, end = FUTURE_OPTION_RULES[one.code], future_option_end(one.code, one.year, one.month)
        years = float(years_to_expiry(NOW_NS, np.array([end.expiry_ns]))[0])
        step = rule.strike_step * max(1, round(one.price * one.vol * np.sqrt(years) / 6.0 / rule.strike_step))
        centre = round(one.price / step) * step
        strike = np.tile(centre + step * np.arange(-14, 15), 2)
        right = np.repeat([-1, 1], len(strike) // 2)
        vol = smile(strike, one)
        early = bool(is_american(np.array([int(end.settlement)], np.int8))[0])
        if early:
            price = american_values(one.price, strike, years, vol, RATE, RATE, right, accuracy="precise").price
        else:
            price = black76_price(one.price, np.exp(-RATE * years), strike, years, vol, right).price
        own = 0.5 * rule.tick_below if half is None else half
        shown = price > 2.0 * rule.tick_below
        parts.append(
            pl.DataFrame(
                {
                    "root": [one.code] * len(strike),
                    "future": [one.future] * len(strike),
                    "expiry": [end.day.isoformat()] * len(strike),
                    "right": np.where(right > 0, "C", "P"),
                    "strike": strike,
                    "ts_event_ns": np.full(len(strike), NOW_NS),
                    "underlying_price": np.full(len(strike), one.price if with_price else np.nan),
                    "bid": np.where(shown, price - own, 0.0),
                    "ask": np.where(shown, price + own, 3.0 * rule.tick_below),
                    "true_vol": vol,
                    "at_open": bool(settles_at_open(np.array([int(end.settlement)], np.int8))[0]),
                }
            )
        )
    return pl.concat(parts)


def write_chain(frame: pl.DataFrame, path: Path) -> Path:
    """The frame as Parquet."""
    frame.drop("true_vol", "at_open").write_parquet(path)
    return path


def future_chain(frame: pl.DataFrame, folder: Path, underlying: str) -> tuple[ChainSnapshots, np.ndarray]:
    """The frame imported, and the true volatility of each row."""
    read = read_chain_file(
        write_chain(frame, folder / f"{underlying}.parquet"), chain_preset("chain_on_futures", underlying)
    )
    assert not read.quarantined, read.quarantined[0].message
    return read.chain, frame["true_vol"].to_numpy()[read.rows]
