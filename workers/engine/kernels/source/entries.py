"""The kernels as functions of whole numbers, numbers and addresses, as `native.interface` has them.

One set for each precision: `zero` is a 0 of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.kernels.source import descent, masks, objectives, pointwise
from workers.engine.kernels.source.jit import inlined, matrix, memory_at, vector

if TYPE_CHECKING:
    from collections.abc import Callable


def elementwise(zero: Any) -> dict[str, Callable[..., Any]]:
    """The activations and dropout masks."""

    def activate(code: Any, size: Any, z: Any, slope: Any) -> None:
        pointwise.activate(code, _vector(z, size, zero), _vector(slope, size, zero))

    def deactivate(code: Any, size: Any, a: Any, slope: Any, da: Any) -> None:
        pointwise.deactivate(
            code, _vector(a, size, zero), _vector(slope, size, zero), _vector(da, size, zero)
        )

    def fill_mask(size: Any, mask: Any, rate: Any, seed: Any, batch: Any, layer: Any) -> None:
        masks.fill_mask(_vector(mask, size, zero), rate, seed, batch, layer)

    return {"activate": activate, "deactivate": deactivate, "fill_mask": fill_mask}


def losses(zero: Any) -> dict[str, Callable[..., Any]]:
    """The losses."""

    def set_shares(rows: Any, weights: Any, share: Any) -> Any:
        n_weights = 0 if weights == 0 else rows
        return objectives.set_shares(_vector(weights, n_weights, zero), _vector(share, rows, zero))

    def mean_squared_error(
        rows: Any, columns: Any, scores: Any, targets: Any, share: Any, gradient: Any
    ) -> Any:
        return objectives.mean_squared_error(
            _matrix(scores, rows, columns, zero),
            _matrix(targets, rows, columns, zero),
            _vector(share, rows, zero),
            _matrix(gradient, rows, columns, zero),
        )

    def binary_cross_entropy(  # noqa: PLR0913 - the loss with its shape and scratch
        rows: Any,
        columns: Any,
        scores: Any,
        targets: Any,
        smoothing: Any,
        share: Any,
        gradient: Any,
        scratch: Any,
    ) -> Any:
        return objectives.binary_cross_entropy(
            _matrix(scores, rows, columns, zero),
            _matrix(targets, rows, columns, zero),
            smoothing,
            _vector(share, rows, zero),
            _matrix(gradient, rows, columns, zero),
            _matrix(scratch, rows, columns, zero),
        )

    def softmax_cross_entropy(  # noqa: PLR0913 - the loss with its shape and scratch
        rows: Any,
        columns: Any,
        scores: Any,
        labels: Any,
        smoothing: Any,
        share: Any,
        gradient: Any,
        scratch: Any,
    ) -> Any:
        return objectives.softmax_cross_entropy(
            _matrix(scores, rows, columns, zero),
            _vector(labels, rows, np.int64(0)),
            smoothing,
            _vector(share, rows, zero),
            _matrix(gradient, rows, columns, zero),
            _matrix(scratch, columns + 2, rows, zero),
        )

    return {
        "set_shares": set_shares,
        "mean_squared_error": mean_squared_error,
        "binary_cross_entropy": binary_cross_entropy,
        "softmax_cross_entropy": softmax_cross_entropy,
    }


def updates(zero: Any) -> dict[str, Callable[..., Any]]:
    """The steps of the optimisers."""

    def decay(size: Any, w: Any, keep: Any) -> None:
        descent.decay(_vector(w, size, zero), keep)

    def descend(size: Any, w: Any, g: Any, rate: Any) -> None:
        descent.descend(_vector(w, size, zero), _vector(g, size, zero), rate)

    def descend_with_momentum(  # noqa: PLR0913 - three vectors, three numbers
        size: Any, w: Any, g: Any, b: Any, rate: Any, mu: Any, nesterov: Any
    ) -> None:
        descent.descend_with_momentum(
            _vector(w, size, zero),
            _vector(g, size, zero),
            _vector(b, size, zero),
            rate,
            mu,
            nesterov != 0,
        )

    def adam(  # noqa: PLR0913 - four vectors, four numbers
        size: Any,
        w: Any,
        g: Any,
        m: Any,
        v: Any,
        beta1: Any,
        beta2: Any,
        rate: Any,
        epsilon: Any,
    ) -> None:
        descent.adam(
            _vector(w, size, zero),
            _vector(g, size, zero),
            _vector(m, size, zero),
            _vector(v, size, zero),
            (beta1, beta2),
            rate,
            epsilon,
        )

    return {
        "decay": decay,
        "descend": descend,
        "descend_with_momentum": descend_with_momentum,
        "adam": adam,
    }


@inlined
def _vector(address: Any, size: Any, zero: Any) -> Any:
    return vector(memory_at(address, zero), 0, size)


@inlined
def _matrix(address: Any, rows: Any, columns: Any, zero: Any) -> Any:
    return matrix(memory_at(address, zero), 0, rows, columns)
