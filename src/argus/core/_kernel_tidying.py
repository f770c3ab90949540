"""A kernel's statements made fewer before Numba finds types: one name for one thing, and each row looked up once.

Numba's own form of ``orders[i]["state"] = DONE`` has six statements, four of which say that a name stands for another
or for a constant, and one that looks the row up; each has its type found and its code written, at some milliseconds,
and LLVM throws most of it away again. `TidyStatements` throws it away first. The machine code is the same.

It relies on what holds after Numba has given every assignment a name of its own (its `ReconstructSSA`): a name that is
assigned once keeps its value until its statement is reached again, with a new turn of a loop, and so does what follows
from it alone. So that may be worked out right after it, for all who ask later.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import compiler_machinery, ir_utils
from numba.core import ir as numba_ir

__all__ = ["TidyStatements"]

# Numba is not typed.
ir: Any = numba_ir
_FunctionPass: Any = compiler_machinery.FunctionPass
_register: Any = compiler_machinery.register_pass
_build_definitions: Any = ir_utils.build_definitions
_replace_vars: Any = ir_utils.replace_vars


@_register(mutates_CFG=False, analysis_only=False)
class TidyStatements(_FunctionPass):  # type: ignore[misc]
    """Share constants, aliases and row look-ups within a function."""

    _name = "argus_tidy_statements"

    def __init__(self) -> None:
        _FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Rewrite the statements of the function in hand."""
        blocks = state.func_ir.blocks
        _share_constants(blocks)
        _drop_aliases(blocks)
        _look_up_once(blocks, state.args)
        _drop_unused(blocks)
        state.func_ir._definitions = _build_definitions(blocks)
        return True


def _assigned_once(blocks: dict[int, Any]) -> dict[str, Any]:
    """Name to value, of names with a single assignment."""
    found: dict[str, list[Any]] = {}
    for block in blocks.values():
        for one in block.find_insts(ir.Assign):
            found.setdefault(one.target.name, []).append(one.value)
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _movable(blocks: dict[int, Any]) -> dict[str, Any]:
    """The same without the names that are joined with others where two ways meet.

    Numba joins them right after their assignment, so that this must stay where it is.
    """
    once = _assigned_once(blocks)
    for block in blocks.values():
        for one in block.find_insts(ir.Assign):
            if is_phi(one.value):
                for joined in one.value.incoming_values:
                    once.pop(getattr(joined, "name", ""), None)
    return once


def _replace(blocks: dict[int, Any], stands_for: dict[str, Any]) -> None:
    """Put other names for those in `stands_for`, whose assignments go."""
    for block in blocks.values():
        block.body = [one for one in block.body if not (isinstance(one, ir.Assign) and one.target.name in stands_for)]
    _replace_vars(blocks, stands_for)


def _begin(blocks: dict[int, Any]) -> tuple[Any, int]:
    """(first block, position in it after the arguments)."""
    block = blocks[min(blocks)]
    after = [n + 1 for n, one in enumerate(block.body) if isinstance(one, ir.Assign) and isinstance(one.value, ir.Arg)]
    return block, max(after, default=0)


def _share_constants(blocks: dict[int, Any]) -> None:
    """One name for each constant and each global, known from the beginning."""
    once = _movable(blocks)
    shared: dict[Any, Any] = {}
    stands_for: dict[str, Any] = {}
    moved = []
    for block in blocks.values():
        for one in list(block.find_insts(ir.Assign)):
            value = one.value
            if one.target.name not in once or not isinstance(value, ir.Const | ir.Global):
                continue
            is_global = isinstance(value, ir.Global)
            key = ("global", value.name) if is_global else (type(value.value), repr(value.value))
            if key in shared:
                stands_for[one.target.name] = shared[key]
            else:
                shared[key] = one.target
                moved.append(one)
    leave = {id(one) for one in moved}
    for block in blocks.values():
        block.body = [one for one in block.body if id(one) not in leave]
    block, at = _begin(blocks)
    block.body[at:at] = moved
    _replace(blocks, stands_for)


