"""Spectrum: at which speeds the series moves, by waves and by wavelets."""

from __future__ import annotations

from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import Node, Term, node
from argus.features.series import EVERY, LEAD, OF, SERIES_NAN, first_held, rows_of, series_of
from argus.features.windows import observed_run

__all__ = ["COLUMNS", "DECLARED"]

_EQUAL: Final = f"{SERIES_NAN} NaN where all values of the window are equal."
_ROWS: Final = Parameter("n", "64", choices=("16", "32", "64", "128", "256"), why="Rows in the window.")
_POWER: Final = (
    "P[k] = |sum(x[j] e^(-2 pi i j k / n), j = 0..n-1)|^2 for k = 1..n/2, the last one halved, over the last n values x"
)
_SCALES: Final = 6


def _step(default: int) -> Parameter:
    return whole("every", default, 1, 10_000, "Rows from one computation to the next; the value is held in between.")


def _n(values: Values) -> int:
    return int(str(values["n"]))


def _octaves(values: Values) -> int:
    return _n(values).bit_length() - 2


def _spectrum(values: Values) -> Node:
    x = series_of(values)
    return node("spectrum.spectrum", x, observed_run(x), args=(_n(values), int(values["every"])))


def _band(values: Values) -> Term:
    # The fifth of 32 rows is not there; its fastest octave stands for all that are faster.
    return _spectrum(values).out(min(int(values["octave"]), _octaves(values)) - 1)


def _warmup(values: Values) -> int:
    return first_held(_n(values) + LEAD[str(values["of"])], int(values["every"]))


def _wavelet_energy(x: Term, scale: int, n: int) -> Term:
    half = 2 ** (scale - 1)
    means = w.mean(x, half) if half > 1 else x
    return w.mean(w.square(w.change(means, half) * 0.5), n)


def _wavelet_share(values: Values) -> Term:
    x, n = series_of(values), int(values["n"])
    energies = [_wavelet_energy(x, scale, n) for scale in range(1, _SCALES + 1)]
    whole_energy: Term = energies[0]
    for one in energies[1:]:
        whole_energy = whole_energy + one
    return energies[int(values["scale"]) - 1] / whole_energy


DECLARED: Final = (
    Feature(
        name="spectral_band",
        family="spectrum",
        meaning="Share of the movement that comes from swings of one speed, from slow (octave 1) to fast.",
        own_parameters=(OF, _ROWS, whole("octave", 1, 1, 7, "Octave of speeds, 1 the slowest."), _step(4)),
        warmup=_warmup,
        build=_band,
        formula="sum(P[k], k = 2^(octave-1)..2^octave - 1) / sum(P[k], k = 1..n/2), in the last octave, log2(n) - 1, "
        f"up to n/2; a larger octave means the last; {_POWER}. {EVERY}",
        source="definition of the periodogram: Schuster (1898), On the investigation of hidden periodicities, "
        "Terrestrial Magnetism 3(1)",
        unit="share of power",
        low=0.0,
        high=1.0,
        nan_policy=_EQUAL,
        distrust="Without a taper, a trend across the window leaks into every octave.",
    ),
    Feature(
        name="spectral_entropy",
        family="spectrum",
        meaning="How evenly movement is spread over all speeds: 1 for noise, low where one rhythm rules.",
        own_parameters=(OF, _ROWS, _step(4)),
        warmup=_warmup,
        build=lambda values: _spectrum(values).out(_octaves(values)),
        formula=f"-sum(p ln p) / ln(n/2), p[k] = P[k] / sum(P); {_POWER}. {EVERY}",
        source="Inouye and others (1991), Quantification of EEG irregularity by use of the entropy of the power "
        "spectrum, Electroencephalography and Clinical Neurophysiology 79(3)",
        unit="share of the largest entropy",
        low=0.0,
        high=1.0,
        nan_policy=_EQUAL,
    ),
    Feature(
        name="spectral_centroid",
        family="spectrum",
        meaning="Mean speed of the swings, in cycles for each row: 0.25 for noise, lower where slow swings rule.",
        own_parameters=(OF, _ROWS, _step(4)),
        warmup=_warmup,
        build=lambda values: _spectrum(values).out(_octaves(values) + 1),
        formula=f"sum(k / n P[k]) / sum(P[k]); {_POWER}. {EVERY}",
        source="definition",
        unit="cycles for each row",
        low=0.0,
        high=0.5,
        nan_policy=_EQUAL,
    ),
    Feature(
        name="wavelet_energy",
        family="spectrum",
        meaning="Share of the movement that comes from changes over 2, 4, 8 and more rows, by Haar wavelets.",
        own_parameters=(
            OF,
            rows_of(60),
            whole("scale", 1, 1, _SCALES, "Scale: changes between stretches of 2^(scale-1)."),
        ),
        warmup=lambda values: int(values["n"]) + 2**_SCALES - 1 + LEAD[str(values["of"])],
        build=_wavelet_share,
        formula="e[scale] / sum(e[1..6]), e[s] = mean over the last n rows of ((a - b) / 2)^2, a the mean of the "
        "last h values, b of the h before, h = 2^(s-1)",
        source="Percival and Walden (2000), Wavelet methods for time series analysis, chapter 5: maximal overlap "
        "transform with Haar filters",
        unit="share of energy",
        low=0.0,
        high=1.0,
        nan_policy=f"{SERIES_NAN} NaN where all of them are zero; of equal values that are not, only rounding is seen.",
        distrust="Slow scales see few independent stretches in a short window.",
    ),
)
"""Features of the spectrum."""

COLUMNS: Final = (
    *(
        column("spectral_band", of=of, n=n, octave=octave)
        for of in ("return", "range", "volume")
        for n, octaves in (("64", 5), ("128", 6))
        for octave in range(1, octaves + 1)
    ),
    *(
        column(name, of=of, n=n)
        for of in ("return", "range", "volume")
        for n in ("64", "128")
        for name in ("spectral_entropy", "spectral_centroid")
    ),
    *(
        column("wavelet_energy", of=of, n=n, scale=scale)
        for of in ("return", "range", "volume")
        for n in (60, 240)
        for scale in range(1, 7)
    ),
)
"""Columns of the set `physics`: speeds."""
