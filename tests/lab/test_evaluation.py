from __future__ import annotations

import json
import math
from datetime import date

import numpy as np
import pytest

from argus.core.time import day_number
from argus.lab.evaluation import MonthReturn, month_returns, to_json


def test_months_compound_to_the_whole() -> None:
    days = [date(2020, 1, 30), date(2020, 1, 31), date(2020, 2, 3), date(2020, 2, 28), date(2020, 4, 1)]
    session = np.array([day_number(day) for day in days], dtype=np.int32)
    months = month_returns(session, np.array([100.0, 110.0, 105.0, 99.0, 120.0]))
    assert [(m.year, m.month) for m in months] == [(2020, 1), (2020, 2), (2020, 4)]
    assert [m.value for m in months] == pytest.approx([0.10, -0.10, 120 / 99 - 1])
    assert math.fsum(m.pnl for m in months) == 20.0


def test_months_of_nothing() -> None:
    assert month_returns(np.zeros(1, dtype=np.int32), np.ones(1)) == ()
    gone = month_returns(np.array([0, 1, 40], dtype=np.int32), np.array([10.0, 0.0, 0.0]))
    assert [m.value for m in gone] == [-1.0, 0.0]


def test_json_of_everything_is_json() -> None:
    value = {
        "a": MonthReturn(2020, 1, math.nan, math.inf),
        "b": (np.int64(3), np.array([1.0, math.nan]), None, True, date(2020, 1, 1)),
    }
    plain = to_json(value)
    assert json.loads(json.dumps(plain, allow_nan=False)) == {
        "a": {"year": 2020, "month": 1, "value": None, "pnl": None},
        "b": [3, [1.0, None], None, True, "2020-01-01"],
    }
