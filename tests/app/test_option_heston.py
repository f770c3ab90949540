"""Parameters of Heston that a search did not settle on, or found at a bound: believed only where the quotes agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from argus.app.option_heston import calibrate_snapshot, marked_by, refused_search
from argus.app.option_positions import StructureReport, find_structure, probability_of_profit
from argus.app.option_snapshots import snapshot_of
from argus.app.option_surface import fit_snapshot
from argus.app.option_tables import pop_dict
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots
from argus.options import Costs, ExitPlan, HestonCalibration, HestonLaw, SurfaceLaw, Wanted

COSTS = Costs(commission=0.65)


@pytest.fixture(scope="module")
def straddle() -> StructureReport:
    snapshot = snapshot_of(next(chain_snapshots(ChainMarketSpec(strikes_per_expiry=50, months=4, weeks=0))), "made up")
    return find_structure(snapshot, "short_straddle", Wanted(dte=75.0), COSTS)


@pytest.fixture(scope="module")
def fitted(straddle: StructureReport) -> HestonCalibration:
    return calibrate_snapshot(straddle.snapshot, straddle.position.horizon)


@pytest.mark.parametrize(("at_bound", "converged"), [(("kappa",), True), ((), False)])
def test_what_the_quotes_contradict_is_refused(
    straddle: StructureReport, fitted: HestonCalibration, at_bound: tuple[str, ...], converged: bool
) -> None:
    position = straddle.position
    carry = float(position.carry[0])
    smile = SurfaceLaw(position.spot, fit_snapshot(straddle.snapshot).surface, carry)
    ended = replace(fitted, at_bound=at_bound, converged=converged)
    assert fitted.parameters is not None
    for times, is_refused in ((1.0, False), (1.5, True)):
        law = HestonLaw(position.spot, replace(fitted.parameters, v0=times * fitted.parameters.v0), carry)
        fair = marked_by(position, law)
        refusal = refused_search(law, ended, fair, COSTS, smile)
        assert (refusal is not None) is is_refused
        if refusal is not None:
            assert refusal.reason == "model_off_quotes"
            assert ("ended at the bound of kappa" if at_bound else "did not settle") in refusal.why
            assert "where the smile of the quotes gives" in refusal.why
        # A search that ended well is judged by what it misses alone, and several expiries have no smile to ask.
        assert refused_search(law, replace(fitted, at_bound=(), converged=True), fair, COSTS, smile) is None
        bare = refused_search(law, ended, fair, COSTS, None)
        assert (bare is not None) is is_refused
        assert bare is None or "smile" not in bare.why


def test_the_answers_leave_it_out(
    straddle: StructureReport, fitted: HestonCalibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fitted.parameters is not None
    off = replace(fitted, at_bound=("kappa",), parameters=replace(fitted.parameters, v0=1.1 * fitted.parameters.v0))
    monkeypatch.setattr("argus.app.option_positions.calibrate_snapshot", lambda *_: off)
    answer = probability_of_profit(straddle, paths=100)
    assert [one.reason for one in answer.refused] == ["model_off_quotes"]
    assert "heston" not in answer.laws
    (told,) = (one for one in pop_dict(answer)["answers"] if one["model"] == "heston")
    assert told["how"] == "refused"


def _answered(report: StructureReport) -> tuple[list[str], dict[str, list[str]]]:
    """Reasons of what is refused, and how each model answers, of a plan to close in ten days."""
    answer = probability_of_profit(report, plan=ExitPlan(exit_years=10.0 / 365.0), paths=100)
    how: dict[str, list[str]] = {}
    for one in pop_dict(answer)["answers"]:
        how.setdefault(one["model"], []).append(one["how"])
    return [one.reason for one in answer.refused], how


_PATHS = ("black_scholes", "heston")
_EVERY_WAY = ["held, by formula", "held, by paths", "by the plan"]


@pytest.mark.parametrize(("at_bound", "converged"), [(("kappa",), True), ((), False)])
def test_parameters_that_are_not_the_quotes_answer_nothing_on_the_way(
    straddle: StructureReport,
    fitted: HestonCalibration,
    monkeypatch: pytest.MonkeyPatch,
    at_bound: tuple[str, ...],
    converged: bool,
) -> None:
    assert _answered(straddle) == ([], {"market_smile": _EVERY_WAY[:1], **dict.fromkeys(_PATHS, _EVERY_WAY)})
    ended = replace(fitted, at_bound=at_bound, converged=converged)
    monkeypatch.setattr("argus.app.option_positions.calibrate_snapshot", lambda *_: ended)
    reasons, how = _answered(straddle)
    assert reasons == ["paths_not_told"]
    assert how["heston"] == ["held, by formula", "refused"]
    assert how["black_scholes"] == _EVERY_WAY
    calendar = find_structure(straddle.snapshot, "calendar", Wanted(dte=40.0, later_dte=75.0), COSTS)
    reasons, how = _answered(calendar)
    assert (reasons, how["heston"]) == (["paths_not_told"], ["refused"])


def test_one_expiry_alone_tells_nothing_of_the_way() -> None:
    market = ChainMarketSpec(strikes_per_expiry=50, months=4, weeks=0)
    chain = next(chain_snapshots(market))
    one = chain.take(np.flatnonzero(chain.expiry_ns == np.unique(chain.expiry_ns)[2]))
    report = find_structure(snapshot_of(one, "made up"), "short_straddle", Wanted(dte=75.0), COSTS)
    reasons, how = _answered(report)
    assert reasons == ["paths_not_told"]
    assert how["heston"] == ["held, by formula", "refused"]
