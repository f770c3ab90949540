"""What the commands of options show of chains on futures: greeks, fees, checks that were not made, and their words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import QuantLib as ql

from argus.app.option_pages import _leg_names, surface_page
from argus.app.option_positions import _of_early_exercise, find_structure
from argus.app.option_snapshots import Snapshot, snapshot_of
from argus.app.option_surface import SurfaceReport, fit_snapshot, local_vols
from argus.app.option_tables import quote_frame, surface_dict
from argus.cli.options_analysis import _say, anomalies
from argus.core.instruments import instrument
from argus.core.time import NS_PER_DAY, day_of
from argus.data import ImportReport
from argus.options import Costs, Wanted, american_values, position_of
from tests.app.american_market import SHARE, american_chain
from tests.app.future_market import CRUDE, INDEX, NOW_NS, RATE, Listed, future_chain, future_frame, write_chain
from tests.app.test_options import as_csv


@pytest.fixture(scope="module")
def crude(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return snapshot_of(future_chain(future_frame(CRUDE), tmp_path_factory.mktemp("cl"), "CL")[0], "made up")


def by_grid(right: int, future: float, strike: float, years: float, vol: float, rate: float) -> float:
    """Delta of an American option on a future, by QuantLib's grid."""
    today = ql.Date(3, 1, 2024)
    days = round(years * 365.0)
    # QuantLib counts whole days: rate and variance are stretched to the years that are asked for.
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    stretch = years / (days / 365.0)
    process = ql.BlackProcess(
        ql.QuoteHandle(ql.SimpleQuote(future)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate * stretch, count)),
        ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), vol * float(np.sqrt(stretch)), count)
        ),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if right > 0 else ql.Option.Put, strike)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + days))
    option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, 200, 400))
    return float(option.delta())


