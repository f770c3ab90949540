"""``argus backtest`` in several currencies and with intraday margins, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.cli.command import argus

FILE = ("--stamp", "end", "--timezone", "UTC", "--instrument", "ES")
DAYS = "date,currency,rate\n2024-03-01,USD,0.92\n2024-03-04,USD,0.9204\n2024-03-05,USD,0.9211\n"


def minutes(path: Path, close: np.ndarray, step: np.ndarray) -> Path:
    """Bars of a minute from the afternoon of 4 March 2024 on."""
    count = len(close)
    stamps = pl.datetime_range(pl.datetime(2024, 3, 4, 15), pl.datetime(2024, 3, 6), interval="1m", eager=True)[:count]
    high, low = np.maximum(close, close - step), np.minimum(close, close - step)
    columns = {"open": close - step, "high": high, "low": low, "close": close, "volume": np.full(count, 500.0)}
    pl.DataFrame({"ts": stamps, **columns}).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sawteeth of ten points, so that averages cross often."""
    step = np.where(np.arange(900) // 150 % 2 == 0, 0.25, -0.25)
    return minutes(tmp_path_factory.mktemp("bars") / "bars.parquet", 4_000.0 + np.cumsum(step), step)


@pytest.fixture
def days(tmp_path: Path) -> Path:
    path = tmp_path / "days.csv"
    path.write_text(DAYS, encoding="utf-8")
    return path


def test_an_account_in_euros_trades_dollars_at_the_rates_of_days(bars: Path, days: Path, tmp_path: Path) -> None:
    run = ("backtest", "sma_cross", "--bars", str(bars), *FILE, "--json")
    dollars = json.loads(argus(*run, folder=tmp_path).stdout)
    done = argus(*run, "--currency", "EUR", "--rates", str(days), "--conversion-cost", "0", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    euros = json.loads(done.stdout)
    assert (euros["fills"], euros["orders"]) == (dollars["fills"], dollars["orders"])
    assert euros["fills"] > 4
    assert euros["net_pnl"] == pytest.approx(dollars["net_pnl"] * 0.92, rel=0.002)
    assert any("money in USD is converted to EUR" in note and "stated by the run" in note for note in euros["notes"])
    charged = json.loads(argus(*run, "--currency", "EUR", "--rates", str(days), folder=tmp_path).stdout)
    conversion = -dict(charged["costs"])["conversion"]
    assert conversion > 0
    assert charged["net_pnl"] == pytest.approx(euros["net_pnl"] - conversion, abs=1e-6)
    assert any("5 basis points" in note for note in charged["notes"])


def test_a_pair_of_the_catalog_gives_the_rates_and_the_run_is_traced(bars: Path, tmp_path: Path) -> None:
    pair = minutes(tmp_path / "eurusd.parquet", np.full(900, 1.25), np.zeros(900))
    assert argus("init", "desk", folder=tmp_path).returncode == 0
    desk = tmp_path / "desk"
    stated = ("--stamp", "end", "--timezone", "UTC", "--instrument", "EURUSD")
    done = argus("data", "import", str(pair), *stated, folder=desk)
    assert done.returncode == 0, done.stderr + done.stdout
    run = ("backtest", "sma_cross", "--bars", str(bars), *FILE, "--currency", "EUR", "--json")
    done = argus(*run, "--rates", "EURUSD.1m", folder=desk)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert any("the closes of EURUSD" in note for note in figures["notes"])
    traced = argus("trace", figures["run_id"], folder=desk)
    assert traced.returncode == 0, traced.stderr
    assert "Converted from USD to EUR" in traced.stdout
    assert "adds up to the micro-unit" in traced.stdout
    told = json.loads(argus("trace", figures["run_id"], "--json", folder=desk).stdout)
    assert told["adds_up"] is True
    assert {step["rate"] for step in told["in_account"]["conversions"]} == {"0.8"}


def test_intraday_margins_are_typed_and_told(bars: Path, tmp_path: Path) -> None:
    run = ("backtest", "sma_cross", "--bars", str(bars), *FILE, "--cash", "20000", "--units", "4", "--json")
    overnight = json.loads(argus(*run, folder=tmp_path).stdout)
    done = argus(*run, "--intraday-margin", "0.1", "--intraday-cutoff", "15", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    intraday = json.loads(done.stdout)
    assert overnight["fills"] == 0 < intraday["fills"]
    assert any("10 % of the overnight ones" in note for note in intraday["notes"])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--currency", "EUR"), "knows no rate between them; add bars of USDEUR (or EURUSD)"),
        (("--currency", "euro"), "three capital letters"),
        (("--currency", "EUR", "--rates", "EURUSD.1m"), "no such file"),
        (("--currency", "EUR", "--rates", "WRONG.csv"), "date,currency,rate is expected"),
        (("--currency", "EUR", "--rates", "DAY.csv"), "line 2: 'yesterday' is no date"),
        (("--currency", "EUR", "--rates", "ZERO.csv"), "rate of USD on 2024-03-01 is 0"),
        (("--currency", "EUR", "--rates", "SHORT.csv"), "line 2: three values are expected"),
        (("--currency", "EUR", "--rates", "OLD.csv"), "days old, more than the 7"),
        (("--conversion-cost", "-1"), "cost_bp is -1"),
        (("--conversion-cost", "much"), "--conversion-cost"),
        (("--intraday-margin", "0.5"), "--intraday-cutoff go together"),
        (("--intraday-margin", "2", "--intraday-cutoff", "15"), "share is 2"),
        (("--intraday-margin", "0.5", "--intraday-cutoff", "0"), "cutoff_minutes is 0"),
    ],
)
def test_a_wrong_option_is_named(bars: Path, tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    head = "date,currency,rate\n"
    for name, text in (
        ("WRONG.csv", "day,rate\n2024-03-01,1\n"),
        ("DAY.csv", f"{head}yesterday,USD,0.9\n"),
        ("ZERO.csv", f"{head}2024-03-01,USD,0\n"),
        ("SHORT.csv", f"{head}2024-03-01,USD\n"),
        ("OLD.csv", f"{head}2024-02-01,USD,0.9\n"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = argus("backtest", "sma_cross", "--bars", str(bars), *FILE, *words, folder=tmp_path)
    assert done.returncode != 0
    assert named in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
