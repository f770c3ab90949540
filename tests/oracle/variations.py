"""What is laid over a basic random case, feature by feature, each drawn from a stream of its own.

Taking one feature away leaves everything else as it was, so that a failure can be narrowed down to the features that it
needs: ``random_case(seed, only={"children", "groups"})``. A fifth of all seeds have none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, CoverageError
from argus.core.market_events import Dividend, FinalSettlement, Funding, InstrumentEvent, Split
from argus.engine.config import CostModel, ImpactModel, SpreadModel
from argus.engine.costs import impact_scale
from tests.oracle.account_variations import lay_currencies, lay_intraday
from tests.oracle.cases import Case
from tests.oracle.finer_cases import finer_bars
from tests.oracle.quoted_cases import lay_quotes
from tests.oracle.random_cases import DAY, SECOND, Dice, basic_case, level_at, random_script
from tests.oracle.script import Action, Cancel, Plan, Replace, Script, Submit, Ticket
from tests.oracle.world import EPOCH

PER_UNIT = (Decimal(0), Decimal("0.62"), Decimal("0.0000275"), Decimal("0.000166"))
PLAIN = 0.2  # share of seeds without any feature
Spot = tuple[float, Ticket]  # a point of the data (0 to 1) and the ticket sent there


def random_case(seed: int, length: int = 1, only: Collection[str] | None = None, *, certain: bool = False) -> Case:
    """The case of this seed with its features, or those of `only` that it has; with every one of them if `certain`."""
    return varied_case(seed, length, only, certain=certain)[0]


def varied_case(
    seed: int, length: int = 1, only: Collection[str] | None = None, *, certain: bool = False
) -> tuple[Case, tuple[str, ...]]:
    """The case of `random_case` and the features that it came to: a market may be none for a feature."""
    case = basic_case(seed, length)
    plain = Dice(seed, 1).chance(PLAIN)
    names = []
    for name, (stream, probability, lay) in FEATURES.items():
        dice = Dice(seed, stream)
        drawn = dice.chance(probability) and not plain
        if (drawn or certain) and (only is None or name in only):
            before, case = case, lay(dice, case, length)
            names += [name] * (case is not before)
    return case, tuple(names)


# ------------------------------------------------------------------------------------------------- books and scripts


def _books(dice: Dice, case: Case, length: int) -> Case:
    """One or two books more, with some of the instruments each, in any order."""
    books = {"one": case.plans["script"]}
    for name in ("two", "three")[: dice.pick(1, 1, 2)]:
        symbols = list(case.bars)
        dice.rng.shuffle(symbols)
        symbols = symbols[: dice.whole(1, len(symbols))]
        told = dice.chance(0.5)
        specs = {symbol: case.specs[symbol] for symbol in symbols}
        bars = {symbol: case.bars[symbol] for symbol in symbols}
        script = random_script(dice, specs, bars, length, wakes_on_fill=told)
        books[name] = Plan(tuple(symbols), script, dice.pick("every_bar", "session_end"), dice.pick(0, 1, 2), told)
    return replace(case, books=books)


def _with_scripts(case: Case, change: Callable[[Plan], Script]) -> Case:
    """The case with every script changed."""
    if not case.books:
        return replace(case, script=change(case.plans["script"]))
    return replace(case, books={name: replace(plan, script=change(plan)) for name, plan in case.books.items()})


def _with_tickets(case: Case, change: Callable[[float, Ticket], Ticket]) -> Case:
    """The case with every ticket changed, given about where in the data it is sent (0 to 1)."""

    def altered(actions: Sequence[Action], when: float) -> list[Action]:
        return [a if isinstance(a, Cancel) else replace(a, ticket=change(when, a.ticket)) for a in actions]

    def rewritten(plan: Plan) -> Script:
        script, last = plan.script, max(plan.script.wakes, default=0) + 1
        return Script(
            {number: altered(actions, number / last) for number, actions in script.wakes.items()},
            {number: altered(actions, number % 10 / 10) for number, actions in script.fills.items()},
        )

    return _with_scripts(case, rewritten)


def _near(dice: Dice, case: Case, symbol: str, when: float) -> int:
    """A price in ticks close to where the market is."""
    price = level_at(case.specs[symbol], case.bars[symbol], when) + dice.whole(-3, 3)
    return price if case.specs[symbol].price_may_be_negative else max(1, price)


def _types(dice: Dice, case: Case, length: int) -> Case:
    """Trailing stops and limits on open and close."""

    def change(when: float, ticket: Ticket) -> Ticket:
        if dice.chance(0.5):
            return ticket
        kind = dice.pick("TRAILING_STOP", "TRAILING_STOP", "LIMIT_ON_OPEN", "LIMIT_ON_CLOSE")
        plain = replace(ticket, type=kind, limit=None, stop=None)
        if kind == "TRAILING_STOP":
            return replace(plain, trail=dice.pick(1, 2, 3, 5, 20, 200))
        return replace(plain, limit=_near(dice, case, ticket.symbol, when))

    return _with_tickets(case, change)


def _times_in_force(dice: Dice, case: Case, length: int) -> Case:
    """Good till a date, immediate or cancel, fill or kill."""

    def change(when: float, ticket: Ticket) -> Ticket:
        if dice.chance(0.4):
            return ticket
        if ticket.type in ("MARKET", "LIMIT") and dice.chance(0.6):
            return replace(ticket, tif=dice.pick("IOC", "FOK"))
        bars = case.bars[ticket.symbol]
        at = min(len(bars) - 1, int(when * len(bars)) + dice.whole(0, 6))
        moment = dice.pick(bars.ts_event_ns, bars.ts_event_ns, bars.ts_close_ns)[at]
        return replace(ticket, tif="GTD", expires=int(moment) + dice.pick(0, 0, -1, 1))

    return _with_tickets(case, change)


def _reduce_only(dice: Dice, case: Case, length: int) -> Case:
    """Orders that only reduce."""
    share = dice.pick(0.2, 0.5)
    return _with_tickets(case, lambda when, ticket: replace(ticket, reduce_only=dice.chance(share)))


def _groups(dice: Dice, case: Case, length: int) -> Case:
    """Orders of which one cancels the others: few words, so that groups are large and fire together."""
    share, words = dice.pick(0.4, 0.9), dice.pick(1, 2, 6)
    return _with_tickets(
        case,
        lambda when, ticket: replace(ticket, oco=f"g{dice.whole(1, words)}") if dice.chance(share) else ticket,
    )


def _children(dice: Dice, case: Case, length: int) -> Case:
    """Orders that wait for a parent, sent with it or later, and cancels and replacements of them."""

    def extended(plan: Plan) -> Script:
        count = [0]
        last = max(plan.script.wakes, default=0) + 1
        wakes: dict[int, list[Action]] = {number: [] for number in range(last + 4)}

        def families(actions: Sequence[Action], when: float, number: int | None) -> Iterable[Action]:
            for action in actions:
                yield action
                if not isinstance(action, Submit) or action.ticket.parent or dice.chance(0.5):
                    continue
                for child in _family(dice, case, action, when, count):
                    if number is None or dice.chance(0.75):
                        yield child
                    else:
                        wakes[number + dice.whole(0, 3)].append(child)
                    if number is not None and dice.chance(0.15):
                        wakes[number + dice.whole(0, 3)].append(_second_thought(dice, case, child, when, count))

        for number, actions in plan.script.wakes.items():
            wakes[number] += families(actions, number / last, number)
        fills = {number: list(families(done, number % 10 / 10, None)) for number, done in plan.script.fills.items()}
        return Script({number: actions for number, actions in wakes.items() if actions}, fills)

    return _with_scripts(case, extended)


def _family(dice: Dice, case: Case, parent: Submit, when: float, count: list[int]) -> list[Submit]:
    """One to three children of an order, mostly its exits."""
    children = []
    word = dice.pick("", f"of {parent.key}", f"of {parent.key}", parent.ticket.oco)
    for _ in range(dice.pick(1, 2, 2, 3)):
        ticket = _child(dice, case, parent.ticket, when)
        children.append(Submit(f"c{count[0]}", replace(ticket, oco=word, parent=parent.key)))
        count[0] += 1
    return children


def _child(dice: Dice, case: Case, parent: Ticket, when: float) -> Ticket:
    symbol, side = parent.symbol, -parent.side if dice.chance(0.85) else parent.side
    kind = dice.pick("STOP", "STOP", "LIMIT", "LIMIT", "TRAILING_STOP", "STOP_LIMIT", "MARKET", "MARKET_ON_CLOSE")
    stop = _near(dice, case, symbol, when) if kind in ("STOP", "STOP_LIMIT") else None
    limit = _near(dice, case, symbol, when) if kind in ("LIMIT", "STOP_LIMIT") else None
    tif = dice.pick("GTC", "GTC", "DAY")
    if kind in ("MARKET", "LIMIT") and dice.chance(0.15):
        tif = dice.pick("IOC", "FOK")
    trail = dice.pick(1, 2, 5) if kind == "TRAILING_STOP" else None
    reduces = dice.chance(0.6)
    return Ticket(symbol, side, kind, parent.lots, limit, stop, tif, trail, reduce_only=reduces)


def _second_thought(dice: Dice, case: Case, child: Submit, when: float, count: list[int]) -> Action:
    """A cancel or a replacement of a child; what takes its place is nobody's child."""
    if dice.chance(0.5):
        return Cancel(child.key)
    count[0] += 1
    return Replace(child.key, f"c{count[0] - 1}", _child(dice, case, child.ticket, when))


