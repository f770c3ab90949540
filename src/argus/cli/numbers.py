"""Numbers that a person gives on the command line: finite, and within what they can mean."""

from __future__ import annotations

from collections.abc import Callable

import typer

__all__ = ["within"]


def within(
    least: float = -1e12, most: float = 1e12, *, above: float | None = None
) -> Callable[[float | None], float | None]:
    """What an option of the command line calls with its number: it refuses what is not finite or out of bounds.

    Parameters
    ----------
    least, most : float
        Both may be.
    above : float or None
        Lower bound that may not be itself; it takes the place of `least`.
    """

    def checked(value: float | None) -> float | None:
        low = least if above is None else above
        # NaN lies within nothing.
        if value is not None and (value == above or not low <= value <= most):
            since = f"from {low:g}" if above is None else f"above {low:g}"
            raise typer.BadParameter(f"{value:g} is no number {since} to {most:g}")
        return value

    return checked
