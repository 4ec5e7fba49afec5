"""Stochastic gradient descent, with momentum and Nesterov's look-ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.kernels.contract import Kernels, RateUpdate
    from workers.engine.spec import SgdSpec
    from workers.engine.tensors import Array


class SgdOnParameters:
    """Momentum: b = mu b + g, w -= lr b; without it just w -= lr g.

    The learning rate stands outside the buffer, as in PyTorch: a change of the rate acts at once
    on the whole step, not only on what comes new into the buffer.
    """

    def __init__(
        self,
        spec: SgdSpec,
        parameters: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        kernels: Kernels,
    ) -> None:
        self._update: RateUpdate
        if spec.momentum > 0.0:
            self._update = kernels.momentum(
                parameters, gradient, slots["velocity"], spec.momentum, spec.nesterov
            )
        else:
            self._update = kernels.sgd(parameters, gradient)

    def step(self, n: int, learning_rate: float) -> None:  # noqa: ARG002 - the same at every n
        """Move along the (averaged) gradient."""
        self._update(learning_rate)
