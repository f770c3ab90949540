"""A spot that is not of the moment of the quotes, and errors of forwards that hold those of their rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from argus.app import option_spot
from argus.app.option_snapshots import snapshot_of
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots, truth_of
from tests.app.american_market import SHARE, american_chain
from tests.app.test_options import replace_columns

YIELDING = replace(SHARE, rate=0.01, dividend=0.06, vol=0.25, months=3, weeks=0, strikes_per_expiry=16)


@pytest.mark.parametrize("is_found", [True, False])
def test_a_spot_whose_search_ends_early_is_told(is_found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, truth = american_chain(YIELDING)
    spot = float(chain.underlying_price[0])
    monkeypatch.setattr(option_spot, "_SPOT_TURNS", 1)
    if not is_found:
        monkeypatch.setattr(option_spot, "_spot_of_lines", lambda _: 1.01 * spot)
    moved = snapshot_of(replace_columns(chain, underlying_price=1.002 * chain.underlying_price), "made up")
    (note,) = (note for note in moved.notes if "of the moment of these quotes" in note)
    assert f"{1.002 * spot:,.2f}" in note
    assert ("may not be" in note) is not is_found
    # Used or not, the error of the forward covers what it does.
    miss = np.abs(moved.forward - truth.forward)
    assert (miss < 4.0 * moved.forwards.forward_error[moved.expiry] + 1e-3).all()
    if is_found:
        assert moved.spot == pytest.approx(spot, rel=2e-4)
    else:
        assert moved.spot == pytest.approx(1.002 * spot)
        assert (moved.forwards.forward_error > 5e-5 * spot).all()


def test_a_spot_that_the_quotes_do_not_tell_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = (float("nan"), float("inf"), True)
    monkeypatch.setattr(option_spot, "_told_spot", lambda *_: nothing)
    chain = american_chain(YIELDING)[0]
    assert snapshot_of(chain, "made up").spot == float(chain.underlying_price[0])


def test_the_error_of_a_forward_holds_that_of_its_rate() -> None:
    spec = ChainMarketSpec(months=24, weeks=0, strikes_per_expiry=60, rate=0.05, dividend=0.0)
    chain = next(chain_snapshots(spec))
    truth, half, found = truth_of(spec, chain), 0.5, []
    # Strikes that end near the spot: the forward lies beyond most of them, and the rate says how far.
    on = (chain.bid > 2.0 * half) & (chain.strike < 1.04 * spec.spot)
    for seed in range(20):
        middle = 0.5 * (chain.bid + chain.ask) + np.random.default_rng(seed).uniform(-0.85, 0.85, len(chain)) * half
        quotes = {"bid": np.where(on, middle - half, 0.0), "ask": np.where(on, middle + half, chain.ask)}
        one = snapshot_of(replace_columns(chain, **quotes), "made up")
        assert 0.0 < one.rate_error.max() < 0.005
        first = np.unique(one.expiry, return_index=True)[1]
        found.append((one.forwards.forward - truth.forward[first]) / one.forwards.forward_error)
    far = np.stack(found)[:, 12:]
    assert 0.7 < np.sqrt(np.mean(far**2)) < 1.3


def test_so_does_that_of_options_that_may_be_exercised_early() -> None:
    chain = american_chain(replace(SHARE, months=7, weeks=0, strikes_per_expiry=16), 0.05)[0]
    one = snapshot_of(chain, "made up")
    # Where the rate is that of the same quotes, both are the error of one fit.
    ratio = one.forwards.forward_error / one.own.forward_error
    assert ((ratio > 0.7) & (ratio < 1.4))[4:].all()
    stated = snapshot_of(chain, "made up", rate=SHARE.rate)
    assert (stated.forwards.forward_error < 0.7 * one.forwards.forward_error)[5:].all()
