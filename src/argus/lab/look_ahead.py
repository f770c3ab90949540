"""The look-ahead audit: replace the future by noise, and see whether the past still decides the same.

A strategy that only knows what it may know sends the same orders up to an instant, whatever comes after it. The audit
replays it on a market that is real up to a cut and noise from there on. One order before the cut that differs is proof
of a leak: in the strategy, in a feature, or in the data that it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D, Bars
from argus.core.instruments import InstrumentSpec
from argus.core.ports import RiskPolicy, Sizer, Strategy, TrialLedger
from argus.core.random import generator
from argus.core.time import format_ns
from argus.engine.config import RunConfig
from argus.engine.record import RunRecord

__all__ = ["Cut", "audit", "with_noise_after"]

Market = Mapping[str, tuple[InstrumentSpec, Bars]]

_TAIL_BARS: Final = 500
_WINDOW: Final = 500
_STATED: Final = (
    "instrument",
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
    market: Market,
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
    market, config, sizer, risk
        As in that run.
    reference : RunRecord
        That run.
    trials : TrialLedger
        Written with the purpose ``audit``, which never counts as a look.
    cuts_ns : sequence of int
    seed : int
        Of the noise.
    """
    from argus.engine.replay import run

    results = []
    for cut_ns in cuts_ns:
        universe = reference.universe
        replaced = {symbol: (market[symbol][0], with_noise_after(*market[symbol], cut_ns, seed)) for symbol in universe}
        again = run(make(), replaced, config, sizer=sizer, risk=risk, trials=trials, purpose="audit")
        before, after = _sent_until(reference, cut_ns), _sent_until(again, cut_ns)
        difference = _first_difference(before, after)
        results.append(Cut(int(cut_ns), len(before), not difference, difference))
    return tuple(results)


def with_noise_after(spec: InstrumentSpec, bars: Bars, cut_ns: int, seed: int) -> Bars:
    """Bars that are real where they had closed by `cut_ns`, and noise for up to 500 bars from there on.

    Times, sessions and what was observed stay. A bar under way at the cut keeps its open, which was traded before it.
    The noise is a random walk three times as wild as the market was, on the tick grid.
    """
    known = int(np.searchsorted(bars.ts_close_ns, cut_ns, side="right"))
    stop = min(len(bars), known + _TAIL_BARS)
    count = stop - known
    if count == 0:
        return bars.rows(0, known)
    random = generator(seed, "look_ahead", spec.symbol, int(cut_ns))
    tick = float(spec.tick_size)
    past = bars.close[max(0, known - _WINDOW) : known]
    step = 3.0 * max(float(np.std(np.diff(past))) if len(past) > 2 else 0.0, tick)
    begin = float(past[-1]) if len(past) else float(bars.close[0])
    floor = -np.inf if spec.price_may_be_negative else tick

    def on_grid(prices: F64_1D) -> F64_1D:
        reflected = prices if spec.price_may_be_negative else np.abs(prices)
        return np.maximum(np.round(reflected / tick) * tick, floor)

    close = on_grid(begin + np.cumsum(random.normal(0.0, step, count)))
    opened = on_grid(np.concatenate(([begin], close[:-1])) + random.normal(0.0, step / 3.0, count))
    if bars.ts_event_ns[known] < cut_ns and np.isfinite(bars.open[known]):
        opened[0] = bars.open[known]
    high = on_grid(np.maximum(opened, close) + np.abs(random.normal(0.0, step / 2.0, count)))
    low = np.minimum(
        on_grid(np.minimum(opened, close) - np.abs(random.normal(0.0, step / 2.0, count))), np.minimum(opened, close)
    )
    volume = np.round(np.nan_to_num(bars.volume[known:stop], nan=0.0) * random.uniform(0.5, 2.0, count)) + 1.0
    noise = {"open": opened, "high": np.maximum(high, np.maximum(opened, close)), "low": low, "close": close}
    columns: dict[str, F64_1D] = {}
    for name in ("open", "high", "low", "close", "volume", "open_interest"):
        column = getattr(bars, name)[:stop].copy()
        if name == "volume" and name in bars.observed:
            column[known:] = volume
        elif name in noise and name in bars.observed:
            column[known:] = noise[name]
        columns[name] = column
    return Bars(
        instrument=bars.instrument,
        ts_event_ns=bars.ts_event_ns[:stop],
        ts_close_ns=bars.ts_close_ns[:stop],
        ts_recv_ns=bars.ts_recv_ns[:stop],
        session=bars.session[:stop],
        session_end=bars.session_end[:stop],
        observed=bars.observed,
        **columns,
    )


_Sent = tuple[int, ...]


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
        sent.append(tuple(int(order[name]) for name in _STATED))
    for refusal in record.refusals:
        if refusal.ts_ns < cut_ns or (refusal.ts_ns == cut_ns and kinds[refusal.decision_id] == 0):
            sent.append((record.universe.index(refusal.instrument), refusal.signed_lots, refusal.ts_ns))
    return sent


def _first_difference(before: Sequence[_Sent], after: Sequence[_Sent]) -> str:
    for number, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            at = format_ns(min(one[-1], other[-1]))
            return (
                f"order {number}, sent at {at}: {_told(one)} in the real market, {_told(other)} before a changed future"
            )
    if len(before) != len(after):
        longer = before if len(before) > len(after) else after
        extra = longer[min(len(before), len(after))]
        where = "the real market" if longer is before else "the market with a changed future"
        return f"an order sent at {format_ns(extra[-1])} exists only in {where}"
    return ""


def _told(sent: _Sent) -> str:
    if len(sent) != len(_STATED):
        return f"refusal of {sent[1]} lots"
    return f"{sent[1] * sent[4]:+d} lots of type {sent[2]}"
