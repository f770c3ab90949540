"""The universe of a workspace: who plays which role, what is known of it in each row, and what becomes of its table."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from argus.app.features import series_of, table_of
from argus.app.harvest import harvest
from argus.app.rolled import Rolling
from argus.app.settings import Settings, read_settings
from argus.app.universe import in_line, joined, known_as_of
from argus.app.workspace import Workspace, init_workspace
from argus.core.arrays import F64_1D, Bars
from argus.core.errors import CatalogError, ConfigError, DataError
from argus.core.random import generator
from argus.core.time import NS_PER_DAY, NS_PER_HOUR
from argus.data.calendars import session_table
from argus.data.catalog import SourceRecord
from argus.features import LiveFeatures, LiveUniverse, compute_set
from argus.features.sets import columns_of
from argus.features.universe import ROLES, usable
from tests.cli.command import argus
from tests.data.futures_samples import contract

FIRST, LAST = date(2022, 1, 3), date(2023, 6, 30)
ROLLING = Rolling("calendar", "ratio")
MEMBERS = {
    "equity": "US_EQUITY_ADJ:SPY",
    "gold": "US_EQUITY_ADJ:GLD",
    "bonds_10y": "US_EQUITY_ADJ:IEF",
    "euro": "EURUSD",
    "bitcoin": "BTCUSD",
    "oil": "US_EQUITY_ADJ:USO",
}


def closes_of(symbol: str, n: int) -> F64_1D:
    walk = np.cumsum(generator(3, symbol).standard_normal(n))
    return np.round(100.0 * np.exp(0.01 * walk), 2)


def bars_from(symbol: str, open_ns: Any, close_ns: Any, session: Any, session_end: Any, close: F64_1D) -> Bars:
    return Bars(
        instrument=symbol,
        ts_event_ns=np.ascontiguousarray(open_ns),
        ts_close_ns=np.ascontiguousarray(close_ns),
        ts_recv_ns=np.array(close_ns),
        open=close.copy(),
        high=close + 0.5,
        low=close - 0.5,
        close=close,
        volume=np.full(len(close), 1e6),
        open_interest=np.full(len(close), np.nan),
        session=np.asarray(session, dtype=np.int32),
        session_end=np.asarray(session_end, dtype=bool),
        observed=frozenset({"open", "high", "low", "close", "volume"}),
    )


def daily(symbol: str, calendar: str = "NYSE", first: date = FIRST, last: date = LAST) -> Bars:
    table = session_table(calendar, first, last)
    n = len(table)
    return bars_from(symbol, table.open_ns, table.close_ns, table.session, np.ones(n), closes_of(symbol, n))


def hourly(symbol: str, first: date, last: date) -> Bars:
    """Whole hours of the sessions of New York, from ten o'clock on."""
    table = session_table("NYSE", first, last)
    opens, sessions, ends = [], [], []
    for begin, end, day in zip(table.open_ns, table.close_ns, table.session, strict=True):
        hours = np.arange(-(-begin // NS_PER_HOUR) * NS_PER_HOUR, end, NS_PER_HOUR)
        opens.append(hours)
        sessions.append(np.full(len(hours), day))
        ends.append(hours + NS_PER_HOUR == end)
    start = np.concatenate(opens).astype(np.int64)
    close = closes_of(symbol, len(start))
    return bars_from(symbol, start, start + NS_PER_HOUR, np.concatenate(sessions), np.concatenate(ends), close)


def write(home: Workspace, bars: Bars, interval_ns: int | None = None, **more: Any) -> None:
    source = SourceRecord("made up", bars.content_hash, "x", {}, len(bars))
    home.catalog().write(bars, interval_ns, source, **more)


def workspace(folder: Path, members: Mapping[str, str], **settings: Any) -> Workspace:
    home, _ = init_workspace(folder / "desk")
    stated = {"universe": {"members": dict(members), **settings}}
    home.settings_file.write_text(yaml.safe_dump(stated), encoding="utf-8")
    return Workspace(home.root)


@pytest.fixture
def desk(tmp_path: Path) -> Workspace:
    home = workspace(tmp_path, MEMBERS | {"silver": "US_EQUITY_ADJ:SLV"})
    for role, symbol in MEMBERS.items():
        kind = {"euro": "24/5", "bitcoin": "24/7"}.get(role, "NYSE")
        bars = daily(symbol) if kind == "NYSE" else weekdays(symbol, every_day=kind == "24/7")
        if role == "gold":
            bars = bars.rows(40, len(bars))
        write(home, bars)
    return home


def weekdays(symbol: str, every_day: bool) -> Bars:
    """Days from midnight to midnight UTC, which are known hours after New York has closed."""
    day = np.arange(np.datetime64(FIRST), np.datetime64(LAST)).astype(np.int64)
    if not every_day:
        day = day[(day + 3) % 7 < 5]
    n = len(day)
    return bars_from(
        symbol, day * NS_PER_DAY, (day + 1) * NS_PER_DAY, day, np.ones(n), closes_of(symbol, n)
    )  # fmt: skip


def as_of(bars: Bars, known_ns: int, days: float = 5.0) -> float:
    """The slow way: every bar is looked at."""
    found = np.nan
    for recv, close in zip(bars.ts_recv_ns.tolist(), bars.close.tolist(), strict=True):
        if recv <= known_ns and np.isfinite(close):
            found = close if known_ns - recv <= days * NS_PER_DAY else np.nan
    return found


def test_one_table_holds_what_the_members_closes_as_of_each_row_give(desk: Workspace) -> None:
    done = harvest(desk, "cross_asset", [], ["1d"], ROLLING)
    (told,) = done.tables
    assert (told["symbol"], told["timeframe"]) == ("universe", "1d")
    refs, reasons = usable(columns_of("cross_asset"), MEMBERS)
    assert told["left_out"] == reasons
    assert reasons["member_return_silver_1"] == "nobody plays silver"
    stored = table_of(desk, "cross_asset", "universe", "1d").scan().collect()
    assert stored.columns == ["ts_recv_ns", *(ref.alias for ref in refs)]
    held = {role: desk.catalog().load(symbol, "1d") for role, symbol in MEMBERS.items()}
    clock = held["equity"]
    np.testing.assert_array_equal(stored["ts_recv_ns"].to_numpy(), clock.ts_recv_ns)
    columns = {f"close@{role}": np.full(len(clock), np.nan) for role in ROLES}
    for role, bars in held.items():
        columns[f"close@{role}"] = np.array([as_of(bars, int(ns)) for ns in clock.ts_recv_ns])
    columns["close_s"] = clock.ts_close_ns / 1e9
    assert np.isnan(columns["close@gold"][:40]).all()
    assert columns["close@bitcoin"][1] == held["bitcoin"].close[0], "the day itself is over after New York's close"
    for ref, want in zip(refs, compute_set(refs, columns), strict=True):
        np.testing.assert_array_equal(stored[ref.alias].to_numpy(), want, err_msg=ref.alias)
    manifest = table_of(desk, "cross_asset", "universe", "1d").manifest()
    assert manifest is not None
    assert manifest.about["clock"] == "equity"
    assert manifest.about["lacking"]["silver"].startswith("the catalog has no bars of US_EQUITY_ADJ:SLV")
    assert manifest.about["lacking"]["vix"] == "argus.yaml names no symbol for it"
    assert list(manifest.about["members"]["gold"]["datasets"]) == ["US_EQUITY_ADJ:GLD.1d"]


def test_a_live_universe_gives_the_bits_of_the_table(desk: Workspace, tmp_path: Path) -> None:
    harvest(desk, "cross_asset", [], ["1d"], ROLLING)
    refs, _ = usable(columns_of("cross_asset"), MEMBERS)
    stored = table_of(desk, "cross_asset", "universe", "1d").scan().collect()
    held = {role: desk.catalog().load(symbol, "1d") for role, symbol in MEMBERS.items()}
    heard = sorted(
        (int(ns), role == "equity", role, row) for role, bars in held.items() for row, ns in enumerate(bars.ts_recv_ns)
    )
    live = LiveUniverse(refs, "equity", 5 * NS_PER_DAY)
    assert set(live.roles) >= set(MEMBERS), "groups read members that nobody plays, too"
    rows = []
    for ns, is_clock, role, row in heard:
        bar = {"close": float(held[role].close[row])}
        if not is_clock:
            live.hear(role, ns, bar)
            continue
        rows.append(live.update(ns, bar | {"close_s": float(held[role].ts_close_ns[row]) / 1e9}))
        if len(rows) == 150:
            live.save(tmp_path / "universe.state")
            live = LiveUniverse(refs, "equity", 5 * NS_PER_DAY)
            live.load(tmp_path / "universe.state")
    want = stored.drop("ts_recv_ns").to_numpy()
    np.testing.assert_array_equal(np.array(rows), want)
    assert np.isfinite(want[-1]).mean() > 0.9


def test_a_live_universe_refuses_what_it_cannot_have_known() -> None:
    refs = usable(columns_of("cross_asset"), [*MEMBERS, "vix"])[0]
    live = LiveUniverse(refs, "equity", NS_PER_DAY)
    live.hear("gold", 10, {"close": 1.0})
    with pytest.raises(DataError, match="after a later bar was heard"):
        live.hear("gold", 9, {"close": 1.0})
    live.update(20, {"close": 1.0, "close_s": 2e-8})
    with pytest.raises(DataError, match="a row that should have known it"):
        live.hear("gold", 20, {"close": 1.0})
    with pytest.raises(ConfigError, match="bar of gold lacks close"):
        live.hear("gold", 30, {"open": 1.0})
    with pytest.raises(ConfigError, match="bar lacks close_s"):
        live.update(30, {"close": 1.0})
    live.hear("utilities", 31, {})
    for wrong in (lambda: live.hear("golf", 40, {}), lambda: LiveUniverse(refs, "golf", 1)):
        with pytest.raises(ConfigError, match="'golf' is no role"):
            wrong()
    with pytest.raises(ConfigError, match="no snapshot of a universe"):
        live.restore(LiveFeatures(refs).snapshot())


def test_only_what_reads_a_changed_member_is_computed_again(desk: Workspace) -> None:
    harvest(desk, "cross_asset", [], ["1d"], ROLLING)
    assert harvest(desk, "cross_asset", [], ["1d"], ROLLING).as_dict()["values_made"] == 0
    gold = desk.catalog().load(MEMBERS["gold"], "1d")
    later = gold.close.copy()
    later[200] += 5.0
    write(desk, replace(gold, close=later, high=later + 0.5, low=later - 0.5, open=later.copy()), replace_rows=True)
    (told,) = harvest(desk, "cross_asset", [], ["1d"], ROLLING).tables
    changed = set(told["columns_changed"])
    reads_gold = {
        ref.alias
        for ref in usable(columns_of("cross_asset"), MEMBERS)[0]
        if "gold" in str(ref.parameters.values()) or ref.parameters.get("group") == "assets"
    }
    assert changed >= reads_gold
    assert "pair_correlation_bonds_10y_equity_60" not in changed
    write(desk, daily("US_EQUITY_ADJ:SLV"))
    (again,) = harvest(desk, "cross_asset", [], ["1d"], ROLLING).tables
    assert "member_return_silver_1" not in again["left_out"]
    assert again["rows_kept"] + again["rows_made"] == again["rows"]


@given(st.data())
def test_the_last_known_value_is_neither_later_nor_too_old(data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=12))
    recv = np.cumsum(np.array(steps, np.int64)) * NS_PER_HOUR
    n = len(recv)
    values = data.draw(st.lists(st.sampled_from([1.0, 2.0, 3.0, np.nan]), min_size=n, max_size=n))
    ends = np.zeros(n, dtype=bool)
    close = np.array(values)
    bars = bars_from("BTCUSD", recv - NS_PER_HOUR, recv, np.arange(n), ends, np.where(np.isnan(close), 9.0, close))
    bars = replace(bars, close=close)
    known = np.array(data.draw(st.lists(st.integers(0, 120), max_size=12)), np.int64) * NS_PER_HOUR
    got = known_as_of(bars, "close", np.sort(known), 10 * NS_PER_HOUR)
    want = [as_of(bars, int(ns), 10 / 24) for ns in np.sort(known)]
    np.testing.assert_array_equal(got, want)


def test_a_daily_level_counts_on_hours_until_the_next_and_prices_must_have_hours(tmp_path: Path) -> None:
    home = workspace(tmp_path, {"equity": "SPY", "vix": "VIX", "gold": "US_EQUITY_ADJ:GLD"}, stale_after_days=3.5)
    first, last = date(2023, 2, 1), date(2023, 3, 31)
    write(home, hourly("SPY", first, last), NS_PER_HOUR)
    write(home, daily("VIX", first=date(2023, 1, 3), last=last))
    write(home, daily("US_EQUITY_ADJ:GLD", first=first, last=last))
    universe = series_of(home, "universe", "1h", ROLLING)
    assert universe.roles == {"equity", "vix"}
    vix = home.catalog().load("VIX", "1d")
    n = len(universe.bars)
    got = universe.columns(["close@vix", "close@equity", "close"], 0, n)
    np.testing.assert_array_equal(got["close@equity"], got["close"])
    want = np.array([as_of(vix, int(ns), 3.5) for ns in universe.bars.ts_recv_ns])
    np.testing.assert_array_equal(got["close@vix"], want)
    at_close = np.isin(universe.bars.ts_recv_ns, vix.ts_recv_ns)
    assert at_close.sum() == len(session_table("NYSE", first, last))
    day = vix.close[np.searchsorted(vix.ts_recv_ns, universe.bars.ts_recv_ns[at_close])]
    np.testing.assert_array_equal(got["close@vix"][at_close], day)
    part = universe.columns(["close@vix"], 50, 60)["close@vix"]
    np.testing.assert_array_equal(part, want[50:60])


NAMES = ("202302", "202303", "202304", "202305")


def volatility_contract(name: str) -> Bars:
    """A contract that costs more the later it ends, and a quarter of a point more every day."""
    level = 20.0 + 2.0 * NAMES.index(name)
    begin = date(2022, 12, 1)
    return contract(f"VXM.{name}", begin, close=lambda day: level + 0.25 * ((day - begin).days % 7), volume=100.0)


def test_the_front_and_the_second_contract_stand_at_prices_that_traded(tmp_path: Path) -> None:
    home = workspace(tmp_path, {"volatility_front": "VXM#1", "volatility_second": "VXM#2", "vix": "VXM#9"})
    for name in NAMES:
        write(home, replace(volatility_contract(name), instrument="VXM"), contract=name)
    universe = series_of(home, "universe", "1d", ROLLING)
    assert universe.about["lacking"]["vix"] == "the catalog has no contract of VXM#9 at that place"
    n = len(universe.bars)
    columns = universe.columns(["close@volatility_front", "close@volatility_second"], 0, n)
    front, second = columns["close@volatility_front"], columns["close@volatility_second"]
    schedule = universe.schedule
    assert schedule is not None
    held = {name: volatility_contract(name) for name in NAMES}
    seen = set()
    for row in range(n):
        ts = int(universe.bars.ts_event_ns[row])
        symbol = schedule.symbol_at(ts)
        assert symbol is not None
        place = NAMES.index(symbol.partition(".")[2])
        own = held[NAMES[place]]
        assert front[row] == own.close[np.searchsorted(own.ts_event_ns, ts)]
        if place + 1 < len(NAMES):
            behind = held[NAMES[place + 1]]
            assert second[row] == behind.close[np.searchsorted(behind.ts_event_ns, ts)] == front[row] + 2.0
        seen.add(place)
    assert seen == {0, 1, 2, 3}
    assert np.isnan(second[-1]), "behind the last contract nobody stands"


def test_places_in_the_line_begin_and_end_with_their_contracts(tmp_path: Path) -> None:
    home = workspace(tmp_path, {"volatility_front": "VXM#1"})
    for name in NAMES:
        write(home, replace(volatility_contract(name), instrument="VXM"), contract=name)
    schedule = series_of(home, "universe", "1d", ROLLING).schedule
    assert schedule is not None
    symbols = [f"VXM.{name}" for name in NAMES]
    third = in_line(schedule, symbols, 3)
    assert third is not None
    assert [leg.symbol for leg in third.legs] == symbols[2:]
    assert third.end_ns == schedule.rolls[1].effective_ns
    late = in_line(schedule, symbols[3:], 1)
    assert late is not None
    assert (late.first_symbol, late.start_ns) == (symbols[3], schedule.start_ns)
    assert in_line(schedule, symbols, 5) is None


def test_a_symbols_rows_are_joined_with_what_was_known_of_the_universe(desk: Workspace) -> None:
    write(desk, daily("AAPL"))
    bars = daily("AAPL")
    shifted = bars.ts_recv_ns.copy()
    shifted[1::3] -= 1
    write(desk, replace(daily("MSFT"), ts_close_ns=shifted, ts_recv_ns=shifted.copy()))
    harvest(desk, "cross_asset", [], ["1d"], ROLLING)
    harvest(desk, "sma,zscore", ["AAPL", "MSFT"], ["1d"], ROLLING)
    harvest(desk, "std", ["AAPL", "MSFT"], ["1d"], ROLLING)
    alias = "member_return_equity_1"
    universe = table_of(desk, "cross_asset", "universe", "1d").scan().select("ts_recv_ns", alias).collect()
    known, value = universe["ts_recv_ns"].to_numpy(), universe[alias].to_numpy()
    for symbol in ("AAPL", "MSFT"):
        found = joined(desk, symbol, "1d", ["sma,zscore", "cross_asset", "std"]).collect()
        assert found.columns[:3] == ["ts_recv_ns", "sma", "zscore"]
        own = table_of(desk, "sma,zscore", symbol, "1d").scan().collect()
        assert found.select(own.columns).equals(own)
        got = found[alias].to_numpy()
        for row, ns in enumerate(own["ts_recv_ns"].to_numpy()):
            before = np.flatnonzero(known <= ns)
            want = value[before[-1]] if len(before) else np.nan
            np.testing.assert_equal(got[row], want)
        assert found["std"].is_finite().any()
        assert found.null_count().sum_horizontal()[0] == 0
    same = joined(desk, "AAPL", "1d", ["std", "cross_asset"]).collect()
    np.testing.assert_array_equal(same[alias].to_numpy(), value, "equal instants count as known")
    with pytest.raises(ConfigError, match="cross_asset gives no rows of AAPL"):
        joined(desk, "AAPL", "1d", ["cross_asset"])
    with pytest.raises(CatalogError, match="harvest them first"):
        joined(desk, "AAPL", "1d", ["futures", "cross_asset"])


def test_a_universe_that_ended_does_not_go_on_for_ever(tmp_path: Path) -> None:
    home = workspace(tmp_path, {"equity": "US_EQUITY_ADJ:SPY"}, stale_after_days=2.0)
    write(home, daily("US_EQUITY_ADJ:SPY", last=date(2023, 3, 1)))
    write(home, daily("AAPL"))
    harvest(home, "cross_asset", [], ["1d"], ROLLING)
    harvest(home, "std", ["AAPL"], ["1d"], ROLLING)
    found = joined(home, "AAPL", "1d", ["std", "cross_asset"]).collect()
    days = pl.from_epoch(found["ts_recv_ns"], time_unit="ns").dt.date()
    after = found.filter((days > date(2023, 3, 3)).to_numpy())
    assert len(after) > 50
    assert after["member_return_equity_1"].is_nan().all()
    assert not found.filter((days == date(2023, 3, 2)).to_numpy())["member_return_equity_1"].is_nan().any()


def test_what_cannot_be_harvested_is_said_before_anything_is_made(desk: Workspace, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="harvest it without --symbols"):
        harvest(desk, "cross_asset", ["EURUSD"], ["1d"], ROLLING)
    with pytest.raises(ConfigError, match="a harvest needs symbols and timeframes"):
        harvest(desk, "futures", [], ["1d"], ROLLING)
    with pytest.raises(CatalogError, match="no bars of 1h of any member of the universe"):
        harvest(desk, "cross_asset", [], ["1h"], ROLLING)
    lone = workspace(tmp_path / "lone", {"gold": MEMBERS["gold"]})
    write(lone, daily(MEMBERS["gold"]))
    with pytest.raises(ConfigError, match="no column of pair_beta can be made: nobody plays"):
        harvest(lone, "pair_beta", [], ["1d"], ROLLING)
    odd = workspace(tmp_path / "odd", MEMBERS | {"vix": "VXM#none"})
    with pytest.raises(ConfigError, match="'VXM#none' is not understood; write VXM#1"):
        harvest(odd, "cross_asset", [], ["1d"], ROLLING)
    late = workspace(tmp_path / "late", MEMBERS, clock="vix")
    with pytest.raises(CatalogError, match=r"universe\.clock is vix"):
        harvest(late, "cross_asset", [], ["1d"], ROLLING)


def test_another_clock_gives_other_rows(desk: Workspace, tmp_path: Path) -> None:
    stated = yaml.safe_load(desk.settings_file.read_text())
    stated["universe"]["clock"] = "bitcoin"
    desk.settings_file.write_text(yaml.safe_dump(stated))
    universe = series_of(Workspace(desk.root), "universe", "1d", ROLLING)
    assert universe.bars.instrument == "BTCUSD"
    assert universe.about["clock"] == "bitcoin"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("universe: {members: {tulips: MES}}", "tulips is no role of the universe; roles are equity"),
        ("universe: {clock: noon}", "universe.clock"),
        ("universe: {stale_after_days: 0}", "universe.stale_after_days"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "argus.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        read_settings(path)
    assert set(Settings().universe.members) == set(ROLES)


def test_the_command_says_what_was_left_out(desk: Workspace) -> None:
    done = argus("features", "harvest", "--set", "cross_asset", "--timeframes", "1d", folder=desk.root)
    assert done.returncode == 0, done.stderr
    assert "universe 1d:" in done.stdout
    assert "columns left out, because nobody plays silver: member_return_silver_1" in done.stdout
    told = argus("features", "harvest", "--set", "cross_asset", "--timeframes", "1d", "--json", folder=desk.root)
    (table,) = json.loads(told.stdout)["tables"]
    assert table["rows_kept"] == table["rows"]
    assert "member_return_silver_1" in table["left_out"]


DATA = os.environ.get("ARGUS_TEST_DATA", "")
REAL = {
    "equity": "SPY",
    "nasdaq": "QQQ",
    "small_caps": "IWM",
    "dow": "DIA",
    "bonds_30y": "TLT",
    "high_yield": "HYG",
    "dollar": "UUP",
    "gold": "GLD",
    "silver": "SLV",
    "oil": "USO",
    "energy": "XLE",
    "financials": "XLF",
    "industrials": "XLI",
    "technology": "XLK",
    "staples": "XLP",
    "utilities": "XLU",
    "health_care": "XLV",
    "discretionary": "XLY",
}


@pytest.mark.skipif(not DATA, reason="ARGUS_TEST_DATA names no folder of real market data")
def test_real_markets_behave_as_they_are_known_to(tmp_path: Path) -> None:
    home = workspace(tmp_path, {role: f"US_EQUITY_ADJ:{name}" for role, name in REAL.items()} | {"vix": "VIX"})
    for symbol, name in [*((f"US_EQUITY_ADJ:{one}", one) for one in REAL.values()), ("VIX", "VIX")]:
        path = Path(DATA) / "daily" / f"{name}.csv"
        preset = ("--instrument", symbol, "--preset", "daily_csv")
        done = argus("data", "import", str(path), *preset, folder=home.root)
        assert "imported" in done.stdout, done.stderr
    (told,) = harvest(home, "cross_asset", [], ["1d"], ROLLING).tables
    assert told["columns"] > 90
    table = table_of(home, "cross_asset", "universe", "1d")
    found = table.scan().with_columns(day=pl.from_epoch("ts_recv_ns", time_unit="ns").dt.date()).collect()
    crash = found.filter(pl.col("day").is_between(date(2020, 3, 9), date(2020, 3, 23)))
    calm = found.filter(pl.col("day").is_between(date(2017, 6, 1), date(2017, 12, 31)))
    assert crash["risk_appetite_60"].mean() < -1.0 < calm["risk_appetite_60"].mean()
    assert crash["average_correlation_sectors_20"].mean() > 0.8 > calm["average_correlation_sectors_20"].mean()
    assert crash["absorption_ratio_sectors_60"].mean() > 0.6 > calm["absorption_ratio_sectors_60"].mean()
    assert crash["breadth_above_mean_sectors_50"].max() < 0.2
    assert found["pair_correlation_vix_equity_60"].median() < -0.6
    assert found["volatility_premium_20"].median() > 0.0
    assert crash["volatility_premium_20"].min() < 0.0
    assert found["member_volatility_equity_20"].drop_nans().len() > 7_000
