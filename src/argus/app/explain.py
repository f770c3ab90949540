"""What a word means: what it is, why it matters, how to read it, what to distrust.

The words of the trade stand in ``glossary.md`` beside this module, which is also the glossary page of the
documentation, so that the two cannot drift apart. What the program itself declares (strategies, features, gates,
instruments, presets, errors) is read from its registries, and added.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.core.errors import ConfigError
from argus.core.strategy import FeatureRef

if TYPE_CHECKING:
    from argus.core.instruments import InstrumentSpec
    from argus.core.strategy import Parameter

__all__ = ["LABELS", "Explanation", "explain", "feature_meant", "glossary", "known_terms", "split_kind"]

LABELS: Final[Mapping[str, str]] = {
    "what": "What it is",
    "why": "Why it matters",
    "read": "How to read it",
    "distrust": "What to distrust",
}
"""The four parts of an explanation, in order, as the glossary writes them."""

_GLOSSARY: Final = Path(__file__).with_name("glossary.md")
_PART: Final = re.compile(r"^\*\*(?P<label>[^*]+)\.\*\* (?P<text>.+)$")
_ALSO: Final = "*Also:* "
_TERM: Final = "term"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One term, explained.

    Attributes
    ----------
    term, kind : str
        What it is called, and what sort of thing it is (``term``, ``strategy``, ``gate``, ...).
    aliases : tuple of str
        Other words and codes for it.
    what, why, read, distrust : str
        The four parts, see `LABELS`.
    facts : tuple of (str, str)
        What the program's registries add: name and value.
    """

    term: str
    kind: str
    aliases: tuple[str, ...]
    what: str
    why: str
    read: str
    distrust: str
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The term and its aliases."""
        return (self.term, *self.aliases)

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain values, for JSON."""
        return asdict(self) | {"facts": dict(self.facts)}


def explain(term: str) -> tuple[Explanation, ...]:
    """All explanations of a word, the trade's own first; a word can mean several things.

    Parameters
    ----------
    term : str
        The word, or a kind and a word that is meant as one of that kind: ``feature rsi``, ``gate minimum_trades``.

    Raises
    ------
    ConfigError
        If the word is unknown; lists the closest known ones.
    """
    kind, word = split_kind(term)
    return _all(word) if not kind else _of_kind(kind, word)


def split_kind(term: str) -> tuple[str, str]:
    """(kind, word) of a term that begins with a kind; an empty kind where it is all one word, such as "feature set"."""
    first, _, rest = term.strip().partition(" ")
    kind = first.casefold().removesuffix("s")
    if not rest or kind not in (*_REGISTRIES, _TERM) or _key(term) in {_key(name) for name in known_terms()}:
        return "", term
    return kind, rest.strip()


def _of_kind(kind: str, word: str) -> tuple[Explanation, ...]:
    if kind == _TERM:
        found = tuple(replace(entry) for entry in glossary() if _key(word) in map(_key, entry.names))
        names = [name for entry in glossary() for name in entry.names]
    else:
        listed, describe = _REGISTRIES[kind]
        names = listed()
        found = tuple(describe(name) for name in names if _key(name) == _key(word))
    if not found:
        known = {_key(name): name for name in names}
        near = [known[match] for match in difflib.get_close_matches(_key(word), known, n=6, cutoff=0.55)]
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(names[:12])}"
        elsewhere = "" if near or _key(word) not in map(_key, known_terms()) else f"; argus explain {word} knows it"
        raise ConfigError(f"no {kind} is called {word!r}; {hint}{elsewhere}")
    return found


def _all(term: str) -> tuple[Explanation, ...]:
    key = _key(term)
    found = [entry for entry in glossary() if key in map(_key, entry.names)]
    exact = [entry for entry in found if term in entry.names]
    # A code (FUTURE, look_ahead) is that code, not every word that is spelt alike.
    found = exact or found
    for declared in _declared(term):
        named = [at for at, entry in enumerate(found) if _belongs(declared, entry)]
        if named:
            found[named[0]] = replace(found[named[0]], facts=(*found[named[0]].facts, *declared.facts))
        else:
            found.append(declared)
    if not found:
        known = {_key(name): name for name in known_terms()}
        near = [known[match] for match in difflib.get_close_matches(key, known, n=6, cutoff=0.55)]
        hint = f"did you mean {', '.join(near)}?" if near else "argus inventory terms lists what can be explained"
        if " " in term.strip():
            hint += f" A kind may stand before the word: {', '.join((*_REGISTRIES, _TERM))}."
        raise ConfigError(f"nothing is called {term!r}; {hint}")
    return tuple(found)


