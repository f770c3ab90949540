from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tests.architecture.conftest import Plant
from tests.architecture.laws import (
    TIMELESS,
    approval_outside_risk,
    early_outcomes,
    misplaced_compilation,
    nameless_modules,
    unpackaged_modules,
    wall_clocks,
)
from tests.architecture.source import Finding, SourceFile, read_sources

Check = Callable[[Iterable[SourceFile]], list[Finding]]


@pytest.mark.parametrize(
    "check",
    [nameless_modules, unpackaged_modules, misplaced_compilation, approval_outside_risk, early_outcomes, wall_clocks],
)
def test_project_keeps_the_law(project: list[SourceFile], check: Check) -> None:
    found = check(project)
    assert not found, "\n".join(map(str, found))


def found_in(plant: Plant, check: Check, path: str, text: str) -> int:
    return len(check(read_sources(plant({path: text}))))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("argus/data/utils.py", 1),
        ("argus/data/_helpers.py", 1),
        ("argus/common/money.py", 1),
        ("argus/core/money.py", 0),
        ("argus/core/commodity.py", 0),
    ],
)
def test_nameless_modules(plant: Plant, path: str, found: int) -> None:
    assert found_in(plant, nameless_modules, path, "") == found


def test_unpackaged_modules(plant: Plant) -> None:
    root = plant({"argus/__init__.py": "", "argus/core/money.py": ""})
    assert [finding.path for finding in unpackaged_modules(read_sources(root))] == ["argus/core/money.py"]
    plant({"argus/core/__init__.py": ""})
    assert unpackaged_modules(read_sources(root)) == []


PLAIN = "from numba import njit\n@njit(cache=True)\ndef fill(x):\n    return x\n"


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("argus/engine/_kernels.py", PLAIN, 0),
        ("argus/engine/_margin_kernels.py", PLAIN, 0),
        ("argus/engine/margin.py", PLAIN, 1),
        ("argus/engine/kernels.py", PLAIN, 1),
        ("argus/engine/margin.py", "import numba as nb\n@nb.njit(cache=True)\ndef fill(x):\n    return x\n", 1),
        ("argus/engine/margin.py", "def lazy():\n    from numba import njit as j\n    return j(cache=True)(abs)\n", 1),
        ("argus/engine/margin.py", "from numba import cuda\n@cuda.jit\ndef fill(x):\n    return x\n", 1),
        ("argus/engine/margin.py", "import numba\nthreads = numba.get_num_threads()\n", 0),
        ("argus/engine/margin.py", "def njit(x):\n    return x\nnjit(1)\n", 0),
        ("argus/engine/_kernels.py", "from numba import njit\n@njit\ndef fill(x):\n    return x\n", 1),
        ("argus/engine/_kernels.py", "from numba import njit\n@njit(parallel=True)\ndef fill(x):\n    return x\n", 1),
    ],
)
def test_misplaced_compilation(plant: Plant, path: str, text: str, found: int) -> None:
    assert found_in(plant, misplaced_compilation, path, text) == found


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("argus/core/risk.py", "def _approve(order):\n    return RiskApproved(order)\n", 0),
        ("argus/portfolio/risk.py", "from argus.core.risk import _approve\n_approve(1)\n", 0),
        ("argus/portfolio/risk.py", "from argus.core.risk import RiskApproved\nRiskApproved(1)\n", 1),
        ("argus/portfolio/risk.py", "from argus.core.risk import _SEAL\n", 1),
        ("argus/engine/risk.py", "from argus.core.risk import _approve\n", 1),
        ("argus/engine/replay.py", "from argus.core.risk import _approve as ok\n", 1),
        ("argus/engine/replay.py", "from argus.core import risk\nrisk._approve(1)\n", 1),
        ("argus/engine/replay.py", "from argus.core import risk\ngetattr(risk, '_approve')(1)\n", 1),
        ("argus/live/orders.py", "from argus.core.risk import RiskApproved\nobject.__new__(RiskApproved)\n", 1),
        ("argus/live/orders.py", "from argus.core.risk import RiskApproved\ndef send(o: RiskApproved): ...\n", 0),
        ("argus/live/orders.py", "from argus.core.risk import RiskApproved\nisinstance(1, RiskApproved)\n", 0),
    ],
)
def test_approval_outside_risk(plant: Plant, path: str, text: str, found: int) -> None:
    assert found_in(plant, approval_outside_risk, path, text) == found


CLOCKS = [
    "import time\ntime.time()\n",
    "import time as t\nstamp = t.time_ns\n",
    "from time import time\ntime()\n",
    "from datetime import datetime, UTC\ndatetime.now(UTC)\n",
    "import datetime\ndatetime.datetime.utcnow()\n",
    "import datetime as dt\ndt.date.today()\n",
    "def late():\n    import pandas as pd\n    return pd.Timestamp.now()\n",
    "import numpy as np\nnp.datetime64('now')\n",
]
NO_CLOCKS = [
    "import time\ntime.perf_counter()\n",
    "from datetime import datetime\ndatetime.fromtimestamp(0)\n",
    "import numpy as np\nnp.datetime64('2020-01-01')\n",
    "def f(view):\n    return view.now()\n",
]


@pytest.mark.parametrize("text", CLOCKS)
def test_wall_clocks_are_found_where_results_are_made(plant: Plant, text: str) -> None:
    assert found_in(plant, wall_clocks, "argus/engine/replay.py", text) == 1


@pytest.mark.parametrize("text", NO_CLOCKS)
def test_durations_and_stated_times_are_no_wall_clock(plant: Plant, text: str) -> None:
    assert found_in(plant, wall_clocks, "argus/engine/replay.py", text) == 0


def test_wall_clock_scope(plant: Plant) -> None:
    for package in TIMELESS:
        plant({f"argus/{package}/a.py": CLOCKS[0]})
    for path in ("argus/live/clock.py", "argus/data/catalog.py", "argus/__init__.py"):
        plant({path: CLOCKS[0]})
    root = plant({"argus/data/_kernels.py": CLOCKS[0]})
    found = {finding.path for finding in wall_clocks(read_sources(root))}
    assert found == {f"argus/{package}/a.py" for package in TIMELESS} | {"argus/data/_kernels.py"}


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("argus/strategies/a.py", "from argus.data.outcome_store import KnownOutcomes\n", 0),
        ("argus/strategies/a.py", "from argus.data.outcome_store import OutcomeTable\n", 1),
        ("argus/engine/a.py", "from argus.data.outcome_store import KnownOutcomes, OutcomeTable as T\n", 1),
        ("argus/engine/a.py", "from argus.data import outcome_store\n", 1),
        ("argus/engine/a.py", "import argus.data.outcome_store as store\n", 1),
        ("argus/portfolio/a.py", "import importlib\nimportlib.import_module('argus.data.outcome_store')\n", 1),
        ("argus/features/a.py", "def read(table):\n    return table.after_the_fact()\n", 1),
        ("argus/features/a.py", "def read(table):\n    return getattr(table, 'after_the_fact')()\n", 1),
        ("argus/data/a.py", "from argus.data.outcome_store import *\n", 1),
        ("argus/data/outcome_store.py", "def after_the_fact():\n    return 1\n", 0),
        ("argus/lab/a.py", "from argus.data.outcome_store import OutcomeTable\nOutcomeTable.after_the_fact\n", 0),
    ],
)
def test_early_outcomes(plant: Plant, path: str, text: str, found: int) -> None:
    assert found_in(plant, early_outcomes, path, text) == found
