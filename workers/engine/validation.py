"""The loss on rows that do not train, computed in portions by the one forward pass."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine import losses
from workers.engine.forward import PORTION, ForwardPass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.engine.kernels.contract import Kernels
    from workers.engine.network import Network
    from workers.engine.spec import Loss
    from workers.engine.tensors import Array

_PORTION_ROWS = 4096
_PORTION_FLOPS = 2e9
"""A portion is at most so many operations, about 50 ms on one core."""


class Validation:
    """Mean loss and outputs on the same rows, with parameters (P,) as they are at that time."""

    def __init__(
        self,
        network: Network,
        parameters: Array,
        rows: tuple[Array, Any],
        loss: Loss,
        kernels: Kernels,
    ) -> None:
        self._X, y = rows
        shape, dtype = (len(self._X), network.n_outputs), parameters.dtype
        self._y = losses.as_targets(loss, y, shape, dtype)
        self._forward = ForwardPass(network, parameters, kernels)
        self._portion = _portion_rows(network, len(self._X))
        self._gradient = np.empty((self._portion, network.n_outputs), dtype)
        self._on_batch = lru_cache(maxsize=2)(
            lambda rows: losses.on_batch(
                loss, network.output_activation, (rows, network.n_outputs), dtype, kernels
            )
        )
        self.loss = 0.0
        self.outputs = np.empty(shape, dtype)

    def run(self) -> Iterator[None]:
        """Yields between the portions; at the end `loss` and `outputs` (N, K) are set."""
        n_rows, total = len(self._X), 0.0
        outputs = np.empty_like(self.outputs)
        for start in range(0, n_rows, self._portion):
            if start > 0:
                yield
            end = min(start + self._portion, n_rows)
            logits, outputs[start:end] = self._forward.run(self._X[start:end])
            with np.errstate(all="ignore"):
                loss = self._on_batch(len(logits))
                mean = loss(logits, self._y[start:end], self._gradient[: len(logits)])
            total += mean * len(logits)
        self.loss, self.outputs = total / n_rows, outputs


def _portion_rows(network: Network, n_rows: int) -> int:
    by_cost = int(_PORTION_FLOPS / (2 * network.n_parameters))
    portion = max(PORTION, min(by_cost, _PORTION_ROWS))
    return min(portion - portion % PORTION, n_rows)
