"""How this machine compares with the one on which the aims were set, and Argus with the aims at this machine's pace.

    python bench/pace_bench.py

The aims of the design (seconds, rates) were set on another machine, on which peers and bare loops had been measured.
The same peers doing the same work here tell how much slower or faster this machine is for work of that kind: their
*pace*, the time here by the time there. An aim is met as written if Argus needs at most the aim, and met in proportion
if it needs at most the aim times the pace of the peer named beside it. Wall seconds, the least of some rounds. Peers
that need an environment of their own are left out, and so are checks of values: the other programs here do these.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import features_bench
import heston_bench
import lab_bench
import limit_loop
import numpy as np
import options_bench
import polars as pl
from peers.protocol import FAST, SLOW
from vollib.black.implied_volatility import implied_volatility

from argus.core.random import generator
from argus.features import LiveFeatures, compute_set
from argus.features.sets import columns_of
from argus.lab.stress.bootstrap import Redraw, bootstrap_trades
from argus.options import american_values, black_scholes_greeks, heston_price, implied_vol, simulate_heston

LOOP_BARS = 1_000_000
LIVE_BARS = 3_000
PHYSICS_SHARE = 10


@dataclass(frozen=True)
class Peer:
    """What was measured of a peer where the aims were set.

    Attributes
    ----------
    name : str
    seconds : float
        There.
    work : callable
        Makes what does the same work here; gives how many times the work of there one call is, and the call.
    """

    name: str
    seconds: float
    work: Callable[[], tuple[float, Callable[[], object]]]


def least(call: Callable[[], object], rounds: int) -> float:
    """Least wall seconds, after a call that compiles."""
    call()
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def bare_loop() -> tuple[float, Callable[[], object]]:
    """The loop of the engine's bench over a million bars."""
    market = features_bench.bars().rows(0, LOOP_BARS)
    equity = np.zeros(LOOP_BARS)
    return 1.0, lambda: limit_loop.single(market.open, market.close, FAST, SLOW, equity)


def talib() -> tuple[float, Callable[[], object]]:
    """24 columns of 3.5 million rows."""
    market = features_bench.bars()
    return 24 / features_bench.SCALED_TO, lambda: features_bench.in_talib(market)


def pandas() -> tuple[float, Callable[[], object]]:
    """16 columns of 3.5 million rows."""
    market = features_bench.bars()
    return 16 / features_bench.SCALED_TO, lambda: features_bench.in_pandas(market)


def snappy() -> tuple[float, Callable[[], object]]:
    """Polars writing 50 of 150 columns of 3.5 million float32."""
    random = np.random.default_rng(5)
    frame = pl.DataFrame({f"c{k}": random.random(features_bench.ROWS, dtype=np.float32) for k in range(50)})
    path = Path(tempfile.mkdtemp()) / "columns.parquet"

    def write() -> None:
        frame.write_parquet(path, compression="snappy")
        path.unlink()

    return 1 / 3, write


def vollib() -> tuple[float, Callable[[], object]]:
    """Volatilities of 5,000 options, one by one."""
    quotes = out_of_the_money(5_000)
    rows = list(zip(*(quotes[name].tolist() for name in NAMES), strict=True))

    def solve() -> None:
        for price, forward, discount, strike, years, right in rows:
            rate = -np.log(discount) / years
            implied_volatility(price, forward, strike, rate, years, "c" if right == 1 else "p")

    return 0.005, solve


def quantlib_surface() -> tuple[float, Callable[[], object]]:
    """328 European options under Heston."""
    return 1.0, heston_bench.quantlib_surface("analytic")


def quantlib_paths() -> tuple[float, Callable[[], object]]:
    """2,000 paths of 252 steps, of 100,000."""
    heston_bench.quantlib_surface("analytic")
    return heston_bench.PEER_PATHS / heston_bench.PATHS, heston_bench.quantlib_paths


