"""Forward and backward through the layers of a program, for one batch.

The output layer has few units, and its rows are taken side by side: what it holds is (K, B).
"""

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
    NARROW,
    OUTPUT,
    SLOPE,
    WEIGHT,
)
from workers.engine.kernels.source.dropout import drop
from workers.engine.kernels.source.jit import constant, inlined, line, matrix, vector
from workers.engine.kernels.source.layer_products import (
    add_scores,
    combine,
    correlate,
    correlate_scores,
    pass_back,
    pass_back_scores,
)
from workers.engine.kernels.source.pointwise import activate, deactivate, multiply_by
from workers.engine.kernels.source.registers import splat, store, width
from workers.engine.kernels.source.sums import sum_columns, sum_rows

_zero = constant(0.0)


@inlined
def forward(program: Any, x: Any, parameters: Any, memory: Any, draw: Any) -> None:
    """Leave the scores of x (B, I), and all that `backward` needs, in the memory."""
    rows = x.shape[0]
    a = x
    last = program.layers.shape[0] - 1
    for index in range(last + 1):
        layer = line(program.layers, index)
        inputs, units = layer[N_INPUTS], layer[N_OUTPUTS]
        if layer[DROPOUT] >= 0:
            a = drop(layer, a, memory, draw)
        weight = matrix(parameters, layer[WEIGHT], inputs, units)
        bias = matrix(parameters, layer[BIAS], 1 if layer[BIAS] >= 0 else 0, units)
        if index < last:
            z = matrix(memory, layer[OUTPUT], rows, units)
            combine(layer[NARROW], a, weight, bias, z)
            a = z
        else:
            z = matrix(memory, layer[OUTPUT], units, rows)
            _begin_scores(bias, z)
            add_scores(layer[NARROW], a, weight, z, vector(memory, program.spare, 0))
            _add_skip(program, x, parameters, z, memory)
        slope = vector(memory, layer[SLOPE], rows * units)
        activate(layer[ACTIVATION], vector(memory, layer[OUTPUT], rows * units), slope)


@inlined
def backward(program: Any, x: Any, parameters: Any, memory: Any, gradient: Any) -> None:
    """Fill the gradient (P,) from the error that the loss left at the output layer."""
    rows = x.shape[0]
    last = program.layers.shape[0] - 1
    for index in range(last, -1, -1):
        layer = line(program.layers, index)
        inputs, units = layer[N_INPUTS], layer[N_OUTPUTS]
        size = rows * units
        error = vector(memory, layer[ERROR], size)
        output, slope = vector(memory, layer[OUTPUT], size), vector(memory, layer[SLOPE], size)
        deactivate(layer[ACTIVATION], output, slope, error)
        a = x
        if layer[DROPOUT] >= 0:
            a = matrix(memory, layer[DROPPED], rows, inputs)
        elif index > 0:
            a = matrix(memory, program.layers[index - 1, OUTPUT], rows, inputs)
        _fill_gradient(program, index, a, memory, gradient)
        if index == last and program.skip >= 0:
            dz = matrix(memory, layer[ERROR], units, rows)
            of_skip = matrix(gradient, program.skip, x.shape[1], units)
            spare = vector(memory, program.spare, 0)
            correlate_scores(program.narrow_skip, x, dz, of_skip, spare)
        if index > 0:
            da = matrix(memory, program.layers[index - 1, ERROR], rows, inputs)
            _pass_error_back(program, index, parameters, memory, da)
            if layer[DROPOUT] >= 0:
                multiply_by(
                    vector(memory, program.layers[index - 1, ERROR], rows * inputs),
                    vector(memory, layer[MASK], rows * inputs),
                )


@inlined
def _begin_scores(bias: Any, z: Any) -> None:
    """Every row of z (K, B) with its own bias (1, K), or 0 where there is none (0, K)."""
    units, rows = z.shape
    for k in range(units):
        begin = splat(bias[0, k] if bias.shape[0] > 0 else _zero(z[0, 0]))
        for r in range(0, rows, width(z)):
            store(line(z, k), r, begin)


@inlined
def _add_skip(program: Any, x: Any, parameters: Any, z: Any, memory: Any) -> None:
    if program.skip >= 0:
        weight = matrix(parameters, program.skip, x.shape[1], z.shape[0])
        add_scores(program.narrow_skip, x, weight, z, vector(memory, program.spare, 0))


@inlined
def _fill_gradient(program: Any, index: Any, a: Any, memory: Any, gradient: Any) -> None:
    """Of one layer, from what went in (B, I) and the error."""
    layer = line(program.layers, index)
    rows, inputs, units = a.shape[0], layer[N_INPUTS], layer[N_OUTPUTS]
    of_weight = matrix(gradient, layer[WEIGHT], inputs, units)
    of_bias = vector(gradient, layer[BIAS], units)
    if index < program.layers.shape[0] - 1:
        dz = matrix(memory, layer[ERROR], rows, units)
        correlate(layer[NARROW], a, dz, of_weight)
        if layer[BIAS] >= 0:
            sum_columns(dz, of_bias)
    else:
        dz = matrix(memory, layer[ERROR], units, rows)
        correlate_scores(layer[NARROW], a, dz, of_weight, vector(memory, program.spare, 0))
        if layer[BIAS] >= 0:
            sum_rows(dz, of_bias)


@inlined
def _pass_error_back(program: Any, index: Any, parameters: Any, memory: Any, da: Any) -> None:
    """Through the weights of one layer to what went into it (B, I)."""
    layer = line(program.layers, index)
    rows, units = da.shape[0], layer[N_OUTPUTS]
    weight = matrix(parameters, layer[WEIGHT], da.shape[1], units)
    spare = vector(memory, program.spare, 0)
    if index < program.layers.shape[0] - 1:
        dz = matrix(memory, layer[ERROR], rows, units)
        pass_back(layer[NARROW], dz, weight, da, spare)
    else:
        dz = matrix(memory, layer[ERROR], units, rows)
        pass_back_scores(layer[NARROW], dz, weight, da, spare)
