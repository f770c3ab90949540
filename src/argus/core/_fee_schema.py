"""Reads the fees of instrument files: rows of components, sets of rows that many instruments share, and their totals.

Imported only when an instrument file is read, as `_instrument_schema`, whose messages it uses. A row belongs to one
component; the rows of a component are in order of date; a row without a name is an all-in figure, which leaves no room
for a commission or an exchange fee beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from argus.core.errors import InstrumentError
from argus.core.fees import STANDING_FEES, FeeComponent, FeeName, FeeSchedule, fees_in_force
from argus.core.instruments import Source

__all__ = ["FeeRow", "FeeRows", "components_of", "fee_totals", "in_place_of", "row_field"]

Complain = Callable[[str, object, str], InstrumentError]
"""(field, what was found, what to do) -> the error that also names file and symbol."""

_SALES_ONLY: Final = frozenset({FeeName.SEC_SECTION_31, FeeName.FINRA_TAF})
_Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class FeeRow(BaseModel):
    """One row as it stands in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FeeName = FeeName.ALL_IN
    effective_date: date | Literal["undated"]
    per_unit: _Amount | None = None
    rate: _Amount | None = None
    minimum: _Amount = Decimal(0)
    maximum: _Amount | None = None
    sells_only: bool = False
    source: Annotated[str, Field(min_length=1)]


class FeeRows(BaseModel):
    """Rows that stand outside an instrument's entry; the key is that of an entry, so that messages read alike."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fees: list[FeeRow]


def row_field(raw: object, location: Sequence[int | str]) -> str:
    """The place of a finding in an entry, with the component's name where it lies in a row of fees."""
    parts = [str(part) for part in location]
    if len(parts) > 1 and parts[0] == "fees" and isinstance(location[1], int) and isinstance(raw, Mapping):
        row = raw["fees"][location[1]]
        if isinstance(row, Mapping) and isinstance(row.get("name"), str):
            parts.insert(2, row["name"])
    return ".".join(parts)


def components_of(
    rows: Iterable[FeeRow], sources: Mapping[str, Source], complain: Complain
) -> tuple[FeeComponent, ...]:
    """The rows as components, checked: sources known, amounts stated and in order, dates rising within a name."""
    found = tuple(_component(row, at, sources, complain) for at, row in enumerate(rows))
    for name in FeeName:
        days = [part.effective_date for part in found if part.name is name]
        for earlier, later in pairwise(days):
            if later <= earlier:
                raise complain(
                    f"fees.{name.value}.effective_date",
                    f"{later} after {earlier}",
                    "rows of a component must be in order of date, one for each day of change",
                )
    return found


def _component(row: FeeRow, at: int, sources: Mapping[str, Source], complain: Complain) -> FeeComponent:
    where = f"fees.{at}.{row.name.value}"
    if row.source not in sources:
        raise complain(
            f"{where}.source", f"source {row.source!r}", "add it to the section `sources`, or name one that is there"
        )
    if row.per_unit is None and row.rate is None:
        raise complain(f"{where}.per_unit", "neither per_unit nor rate", "state one of them; 0 where a fee has ended")
    if row.maximum is not None and row.maximum < row.minimum:
        raise complain(f"{where}.maximum", f"{row.maximum}", f"it must be at least the minimum of {row.minimum}")
    if row.name in _SALES_ONLY and not row.sells_only:
        raise complain(f"{where}.sells_only", "false", "write `sells_only: true`: it is charged on sales only")
    return FeeComponent(
        row.name,
        date.min if row.effective_date == "undated" else row.effective_date,
        row.per_unit or Decimal(0),
        row.rate or Decimal(0),
        row.minimum,
        row.maximum,
        row.sells_only,
        sources[row.source],
    )


def in_place_of(base: Iterable[FeeComponent], own: Iterable[FeeComponent]) -> tuple[FeeComponent, ...]:
    """`base`, in which the rows of every component that `own` names give way to those of `own`; ordered by name."""
    own = tuple(own)
    names = {part.name for part in own}
    kept = [part for part in base if part.name not in names]
    return tuple(part for name in FeeName for part in (*kept, *own) if part.name is name)


def fee_totals(components: Sequence[FeeComponent], complain: Complain) -> tuple[FeeSchedule, ...]:
    """Sums of the standing components, one for each day on which one of them changes.

    The sum is exact where the components have neither maximum nor, beside another component, a minimum.
    """
    standing = [part for part in components if part.name in STANDING_FEES]
    beside = sorted({part.name.value for part in standing if part.name is not FeeName.ALL_IN})
    if beside and len(beside) < len({part.name for part in standing}):
        raise complain(
            "fees.all_in",
            f"an all-in row beside {', '.join(beside)}",
            "split the all-in figure, or leave the others out: it holds them already",
        )
    if not standing:
        raise complain("fees", "no row", "give at least one; a market without costs does not exist")
    days = sorted({part.effective_date for part in standing})
    return tuple(_total(day, fees_in_force(standing, day)) for day in days)


def _total(day: date, parts: Sequence[FeeComponent]) -> FeeSchedule:
    zero = Decimal(0)
    sources = list(dict.fromkeys(part.source for part in parts))
    source = sources[0]
    if len(sources) > 1:
        source = Source(
            "; ".join(each.text for each in sources), sources[0].url, all(each.verified for each in sources)
        )
    return FeeSchedule(
        day,
        sum((part.per_unit for part in parts), zero),
        sum((part.rate for part in parts), zero),
        sum((part.minimum for part in parts), zero),
        source,
    )
