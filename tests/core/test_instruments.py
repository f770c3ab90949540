"""Instrument specifications: the shipped file against itself, the calendar library, known dates and real tape."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core._instrument_rules import LAST_TRADE_RULES
from argus.core.errors import InstrumentError
from argus.core.instruments import (
    MONTH_LETTERS,
    InstrumentKind,
    InstrumentSpec,
    RegularHours,
    instrument,
    last_trade_date,
    load_instruments,
)

ALL = sorted(load_instruments())
FUTURES = sorted(symbol for symbol, spec in load_instruments().items() if spec.kind is InstrumentKind.FUTURE)

REQUIRED = """
ES NQ RTY YM MES MNQ M2K MYM CL MCL NG QG GC MGC SI SIL ZB ZN ZF ZT 6E M6E 6J 6B 6A VX VXM US_EQUITY
US_EQUITY_ADJ SPY QQQ AAPL NVDA EURUSD GBPUSD USDJPY AUDUSD BTCUSD ETHUSD SPX IXIC VIX VVIX
"""

ENTRY = """\
version: 1
sources:
  mine: {text: "read on the exchange's page", url: "https://example.com", verified: true}
instruments:
  TST:
    name: Test future
    kind: future
    exchange: CME
    currency: USD
    calendar: CME Globex Equity
    session: {open: 17:00, close: 16:00, timezone: America/Chicago, opens_previous_day: true, hours_from_calendar: true}
    tick_size: 0.25
    tick_value: 12.50
    multiplier: 50
    lot_size: 1
    price_may_be_negative: false
    delivery_months: HMUZ
    last_trade_rule: third_friday_0930_et
    settlement: cash
    sources:
      mine: [tick_size, multiplier, delivery_months, last_trade_rule, settlement, session]
    fees:
      - {effective_date: 2020-01-01, per_unit: 2.25, rate: 0, minimum: 0, source: mine}
    margins:
      - source: mine
        rows: |
          2020-01-01 1100 1000
          2021-01-01 2200 2000
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _replaced(old: str, new: str) -> str:
    assert ENTRY.count(old) == 1, f"{old!r} must occur once in the sample"
    return ENTRY.replace(old, new)


# ---- the shipped file ------------------------------------------------------------------------------------------------


def test_every_promised_instrument_is_there() -> None:
    assert set(REQUIRED.split()) <= set(ALL)


@pytest.mark.parametrize("symbol", ALL)
def test_tick_value_is_tick_size_times_multiplier(symbol: str) -> None:
    spec = instrument(symbol)
    assert spec.symbol == symbol
    assert spec.tick_value == spec.tick_size * spec.multiplier


@pytest.mark.parametrize("symbol", ALL)
def test_a_tick_on_a_lot_is_representable_in_the_ledger(symbol: str) -> None:
    spec = instrument(symbol)
    micros = spec.value_micros_per_tick_lot
    if spec.kind in (InstrumentKind.CRYPTO, InstrumentKind.FX):
        assert 10**9 % micros.denominator == 0
    else:
        assert micros.denominator == 1
    assert micros > 0
    assert spec.ticks_per_point * Fraction(spec.tick_size) == 1
    assert spec.lots_per_unit * Fraction(spec.lot_size) == 1


@pytest.mark.parametrize(
    ("symbol", "micros"),
    [
        ("ES", 12_500_000),
        ("ZN", 15_625_000),
        ("ZT", 7_812_500),
        ("6J", 6_250_000),
        ("VXM", 1_000_000),
        ("SPY", 10_000),
        ("EURUSD", 10),
        ("BTCUSD", Fraction(1, 10_000)),
    ],
)
def test_value_of_a_tick_on_a_lot(symbol: str, micros: Fraction) -> None:
    assert instrument(symbol).value_micros_per_tick_lot == micros


