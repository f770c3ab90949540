"""Features of random cases that are terms of the account: instruments in other currencies, and intraday margins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import instrument
from tests.oracle.cases import Case
from tests.oracle.random_cases import DAY, Dice
from tests.oracle.world import EPOCH

_DAY = timedelta(days=1)
_PAIRS = {"EUR": ("EURUSD", 108_000), "JPY": ("USDJPY", 110_000)}
_AGE_DAYS = 400
_MINUTES_PER_DAY = 24 * 60


def lay_currencies(dice: Dice, case: Case, length: int) -> Case:
    """Some instruments are quoted in euros or yen, whose rates come from a table, a pair's bars or the pair traded."""
    chosen = {
        symbol: dice.pick("EUR", "EUR", "JPY")
        for symbol, spec in case.specs.items()
        if symbol != "EURUSD" and (dice.chance(0.7) or len(case.specs) == 1)
    }
    if not chosen:
        return case
    case = replace(
        case, specs={s: replace(spec, currency=chosen.get(s, spec.currency)) for s, spec in case.specs.items()}
    )
    table = [_table(dice, case, currency) for currency in sorted(set(chosen.values())) if dice.chance(0.4)]
    stated = {rows[0][0] for rows in table}
    for currency in sorted(set(chosen.values()) - stated):
        name = _PAIRS[currency][0]
        if name not in case.bars:
            case = replace(case, pairs={**case.pairs, name: (instrument(name), _pair_bars(dice, case, currency))})
        elif not _knows(case.bars[name], case.bars[_first_of(case, chosen, currency)]):
            table.append(_table(dice, case, currency))
    for symbol, currency in chosen.items():
        name = _PAIRS[currency][0]
        rates = case.bars.get(name) or (case.pairs[name][1] if name in case.pairs else None)
        if (
            currency not in {rows[0][0] for rows in table}
            and rates is not None
            and not _knows(rates, case.bars[symbol])
        ):
            table.append(_table(dice, case, currency))
    rates_of_days = tuple(row for rows in sorted(table) for row in rows)
    return case.under(
        fx_cost_bp=dice.pick(Decimal(0), Decimal(5), Decimal("0.25"), Decimal(100), Decimal(1)),
        rates=rates_of_days,
        rate_age_days=_AGE_DAYS,
    )


def _first_of(case: Case, chosen: dict[str, str], currency: str) -> str:
    return next(symbol for symbol in case.bars if chosen.get(symbol) == currency)


def _knows(rates: Bars, bars: Bars) -> bool:
    """Whether some rate is known well before the bars end, whatever the run's delay of data is."""
    known = rates.ts_recv_ns[~np.isnan(rates.close)]
    return len(known) > 0 and int(known[0]) + 400_000_000_000 < int(bars.ts_close_ns[-1])


def _table(dice: Dice, case: Case, currency: str) -> list[tuple[str, object, Decimal]]:
    """A rate a day; now and then the first comes only after trading began."""
    sessions = np.concatenate([bars.session for bars in case.bars.values()])
    first = int(sessions.min()) - 2
    ends = min(int(bars.ts_close_ns[-1]) // DAY for bars in case.bars.values())
    if ends - 1 > first and dice.chance(0.3):
        first = dice.whole(first, ends - 2)
    rate = Decimal("1.08") if currency == "EUR" else Decimal("0.0091")
    rows: list[tuple[str, object, Decimal]] = []
    for number in range(first, int(sessions.max()) + 2):
        if rows and dice.chance(0.2):
            continue
        rows.append((currency, EPOCH + number * _DAY, rate * (1 + Decimal(dice.whole(-30_000, 30_000)) / 1_000_000)))
    return rows


def _pair_bars(dice: Dice, case: Case, currency: str) -> Bars:
    """Bars of a pair beside those of the market: its first one's times, or some of them, shifted a little."""
    name, level = _PAIRS[currency]
    tick = Fraction(instrument(name).tick_size)
    model = next(iter(case.bars.values()))
    keep = np.array([i == 0 or dice.chance(0.8) for i in range(len(model))])
    shift = dice.pick(0, 0, 1, -1, 30_000_000_000) - dice.pick(0, 0, DAY)
    close = np.array([float((level + dice.whole(-3_000, 3_000)) * tick) for _ in range(int(keep.sum()))])
    if dice.chance(0.3):
        close += float(tick) * 0.3
    holes = np.array([i > 0 and dice.chance(0.1) for i in range(len(close))])
    close[holes] = np.nan
    return replace(
        model,
        instrument=name,
        **{column: getattr(model, column)[keep] + shift for column in ("ts_event_ns", "ts_close_ns", "ts_recv_ns")},
        **dict.fromkeys(("open", "high", "low", "close"), close),
        volume=np.full(len(close), np.nan),
        open_interest=np.full(len(close), np.nan),
        session=model.session[keep],
        session_end=model.session_end[keep],
        observed=frozenset({"open", "high", "low", "close"}),
    )


def lay_intraday(dice: Dice, case: Case, length: int) -> Case:
    """Margins that are lower within the session, whose cut-off lies somewhere among its bars."""
    futures = [symbol for symbol, spec in case.specs.items() if spec.margins]
    if not futures:
        return case
    longest = max(int((bars.ts_close_ns - bars.ts_event_ns).max()) for bars in case.bars.values())
    spans = [int(bars.ts_close_ns[-1] % DAY or DAY) for bars in case.bars.values()]
    at = dice.whole(0, max(1, max(spans) // 60_000_000_000))
    cutoff = max(longest // 60_000_000_000 + 1, _MINUTES_PER_DAY - 1 - at)
    if cutoff >= _MINUTES_PER_DAY:
        return case
    specs = {s: replace(spec, calendar="24/7") if spec.margins else spec for s, spec in case.specs.items()}
    share = dice.pick(Decimal("0.5"), Decimal("0.25"), Decimal("0.1234567"), None)
    rates: tuple[tuple[str, Decimal, Decimal], ...] = ()
    if share is None or dice.chance(0.3):
        symbol = dice.pick(*futures)
        least = min(rate.maintenance for rate in case.specs[symbol].margins)
        part = (least * dice.pick(Decimal("0.1"), Decimal("0.5"))).quantize(Decimal("0.01"))
        rates = ((symbol, part * dice.pick(1, 2), part),)
    return replace(case, specs=specs).under(
        cash=max(1, case.settings.cash // dice.pick(1, 2, 4)),
        intraday_cutoff=cutoff,
        intraday_share=share,
        intraday_rates=rates,
    )
