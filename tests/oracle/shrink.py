"""The smallest case in which the engines still differ: ``python -m tests.oracle.shrink 4711``.

Features go first, then the end of the data, then actions one by one. What is left is printed: settings, scripts, bars
in ticks, and the first difference.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import numpy as np
from rich.console import Console

from argus.core.errors import ArgusError
from tests.oracle.cases import Case, play_engine, play_oracle
from tests.oracle.compare import first_difference
from tests.oracle.script import Action, Plan, Script
from tests.oracle.seen import Sight
from tests.oracle.settings import Settings
from tests.oracle.variations import FEATURES, cut, random_case


def difference(case: Case) -> str | None:
    """In what the engines differ; an error of one of them is a difference too."""
    try:
        seen: dict[str, list[Sight]] = {}
        record = play_engine(case, seen)
        return first_difference(play_oracle(case), record, seen)
    except (ArgusError, AssertionError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def kind(text: str | None) -> str:
    """What a difference is about, so that shrinking does not end at another one."""
    return "" if text is None else text.split(":")[0].rstrip("0123456789 ")


def shrunk_features(seed: int, only: Collection[str], *, certain: bool) -> frozenset[str]:
    """As few features of the seed as still make it differ."""
    kept = frozenset(only)
    wanted = kind(difference(random_case(seed, only=kept, certain=certain)))
    for name in FEATURES:
        if name in kept and kind(difference(random_case(seed, only=kept - {name}, certain=certain))) == wanted:
            kept -= {name}
    return kept


def shrunk(case: Case) -> Case:
    """As few bars and actions as still make the case differ."""
    wanted = kind(difference(case))
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(case):
            if kind(difference(smaller)) == wanted:
                case, progress = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    longest = max(len(bars) for bars in case.bars.values())
    for count in (longest // 2, 3 * longest // 4, longest - 1):
        if 0 < count < longest:
            bars = {symbol: cut(item, 0, min(count, len(item))) for symbol, item in case.bars.items()}
            yield replace(case, bars=bars)
    for symbol, fine in case.finer.items():
        yield replace(case, finer={other: bars for other, bars in case.finer.items() if other != symbol})
        if len(fine) > 1:
            yield replace(case, finer={**case.finer, symbol: cut(fine, 0, len(fine) // 2)})
            yield replace(case, finer={**case.finer, symbol: cut(fine, 0, len(fine) - 1)})
    for symbol, events in case.events.items():
        for at in range(len(events)):
            yield replace(case, events={**case.events, symbol: events[:at] + events[at + 1 :]})
    if len(case.books) > 1:
        for name in case.books:
            yield replace(case, books={other: plan for other, plan in case.books.items() if other != name})
    for name, plan in case.plans.items():
        for script in _fewer_actions(plan.script):
            if case.books:
                yield replace(case, books={**case.books, name: replace(plan, script=script)})
            else:
                yield replace(case, script=script)
    standard = Settings()
    for field in fields(Settings):
        value = getattr(standard, field.name)
        if field.name not in ("account", "cash") and getattr(case.settings, field.name) != value:
            yield case.under(**{field.name: value})


def _fewer_actions(script: Script) -> Iterator[Script]:
    def without(table: Any) -> Iterator[dict[int, list[Action]]]:
        for number in table:
            yield {n: list(actions) for n, actions in table.items() if n != number}
        for number, actions in table.items():
            for at in range(len(actions) if len(actions) > 1 else 0):
                yield {**table, number: [*actions[:at], *actions[at + 1 :]]}

    if len(script.fills) > 1:
        yield Script(script.wakes, {})
    for wakes in without(script.wakes):
        yield Script(wakes, script.fills)
    for fills in without(script.fills):
        yield Script(script.wakes, fills)


def told(case: Case) -> Iterator[str]:
    """The case in words."""
    standard = Settings()
    for field in fields(Settings):
        if getattr(case.settings, field.name) != getattr(standard, field.name):
            yield f"{field.name} = {getattr(case.settings, field.name)!r}"
    for name, plan in case.plans.items():
        yield from _told_plan(name, plan)
    for symbol, events in case.events.items():
        for event in events:
            yield f"{symbol}: {event}"
    whose = [*case.bars.items(), *case.finer.items()]
    for number, (symbol, bars) in enumerate(whose):
        tick = Fraction(case.specs[symbol].tick_size)
        yield f"{symbol}{' finer' * (number >= len(case.bars))}: observed {', '.join(sorted(bars.observed))}"
        for i in range(len(bars)):
            prices = [getattr(bars, name)[i].item() for name in ("open", "high", "low", "close")]
            ticks = " ".join("-" if np.isnan(price) else f"{float(Fraction(price) / tick):.6g}" for price in prices)
            times = f"{bars.ts_event_ns[i]} to {bars.ts_close_ns[i]}, known {bars.ts_recv_ns[i]}"
            end = ", ends" if bars.session_end[i] else ""
            yield f"  {i}: {ticks} volume {bars.volume[i]} session {bars.session[i]}{end} ({times})"


def _told_plan(name: str, plan: Plan) -> Iterator[str]:
    yield f"book {name}: {plan.universe}, {plan.wake}, warm-up {plan.warmup}, told of fills {plan.wakes_on_fill}"
    for what, table in (("wake", plan.script.wakes), ("fill", plan.script.fills)):
        for number, actions in table.items():
            for action in actions:
                yield f"  {what} {number}: {action}"


def main() -> None:
    """Shrink one seed and print what is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--only", nargs="*", choices=FEATURES, default=list(FEATURES), help="features to play with")
    parser.add_argument("--certain", action="store_true", help="lay all of these features over the run")
    wanted = parser.parse_args()
    features = shrunk_features(wanted.seed, wanted.only, certain=wanted.certain)
    case = shrunk(random_case(wanted.seed, only=features, certain=wanted.certain))
    console = Console(soft_wrap=True)
    console.print(f"seed {wanted.seed}, features {sorted(features)}", markup=False)
    for line in told(case):
        console.print(line, markup=False)
    console.print(difference(case), markup=False)


if __name__ == "__main__":
    main()
