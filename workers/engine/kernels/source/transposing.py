"""Rows become columns, in blocks of as many rows as a register has lanes."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from workers.engine.kernels.source.jit import called
from workers.engine.kernels.source.registers import (
    lanes_below,
    lanes_of,
    masked_load,
    masked_store,
    width,
)


@called
def transpose(a: Any, out: Any) -> None:
    """Out (N, M) = a' of a (M, N), both C-contiguous."""
    rows, columns = a.shape
    if 2 * min(rows, columns) < width(a):
        for j in range(columns):
            for r in range(rows):
                out[j, r] = a[r, j]
        return
    for row in range(0, rows, width(a)):
        for column in range(0, columns, width(a)):
            _transpose_block(a, out, row, column)


@intrinsic
def _transpose_block(_context: Any, a: Any, out: Any, _row: Any, _column: Any) -> Any:
    """One block; rows beyond the last are the last again, and go nowhere."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = lanes_of(a.dtype)
        vector = context.get_value_type(lanes)
        row, column = arguments[2:]

        def opened(kind: Any, value: Any) -> tuple[Any, Any, Any]:
            array = context.make_array(kind)(context, builder, value)
            return array.data, *cgutils.unpack_tuple(builder, array.shape, 2)

        def place(data: Any, line: Any, columns: Any, start: Any) -> Any:
            at = builder.gep(data, [builder.add(builder.mul(line, columns), start)])
            return builder.bitcast(at, vector.as_pointer())

        source, rows, columns = opened(signature.args[0], arguments[0])
        target, _, _ = opened(signature.args[1], arguments[1])
        last = builder.sub(rows, ir.Constant(rows.type, 1))
        nothing = ir.Constant(vector, [0.0] * lanes.count)
        mask = lanes_below(builder, builder.sub(columns, column), lanes.count)
        block = []
        for n in range(lanes.count):
            line = builder.add(row, ir.Constant(row.type, n))
            line = builder.select(builder.icmp_signed("<", line, last), line, last)
            block.append(masked_load(builder, place(source, line, columns, column), mask, nothing))
        mask = lanes_below(builder, builder.sub(rows, row), lanes.count)
        for n, value in enumerate(_transposed(builder, block)):
            line = builder.add(column, ir.Constant(column.type, n))
            with builder.if_then(builder.icmp_signed("<", line, columns), likely=True):
                masked_store(builder, value, place(target, line, rows, row), mask)
        return context.get_dummy_value()

    return types.void(a, out, types.intp, types.intp), generate


def _transposed(builder: Any, block: list[Any]) -> list[Any]:
    """Each line of the first half is mixed, lane by lane, with its like of the second.

    Done as often as the number of lanes can be halved, every number is where it should be.
    """
    count = len(block)
    pairs = [n // 2 + n % 2 * count for n in range(2 * count)]
    low, high = (
        ir.Constant(ir.VectorType(ir.IntType(32), count), part)
        for part in (pairs[:count], pairs[count:])
    )
    for _ in range(count.bit_length() - 1):
        halves = zip(block[: count // 2], block[count // 2 :], strict=True)
        block = [
            builder.shuffle_vector(one, other, order)
            for one, other in halves
            for order in (low, high)
        ]
    return block
