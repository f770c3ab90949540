"""The gates: what a strategy must pass before anybody may trade it, each a question with a threshold and a reason.

A gate that cannot be answered is not passed: too little evidence is no evidence. The verdict is deployable only if
every gate passes. The thresholds are set so that on markets without an edge almost nothing gets through and a true edge
mostly does; both rates are measured (`argus.lab.calibration`), not believed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from argus.lab.bootstrap import BootstrapResult

__all__ = ["GATES", "Evidence", "Gate", "GateResult", "apply_gates", "gates_with"]


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
        What the value means and what to distrust about it.
    """

    name: str
    question: str
    threshold: float
    reason: str
    how_to_read: str


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
    """

    name: str
    passed: bool | None
    value: float
    threshold: float
    sentence: str
    how_to_read: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gates judge, all of it out of sample unless it says otherwise.

    Attributes
    ----------
    sharpe_annual : float
    sharpe_annual_error : float
    folds_positive, folds : int
        Test windows that made money, and all of them.
    net_by_cost : mapping
        Cost multiplier to net P&L in currency units.
    bootstrap : BootstrapResult or None
        None without trades.
    deflated_sharpe : float
    trials : int
    sharpe_by_luck_annual : float
        What the best of so many worthless trials would show.
    alpha_annual, alpha_t, hold_sharpe_annual : float
        Against holding the instruments.
    trades : int
        Closed round trips.
    cuts_clean, cuts : int
        Look-ahead audit: cut points at which nothing before moved, and all of them.
    completeness : mapping or None
        Symbol to the share of the calendar's bars that are there; None if it was not measured.
    parameter_count, parameter_count_max : int
    turnover_annual, turnover_annual_max : float
    """

    sharpe_annual: float
    sharpe_annual_error: float
    folds_positive: int
    folds: int
    net_by_cost: Mapping[str, float]
    bootstrap: BootstrapResult | None
    deflated_sharpe: float
    trials: int
    sharpe_by_luck_annual: float
    alpha_annual: float
    alpha_t: float
    hold_sharpe_annual: float
    trades: int
    cuts_clean: int
    cuts: int
    completeness: Mapping[str, float] | None
    parameter_count: int
    parameter_count_max: int
    turnover_annual: float
    turnover_annual_max: float


BOOTSTRAP_LEVEL: Final = 0.05
RUIN_MAX: Final = 0.01
DRAWDOWN_MAX: Final = 0.5

GATES: Final = (
    Gate(
        "data_complete",
        "Are the prices all there?",
        0.98,
        "A hole of more than a fiftieth can hide exactly the days that matter.",
        "Share of the calendar's bars that the data hold, of the worst instrument. Thin markets have fewer by nature.",
    ),
    Gate(
        "look_ahead",
        "Does the strategy decide the same when the future is replaced by noise?",
        1.0,
        "One decision that changes is proof that the strategy knew what it could not know.",
        "Share of cut points at which no decision before the cut moved. It tests the cuts it makes, not every instant.",
    ),
    Gate(
        "minimum_trades",
        "Are there enough trades to speak of statistics?",
        30.0,
        "Below about thirty, one or two lucky trades make the result, and no interval is worth its name.",
        "Closed round trips out of sample. Many trades that all held the same move are fewer than they look.",
    ),
    Gate(
        "walk_forward",
        "Does it earn on data that played no part in choosing it?",
        0.3,
        "Less than 0.3 a year out of sample is not worth the risk of being wrong, and most folds must agree.",
        "Annual Sharpe ratio of the stitched out-of-sample account; more than half of the folds must make money too.",
    ),
    Gate(
        "cost_1_25x",
        "Does it still earn if trading costs a quarter more than assumed?",
        0.0,
        "Costs are underestimated more often than not.",
        "Net P&L of the same account at 1.25 times fees and slippage, in currency.",
    ),
    Gate(
        "cost_1_5x",
        "Does it still earn if trading costs half as much again?",
        0.0,
        "An edge that half as much cost again removes is an edge of the cost model.",
        "Net P&L of the same account at 1.5 times fees and slippage, in currency.",
    ),
    Gate(
        "bootstrap",
        "Had the same trades come in another order and number, would it still have earned, and survived?",
        0.0,
        "Kill rule: the 5 % worst paths may not lose, more than 1 % may not fall below half of the capital, and one "
        "path in twenty may not fall by more than half of its peak.",
        "5th percentile of the final P&L over redrawn paths. A crash that is not in the sample cannot be drawn.",
    ),
    Gate(
        "deflated_sharpe",
        "Is the Sharpe ratio more than the best of all the trials would show by luck?",
        0.95,
        "One chance in twenty of being fooled is the convention; the number of trials comes from the ledger.",
        "Probability that the true Sharpe ratio exceeds the luck of so many trials. Trials made elsewhere are unknown.",
    ),
    Gate(
        "benchmark",
        "Does it earn something that holding the instrument at the same risk does not?",
        1.645,
        "A t of 1.645 (one-sided 95 %) says that something is left beside holding; the Sharpe ratio must win too.",
        "t-statistic of the alpha of session returns against holding, with errors robust to serial correlation.",
    ),
    Gate(
        "own_limits",
        "Does it stay within the limits that it set itself?",
        1.0,
        "A strategy that trades more than its author thought is not the strategy that the author thought of.",
        "The larger of turnover and parameter count, each as a share of its stated maximum.",
    ),
)
"""Every gate, in the order in which a scorecard shows them."""


