"""The hot loops compiled by Numba, each fused into one pass; what has none runs in NumPy."""

from __future__ import annotations

from dataclasses import replace

from workers.engine.kernels.compiled.activations import ACTIVATIONS
from workers.engine.kernels.compiled.losses import LOSSES
from workers.engine.kernels.compiled.masks import Masks
from workers.engine.kernels.compiled.updates import UPDATES
from workers.engine.kernels.native.numerics import numerics
from workers.engine.kernels.plain import PLAIN

COMPILED = replace(
    PLAIN,
    name="compiled",
    activations={**PLAIN.activations, **ACTIVATIONS},
    losses={**PLAIN.losses, **LOSSES},
    updates={**PLAIN.updates, **UPDATES},
    mask=Masks,
    numerics=numerics(),
)
