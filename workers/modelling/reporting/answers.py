"""What a model says of some rows, beside the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workers.modelling import measures
from workers.modelling.targets import NumberTarget

if TYPE_CHECKING:
    from workers.modelling.targets import TargetEncoding

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Truth and answers: numbers (N, T) both, or class numbers (N,) and probabilities (N, K)."""

    truth: NDArray[Any]
    said: Numbers

    @classmethod
    def of(cls, target: TargetEncoding, truth: NDArray[Any], outputs: NDArray[Any]) -> Answers:
        """From a network's outputs."""
        if isinstance(target, NumberTarget):
            return cls(truth, target.decode(outputs))
        return cls(truth, target.probabilities(outputs))

    @classmethod
    def constant(cls, truth: NDArray[Any], answer: Numbers) -> Answers:
        """The same answer for every row."""
        return cls(truth, np.broadcast_to(answer, (len(truth), *answer.shape)))

    @property
    def are_finite(self) -> bool:
        """Whether no answer overflowed."""
        return bool(np.isfinite(self.said).all())

    def losses(self, variance: Numbers) -> Numbers:
        """What each row costs (N,): its surprise in nats, or its squared error.

        Errors are taken as shares of `variance` (T,), and averaged over the targets.
        """
        if self.said.ndim == self.truth.ndim:
            with np.errstate(all="ignore"):
                costs: Numbers = ((self.said - self.truth) ** 2 / variance).mean(axis=1)
            return costs
        return measures.surprise(self.said[np.arange(len(self.truth)), self.truth])


MEASURES = {True: "squared error over variance", False: "log-loss"}
"""What `Answers.losses` are called, by whether they are of numbers."""


def variance_of(training_truth: NDArray[Any]) -> Numbers:
    """The variance (T,) of the training rows' targets, 1 where there is none; 1 of classes."""
    if training_truth.ndim == 1:
        return np.ones(1)
    with np.errstate(all="ignore"):
        variance = training_truth.var(axis=0)
    return np.where((variance > 0.0) & np.isfinite(variance), variance, 1.0)
