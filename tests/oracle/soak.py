"""Compare the engines on any number of random runs: ``python -m tests.oracle.soak --runs 100000 --workers 2``.

``--only children groups`` plays the same seeds with these features alone (see `variations`), ``--without books`` with all
others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from argus.core.errors import ArgusError
from tests.oracle.cases import play_engine, play_oracle
from tests.oracle.compare import first_difference
from tests.oracle.variations import FEATURES, random_case

CHUNK = 200
SHOWN_MAX = 10
BEYOND = "too large for the ledger"
REPORTED_EVERY = 5_000  # runs, where the output is no terminal


def disagreements(seeds: range, only: Collection[str] | None = None) -> list[tuple[int, str]]:
    """Seeds on which the engines differ, with the first difference of each."""
    found = []
    for seed in seeds:
        case = random_case(seed, only=only)
        try:
            difference = first_difference(play_oracle(case), play_engine(case))
        except ArgusError as error:
            difference = f"{type(error).__name__}: {error}"
        if difference is not None:
            found.append((seed, difference))
    return found


def chunks(first: int, runs: int) -> Iterator[range]:
    """The seeds in pieces that one worker takes at a time."""
    for start in range(first, first + runs, CHUNK):
        yield range(start, min(start + CHUNK, first + runs))


def main() -> int:
    """Run, show progress, and say how many agreed; exit status 1 if any did not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--only", nargs="*", choices=FEATURES, default=list(FEATURES), help="features to play with")
    parser.add_argument("--without", nargs="*", choices=FEATURES, default=[], help="features to leave out")
    wanted = parser.parse_args()
    compared = partial(disagreements, only=frozenset(wanted.only) - frozenset(wanted.without))
    console, began, differing, beyond = Console(), perf_counter(), 0, 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # The first run compiles, or loads what was compiled, before the workers start.
    compared(range(wanted.first, wanted.first + 1))
    with Progress(*columns, console=console) as progress, ProcessPoolExecutor(wanted.workers) as pool:
        task = progress.add_task("runs compared", total=wanted.runs)
        for seeds, found in zip(
            chunks(wanted.first, wanted.runs), pool.map(compared, chunks(wanted.first, wanted.runs)), strict=True
        ):
            progress.advance(task, len(seeds))
            # The oracle's integers have no limit; the engine must stop where its ledger ends. Counted apart.
            stopped = [item for item in found if BEYOND in item[1]]
            beyond += len(stopped)
            found = [item for item in found if item not in stopped]
            for seed, difference in found[: max(0, SHOWN_MAX - differing)]:
                console.print(f"seed {seed}: {difference}", markup=False)
            differing += len(found)
            if not console.is_terminal and (seeds.stop - wanted.first) % REPORTED_EVERY == 0:
                console.print(f"{seeds.stop - wanted.first:,} runs compared, {differing:,} differ")
    agreed = wanted.runs - differing - beyond
    console.print(
        f"{agreed:,} of {wanted.runs:,} runs agreed, {beyond:,} ended at the range of the ledger, "
        f"in {perf_counter() - began:,.0f} s"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
