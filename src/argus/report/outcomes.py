"""What followed the entries of an experiment, beside what followed every bar: a small picture and its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np

from argus.report.svg import scale_of, text, ticks

__all__ = ["outcomes_panel", "outcomes_sentence"]

_WIDTH: Final = 760.0
_ROW: Final = 20.0
_LEFT: Final = 250.0
_COLOURS: Final = {"all bars": "var(--hold)", "long entries": "var(--gain)", "short entries": "var(--loss)"}
_WORDS: Final = {"forward_return": "return", "run_up": "run-up", "drawdown": "drawdown"}


def outcomes_panel(markets: Sequence[Mapping[str, Any]]) -> str:
    """The section of a page; empty where no market has outcomes.

    Parameters
    ----------
    markets : sequence of mapping
        Of an examination; ``outcomes`` of each is None, or what `OutcomeEvidence.as_dict` gives, without NaN.
    """
    blocks = [_block(market["market"], market["outcomes"]) for market in markets if market.get("outcomes")]
    if not blocks:
        return ""
    return (
        '<section class="outcomes"><h2>What followed the entries</h2><p class="how">Prices after the decisions that '
        "opened a trade, beside prices after every bar of the same time: entries that are no better than all bars earn "
        "what the market gives. After short entries a fall is what was hoped for. Lines are two standard errors to "
        "each side; windows that overlap are not counted as separate observations.</p>"
        f"{''.join(blocks)}</section>"
    )


def outcomes_sentence(one: Mapping[str, Any]) -> str:
    """One horizon of one instrument in a sentence."""
    every, *sides = one["groups"]
    base = every["figures"]["forward_return"]
    told = [
        f"{group['name']} ({group['count']}) {_with_error(group['figures']['forward_return'])}" for group in sides
    ] or ["no entries"]
    return f"{one['instrument']}, {one['horizon']} bars on: {'; '.join(told)}; all bars {_with_error(base)}"


def _block(name: str, found: Sequence[Mapping[str, Any]]) -> str:
    return f'<div class="card"><header><h3>{escape(name)}</h3></header>{_picture(found)}{_table(found)}</div>'


def _rows(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    several = len({one["instrument"] for one in found}) > 1
    return [
        (f"{one['instrument'] + ', ' if several else ''}{one['horizon']} bars, {group['name']}", group)
        for one in found
        for group in one["groups"]
    ]


def _picture(found: Sequence[Mapping[str, Any]]) -> str:
    """Mean return over each horizon with its standard errors."""
    rows = _rows(found)
    ends: list[float] = [0.0]
    for _, group in rows:
        one = group["figures"]["forward_return"]
        if one["mean"] is not None:
            room = 2.0 * (one["error"] or 0.0)
            ends += [one["mean"] - room, one["mean"] + room]
    across = scale_of(np.array(ends), _LEFT, _WIDTH - 20.0)
    bottom = 8.0 + _ROW * len(rows)
    drawn = []
    for at in ticks(across.low, across.high):
        x = across(at)
        drawn.append(f'<path stroke="var(--line)" d="M{x:.1f},4V{bottom:.1f}"/>')
        drawn.append(text(x, bottom + 16, f"{at:.3%}", "middle"))
    drawn.append(f'<path stroke="var(--soft)" d="M{across(0.0):.1f},4V{bottom:.1f}"/>')
    for number, (label, group) in enumerate(rows):
        y = 4.0 + _ROW * (number + 0.5)
        one, colour = group["figures"]["forward_return"], _COLOURS[group["name"]]
        drawn.append(text(_LEFT - 10, y + 4, label, "end"))
        if one["mean"] is None:
            continue
        if one["error"] is not None:
            low, high = (across(one["mean"] + side * one["error"]) for side in (-2.0, 2.0))
            drawn.append(f'<path stroke="{colour}" stroke-width="2" d="M{low:.1f},{y:.1f}H{high:.1f}"/>')
        drawn.append(f'<circle fill="{colour}" cx="{across(one["mean"]):.1f}" cy="{y:.1f}" r="3.5"/>')
    told = "Mean return after entries and after all bars, by horizon"
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {bottom + 24:g}" width="100%" style="max-width:{_WIDTH:g}px" role="img" '
        f'aria-label="{told}" font-size="12" fill="var(--ink)">{"".join(drawn)}</svg>'
    )


def _table(found: Sequence[Mapping[str, Any]]) -> str:
    names = list(found[0]["groups"][0]["figures"])
    heads = ["after", "#rows", "#apart", *(f"#{_heading(name)}" for name in names), "#return less that of all bars"]
    head = "".join(
        f'<th scope="col" class="n">{escape(one[1:])}</th>' if one.startswith("#") else f'<th scope="col">{one}</th>'
        for one in heads
    )
    body = []
    for label, group in _rows(found):
        cells = [f"{group['count']:,}", f"{group['apart']:,}"]
        cells += [_with_error(group["figures"][name]) for name in names]
        cells.append(_with_error(group["figures"]["forward_return"], "difference"))
        numbers = "".join(f'<td class="n">{escape(cell)}</td>' for cell in cells)
        body.append(f'<tr><th scope="row">{escape(label)}</th>{numbers}</tr>')
    note = "Means ± standard error. Apart: the most windows that share no bar. Upper, lower: which barrier came first."
    return (
        f'<div class="scroll"><table><caption>{note}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _heading(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _with_error(one: Mapping[str, Any], which: str = "mean") -> str:
    value, error = one[which], one["error" if which == "mean" else "difference_error"]
    if value is None:
        return "–"
    return f"{value:.3%}" + ("" if error is None else f" ± {error:.3%}")
