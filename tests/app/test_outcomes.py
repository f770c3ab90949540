from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from argus.app import _outcome_table
from argus.app.data import write_synthetic
from argus.app.outcomes import OutcomeResult, backfill, outcome_table
from argus.app.rolled import Rolling
from argus.app.workspace import Workspace, init_workspace
from argus.cli.lab_outcomes import outcomes
from argus.core.arrays import Bars
from argus.core.errors import CatalogError, ConfigError, DataError
from argus.core.instruments import instrument
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE
from argus.data.catalog import SourceRecord
from argus.data.feature_store import PartTable
from argus.data.outcome_store import KnownOutcomes, OutcomeColumns, OutcomeStatus, OutcomeTable
from argus.data.resample import resample
from argus.data.synthetic import SyntheticSpec, generate
from argus.engine.replay import run
from argus.lab.journal.trials import MemoryTrialLedger
from argus.lab.outcomes import OutcomeSpec, outcomes_of, signal_outcomes, signal_rows
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.lab.markets import Fade, config, daily_bars, market_of, noise

PART = 1_000
MINUTES = SyntheticSpec("MES", NS_PER_MINUTE, date(2022, 1, 3), sessions=3, seed=7)
SPEC = OutcomeSpec(horizons=(5, 60), barriers=((1.0, 1.0), (2.0, 0.5)), vol_half_life=30)
SYMBOL = "MES.SYNTH7"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_outcome_table.HashedBars.__init__, "__defaults__", (PART,))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    home = init_workspace(tmp_path / "home")[0]
    write_synthetic(home.catalog(), MINUTES)
    return home


def made(home: Workspace, spec: OutcomeSpec = SPEC, workers: int = 1, **how: Any) -> OutcomeResult:
    return backfill(home, [SYMBOL], how.pop("timeframes", ["1m"]), spec, Rolling(), workers=workers, **how)


def files(home: Workspace) -> dict[str, bytes]:
    folder = home.root / "catalog" / "outcomes"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in (".json", ".parquet")
    }


def table(home: Workspace, horizon: int, timeframe: str = "1m", spec: OutcomeSpec = SPEC) -> OutcomeTable:
    return outcome_table(home, SYMBOL, timeframe, spec, horizon)


def same(one: OutcomeColumns, other: OutcomeColumns) -> None:
    assert one.columns().keys() == other.columns().keys()
    for name, column in one.columns().items():
        assert column.dtype == other.columns()[name].dtype
        assert column.tobytes() == other.columns()[name].tobytes(), name


def over(bars: Bars, spec: OutcomeSpec = SPEC, interval_ns: int | None = NS_PER_MINUTE) -> tuple[OutcomeColumns, ...]:
    return outcomes_of(spec, instrument("MES"), bars, interval_ns)


def home_of(tmp_path: Path, bars: Bars, name: str = "other") -> Workspace:
    """A workspace whose catalog has just these bars; called again, with bars that came since."""
    home = init_workspace(tmp_path / name)[0] if not (tmp_path / name).exists() else Workspace(tmp_path / name)
    home.catalog().write(
        bars, NS_PER_MINUTE, SourceRecord(str(len(bars)), bars.content_hash, "x", {}, len(bars)), contract="SYNTH7"
    )
    return home


def test_a_backfill_holds_the_outcomes_of_the_bars_and_of_coarser_ones(workspace: Workspace) -> None:
    told: list[tuple[int, int]] = []
    done = made(workspace, timeframes=["1m", "15m", "1d"], progress=lambda at, of: told.append((at, of)))
    minutes = generate(MINUTES)
    for timeframe, length in (("1m", None), ("15m", 15 * NS_PER_MINUTE), ("1d", NS_PER_DAY)):
        bars = minutes if length is None else resample(minutes, length)
        interval = None if timeframe == "1d" else length or NS_PER_MINUTE
        for horizon, expected in zip(SPEC.horizons, over(bars, SPEC, interval), strict=True):
            same(table(workspace, horizon, timeframe).after_the_fact(), expected)
    assert told[-1][0] <= told[-1][1]
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert len(done.tables) == 6
    assert {(one["timeframe"], one["horizon"]) for one in done.tables} == {
        (t, h) for t in ("1m", "15m", "1d") for h in (5, 60)
    }
    assert (
        done.as_dict()["rows_made"]
        == done.as_dict()["rows"]
        == 2 * (len(minutes) + len(resample(minutes, 15 * NS_PER_MINUTE)) + 3)
    )


def test_nothing_is_made_twice(workspace: Workspace) -> None:
    made(workspace)
    before = files(workspace)
    assert len(before) > 6
    again = made(workspace)
    assert files(workspace) == before
    assert all(one["rows_kept"] == one["rows"] and one["rows_made"] == 0 for one in again.tables)


