"""``argus audit`` as a user types it: verdict, exit code, first row and field, options that are checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.cli.command import argus

FILE = ("--stamp", "end", "--timezone", "UTC", "--instrument", "ES")
SMALL = ("--cuts", "6", "--window", "200")

PEEKING = """
import numpy as np

from argus.core.intents import Target
from argus.core.strategy import StrategyConstraints, StrategySpec, WakeRule


class Peeking:
    def __init__(self, bars, ahead):
        self.spec = StrategySpec("peeking", "1", "", "", (bars.instrument,), WakeRule.EVERY_BAR, 2, (), {}, (),
                                 frozenset({"close"}), StrategyConstraints(1, 1e9))
        move = np.diff(bars.close, prepend=bars.close[0])
        self.wanted, self.ts_ns = np.sign(np.roll(move, -int(ahead))), bars.ts_recv_ns

    def wake(self, view):
        row = int(np.searchsorted(self.ts_ns, view.now_ns, side="right")) - 1
        return [Target(self.spec.universe[0], units=float(self.wanted[row]))]

    def filled(self, fill, view):
        return ()


def make(market, ahead=1):
    return Peeking(next(iter(market.values()))[1], ahead)
"""


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random walk of minutes on the tick grid."""
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    steps = np.random.Generator(np.random.Philox(1)).integers(-4, 5, 600) * 0.25
    close = 4_000.0 + np.cumsum(steps)
    pl.DataFrame(
        {
            "ts": pl.datetime_range(pl.datetime(2024, 3, 4, 15), pl.datetime(2024, 3, 6, 0), interval="1m", eager=True)[
                :600
            ],
            "open": close - steps,
            "high": np.maximum(close, close - steps),
            "low": np.minimum(close, close - steps),
            "close": close,
            "volume": np.full(600, 500.0),
        }
    ).write_parquet(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "peeking.py").write_text(PEEKING)
    return tmp_path


def test_a_clean_strategy_exits_with_0(bars: Path, tmp_path: Path) -> None:
    words = ("sma_cross", "--data", str(bars), *FILE, "--param", "fast=3", "--param", "slow=8")
    done = argus("audit", "lookahead", *words, *SMALL, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["found"] is False
    (report,) = told["reports"]
    assert (report["audit"], report["strategy"], report["verdict"]) == ("lookahead", "sma_cross", "clean")
    assert report["parameters"]["fast"] == 3
    assert [check["check"] for check in report["checks"]] == [
        "repeats itself",
        "leaves nothing behind",
        "looks at its view only",
        "does not know the future",
        "brings no data of its own",
    ]


def test_ones_own_strategy_that_peeks_exits_with_3_and_names_row_and_field(bars: Path, folder: Path) -> None:
    words = ("peeking:make", "--bars", str(bars), *FILE, "--cuts", "3", "--window", "200")
    done = argus("audit", "lookahead", *words, "--json", folder=folder)
    assert done.returncode == 3, done.stderr
    (report,) = json.loads(done.stdout)["reports"]
    (found,) = [check for check in report["checks"] if check["status"] == "found"]
    first = found["first"]
    assert found["check"] == "does not know the future"
    assert (first["instrument"], first["row"], first["field"]) == ("ES", 1, "Target.units")
    assert first["was"] != first["became"]


def test_what_is_found_is_shown_as_text(bars: Path, folder: Path) -> None:
    (folder / "counting.py").write_text(PEEKING.replace("float(self.wanted[row])", "float(row % 7)"))
    done = argus("audit", "warmup", "counting:make", "--bars", str(bars), *FILE, "--window", "50", folder=folder)
    assert done.returncode == 3, done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    assert "warmup audit of peeking on ES: found" in told
    assert "first: ES row" in told
    assert "Traceback" not in done.stderr


def test_warmup_and_costs(bars: Path, folder: Path) -> None:
    words = ("peeking:make", "--param", "ahead=0", "--bars", str(bars), *FILE)
    warm = argus("audit", "warmup", *words, "--window", "100", folder=folder)
    assert warm.returncode == 0, warm.stderr + warm.stdout
    costs = argus(
        "audit", "costs", *words, "--fee-per-contract", "2.25", "--slippage-ticks", "1", "--json", folder=folder
    )
    assert costs.returncode == 0, costs.stderr
    checks = {check["check"]: check for check in json.loads(costs.stdout)["reports"][0]["checks"]}
    assert checks["costs.slippage_ticks"]["status"] == "clean"
    assert checks["costs.slippage_ticks"]["facts"]["charged"] > 0
    assert "not charged" in checks["latency_ns"]["detail"]


def test_too_little_to_judge_by_exits_with_4(bars: Path, tmp_path: Path) -> None:
    done = argus("audit", "costs", "tsmom", "--bars", str(bars), *FILE, folder=tmp_path)
    assert done.returncode == 4, done.stdout
    assert "insufficient" in done.stdout


def test_in_a_workspace_the_runs_are_counted_as_audits(bars: Path, folder: Path) -> None:
    assert argus("init", "desk", folder=folder).returncode == 0
    words = ("sma_cross", "--bars", str(bars), *FILE, "--param", "fast=3", "--param", "slow=8", "--window", "50")
    done = argus("audit", "warmup", *words, folder=folder / "desk")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not counted" not in done.stdout
    from argus.app.workspace import open_workspace

    journal = open_workspace(folder / "desk").trials().journal()
    assert {trial.purpose for trial in journal} == {"audit"}


def test_every_registered_strategy_pays_its_costs_on_the_embedded_data(tmp_path: Path) -> None:
    done = argus("audit", "costs", "--all", "--end", "2002-01-01", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    told = json.loads(done.stdout)
    assert [report["strategy"] for report in told["reports"]] == ["sma_cross", "tsmom", "mean_reversion", "overnight"]
    assert not told["found"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("future", "sma_cross"), "lookahead, warmup, costs"),
        (("lookahead",), "--all"),
        (("lookahead", "sma_cros"), "sma_cross"),
        (("lookahead", "nowhere:make"), "nowhere"),
        (("lookahead", "sma_cross", "--all"), "--all"),
        (("lookahead", "sma_cross", "--tolerance", "0.1"), "--tolerance"),
        (("costs", "sma_cross", "--cuts", "3"), "--cuts"),
        (("costs", "sma_cross", "--param", "fats=20"), "fats"),
        (("costs", "sma_cross", "--units", "1", "--vol-target", "0.1"), "--vol-target"),
    ],
)
def test_a_wrong_option_is_named(bars: Path, tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    done = argus("audit", *words, "--bars", str(bars), *FILE, folder=tmp_path)
    assert done.returncode == 1
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_market_must_be_named(tmp_path: Path) -> None:
    done = argus("audit", "warmup", "sma_cross", folder=tmp_path)
    assert done.returncode == 1
    assert "--bars" in done.stderr
