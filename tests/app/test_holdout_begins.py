"""Where a hold-out begins: with the first session that no run has seen, in markets with a pause and without one."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pytest
from scipy.stats import norm

from argus.app._experiment_stages import after, replayed
from argus.app.candidates import Wanted, candidate_of
from argus.app.data import write_synthetic
from argus.app.holdout import _against_promise
from argus.app.workspace import init_workspace
from argus.core.random import normals
from argus.core.time import NS_PER_DAY, day_number, parse_ns
from argus.data.synthetic import SyntheticSpec
from argus.lab.journal.trials import MemoryTrialLedger

CUT = parse_ns("2021-03-03")
"""A Wednesday."""


@pytest.mark.parametrize("symbol", ["BTCUSD", "MES"])
def test_its_first_session_closes_after_the_cut(symbol: str, tmp_path: Path) -> None:
    home, _ = init_workspace(tmp_path)
    spec = SyntheticSpec(symbol, NS_PER_DAY, date(2020, 6, 1), sessions=400, seed=7)
    name = write_synthetic(home.catalog(), spec).dataset
    before, _ = candidate_of(home, Wanted("tsmom", (name,), home.settings, cut_ns=CUT))
    (seen,) = (bars for _, bars in before.market.values())
    behind, _ = candidate_of(home, Wanted("tsmom", (name,), home.settings, start_ns=after(CUT)))
    came = replayed(behind, {"lookback": 20}, MemoryTrialLedger(), "holdout", after(CUT))
    (bars,) = (bars for _, bars in behind.market.values())
    # No session is on both sides of the cut, and none between them is left out.
    assert came["first"] == "2021-03-03"
    assert int(seen.session[-1]) == day_number(date(2021, 3, 2))
    assert came["sessions"] == int((bars.session > seen.session[-1]).sum())
    old = replayed(behind, {"lookback": 20}, MemoryTrialLedger(), "holdout", CUT)
    assert (old["first"] == "2021-03-02") is (symbol == "BTCUSD")


@pytest.mark.parametrize(
    ("promise", "promise_error", "error", "expected"),
    [
        # Two errors of the difference are more than was promised: half of all accounts without an edge keep it.
        (0.8, 0.5, 1.0, 0.5),
        # 2 - 2 * hypot(0.3, 0.4) = 1, which is 2.5 errors of the hold-out above zero.
        (2.0, 0.3, 0.4, float(norm.sf(2.5))),
        (-1.0, 0.1, 0.5, 0.5),
        (None, 0.5, 1.0, 0.0),
        (1.0, 0.5, math.nan, None),
    ],
)
def test_the_chance_without_an_edge(
    promise: float | None, promise_error: float | None, error: float, expected: float | None
) -> None:
    came = {"sharpe_annual": 1.5, "sharpe_annual_error": error, "net_pnl": 10.0}
    found = _against_promise(came, {"sharpe_annual": promise, "sharpe_annual_error": promise_error})
    assert found["kept_without_edge"] == (None if expected is None else pytest.approx(expected, rel=1e-12))


def test_it_is_the_share_of_accounts_without_an_edge_that_pass() -> None:
    error, promised = 0.8, {"sharpe_annual": 2.2, "sharpe_annual_error": 0.3}
    ratios = error * normals(11, 0, 20_000)
    held = [
        _against_promise({"sharpe_annual": r, "sharpe_annual_error": error, "net_pnl": r}, promised) for r in ratios
    ]
    share = sum(one["passed"] for one in held) / len(held)
    assert share == pytest.approx(held[0]["kept_without_edge"], abs=0.012)
