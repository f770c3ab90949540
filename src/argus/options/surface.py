"""The volatility surface of one snapshot: a smile for each expiry, free of static arbitrage, and what is left of
quotes.

The base is one smile per expiry (`argus.options.svi`), fitted from the last to the first so that no butterfly and no
calendar spread costs less than nothing. What quotes say beyond it is kept apart, as a smooth spline in volatility that
promises nothing: the base stays clean, the base plus the spline is closer to the market.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D, readonly
from argus.core.errors import ConfigError, DataError
from argus.options.reasons import Reason

__all__ = ["QuoteFit", "Surface", "SurfaceValues", "fit_surface", "judge_quotes"]

F64_2D = NDArray[np.float64]
U8_1D = NDArray[np.uint8]

_KNOTS: Final = 14
_SIZE: Final = 11
_QUOTES_OF: Final = (6, 12, 24)  # quotes that an expiry must have for one, two, three hyperbolas
_HALF_MIN: Final = 1e-4  # least half-spread, as a share of the variance at the money: a locked quote is not the truth


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceValues:
    """Answers of a surface.

    Attributes
    ----------
    value : (n,) float64
        NaN where there is no answer.
    reason : (n,) uint8
        A `Reason`, 0 where there is an answer.
    """

    value: F64_1D
    reason: U8_1D


@dataclass(frozen=True, slots=True, eq=False)
class QuoteFit:
    """How each quote lies to the surface.

    Attributes
    ----------
    vol : (n,) float64
        Of the arbitrage-free base.
    residual : (n,) float64
        Volatility of the middle less `vol`.
    residual_spreads : (n,) float64
        The same in units of the difference of the volatilities of ask and bid; within 0.5 the model lies inside.
    inside : (n,) bool
        The base's price lies inside bid and ask, edges included.
    reason : (n,) uint8
        A `Reason`.
    """

    vol: F64_1D
    residual: F64_1D
    residual_spreads: F64_1D
    inside: NDArray[np.bool_]
    reason: U8_1D


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A fitted surface. Expiries are those that had enough quotes; `refused_years` are the others.

    Attributes
    ----------
    years, forward : (n,) float64
        Of each expiry, ascending in `years`.
    smile : (n, 11) float64
        Parameters of the base (`argus.options.svi.smile_variance`): a, d, then c, m, s of three hyperbolas.
    residual : (n, 14) float64
        Heights of the uniform cubic B-spline in volatility between `k_low` and `k_high`.
    k_low, k_high : (n,) float64
        The strikes that were quoted, as logarithms over the forward; beyond them the surface has no answer.
    quotes : (n,) int64
        Quotes fitted.
    inside_share : (n,) float64
        Share of them with the base inside bid and ask.
    g_min : (n,) float64
        Least value of Durrleman's g on the dense grid: not negative, no butterfly.
    rise_min : (n,) float64
        Least rise of the variance to the next expiry on that grid, as a share: not negative (to 1e-9), no calendar
        arbitrage; NaN at the last expiry, and where the next is on another future.
    g_between : (n,) float64
        Least g half-way to the next expiry, where the line in time proves nothing; NaN where `rise_min` is.
    refused_years : (m,) float64
    """

    years: F64_1D
    forward: F64_1D
    smile: F64_2D
    residual: F64_2D
    k_low: F64_1D
    k_high: F64_1D
    quotes: I64_1D
    inside_share: F64_1D
    g_min: F64_1D
    rise_min: F64_1D
    g_between: F64_1D
    refused_years: F64_1D

    def __post_init__(self) -> None:
        for field in fields(self):
            readonly(getattr(self, field.name))

    @property
    def is_free(self) -> bool:
        """Whether neither a butterfly at an expiry nor a calendar spread between two was found on the dense grid."""
        return bool((self.g_min >= 0.0).all() and not (self.rise_min < -1e-9).any())

    @property
    def share_inside(self) -> float:
        """Share of all quotes fitted whose price by the base lies inside bid and ask; NaN without quotes."""
        count = int(self.quotes.sum())
        return float(self.inside_share @ self.quotes) / count if count else float("nan")

    def forward_at(self, years: F64_1D) -> F64_1D:
        """Forward at any time between the expiries, a straight line in its logarithm; NaN outside."""
        if not len(self.years):
            return np.full(np.shape(years), np.nan)
        line = np.interp(years, self.years, np.log(self.forward), left=np.nan, right=np.nan)
        return np.asarray(np.exp(line), dtype=np.float64)

    def smile_at(self, years: float) -> F64_1D:
        """The smile at any time between the expiries, as an array for `argus.options.svi`.

        Raises
        ------
        ConfigError
            Outside of the expiries.
        """
        if not len(self.years) or not self.years[0] <= years <= self.years[-1]:
            raise ConfigError(f"{years} years lies outside of the surface's expiries {self.years.tolist()}")
        at = int(np.searchsorted(self.years, years))
        if self.years[at] == years:
            return np.array(self.smile[at])
        part = float((years - self.years[at - 1]) / (self.years[at] - self.years[at - 1]))
        return _mixed(self.smile[at - 1], self.smile[at], part)

    def total_variance(self, k: F64_1D, years: F64_1D, *, wings: bool = False) -> SurfaceValues:
        """Total variance at ``k = ln(strike / forward)``, between expiries a straight line in time at fixed k.

        Parameters
        ----------
        k, years : (n,) float64
            Scalars broadcast.
        wings : bool
            Answer beyond the quoted strikes too, by the formula.
        """
        out, reason = self._evaluate(k, years, wings)
        return SurfaceValues(out[0], reason)

    def vol(self, k: F64_1D, years: F64_1D, *, wings: bool = False, residual: bool = False) -> SurfaceValues:
        """Annual volatility at ``k = ln(strike / forward)``, with `residual` that of the base plus the spline."""
        k, years = _broadcast(k, years)
        out, reason = self._evaluate(k, years, wings)
        with np.errstate(invalid="ignore", divide="ignore"):
            vol: F64_1D = np.sqrt(out[0] / years)
        if residual:
            vol = vol + self._residual(k, years)
        return SurfaceValues(vol, reason)

    def local_vol(self, k: F64_1D, years: F64_1D, *, wings: bool = False) -> SurfaceValues:
        """Dupire's local volatility, ``sqrt(dw/dT / g)`` (Gatheral 2006, "The Volatility Surface", equation 1.10).

        The derivative by time is that of the straight line between the expiries around, so it jumps at expiries. Where
        g is not positive, or there is one expiry only, the reason is `NO_CONVERGENCE` or `OUTSIDE_SURFACE`.
        """
        k, years = _broadcast(k, years)
        out, reason = self._evaluate(k, years, wings)
        with np.errstate(invalid="ignore", divide="ignore"):
            tilt = 1.0 - 0.5 * k * out[1] / out[0]
            g = tilt * tilt - 0.25 * out[1] ** 2 * (1.0 / out[0] + 0.25) + 0.5 * out[2]
            value = np.sqrt(np.maximum(out[3], 0.0) / g)
        bad = (reason == 0) & ~(g > 0.0)
        reason[bad] = Reason.NO_CONVERGENCE
        reason[(reason == 0) & np.isnan(value)] = Reason.OUTSIDE_SURFACE
        return SurfaceValues(np.where(reason == 0, value, np.nan), reason)

    def to_json(self, names: Sequence[Sequence[str]] = ()) -> str:
        """The surface as text that `from_json` reads back to the same bits.

        `names` say what the expiries are called; they stand beside the figures for who reads the text, as ``expiries``.
        """
        plain = {field.name: getattr(self, field.name).tolist() for field in fields(self)}
        head = {"version": 1} | ({"expiries": [list(name) for name in names]} if names else {})
        return json.dumps(head | _without_nan(plain), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Surface:
        """The surface that `to_json` wrote.

        Raises
        ------
        DataError
            Where the text is no such surface.
        """
        try:
            plain = json.loads(text)
            if plain.pop("version") != 1:
                raise DataError("the text is a surface of another version; fit the surface anew")
            plain.pop("expiries", None)
            arrays = {
                name: np.array(values, dtype=np.int64 if name == "quotes" else np.float64)
                for name, values in plain.items()
            }
            for name, width in (("smile", _SIZE), ("residual", _KNOTS)):
                arrays[name] = arrays[name].reshape(len(arrays["years"]), width)
            return cls(**cast(dict[str, Any], arrays))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"the text is no surface ({error}); write it with to_json") from error

    def _evaluate(self, k: F64_1D, years: F64_1D, wings: bool) -> tuple[F64_2D, U8_1D]:
        """Variance, slope, bend and derivative by time of each row, and reasons."""
        from argus.options._surface_kernels import fill_surface

        k, years = _broadcast(k, years)
        out = np.full((4, len(k)), np.nan)
        finite = np.isfinite(k) & np.isfinite(years)
        reason = np.where(finite, 0, int(Reason.NOT_FINITE)).astype(np.uint8)
        reason[finite & (years <= 0.0)] = Reason.EXPIRED
        if len(self.years):
            fill_surface(self.years, self.smile, k, years, out)
            with np.errstate(invalid="ignore"):
                low, high = np.interp(years, self.years, self.k_low), np.interp(years, self.years, self.k_high)
                beyond = ((k < low - 1e-12) | (k > high + 1e-12)) & (not wings)
        else:
            beyond = np.zeros(len(k), dtype=bool)
        reason[(reason == 0) & (np.isnan(out[0]) | beyond)] = Reason.OUTSIDE_SURFACE
        out[:, reason != 0] = np.nan
        return out, reason

    def _residual(self, k: F64_1D, years: F64_1D) -> F64_1D:
        """Volatility that the splines add, a straight line in time between expiries; at the edges held."""
        if not len(self.years):
            return np.zeros(len(k))
        right = np.clip(np.searchsorted(self.years, years), 0, len(self.years) - 1)
        left = np.where(self.years[right] == years, right, np.maximum(right - 1, 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(right > left, (years - self.years[left]) / (self.years[right] - self.years[left]), 0.0)
        sides = []
        for row in (left, right):
            place = (k - self.k_low[row]) / (self.k_high[row] - self.k_low[row])
            sides.append(np.sum(_basis(np.clip(np.nan_to_num(place), 0.0, 1.0)) * self.residual[row], axis=1))
        found: F64_1D = sides[0] + part * (sides[1] - sides[0])
        return found


def fit_surface(
    strike: F64_1D,
    right: NDArray[np.int8],
    years: F64_1D,
    forward: F64_1D,
    vol_bid: F64_1D,
    vol_ask: F64_1D,
    *,
    hyperbolas: int = 3,
    beneath: I64_1D | None = None,
) -> Surface:
    """Fit a surface to the out-of-the-money quotes of one snapshot.

    Each expiry gets up to `hyperbolas` hyperbolas (one is raw SVI), weighted by the spread, under the conditions ``g >=
    0`` on each smile (no butterfly) and ``w(k, T1) <= w(k, T2)`` (no calendar arbitrage). The conditions hold on a
    dense grid five times as wide as the quotes, and in the wings by their slopes; the record holds the least values
    found.

    Parameters
    ----------
    strike, years, forward : (n,) float64
        One row for each quote, in any order. Rows of one expiry have exactly the same `years`; two settlements on one
        day differ in it. The first forward of an expiry counts.
    right : (n,) int8
        +1 call, -1 put: calls at or above the forward and puts below are fitted, the others are passed over.
    vol_bid, vol_ask : (n,) float64
        Implied volatilities of bid and ask; a row where one is missing (NaN) or not positive, or where the bid exceeds
        the ask, is passed over.
    hyperbolas : int
        1 to 3. An expiry with fewer than 24 quotes gets two, with fewer than 12 one, with fewer than 6 no smile.
    beneath : (n,) int64, optional
        Mark of what a quote's expiry is on, where expiries are on several futures: no calendar spread joins two of
        them, so the condition holds among neighbouring expiries of equal marks. The first of an expiry counts.

    Raises
    ------
    ConfigError
        Where lengths differ or `hyperbolas` is not 1, 2 or 3.

    Notes
    -----
    Gatheral and Jacquier 2014, "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14(1), for the
    conditions.
    """
    from argus.options._surface_kernels import fit_smiles

    if hyperbolas not in (1, 2, 3):
        raise ConfigError(f"hyperbolas is {hyperbolas}; a smile has 1, 2 or 3")
    columns = [np.asarray(c, dtype=np.float64) for c in (strike, right, years, forward, vol_bid, vol_ask)]
    if len({c.shape for c in columns}) != 1 or columns[0].ndim != 1:
        raise ConfigError(f"the columns have shapes {[c.shape for c in columns]}; one row for each quote needed")
    expiries, quotes, offsets, refused = _prepared(*columns)
    joined = _joined(expiries[:, 0], columns[2], beneath)
    count = len(expiries)
    smile = np.zeros((count, _SIZE))
    if count:
        sizes = np.diff(offsets)
        allowed = np.searchsorted(_QUOTES_OF, sizes, side="right")
        unit = np.array([np.interp(0.0, *quotes[:2, a:b]) for a, b in pairwise(offsets)], dtype=np.float64)
        quotes[2] = np.maximum(quotes[2], _HALF_MIN * np.repeat(unit, sizes))
        parameters = 2 + 3 * np.minimum(allowed, hyperbolas)
        for a, b in pairwise([0, *(np.flatnonzero(~joined) + 1).tolist(), count]):
            part = np.ascontiguousarray(quotes[:, offsets[a] : offsets[b]])
            fit_smiles(offsets[a : b + 1] - offsets[a], parameters[a:b], part, unit[a:b], smile[a:b])
    return _described(expiries, quotes, offsets, smile, refused, joined)


def judge_quotes(
    surface: Surface, strike: F64_1D, years: F64_1D, vol_bid: F64_1D, vol_ask: F64_1D, *, forward: F64_1D | None = None
) -> QuoteFit:
    """How quotes lie to a surface: also those it was not fitted to.

    Parameters
    ----------
    strike, years, vol_bid, vol_ask : (n,) float64
        Scalars broadcast. A row without both volatilities has the reason `NO_TWO_SIDED_QUOTE`, with the bid's above the
        ask's `CROSSED`.
    forward : (n,) float64, optional
        The surface's own forward where not given.
    """
    strike, years, vol_bid, vol_ask = (
        np.ascontiguousarray(c, dtype=np.float64) for c in np.broadcast_arrays(strike, years, vol_bid, vol_ask)
    )
    ahead = surface.forward_at(years) if forward is None else np.broadcast_to(np.asarray(forward), strike.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        answer = surface.vol(np.log(strike / ahead), years)
        reason = answer.reason.copy()
        reason[(reason == Reason.NOT_FINITE) & ~(strike > 0.0)] = Reason.STRIKE_NOT_POSITIVE
        reason[(reason == 0) & ~((vol_bid > 0.0) & np.isfinite(vol_ask))] = Reason.NO_TWO_SIDED_QUOTE
        reason[(reason == 0) & (vol_bid > vol_ask)] = Reason.CROSSED
        ok = reason == 0
        vol = np.where(ok, answer.value, np.nan)
        residual = 0.5 * (vol_bid + vol_ask) - vol
        spread = np.maximum(vol_ask - vol_bid, _HALF_MIN * vol)
        inside = ok & (vol >= vol_bid) & (vol <= vol_ask)
    return QuoteFit(vol, np.where(ok, residual, np.nan), np.where(ok, residual / spread, np.nan), inside, reason)


def _prepared(
    strike: F64_1D, right: F64_1D, years: F64_1D, forward: F64_1D, vol_bid: F64_1D, vol_ask: F64_1D
) -> tuple[F64_2D, F64_2D, I64_1D, F64_1D]:
    """Years and forward of each expiry, its quotes in variances sorted by strike, offsets, and years refused."""
    with np.errstate(invalid="ignore", divide="ignore"):
        usable = (years > 0.0) & np.isfinite(years) & (strike > 0.0) & np.isfinite(strike) & (forward > 0.0)
        usable &= np.isfinite(forward) & (vol_bid > 0.0) & (vol_ask >= vol_bid) & np.isfinite(vol_ask)
        usable &= np.where(strike >= forward, 1.0, -1.0) == right
    wanted = np.unique(years[np.isfinite(years) & (years > 0.0)])
    heads, parts, refused = [], [], []
    for own in wanted:
        rows = np.flatnonzero(usable & (years == own))
        ahead = forward[rows[0]] if len(rows) else np.nan
        k, first = np.unique(np.log(strike[rows] / ahead), return_index=True)
        if len(k) < _QUOTES_OF[0]:
            refused.append(own)
            continue
        low, high = vol_bid[rows[first]] ** 2 * own, vol_ask[rows[first]] ** 2 * own
        heads.append((own, ahead))
        parts.append(np.stack([k, 0.5 * (low + high), 0.5 * (high - low)]))
    offsets = np.cumsum([0, *(part.shape[1] for part in parts)], dtype=np.int64)
    quotes = np.ascontiguousarray(np.concatenate(parts, axis=1)) if parts else np.empty((3, 0))
    return np.array(heads, dtype=np.float64).reshape(-1, 2), quotes, offsets, np.array(refused, dtype=np.float64)


def _joined(expiries: F64_1D, years: F64_1D, beneath: I64_1D | None) -> NDArray[np.bool_]:
    """Whether each expiry but the last and its next are on the same."""
    if beneath is None:
        return np.ones(max(len(expiries) - 1, 0), dtype=bool)
    known, first = np.unique(years, return_index=True)
    mark = np.asarray(beneath)[first][np.searchsorted(known, expiries)]
    return np.asarray(mark[1:] == mark[:-1], dtype=bool)


def _described(
    expiries: F64_2D, quotes: F64_2D, offsets: I64_1D, smile: F64_2D, refused: F64_1D, joined: NDArray[np.bool_]
) -> Surface:
    """The record: fit and checks of each expiry, and the splines."""
    from argus.options._surface_kernels import check_smile
    from argus.options.svi import smile_variance

    count = len(expiries)
    low, high, share = np.empty(count), np.empty(count), np.empty(count)
    g_min, rise_min, g_between = np.empty(count), np.full(count, np.nan), np.full(count, np.nan)
    residual = np.zeros((count, _KNOTS))
    for row in range(count):
        k, middle, half = quotes[:, offsets[row] : offsets[row + 1]]
        low[row], high[row] = k[0], k[-1]
        w = smile_variance(smile[row], k)[0]
        share[row] = np.mean(np.abs(w - middle) <= half * (1.0 + 1e-12))
        is_last = row == count - 1 or not joined[row]
        after = smile[row if is_last else row + 1]
        g_min[row], rise = check_smile(smile[row], after, not is_last, k[0], k[-1], 1.0)
        if not is_last:
            rise_min[row] = rise
            between = _mixed(smile[row], after, 0.5)
            g_between[row] = check_smile(between, after, False, k[0], k[-1], 1.0)[0]
        residual[row] = _spline(k, middle, half, w, float(expiries[row, 0]))
    return Surface(
        years=expiries[:, 0].copy(),
        forward=expiries[:, 1].copy(),
        smile=smile,
        residual=residual,
        k_low=low,
        k_high=high,
        quotes=np.diff(offsets),
        inside_share=share,
        g_min=g_min,
        rise_min=rise_min,
        g_between=g_between,
        refused_years=refused,
    )


def _mixed(first: F64_1D, second: F64_1D, part: float) -> F64_1D:
    """The smile whose variance lies `part` of the way from one to the other: a line and six hyperbolas."""
    found = np.concatenate((first, second[2:]))
    found[:2] = (1.0 - part) * first[:2] + part * second[:2]
    found[2 : len(first) : 3] *= 1.0 - part
    found[len(first) :: 3] *= part
    return found


def _spline(k: F64_1D, middle: F64_1D, half: F64_1D, w: F64_1D, years: float) -> F64_1D:
    """Heights of the spline through what is left, in volatility: least squares in half-spreads, bends and size
    penalised.

    The penalty is that of P-splines (Eilers and Marx 1996, Statistical Science 11(2)); a quote within its spread alone
    moves nothing by much.
    """
    vol = np.sqrt(w / years)
    with np.errstate(invalid="ignore"):
        scale = half / (2.0 * vol * years)
        left = (np.sqrt(middle / years) - vol) / scale
    basis = _basis((k - k[0]) / (k[-1] - k[0]))
    rows = basis / scale[:, None]
    unit = float(np.median(scale))
    bends = np.diff(np.eye(_KNOTS), n=2, axis=0) / unit
    # One wild quote must not bend the spline: beyond three half-spreads it counts as if it stood at three.
    matrix = rows.T @ rows + bends.T @ bends + np.eye(_KNOTS) / unit**2
    return np.asarray(np.linalg.solve(matrix, rows.T @ np.clip(left, -3.0, 3.0)), dtype=np.float64)


def _basis(place: F64_1D) -> F64_2D:
    """Uniform cubic B-splines at places of 0 to 1, (n, `_KNOTS`)."""
    cells = _KNOTS - 3
    x = place[:, None] * cells - np.arange(-1, _KNOTS - 1)[None, :]
    far = np.abs(x)
    inner = (4.0 - 6.0 * far**2 + 3.0 * far**3) / 6.0
    outer = np.maximum(2.0 - far, 0.0) ** 3 / 6.0
    return np.asarray(np.where(far < 1.0, inner, outer), dtype=np.float64)


def _broadcast(k: F64_1D, years: F64_1D) -> tuple[F64_1D, F64_1D]:
    one, other = np.broadcast_arrays(
        np.atleast_1d(np.asarray(k, dtype=np.float64)), np.asarray(years, dtype=np.float64)
    )
    return np.ascontiguousarray(one), np.ascontiguousarray(other)


def _without_nan(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {name: _without_nan(value) for name, value in plain.items()}
    if isinstance(plain, list):
        return [_without_nan(value) for value in plain]
    return None if plain != plain or plain in (float("inf"), float("-inf")) else plain
