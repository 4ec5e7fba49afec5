"""A learning problem: the rows, the network, how it is to be trained, and the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from workers.engine.backend import dtype_of
from workers.engine.kernels.contract import Kernels
from workers.engine.network import Network
from workers.engine.spec import TrainingSpec
from workers.engine.tensors import Array, Memory

Measure = Callable[[Array], Mapping[str, float]]


@dataclass(frozen=True)
class TrainingData:
    """The rows that train and those that judge, in the precision of the run.

    X (N, I), C-contiguous; y (N, O) numbers (0 or 1 for losses on sigmoids), or (N,) integer
    labels for losses on softmax. Either both validation arrays are there or none. weights (N,)
    >= 0 say how much a row counts, each 1 where there are none. `measure` turns the outputs on
    the validation rows (N, O) into further figures, by the names of `spec.METRICS`.
    """

    X: Array
    y: NDArray[Any]
    X_validation: Array | None = None
    y_validation: NDArray[Any] | None = None
    weights: Array | None = None
    weights_validation: Array | None = None
    measure: Measure | None = None


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything that decides a training but the state in which it stands."""

    network: Network
    data: TrainingData
    spec: TrainingSpec
    seed: int
    kernels: Kernels

    def stacked(self, members: Sequence[Problem]) -> Problem:
        """The problem of a stack of members like this one: its network knows all their dropouts."""
        return replace(self, network=self.network.stacked([one.network for one in members]))

    @property
    def memory(self) -> Memory:
        """Where its arrays are taken."""
        return Memory(self.kernels.xp, dtype_of(self.spec.precision))