@pytest.mark.parametrize(
    ("small", "big", "ratio"),
    [
        ("MES", "ES", 10),
        ("MNQ", "NQ", 10),
        ("M2K", "RTY", 10),
        ("MYM", "YM", 10),
        ("MCL", "CL", 10),
        ("MGC", "GC", 10),
        ("SIL", "SI", 5),
        ("M6E", "6E", 10),
        ("VXM", "VX", 10),
        ("QG", "NG", 4),
    ],
)
def test_a_small_contract_is_a_fixed_part_of_its_big_brother(small: str, big: str, ratio: int) -> None:
    little, large = instrument(small), instrument(big)
    assert little.multiplier * ratio == large.multiplier
    assert little.delivery_months == large.delivery_months
    assert little.currency == large.currency
    assert little.calendar == large.calendar
    # Margins are set apart but follow: a slip of a digit in either would show.
    for row in little.margins:
        whole = large.margin_on(row.effective_date)
        assert whole is not None
        assert abs(row.maintenance * ratio / whole.maintenance - 1) < Decimal("0.01")


@pytest.mark.parametrize("symbol", FUTURES)
def test_margins_are_plausible_and_in_order(symbol: str) -> None:
    spec = instrument(symbol)
    assert spec.margins
    days = [row.effective_date for row in spec.margins]
    assert days == sorted(set(days))
    for row in spec.margins:
        # Exchanges set initial margin at 110, 125 or 135 % of maintenance; anything else is a misprint.
        ratio = row.initial / row.maintenance
        assert min(abs(ratio - Decimal(known)) for known in ("1.10", "1.25", "1.35")) < Decimal("0.01"), row
    jumps = [
        later.maintenance / earlier.maintenance for earlier, later in zip(spec.margins, spec.margins[1:], strict=False)
    ]
    assert all(Decimal("0.4") < jump < 7 for jump in jumps)


def test_the_misprinted_silver_margin_is_marked() -> None:
    row = instrument("SI").margin_on(date(2011, 10, 3))
    assert row is not None
    assert (row.initial, row.maintenance) == (20350, 18500)
    assert not row.source.verified
    assert "1850" in row.source.text


@pytest.mark.parametrize("symbol", ALL)
def test_every_figure_names_a_source_and_every_instrument_a_fee(symbol: str) -> None:
    spec = instrument(symbol)
    needed = {"tick_size", "multiplier", "session"}
    if spec.kind is InstrumentKind.FUTURE:
        needed |= {"delivery_months", "last_trade_rule", "settlement"}
    assert needed <= set(spec.sources)
    assert spec.fees
    for source in [
        *spec.sources.values(),
        *(row.source for row in spec.margins),
        *(row.source for row in spec.fees),
        *(row.source for row in spec.fee_components),
    ]:
        assert source.text
        assert not source.verified or source.url or "pandas_market_calendars" in source.text
        assert "not read" not in source.text or not source.verified


@pytest.mark.parametrize("symbol", ALL)
def test_fees_are_charged_on_any_day(symbol: str) -> None:
    fee = instrument(symbol).fee_on(date(1990, 1, 2))
    assert fee is not None
    assert fee.per_unit + fee.rate > 0
    assert instrument(symbol).fees_on(date(1990, 1, 2))


def test_only_energy_may_trade_below_zero() -> None:
    negative = {symbol for symbol in ALL if instrument(symbol).price_may_be_negative}
    assert negative == {"CL", "MCL", "NG", "QG"}


def test_unverified_names_exactly_the_figures_that_were_not_read() -> None:
    assert instrument("BTCUSD").unverified() == ("lot_size", "multiplier", "tick_size")
    assert instrument("SPY").unverified() == ()
    assert instrument("ZN").unverified() == ("fees", "margins")
    es = instrument("ES")
    assert es.unverified() == ("margins",)
    read = es.margin_on(date(2020, 3, 20))
    assert read is not None
    assert read.source.verified
    assert (read.initial, read.maintenance) == (13200, 12000)


