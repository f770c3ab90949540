"""Who does the work of a long command, as options: processes of this machine, or a cluster."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from argus.core.errors import ConfigError

__all__ = ["RayOption", "WorkersOption", "worker_count"]

_WORKERS_A_CORE = 4

WorkersOption = Annotated[
    int, typer.Option(min=0, help="Processes; 0 takes one a core. The result is the same for any number.")
]
RayOption = Annotated[
    str | None, typer.Option(help="Run on a Ray cluster instead: auto, local or HOST:PORT (extra: ray).")
]


def worker_count(workers: int, ray: str | None) -> int:
    """How many processes are meant.

    Raises
    ------
    ConfigError
        If both options are given, or there are far more workers than cores.
    """
    if workers and ray is not None:
        raise ConfigError(
            "--workers counts processes of this machine, and --ray runs on a cluster; give one of the two"
        )
    cores = _cores()
    if workers > _WORKERS_A_CORE * cores:
        raise ConfigError(
            f"--workers is {workers}, on {cores} core{'s' * (cores > 1)}; more than {_WORKERS_A_CORE} a core only take "
            "memory: leave the option out for one a core"
        )
    return workers or cores


def _cores() -> int:
    """Cores that this process may use, where the system tells; all of them elsewhere."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
