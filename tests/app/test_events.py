"""Corporate actions in runs: published dates and ratios on a sheet worked by hand, adjusted data, names that change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from argus.app._sweep_file import plan_sweep
from argus.app.audit import audit_strategy
from argus.app.backtest import BacktestResult, backtest, catalog_market
from argus.app.events import Happened, catalog_events, events_again, file_events
from argus.app.sweep import sweep
from argus.app.tracing import trace_run
from argus.app.workspace import Workspace, init_workspace
from argus.core.arrays import Bars
from argus.core.errors import ConfigError, CoverageError, DataError, ImportFailed
from argus.core.market_events import Dividend, FinalSettlement, Split
from argus.core.orders import FillRule
from argus.core.time import day_of
from argus.data import import_actions, session_table
from argus.data.catalog import SourceRecord
from argus.engine.config import AccountConfig, AccountKind, CostModel, RunConfig
from argus.lab.audit import Status

# Apple split seven for one on 9 June 2014 and four for one on 31 August 2020, and paid 0.82 ex 7 August 2020;
# Facebook traded as META from 9 June 2022. The prices are made up.
ACTIONS = """kind,symbol,session,numerator,denominator,amount,currency,pay_session,new_symbol,cash
split,AAPL,2014-06-09,7,1,,,,,
split,AAPL,2020-08-31,4,1,,,,,
cash_dividend,AAPL,2020-08-07,,,0.82,USD,2020-08-13,,
symbol_change,FB,2022-06-09,,,,,,META,
"""
FREE = RunConfig(
    account=AccountConfig(AccountKind.REG_T), costs=CostModel(fee_per_unit=Decimal(0), fee_rate=Decimal(0))
)
CROSS = {"fast": 2, "slow": 4}


def shares(symbol: str, first: date, last: date, close: Callable[[date], float], rise: float = 0.0) -> Bars:
    """Session bars of the New York calendar that close at what is given and open where they closed, less `rise`."""
    table = session_table("NYSE", first, last)
    closes = np.array([close(day_of(int(day))) for day in table.session])
    opens = closes - rise
    return Bars(
        instrument=symbol,
        ts_event_ns=table.open_ns.copy(),
        ts_close_ns=table.close_ns.copy(),
        ts_recv_ns=table.close_ns.copy(),
        open=opens,
        high=np.maximum(opens, closes) + 1.0,
        low=np.minimum(opens, closes) - 1.0,
        close=closes,
        volume=np.full(len(closes), 1e6),
        open_interest=np.full(len(closes), np.nan),
        session=table.session.astype(np.int32),
        session_end=np.ones(len(closes), dtype=bool),
        observed=frozenset({"open", "high", "low", "close", "volume"}),
    )


def write(home: Workspace, bars: Bars) -> None:
    home.catalog().write(bars, None, SourceRecord("made up", bars.content_hash, "x", {}, len(bars)))


def apple(day: date) -> float:
    """Up by a dollar a day, and a quarter of it after the split."""
    price = 400.0 + (day - date(2020, 7, 1)).days
    return price / 4 if day >= date(2020, 8, 31) else price


@pytest.fixture
def desk(tmp_path: Path) -> Workspace:
    home, _ = init_workspace(tmp_path / "desk")
    write(home, shares("US_EQUITY:AAPL", date(2020, 7, 1), date(2020, 9, 30), apple))
    sheet = tmp_path / "actions.csv"
    sheet.write_text(ACTIONS)
    import_actions(home.catalog(), sheet)
    return home


def run_on(home: Workspace, name: str, happened: Happened | None) -> BacktestResult:
    market, notes, source = catalog_market(home, (name,))
    return backtest(
        "sma_cross", market, FREE, parameters=CROSS, units=10.0, vol_target_annual=None, workspace=home,
        source=source, warnings=notes, happened=happened,
    )  # fmt: skip


def test_a_split_and_a_dividend_are_booked_as_on_the_sheet(desk: Workspace) -> None:
    market = catalog_market(desk, ("US_EQUITY:AAPL.1d",))[0]
    happened = catalog_events(desk, market)
    assert [type(event) for event in happened.events["AAPL"]] == [Dividend, Split]
    assert (
        "AAPL: the catalog's corporate actions are booked as events of the run: 1 dividend, 1 split" in happened.notes
    )
    result = run_on(desk, "US_EQUITY:AAPL.1d", happened)
    record = result.record
    # Bought at the opening after four closes, 7 July: 406. Ten shares held on 7 August are paid 0.82 each.
    first = record.trades[0]
    entry = record.fills[0]
    assert (int(entry["signed_lots"]), int(entry["price_ticks"])) == (10, 40_600 + 100)
    assert int(first["carry_micros"]) == 8_200_000
    split = record.fills[record.fills["rule"] == FillRule.SPLIT]
    assert [int(lots) for lots in split["signed_lots"]] == [30]
    # The crash that was none: the averages cross at the close of 31 August, and 40 shares are sold at the next opening.
    sold = next(fill for fill in record.fills if fill["signed_lots"] < 0)
    price = apple(date(2020, 9, 1))
    assert abs(int(sold["price_ticks"]) * 0.01 - price) < 0.011
    gross = 40 * int(sold["price_ticks"]) * 10_000 - 10 * int(entry["price_ticks"]) * 10_000
    assert int(first["gross_micros"]) == gross
    traced = trace_run(desk, record.manifest.run_id, 0)
    assert traced.adds_up
    assert traced.carry_micros == 8_200_000


def test_without_events_the_split_is_a_loss(desk: Workspace) -> None:
    bare = run_on(desk, "US_EQUITY:AAPL.1d", None)
    booked = run_on(desk, "US_EQUITY:AAPL.1d", catalog_events(desk, catalog_market(desk, ("US_EQUITY:AAPL.1d",))[0]))
    assert int(bare.record.trades[0]["gross_micros"]) < -2_500 * 1_000_000
    assert int(booked.record.trades[0]["gross_micros"]) > 0


def test_adjusted_prices_are_not_split_twice(desk: Workspace) -> None:
    smooth = shares("US_EQUITY_ADJ:AAPL", date(2020, 7, 1), date(2020, 9, 30), lambda day: 100.0 + day.day * 0.1)
    write(desk, smooth)
    happened = catalog_events(desk, catalog_market(desk, ("US_EQUITY_ADJ:AAPL.1d",))[0])
    assert not happened.events
    assert "its prices are adjusted already" in happened.notes[0]
    # The same prices under the name of those that traded: somebody took the split out.
    write(desk, replace(shares("US_EQUITY:AAPL", date(2020, 10, 1), date(2020, 10, 2), lambda _: 110.0)))
    other, _ = init_workspace(desk.root.parent / "other")
    write(other, replace(smooth, instrument="US_EQUITY:AAPL"))
    sheet = desk.root.parent / "actions.csv"
    import_actions(other.catalog(), sheet)
    with pytest.raises(DataError, match="split of 4 for 1 on 2020-08-31 is not in its prices"):
        catalog_events(other, catalog_market(other, ("US_EQUITY:AAPL.1d",))[0])


def test_real_adjusted_prices_are_told_from_those_that_traded(desk: Workspace, real_data: Path) -> None:
    import polars as pl

    table = pl.read_csv(real_data / "daily" / "AAPL.csv", try_parse_dates=True)
    for day, new in (("2014-06-09", 7), ("2020-08-31", 4)):
        when = date.fromisoformat(day)
        near = table.filter((pl.col("date") >= when.replace(day=1)) & (pl.col("date") <= when.replace(day=min(28, 31))))
        closes = dict(zip(near["date"].to_list(), near["close"].to_list(), strict=True))
        known = {one: price for one, price in closes.items() if one < when}
        later = table.filter(pl.col("date") >= when).head(5)
        known |= dict(zip(later["date"].to_list(), later["close"].to_list(), strict=True))
        bars = shares("AAPL", min(known), max(known), lambda at, known=known: round(float(known[at]), 2))
        sheet = desk.root / "sheet.csv"
        sheet.write_text(f"date,kind,value\n{day},split,{new}\n")
        from argus.core.instruments import instrument

        with pytest.raises(DataError, match=f"split of {new} for 1 on {day} is not in its prices"):
            file_events(sheet, {"AAPL": (instrument("US_EQUITY:AAPL"), bars)})


def test_one_history_of_shares_that_changed_their_name(desk: Workspace) -> None:
    def price(day: date) -> float:
        return 150.0 + (day - date(2022, 5, 2)).days

    write(desk, shares("US_EQUITY:FB", date(2022, 5, 2), date(2022, 6, 8), price))
    # META was another company's name before.
    write(
        desk,
        shares(
            "US_EQUITY:META", date(2022, 5, 2), date(2022, 6, 30), lambda d: 10.0 if d < date(2022, 6, 9) else price(d)
        ),
    )
    market, notes, source = catalog_market(desk, ("US_EQUITY:META.1d",))
    assert float(market["META"][1].close.min()) == 150.0
    assert "META: its bars before 2022-06-09 are those of FB, its name then" in " ".join(notes)
    result = run_on(desk, "US_EQUITY:META.1d", catalog_events(desk, market))
    record = result.record
    assert record.universe == ("META",)
    assert len(record.fills) == 1  # bought once; the change of the name is no trade and costs nothing
    assert record.trades[0]["is_open"]
    traced = trace_run(desk, record.manifest.run_id)
    assert traced.adds_up
    assert traced.name.endswith("called FB at the time")
    assert len(source["called"]["META"]) == 1
    part = catalog_market(desk, ("US_EQUITY:META.1d",), None, source["called"]["META"][0][1])[0]["META"][1]
    assert day_of(int(part.session[-1])) == date(2022, 6, 8)
    with pytest.raises(CoverageError, match="no bars in the range asked for"):
        catalog_market(desk, ("US_EQUITY:META.1d",), None, int(part.ts_event_ns[0]))


def test_a_former_name_without_bars_is_told(desk: Workspace) -> None:
    write(desk, shares("US_EQUITY:META", date(2022, 6, 9), date(2022, 6, 30), lambda _: 200.0))
    _, notes, source = catalog_market(desk, ("US_EQUITY:META.1d",))
    assert "it was called FB before 2022-06-09, and the catalog has no bars of that name" in " ".join(notes)
    assert source["called"] == {"META": []}


def test_a_sheet_of_dates_kinds_and_values(tmp_path: Path, desk: Workspace) -> None:
    market = catalog_market(desk, ("US_EQUITY:AAPL.1d",))[0]
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("date,kind,value\n2020-08-07,dividend,0.82\n2020-08-31,split,4:1\n")
    typed = file_events(sheet, market)
    assert typed.events == catalog_events(desk, market).events
    assert events_again(typed.described()) == dict(typed.events)
    sheet.write_text("symbol,date,kind,value\nAAPL,2020-08-31,split,4\n")
    assert file_events(sheet, market).events["AAPL"] == typed.events["AAPL"][1:]
    full = tmp_path / "full.csv"
    full.write_text("\n".join(line for line in ACTIONS.splitlines() if "FB" not in line))
    assert file_events(full, market).events == typed.events


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2020-08-30,split,4", "line 2: date is 2020-08-30, and the calendar NYSE has no session"),
        ("31.8.2020,split,4", "line 2: date is '31.8.2020'"),
        ("2020-08-31,spit,4", "line 2: kind is 'spit'; split or dividend"),
        ("2020-08-31,split,four", "line 2: value is 'four'"),
        ("2020-08-31,split,1", "line 2: .*a split of 1 new for 1 old"),
        ("2020-08-07,dividend,-1", "line 2: value is '-1'"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, desk: Workspace, line: str, said: str) -> None:
    market = catalog_market(desk, ("US_EQUITY:AAPL.1d",))[0]
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"date,kind,value\n{line}\n")
    with pytest.raises(ImportFailed, match=said):
        file_events(sheet, market)


def test_other_sheets_are_refused(tmp_path: Path, desk: Workspace) -> None:
    market = catalog_market(desk, ("US_EQUITY:AAPL.1d",))[0]
    sheet = tmp_path / "sheet.csv"
    for text, said in (
        ("when,what\n1,2\n", "has the columns date, kind, value"),
        ("symbol,date,kind,value\nMSFT,2020-08-31,split,4\n", "symbol is 'MSFT'; the run is on AAPL"),
        (ACTIONS, "it has events of FB; the run is on AAPL"),
    ):
        sheet.write_text(text)
        with pytest.raises(ImportFailed, match=said):
            file_events(sheet, market)
    with pytest.raises(ImportFailed, match="cannot be read"):
        file_events(tmp_path / "none.csv", market)


def test_a_listing_ends_at_what_was_paid_and_foreign_dividends_are_refused(tmp_path: Path, desk: Workspace) -> None:
    market = catalog_market(desk, ("US_EQUITY:AAPL.1d",))[0]
    head = "kind,symbol,session,amount,currency,pay_session,cash\n"
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(head + "delisting,AAPL,2020-09-30,,USD,,99.5\n")
    last_ns = int(market["AAPL"][1].ts_close_ns[-1])
    assert file_events(sheet, market).events["AAPL"] == (FinalSettlement(last_ns, 99.5),)
    sheet.write_text(head + "delisting,AAPL,2020-09-30,,USD,,\n")
    happened = file_events(sheet, market)
    assert happened.events["AAPL"][0] == FinalSettlement(last_ns, apple(date(2020, 9, 30)))
    assert any("its last close is taken" in note for note in happened.notes)
    sheet.write_text(head + "cash_dividend,AAPL,2020-08-07,0.5,EUR,2020-08-13,\n")
    with pytest.raises(ConfigError, match="is in EUR, the shares are in USD"):
        file_events(sheet, market)


def test_sweeps_and_audits_book_the_catalog_s_events(desk: Workspace) -> None:
    path = desk.root / "sweep.yaml"
    path.write_text(
        "strategy: sma_cross\nranges: {fast: [2], slow: [4, 6]}\ninstruments: ['US_EQUITY:AAPL.1d']\n"
        "sizing: {kind: fixed_units, units: 10}\n"
    )
    plan = plan_sweep(desk, path)
    assert "corporate actions" in plan.hashes
    result = sweep(desk, path)
    (one,) = result.view.slices
    assert trace_run(desk, one.run_ids[one.reading.best], 0).adds_up
    assert min(one.net) > -1_000  # without the split each would have lost 3,000 on it
    more = desk.root / "more.csv"
    more.write_text("kind,symbol,session,numerator,denominator\nsplit,KO,2012-08-13,2,1\n")
    import_actions(desk.catalog(), more)
    assert plan_sweep(desk, path).identity != plan.identity
    market = catalog_market(desk, ("US_EQUITY:AAPL.1d",))[0]
    report = audit_strategy(
        "costs", "sma_cross", market, replace(FREE, costs=CostModel(slippage_ticks=1)), parameters=CROSS,
        units=10.0, events=catalog_events(desk, market).events,
    )  # fmt: skip
    assert report.verdict in (Status.CLEAN, Status.INSUFFICIENT)
