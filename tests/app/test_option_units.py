"""Names in JSON hold a unit: each figure is what its name says, and errors of forwards and rates are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from argus.app.option_pages import smile_page
from argus.app.option_positions import find_structure
from argus.app.option_snapshots import Snapshot, snapshot_of
from argus.app.option_tables import expiry_lines, quote_frame, structure_dict
from argus.options import Costs, Wanted, black76_price
from tests.app.american_market import SHARE, american_chain
from tests.app.test_options import CHAINS, replace_columns


@pytest.fixture(scope="module", params=["European", "American"])
def snapshot(request: pytest.FixtureRequest) -> Snapshot:
    share = replace(SHARE, months=2, weeks=0)
    return snapshot_of(CHAINS[0] if request.param == "European" else american_chain(share)[0], "made up")


def test_the_greeks_of_a_structure_are_in_the_units_of_their_names(snapshot: Snapshot) -> None:
    report = find_structure(snapshot, "short_strangle", Wanted(dte=46.0), Costs(commission=0.0, multiplier=50.0))
    told = structure_dict(report)["greeks"]
    assert set(told) == {"value", "delta", "gamma", "vega_point", "theta_day", "rho_point"}
    position = report.position

    def money(**moved: float) -> float:
        """The worth of a contract set of 50 units with all volatilities and rates moved, some days on."""
        vol, rate = moved.get("vol", 0.0), moved.get("rate", 0.0)
        other = replace(position, vol=position.vol + vol, rate=position.rate + rate, carry=position.carry + rate)
        spot = position.spot + moved.get("spot", 0.0)
        return 50.0 * float(other.value(spot, moved.get("days", 0.0) / 365.0).value[0])

    def slope(name: str, step: float) -> float:
        return (money(**{name: step}) - money(**{name: -step})) / (2.0 * step)

    assert told["value"] == pytest.approx(money())
    assert told["delta"] == pytest.approx(slope("spot", 0.05), rel=2e-3, abs=0.02)
    bend = (money(spot=1.0) - 2.0 * money() + money(spot=-1.0)) / 1.0
    assert told["gamma"] == pytest.approx(bend, rel=5e-3)
    # A point of volatility and of rate is a hundredth; a day is one of 365.
    assert told["vega_point"] == pytest.approx(0.01 * slope("vol", 1e-3), rel=5e-3)
    assert told["rho_point"] == pytest.approx(0.01 * slope("rate", 1e-3), rel=2e-2, abs=0.02)
    assert told["theta_day"] == pytest.approx((money(days=0.1) - money()) / 0.1, rel=2e-2)


def test_the_greeks_of_a_quote_are_in_the_units_of_their_names() -> None:
    snapshot = snapshot_of(CHAINS[0], "made up")
    wanted = (pl.col("reason") == "ok") & (pl.col("years") > 0.1) & (pl.col("right") == "put")
    row = quote_frame(snapshot).filter(wanted).row(12, named=True)
    at = {"forward": row["forward"], "discount": row["discount"], "strike": row["strike"], "years": row["years"]}

    def price(vol: float = 0.0, days: float = 0.0, forward: float = 0.0) -> float:
        # The forward is held and the discount's rate too, as a day goes by.
        years = at["years"] - days / 365.0
        discount = at["discount"] ** (years / at["years"])
        return float(
            black76_price(at["forward"] + forward, discount, at["strike"], years, row["vol_mid"] + vol, -1).price[0]
        )

    assert row["delta_forward"] == pytest.approx((price(forward=0.1) - price(forward=-0.1)) / 0.2, rel=1e-4)
    assert row["vega_point"] == pytest.approx(0.01 * (price(vol=1e-4) - price(vol=-1e-4)) / 2e-4, rel=1e-4)
    assert row["theta_day"] == pytest.approx((price(days=0.05) - price(days=-0.05)) / 0.1, rel=1e-3)


def test_the_errors_of_forward_and_rate_are_told() -> None:
    snapshot = snapshot_of(CHAINS[0], "made up")
    lines = expiry_lines(snapshot)
    for line in lines:
        assert line.discount_error == pytest.approx(line.discount * line.days / 365.0 * line.rate_error)
        assert line.rate_error > 0.0
        assert f"{line.rate:.2%} +/- {line.rate_error:.2%}" == line.rate_said
    # The rates are those of longer expiries; what an expiry itself says is less sure the nearer it is.
    own = np.array([line.own_rate_error for line in lines])
    assert own[0] > 20.0 * own[-1]
    stated = expiry_lines(snapshot_of(CHAINS[0], "made up", rate=0.02))
    assert {line.rate_error for line in stated} == {0.0}
    assert {line.rate_said for line in stated} == {"2.00%"}
    assert [line.own_rate_said for line in stated] == [line.own_rate_said for line in lines]


def test_a_rate_that_its_error_exceeds_is_not_printed_as_known() -> None:
    chain = CHAINS[0]
    days = (chain.expiry_ns - chain.ts_event_ns) / (24 * 3600 * 1e9)
    # Expiries of less than two weeks alone, their quotes shaken by their spread: nobody knows their rate.
    shaken = np.random.default_rng(1).normal(0.0, 0.3, len(chain))
    shown = (days < 14.0) & (chain.bid > 2.0)
    near = {name: np.where(shown, getattr(chain, name) + shaken, np.nan) for name in ("bid", "ask")}
    found = snapshot_of(replace_columns(chain, **near), "made up")
    lines = [line for line in expiry_lines(found) if line.reason == "ok"]
    assert any("tells its rate well" in note for note in found.notes)
    unknown = [line for line in lines if "not told by these quotes (" in line.rate_said]
    assert unknown
    for line in unknown:
        assert np.isnan([line.rate, line.own_rate, line.dividend_yield]).all()
        assert line.rate_error == line.own_rate_error > 0.0
        assert "+/-" in line.rate_said
    page = smile_page(found)
    assert "Its own quotes say" in page
    assert all(line.rate_said in page for line in lines)


def test_a_rate_near_zero_that_is_known_is_told() -> None:
    snapshot = snapshot_of(CHAINS[0], "made up")
    zero = np.full_like(snapshot.rate_error, 1e-4)
    known = replace(snapshot, forwards=replace(snapshot.forwards, rate=zero), rate_error=4.0 * zero)
    for line in expiry_lines(known):
        assert line.rate_said == "0.01% +/- 0.04%"
        assert line.rate == 1e-4
        assert np.isfinite(line.dividend_yield)
    vague = replace(known, rate_error=40.0 * zero)
    assert all("not told by these quotes" in line.rate_said for line in expiry_lines(vague))


def test_an_expiry_without_a_forward_says_why() -> None:
    chain = CHAINS[0]
    first = chain.expiry_ns == chain.expiry_ns.min()
    bare = {name: np.where(first, np.nan, getattr(chain, name)) for name in ("bid", "ask")}
    line = expiry_lines(snapshot_of(replace_columns(chain, **bare), "made up"))[0]
    assert (line.reason, line.rate_said) == ("too_few_strikes", "no forward (too_few_strikes)")
