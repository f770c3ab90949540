from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import binom

from argus.core.arrays import Bars
from argus.core.errors import ConfigError
from argus.core.instruments import instrument
from argus.core.money import MICROS
from argus.lab.calibration.white_noise import WhiteNoise, white_noise
from argus.lab.candidate import Candidate
from argus.lab.journal.trials import MemoryTrialLedger
from argus.lab.search.parameter_search import search
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import VolatilityTarget
from tests.lab.markets import config, daily_bars, noise, reverting

CASH = 20_000_000
SIZER = VolatilityTarget(capital="fixed", capital_micros=CASH * MICROS)
GRID = tuple({"window": window, "entry": 1.0, "hold_max": hold} for window in (4, 6) for hold in (1, 3))


def candidate(bars: Bars) -> Candidate:
    market = {"ES": (instrument("ES"), bars)}
    return Candidate("mean_reversion", ("ES",), market, config(CASH), SIZER, LimitRiskPolicy(), grid=GRID)


def p_values(returns: np.ndarray, count: int, kind: str = "sign_flipped") -> WhiteNoise:
    return white_noise(candidate(daily_bars(returns)), (kind,), count, trials=MemoryTrialLedger())[0]


def test_the_best_of_a_search_on_noise_is_one_of_many() -> None:
    # Under exchangeability p <= 0.2 has a probability of 0.2 at most; so has p >= 0.8.
    found = [p_values(noise(300, seed), 9).p for seed in range(20)]
    assert sum(p <= 0.2 for p in found) <= binom.ppf(0.999, 20, 0.2)
    assert sum(p > 0.8 for p in found) <= binom.ppf(0.999, 20, 0.2)
    assert min(found) >= 0.1


@pytest.mark.parametrize("kind", ["sign_flipped", "redrawn"])
def test_an_edge_is_better_than_its_surrogates(kind: str) -> None:
    found = p_values(reverting(900, 3), 19, kind)
    assert found.p == 1 / 20
    assert found.real > found.surrogate.max()
    assert "on 0 of 19" in found.sentence
    assert found.runs == len(GRID)


@pytest.mark.parametrize("kind", ["phase_randomised", "block_bootstrapped"])
def test_what_a_surrogate_keeps_it_cannot_find(kind: str) -> None:
    # A reversal of one day is an autocorrelation, and lies within a block of twenty.
    found = p_values(reverting(900, 3), 19, kind)
    assert found.p > 1 / 20
    assert float(np.median(found.surrogate)) > 1.0


def test_the_real_search_counts_and_surrogates_do_not() -> None:
    one, ledger, alone = candidate(daily_bars(noise(300, 1))), MemoryTrialLedger(), MemoryTrialLedger()
    told: list[tuple[str, int, int]] = []
    found = white_noise(
        one,
        ("sign_flipped", "phase_randomised"),
        3,
        trials=ledger,
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )
    search(one, alone, map, lambda stage, done, total: None)
    assert repr(ledger.journal()) == repr(alone.journal())
    assert [result.kind for result in found] == ["sign_flipped", "phase_randomised"]
    assert told[-1] == ("surrogates", 6, 6)
    with ThreadPoolExecutor(2) as pool:
        again = white_noise(one, ("sign_flipped",), 3, trials=alone, map_runs=pool.map)
    assert again[0].surrogate.tobytes() == found[0].surrogate.tobytes()
    assert found[0].as_dict()["p"] == found[0].p


def test_what_makes_no_sense_is_refused() -> None:
    one = candidate(daily_bars(noise(300, 1)))
    with pytest.raises(ConfigError, match="surrogates is 0"):
        white_noise(one, ("sign_flipped",), 0, trials=MemoryTrialLedger())
    with pytest.raises(ConfigError, match="name a kind"):
        white_noise(one, (), 5, trials=MemoryTrialLedger())
    with pytest.raises(ConfigError, match="no surrogate"):
        white_noise(one, ("pink",), 5, trials=MemoryTrialLedger())
