"""Dates and instants of contracts: published first notice days, the clock of the last day, real tape."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import DataError, InstrumentError
from argus.core.instruments import (
    MONTH_LETTERS,
    InstrumentKind,
    first_notice_date,
    instrument,
    last_trade_date,
    load_instruments,
)
from argus.core.time import NS_PER_DAY, format_ns, parse_ns
from argus.data import (
    ContractId,
    SettlementKind,
    contract_life,
    contract_lives,
    contract_spec,
    contract_symbol,
    contracts_from_file,
    parse_contract,
)
from tests.data.futures_samples import contract

FUTURES = sorted(symbol for symbol, spec in load_instruments().items() if spec.kind is InstrumentKind.FUTURE)

# Discount Trading, "First notice dates" of the contracts of 2026 (discounttrading.com/first-notice-dates.html).
NOTICES_2026 = {
    "CL": "F 2025-12-23, G 01-22, H 02-24, J 03-24, K 04-23, M 05-21, "
    "N 06-24, Q 07-23, U 08-24, V 09-24, X 10-22, Z 11-24",
    "NG": "F 2025-12-30, G 01-29, H 02-26, J 03-30, K 04-29, M 05-28, "
    "N 06-29, Q 07-30, U 08-28, V 09-29, X 10-29, Z 11-27",
    "GC": "G 01-30, J 03-31, M 05-29, Q 07-31, V 09-30, Z 11-30",
    "SI": "H 02-27, K 04-30, N 06-30, U 08-31, Z 11-30",
}
PUBLISHED = [
    (root, 2026, letter, text if len(text) == 10 else f"2026-{text}")
    for root, line in NOTICES_2026.items()
    for letter, text in (pair.split() for pair in line.split(", "))
]
# MNI on the roll from September to December 2025: first notice on 29 August. Labor Day is Monday, 1 September.
PUBLISHED += [(root, 2025, "U", "2025-08-29") for root in ("ZT", "ZF", "ZN", "ZB")]
# The delivery month begins on Monday 3 June 2024, on Monday 2 December 2024: notice on the Friday before.
PUBLISHED += [("ZN", 2024, "M", "2024-05-31"), ("ZF", 2024, "Z", "2024-11-29")]
# Currencies: the last trading day.
PUBLISHED += [("6E", 2024, "H", "2024-03-18"), ("M6E", 2023, "M", "2023-06-16")]


@pytest.mark.parametrize(("root", "year", "letter", "expected"), PUBLISHED)
def test_first_notice_date(root: str, year: int, letter: str, expected: str) -> None:
    assert first_notice_date(instrument(root), year, letter) == date.fromisoformat(expected)


@pytest.mark.parametrize("root", FUTURES)
def test_what_settles_in_cash_has_no_first_notice_and_what_is_delivered_has_one_with_a_source(root: str) -> None:
    spec = instrument(root)
    letter = spec.delivery_months[0]
    notice = first_notice_date(spec, 2024, letter)
    if spec.settlement == "cash":
        assert notice is None
        assert spec.first_notice_rule == "none"
    else:
        assert notice is not None
        assert "first_notice_rule" in spec.sources
    assert spec.last_trade_time is not None
    assert "last_trade_time" in spec.sources


def test_a_delivered_contract_without_a_rule_is_refused_when_the_file_is_read(tmp_path: Path) -> None:
    shipped = Path(load_instruments.__code__.co_filename).with_name("instruments.yaml").read_text()
    start = shipped.index("  ZN:\n")
    entry = shipped[start : shipped.index("\n  ZF:\n", start)]
    path = tmp_path / "mine.yaml"
    for wrong, message in (
        ("", r"ZN: first_notice_rule: found 'none'; the known rules are last_business_day_of_prior_month"),
        ("    first_notice_rule: whenever\n", r"ZN: first_notice_rule: found 'whenever'"),
    ):
        changed = entry.replace("    first_notice_rule: last_business_day_of_prior_month\n", wrong)
        assert changed != entry
        changed = changed.replace(", first_notice_rule]", "]").replace("      fnd_treasury: [first_notice_rule]\n", "")
        if wrong:
            changed = changed.replace("    sources:\n", "    sources:\n      fnd_treasury: [first_notice_rule]\n")
        path.write_text(f"version: 1\ninstruments:\n{changed}\n")
        with pytest.raises(InstrumentError, match=message):
            load_instruments(path)
    path.write_text("version: 1\ninstruments:\n" + entry.replace("settlement: physical", "settlement: cash") + "\n")
    with pytest.raises(InstrumentError, match=r"nobody delivers what settles in cash"):
        load_instruments(path)


@pytest.mark.parametrize(
    ("symbol", "kind", "last_trade", "settled", "exit_by"),
    [
        # Half past eight in Chicago, in summer time and in winter.
        ("ES.202306", "cash_opening", "2023-06-16T13:30:00Z", "2023-06-16T13:30:00Z", None),
        ("MES.202312", "cash_opening", "2023-12-15T14:30:00Z", "2023-12-15T14:30:00Z", None),
        # Trading stops half an hour before the opening that gives the final value.
        ("VX.202412", "cash_opening", "2024-12-18T14:00:00Z", "2024-12-18T14:30:00Z", None),
        ("MCL.202501", "cash_closing", "2024-12-18T19:30:00Z", "2024-12-18T19:30:00Z", None),
        # First notice on Friday 29 August: out by Thursday's close, three weeks before the last trade.
        ("ZN.202509", "physical", "2025-09-19T17:01:00Z", "2025-09-19T17:01:00Z", "2025-08-28T21:00:00Z"),
        ("GC.202602", "physical", "2026-02-25T18:30:00Z", "2026-02-25T18:30:00Z", "2026-01-29T22:00:00Z"),
        # Notices come after the end of trading: a long can be closed to the last.
        ("CL.202602", "physical", "2026-01-20T19:30:00Z", "2026-01-20T19:30:00Z", "2026-01-20T19:30:00Z"),
        ("6E.202403", "physical", "2024-03-18T14:16:00Z", "2024-03-18T14:16:00Z", "2024-03-18T14:16:00Z"),
    ],
)
def test_the_last_instants_of_a_contract(
    symbol: str, kind: str, last_trade: str, settled: str, exit_by: str | None
) -> None:
    life = contract_life(symbol, instrument(symbol.split(".")[0]))
    assert life.settlement is SettlementKind(kind)
    assert format_ns(life.last_trade_ns) == last_trade
    assert format_ns(life.settlement_ns) == settled
    assert (None if life.exit_by_ns is None else format_ns(life.exit_by_ns)) == exit_by


@given(st.sampled_from(FUTURES), st.integers(2005, 2030), st.integers(0, 11))
def test_a_life_is_in_order(root: str, year: int, at: int) -> None:
    spec = instrument(root)
    letter = spec.delivery_months[at % len(spec.delivery_months)]
    life = contract_life(contract_symbol(root, year, MONTH_LETTERS.index(letter) + 1), spec)
    assert life.last_trade_date == last_trade_date(spec, year, letter)
    assert life.settlement_ns >= life.last_trade_ns
    assert life.first_bar_ns is None
    if life.settlement is SettlementKind.PHYSICAL:
        assert life.exit_by_ns is not None
        assert life.first_notice_ns is not None
        assert life.exit_by_ns <= life.last_trade_ns
        assert life.exit_by_ns <= life.first_notice_ns or life.first_notice_date == life.last_trade_date
        assert life.last_trade_ns - life.exit_by_ns < 40 * NS_PER_DAY
    else:
        assert life.exit_by_ns is life.first_notice_ns is life.first_notice_date is None


def test_a_contract_without_a_stated_clock_ends_with_its_session() -> None:
    from dataclasses import replace

    spec = replace(instrument("ZN"), last_trade_time=None)
    assert contract_life("ZN.202509", spec).last_trade_ns == parse_ns("2025-09-19T21:00:00+00:00")


def test_lives_come_by_delivery_month_with_their_first_bar() -> None:
    bars = {name: contract(name, date(2023, 1, 3), date(2023, 1, 6)) for name in ("MES.202306", "MES.202303")}
    lives = contract_lives(bars, instrument("MES"))
    assert [life.symbol for life in lives] == ["MES.202303", "MES.202306"]
    assert lives[0].first_bar_ns == bars["MES.202303"].ts_event_ns[0]


def test_names_of_contracts() -> None:
    assert parse_contract("MES.202306") == ContractId("MES", 2023, 6)
    assert contract_symbol("6E", 2024, 12) == "6E.202412"
    assert ContractId("CL", 2020, 5).letter == "K"
    assert contract_spec(instrument("MES"), "MES.202306").symbol == "MES.202306"
    assert contract_spec(instrument("MES"), "MES.202306").multiplier == instrument("MES").multiplier
    assert sorted(["ES.202403", "ES.202312"], key=parse_contract) == ["ES.202312", "ES.202403"]
    for wrong in ("MESM23", "MES.2023", "MES.202313", "MES.202300", "mes.202306", "202306"):
        with pytest.raises(DataError, match="names no contract; write root, dot, year and month"):
            parse_contract(wrong)


@pytest.mark.parametrize(
    ("root", "symbol", "message"),
    [
        ("SPY", "SPY.202306", "SPY is equity and has no contracts"),
        ("ES", "MES.202306", "MES.202306 is a contract of MES, but the specification is that of ES"),
        ("ES", "ES.202305", "ES has no delivery month 'K'; it has H M U Z"),
    ],
)
def test_a_contract_that_is_none_of_the_root(root: str, symbol: str, message: str) -> None:
    with pytest.raises(InstrumentError, match=message):
        contract_life(symbol, instrument(root))


@pytest.mark.parametrize(
    ("root", "least"), [("MES", 26), ("MCL", 40), ("QG", 150), ("ZN", 12), ("M6E", 20), ("VXM", 50), ("SI", 10)]
)
def test_no_real_hour_begins_after_the_last_trade_and_many_reach_it(real_data: Path, root: str, least: int) -> None:
    spec = instrument(root)
    contracts, _ = contracts_from_file(real_data / "futures_hourly" / f"{root}.parquet", root, "futures_hourly")
    end = max(int(bars.ts_close_ns[-1]) for bars in contracts.values())
    reached = 0
    for symbol, bars in contracts.items():
        life = contract_life(symbol, spec, bars)
        if life.last_trade_ns < end:
            assert bars.ts_event_ns[-1] < life.last_trade_ns, (symbol, format_ns(int(bars.ts_event_ns[-1])))
            reached += int(bars.ts_close_ns[-1]) >= life.last_trade_ns
        assert np.isfinite(bars.close).all()
    assert reached >= least
