"""Speed of Heston: a surface of 41 strikes by 8 expiries, a calibration to it, and 100,000 paths of 252 steps.

    python bench/heston_bench.py

Before anything is timed, prices are compared with QuantLib's, and the mean of the paths with the closed form. Wall
times depend on what else the machine does, so processor seconds stand beside them; the best of several rounds is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import QuantLib as ql

from argus.options import (
    HestonParameters,
    HestonQuotes,
    PathPlan,
    calibrate_heston,
    heston_greeks,
    heston_price,
    path_mean,
    simulate_heston,
)

MODEL = HestonParameters(0.04, 1.5, 0.06, 0.6, -0.7)
WILD = HestonParameters(0.04, 0.5, 0.04, 1.0, -0.9)
DAYS = np.array([7, 14, 30, 60, 91, 182, 365, 730])
STRIKES = np.linspace(60.0, 140.0, 41)
YEARS, STRIKE = np.repeat(DAYS / 365, len(STRIKES)), np.tile(STRIKES, len(DAYS))
PATHS, STEPS = 100_000, 252
PEER_PATHS = 2_000


def quantlib_surface(engine: str) -> Callable[[], np.ndarray]:
    """What prices the surface by one of QuantLib's engines; the options are made beforehand."""
    today = ql.Date(1, 1, 2020)
    ql.Settings.instance().evaluationDate = today
    flat = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, ql.Actual365Fixed()))
    v0 = ql.SimpleQuote(MODEL.v0)
    spot = ql.SimpleQuote(100.0)
    process = ql.HestonProcess(flat, flat, ql.QuoteHandle(spot), v0.value(), *MODEL.as_tuple()[1:])
    model = ql.HestonModel(process)
    chosen = ql.AnalyticHestonEngine(model, 192) if engine == "analytic" else ql.COSHestonEngine(model)
    options = []
    for days in DAYS:
        exercise = ql.EuropeanExercise(today + int(days))
        for strike in STRIKES:
            option = ql.EuropeanOption(ql.PlainVanillaPayoff(ql.Option.Put, float(strike)), exercise)
            option.setPricingEngine(chosen)
            options.append(option)

    def price() -> np.ndarray:
        spot.setValue(99.0)  # a price that has not changed is not worked out again
        spot.setValue(100.0)
        return np.array([option.NPV() for option in options])

    return price


def quantlib_paths() -> float:
    """Mean growth over `PEER_PATHS` paths of QuantLib's own generator."""
    today = ql.Settings.instance().evaluationDate
    flat = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, ql.Actual365Fixed()))
    process = ql.HestonProcess(
        flat,
        flat,
        ql.QuoteHandle(ql.SimpleQuote(1.0)),
        *MODEL.as_tuple(),
        ql.HestonProcess.QuadraticExponentialMartingale,
    )
    uniform = ql.UniformRandomSequenceGenerator(2 * STEPS, ql.UniformRandomGenerator(42))
    times = list(ql.TimeGrid(1.0, STEPS))
    paths = ql.GaussianMultiPathGenerator(process, times, ql.GaussianRandomSequenceGenerator(uniform), False)
    total = 0.0
    for _ in range(PEER_PATHS):
        total += paths.next().value()[0].back()
    return total / PEER_PATHS


def best(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Fewest wall and processor seconds of several rounds."""
    walls, processors = [], []
    for _ in range(rounds):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls), min(processors)


def check() -> None:
    """Prices must be QuantLib's, the mean of the paths the closed form's."""
    ours = heston_price(MODEL, STRIKE, -1, YEARS, 100.0).price
    theirs = quantlib_surface("analytic")()
    error = np.abs(ours - theirs).max()
    print(f"largest difference to QuantLib's analytic engine {error:.1e}")
    if error > 1e-5:
        raise SystemExit("the prices are not QuantLib's")
    for model in (MODEL, WILD):
        exact = heston_price(model, 1.0, 1, 1.0, 1.0).price[0]
        paths = simulate_heston(model, PathPlan(1.0, STEPS, PATHS, seed=1))
        found = path_mean(paths, np.maximum(paths.growth - 1.0, 0.0), paths.growth, 1.0)
        print(f"call by paths {found.mean:.5f} +- {found.standard_error:.5f}, exact {exact:.5f}")
        if abs(found.mean - exact) > 4.0 * found.standard_error:
            raise SystemExit("the paths do not have the closed form's price")


def main() -> None:
    """Print the table."""
    check()
    right = np.where(STRIKE < 100.0, -1, 1)
    price = heston_price(MODEL, STRIKE, right, YEARS, 100.0).price
    half = 0.01 + 0.01 * price
    quotes = HestonQuotes(STRIKE, right, YEARS, 100.0, 1.0, price - half, price + half)
    near = HestonParameters(0.045, 1.7, 0.055, 0.65, -0.65)
    rows: list[tuple[str, Callable[[], object], int]] = [
        ("surface 41 x 8", lambda: heston_price(MODEL, STRIKE, -1, YEARS, 100.0), 200),
        ("surface with greeks", lambda: heston_greeks(MODEL, STRIKE, -1, YEARS, 100.0), 100),
        ("surface, QuantLib analytic", quantlib_surface("analytic"), 5),
        ("surface, QuantLib COS", quantlib_surface("cosine"), 5),
        ("calibration, 3 starts", lambda: calibrate_heston(quotes), 3),
        ("calibration, warm", lambda: calibrate_heston(quotes, warm=near, starts=0), 5),
    ]
    print(f"{'':40} {'wall ms':>10} {'cpu ms':>10}")
    for name, work, rounds in rows:
        wall, processor = best(work, rounds)
        print(f"{name:40} {1e3 * wall:10.3f} {1e3 * processor:10.3f}")
    print(f"{f'paths x {STEPS} steps':40} {'wall ms':>10} {'cpu ms':>10} {'M steps/s wall':>15} {'M steps/s cpu':>15}")
    for name, model, antithetic, workers in (
        ("2 threads, antithetic", MODEL, True, 2),
        ("2 threads, independent", MODEL, False, 2),
        ("2 threads, antithetic, Feller violated", WILD, True, 2),
        ("1 thread, antithetic", MODEL, True, 1),
    ):
        plan = PathPlan(1.0, STEPS, PATHS, antithetic=antithetic)
        wall, processor = best(lambda m=model, p=plan, w=workers: simulate_heston(m, p, workers=w), 5)
        steps = PATHS * STEPS / 1e6
        print(f"{name:40} {1e3 * wall:10.1f} {1e3 * processor:10.1f} {steps / wall:15.1f} {steps / processor:15.1f}")
    wall, processor = best(quantlib_paths, 1)
    steps = PEER_PATHS * STEPS / 1e6
    print(f"{'QuantLib, 1 thread':40} {1e3 * wall:10.1f} {1e3 * processor:10.1f} {steps / wall:15.1f}")


if __name__ == "__main__":
    main()
