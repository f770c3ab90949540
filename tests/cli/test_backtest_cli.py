"""``argus backtest`` as a user types it: the published figures, options that are checked, errors with a remedy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.cli.command import argus

FILE = ("--stamp", "end", "--timezone", "UTC", "--instrument", "ES")


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
        (("sma_cross", "--daily-loss", "2"), "--daily-loss is 2; give a fraction"),
        (("sma_cross", "--daily-loss", "none"), "--daily-loss"),
        (("sma_cross", "--drawdown", "0.0000001"), "--drawdown"),
        (("sma_cross", "--flatten", "--daily-loss", "off"), "--flatten"),
        (("sma_cross", "--max-order", "0"), "--max-order is 0"),
        (("sma_cross", "--half-spread", "-1"), "half_spread_ticks is -1"),
        (("sma_cross", "--impact", "1000"), "impact coefficient is 1000"),
        (("sma_cross", "--max-position", "inf"), "--max-position is inf"),
        (("sma_cross", "--max-orders-per-minute", "-1"), "--max-orders-per-minute is -1"),
        (("sma_cross", "--price-collar", "nan"), "--price-collar is nan"),
        (("sma_cross", "--finer", "nothing.parquet"), "no such file"),
        (("sma_cross", "--finer", "nothing.parquet", "--roll", "calendar"), "--contract-column"),
        (("sma_cross", "--max-order", "2", "--roll", "calendar"), "--contract-column"),
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


def test_halts_are_typed_and_told_where_they_are_not_the_default(bars: Path, tmp_path: Path) -> None:
    run = ("backtest", "sma_cross", "--bars", str(bars), *FILE)
    plain = argus(*run, folder=tmp_path).stdout
    assert "halts" not in plain
    typed = argus(*run, "--daily-loss", "0.05", "--drawdown", "0.125", "--flatten", folder=tmp_path).stdout
    assert "daily loss 5 %, drawdown 12.5 %, closing what is held" in typed
    off, zero = (json.loads(argus(*run, "--daily-loss", no, "--json", folder=tmp_path).stdout) for no in ("off", "0"))
    assert off["halts"] == {"daily_loss": None, "drawdown": None, "flatten": False}
    assert off["run_id"] == zero["run_id"]
    assert off["run_id"] not in plain


def test_a_loss_halts_and_closes(bars: Path, tmp_path: Path) -> None:
    run = ("backtest", "sma_cross", "--bars", str(bars), *FILE, "--cash", "50000", "--daily-loss", "off", "--json")
    free = json.loads(argus(*run, folder=tmp_path).stdout)
    halted = json.loads(argus(*run, "--drawdown", "0.005", "--flatten", folder=tmp_path).stdout)
    assert "trading was halted 1 times after losses" in halted["notes"]
    assert not any("halted" in note for note in free["notes"])
    # Prices rise by a tick a minute and fall as fast: the halt sells what the rise made, and the fall is not traded.
    assert (halted["fills"], halted["trades"]) == (2, 1)
    assert 0 < halted["net_pnl"] < free["net_pnl"]


def test_limits_on_orders_are_kept(bars: Path, tmp_path: Path) -> None:
    run = ("backtest", "sma_cross", "--bars", str(bars), *FILE, "--units", "3", "--json")
    for words in (("--max-order", "2"), ("--max-position", "2")):
        figures = json.loads(argus(*run, *words, folder=tmp_path).stdout)
        assert figures["fills"] == 0
        assert figures["refused_orders"] > 0
        assert any("at most 2 are allowed" in note for note in figures["notes"])


def test_what_trading_cost_is_printed_and_adds_up(bars: Path, tmp_path: Path) -> None:
    run = ("backtest", "sma_cross", "--bars", str(bars), *FILE, "--slippage-ticks", "1")
    figures = json.loads(argus(*run, "--json", folder=tmp_path).stdout)
    costs = dict(figures["costs"])
    assert costs.pop("net") == figures["net_pnl"] == pytest.approx(sum(costs.values()))
    # A tick on one contract to begin with, and on two at each turn.
    assert costs["slippage"] == -12.5 * (2 * figures["fills"] - 1)
    text = argus(*run, folder=tmp_path).stdout
    for words in ("What trading cost", "Before costs", "Commission", "After costs", f"−{-costs['slippage']:,.2f}"):
        assert words in text


def test_the_half_spread_is_paid_exactly_and_impact_in_proportion(bars: Path, tmp_path: Path) -> None:
    run = ("backtest", "sma_cross", "--bars", str(bars), *FILE, "--json")

    def net(*words: str) -> float:
        return float(json.loads(argus(*run, *words, folder=tmp_path).stdout)["net_pnl"])

    free, tick = net(), net("--slippage-ticks", "1")
    assert net("--half-spread", "1") == tick < free
    assert net("--half-spread", "0.5") == pytest.approx((free + tick) / 2, abs=1e-9)
    assert free - net("--impact", "2") == pytest.approx(2 * (free - net("--impact", "1")), rel=1e-6)
    assert net("--impact", "1") < free


def test_orders_meet_finer_bars_from_a_file_or_the_catalog(bars: Path, tmp_path: Path) -> None:
    coarse = tmp_path / "quarters.parquet"
    (
        pl.read_parquet(bars)
        .group_by_dynamic("ts", every="15m", closed="right", label="right")
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .slice(1, 100)
        .write_parquet(coarse)
    )
    assert argus("init", "desk", folder=tmp_path).returncode == 0
    desk = tmp_path / "desk"
    words = ("--param", "fast=5", "--param", "slow=20")
    run = ("backtest", "sma_cross", "--bars", str(coarse), *FILE, *words)
    first = argus(*run, "--finer", str(bars), "--json", folder=desk)
    assert first.returncode == 0, first.stderr
    figures = json.loads(first.stdout)
    assert "ES: orders met finer bars within 100 of 100 bars" in figures["notes"]
    assert any(note.startswith("finer bars: interval: 1m") for note in figures["notes"])
    traced = argus("trace", "last", "--json", folder=desk)
    assert traced.returncode == 0, traced.stderr
    assert json.loads(traced.stdout)["adds_up"] is True

    for path in (coarse, bars):
        assert argus("data", "import", str(path), *FILE, folder=desk).returncode == 0
    again = argus("backtest", "sma_cross", "--dataset", "ES.15m", "--finer", "ES.1m", *words, "--json", folder=desk)
    mixed = argus(
        "backtest", "sma_cross", "--dataset", "ES.15m", "--finer", str(bars), *FILE[:4], *words, "--json", folder=desk
    )
    assert {json.loads(done.stdout)["run_id"] for done in (again, mixed)} == {figures["run_id"]}
    shortest = argus(
        "backtest", "sma_cross", "--dataset", "ES.15m", "--finer", "catalog", *words, "--json", folder=desk
    )
    assert json.loads(shortest.stdout)["run_id"] == json.loads(again.stdout)["run_id"]
    none_shorter = argus("backtest", "sma_cross", "--dataset", "ES.1m", "--finer", "catalog", *words, folder=desk)
    assert none_shorter.returncode == 1
    assert "the catalog has no shorter bars of ES than ES.1m" in none_shorter.stderr
    unknown = argus(*run, "--finer", "NQ.1m", folder=desk)
    assert unknown.returncode == 1
    assert all(name in unknown.stderr for name in ("'NQ.1m'", "ES.15m", "ES.1m"))