def test_a_table_tells_what_was_known_and_nothing_more(workspace: Workspace) -> None:
    made(workspace)
    bars = generate(MINUTES)
    for row in (0, 40, 999, 1_000, 2_345, len(bars) - 1):
        now = int(bars.ts_recv_ns[row])
        known = KnownOutcomes(table(workspace, 60).folder).known_at(now)
        same(known, over(bars.rows(0, row + 1))[1])
        assert (known.known_at_ns[known.status != OutcomeStatus.OPEN] <= now).all()
    assert len(KnownOutcomes(table(workspace, 60).folder).known_at(int(bars.ts_recv_ns[0]) - 1)) == 0
    assert not hasattr(KnownOutcomes(table(workspace, 60).folder), "after_the_fact")


@pytest.mark.parametrize("killed_at", [1, 2, 4, 6])
def test_a_killed_backfill_ends_in_the_same_bytes(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    whole = home_of(tmp_path, generate(MINUTES))
    made(whole)
    kept = files(whole)
    home = home_of(tmp_path, generate(MINUTES), "killed")
    written = PartTable.write_part
    calls: list[int] = []

    def killed(self: PartTable, *given: Any) -> Any:
        calls.append(1)
        if len(calls) == killed_at:
            raise KeyboardInterrupt
        return written(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(PartTable, "write_part", killed)
        with pytest.raises(KeyboardInterrupt):
            made(home)
    unfinished = table(home, 5 if killed_at <= 4 else 60)
    with pytest.raises(CatalogError, match=r"make them first|not finished"):
        unfinished.after_the_fact()
    with pytest.raises(CatalogError, match=r"make them first|not finished"):
        unfinished.known_at(2**62)
    made(home)
    assert files(home) == kept


def test_new_bars_close_what_was_open_and_change_nothing_else(tmp_path: Path) -> None:
    bars = generate(MINUTES)
    cut = 2_900
    home = home_of(tmp_path, bars.rows(0, cut))
    made(home)
    before = {horizon: table(home, horizon).after_the_fact() for horizon in SPEC.horizons}
    first = files(home)
    home_of(tmp_path, bars)
    done = made(home)
    now = int(bars.ts_recv_ns[cut - 1])
    for horizon, expected in zip(SPEC.horizons, over(bars), strict=True):
        after = table(home, horizon).after_the_fact()
        same(after, expected)
        same(after.known_at(now), before[horizon])
        changed = before[horizon].status != after.status[:cut]
        assert (before[horizon].status[changed] == OutcomeStatus.OPEN).all()
        assert changed.sum() == horizon
    # Of the old parts only the last, which was not full, was made again, and its known rows were proven.
    for one, horizon in zip(done.tables, SPEC.horizons, strict=True):
        assert one["rows_kept"] == 2_000
        assert one["rows_proven"] == cut - 2_000 - horizon
    kept = [name for name in first if name.endswith(".parquet") and name in files(home)]
    assert len(kept) == 4
    whole = home_of(tmp_path, bars, "whole")
    made(whole)
    assert {name: content for name, content in files(whole).items() if name.endswith(".parquet")} == {
        name: content for name, content in files(home).items() if name.endswith(".parquet")
    }


def test_a_full_part_whose_last_windows_were_open_is_made_again(tmp_path: Path) -> None:
    bars = generate(MINUTES)
    home = home_of(tmp_path, bars.rows(0, 2_030))
    made(home)
    home_of(tmp_path, bars.rows(0, 2_500))
    short, long = made(home).tables
    assert (short["rows_kept"], long["rows_kept"]) == (2_000, 1_000)
    assert long["rows_proven"] == 2_030 - 60 - 1_000
    for horizon, expected in zip(SPEC.horizons, over(bars.rows(0, 2_500)), strict=True):
        same(table(home, horizon).after_the_fact(), expected)


def test_an_altered_row_is_found_and_named(tmp_path: Path) -> None:
    bars = generate(MINUTES)
    home = home_of(tmp_path, bars.rows(0, 2_900))
    made(home)
    parts = table(home, 5).parts
    manifest = parts.manifest()
    assert manifest is not None
    part = manifest.parts[-1]
    columns = {name: column.copy() for name, column in parts.read_columns(part, list(manifest.columns)).items()}
    columns["run_up"][150] += 1e-9
    recv = bars.ts_recv_ns[2_000:2_900]
    forged = parts.write_part(part, recv, [columns[name] for name in manifest.columns])
    parts.publish(replace(manifest, parts=(*manifest.parts[:-1], forged)))
    home_of(tmp_path, bars)
    with pytest.raises(DataError, match=r"column run_up, row 2150 was stored as"):
        made(home)


def test_damaged_and_lost_files_are_named_or_made_again(workspace: Workspace) -> None:
    made(workspace)
    good = files(workspace)
    paths = sorted(table(workspace, 5).folder.glob("*.parquet"))
    content = bytearray(paths[1].read_bytes())
    content[len(content) // 3] ^= 0xFF
    paths[1].write_bytes(bytes(content))
    with pytest.raises(CatalogError, match=r"argus lab outcomes"):
        table(workspace, 5).after_the_fact()
    paths[1].unlink()
    paths[2].write_bytes(b"short")
    done = made(workspace)
    assert done.tables[0]["rows_made"] == 2 * PART
    assert files(workspace) == good


def test_other_settings_are_other_tables_and_other_code_makes_them_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(workspace)
    other = replace(SPEC, vol_half_life=31)
    made(workspace, other)
    assert table(workspace, 5, spec=other).folder != table(workspace, 5).folder
    # A further horizon leaves the tables of the others alone.
    more = made(workspace, replace(SPEC, horizons=(5, 60, 7)))
    assert [one["rows_made"] for one in more.tables][:2] == [0, 0]
    monkeypatch.setattr("argus.lab.outcomes._code_hash", lambda: "another")
    assert all(one["rows_kept"] == 0 for one in made(workspace).tables)


def test_processes_make_the_same_bytes(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Other processes know nothing of small parts.
    monkeypatch.setattr(_outcome_table.HashedBars.__init__, "__defaults__", (_outcome_table.PART_ROWS,))
    monkeypatch.setattr("argus.app.outcomes._ROWS_A_PROCESS", 1)
    other = init_workspace(tmp_path / "apart")[0]
    write_synthetic(other.catalog(), MINUTES)
    told: list[tuple[int, int]] = []
    one = backfill(workspace, [SYMBOL], ["5m", "1h"], SPEC, Rolling())
    two = backfill(
        other, [SYMBOL], ["5m", "1h"], SPEC, Rolling(), workers=2, progress=lambda at, of: told.append((at, of))
    )
    assert files(workspace) == files(other)
    # Told by whole jobs, which only processes do.
    assert len(told) == 2
    assert told[-1][0] == told[-1][1]
    names = ("symbol", "timeframe", "horizon", "rows", "rows_made")

    def figures(done: OutcomeResult) -> list[Mapping[str, Any]]:
        return [{name: table[name] for name in names} for table in done.tables]

    assert figures(one) == figures(two)


def test_signals_get_the_outcomes_of_their_decisions() -> None:
    bars = daily_bars(noise(300, 3))
    record = run(
        Fade({"sign": 1}),
        market_of(bars),
        config(),
        sizer=FixedUnits(),
        risk=LimitRiskPolicy(),
        trials=MemoryTrialLedger(),
        purpose="research",
    )
    (columns,) = outcomes_of(OutcomeSpec(horizons=(1,)), instrument("ES"), bars, None)
    decided = signal_rows(record, "ES")
    found = signal_outcomes(columns, decided)
    assert 50 < len(found) == len(np.unique(record.orders["decision_id"]))
    np.testing.assert_array_equal(found.ts_recv_ns, decided)
    rows = np.searchsorted(bars.ts_recv_ns, decided)
    whole = rows < len(bars) - 1
    np.testing.assert_array_equal(
        found.forward_return[whole], bars.close[rows[whole] + 1] / bars.open[rows[whole] + 1] - 1.0
    )
    assert len(signal_rows(record, "ZN")) == 0
    # Between two bars the last one that was known counts; before the first there is none.
    same(signal_outcomes(columns, bars.ts_recv_ns[4:6] + 5), columns.take(np.array([4, 5])))
    with pytest.raises(DataError, match="signal 1 was given"):
        signal_outcomes(columns, np.array([bars.ts_recv_ns[3], bars.ts_recv_ns[0] - 1]))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"horizons": ()}, "give at least one"),
        ({"horizons": (5, 5)}, "each once"),
        ({"horizons": (0,)}, "horizons has 0"),
        ({"barriers": ((1.0, -1.0),)}, "two numbers above 0"),
        ({"vol_half_life": 0}, "vol_half_life has 0"),
        ({"hole_bars": 0}, "hole_bars has 0"),
    ],
)
def test_a_specification_says_what_is_wrong_with_it(changes: Mapping[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        OutcomeSpec(**changes)


def test_the_command(workspace: Workspace) -> None:
    app = typer.Typer()
    app.command()(outcomes)
    at = ["--symbols", SYMBOL, "--timeframes", "1h", "--workers", "1", "--workspace", str(workspace.root)]
    done = CliRunner().invoke(app, [*at, "--horizons", "3,6", "--barriers", "1:2,3:1", "--within-sessions", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [one["horizon"] for one in told["tables"]] == [3, 6]
    spec = OutcomeSpec((3, 6), False, ((1.0, 2.0), (3.0, 1.0)))
    stored = outcome_table(workspace, SYMBOL, "1h", spec, 6).after_the_fact()
    assert len(stored) == told["tables"][1]["rows"]
    assert len(stored.barriers) == 2
    text = CliRunner().invoke(app, [*at, "--barriers", "none", "--horizons", "3"])
    assert "MES.SYNTH7 1h, 3 bars: " in text.stdout
    for wrong, said in ((["--horizons", "x"], "--horizons has 'x'"), (["--barriers", "1"], "--barriers has '1'")):
        failed = CliRunner().invoke(app, [*at, *wrong])
        assert isinstance(failed.exception, ConfigError)
        assert said in str(failed.exception)
    with pytest.raises(CatalogError, match="no bars of ZZ"):
        backfill(workspace, ["ZZ"], ["1h"], SPEC, Rolling())
    with pytest.raises(ConfigError, match="need symbols and timeframes"):
        backfill(workspace, [], ["1h"], SPEC, Rolling())
