"""Bars of every contract of a root, by the contract's name: from the catalog, or from one file of many contracts.

Bars come back under the contract's own symbol (`MES.202306`), because two contracts of one root are two instruments: a
position in one is no position in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from argus.core.arrays import Bars
from argus.core.errors import CatalogError, CoverageError, DataError, ImportFailed
from argus.core.instruments import InstrumentSpec, instrument
from argus.data.catalog import Catalog
from argus.data.contract_dates import ContractId, parse_contract
from argus.data.importing import ImportReport, contracts_in, import_bars, read_raw, to_bars, written_ns
from argus.data.presets import preset

__all__ = ["contracts_from_catalog", "contracts_from_file", "import_contracts"]

_ANY: Final = "any"


def contracts_from_catalog(
    catalog: Catalog, root: str, interval: str, start_ns: int | None = None, end_ns: int | None = None
) -> dict[str, Bars]:
    """Bars of all contracts of a root that the catalog has at one bar length, by delivery month.

    Parameters
    ----------
    catalog : Catalog
    root : str
        Symbol in the instrument file.
    interval : str
        Such as ``1h`` or ``1d``.
    start_ns, end_ns : int, optional
        Bars that start at or after, and before. Contracts without a bar in the range are left out.

    Raises
    ------
    CatalogError
        If the catalog has no contract of the root at that length, or a segment is damaged.
    """
    known = [info for info in catalog.datasets() if info.instrument == root and info.contract is not None]
    wanted = sorted({info.contract for info in known if info.interval == interval and info.contract is not None})
    if not wanted:
        there = ", ".join(sorted({info.interval for info in known})) or "no contracts of it at all"
        raise CatalogError(
            f"the catalog {catalog.root} has no contracts of {root} with bars of {interval} (it has {there}); import "
            "each contract first (argus data import ... --contract)"
        )
    found: dict[str, Bars] = {}
    for contract in wanted:
        symbol = _symbol(root, contract)
        try:
            bars = catalog.load(root, interval, start_ns, end_ns, contract)
        except CoverageError:
            continue
        found[symbol] = replace(bars, instrument=symbol)
    return dict(sorted(found.items(), key=lambda item: parse_contract(item[0])))


def contracts_from_file(
    path: Path,
    root: str,
    form: str,
    *,
    contracts: Sequence[str] = (),
    product: InstrumentSpec | None = None,
    **stated: Any,
) -> tuple[dict[str, Bars], tuple[str, ...]]:
    """Bars of all contracts in one file, without a catalog, and what was left out of them.

    Parameters
    ----------
    path : Path
    root : str
        Symbol in the instrument file.
    form : str
        A preset with a column of contracts: ``futures_hourly``, ``futures_daily``.
    contracts : sequence of str
        As the file names them (``202306``); empty for all.
    product : InstrumentSpec, optional
        The instrument, where it is not one of the package's own file.
    **stated
        Fields of `ImportSpec` over those of the preset.

    Returns
    -------
    bars : dict
        Contract's name to its bars, by delivery month.
    notes : tuple of str
        Rows and contracts that the quality gates did not let through.

    Raises
    ------
    ImportFailed
        If the file cannot be read as stated, or no contract of it can be used.
    """
    product = instrument(root) if product is None else product
    names = contracts or contracts_in(path, preset(form, root, contract=_ANY, **stated))
    found: dict[str, Bars] = {}
    notes: list[str] = []
    for name in names:
        spec = preset(form, root, contract=name, **stated)
        symbol = _symbol(root, name)
        raw = read_raw(path, spec, product=product)
        try:
            checked = to_bars(raw, spec, product=product, now_ns=written_ns(path))
        except ImportFailed as error:
            notes.append(f"{symbol} left out: {error}")
            continue
        if checked.quarantined:
            notes.append(f"{symbol}: {len(checked.quarantined)} rows left out, first: {checked.quarantined[0].message}")
        found[symbol] = replace(checked.bars, instrument=symbol)
    if not found:
        raise ImportFailed(f"{path.name}: no contract of {root} can be used; {notes[0] if notes else 'it names none'}")
    return dict(sorted(found.items(), key=lambda item: parse_contract(item[0]))), tuple(notes)


def import_contracts(
    catalog: Catalog, path: Path, root: str, form: str, *, contracts: Sequence[str] = (), **stated: Any
) -> tuple[ImportReport, ...]:
    """Import every contract of one file into the catalog, each as its own dataset; parameters as `contracts_from_file`.

    Each contract is imported whole or not at all; after a kill, the same call goes on where it stopped, because what is
    there already is imported without change.

    Raises
    ------
    ImportFailed, CatalogError
        As `argus.data.importing.import_bars`.
    """
    names = contracts or contracts_in(path, preset(form, root, contract=_ANY, **stated))
    for name in names:
        _symbol(root, name)
    return tuple(import_bars(catalog, path, preset(form, root, contract=name, **stated)) for name in names)


def _symbol(root: str, contract: str) -> str:
    symbol = f"{root}.{contract}"
    try:
        found: ContractId = parse_contract(symbol)
    except DataError:
        raise DataError(
            f"{root}: contract {contract!r} is no delivery month; contracts are named by year and month, such as 202306"
        ) from None
    return found.symbol
