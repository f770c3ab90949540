"""``argus options iv, surface, anomalies, structure, pop`` as a user types them, on an invented chain in a file."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from argus.app import option_tables
from argus.app.option_snapshots import open_snapshot
from argus.cli import options_analysis
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots
from tests.app.test_options import as_csv
from tests.cli.command import argus


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = ChainMarketSpec(strikes_per_expiry=60, months=3, weeks=6, start=date(2019, 5, 6))
    path = tmp_path_factory.mktemp("chain") / "chain.csv"
    path.write_text(as_csv(next(chain_snapshots(spec))))
    return path


def test_every_quote_is_written_with_its_volatility_or_the_reason(chain: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "quotes.parquet", tmp_path / "smiles.html"
    done = argus(
        "options", "iv", "--chain", str(chain), "--out", str(out), "--page", str(page), "--json", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    frame = pl.read_parquet(out)
    assert len(frame) == sum(one["quotes"] for one in told["expiries"])
    assert frame.filter(pl.col("reason") == "ok")["vol_mid"].is_finite().all()
    assert frame.filter(pl.col("reason") != "ok")["vol_mid"].is_nan().all()
    assert "Implied volatility: SPX" in page.read_text()
    one = told["expiries"][-1]["expiry"]
    text = argus("options", "iv", "--chain", str(chain), "--expiry", one, folder=tmp_path)
    assert text.returncode == 0
    assert "vol mid" in text.stdout


def test_surface_and_anomalies_answer_in_words_and_json(chain: Path, tmp_path: Path) -> None:
    surface = argus("options", "surface", "--chain", str(chain), "--json", folder=tmp_path)
    assert surface.returncode == 0, surface.stderr
    told = json.loads(surface.stdout)
    assert told["free_of_arbitrage"] is True
    assert told["share_inside"] > 0.9
    found = argus("options", "anomalies", "--chain", str(chain), "--top", "3", folder=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "spreads off" in found.stdout
    refused = argus("options", "anomalies", "--chain", str(chain), "--history", "5", folder=tmp_path)
    assert refused.returncode != 0
    assert "--history needs chains of the catalog" in refused.stderr


def test_a_snapshot_without_a_spot_says_so(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = open_snapshot(str(chain), None)
    options_analysis._say(found)
    assert f", {found.spot:,.2f}; {len(found.chain):,} quotes of chain.csv" in capsys.readouterr().out
    options_analysis._say(replace(found, spot=float("nan")))
    assert f", its price not known; {len(found.chain):,} quotes" in capsys.readouterr().out


def test_a_rate_that_rounds_to_zero_has_no_sign() -> None:
    assert option_tables._rate_said(-1e-6, 1e-3) == "0.00% +/- 0.10%"
    (form,) = (form for _, name, form in options_analysis._EXPIRIES if name == "dividend_yield")
    assert (form.format(-1e-6), form.format(-0.01)) == ("0.00%", "-1.00%")


def test_a_structure_and_its_chances(chain: Path, tmp_path: Path) -> None:
    asked = ("--chain", str(chain), "--structure", "short_put_vertical", "--dte", "30", "--delta", "0.3")
    done = argus(
        "options", "pop", *asked, "--profit-target", "0.5", "--stop", "2", "--paths", "500", "--json", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {one["model"] for one in told["answers"]} == {"market_smile", "black_scholes", "heston"}
    assert all(0.0 <= one["probability"][0] <= 1.0 for one in told["answers"])
    again = argus(
        "options", "pop", *asked, "--profit-target", "0.5", "--stop", "2", "--paths", "500", "--json", folder=tmp_path
    )
    assert again.stdout == done.stdout
    wrong = argus("options", "structure", "--chain", str(chain), "--structure", "iron_lion", folder=tmp_path)
    assert wrong.returncode != 0
    assert "'iron_lion' is not known" in wrong.stderr
    assert "Traceback" not in wrong.stderr


NUMBERS = {
    "iv": ("rate",),
    "surface": ("rate", "history-years"),
    "anomalies": ("rate", "cost"),
    "consensus": ("rate", "max-age"),
    "structure": ("rate", "dte", "delta", "width", "later-dte", "commission", "multiplier"),
    "pop": ("rate", "dte", "history-years", "profit-target", "stop", "exit-days", "drift", "commission", "multiplier"),
}
MAY_BE_ZERO = ("rate", "cost", "commission", "drift")
MAY_BE_NEGATIVE = ("rate", "drift")


@pytest.mark.parametrize("command", NUMBERS)
def test_numbers_that_mean_nothing_are_refused_by_name(command: str, chain: Path, tmp_path: Path) -> None:
    needed = ("--structure", "short_put") if command in ("structure", "pop") else ()
    for option in NUMBERS[command]:
        for value in ("inf", "-inf", "nan", "x", "-1e-3", "0"):
            if (value == "0" and option in MAY_BE_ZERO) or (value == "-1e-3" and option in MAY_BE_NEGATIVE):
                continue
            given = (f"--{option}={value}", *needed)
            done = argus("options", command, "--chain", str(chain), *given, folder=tmp_path)
            assert done.returncode in (1, 2), (option, value)
            assert option in done.stderr.replace("_", "-"), (option, value, done.stderr)
            assert "internal error" not in done.stderr
    share = argus("options", "check", "SPX/eod", "--min-complete", "nan", folder=tmp_path)
    assert share.returncode == 2
    assert "min-complete" in share.stderr


def test_asks_beyond_reason_are_told_by_every_command(chain: Path, tmp_path: Path) -> None:
    lines = chain.read_text().splitlines()
    ask = lines[0].split(",").index("ask")
    cells = lines[40].split(",")
    cells[ask] = "1e9"
    path = tmp_path / "absurd.csv"
    path.write_text("\n".join([*lines[:40], ",".join(cells), *lines[41:]]) + "\n")
    for command in ("iv", "surface", "anomalies", "consensus"):
        told = json.loads(argus("options", command, "--chain", str(path), "--json", folder=tmp_path).stdout)
        assert any("1 quote asks more than its option can ever pay" in note for note in told["notes"]), command
