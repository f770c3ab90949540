"""How each gate comes to its answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from argus.lab.evidence import Evidence
from argus.lab.stress.paths import KillRule

__all__ = ["JUDGES", "Judgement"]

Judgement = tuple[bool | None, float, str]
"""Whether it passed (None: too little to judge), the figure, the sentence."""


def _data_complete(evidence: Evidence, threshold: float) -> Judgement:
    if not evidence.completeness:
        return None, math.nan, "How complete the data are was not measured, so it cannot be relied on."
    symbol = min(evidence.completeness, key=lambda name: (evidence.completeness or {})[name])
    share = evidence.completeness[symbol]
    word = "enough" if share >= threshold else "too little"
    return share >= threshold, share, f"{symbol} has {share:.1%} of the bars its calendar expects: {word}."


def _look_ahead(evidence: Evidence, threshold: float) -> Judgement:
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


def _minimum_trades(evidence: Evidence, threshold: float) -> Judgement:
    word = "enough" if evidence.trades >= threshold else "too few"
    return (
        evidence.trades >= threshold,
        float(evidence.trades),
        f"{evidence.trades} closed trades out of sample, {word} (at least {threshold:g}).",
    )


def _walk_forward(evidence: Evidence, threshold: float) -> Judgement:
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


def _cost(evidence: Evidence, threshold: float, multiplier: str) -> Judgement:
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


def _cost_1_25x(evidence: Evidence, threshold: float) -> Judgement:
    return _cost(evidence, threshold, "1.25")


def _cost_1_5x(evidence: Evidence, threshold: float) -> Judgement:
    return _cost(evidence, threshold, "1.5")


def _bootstrap(evidence: Evidence, threshold: float) -> Judgement:
    drawn = evidence.bootstrap
    if drawn is None or drawn.trades < 10:
        return None, math.nan, "There are fewer than ten trades to draw from."
    rule = KillRule()
    final = drawn.at("final_pnl", rule.bad_share)
    fall = drawn.at("drawdown_fraction", round(1.0 - rule.bad_share, 2))
    bearable = (
        drawn.ruin_probability <= rule.ruin_max
        and fall <= rule.bad_drawdown_max
        and drawn.survival_share >= rule.survival_min
    )
    passed = final > threshold and bearable
    verb = "earned at least" if final > 0 else "lost"
    return (
        passed,
        final,
        (
            f"Of {drawn.paths:,} redrawn paths, the {rule.bad_share:.0%} mark {verb} {abs(final):,.0f}, "
            f"{drawn.ruin_probability:.1%} were ruined, and one in ten fell by more than {fall:.0%}: "
            f"{'bearable' if passed else 'killed'}."
        ),
    )


def _deflated_sharpe(evidence: Evidence, threshold: float) -> Judgement:
    value = evidence.deflated_sharpe
    if not math.isfinite(value):
        return None, math.nan, "There is no Sharpe ratio to deflate."
    looks = "1 trial" if evidence.trials == 1 else f"{evidence.trials} trials"
    if evidence.deflated_walk == value:
        walks = "the only walk" if evidence.walks == 1 else f"the best of {evidence.walks} walks"
        told = (
            f"As {walks} on these data, the chance that the account is truly above what luck would show is {value:.1%}."
        )
    else:
        told = (
            f"After {looks} luck alone would show a Sharpe ratio of {evidence.sharpe_by_luck_annual:.2f}; the chance "
            f"that the chosen set is truly above it is {value:.1%}."
        )
    return value >= threshold, value, told


def _benchmark(evidence: Evidence, threshold: float) -> Judgement:
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


def _own_limits(evidence: Evidence, threshold: float) -> Judgement:
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


JUDGES: Final[Mapping[str, Callable[[Evidence, float], Judgement]]] = {
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
"""Gates that need more than one figure; the others compare theirs with their threshold."""
