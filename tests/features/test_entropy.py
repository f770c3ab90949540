from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import F64_1D
from tests.features.market import market
from tests.features.peers import antropy
from tests.features.physics_oracles import held, over_windows, series_of, smooth_market, value_of

COLUMNS = smooth_market(12, 700)
SERIES = ("return", "range", "volume", "close")

# Terms c ln(c) are rounded to 2^-36 each, and at most 64 of them are added.
COUNTED = {"rtol": 1e-9, "atol": 1e-9}


def shares_entropy(counts: F64_1D, kinds: int) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum() / math.log(kinds))


def histogram(window: F64_1D, bins: int) -> float:
    low, high = window.min(), window.max()
    if low == high:
        return 0.0
    place = np.minimum(bins - 1, np.floor((window - low) * (bins / (high - low)))).astype(int)
    return shares_entropy(np.bincount(place, minlength=bins), bins)


@pytest.mark.parametrize("of", SERIES)
@pytest.mark.parametrize(("n", "bins"), [(20, 8), (100, 3), (200, 64)])
def test_shannon_entropy_agrees_with_its_formula(of: str, n: int, bins: int) -> None:
    want = over_windows(series_of(COLUMNS, of), n, lambda window: histogram(window, bins))
    np.testing.assert_allclose(value_of("shannon_entropy", COLUMNS, of=of, n=n, bins=bins), want, **COUNTED)


@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("n", [8, 60, 250])
def test_permutation_entropy_agrees_with_antropy(order: int, n: int) -> None:
    for columns in (COLUMNS, market(13, 600)):
        # The second market is on a coarse grid, where many returns are equal.
        for of in ("return", "volume"):
            x = series_of(columns, of)
            if columns is not COLUMNS and of == "return":
                x = np.round(x, 15)
            want = over_windows(
                x, n, lambda window: float(antropy.perm_entropy(window, order=order, normalize=True)), range(n, 600, 5)
            )
            got = value_of("permutation_entropy", columns, of=of, n=n, order=str(order))
            np.testing.assert_allclose(np.where(np.isnan(want), np.nan, got), want, **COUNTED)


def test_permutation_entropy_of_the_published_example() -> None:
    # Bandt and Pompe (2002): of 4, 7, 9, 10, 6, 11, 3 two orders occur twice and one once, which makes 1.522 bits.
    columns = {"close": np.exp(np.array([4.0, 7.0, 9.0, 10.0, 6.0, 11.0, 3.0]))}
    bits = value_of("permutation_entropy", columns, of="close", n=7, order="3")[-1] * math.log2(6)
    assert abs(bits - 1.522) < 5e-4


def near(window: F64_1D, r: float) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    return np.asarray(np.abs(window[:, None] - window[None, :]) <= r * window.std())


def sample(window: F64_1D, r: float) -> float:
    n, one = len(window), near(window, r)
    two = one[: n - 2, : n - 2] & one[1 : n - 1, 1 : n - 1]
    three = two & one[2:, 2:]
    b, a = (two.sum() - (n - 2)) // 2, (three.sum() - (n - 2)) // 2
    return math.log(b / a) if a > 0 else math.log((n - 2) * (n - 3) / 2)


def approximate(window: F64_1D, r: float) -> float:
    one = near(window, r)
    two = one[:-1, :-1] & one[1:, 1:]
    three = two[:-1, :-1] & one[2:, 2:]
    return float(np.log(two.mean(axis=1)).mean() - np.log(three.mean(axis=1)).mean())


def recurrence(window: F64_1D, r: float) -> float:
    one = near(window, r)
    return float(one[np.triu_indices(len(window), 1)].mean())