@pytest.mark.parametrize("symbol", ALL)
def test_futures_have_regular_hours_within_their_session_and_nothing_else_has(symbol: str) -> None:
    spec = instrument(symbol)
    hours = spec.regular_hours
    assert (hours is not None) == (spec.kind is InstrumentKind.FUTURE)
    if hours is None:
        return
    assert ("regular_hours" in spec.unverified()) == (symbol in ("GC", "MGC"))
    in_chicago = [
        datetime.combine(date(2024, 6, 12), clock, ZoneInfo(hours.timezone)).astimezone(ZoneInfo("America/Chicago"))
        for clock in (hours.open, hours.close)
    ]
    assert time(7) < in_chicago[0].time() < in_chicago[1].time() < spec.session.close


def test_margin_before_the_first_row_is_unknown_and_on_the_day_of_change_is_the_new_one() -> None:
    es = instrument("ES")
    assert es.margin_on(date(2012, 3, 25)) is None
    on_the_day = es.margin_on(date(2020, 3, 19))
    the_day_before = es.margin_on(date(2020, 3, 18))
    assert on_the_day is not None
    assert the_day_before is not None
    assert (the_day_before.maintenance, on_the_day.maintenance) == (10600, 12000)


@given(st.sampled_from(FUTURES), st.dates(date(1995, 1, 1), date(2035, 12, 31)))
def test_the_row_in_force_is_the_last_one_at_or_before_the_day(symbol: str, day: date) -> None:
    spec = instrument(symbol)
    earlier = [row for row in spec.margins if row.effective_date <= day]
    assert spec.margin_on(day) == (earlier[-1] if earlier else None)


def test_specifications_are_immutable_hashable_and_travel_to_workers() -> None:
    spec = instrument("ES")
    with pytest.raises(FrozenInstanceError):
        spec.multiplier = Decimal(5)  # type: ignore[misc]
    with pytest.raises(TypeError):
        load_instruments()["ES"] = spec  # type: ignore[index]
    copy = ForkingPickler.loads(ForkingPickler.dumps(spec))
    assert copy == spec
    assert hash(copy) == hash(spec)


def test_the_default_file_is_read_once() -> None:
    assert load_instruments() is load_instruments()


