"""Reference runs of order types, times in force, and what orders do to each other: one future, an account with room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from argus.core.intents import Bracket, Cancel, Close, Forecast, Intent, Replace, Target
from argus.core.orders import Fill, OrderType, TimeInForce
from argus.core.ports import View
from argus.core.strategy import WakeRule
from argus.engine.config import CostModel, FillRules, RunConfig
from tests.regression.instruments import INDEX
from tests.regression.reference import NO_FEES, Reference, Scene, account, staged
from tests.regression.tape import Tape, altered, walk
from tests.regression.traders import OnFill, OnWake, Pit, Scripted, at_wakes, dealer

__all__ = ["ORDER_RUNS"]

_MARKET, _LIMIT, _STOP = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP
_SECOND: Final = 1_000_000_000
_TAPE: Final = Tape(sessions=15, per_session=7, level=16_000)
_SLIPPED: Final = CostModel(fee_per_unit=Decimal("2.25"), slippage_ticks=1)


def _one(
    on_wake: OnWake,
    config: RunConfig | None = None,
    *,
    seed: int,
    tape: Tape = _TAPE,
    on_fill: OnFill | None = None,
    wake: WakeRule = WakeRule.EVERY_BAR,
) -> Scene:
    """A script on the index future."""
    trader = Scripted(["INDEX"], on_wake, on_fill, wake=wake)
    return staged(trader, config or account(1_000_000), (INDEX, walk(INDEX, tape, seed)))


def _dealt(name: str, kinds: Sequence[OrderType], config: RunConfig | None = None, **how: Any) -> Callable[[], Scene]:
    """A stage on which orders of these kinds are dealt."""
    seed, tape = how.pop("seed", 1), how.pop("tape", _TAPE)
    wake = how.pop("wake", WakeRule.EVERY_BAR)
    return lambda: _one(dealer(["INDEX"], kinds, name=name, **how), config, seed=seed, tape=tape, wake=wake)


def _targets() -> Scene:
    def decide(view: View, number: int) -> Sequence[Intent]:
        script: dict[int, tuple[Intent, ...]] = {
            0: (Target("INDEX", units=float(number % 5 - 2), tag="units"),),
            4: (Target("INDEX", weight=0.4 if number % 3 else -0.3, tag="weight"),),
            8: (Forecast("INDEX", 1.0 if number % 2 else -0.5, confidence=1.0, tag="opinion"),),
            11: (Close("INDEX", tag="out"),),
        }
        return script.get(number % 14, ())

    return _one(decide, account(1_000_000, costs=_SLIPPED), seed=2)


def _brackets() -> Scene:
    def decide(view: View, number: int) -> Sequence[Intent]:
        pit = Pit(view, "INDEX")
        key, last, tick = f"entry {number}", pit.last, pit.tick
        if number % 12 == 0:
            entry = pit.order(2, order_key=key, tag="long")
            return (Bracket(entry, stop_price=(last - 9) * tick, target_price=(last + 9) * tick),)
        if number % 12 == 4:
            entry = pit.order(-3, _LIMIT, limit=2, tif=TimeInForce.DAY, order_key=key, tag="short")
            return (Bracket(entry, trail=7 * tick, target_price=(last - 11) * tick),)
        if number % 12 == 6:  # its parent ends unfilled, at the session's end
            entry = pit.order(1, _LIMIT, limit=-60, tif=TimeInForce.DAY, order_key=key, tag="far")
            return (Bracket(entry, stop_price=(last - 80) * tick),)
        if number == 20:  # children of a parent that was filled, and of one that ended unfilled
            late = pit.order(-1, _STOP, stop=-12, order_key="late stop", parent_key="entry 12", reduce_only=True)
            orphan = pit.order(-1, _LIMIT, limit=5, parent_key="entry 6")
            return late, orphan
        if number == 21:
            return (Cancel("late stop"),)
        return ()

    return _one(decide, account(1_000_000, costs=_SLIPPED), seed=3)


def _oco_groups() -> Scene:
    def decide(view: View, number: int) -> Sequence[Intent]:
        pit = Pit(view, "INDEX")
        if number % 9 == 0:
            group: dict[str, Any] = {"oco": f"breakout {number}"}
            return (
                pit.order(1, _STOP, stop=6, **group),
                pit.order(-1, _STOP, stop=-6, **group),
                pit.order(2, _LIMIT, limit=-14, **group),
            )
        return (Close("INDEX"),) if number % 9 == 7 else ()

    return _one(decide, account(1_000_000, costs=_SLIPPED), seed=4)


def _reduce_only() -> Scene:
    def decide(view: View, number: int) -> Sequence[Intent]:
        pit = Pit(view, "INDEX")
        side = 1 if number % 20 < 10 else -1
        guard: dict[str, Any] = {"reduce_only": True}
        if number % 10 == 0:
            return (pit.order(3 * side, tag="in"),)
        if number % 10 == 2:  # more than is held: the rest ends
            return (pit.order(-5 * side, _LIMIT, limit=3 * side, **guard),)
        if number % 10 == 3:
            return (pit.order(-2 * side, _STOP, stop=-5 * side, **guard),)
        if number % 10 == 7:  # may find nothing to reduce
            return pit.order(-3 * side, **guard), pit.order(-1 * side, **guard)
        return ()

    return _one(decide, account(1_000_000, costs=_SLIPPED), seed=5)


def _second_thoughts() -> Scene:
    def decide(view: View, number: int) -> Sequence[Intent]:
        pit = Pit(view, "INDEX")
        step, key = number % 8, f"limit {number // 8}"
        side = 1 if number // 8 % 2 else -1
        if step == 0:
            return (pit.order(2 * side, _LIMIT, limit=-6 * side, order_key=key),)
        if step == 1:
            return (Replace(key, pit.order(3 * side, _LIMIT, limit=-3 * side, order_key=f"{key} b")),)
        if step == 2:  # the first of them, which the replacement may have ended
            return (Replace(key, pit.order(1 * side, _LIMIT, limit=-2 * side, order_key=f"{key} c")),)
        if step == 4:
            return Cancel(f"{key} b"), Cancel(f"{key} c")
        if step == 5:  # sent and thought better of while on its way
            return pit.order(1, order_key=f"{key} d"), Cancel(f"{key} d")
        return (Close("INDEX"),) if step == 6 else ()

    return _one(decide, account(1_000_000, costs=_SLIPPED, latency_ns=90 * _SECOND), seed=6)


def _told_of_fills() -> Scene:
    def enter(view: View, number: int) -> Sequence[Intent]:
        pit = Pit(view, "INDEX")
        return (pit.order(1 if number % 12 else -1),) if number % 6 == 0 else ()

    def protect(fill: Fill, view: View) -> Sequence[Intent]:
        pit = Pit(view, "INDEX")
        side = 1 if fill.signed_lots > 0 else -1
        if pit.held == 0 or pit.held * side < 0:
            return ()
        return (
            pit.order(-fill.signed_lots, _STOP, stop=-8 * side, reduce_only=True, oco=f"exits {fill.fill_id}"),
            pit.order(-fill.signed_lots, _LIMIT, limit=6 * side, reduce_only=True, oco=f"exits {fill.fill_id}"),
        )

    return _one(enter, account(1_000_000, costs=_SLIPPED), seed=7, on_fill=protect)


def _thin() -> Scene:
    def before_the_quiet_day(view: View) -> Sequence[Intent]:
        return (Pit(view, "INDEX").order(4, tag="meets no volume"),)

    deal = dealer(["INDEX"], [_MARKET, _LIMIT, _STOP, OrderType.MARKET_ON_CLOSE], name="thin", lots_max=9, held_max=12)
    quiet = at_wakes({34: before_the_quiet_day})

    def decide(view: View, number: int) -> Sequence[Intent]:
        return quiet(view, number) or deal(view, number)

    config = account(1_000_000, costs=_SLIPPED, fills=FillRules(participation=Decimal("0.1")))
    tape = Tape(sessions=15, per_session=7, level=16_000, volume=(0, 60))
    scene = _one(decide, config, seed=8, tape=tape)
    spec, bars = scene.market["INDEX"]
    return staged(scene.books["scripted"], config, (spec, altered(bars, slice(35, 42), volume=0.0)))


_SAMPLE: Final = tuple(_SECOND * wait for wait in (1, 2, 2, 3, 5, 40, 900, 4_000))

ORDER_RUNS: Final = (
    Reference("targets", "Targets by units and weight, forecasts and closes, all of them market orders.", _targets),
    Reference(
        "limit_orders",
        "Limits of a session and good till cancelled, at the open and traded through.",
        _dealt("limits", [_LIMIT], every=2, seed=10),
    ),
    Reference(
        "limit_touch",
        "The same limits where a touch fills them.",
        _dealt("limits", [_LIMIT], account(1_000_000, fills=FillRules(touch=True)), every=2, seed=10),
    ),
    Reference(
        "stop_orders",
        "Stops met in the range and gapped over, with a tick of slippage.",
        _dealt("stops", [_STOP], account(1_000_000, costs=_SLIPPED), every=2, seed=11, tape=Tape(15, 7, 16_000, gap=9)),
    ),
    Reference(
        "stop_limit_orders",
        "Stop-limits that trigger at the open and in the range, and work on as limits.",
        _dealt(
            "stop limits",
            [OrderType.STOP_LIMIT],
            account(1_000_000, costs=_SLIPPED),
            every=2,
            seed=12,
            tape=Tape(15, 7, 16_000, gap=6),
        ),
    ),
    Reference(
        "trailing_stops",
        "Trailing stops that trigger at the open, in the range, and on the way from the high.",
        _dealt(
            "trailing",
            [OrderType.TRAILING_STOP, OrderType.TRAILING_STOP, _MARKET],
            account(1_000_000, costs=_SLIPPED),
            seed=13,
            tape=Tape(15, 7, 16_000, gap=5),
        ),
    ),
    Reference(
        "auctions",
        "Market and limit orders on the open and on the close, decided at every bar.",
        _dealt(
            "auctions",
            [
                OrderType.MARKET_ON_OPEN,
                OrderType.MARKET_ON_CLOSE,
                OrderType.LIMIT_ON_OPEN,
                OrderType.LIMIT_ON_CLOSE,
            ],
            account(1_000_000, costs=_SLIPPED),
            seed=14,
            tifs=tuple(TimeInForce),
        ),
    ),
    Reference(
        "session_ends",
        "A strategy that is woken at session ends only, over sessions of three bars.",
        _dealt(
            "session ends",
            [_MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE, _LIMIT],
            account(1_000_000, costs=_SLIPPED),
            every=1,
            seed=15,
            tape=Tape(sessions=40, per_session=3, level=16_000, minutes=120),
            wake=WakeRule.SESSION_END,
        ),
    ),
    Reference(
        "at_once",
        "Immediate or cancel, and fill or kill, against little volume.",
        _dealt(
            "at once",
            [_MARKET, _LIMIT],
            account(1_000_000, costs=_SLIPPED),
            every=2,
            seed=16,
            lots_max=6,
            reach=4,
            tifs=(TimeInForce.IOC, TimeInForce.FOK),
            tape=Tape(15, 7, 16_000, volume=(0, 6)),
        ),
    ),
    Reference(
        "good_till",
        "Orders that name the instant at which they end.",
        _dealt(
            "good till",
            [_LIMIT, _STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP],
            every=2,
            seed=17,
            reach=12,
            tifs=(TimeInForce.GTD,),
            second_thoughts=15,
        ),
    ),
    Reference("brackets", "Entries with a stop or a trailing stop and a target; parents that end unfilled.", _brackets),
    Reference("oco_groups", "Groups of three orders of which one fills.", _oco_groups),
    Reference("reduce_only", "Orders that may only reduce, for more than is held and for nothing.", _reduce_only),
    Reference("replace_and_cancel", "Orders replaced and cancelled across a latency of 90 seconds.", _second_thoughts),
    Reference("told_of_fills", "A strategy that answers each fill with a stop and a target.", _told_of_fills),
    Reference(
        "drawn_latency",
        "Latencies drawn from a sample, for orders and for cancels, over bars that are known ten seconds late.",
        _dealt(
            "drawn latency",
            [_MARKET, _LIMIT, _STOP],
            account(1_000_000, costs=NO_FEES, latency_sample_ns=_SAMPLE, data_latency_ns=10 * _SECOND, seed=5),
            every=2,
            seed=18,
            second_thoughts=30,
            tape=Tape(15, 7, 16_000, delay_ns=2 * _SECOND),
        ),
    ),
    Reference("thin_volume", "A tenth of little volume, filled part by part; a session without any.", _thin),
    Reference(
        "every_kind",
        "Orders of every type and time in force, with second thoughts, in one run.",
        _dealt(
            "every kind",
            tuple(OrderType),
            account(1_000_000, costs=_SLIPPED, latency_ns=_SECOND),
            every=2,
            seed=19,
            tifs=tuple(TimeInForce),
            second_thoughts=20,
            tape=Tape(18, 7, 16_000, volume=(0, 12)),
        ),
    ),
)
"""Orders, in an account with room."""
