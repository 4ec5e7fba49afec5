"""What the hot loops of training are, so that they can be computed in more than one way.

A kernel is made once for a shape and a dtype, owns its scratch memory, and from then on allocates
nothing. All of them run under `numpy.errstate(all="ignore")`, set by the caller once per chunk:
an overflow is found by the check of loss and parameters, not by a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from workers.engine.backend import DType
from workers.engine.tensors import Array, Shape


class ActivationKernel(Protocol):
    """One activation function `a = f(z)` on arrays of one shape."""

    def forward(self, z: Array) -> None:
        """Replace z (B, O) by f(z)."""

    def backward(self, a: Array, da: Array) -> None:
        """Replace da = dL/da (B, O) by dL/dz, where a = f(z) is what `forward` left."""


class LossKernel(Protocol):
    """One loss on batches of one shape: value and gradient together."""

    def __call__(self, scores: Array, targets: Any, gradient: Array) -> float:
        """The mean loss; its gradient with respect to `scores` (B, K) is left in `gradient`.

        targets (B, K) numbers, or (B,) class labels of type intp. `scores` may be overwritten.
        """


class RateUpdate(Protocol):
    """A step of a method that needs nothing but its learning rate."""

    def __call__(self, rate: float) -> None:
        """Move the bound parameters along the bound gradient."""


class AdamUpdate(Protocol):
    """A step of Adam on its bound arrays, with the bias corrections folded into two numbers."""

    def __call__(self, rate: float, epsilon: float) -> None:
        """Take in the gradient, then `w -= rate m / (sqrt(v) + epsilon)`."""


@dataclass(frozen=True, eq=False)
class Kernels:
    """One complete way to compute the hot loops; `name` is part of the numerics fingerprint.

    The three updates are made on flat vectors (P,): parameters and gradient, then the slots.
    """

    name: str
    activations: Mapping[str, Callable[[Shape, DType], ActivationKernel]]
    losses: Mapping[str, Callable[[Shape, DType], LossKernel]]
    sgd: Callable[[Array, Array], RateUpdate]
    momentum: Callable[[Array, Array, Array, float, bool], RateUpdate]
    adam: Callable[[Array, Array, tuple[Array, Array], tuple[float, float]], AdamUpdate]
