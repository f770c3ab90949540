"""Can the comparison see? Oracles that are wrong on purpose must differ from the engine on random runs.

A wrong setting or rule that no random run shows would be one that the agreement of `test_oracle` says nothing about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.engine.record import RunRecord
from tests.oracle import account, cases, engine, finer, matching, settings, trades, world
from tests.oracle.account import Account
from tests.oracle.cases import Case, play_engine, play_oracle
from tests.oracle.compare import first_difference
from tests.oracle.engine import Market
from tests.oracle.guard import Guard
from tests.oracle.orders import OracleOrder, Orders
from tests.oracle.seen import Seen, Sight
from tests.oracle.settings import BarCosts, Settings
from tests.oracle.trades import Line, Trade
from tests.oracle.variations import random_case
from tests.oracle.world import Component, Contract, Rows

RUNS = 60
MIXED = ""
Sights = dict[str, list[Sight]]


@cache
def played(feature: str) -> tuple[tuple[Case, RunRecord, Sights], ...]:
    """Random runs of the engine under test with this feature alone, or with those that they have."""
    if feature == MIXED:
        cases = [random_case(seed) for seed in range(2 * RUNS)]
    else:
        cases = [random_case(seed, only={feature}, certain=True) for seed in range(RUNS)]
    found = []
    for case in cases:
        seen: Sights = {}
        found.append((case, play_engine(case, seen), seen))
    return tuple(found)


def differs(case: Case, record: RunRecord, seen: Sights) -> bool:
    """Whether the oracle gives something else."""
    return first_difference(play_oracle(case), record, seen) is not None


# ------------------------------------------------------------------------------------------------- other settings

SETTINGS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "one tick of slippage more": lambda s: {"slippage_ticks": s.slippage_ticks + 1},
    "a basis point of slippage more": lambda s: {"slippage_rate": s.slippage_rate + Decimal("0.0001")},
    "a micro-unit of fee per contract more": lambda s: {"fee_per_unit": (s.fee_per_unit or 0) + Decimal("0.000001")},
    "a millionth of the notional more": lambda s: {"fee_rate": (s.fee_rate or 0) + Decimal("0.000001")},
    "costs a fifth higher": lambda s: {"multiplier": s.multiplier * Decimal("1.2") + Decimal("0.1")},
    "no half-spread": lambda s: {"spread": None},
    "no impact model": lambda s: {"impact": None},
    "a nanosecond of latency more": lambda s: {"latency": s.latency + 1},
    "another stream of latencies": lambda s: {"seed": s.seed + 1},
    "a nanosecond of data latency more": lambda s: {"data_latency": s.data_latency + 1},
    "touch the other way": lambda s: {"touch": not s.touch},
    "a tenth of the volume less": lambda s: {"participation": s.participation * Decimal("0.9")},
    "a micro-unit of cash less": lambda s: {"cash": s.cash - 1},
    "one bar of warm-up more": lambda s: {"warmup": max(1, s.warmup) + 1},
    "not told of fills": lambda s: {"wakes_on_fill": not s.wakes_on_fill},
    "a hundredth more to borrow": lambda s: {"borrow_rate": s.borrow_rate + Decimal("0.01")},
    "a hundredth more of interest": lambda s: {"credit_rate": s.credit_rate + Decimal("0.01")},
    "a hundredth more on debts": lambda s: {"debit_rate": s.debit_rate + Decimal("0.01")},
    "no daily loss limit": lambda s: {"daily_loss": None},
    "no drawdown limit": lambda s: {"drawdown": None},
    "flattening the other way": lambda s: {"flatten": not s.flatten},
}


@pytest.mark.parametrize("change", SETTINGS)
def test_an_oracle_with_other_settings_is_caught(change: str) -> None:
    runs = played(OF_FEATURE.get(change, MIXED))
    assert any(differs(case.under(**SETTINGS[change](case.settings)), *what) for case, *what in runs)


OF_FEATURE = {
    "no half-spread": "spread",
    "no impact model": "impact",
    "another stream of latencies": "latency_sample",
    "a hundredth more to borrow": "financing",
    "a hundredth more of interest": "financing",
    "a hundredth more on debts": "financing",
    "no daily loss limit": "halts",
    "no drawdown limit": "halts",
    "flattening the other way": "halts",
    "interest and carry rounded down": "financing",
    "margin of the gross position": "books",
    "one fee only": "components",
    "sales cost what purchases do": "components",
    "trailing levels stay": "types",
    "good till a little later": "times_in_force",
    "fill or kill is immediate or cancel": "times_in_force",
    "reduce-only orders do more": "reduce_only",
    "no group": "groups",
    "children of their own size": "children",
    "children outlive their parents": "children",
    "latencies of the next order": "latency_sample",
    "no halts": "halts",
    "no halt ends": "halts",
    "no orders refused during a halt": "halts",
    "ended contracts trade on": "events",
    "borrowing for one day": "financing",
    "no interest": "financing",
    "carry the other way round": "events",
    "fractions of a split are lost": "events",
    "splits leave the mark": "events",
    "closes are seen before they are received": "data_latency",
    "finer bars never met": "finer",
    "finer bars met whatever their prices": "finer",
    "finer bars ending after the bar met": "finer",
    "finer bars with their own ends of sessions": "finer",
    "finer bars known to the strategy": "finer",
}
"""The runs on which a wrong oracle is tried, where they are not the mixed ones."""

# ---------------------------------------------------------------------------------------------------- wrong rules

OWNERS: dict[str, Any] = {
    "Account": Account,
    "BarCosts": BarCosts,
    "Component": Component,
    "Contract": Contract,
    "Guard": Guard,
    "Line": Line,
    "Orders": Orders,
    "Seen": Seen,
    "Settings": Settings,
    "Simulation": engine._Simulation,
    "Trade": Trade,
    "account": account,
    "cases": cases,
    "engine": engine,
    "finer": finer,
    "matching": matching,
    "settings": settings,
    "trades": trades,
    "world": world,
}


def _swap(name: str, wrong: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """A mutant: one function of the oracle replaced."""
    owner, _, attribute = name.partition(".")
    assert callable(getattr(OWNERS[owner], attribute))
    return lambda patch: patch.setattr(OWNERS[owner], attribute, wrong)


_admit = engine._Simulation._admit
_fill = engine._Simulation._fill
_refusal = engine._Simulation._refusal
_takes_part = engine._Simulation._takes_part
_working = engine._Simulation._working
_living = Orders.living
_after_fill = Orders.after_fill
_amounts = Account.amounts
_carry = Account._carry
_mark = Account.mark
_needed = Account.needed
_pay_borrow = Account.pay_borrow
_split = Account.split
_begin_session = Guard.begin_session
_components = Contract.components
_drawn = Settings._drawn
_slip = BarCosts.slip
_matched = finer.matched


@contextmanager
def _other_tickets(orders: Iterable[OracleOrder], **changes: Any) -> Iterator[None]:
    """Orders that say something else for a moment."""
    said = [(order, order.ticket) for order in orders]
    for order, ticket in said:
        order.ticket = replace(ticket, **changes)
    yield
    for order, ticket in said:
        order.ticket = ticket


def _limits_pay_impact(self: Account, *where: Any, impact: bool) -> Any:
    return _amounts(self, *where, impact=True)


def _not_on_marked_ends(self: Any, order: OracleOrder, row: Any, phase: int) -> bool:
    return order.arrived(row.start)


def _no_replacement_check(self: Any, number: int, row: Any, phase: int) -> None:
    for order in self.orders.living([number]):
        order.replaces = None
    _admit(self, number, row, phase)


def _good_till_a_little_later(self: Any, number: int, row: Any, phase: int) -> None:
    dated = [order for order in self.orders.living([number]) if order.ticket.expires is not None]
    if not dated:
        return _admit(self, number, row, phase)
    longest = max(int(order.ticket.expires or 0) for order in dated)
    with _other_tickets(dated, expires=longest + 1):
        return _admit(self, number, row, phase)


def _not_only_reducing(self: Any, order: OracleOrder, *where: Any) -> None:
    with _other_tickets([order], reduce_only=False):
        _fill(self, order, *where)


def _kill_is_cancel(self: Any, order: OracleOrder, *where: Any) -> None:
    with _other_tickets([order], tif="IOC" if order.ticket.tif == "FOK" else order.ticket.tif):
        _fill(self, order, *where)


def _no_groups(self: Orders, order: OracleOrder, time: int) -> None:
    with _other_tickets([order], oco=""):
        _after_fill(self, order, time)


def _own_size(self: Orders, order: OracleOrder, time: int) -> None:
    lots = [child.lots for child in order.children]
    _after_fill(self, order, time)
    for child, number in zip(order.children, lots, strict=True):
        child.lots = number


def _end_alone(self: Orders, order: OracleOrder, state: str, reason: str, time: int) -> None:
    order.state, order.reason, order.done = state, reason, time


def _without(*reasons: str) -> Callable[..., str]:
    def refusal(self: Any, order: OracleOrder) -> str:
        reason = _refusal(self, order)
        return "" if reason in reasons else reason

    return refusal


def _level_stays(order: OracleOrder, price: Any) -> None:
    if order.level is None:
        order.level = price + order.ticket.side * order.ticket.trail


def _no_day_ends_a_halt(self: Guard) -> None:
    halt = self.halt
    _begin_session(self)
    self.halt = halt


def _range_never_counts(self: Account, number: int, time: int, close: int | None, range_: Any) -> None:
    _mark(self, number, time, close, ())


def _no_cash_for_fractions(self: Account, *where: Any) -> tuple[int, int]:
    change, cash = _split(self, *where)
    self.cash -= cash
    return change, 0


def _gross(self: Account, instrument: int) -> int:
    return sum(abs(line.lots) for line in self.lines if line.instrument == instrument)


def _opens_everywhere(*where: Any) -> Rows:
    rows = world.rows_of(*where)
    return Rows(rows.rows, True, rows.volume_observed)


def _began_within(bars: Bars, fine: Bars) -> Iterator[list[int]]:
    starts = fine.ts_event_ns.tolist()
    for start, close in zip(bars.ts_event_ns.tolist(), bars.ts_close_ns.tolist(), strict=True):
        yield [j for j, begins in enumerate(starts) if start <= begins < close]


def _ends_of_finer(bars: Bars, fine: Bars | None, tick: Fraction) -> Bars:
    met = _matched(bars, fine, tick)
    ends = dict(zip(fine.ts_close_ns.tolist(), fine.session_end.tolist(), strict=True)) if fine is not None else {}
    found = [ends.get(close, end) for close, end in zip(met.ts_close_ns.tolist(), met.session_end, strict=True)]
    return replace(met, session_end=np.array(found, dtype=np.bool_))


def _marks_seen(self: Seen, now: int, lines: Any) -> Sight:
    account = self.account
    return now, account.cash, account.equity(), tuple(account.lines[number].lots for number in lines)


def _rounded_down(x: Fraction | int) -> int:
    return int(x // 1)


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "marks rounded down": _swap("engine.round_mark", lambda price: int(price // 1)),
    "off-grid opens rounded like marks": _swap("BarCosts.slip", lambda s, x, side: _slip(s, world.round_mark(x), side)),
    "fees and values rounded down": _swap("world.half_even", _rounded_down),
    "split fees rounded down": _swap("trades.half_even", _rounded_down),
    "impact fees rounded down": _swap("settings.half_even", _rounded_down),
    "interest and carry rounded down": _swap("account.half_even", _rounded_down),
    "maintenance margin enough to open": _swap("Account.needed", lambda s, kind, *held: _needed(s, 1, *held)),
    "initial margin needed to keep": _swap("Account.needed", lambda s, kind, *held: _needed(s, 0, *held)),
    "margin of the gross position": _swap("Account.net", _gross),
    "no impact fee": _swap("BarCosts.impact", lambda s, contract, lots: 0),
    "limits pay the impact fee": _swap("Account.amounts", _limits_pay_impact),
    "one fee only": _swap("Contract.components", lambda s, session: _components(s, session)[:1]),
    "sales cost what purchases do": _swap(
        "Component.fee", lambda s, m, units, lots, value, _fee=Component.fee: _fee(s, m, units, -abs(lots), value)
    ),
    "volume does not bound": _swap("Simulation._bound", lambda s, instrument, row: None),
    "orders tried last to first": _swap("Simulation._working", lambda s, *where: _working(s, *where)[::-1]),
    "stops not reached at their price": _swap("matching.reached", lambda side, price, stop: side * (price - stop) > 0),
    "stops filled at their price after a gap": _swap("matching.worst_traded", lambda order, level, row: level),
    "trailing levels stay": _swap("matching.move_level", _level_stays),
    "limits filled beyond their price": _swap("matching.worst_allowed", lambda side, price, limit: price),
    "limits not tried at the open": _swap("matching.through", lambda side, price, limit, *, touch: False),
    "stop-limits without their limit": _swap("matching.above", lambda side, price, limit: False),
    "replacements of finished orders live": _swap("Simulation._admit", _no_replacement_check),
    "good till a little later": _swap("Simulation._admit", _good_till_a_little_later),
    "any order at any event": _swap("Simulation._takes_part", _not_on_marked_ends),
    "reduce-only orders do more": _swap("Simulation._fill", _not_only_reducing),
    "fill or kill is immediate or cancel": _swap("Simulation._fill", _kill_is_cancel),
    "no group": _swap("Orders.after_fill", _no_groups),
    "children of their own size": _swap("Orders.after_fill", _own_size),
    "children outlive their parents": _swap("Orders.end", _end_alone),
    "latencies of the next order": _swap("Settings._drawn", lambda s, what, number: _drawn(s, what, number + 1)),
    "no liquidation": _swap("Guard.check_maintenance", lambda s, time: None),
    "no halts": _swap("Guard.check_halts", lambda s, time: None),
    "no halt ends": _swap("Guard.begin_session", _no_day_ends_a_halt),
    "no settlement": _swap("Account.settle", lambda s, number, time, at_end=False: None),
    "no orders refused during a liquidation": _swap("Simulation._refusal", _without("LIQUIDATION")),
    "no orders refused during a halt": _swap("Simulation._refusal", _without("DAILY_LOSS", "DRAWDOWN")),
    "ended contracts trade on": _swap("Simulation._refusal", _without("CONTRACT_EXPIRED")),
    "closes alone fill everything": _swap("engine.rows_of", _opens_everywhere),
    "ranges are not seen by trades": _swap("Account.mark", _range_never_counts),
    "borrowing for one day": _swap("Account.pay_borrow", lambda s, number, days: _pay_borrow(s, number, 1)),
    "no interest": _swap("Account.pay_interest", lambda s, days: None),
    "carry the other way round": _swap("Account._carry", lambda s, line, amount: _carry(s, line, -amount)),
    "fractions of a split are lost": _swap("Account.split", _no_cash_for_fractions),
    "splits leave the mark": _swap("Account.split_mark", lambda s, instrument, ratio: None),
    "closes are seen before they are received": _swap("Seen.sight", _marks_seen),
    "finer bars never met": _swap("cases.matched", lambda bars, fine, tick: bars),
    "finer bars met whatever their prices": _swap("finer._agree", lambda fine, coarse, seen: True),
    "finer bars ending after the bar met": _swap("finer._within", _began_within),
    "finer bars with their own ends of sessions": _swap("cases.matched", _ends_of_finer),
    "finer bars known to the strategy": _swap("cases.Market", lambda *what: Market(*what[:5], {}, *what[6:])),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_an_oracle_with_a_wrong_rule_is_caught(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = played(OF_FEATURE.get(mutant, MIXED))
    MUTANTS[mutant](monkeypatch)
    assert any(differs(*what) for what in runs)
