"""Corporate actions from a file into the catalog, with the manners of prices: nothing guessed, bad rows kept apart.

One file holds any kinds of action, a row each: CSV, text or Parquet with the columns `kind`, `symbol` and `session`,
and those that the kinds in it need. All actions of a catalog lie in one small file beside the bars::

    <catalog>/corporate_actions/actions.json            the actions, their sources, and a hash over the actions
    <catalog>/quarantine/corporate_actions/<key>.parquet    rows that an import did not take

It is replaced whole by a rename under the catalog's lock, so that a kill leaves the old actions or the new ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import numpy as np

from argus.core.errors import ArgusError, CatalogError, DataError, ImportFailed
from argus.core.time import parse_ns
from argus.data._catalog_files import TEMPORARY, lock_for_writing, write_atomic
from argus.data.calendars import SessionTable, session_table
from argus.data.catalog import Catalog
from argus.data.corporate_actions import CashDividend, CorporateAction, Delisting, Split, SymbolChange
from argus.data.quarantine import keep_apart, read_quarantine, reason_counts
from argus.data.raw import Rejection, SourceTable
from argus.data.sources import open_source

__all__ = [
    "ActionFile",
    "ActionReport",
    "import_actions",
    "load_actions",
    "quarantined_actions",
    "read_actions",
]

_FORMAT: Final = 1
_LOCK_TIMEOUT_S: Final = 30.0
_ALWAYS: Final = ("kind", "symbol", "session")
_KINDS: Final[Mapping[str, type[CorporateAction]]] = {
    "split": Split,
    "cash_dividend": CashDividend,
    "symbol_change": SymbolChange,
    "delisting": Delisting,
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "split": ("numerator", "denominator"),
    "cash_dividend": ("amount", "currency", "pay_session"),
    "symbol_change": ("new_symbol",),
    "delisting": ("currency",),
}
_OPTIONAL: Final = ("known_at", "cash")
_COLUMNS: Final = tuple(dict.fromkeys([*_ALWAYS, *(c for needed in _NEEDED.values() for c in needed), *_OPTIONAL]))
_AHEAD: Final = timedelta(days=21)


@dataclass(frozen=True, slots=True)
class ActionFile:
    """What a file of corporate actions holds.

    Attributes
    ----------
    actions : tuple of CorporateAction
        In the order in which they take effect.
    quarantined : tuple of Rejection
        Rows that cannot be used, in the order of the file.
    lines : tuple of int
        Line of the file of each action.
    originals : tuple of bytes
        The row of each action as it stood there.
    source, source_sha256 : str
    """

    actions: tuple[CorporateAction, ...]
    quarantined: tuple[Rejection, ...]
    lines: tuple[int, ...]
    originals: tuple[bytes, ...]
    source: str
    source_sha256: str


@dataclass(frozen=True, slots=True)
class ActionReport:
    """What an import of corporate actions did.

    Attributes
    ----------
    source, source_sha256 : str
    rows_read, rows_imported, rows_present, rows_replaced : int
    quarantined : mapping
        Reason to number of rows.
    content_hash : str
        Hash of all actions of the catalog after the import.
    """

    source: str
    source_sha256: str
    rows_read: int
    rows_imported: int
    rows_present: int
    rows_replaced: int
    quarantined: dict[str, int]
    content_hash: str


class _BadRowError(Exception):
    """A row that cannot be used: the reason's code and a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_actions(path: Path, *, calendar: str = "NYSE") -> ActionFile:
    """The corporate actions of a file, and the rows that cannot be used.

    Parameters
    ----------
    path : Path
        CSV, text or Parquet. Columns: ``kind`` (split, cash_dividend, symbol_change, delisting), ``symbol``,
        ``session`` (ISO date: first session split, ex-session, first session under the new symbol, last session of
        trading); for splits ``numerator``, ``denominator``; for dividends ``amount``, ``currency``, ``pay_session``;
        for changes ``new_symbol``; for delistings ``currency`` and, if known, ``cash``. ``known_at`` is optional: an
        ISO instant with its offset, or a date, which counts as known at the opening of the session after it; an empty
        one means that nothing is known before the action takes effect.
    calendar : str
        Whose sessions the dates are.

    Raises
    ------
    ImportFailed
        If a column is missing, or no row can be used.
    """
    source = open_source(path)
    missing = [name for name in _ALWAYS if name not in source.names]
    if missing:
        needs = [f"{kind}: {', '.join(columns)}" for kind, columns in _NEEDED.items()]
        raise ImportFailed(
            f"{source.name}: column {', '.join(missing)} is missing; a file of corporate actions has "
            f"{', '.join(_ALWAYS)} and those that its kinds need ({'; '.join(needs)}). The file has "
            f"{', '.join(source.names)}"
        )
    table = source.table([name for name in _COLUMNS if name in source.names])
    rows, rejected = _rows(table, calendar)
    rows.sort(key=lambda row: (row[0].effective_ns, row[0].symbol, row[1]))
    if not rows:
        first = f"; the first: {rejected[0].message}" if rejected else ""
        raise ImportFailed(f"{source.name}: none of {len(rejected)} rows can be used{first}")
    return ActionFile(
        actions=tuple(row[0] for row in rows),
        quarantined=tuple(sorted(rejected, key=lambda rejection: rejection.source_line)),
        lines=tuple(row[1] for row in rows),
        originals=tuple(row[2] for row in rows),
        source=source.name,
        source_sha256=source.sha256,
    )


