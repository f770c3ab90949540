"""What a calibration found: a line for every search and gate, and the rates that follow from it.

Every answer of every gate is kept with the figure that it judged. So a verdict without one gate, or with another
threshold, is worked out from the table, and nothing is replayed. How answers make a verdict is read off the table too:
an answer that stands in a search that was called deployable does not stop one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final

from argus.core.errors import ConfigError, DataError
from argus.lab.calibration.cases import Answer, Case, CaseResult

__all__ = ["Ablated", "CalibrationTable", "PowerPoint", "Rate", "binomial_interval", "rate"]

NO_EDGE: Final = "no edge"
ALL_EDGES: Final = "all edges"
_OF_CASE: Final = tuple(field.name for field in fields(Case))


@dataclass(frozen=True, slots=True)
class Rate:
    """A count out of a number, with its exact 95 % interval."""

    count: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The observed share; NaN out of none."""
        return self.count / self.of if self.of else math.nan

    @property
    def told(self) -> str:
        """In words: count, share and interval."""
        if not self.of:
            return "none"
        return f"{self.count} of {self.of} ({self.share:.1%}, 95 % interval {self.low:.1%} to {self.high:.1%})"


def rate(count: int, of: int) -> Rate:
    """A rate with its interval; of none, anything is possible."""
    return Rate(count, of, *(binomial_interval(count, of) if of else (0.0, 1.0)))


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


@dataclass(frozen=True, slots=True)
class Ablated:
    """What a gate does for the verdict.

    Attributes
    ----------
    gate : str
    stops : bool
        Whether a search that does not pass it is not deployable.
    passed_no_edge, passed_edge : Rate
        Searches that pass it alone, among those without an edge and those that are required to be found.
    fooled_without, found_without : Rate
        Searches called deployable if it were not there.
    only_it_stopped, only_it_lost : int
        Searches without and with an edge that this gate alone stopped: what it earns, and what it costs.
    """

    gate: str
    stops: bool
    passed_no_edge: Rate
    passed_edge: Rate
    fooled_without: Rate
    found_without: Rate
    only_it_stopped: int
    only_it_lost: int


@dataclass(frozen=True, slots=True)
class PowerPoint:
    """How often an edge of one kind and strength is found on markets of one length; `years` 0 is all of them."""

    edge: str
    sharpe: float
    years: int
    found: Rate


