"""``argus backtest --quotes`` as a user types it: fills on bids and asks, the trace of one, errors with a remedy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.cli.command import argus

FILE = ("--stamp", "end", "--timezone", "UTC", "--instrument", "ES")
RUN = ("backtest", "sma_cross", *FILE, "--param", "fast=5", "--param", "slow=20", "--fee-per-contract", "0")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Six hundred minutes that go up and down in waves, and two quotes a minute, a tick to either side of the close."""
    folder = tmp_path_factory.mktemp("quoted")
    close = 4_000.0 + np.rint(40 * np.sin(np.arange(600) / 25)) * 0.25
    opened = np.append(close[0], close[:-1])
    stamps = pl.datetime_range(pl.datetime(2024, 3, 4, 15, 1), pl.datetime(2024, 3, 5, 1), interval="1m", eager=True)
    pl.DataFrame(
        {
            "ts": stamps[:600],
            "open": opened,
            "high": np.maximum(close, opened),
            "low": np.minimum(close, opened),
            "close": close,
            "volume": np.full(600, 500.0),
        }
    ).write_parquet(folder / "bars.parquet")
    ends = stamps[:600].cast(pl.Datetime("ns")).cast(pl.Int64).to_numpy()
    made = np.column_stack([ends - 40 * 10**9, ends - 10 * 10**9]).ravel()
    level = np.repeat(close, 2)
    columns = {"bid": level - 0.25, "ask": level + 0.25, "bid_size": np.full(1_200, 9), "ask_size": np.full(1_200, 9)}
    pl.DataFrame({"ts_event_ns": made, "ts_recv_ns": made + 50_000, **columns}).write_csv(folder / "quotes.csv")
    return folder / "bars.parquet", folder / "quotes.csv"


def test_a_run_on_quotes_is_told_and_traced(files: tuple[Path, Path], tmp_path: Path) -> None:
    bars, quotes = files
    assert argus("init", "desk", folder=tmp_path).returncode == 0
    desk = tmp_path / "desk"
    done = argus(*RUN, "--bars", str(bars), "--quotes", str(quotes), "--json", folder=desk)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["fills"] > 5
    told = "ES: orders met 1,200 quotes, bid and ask, and no bars; 600 of 600 bars have a quote within them"
    assert told in figures["notes"]
    traced = argus("trace", "last", "--json", folder=desk)
    assert traced.returncode == 0, traced.stderr
    trace = json.loads(traced.stdout)
    assert trace["adds_up"] is True
    first = trace["fills"][0]
    side = "ask" if first["signed_lots"] > 0 else "bid"
    assert first["price"]["base"] == side
    assert float(first["price"]["price"]) == first["bar"]["quote"][side]
    words = argus("trace", "last", folder=desk).stdout
    assert "quote" in words
    assert "× 9" in words

    # Bars from the catalog and the same quotes are the same run.
    assert argus("data", "import", str(bars), *FILE, folder=desk).returncode == 0
    again = argus(*RUN[:2], *RUN[8:], "--dataset", "ES.1m", "--quotes", str(quotes), "--json", folder=desk)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["run_id"] == figures["run_id"]

    quotes_text = quotes.read_text()
    quotes.write_text(quotes_text.replace(",9,9", ",8,9", 1))
    changed = argus("trace", "last", folder=desk)
    quotes.write_text(quotes_text)
    assert changed.returncode == 1
    assert "made on quotes with content hash" in changed.stderr


def test_rows_that_are_no_quotes_are_left_out_and_said(files: tuple[Path, Path], tmp_path: Path) -> None:
    bars, quotes = files
    lines = quotes.read_text().splitlines()
    cells = lines[600].split(",")
    cells[2], cells[3] = "4100", "4000"
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join([*lines[:600], ",".join(cells), *lines[601:], ""]))
    done = argus(*RUN, "--bars", str(bars), "--quotes", str(bad), "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    notes = json.loads(done.stdout)["notes"]
    assert any(
        note.startswith("quotes: bad.csv: 1 rows are no quotes (1 crossed); the first: line 601") for note in notes
    )


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--quotes", "nothing.csv"), "nothing.csv does not exist"),
        (("--quotes", "QUOTES", "--quotes-preset", "odd"), "no preset of quotes is called 'odd'"),
        (("--quotes", "QUOTES", "--quotes-where", "symbol"), "--quotes-where"),
        (("--quotes", "QUOTES", "--quotes-preset", "quotes_iso"), "time_column is stated as 'time'"),
        (("--quotes", "QUOTES", "--slippage-ticks", "1"), "which hold the spread already"),
        (("--quotes", "QUOTES", "--finer", "x"), "give either --finer or --quotes"),
        (("--quotes", "QUOTES", "--roll", "calendar"), "--roll exclude each other"),
        (("--quotes-preset", "quotes"), "add --quotes FILE"),
    ],
)
def test_a_wrong_option_is_named(files: tuple[Path, Path], tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    bars, quotes = files
    done = argus(
        *RUN, "--bars", str(bars), *(str(quotes) if word == "QUOTES" else word for word in words), folder=tmp_path
    )
    assert done.returncode != 0
    assert named in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
