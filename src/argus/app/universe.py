"""The universe of a workspace: which bars play which role, seen as of the rows of one member.

A universe is a series like any other, so a harvest makes one table of it for all symbols. Its rows are the bars of one
member, its clock. What is known of another member in a row is that member's last bar received by then, unless it has
become too old. A role that nobody plays is left out and named, never filled in. `joined` puts the table beside those of
a symbol by the same rule.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.app.features import UNIVERSE, Series, bars_held, reads_members, series_of, table_of
from argus.core.arrays import F64_1D, I64_1D, Bars
from argus.core.errors import CatalogError, ConfigError
from argus.core.time import NS_PER_DAY

if TYPE_CHECKING:
    import polars as pl

    from argus.app.rolled import Rolling
    from argus.app.workspace import Workspace
    from argus.data.catalog import DatasetInfo
    from argus.data.rolls import RollSchedule
    from argus.features.runner import Column

__all__ = ["UniverseSeries", "in_line", "joined", "known_as_of", "universe_clock", "universe_series"]

_LAST_PLACE: Final = 12


@dataclass(frozen=True, slots=True)
class UniverseSeries(Series):
    """Bars of the clock, and of every member as of them.

    Attributes
    ----------
    members : mapping of str to Bars
        By role.
    stale_ns : int
        Age from which a member's last bar no longer counts.
    lacking : mapping of str to str
        Roles that nobody plays, and why.
    """

    members: Mapping[str, Bars]
    stale_ns: int
    lacking: Mapping[str, str]

    @property
    def roles(self) -> frozenset[str]:
        """Roles that somebody plays."""
        return frozenset(self.members)

    def inputs(self, names: Sequence[str], first: int, last: int) -> dict[str, Column]:
        """Inputs of features over some of the rows; a role that nobody plays is missing throughout."""
        own = [name for name in names if "@" not in name]
        found = Series.inputs(self, own, first, last)
        known_ns = self.bars.ts_recv_ns[first:last]
        for name in names:
            field, _, role = name.partition("@")
            if role:
                bars = self.members.get(role)
                unknown = np.full(last - first, np.nan)
                found[name] = unknown if bars is None else known_as_of(bars, field, known_ns, self.stale_ns)
        return found


def known_as_of(bars: Bars, field: str, known_ns: I64_1D, stale_ns: int) -> F64_1D:
    """The last known value of a field at each instant; NaN before the first and where the last one is too old.

    Parameters
    ----------
    bars : Bars
    field : str
        One of `argus.core.arrays.BAR_FIELDS`; bars in which it is missing are passed over.
    known_ns : (n,) int64
    stale_ns : int
        A value received more than this before the instant is too old.
    """
    from argus.data.point_in_time import as_of_rows

    values = getattr(bars, field)
    is_there = np.isfinite(values)
    received, values = bars.ts_recv_ns[is_there], values[is_there]
    row = as_of_rows(known_ns, received)
    found: F64_1D = np.append(values, np.nan)[row]
    is_old = known_ns - np.append(received, 0)[row] > stale_ns
    found[is_old] = np.nan
    return found


def universe_series(workspace: Workspace, timeframe: str, rolling: Rolling) -> UniverseSeries:
    """The universe that the settings describe, over the bars of its clock.

    Parameters
    ----------
    workspace : Workspace
    timeframe : str
    rolling : Rolling
        How roots of futures are joined.

    Raises
    ------
    CatalogError
        If the catalog has no bars of any member, or none of the clock that is asked for.
    ConfigError
        If a member's symbol cannot be read.
    """
    from argus.core.instruments import instrument

    stated = workspace.settings.universe
    infos = workspace.catalog().datasets()
    there, lacking = _played(workspace, timeframe, infos)
    series: dict[str, Series] = {}
    for role, symbol in there.items():
        found = _member(workspace, symbol, timeframe, rolling, infos)
        if found is None:
            lacking[role] = f"the catalog has no contract of {symbol} at that place"
        else:
            series[role] = found
    clock = _clock(workspace, timeframe, series)
    about = {
        "clock": clock,
        "stale_after_days": stated.stale_after_days,
        "members": {role: {"symbol": there[role], **one.about} for role, one in series.items()},
        "lacking": lacking,
    }
    return UniverseSeries(
        series[clock].bars,
        instrument(_root(there[clock])[0]),
        series[clock].schedule,
        about,
        {role: one.bars for role, one in series.items()},
        round(stated.stale_after_days * NS_PER_DAY),
        lacking,
    )


def universe_clock(workspace: Workspace, timeframe: str) -> str:
    """Symbol of the member whose bars are the universe's rows; raises as `universe_series`."""
    there, _ = _played(workspace, timeframe, workspace.catalog().datasets())
    return _root(there[_clock(workspace, timeframe, there)])[0]


