"""Entropy: how disordered the last rows are, from patterns that repeat to noise that never does."""

from __future__ import annotations

from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, real, whole
from argus.features.graph import Node, Term, node
from argus.features.series import EVERY, OF, SERIES_NAN, first_held, rows_of, series_of, window_warmup

__all__ = ["COLUMNS", "DECLARED"]

_KINDS: Final = {3: 6, 4: 24}
_REACH: Final = real("r", 0.2, 0.01, 2.0, "Values nearer than this many standard deviations are alike.")
_NEAR: Final = "values are near if |a - b| <= r s, s the standard deviation (divisor n) of the last n values x[0..n-1]"
_GRID: Final = "Prices on a coarse grid repeat by themselves; compare it only between instruments of like tick size."


def _n(values: Values) -> int:
    return int(values["n"])


def _every(default: int) -> Parameter:
    return whole("every", default, 1, 10_000, "Rows from one computation to the next; the value is held in between.")


def _held_warmup(values: Values) -> int:
    return first_held(window_warmup(values), int(values["every"]))


def _permutation(values: Values) -> Term:
    order = int(str(values["order"]))
    patterns = node("entropy.ordinal_pattern", series_of(values), args=(order,))
    return node("entropy.symbol_entropy", patterns, args=(_n(values) - order + 1, _KINDS[order]))


def _shannon(values: Values) -> Term:
    x, n = series_of(values), _n(values)
    return node("entropy.histogram_entropy", x, w.lowest(x, n), w.highest(x, n), args=(n, int(values["bins"])))


def _recurrences(values: Values, output: int) -> Node:
    x, n = series_of(values), _n(values)
    args = (n, float(values["r"]), int(values["every"]))
    return node("recurrence.recurrences", x, w.deviation(x, n, 0), args=args, output=output)


def _lempel_ziv(values: Values) -> Term:
    x, n = series_of(values), _n(values)
    return node("recurrence.lempel_ziv", x, w.mean(x, n), args=(n, int(values["every"])))


def _mobility(x: Term, n: int) -> Term:
    return w.root(w.variance(w.change(x), n - 1, 0) / w.variance(x, n, 0))


def _hjorth_complexity(values: Values) -> Term:
    x, n = series_of(values), _n(values)
    return _mobility(w.change(x), n - 1) / _mobility(x, n)