def arch() -> tuple[float, Callable[[], object]]:
    """A tenth of 10,000 stationary bootstraps of 1,000 trades, with a Python function of each."""
    from arch.bootstrap import StationaryBootstrap

    pnl = trades()

    def figures(drawn: np.ndarray) -> np.ndarray:
        equity = lab_bench.CAPITAL + np.cumsum(drawn)
        depth = (np.maximum.accumulate(equity) - equity).max()
        return np.array([equity[-1], depth, equity.min() <= 0.0, drawn.mean() / drawn.std()])

    return 0.1, lambda: StationaryBootstrap(lab_bench.BLOCK, pnl, seed=1).apply(figures, lab_bench.PATHS // 10)


PEERS = {
    "loop": Peer("bare Numba loop, 1 M bars", 1.0 / 336, bare_loop),
    "talib": Peer("TA-Lib, 150 columns x 3.5 M", 1.6, talib),
    "pandas": Peer("pandas, 150 columns x 3.5 M", 13.3, pandas),
    "snappy": Peer("Polars, Snappy Parquet, 2.1 GB", 1.6, snappy),
    "vollib": Peer("vollib, 1 M volatilities", 1e6 / 44e3, vollib),
    "surface": Peer("QuantLib, Heston 41 x 8", 0.0121, quantlib_surface),
    "paths": Peer("QuantLib, Heston 100,000 x 252", heston_bench.PATHS * heston_bench.STEPS / 4.6e6, quantlib_paths),
    "arch": Peer("arch, 10,000 x 1,000 bootstraps", 0.48, arch),
}

NAMES = ("price", "forward", "discount", "strike", "years", "right")


def out_of_the_money(rows: int) -> options_bench.Columns:
    """Quotes above a hundredth of a cent, by Black's formula."""
    market = options_bench.market()
    years = market["years"]
    forward = 100.0 * np.exp((options_bench.RATE - options_bench.DIVIDEND) * years)
    discount = np.exp(-options_bench.RATE * years)
    right = np.where(forward < market["strike"], 1, -1).astype(np.int8)
    price = options_bench.black76_price(forward, discount, market["strike"], years, market["vol"], right).price
    quotes = {**market, "price": price, "forward": forward, "discount": discount, "right": right}
    return {name: column[price > 1e-4][:rows] for name, column in quotes.items()}


def trades() -> np.ndarray:
    """A thousand results."""
    return generator(1, "bench", "trades").normal(5.0, 100.0, lab_bench.TRADES)


def of_features() -> list[tuple[str, float, float, str]]:
    """What is asked, the aim in seconds, seconds here, and the peers that do work of that kind."""
    market = features_bench.bars()
    found = []
    for name, aim, share, rounds in (("futures", 0.6, 1, 4), ("physics", 20.0, PHYSICS_SHARE, 1)):
        refs = columns_of(name)
        given = features_bench.inputs(market.rows(0, len(market) // share), refs)
        out = np.zeros((len(refs), len(market) // share), dtype=np.float32)
        compute_set(refs, features_bench.inputs(market.rows(0, 3_000), refs))
        taken = least(lambda refs=refs, given=given, out=out: compute_set(refs, given, out, 2), rounds)
        told = f"set {name}, 3.5 M rows" + (f", a {share}th of them measured" if share > 1 else "")
        found.append((told, aim, taken * share, "talib pandas loop"))
    refs = columns_of("futures")
    given = features_bench.input_rows(market.rows(0, LIVE_BARS), refs)
    live = LiveFeatures(refs)
    rows = np.column_stack([given[name] for name in live.inputs]).astype(np.float64)

    def bars() -> None:
        for one in rows[:300]:
            live.update(one)

    return [*found, ("one bar of set futures", 20e-6, least(bars, 20) / 300, "talib pandas loop")]


def of_options() -> list[tuple[str, float, float, str]]:
    """As `of_features`; processors: one but for the paths."""
    market, quotes = options_bench.market(), out_of_the_money(options_bench.ROWS)
    given = (100.0, market["strike"], market["years"], market["vol"], 0.03, 0.01, market["right"])
    held = black_scholes_greeks(*given, extended=False)
    few = tuple(one[: options_bench.PART] if isinstance(one, np.ndarray) else one for one in given)
    solved = len(quotes["price"])
    plan = heston_bench.PathPlan(1.0, heston_bench.STEPS, heston_bench.PATHS)
    strike, years = heston_bench.STRIKE, heston_bench.YEARS
    rows = [
        (
            "implied volatility of 1 M options",
            0.1,
            least(lambda: implied_vol(*(quotes[name] for name in NAMES)), 5) * 1e6 / solved,
            "vollib loop",
        ),
        (
            "price and eight greeks of 1 M options",
            1 / 60,
            least(lambda: black_scholes_greeks(*given, extended=False, out=held), 9),
            "vollib loop",
        ),
        (
            "1 M American options",
            10.0,
            least(lambda: american_values(*few), 5) * 1e6 / options_bench.PART,
            "surface loop",
        ),
        (
            "Heston surface 41 x 8",
            0.4e-3,
            least(lambda: heston_price(heston_bench.MODEL, strike, -1, years, 100.0), 100),
            "surface loop",
        ),
        (
            "Heston, 100,000 x 252 steps",
            0.12,
            least(lambda: simulate_heston(heston_bench.MODEL, plan, workers=2), 7),
            "paths loop",
        ),
    ]
    return rows


def of_the_lab() -> list[tuple[str, float, float, str]]:
    """As `of_features`."""
    pnl = trades()
    return [
        (
            f"10,000 x 1,000 trades, {mode.value}",
            0.01,
            least(lambda mode=mode: bootstrap_trades(pnl, capital=lab_bench.CAPITAL, mode=mode, workers=2), 15),
            "arch loop",
        )
        for mode in Redraw
    ]


def shown(seconds: float) -> str:
    """Seconds with a unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds / 1e-6:.1f} us"


def main() -> None:
    """Print both tables."""
    paces = {}
    print(f"{'peer':<34} {'there':>10} {'here':>10} {'pace':>6}")
    for key, peer in PEERS.items():
        share, call = peer.work()
        here = least(call, 3) / share
        paces[key] = here / peer.seconds
        print(f"{peer.name:<34} {shown(peer.seconds):>10} {shown(here):>10} {paces[key]:>6.2f}")
    print(f"\n{'Argus':<46} {'aim':>10} {'here':>10} {'by aim':>7}  by the aim at the pace of")
    for what, aim, here, kin in [*of_features(), *of_options(), *of_the_lab()]:
        scaled = ", ".join(f"{one} {here / aim / paces[one]:.2f}" for one in kin.split())
        print(f"{what:<46} {shown(aim):>10} {shown(here):>10} {here / aim:>7.2f}  {scaled}")
    print("\nAt most 1 is met.")


if __name__ == "__main__":
    main()
