"""Gradients and whole trainings by the engine, on any kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.parity import specs
from tests.parity.problems import network_of, tensors_of
from workers.engine import losses
from workers.engine.tensors import BatchRows, Memory
from workers.engine.training import TrainingData, TrainingState, train

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.parity.case import Arrays, Case
    from workers.engine.kernels.contract import Kernels
    from workers.engine.network import Network


def gradient(case: Case, kernels: Kernels) -> Arrays:
    """Value, gradient and buffers after one batch in training, and the scores in prediction."""
    network = network_of(case.options)
    parameters = kernels.to_device(_parameters(case, network))
    X, y = (kernels.to_device(case.inputs[name]) for name in ("X", "y"))
    weights = case.inputs.get("weights")
    memory = Memory(kernels.xp, X.dtype)
    slopes, value = memory.zeros((network.n_trainable,)), memory.empty(())
    rows = BatchRows(len(X), len(X))
    bound = network.on_batch(rows, parameters, slopes, kernels, seeds=(case.options["seed"],))
    loss = losses.on_batch(
        specs.loss(case.options["loss"]),
        network.output_activation,
        (len(X), network.n_outputs),
        memory,
        kernels,
        members=network.members,
    )
    scores = bound.forward(X, 1)
    loss(scores, y, None if weights is None else kernels.to_device(weights), bound.d_logits, value)
    bound.backward()
    predicting = network.on_batch(rows, parameters, None, kernels)
    found = {"value": value, "scores": predicting.forward(X)}
    tensors = network.layout.views(kernels.to_host(parameters))
    buffers = {name: t for name, t in tensors.items() if name.endswith((".mean", ".variance"))}
    return (
        {name: np.array(kernels.to_host(array)) for name, array in found.items()}
        | network.trainable.views(kernels.to_host(slopes))
        | buffers
    )


def training(case: Case, kernels: Kernels) -> Arrays:
    """Losses and learning rate of every epoch, and all tensors at the end."""
    network = network_of(case.options)
    spec = specs.training(case.options["training"])
    given = case.inputs.get
    state = TrainingState.initial(network, spec, seed=0)
    for vector in (state.parameters, state.epoch_parameters, state.average):
        if vector is not None:
            vector[...] = _parameters(case, network)
    data = TrainingData(
        case.inputs["X"],
        case.inputs["y"],
        given("X_validation"),
        given("y_validation"),
        weights=given("weights"),
        weights_validation=given("weights_validation"),
    )
    seed = case.options["seed"]
    progress = train(network, state, data, spec, seed, kernels=kernels)
    reports = [p.report for p in progress if p.report is not None]
    assert state.stop_reason == "max_epochs", state.divergence
    found = {"train_loss": np.array([report.train_loss for report in reports])}
    if spec.schedule is not None:
        found["learning_rate"] = np.array([report.learning_rate for report in reports])
    if data.X_validation is not None:
        found["val_loss"] = np.array([report.val_loss for report in reports])
    return found | network.layout.views(state.final_parameters(spec))


def tensors(case: Case, kernels: Kernels) -> Arrays:
    """The tensors at the end of a training, where the way to them is not compared."""
    return {name: array for name, array in training(case, kernels).items() if "." in name}


def _parameters(case: Case, network: Network) -> NDArray[Any]:
    flat = np.empty(network.n_parameters, case.inputs["X"].dtype)
    views = network.layout.views(flat)
    for name, tensor in tensors_of(case).items():
        views[name][...] = tensor
    return flat
