"""What a stress that trades again needs to be given: something that replays, and what is kept of a replay.

How a strategy is run (one instrument, rolled futures, corporate actions) is not the business of a stress. It says what
is traded, under which costs, with which bars in the place of the market's own, and gets a record back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from argus.core.money import MICROS
from argus.core.ports import Strategy
from argus.engine.config import RunConfig
from argus.engine.metrics import session_returns, sharpe
from argus.engine.record import RunRecord
from argus.lab.search.play import Change

__all__ = ["MakeStrategy", "Outcome", "Replay", "outcome_of"]

MakeStrategy = Callable[[], Strategy]
"""A fresh strategy, as it was before its first decision."""


class Replay(Protocol):
    """Runs a strategy on the market that is judged, or on one made from it."""

    def __call__(self, make: MakeStrategy, config: RunConfig, purpose: str, change: Change | None = None) -> RunRecord:
        """The record of a run; `purpose` goes into the trial ledger, `change` gives each instrument other bars."""
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
