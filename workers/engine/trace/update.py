"""From the gradient to the next parameters: by the engine, and by the textbook beside it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.tensors import Array
from workers.engine.trace.updates import FirstStep, first_step
from workers.engine.training import TrainingState, train

if TYPE_CHECKING:
    from workers.engine.network import Network
    from workers.engine.problem import Problem
    from workers.engine.spec import Optimizer

_CLIP_ROOM = 1e-6
"""So that a gradient of norm 0 is divided by something."""


@dataclass(frozen=True, eq=False)
class Update:
    """A first step: `after` (P,) is the engine's, `by_formula` (n_trainable,) the textbook's."""

    norm: float
    factor: float
    clipped: Array
    step: FirstStep
    by_formula: Array
    after: Array
    ema: Array | None


def first_update(problem: Problem, parameters: Array, gradient: Array) -> Update:
    """Move parameters (P,) one step of the optimiser, from moments that are 0."""
    network, spec = problem.network, problem.spec
    after = _by_engine(problem, parameters)
    clipped = gradient
    with np.errstate(all="ignore"):
        if spec.clip_value is not None:
            clipped = np.clip(gradient, -spec.clip_value, spec.clip_value)
        norm = float(np.sqrt(np.dot(clipped, clipped)))
        factor = 1.0 if spec.clip_norm is None else min(1.0, spec.clip_norm / (norm + _CLIP_ROOM))
        clipped = clipped * factor
    w = parameters[: network.n_trainable]
    decayed = np.zeros(network.n_trainable)
    decayed[: network.n_decayed] = 1.0
    with np.errstate(all="ignore"):
        step = first_step(spec.optimizer, w, clipped, decayed)
        if step is None:
            step = _searched(w, clipped, after[: network.n_trainable])
        by_formula = _bounded(network, step.after)
    ema = None
    if spec.ema_decay is not None:
        ema = spec.ema_decay * parameters + (1.0 - spec.ema_decay) * after
    return Update(norm, factor, clipped, step, by_formula, after, ema)


def numbers_of(spec: Optimizer) -> dict[str, Any]:
    """The numbers that a formula is filled with, by their names in it."""
    fields = asdict(spec)
    rate = fields.pop("learning_rate")
    return {"lr": rate, "n": 1} | {name: value for name, value in fields.items() if name != "type"}


def _by_engine(problem: Problem, parameters: Array) -> Array:
    """The parameters after a training of one step, as any run trains."""
    spec = replace(
        problem.spec,
        epochs=1,
        batch_size=len(problem.data.X),
        schedule=None,
        early_stopping=None,
        accumulate=1,
        ema_decay=None,
        shuffle=False,
    )
    state = TrainingState.initial(problem.network, spec, problem.seed)
    state.parameters[:] = parameters
    for _ in train(problem.network, state, problem.data, spec, problem.seed):
        pass
    return state.parameters.copy()


def _searched(w: Array, g: Array, after: Array) -> FirstStep:
    """L-BFGS: without a history it goes straight downhill, as far as the line search says."""
    d = -g
    length = float(np.dot(after - w, d) / max(float(np.dot(d, d)), np.finfo(float).tiny))
    formula = (
        f"d = -g (there is no history yet); w' = w + t d, t = {length:.6g} by a strong Wolfe line "
        "search from lr"
    )
    return FirstStep(formula, {"d": d}, w + length * d, f"{{w}} + {length:.6g} * {{d}}")


def _bounded(network: Network, after: Array) -> Array:
    """Each unit's incoming weights scaled down to `max_norm` where they are longer."""
    bounded = after.copy()
    tensors = network.trainable.views(bounded)
    for name, _, _, max_norm in network.regularized:
        if max_norm is not None:
            W = tensors[name]
            lengths = np.sqrt(np.square(W).sum(0))
            W *= np.minimum(1.0, max_norm / np.maximum(lengths, np.finfo(float).tiny))
    return bounded