def gates_with(thresholds: Mapping[str, float]) -> tuple[Gate, ...]:
    """The gates with some thresholds changed.

    Raises
    ------
    ConfigError
        For a gate that does not exist.
    """
    from argus.core.errors import ConfigError

    unknown = sorted(set(thresholds) - {gate.name for gate in GATES})
    if unknown:
        raise ConfigError(f"there is no gate {', '.join(unknown)}; known: {', '.join(gate.name for gate in GATES)}")
    return tuple(replace(gate, threshold=float(thresholds.get(gate.name, gate.threshold))) for gate in GATES)


def apply_gates(evidence: Evidence, gates: Sequence[Gate] = GATES) -> tuple[GateResult, ...]:
    """Put the evidence before every gate."""
    results = []
    for gate in gates:
        passed, value, sentence = _JUDGES[gate.name](evidence, gate.threshold)
        results.append(GateResult(gate.name, passed, value, gate.threshold, sentence, gate.how_to_read))
    return tuple(results)


_Judgement = tuple[bool | None, float, str]


def _data_complete(evidence: Evidence, threshold: float) -> _Judgement:
    if not evidence.completeness:
        return None, math.nan, "How complete the data are was not measured, so it cannot be relied on."
    symbol = min(evidence.completeness, key=lambda name: (evidence.completeness or {})[name])
    share = evidence.completeness[symbol]
    word = "enough" if share >= threshold else "too little"
    return share >= threshold, share, f"{symbol} has {share:.1%} of the bars its calendar expects: {word}."


def _look_ahead(evidence: Evidence, threshold: float) -> _Judgement:
    if not evidence.cuts:
        return None, math.nan, "The look-ahead audit did not run, so nothing is known about it."
    share = evidence.cuts_clean / evidence.cuts
    if share >= threshold:
        return True, share, f"With the future replaced by noise at {evidence.cuts} dates, no earlier decision changed."
    return (
        False,
        share,
        (
            f"With the future replaced by noise, earlier decisions changed at {evidence.cuts - evidence.cuts_clean} of "
            f"{evidence.cuts} dates: the strategy sees the future."
        ),
    )


def _minimum_trades(evidence: Evidence, threshold: float) -> _Judgement:
    word = "enough" if evidence.trades >= threshold else "too few"
    return (
        evidence.trades >= threshold,
        float(evidence.trades),
        f"{evidence.trades} closed trades out of sample, {word} (at least {threshold:g}).",
    )


def _walk_forward(evidence: Evidence, threshold: float) -> _Judgement:
    ratio = evidence.sharpe_annual
    if not math.isfinite(ratio) or not evidence.folds:
        return None, math.nan, "It never traded out of sample."
    majority = 2 * evidence.folds_positive > evidence.folds
    passed = ratio > threshold and majority
    return (
        passed,
        ratio,
        (
            f"Out of sample the Sharpe ratio is {ratio:.2f} a year (plus or minus {evidence.sharpe_annual_error:.2f}) "
            f"and {evidence.folds_positive} of {evidence.folds} folds made money: "
            f"{'that holds' if passed else 'not enough'}."
        ),
    )


