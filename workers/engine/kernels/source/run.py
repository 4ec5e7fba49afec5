"""Chunks of steps: gather a batch, forward, loss, backward, update; for each member in turn."""

from __future__ import annotations

import math
from typing import Any

from workers.engine.kernels.program import (
    ADAM,
    BINARY_CROSS_ENTROPY,
    EPSILON,
    ERROR,
    KEEP,
    MSE,
    N_INPUTS,
    N_OUTPUTS,
    NESTEROV,
    OUTPUT,
    RATE,
    SGD,
    WEIGHT,
)
from workers.engine.kernels.source.descent import adam, decay, descend, descend_with_momentum
from workers.engine.kernels.source.jit import cast, constant, inlined, line, matrix, vector
from workers.engine.kernels.source.objectives import (
    binary_cross_entropy,
    mean_squared_error,
    set_shares,
    softmax_cross_entropy,
)
from workers.engine.kernels.source.passes import backward, forward
from workers.engine.kernels.source.registers import load, store, width

_zero = constant(0.0)
_one = constant(1.0)

_NORM_MARGIN = 1e-6


@inlined
def run_steps(program: Any, rows: Any, members: Any, scratch: Any, place: Any) -> None:
    """Do `members.counts` steps from `place`.

    That is the batch of the epoch, the steps done before, and the row of the first's coefficients.

    A member ends before its count at the first loss that is not finite: that step moves nothing.
    What it holds outside its arguments is nothing, so that a chunk may be cut anywhere.
    """
    first_batch, steps_before, first_row = place
    memory, gradient = scratch.memory, scratch.gradient
    for k in range(members.parameters.shape[0]):
        parameters = members.parameters[k]
        slots = members.first_slot[k], members.second_slot[k]
        asked, done = members.counts[k], 0
        while done < asked:
            draw = members.dropout_rates[k], members.seeds[k], steps_before + done + 1
            x, total = _take_batch(program, rows, members.orders[k], first_batch + done, scratch)
            forward(program, x, parameters, memory, draw)
            loss = _loss(program, x.shape[0], scratch)
            if not math.isfinite(loss):
                break
            backward(program, x, parameters, memory, gradient)
            _update(program, parameters, gradient, slots, members.coefficients[k, first_row + done])
            members.loss_sums[k] += loss * total
            done += 1
        members.counts[k] = done


@inlined
def _take_batch(program: Any, rows: Any, order: Any, batch: Any, scratch: Any) -> Any:
    """Bring a batch together: X (B, I), and the sum of its weights."""
    start = batch * program.batch_size
    count = min(program.batch_size, rows.X.shape[0] - start)
    columns = rows.X.shape[1]
    memory = scratch.memory
    x = matrix(memory, program.batch, count, columns)
    if order.size == 0:
        x = matrix(rows.X, start * columns, count, columns)
    else:
        for r in range(count):
            row = line(rows.X, order[start + r])
            for j in range(0, columns, width(x)):
                store(line(x, r), j, load(row, j))
    _take_targets(program, rows, order, start, count, scratch)
    weights = vector(memory, program.weights, min(count, rows.weights.size))
    for r in range(weights.size):
        weights[r] = rows.weights[order[start + r] if order.size else start + r]
    return x, set_shares(weights, vector(memory, program.share, count))


@inlined
def _take_targets(
    program: Any, rows: Any, order: Any, start: Any, count: Any, scratch: Any
) -> None:
    """As (K, B); or labels as numbers (B,)."""
    columns = rows.targets.shape[1]
    targets = matrix(scratch.memory, program.targets, columns, count)
    labels = vector(scratch.memory, program.targets, count)
    for r in range(count):
        row = order[start + r] if order.size else start + r
        if rows.labels.size:
            labels[r] = cast(rows.labels[row], labels[r])
        for k in range(columns):
            targets[k, r] = rows.targets[row, k]


