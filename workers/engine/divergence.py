"""Where a training left the finite numbers: looked for once, by the reference kernels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workers.engine.kernels.plain import PLAIN
from workers.engine.tensors import BatchRows

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels
    from workers.engine.problem import Problem
    from workers.engine.tensors import Array, Layout


class Place(NamedTuple):
    """A tensor that is not finite, by its name, and the Euclidean norm of its finite part."""

    tensor: str
    norm: float


def is_finite(vector: Array, kernels: Kernels) -> bool:
    """Whether all of a vector surely is, by a single number from where it lies.

    A finite sum of squares proves it; one that overflowed proves nothing.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        squares = kernels.xp.dot(vector, vector)
    return math.isfinite(float(kernels.to_host(squares)))


def in_vector(layout: Layout, flat: Array) -> Place | None:
    """The first tensor of a host vector that holds a NaN or an infinity, or None."""
    name = layout.first_non_finite(flat)
    if name is None:
        return None
    return Place(name, finite_norm(layout.views(np.ascontiguousarray(flat))[name]))


def behind_loss(problem: Problem, parameters: Array, X: Array, batch: int) -> Place:
    """What made the loss of a batch not finite, all on the host; `batch` counts from 1.

    The first parameter that is not finite; else the first layer with such an output,
    `layers.1.output`; else the loss itself, with the norm of the scores.
    """
    network = problem.network
    found = in_vector(network.layout, parameters)
    if found is not None:
        return found
    gradient = np.empty(network.n_trainable, parameters.dtype)
    rows = BatchRows(len(X), len(X))
    on_batch = network.on_batch(rows, parameters.copy(), gradient, PLAIN, (problem.seed,))
    with np.errstate(all="ignore"):
        scores = on_batch.forward(X, batch)
    for name, output in on_batch.results():
        if not np.isfinite(output).all():
            return Place(f"{name}.output", finite_norm(output))
    return Place("loss", finite_norm(scores))


def finite_norm(tensor: Array) -> float:
    """The Euclidean norm of what is finite, in float64."""
    finite = tensor[np.isfinite(tensor)].astype(np.float64)
    # Scaled by the largest, so that squares do not overflow.
    largest = float(np.abs(finite).max(initial=0.0))
    if largest == 0.0:
        return 0.0
    return largest * float(np.sqrt(np.sum((finite / largest) ** 2)))
