"""The look-ahead audit: honest strategies pass it, and for every verdict a planted one gets it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from argus.core.errors import ConfigError, RunError
from argus.lab.audit import Auxiliary, LookaheadSettings, Status, audit_lookahead
from argus.lab.journal.trials import MemoryTrialLedger
from argus.strategies import strategies
from tests.lab import audit_subjects as planted
from tests.lab.audit_subjects import bars_of, subject
from tests.lab.markets import config

REPEATS, KEEPS, FUTURE, OWN = (
    "repeats itself",
    "leaves nothing behind",
    "does not know the future",
    "brings no data of its own",
)
QUICK = LookaheadSettings(cuts=18, isolate=False)


def volumes(bars: Any) -> Any:
    random = np.random.Generator(np.random.Philox(5))
    return replace(bars, volume=np.round(random.uniform(1e5, 1e6, len(bars))))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sma_cross", {"fast": 3, "slow": 10}),
        ("tsmom", {"lookback": 20, "rebalance": 1}),
        ("mean_reversion", {"window": 5}),
        ("overnight", {"filter": "both", "trend_window": 20}),
    ],
)
def test_registered_strategies_are_clean(name: str, values: dict[str, Any]) -> None:
    ledger = MemoryTrialLedger()
    report = audit_lookahead(subject(planted.registered, name=name, **values), trials=ledger, settings=QUICK)
    assert report.verdict is Status.CLEAN, report.as_dict()
    assert report.check(FUTURE).facts["decisions"] > 0
    assert {trial.purpose for trial in ledger.journal()} == {"audit"}
    assert ledger.looks(None, ["ES"], 0, 2**62).count == 0


def test_every_registered_strategy_is_audited() -> None:
    assert set(strategies()) == {"sma_cross", "tsmom", "mean_reversion", "overnight"}


def test_honest_arrays_are_clean() -> None:
    report = audit_lookahead(subject(planted.honest_array), trials=MemoryTrialLedger(), settings=QUICK)
    assert report.verdict is Status.CLEAN, report.as_dict()


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (planted.peeks, "Target.units"),
        (planted.rarely_peeks, "Target.units"),
        (planted.volume_ahead, "Target.units"),
        (planted.knows_the_end, "Target.units"),
        (planted.fits_a_parameter, "parameter level"),
        (planted.fails_without_future, "error"),
    ],
)
def test_who_knows_the_future_is_caught(make: Any, field: str) -> None:
    bars = volumes(bars_of())
    report = audit_lookahead(subject(make, bars), trials=MemoryTrialLedger(), settings=QUICK)
    found = report.check(FUTURE)
    assert found.status is Status.FOUND, report.as_dict()
    assert found.difference is not None
    assert found.difference.field == field
    assert found.difference.instrument == "ES"
    assert found.difference.ts_ns == bars.ts_recv_ns[found.difference.row]
    assert found.difference.was != found.difference.became


def test_the_first_row_is_named_where_every_row_is_a_cut() -> None:
    bars = bars_of(60)
    report = audit_lookahead(subject(planted.peeks, bars), trials=MemoryTrialLedger(), settings=LookaheadSettings(60))
    first = report.check(FUTURE).difference
    assert first is not None
    assert first.row == 4
    assert report.check(FUTURE).facts["variant"] in ("noise", "mirror", "shift", "truncate")


def test_chance_is_a_verdict_of_its_own() -> None:
    report = audit_lookahead(subject(planted.chance), trials=MemoryTrialLedger(), settings=QUICK)
    assert report.check(REPEATS).status is Status.FOUND
    assert report.check(REPEATS).difference is not None
    assert report.check(FUTURE).status is Status.INSUFFICIENT
    assert report.verdict is Status.FOUND


def test_what_a_run_leaves_behind_is_a_verdict_of_its_own() -> None:
    report = audit_lookahead(
        subject(planted.counts_calls), trials=MemoryTrialLedger(), settings=LookaheadSettings(cuts=6)
    )
    assert report.check(REPEATS).status is Status.CLEAN, report.as_dict()
    assert report.check(KEEPS).status is Status.FOUND


def test_a_cache_that_keeps_the_first_market_is_caught_by_a_fresh_process() -> None:
    planted.LATER.clear()
    report = audit_lookahead(
        subject(planted.remembers_first), trials=MemoryTrialLedger(), settings=LookaheadSettings(cuts=6)
    )
    assert report.check(REPEATS).status is Status.CLEAN, "within this process nothing moves"
    assert report.check(KEEPS).status is Status.FOUND, report.as_dict()
    assert report.check(FUTURE).status is Status.FOUND, "in the process that saw no other market before"
    assert report.check(KEEPS).difference is not None


def test_the_same_cache_in_a_closure_is_caught_by_a_copied_process() -> None:
    kept: dict[str, Any] = {}

    def make(market: Any) -> Any:
        if "signal" not in kept:
            kept["signal"] = planted.peeks(market)._wanted
        made = planted.peeks(market)
        made._wanted = np.resize(kept["signal"], len(made._wanted))
        return made

    report = audit_lookahead(subject(make), trials=MemoryTrialLedger(), settings=LookaheadSettings(cuts=6))
    assert report.check(KEEPS).status is Status.FOUND, report.as_dict()


def test_an_array_brought_along_is_found_out_by_what_it_foresees() -> None:
    bars = bars_of()
    wanted = np.sign(planted.ahead(bars.close) - bars.close)
    given = subject(planted.own_array, bars, times=bars.ts_recv_ns.copy(), wanted=wanted)
    report = audit_lookahead(given, trials=MemoryTrialLedger(), settings=QUICK)
    assert report.check(FUTURE).status is Status.CLEAN
    assert report.check(OWN).status is Status.FOUND, report.as_dict()
    assert "noise" in report.check(OWN).detail


def test_an_array_brought_along_that_foresees_nothing_is_not_accused() -> None:
    bars = bars_of()
    wanted = np.sign(np.random.Generator(np.random.Philox(3)).normal(size=len(bars)))
    given = subject(planted.own_array, bars, times=bars.ts_recv_ns.copy(), wanted=wanted)
    assert audit_lookahead(given, trials=MemoryTrialLedger(), settings=QUICK).verdict is Status.CLEAN


def test_a_private_copy_that_is_compared_with_the_market_is_found_out() -> None:
    bars = bars_of(1_000)
    given = subject(planted.compares, bars, times=bars.ts_recv_ns.copy(), later=planted.ahead(bars.close))
    report = audit_lookahead(given, trials=MemoryTrialLedger(), settings=QUICK)
    assert report.check(OWN).status is Status.FOUND, report.as_dict()
    assert "blurred" in report.check(OWN).detail


def earnings(bars: Any) -> dict[str, Auxiliary]:
    random = np.random.Generator(np.random.Philox(9))
    return {"earnings": Auxiliary(bars.ts_recv_ns[10::40].copy(), random.normal(size=len(bars.ts_recv_ns[10::40])))}


def test_a_series_beside_the_bars_is_replaced_too() -> None:
    bars = bars_of()
    honest = subject(planted.by_known_time, bars, auxiliary=earnings(bars))
    assert audit_lookahead(honest, trials=MemoryTrialLedger(), settings=QUICK).verdict is Status.CLEAN
    leaking = subject(planted.filled_from_the_future, bars, auxiliary=earnings(bars))
    report = audit_lookahead(leaking, trials=MemoryTrialLedger(), settings=QUICK)
    assert report.check(FUTURE).status is Status.FOUND


def test_long_data_are_audited_in_stretches_and_rows_count_in_the_whole() -> None:
    bars = bars_of(1_200)
    how = LookaheadSettings(cuts=9, isolate=False, foresight=False, window_wakes=100)
    clean = audit_lookahead(subject(planted.honest_array, bars), trials=MemoryTrialLedger(), settings=how)
    assert clean.verdict is Status.CLEAN
    assert clean.check(FUTURE).facts["stretches"] == 3
    assert clean.check(FUTURE).facts["wakes"] < 350
    found = audit_lookahead(subject(planted.peeks, bars), trials=MemoryTrialLedger(), settings=how).check(FUTURE)
    assert found.difference is not None
    assert bars.ts_recv_ns[found.difference.row] == found.difference.ts_ns


def test_only_the_range_of_the_run_is_audited() -> None:
    bars = bars_of()
    start, end = int(bars.ts_recv_ns[100]), int(bars.ts_recv_ns[200])
    settings = replace(config(), start_ns=start, end_ns=end)
    clean = audit_lookahead(
        subject(planted.honest_array, bars, config=settings), trials=MemoryTrialLedger(), settings=QUICK
    )
    assert clean.verdict is Status.CLEAN, clean.as_dict()
    assert clean.check(FUTURE).facts["wakes"] == 100
    given = subject(planted.peeks, bars, config=settings)
    found = audit_lookahead(given, trials=MemoryTrialLedger(), settings=QUICK).check(FUTURE).difference
    assert found is not None
    assert 100 <= found.row < 200
    assert bars.ts_recv_ns[found.row] == found.ts_ns


def test_every_decision_of_long_data_is_tried_where_there_is_no_bound() -> None:
    bars = bars_of(300)
    how = LookaheadSettings(cuts=1, isolate=False, foresight=False, window_wakes=0)
    clean = audit_lookahead(subject(planted.honest_array, bars), trials=MemoryTrialLedger(), settings=how).check(FUTURE)
    assert clean.status is Status.CLEAN
    assert clean.facts["wakes"] == len(bars) - 4
    assert clean.facts["stretches"] == 1


def test_a_row_that_closed_but_had_not_arrived_counts_as_future() -> None:
    """Bars that arrive a day late: whoever reads the last close reads what nobody had."""
    bars = bars_of(120)
    late = replace(bars, ts_recv_ns=np.append(bars.ts_recv_ns[1:], bars.ts_recv_ns[-1] + 86_400_000_000_000))

    def by_close(market: Any) -> Any:
        given = market["ES"][1]
        made = planted.Array(given, np.sign(np.diff(given.close, prepend=given.close[0])))
        made._ts_ns = given.ts_close_ns
        return made

    report = audit_lookahead(subject(by_close, late), trials=MemoryTrialLedger(), settings=QUICK)
    assert report.check(FUTURE).status is Status.FOUND, report.as_dict()
    honest = audit_lookahead(subject(planted.honest_array, late), trials=MemoryTrialLedger(), settings=QUICK)
    assert honest.verdict is Status.CLEAN, honest.as_dict()


def test_later_data_by_the_run_s_own_setting_are_respected() -> None:
    slow = replace(config(), data_latency_ns=3_600_000_000_000)
    report = audit_lookahead(
        subject(planted.honest_array, bars_of(120), config=slow), trials=MemoryTrialLedger(), settings=QUICK
    )
    assert report.verdict is Status.CLEAN, report.as_dict()


def test_who_reads_a_file_while_it_decides_is_told_the_line() -> None:
    report = audit_lookahead(
        subject(planted.reads_a_file, bars_of(80)), trials=MemoryTrialLedger(), settings=LookaheadSettings(cuts=3)
    )
    found = report.check("looks at its view only")
    assert found.status is Status.FOUND
    assert found.difference is not None
    assert "audit_subjects.py:" in found.difference.became
    assert "signals.csv" in found.difference.became


def test_who_reads_a_file_while_it_is_made_is_noted() -> None:
    report = audit_lookahead(
        subject(planted.made_from_a_file, bars_of(80)), trials=MemoryTrialLedger(), settings=LookaheadSettings(cuts=3)
    )
    noted = report.check("looks at its view only")
    assert noted.status is Status.NOTED
    assert "signals.csv" in noted.detail
    assert not report.found


@pytest.mark.parametrize("make", [planted.by_weekday_of_today, planted.by_the_hour])
def test_the_date_of_the_run_is_a_clock_too(make: Any) -> None:
    report = audit_lookahead(subject(make, bars_of(80)), trials=MemoryTrialLedger(), settings=LookaheadSettings(cuts=3))
    assert report.check(REPEATS).status is Status.FOUND, report.as_dict()
    assert "clock on the wall" in report.check(REPEATS).detail


def test_a_strategy_that_asks_for_nothing_is_not_called_clean() -> None:
    report = audit_lookahead(
        subject(planted.registered, bars_of(60), name="tsmom"), trials=MemoryTrialLedger(), settings=QUICK
    )
    assert report.check(FUTURE).status is Status.INSUFFICIENT
    assert report.verdict is Status.INSUFFICIENT


def test_the_same_audit_says_the_same() -> None:
    one, two = (
        audit_lookahead(subject(planted.peeks), trials=MemoryTrialLedger(), settings=QUICK).as_dict() for _ in range(2)
    )
    assert one == two


def test_a_strategy_that_cannot_run_is_an_error() -> None:
    def broken(market: Any) -> Any:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        audit_lookahead(subject(broken), trials=MemoryTrialLedger(), settings=QUICK)
    with pytest.raises(ConfigError, match="cuts is 0"):
        LookaheadSettings(cuts=0)


def test_a_strategy_that_raises_in_the_real_market_is_an_error() -> None:
    class Raises(planted.Chance):
        def wake(self, view: Any) -> Any:
            raise KeyError("x")

    with pytest.raises(RunError, match="does not run on the market as it is"):
        audit_lookahead(subject(lambda market: Raises()), trials=MemoryTrialLedger(), settings=QUICK)
