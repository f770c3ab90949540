"""What happened to the instruments of a run beside their bars: splits, dividends, new names, the end of a listing.

Corporate actions of the catalog become events of a run on one of its datasets, and a sheet of them those of a run on a
file. Prices that are adjusted already must not be split twice: data under an adjusted instrument get none, and where
the prices do not show a split that is said to have been, the run is refused.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.core.errors import ConfigError, DataError, ImportFailed

if TYPE_CHECKING:
    from argus.app.workspace import Workspace
    from argus.core.arrays import Bars
    from argus.core.instruments import InstrumentSpec
    from argus.core.market_events import InstrumentEvent
    from argus.data.catalog import Catalog, DatasetInfo
    from argus.data.corporate_actions import CorporateAction, Split, SymbolChange
    from argus.engine.market import Events, Market

__all__ = [
    "NOTHING",
    "Happened",
    "Joined",
    "actions_hash",
    "catalog_events",
    "events_again",
    "file_events",
    "former_names",
    "joined_bars",
    "name_then",
]

_ADJUSTED: Final = "_ADJ:"
_PLAIN_SHARE: Final = "US_EQUITY:"
_SHEET: Final = ("date", "kind", "value")
_SPLIT_SEEN: Final = math.log(1.15)
"""Splits by less than this share cannot be told from a day's move of the price, and are taken as they are stated."""
_SMALLEST: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Happened:
    """Events for a run, and what a reader of it must know about them.

    Attributes
    ----------
    events : mapping
        Symbol to its events, for `argus.engine.run`.
    notes : tuple of str
    """

    events: Events
    notes: tuple[str, ...]

    def described(self) -> dict[str, list[list[Any]]]:
        """The events as plain values, from which `events_again` makes them."""
        return {symbol: [_row(event) for event in events] for symbol, events in self.events.items()}


NOTHING: Final = Happened({}, ())


def catalog_events(workspace: Workspace, market: Market) -> Happened:
    """The catalog's corporate actions as events of a run on its datasets.

    Parameters
    ----------
    workspace : Workspace
    market : mapping
        From `argus.app.backtest.catalog_market`.

    Raises
    ------
    DataError
        If prices do not show a split of theirs, so that they seem to be adjusted already.
    ConfigError
        If a dividend is in another currency than the shares.
    """
    from argus.data.corporate_actions_import import load_actions

    actions = load_actions(workspace.catalog())
    return _happened(market, actions, "the catalog's") if actions else NOTHING


def file_events(path: Path, market: Market) -> Happened:
    """Events of a run from a sheet: `date`, `kind` and `value`, or a full file of corporate actions.

    Parameters
    ----------
    path : Path
        CSV with the columns date (of the session; of a dividend the ex-date), kind (split or dividend), value (new
        shares for an old one, ``4`` or ``4:1``; cash a share) and, for a run on several instruments, symbol; or a file
        as `argus.data.read_actions` takes it.
    market : mapping

    Raises
    ------
    ImportFailed
        Naming the line that cannot be used: a run must not miss an event in silence.
    DataError, ConfigError
        As `catalog_events`.
    """
    from argus.data.corporate_actions_import import read_actions

    names = _columns(path)
    if set(_SHEET) <= set(names):
        actions: Sequence[CorporateAction] = _from_sheet(path, market)
    elif "kind" not in names or "session" not in names:
        raise ImportFailed(
            f"{path.name}: a sheet of events has the columns {', '.join(_SHEET)} (and symbol, for several "
            f"instruments); this one has {', '.join(names) or 'none'}"
        )
    else:
        calendar = next(iter(market.values()))[0].calendar
        file = read_actions(path, calendar=calendar)
        if file.quarantined:
            raise ImportFailed(f"{path.name}: {file.quarantined[0].message}")
        actions = file.actions
    strange = sorted({action.symbol for action in actions} - {name for s in market for name in (s, _ticker(s))})
    if strange:
        raise ImportFailed(f"{path.name}: it has events of {', '.join(strange)}; the run is on {', '.join(market)}")
    return _happened(market, actions, f"{path.name}:")


