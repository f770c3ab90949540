"""``argus backtest`` as a user types it: the published figures, options that are checked, errors with a remedy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

FILE = ("--stamp", "end", "--timezone", "UTC", "--instrument", "ES")


def argus(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "argus", *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two thousand minutes on the tick grid, going up, then down."""
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    steps = np.where(np.arange(2_000) < 1_000, 0.25, -0.25)
    close = 4_000.0 + np.cumsum(steps)
    pl.DataFrame(
        {
            "ts": pl.datetime_range(
                pl.datetime(2024, 3, 4, 15), pl.datetime(2024, 3, 6, 0, 19), interval="1m", eager=True
            )[:2_000],
            "open": close - steps,
            "high": np.maximum(close, close - steps),
            "low": np.minimum(close, close - steps),
            "close": close,
            "volume": np.full(2_000, 500.0),
        }
    ).write_parquet(path)
    return path


def test_the_published_figures(real_data: Path, tmp_path: Path) -> None:
    file = real_data / "bench" / "es_1m.parquet"
    for ticks, pnl in ((1, -475_131.25), (0, -127_943.75)):
        done = argus(
            "backtest", "sma_cross", "--bars", str(file), *FILE, "--param", "fast=20", "--param", "slow=100",
            "--fee-per-contract", "2.25", "--slippage-ticks", str(ticks), "--json", folder=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout)
        assert (figures["orders"], figures["net_pnl"]) == (13_888, pnl)
        assert figures["fees"] == 62_493.75
        assert figures["final_equity"] == 1_000_000 + pnl


def test_the_same_command_gives_the_same_run(bars: Path, tmp_path: Path) -> None:
    words = ("backtest", "sma_cross", "--bars", str(bars), *FILE, "--json")
    first, second = (json.loads(argus(*words, folder=tmp_path).stdout) for _ in range(2))
    first.pop("seconds_run"), second.pop("seconds_run")
    assert first == second
    assert first["trial_counted"] is False


def test_inside_a_workspace_the_run_is_kept_counted_and_traceable(bars: Path, tmp_path: Path) -> None:
    assert argus("init", "desk", folder=tmp_path).returncode == 0
    desk = tmp_path / "desk"
    figures = json.loads(argus("backtest", "sma_cross", "--bars", str(bars), *FILE, "--json", folder=desk).stdout)
    assert figures["trial_counted"] is True
    assert (desk / "runs" / figures["run_id"] / "trades.parquet").is_file()
    traced = argus("trace", figures["run_id"], "--json", folder=desk)
    assert traced.returncode == 0, traced.stderr
    assert json.loads(traced.stdout)["run_id"] == figures["run_id"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("sma_cros",), "sma_cross"),
        (("sma_cross", "--param", "fats=20"), "fats"),
        (("sma_cross", "--param", "fast=ten"), "fast"),
        (("sma_cross", "--param", "fast"), "name=value"),
        (("sma_cross", "--param", "fast=200"), "slow"),
        (("sma_cross", "--cash", "-5"), "cash"),
        (("sma_cross", "--slippage-rate", "lots"), "--slippage-rate"),
        (("sma_cross", "--account", "cash"), "futures"),
        (("sma_cross", "--start", "yesterday"), "yesterday"),
        (("sma_cross", "--units", "1", "--vol-target", "0.1"), "--vol-target"),
    ],
)
def test_a_wrong_option_is_named(bars: Path, tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    done = argus("backtest", *words, "--bars", str(bars), *FILE, folder=tmp_path)
    assert done.returncode != 0
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_stamp_means_is_never_guessed(bars: Path, tmp_path: Path) -> None:
    done = argus("backtest", "sma_cross", "--bars", str(bars), "--instrument", "ES", folder=tmp_path)
    assert done.returncode != 0
    assert "stamp" in done.stderr


def test_an_account_too_small_trades_nothing_and_says_why(bars: Path, tmp_path: Path) -> None:
    done = argus("backtest", "sma_cross", "--bars", str(bars), *FILE, "--cash", "5000", "--json", folder=tmp_path)
    figures = json.loads(done.stdout)
    assert figures["fills"] == 0
    assert figures["refused_orders"] > 0
    assert figures["final_equity"] == 5_000.0
