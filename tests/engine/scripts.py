"""One script of orders for two forms: a table that a compiled decision plays and that a Python strategy plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import instrument
from argus.core.intents import Bracket, Cancel, Intent, OrderRequest, Target
from argus.core.orders import OrderType, Side, TimeInForce
from argus.core.ports import View
from argus.engine.compiled import (
    CANCEL,
    EXIT_STOP,
    EXIT_TARGET,
    EXIT_TRAIL,
    KEY,
    KIND,
    LIMIT_PRICE,
    REDUCE_ONLY,
    STOP_PRICE,
    TARGET,
    TARGET_ON_CLOSE,
    TARGET_ON_OPEN,
    TIME_IN_FORCE,
    TRAIL,
    UNITS,
)
from argus.engine.forms import CompiledStrategy
from tests.engine.markets import Scripted, spec_of

FIELDS = 12
"""Wake-up, then the columns of an answer."""


@dataclass(frozen=True)
class Line:
    """A row of an answer at the wake-up with this number."""

    wake: int
    kind: int
    units: float = np.nan
    limit: float = np.nan
    stop: float = np.nan
    trail: float = np.nan
    tif: int = 0
    reduce_only: bool = False
    key: int = 0
    exit_stop: float = np.nan
    exit_target: float = np.nan
    exit_trail: float = np.nan

    def numbers(self) -> list[float]:
        """As the compiled decision reads it."""
        return [float(getattr(self, name)) for name in self.__dataclass_fields__]


def play_script(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
    """The compiled decision: memory holds the number of the wake-up, and the next line."""
    wake, line = memory[0], int(memory[1])
    memory[0] = wake + 1.0
    count = 0
    while line * FIELDS < len(parameters) and parameters[line * FIELDS] == wake:
        begin = line * FIELDS + 1
        out[count, KIND] = parameters[begin]
        out[count, UNITS] = parameters[begin + 1]
        out[count, LIMIT_PRICE] = parameters[begin + 2]
        out[count, STOP_PRICE] = parameters[begin + 3]
        out[count, TRAIL] = parameters[begin + 4]
        out[count, TIME_IN_FORCE] = parameters[begin + 5]
        out[count, REDUCE_ONLY] = parameters[begin + 6]
        out[count, KEY] = parameters[begin + 7]
        out[count, EXIT_STOP] = parameters[begin + 8]
        out[count, EXIT_TARGET] = parameters[begin + 9]
        out[count, EXIT_TRAIL] = parameters[begin + 10]
        count += 1
        line += 1
    memory[1] = float(line)
    return count


def as_compiled(symbol: str, lines: Sequence[Line], **declared: Any) -> CompiledStrategy:
    """The script in compiled form."""
    numbers = [number for line in lines for number in line.numbers()]
    values = {f"p{k}": number for k, number in enumerate(numbers)}
    return CompiledStrategy(spec_of([symbol], values=values, **declared), play_script, ("close",), memory=(0.0, 0.0))


def as_python(symbol: str, lines: Sequence[Line], **declared: Any) -> Scripted:
    """The script in Python."""
    by_wake: dict[int, list[Line]] = {}
    for line in lines:
        by_wake.setdefault(line.wake, []).append(line)
    sent: list[tuple[int, str]] = []

    def on_wake(_view: View, number: int) -> Sequence[Intent]:
        intents: list[Intent] = []
        for place, line in enumerate(by_wake.get(number, ())):
            if line.kind == CANCEL:
                intents += [Cancel(name) for key, name in sent if line.key == key]
                continue
            intents.append(_intent(symbol, line, f"{number}.{place}"))
            if line.kind < TARGET:
                names = [f"{number}.{place}"]
                if isinstance(intents[-1], Bracket):
                    names = [order.order_key for order in intents[-1].orders()]
                sent.extend((line.key, name) for name in names)
        return intents

    return Scripted([symbol], on_wake, **declared)


def _intent(symbol: str, line: Line, name: str) -> Intent:
    executions = {
        TARGET: OrderType.MARKET,
        TARGET_ON_OPEN: OrderType.MARKET_ON_OPEN,
        TARGET_ON_CLOSE: OrderType.MARKET_ON_CLOSE,
    }
    if line.kind in executions:
        return Target(symbol, units=line.units, execution=executions[line.kind])
    entry = OrderRequest(
        symbol,
        Side.BUY if line.units > 0 else Side.SELL,
        OrderType(line.kind),
        abs(line.units),
        _or_none(line.limit),
        _or_none(line.stop),
        TimeInForce(line.tif),
        name,
        trail=_or_none(line.trail),
        reduce_only=line.reduce_only,
    )
    exits = (_or_none(line.exit_stop), _or_none(line.exit_target), _or_none(line.exit_trail))
    return entry if exits == (None, None, None) else Bracket(entry, *exits)


def _or_none(price: float) -> float | None:
    return None if np.isnan(price) else price


def random_script(seed: int, bars: Bars, *, unit: float = 1.0, often: float = 0.35) -> list[Line]:
    """Orders of every kind near the market, targets, brackets and cancels, at random wake-ups."""
    random = np.random.Generator(np.random.Philox(key=seed))
    tick = float(instrument(bars.instrument).tick_size)
    lines: list[Line] = []
    for wake, close in enumerate(bars.close.tolist()):
        if np.isnan(close) or random.random() > often:
            continue
        for _ in range(int(random.integers(1, 4))):
            lines.append(replace(_random_line(random, round(close / tick), tick, unit), wake=wake))
    return lines


def _random_line(random: np.random.Generator, at: int, tick: float, unit: float) -> Line:
    draw, key = int(random.integers(0, 16)), int(random.integers(0, 3))
    units = float(random.integers(1, 5)) * unit * (1.0 if random.random() < 0.5 else -1.0)
    if draw < 3:
        kind = (TARGET, TARGET_ON_OPEN, TARGET_ON_CLOSE)[int(random.integers(0, 3))]
        return Line(0, kind, units * float(random.integers(0, 2)))
    if draw == 3:
        return Line(0, CANCEL, key=1 + key % 2)
    kind = OrderType(int(random.integers(0, 9)))
    near = [float((at + int(away)) * tick) for away in random.integers(-6, 7, 2)]
    line = Line(
        0,
        int(kind),
        units,
        near[0] if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT, *_ONE_SESSION_LIMITS) else np.nan,
        near[1] if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else np.nan,
        float(random.integers(1, 7)) * tick if kind == OrderType.TRAILING_STOP else np.nan,
        int(random.integers(0, 2)),
        bool(random.random() < 0.15),
        key,
    )
    if kind in (OrderType.MARKET, OrderType.LIMIT) and random.random() < 0.2:
        line = replace(line, tif=int(random.integers(3, 5)))
    if random.random() < 0.35:
        sign = 1 if units > 0 else -1
        stop, target = (at - sign * int(random.integers(1, 9))) * tick, (at + sign * int(random.integers(1, 9))) * tick
        trails = random.random() < 0.3
        line = replace(
            line,
            exit_stop=np.nan if trails else float(stop),
            exit_trail=float(random.integers(1, 7)) * tick if trails else np.nan,
            exit_target=float(target) if random.random() < 0.6 else np.nan,
        )
    return line


_ONE_SESSION_LIMITS = (OrderType.LIMIT_ON_OPEN, OrderType.LIMIT_ON_CLOSE)
