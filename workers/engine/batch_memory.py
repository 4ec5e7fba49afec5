"""What one batch takes on its way through a network, op by op: counted, not modelled.

The layers are built for very few rows on an array module that notes what is asked of it. That is a
straight line in the number of rows, so two such counts tell it for every batch. The compiled
kernels, which train, are not loaded for it: here stands what they keep.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.answers import Answers
from workers.engine.backend import dtype_of
from workers.engine.kernels.plain import PLAIN
from workers.engine.kernels.program import ACTIVATION_CODES, KEEPS_SLOPE
from workers.engine.problem import Problem, TrainingData
from workers.engine.steps.passes import Pass
from workers.engine.tensors import BatchRows, Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.kernels.contract import Kernels
    from workers.engine.network import Network
    from workers.engine.spec import TrainingSpec
    from workers.engine.tensors import Array, Shape

_FEW, _MORE = 8, 16
_ALLOCATING = frozenset(("empty", "zeros", "ones", "full"))


def pass_bytes(network: Network, spec: TrainingSpec, rows: int) -> int:
    """Of forward and backward pass for batches of so many rows, by compiled kernels."""
    none = np.empty((0, network.n_inputs))
    data = TrainingData(none, none)

    def build(few: int, kernels: Kernels, parameters: Array, gradient: Array) -> None:
        Pass(Problem(network, data, spec, 0, kernels), few, parameters, gradient)

    return _counted(network, spec, rows, replace(PLAIN, **_COMPILED), build)


def forward_bytes(network: Network, spec: TrainingSpec, rows: int) -> int:
    """Of a forward pass alone, by the plain kernels, which validate."""

    def build(few: int, kernels: Kernels, parameters: Array, _: Array) -> None:
        network.on_batch(BatchRows(few, few), parameters, None, kernels)
        if network.members > 1:
            Answers(network, few, Memory(kernels.xp, parameters.dtype), kernels)

    return _counted(network, spec, rows, PLAIN, build)


def _counted(
    network: Network,
    spec: TrainingSpec,
    rows: int,
    kernels: Kernels,
    build: Callable[[int, Kernels, Array, Array], object],
) -> int:
    dtype = dtype_of(spec.precision)
    # Neither is touched, so neither takes memory.
    parameters = np.empty(network.n_parameters, dtype)
    gradient = np.empty(network.n_trainable, dtype)
    counts = []
    for few in (_FEW, _MORE):
        ledger = _Ledger()
        build(few, replace(kernels, xp=ledger), parameters, gradient)
        counts.append(ledger.n_bytes)
    per_row = (counts[1] - counts[0]) / (_MORE - _FEW)
    return round(counts[0] + per_row * (rows - _FEW))


class _Ledger:
    """NumPy, with a count of the bytes of all arrays that were taken."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        return self._counting(function) if name in _ALLOCATING else function

    def _counting(self, function: Any) -> Any:
        def allocate(*arguments: Any, **options: Any) -> Any:
            array = function(*arguments, **options)
            self.n_bytes += array.nbytes
            return array

        return allocate


class _Activation:
    """Keeps its slope where that is no function of its output."""

    def __init__(self, memory: Memory, shape: Shape, learning: bool) -> None:
        if learning:
            memory.empty(shape)


def _nothing(*_: object) -> None:
    """Take no memory."""


_COMPILED: dict[str, Any] = {
    "activations": {
        **PLAIN.activations,
        **{
            name: _Activation if code in KEEPS_SLOPE else _nothing
            for name, code in ACTIVATION_CODES.items()
        },
    },
    "mask": _nothing,
}
