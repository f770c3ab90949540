"""A workspace is a folder: ``argus.yaml``, ``catalog/``, ``runs/``, ``argus.db``. Nothing is written elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from argus.core.errors import WorkspaceError

if TYPE_CHECKING:
    from argus.app.settings import Settings
    from argus.data.catalog import Catalog
    from argus.lab.journal.registry import SqlRegistry
    from argus.lab.journal.trials import SqlTrialLedger

__all__ = ["Workspace", "find_workspace", "init_workspace", "open_workspace"]

_SETTINGS_FILE: Final = "argus.yaml"


@dataclass(frozen=True)
class Workspace:
    """An opened workspace.

    Attributes
    ----------
    root : Path
    """

    root: Path

    @property
    def settings_file(self) -> Path:
        """``argus.yaml``."""
        return self.root / _SETTINGS_FILE

    @property
    def runs(self) -> Path:
        """Folder of runs and research reports."""
        return self.root / "runs"

    @property
    def database(self) -> Path:
        """The operational store: the trial ledger and the registry of experiments."""
        return self.root / "argus.db"

    @cached_property
    def settings(self) -> Settings:
        """Settings, read once."""
        from argus.app.settings import read_settings

        return read_settings(self.settings_file)

    def catalog(self) -> Catalog:
        """The market data of this workspace."""
        from argus.data.catalog import Catalog

        return Catalog(self.root / "catalog")

    def trials(self) -> SqlTrialLedger:
        """The trial ledger of this workspace."""
        from argus.lab.journal.trials import SqlTrialLedger

        return SqlTrialLedger(self.database)

    def experiments(self) -> SqlRegistry:
        """The registry of experiments of this workspace."""
        from argus.lab.journal.registry import SqlRegistry

        return SqlRegistry(self.database)


def find_workspace(start: Path | None = None) -> Workspace | None:
    """The nearest workspace at or above `start` (the current folder), if there is one."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / _SETTINGS_FILE).is_file():
            return Workspace(folder)
    return None


def open_workspace(path: Path | None) -> Workspace:
    """The workspace at `path`, or the nearest one at or above the current folder.

    Raises
    ------
    WorkspaceError
        If there is none; says how to make one.
    """
    if path is None:
        found = find_workspace()
        if found is None:
            raise WorkspaceError(
                "no workspace here: no folder from this one upwards holds argus.yaml; make one with `argus init FOLDER`"
            )
        return found
    if not (path / _SETTINGS_FILE).is_file():
        raise WorkspaceError(f"{path} is no workspace: it holds no argus.yaml; make one with `argus init {path}`")
    return Workspace(path.resolve())


def init_workspace(path: Path) -> tuple[Workspace, bool]:
    """Make `path` a workspace, or leave it as it is if it is one; True if it was made now.

    Raises
    ------
    WorkspaceError
        If the folder cannot be written, or `path` is a file.
    """
    from argus.app.settings import default_yaml

    settings = path / _SETTINGS_FILE
    if settings.is_file():
        return Workspace(path.resolve()), False
    try:
        for folder in (path, path / "catalog", path / "runs"):
            folder.mkdir(parents=True, exist_ok=True)
        scratch = path / f".{_SETTINGS_FILE}.new"
        scratch.write_text(default_yaml(), encoding="utf-8")
        scratch.replace(settings)
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be made a workspace: {error.strerror}; choose a folder you may write"
        ) from error
    return Workspace(path.resolve()), True