def test_importing_the_module_loads_nothing_heavy() -> None:
    code = (
        "import json, sys, argus.core.instruments;"
        "print(json.dumps([n for n in ('pydantic', 'yaml', 'pandas', 'pandas_market_calendars') if n in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


# ---- sessions --------------------------------------------------------------------------------------------------------

# Ordinary days in summer and winter, the first sessions after both changes of the clock, and the days around them.
ORDINARY = (
    "2019-07-10",
    "2023-03-10",
    "2023-03-13",
    "2023-08-16",
    "2023-11-03",
    "2023-11-06",
    "2024-03-11",
    "2025-06-03",
)


def _expected_hours(spec: InstrumentSpec, day: date) -> tuple[datetime, datetime]:
    zone = ZoneInfo(spec.session.timezone)
    opens = day - timedelta(days=1) if spec.session.opens_previous_day else day
    wraps = not spec.session.opens_previous_day and spec.session.close <= spec.session.open
    closes = day + timedelta(days=1) if wraps else day
    return datetime.combine(opens, spec.session.open, zone), datetime.combine(closes, spec.session.close, zone)


@pytest.mark.parametrize("symbol", sorted({*FUTURES, "SPY", "SPX", "BTCUSD"}))
def test_hours_agree_with_the_calendar_library(symbol: str) -> None:
    import pandas_market_calendars as calendars

    spec = instrument(symbol)
    calendar = calendars.get_calendar(spec.calendar)
    for text in ORDINARY:
        day = date.fromisoformat(text)
        row = calendar.schedule(text, text).iloc[0]
        opens, closes = _expected_hours(spec, day)
        if spec.session.hours_from_calendar:
            assert (row["market_open"], row["market_close"]) == (opens, closes), text
        else:
            assert opens <= row["market_open"] < row["market_close"] <= closes, text


@pytest.mark.parametrize("symbol", sorted({*FUTURES, "SPY"}))
def test_a_half_day_closes_early_and_a_holiday_not_at_all(symbol: str) -> None:
    import pandas_market_calendars as calendars

    spec = instrument(symbol)
    calendar = calendars.get_calendar(spec.calendar)
    for text in ("2023-11-24", "2024-11-29"):  # the Friday after Thanksgiving
        row = calendar.schedule(text, text).iloc[0]
        opens, closes = _expected_hours(spec, date.fromisoformat(text))
        assert opens <= row["market_open"] < row["market_close"] < closes
    assert calendar.schedule("2023-12-25", "2023-12-25").empty


@pytest.mark.parametrize("symbol", ALL)
def test_every_calendar_exists(symbol: str) -> None:
    import pandas_market_calendars as calendars

    assert instrument(symbol).calendar in calendars.get_calendar_names()


def test_currency_days_are_monday_to_friday() -> None:
    import pandas_market_calendars as calendars

    days = calendars.get_calendar(instrument("EURUSD").calendar).valid_days("2024-03-04", "2024-03-11")
    assert [day.weekday() for day in days] == [0, 1, 2, 3, 4, 0]


# ---- last trade dates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "year", "letter", "expected"),
    [
        # Third Friday; in March 2008 that was Good Friday, so the day before.
        ("ES", 2023, "Z", "2023-12-15"),
        ("MES", 2024, "H", "2024-03-15"),
        ("ES", 2008, "H", "2008-03-20"),
        ("ES", 2021, "M", "2021-06-18"),
        # May 2020: -37.63 on Monday 20 April, expired on the Tuesday (Dow Jones Newswires, April 2020, on ADVFN).
        ("CL", 2020, "K", "2020-04-21"),
        # 25 December is a holiday and 25 January 2025 a Saturday: the count starts on the business day before.
        ("CL", 2024, "F", "2023-12-19"),
        ("CL", 2025, "G", "2025-01-21"),
        # Martin Luther King day, 20 January 2025, lies between: trading on Globex, no business day.
        ("MCL", 2025, "G", "2025-01-17"),
        ("NG", 2024, "X", "2024-10-29"),
        ("QG", 2024, "X", "2024-10-28"),
        # Hurricane Sandy closed the New York floors on 29 and 30 October 2012; listed expiries stood.
        ("NG", 2012, "X", "2012-10-29"),
        # Last business day 30 June 2022; the seventh before it, 29 28 27 24 23 22 21.
        ("ZN", 2022, "M", "2022-06-21"),
        # Last business day 28 June 2024; 27 26 25 24 21 20 18, Juneteenth left out.
        ("ZB", 2024, "M", "2024-06-18"),
        # Good Friday, 29 March 2024, was the last weekday of the month.
        ("ZF", 2024, "H", "2024-03-28"),
        ("ZT", 2022, "Z", "2022-12-30"),
        ("GC", 2024, "Q", "2024-08-28"),
        ("MGC", 2023, "Z", "2023-12-27"),
        ("SI", 2025, "K", "2025-05-28"),
        # Third Wednesday 20 March 2024, less two business days.
        ("6E", 2024, "H", "2024-03-18"),
        # Third Wednesday 21 June 2023; Juneteenth on Monday 19 pushes the day to Friday.
        ("6E", 2023, "M", "2023-06-16"),
        ("6J", 2022, "M", "2022-06-13"),
        # moomoo contract pages: VX December 2024 and VXM November 2024.
        ("VX", 2024, "Z", "2024-12-18"),
        ("VXM", 2024, "X", "2024-11-20"),
        # Thirty days before 19 July 2024 is Juneteenth; thirty before Good Friday's eve, 17 April 2025, is a Tuesday.
        ("VX", 2024, "M", "2024-06-18"),
        ("VX", 2025, "H", "2025-03-18"),
    ],
)
def test_last_trade_date(symbol: str, year: int, letter: str, expected: str) -> None:
    assert last_trade_date(instrument(symbol), year, letter) == date.fromisoformat(expected)


