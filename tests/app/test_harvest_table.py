from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from argus.app import _harvest_table
from argus.app._harvest_table import Harvested, bring_up_to_date
from argus.core.errors import DataError
from argus.core.strategy import FeatureRef
from argus.data.feature_store import FeatureTable
from argus.features import column, compute_set, registry
from argus.features import windows as w
from argus.features.inputs import HIGH
from tests.features.market import Market, market

REFS = (
    column("sma", n=20),
    column("ema", span=12),
    column("zscore", n=50),
    column("momentum", n=30, skip=3),
    column("sma", n=3, on="1h"),
    column("count"),
)
PART = 500


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_harvest_table, "rows_of_a_part", lambda columns: PART)


def harvest(folder: Path, columns: Market, refs: Sequence[FeatureRef] = REFS, threads: int = 1) -> Harvested:
    def inputs(first: int, last: int) -> Mapping[str, NDArray[Any]]:
        return {name: values[first:last] for name, values in columns.items()}

    return bring_up_to_date(FeatureTable(folder), refs, known_at(columns), inputs, {"set": "test"}, threads)


def known_at(columns: Market) -> NDArray[np.int64]:
    return (columns["close_s"] * 1e9).astype(np.int64)


def first_rows(columns: Market, n: int) -> Market:
    return {name: values[:n] for name, values in columns.items()}


def check(folder: Path, columns: Market, refs: Sequence[FeatureRef] = REFS) -> None:
    stored = FeatureTable(folder).scan().collect()
    assert stored.columns == ["ts_recv_ns", *(ref.alias for ref in refs)]
    np.testing.assert_array_equal(stored["ts_recv_ns"].to_numpy(), known_at(columns))
    for ref, want in zip(refs, compute_set(refs, columns), strict=True):
        np.testing.assert_array_equal(stored[ref.alias].to_numpy(), want)


def files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "manifest.json"}


@pytest.mark.parametrize("threads", [1, 2])
def test_a_table_holds_what_one_computation_gives(tmp_path: Path, threads: int) -> None:
    columns = market(1, 2_200)
    done = harvest(tmp_path, columns, threads=threads)
    check(tmp_path, columns)
    assert (done.rows, done.rows_made, done.rows_kept, done.rows_proven) == (2_200, 2_200, 0, 0)
    assert done.values_made == 2_200 * len(REFS)


def test_the_same_harvest_again_touches_nothing(tmp_path: Path) -> None:
    columns = market(1, 2_200)
    harvest(tmp_path, columns)
    before = files(tmp_path)
    done = harvest(tmp_path, columns)
    assert (done.rows_kept, done.values_made) == (2_200, 0)
    assert files(tmp_path) == before


def test_new_bars_are_added_and_the_old_rows_proven(tmp_path: Path) -> None:
    columns = market(1, 2_600)
    harvest(tmp_path, first_rows(columns, 1_200))
    before = files(tmp_path)
    done = harvest(tmp_path, columns)
    check(tmp_path, columns)
    assert (done.rows_kept, done.rows_made, done.rows_proven) == (1_000, 1_600, 200)
    assert done.columns_changed == ()
    after = files(tmp_path)
    assert sum(after.get(name) == stamp for name, stamp in before.items()) == 4, "the two full parts and their states"


def test_a_changed_definition_recomputes_what_depends_on_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = market(1, 2_200)
    harvest(tmp_path, first_rows(columns, 1_700))
    changed = replace(registry.feature("sma"), build=lambda values: w.mean(HIGH, int(values["n"])))
    monkeypatch.setitem(registry._declared(), "sma", changed)
    done = harvest(tmp_path, columns)
    check(tmp_path, columns)
    assert done.columns_changed == ("sma_20", "sma_3@1h")
    assert done.values_made == 1_500 * 2 + 700 * len(REFS)
    again = harvest(tmp_path, columns)
    assert again.values_made == 0


