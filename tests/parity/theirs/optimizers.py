"""PyTorch's optimisers, one step at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from tests.parity.case import Arrays, Case


def trajectory(case: Case) -> Arrays:
    """Parameters after every tenth step; the first `n_decayed` of them are weights."""
    n_decayed = case.options["n_decayed"]
    w = case.inputs["w"]
    parts = [nn.Parameter(torch.tensor(part)) for part in (w[:n_decayed], w[n_decayed:])]
    optimizer = build(case.options["optimizer"], [parts[0]], [parts[1]])
    path = []
    for gradient, rate in zip(case.inputs["g"], case.inputs["rates"], strict=True):
        set_rate(optimizer, float(rate))
        parts[0].grad = torch.tensor(gradient[:n_decayed])
        parts[1].grad = torch.tensor(gradient[n_decayed:])
        optimizer.step()
        path.append(np.concatenate([part.detach().numpy() for part in parts]))
    return {"w": np.array(path)[9::10]}


def build(spec: dict[str, Any], weights: list[Any], others: list[Any]) -> Any:
    """The optimiser, in its plain form (no foreach, no fusing); decays act on weights alone."""
    kind, options = _OPTIMIZERS[spec["type"]]
    settings = {theirs: spec[ours] for ours, theirs in options.items()}
    if "beta1" in spec:
        settings["betas"] = (spec["beta1"], spec["beta2"])
    groups: list[dict[str, Any]] = [{"params": weights}]
    if others:
        groups.append(
            {"params": others} | ({"weight_decay": 0.0} if "weight_decay" in spec else {})
        )
    return kind(groups, lr=spec["learning_rate"], foreach=False, **settings)


def set_rate(optimizer: Any, rate: float) -> None:
    """For the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rate


_ADAM = {"epsilon": "eps"}
_OPTIMIZERS: dict[str, tuple[Any, dict[str, str]]] = {
    "sgd": (torch.optim.SGD, {"momentum": "momentum", "nesterov": "nesterov"}),
    "adam": (torch.optim.Adam, _ADAM),
    "adamw": (torch.optim.AdamW, _ADAM | {"weight_decay": "weight_decay"}),
    "rmsprop": (
        torch.optim.RMSprop,
        {"alpha": "alpha", "momentum": "momentum", "centered": "centered", "epsilon": "eps"},
    ),
    "adagrad": (torch.optim.Adagrad, _ADAM),
    "adadelta": (torch.optim.Adadelta, _ADAM | {"rho": "rho"}),
    "adamax": (torch.optim.Adamax, _ADAM),
    "nadam": (torch.optim.NAdam, _ADAM | {"momentum_decay": "momentum_decay"}),
}
