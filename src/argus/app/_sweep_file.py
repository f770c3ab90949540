"""The file that describes a sweep, and the points it stands for.

Everything is checked before anything runs: keys, values against the strategy's own ranges, datasets against the
catalog. Combinations that the strategy itself refuses (a fast average slower than the slow one) are no errors of the
file: they are left out, and listed with the reason.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from argus.app._sweep_data import sources_of
from argus.app.settings import AccountSettings, CostSettings, Settings, SizingSettings
from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from argus.app.rolled import Rolling
    from argus.app.workspace import Workspace
    from argus.core.instruments import InstrumentSpec
    from argus.core.strategy import Parameter, ParameterValue
    from argus.engine.market import Market
    from argus.engine.sweep import Column, Point, Range
    from argus.strategies.declared import DeclaredStrategy

__all__ = [
    "POINTS_MAX",
    "ExecutionSettings",
    "Idea",
    "IdeaFile",
    "Skipped",
    "SweepPlan",
    "idea_of",
    "instant",
    "named",
    "plan_sweep",
    "points_of",
    "read_file",
    "validated",
    "value_sets",
]

POINTS_MAX: Final = 200_000
"""Most runs of one sweep."""

_EXPECTED: Final = {
    "dict_type": "keys with values are expected, such as {name: value}",
    "list_type": "a list is expected, such as [a, b]",
}
"""What to write instead, where the validator's own words are a programmer's."""

Bound = int | None
Model = TypeVar("Model", bound=BaseModel)


class ExecutionSettings(BaseModel):
    """How fills are taken, as the options of ``argus backtest`` say it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cost_multiplier: Decimal = Field(default=Decimal(1), ge=0)
    latency_ms: float = Field(default=0.0, ge=0, le=1e9)
    touch: bool = False
    participation: Decimal = Field(default=Decimal(1), gt=0, le=1)


class _Rolls(BaseModel):
    """How roots are rolled, as the options of ``argus backtest`` say it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roll: str = "calendar"
    adjust: str = "difference"
    days: int | None = None


class IdeaFile(BaseModel):
    """The keys of every file that tries a strategy; what stands under some is read further down, in better words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    NOUN: ClassVar[str] = "a sweep"
    HELP: ClassVar[str] = "argus sweep --help"
    SEARCHES: ClassVar[bool] = True
    """Whether a range is needed."""

    strategy: str
    mode: Literal["grid", "random"] = "grid"
    samples: int | None = Field(default=None, ge=1, le=POINTS_MAX)
    seed: int | None = None
    fixed: dict[str, int | float | str | bool] = {}
    ranges: dict[str, Any]
    rolls: dict[str, Any] | None = None
    instruments: Any
    account: dict[str, Any] = {}
    costs: dict[str, Any] = {}
    sizing: dict[str, Any] = {}
    execution: dict[str, Any] = {}


class _SweepFile(IdeaFile):
    """The keys of a sweep file."""

    periods: list[dict[str, Any]] = Field(default=[], max_length=1_000)


