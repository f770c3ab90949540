"""The Python on the pages that are whole programs runs, top to bottom, as a reader would paste it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
WHOLE = ("docs/engine.md", "docs/three_forms.md", "docs/audits.md", "docs/features.md", "docs/options_pricing.md")
"""Pages whose blocks are one program; on others they are fragments."""


@pytest.mark.parametrize("page", WHOLE)
def test_python_of_the_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    blocks = _BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks, f"{page} has no block of Python"
    for number, block in enumerate(blocks):
        exec(compile(block, f"{page}, block {number}", "exec"), names)