def _belongs(declared: Explanation, entry: Explanation) -> bool:
    """Whether a declaration adds to an entry; of structures only where it names them: a calendar is two things."""
    return declared.kind in _ENRICHING and (declared.kind != "structure" or declared.term in entry.names)


def known_terms() -> tuple[str, ...]:
    """Every word that `explain` knows, aliases included; templates stand for the tickers under them."""
    words = [name for entry in glossary() for name in entry.names]
    return tuple(dict.fromkeys([*words, *(name for names, _ in _REGISTRIES.values() for name in names())]))


def feature_meant(term: str) -> str:
    """The feature that a word names, with or without its kind before it; empty if none."""
    kind, word = split_kind(term)
    if kind not in ("", "feature"):
        return ""
    return next((name for name in _feature_names() if _key(name) == _key(word)), "")


@lru_cache(maxsize=1)
def glossary() -> tuple[Explanation, ...]:
    """The entries of the glossary, in the order of the page.

    Raises
    ------
    ConfigError
        If an entry lacks one of its four parts; names the entry.
    """
    text = _GLOSSARY.read_text(encoding="utf-8")
    return tuple(_entry(section) for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:])


def _entry(section: str) -> Explanation:
    title, _, body = section.partition("\n")
    aliases: tuple[str, ...] = ()
    parts: dict[str, str] = {}
    for line in filter(None, body.splitlines()):
        matched = _PART.match(line)
        if matched:
            parts[matched["label"]] = matched["text"]
        elif line.startswith(_ALSO):
            aliases = tuple(re.findall(r"`([^`]+)`", line))
    missing = [label for label in LABELS.values() if label not in parts]
    if missing:
        raise ConfigError(f"glossary: {title} does not say {', '.join(missing)}; every entry has all four parts")
    what, why, read, distrust = (parts[label] for label in LABELS.values())
    return Explanation(title.strip(), "term", aliases, what, why, read, distrust)


def _key(word: str) -> str:
    return re.sub(r"[\s_\-]+", " ", word.strip().strip("`")).casefold()


# -------------------------------------------------------------------------------------------- what the program declares


def _declared(term: str) -> Iterator[Explanation]:
    for names, describe in _REGISTRIES.values():
        for name in names():
            if _key(name) == _key(term):
                yield describe(name)
                break
        else:
            if describe is _instrument and ":" in term:
                yield describe(term)


def _metric_names() -> list[str]:
    from argus.engine.declared_metrics import METRICS

    return list(dict.fromkeys(word for declared in METRICS.values() for word in (declared.name, *declared.also)))


def _metric(name: str) -> Explanation:
    from argus.engine.declared_metrics import metric

    declared = metric(name)
    return Explanation(
        declared.name,
        "metric",
        (),
        what=f"A figure of a run: {declared.what}",
        why="It is part of every summary of a run; a test holds its formula to it.",
        read=declared.read,
        distrust=declared.distrust,
        facts=((declared.name, declared.formula), ("unit", declared.unit), ("source", declared.source)),
    )


def _strategy_names() -> list[str]:
    from argus.strategies import strategies

    return list(strategies())


def _strategy(name: str) -> Explanation:
    from argus.strategies import strategy_class

    declared = strategy_class(name)
    facts = [("source", declared.SOURCE), ("version", declared.VERSION)]
    facts += [(f"parameter {parameter.name}", _parameter(parameter)) for parameter in declared.PARAMETERS]
    return Explanation(
        name,
        "strategy",
        (),
        what=declared.SUMMARY,
        why=declared.WHY,
        read=f"Fits: {declared.FITS}",
        distrust=declared.FAILS,
        facts=tuple(facts),
    )


