"""Shape, disorder, speeds and ties of series: morphology, entropy, spectrum and correlation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np

from argus.core.arrays import F64_1D
from tests.features.oracles.series import (
    all_equal,
    held,
    held_series,
    log_range,
    log_return,
    logarithm,
    over_series,
    series,
)
from tests.features.oracles.windows import (
    Columns,
    Oracle,
    Parameters,
    earlier,
    mean,
    over,
    ratio,
    squares,
    total,
    whole,
)


def moment(x: F64_1D, k: int) -> float:
    return mean((x - mean(x)) ** k)


def skew(x: F64_1D, p: Parameters) -> float:
    n = len(x)
    if all_equal(x):
        return math.nan
    return math.sqrt(n * (n - 1)) / (n - 2) * moment(x, 3) / moment(x, 2) ** 1.5


def kurtosis(x: F64_1D, p: Parameters) -> float:
    n = len(x)
    if all_equal(x):
        return math.nan
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (moment(x, 4) / moment(x, 2) ** 2 - 3.0) + 6.0)


def bimodality(x: F64_1D, p: Parameters) -> float:
    n = len(x)
    return (skew(x, p) ** 2 + 1.0) / (kurtosis(x, p) + 3.0 * (n - 1) ** 2 / ((n - 2) * (n - 3)))


def quantile(x: F64_1D, share: float) -> float:
    s = np.sort(x)
    place = (len(x) - 1) * share
    k = min(math.floor(place), len(x) - 2)
    return float(s[k] + (place - k) * (s[k + 1] - s[k]))


def quantile_spread(x: F64_1D, p: Parameters) -> float:
    tail = float(p["tail"])
    return quantile(x, 1.0 - tail) - quantile(x, tail)


def quantile_skew(x: F64_1D, p: Parameters) -> float:
    tail = float(p["tail"])
    low, middle, high = quantile(x, tail), quantile(x, 0.5), quantile(x, 1.0 - tail)
    return ratio((high - middle) - (middle - low), high - low)


def quantile_kurtosis(x: F64_1D, p: Parameters) -> float:
    q = [quantile(x, k / 8.0) for k in range(8)]
    return ratio((q[7] - q[5]) + (q[3] - q[1]), q[6] - q[2])


def tail_index(x: F64_1D, p: Parameters) -> float:
    sizes = {"both": abs(x), "right": x, "left": -x}[str(p["tail"])]
    k = max(2, math.floor(len(x) * float(p["share"])))
    largest = np.sort(sizes)[::-1][: k + 1]
    if largest[-1] <= 0.0 or all_equal(largest):
        return math.nan
    return k / total(np.log(largest[:k]) - math.log(largest[k]))


def l_moments(x: F64_1D) -> tuple[float, float, float]:
    """The second, third and fourth."""
    n = len(x)
    s = np.sort(x)
    b = [total(s * np.array([math.comb(j, r) / math.comb(n - 1, r) for j in range(n)])) / n for r in range(4)]
    return (
        2.0 * b[1] - b[0],
        6.0 * b[2] - 6.0 * b[1] + b[0],
        20.0 * b[3] - 30.0 * b[2] + 12.0 * b[1] - b[0],
    )


def l_skew(x: F64_1D, p: Parameters) -> float:
    l2, l3, _ = l_moments(x)
    return math.nan if all_equal(x) else l3 / l2


def l_kurtosis(x: F64_1D, p: Parameters) -> float:
    l2, _, l4 = l_moments(x)
    return math.nan if all_equal(x) else l4 / l2


MORPHOLOGY: dict[str, Oracle] = {
    "skew": over_series(skew),
    "kurtosis": over_series(kurtosis),
    "bimodality": over_series(bimodality),
    "quantile_spread": over_series(quantile_spread),
    "quantile_skew": over_series(quantile_skew),
    "quantile_kurtosis": over_series(quantile_kurtosis),
    "tail_index": lambda c, p: over(whole(p, "n"), lambda x: tail_index(x, p), log_return(c)),
    "l_skew": over_series(l_skew),
    "l_kurtosis": over_series(l_kurtosis),
}


def entropy(shares: list[float]) -> float:
    """In nats; what does not occur adds nothing."""
    return -math.fsum(p * math.log(p) for p in shares if p > 0.0)


def shannon_entropy(x: F64_1D, p: Parameters) -> float:
    if all_equal(x):
        return 0.0
    bins = whole(p, "bins")
    low, high = float(x.min()), float(x.max())
    filled = Counter(min(bins - 1, math.floor((value - low) * (bins / (high - low)))) for value in x.tolist())
    return entropy([count / len(x) for count in filled.values()]) / math.log(bins)


def permutation_entropy(x: F64_1D, p: Parameters) -> float:
    order = int(p["order"])
    stretches = np.lib.stride_tricks.sliding_window_view(x, order)
    seen = Counter(tuple(one) for one in np.argsort(stretches, axis=1, kind="stable").tolist())
    return entropy([count / len(stretches) for count in seen.values()]) / math.log(math.factorial(order))


def near(x: F64_1D, p: Parameters) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which value is near which."""
    s = math.sqrt(squares(x) / len(x))
    return abs(x[:, None] - x[None, :]) <= float(p["r"]) * s


