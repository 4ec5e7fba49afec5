"""Our side: each kind of case, computed by the engine through its public doors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine import losses, optimizers
from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Network
from workers.engine.spec import (
    AdamSpec,
    BinaryCrossEntropySpec,
    DenseSpec,
    MseSpec,
    NetworkSpec,
    SgdSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.tensors import BatchRows
from workers.engine.training import TrainingData, TrainingState, train

if TYPE_CHECKING:
    from tests.parity.cases import Arrays, Case
    from workers.engine.spec import Loss, Optimizer

LOSSES: dict[str, Loss] = {
    "mse": MseSpec(),
    "binary_cross_entropy": BinaryCrossEntropySpec(),
    "softmax_cross_entropy": SoftmaxCrossEntropySpec(),
}


def compute(case: Case) -> Arrays:
    """The numbers that the engine gives for a case."""
    with np.errstate(all="ignore"):
        return _KINDS[case.kind](case)


def _activation(case: Case) -> Arrays:
    a, dz = case.inputs["z"].copy(), case.inputs["da"].copy()
    kernel = PLAIN.activations[case.options["activation"]](a.shape, a.dtype)
    kernel.forward(a)
    kernel.backward(a, dz)
    return {"a": a, "dz": dz}


def _loss(case: Case) -> Arrays:
    z, y = case.inputs["z"].copy(), case.inputs["y"]
    loss = losses.on_batch(
        LOSSES[case.options["loss"]], case.options["activation"], z.shape, z.dtype, PLAIN
    )
    gradient = np.empty_like(z)
    value = loss(z, y, gradient)
    return {"value": np.array(value), "gradient": gradient}


def _optimizer(case: Case) -> Arrays:
    spec = _optimizer_spec(case.options["optimizer"])
    w, g = case.inputs["w"].copy(), np.empty_like(case.inputs["w"])
    slots = optimizers.initial_slots(spec, w)
    bound = optimizers.on_parameters(spec, w, g, slots, PLAIN)
    path = []
    for n, (gradient, rate) in enumerate(
        zip(case.inputs["g"], case.inputs["rates"], strict=True), start=1
    ):
        g[...] = gradient
        bound.step(n, float(rate))
        path.append(w.copy())
    return {"w": np.array(path)}


def _gradient(case: Case) -> Arrays:
    network, parameters = _network(case)
    X, y = case.inputs["X"], case.inputs["y"]
    gradient = np.empty_like(parameters)
    bound = network.on_batch(BatchRows(len(X), len(X)), parameters, gradient, PLAIN)
    shape = (len(X), network.n_outputs)
    loss = losses.on_batch(
        LOSSES[case.options["loss"]], network.output_activation, shape, X.dtype, PLAIN
    )
    value = loss(bound.forward(X), y, bound.d_logits)
    bound.backward()
    return {"value": np.array(value)} | network.layout.views(gradient)


def _training(case: Case) -> Arrays:
    network, parameters = _network(case)
    spec = TrainingSpec(
        epochs=case.options["epochs"],
        batch_size=case.options["batch_size"],
        loss=LOSSES[case.options["loss"]],
        optimizer=_optimizer_spec(case.options["optimizer"]),
        shuffle=False,
        precision="float32" if parameters.dtype == np.float32 else "float64",
    )
    state = TrainingState.initial(network, spec, seed=0)
    state.parameters[...] = parameters
    data = TrainingData(case.inputs["X"], case.inputs["y"])
    progress = train(network, state, data, spec, seed=0)
    found = [p.report.train_loss for p in progress if p.report is not None]
    return {"losses": np.array(found)} | network.layout.views(state.parameters)


def _network(case: Case) -> tuple[Network, Any]:
    tensors = {name: a for name, a in case.inputs.items() if name.startswith("layers.")}
    biases = [len(a) for name, a in tensors.items() if name.endswith(".bias")]
    hidden = zip(biases, case.options["hidden"], strict=False)
    network = Network(
        NetworkSpec(layers=tuple(DenseSpec(units=u, activation=a) for u, a in hidden)),
        n_inputs=case.inputs["X"].shape[1],
        n_outputs=biases[-1],
        output_activation=case.options["activation"],
    )
    parameters = np.concatenate([tensors[name].ravel() for name in network.layout.names])
    return network, parameters


def _optimizer_spec(options: dict[str, Any]) -> Optimizer:
    return AdamSpec(**options) if options["type"] == "adam" else SgdSpec(**options)


_KINDS = {
    "activation": _activation,
    "loss": _loss,
    "optimizer": _optimizer,
    "gradient": _gradient,
    "training": _training,
    "training_float32": _training,
}