def _parameter(parameter: Parameter) -> str:
    bounds = ", ".join(parameter.choices) if parameter.choices else ""
    if not bounds and parameter.low is not None:
        bounds = f"{parameter.low:g} to {parameter.high:g}" if parameter.high is not None else f"from {parameter.low:g}"
    grid = f"; research tries {', '.join(map(str, parameter.grid))}" if parameter.grid else ""
    return f"{parameter.default} ({bounds or 'yes or no'}{grid}). {parameter.why}"


def _feature_names() -> list[str]:
    from argus.features.registry import features

    return list(features())


def _feature(name: str) -> Explanation:
    from argus.features.registry import column_version, feature
    from argus.features.sets import feature_sets

    declared = feature(name)
    values = declared.values({})
    low, high = (f"{bound:g}" if math.isfinite(bound) else "no bound" for bound in (declared.low, declared.high))
    sets = [one.name for one in feature_sets().values() if any(ref.feature == name for ref in one.columns)]
    facts = [
        ("formula", declared.formula),
        ("source", declared.source),
        ("unit", declared.unit),
        ("range", f"{low} to {high}"),
        ("first value", f"at row {declared.warmup(values):,} of its clock, with the defaults below"),
        ("missing values", declared.nan_policy),
        ("reads", ", ".join(declared.inputs)),
        ("kernels", ", ".join(_kernels(name))),
        ("version", column_version(FeatureRef(name, name, "", {}))),
        ("in the sets", ", ".join(sets) or "none"),
    ]
    facts += [(f"parameter {parameter.name}", _parameter(parameter)) for parameter in declared.parameters]
    distrust = f"{declared.distrust} {declared.nan_policy}".strip()
    return Explanation(
        name,
        "feature",
        (),
        what=f"A feature of the family {declared.family}. {declared.meaning}",
        why="Strategies and models decide on it; it depends on bars up to the moment only, which is audited.",
        read=f"In {declared.unit}; from {low} to {high}.",
        distrust=f"{distrust} There is no value before the warm-up is over.",
        facts=tuple(facts),
    )


def _kernels(name: str) -> list[str]:
    """Kernels that compute a feature with its defaults, in the order in which they are called."""
    from argus.features.graph import Held, Node, terms_below
    from argus.features.registry import feature

    found: dict[str, None] = {}
    waiting = [feature(name).term({})]
    while waiting:
        for term in terms_below([waiting.pop()]):
            if isinstance(term, Node):
                found[term.kernel] = None
            elif isinstance(term, Held):
                waiting.append(term.term)
    return list(found)


def _gate_names() -> list[str]:
    from argus.lab.gates import GATES, HOLD_OUT

    return [gate.name for gate in (*GATES, HOLD_OUT)]


def _gate(name: str) -> Explanation:
    from argus.lab.gates import GATES, HOLD_OUT

    gate = next(gate for gate in (*GATES, HOLD_OUT) if gate.name == name)
    return Explanation(
        name,
        "gate",
        (),
        what=f"A gate: {gate.question}",
        why=gate.reason,
        read=gate.how_to_read,
        distrust=gate.fooled,
        facts=(
            (f"gate {name}", gate.question),
            ("passes", f"{gate.sense} {gate.threshold:g}"),
            ("negotiable", "yes" if gate.is_negotiable else "no: it can be made stricter, never softer"),
            ("why there", gate.reason),
            ("its value", gate.how_to_read),
        ),
    )


def _instrument_names() -> list[str]:
    from argus.core.instruments import load_instruments

    return list(load_instruments())


def _instrument(name: str) -> Explanation:
    from argus.core.instruments import instrument

    spec = instrument(name)
    unverified = spec.unverified()
    doubts = (
        f"Unverified figures: {', '.join(unverified)}." if unverified else "Every figure names a source that was read."
    )
    return Explanation(
        spec.symbol,
        "instrument",
        (),
        what=f"{spec.name}: {spec.kind.value}, {spec.exchange}, in {spec.currency}.",
        why=f"A price change of 1.0 is worth {spec.multiplier:f} {spec.currency}; a wrong multiplier ruins an account.",
        read=f"One tick of {spec.tick_size:f} is worth {spec.tick_value:f} {spec.currency}. {spec.notes}".strip(),
        distrust=f"{doubts} Margins and fees change; check them with your broker.",
        facts=_instrument_facts(spec),
    )


