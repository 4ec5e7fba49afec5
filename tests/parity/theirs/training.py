"""Gradients and whole trainings in PyTorch, written as its users write them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from tests.parity.case import in_double_precision
from tests.parity.problems import tensors_of
from tests.parity.theirs import optimizers
from tests.parity.theirs.functions import mean_loss
from tests.parity.theirs.members import common, mean_row_losses, members_of
from tests.parity.theirs.network import TheirNetwork
from tests.parity.theirs.schedules import Rates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parity.case import Arrays, Case


def gradient(case: Case) -> Arrays:
    """Value, gradient and buffers after one batch in training, and the scores in prediction."""
    network = TheirNetwork(case.options, tensors_of(case))
    X, y, weights = (_tensor(case.inputs.get(name)) for name in ("X", "y", "weights"))
    every = [y] * members_of(case.options)
    counted = None if weights is None else torch.cat([weights] * members_of(case.options))
    value = mean_loss(case.options, network.forward(X, 1), torch.cat(every), counted)
    value.backward()
    found = {name: p.grad.numpy().copy() for name, p in network.parameters.items()}
    found |= {name: buffer.numpy().copy() for name, buffer in network.buffers.items()}
    with torch.no_grad():
        found["scores"] = network.forward(X, 0).numpy()
    return {"value": value.detach().numpy()} | found


def training(case: Case) -> Arrays:
    """Losses and learning rate of every epoch, and all tensors at the end."""
    return _Run(case).arrays()


def training_in_double(case: Case) -> Arrays:
    """The same training of single-precision numbers, computed in double precision."""
    return training(replace(case, inputs=in_double_precision(case.inputs)))


def lbfgs(case: Case) -> Arrays:
    """All tensors after so many steps of torch.optim.LBFGS with its strong Wolfe search."""
    network = TheirNetwork(case.options, tensors_of(case))
    X, y, weights = (_tensor(case.inputs.get(name)) for name in ("X", "y", "weights"))
    spec = case.options["training"]["optimizer"]
    optimizer = torch.optim.LBFGS(
        list(network.parameters.values()),
        lr=spec["learning_rate"],
        max_iter=1,
        max_eval=spec["max_evaluations"],
        tolerance_grad=0.0,
        tolerance_change=0.0,
        history_size=spec["history"],
        line_search_fn="strong_wolfe",
    )

    def closure() -> Any:
        optimizer.zero_grad()
        value = mean_loss(case.options, network.forward(X, 1), y, weights)
        penalty = network.penalty()
        value = value if penalty is None else value + penalty
        value.backward()
        return value

    for _ in range(case.options["training"]["epochs"]):
        optimizer.step(closure)
    return network.tensors()


class _Run:
    """A training from the first batch to the last."""

    def __init__(self, case: Case) -> None:
        self._case, self._spec = case, case.options["training"]
        self._inputs = {name: _tensor(array) for name, array in case.inputs.items()}
        self._network = TheirNetwork(case.options, tensors_of(case))
        self._optimizer = optimizers.build(
            self._spec["optimizer"], self._network.weights(), self._network.others()
        )
        self._starts = list(range(0, len(self._inputs["X"]), self._spec["batch_size"]))
        steps = -(-len(self._starts) // self._spec["accumulate"])
        rate = self._spec["optimizer"]["learning_rate"]
        self._rates = Rates(self._spec["schedule"], rate, self._spec["epochs"], steps)
        self._average = {name: t.copy() for name, t in self._network.tensors().items()}
        self._batch = 0

    def arrays(self) -> Arrays:
        """Train, and say what came of it."""
        reports: dict[str, list[float]] = {"train_loss": []}
        for _ in range(self._spec["epochs"]):
            total, weight = 0.0, 0.0
            rate = 0.0
            for group in self._groups():
                rate = self._rates.next()
                optimizers.set_rate(self._optimizer, rate)
                group_total, group_weight = self._step(group)
                total, weight = total + group_total, weight + group_weight
            reports["train_loss"].append(total / weight)
            if self._spec["schedule"] is not None:
                reports.setdefault("learning_rate", []).append(rate)
            if "X_validation" in self._inputs:
                reports.setdefault("val_loss", []).append(self._validate())
            self._rates.judge(reports.get("val_loss", reports["train_loss"])[-1])
        tensors = self._average if self._spec["ema_decay"] else self._network.tensors()
        return {name: np.array(values) for name, values in reports.items()} | tensors

    def _groups(self) -> Iterator[list[slice]]:
        size, together = self._spec["batch_size"], self._spec["accumulate"]
        batches = [slice(start, start + size) for start in self._starts]
        for start in range(0, len(batches), together):
            yield batches[start : start + together]

    def _step(self, group: list[slice]) -> tuple[float, float]:
        """One update from the batches of a group; the sum of their losses, of their weights."""
        weights = [self._weights(rows) for rows in group]
        weight = sum(float(w.double().sum()) for w in weights)
        total = 0.0
        self._optimizer.zero_grad()
        for rows, w in zip(group, weights, strict=True):
            self._batch += 1
            scores = self._network.forward(self._inputs["X"][rows], self._batch)
            y = self._inputs["y"][rows]
            losses = (w * mean_row_losses(self._case.options, scores, y)).sum()
            (losses / weight).backward()
            total += losses.item()
        penalty = self._network.penalty()
        if penalty is not None:
            penalty.backward()
        self._clip()
        self._optimizer.step()
        self._network.bound()
        self._follow()
        return total, weight

    def _weights(self, rows: slice) -> Any:
        if "weights" in self._inputs:
            return self._inputs["weights"][rows]
        return torch.ones_like(self._inputs["X"][rows, 0])

    def _clip(self) -> None:
        parameters = list(self._network.parameters.values())
        if self._spec["clip_value"] is not None:
            nn.utils.clip_grad_value_(parameters, self._spec["clip_value"], foreach=False)
        if self._spec["clip_norm"] is not None:
            nn.utils.clip_grad_norm_(parameters, self._spec["clip_norm"], foreach=False)

    def _follow(self) -> None:
        decay = self._spec["ema_decay"]
        if decay is None:
            return
        for name, tensor in self._network.tensors().items():
            self._average[name] = decay * self._average[name] + (1.0 - decay) * tensor

    def _validate(self) -> float:
        network = self._network
        if self._spec["ema_decay"] is not None:
            network = TheirNetwork(self._case.options, self._average)
        weights = self._inputs.get("weights_validation")
        with torch.no_grad():
            scores = network.forward(self._inputs["X_validation"], 0)
            y = self._inputs["y_validation"]
            return float(mean_loss(*common(self._case.options, scores), y, weights))


def _tensor(array: Any) -> Any:
    return None if array is None else torch.tensor(array)
