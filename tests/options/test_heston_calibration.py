"""Calibration finds what it was shown, says when it cannot know, and stays steady on real chains."""

from __future__ import annotations

import gzip
import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.options import (
    HestonBounds,
    HestonParameters,
    HestonQuotes,
    Reason,
    calibrate_heston,
    heston_price,
)

TRUTHS = [
    HestonParameters(0.04, 1.5, 0.06, 0.6, -0.7),
    HestonParameters(0.02, 4.0, 0.05, 1.6, -0.85),
    HestonParameters(0.2, 2.0, 0.5, 1.0, 0.2),
]
_YEARS = np.repeat(np.array([21, 63, 182, 400]) / 365, 15)
_STRIKES = np.tile(np.linspace(75.0, 125.0, 15), 4)
_RIGHTS = np.where(_STRIKES < 100.0, -1, 1)


def chain(truth: HestonParameters, noise: float = 0.0, seed: int = 0) -> HestonQuotes:
    """Quotes of 60 options around prices of the model, off by `noise` spreads."""
    price = heston_price(truth, _STRIKES, _RIGHTS, _YEARS, 100.0, 0.98, accuracy=1e-11).price
    spread = 0.02 + 0.02 * price
    middle = price + noise * spread * np.random.default_rng(seed).standard_normal(len(price))
    return HestonQuotes(_STRIKES, _RIGHTS, _YEARS, 100.0, 0.98, middle - 0.5 * spread, middle + 0.5 * spread)


@pytest.mark.parametrize("truth", TRUTHS)
def test_parameters_are_found_again(truth: HestonParameters) -> None:
    found = calibrate_heston(chain(truth))
    assert found.parameters is not None
    np.testing.assert_allclose(found.parameters.as_tuple(), truth.as_tuple(), rtol=1e-4)
    assert found.converged
    assert found.at_bound == ()
    assert found.rms < 1e-5
    assert found.inside == 1.0
    assert (found.agreeing, found.starts) == (3, 3)


def test_noise_of_the_quotes_comes_out_as_it_went_in() -> None:
    found = calibrate_heston(chain(TRUTHS[0], noise=0.4))
    assert found.rms == pytest.approx(0.4, rel=0.25)
    used = found.reason == 0
    assert np.sqrt(np.mean(found.error_spreads[used] ** 2)) == pytest.approx(found.rms, rel=1e-9)
    assert 0.7 < found.inside < 1.0
    assert found.parameters is not None
    again = heston_price(found.parameters, _STRIKES, _RIGHTS, _YEARS, 100.0, 0.98).price
    np.testing.assert_allclose(found.model[used], again[used], atol=2e-5)


def test_a_warm_start_alone_is_enough_and_cheap() -> None:
    quotes = chain(TRUTHS[0], noise=0.1)
    cold = calibrate_heston(quotes)
    warm = calibrate_heston(quotes, warm=HestonParameters(0.045, 1.7, 0.06, 0.5, -0.65), starts=0)
    assert warm.parameters is not None
    assert cold.parameters is not None
    np.testing.assert_allclose(warm.parameters.as_tuple(), cold.parameters.as_tuple(), rtol=1e-3)
    assert warm.starts == 1
    assert warm.evaluations < cold.evaluations


def test_the_same_quotes_give_the_same_bits() -> None:
    quotes = chain(TRUTHS[1], noise=0.2)
    assert calibrate_heston(quotes).parameters == calibrate_heston(quotes).parameters


def test_a_scale_decides_what_counts() -> None:
    # One expiry lies: with a scale that makes it count for nothing, the truth is found.
    quotes = chain(TRUTHS[0])
    wrong = _YEARS > 1.0
    bid, ask = (np.where(wrong, 1.3 * np.asarray(side), side) for side in (quotes.bid, quotes.ask))
    bent = HestonQuotes(_STRIKES, _RIGHTS, _YEARS, 100.0, 0.98, bid, ask)
    found = calibrate_heston(bent, scale=np.where(wrong, 1e6, 0.01), starts=2)
    assert found.parameters is not None
    np.testing.assert_allclose(found.parameters.as_tuple(), TRUTHS[0].as_tuple(), rtol=1e-3)


def test_a_parameter_at_its_bound_is_named() -> None:
    found = calibrate_heston(chain(TRUTHS[0]), bounds=HestonBounds(sigma=(0.05, 0.4)))
    assert "sigma" in found.at_bound
    assert found.parameters is not None
    assert found.parameters.sigma <= 0.4
    assert found.rms > 0.01


