"""Sums over the rows of a batch, in blocks, so that rounding does not grow with the batch."""

from __future__ import annotations

from typing import Any

from workers.engine.kernels.source.jit import cast, constant, inlined, line
from workers.engine.kernels.source.lanes import total
from workers.engine.kernels.source.registers import load, store, width

_zero = constant(0.0)

_BLOCK = 64


@inlined
def sum_columns(z: Any, sums: Any) -> None:
    """Of z (B, O), in sums (O,). Four rows at a time: an addition waits for the one before."""
    rows, columns = z.shape
    for j in range(0, columns, width(z)):
        whole = _zero(load(line(z, 0), j))
        for start in range(0, rows, _BLOCK):
            end = min(start + _BLOCK, rows)
            fours = end - (end - start) % 4
            block = _zero(whole)
            for r in range(start, fours, 4):
                first = load(line(z, r), j) + load(line(z, r + 1), j)
                block = block + (first + (load(line(z, r + 2), j) + load(line(z, r + 3), j)))
            for r in range(fours, end):
                block = block + load(line(z, r), j)
            whole = whole + block
        store(sums, j, whole)


@inlined
def sum_rows(z: Any, sums: Any) -> None:
    """Of z (K, B), in sums (K,)."""
    units, rows = z.shape
    lanes = width(z)
    for k in range(units):
        whole = 0.0
        for start in range(0, rows, _BLOCK * lanes):
            block = _zero(load(line(z, k), 0))
            for r in range(start, min(start + _BLOCK * lanes, rows), lanes):
                block = block + load(line(z, k), r)
            whole += total(block)
        sums[k] = cast(whole, sums[k])
