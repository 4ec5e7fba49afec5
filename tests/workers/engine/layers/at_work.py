"""A network bound to one batch, for tests that look at its scores and gradients by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Category, Network
from workers.engine.spec import Layer, NetworkSpec, OutputSpec
from workers.engine.tensors import BatchRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.tensors import Array, Views

LINEAR = OutputSpec(bias=False, initializer="constant", initial_value=1.0)
"""An output that adds its inputs up."""


def network(*layers: Layer, n_inputs: int, n_outputs: int = 1, skip: bool = False) -> Network:
    """Layers before an output that adds up what comes out of them."""
    return Network(
        NetworkSpec(layers=layers, output=LINEAR, skip=skip),
        n_inputs=n_inputs,
        n_outputs=n_outputs,
        output_activation="identity",
    )


class AtWork:
    """A network with its parameters and gradients by name, at work on the rows of X."""

    def __init__(
        self,
        network: Network,
        X: Array,
        *,
        learning: bool = True,
        seed: int = 0,
        tensors: Mapping[str, Array] | None = None,
    ) -> None:
        self.parameters = network.initial_parameters(seed, X.dtype)
        self.tensors: Views = network.layout.views(self.parameters)
        for name, tensor in (tensors or {}).items():
            self.tensors[name][...] = tensor
        gradient = np.full(network.n_trainable, np.nan, X.dtype) if learning else None
        self.gradients: Views = {} if gradient is None else network.trainable.views(gradient)
        rows = BatchRows(len(X), len(X))
        self._network = network.on_batch(rows, self.parameters, gradient, PLAIN, (seed,))
        self._X = X

    def forward(self, batch: int = 1) -> Array:
        """The scores, and what came out of every layer in `results`."""
        scores = self._network.forward(self._X, batch)
        self.results = dict(self._network.results())
        return scores

    def backward(self, d_scores: Array) -> Views:
        """The gradients by name."""
        self._network.d_logits[...] = d_scores
        self._network.backward()
        return self.gradients


__all__ = ["LINEAR", "AtWork", "Category", "network"]