def events_again(described: Mapping[str, Sequence[Sequence[Any]]]) -> dict[str, tuple[InstrumentEvent, ...]]:
    """The events of a kept run."""
    return {symbol: tuple(_event(row) for row in rows) for symbol, rows in described.items()}


def actions_hash(workspace: Workspace) -> str:
    """Hash of the catalog's corporate actions; empty if there are none."""
    import hashlib

    from argus.data.corporate_actions_import import load_actions

    actions = load_actions(workspace.catalog())
    return hashlib.sha256(repr(actions).encode()).hexdigest() if actions else ""


# ---- actions as events


def _happened(market: Market, actions: Iterable[CorporateAction], whose: str) -> Happened:
    known = tuple(actions)
    events: dict[str, tuple[InstrumentEvent, ...]] = {}
    notes: list[str] = []
    for symbol, (spec, bars) in market.items():
        own = _of(symbol, known)
        if not own or not len(bars):
            continue
        if _ADJUSTED in symbol:
            notes.append(
                f"{symbol}: its prices are adjusted already, so that {whose} {len(own)} corporate actions of "
                f"{_ticker(symbol)} are not booked"
            )
            continue
        made, said = _events_of(spec, bars, own)
        notes += said
        if made:
            events[symbol] = made
            kinds = [type(event).__name__.lower() for event in made]
            counts = ", ".join(
                f"{kinds.count(kind)} {kind}{'s' * (kinds.count(kind) > 1)}" for kind in dict.fromkeys(kinds)
            )
            notes.append(f"{symbol}: {whose} corporate actions are booked as events of the run: {counts}")
    return Happened(events, tuple(notes))


def _ticker(symbol: str) -> str:
    return symbol.rpartition(":")[2]


def _of(symbol: str, actions: Sequence[CorporateAction]) -> list[CorporateAction]:
    """Actions of shares under the name that they had at the time, but for changes of the name."""
    from argus.data.corporate_actions import SymbolChange

    ticker = _ticker(symbol)
    spans: list[tuple[str, int, int]] = []
    begin = -(2**63)
    for change in former_names(ticker, actions):
        spans.append((change.symbol, begin, change.effective_ns))
        begin = change.effective_ns
    spans.append((ticker, begin, 2**63 - 1))
    found = [
        action
        for action in actions
        if not isinstance(action, SymbolChange)
        and any(action.symbol == name and start <= action.effective_ns < end for name, start, end in spans)
    ]
    return sorted(found, key=lambda action: (action.effective_ns, type(action).__name__ == "CashDividend"))


def _events_of(
    spec: InstrumentSpec, bars: Bars, actions: Sequence[CorporateAction]
) -> tuple[tuple[InstrumentEvent, ...], list[str]]:
    """Events within the bars, and notes; what was before the first bar or comes after the last is none of the run."""
    from argus.core import market_events
    from argus.data.corporate_actions import CashDividend, Delisting, Split

    made: list[InstrumentEvent] = []
    notes: list[str] = []
    for action in actions:
        ts_ns = action.effective_ns
        if not int(bars.ts_close_ns[0]) <= ts_ns <= int(bars.ts_close_ns[-1]):
            continue
        if isinstance(action, Split):
            _check_shown(bars, action)
            made.append(market_events.Split(ts_ns, action.numerator, action.denominator))
        elif isinstance(action, CashDividend):
            if action.currency != spec.currency:
                raise ConfigError(
                    f"{spec.symbol}: the dividend of {action.session} is in {action.currency}, the shares are in "
                    f"{spec.currency}; currencies are not converted: run with --events off, or on another instrument"
                )
            made.append(market_events.Dividend(ts_ns, action.amount))
        elif isinstance(action, Delisting):
            price = float(action.cash) if action.cash is not None else _last_close(bars)
            made.append(market_events.FinalSettlement(ts_ns, price))
            if action.cash is None:
                notes.append(
                    f"{spec.symbol}: what was paid at its delisting on {action.session} is not known; its last close "
                    "is taken"
                )
    return tuple(made), notes