def _late(dice: Dice, case: Case, length: int) -> Case:
    """Instruments whose data begin later."""
    bars, late = dict(case.bars), set()
    for symbol in list(bars)[1:]:
        if dice.chance(0.7):
            late.add(symbol)
            bars[symbol] = cut(bars[symbol], dice.whole(0, len(bars[symbol]) - 1), len(bars[symbol]))
    if not late:
        return case

    def named(universe: Sequence[str]) -> tuple[str, ...]:
        # Something must be waited for.
        return tuple(symbol for symbol in universe if symbol in late) if set(universe) - late else ()

    books = {name: replace(plan, late=named(plan.universe)) for name, plan in case.books.items()}
    return replace(case, bars=bars, books=books).under(late=named(tuple(bars)))


# ------------------------------------------------------------------------------------------------- rules of the run


def _latency_sample(dice: Dice, case: Case, length: int) -> Case:
    """Latencies drawn from a sample, some of them longer than a bar."""
    bars = next(iter(case.bars.values()))
    interval = int(bars.ts_close_ns[0] - bars.ts_event_ns[0])
    sample = tuple(dice.pick(0, 1, SECOND, 61 * SECOND, interval, 2 * interval) for _ in range(dice.whole(1, 5)))
    return case.under(latency=0, latency_sample=sample, seed=dice.whole(0, 1_000))


