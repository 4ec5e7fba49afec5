"""The vectors that an optimiser keeps from step to step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine.spec import (
    AdadeltaSpec,
    AdagradSpec,
    AdamaxSpec,
    LbfgsSpec,
    Optimizer,
    RmspropSpec,
    SgdSpec,
)

if TYPE_CHECKING:
    from workers.engine.backend import DType
    from workers.engine.tensors import Array, Shape


def slot_names(spec: Optimizer) -> tuple[str, ...]:
    """The slots in their order; all start at 0.

    m, v, a are sums: the moments without the factor (1 - beta) of the textbook; u is Adadelta's
    sum of squared steps, or Adamax's largest gradient.
    """
    match spec:
        case SgdSpec():
            return ("velocity",) if spec.momentum > 0.0 else ()
        case RmspropSpec():
            mean = ("a",) if spec.centered else ()
            return ("v", *mean, *(("velocity",) if spec.momentum > 0.0 else ()))
        case AdagradSpec():
            return ("v",)
        case AdadeltaSpec():
            return ("v", "u")
        case AdamaxSpec():
            return ("m", "u")
        case LbfgsSpec():
            return ("steps", "changes", "gradient", "objective")
        case _:
            return ("m", "v")


def slot_shapes(spec: Optimizer, n_trainable: int) -> dict[str, Shape]:
    """Vectors (n_trainable,) by name.

    L-BFGS keeps `history` of them, of steps and of changes of the gradient, the newest last, the
    gradient where it stands, and objective and loss there (2,), which are float64 always.
    """
    shapes: dict[str, Shape] = dict.fromkeys(slot_names(spec), (n_trainable,))
    if isinstance(spec, LbfgsSpec):
        shapes["steps"] = shapes["changes"] = (spec.history, n_trainable)
        shapes["objective"] = (2,)
    return shapes


def initial_slots(spec: Optimizer, n_trainable: int, dtype: DType) -> dict[str, Array]:
    """Fresh slots, all 0, in the precision of the run."""
    shapes = slot_shapes(spec, n_trainable)
    slots: dict[str, Array] = {name: np.zeros(shape, dtype) for name, shape in shapes.items()}
    if isinstance(spec, LbfgsSpec):
        slots["objective"] = np.zeros(shapes["objective"], np.float64)
    return slots
