"""Consensus of chains as of an instant: who was known by then, who is too old, and that contracts are never mixed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from argus.app.option_consensus import Trust, _told_once, consensus_dict, consensus_frame, hear_sources
from argus.app.option_snapshots import snapshot_of
from argus.app.workspace import init_workspace
from argus.core.chains import ChainSnapshots
from argus.core.errors import ConfigError, CoverageError
from argus.core.time import NS_PER_MINUTE, NS_PER_SECOND, format_ns
from argus.data.catalog import SourceRecord
from argus.data.chain_store import ChainStore
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots
from argus.options import ConsensusPolicy
from tests.app.test_options import as_csv

MARKET = ChainMarketSpec(strikes_per_expiry=40, months=2, weeks=2, snapshots_per_session=3, start=date(2019, 5, 6))
CHAINS = tuple(chain_snapshots(MARKET))
LAST = int(CHAINS[-1].ts_recv_ns[0])
LATE_NS = 20 * NS_PER_MINUTE


def told(chain: ChainSnapshots, vendor: float | None = None, late_ns: int = 0) -> ChainSnapshots:
    """The snapshot with a vendor who says one volatility of all, or none, and delivers it late."""
    vols = np.full(len(chain), np.nan if vendor is None else vendor)
    return replace(chain, vendor_iv=vols, ts_recv_ns=chain.ts_recv_ns + late_ns)


def a_file(folder: Path, name: str, chain: ChainSnapshots) -> str:
    path = folder / name
    path.write_text(as_csv(chain))
    return str(path)


def a_series(folder: Path, *chains: ChainSnapshots) -> Path:
    home, _ = init_workspace(folder / "desk")
    store = ChainStore(home.catalog().root)
    for number, chain in enumerate(chains):
        store.write(chain, "late", SourceRecord("made up", f"{number}" * 8, "x", {}, len(chain)))
    return home.root


def test_quotes_and_their_vendor_are_two_sources(tmp_path: Path) -> None:
    path = a_file(tmp_path, "chain.csv", told(CHAINS[-1], 0.5))
    ours = snapshot_of(CHAINS[-1], "made up").vols.mid.vol
    found = hear_sources({"ours": path}, policy=ConsensusPolicy.BLENDED)
    assert [one.source.name for one in found.heard] == ["ours", "vendor"]
    frame = consensus_frame(found)
    assert len(frame) == len(CHAINS[-1])
    both = frame.filter(pl.col("fresh") == 2)
    assert len(both) == np.isfinite(ours).sum()
    low, high = np.minimum(ours, 0.5), np.maximum(ours, 0.5)
    known = np.isfinite(ours)
    # Rows of a chain and of a consensus are in one order but for the root, which leads here.
    for root in set(frame["root"]):
        own = np.array(CHAINS[-1].roots)[CHAINS[-1].root] == root
        vols = np.sort(frame.filter((pl.col("root") == root) & (pl.col("fresh") == 2))["vol"].to_numpy())
        assert len(vols) == (own & known).sum()
        assert vols.min() >= low[own & known].min()
        assert vols.max() <= high[own & known].max()
    np.testing.assert_allclose(both["share ours"] + both["share vendor"], 1.0)
    np.testing.assert_allclose(np.sort(both["discrepancy"]), np.sort((high - low)[known]), rtol=1e-9)
    # Where the middle has no volatility of its own, the vendor's stands alone.
    alone = frame.filter(pl.col("fresh") == 1)
    assert set(alone["source"]) <= {"vendor"}
    assert alone["vol"].eq(0.5).all()
    first = hear_sources({"ours": path})
    assert set(consensus_frame(first).filter(pl.col("fresh") == 2)["source"]) == {"ours"}
    json.dumps(consensus_dict(found, 3))


def test_a_vendor_who_cannot_be_right_is_not_heard_and_it_is_said(tmp_path: Path) -> None:
    chain = CHAINS[-1]
    calls = np.where(chain.right > 0, 0.5, 9.0)
    silent = chain.strike > 2800.0
    absurd = replace(told(chain, 0.5), vendor_iv=calls, bid=np.where(silent, 0.0, chain.bid))
    found = hear_sources({"ours": a_file(tmp_path, "chain.csv", absurd)}, policy=ConsensusPolicy.WINNER_BASED)
    frame = consensus_frame(found)
    puts = frame.filter(pl.col("right") == "put")
    assert set(puts["source"]) == {"ours", ""}
    assert set(puts.filter(pl.col("vol").is_nan())["reason"]) == {"doubted"}
    data = consensus_dict(found, 0)
    doubted = data["contracts"]["doubted"]
    assert doubted == (frame["reason"] == "doubted").sum() > 20
    assert any(f"of {doubted:,} only one that cannot be believed" in one for one in data["sentences"])
    assert any(f"{len(puts):,} volatilities of vendor cannot be believed" in note for note in data["notes"])


def test_a_note_of_several_snapshots_is_told_once(tmp_path: Path) -> None:
    absurd = []
    for number, chain in enumerate(CHAINS):
        dear = (chain.right < 0) & (np.arange(len(chain)) % 40 < 3 + number)
        absurd.append(replace(told(chain), ask=np.where(dear, 9_999.0, chain.ask)))
    desk = a_series(tmp_path, *absurd)
    trust = Trust(max_age_s=24 * 3600.0)
    found = hear_sources({"ours": "SPX/late"}, trust=trust, workspace=desk)
    assert found.heard[0].snapshots == len(CHAINS) == 3
    counts = [int(snapshot_of(chain, "made up").no_price.sum()) for chain in absurd]
    assert len(set(counts)) > 1
    (note,) = [note for note in found.notes if "can ever pay" in note]
    assert note.startswith(f"{counts[-1]} quotes ask more than their options can ever pay")
    assert note.endswith("(2 earlier snapshots: the same with other figures)")
    assert len(set(found.notes)) == len(found.notes)


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ((("1 a", "b"), ("1 a", "b")), ["1 a", "b"]),
        ((("1,000.5 a",), ("-2% a",)), ["-2% a", "1,000.5 a"]),
        ((("1,000.5 a",), ("-2 a", "c")), ["-2 a (1 earlier snapshot: the same with other figures)", "c"]),
        ((("on CL.202403",), ("on CL.202404",)), ["on CL.202404", "on CL.202403"]),
        ((("ends on 2024-01-26",), ("ends on 2024-02-26",)), ["ends on 2024-02-26", "ends on 2024-01-26"]),
        ((("1 a", "2 a"),), ["1 a", "2 a"]),
        ((("on CL.202403", "on CL.202404"),), ["on CL.202403", "on CL.202404"]),
    ],
)
def test_names_and_dates_are_no_figures(notes: tuple[tuple[str, ...], ...], said: list[str]) -> None:
    plain = snapshot_of(CHAINS[0], "made up")
    assert _told_once([replace(plain, notes=one) for one in notes]) == said


def test_deep_in_the_money_the_vendor_does_not_win_for_saying_nothing_of_its_spread(tmp_path: Path) -> None:
    path = a_file(tmp_path, "chain.csv", told(CHAINS[-1], 0.5))
    found = consensus_frame(hear_sources({"ours": path}, policy=ConsensusPolicy.WINNER_BASED))
    both = found.filter(pl.col("fresh") == 2)
    assert both["is_out"].not_().sum() > 50
    assert set(both["source"]) == {"ours"}


def test_a_day_without_a_snapshot_is_answered_as_an_instant_is(tmp_path: Path) -> None:
    path = a_file(tmp_path, "chain.csv", told(CHAINS[-1]))
    found = hear_sources({"ours": path}, "2019-05-07")
    assert format_ns(found.now_ns).startswith("2019-05-07T23:59:59.999")
    assert {one["reason"] for one in consensus_frame(found).to_dicts()} <= {"stale", "no_two_sided_quote"}
    heard = hear_sources({"ours": path}, "2019-05-07", trust=Trust(2 * 86_400.0))
    assert consensus_dict(heard, 0)["contracts"]["ok"] > 50


def test_nothing_is_heard_before_it_was_received(tmp_path: Path) -> None:
    desk = a_series(tmp_path, told(CHAINS[-1], 0.5, LATE_NS))
    early = told(CHAINS[-2], 0.2)
    path = a_file(tmp_path, "chain.csv", early)
    chains = {"ours": path, "late": "SPX/late"}
    trust = Trust(max_age_s=12 * 3600.0)
    before = hear_sources(chains, format_ns(LAST + LATE_NS - 1), trust=trust, workspace=desk)
    assert [one.snapshots for one in before.heard] == [1, 1, 0]
    assert before.heard[2].last_recv_ns is None
    alone = hear_sources({"ours": path}, format_ns(LAST + LATE_NS - 1), trust=trust)
    assert_frame_equal(consensus_frame(before).drop("share late"), consensus_frame(alone))
    after = hear_sources(chains, format_ns(LAST + LATE_NS), trust=trust, workspace=desk)
    assert [one.source.name for one in after.heard] == ["ours", "vendor", "late", "late:vendor"]
    answered = consensus_frame(after).filter(pl.col("vol").is_finite())
    # The fresher one wins at equal footing, and its age counts from when it was true.
    assert set(answered.filter(pl.col("age_s") == LATE_NS / NS_PER_SECOND)["source"]) == {"late", "late:vendor"}
    assert after.now_ns == LAST + LATE_NS
    # Without an instant, the last thing that is known anywhere is the present.
    assert hear_sources(chains, trust=trust, workspace=desk).now_ns == after.now_ns
    assert hear_sources(chains, "2019-05-06", trust=trust, workspace=desk).now_ns == after.now_ns


def test_nothing_older_than_its_threshold_is_returned(tmp_path: Path) -> None:
    path = a_file(tmp_path, "chain.csv", told(CHAINS[-1], 0.5))
    at = format_ns(LAST + 60 * NS_PER_SECOND)
    exactly = hear_sources({"ours": path}, at, trust=Trust(max_age_s=60.0))
    assert np.isfinite(consensus_frame(exactly)["vol"].to_numpy()).any()
    over = consensus_frame(hear_sources({"ours": path}, at, trust=Trust(max_age_s=59.0)))
    assert over["vol"].is_nan().all()
    assert set(over["reason"]) == {"stale"}
    one = hear_sources({"ours": path}, at, trust=Trust(max_age_s=59.0, max_age_s_of={"vendor": 61.0}))
    assert set(consensus_frame(one)["source"]) == {"vendor"}
    # A forward as old as the quotes it is from is refused as they are.
    lines = consensus_dict(hear_sources({"ours": path}, at, trust=Trust(59.0)), 0)["expiries"]
    assert {line["atm_reason"] for line in lines} == {"no_forward"}


def test_a_contract_that_only_an_old_snapshot_has_is_stale_and_not_gone(tmp_path: Path) -> None:
    fewer = CHAINS[-1].take(CHAINS[-1].strike >= 2800.0)
    desk = a_series(tmp_path, told(CHAINS[0]), told(CHAINS[1]), told(fewer))
    span_s = (LAST - int(CHAINS[1].ts_recv_ns[0])) / NS_PER_SECOND
    found = hear_sources({"ours": "SPX/late"}, trust=Trust(max_age_s=span_s), workspace=desk)
    assert found.heard[0].snapshots == 2
    frame = consensus_frame(found)
    gone = frame.filter(pl.col("strike") < 2800.0)
    assert gone["age_s"].drop_nans().eq(span_s).all()
    assert frame.filter(pl.col("strike") >= 2800.0)["age_s"].drop_nans().eq(0.0).sum() > 50
    # A contract that was quoted but never two-sided says that, and not that it is old.
    assert set(frame.filter(pl.col("vol").is_nan())["reason"]) <= {"no_two_sided_quote", "ok"}


def test_two_roots_are_two_contracts(tmp_path: Path) -> None:
    one = told(CHAINS[-1])
    adjusted = replace(one, roots=("SPXA", *one.roots[1:])) if one.roots[0] == "SPX" else one
    path = a_file(tmp_path, "chain.csv", one)
    desk = a_series(tmp_path, adjusted)
    found = hear_sources({"ours": path, "other": "SPX/late"}, workspace=desk)
    assert set(found.roots) == {"SPX", "SPXA", "SPXW"}
    frame = consensus_frame(found)
    assert frame.filter(pl.col("root") == "SPX")["fresh"].max() == 1
    assert frame.filter(pl.col("root") == "SPXW")["fresh"].max() == 2


def test_the_roll_up_has_the_volatility_at_the_forward(tmp_path: Path) -> None:
    path = a_file(tmp_path, "chain.csv", told(CHAINS[-1], 0.5))
    data = consensus_dict(hear_sources({"ours": path}), 5)
    assert data["contracts"]["all"] == sum(line["contracts"] for line in data["expiries"])
    assert data["contracts"]["ok"] == sum(line["answered"] for line in data["expiries"])
    for line in data["expiries"]:
        assert abs(line["atm_vol"] - MARKET.vol) < 0.05
        assert line["age_s_max"] == 0.0
        assert sum(line["shares"].values()) == pytest.approx(1.0)
    assert len(data["disputed"]) == 5
    scores = [row["discrepancy_score"] for row in data["disputed"]]
    assert scores == sorted(scores, reverse=True)
    assert all(row["is_out"] for row in data["disputed"])


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path, "chain.csv", told(CHAINS[-1]))
    with pytest.raises(ConfigError, match="no source is called 'vendor'; there are ours"):
        hear_sources({"ours": path}, trust=Trust(streams=("vendor",)))
    for name in ("vendor", "noon:vendor"):
        with pytest.raises(ConfigError, match=f"a source is named '{name}', as the volatilities of a vendor are"):
            hear_sources({"ours": path, name: path})
    for seconds in (1e300, 0.0, float("nan")):
        with pytest.raises(ConfigError, match=r"'ours' may be .* seconds old; state more than 0"):
            hear_sources({"ours": path}, trust=Trust(seconds))
    hear_sources({"ours": path}, trust=Trust(100 * 366 * 86_400.0))
    with pytest.raises(ConfigError, match=r"a weight is stated \(ours\), which prefer_stream does not read; .*blended"):
        hear_sources({"ours": path}, trust=Trust(weight_of={"ours": 99.0}))
    for policy in (ConsensusPolicy.WINNER_BASED, ConsensusPolicy.BLENDED):
        with pytest.raises(ConfigError, match=r"a stream is stated .*; leave it out, or choose prefer_stream"):
            hear_sources({"ours": path}, policy=policy, trust=Trust(streams=("ours",)))
    with pytest.raises(CoverageError, match="no source had said anything by 2019-01-01"):
        hear_sources({"ours": path}, "2019-01-01")
    other = next(iter(chain_snapshots(replace(MARKET, underlying="NDX"))))
    with pytest.raises(ConfigError, match="the sources are of NDX, SPX"):
        hear_sources({"ours": path, "other": a_file(tmp_path, "other.csv", other)})
    with pytest.raises(ConfigError, match="expires on '2031-01-01'"):
        consensus_frame(hear_sources({"ours": path}), "2031-01-01")
