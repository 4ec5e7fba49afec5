"""Products of small matrices by ourselves: a call of a BLAS takes longer than they do.

The result is made tile by tile: some rows by one or two registers of columns, which stay in
registers while the inner dimension is run through, in its order. Nothing is packed, so both
factors must be small enough to stay close to the processor.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from workers.engine.kernels.source.jit import called, inlined
from workers.engine.kernels.source.registers import (
    at_least,
    lanes_below,
    lanes_of,
    masked_load,
    masked_store,
    splatted,
    width,
)

_ROWS = {64: 8}
_FEWEST_ROWS = 4
"""Rows of a tile by the bytes of a register: processors with the widest also have more of them."""
_LOWER = 2
"""A tile for the last rows has so many times fewer."""


@called
def multiply_small(a: Any, a_transposed: Any, b: Any, out: Any, initial: Any) -> None:
    """Out (M, N) = initial + op(a) b; op transposes where it says so.

    initial is (0, N) for nothing, (1, N) for a row that is added to all, or (M, N), maybe `out`
    itself. All C-contiguous matrices of one dtype, their shapes fitting: nothing is checked.
    """
    lanes = width(out)
    columns = out.shape[1]
    for column in range(0, columns, 2 * lanes):
        if column + 2 * lanes <= columns:
            _two_registers(a, a_transposed, b, out, initial, column)
        elif column + lanes < columns:
            _part_of_two(a, a_transposed, b, out, initial, column)
        else:
            _part_of_one(a, a_transposed, b, out, initial, column)


def _columns(registers: int, *, whole: bool) -> Any:
    """All rows of as many columns as so many registers have; or, where not whole, of the last."""
    high_tile = _tile(1, registers, whole=whole)
    low_tile = _tile(_LOWER, registers, whole=whole)

    @inlined
    def multiply_columns(
        a: Any, a_transposed: Any, b: Any, out: Any, initial: Any, column: Any
    ) -> None:
        rows, high = out.shape[0], _rows_of_tile(out)
        for row in range(0, rows, high):
            if row + high // _LOWER < rows:
                high_tile(a, a_transposed, b, out, initial, row, column)
            else:
                low_tile(a, a_transposed, b, out, initial, row, column)

    return multiply_columns


def _tile(lower: int, registers: int, *, whole: bool) -> Any:
    """A tile so many times lower than the highest; where not whole, maybe beyond the last column.

    Rows beyond the last are the last again, and stored again: all is read before.
    """

    @intrinsic
    def multiply_tile(
        _context: Any,
        a: Any,
        _a_transposed: Any,
        b: Any,
        out: Any,
        initial: Any,
        _row: Any,
        _column: Any,
    ) -> Any:
        signature = types.void(a, types.boolean, b, out, initial, types.intp, types.intp)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            rows = tile_rows(a.dtype) // lower
            form = _Form(context, builder, signature, rows, registers, whole)
            _Tile(form, arguments).generate()
            return context.get_dummy_value()

        return signature, generate

    return multiply_tile


class _Form(NamedTuple):
    """Where instructions go, and for a tile of which form."""

    context: Any
    builder: Any
    signature: Any
    rows: int
    registers: int
    whole: bool


class _Tile:
    """The instructions of one tile."""

    def __init__(self, form: _Form, arguments: Any) -> None:
        a, transposed, b, out, initial, self._row, self._column = arguments
        context, builder, kinds = form.context, form.builder, form.signature.args
        self._builder, self._whole = builder, form.whole
        self._lanes = lanes_of(kinds[0].dtype).count
        self._vector = context.get_value_type(lanes_of(kinds[0].dtype))
        self._n_rows = form.rows
        self._registers = range(form.registers)
        word = self._row.type

        def opened(kind: Any, value: Any) -> tuple[Any, Any, Any]:
            array = context.make_array(kind)(context, builder, value)
            return array.data, *cgutils.unpack_tuple(builder, array.shape, 2)

        self._a, a_rows, a_columns = opened(kinds[0], a)
        self._b, _, self._columns = opened(kinds[2], b)
        self._out, self._out_rows, _ = opened(kinds[3], out)
        self._initial, self._initial_rows, _ = opened(kinds[4], initial)
        one = ir.Constant(word, 1)
        self._inner = builder.select(transposed, a_rows, a_columns)
        self._row_step = builder.select(transposed, one, a_columns)
        self._inner_step = builder.select(transposed, a_columns, one)

    def generate(self) -> None:
        """Read what the sums begin with, add all products, store the sums."""
        builder = self._builder
        rows = [self._row_number(r) for r in range(self._n_rows)]
        cells = [
            [cgutils.alloca_once(builder, self._vector) for _ in self._registers] for _ in rows
        ]
        self._begin(rows, cells)
        starts = [builder.gep(self._a, [builder.mul(r, self._row_step)]) for r in rows]
        with cgutils.for_range(builder, self._inner, intp=self._row.type) as loop:
            along = builder.mul(loop.index, self._inner_step)
            behind = builder.mul(loop.index, self._columns)
            factors = [self._load(self._b, behind, v) for v in self._registers]
            for start, line in zip(starts, cells, strict=True):
                number = builder.load(builder.gep(start, [along]))
                spread = splatted(builder, number, self._lanes)
                for cell, factor in zip(line, factors, strict=True):
                    product = builder.fmul(spread, factor, flags=("contract",))
                    added = builder.fadd(builder.load(cell), product, flags=("contract",))
                    builder.store(added, cell)
        for row, line in zip(rows, cells, strict=True):
            for v, cell in zip(self._registers, line, strict=True):
                self._store(builder.load(cell), builder.mul(row, self._columns), v)

    def _row_number(self, r: int) -> Any:
        builder = self._builder
        row = builder.add(self._row, ir.Constant(self._row.type, r))
        last = builder.sub(self._out_rows, ir.Constant(row.type, 1))
        return builder.select(builder.icmp_signed("<", row, last), row, last)

    def _begin(self, rows: list[Any], cells: list[list[Any]]) -> None:
        """Fill the sums with what they begin with."""
        builder = self._builder
        one = ir.Constant(self._row.type, 1)
        nothing = ir.Constant(self._vector, [0.0] * self._lanes)
        is_one = builder.icmp_signed("==", self._initial_rows, one)
        step = builder.select(is_one, ir.Constant(one.type, 0), self._columns)
        is_there = builder.icmp_signed(">=", self._initial_rows, one)
        with builder.if_else(is_there) as (there, absent):
            with there:
                for row, line in zip(rows, cells, strict=True):
                    for v, cell in zip(self._registers, line, strict=True):
                        begin = self._load(self._initial, builder.mul(row, step), v)
                        builder.store(begin, cell)
            with absent:
                for cell in chain.from_iterable(cells):
                    builder.store(nothing, cell)

    def _place(self, data: Any, start: Any, v: int) -> tuple[Any, Any]:
        """Where a register of a row lies, and which of its lanes are columns."""
        builder = self._builder
        column = builder.add(self._column, ir.Constant(start.type, v * self._lanes))
        at = builder.gep(data, [builder.add(start, column)])
        mask = None
        if not self._whole:
            mask = lanes_below(builder, builder.sub(self._columns, column), self._lanes)
        return builder.bitcast(at, self._vector.as_pointer()), mask

    def _load(self, data: Any, start: Any, v: int) -> Any:
        at, mask = self._place(data, start, v)
        if mask is None:
            return self._builder.load(at, align=at_least(self._vector))
        nothing = ir.Constant(self._vector, [0.0] * self._lanes)
        return masked_load(self._builder, at, mask, nothing)

    def _store(self, value: Any, start: Any, v: int) -> None:
        at, mask = self._place(self._out, start, v)
        if mask is None:
            self._builder.store(value, at, align=at_least(self._vector))
        else:
            masked_store(self._builder, value, at, mask)


def tile_rows(dtype: Any) -> int:
    """How many rows a tile has."""
    return _ROWS.get(lanes_of(dtype).count * dtype.bitwidth // 8, _FEWEST_ROWS)


@intrinsic
def _rows_of_tile(_context: Any, a: Any) -> Any:
    def generate(context: Any, _builder: Any, signature: Any, _arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(signature.return_type), tile_rows(a.dtype))

    return types.intp(a), generate


_two_registers = _columns(2, whole=True)
_part_of_two = _columns(2, whole=False)
_part_of_one = _columns(1, whole=False)