@given(st.sampled_from(FUTURES), st.integers(2000, 2030), st.integers(0, 11))
def test_expiries_are_weekdays_in_order(symbol: str, year: int, at: int) -> None:
    spec = instrument(symbol)
    letter = spec.delivery_months[at % len(spec.delivery_months)]
    day = last_trade_date(spec, year, letter)
    assert day.weekday() < 5
    after = spec.delivery_months.index(letter) + 1
    following = (
        last_trade_date(spec, year, spec.delivery_months[after])
        if after < len(spec.delivery_months)
        else last_trade_date(spec, year + 1, spec.delivery_months[0])
    )
    assert day < following
    month = date(year, MONTH_LETTERS.index(letter) + 1, 1)
    assert -40 <= (day - month).days <= 31


def test_expiry_of_what_does_not_expire() -> None:
    with pytest.raises(InstrumentError, match=r"SPY is equity and does not expire"):
        last_trade_date(instrument("SPY"), 2024, "Z")
    with pytest.raises(InstrumentError, match=r"ES has no delivery month 'F'; it has H M U Z"):
        last_trade_date(instrument("ES"), 2024, "F")


def test_every_rule_is_used() -> None:
    assert {instrument(symbol).last_trade_rule for symbol in FUTURES} == set(LAST_TRADE_RULES)


DATA = os.environ.get("ARGUS_TEST_DATA")
TAPE = Path(DATA) / "futures_hourly" if DATA else Path("no-test-data")
needs_tape = pytest.mark.skipif(not TAPE.is_dir(), reason="ARGUS_TEST_DATA with futures_hourly is not set")


@needs_tape
@pytest.mark.parametrize(
    ("symbol", "least_exact"),
    # Share of contracts that traded on their very last day: nearly all where liquid to the end, few in metals, where
    # almost everyone has left before delivery.
    [
        ("MES", 1.0),
        ("MNQ", 1.0),
        ("RTY", 1.0),
        ("YM", 1.0),
        ("ZN", 0.9),
        ("ZF", 0.6),
        ("M6E", 0.5),
        ("MCL", 0.9),
        ("QG", 0.9),
        ("VXM", 0.95),
        ("MGC", 0.15),
        ("SI", 0.4),
    ],
)
def test_no_contract_traded_after_its_last_trade_date(symbol: str, least_exact: float) -> None:
    import polars as pl

    spec = instrument(symbol)
    ends = (
        pl.read_parquet(TAPE / f"{symbol}.parquet", columns=["contract_yyyymm", "time_utc"])
        .group_by("contract_yyyymm")
        .agg(pl.col("time_utc").max())
        .sort("contract_yyyymm")
    )
    tape_end: datetime = ends["time_utc"].max()  # type: ignore[assignment]
    exact = []
    for contract, last in ends.iter_rows():
        year, month = int(str(contract)[:4]), int(str(contract)[4:])
        letter = MONTH_LETTERS[month - 1]
        # RTY is CME's since the December 2017 contract; before that the name was another exchange's.
        if letter not in spec.delivery_months or year < 2018:
            continue
        expiry = last_trade_date(spec, year, letter)
        if expiry >= tape_end.date():
            continue
        # The hour that begins at 17:00 Chicago time belongs to the next day's session.
        session_day = (last.astimezone(ZoneInfo("America/Chicago")) + timedelta(hours=7)).date()
        assert session_day <= expiry, (contract, session_day, expiry)
        exact.append(session_day == expiry)
    assert len(exact) >= 12
    assert sum(exact) / len(exact) >= least_exact


