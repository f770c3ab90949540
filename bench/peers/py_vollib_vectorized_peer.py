"""py_vollib_vectorized: implied volatilities of the quotes in a file, in an environment of its own.

    python py_vollib_vectorized_peer.py QUOTES.npz VOLS.npy

Prints the least processor seconds of a few repetitions, after one that compiles.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from py_vollib_vectorized import vectorized_implied_volatility_black

REPEATS = 5


def main() -> None:
    """Solve, store, time."""
    with np.load(sys.argv[1]) as stored:
        price, forward, discount, strike, years, right = (
            stored[name] for name in ("price", "forward", "discount", "strike", "years", "right")
        )
    rate = -np.log(discount) / years
    flag = np.where(right == 1, "c", "p")
    best = np.inf
    for repeat in range(REPEATS + 1):
        begun = time.process_time()
        vol = vectorized_implied_volatility_black(price, forward, strike, rate, years, flag, return_as="numpy")
        best = min(best, time.process_time() - begun) if repeat else np.inf
    np.save(sys.argv[2], vol)
    print(best)


if __name__ == "__main__":
    main()
