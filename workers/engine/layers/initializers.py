"""Initial weights: their spread is chosen so that signals keep their size through the layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workers.engine.spec import Activation, Initializer
    from workers.engine.tensors import Array, Shape


def default_for(activation: Activation) -> Initializer:
    """He for ReLU (He et al. 2015), Glorot for everything else (Glorot and Bengio 2010)."""
    return "he_uniform" if activation == "relu" else "glorot_uniform"


def draw(initializer: Initializer, shape: Shape, rng: np.random.Generator) -> Array:
    """Weights (I, O) in float64.

    Variance 2 / (I + O) for Glorot and 2 / I for He; the uniform form has its bounds at
    sqrt(3 variance). Drawn in float64 whatever the run computes in, so that one seed starts both
    precisions at the same point.
    """
    if initializer == "zeros":
        return np.zeros(shape)
    fan_in, fan_out = shape
    variance = 2.0 / fan_in if initializer.startswith("he") else 2.0 / (fan_in + fan_out)
    if initializer.endswith("normal"):
        return rng.normal(0.0, math.sqrt(variance), shape)
    bound = math.sqrt(3.0 * variance)
    return rng.uniform(-bound, bound, shape)
