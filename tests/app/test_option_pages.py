"""What the pages of surfaces and misfits are filled with, on invented chains."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from argus.app.option_pages import anomaly_page, pop_page, surface_page
from argus.app.option_positions import find_structure, probability_of_profit
from argus.app.option_snapshots import Snapshot, snapshot_of
from argus.app.option_surface import PublishedIndex, expiry_names, find_misfits, fit_snapshot, forward_vols
from argus.app.option_tables import expiry_lines, surface_dict
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots
from argus.options import Costs, Wanted
from argus.options.anomalies import Anomalies
from argus.options.surface import Surface
from tests.app.test_options import replace_columns

MARKET = ChainMarketSpec(strikes_per_expiry=40, months=2, weeks=5, start=date(2019, 5, 6))


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return snapshot_of(next(iter(chain_snapshots(MARKET))), "made up")


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None
    read: dict[str, Any] = json.loads(found.group(1))
    return read


def test_a_short_list_of_misfits_counts_and_draws_them_all(snapshot: Snapshot) -> None:
    chain = snapshot.chain
    rows = np.flatnonzero(snapshot.is_out & (chain.bid > 3.0))[::25]
    bid, ask = chain.bid.copy(), chain.ask.copy()
    bid[rows], ask[rows] = 1.3 * bid[rows], 1.3 * ask[rows]
    report = find_misfits(snapshot_of(replace_columns(chain, bid=bid, ask=ask), "made up"))
    found: Anomalies = report.found
    stand_out = int((found.q_value <= 0.1).sum())
    assert stand_out > 1
    page = anomaly_page(report, 1)
    assert f"{stand_out} of {found.tests:,} contracts stand out beyond chance" in page
    assert f"and {len(found) - 1:,} more, less surprising" in page
    drawn = [one for one in data_of(page)["cloud"]["sheets"][0]["series"] if one["mode"] == "dots"]
    assert sum(len(one["x"]) for one in drawn) == len(found)


def test_an_expiry_of_the_surface_is_called_by_date_root_and_settlement(snapshot: Snapshot) -> None:
    report = fit_snapshot(snapshot)
    lines = {line.days: line for line in expiry_lines(snapshot)}
    rows = surface_dict(report)["expiries"]
    assert len({row["root"] for row in rows}) == 2
    for row in rows:
        line = lines[row["days"]]
        assert (row["expiry"], row["root"], row["settlement"]) == (line.expiry, line.root, line.settlement)
    page = surface_page(report)
    names = [f"{row['expiry']}, {row['root']} {row['settlement']}" for row in rows]
    assert all(f">{name}<" in page for name in names)
    data = data_of(page)
    assert data["vol"]["names"] == [f"{row['expiry']}, {row['root']}" for row in rows]
    assert [one["name"] for one in data["density"]["sheets"]] == names
    told = json.loads(report.surface.to_json(expiry_names(report)))
    assert told["expiries"][0] == [rows[0]["expiry"], rows[0]["root"], rows[0]["settlement"]]
    again = Surface.from_json(json.dumps(told))
    assert again.to_json() == report.surface.to_json()


def test_two_settlements_of_one_date_have_no_forward_volatility_between_them() -> None:
    # On the third Friday of June options on the open and on the close both end.
    made = replace(MARKET, start=date(2019, 5, 23))
    report = fit_snapshot(snapshot_of(next(iter(chain_snapshots(made))), "made up"))
    years, total = report.surface.years, report.shapes.vol_atm**2 * report.surface.years
    close = [row for row in range(1, len(years)) if 365.0 * (years[row] - years[row - 1]) < 0.5]
    assert close
    found = forward_vols(report)
    assert surface_dict(report)["expiries"][-1]["vol_forward"] == found[-1]
    for row in range(len(years)):
        before = [at for at in range(row) if 365.0 * (years[row] - years[at]) > 0.999]
        if not before:
            assert np.isnan(found[row])
            continue
        rise, gap = total[row] - total[before[-1]], years[row] - years[before[-1]]
        assert found[row] == pytest.approx(np.sqrt(rise / gap))
    assert np.isfinite(found).sum() >= 2


def test_the_page_tells_what_an_index_was_published_at(snapshot: Snapshot) -> None:
    report = fit_snapshot(snapshot)
    assert report.index is not None
    page = surface_page(report, None, PublishedIndex(date(2019, 5, 6), 18.0, 19.0, 17.0, 18.25, "VIX.csv"))
    assert f"published 18.25, {report.index.index - 18.25:+.2f}".replace("-", "−") in page
    assert "The index published for 2019-05-06 (VIX.csv) closed at 18.25" in page
    assert "published" not in surface_page(report).partition("What the words mean")[0].partition("<body")[2]


def test_one_expiry_has_no_local_volatility_and_no_plural(snapshot: Snapshot) -> None:
    chain = snapshot.chain
    one = chain.take(chain.expiry_ns == snapshot.expiry_ns[4])
    page = surface_page(fit_snapshot(snapshot_of(one, "made up", rate=0.02)))
    assert "over 1 expiry" in page
    assert "No local volatilities: they are the slope of the surface in time" in page
    assert "local" not in data_of(page)


def test_the_fan_begins_at_the_entry_with_what_closing_at_once_would_cost(snapshot: Snapshot) -> None:
    costs = Costs(commission=0.65, multiplier=100.0)
    report = find_structure(snapshot, "short_put", Wanted(dte=30.0, delta=0.3), costs)
    (leg,) = report.legs
    page = pop_page(probability_of_profit(report, paths=200, seed=1))
    for one in data_of(page)["fan"]["sheets"]:
        assert one["x"][0] == 0.0
        assert one["x"][1] > 0.0
        median = next(line for line in one["series"] if line["name"] == "median")
        # Sold at the bid and bought back at the ask, a commission each.
        assert median["y"][0] == pytest.approx(100.0 * (leg.bid - leg.ask) - 1.3, abs=0.02)
        assert next(line for line in one["series"] if line["name"] == "share with a gain")["y"][0] == 0.0