@dataclass(frozen=True, slots=True)
class Idea:
    """What a file says is tried, checked against the strategy and the workspace.

    Attributes
    ----------
    kind : type
        The strategy.
    settings : Settings
        Of the workspace, with what the file says otherwise.
    execution : ExecutionSettings
    fixed : mapping
    ranges : tuple of Range
    markets : mapping
        Market to its datasets, or roots.
    rolling : Rolling or None
    seed : int
        Of random samples.
    """

    kind: type[DeclaredStrategy]
    settings: Settings
    execution: ExecutionSettings
    fixed: Mapping[str, ParameterValue]
    ranges: tuple[Range, ...]
    markets: Mapping[str, tuple[str, ...]]
    rolling: Rolling | None
    seed: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A combination that the strategy refuses.

    Attributes
    ----------
    values : mapping
        Of the parameters that have a range.
    market : str
        Where; empty for everywhere.
    reason : str
    """

    values: Mapping[str, ParameterValue]
    market: str
    reason: str


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """A sweep that is ready to run.

    Attributes
    ----------
    strategy, mode : str
    settings : Settings
        Of the workspace, with what the file says otherwise.
    execution : ExecutionSettings
    ranges : tuple of Range
    markets : mapping
        Market to its datasets, or roots; more than one are traded together.
    rolling : Rolling or None
        How roots are rolled; None where the markets are datasets.
    symbols : mapping
        Market to its instruments.
    hashes : mapping
        Dataset to content hash; of a root that of every contract.
    data_notes : tuple of str
        What a reader must know about the datasets.
    periods : tuple of (int or None, int or None)
    parameters : tuple of Column
        Every parameter of the strategy.
    points : tuple of Point
    skipped : tuple of Skipped
    repeated : int
        Random samples that were like an earlier one, and are run once.
    identity : str
        Hash of all of it, and of the code: what is resumed, and what is another sweep.
    """

    strategy: str
    mode: str
    settings: Settings
    execution: ExecutionSettings
    ranges: tuple[Range, ...]
    markets: Mapping[str, tuple[str, ...]]
    rolling: Rolling | None
    symbols: Mapping[str, tuple[str, ...]]
    hashes: Mapping[str, str]
    data_notes: tuple[str, ...]
    periods: tuple[tuple[Bound, Bound], ...]
    parameters: tuple[Column, ...]
    points: tuple[Point, ...]
    skipped: tuple[Skipped, ...]
    repeated: int
    identity: str

    def describe(self) -> dict[str, Any]:
        """The plan as plain values."""
        from argus.engine.sweep import environment

        return {
            "identity": self.identity,
            "strategy": self.strategy,
            "mode": self.mode,
            "runs": len(self.points),
            "account": self.settings.account.model_dump(mode="json"),
            "costs": self.settings.costs.model_dump(mode="json"),
            "sizing": self.settings.sizing.model_dump(mode="json"),
            "execution": self.execution.model_dump(mode="json"),
            "markets": {name: list(datasets) for name, datasets in self.markets.items()},
            "data": dict(self.hashes),
            "rolls": None if self.rolling is None else asdict(self.rolling),
            "periods": [list(period) for period in self.periods],
            "skipped": [[dict(one.values), one.market, one.reason] for one in self.skipped],
            "repeated_samples": self.repeated,
            "environment": environment(),
        }


def plan_sweep(workspace: Workspace, path: Path) -> SweepPlan:
    """Read a sweep file and work out what it stands for; no market data are loaded.

    Raises
    ------
    ConfigError
        Naming the key that is wrong, what was found and what to do.
    CatalogError
        If a dataset is not in the catalog.
    """
    file = read_file(path, _SweepFile)
    idea = idea_of(workspace, path, file)
    with named(path):
        periods = _periods(file.periods)
        sources = sources_of(workspace, idea.markets, periods, idea.rolling)
        sets, repeated = value_sets(file, idea.ranges, idea.seed)
        _check_size(len(sets) * len(idea.markets) * len(periods))
        points, skipped = points_of(idea.kind, idea.fixed, sets, sources.specs, periods)
    return _planned(
        SweepPlan(
            file.strategy, file.mode, idea.settings, idea.execution, idea.ranges, idea.markets, idea.rolling,
            {name: tuple(found) for name, found in sources.specs.items()},
            sources.hashes, sources.notes, periods, _columns(idea.kind), points, skipped, repeated, "",
        )
    )  # fmt: skip


def idea_of(workspace: Workspace, path: Path, file: IdeaFile) -> Idea:
    """What the file says is tried; no data are looked at.

    Raises
    ------
    ConfigError
        Naming the key that is wrong, what was found and what to do.
    """
    from argus.strategies import strategy_class

    known = workspace.settings
    settings = known.model_copy(
        update={
            "account": _overlaid(path, file, "account", AccountSettings, known.account),
            "costs": _overlaid(path, file, "costs", CostSettings, known.costs),
            "sizing": _overlaid(path, file, "sizing", SizingSettings, known.sizing),
        }
    )
    execution = _overlaid(path, file, "execution", ExecutionSettings, ExecutionSettings())
    with named(path):
        kind = strategy_class(file.strategy)
        parameters = {parameter.name: parameter for parameter in kind.PARAMETERS}
        return Idea(
            kind=kind,
            settings=settings,
            execution=execution,
            fixed={name: _coerced("fixed", name, value, parameters, kind.NAME) for name, value in file.fixed.items()},
            ranges=_ranges(file, parameters, kind.NAME),
            markets=_markets(file.instruments),
            rolling=_rolling(path, file),
            seed=known.seed if file.seed is None else file.seed,
        )


class named:
    """Puts the file's name before what is wrong in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConfigError):
            raise ConfigError(f"{self._path}: {error}") from None