def _regular_hours(spec: InstrumentSpec) -> str:
    hours = spec.regular_hours
    if hours is None:
        return "the whole session"
    within = f", as the calendar {hours.calendar} has them" if hours.calendar else ""
    return f"{hours.open:%H:%M} to {hours.close:%H:%M} {hours.timezone}{within}"


def _instrument_facts(spec: InstrumentSpec) -> tuple[tuple[str, str], ...]:
    facts = [
        ("calendar", spec.calendar),
        ("regular hours", _regular_hours(spec)),
        ("lot", f"{spec.lot_size:f}"),
        ("settlement", spec.settlement),
        ("delivery months", "".join(spec.delivery_months)),
        ("last trade rule", spec.last_trade_rule),
    ]
    if spec.margins:
        last = spec.margins[-1]
        doubt = "" if last.source.verified else ", unverified"
        facts.append(
            ("margin", f"initial {last.initial:f}, maintenance {last.maintenance:f} from {last.effective_date}{doubt}")
        )
    if spec.fees:
        fee = spec.fees[-1]
        doubt = "" if fee.source.verified else ", unverified"
        facts.append(
            ("fee per side", f"{fee.per_unit:f} per unit, {fee.rate:f} of the value, at least {fee.minimum:f}{doubt}")
        )
    facts += [(f"source of {name}", source.text) for name, source in sorted(spec.sources.items())]
    return tuple((name, value) for name, value in facts if value)


def _preset_names() -> list[str]:
    from argus.data.presets import PRESETS

    return list(PRESETS)


def _preset(name: str) -> Explanation:
    from argus.data.presets import PRESETS

    form = PRESETS[name]
    return Explanation(
        name,
        "preset",
        (),
        what=f"A named import statement: {form.summary}.",
        why="It states once what would otherwise be stated with every file of this form.",
        read=f"argus data import FILE --instrument SYMBOL --preset {name}"
        + (f"; it leaves open: {', '.join(form.needs)}." if form.needs else "."),
        distrust="A file that looks the same may mean something else by its stamps. Choose by knowledge of the vendor.",
        facts=tuple((key, str(value)) for key, value in form.statement.items()),
    )


def _structure_names() -> list[str]:
    from argus.options import STRUCTURES

    return list(STRUCTURES)


def _structure(name: str) -> Explanation:
    from argus.options import STRUCTURES

    declared = STRUCTURES[name]
    return Explanation(
        name,
        "structure",
        (),
        what=f"An option structure, {declared.title.lower()}: {'; '.join(leg.words for leg in declared.legs)}.",
        why=f"What it bets on: {declared.view[0].lower()}{declared.view[1:]}",
        read=f"argus options structure --chain NAME --structure {name} finds it in a chain; argus options pop asks "
        "what may become of it.",
        distrust="What a leg costs at the bid and the ask, and what the worst case is: both stand in the output.",
        facts=(("bets on", declared.view), ("legs", "; ".join(leg.words for leg in declared.legs))),
    )


def _error_names() -> list[str]:
    from argus.core import errors

    return list(errors.__all__)


def _error(name: str) -> Explanation:
    from argus.core import errors

    kind: type[errors.ArgusError] = getattr(errors, name)
    parent = kind.__mro__[1].__name__
    return Explanation(
        name,
        "error",
        (),
        what=f"An error: {(kind.__doc__ or '').strip().splitlines()[0]}",
        why="Argus stops rather than go on with something that it knows to be wrong.",
        read="The message names the parameter or row, what was found, and what to do.",
        distrust="The first cause may lie earlier: in the file, the statement about it, or the settings.",
        facts=(("a kind of", parent),),
    )


_Registry = tuple[Callable[[], list[str]], Callable[[str], Explanation]]
_REGISTRIES: Final[Mapping[str, _Registry]] = {
    "strategy": (_strategy_names, _strategy),
    "feature": (_feature_names, _feature),
    "gate": (_gate_names, _gate),
    "instrument": (_instrument_names, _instrument),
    "metric": (_metric_names, _metric),
    "preset": (_preset_names, _preset),
    "structure": (_structure_names, _structure),
    "error": (_error_names, _error),
}
# These have their place in the glossary, which a registry only adds figures to.
_ENRICHING: Final = frozenset({"feature", "gate", "metric", "structure"})
