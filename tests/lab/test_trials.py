from __future__ import annotations

import json
import math
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError, StrategyFailed
from argus.engine.replay import run
from argus.lab.journal.trials import MemoryTrialLedger, SqlTrialLedger, Trial, TrialJournal, walks_at
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.lab.markets import Fade, config, daily_bars, market_of, noise


def trial(run_id: str = "a", **changes: object) -> dict[str, object]:
    return {
        "run_id": run_id,
        "strategy": "tsmom",
        "version": "1",
        "family": "tsmom",
        "parameters": '{"lookback": 20, "rebalance": 5}',
        "instruments": "ES",
        "data_hash": "d",
        "config_hash": "c",
        "first_ns": 0,
        "last_ns": 1_000,
        "status": "finished",
        "sessions": 100,
        "sharpe_session": 0.05,
        "skew": 0.0,
        "kurtosis": 3.0,
        "net_pnl_micros": 5,
        "orders": 2,
        "cost_multiplier": "1",
        "purpose": "search",
    } | changes


@pytest.fixture(params=["memory", "sql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> TrialJournal:
    return MemoryTrialLedger() if request.param == "memory" else SqlTrialLedger(tmp_path / "argus.db")


def test_the_same_run_twice_is_one_trial(ledger: TrialJournal) -> None:
    ledger.record(trial())
    ledger.record(trial())
    assert len(ledger.journal()) == 1
    assert ledger.looks("tsmom", ["ES"], 0, 1_000).count == 1


def test_parameters_in_another_order_are_the_same_parameters(ledger: TrialJournal) -> None:
    ledger.record(trial("a"))
    ledger.record(trial("b", parameters='{"rebalance": 5, "lookback": 20}'))
    assert ledger.looks("tsmom", ["ES"], 0, 1_000).count == 1
    assert ledger.looks("tsmom", ["ES"], 0, 1_000).kept == 2


def test_what_is_kept_comes_back(ledger: TrialJournal) -> None:
    ledger.record(trial(sharpe_session=math.nan, skew=math.nan, kurtosis=math.nan))
    (kept,) = ledger.journal()
    assert math.isnan(kept.sharpe_session)
    assert json.loads(kept.parameters) == {"lookback": 20, "rebalance": 5}
    assert kept.net_pnl_micros == 5


def test_a_counted_run_cannot_be_hidden_by_recording_it_again(ledger: TrialJournal) -> None:
    ledger.record(trial())
    for purpose in ("benchmark", "audit", "cost_stress"):
        ledger.record(trial(purpose=purpose))
    ledger.record(trial(status="failed"))
    (kept,) = ledger.journal()
    assert (kept.purpose, kept.status) == ("search", "finished")


def test_a_record_is_raised_to_what_counts_more(ledger: TrialJournal) -> None:
    for purpose in ("audit", "cost_stress", "search"):
        ledger.record(trial(purpose=purpose))
        assert ledger.journal()[0].purpose == purpose
    ledger.record(trial("b", status="failed"))
    ledger.record(trial("b", purpose="benchmark"))
    assert ledger.journal()[1].status == "finished"


def test_distinct_hypotheses_count_and_their_sharpe_ratios_vary(ledger: TrialJournal) -> None:
    for number, ratio in enumerate((0.01, 0.03, 0.05)):
        ledger.record(trial(f"r{number}", parameters=json.dumps({"lookback": number}), sharpe_session=ratio))
    ledger.record(trial("none", parameters='{"lookback": 99}', sharpe_session=math.nan))
    looks = ledger.looks("tsmom", ["ES"], 0, 1_000)
    assert looks.count == 4
    assert looks.sharpe_variance == pytest.approx(0.0004)
    assert looks.sharpe_best == 0.05


def test_stress_and_walk_forward_count_only_where_nothing_else_stands_for_them(ledger: TrialJournal) -> None:
    ledger.record(trial("a"))
    ledger.record(trial("b", purpose="cost_stress", config_hash='{"costs": 2, "latency_ns": 0}'))
    ledger.record(trial("c", config_hash='{"latency_ns": 0, "costs": 1}', parameters="{}"))
    ledger.record(trial("d", config_hash='{"latency_ns": 0, "costs": 2}', parameters="{}", purpose="cost_stress"))
    ledger.record(trial("w", parameters='{"from_01": "x"}', purpose="walk_forward"))
    ledger.record(trial("x", parameters='{"from_01": "x"}', purpose="cost_stress"))
    ledger.record(trial("h", family="hold", strategy="hold", purpose="benchmark"))
    ledger.record(trial("n", purpose="audit", first_ns=5))
    # a, b (another latency than a's: nothing else stands for it), c with its stress d, w with its stress x.
    assert ledger.looks("tsmom", ["ES"], 0, 1_000).count == 4
    assert ledger.looks("hold", ["ES"], 0, 1_000).count == 0


def test_other_settings_and_a_later_start_are_looks_but_costs_and_newer_bars_are_not(ledger: TrialJournal) -> None:
    ledger.record(trial("a", config_hash='{"sizing": 1, "costs": 1}'))
    ledger.record(trial("b", config_hash='{"sizing": 1, "costs": 9}', sharpe_session=0.09))
    ledger.record(trial("c", config_hash='{"sizing": 1, "costs": 1}', last_ns=1_100, data_hash="e"))
    assert ledger.looks("tsmom", ["ES"], 0, 1_000).count == 1
    assert ledger.looks("tsmom", ["ES"], 0, 1_000).sharpe_best == 0.09
    ledger.record(trial("d", config_hash='{"sizing": 2, "costs": 1}'))
    ledger.record(trial("e", config_hash='{"sizing": 1, "costs": 1}', first_ns=300))
    assert ledger.looks("tsmom", ["ES"], 0, 1_000).count == 3


def test_data_that_begin_otherwise_are_another_look_and_more_bars_at_the_end_are_not(ledger: TrialJournal) -> None:
    hourly = json.dumps({"ES": ["all", "hours"]})
    ledger.record(trial("a", data_hash=hourly))
    ledger.record(trial("b", data_hash=json.dumps({"ES": ["a day more", "hours"]}), last_ns=1_100))
    assert ledger.looks("tsmom", ["ES"], 0, 1_000).count == 1
    ledger.record(trial("c", data_hash=json.dumps({"ES": ["all", "days"]})))
    assert ledger.looks("tsmom", ["ES"], 0, 1_000).count == 2


def test_contracts_are_looks_at_their_root_and_one_more_roll_is_none(ledger: TrialJournal) -> None:
    rule = "calendar days_before=6 adjust=difference rolls="
    first = {"instruments": "MES.202303,MES.202306", "parameters": json.dumps({"fast": 3, "roll.MES": rule + "0a1b2c"})}
    more = {
        "instruments": "MES.202303,MES.202306,MES.202309",
        "parameters": json.dumps({"fast": 3, "roll.MES": rule + "ffffff"}),
        "last_ns": 2_000,
    }
    data = {"MES.202303": ["h", "march"], "MES.202306": ["i", "june"]}
    ledger.record(trial("a", data_hash=json.dumps(data), **first))
    ledger.record(trial("b", data_hash=json.dumps(data | {"MES.202309": ["j", "september"]}), **more))
    for names in (["MES"], ["MES.202306"], ["MES.202312"]):
        assert ledger.looks("tsmom", names, 0, 1_000).count == 1
    assert ledger.looks("tsmom", ["MNQ"], 0, 1_000).count == 0
    other = json.dumps({"fast": 3, "roll.MES": rule.replace("calendar", "volume") + "0a1b2c"})
    ledger.record(trial("c", data_hash=json.dumps(data), **(first | {"parameters": other})))
    assert ledger.looks("tsmom", ["MES"], 0, 1_000).count == 2


def test_the_engine_tells_the_beginning_of_the_data() -> None:
    """The same market with a day more is the same look, another market is another."""
    ledger = MemoryTrialLedger()
    long = daily_bars(noise(300, 1))
    for bars in (long, long.rows(0, 299), daily_bars(noise(300, 2))):
        run(
            Fade({}),
            market_of(bars),
            config(),
            sizer=FixedUnits(1.0),
            risk=LimitRiskPolicy(),
            trials=ledger,
            purpose="search",
        )
    assert len(ledger.journal()) == 3
    assert ledger.looks(None, ["ES"], 0, 2**62).count == 2


def test_only_looks_at_overlapping_data_count(ledger: TrialJournal) -> None:
    ledger.record(trial("a", instruments="ES,NQ"))
    ledger.record(trial("b", parameters="{}", first_ns=2_000, last_ns=3_000))
    ledger.record(trial("c", parameters='{"x": 1}', instruments="CL"))
    assert ledger.looks("tsmom", ["NQ"], 500, 600).count == 1
    assert ledger.looks("tsmom", ["ES"], 0, 5_000).count == 2
    assert ledger.looks(None, ["ES", "CL"], 0, 5_000).count == 3
    assert ledger.looks("other", ["ES"], 0, 5_000).count == 0


def test_failed_runs_are_kept_and_do_not_count(ledger: TrialJournal) -> None:
    ledger.record(trial(status="failed", sharpe_session=math.nan))
    looks = ledger.looks("tsmom", ["ES"], 0, 1_000)
    assert (looks.count, looks.failed, looks.kept) == (0, 1, 1)


def test_an_incomplete_or_unreadable_trial_is_refused(ledger: TrialJournal) -> None:
    incomplete = trial()
    del incomplete["first_ns"]
    with pytest.raises(ConfigError, match="first_ns is missing"):
        ledger.record(incomplete)
    with pytest.raises(ConfigError, match="sessions is 'many'"):
        ledger.record(trial(sessions="many"))
    assert ledger.journal() == ()


def test_an_unwritable_ledger_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be opened"):
        SqlTrialLedger(tmp_path / "file" / "argus.db").record(trial())


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["search", "audit", "cost_stress"])), max_size=12))
def test_the_order_of_recording_does_not_matter(events: list[tuple[int, str]]) -> None:
    forward, backward = MemoryTrialLedger(), MemoryTrialLedger()
    for number, purpose in events:
        forward.record(trial(f"r{number}", parameters=f'{{"p": {number}}}', purpose=purpose))
    for number, purpose in reversed(events):
        backward.record(trial(f"r{number}", parameters=f'{{"p": {number}}}', purpose=purpose))
    assert forward.journal() == backward.journal()


