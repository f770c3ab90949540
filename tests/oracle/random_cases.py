"""Random markets and orders from a seed, made so that ties, touches, refusals and liquidations are frequent.

Prices walk on few ticks, so that a limit often lies exactly at a low; volume is often a few lots; accounts are often
too small for what the script asks. Nothing here knows any rule of filling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec, instrument
from tests.oracle.cases import Case
from tests.oracle.script import Action, Cancel, Replace, Script, Submit, Ticket
from tests.oracle.settings import Settings
from tests.oracle.world import EPOCH, MICROS

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
POOLS = {
    "futures": ("ES", "MES", "CL", "ZN"),
    "cash": ("AAPL", "BTCUSD", "EURUSD", "SPX"),
    "reg_t": ("AAPL", "BTCUSD", "EURUSD", "ES", "MES", "CL", "ZN", "MSFT"),
}
LEVELS = {  # ticks around which prices walk
    "ES": 8_000,
    "MES": 8_000,
    "CL": 3,
    "ZN": 8_000,
    "AAPL": 1_200,
    "MSFT": 900,
    "BTCUSD": 2_500_000,
    "EURUSD": 108_000,
    "SPX": 30_000,
}
DAYS = (date(2008, 12, 1), date(2014, 1, 27), date(2020, 2, 28), date(2023, 6, 1))
TYPES = ("MARKET", "LIMIT", "STOP", "STOP_LIMIT", "MARKET_ON_OPEN", "MARKET_ON_CLOSE")


class Dice:
    """Choices from one counter-based stream."""

    def __init__(self, seed: int, stream: int = 0) -> None:
        self.rng = np.random.Generator(np.random.Philox(key=seed + (stream << 64)))
        self._drawn: list[float] = []
        # Now and then everything is as large as a ledger of 64-bit numbers must still bear.
        self.scale = 1 if self.chance(0.95) else 5_000

    def share(self) -> float:
        """From 0 to below 1."""
        # Drawn by the hundred: one at a time costs thirty times as much.
        if not self._drawn:
            self._drawn = self.rng.random(100).tolist()
        return self._drawn.pop()

    def chance(self, probability: float) -> bool:
        """True this often."""
        return self.share() < probability

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.share() * (high - low + 1))

    def pick(self, *choices: Any) -> Any:
        """One of these."""
        return choices[int(self.share() * len(choices))]


@dataclass(frozen=True)
class Texture:
    """How a random market behaves."""

    interval: int
    step: int  # ticks a close may move
    jump: int  # ticks of a rare jump
    off_grid: bool
    holes: float  # share of prices that are NaN
    gaps: float  # share of bars that are missing
    delay: int  # from a bar's close to its being known
    marked_ends: float  # share of sessions whose last bar says so


def basic_case(seed: int, length: int = 1) -> Case:
    """Bars, plain orders and costs of this seed, the same on every machine; `length` times the usual sessions."""
    dice = Dice(seed)
    account = dice.pick("futures", "futures", "futures", "cash", "reg_t", "reg_t")
    pool = list(POOLS[account])
    dice.rng.shuffle(pool)
    symbols = sorted(pool[: dice.pick(1, 1, 2, 3)])
    specs = {symbol: instrument("US_EQUITY:MSFT" if symbol == "MSFT" else symbol) for symbol in symbols}
    texture = _texture(dice)
    first_day = (dice.pick(*DAYS) - EPOCH).days + dice.whole(0, 3)
    sessions, per_session = dice.whole(2, 6) * length, dice.whole(1, 9)
    bars = {
        symbol: _bars(dice, specs[symbol], LEVELS[symbol], texture, first_day, (sessions, per_session))
        for symbol in symbols
    }
    settings = _settings(dice, account, specs, bars, texture)
    script = random_script(dice, specs, bars, length, wakes_on_fill=settings.wakes_on_fill)
    return Case(seed, specs, bars, script, settings)


def _texture(dice: Dice) -> Texture:
    wild = dice.chance(0.4)
    return Texture(
        interval=dice.pick(60, 300, 3_600) * SECOND,
        step=dice.pick(15, 40) if wild else dice.pick(1, 2, 3),
        jump=dice.pick(0, 200, 1_500) if wild else dice.pick(0, 5),
        off_grid=dice.chance(0.2),
        holes=dice.pick(0.0, 0.0, 0.0, 0.08),
        gaps=dice.pick(0.0, 0.0, 0.15),
        delay=dice.pick(0, 0, 0, 1, SECOND, 90 * SECOND, 400 * SECOND),
        marked_ends=dice.pick(1.0, 1.0, 1.0, 0.6, 0.0),
    )


Times = tuple[int, int, int, int, bool]


def _times(dice: Dice, texture: Texture, first_day: int, shape: tuple[int, int]) -> list[Times]:
    """Start, close, known, session, end-of-session of each bar."""
    sessions, per_session = shape
    offset = dice.pick(0, 0, 0, 30 * SECOND, 7)
    rows: list[Times] = []
    known = 0
    for number in range(sessions):
        day = first_day + number * dice.pick(1, 1, 3)
        if rows and day <= rows[-1][3]:
            day = rows[-1][3] + 1
        marked = dice.chance(texture.marked_ends)
        kept = [slot for slot in range(per_session) if not dice.chance(texture.gaps)]
        for slot in kept:
            start = day * DAY + offset + slot * texture.interval
            close = start + (texture.interval if dice.chance(0.9) else texture.interval // 2)
            known = max(known + 1, close + dice.pick(texture.delay, texture.delay, texture.delay // 2))
            rows.append((start, close, known, day, marked and slot == kept[-1]))
    if not rows:
        start = first_day * DAY + offset
        rows.append((start, start + texture.interval, start + texture.interval + texture.delay, first_day, True))
    return rows


def _bars(
    dice: Dice, spec: InstrumentSpec, level: int, texture: Texture, first_day: int, shape: tuple[int, int]
) -> Bars:
    times = _times(dice, texture, first_day, shape)
    floor = -(10**9) if spec.price_may_be_negative else 3
    tick = Fraction(spec.tick_size)
    off_grid = texture.off_grid and dice.chance(0.7)
    prices: list[list[float]] = []
    last = level
    for _ in times:
        jump = dice.whole(-texture.jump, texture.jump) if dice.chance(0.15) else 0
        opened = max(floor, last + dice.whole(-texture.step, texture.step) * dice.pick(0, 1) + jump)
        close = max(floor, opened + dice.whole(-texture.step, texture.step))
        high = max(opened, close) + dice.whole(0, texture.step) * dice.pick(0, 1)
        low = max(floor, min(opened, close) - dice.whole(0, texture.step) * dice.pick(0, 1))
        last = close
        prices.append(_row_prices(dice, tick, (opened, high, low, close), texture.holes, off_grid=off_grid))
    table = np.array(prices, dtype=np.float64)
    observed = {"open", "high", "low", "close", "volume"}
    volume = _volumes(dice, spec, len(times))
    if dice.chance(0.08):
        observed = {"close"}
        table[:, :3] = np.nan
        volume = np.full(len(times), np.nan)
    elif dice.chance(0.2):
        observed.remove("volume")
        volume = np.full(len(times), np.nan)
    column = np.array(times, dtype=np.int64)
    return Bars(
        instrument=spec.symbol,
        ts_event_ns=column[:, 0].copy(),
        ts_close_ns=column[:, 1].copy(),
        ts_recv_ns=column[:, 2].copy(),
        open=table[:, 0].copy(),
        high=table[:, 1].copy(),
        low=table[:, 2].copy(),
        close=table[:, 3].copy(),
        volume=volume,
        open_interest=np.full(len(times), np.nan),
        session=column[:, 3].astype(np.int32),
        session_end=column[:, 4].astype(np.bool_),
        observed=frozenset(observed),
    )


def _row_prices(
    dice: Dice, tick: Fraction, ticks: tuple[int, int, int, int], holes: float, *, off_grid: bool
) -> list[float]:
    over, under = (dice.pick(0, 0, 1, 2, 3, 5), dice.pick(4, 4, 3, 10, 2)) if off_grid else (0, 1)
    prices = [(number * under + over) * tick.numerator / (under * tick.denominator) for number in ticks]
    if dice.chance(holes):
        for at in range(4) if dice.chance(0.5) else [dice.whole(0, 3)]:
            prices[at] = float("nan")
    return prices


def _volumes(dice: Dice, spec: InstrumentSpec, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    typical = _typical_lots(dice, spec)
    thickness = dice.pick(1, 3, 50, 1_000)
    volume, lot = np.empty(count), Fraction(spec.lot_size)
    for i in range(count):
        lots = dice.whole(0, typical * thickness) * dice.pick(0, 1, 1, 1) if thickness < 50 else typical * thickness
        volume[i] = lots * lot.numerator / lot.denominator
        if dice.chance(0.02):
            volume[i] = np.nan
    return volume


def _typical_lots(dice: Dice, spec: InstrumentSpec) -> int:
    if spec.lot_size < 1:
        return 20_000_000 * dice.scale
    return (4 if spec.margins else 60) * dice.scale


def _settings(
    dice: Dice, account: str, specs: dict[str, InstrumentSpec], bars: dict[str, Bars], texture: Texture
) -> Settings:
    need = 0.0
    for symbol, spec in specs.items():
        if spec.margins:
            need += 4 * dice.scale * float(spec.margins[dice.whole(0, len(spec.margins) - 1)].initial)
        else:
            dearest = float(np.nanmax(np.append(bars[symbol].close, 1.0)))
            need += _typical_lots(dice, spec) * float(spec.lot_size * spec.multiplier) * dearest
    cash = max(1, int(need * MICROS * dice.pick(0.3, 0.6, 1.0, 1.2, 2.0, 100.0))) + dice.whole(0, 999_999)
    starts = next(iter(bars.values())).ts_recv_ns
    late = int(starts[len(starts) // 4]) if dice.chance(0.1) else None
    early = int(starts[(3 * len(starts)) // 4]) + 1 if dice.chance(0.1) else None
    fees: tuple[Decimal | None, Decimal | None, Decimal | None] = (None, None, None)  # the instrument's schedule
    if dice.chance(0.9):
        fees = (
            dice.pick(Decimal(0), Decimal("2.25"), Decimal("0.005"), Decimal("0.0001")),
            dice.pick(Decimal(0), Decimal(0), Decimal("0.0001"), Decimal("0.00037")),
            dice.pick(Decimal(0), Decimal(0), Decimal(1), Decimal("0.3333333")),
        )
    return Settings(
        account=account,
        cash=cash,
        fee_per_unit=fees[0],
        fee_rate=fees[1],
        fee_minimum=fees[2],
        slippage_ticks=dice.pick(0, 0, 1, 2, 3),
        slippage_rate=dice.pick(Decimal(0), Decimal(0), Decimal("0.0001"), Decimal("0.001"), Decimal("0.0123")),
        multiplier=dice.pick(Decimal(1), Decimal(1), Decimal("1.25"), Decimal("1.5"), Decimal(2), Decimal(0)),
        touch=dice.chance(0.3),
        participation=dice.pick(Decimal(1), Decimal(1), Decimal("0.5"), Decimal("0.1"), Decimal("0.07")),
        latency=dice.pick(0, 0, 0, 1, SECOND, 61 * SECOND, texture.interval),
        start=late,
        end=early,
        wake=dice.pick("every_bar", "every_bar", "every_bar", "session_end"),
        warmup=dice.pick(0, 1, 1, 1, 3),
        wakes_on_fill=dice.chance(0.5),
    )


def level_at(spec: InstrumentSpec, bars: Bars, when: float) -> int:
    """Price in ticks at about a point of the data (0 to 1)."""
    close = float(bars.close[min(len(bars) - 1, int(when * len(bars)))])
    return LEVELS[spec.symbol] if close != close else round(close / float(spec.tick_size))


class _Writer:
    """Writes a script: tickets near the price of about that time, cancels and replacements of earlier keys."""

    def __init__(self, dice: Dice, specs: Mapping[str, InstrumentSpec], bars: Mapping[str, Bars]) -> None:
        self.dice = dice
        self.specs = specs
        self.bars = bars
        self.keys: list[tuple[str, str]] = []  # key, symbol
        self.favourites = [kind for kind in TYPES if dice.chance(0.6)] or list(TYPES)
        self.gtc = dice.pick(0.1, 0.5, 0.9)
        self.greedy = dice.pick(1, 1, 1, 3)

    def actions(self, when: float, count: int) -> list[Action]:
        """Some actions at a point of the data (0 to 1)."""
        made: list[Action] = []
        for _ in range(count):
            if self.keys and self.dice.chance(0.25):
                # Recent keys are the ones still alive, and the same one twice is a case of its own.
                key, symbol = self.keys[-self.dice.whole(1, min(len(self.keys), 4))]
                if self.dice.chance(0.5):
                    made.append(Cancel(key))
                else:
                    made.append(Replace(key, self._key(symbol), self._ticket(symbol, when)))
            else:
                symbol = self.dice.pick(*self.specs)
                made.append(Submit(self._key(symbol), self._ticket(symbol, when)))
        return made

    def _key(self, symbol: str) -> str:
        self.keys.append((f"k{len(self.keys)}", symbol))
        return self.keys[-1][0]

    def _ticket(self, symbol: str, when: float) -> Ticket:
        dice, spec, bars = self.dice, self.specs[symbol], self.bars[symbol]
        level = level_at(spec, bars, when)
        width = dice.pick(1, 2, 4, 30)
        kind, side = dice.pick(*self.favourites), dice.pick(1, -1)
        stop = level + dice.whole(-width, width) if kind in ("STOP", "STOP_LIMIT") else None
        limit = None
        if kind == "LIMIT":
            limit = level + dice.whole(-width, width)
        elif kind == "STOP_LIMIT":
            assert stop is not None
            limit = stop + side * dice.whole(-1, 4)
        lots = dice.whole(1, _typical_lots(dice, spec)) * self.greedy
        if not spec.price_may_be_negative:
            stop = None if stop is None else max(1, stop)
            limit = None if limit is None else max(1, limit)
        return Ticket(symbol, side, kind, lots, limit, stop, "GTC" if dice.chance(self.gtc) else "DAY")


def random_script(
    dice: Dice,
    specs: Mapping[str, InstrumentSpec],
    bars: Mapping[str, Bars],
    length: int,
    *,
    wakes_on_fill: bool,
) -> Script:
    """What a trader might do in these markets, now and then on a fill."""
    writer = _Writer(dice, specs, bars)
    total = max(1, len({int(ts) for item in bars.values() for ts in item.ts_recv_ns}))
    busy = dice.pick(0.15, 0.4, 0.8)
    wakes: dict[int, list[Action]] = {}
    for number in range(total):
        if dice.chance(busy):
            wakes[number] = writer.actions(number / total, dice.pick(1, 1, 2, 3))
    fills: dict[int, list[Action]] = {}
    if wakes_on_fill:
        for number in range(60 * length):
            if dice.chance(0.5):
                # Keys that may not have been sent by then: such actions do nothing.
                fills[number] = writer.actions(dice.whole(0, 9) / 10, dice.pick(1, 1, 2))
    return Script(wakes, fills)
