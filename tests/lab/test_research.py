from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus.core.errors import CoverageError
from argus.core.intents import Forecast, Intent
from argus.core.ports import View
from argus.engine.metrics import session_returns, sharpe
from argus.lab.gates import GATES
from argus.lab.journal.trials import MemoryTrialLedger, SqlTrialLedger
from argus.lab.multiple_testing.multiplicity import MultiplicitySettings, multiplicity
from argus.lab.research import Candidate, ResearchSettings, evaluate
from argus.lab.stress.bootstrap import bootstrap_trades
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits, VolatilityTarget
from tests.lab.markets import Fade, Peeking, config, daily_bars, market_of, noise, reverting

SETTINGS = ResearchSettings(train_years=1.0, test_years=0.5, bootstrap_paths=500, audit_cuts=2)
GRID = ({"days": 1}, {"days": 2}, {"days": 5})


def candidate(returns: np.ndarray, make: Callable[[Mapping[str, Any]], Any] = Fade, **changes: Any) -> Candidate:
    given: dict[str, Any] = {
        "strategy": "fade",
        "universe": ("ES",),
        "market": market_of(daily_bars(returns)),
        "config": config(20_000_000, slippage_ticks=1),
        "sizer": VolatilityTarget(),
        "risk": LimitRiskPolicy(),
        "grid": GRID,
        "make": make,
        "completeness": {"ES": 1.0},
        "notes": ("made for a test",),
    }
    return Candidate(**(given | changes))


EDGE = candidate(reverting(1_000, 2))


def test_an_edge_is_found_and_everything_adds_up() -> None:
    ledger = MemoryTrialLedger()
    told: list[tuple[str, int, int]] = []
    found = evaluate(EDGE, trials=ledger, settings=SETTINGS, progress=lambda *step: told.append(step))
    assert found.deployable
    assert "deployable" in found.verdict
    assert all(gate.passed for gate in found.gates)
    assert [gate.name for gate in found.gates] == [gate.name for gate in GATES]
    # The curve is the record's equity, its months and folds add up to its P&L to the cent.
    record = found.record
    assert found.curve.equity[-1] == record.final_equity_micros / 1e6
    assert found.curve.equity[0] == record.opening_cash_micros / 1e6
    net = record.net_pnl_micros / 1e6
    assert math.fsum(month.pnl for month in found.months) == pytest.approx(net, abs=0.01)
    assert math.fsum(fold.test_pnl for fold in found.folds) == pytest.approx(net, abs=0.01)
    assert found.costs[0].net_pnl == net
    assert found.costs[0].net_pnl > found.costs[1].net_pnl > found.costs[2].net_pnl
    # Every step told how far it was.
    assert {stage for stage, done, total in told if done == total} == {
        "search",
        "walk-forward",
        "robustness",
        "benchmark",
        "look-ahead",
        "statistics",
    }
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    # Both figures of the halves stand in the gate's sentence.
    assert found.multiplicity is not None
    assert found.multiplicity.pbo is not None
    sentence = next(gate.sentence for gate in found.gates if gate.name == "overfitting")
    assert f"In {found.multiplicity.pbo.loss_probability:.0%} of" in sentence
    assert f"in {found.multiplicity.pbo.value:.0%} it came out" in sentence
    # Choosing pays wherever the data are cut, and the gap is told.
    assert told["resplits"]["paths"]["below_zero"] == 0.0
    assert told["resplits"]["folds"]["earned"] == 1.0
    assert told["gap"]["sessions"] == 1


def test_every_run_is_counted_and_search_and_walk_are_the_looks() -> None:
    ledger = MemoryTrialLedger()
    found = evaluate(EDGE, trials=ledger, settings=SETTINGS)
    purposes = [trial.purpose for trial in ledger.journal()]
    assert {purpose: purposes.count(purpose) for purpose in set(purposes)} == {
        "search": 3,
        "walk_forward": 1,
        "cost_stress": 4,
        "robustness": 6,
        "benchmark": 2,
        "audit": 2,
    }
    assert found.significance.looks.count == 4
    before = found.significance
    again = evaluate(EDGE, trials=ledger, settings=SETTINGS).significance
    assert again == before
    more = replace(EDGE, grid=({"days": 8}, {"days": 13}, {"days": 3, "sign": 1.0}))
    evaluate(more, trials=ledger, settings=SETTINGS)
    after = evaluate(EDGE, trials=ledger, settings=SETTINGS).significance
    assert after.looks.count == 8
    assert after.sharpe_by_luck_annual > before.sharpe_by_luck_annual
    assert after.deflated <= before.deflated


def test_parameters_in_another_order_change_nothing() -> None:
    one, other = MemoryTrialLedger(), MemoryTrialLedger()
    forward = evaluate(replace(EDGE, grid=({"days": 1, "sign": -1.0}, {"days": 2})), trials=one, settings=SETTINGS)
    backward = evaluate(replace(EDGE, grid=({"days": 2}, {"sign": -1.0, "days": 1})), trials=other, settings=SETTINGS)
    assert {trial.run_id for trial in one.journal()} == {trial.run_id for trial in other.journal()}
    assert forward.record.manifest == backward.record.manifest
    assert forward.gates == backward.gates