def determinism(window: F64_1D, r: float) -> float:
    one = np.pad(near(window, r), 1)
    on_line = one[1:-1, 1:-1] & (one[:-2, :-2] | one[2:, 2:])
    upper = np.triu_indices(len(window), 1)
    # Points beside the main diagonal have their line's other points on their own diagonal, never on the main one.
    return float(on_line[upper].sum() / max(one[1:-1, 1:-1][upper].sum(), 1))


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("sample_entropy", sample),
        ("approximate_entropy", approximate),
        ("recurrence_rate", recurrence),
        ("recurrence_determinism", determinism),
    ],
)
@pytest.mark.parametrize(
    ("of", "n", "r", "every"), [("return", 8, 0.2, 1), ("range", 62, 0.2, 3), ("close", 130, 0.5, 5)]
)
def test_repetition_agrees_with_its_formula(name: str, formula, of: str, n: int, r: float, every: int) -> None:  # type: ignore[no-untyped-def]
    want = held(over_windows(series_of(COLUMNS, of), n, lambda window: formula(window, r)), every)
    got = value_of(name, COLUMNS, of=of, n=n, r=r, every=every)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_repetition_agrees_with_antropy() -> None:
    x, n, rows = series_of(COLUMNS, "return"), 100, range(150, 700, 50)
    got = value_of("sample_entropy", COLUMNS, n=n)
    also = value_of("approximate_entropy", COLUMNS, n=n, every=1)
    for row in rows:
        window = x[row - n + 1 : row + 1]
        # antropy has near as below the distance for sample entropy, which differs on no value without ties.
        assert abs(got[row] - antropy.sample_entropy(window, order=2, tolerance=0.2 * window.std())) < 1e-9
        assert abs(also[row] - antropy.app_entropy(window, order=2, tolerance=0.2 * window.std())) < 1e-9


@pytest.mark.parametrize(("of", "n", "every"), [("return", 8, 1), ("volume", 63, 4), ("range", 200, 9)])
def test_lempel_ziv_agrees_with_antropy(of: str, n: int, every: int) -> None:
    def words(window: F64_1D) -> float:
        bits = "".join("1" if value > window.mean() else "0" for value in window)
        return float(antropy.lziv_complexity(bits)) * math.log2(n) / n

    want = held(over_windows(series_of(COLUMNS, of), n, words), every)
    np.testing.assert_allclose(value_of("lempel_ziv", COLUMNS, of=of, n=n, every=every), want, rtol=1e-12)


@pytest.mark.parametrize("of", SERIES)
def test_hjorth_parameters_agree_with_antropy(of: str) -> None:
    x = series_of(COLUMNS, of)
    mobility = over_windows(x, 60, lambda window: float(antropy.hjorth_params(window)[0]))
    complexity = over_windows(x, 60, lambda window: float(antropy.hjorth_params(window)[1]))
    np.testing.assert_allclose(value_of("hjorth_mobility", COLUMNS, of=of, n=60), mobility, rtol=1e-8)
    np.testing.assert_allclose(value_of("hjorth_complexity", COLUMNS, of=of, n=60), complexity, rtol=1e-8)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 3), min_size=30, max_size=60))
def test_entropies_stay_between_0_and_1_on_a_coarse_grid(steps: list[int]) -> None:
    walk = np.cumsum(np.array(steps) - 1.5) * 2.0**-10
    for name, parameters in (
        ("shannon_entropy", {"n": 20}),
        ("permutation_entropy", {"n": 20}),
        ("recurrence_rate", {"n": 20}),
        ("recurrence_determinism", {"n": 20}),
    ):
        got = value_of(name, {"close": np.exp(walk)}, of="close", **parameters)
        known = got[19:]
        assert ((known >= 0.0) & (known <= 1.0)).all(), name


def test_a_line_a_rhythm_and_noise() -> None:
    random = np.random.default_rng(5)
    line = {"close": np.exp(np.arange(300) * 1e-3)}
    rhythm = {"close": np.exp(1e-3 * (np.arange(300) % 2))}
    noise = {"close": np.exp(np.cumsum(random.standard_normal(300)) * 1e-3)}
    assert value_of("permutation_entropy", line, of="close", n=100)[-1] == 0.0
    assert value_of("sample_entropy", rhythm, n=100)[-1] == 0.0
    assert value_of("recurrence_determinism", rhythm, of="close", n=100)[-1] == pytest.approx(1.0, abs=1e-3)
    assert value_of("lempel_ziv", rhythm, n=100)[-1] < 0.25
    assert value_of("lempel_ziv", noise, n=100)[-1] > 0.8
    assert value_of("permutation_entropy", noise, n=240)[-1] > 0.97
    assert value_of("sample_entropy", noise, n=240)[-1] > 1.5
