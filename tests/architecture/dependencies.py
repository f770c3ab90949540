"""What is imported is declared, and what is declared is pinned: a fresh machine then gets what the tests ran on."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

from packaging.requirements import Requirement

from tests.architecture.source import Finding, SourceFile

# A vendor's library comes with an extra and is named only by its adapter; everything else is part of the core install.
ADAPTERS = ("argus/data/sources/", "argus/engine/_sweep_ray.py", "argus/live/brokers/")

# The GNU licences without "Lesser": linking to them would put Argus under their terms.
_COPYLEFT = re.compile(r"(?<!L)\bA?GPL|(?:Affero |GNU )General Public License", re.IGNORECASE)

_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+")


def canonical(name: str) -> str:
    """A distribution's name as registries compare it: ``PyYAML>=6`` and ``pyyaml`` are one."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[]", name, maxsplit=1)[0]).lower()


def undeclared_imports(files: Iterable[SourceFile], core: Iterable[str], extras: Iterable[str]) -> list[Finding]:
    """Third-party imports that no dependency of the core install (in an adapter: no dependency at all) provides."""
    providers = packages_distributions()
    declared = {canonical(name) for name in core}
    in_adapters = declared | {canonical(name) for name in extras}
    findings = []
    for file in files:
        allowed = in_adapters if file.path.startswith(ADAPTERS) else declared
        for line, module in _imported_modules(file.tree):
            if module in sys.stdlib_module_names or module == "argus":
                continue
            if not {canonical(name) for name in providers.get(module, [module])} & allowed:
                findings.append(
                    Finding(file.path, f"line {line}", f"imports {module}, which pyproject.toml does not declare")
                )
    return sorted(findings)


def _imported_modules(tree: ast.Module) -> Iterable[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name.partition(".")[0]) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.partition(".")[0]


def pin_faults(constraints: str, declared: Iterable[str]) -> list[str]:
    """Lines of a constraints file that are no exact version, and declared dependencies that no line pins."""
    lines = [line for line in constraints.splitlines() if line.strip() and not line.startswith("#")]
    faults = [f"{line!r} is not of the form name==version" for line in lines if not _PIN.fullmatch(line)]
    pinned = {canonical(line) for line in lines}
    return faults + [f"{name} is not pinned" for name in sorted(map(canonical, declared)) if name not in pinned]


def declared_dependencies(project: Mapping[str, object]) -> tuple[list[str], dict[str, list[str]]]:
    """The core dependencies and those of each extra, from the ``project`` table of pyproject.toml."""
    core, extras = project["dependencies"], project["optional-dependencies"]
    assert isinstance(core, list)
    assert isinstance(extras, dict)
    return core, extras


def installed_closure(names: Iterable[str]) -> set[str]:
    """The distributions that an install of ``names`` brings onto this machine, themselves included."""
    pending, seen = [canonical(name) for name in names], set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        try:
            required = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        seen.add(name)
        for requirement in map(Requirement, required):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                pending.append(canonical(requirement.name))
    return seen


def stated_licence(name: str) -> str:
    """What a distribution says of its licence: its expression, its classifiers, or the short form of the old field."""
    metadata = distribution(name).metadata
    classifiers = [value for value in metadata.get_all("Classifier", []) if value.startswith("License ::")]
    field = (metadata.get("License") or "").strip().splitlines()
    return "; ".join(filter(None, [metadata.get("License-Expression"), *classifiers, field[0] if field else ""]))


def is_copyleft(licence: str) -> bool:
    """Whether every choice the licence leaves is GPL or AGPL."""
    return all(_COPYLEFT.search(choice) for choice in licence.split(" OR ")) if licence else False
