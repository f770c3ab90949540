"""Eight numbers side by side in one register: for loops whose steps wait for each other, of which eight go together.

Numba makes vectors of loops over arrays by itself, but what such a loop carries from step to step it keeps in memory. A
kernel that holds `eight` numbers in a variable keeps them in the processor. They are added, multiplied and compared
like numbers; where kernels run as plain Python they are NumPy arrays of eight, with the same bits.

Whole numbers are unsigned, wrap around, and are compared as long as they are below 2**63.
"""

from __future__ import annotations

import operator
from importlib import import_module
from typing import Any

import numpy as np
from numba import config, types
from numba.extending import intrinsic

from argus.core._fused_kernels import fused

__all__ = ["EIGHT", "choose", "displace", "eight", "fuse", "last_of", "look_up", "put", "shifter", "take"]

EIGHT = 8
"""Numbers in one."""

# Modules without types, all of them.
ir: Any = import_module("llvmlite.ir")
_extending: Any = import_module("numba.extending")
_templates: Any = import_module("numba.core.typing.templates")
_functions: Any = import_module("numba.core.cgutils")


class _Side(types.Type):
    """Eight numbers of one kind."""

    def __init__(self, name: str, element: Any, kind: Any) -> None:
        self.kind = kind
        self.vector = ir.VectorType(element, EIGHT)
        super().__init__(name)


class _FloatSide(_Side):
    pass


class _WholeSide(_Side):
    pass


class _TruthSide(_Side):
    pass


_FLOATS = _FloatSide("eight_floats", ir.DoubleType(), types.float64)
_WHOLES = _WholeSide("eight_wholes", ir.IntType(64), types.uint64)
_TRUTHS = _TruthSide("eight_truths", ir.IntType(1), types.boolean)


def _register(kind: type[_Side], vector: Any) -> None:
    class Model(_extending.models.PrimitiveModel):  # type: ignore[misc]
        def __init__(self, manager: Any, of: Any) -> None:
            super().__init__(manager, of, vector)

    _extending.register_model(kind)(Model)


for _one in (_FLOATS, _WHOLES, _TRUTHS):
    _register(type(_one), _one.vector)


def _spread(builder: Any, number: Any) -> Any:
    """One number in all eight places."""
    empty = ir.Constant(ir.VectorType(number.type, EIGHT), ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), EIGHT), [0] * EIGHT))


def _as_side(context: Any, builder: Any, value: Any, kind: Any, side: Any) -> Any:
    return value if isinstance(kind, _Side) else _spread(builder, context.cast(builder, value, kind, side.kind))


def _allow(symbol: Any, result: Any, kinds: tuple[Any, ...], lower: Any) -> None:
    """Let an operator work on two of the kinds, or on one and a number, by ``lower(builder, side, x, y)``."""

    @_templates.infer_global(symbol)
    class Template(_templates.AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, kws: Any) -> Any:
            sides = [one for one in args if isinstance(one, _Side)]
            if len(args) == 2 and sides and sides[0] in kinds and sides[0] is sides[-1]:
                return _templates.signature(result or sides[0], *args)
            return None

    def made(side: Any) -> Any:
        def lowering(context: Any, builder: Any, signed: Any, values: Any) -> Any:
            pair = zip(values, signed.args, strict=True)
            return lower(builder, side, *(_as_side(context, builder, value, kind, side) for value, kind in pair))

        return lowering

    for side in kinds:
        _extending.lower_builtin(symbol, side, side)(made(side))
        for number in (types.Float, types.Integer):
            _extending.lower_builtin(symbol, side, number)(made(side))
            _extending.lower_builtin(symbol, number, side)(made(side))


def _of_both(of_floats: str, of_wholes: str) -> Any:
    return lambda builder, side, x, y: getattr(builder, of_floats if side is _FLOATS else of_wholes)(x, y)


def _less(builder: Any, side: Any, x: Any, y: Any) -> Any:
    return builder.fcmp_ordered("<", x, y) if side is _FLOATS else builder.icmp_signed("<", x, y)


_allow(operator.add, None, (_FLOATS, _WHOLES), _of_both("fadd", "add"))
_allow(operator.sub, None, (_FLOATS, _WHOLES), _of_both("fsub", "sub"))
_allow(operator.mul, None, (_FLOATS, _WHOLES), _of_both("fmul", "mul"))
_allow(operator.lt, _TRUTHS, (_FLOATS, _WHOLES), _less)
for _symbol, _name in (
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.xor, "xor"),
    (operator.lshift, "shl"),
    (operator.rshift, "lshr"),
):
    _allow(_symbol, None, (_WHOLES,), _of_both("", _name))


