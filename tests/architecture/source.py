"""A source tree as the checks see it: files with their text and syntax tree, and what a check finds in them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One Python file; ``path`` is relative to the folder that holds the package, as in ``argus/core/money.py``."""

    path: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The package the file belongs to (``core`` of ``argus/core/money.py``); empty for the root's own files."""
        parts = self.path.split("/")
        return parts[1] if len(parts) > 2 else ""

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return Path(self.path).stem


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A place that breaks a rule: ``path::name`` identifies it, ``what`` tells the reader what was found."""

    path: str
    name: str
    what: str

    @property
    def key(self) -> str:
        """How a list of exceptions names the place."""
        return f"{self.path}::{self.name}" if self.name else self.path

    def __str__(self) -> str:
        return f"{self.key}: {self.what}"


def read_sources(root: Path, package: str = "argus") -> list[SourceFile]:
    """Read every Python file of ``root/package``, in a stable order."""
    files = []
    for path in sorted((root / package).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        files.append(SourceFile(path.relative_to(root).as_posix(), text, ast.parse(text, filename=str(path))))
    return files


def definitions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Every class and function of a module with its dotted name, nested ones included."""
    pending: list[tuple[str, ast.AST]] = [("", tree)]
    while pending:
        prefix, node = pending.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}.{child.name}" if prefix else child.name
                yield name, child
                pending.append((name, child))
            else:
                pending.append((prefix, child))


def import_aliases(tree: ast.Module) -> dict[str, str]:
    """The dotted name behind each imported name of a module: ``{"np": "numpy", "now": "time.time"}``."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                aliases[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                aliases[name.asname or name.name] = f"{node.module}.{name.name}"
    return aliases


def dotted_name(node: ast.AST, aliases: dict[str, str]) -> str:
    """The full dotted name of ``a.b.c`` with the import aliases resolved; empty for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    parts.append(aliases.get(node.id, node.id))
    return ".".join(reversed(parts))
