"""What exists: read from the registries in the code and from the workspace, so that no list can go stale."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from argus.app.workspace import Workspace

__all__ = ["KINDS", "inventory", "kind_named"]

Row = dict[str, Any]


def inventory(kind: str, workspace: Workspace | None = None) -> list[Row]:
    """Everything of one kind, a row each; kinds that live in a workspace are empty without one.

    Raises
    ------
    ConfigError
        If the kind is unknown; lists the known ones.
    """
    return KINDS[kind_named(kind)](workspace)


def kind_named(kind: str) -> str:
    """The kind as it is called in `KINDS`; singular and underscores are understood.

    Raises
    ------
    ConfigError
        If there is none; lists the known ones.
    """
    wanted = kind.strip().lower().replace("_", "-")
    for name in KINDS:
        if wanted in (name, name.removesuffix("s"), f"{name.removesuffix('ies')}y"):
            return name
    near = difflib.get_close_matches(wanted, KINDS, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise ConfigError(f"there is no kind {kind!r}; {hint}known: {', '.join(KINDS)}")


def _strategies(workspace: Workspace | None) -> list[Row]:
    from argus.strategies import strategies

    return [
        {
            "name": name,
            "version": declared.VERSION,
            "summary": declared.SUMMARY,
            "parameters": {parameter.name: parameter.default for parameter in declared.PARAMETERS},
            "grid_points": len(declared.grid()),
            "source": declared.SOURCE,
        }
        for name, declared in strategies().items()
    ]


def _features(workspace: Workspace | None) -> list[Row]:
    from argus.features.registry import features

    return [
        {
            "name": name,
            "family": declared.family,
            "unit": declared.unit,
            "range": f"{declared.low:g} to {declared.high:g}",
            "warmup": declared.warmup(declared.values({})),
            "parameters": {parameter.name: parameter.default for parameter in declared.parameters},
            "meaning": declared.meaning,
            "formula": declared.formula,
        }
        for name, declared in features().items()
    ]


def _sets(workspace: Workspace | None) -> list[Row]:
    from argus.features.sets import feature_sets

    return [
        {
            "name": one.name,
            "count": len(one.columns),
            "meaning": one.meaning,
            "columns": [ref.alias for ref in one.columns],
        }
        for one in feature_sets().values()
    ]


def _gates(workspace: Workspace | None) -> list[Row]:
    from argus.lab.gates import GATES

    return [{"name": gate.name, "threshold": gate.threshold, "question": gate.question} for gate in GATES]


def _instruments(workspace: Workspace | None) -> list[Row]:
    from argus.core.instruments import load_instruments

    return [
        {
            "symbol": symbol,
            "kind": spec.kind.value,
            "name": spec.name,
            "currency": spec.currency,
            "tick_size": str(spec.tick_size),
            "multiplier": str(spec.multiplier),
            "calendar": spec.calendar,
            "template": spec.template,
            "unverified": list(spec.unverified()),
        }
        for symbol, spec in load_instruments().items()
    ]


def _presets(workspace: Workspace | None) -> list[Row]:
    from argus.data.presets import PRESETS

    return [{"name": name, "needs": list(form.needs), "form": form.summary} for name, form in PRESETS.items()]


def _file_forms(workspace: Workspace | None) -> list[Row]:
    from argus.data.sources import SUFFIXES

    return [{"suffix": suffix} for suffix in SUFFIXES]


def _quality_reasons(workspace: Workspace | None) -> list[Row]:
    from argus.data.quality import QualityReason

    return [
        {"name": str(reason.name).lower(), "what_happens": "quarantine" if reason < 1 << 16 else "kept and reported"}
        for reason in QualityReason
    ]


def _codes(enum: str) -> Callable[[Workspace | None], list[Row]]:
    def rows(workspace: Workspace | None) -> list[Row]:
        from argus.app.explain import explain
        from argus.core import orders

        return [{"code": code.name, "what": explain(code.name)[0].what} for code in getattr(orders, enum)]

    return rows


def _structures(workspace: Workspace | None) -> list[Row]:
    from argus.options import STRUCTURES

    return [
        {"name": name, "title": one.title, "view": one.view, "legs": [leg.words for leg in one.legs]}
        for name, one in STRUCTURES.items()
    ]


def _option_reasons(workspace: Workspace | None) -> list[Row]:
    """Why an option has no answer, and what is found on rows of chains; a name that is both stands once."""
    from argus.data.chain_quality import ChainReason
    from argus.options import Reason

    happens = {str(reason.name).lower(): "no answer in an analysis" for reason in Reason if reason is not Reason.OK}
    for found in ChainReason:
        name = str(found.name).lower()
        at_import = "quarantine at import" if found < 1 << 16 else "kept and flagged at import"
        happens[name] = f"{at_import}; {happens[name]}" if name in happens else at_import
    return [{"name": name, "what_happens": what} for name, what in happens.items()]


def _option_rules(workspace: Workspace | None) -> list[Row]:
    """When options expire, by root; a root that is not listed is a share's or a fund's."""
    from argus.core.chains import settlement_text
    from argus.data.future_options import FUTURE_OPTION_RULES
    from argus.data.option_expiries import OPTION_RULES

    return [
        {
            "root": rule.root,
            "underlying": rule.underlying + (" future" if rule.root in FUTURE_OPTION_RULES else ""),
            "ends": settlement_text(int(rule.settlement)),
            "tick": rule.tick,
            "tick_below": rule.tick_below,
            "tick_break": rule.tick_break,
            "strike_step": rule.strike_step,
            "unverified": list(rule.unverified),
            "source": rule.source,
        }
        for rule in (*OPTION_RULES.values(), *FUTURE_OPTION_RULES.values())
    ]


def _errors(workspace: Workspace | None) -> list[Row]:
    from argus.core import errors

    return [
        {
            "name": name,
            "a_kind_of": getattr(errors, name).__mro__[1].__name__,
            "meaning": str(getattr(errors, name).__doc__).strip().splitlines()[0],
        }
        for name in errors.__all__
    ]


def _accounts(workspace: Workspace | None) -> list[Row]:
    from argus.app.explain import explain
    from argus.engine.config import AccountKind

    return [
        {"name": kind.value, "what": explain("account kind" if kind == "futures" else kind.value)[0].what}
        for kind in AccountKind
    ]


def _terms(workspace: Workspace | None) -> list[Row]:
    from argus.app.explain import glossary

    return [{"term": entry.term, "also": list(entry.aliases)} for entry in glossary()]


def _datasets(workspace: Workspace | None) -> list[Row]:
    from argus.core.time import format_ns

    if workspace is None:
        return []
    return [
        {
            "name": info.name,
            "bars": info.rows,
            "first": format_ns(info.first_ns),
            "last": format_ns(info.last_ns),
            "observed": list(info.observed),
            "notes": list(info.notes),
        }
        for info in workspace.catalog().datasets()
    ]


def _chains(workspace: Workspace | None) -> list[Row]:
    from argus.core.time import format_ns
    from argus.data.chain_store import ChainStore

    if workspace is None:
        return []
    return [
        {
            "name": one.name,
            "options": one.rows,
            "snapshots": one.snapshots,
            "first": format_ns(min(segment.first_recv_ns for segment in one.segments)),
            "last": format_ns(max(segment.last_recv_ns for segment in one.segments)),
            "quarantined": one.quarantined,
            "notes": list(one.notes),
        }
        for one in ChainStore(workspace.catalog().root).manifests()
        if one.segments
    ]


def _runs(workspace: Workspace | None) -> list[Row]:
    import json

    if workspace is None or not workspace.runs.is_dir():
        return []
    rows = []
    for file in sorted(workspace.runs.glob("*/run.json")):
        manifest = json.loads(file.read_text(encoding="utf-8")).get("manifest", {})
        rows.append(
            {
                "run": file.parent.name,
                "strategy": manifest.get("strategy", {}).get("name", ""),
                "parameters": _shown_parameters(manifest.get("strategy", {}).get("parameters", {})),
                "instruments": sorted(manifest.get("data", {})),
            }
        )
    return rows


def _shown_parameters(values: Row) -> Row:
    """Parameters of a run; of a walk, which has a set for each fold, how many there are."""
    walked = bool(values) and all(name.startswith("from_") for name in values)
    return {"walk_forward_folds": len(values)} if walked else values


KINDS: Final[Mapping[str, Callable[[Workspace | None], list[Row]]]] = {
    "strategies": _strategies,
    "features": _features,
    "sets": _sets,
    "gates": _gates,
    "instruments": _instruments,
    "presets": _presets,
    "file-forms": _file_forms,
    "quality-reasons": _quality_reasons,
    "order-types": _codes("OrderType"),
    "order-states": _codes("OrderState"),
    "order-reasons": _codes("Reason"),
    "fill-rules": _codes("FillRule"),
    "accounts": _accounts,
    "structures": _structures,
    "option-reasons": _option_reasons,
    "option-rules": _option_rules,
    "errors": _errors,
    "terms": _terms,
    "datasets": _datasets,
    "chains": _chains,
    "runs": _runs,
}
"""Kinds of things that can be listed, and how to list them."""
