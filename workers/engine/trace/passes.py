"""One batch forward and backward through a network in float64, everything on the way kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine import losses
from workers.engine.kernels.plain import PLAIN
from workers.engine.tensors import Array, BatchRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.kernels.contract import LossKernel
    from workers.engine.network import Network, NetworkOnBatch
    from workers.engine.problem import Problem
    from workers.engine.tensors import Shape

FIRST_BATCH = 1
"""The batches of a run count from 1; the masks of dropout are a function of the number."""


@dataclass(frozen=True, eq=False)
class Passes:
    """What a forward and a backward pass went through.

    `inputs` has what went into each layer, `outputs` what came out, the last the logits (B, O);
    `deltas` what the backward pass left of dL/dA: for layers with an activation, dL/dZ; None before
    the first layer that learns. `gradient` (n_trainable,) is that of loss and penalties. `moved`
    (P,) are the parameters with the running statistics of this batch.
    """

    inputs: list[Array]
    outputs: list[Array]
    deltas: list[Array | None]
    d_logits: Array
    loss: float
    penalty: float
    gradient: Array
    moved: Array


class Objective:
    """Loss and penalties of K parameter vectors at once on one batch, as training computes them.

    `parameters` (K, P) is filled by the caller before every look; running statistics are moved in
    it. Dropout draws the masks of the run's first step, the same for every vector.
    """

    def __init__(self, problem: Problem, members: int) -> None:
        network, data = problem.network, problem.data
        self._network = network
        self.parameters = np.empty((members, network.n_parameters))
        self._X = _stacked(data.X, members)
        self._y = _stacked(data.y, members)
        self._weights = None if data.weights is None else _stacked(data.weights, members)
        n_rows = len(data.X)
        self._on_batch = network.on_batch(
            BatchRows(n_rows, n_rows),
            self.parameters,
            np.empty((members, network.n_trainable)),
            PLAIN,
            (problem.seed,) * members,
        )
        self._loss = _loss_kernel(problem, (members, n_rows, network.n_outputs))
        self._value = np.empty(members)

    def values(self) -> Array:
        """Loss plus penalties (K,)."""
        penalties = penalty_of(self._network, self.parameters)
        with np.errstate(all="ignore"):
            logits = self._on_batch.forward(self._X, FIRST_BATCH)
            d_logits = self._on_batch.d_logits
            self._loss(logits, self._y, self._weights, d_logits, self._value)
            return self._value + penalties


def run(problem: Problem, parameters: Array) -> Passes:
    """Take the rows through the network and back; `parameters` (P,) stay as they are."""
    network, data = problem.network, problem.data
    moved = parameters.copy()
    gradient = np.zeros(network.n_trainable)
    n_rows = len(data.X)
    rows = BatchRows(n_rows, n_rows)
    on_batch = network.on_batch(rows, moved, gradient, PLAIN, (problem.seed,))
    kernel = _loss_kernel(problem, (n_rows, network.n_outputs))
    value = np.empty(())
    with np.errstate(all="ignore"):
        logits = on_batch.forward(data.X, FIRST_BATCH)
        inputs = [X.copy() for X in on_batch.inputs]
        outputs = [*inputs[1:], logits.copy()]
        kernel(logits, data.y, data.weights, on_batch.d_logits, value)
        d_logits = on_batch.d_logits.copy()
        on_batch.backward()
        deltas = _deltas(network, on_batch)
        add_penalties(network, parameters, gradient)
    return Passes(
        inputs=inputs,
        outputs=outputs,
        deltas=deltas,
        d_logits=d_logits,
        loss=float(value),
        penalty=float(penalty_of(network, parameters)),
        gradient=gradient,
        moved=moved,
    )


def _deltas(network: Network, on_batch: NetworkOnBatch) -> list[Array | None]:
    learns = [network.embeddings is not None or bool(layer.tensors()) for layer in network.layers]
    return [
        layer.da.copy() if any(learns[: place + 1]) else None
        for place, layer in enumerate(on_batch.layers)
    ]


def loss_of_rows(problem: Problem, logits: Array) -> Array:
    """The loss (B,) of each row by itself."""
    y = problem.data.y
    shape = (1, problem.network.n_outputs)
    kernel = _loss_kernel(problem, shape)
    values = np.empty(len(logits))
    gradient, value = np.empty(shape), np.empty(())
    with np.errstate(all="ignore"):
        for row in range(len(logits)):
            kernel(logits[row : row + 1].copy(), y[row : row + 1], None, gradient, value)
            values[row] = value
    return values


def penalty_of(network: Network, parameters: Array) -> Array:
    """The sum over the weights of l1 |w| + l2/2 w^2, for (P,) or each of (K, P)."""
    tensors = network.layout.views(parameters)
    total = np.zeros(parameters.shape[:-1])
    for name, l1, l2, _ in network.regularized:
        W = tensors[name]
        total = total + l1 * np.abs(W).sum((-1, -2)) + l2 / 2.0 * np.square(W).sum((-1, -2))
    return total


def add_penalties(network: Network, parameters: Array, gradient: Array) -> None:
    """Add l1 sign(w) + l2 w to the gradient (n_trainable,) of the weights."""
    tensors, gradients = network.layout.views(parameters), network.trainable.views(gradient)
    for name, l1, l2, _ in network.regularized:
        gradients[name] += l1 * np.sign(tensors[name]) + l2 * tensors[name]


def _loss_kernel(problem: Problem, shape: Shape) -> LossKernel:
    activation = problem.network.output_activation
    return losses.on_batch(problem.spec.loss, activation, shape, problem.memory, PLAIN)


def _stacked(array: NDArray[Any], members: int) -> NDArray[Any]:
    return np.ascontiguousarray(np.broadcast_to(array, (members, *array.shape)))
