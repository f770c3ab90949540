"""Symbols of options in every spelling that vendors use, and the reasons why a text is none."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import DataError
from argus.core.option_symbols import (
    OptionSymbol,
    canonical_option_symbol,
    format_option_symbols,
    parse_option_symbol,
    parse_option_symbols,
)
from argus.core.time import day_of

CANONICAL = "SPXW  190426C02900500"


@pytest.mark.parametrize(
    "spelling",
    [
        CANONICAL,
        "SPXW190426C02900500",
        " SPXW 190426C02900500 ",
        "O:SPXW190426C02900500",
        "OPRA:SPXW  190426C02900500",
        ".SPXW190426C2900.5",
    ],
)
def test_spellings_of_vendors_are_one_contract(spelling: str) -> None:
    assert canonical_option_symbol(spelling) == CANONICAL
    assert parse_option_symbol(spelling) == OptionSymbol("SPXW", date(2019, 4, 26), 1, 2_900_500)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("SPX", "too short"),
        ("TOOLONG190426C02900000", "too short or too long"),
        ("SPX W190426C02900000", "root"),
        ("spx190426C02900000", "root"),
        ("1SPX190426C02900000", "root"),
        ("É190426C02900000", "root"),
        ("SPXW190431C02900000", "no date"),
        ("SPXW230229C02900000", "no date"),
        ("SPXW191301C02900000", "no date"),
        ("SPXW190426X02900000", "neither C nor P"),
        ("SPXW190426C0290000A", "no number"),
        ("SPXW190426C00000000", "zero"),
        (".SPXW190426C2900.00001", "root|no date|neither|no number|short"),
    ],
)
def test_what_is_no_symbol_says_why(text: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        parse_option_symbol(text)


def test_a_bad_symbol_does_not_disturb_its_neighbours() -> None:
    found = parse_option_symbols(["SPY240119P00340000", "nonsense", CANONICAL])
    assert found.fault.tolist() == [0, 2, 0]
    assert found.root.tolist() == ["SPY", "", "SPXW"]
    assert found.right.tolist() == [-1, 0, 1]
    assert found.strike[[0, 2]].tolist() == [340.0, 2900.5]
    assert np.isnan(found.strike[1])
    assert len(parse_option_symbols([])) == 0


@given(
    root=st.from_regex(r"[A-Z][A-Z0-9]{0,5}", fullmatch=True),
    days=st.integers(0, 36_523),
    right=st.sampled_from([1, -1]),
    mills=st.integers(1, 10**8 - 1),
    spelled=st.sampled_from(["{}", "O:{}", "OPRA:{}", " {} "]),
    padded=st.booleans(),
)
def test_writing_and_reading_come_round(
    root: str, days: int, right: int, mills: int, spelled: str, padded: bool
) -> None:
    symbol = OptionSymbol(root, date(2000, 1, 1) + timedelta(days=days), right, mills)
    text = str(symbol) if padded else str(symbol).replace(" ", "")
    assert len(str(symbol)) == 21
    found = parse_option_symbols([spelled.format(text)])
    assert found.fault[0] == 0
    again = format_option_symbols(found.root, found.expiry_day, found.right, found.strike)
    assert again.tolist() == [str(symbol)]
    assert day_of(int(found.expiry_day[0])) == symbol.expiry


@pytest.mark.parametrize(
    ("root", "right", "strike"),
    [("TOOLONG", 1, 5.0), ("", 1, 5.0), ("A", 0, 5.0), ("A", 1, 0.00001), ("A", 1, 1e6), ("A", 1, np.nan)],
)
def test_what_has_no_symbol_names_its_row(root: str, right: int, strike: float) -> None:
    days, rights = np.zeros(2, np.int32), np.array([1, right], np.int8)
    with pytest.raises(DataError, match="row 1 has no OSI symbol"):
        format_option_symbols(["SPX", root], days, rights, np.array([1.0, strike]))