DECLARED: Final = (
    Feature(
        name="shannon_entropy",
        family="entropy",
        meaning="How evenly values fill the stretch between their lowest and highest: 1 evenly, 0 all in one place.",
        own_parameters=(OF, rows_of(60), whole("bins", 8, 2, 64, "Equal bins between lowest and highest value.")),
        warmup=window_warmup,
        build=_shannon,
        formula="-sum(p ln p) / ln(bins), p the shares of the last n values by bin "
        "min(bins - 1, floor((x - low) * (bins / (high - low)))); 0 if all values are equal",
        source="Shannon (1948), A mathematical theory of communication, Bell System Technical Journal 27",
        unit="share of the largest entropy",
        low=0.0,
        high=1.0,
        nan_policy=SERIES_NAN,
        distrust="One wild value sets the bins, and all others then fall into few.",
    ),
    Feature(
        name="permutation_entropy",
        family="entropy",
        meaning="How evenly all orders of neighbouring values occur: near 1 for noise, lower where moves have a habit.",
        own_parameters=(
            OF,
            rows_of(60, low=5),
            Parameter("order", "3", choices=("3", "4"), why="Neighbouring values whose order is looked at."),
        ),
        warmup=window_warmup,
        build=_permutation,
        formula="-sum(p ln p) / ln(order!), p the shares of each order of `order` values in a row among the "
        "n - order + 1 stretches of the last n values; of equal values the earlier counts as smaller",
        source="Bandt and Pompe (2002), Permutation entropy: a natural complexity measure for time series, Physical "
        "Review Letters 88(17) 174102",
        unit="share of the largest entropy",
        low=0.0,
        high=1.0,
        nan_policy=SERIES_NAN,
        distrust="Many equal values, as zero returns in a quiet hour, count as rising.",
    ),
    Feature(
        name="sample_entropy",
        family="entropy",
        meaning="How seldom two stretches that were alike stay alike one row longer: 0 is regular, above 2 is noise.",
        own_parameters=(OF, rows_of(60, low=8, high=500), _REACH, _every(1)),
        warmup=_held_warmup,
        build=lambda values: _recurrences(values, 0),
        formula=f"-ln(A / B), B pairs i < j <= n-3 whose x[i..i+1] are all near x[j..j+1], A those whose x[i..i+2] "
        f"are; {_NEAR}; ln((n-2) (n-3) / 2) if A is 0. {EVERY}",
        source="Richman and Moorman (2000), Physiological time-series analysis using approximate entropy and sample "
        "entropy, American Journal of Physiology 278(6): m 2, with their bound where nothing repeats",
        unit="nats",
        low=-1e-9,
        high=13.2,
        nan_policy=SERIES_NAN,
        distrust=f"Few pairs repeat in short windows. {_GRID}",
    ),
    Feature(
        name="approximate_entropy",
        family="entropy",
        meaning="How badly the last stretch foretells the next value, each stretch also compared with itself.",
        own_parameters=(OF, rows_of(60, low=8, high=500), _REACH, _every(1)),
        warmup=_held_warmup,
        build=lambda values: _recurrences(values, 1),
        formula=f"phi(2) - phi(3), phi(m) = mean over i of ln(C_i / (n-m+1)), C_i the j (i itself too) with "
        f"x[j..j+m-1] all near x[i..i+m-1]; {_NEAR}. {EVERY}",
        source="Pincus (1991), Approximate entropy as a measure of system complexity, PNAS 88(6)",
        unit="nats",
        low=-1.0,
        high=7.0,
        nan_policy=SERIES_NAN,
        distrust=f"Biased towards regularity in short windows; sample entropy less so. {_GRID}",
    ),
    Feature(
        name="recurrence_rate",
        family="entropy",
        meaning="How often the series comes back to where it was: share of pairs of rows with like values.",
        own_parameters=(OF, rows_of(60, low=8, high=500), _REACH, _every(1)),
        warmup=_held_warmup,
        build=lambda values: _recurrences(values, 2),
        formula=f"pairs i < j with x[i] near x[j], over n (n-1) / 2; {_NEAR}. {EVERY}",
        source="Webber and Zbilut (1994), Dynamical assessment of physiological systems and states using recurrence "
        "plot strategies, Journal of Applied Physiology 76(2); one dimension, without the main diagonal",
        unit="share of pairs",
        low=0.0,
        high=1.0,
        nan_policy=SERIES_NAN,
        distrust=_GRID,
    ),
    Feature(
        name="recurrence_determinism",
        family="entropy",
        meaning="How much of the coming back goes on for two rows or more: high where the past is being replayed.",
        own_parameters=(OF, rows_of(60, low=8, high=500), _REACH, _every(1)),
        warmup=_held_warmup,
        build=lambda values: _recurrences(values, 3),
        formula="of the pairs of recurrence_rate, the share of those (i, j) for which (i-1, j-1) or (i+1, j+1) is also "
        f"such a pair; 0 if there are none. {EVERY}",
        source="Webber and Zbilut (1994), Journal of Applied Physiology 76(2): shortest line 2",
        unit="share of recurrent pairs",
        low=0.0,
        high=1.0,
        nan_policy=SERIES_NAN,
        distrust=_GRID,
    ),
    Feature(
        name="lempel_ziv",
        family="entropy",
        meaning="How many new words the ups and downs are made of: about 1 for coin tosses, near 0 for a rhythm.",
        own_parameters=(OF, rows_of(60, low=8, high=2_000), _every(5)),
        warmup=_held_warmup,
        build=_lempel_ziv,
        formula="c log2(n) / n, c the parts into which the symbols (1 if x is above the mean of the window, else 0), "
        "oldest first, fall, each the shortest that does not begin anywhere earlier (overlap allowed); a last part "
        f"that does begin earlier counts too. {EVERY}",
        source="Lempel and Ziv (1976), On the complexity of finite sequences, IEEE Transactions on Information Theory "
        "22(1); Kaspar and Schuster (1987), Physical Review A 36(2)",
        unit="words per word of a random sequence",
        low=0.0,
        high=2.0,
        nan_policy=SERIES_NAN,
        distrust="Short windows read above 1 even for noise.",
    ),
    Feature(
        name="hjorth_mobility",
        family="entropy",
        meaning="How fast the series swings: its mean frequency.",
        own_parameters=(OF, rows_of(60, low=4)),
        warmup=window_warmup,
        build=lambda values: _mobility(series_of(values), _n(values)),
        formula="sqrt(var(x[t] - x[t-1]) / var(x)), variances (divisor: number of values) of the n-1 differences and "
        "the n values of the window",
        source="Hjorth (1970), EEG analysis based on time domain properties, Electroencephalography and Clinical "
        "Neurophysiology 29(3)",
        unit="dimensionless",
        low=0.0,
        nan_policy=f"{SERIES_NAN} NaN where all values of the window are equal.",
    ),
    Feature(
        name="hjorth_complexity",
        family="entropy",
        meaning="How far the series is from a pure wave, for which it is 1.",
        own_parameters=(OF, rows_of(60, low=5)),
        warmup=window_warmup,
        build=_hjorth_complexity,
        formula="mobility of the n-1 differences over mobility of the n values, as hjorth_mobility",
        source="Hjorth (1970), Electroencephalography and Clinical Neurophysiology 29(3)",
        unit="dimensionless",
        low=0.0,
        nan_policy=f"{SERIES_NAN} NaN where all values or all differences of the window are equal.",
    ),
)
"""Features of entropy."""

_ALL: Final = ("return", "range", "volume", "close")

COLUMNS: Final = (
    *(column("shannon_entropy", of=of, n=n) for of in ("return", "range", "volume") for n in (60, 120, 240, 480)),
    *(
        column("permutation_entropy", of=of, n=n, order=order)
        for of in _ALL
        for order in ("3", "4")
        for n in (60, 120, 240, 480)
    ),
    *(
        column(name, of=of, n=n)
        for of in _ALL
        for n in (60, 120, 240)
        for name in ("hjorth_mobility", "hjorth_complexity")
    ),
    # Approximate entropy comes with the others from one look at the window.
    *(
        column(name, of=of, n=n, every=every)
        for of, n, every in (("return", 60, 1), ("return", 100, 5), ("range", 60, 5), ("volume", 60, 5))
        for name in ("sample_entropy", "approximate_entropy", "recurrence_rate", "recurrence_determinism")
    ),
    *(
        column("lempel_ziv", of=of, n=n, every=every)
        for of in ("return", "volume")
        for n, every in ((60, 5), (120, 10), (240, 20))
    ),
)
"""Columns of the set `physics`: disorder."""
