"""Where a hold-out begins: with the first session that no run has seen, in markets with a pause and without one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from argus.app._experiment_stages import after, replayed
from argus.app.candidates import Wanted, candidate_of
from argus.app.data import write_synthetic
from argus.app.workspace import init_workspace
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
