"""Nothing is in the catalogue without a case: a new member or field fails here until it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.parity import catalogue
from tests.parity.case import GATES
from tests.parity.cases import functions, gradients, optimizers, scikit_learn, trainings
from tests.parity.cases.table import cases
from tests.parity.ours import table as ours
from workers.engine.kernels.plain import PLAIN
from workers.engine.losses import OUTPUT_ACTIVATIONS
from workers.engine.spec import NetworkSpec, OutputSpec, TrainingSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

INITIAL = {"initializer", "initial_value"}
"""Of initial weights, which a comparison brings along; they have gates of their own."""

OTHERWISE_TESTED = {
    "early_stopping",  # decides when to stop, not what is computed
    "class_weight",  # becomes weights of the rows before the engine sees it
    "sample_weight",  # the same
    "members",  # each is a training of its own, bit by bit: test_stacked, test_ensembles
}

NETWORKS = [training.problem.network for training in trainings.trainings()] + [
    network
    for activation in ("tanh", "prelu")
    for network in gradients.networks(activation).values()
]
SPECS = [training.spec for training in trainings.trainings()]
HIDDEN = [layer for network in NETWORKS for layer in network.layers]


def turned(values: Iterable[Any]) -> dict[type[Any], set[str]]:
    """By class, the fields that some value sets to something else than the default."""
    found: dict[type[Any], set[str]] = {}
    for value in values:
        found.setdefault(type(value), set()).update(catalogue.turned(value))
    return found


@pytest.mark.parametrize("member", catalogue.LOSSES)
def test_every_loss_has_cases_for_all_of_its_fields(member: type[Any]) -> None:
    assert turned(functions.LOSSES)[member] >= catalogue.knobs(member)


@pytest.mark.parametrize("member", catalogue.OPTIMIZERS)
def test_every_optimizer_has_cases_for_all_of_its_fields(member: type[Any]) -> None:
    every = (*optimizers.OPTIMIZERS, *optimizers.LBFGS)
    assert turned(every)[member] >= catalogue.knobs(member)


@pytest.mark.parametrize("member", catalogue.SCHEDULES)
def test_every_schedule_has_cases_for_all_of_its_fields(member: type[Any]) -> None:
    every = turned(optimizers.SCHEDULES)[member] | {"warmup_steps"}
    assert every >= catalogue.knobs(member)
    assert f"warmup_steps={optimizers.WARMUP}" in " ".join(c.name for c in optimizers.schedules(0))


@pytest.mark.parametrize("member", catalogue.LAYERS)
def test_every_layer_has_cases_for_all_of_its_fields(member: type[Any]) -> None:
    every = turned([*HIDDEN, *functions.NORMS])[member]
    assert every >= catalogue.knobs(member) - INITIAL


def test_every_field_of_a_network_is_turned() -> None:
    assert turned(NETWORKS)[NetworkSpec] >= catalogue.knobs(NetworkSpec)
    outputs = [network.output for network in NETWORKS if network.output is not None]
    given_by_the_problem = {"activation"}
    fields = catalogue.knobs(OutputSpec) - INITIAL - given_by_the_problem
    assert turned(outputs)[OutputSpec] >= fields


def test_every_field_of_a_training_is_turned() -> None:
    fields = catalogue.knobs(TrainingSpec) - OTHERWISE_TESTED
    assert turned(SPECS)[TrainingSpec] >= fields


def test_every_activation_is_hidden_before_every_loss() -> None:
    names = {case.name for case in gradients.cases(0)}
    for activation in catalogue.ACTIVATIONS:
        for loss, output in functions.heads():
            assert f"gradient {activation}, {functions.label(loss)}, {output}" in names
    assert {a for _, a in functions.heads()} == set(catalogue.OUTPUT_ACTIVATIONS)
    assert set(OUTPUT_ACTIVATIONS) == {loss.type for loss in catalogue.LOSSES}


def test_the_kernels_have_every_member() -> None:
    assert set(PLAIN.activations) == set(catalogue.ACTIVATIONS) - {"prelu"}
    binary = {"binary_focal"}  # the focal loss on sigmoids
    assert set(PLAIN.losses) == {loss.type for loss in catalogue.LOSSES} | binary
    assert set(PLAIN.updates) == {o.type for o in catalogue.OPTIMIZERS} - {"lbfgs"}


def test_every_gate_has_cases_and_someone_who_computes_them() -> None:
    names = [case.name for case in cases(0)]
    assert len(names) == len(set(names))
    assert {case.kind for case in cases(0)} == set(GATES) == set(ours.KINDS)


def test_the_networks_of_scikit_learn_have_all_of_its_activations() -> None:
    assert set(scikit_learn.HIDDEN) == {"identity", "sigmoid", "tanh", "relu"}
