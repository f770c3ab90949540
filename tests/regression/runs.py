"""All reference runs by name."""

from __future__ import annotations

from functools import cache
from typing import Final

from argus.engine.record import RunRecord
from tests.regression.reference import Reference, Scene, play
from tests.regression.runs_accounts import ACCOUNT_RUNS
from tests.regression.runs_currencies import CURRENCY_RUNS
from tests.regression.runs_markets import MARKET_RUNS
from tests.regression.runs_orders import ORDER_RUNS
from tests.regression.runs_quotes import QUOTE_RUNS

__all__ = ["RUNS", "played"]

_ALL: Final = (*ORDER_RUNS, *ACCOUNT_RUNS, *MARKET_RUNS, *CURRENCY_RUNS, *QUOTE_RUNS)
RUNS: Final[dict[str, Reference]] = {each.name: each for each in _ALL}
"""Every reference run, in the sequence in which it is frozen."""
if len(RUNS) != len(_ALL):
    raise ValueError("two reference runs have one name; their frozen files would overwrite each other")


@cache
def played(name: str) -> tuple[Scene, RunRecord]:
    """A reference run, played once in this process."""
    scene = RUNS[name].stage()
    return scene, play(scene)
