"""How fast options are priced and volatilities found, beside vollib, QuantLib and py_vollib_vectorized.

    python bench/options_bench.py

Every value is compared before it is timed: prices and greeks with QuantLib's, volatilities with those that made the
prices, American prices with QuantLib's at high precision. Rates are of processor seconds on one core, the best of a few
repetitions, for other work shares the machine; libraries that take one option at a time get fewer of them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import QuantLib as ql
from numpy.typing import NDArray
from peers.install import interpreter, state
from vollib.black.implied_volatility import implied_volatility as vollib_implied
from vollib.black_scholes_merton import black_scholes_merton
from vollib.black_scholes_merton.greeks import analytical

from argus.options import (
    Greeks,
    american_implied_vol,
    american_values,
    black76_greeks,
    black76_price,
    black_scholes_greeks,
    implied_vol,
)

ROWS, PART = 1_000_000, 16_384
SLOW, SLOWEST = 5_000, 300
RATE, DIVIDEND = 0.03, 0.01
HERE = Path(__file__).resolve().parent
Columns = dict[str, NDArray[Any]]


def market() -> Columns:
    """Options on a spot of 100: strikes 70 to 130, a week to two years, volatility 8 % to 80 %."""
    rng = np.random.default_rng(7)
    years, vol = rng.uniform([0.02, 0.08], [2.0, 0.8], (ROWS, 2)).T
    return {
        "strike": rng.uniform(70.0, 130.0, ROWS),
        "years": np.ascontiguousarray(years),
        "vol": np.ascontiguousarray(vol),
        "right": rng.choice(np.array([-1, 1], dtype=np.int8), ROWS),
    }


def part(columns: Columns, rows: int, begin: int = 0) -> Columns:
    """Some of the rows."""
    return {name: column[begin : begin + rows] for name, column in columns.items()}


def seconds(call: Callable[[], Any], repeats: int = 7) -> float:
    """Least processor seconds, after a call that compiles."""
    call()
    best = np.inf
    for _ in range(repeats):
        begun = time.process_time()
        call()
        best = min(best, time.process_time() - begun)
    return float(best)


def line(what: str, rows: int, taken: float, error: float) -> None:
    """A row of the table."""
    print(f"{what:<58} {rows:>9,} {rows / taken:>14,.0f} {error:>10.0e}")


def check(what: str, error: float, most: float) -> float:
    """Stop unless the values agree."""
    if not error <= most:
        raise SystemExit(f"{what}: values differ by {error}; at most {most} is allowed")
    return error


def greeks(columns: Columns) -> None:
    """Price and greeks."""

    def argus(one: Columns, out: Greeks | None = None, extended: bool = True) -> Greeks:
        given = (100.0, one["strike"], one["years"], one["vol"], RATE, DIVIDEND, one["right"])
        return black_scholes_greeks(*given, out=out, extended=extended)

    few = part(columns, SLOW)
    rows = list(zip(*(column.tolist() for column in few.values()), strict=True))

    def quantlib() -> NDArray[np.float64]:
        found = []
        for strike, years, vol, right in rows:
            payoff = ql.PlainVanillaPayoff(ql.Option.Call if right == 1 else ql.Option.Put, strike)
            grown, discount = 100.0 * np.exp((RATE - DIVIDEND) * years), np.exp(-RATE * years)
            one = ql.BlackCalculator(payoff, grown, vol * np.sqrt(years), discount)
            found.append(
                (
                    one.value(),
                    one.delta(100.0),
                    one.gamma(100.0),
                    one.vega(years),
                    one.theta(100.0, years),
                    one.rho(years),
                )
            )
        return np.array(found)

    def vollib() -> NDArray[np.float64]:
        found = []
        for strike, years, vol, right in rows[:SLOWEST]:
            flag, rest = "c" if right == 1 else "p", (100.0, strike, years, RATE, vol, DIVIDEND)
            called = (analytical.delta, analytical.gamma, analytical.vega, analytical.theta, analytical.rho)
            found.append((black_scholes_merton(flag, *rest), *(greek(flag, *rest) for greek in called)))
        return np.array(found)

    ours = argus(few)
    own = np.column_stack([ours.price, ours.delta, ours.gamma, ours.vega, ours.theta, ours.rho])
    error = check("greeks against QuantLib", float(np.abs(own - quantlib()).max()), 1e-9)
    scaled = own[:SLOWEST] * [1.0, 1.0, 1.0, 0.01, 1.0 / 365.0, 0.01]
    theirs = check("vollib's greeks", float(np.abs(scaled - vollib()).max()), 1e-9)
    line("price + 11 greeks: Argus, a million rows in one call", ROWS, seconds(lambda: argus(columns)), error)
    held = argus(columns)
    line("  the same, written over an earlier answer", ROWS, seconds(lambda: argus(columns, held)), error)
    eight = argus(columns, extended=False)
    taken = seconds(lambda: argus(columns, eight, False))
    line("price + 8 greeks: Argus, written over an earlier answer", ROWS, taken, error)
    for many in (PART, PART // 4):
        some = part(columns, many)
        held_few = argus(some, extended=False)
        taken = seconds(lambda some=some, held=held_few: argus(some, held, False), 200)
        line(f"  the same, {many:,} rows", many, taken, error)
    line("price + 5 greeks: QuantLib, BlackCalculator", SLOW, seconds(quantlib, 3), 0.0)
    line("price + 5 greeks: vollib", SLOWEST, seconds(vollib, 3), theirs)


def volatilities(columns: Columns) -> None:
    """Implied volatility of out-of-the-money quotes above a hundredth of a cent."""
    years = columns["years"]
    forward, discount = 100.0 * np.exp((RATE - DIVIDEND) * years), np.exp(-RATE * years)
    right = np.where(forward < columns["strike"], 1, -1).astype(np.int8)
    price = black76_price(forward, discount, columns["strike"], years, columns["vol"], right).price
    quotes = {"price": price, "forward": forward, "discount": discount, **columns, "right": right}
    quotes = {name: column[price > 1e-4] for name, column in quotes.items()}
    vol, count = quotes["vol"], len(quotes["vol"])
    names = ("price", "forward", "discount", "strike", "years", "right")

    def argus(one: Columns) -> Any:
        return implied_vol(*(one[name] for name in names))

    few = part(quotes, SLOW)
    rows = list(zip(*(few[name].tolist() for name in names), strict=True))

    def quantlib() -> NDArray[np.float64]:
        found = []
        for price, forward, discount, strike, years, right in rows:
            side = ql.Option.Call if right == 1 else ql.Option.Put
            stdev = ql.blackFormulaImpliedStdDev(side, strike, forward, price, discount, 0.0, 0.2, 1e-12, 200)
            found.append(stdev / np.sqrt(years))
        return np.array(found)

    def vollib() -> NDArray[np.float64]:
        return np.array(
            [vollib_implied(p, f, k, -np.log(d) / t, t, "c" if r == 1 else "p") for p, f, d, k, t, r in rows]
        )

    error = check("volatilities", float(np.abs(argus(quotes).vol - vol).max()), 1e-9)
    line("implied vol: Argus, all in one call", count, seconds(lambda: argus(quotes)), error)
    for name, call in (("QuantLib", quantlib), ("vollib", vollib)):
        line(f"implied vol: {name}", SLOW, seconds(call, 3), float(np.abs(call() - few["vol"]).max()))
    vectorized(quotes, names)


def vectorized(quotes: Columns, names: tuple[str, ...]) -> None:
    """The peer whose pins are too old for this environment."""
    peer = "py_vollib_vectorized"
    missing = state(peer)
    if missing:
        print(f"implied vol: {peer}: {missing}")
        return
    with tempfile.TemporaryDirectory() as folder:
        given, solved = Path(folder) / "quotes.npz", Path(folder) / "vols.npy"
        np.savez(given, **{name: quotes[name] for name in names})
        command = [str(interpreter(peer)), "-W", "ignore", str(HERE / "peers" / f"{peer}_peer.py")]
        done = subprocess.run([*command, str(given), str(solved)], check=True, capture_output=True, text=True)
        error = float(np.nanmax(np.abs(np.load(solved) - quotes["vol"])))
        line(f"implied vol: {peer}", len(quotes["vol"]), float(done.stdout.split()[-1]), error)


def americans(columns: Columns) -> None:
    """American options."""
    few = part(columns, PART)
    few["years"] = np.round(few["years"] * 365.0) / 365.0
    one = part(few, SLOWEST)

    def argus(rows: Columns, accuracy: str) -> Any:
        return american_values(
            100.0, rows["strike"], rows["years"], rows["vol"], RATE, DIVIDEND, rows["right"], accuracy=accuracy
        )

    def quantlib(scheme: Any) -> NDArray[np.float64]:
        today, days = ql.Date(2, 1, 2020), ql.Actual365Fixed()
        ql.Settings.instance().evaluationDate = today
        spot, sigma = ql.QuoteHandle(ql.SimpleQuote(100.0)), ql.SimpleQuote(0.2)
        curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, rate, days)) for rate in (DIVIDEND, RATE)]
        smile = ql.BlackConstantVol(today, ql.NullCalendar(), ql.QuoteHandle(sigma), days)
        process = ql.BlackScholesMertonProcess(spot, *curves, ql.BlackVolTermStructureHandle(smile))
        engine, found = ql.QdFpAmericanEngine(process, scheme), []
        for strike, years, vol, right in zip(*(column.tolist() for column in one.values()), strict=True):
            sigma.setValue(vol)
            payoff = ql.PlainVanillaPayoff(ql.Option.Call if right == 1 else ql.Option.Put, strike)
            option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + round(years * 365.0)))
            option.setPricingEngine(engine)
            found.append(option.NPV())
        return np.array(found)

    schemes = {"fast": ql.QdFpAmericanEngine.fastScheme(), "accurate": ql.QdFpAmericanEngine.accurateScheme()}
    exact = quantlib(ql.QdFpAmericanEngine.highPrecisionScheme())
    for accuracy, most in (("fast", 1e-5), ("precise", 3e-6)):
        error = check(f"American, {accuracy}", float(np.abs(argus(one, accuracy).price - exact).max()), most)
        taken = seconds(lambda accuracy=accuracy: argus(few, accuracy), 3)
        line(f"American price, delta, gamma, boundary: Argus, {accuracy}", PART, taken, error)
    for name, scheme in schemes.items():
        error = float(np.abs(quantlib(scheme) - exact).max())
        taken = seconds(lambda scheme=scheme: quantlib(scheme), 3)
        line(f"American price: QuantLib, Andersen-Lake-Offengenden, {name}", SLOWEST, taken, error)
    made = argus(few, "fast").price
    # Further away an option may be worth no more than what waiting without volatility brings.
    alive = np.abs(few["strike"] - 100.0) < 5.0
    quoted = {name: column[alive] for name, column in few.items()}

    def search() -> Any:
        return american_implied_vol(
            made[alive], 100.0, quoted["strike"], quoted["years"], RATE, DIVIDEND, quoted["right"]
        )

    error = check("American volatilities", float(np.abs(search().vol - quoted["vol"]).max()), 1e-8)
    line("American implied vol: Argus, fast", int(alive.sum()), seconds(search, 1), error)


def pace() -> float:
    """Processor seconds of a fixed loop: how fast the machine is just now."""
    begun = time.process_time()
    total = 0
    for number in range(10_000_000):
        total += number
    return time.process_time() - begun


def main() -> None:
    """Print the table."""
    columns = market()
    vega = black76_greeks(100.0, 1.0, columns["strike"], columns["years"], columns["vol"], columns["right"]).vega
    print(f"a fixed Python loop takes {pace():.2f} s of processor; median vega {np.median(vega):.1f}")
    print(f"\n{'spot 100, one core':<58} {'options':>9} {'options/s':>14} {'error':>10}")
    greeks(columns)
    volatilities(columns)
    americans(columns)
    print(f"\na fixed Python loop takes {pace():.2f} s of processor")


if __name__ == "__main__":
    sys.exit(main())