def _data_latency(dice: Dice, case: Case, length: int) -> Case:
    """Bars that are known later than they say."""
    return case.under(data_latency=dice.pick(1, SECOND, 90 * SECOND, 400 * SECOND))


def _spread(dice: Dice, case: Case, length: int) -> Case:
    """A half-spread by instrument, time of day and volatility."""
    times = dice.pick((), (("00:00", Decimal(1)), ("09:30", Decimal("2.5")), ("12:00", Decimal("0.333"))))
    own = tuple((symbol, Decimal("1.7501")) for symbol in case.bars if dice.chance(0.3))
    model = SpreadModel(
        half_spread_ticks=dice.pick(Decimal("0.25"), Decimal("0.5"), Decimal(1), Decimal("1.3333")),
        by_instrument=own,
        by_time=times,
        vol_sensitivity=dice.pick(Decimal(0), Decimal("1.5")),
        vol_short=2,
        vol_long=dice.pick(3, 4),
    )
    return case.under(spread=model)


def _impact(dice: Dice, case: Case, length: int) -> Case:
    """Square-root impact, where the data say enough about volume and volatility for one."""
    model = ImpactModel(dice.pick(Decimal(1), Decimal("0.3"), Decimal(5)), dice.pick(2, 3, 5))
    try:
        for symbol, bars in case.bars.items():
            impact_scale(case.specs[symbol], bars, CostModel(impact=model))
    except (ConfigError, CoverageError):
        return case
    return case.under(impact=model)


