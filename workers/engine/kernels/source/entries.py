"""The kernels as functions of whole numbers, numbers and addresses, as `native.interface` has them.

One set for each precision: `zero` is a 0 of it. What is a member's own lies behind what is that of
the member before; of the members of a stack there may be one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.kernels.source import descent, masks, objectives, orders, pointwise
from workers.engine.kernels.source.jit import inlined, matrix, memory_at, vector
from workers.engine.kernels.source.transposing import transpose

if TYPE_CHECKING:
    from collections.abc import Callable

_WHOLE = np.int64(0)
_WORD = np.uint64(0)
_NUMBER = np.float64(0.0)


def elementwise(zero: Any) -> dict[str, Callable[..., Any]]:
    """The activations, dropout masks and orders of rows."""

    def activate(code: Any, size: Any, z: Any, slope: Any) -> None:
        pointwise.activate(code, _vector(z, 0, size, zero), _vector(slope, 0, size, zero))

    def deactivate(code: Any, size: Any, a: Any, slope: Any, da: Any) -> None:
        pointwise.deactivate(
            code,
            _vector(a, 0, size, zero),
            _vector(slope, 0, size, zero),
            _vector(da, 0, size, zero),
        )

    def fill_mask(  # noqa: PLR0913 - a mask, and what it is a function of
        members: Any, size: Any, mask: Any, rate: Any, seeds: Any, batch: Any, layer: Any
    ) -> None:
        of_member = _vector(seeds, 0, members, _WORD)
        for k in range(members):
            part = _vector(mask, k * size, size, zero)
            masks.fill_mask(part, rate, of_member[k], batch, layer)

    def shuffle(members: Any, size: Any, order: Any, seeds: Any, purpose: Any, epoch: Any) -> None:
        of_member = _vector(seeds, 0, members, _WORD)
        for k in range(members):
            part = _vector(order, k * size, size, _WHOLE)
            orders.shuffle(part, of_member[k], purpose, epoch)

    return {
        "activate": activate,
        "deactivate": deactivate,
        "fill_mask": fill_mask,
        "shuffle": shuffle,
    }


def losses(zero: Any) -> dict[str, Callable[..., Any]]:
    """The losses of each member's batch; `values` has room for them, `scratch` for two batches."""

    def mean_squared_error(  # noqa: PLR0913 - the loss with its shape and scratch
        members: Any,
        rows: Any,
        columns: Any,
        scores: Any,
        targets: Any,
        weights: Any,
        share: Any,
        gradient: Any,
        scratch: Any,
        values: Any,
    ) -> None:
        for k in range(members):
            of_rows = _set_shares(weights, k, rows, share, zero)
            z = _across(scores, k, (rows, columns), scratch, zero)
            t = _across(targets, k, (rows, columns), scratch + z.nbytes, zero)
            value = objectives.mean_squared_error(z, t, of_rows, z)
            _vector(values, 0, members, zero)[k] = value
            transpose(z, _matrix(gradient, k * rows * columns, rows, columns, zero))

    def binary_cross_entropy(  # noqa: PLR0913 - the loss with its shape and scratch
        members: Any,
        rows: Any,
        columns: Any,
        scores: Any,
        targets: Any,
        smoothing: Any,
        weights: Any,
        share: Any,
        gradient: Any,
        scratch: Any,
        values: Any,
    ) -> None:
        for k in range(members):
            of_rows = _set_shares(weights, k, rows, share, zero)
            z = _across(scores, k, (rows, columns), scratch, zero)
            t = _across(targets, k, (rows, columns), scratch + z.nbytes, zero)
            value = objectives.binary_cross_entropy(z, t, smoothing, of_rows, z)
            _vector(values, 0, members, zero)[k] = value
            transpose(z, _matrix(gradient, k * rows * columns, rows, columns, zero))

    def softmax_cross_entropy(  # noqa: PLR0913 - the loss with its shape and scratch
        members: Any,
        rows: Any,
        columns: Any,
        scores: Any,
        labels: Any,
        smoothing: Any,
        weights: Any,
        share: Any,
        gradient: Any,
        scratch: Any,
        values: Any,
    ) -> None:
        for k in range(members):
            of_rows = _set_shares(weights, k, rows, share, zero)
            z = _across(scores, k, (rows, columns), scratch, zero)
            classes = _vector(scratch + z.nbytes, 0, rows, zero)
            for r in range(rows):
                classes[r] = _vector(labels, k * rows, rows, _WHOLE)[r]
            value = objectives.softmax_cross_entropy(z, classes, smoothing, of_rows, z)
            _vector(values, 0, members, zero)[k] = value
            transpose(z, _matrix(gradient, k * rows * columns, rows, columns, zero))

    return {
        "mean_squared_error": mean_squared_error,
        "binary_cross_entropy": binary_cross_entropy,
        "softmax_cross_entropy": softmax_cross_entropy,
    }


