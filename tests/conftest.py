"""What every test may count on: repeatable property tests, real market data where there is any, marked kernel tests.

Real prices are never part of the project. A test that wants them asks for the ``real_data`` fixture and is skipped,
with the reason, on a machine that has none.
"""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A compiled kernel's first call takes seconds, which Hypothesis would report as a slow example.
_RELAXED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, database=None, **_RELAXED)
settings.register_profile("explore", max_examples=2_000, **_RELAXED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of kernel modules, so that none is forgotten in the run without compilation."""
    for item in items:
        if fnmatch.fnmatch(item.path.name, "test_*kernels.py"):
            item.add_marker(pytest.mark.kernel)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root folder."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real market data named by ``ARGUS_TEST_DATA``; the test is skipped where none is named."""
    named = os.environ.get("ARGUS_TEST_DATA", "")
    if not named:
        pytest.skip("ARGUS_TEST_DATA names no folder of real market data")
    folder = Path(named).expanduser().resolve()
    if not folder.is_dir():
        pytest.fail(f"ARGUS_TEST_DATA names {named}, which is not a folder: correct it or unset it")
    return folder