@needs_tape
@pytest.mark.parametrize("symbol", ["MES", "MNQ", "RTY", "YM", "MCL", "QG", "MGC", "SI", "ZN", "ZF", "M6E", "VXM"])
def test_prices_that_traded_lie_on_the_tick(symbol: str) -> None:
    import numpy as np
    import polars as pl

    tape = pl.read_parquet(TAPE / f"{symbol}.parquet").filter(pl.col("time_utc").dt.year() >= 2018)
    prices = tape.select("open", "high", "low", "close").to_numpy().ravel()
    ticks = prices / float(instrument(symbol).tick_size)
    off = np.abs(ticks - np.round(ticks)) > 1e-6
    assert off.mean() < 1e-4
    # ... and no coarser tick would do.
    assert np.mean(np.abs(ticks / 2 - np.round(ticks / 2)) > 1e-6) > 0.05


# ---- asking for instruments ------------------------------------------------------------------------------------------


def test_any_share_by_template() -> None:
    spec = instrument("US_EQUITY:ABNB")
    assert (spec.symbol, spec.kind, spec.tick_size, spec.template) == (
        "ABNB",
        InstrumentKind.EQUITY,
        Decimal("0.01"),
        False,
    )
    assert instrument("US_EQUITY:SPY") == instrument("SPY")


def test_adjusted_prices_keep_their_name() -> None:
    spec = instrument("US_EQUITY_ADJ:AAPL")
    assert spec.tick_size == Decimal("0.0001")
    assert instrument(spec.symbol) == spec
    assert "Not prices that traded" in spec.notes


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("es", r"instrument 'es' is unknown.*Did you mean ES"),
        ("MESS", r"Did you mean MES.*US_EQUITY:MESS"),
        ("", r"instrument '' is unknown"),
        ("ES:AAPL", r"instrument 'ES:AAPL' is unknown"),
        ("US_EQUITY:", r"ticker '' of template US_EQUITY"),
        ("US_EQUITY:aapl", r"ticker 'aapl' of template US_EQUITY"),
        ("US_EQUITY:ES", r"already E-mini S&P 500"),
    ],
)
def test_unknown_symbols_say_what_is_near(symbol: str, message: str) -> None:
    with pytest.raises(InstrumentError, match=message):
        instrument(symbol)


# ---- a trader's own file ---------------------------------------------------------------------------------------------

FLOOR = "    regular_hours: {open: 07:20, close: 14:00, timezone: America/Chicago}\n"


def test_own_file_may_state_regular_hours(tmp_path: Path) -> None:
    text = _replaced("    lot_size: 1\n", f"{FLOOR}    lot_size: 1\n").replace(
        ", session]", ", session, regular_hours]"
    )
    spec = instrument("TST", path=_write(tmp_path, text))
    assert spec.regular_hours == RegularHours(time(7, 20), time(14), "America/Chicago")
    assert spec.sources["regular_hours"].verified


def test_own_file_is_merged_over_the_shipped_one(tmp_path: Path) -> None:
    path = _write(tmp_path, ENTRY.replace("  TST:", "  ES:") + "templated:\n  US_EQUITY:\n    ABNB: Airbnb\n")
    merged = load_instruments(path)
    assert merged["ES"].name == "Test future"
    assert merged["ES"].fee_on(date(2019, 12, 31)) is None
    assert merged["NQ"] == instrument("NQ")
    assert instrument("ABNB", path=path).name == "Airbnb"
    assert instrument("ES").name == "E-mini S&P 500"


def test_own_file_may_use_the_shipped_sources(tmp_path: Path) -> None:
    text = ENTRY.replace("mine: [tick", "cme_es: [tick")
    assert instrument("TST", path=_write(tmp_path, text)).sources["tick_size"] == instrument("ES").sources["tick_size"]