def _components(dice: Dice, case: Case, length: int) -> Case:
    """Dated fees of several kinds in the place of the instruments' own."""
    from argus.core.fees import FeeComponent, FeeName

    specs = dict(case.specs)
    for symbol, spec in case.specs.items():
        sessions = case.bars[symbol].session
        rows = []
        for name in (FeeName.COMMISSION, FeeName.EXCHANGE, FeeName.SEC_SECTION_31, FeeName.FINRA_TAF):
            if dice.chance(0.3):
                continue
            days = sorted({int(sessions[0]) - 5, int(sessions[dice.whole(0, len(sessions) - 1)])})
            for day in days[dice.pick(0, 0, 1) :]:
                rows.append(
                    FeeComponent(
                        name=name,
                        effective_date=EPOCH + (day * _ONE_DAY),
                        # A smaller fee on a hundred millionth of a coin would be finer than the ledger.
                        per_unit=Decimal(0) if spec.lot_size < 1 else dice.pick(*PER_UNIT),
                        rate=dice.pick(Decimal(0), Decimal("0.0000278"), Decimal("0.00037")),
                        minimum=dice.pick(Decimal(0), Decimal(0), Decimal("0.35"), Decimal("0.0000005")),
                        maximum=dice.pick(None, None, Decimal("8.3"), Decimal("0.5000005")),
                        sells_only=dice.chance(0.3),
                        source=spec.fees[0].source,
                    )
                )
        specs[symbol] = replace(spec, fee_components=tuple(rows))
    return replace(case, specs=specs).under(fee_per_unit=None, fee_rate=None, fee_minimum=None)


_ONE_DAY = (EPOCH.replace(day=2)) - EPOCH


