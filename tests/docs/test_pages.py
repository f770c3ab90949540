from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.docs.pages import headings, link_faults, nav_pages, pages


def test_every_relative_link_resolves(repository: Path) -> None:
    found = pages(repository)
    assert repository / "CONTRIBUTING.md" in found
    faults = [fault for page in found for fault in link_faults(page, repository)]
    assert not faults, "\n".join(faults)


def test_the_site_lists_every_page_once(repository: Path) -> None:
    site = yaml.safe_load((repository / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = sorted(nav_pages(site["nav"]))
    docs = repository / site["docs_dir"]
    assert listed == sorted(page.relative_to(docs).as_posix() for page in docs.rglob("*.md"))


def test_the_site_fetches_nothing_from_elsewhere(repository: Path) -> None:
    site = yaml.safe_load((repository / "mkdocs.yml").read_text(encoding="utf-8"))
    assert site["theme"]["font"] is False
    assert "extra_javascript" not in site
    assert "extra_css" not in site
    # The theme fetches its diagram and formula scripts from a content network when a page asks for them.
    asking = [page.name for page in pages(repository) if "```mermaid" in page.read_text(encoding="utf-8")]
    assert asking == []


@pytest.fixture
def site(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "README.md").write_text("# Argus\n")
    (docs / "fills.md").write_text(
        "# Fills\n\n## A stop, hit\n\n### `limit` orders\n\n## A stop, hit\n\n```sh\n# no\n```\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("see [fills](fills.md)", None),
        ("see [fills](fills.md#a-stop-hit 'title') and [it](fills.md#limit-orders)", None),
        ("see [the second](fills.md#a-stop-hit_1)", None),
        ("see [readme](../README.md)", None),
        ("# Here\n[here](#here)", None),
        ("[out](https://example.org/x.md) and [mail](mailto:a@example.org)", None),
        ("`[code](gone.md)` is code", None),
        ("```sh\n[code](gone.md)\n```", None),
        ("a note[^1]\n\n[^1]: text", None),
        ("see [gone](gone.md)", "docs/index.md:1: gone.md does not exist"),
        ("![picture](img/gone.png)", "docs/index.md:1: img/gone.png does not exist"),
        ("[![badge](gone.svg)](fills.md)", "docs/index.md:1: gone.svg does not exist"),
        ("see [it][ref]\n\n[ref]: gone.md", "docs/index.md:3: gone.md does not exist"),
        ('<img width="9" src="gone.png">', "docs/index.md:1: gone.png does not exist"),
        ("see [fills](fills.md#gone)", "docs/index.md:1: fills.md#gone names no heading of fills.md"),
        ("see [code](fills.md#no)", "docs/index.md:1: fills.md#no names no heading of fills.md"),
        ("[here](#gone)", "docs/index.md:1: #gone names no heading of index.md"),
        ("[up](../../other/x.md)", "docs/index.md:1: ../../other/x.md leads out of the project"),
    ],
)
def test_link_faults(site: Path, text: str, fault: str | None) -> None:
    page = site / "docs" / "index.md"
    page.write_text(text + "\n")
    assert link_faults(page, site) == ([fault] if fault else [])


def test_headings_state_their_own_anchor() -> None:
    assert headings('# Fills {#how}\n<a id="old"></a>\n## The *close* [rule](x.md)\n') == {
        "how",
        "old",
        "the-close-rule",
    }


def test_pages_are_those_of_the_root_and_of_docs(site: Path) -> None:
    assert [page.relative_to(site).as_posix() for page in pages(site)] == ["README.md", "docs/fills.md"]


def test_nav_pages_at_any_depth() -> None:
    nav = [{"Start": [{"Argus": "index.md"}, "tutorial.md"]}, {"Glossary": "glossary.md"}]
    assert list(nav_pages(nav)) == ["index.md", "tutorial.md", "glossary.md"]