def test_the_example_of_the_manual_loads(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "instruments.md").read_text(encoding="utf-8")
    example, templated = (block.split("```")[0] for block in page.split("```yaml\n")[1:])
    path = _write(tmp_path, example + templated)
    assert instrument("XMPL", path=path).unverified() == ()
    assert instrument("ABNB", path=path).name == "Airbnb"
    _write(tmp_path, example.replace("tick_value: 1\n", "tick_value: 10\n"))
    with pytest.raises(InstrumentError) as caught:
        load_instruments(path)
    assert str(caught.value).split(" (file")[0] in page
    assert all(f"| `{rule}` |" in page for rule in LAST_TRADE_RULES)


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    path = _write(tmp_path, ENTRY)
    assert instrument("TST", path=path).name == "Test future"
    _write(tmp_path, ENTRY.replace("Test future", "Another future"))
    assert instrument("TST", path=path).name == "Another future"


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("tick_value: 12.50", "tick_value: 12.5001", "tick_value", r"found 12\.5001; .* is 12\.50"),
        ("tick_size: 0.25", "tick_size: 0", "tick_size", r"found '0'; input should be greater than 0"),
        ("tick_size: 0.25", "tick_size: -0.25", "tick_size", r"found '-0\.25'"),
        ("tick_size: 0.25", "tick_size: nan", "tick_size", r"found 'nan'"),
        ("tick_size: 0.25", "tick_size: quarter", "tick_size", r"found 'quarter'.*decimal"),
        ("multiplier: 50", "multiplier: 5O", "multiplier", r"found '5O'"),
        ("lot_size: 1\n", "lot_size: 0.0000001\n", "tick_size", r"whole number"),
        ("    lot_size: 1\n", "", "lot_size", r"found nothing; add the field"),
        ("kind: future", "kind: fture", "kind", r"found 'fture'; .*'future'"),
        ("name: Test future", "name: Test future\n    colour: red", "colour", r"found 'red'; the field is unknown"),
        ("currency: USD", "currency: dollars", "currency", r"found 'dollars'"),
        ("settlement: cash", "settlement: none", "settlement", r"a future settles in cash or physical"),
        ("delivery_months: HMUZ", "delivery_months: HMAZ", "delivery_months", r"found 'HMAZ'"),
        ("delivery_months: HMUZ", "delivery_months: MHUZ", "delivery_months", r"in that order"),
        ("rule: third_friday_0930_et", "rule: third_friday", "last_trade_rule", r"the known rules are third_friday_09"),
        ("timezone: America/Chicago", "timezone: Chicago", "session.timezone", r"found 'Chicago'"),
        ("close: 16:00", "close: 4pm", "session.close", r"found '4pm'"),
        ("    lot_size: 1\n", f"{FLOOR}    lot_size: 1\n", "sources", r"no source for regular_hours"),
        (
            "    lot_size: 1\n",
            FLOOR.replace("Chicago", "Boston") + "    lot_size: 1\n",
            "regular_hours.timezone",
            r"found 'America/Boston'",
        ),
        (
            "    lot_size: 1\n",
            FLOOR.replace("14:00", "07:20") + "    lot_size: 1\n",
            "regular_hours.close",
            r"found 07:20:00, which is not after the open at 07:20:00",
        ),
        ("settlement, session]", "settlement]", "sources", r"no source for session"),
        ("settlement, session]", "settlement, session, colour]", "sources", r"figure 'colour'"),
        ("settlement, session]", "settlement, session, session]", "sources", r"two sources for session"),
        ("mine: [tick_size", "yours: [tick_size", "sources", r"source 'yours'"),
        ("2021-01-01 2200 2000", "2020-01-01 2200 2000", "margins", r"found 2020-01-01 after 2020-01-01"),
        ("2021-01-01 2200 2000", "2019-01-01 2200 2000", "margins", r"found 2019-01-01 after 2020-01-01"),
        ("2021-01-01 2200 2000", "2021-01-01 2000 2200", "margins", r"initial must be at least maintenance"),
        ("2021-01-01 2200 2000", "2021-01-01 2200 0", "margins", r"above zero"),
        ("2021-01-01 2200 2000", "2021-13-01 2200 2000", "margins", r"write `YYYY-MM-DD"),
        ("2021-01-01 2200 2000", "2021-01-01 inf 2000", "margins", r"found '2021-01-01 inf 2000'"),
        ("per_unit: 2.25", "per_unit: -2.25", "fees.0.per_unit", r"found '-2\.25'"),
        ("per_unit: 2.25", "per_unit: 2.25, name: tax", "fees.0.tax.name", r"found 'tax'; .*'commission'"),
        ("0, minimum: 0, source: mine", "0, source: yours", "fees.0.all_in.source", r"found source 'yours'"),
    ],
)
def test_a_wrong_entry_names_file_symbol_field_and_remedy(
    tmp_path: Path, old: str, new: str, field: str, message: str
) -> None:
    path = _write(tmp_path, _replaced(old, new))
    with pytest.raises(InstrumentError, match=message) as caught:
        load_instruments(path)
    assert str(caught.value).startswith(f"mine.yaml: TST: {field}: found ")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"found no sections"),
        ("- 1\n", r"found no sections"),
        ("version: 2\n", r"found version '2'"),
        ("instruments: {}\n", r"found version None"),
        ("version: 1\ninstrument: {}\n", r"found section 'instrument'"),
        ("version: 1\ninstruments: []\n", r"section instruments: found \[\]"),
        ("version: 1\ninstruments:\n  ES: 1\n", r"ES: entry: found '1'"),
        ("version: 1\ninstruments:\n  e s: {}\n", r"capital letters"),
        ("version: 1\nversion: 1\n", r"'version' is written twice"),
        ("version: 1\ntemplated: {ES: {AAA: b}}\n", r"templated ES: template: found 'ES'"),
        ("version: 1\ntemplated: {US_EQUITY: {aaa: b}}\n", r"aaa: found 'b'"),
        ("version: 1\ntemplated: {US_EQUITY: AAA}\n", r"names: found 'AAA'"),
        ("version: 1\nsources: {a: {text: b, verified: perhaps}}\n", r"source a: verified: found 'perhaps'"),
        ("version: [1\n", r"not valid YAML"),
        ("version: 1\x00\n", r"not valid YAML"),
    ],
)
def test_a_file_of_the_wrong_form(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InstrumentError, match=message):
        load_instruments(_write(tmp_path, text))


