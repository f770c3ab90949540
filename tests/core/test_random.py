"""Streams keyed by name and position: published bits, right laws, the same numbers in any order and uncompiled."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core._random_kernels import (
    portable_exp,
    portable_log,
    random_bits,
    random_normal,
    random_normal_pair,
    random_uniform,
    unit_open,
)
from argus.core.random import generator, normals, stream_key, uniforms

# First outputs of SplitMix64 for the seed 1234567, as published with the task "Pseudo-random numbers/Splitmix64" on
# Rosetta Code.
PUBLISHED = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]

FROZEN_KEY = 5675269863714353096
FROZEN_DIGEST = "6ba3281e284feed973b6dfef687ff49ae7db2c1770d34c0e144500c2454a3536"


@pytest.mark.kernel
def test_bits_are_the_published_ones() -> None:
    assert [int(random_bits(1234567, i)) for i in range(5)] == PUBLISHED


@pytest.mark.kernel
def test_largest_key_and_counter_wrap_around() -> None:
    top = 2**64 - 1
    assert int(random_bits(np.uint64(top), np.uint64(top))) == int(random_bits(np.uint64(top), -1))
    # State is key + (counter + 1) * gamma modulo 2**64; a counter of -1 leaves the key itself.
    assert int(random_bits(0, -1)) == 0


@pytest.mark.kernel
def test_numbers_do_not_hang_on_the_order_or_the_piece() -> None:
    key = stream_key(3, "order")
    whole = normals(key, 0, 40)
    for start in range(8):
        for count in range(6):
            assert np.array_equal(normals(key, start, count), whole[start : start + count])
    assert [random_normal(key, i) for i in (39, 0, 17)] == [whole[39], whole[0], whole[17]]
    assert tuple(random_normal_pair(key, 6)) == (whole[12], whole[13])
    flat = uniforms(key, 0, 20)
    assert np.array_equal(uniforms(key, 5, 9), flat[5:14])
    assert random_uniform(key, 7) == flat[7]


@pytest.mark.kernel
def test_frozen_bits() -> None:
    key = stream_key(2024, "frozen", 7)
    assert key == FROZEN_KEY
    digest = hashlib.sha256(normals(key, 10**12, 64).tobytes() + uniforms(key, 5, 64).tobytes()).hexdigest()
    assert digest == FROZEN_DIGEST


def test_same_bits_without_compilation() -> None:
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "from argus.core.random import normals, uniforms, stream_key\n"
        "key = stream_key(9, 'plain')\n"
        "print(normals(key, 2**62, 33).tobytes().hex(), uniforms(key, 0, 9).tobytes().hex())"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    plain = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    key = stream_key(9, "plain")
    compiled = f"{normals(key, 2**62, 33).tobytes().hex()} {uniforms(key, 0, 9).tobytes().hex()}"
    assert plain.stdout.strip() == compiled


def test_normal_deviates_have_the_normal_law() -> None:
    n = 2_000_000
    z = normals(stream_key(1, "law"), 0, n)
    # Standard error of the mean of z^k is sqrt((E z^2k - (E z^k)^2) / n); moments of the normal law are 1, 3, 15, 105.
    for power, mean, spread in ((1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0), (6, 15.0, 10170.0)):
        assert abs(np.mean(z**power) - mean) < 4.0 * math.sqrt(spread / n)
    from scipy.stats import kstest

    assert kstest(z[:100_000], "norm").pvalue > 1e-3
    # Neighbours, the two of a pair included, are independent.
    for lag in (1, 2, 3):
        assert abs(np.mean(z[lag:] * z[:-lag])) < 4.0 / math.sqrt(n)
        assert abs(np.mean(z[lag:] ** 2 * z[:-lag] ** 2) - 1.0) < 4.0 * math.sqrt(8.0 / n)
    for bound in (2.0, 3.0, 4.0):
        share = math.erfc(bound / math.sqrt(2.0))
        assert abs(np.mean(np.abs(z) > bound) - share) < 4.0 * math.sqrt(share / n)


def test_uniform_deviates_fill_the_interval() -> None:
    n = 1_000_000
    u = uniforms(stream_key(1, "uniform"), 0, n)
    assert 0.0 < u.min() < 1e-4
    assert 1.0 - 1e-4 < u.max() < 1.0
    counts = np.bincount((u * 64).astype(int), minlength=64)
    assert np.sum((counts - n / 64) ** 2 / (n / 64)) < 130.0  # chi-squared, 63 degrees of freedom: 1e-6


@pytest.mark.kernel
def test_extreme_bits_stay_inside_the_open_interval() -> None:
    assert unit_open(np.uint64(0)) == 2.0**-53
    assert unit_open(np.uint64(2**64 - 1)) == 1.0 - 2.0**-53
    assert math.isfinite(portable_log(unit_open(np.uint64(0))))


@pytest.mark.kernel
@given(st.floats(min_value=-700.0, max_value=700.0))
def test_exponential_is_right_to_two_units_of_the_last_place(x: float) -> None:
    assert abs(portable_exp(x) - math.exp(x)) <= 2.0 * math.ulp(math.exp(x))


@pytest.mark.kernel
@given(st.floats(min_value=1e-300, max_value=1e300))
def test_logarithm_is_right_to_two_units_of_the_last_place(x: float) -> None:
    exact = math.log(x)
    assert abs(portable_log(x) - exact) <= 2.0 * math.ulp(exact)


def test_streams_of_different_names_differ() -> None:
    keys = {stream_key(seed, *names) for seed in range(3) for names in (("a",), ("a", 1), ("a", "1"), ("a", "b"), ())}
    assert len(keys) == 15
    assert stream_key(5, "x") == stream_key(5, "x")
    a, b = normals(stream_key(5, "x"), 0, 100_000), normals(stream_key(5, "y"), 0, 100_000)
    assert abs(np.corrcoef(a, b)[0, 1]) < 4.0 / math.sqrt(100_000)


def test_generator_is_repeatable() -> None:
    assert np.array_equal(generator(1, "g").integers(0, 1000, 50), generator(1, "g").integers(0, 1000, 50))
    assert not np.array_equal(generator(1, "g").integers(0, 1000, 50), generator(1, "h").integers(0, 1000, 50))
