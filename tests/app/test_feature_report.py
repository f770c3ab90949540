"""The report over a harvested table: figures that fit the stored values, flags, stale tables, and cheats found."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from argus.app.data import FileStatement, synthetic_spec, write_synthetic
from argus.app.feature_report import feature_report, file_report, write_page
from argus.app.features import table_of
from argus.app.harvest import harvest
from argus.app.rolled import Rolling
from argus.app.workspace import Workspace, init_workspace
from argus.core.errors import CatalogError, ConfigError, WorkspaceError
from argus.core.time import NS_PER_HOUR
from argus.features import column as feature_column
from argus.features import column_version, registry
from argus.lab.feature_study.flags import Severity
from argus.report.features import render_features, summary_lines

SET = "sma,ema,zscore,std,session_day"
SYMBOL = "ES.SYNTH3"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    from datetime import date

    workspace, _ = init_workspace(tmp_path_factory.mktemp("report") / "desk")
    write_synthetic(
        workspace.catalog(),
        synthetic_spec("ES", interval_ns=NS_PER_HOUR, start=date(2020, 9, 1), sessions=260, seed=3),
    )
    harvest(workspace, SET, [SYMBOL], ["1h"], Rolling())
    return workspace


def test_the_report_describes_what_is_stored(desk: Workspace) -> None:
    told: list[tuple[str, int, int]] = []
    view = feature_report(desk, SET, SYMBOL, "1h", lambda *given: told.append(given))
    stored = table_of(desk, SET, SYMBOL, "1h").scan().collect()
    assert [column.name for column in view.columns] == stored.columns[1:]
    assert view.rows == len(stored)
    for column in view.columns:
        values = stored[column.name].to_numpy()
        known = values[np.isfinite(values)].astype(np.float64)
        assert column.seen.known == len(known)
        assert column.seen.mean == pytest.approx(known.mean(), rel=1e-9)
        assert column.seen.first_row == column.warmup - 1
        assert column.seen.holes == 0
        assert [year.year for year in column.years.years] == [2020, 2021]
        assert column.verdict.version == column_version(feature_column(column.name))
    assert view.certificate.is_clean
    assert view.certificate.against_stored
    assert not view.errors
    names = {flag.name for flag in view.columns[0].flags}
    assert names & {"trending", "shifted"}, "a price level"
    (group,) = view.clusters
    assert {view.columns[k].name for k in group.members} == {"sma", "ema"}
    assert {doing for doing, _, _ in told} == {"columns", "rows audited"}
    assert told[-1][1] == told[-1][2] == view.rows


def test_the_page_and_the_text_hold_every_column(desk: Workspace, tmp_path: Path) -> None:
    view = feature_report(desk, SET, SYMBOL, "1h")
    page = tmp_path / "out" / "page.html"
    write_page(view, page)
    text = page.read_text(encoding="utf-8")
    assert text == render_features(view)
    assert all(text.count(f'id="f{k}"') == 1 for k in range(len(view.columns)))
    assert "http://" not in text.replace("http://www.w3.org", "")
    lines = "\n".join(summary_lines(view))
    assert "Causality: No value moved" in lines
    assert "The same: keep" in lines
    told = view.as_dict()
    assert told["certificate"]["data_hash"] == view.data_hash
    assert told["clusters"][0]["keep"] in told["clusters"][0]["members"]
    with pytest.raises(ConfigError, match=r"ends in \.html"):
        write_page(view, tmp_path / "page.pdf")
    with pytest.raises(WorkspaceError, match="give another path"):
        write_page(view, page / "below" / "a.html")


def test_values_out_of_their_range_are_errors(desk: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = replace(registry.feature("zscore"), high=1.0)
    monkeypatch.setitem(registry._declared(), "zscore", declared)
    view = feature_report(desk, SET, SYMBOL, "1h")
    (bad,) = view.errors
    assert (bad.name, bad.flags[0].name, bad.worst) == ("zscore", "range", Severity.ERROR)
    assert "1 of 5 columns must not be used" in summary_lines(view)[1]
    assert 'class="error" data-reasons="range' in render_features(view)


def test_a_table_that_no_longer_fits_is_refused(desk: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CatalogError, match=r"argus features harvest --set rsi --symbols ES\.SYNTH3 --timeframes 1h"):
        feature_report(desk, "rsi", SYMBOL, "1h")
    other = replace(registry.feature("sma"), build=lambda values: registry.feature("std").term({}))
    monkeypatch.setitem(registry._declared(), "sma", other)
    with pytest.raises(CatalogError, match=r"has changed since it was harvested \(sma\)"):
        feature_report(desk, SET, SYMBOL, "1h")


def test_an_altered_table_is_found_by_the_audit(desk: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from argus.app import feature_report as module

    read = module._Table.read

    def altered(self: module._Table, names: list[str], first: int = 0, last: int | None = None) -> np.ndarray:
        values = read(self, names, first, last)
        if last is not None and first <= 2_000 < last:
            values[names.index("std"), 2_000 - first] *= 1.5
        return values

    monkeypatch.setattr(module._Table, "read", altered)
    view = feature_report(desk, SET, SYMBOL, "1h")
    (bad,) = view.errors
    assert (bad.name, bad.flags[0].name) == ("std", "causality")
    assert "row 2,000 is stored as" in bad.flags[0].sentence
    assert "certificate fail" in render_features(view)


def test_a_file_is_reported_on_without_a_workspace(tmp_path: Path) -> None:
    lines = ["time,open,high,low,close,volume"]
    price = 4_000.0 + np.cumsum(np.random.default_rng(1).integers(-4, 5, 900)) * 0.25
    for day in range(60):
        for hour in range(15):
            k = 15 * day + hour
            stamp = np.datetime64("2023-01-02T00:00") + np.timedelta64(day * 24 + hour, "h")
            p = price[k]
            lines.append(f"{stamp}:00Z,{p},{p + 1},{p - 1},{p},{100 + hour}")
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(lines) + "\n")
    stated = FileStatement(
        "ES", stamp="start", time_column="time", time_format="iso", interval_ns=NS_PER_HOUR, timezone="UTC"
    )
    view = file_report(path, stated, "zscore,std")
    assert [column.name for column in view.columns] == ["zscore", "std"]
    assert view.certificate.is_clean
    assert not math.isnan(view.columns[0].seen.mean)
