"""Every registered feature has a picture on sample data, with values in it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from argus.app.feature_picture import feature_picture, write_picture
from argus.core.errors import ConfigError, WorkspaceError
from argus.features import features

SEEN = ("sma", "rsi", "trend_alignment", "minutes_to_close", "days_to_expiry")


@pytest.mark.parametrize("name", SEEN)
def test_a_picture_has_the_warmup_and_values_after_it(name: str) -> None:
    picture = feature_picture(name)
    assert len(picture.ts_ns) == len(picture.price) == len(picture.values) == 240
    assert np.isnan(picture.values[: picture.warmup]).all()
    assert np.isfinite(picture.values[picture.warmup :]).sum() >= 60
    again = feature_picture(name)
    np.testing.assert_array_equal(picture.values, again.values)


def test_every_feature_can_be_drawn() -> None:
    empty = []
    for name in features():
        picture = feature_picture(name)
        if not np.isfinite(picture.values).any():
            empty.append(name)
    assert empty == []


def test_the_file_is_svg(tmp_path: Path) -> None:
    path = tmp_path / "below" / "rsi.svg"
    write_picture("rsi", path)
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    told = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "ES, synthetic" in told
    assert "shaded: no value yet (warm-up)" in told
    with pytest.raises(ConfigError, match=r"ends in \.svg"):
        write_picture("rsi", tmp_path / "rsi.png")
    with pytest.raises(WorkspaceError, match="give another path"):
        write_picture("rsi", path / "a.svg")
