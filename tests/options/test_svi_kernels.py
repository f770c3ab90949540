"""The kernels of smiles on known smiles; run compiled and as plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from argus.options._surface_kernels import check_smile, fill_surface, fit_smiles
from argus.options._svi_kernels import SIZE_MAX, fill_g, fill_smile, g_of, smile_at
from argus.options.svi import ssvi_slice

SMILE = np.array([-0.01, -0.02, 0.05, 0.02, 0.1, 0.03, -0.3, 0.4])


def test_the_derivatives_are_those_of_the_variance() -> None:
    k, step = np.linspace(-1.0, 1.0, 9), 1e-5
    w, slope, bend = np.empty(9), np.empty(9), np.empty(9)
    fill_smile(SMILE, k, w, slope, bend)
    up = np.array([smile_at(SMILE, x + step)[0] for x in k])
    down = np.array([smile_at(SMILE, x - step)[0] for x in k])
    np.testing.assert_allclose(slope, (up - down) / (2.0 * step), rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(bend, (up - 2.0 * w + down) / step**2, rtol=1e-4, atol=1e-5)


def test_g_does_not_depend_on_the_units() -> None:
    w, slope, bend = smile_at(SMILE, 0.3)
    unit = 0.04
    scaled = g_of(0.3 / 0.2, w / unit, slope * 0.2 / unit, bend, unit)
    assert scaled == pytest.approx(g_of(0.3, w, slope, bend, 1.0), rel=1e-12)


def test_g_is_minus_infinity_without_variance() -> None:
    out = np.empty(1)
    fill_g(np.array([-1.0, 0.0]), np.zeros(1), out)
    assert out[0] == -np.inf


def test_a_smile_scaled_down_keeps_its_density() -> None:
    smile = ssvi_slice(0.08, -0.6, 2.5).smile
    checks = []
    for part in (1.0, 0.6, 0.1):
        scaled = smile.copy()
        scaled[:3] *= part
        checks.append(check_smile(scaled, smile, True, -1.0, 0.6, 1.0))
    assert all(g >= 0.0 and rise >= -1e-12 for g, rise in checks)


def test_a_crossing_and_a_steep_wing_are_seen() -> None:
    later, early = ssvi_slice(0.04, -0.4, 2.0).smile, ssvi_slice(0.03, -0.4, 6.0).smile
    assert check_smile(early, later, True, -1.0, 1.0, 1.0)[1] < 0.0
    assert check_smile(np.array([0.04, 0.0, 2.1, 0.0, 0.1]), later, False, -1.0, 1.0, 1.0)[0] == -np.inf


def test_two_known_expiries_are_recovered() -> None:
    k = np.linspace(-0.25, 0.2, 16)
    smiles = [ssvi_slice(theta, -0.5, 3.0).smile for theta in (0.02, 0.03)]
    w = [np.array([smile_at(smile, x)[0] for x in k]) for smile in smiles]
    quotes = np.stack([np.tile(k, 2), np.concatenate(w), np.full(32, 2e-4)])
    out = np.zeros((2, SIZE_MAX))
    fit_smiles(np.array([0, 16, 32]), np.array([5, 5]), quotes, np.array([0.02, 0.03]), out)
    fitted = np.array([[smile_at(smile, x)[0] for x in k] for smile in out])
    assert np.abs(fitted - np.array(w)).max() < 2e-4


def test_the_surface_is_a_line_in_time_and_says_its_slope() -> None:
    smiles = np.zeros((2, SIZE_MAX))
    smiles[:, 4::3] = 1.0
    smiles[:, 0] = 0.01, 0.04
    out = np.empty((4, 4))
    fill_surface(np.array([0.25, 1.0]), smiles, np.zeros(4), np.array([0.25, 0.5, 1.0, 1.1]), out)
    np.testing.assert_allclose(out[0], [0.01, 0.02, 0.04, np.nan], rtol=1e-12)
    np.testing.assert_allclose(out[3, :3], 0.04, rtol=1e-12)
