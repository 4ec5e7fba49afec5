"""What the members of one network say together: the mean of their answers.

Gorishniy et al. 2024 average probabilities, not scores. From the mean probability p the score is
computed that would give it, so that a loss from scores is that of p, finite however small p is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels
    from workers.engine.network import Network
    from workers.engine.tensors import Array, Memory

SCORED = frozenset(("sigmoid", "softmax", "exponential"))
"""The output activations f with a score of the mean answer: f(score) is the answer."""


class Answers:
    """From the scores of K members (K, B, O) to a score and an answer (B, O) each.

    Behind an output activation that is not among `SCORED` the score is the answer itself.
    """

    def __init__(self, network: Network, rows: int, memory: Memory, kernels: Kernels) -> None:
        self._members, self._memory = network.members, memory
        shape = (network.members * rows, network.n_outputs)
        self._by_member = (network.members, rows, network.n_outputs)
        self._kind = network.output_activation
        self._activation = kernels.activations[self._kind](memory, shape, False)
        self._a = memory.empty(shape)

    def __call__(self, z: Array, scores: Array, answers: Array) -> None:
        """Scores z (K B, O); of fewer rows than B the first are left in `scores` and `answers`."""
        np.copyto(self._a, z)
        self._activation.forward(self._a)
        count = len(answers)
        mean = self._mean(self._a.reshape(self._by_member)[:, :count])
        np.copyto(answers, mean)
        if self._kind in SCORED:
            mean = self._score(z.reshape(self._by_member)[:, :count])
        np.copyto(scores, mean)

    def _mean(self, of_members: Array) -> Array:
        """In the order of the members: a reduction would choose its own by the number of rows."""
        total: Array = of_members[0].copy()
        for one in of_members[1:]:
            total += one
        total *= self._memory.constant(1.0 / self._members)
        return total

    def _score(self, z: Array) -> Array:
        if self._kind == "exponential":
            return self._log_mean(z)
        if self._kind == "sigmoid":
            log_p = -np.logaddexp(z.dtype.type(0.0), -z)
            return self._log_mean(log_p) - self._log_mean(log_p - z)
        largest = z.max(axis=-1, keepdims=True)
        log_sum = np.log(np.exp(z - largest).sum(axis=-1, keepdims=True)) + largest
        return self._log_mean(z - log_sum)

    def _log_mean(self, logs: Array) -> Array:
        """The logarithm of the mean of exp(logs) over the members."""
        total: Array = logs[0].copy()
        for one in logs[1:]:
            np.logaddexp(total, one, out=total)
        total -= self._memory.constant(math.log(self._members))
        return total