def sample_entropy(x: F64_1D, p: Parameters) -> float:
    n = len(x)
    alike = near(x, p)
    pairs = np.triu(alike[: n - 2, : n - 2] & alike[1 : n - 1, 1 : n - 1], 1)
    b, a = int(pairs.sum()), int((pairs & alike[2:, 2:]).sum())
    return -math.log(a / b) if a else math.log((n - 2) * (n - 3) / 2)


def approximate_entropy(x: F64_1D, p: Parameters) -> float:
    alike = near(x, p)

    def phi(m: int) -> float:
        count = len(x) - m + 1
        same = np.logical_and.reduce([alike[k : k + count, k : k + count] for k in range(m)])
        return mean(np.log(same.sum(axis=1) / count))

    return phi(2) - phi(3)


def recurrence_rate(x: F64_1D, p: Parameters) -> float:
    return int(np.triu(near(x, p), 1).sum()) / (len(x) * (len(x) - 1) / 2)


def recurrence_determinism(x: F64_1D, p: Parameters) -> float:
    pairs = np.triu(near(x, p), 1)
    before, after = np.zeros_like(pairs), np.zeros_like(pairs)
    before[1:, 1:] = pairs[:-1, :-1]
    after[:-1, :-1] = pairs[1:, 1:]
    return int((pairs & (before | after)).sum()) / int(pairs.sum()) if pairs.any() else 0.0


def lempel_ziv(x: F64_1D, p: Parameters) -> float:
    n = len(x)
    middle = float(x[0]) if all_equal(x) else mean(x)
    symbols = "".join("1" if value > middle else "0" for value in x.tolist())
    parts = begin = 0
    while begin < n:
        size = 1
        while begin + size <= n and symbols[begin : begin + size] in symbols[: begin + size - 1]:
            size += 1
        parts += 1
        begin += size
    return parts * math.log2(n) / n


def mobility(x: F64_1D) -> float:
    difference = np.diff(x)
    return math.sqrt((squares(difference) / len(difference)) / (squares(x) / len(x)))


def hjorth_mobility(x: F64_1D, p: Parameters) -> float:
    return math.nan if all_equal(x) else mobility(x)


def hjorth_complexity(x: F64_1D, p: Parameters) -> float:
    difference = np.diff(x)
    return math.nan if all_equal(x) or all_equal(difference) else mobility(difference) / mobility(x)


ENTROPY: dict[str, Oracle] = {
    "shannon_entropy": over_series(shannon_entropy),
    "permutation_entropy": over_series(permutation_entropy),
    "sample_entropy": held_series(sample_entropy),
    "approximate_entropy": held_series(approximate_entropy),
    "recurrence_rate": held_series(recurrence_rate),
    "recurrence_determinism": held_series(recurrence_determinism),
    "lempel_ziv": held_series(lempel_ziv),
    "hjorth_mobility": over_series(hjorth_mobility),
    "hjorth_complexity": over_series(hjorth_complexity),
}