class Long(Fade):
    """Always long: what it earns, anybody has who holds."""

    def wake(self, view: View) -> Sequence[Intent]:
        return [Forecast("ES", 1.0, vol_annual=0.16, tag="long")]


def test_whoever_only_holds_beats_nothing_and_not_holding() -> None:
    found = evaluate(
        candidate(noise(1_000, 7) + 0.0015, Long), trials=MemoryTrialLedger(), settings=SETTINGS
    ).multiplicity
    assert found is not None
    assert found.chosen_p < 0.05
    assert found.superior_to_hold is not None
    assert found.superior_to_hold.consistent > 0.2
    assert found.chosen_p_to_hold > 0.2
    # An edge beats both, and nothing that holding does moves what is found of the sets themselves.
    fading = evaluate(EDGE, trials=MemoryTrialLedger(), settings=SETTINGS)
    assert fading.multiplicity is not None
    assert fading.multiplicity.chosen_p_to_hold < 0.05
    alone = multiplicity(
        fading.matrix, fading.chosen, None, fading.significance.looks, MultiplicitySettings(draws=SETTINGS.draws)
    )
    assert fading.multiplicity.chosen_p == alone.chosen_p
    assert fading.multiplicity.superior == alone.superior


def test_no_edge_is_not_deployable() -> None:
    found = evaluate(candidate(noise(1_000, 5)), trials=MemoryTrialLedger(), settings=SETTINGS)
    assert not found.deployable
    assert "not deployable" in found.verdict
    assert not {gate.name: gate.passed for gate in found.gates}["deflated_sharpe"]


def test_the_future_of_the_data_does_not_reach_into_the_walk() -> None:
    # Change everything after some date: choices and equity before it stay, to the last micro-unit.
    returns = reverting(1_000, 2)
    changed = returns.copy()
    changed[800:] = noise(200, 99, vol=0.03)
    found, other = (
        evaluate(candidate(series), trials=MemoryTrialLedger(), settings=SETTINGS) for series in (returns, changed)
    )
    early = [number for number, fold in enumerate(found.folds) if fold.test_last < "2013-01-01"]
    assert len(early) >= 3
    for number in early:
        assert found.folds[number] == other.folds[number]
    cut = np.searchsorted(found.curve.session, daily_bars(returns).session[799])
    assert found.curve.equity[:cut].tobytes() == other.curve.equity[:cut].tobytes()
    assert found.curve.equity[-1] != other.curve.equity[-1]


def test_holding_has_equal_risk_and_its_own_sharpe_ratio() -> None:
    found = evaluate(candidate(noise(1_000, 7) + 0.001), trials=MemoryTrialLedger(), settings=SETTINGS)
    mine = np.diff(found.curve.equity) / found.curve.equity[:-1]
    theirs = np.diff(found.curve.hold_equity) / found.curve.hold_equity[:-1]
    assert float(np.std(theirs)) == pytest.approx(float(np.std(mine)), rel=1e-6)
    assert found.hold.sharpe_annual == pytest.approx(
        sharpe(theirs) * math.sqrt(found.metrics.sessions_per_year), rel=1e-6
    )
    assert found.hold.sharpe_annual > 0.8
    assert found.metrics.sharpe_session == pytest.approx(
        sharpe(session_returns(found.record.session_equity()[1], found.record.opening_cash_micros))
    )


def test_a_cheat_is_stopped_by_the_audit() -> None:
    found = evaluate(candidate(noise(800, 3), make=Peeking, grid=({},)), trials=MemoryTrialLedger(), settings=SETTINGS)
    answers = {gate.name: gate.passed for gate in found.gates}
    assert answers["walk_forward"] is True
    assert answers["look_ahead"] is False
    assert not found.deployable
    assert "sharpe_above_3" in {flag.name for flag in found.red_flags}


def test_unmeasured_completeness_stops_a_good_strategy() -> None:
    found = evaluate(replace(EDGE, completeness=None), trials=MemoryTrialLedger(), settings=SETTINGS)
    assert [gate.name for gate in found.gates if gate.passed is not True] == ["data_complete"]


