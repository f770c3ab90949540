"""Monte Carlo on realised trades, and the rule that ends a strategy's career before it has begun.

One answer is not enough: the block bootstrap keeps streaks, single draws lose them, and another order of the very same
trades shows what the order alone did. Each mode is read by the same rule: the median path must be good, the worst paths
must be bearable, ruin must be rare, and most accounts must survive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.lab.stress.bootstrap import QUANTILES, BootstrapResult, Redraw, bootstrap_trades

__all__ = ["KillClause", "KillRule", "PathsResult", "monte_carlo"]


@dataclass(frozen=True, slots=True)
class KillRule:
    """What redrawn trades must show for a strategy to be worth trading; money as a share of the opening capital.

    Attributes
    ----------
    median_return_min : float
        The median path must end above it.
    bad_share : float
        Which share of paths counts as the worst; one of 0.01, 0.05 and 0.10.
    bad_return_min : float
        The best of the worst paths must end at or above it.
    bad_drawdown_max : float
        Their fall below a peak, as a share of it, may not exceed this; also the fall that a survivor may have.
    ruin_equity_share : float
        Share of the opening capital below which an account is ruined.
    ruin_max : float
        Largest share of ruined paths.
    survival_min : float
        Least share of paths that end with profit, are never ruined and never fall further than `bad_drawdown_max`.
    """

    median_return_min: float = 0.0
    bad_share: float = 0.10
    bad_return_min: float = 0.0
    bad_drawdown_max: float = 0.5
    ruin_equity_share: float = 0.5
    ruin_max: float = 0.01
    survival_min: float = 0.90

    def __post_init__(self) -> None:
        if self.bad_share not in QUANTILES[:3]:
            raise ConfigError(f"kill rule: bad_share is {self.bad_share}; it must be 0.01, 0.05 or 0.10")
        for name in ("ruin_max", "survival_min", "bad_drawdown_max"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"kill rule: {name} is {getattr(self, name)}; it is a share in 0 to 1")

    def judge(self, drawn: BootstrapResult) -> tuple[KillClause, ...]:
        """Each clause of the rule for one mode, the binding order first.

        Raises
        ------
        ConfigError
            If the paths were drawn with another ruin level or another bound on the fall than the rule has.
        """
        for name, found, wanted in (
            ("ruin level", drawn.ruin_equity, self.ruin_equity_share * drawn.capital),
            ("bound on the fall", drawn.drawdown_max, self.bad_drawdown_max),
        ):
            if found != wanted:
                raise ConfigError(f"kill rule: the paths were drawn with a {name} of {found}, the rule has {wanted}")
        deep = round(1.0 - self.bad_share, 2)
        median = drawn.at("final_pnl", 0.5) / drawn.capital
        bad = drawn.at("final_pnl", self.bad_share) / drawn.capital
        fall = drawn.at("drawdown_fraction", deep)
        ruin, survival = drawn.ruin_probability, drawn.survival_share
        mode, worst = drawn.mode, f"worst {self.bad_share:.0%} of paths"
        return (
            KillClause(
                "median", mode, median, self.median_return_min, median > self.median_return_min, "median return"
            ),
            KillClause("bad_return", mode, bad, self.bad_return_min, bad >= self.bad_return_min, f"return, {worst}"),
            KillClause(
                "bad_drawdown", mode, fall, self.bad_drawdown_max, fall <= self.bad_drawdown_max, f"fall, {worst}"
            ),
            KillClause("ruin", mode, ruin, self.ruin_max, ruin <= self.ruin_max, "share of ruined paths"),
            KillClause(
                "survival", mode, survival, self.survival_min, survival >= self.survival_min, "share of survivors"
            ),
        )


@dataclass(frozen=True, slots=True)
class KillClause:
    """One clause of the kill rule: what was asked of which mode, what was found, and whether that is enough.

    Attributes
    ----------
    name : str
        ``median``, ``bad_return``, ``bad_drawdown``, ``ruin`` or ``survival``.
    mode : Redraw
    value, bound : float
        Shares: of the opening capital, of a peak, or of all paths.
    passed : bool
    what : str
        What `value` is, in words.
    """

    name: str
    mode: Redraw
    value: float
    bound: float
    passed: bool
    what: str


@dataclass(frozen=True, slots=True)
class PathsResult:
    """Redrawn trades in every mode, and what the kill rule says.

    Attributes
    ----------
    results : tuple of BootstrapResult
        One for each mode, in the order asked for.
    rule : KillRule
    clauses : tuple of KillClause
        Of all modes.
    """

    results: tuple[BootstrapResult, ...]
    rule: KillRule
    clauses: tuple[KillClause, ...]

    @property
    def passed(self) -> bool:
        """Whether every clause holds in every mode."""
        return all(clause.passed for clause in self.clauses)

    @property
    def figure(self) -> float:
        """The smallest share of surviving paths among the modes, 0 to 1."""
        return min(drawn.survival_share for drawn in self.results)

    @property
    def sentence(self) -> str:
        """The reading in words."""
        paths = f"{self.results[0].paths:,} paths of {self.results[0].trades:,} trades"
        broken = [clause for clause in self.clauses if not clause.passed]
        if not broken:
            return (
                f"Holds: in {paths} at least {self.figure:.1%} of the accounts survive, in every way of drawing them."
            )
        parts = [f"{one.what} is {one.value:.1%} ({one.mode.value}; bound {one.bound:.1%})" for one in broken]
        return f"Breaks in {paths}: {'; '.join(parts)}."

    def of(self, mode: Redraw) -> BootstrapResult:
        """The result of one mode.

        Raises
        ------
        ConfigError
            If it was not drawn.
        """
        for drawn in self.results:
            if drawn.mode is mode:
                return drawn
        known = ", ".join(drawn.mode.value for drawn in self.results)
        raise ConfigError(f"mode {mode.value} was not drawn; there are {known}")


def monte_carlo(
    pnl: F64_1D,
    *,
    capital: float,
    modes: Sequence[Redraw] = (Redraw.STATIONARY, Redraw.IID, Redraw.REORDER),
    rule: KillRule | None = None,
    block: float | None = None,
    paths: int = 10_000,
    seed: int = 0,
    workers: int = 2,
) -> PathsResult:
    """Redraw the trades in each mode and read them by the kill rule.

    Parameters
    ----------
    pnl : (n,) float64
        Net results of the trades, in the order in which they ended; currency units.
    capital : float
        Opening equity.
    modes : sequence of Redraw
        At least one.
    rule : KillRule or None
        None takes the defaults.
    block, paths, seed, workers
        See `argus.lab.stress.bootstrap.bootstrap_trades`.

    Raises
    ------
    ConfigError
        On an empty or non-finite sample, no mode, or a setting out of range.
    """
    if not modes:
        raise ConfigError("monte carlo: no mode was asked for; give at least one of stationary, iid, reorder")
    law = rule or KillRule()
    results = tuple(
        bootstrap_trades(
            pnl,
            capital=capital,
            ruin_fraction=law.ruin_equity_share,
            drawdown_max=law.bad_drawdown_max,
            paths=paths,
            seed=seed,
            block=block,
            workers=workers,
            mode=mode,
        )
        for mode in modes
    )
    return PathsResult(results, law, tuple(clause for drawn in results for clause in law.judge(drawn)))
