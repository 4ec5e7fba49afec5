"""Registers of several numbers side by side, and how they come from memory and go there.

A register has as many numbers as fit into those of the processor compiled for.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import PrimitiveModel, register_default
from numba.extending import intrinsic

_REGISTER_BYTES = {"x86-64-v4": 64, "x86-64-v3": 32}
_SMALLEST_REGISTER_BYTES = 16


class Lanes(types.Type):
    """A register of numbers of one type."""

    def __init__(self, dtype: Any, count: int) -> None:
        super().__init__(name=f"{count} lanes of {dtype}")
        self.dtype = dtype
        self.count = count


class Truths(types.Type):
    """What a comparison of registers gives: yes or no for each lane."""

    def __init__(self, count: int) -> None:
        super().__init__(name=f"{count} truths")
        self.count = count


@register_default(Lanes)
class _LanesModel(PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        number = manager[kind.dtype].get_value_type()
        super().__init__(manager, kind, ir.VectorType(number, kind.count))


@register_default(Truths)
class _TruthsModel(PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), kind.count))


def lanes_of(dtype: Any) -> Lanes:
    """The register of a type of numbers on the processor compiled for."""
    size = _REGISTER_BYTES.get(numba.config.CPU_NAME or "", _SMALLEST_REGISTER_BYTES)
    return Lanes(dtype, size * 8 // dtype.bitwidth)


@intrinsic
def width(_context: Any, a: Any) -> Any:
    """How many elements of an array one register has."""
    count = lanes_of(a.dtype).count

    def generate(_context: Any, _builder: Any, signature: Any, _arguments: Any) -> Any:
        return ir.Constant(_context.get_value_type(signature.return_type), count)

    return types.intp(a), generate


@intrinsic
def load(_context: Any, a: Any, _start: Any) -> Any:
    """Elements of a flat array from `start` on, as many as a register has; 0 behind its end."""
    kind = lanes_of(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, mask, is_whole = _part(
            context, builder, signature.args[0], lanes_of(a.dtype), *arguments[:2]
        )
        vector = at.type.pointee
        nothing = ir.Constant(vector, [0.0] * vector.count)
        with builder.if_else(is_whole, likely=True) as (whole, rest):
            with whole:
                all_of_it = builder.load(at, align=at_least(vector))
                end_of_whole = builder.block
            with rest:
                some_of_it = masked_load(builder, at, mask, nothing)
                end_of_rest = builder.block
        found = builder.phi(vector)
        found.add_incoming(all_of_it, end_of_whole)
        found.add_incoming(some_of_it, end_of_rest)
        return found

    return kind(a, types.intp), generate


@intrinsic
def store(_context: Any, a: Any, _start: Any, value: Any) -> Any:
    """Put a register into a flat array from `start` on; what falls behind its end is lost."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, mask, is_whole = _part(
            context, builder, signature.args[0], lanes_of(a.dtype), *arguments[:2]
        )
        with builder.if_else(is_whole, likely=True) as (whole, rest):
            with whole:
                builder.store(arguments[2], at, align=at_least(at.type.pointee))
            with rest:
                masked_store(builder, arguments[2], at, mask)
        return context.get_dummy_value()

    return types.void(a, types.intp, value), generate


@intrinsic
def splat(_context: Any, number: Any) -> Any:
    """A register with this number in every lane."""
    kind = lanes_of(number)

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return splatted(builder, arguments[0], kind.count)

    return kind(number), generate


@intrinsic
def numbers(_context: Any, a: Any, _start: Any, like: Any) -> Any:
    """Whole numbers of a flat array from `start` on, as many as a register like this one has."""
    whole = Lanes(a.dtype, like.count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, mask, _ = _part(context, builder, signature.args[0], whole, *arguments[:2])
        nothing = ir.Constant(at.type.pointee, [0] * whole.count)
        return builder.sitofp(masked_load(builder, at, mask, nothing), context.get_value_type(like))

    return like(a, types.intp, like), generate


def splatted(builder: Any, number: Any, count: int) -> Any:
    """The instructions of `splat`."""
    vector = ir.VectorType(number.type, count)
    first = ir.Constant(ir.IntType(32), 0)
    placed = builder.insert_element(ir.Constant(vector, ir.Undefined), number, first)
    return picked(builder, placed, [0] * count)


def lanes_below(builder: Any, limit: Any, count: int) -> Any:
    """The truths n < limit for the lanes n."""
    places = ir.Constant(ir.VectorType(limit.type, count), list(range(count)))
    return builder.icmp_signed("<", places, splatted(builder, limit, count))


def at_least(vector: Any) -> int:
    """The alignment of an array's elements: that of a register is not given."""
    return 4 if isinstance(vector.element, ir.FloatType) else 8


def masked_load(builder: Any, at: Any, mask: Any, otherwise: Any) -> Any:
    """The lanes where the mask says so."""
    vector = at.type.pointee
    kind = ir.FunctionType(vector, [at.type, ir.IntType(32), mask.type, vector])
    function = cgutils.get_or_insert_function(
        builder.module, kind, f"llvm.masked.load.{suffix(vector)}.p0"
    )
    align = ir.Constant(ir.IntType(32), at_least(vector))
    return builder.call(function, [at, align, mask, otherwise])


def masked_store(builder: Any, value: Any, at: Any, mask: Any) -> None:
    """The lanes where the mask says so."""
    kind = ir.FunctionType(ir.VoidType(), [value.type, at.type, ir.IntType(32), mask.type])
    function = cgutils.get_or_insert_function(
        builder.module, kind, f"llvm.masked.store.{suffix(value.type)}.p0"
    )
    align = ir.Constant(ir.IntType(32), at_least(value.type))
    builder.call(function, [value, at, align, mask])


def suffix(vector: Any) -> str:
    """By which name LLVM's own functions know the type of a register."""
    letter = "i" if isinstance(vector.element, ir.IntType) else "f"
    return f"v{vector.count}{letter}{8 * at_least(vector)}"


def picked(builder: Any, value: Any, places: Any) -> Any:
    """The lanes at these places."""
    chosen = [*places]
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(chosen)), chosen)
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)


def _part(
    context: Any, builder: Any, kind: Any, lanes: Any, array: Any, start: Any
) -> tuple[Any, Any, Any]:
    """Where a register lies in an array, the lanes before its end, and whether that is all."""
    struct = context.make_array(kind)(context, builder, array)
    (size,) = cgutils.unpack_tuple(builder, struct.shape, 1)
    vector = context.get_value_type(lanes)
    at = builder.bitcast(builder.gep(struct.data, [start]), vector.as_pointer())
    left = builder.sub(size, start)
    is_whole = builder.icmp_signed(">=", left, ir.Constant(left.type, lanes.count))
    return at, lanes_below(builder, left, lanes.count), is_whole
