"""Sweeps end to end on real replays: the same bytes from any start, every run counted once, wrong files named."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from argus.app import sweep as use_case
from argus.app._sweep_file import plan_sweep
from argus.app._sweep_replay import _LOADED, MARKETS_KEPT, replay_task
from argus.app._sweep_start import starting_text, write_starting_file
from argus.app.settings import CandidateSettings
from argus.app.sweep import SweepResult, sweep
from argus.app.tracing import trace_run
from argus.app.workspace import Workspace, init_workspace
from argus.core.errors import ArgusError, CatalogError, ConfigError
from argus.data.embedded import install_embedded
from argus.strategies import strategies, strategy_class

FILE = """
strategy: sma_cross
fixed: {sessions_per_year: 252}
ranges:
  fast: {from: 10, to: 50, step: 20}
  slow: [30, 100, 200]
instruments: [IXIC.1d]
periods:
  - {from: 2001-01-01, to: 2005-01-01}
  - {from: 2005-01-01, to: 2009-01-01}
"""
RANDOM = """
strategy: mean_reversion
mode: random
samples: 12
seed: 3
ranges:
  window: {distribution: uniform, from: 5, to: 25}
  entry: {distribution: log_uniform, from: 1, to: 3}
instruments: IXIC.1d
periods: [{from: 2003-01-01, to: 2006-01-01}]
account: {cash: 250000}
costs: {slippage_rate: 0.0001}
sizing: {kind: fixed_units, units: 10}
execution: {cost_multiplier: 2, latency_ms: 50}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Workspace:
    home = init_workspace(tmp_path / "desk")[0]
    install_embedded(home.catalog())
    return home


def written(folder: Path, text: str = FILE) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def rows_of(result: SweepResult) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(result.table).to_pylist()
    return rows


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, SweepResult]:
    home = init_workspace(tmp_path_factory.mktemp("sweep") / "desk")[0]
    return home, sweep(home, written(home.root))


def test_every_combination_market_and_period_has_a_row(done: tuple[Workspace, SweepResult]) -> None:
    rows = rows_of(done[1])
    # Three by three less (30, 30), (50, 30); each in two periods.
    assert len(rows) == 14
    assert [(row["param_fast"], row["param_slow"]) for row in rows[::2]] == [
        (10, 30), (10, 100), (10, 200), (30, 100), (30, 200), (50, 100), (50, 200),
    ]  # fmt: skip
    assert rows[1]["period_from"] == "2005-01-01T00:00:00Z"
    assert all(row["param_sessions_per_year"] == 252 and row["status"] == "finished" for row in rows)
    assert len({row["order_list_hash"] for row in rows}) == 14


def test_what_the_strategy_refuses_is_listed_with_the_reason(done: tuple[Workspace, SweepResult]) -> None:
    plan, view = done[1].plan, done[1].view
    assert [dict(one.values) for one in plan.skipped] == [{"fast": 30, "slow": 30}, {"fast": 50, "slow": 30}]
    assert all("fast must be the smaller" in one.reason for one in plan.skipped)
    assert "2 combinations were skipped" in " ".join(view.notes)
    assert view.skipped[0].startswith("fast 30, slow 30: fast is 30 and slow is 30")


def test_every_run_is_one_trial(done: tuple[Workspace, SweepResult]) -> None:
    home, result = done
    journal = home.trials().journal()
    assert {trial.run_id for trial in journal} == {row["run_id"] for row in rows_of(result)}
    assert len(journal) == 14
    assert {trial.purpose for trial in journal} == {"search"}
    luck = [one.luck for one in result.view.slices]
    assert luck[0] is None  # the mean of both periods is no run
    # Both periods warm up on the same bars, so either one is a look at what the other has seen.
    assert all(one is not None and one.looks >= 7 for one in luck[1:])


def test_a_row_is_the_run_of_a_backtest(done: tuple[Workspace, SweepResult]) -> None:
    home, result = done
    task = replay_task(home, result.plan)
    point = result.plan.points[5]
    record = task.replay(point, task.market(point), home.trials())
    row = rows_of(result)[5]
    assert row["run_id"] == record.manifest.run_id
    assert row["net_pnl_micros"] == record.net_pnl_micros
    assert row["fees_micros"] == record.fees_micros
    assert row["trades"] == (record.trades["is_open"] == 0).sum()
    assert record.equity_ts_ns[0] >= point.start_ns
    assert record.equity_ts_ns[-1] < point.end_ns + 86_400 * 10**9
    assert len(home.trials().journal()) == 14


