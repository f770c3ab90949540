"""The features: each declared once, with its formula, source and warm-up, and computed here over a whole column.

A feature sees the bars of one instrument, oldest first, and gives one value per bar that depends on that bar and
earlier ones only. Every feature takes the parameter ``on``: with ``on="bar"`` it counts bars; with ``on="session"`` it
sees one value per trading session, that of the bar which reaches the session's close, and holds its own value until the
next one. A strategy that thinks in days then says the same thing over daily, hourly and minute bars.

Kernels are compiled at the first computation, not when this module is imported.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D, Bars
from argus.core.errors import ConfigError, DataError
from argus.core.strategy import FeatureRef, Parameter, ParameterValue

__all__ = ["Feature", "FeatureStream", "compute", "feature", "features"]

Values = Mapping[str, ParameterValue]

ON: Final = Parameter(
    "on",
    "bar",
    choices=("bar", "session"),
    why="Clock of the feature: every bar, or only the bars that reach the close of their session.",
)


@dataclass(frozen=True, slots=True)
class Feature:
    """A registered feature.

    Attributes
    ----------
    name, family : str
        What it is called, and what kind of thing it measures.
    inputs : tuple of str
        Bar fields it reads; they must have been observed.
    parameters : tuple of Parameter
        In the order in which the kernel takes them, then ``on``.
    warmup : callable
        Parameter values to the number of rows (bars, or sessions with ``on="session"``) at the last of which there can
        first be a value.
    formula, source, unit, nan_policy : str
        What it computes, where that stands, in what unit, and what it makes of missing values.
    kernel : str
        Function of the kernel module.
    state_length : callable
        Parameter values to the length of the kernel's state.
    """

    name: str
    family: str
    inputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    warmup: Callable[[Values], int]
    formula: str
    source: str
    unit: str
    nan_policy: str
    kernel: str
    state_length: Callable[[Values], int]

    def values(self, given: Values) -> dict[str, ParameterValue]:
        """Every parameter's value, defaults filled in.

        Raises
        ------
        ConfigError
            For an unknown parameter or a value out of its range.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise ConfigError(f"feature {self.name} has no parameter {', '.join(unknown)}; it takes {', '.join(known)}")
        return {
            name: parameter.coerce(given.get(name, parameter.default), f"feature {self.name}")
            for name, parameter in known.items()
        }

    def arguments(self, values: Values) -> F64_1D:
        """Kernel arguments of complete parameter values."""
        return np.array([float(values[p.name]) for p in self.parameters if p is not ON], dtype=np.float64)

    def load_kernel(self) -> Any:
        """The kernel function; Numba is imported here and not before."""
        from argus.features import _kernels

        return getattr(_kernels, self.kernel)


def feature(name: str) -> Feature:
    """The feature of that name, or `ConfigError` with the closest names."""
    found = _FEATURES.get(name)
    if found is None:
        close = difflib.get_close_matches(name, _FEATURES, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(_FEATURES)}"
        raise ConfigError(f"there is no feature '{name}'; {hint}")
    return found


def features() -> Mapping[str, Feature]:
    """All features by name."""
    return dict(_FEATURES)


def compute(ref: FeatureRef, bars: Bars, out: F64_1D | None = None) -> F64_1D:
    """A feature over whole columns.

    Parameters
    ----------
    ref : FeatureRef
        Feature and parameters; which bars are meant is the caller's business.
    bars : Bars
    out : (n,) float64 or None
        Where the values are to be written; None makes a new array.

    Returns
    -------
    (n,) float64
        Value known when each bar is known; NaN in the warm-up and where the feature's NaN policy says so.

    Raises
    ------
    ConfigError
        For an unknown feature or parameter, or a value out of its range.
    DataError
        If the bars lack a field that the feature reads.
    """
    declared = feature(ref.feature)
    values = declared.values(ref.parameters)
    missing = [name for name in declared.inputs if name != "session" and name not in bars.observed]
    if missing:
        raise DataError(
            f"feature {ref.feature} (as {ref.alias}) reads {', '.join(missing)}, which the bars of {bars.instrument} "
            f"do not have; they have {', '.join(sorted(bars.observed))}"
        )
    column: F64_1D = getattr(bars, declared.inputs[0]).astype(np.float64, copy=False)
    if values["on"] == "bar":
        return _run(declared, values, column, out)
    ends = np.flatnonzero(bars.session_end)
    at_ends = _run(declared, values, np.ascontiguousarray(column[ends]))
    held = np.concatenate((np.array([np.nan]), at_ends))
    found = np.asarray(held[np.cumsum(bars.session_end)], dtype=np.float64)
    if out is None:
        return found
    out[:] = found
    return out


def _run(declared: Feature, values: Values, column: F64_1D, out: F64_1D | None = None) -> F64_1D:
    if out is None:
        out = np.empty(len(column))
    state = np.zeros(declared.state_length(values))
    declared.load_kernel()(column, declared.arguments(values), state, out)
    return out


class FeatureStream:
    """A feature fed one bar at a time: the same kernel with the same carried state, hence the same bits as `compute`.

    Parameters
    ----------
    ref : FeatureRef
    """

    def __init__(self, ref: FeatureRef) -> None:
        self._feature = feature(ref.feature)
        values = self._feature.values(ref.parameters)
        self._by_session = values["on"] == "session"
        self._kernel = self._feature.load_kernel()
        self._arguments = self._feature.arguments(values)
        self._state = np.zeros(self._feature.state_length(values))
        self._row = np.empty(1)
        self._out = np.full(1, np.nan)

    @property
    def value(self) -> float:
        """Value at the last bar; NaN before there is one."""
        return float(self._out[0])

    def update(self, value: float, session_end: bool = False) -> float:
        """Take the next bar's input and whether it reaches its session's close; gives the feature's value."""
        if session_end or not self._by_session:
            self._row[0] = value
            self._kernel(self._row, self._arguments, self._state, self._out)
        return self.value


