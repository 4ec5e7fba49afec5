"""The hot loops in plain NumPy: the reference, each to be read beside its formula."""

from __future__ import annotations

from workers.engine.kernels.contract import Kernels
from workers.engine.kernels.plain import activations, losses, updates

PLAIN = Kernels(
    name="plain",
    activations={
        "identity": activations.Identity,
        "sigmoid": activations.Sigmoid,
        "tanh": activations.Tanh,
        "relu": activations.Relu,
        "softmax": activations.Softmax,
    },
    losses={
        "mse": losses.MeanSquaredError,
        "binary_cross_entropy": losses.BinaryCrossEntropy,
        "softmax_cross_entropy": losses.SoftmaxCrossEntropy,
    },
    sgd=updates.Sgd,
    momentum=updates.Momentum,
    adam=updates.Adam,
)
