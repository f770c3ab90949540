"""Writing files so that a kill at any moment leaves the old or the new state, and one writer at a time.

A file is written under a temporary name in its own folder, flushed to the disk, renamed over the final name, and the
folder is flushed. Whoever reads sees the old file or the new one. The lock is the operating system's, so that it ends
with the process that holds it, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from argus.core.errors import CatalogError

__all__ = ["MANIFEST", "TEMPORARY", "lock_for_writing", "read_manifest", "sweep", "write_atomic", "write_manifest"]

TEMPORARY: Final = ".part"
"""Ending of a file that is being written; one left over belongs to a writer that was killed."""

MANIFEST: Final = "manifest.json"
"""Name of the file that says what a dataset holds; the only one that is ever replaced."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Numbered(Protocol):
    @property
    def format(self) -> int: ...


_Manifest = TypeVar("_Manifest", bound=_Numbered)


def read_manifest(path: Path, kind: type[_Manifest], number: int) -> _Manifest | None:
    """The manifest at `path`; None if there is none.

    Raises
    ------
    CatalogError
        If it is damaged, or of another format than `number`.
    """
    import msgspec

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}") from None
    try:
        manifest = msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise CatalogError(f"{path} is damaged: {error}; delete its folder and import its sources again") from None
    if manifest.format != number:
        raise CatalogError(f"{path} is of format {manifest.format}, this version reads {number}; update Argus")
    return manifest


def write_manifest(path: Path, manifest: Any) -> None:
    """Make this the manifest at `path`, by a rename."""
    import msgspec

    write_atomic(path, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def sweep(folder: Path, known: Collection[str | None]) -> None:
    """Remove what a killed writer left in a folder: files half written, and Parquet files that no manifest knows.

    Only the holder of the lock may.
    """
    for path in folder.glob("*"):
        if path.name.endswith(TEMPORARY) or (path.suffix == ".parquet" and path.name not in known):
            path.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes | memoryview) -> None:
    """Make `content` the content of `path`, wholly or not at all.

    Raises
    ------
    CatalogError
        If the disk is full, or the folder cannot be written to; what was there before is unharmed.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if error.errno in _FULL:
            raise CatalogError(
                f"{path}: the disk or the allowed file size is full ({error.strerror}) at {len(content)} bytes; "
                "nothing was changed: make room and run the same command again"
            ) from None
        raise CatalogError(f"{path} cannot be written: {error.strerror}; nothing was changed") from None


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def lock_for_writing(root: Path, timeout_s: float) -> Iterator[None]:
    """Hold the only right to write below `root`; readers are not kept out.

    Raises
    ------
    CatalogError
        If another process still holds it after `timeout_s` seconds; names its process id.
    """
    from filelock import FileLock, Timeout

    holder = root / ".writer"
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / ".lock", timeout=timeout_s)
        lock.acquire()
    except Timeout:
        raise CatalogError(
            f"{root} is being written by process {_holder(holder)}, and still was after {timeout_s:g} s; wait for it "
            "to finish, or stop it"
        ) from None
    except OSError as error:
        raise CatalogError(f"{root} cannot be written: {error.strerror}") from None
    try:
        # Only a hint for people: the lock itself is the file above, and a full disk must not stop us here.
        with contextlib.suppress(OSError):
            holder.write_text(f"{os.getpid()}\n")
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        return path.read_text().strip() or "unknown"
    except OSError:
        return "unknown"