def _planned(plan: SweepPlan) -> SweepPlan:
    from dataclasses import replace

    from argus.engine.manifest import canonical_json

    body = plan.describe() | {"points": [[dict(p.values), *p.group] for p in plan.points]}
    return replace(plan, identity=hashlib.sha256(canonical_json(body).encode()).hexdigest()[:12])


# ---- the file


def read_file(path: Path, model: type[Model]) -> Model:
    """A YAML file as the keys of `model`, an `IdeaFile`.

    Raises
    ------
    ConfigError
        Naming the file, and the key.
    """
    import yaml

    noun = _noun(model)
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), _unique_keys(yaml.SafeLoader))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; give the path of {noun} file") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(found, dict):
        what = "is empty" if found is None else f"holds a {type(found).__name__}"
        raise ConfigError(f"{path} {what}; keys such as strategy, ranges and instruments are expected")
    return validated(path, "", model, found, noun, getattr(model, "HELP", ""))


def _noun(model: type[BaseModel]) -> str:
    return str(getattr(model, "NOUN", "a sweep"))


def _unique_keys(base: Any) -> Any:
    """A loader that does not let the second of two equal keys win in silence."""

    class Loader(base):  # type: ignore[misc]
        pass

    def mapping(loader: Any, node: Any) -> dict[Any, Any]:
        import yaml

        keys = [loader.construct_object(key) for key, _ in node.value]
        for key, (key_node, _) in zip(keys, node.value, strict=True):
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
        return cast("dict[Any, Any]", loader.construct_mapping(node, deep=True))

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    return Loader


def validated(
    path: Path,
    where: str,
    model: type[Model],
    found: Mapping[str, Any],
    noun: str = "a sweep",
    help_text: str = "argus sweep --help",
) -> Model:
    """What stands in a file under a key, as a model; `noun` and `help_text` are words for what is wrong."""
    try:
        return model.model_validate(found)
    except ValidationError as error:
        wrong = []
        for item in error.errors():
            key = ".".join([*([where] if where else []), *(str(part) for part in item["loc"])])
            if item["type"] == "extra_forbidden":
                close = difflib.get_close_matches(str(item["loc"][-1]), model.model_fields, n=1)
                hint = f"did you mean {close[0]}? " if close else ""
                wrong.append(f"{key} is no key of {noun}; {hint}known: {', '.join(model.model_fields)}")
            elif item["type"] == "missing":
                wrong.append(f"{key} is missing; see `{help_text}`")
            else:
                wrong.append(f"{key} is {item['input']!r}; {_EXPECTED.get(item['type'], item['msg'])}")
        raise ConfigError(f"{path}: {'; '.join(wrong)}") from None


def _overlaid(path: Path, file: IdeaFile, where: str, model: type[Model], known: BaseModel) -> Model:
    """The workspace's section with what the file says otherwise."""
    return validated(path, where, model, {**known.model_dump(), **getattr(file, where)}, file.NOUN, file.HELP)


def _rolling(path: Path, file: IdeaFile) -> Rolling | None:
    from argus.app.rolled import Rolling

    if file.rolls is None:
        return None
    stated = validated(path, "rolls", _Rolls, file.rolls, file.NOUN, file.HELP)
    try:
        return Rolling(stated.roll, stated.adjust, stated.days)
    except ConfigError as error:
        told = str(error).replace("--roll-days", "rolls.days").replace("--roll", "rolls.roll")
        raise ConfigError(told.replace("--adjust", "rolls.adjust")) from None


