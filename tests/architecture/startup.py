"""What a command pays before it has done anything: the modules that an import pulls in, seen from a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

# Each of these costs from a tenth of a second to several; none is needed to print a help page.
HEAVY = (
    "arch",
    "cvxpy",
    "duckdb",
    "llvmlite",
    "numba",
    "pandas",
    "plotly",
    "polars",
    "pyarrow",
    "scipy",
    "skfolio",
    "sklearn",
    "statsmodels",
)

_PROGRAM = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(set(sys.argv[2:]) & set(sys.modules))))
"""


def heavy_imports(module: str, search: Path, heavy: tuple[str, ...] = HEAVY) -> list[str]:
    """The heavy libraries that importing ``module`` from the folder ``search`` loads."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, module, *heavy],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(search)},
    )
    assert done.returncode == 0, done.stderr
    loaded: list[str] = json.loads(done.stdout)
    return loaded
