"""The names of listed options: the 21 characters of the OCC's Options Symbology Initiative (OSI), read and written.

An OSI symbol is the root padded to six characters, the expiry as ``YYMMDD``, ``C`` or ``P``, and the strike times one
thousand in eight digits: ``SPXW  190426C02900000``. Vendors leave out the padding, or put ``O:`` or ``OPRA:`` before
it; some (those that follow dxFeed) begin with a dot and write the strike plainly: ``.SPXW190426C2900``. All of them are
read as the one contract that they mean. The date is the one in the name: what instant that is, and whether the root
``SPX`` stands for a weekly, is a matter of exchange rules (`argus.data.option_expiries`).

Source: the format as OCC made it known for 2010 (Options Symbology Initiative); the paper itself was not read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I32_1D
from argus.core.chains import I8_1D
from argus.core.errors import DataError
from argus.core.time import day_of

__all__ = [
    "SYMBOL_FAULTS",
    "OptionSymbol",
    "OptionSymbols",
    "canonical_option_symbol",
    "format_option_symbols",
    "parse_option_symbol",
    "parse_option_symbols",
]

SYMBOL_FAULTS: Final = {
    1: "it is empty",
    2: "it is too short or too long for a root of one to six characters, a date, C or P, and a strike",
    3: "its root is not of capital letters and digits, a letter first, with nothing but padding behind",
    4: "the six characters before the right are no date YYMMDD",
    5: "the character after the date is neither C nor P",
    6: "its strike is no number of eight digits (or, after a dot, no plain number)",
    7: "its strike is zero",
}
"""Fault code of a symbol to what is wrong with it; 0 is no fault."""

_PREFIXES: Final = ("OPRA:", "O:")
_TAIL: Final = 15
_ROOT_MAX: Final = 6
_STRIKE_SCALE: Final = 1000
_MONTH_DAYS: Final = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_ZERO, _SPACE, _CALL, _PUT = ord("0"), ord(" "), ord("C"), ord("P")
_CENTURY: Final = 2000


@dataclass(frozen=True, slots=True, order=True)
class OptionSymbol:
    """One listed option by its name.

    Attributes
    ----------
    root : str
    expiry : date
        As the name says it; before February 2015 monthly options carried the Saturday after their last day.
    right : int
        +1 for a call, -1 for a put.
    strike_mills : int
        Strike in thousandths.
    """

    root: str
    expiry: date
    right: int
    strike_mills: int

    @property
    def strike(self) -> float:
        """The strike as the nearest float64."""
        return self.strike_mills / _STRIKE_SCALE

    def __str__(self) -> str:
        letter = "C" if self.right > 0 else "P"
        return f"{self.root:<6}{self.expiry:%y%m%d}{letter}{self.strike_mills:08d}"


@dataclass(frozen=True, slots=True, eq=False)
class OptionSymbols:
    """Many listed options by their names.

    Attributes
    ----------
    root : (n,) array of str
        Empty where `fault` is not 0.
    expiry_day : (n,) int32
        Days since 1970-01-01 of the date in the name.
    right : (n,) int8
        +1 for a call, -1 for a put, 0 where `fault` is not 0.
    strike : (n,) float64
        NaN where `fault` is not 0.
    fault : (n,) uint8
        Key of `SYMBOL_FAULTS`, or 0.
    """

    root: NDArray[np.str_]
    expiry_day: I32_1D
    right: I8_1D
    strike: F64_1D
    fault: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.root)


def parse_option_symbol(text: str) -> OptionSymbol:
    """The contract that a symbol means.

    Raises
    ------
    DataError
        Saying what is wrong with it.
    """
    found = parse_option_symbols([text])
    if found.fault[0]:
        raise DataError(
            f"{text!r} is no option symbol: {SYMBOL_FAULTS[int(found.fault[0])]}; "
            "write it as 'SPXW  190426C02900000', with or without the padding"
        )
    mills = round(float(found.strike[0]) * _STRIKE_SCALE)
    return OptionSymbol(str(found.root[0]), day_of(int(found.expiry_day[0])), int(found.right[0]), mills)


def canonical_option_symbol(text: str) -> str:
    """The 21 characters of OSI for any spelling of a symbol; raises as `parse_option_symbol`."""
    return str(parse_option_symbol(text))


def parse_option_symbols(texts: Sequence[str] | NDArray[Any]) -> OptionSymbols:
    """The contracts that many symbols mean; one that means none has a fault, and none raises."""
    bare = _bare(np.asarray(texts, dtype=np.str_))
    letters, lengths = _letters(bare)
    n = len(bare)
    fault = np.zeros(n, np.uint8)
    root_length = lengths - _TAIL
    tail = np.take_along_axis(letters, np.maximum(root_length, 0)[:, None] + np.arange(_TAIL), axis=1)
    digits = tail.astype(np.int64) - _ZERO
    is_digit = (digits >= 0) & (digits <= 9)
    day, is_date = _days(digits[:, :6], np.logical_and.reduce(is_digit[:, :6], axis=1))
    mills = digits[:, 7:] @ 10 ** np.arange(7, -1, -1)
    is_call, is_put = tail[:, 6] == _CALL, tail[:, 6] == _PUT
    head = letters[:, :_ROOT_MAX].copy()
    head[np.arange(_ROOT_MAX) >= root_length[:, None]] = _SPACE
    # The least telling fault first: each overwrites those before it.
    fault[mills == 0] = 7
    fault[~is_digit[:, 7:].all(axis=1)] = 6
    fault[~(is_call | is_put)] = 5
    fault[~is_date] = 4
    fault[~_is_root(head)] = 3
    fault[(root_length < 1) | (root_length > _ROOT_MAX)] = 2
    fault[lengths == 0] = 1
    good = fault == 0
    head[~good] = _SPACE
    roots = np.char.rstrip(np.ascontiguousarray(head).view(f"S{_ROOT_MAX}")[:, 0].astype(np.str_))
    return OptionSymbols(
        root=roots,
        expiry_day=np.where(good, day, 0).astype(np.int32),
        right=np.where(good, np.where(is_call, 1, -1), 0).astype(np.int8),
        strike=np.where(good, mills / _STRIKE_SCALE, np.nan),
        fault=fault,
    )


def format_option_symbols(
    root: Sequence[str] | NDArray[np.str_], expiry_day: I32_1D, right: I8_1D, strike: F64_1D
) -> NDArray[np.str_]:
    """OSI symbols of many contracts.

    Raises
    ------
    DataError
        Naming the first row that has no symbol: its root is too long, its strike is no multiple of a thousandth or
        needs more than eight digits, or its right is neither +1 nor -1.
    """
    roots = np.asarray(root, dtype=np.str_)
    strikes = np.asarray(strike, dtype=np.float64)
    mills = np.rint(strikes * _STRIKE_SCALE)
    is_whole = np.isfinite(strikes) & (np.abs(strikes * _STRIKE_SCALE - mills) < 1e-6)
    wrong = ~is_whole | (mills < 1) | (mills >= 10**8) | (np.abs(right) != 1)
    wrong |= (np.char.str_len(roots) > _ROOT_MAX) | (np.char.str_len(roots) < 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"row {row} has no OSI symbol: root {roots[row]!s}, right {right[row]}, strike {strikes[row]}")
    days = np.char.replace(np.asarray(expiry_day).astype("datetime64[D]").astype(np.str_), "-", "")
    dates = np.array([day[2:] for day in days.tolist()], dtype=np.str_)
    numbers = np.char.zfill(mills.astype(np.int64).astype(np.str_), 8)
    text: NDArray[np.str_] = np.char.ljust(roots, _ROOT_MAX)
    for part in (dates, np.where(np.asarray(right) > 0, "C", "P"), numbers):
        text = np.char.add(text, part)
    return text


def _bare(texts: NDArray[np.str_]) -> NDArray[np.str_]:
    """The symbols without what vendors put before them, and without a dot's plain strike."""
    bare: NDArray[np.str_] = np.char.strip(texts)
    for prefix in _PREFIXES:
        if (begins := np.char.startswith(bare, prefix)).any():
            bare[begins] = np.char.replace(bare[begins], prefix, "", count=1)
    if (dotted := np.char.startswith(bare, ".")).any():
        plain = [_undotted(str(text)) if dot else str(text) for text, dot in zip(bare, dotted, strict=True)]
        bare = np.array(plain, dtype=np.str_)
    return bare


