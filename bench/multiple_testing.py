"""How strict and how sharp the corrections for a search are, and how fast, beside arch.

    python bench/multiple_testing.py                    100 searches of each kind, and the times
    python bench/multiple_testing.py --searches 1000 --sets 300

Each search is a matrix of normal returns of ten years: all sets share the correlation given, and all or a quarter of
them the true Sharpe ratio. The best in sample is chosen, as a user would.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import numpy as np

from argus.core.random import generator
from argus.lab.journal.trials import Looks
from argus.lab.multiple_testing.effective_trials import effective_trials
from argus.lab.multiple_testing.multiplicity import MultiplicitySettings, multiplicity
from argus.lab.multiple_testing.overfitting import pbo
from argus.lab.multiple_testing.reality import confidence_set, resample, step_m, superior_ability
from argus.lab.search.trial_matrix import TrialMatrix

SESSIONS = 2_520
PER_YEAR = 252.0
KINDS = [
    *((f"sr {sharpe} rho {rho}", sharpe, rho, 1.0) for rho in (0.0, 0.5, 0.8, 0.95) for sharpe in (0, 1.0, 1.5)),
    ("quarter sr 1.0 rho .8", 1.0, 0.8, 0.25),
    ("quarter sr 1.5 rho .8", 1.5, 0.8, 0.25),
]
COLUMNS = ("trials", "psr", "dsr", "counted", "chosen_p", "superior", "pbo<=.2", "loss<=.2")


def main() -> None:
    """Print the rates of each kind of search, then the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=100)
    parser.add_argument("--sets", type=int, default=100)
    asked = parser.parse_args()
    print(f"{'kind':24s}" + "".join(f"{name:>10s}" for name in COLUMNS))
    for name, sharpe, rho, share in KINDS:
        found = [_judged(seed, name, sharpe, rho, share, asked.sets) for seed in range(asked.searches)]
        print(f"{name:24s}" + "".join(f"{value:10.2f}" for value in np.mean(found, axis=0)), flush=True)
    _times()


def _judged(seed: int, name: str, sharpe: float, rho: float, share: float, sets: int) -> tuple[float, ...]:
    source = generator(seed, name)
    noise = math.sqrt(rho) * source.normal(size=(SESSIONS, 1))
    noise = noise + math.sqrt(1.0 - rho) * source.normal(size=(SESSIONS, sets))
    noise[:, : int(sets * share)] += sharpe / math.sqrt(PER_YEAR)
    returns = 0.01 * noise
    ratios = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    matrix = TrialMatrix(
        session=np.arange(SESSIONS, dtype=np.int32),
        returns=returns,
        values=tuple({"set": k} for k in range(sets)),
        run_ids=tuple(str(k) for k in range(sets)),
        order_hashes=("",) * sets,
        per_year=PER_YEAR,
    )
    looks = Looks(sets, float(ratios.var(ddof=1)), float(ratios.max()), 0, sets)
    how = MultiplicitySettings(draws=299, block=1.0, slices=8)
    found = multiplicity(matrix, int(np.argmax(ratios)), None, looks, how)
    assert found.pbo is not None
    return (
        found.trials_effective,
        found.psr >= 0.95,
        found.dsr >= 0.95,
        found.dsr_counted >= 0.95,
        found.chosen_p <= 0.05,
        found.superior.consistent <= 0.05,
        found.pbo.value <= 0.2,
        found.pbo.loss_probability <= 0.2,
    )


def _times() -> None:
    """Seconds on 3,900 sessions of 300 sets, a thousand draws, one worker; the best of three."""
    from arch.bootstrap import MCS, SPA

    source = generator(1, "times")
    returns = 0.01 * (source.normal(size=(3_900, 1)) + source.normal(size=(3_900, 300)))
    drawn = resample(returns, block=10.0)
    tasks: dict[str, tuple[Callable[[], object], int]] = {
        "draws and superior ability": (lambda: superior_ability(resample(returns, block=10.0)), 3),
        "stepwise test, same draws": (lambda: step_m(drawn), 3),
        "confidence set, same draws": (lambda: confidence_set(drawn), 3),
        "cross-validated choice": (lambda: pbo(returns), 3),
        "effective trials": (lambda: effective_trials(returns), 3),
        "arch: superior ability": (lambda: SPA(np.zeros(3_900), -returns, block_size=10).compute(), 1),
        "arch: confidence set": (lambda: MCS(-returns, 0.05, block_size=10, method="max").compute(), 1),
    }
    for name, (task, times) in tasks.items():
        taken = []
        for _ in range(times):
            begun = time.perf_counter()
            task()
            taken.append(time.perf_counter() - begun)
        print(f"{name:30s}{min(taken):8.3f} s")


if __name__ == "__main__":
    main()
