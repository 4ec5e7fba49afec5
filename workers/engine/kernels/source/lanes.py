"""Arithmetic on registers: it reads as on one number, and each lane gets the bits of one.

Loops over arrays are written so where the compiler would not make such of them by itself: short
ones, and the last elements of all.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from workers.engine.kernels.source.jit import inlined
from workers.engine.kernels.source.registers import Lanes, Truths, picked, suffix


@intrinsic
def total(_context: Any, x: Any) -> Any:
    """The sum of the lanes in float64: halves are added until one number is left."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value, count = arguments[0], x.count
        if x.dtype == types.float32:
            value = builder.fpext(value, context.get_value_type(Lanes(types.float64, count)))
        while count > 1:
            count //= 2
            low, high = (picked(builder, value, range(n, n + count)) for n in (0, count))
            value = builder.fadd(low, high)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return types.float64(x), generate


@intrinsic
def choose(_context: Any, truths: Any, a: Any, b: Any) -> Any:
    """Lane by lane a where true, else b."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return a(truths, a, b), generate


def _by_llvm(name: str) -> Any:
    """A function of numbers that LLVM has for registers."""

    @intrinsic
    def apply(_context: Any, x: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            vector = arguments[0].type
            kind = ir.FunctionType(vector, [vector])
            called = f"llvm.{name}.{suffix(vector)}"
            return builder.call(
                cgutils.get_or_insert_function(builder.module, kind, called), arguments
            )

        return x(x), generate

    return apply


magnitude = _by_llvm("fabs")
nearest = _by_llvm("rint")
root = _by_llvm("sqrt")


def each_by(name: str) -> Any:
    """A function of the C library, called with one lane after the other."""

    @intrinsic
    def apply(_context: Any, x: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            value = arguments[0]
            number = value.type.element
            kind = ir.FunctionType(number, [number])
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            for n in range(x.count):
                lane = ir.Constant(ir.IntType(32), n)
                found = builder.call(function, [builder.extract_element(value, lane)])
                value = builder.insert_element(value, found, lane)
            return value

        return x(x), generate

    return apply


@inlined
def larger(a: Any, b: Any) -> Any:
    """Of each lane the larger; b where one is not a number."""
    return choose(a > b, a, b)


@inlined
def smaller(a: Any, b: Any) -> Any:
    """Of each lane the smaller; b where one is not a number."""
    return choose(a < b, a, b)


def _arithmetic(symbol: Any, instruction: str) -> None:
    @intrinsic
    def compute(_context: Any, a: Any, b: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return getattr(builder, instruction)(*arguments)

        return a(a, b), generate

    @overload(symbol)
    def choose_computing(a: Any, b: Any) -> Any:
        def apply(a: Any, b: Any) -> Any:
            return compute(a, b)

        return apply if isinstance(a, Lanes) and a == b else None


def _comparison(symbol: Any, sign: str) -> None:
    @intrinsic
    def compare(_context: Any, a: Any, b: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.fcmp_ordered(sign, *arguments)

        return Truths(a.count)(a, b), generate

    @overload(symbol)
    def choose_comparing(a: Any, b: Any) -> Any:
        def apply(a: Any, b: Any) -> Any:
            return compare(a, b)

        return apply if isinstance(a, Lanes) and a == b else None


@intrinsic
def _negative(_context: Any, a: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fneg(*arguments)

    return a(a), generate


@overload(operator.neg)
def _choose_negative(a: Any) -> Any:
    def apply(a: Any) -> Any:
        return _negative(a)

    return apply if isinstance(a, Lanes) else None


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _arithmetic(_symbol, _instruction)
for _symbol, _sign in (
    (operator.lt, "<"),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
):
    _comparison(_symbol, _sign)
