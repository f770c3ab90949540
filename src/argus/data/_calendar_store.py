"""Session tables kept on disk, because a calendar library takes seconds to say what it said yesterday.

A kept table is only read under the versions of the libraries, the corrections and the rules of daylight saving that it
was made with; anything that cannot be read is as good as not there. Nothing depends on it but time.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from argus._kernel_cache import cache_root, clear_old

__all__ = ["keep_table", "kept_table"]

Columns = dict[str, NDArray[np.generic]]
"""Columns of a table by name."""

_LIBRARIES: Final = ("exchange-calendars", "numpy", "pandas", "pandas-market-calendars")
_UNREADABLE: Final = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def kept_table(calendar: str) -> tuple[int, int, Columns] | None:
    """First and last year and the columns of the table that is kept of a calendar; None without one."""
    path = _path_of(calendar)
    if path is None:
        return None
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as held:
            columns = {name: held[name] for name in held.files}
        years, zone = columns.pop("years"), columns.pop("zone")
        if bytes(zone[1]).decode() != _rules_of(bytes(zone[0]).decode()):
            return None
        return int(years[0]), int(years[1]), columns
    except _UNREADABLE:
        return None


def keep_table(calendar: str, zone: str, first: int, last: int, columns: Columns) -> None:
    """Keep a table of the years `first` to `last`, whole or not at all; where nothing can be written, none is kept."""
    path = _path_of(calendar)
    if path is None:
        return
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError, KeyError):
        stamped = {"years": np.array([first, last]), "zone": np.array([zone.encode(), _rules_of(zone).encode()])}
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **stamped, **columns)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content.getvalue())
        partial.replace(path)
        clear_old(path.parent)


def _path_of(calendar: str) -> Path | None:
    root = cache_root()
    return root / f"calendars-{_made_with()}" / f"{quote(calendar, safe='')}.npz" if root else None


@cache
def _made_with() -> str:
    """Hash of all that a table follows from, but for its zone's rules."""
    digest = hashlib.sha256(repr([(name, version(name)) for name in _LIBRARIES]).encode())
    for source in ("calendars.py", "_calendar_store.py"):
        digest.update(Path(__file__).with_name(source).read_bytes())
    return digest.hexdigest()[:16]


@cache
def _rules_of(zone: str) -> str:
    """Hash of a zone's rules of daylight saving, as this machine has them."""
    from importlib.resources import files
    from zoneinfo import TZPATH

    for folder in TZPATH:
        path = Path(folder) / zone
        if path.is_file():
            return hashlib.sha256(path.read_bytes()).hexdigest()
    with suppress(ModuleNotFoundError, FileNotFoundError):
        return hashlib.sha256(files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()).hexdigest()
    raise KeyError(zone)