def _undotted(text: str) -> str:
    """``.SPXW190426C2900.5`` with its strike in eight digits of thousandths; text that is no such symbol as it is."""
    for at in range(len(text) - 2, 7, -1):
        if text[at] in "CP" and text[at - 6 : at].isdigit():
            try:
                mills = float(text[at + 1 :]) * _STRIKE_SCALE
            except ValueError:
                break
            if mills == round(mills) and 0 <= mills < 10**8:
                return f"{text[1 : at + 1]}{round(mills):08d}"
            break
    return text


def _letters(texts: NDArray[np.str_]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The characters of the symbols, and their number."""
    lengths = np.char.str_len(texts).astype(np.int64)
    width = max(int(lengths.max(initial=0)), _ROOT_MAX + _TAIL)
    codes = np.ascontiguousarray(texts.astype(f"U{width}")).view(np.uint32).reshape(len(texts), width)
    return np.where(codes < 128, codes, 0).astype(np.uint8), lengths


def _days(digits: NDArray[np.int64], is_digit: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Day numbers of YYMMDD, and which of them are dates."""
    year, month, day = (digits[:, at] * 10 + digits[:, at + 1] for at in (0, 2, 4))
    year = np.where(is_digit, year, 0) + _CENTURY
    month_ok = is_digit & (month >= 1) & (month <= 12)
    safe = np.where(month_ok, month, 1)
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = _MONTH_DAYS[safe] - ((safe == 2) & ~is_leap)
    ok = month_ok & (day >= 1) & (day <= longest)
    months = (year - 1970) * 12 + safe - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return first + np.where(ok, day, 1) - 1, ok


def _is_root(head: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether there are capital letters and digits, a letter first, and padding only behind them."""
    is_letter = (head >= ord("A")) & (head <= ord("Z"))
    is_space = head == _SPACE
    is_known = is_letter | is_space | ((head >= _ZERO) & (head <= ord("9")))
    is_split = (is_space[:, :-1] & ~is_space[:, 1:]).any(axis=1)
    good: NDArray[np.bool_] = is_letter[:, 0] & np.logical_and.reduce(is_known, axis=1) & ~is_split
    return good
