"""The gates: what a strategy must pass before anybody may trade it, each a question with a threshold and a reason.

A gate that cannot be answered is not passed: too little evidence is no evidence. The verdict is deployable only if
every gate passes; no score can make up for one. Some gates are not negotiable: their thresholds can be made stricter,
never softer. The thresholds are set so that on markets without an edge almost nothing gets through and a true edge
mostly does; both rates are measured (`argus.lab.calibration.cases`), not believed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from argus.lab._gate_judges import JUDGES, Judgement
from argus.lab.evidence import Evidence, Figure

__all__ = ["GATES", "HOLD_OUT", "Evidence", "Figure", "Gate", "GateResult", "apply_gates", "gates_with", "judge"]

Sense = Literal["above", "at least", "at most"]


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate as declared.

    Attributes
    ----------
    name : str
    question : str
        What it asks, in plain words.
    threshold : float
        Default bound of the value that it judges.
    reason : str
        Why the bound lies there.
    how_to_read : str
        What the value means.
    fooled : str
        How it can be fooled.
    sense : str
        On which side of the threshold a value passes: above, at least, at most.
    is_negotiable : bool
        Whether its threshold may be softened.
    """

    name: str
    question: str
    threshold: float
    reason: str
    how_to_read: str
    fooled: str
    sense: Sense = "above"
    is_negotiable: bool = True

    def passes(self, value: float) -> bool:
        """Whether a value is on the right side of the threshold; NaN never is."""
        if self.sense == "at most":
            return value <= self.threshold
        return value >= self.threshold if self.sense == "at least" else value > self.threshold

    def is_softer(self, threshold: float) -> bool:
        """Whether another threshold would let more through."""
        return threshold > self.threshold if self.sense == "at most" else threshold < self.threshold


@dataclass(frozen=True, slots=True)
class GateResult:
    """The answer of a gate.

    Attributes
    ----------
    name : str
    passed : bool or None
        None: there was too little to judge, which is not a pass.
    value, threshold : float
        What was measured (NaN if nothing) and what was asked for.
    sentence : str
        The answer in one plain sentence.
    how_to_read : str
    default : float
        The threshold that Argus comes with; another one was set by somebody.
    is_negotiable : bool
    """

    name: str
    passed: bool | None
    value: float
    threshold: float
    sentence: str
    how_to_read: str
    default: float = math.nan
    is_negotiable: bool = True

    @property
    def status(self) -> Literal["pass", "fail", "insufficient"]:
        """The answer in a word."""
        return "insufficient" if self.passed is None else "pass" if self.passed else "fail"


