"""Activations, losses and norms, by PyTorch's own functions and its autograd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from tests.parity.case import Arrays, Case

ACTIVATIONS: dict[str, Any] = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
    # PyTorch's own goes over to the identity at 20, which is off by 2e-9 there.
    "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)),
    "softmax": lambda z: torch.softmax(z, dim=1),
    "exponential": torch.exp,
}
"""All but PReLU, which has a parameter."""


def activation(case: Case) -> Arrays:
    """Values, and the gradient that `da` becomes."""
    z = _leaf(case.inputs["z"])
    if case.options["activation"] == "prelu":
        slope = _leaf(case.inputs["slope"])
        a = functional.prelu(z, slope)
        a.backward(torch.tensor(case.inputs["da"]))
        return {"a": _plain(a), "dz": _plain(z.grad), "dslope": _plain(slope.grad)}
    a = ACTIVATIONS[case.options["activation"]](z)
    a.backward(torch.tensor(case.inputs["da"]))
    return {"a": _plain(a), "dz": _plain(z.grad)}


def loss(case: Case) -> Arrays:
    """The mean loss and its gradient at the scores."""
    z = _leaf(case.inputs["z"])
    weights = case.inputs.get("weights")
    value = mean_loss(
        case.options,
        z,
        torch.tensor(case.inputs["y"]),
        None if weights is None else torch.tensor(weights),
    )
    value.backward()
    return {"value": _plain(value), "gradient": _plain(z.grad)}


def mean_loss(options: dict[str, Any], z: Any, y: Any, weights: Any) -> Any:
    """The weighted sum of the rows' losses over the sum of the weights."""
    per_row = row_losses(options, z, y)
    return per_row.mean() if weights is None else (weights * per_row).sum() / weights.sum()


def row_losses(options: dict[str, Any], z: Any, y: Any) -> Any:
    """The loss of each row (B,), the mean over its outputs."""
    losses = _LOSSES[options["loss"]["type"]](options["loss"], options["activation"], z, y)
    return losses if losses.ndim == 1 else losses.mean(dim=1)


def norm(case: Case) -> Arrays:
    """Three batches of training, then one of prediction with the running statistics."""
    spec = case.options["norm"]
    scale, shift = _leaf(case.inputs["scale"]), _leaf(case.inputs["shift"])
    width = len(scale)
    mean, variance = torch.zeros(width).double(), torch.ones(width).double()
    found: dict[str, Any] = {}

    def through(X: Any, training: bool) -> Any:
        if spec["type"] == "layer_norm":
            return functional.layer_norm(X, (width,), scale, shift, spec["epsilon"])
        new = 1.0 - spec["momentum"]
        return functional.batch_norm(
            X, mean, variance, scale, shift, training, new, spec["epsilon"]
        )

    for batch, (X, dA) in enumerate(zip(case.inputs["X"], case.inputs["dA"], strict=True)):
        scale.grad = shift.grad = None
        rows = _leaf(X)
        a = through(rows, True)
        a.backward(torch.tensor(dA))
        found |= {f"a{batch}": _plain(a), f"dX{batch}": _plain(rows.grad)}
        found |= {f"dscale{batch}": _plain(scale.grad), f"dshift{batch}": _plain(shift.grad)}
    found["prediction"] = _plain(through(torch.tensor(case.inputs["X"][0]), False))
    if spec["type"] == "batch_norm":
        found |= {"mean": _plain(mean), "variance": _plain(variance)}
    return found


def _mse(_: Any, activation: str, z: Any, y: Any) -> Any:
    return functional.mse_loss(ACTIVATIONS[activation](z), y, reduction="none")


def _mae(_: Any, activation: str, z: Any, y: Any) -> Any:
    return functional.l1_loss(ACTIVATIONS[activation](z), y, reduction="none")


def _huber(spec: Any, activation: str, z: Any, y: Any) -> Any:
    outputs = ACTIVATIONS[activation](z)
    return functional.huber_loss(outputs, y, reduction="none", delta=spec["delta"])


def _quantile(spec: Any, activation: str, z: Any, y: Any) -> Any:
    gap = y - ACTIVATIONS[activation](z)
    return torch.maximum(spec["quantile"] * gap, (spec["quantile"] - 1.0) * gap)


def _poisson(_spec: Any, _activation: str, z: Any, y: Any) -> Any:
    return functional.poisson_nll_loss(z, y, log_input=True, full=False, reduction="none")


def _binary_cross_entropy(spec: Any, _: str, z: Any, y: Any) -> Any:
    smooth = spec["label_smoothing"]
    soft = (1.0 - smooth) * y + smooth / 2.0
    return functional.binary_cross_entropy_with_logits(z, soft, reduction="none")


def _softmax_cross_entropy(spec: Any, _: str, z: Any, y: Any) -> Any:
    smooth = spec["label_smoothing"]
    return functional.cross_entropy(z, y, reduction="none", label_smoothing=smooth)


def _focal(spec: Any, activation: str, z: Any, y: Any) -> Any:
    """Lin et al. 2017, (4), from logarithms, so that no probability is rounded to 0 or 1."""
    if activation == "sigmoid":
        signed = (2.0 * y - 1.0) * z
        log_p, log_rest = functional.logsigmoid(signed), functional.logsigmoid(-signed)
    else:
        own = functional.one_hot(y, z.shape[1]).bool()
        log_p = torch.log_softmax(z, dim=1)[own]
        others = torch.where(own, -torch.inf, z)
        log_rest = torch.logsumexp(others, dim=1) - torch.logsumexp(z, dim=1)
    return -torch.exp(spec["gamma"] * log_rest) * log_p


_LOSSES: dict[str, Any] = {
    "mse": _mse,
    "mae": _mae,
    "huber": _huber,
    "quantile": _quantile,
    "poisson": _poisson,
    "binary_cross_entropy": _binary_cross_entropy,
    "softmax_cross_entropy": _softmax_cross_entropy,
    "focal": _focal,
}


def _leaf(array: Any) -> Any:
    return torch.tensor(array, requires_grad=True)


def _plain(tensor: Any) -> Any:
    return np.array(tensor.detach().numpy())