def _played(
    workspace: Workspace, timeframe: str, infos: Sequence[DatasetInfo]
) -> tuple[dict[str, str], dict[str, str]]:
    """(role to symbol where there are bars, role to why there is none elsewhere), by the catalog's manifests alone."""
    from argus.features.universe import ROLES

    stated = workspace.settings.universe.members
    there: dict[str, str] = {}
    lacking: dict[str, str] = {}
    for role, declared in ROLES.items():
        symbol = stated.get(role, "")
        root, place = _root(symbol)
        if not symbol:
            lacking[role] = "argus.yaml names no symbol for it"
        elif bars_held(workspace, root, timeframe, infos, contracts_only=place > 0) or (
            declared.is_level and _lengths(symbol, infos)
        ):
            there[role] = symbol
        else:
            kind = "contracts" if place else "bars"
            lacking[role] = f"the catalog has no {kind} of {root} from which bars of {timeframe} can be made"
    return there, lacking


def _clock(workspace: Workspace, timeframe: str, there: Collection[str]) -> str:
    from argus.features.universe import ROLES

    asked = workspace.settings.universe.clock
    if asked:
        if asked not in there:
            raise CatalogError(
                f"universe.clock is {asked}, and the catalog has no bars of it from which bars of {timeframe} can be "
                "made; import some, or name another role in argus.yaml"
            )
        return asked
    found = [role for role in there if not ROLES[role].is_level] or list(there)
    if not found:
        raise CatalogError(
            f"the catalog has no bars of {timeframe} of any member of the universe; import some (argus data import), "
            "or name under universe.members in argus.yaml the symbols that it has"
        )
    return found[0]


def _lengths(symbol: str, infos: Sequence[DatasetInfo]) -> list[str]:
    """Bar lengths in which the catalog has a symbol, finest first."""
    found = [info for info in infos if info.contract is None and info.instrument == symbol]
    return [info.interval for info in sorted(found, key=lambda info: info.interval_ns or NS_PER_DAY)]


def _member(
    workspace: Workspace, symbol: str, timeframe: str, rolling: Rolling, infos: Sequence[DatasetInfo]
) -> Series | None:
    root, place = _root(symbol)
    if place:
        return _contract_series(workspace, root, place, timeframe, rolling, infos)
    if bars_held(workspace, symbol, timeframe, infos):
        return series_of(workspace, symbol, timeframe, rolling, infos)
    return series_of(workspace, symbol, _lengths(symbol, infos)[0], rolling, infos)


def _root(symbol: str) -> tuple[str, int]:
    """(symbol, 0), or of ``VXM#2`` the root and the place in the line of its contracts."""
    root, mark, place = symbol.partition("#")
    if not mark:
        return symbol, 0
    if not place.isdecimal() or not 1 <= int(place) <= _LAST_PLACE:
        raise ConfigError(
            f"universe.members: {symbol!r} is not understood; write {root}#1 for the contract in front, {root}#2 for "
            f"the one after it, up to #{_LAST_PLACE}"
        )
    return root, int(place)