GATES: Final = (
    Gate(
        "data_complete",
        "Are the prices all there?",
        0.98,
        "A hole of more than a fiftieth can hide exactly the days that matter.",
        "Share of the calendar's bars that the data hold, of the worst instrument. Thin markets have fewer by nature.",
        "Bars that are there but wrong: it counts bars, the quality gates of the data look into them.",
        "at least",
        is_negotiable=False,
    ),
    Gate(
        "look_ahead",
        "Does the strategy decide the same when the future is replaced by noise?",
        1.0,
        "One decision that changes is proof that the strategy knew what it could not know.",
        "Share of cut points at which no decision before the cut moved. It tests the cuts it makes, not every instant.",
        "A leak that is not active at any of the cuts, and hindsight in the choice of the instruments.",
        "at least",
        is_negotiable=False,
    ),
    Gate(
        "risk_caps",
        "Did the account keep to its limits?",
        0.0,
        "A result that needed a margin call or a halt to survive is not a result that anybody will trade.",
        "Liquidations by the broker, and orders ended by the drawdown limit, in the out-of-sample account.",
        "Limits so wide that nothing could ever touch them.",
        "at most",
        is_negotiable=False,
    ),
    Gate(
        "minimum_trades",
        "Are there enough trades to speak of statistics?",
        30.0,
        "Below about thirty, one or two lucky trades make the result, and no interval is worth its name.",
        "Closed round trips out of sample. Many trades that all held the same move are fewer than they look.",
        "One idea cut into many small trades.",
        "at least",
    ),
    Gate(
        "walk_forward",
        "Does it earn on data that played no part in choosing it?",
        0.3,
        "Less than 0.3 a year out of sample is not worth the risk of being wrong, and most folds must agree.",
        "Annual Sharpe ratio of the stitched out-of-sample account; more than half of the folds must make money too.",
        "A strategy that was invented after its author had seen the whole chart: its folds were never unseen.",
    ),
    Gate(
        "fold_concentration",
        "Is there a profit without the best test window?",
        0.0,
        "An edge that one window paid is one event.",
        "Share of the out-of-sample profit that is left when the best test window is taken out.",
        "Windows so long that each holds several events.",
        is_negotiable=False,
    ),
    Gate(
        "regime_concentration",
        "Is there a profit without the kind of market that suited it best?",
        0.0,
        "What works only in one kind of market is a bet on that kind of market coming back.",
        "Share of the profit left without the best regime, of the worst of several ways to tell regimes apart.",
        "A regime that the labels do not know.",
        is_negotiable=False,
    ),
    Gate(
        "cost_1_25x",
        "Does it still earn if trading costs a quarter more than assumed?",
        0.0,
        "Costs are underestimated more often than not.",
        "Net P&L of the same account at 1.25 times fees and slippage, in currency.",
        "Costs stated too low: where they are below what is customary, the customary ones are stressed.",
    ),
    Gate(
        "cost_1_5x",
        "Does it still earn if trading costs half as much again?",
        0.0,
        "An edge that half as much cost again removes is an edge of the cost model.",
        "Net P&L of the same account at 1.5 times fees and slippage, in currency.",
        "Orders so large that they would move the market: capacity is another question.",
        is_negotiable=False,
    ),
    Gate(
        "perturbation",
        "Does it still earn when prices are shaken within the spread and bars go missing?",
        0.0,
        "A profit that hangs on exact prices or single bars is a profit of the data file.",
        "Lowest annual Sharpe ratio of the same account on shaken prices and with bars left out.",
        "Nothing that shaking within the spread could show, such as a wrong roll.",
    ),
    Gate(
        "bootstrap",
        "Had the same trades come in another order and number, would it still have earned, and survived?",
        0.0,
        "Kill rule: nine paths in ten may not lose, more than 1 % may not fall below half of the capital, and one path "
        "in ten may not fall by more than half of its peak.",
        "10th percentile of the final P&L over redrawn paths. A crash that is not in the sample cannot be drawn.",
        "Trades that all came from one good time: redrawing them redraws that time.",
    ),
    Gate(
        "deflated_sharpe",
        "Is the Sharpe ratio more than the best of all the trials would show by luck?",
        0.95,
        "One chance in twenty of being fooled is the convention; the number of trials comes from the ledger.",
        "Probability that the true Sharpe ratio exceeds the luck of so many trials. Trials made elsewhere are unknown.",
        "Trials that were made in another program, in another workspace, or in the head.",
        "at least",
    ),
    Gate(
        "overfitting",
        "Does what was best in one half of the data also earn in the other half?",
        0.2,
        "If more than one in five halves would have chosen a loser, choosing is guessing. The probability of "
        "overfitting (PBO) is told beside it and not judged: it asks for the rank among all sets, and sets that are "
        "equally good rank by chance, so that a broad plateau shows one half as noise does.",
        "Share of all ways to halve the data in which the parameters best in one half lose money in the other (CSCV). "
        "Beside it PBO: the share in which they come out at the middle of all sets or below. PBO near one half with "
        "few losses is a plateau, with losses in every second half it is noise.",
        "A market that rose all the time: everything that was long earns in every half.",
        "at most",
    ),
    Gate(
        "data_snooping",
        "Could the best of all these parameter sets be the luckiest of many worthless ones?",
        0.05,
        "Five in a hundred is the convention of the tests of superior predictive ability.",
        "p-value of the chosen set, corrected for every other one that was run (stepwise, of Romano and Wolf).",
        "Parameter sets that were tried and not kept. The ledger counts runs, not thoughts.",
        "at most",
    ),
    Gate(
        "benchmark",
        "Does it earn something that holding the instrument at the same risk does not?",
        1.282,
        "A t of 1.282 (one-sided 90 %) says that something is left beside holding; the Sharpe ratio must win too.",
        "t-statistic of the alpha of session returns against holding, with errors robust to serial correlation.",
        "A premium of another market that holding this one does not show.",
    ),
    Gate(
        "own_limits",
        "Does it stay within the limits that it set itself?",
        1.0,
        "A strategy that trades more than its author thought is not the strategy that the author thought of.",
        "The larger of turnover and parameter count, each as a share of its stated maximum.",
        "Limits set after the result was seen: they are part of the strategy's version.",
        "at most",
    ),
)
"""Every gate, in the order in which a scorecard shows them."""

