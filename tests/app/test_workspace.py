"""A workspace is made once, found from below, and nothing is made where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from argus.app.workspace import find_workspace, init_workspace, open_workspace
from argus.core.errors import WorkspaceError


def test_a_new_workspace_holds_settings_catalog_and_runs(tmp_path: Path) -> None:
    workspace, made = init_workspace(tmp_path / "desk")
    assert made
    assert sorted(path.name for path in workspace.root.iterdir()) == ["argus.yaml", "catalog", "runs"]
    assert workspace.settings.version == 1


def test_making_it_again_leaves_the_settings_alone(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path)
    workspace.settings_file.write_text("seed: 99\n", encoding="utf-8")
    again, made = init_workspace(tmp_path)
    assert not made
    assert again.settings.seed == 99


def test_it_is_found_from_a_folder_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init_workspace(tmp_path / "desk")
    below = tmp_path / "desk" / "runs"
    monkeypatch.chdir(below)
    assert open_workspace(None).root == (tmp_path / "desk").resolve()


def test_outside_of_one_the_error_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_workspace() is None
    with pytest.raises(WorkspaceError, match="argus init"):
        open_workspace(None)
    with pytest.raises(WorkspaceError, match="argus init"):
        open_workspace(tmp_path / "nowhere")


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "desk").write_text("a file", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="desk"):
        init_workspace(tmp_path / "desk")
