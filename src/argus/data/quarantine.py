"""Bad rows, kept: the line, the reason, a sentence and the original bytes of every row that an import did not take.

One Parquet file per import that had any, named after the hash of the source and its statement. The manifest of the
dataset refers to it, so that a file left by an import that was killed is not mistaken for one that happened.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from enum import IntFlag
from pathlib import Path
from typing import Final

from argus.core.errors import CatalogError
from argus.data._catalog_files import write_atomic
from argus.data.raw import Rejection

__all__ = ["decode_quarantine", "encode_quarantine", "keep_apart", "read_quarantine", "reason_code", "reason_counts"]

_COLUMNS: Final = tuple(field.name for field in fields(Rejection))


def encode_quarantine(rejections: Sequence[Rejection]) -> bytes:
    """The rows as a Parquet file: ``source_line``, ``reason``, ``message``, ``original`` (binary)."""
    import polars as pl

    columns = {name: [getattr(row, name) for row in rejections] for name in _COLUMNS}
    types = {"source_line": pl.Int64, "reason": pl.String, "message": pl.String, "original": pl.Binary}
    sink = io.BytesIO()
    pl.DataFrame(columns, schema=types).write_parquet(sink, compression="zstd")
    return sink.getvalue()


def keep_apart(folder: Path, key: str, rows: Sequence[Rejection]) -> str | None:
    """Put the bad rows of one import on the disk; gives the name of their file, or None where there are none.

    The file is named after its content, so that it never takes the place of one that the old manifest refers to.
    """
    if not rows:
        return None
    content = encode_quarantine(sorted(rows, key=lambda row: row.source_line))
    file = f"{key}-{hashlib.sha256(content).hexdigest()[:8]}.parquet"
    write_atomic(folder / file, content)
    return file


def decode_quarantine(content: bytes, name: str) -> tuple[Rejection, ...]:
    """Inverse of `encode_quarantine`.

    Raises
    ------
    CatalogError
        If the bytes are damaged; names the file.
    """
    import polars as pl

    try:
        rows = pl.read_parquet(io.BytesIO(content), columns=list(_COLUMNS)).select(_COLUMNS).rows()
        return tuple(Rejection(*row) for row in rows)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CatalogError(f"{name}: the quarantine file is damaged ({error}); import its source again") from None


def read_quarantine(path: Path) -> tuple[Rejection, ...]:
    """The quarantined rows of one import, in the order of its source.

    Raises
    ------
    CatalogError
        If the file is missing or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}; import its source again") from None
    return decode_quarantine(content, path.name)


def reason_code(reasons: IntFlag) -> str:
    """Flags of a gate as the reason of a rejection, such as ``crossed|off_grid``."""
    return "|".join(str(reason.name).lower() for reason in reasons)


def reason_counts(rejections: Sequence[Rejection]) -> dict[str, int]:
    """How many rows each reason quarantined, most first; a row with several reasons counts once, under all of them."""
    counts = Counter(rejection.reason for rejection in rejections)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