def _check_shown(bars: Bars, split: Split) -> None:
    """Refuse prices in which a split is not to be seen: somebody took it out already."""
    import numpy as np

    from argus.core.time import day_number

    row = int(np.searchsorted(bars.session, day_number(split.session)))
    prices = bars.open if "open" in bars.observed else bars.close
    before = bars.close[:row][np.isfinite(bars.close[:row])]
    after = prices[row:][np.isfinite(prices[row:])]
    expected = math.log(split.numerator / split.denominator)
    if not len(before) or not len(after) or abs(expected) < _SPLIT_SEEN:
        return
    moved = math.log(float(before[-1]) / float(after[0]))
    if abs(moved - expected) > abs(moved):
        raise DataError(
            f"{bars.instrument}: the split of {split.numerator} for {split.denominator} on {split.session} is not in "
            f"its prices ({before[-1]:g} before, {after[0]:g} after): they seem to be adjusted already. Import them as "
            f"US_EQUITY_ADJ:{_ticker(bars.instrument)}, or run with --events off"
        )


def _last_close(bars: Bars) -> float:
    import numpy as np

    known = bars.close[np.isfinite(bars.close)]
    if not len(known):
        raise DataError(f"{bars.instrument}: no bar has a close, so that its delisting has no price")
    return float(known[-1])


def _row(event: InstrumentEvent) -> list[Any]:
    from dataclasses import fields

    values = [getattr(event, field.name) for field in fields(event)]
    return [type(event).__name__, *(str(value) if isinstance(value, Decimal) else value for value in values)]


def _event(row: Sequence[Any]) -> InstrumentEvent:
    from argus.core import market_events

    kind, ts_ns, *rest = row
    if kind in ("Dividend", "Funding"):
        rest = [Decimal(rest[0])]
    made: InstrumentEvent = getattr(market_events, kind)(ts_ns, *rest)
    return made


# ---- a sheet


