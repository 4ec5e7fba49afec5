"""One training step as plain data: forward, loss, backward, differences, update, loss again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.spec import ACTIVATIONS
from workers.engine.trace import passes
from workers.engine.trace.layers import LayerTraces, shown_columns, slope_at
from workers.engine.trace.numbers import Plain
from workers.engine.trace.tensors import TensorTraces
from workers.engine.trace.update import first_update

if TYPE_CHECKING:
    from workers.engine.problem import Problem
    from workers.engine.tensors import Array
    from workers.engine.trace.passes import Passes


def trace_step(problem: Problem, parameters: Array) -> tuple[dict[str, Any], Array]:
    """The first step of a training from `parameters` (P,) on all rows of the problem as one batch.

    Everything in float64, dropout and batch norm as they train, the optimiser's moments at 0, its
    learning rate that of the specification whatever the schedule. Returns plain data, fit for JSON
    and of at most about `numbers.MAX_NUMBERS` numbers (`nonfinite` names what is null because it
    is not finite), and the parameters (P,) after the step.
    """
    plain = Plain()
    before = passes.run(problem, parameters)
    update = first_update(problem, parameters, before.gradient)
    after = passes.run(problem, update.after)
    outputs = outputs_of(problem, before), outputs_of(problem, after)
    shown = shown_columns(problem)
    tensors = TensorTraces(problem, parameters, before, update, plain)
    change = update.after[: problem.network.n_trainable] - parameters[: problem.network.n_trainable]
    layers = LayerTraces(problem, parameters, before, plain, shown)
    found = {
        "rows": len(problem.data.X),
        "layers": layers.all(),
        "output": _output(problem, before, outputs[0], plain, shown),
        "loss": _loss(problem, before, plain, shown),
        "gradients": tensors.gradients(on_kink=layers.stands_on_kink()),
        "update": tensors.update(),
        "after": {
            "loss": plain.number("after loss", after.loss),
            "penalty": plain.number("after penalty", after.penalty),
            "change": plain.number("after change", after.loss - before.loss),
            "objective_change": plain.number(
                "after objective_change",
                after.loss + after.penalty - before.loss - before.penalty,
            ),
            "expected_change": plain.number("after expected_change", _dot(before.gradient, change)),
            "outputs": plain("after outputs", outputs[1][:, :shown]),
        },
    }
    return found | {"nonfinite": plain.nonfinite}, update.after


def outputs_of(problem: Problem, done: Passes) -> Array:
    """What the network says of the rows (B, O): f(z) of the logits z."""
    shape = done.outputs[-1].shape
    a = done.outputs[-1].copy()
    kernel = problem.kernels.activations[problem.network.output_activation](
        problem.memory, shape, False
    )
    with np.errstate(all="ignore"):
        kernel.forward(a)
    return a


def _dot(a: Array, b: Array) -> float:
    with np.errstate(all="ignore"):
        return float(np.dot(a, b))


def _output(problem: Problem, done: Passes, a: Array, plain: Plain, shown: int) -> dict[str, Any]:
    activation = problem.network.output_activation
    formula = ACTIVATIONS[activation]
    z = done.outputs[-1]
    slope = slope_at(activation, z)
    return {
        "activation": activation,
        "formula": formula.formula,
        "derivative": formula.derivative,
        "z": plain("output z", z[:, :shown]),
        "local_derivative": plain("output local_derivative", slope[:, :shown]),
        "a": plain("output a", a[:, :shown]),
    }


def _loss(problem: Problem, done: Passes, plain: Plain, shown: int) -> dict[str, Any]:
    spec, data = problem.spec.loss, problem.data
    y = np.asarray(data.y)
    return {
        "type": spec.type,
        "formula": spec.formula.formula,
        "derivative": spec.formula.derivative,
        "targets": plain("loss targets", y if y.ndim == 1 else y[:, :shown]),
        "weights": None if data.weights is None else plain("loss weights", data.weights),
        "terms": plain("loss terms", passes.loss_of_rows(problem, done.outputs[-1])),
        "mean": plain.number("loss mean", done.loss),
        "penalty": plain.number("loss penalty", done.penalty),
        "d_logits": plain("loss d_logits", done.d_logits[:, :shown]),
    }