@inlined
def _loss(program: Any, count: Any, scratch: Any) -> Any:
    """The mean loss of the batch; its gradient is left as the error of the output layer (K, B)."""
    memory = scratch.memory
    layer = line(program.layers, program.layers.shape[0] - 1)
    units = layer[N_OUTPUTS]
    scores = matrix(memory, layer[OUTPUT], units, count)
    error = matrix(memory, layer[ERROR], units, count)
    targets = matrix(memory, program.targets, units, count)
    share = vector(memory, program.share, count)
    if program.loss == MSE:
        return mean_squared_error(scores, targets, share, error)
    if program.loss == BINARY_CROSS_ENTROPY:
        return binary_cross_entropy(scores, targets, program.smoothing, share, error)
    labels = vector(memory, program.targets, count)
    return softmax_cross_entropy(scores, labels, program.smoothing, share, error)


@inlined
def _update(program: Any, w: Any, gradient: Any, slots: Any, numbers: Any) -> None:
    _add_penalties(program, w, gradient)
    _clip(program, gradient)
    if numbers[KEEP] != 1.0:
        decay(vector(w, 0, program.n_decayed), numbers[KEEP])
    first, second = slots
    rate = numbers[RATE]
    if program.optimizer == ADAM:
        adam(w, gradient, first, second, program.betas, rate, numbers[EPSILON])
    elif program.optimizer == SGD:
        descend(w, gradient, rate)
    else:
        is_nesterov = program.optimizer == NESTEROV
        descend_with_momentum(w, gradient, first, rate, program.betas[0], is_nesterov)


@inlined
def _add_penalties(program: Any, w: Any, gradient: Any) -> None:
    """The gradient of l1 sum |W| + l2 / 2 sum W^2."""
    for index in range(program.penalties.shape[0]):
        l1 = cast(program.penalties[index, 0], w[0])
        l2 = cast(program.penalties[index, 1], w[0])
        if l1 == _zero(l1) and l2 == _zero(l2):
            continue
        layer = line(program.layers, index)
        start, size = layer[WEIGHT], layer[N_INPUTS] * layer[N_OUTPUTS]
        weight, g = vector(w, start, size), vector(gradient, start, size)
        for i in range(size):
            sign = _one(l1) if weight[i] > _zero(l1) else -_one(l1)
            g[i] += l2 * weight[i] + (l1 * sign if weight[i] != _zero(l1) else _zero(l1))


@inlined
def _clip(program: Any, gradient: Any) -> None:
    """Cut off each element at clip_value, then scale down to the norm clip_norm."""
    if program.clip_value < math.inf:
        limit = cast(program.clip_value, gradient[0])
        for i in range(gradient.size):
            g = gradient[i]
            cut = limit if g > limit else g
            # An infinite element becomes a NaN: cut to size it would go unnoticed.
            gradient[i] = (-limit if cut < -limit else cut) + g * _zero(g)
    if program.clip_norm < math.inf:
        norm = math.sqrt(_sum_of_squares(gradient))
        if not norm + _NORM_MARGIN <= program.clip_norm:
            scale = cast(program.clip_norm / (norm + _NORM_MARGIN), gradient[0])
            for i in range(gradient.size):
                gradient[i] *= scale


@inlined
def _sum_of_squares(g: Any) -> Any:
    """In eight sums side by side, which a processor adds at once; the order is always the same."""
    whole = g.size - g.size % 8
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    for i in range(0, whole, 8):
        s0 += float(g[i]) ** 2
        s1 += float(g[i + 1]) ** 2
        s2 += float(g[i + 2]) ** 2
        s3 += float(g[i + 3]) ** 2
        s4 += float(g[i + 4]) ** 2
        s5 += float(g[i + 5]) ** 2
        s6 += float(g[i + 6]) ** 2
        s7 += float(g[i + 7]) ** 2
    for i in range(whole, g.size):
        s0 += float(g[i]) ** 2
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
