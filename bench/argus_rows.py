"""The rows of Argus in the engine bench; add one by adding a `Variant` here and a `Row` in engine_bench.py.

What is timed is the whole call: features, manifest, replay, ledger and its proofs, equity per bar, the table of trades,
the line of the trial ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
from peers.protocol import CAPITAL, FAST, FEE, NS_PER_MINUTE, PAIRS, SLOW, Answer, Bars, Variant, serve

from argus.core.arrays import Bars as Market
from argus.core.instruments import instrument
from argus.core.strategy import WakeRule
from argus.engine.batch import run_batch
from argus.engine.compiled import UNITS
from argus.engine.config import AccountConfig, CostModel, RunConfig
from argus.engine.forms import CompiledStrategy
from argus.engine.record import RunRecord
from argus.engine.replay import run
from argus.lab.journal.trials import MemoryTrialLedger
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from argus.strategies.sma_cross import SmaCross

ACCOUNT = AccountConfig(cash_micros=round(CAPITAL * 1e6))
CONFIG = RunConfig(account=ACCOUNT, costs=CostModel(fee_per_unit=Decimal(repr(FEE)), slippage_ticks=1))


class DailyCross(SmaCross):
    """The same averages of minutes, looked at once a session."""

    NAME: ClassVar[str] = "daily_cross"
    WAKE: ClassVar[WakeRule] = WakeRule.SESSION_END


def market(bars: Bars) -> dict[str, Any]:
    """The bars of the bench as Argus takes them."""
    starts = bars.ts_close_ns - NS_PER_MINUTE
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume", "session")}
    laid_out = Market(
        instrument="ES",
        ts_event_ns=starts,
        ts_close_ns=bars.ts_close_ns,
        ts_recv_ns=bars.ts_close_ns,
        open_interest=np.full(len(bars), np.nan),
        session_end=bars.session_end,
        observed=frozenset(("open", "high", "low", "close", "volume")),
        **columns,
    )
    return {"ES": (instrument("ES"), laid_out)}


def road() -> dict[str, Any]:
    """Sizing, risk and the count of trials; new for each run."""
    return {"sizer": FixedUnits(1), "risk": LimitRiskPolicy(), "trials": MemoryTrialLedger()}


def replay(kind: type[SmaCross]) -> Callable[[Bars], Callable[[], RunRecord]]:
    """A Python strategy under the wake-up contract."""

    def fresh(bars: Bars) -> Callable[[], RunRecord]:
        laid_out = market(bars)
        return lambda: run(kind(["ES"], fast=FAST, slow=SLOW), laid_out, CONFIG, **road())

    return fresh


def read(record: RunRecord) -> Answer:
    """Orders and P&L of a run."""
    return len(record.orders), record.net_pnl_micros / 1e6


def cross(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
    """The decision of the cross in compiled form."""
    if now[0] > now[1]:
        side = 1.0
    elif now[0] < now[1]:
        side = -1.0
    else:
        return 0
    if side == memory[0]:
        return 0
    memory[0] = side
    out[0, UNITS] = side
    return 1


def pair(fast: int, slow: int) -> CompiledStrategy:
    """One pair of averages."""
    spec = SmaCross.specify(["ES"], fast=fast, slow=slow)
    return CompiledStrategy(spec, cross, ("fast:ES", "slow:ES"), memory=(0.0,))


def compiled(bars: Bars) -> Callable[[], RunRecord]:
    """A compiled strategy: the same call as a replay."""
    laid_out = market(bars)
    return lambda: run(pair(FAST, SLOW), laid_out, CONFIG, **road())


def compiled_sweep(bars: Bars) -> Callable[[], Any]:
    """The compiled strategy over all pairs, on two workers."""
    laid_out = market(bars)
    counted = {name: value for name, value in road().items() if name != "sizer"}
    return lambda: run_batch([pair(*one) for one in PAIRS], laid_out, CONFIG, workers=2, **counted)


def read_sweep(rows: Any) -> Answer:
    """Orders and P&L of each pair, in the sequence of the grid."""
    return rows["orders"], rows["net_pnl_micros"] / 1e6


if __name__ == "__main__":
    serve(
        "argus",
        {
            "every-bar": Variant(replay(SmaCross), read, compiles=True),
            "daily": Variant(replay(DailyCross), read, fills="daily", compiles=True),
            "compiled": Variant(compiled, read, compiles=True),
            "sweep": Variant(compiled_sweep, read_sweep, compiles=True),
        },
    )
