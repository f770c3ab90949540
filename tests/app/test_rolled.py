"""Runs on roots from a workspace or from one file: what is found under which name, what is kept, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from argus.app.data import FileStatement
from argus.app.rolled import Rolling, backtest_rolled, catalog_roots, file_roots, finer_contracts, roots_again
from argus.app.tracing import trace_run
from argus.app.workspace import Workspace, init_workspace
from argus.core.arrays import Bars
from argus.core.errors import CatalogError, ConfigError, CoverageError, DataError
from argus.core.instruments import instrument
from argus.core.time import NS_PER_HOUR, day_number, day_of
from argus.data import RollTrigger, customary_rule
from argus.engine.config import RunConfig
from argus.engine.rolling import RolledRoot
from argus.engine.store import load_run
from tests.app.root_desk import NAMES, wandering, write
from tests.data.futures_samples import contract

PARAMETERS = {"fast": 3, "slow": 8}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with the sessions of three contracts."""
    workspace, _ = init_workspace(tmp_path_factory.mktemp("desk"))
    for at, name in enumerate(NAMES):
        write(workspace.catalog(), wandering(name, at), name)
    return workspace


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same three contracts in one file of session dates."""
    tables = []
    for at, name in enumerate(NAMES):
        bars = wandering(name, at)
        tables.append(
            pl.DataFrame(
                {
                    "day": [day_of(int(day)).isoformat() for day in bars.session],
                    "month": [name] * len(bars),
                    **{field: getattr(bars, field) for field in ("open", "high", "low", "close", "volume")},
                }
            )
        )
    path = tmp_path_factory.mktemp("file") / "MES.csv"
    pl.concat(tables).write_csv(path)
    return path


STATED = FileStatement("MES", stamp="session_date", time_column="day", time_format="iso", contract_column="month")


def same(one: RolledRoot, other: RolledRoot) -> bool:
    return {name: bars.content_hash for name, bars in one.contracts.items()} == {
        name: bars.content_hash for name, bars in other.contracts.items()
    } and one.describe() == other.describe()


def test_a_root_is_found_by_its_name_with_or_without_the_bar_length(desk: Workspace) -> None:
    roots, notes, source = catalog_roots(desk, ["MES"], Rolling())
    assert [root.symbol for root in roots] == ["MES"]
    assert list(roots[0].contracts) == [f"MES.{name}" for name in NAMES]
    assert any(note.endswith("made up") for note in notes)
    assert same(roots[0], catalog_roots(desk, ["MES.1d"], Rolling())[0][0])
    assert same(roots[0], roots_again(desk, source)[0])


def test_one_file_of_contracts_gives_the_same_root(desk: Workspace, file: Path) -> None:
    roots, _, source = file_roots(file, STATED, Rolling())
    assert same(roots[0], catalog_roots(desk, ["MES"], Rolling())[0][0])
    assert same(roots[0], roots_again(desk, source)[0])


def test_a_run_is_kept_and_its_rolls_are_traced_from_both_sides(desk: Workspace, file: Path) -> None:
    for roots, _, source in (catalog_roots(desk, ["MES"], Rolling()), file_roots(file, STATED, Rolling())):
        result = backtest_rolled(
            "sma_cross",
            roots,
            RunConfig(),
            parameters=PARAMETERS,
            units=2.0,
            vol_target_annual=None,
            workspace=desk,
            source=source,
        )
        told = result.as_dict()
        assert told["instruments"] == ["MES"]
        assert told["contracts"] == [f"MES.{name}" for name in NAMES]
        assert (told["parameters"]["fast"], told["parameters"]["slow"]) == (3, 8)
        assert len(told["rolls"]) == 2
        for roll in result.rolls:
            assert abs(roll.closed_lots) == 2
            for trade, symbol, tag in (
                (roll.closed_trade, roll.from_symbol, f"roll to {roll.to_symbol}"),
                (roll.opened_trade, roll.to_symbol, f"roll from {roll.from_symbol}"),
            ):
                trace = trace_run(desk, told["run_id"], trade)
                assert trace.instrument == symbol
                assert tag in [step.order.tag for step in trace.fills]
                assert trace.adds_up
                decided = trace.fills[0].decision
                assert decided is not None
                assert {feature.alias for feature in decided.features} >= {"fast:MES", "slow:MES"}
        _, kept = load_run(desk.runs / told["run_id"])
        assert kept["rolling"] == {"roll": "calendar", "adjust": "difference", "days": None}


def test_sizing_by_volatility_shares_the_capital_among_roots_not_contracts(desk: Workspace) -> None:
    roots, _, source = catalog_roots(desk, ["MES"], Rolling())
    result = backtest_rolled(
        "tsmom",
        roots,
        RunConfig(),
        parameters={"lookback": 20},
        units=None,
        vol_target_annual=0.1,
        workspace=None,
        source=source,
    )
    assert result.record.manifest.config["sizing"]["instrument_count"] == 1


def test_orders_meet_finer_bars_of_their_contracts(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "finer")
    for at, name in enumerate(NAMES):
        walk = wandering(name, at)
        fine = contract(
            f"MES.{name}",
            date(2022, 12, 1),
            close=lambda day, walk=walk: float(walk.close[np.searchsorted(walk.session, day_number(day))]),
            volume=2300.0,
            bars_a_session=23,
        )
        write(workspace.catalog(), fine, name, NS_PER_HOUR)
        write(workspace.catalog(), resampled(fine), name)
    roots, _, source = catalog_roots(workspace, ["MES.1d"], Rolling())
    found, _, origin = finer_contracts(workspace, "MES.1h", None, roots)
    assert list(found) == [f"MES.{name}" for name in NAMES]
    result = backtest_rolled(
        "sma_cross",
        roots,
        RunConfig(),
        parameters=PARAMETERS,
        units=1.0,
        vol_target_annual=None,
        workspace=workspace,
        source={**source, "finer": origin},
        finer=found,
    )
    notes = result.as_dict()["notes"]
    assert any("orders met finer bars within" in note for note in notes)
    assert trace_run(workspace, result.record.manifest.run_id, result.rolls[0].opened_trade).adds_up
    with pytest.raises(ConfigError, match="give bars that are shorter"):
        finer_contracts(workspace, "MES.1d", None, roots)


def resampled(fine: Bars) -> Bars:
    """Session bars of the finer ones."""
    first = np.flatnonzero(np.diff(fine.session, prepend=fine.session[0] - 1))
    last = np.append(first[1:], len(fine)) - 1
    return replace(
        fine.rows(0, len(first)),
        ts_event_ns=fine.ts_event_ns[first],
        ts_close_ns=fine.ts_close_ns[last],
        ts_recv_ns=fine.ts_recv_ns[last],
        open=fine.open[first],
        high=np.maximum.reduceat(fine.high, first),
        low=np.minimum.reduceat(fine.low, first),
        close=fine.close[last],
        volume=np.add.reduceat(fine.volume, first),
        session=fine.session[first],
        session_end=np.ones(len(first), dtype=bool),
    )


def test_rules_are_as_typed() -> None:
    mes, gold = instrument("MES"), instrument("MGC")
    assert Rolling().rule(mes) == customary_rule(mes)
    assert Rolling(days=9).rule(mes).days_before == 9
    volume = Rolling("volume").rule(gold)
    assert (volume.trigger, volume.cycle) == (RollTrigger.VOLUME, "GJMQZ")
    for wrong, named in (
        ({"roll": "monthly"}, "--roll is 'monthly'; one of calendar, volume, open_interest"),
        ({"adjust": "back"}, "--adjust is 'back'; one of difference, ratio, none"),
        ({"roll": "volume", "days": 3}, "--roll-days is 3"),
    ):
        with pytest.raises(ConfigError, match=named):
            Rolling(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="days_before is 0"):
        Rolling(days=0).rule(mes)


def test_an_unknown_root_and_an_unclear_name_are_refused(desk: Workspace, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"--dataset NQ: the catalog has no contracts of that name; it has MES\.1d"):
        catalog_roots(desk, ["NQ"], Rolling())
    with pytest.raises(CatalogError, match=r"MES\.1h: .* it has MES\.1d"):
        catalog_roots(desk, ["MES.1h"], Rolling())
    with pytest.raises(ConfigError, match="MES is already in this run"):
        catalog_roots(desk, ["MES", "MES.1d"], Rolling())
    both, _ = init_workspace(tmp_path / "both")
    hourly = contract("MES.202303", date(2023, 1, 3), date(2023, 1, 5), bars_a_session=23)
    write(both.catalog(), hourly, "202303", NS_PER_HOUR)
    write(both.catalog(), wandering("202303", 0), "202303")
    with pytest.raises(ConfigError, match=r"several bar lengths; write MES\.1d or MES\.1h"):
        catalog_roots(both, ["MES"], Rolling())


def test_a_hole_between_contracts_and_an_unobserved_trigger_are_refused(desk: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="open_interest, which was not observed"):
        catalog_roots(desk, ["MES"], Rolling("open_interest"))
    holed, _ = init_workspace(tmp_path / "holed")
    write(holed.catalog(), wandering("202303", 0), "202303")
    write(holed.catalog(), contract("MES.202309", date(2023, 5, 1), close=4000.0), "202309")
    with pytest.raises(CoverageError, match="import the missing contract"):
        catalog_roots(holed, ["MES"], Rolling())


def test_a_file_has_to_say_which_column_names_the_contract(file: Path) -> None:
    with pytest.raises(ConfigError, match="--contract-column"):
        file_roots(file, replace(STATED, contract_column=None), Rolling())
    with pytest.raises(ConfigError, match="--contract 202303 and --roll exclude each other"):
        file_roots(file, replace(STATED, contract="202303"), Rolling())
    with pytest.raises(DataError, match="names no contract"):
        file_roots(file, replace(STATED, contract_column="day"), Rolling())
