"""Snapshots of invented markets of known truth: forwards, volatilities, surface, misfits, structures, chances."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from argus.app.option_positions import PastReturns, daily_returns, find_structure, probability_of_profit
from argus.app.option_snapshots import Snapshot, open_snapshot, snapshot_of
from argus.app.option_surface import find_misfits, fit_snapshot, past_snapshots, vol_outlook
from argus.app.option_tables import anomaly_dict, expiry_lines, pop_dict, quote_frame, structure_dict, surface_dict
from argus.app.workspace import init_workspace
from argus.core.chains import ChainSnapshots, settles_at_open
from argus.core.errors import ConfigError, CoverageError
from argus.core.option_symbols import format_option_symbols
from argus.core.time import NS_PER_DAY
from argus.data.catalog import SourceRecord
from argus.data.chain_store import ChainStore
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots, truth_of
from argus.options import STRUCTURES, Costs, ExitPlan, Fill, Wanted, american_values

MARKET = ChainMarketSpec(strikes_per_expiry=80, months=4, weeks=7, sessions=4, start=date(2019, 5, 6))
CHAINS = tuple(chain_snapshots(MARKET))
COSTS = Costs(commission=0.0)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return snapshot_of(CHAINS[0], "made up")


def test_forwards_discounts_and_volatilities_are_the_true_ones(snapshot: Snapshot) -> None:
    truth = truth_of(MARKET, CHAINS[0])
    np.testing.assert_allclose(snapshot.forward, truth.forward, rtol=2e-4)
    far = truth.years > 45.0 / 365.0
    np.testing.assert_allclose(snapshot.discount[far], truth.discount[far], rtol=5e-4)
    # The true volatility lies between those of bid and ask, wherever both have one, but for the forward's error.
    bid, ask = snapshot.vols.bid.vol, snapshot.vols.ask.vol
    known = np.isfinite(bid) & np.isfinite(ask) & snapshot.is_out
    assert known.sum() > 300
    inside = (truth.vol >= bid - 2e-3) & (truth.vol <= ask + 2e-3)
    assert inside[known].mean() > 0.99


def test_a_stated_rate_is_taken() -> None:
    stated = snapshot_of(CHAINS[0], "made up", rate=0.05)
    np.testing.assert_allclose(stated.discount, np.exp(-0.05 * stated.years), rtol=1e-12)


def test_the_lines_and_the_table_say_the_same(snapshot: Snapshot) -> None:
    lines = expiry_lines(snapshot)
    frame = quote_frame(snapshot)
    assert len(frame) == len(snapshot.chain) == sum(line.quotes for line in lines)
    assert [line.days for line in lines] == sorted(line.days for line in lines)
    for line in lines:
        assert line.quotes == line.implied + sum(line.refused.values())
        own = frame.filter((pl.col("expiry") == line.expiry) & (pl.col("root") == line.root))
        assert own["reason"].eq("ok").sum() == line.implied
        assert abs(line.atm_vol - 0.18) < 0.05
    one = quote_frame(snapshot, lines[-1].expiry)
    assert set(one["expiry"]) == {lines[-1].expiry}
    with pytest.raises(ConfigError, match="expires on '2031-01-01'"):
        quote_frame(snapshot, "2031-01-01")


def test_the_surface_goes_through_the_quotes_without_arbitrage(snapshot: Snapshot) -> None:
    report = fit_snapshot(snapshot)
    assert report.surface.is_free
    assert report.surface.share_inside > 0.95
    told = surface_dict(report)
    assert any("No butterfly" in sentence for sentence in told["sentences"])
    json.dumps(told)
    # A market whose volatility is about 18 % at all times has an index of about 18.
    assert report.index is not None
    assert abs(report.index.index - 18.0) < 3.0


def test_a_planted_misfit_is_the_first_of_the_list() -> None:
    chain = CHAINS[1]
    days = (chain.expiry_ns - chain.ts_event_ns) / NS_PER_DAY
    near = np.flatnonzero((chain.right < 0) & (days > 25) & (chain.strike < 0.95 * MARKET.spot) & (chain.bid > 5.0))
    at = int(near[len(near) // 2])
    bid, ask = chain.bid.copy(), chain.ask.copy()
    bid[at], ask[at] = bid[at] * 1.3, ask[at] * 1.3
    dear = replace_columns(chain, bid=bid, ask=ask)
    found = find_misfits(snapshot_of(dear, "made up"), CHAINS[:1], cost=0.01)
    told = anomaly_dict(found, 5)
    first = told["contracts"][0]
    assert f" {chain.strike[at]:g}P" in first["contract"]
    assert first["score"] > 5.0
    assert first["tradable"] is True
    assert first["edge"] > 0.0
    assert len(told["past"]) == 1
    with pytest.raises(ConfigError, match="is no past of one"):
        find_misfits(snapshot_of(CHAINS[0], "made up"), CHAINS[1:2])


def replace_columns(chain: ChainSnapshots, **columns: np.ndarray) -> ChainSnapshots:
    """The chain with other columns."""
    from argus.core.chains import CHAIN_COLUMNS

    return ChainSnapshots(
        chain.underlying, chain.roots, **{name: columns.get(name, getattr(chain, name)) for name in CHAIN_COLUMNS}
    )


def test_every_structure_is_found_and_told(snapshot: Snapshot) -> None:
    for name, structure in STRUCTURES.items():
        report = find_structure(snapshot, name, Wanted(dte=30.0, later_dte=60.0), COSTS)
        assert len(report.legs) == len(structure.legs)
        told = structure_dict(report)
        json.dumps(told)
        assert all(math.isfinite(leg["delta"]) for leg in told["legs"])
        assert told["loss_max"] > 0.0


def test_what_does_not_fit_is_said(snapshot: Snapshot) -> None:
    with pytest.raises(CoverageError, match="expiry too far"):
        find_structure(snapshot, "short_put", Wanted(dte=900.0, delta=0.2), COSTS)
    with pytest.raises(ConfigError, match="'short_putt' is not known"):
        find_structure(snapshot, "short_putt", Wanted(), COSTS)


def test_models_agree_where_they_should_and_a_fair_trade_costs_its_spread(snapshot: Snapshot) -> None:
    report = find_structure(snapshot, "short_put_vertical", Wanted(dte=30.0, delta=0.3), replace(COSTS, fill=Fill.MID))
    past = PastReturns(np.full(400, 0.0005) + 0.01 * np.cos(np.arange(400)), "2018-01-02", "2019-05-03")
    answer = probability_of_profit(
        report,
        plan=ExitPlan(profit_target=0.5, stop=2.0),
        past=past,
        paths=4_000,
        seed=1,
    )
    told = pop_dict(answer)
    json.dumps(told)
    by = {(one["model"], one["how"]): one for one in told["answers"]}
    assert {model for model, _ in by} == {"market_smile", "black_scholes", "heston", "historical_bootstrap"}
    smile = by["market_smile", "held, by formula"]
    # Entered in the middle, by the market's own law, nothing is gained and nothing lost: to a tenth of the width.
    assert abs(smile["mean"][0]) < 0.02 * told_width(report)
    for model in ("black_scholes", "heston"):
        exact, paths = by[model, "held, by formula"], by[model, "held, by paths"]
        assert abs(exact["probability"][0] - paths["probability"][0]) < 3.5 * paths["probability"][1] + 5e-3
        assert abs(exact["mean"][0] - paths["mean"][0]) < 3.5 * paths["mean"][1] + 0.01 * told_width(report)
        # Leaving early changes when, not how much: but for what closing costs.
        managed = by[model, "by the plan"]
        assert managed["days_held"][0] < paths["days_held"][0]
    assert by["historical_bootstrap", "held, by paths"]["measure"] == "real_world"
    own = probability_of_profit(report, drift=0.3, paths=500, seed=1)
    assert {row.measure.value for row in own.rows} == {"real_world"}
    assert any("the past is missing" in note for note in own.notes)


def told_width(report: object) -> float:
    """Money between the strikes of a vertical of one contract."""
    position = report.position  # type: ignore[attr-defined]
    return float(np.ptp(position.strike)) * 100.0


def test_a_snapshot_is_found_by_file_and_by_name(tmp_path: Path) -> None:
    home, _ = init_workspace(tmp_path / "desk")
    store = ChainStore(home.catalog().root)
    for number, chain in enumerate(CHAINS):
        store.write(chain, "eod", SourceRecord("made up", f"{number}" * 8, "x", {}, len(chain)))
    name = "SPX/eod"
    last = open_snapshot(name, None, workspace=home.root)
    assert last.chain.content_hash == CHAINS[-1].content_hash
    day = open_snapshot(name, "2019-05-07", workspace=home.root)
    assert day.chain.content_hash == CHAINS[1].content_hash
    then = open_snapshot(name, "2019-05-08T00:00:00+00:00", workspace=home.root)
    assert then.chain.content_hash == CHAINS[1].content_hash
    with pytest.raises(CoverageError):
        open_snapshot(name, "2019-04-01", workspace=home.root)
    known = int(CHAINS[3].ts_recv_ns[0])
    earlier = past_snapshots(name, home.root, known, 2)
    assert [one.content_hash for one in earlier] == [CHAINS[1].content_hash, CHAINS[2].content_hash]
    assert past_snapshots(name, home.root, known, 0) == []
    path = tmp_path / "chain.csv"
    path.write_text(as_csv(CHAINS[0]))
    file = open_snapshot(str(path), None)
    assert file.chain.underlying == "SPX"
    np.testing.assert_array_equal(file.vols.mid.vol, snapshot_of(CHAINS[0], "made up").vols.mid.vol)
    with pytest.raises(CoverageError, match="no snapshot of 2020-01-01"):
        open_snapshot(str(path), "2020-01-01")
    plain = pl.read_csv(path).select("symbol", "ts_event_ns", "bid", "ask", "underlying_price")
    plain.write_csv(tmp_path / "plain.csv")
    few = open_snapshot(str(tmp_path / "plain.csv"), None)
    np.testing.assert_array_equal(few.vols.mid.vol, file.vols.mid.vol)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="its form cannot be told"):
        open_snapshot(str(tmp_path / "other.csv"), None)
    assert daily_returns(home.root, "SPX", known) is None


def as_csv(chain: ChainSnapshots) -> str:
    """A snapshot in the form of the preset ``chain_symbols``."""
    names = ("underlying_price", "bid", "ask", "last", "bid_size", "ask_size", "volume", "open_interest")
    names = (*names, "vendor_iv", "vendor_delta", "vendor_gamma")
    roots = [chain.roots[code] for code in chain.root]
    symbols = format_option_symbols(roots, chain.expiry_ns // NS_PER_DAY, chain.right, chain.strike)
    lines = ["symbol,ts_event_ns," + ",".join(names)]
    for row, symbol in enumerate(symbols.tolist()):
        values = [getattr(chain, name)[row] for name in names]
        told = ["" if math.isnan(value) else repr(float(value)) for value in values]
        lines.append(",".join([symbol, str(chain.ts_event_ns[row]), *told]))
    return "\n".join(lines) + "\n"


def test_the_outlook_stands_on_the_past_alone(snapshot: Snapshot) -> None:
    past = 0.01 * np.random.default_rng(5).standard_normal(1_200)
    outlook = vol_outlook(fit_snapshot(snapshot), past)
    told = dict(outlook.realised)
    assert told["last 252 sessions"] == pytest.approx(math.sqrt(252 * float((past[-252:] ** 2).mean())))
    # Independent returns of one volatility: every forecast is near it.
    assert all(abs(vol - 0.01 * math.sqrt(252)) < 0.03 for _, vol, _ in outlook.forecasts)
    assert [name for name, _, _ in outlook.forecasts] == ["EWMA, 0.94", "HAR", "GARCH(1,1)"]
    for _, vol, paid in outlook.forecasts:
        assert paid == pytest.approx(outlook.implied**2 - vol**2)
    json.dumps(surface_dict(fit_snapshot(snapshot), outlook))


def test_options_that_may_be_exercised_early_get_volatilities_that_know_it() -> None:
    spec = replace(MARKET, underlying="SPY", spot=280.0, months=2, weeks=0, sessions=1, strikes_per_expiry=60)
    (chain,) = chain_snapshots(spec)
    truth = truth_of(spec, chain)
    price = american_values(
        chain.underlying_price, chain.strike, truth.years, truth.vol, spec.rate, spec.dividend, chain.right
    ).price
    shown = np.isfinite(price) & (price > 0.05)
    quoted = replace_columns(chain, bid=np.where(shown, price - 0.005, 0.0), ask=np.where(shown, price + 0.005, 0.01))
    found = snapshot_of(quoted, "made up", rate=spec.rate)
    assert any("exercised early" in note for note in found.notes)
    known = np.isfinite(found.vols.mid.vol) & found.is_out & shown
    assert known.sum() > 20
    # Parity of American prices gives the forward only nearly: a tenth of a point of volatility.
    assert float(np.abs(found.vols.mid.vol - truth.vol)[known].max()) < 5e-3
    blind = snapshot_of(replace_columns(quoted, underlying_price=np.full(len(chain), np.nan)), "made up")
    assert any("no price of the underlying" in note for note in blind.notes)


def test_a_calendar_is_marked_by_the_volatility_that_is_left(snapshot: Snapshot) -> None:
    costs = replace(COSTS, fill=Fill.MID, half_spread=0.0)
    report = find_structure(snapshot, "calendar", Wanted(dte=30.0, later_dte=60.0), costs)
    position = report.position
    near, later = (int(place) for place in np.argsort(position.years))
    left = position.years[later] - position.horizon
    total = position.vol[near] ** 2 * position.horizon + position.vols_at(position.horizon)[later] ** 2 * left
    assert total == pytest.approx(position.vol[later] ** 2 * position.years[later])
    assert position.vols_at(position.horizon)[near] == position.vol[near]
    answer = probability_of_profit(report, plan=ExitPlan(exit_years=0.5 * position.horizon), paths=4_000, seed=2)
    by = {(one["model"], one["how"]): one for one in pop_dict(answer)["answers"]}
    assert ("market_smile", "held, by formula") not in by
    assert ("heston", "held, by formula") not in by
    exact, paths = by["black_scholes", "held, by formula"], by["black_scholes", "held, by paths"]
    assert abs(exact["probability"][0] - paths["probability"][0]) < 3.5 * paths["probability"][1] + 5e-3
    # Bought in the middle and left for nothing, by a model that prices both legs, it is worth what was paid.
    for how in ("held, by paths", "by the plan"):
        mean, error = by["black_scholes", how]["mean"]
        assert abs(mean) < 3.5 * error + 0.02 * structure_dict(report)["entry"]
    assert any("are left out" in note for note in answer.notes)


def test_a_quote_without_a_forward_says_what_its_expiry_says() -> None:
    chain = CHAINS[0]
    first = chain.expiry_ns == chain.expiry_ns.min()
    bid = np.where(first, 0.0, chain.bid)
    found = snapshot_of(replace_columns(chain, bid=bid), "made up")
    line = expiry_lines(found)[0]
    assert line.reason != "ok"
    assert line.implied == 0
    assert line.refused == {line.reason: line.quotes}


def test_the_index_takes_the_expiry_that_settles_on_the_open() -> None:
    # 29 days before the third Friday of June: of its two expiries the later one lies nearer to thirty days.
    (chain,) = chain_snapshots(replace(MARKET, start=date(2019, 5, 23), sessions=1))
    snapshot = snapshot_of(chain, "made up")
    index = fit_snapshot(snapshot).index
    assert index is not None
    opens = settles_at_open(snapshot.chain.settlement)
    dates = snapshot.chain.expiry_ns // NS_PER_DAY
    shared = np.intersect1d(dates[opens], dates[~opens])
    assert len(shared), "the market lists both on third Fridays"
    passed_over = snapshot.years[~opens & np.isin(dates, shared)]
    used = [index.near.years, index.next.years]
    assert not np.isin(used, passed_over).any()
    assert any(one in snapshot.years[opens] for one in used)


def test_what_a_mean_gain_stands_on_is_told(snapshot: Snapshot) -> None:
    report = find_structure(snapshot, "short_put", Wanted(dte=30.0, delta=0.3), COSTS)
    returns = np.full(300, 0.001) + 0.01 * np.cos(np.arange(300))
    past = PastReturns(returns, "2018-02-01", "2019-05-03")
    told = pop_dict(probability_of_profit(report, past=past, paths=500, seed=1))["sentences"]
    growth = 252 * math.log(float(np.mean(np.exp(returns))))
    assert past.growth == pytest.approx(growth)
    assert any(f"from 2018-02-01 to 2019-05-03: the mean of the spot grows by {growth:+.1%}" in one for one in told)
    assert any("the volatility of the sold options" in one for one in told)
    assert any("the misfit of the model, and no edge" in one for one in told)


def test_unbounded_is_not_unknown_and_an_index_is_not_bought(snapshot: Snapshot) -> None:
    call = structure_dict(find_structure(snapshot, "short_call", Wanted(dte=30.0, delta=0.3), COSTS))
    assert (call["loss_unbounded"], call["profit_unbounded"]) == (True, False)
    covered = find_structure(snapshot, "covered_call", Wanted(dte=30.0, delta=0.3), COSTS)
    assert any("SPX itself cannot be bought" in note for note in covered.snapshot.notes)
    told = pop_dict(probability_of_profit(covered, paths=500, seed=1))
    smile = next(one for one in told["answers"] if one["model"] == "market_smile")
    assert all(value is None for _, value in smile["touch"])