def _element(context: Any, builder: Any, kind: Any, array: Any, index: Any, index_kind: Any) -> Any:
    """Where the element of an array is that nobody asks whether it lies inside."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [context.cast(builder, index, index_kind, types.intp)])


def _by_machine(builder: Any, name: str, values: Any) -> Any:
    """One of LLVM's own functions, of eight floats."""
    kind = ir.FunctionType(_FLOATS.vector, [_FLOATS.vector] * len(values))
    return builder.call(_functions.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{EIGHT}f64"), values)


@_templates.infer_global(abs)
class _SizeTemplate(_templates.AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        return _templates.signature(_FLOATS, *args) if args == (_FLOATS,) else None


def _size(_context: Any, builder: Any, _signed: Any, values: Any) -> Any:
    return _by_machine(builder, "fabs", values)


_extending.lower_builtin(abs, _FLOATS)(_size)


def _eight_rule(_context: Any, number: Any) -> Any:
    side = _FLOATS if isinstance(number, types.Float) else _WHOLES

    def lower(context: Any, builder: Any, signed: Any, values: Any) -> Any:
        return _as_side(context, builder, values[0], signed.args[0], side)

    return side(number), lower


def _choose_rule(_context: Any, truths: Any, one: Any, other: Any) -> Any:
    side = one if isinstance(one, _Side) else other

    def lower(context: Any, builder: Any, signed: Any, values: Any) -> Any:
        kinds = signed.args
        chosen = [_as_side(context, builder, values[k], kinds[k], side) for k in (1, 2)]
        return builder.select(values[0], *chosen)

    return side(truths, one, other), lower


def _fuse_rule(_context: Any, x: Any, y: Any, z: Any) -> Any:
    def lower(context: Any, builder: Any, signed: Any, values: Any) -> Any:
        pairs = zip(values, signed.args, strict=True)
        sides = [_as_side(context, builder, value, kind, _FLOATS) for value, kind in pairs]
        return _by_machine(builder, "fma", sides)

    return _FLOATS(x, y, z), lower


def _last_rule(_context: Any, numbers: Any) -> Any:
    def lower(context: Any, builder: Any, signed: Any, values: Any) -> Any:
        return builder.extract_element(values[0], ir.Constant(ir.IntType(32), EIGHT - 1))

    return numbers.kind(numbers), lower


def _shift_rule(rows: int) -> Any:
    def rule(_context: Any, before: Any, now: Any) -> Any:
        def lower(context: Any, builder: Any, signed: Any, values: Any) -> Any:
            places = [EIGHT - rows + place for place in range(EIGHT)]
            return builder.shuffle_vector(*values, ir.Constant(ir.VectorType(ir.IntType(32), EIGHT), places))

        return now(before, now), lower

    return rule


def _take_rule(_context: Any, array: Any, index: Any) -> Any:
    side = _FLOATS if array.dtype is types.float64 else _WHOLES

    def lower(context: Any, builder: Any, signed: Any, values: Any) -> Any:
        place = _element(context, builder, array, values[0], values[1], signed.args[1])
        loaded = builder.load(builder.bitcast(place, side.vector.as_pointer()))
        loaded.align = 8
        return loaded

    return side(array, index), lower


def _put_rule(_context: Any, array: Any, index: Any, side: Any) -> Any:
    def lower(context: Any, builder: Any, signed: Any, values: Any) -> Any:
        place = _element(context, builder, array, values[0], values[1], signed.args[1])
        stored = builder.store(values[2], builder.bitcast(place, side.vector.as_pointer()))
        stored.align = 8
        return context.get_dummy_value()

    return types.void(array, index, side), lower


def _places(context: Any, builder: Any, signed: Any, values: Any, stride: int) -> list[Any]:
    """Elements of a table that eight halves of whole numbers say, from the half `values[2]` on, every second one; each
    lies `stride` beyond where its own half says, counted from the one before."""
    word, long = ir.IntType(32), ir.IntType(64)
    rows = context.make_array(signed.args[0])(context, builder, values[0]).data
    numbers = context.make_array(signed.args[1])(context, builder, values[1]).data
    at = context.cast(builder, values[2], signed.args[2], types.intp)
    first = builder.gep(builder.bitcast(numbers, word.as_pointer()), [at])
    found = []
    for lane in range(EIGHT):
        half = builder.load(builder.gep(first, [ir.Constant(long, 2 * lane)]))
        place = builder.gep(rows, [builder.zext(half, long)])
        found.append(builder.gep(place, [ir.Constant(long, stride * lane)]))
    return found


def _together(builder: Any, places: list[Any]) -> Any:
    vector = ir.Constant(_FLOATS.vector, ir.Undefined)
    for lane, place in enumerate(places):
        vector = builder.insert_element(vector, builder.load(place), ir.Constant(ir.IntType(32), lane))
    return vector


def _look_up_rule(_context: Any, table: Any, halves: Any, at: Any) -> Any:
    def lower(context: Any, builder: Any, signed: Any, values: Any) -> Any:
        return _together(builder, _places(context, builder, signed, values, 0))

    return _FLOATS(table, halves, at), lower


def _displace_rule(_context: Any, table: Any, halves: Any, at: Any, index: Any, number: Any) -> Any:
    def lower(context: Any, builder: Any, signed: Any, values: Any) -> Any:
        places = _places(context, builder, signed, values, 1)
        end = _element(context, builder, table, values[0], values[3], signed.args[3])
        moved = builder.store(_together(builder, places), builder.bitcast(end, _FLOATS.vector.as_pointer()))
        moved.align = 8
        for place in places:
            builder.store(values[4], place)
        return context.get_dummy_value()

    return types.void(table, halves, at, index, number), lower


def _halves(halves: Any, at: Any) -> Any:
    return halves.view(np.uint32)[at : at + 2 * EIGHT - 1 : 2].astype(np.int64)


def _plain_eight(number: Any) -> Any:
    return np.full(EIGHT, number, dtype=np.float64 if isinstance(number, float) else np.uint64)


def _plain_fuse(x: Any, y: Any, z: Any) -> Any:
    return np.array([fused(*three) for three in np.broadcast(x, y, z)])


def _plain_put(array: Any, index: Any, values: Any) -> None:
    array[index : index + EIGHT] = values


def _plain_displace(table: Any, halves: Any, at: Any, index: Any, number: Any) -> None:
    places = _halves(halves, at) + np.arange(EIGHT)
    table[index : index + EIGHT] = table[places]
    table[places] = number


_is_plain: bool = config.DISABLE_JIT  # type: ignore[attr-defined]

eight: Any = _plain_eight if _is_plain else intrinsic(_eight_rule)
"""``eight(number)``: the same in all places."""
choose: Any = np.where if _is_plain else intrinsic(_choose_rule)
"""``choose(truths, one, other)``: of each place, one where it is true."""
fuse: Any = _plain_fuse if _is_plain else intrinsic(_fuse_rule)
"""``fuse(x, y, z)``: x y + z of floats, rounded once; some of the three may be single numbers."""
last_of: Any = (lambda numbers: numbers[-1]) if _is_plain else intrinsic(_last_rule)
"""``last_of(numbers)``: the last of the eight."""
take: Any = (lambda array, index: array[index : index + EIGHT].copy()) if _is_plain else intrinsic(_take_rule)
"""``take(array, index)``: elements `index` to ``index + 8``."""
put: Any = _plain_put if _is_plain else intrinsic(_put_rule)
"""``put(array, index, values)``: write them there."""
look_up: Any = (lambda table, halves, at: table[_halves(halves, at)]) if _is_plain else intrinsic(_look_up_rule)
"""``look_up(table, halves, at)``: elements of a table of floats. Which ones stands in halves of the uint64 numbers
`halves`, read as uint32: in the half `at`, and every second one after it. They are read one by one, because processors
that guard what they read ahead are slow to read many places by one instruction."""
displace: Any = _plain_displace if _is_plain else intrinsic(_displace_rule)
"""``displace(table, halves, at, index, number)``: move such elements, of which each lies one further on than its half
says, counted from the one before, to `index` and the seven after it, and write a number into their places."""


def shifter(rows: int) -> Any:
    """A function of eight numbers and the eight after them: the eight that end so many places before the last."""
    if _is_plain:
        return lambda before, now: np.concatenate((before, now))[EIGHT - rows : 2 * EIGHT - rows]
    return intrinsic(_shift_rule(rows))
