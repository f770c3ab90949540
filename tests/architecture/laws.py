"""Laws that a type checker cannot hold, read from syntax trees: where compiled code, approval and clocks may stand."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterable, Iterator

from tests.architecture.source import Finding, SourceFile, dotted_name, import_aliases

# A module named for no noun collects everything that has none.
NAMELESS = {"common", "commons", "helper", "helpers", "misc", "util", "utils", "utilities"}

COMPILERS = {"cfunc", "guvectorize", "jit", "njit", "stencil", "vectorize"}
KERNEL_FILES = ("_kernels", "_*_kernels")

APPROVAL_NAMES = {"_approve", "_SEAL"}
APPROVAL_HOME = "argus/core/risk.py"
APPROVAL_USER = "argus/portfolio/risk.py"

# What follows a bar is the future of whoever decides on it: read as of an instant, or by what judges afterwards.
DECIDING = {"core", "data", "features", "options", "regimes", "engine", "strategies", "portfolio", "live", "agents"}
OUTCOMES = "argus.data.outcome_store"
OUTCOMES_HOME = "argus/data/outcome_store.py"
OUTCOMES_READER = f"{OUTCOMES}.KnownOutcomes"
HINDSIGHT = "after_the_fact"

# What may only know the time it is told: the same input gives the same bits, whenever it runs.
TIMELESS = {"core", "features", "options", "regimes", "engine", "strategies", "portfolio"}
WALL_CLOCKS = {
    "time.time",
    "time.time_ns",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "pandas.Timestamp.now",
    "pandas.Timestamp.today",
    "pandas.Timestamp.utcnow",
}


def nameless_modules(files: Iterable[SourceFile]) -> list[Finding]:
    """Modules and packages whose name is no noun of the field."""
    return sorted(
        Finding(file.path, "", f"a module named {part!r}: put its contents beside the noun they serve")
        for file in files
        for part in file.path.removesuffix(".py").split("/")
        if part.strip("_") in NAMELESS
    )


def unpackaged_modules(files: Iterable[SourceFile]) -> list[Finding]:
    """Modules in a folder without ``__init__.py``, which the layering check would not see."""
    files = list(files)
    packages = {file.path.removesuffix("/__init__.py") for file in files if file.stem == "__init__"}
    return [
        Finding(file.path, "", "its folder has no __init__.py")
        for file in files
        if file.path.rpartition("/")[0] not in packages
    ]


def misplaced_compilation(files: Iterable[SourceFile]) -> list[Finding]:
    """Numba compilers used outside a kernel file, and kernels that are compiled anew in every process."""
    return sorted(finding for file in files for finding in _compilation_in(file))


def _compilation_in(file: SourceFile) -> Iterator[Finding]:
    aliases = import_aliases(file.tree)
    in_kernel_file = any(fnmatch.fnmatch(file.stem, pattern) for pattern in KERNEL_FILES)
    cached = {
        id(node.func)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call) and any(keyword.arg == "cache" for keyword in node.keywords)
    }
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        head, _, compiler = dotted_name(node, aliases).rpartition(".")
        if head.partition(".")[0] != "numba" or compiler not in COMPILERS:
            continue
        if not in_kernel_file:
            yield Finding(file.path, f"line {node.lineno}", f"{compiler} outside a _kernels.py or _*_kernels.py file")
        elif compiler == "njit" and id(node) not in cached:
            yield Finding(
                file.path, f"line {node.lineno}", "njit without cache=True: every process would compile it again"
            )


def approval_outside_risk(files: Iterable[SourceFile]) -> list[Finding]:
    """Places other than the risk policy that make, or could make, a ``RiskApproved``."""
    return sorted(
        Finding(file.path, f"line {line}", f"{what}: only the risk policy approves orders")
        for file in files
        for line, what in _approvals_in(file)
    )


def _approvals_in(file: SourceFile) -> Iterator[tuple[int, str]]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and file.path != APPROVAL_HOME:
            constructed = [node.func]
            if isinstance(node.func, ast.Attribute) and node.func.attr in {"__new__", "replace"}:
                constructed += node.args[:1]
            if any(_last_name(item) == "RiskApproved" for item in constructed):
                yield node.lineno, "makes a RiskApproved"
        name = _reference(node)
        if name in APPROVAL_NAMES and file.path != APPROVAL_HOME and (name, file.path) != ("_approve", APPROVAL_USER):
            yield getattr(node, "lineno", 0), f"refers to {name}"


def _reference(node: ast.AST) -> str:
    """The name that a node could reach another module's private by, as text for ``getattr`` too."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return node.name if isinstance(node, ast.alias) else _last_name(node)


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def wall_clocks(files: Iterable[SourceFile]) -> list[Finding]:
    """Reads of the machine's clock where results are computed: the timeless packages and the kernels of the others."""
    return sorted(
        Finding(file.path, f"line {line}", f"{clock}: take the time from the caller or a Clock")
        for file in files
        if file.package in TIMELESS or any(fnmatch.fnmatch(file.stem, pattern) for pattern in KERNEL_FILES)
        for line, clock in _clocks_in(file.tree)
    )


def _clocks_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    aliases = import_aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and dotted_name(node, aliases) in WALL_CLOCKS:
            yield node.lineno, dotted_name(node, aliases)
        if isinstance(node, ast.Call) and dotted_name(node.func, aliases) == "numpy.datetime64":
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and first.value in {"now", "today"}:
                yield node.lineno, f"numpy.datetime64({first.value!r})"


def early_outcomes(files: Iterable[SourceFile]) -> list[Finding]:
    """Ways by which a decision could read an outcome before it was known: all but ``KnownOutcomes.known_at``."""
    return sorted(
        Finding(file.path, f"line {line}", f"{what}: decisions read outcomes by KnownOutcomes.known_at alone")
        for file in files
        if file.package in DECIDING and file.path != OUTCOMES_HOME
        for line, what in _outcomes_in(file.tree)
    )


def _outcomes_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Constant) and node.value == OUTCOMES:
            names = [OUTCOMES]
        for name in names:
            if (name == OUTCOMES or name.startswith(f"{OUTCOMES}.")) and name != OUTCOMES_READER:
                yield getattr(node, "lineno", 0), f"imports {name}"
        if _reference(node) == HINDSIGHT:
            yield getattr(node, "lineno", 0), f"refers to {HINDSIGHT}"
