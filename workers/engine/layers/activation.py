"""Activations: the kernel of any layer that has one, and one as a layer of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from workers.engine.layers.layer import Role, Tensor, Workplace
from workers.engine.spec import PRELU_SLOPE, Activation

if TYPE_CHECKING:
    import numpy as np

    from workers.engine.kernels.contract import ActivationKernel
    from workers.engine.tensors import Array, Views


class Activated(Protocol):
    """A layer with an activation; a PReLU's slopes are its tensor `slope`."""

    @property
    def name(self) -> str:
        """The name before those of its tensors."""

    @property
    def activation(self) -> Activation:
        """The function."""

    @property
    def n_outputs(self) -> int:
        """Its columns."""


def kernel_for(layer: Activated, place: Workplace) -> ActivationKernel:
    """The kernel for the layer's outputs (B, O)."""
    shape = place.shape(layer.n_outputs)
    if layer.activation != "prelu":
        factory = place.kernels.activations[layer.activation]
        return factory(place.memory, shape, place.learning)
    slope = f"{layer.name}.slope"
    gradient = None if place.gradients is None else place.gradients[slope]
    return place.kernels.prelu(place.memory, shape, place.tensors[slope], gradient)


@dataclass(frozen=True)
class ActivationLayer:
    """What an activation layer is."""

    type: ClassVar[str] = "activation"
    name: str
    n_inputs: int
    activation: Activation

    @property
    def n_outputs(self) -> int:
        """As many as inputs."""
        return self.n_inputs

    def tensors(self) -> tuple[Tensor, ...]:
        """Return slope (O,) for PReLU, otherwise nothing."""
        if self.activation != "prelu":
            return ()
        return (Tensor(f"{self.name}.slope", (self.n_outputs,), Role.OTHER),)

    def initialize(self, tensors: Views, rng: np.random.Generator) -> None:  # noqa: ARG002
        """Every slope starts at 1/4."""
        for tensor in self.tensors():
            tensors[tensor.name][...] = PRELU_SLOPE

    def on_batch(self, place: Workplace) -> ActivationOnBatch:
        """The layer at work."""
        return ActivationOnBatch(self, place)


class ActivationOnBatch:
    """An activation layer at work."""

    def __init__(self, layer: ActivationLayer, place: Workplace) -> None:
        self._copyto = place.memory.xp.copyto
        self._activation = kernel_for(layer, place)
        self._a = place.array(layer.n_outputs)
        if place.learning:
            self.da = place.array(layer.n_outputs)

    def forward(self, X: Array, batch: int) -> Array:  # noqa: ARG002 - nothing random here
        """A = f(X)."""
        self._copyto(self._a, X)
        self._activation.forward(self._a)
        return self._a

    def backward(self, X: Array, dX: Array | None) -> None:  # noqa: ARG002 - A is enough
        """Leave dX = dA f'(X)."""
        self._activation.backward(self._a, self.da)
        if dX is not None:
            self._copyto(dX, self.da)
