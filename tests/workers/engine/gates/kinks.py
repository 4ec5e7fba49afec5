"""Kernels that watch how near a computation comes to a kink, where no slope exists."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.kernels.plain import PLAIN

if TYPE_CHECKING:
    from workers.engine.kernels.contract import ActivationKernel, Kernels, LossKernel
    from workers.engine.tensors import Array, Memory, Shape

BENT_ACTIVATIONS = ("relu", "leaky_relu", "prelu", "selu")
BENT_LOSSES = ("mae", "quantile")


class Watch:
    """The smallest distance from a kink since it was last set to infinity."""

    def __init__(self) -> None:
        self.distance = np.inf

    def see(self, gaps: Array) -> None:
        """Gaps of any shape, 0 at a kink."""
        self.distance = min(self.distance, float(np.abs(gaps).min()))


def watched(watch: Watch) -> Kernels:
    """PLAIN, with every activation and loss that has a kink telling `watch` how far it was."""

    def activation(name: str) -> Any:
        def make(memory: Memory, shape: Shape, learning: bool) -> ActivationKernel:
            return _WatchedActivation(PLAIN.activations[name](memory, shape, learning), watch)

        return make

    def prelu(memory: Memory, shape: Shape, slopes: Array, d_slopes: Any) -> ActivationKernel:
        return _WatchedActivation(PLAIN.prelu(memory, shape, slopes, d_slopes), watch)

    def loss(name: str) -> Any:
        def make(spec: Any, memory: Memory, shape: Shape) -> LossKernel:
            return _WatchedLoss(PLAIN.losses[name](spec, memory, shape), watch)

        return make

    bent = {name: activation(name) for name in BENT_ACTIVATIONS if name != "prelu"}
    return replace(
        PLAIN,
        activations={**PLAIN.activations, **bent},
        prelu=prelu,
        losses={**PLAIN.losses, **{name: loss(name) for name in BENT_LOSSES}},
    )


class _WatchedActivation:
    def __init__(self, kernel: ActivationKernel, watch: Watch) -> None:
        self._kernel, self._watch = kernel, watch
        self.backward = kernel.backward

    def forward(self, z: Array) -> None:
        self._watch.see(z)
        self._kernel.forward(z)


class _WatchedLoss:
    def __init__(self, kernel: LossKernel, watch: Watch) -> None:
        self._kernel, self._watch = kernel, watch

    def __call__(
        self, scores: Array, targets: Any, weights: Any, gradient: Array, value: Array
    ) -> None:
        self._watch.see(scores - targets)
        self._kernel(scores, targets, weights, gradient, value)
