"""From the mean gradient to moved parameters, with what a specification adds to the update."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.kernels.plain.pieces import cut, scratch
from workers.engine.steps.regularization import Clipping, MaxNorms, Penalties

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.kernels.contract import Coefficients, UpdateVectors
    from workers.engine.problem import Problem
    from workers.engine.tensors import Array, Memory


class Descent:
    """One update of the parameters (..., P) by the gradient (..., n_trainable) as it then is.

    `average` (..., P) is None without an exponential moving average.
    """

    def __init__(self, problem: Problem, vectors: UpdateVectors, average: Array | None) -> None:
        network, spec, memory = problem.network, problem.spec, problem.memory
        parameters, gradient = vectors.parameters, vectors.gradient
        penalties = Penalties(network, parameters, gradient, memory)
        clipping = Clipping(spec, gradient, memory)
        bounds = MaxNorms(network, parameters, memory)
        self._before: list[Callable[[], None]] = []
        self._after: list[Callable[[], None]] = []
        if penalties:
            self._before.append(penalties.add)
        if clipping:
            self._before.append(clipping.apply)
        if bounds:
            self._after.append(bounds.apply)
        if average is not None and spec.ema_decay is not None:
            self._after.append(Average(average, parameters, spec.ema_decay, memory).follow)
        self._update = problem.kernels.updates[spec.optimizer.type](spec.optimizer, memory, vectors)

    def __call__(self, coefficients: Coefficients) -> None:
        """The step with these numbers; the gradient may be changed."""
        for prepare in self._before:
            prepare()
        self._update(coefficients)
        for follow in self._after:
            follow()


class Average:
    """e = d e + (1 - d) w after every update (Polyak and Juditsky 1992), as e += (1 - d) (w - e).

    Running statistics are averaged like weights.
    """

    def __init__(self, average: Array, parameters: Array, decay: float, memory: Memory) -> None:
        self._xp = memory.xp
        self._rest = memory.constant(1.0 - decay)
        self._pieces = cut(average, parameters, scratch(memory, average))

    def follow(self) -> None:
        """Move the average a part of its way to the parameters."""
        xp = self._xp
        for e, w, t in self._pieces:
            xp.subtract(w, e, out=t)
            xp.multiply(t, self._rest, out=t)
            xp.add(e, t, out=e)
