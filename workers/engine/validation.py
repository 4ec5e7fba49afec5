"""The loss on rows that do not train, computed in portions by the one forward pass."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from workers.engine import losses
from workers.engine.answers import SCORED
from workers.engine.forward import ForwardPass, largest_portion
from workers.engine.kernels.plain import PLAIN
from workers.engine.tensors import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.engine.network import Network
    from workers.engine.problem import Problem
    from workers.engine.tensors import Array

_PORTION_ROWS = 4096
_PORTION_FLOPS = 2e9
"""A portion is at most so many operations, about 50 ms on one core."""


class Validation:
    """Mean loss and outputs on the same rows, by the reference kernels, whatever trains.

    They are those that predict: a prediction never disagrees with what was validated.
    """

    def __init__(self, problem: Problem) -> None:
        """Raises ValueError where rows, targets and weights do not fit together."""
        network, data = problem.network, problem.data
        memory = Memory(np, problem.memory.dtype)
        if data.X_validation is None or data.y_validation is None:
            raise ValueError("there are no validation rows")
        self._X = data.X_validation
        shape = (len(self._X), network.n_outputs)
        self._y = losses.as_targets(problem.spec.loss, data.y_validation, shape, memory.dtype)
        self._weights = losses.as_weights(data.weights_validation, shape[0], memory.dtype)
        # Weights of their own: those of a training may lie on another device.
        self._parameters = memory.empty((network.n_parameters,))
        self._forward = ForwardPass(network, self._parameters, repeats=True)
        self._portion = _portion_rows(network, len(self._X))
        self._gradient = memory.empty((self._portion, network.n_outputs))
        self._value = memory.zeros(())
        # What members say together has no score where its activation has no inverse.
        activation = network.output_activation
        self._judges_answers = network.members > 1 and activation not in SCORED
        self._on_batch = lru_cache(maxsize=2)(
            lambda rows: losses.on_batch(
                problem.spec.loss,
                "identity" if self._judges_answers else activation,
                (rows, network.n_outputs),
                memory,
                PLAIN,
            )
        )
        self.loss = 0.0
        self.outputs = memory.zeros(shape)

    def run(self, parameters: Array) -> Iterator[None]:
        """Yields between the portions; at the end `loss` and `outputs` (N, K) are set.

        parameters (P,) are read at the start, on the host.
        """
        np.copyto(self._parameters, parameters)
        n_rows, total, weight = len(self._X), 0.0, 0.0
        outputs = np.empty_like(self.outputs)
        for start in range(0, n_rows, self._portion):
            if start > 0:
                yield
            end = min(start + self._portion, n_rows)
            logits, outputs[start:end] = self._forward.run(self._X[start:end])
            weights = None if self._weights is None else self._weights[start:end]
            counted = end - start if weights is None else float(weights.sum(dtype=np.float64))
            total += self._mean(logits, start, weights) * counted
            weight += counted
        self.loss, self.outputs = total / weight, outputs

    def _mean(self, logits: Array, start: int, weights: Array | None) -> float:
        rows = len(logits)
        targets, gradient = self._y[start : start + rows], self._gradient[:rows]
        with np.errstate(all="ignore"):
            self._on_batch(rows)(logits, targets, weights, gradient, self._value)
        return float(self._value)


def _portion_rows(network: Network, n_rows: int) -> int:
    by_cost = int(_PORTION_FLOPS / (2 * network.n_parameters))
    whole = largest_portion(network)
    portion = max(whole, min(by_cost, _PORTION_ROWS))
    return min(portion - portion % whole, n_rows)
