"""The steps of an epoch: forward, loss, backward, update, for each batch once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine import losses, optimizers, rng
from workers.engine.batches import Batches
from workers.engine.tensors import BatchRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.kernels.contract import Kernels
    from workers.engine.network import Network
    from workers.engine.spec import TrainingSpec
    from workers.engine.state import TrainingState
    from workers.engine.tensors import Array


class Steps:
    """Moves the state's parameters; all memory is taken here, none per step."""

    def __init__(
        self,
        network: Network,
        state: TrainingState,
        rows: tuple[Array, Any],
        spec: TrainingSpec,
        kernels: Kernels,
    ) -> None:
        dtype = state.parameters.dtype
        X = np.ascontiguousarray(rows[0], dtype)
        y = losses.as_targets(spec.loss, rows[1], (len(X), network.n_outputs), dtype)
        self.n_rows = len(X)
        self._state = state
        self._layout = network.layout
        self._spec = spec
        self._batches = Batches(X, y, spec.batch_size)
        gradient = np.empty_like(state.parameters)
        self._optimizer = optimizers.on_parameters(
            spec.optimizer, state.parameters, gradient, state.slots, kernels
        )
        sizes = {self._batches.batch_size, self._batches.tail} - {0}
        self._passes = {
            size: _Pass(network, size, (state.parameters, gradient), spec, kernels)
            for size in sizes
        }

    def enter_epoch(self, seed: int) -> None:
        """Go to the state's place in its epoch: its order is a function of seed and epoch."""
        order = None
        if self._spec.shuffle:
            random = rng.generator(seed, rng.Purpose.SHUFFLE, self._state.epoch)
            order = random.permutation(self.n_rows)
        self._batches.enter(order)

    def remain(self) -> bool:
        """Whether the epoch has steps to go, in a run that has not stopped."""
        state = self._state
        return state.stop_reason is None and state.step_in_epoch < self._batches.count

    def advance(self, clock: Callable[[], float], until: float) -> None:
        """At least one step, then further ones until the time or the epoch is over."""
        with np.errstate(all="ignore"):
            self._step()
            while self.remain() and clock() < until:
                self._step()

    def _step(self) -> None:
        state = self._state
        X, y = self._batches.batch(state.step_in_epoch)
        loss = self._passes[len(X)].gradient(X, y)
        state.step += 1
        if not math.isfinite(loss):
            state.diverge(self._layout.first_non_finite(state.parameters) or "loss")
            return
        self._optimizer.step(state.step, self._spec.optimizer.learning_rate)
        state.step_in_epoch += 1
        state.loss_sum += loss * len(X)


class _Pass:
    """Forward and backward for batches of one size: from rows to loss and gradient."""

    def __init__(
        self,
        network: Network,
        rows: int,
        vectors: tuple[Array, Array],
        spec: TrainingSpec,
        kernels: Kernels,
    ) -> None:
        parameters, gradient = vectors
        self._network = network.on_batch(BatchRows(rows, rows), parameters, gradient, kernels)
        self._loss = losses.on_batch(
            spec.loss,
            network.output_activation,
            (rows, network.n_outputs),
            parameters.dtype,
            kernels,
        )

    def gradient(self, X: Array, y: Any) -> float:
        """The mean loss of the batch; its gradient is left in the gradient vector."""
        network = self._network
        loss = self._loss(network.forward(X), y, network.d_logits)
        network.backward()
        return loss
