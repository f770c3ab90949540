"""Rebuild the frozen regression runs, or check them: ``python -m tests.regression.freeze [--check] [NAME ...]``.

A run whose result has changed is explained and left alone, unless ``--reason`` says why the change is meant; the reason
is kept in the file's history, beside the hashes that it led to.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.regression.explain import difference
from tests.regression.reference import Reference, play
from tests.regression.runs import RUNS
from tests.regression.snapshot import FOLDER, path_of, read, snapshot, write

__all__ = ["main", "strays"]

FIRST: Final = "first frozen"


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER, runs: Mapping[str, Reference] = RUNS) -> int:
    """Freeze or check; returns 0 if all is as frozen or has been frozen, 1 if something differs, 2 for a wrong call."""
    asked = _parser().parse_args(arguments)
    unknown = [name for name in asked.names if name not in runs]
    if unknown:
        return _say(f"no reference run is called {', '.join(unknown)}; there are {', '.join(runs)}", 2)
    if asked.reason is not None and not asked.reason.strip():
        return _say("--reason is empty; say in a sentence why the results may change", 2)
    if asked.check and asked.reason is not None:
        return _say("--check writes nothing, so it takes no --reason", 2)
    refused = [
        name for name in asked.names or runs if not _settle(runs[name], folder, asked.reason, is_check=asked.check)
    ]
    stray = [] if asked.names else strays(folder, runs)
    if stray:
        _say(f"no reference run is behind {', '.join(stray)}: remove what is no longer wanted from {folder.name}/")
    if refused and not asked.check:
        _say(f'left as they are: {", ".join(refused)}. Give --reason "..." to freeze them anew')
    return 1 if refused or stray else 0


def strays(folder: Path, runs: Mapping[str, Reference]) -> list[str]:
    """Names of files in the folder of which there is no run."""
    return sorted(path.name for path in folder.iterdir() if path.stem not in runs or path.suffix != ".json")


def _settle(reference: Reference, folder: Path, reason: str | None, *, is_check: bool) -> bool:
    """Play one run and see to its file; whether that is in order now."""
    name, scene = reference.name, reference.stage()
    found = snapshot(play(scene), reference.summary)
    if not path_of(name, folder).is_file():
        if is_check:
            _say(f"{name} is not frozen yet: run python -m tests.regression.freeze {name}")
            return False
        write(name, {"history": [_entry(reason or FIRST, found)], **found}, folder)
        _say(f"{name}: {FIRST}")
        return True
    frozen = read(name, folder)
    told = difference(name, frozen, found, scene)
    if told is None:
        _say(f"{name}: as frozen")
        return True
    _say(told)
    if reason is None or is_check:
        return False
    write(name, {"history": [*frozen["history"], _entry(reason, found)], **found}, folder)
    _say(f"{name}: frozen anew")
    return True


def _entry(reason: str, found: Mapping[str, str]) -> dict[str, str]:
    return {"reason": reason, "order_list_hash": found["order_list_hash"], "fills_hash": found["fills_hash"]}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.regression.freeze", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="runs to take; all of them if none is named")
    parser.add_argument("--check", action="store_true", help="compare only; nothing is written")
    parser.add_argument("--reason", help="why results may change; needed to overwrite a frozen run")
    return parser


def _say(text: str, status: int = 0) -> int:
    sys.stdout.write(f"{text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