def _coerced(where: str, name: str, value: Any, parameters: Mapping[str, Parameter], strategy: str) -> ParameterValue:
    from argus.core.errors import StrategyError

    if name not in parameters:
        close = difflib.get_close_matches(name, parameters, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"{where}.{name}: {strategy} has no such parameter; {hint}it takes {', '.join(parameters)}")
    if isinstance(value, bool) and not isinstance(parameters[name].default, (bool, str)):
        # YAML reads yes, no, on and off so; as numbers they would be 1 and 0 in silence.
        raise ConfigError(f"{where}.{name} is {'true' if value else 'false'}; a number is expected")
    try:
        return parameters[name].coerce(value, strategy)
    except StrategyError as error:
        raise ConfigError(f"{where}.{name}: {error}") from None


def _ranges(file: IdeaFile, parameters: Mapping[str, Parameter], strategy: str) -> tuple[Range, ...]:
    from dataclasses import replace

    from argus.engine.sweep import parse_range

    if not file.ranges and (file.SEARCHES or file.mode == "random"):
        raise ConfigError(
            "ranges is empty; name at least one parameter with its values, such as lookback: [20, 60, 120]"
        )
    ranges = []
    for name, found in file.ranges.items():
        if name in file.fixed:
            raise ConfigError(f"{name} stands under fixed and under ranges; keep one of them")
        if name not in parameters:
            _coerced("ranges", name, None, parameters, strategy)
        known = parameters[name]
        low, high = (side * math.inf if bound is None else bound for side, bound in ((-1, known.low), (1, known.high)))
        one = parse_range(name, found, is_integer=type(known.default) is int, low=low, high=high)
        if one.distribution and file.mode == "grid":
            raise ConfigError(f"ranges.{name} is a distribution; a grid needs values: list them, or set mode: random")
        if one.distribution and (isinstance(known.default, bool) or not isinstance(known.default, (int, float))):
            listed = ", ".join(known.choices) or "true, false"
            raise ConfigError(
                f"ranges.{name} is a distribution; {name} takes no numbers: list values, such as [{listed}]"
            )
        values = tuple(_coerced("ranges", name, value, parameters, strategy) for value in one.values)
        ranges.append(replace(one, values=values))
    if file.mode == "random" and file.samples is None:
        raise ConfigError("mode is random and samples is missing; say how many, for example samples: 200")
    if file.mode == "grid" and file.samples is not None:
        raise ConfigError(f"samples is {file.samples} and mode is grid; set mode: random, or leave samples out")
    return tuple(ranges)


def _markets(found: Any) -> dict[str, tuple[str, ...]]:
    how = "list datasets ([ES.1h, NQ.1h], each its own run), or those traded together ({together: [ES.1h, NQ.1h]})"
    items = found if isinstance(found, list) else [found]
    markets: dict[str, tuple[str, ...]] = {}
    for place, item in enumerate(items):
        names = item.get("together") if isinstance(item, dict) and set(item) == {"together"} else [item]
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise ConfigError(f"instruments[{place}] is {item!r}; {how}")
        if len(set(names)) < len(names):
            raise ConfigError(f"instruments[{place}] is {item!r}, with a dataset twice; list each once")
        key = " + ".join(names)
        if key in markets:
            raise ConfigError(f"instruments[{place}] is {key} for the second time; list each market once")
        markets[key] = tuple(names)
    if not markets:
        raise ConfigError(f"instruments is empty; {how}")
    return markets


