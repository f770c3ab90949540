"""Numbers as people read them: with a unit, a true minus sign, and a dash where there is nothing to say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from argus.core.time import format_ns

if TYPE_CHECKING:
    from argus.lab.evaluation import Evaluation
    from argus.lab.gates import Gate, GateResult

__all__ = [
    "EVIDENCE",
    "NOTHING",
    "cost_word",
    "count",
    "day",
    "gate_bound",
    "gate_changed",
    "gate_label",
    "gate_mark",
    "gate_question",
    "gate_threshold",
    "gate_value",
    "instant",
    "money",
    "money_short",
    "parameters",
    "percent",
    "price",
    "ratio",
    "score_part",
    "score_parts",
    "universe",
]

NOTHING: Final = "—"
"""Stands where a figure does not exist."""

_SPACE: Final = "\u00a0"
"""Keeps a unit on the line of its number."""

_SCALES: Final = ((1e9, "bn"), (1e6, "m"), (1e3, "k"))
_UNIVERSE_SHOWN: Final = 4


def _signed(text: str, sign: bool, value: float) -> str:
    if text.startswith("-"):
        # A figure that rounds to zero has no sign.
        return text[1:] if not any(digit in text for digit in "123456789") else "−" + text[1:]
    return f"+{text}" if sign and value > 0 else text


def ratio(value: float, places: int = 2, *, sign: bool = False) -> str:
    """A plain ratio, such as a Sharpe ratio."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return _signed(f"{value:,.{places}f}", sign, value)


def percent(fraction: float, places: int = 1, *, sign: bool = False) -> str:
    """A fraction as per cent."""
    return f"{ratio(fraction * 100, places, sign=sign)}{_SPACE}%" if math.isfinite(fraction) else NOTHING


def money(amount: float, currency: str = "", *, places: int = 0, sign: bool = False) -> str:
    """An amount of currency with thousands separators."""
    if not math.isfinite(amount):
        return NOTHING
    text = _signed(f"{amount:,.{places}f}", sign, amount)
    return f"{text}{_SPACE}{currency}" if currency else text


def money_short(amount: float) -> str:
    """An amount in three figures, for narrow columns: 12.3k, −4.56m."""
    if not math.isfinite(amount):
        return NOTHING
    for scale, letter in _SCALES:
        if abs(amount) >= scale:
            return _signed(f"{amount / scale:.3g}{letter}", False, amount)
    return _signed(f"{amount:.0f}", False, amount)


def count(value: float) -> str:
    """A whole number."""
    return f"{int(value):,}" if math.isfinite(value) else NOTHING


def price(value: float, tick: float) -> str:
    """A price with as many decimals as its tick has, and no fewer than two."""
    if not math.isfinite(value):
        return NOTHING
    decimals = 2
    while decimals < 8 and abs(tick * 10**decimals - round(tick * 10**decimals)) > 1e-9:
        decimals += 1
    return _signed(f"{value:,.{decimals}f}", False, value)


def cost_word(step: str) -> str:
    """A step from gross to net in words; see `CostAttribution.bridge`."""
    from argus.engine.cost_attribution import COST_WORDS

    ends = {"gross": "Before costs", "interest": "Interest of the account", "net": "After costs"}
    return ends.get(step) or COST_WORDS[step]


def day(ts_ns: int) -> str:
    """The UTC date of an instant."""
    return format_ns(ts_ns)[:10]


def instant(ts_ns: int) -> str:
    """Date and time, UTC, as short as is exact."""
    text = format_ns(ts_ns).removesuffix("Z").replace("T", " ")
    return text.removesuffix(":00") if text.endswith(":00") else text


def parameters(values: Mapping[str, object]) -> str:
    """Parameter values on one line."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()
    )


def universe(evaluation: Evaluation) -> str:
    """The instruments of a candidate; the first of many, without the family that their symbols share."""
    symbols = evaluation.universe
    if len(symbols) <= _UNIVERSE_SHOWN:
        return ", ".join(symbols)
    return f"{symbols[0].rpartition(':')[2]} and {len(symbols) - 1} more"


# ---- gates


@dataclass(frozen=True, slots=True)
class _GateForm:
    """How a gate's figure is written: heading, kind of figure, and what its unit is called."""

    label: str
    kind: str
    unit: str


