"""The workspace's settings: defaults, a round trip through YAML, and errors that name what is wrong."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from argus.app.settings import Settings, default_yaml, read_settings
from argus.core.errors import ConfigError


def test_the_file_of_a_new_workspace_says_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "argus.yaml"
    path.write_text(default_yaml(), encoding="utf-8")
    assert read_settings(path) == Settings()


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    path = tmp_path / "argus.yaml"
    path.write_text("costs:\n  slippage_ticks: 3\n", encoding="utf-8")
    found = read_settings(path)
    assert found.costs.slippage_ticks == 3
    assert found.account.cash == Decimal(1_000_000)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("csots:\n  slippage_ticks: 3\n", "csots"),
        ("costs:\n  slippage_ticks: -1\n", "costs.slippage_ticks"),
        ("account:\n  cash: none at all\n", "account.cash"),
        ("research:\n  candidates: []\n", "research.candidates"),
        ("sizing: [1, 2]\n", "sizing"),
        ("- a list\n", "list"),
        ("a: [b\n", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "argus.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")) as raised:
        read_settings(path)
    assert str(path) in str(raised.value)


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "argus.yaml"
    path.write_bytes(b"\xff\xfe\x00broken")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_settings(path)
