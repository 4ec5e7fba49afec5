"""The optimisers: state is data, arrays by name, saved with the parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from workers.engine.optimizers.adam import AdamOnParameters
from workers.engine.optimizers.sgd import SgdOnParameters
from workers.engine.spec import AdamSpec, Optimizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.kernels.contract import Kernels
    from workers.engine.tensors import Array


class OptimizerOnParameters(Protocol):
    """An optimiser bound to one parameter vector, its gradient and its slots."""

    def step(self, n: int, learning_rate: float) -> None:
        """The n-th step of the run, n from 1."""


def slot_names(spec: Optimizer) -> tuple[str, ...]:
    """The vectors (P,) that the optimiser keeps from step to step; all start at 0."""
    if isinstance(spec, AdamSpec):
        return ("m", "v")
    return ("velocity",) if spec.momentum > 0.0 else ()


def initial_slots(spec: Optimizer, parameters: Array) -> dict[str, Array]:
    """Fresh slots for parameters (P,), in their dtype."""
    return {name: np.zeros_like(parameters) for name in slot_names(spec)}


def on_parameters(
    spec: Optimizer,
    parameters: Array,
    gradient: Array,
    slots: Mapping[str, Array],
    kernels: Kernels,
) -> OptimizerOnParameters:
    """Bind the optimiser; parameters and slots are changed in place from then on."""
    if isinstance(spec, AdamSpec):
        return AdamOnParameters(spec, parameters, gradient, slots, kernels)
    return SgdOnParameters(spec, parameters, gradient, slots, kernels)
