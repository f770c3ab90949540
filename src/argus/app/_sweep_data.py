"""What the markets of a sweep stand for in the catalog: datasets, or roots of futures with all their contracts.

Every dataset's content hash goes into the identity of the sweep, so that other data are another sweep. Of a root that
is every contract that the catalog has: one more of them may move a roll.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from argus.app.events import actions_hash, former_names
from argus.core.errors import ConfigError, CoverageError

if TYPE_CHECKING:
    from argus.app.rolled import Rolling
    from argus.app.workspace import Workspace
    from argus.core.instruments import InstrumentSpec
    from argus.data.catalog import DatasetInfo

__all__ = ["Sources", "check_unchanged", "sources_of"]

Bound = int | None

_ACTIONS: Final = "corporate actions"


@dataclass(frozen=True, slots=True)
class Sources:
    """The data of a sweep, without a single bar of them.

    Attributes
    ----------
    specs : mapping
        Market to its instruments; those of roots where the sweep has roll rules.
    hashes : mapping
        Dataset to its content hash; every contract of a root.
    notes : tuple of str
        What a reader must know about the datasets.
    """

    specs: Mapping[str, Mapping[str, InstrumentSpec]]
    hashes: Mapping[str, str]
    notes: tuple[str, ...]


def sources_of(
    workspace: Workspace,
    markets: Mapping[str, tuple[str, ...]],
    periods: tuple[tuple[Bound, Bound], ...],
    rolling: Rolling | None,
    called: str | None = None,
) -> Sources:
    """What the markets stand for; every period must meet the data. `called` is what the file calls its only period.

    Raises
    ------
    CatalogError
        If the catalog has no such dataset, or no contracts of such a root.
    ConfigError
        If a market holds an instrument twice, or a period lies outside of its data.
    """
    from argus.core.instruments import instrument
    from argus.data.embedded import install_embedded
    from argus.engine.market import told_once

    catalog = workspace.catalog()
    if rolling is None:
        present = {info.name for info in catalog.datasets()}
        if any(name not in present for names in markets.values() for name in names):
            install_embedded(catalog)
    specs: dict[str, dict[str, InstrumentSpec]] = {}
    hashes: dict[str, str] = {}
    notes: dict[tuple[str, str], None] = {}
    for market, names in markets.items():
        specs[market] = {}
        for name in names:
            found = _datasets(workspace, name) if rolling is None else _contracts(workspace, name)
            spec = instrument(found[0].instrument)
            if spec.symbol in specs[market]:
                raise ConfigError(f"instruments: {market} holds {spec.symbol} twice; one dataset an instrument")
            specs[market][spec.symbol] = spec
            hashes.update((info.name, info.content_hash) for info in found)
            notes.update(dict.fromkeys((info.name, note) for info in found for note in info.notes))
            _check_periods(name, found, periods, called)
            if rolling is not None:
                rolling.rule(spec)
    actions = actions_hash(workspace) if rolling is None else ""
    if actions:
        hashes[_ACTIONS] = actions
    return Sources(specs, hashes, told_once(list(notes)))


def _datasets(workspace: Workspace, name: str) -> list[DatasetInfo]:
    """The dataset, and those of earlier names of the same shares."""
    from argus.data.corporate_actions_import import load_actions

    catalog = workspace.catalog()
    info = catalog.info(name)
    former = former_names(info.instrument.rpartition(":")[2], load_actions(catalog))
    prefix = info.instrument.rpartition(":")[0]
    earlier = {f"{prefix}:{change.symbol}.{info.interval}" for change in former}
    return [info, *(one for one in catalog.datasets() if one.name in earlier)]


def _contracts(workspace: Workspace, name: str) -> list[DatasetInfo]:
    from argus.app.rolled import contracts_held, root_and_interval

    held = contracts_held(workspace)
    of = root_and_interval(name, held, "instruments:")
    return [info for info in held if (info.instrument, info.interval) == of]


def _check_periods(
    name: str, found: list[DatasetInfo], periods: tuple[tuple[Bound, Bound], ...], called: str | None
) -> None:
    from argus.core.time import format_ns

    first_ns, last_ns = min(info.first_ns for info in found), max(info.last_ns for info in found)
    for place, (start, end) in enumerate(periods):
        if (end is not None and end <= first_ns) or (start is not None and start > last_ns):
            raise ConfigError(
                f"{called or f'periods[{place}]'} lies outside of {name}, which goes from {format_ns(first_ns)} to "
                f"{format_ns(last_ns)}; change the period, or leave the dataset out"
            )


def check_unchanged(
    workspace: Workspace, names: tuple[str, ...], hashes: Mapping[str, str], rolling: Rolling | None
) -> None:
    """Hold the catalog against what the sweep was planned on.

    Raises
    ------
    CoverageError
        Naming the dataset that is another one now, or the contract that came or went.
    """
    for name in names:
        for dataset, content_hash in _there(workspace, name, hashes, rolling):
            if content_hash != hashes.get(dataset):  # None on both sides: there are no corporate actions
                what = "has gone" if content_hash is None else "has changed" if dataset in hashes else "has come"
                raise CoverageError(
                    f"{dataset} {what} since the sweep began; run the same command again, as a sweep of the new data"
                )


def _there(
    workspace: Workspace, name: str, hashes: Mapping[str, str], rolling: Rolling | None
) -> Iterator[tuple[str, str | None]]:
    """(dataset, content hash now) of what a name stands for and stood for; None for a contract that has gone."""
    if rolling is None:
        yield from ((info.name, info.content_hash) for info in _datasets(workspace, name))
        yield _ACTIONS, actions_hash(workspace) or None
        return
    found = {info.name: info.content_hash for info in _contracts(workspace, name)}
    yield from found.items()
    info = workspace.catalog().info(next(iter(found)))
    begin, end = f"{info.instrument}.", f".{info.interval}"
    known = (one for one in hashes if one.startswith(begin) and one.endswith(end))
    yield from ((one, None) for one in known if one not in found)
