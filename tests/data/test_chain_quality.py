"""The gates of chains: silent on a market without arbitrage, and each finds the fault that it is for."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from argus.core.chains import CHAIN_COLUMNS, ChainSnapshots
from argus.data._chain_arbitrage import parity_fit
from argus.data.chain_quality import ChainInspection, ChainLimits, ChainReason, inspect_chain
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots

SPEC = ChainMarketSpec(sessions=2, strikes_per_expiry=40, months=4, weeks=2, start=date(2019, 5, 6))
SHARES = ChainMarketSpec("SPY", sessions=1, strikes_per_expiry=40, months=3, weeks=0, spot=280, start=date(2019, 5, 6))
HARMLESS = {"zero_bid", "no_quote"}


def columns_of(chain: ChainSnapshots) -> dict[str, Any]:
    return {name: getattr(chain, name).copy() for name in CHAIN_COLUMNS}


@pytest.fixture(scope="module")
def chain() -> ChainSnapshots:
    return next(chain_snapshots(SPEC))


def near_the_money(chain: ChainSnapshots, right: int, expiry: int = 4) -> int:
    """A row near the money of one of the later expiries."""
    instant = np.unique(chain.expiry_ns)[expiry]
    root = chain.root[chain.expiry_ns == instant][0]
    rows = np.flatnonzero((chain.expiry_ns == instant) & (chain.right == right) & (chain.root == root))
    return int(rows[np.argmin(np.abs(chain.strike[rows] - chain.underlying_price[0]))])


def test_a_market_without_arbitrage_raises_no_flag() -> None:
    for spec in (SPEC, SHARES):
        for chain in chain_snapshots(spec):
            found = inspect_chain(columns_of(chain), chain.roots)
            assert not found.fatal.any()
            assert set(found.counts) <= HARMLESS, found.lines()
            assert len(found.kept) == len(chain)


def test_rows_may_stand_in_any_order(chain: ChainSnapshots) -> None:
    order = np.random.default_rng(3).permutation(len(chain))
    columns = {name: column[order] for name, column in columns_of(chain).items()}
    columns["bid"][7] = columns["ask"][7] + 1
    found = inspect_chain(columns, chain.roots)
    assert np.flatnonzero(found.fatal).tolist() == [7]
    kept = {name: column[found.kept] for name, column in columns.items()}
    assert len(ChainSnapshots("SPX", chain.roots, **kept)) == len(chain) - 1


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("strike", np.nan, "missing_value"),
        ("bid", np.inf, "infinite"),
        ("vendor_gamma", np.inf, "infinite"),
        ("strike", -5.0, "bad_strike"),
        ("ask_size", -1.0, "negative"),
        ("underlying_price", 0.0, "negative"),
        ("ask", 0.0, "crossed"),
        ("expiry_ns", 1, "expired"),
        ("ts_event_ns", 2**60 + 2**59, "bad_times"),
    ],
)
def test_what_cannot_be_true_goes_to_quarantine(chain: ChainSnapshots, name: str, value: Any, reason: str) -> None:
    columns = columns_of(chain)
    row = near_the_money(chain, 1)
    columns[name][row] = value
    found = inspect_chain(columns, chain.roots)
    assert ChainReason[reason.upper()] in ChainReason(int(found.reasons[row]))
    assert np.flatnonzero(found.fatal).tolist() == [row]
    assert row not in found.kept


def test_a_snapshot_from_the_future_goes_to_quarantine(chain: ChainSnapshots) -> None:
    found = inspect_chain(columns_of(chain), chain.roots, now_ns=int(chain.ts_recv_ns[0]) - 1)
    assert found.fatal.all()
    assert found.counts == {"future": len(chain)}


def doubled(chain: ChainSnapshots, row: int) -> dict[str, Any]:
    return {name: np.append(column, column[row]) for name, column in columns_of(chain).items()}


def test_of_equal_rows_the_first_is_kept_and_of_different_ones_none(chain: ChainSnapshots) -> None:
    n = len(chain)
    found = inspect_chain(doubled(chain, 9), chain.roots)
    assert {at: int(found.reasons[at]) for at in np.flatnonzero(found.fatal)} == {n: ChainReason.DUPLICATE}
    columns = doubled(chain, 9)
    columns["volume"][n] += 1
    found = inspect_chain(columns, chain.roots)
    assert np.flatnonzero(found.fatal).tolist() == [9, n]
    assert found.counts["conflict"] == 2


def flagged(columns: dict[str, Any], chain: ChainSnapshots, reason: str) -> tuple[ChainInspection, list[int]]:
    found = inspect_chain(columns, chain.roots)
    assert not found.fatal.any()
    return found, np.flatnonzero(found.reasons & np.uint32(ChainReason[reason.upper()])).tolist()


def test_each_flag_finds_its_row(chain: ChainSnapshots) -> None:
    row = near_the_money(chain, 1)
    for name, value, reason in (
        ("ask", chain.bid[row], "locked"),
        ("bid", 0.0, "zero_bid"),
        ("bid", chain.bid[row] - 0.03, "off_grid_price"),
        ("vendor_iv", -0.2, "vendor_greeks"),
        ("vendor_iv", 7.0, "vendor_greeks"),
        ("vendor_delta", -0.5, "vendor_greeks"),
        ("ts_event_ns", chain.ts_event_ns[row] - 3_600 * 10**9, "stale"),
    ):
        columns = columns_of(chain)
        columns[name][row] = value
        assert row in flagged(columns, chain, reason)[1], reason
    columns = columns_of(chain)
    columns["bid"][row] = columns["ask"][row] = np.nan
    assert row in flagged(columns, chain, "no_quote")[1]


def test_a_strike_between_the_steps_is_flagged(chain: ChainSnapshots) -> None:
    columns = columns_of(chain)
    columns["strike"][chain.strike == chain.strike[3]] += 0.7
    assert 3 in flagged(columns, chain, "off_grid_strike")[1]


def test_an_arbitrage_is_flagged_only_beyond_the_spread(chain: ChainSnapshots) -> None:
    call = near_the_money(chain, 1)
    columns = columns_of(chain)
    columns["bid"][call] = chain.ask[call - 1] - 0.1  # just not worth selling against the lower strike
    columns["ask"][call] = max(chain.ask[call], columns["bid"][call])
    assert not flagged(columns, chain, "vertical")[1]
    assert call in flagged(columns, chain, "butterfly")[1]
    columns["bid"][call] = columns["ask"][call] = chain.ask[call - 1] + 0.1
    assert flagged(columns, chain, "vertical")[1] == [call - 1, call]
    assert call in flagged(columns, chain, "parity")[1]


def test_a_vertical_worth_more_than_its_width_is_flagged(chain: ChainSnapshots) -> None:
    put = near_the_money(chain, -1)
    columns = columns_of(chain)
    width = chain.strike[put] - chain.strike[put - 1]
    columns["bid"][put] = chain.ask[put - 1] + width + 0.5
    columns["ask"][put] = columns["bid"][put] + 1
    assert flagged(columns, chain, "vertical")[1][:2] == [put - 1, put]


def test_bounds_and_calendars_are_flagged(chain: ChainSnapshots) -> None:
    deep = int(np.flatnonzero((chain.right > 0) & (chain.expiry_ns == chain.expiry_ns[-1]))[0])
    columns = columns_of(chain)
    columns["bid"][deep], columns["ask"][deep] = 0.0, chain.bid[deep] - 60
    assert deep in flagged(columns, chain, "bounds")[1]
    near = near_the_money(chain, 1, expiry=3) + 1
    columns = columns_of(chain)
    columns["bid"][near] += 30
    columns["ask"][near] += 30
    assert near in flagged(columns, chain, "calendar")[1]


def test_american_options_know_only_the_bounds_of_exercise() -> None:
    chain = next(chain_snapshots(SHARES))
    deep = int(np.flatnonzero(chain.right > 0)[0])
    columns = columns_of(chain)
    columns["bid"][deep], columns["ask"][deep] = 0.0, chain.underlying_price[0] - chain.strike[deep] - 5
    found = inspect_chain(columns, chain.roots)
    assert found.reasons[deep] & np.uint32(ChainReason.BOUNDS)
    assert "parity" not in found.counts


def test_a_copy_of_the_snapshot_before_is_stale_and_a_lost_expiry_is_missed() -> None:
    first, second = chain_snapshots(SPEC)
    columns = columns_of(first)
    for name in ("ts_event_ns", "ts_recv_ns"):
        columns[name] = np.full(len(first), int(second.ts_recv_ns[0]))
    alive = first.expiry_ns >= columns["ts_event_ns"]
    copy = {name: column[alive] for name, column in columns.items()}
    found = inspect_chain(copy, first.roots, before=first)
    assert found.counts["stale"] == int(alive.sum())
    assert "copy of the one before" in found.notes[0]
    assert inspect_chain(columns_of(second), second.roots, before=first).notes == ()

    lost = second.expiry_ns != np.unique(second.expiry_ns)[3]
    found = inspect_chain({name: c[lost] for name, c in columns_of(second).items()}, second.roots, before=first)
    assert {expiry for _, _, expiry in found.missing} == {int(np.unique(second.expiry_ns)[3])}
    assert any("missing expiry" in line for line in found.lines())


def test_reports_are_plain(chain: ChainSnapshots) -> None:
    columns = columns_of(chain)
    columns["bid"][0] = columns["ask"][0] + 1
    found = inspect_chain(columns, chain.roots, ChainLimits(examples=1))
    told = found.as_dict()
    assert told["rows_fatal"] == 1
    assert "crossed: 1 row" in "\n".join(found.lines())
    assert inspect_chain({name: c[:0] for name, c in columns.items()}, ()).lines()[0].startswith("0 rows")


def test_parity_gives_forward_and_discount_in_spite_of_bad_quotes() -> None:
    strike = np.arange(80.0, 121.0)
    difference = 0.98 * (101.0 - strike)
    difference[[3, 20, 33]] += [5.0, -9.0, 7.0]
    fit = parity_fit(strike, difference, 1.0)
    assert fit is not None
    assert fit[1] == pytest.approx(0.98)
    assert fit[0] / fit[1] == pytest.approx(101.0)
    assert parity_fit(strike[:3], difference[:3], 1.0) is None
    assert parity_fit(strike, -difference, 1.0) is None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("right", [-1, 1])
def test_an_ask_that_nobody_could_ever_gain_by_is_flagged(chain: ChainSnapshots, right: int, known: bool) -> None:
    at = near_the_money(chain, right)
    strike, spot = float(chain.strike[at]), float(chain.underlying_price[at])
    highest = float(chain.strike[chain.ts_recv_ns == chain.ts_recv_ns[at]].max())
    most = strike if right < 0 else spot if known else highest
    for bid, ask, is_absurd in (
        (float(chain.bid[at]), 1e9, True),
        (0.0, 1.01 * most, True),
        (np.nan, 1.01 * most, True),
        (0.0, 0.99 * most, False),
        (0.9 * most, 1.01 * most, False),  # deep in the money: above the most by less than its spread
    ):
        columns = columns_of(chain)
        columns["bid"][at], columns["ask"][at] = bid, ask
        if not known:
            columns["underlying_price"][:] = np.nan
        found = inspect_chain(columns, chain.roots)
        own = (found.reasons & np.uint32(ChainReason.ABSURD_ASK)) != 0
        assert np.flatnonzero(own).tolist() == ([at] if is_absurd else []), (bid, ask)
        assert not found.fatal.any()
