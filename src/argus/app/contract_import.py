"""The import of a file that holds all contracts of a root, from what a person stated about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from argus.app.data import FileStatement
    from argus.data.catalog import Catalog
    from argus.data.contract_files import FileImport

__all__ = ["import_all_contracts"]

_SYMBOL: Final = "symbol"
"""The column that names the contract in Databento's files, DBN or text."""


def import_all_contracts(
    catalog: Catalog,
    path: Path,
    stated: FileStatement,
    *,
    replace_rows: bool = False,
    strict: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[FileImport, tuple[str, ...]]:
    """(what became of every contract of a file, a sentence for each thing that was read from the file).

    Parameters
    ----------
    catalog : Catalog
    path : Path
    stated : FileStatement
        Without a contract. The column that names contracts is the one stated, that of the preset, or ``symbol``.
    replace_rows, strict
        As `argus.app.data.import_file`.
    progress : callable or None
        Told how many names are done, of how many, and the next one.

    Raises
    ------
    ImportFailed
        If the file cannot be read as stated, or names no contract of the root.
    ConfigError
        If one contract is stated.
    CatalogError
        As `argus.app.data.import_file`.
    """
    from argus.app.data import complete_statement
    from argus.data.contract_files import import_contract_file, most_held
    from argus.data.importing import ImportSpec
    from argus.data.presets import PRESETS

    if stated.contract is not None:
        raise ConfigError(f"--contract {stated.contract} and --all-contracts exclude each other; give one of the two")
    form = PRESETS.get(stated.preset or "")
    column = stated.contract_column or (form.statement.get("contract_column") if form else None)
    said: tuple[str, ...] = ()
    if column is None:
        column, said = _SYMBOL, (f"contracts: named by the column {_SYMBOL!r}",)
    given = {name: value for name in ("delimiter", "encoding") if (value := getattr(stated, name)) is not None}
    named = most_held(path, ImportSpec(stated.instrument, contract_column=column, **given))
    spec, more = complete_statement(path, replace(stated, contract_column=column, contract=named))
    done = import_contract_file(catalog, path, spec, strict=strict, replace_rows=replace_rows, progress=progress)
    return done, (*said, *more)
