"""Forward and backward through the layers of a program, for one batch."""

from __future__ import annotations

from typing import Any

from workers.engine.kernels.program import (
    ACTIVATION,
    BIAS,
    DROPOUT,
    DROPPED,
    ERROR,
    MASK,
    N_INPUTS,
    N_OUTPUTS,
    OUTPUT,
    SLOPE,
    WEIGHT,
)
from workers.engine.kernels.source.dropout import drop
from workers.engine.kernels.source.jit import constant, inlined, matrix, vector
from workers.engine.kernels.source.pointwise import activate, deactivate
from workers.engine.kernels.source.products import multiply

_zero = constant(0.0)

_ROWS_PER_SUM = 64
"""Columns are summed in blocks of so many rows, so that rounding does not grow with the batch."""


@inlined
def forward(program: Any, x: Any, parameters: Any, memory: Any, draw: Any) -> None:
    """Leave the scores of x (B, I), and all that `backward` needs, in the memory."""
    rows = x.shape[0]
    a = x
    last = program.layers.shape[0] - 1
    for index in range(last + 1):
        layer = program.layers[index]
        inputs, units = layer[N_INPUTS], layer[N_OUTPUTS]
        if layer[DROPOUT] >= 0:
            a = drop(layer, a, memory, draw)
        z = matrix(memory, layer[OUTPUT], rows, units)
        multiply(a, False, matrix(parameters, layer[WEIGHT], inputs, units), False, z, False)
        if index == last and program.skip >= 0:
            weight = matrix(parameters, program.skip, x.shape[1], units)
            multiply(x, False, weight, False, z, True)
        if layer[BIAS] >= 0:
            _add_to_rows(z, vector(parameters, layer[BIAS], units))
        slope = vector(memory, layer[SLOPE], rows * units)
        activate(layer[ACTIVATION], vector(memory, layer[OUTPUT], rows * units), slope)
        a = z


@inlined
def backward(program: Any, x: Any, parameters: Any, memory: Any, gradient: Any) -> None:
    """Fill the gradient (P,) from the error that the loss left at the output layer."""
    rows = x.shape[0]
    last = program.layers.shape[0] - 1
    for index in range(last, -1, -1):
        layer = program.layers[index]
        inputs, units = layer[N_INPUTS], layer[N_OUTPUTS]
        size = rows * units
        error = vector(memory, layer[ERROR], size)
        output, slope = vector(memory, layer[OUTPUT], size), vector(memory, layer[SLOPE], size)
        deactivate(layer[ACTIVATION], output, slope, error)
        dz = matrix(memory, layer[ERROR], rows, units)
        if index == last and program.skip >= 0:
            multiply(x, True, dz, False, matrix(gradient, program.skip, x.shape[1], units), False)
        a = x
        if layer[DROPOUT] >= 0:
            a = matrix(memory, layer[DROPPED], rows, inputs)
        elif index > 0:
            a = matrix(memory, program.layers[index - 1, OUTPUT], rows, inputs)
        multiply(a, True, dz, False, matrix(gradient, layer[WEIGHT], inputs, units), False)
        if layer[BIAS] >= 0:
            bias = vector(gradient, layer[BIAS], units)
            _sum_of_rows(dz, vector(memory, program.sums, units), bias)
        if index > 0:
            da = matrix(memory, program.layers[index - 1, ERROR], rows, inputs)
            multiply(dz, False, matrix(parameters, layer[WEIGHT], inputs, units), True, da, False)
            if layer[DROPOUT] >= 0:
                _multiply_by(
                    vector(memory, program.layers[index - 1, ERROR], rows * inputs),
                    vector(memory, layer[MASK], rows * inputs),
                )


@inlined
def _add_to_rows(z: Any, bias: Any) -> None:
    rows, columns = z.shape
    for r in range(rows):
        for j in range(columns):
            z[r, j] += bias[j]


@inlined
def _sum_of_rows(z: Any, block: Any, total: Any) -> None:
    rows, columns = z.shape
    for j in range(columns):
        total[j] = _zero(total[j])
    for start in range(0, rows, _ROWS_PER_SUM):
        _sum_of_block(z, start, min(start + _ROWS_PER_SUM, rows), block)
        for j in range(columns):
            total[j] += block[j]


@inlined
def _sum_of_block(z: Any, start: Any, end: Any, total: Any) -> None:
    """Four rows at a time: an addition to a sum waits for the one before."""
    columns = z.shape[1]
    fours = end - (end - start) % 4
    for j in range(columns):
        total[j] = _zero(total[j])
    for r in range(start, fours, 4):
        for j in range(columns):
            total[j] += (z[r, j] + z[r + 1, j]) + (z[r + 2, j] + z[r + 3, j])
    for r in range(fours, end):
        for j in range(columns):
            total[j] += z[r, j]


@inlined
def _multiply_by(a: Any, b: Any) -> None:
    for i in range(a.size):
        a[i] *= b[i]