def test_a_repeated_entry_is_an_error_and_not_the_last_one_wins(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match="'tick_size' is written twice"):
        load_instruments(_write(tmp_path, _replaced("tick_size: 0.25", "tick_size: 0.25\n    tick_size: 0.5")))


def test_a_share_has_no_delivery_and_a_fee_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match="delivery_months: found 'HMUZ'; leave it out"):
        load_instruments(_write(tmp_path, _replaced("kind: future", "kind: equity")))
    fees = "      - {effective_date: 2020-01-01, per_unit: 2.25, rate: 0, minimum: 0, source: mine}\n"
    with pytest.raises(InstrumentError, match="fees: found no row"):
        load_instruments(_write(tmp_path, _replaced("    fees:\n" + fees, "    fees: []\n")))


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match="cannot be read"):
        load_instruments(tmp_path / "absent.yaml")
    with pytest.raises(InstrumentError, match="cannot be read"):
        load_instruments(tmp_path)
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"version: 1\n# \xe9\n")
    with pytest.raises(InstrumentError, match="not UTF-8"):
        load_instruments(path)


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_clear_error(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    path = tmp_path_factory.mktemp("junk") / "junk.yaml"
    path.write_bytes(b"version: 1\n" + junk)
    message = str(path)
    try:
        known = len(load_instruments(path))
    except InstrumentError as error:
        known, message = len(ALL), str(error)
    assert known >= len(ALL)
    assert str(path) in message
