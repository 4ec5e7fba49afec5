"""The one forward pass of evaluation and prediction: a row gets the same bits in any company.

A BLAS may add in another order for another number of rows, so the products are taken on
zero-padded blocks of 8 rows. More rows at a time are faster; that is done for a network's shapes
only after a probe on this machine has shown the bits of the blocks of 8.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from workers.engine import rng
from workers.engine.kernels.plain import PLAIN
from workers.engine.tensors import BatchRows, Memory

if TYPE_CHECKING:
    from workers.engine.backend import DType
    from workers.engine.kernels.contract import Kernels
    from workers.engine.network import Network
    from workers.engine.tensors import Array

BLOCK = BatchRows(8, 8)
PORTION = 256
"""Rows taken through the layers at a time where there are enough of them."""

_WIDE = (BatchRows(PORTION, PORTION), BatchRows(PORTION, 64), BatchRows(PORTION, 8))
_PROBES = 2


def logits(network: Network, parameters: Array, X: Array) -> Array:
    """Scores (N, K) before the output activation, in the dtype of the parameters (P,)."""
    return ForwardPass(network, parameters).run(X)[0]


def outputs(network: Network, parameters: Array, X: Array) -> Array:
    """What the network says of X (N, I): probabilities or values (N, K)."""
    return ForwardPass(network, parameters).run(X)[1]


class ForwardPass:
    """The forward pass with one parameter vector, whose present content every run reads."""

    def __init__(self, network: Network, parameters: Array, kernels: Kernels = PLAIN) -> None:
        self._network = network
        self._parameters = parameters
        self._kernels = kernels
        self._portions: dict[BatchRows, _Portion] = {}

    def run(self, X: Array) -> tuple[Array, Array]:
        """X (N, I) to logits (N, K) and outputs (N, K), both fresh arrays."""
        X = np.ascontiguousarray(X, self._parameters.dtype)
        n_rows = len(X)
        scores = np.empty((n_rows, self._network.n_outputs), X.dtype)
        answers = np.empty_like(scores)
        with np.errstate(all="ignore"):
            start = 0
            for rows in self._sizes(n_rows):
                portion = self._portion(rows)
                while n_rows - start >= rows.total:
                    end = start + rows.total
                    portion.run(X[start:end], scores[start:end], answers[start:end])
                    start = end
            if start < n_rows:
                self._portion(BLOCK).run_padded(X[start:], scores[start:], answers[start:])
        return scores, answers

    def _sizes(self, n_rows: int) -> tuple[BatchRows, ...]:
        if n_rows < PORTION:
            return (BLOCK,)
        return (rows_at_a_time(self._network, self._parameters.dtype, self._kernels), BLOCK)

    def _portion(self, rows: BatchRows) -> _Portion:
        if rows not in self._portions:
            self._portions[rows] = _Portion(rows, self._network, self._parameters, self._kernels)
        return self._portions[rows]


class _Portion:
    """Layers and output activation on one fixed number of rows."""

    def __init__(
        self, rows: BatchRows, network: Network, parameters: Array, kernels: Kernels
    ) -> None:
        self._layers = network.on_batch(rows, parameters, None, kernels)
        memory = Memory(kernels.xp, parameters.dtype)
        shape = (rows.total, network.n_outputs)
        activation = kernels.activations[network.output_activation]
        self._activation = activation(memory, shape, False)
        self._padded = memory.zeros((BLOCK.total, network.n_inputs))

    def run(self, X: Array, scores: Array, answers: Array) -> None:
        """All the rows of a portion; results are left in `scores` and `answers`."""
        y = self._layers.forward(X)
        np.copyto(scores, y[: len(scores)])
        self._activation.forward(y)
        np.copyto(answers, y[: len(answers)])

    def run_padded(self, X: Array, scores: Array, answers: Array) -> None:
        """Fewer rows than a block: zeros stand in for the others."""
        self._padded[: len(X)] = X
        self._padded[len(X) :] = 0.0
        self.run(self._padded, scores, answers)


@lru_cache(maxsize=256)
def rows_at_a_time(network: Network, dtype: DType, kernels: Kernels) -> BatchRows:
    """The first of _WIDE in which random rows get the bits that the blocks of 8 give them."""
    for rows in _WIDE:
        if all(_same_bits(network, dtype, kernels, rows, trial) for trial in range(_PROBES)):
            return rows
    return BLOCK


def _same_bits(
    network: Network, dtype: DType, kernels: Kernels, rows: BatchRows, trial: int
) -> bool:
    random = rng.generator(0, rng.Purpose.PROBE, trial)
    parameters = network.initial_parameters(trial, dtype)
    parameters += random.normal(0.0, 0.1, parameters.shape).astype(dtype)
    X = random.normal(size=(PORTION, network.n_inputs)).astype(dtype)
    if network.embeddings is not None:
        for table in network.embeddings.tables:
            X[:, table.category.index] = random.integers(0, table.category.levels, PORTION)
    found = []
    for size in (rows, BLOCK):
        portion = _Portion(size, network, parameters, kernels)
        scores = np.empty((PORTION, network.n_outputs), dtype)
        answers = np.empty_like(scores)
        for start in range(0, PORTION, size.total):
            end = start + size.total
            portion.run(X[start:end], scores[start:end], answers[start:end])
        found.append(scores.tobytes() + answers.tobytes())
    return found[0] == found[1]
