"""The look-ahead audit: replace the future by noise, and see whether the past still decides the same.

A strategy that only knows what it may know sends the same orders up to an instant, whatever comes after it. The audit
replays it on a market that is real up to a cut and noise from there on. One order before the cut that differs is proof
of a leak: in the strategy, in a feature, or in the data that it was given. This is the short form that every candidate
goes through in research; `argus.lab.audit` asks more, at more cuts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec
from argus.core.ports import RiskPolicy, Sizer, Strategy, TrialLedger
from argus.core.time import format_ns
from argus.engine.config import RunConfig
from argus.engine.record import RunRecord
from argus.lab.audit.alteration import noise_after
from argus.lab.search.play import Play

__all__ = ["Cut", "audit", "with_noise_after"]

_TAIL_BARS: Final = 500
_STATED: Final = (
    "side",
    "type",
    "tif",
    "quantity_lots",
    "limit_ticks",
    "stop_ticks",
    "ts_submit_ns",
)


@dataclass(frozen=True, slots=True)
class Cut:
    """One instant at which the future was replaced.

    Attributes
    ----------
    ts_ns : int
    orders : int
        Orders sent up to then in the real market.
    clean : bool
        Whether all of them were sent again, and no other.
    difference : str
        The first one that was not; empty if clean.
    """

    ts_ns: int
    orders: int
    clean: bool
    difference: str


def audit(
    make: Callable[[], Strategy],
    play: Play,
    config: RunConfig,
    reference: RunRecord,
    *,
    sizer: Sizer,
    risk: RiskPolicy,
    trials: TrialLedger,
    cuts_ns: Sequence[int],
    seed: int = 0,
) -> tuple[Cut, ...]:
    """Replay with the future replaced after each cut, and compare what was asked for before it.

    Parameters
    ----------
    make : callable
        A fresh strategy, as in the run that is audited.
    play, config, sizer, risk
        As in that run.
    reference : RunRecord
        That run.
    trials : TrialLedger
        Written with the purpose ``audit``, which never counts as a look.
    cuts_ns : sequence of int
    seed : int
        Of the noise.
    """
    results = []
    for cut_ns in cuts_ns:
        replaced = play.changed(partial(with_noise_after, cut_ns=cut_ns, seed=seed))
        again = replaced.run(make(), config, sizer=sizer, risk=risk, trials=trials, purpose="audit")
        before, after = _sent_until(reference, cut_ns), _sent_until(again, cut_ns)
        difference = _first_difference(before, after)
        results.append(Cut(int(cut_ns), len(before), not difference, difference))
    return tuple(results)


def with_noise_after(spec: InstrumentSpec, bars: Bars, cut_ns: int, seed: int) -> Bars:
    """Bars that are real where they had closed by `cut_ns`, and noise for up to 500 bars from there on.

    Times, sessions and what was observed stay. A bar under way at the cut keeps its open, which was traded before it.
    The noise is a random walk three times as wild as the market was, on the tick grid.
    """
    return noise_after(spec, bars, cut_ns, seed, tail=_TAIL_BARS)


_Sent = tuple[str | int, ...]


def _sent_until(record: RunRecord, cut_ns: int) -> list[_Sent]:
    """What was asked for up to the cut: orders as they were sent, then refusals.

    At the cut itself only wake-ups count: an answer to a fill at that instant's open has seen a price after the cut.
    """
    kinds = record.decisions["kind"]
    sent: list[_Sent] = []
    for order in record.orders:
        decision = int(order["decision_id"])
        if decision < 0 or order["ts_submit_ns"] > cut_ns:
            continue
        if order["ts_submit_ns"] == cut_ns and kinds[decision] != 0:
            continue
        symbol = record.universe[int(order["instrument"])]
        sent.append((symbol, *(int(order[name]) for name in _STATED)))
    for refusal in record.refusals:
        if refusal.ts_ns < cut_ns or (refusal.ts_ns == cut_ns and kinds[refusal.decision_id] == 0):
            sent.append((refusal.instrument, refusal.signed_lots, refusal.ts_ns))
    return sent


def _first_difference(before: Sequence[_Sent], after: Sequence[_Sent]) -> str:
    for number, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            at = format_ns(min(int(one[-1]), int(other[-1])))
            return (
                f"order {number}, sent at {at}: {_told(one)} in the real market, {_told(other)} before a changed future"
            )
    if len(before) != len(after):
        longer = before if len(before) > len(after) else after
        extra = longer[min(len(before), len(after))]
        where = "the real market" if longer is before else "the market with a changed future"
        return f"an order sent at {format_ns(int(extra[-1]))} exists only in {where}"
    return ""


def _told(sent: _Sent) -> str:
    if len(sent) != 1 + len(_STATED):
        return f"refusal of {sent[1]} lots of {sent[0]}"
    symbol, side, kind, _, lots = sent[:5]
    return f"{int(side) * int(lots):+d} lots of {symbol} of type {kind}"