def _cost(evidence: Evidence, threshold: float, multiplier: str) -> _Judgement:
    net = evidence.net_by_cost.get(multiplier)
    if net is None:
        return None, math.nan, f"The run at {multiplier} times the costs is missing."
    if not evidence.trades:
        return None, net, "Without trades there are no costs to stress."
    passed = net > threshold
    verb = "earns" if net > 0 else "loses"
    return (
        passed,
        net,
        f"At {multiplier} times the costs it {verb} {abs(net):,.0f}{'' if passed else ': the edge is gone'}.",
    )


def _cost_1_25x(evidence: Evidence, threshold: float) -> _Judgement:
    return _cost(evidence, threshold, "1.25")


def _cost_1_5x(evidence: Evidence, threshold: float) -> _Judgement:
    return _cost(evidence, threshold, "1.5")


def _bootstrap(evidence: Evidence, threshold: float) -> _Judgement:
    drawn = evidence.bootstrap
    if drawn is None or drawn.trades < 10:
        return None, math.nan, "There are fewer than ten trades to draw from."
    final = drawn.at("final_pnl", BOOTSTRAP_LEVEL)
    fall = drawn.at("drawdown_fraction", 1.0 - BOOTSTRAP_LEVEL)
    passed = final > threshold and drawn.ruin_probability <= RUIN_MAX and fall <= DRAWDOWN_MAX
    verb = "earned at least" if final > 0 else "lost"
    return (
        passed,
        final,
        (
            f"Of {drawn.paths:,} redrawn paths, the {BOOTSTRAP_LEVEL:.0%} mark {verb} {abs(final):,.0f}, "
            f"{drawn.ruin_probability:.1%} were ruined, and one in twenty fell by more than {fall:.0%}: "
            f"{'bearable' if passed else 'killed'}."
        ),
    )


def _deflated_sharpe(evidence: Evidence, threshold: float) -> _Judgement:
    value = evidence.deflated_sharpe
    if not math.isfinite(value):
        return None, math.nan, "There is no Sharpe ratio to deflate."
    looks = "1 trial" if evidence.trials == 1 else f"{evidence.trials} trials"
    return (
        value >= threshold,
        value,
        (
            f"After {looks} luck alone would show a Sharpe ratio of {evidence.sharpe_by_luck_annual:.2f}; the chance "
            f"that this one is truly above it is {value:.1%}."
        ),
    )


def _benchmark(evidence: Evidence, threshold: float) -> _Judgement:
    if not math.isfinite(evidence.alpha_t) or not math.isfinite(evidence.hold_sharpe_annual):
        return None, math.nan, "It could not be compared with holding: one of the two never moved."
    passed = evidence.alpha_t > threshold and evidence.sharpe_annual > evidence.hold_sharpe_annual
    return (
        passed,
        evidence.alpha_t,
        (
            f"Holding has a Sharpe ratio of {evidence.hold_sharpe_annual:.2f} against {evidence.sharpe_annual:.2f}; "
            f"beside holding it earned {evidence.alpha_annual:+.1%} a year (t {evidence.alpha_t:.1f}): "
            f"{'something of its own' if passed else 'nothing that holding would not'}."
        ),
    )


def _own_limits(evidence: Evidence, threshold: float) -> _Judgement:
    if not math.isfinite(evidence.turnover_annual):
        return None, math.nan, "It never held anything, so its turnover is not known."
    turnover = evidence.turnover_annual / evidence.turnover_annual_max if evidence.turnover_annual_max > 0 else math.inf
    parameters = evidence.parameter_count / max(evidence.parameter_count_max, 1)
    value = max(turnover, parameters)
    return (
        value <= threshold,
        value,
        (
            f"It turned its position over {evidence.turnover_annual:.1f} times a year (its own limit is "
            f"{evidence.turnover_annual_max:g}) with {evidence.parameter_count} of {evidence.parameter_count_max} "
            f"parameters."
        ),
    )


_JUDGES: Final = {
    "data_complete": _data_complete,
    "look_ahead": _look_ahead,
    "minimum_trades": _minimum_trades,
    "walk_forward": _walk_forward,
    "cost_1_25x": _cost_1_25x,
    "cost_1_5x": _cost_1_5x,
    "bootstrap": _bootstrap,
    "deflated_sharpe": _deflated_sharpe,
    "benchmark": _benchmark,
    "own_limits": _own_limits,
}