def _rows(table: SourceTable, calendar: str) -> tuple[list[tuple[CorporateAction, int, bytes]], list[Rejection]]:
    found: dict[tuple[str, str, date], list[tuple[CorporateAction, int, bytes]]] = {}
    rejected = list(table.rejected)
    columns = table.frame.columns
    for at, values in enumerate(table.frame.iter_rows()):
        line = int(table.source_line[at])
        fields_of = {name: _text(value) for name, value in zip(columns, values, strict=True)}
        try:
            action = _action(fields_of, calendar)
        except _BadRowError as bad:
            rejected.append(Rejection(line, bad.reason, f"line {line}: {bad}", table.original(at)))
            continue
        found.setdefault(_key(action), []).append((action, line, table.original(at)))
    kept: list[tuple[CorporateAction, int, bytes]] = []
    for same in found.values():
        if any(other[0] != same[0][0] for other in same[1:]):
            # Nothing says which is right: none is taken.
            rejected += [_rejected(row, "conflict", "two rows say different things of it") for row in same]
            continue
        kept.append(same[0])
        rejected += [_rejected(row, "duplicate", f"the same stood on line {same[0][1]}") for row in same[1:]]
    return kept, rejected


def _rejected(row: tuple[CorporateAction, int, bytes], reason: str, why: str) -> Rejection:
    action, line, original = row
    what = f"{_kind(action)} of {action.symbol} on {action.session}"
    return Rejection(line, reason, f"line {line}: {what}: {why}", original)


