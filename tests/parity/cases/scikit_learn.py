"""Trainings of scikit-learn's networks, from its own initial weights, without shuffling."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from tests.parity.case import Case
from tests.parity.cases.functions import label
from tests.parity.draws import Draws
from tests.parity.problems import Problem
from tests.parity.specs import to_plain
from tests.parity.theirs import scikit_learn
from workers.engine.spec import (
    AdamSpec,
    BinaryCrossEntropySpec,
    DenseSpec,
    Loss,
    MseSpec,
    NetworkSpec,
    Optimizer,
    OutputActivation,
    OutputSpec,
    PointwiseActivation,
    PoissonSpec,
    SgdSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TINY = 1e-30
"""As epsilon, where the two definitions of it (inside or outside the bias correction) agree."""

OPTIMIZERS: tuple[Optimizer, ...] = (
    SgdSpec(learning_rate=0.02),
    SgdSpec(learning_rate=0.02, momentum=0.9),
    SgdSpec(learning_rate=0.02, momentum=0.9, nesterov=True),
    AdamSpec(learning_rate=0.01, epsilon=TINY),
)
TASKS: tuple[tuple[Loss, OutputActivation, int], ...] = (
    (MseSpec(), "identity", 1),
    (MseSpec(), "identity", 3),
    (PoissonSpec(), "exponential", 1),
    (BinaryCrossEntropySpec(), "sigmoid", 1),
    (SoftmaxCrossEntropySpec(), "softmax", 3),
)
HIDDEN: tuple[PointwiseActivation, ...] = ("identity", "sigmoid", "tanh", "relu")
PENALTY = 0.03
"""As l2, which scikit-learn divides by the number of rows in the batch: one batch, then."""


def cases(seed: int) -> Iterator[Case]:
    """75 steps with a tail batch of 6 rows; with a penalty, 15 steps on all rows."""
    for task, optimizer, hidden in product(TASKS, OPTIMIZERS, HIDDEN):
        yield _case(seed, task, optimizer, hidden, l2=0.0)
    for task, optimizer in product(TASKS, OPTIMIZERS):
        yield _case(seed, task, optimizer, "tanh", l2=PENALTY)


def _case(
    seed: int,
    task: tuple[Loss, OutputActivation, int],
    optimizer: Optimizer,
    hidden: PointwiseActivation,
    l2: float,
) -> Case:
    loss, output, n_outputs = task
    name = f"scikit-learn {loss.type} x{n_outputs} {label(optimizer)} {hidden} l2={l2:g}"
    layers = tuple(DenseSpec(units=units, activation=hidden, l2=l2) for units in (8, 6))
    network = NetworkSpec(layers=layers, output=OutputSpec(l2=l2))
    problem = Problem(network, loss, output, n_inputs=5, n_outputs=n_outputs, rows=70)
    spec = TrainingSpec(
        epochs=15,
        batch_size=70 if l2 else 16,
        loss=loss,
        optimizer=optimizer,
        shuffle=False,
        precision="float64",
    )
    options = problem.options() | {"training": to_plain(spec), "seed": seed}
    inputs = problem.inputs(Draws(seed, name))
    inputs |= scikit_learn.initial_tensors(options, inputs)
    return Case(name, "scikit_learn", options, inputs)
