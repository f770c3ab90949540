"""What is said of a plan that nothing can reach, of sold legs, of a drift beyond reason, and of files that cannot be
written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from argus.app.option_positions import find_structure, probability_of_profit
from argus.app.option_snapshots import Snapshot, snapshot_of
from argus.app.option_tables import pop_dict, write_frame, write_text
from argus.core.errors import ConfigError
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots
from argus.options import Costs, ExitPlan, Wanted, closing_gain
from tests.app.american_market import SHARE, american_chain
from tests.app.test_options import replace_columns

COSTS = Costs(commission=0.0)
MARKET = ChainMarketSpec(strikes_per_expiry=50, months=3, weeks=0)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return snapshot_of(next(chain_snapshots(MARKET)), "made up")


def test_a_target_or_stop_that_nothing_reaches_is_told(snapshot: Snapshot) -> None:
    report = find_structure(snapshot, "long_call_vertical", Wanted(dte=46.0, dte_tolerance=20.0), COSTS)
    plan = ExitPlan(profit_target=50.0, stop=1.5)
    told = pop_dict(probability_of_profit(report, plan=plan, paths=100))["sentences"]
    most, debit = report.curve.profit_max * 100.0, report.position.entry() * 100.0
    target = f"profit target of {50 * debit:,.2f} is more than the largest gain at the expiry, {most:,.2f}"
    assert any(target in one for one in told)
    assert any(f"stop of {1.5 * debit:,.2f} is more than the largest loss at the expiry" in one for one in told)
    quiet = probability_of_profit(report, plan=ExitPlan(profit_target=0.1, stop=0.5), paths=100)
    assert not any("more than the largest" in one for one in quiet.notes)


def test_a_plan_of_a_covered_call_says_whose_premium(snapshot: Snapshot) -> None:
    report = find_structure(snapshot, "covered_call", Wanted(dte=46.0, dte_tolerance=20.0), COSTS)
    answer = probability_of_profit(report, plan=ExitPlan(profit_target=0.5), paths=100)
    half = 50.0 * float(report.position.bid[1])
    assert any(f"sold against the underlying: the target is a gain of {half:,.2f}" in note for note in answer.notes)
    assert not any("more than the largest" in note for note in answer.notes)


def test_the_sold_legs_of_a_straddle_have_names_of_their_own() -> None:
    shares = snapshot_of(american_chain(replace(SHARE, months=2, weeks=0, strikes_per_expiry=20))[0], "made up")
    report = find_structure(shares, "short_straddle", Wanted(dte=46.0, dte_tolerance=20.0), COSTS)
    told = pop_dict(probability_of_profit(report, paths=100))
    names = next([name for name, _ in one["assigned"]] for one in told["answers"] if "assigned" in one)
    assert sorted(name[-1] for name in names) == ["C", "P"]
    assert len(set(names)) == 2


@pytest.mark.parametrize("drift", [100.0, -3.0, float("nan"), float("inf")])
def test_a_drift_beyond_reason_is_refused(snapshot: Snapshot, drift: float) -> None:
    report = find_structure(snapshot, "short_put", Wanted(dte=46.0, dte_tolerance=20.0), COSTS)
    with pytest.raises(ConfigError, match="drift is"):
        probability_of_profit(report, drift=drift, paths=100)


def test_a_place_where_no_file_can_be_written_is_named(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1.0]})
    missing = tmp_path / "none"
    for write in (lambda path: write_frame(frame, path), lambda path: write_text("a", path)):
        with pytest.raises(ConfigError, match=f"there is no folder {missing}"):
            write(missing / "x.csv")
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        with pytest.raises(ConfigError, match=r"folder\.csv is a folder"):
            write(tmp_path / "folder.csv")
        for long in (250, 400):
            with pytest.raises(ConfigError, match="cannot be written: File name too long"):
                write(tmp_path / f"{'x' * long}.csv")
        write(tmp_path / "x.csv")
    with pytest.raises(ConfigError, match=r"written as \.parquet or \.csv"):
        write_frame(frame, missing / "x.txt")
    with pytest.raises(ConfigError, match="is a folder"):
        write_text("a", Path("."))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "x.csv"]


def test_a_stop_within_the_costs_of_closing_is_told(snapshot: Snapshot) -> None:
    costs = Costs(commission=0.65, half_spread=None)
    report = find_structure(snapshot, "long_butterfly", Wanted(dte=46.0, dte_tolerance=20.0), costs)
    position, plan = report.position, ExitPlan(profit_target=0.5, stop=0.01)
    answer = probability_of_profit(report, plan=plan, paths=100)
    told = pop_dict(answer)
    debit = position.entry() * 100.0
    assert (told["profit_target"], told["stop"]) == (pytest.approx(0.5 * debit), pytest.approx(0.01 * debit))
    wanted = f"the plan: the target is a gain of {0.5 * debit:,.2f}, the stop is a loss of {0.01 * debit:,.2f}"
    assert wanted in answer.notes
    spreads = float((abs(position.quantity) * (position.ask - position.bid)).sum()) * 100.0 + 2 * 4 * 0.65
    assert -100.0 * closing_gain(position, costs) == pytest.approx(spreads, rel=0.02)
    (note,) = (note for note in answer.notes if "under black scholes closing at once" in note)
    assert note.startswith(f"the stop of {0.01 * debit:,.2f} is reached at entry")
    (row,) = (row for row in answer.rows if row.model == "black_scholes")
    assert row.managed is not None
    assert row.managed.by_stop.value > 0.9
    wide = probability_of_profit(report, plan=replace(plan, stop=None), paths=100)
    assert not any("is reached at entry" in note for note in wide.notes)
    assert pop_dict(wide)["stop"] is None


def test_wings_of_an_iron_condor_that_differ_are_told(snapshot: Snapshot) -> None:
    wanted = Wanted(dte=46.0, dte_tolerance=20.0, delta=0.2, width=200.0)
    even = find_structure(snapshot, "iron_condor", wanted, COSTS)
    put, call, low, high = even.position.strike
    assert high - call == pytest.approx(put - low)
    assert not any("the wings are" in note for note in even.snapshot.notes)
    chain = snapshot.chain
    # The put wing is gone, and of calls all others: no two are as wide.
    gone = (chain.right < 0) & (chain.strike == low)
    gone |= (chain.right > 0) & (chain.strike > call) & (chain.strike != high)
    cut = {name: np.where(gone, np.nan, getattr(chain, name)) for name in ("bid", "ask")}
    torn = find_structure(replace(snapshot, chain=replace_columns(chain, **cut)), "iron_condor", wanted, COSTS)
    (note,) = (note for note in torn.snapshot.notes if note.startswith("the wings are"))
    other = put - torn.position.strike[2]
    assert note.startswith(f"the wings are {other:g} and {high - call:g} wide: the chain has no two near enough")
    assert f"{torn.curve.loss_max * 100.0:,.2f} at the worst" in note


def test_wings_that_differ_are_told(snapshot: Snapshot) -> None:
    wanted = Wanted(dte=46.0, dte_tolerance=20.0, width=200.0)
    even = find_structure(snapshot, "long_butterfly", wanted, COSTS)
    middle, low, high = even.position.strike
    assert high - middle == pytest.approx(middle - low)
    assert not any("the wings are" in note for note in even.snapshot.notes)
    chain = snapshot.chain
    gone = (chain.strike == low) | (chain.strike > high)
    cut = {name: np.where(gone, np.nan, getattr(chain, name)) for name in ("bid", "ask")}
    torn = find_structure(replace(snapshot, chain=replace_columns(chain, **cut)), "long_butterfly", wanted, COSTS)
    widths = np.abs(torn.position.strike[1:] - torn.position.strike[0])
    (note,) = (note for note in torn.snapshot.notes if note.startswith("the wings are"))
    assert f"the wings are {widths[0]:g} and {widths[1]:g} wide" in note
    assert f"{torn.curve.loss_max * 100.0:,.2f} at the worst" in note


def test_a_target_that_a_model_marks_at_entry_is_told(snapshot: Snapshot) -> None:
    report = find_structure(snapshot, "short_put", Wanted(dte=46.0, dte_tolerance=20.0), COSTS)
    cheap = replace(
        report, position=replace(report.position, bid=3.0 * report.position.bid, ask=3.0 * report.position.ask)
    )
    answer = probability_of_profit(cheap, plan=ExitPlan(profit_target=0.1), paths=100)
    assert any("the target of" in note and "would gain" in note for note in answer.notes)
