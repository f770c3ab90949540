"""Chains of options that may be exercised early, from the snapshot to the probability of profit; refusals of Heston."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from argus.app.option_early import assignment_notes, early_exercise
from argus.app.option_heston import marked_by, refused_expiry, refused_position
from argus.app.option_pages import pop_page
from argus.app.option_positions import PopReport, find_structure, probability_of_profit
from argus.app.option_snapshots import Snapshot, snapshot_of
from argus.app.option_surface import find_misfits, fit_snapshot, index_of
from argus.app.option_tables import expiry_lines, pop_dict, quote_frame
from argus.options import (
    BlackScholes,
    Costs,
    ExitPlan,
    Fill,
    HestonLaw,
    ParityRules,
    Wanted,
    american_values,
    black76_price,
    implied_forwards,
    pop_table,
    position_of,
    reason_names,
)
from argus.report import figures
from tests.app.american_market import SHARE, american_chain
from tests.app.test_options import CHAINS, as_csv, replace_columns
from tests.cli.command import argus

CHAIN, TRUTH = american_chain()
COSTS = Costs(commission=0.0, fill=Fill.MID, half_spread=0.0)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return snapshot_of(CHAIN, "made up")


@pytest.fixture(scope="module")
def put(snapshot: Snapshot) -> PopReport:
    structure = find_structure(snapshot, "short_put", Wanted(dte=102.0, delta=0.6), COSTS)
    plan = ExitPlan(profit_target=0.5, stop=1.0)
    return probability_of_profit(structure, plan=plan, paths=2_000, seed=1)


def test_forwards_rates_and_volatilities_are_the_true_ones(snapshot: Snapshot) -> None:
    by_parity = implied_forwards(
        snapshot.expiry, snapshot.years, CHAIN.strike, CHAIN.right, CHAIN.bid, CHAIN.ask, spot=snapshot.spot
    )
    far = snapshot.years > 0.25
    assert np.abs(by_parity.forward[snapshot.expiry] - TRUTH.forward)[far].min() > 0.1, "what the right does to parity"
    np.testing.assert_allclose(snapshot.forward, TRUTH.forward, atol=2e-4)
    np.testing.assert_allclose(snapshot.forwards.rate, SHARE.rate, atol=2e-5)
    np.testing.assert_allclose(snapshot.forwards.dividend_yield, SHARE.dividend, atol=1e-4)
    known = np.isfinite(snapshot.vols.mid.vol) & snapshot.is_out & (CHAIN.bid > 0.1)
    assert known.sum() > 60
    assert float(np.abs(snapshot.vols.mid.vol - TRUTH.vol)[known].max()) < 1e-5


def test_a_bid_that_pays_no_more_than_exercising_has_the_volatility_of_its_strike(snapshot: Snapshot) -> None:
    chain, mid = CHAIN, snapshot.vols.mid
    intrinsic = chain.right * (snapshot.spot - chain.strike)
    bare = np.flatnonzero((intrinsic > 0.0) & (chain.bid > 0.0) & (chain.bid <= intrinsic))
    known = np.isfinite(mid.vol[bare])
    assert 3 < known.sum() < len(bare)
    np.testing.assert_allclose(mid.vol[bare][known], TRUTH.vol[bare][known], atol=1e-4)
    assert set(np.array(reason_names(mid.reason[bare]))[~known]) == {"below_intrinsic"}


def test_the_surface_is_that_of_the_european_options(snapshot: Snapshot) -> None:
    fitted = fit_snapshot(snapshot)
    rows = np.flatnonzero(snapshot.is_out & (CHAIN.bid > 0.5) & (snapshot.years > 0.03))
    k = np.log(CHAIN.strike[rows] / TRUTH.forward[rows])
    answer = fitted.surface.vol(k, snapshot.years[rows]).value
    assert float(np.nanmax(np.abs(answer - TRUTH.vol[rows]))) < 3e-3
    # Quotes without the right are those of Black; a bid of nobody stays none.
    every = np.flatnonzero(np.isfinite(snapshot.vols.bid.vol))
    bid, ask = snapshot.as_european(every)
    price = black76_price(
        TRUTH.forward[every], TRUTH.discount[every], CHAIN.strike[every], TRUTH.years[every], TRUTH.vol[every],
        CHAIN.right[every],
    ).price  # fmt: skip
    inside = (bid - 1e-3 < price) & (price < ask + 1e-3)
    assert inside[CHAIN.bid[every] > 0.1].all()
    none = np.flatnonzero(CHAIN.bid == 0.0)
    assert (snapshot.as_european(none)[0] == 0.0).all()
    index = index_of(snapshot)
    assert index is None or abs(index.index / 100.0 - SHARE.vol) < 0.03


def test_no_quote_of_a_market_without_misfits_stands_out(snapshot: Snapshot) -> None:
    found = find_misfits(snapshot, cost=0.0)
    dear = CHAIN.bid[found.report.rows] > 0.5
    model, bid, ask = found.quotes.model[dear], found.quotes.bid[dear], found.quotes.ask[dear]
    assert np.nanmedian(np.abs(model - 0.5 * (bid + ask))) < 0.02
    assert (bid == CHAIN.bid[found.report.rows][dear]).all(), "the quotes shown are those of the market"


def test_a_chain_without_its_underlying_says_so() -> None:
    blind = replace_columns(CHAIN, underlying_price=np.full(len(CHAIN), np.nan))
    near = snapshot_of(blind, "made up")
    assert any("no price of the underlying: the forward of 2.0 days stands for it" in note for note in near.notes)
    np.testing.assert_allclose(near.forward, TRUTH.forward, atol=0.05)
    days = (blind.expiry_ns - blind.ts_event_ns) / (24 * 3600 * 1e9)
    far = replace_columns(
        blind, **{name: np.where(days < 20.0, np.nan, getattr(blind, name)) for name in ("bid", "ask")}
    )
    refused = snapshot_of(far, "made up")
    assert any("they have no forward and no volatility" in note for note in refused.notes)
    later = refused.forwards.years * 365.0 > 20.0
    assert not np.isfinite(refused.forwards.forward).any()
    assert {line.reason for line, is_later in zip(expiry_lines(refused), later, strict=True) if is_later} == {
        "no_underlying_price"
    }
    assert set(quote_frame(refused)["reason"].unique()) <= {"no_underlying_price", "too_few_strikes"}


@pytest.mark.parametrize("times", [1.003, 0.99])
def test_a_spot_of_another_moment_is_told_and_not_used(times: float) -> None:
    chain, truth = american_chain(replace(SHARE, months=3, weeks=0, strikes_per_expiry=24))
    spot = float(chain.underlying_price[0])
    moved = snapshot_of(replace_columns(chain, underlying_price=times * chain.underlying_price), "made up")
    (note,) = (note for note in moved.notes if "not of the moment of these quotes" in note)
    assert f"{times * spot:,.2f}" in note
    assert moved.spot == pytest.approx(spot, rel=2e-4)
    fits = moved.forwards
    assert (fits.reason == 0).all()
    assert (np.abs(moved.forward - truth.forward) < 4.0 * fits.forward_error[moved.expiry]).all()
    assert (np.abs(fits.rate - SHARE.rate) < 4.0 * moved.rate_error).all()
    assert (moved.rate_error < 0.005).all()


def test_an_absurd_yield_is_a_reason() -> None:
    chain = american_chain(replace(SHARE, months=1, weeks=0, strikes_per_expiry=24))[0]
    spot = float(chain.underlying_price[0])
    days = (chain.expiry_ns - chain.ts_event_ns) / (24 * 3600 * 1e9)
    given = implied_forwards(
        chain.expiry_ns, days / 365.0, chain.strike, chain.right, chain.bid, chain.ask,
        spot=spot, early=True, rules=ParityRules(yield_max=0.01),
    )  # fmt: skip
    assert "yield_out_of_range" in reason_names(given.reason)


def test_legs_are_valued_and_chosen_with_the_right(put: PopReport) -> None:
    position = put.structure.position
    (leg,) = put.structure.legs
    assert leg.american
    at = (position.spot, position.strike[0], position.years[0], TRUTH.vol[position.row[0]], SHARE.rate, SHARE.dividend)
    true = american_values(*at, -1)
    assert leg.delta == pytest.approx(float(true.delta[0]), abs=1e-4)
    assert put.structure.greeks["value"] == pytest.approx(-float(true.price[0]), abs=1e-3)
    assert leg.exercised_at == pytest.approx(float(true.boundary[0]), rel=1e-3)
    bare = float(position.without_early().value(position.spot).value[0])
    assert leg.early_premium == pytest.approx(float(true.price[0]) + bare, abs=1e-3)
    assert leg.early_premium > 0.2
    # At the expiry it pays what a European one does.
    assert put.structure.curve.at(position.strike[0]) == pytest.approx(position.entry(Fill.MID) * -1.0)


def test_the_answers_say_what_they_do_with_the_right(put: PopReport) -> None:
    told = pop_dict(put)
    json.dumps(told)
    ways = {(one["model"], one["how"]): one for one in told["answers"]}
    paths = [one for one in told["answers"] if "assigned" in one]
    assert {one["model"] for one in paths} == {"black_scholes", "heston"}
    assert all(one["assigned"][0][0] == f"{put.structure.legs[0].contract}P" for one in paths)
    held, planned = (ways["black_scholes", how]["assigned"][0][1] for how in ("held, by paths", "by the plan"))
    assert 0.05 < held[0] < 1.0
    assert planned[0] <= held[0]
    assert any("the right to exercise early:" in one and "given away" not in one for one in told["sentences"])
    page = pop_page(put)
    strike = float(put.structure.position.strike[0])
    assert f">Assigned {strike:g} P<" in page, "the table fits on a screen"
    assert figures.percent(held[0]) in page
    notes = put.structure.snapshot.notes
    assert any("the sold put SPY" in one and "and below exercising it today pays its holder" in one for one in notes)


def test_a_fair_plan_neither_pays_nor_costs(put: PopReport) -> None:
    # Sold at its American price and bought back at it, by a model of that very volatility: nothing is left but
    # interest, and what the holder of the option leaves on the table by not exercising before the exit.
    managed = next(row.managed for row in put.rows if row.model == "black_scholes")
    position = put.structure.position
    assert managed is not None
    interest = SHARE.rate * managed.years_held.value * position.bid[0]
    assert abs(managed.expected_pnl.value) < 4.0 * managed.expected_pnl.standard_error + interest


def test_a_sold_call_is_told_of_dividends(snapshot: Snapshot) -> None:
    call = find_structure(snapshot, "short_call", Wanted(dte=46.0, delta=0.3), COSTS)
    assert any("the evening before a dividend larger than the time value" in one for one in call.snapshot.notes)
    deep = position_of(
        "short_put", 100.0, right=-1, quantity=-1, strike=150.0, years=0.5, price=50.0, vol=0.2, rate=0.05, carry=0.05,
        early=True,
    )  # fmt: skip
    (told,) = assignment_notes(deep, ["X"], early_exercise(deep))
    assert told.startswith("the sold put X may be assigned before its expiry: exercising it pays its holder now")
    never = replace(deep, right=-deep.right, rate=deep.rate, carry=deep.rate)
    (told,) = assignment_notes(never, ["X"], early_exercise(never))
    assert "may be assigned before its expiry: by a steady dividend yield exercising it early never pays" in told
    assert "; the evening before" in told
    idle = replace(deep, rate=-deep.rate, carry=-deep.rate)
    (told,) = assignment_notes(idle, ["X"], early_exercise(idle))
    assert told == (
        "the sold put X is not expected to be assigned before its expiry: by a steady dividend yield exercising it "
        "early never pays its holder"
    )
    (told,) = assignment_notes(idle, ["X"], early_exercise(idle), "CL.202403")
    assert told.endswith("exercising it early never pays its holder; exercised, it becomes a position in CL.202403")


def test_the_commands_show_it(tmp_path: Path) -> None:
    path, page = tmp_path / "spy.csv", tmp_path / "pop.html"
    path.write_text(as_csv(american_chain(replace(SHARE, months=2, weeks=0))[0]))
    asked = ("--chain", str(path), "--structure", "short_put_vertical", "--dte", "46", "--delta", "0.3")
    done = argus("options", "pop", *asked, "--paths", "200", "--page", str(page), "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [leg["american"] for leg in told["legs"]] == [True, True]
    assert all(leg["early_premium"] > 0.0 and leg["exercised_at"] > 0.0 for leg in told["legs"])
    note = "may be assigned before its expiry: from"
    assert any(note in one for one in told["notes"])
    text = argus("options", "structure", *asked, folder=tmp_path)
    for shown in (page.read_text(), text.stdout):
        assert note in shown
    assert f">Assigned {float(told['legs'][0]['contract'].split()[-1]):g} P<" in page.read_text()
    chances = argus("options", "pop", *asked, "--paths", "200", folder=tmp_path)
    assert (
        "may be assigned"
        in chances.stdout.splitlines()[[" chance of" in x for x in chances.stdout.splitlines()].index(True)]
    )


def test_index_options_are_untouched() -> None:
    snapshot = snapshot_of(CHAINS[0], "made up")
    assert not snapshot.is_early.any()
    rows = np.arange(len(snapshot.chain))
    assert (snapshot.as_european(rows)[0] == snapshot.chain.bid).all()
    report = find_structure(snapshot, "short_put", Wanted(dte=30.0, delta=0.3), COSTS)
    assert [(leg.american, leg.early_premium) for leg in report.legs] == [(False, 0.0)]
    assert math.isnan(report.legs[0].exercised_at)
    answer = probability_of_profit(report, paths=200, seed=1)
    assert answer.refused == ()
    told = pop_dict(answer)
    assert not any("exercise" in one for one in told["sentences"])
    assert all(one.get("assigned", []) == [] for one in told["answers"])


def test_heston_refuses_an_expiry_far_shorter_than_those_it_knows() -> None:
    snapshot = snapshot_of(CHAINS[1], "made up")
    days = snapshot.forwards.years * 365.0
    assert days.min() == 1.0
    report = find_structure(snapshot, "short_put", Wanted(dte=float(days.min()), delta=0.3), COSTS)
    answer = probability_of_profit(report, paths=200, seed=1)
    assert [one.reason for one in answer.refused] == ["expiry_not_calibrated"]
    told = pop_dict(answer)
    (heston,) = (one for one in told["answers"] if one["model"] == "heston")
    assert (heston["how"], heston["reason"], heston["measure"]) == ("refused", "expiry_not_calibrated", "risk_neutral")
    assert math.isnan(heston["probability"][0])
    assert any("Heston has no answer: the shortest expiry" in one for one in told["sentences"])
    assert "heston" not in answer.laws
    # Nor has that expiry quotes enough for a smile: the market's law is missing with a word, and nothing else.
    assert any("the market's own smile is missing" in one for one in answer.notes)
    assert "black_scholes" in answer.laws


def torn(times: float) -> tuple[Snapshot, float]:
    """The volatilities of one expiry times a factor, and its days: no Heston goes through them and the others."""
    chain = CHAINS[0]
    first = snapshot_of(chain, "made up")
    place = int(np.argmin(np.abs(first.forwards.years * 365.0 - 14.0)))
    rows = first.expiry == place
    price = black76_price(
        first.forward, first.discount, chain.strike, first.years, times * first.vols.mid.vol, chain.right
    ).price
    moved = rows & np.isfinite(price)
    quotes = {"bid": np.where(moved, price - 0.05, chain.bid), "ask": np.where(moved, price + 0.05, chain.ask)}
    quotes["bid"] = np.maximum(np.where(rows & ~moved, 0.0, quotes["bid"]), 0.0)
    found = snapshot_of(replace_columns(chain, **quotes), "made up")
    return found, float(found.forwards.years[place]) * 365.0


def test_heston_refuses_an_expiry_whose_quotes_it_misses() -> None:
    snapshot, days = torn(2.2)
    report = find_structure(snapshot, "short_put", Wanted(dte=days, delta=0.3), replace(COSTS, half_spread=None))
    answer = probability_of_profit(report, paths=200, seed=1)
    assert [one.reason for one in answer.refused] == ["model_off_quotes"]
    assert any("up to 15% it is believed" in one for one in answer.notes)


def test_heston_refuses_a_position_that_it_misprices() -> None:
    # The expiry as a whole is missed by less than a seventh, a far put by a third of its price.
    snapshot, days = torn(1.14)
    far, near = (find_structure(snapshot, "short_put", Wanted(dte=days, delta=size), COSTS) for size in (0.08, 0.45))
    answer = probability_of_profit(far, paths=200, seed=1)
    assert [one.reason for one in answer.refused] == ["model_off_quotes"]
    assert any("the mean gain would be the misfit" in one for one in answer.notes)
    assert "heston" not in answer.laws
    assert not any(one["model"] == "heston" and one["how"] != "refused" for one in pop_dict(answer)["answers"])
    assert answer.heston.parameters is not None
    law = HestonLaw(snapshot.spot, answer.heston.parameters, float(near.position.carry[0]))
    assert refused_expiry(snapshot, answer.heston, law, near.position.horizon) is None
    assert refused_position(law, marked_by(near.position, law), near.curve) is None
    fair = marked_by(far.position, law)
    assert refused_position(law, fair, far.curve) == answer.refused[0]
    # With quotes as wide as the difference, it lies between bid and ask, and is an answer.
    wide = replace(fair, bid=0.5 * fair.bid, ask=fair.ask + 0.5 * fair.bid)
    assert refused_position(law, wide, far.curve) is None


def test_negative_rate_and_yield_from_the_snapshot_to_the_notes() -> None:
    spec = replace(SHARE, rate=-0.005, dividend=-0.02, months=1, weeks=0, strikes_per_expiry=16)
    chain, truth = american_chain(spec)
    found = snapshot_of(chain, "made up")
    assert (found.forwards.reason == 0).all()
    np.testing.assert_allclose(found.forward, truth.forward, atol=1e-3)
    np.testing.assert_allclose(found.forwards.rate, -0.005, atol=1e-4)
    known = found.is_out & (chain.bid > 0.1)
    assert float(np.abs(found.vols.mid.vol - truth.vol)[known].max()) < 1e-4
    sold = position_of(
        "short_put", 100.0, right=-1, quantity=-1, strike=100.0, years=0.5, price=5.0, vol=0.2, rate=-0.005,
        carry=0.015, early=True,
    )  # fmt: skip
    early = early_exercise(sold)
    assert early.is_double.tolist() == [True]
    assert early.premium[0] > 0.01
    (told,) = assignment_notes(sold, ["X"], early)
    assert "between two prices of the underlying, which are not known" in told
    plan = ExitPlan(profit_target=0.5)
    (row,) = pop_table(sold, [BlackScholes(100.0, 0.2, 0.015)], plan=plan, costs=COSTS, paths=200, workers=1)
    assert row.held is not None
    assert row.held.assigned == (), "no chance is better than a false one"


def test_the_greeks_of_quotes_are_american_and_to_the_forward(snapshot: Snapshot) -> None:
    frame = quote_frame(snapshot)
    assert set(frame["exercise"]) == {"american"}
    spot, carry = snapshot.spot, SHARE.rate - SHARE.dividend
    known = np.flatnonzero(np.isfinite(snapshot.vols.mid.vol) & (CHAIN.bid > 2.0) & (snapshot.years > 0.2))
    for row in known[::9].tolist():
        own, right = frame.row(row, named=True), int(CHAIN.right[row])

        def price(
            forward: float = 0.0, vol: float = 0.0, days: float = 0.0, own: dict[str, float] = own, right: int = right
        ) -> float:
            years = own["years"] - days / 365.0
            at = (own["forward"] + forward) * math.exp(-carry * years)
            given = (own["strike"], years, own["vol_mid"] + vol, SHARE.rate, SHARE.dividend)
            return float(american_values(at, *given, right, accuracy="precise").price[0])

        assert own["delta_forward"] == pytest.approx((price(1.0) - price(-1.0)) / 2.0, abs=2e-3)
        assert own["gamma_forward"] == pytest.approx(price(1.0) - 2.0 * price() + price(-1.0), abs=1e-3)
        assert own["vega_point"] == pytest.approx((price(vol=0.005) - price(vol=-0.005)), abs=2e-3)
        assert own["theta_day"] == pytest.approx((price(days=0.5) - price(days=-0.5)), abs=1e-3)
        slopes = [(price(1.0, vol) - price(-1.0, vol)) / 2.0 for vol in (0.005, -0.005)]
        assert own["vanna_forward"] == pytest.approx((slopes[0] - slopes[1]) / 0.01, abs=0.05)
    assert spot == pytest.approx(float(CHAIN.underlying_price[0]))