def _financing(dice: Dice, case: Case, length: int) -> Case:
    """Borrow fees and interest, now and then at rates that bite."""

    def rate() -> Decimal:
        return dice.pick(Decimal(0), Decimal("0.0325"), Decimal("0.12"), Decimal("0.0004"), Decimal(1))

    rates = {"borrow_rate": rate(), "debit_rate": rate(), "credit_rate": rate()}
    most = 1 / max(case.settings.multiplier, Decimal(1))
    changes: dict[str, Any] = {name: Decimal("0.0325") if value > most else value for name, value in rates.items()}
    if case.settings.account == "reg_t":
        # Who has little cash borrows, and positions must last for a session to cost anything.
        changes["cash"], side = max(1, case.settings.cash // dice.pick(1, 3, 8)), dice.pick(1, -1)
        case = _with_tickets(case, lambda when, ticket: _lasting(ticket, side) if dice.chance(0.4) else ticket)
    return case.under(**changes)


def _lasting(ticket: Ticket, side: int) -> Ticket:
    """An order at the market to one side, which waits until it is filled."""
    return replace(ticket, side=side, type="MARKET", limit=None, stop=None, trail=None, tif="GTC", expires=None)


def _halts(dice: Dice, case: Case, length: int) -> Case:
    """Losses that halt the account."""
    daily_loss = dice.pick(None, Decimal("0.000001"), Decimal("0.0001"), Decimal("0.002"), Decimal("0.02"))
    drawdown = dice.pick(None, Decimal("0.0001"), Decimal("0.005"), Decimal("0.05"))
    flatten = dice.chance(0.5)
    if daily_loss is None and drawdown is None:
        return case
    return case.under(daily_loss=daily_loss, drawdown=drawdown, flatten=flatten)


# ------------------------------------------------------------------------------------------------- beside the bars


def _events(dice: Dice, case: Case, length: int) -> Case:
    """Dividends, funding and splits of what is paid in full, and ends of contracts and listings."""
    bars, events = dict(case.bars), {}
    for symbol, spec in case.specs.items():
        happens: list[InstrumentEvent] = []
        if not spec.margins:
            happens = [_happening(dice, bars[symbol]) for _ in range(dice.pick(0, 1, 2, 5))]
        if dice.chance(0.35):
            # An impact model needs sessions enough; the engine says so.
            if len(bars) > 1 and dice.chance(0.7) and case.settings.impact is None:
                bars[symbol] = cut(bars[symbol], 0, dice.whole(1, len(bars[symbol])))
            closed = int(bars[symbol].ts_close_ns[-1])
            at = closed + dice.pick(0, 0, 1, SECOND, 90 * SECOND, DAY // 2)
            price = _settlement_price(dice, bars[symbol], float(spec.tick_size))
            happens = [event for event in happens if event.ts_ns <= at]
            happens.append(FinalSettlement(at, price))
        # Stable: of two at one instant the one drawn first comes first, and the end of a contract last.
        if happens:
            events[symbol] = tuple(sorted(happens, key=lambda event: event.ts_ns))
    return replace(case, bars=bars, events=events) if events else case


def _happening(dice: Dice, bars: Bars) -> InstrumentEvent:
    column = dice.pick(bars.ts_event_ns, bars.ts_close_ns, bars.ts_recv_ns)
    at = int(column[dice.whole(0, len(bars) - 1)]) + dice.pick(0, 0, -1, 1)
    kind = dice.pick("dividend", "funding", "split")
    if kind == "dividend":
        return Dividend(at, dice.pick(Decimal("0.24"), Decimal("1.0050005"), Decimal("0.0000003"), Decimal(0)))
    if kind == "funding":
        return Funding(at, dice.pick(Decimal("0.0001"), Decimal("-0.00033"), Decimal("0.0123456")))
    return Split(at, *dice.pick((2, 1), (3, 2), (1, 10), (1, 2), (4, 3), (7, 1)))


def _settlement_price(dice: Dice, bars: Bars, tick: float) -> float:
    known = bars.close[~np.isnan(bars.close)]
    last = float(known[-1]) if len(known) else 100 * tick
    return last + dice.pick(0.0, 0.0, 0.3, 0.5, -7.0) * tick


def cut(bars: Bars, first: int, end: int) -> Bars:
    """The bars from the first one to before the end."""
    columns: dict[str, Any] = {
        name: getattr(bars, name)[first:end].copy()
        for name in (
            *("ts_event_ns", "ts_close_ns", "ts_recv_ns", "open", "high", "low", "close"),
            *("volume", "open_interest", "session", "session_end"),
        )
    }
    return replace(bars, **columns)


Lay = Callable[[Dice, Case, int], Case]
FEATURES: Mapping[str, tuple[int, float, Lay]] = {  # stream of its dice, share of the seeds, in the order of laying
    "books": (2, 0.25, _books),
    "late": (16, 0.2, _late),
    "types": (3, 0.4, _types),
    "times_in_force": (4, 0.4, _times_in_force),
    "reduce_only": (5, 0.35, _reduce_only),
    "groups": (6, 0.35, _groups),
    "children": (7, 0.4, _children),
    "latency_sample": (8, 0.2, _latency_sample),
    "data_latency": (9, 0.15, _data_latency),
    "spread": (10, 0.25, _spread),
    "impact": (11, 0.35, _impact),
    "components": (12, 0.3, _components),
    "financing": (13, 0.4, _financing),
    "halts": (14, 0.35, _halts),
    "events": (15, 0.45, _events),
    "currencies": (17, 0.25, lay_currencies),
    "intraday": (18, 0.25, lay_intraday),
    "quotes": (19, 0.3, lay_quotes),
    "finer": (20, 0.3, finer_bars),
}
