"""The one forward pass of evaluation and prediction: a row gets the same bits in any company.

A BLAS may add in another order for another number of rows, so rows get the bits of products on
zero-padded blocks of 8. More rows at a time are faster: each product takes as many as give those
bits (`layers/products.py`), and portions are that long only after a probe of the whole network, on
this machine, has shown the bits of the blocks of 8. For few rows a probe costs more than it saves,
unless they are asked again and again.
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

_WIDE = (PORTION, 32)
_REPEATED = (64, 16)
_LARGEST = 2048
_CACHED_NUMBERS = 1 << 16
"""So many of a layer's outputs stay near the processor while the next layer reads them."""

_PROBES = 2
_PADDING_FLOPS = 3e6
"""A core does about so many in the time that the calls for another portion take."""


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

    def __init__(
        self,
        network: Network,
        parameters: Array,
        kernels: Kernels = PLAIN,
        *,
        repeats: bool = False,
    ) -> None:
        """`repeats`: there will be many runs, of as many rows."""
        self._network = network
        self._repeats = repeats
        self._most_padding = int(_PADDING_FLOPS / (2 * max(1, network.n_parameters)))
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
            sizes = self._sizes(n_rows)
            start = 0
            while start < n_rows:
                rows = portion_for(sizes, n_rows - start, self._most_padding)
                end = min(start + rows.total, n_rows)
                self._portion(rows).run(X[start:end], scores[start:end], answers[start:end])
                start = end
        return scores, answers

    def _sizes(self, n_rows: int) -> tuple[BatchRows, ...]:
        if self._repeats:
            # Few rows are padded to four times as many at most: so many are probed, too.
            sizes = (largest_portion(self._network), PORTION, *_REPEATED)
            wide = tuple(size for size in dict.fromkeys(sizes) if size < 4 * n_rows)
        else:
            wide = () if n_rows < PORTION else _WIDE
        return portions(self._network, self._parameters.dtype, self._kernels, wide)

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
        self._memory = memory
        self._padded: Array | None = None

    def run(self, X: Array, scores: Array, answers: Array) -> None:
        """The rows of a portion, or fewer; results are left in `scores` and `answers`."""
        y = self._layers.forward(X if len(X) == self._rows else self._pad(X))
        if self._of_members is not None:
            self._of_members(y, scores, answers)
            return
        np.copyto(scores, y[: len(scores)])
        self._activation.forward(y)
        np.copyto(answers, y[: len(answers)])

    def _pad(self, X: Array) -> Array:
        """Zeros stand in for the other rows."""
        if self._padded is None:
            self._padded = self._memory.zeros((self._rows, X.shape[1]))
        self._padded[: len(X)] = X
        self._padded[len(X) :] = 0.0
        return self._padded

    def bits(self, X: Array) -> bytes:
        """What comes out for X (N, I) of whole portions, bit by bit."""
        scores = np.empty((len(X), self._n_outputs), X.dtype)
        answers = np.empty_like(scores)
        for start in range(0, len(X), self._rows):
            end = start + self._rows
            self.run(X[start:end], scores[start:end], answers[start:end])
        return scores.tobytes() + answers.tobytes()


def largest_portion(network: Network) -> int:
    """How many rows a pass that repeats takes at most: more through layers of fewer units."""
    widest = max(max(layer.n_inputs, layer.n_outputs) for layer in network.layers)
    rows = 1 << (_CACHED_NUMBERS // (network.members * widest)).bit_length() >> 1
    return max(PORTION, min(rows, _LARGEST))


def portion_for(sizes: tuple[BatchRows, ...], n_rows: int, most_padding: int) -> BatchRows:
    """The size of the next portion: of descending ones the smallest that holds all the rows.

    If that takes much padding, the largest that they fill; the last one where they fill none.
    """
    for rows in reversed(sizes):
        if n_rows <= rows.total <= n_rows + most_padding:
            return rows
    return next((rows for rows in sizes if rows.total <= n_rows), sizes[-1])


@lru_cache(maxsize=256)
def portions(
    network: Network, dtype: DType, kernels: Kernels, wide: tuple[int, ...] = _WIDE
) -> tuple[BatchRows, ...]:
    """Of such numbers of rows those that give random rows the bits of blocks of 8; then those."""
    found = [BatchRows(size, BLOCK.total) for size in wide]
    for trial in range(_PROBES if wide else 0):
        parameters, X = _random_work(network, dtype, wide[0], trial)
        wanted = _Portion(BLOCK, network, parameters, kernels).bits(X)
        found = [
            rows for rows in found if _Portion(rows, network, parameters, kernels).bits(X) == wanted
        ]
    return (*found, BLOCK)


def _random_work(network: Network, dtype: DType, n_rows: int, trial: int) -> tuple[Array, Array]:
    """Parameters (P,), and rows (N, I) with levels where the network expects them."""
    random = rng.generator(0, rng.Purpose.PROBE, trial)
    parameters = network.initial_parameters(trial, dtype)
    parameters += random.normal(0.0, 0.1, parameters.shape).astype(dtype)
    X = random.normal(size=(n_rows, network.n_inputs)).astype(dtype)
    if network.embeddings is not None:
        for table in network.embeddings.tables:
            X[:, table.category.index] = random.integers(0, table.category.levels, n_rows)
    return parameters, X
