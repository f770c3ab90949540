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

from argus.core._instrument_rules import LAST_TRADE_RULES
from argus.core.errors import InstrumentError
from argus.core.instruments import (
    MONTH_LETTERS,
    FeeSchedule,
    InstrumentKind,
    InstrumentSpec,
    MarginRate,
    Source,
    TradingSession,
)

__all__ = ["InstrumentFile", "read_file"]

_VERSION: Final = "1"
_SECTIONS: Final = frozenset({"version", "sources", "instruments", "templated"})
_SYMBOL: Final = re.compile(r"[A-Z0-9][A-Z0-9._\-]*")
_SOURCED: Final = frozenset(
    {
        "tick_size",
        "multiplier",
        "lot_size",
        "delivery_months",
        "last_trade_rule",
        "settlement",
        "session",
        "price_may_be_negative",
    }
)
_SOURCED_ALWAYS: Final = ("tick_size", "multiplier", "session")
_SOURCED_FUTURE: Final = (*_SOURCED_ALWAYS, "delivery_months", "last_trade_rule", "settlement")
_FRACTION_LIMIT: Final = 10**9
"""Denominators that a fill may round away: the engine carries nano-micros, no finer."""

_Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_M = TypeVar("_M", bound=_Model)


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


class _Fee(_Model):
    effective_date: date | Literal["undated"]
    per_unit: _NotNegative
    rate: _NotNegative
    minimum: _NotNegative
    source: _Text


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
    tick_size: _Positive
    tick_value: _Positive
    multiplier: _Positive
    lot_size: _Positive
    price_may_be_negative: bool
    delivery_months: str = ""
    last_trade_rule: _Text
    settlement: Literal["cash", "physical", "none"]
    template: bool = False
    notes: str = ""
    sources: dict[str, list[str]]
    fees: list[_Fee]
    margins: list[_Margins] = []


@dataclass(frozen=True, slots=True)
class InstrumentFile:
    """The content of an instrument file, merged over its base: sources by id, instruments by symbol."""

    sources: Mapping[str, Source]
    instruments: Mapping[str, InstrumentSpec]


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
    instruments = dict(base.instruments) if base else {}
    for symbol, raw in _mapping(path, content, "instruments").items():
        place = _Place(path, symbol)
        if not _SYMBOL.fullmatch(symbol):
            raise place.error("symbol", repr(symbol), "write capital letters, digits, dots, dashes or underscores")
        instruments[symbol] = _spec(symbol, _validated(_Entry, raw, place), sources, place)
    for template, names in _mapping(path, content, "templated").items():
        instruments.update(_templated(path, template, names, instruments))
    return InstrumentFile(MappingProxyType(sources), MappingProxyType(instruments))


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
        field = ".".join(str(part) for part in first["loc"]) or "entry"
        kind = first["type"]
        if kind == "missing":
            raise place.error(field, "nothing", "add the field") from None
        if kind == "extra_forbidden":
            known = ", ".join(model.model_fields) if len(first["loc"]) == 1 else "docs/instruments.md"
            raise place.error(field, repr(first["input"]), f"the field is unknown; known: {known}") from None
        raise place.error(field, repr(first["input"]), first["msg"].lower()) from None


def _spec(symbol: str, entry: _Entry, sources: Mapping[str, Source], place: _Place) -> InstrumentSpec:
    spec = InstrumentSpec(
        symbol=symbol,
        name=entry.name,
        kind=entry.kind,
        exchange=entry.exchange,
        currency=entry.currency,
        calendar=entry.calendar,
        session=_session(entry.session, place),
        tick_size=entry.tick_size,
        tick_value=entry.tick_value,
        multiplier=entry.multiplier,
        lot_size=entry.lot_size,
        price_may_be_negative=entry.price_may_be_negative,
        delivery_months=tuple(entry.delivery_months),
        last_trade_rule=entry.last_trade_rule,
        settlement=entry.settlement,
        margins=_margins(entry.margins, sources, place),
        fees=_fees(entry.fees, sources, place),
        sources=_sourced(entry, sources, place),
        notes=entry.notes,
        template=entry.template,
    )
    _check_value(spec, place)
    _check_expiry(spec, place)
    return spec


def _session(model: _Session, place: _Place) -> TradingSession:
    try:
        ZoneInfo(model.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise place.error(
            "session.timezone", repr(model.timezone), "write an IANA name such as America/Chicago"
        ) from None
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
    required = _SOURCED_FUTURE if entry.kind is InstrumentKind.FUTURE else _SOURCED_ALWAYS
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
        return
    if months:
        raise place.error("delivery_months", repr(months), f"leave it out: {spec.kind.value} has no delivery month")
    if spec.kind is not InstrumentKind.OPTION and (spec.last_trade_rule, spec.settlement) != ("none", "none"):
        raise place.error(
            "last_trade_rule", f"{spec.last_trade_rule!r} and settlement {spec.settlement!r}", "write none for both"
        )
    if spec.margins:
        raise place.error("margins", f"{len(spec.margins)} rows", "leave them out: margin per contract is for futures")


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


def _fees(models: Iterable[_Fee], sources: Mapping[str, Source], place: _Place) -> tuple[FeeSchedule, ...]:
    fees = tuple(
        FeeSchedule(
            date.min if model.effective_date == "undated" else model.effective_date,
            model.per_unit,
            model.rate,
            model.minimum,
            _known_source(model.source, "fees", sources, place),
        )
        for model in models
    )
    if not fees:
        raise place.error("fees", "no row", "give at least one; a market without costs does not exist")
    _check_dates("fees", [fee.effective_date for fee in fees], place)
    return fees


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
