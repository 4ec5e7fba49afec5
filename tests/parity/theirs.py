"""Their side: each kind of case, computed by PyTorch with its own modules and autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from tests.parity.cases import Arrays, Case

ACTIVATIONS: dict[str, Any] = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softmax": lambda z: torch.softmax(z, dim=1),
}


def compute(case: Case) -> Arrays:
    """The numbers that PyTorch gives for a case."""
    return _KINDS[case.kind](case)


def _activation(case: Case) -> Arrays:
    z = torch.tensor(case.inputs["z"], requires_grad=True)
    a = ACTIVATIONS[case.options["activation"]](z)
    a.backward(torch.tensor(case.inputs["da"]))
    return {"a": a.detach().numpy(), "dz": z.grad.numpy()}


def _loss(case: Case) -> Arrays:
    z = torch.tensor(case.inputs["z"], requires_grad=True)
    value = _loss_of(case, z, torch.tensor(case.inputs["y"]))
    value.backward()
    return {"value": value.detach().numpy(), "gradient": z.grad.numpy()}


def _loss_of(case: Case, logits: Any, y: Any) -> Any:
    if case.options["loss"] == "softmax_cross_entropy":
        return functional.cross_entropy(logits, y)
    if case.options["loss"] == "binary_cross_entropy":
        return functional.binary_cross_entropy_with_logits(logits, y)
    return functional.mse_loss(ACTIVATIONS[case.options["activation"]](logits), y)


def _optimizer(case: Case) -> Arrays:
    w = nn.Parameter(torch.tensor(case.inputs["w"]))
    optimizer = _torch_optimizer(case.options["optimizer"], [w])
    path = []
    for gradient, rate in zip(case.inputs["g"], case.inputs["rates"], strict=True):
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        w.grad = torch.tensor(gradient)
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return {"w": np.array(path)}


def _torch_optimizer(options: dict[str, Any], parameters: Any) -> Any:
    if options["type"] == "adam":
        betas = (options.get("beta1", 0.9), options.get("beta2", 0.999))
        return torch.optim.Adam(
            parameters, lr=options["learning_rate"], betas=betas, eps=options.get("epsilon", 1e-8)
        )
    return torch.optim.SGD(
        parameters,
        lr=options["learning_rate"],
        momentum=options.get("momentum", 0.0),
        nesterov=options.get("nesterov", False),
    )


def _gradient(case: Case) -> Arrays:
    tensors = _tensors(case)
    logits = _forward(case, tensors, torch.tensor(case.inputs["X"]))
    value = _loss_of(case, logits, torch.tensor(case.inputs["y"]))
    value.backward()
    gradients = {name: tensor.grad.numpy() for name, tensor in tensors.items()}
    return {"value": value.detach().numpy()} | gradients


def _training(case: Case) -> Arrays:
    tensors = _tensors(case)
    optimizer = _torch_optimizer(case.options["optimizer"], list(tensors.values()))
    X, y = torch.tensor(case.inputs["X"]), torch.tensor(case.inputs["y"])
    losses = []
    for _ in range(case.options["epochs"]):
        total = 0.0
        for start in range(0, len(X), case.options["batch_size"]):
            rows = slice(start, start + case.options["batch_size"])
            optimizer.zero_grad()
            loss = _loss_of(case, _forward(case, tensors, X[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(X[rows])
        losses.append(total / len(X))
    found = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    return {"losses": np.array(losses)} | found


def _tensors(case: Case) -> dict[str, Any]:
    return {
        name: nn.Parameter(torch.tensor(array))
        for name, array in case.inputs.items()
        if name.startswith("layers.")
    }


def _forward(case: Case, tensors: dict[str, Any], a: Any) -> Any:
    activations = [*case.options["hidden"], "identity"]
    for index, activation in enumerate(activations):
        z = a @ tensors[f"layers.{index}.weight"] + tensors[f"layers.{index}.bias"]
        a = ACTIVATIONS[activation](z)
    return a


_KINDS = {
    "activation": _activation,
    "loss": _loss,
    "optimizer": _optimizer,
    "gradient": _gradient,
    "training": _training,
    "training_float32": _training,
}