@dataclass(frozen=True, eq=False)
class CalibrationTable:
    """Cases with what became of them, in the order of the plan.

    Attributes
    ----------
    cases : tuple of Case
    results : tuple of CaseResult
        One for each case.

    Raises
    ------
    DataError
        If cases and results are not of one another.
    """

    cases: tuple[Case, ...]
    results: tuple[CaseResult, ...]

    def __post_init__(self) -> None:
        names = [case.name for case in self.cases]
        if len(set(names)) != len(names) or names != [result.case for result in self.results]:
            raise DataError(
                f"a calibration of {len(names)} cases has {len(self.results)} results; one for each is needed, in "
                "their order"
            )

    # ---- verdicts

    @cached_property
    def gates(self) -> tuple[str, ...]:
        """Names of the gates, in their order."""
        return tuple(dict.fromkeys(answer.gate for result in self.results for answer in result.answers))

    @cached_property
    def harmless(self) -> frozenset[tuple[str, bool | None]]:
        """(gate, answer) that stand in a search which was called deployable all the same."""
        return frozenset(
            (answer.gate, answer.passed)
            for result in self.results
            if result.deployable
            for answer in result.answers
            if answer.passed is not True
        )

    @cached_property
    def unexplained(self) -> int:
        """Searches whose recorded verdict does not follow from their answers; 0 unless verdicts have other reasons."""
        return sum(self._verdict(result, (), {}) != result.deployable for result in self.results)

    def deployable(
        self, *, without: Collection[str] = (), thresholds: Mapping[str, float] | None = None
    ) -> tuple[bool, ...]:
        """The verdict of every search, without some gates or at other thresholds.

        Raises
        ------
        ConfigError
            For a gate that is not known, or a threshold that the answers cannot be worked out for: a softer one, where
            the gate asks for more than its figure shows.
        """
        moved = dict(thresholds or {})
        for name in (*without, *moved):
            if name not in self.gates:
                raise ConfigError(f"calibration: no gate {name!r}; the table has {', '.join(self.gates)}")
        for name, threshold in moved.items():
            self._check_movable(name, threshold)
        return tuple(self._verdict(result, without, moved) for result in self.results)

    def _verdict(self, result: CaseResult, without: Collection[str], moved: Mapping[str, float]) -> bool:
        if result.error or not result.answers:
            return False
        return not any(
            self._stops(answer.gate, self._moved(answer, moved[answer.gate]) if answer.gate in moved else answer.passed)
            for answer in result.answers
            if answer.gate not in without
        )

    def _stops(self, gate: str, passed: bool | None) -> bool:
        return passed is not True and (gate, passed) not in self.harmless

    # ---- thresholds

    @cached_property
    def _senses(self) -> Mapping[str, int]:
        """Gate to the side of its threshold on which figures pass: 1 above, -1 below."""
        senses = {}
        for gate in self.gates:
            known = [a for a in self._answers(gate) if a.passed is not None and math.isfinite(a.value)]
            wins = [math.copysign(1.0, a.value - a.threshold) for a in known if a.passed and a.value != a.threshold]
            losses = [
                math.copysign(1.0, a.threshold - a.value) for a in known if not a.passed and a.value != a.threshold
            ]
            votes = sum(wins) if wins else sum(losses)
            senses[gate] = -1 if votes < 0 else 1
        return senses

    def _answers(self, gate: str) -> Iterator[Answer]:
        return (answer for result in self.results for answer in result.answers if answer.gate == gate)

    def has_one_condition(self, gate: str) -> bool:
        """Whether the figure of a gate and its threshold say all there is to its answers."""
        sense = self._senses[gate]
        return not any(
            answer.passed is False and sense * (answer.value - answer.threshold) > 0.0 for answer in self._answers(gate)
        )

    def is_movable(self, gate: str, threshold: float) -> bool:
        """Whether the table says what the gate would answer at another threshold."""
        strictest = max((self._senses[gate] * answer.threshold for answer in self._answers(gate)), default=0.0)
        return self._senses[gate] * threshold >= strictest or self.has_one_condition(gate)

    def _check_movable(self, gate: str, threshold: float) -> None:
        if not math.isfinite(threshold):
            raise ConfigError(f"calibration: threshold of {gate} is {threshold}; give a number")
        if not self.is_movable(gate, threshold):
            raise ConfigError(
                f"calibration: gate {gate} asks for more than its figure, so what it would say at the softer threshold "
                f"{threshold:g} is not in the table; calibrate again with it"
            )

    def _moved(self, answer: Answer, threshold: float) -> bool | None:
        if answer.passed is None or threshold == answer.threshold:
            return answer.passed
        side = self._senses[answer.gate] * (answer.value - threshold)
        softer = self._senses[answer.gate] * (threshold - answer.threshold) < 0.0
        return side >= 0.0 and (answer.passed or softer)

    # ---- rates

    def rate(
        self,
        group: str | None = None,
        *,
        edge: bool | None = None,
        without: Collection[str] = (),
        thresholds: Mapping[str, float] | None = None,
    ) -> Rate:
        """Share of searches called deployable.

        Parameters
        ----------
        group : str or None
            Of one group; None is all that are required.
        edge : bool or None
            Of those with, or without, an edge.
        without, thresholds
            As in `deployable`.
        """
        said = self.deployable(without=without, thresholds=thresholds)
        chosen = [yes for case, yes in zip(self.cases, said, strict=True) if _belongs(case, group, edge)]
        return rate(sum(chosen), len(chosen))

    def gate_rate(self, gate: str, group: str | None = None, edge: bool | None = None) -> Rate:
        """Share of searches that pass one gate; what could not be judged is not passed."""
        chosen = [
            any(answer.gate == gate and answer.passed is True for answer in result.answers)
            for case, result in zip(self.cases, self.results, strict=True)
            if _belongs(case, group, edge)
        ]
        return rate(sum(chosen), len(chosen))

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, in the order of the plan."""
        return tuple(dict.fromkeys(case.group for case in self.cases))

    def by(self, column: str, group: str | None = None, edge: bool | None = None) -> Mapping[Any, Rate]:
        """Rates by a column of the cases: strategy, years, cost_ticks, vol_annual or mood."""
        if column not in _OF_CASE:
            raise ConfigError(f"calibration: cases have no column {column!r}; known: {', '.join(_OF_CASE)}")
        counts: dict[Any, list[bool]] = {}
        for case, result in zip(self.cases, self.results, strict=True):
            if _belongs(case, group, edge):
                counts.setdefault(getattr(case, column), []).append(result.deployable)
        return {value: rate(sum(said), len(said)) for value, said in sorted(counts.items())}

    def ablation(self) -> tuple[Ablated, ...]:
        """What each gate does, over the required cases."""
        rows = []
        now = self.deployable()
        for gate in self.gates:
            then = self.deployable(without=(gate,))
            freed = [
                case.has_edge
                for case, before, after in zip(self.cases, now, then, strict=True)
                if case.is_required and after and not before
            ]
            rows.append(
                Ablated(
                    gate=gate,
                    stops=any(self._stops(gate, answer) for answer in (False, None)),
                    passed_no_edge=self.gate_rate(gate, edge=False),
                    passed_edge=self.gate_rate(gate, edge=True),
                    fooled_without=self.rate(edge=False, without=(gate,)),
                    found_without=self.rate(edge=True, without=(gate,)),
                    only_it_stopped=freed.count(False),
                    only_it_lost=freed.count(True),
                )
            )
        return tuple(rows)

    def power_curve(self) -> tuple[PowerPoint, ...]:
        """How often each planted edge is found, by its strength, over all lengths (0) and by length.

        Where there are several edges, `ALL_EDGES` takes them together.
        """
        cells: dict[tuple[str, float, int], list[bool]] = {}
        planted = [(c, r) for c, r in zip(self.cases, self.results, strict=True) if c.is_required and c.has_edge]
        is_one = len({case.edge for case, _ in planted}) == 1
        for case, result in planted:
            for edge in (case.edge,) if is_one else (case.edge, ALL_EDGES):
                for years in (0, case.years):
                    cells.setdefault((edge, case.sharpe, years), []).append(result.deployable)
        order = sorted(cells, key=lambda cell: (cell[0] == ALL_EDGES, cell))
        return tuple(PowerPoint(*cell, rate(sum(cells[cell]), len(cells[cell]))) for cell in order)

    def threshold_curve(self, gate: str, thresholds: Sequence[float]) -> tuple[tuple[float, Rate, Rate], ...]:
        """(threshold, fooled, found) of one gate at several thresholds, all others as they are."""
        return tuple(
            (at, self.rate(edge=False, thresholds={gate: at}), self.rate(edge=True, thresholds={gate: at}))
            for at in thresholds
        )

    # ---- rows

    def rows(self) -> list[dict[str, Any]]:
        """A row for every search and gate; a search that could not be judged has one, without a gate."""
        rows = []
        for case, result in zip(self.cases, self.results, strict=True):
            told = {
                **{name: getattr(case, name) for name in _OF_CASE},
                "deployable": result.deployable,
                "error": result.error,
                **{name: result.figures.get(name, math.nan) for name in FIGURES},
            }
            for answer in result.answers or (Answer("", None, math.nan, math.nan),):
                rows.append(
                    {
                        **told,
                        "gate": answer.gate,
                        "passed": answer.passed,
                        "value": answer.value,
                        "threshold": answer.threshold,
                    }
                )
        return rows

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> CalibrationTable:
        """The table of rows that `rows` gave."""
        cases: dict[str, Case] = {}
        answers: dict[str, list[Answer]] = {}
        last: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            case = Case(**{name: row[name] for name in _OF_CASE})
            cases[case.name], last[case.name] = case, row
            found = answers.setdefault(case.name, [])
            if row["gate"]:
                found.append(Answer(row["gate"], row["passed"], float(row["value"]), float(row["threshold"])))
        results = tuple(
            CaseResult(
                name,
                bool(last[name]["deployable"]),
                tuple(answers[name]),
                {figure: float(last[name][figure]) for figure in FIGURES} if answers[name] else {},
                str(last[name]["error"]),
            )
            for name in cases
        )
        return cls(tuple(cases.values()), results)


FIGURES: Final = ("sets", "sharpe_search", "sharpe_walk", "trades", "looks")
"""Figures of a search that are kept beside its answers."""


def _belongs(case: Case, group: str | None, edge: bool | None) -> bool:
    chosen = case.is_required if group is None else case.group == group
    return chosen and (edge is None or case.has_edge == edge)
