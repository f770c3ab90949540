"""What the right to exercise early adds to the legs of a position on paths, and where exercising pays.

Solving for the boundary of every leg at every step of every path would take minutes. What the right adds to Black's
price is smooth and small, so it is worked out once at the points of a grid of times, volatilities and spots, and read
off between them; the kernel that marks the paths adds it to Black's price and holds the sum at what exercising at once
pays. A test holds such marks to the American price itself: within 1e-4 of the strike at the volatility of the leg, a
cent on a strike of a hundred, and within 1e-3 where a model moves the volatility (that much only where exercise begins
to pay), for rates and yields up to 8 %, volatilities of 10 to 60 % and lives up to a year.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.options._valuation import black_greeks
from argus.options.american import american_values
from argus.options.positions import Position

__all__ = ["EarlyMarks"]

_TIMES_MAX: Final = 24
_SPOTS: Final = {True: 121, False: 241}
"""Points where volatilities move with the path, and where one volatility does."""
_FACTORS: Final = np.linspace(-2.1, 2.1, 15)
"""Logarithms of volatilities of the grid over that of the leg, where a model moves them: an eighth to eight times."""
_BETWEEN: Final = 4
"""Steps of the lines between two points of the grid, on a cubic spline through them."""
_WIDTHS: Final = 6.0
_YEARS_MIN: Final = 1e-9
"""A thirtieth of a second: what is left of rounding at the expiry is no life."""


class EarlyMarks:
    """Tables of one position at the steps of its paths.

    Parameters
    ----------
    position : Position
    elapsed : (steps,) float64
        Years from entry.
    moves : bool
        Whether volatilities change with the path, not with time alone.
    """

    def __init__(self, position: Position, elapsed: F64_1D, *, moves: bool) -> None:
        self.position, self.elapsed = position, elapsed
        self.legs: I64_1D = np.flatnonzero(position.early)
        self._factors = _FACTORS if moves else np.zeros(1)
        self._vols = np.stack([position.vols_at(float(t)) for t in np.minimum(elapsed, position.horizon)])
        steps = len(elapsed)
        # Near the end the right fades as the root of time does.
        back = np.rint(np.linspace(0.0, np.sqrt(steps - 1), _TIMES_MAX) ** 2).astype(np.int64)
        self._times = np.unique(steps - 1 - back)
        reach = float(np.abs(np.log(position.strike[self.legs] / position.spot)).max())
        reach += _WIDTHS * float(position.vol[self.legs].max()) * float(np.sqrt(elapsed[-1]))
        self._logs = np.linspace(-reach, reach, _SPOTS[moves])
        self._heights, self._places = (_finer(points) for points in (self._factors, self._logs))
        self._tables = {leg: self._table(leg) for leg in self.legs.tolist()}

    def added(self, spot: NDArray[np.float64], ratio: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the right adds, (legs, steps, paths), at these spots.

        Parameters
        ----------
        spot : (steps, paths) float64
        ratio : (legs or 1, steps, paths) float64, or empty
            Factor on the volatility of entry of each leg, or of all.
        """
        found = np.zeros((len(self.position.right), *spot.shape))
        logs = np.log(spot / self.position.spot)
        for leg in self.legs.tolist():
            for step in np.flatnonzero(self.elapsed < self.position.years[leg]).tolist():
                factor = np.ones(spot.shape[1])
                if len(ratio):
                    own = self.position.vol[leg] / self._vols[step, leg]
                    factor = ratio[min(leg, len(ratio) - 1), step] * own
                found[leg, step] = self._read(self._at(leg, step), logs[step], factor)
        return found

    def boundary(self, leg: int) -> F64_1D:
        """Spot at which exercising the leg pays its holder at each step, (steps,).

        NaN from its expiry on, and throughout where it pays between two boundaries, which are not told.
        """
        position = self.position
        left = position.years[leg] - self.elapsed
        found = american_values(
            position.spot,
            position.strike[leg],
            left,
            self._vols[:, leg],
            position.rate[leg],
            position.rate[leg] - position.carry[leg],
            position.right[leg],
        )
        return found.boundary

    def _table(self, leg: int) -> NDArray[np.float64]:
        """(times, factors, spots): American less Black's price."""
        from scipy.interpolate import CubicSpline

        position = self.position
        left = (position.years[leg] - self.elapsed[self._times])[:, None, None]
        vol = self._vols[self._times, leg][:, None, None] * np.exp(self._factors)[None, :, None]
        spot = position.spot * np.exp(self._logs)[None, None, :]
        shape = np.broadcast_shapes(left.shape, vol.shape, spot.shape)
        right, strike, rate, carry = (getattr(position, name)[leg] for name in ("right", "strike", "rate", "carry"))
        at, until, sigma = (np.broadcast_to(column, shape).ravel() for column in (spot, left, vol))
        table = np.zeros(shape)
        lives = until > _YEARS_MIN
        at, until, sigma = at[lives], until[lives], sigma[lives]
        american = american_values(at, strike, until, sigma, rate, rate - carry, right).price
        table[lives.reshape(shape)] = american - black_greeks(right, at, strike, until, sigma, rate, carry).value
        table = CubicSpline(self._logs, table, axis=2)(self._places)
        if len(self._factors) > 1:
            table = CubicSpline(self._factors, table, axis=1)(self._heights)
        return np.asarray(table)

    def _at(self, leg: int, step: int) -> NDArray[np.float64]:
        """The table at a step, a straight line in time between those around it, (factors, spots)."""
        table = self._tables[leg]
        place = int(np.searchsorted(self._times, step, side="left"))
        if self._times[place] == step:
            return np.asarray(table[place])
        begin, end = (float(self.elapsed[self._times[at]]) for at in (place - 1, place))
        part = (float(self.elapsed[step]) - begin) / (end - begin)
        return np.asarray(table[place - 1] + part * (table[place] - table[place - 1]))

    def _read(self, table: NDArray[np.float64], logs: F64_1D, factor: F64_1D) -> F64_1D:
        """Values at spots and factors; beyond the grid those of its edge."""
        places, last = self._places, len(self._places) - 1
        at = np.clip((logs - places[0]) / (places[-1] - places[0]), 0.0, 1.0) * last
        column = np.minimum(at.astype(np.int64), last - 1)
        share = at - column
        if len(self._heights) == 1:
            found: F64_1D = table[0, column] * (1.0 - share) + table[0, column + 1] * share
            return found
        heights, last = self._heights, len(self._heights) - 1
        at = np.clip((np.log(factor) - heights[0]) / (heights[-1] - heights[0]), 0.0, 1.0) * last
        row = np.minimum(at.astype(np.int64), last - 1)
        up = at - row
        lower = table[row, column] * (1.0 - share) + table[row, column + 1] * share
        upper = table[row + 1, column] * (1.0 - share) + table[row + 1, column + 1] * share
        between: F64_1D = lower * (1.0 - up) + upper * up
        return between


def _finer(points: F64_1D) -> F64_1D:
    """Evenly spaced points with others between them."""
    return np.linspace(points[0], points[-1], _BETWEEN * (len(points) - 1) + 1)
