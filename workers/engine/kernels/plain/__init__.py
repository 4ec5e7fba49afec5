"""The hot loops in plain NumPy: the reference, each to be read beside its formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.kernels.contract import Kernels
from workers.engine.kernels.plain import (
    losses,
    losses_sigmoid,
    losses_softmax,
    updates,
    updates_scaled,
)
from workers.engine.kernels.plain.activations import ACTIVATIONS, Prelu

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.kernels.contract import LossFactory, UpdateFactory

LOSSES: Mapping[str, LossFactory] = {
    "mse": losses.MeanSquaredError,
    "mae": losses.MeanAbsoluteError,
    "huber": losses.Huber,
    "quantile": losses.Quantile,
    "poisson": losses.Poisson,
    "binary_cross_entropy": losses_sigmoid.BinaryCrossEntropy,
    "binary_focal": losses_sigmoid.BinaryFocal,
    "softmax_cross_entropy": losses_softmax.SoftmaxCrossEntropy,
    "focal": losses_softmax.SoftmaxFocal,
}

UPDATES: Mapping[str, UpdateFactory] = {
    "sgd": updates.Sgd,
    "adam": updates.Adam,
    "adamw": updates.AdamW,
    "nadam": updates.Nadam,
    "rmsprop": updates_scaled.Rmsprop,
    "adagrad": updates_scaled.Adagrad,
    "adadelta": updates_scaled.Adadelta,
    "adamax": updates_scaled.Adamax,
}


def _here(array: Any) -> Any:
    """What is to be copied between the host and itself."""
    return array


PLAIN = Kernels(
    name="plain",
    xp=np,
    activations=ACTIVATIONS,
    prelu=Prelu,
    losses=LOSSES,
    updates=UPDATES,
    to_host=_here,
    to_device=_here,
)