def test_the_best_run_of_each_period_can_be_traced(done: tuple[Workspace, SweepResult]) -> None:
    home, result = done
    for one in result.view.slices[1:]:
        run_id = one.run_ids[one.reading.best]
        assert trace_run(home, run_id).as_dict()["run_id"] == run_id


def test_the_same_command_again_changes_nothing(done: tuple[Workspace, SweepResult]) -> None:
    home, result = done
    before = {path: path.read_bytes() for path in home.runs.rglob("*") if path.is_file() and path.suffix != ".lock"}
    again = sweep(home, written(home.root))
    assert again.plan.identity == result.plan.identity
    assert {path: path.read_bytes() for path in before} == before
    assert len(home.trials().journal()) == 14


def test_two_workers_and_an_interruption_give_the_same_bytes(
    done: tuple[Workspace, SweepResult], desk: Workspace
) -> None:
    def stop(count: int, _of: int) -> None:
        if count >= 4:
            raise KeyboardInterrupt

    path = written(desk.root)
    with pytest.raises(KeyboardInterrupt):
        sweep(desk, path, progress=stop)
    result = sweep(desk, path, workers=2)
    assert result.table.read_bytes() == done[1].table.read_bytes()
    assert len(desk.trials().journal()) == 14


def test_runs_that_a_lost_database_does_not_know_are_run_and_counted_again(
    done: tuple[Workspace, SweepResult], desk: Workspace
) -> None:
    path = written(desk.root)
    sweep(desk, path)
    with sqlite3.connect(desk.database) as connection:
        connection.execute("delete from trial where run_id in (select run_id from trial order by run_id limit 5)")
    connection.close()
    assert len(desk.trials().journal()) == 9
    told: list[int] = []
    result = sweep(desk, path, progress=lambda count, _of: told.append(count))
    assert told[0] == 9
    assert len(desk.trials().journal()) == 14
    assert result.table.read_bytes() == done[1].table.read_bytes()


def test_random_samples_are_the_same_again_and_settings_are_taken(desk: Workspace) -> None:
    path = written(desk.root, RANDOM)
    plan = plan_sweep(desk, path)
    values = [dict(point.values) for point in plan.points]
    assert values == [dict(point.values) for point in plan_sweep(desk, path).points]
    assert len(plan.points) + len(plan.skipped) + plan.repeated == 12
    assert all(5 <= one["window"] <= 25 and 1 <= one["entry"] <= 3 for one in values)
    path.write_text(RANDOM.replace("samples: 12", "samples: 20"), encoding="utf-8")
    longer = [dict(point.values) for point in plan_sweep(desk, path).points]
    assert longer[: len(values)] == values
    task = replay_task(desk, plan)
    point = plan.points[0]
    manifest = task.replay(point, task.market(point), desk.trials()).manifest
    config = manifest.config
    assert config["account"]["cash_micros"] == 250_000_000_000
    assert (config["costs"]["slippage_rate"], config["costs"]["multiplier"]) == ("0.0001", "2")
    assert config["latency_ns"] == 50_000_000
    assert config["sizing"]["units"] == 10.0


def test_a_random_sweep_reads_its_surface(desk: Workspace) -> None:
    result = sweep(desk, written(desk.root, RANDOM))
    (one,) = result.view.slices
    assert not one.on_grid
    assert one.reading.neighbours >= 3
    assert one.reading.word in {"plateau", "ridge", "spike", "noise"}


def test_a_run_that_raises_is_a_row_and_the_others_go_on(desk: Workspace) -> None:
    # SPX has no observed opens, so a market order cannot fill there; the strategy's needs are checked by the run.
    text = FILE.replace("[IXIC.1d]", "[IXIC.1d, SPX.1d]").replace("[30, 100, 200]", "[100]")
    result = sweep(desk, written(desk.root, text))
    rows = rows_of(result)
    failed = [row for row in rows if row["status"] == "failed"]
    assert {row["instrument"] for row in failed} == {"SPX.1d"}
    assert len(failed) == result.view.failed == len(rows) // 2
    assert "CoverageError: sma_cross needs open of SPX" in failed[0]["error"]
    assert failed[0]["net_pnl_micros"] is None
    assert "6 runs failed" in " ".join(result.view.notes)
    assert result.as_dict()["failures"][0].startswith("fast 10, slow 100 on SPX.1d")


