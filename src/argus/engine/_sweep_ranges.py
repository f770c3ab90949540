"""Ranges of parameters as people write them, turned into the values of a grid or into random samples.

A range is a list of values, evenly spaced steps, a count of values on a linear or logarithmic scale, or a distribution.
Steps are counted in decimal, so that 0.1 to 0.5 by 0.1 has five values. Samples are drawn by position from a stream
named after the parameter: another parameter in the file, or more samples, changes none of those drawn before.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from statistics import NormalDist
from typing import Any, Final

from argus.core.errors import ConfigError
from argus.core.random import stream_key, uniforms
from argus.core.strategy import ParameterValue

__all__ = ["VALUES_MAX", "Range", "parse_range"]

VALUES_MAX: Final = 100_000
"""Most values of one range."""
_DISTRIBUTIONS: Final = ("uniform", "log_uniform", "normal")
_FORMS: Final = (
    "write a list [10, 20, 50], or {from: 10, to: 50, step: 10}, or {from: 1, to: 100, count: 5, scale: log}, or, for "
    "random samples, {distribution: uniform, from: 0.1, to: 0.9}"
)
_DIGITS: Final = 12
"""Significant digits of values worked out by a logarithm: beyond them, machines may differ."""


@dataclass(frozen=True, slots=True)
class Range:
    """The values that one parameter may take.

    Attributes
    ----------
    name : str
    values : tuple
        What a grid takes, and what random samples choose among; empty for a distribution.
    distribution : str
        ``uniform``, ``log_uniform`` or ``normal``; empty for listed values.
    low, high : float
        Bounds of a distribution; infinite where a normal one has none.
    mean, sd : float
        Of a normal distribution.
    is_integer : bool
        Whether drawn values are rounded to whole numbers.
    """

    name: str
    values: tuple[ParameterValue, ...] = ()
    distribution: str = ""
    low: float = -math.inf
    high: float = math.inf
    mean: float = 0.0
    sd: float = 1.0
    is_integer: bool = False

    def samples(self, seed: int, count: int) -> list[ParameterValue]:
        """The first `count` samples of this parameter's stream."""
        drawn = uniforms(stream_key(seed, "sweep", self.name), 0, count).tolist()
        return [self._sample(u) for u in drawn]

    def _sample(self, u: float) -> ParameterValue:
        if not self.distribution:
            return self.values[min(int(u * len(self.values)), len(self.values) - 1)]
        if self.distribution == "uniform" and self.is_integer:
            # Rounding would give the two ends half a chance each.
            first, last = math.ceil(self.low), math.floor(self.high)
            return min(first + int(u * (last - first + 1)), last)
        if self.distribution == "uniform":
            x = self.low + u * (self.high - self.low)
        elif self.distribution == "log_uniform":
            x = self.low * math.exp(u * math.log(self.high / self.low))
        else:
            normal = NormalDist(self.mean, self.sd)
            below, above = normal.cdf(self.low), normal.cdf(self.high)
            x = normal.inv_cdf(min(max(below + u * (above - below), 1e-300), 1.0 - 1e-16))
        x = _short(min(max(x, self.low), self.high))
        return min(max(round(x), _least(self.low)), _most(self.high)) if self.is_integer else x


def _least(low: float) -> float:
    return math.ceil(low) if math.isfinite(low) else low


def _most(high: float) -> float:
    return math.floor(high) if math.isfinite(high) else high


def _short(x: float) -> float:
    return float(f"{x:.{_DIGITS}g}")


def parse_range(
    name: str, found: Any, *, is_integer: bool = False, low: float = -math.inf, high: float = math.inf
) -> Range:
    """The range that stands in a file under a parameter's name.

    Parameters
    ----------
    name : str
        The parameter; messages say ``ranges.<name>``.
    found : Any
        What the file holds there.
    is_integer : bool
        Whether the parameter takes whole numbers only.
    low, high : float
        What the parameter may be at all: a distribution must lie within, and a normal one without bounds is cut there.

    Raises
    ------
    ConfigError
        Naming the key, what was found and what is expected.
    """
    where = f"ranges.{name}"
    if isinstance(found, list):
        return Range(name, _listed(where, found))
    if not isinstance(found, Mapping):
        raise ConfigError(f"{where} is {found!r}; {_FORMS}; a single value belongs under fixed")
    if "distribution" in found:
        return _distribution(where, name, found, is_integer, (low, high))
    if "step" in found:
        _only(where, found, ("from", "to", "step"))
        return Range(name, _stepped(where, found))
    if "count" in found:
        _only(where, found, ("from", "to", "count", "scale"))
        return Range(name, _counted(where, found, is_integer))
    raise ConfigError(f"{where} is {dict(found)!r}; step, count or distribution is missing: {_FORMS}")