def _contract_series(
    workspace: Workspace, root: str, place: int, timeframe: str, rolling: Rolling, infos: Sequence[DatasetInfo]
) -> Series | None:
    """The contract at a place of the line, at prices that traded, for as long as it stands there."""
    from argus.app.data import parse_session_interval
    from argus.app.rolled import catalog_roots
    from argus.core.instruments import instrument
    from argus.data.continuous import Adjustment, continuous_series
    from argus.data.contract_bars import contracts_from_catalog
    from argus.data.resample import resample

    wanted = parse_session_interval(timeframe, "--timeframes")
    held = bars_held(workspace, root, timeframe, infos, contracts_only=True)
    coarsest = max(held, key=lambda info: info.interval_ns or NS_PER_DAY)
    # Levels are compared, so that no gap of a roll is taken out.
    as_traded = replace(rolling, adjust="none")
    (found,), _, _ = catalog_roots(workspace, [f"{root}.{coarsest.interval}"], as_traded)
    contracts = contracts_from_catalog(workspace.catalog(), root, coarsest.interval)
    schedule = in_line(found.schedule, list(contracts), place)
    if schedule is None:
        return None
    bars = continuous_series(contracts, schedule, Adjustment.UNADJUSTED).for_strategies()
    about: dict[str, Any] = {
        "datasets": {info.name: info.content_hash for info in held if info.interval == coarsest.interval},
        "roll": as_traded.roll,
        "place": place,
    }
    if (coarsest.interval_ns or NS_PER_DAY) != wanted:
        bars = resample(bars, wanted)
        about["made_from_bars_of_ns"] = coarsest.interval_ns
    return Series(bars, instrument(root), schedule, about)


def in_line(schedule: RollSchedule, symbols: Sequence[str], place: int) -> RollSchedule | None:
    """The schedule of the contract at a place behind the one in front, which is at place 1.

    It begins when one of `symbols` first stands at that place, and ends where none does any more; None if none ever
    does.
    """
    from argus.data.contract_dates import parse_contract

    cycle = schedule.rule.cycle
    line = sorted(symbol for symbol in symbols if not cycle or parse_contract(symbol).letter in cycle)
    fronts = [schedule.first_symbol, *(roll.to_symbol for roll in schedule.rolls)]
    behind = [[symbol for symbol in line if symbol >= front][place - 1 : place] for front in fronts]
    first = next((k for k, found in enumerate(behind) if found), len(behind))
    if first == len(behind):
        return None
    last = next((k for k, found in enumerate(behind) if k > first and not found), len(behind))
    rolls = [
        replace(roll, from_symbol=behind[first + k][0], to_symbol=behind[first + k + 1][0])
        for k, roll in enumerate(schedule.rolls[first : last - 1])
    ]
    return replace(
        schedule,
        first_symbol=behind[first][0],
        start_ns=schedule.start_ns if first == 0 else schedule.rolls[first - 1].effective_ns,
        rolls=tuple(rolls),
        end_ns=schedule.end_ns if last == len(behind) else schedule.rolls[last - 1].effective_ns,
    )


def joined(workspace: Workspace, symbol: str, timeframe: str, sets: Sequence[str]) -> pl.LazyFrame:
    """A symbol's features, and beside them what was known of the universe in each of its rows.

    A row of the universe counts from the instant at which it could be known (the same instant included), until it is
    older than ``universe.stale_after_days``.

    Parameters
    ----------
    workspace : Workspace
    symbol, timeframe : str
    sets : sequence of str
        As they were harvested; at least one of the symbol itself, whose rows these are.

    Returns
    -------
    polars.LazyFrame
        ``ts_recv_ns``, then the columns of every set in turn; NaN where nothing was known.

    Raises
    ------
    CatalogError
        If a table was not harvested.
    ConfigError
        If no set is of the symbol itself, or two sets have a column in common.
    """
    import polars as pl

    from argus.data.feature_store import KNOWN_AT

    shared = {what: reads_members(what) for what in sets}
    own = [what for what in shared if not shared[what]]
    if not own:
        raise ConfigError(
            f"{', '.join(sets) or 'no set'} gives no rows of {symbol}; name a set of the symbol itself, such as futures"
        )
    tables = {what: table_of(workspace, what, UNIVERSE if shared[what] else symbol, timeframe) for what in shared}
    frames = {what: table.scan() for what, table in tables.items()}
    names = [name for frame in frames.values() for name in frame.collect_schema().names() if name != KNOWN_AT]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{', '.join(twice[:5])} stands in two of {', '.join(sets)}; join them one at a time")
    stale_ns = round(workspace.settings.universe.stale_after_days * NS_PER_DAY)
    found = frames[own[0]].set_sorted(KNOWN_AT)
    for what, frame in frames.items():
        if shared[what]:
            frame = frame.set_sorted(KNOWN_AT)
            found = found.join_asof(frame, on=KNOWN_AT, strategy="backward", tolerance=stale_ns)
        elif what != own[0]:
            found = found.join(frame, on=KNOWN_AT, how="left", maintain_order="left")
    return found.select(KNOWN_AT, *(pl.col(name).fill_null(float("nan")) for name in names))
