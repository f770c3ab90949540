"""Quotes that are no price, and middles that say nothing of a volatility: no leg is taken from the ones, none is chosen
by the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from argus.app.option_positions import StructureReport, find_structure
from argus.app.option_quotes import quote_notes, tradable_vols
from argus.app.option_snapshots import Snapshot, snapshot_of
from argus.core.errors import CoverageError
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots
from argus.options import Costs, Fill, Wanted
from tests.app.american_market import SHARE, american_chain
from tests.app.test_options import replace_columns

INDEX = next(chain_snapshots(ChainMarketSpec(strikes_per_expiry=60, months=3, weeks=2)))
SHARES, TRUTH = american_chain(replace(SHARE, months=2, weeks=0, strikes_per_expiry=30))
MARKETS = {"european": INDEX, "american": SHARES}
COSTS = Costs(commission=0.0, fill=Fill.MID)
WANTED = Wanted(dte=45.0, delta=0.28, dte_tolerance=20.0)


@pytest.fixture(scope="module", params=["european", "american"])
def clean(request: pytest.FixtureRequest) -> Snapshot:
    """A market of honest quotes."""
    return snapshot_of(MARKETS[request.param], "made up")


def put_of(snapshot: Snapshot, delta: float = 0.28) -> StructureReport:
    return find_structure(snapshot, "short_put", replace(WANTED, delta=delta), COSTS)


def quoted(snapshot: Snapshot, row: int, bid: float, ask: float) -> Snapshot:
    """The market with another quote of one row."""
    chain = snapshot.chain
    sides = {"bid": chain.bid.copy(), "ask": chain.ask.copy()}
    sides["bid"][row], sides["ask"][row] = bid, ask
    return snapshot_of(replace_columns(chain, **sides), "made up")


def test_an_ask_that_is_no_price_is_no_leg(clean: Snapshot) -> None:
    chain, first = clean.chain, put_of(clean)
    row = int(first.position.row[0])
    assert not any("no leg is taken" in note for note in first.snapshot.notes)
    absurd = quoted(clean, row, float(chain.bid[row]), 1e9)
    found = find_structure(absurd, "short_put", WANTED, COSTS)
    assert int(found.position.row[0]) != row
    assert abs(found.position.entry(Fill.MID)) < 0.1 * absurd.spot
    assert any("1 quote asks more than its option can ever pay" in note for note in found.snapshot.notes)
    all_of_it = replace_columns(chain, ask=np.where(chain.right < 0, 1e9, chain.ask))
    with pytest.raises(CoverageError, match="ask more than their options can ever pay: no leg is taken from them"):
        find_structure(snapshot_of(all_of_it, "made up"), "short_put", WANTED, COSTS)


def test_a_stub_quote_makes_no_delta(clean: Snapshot) -> None:
    near = put_of(clean).position
    far = int(put_of(clean, 0.08).position.row[0])
    # Five cents bid for a far put, and the price of the near one asked.
    stub = quoted(clean, far, 0.05, 2.0 * float(near.ask[0]))
    own, true = float(stub.vols.mid.vol[far]), float(clean.vols.mid.vol[far])
    assert own > 1.4 * true
    for delta in (0.16, 0.28):
        chosen = find_structure(stub, "short_put", replace(WANTED, delta=delta), COSTS)
        assert int(chosen.position.row[0]) == int(put_of(clean, delta).position.row[0])
        assert not any("leaves its volatility open" in note for note in chosen.snapshot.notes)
    taken = find_structure(stub, "short_put", replace(WANTED, delta=0.08, delta_tolerance=0.01), COSTS)
    assert int(taken.position.row[0]) == far
    assert taken.position.vol[0] == pytest.approx(true, rel=0.05)
    (told,) = (note for note in taken.snapshot.notes if "leaves its volatility open" in note)
    assert f"valued at {taken.position.vol[0]:.1%}" in told
    assert f"the quote of the put {taken.legs[0].contract} (0.05 bid" in told


def test_a_false_quote_is_told(clean: Snapshot) -> None:
    near = put_of(clean).position
    far = int(put_of(clean, 0.08).position.row[0])
    dear = quoted(clean, far, float(near.bid[0]), float(near.ask[0]))
    vols = tradable_vols(dear)
    assert vols.vol[far] == dear.vols.mid.vol[far], "a narrow quote is somebody's price, and keeps its volatility"
    (told,) = quote_notes(dear, vols, np.array([-1, far]), ["underlying SPX", "put X"])
    assert f"the put X ({near.bid[0]:g} bid, {near.ask[0]:g} asked) has a volatility of {vols.own[far]:.1%}" in told


def test_an_honest_chain_keeps_its_own_volatilities(clean: Snapshot) -> None:
    report = find_structure(clean, "short_strangle", Wanted(dte=45.0, dte_tolerance=20.0), COSTS)
    np.testing.assert_array_equal(report.position.vol, clean.vols.mid.vol[report.position.row])
    assert not any("quote" in note for note in report.snapshot.notes)


def test_dividends_of_a_share_held_are_told() -> None:
    rich = replace(SHARE, months=2, weeks=0, strikes_per_expiry=20, dividend=0.08)
    report = find_structure(snapshot_of(american_chain(rich)[0], "made up"), "covered_call", WANTED, COSTS)
    position = report.position
    paid = float(position.dividends(position.horizon)[0])
    assert paid == pytest.approx(0.08 * rich.spot * position.horizon, rel=0.03)
    (told,) = (note for note in report.snapshot.notes if "is taken to pay" in note)
    assert f"is taken to pay {paid:,.2f} a unit" in told
    strike = float(position.strike[1])
    assert report.curve.profit_max == pytest.approx(strike - position.entry(Fill.MID) + paid)