HOLD_OUT: Final = Gate(
    "hold_out",
    "Does it earn on the data that nobody had looked at?",
    0.0,
    "The one test that cannot be repeated: what it shows was chosen by nobody.",
    "Annual Sharpe ratio of one replay on the hold-out; it must not be far below what the walk had promised either.",
    "A hold-out that was looked at before, by anybody, with any strategy.",
    is_negotiable=False,
)
"""Asked once, when the hold-out of an experiment is opened."""


def gates_with(thresholds: Mapping[str, float]) -> tuple[Gate, ...]:
    """The gates with some thresholds changed.

    Raises
    ------
    ConfigError
        For a gate that does not exist, a threshold that is not a number, or a softer one where that is not negotiable.
    """
    from argus.core.errors import ConfigError

    known = {gate.name: gate for gate in GATES}
    unknown = sorted(set(thresholds) - set(known))
    if unknown:
        raise ConfigError(f"there is no gate {', '.join(unknown)}; known: {', '.join(known)}")
    for name, threshold in thresholds.items():
        gate = known[name]
        if isinstance(threshold, bool) or not math.isfinite(threshold):
            raise ConfigError(f"gate {name}: threshold {threshold} is not a number; give one, or leave it out")
        if not gate.is_negotiable and gate.is_softer(threshold):
            raise ConfigError(
                f"gate {name} is not negotiable: its threshold {gate.threshold:g} can be made stricter, and "
                f"{threshold:g} is softer"
            )
    return tuple(replace(gate, threshold=float(thresholds.get(gate.name, gate.threshold))) for gate in GATES)


def apply_gates(evidence: Evidence, gates: Sequence[Gate] = GATES) -> tuple[GateResult, ...]:
    """Put the evidence before every gate."""
    return tuple(judge(gate, _judgement(gate, evidence)) for gate in gates)


def judge(gate: Gate, judgement: Judgement) -> GateResult:
    """The answer of a gate whose judgement is known."""
    passed, value, sentence = judgement
    defaults = {one.name: one.threshold for one in (*GATES, HOLD_OUT)}
    return GateResult(
        gate.name,
        passed,
        value,
        gate.threshold,
        sentence,
        gate.how_to_read,
        defaults.get(gate.name, gate.threshold),
        gate.is_negotiable,
    )


def _judgement(gate: Gate, evidence: Evidence) -> Judgement:
    if gate.name in JUDGES:
        return JUDGES[gate.name](evidence, gate.threshold)
    figure = evidence.measured.get(gate.name)
    if figure is None:
        return None, math.nan, "It was not measured, so nothing is known about it."
    return gate.passes(figure.value) if math.isfinite(figure.value) else None, figure.value, figure.sentence