def test_processes_give_the_same_bytes_and_lose_no_trial(tmp_path: Path) -> None:
    alone = MemoryTrialLedger()
    here = evaluate(EDGE, trials=alone, settings=SETTINGS)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:

        def spread(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
            return pool.map(function, items)

        for ledger in (MemoryTrialLedger(), SqlTrialLedger(tmp_path / "argus.db")):
            there = evaluate(EDGE, trials=ledger, settings=replace(SETTINGS, workers=2), map_runs=spread)
            assert json.dumps(there.as_dict()) == json.dumps(here.as_dict())
            assert ledger.journal() == alone.journal()


def test_too_little_data_is_refused() -> None:
    with pytest.raises(CoverageError, match="needs at least 20"):
        evaluate(candidate(noise(24, 1)), trials=MemoryTrialLedger(), settings=SETTINGS)
    with pytest.raises(CoverageError, match="never woken"):
        evaluate(candidate(noise(4, 1), grid=({"days": 20},)), trials=MemoryTrialLedger(), settings=SETTINGS)


def test_short_data_are_cut_into_five_windows() -> None:
    found = evaluate(candidate(reverting(300, 4)), trials=MemoryTrialLedger(), settings=ResearchSettings())
    assert len(found.folds) == 5


class _Silent(Fade):
    def wake(self, view: object) -> list[Any]:  # type: ignore[override]
        return []


def test_a_strategy_that_never_trades_gets_a_verdict() -> None:
    found = evaluate(candidate(noise(600, 1), make=_Silent), trials=MemoryTrialLedger(), settings=SETTINGS)
    assert not found.deployable
    assert found.bootstrap is None
    answers = {gate.name: gate.passed for gate in found.gates}
    assert answers["walk_forward"] is None
    assert answers["minimum_trades"] is False
    json.dumps(found.as_dict(), allow_nan=False)


def test_registered_strategies_bring_their_own_grid() -> None:
    own = Candidate(
        "tsmom", ("ES",), EDGE.market, EDGE.config, EDGE.sizer, EDGE.risk, completeness={"ES": 1.0}
    ).parameter_sets()
    assert [dict(values) for values in own] == [{"lookback": n} for n in (20, 60, 120, 250)]


def test_two_instruments_one_of_them_younger() -> None:
    es, nq = daily_bars(noise(900, 1)), replace(daily_bars(noise(900, 2), price=4_000.0), instrument="NQ")
    market = {**market_of(es), **market_of(nq.rows(200, 900))}
    book = candidate(
        noise(1, 1),
        make=None,
        strategy="sma_cross",
        universe=("ES", "NQ"),
        market=market,
        grid=({"fast": 5, "slow": 20}, {"fast": 3, "slow": 50}),
        sizer=VolatilityTarget(instrument_count=2),
        completeness={"ES": 1.0, "NQ": 1.0},
    )
    found = evaluate(book, trials=MemoryTrialLedger(), settings=SETTINGS)
    assert set(found.record.fills["instrument"]) == {0, 1}
    # Nothing is decided before the younger one has warmed up: fifty bars of slow average.
    assert found.folds[0].train_first >= np.datetime_as_string(np.datetime64(int(nq.session[249]), "D"))
    assert [cut.clean for cut in found.audit] == [True, True]
    assert found.metrics.net_pnl_micros == int(found.record.trades["net_micros"].sum())


def test_trades_of_a_grown_account_are_redrawn_at_the_opening_size() -> None:
    grown = evaluate(EDGE, trials=MemoryTrialLedger(), settings=SETTINGS)
    record = grown.record
    closed = record.trades[record.trades["is_open"] == 0]
    closed = closed[np.argsort(closed["exit_ts_ns"], kind="stable")]
    at_opening = []
    for trade in closed:
        before = record.equity_micros[record.equity_ts_ns < trade["entry_ts_ns"]]
        equity = int(before[-1]) if len(before) else record.opening_cash_micros
        at_opening.append(int(trade["net_micros"]) / 1e6 * (record.opening_cash_micros / equity))
    fixed = evaluate(replace(EDGE, sizer=FixedUnits(20)), trials=MemoryTrialLedger(), settings=SETTINGS)
    for found, pnl in ((grown, at_opening), (fixed, None)):
        if pnl is None:
            trades = found.record.trades[found.record.trades["is_open"] == 0]
            pnl = list(trades[np.argsort(trades["exit_ts_ns"], kind="stable")]["net_micros"] / 1e6)
        drawn = bootstrap_trades(np.array(pnl), capital=20_000_000.0, paths=500, seed=0)
        assert found.bootstrap is not None
        assert found.bootstrap.final_pnl == pytest.approx(drawn.final_pnl, rel=1e-9)
    assert (grown.bootstrap_at_opening_size, fixed.bootstrap_at_opening_size) == (True, False)


def test_a_verdict_at_softer_thresholds_says_so() -> None:
    soft = {"deflated_sharpe": 0.0, "overfitting": 1.0, "walk_forward": 0.4}
    found = evaluate(EDGE, trials=MemoryTrialLedger(), settings=replace(SETTINGS, thresholds=soft))
    assert found.deployable
    assert (
        "softer than the default for deflated_sharpe (0, default 0.95), overfitting (1, default 0.2)" in found.verdict
    )
    # A stricter threshold needs no excuse, and the default none either.
    assert "walk_forward" not in found.verdict
    strict = replace(SETTINGS, thresholds={"walk_forward": 0.4})
    assert "softer" not in evaluate(EDGE, trials=MemoryTrialLedger(), settings=strict).verdict