def _columns(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        return ["kind", "session"]  # the importer of full files reads it, and says what is missing
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [name.strip().lower() for name in next(csv.reader(file), [])]
    except (OSError, UnicodeDecodeError) as error:
        raise ImportFailed(f"{path} cannot be read: {error}; give a CSV with the columns {', '.join(_SHEET)}") from None


def _from_sheet(path: Path, market: Market) -> list[CorporateAction]:
    found = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        names = [name.strip().lower() for name in next(reader)]
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
                try:
                    found.append(_sheet_action(row, market))
                except (ConfigError, DataError) as error:
                    raise ImportFailed(f"{path.name}, line {reader.line_num}: {error}") from None
    return found


def _sheet_action(row: Mapping[str, str], market: Market) -> CorporateAction:
    from argus.core.time import day_number
    from argus.data.calendars import session_table
    from argus.data.corporate_actions import CashDividend, Split

    symbol = row.get("symbol") or (next(iter(market)) if len(market) == 1 else "")
    owner = next((name for name in market if symbol in (name, _ticker(name))), None)
    if owner is None:
        raise ConfigError(f"symbol is {symbol!r}; the run is on {', '.join(market)}: name one of them")
    try:
        day = date.fromisoformat(row.get("date", ""))
    except ValueError:
        raise ConfigError(f"date is {row.get('date', '')!r}; an ISO date such as 2020-08-31 is expected") from None
    spec = market[owner][0]
    table = session_table(spec.calendar, day, day)
    if not len(table) or int(table.session[0]) != day_number(day):
        raise ConfigError(f"date is {day}, and the calendar {spec.calendar} has no session on that day")
    at: dict[str, Any] = {
        "symbol": _ticker(owner), "session": day,
        "effective_ns": int(table.open_ns[0]), "known_at_ns": int(table.open_ns[0]),
    }  # fmt: skip
    kind, value = row.get("kind", "").lower(), row.get("value", "")
    if kind == "split":
        numerator, denominator = _ratio(value)
        return Split(**at, numerator=numerator, denominator=denominator)
    if kind == "dividend":
        return CashDividend(**at, amount=_number(value), currency=spec.currency, pay_session=day)
    raise ConfigError(f"kind is {row.get('kind', '')!r}; split or dividend expected")


def _ratio(text: str) -> tuple[int, int]:
    """(new shares, old shares) of ``4``, ``4:1`` or ``0.1``."""
    from fractions import Fraction

    new, colon, old = text.partition(":")
    ratio = Fraction(_number(new)) / (Fraction(_number(old)) if colon else 1)
    return ratio.numerator, ratio.denominator


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite() or value < _SMALLEST:
        raise ConfigError(f"value is {text!r}; a number above zero is expected, of a split also 4:1")
    return value


# ---- new names


def former_names(ticker: str, actions: Iterable[CorporateAction]) -> list[SymbolChange]:
    """The changes that led to this name, oldest first."""
    from argus.data.corporate_actions import SymbolChange, changes_to

    return changes_to(ticker, [action for action in actions if isinstance(action, SymbolChange)])


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Bars of shares under all names that they had.

    Attributes
    ----------
    bars : Bars
        Under the last name.
    changes : tuple of SymbolChange
        Those whose earlier name is in the bars, oldest first.
    note : str
    """

    bars: Bars
    changes: tuple[SymbolChange, ...]
    note: str


def joined_bars(catalog: Catalog, info: DatasetInfo, start_ns: int | None, end_ns: int | None) -> Joined | None:
    """The bars of shares that had other names before, if the catalog says so; None if it does not.

    Parameters
    ----------
    catalog : Catalog
        Its symbol changes say which names lead to this one; the bars of those are datasets of their own.
    info : DatasetInfo
        Of a share under its last name.
    start_ns, end_ns : int or None
        Bars that start at or after, and before.
    """
    import numpy as np

    from argus.core.errors import CatalogError, CoverageError
    from argus.data.corporate_actions import join_symbols
    from argus.data.corporate_actions_import import load_actions

    if not info.instrument.startswith(_PLAIN_SHARE) or info.contract is not None:
        return None
    ticker = _ticker(info.instrument)
    changes = former_names(ticker, load_actions(catalog))
    if not changes:
        return None
    found = {ticker: catalog.load(info.instrument, info.interval)}
    kept: list[SymbolChange] = []
    missing = ""
    for change in reversed(changes):
        try:
            found[change.symbol] = catalog.load(f"{_PLAIN_SHARE}{change.symbol}", info.interval)
        except (CatalogError, CoverageError):
            missing = f"it was called {change.symbol} before {change.session}, and the catalog has no bars of that name"
            break
        kept.insert(0, change)
    told = [f"its bars before {change.session} are those of {change.symbol}, its name then" for change in kept]
    bars = join_symbols(found, kept, ticker)
    first = 0 if start_ns is None else int(np.searchsorted(bars.ts_event_ns, start_ns))
    last = len(bars) if end_ns is None else int(np.searchsorted(bars.ts_event_ns, end_ns))
    if first >= last:
        raise CoverageError(f"{info.name}: it has no bars in the range asked for, under no name that it had")
    note = f"{ticker}: {'; '.join([*told, *([missing] if missing else [])])}"
    return Joined(bars.rows(first, last), tuple(kept), note)


def name_then(called: Sequence[Sequence[Any]], ts_ns: int) -> str | None:
    """The earlier name of shares at an instant, from (name, until) oldest first; None if they had the last one."""
    return next((str(name) for name, until_ns in called if ts_ns < int(until_ns)), None)
