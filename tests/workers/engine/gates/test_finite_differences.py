"""Backpropagation against central differences: every layer, activation, loss and norm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.parity import catalogue
from tests.parity.cases.functions import LOSSES, label
from tests.parity.cases.gradients import networks
from tests.parity.draws import Draws
from tests.parity.problems import Problem, network_of
from tests.workers.engine.gates.kinks import Watch, watched
from workers.engine import losses
from workers.engine.losses import OUTPUT_ACTIVATIONS
from workers.engine.spec import (
    ActivationSpec,
    BatchNormSpec,
    DenseSpec,
    Layer,
    LayerNormSpec,
    Loss,
    NetworkSpec,
)
from workers.engine.tensors import BatchRows, Memory

if TYPE_CHECKING:
    from tests.parity.case import Arrays
    from workers.engine.tensors import Array

RELATIVE, ABSOLUTE = 1e-4, 1e-7
KINK = 1e-4
NORMS: dict[str, tuple[Layer, ...]] = {
    "no norm": (),
    "batch_norm": (BatchNormSpec(),),
    "layer_norm": (LayerNormSpec(),),
}
KINDS = sorted(networks("tanh"))


@pytest.mark.parametrize("loss", LOSSES, ids=label)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", catalogue.ACTIVATIONS)
def test_the_gradient_of_every_activation_norm_and_loss(
    activation: Any, norm: str, loss: Loss
) -> None:
    """With every output activation that the loss goes with, on shapes of their own."""
    layers: tuple[Layer, ...] = (
        DenseSpec(units=4, activation="identity"),
        *NORMS[norm],
        ActivationSpec(activation=activation),
        DenseSpec(units=3, activation=activation),
    )
    for output in OUTPUT_ACTIVATIONS[loss.type]:
        problem = Problem(NetworkSpec(layers=layers), loss, output, weighted=True)
        _check(problem, f"{activation} {norm} {label(loss)} {output}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", catalogue.ACTIVATIONS)
def test_the_gradient_of_every_layer_with_every_activation(activation: Any, kind: str) -> None:
    _check(Problem(networks(activation)[kind]), f"{kind} {activation}")


@pytest.mark.parametrize("loss", LOSSES, ids=label)
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_every_layer_with_every_loss(kind: str, loss: Loss) -> None:
    problem = Problem(networks("tanh")[kind], loss, OUTPUT_ACTIVATIONS[loss.type][-1])
    _check(problem, f"{kind} {label(loss)}")


def test_a_wrong_gradient_is_seen() -> None:
    """One part in a thousand of one slope is enough."""
    problem = Problem(networks("tanh")["dense"])
    point = _Point(problem, problem.inputs(Draws(0, "wrong")))
    slopes = point.slopes()
    assert _worst(point.gradient, slopes) < 1.0
    point.gradient[np.argmax(np.abs(slopes))] *= 1.001
    assert _worst(point.gradient, slopes) > 1.0


@np.errstate(all="ignore")
def _check(problem: Problem, name: str) -> None:
    """Gate: within 1e-4 relative or 1e-7 absolute of differences with h = 1e-6 max(1, |w|)."""
    draws = Draws(1, name)
    problem = problem.with_widths(draws, (1, 5))
    point = _Point(problem, problem.inputs(draws))
    while point.distance < KINK:  # no slope exists at a kink
        point = _Point(problem, problem.inputs(draws))
    assert _worst(point.gradient, point.slopes()) < 1.0, name


def _worst(gradient: Array, slopes: Array) -> float:
    allowed = np.maximum(RELATIVE * np.abs(slopes), ABSOLUTE)
    return float(np.max(np.abs(gradient - slopes) / allowed, initial=0.0))


class _Point:
    """A network at one set of parameters: its gradient there, and how far the next kink is."""

    def __init__(self, problem: Problem, inputs: Arrays) -> None:
        network = network_of(problem.options())
        self._parameters = np.empty(network.n_parameters)
        for name, tensor in network.layout.views(self._parameters).items():
            tensor[...] = inputs[name]
        self.gradient = np.full(network.n_trainable, np.nan)
        watch = Watch()
        kernels = watched(watch)
        rows = len(inputs["X"])
        self._inputs = inputs
        self._network = network.on_batch(
            BatchRows(rows, rows), self._parameters, self.gradient, kernels
        )
        memory = Memory(np, self._parameters.dtype)
        shape = (rows, network.n_outputs)
        self._loss = losses.on_batch(
            problem.loss,
            network.output_activation,
            shape,
            memory,
            kernels,
            members=network.members,
        )
        self._value = memory.empty(())
        self._evaluate()
        self._network.backward()
        self.distance = watch.distance

    def slopes(self) -> Array:
        """Central differences along every trainable parameter."""
        return np.array([self._slope(index) for index in range(len(self.gradient))])

    def _slope(self, index: int) -> float:
        w = float(self._parameters[index])
        h = 1e-6 * max(1.0, abs(w))
        self._parameters[index] = w + h
        above = self._evaluate()
        self._parameters[index] = w - h
        below = self._evaluate()
        self._parameters[index] = w
        return (above - below) / (2.0 * h)

    def _evaluate(self) -> float:
        scores = self._network.forward(self._inputs["X"], 1)
        given = self._inputs["y"], self._inputs.get("weights")
        self._loss(scores, *given, self._network.d_logits, self._value)
        return float(self._value)
