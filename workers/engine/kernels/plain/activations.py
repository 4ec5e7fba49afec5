"""The activation functions in plain NumPy, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.kernels.plain.activations_bounded import Exponential, Sigmoid, Softmax, Tanh
from workers.engine.kernels.plain.activations_rectified import (
    Elu,
    Identity,
    LeakyRelu,
    Prelu,
    Relu,
    Selu,
)
from workers.engine.kernels.plain.activations_smooth import Gelu, Mish, Silu, Softplus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.kernels.contract import ActivationFactory

ACTIVATIONS: Mapping[str, ActivationFactory] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": Relu,
    "leaky_relu": LeakyRelu,
    "elu": Elu,
    "selu": Selu,
    "gelu": Gelu,
    "silu": Silu,
    "mish": Mish,
    "softplus": Softplus,
    "softmax": Softmax,
    "exponential": Exponential,
}
"""All but PReLU, which has slopes of its own."""

__all__ = ["ACTIVATIONS", "Prelu", "Sigmoid", "Softmax"]
