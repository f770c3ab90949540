"""The surface: known ones recovered, arbitrage planted and removed, real SPX sessions, and everything read off it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from argus.core.errors import ConfigError, DataError
from argus.options import (
    Reason,
    Surface,
    fit_surface,
    judge_quotes,
    smile_is_free,
    smile_variance,
    ssvi_slice,
    surface_density,
    surface_moments,
    surface_shapes,
)
from tests.options.spx_chains import read_session, session_files, surface_columns

F64 = NDArray[np.float64]
YEARS = np.array([0.02, 0.1, 0.25, 0.5, 1.0])


def _quotes(shift: float = 0.0, half: float = 0.002) -> tuple[F64, F64, F64, F64, F64, F64]:
    """Quotes on a power-law SSVI surface: strike, right, years, forward and volatilities of bid and ask."""
    parts = []
    for number, years in enumerate(YEARS):
        theta = 0.04 * years
        k = np.sqrt(theta) * np.linspace(-5.0, 3.0, 40)
        vol = np.sqrt(smile_variance(ssvi_slice(theta, -0.6, 1.2 / np.sqrt(theta)).smile, k)[0] / years)
        vol = vol + shift * (number == 2)
        forward = 100.0 * np.exp(0.02 * years)
        ones = np.ones(len(k))
        side = np.where(k >= 0.0, 1.0, -1.0)
        parts.append((forward * np.exp(k), side, ones * years, ones * forward, vol - half, vol + half))
    strike, right, times, forwards, bid, ask = (np.concatenate(column) for column in zip(*parts, strict=True))
    return strike, right, times, forwards, bid, ask


@pytest.fixture(scope="module")
def surface() -> Surface:
    return fit_surface(*_quotes())


def test_a_known_surface_is_recovered(surface: Surface) -> None:
    strike, _, years, forward, bid, ask = _quotes()
    assert surface.is_free
    assert surface.share_inside == 1.0
    found = surface.vol(np.log(strike / forward), years)
    assert np.abs(found.value - 0.5 * (bid + ask)).max() < 0.001
    np.testing.assert_allclose(surface.forward_at(YEARS), 100.0 * np.exp(0.02 * YEARS), rtol=1e-12)


def test_the_order_of_quotes_and_the_in_the_money_side_are_nothing(surface: Surface) -> None:
    columns = _quotes()
    order = np.argsort(np.sin(np.arange(len(columns[0])) * 3.0))
    strike, right, years, forward, bid, ask = (column[order] for column in columns)
    again = fit_surface(
        np.concatenate((strike, strike)),
        np.concatenate((right, -right)),
        np.tile(years, 2),
        np.tile(forward, 2),
        np.concatenate((bid, bid + 9.0)),
        np.concatenate((ask, ask + 9.0)),
    )
    assert again.to_json() == surface.to_json()


def test_text_gives_the_same_bits(surface: Surface) -> None:
    back = Surface.from_json(surface.to_json())
    for name in Surface.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(back, name), getattr(surface, name))
    with pytest.raises(DataError, match="no surface"):
        Surface.from_json('{"version": 1}')
    with pytest.raises(DataError, match="version"):
        Surface.from_json('{"version": 2}')
    with pytest.raises(ValueError, match="read-only"):
        surface.smile[0] = 0.0


def test_a_calendar_arbitrage_is_not_fitted() -> None:
    strike, right, years, forward, bid, ask = _quotes(shift=0.12)
    k = np.log(strike / forward)
    third, fourth = years == YEARS[2], years == YEARS[3]
    lift = bid[third] ** 2 * YEARS[2]
    assert (lift > np.interp(k[third], k[fourth], ask[fourth] ** 2 * YEARS[3])).any()
    found = fit_surface(strike, right, years, forward, bid, ask)
    assert found.is_free
    assert found.inside_share[2] < 0.5
    assert found.share_inside < 0.9


@settings(max_examples=15)
@given(st.lists(st.floats(-0.06, 0.06), min_size=5, max_size=5), st.integers(0, 10_000))
def test_whatever_the_quotes_the_fit_is_free(shifts: list[float], seed: int) -> None:
    strike, right, years, forward, bid, ask = _quotes()
    noise = 0.02 * np.sin(np.arange(len(strike)) * (1.0 + seed)) + np.repeat(shifts, 40)
    found = fit_surface(strike, right, years, forward, np.maximum(bid + noise, 0.01), np.maximum(ask + noise, 0.015))
    assert found.is_free
    assert all(smile_is_free(smile, margin=-1e-3) for smile in found.smile)


def test_outside_there_is_no_answer_but_a_reason(surface: Surface) -> None:
    k = np.array([0.0, 0.0, 5.0, np.nan, 0.0, 0.0])
    years = np.array([0.3, 2.0, 0.3, 0.3, -1.0, 0.001])
    found = surface.vol(k, years)
    wanted = ["OK", "OUTSIDE_SURFACE", "OUTSIDE_SURFACE", "NOT_FINITE", "EXPIRED", "OUTSIDE_SURFACE"]
    assert [Reason(code).name for code in found.reason] == wanted
    np.testing.assert_array_equal(np.isnan(found.value), found.reason != 0)
    assert surface.vol(k[2:3], years[2:3], wings=True).value[0] > 0.0
    with pytest.raises(ConfigError, match="outside"):
        surface.smile_at(3.0)


def test_total_variance_is_a_line_between_expiries(surface: Surface) -> None:
    k = np.array([-0.2, 0.0, 0.1])
    at = [surface.total_variance(k, np.full(3, years)).value for years in (0.25, 0.375, 0.5)]
    np.testing.assert_allclose(at[1], 0.5 * (at[0] + at[2]), rtol=1e-12)
    np.testing.assert_allclose(smile_variance(surface.smile_at(0.375), k)[0], at[1], rtol=1e-12)


def test_local_volatility_of_a_flat_surface_is_its_volatility() -> None:
    k = np.tile(np.linspace(-0.3, 0.3, 30), 2)
    years = np.repeat([0.5, 1.0], 30)
    right = np.where(k >= 0.0, 1.0, -1.0)
    flat = fit_surface(100.0 * np.exp(k), right, years, np.full(60, 100.0), np.full(60, 0.199), np.full(60, 0.201))
    found = flat.local_vol(np.array([-0.1, 0.0, 0.1, 0.0]), np.array([0.6, 0.7, 0.9, 1.5]))
    np.testing.assert_allclose(found.value[:3], 0.2, atol=0.002)
    assert found.reason[3] == Reason.OUTSIDE_SURFACE


def test_shapes_are_those_of_the_surface(surface: Surface) -> None:
    found = surface_shapes(surface)
    np.testing.assert_allclose(found.vol_atm, 0.2, atol=0.001)
    assert (found.risk_reversal < 0.0).all()
    assert (found.butterfly > 0.0).all()
    # SSVI: the slope of the variance at the money is rho phi theta, that of the volatility over 2 sigma years.
    theta = 0.04 * YEARS
    slope = -0.6 * 1.2 * np.sqrt(theta) / (2.0 * 0.2 * YEARS)
    np.testing.assert_allclose(found.slope_atm, slope, rtol=0.05)
    np.testing.assert_allclose(found.vol_forward[1:], 0.2, atol=0.003)
    fixed = surface_shapes(surface, np.array([30.0 / 365.0, 3.0]))
    assert fixed.vol_atm[0] == pytest.approx(0.2, abs=0.001)
    assert fixed.reason.tolist() == [0, int(Reason.OUTSIDE_SURFACE)]
    assert np.isnan(fixed.vol_atm[1])
    with pytest.raises(ConfigError, match="delta"):
        surface_shapes(surface, delta=0.7)


def test_the_strikes_have_the_delta_asked_for(surface: Surface) -> None:
    from scipy.special import ndtr

    found = surface_shapes(surface, delta=0.1)
    for k, vol, side in ((found.k_put, found.vol_put, -1), (found.k_call, found.vol_call, 1)):
        root = vol * np.sqrt(YEARS)
        np.testing.assert_allclose(ndtr(side * (-k / root + 0.5 * root)), 0.1, atol=1e-9)


def test_densities_are_sound(surface: Surface) -> None:
    for found in surface_moments(surface):
        assert (found.mass, found.forward, found.negative) == pytest.approx((1.0, 1.0, 0.0), abs=1e-6)
    assert (surface_density(surface, 0.3, np.linspace(-0.5, 0.5, 101)) >= 0.0).all()


def test_the_spline_takes_what_the_base_may_not() -> None:
    strike, right, years, forward, bid, ask = _quotes(shift=0.12)
    found = fit_surface(strike, right, years, forward, bid, ask)
    own = years == YEARS[2]
    k, middle = np.log(strike / forward)[own], 0.5 * (bid + ask)[own]
    base = found.vol(k, years[own]).value
    both = found.vol(k, years[own], residual=True).value
    assert np.abs(both - middle).mean() < np.abs(base - middle).mean()


def test_quotes_are_judged_in_spreads(surface: Surface) -> None:
    strike, years = np.array([100.0, 100.0, 100.0, 100.0, -1.0]), np.full(5, 0.25)
    fair = float(surface.vol(np.log(strike[:1] / surface.forward_at(years[:1])), years[:1]).value[0])
    bid = fair + np.array([-0.01, 0.01, np.nan, 0.02, 0.0])
    ask = fair + np.array([0.01, 0.03, 0.01, 0.01, 0.01])
    found = judge_quotes(surface, strike, years, bid, ask)
    np.testing.assert_allclose(found.residual_spreads[:2], [0.0, 1.0], atol=1e-9)
    assert found.inside.tolist() == [True, False, False, False, False]
    assert found.reason.tolist() == [0, 0, Reason.NO_TWO_SIDED_QUOTE, Reason.CROSSED, Reason.STRIKE_NOT_POSITIVE]


def test_bad_rows_disturb_nothing_and_small_expiries_are_refused(surface: Surface) -> None:
    columns = _quotes()
    bad = np.array([[-5.0, 1, 0.25, 100, 0.2, 0.3], [90, -1, np.nan, 100, 0.2, 0.3], [90, -1, 0.25, 100, np.nan, 0.3]])
    few = np.array([[k, 1.0, 0.7, 100.0, 0.2, 0.3] for k in (101.0, 105.0, 110.0)])
    more = np.concatenate((np.stack(columns, axis=1), bad, few))
    found = fit_surface(*(np.ascontiguousarray(column) for column in more.T))
    np.testing.assert_array_equal(found.smile, surface.smile)
    assert found.refused_years.tolist() == [0.7]
    with pytest.raises(ConfigError, match="hyperbolas"):
        fit_surface(*columns, hyperbolas=4)
    with pytest.raises(ConfigError, match="shapes"):
        fit_surface(*columns[:5], columns[5][:3])


def test_nothing_gives_an_empty_surface() -> None:
    empty = fit_surface(*(np.empty(0) for _ in range(6)))
    assert empty.vol(np.zeros(2), np.ones(2)).reason.tolist() == [Reason.OUTSIDE_SURFACE] * 2
    assert np.isnan(empty.share_inside)
    assert Surface.from_json(empty.to_json()).to_json() == empty.to_json()


@pytest.mark.parametrize("number", [8, 45])
def test_real_sessions_are_free_of_arbitrage_and_inside_the_spread(real_data: Path, number: int) -> None:
    columns = surface_columns(read_session(session_files(real_data)[number]))
    arguments = [columns[name] for name in ("strike", "right", "years", "forward", "vol_bid", "vol_ask")]
    found = fit_surface(*arguments)
    assert len(found.years) >= 38
    assert found.is_free
    assert (found.g_between[:-1] > 0.0).all()
    assert found.share_inside > 0.96
    assert found.share_inside > fit_surface(*arguments, hyperbolas=1).share_inside + 0.2
    for moments in surface_moments(found)[::10]:
        assert (moments.mass, moments.forward) == pytest.approx((1.0, 1.0), abs=1e-4)