def updates(zero: Any) -> dict[str, Callable[..., Any]]:
    """The steps of the optimisers: each member's vectors by their addresses, its numbers."""

    def descend(members: Any, size: Any, vectors: Any, rates: Any, mu: Any, nesterov: Any) -> None:
        at, rate = _vector(vectors, 0, 3 * members, _WHOLE), _vector(rates, 0, members, _NUMBER)
        for k in range(members):
            w = _vector(at[3 * k], 0, size, zero)
            g = _vector(at[3 * k + 1], 0, size, zero)
            if mu > 0.0:
                b = _vector(at[3 * k + 2], 0, size, zero)
                descent.descend_with_momentum(w, g, b, rate[k], mu, nesterov != 0)
            else:
                descent.descend(w, g, rate[k])

    def adam(  # noqa: PLR0913 - vectors, numbers
        members: Any,
        size: Any,
        n_decayed: Any,
        vectors: Any,
        numbers: Any,
        beta1: Any,
        beta2: Any,
    ) -> None:
        at, of_step = (
            _vector(vectors, 0, 4 * members, _WHOLE),
            _matrix(numbers, 0, members, 3, _NUMBER),
        )
        for k in range(members):
            rate, epsilon, keep = of_step[k, 0], of_step[k, 1], of_step[k, 2]
            if keep != 1.0:
                descent.decay(_vector(at[4 * k], 0, n_decayed, zero), keep)
            descent.adam(
                _vector(at[4 * k], 0, size, zero),
                _vector(at[4 * k + 1], 0, size, zero),
                _vector(at[4 * k + 2], 0, size, zero),
                _vector(at[4 * k + 3], 0, size, zero),
                (beta1, beta2),
                rate,
                epsilon,
            )

    return {"descend": descend, "adam": adam}


@inlined
def _set_shares(weights: Any, member: Any, rows: Any, share: Any, zero: Any) -> Any:
    """What each row of a member's batch counts for, evenly where there are no weights."""
    of_rows = _vector(share, 0, rows, zero)
    count = 0 if weights == 0 else rows
    objectives.set_shares(_vector(weights, member * rows, count, zero), of_rows)
    return of_rows


@inlined
def _across(address: Any, member: Any, shape: Any, scratch: Any, zero: Any) -> Any:
    """A member's batch (B, K) as (K, B), which lies at the address `scratch`."""
    rows, columns = shape
    z = _matrix(scratch, 0, columns, rows, zero)
    transpose(_matrix(address, member * rows * columns, rows, columns, zero), z)
    return z


@inlined
def _vector(address: Any, start: Any, size: Any, zero: Any) -> Any:
    return vector(memory_at(address, zero), start, size)


@inlined
def _matrix(address: Any, start: Any, rows: Any, columns: Any, zero: Any) -> Any:
    return matrix(memory_at(address, zero), start, rows, columns)