def test_markets_traded_together_are_one_run(desk: Workspace) -> None:
    text = """
strategy: tsmom
fixed: {execution: moc}
ranges: {lookback: [60, 120, 250]}
instruments: [{together: ["US_EQUITY_ADJ:KO.1d", "US_EQUITY_ADJ:GE.1d"]}, "US_EQUITY_ADJ:KO.1d"]
periods: [{from: 2010-01-01, to: 2012-01-01}]
"""
    result = sweep(desk, written(desk.root, text))
    rows = rows_of(result)
    assert [row["instrument"] for row in rows[:2]] == [
        "US_EQUITY_ADJ:KO.1d + US_EQUITY_ADJ:GE.1d",
        "US_EQUITY_ADJ:KO.1d",
    ]
    assert len({trial.instruments for trial in desk.trials().journal()}) == 2


def test_a_worker_holds_few_markets(desk: Workspace) -> None:
    periods = "".join(f"  - {{from: 2001-01-01, to: 20{year:02d}-01-01}}\n" for year in range(3, 9))
    text = FILE.split("periods:")[0].replace("{from: 10, to: 50, step: 20}", "[10]") + "periods:\n" + periods
    sweep(desk, written(desk.root, text))
    assert len(_LOADED) <= MARKETS_KEPT


def test_a_large_sweep_asks_with_count_and_estimate(desk: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_case, "RUNS_ASKED", 10)
    path = written(desk.root)
    with pytest.raises(ConfigError, match=r"14 runs are left to do; one took .* s, so all would take about .* --yes"):
        sweep(desk, path)
    # Nothing of the estimate was in vain: its two runs are kept, and counted.
    assert len(desk.trials().journal()) == 2
    told: list[int] = []
    sweep(desk, path, yes=True, progress=lambda count, _of: told.append(count))
    assert told[0] == 2
    assert len(desk.trials().journal()) == 14


def test_a_second_sweep_of_the_same_file_at_once_is_refused(desk: Workspace) -> None:
    path = written(desk.root)

    def again(_count: int, _of: int) -> None:
        sweep(desk, path)

    with pytest.raises(CatalogError, match="is being written by process"):
        sweep(desk, path, progress=again)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("strategy: sma_cross", "strategy: sma_cros", "did you mean sma_cross"),
        ("strategy: sma_cross", "strateg: sma_cross", "strateg is no key of a sweep; did you mean strategy"),
        ("strategy: sma_cross", "", "strategy is missing"),
        ("fixed:", "strategy: sma_cross\nfixed:", "the key 'strategy' stands twice"),
        ("fast:", "fats:", "ranges.fats: sma_cross has no such parameter; did you mean fast"),
        ("sessions_per_year: 252", "fast: 10", "fast stands under fixed and under ranges"),
        ("sessions_per_year: 252", "sessions_per_year: many", "fixed.sessions_per_year: .*'many'; int expected"),
        ("[30, 100, 200]", "[30, 30000]", "ranges.slow: .*30000; it must lie in 2 to 20000"),
        ("[30, 100, 200]", "[30.5]", "ranges.slow: .*30.5; int expected"),
        ("[30, 100, 200]", "100", "ranges.slow is 100.*under fixed"),
        ("[30, 100, 200]", "{distribution: uniform, from: 3, to: 9}", "ranges.slow is a distribution.*mode: random"),
        ("[30, 100, 200]", "[5, 6]", "sma_cross refuses all 6 combinations"),
        ("[30, 100, 200]", "{from: 100, to: 20000, step: 0.001}", "at most 100,000 are taken"),
        ("{from: 10, to: 50, step: 20}", "[10", "is not YAML"),
        ("instruments: [IXIC.1d]", "instruments: []", "instruments is empty"),
        ("instruments: [IXIC.1d]", "instruments: [7]", r"instruments\[0\] is 7"),
        ("instruments: [IXIC.1d]", "instruments: [IXIC.1d, IXIC.1d]", "for the second time"),
        ("instruments: [IXIC.1d]", "instruments: [IXIC.1h]", "IXIC.1h"),
        ("{from: 2005-01-01, to: 2009-01-01}", "{form: 2005-01-01}", r"periods\[1\] has the key 'form'"),
        ("{from: 2005-01-01, to: 2009-01-01}", "{from: 2005-01-01, to: 2004-01-01}", "from must be before to"),
        ("{from: 2005-01-01, to: 2009-01-01}", "{from: soon}", r"periods\[1\].from: 'soon' is not an ISO date"),
        ("{from: 2005-01-01, to: 2009-01-01}", "{from: 2030-01-01}", r"periods\[1\] lies outside of IXIC.1d"),
        ("{from: 2005-01-01, to: 2009-01-01}", "{from: 2001-01-01, to: 2005-01-01}", r"periods\[1\] is there twice"),
        ("[30, 100, 200]", "[yes, no]", "ranges.slow is true; a number is expected"),
        ("sessions_per_year: 252", "sessions_per_year: on", "fixed.sessions_per_year is true; a number"),
        ("[30, 100, 200]", "{from: 30, to: 100, step: 0}", "ranges.slow.step is 0; it must be positive"),
        ("[30, 100, 200]", "{from: 100, to: 30, step: 10}", "ranges.slow goes from 100 to 30; from must not be above"),
        ("[30, 100, 200]", "[]", "ranges.slow is an empty list"),
        ("fast: {from: 10, to: 50, step: 20}\n  slow: [30, 100, 200]", "[fast]", "ranges is .*keys with values"),
        (FILE, "strategy: tsmom\nranges: {}\ninstruments: IXIC.1d\n", "ranges is empty; name at least one"),
        (FILE, "", "sweep.yaml is empty; keys such as strategy"),
        (FILE, "- tsmom", "sweep.yaml holds a list"),
        (FILE, RANDOM.replace("from: 5, to: 25", "from: 1, to: 25"), "window goes from 1 to 25; window must lie"),
        (FILE, RANDOM.replace("  window:", "  execution:"), "execution is a distribution.*takes no numbers"),
        ("fixed:", "mode: both\nfixed:", "mode is 'both'"),
        ("fixed:", "mode: random\nfixed:", "samples is missing"),
        ("fixed:", "samples: 5\nfixed:", "samples is 5 and mode is grid"),
        ("fixed:", "account: {cash: -1}\nfixed:", "account.cash is -1"),
        ("fixed:", "costs: {slipage_ticks: 1}\nfixed:", "costs.slipage_ticks is no key.*did you mean slippage_ticks"),
        ("fixed:", "execution: {participation: 2}\nfixed:", "execution.participation is 2"),
    ],
)
def test_a_wrong_file_is_named_by_its_key(desk: Workspace, old: str, new: str, said: str) -> None:
    assert old in FILE
    with pytest.raises(ArgusError, match=said) as caught:
        sweep(desk, written(desk.root, FILE.replace(old, new)))
    if "IXIC.1h" not in said and "did you mean sma_cross" not in said:
        assert "sweep.yaml" in str(caught.value)
    assert not list(desk.runs.iterdir())


