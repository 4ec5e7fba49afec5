"""Initial weights: their spread is chosen so that signals keep their size through the layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workers.engine.spec import Activation, Initializer
    from workers.engine.tensors import Array, Shape

_RECTIFIERS = frozenset({"relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish"})
"""They let through about half of the signal, which twice the variance makes up for."""


def default_for(activation: Activation) -> Initializer:
    """He for ReLU and its kin, LeCun for SELU, Glorot for everything else.

    He et al. 2015; Klambauer et al. 2017; Glorot and Bengio 2010.
    """
    if activation == "selu":
        return "lecun_normal"
    return "he_uniform" if activation in _RECTIFIERS else "glorot_uniform"


def draw(
    initializer: Initializer, shape: Shape, rng: np.random.Generator, value: float = 0.0
) -> Array:
    """Weights (I, O) in float64; `value` is that of the constant ones.

    Drawn in float64 whatever the run computes in, so that one seed starts both precisions at the
    same point. The uniform forms have their bounds at sqrt(3 variance).
    """
    if initializer in ("zeros", "constant"):
        return np.full(shape, value if initializer == "constant" else 0.0)
    if initializer == "orthogonal":
        return _orthogonal(shape, rng)
    variance = _variance(initializer, *shape)
    if initializer.endswith("normal"):
        return rng.normal(0.0, math.sqrt(variance), shape)
    bound = math.sqrt(3.0 * variance)
    return rng.uniform(-bound, bound, shape)


def _variance(initializer: Initializer, fan_in: int, fan_out: int) -> float:
    if initializer.startswith("glorot"):
        return 2.0 / (fan_in + fan_out)
    return (2.0 if initializer.startswith("he") else 1.0) / fan_in


def _orthogonal(shape: Shape, rng: np.random.Generator) -> Array:
    """Orthonormal columns, or rows where there are fewer of them (Saxe et al. 2014).

    With the signs of R's diagonal in Q every such matrix is equally likely (Mezzadri 2007).
    """
    tall = (max(shape), min(shape))
    q, r = np.linalg.qr(rng.normal(size=tall))
    q *= np.where(np.diagonal(r) < 0.0, -1.0, 1.0)
    return np.ascontiguousarray(q if shape == tall else q.T)