def test_columns_may_be_added_and_left_out(tmp_path: Path) -> None:
    columns = market(1, 1_700)
    harvest(tmp_path, columns)
    other = (*REFS[2:], column("std", n=9))
    done = harvest(tmp_path, columns, other)
    check(tmp_path, columns, other)
    assert done.values_made == 1_700
    longer = market(1, 2_300)
    done = harvest(tmp_path, longer, other)
    check(tmp_path, longer, other)
    assert done.rows_kept == 1_500


def test_a_corrected_bar_recomputes_from_its_part_on(tmp_path: Path) -> None:
    columns = market(1, 2_200)
    harvest(tmp_path, columns)
    corrected = {name: values.copy() for name, values in columns.items()}
    corrected["close"][1_100] += 0.25
    done = harvest(tmp_path, corrected)
    check(tmp_path, corrected)
    assert done.rows_kept == 1_000
    assert done.rows_made == 1_200


def test_an_input_that_one_feature_reads_recomputes_that_feature(tmp_path: Path) -> None:
    columns = market(1, 1_000)
    refs = (*REFS, column("session_day"))
    harvest(tmp_path, columns, refs)
    corrected = columns | {"volume": columns["volume"] + 1.0}
    done = harvest(tmp_path, corrected, refs)
    check(tmp_path, corrected, refs)
    assert done.values_made == 0, "nothing here reads volume"


def test_a_killed_harvest_goes_on_where_it_was(tmp_path: Path) -> None:
    columns = market(1, 2_200)

    class Killed(Exception):
        pass

    def inputs(first: int, last: int) -> Mapping[str, NDArray[Any]]:
        if first >= 1_500:
            raise Killed
        return {name: values[first:last] for name, values in columns.items()}

    with pytest.raises(Killed):
        bring_up_to_date(FeatureTable(tmp_path), REFS, known_at(columns), inputs, {})
    (tmp_path / "rows-9.parquet.77.part").write_bytes(b"torn")
    with pytest.raises(Exception, match="run the same harvest again"):
        FeatureTable(tmp_path).scan()
    done = harvest(tmp_path, columns)
    check(tmp_path, columns)
    assert done.rows_kept == 1_500
    assert not list(tmp_path.glob("*.part"))


def test_a_killed_recomputation_is_not_read_as_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = market(1, 2_200)
    harvest(tmp_path, columns)
    changed = replace(registry.feature("sma"), build=lambda values: w.mean(HIGH, int(values["n"])))
    monkeypatch.setitem(registry._declared(), "sma", changed)
    written = FeatureTable.write_part
    calls: list[int] = []

    def killed(self: FeatureTable, *given: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return written(self, *given)

    monkeypatch.setattr(FeatureTable, "write_part", killed)
    with pytest.raises(KeyboardInterrupt):
        harvest(tmp_path, columns)
    with pytest.raises(Exception, match="run the same harvest again"):
        FeatureTable(tmp_path).scan()
    done = harvest(tmp_path, columns)
    check(tmp_path, columns)
    assert done.values_made == (2_200 - 1_000) * 2


def test_lost_states_and_files_are_made_again(tmp_path: Path) -> None:
    columns = market(1, 2_200)
    harvest(tmp_path, first_rows(columns, 1_700))
    for path in tmp_path.glob("*.state"):
        path.unlink()
    harvest(tmp_path, columns)
    check(tmp_path, columns)
    sorted(tmp_path.glob("*.parquet"))[1].write_bytes(b"short")
    done = harvest(tmp_path, columns)
    check(tmp_path, columns)
    assert done.rows_made == PART


def test_an_altered_stored_row_is_found_when_its_part_grows(tmp_path: Path) -> None:
    columns = market(1, 900)
    harvest(tmp_path, first_rows(columns, 700))
    table = FeatureTable(tmp_path)
    manifest = table.manifest()
    assert manifest is not None
    part = manifest.parts[-1]
    values = table.read_part(part, manifest.columns)
    values[1, 150] += 1.0
    forged = table.write_part(part, known_at(columns)[500:700], values)
    table.publish(replace(manifest, parts=(*manifest.parts[:-1], forged)))
    with pytest.raises(DataError, match=r"column ema_12, row 650 was stored as"):
        harvest(tmp_path, columns)
