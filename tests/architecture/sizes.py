"""The size ratchets: the tail is the problem everywhere, so the longest file and function are budgeted.

A function's length counts from ``def`` to its last line, less its docstring: documentation must never be cut to fit. A
constructor's parameters are those of ``__init__``, or the fields of a dataclass that is not frozen; a frozen dataclass
is a value record, which is as wide as the thing it records.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from tests.architecture.source import Finding, SourceFile, definitions

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
CONSTRUCTOR_PARAMETERS_MAX = 8
PUBLIC_METHODS_MAX = 20


def oversized(files: Iterable[SourceFile]) -> list[Finding]:
    """Every file, function, constructor and class above its budget."""
    return sorted(finding for file in files for finding in _oversized_in(file))


def unexcused(findings: Iterable[Finding], exceptions: Mapping[str, str]) -> list[str]:
    """What is left to mend: findings without an exception, exceptions without a finding or without a reason."""
    found = {finding.key: finding for finding in findings}
    left = [str(finding) for key, finding in found.items() if key not in exceptions]
    left += [f"{key}: the exception is no longer needed, remove it" for key in exceptions if key not in found]
    left += [f"{key}: the exception gives no reason" for key, reason in exceptions.items() if len(reason.split()) < 3]
    return sorted(left)


def _oversized_in(file: SourceFile) -> Iterator[Finding]:
    lines = len(file.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield Finding(file.path, "", f"{lines} lines, at most {FILE_LINES_MAX}")
    for name, node in definitions(file.tree):
        if isinstance(node, ast.ClassDef):
            yield from _oversized_class(file.path, name, node)
        else:
            lines = function_lines(node)
            if lines > FUNCTION_LINES_MAX:
                yield Finding(file.path, name, f"{lines} lines without the docstring, at most {FUNCTION_LINES_MAX}")


def _oversized_class(path: str, name: str, node: ast.ClassDef) -> Iterator[Finding]:
    parameters = constructor_parameters(node)
    if parameters > CONSTRUCTOR_PARAMETERS_MAX:
        yield Finding(
            path, f"{name}.__init__", f"{parameters} constructor parameters, at most {CONSTRUCTOR_PARAMETERS_MAX}"
        )
    methods = public_methods(node)
    if len(methods) > PUBLIC_METHODS_MAX:
        yield Finding(path, name, f"{len(methods)} public methods, at most {PUBLIC_METHODS_MAX}")


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The function's lines from ``def`` to its end, its own docstring not counted."""
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def constructor_parameters(node: ast.ClassDef) -> int:
    """How many arguments the class's own constructor takes; 0 for a value record or an inherited constructor."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            arguments = item.args
            named = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs) - 1
            return named + (arguments.vararg is not None) + (arguments.kwarg is not None)
    if not _is_mutable_dataclass(node):
        return 0
    return sum(isinstance(item, ast.AnnAssign) and _is_init_field(item) for item in node.body)


def public_methods(node: ast.ClassDef) -> set[str]:
    """The names of the class's own methods and properties without a leading underscore."""
    functions = (item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if not function.name.startswith("_")}


def _is_mutable_dataclass(node: ast.ClassDef) -> bool:
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        named = call.func if call else decorator
        if (isinstance(named, ast.Name) and named.id == "dataclass") or (
            isinstance(named, ast.Attribute) and named.attr == "dataclass"
        ):
            return not (call and _has_keyword(call, "frozen", True))
    return False


def _is_init_field(item: ast.AnnAssign) -> bool:
    annotation = ast.unparse(item.annotation)
    if "ClassVar" in annotation or annotation.endswith("KW_ONLY"):
        return False
    return not (isinstance(item.value, ast.Call) and _has_keyword(item.value, "init", False))


def _has_keyword(call: ast.Call, name: str, value: bool) -> bool:
    return any(
        keyword.arg == name and isinstance(keyword.value, ast.Constant) and keyword.value.value is value
        for keyword in call.keywords
    )
