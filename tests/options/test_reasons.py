"""Codes of reasons are stored, so they keep their numbers and have words."""

from __future__ import annotations

import numpy as np
import pytest

from argus.options import Reason, reason_names


def test_names_follow_the_codes() -> None:
    codes = np.array([0, 7, 12], dtype=np.uint8)
    assert reason_names(codes) == ["ok", "below_intrinsic", "crossed"]


def test_an_unknown_code_is_named() -> None:
    with pytest.raises(KeyError, match="200"):
        reason_names(np.array([200], dtype=np.uint8))


def test_the_numbers_are_distinct_and_fit_a_byte() -> None:
    assert len({int(reason) for reason in Reason}) == len(list(Reason)) == len(Reason.__members__)
    assert all(0 <= int(reason) < 256 for reason in Reason)
