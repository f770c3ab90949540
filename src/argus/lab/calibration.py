"""The lab judged by its own rules: how often no edge fools it, and how often it finds a real one.

A gate is only worth what it does on markets whose truth is known. `calibrate` takes every strategy through the whole
lab on every market and counts. Rates come with exact intervals, because two hundred markets are not infinitely many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from argus.core.arrays import Bars
from argus.core.errors import ConfigError
from argus.core.instruments import InstrumentSpec
from argus.core.ports import RiskPolicy, Sizer
from argus.engine.config import RunConfig
from argus.lab.candidate import Candidate, MapRuns, ResearchSettings, Values
from argus.lab.gates import GATES
from argus.lab.research import evaluate
from argus.lab.trials import MemoryTrialLedger

__all__ = ["CalibrationResult", "KnownMarket", "Rate", "Trading", "binomial_interval", "calibrate"]


@dataclass(frozen=True, slots=True, eq=False)
class KnownMarket:
    """A market of known truth.

    Attributes
    ----------
    name : str
        Unique.
    truth : str
        Group that it is counted in, e.g. ``no edge`` or ``trend 1.5``.
    spec : InstrumentSpec
    make : callable
        Gives its bars; called where they are needed, so that many markets need little memory.
    """

    name: str
    truth: str
    spec: InstrumentSpec
    make: Callable[[], Bars]


@dataclass(frozen=True, slots=True, eq=False)
class Trading:
    """How strategies are traded and judged in a calibration.

    Attributes
    ----------
    config, sizer, risk
        As in a `Candidate`.
    settings : ResearchSettings
    grids : mapping
        Strategy name to the parameter sets to try, where they are not the strategy's own.
    """

    config: RunConfig
    sizer: Sizer
    risk: RiskPolicy
    settings: ResearchSettings
    grids: Mapping[str, tuple[Values, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rate:
    """A count out of a number, with its exact 95 % interval."""

    count: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The observed share."""
        return self.count / self.of if self.of else float("nan")


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """What came out.

    Attributes
    ----------
    deployable : mapping
        (truth, strategy) to the rate at which the strategy was called deployable.
    lab : mapping
        Truth to the rate of markets on which any strategy was called deployable.
    gates : mapping
        (truth, strategy, gate) to the rate at which the gate was passed.
    passed : tuple of (market, strategy)
        Every deployable verdict.
    """

    deployable: Mapping[tuple[str, str], Rate]
    lab: Mapping[str, Rate]
    gates: Mapping[tuple[str, str, str], Rate]
    passed: tuple[tuple[str, str], ...]

    def lines(self) -> list[str]:
        """A table for people."""
        lines = []
        for truth, rate in self.lab.items():
            lines.append(f"{truth}: {_told(rate)} markets with a deployable strategy")
            for (group, strategy), one in self.deployable.items():
                if group != truth:
                    continue
                lines.append(f"  {strategy:<16} deployable {_told(one)}")
                each = [
                    f"{gate.name} {self.gates[truth, strategy, gate.name].share:.0%}"
                    for gate in GATES
                    if (truth, strategy, gate.name) in self.gates
                ]
                lines.append(f"  {'':<16} passed: {', '.join(each)}")
        return lines

    def as_dict(self) -> dict[str, object]:
        """Plain types for JSON."""
        from argus.lab.evaluation import to_json

        return {
            "deployable": {f"{truth}/{name}": to_json(rate) for (truth, name), rate in self.deployable.items()},
            "lab": {truth: to_json(rate) for truth, rate in self.lab.items()},
            "gates": {"/".join(key): to_json(rate) for key, rate in self.gates.items()},
            "passed": [list(pair) for pair in self.passed],
        }


def _told(rate: Rate) -> str:
    return f"{rate.count} of {rate.of} ({rate.share:.1%}, 95 % interval {rate.low:.1%} to {rate.high:.1%})"


def binomial_interval(count: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share: Clopper and Pearson 1934, "The Use of Confidence or Fiducial Limits Illustrated in the
    Case of the Binomial", Biometrika 26(4).

    Raises
    ------
    ConfigError
        If `count` does not lie in 0 to `of`, or `confidence` in 0 to 1.
    """
    if not 0 <= count <= of or not 0.0 < confidence < 1.0:
        raise ConfigError(f"interval of {count} out of {of} at confidence {confidence}: not possible")
    from scipy.stats import beta

    tail = (1.0 - confidence) / 2.0
    low = float(beta.ppf(tail, count, of - count + 1)) if count else 0.0
    high = float(beta.ppf(1.0 - tail, count + 1, of - count)) if count < of else 1.0
    return low, high


def _judge(strategies: Sequence[str], trading: Trading, market: KnownMarket) -> dict[str, dict[str, bool]]:
    """Gate answers of every strategy on one market; they share its ledger."""
    bars = market.make()
    symbol = bars.instrument
    ledger = MemoryTrialLedger()
    answers = {}
    for name in strategies:
        candidate = Candidate(
            strategy=name,
            universe=(symbol,),
            market={symbol: (market.spec, bars)},
            config=trading.config,
            sizer=trading.sizer,
            risk=trading.risk,
            grid=trading.grids.get(name, ()),
            completeness={symbol: 1.0},
        )
        found = evaluate(candidate, trials=ledger, settings=trading.settings)
        answers[name] = {gate.name: gate.passed is True for gate in found.gates}
    return answers


def calibrate(
    markets: Iterable[KnownMarket],
    strategies: Sequence[str],
    trading: Trading,
    *,
    map_runs: MapRuns = map,
    progress: Callable[[str], None] | None = None,
) -> CalibrationResult:
    """Take every strategy through the lab on every market, and count.

    Parameters
    ----------
    markets : iterable of KnownMarket
    strategies : sequence of str
        Names in the strategy registry.
    trading : Trading
    map_runs : callable
        ``map``, or a process pool's ``map``.
    progress : callable or None
        Told the name of each market when it is done.
    """
    known = list(markets)
    counts: dict[tuple[str, str, str], int] = {}
    totals: dict[str, int] = {}
    wins: dict[tuple[str, str], int] = {}
    any_wins: dict[str, int] = {}
    passed: list[tuple[str, str]] = []
    for market, answers in zip(known, map_runs(partial(_judge, tuple(strategies), trading), known), strict=True):
        totals[market.truth] = totals.get(market.truth, 0) + 1
        winners = [name for name, gates in answers.items() if all(gates.values())]
        any_wins[market.truth] = any_wins.get(market.truth, 0) + bool(winners)
        passed.extend((market.name, name) for name in winners)
        for name, gates in answers.items():
            wins[market.truth, name] = wins.get((market.truth, name), 0) + (name in winners)
            for gate, value in gates.items():
                counts[market.truth, name, gate] = counts.get((market.truth, name, gate), 0) + value
        if progress is not None:
            progress(market.name)
    return CalibrationResult(
        deployable={key: _rate(count, totals[key[0]]) for key, count in wins.items()},
        lab={truth: _rate(count, totals[truth]) for truth, count in any_wins.items()},
        gates={key: _rate(count, totals[key[0]]) for key, count in counts.items()},
        passed=tuple(passed),
    )


def _rate(count: int, of: int) -> Rate:
    return Rate(count, of, *binomial_interval(count, of))
