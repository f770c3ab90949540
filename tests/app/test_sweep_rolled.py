"""Sweeps on roots of futures: every contract counts, the same bytes from any start, and the best runs can be traced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from argus.app._sweep_file import plan_sweep
from argus.app._sweep_replay import replay_task
from argus.app.rolled import Rolling, backtest_rolled, catalog_roots
from argus.app.sweep import SweepResult, sweep
from argus.app.tracing import trace_run
from argus.app.workspace import Workspace, init_workspace
from argus.core.errors import ArgusError, CoverageError
from argus.core.time import parse_ns
from argus.data import import_contracts
from argus.engine.config import RunConfig
from tests.app.root_desk import NAMES, wandering, write

FILE = """
strategy: sma_cross
rolls: {roll: calendar, adjust: difference, days: 5}
ranges:
  fast: [3, 5]
  slow: [8, 13]
instruments: [MES.1d]
periods: [{to: 2023-04-14}, {from: 2023-04-14}]
"""


def desk_at(folder: Path, names: tuple[str, ...] = NAMES) -> Workspace:
    workspace, _ = init_workspace(folder)
    for name in names:
        write(workspace.catalog(), wandering(name, NAMES.index(name)), name)
    return workspace


def written(home: Workspace, text: str = FILE) -> Path:
    path = home.root / "sweep.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def rows_of(result: SweepResult) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(result.table).to_pylist()
    return rows


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, SweepResult]:
    home = desk_at(tmp_path_factory.mktemp("sweep") / "desk")
    return home, sweep(home, written(home))


def test_every_contract_is_in_the_plan(done: tuple[Workspace, SweepResult]) -> None:
    plan = done[1].plan
    infos = {info.name: info.content_hash for info in done[0].catalog().datasets()}
    assert dict(plan.hashes) == {f"MES.{name}.1d": infos[f"MES.{name}.1d"] for name in NAMES}
    assert plan.symbols == {"MES.1d": ("MES",)}
    assert plan.describe()["rolls"] == {"roll": "calendar", "adjust": "difference", "days": 5}
    assert all(row["status"] == "finished" and row["orders"] > 0 for row in rows_of(done[1]))
    assert len(rows_of(done[1])) == 8


def test_a_row_is_the_run_of_a_backtest_on_the_root(done: tuple[Workspace, SweepResult]) -> None:
    home, result = done
    point = next(one for one in result.plan.points if one.start_ns is not None)
    task = replay_task(home, result.plan)
    record = task.replay(point, task.market(point), home.trials())
    rolling = Rolling(days=5)
    roots, _, source = catalog_roots(home, ["MES.1d"], rolling)
    config = task._config(point, task.market(point).market)
    assert isinstance(config, RunConfig)
    plain = backtest_rolled(
        "sma_cross", roots, config, parameters=dict(point.values), units=None,
        vol_target_annual=task.settings.sizing.vol_target_annual, workspace=None, source=source,
    )  # fmt: skip
    assert record.manifest.run_id == plain.record.manifest.run_id
    assert rows_of(result)[point.number]["net_pnl_micros"] == plain.record.net_pnl_micros


def test_a_period_ends_with_its_bars_and_not_with_its_contracts(done: tuple[Workspace, SweepResult]) -> None:
    home, result = done
    task = replay_task(home, result.plan)
    point = next(one for one in result.plan.points if one.end_ns is not None)
    record = task.replay(point, task.market(point), home.trials())
    assert record.equity_ts_ns[-1] <= parse_ns("2023-04-14") + 86_400 * 10**9
    assert set(record.universe) <= {"MES.202303", "MES.202306"}


def test_every_run_is_a_look_at_the_root(done: tuple[Workspace, SweepResult]) -> None:
    luck = [one.luck for one in done[1].view.slices if one.luck is not None]
    assert luck
    assert all(one.looks >= 4 for one in luck)


def test_the_best_run_of_each_period_can_be_traced(done: tuple[Workspace, SweepResult]) -> None:
    home, result = done
    traced = 0
    for one in result.view.slices[1:]:
        run_id = one.run_ids[one.reading.best]
        found = trace_run(home, run_id)
        assert found.adds_up
        assert found.instrument.startswith("MES.2023")
        traced += 1
    assert traced == 2


def test_two_workers_and_an_interruption_give_the_same_bytes(
    done: tuple[Workspace, SweepResult], tmp_path: Path
) -> None:
    home = desk_at(tmp_path / "desk")

    def stop(count: int, _of: int) -> None:
        if count >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(home, written(home), progress=stop)
    result = sweep(home, written(home), workers=2)
    assert result.table.read_bytes() == done[1].table.read_bytes()
    assert len(home.trials().journal()) == 8


def test_another_rule_is_another_sweep_and_so_is_one_more_contract(
    done: tuple[Workspace, SweepResult], tmp_path: Path
) -> None:
    home, result = done
    other = plan_sweep(home, written(home, FILE.replace("days: 5", "days: 6")))
    assert other.identity != result.plan.identity
    fewer = desk_at(tmp_path / "desk", NAMES[:2])
    text = FILE.replace("periods: [{to: 2023-04-14}, {from: 2023-04-14}]", "")
    plan = plan_sweep(fewer, written(fewer, text))
    task = replay_task(fewer, plan)
    write(fewer.catalog(), wandering(NAMES[2], 2), NAMES[2])
    with pytest.raises(CoverageError, match=r"MES\.202309\.1d has come since the sweep began"):
        task.market(plan.points[0])
    assert plan_sweep(fewer, written(fewer, text)).identity != plan.identity


def test_a_changed_contract_stops_the_sweep(tmp_path: Path) -> None:
    home = desk_at(tmp_path / "desk", NAMES[:2])
    text = FILE.replace("periods: [{to: 2023-04-14}, {from: 2023-04-14}]", "")
    plan = plan_sweep(home, written(home, text))
    later = desk_at(tmp_path / "later", NAMES[1:2])
    write(later.catalog(), wandering(NAMES[0], 9), NAMES[0])
    task = replay_task(later, plan)
    with pytest.raises(CoverageError, match=r"MES\.202303\.1d has changed since the sweep began"):
        task.market(plan.points[0])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("roll: calendar", "roll: weekly", "rolls.roll is 'weekly'"),
        ("roll: calendar", "rol: calendar", r"rolls\.rol is no key.*did you mean roll"),
        ("days: 5", "days: 0", "days_before is 0"),
        ("adjust: difference", "adjust: back", "rolls.adjust is 'back'"),
        ("[MES.1d]", "[IXIC.1d]", "instruments: IXIC.1d: the catalog has no contracts of that name"),
        ("[MES.1d]", "[MES.1d, {together: [MES.1d, MES]}]", "holds MES twice"),
        ("{from: 2023-04-14}", "{from: 2031-01-01}", r"periods\[1\] lies outside of MES.1d"),
    ],
)
def test_a_wrong_file_is_named_by_its_key(done: tuple[Workspace, SweepResult], old: str, new: str, said: str) -> None:
    assert old in FILE
    with pytest.raises(ArgusError, match=said):
        plan_sweep(done[0], written(done[0], FILE.replace(old, new)))


def test_real_hourly_roots_are_swept_alone_and_together(tmp_path: Path, real_data: Path) -> None:
    home, _ = init_workspace(tmp_path / "desk")
    for root in ("MES", "ZN"):
        path = real_data / "futures_hourly" / f"{root}.parquet"
        import_contracts(home.catalog(), path, root, "futures_hourly", contracts=("202303", "202306"))
    text = """
strategy: sma_cross
rolls: {roll: volume, adjust: ratio}
ranges: {fast: [10, 20], slow: [60]}
instruments: [MES.1h, {together: [MES.1h, ZN.1h]}]
periods: [{from: 2023-02-13, to: 2023-04-14}]
"""
    result = sweep(home, written(home, text))
    rows = rows_of(result)
    assert [row["status"] for row in rows] == ["finished"] * 4
    assert len({row["order_list_hash"] for row in rows}) == 4
    run_id = result.view.slices[-1].run_ids[result.view.slices[-1].reading.best]
    found = trace_run(home, run_id)
    assert found.adds_up
    assert found.instrument.rpartition(".")[0] in ("MES", "ZN")
    assert {info.name for info in home.catalog().datasets()} == set(result.plan.hashes)
