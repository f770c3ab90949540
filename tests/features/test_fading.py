"""Means that forget, in markets that have died: they end at zero, not among numbers that never fade and take long."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from argus.features import feature, features
from argus.features.runner import Runner
from tests.features.market import Market, market

ALIVE = 1_500
DEAD = 20_000
SMALLEST = np.finfo(np.float64).tiny
"""Below it numbers have lost digits."""

NAMES = list(features())
SHORT: dict[str, dict[str, int | float | str]] = {
    name: {
        one.name: 5
        for one in feature(name).own_parameters
        if one.name == "n" and isinstance(one.default, int) and float(one.low or 0) <= 5 < one.default
    }
    for name in NAMES
}
"""Short windows, so that all that fades has faded."""
SHORT["ewma_vol"] = {"com": 2.5}
SHORT["garch_vol"] = {"alpha": 0.5, "persistence": 0.8, "span": 3}


def resting(columns: Market) -> Market:
    """The price stands where it was, and nothing is traded."""
    found = {name: values.copy() for name, values in columns.items()}
    for name in ("open", "high", "low", "close"):
        found[name][ALIVE:] = columns["close"][ALIVE - 1]
    found["volume"][ALIVE:] = 0.0
    return found


def at_nothing(columns: Market) -> Market:
    """The price of a spread that is zero in every bar."""
    found = resting(columns)
    for name in ("open", "high", "low", "close"):
        found[name] -= found["close"][-1]
    return found


MARKETS = {"resting": resting, "at nothing": at_nothing}


def without_digits(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    size = np.abs(values)
    found: NDArray[np.bool_] = (size > 0.0) & (size < SMALLEST)
    return found


@cache
def after_death(which: str) -> tuple[Runner, NDArray[np.float64]]:
    columns = MARKETS[which](market(31, ALIVE + DEAD))
    runner = Runner([feature(name).term(SHORT[name]) for name in NAMES])
    out = np.empty((len(NAMES), ALIVE + DEAD))
    for first in range(0, ALIVE + DEAD, runner.piece):
        runner.feed([columns[key][first : first + runner.piece] for key in runner.inputs], out, first)
    return runner, out


@pytest.mark.parametrize("which", MARKETS)
def test_nothing_that_is_shown_or_remembered_has_lost_its_digits(which: str) -> None:
    runner, out = after_death(which)
    tried = set()
    for plan, state in ((one.plan, one.state) for one in (runner, *(coarse.runner for coarse in runner._coarse))):
        for kernel, first, last in zip(plan.kernels, plan.state_at[:-1], plan.state_at[1:], strict=True):
            if not kernel.startswith("recurrence."):  # They keep bits, not numbers.
                assert not without_digits(state[first:last]).any(), kernel
                tried.add(kernel)
    assert {"window.ema", "window.wilder", "trend.directional", "trend.adaptive", "volatility.ewma_vol"} < tried
    shown = without_digits(out).any(axis=1)
    assert [name for name, is_small in zip(NAMES, shown, strict=True) if is_small] == []


@pytest.mark.parametrize("name", ["force_index", "macd_histogram", "atr", "natr", "ewma_vol", "garch_vol"])
def test_a_mean_of_nothing_but_zeros_becomes_zero(name: str) -> None:
    values = after_death("resting")[1][NAMES.index(name)]
    assert (np.abs(values[ALIVE - 100 : ALIVE]) > 0.0).any()
    if name == "macd_histogram":
        assert np.abs(values[-1]) < 1e-9, "the difference of two means of a price is known to the price's rounding"
    else:
        np.testing.assert_array_equal(values[-10_000:], 0.0)


@pytest.mark.parametrize("name", ["rsi", "dx", "plus_di", "vzo", "pvo", "mass_index"])
def test_a_share_of_a_mean_that_has_faded_is_missing(name: str) -> None:
    values = after_death("resting")[1][NAMES.index(name)]
    assert np.isfinite(values[:ALIVE]).any()
    assert np.isnan(values[-1_000:]).all()
