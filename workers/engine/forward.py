"""The one forward pass of evaluation and prediction: a row gets the same bits in any company.

A BLAS may add in another order for another number of rows, so rows get the bits of products on
zero-padded blocks of 8. More rows at a time are faster: each product takes as many as give those
bits (`layers/products.py`), and portions are that long only after a probe of the whole network, on
this machine, has shown the bits of the blocks of 8.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from workers.engine import rng
from workers.engine.answers import Answers
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

_WIDE = (BatchRows(PORTION, BLOCK.total), BatchRows(32, BLOCK.total))
_PROBES = 2


def logits(network: Network, parameters: Array, X: Array) -> Array:
    """Scores (N, K) before the output activation, in the dtype of the parameters (P,).

    Of several members those of their common answer, as `answers` says.
    """
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
        return portions(self._network, self._parameters.dtype, self._kernels)

    def _portion(self, rows: BatchRows) -> _Portion:
        if rows not in self._portions:
            self._portions[rows] = _Portion(rows, self._network, self._parameters, self._kernels)
        return self._portions[rows]


class _Portion:
    """Layers and output activation on one fixed number of rows."""

    def __init__(
        self, rows: BatchRows, network: Network, parameters: Array, kernels: Kernels
    ) -> None:
        self._rows = rows.total
        self._layers = network.on_batch(rows, parameters, None, kernels)
        memory = Memory(kernels.xp, parameters.dtype)
        self._n_outputs = network.n_outputs
        self._of_members = None
        if network.members > 1:
            self._of_members = Answers(network, rows.total, memory, kernels)
        shape = (rows.total, network.n_outputs)
        activation = kernels.activations[network.output_activation]
        self._activation = activation(memory, shape, False)
        self._padded = memory.zeros((BLOCK.total, network.n_inputs))

    def run(self, X: Array, scores: Array, answers: Array) -> None:
        """All the rows of a portion; results are left in `scores` and `answers`."""
        y = self._layers.forward(X)
        if self._of_members is not None:
            self._of_members(y, scores, answers)
            return
        np.copyto(scores, y[: len(scores)])
        self._activation.forward(y)
        np.copyto(answers, y[: len(answers)])

    def run_padded(self, X: Array, scores: Array, answers: Array) -> None:
        """Fewer rows than a block: zeros stand in for the others."""
        self._padded[: len(X)] = X
        self._padded[len(X) :] = 0.0
        self.run(self._padded, scores, answers)

    def bits(self, X: Array) -> bytes:
        """What comes out for X (N, I) of whole portions, bit by bit."""
        scores = np.empty((len(X), self._n_outputs), X.dtype)
        answers = np.empty_like(scores)
        for start in range(0, len(X), self._rows):
            end = start + self._rows
            self.run(X[start:end], scores[start:end], answers[start:end])
        return scores.tobytes() + answers.tobytes()


@lru_cache(maxsize=256)
def portions(network: Network, dtype: DType, kernels: Kernels) -> tuple[BatchRows, ...]:
    """Of _WIDE those in which random rows get the bits of blocks of 8; then the blocks of 8."""
    found = list(_WIDE)
    for trial in range(_PROBES):
        parameters, X = _random_work(network, dtype, trial)
        wanted = _Portion(BLOCK, network, parameters, kernels).bits(X)
        found = [
            rows for rows in found if _Portion(rows, network, parameters, kernels).bits(X) == wanted
        ]
    return (*found, BLOCK)


def _random_work(network: Network, dtype: DType, trial: int) -> tuple[Array, Array]:
    """Parameters (P,), and rows (PORTION, I) with levels where the network expects them."""
    random = rng.generator(0, rng.Purpose.PROBE, trial)
    parameters = network.initial_parameters(trial, dtype)
    parameters += random.normal(0.0, 0.1, parameters.shape).astype(dtype)
    X = random.normal(size=(PORTION, network.n_inputs)).astype(dtype)
    if network.embeddings is not None:
        for table in network.embeddings.tables:
            X[:, table.category.index] = random.integers(0, table.category.levels, PORTION)
    return parameters, X
