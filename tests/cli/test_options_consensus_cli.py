"""``argus options consensus`` and ``surface --published`` as a user types them, on invented chains in files."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from argus.core.time import NS_PER_MINUTE, format_ns
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots
from tests.app.test_options import as_csv
from tests.cli.command import Done, argus

SPEC = ChainMarketSpec(strikes_per_expiry=40, months=2, weeks=6, snapshots_per_session=2, start=date(2019, 5, 6))
BEFORE, CHAIN = chain_snapshots(SPEC)
CLOSE = int(CHAIN.ts_recv_ns[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("chains")
    (made / "chain.csv").write_text(as_csv(replace(CHAIN, vendor_iv=np.full(len(CHAIN), 0.19))))
    (made / "noon.csv").write_text(as_csv(replace(BEFORE, vendor_iv=np.full(len(BEFORE), np.nan))))
    return made


def consensus(folder: Path, *words: str) -> Done:
    return argus("options", "consensus", "--chain", "chain.csv", *words, folder=folder)


def test_two_snapshots_and_a_vendor(folder: Path) -> None:
    asked = ("--source", "noon=noon.csv", "--max-age", "30000", "--weight", "vendor=2", "--policy", "blended")
    done = consensus(folder, *asked, "--out", "all.csv", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["as_of"] == format_ns(CLOSE)
    assert [one["source"] for one in told["sources"]] == ["ours", "vendor", "noon"]
    assert [one["weight"] for one in told["sources"]] == [1.0, 2.0, 1.0]
    frame = pl.read_csv(folder / "all.csv")
    assert len(frame) == told["contracts"]["all"]
    assert frame["fresh"].max() == 3
    text = consensus(folder, *asked, "--expiry", told["expiries"][3]["expiry"])
    assert text.returncode == 0, text.stderr
    assert "SPX as of 2019-05-06" in text.stdout
    assert "noon.csv" in text.stdout
    assert "out of the money two sources or more were heard" in text.stdout


def test_what_is_too_old_has_no_number(folder: Path) -> None:
    later = format_ns(CLOSE + 20 * NS_PER_MINUTE)
    done = consensus(folder, "--as-of", later, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["contracts"]["ok"] == 0
    assert {one["atm_vol"] for one in told["expiries"]} == {None}
    assert {one["heard"] for one in told["sources"]} == {"too old"}
    heard = json.loads(consensus(folder, "--as-of", later, "--max-age", "vendor=1200", "--json").stdout)
    assert heard["contracts"]["ok"] == heard["contracts"]["all"]
    # An instant before the close knows nothing of the close.
    earlier = ("--as-of", format_ns(CLOSE - 1), "--max-age", "30000", "--json")
    early = consensus(folder, "--source", "noon=noon.csv", *earlier)
    assert [one["snapshots"] for one in json.loads(early.stdout)["sources"]] == [0, 1]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--policy", "loudest"), "--policy is 'loudest'; write one of prefer_stream, winner_based, blended"),
        (("--max-age", "soon"), "--max-age is 'soon'; write a positive number"),
        (("--max-age", "5", "--max-age", "6"), "--max-age is given as 5 and as 6"),
        (("--weight", "vendor=-1"), "--weight is '-1'; write a positive number"),
        (("--stream", "live"), "no source is called 'live'; there are ours, vendor"),
        (("--source", "ours=noon.csv"), "--source names 'ours'"),
        (("--source", "noon.csv"), "--source is 'noon.csv'; write --source NAME=VALUE"),
        (("--as-of", "2018-01-01"), "no source had said anything by 2018-01-01"),
    ],
)
def test_what_cannot_be_meant_is_refused(folder: Path, words: tuple[str, ...], complaint: str) -> None:
    done = consensus(folder, *words)
    assert done.returncode != 0
    assert complaint in " ".join(done.stderr.split())


def published(folder: Path, *rows: str, head: str = "DATE,OPEN,HIGH,LOW,CLOSE") -> Done:
    (folder / "index.csv").write_text("\n".join([head, *rows]) + "\n")
    asked = ("--chain", "chain.csv", "--published", "index.csv", "--json")
    return argus("options", "surface", *asked, folder=folder)


def test_our_index_stands_beside_the_published_one(folder: Path) -> None:
    done = published(folder, "05/03/2019,1,1,1,1", "05/06/2019,18.5,30,10,17")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    ours = told["volatility_index"]
    assert told["published_index"]["difference"] == pytest.approx(ours - 17.0)
    assert told["published_index"]["inside"] is True
    assert any("lies within that range" in sentence for sentence in told["sentences"])
    # ISO dates with what vendors append to them, and a range that ours does not lie in.
    other = published(folder, "2019-05-06 00:00:00-04:00,5,6,4,5,0", head="Date,Open,High,Low,Close,Volume")
    assert json.loads(other.stdout)["published_index"]["inside"] is False
    assert f"{ours - 5.0:+.2f} and lies outside of that range" in other.stdout
    alone = argus("options", "surface", "--chain", "chain.csv", "--json", folder=folder)
    assert json.loads(alone.stdout)["published_index"] is None


@pytest.mark.parametrize(
    ("rows", "head", "complaint"),
    [
        (("2019-05-03,1,1,1,1",), "date,open,high,low,close", "has 2019-05-06, the session of the snapshot, not"),
        (("2019-05-06,1,1,1,1",) * 2, "date,open,high,low,close", "2 times"),
        (("2019-05-06,1,1,1,2",), "date,open,high,low,close", "no day's range"),
        (("2019-05-06,1,,1,1",), "date,open,high,low,close", "no day's range"),
        (("2019-05-06,1",), "date,close", "has no column open"),
        (("yesterday,1,1,1,1",), "date,open,high,low,close", "none that can be read as YYYY-MM-DD"),
    ],
)
def test_a_published_file_that_cannot_be_used_says_why(
    folder: Path, rows: tuple[str, ...], head: str, complaint: str
) -> None:
    done = published(folder, *rows, head=head)
    assert done.returncode != 0
    assert complaint in " ".join(done.stderr.split())