def _whole(name: str, default: int, low: int, high: int, why: str) -> Parameter:
    return Parameter(name, default, low=low, high=high, why=why)


def _n(values: Values) -> int:
    return int(values["n"])


_WINDOW_NAN = "A missing value makes every output NaN whose window holds it."

_DECLARED: Final = (
    Feature(
        name="count",
        family="clock",
        inputs=("close",),
        parameters=(ON,),
        warmup=lambda values: 1,
        formula="number of rows up to and including this one",
        source="definition",
        unit="bars (sessions with on=session)",
        nan_policy="Missing values count as rows.",
        kernel="count",
        state_length=lambda values: 1,
    ),
    Feature(
        name="session_day",
        family="clock",
        inputs=("session",),
        parameters=(ON,),
        warmup=lambda values: 1,
        formula="session date of the row, as days since 1970-01-01",
        source="definition; which session a bar belongs to stands in the instrument's exchange calendar",
        unit="days",
        nan_policy="Never missing.",
        kernel="same",
        state_length=lambda values: 0,
    ),
    Feature(
        name="sma",
        family="trend",
        inputs=("close",),
        parameters=(_whole("n", 20, 1, 100_000, "Rows averaged."), ON),
        warmup=_n,
        formula="sum(x[t-n+1..t]) / n; exact where the sums of the prices are (prices on a binary grid such as 0.25)",
        source="definition",
        unit="price",
        nan_policy=_WINDOW_NAN,
        kernel="sma",
        state_length=lambda values: 3 + _n(values),
    ),
    Feature(
        name="ema",
        family="trend",
        inputs=("close",),
        parameters=(_whole("span", 20, 1, 100_000, "Span: the newest value weighs about 2 / (span + 1)."), ON),
        warmup=lambda values: int(values["span"]),
        formula="sum(d^i x[t-i]) / sum(d^i), d = 1 - 2 / (span + 1), over all values so far",
        source="definition; normalised weights, so that the first value has no excess influence",
        unit="price",
        nan_policy="A missing value gives NaN in its row and is otherwise skipped.",
        kernel="ema",
        state_length=lambda values: 3,
    ),
    Feature(
        name="log_return",
        family="return",
        inputs=("close",),
        parameters=(_whole("n", 1, 1, 100_000, "Rows the return spans."), ON),
        warmup=lambda values: _n(values) + 1,
        formula="ln(x[t] / x[t-n])",
        source="definition",
        unit="log return over n rows",
        nan_policy="NaN where either price is missing, zero or negative.",
        kernel="log_return",
        state_length=lambda values: 1 + _n(values),
    ),
    Feature(
        name="momentum",
        family="return",
        inputs=("close",),
        parameters=(
            _whole("n", 250, 1, 100_000, "Rows the return spans."),
            _whole("skip", 0, 0, 10_000, "Most recent rows left out."),
            ON,
        ),
        warmup=lambda values: _n(values) + int(values["skip"]) + 1,
        formula="x[t-skip] / x[t-skip-n] - 1",
        source="Moskowitz, Ooi, Pedersen (2012), Time series momentum, Journal of Financial Economics 104(2)",
        unit="return over n rows",
        nan_policy="NaN where either price is missing, zero or negative.",
        kernel="momentum",
        state_length=lambda values: 1 + _n(values) + int(values["skip"]),
    ),
    Feature(
        name="ewma_vol",
        family="volatility",
        inputs=("close",),
        parameters=(
            Parameter("com", 60.0, low=1.0, high=10_000.0, why="Centre of mass of the weights, in rows."),
            Parameter("bars_per_year", 252.0, low=1.0, high=1e7, why="Rows in a year, for the annual figure."),
            ON,
        ),
        warmup=lambda values: math.ceil(float(values["com"])) + 1,
        formula="sqrt(bars_per_year * sum(d^i (r[t-i] - m)^2) / sum(d^i)), r simple returns, m their mean with the "
        "same weights, d = com / (1 + com), over all returns so far",
        source="Moskowitz, Ooi, Pedersen (2012), equation 1 (centre of mass 60 days); updated as in West (1979), "
        "Communications of the ACM 22(9)",
        unit="annualised volatility of returns (0.16 is 16 %)",
        nan_policy="A return to or from a missing, zero or negative price gives NaN in its row and is skipped.",
        kernel="ewma_vol",
        state_length=lambda values: 6,
    ),
    Feature(
        name="std",
        family="volatility",
        inputs=("close",),
        parameters=(_whole("n", 20, 2, 100_000, "Rows in the window."), ON),
        warmup=_n,
        formula="sqrt(sum((x - mean)^2) / (n - 1)) over x[t-n+1..t]; exactly 0 if all are equal",
        source="definition; sums about a reference that is renewed, against cancellation",
        unit="price",
        nan_policy=_WINDOW_NAN,
        kernel="std",
        state_length=lambda values: 8 + _n(values),
    ),
    Feature(
        name="zscore",
        family="reversion",
        inputs=("close",),
        parameters=(_whole("n", 20, 2, 100_000, "Rows in the window."), ON),
        warmup=_n,
        formula="(x[t] - mean) / std, both over x[t-n+1..t]",
        source="definition",
        unit="sample standard deviations",
        nan_policy=f"{_WINDOW_NAN} NaN where all values of the window are equal.",
        kernel="zscore",
        state_length=lambda values: 8 + _n(values),
    ),
)
_FEATURES: Final = {declared.name: declared for declared in _DECLARED}
