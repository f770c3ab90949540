"""Compare the engines on any number of random runs: ``python -m tests.oracle.soak --runs 10000``.

Seeds are taken in order from ``--first`` on; a soak that was stopped says with which seed to go on. ``--only children
groups`` plays the same seeds with these features alone (see `variations`), ``--without books`` with all others, and
``--certain`` lays all of them over every run, where a seed by itself has only some. The summary says of each feature in
how many runs it took part and in how many of these the engines agreed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.oracle.shrink import difference
from tests.oracle.variations import FEATURES, varied_case

CHUNK = 100
SHOWN_MAX = 10
BEYOND = "too large for the ledger"
REPORTED_EVERY = 1_000  # runs, where the output is no terminal
NO_FEATURE = "(none)"


@dataclass
class Compared:
    """What a worker found in some seeds."""

    seeds: range
    disagreements: list[tuple[int, str]] = field(default_factory=list)  # seed, first difference
    played: Counter[str] = field(default_factory=Counter)  # runs by feature
    agreed: Counter[str] = field(default_factory=Counter)


def compare(seeds: range, only: Collection[str] | None = None, *, certain: bool = False) -> Compared:
    """Play these seeds in both engines."""
    compared = Compared(seeds)
    for seed in seeds:
        case, names = varied_case(seed, only=only, certain=certain)
        found = difference(case)
        compared.played.update(names or (NO_FEATURE,))
        if found is None:
            compared.agreed.update(names or (NO_FEATURE,))
        else:
            compared.disagreements.append((seed, found))
    return compared


def chunks(seeds: range) -> Iterator[range]:
    """The seeds in pieces that one worker takes at a time."""
    for at in range(0, len(seeds), CHUNK):
        yield seeds[at : at + CHUNK]


@dataclass
class Tally:
    """All runs compared so far."""

    runs: int = 0
    beyond: int = 0  # the oracle's integers have no limit; the engine must stop where its ledger ends
    differing: list[tuple[int, str]] = field(default_factory=list)
    played: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)

    def take(self, compared: Compared) -> list[tuple[int, str]]:
        """Count what a worker found; gives the differences in it."""
        differing = [item for item in compared.disagreements if BEYOND not in item[1]]
        self.runs += len(compared.seeds)
        self.beyond += len(compared.disagreements) - len(differing)
        self.differing += differing
        self.played += compared.played
        self.agreed += compared.agreed
        return differing

    def by_feature(self) -> Table:
        """Runs by feature; most runs have several."""
        table = Table("feature", "runs", "agreed", "did not")
        for name in (NO_FEATURE, *FEATURES):
            if self.played[name]:
                played, agreed = self.played[name], self.agreed[name]
                table.add_row(name, f"{played:,}", f"{agreed:,}", f"{played - agreed:,}")
        return table


def soak(seeds: range, workers: int, played: partial[Compared], console: Console) -> Tally:
    """Compare, with progress; differences are printed as they are found."""
    tally = Tally()
    # The first run compiles, or loads what was compiled, before the workers start.
    played(seeds[:1])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress, ProcessPoolExecutor(workers) as pool:
        task = progress.add_task("runs compared", total=len(seeds))
        try:
            for compared in pool.map(played, chunks(seeds)):
                shown = max(0, SHOWN_MAX - len(tally.differing))
                for seed, difference in tally.take(compared)[:shown]:
                    console.print(f"seed {seed}: {difference}", markup=False, soft_wrap=True)
                progress.advance(task, len(compared.seeds))
                if not console.is_terminal and tally.runs % REPORTED_EVERY == 0:
                    console.print(f"{tally.runs:,} runs compared, {len(tally.differing):,} differ")
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            console.print(f"stopped; go on with --first {seeds.start + tally.runs} --runs {len(seeds) - tally.runs}")
    return tally


def main() -> int:
    """Run and say how many agreed; exit status 1 if any did not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--only", nargs="*", choices=FEATURES, default=list(FEATURES), help="features to play with")
    parser.add_argument("--without", nargs="*", choices=FEATURES, default=[], help="features to leave out")
    parser.add_argument("--certain", action="store_true", help="lay all of these features over every run")
    wanted = parser.parse_args()
    features = frozenset(wanted.only) - frozenset(wanted.without)
    console, began = Console(), perf_counter()
    seeds = range(wanted.first, wanted.first + wanted.runs)
    tally = soak(seeds, wanted.workers, partial(compare, only=features, certain=wanted.certain), console)
    console.print(tally.by_feature())
    differing = [seed for seed, _ in tally.differing]
    if differing:
        console.print(f"seeds that differ: {', '.join(map(str, differing))}", markup=False)
    console.print(
        f"{tally.runs - len(differing) - tally.beyond:,} of {tally.runs:,} runs agreed, {tally.beyond:,} ended "
        f"at the range of the ledger, in {perf_counter() - began:,.0f} s"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
