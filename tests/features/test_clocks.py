"""Coarser clocks against a plain account of what was known when, and the traps that others fall into."""

from __future__ import annotations

import numpy as np
import pytest

from argus.core.errors import DataError
from argus.core.random import generator
from argus.features import column, compute_set
from argus.features.graph import CLOCKS, held
from argus.features.inputs import CLOSE, HIGH, LOW, OPEN, VOLUME
from argus.features.runner import Runner
from tests.features.market import Market, market

HOUR_S = 3_600.0


def with_missing_minutes(columns: Market, seed: int, share: float = 0.2) -> Market:
    """The same market with minutes without trades left out, ends of hours and of sessions among them."""
    keep = generator(seed, "keep").random(len(columns["close"])) >= share
    return {name: values[keep] for name, values in columns.items()}


def coarse_bars(columns: Market, clock: str) -> list[tuple[float, dict[str, float]]]:
    """(instant from which it is known, bar) of every coarse bar that was over at some time, from the times alone."""
    seconds = CLOCKS[clock]
    groups: dict[tuple[float, float], list[int]] = {}
    for row in range(len(columns["close"])):
        slot = columns["start_s"][row] // seconds if seconds else 0.0
        groups.setdefault((columns["session"][row], slot), []).append(row)
    found = []
    for (_, slot), rows in groups.items():
        last = rows[-1]
        reaches_close = columns["session_end"][last] > 0
        end = (slot + 1) * seconds if seconds else np.inf
        if reaches_close or columns["close_s"][last] >= end:
            known = columns["close_s"][last]
        elif clock == "session":
            continue
        else:
            known = columns["close_s"][last + 1] if last + 1 < len(columns["close"]) else np.inf
        bar = {
            "open": columns["open"][rows[0]],
            "high": columns["high"][rows].max(),
            "low": columns["low"][rows].min(),
            "close": columns["close"][last],
            "volume": columns["volume"][rows].sum(),
        }
        found.append((known, bar))
    return found


@pytest.mark.parametrize("clock", sorted(CLOCKS))
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_coarse_bars_are_those_that_were_over(clock: str, share: float) -> None:
    columns = with_missing_minutes(market(2, 2_600), 3, share)
    fields = {"open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME}
    runner = Runner([held(term, clock) for term in fields.values()])
    n = len(columns["close"])
    out = np.empty((5, n))
    for first in range(0, n, runner.piece):
        last = min(first + runner.piece, n)
        runner.feed([columns[name][first:last] for name in runner.inputs], out, first)
    bars = coarse_bars(columns, clock)
    for row in range(n):
        known = [bar for at, bar in bars if at <= columns["close_s"][row]]
        for value, name in zip(out[:, row], fields, strict=True):
            if known:
                assert value == known[-1][name], (row, name)
            else:
                assert np.isnan(value)
    assert bars


def test_a_daily_feature_at_ten_is_yesterdays() -> None:
    columns = market(4, 1_000)
    daily = compute_set([column("sma", n=1, on="1d")], columns)[0]
    for session in np.unique(columns["session"])[1:]:
        rows = np.flatnonzero(columns["session"] == session)
        yesterday = columns["close"][rows[0] - 1]
        assert (daily[rows[:-1]] == np.float32(yesterday)).all()
        assert daily[rows[-1]] == np.float32(columns["close"][rows[-1]]), "at the close today is over"


def test_an_hour_is_not_visible_before_its_end() -> None:
    columns = market(5, 400, per_session=200)
    hourly = compute_set([column("sma", n=1, on="1h")], columns)[0]
    by_close = dict(zip(columns["close_s"], columns["close"], strict=True))
    for row in range(len(hourly)):
        ended = np.floor(columns["close_s"][row] / HOUR_S) * HOUR_S
        if columns["session_end"][row] == 0 and ended in by_close:
            assert hourly[row] == np.float32(by_close[ended])


def test_bars_longer_than_the_clock_are_refused() -> None:
    columns = market(6, 100)
    columns["start_s"] = columns["close_s"] - 2 * HOUR_S
    with pytest.raises(DataError, match="a bar of 7200 seconds cannot be part of a bar of 1h"):
        compute_set([column("sma", n=2, on="1h")], columns)