def power(x: F64_1D) -> F64_1D:
    """Of 1 to n / 2 swings in the window, the last one halved."""
    found = abs(np.fft.rfft(x)[1:]) ** 2
    found[-1] /= 2.0
    return found


def spectral_band(x: F64_1D, p: Parameters) -> float:
    last = int(math.log2(len(x))) - 1
    octave = min(whole(p, "octave"), last)
    power_of = dict(enumerate(power(x), start=1))
    end = len(x) // 2 if octave == last else 2**octave - 1
    return math.fsum(power_of[k] for k in range(2 ** (octave - 1), end + 1)) / math.fsum(power_of.values())


def spectral_entropy(x: F64_1D, p: Parameters) -> float:
    found = power(x)
    return entropy((found / total(found)).tolist()) / math.log(len(x) / 2)


def spectral_centroid(x: F64_1D, p: Parameters) -> float:
    found = power(x)
    return total(np.arange(1, len(found) + 1) / len(x) * found) / total(found)


def wavelet_energy(c: Columns, p: Parameters) -> F64_1D:
    x = series(c, p)

    def energy(scale: int) -> F64_1D:
        h = 2 ** (scale - 1)
        step = over(2 * h, lambda last: (mean(last[h:]) - mean(last[:h])) / 2.0, x)
        return over(whole(p, "n"), lambda steps: mean(steps**2), step)

    energies = [energy(scale) for scale in range(1, 7)]
    below = np.sum(energies, axis=0)
    return np.where(below > 0.0, energies[whole(p, "scale") - 1] / below, np.nan)


def spectral(value: Callable[[F64_1D, Parameters], float]) -> Oracle:
    """Of windows whose values are not all equal."""

    def oracle(c: Columns, p: Parameters) -> F64_1D:
        def one(x: F64_1D) -> float:
            return math.nan if all_equal(x) else value(x, p)

        return held(int(p["n"]), whole(p, "every"), one, series(c, p))

    return oracle


SPECTRUM: dict[str, Oracle] = {
    "spectral_band": spectral(spectral_band),
    "spectral_entropy": spectral(spectral_entropy),
    "spectral_centroid": spectral(spectral_centroid),
    "wavelet_energy": wavelet_energy,
}


def correlation(x: F64_1D, y: F64_1D, n: int) -> F64_1D:
    def value(a: F64_1D, b: F64_1D) -> float:
        if all_equal(a) or all_equal(b):
            return math.nan
        return total((a - mean(a)) * (b - mean(b))) / math.sqrt(squares(a) * squares(b))

    return over(n, value, x, y)


def lagged(x: F64_1D, before: F64_1D, p: Parameters) -> F64_1D:
    return correlation(x, earlier(before, whole(p, "k")), whole(p, "n"))


CORRELATION: dict[str, Oracle] = {
    "autocorrelation": lambda c, p: lagged(series(c, p), series(c, p), p),
    "absolute_autocorrelation": lambda c, p: lagged(abs(log_return(c)), abs(log_return(c)), p),
    "leverage_correlation": lambda c, p: lagged(abs(log_return(c)), log_return(c), p),
    "return_volume_correlation": lambda c, p: correlation(log_return(c), logarithm(c["volume"]), whole(p, "n")),
    "move_volume_correlation": lambda c, p: correlation(abs(log_return(c)), logarithm(c["volume"]), whole(p, "n")),
    "return_range_correlation": lambda c, p: correlation(log_return(c), log_range(c), whole(p, "n")),
    "range_volume_correlation": lambda c, p: correlation(log_range(c), logarithm(c["volume"]), whole(p, "n")),
}

SHAPE: dict[str, Oracle] = {**MORPHOLOGY, **ENTROPY, **SPECTRUM, **CORRELATION}
