"""Option contracts as a vendor defines them, matched to ours: the symbol, the instant of expiry and how it ends.

Databento's definitions of OPRA carry OSI symbols and a date as midnight UTC, so the exchange's rule for the root gives
the instant. Those of CME carry the instant itself, and the CFI code (ISO 10962) says how the contract ends: its third
letter A or E for American or European, its fifth P or C for physical or cash; whether on the open or on the close, the
rule of its product says. Where instant or style differ from that rule, theirs are used and the difference is told. What
is no option is left out by name. An option on a future that the rule puts on another one is not used.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.chains import I8_1D, Settlement, settlement_text
from argus.core.errors import InstrumentError
from argus.core.option_symbols import SYMBOL_FAULTS, format_option_symbols, parse_option_symbols
from argus.core.time import NS_PER_DAY, day_of, format_ns
from argus.data._future_chain_columns import future_contract, parse_future_option
from argus.data.future_options import FUTURE_OPTION_RULES, exchange_day, future_fault, future_option_end
from argus.data.option_expiries import EXPIRY_FAULTS, expiries
from argus.data.quarantine import reason_counts
from argus.data.raw import Rejection

if TYPE_CHECKING:
    import polars as pl

__all__ = ["OptionContracts", "read_option_contracts"]

_OPTIONS: Final = ("C", "P")
_OPRA: Final = "OPRA"


@dataclass(frozen=True, slots=True, eq=False)
class OptionContracts:
    """Contracts of a file of definitions, one element for each.

    Attributes
    ----------
    instrument_id : (n,) int64
        The vendor's number.
    symbol : tuple of str
        OSI symbols of OPRA contracts, the exchange's own of others.
    root, underlying : tuple of str
    future : tuple of str
        Contract that an option on a future is on, such as ``ES.202406``; empty of others.
    ts_recv_ns, expiry_ns : (n,) int64
        When the definition could first be known, and the instant of expiry; UTC nanoseconds.
    right, settlement : (n,) int8
    strike : (n,) float64
    quarantined : tuple of Rejection
        Options whose definition cannot be used.
    others : int
        Definitions of what is no option.
    notes : tuple of str
        Where the vendor and the rules of the exchange differ.
    """

    instrument_id: I64_1D
    symbol: tuple[str, ...]
    root: tuple[str, ...]
    underlying: tuple[str, ...]
    future: tuple[str, ...]
    ts_recv_ns: I64_1D
    expiry_ns: I64_1D
    right: I8_1D
    settlement: I8_1D
    strike: F64_1D
    quarantined: tuple[Rejection, ...]
    others: int
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.symbol)

    @property
    def quarantine_counts(self) -> dict[str, int]:
        """Reason to number of definitions that cannot be used."""
        return reason_counts(self.quarantined)


def read_option_contracts(path: Path) -> OptionContracts:
    """Option contracts of a Databento file of definitions.

    Raises
    ------
    ImportFailed
        If the file is damaged or of another schema.
    MissingExtraError
        If the databento library is not installed.
    """
    import polars as pl

    from argus.data.sources.databento import read_definitions
    from argus.data.sources.parquet import row_json

    every = read_definitions(path).with_row_index("line", offset=1)
    frame = every.filter(pl.col("instrument_class").is_in(_OPTIONS))
    is_opra = (frame["exchange"] == _OPRA).to_numpy()
    raw = np.array(frame["raw_symbol"].to_list(), dtype=np.str_)
    why: NDArray[Any] = np.full(frame.height, "", dtype=object)
    right = np.where((frame["instrument_class"] == "C").to_numpy(), 1, -1).astype(np.int8)
    strike = frame["strike_price"].to_numpy().copy()
    expiry_ns = frame["expiration_ns"].to_numpy().copy()
    cfi = frame["cfi"].to_list()
    settlement = np.array([_settlement(*row) for row in zip(cfi, frame["asset"].to_list(), strict=True)], np.int8)
    root, symbol = np.array(frame["asset"].to_list(), dtype=object), raw.astype(object)
    rows = np.flatnonzero(is_opra)
    if len(rows):
        named = parse_option_symbols(raw[rows])
        ends = expiries(named.root, named.expiry_day)
        for code, text in SYMBOL_FAULTS.items():
            why[rows[named.fault == code]] = f"its symbol is none: {text}"
        for code, text in EXPIRY_FAULTS.items():
            why[rows[(named.fault == 0) & (ends.fault == code)]] = text
        agrees = (named.right == right[rows]) & (np.abs(named.strike - strike[rows]) < 5e-4)
        why[rows[(named.fault == 0) & ~agrees]] = "its symbol says another right or strike"
        good = np.flatnonzero((named.fault == 0) & (ends.fault == 0))
        expiry_ns[rows[good]], settlement[rows[good]] = ends.expiry_ns[good], ends.settlement[good]
        root[rows[good]] = named.root[good].tolist()
        parts = (named.root[good], named.expiry_day[good], named.right[good], named.strike[good])
        symbol[rows[good]] = format_option_symbols(*parts).tolist()
    future, misplaced = _futures(frame, np.flatnonzero(~is_opra), why)
    why[(why == "") & ~is_opra & (settlement < 0)] = "its CFI code does not say how it ends"
    why[(why == "") & ~((strike > 0) & (expiry_ns > 0))] = "it has no strike or no expiry"
    bad = np.flatnonzero(why != "")
    lines = frame["line"].to_list()
    rejected = []
    for row in bad.tolist():
        reason, message = "bad_future" if row in misplaced else "bad_definition", f"{raw[row]}: {why[row]}"
        rejected.append(Rejection(lines[row], reason, f"row {lines[row]}, {message}", row_json(frame, row)))
    kept = np.flatnonzero(why == "")
    notes = _differences(frame, kept[~is_opra[kept]], settlement)
    return OptionContracts(
        instrument_id=frame["instrument_id"].to_numpy()[kept],
        symbol=tuple(symbol[kept].tolist()),
        root=tuple(root[kept].tolist()),
        underlying=tuple(np.array(frame["underlying"].to_list(), dtype=object)[kept].tolist()),
        future=tuple(future[kept].tolist()),
        ts_recv_ns=frame["ts_recv_ns"].to_numpy()[kept],
        expiry_ns=expiry_ns[kept],
        right=right[kept],
        settlement=settlement[kept],
        strike=strike[kept],
        quarantined=tuple(rejected),
        others=every.height - frame.height,
        notes=tuple(notes),
    )


def _futures(frame: pl.DataFrame, rows: I64_1D, why: NDArray[Any]) -> tuple[NDArray[Any], set[int]]:
    """(contract beneath each option on a future, rows that cannot be on theirs); `why` says what is wrong."""
    found: NDArray[Any] = np.full(frame.height, "", dtype=object)
    misplaced: set[int] = set()
    beneath, known, raw = (frame[name].to_list() for name in ("underlying", "ts_recv_ns", "raw_symbol"))
    code, ends = frame["asset"].to_list(), frame["expiration_ns"].to_list()
    for row in rows.tolist():
        day = day_of(known[row] // NS_PER_DAY)
        contract = future_contract(beneath[row], day)
        if contract is None:
            why[row] = f"its underlying {beneath[row]!r} is no futures contract"
            continue
        found[row] = contract.symbol
        if code[row] in FUTURE_OPTION_RULES and ends[row] > 0:
            named = parse_future_option(raw[row], day)
            month = (named.year, named.month) if named is not None and named.code == code[row] else None
            if fault := future_fault(code[row], exchange_day(ends[row]), month, contract):
                why[row] = fault
                misplaced.add(row)
    return found, misplaced


def _differences(frame: pl.DataFrame, rows: I64_1D, settlement: I8_1D) -> list[str]:
    """Where the instant or the style of options on futures is not that of the product's rule, in a sentence each."""
    raw, known, ends = (frame[name].to_list() for name in ("raw_symbol", "ts_recv_ns", "expiration_ns"))
    told: Counter[str] = Counter()
    for row in rows.tolist():
        named = parse_future_option(raw[row], day_of(known[row] // NS_PER_DAY))
        if named is None:
            continue
        who = f"{named.code} of {named.year}-{named.month:02d}"
        try:
            rule = future_option_end(named.code, named.year, named.month)
        except InstrumentError as error:
            told[f"{who}: {error}"] += 1
            continue
        if rule.expiry_ns != ends[row]:
            said = f"expires at {format_ns(ends[row])} by its definition and at {format_ns(rule.expiry_ns)} by our rule"
            told[f"{who} {said}; the definition is used"] += 1
        if int(rule.settlement) != int(settlement[row]):
            words = settlement_text(int(settlement[row])), settlement_text(int(rule.settlement))
            told[f"{who} is {words[0]} by its definition and {words[1]} by our rule; the definition is used"] += 1
    return [f"{text} ({count:,} contracts)" for text, count in told.items()]


def _settlement(cfi: str, asset: str) -> int:
    """Flags of a CFI code, -1 where it does not say; on the close where no rule of the product says on the open."""
    if len(cfi) != 6 or cfi[0] != "O" or cfi[2] not in "AE" or cfi[4] not in "PC":
        return -1
    none = Settlement.PM_PHYSICAL_EUROPEAN
    opens = FUTURE_OPTION_RULES[asset].settlement & Settlement.AT_OPEN if asset in FUTURE_OPTION_RULES else none
    early = Settlement.AMERICAN if cfi[2] == "A" else none
    return int(opens | early | (Settlement.CASH if cfi[4] == "C" else none))
