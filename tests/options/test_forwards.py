"""Forwards from put-call parity: made chains come back, liars are outvoted, and what says nothing gets its reason."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from argus.core.errors import ConfigError, DataError
from argus.options import ForwardFit, ParityRules, RateCurve, Reason, black76_price, implied_forwards

FORWARD, DISCOUNT, YEARS = 101.3, 0.97, 0.8
STRIKES = np.arange(80.0, 121.0)
Columns = dict[str, NDArray[np.float64]]


def chain(noise: float = 0.0, seed: int = 0) -> Columns:
    """Calls, then puts, of all strikes."""
    rng = np.random.default_rng(seed)
    strike, right = np.tile(STRIKES, 2), np.repeat([1.0, -1.0], len(STRIKES))
    middle = black76_price(FORWARD, DISCOUNT, strike, YEARS, 0.2, right).price + rng.normal(0.0, noise, len(strike))
    half = 0.01 + 0.004 * middle
    return {
        "years": np.full(len(strike), YEARS),
        "strike": strike,
        "right": right,
        "bid": middle - half,
        "ask": middle + half,
    }


def fit(columns: Columns, expiry: Any = 1, **rest: Any) -> ForwardFit:
    return implied_forwards(expiry, **columns, **rest)


def test_an_exact_chain_comes_back() -> None:
    found = fit(chain(), spot=100.0)
    rate = -np.log(DISCOUNT) / YEARS
    assert found.reason[0] == 0
    assert found.forward[0] == pytest.approx(FORWARD, rel=1e-12)
    assert found.discount[0] == pytest.approx(DISCOUNT, rel=1e-11)
    assert found.rate[0] == pytest.approx(rate, rel=1e-9)
    assert found.dividend_yield[0] == pytest.approx(rate - np.log(FORWARD / 100.0) / YEARS, abs=1e-10)
    assert np.nanmax(np.abs(found.residual)) < 1e-11
    assert found.pairs[0] == np.isfinite(found.residual).sum() / 2


def test_standard_errors_are_those_of_repeated_chains() -> None:
    fits = [fit(chain(0.02, seed)) for seed in range(200)]
    forward = np.array([one.forward[0] for one in fits])
    error = np.array([one.forward_error[0] for one in fits])
    assert forward.mean() == pytest.approx(FORWARD, abs=4.0 * forward.std() / np.sqrt(200))
    assert error.mean() == pytest.approx(forward.std(), rel=0.25)
    discount = np.array([one.discount[0] for one in fits])
    assert np.mean([one.discount_error[0] for one in fits]) == pytest.approx(discount.std(), rel=0.25)


@pytest.mark.parametrize(("noise", "rare"), [(0.02, 0.01), (0.05, 0.03)])
@pytest.mark.parametrize(
    ("strikes", "given"), [(2, True), (3, True), (5, True), (3, False), (4, False), (5, False), (7, False)]
)
def test_few_strikes_know_little(strikes: int, given: bool, noise: float, rare: float) -> None:
    # Of normal numbers 0.3 % lie beyond three errors; with few residuals that is Student's tail, many times as fat.
    draws, rate, half = 100, -np.log(DISCOUNT) / YEARS, 0.05
    strike = np.tile(100.0 + 5.0 * (np.arange(strikes) - strikes // 2), 2)
    right = np.repeat([1.0, -1.0], strikes)
    middle = black76_price(FORWARD, DISCOUNT, strike, YEARS, 0.2, right).price
    shown = np.concatenate(
        [middle + np.random.default_rng(seed).normal(0.0, noise, len(strike)) for seed in range(draws)]
    )
    found = implied_forwards(
        np.repeat(np.arange(draws), len(strike)),
        YEARS,
        np.tile(strike, draws),
        np.tile(right, draws),
        shown - half,
        shown + half,
        curve=RateCurve.flat(rate) if given else None,
    )
    assert (found.reason == 0).all()
    assert np.mean(np.abs(found.forward - FORWARD) > 3.0 * found.forward_error) <= rare
    if not given:
        assert np.mean(np.abs(found.rate - rate) > 3.0 * found.rate_error) <= rare
        # Nor do the luckiest pass for exact.
        lucky = found.rate_error <= 0.002
        assert np.mean(lucky & (np.abs(found.rate - rate) > 0.005)) < 0.02


def test_a_line_through_few_quotes_is_no_surer_than_they_are() -> None:
    rows = np.isin(np.tile(STRIKES, 2), [95.0, 100.0, 105.0])
    columns = {name: column[rows] for name, column in chain().items()}
    found = fit(columns)
    assert found.forward[0] == pytest.approx(FORWARD, rel=1e-9)
    assert found.forward_error[0] > 0.2 * float(np.min(columns["ask"] - columns["bid"]))
    locked = 0.5 * (columns["bid"] + columns["ask"])
    assert fit(columns | {"bid": locked, "ask": locked}).forward_error[0] < 1e-6


def test_liars_are_outvoted() -> None:
    columns = chain(0.01)
    for side in ("bid", "ask"):
        columns[side][[15, 18, 22, 25, 60]] += 3.0
    found = fit(columns)
    assert abs(found.forward[0] - FORWARD) < 0.02
    assert abs(found.residual_spreads[15]) > 5.0
    assert np.median(np.abs(found.residual[np.isfinite(found.residual)])) < 0.03


def test_a_curve_gives_the_discount() -> None:
    curve = RateCurve.flat(-np.log(DISCOUNT) / YEARS)
    found = fit(chain(0.02), curve=curve)
    free = fit(chain(0.02))
    assert found.discount[0] == pytest.approx(DISCOUNT, rel=1e-15)
    assert found.discount_error[0] == 0.0
    assert abs(found.forward[0] - FORWARD) < 4.0 * found.forward_error[0]
    assert found.forward_error[0] < 1.5 * free.forward_error[0]


def test_expiries_stay_apart_and_order_does_not_matter() -> None:
    first, second = chain(0.01, 1), chain(0.01, 2)
    both = {name: np.concatenate([first[name], second[name]]) for name in first}
    marks = np.repeat([20, 10], len(first["strike"]))
    found = fit(both, marks)
    assert found.expiry.tolist() == [10, 20]
    assert found.forward.tolist() == [fit(second).forward[0], fit(first).forward[0]]
    turn = np.random.default_rng(3).permutation(len(marks))
    turned = fit({name: column[turn] for name, column in both.items()}, marks[turn])
    assert turned.forward.tolist() == found.forward.tolist()
    assert turned.residual.tobytes() == found.residual[turn].tobytes()


def changed(rows: Any = slice(None), **columns: Any) -> Columns:
    made = chain()
    for name, value in columns.items():
        made[name][rows] = value
    return made


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (changed(years=0.0), Reason.EXPIRED),
        (changed(years=-1.0), Reason.EXPIRED),
        (changed(years=np.nan), Reason.NOT_FINITE),
        (changed(bid=0.0), Reason.TOO_FEW_STRIKES),
        (changed(ask=np.nan), Reason.TOO_FEW_STRIKES),
        (changed(right=1.0), Reason.TOO_FEW_STRIKES),
        (changed(strike=100.0), Reason.TOO_FEW_STRIKES),
        (changed(slice(2, 41), ask=0.0), Reason.TOO_FEW_STRIKES),
        (changed(years=1e-3), Reason.DISCOUNT_OUT_OF_RANGE),
    ],
)
def test_what_says_nothing_has_its_reason(columns: Columns, reason: Reason) -> None:
    found = fit(columns)
    assert found.reason.tolist() == [reason]
    for name in ("forward", "discount", "forward_error", "discount_error", "rate", "dividend_yield"):
        assert np.isnan(getattr(found, name)[0])
    assert np.isnan(found.residual).all()


def test_an_inverted_chain_has_no_forward() -> None:
    columns = chain()
    columns["right"] *= -1.0  # calls and puts mixed up: the slope is that of a negative discount
    assert fit(columns).reason[0] == Reason.DISCOUNT_OUT_OF_RANGE
    far = chain()
    far["bid"][:41] += 60.0
    far["ask"][:41] += 60.0
    assert fit(far, rules=ParityRules(band=0.3)).reason[0] == Reason.NO_FORWARD


def test_noise_without_a_line_is_uncertain() -> None:
    columns = chain(15.0, 4)
    columns["bid"] = np.maximum(columns["bid"], 0.5)
    columns["ask"] = columns["bid"] + 5.0
    curve = RateCurve.flat(0.03)
    assert fit(columns, curve=curve, rules=ParityRules(error_max=1e-3)).reason[0] == Reason.FORWARD_UNCERTAIN


def test_a_rate_curve() -> None:
    curve = RateCurve(np.array([0.5, 1.0, 2.0]), np.array([0.02, 0.03, 0.05]))
    assert curve.rate([0.1, 0.5, 1.0, 2.0, 9.0]).tolist() == [0.02, 0.02, 0.03, 0.05, 0.05]
    assert curve.discount(1.5)[0] == pytest.approx(np.exp(-0.5 * (0.03 + 0.10)), rel=1e-15)
    assert np.isnan(curve.discount([0.0, -1.0, np.nan])).all()
    for years, zero in (([], []), ([1.0, 1.0], [0.1, 0.1]), ([0.0], [0.1]), ([1.0], [np.nan]), ([1.0], [0.1, 0.2])):
        with pytest.raises(ConfigError, match="rate curve"):
            RateCurve(np.array(years), np.array(zero))


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(DataError, match="expiry has 2 rows"):
        fit(chain(), [1, 2])
    with pytest.raises(DataError, match="early has 2 rows"):
        fit(chain(), early=[True, False])
    with pytest.raises(ConfigError, match="pairs"):
        ParityRules(pairs_min=1)


def test_real_index_chains_obey_parity(real_data: Path) -> None:
    # SPX options of one close: European, so parity binds. Cash rates were near 2.4 % in spring 2019.
    file = sorted((real_data / "spx_chains_2019").glob("SPX_*.csv.gz"))[20]
    with gzip.open(file, "rt", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["optionroot"].startswith("SPXW")]

    def day(row: dict[str, str], name: str) -> int:
        return datetime.strptime(row[name], "%m/%d/%Y").toordinal()  # noqa: DTZ007 a date, of no zone

    expiry = np.array([day(row, "expiration") for row in rows])
    years = (expiry - day(rows[0], "quotedate")) / 365.0
    right = np.where([row["type"].lower().startswith("c") for row in rows], 1, -1)
    strike, bid, ask = (np.array([float(row[name]) for row in rows]) for name in ("strike", "bid", "ask"))
    spot = float(rows[0]["underlying_last"])
    found = implied_forwards(expiry, years, strike, right, bid, ask, spot=spot)
    usual = (found.reason == 0) & (found.years > 14 / 365)
    assert usual.sum() > 15
    assert (np.abs(found.rate[usual] - 0.025) < 0.01).all()
    assert (np.abs(found.forward[usual] / spot - 1.0) < 0.02).all()
    assert (found.forward_error[usual] < 2e-5 * spot).all()
    assert np.nanquantile(np.abs(found.residual_spreads), 0.99) < 0.5
