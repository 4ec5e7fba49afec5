"""PyTorch's schedulers of the learning rate, with a linear warm-up before them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.optim import lr_scheduler

if TYPE_CHECKING:
    from tests.parity.case import Arrays, Case

CONSTANT: dict[str, Any] = {"type": "constant", "warmup_steps": 0}


def rates(case: Case) -> Arrays:
    """The learning rate of every step of a run whose epochs end with the values of `monitor`."""
    monitor, per_epoch = case.inputs["monitor"], case.options["steps_per_epoch"]
    found = []
    rate = Rates(case.options["schedule"], case.options["base_rate"], len(monitor), per_epoch)
    for value in monitor:
        found += [rate.next() for _ in range(per_epoch)]
        rate.judge(float(value))
    return {"rates": np.array(found)}


class Rates:
    """The learning rates of a run, one after the other."""

    def __init__(
        self, spec: dict[str, Any] | None, base: float, epochs: int, steps_per_epoch: int
    ) -> None:
        self._spec = spec = spec or CONSTANT
        self._warmup = spec["warmup_steps"]
        self._per_epoch = steps_per_epoch
        self._done = 0
        # PyTorch's polynomial ends at 0: the part that remains is added afterwards.
        self._floor = base * spec["final"] if spec["type"] == "polynomial" else 0.0
        self._optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=base - self._floor)
        steps = epochs * steps_per_epoch - self._warmup
        self._scheduler = _SCHEDULERS[spec["type"]](self._optimizer, spec, steps, steps_per_epoch)
        self._optimizer.step()  # only so that no scheduler warns of a step without one
        self._by_epoch = spec["type"] in {"step", "multistep", "exponential"}
        if self._by_epoch:  # these count the epochs of the run, the warm-up's too
            for _ in range(self._warmup // steps_per_epoch):
                self._scheduler.step()

    def next(self) -> float:
        """Of the step to come."""
        rate = float(self._optimizer.param_groups[0]["lr"]) + self._floor
        self._done += 1
        if self._done <= self._warmup:
            return rate * self._done / float(self._warmup)
        if self._spec["type"] != "reduce_on_plateau" and not (
            self._by_epoch and self._done % self._per_epoch > 0
        ):
            self._scheduler.step()
        return rate

    def judge(self, value: float) -> None:
        """At the end of an epoch."""
        if self._spec["type"] == "reduce_on_plateau":
            self._scheduler.step(value)


def _constant(optimizer: Any, *_: Any) -> Any:
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)


def _step(optimizer: Any, spec: Any, *_: Any) -> Any:
    return lr_scheduler.StepLR(optimizer, spec["every"], spec["factor"])


def _multistep(optimizer: Any, spec: Any, *_: Any) -> Any:
    return lr_scheduler.MultiStepLR(optimizer, list(spec["milestones"]), spec["factor"])


def _exponential(optimizer: Any, spec: Any, *_: Any) -> Any:
    return lr_scheduler.ExponentialLR(optimizer, spec["factor"])


def _cosine(optimizer: Any, spec: Any, steps: int, _: int) -> Any:
    return lr_scheduler.CosineAnnealingLR(optimizer, steps, _base(optimizer) * spec["final"])


def _cosine_restarts(optimizer: Any, spec: Any, _: int, steps_per_epoch: int) -> Any:
    return lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer,
        spec["period"] * steps_per_epoch,
        spec["multiplier"],
        _base(optimizer) * spec["final"],
    )


def _one_cycle(optimizer: Any, spec: Any, steps: int, _: int) -> Any:
    return lr_scheduler.OneCycleLR(
        optimizer,
        _base(optimizer),
        total_steps=steps,
        pct_start=spec["rise"],
        cycle_momentum=False,
        div_factor=spec["initial_divisor"],
        final_div_factor=spec["final_divisor"],
    )


def _polynomial(optimizer: Any, spec: Any, steps: int, _: int) -> Any:
    return lr_scheduler.PolynomialLR(optimizer, steps, spec["power"])


def _reduce_on_plateau(optimizer: Any, spec: Any, *_: Any) -> Any:
    return lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=spec["factor"],
        patience=spec["patience"],
        threshold=spec["threshold"],
        min_lr=_base(optimizer) * spec["final"],
        eps=0.0,
    )


def _coslog4(optimizer: Any, _: Any, steps: int, __: int) -> Any:
    """Holzmueller et al. 2024, (1), which PyTorch has not: by its own scheduler of any function."""

    def factor(t: int) -> float:
        return 0.5 * (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * t / steps)))

    return lr_scheduler.LambdaLR(optimizer, factor)


def _flat_cos(optimizer: Any, spec: Any, steps: int, _: int) -> Any:
    def factor(t: int) -> float:
        past = t / steps - spec["flat"]
        return 1.0 if past <= 0 else 0.5 * (1.0 + math.cos(math.pi * past / (1.0 - spec["flat"])))

    return lr_scheduler.LambdaLR(optimizer, factor)


def _base(optimizer: Any) -> float:
    return float(optimizer.param_groups[0]["lr"])


_SCHEDULERS: dict[str, Any] = {
    "constant": _constant,
    "step": _step,
    "multistep": _multistep,
    "exponential": _exponential,
    "cosine": _cosine,
    "cosine_restarts": _cosine_restarts,
    "one_cycle": _one_cycle,
    "polynomial": _polynomial,
    "reduce_on_plateau": _reduce_on_plateau,
    "coslog4": _coslog4,
    "flat_cos": _flat_cos,
}
