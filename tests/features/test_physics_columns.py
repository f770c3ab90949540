"""The columns of the set `physics`, as they are, with all their windows, series and steps."""

from __future__ import annotations

import importlib

import numpy as np

from argus.features import compute_set, feature
from argus.features.runner import Runner
from tests.features.market import NASTY, market

FAMILIES = ("morphology", "entropy", "dynamics", "flow", "change_point", "duration", "spectrum", "correlation")
REFS = [
    ref for family in FAMILIES for ref in importlib.import_module(f"argus.features.families.{family}").COLUMNS
]  # fmt: skip
ROWS = 1_200


def test_there_are_about_five_hundred_each_with_a_name_of_its_own() -> None:
    assert 480 <= len(REFS) <= 520
    assert len({ref.alias for ref in REFS}) == len(REFS)


def test_every_column_has_its_first_value_when_its_warmup_says() -> None:
    values = compute_set(REFS, market(71, ROWS))
    for ref, column in zip(REFS, values, strict=True):
        declared = feature(ref.feature)
        warmup = declared.warmup(declared.values(ref.parameters))
        first = int(np.argmax(np.isfinite(column)))
        assert np.isfinite(column[first]), f"{ref.alias} never has a value"
        assert first >= warmup - 1, ref.alias
        if not declared.nan_policy.startswith("Sparse"):
            assert first == warmup - 1, f"{ref.alias}: first value at row {first}, warm-up {warmup}"


def test_columns_do_not_depend_on_pieces() -> None:
    for columns in (market(72, ROWS), NASTY["gaps"](market(72, ROWS)), NASTY["huge price"](market(72, ROWS))):
        whole = compute_set(REFS, columns)
        runner = Runner([feature(ref.feature).term(ref.parameters) for ref in REFS], 97)
        out = np.empty_like(whole)
        for first in range(0, ROWS, 97):
            runner.feed([columns[name][first : first + 97] for name in runner.inputs], out, first)
        differing = [
            ref.alias for ref, a, b in zip(REFS, whole, out, strict=True) if not np.array_equal(a, b, equal_nan=True)
        ]
        assert differing == []
