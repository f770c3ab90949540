from __future__ import annotations

import ast
from pathlib import Path

import pytest

import argus
from argus.app import explain as module
from argus.app.explain import LABELS, explain, feature_meant, glossary, known_terms
from argus.cli import options_analysis, options_consensus
from argus.core import errors
from argus.core.errors import ConfigError
from argus.core.instruments import load_instruments
from argus.core.orders import FillRule, OrderState, OrderType, Reason, TimeInForce
from argus.data._catalog_stamps import FAULTS
from argus.data.chain_quality import ChainReason
from argus.data.presets import PRESETS
from argus.data.quality import QualityReason
from argus.engine.config import AccountKind
from argus.engine.record import JOURNAL_ACCOUNTS
from argus.features.registry import features
from argus.lab.gates import GATES
from argus.options import STRUCTURES
from argus.options import Reason as OptionReason
from argus.strategies import strategies


def named(call: str, folder: str) -> set[str]:
    """First arguments, where they are text, of every call of a name in a package: codes without a registry."""
    root = Path(argus.__file__).parent / folder
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == call and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found


def rejected_for(module: str) -> set[str]:
    """Reasons, written as text, for which the columns of a chain send rows to quarantine."""
    tree = ast.parse((Path(argus.__file__).parent / "data" / module).read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_reject":
            found.update(one.value for one in node.args[4:5] if isinstance(one, ast.Constant))
    return {str(reason) for reason in found}


def code_names() -> list[str]:
    enums = (FillRule, OrderState, OrderType, Reason, TimeInForce)
    codes = [code.name for enum in enums for code in enum]
    codes += [str(reason.name) for reason in QualityReason]
    codes += [str(reason.name) for enum in (OptionReason, ChainReason) for reason in enum]
    codes += [reason for reason, _ in FAULTS.values()]
    codes += sorted(rejected_for("_chain_columns.py"))
    codes += [kind.value for kind in AccountKind if kind != AccountKind.FUTURES]
    return codes


DECLARED = {
    "gate": [gate.name for gate in GATES],
    "strategy": list(strategies()),
    "feature": list(features()),
    "instrument": list(load_instruments()),
    "preset": list(PRESETS),
    "structure": list(STRUCTURES),
    "error": list(errors.__all__),
    "code": code_names(),
    "red flag": sorted(named("RedFlag", "lab")),
}


@pytest.mark.parametrize("kind", DECLARED)
def test_everything_that_is_declared_is_explained(kind: str) -> None:
    assert DECLARED[kind]
    for name in DECLARED[kind]:
        for entry in explain(name):
            for part in LABELS:
                assert len(getattr(entry, part)) >= 8, f"{name}: {part}"


def test_codes_and_gates_have_an_entry_of_their_own_in_the_glossary() -> None:
    written = {module._key(name) for entry in glossary() for name in entry.names}
    for name in (*DECLARED["code"], *DECLARED["gate"], *DECLARED["red flag"]):
        assert module._key(name) in written, f"{name} is in no glossary entry"


def test_the_red_flags_named_by_notes_are_explained() -> None:
    from argus.lab import red_flags

    for _, name in red_flags._NOTED:
        assert explain(name)


def test_ledger_accounts_are_told() -> None:
    told = explain("double entry")[0].read
    assert all(account in told for account in JOURNAL_ACCOUNTS)


def test_the_glossary_is_large_ordered_and_free_of_doubles() -> None:
    terms = [entry.term for entry in glossary()]
    assert len(terms) >= 60
    assert terms == sorted(terms, key=str.casefold)
    names = [name for entry in glossary() for name in entry.names]
    doubled = {name for name in names if names.count(name) > 1}
    assert not doubled


def test_the_page_of_the_documentation_is_the_same_file(repository: Path) -> None:
    page = repository / "docs" / "glossary.md"
    assert page.read_text(encoding="utf-8") == module._GLOSSARY.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "word", ["Deflated Sharpe ratio", "deflated_sharpe", "DEFLATED SHARPE", "dsr", "deflated-sharpe"]
)
def test_spelling_does_not_matter(word: str) -> None:
    assert explain(word)[0].term == "Deflated Sharpe ratio"


@pytest.mark.parametrize("word", ["AM", "PM", "AM cash", "PM cash", "PM physical"])
def test_the_ends_of_options_are_explained_as_screens_print_them(word: str) -> None:
    assert explain(word)[0].term == "AM and PM settlement"


def test_a_gate_adds_its_threshold_to_the_entry() -> None:
    (entry,) = explain("minimum_trades")
    assert dict(entry.facts)["passes"] == "at least 30"
    assert entry.as_dict()["facts"]["passes"] == "at least 30"


