"""How often the lab is fooled, and how often it finds what is there: what makes its verdicts worth anything.

    python bench/calibration.py                          200 markets without an edge, 50 of each planted edge
    python bench/calibration.py --no-edge 1000 --edge 0 --workers 2

Every strategy goes through the whole lab (search, walk-forward, costs, bootstrap, deflated Sharpe ratio, benchmark,
look-ahead audit) on every market of fifteen years of daily bars.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from argus.core.instruments import instrument
from argus.core.money import MICROS
from argus.core.time import NS_PER_DAY
from argus.data.synthetic import Edge, SyntheticSpec, generate
from argus.engine.config import AccountConfig, AccountKind, CostModel, RunConfig
from argus.lab.calibration import KnownMarket, Trading, calibrate
from argus.lab.research import ResearchSettings
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import VolatilityTarget

SYMBOL = "ES"
SESSIONS = 3_914  # fifteen years of weekdays
FEE = Decimal("2.25")
SLIPPAGE_TICKS = 1
STRATEGIES = ("sma_cross", "tsmom", "mean_reversion", "overnight")

# On one instrument a slow trend gives fewer round trips in ten years than the lab asks for; it needs many instruments.
# So the trend that is planted here is a fast one, and momentum is searched where it is.
GRIDS: dict[str, tuple[dict[str, Any], ...]] = {
    "tsmom": tuple({"lookback": lookback, "rebalance": rebalance} for lookback in (10, 20, 60) for rebalance in (1, 5))
}


def planted(kind: str, sharpe: float) -> Edge:
    """An edge whose reference rule earns `sharpe` a year after the costs that are charged here."""
    lookback = {"trend": 20, "mean_reversion": 10}.get(kind, 60)
    entry = 1.25 if kind == "mean_reversion" else 1.0
    return Edge(kind, sharpe, cost_ticks=SLIPPAGE_TICKS, fee=float(FEE), lookback=lookback, entry=entry)  # type: ignore[arg-type]


def market(truth: str, edge: Edge | None, seed: int) -> KnownMarket:
    """One market of fifteen years."""
    spec = SyntheticSpec(
        SYMBOL,
        NS_PER_DAY,
        date(2005, 1, 3),
        SESSIONS,
        seed=seed,
        name=truth,
        price_start=2_000.0,
        edge=edge,
        calendar="weekdays",
    )
    return KnownMarket(f"{truth} #{seed}", truth, instrument(SYMBOL), partial(generate, spec))


def trading(audit_cuts: int) -> Trading:
    """A futures account large enough that whole contracts do not matter."""
    config = RunConfig(
        account=AccountConfig(AccountKind.FUTURES, 50_000_000 * MICROS),
        costs=CostModel(fee_per_unit=FEE, slippage_ticks=SLIPPAGE_TICKS),
    )
    settings = ResearchSettings(audit_cuts=audit_cuts, bootstrap_paths=2_000)
    return Trading(config, VolatilityTarget(), LimitRiskPolicy(), settings, GRIDS)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-edge", type=int, default=200, help="markets without an edge")
    parser.add_argument("--edge", type=int, default=50, help="markets of each planted edge")
    parser.add_argument("--sharpe", type=float, default=1.5, help="true annual Sharpe ratio of the planted edges")
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES), choices=STRATEGIES)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--audit-cuts", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the rates to this file")
    given = parser.parse_args()
    markets = [market("no edge", None, seed) for seed in range(given.no_edge)]
    for kind in ("trend", "mean_reversion", "overnight"):
        truth = f"{kind} {given.sharpe:g}"
        markets += [market(truth, planted(kind, given.sharpe), seed) for seed in range(given.edge)]
    started = time.perf_counter()
    done = 0

    def progress(name: str) -> None:
        nonlocal done
        done += 1
        if done % 10 == 0 or done == len(markets):
            print(f"{done}/{len(markets)} markets, {time.perf_counter() - started:.0f} s ({name})", file=sys.stderr)

    with ProcessPoolExecutor(given.workers) as pool:

        def spread(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
            return pool.map(function, items)

        result = calibrate(markets, given.strategies, trading(given.audit_cuts), map_runs=spread, progress=progress)
    print("\n".join(result.lines()))
    print(f"{len(markets)} markets x {len(given.strategies)} strategies in {time.perf_counter() - started:.0f} s")
    if given.json:
        given.json.write_text(json.dumps(result.as_dict(), indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
