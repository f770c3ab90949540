"""What a run was made of, reduced to an identity: the same manifest gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import argus
from argus.core.arrays import Bars, Quotes
from argus.core.instruments import InstrumentSpec
from argus.core.market_events import InstrumentEvent
from argus.core.ports import RiskPolicy, Sizer, Strategy
from argus.core.time import format_ns
from argus.engine.config import RunConfig
from argus.engine.currency import pairs_read
from argus.engine.forms import ArrayStrategy, CompiledStrategy, source_hash
from argus.engine.mapped import forget_bars
from argus.engine.market import NO_EVENTS, NOT_FINER, Events, Finer, Market
from argus.engine.record import RunManifest

__all__ = ["canonical_json", "code_version", "manifest_of", "manifests_of"]

AnyStrategy = Strategy | CompiledStrategy | ArrayStrategy

_ARITHMETIC = ("numpy", "numba", "llvmlite", "scipy")
_PARTS = ("core", "data", "features", "options", "regimes", "engine", "strategies", "portfolio")


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


@cache
def code_version() -> str:
    """Version of Argus with a hash of the sources that take part in a run."""
    root = Path(argus.__file__).parent
    digest = hashlib.sha256()
    for part in _PARTS:
        for path in sorted((root / part).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return f"{argus.__version__}+{digest.hexdigest()[:12]}"


@cache
def _versions() -> Mapping[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in _ARITHMETIC}}


def _described(strategy: AnyStrategy) -> dict[str, Any]:
    spec = strategy.spec
    return {
        "name": spec.name,
        "version": spec.version,
        "parameters": dict(spec.values),
        "universe": list(spec.universe),
        "wake": str(spec.wake),
        "wakes_on_fill": spec.wakes_on_fill,
        "warmup_bars": spec.warmup_bars,
        "late": sorted(spec.late),
        "features": [[ref.alias, ref.feature, ref.instrument, dict(ref.parameters)] for ref in spec.features],
        "needs": sorted(spec.needs),
        **_form_of(strategy),
    }


def _form_of(strategy: AnyStrategy) -> Mapping[str, Any]:
    """In which form it is written, and what its text is."""
    if isinstance(strategy, CompiledStrategy | ArrayStrategy):
        return strategy.describe()
    return {"form": "python", "source": source_hash(type(strategy))}


def _described_books(books: Mapping[str, AnyStrategy]) -> dict[str, Any]:
    """A strategy alone, or all books of a run under one name."""
    if len(books) == 1:
        return _described(next(iter(books.values())))
    described = {name: _described(strategy) for name, strategy in books.items()}
    return {
        "name": " + ".join(books),
        "version": " + ".join(one["version"] for one in described.values()),
        "parameters": {
            f"{name}.{key}": value for name, one in described.items() for key, value in one["parameters"].items()
        },
        "universe": list(dict.fromkeys(symbol for one in described.values() for symbol in one["universe"])),
        "books": described,
    }


def _told(
    spec: InstrumentSpec, bars: Bars, events: Sequence[InstrumentEvent], finer: Bars | Quotes | None
) -> dict[str, Any]:
    """What the run knows of an instrument."""
    told = {
        "content_hash": bars.content_hash,
        "specification": hashlib.sha256(repr(spec).encode()).hexdigest()[:16],
        "bars": len(bars),
        "first": format_ns(int(bars.ts_event_ns[0])),
        "last": format_ns(int(bars.ts_close_ns[-1])),
    }
    forget_bars(bars)
    if events:
        told["events"] = hashlib.sha256(repr(events).encode()).hexdigest()[:16]
    if finer is not None:
        told["finer"] = finer.content_hash
    if isinstance(finer, Quotes):
        told["fills"] = "quotes"
    return told


def manifest_of(
    books: Mapping[str, AnyStrategy],
    market: Market,
    config: RunConfig,
    *,
    sizer: Sizer | None,
    risk: RiskPolicy,
    events: Events = NO_EVENTS,
    finer: Finer = NOT_FINER,
) -> RunManifest:
    """The manifest of a run that is about to start; without a sizer where positions are stated in units."""
    described = _described_books(books)
    settings = _settings(config, sizer, risk)
    return _manifest(described, settings, _told_all(described["universe"], market, config, events, finer))


def manifests_of(
    strategies: Sequence[AnyStrategy],
    market: Market,
    config: RunConfig,
    *,
    sizer: Sizer | None,
    risk: RiskPolicy,
    events: Events = NO_EVENTS,
) -> list[RunManifest]:
    """What `manifest_of` gives for each of many strategies on the same universe; settings and data are read once."""
    settings = _settings(config, sizer, risk)
    data = _told_all(list(strategies[0].spec.universe), market, config, events, NOT_FINER)
    return [_manifest(_described(strategy), settings, data) for strategy in strategies]


def _settings(config: RunConfig, sizer: Sizer | None, risk: RiskPolicy) -> dict[str, Any]:
    return {
        **config.describe(),
        "sizing": {"sizer": "stated"} if sizer is None else dict(sizer.describe()),
        "risk": dict(risk.describe()),
    }


def _told_all(
    universe: Sequence[str], market: Market, config: RunConfig, events: Events, finer: Finer
) -> dict[str, dict[str, Any]]:
    """Every instrument of the run, and every pair whose closes are rates of it."""
    told = {symbol: _told(*market[symbol], events.get(symbol, ()), finer.get(symbol)) for symbol in universe}
    return told | {pair: _told(*market[pair], (), None) for pair in pairs_read(universe, market, config)}


def _manifest(described: dict[str, Any], settings: dict[str, Any], data: dict[str, Any]) -> RunManifest:
    body: dict[str, Any] = {
        "strategy": described,
        "config": settings,
        "data": data,
        "code_version": code_version(),
        "versions": dict(_versions()),
    }
    run_id = hashlib.sha256(canonical_json(body).encode()).hexdigest()[:16]
    return RunManifest(run_id=run_id, **body)
