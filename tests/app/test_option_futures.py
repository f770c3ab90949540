"""Options on futures from the file to the probability of profit: each future at its own price, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from argus.app.option_chains import chain_spec
from argus.app.option_futures import agreed_prices, contract_costs, without_forward
from argus.app.option_heston import calibrate_snapshot
from argus.app.option_pages import structure_page
from argus.app.option_positions import find_structure, probability_of_profit
from argus.app.option_snapshots import Snapshot, snapshot_of
from argus.app.option_surface import find_misfits, fit_snapshot, forward_vols
from argus.app.option_tables import expiry_lines, move_text, structure_dict
from argus.core.errors import ConfigError, CoverageError, ImportFailed
from argus.core.instruments import instrument
from argus.core.time import day_of
from argus.data.chain_importing import chain_preset, read_chain_file
from argus.options import ForwardFit, Reason, Wanted, american_values, fit_surface, implied_forwards
from tests.app.future_market import CRUDE, INDEX, NOW_NS, RATE, future_chain, future_frame, write_chain
from tests.cli.command import argus


@pytest.fixture(scope="module")
def crude(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, np.ndarray]:
    chain, vol = future_chain(future_frame(CRUDE), tmp_path_factory.mktemp("cl"), "CL")
    return snapshot_of(chain, "made up"), vol


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, np.ndarray]:
    chain, vol = future_chain(future_frame(INDEX, with_price=False), tmp_path_factory.mktemp("es"), "ES")
    return snapshot_of(chain, "made up"), vol


def test_each_expiry_has_the_price_of_its_own_future(crude: tuple[Snapshot, np.ndarray]) -> None:
    snapshot, vol = crude
    assert snapshot.futures == ("CL.202402", "CL.202403", "CL.202406")
    np.testing.assert_array_equal(snapshot.forwards.forward, [one.price for one in CRUDE])
    np.testing.assert_allclose(snapshot.forwards.rate, RATE, atol=1e-4)
    known = np.isfinite(snapshot.vols.mid.vol) & snapshot.is_out & (snapshot.chain.bid > 0.0)
    assert known.sum() > 80
    assert np.abs(snapshot.vols.mid.vol - vol)[known].max() < 1e-5
    assert any("these options are on 3 futures (CL.202402, CL.202403, CL.202406)" in note for note in snapshot.notes)
    assert all(np.isnan(line.dividend_yield) for line in expiry_lines(snapshot)), "a future pays nothing"


def test_without_a_price_parity_gives_one_for_all_expiries_of_a_future(index: tuple[Snapshot, np.ndarray]) -> None:
    snapshot, vol = index
    forward = snapshot.forwards.forward
    assert len(set(forward[:4].tolist())) == 1, "weekly options and the quarterly one are on one future"
    np.testing.assert_allclose(forward, [one.price for one in INDEX], atol=1e-5)
    assert (snapshot.forwards.forward_error > 0.0).all()
    known = np.isfinite(snapshot.vols.mid.vol) & snapshot.is_out & (snapshot.chain.bid > 0.0)
    assert np.abs(snapshot.vols.mid.vol - vol)[known].max() < 1e-5
    # European and American options side by side, each by its own rule.
    assert snapshot.is_early.any()
    assert not snapshot.is_early.all()


def test_a_price_of_another_moment_gives_way_and_is_told(tmp_path: Path) -> None:
    frame = future_frame(CRUDE[1:]).with_columns(
        underlying_price=pl.when(pl.col("future") == "CLH4").then(72.9).otherwise(pl.col("underlying_price"))
    )
    snapshot = snapshot_of(future_chain(frame, tmp_path, "CL")[0], "made up")
    np.testing.assert_allclose(snapshot.forwards.forward, [72.2, 70.9], atol=1e-4)
    (said,) = [note for note in snapshot.notes if "not of the moment" in note]
    assert said.startswith("the price of CL.202403 that came with the chain, 72.9,")


def test_a_stated_price_serves_an_expiry_without_pairs(tmp_path: Path) -> None:
    frame = future_frame(CRUDE[1:])
    calls = frame.filter((pl.col("future") != "CLH4") | (pl.col("right") == "C"))
    snapshot = snapshot_of(future_chain(calls, tmp_path, "CL")[0], "made up")
    assert snapshot.forwards.forward.tolist() == [72.2, 70.9]
    blind = calls.with_columns(underlying_price=pl.lit(None, dtype=pl.Float64))
    refused = snapshot_of(future_chain(blind, tmp_path, "CL")[0], "made up")
    assert [line.reason for line in expiry_lines(refused)] == ["too_few_strikes", "ok"]
    assert not np.isfinite(refused.vols.mid.vol[refused.expiry == 0]).any()


def test_expiries_that_contradict_each_other_know_less() -> None:
    years = np.full(40, 0.25)
    strike, right = np.tile(np.arange(90.0, 110.0), 2), np.repeat([1.0, -1.0], 20)
    marks = np.tile(np.repeat([1, 2], 10), 2)
    middle = np.where(right > 0, np.maximum(100.0 + 0.2 * (marks == 2) - strike, 0.0) + 3.0, 0.0)
    middle = np.where(right < 0, np.maximum(strike - 100.0 - 0.2 * (marks == 2), 0.0) + 3.0, middle)
    fits = implied_forwards(marks, years, strike, right, middle - 0.01, middle + 0.01)
    np.testing.assert_allclose(fits.forward, [100.0, 100.2], atol=1e-6)
    none = np.full(2, np.nan)
    apart = agreed_prices(("F", "F"), fits, none)
    assert apart.price[0] == apart.price[1] == pytest.approx(100.1, abs=0.05)
    assert apart.error[0] > 0.05 > 5.0 * fits.forward_error.max()
    two = agreed_prices(("F", "G"), fits, none)
    np.testing.assert_allclose(two.price, fits.forward)
    np.testing.assert_allclose(two.error, fits.forward_error)


def _quoted(*prices: float) -> tuple[ForwardFit, np.ndarray]:
    """Expiries of 30, 60, ... days whose parity says the given prices, each to within a few hundredths."""
    strike = np.arange(80.0, 121.0, 2.0)
    marks = np.repeat(np.arange(len(prices)), 2 * len(strike))
    years = (marks + 1) * 30.0 / 365.0
    strikes = np.tile(strike, 2 * len(prices))
    right = np.tile(np.repeat([1.0, -1.0], len(strike)), len(prices))
    middle = np.maximum(right * (np.array(prices)[marks] - strikes), 0.0) + 3.0
    return implied_forwards(marks, years, strikes, right, middle - 0.02, middle + 0.02), marks


@pytest.mark.parametrize(
    ("prices", "came", "apart"),
    [
        ((90.0, 90.01, 90.02), np.nan, [False, False, False]),
        ((90.0, 85.0, 76.0), np.nan, [True, True, True]),
        ((90.0, 85.0, 90.05), np.nan, [False, True, False]),
        ((90.0, 85.0), np.nan, [True, True]),
        ((90.0, 85.0), 85.01, [True, False]),
        ((90.0, 85.0, 76.0), 85.0, [True, True, True]),
        ((90.0,), 85.0, [False]),
    ],
)
def test_an_expiry_that_contradicts_the_majority_of_its_future_has_no_forward(
    prices: tuple[float, ...], came: float, apart: list[bool]
) -> None:
    fits, marks = _quoted(*prices)
    found = agreed_prices(("F",) * len(prices), fits, np.full(len(prices), came))
    assert found.apart.tolist() == apart
    assert np.isnan(found.price).tolist() == np.isnan(found.error).tolist() == apart
    assert len([note for note in found.notes if "contradict each other" in note]) == any(apart)
    left = without_forward(fits, marks, found.apart, Reason.FUTURES_CONTRADICT)
    assert [int(one) for one in left.reason] == [Reason.FUTURES_CONTRADICT if one else 0 for one in apart]
    assert np.isnan(left.forward).tolist() == np.isnan(left.discount).tolist() == apart
    assert np.isfinite(left.years).all()


def test_an_expiry_of_another_price_is_told_and_not_computed_with(tmp_path: Path) -> None:
    # Weekly options on the March future, with the price of the June one.
    frame = future_frame((INDEX[0], replace(INDEX[1], price=4833.0), *INDEX[2:]))
    snapshot = snapshot_of(future_chain(frame, tmp_path, "ES")[0], "made up")
    lines = {line.root: line for line in expiry_lines(snapshot)}
    assert lines["EW4 on ES.202403"].reason == "futures_contradict"
    assert np.isnan(lines["EW4 on ES.202403"].forward)
    assert lines["ES on ES.202403"].forward == pytest.approx(4780.0, rel=1e-4)
    rows = np.array(snapshot.roots)[snapshot.expiry] == "EW4 on ES.202403"
    assert not np.isfinite(snapshot.vols.mid.vol[rows]).any()
    assert any("prices of ES.202403 from 4,780 to 4,833: none of them is used" in note for note in snapshot.notes)
    (said,) = [note for note in snapshot.notes if "contradict each other" in note]
    assert said.startswith("the expiries that are said to be on ES.202403")


@pytest.mark.parametrize("kept", [slice(1, 2), slice(None)])
def test_a_stored_expiry_on_a_future_that_is_not_its_own_has_no_forward(tmp_path: Path, kept: slice) -> None:
    # As chains lie in a catalog from before imports were asked: the weekly options of January on the June future.
    wrong = replace(INDEX[1], price=4833.0)
    chain, _ = future_chain(future_frame((INDEX[0], wrong, *INDEX[2:])[kept]), tmp_path, "ES")
    names = {"EW4 on ES.202403": "EW4 on ES.202406"}
    object.__setattr__(chain, "roots", tuple(names.get(root, root) for root in chain.roots))
    snapshot = snapshot_of(chain, "made up")
    lines = {line.root: line for line in expiry_lines(snapshot)}
    assert lines["EW4 on ES.202406"].reason == "wrong_future"
    rows = np.array(snapshot.roots)[snapshot.expiry] == "EW4 on ES.202406"
    assert np.isnan(snapshot.vols.mid.vol[rows]).all()
    assert (
        "options EW4 that end on 2024-01-26 are on ES.202403, by the rule of the exchange, and not on ES.202406: that "
        "expiry has no forward"
    ) in snapshot.notes
    others = [line for root, line in lines.items() if root != "EW4 on ES.202406"]
    assert [line.reason for line in others] == ["ok"] * len(others), "the others do not listen to it"
    assert not any("contradict" in note or "came with" in note for note in snapshot.notes)


def test_rows_that_came_with_near_prices_are_told_of(tmp_path: Path) -> None:
    frame = future_frame(INDEX[2:4]).with_row_index("at")
    near = frame.with_columns(underlying_price=4780.0 + 5.0 * (pl.col("at") % 3 == 0)).drop("at")
    snapshot = snapshot_of(future_chain(near, tmp_path, "ES")[0], "made up")
    np.testing.assert_array_equal(snapshot.forwards.forward, 4780.0)
    assert any("ES.202403 from 4,780 to 4,785: the middle one, 4,780, is held" in note for note in snapshot.notes)


def test_smiles_of_two_futures_bind_each_other_not(crude: tuple[Snapshot, np.ndarray]) -> None:
    snapshot, vol = crude
    report = fit_snapshot(snapshot)
    # The near future's total variance is above the next one's: on one underlying that would be arbitrage.
    total = report.shapes.vol_atm**2 * report.shapes.years
    assert total[0] > total[1]
    np.testing.assert_allclose(report.shapes.vol_atm, [one.vol for one in CRUDE], atol=1e-3)
    assert np.isnan(report.surface.rise_min).all()
    assert np.isnan(forward_vols(report)).all()
    rows = report.rows
    sides = (snapshot.vols.bid.vol[rows], snapshot.vols.ask.vol[rows])
    chain = snapshot.chain
    bound = fit_surface(chain.strike[rows], chain.right[rows], snapshot.years[rows], snapshot.forward[rows], *sides)
    assert bound.share_inside < 0.9 < report.surface.share_inside, "held together they cannot be met"
    found = find_misfits(snapshot)
    assert not (found.found.q_value < 0.1).any()
    model = american_values(
        snapshot.beneath[rows], chain.strike[rows], snapshot.years[rows], vol[rows], RATE, RATE, chain.right[rows]
    ).price
    assert np.nanmax(np.abs(found.quotes.model - model)) < 0.01


def test_heston_is_calibrated_to_one_future(crude: tuple[Snapshot, np.ndarray]) -> None:
    snapshot, _ = crude
    found = calibrate_snapshot(snapshot, float(snapshot.forwards.years[1]))
    assert len(found.reason) < 30, "the quotes of one expiry"
    assert found.rms < 1.0


def test_a_structure_stands_on_one_future_with_its_multiplier(crude: tuple[Snapshot, np.ndarray]) -> None:
    snapshot, _ = crude
    costs, notes = contract_costs(snapshot)
    spec = instrument("CL")
    assert costs.multiplier == float(spec.multiplier) == 1000.0
    fee = spec.fee_on(day_of(NOW_NS // 86_400_000_000_000))
    assert fee is not None
    assert costs.commission == float(fee.per_unit)
    assert "state your own" in notes[0]
    assert contract_costs(snapshot, commission=1.0, multiplier=100.0)[0].multiplier == 100.0
    report = find_structure(snapshot, "short_put_vertical", Wanted(dte=42.0, delta=0.3), costs)
    position = report.position
    assert position.spot == 72.2
    assert (position.carry == 0.0).all()
    own = american_values(72.2, position.strike, position.years, position.vol, RATE, RATE, -1)
    np.testing.assert_allclose([leg.delta for leg in report.legs], own.delta, atol=1e-4)
    plain = structure_dict(report)
    width = abs(float(np.diff(position.strike)[0]))
    assert plain["loss_max"] + plain["profit_max"] == pytest.approx(1000.0 * width)
    assert np.isnan(plain["margin_strategy"])
    assert 0.0 < plain["margin_grid"] <= plain["loss_max"] + 1000.0 * 0.1
    assert any("becomes a position in CL.202403" in note for note in report.snapshot.notes)
    assert not any("dividend" in note for note in report.snapshot.notes)


def test_the_worst_move_of_a_future_reads_the_same_on_the_page(
    crude: tuple[Snapshot, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, _ = crude
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "")
    report = find_structure(snapshot, "iron_condor", Wanted(dte=42.0, delta=0.2), contract_costs(snapshot)[0])
    told = f"{100.0 * report.grid.worst_move:+.1f}%"
    assert not float(told[:-1]).is_integer(), "thirds of a margin"
    (sentence,) = [one for one in structure_dict(report)["structure_sentences"] if "grid of moves" in one]
    assert f"(at {told}, volatilities times 1.5)" in sentence
    assert f"At {told} with volatilities times 1.5" in structure_page(report)


def test_a_move_reads_as_short_as_it_is() -> None:
    moves = (-0.15, 0.03, 0.06, 0.0, 0.0357142857, -0.1191)
    assert [move_text(move) for move in moves] == ["-15%", "+3%", "+6%", "+0%", "+3.57%", "-11.9%"]


def test_what_futures_do_not_have_is_refused(crude: tuple[Snapshot, np.ndarray], tmp_path: Path) -> None:
    snapshot, _ = crude
    costs = contract_costs(snapshot)[0]
    with pytest.raises(ConfigError, match="covered_call holds the underlying, and a future is margined, not bought"):
        find_structure(snapshot, "covered_call", Wanted(dte=42.0), costs)
    with pytest.raises(CoverageError, match=r"on CL\.202403: no structure over two futures is analysed"):
        find_structure(snapshot, "calendar", Wanted(dte=42.0, later_dte=134.0), costs)
    mixed = snapshot.chain.take(np.arange(len(snapshot.chain)))
    object.__setattr__(mixed, "roots", ("CL", *snapshot.chain.roots[1:]))
    with pytest.raises(ConfigError, match="keep options on shares and options on futures as series of their own"):
        snapshot_of(mixed, "made up")


def test_the_chance_of_a_far_put_is_that_of_the_future(index: tuple[Snapshot, np.ndarray]) -> None:
    snapshot, _ = index
    costs = contract_costs(snapshot, commission=0.0, mid=True)[0]
    report = find_structure(snapshot, "short_put", Wanted(dte=65.0, delta=0.25), costs)
    answer = probability_of_profit(report, paths=4_000, seed=1)
    by = {row.model: row for row in answer.rows}
    law = by["black_scholes"].at_expiry
    assert law is not None
    assert abs(law.expected_pnl) < 0.02 * report.position.spot * 0.13, "a fair position on a future gains nothing"
    position = report.position
    edge = float(position.strike[0]) - abs(position.entry(costs.fill)) * np.exp(RATE * position.horizon)
    deviation = float(position.vol[0]) * np.sqrt(position.horizon)
    from scipy.special import ndtr

    expected = float(ndtr(np.log(position.spot / edge) / deviation - 0.5 * deviation))
    assert law.probability == pytest.approx(expected, abs=0.01)
    held = by["black_scholes"].held
    assert held is not None
    assert abs(held.probability.value - law.probability) < 3.5 * held.probability.standard_error


def test_the_command_line_on_a_catalog_and_a_file(tmp_path: Path) -> None:
    file = write_chain(future_frame(CRUDE[1:]), tmp_path / "cl.parquet")
    assert argus("init", folder=tmp_path).returncode == 0
    done = argus(
        "options", "import", str(file), "--underlying", "CL", "--preset", "chain_on_futures", "--json", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    checked = argus("options", "check", "CL/main", "--json", folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    flagged = json.loads(checked.stdout)["flagged"]
    assert not {"vertical", "butterfly", "calendar", "parity", "bounds"} & set(flagged), flagged
    told = json.loads(argus("options", "iv", "--chain", "CL/main", "--json", folder=tmp_path).stdout)
    assert [one["root"] for one in told["expiries"]] == ["LO on CL.202403", "LO on CL.202406"]
    for words in (("surface",), ("structure", "--structure", "iron_condor", "--dte", "42")):
        page = tmp_path / f"{words[0]}.html"
        run = argus("options", *words, "--chain", str(file), "--page", str(page), folder=tmp_path)
        assert run.returncode == 0, run.stderr
        assert page.stat().st_size > 10_000


def test_a_stated_future_takes_the_place_of_the_presets_column(tmp_path: Path) -> None:
    near = future_frame(CRUDE[1:2]).with_columns(future=pl.lit("not to be read"))
    path = write_chain(near, tmp_path / "cl.parquet")
    for stated in ({"future": "CLH4"}, {"future": "CLH4", "columns": {"last": "bid"}}):
        read = read_chain_file(path, chain_spec("CL", stated, preset="chain_on_futures"))
        assert not read.quarantined
        assert read.chain.roots == ("LO on CL.202403",)
    both = chain_spec("CL", {"future": "CLH4", "columns": {"future": "future"}}, preset="chain_on_futures")
    with pytest.raises(ImportFailed, match="future is stated, and columns states one too"):
        read_chain_file(path, both)


@pytest.mark.parametrize(
    ("future", "why"),
    [
        ("FOO", "--future 'FOO' is no futures contract, such as ESH4"),
        ("ESH4", "--future 'ESH4' is of ES, and the file is said to be of CL"),
        ("CLM4", "line 1, --future 'CLM4': options LO of 2024-03 are on CL.202403"),
    ],
)
def test_a_stated_future_that_cannot_be_is_named(tmp_path: Path, future: str, why: str) -> None:
    path = write_chain(future_frame(CRUDE[1:2]), tmp_path / "cl.parquet")
    spec = chain_spec("CL", {"future": future}, preset="chain_on_futures")
    with pytest.raises(ImportFailed) as refused:
        read_chain_file(path, spec)
    assert why in str(refused.value)


def test_codes_of_options_on_futures_without_a_future_are_told_of(tmp_path: Path) -> None:
    columns = {name: name for name in ("root", "expiry", "right", "strike", "bid", "ask")}
    form = {"columns": columns, "time_column": "ts_event_ns", "time_format": "ns", "stamp": "instant"}
    path = write_chain(future_frame(CRUDE[1:2]), tmp_path / "cl.parquet")
    (note,) = [note for note in read_chain_file(path, chain_spec("CL", form)).notes if "read as options" in note]
    assert note.startswith("LO: the exchange's code of options on futures of CL")
    assert "--column future=NAME" in note
    index = chain_spec("ES", form)
    (note,) = [
        note
        for note in read_chain_file(write_chain(future_frame(INDEX[3:]), tmp_path / "es.parquet"), index).notes
        if "read as options" in note
    ]
    assert note.startswith("ES: the exchange's code of options on futures of ES")
    other = future_frame(CRUDE[1:2]).with_columns(root=pl.lit("CL"))
    read = read_chain_file(write_chain(other, tmp_path / "share.parquet"), chain_spec("CL", form))
    assert not any("read as options" in note for note in read.notes)


@pytest.mark.parametrize(
    ("days", "scale"),
    [
        # Eversource: its price, with monthly and weekly expiries, or with those of a quarter alone.
        (("2024-01-19", "2024-02-16", "2024-03-15"), 0.0125),
        (("2024-03-15",), 0.0125),
        # As high as the index, on days on which options on its futures do not end.
        (("2024-02-16", "2024-03-15"), 1.0),
    ],
)
def test_options_on_the_share_es_are_not_told_of_futures(tmp_path: Path, days: tuple[str, ...], scale: float) -> None:
    columns = {name: name for name in ("root", "expiry", "right", "strike", "bid", "ask")}
    form = {"columns": columns, "time_column": "ts_event_ns", "time_format": "ns", "stamp": "instant"}
    one = future_frame(INDEX[3:4]).with_columns(pl.col("strike", "bid", "ask") * scale)
    share = pl.concat([one.with_columns(expiry=pl.lit(day)) for day in days])
    read = read_chain_file(write_chain(share, tmp_path / "es.parquet"), chain_spec("ES", form))
    assert set(read.chain.roots) == {"ES"}
    assert not any("futures" in note for note in read.notes)


def test_osi_symbols_are_of_no_future(tmp_path: Path) -> None:
    share = future_frame(INDEX[3:4]).with_columns(
        symbol=pl.format("ES    240315{}{}000", "right", pl.col("strike").cast(pl.Int64).cast(pl.String).str.zfill(5))
    )
    path = write_chain(share.drop("root", "future", "expiry", "right"), tmp_path / "es.parquet")
    read = read_chain_file(path, chain_preset("chain_symbols", "ES"))
    assert read.chain.roots == ("ES",)
    assert not any("futures" in note for note in read.notes)
