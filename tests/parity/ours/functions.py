"""Activations, losses, norms, optimisers and schedules of the engine, on any kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.parity import specs
from workers.engine import losses, optimizers
from workers.engine.kernels.contract import UpdateVectors
from workers.engine.network import Network
from workers.engine.spec import DenseSpec, NetworkSpec, OutputSpec
from workers.engine.tensors import BatchRows, Memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.parity.case import Arrays, Case
    from workers.engine.kernels.contract import Kernels


def activation(case: Case, kernels: Kernels) -> Arrays:
    """Values, and the gradient that `da` becomes."""
    a, dz = (kernels.to_device(case.inputs[name].copy()) for name in ("z", "da"))
    memory = Memory(kernels.xp, a.dtype)
    found: Arrays = {}
    if case.options["activation"] == "prelu":
        slope = kernels.to_device(case.inputs["slope"].copy())
        d_slope = memory.empty(slope.shape)
        kernel = kernels.prelu(memory, a.shape, slope, d_slope)
        found["dslope"] = d_slope
    else:
        kernel = kernels.activations[case.options["activation"]](memory, a.shape, True)
    kernel.forward(a)
    kernel.backward(a, dz)
    return _on_host({"a": a, "dz": dz} | found, kernels)


def loss(case: Case, kernels: Kernels) -> Arrays:
    """The mean loss and its gradient at the scores."""
    spec = specs.loss(case.options["loss"])
    z, y = (kernels.to_device(case.inputs[name].copy()) for name in ("z", "y"))
    weights = case.inputs.get("weights")
    memory = Memory(kernels.xp, z.dtype)
    kernel = losses.on_batch(spec, case.options["activation"], z.shape, memory, kernels)
    gradient, value = memory.empty(z.shape), memory.empty(())
    kernel(z, y, None if weights is None else kernels.to_device(weights), gradient, value)
    return _on_host({"value": value, "gradient": gradient}, kernels)


def norm(case: Case, kernels: Kernels) -> Arrays:
    """Three batches of training, then one of prediction with the running statistics.

    A layer's rows are made parameters by a layer X W before it with X = 1, so that the gradient
    at the rows is the gradient of W; the output layer is the identity.
    """
    rows, width = case.inputs["X"].shape[1:]
    layers = (
        DenseSpec(units=width, activation="identity", bias=False),
        specs.layer(case.options["norm"]),
    )
    network = Network(
        NetworkSpec(layers=layers, output=OutputSpec(bias=False)),
        n_inputs=rows,
        n_outputs=width,
        output_activation="identity",
    )
    dtype = case.inputs["X"].dtype
    parameters = network.initial_parameters(0, dtype)
    tensors = network.layout.views(parameters)
    tensors["norms.0.scale"][...] = case.inputs["scale"]
    tensors["norms.0.shift"][...] = case.inputs["shift"]
    tensors["layers.1.weight"][...] = np.eye(width)
    found: Arrays = {}
    X = kernels.to_device(np.eye(rows, dtype=dtype))
    for batch, (values, dA) in enumerate(zip(case.inputs["X"], case.inputs["dA"], strict=True)):
        tensors["layers.0.weight"][...] = values
        device = kernels.to_device(parameters)
        gradient = Memory(kernels.xp, dtype).zeros((network.n_trainable,))
        bound = network.on_batch(BatchRows(rows, rows), device, gradient, kernels)
        found[f"a{batch}"] = np.array(kernels.to_host(bound.forward(X, batch + 1)))
        kernels.xp.copyto(bound.d_logits, kernels.to_device(dA))
        bound.backward()
        parameters[...] = kernels.to_host(device)
        slopes = network.trainable.views(kernels.to_host(gradient))
        found[f"dX{batch}"] = slopes["layers.0.weight"].copy()
        found[f"dscale{batch}"] = slopes["norms.0.scale"].copy()
        found[f"dshift{batch}"] = slopes["norms.0.shift"].copy()
    tensors["layers.0.weight"][...] = case.inputs["X"][0]
    device = kernels.to_device(parameters)
    predicting = network.on_batch(BatchRows(rows, rows), device, None, kernels)
    found["prediction"] = np.array(kernels.to_host(predicting.forward(X)))
    for name in ("mean", "variance"):
        if f"norms.0.{name}" in tensors:
            found[name] = tensors[f"norms.0.{name}"].copy()
    return found


def trajectory(case: Case, kernels: Kernels) -> Arrays:
    """Parameters after every tenth step; the first `n_decayed` of them are weights."""
    spec = specs.optimizer(case.options["optimizer"])
    w = kernels.to_device(case.inputs["w"].copy())
    memory = Memory(kernels.xp, w.dtype)
    g = memory.empty(w.shape)
    slots = {name: memory.zeros(w.shape) for name in optimizers.slot_names(spec)}
    vectors = UpdateVectors(w, g, slots, case.options["n_decayed"])
    update = kernels.updates[spec.type](spec, memory, vectors)
    path: list[NDArray[Any]] = []
    given = zip(case.inputs["g"], case.inputs["rates"], strict=True)
    for n, (gradient, rate) in enumerate(given, start=1):
        kernels.xp.copyto(g, kernels.to_device(gradient))
        update(optimizers.coefficients(spec, n, float(rate)))
        path.append(np.array(kernels.to_host(w)))
    return {"w": np.array(path)[9::10]}


def _on_host(arrays: Arrays, kernels: Kernels) -> Arrays:
    return {name: np.asarray(kernels.to_host(array)) for name, array in arrays.items()}
