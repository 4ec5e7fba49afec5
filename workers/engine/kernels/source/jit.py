"""How the kernels are compiled, and the few operations that Python has no notation for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

FLAGS: dict[str, Any] = {
    # A division by 0 gives an infinity or a NaN, as in NumPy.
    "error_model": "numpy",
    # Fused multiply-adds, and no care for the sign of a zero. Not the rest of "fast" mathematics:
    # sums keep their order and NaN its meaning, for a diverged run is known by it.
    "fastmath": {"contract", "nsz"},
}


def inlined(function: F) -> F:
    """A function that others are made of: it is put into them, for a call with arrays is slow."""
    made: F = numba.njit(inline="always", **FLAGS)(function)
    return made


def called(function: F) -> F:
    """A function that is long and has several callers."""
    made: F = numba.njit(**FLAGS)(function)
    return made


_MANTISSA_BITS = {types.float32: 23, types.float64: 52}
_EXPONENT_BIAS = {types.float32: 127, types.float64: 1023}


def constant(value: float | None = None, **values: float) -> Any:
    """Return a function of x that gives a number in the type of x.

    Python's own numbers are float64 and would widen what they meet. A number that differs between
    the precisions is given by their names.
    """
    if value is not None:
        values = {"float32": value, "float64": value}
    return polynomial(**{name: (number,) for name, number in values.items()})


def polynomial(**terms: tuple[float, ...]) -> Any:
    """Return a function of x: c0 + c1 x + c2 x^2 ..., with the coefficients of x's own type.

    x is a number, or a register of them (`lanes`).

    Args:
        terms: for float32 and float64, c0 first.
    """

    @intrinsic
    def horner(_context: Any, x: Any) -> Any:
        coefficients = terms[_number_of(x).name]

        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            kind = arguments[0].type
            total = _everywhere(kind, coefficients[-1])
            for coefficient in reversed(coefficients[:-1]):
                product = builder.fmul(total, arguments[0])
                total = builder.fadd(product, _everywhere(kind, coefficient))
            return total

        return x(x), generate

    return horner


@intrinsic
def cast(_context: Any, number: Any, x: Any) -> Any:
    """Give any number the type of x."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.cast(builder, arguments[0], signature.args[0], x)

    return x(number, x), generate


@intrinsic
def power_of_two(_context: Any, n: Any) -> Any:
    """2^n for a whole n in the range of the normal numbers, by writing n into the exponent."""
    bits, bias = _MANTISSA_BITS[_number_of(n)], _EXPONENT_BIAS[_number_of(n)]

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        integer = _integers_like(arguments[0].type, _number_of(n).bitwidth)
        whole = builder.fptosi(arguments[0], integer)
        biased = builder.add(whole, _everywhere(integer, bias))
        shifted = builder.shl(biased, _everywhere(integer, bits))
        return builder.bitcast(shifted, arguments[0].type)

    return n(n), generate


@intrinsic
def exponent_of(_context: Any, x: Any) -> Any:
    """Return the whole n of x = m 2^n with m in [1, 2), for a normal number x > 0."""
    bits, bias = _MANTISSA_BITS[_number_of(x)], _EXPONENT_BIAS[_number_of(x)]

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        integer = _integers_like(arguments[0].type, _number_of(x).bitwidth)
        pattern = builder.bitcast(arguments[0], integer)
        shifted = builder.lshr(pattern, _everywhere(integer, bits))
        exponent = builder.sub(shifted, _everywhere(integer, bias))
        return builder.sitofp(exponent, arguments[0].type)

    return x(x), generate


@intrinsic
def high_product(_context: Any, a: Any, b: Any) -> Any:
    """The upper 64 bits of the product of two words of 64 bits."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        double = ir.IntType(2 * a.bitwidth)
        product = builder.mul(*(builder.zext(word, double) for word in arguments))
        upper = builder.lshr(product, ir.Constant(double, a.bitwidth))
        return builder.trunc(upper, arguments[0].type)

    return a(a, b), generate


@intrinsic
def memory_at(_context: Any, address: Any, number: Any) -> Any:
    """Memory of numbers like this one, as a flat array of no length: `vector` says how long."""
    kind = types.Array(number, 1, "C")

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        data = builder.inttoptr(arguments[0], context.get_value_type(number).as_pointer())
        return _array(context, builder, kind, data, [ir.Constant(arguments[0].type, 0)])

    return kind(address, number), generate


@intrinsic
def vector(_context: Any, memory: Any, _start: Any, _size: Any) -> Any:
    """A view of `size` elements of a flat array; nothing is checked, and no reference is kept."""
    kind = types.Array(memory.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _view(context, builder, signature, arguments)

    return kind(memory, types.intp, types.intp), generate


@intrinsic
def matrix(_context: Any, memory: Any, _start: Any, _rows: Any, _columns: Any) -> Any:
    """A view of rows x columns elements of a flat array, row after row, as `vector`."""
    kind = types.Array(memory.dtype, 2, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _view(context, builder, signature, arguments)

    return kind(memory, types.intp, types.intp, types.intp), generate


@intrinsic
def line(_context: Any, a: Any, _row: Any) -> Any:
    """A row of a C-contiguous matrix; unlike a[row] it counts no reference, which costs a call."""
    kind = types.Array(a.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, arguments[0])
        columns = builder.extract_value(source.shape, 1)
        data = builder.gep(source.data, [builder.mul(arguments[1], columns)])
        return _array(context, builder, kind, data, [columns])

    return kind(a, types.intp), generate


@intrinsic
def cube(_context: Any, memory: Any, _length: Any, _rows: Any, _columns: Any) -> Any:
    """A view of length x rows x columns elements of a flat array, from its beginning."""
    kind = types.Array(memory.dtype, 3, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = context.make_array(signature.args[0])(context, builder, arguments[0])
        return _array(context, builder, kind, source.data, arguments[1:])

    return kind(memory, types.intp, types.intp, types.intp), generate


def _number_of(kind: Any) -> Any:
    """The type of a number, or of those in a register."""
    return getattr(kind, "dtype", kind)


def _everywhere(kind: Any, value: float) -> Any:
    """A constant, in every lane of a register."""
    is_vector = isinstance(kind, ir.VectorType)
    return ir.Constant(kind, [value] * kind.count if is_vector else value)


def _integers_like(kind: Any, bits: int) -> Any:
    integer = ir.IntType(bits)
    return ir.VectorType(integer, kind.count) if isinstance(kind, ir.VectorType) else integer


def _view(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    memory, start, *shape = arguments
    source = context.make_array(signature.args[0])(context, builder, memory)
    data = builder.gep(source.data, [start])
    return _array(context, builder, signature.return_type, data, shape)


def _array(context: Any, builder: Any, kind: Any, data: Any, shape: list[Any]) -> Any:
    array = context.make_array(kind)(context, builder)
    word = context.get_value_type(types.intp)
    itemsize = ir.Constant(word, context.get_abi_sizeof(data.type.pointee))
    strides = [itemsize]
    count = shape[0]
    for extent in shape[1:]:
        strides.insert(0, builder.mul(strides[0], extent))
        count = builder.mul(count, extent)
    array.data = data
    array.shape = cgutils.pack_array(builder, shape, ty=word)
    array.strides = cgutils.pack_array(builder, strides, ty=word)
    array.itemsize = itemsize
    array.nitems = count
    array.meminfo = context.get_constant_null(types.MemInfoPointer(types.voidptr))
    array.parent = context.get_constant_null(types.pyobject)
    return array._getvalue()
