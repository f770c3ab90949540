"""Structures: every one is found in a chain as it was declared, and says why where it is not."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.options import (
    STRUCTURES,
    BlackScholes,
    ChainSlice,
    Costs,
    Position,
    Reason,
    StrikeRule,
    Wanted,
    pnl_curve,
    pop_at_expiry,
    select_structure,
)
from argus.options._valuation import black_greeks
from tests.options.pop_market import made_chain

CHAIN = made_chain()


def _found(name: str, wanted: Wanted | None = None, chain: ChainSlice = CHAIN) -> Position:
    selection = select_structure(name, chain, wanted)
    assert selection.reason is Reason.OK, selection.detail
    assert selection.position is not None
    return selection.position


def test_there_are_the_structures_that_have_names() -> None:
    assert len(STRUCTURES) >= 18
    for structure in STRUCTURES.values():
        for number, leg in enumerate(structure.legs):
            assert leg.units != 0
            if leg.rule in (StrikeRule.WIDTH, StrikeRule.SAME):
                assert 0 <= leg.of < number


# Whether gain and loss are bounded, and how many break-evens there are, as any textbook draws them.
SHAPES = {
    "long_call": (False, True, 1),
    "short_call": (True, False, 1),
    "long_put": (True, True, 1),
    "short_put": (True, True, 1),
    "long_call_vertical": (True, True, 1),
    "long_put_vertical": (True, True, 1),
    "short_put_vertical": (True, True, 1),
    "short_call_vertical": (True, True, 1),
    "long_straddle": (False, True, 2),
    "short_straddle": (True, False, 2),
    "long_strangle": (False, True, 2),
    "short_strangle": (True, False, 2),
    "iron_condor": (True, True, 2),
    "iron_butterfly": (True, True, 2),
    "long_butterfly": (True, True, 2),
    "calendar": (True, True, 2),
    "diagonal": (True, True, 1),
    "call_ratio_backspread": (False, True, 1),
    "put_ratio_backspread": (True, True, 1),
    "jade_lizard": (True, True, 2),
    "covered_call": (True, True, 1),
    "collar": (True, True, 1),
}


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_every_structure_is_found_and_has_its_shape(name: str) -> None:
    position = _found(name)
    curve = pnl_curve(position)
    bounded_gain, bounded_loss, crossings = SHAPES[name]
    assert (math.isfinite(curve.profit_max), math.isfinite(curve.loss_max)) == (bounded_gain, bounded_loss)
    assert len(curve.break_evens) == crossings
    legs = STRUCTURES[name].legs
    assert position.right.tolist() == [leg.right for leg in legs]
    assert position.quantity.tolist() == [leg.units for leg in legs]
    option = position.row >= 0
    assert (CHAIN.strike[position.row[option]] == position.strike[option]).all()
    # The leg is worth its mid: rate, carry and volatility are those of the chain.
    mid = 0.5 * (position.bid + position.ask)
    assert position.leg_values(position.spot).value[0][option] == pytest.approx(mid[option], abs=0.011)


def test_deltas_and_widths_are_as_asked() -> None:
    position = _found("short_put_vertical", Wanted(dte=30, delta=0.25, width=5.0))
    assert position.horizon == pytest.approx(30 / 365)
    sold, bought = position.strike
    assert sold - bought == 5.0
    delta = position.leg_values(100.0).delta[0, 0]
    grid = np.arange(50.0, 151.0)
    others = black_greeks(-1, 100.0, grid, 30 / 365, 0.2 - 0.1 * np.log(grid / 100.0), 0.03, 0.02).delta
    assert abs(-delta - 0.25) == pytest.approx(np.abs(-others - 0.25).min())


def test_a_calendar_has_one_strike_and_two_expiries() -> None:
    position = _found("calendar", Wanted(dte=16, later_dte=86))
    assert position.strike[0] == position.strike[1]
    assert position.years * 365 == pytest.approx([16, 86])


@pytest.mark.parametrize(
    ("name", "wanted", "reason", "words"),
    [
        ("long_call", Wanted(dte=300), Reason.EXPIRY_TOO_FAR, "86.0 days"),
        ("calendar", Wanted(dte=86), Reason.EXPIRY_TOO_FAR, "no expiry after"),
        ("calendar", Wanted(dte=30, later_dte=58, dte_tolerance=0.001), Reason.OK, ""),
        ("long_call", Wanted(dte=31, dte_tolerance=0.5), Reason.EXPIRY_TOO_FAR, "more than 0.5 off"),
        ("short_put_vertical", Wanted(width=80.0), Reason.NO_MATCHING_STRIKE, "leg 1: the put to buy"),
        ("short_put", Wanted(delta=0.2, delta_tolerance=0.0001), Reason.NO_MATCHING_STRIKE, "delta 0.2"),
    ],
)
def test_what_does_not_fit_is_not_taken(name: str, wanted: Wanted, reason: Reason, words: str) -> None:
    selection = select_structure(name, CHAIN, wanted)
    assert selection.reason is reason
    assert words in selection.detail
    assert (selection.position is None) == (reason is not Reason.OK)


def _with(**columns: np.ndarray) -> ChainSlice:
    return dataclasses.replace(CHAIN, **columns)  # type: ignore[arg-type]


def test_bad_rows_are_passed_over() -> None:
    nan = np.full(len(CHAIN.bid), np.nan)
    gone = select_structure("long_call", _with(vol=nan))
    assert gone.reason is Reason.NO_TWO_SIDED_QUOTE
    position = _found("long_call")
    for column, poison in (("bid", np.nan), ("ask", -1.0), ("vol", 0.0), ("forward", np.inf), ("years", -1.0)):
        spoilt = getattr(CHAIN, column).copy()
        spoilt[position.row[0]] = poison
        assert _found("long_call", chain=_with(**{column: spoilt})).row[0] != position.row[0]


def test_what_has_no_bid_can_be_bought_and_not_sold() -> None:
    bid = np.where(CHAIN.right < 0, 0.0, CHAIN.bid)
    assert select_structure("short_put", _with(bid=bid)).reason is Reason.NO_TWO_SIDED_QUOTE
    assert select_structure("long_put", _with(bid=bid)).reason is Reason.OK


@pytest.mark.parametrize("name", ["long_butterfly", "iron_butterfly"])
def test_wings_are_of_one_width_where_the_chain_has_such(name: str) -> None:
    def wings(*gone: float) -> list[float]:
        missing = np.isin(CHAIN.strike, gone)
        strike = _found(name, Wanted(width=5.0), _with(vol=np.where(missing, np.nan, CHAIN.vol))).strike
        return (strike[-2:] - 100.0).tolist()

    assert wings() == [-5.0, 5.0]
    assert wings(95.0) in ([-4.0, 4.0], [-6.0, 6.0])
    assert wings(95.0, 96.0) == [-6.0, 6.0]
    assert wings(106.0, 95.0) == [-4.0, 4.0]
    # Nothing as far on both sides within three tenths: each wing is the nearest, as it was.
    assert wings(95.0, 96.0, 106.0) == [-6.0, 5.0]


def test_wings_of_an_iron_condor_are_of_one_width_where_the_chain_has_such() -> None:
    def wings(put: tuple[float, ...] = (), call: tuple[float, ...] = ()) -> list[float]:
        low, high = _found("iron_condor", Wanted(width=5.0)).strike[:2]
        missing = np.isin(CHAIN.strike, low - np.array(put)) & (CHAIN.right < 0)
        missing |= np.isin(CHAIN.strike, high + np.array(call)) & (CHAIN.right > 0)
        strike = _found("iron_condor", Wanted(width=5.0), _with(vol=np.where(missing, np.nan, CHAIN.vol))).strike
        assert strike[:2].tolist() == [low, high], "the sold strikes are as they were"
        return (strike[2:] - strike[:2]).tolist()

    assert wings() == [-5.0, 5.0]
    assert wings(put=(5.0,)) in ([-4.0, 4.0], [-6.0, 6.0])
    assert wings(call=(5.0,)) in ([-4.0, 4.0], [-6.0, 6.0])
    assert wings(put=(4.0, 5.0)) == [-6.0, 6.0]
    assert wings(put=(5.0,), call=(6.0,)) == [-4.0, 4.0]
    assert wings(put=(4.0, 5.0), call=(6.0,)) == [-6.0, 5.0]


def test_strikes_that_coincide_are_named() -> None:
    coarse = made_chain(step=50.0)
    narrow = select_structure("short_put_vertical", coarse, Wanted(delta=0.5, width=10.0, delta_tolerance=0.5))
    assert narrow.reason is Reason.NO_MATCHING_STRIKE
    twice = select_structure(dataclasses.replace(STRUCTURES["long_call"], legs=STRUCTURES["long_call"].legs * 2), CHAIN)
    assert twice.reason is Reason.STRIKES_COINCIDE
    assert "leg 1 and leg 0" in twice.detail


def test_settings_without_use_are_refused() -> None:
    for name, wanted, words in (
        ("long_straddle", Wanted(delta=0.3), "by delta"),
        ("long_call", Wanted(width=5.0), "by width"),
        ("long_cal", None, "long_call"),
    ):
        with pytest.raises(ConfigError, match=words):
            select_structure(name, CHAIN, wanted)
    for bad in ({"dte": 0.0}, {"delta": -0.2}, {"width": 0.0}, {"later_dte": 10.0}):
        with pytest.raises(ConfigError):
            Wanted(**bad)
    with pytest.raises(ConfigError, match="shape"):
        _with(bid=CHAIN.bid[1:])


def test_every_structure_is_found_in_a_real_chain(real_data: Path) -> None:
    import polars as pl

    rows = pl.read_csv(real_data / "spx_chains_2019" / "SPX_20190613.csv.gz").filter(
        pl.col("optionroot").str.starts_with("SPXW")
    )
    date = pl.col("expiration").str.to_date("%m/%d/%Y") - pl.col("quotedate").str.to_date("%m/%d/%Y")
    years = rows.select(date.dt.total_days() / 365.0).to_series().to_numpy()
    spot, count = float(rows["underlying_last"][0]), len(rows)
    chain = ChainSlice(
        spot,
        np.where(rows["type"].to_numpy() == "call", 1, -1).astype(np.int8),
        rows["strike"].cast(pl.Float64).to_numpy(),
        years,
        rows["bid"].cast(pl.Float64).to_numpy(),
        rows["ask"].cast(pl.Float64).to_numpy(),
        rows["impliedvol"].cast(pl.Float64).to_numpy(),
        np.full(count, spot),
        np.ones(count),
    )
    for name in STRUCTURES:
        position = _found(name, chain=chain)
        assert position.entry() > position.leg_values(spot).value[0] @ position.quantity - 0.05 * spot
        answer = pop_at_expiry(position, BlackScholes(spot, 0.14))
        assert 0.0 < answer.probability < 1.0


def test_what_is_asked_for_and_paid_is_finite() -> None:
    for asked in ({"dte": math.inf}, {"width": math.inf}, {"later_dte": math.inf}, {"dte": math.nan}):
        with pytest.raises(ConfigError, match="finite"):
            Wanted(**asked)
    for costs in ({"commission": math.inf}, {"multiplier": math.inf}, {"half_spread": math.inf}):
        with pytest.raises(ConfigError, match="finite"):
            Costs(**costs)