def _drop_aliases(blocks: dict[int, Any]) -> None:
    """A name that stands for another that never changes becomes the other."""
    once = _assigned_once(blocks)
    stands_for: dict[str, Any] = {}
    for name, value in _movable(blocks).items():
        last = value
        while isinstance(last, ir.Var) and isinstance(once.get(last.name), ir.Var):
            last = once[last.name]
        # Numba gives the name of a join its next value early, at the end of a turn: whoever kept the old one needs it.
        if isinstance(last, ir.Var) and last.name in once and not is_phi(once[last.name]):
            stands_for[name] = last
    _replace(blocks, stands_for)


def _look_up_once(blocks: dict[int, Any], kinds: Any) -> None:
    """Rows of tables of records are looked up where their number becomes known; a row is a pointer, and stays it.

    An element of an array of numbers is asked for as such: Numba first tries, in vain and at length, whether it is a
    field.
    """
    once, movable = _assigned_once(blocks), _movable(blocks)
    arrays = {
        name: kinds[value.index]
        for name, value in once.items()
        if isinstance(value, ir.Arg) and isinstance(kinds[value.index], types.Array)
    }
    asked: dict[tuple[str, str], list[Any]] = {}
    for block in blocks.values():
        for place, one in enumerate(block.body):
            if isinstance(one, ir.StaticSetItem) and one.target.name in arrays and not isinstance(one.index, str):
                block.body[place] = ir.SetItem(one.target, one.index_var, one.value, one.loc)
            value = one.value if isinstance(one, ir.Assign) else None
            if not isinstance(value, ir.Expr) or value.op not in ("getitem", "static_getitem"):
                continue
            if value.value.name not in arrays:
                if value.op == "static_getitem" and isinstance(value.index, str):
                    one.value = ir.Expr.static_getitem(value.value, value.index, None, value.loc)
                continue
            if value.op == "static_getitem":
                if isinstance(value.index, str) or value.index_var is None:
                    continue
                one.value = value = ir.Expr.getitem(value.value, value.index_var, value.loc)
            array = arrays[value.value.name]
            index = value.index
            while isinstance(once.get(index.name), ir.Var):
                index = once[index.name]
            if isinstance(array.dtype, types.Record) and index.name in once and one.target.name in movable:
                value.index = index
                asked.setdefault((value.value.name, index.name), []).append(one)
    stands_for: dict[str, Any] = {}
    for (_, known), found in asked.items():
        first = found[0]
        if len(found) > 1 or is_phi(once[known]):
            for block in blocks.values():
                block.body = [one for one in block.body if one is not first]
            block, at = _after(blocks, known, first.value.value.name)
            block.body.insert(at, first)
            stands_for |= {one.target.name: first.target for one in found[1:]}
    _replace(blocks, stands_for)


def _after(blocks: dict[int, Any], *names: str) -> tuple[Any, int]:
    """(block, position in it) where all of these names are known; but one of them are arguments."""
    begin, at = _begin(blocks)
    for block in blocks.values():
        for place, one in enumerate(block.body):
            if isinstance(one, ir.Assign) and one.target.name in names and not isinstance(one.value, ir.Arg):
                if block is begin and place < at:
                    return begin, at
                place += 1
                while is_phi(getattr(block.body[place], "value", None)):
                    place += 1
                return block, place
    return begin, at


def is_phi(value: Any) -> bool:
    """Whether this is a join of names where two ways meet."""
    return isinstance(value, ir.Expr) and value.op == "phi"


def _drop_unused(blocks: dict[int, Any]) -> None:
    """Constants and globals that nothing asks for go."""
    used = set()
    for block in blocks.values():
        for one in block.body:
            names = one.list_vars()
            used |= {each.name for each in names if not (isinstance(one, ir.Assign) and each is one.target)}
    for block in blocks.values():
        block.body = [
            one
            for one in block.body
            if not (
                isinstance(one, ir.Assign)
                and isinstance(one.value, ir.Const | ir.Global)
                and one.target.name not in used
            )
        ]