@pytest.mark.parametrize("expiry", [0, 1, 2])
def test_greeks_are_those_of_the_future_beneath_each_expiry(crude: Snapshot, expiry: int) -> None:
    frame = quote_frame(crude)
    assert (frame["delta_forward"].drop_nans().abs() <= 1.0).all()
    known = np.flatnonzero((crude.expiry == expiry) & np.isfinite(crude.vols.mid.vol) & (crude.chain.bid > 0.2))
    for row in known[:: len(known) // 4].tolist():
        own, right = frame.row(row, named=True), int(crude.chain.right[row])

        def price(
            move: float = 0.0, vol: float = 0.0, days: float = 0.0, own: dict[str, float] = own, right: int = right
        ) -> float:
            given = (own["strike"], own["years"] - days / 365.0, own["vol_mid"] + vol, RATE, RATE, right)
            return float(american_values(CRUDE[expiry].price + move, *given, accuracy="precise").price[0])

        assert own["delta_forward"] == pytest.approx((price(0.02) - price(-0.02)) / 0.04, abs=1e-3)
        assert own["vega_point"] == pytest.approx(price(vol=0.005) - price(vol=-0.005), abs=1e-3)
        assert own["theta_day"] == pytest.approx(price(days=0.5) - price(days=-0.5), abs=1e-3)
        slopes = [(price(0.02, vol) - price(-0.02, vol)) / 0.04 for vol in (0.005, -0.005)]
        assert own["vanna_forward"] == pytest.approx((slopes[0] - slopes[1]) / 0.01, abs=0.02)
        assert own["gamma_forward"] == pytest.approx((price(0.5) - 2.0 * price() + price(-0.5)) / 0.25, abs=1e-3)
        grid = by_grid(right, CRUDE[expiry].price, own["strike"], own["years"], own["vol_mid"], RATE)
        assert own["delta_forward"] == pytest.approx(grid, abs=2e-3)


def test_misfits_pay_the_fees_of_the_future_or_those_of_shares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    oil, share = write_chain(future_frame(CRUDE), tmp_path / "cl.parquet"), tmp_path / "spy.csv"
    share.write_text(as_csv(american_chain(replace(SHARE, months=2, weeks=0))[0]))

    def told(
        file: Path, cost: float | None = None, preset: str | None = None, underlying: str | None = None
    ) -> dict[str, Any]:
        anomalies(str(file), cost=cost, preset=preset, underlying=underlying, json_wanted=True)
        return dict(json.loads(capsys.readouterr().out))

    usual, stated = (told(oil, cost, "chain_on_futures", "CL") for cost in (None, 0.5))
    spec = instrument("CL")
    fee = spec.fee_on(day_of(NOW_NS // NS_PER_DAY))
    assert fee is not None
    assert usual["cost"] == pytest.approx(2.0 * float(fee.per_unit) / float(spec.multiplier), abs=1e-9)
    assert usual["cost"] < 0.01
    edge = {one["contract"]: one["edge"] for one in usual["contracts"]}
    for one in stated["contracts"]:
        assert edge[one["contract"]] - one["edge"] == pytest.approx(0.5 - usual["cost"])
    assert any("the commission is what the future itself costs" in note for note in usual["notes"])
    assert not any("the commission is" in note for note in stated["notes"])
    assert told(share)["cost"] == 0.013


@pytest.mark.parametrize(
    ("listed", "why"), [(CRUDE, "each future has one expiry with a smile"), (CRUDE[1:2], "there is one expiry with a")]
)
def test_calendars_that_nobody_can_judge_are_not_called_free(
    listed: tuple[Listed, ...], why: str, tmp_path: Path
) -> None:
    report = fit_snapshot(snapshot_of(future_chain(future_frame(listed), tmp_path, "CL")[0], "made up"))
    told, page = surface_dict(report), surface_page(report)
    assert told["free_of_arbitrage"] is None
    for shown in (" ".join(told["sentences"]), page):
        assert f"Calendar spreads could not be judged: {why}" in shown
        assert "calendar spread costs less than nothing" not in shown
        assert "nan as a share" not in shown
    (said,) = [one for one in told["sentences"] if "local volatilities" in one]
    assert said.startswith("No local volatilities: they are")
    assert said in page
    assert np.isnan([one["vol_local"] for one in told["expiries"]]).all()
    assert "would make all of these option prices at once" not in page


def test_calendars_of_one_future_are_judged_beside_another(tmp_path: Path) -> None:
    report = fit_snapshot(snapshot_of(future_chain(future_frame(INDEX), tmp_path, "ES")[0], "made up"))
    told, page = surface_dict(report), surface_page(report)
    assert told["free_of_arbitrage"] is True
    assert "No butterfly and no calendar spread costs less than nothing" in told["sentences"][1]
    assert "its least rise is" in page


def test_local_volatilities_are_those_of_each_future(tmp_path: Path) -> None:
    listed = (*INDEX[:3], Listed("EW1", 2024, 4, "ESM4", 4833.0, 0.135), Listed("ES", 2024, 6, "ESM4", 4833.0, 0.14))
    k = np.array([-0.02, 0.0, 0.02])

    def fitted(*some: Listed) -> SurfaceReport:
        frame = future_frame(some).filter(pl.col("bid") > 0.0)
        return fit_snapshot(snapshot_of(future_chain(frame, tmp_path, "ES")[0], "made up", rate=RATE))

    every, why = local_vols(fitted(*listed), k)
    assert why == ""
    assert np.isfinite(every).all()
    # What is on another future has no part in them: each future's are those of its own surface.
    for part in (slice(0, 3), slice(3, 5)):
        own, _ = local_vols(fitted(*listed[part]), k)
        np.testing.assert_allclose(every[part], own, rtol=1e-6)
    alone = fitted(*listed[:4])
    some, why = local_vols(alone, k)
    assert why == "they are those of one price, and ES.202406 has one expiry with a smile"
    np.testing.assert_allclose(some[:3], every[:3], rtol=1e-6)
    assert np.isnan(some[3]).all()
    told, page = surface_dict(alone), surface_page(alone)
    assert [np.isfinite(one["vol_local"]) for one in told["expiries"]] == [True, True, True, False]
    assert f"Some expiries have no local volatilities: {why}." in told["sentences"]
    assert f"cells are empty: {why}; no answer outside of the quoted strikes and expiries." in page
    assert "would make all of these option prices at once" in page


def test_one_is_no_plural(crude: Snapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _say(replace(crude, chain=future_chain(future_frame(CRUDE).head(1), tmp_path, "CL")[0]))
    assert "; 1 quote of made up" in capsys.readouterr().out
    report = ImportReport("CL/main", "one.csv", "0" * 64, False, 1, 0, 0, 0, {"bad": 1}, {}, 0, 0, "0" * 64, ())
    assert report.lines()[0].startswith("one.csv -> CL/main: 1 row read, 0 imported")
    assert "; 1 of its rows is in quarantine" in replace(report, already_imported=True).lines()[0]


def test_rights_worth_less_than_a_cent_have_no_sign(crude: Snapshot) -> None:
    report = find_structure(crude, "short_put", Wanted(dte=42.0, delta=0.3), Costs())
    far = position_of(
        "short_call", 70.0, right=1, quantity=-1, strike=95.0, years=0.1, price=0.1, vol=0.3, rate=0.05, carry=0.0,
        early=True,
    )  # fmt: skip
    (told,) = _of_early_exercise(replace(report, position=far))
    assert "Now the rights are worth +0.00 a unit" in told


def test_legs_that_are_alike_in_a_heading_are_told_apart() -> None:
    own = position_of(
        "own", 100.0, right=[-1, -1, 1, 1], quantity=[-1, -1, -1, 1], strike=[96, 96, 97.5, 97.5],
        years=[0.1, 0.2, 0.1, 0.1], price=1.0, vol=0.2, rate=0.0, carry=0.0,
    )  # fmt: skip
    assert _leg_names(own) == ["96 P, 36.5 days", "96 P, 73.0 days", "97.5 C", "97.5 C"]
