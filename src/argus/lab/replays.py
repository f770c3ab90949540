"""What a stress that trades again needs to be given: something that replays, and what is kept of a replay.

How a strategy is run (one instrument, rolled futures, corporate actions) is not the business of a stress. It says what
is traded, on which market, under which costs, and gets a record back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from argus.core.money import MICROS
from argus.core.ports import Strategy
from argus.engine.config import RunConfig
from argus.engine.market import Market
from argus.engine.metrics import session_returns, sharpe
from argus.engine.record import RunRecord

__all__ = ["MakeStrategy", "Outcome", "Replay", "outcome_of"]

MakeStrategy = Callable[[], Strategy]
"""A fresh strategy, as it was before its first decision."""


class Replay(Protocol):
    """Runs a strategy on a market."""

    def __call__(self, make: MakeStrategy, market: Market, config: RunConfig, purpose: str) -> RunRecord:
        """The record of a run; `purpose` goes into the trial ledger."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is kept of a replay; money in units of the account's currency.

    Attributes
    ----------
    name : str
        Which stress.
    run_id : str
    net_pnl, fees : float
    sharpe_annual : float
        NaN if the account never moved.
    trades : int
        Closed ones.
    """

    name: str
    run_id: str
    net_pnl: float
    fees: float
    sharpe_annual: float
    trades: int


def outcome_of(name: str, record: RunRecord, per_year: float) -> Outcome:
    """What is kept of a replay; `per_year` is sessions a year."""
    _, equity = record.session_equity()
    return Outcome(
        name,
        record.manifest.run_id,
        record.net_pnl_micros / MICROS,
        record.fees_micros / MICROS,
        sharpe(session_returns(equity, record.opening_cash_micros)) * math.sqrt(per_year),
        int((record.trades["is_open"] == 0).sum()),
    )