def _periods(found: list[dict[str, Any]]) -> tuple[tuple[Bound, Bound], ...]:
    periods: list[tuple[Bound, Bound]] = []
    for place, item in enumerate(found):
        unknown = set(item) - {"from", "to"}
        if unknown:
            raise ConfigError(f"periods[{place}] has the key {min(map(str, unknown))!r}; only from and to are known")
        start, end = (instant(f"periods[{place}].{key}", item.get(key)) for key in ("from", "to"))
        if start is not None and end is not None and start >= end:
            raise ConfigError(f"periods[{place}] goes from {item['from']} to {item['to']}; from must be before to")
        if (start, end) in periods:
            raise ConfigError(f"periods[{place}] is there twice; list each period once")
        periods.append((start, end))
    return tuple(periods) or ((None, None),)


def instant(where: str, found: Any) -> Bound:
    """Nanoseconds of what stands for an instant; None for nothing."""
    from argus.core.time import parse_ns, to_ns

    try:
        if found is None:
            return None
        if isinstance(found, datetime):
            return to_ns(found)
        if isinstance(found, date):
            return parse_ns(found.isoformat())
        if isinstance(found, str):
            return parse_ns(found)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    raise ConfigError(f"{where} is {found!r}; a date such as 2015-01-01 is expected")


# ---- what it stands for


def value_sets(file: IdeaFile, ranges: tuple[Range, ...], seed: int) -> tuple[list[dict[str, ParameterValue]], int]:
    """(different parameter sets in their order, how many samples repeat an earlier one)."""
    names = [one.name for one in ranges]
    if file.mode == "grid":
        count = 1
        for one in ranges:
            count *= len(one.values)
        _check_size(count)
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*(r.values for r in ranges))], 0
    assert file.samples is not None
    drawn = zip(*(one.samples(seed, file.samples) for one in ranges), strict=True)
    unique = dict.fromkeys(drawn)
    return [dict(zip(names, values, strict=True)) for values in unique], file.samples - len(unique)


def _check_size(count: int) -> None:
    if count > POINTS_MAX:
        raise ConfigError(f"{count:,} runs; a sweep takes at most {POINTS_MAX:,}: use fewer values, or mode: random")


def points_of(
    kind: type[DeclaredStrategy],
    fixed: Mapping[str, ParameterValue],
    sets: list[dict[str, ParameterValue]],
    specs: Mapping[str, Mapping[str, InstrumentSpec]],
    periods: tuple[tuple[Bound, Bound], ...],
) -> tuple[tuple[Point, ...], tuple[Skipped, ...]]:
    """(every combination that the strategy takes on every market and period, those that it refuses)."""
    from argus.core.errors import StrategyError
    from argus.engine.sweep import Point

    points: list[Point] = []
    skipped: list[Skipped] = []
    defaults = {market: _market_values(kind.NAME, found) for market, found in specs.items()}
    for values in sets:
        refused: dict[str, str] = {}
        for market, found in specs.items():
            try:
                complete = kind.specify(tuple(found), **{**defaults[market], **fixed, **values}).values
            except StrategyError as error:
                refused[market] = str(error).removeprefix(f"{kind.NAME}: ")
                continue
            points += [Point(-1, complete, market, start, end) for start, end in periods]
        reasons = set(refused.values())
        if len(refused) == len(specs) and len(reasons) == 1:
            skipped.append(Skipped(values, "", reasons.pop()))
        else:
            skipped += [Skipped(values, market, reason) for market, reason in refused.items()]
    if not points:
        raise ConfigError(f"{kind.NAME} refuses all {len(sets)} combinations; the first: {skipped[0].reason}")
    numbered = (Point(i, p.values, p.market, p.start_ns, p.end_ns) for i, p in enumerate(points))
    return tuple(numbered), tuple(skipped)


def _market_values(strategy: str, specs: Mapping[str, InstrumentSpec]) -> dict[str, ParameterValue]:
    from argus.app.backtest import market_parameters

    # Only specifications decide these values, so no bars are loaded for them.
    return market_parameters(strategy, cast("Market", {symbol: (spec, None) for symbol, spec in specs.items()}))


def _columns(kind: type[DeclaredStrategy]) -> tuple[Column, ...]:
    from argus.engine.sweep import Column

    return tuple(Column(parameter.name, type(parameter.default)) for parameter in kind.PARAMETERS)
