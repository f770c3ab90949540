"""The public surface of a package is its ``__all__``: every name in it resolves and says what it is.

A class or function says so in its docstring, a constant or a type alias in a string or a comment beside its definition.
The docstrings that Python writes by itself (a dataclass's signature, the base class's text) do not count.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

from tests.architecture.source import SourceFile


def package_names(files: list[SourceFile]) -> list[str]:
    """The dotted names of the packages in a source tree, the root's first."""
    return sorted(file.path.removesuffix("/__init__.py").replace("/", ".") for file in files if file.stem == "__init__")


def surface_faults(package: str) -> list[str]:
    """What is wrong with a package's ``__all__``, one sentence a fault; imports the package and all it exports."""
    module = importlib.import_module(package)
    exported = getattr(module, "__all__", None)
    if exported is None:
        return [f"{package} defines no __all__"]
    faults = [f"{package}.{name} is listed twice" for name in sorted({n for n in exported if exported.count(n) > 1})]
    for name in exported:
        try:
            value = getattr(module, name)
        except AttributeError:
            faults.append(f"{package}.{name} is in __all__ but does not exist")
            continue
        if not (_has_docstring(name, value) if _is_definition(value) else _is_described(module, name)):
            faults.append(f"{package}.{name} has no documentation")
    return faults


def _is_definition(value: object) -> bool:
    return inspect.isclass(value) or inspect.isroutine(value) or isinstance(value, ModuleType) or _compiled(value)


def _compiled(value: object) -> bool:
    return callable(getattr(value, "py_func", None))


def _has_docstring(name: str, value: object) -> bool:
    own = value.__dict__.get("__doc__") if inspect.isclass(value) else getattr(value, "__doc__", None)
    text = (own or "").strip()
    written_by_python = inspect.isclass(value) and text.startswith(f"{value.__name__}(")
    return bool(text) and not written_by_python


def _is_described(module: ModuleType, name: str) -> bool:
    assert module.__file__ is not None
    folder = Path(module.__file__).parent
    return any(name in set(_described_names(path.read_text(encoding="utf-8"))) for path in sorted(folder.rglob("*.py")))


def _described_names(text: str) -> Iterator[str]:
    """Module-level names assigned with a string right below, or a comment right above or on the same line."""
    lines = text.splitlines()
    body = ast.parse(text).body
    for node, following in zip_longest(body, body[1:]):
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        above = lines[node.lineno - 2].strip() if node.lineno > 1 else ""
        beside = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode().strip()
        if above.startswith("#") or beside.startswith("#") or _is_string(following):
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _is_string(node: ast.stmt | None) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