def _text(value: object) -> str:
    """A cell as text, whatever type a columnar file gave it; empty if there is nothing."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() else repr(value)
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value).strip()


def _action(row: Mapping[str, str], calendar: str) -> CorporateAction:
    kind = row["kind"].lower()
    if kind not in _KINDS:
        raise _BadRowError("unknown_kind", f"kind is {row['kind']!r}; one of {', '.join(_KINDS)} expected")
    for name in ("symbol", "session", *_NEEDED[kind]):
        if not row.get(name):
            raise _BadRowError("missing_value", f"a {kind} needs {name}, and it is empty")
    session = _date(row, "session")
    opens_ns, closes_ns = _session(session, calendar)
    effective_ns = closes_ns if kind == "delisting" else opens_ns
    values: dict[str, Any] = {
        "symbol": row["symbol"],
        "session": session,
        "effective_ns": effective_ns,
        "known_at_ns": _known(row.get("known_at", ""), calendar, effective_ns),
    }
    values |= {name: _READERS.get(name, _as_text)(row, name) for name in _own_fields(kind)}
    try:
        return _KINDS[kind](**values)
    except DataError as error:
        raise _BadRowError("impossible", str(error)) from None


def _own_fields(kind: str) -> list[str]:
    return [*_NEEDED[kind], *(["cash"] if kind == "delisting" else [])]


def _as_text(row: Mapping[str, str], name: str) -> str:
    return row[name]


def _date(row: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(row[name][:10] if row[name][10:] in ("T00:00:00", " 00:00:00") else row[name])
    except ValueError:
        raise _BadRowError("unparsable_time", f"{name} is {row[name]!r}, no ISO date such as 2020-08-31") from None


def _whole(row: Mapping[str, str], name: str) -> int:
    try:
        return int(row[name])
    except ValueError:
        raise _BadRowError("unparsable", f"{name} is {row[name]!r}, no whole number") from None


def _decimal(row: Mapping[str, str], name: str) -> Decimal:
    try:
        return Decimal(row[name])
    except InvalidOperation:
        raise _BadRowError("unparsable", f"{name} is {row[name]!r}, no number") from None


def _decimal_or_none(row: Mapping[str, str], name: str) -> Decimal | None:
    return _decimal(row, name) if row.get(name) else None


_READERS: Final[Mapping[str, Callable[[Mapping[str, str], str], Any]]] = {
    "numerator": _whole,
    "denominator": _whole,
    "amount": _decimal,
    "cash": _decimal_or_none,
    "pay_session": _date,
}


def _session(day: date, calendar: str) -> tuple[int, int]:
    table = session_table(calendar, day, day)
    if not len(table):
        raise _BadRowError("no_session", f"session is {day}, and the calendar {calendar} has none on that date")
    return int(table.open_ns[0]), int(table.close_ns[0])


def _known(text: str, calendar: str, effective_ns: int) -> int:
    if not text:
        return effective_ns
    try:
        if len(text) > 10:
            return parse_ns(text)
        day = date.fromisoformat(text)
    except (ArgusError, ValueError):
        raise _BadRowError(
            "unparsable_time", f"known_at is {text!r}, no ISO date and no instant with its offset from UTC"
        ) from None
    after: SessionTable = session_table(calendar, day + timedelta(days=1), day + _AHEAD)
    # Announced on the eve: known at the opening at which it takes effect.
    return int(after.open_ns[0]) if len(after) else effective_ns


def _kind(action: CorporateAction) -> str:
    return next(kind for kind, known in _KINDS.items() if isinstance(action, known))


def _key(action: CorporateAction) -> tuple[str, str, date]:
    return _kind(action), action.symbol, action.session


# ---------------------------------------------------------------------------------------------------------- the catalog


def import_actions(catalog: Catalog, path: Path, *, calendar: str = "NYSE", replace_rows: bool = False) -> ActionReport:
    """Import a file of corporate actions: good rows to the catalog, bad rows to quarantine, or nothing at all.

    A row that contradicts an action of the catalog (same kind, symbol and session, other values) goes to quarantine,
    or with `replace_rows` takes its place. The same import twice changes nothing. Parameters as in `read_actions`.

    Raises
    ------
    ImportFailed
        If the file cannot be read, or no row of it can be used.
    CatalogError
        If the catalog is held by another writer or damaged, or the disk is full.
    """
    file = read_actions(path, calendar=calendar)
    with lock_for_writing(catalog.root, _LOCK_TIMEOUT_S):
        actions, sources = _stored(catalog)
        _sweep(catalog, sources)
        held = {_key(action): action for action in actions}
        added = present = replaced = 0
        conflicts: list[Rejection] = []
        for action, line, original in zip(file.actions, file.lines, file.originals, strict=True):
            known = held.get(_key(action))
            if known == action:
                present += 1
            elif known is None or replace_rows:
                held[_key(action)] = action
                added, replaced = added + (known is None), replaced + (known is not None)
            else:
                why = "contradicts what an earlier import gave; import with replace to let this file win"
                conflicts.append(_rejected((action, line, original), "conflict", why))
        bad = [*file.quarantined, *conflicts]
        record: dict[str, Any] = {"name": file.source, "sha256": file.source_sha256, "calendar": calendar}
        record |= {"rows": len(file.actions) + len(file.quarantined), "quarantine": _keep_apart(catalog, file, bad)}
        if record not in sources or added or replaced:
            sources = [other for other in sources if other != record] + [record]
            _store(catalog, held.values(), sources)
        content_hash = _hash(_plain(held.values()))
    return ActionReport(
        source=file.source,
        source_sha256=file.source_sha256,
        rows_read=len(file.actions) + len(file.quarantined),
        rows_imported=added,
        rows_present=present,
        rows_replaced=replaced,
        quarantined=reason_counts(bad),
        content_hash=content_hash,
    )


def load_actions(
    catalog: Catalog, symbols: Iterable[str] | None = None, *, known_at_ns: int | None = None
) -> tuple[CorporateAction, ...]:
    """The catalog's corporate actions, in the order in which they take effect; none if none were imported.

    Parameters
    ----------
    catalog : Catalog
    symbols : iterable of str, optional
        Only actions of these, under any old or new symbol.
    known_at_ns : int, optional
        Only what could be known at this instant.

    Raises
    ------
    CatalogError
        If the file is damaged.
    """
    wanted = None if symbols is None else set(symbols)
    kept = []
    for action in _stored(catalog)[0]:
        names = {action.symbol, *([action.new_symbol] if isinstance(action, SymbolChange) else [])}
        if (wanted is None or names & wanted) and (known_at_ns is None or action.known_at_ns <= known_at_ns):
            kept.append(action)
    return tuple(kept)


def quarantined_actions(catalog: Catalog) -> tuple[Rejection, ...]:
    """Rows that imports of corporate actions did not take, in order of import."""
    files = dict.fromkeys(source["quarantine"] for source in _stored(catalog)[1] if source["quarantine"])
    return tuple(row for file in files for row in read_quarantine(_quarantine_folder(catalog) / file))


def _path(catalog: Catalog) -> Path:
    return catalog.root / "corporate_actions" / "actions.json"


def _quarantine_folder(catalog: Catalog) -> Path:
    return catalog.root / "quarantine" / "corporate_actions"


def _sweep(catalog: Catalog, sources: Sequence[Mapping[str, Any]]) -> None:
    """Remove what a killed import left. Only the holder of the lock may."""
    known = {source["quarantine"] for source in sources}
    for path in [*_quarantine_folder(catalog).glob("*"), *_path(catalog).parent.glob(f"*{TEMPORARY}")]:
        if path.name not in known:
            path.unlink(missing_ok=True)


def _keep_apart(catalog: Catalog, file: ActionFile, rows: Sequence[Rejection]) -> str | None:
    return keep_apart(_quarantine_folder(catalog), file.source_sha256[:16], rows)


def _plain(actions: Iterable[CorporateAction]) -> list[dict[str, Any]]:
    ordered = sorted(actions, key=lambda action: (action.effective_ns, *map(str, _key(action))))
    return [
        {"kind": _kind(action)} | {f.name: _cell(getattr(action, f.name)) for f in fields(action)} for action in ordered
    ]


def _cell(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value


def _hash(rows: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def _store(catalog: Catalog, actions: Iterable[CorporateAction], sources: list[dict[str, Any]]) -> None:
    rows = _plain(actions)
    content = {"format": _FORMAT, "content_hash": _hash(rows), "sources": sources, "actions": rows}
    write_atomic(_path(catalog), json.dumps(content, indent=1).encode())


def _stored(catalog: Catalog) -> tuple[tuple[CorporateAction, ...], list[dict[str, Any]]]:
    path = _path(catalog)
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != _FORMAT:
            raise CatalogError(f"{path} is of format {content['format']}, this version reads {_FORMAT}; update Argus")
        if _hash(content["actions"]) != content["content_hash"]:
            raise ValueError("its actions do not have the recorded hash")
        return tuple(_restored(row) for row in content["actions"]), list(content["sources"])
    except FileNotFoundError:
        return (), []
    except (OSError, ValueError, KeyError, TypeError, DataError) as error:
        if isinstance(error, CatalogError):
            raise
        raise CatalogError(f"{path} is damaged: {error}; delete it and import the corporate actions again") from None


def _restored(row: Mapping[str, Any]) -> CorporateAction:
    values = {name: value for name, value in row.items() if name != "kind"}
    for name in ("session", "pay_session"):
        if name in values:
            values[name] = date.fromisoformat(values[name])
    for name in ("amount", "cash"):
        if values.get(name) is not None:
            values[name] = Decimal(values[name])
    return _KINDS[row["kind"]](**values)
