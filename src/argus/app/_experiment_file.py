"""The file that describes an experiment: a sweep's keys, and what a sweep need not say.

Ranges, markets, rolls and costs are read by the reader of sweeps (`argus.app._sweep_file`), so that an idea that was
swept is registered by adding a few lines: what is believed, where the data end, which part stays untouched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from argus.app._sweep_data import sources_of
from argus.app._sweep_file import (
    ExecutionSettings,
    Idea,
    IdeaFile,
    Skipped,
    idea_of,
    instant,
    named,
    points_of,
    read_file,
    validated,
    value_sets,
)
from argus.core.errors import ConfigError
from argus.lab.journal.experiment import ExperimentSpec, OutcomesAsked, SplitPlan, check_ranges

if TYPE_CHECKING:
    from argus.app.rolled import Rolling
    from argus.app.settings import Settings
    from argus.app.workspace import Workspace
    from argus.core.strategy import ParameterValue
    from argus.engine.sweep import Range

__all__ = ["ExperimentPlan", "plan_experiment"]

_WORDS_MIN: Final = 20
"""Characters below which a hypothesis says nothing that could be wrong."""


class _ExperimentFile(IdeaFile):
    """The keys of an experiment file."""

    NOUN: ClassVar[str] = "an experiment"
    HELP: ClassVar[str] = "argus lab run --help"
    SEARCHES: ClassVar[bool] = False

    name: str = Field(min_length=1, max_length=80)
    hypothesis: str
    version: str | None = None
    ranges: dict[str, Any] = Field(default={})
    data: dict[str, Any] = Field(default={})
    holdout: dict[str, Any] | None = None
    splits: dict[str, Any] = Field(default={})
    # Strict: YAML reads yes and true as a switch, which would be a threshold of 1 that nobody meant.
    gates: dict[str, Annotated[float, Field(strict=True)]] = Field(default={})
    outcomes: dict[str, Any] | None = None
    require_recent_bars_hours: float | None = Field(default=None, gt=0, le=100_000)


class _Splits(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    train_years: float = Field(default=3.0, gt=0, le=100)
    test_years: float = Field(default=1.0, gt=0, le=100)
    anchored: bool = True
    embargo_sessions: int | None = Field(default=None, ge=1, le=10_000)


class _Outcomes(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    horizons: tuple[int, ...]
    barriers: tuple[tuple[float, float], ...] = ()
    cross_sessions: bool = True


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """An experiment that is ready to be registered and run.

    Attributes
    ----------
    spec : ExperimentSpec
    settings : Settings
        Of the workspace, with what the file says otherwise.
    execution : ExecutionSettings
    rolling : Rolling or None
    grids : mapping
        Market to its parameter sets, complete.
    base : mapping
        Market to the strategy's default parameters there, with the fixed ones; None where the strategy refuses them.
    hashes : mapping
        Dataset to content hash; of a root that of every contract.
    notes : tuple of str
        What a reader must know about the datasets.
    skipped : tuple of Skipped
    repeated : int
        Random samples that were like an earlier one.
    seed : int
    """

    spec: ExperimentSpec
    settings: Settings
    execution: ExecutionSettings
    rolling: Rolling | None
    grids: Mapping[str, tuple[Mapping[str, ParameterValue], ...]]
    base: Mapping[str, Mapping[str, ParameterValue] | None]
    hashes: Mapping[str, str]
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    repeated: int
    seed: int


def plan_experiment(workspace: Workspace, path: Path) -> ExperimentPlan:
    """Read an experiment file and check all of it; no bars are loaded.

    Raises
    ------
    ConfigError
        Naming the key that is wrong, what was found and what to do.
    CatalogError
        If a dataset is not in the catalog.
    """
    from argus.engine.forms import source_hash
    from argus.lab.gates import gates_with

    file = read_file(path, _ExperimentFile)
    idea = idea_of(workspace, path, file)
    with named(path):
        _check_words(file, idea)
        gates_with(file.gates)
        bounds = _bounds(file)
        check_ranges(**bounds)
        begin, end = bounds["data_from"], bounds["data_to"] or bounds["holdout_from"]
        sources = sources_of(workspace, idea.markets, ((begin, end),), idea.rolling, "data")
        sets, repeated = value_sets(file, idea.ranges, idea.seed)
        points, skipped = points_of(idea.kind, idea.fixed, sets, sources.specs, ((None, None),))
        spec = ExperimentSpec(
            name=file.name,
            hypothesis=" ".join(file.hypothesis.split()),
            strategy=file.strategy,
            version=idea.kind.VERSION,
            source_hash=source_hash(idea.kind),
            markets=idea.markets,
            symbols={market: tuple(found) for market, found in sources.specs.items()},
            rolls=None if idea.rolling is None else asdict(idea.rolling),
            **bounds,
            ranges={one.name: _told(one) for one in idea.ranges},
            fixed=idea.fixed,
            search={"mode": file.mode, "samples": file.samples, "seed": idea.seed},
            trading={
                "account": idea.settings.account.model_dump(mode="json"),
                "costs": idea.settings.costs.model_dump(mode="json"),
                "sizing": idea.settings.sizing.model_dump(mode="json"),
                "execution": idea.execution.model_dump(mode="json"),
            },
            splits=SplitPlan(**validated(path, "splits", _Splits, file.splits, file.NOUN, file.HELP).model_dump()),
            gates=dict(file.gates),
            outcomes=_outcomes(path, file),
            require_recent_bars_hours=file.require_recent_bars_hours,
            file_hash=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        base = {market: _defaults(idea, found) for market, found in sources.specs.items()}
    grids = {market: tuple(point.values for point in points if point.market == market) for market in idea.markets}
    for market, grid in grids.items():
        if not grid:
            reason = next(one.reason for one in skipped if one.market in ("", market))
            raise ConfigError(f"{path}: {file.strategy} refuses every parameter set on {market}: {reason}")
    return ExperimentPlan(
        spec=spec,
        settings=idea.settings,
        execution=idea.execution,
        rolling=idea.rolling,
        grids=grids,
        base=base,
        hashes=sources.hashes,
        notes=sources.notes,
        skipped=skipped,
        repeated=repeated,
        seed=idea.seed,
    )


def _check_words(file: _ExperimentFile, idea: Idea) -> None:
    if len(file.hypothesis.strip()) < _WORDS_MIN:
        raise ConfigError(
            f"hypothesis is {file.hypothesis!r}; say in a sentence what is believed and why it should be so"
        )
    if file.version is not None and file.version != idea.kind.VERSION:
        raise ConfigError(
            f"version is {file.version} and {file.strategy} is now {idea.kind.VERSION}; another version is another "
            "hypothesis: write a file of its own for it"
        )


def _bounds(file: _ExperimentFile) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for key, stated in (("data", file.data), ("holdout", file.holdout or {})):
        unknown = set(stated) - {"from", "to"}
        if unknown:
            raise ConfigError(f"{key} has the key {min(map(str, unknown))!r}; only from and to are known")
        for end in ("from", "to"):
            found[f"{key}_{end}"] = instant(f"{key}.{end}", stated.get(end))
    if file.holdout is not None and found["holdout_from"] is None:
        raise ConfigError("holdout.from is missing; say where the untouched range begins, such as 2020-01-01")
    return found


def _told(one: Range) -> tuple[ParameterValue, ...] | str:
    if one.values:
        return one.values
    bounds = {"from": one.low, "to": one.high, "mean": one.mean, "sd": one.sd}
    return f"{one.distribution} {bounds}"


def _outcomes(path: Path, file: _ExperimentFile) -> OutcomesAsked | None:
    if file.outcomes is None:
        return None
    asked = validated(path, "outcomes", _Outcomes, file.outcomes, file.NOUN, file.HELP)
    return OutcomesAsked(asked.horizons, asked.barriers, asked.cross_sessions)


def _defaults(idea: Idea, specs: Mapping[str, Any]) -> Mapping[str, ParameterValue] | None:
    """The strategy as its author left it, but for what the file fixes."""
    from argus.core.errors import StrategyError

    try:
        points, _ = points_of(idea.kind, idea.fixed, [{}], {"": specs}, ((None, None),))
    except (ConfigError, StrategyError):
        return None
    return points[0].values