_FORMS: Final[Mapping[str, _GateForm]] = {
    "data_complete": _GateForm("Data", "percent", "of the bars expected"),
    "look_ahead": _GateForm("Look-ahead", "percent", "of the cuts clean"),
    "risk_caps": _GateForm("Risk limits", "count", "breaches"),
    "minimum_trades": _GateForm("Trades", "count", "trades"),
    "walk_forward": _GateForm("Walk-forward", "ratio", "Sharpe a year"),
    "fold_concentration": _GateForm("Not one window", "percent", "left without the best window"),
    "regime_concentration": _GateForm("Not one regime", "percent", "left without the best regime"),
    "cost_1_25x": _GateForm("Costs 1.25×", "money", "net"),
    "cost_1_5x": _GateForm("Costs 1.5×", "money", "net"),
    "perturbation": _GateForm("Shaken prices", "ratio", "lowest Sharpe a year"),
    "bootstrap": _GateForm("Bootstrap", "money", "10th percentile"),
    "deflated_sharpe": _GateForm("Deflated Sharpe", "percent", "probability"),
    "overfitting": _GateForm("Overfitting", "percent", "of halves lose"),
    "data_snooping": _GateForm("Snooping", "p", "p-value"),
    "benchmark": _GateForm("Beats holding", "ratio", "t of alpha"),
    "own_limits": _GateForm("Own limits", "percent", "of its limit"),
    "hold_out": _GateForm("Hold-out", "ratio", "Sharpe a year"),
}


EVIDENCE: Final[Mapping[str, str]] = {
    "data_complete": "data",
    "look_ahead": "counted",
    "risk_caps": "drawdown",
    "minimum_trades": "histogram",
    "walk_forward": "folds",
    "fold_concentration": "folds",
    "regime_concentration": "regimes",
    "cost_1_25x": "costs",
    "cost_1_5x": "costs",
    "perturbation": "perturbed",
    "bootstrap": "kill",
    "deflated_sharpe": "luck",
    "overfitting": "logits",
    "data_snooping": "luck",
    "benchmark": "equity",
    "own_limits": "figures",
}
"""Which part of a candidate's section shows what a gate judged."""


def _form(name: str) -> _GateForm:
    return _FORMS.get(name) or _GateForm(name.replace("_", " ").capitalize(), "ratio", "")


_SCORE_PARTS: Final[Mapping[str, str]] = {
    "deflated_sharpe": "Deflated Sharpe",
    "choice": "Choice",
    "plateau": "Plateau",
    "regimes": "Regimes",
    "cost_margin": "Cost margin",
    "walk_stability": "Stability of the walk",
    "capacity": "Capacity",
}


def score_part(name: str) -> str:
    """Heading of a part of the score."""
    return _SCORE_PARTS.get(name, name)


def score_parts(score: Mapping[str, Any]) -> str:
    """The parts of a score, as plain values, on one line with their weights."""
    weights = dict(score["weights"])
    told = [
        f"{score_part(name).lower()} {ratio(value)}{' (not measured)' if name in score['missing'] else ''} "
        f"at {percent(weights[name], 0)}"
        for name, value in score["parts"]
    ]
    return f"of {', '.join(told)}: it orders those that passed every gate, and decides nothing"


def gate_label(name: str) -> str:
    """Heading of a gate's column."""
    return _form(name).label


def gate_question(name: str) -> str:
    """What a gate asks, from its declaration; empty for one that is not declared."""
    gate = _declared(name)
    return gate.question if gate else ""


def _declared(name: str) -> Gate | None:
    from argus.lab.gates import GATES, HOLD_OUT

    return next((gate for gate in (*GATES, HOLD_OUT) if gate.name == name), None)


def gate_mark(passed: bool | None) -> tuple[str, str]:
    """(mark, word) of an answer: never by colour alone."""
    if passed is None:
        return "?", "not judged"
    return ("✓", "passed") if passed else ("✕", "failed")


def _gate_figure(form: _GateForm, value: float, *, short: bool, currency: str) -> str:
    if form.kind == "percent":
        return percent(value, 0 if short and abs(value) > 0.1 else 1)
    if form.kind == "count":
        return count(value)
    if form.kind == "p":
        return f"{value:.3f}" if math.isfinite(value) else NOTHING
    if form.kind == "money":
        return money_short(value) if short else money(value, currency)
    return ratio(value)


def gate_value(result: GateResult, currency: str = "", *, short: bool = False) -> str:
    """The figure that a gate judged, with its unit unless `short`."""
    form = _form(result.name)
    figure = _gate_figure(form, result.value, short=short, currency=currency)
    return figure if short or figure == NOTHING or not form.unit else f"{figure} {form.unit}"


def gate_threshold(result: GateResult, currency: str = "") -> str:
    """What a gate asked for, in words."""
    gate = _declared(result.name)
    figure = _gate_figure(_form(result.name), result.threshold, short=False, currency=currency)
    return f"{gate.sense if gate else 'at least'} {figure}"


def gate_changed(result: GateResult, currency: str = "") -> str:
    """What the threshold was changed from, in words; empty where it is the default."""
    if not math.isfinite(result.default) or result.default == result.threshold:
        return ""
    return f"changed from {_gate_figure(_form(result.name), result.default, short=False, currency=currency)}"


def gate_bound(result: GateResult) -> str:
    """Whether the threshold of a gate may be softened, in words."""
    return "negotiable" if result.is_negotiable else "not negotiable"