def test_a_word_with_two_meanings_gives_both_and_a_code_its_own() -> None:
    assert [entry.term for entry in explain("future")] == ["Future", "Future bar"]
    assert [entry.term for entry in explain("FUTURE")] == ["Future bar"]
    assert [entry.kind for entry in explain("mean_reversion")] == ["term", "strategy"]


def test_a_structure_adds_its_legs_to_the_entry_that_names_it() -> None:
    (entry,) = explain("short_put_vertical")
    assert entry.term == "Vertical spread"
    assert dict(entry.facts)["legs"] == "sell 1 put of delta 0.2; buy 1 put 2% of the forward below the first leg"
    named = {name for known in glossary() for name in known.names}
    assert set(STRUCTURES) - named == {"calendar"}, "the calendar has an entry of its own, of days"


def test_a_structure_that_shares_its_name_with_another_thing_stands_beside_it() -> None:
    kinds = {entry.term: entry.kind for entry in explain("calendar")}
    assert kinds == {"Calendar": "term", "Static arbitrage": "term", "calendar": "structure"}
    (structure,) = explain("structure calendar")
    assert "later expiry" in structure.what


def test_the_heads_of_the_tables_of_options_are_explained() -> None:
    plain = {"contract", "contracts", "from", "how", "model", "probability", "profit", "snapshots", "source", "weight"}
    tables = (
        options_analysis._EXPIRIES,
        options_analysis._QUOTES,
        options_analysis._SMILES,
        options_analysis._ANOMALIES,
        options_analysis._LEGS,
        options_analysis._ANSWERS,
        options_consensus._SOURCES,
        options_consensus._EXPIRIES,
        options_consensus._CONTRACTS,
    )
    for head, _, _ in (column for table in tables for column in table if column[0] not in plain):
        assert explain(head), head


def test_an_instrument_tells_its_figures_and_doubts() -> None:
    (entry,) = explain("ES")
    assert "50 USD" in entry.why
    assert "12.50" in entry.read
    assert "margins" in entry.distrust
    (share,) = explain("US_EQUITY:NVDA")
    assert share.term == "NVDA"


def test_an_unknown_word_lists_those_that_come_near() -> None:
    with pytest.raises(ConfigError, match="Sharpe ratio"):
        explain("sharp ratio")
    with pytest.raises(ConfigError, match="argus inventory terms"):
        explain("xqzwv")


def test_known_terms_hold_words_and_registries() -> None:
    known = known_terms()
    assert {"Sharpe ratio", "dsr", "tsmom", "ES", "hour_iso_start", "CatalogError"} <= set(known)
    assert len(known) == len(set(known))


def test_an_entry_without_all_four_parts_is_an_error() -> None:
    with pytest.raises(ConfigError, match="Half does not say How to read it, What to distrust"):
        module._entry("Half\n\n**What it is.** A half.\n\n**Why it matters.** It does.\n")


@pytest.mark.parametrize("name", features())
def test_a_feature_is_explained_by_its_declaration(name: str) -> None:
    declared = features()[name]
    (entry,) = explain(f"feature {name}")
    facts = dict(entry.facts)
    assert entry.kind == "feature"
    assert declared.meaning in entry.what
    assert (facts["formula"], facts["source"], facts["unit"]) == (declared.formula, declared.source, declared.unit)
    assert all(facts[fact] for fact in ("range", "first value", "missing values", "reads", "version", "in the sets"))
    assert {f"parameter {parameter.name}" for parameter in declared.parameters} <= set(facts)
    assert feature_meant(name) == feature_meant(f"feature {name}") == name


def test_a_kind_before_the_word_chooses_among_its_meanings() -> None:
    assert [entry.kind for entry in explain("strategy mean_reversion")] == ["strategy"]
    assert [entry.kind for entry in explain("term mean_reversion")] == ["term"]
    assert explain("gate minimum_trades")[0].kind == "gate"
    assert explain("instruments ES")[0].term == "ES"
    assert explain("feature set")[0].term == "Feature set", "a term that begins with a kind is that term"
    assert feature_meant("gate minimum_trades") == ""


def test_a_word_that_is_no_kind_or_not_of_it_is_an_error_with_a_hint() -> None:
    with pytest.raises(ConfigError, match=r"A kind may stand before the word: strategy, feature"):
        explain("banana rsi")
    with pytest.raises(ConfigError, match="no feature is called 'rsii'; did you mean rsi"):
        explain("feature rsii")
    with pytest.raises(ConfigError, match="argus explain tsmom knows it"):
        explain("preset tsmom")
