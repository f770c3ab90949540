"""The command line as a user types it, run in the process of the tests: one of its own for each command would cost
minutes in all. What must be a process of its own (kills, Ctrl-C, two at once) starts one itself.
"""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from argus.cli.main import main

__all__ = ["Done", "argus"]


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def argus(*words: str, folder: Path) -> Done:
    """The command line's own entry, in a folder; modules that it imported from there are forgotten again."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "argv", ["argus", *words])
        try:
            main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(folder):
            del sys.modules[name]
    return Done(code, out.getvalue(), err.getvalue())
