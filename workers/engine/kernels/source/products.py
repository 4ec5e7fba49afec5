"""The matrix products of a step, by a BLAS, without a detour through Python."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from workers.engine.kernels.native.interface import DGEMM, SGEMM

_SYMBOLS = {types.float32: SGEMM, types.float64: DGEMM}


@intrinsic
def multiply(
    _context: Any, a: Any, _a_transposed: Any, b: Any, _b_transposed: Any, out: Any, _added: Any
) -> Any:
    """Out = op(a) op(b), or out += op(a) op(b) where added; op transposes where it says so.

    All C-contiguous matrices of one dtype, their shapes fitting: nothing is checked.
    """
    signature = types.void(a, types.boolean, b, types.boolean, out, types.boolean)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, a_transposed, b, b_transposed, out, added = arguments
        letter = ir.IntType(8)
        pointer = letter.as_pointer()
        number = context.get_value_type(signature.args[0].dtype)

        def by_address(value: Any) -> Any:
            slot = cgutils.alloca_once_value(builder, value)
            return builder.bitcast(slot, pointer)

        def operand(index: int, value: Any) -> tuple[Any, Any, Any]:
            array = context.make_array(signature.args[index])(context, builder, value)
            rows, columns = cgutils.unpack_tuple(builder, array.shape, 2)
            data = builder.bitcast(array.data, pointer)
            return data, rows, columns

        def operation(transposed: Any) -> Any:
            return by_address(builder.select(transposed, letter(ord("T")), letter(ord("N"))))

        a_data, a_rows, a_columns = operand(0, a)
        b_data, _, b_columns = operand(2, b)
        out_data, rows, columns = operand(4, out)
        inner = builder.select(a_transposed, a_rows, a_columns)
        beta = builder.select(added, number(1.0), number(0.0))
        # BLAS counts down the columns: what it is given is out^T = op(b)^T op(a)^T. Whole numbers
        # go by address: those of 64 bits also serve one that reads the lower 32, which come first.
        kind = ir.FunctionType(ir.VoidType(), [pointer] * 13)
        name = _SYMBOLS[signature.args[0].dtype]
        gemm = cgutils.get_or_insert_function(builder.module, kind, name)
        builder.call(
            gemm,
            [
                operation(b_transposed),
                operation(a_transposed),
                by_address(columns),
                by_address(rows),
                by_address(inner),
                by_address(number(1.0)),
                b_data,
                by_address(b_columns),
                a_data,
                by_address(a_columns),
                by_address(beta),
                out_data,
                by_address(columns),
            ],
        )
        return context.get_dummy_value()

    return signature, generate