def test_bad_quotes_are_left_out_with_their_reason() -> None:
    quotes = chain(TRUTHS[0])
    strike, bid, ask = (np.array(column, dtype=float) for column in (_STRIKES, quotes.bid, quotes.ask))
    years = _YEARS.copy()
    bid[0], ask[0] = 0.0, 0.1
    bid[1] = math.nan
    bid[2], ask[2] = 2.0, 1.0
    years[3] = -0.1
    strike[4] = math.nan
    bid[14], ask[14] = 200.0, 201.0
    found = calibrate_heston(HestonQuotes(strike, _RIGHTS, years, 100.0, 0.98, bid, ask))
    expected = [
        Reason.NO_TWO_SIDED_QUOTE,
        Reason.NO_TWO_SIDED_QUOTE,
        Reason.CROSSED,
        Reason.EXPIRED,
        Reason.NOT_FINITE,
    ]
    assert [Reason(code) for code in found.reason[:5]] == expected
    assert found.reason[14] == Reason.ABOVE_MAXIMUM
    assert np.isnan(found.error_spreads[[0, 1, 2, 3, 4, 14]]).all()
    assert found.parameters is not None
    np.testing.assert_allclose(found.parameters.as_tuple(), TRUTHS[0].as_tuple(), rtol=1e-3)


def test_without_quotes_there_are_no_parameters() -> None:
    found = calibrate_heston(HestonQuotes(_STRIKES, _RIGHTS, _YEARS, 100.0, 0.98, 0.0, 1.0))
    assert found.parameters is None
    assert not found.converged
    assert math.isnan(found.inside)
    assert set(found.reason) == {Reason.NO_TWO_SIDED_QUOTE}


def test_calls_that_make_no_sense_are_refused() -> None:
    quotes = chain(TRUTHS[0])
    with pytest.raises(ConfigError, match="begin somewhere"):
        calibrate_heston(quotes, starts=0)
    with pytest.raises(ConfigError, match="fit together"):
        calibrate_heston(quotes, scale=np.ones(7))
    for bounds in ({"rho": (-1.0, 0.5)}, {"kappa": (2.0, 1.0)}, {"theta": (0.0, 1.0)}):
        with pytest.raises(ConfigError, match=next(iter(bounds))):
            HestonBounds(**bounds)


def session(path: Path) -> HestonQuotes:
    """Out-of-the-money SPXW quotes of one close, 14 to 400 days ahead; forward and discount of an expiry by parity."""
    with gzip.open(path, "rt") as file:
        rows = [line.rstrip("\n").split(",") for line in file][1:]
    sides: dict[int, dict[tuple[float, int], tuple[float, float]]] = {}
    for row in rows:
        if row[3].startswith("SPXW"):
            expiry, today = (date(int(day[6:]), int(day[:2]), int(day[3:5])) for day in row[5:7])
            ahead = (expiry - today).days
            if 14 <= ahead <= 400:
                right = 1 if row[4] == "call" else -1
                sides.setdefault(ahead, {})[float(row[7]), right] = (float(row[10]), float(row[11]))
    found = []
    for ahead, quotes in sorted(sides.items()):
        strikes = np.array(sorted({strike for strike, _ in quotes if (strike, 1) in quotes and (strike, -1) in quotes}))
        gaps = np.array([sum(quotes[k, 1]) / 2.0 - sum(quotes[k, -1]) / 2.0 for k in strikes])
        near = np.argsort(np.abs(gaps))[:30]
        slope, level = np.polyfit(strikes[near], gaps[near], 1)
        forward = -level / slope
        for (strike, right), (bid, ask) in sorted(quotes.items()):
            if right * (strike - forward) > 0.0 and 0.7 < strike / forward < 1.2:
                found.append((strike, right, ahead / 365, forward, -slope, bid, ask))
    return HestonQuotes(*np.array(found).T)


def test_real_chains_fit_and_stay_in_the_same_valley(real_data: Path) -> None:
    files = sorted((real_data / "spx_chains_2019").glob("SPX_*.csv.gz"))[:2]
    if len(files) < 2:
        pytest.skip(f"{real_data} has no chains of SPX")
    quotes = [session(path) for path in files]
    first = calibrate_heston(quotes[0])
    assert first.parameters is not None
    assert first.converged
    assert first.at_bound == ()
    assert first.parameters.rho < -0.5
    # Five parameters for a surface: a few spreads at most, half of the quotes within two.
    used = first.reason == 0
    assert used.sum() > 1_000
    assert np.median(np.abs(first.error_spreads[used])) < 2.0
    second = calibrate_heston(quotes[1], warm=first.parameters, starts=0)
    again = calibrate_heston(quotes[1])
    assert second.rms <= 1.01 * again.rms
