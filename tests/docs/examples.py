"""The command-line examples of a page: found in its ``console`` blocks, run in order in one workspace.

A line that starts with ``$ argus`` (or ``$ .venv/bin/argus``) is run as it stands: by a shell with the installed
command, or by the command line's own entry in the process of the tests, which saves each command its start. Remarks at
its end state what the reader should expect: ``# exits 3`` another exit code than 0, ``# needs data`` that it uses
``$ARGUS_TEST_DATA`` and is passed over without it. Every other line of a block shows output and is not compared.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.command import argus

COMMAND_SECONDS_MAX = 600

_FENCE = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,}|~{3,})\s*(?P<info>.*)$")
_COMMAND = re.compile(r"\s*\$ (?:\.venv/bin/)?(?P<command>argus\s.*)$")
_TERMINAL = {"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}
_TELL_WORDS = "argus() { for word; do printf '%s\\0' \"$word\"; done; }\n"
_REMARK = re.compile(r"\s#\s(?P<remark>[^'\"]*)$")


@dataclass(frozen=True, slots=True)
class Example:
    """One command of a page: where it stands, what is typed, the exit code a reader is promised."""

    line: int
    command: str
    exit_code: int
    needs_data: bool


def examples_in(text: str) -> list[Example]:
    """The commands of a page's console blocks, in reading order; a backslash at a line's end continues it."""
    found: list[Example] = []
    lines = text.splitlines()
    fence = ""
    in_console = False
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        opened = _FENCE.match(line)
        if opened and not fence:
            fence, in_console = opened["ticks"], opened["info"].split()[:1] == ["console"]
        elif opened and opened["ticks"].startswith(fence) and not opened["info"]:
            fence, in_console = "", False
        elif in_console and (typed := _COMMAND.match(line)):
            first, command = number, typed["command"].rstrip()
            while command.endswith("\\") and number < len(lines):
                command = command[:-1].rstrip() + " " + lines[number].strip().removeprefix(">").lstrip()
                number += 1
            found.append(_example(first, command))
    return found


def _example(line: int, command: str) -> Example:
    remark = _REMARK.search(command)
    stated = remark["remark"] if remark else ""
    code = re.search(r"\bexits (\d+)\b", stated)
    return Example(line, command, int(code[1]) if code else 0, "needs data" in stated)


def run_example(example: Example, workspace: Path, program_folder: Path | None = None) -> str | None:
    """Run one command in ``workspace``; what went wrong, or None.

    ``program_folder`` holds the ``argus`` to run, by default the one installed beside this interpreter.
    """
    folder = program_folder or Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        **_TERMINAL,
    }
    try:
        done = subprocess.run(
            ["sh", "-c", example.command],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=workspace,
            env=environment,
            timeout=COMMAND_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        return f"line {example.line}: {example.command}\n  still running after {COMMAND_SECONDS_MAX} s"
    return _fault(example, done.returncode, done.stdout + done.stderr)


def run_here(example: Example, workspace: Path) -> str | None:
    """Run one command in ``workspace`` and in this process; what went wrong, or None.

    The shell still says which words the command line is given. What is more than one command goes to it whole.
    """
    if any(set(part) <= set("();<>|&") for part in shlex.shlex(example.command, posix=True, punctuation_chars=True)):
        return run_example(example, workspace)
    told = subprocess.run(
        ["sh", "-c", _TELL_WORDS + example.command], check=True, capture_output=True, text=True, cwd=workspace
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _TERMINAL.items():
            patch.setenv(name, value)
        done = argus(*told.stdout.split("\0")[:-1], folder=workspace)
    return _fault(example, done.returncode, done.stdout + done.stderr)


def _fault(example: Example, code: int, output: str) -> str | None:
    if code != example.exit_code:
        complaint = f"exit code {code}, the page promises {example.exit_code}"
    elif "Traceback (most recent call last)" in output:
        complaint = "ends in a traceback"
    else:
        return None
    return f"line {example.line}: {example.command}\n  {complaint}\n{output.strip()[-2000:]}"
