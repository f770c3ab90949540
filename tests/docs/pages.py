"""The pages of the documentation, the links between them, and the site's table of contents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_INLINE = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\]|\\\])*\]\(\s*<?(?P<target>[^)\s>]+)>?(?:\s+[\"'][^\"']*[\"'])?\s*\)")
_REFERENCE = re.compile(r"^\s{0,3}\[(?!\^)[^\]]+\]:\s+<?(?P<target>[^\s>]+)")
_HTML = re.compile(r"""<(?:a|img|source)\s[^>]*?\b(?:href|src)=["'](?P<target>[^"']+)["']""")
_HEADING = re.compile(r"^#{1,6}\s+(?P<title>.+?)\s*#*$")
_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def pages(root: Path) -> list[Path]:
    """Every page a reader may open: the Markdown files of the root folder and of ``docs``."""
    return sorted(root.glob("*.md")) + sorted((root / "docs").rglob("*.md"))


def link_faults(page: Path, root: Path) -> list[str]:
    """Relative links of a page that lead nowhere: no such file, no such heading, or out of the project."""
    faults = []
    for line, target in _links(page.read_text(encoding="utf-8")):
        if _SCHEME.match(target):
            continue
        path, _, anchor = unquote(target).partition("#")
        aim = (page.parent / path).resolve() if path else page.resolve()
        place = f"{page.relative_to(root)}:{line}: {target}"
        if not aim.is_relative_to(root.resolve()):
            faults.append(f"{place} leads out of the project")
        elif not aim.exists():
            faults.append(f"{place} does not exist")
        elif anchor and aim.suffix == ".md" and anchor not in headings(aim.read_text(encoding="utf-8")):
            faults.append(f"{place} names no heading of {aim.name}")
    return faults


def headings(text: str) -> set[str]:
    """The anchors of a page's headings, as the site makes them, and those that it states itself."""
    anchors: set[str] = set()
    for _, line in _prose(text):
        found = _HEADING.match(line)
        anchors.update(re.findall(r"""\bid=["']([^"']+)["']""", line))
        if not found:
            continue
        stated = re.search(r"\{[^}]*#([\w-]+)[^}]*\}\s*$", found["title"])
        slug = stated[1] if stated else _slug(found["title"])
        if slug in anchors:
            slug = next(f"{slug}_{n}" for n in range(1, 1000) if f"{slug}_{n}" not in anchors)
        anchors.add(slug)
    return anchors


def nav_pages(nav: object) -> Iterator[str]:
    """The pages that a site's table of contents names, at any depth."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, list):
        for entry in nav:
            yield from nav_pages(entry)
    elif isinstance(nav, dict):
        for entry in nav.values():
            yield from nav_pages(entry)


def _links(text: str) -> Iterator[tuple[int, str]]:
    for number, line in _prose(text):
        plain = re.sub(r"(`+)(?:(?!\1).)+\1", "", line)
        for pattern in (_INLINE, _REFERENCE, _HTML):
            for found in pattern.finditer(plain):
                yield number, found["target"]
                yield from ((number, inner["target"]) for inner in _INLINE.finditer(found[0][1:]))


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines outside fenced code."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        marker = _FENCE.match(line)
        if marker and not fence:
            fence = marker[1]
        elif marker and marker[1].startswith(fence):
            fence = ""
        elif not fence:
            yield number, line


def _slug(title: str) -> str:
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").replace("*", "")
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