def test_a_sweep_of_too_many_runs_is_refused_before_it_is_expanded(desk: Workspace) -> None:
    text = FILE.replace("{from: 10, to: 50, step: 20}", "{from: 1, to: 5000, step: 1}").replace(
        "[30, 100, 200]", "{from: 2, to: 20000, step: 1}"
    )
    with pytest.raises(ConfigError, match=r"99,995,000 runs; a sweep takes at most 200,000"):
        plan_sweep(desk, written(desk.root, text))


def test_a_sweep_of_one_parameter_is_read_along_its_line(desk: Workspace) -> None:
    text = """
strategy: tsmom
ranges: {lookback: {from: 40, to: 240, step: 40}}
instruments: IXIC.1d
periods: [{from: 2003-01-01, to: 2006-01-01}]
"""
    (one,) = sweep(desk, written(desk.root, text)).view.slices
    assert one.reading.neighbours == min(one.reading.best, 2) + min(5 - one.reading.best, 2)


@pytest.mark.parametrize("strategy", list(strategies()))
def test_a_first_file_is_a_sweep_that_can_be_planned(desk: Workspace, strategy: str) -> None:
    path = desk.root / "first.yaml"
    write_starting_file(desk, path, strategy)
    plan = plan_sweep(desk, path)
    assert plan.strategy == strategy
    assert len(plan.points) > 3
    assert not plan.skipped
    text = path.read_text(encoding="utf-8")
    for parameter in strategy_class(strategy).PARAMETERS:
        assert f"{parameter.name}: " in text
        assert parameter.why in text
    with pytest.raises(ConfigError, match=r"first\.yaml exists already"):
        write_starting_file(desk, path, strategy)


def test_a_first_file_takes_the_workspace_s_market_and_fixed_values(desk: Workspace) -> None:
    settings = desk.settings
    candidate = CandidateSettings(strategy="tsmom", datasets=("A.1d", "B.1d"), parameters={"long_only": True})
    research = settings.research.model_copy(update={"candidates": (candidate,)})
    text = starting_text(settings.model_copy(update={"research": research}), "tsmom")
    assert "instruments: [{together: [A.1d, B.1d]}]" in text
    assert "fixed:\n  long_only: true\nranges:" in text
    assert "# long_only" not in text
