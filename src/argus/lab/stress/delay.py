"""What is left if every decision comes one or two bars late: an edge that lives for one bar only is hard to trade.

The strategy decides when it always did, on what it then saw; its intents are handed out at a later wake-up. Sizing and
risk look at the account of that later instant, as they would for a trader who is late.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from argus.core.errors import ConfigError
from argus.core.intents import Bracket, Intent, OrderRequest, Replace
from argus.core.orders import Fill
from argus.core.ports import Strategy, View
from argus.core.strategy import ParameterValue, StrategySpec
from argus.engine.config import RunConfig
from argus.engine.forms import source_hash
from argus.engine.record import RunRecord
from argus.lab.stress.replays import MakeStrategy, Outcome, Replay, outcome_of

__all__ = ["DelayStress", "Delayed", "delay_stress"]


class Delayed:
    """A strategy whose intents come some wake-ups late. Implements `core.ports.Strategy`.

    Orders keep their prices. An order that would have expired by then is not sent. Answers to a fill belong to the
    wake-up before it. With no delay every order, fill and balance is the strategy's own, to the bit.

    Parameters
    ----------
    inner : Strategy
    wakes : int
        Wake-ups of the strategy: bars, or sessions for one that wakes at session ends.

    Raises
    ------
    ConfigError
        If `wakes` is negative.
    """

    def __init__(self, inner: Strategy, wakes: int) -> None:
        if wakes < 0:
            raise ConfigError(f"delay: wakes is {wakes}; intents cannot be handed out before they are made")
        self._inner = inner
        self._wakes = wakes
        self._waiting: deque[list[Intent]] = deque()

    @property
    def spec(self) -> StrategySpec:
        """The strategy's own; its values name the delay, and the strategy's text: the manifest sees this class only."""
        spec = self._inner.spec
        if not self._wakes:
            return spec
        told: dict[str, ParameterValue] = {
            "delayed_wakes": self._wakes,
            "delayed_source": source_hash(type(self._inner)),
        }
        return replace(spec, values={**spec.values, **told})

    def wake(self, view: View) -> Sequence[Intent]:
        """Let the strategy decide, and hand out what it decided `wakes` wake-ups ago."""
        if not self._wakes:
            return self._inner.wake(view)
        self._waiting.append(list(self._inner.wake(view)))
        if len(self._waiting) <= self._wakes:
            return ()
        return [intent for intent in self._waiting.popleft() if not _is_over(intent, view.now_ns)]

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        """Let the strategy react; its answer waits as long as that of the wake-up before."""
        answer = self._inner.filled(fill, view)
        if not self._wakes:
            return answer
        self._waiting[-1].extend(answer)
        return ()


def _is_over(intent: Intent, now_ns: int) -> bool:
    order = intent.entry if isinstance(intent, Bracket) else intent.order if isinstance(intent, Replace) else intent
    return isinstance(order, OrderRequest) and order.expires_ns is not None and order.expires_ns <= now_ns


@dataclass(frozen=True, slots=True)
class DelayStress:
    """The account without delay, and with each delay.

    Attributes
    ----------
    outcomes : tuple of Outcome
        Named by wake-ups of delay; the first is ``0``.
    figure : float
        Annual Sharpe ratio one wake-up late; NaN if that was not run.
    sentence : str
    """

    outcomes: tuple[Outcome, ...]
    figure: float
    sentence: str


def delay_stress(
    replay: Replay,
    make: MakeStrategy,
    config: RunConfig,
    record: RunRecord,
    *,
    per_year: float,
    delays: Sequence[int] = (1, 2),
) -> DelayStress:
    """Trade again with late decisions.

    Parameters
    ----------
    replay : callable
        `argus.lab.stress.replays.Replay`.
    make : callable
        A fresh strategy.
    config : RunConfig
        Of the run without delay.
    record : RunRecord
        That run.
    per_year : float
        Sessions a year.
    delays : sequence of int
        Wake-ups, each at least 1.
    """
    outcomes = [outcome_of("0", record, per_year)]
    for wakes in delays:
        late = replay(partial(_late, make, wakes), config, "robustness")
        outcomes.append(outcome_of(str(wakes), late, per_year))
    figure = next((one.sharpe_annual for one in outcomes if one.name == "1"), math.nan)
    shown = ", ".join(f"{one.sharpe_annual:.2f} after {one.name}" for one in outcomes[1:])
    sentence = f"With decisions late by some wake-ups the Sharpe ratio of {outcomes[0].sharpe_annual:.2f} is {shown}."
    return DelayStress(tuple(outcomes), figure, sentence)


def _late(make: MakeStrategy, wakes: int) -> Delayed:
    return Delayed(make(), wakes)
