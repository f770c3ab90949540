"""Reads and checks instrument files; imported only when one is read, because Pydantic and YAML are heavy.

Two steps. Pydantic checks the form of each entry (unknown keys, missing keys, types, signs); plain functions then check
that the figures agree with each other, which is what keeps a typing slip from becoming a wrong account. Both end in an
`InstrumentError` that names file, symbol, field, what was found and what to do. Scalars reach Pydantic as the text in
the file, so that 0.1 is the decimal 0.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, time
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from argus.core._fee_schema import FeeRow, FeeRows, components_of, fee_totals, in_place_of, row_field
from argus.core._instrument_rules import FIRST_NOTICE_RULES, LAST_TRADE_RULES
from argus.core.errors import InstrumentError
from argus.core.fees import FeeComponent
from argus.core.instruments import (
    MONTH_LETTERS,
    InstrumentKind,
    InstrumentSpec,
    MarginRate,
    RegularHours,
    Source,
    TradingSession,
)

__all__ = ["InstrumentFile", "read_file"]

_VERSION: Final = "1"
_SECTIONS: Final = frozenset({"version", "sources", "fee_sets", "instruments", "templated", "fees"})
_SYMBOL: Final = re.compile(r"[A-Z0-9][A-Z0-9._\-]*")
_SOURCED: Final = frozenset(
    {
        "tick_size",
        "multiplier",
        "lot_size",
        "delivery_months",
        "last_trade_rule",
        "last_trade_time",
        "first_notice_rule",
        "settlement",
        "session",
        "regular_hours",
        "price_may_be_negative",
    }
)
_SOURCED_ALWAYS: Final = ("tick_size", "multiplier", "session")
_SOURCED_FUTURE: Final = (*_SOURCED_ALWAYS, "delivery_months", "last_trade_rule", "settlement")
_FRACTION_LIMIT: Final = 10**9
"""Denominators that a fill may round away: the engine carries nano-micros, no finer."""

_Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_M = TypeVar("_M", bound=BaseModel)


class _Source(_Model):
    text: _Text
    url: str | None = None
    verified: bool


class _Session(_Model):
    open: time
    close: time
    timezone: _Text
    opens_previous_day: bool
    hours_from_calendar: bool
    break_start: time | None = None
    break_end: time | None = None


class _RegularHours(_Model):
    open: time
    close: time
    timezone: _Text
    calendar: _Text | None = None


class _Margins(_Model):
    source: _Text
    rows: _Text


class _Entry(_Model):
    name: _Text
    kind: InstrumentKind
    exchange: _Text
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    calendar: _Text
    session: _Session
    regular_hours: _RegularHours | None = None
    tick_size: _Positive
    tick_value: _Positive
    multiplier: _Positive
    lot_size: _Positive
    price_may_be_negative: bool
    delivery_months: str = ""
    last_trade_rule: _Text
    last_trade_time: time | None = None
    first_notice_rule: _Text = "none"
    settlement: Literal["cash", "physical", "none"]
    template: bool = False
    notes: str = ""
    sources: dict[str, list[str]]
    fees: list[FeeRow]
    fee_sets: list[str] = []
    margins: list[_Margins] = []


@dataclass(frozen=True, slots=True)
class InstrumentFile:
    """The content of an instrument file, merged over its base.

    Sources by id, instruments by symbol, sets of fee rows by name, and which symbols were made from which template.
    """

    sources: Mapping[str, Source]
    instruments: Mapping[str, InstrumentSpec]
    fee_sets: Mapping[str, tuple[FeeComponent, ...]]
    made_from: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in which file we are; turns a finding into the error that leads a trader there."""

    file: Path
    symbol: str

    def error(self, field: str, found: object, remedy: str) -> InstrumentError:
        return InstrumentError(f"{self.file.name}: {self.symbol}: {field}: found {found}; {remedy} (file {self.file})")


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """YAML in which every scalar stays text and a repeated key is an error instead of the last one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            text = str(key.value)
            if text in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {text!r} is written twice; keep one", key.start_mark
                )
            seen.add(text)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def read_file(path: Path, base: InstrumentFile | None = None) -> InstrumentFile:
    """Read, check and merge an instrument file over `base`.

    Raises
    ------
    InstrumentError
        Anything in the file that is not as it must be.
    """
    content = _sections(path)
    sources = dict(base.sources) if base else {}
    for identifier, raw in _mapping(path, content, "sources").items():
        model = _validated(_Source, raw, _Place(path, f"source {identifier}"))
        sources[identifier] = Source(model.text, model.url, model.verified)
    fee_sets = dict(base.fee_sets) if base else {}
    for name, raw in _mapping(path, content, "fee_sets").items():
        fee_sets[name] = _fee_rows(raw, sources, _Place(path, f"fee set {name}"))
    instruments = dict(base.instruments) if base else {}
    made_from = dict(base.made_from) if base else {}
    for symbol, raw in _mapping(path, content, "instruments").items():
        place = _Place(path, symbol)
        if not _SYMBOL.fullmatch(symbol):
            raise place.error("symbol", repr(symbol), "write capital letters, digits, dots, dashes or underscores")
        instruments[symbol] = _spec(symbol, _validated(_Entry, raw, place), sources, fee_sets, place)
        made_from.pop(symbol, None)
    for template, names in _mapping(path, content, "templated").items():
        made = _templated(path, template, names, instruments)
        instruments.update(made)
        made_from.update(dict.fromkeys(made, template))
    instruments.update(_own_fees(path, _mapping(path, content, "fees"), sources, instruments, made_from))
    return InstrumentFile(
        MappingProxyType(sources),
        MappingProxyType(instruments),
        MappingProxyType(fee_sets),
        MappingProxyType(made_from),
    )


def _sections(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise InstrumentError(
            f"{path}: cannot be read ({error.strerror}); give the path of an instrument file"
        ) from error
    except UnicodeDecodeError as error:
        raise InstrumentError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except yaml.YAMLError as error:
        raise InstrumentError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InstrumentError(f"{path}: found no sections; an instrument file starts with `version: {_VERSION}`")
    unknown = sorted(set(content) - _SECTIONS)
    if unknown:
        raise InstrumentError(
            f"{path}: found section {unknown[0]!r}; the known sections are {', '.join(sorted(_SECTIONS))}"
        )
    if content.get("version") != _VERSION:
        raise InstrumentError(f"{path}: found version {content.get('version')!r}; write `version: {_VERSION}`")
    return content


def _mapping(path: Path, content: dict[str, Any], section: str) -> dict[str, Any]:
    found = content.get(section, {})
    if not isinstance(found, dict):
        raise InstrumentError(f"{path}: section {section}: found {found!r}; write one indented entry per line below it")
    return found


def _validated(model: type[_M], raw: object, place: _Place) -> _M:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = row_field(raw, first["loc"]) or "entry"
        kind = first["type"]
        if kind == "missing":
            raise place.error(field, "nothing", "add the field") from None
        if kind == "extra_forbidden":
            known = ", ".join(model.model_fields) if len(first["loc"]) == 1 else "docs/instruments.md"
            raise place.error(field, repr(first["input"]), f"the field is unknown; known: {known}") from None
        raise place.error(field, repr(first["input"]), first["msg"].lower()) from None


def _spec(
    symbol: str,
    entry: _Entry,
    sources: Mapping[str, Source],
    fee_sets: Mapping[str, tuple[FeeComponent, ...]],
    place: _Place,
) -> InstrumentSpec:
    fees = _entry_fees(entry, sources, fee_sets, place)
    spec = InstrumentSpec(
        symbol=symbol,
        name=entry.name,
        kind=entry.kind,
        exchange=entry.exchange,
        currency=entry.currency,
        calendar=entry.calendar,
        session=_session(entry.session, place),
        regular_hours=_regular(entry.regular_hours, place),
        tick_size=entry.tick_size,
        tick_value=entry.tick_value,
        multiplier=entry.multiplier,
        lot_size=entry.lot_size,
        price_may_be_negative=entry.price_may_be_negative,
        delivery_months=tuple(entry.delivery_months),
        last_trade_rule=entry.last_trade_rule,
        settlement=entry.settlement,
        margins=_margins(entry.margins, sources, place),
        fees=fee_totals(fees, place.error),
        sources=_sourced(entry, sources, place),
        notes=entry.notes,
        template=entry.template,
        last_trade_time=entry.last_trade_time,
        first_notice_rule=entry.first_notice_rule,
        fee_components=fees,
    )
    _check_value(spec, place)
    _check_expiry(spec, place)
    return spec


def _check_zone(field: str, name: str, place: _Place) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise place.error(field, repr(name), "write an IANA name such as America/Chicago") from None


def _regular(model: _RegularHours | None, place: _Place) -> RegularHours | None:
    if model is None:
        return None
    _check_zone("regular_hours.timezone", model.timezone, place)
    if model.close <= model.open:
        found = f"{model.close}, which is not after the open at {model.open}"
        raise place.error("regular_hours.close", found, "write hours within one day")
    return RegularHours(model.open, model.close, model.timezone, model.calendar)


def _session(model: _Session, place: _Place) -> TradingSession:
    _check_zone("session.timezone", model.timezone, place)
    if (model.break_start is None) != (model.break_end is None):
        raise place.error("session.break_start", model.break_start, "give both break_start and break_end, or neither")
    return TradingSession(
        model.open,
        model.close,
        model.timezone,
        model.opens_previous_day,
        model.hours_from_calendar,
        model.break_start,
        model.break_end,
    )


def _known_source(identifier: str, field: str, sources: Mapping[str, Source], place: _Place) -> Source:
    if identifier not in sources:
        raise place.error(field, f"source {identifier!r}", "add it to the section `sources`, or name one that is there")
    return sources[identifier]


def _sourced(entry: _Entry, sources: Mapping[str, Source], place: _Place) -> Mapping[str, Source]:
    named: dict[str, Source] = {}
    for identifier, fields in entry.sources.items():
        source = _known_source(identifier, "sources", sources, place)
        for field in fields:
            if field not in _SOURCED:
                raise place.error("sources", f"figure {field!r}", f"name one of {', '.join(sorted(_SOURCED))}")
            if field in named:
                raise place.error("sources", f"two sources for {field}", "name one source for each figure")
            named[field] = source
    required: tuple[str, ...] = _SOURCED_FUTURE if entry.kind is InstrumentKind.FUTURE else _SOURCED_ALWAYS
    required += ("last_trade_time",) if entry.last_trade_time is not None else ()
    required += ("first_notice_rule",) if entry.first_notice_rule != "none" else ()
    required += ("regular_hours",) if entry.regular_hours is not None else ()
    for field in required:
        if field not in named:
            raise place.error(
                "sources", f"no source for {field}", "name where it was read, or a source with verified: false"
            )
    # A plain dict, because a mapping proxy cannot be sent to a worker process.
    return dict(sorted(named.items()))


def _check_value(spec: InstrumentSpec, place: _Place) -> None:
    expected = spec.tick_size * spec.multiplier
    if spec.tick_value != expected:
        raise place.error(
            "tick_value",
            f"{spec.tick_value}",
            f"tick_size {spec.tick_size} x multiplier {spec.multiplier} is {expected}; one of the three is wrong",
        )
    micros = spec.value_micros_per_tick_lot
    if spec.kind in (InstrumentKind.CRYPTO, InstrumentKind.FX):
        if _FRACTION_LIMIT % micros.denominator:
            raise place.error(
                "tick_size", f"one tick on one lot worth {micros} micro-units", "use a coarser tick_size or lot_size"
            )
    elif micros.denominator != 1:
        raise place.error(
            "tick_size",
            f"one tick on one lot worth {micros} micro-units of {spec.currency}",
            "it must be a whole number; correct tick_size, lot_size or multiplier",
        )


def _check_expiry(spec: InstrumentSpec, place: _Place) -> None:
    months = "".join(spec.delivery_months)
    if spec.kind is InstrumentKind.FUTURE:
        if not months or months != "".join(letter for letter in MONTH_LETTERS if letter in months):
            raise place.error(
                "delivery_months",
                repr(months),
                f"write letters of {MONTH_LETTERS} in that order, each once, such as HMUZ",
            )
        if spec.last_trade_rule not in LAST_TRADE_RULES:
            raise place.error(
                "last_trade_rule", repr(spec.last_trade_rule), f"the known rules are {', '.join(LAST_TRADE_RULES)}"
            )
        if spec.settlement == "none":
            raise place.error("settlement", "'none'", "a future settles in cash or physical")
        _check_notice(spec, place)
        return
    if months:
        raise place.error("delivery_months", repr(months), f"leave it out: {spec.kind.value} has no delivery month")
    if spec.kind is not InstrumentKind.OPTION and (spec.last_trade_rule, spec.settlement) != ("none", "none"):
        raise place.error(
            "last_trade_rule", f"{spec.last_trade_rule!r} and settlement {spec.settlement!r}", "write none for both"
        )
    if spec.last_trade_time is not None or spec.first_notice_rule != "none":
        raise place.error(
            "last_trade_time",
            f"{spec.last_trade_time} and first_notice_rule {spec.first_notice_rule!r}",
            "leave both out",
        )
    if spec.margins:
        raise place.error("margins", f"{len(spec.margins)} rows", "leave them out: margin per contract is for futures")


def _check_notice(spec: InstrumentSpec, place: _Place) -> None:
    rule = spec.first_notice_rule
    if spec.settlement == "cash" and rule != "none":
        raise place.error("first_notice_rule", repr(rule), "leave it out: nobody delivers what settles in cash")
    if spec.settlement == "physical" and rule not in FIRST_NOTICE_RULES:
        raise place.error("first_notice_rule", repr(rule), f"the known rules are {', '.join(FIRST_NOTICE_RULES)}")


def _margins(blocks: Iterable[_Margins], sources: Mapping[str, Source], place: _Place) -> tuple[MarginRate, ...]:
    rates: list[MarginRate] = []
    for block in blocks:
        source = _known_source(block.source, "margins", sources, place)
        rates.extend(_margin_rate(line, source, place) for line in block.rows.splitlines() if line.strip())
    _check_dates("margins", [rate.effective_date for rate in rates], place)
    return tuple(rates)


def _margin_rate(line: str, source: Source, place: _Place) -> MarginRate:
    try:
        day, initial, maintenance = line.split()
        rate = MarginRate(date.fromisoformat(day), Decimal(initial), Decimal(maintenance), source)
    except (ValueError, InvalidOperation):
        raise place.error("margins", repr(line.strip()), "write `YYYY-MM-DD initial maintenance`") from None
    if not (rate.initial.is_finite() and rate.maintenance.is_finite() and rate.initial >= rate.maintenance > 0):
        raise place.error("margins", repr(line.strip()), "initial must be at least maintenance, and both above zero")
    return rate


def _entry_fees(
    entry: _Entry, sources: Mapping[str, Source], fee_sets: Mapping[str, tuple[FeeComponent, ...]], place: _Place
) -> tuple[FeeComponent, ...]:
    """Rows of the sets that the entry names, and over them, component by component, its own."""
    shared: tuple[FeeComponent, ...] = ()
    for name in entry.fee_sets:
        if name not in fee_sets:
            known = ", ".join(sorted(fee_sets)) or "none"
            raise place.error("fee_sets", f"set {name!r}", f"add it to the section `fee_sets`; known: {known}")
        twice = {part.name.value for part in fee_sets[name]} & {part.name.value for part in shared}
        if twice:
            raise place.error("fee_sets", f"{', '.join(sorted(twice))} in two sets", "name one set for each component")
        shared += fee_sets[name]
    return in_place_of(shared, components_of(entry.fees, sources, place.error))


def _fee_rows(raw: object, sources: Mapping[str, Source], place: _Place) -> tuple[FeeComponent, ...]:
    """Rows that stand outside an entry."""
    rows = _validated(FeeRows, {"fees": raw}, place).fees
    if not rows:
        raise place.error("fees", "no row", "write one row per line below it")
    return in_place_of((), components_of(rows, sources, place.error))


def _own_fees(
    path: Path,
    overrides: Mapping[str, object],
    sources: Mapping[str, Source],
    instruments: Mapping[str, InstrumentSpec],
    made_from: Mapping[str, str],
) -> dict[str, InstrumentSpec]:
    """Specifications in which the section `fees` replaces components; a template's rows reach what was made from it."""
    changed: dict[str, InstrumentSpec] = {}
    # Templates first, so that rows for one share win over those for all.
    for symbol in sorted(overrides, key=lambda name: name not in instruments or not instruments[name].template):
        place = _Place(path, symbol)
        if symbol not in instruments:
            raise place.error("fees", f"the symbol {symbol!r}", "name an instrument that is known, or a template")
        own = _fee_rows(overrides[symbol], sources, place)
        for name in (symbol, *(made for made, template in made_from.items() if template == symbol)):
            spec = changed.get(name, instruments[name])
            fees = in_place_of(spec.fee_components, own)
            changed[name] = replace(spec, fee_components=fees, fees=fee_totals(fees, place.error))
    return changed


def _check_dates(field: str, days: list[date], place: _Place) -> None:
    for earlier, later in pairwise(days):
        if later <= earlier:
            raise place.error(
                field, f"{later} after {earlier}", "rows must be in order of date, one for each day of change"
            )


def _templated(
    path: Path, template: str, names: object, instruments: Mapping[str, InstrumentSpec]
) -> dict[str, InstrumentSpec]:
    place = _Place(path, f"templated {template}")
    spec = instruments.get(template)
    if spec is None or not spec.template:
        raise place.error("template", repr(template), "name an instrument with `template: true`")
    if not isinstance(names, dict):
        raise place.error("names", repr(names), "write one `SYMBOL: name` per line below it")
    for symbol, name in names.items():
        if not _SYMBOL.fullmatch(symbol) or not isinstance(name, str) or not name:
            raise place.error(str(symbol), repr(name), "write `SYMBOL: name`")
    return {symbol: replace(spec, symbol=symbol, name=name, template=False) for symbol, name in names.items()}
