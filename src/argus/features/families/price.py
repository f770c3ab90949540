"""Price: where it stands against its own past, and how fast it got there."""

from __future__ import annotations

from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, whole
from argus.features.graph import Term
from argus.features.inputs import CLOSE

__all__ = ["DECLARED"]

_WINDOW_NAN: Final = "A missing value makes every output NaN whose window holds it."
_RETURN_NAN: Final = "NaN where either price is missing, zero or negative."


def _rows(default: int, why: str, low: int = 1) -> Parameter:
    return whole("n", default, low, 100_000, why)


def _n(values: Values) -> int:
    return int(values["n"])


def _momentum(values: Values) -> Term:
    skip = int(values["skip"])
    return w.growth(w.lag(CLOSE, skip) if skip else CLOSE, _n(values))


DECLARED: Final = (
    Feature(
        name="sma",
        family="price",
        meaning="The average price of the last rows: a slow picture of where the market has been.",
        own_parameters=(_rows(20, "Rows averaged."),),
        warmup=_n,
        build=lambda values: w.mean(CLOSE, _n(values)),
        formula="sum(x[t-n+1..t]) / n; exact where the sums of the prices are (prices on a binary grid such as 0.25)",
        source="definition",
        unit="price",
        price_degree=1.0,
        nan_policy=_WINDOW_NAN,
    ),
    Feature(
        name="ema",
        family="price",
        meaning="An average that forgets: recent prices weigh most, old ones fade without ever dropping out.",
        own_parameters=(whole("span", 20, 1, 100_000, "Span: the newest value weighs about 2 / (span + 1)."),),
        warmup=lambda values: int(values["span"]),
        build=lambda values: w.ema(CLOSE, int(values["span"])),
        formula="sum(d^i x[t-i]) / sum(d^i), d = 1 - 2 / (span + 1), over all values so far",
        source="definition; normalised weights, so that the first value has no excess influence",
        unit="price",
        price_degree=1.0,
        nan_policy="A missing value gives NaN in its row and is otherwise skipped.",
    ),
    Feature(
        name="log_return",
        family="price",
        meaning="How far the price went over the last rows; log returns of following stretches add up.",
        own_parameters=(_rows(1, "Rows the return spans."),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.log_growth(CLOSE, _n(values)),
        formula="ln(x[t] / x[t-n])",
        source="definition",
        unit="log return over n rows",
        nan_policy=_RETURN_NAN,
    ),
    Feature(
        name="momentum",
        family="price",
        meaning="The return over a stretch, with the newest rows left out if asked, where prices tend to swing back.",
        own_parameters=(
            _rows(250, "Rows the return spans."),
            whole("skip", 0, 0, 10_000, "Most recent rows left out."),
        ),
        warmup=lambda values: _n(values) + int(values["skip"]) + 1,
        build=_momentum,
        formula="x[t-skip] / x[t-skip-n] - 1",
        source="Moskowitz, Ooi, Pedersen (2012), Time series momentum, Journal of Financial Economics 104(2)",
        unit="return over n rows",
        low=-1.0,
        nan_policy=_RETURN_NAN,
    ),
    Feature(
        name="zscore",
        family="price",
        meaning="How unusual the price is against its own recent past, in standard deviations.",
        own_parameters=(_rows(20, "Rows in the window.", low=2),),
        warmup=_n,
        build=lambda values: w.zscore(CLOSE, _n(values)),
        formula="(x[t] - mean) / std, both over x[t-n+1..t]",
        source="definition",
        unit="sample standard deviations",
        nan_policy=f"{_WINDOW_NAN} NaN where all values of the window are equal.",
    ),
)
"""Features of the price."""
