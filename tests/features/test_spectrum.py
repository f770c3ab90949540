from __future__ import annotations

import math

import numpy as np
import pytest

from argus.core.arrays import F64_1D
from tests.features.peers import antropy
from tests.features.physics_oracles import held, over_windows, series_of, smooth_market, value_of

COLUMNS = smooth_market(51, 1_300)
SERIES = ("return", "range", "volume", "close")


def powers(window: F64_1D) -> F64_1D:
    found = np.abs(np.fft.rfft(window - window.mean())[1:]) ** 2
    found[-1] /= 2.0
    return np.asarray(found)


@pytest.mark.parametrize("of", SERIES)
@pytest.mark.parametrize(("n", "every"), [(16, 1), (64, 4), (256, 3)])
def test_spectra_agree_with_the_fourier_transform(of: str, n: int, every: int) -> None:
    x, octaves = series_of(COLUMNS, of), int(math.log2(n)) - 1
    given_values = {"of": of, "n": str(n), "every": every}

    def share(window: F64_1D, octave: int) -> float:
        p = powers(window)
        last = len(p) if octave == octaves else 2**octave - 1
        return float(p[2 ** (octave - 1) - 1 : last].sum() / p.sum())

    def entropy(window: F64_1D) -> float:
        p = powers(window) / powers(window).sum()
        return float(-(p * np.log(p)).sum() / math.log(n / 2))

    def centroid(window: F64_1D) -> float:
        p = powers(window)
        return float((np.arange(1, n // 2 + 1) / n * p).sum() / p.sum())

    total = np.zeros(len(x))
    for octave in range(1, octaves + 1):
        want = held(over_windows(x, n, lambda window, octave=octave: share(window, octave)), every)
        got = value_of("spectral_band", COLUMNS, **given_values, octave=octave)
        # Waves turned for up to 1,023 rows lose three digits or so; slow waves of the price lose more beside its trend.
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-10)
        total += got
    np.testing.assert_allclose(total[2 * n :], 1.0, rtol=1e-12)
    for name, formula in (("spectral_entropy", entropy), ("spectral_centroid", centroid)):
        want = held(over_windows(x, n, formula), every)
        np.testing.assert_allclose(value_of(name, COLUMNS, **given_values), want, rtol=1e-8)


def test_spectral_entropy_agrees_with_antropy() -> None:
    x, n = series_of(COLUMNS, "return"), 64
    got = value_of("spectral_entropy", COLUMNS, n="64", every=1)
    for row in range(100, 1_300, 100):
        # Bits of the one-sided periodogram, in which every wave but the fastest counts twice.
        bits = antropy.spectral_entropy(x[row - n + 1 : row + 1], sf=1.0, method="fft")
        assert got[row] * math.log2(n / 2) == pytest.approx(float(bits), rel=1e-9)


def test_a_jump_leaves_no_trace_once_it_is_gone() -> None:
    columns = dict(COLUMNS)
    columns["close"] = COLUMNS["close"].copy()
    columns["close"][500] *= 1e12
    columns["close"][700:800] = columns["close"][700]
    want = over_windows(
        series_of(columns, "return"),
        32,
        lambda window: float(powers(window)[:1].sum() / max(powers(window).sum(), 1e-300)),
    )
    got = value_of("spectral_band", columns, n="32", octave=1, every=1)
    assert np.isnan(got[732:800]).all()
    rows = np.r_[100:731, 801:1_300]
    np.testing.assert_allclose(got[rows], want[rows], rtol=1e-5, atol=1e-7)


def test_a_pure_wave_is_found_at_its_speed() -> None:
    time = np.arange(600)
    columns = {"close": np.exp(1e-2 * np.sin(2.0 * math.pi * 5.0 * time / 64.0))}
    assert value_of("spectral_centroid", columns, of="close", n="64")[-1] == pytest.approx(5.0 / 64.0)
    assert value_of("spectral_band", columns, of="close", n="64", octave=3)[-1] == pytest.approx(1.0)
    assert value_of("spectral_entropy", columns, of="close", n="64")[-1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("of", SERIES)
@pytest.mark.parametrize("n", [20, 150])
def test_wavelet_energies_agree_with_their_formula(of: str, n: int) -> None:
    x = series_of(COLUMNS, of)
    energies = []
    for scale in range(1, 7):
        half = 2 ** (scale - 1)
        means = over_windows(x, half, lambda window: float(window.mean()))
        detail = np.full(len(x), np.nan)
        detail[half:] = (means[half:] - means[:-half]) / 2.0
        energies.append(over_windows(detail**2, n, lambda window: float(window.mean())))
    total = np.sum(energies, axis=0)
    for scale in range(1, 7):
        got = value_of("wavelet_energy", COLUMNS, of=of, n=n, scale=scale)
        # Means by sums of a block keep about eleven digits, their differences fewer.
        np.testing.assert_allclose(got, energies[scale - 1] / total, rtol=1e-6, atol=1e-9)
