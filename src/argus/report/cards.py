"""The pieces that a candidate's section is built of: a card with a heading, how to read it, and a place for a chart."""

from __future__ import annotations

from html import escape

__all__ = ["card", "chart", "reading"]


def chart(place: int, name: str, label: str, kind: str = "") -> str:
    """Where the page's script draws a chart of candidate number `place`; `label` is read to those who do not see it."""
    return (
        f'<div class="chart {kind}" data-candidate="{place}" data-chart="{name}" role="img" '
        f'aria-label="{escape(label)}"></div>'
    )


def card(title: str, how: str, *content: str, tools: str = "", wide: bool = True, anchor: str = "") -> str:
    """A card; `content` is markup, title and `how` are text, and `anchor` is where links lead."""
    named = f' id="{anchor}"' if anchor else ""
    return (
        f'<div class="card{"" if wide else " half"}"{named}><header><h3>{escape(title)}</h3>{tools}</header>'
        f'<p class="how">{escape(how)}</p>{"".join(content)}</div>'
    )


def reading(sentence: str) -> str:
    """The sentence of reading below a picture."""
    return f'<p class="note">{escape(sentence)}</p>'