def _write(path: Path, worker: int, barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    ledger = SqlTrialLedger(path)
    for number in range(25):
        ledger.record(trial(f"{worker}-{number}", parameters=f'{{"n": {worker * 100 + number}}}'))
        ledger.record(trial(f"shared-{number}"))


def test_concurrent_writers_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    path = tmp_path / "argus.db"
    workers = [context.Process(target=_write, args=(path, worker, barrier)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert len(SqlTrialLedger(path).journal()) == 4 * 25 + 25


def test_a_ledger_survives_the_way_into_another_process(tmp_path: Path) -> None:
    import copy

    ledger = SqlTrialLedger(tmp_path / "argus.db")
    ledger.record(trial())
    again = copy.deepcopy(ledger)
    again.record(trial("b"))
    assert [kept.run_id for kept in ledger.journal()] == ["a", "b"]
    ledger.close()
    assert len(ledger.journal()) == 2


class _Breaking(Fade):
    def wake(self, view: object) -> list[object]:  # type: ignore[override]
        raise ValueError("no")


def test_every_run_is_counted_finished_or_failed() -> None:
    ledger = MemoryTrialLedger()
    market = market_of(daily_bars(noise(60, 1)))
    settings = {"sizer": FixedUnits(), "risk": LimitRiskPolicy(), "trials": ledger}
    record = run(Fade({}), market, config(), **settings)  # type: ignore[arg-type]
    run(Fade({}), market, config(), **settings)  # type: ignore[arg-type]
    with pytest.raises(StrategyFailed):
        run(_Breaking({"days": 2}), market, config(), **settings)  # type: ignore[arg-type]
    kept = {one.run_id: one for one in ledger.journal()}
    assert len(kept) == 2
    assert kept[record.manifest.run_id] == Trial.from_mapping(
        {name: getattr(kept[record.manifest.run_id], name) for name in Trial.__dataclass_fields__}
    )
    assert sorted(one.status for one in kept.values()) == ["failed", "finished"]
    assert kept[record.manifest.run_id].net_pnl_micros == record.net_pnl_micros


def test_every_other_walk_on_the_same_data_is_one_more_account_to_choose_from(ledger: TrialJournal) -> None:
    def walk(run_id: str, plan: str, **changes: object) -> None:
        ledger.record(trial(run_id, purpose="walk_forward", parameters=f'{{"from_01": "{plan}"}}', **changes))

    walk("a", "three years to train")
    walk("b", "four years to train")
    walk("c", "rolling")
    walk("d", "rolling", config_hash="dearer")
    assert walks_at(ledger, ["ES"], 0, 1_000) == 3
    # The same idea looked at again as data grow is no other account; another strategy is.
    walk("e", "three years to train, and a window more", last_ns=2_000)
    assert walks_at(ledger, ["ES"], 0, 2_000) == 3
    walk("f", "carry", family="carry")
    assert walks_at(ledger, ["ES"], 0, 2_000) == 4
    assert walks_at(ledger, ["NQ"], 0, 2_000) == 1