def _listed(where: str, found: list[Any]) -> tuple[ParameterValue, ...]:
    if not found:
        raise ConfigError(f"{where} is an empty list; give at least one value")
    for place, value in enumerate(found):
        if not isinstance(value, (int, float, str)):
            raise ConfigError(f"{where}[{place}] is {value!r}; a number, a word, true or false is expected")
    if len({(type(value) is bool, value) for value in found}) < len(found):
        raise ConfigError(f"{where} is {found!r}, with a value twice; list each once")
    return tuple(found)


def _stepped(where: str, found: Mapping[str, Any]) -> tuple[ParameterValue, ...]:
    low, high, step = (_decimal(where, found, key) for key in ("from", "to", "step"))
    if step <= 0:
        raise ConfigError(f"{where}.step is {found['step']!r}; it must be positive")
    if high < low:
        raise ConfigError(f"{where} goes from {found['from']!r} to {found['to']!r}; from must not be above to")
    count = int((high - low) / step) + 1
    _check_count(where, count)
    return tuple(_plain(low + i * step) for i in range(count))


def _counted(where: str, found: Mapping[str, Any], is_integer: bool) -> tuple[ParameterValue, ...]:
    low, high = _decimal(where, found, "from"), _decimal(where, found, "to")
    count, scale = found["count"], found.get("scale", "linear")
    if type(count) is not int or count < 2:
        raise ConfigError(f"{where}.count is {count!r}; a whole number of at least 2 is expected")
    _check_count(where, count)
    if scale not in ("linear", "log"):
        raise ConfigError(f"{where}.scale is {scale!r}; linear or log is expected")
    if high <= low:
        raise ConfigError(f"{where} goes from {found['from']!r} to {found['to']!r}; from must be below to")
    if scale == "log" and low <= 0:
        raise ConfigError(f"{where}.from is {found['from']!r}; a log scale needs a positive one")
    values: list[ParameterValue] = []
    for i in range(count):
        if scale == "log":
            exact = Decimal(repr(_short(float(low) * (float(high) / float(low)) ** (i / (count - 1)))))
        else:
            exact = low + (high - low) * i / (count - 1)
        value = _plain(exact.to_integral_value(ROUND_HALF_EVEN)) if is_integer else _plain(exact)
        if value not in values:
            values.append(value)
    return tuple(values)


def _distribution(
    where: str, name: str, found: Mapping[str, Any], is_integer: bool, within: tuple[float, float]
) -> Range:
    kind = found["distribution"]
    if kind not in _DISTRIBUTIONS:
        raise ConfigError(f"{where}.distribution is {kind!r}; one of {', '.join(_DISTRIBUTIONS)} is expected")
    bounds = ("from", "to")
    _only(where, found, ("distribution", *bounds, *(("mean", "sd") if kind == "normal" else ())))
    low, high = within
    if kind != "normal" or any(key in found for key in bounds):
        low, high = (float(_decimal(where, found, key)) for key in bounds)
        if high <= low:
            raise ConfigError(f"{where} goes from {found['from']!r} to {found['to']!r}; from must be below to")
    if not within[0] <= low <= high <= within[1]:
        raise ConfigError(
            f"{where} goes from {found['from']!r} to {found['to']!r}; {name} must lie in {within[0]:g} to {within[1]:g}"
        )
    if is_integer and not _least(low) <= _most(high):
        raise ConfigError(f"{where} goes from {found['from']!r} to {found['to']!r}; no whole number lies between them")
    if kind == "log_uniform" and low <= 0:
        raise ConfigError(f"{where}.from is {found['from']!r}; log_uniform needs a positive one")
    mean, sd = 0.0, 1.0
    if kind == "normal":
        mean, sd = (float(_decimal(where, found, key)) for key in ("mean", "sd"))
        if sd <= 0:
            raise ConfigError(f"{where}.sd is {found['sd']!r}; it must be positive")
        normal = NormalDist(mean, sd)
        if not normal.cdf(high) - normal.cdf(low) > 1e-6:
            raise ConfigError(
                f"{where}: almost nothing of a normal({mean:g}, {sd:g}) lies in {low:g} to {high:g}; change mean or "
                "sd, or give from and to that hold some of it"
            )
    return Range(name, (), kind, low, high, mean, sd, is_integer)


def _only(where: str, found: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in found:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(f"{where} has the key {key!r}; {hint}beside each other stand {', '.join(known)}")


def _decimal(where: str, found: Mapping[str, Any], key: str) -> Decimal:
    value = found.get(key)
    if value is None:
        raise ConfigError(f"{where}.{key} is missing; {_FORMS}")
    try:
        if isinstance(value, bool):
            raise InvalidOperation
        number = Decimal(str(value))
        if not number.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise ConfigError(f"{where}.{key} is {value!r}; a number is expected") from None
    return number


def _check_count(where: str, count: int) -> None:
    if count > VALUES_MAX:
        raise ConfigError(f"{where} has {count:,} values; at most {VALUES_MAX:,} are taken")


def _plain(value: Decimal) -> ParameterValue:
    return int(value) if value == value.to_integral_value() else float(value)
